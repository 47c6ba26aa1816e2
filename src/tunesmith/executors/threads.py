"""Runs objectives in threads of this process, beside the driver's: they share what is in memory.

An objective gets a copy of its trial. What the copy reports and notes waits in a queue until the driver takes it in,
in its own thread, when it hands out the next trial or has nothing to do; questions wait for the answer.
"""

from __future__ import annotations

import contextvars
import math
import os
import threading
import traceback
from asyncio import CancelledError, Task
from collections import deque
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import TrialInterrupted, WorkerDiedError, is_pruned
from tunesmith.executors.base import End, Event, Executor, Failed, Finished, Objective, end_fork, refuse_fork
from tunesmith.executors.completion import Completion
from tunesmith.executors.resources import cpu_count
from tunesmith.foundation.states import FailureKind
from tunesmith.history.curves import Reported
from tunesmith.trial import Channel, Trial
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import Fence

if TYPE_CHECKING:
    from concurrent.futures import Future

LOOK_SECONDS = 1.0  # seconds between two looks at whether what runs the objectives is still there


class ThreadExecutor(Executor):
    """Runs up to `jobs` objectives at once, each in a thread of this process.

    For objectives that wait for something else: for a network, a disk, a program, or a library that lets go of the
    interpreter's lock. They share all that is in memory, and nothing has to be pickled.

    Nothing can stop a thread. A trial that exceeds its limit of time gets `TrialInterrupted` at its next report; one
    that has not ended when the grace is over is FAIL all the same, and its thread goes on unheard.

    Args:
        client: None; this executor has no engine under it.
        jobs: how many objectives run at once; None: one a core.
        resources: without meaning here.
        time_limit: seconds that a trial may run; None: no limit.
        memory_limit: None; the memory of one thread is not known.
        grace: seconds that a trial has to end by itself when it is asked to, before it is given up.

    Raises:
        ValueError: there is a memory limit.

    Example:
        ```python
        import time

        import tunesmith

        def objective(trial):
            time.sleep(0.01)  # a request to a server, say
            return trial.suggest_float("x", 0, 1)

        study = tunesmith.create_study(seed=0)
        study.optimize(objective, n_trials=8, n_jobs=4, executor="threads")
        ```
    """

    name: ClassVar[str] = "threads"
    streams: ClassVar[bool] = True
    cancels: ClassVar[bool] = True

    def _prepare(self) -> None:
        if self.memory_limit is not None:
            raise ValueError(
                f"memory_limit: the executor {self.name!r} runs all trials in this process, and has no limit for each; "
                "use 'processes'"
            )
        self._runs: dict[int, Run] = {}
        self._messages: deque[Callable[[], None]] = deque()
        self._arrived = threading.Event()
        self._is_open = False

    def open(self, objective: Objective, channel: Channel | None) -> None:
        """Keep both for the trials to come."""
        self._objective, self._channel = objective, channel
        self._driver = threading.get_ident()
        self._events: list[Event] = []
        self._is_open = True

    @property
    def capacity(self) -> int:
        """The number of jobs, or of cores."""
        return self.jobs or cpu_count()

    @property
    def shielded(self) -> Sequence[Callable[..., Any]]:
        """Acting on what objectives say: a report, or the end of a trial, that is half taken in would be lost."""
        return (self._take_in,)

    def submit(self, trial: Trial, deadline: float | None = None) -> None:
        """Begin to run the objective; take in what the others said meanwhile."""
        trial.link.connect(self._channel)
        run = self._runs[trial.number] = Run(self, trial, math.inf if deadline is None else deadline)
        self._start(run)
        self._take_in()

    def poll(self, timeout: float | None = None) -> list[Event]:
        """Take in what objectives say, end those whose time is over, and return what happened."""
        end = math.inf if timeout is None else self.clock() + timeout
        self._take_in()
        while not self._events and self._runs:
            due = self._look()
            if self._events or (now := self.clock()) >= end:
                break
            self._arrived.wait(max(0.0, min(due, end, now + LOOK_SECONDS) - now))
            self._take_in()
        return self._take_events()

    def cancel(self, number: int, grace: float | None = None) -> None:
        """Ask a trial to end, and give it up if it has not ended when the grace is over."""
        if run := self._runs.get(number):
            self._condemn(run, FailureKind.KILLED, "the trial was cancelled", self.grace if grace is None else grace)

    def drain(self) -> list[Event]:
        """Ask what runs to end; wait for what can be cancelled, while it saves what it has."""
        self._take_in()
        for run in self._runs.values():
            self._condemn(run, None, "the search was interrupted", math.inf)
        end = self.clock() + self.grace
        while (now := self.clock()) < end and any(run.is_waited_for for run in self._runs.values()):
            self._arrived.wait(end - now)
            self._take_in()
        return self._take_events()

    def close(self) -> None:
        """Hear no more of what still runs; a thread ends at its next report, or when its objective does."""
        runs, self._runs = self._runs, {}
        for run in runs.values():
            run.is_heard = False
        self._is_open = False
        self._take_in()  # questions are answered with an error, all else is dropped

    # -- how objectives run ------------------------------------------------------------------------------------------

    def _start(self, run: Run) -> None:
        run.thread = threading.Thread(
            target=run.context.run, args=(self._work, run), name=f"tunesmith-trial-{run.trial.number}", daemon=True
        )
        run.thread.start()

    def _work(self, run: Run) -> None:
        """Run the objective in this thread."""
        try:
            run.begin()
            value = self._complete(self._objective(run.own), run)
        except BaseException as error:
            run.raised(error)
        else:
            run.returned(value)

    def _complete(self, value: Any, run: Run) -> Any:
        """Run a coroutine or a generator, which the objective returned, to its end."""
        completion = Completion()
        try:
            return completion.complete(value, run.own)
        finally:
            completion.close()

    def _interrupt(self, run: Run) -> None:
        """Ask an objective to end."""
        run.is_asked = True

    # -- for runs: the driver's side ---------------------------------------------------------------------------------

    def send(self, message: Callable[[], None]) -> None:
        """Let the driver do something in its thread; from any thread."""
        self._messages.append(message)
        self._arrived.set()
        if not self._is_open:
            self._take_in()

    def ask(self, run: Run, question: Callable[[], Any]) -> Future[Any]:
        """Let the driver answer a question about a run; from any thread.

        Args:
            run: the run.
            question: what is called for the answer, in the driver's thread.

        Returns:
            the answer, once it is there.
        """
        from concurrent.futures import Future

        answer: Future[Any] = Future()

        def settle() -> None:
            if answer.set_running_or_notify_cancel():
                try:
                    run.check()
                    answer.set_result(question())
                except Exception as error:
                    answer.set_exception(error)

        if threading.get_ident() == self._driver:
            settle()
        else:
            self.send(settle)
        return answer

    def end(self, run: Run, event: End) -> None:
        """Take in the end of a run, unless it was given up; in the driver's thread.

        Args:
            run: the run.
            event: how it ended.
        """
        if run.is_heard:
            run.is_heard = False
            del self._runs[run.trial.number]
            event.trial.link.take_unsent(run.trial.link)
            self._events.append(event)
            if run.thread is not None:
                run.thread.join()  # this was the last that it did

    def _take_in(self) -> None:
        """Act on all that objectives have said."""
        self._arrived.clear()
        while self._messages:
            try:
                message = self._messages.popleft()
            except IndexError:  # at the end, an objective's thread takes its own
                return
            message()

    def _take_events(self) -> list[Event]:
        events, self._events = self._events, []
        return events

    def _condemn(self, run: Run, kind: FailureKind | None, words: str, grace: float) -> None:
        """Ask a run to end, unless it was asked before; give it up after the grace."""
        if run.condemn(kind, words):
            self._interrupt(run)
        run.given_up_at = min(run.given_up_at, self.clock() + grace)

    def _look(self) -> float:
        """End the trials whose time is over; return when the next look is due, by the clock."""
        due, now = math.inf, self.clock()
        for run in list(self._runs.values()):
            ends_at = run.ends_at(self.time_limit)
            if run.given_up_at == math.inf and now >= ends_at:
                words = "the deadline of the trial passed" if ends_at == run.deadline else self._too_long
                self._condemn(run, FailureKind.TIMEOUT, words, self.grace)
            if now >= run.given_up_at:
                self._give_up(run)
            else:
                due = min(due, run.given_up_at, ends_at if run.verdict is None else math.inf)
        return due

    @property
    def _too_long(self) -> str:
        return f"the trial ran longer than its limit of {self.time_limit:g} s"

    def _give_up(self, run: Run) -> None:
        """End a trial whose objective does not end."""
        run.is_heard = False
        del self._runs[run.trial.number]
        kind, words = run.verdict or (FailureKind.KILLED, "")
        words += "; it goes on unheard, for nothing can stop code of this process that does not wait"
        self._events.append(Failed(run.trial, error_of(kind, words), kind))


Verdict = tuple[FailureKind | None, str]


def error_of(kind: FailureKind | None, words: str) -> Exception:
    """Return the error of a trial that was ended from outside."""
    if kind is None:
        return TrialInterrupted(words)
    return TimeoutError(words) if kind is FailureKind.TIMEOUT else WorkerDiedError(words)


class Run:
    """One trial under way: the driver's copy, the objective's, and what passes between the two.

    Attributes:
        trial: the driver's copy; the reports go through it.
        own: the objective's copy.
        deadline: when it is to be ended in any case, by the clock of the executor.
        context: the context variables of who began it.
        thread: where it runs, if that is a thread of its own.
        task: what runs it in an event loop, if one does.
        home: that event loop.
        is_waited_for: whether it hears while it waits that it shall end.
        is_heard: whether the driver waits for it still.
        is_asked: whether it is to be told at its next report that it shall end.
        verdict: why it was asked to end; None: it was not.
        given_up_at: when it is given up if it has not ended by then.
    """

    def __init__(self, executor: ThreadExecutor, trial: Trial, deadline: float) -> None:
        self.trial, self.deadline = trial, deadline
        self.own = copy(trial)
        link = trial.link
        self.own.link = replace(link, user=dict(link.user) if link.user else None, costs={}, channel=None)
        self.context = contextvars.copy_context()
        self.thread: threading.Thread | None = None
        self.task: Task[None] | None = None
        self.home: object | None = None
        self.is_heard, self.is_asked, self.is_waited_for = True, False, False
        self.verdict: Verdict | None = None
        self.given_up_at = math.inf
        self.channel = RunChannel(executor, self)
        self._executor = executor
        self._condemning = threading.Lock()
        self._began = math.inf
        self._fault: BaseException | None = None  # what went wrong with a report
        self._pid = os.getpid()

    def ends_at(self, limit: float | None) -> float:
        """Return when its time is over, by the clock of the executor."""
        return self.deadline if limit is None else min(self._began + limit, self.deadline)

    def condemn(self, kind: FailureKind | None, words: str) -> bool:
        """Note why it is asked to end; False if it was asked before. From any thread."""
        with self._condemning:
            if self.verdict is not None:
                return False
            self.verdict = (kind, words)
            return True

    # -- in the objective's thread

    @property
    def has_begun(self) -> bool:
        """Whether the objective was called."""
        return self._began < math.inf

    def begin(self) -> None:
        """Note that the objective is called now."""
        self._began = self._executor.clock()
        self.own.link.connect(self.channel)

    def returned(self, value: Any) -> None:
        """Send the value that the objective returned."""
        if os.getpid() != self._pid:
            end_fork()
        self._settle(goes_on=False)
        self._executor.send(lambda: self._executor.end(self, self._finished(value)))

    def raised(self, error: BaseException) -> None:
        """Send the error that the objective raised."""
        if os.getpid() != self._pid:
            end_fork(error)
        trace = traceback.format_exc()
        self._settle(goes_on=is_pruned(error) or isinstance(error, TrialInterrupted))
        self._executor.send(lambda: self._executor.end(self, self._failed(error, trace)))

    def say_if_asked(self) -> None:
        """Raise once what asks the objective to end; what it saves then is heard still.

        Raises:
            TrialInterrupted: it was asked to end, or nobody hears it any more.
        """
        refuse_fork(self._pid)
        self.check()
        if self.is_asked:
            self.is_asked = False
            raise TrialInterrupted("" if self.verdict is None else self.verdict[1])

    def check(self) -> None:
        """Raise TrialInterrupted if nobody hears the run any more."""
        if not self.is_heard:
            raise TrialInterrupted(f"trial {self.trial.number} was ended; nothing of this run of it is heard any more")

    def _settle(self, goes_on: bool) -> None:
        """Publish what was saved, while questions are answered still."""
        link = self.own.link
        if link.checkpoints is not None:
            try:
                link.settle(goes_on)
            except Exception as error:
                self._fault = self._fault or error
            link.checkpoints = None
        link.connect(None)

    # -- in the driver's thread

    def keep(self, store: Callable[[], None]) -> None:
        """Keep a report or a note. The objective does not wait, so it gets an error with its next answer."""
        if self.is_heard:
            try:
                store()
            except Exception as error:
                self._fault = self._fault or error

    def keep_report(self, value: Reported, step: int, cost: float, given: bool) -> None:
        """Keep a report."""
        self.trial.link.costs_given |= given
        self.trial.link.take_report(value, step, cost)

    def answer(self, question: Callable[[Channel], Any]) -> Any:
        """Ask the study's channel, unless something went wrong before."""
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault
        channel = self.trial.link.channel
        return None if channel is None else question(channel)

    def _finished(self, value: Any) -> End:
        return Finished(self.own, value) if self._fault is None else Failed(self.own, self._fault)

    def _failed(self, error: BaseException, trace: str) -> Failed:
        if self.verdict is None and isinstance(error, CancelledError):
            self.verdict = (None, "somebody cancelled the task of the trial")
        if self.verdict is None or is_pruned(error):
            return Failed(self.own, error, traceback=trace)
        kind, words = self.verdict
        ended = error_of(kind, words)
        ended.__cause__ = error
        return Failed(self.own, ended, kind)


class RunChannel:
    """The objective's end of the channel: reports and notes are sent, and not waited for; questions are answered."""

    def __init__(self, executor: ThreadExecutor, run: Run) -> None:
        self._executor, self._run = executor, run

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float, given: bool) -> bool:
        """Send a report; the driver keeps what it cannot store."""
        return self._send(partial(self._run.keep_report, value, step, cost, given))

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Send a user attribute, like a report."""
        return self._send(partial(self._run.trial.link.note, key, value))

    def log(self, number: int, fence: Fence, metrics: Metrics) -> bool:
        """Send metrics, like a report."""
        return self._send(partial(self._run.trial.link.send_metrics, metrics))

    def should_prune(self, number: int, step: int) -> bool:
        """Ask the driver, and wait for its answer.

        Raises:
            Exception: what went wrong in the driver, with this question or with a report before it.
        """
        return bool(self.ask_to_stop(number, step).result())

    def ask_to_stop(self, number: int, step: int) -> Future[Any]:
        """Ask the same without waiting."""
        return self._ask(lambda channel: channel.should_prune(number, step))

    def pointers(self, number: int, fence: Fence) -> RunPointers:
        """Return what has the driver publish the trial's artifacts."""
        return RunPointers(lambda use: self._ask(lambda channel: use(channel.pointers(number, fence))).result())

    def _send(self, store: Callable[[], Any]) -> bool:
        self._run.say_if_asked()
        self._executor.send(partial(self._run.keep, store))
        return True

    def _ask(self, question: Callable[[Channel], Any]) -> Future[Any]:
        self._run.say_if_asked()
        return self._executor.ask(self._run, partial(self._run.answer, question))


class RunPointers:
    """The `tunesmith.artifacts.base.Pointers` of a trial that runs beside the driver.

    Args:
        use: lets the driver do something with the study's own, and returns what came of it.
    """

    def __init__(self, use: Callable[[Callable[[Any], Any]], Any]) -> None:
        self._use = use

    def place(self) -> tuple[BlobStore, str]:
        """Return the store of the study's blobs, and the space that is the study's own there."""
        place: tuple[BlobStore, str] = self._use(lambda own: own.place())
        return place

    def put(self, artifact: Artifact) -> tuple[Artifact, list[str]] | None:
        """Publish a pointer."""
        done: tuple[Artifact, list[str]] | None = self._use(lambda own: own.put(artifact))
        return done

    def all(self, number: int | None) -> list[Artifact]:
        """Return the artifacts of a trial."""
        found: list[Artifact] = self._use(lambda own: own.all(number))
        return found

    def remove(self, number: int | None, name: str) -> list[str]:
        """Remove a pointer."""
        loose: list[str] = self._use(lambda own: own.remove(number, name))
        return loose
