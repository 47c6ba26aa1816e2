"""How a study hands out trials: what its storage and its sampler do at ``ask``, and the history kept up to date."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import StrEnum
from typing import Any

import numpy as np

from tunesmith.errors import SpaceExhaustedError
from tunesmith.history import History
from tunesmith.pruners.base import Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.base import Claim, Increment, Storage, StudyRecord
from tunesmith.storage.workers import current_worker
from tunesmith.study.earlier import KEY, unpack
from tunesmith.study.fixed import impose
from tunesmith.study.total import NEAR, check_left, spent
from tunesmith.trial import FrozenTrial, Proposals, Trial

_Ahead = tuple[int, int, list[float], int, str | None]  # number, id of the space, point, sampler state, who proposed it


class StudyDirection(StrEnum):
    """Which way an objective is better; compares equal to the words "minimize" and "maximize"."""

    MINIMIZE = "minimize"
    MAXIMIZE = "maximize"


class StudyCore:
    """The part of :class:`tunesmith.Study` that hands out trials."""

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
        self._takes_params = False  # whether the last objective took parameters and not a trial
        self._hasty = False  # while proposals must cost little
        self._planned: tuple[int, list[float], str] | None = None  # number, point, and who proposed it
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

    # -- copies --------------------------------------------------------------------------------------------------

    def __getstate__(self) -> dict[str, Any]:
        """Keep what the study is made of: its storage (of a database, the URL), its name, sampler and pruner."""
        return {
            "storage": self._storage,
            "study_name": self.study_name,
            "sampler": self.sampler,
            "pruner": self.pruner,
            "takes_params": self._takes_params,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        storage: Storage = state["storage"]
        self.__init__(storage.load_study(state["study_name"]), storage, state["sampler"], state["pruner"])  # type: ignore[misc]  # opens anew
        self._takes_params = state["takes_params"]

    # -- ask ---------------------------------------------------------------------------------------------------

    def _plan_next(self, row: list[float], note: str, unless: Callable[[dict[str, Any]], bool]) -> int | None:
        """Make a point that of the next new trial, unless another worker starts that one first.

        Workers that plan the same point for the same number start it once, which they would not if each added it. One
        that plans a later number sees the trials before it, since it looks at them after it has planned.

        Args:
            row: its internal values over the declared space.
            note: who proposed it.
            unless: tells by its parameters whether a trial of the study, running or finished, is that point already.

        Returns:
            The number of that trial. If the next trial that ``ask`` starts has a higher one, another worker has it.
            None if the point was tried already.
        """
        with self._lock:
            self._sync()
            waiting = self._storage.trials(self._id, states=[TrialState.WAITING])
            self._next = max([self._next, *(t.number + 1 for t in waiting)])
            number = self._next
            self._planned = number, row, note
        if any(unless(t.params) for t in self._storage.trials(self._id) if t.x is not None):
            self._planned = None
            return None
        return number

    def _start(self, below: int | None) -> Trial:
        """Claim a number, propose a point and start the trial; see SHIELDED in optimize.py for interrupts."""
        reserve = False
        while True:
            if below is not None:
                check_left(self, below)
            claim = self._storage.claim(self._id, self._worker, reserve)
            if below is not None and claim.number >= below:
                if claim.reserved:
                    self._storage.release(self._id, {claim.number: claim.trial.attempt if claim.trial else 1})
                raise spent(below)
            if claim.version != self._version:
                self._sync()
                seen = len(self._history) + len(self._history.running)
                if self.sampler.exclusive_at(self._history) and not claim.reserved and seen < claim.number:
                    continue  # a trial was released since the claim: its point is taken, and it comes first
            try:
                trial, record = self._propose(claim)
            except BaseException:
                if claim.reserved:  # not to be left running when there is nothing to run
                    attempt = 1 if claim.trial is None else claim.trial.attempt
                    self._storage.release(self._id, {claim.number: attempt})
                raise
            version = self._storage.start(self._id, claim, record)
            if version is not None:
                break
            # Another worker took the number. A sampler that must see every start tries again; any other takes a
            # number for itself first, so that a long proposal is wasted at most once.
            self._version = -1
            reserve = not self.sampler.exclusive_at(self._history)
            reserve = reserve and (below is None or claim.number + NEAR < below)
        if version == self._version + 1:
            self._version = version
        self._next = max(self._next, record.number + 1)
        self._history.begin(record.number, record.space, record.x, record.sampler_state)
        self._live[record.number] = (trial, record, time.monotonic())
        return trial

    def _propose(self, claim: Claim) -> tuple[Trial, FrozenTrial]:
        number, seed = claim.number, self.seed
        old = claim.trial
        record = FrozenTrial(number, TrialState.RUNNING, worker=self._worker)
        fixed: Mapping[str, Any] | None = None
        if old is not None:
            record.attempt, record.system, record.fixed = old.attempt, old.system, old.fixed
            record.previous_attempts, record.crashes = old.previous_attempts, old.crashes
            fixed = old.fixed
        if old is not None and old.x is not None:  # released: run again what was proposed
            proposals, row, state = Proposals(old.space), list(old.x), old.sampler_state
        elif self._planned is not None and self._planned[0] == number and old is None:
            proposals, state = Proposals(self._search_space()), 0
            row = list(self._planned[1])
            record.system = {"proposed_by": self._planned[2]}
        else:
            space = self._search_space()
            proposals = self._proposals
            if proposals.space is not space:
                proposals = self._proposals = Proposals(space)
            row, state = [], 0
            if space is not None:
                ahead, self._ahead = self._ahead, None
                if ahead is None or ahead[:2] != (number, id(space)):
                    ahead = self._consult(number, space)
                _, _, row, state, note = ahead
                if fixed:
                    # The user's point, not the sampler's: what its state names (a cell, an index) is still to be done.
                    row, state = impose(space, row, fixed, np.random.default_rng([seed, number, 1])), 0
                elif note is not None:
                    record.system = {**(record.system or {}), "proposed_by": note}
        record.space, record.x, record.sampler_state = proposals.space, row, state
        record.started = time.time()  # a proposal's own time is no cost of the trial
        notes = dict(old.user) if old is not None and old.user else None  # those of the record are in the storage
        left = record.previous_attempts
        trial = Trial(number, seed, proposals, list(row), fixed, notes, attempt=record.attempt, previous_attempts=left)
        return trial, record

    def _search_space(self) -> Space | None:
        if not self._declared and self.sampler.space is not None:
            return self.sampler.space
        return self._history.space

    def _consult(self, number: int, space: Space) -> _Ahead:
        """Ask the sampler for the point of the trial of this number."""
        sampler = self.sampler.in_haste() if self._hasty else self.sampler
        note = sampler.explain(self._history, space)
        x, states = sampler.ask(self._history, space, np.random.default_rng([self.seed, number]), 1)
        if len(x) == 0:
            raise SpaceExhaustedError(f"the sampler {self.sampler.name!r} has proposed every point it has")
        return number, id(space), x[0].tolist(), int(states[0]), note

    def prefetch(self) -> None:
        """Prepare the next proposal while objectives run, so that ``ask`` returns at once when one of them ends.

        The proposal is made from what is known now, with the running trials as pending; it is dropped if the space
        changes or another worker takes the number.
        """
        with self._lock:
            space = self._search_space()
            if space is not None and self._ahead is None and self.sampler.is_adaptive:
                with suppress(SpaceExhaustedError):
                    self._ahead = self._consult(self._next, space)

    def _sync(self) -> None:
        """Read what other workers recorded."""
        new = self._storage.read_since(self._id, self._cursor)
        self._take_in(new)

    def _take_in(self, new: Increment) -> None:
        history = self._history
        for number in new.number[new.attempt > 1].tolist() + [t.number for t in new.running if t.attempt > 1]:
            history.curves.drop(number)  # what an earlier attempt reported may be repeated by now
        history.extend(
            new.number,
            new.state,
            new.values * self._signs,
            [(b.space, b.at, b.x) for b in new.blocks],
            sampler_state=new.sampler_state,
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
                history.begin(number, t.space, t.x, t.sampler_state)
        for number, step, value in new.reports:
            history.curves.append(number, step, value * self._sign)
        for number, state in zip(new.number.tolist(), new.state.tolist(), strict=True):
            history.curves.close(number, TrialState(state))
        self._cursor, self._version = new.cursor, new.version
        self._next = max([self._next, *(k + 1 for k in running), int(new.number.max(initial=-1)) + 1])
