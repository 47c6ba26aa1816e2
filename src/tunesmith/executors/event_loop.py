"""Runs objectives that are coroutines in one event loop of this process, many at a time.

The loop is one of its own, in a thread beside the driver's, so that ``study.optimize`` can be called where an event
loop runs already; or one that is given, for ``study.optimize_async``, whose driver is in a thread beside that.
"""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, ClassVar

from tunesmith.executors.base import Objective
from tunesmith.executors.completion import UNFINISHED_IN_LOOP, complete_async, is_async
from tunesmith.executors.threads import Run, RunChannel, ThreadExecutor
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.threads import watch
from tunesmith.foundation.warnings import caution
from tunesmith.trial import Channel, Trial

RESPONSE_SECONDS = 0.5  # seconds after which an event loop that does nothing it is asked to is taken to be blocked
CLOSING_SECONDS = 5.0  # seconds for tasks that objectives left behind to end when they are cancelled


class AsyncioExecutor(ThreadExecutor):
    """Runs up to `jobs` coroutines at once, in one event loop of this process.

    For objectives that are written with ``async def`` and await something else: a model behind a URL, a job on a
    cluster, a program. A trial that exceeds its limit of time, that somebody stops, or that runs when the search is
    interrupted, is cancelled as asyncio cancels: ``CancelledError`` is raised where it awaits, and its ``finally``
    blocks run. One that has not ended when the grace is over, since it never awaits, is FAIL all the same; then a new
    event loop runs those that have not begun.

    An objective that is a plain function runs in a thread, as in `ThreadExecutor`; a coroutine that it returns runs in
    the event loop.

    Args:
        client: the event loop to run in, which another thread runs; None: one of its own, in a thread.
        jobs: how many objectives run at once; None: one.
        resources: without meaning here.
        time_limit: seconds that a trial may run; None: no limit.
        memory_limit: None; the memory of one coroutine is not known.
        grace: seconds that a trial has to end by itself when it is cancelled, before it is given up.

    Raises:
        ValueError: there is a memory limit.

    Example:
        ```python
        import asyncio

        import tunesmith

        async def objective(trial):
            await asyncio.sleep(0.01)  # a request to a server, say
            return trial.suggest_float("x", 0, 1)

        study = tunesmith.create_study(seed=0)
        study.optimize(objective, n_trials=20, n_jobs=10)
        ```
    """

    name: ClassVar[str] = "asyncio"

    def _prepare(self) -> None:
        super()._prepare()
        self._interrupted = False
        self._homes: list[Home] = []  # the last one is in use, those before are blocked

    @classmethod
    def accepts(cls, client: Any) -> bool:
        """Tell whether it is an event loop."""
        return isinstance(client, asyncio.AbstractEventLoop)

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Start the event loop, unless one was given.

        Raises:
            RuntimeError: the event loop that was given is that of this thread, which would wait for itself.
        """
        super().open(objective, channel)
        if self.client is not None and self.client is asyncio._get_running_loop():
            raise RuntimeError(
                "optimize() would block the event loop in which its objective is to run: await "
                "study.optimize_async(...), or leave out executor= for an event loop of its own"
            )
        self._runs_async = is_async(objective)
        self._homes = [OwnHome() if self.client is None else Home(self.client)]

    @property
    def capacity(self) -> int:
        """The number of jobs."""
        return self.jobs or 1

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Begin to run the objective; take in what the others said meanwhile.

        Raises:
            Interrupted: `interrupt` was called.
        """
        super().submit(trial, deadline)
        if self._interrupted:
            raise Interrupted

    def interrupt(self) -> None:
        """Let ``submit`` and ``poll`` raise `Interrupted` in the driver's thread; from any thread."""
        self._interrupted = True
        self._arrived.set()

    def close(self) -> None:
        """Cancel what still runs, and end the event loop if it is its own."""
        is_left = any(run.is_waited_for for run in self._runs.values())  # though it had its grace
        super().close()
        homes, self._homes, self._interrupted = self._homes, [], False
        for home in homes:
            home.close(0.0 if is_left or home is not homes[-1] else CLOSING_SECONDS)

    # -- how objectives run ------------------------------------------------------------------------------------------

    def _start(self, run: Run) -> None:
        if self._runs_async:
            self._spawn(run, self._work_async, run.raised)
        else:
            super()._start(run)

    def _complete(self, value: Any, run: Run) -> Any:
        """Run a coroutine that a plain function returned in the event loop, and wait for it in this thread."""
        if not isinstance(value, UNFINISHED_IN_LOOP):
            return super()._complete(value, run)
        from concurrent.futures import Future

        result: Future[Any] = Future()

        async def work(run: Run) -> None:
            try:
                result.set_result(await complete_async(value, run.own, _stops))
            except BaseException as error:
                result.set_exception(error)

        self._spawn(run, work, result.set_exception)
        return result.result()

    def _spawn(
        self, run: Run, work: Callable[[Run], Coroutine[Any, Any, None]], failed: Callable[[BaseException], None]
    ) -> None:
        """Begin a coroutine in the event loop.

        Args:
            work: makes the coroutine, which raises nothing.
            failed: is called if it was cancelled before it began.
        """
        home = run.home = self._homes[-1]
        run.is_waited_for = True

        def begin() -> None:
            if run.home is home:  # else another event loop has it
                run.task = home.loop.create_task(work(run), context=run.context.copy())
                run.task.add_done_callback(lambda task: failed(asyncio.CancelledError()) if task.cancelled() else None)
                if run.verdict is not None:
                    run.task.cancel()

        home.loop.call_soon_threadsafe(begin)

    async def _work_async(self, run: Run) -> None:
        """Run the objective in the event loop."""
        timer: asyncio.TimerHandle | None = None
        try:
            run.begin()
            if self.time_limit is not None:  # the driver looks too, when it has nothing else to do
                timer = asyncio.get_running_loop().call_later(self.time_limit, self._end_late, run)
            value = await complete_async(self._objective(run.own), run.own, _stops)
        except BaseException as error:
            run.raised(error)
        else:
            run.returned(value)
        finally:
            if timer is not None:
                timer.cancel()

    def _end_late(self, run: Run) -> None:
        if run.condemn(FailureKind.TIMEOUT, self._too_long) and run.task is not None:
            run.task.cancel()

    def _interrupt(self, run: Run) -> None:
        """Cancel a coroutine; ask what runs in a thread to end at its next report."""
        if not isinstance(run.home, Home):
            super()._interrupt(run)
            return
        with suppress(RuntimeError):  # its event loop is closed, and the coroutine is gone with it
            run.home.loop.call_soon_threadsafe(lambda: run.task is not None and run.task.cancel())

    # -- the event loop ----------------------------------------------------------------------------------------------

    def _look(self) -> float:
        if self._interrupted:
            raise Interrupted
        self._homes[-1].check()
        return super()._look()

    def _give_up(self, run: Run) -> None:
        """End a trial whose coroutine does not end; if it never awaits, run those that have not begun in a new loop."""
        super()._give_up(run)
        if run.home is not self._homes[-1] or self._homes[-1].responds():
            return
        caution(
            "a coroutine blocks the event loop, so that no other trial goes on: await asyncio.sleep(...) in place of "
            "time.sleep, and asyncio.to_thread(...) for what computes or reads; or write the objective without async, "
            "for executor='threads' or 'processes'"
        )
        if isinstance(run.home, OwnHome):
            self._homes.append(OwnHome())
            for other in self._runs.values():
                if not other.has_begun:
                    self._spawn(other, self._work_async, other.raised)


class Home:
    """An event loop that somebody else runs.

    Attributes:
        loop: it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop

    def check(self) -> None:
        """Raise RuntimeError if nobody runs it."""
        if not self.loop.is_running():
            raise RuntimeError("the event loop in which the objective runs was stopped, so that no trial can end")

    def responds(self) -> bool:
        """Tell whether it does what it is asked to within `RESPONSE_SECONDS`."""
        responded = threading.Event()
        self.loop.call_soon_threadsafe(responded.set)
        return responded.wait(RESPONSE_SECONDS)

    def close(self, seconds: float) -> None:
        """Leave it as it is."""


class OwnHome(Home):
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        super().__init__(asyncio.new_event_loop())
        self._over = asyncio.Event()
        self._thread = watch(self._serve, "tunesmith-event-loop", "no coroutine goes on")

    def check(self) -> None:
        """Do nothing: that its thread died would be told by itself."""

    def close(self, seconds: float) -> None:
        """Cancel what it still runs; wait for that, at most so many seconds."""
        with suppress(RuntimeError):  # it is closed already
            self.loop.call_soon_threadsafe(self._over.set)
        self._thread.join(seconds)

    def _serve(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
            runner.run(self._wait())

    async def _wait(self) -> None:
        await self._over.wait()


async def _stops(trial: Trial) -> bool:
    """Ask whether a trial is to stop, and let other coroutines go on meanwhile."""
    link = trial.link
    if link.checkpoints is not None or not isinstance(link.channel, RunChannel):
        return trial.should_prune()
    return bool(await asyncio.wrap_future(link.channel.ask_to_stop(trial.number, link.last_step)))


# -- a driver beside the event loop of its caller ---------------------------------------------------------------------


class Interrupted(BaseException):
    """Raised in the driver's thread when the task that awaits the search is cancelled."""


async def drive_beside(executor: AsyncioExecutor, drive: Callable[[], None]) -> None:
    """Run a driver in a thread, with an executor whose coroutines run in the event loop of this coroutine.

    If this is cancelled, the running trials are cancelled too, and given back, before it ends.

    Args:
        executor: of the driver.
        drive: opens the executor, runs trials, and closes it.

    Raises:
        BaseException: what the driver raised.
    """
    from concurrent.futures import ThreadPoolExecutor

    def run() -> None:
        with suppress(Interrupted):
            drive()

    with ThreadPoolExecutor(1, thread_name_prefix="tunesmith-driver") as pool:
        driver = asyncio.get_running_loop().run_in_executor(pool, contextvars.copy_context().run, run)
        try:
            await asyncio.shield(driver)
        except asyncio.CancelledError:
            while not driver.done():
                executor.interrupt()
                with suppress(asyncio.CancelledError):  # again: it takes the grace of the trials, and no more
                    await asyncio.wait([driver])
            driver.exception()  # which the cancellation came before
            raise
