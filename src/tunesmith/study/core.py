"""What a study does with its storage and its sampler: ask, tell, and keep the history up to date."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from enum import StrEnum
from typing import Any

import numpy as np

from tunesmith.caution import caution
from tunesmith.errors import SpaceExhaustedError, StorageError
from tunesmith.frozen import OUTSIDE
from tunesmith.history import History
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.space import Parameter, Space
from tunesmith.state import TrialState
from tunesmith.storage.base import Claim, Storage, StudyRecord
from tunesmith.storage.workers import current_worker, is_dead
from tunesmith.study.earlier import KEY, unpack
from tunesmith.study.fixed import impose
from tunesmith.study.outcome import to_values
from tunesmith.text import name_and_message, plain_text, shorten
from tunesmith.trial import FrozenTrial, Proposals, Trial

_Ahead = tuple[int, int, list[float], int, str | None]  # number, id of the space, point, tag, who proposed it


class StudyDirection(StrEnum):
    """Which way an objective is better; compares equal to the words "minimize" and "maximize"."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class StudyCore:
    """The part of :class:`tunesmith.Study` that hands out trials and takes their results."""

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
        self._earlier = unpack(record.system.get(KEY))
        self._reset(record.space)
        self._live: dict[int, tuple[Trial, FrozenTrial, float]] = {}  # the last: when it began, by the monotonic clock

    def _reset(self, space: Space | None) -> None:
        """Forget what was read, so that it is read again."""
        self._declared = space is not None
        self._history = History(space, len(self._signs))
        self._history.earlier = self._earlier
        self._cursor = 0
        self._version = -1
        self._proposals = Proposals(None)
        self._next = 0
        self._ahead: _Ahead | None = None

    # -- ask ---------------------------------------------------------------------------------------------------

    def ask(self, fixed_distributions: Mapping[str, Parameter] | None = None) -> Trial:
        """Start a trial: an enqueued or interrupted one if there is any, else a new proposal of the sampler.

        Args:
            fixed_distributions: parameters to suggest at once, by name; their values stand in ``trial.params``, as
                those of a declared space do.

        Raises:
            SpaceExhaustedError: the sampler has nothing left to propose.
        """
        with self._lock:
            reserve = False
            while True:
                claim = self._storage.claim(self._id, self._worker, reserve)
                if claim.version != self._version:
                    self._sync()
                    seen = len(self._history) + len(self._history.running)
                    if self.sampler.exclusive_at(self._history) and not claim.reserved and seen < claim.number:
                        continue  # a trial was released since the claim: its point is taken, and it comes first
                try:
                    trial, record = self._propose(claim)
                except BaseException:
                    if claim.reserved:  # not to be left running when there is nothing to run
                        self._storage.release(self._id, [claim.number])
                    raise
                version = self._storage.start(self._id, claim, record)
                if version is not None:
                    break
                # Another worker took the number. A sampler that must see every start tries again; any other takes a
                # number for itself first, so that a long proposal is wasted at most once.
                self._version = -1
                reserve = not self.sampler.exclusive_at(self._history)
            if version == self._version + 1:
                self._version = version
            self._next = max(self._next, record.number + 1)
            self._history.begin(record.number, record.space, record.x, record.tag)
            self._live[record.number] = (trial, record, time.monotonic())
        if self._declared:
            trial.take_whole()
        for name, p in (fixed_distributions or {}).items():
            if p.condition is None or p.condition.holds(trial.params):
                trial.suggest(name, p)
        return trial

    def _propose(self, claim: Claim) -> tuple[Trial, FrozenTrial]:
        number, seed = claim.number, self.seed
        old = claim.trial
        record = FrozenTrial(number, TrialState.RUNNING, worker=self._worker)
        fixed: Mapping[str, Any] | None = None
        if old is not None:
            record.attempt, record.user, record.system, record.fixed = old.attempt, old.user, old.system, old.fixed
            fixed = old.fixed
        if old is not None and old.x is not None:  # released: run again what was proposed
            proposals, row, tag = Proposals(old.space), list(old.x), old.tag
        else:
            space = self._search_space()
            proposals = self._proposals
            if proposals.space is not space:
                proposals = self._proposals = Proposals(space)
            row, tag = [], 0
            if space is not None:
                ahead, self._ahead = self._ahead, None
                if ahead is None or ahead[:2] != (number, id(space)):
                    ahead = self._consult(number, space)
                _, _, row, tag, note = ahead
                if fixed:
                    # The user's point, not the sampler's: what the tag names (a cell, an index) is still to be done.
                    row, tag = impose(space, row, fixed, np.random.default_rng([seed, number, 1])), 0
                elif note is not None:
                    record.system = {**(record.system or {}), "proposed_by": note}
        record.space, record.x, record.tag = proposals.space, row, tag
        record.started = time.time()  # a proposal's own time is no cost of the trial
        trial = Trial(number, seed, proposals, list(row), fixed, record.user, attempt=record.attempt)
        return trial, record

    def _search_space(self) -> Space | None:
        if not self._declared and self.sampler.space is not None:
            return self.sampler.space
        return self._history.space

    def _consult(self, number: int, space: Space) -> _Ahead:
        """Ask the sampler for the point of the trial of this number."""
        note = self.sampler.explain(self._history, space)
        x, tags = self.sampler.ask(self._history, space, np.random.default_rng([self.seed, number]), 1)
        if len(x) == 0:
            raise SpaceExhaustedError(f"the sampler {self.sampler.name!r} has proposed every point it has")
        return number, id(space), x[0].tolist(), int(tags[0]), note

    def prefetch(self) -> None:
        """Prepare the next proposal while objectives run, so that ``ask`` returns at once when one of them ends.

        The proposal is made from what is known now, with the running trials as pending; it is dropped if the space
        changes or another worker takes the number.
        """
        with self._lock:
            space = self._search_space()
            if space is not None and self._ahead is None and not self.sampler.blind:
                with suppress(SpaceExhaustedError):
                    self._ahead = self._consult(self._next, space)

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
        self._next = max([self._next, *(k + 1 for k in running), int(new.number.max(initial=-1)) + 1])

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
            return self._finish(told, live[1], numbers, state, reason, cost, live[2])

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
        began: float | None = None,
    ) -> FrozenTrial:
        """Store the end of a trial, and add it to the history; `began` is known of those that this object asked for."""
        space, x = trial.point()
        reports = trial.reports
        if state is TrialState.PRUNED and reports:
            last = reports[max(reports)]
            values = (last,) if len(self._signs) == 1 and last == last else None
        # Of what another process began all there is are the clocks, which may have been set since.
        elapsed = max(0.0, time.time() - record.started) if began is None else time.monotonic() - began
        done = FrozenTrial(
            record.number,
            state,
            space=space,
            x=x,
            values=values,
            attempt=record.attempt,
            tag=record.tag,
            cost=elapsed if cost is None else float(cost),
            constraints=trial.constraints,
            reason=None if reason is None else shorten(plain_text(str(reason))),
            started=record.started,
            finished=record.started + elapsed,
            worker=record.worker,
            fixed=record.fixed,
            user=dict(notes) if (notes := trial.notes()) else None,
            system={**(record.system or {}), OUTSIDE: dict(trial.outside)} if trial.outside else record.system,
            reports=reports,
        )
        stored = self._write_end(done)
        self._live.pop(record.number, None)
        values, state = done.values, done.state
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
        if record.fixed and (unused := [n for n in record.fixed if n not in trial.params]):
            caution(
                f"trial {record.number}: the objective never asked for the enqueued {unused}; "
                f"it asked for {sorted(trial.params)}"
            )
        return done

    def _write_end(self, done: FrozenTrial) -> tuple[int, int] | None:
        """Store the end of a trial; no value is lost for what cannot be kept beside it, and no end for a value."""
        try:
            return self._storage.finish(self._id, done)
        except (StorageError, KeyError):
            raise
        except Exception as error:
            fault = name_and_message(error)
        lost = "its attributes and reports"
        done.user = done.reports = None
        try:
            stored = self._storage.finish(self._id, done)
        except (StorageError, KeyError):
            raise
        except Exception:
            lost = "its result"
            done.state, done.values, done.constraints, done.system = TrialState.FAIL, None, None, None
            done.reason = f"the storage cannot keep the result: {fault}"
            stored = self._storage.finish(self._id, done)
        caution(f"trial {done.number}: the storage cannot keep {lost}: {fault}")
        return stored

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
            raise ValueError(
                f"tell: the study {self.study_name!r} has no trial {number}; ask() hands out trials"
            ) from None
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

    # -- interrupted trials -------------------------------------------------------------------------------------

    @property
    def live(self) -> list[int]:
        """Numbers of the running trials that this object asked for."""
        return list(self._live)

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
