"""The one loop that drives every executor."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import suppress
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from tunesmith import registry
from tunesmith.errors import (
    AttemptReplacedError,
    ObjectiveError,
    SpaceExhaustedError,
    StorageUnavailableError,
    TrialsSpentError,
    is_pruned,
)
from tunesmith.executors.base import Executor, Failed, Finished
from tunesmith.state import TrialState
from tunesmith.storage.workers import APART, current_worker
from tunesmith.study.core import StudyCore
from tunesmith.study.interrupts import heeded, terminable
from tunesmith.study.objective import Declared
from tunesmith.study.outcome import as_fault, is_nan_reason
from tunesmith.study.stopping import forget, stopping
from tunesmith.study.tell import TellCore, patiently
from tunesmith.text import MOST, message_of, name_and_message
from tunesmith.trial import Channel, FrozenTrial, Trial

if TYPE_CHECKING:
    from tunesmith.progress import Progress
    from tunesmith.study.study import Callback, Study

PROPOSING = 0.5  # of a timeout, at most: after that proposals are to cost little
# Between "started" in the storage and here, an interrupt would leave a trial that nobody knows of; between the history
# and its cursor, one that is there twice. Proposals may take long, and a result that waits for its storage is kept.
SHIELDED = (StudyCore._start, StudyCore._take_in, TellCore._finish)
OPEN = (StudyCore._propose, TellCore._save)
TICK = 1.0  # seconds between two looks at the progress display and at lost interrupts while no trial ends


@terminable()
def run(
    study: Study,
    objective: Callable[..., Any],
    *,
    declared: bool,
    n_trials: int | None,
    timeout: float | None,
    n_jobs: int,
    catch: tuple[type[Exception], ...],
    callbacks: list[Callback],
    gc_after_trial: bool,
    show_progress: bool,
    stop: str | None = None,
    n_trials_total: int | None = None,
) -> None:
    """Drive one call of ``study.optimize``; the arguments are explained there."""
    jobs = check(n_trials, timeout, n_jobs, catch, objective)
    check_budget(n_trials_total, None, "n_trials_total")
    if study._optimizing:
        raise RuntimeError("optimize() is running in this study object already; it cannot be nested")
    if declared and study.space is not None:
        objective = Declared(objective, study.space)
    ending = stopping(study, stop) if stop is not None else None
    study._optimizing, study._stop = True, False
    progress: Progress | None = None
    executor: Executor | None = None
    try:
        study.flush()  # what an earlier call could not store
        study.recover()
        study._worker = current_worker() + (APART if jobs > 1 else "")
        forget(study)
        if ending is not None:
            callbacks = [*callbacks, ending]
            ending(study)  # a study that is at its end already needs no further trial
        if show_progress:
            from tunesmith.progress import Progress

            left = None if n_trials_total is None else max(0, n_trials_total - len(study.history))
            progress = Progress(study, min((n for n in (n_trials, left) if n is not None), default=None), timeout)
            callbacks = [*callbacks, progress.update]
        executor = executor_for(jobs, objective, study)
        tick = progress.tick if progress is not None else None
        with heeded(SHIELDED, OPEN) as heed:
            _loop(study, executor, n_trials, n_trials_total, timeout, catch, callbacks, gc_after_trial, tick, heed)
    except BaseException as error:
        if executor is not None:
            with suppress(Exception):  # what went wrong first is what the user must see
                _tell_all(study, executor.drain(), catch)
            executor.close()
            executor = None
        study.let_go()  # interrupted trials wait, to be run again as they were proposed
        if progress is not None:
            progress.close(error)
            progress = None
        raise
    finally:
        study._optimizing = False
        if executor is not None:
            executor.close()
        if progress is not None:
            progress.close()


def _loop(
    study: Study,
    executor: Executor,
    n_trials: int | None,
    n_trials_total: int | None,
    timeout: float | None,
    catch: tuple[type[Exception], ...],
    callbacks: list[Callback],
    gc_after_trial: bool,
    tick: Callable[[], None] | None,
    heed: Callable[[], None],
) -> None:
    deadline = None if timeout is None else executor.clock() + timeout
    started = running = 0
    exhausted, proposing = False, 0.0

    def ask() -> Trial:
        return study.ask(below=n_trials_total)

    error: BaseException | None = None
    while True:
        while (
            running < executor.capacity
            and not (study._stop or exhausted or error is not None)
            and (n_trials is None or started < n_trials)
            and (deadline is None or executor.clock() < deadline)
        ):
            before = 0.0 if timeout is None else executor.clock()
            study._hasty = timeout is not None and proposing > timeout * PROPOSING
            try:
                trial = study.ask(below=n_trials_total)
            except (SpaceExhaustedError, TrialsSpentError):
                exhausted = True
                break
            except StorageUnavailableError as away:
                if not started:  # a mistake of the user's, rather than a storage that is away
                    raise
                try:
                    trial = patiently(ask, away)
                except (SpaceExhaustedError, TrialsSpentError):
                    exhausted = True
                    break
            finally:
                if timeout is not None:
                    proposing += executor.clock() - before
                study._hasty = False
            heed()  # before the objective runs, perhaps for hours
            executor.submit(trial)
            running += 1
            started += 1
        if not running:
            break
        if executor.capacity > 1 and (n_trials is None or started < n_trials):
            study.prefetch()
        events = executor.poll(TICK)  # not for ever: an interrupt that Python swallowed is to be heeded
        running -= len(events)
        for done, fault in _tell_all(study, events, catch):
            error = error or fault
            for callback in callbacks:
                callback(study, done)
            if gc_after_trial:
                gc.collect()
        if tick is not None:
            tick()
        heed()
    if error is not None:
        raise error


def _tell_all(
    study: Study, events: list[Finished | Failed], catch: tuple[type[Exception], ...]
) -> list[tuple[FrozenTrial, BaseException | None]]:
    """Record the ends of some trials, all of them before anything is raised: none may cost the others their results."""
    told = []
    first: BaseException | None = None
    for event in events:
        try:
            told.append(_tell(study, event, catch))
        except BaseException as error:
            first = first or error
    if first is not None:
        raise first
    return told


def _tell(
    study: Study, event: Finished | Failed, catch: tuple[type[Exception], ...]
) -> tuple[FrozenTrial, BaseException | None]:
    """Record the end of a trial; return its record, and the error that must stop the study, if any."""
    if isinstance(event, Finished):
        done = study.tell(event.trial, event.value)
        if done.attempt != event.trial.attempt:
            return done, None  # the trial is not ours any more
        if done.state is not TrialState.FAIL or is_nan_reason(done.reason):
            return done, None
        fault: BaseException = ObjectiveError(f"trial {done.number}: {done.reason}")
        return done, None if isinstance(fault, catch) else fault
    error = as_fault(event.error)
    if is_pruned(error):
        return study.tell(event.trial, state=TrialState.PRUNED, reason=message_of(error) or None), None
    reason = name_and_message(error)
    if event.traceback:
        reason = f"{reason}\n{event.traceback[-MOST // 2 :]}"
    done = study.tell(event.trial, state=TrialState.FAIL, reason=reason)
    return done, None if isinstance(error, (*catch, AttemptReplacedError)) else error  # the latter: not ours any more


def check(n_trials: Any, timeout: Any, n_jobs: Any, catch: tuple[Any, ...], objective: Any) -> int:
    """Raise unless the arguments make sense; return the number of jobs."""
    if not callable(objective):
        raise TypeError(f"the objective must be callable; got {objective!r}")
    check_budget(n_trials, timeout)
    for c in catch:
        if not (isinstance(c, type) and issubclass(c, Exception)):
            raise TypeError(f"catch takes exception classes; got {c!r}")
    if not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs < -1:
        raise ValueError(f"n_jobs must be a whole number, 1 or more, or -1 for one a core; got {n_jobs!r}")
    if n_jobs != -1:
        return int(n_jobs)
    from loky import cpu_count  # knows what share of the machine a container or a job scheduler gave us

    return int(cpu_count())


def check_budget(n_trials: Any, timeout: Any, name: str = "n_trials") -> None:
    """Raise unless these are a number of trials and seconds.

    Raises:
        ValueError: one of them is negative or no number.
    """
    if n_trials is not None and (isinstance(n_trials, bool) or not isinstance(n_trials, Integral) or n_trials < 0):
        raise ValueError(f"{name} must be a number of trials, 0 or more, or None for no limit; got {n_trials!r}")
    if timeout is not None and not (isinstance(timeout, Real) and float(timeout) >= 0):
        raise ValueError(f"timeout must be seconds, 0 or more, or None for no limit; got {timeout!r}")


def executor_for(jobs: int, objective: Callable[[Trial], Any], handler: Channel) -> Executor:
    """Return what runs an objective in so many processes, or in this one."""
    if jobs == 1:
        from tunesmith.executors.inline import InlineExecutor

        return InlineExecutor(objective, handler)
    made: Executor = registry.load("executors", "processes")(objective, handler, jobs)
    return made
