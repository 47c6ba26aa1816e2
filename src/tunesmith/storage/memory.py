"""`MemoryStorage`: studies in the memory of this process.

`start` and `finish` keep the records that they get, without a copy, and readers get the same records. A record is
replaced when its state changes, so that one that a reader has stays as it was.
"""

from __future__ import annotations

import copy
import heapq
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.artifacts.record import Artifact, PointerTable
from tunesmith.errors import AttemptReplacedError, DuplicatedStudyError
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.storable import storable_items
from tunesmith.foundation.warnings import caution
from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.storage import checks
from tunesmith.storage.base import Block, Claim, Increment, Storage, StudyRecord
from tunesmith.trial.metrics import Metrics, joined
from tunesmith.trial.record import LATE_RESULT, NAN, NOISE, Attempt, Fence, ReadsMetrics, TrialRecord

_RUNNING = TrialState.RUNNING
WHERE = "this storage in memory"
_COMPLETE = TrialState.COMPLETE


class MemoryStorage(Storage):
    """Keeps studies for as long as the object lives.

    Example:
        ```python
        from tunesmith import create_study
        from tunesmith.storage.memory import MemoryStorage

        storage = MemoryStorage()
        study = create_study(storage=storage, study_name="mine")
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=5)
        print(storage.count(storage.load_study("mine").id))
        ```
    """

    name = "memory"
    only_here = True

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._books: dict[int, StudyBook] = {}
        self._tables: dict[int, PointerTable] = {}
        self._folder: str | None = None
        self._ids: dict[str, int] = {}
        self._next_id = 1

    # -- studies -----------------------------------------------------------------------------------------------

    def create_study(
        self, name: str | None, directions: Sequence[str], seed: int, space: Space | None = None
    ) -> StudyRecord:
        directions = checks.check_study(name, directions, seed)
        with self._lock:
            name = name or checks.new_name()
            if name in self._ids:
                raise DuplicatedStudyError(
                    f"{WHERE} already holds a study {name!r}; choose another name or pass load_if_exists=True"
                )
            record = StudyRecord(self._next_id, name, directions, seed, space, time.time())
            self._next_id += 1
            self._books[record.id] = StudyBook(record, len(directions), self.reads_metrics(record.id))
            self._ids[name] = record.id
            return copy_record(record)

    def load_study(self, name: str | None) -> StudyRecord:
        with self._lock:
            if name is None and len(self._ids) == 1:
                name = next(iter(self._ids))
            if name is None or name not in self._ids:
                raise checks.study_not_found(name, self._ids, WHERE)
            return copy_record(self._books[self._ids[name]].record)

    def list_studies(self) -> list[StudyRecord]:
        with self._lock:
            return [copy_record(book.record) for book in self._books.values()]

    def delete_study(self, study_id: int) -> None:
        with self._opened(study_id) as book:
            del self._books[study_id], self._ids[book.record.name]
            self._tables.pop(study_id, None)

    def rename_study(self, study_id: int, name: str) -> None:
        checks.check_name(name)
        with self._opened(study_id) as book:
            record = book.record
            if self._ids.get(name, study_id) != study_id:
                raise checks.name_taken(name, WHERE)
            del self._ids[record.name]
            self._ids[name], record.name = study_id, name

    def set_space(self, study_id: int, space: Space) -> None:
        with self._opened(study_id) as book:
            book.record.space = space

    # -- a trial's way -----------------------------------------------------------------------------------------

    def claim(
        self, study_id: int, worker: str, reserve: bool = False, token: int = 0, below: int | None = None
    ) -> Claim:
        with self._lock:
            book = self._book(study_id)
            number = book.waiting[0] if book.waiting else len(book.trials)
            if below is not None and number >= below:
                raise checks.trials_spent(below)
            if book.waiting:
                heapq.heappop(book.waiting)
                return self._begin_again(book, book.trials[number], worker, token)
            if reserve:
                trial = TrialRecord(number, _RUNNING, worker=worker, token=token, started=time.time())
                trial.read_metrics = book.reads_metrics
                book.trials.append(trial)
                book.running[number] = trial
                book.version += 1
                return Claim(number, book.version, True)
            return Claim(number, book.version)

    def _begin_again(self, book: StudyBook, left: TrialRecord, worker: str, token: int) -> Claim:
        """Make a trial RUNNING that waits or is paused."""
        trial = copy_trial(left)
        trial.state, trial.worker, trial.token, trial.started = _RUNNING, worker, token, time.time()
        book.trials[trial.number] = book.running[trial.number] = trial
        book.version += 1
        return Claim(trial.number, book.version, True, copy_trial(trial))

    def start(self, study_id: int, claim: Claim, trial: TrialRecord) -> int | None:
        number = claim.number
        with self._lock:
            book = self._book(study_id)
            if claim.reserved:
                old = book.running.get(number)
                if old is None or old.attempt != trial.attempt or old.token != trial.token:
                    return None
                carry_over(old, trial)
                book.trials[number] = trial
            elif number == len(book.trials):
                book.trials.append(trial)
            else:
                started = book.running.get(number)
                is_same = trial.token and started is not None and started.fence == trial.fence
                return book.version if is_same else None
            book.running[number] = trial
            trial.read_metrics = book.reads_metrics
            book.version += 1
            return book.version

    def report(self, study_id: int, number: int, fence: Fence, step: int, value: Reported, cost: float = NAN) -> None:
        with self._lock:
            book = self._book(study_id)
            trial = book.running.get(number)
            if trial is None or trial.attempt != fence.attempt or trial.token != fence.token:
                if 0 <= number < len(book.trials):
                    checks.refuse_replaced(book.trials[number], fence)
                return
            if trial.reports is None:
                trial.reports = {}
            if step not in trial.reports:
                trial.reports[step] = value
                if cost == cost:
                    trial.costs = trial.costs or {}
                    trial.costs[step] = cost

    def log(self, study_id: int, number: int, fence: Fence, metrics: Metrics) -> None:
        with self._lock:
            book = self._book(study_id)
            trial = book.running.get(number)
            if trial is not None and trial.fence == fence:
                book.log(number, fence.attempt, metrics)
            elif 0 <= number < len(book.trials):
                checks.refuse_replaced(book.trials[number], fence)

    def metrics(
        self, study_id: int, numbers: Sequence[int] | None = None, names: Sequence[str] | None = None
    ) -> dict[int, Metrics]:
        with self._opened(study_id) as book:
            chosen = book.metrics if numbers is None else [number for number in numbers if number in book.metrics]
            found = {number: [list(book.metrics[number][a]) for a in sorted(book.metrics[number])] for number in chosen}
        if names is not None:
            found = {
                number: [[{n: piece[n] for n in names if n in piece} for piece in pieces] for pieces in attempts]
                for number, attempts in found.items()
            }
        return {number: whole for number in sorted(found) if (whole := joined(found[number]))}

    def logged(self, study_id: int, name: str | None = None) -> dict[str, NDArray[np.int64]]:
        numbers: dict[str, list[int]] = {}
        with self._opened(study_id) as book:
            for number in sorted(book.metrics):
                pieces = (piece for attempt in book.metrics[number].values() for piece in attempt)
                for own in {own for piece in pieces for own in piece}:
                    numbers.setdefault(own, []).append(number)
        return {own: np.array(numbers[own], np.int64) for own in sorted(numbers) if name in (None, own)}

    def pause(self, study_id: int, trial: TrialRecord) -> int:
        number = trial.number
        with self._opened(study_id) as book:
            old = book.running.get(number)
            if old is None or old.fence != trial.fence:
                checks.check_paused_before(trial, self._trial(book, number))
                return book.version
            carry_over(old, trial)
            if trial.logged:
                book.take_metrics(trial)
            del book.running[number]
            paused = after_attempt(trial, None)
            paused.state, paused.worker, paused.started = TrialState.PAUSED, "", NAN
            book.trials[number] = book.paused[number] = paused
            book.version += 1
            return book.version

    def resume(self, study_id: int, number: int, worker: str, token: int = 0) -> Claim | None:
        with self._opened(study_id) as book:
            paused = book.paused.pop(number, None)
            if paused is None:
                return None
            return self._begin_again(book, paused, worker, token)

    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int]:
        number = trial.number
        with self._lock:
            book = self._book(study_id)
            values = trial.values
            # The common end of a trial, one value that is not NaN, needs no check.
            if trial.state is not _COMPLETE or book.m != 1 or not values or len(values) != 1 or values[0] != values[0]:
                checks.check_finished(trial, book.m)
            old = book.running.get(number)
            if old is None or old.attempt != trial.attempt or old.token != trial.token:
                return self._finished_before(book, trial)
            if old.user is not None or old.system is not None or old.reports is not None or old.attempt > 1:
                carry_over(old, trial)
            trial.read_metrics = book.reads_metrics
            if trial.logged:
                book.take_metrics(trial)
            del book.running[number]
            book.trials[number] = trial
            book.finished.append(trial)
            trial.seq = seq = len(book.finished)
            book.version += 1
            return seq, book.version

    def _finished_before(self, book: StudyBook, trial: TrialRecord) -> tuple[int, int]:
        """Return the place of an end that is recorded already; refuse one that is late, and keep it as a note."""
        stored = self._trial(book, trial.number)
        try:
            checks.check_finished_before(trial, stored)
        except AttemptReplacedError:
            note_late(stored, trial)
            raise
        return stored.seq, book.version

    def add(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        with self._opened(study_id) as book:
            checks.check_added(trials, book.m)
            numbers = []
            twins = [copy_trial(given) for given in trials]
            for trial in twins:  # all of them before any is added
                trial.user, trial.system = storable_items(trial.user), storable_items(trial.system)
            for trial in twins:
                curve = trial.learning_curve()
                trial.reports = {step: value for step, (value, _) in curve.items()} or None
                trial.costs = {step: cost for step, (_, cost) in curve.items() if cost == cost} or None
                trial.number, trial.attempt, trial.seq = len(book.trials), 1, 0
                trial.previous_attempts, trial.crashes = (), 0
                trial.read_metrics = book.reads_metrics
                if trial.logged:
                    book.take_metrics(trial)
                book.trials.append(trial)
                numbers.append(trial.number)
                if trial.state is TrialState.WAITING:
                    trial.values, trial.reports, trial.costs, trial.worker = None, None, None, ""
                    heapq.heappush(book.waiting, trial.number)
                else:
                    book.finished.append(trial)
                    trial.seq = len(book.finished)
            book.version += bool(trials)
            return numbers

    def release(self, study_id: int, fences: Mapping[int, Fence], failure: FailureKind | None = None) -> None:
        with self._opened(study_id) as book:
            changed = False
            for number, fence in fences.items():
                running = book.running.get(number)
                if running is None or running.fence != fence:
                    continue
                del book.running[number]
                trial = book.trials[number] = after_attempt(running, failure)
                trial.state, trial.worker, trial.started = TrialState.WAITING, "", NAN
                heapq.heappush(book.waiting, number)
                changed = True
            book.version += changed

    def renew(self, study_id: int, number: int, fence: Fence, token: int, failure: FailureKind | None = None) -> Fence:
        with self._opened(study_id) as book:
            running = book.running.get(number)
            if running is None or running.fence != fence:
                trial = self._trial(book, number)
                raise checks.attempt_replaced(number, fence.attempt, trial.attempt)
            trial = book.trials[number] = book.running[number] = after_attempt(running, failure)
            trial.token, trial.started = token, time.time()
            book.version += 1
            return trial.fence

    def beat(self, worker: str) -> None:
        """Do nothing: all workers are this process, and live."""

    def expired(self, study_id: int) -> list[TrialRecord]:
        with self._opened(study_id):
            return []

    # -- reading and attributes --------------------------------------------------------------------------------

    def read_since(self, study_id: int, cursor: int) -> Increment:
        with self._opened(study_id) as book:
            return book.since(cursor)

    def trials(
        self, study_id: int, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[TrialRecord]:
        with self._opened(study_id) as book:
            if numbers is None:
                found = list(book.trials)
            else:
                found = [self._trial(book, number) for number in sorted(set(numbers))]
        return found if states is None else [t for t in found if t.state in states]

    def best(self, study_id: int, direction: str) -> TrialRecord | None:
        checks.check_direction(direction)
        sign = 1.0 if direction == "minimize" else -1.0
        with self._opened(study_id) as book:
            seen, best = book.best.get(direction, (0, None))
            for t in book.finished[seen:]:
                if t.state is not _COMPLETE or t.values is None or not t.feasible:
                    continue
                rank = (sign * t.values[0], t.number)
                if best is None or best.values is None or rank < (sign * best.values[0], best.number):
                    best = t
            book.best[direction] = (len(book.finished), best)
            return best

    def count(self, study_id: int) -> dict[TrialState, int]:
        with self._opened(study_id) as book:
            for t in book.finished[book.counted :]:
                book.counts[t.state] = book.counts.get(t.state, 0) + 1
            book.counted = len(book.finished)
            live = {
                TrialState.RUNNING: len(book.running),
                TrialState.WAITING: len(book.waiting),
                TrialState.PAUSED: len(book.paused),
            }
            return {state: n for state, n in {**book.counts, **live}.items() if n}

    def set_attr(
        self, study_id: int, number: int | None, key: str, value: Any, system: bool = False, fence: Fence | None = None
    ) -> None:
        with self._opened(study_id) as book:
            if number is None:
                (book.record.system if system else book.record.user)[key] = value
                return
            trial = self._trial(book, number)
            if fence is not None:
                checks.refuse_replaced(trial, fence)
            if system:
                trial.system = {**(trial.system or {}), key: value}
            else:
                trial.user = {**(trial.user or {}), key: value}

    def change_study_attr(self, study_id: int, key: str, change: Callable[[Any], Any]) -> Any:
        with self._opened(study_id) as book:
            system = book.record.system
            present = system.get(key)
            if (new := change(present)) is not present:
                system[key] = new
            return new

    # -- artifacts ---------------------------------------------------------------------------------------------

    def put_artifact(
        self, study_id: int, artifact: Artifact, fence: Fence | None = None
    ) -> tuple[Artifact, list[str]] | None:
        with self._opened(study_id) as book:
            attempt = self._attempt(book, artifact.number, fence)
            return self._pointers(study_id).put(replace(artifact, attempt=attempt))

    def artifacts(self, study_id: int) -> list[Artifact]:
        with self._opened(study_id):
            return self._pointers(study_id).all()

    def artifacts_of(self, study_id: int, number: int | None) -> list[Artifact]:
        with self._opened(study_id):
            return self._pointers(study_id).of(number)

    def remove_artifact(self, study_id: int, number: int | None, name: str, fence: Fence | None = None) -> list[str]:
        with self._opened(study_id) as book:
            self._attempt(book, number, fence)
            return self._pointers(study_id).remove(number, name)

    def artifact_folder(self) -> str:
        from tunesmith.artifacts.scratch import temporary_folder  # most studies need none

        with self._lock:
            if self._folder is None:
                self._folder = temporary_folder(self)
            return self._folder

    # -- inside ------------------------------------------------------------------------------------------------

    def _book(self, study_id: int) -> StudyBook:
        book = self._books.get(study_id)
        if book is None:
            raise checks.study_gone(study_id, WHERE)
        return book

    @contextmanager
    def _opened(self, study_id: int) -> Iterator[StudyBook]:
        """Lock the storage and give a study; where every trial comes by, that is written out."""
        with self._lock:
            yield self._book(study_id)

    def _attempt(self, book: StudyBook, number: int | None, fence: Fence | None) -> int:
        if number is None:
            return 0
        trial = self._trial(book, number)
        if fence is not None:
            checks.refuse_replaced(trial, fence)
        return trial.attempt

    def _trial(self, book: StudyBook, number: int) -> TrialRecord:
        if not 0 <= number < len(book.trials):
            raise KeyError(f"the study {book.record.name!r} has no trial {number}; it has {len(book.trials)} trials")
        return book.trials[number]

    def _pointers(self, study_id: int) -> PointerTable:
        return self._tables.setdefault(study_id, PointerTable())

    def __getstate__(self) -> dict[str, Any]:
        if any(table.all() for table in self._tables.values()):
            caution("a copy of a study in memory has none of its artifacts; with a storage= it would have them")
        return {k: v for k, v in self.__dict__.items() if k != "_lock"} | {"_tables": {}, "_folder": None}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, _lock=threading.Lock())
        for study_id, book in self._books.items():
            book.reads_metrics = self.reads_metrics(study_id)


# -- one study, and what becomes of its records -----------------------------------------------------------------------


@dataclass(slots=True)
class StudyBook:
    """One study: all trials by number, the finished ones by seq, the running and the waiting ones."""

    record: StudyRecord
    m: int
    reads_metrics: ReadsMetrics
    version: int = 0
    trials: list[TrialRecord] = field(default_factory=list)
    finished: list[TrialRecord] = field(default_factory=list)
    running: dict[int, TrialRecord] = field(default_factory=dict)
    paused: dict[int, TrialRecord] = field(default_factory=dict)
    waiting: list[int] = field(default_factory=list)  # a heap
    # What `best` and `count` found, and how many of `finished` they have seen: a finish need not update them.
    best: dict[str, tuple[int, TrialRecord | None]] = field(default_factory=dict)
    counted: int = 0
    counts: dict[TrialState, int] = field(default_factory=dict)
    metrics: dict[int, dict[int, list[Metrics]]] = field(default_factory=dict)  # by number and attempt, as written

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        self.metrics = {}  # pickles of before have none
        for name, value in state[1].items():
            setattr(self, name, value)

    def log(self, number: int, attempt: int, metrics: Metrics) -> None:
        """Keep metrics of an attempt."""
        self.metrics.setdefault(number, {}).setdefault(attempt, []).append(metrics)

    def take_metrics(self, trial: TrialRecord) -> None:
        """Keep the metrics that come with a record."""
        if trial.logged:
            self.log(trial.number, trial.attempt, trial.logged)
        trial.logged = None

    def since(self, cursor: int) -> Increment:
        """Return what was recorded since a cursor; called under the storage's lock, for trials go on reporting."""
        new, running, m = self.finished[cursor:], list(self.running.values()), self.m
        paused = list(self.paused.values())
        reports = [
            (t.number, step, value, cost)
            for t in (*new, *running, *paused)
            if t.reports or t.previous_attempts
            for step, (value, cost) in t.learning_curve().items()
        ]
        nothing = (NAN,) * m
        groups: dict[int, tuple[Space | None, list[int]]] = {}
        for i, t in enumerate(new):
            if t.space is not None and t.x is not None:
                groups.setdefault(id(t.space), (t.space, []))[1].append(i)
        return Increment(
            cursor=len(self.finished),
            version=self.version,
            number=np.array([t.number for t in new], np.int64),
            state=np.array([t.state for t in new], np.int8),
            sampler_state=np.array([t.sampler_state for t in new], np.int64),
            attempt=np.array([t.attempt for t in new], np.int64),
            cost=np.array([t.cost for t in new], np.float64),
            failure=np.array([t.failure or 0 for t in new], np.int8),
            values=np.array([nothing if t.values is None else t.values for t in new], np.float64).reshape(-1, m),
            blocks=[
                Block(space, np.array(at, np.int64), np.array([new[i].x for i in at], np.float64))
                for space, at in groups.values()
            ],
            constraints={i: t.constraints for i, t in enumerate(new) if t.constraints},
            noise={i: t.system[NOISE] for i, t in enumerate(new) if t.system and NOISE in t.system},
            reports=reports,
            running=running,
            paused=paused,
        )


def copy_record(record: StudyRecord) -> StudyRecord:
    """Return a copy of a study's record."""
    return replace(record, user=dict(record.user), system=dict(record.system))


def copy_trial(trial: TrialRecord) -> TrialRecord:
    """Return a copy of a record."""
    twin = copy.copy(trial)
    twin.user, twin.system = dict(trial.user) if trial.user else None, dict(trial.system) if trial.system else None
    twin.reports = dict(trial.reports) if trial.reports else None
    twin.costs = dict(trial.costs) if trial.costs else None
    return twin


def after_attempt(trial: TrialRecord, failure: FailureKind | None) -> TrialRecord:
    """Return a copy of a running trial at its next attempt, with what this one leaves."""
    twin = copy_trial(trial)
    late = None if twin.system is None else twin.system.pop(LATE_RESULT, None)
    left = Attempt(
        trial.attempt,
        dict(twin.reports or {}),
        dict(twin.user or {}),
        failure,
        trial.worker,
        late,
        costs=dict(twin.costs or {}),
    )
    twin.previous_attempts, twin.reports, twin.costs = (*trial.previous_attempts, left), None, None
    twin.attempt, twin.token = trial.attempt + 1, 0
    twin.crashes += failure in checks.GIVEN_UP
    return twin


def carry_over(old: TrialRecord, new: TrialRecord) -> None:
    """Carry attributes and reports over that only the old record of a trial has."""
    if old.user and old.user is not new.user:
        new.user = {**old.user, **(new.user or {})}
    if old.system and old.system is not new.system:
        new.system = {**old.system, **(new.system or {})}
    if old.reports and old.reports is not new.reports:
        new.reports = {**(new.reports or {}), **old.reports}
        new.costs = {**(new.costs or {}), **(old.costs or {})} or None
    if new.fixed is None:
        new.fixed = old.fixed
    new.previous_attempts, new.crashes = old.previous_attempts, old.crashes


def note_late(stored: TrialRecord, trial: TrialRecord) -> None:
    """Keep the result of an attempt that was given up, with that attempt."""
    note, attempts = checks.late_note(trial), stored.previous_attempts
    if trial.attempt == stored.attempt:
        stored.system = {**(stored.system or {}), LATE_RESULT: note}
    else:
        stored.previous_attempts = tuple(replace(a, late=note) if a.attempt == trial.attempt else a for a in attempts)
