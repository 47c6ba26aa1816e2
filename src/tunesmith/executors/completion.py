"""Brings objectives to their ends that return at once: coroutines, generators that yield reports, and both in one.

Whatever runs an objective looks at what that returned: if it is `UNFINISHED`, a `Completion` runs it. A result is
looked at, not the function: a partial, a method, a decorated function and an object that is called are all the same.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import ObjectiveError, TrialInterrupted, TrialPruned
from tunesmith.trial import Trial

if TYPE_CHECKING:
    import asyncio

UNFINISHED_IN_LOOP = (CoroutineType, AsyncGeneratorType)
UNFINISHED = (*UNFINISHED_IN_LOOP, GeneratorType)


def is_async(objective: Callable[..., Any]) -> bool:
    """Tell whether a call of it returns a coroutine or an asynchronous generator, as far as that shows before."""
    while isinstance(objective, functools.partial):
        objective = objective.func
    known = getattr(objective, "runs_async", None)  # of an objective that passes on what another one returns
    if isinstance(known, bool):
        return known
    called = (objective, inspect.getattr_static(objective, "__call__", None))
    return any(inspect.iscoroutinefunction(c) or inspect.isasyncgenfunction(c) for c in called)


class Completion:
    """Runs what objectives returned to its end, in the calling thread, one at a time.

    Coroutines of all its trials share one event loop, so that a connection pool that an objective keeps serves the
    next trial too.
    """

    def __init__(self) -> None:
        self._runner: asyncio.Runner | None = None

    def complete(self, value: Any, trial: Trial) -> Any:
        """Run a coroutine or a generator to its end; return its value, and any other value as it is.

        Raises:
            TrialPruned: it yielded a report after which the trial is to stop.
            ObjectiveError: it is a coroutine, and this thread runs an event loop already.
            BaseException: whatever the objective raises.
        """
        while isinstance(value, UNFINISHED):
            value = run_steps(value, trial) if isinstance(value, GeneratorType) else self._run(value, trial)
        return value

    def close(self) -> None:
        """Cancel what coroutines have left behind, and close their event loop."""
        if self._runner is not None:
            self._runner.close()
            self._runner = None

    def _run(self, value: Any, trial: Trial) -> Any:
        import asyncio

        if asyncio._get_running_loop() is not None:
            if isinstance(value, CoroutineType):
                value.close()
            raise ObjectiveError(
                "the objective is a coroutine, and this thread runs an event loop already, as notebooks do: give "
                "executor='asyncio', or await study.optimize_async(...)"
            )
        if self._runner is None:
            self._runner = asyncio.Runner(loop_factory=asyncio.new_event_loop)  # with one, the thread's own loop stays
        loop = self._runner.get_loop()
        task = loop.create_task(complete_async(value, trial))
        try:
            return loop.run_until_complete(task)
        except BaseException as error:
            if not task.done():  # an interrupt: what it has is saved in its `finally`
                task.cancel()
                loop.run_until_complete(asyncio.wait([task]))
                _ = task.cancelled() or task.exception()  # which is nobody's then
            if isinstance(error, asyncio.CancelledError):
                raise TrialInterrupted("the task of the trial was cancelled") from error
            raise


async def complete_async(value: Any, trial: Trial, stops: Callable[[Trial], Awaitable[bool]] | None = None) -> Any:
    """Await a coroutine, or run an asynchronous generator to its end, in the running event loop.

    Args:
        value: one of `UNFINISHED`; any other is returned as it is.
        trial: whose objective returned it.
        stops: tells whether the trial is to stop after its last report, without blocking the event loop; None:
            ``trial.should_prune`` does.

    Raises:
        TrialPruned: it yielded a report after which the trial is to stop.
        CancelledError: the task was cancelled.
        ObjectiveError: it raised CancelledError, though nobody cancelled its task.
    """
    import asyncio

    try:
        while isinstance(value, UNFINISHED):
            if isinstance(value, AsyncGeneratorType):
                value = await _run_steps_async(value, trial, stops)
            else:
                value = await value if isinstance(value, CoroutineType) else run_steps(value, trial)
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        raise ObjectiveError("the objective raised CancelledError: something that it awaited was cancelled") from error
    return value


def run_steps(steps: Generator[Any, Any, Any], trial: Trial) -> Any:
    """Run a generator to its end, and report what it yields; what is wrong with a report is raised at its ``yield``.

    Returns:
        What it returns; if that is None, the last value that it yielded.

    Raises:
        TrialPruned: the trial is to stop; the generator was closed.
    """
    told = _Told(trial)
    try:
        item = next(steps)
        while True:
            try:
                told.report(item)
                stop = trial.should_prune()
            except Exception as error:
                item = steps.throw(error)
                continue
            if stop:
                steps.close()
                raise TrialPruned
            item = next(steps)
    except StopIteration as end:
        return told.value if end.value is None else end.value
    finally:
        steps.close()


async def _run_steps_async(
    steps: AsyncGenerator[Any, Any], trial: Trial, stops: Callable[[Trial], Awaitable[bool]] | None
) -> Any:
    """Do what `run_steps` does with an asynchronous generator, which returns nothing itself."""
    told = _Told(trial)
    try:
        item = await anext(steps)
        while True:
            try:
                told.report(item)
                stop = trial.should_prune() if stops is None else await stops(trial)
            except Exception as error:
                item = await steps.athrow(error)
                continue
            if stop:
                await steps.aclose()
                raise TrialPruned
            item = await anext(steps)
    except StopAsyncIteration:
        return told.value
    finally:
        await steps.aclose()


class _Told:
    """The reports of an objective that yields them: a value, a value and its step, or metrics by name.

    Attributes:
        value: the last one, as the objective's result.
    """

    def __init__(self, trial: Trial) -> None:
        self.value: Any = None
        self._trial = trial
        self._step: int | None = None  # of the next report, if it names none

    def report(self, item: Any) -> None:
        """Report what was yielded."""
        trial = self._trial
        if self._step is None:  # counted from where the checkpoint is that the objective went on from, if it did
            resumed = None if trial.link.checkpoints is None else trial.resumed_from_step
            self._step = 0 if resumed is None else resumed + 1
        value, step = item if self._names_step(item) else (item, self._step)
        trial.report(value, step)
        self._step = int(step) + 1
        self.value = trial._deciding(value) if isinstance(value, Mapping) else value

    def _names_step(self, item: Any) -> bool:
        """Tell a pair of a value and its step from the values of two objectives."""
        if not isinstance(item, tuple) or len(item) != 2:
            return False
        return self._trial._objectives == 1 or isinstance(item[0], Mapping) or np.ndim(item[0]) > 0
