"""The study: hands out trials, takes their results, knows the best."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import SpaceExhaustedError
from tunesmith.history import History
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.space import Parameter, Space
from tunesmith.state import TrialState
from tunesmith.storage.base import Claim, Storage, StudyRecord
from tunesmith.storage.workers import current_worker, is_dead
from tunesmith.study.fixed import check, impose
from tunesmith.study.outcome import to_values
from tunesmith.study.pareto import non_dominated
from tunesmith.trial import FrozenTrial, Proposals, Trial

if TYPE_CHECKING:
    import pandas as pd

Callback = Callable[["Study", FrozenTrial], None]


class StudyDirection(str, Enum):
    """Which way an objective is better; compares equal to the words "minimize" and "maximize"."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class Study:
    """One search: a space, a sampler, and every trial so far. Made by :func:`tunesmith.create_study`.

    Several processes may hold a study on the same storage, each with its own object. An object may be used from
    several threads.
    """

    def __init__(self, record: StudyRecord, storage: Storage, sampler: Sampler, pruner: Pruner) -> None:
        self.study_name = record.name
        self.sampler = sampler
        self.pruner = pruner
        self.seed = record.seed
        self.directions = [StudyDirection(d) for d in record.directions]
        self._id = record.id
        self._storage = storage
        self._signs = np.array([1.0 if d == "minimize" else -1.0 for d in record.directions])
        self._sign = float(self._signs[0])
        self._worker = current_worker()
        self._lock = threading.RLock()
        self._reset(record.space)
        self._live: dict[int, tuple[Trial, FrozenTrial]] = {}
        self._stop = False
        self._optimizing = False

    def _reset(self, space: Space | None) -> None:
        """Forget what was read, so that it is read again."""
        self._declared = space is not None
        self._history = History(space, len(self._signs))
        self._cursor = 0
        self._version = -1
        self._proposals = Proposals(None)

    # -- ask ---------------------------------------------------------------------------------------------------

    def ask(self, fixed_distributions: Mapping[str, Parameter] | None = None) -> Trial:
        """Start a trial: an enqueued or interrupted one if there is any, else a new proposal of the sampler.

        Args:
            fixed_distributions: parameters to suggest at once, by name; their values stand in ``trial.params``.

        Raises:
            SpaceExhaustedError: the sampler has nothing left to propose.
        """
        with self._lock:
            reserve = False
            while True:
                claim = self._storage.claim(self._id, self._worker, reserve)
                if claim.version != self._version:
                    self._sync()
                trial, record = self._propose(claim)
                version = self._storage.start(self._id, claim, record)
                if version is not None:
                    break
                # Another worker took the number. A sampler that must see every start tries again; any other takes a
                # number for itself first, so that a long proposal is wasted at most once.
                self._version = -1
                reserve = not self.sampler.exclusive
            if version == self._version + 1:
                self._version = version
            self._history.begin(record.number, record.space, record.x, record.tag)
            self._live[record.number] = (trial, record)
        if fixed_distributions is not None:
            for name, p in fixed_distributions.items():
                trial.suggest(name, p)
        return trial

    def _propose(self, claim: Claim) -> tuple[Trial, FrozenTrial]:
        number, seed = claim.number, self.seed
        old = claim.trial
        record = FrozenTrial(number, TrialState.RUNNING, started=time.time(), worker=self._worker)
        fixed: Mapping[str, Any] | None = None
        if old is not None:
            record.attempt, record.user, record.system, record.fixed = old.attempt, old.user, old.system, old.fixed
            fixed = old.fixed
        if old is not None and old.x is not None:  # released: run again what was proposed
            proposals, row, tag = Proposals(old.space), list(old.x), old.tag
        else:
            space = self._history.space
            proposals = self._proposals
            if proposals.space is not space:
                proposals = self._proposals = Proposals(space)
            row, tag = [], 0
            if space is not None:
                rng = np.random.default_rng([seed, number])
                x, tags = self.sampler.ask(self._history, space, rng, 1)
                if len(x) == 0:
                    self._give_up(claim)
                    raise SpaceExhaustedError(f"the sampler {self.sampler.name!r} has proposed every point it has")
                row, tag = x[0].tolist(), int(tags[0])
                if fixed:
                    row = impose(space, row, fixed, rng)
        record.space, record.x, record.tag = proposals.space, row, tag
        trial = Trial(number, seed, proposals, list(row), fixed, record.user, attempt=record.attempt)
        return trial, record

    def _give_up(self, claim: Claim) -> None:
        """Do not leave a reserved number running when there is nothing to run."""
        if claim.reserved:
            record = FrozenTrial(claim.number, TrialState.FAIL, reason="the space is exhausted", finished=time.time())
            record.attempt = claim.trial.attempt if claim.trial is not None else 1
            self._storage.finish(self._id, record)

    def _sync(self) -> None:
        """Read what other workers recorded."""
        new = self._storage.read_since(self._id, self._cursor)
        history = self._history
        history.extend(
            new.number,
            new.state,
            new.values * self._signs,
            [(b.space, b.at, b.x) for b in new.blocks],
            tag=new.tag,
            cost=new.cost,
            constraints=new.constraints,
        )
        running = {t.number: t for t in new.running}
        for number in history.running:
            if number not in running:
                history.end(number)
        known = set(history.running)
        for number, t in running.items():
            if number not in known:
                history.begin(number, t.space, t.x, t.tag)
        for number, step, value in new.reports:
            history.curves.append(number, step, value * self._sign)
        for number, state in zip(new.number.tolist(), new.state.tolist(), strict=True):
            history.curves.close(number, TrialState(state))
        self._cursor, self._version = new.cursor, new.version

    # -- tell --------------------------------------------------------------------------------------------------

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
        *,
        reason: str | None = None,
        cost: float | None = None,
    ) -> FrozenTrial:
        """Record how a trial ended; when this returns, it would survive the death of the process.

        Without `state`, values that are not one finite-or-infinite number per objective make the trial FAIL, with the
        reason stored. Telling the same outcome again changes nothing.

        Args:
            trial: what ``ask`` returned, or its number.
            values: the objective's value, or one for each objective.
            state: COMPLETE, PRUNED (the value is then the last report) or FAIL.
            skip_if_finished: do nothing, whatever was told before, if the trial is finished.
            reason: why it failed or was pruned, in words.
            cost: what the trial cost, in a unit of your own; by default the seconds since its start.

        Raises:
            ValueError: the trial was told another outcome before, was never asked for, or values and state do not fit.
        """
        number = trial if isinstance(trial, int) else trial.number
        if state is None:
            numbers, fault = to_values(values, len(self._signs))
            state = TrialState.COMPLETE if numbers is not None else TrialState.FAIL
            reason = reason or fault
        else:
            state = TrialState(state)
            numbers = self._check_told(number, values, state)
        with self._lock:
            live = self._live.get(number)
            if live is None or (isinstance(trial, Trial) and trial.attempt != live[1].attempt):
                return self._tell_stranger(trial, number, numbers, state, skip_if_finished, reason, cost)
            told = trial if isinstance(trial, Trial) else live[0]
            return self._finish(told, live[1], numbers, state, reason, cost)

    def _check_told(self, number: int, values: Any, state: TrialState) -> tuple[float, ...] | None:
        if not state.is_finished():
            raise ValueError(f"tell: a trial ends as COMPLETE, PRUNED or FAIL; got state={state.name}")
        if state is not TrialState.COMPLETE:
            if values is not None:
                raise ValueError(f"tell: values are for COMPLETE trials; got values={values!r} with {state.name}")
            return None
        numbers, fault = to_values(values, len(self._signs))
        if numbers is None:
            raise ValueError(f"tell: trial {number} cannot be COMPLETE: {fault}")
        return numbers

    def _finish(
        self,
        trial: Trial,
        record: FrozenTrial,
        values: tuple[float, ...] | None,
        state: TrialState,
        reason: str | None,
        cost: float | None,
    ) -> FrozenTrial:
        """Store the end of a trial that this object asked for, and add it to the history."""
        space, x = trial.point()
        reports = trial.reports
        if state is TrialState.PRUNED and reports:
            last = reports[max(reports)]
            values = (last,) if len(self._signs) == 1 and last == last else None
        now = time.time()
        done = FrozenTrial(
            record.number,
            state,
            space=space,
            x=x,
            values=values,
            attempt=record.attempt,
            tag=record.tag,
            cost=now - record.started if cost is None else float(cost),
            constraints=trial.constraints,
            reason=reason,
            started=record.started,
            finished=now,
            worker=record.worker,
            fixed=record.fixed,
            user=trial.notes(),
            system=record.system,
            reports=reports,
        )
        stored = self._storage.finish(self._id, done)
        self._live.pop(record.number, None)
        if stored is None:  # released meanwhile, and perhaps run by another worker
            self._version = -1
            return self._storage.trials(self._id, [record.number])[0]
        seq, version = stored
        if seq == self._cursor + 1 and version == self._version + 1:
            y = None if values is None else [v * s for v, s in zip(values, self._signs, strict=True)]
            self._history.append(
                done.number, state, space, x, y, tag=done.tag, cost=done.cost, constraints=done.constraints
            )
            self._cursor, self._version = seq, version
        return done

    def _tell_stranger(
        self,
        trial: Trial | int,
        number: int,
        values: tuple[float, ...] | None,
        state: TrialState,
        skip: bool,
        reason: str | None,
        cost: float | None,
    ) -> FrozenTrial:
        """Tell a trial that is finished, or was asked for by another object."""
        try:
            stored = self._storage.trials(self._id, [number])[0]
        except KeyError:
            raise ValueError(f"tell: the study {self.study_name!r} has no trial {number}; ask() for one first") from None
        if stored.state.is_finished():
            same = stored.state == state and (state is not TrialState.COMPLETE or stored.values == values)
            if skip or same:
                return stored
            raise ValueError(
                f"tell: trial {number} is {stored.state.name} with {stored.values} already; a finished trial "
                "does not change (pass skip_if_finished=True to leave it as it is)"
            )
        if stored.state is TrialState.WAITING:
            raise ValueError(f"tell: trial {number} waits to be run; ask() hands it out")
        if isinstance(trial, Trial):
            if trial.attempt != stored.attempt:
                return stored  # this attempt was given up, and another worker runs the trial
            return self._finish(trial, stored, values, state, reason, cost)
        ghost = Trial(number, self.seed, Proposals(stored.space), list(stored.x or ()), user=stored.user)
        ghost.take_whole()
        ghost.reports = dict(stored.reports) if stored.reports else None
        return self._finish(ghost, stored, values, state, reason, cost)

    # -- run ---------------------------------------------------------------------------------------------------

    def optimize(
        self,
        objective: Callable[..., Any],
        n_trials: int | None = None,
        timeout: float | None = None,
        n_jobs: int = 1,
        catch: Iterable[type[Exception]] | type[Exception] = (),
        callbacks: Iterable[Callback] | None = None,
        gc_after_trial: bool = False,
        show_progress_bar: bool = False,
        *,
        space: Any = None,
    ) -> None:
        """Run trials until `n_trials` are done, the time is over, a callback stops it or the space is exhausted.

        Args:
            objective: gets a :class:`Trial` and returns its value(s); with `space`, gets the parameters instead, as
                one dict or as keywords, whichever it is written for.
            n_trials: how many trials to run in this call; None: no limit.
            timeout: seconds after which no trial is started any more; None: no limit.
            n_jobs: how many trials run at once, each in a process of its own where more than 1; -1: one a core.
            catch: exceptions that make a trial FAIL but do not stop the study. A NaN never stops it; any other thing
                that is no value is an ``ObjectiveError``.
            callbacks: called with (study, finished trial) in this process after each trial.
            gc_after_trial: collect garbage after each trial.
            show_progress_bar: show trial n/N, the best so far, the rate and the time left.
            space: what to search, in any form that :class:`Space` takes.

        Raises:
            ObjectiveError: the objective returned something that is no value.
            Exception: whatever the objective raised and `catch` does not name; the trial is FAIL by then.
        """
        from tunesmith.study.optimize import run

        if space is not None:
            self.declare(space if isinstance(space, Space) else Space(space))
        run(
            self,
            objective,
            declared=space is not None,
            n_trials=n_trials,
            timeout=timeout,
            n_jobs=n_jobs,
            catch=tuple(catch) if isinstance(catch, Iterable) else (catch,),
            callbacks=list(callbacks or ()),
            gc_after_trial=gc_after_trial,
            show_progress=show_progress_bar,
        )

    def declare(self, space: Space) -> None:
        """Declare the space that is searched from now on; trials made before keep their own."""
        with self._lock:
            if self._history.space != space or self._version < 0:
                self._storage.set_space(self._id, space)
                self._reset(space)

    def stop(self) -> None:
        """Let ``optimize`` end after the running trials; to be called from a callback or the objective.

        Raises:
            RuntimeError: no ``optimize`` runs in this object.
        """
        if not self._optimizing:
            raise RuntimeError("stop() ends a running optimize(); none is running in this study object")
        self._stop = True

    def recover(self) -> list[int]:
        """Take back the trials of workers of this machine that died, so that they are run again; return the numbers."""
        dead = [t.number for t in self._storage.trials(self._id, states=[TrialState.RUNNING]) if is_dead(t.worker)]
        self.release(dead)
        return dead

    def release(self, numbers: Iterable[int]) -> None:
        """Give running trials back: the next ``ask`` hands them out again as they were proposed."""
        with self._lock:
            numbers = list(numbers)
            if numbers:
                self._storage.release(self._id, numbers)
                for number in numbers:
                    self._live.pop(number, None)
                self._version = -1

    # -- add ---------------------------------------------------------------------------------------------------

    def enqueue_trial(
        self, params: Mapping[str, Any], user_attrs: Mapping[str, Any] | None = None, skip_if_exists: bool = False
    ) -> None:
        """Put a point first in line; parameters that are not named are proposed by the sampler.

        Args:
            params: values by name.
            user_attrs: notes to keep with the trial.
            skip_if_exists: do nothing if a trial with these parameters is there or waits.

        Raises:
            SpaceError: a value lies outside the declared space, or a name is not in it.
        """
        fixed = dict(params)
        if self._declared and self._history.space is not None:
            check(self._history.space, fixed)
        if skip_if_exists and any(t.params == fixed or t.fixed == fixed for t in self.trials):
            return
        waiting = FrozenTrial(-1, TrialState.WAITING, fixed=fixed, user=dict(user_attrs or {}) or None)
        self._storage.add(self._id, [waiting])

    def add_trial(self, trial: FrozenTrial) -> None:
        """Add a finished (or waiting) trial, for example from :func:`tunesmith.create_trial`, under a new number.

        Raises:
            ValueError: the trial is running, or has another number of values than the study has directions.
        """
        self.add_trials([trial])

    def add_trials(self, trials: Iterable[FrozenTrial]) -> None:
        """Add several finished trials, all or none."""
        trials = list(trials)
        for t in trials:
            if t.state is TrialState.RUNNING:
                raise ValueError("add_trial: the trial is RUNNING; only finished and waiting trials can be added")
            if t.state is TrialState.COMPLETE and (t.values is None or len(t.values) != len(self._signs)):
                raise ValueError(f"add_trial: {len(self._signs)} value(s) expected; got {t.values}")
            if t.values is not None and any(map(math.isnan, t.values)):
                raise ValueError(f"add_trial: values must be numbers; got {t.values}")
        if trials:
            self._storage.add(self._id, trials)

    # -- read --------------------------------------------------------------------------------------------------

    @property
    def space(self) -> Space | None:
        """The declared space, or all that the trials suggested so far."""
        return self.history.space

    @property
    def history(self) -> History:
        """The columnar record of finished trials, up to date."""
        with self._lock:
            self._sync()
            return self._history

    @property
    def live(self) -> list[int]:
        """Numbers of the running trials that this object asked for."""
        return list(self._live)

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective."""
        self._single("direction", "directions")
        return self.directions[0]

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials by number."""
        return self._storage.trials(self._id)

    def get_trials(self, deepcopy: bool = True, states: Iterable[TrialState] | None = None) -> list[FrozenTrial]:
        """Return the trials by number, optionally only those in some states (`deepcopy` is accepted for porting)."""
        return self._storage.trials(self._id, states=None if states is None else list(states))

    @property
    def best_trial(self) -> FrozenTrial:
        """The feasible complete trial with the best value, the first among equals.

        Raises:
            ValueError: no trial is complete and feasible yet.
            RuntimeError: the study has several objectives.
        """
        self._single("best_trial", "best_trials")
        best = self._storage.best(self._id, self.directions[0].value)
        if best is None:
            raise ValueError(f"the study {self.study_name!r} has no complete feasible trial yet: {self._tally()}")
        return best

    @property
    def best_params(self) -> dict[str, Any]:
        """Parameters of the best trial."""
        return self.best_trial.params

    @property
    def best_value(self) -> float:
        """Value of the best trial."""
        return self.best_trial.values[0]  # type: ignore[index]  # a complete trial has values

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The feasible complete trials that no other one dominates (the Pareto front), by number."""
        history = self.history
        rows = np.flatnonzero(history.complete & history.feasible)
        front = rows[non_dominated(history.y[rows])]
        return self._storage.trials(self._id, sorted(history.number[front].tolist())) if len(front) else []

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """What the user noted about the study (read-only)."""
        return MappingProxyType(self._storage.load_study(self.study_name).user)

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """What tunesmith noted about the study (read-only)."""
        return MappingProxyType(self._storage.load_study(self.study_name).system)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Note something about the study, at once.

        Raises:
            ValueError: the storage is a file and the value is no JSON.
        """
        self._storage.set_attr(self._id, None, key, value)

    def set_system_attr(self, key: str, value: Any) -> None:
        """Note something for tunesmith's own use."""
        self._storage.set_attr(self._id, None, key, value, system=True)

    def trials_dataframe(
        self,
        attrs: Sequence[str] = ("number", "value", "datetime_start", "datetime_complete", "duration", "params", "state"),
        multi_index: bool = False,
    ) -> pd.DataFrame:
        """Return one row a trial; see :func:`tunesmith.study.frame.to_frame`.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        from tunesmith.study.frame import to_frame

        return to_frame(self.trials, len(self._signs), attrs, multi_index)

    def __repr__(self) -> str:
        directions = ", ".join(d.value for d in self.directions)
        return f"Study({self.study_name!r}, {directions}, sampler={self.sampler.name!r}, {self._tally()})"

    def _tally(self) -> str:
        count = self._storage.count(self._id)
        return ", ".join(f"{n} {s.name}" for s, n in sorted(count.items()) if n) or "no trials"

    def _single(self, name: str, instead: str) -> None:
        if len(self._signs) > 1:
            raise RuntimeError(f"study.{name} is for one objective; this study has {len(self._signs)}: use .{instead}")

    # -- the channel of running trials -------------------------------------------------------------------------

    def report(self, number: int, step: int, value: float) -> None:
        """Keep a report of a running trial (called through the trial's channel)."""
        if len(self._signs) > 1:
            raise RuntimeError("reports and pruning are for studies with one objective")
        with self._lock:
            self._storage.report(self._id, number, step, value)
            self._history.curves.append(number, step, value * self._sign)

    def should_prune(self, number: int, step: int) -> bool:
        """Ask the pruner about a running trial (called through the trial's channel)."""
        with self._lock:
            if self._storage.shared:
                self._sync()
            return self.pruner.decide(self._history.curves, number, step) is not Decision.CONTINUE
