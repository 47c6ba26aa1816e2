"""A study as this process knows it: settings, history, records and attributes, and the running trials it asked for."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from operator import mul
from types import MappingProxyType
from typing import Any

import numpy as np

from tunesmith.errors import StorageError, StorageUnavailableError
from tunesmith.foundation.states import FailureKind, StudyDirection, TrialState
from tunesmith.foundation.storable import storable
from tunesmith.history import History
from tunesmith.history.costs import GIVEN, START, TRIAL, CostClass, class_of_starts, class_of_trials, step_cost
from tunesmith.space import Space
from tunesmith.storage.base import Increment, Others, Storage, StudyRecord
from tunesmith.study.engine.metrics import VALUE, metric_of, value_of, with_metrics
from tunesmith.study.warm_start import WARM_START, decode_warm_start
from tunesmith.trial import Trial
from tunesmith.trial.record import NOISE, Fence, TrialRecord
from tunesmith.trial.running import Link

PRIORS = "priors"  # the system attribute that is false where names are to mean nothing
CAN_RESUME = "can_resume"  # the system attribute that says that the objective saves checkpoints
STOPPED_ATTR = "stopped"  # the system attribute that says why the search ended by itself
ASKS = "asks"  # the system attribute that says that the objective asks whether its trials shall stop
ENDS_EARLY = "ends_early"  # the one that says that loops end by their patience
COSTS = "costs"  # the one that holds what was found out about costs, see `tunesmith.history.costs`
CHECKED_ATTR = "checked"  # the one that holds what the last check for that left
RECORDS_AT_ONCE = 2048  # records that are in memory at a time
STALE_VERSION = -1  # the version of a history that must be read again
BETWEEN_ATTEMPTS = (TrialState.PAUSED, TrialState.WAITING)  # two attempts
RUNS_TIMED = 16  # of the first runs, whose starts are looked at
FOUND_OUT_ONCE = "this was found out once, and is stored with the study"
_log = logging.getLogger("tunesmith")


@dataclass(slots=True)
class RunningTrial:
    """A trial between ask and tell.

    Attributes:
        trial: what the objective gets.
        record: what the storage got at its start.
        began: when it started, by the monotonic clock; None: another process started it.
    """

    trial: Trial
    record: TrialRecord
    began: float | None = None


class StudyReplica:
    """The in-memory copy of a study, and the way to what its storage has of it.

    Attributes:
        signs: 1 for an objective that is minimised, -1 for one that is maximised; `sign` is that of the first.
        lock: to be held by whatever reads or writes the history.
        declared: whether the space was declared, and does not grow with the trials.
        history: what samplers learn from, as of the last ``sync``.
        cursor: the `seq` of the last finished trial in it.
        version: the study's change counter that it stands for.
        next_number: the lowest trial number that is free, as far as is known here.
        running: the running trials that this object asked for.
        claimed: the number of a trial that this object has claimed and not started; it is not in the history.
        asks: whether the objective asks whether its trials shall stop.
        metric: the names of the metrics that are its values; empty: the first ones.
        value: which report is the result of a trial; None: what the objective returns.
        ends_early: whether loops of the objective end by their patience.
        restarted: the trials in the history that were begun more than once.
        stopped: why the search ended by itself the last time; None if it did not.
        checked: what the last look whether it has converged left; None: there was none.
    """

    def __init__(self, record: StudyRecord, storage: Storage) -> None:
        self.study_name = record.name
        self.study_id = record.id
        self.storage = storage
        self.seed = record.seed
        self.directions = [StudyDirection(d) for d in record.directions]
        self.signs = tuple(1.0 if d == "minimize" else -1.0 for d in record.directions)
        self.sign = self.signs[0]
        self.lock = threading.RLock()
        self.running: dict[int, RunningTrial] = {}
        self.claimed: int | None = None
        self.history = History(None, len(self.signs))
        self.history.warm_start = decode_warm_start(record.system.get(WARM_START))
        self.history.priors = bool(record.system.get(PRIORS, True))
        self.history.curves.can_resume = bool(record.system.get(CAN_RESUME))
        self.history.curves.signs = self.signs
        self._take_costs(record.system.get(COSTS))
        self.asks = bool(record.system.get(ASKS))
        self.metric = metric_of(record.system)
        self.value = value_of(record.system)
        self.ends_early = bool(record.system.get(ENDS_EARLY))
        self.stopped: dict[str, Any] | None = record.system.get(STOPPED_ATTR)
        self.checked: dict[str, Any] | None = record.system.get(CHECKED_ATTR)
        self.reset(record.space)

    def reset(self, space: Space | None) -> None:
        """Forget what was read, so that it is read again; search `space` from now on."""
        self.declared = space is not None
        self.history = self.history.emptied(space)
        self.cursor = 0
        self.version = STALE_VERSION
        self.next_number = 0
        self.restarted: set[int] = set()
        self._ahead: set[int] = set()  # trials in the history that will be read yet
        self._read = -math.inf  # when the history was read the last time
        self._pointless: set[int] = set()  # running trials whose points were not known yet
        self._others: Others | None = None  # what those of others had reported before that

    def age(self) -> float:
        """Return how many seconds ago the history was read."""
        return time.monotonic() - self._read

    def sync(self) -> None:
        """Read what other workers recorded."""
        self.take_in(self.storage.read_since(self.study_id, self.cursor))
        self._read = time.monotonic()

    def read_moment(self) -> tuple[StudyRecord, list[TrialRecord]]:
        """Read what other workers recorded; return what the storage has of the study, and the waiting trials."""
        found = self.storage.moment(self.study_id, self.cursor)
        self.take_in(found.increment)
        self._read = time.monotonic()
        return found.record, found.waiting

    def catch_up(self) -> None:
        """Do what `sync` does, unless all that happened since the last time is what this object has itself done."""
        activity = self.storage.activity(self.study_id, self.running)
        if activity is None or activity.version != self.version or activity.others != self._others:
            self.sync()
            self._others = None if activity is None else activity.others

    def take_in(self, new: Increment) -> None:
        """Add to the history what was recorded since the cursor."""
        history = self.history
        if self._ahead:
            new = new.without(self._ahead)
            self._ahead.difference_update(new.left_out)
        for number in new.number[new.attempt > 1].tolist() + [t.number for t in new.running if t.attempt > 1]:
            history.curves.drop(number)  # what an earlier attempt reported may be repeated by now
            self.restarted.add(number)
        history.extend(
            new.number,
            new.state,
            new.values * np.array(self.signs),
            [(b.space, b.at, b.x) for b in new.blocks],
            sampler_state=new.sampler_state,
            cost=new.cost,
            failure=new.failure,
            constraints=new.constraints,
            noise=new.noise,
        )
        running = {t.number: t for t in new.running if t.number != self.claimed}
        self.claimed = None
        paused = {t.number: t for t in new.paused}
        for number in (*history.running, *history.paused):
            if number not in running and number not in paused:
                history.end(number)
        known = set(history.running)
        for number, t in running.items():
            if number not in known or number in self._pointless:
                history.begin(number, t.space, t.x, t.sampler_state)
        self._pointless = {number for number, t in running.items() if t.x is None}
        for number, step, value, cost in new.reports:
            history.curves.append(number, step, history.curves.minimised(value), cost)
        for number, t in paused.items():
            history.pause(number, t.space, t.x, t.sampler_state)
            if t.attempt > 2:  # a pause counts one on
                self.restarted.add(number)
        if new.reports:  # else `extend` has closed them
            for number, state in zip(new.number.tolist(), new.state.tolist(), strict=True):
                history.curves.close(number, TrialState(state))
        self.cursor, self.version = new.cursor, new.version
        begun = (k + 1 for k in (*running, *paused))
        self.next_number = max([self.next_number, *begun, int(new.number.max(initial=-1)) + 1])

    def note_checkpoint(self) -> None:
        """Note that the objective saves checkpoints, so that its runs can go on where they were paused."""
        if not self.history.curves.can_resume:
            self.history.curves.can_resume = True
            self.storage.set_attr(self.study_id, None, CAN_RESUME, True, system=True)

    def note_asks(self) -> None:
        """Note that the objective asks whether its trials shall stop."""
        if not self.asks:
            self.asks = True
            self.set_system_attr(ASKS, True)

    def note_result(self, link: Link) -> None:
        """Note what the objective of a trial said in `epochs`: which report counts, and that loops end early."""
        with suppress(StorageUnavailableError):  # the next one that ends notes it
            if self.value is None and link.value is not None:
                self.value = self.change_system_attr(VALUE, lambda present: present or link.value)
            if link.planned is not None and not self.ends_early:
                self.set_system_attr(ENDS_EARLY, True)
                self.ends_early = True

    def note_costs_given(self) -> None:
        """Note that the objective says what its reports cost, so that nothing is measured."""
        self.history.curves.costs_given = True
        self.keep_cost(GIVEN, True)

    def keep_cost(self, what: str, value: Any) -> bool:
        """Store how dear trials or starts are, unless another process did; tell whether this one did."""
        added = False

        def unless_there(present: Any) -> Any:
            nonlocal added
            known = present if isinstance(present, dict) else {}
            added = what not in known
            return {**known, what: value} if added else present

        self._take_costs(self.change_system_attr(COSTS, unless_there))
        return added

    def _take_costs(self, stored: Any) -> None:
        known = stored if isinstance(stored, dict) else {}
        self.history.curves.costs_given = bool(known.get(GIVEN))
        self.history.classes = {
            what: CostClass(known[what]) for what in (TRIAL, START) if known.get(what) in list(CostClass)
        }

    def know_trials(self) -> None:
        """See to it that the study knows how dear a trial is, if its costs say so."""
        history = self.history
        if TRIAL not in history.classes and (found := class_of_trials(history.cost, history.state)) is not None:
            with suppress(StorageUnavailableError):  # until it is there, samplers find the same
                if self.keep_cost(TRIAL, found.value):
                    _log.info("a trial is %s, by what the first ones cost; %s", found, FOUND_OUT_ONCE)

    def know_starts(self) -> None:
        """See to it that the study knows how dear a start is, once a run is complete.

        Each attempt tells by itself: its first report pays for a start, the others tell the cost of one. So it does not
        matter on which machine it ran, and whether its trial was interrupted.
        """
        curves = self.history.curves
        if curves.costs_given or START in self.history.classes or not curves.longest_complete:
            return
        timed = [number for number in sorted(curves.numbers)[:RUNS_TIMED] if len(curves.known_costs(number)) > 1]
        starts, shares = [], []
        for trial in self.trials(timed) if timed else ():
            for costs in (*(attempt.costs for attempt in trial.previous_attempts), trial.costs or {}):
                reports = dict(enumerate(costs[step] for step in sorted(costs)))
                rate = step_cost(list(reports), reports)  # of a report, however far apart their steps are
                if rate:
                    starts.append(max(reports[0] - rate, 0.0))
                    shares.append(starts[-1] / (rate * curves.longest_complete))
        if (found := class_of_starts(starts, shares)) is not None and self.keep_cost(START, found.value):
            _log.info("a start is %s beside a full run, by the first %d; %s", found, len(starts), FOUND_OUT_ONCE)

    def add_pause(self, paused: TrialRecord, version: int) -> None:
        """Note that a trial of this object was paused."""
        self.history.pause(paused.number, paused.space, paused.x, paused.sampler_state)
        if paused.attempt > 1:
            self.restarted.add(paused.number)
        if version == self.version + 1:
            self.version = version

    def add_end(self, done: TrialRecord, seq: int, version: int) -> None:
        """Add a trial that this object ended, unless others recorded something since the last ``sync``.

        Where the storage gives places later, it is added in any case, and left out when it is read.
        """
        later = not self.storage.prompt
        if later or (seq == self.cursor + 1 and version == self.version + 1):
            y = None if done.values is None else list(map(mul, done.values, self.signs))
            self.history.append(
                done.number,
                done.state,
                done.space,
                done.x,
                y,
                sampler_state=done.sampler_state,
                cost=done.cost,
                failure=done.failure or 0,
                constraints=done.constraints,
                noise=done.system[NOISE] if done.system and NOISE in done.system else None,
            )
            if done.attempt > 1:
                self.restarted.add(done.number)
            if later:
                self._ahead.add(done.number)
            else:
                self.cursor, self.version = seq, version

    # -- records ---------------------------------------------------------------------------------------------------

    def current_history(self) -> History:
        """Return the history, up to date."""
        with self.lock:
            self.sync()
            return self.history

    def trials(
        self, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[TrialRecord]:
        """Return the records by number, optionally only those of some numbers or in some states."""
        return self.storage.trials(self.study_id, numbers, states)

    def in_parts(self, numbers: Sequence[int]) -> Iterator[list[TrialRecord]]:
        """Yield the records of trials that must be there, some at a time: a million of them would fill the memory.

        Args:
            numbers: of the trials, rising; where there are none, one empty part comes.

        Yields:
            records by number.

        Raises:
            StorageError: a trial is not there.
        """
        for start in range(0, max(len(numbers), 1), RECORDS_AT_ONCE):
            try:
                yield self.trials(list(numbers[start : start + RECORDS_AT_ONCE]))
            except KeyError as error:
                raise StorageError(f"{error.args[0]}; `tunesmith doctor` lists what is damaged") from None

    def give_back(self, fences: dict[int, Fence], failure: FailureKind | None = None) -> None:
        """Let running trials be run again, given what their writes carry by number, and why their attempts ended."""
        self.storage.release(self.study_id, fences, failure)
        for number in fences:
            self.running.pop(number, None)
        self.version = STALE_VERSION

    def add(self, trials: Sequence[TrialRecord]) -> list[int]:
        """Add finished or waiting trials, with what they logged; return their numbers."""
        return self.storage.add(self.study_id, with_metrics(trials))

    def best(self) -> TrialRecord | None:
        """Return the best feasible complete trial by the first objective, or None."""
        return self.storage.best(self.study_id, self.directions[0].value)

    def count(self) -> dict[TrialState, int]:
        """Return how many trials there are in each state."""
        return self.storage.count(self.study_id)

    def tally(self) -> str:
        """Return how many trials there are in each state, in words."""
        return tally_of(self.count())

    def none_complete(self) -> ValueError:
        """Return the error that says that no trial is complete and feasible yet."""
        return none_complete(self.study_name, self.tally())

    def check_single_objective(self, name: str, instead: str) -> None:
        """Raise RuntimeError if there are several objectives, for `name` is not for them and `instead` is."""
        if len(self.signs) > 1:
            raise RuntimeError(f"study.{name} is for one objective; this study has {len(self.signs)}: use .{instead}")

    # -- attributes ----------------------------------------------------------------------------------------------

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """User attributes of the study (read-only)."""
        return MappingProxyType(self.storage.load_study(self.study_name).user)

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """Attributes of tunesmith's own (read-only)."""
        return MappingProxyType(self.storage.load_study(self.study_name).system)

    def set_user_attr(self, key: str, value: Any) -> None:
        """Set a user attribute of the study."""
        self.storage.set_attr(self.study_id, None, key, storable(key, value))

    def set_system_attr(self, key: str, value: Any, number: int | None = None) -> None:
        """Set an attribute of tunesmith's own, of a trial or of the study (number None)."""
        self.storage.set_attr(self.study_id, number, key, storable(key, value), system=True)

    def change_system_attr(self, key: str, change: Callable[[Any], Any]) -> Any:
        """Change an attribute of tunesmith's own by a function of its value; see `Storage.change_study_attr`."""
        return self.storage.change_study_attr(self.study_id, key, change)

    def set_trial_attr(self, number: int, key: str, value: Any) -> None:
        """Set a user attribute of a trial, whoever runs it."""
        self.storage.set_attr(self.study_id, number, key, value)

    def set_stopped(self, stopped: dict[str, Any] | None) -> None:
        """Store why the search ended by itself; None: it goes on."""
        if stopped is not None or self.stopped is not None:
            self.stopped = stopped
            self.set_system_attr(STOPPED_ATTR, stopped)

    def set_checked(self, checked: dict[str, Any]) -> None:
        """Store what a look whether the search has converged left, for the next one."""
        self.checked = checked
        self.set_system_attr(CHECKED_ATTR, checked)


def none_complete(name: str, tally: str) -> ValueError:
    """Return the error that says that no trial of a study is complete and feasible yet."""
    return ValueError(f"the study {name!r} has no complete feasible trial yet: {tally}")


def tally_of(counts: Mapping[TrialState, int]) -> str:
    """Return how many trials there are in each state, in words."""
    return ", ".join(f"{n} {s.name}" for s, n in sorted(counts.items()) if n) or "no trials"


def as_shown(trials: list[TrialRecord]) -> list[TrialRecord]:
    """Return records as users see them: one between two attempts has what the last one reported."""
    return [_with_last_reports(t) if t.previous_attempts and t.state in BETWEEN_ATTEMPTS else t for t in trials]


def _with_last_reports(trial: TrialRecord) -> TrialRecord:
    shown = copy(trial)
    last = next((attempt for attempt in reversed(trial.previous_attempts) if attempt.reports), None)
    if last is not None:
        shown.reports, shown.costs = dict(last.reports), dict(last.costs) or None
    return shown
