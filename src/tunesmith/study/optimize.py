"""What ``study.optimize`` does: trials until a budget is spent, through the event loop."""

from __future__ import annotations

import gc
import inspect
import logging
import math
import time
import traceback
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import (
    AttemptReplacedError,
    ObjectiveError,
    SpaceExhaustedError,
    StorageUnavailableError,
    TrialInterrupted,
    TrialsSpentError,
    WorkerDiedError,
    is_pruned,
)
from tunesmith.executors.base import Began, End, Executor, Failed, Notice
from tunesmith.executors.completion import is_async
from tunesmith.executors.inline import InlineExecutor
from tunesmith.executors.resources import checked_jobs, checked_memory_limit, checked_time_limit
from tunesmith.foundation import registry
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import close_matches, did_you_mean
from tunesmith.foundation.warnings import caution
from tunesmith.foundation.worker_names import DRIVER_MARK, current_worker
from tunesmith.history import History
from tunesmith.space import Space
from tunesmith.study.engine.away import retry_while_unavailable
from tunesmith.study.engine.channel import GO, PAUSE, STOP, WISH_LOOK_SECONDS
from tunesmith.study.engine.checkpoints import CheckpointDisk
from tunesmith.study.engine.engine import TrialEngine
from tunesmith.study.engine.loop import Policy, run_loop, terminable
from tunesmith.study.engine.recovery import recover, wait_for_lost
from tunesmith.study.engine.tell import Outcome, as_fault, outcome_of, outcome_of_error
from tunesmith.study.progress.trials import TrialLog
from tunesmith.study.stopping import stopping
from tunesmith.trial import Trial
from tunesmith.trial.record import TrialRecord
from tunesmith.trial.result import BEST

_log = logging.getLogger("tunesmith")
AfterTrial = Callable[[TrialRecord], None]
ASKS_AGAIN_SECONDS = 10.0  # seconds in which a trial that reports is expected to ask again whether it shall stop
STOPPED_ON_REQUEST = "stopped on request"
PROPOSAL_SHARE = 0.5  # of a timeout; once proposals took more, the sampler's cheap variant proposes


@dataclass(frozen=True, slots=True)
class Budget:
    """When a call of ``optimize`` ends, in the words of `tunesmith.Study.optimize`.

    Raises:
        ValueError: one of the numbers is negative.
    """

    n_trials: int | None = None
    n_trials_total: int | None = None
    timeout: float | None = None
    max_cost: float | None = None
    stop: str | None = None

    def __post_init__(self) -> None:
        for name, is_what in (
            ("n_trials", "a number of trials, 0 or more,"),
            ("n_trials_total", "a number of trials, 0 or more,"),
            ("timeout", "seconds, 0 or more,"),
            ("max_cost", "0 or more, in the unit of report(cost=...) or else in seconds,"),
        ):
            value = getattr(self, name)
            if value is not None and not value >= 0:
                raise ValueError(f"{name} must be {is_what} or None for no limit; got {value!r}")

    def left(self, trials: int) -> int | None:
        """Return how many trials may begin in a study that has so many; None: there is no limit."""
        in_all = None if self.n_trials_total is None else max(0, self.n_trials_total - trials)
        return min((n for n in (self.n_trials, in_all) if n is not None), default=None)


@dataclass(frozen=True, slots=True)
class TrialLimits:
    """Where the trials of a call run and what each may take, in the words of `tunesmith.Study.optimize`."""

    executor: Any = None
    n_jobs: int | None = None
    catch: Any = ()
    timeout_per_trial: float | None = None
    memory_per_trial: float | str | None = None
    keep_checkpoints: bool | None = None
    checkpoint_budget: float | str | None = None

    def workers(self, objective: Callable[..., Any]) -> Executor:
        """Return what runs the trials; see `choose_executor`."""
        return choose_executor(
            self.executor,
            self.n_jobs,
            checked_time_limit(self.timeout_per_trial),
            checked_memory_limit(self.memory_per_trial),
            is_async(objective),
        )


@terminable()
def optimize(
    engine: TrialEngine,
    objective: Callable[..., Any],
    budget: Budget,
    limits: TrialLimits,
    callbacks: Sequence[AfterTrial],
    gc_after_trial: bool,
    open_progress: Callable[[int | None], Progress] | None,
) -> None:
    """Drive one call of `tunesmith.Study.optimize`, where the arguments are explained.

    ``open_progress`` makes the display for so many trials; None: there is none.
    """
    catch, workers = checked_catch(limits.catch), limits.workers(objective)
    disk = CheckpointDisk(
        engine.study, engine.artifacts, engine.parents, limits.keep_checkpoints, limits.checkpoint_budget
    )
    if engine.optimizing:
        raise RuntimeError("optimize() is running in this study object already; it cannot be nested")
    if engine.takes_params and (space := engine.study.current_history().space) is not None:
        objective = ParamsObjective(objective, space)
    after = list(callbacks)
    ending = stopping(engine, budget.stop) if budget.stop is not None else None
    engine.optimizing, engine.stop_requested = True, False
    engine.fatal.clear()
    progress: Progress | None = None
    opened, failed = False, None
    try:
        engine.teller.flush()  # results that an earlier call could not store
        recover(engine.study, engine.retries)
        engine.sweep()
        if budget.n_trials and budget.n_trials_total is None and not engine.came_to_its_end:
            _tell_what_counts(engine, budget.n_trials)
        engine.asker.worker = current_worker() + ("" if isinstance(workers, InlineExecutor) else DRIVER_MARK)
        engine.study.set_stopped(None)
        if ending is not None:
            look = ending
            ending.reopen()
            after.append(lambda _: look())
            look()  # a study that has converged needs no further trial
        if open_progress is not None:
            trials = 0 if budget.n_trials_total is None else len(engine.study.current_history())
            progress = open_progress(budget.left(trials))
        opened = True
        workers.open(objective, engine.channel)
        engine.came_to_its_end = False
        log = TrialLog.of(engine.study)
        run_loop(workers, TrialPolicy(engine, workers, budget, catch, after, gc_after_trial, progress, log, disk))
        engine.came_to_its_end = True
        disk.end(budget.n_trials_total)
    except BaseException as error:
        failed = error
        raise
    finally:
        engine.optimizing = False
        if opened:
            workers.close()
        if failed is not None:
            engine.interrupt_all()  # interrupted trials wait, to be run again as they were proposed
        engine.sweep()
        if progress is not None:
            progress.close(failed)
        failed = None  # or its traceback, in which this frame is, would keep itself alive


def _tell_what_counts(engine: TrialEngine, n_trials: int) -> None:
    """Say that `n_trials` are more than there are: a program that was killed and is run again may mean them in all."""
    study = engine.study
    if before := sum(study.storage.count(study.study_id).values()):
        _log.info(
            "optimize: the study %r has %d trials already; n_trials=%d begins %d more, and n_trials_total=%d would end "
            "with %d in all",
            study.study_name, before, n_trials, n_trials, n_trials, n_trials,
        )  # fmt: skip


# What came of an end: the record of the trial, which is another worker's if the attempt was replaced; whether it was
# recorded here; and the error that must stop the study, if any. A plain tuple, for it costs each trial the least.
Told = tuple[TrialRecord, bool, BaseException | None]


@dataclass
class TrialPolicy(Policy[Trial, End]):
    """Asks for trials until the budget is spent, and tells how they ended."""

    engine: TrialEngine
    executor: Executor
    budget: Budget
    catch: Catch
    after: Sequence[AfterTrial]
    gc_after_trial: bool
    progress: Progress | None
    log: TrialLog | None
    disk: CheckpointDisk
    started: int = 0
    exhausted: bool = False  # the sampler has no point left
    proposing: float = 0.0  # seconds that proposals took
    fault: BaseException | None = None  # the first error that ends the search
    runs: dict[int, int] = field(default_factory=dict)  # which run of each trial is heard
    given_up: dict[int, str] = field(default_factory=dict)  # whom the engine runs again too often; why they may not
    taken_back: set[int] = field(default_factory=set)  # trials that no process had begun when the time was over
    uncounted: set[int] = field(default_factory=set)  # trials that began in this call and were not shown yet
    begun: dict[int, float] = field(default_factory=dict)  # when trials under way began, by the executor's clock
    stopping: dict[int, float] = field(default_factory=dict)  # when those that were asked to stop are ended, likewise

    def __post_init__(self) -> None:
        self.timeout = math.inf if self.budget.timeout is None else self.budget.timeout
        self.most = math.inf if self.budget.n_trials is None else self.budget.n_trials
        # The machine's own clock is read without a call in between.
        own = type(self.executor).clock is not Executor.clock
        self.clock: Callable[[], float] = self.executor.clock if own else time.monotonic
        self.deadline = self.clock() + self.timeout
        self.wishes = self.engine.wishes
        self.wishes.begin()
        self.cancels = self.executor.kills or self.executor.cancels
        self.ticks = self.cancels or self.executor.queues

    def next(self) -> Trial | None:
        """Return a new trial; None: the budget is spent, or there is nothing left to propose."""
        if self.engine.stop_requested:
            return None
        if (self.wishes.asks or self.wishes.due <= time.monotonic()) and not self._may_go_on():
            return None
        trial = None if self._is_spent() else self._ask()
        if trial is None and not self.begun:
            trial = self.engine.finish_leader()
        if trial is not None:
            if not trial.link.continues:
                self.started += 1
                self.uncounted.add(trial.number)
            self.begun[trial.number] = self.clock()
        return trial

    def _may_go_on(self) -> bool:
        """Tell whether nobody asked from elsewhere to pause or to stop; wait out a pause in which nothing runs."""
        while (word := self.wishes.word()) == PAUSE and not self.begun and not self.over():
            time.sleep(WISH_LOOK_SECONDS)
            self.tick()
        if word == STOP:
            self.engine.stop_requested = True
        return word == GO

    def _ask(self) -> Trial | None:
        """Return a new trial or a paused one; None: there is nothing left to do, or not before a trial ends."""
        before = math.nan if self.timeout == math.inf else self.clock()
        may_begin = self.started < self.most
        try:
            try:
                return self._asked(may_begin)
            except (SpaceExhaustedError, TrialsSpentError):
                if not may_begin or not self.engine.study.history.any_paused:
                    raise
                return self._asked(may_begin=False)
        except (SpaceExhaustedError, TrialsSpentError):
            if not may_begin or self.begun:  # a trial that ends may leave something to do
                return None
            if wait_for_lost(self.engine.study, self.engine.retries, self.deadline - self.clock()):
                return self._ask()
            self.exhausted = True
            return None
        finally:
            if before == before:
                self.proposing += self.clock() - before

    def _asked(self, may_begin: bool) -> Trial:
        cheap = self.proposing > self.timeout * PROPOSAL_SHARE
        ask = partial(self.engine.ask, below=self.budget.n_trials_total, cheap=cheap, may_begin=may_begin)
        try:
            return ask()
        except StorageUnavailableError as away:
            if not self.started:  # more likely the user's mistake
                raise
            return retry_while_unavailable(ask, away)

    def _is_spent(self) -> bool:
        """Tell whether nothing may begin any more, new or paused."""
        if self.exhausted or (self.timeout != math.inf and self.clock() >= self.deadline):
            return True
        history, most = self.engine.study.history, self.budget.max_cost
        if most is not None and _cost_so_far(history) >= most:
            return True
        return self.started >= self.most and not history.any_paused

    def over(self) -> bool:
        """Tell whether the budget is spent."""
        return self.engine.stop_requested or self._is_spent()

    def noticed(self, notices: list[Notice]) -> None:
        """Make a new attempt of a trial that the engine runs again, unless that is once too often."""
        for notice in notices:
            if not isinstance(notice, Began):
                continue
            number = notice.trial.number
            before, self.runs[number] = self.runs.get(number), notice.run
            if before is None:
                continue
            why_not = self.engine.why_not_again(number, FailureKind.LOST)
            if why_not is not None:
                self.given_up[number] = why_not
            elif retry_while_unavailable(partial(self.engine.restart, notice.trial)):
                continue
            self.executor.cancel(number, 0.0)  # else another worker has the trial

    def waiting(self) -> None:
        """Prepare the next proposal while all processes are busy."""
        if self.started < self.most:
            self.engine.asker.prefetch()

    def ended(self, events: list[End]) -> BaseException | None:
        """Record the ends, then call what is to be called after each trial, where its end was recorded here."""
        for done, recorded, fault in self._record_all(events):
            if fault is not None:
                self.fault = self.fault or fault
                self.engine.fatal.add(done.number)
            if self.progress is not None:  # counted by the thread that draws, so that no trial waits for it
                self.progress.ends.append((done, done.number in self.uncounted))
                self.uncounted.discard(done.number)
            if self.log is not None and recorded:
                self.log.tell(done)
            if done.state is TrialState.PAUSED or self.engine.study.value == BEST:  # which leaves a checkpoint, too
                self.disk.hold_budget()
            if self.after and recorded and done.state is not TrialState.PAUSED:  # which is not an end
                self._call_back(done)
            if self.gc_after_trial:
                gc.collect()
        return self.fault

    def _call_back(self, done: TrialRecord) -> None:
        """Call the callbacks. If one raises where an objective's error ends the search, it is that error's note."""
        for call in self.after:
            try:
                call(done)
            except Exception as error:
                if self.fault is None:
                    if done.state is TrialState.FAIL:
                        why = (done.reason or "no reason is known").splitlines()[0]
                        error.add_note(f"A callback raised this after trial {done.number}, which failed: {why}")
                    raise
                trace = "".join(traceback.format_exception(error))
                self.fault.add_note(f"After trial {done.number} a callback raised as well:\n{trace}")

    def salvaged(self, events: list[End]) -> None:
        """Record the ends."""
        self._record_all(events)

    def tick(self) -> None:
        """End the trials that were asked to stop, and have had the time to do it themselves."""
        for number in self.wishes.stops() & self.begun.keys() if self.cancels else ():
            running, now = self.engine.study.running.get(number), self.clock()
            asks = running is not None and bool(running.trial.reports)
            if now >= self.stopping.setdefault(number, now + ASKS_AGAIN_SECONDS * asks):
                self.stopping[number] = math.inf
                self.executor.cancel(number)
        if self.executor.queues and self.clock() >= self.deadline:
            self._take_back()

    def _take_back(self) -> None:
        """When the time is over, take back the trials that wait in an engine's queue, perhaps for ever."""
        for number in self.begun.keys() - self.runs.keys() - self.taken_back:
            self.taken_back.add(number)
            self.executor.cancel(number, 0.0)

    def _record_all(self, events: list[End]) -> list[Told]:
        """Record the ends of some trials. All are recorded before an error is raised, so that no result is lost."""
        told: list[Told] = []
        first: BaseException | None = None
        for event in events:
            try:
                self.runs.pop(event.trial.number, None)
                if isinstance(event, Failed) and self._is_to_run_again(event):
                    self.begun.pop(event.trial.number, None)
                    self.started -= 1  # what waits is not one that continues
                else:
                    told.append(self._record(event))
            except BaseException as error:
                first = first or error
        if first is not None:
            raise first
        return told

    def _is_to_run_again(self, event: Failed) -> bool:
        """Give a trial back whose run ended without an answer, if it may be run again; return whether."""
        number, error = event.trial.number, event.error
        why_not: str | None
        if event.kind is FailureKind.KILLED and number in self.taken_back:
            self.engine.release([number])
            return True
        if event.kind is FailureKind.KILLED and number in self.given_up:
            why_not = self.given_up.pop(number)
            event.kind, error = FailureKind.LOST, WorkerDiedError("its worker was lost")
        else:
            if event.kind is None or isinstance(error, TrialInterrupted):
                event.kind = FailureKind.INTERRUPTED
            elif is_pruned(error) or number in self.wishes.stops():
                return False
            if (why_not := self.engine.run_again(number, event.kind)) is None:
                return True
        if isinstance(error, WorkerDiedError | TrialInterrupted) and self.engine.retries.get(event.kind):
            event.error = type(error)(f"{error}; {why_not}")
        return False

    def _record(self, event: End) -> Told:
        """Record the end of a trial."""
        engine, trial = self.engine, event.trial
        if isinstance(event, Failed):
            error = as_fault(event.error)
            outcome = outcome_of_error(error, event.kind, event.traceback)
            outcome.output = event.output
            self._explain(trial, outcome)
        else:
            error, outcome = None, outcome_of(event.value, len(engine.study.signs))
        spent, recorded = self.clock() - self.begun.pop(trial.number, math.nan), True
        try:
            done = engine.record(trial, outcome, cost=None if trial.link.costs_given or spent != spent else spent)
        except AttemptReplacedError as replaced:
            caution(str(replaced))
            done, recorded = engine.study.trials([trial.number])[0], False
        if error is not None:
            kind = event.kind if isinstance(event, Failed) and outcome.failure is None else outcome.failure
            passes = outcome.state is TrialState.PRUNED or self.catch.names(error, kind)
            passes = passes or isinstance(error, AttemptReplacedError)  # another worker has the trial
            return done, recorded, None if passes else error
        if not recorded or done.state is not TrialState.FAIL or outcome.failure is FailureKind.NAN:
            return done, recorded, None
        fault = ObjectiveError(f"trial {done.number}: {done.reason}")
        return done, recorded, None if self.catch.names(fault, outcome.failure) else fault

    def _explain(self, trial: Trial, outcome: Outcome) -> None:
        """Say so if a trial was stopped because somebody asked for it; one that has reported counts as pruned."""
        killed = outcome.failure is FailureKind.KILLED
        if trial.number in self.wishes.stops() and (killed or outcome.state is TrialState.PRUNED):
            outcome.reason = STOPPED_ON_REQUEST
            if killed and trial.reports:
                outcome.state, outcome.failure = TrialState.PRUNED, None


def _cost_so_far(history: History) -> float:
    """Return what all trials of a study cost so far, in seconds or the user's unit, as far as it is known."""
    return float(np.nansum(history.cost)) + sum(map(history.curves.spent, history.running + history.paused))


# -- the arguments that say how objectives run -----------------------------------------------------------------------

# A run that was stopped from outside, or diverged, says nothing against the objective: the search goes on.
NEVER_STOP = frozenset(FailureKind) - {FailureKind.RAISED, FailureKind.LOST}


@dataclass(frozen=True)
class Catch:
    """Which failures do not stop a search.

    Attributes:
        errors: exception classes, as ``isinstance`` takes them.
        kinds: kinds of failure.
    """

    errors: tuple[type[Exception], ...] = ()
    kinds: frozenset[FailureKind] = NEVER_STOP

    def names(self, error: BaseException, kind: FailureKind | None) -> bool:
        """Tell whether a failure is one of them."""
        return isinstance(error, self.errors) or kind in self.kinds


def checked_catch(catch: Any) -> Catch:
    """Return the failures that do not stop a search: exception classes, kinds of failure, or several of both.

    Raises:
        TypeError: one of them is neither.
    """
    given = tuple(catch) if isinstance(catch, Iterable) else (catch,)
    for c in given:
        if not isinstance(c, FailureKind) and not (isinstance(c, type) and issubclass(c, Exception)):
            raise TypeError(f"catch takes exception classes and members of FailureKind; got {c!r}")
    kinds = frozenset(c for c in given if isinstance(c, FailureKind))
    return Catch(tuple(c for c in given if not isinstance(c, FailureKind)), NEVER_STOP | kinds)


def choose_executor(
    executor: Any,
    n_jobs: Any,
    time_limit: float | None = None,
    memory_limit: int | None = None,
    runs_async: bool = False,
) -> Executor:
    """Return what runs the objective.

    Args:
        executor: a registered name, an `Executor`, an object of an engine that one of them accepts, or None: this
            process for one job without limits, else processes of this machine; for coroutines an event loop, unless
            their memory is limited.
        n_jobs: how many at once; None: one, or with an executor as many as that has room for.
        time_limit: seconds that a trial may run.
        memory_limit: bytes that a trial may use.
        runs_async: whether the objective is a coroutine.

    Raises:
        ValueError: no executor has the name, or the number of jobs is not valid.
        TypeError: no executor accepts the object.
    """
    jobs = None if n_jobs is None else checked_jobs(n_jobs)
    limited = time_limit is not None or memory_limit is not None
    if isinstance(executor, Executor):
        if jobs is not None or limited:
            raise ValueError(
                f"give jobs=, time_limit= and memory_limit= to {type(executor).__name__}(...) itself, and not n_jobs=, "
                "timeout_per_trial= or memory_per_trial= beside it"
            )
        return executor
    client = None
    if executor is None:
        jobs = jobs or 1
        name = "processes" if limited or jobs > 1 else "inline"
        if runs_async and memory_limit is None:
            name = "asyncio"
    elif isinstance(executor, str):
        name = executor
    else:
        name, client = _accepting(executor), executor
    kind: type[Executor] = registry.load_registered("executors", name)
    if limited and not (kind.kills or (kind.cancels and memory_limit is None)):
        what = "timeout_per_trial= and memory_per_trial= have" if not kind.cancels else "memory_per_trial= has"
        raise ValueError(f"the executor {name!r} cannot stop a trial, so {what} no effect in it; use 'processes'")
    return kind(client, jobs=jobs, time_limit=time_limit, memory_limit=memory_limit)


def _accepting(client: Any) -> str:
    """Return the name of the executor that runs trials on an engine's object."""
    known = registry.names("executors")
    for name in known:
        if registry.load_registered("executors", name).accepts(client):
            return name
    if isinstance(client, type) and issubclass(client, Executor):
        raise TypeError(f"executor= takes an object, and got the class {client.__name__}: give {client.__name__}(...)")
    raise TypeError(
        f"executor= takes a name ({', '.join(sorted(known))}), an Executor, or an engine's own object such as a Dask "
        f"client or a pool with submit(); got {client!r}"
    )


# -- objectives over a declared space, called with parameters instead of a trial -------------------------------------


class ParamsObjective:
    """Calls a function of parameters on a trial's proposal.

    A function whose arguments are named like parameters (or that takes ``**keywords``) gets keywords; one with a single
    other argument gets one dict. An argument called ``trial`` gets the trial, for reports and notes.

    Attributes:
        runs_async: whether the function is a coroutine; `is_async` asks for it.
    """

    def __init__(self, fn: Callable[..., Any], space: Space) -> None:
        self.fn = fn
        self.as_keywords, self.wants_trial = _style(fn, space)
        self.runs_async = is_async(fn)

    def __call__(self, trial: Trial) -> Any:
        """Run the function on the trial's parameters."""
        params = dict(trial.answers.take_whole())
        try:
            if self.wants_trial:
                return self.fn(trial=trial, **params) if self.as_keywords else self.fn(params, trial=trial)
            return self.fn(**params) if self.as_keywords else self.fn(params)
        except KeyError as error:
            _explain_missing(error, params, trial.answers.proposals.space)
            raise


def _explain_missing(error: KeyError, params: Mapping[str, Any], space: Space | None) -> None:
    """Say what to do where a function asked for a parameter that its trial does not have."""
    name = error.args[0] if error.args else None
    if space is None or not isinstance(name, str) or name in params:
        return
    if name in space.names:
        error.add_note(
            f"{name!r} is not active in this trial: {space[name]}; ask whether it is there, by params.get({name!r}) "
            f"or {name!r} in params"
        )
    elif near := did_you_mean(name, space.outer_names):
        error.add_note(f"the space has no parameter {name!r}{near}")


def _style(fn: Callable[..., Any], space: Space) -> tuple[bool, bool]:
    """Return whether the function takes keywords, and whether it takes the trial.

    Raises:
        TypeError: the function's arguments fit neither style.
    """
    try:
        arguments = inspect.signature(fn).parameters
    except (TypeError, ValueError):  # a builtin
        return False, False
    outer = set(space.outer_names)
    wants_trial = "trial" in arguments and "trial" not in outer
    own = [a for n, a in arguments.items() if not (wants_trial and n == "trial")]
    named = {a.name for a in own if a.kind in (a.POSITIONAL_OR_KEYWORD, a.KEYWORD_ONLY)}
    takes_any = any(a.kind is a.VAR_KEYWORD for a in own)
    required = [a for a in own if a.default is a.empty and a.kind not in (a.VAR_KEYWORD, a.VAR_POSITIONAL)]
    if len(required) == 1 and required[0].name not in outer and required[0].kind is not inspect.Parameter.KEYWORD_ONLY:
        return False, wants_trial
    missing = {a.name for a in required} - outer
    unknown = set() if takes_any else outer - named
    if missing or unknown:
        close = [m for name in sorted(missing) for m in close_matches(name.lower(), outer, cutoff=0.5)]
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        raise TypeError(
            f"the objective takes ({', '.join(arguments)}) and the space has ({', '.join(sorted(outer))}){hint}; "
            "write it with one argument (a dict of the parameters) or with one argument for each parameter"
        )
    conditional = {n for n in space.names if space.params[n].condition is not None} & {a.name for a in required}
    if conditional:
        raise TypeError(
            f"the parameters {sorted(conditional)} are not active in every trial; give those arguments of the "
            "objective a default value"
        )
    return True, wants_trial


if TYPE_CHECKING:
    from tunesmith.study.progress import Progress
