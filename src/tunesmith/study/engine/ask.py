"""Starts trials: claims a number from the storage, and a point from the sampler."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import SpaceExhaustedError, StorageError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import shown
from tunesmith.foundation.worker_names import DRIVER_MARK, current_worker, is_outside
from tunesmith.history import History
from tunesmith.history.costs import TRIAL
from tunesmith.samplers.base import InheritingSampler, Sampler
from tunesmith.space import Choice as NestedChoice
from tunesmith.space import Parameter, Space, merge
from tunesmith.storage.base import Claim
from tunesmith.study.engine.recovery import keep_beating
from tunesmith.study.engine.replica import STALE_VERSION, RunningTrial, StudyReplica
from tunesmith.trial import Proposals, Trial
from tunesmith.trial.record import Fence, TrialRecord
from tunesmith.trial.running import draw_unproposed

PARENT = "parent"  # the system attribute that says whose checkpoint a trial began from
Choice = Callable[[History], int | None]
TOKENS_AT_ONCE = 64  # tokens that are drawn at once
SEEN_LATELY_SECONDS = 60.0  # seconds for which a history will do whose results no proposal depends on


@dataclass(slots=True)
class Proposal:
    """The point of a trial that is to be started: internal values `x` over `space`."""

    number: int
    space: Space | None
    x: list[float]
    sampler_state: int = 0
    proposed_by: str | None = None


class Asker:
    """Starts trials.

    Args:
        study: the replica whose history the sampler sees.

    Attributes:
        sampler: who proposes. inheriting: the same, if trials may begin from the checkpoints of others; else None.
        worker: the name under which trials are started.
        abandoned: attempts that were claimed and could not be started, by number; to be released.
    """

    def __init__(self, study: StudyReplica, sampler: Sampler) -> None:
        self.use(sampler)
        self.worker = current_worker()
        self.abandoned: dict[int, Fence] = {}
        self._study = study
        self._token = 0
        self._beating = (0, "")  # the process, and the name under which it gives signs of life
        self._proposals: Proposals | None = None
        self._planned: Proposal | None = None
        self._prefetched: Proposal | None = None

    def use(self, sampler: Sampler) -> None:
        """Propose with this sampler from now on."""
        self.sampler = sampler
        self.inheriting = sampler if isinstance(sampler, InheritingSampler) else None

    def reset(self) -> None:
        """Drop what was proposed for another space."""
        self._proposals, self._prefetched = None, None

    def plan_next(self, x: list[float], proposed_by: str, unless: Callable[[dict[str, Any]], bool]) -> int | None:
        """Use a point for the next new trial; see `tunesmith.Study.plan_next`."""
        study = self._study
        with study.lock:
            study.sync()
            waiting = study.storage.trials(study.study_id, states=[TrialState.WAITING])
            number = study.next_number = max([study.next_number, *(t.number + 1 for t in waiting)])
            self._planned = Proposal(number, None, x, proposed_by=proposed_by)
        if any(unless(t.params) for t in study.storage.trials(study.study_id) if t.x is not None):
            self._planned = None
            return None
        return number

    def start(
        self,
        below: int | None,
        cheap: bool,
        choose: Choice | None = None,
        asked: Mapping[str, Parameter] | None = None,
    ) -> Trial:
        """Claim a number, propose a point and start the trial; see SHIELDED in loop.py for interrupts.

        Args:
            below: claim no number that is this or higher.
            cheap: whether the proposal must cost little.
            choose: returns the number of the paused trial that goes on, None: a new one begins.
            asked: parameters that will be suggested at once: they are stored with the point.
        """
        study, storage = self._study, self._study.storage
        if storage.shared and self._beating != (beating := (os.getpid(), self.worker)):
            if not is_outside(self.worker):
                keep_beating(storage, self.worker.removesuffix(DRIVER_MARK))
            self._beating = beating
        taken = False  # whether another worker took a number that this one wanted
        while True:
            # Paused trials of other processes are read with their next results.
            if choose is not None and study.history.any_paused and (resumed := self._resume(choose)) is not None:
                return resumed
            exclusive = self.sampler.exclusive_at(study.history)
            self._token = token = self._token or new_token()  # the one of a claim whose answer is still open
            reserve = not exclusive and (taken or not storage.prompt)
            claim = storage.claim(study.study_id, self.worker, reserve, token, below)
            self._token = 0
            if study.version != STALE_VERSION and claim.version == study.version + claim.reserved:
                study.version = claim.version  # nothing but the claim happened
            elif self._must_sync():
                study.claimed = claim.number if claim.reserved else None
                study.sync()
                seen = len(study.history) + study.history.n_pending
                if self.sampler.exclusive_at(study.history) and not claim.reserved and seen < claim.number:
                    continue  # a trial was released since the claim; it comes first
            try:
                trial, record = self.propose(claim, token, cheap, asked)
            except BaseException:  # without a point, the trial must not stay RUNNING
                if claim.reserved:
                    storage.release(study.study_id, {claim.number: _fence(claim, token)})
                raise
            try:
                version = storage.start(study.study_id, claim, record)
            except StorageError:
                self.abandoned[claim.number] = _fence(claim, token)
                raise
            if version is not None:
                break
            # Another worker took the number. A sampler that must see every start tries again; any other takes a
            # number for itself first, so that a long proposal is wasted at most once.
            study.version, taken = STALE_VERSION, True
        return self._begun(trial, record, version)

    def _begun(self, trial: Trial, record: TrialRecord, version: int) -> Trial:
        """Note that a trial runs."""
        study = self._study
        if version == study.version + 1:
            study.version = version
        study.next_number = max(study.next_number, record.number + 1)
        study.history.begin(record.number, record.space, record.x, record.sampler_state)
        study.running[record.number] = RunningTrial(trial, record, time.monotonic())
        return trial

    def _resume(self, choose: Choice) -> Trial | None:
        """Go on with a paused trial, if one is chosen; trials that wait come before."""
        study, storage = self._study, self._study.storage
        while True:
            if study.history.any_paused and (storage.shared or study.version == STALE_VERSION):
                study.catch_up()
            # Counted, for the records of what waits would be read with all that is paused, reports included.
            if not study.history.any_paused or storage.count(study.study_id).get(TrialState.WAITING):
                return None
            number = choose(study.history)
            if number is None:
                return None
            if (trial := self.resume(number)) is not None:
                return trial

    def resume(self, number: int) -> Trial | None:
        """Go on with a paused trial; None: another worker was faster."""
        study, storage = self._study, self._study.storage
        token = new_token()
        claim = storage.resume(study.study_id, number, self.worker, token)
        if claim is None or claim.version != study.version + 1:
            study.version = STALE_VERSION
        else:
            study.version = claim.version
        if claim is None:
            return None
        trial, record = self.propose(claim, token, cheap=True)
        trial.link.continues = True
        before = trial.link.previous_attempts
        trial.link.costs_given = study.history.curves.costs_given and any(attempt.costs for attempt in before)
        try:
            version = storage.start(study.study_id, claim, record)
        except StorageError:
            self.abandoned[number] = _fence(claim, token)
            raise
        if version is None:
            study.version = STALE_VERSION
            return None
        return self._begun(trial, record, version)

    def _must_sync(self) -> bool:
        """Tell whether a history that others changed has to be brought up to date for a proposal."""
        study = self._study
        if self.sampler.is_adaptive or study.storage.prompt or study.history.space is None:
            return True
        # Where many workers share a server, one whose proposals do not depend on the results need not read them all.
        # Its space may grow by what others suggest, unless it is declared.
        return self.sampler.exclusive_at(study.history) or (not study.declared and study.age() > SEEN_LATELY_SECONDS)

    def propose(
        self, claim: Claim, token: int, cheap: bool, asked: Mapping[str, Parameter] | None = None
    ) -> tuple[Trial, TrialRecord]:
        """Return the trial of a claim, and what is to be stored of it."""
        number, old = claim.number, claim.trial
        record = TrialRecord(number, TrialState.RUNNING, worker=self.worker, token=token)
        if old is not None:
            record.attempt, record.system, record.fixed = old.attempt, old.system, old.fixed
            record.previous_attempts, record.crashes = old.previous_attempts, old.crashes
            record.cost = old.cost
        if old is not None and old.x is not None:
            # Released: run again what was proposed. Where no space was known then, its values follow from the names.
            proposal = Proposal(number, old.space, list(old.x), old.sampler_state)
        elif self._planned is not None and self._planned.number == number and old is None:
            proposal = replace(self._planned, space=self._search_space())
        else:
            proposal = self._sample(number, cheap)
            if record.fixed and proposal.space is not None:
                # The point is the user's: the cell or index that the sampler state names is still to be done.
                rng = np.random.default_rng([self._study.seed, number, 1])
                x = apply_enqueued_values(proposal.space, proposal.x, record.fixed, rng)
                proposal = Proposal(number, proposal.space, x)
        if asked and (self.sampler.space is None or self._study.declared):
            proposal = self._with_asked(proposal, asked, record.fixed or {})
        if proposal.proposed_by is not None:
            record.system = {**(record.system or {}), "proposed_by": proposal.proposed_by}
        if self.inheriting and (parent := self.inheriting.parent_of(proposal.sampler_state)) is not None:
            record.system = {**(record.system or {}), PARENT: parent}
        proposals = self._proposals
        if proposals is None or proposals.space is not proposal.space:
            proposals = self._proposals = self._prepared(proposal.space)
        record.space, record.x, record.sampler_state = proposal.space, proposal.x, proposal.sampler_state
        record.started = time.time()  # the time of the proposal does not count as cost
        trial = Trial(
            number,
            self._study.seed,
            proposals,
            list(proposal.x),
            record.fixed,
            dict(old.user) if old is not None and old.user else None,  # those of the record are in the storage
            attempt=record.attempt,
            previous_attempts=record.previous_attempts,
            token=token,
            objectives=len(self._study.signs),
        )
        trial.link.metric, trial.link.value, trial.link.sign = self._study.metric, self._study.value, self._study.sign
        return trial, record

    def _prepared(self, space: Space | None) -> Proposals:
        """Return the space of a proposal, prepared for the trials over it."""
        own = self.sampler.space
        return Proposals(
            space,
            binding=own is not None and not self._study.declared and own == space,
            central=self.sampler.is_adaptive,
            named=self._study.history.why_no_meanings is None,
        )

    def _with_asked(self, proposal: Proposal, asked: Mapping[str, Parameter], fixed: Mapping[str, Any]) -> Proposal:
        """Return a proposal with values of the asked parameters that it lacks, for processes that tell the trial."""
        known = () if proposal.space is None else proposal.space.params
        new = {
            name: p
            for name, p in asked.items()
            if isinstance(p, Parameter)  # type: ignore[redundant-expr]  # a nested choice is none: it has several columns
            and name not in known
            and p.condition is None
            and (name not in fixed or p.contains(fixed[name]))
        }
        if not new:
            return proposal
        proposals, seed, number = self._prepared(proposal.space), self._study.seed, proposal.number
        values = [
            p.to_internal(fixed[name])
            if name in fixed
            else draw_unproposed(seed, number, name, p, proposals.centre(number, name, p, lambda: new))
            for name, p in new.items()
        ]
        return replace(proposal, space=merge(proposal.space, new), x=[*proposal.x, *values])

    def prefetch(self) -> None:
        """Prepare the next proposal while objectives run, so that ``ask`` returns at once when one of them ends.

        The proposal is made from what is known now, with the running trials as pending; it is dropped if the space
        changes or another worker takes the number.
        """
        with self._study.lock:
            if self._search_space() is not None and self._prefetched is None and self.sampler.is_adaptive:
                with suppress(SpaceExhaustedError):
                    self._prefetched = self._sample(self._study.next_number, cheap=False)

    def _sample(self, number: int, cheap: bool) -> Proposal:
        """Return the sampler's proposal for the trial of this number, the one that was prefetched if it still holds."""
        space, history = self._search_space(), self._study.history
        if space is None:
            return Proposal(number, None, [])
        ahead, self._prefetched = self._prefetched, None
        if ahead is not None and ahead.number == number and ahead.space is space:
            return ahead
        sampler = self.sampler.cheap_variant() if cheap else self.sampler
        if number >= sampler.asks_class_from and TRIAL not in history.classes:
            self._study.know_trials()
        rng = proposal_rng(self._study.seed, number)
        x, states, proposed_by = sampler.propose(history, space, rng, 1)
        if len(x) == 0:
            raise SpaceExhaustedError(f"the sampler {self.sampler.name!r} has proposed every point it has")
        return Proposal(number, space, x[0].tolist(), int(states[0]), proposed_by)

    def _search_space(self) -> Space | None:
        if not self._study.declared and self.sampler.space is not None:
            return self.sampler.space
        return self._study.history.space


def proposal_rng(seed: int, number: int) -> np.random.Generator:
    """Return the random numbers for the proposal of a trial."""
    words = (seed, number)  # an array of them is read 2 microseconds faster
    return np.random.default_rng(np.array(words, np.uint32) if seed < 2**32 else words)


def new_token() -> int:
    """Return a number that no other claim has, 0 < token < 2**63."""
    while True:
        try:
            return (_tokens.pop() >> 1) or 1
        except IndexError:
            _tokens.extend(memoryview(os.urandom(8 * TOKENS_AT_ONCE)).cast("Q"))


_tokens: list[int] = []  # drawn and not used yet
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_tokens.clear)  # or two processes would write under one token


def _fence(claim: Claim, token: int) -> Fence:
    return Fence(1 if claim.trial is None else claim.trial.attempt, token)


# -- enqueued values: what ``enqueue_trial`` fixes for one trial takes the place of the proposal ---------------------

_TRIES = 200


def apply_enqueued_values(
    space: Space, row: Sequence[float], fixed: Mapping[str, Any], rng: np.random.Generator
) -> list[float]:
    """Return the proposal with the fixed values in place of its own.

    A parameter that becomes active by a fixed value gets the value of a random point. Where constraints are violated,
    the free parameters are drawn anew; if no draw helps, what the user asked for comes first.

    Args:
        space: the space of the row.
        row: the proposed internal values, [d].
        fixed: values by name; names that the space does not know, or values outside it, are left to the trial.
        rng: where the values of newly active parameters come from.
    """
    index = {n: i for i, n in enumerate(space.names)}
    known = {
        index[n]: space.params[n].to_internal(v) for n, v in fixed.items() if n in index and space.params[n].contains(v)
    }
    first = _overlay(space, np.array(row, float), known, rng)
    x = first
    for _ in range(_TRIES):
        if bool(space.feasible(x[None])[0]):
            return [float(v) for v in x]
        x = _overlay(space, space.from_unit(rng.random((1, len(space))))[0], known, rng)
    return [float(v) for v in first]


def _overlay(
    space: Space, x: NDArray[np.float64], known: Mapping[int, float], rng: np.random.Generator
) -> NDArray[np.float64]:
    params = list(space.params.values())
    spare = rng.random(len(space))
    full = np.array([float(p.from_unit(spare[i : i + 1])[0]) for i, p in enumerate(params)])
    x = np.where(np.isnan(x), full, x)
    for i, v in known.items():
        x[i] = v
    masked: NDArray[np.float64] = space.mask(x[None])[0]
    return masked


def check_distributions(given: Any) -> None:
    """Raise TypeError unless ``ask(fixed_distributions=...)`` is given parameters by name."""
    if not isinstance(given, Mapping) or not all(
        isinstance(name, str) and isinstance(p, Parameter | NestedChoice) for name, p in given.items()
    ):
        raise TypeError(f"fixed_distributions takes a dict of parameters (Float, Int, ...) by name; got {shown(given)}")


def check_enqueued(params: Any) -> dict[str, Any]:
    """Return what ``enqueue_trial`` was given; TypeError unless it is a mapping by name."""
    if not isinstance(params, Mapping) or not all(isinstance(name, str) for name in params):
        raise TypeError(f"enqueue_trial takes a dict of values by parameter name; got {shown(params)}")
    return dict(params)
