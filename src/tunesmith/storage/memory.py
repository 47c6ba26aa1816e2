"""`MemoryStorage`: studies in the memory of this process.

`start` and `finish` keep the records that they get, without a copy, and readers get the same records. A record is
replaced when its state changes, so that one that a reader has stays as it was.
"""

from __future__ import annotations

import copy
import heapq
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tunesmith.errors import DuplicatedStudyError
from tunesmith.frozen import NAN, Attempt, Fence, TrialRecord
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storable import storable_items
from tunesmith.storage.base import Block, Claim, Increment, StudyRecord
from tunesmith.storage.checks import (
    attempt_replaced,
    check_added,
    check_direction,
    check_finished,
    check_study,
    new_name,
    study_gone,
    study_not_found,
)
from tunesmith.storage.memory_artifacts import MemoryArtifacts

_RUNNING = TrialState.RUNNING
_COMPLETE = TrialState.COMPLETE
_WHERE = "this storage in memory"


class _Book:
    """One study: all trials by number, the finished ones by seq, the running and the waiting ones."""

    __slots__ = ("best", "counted", "counts", "finished", "m", "record", "running", "trials", "version", "waiting")

    def __init__(self, record: StudyRecord) -> None:
        self.record = record
        self.m = len(record.directions)
        self.version = 0
        self.trials: list[TrialRecord] = []
        self.finished: list[TrialRecord] = []
        self.running: dict[int, TrialRecord] = {}
        self.waiting: list[int] = []  # a heap
        # What `best` and `count` found, and how many of `finished` they have seen: a finish need not update them.
        self.best: dict[str, tuple[int, TrialRecord | None]] = {}
        self.counted = 0
        self.counts: dict[TrialState, int] = {}


class MemoryStorage(MemoryArtifacts):
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
        super().__init__()
        self._books: dict[int, _Book] = {}
        self._ids: dict[str, int] = {}
        self._next_id = 1

    # -- studies -----------------------------------------------------------------------------------------------

    def create_study(
        self, name: str | None, directions: Sequence[str], seed: int, space: Space | None = None
    ) -> StudyRecord:
        directions = check_study(name, directions, seed)
        with self._lock:
            name = name or new_name()
            if name in self._ids:
                raise DuplicatedStudyError(
                    f"{_WHERE} already holds a study {name!r}; choose another name or pass load_if_exists=True"
                )
            record = StudyRecord(self._next_id, name, directions, seed, space, time.time())
            self._next_id += 1
            self._books[record.id] = _Book(record)
            self._ids[name] = record.id
            return _copy_record(record)

    def load_study(self, name: str | None) -> StudyRecord:
        with self._lock:
            if name is None and len(self._ids) == 1:
                name = next(iter(self._ids))
            if name is None or name not in self._ids:
                raise study_not_found(name, self._ids, _WHERE)
            return _copy_record(self._books[self._ids[name]].record)

    def list_studies(self) -> list[StudyRecord]:
        with self._lock:
            return [_copy_record(book.record) for book in self._books.values()]

    def delete_study(self, study_id: int) -> None:
        with self._lock:
            book = self._book(study_id)
            del self._books[study_id], self._ids[book.record.name]
            self._forget_artifacts(study_id)

    def set_space(self, study_id: int, space: Space) -> None:
        with self._lock:
            self._book(study_id).record.space = space

    # -- a trial's way -----------------------------------------------------------------------------------------

    def claim(self, study_id: int, worker: str, reserve: bool = False) -> Claim:
        with self._lock:
            book = self._book(study_id)
            number = len(book.trials)
            if book.waiting:
                number = heapq.heappop(book.waiting)
                trial = _copy_trial(book.trials[number])
                trial.state, trial.worker, trial.started = _RUNNING, worker, time.time()
                book.trials[number] = book.running[number] = trial
                book.version += 1
                return Claim(number, book.version, True, _copy_trial(trial))
            if reserve:
                trial = TrialRecord(number, _RUNNING, worker=worker, started=time.time())
                book.trials.append(trial)
                book.running[number] = trial
                book.version += 1
                return Claim(number, book.version, True)
            return Claim(number, book.version)

    def start(self, study_id: int, claim: Claim, trial: TrialRecord) -> int | None:
        number = claim.number
        with self._lock:
            book = self._book(study_id)
            if claim.reserved:
                old = book.running.get(number)
                if old is None or old.attempt != trial.attempt or old.worker != trial.worker:
                    return None
                _carry_over(old, trial)
                book.trials[number] = trial
            elif number == len(book.trials):
                book.trials.append(trial)
            else:
                return None
            book.running[number] = trial
            book.version += 1
            return book.version

    def report(self, study_id: int, number: int, attempt: int, step: int, value: float) -> None:
        with self._lock:
            book = self._book(study_id)
            trial = book.running.get(number)
            if trial is None or trial.attempt != attempt:
                if 0 <= number < len(book.trials):
                    _refuse_replaced(book.trials[number], attempt)
                return
            if trial.reports is None:
                trial.reports = {}
            trial.reports.setdefault(step, value)

    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int] | None:
        number = trial.number
        with self._lock:
            book = self._book(study_id)
            values = trial.values
            # The common end of a trial, one value that is not NaN, needs no check.
            if trial.state is not _COMPLETE or book.m != 1 or not values or len(values) != 1 or values[0] != values[0]:
                check_finished(trial, book.m)
            old = book.running.get(number)
            if old is None or old.attempt != trial.attempt:
                self._trial(book, number)
                return None
            if old.user is not None or old.system is not None or old.reports is not None or old.attempt > 1:
                _carry_over(old, trial)
            del book.running[number]
            book.trials[number] = trial
            book.finished.append(trial)
            trial.seq = seq = len(book.finished)
            book.version += 1
            return seq, book.version

    def add(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        with self._lock:
            book = self._book(study_id)
            check_added(trials, book.m)
            numbers = []
            twins = [_copy_trial(given) for given in trials]
            for trial in twins:  # all of them before any is added
                trial.user, trial.system = storable_items(trial.user), storable_items(trial.system)
            for trial in twins:
                trial.reports = dict(trial.intermediate_values) or None
                trial.number, trial.attempt, trial.seq = len(book.trials), 1, 0
                trial.previous_attempts, trial.crashes = (), 0
                book.trials.append(trial)
                numbers.append(trial.number)
                if trial.state is TrialState.WAITING:
                    trial.values, trial.reports, trial.worker = None, None, ""
                    heapq.heappush(book.waiting, trial.number)
                else:
                    book.finished.append(trial)
                    trial.seq = len(book.finished)
            book.version += bool(trials)
            return numbers

    def release(self, study_id: int, attempts: Mapping[int, int], crashed: bool = False) -> None:
        with self._lock:
            book = self._book(study_id)
            changed = False
            for number, attempt in attempts.items():
                running = book.running.get(number)
                if running is None or running.attempt != attempt:
                    continue
                del book.running[number]
                trial = _copy_trial(running)
                left = Attempt(attempt, dict(trial.reports or {}), dict(trial.user or {}))
                trial.previous_attempts = (*running.previous_attempts, left)
                trial.state, trial.worker, trial.started, trial.reports = TrialState.WAITING, "", NAN, None
                trial.attempt += 1
                trial.crashes += crashed
                book.trials[number] = trial
                heapq.heappush(book.waiting, number)
                changed = True
            book.version += changed

    def heartbeat(self, study_id: int, worker: str) -> None:
        with self._lock:
            self._book(study_id)  # the worker is this process: there is nothing to note

    # -- reading -----------------------------------------------------------------------------------------------

    def read_since(self, study_id: int, cursor: int) -> Increment:
        with self._lock:
            book = self._book(study_id)
            new = book.finished[cursor:]
            running = list(book.running.values())
            # Copied under the lock, because running trials go on reporting.
            reports = [
                (t.number, step, v)
                for t in (*new, *running)
                if t.reports or t.previous_attempts
                for step, v in t.intermediate_values.items()
            ]
            version, last, m = book.version, len(book.finished), book.m
        nothing = (NAN,) * m
        groups: dict[int, tuple[Space | None, list[int]]] = {}
        for i, t in enumerate(new):
            if t.space is not None and t.x is not None:
                groups.setdefault(id(t.space), (t.space, []))[1].append(i)
        return Increment(
            cursor=last,
            version=version,
            number=np.array([t.number for t in new], np.int64),
            state=np.array([t.state for t in new], np.int8),
            sampler_state=np.array([t.sampler_state for t in new], np.int64),
            attempt=np.array([t.attempt for t in new], np.int64),
            cost=np.array([t.cost for t in new], np.float64),
            values=np.array([nothing if t.values is None else t.values for t in new], np.float64).reshape(-1, m),
            blocks=[
                Block(space, np.array(at, np.int64), np.array([new[i].x for i in at], np.float64))
                for space, at in groups.values()
            ],
            constraints={i: t.constraints for i, t in enumerate(new) if t.constraints},
            reports=reports,
            running=running,
        )

    def trials(
        self, study_id: int, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[TrialRecord]:
        with self._lock:
            book = self._book(study_id)
            if numbers is None:
                found = list(book.trials)
            else:
                found = [self._trial(book, number) for number in sorted(set(numbers))]
        return found if states is None else [t for t in found if t.state in states]

    def best(self, study_id: int, direction: str) -> TrialRecord | None:
        check_direction(direction)
        sign = 1.0 if direction == "minimize" else -1.0
        with self._lock:
            book = self._book(study_id)
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
        with self._lock:
            book = self._book(study_id)
            for t in book.finished[book.counted :]:
                book.counts[t.state] = book.counts.get(t.state, 0) + 1
            book.counted = len(book.finished)
            live = {TrialState.RUNNING: len(book.running), TrialState.WAITING: len(book.waiting)}
            return {state: n for state, n in {**book.counts, **live}.items() if n}

    def set_attr(
        self,
        study_id: int,
        number: int | None,
        key: str,
        value: Any,
        system: bool = False,
        attempt: int | None = None,
    ) -> None:
        with self._lock:
            book = self._book(study_id)
            if number is None:
                (book.record.system if system else book.record.user)[key] = value
                return
            trial = self._trial(book, number)
            if attempt is not None:
                _refuse_replaced(trial, attempt)
            if system:
                trial.system = {**(trial.system or {}), key: value}
            else:
                trial.user = {**(trial.user or {}), key: value}

    # -- inside ------------------------------------------------------------------------------------------------

    def _book(self, study_id: int) -> _Book:
        book = self._books.get(study_id)
        if book is None:
            raise study_gone(study_id, _WHERE)
        return book

    def _attempt(self, study_id: int, number: int | None, fence: Fence | None) -> int:
        book = self._book(study_id)
        if number is None:
            return 0
        trial = self._trial(book, number)
        if fence is not None:
            _refuse_replaced(trial, fence.attempt)
        return trial.attempt

    def _trial(self, book: _Book, number: int) -> TrialRecord:
        if not 0 <= number < len(book.trials):
            raise KeyError(f"the study {book.record.name!r} has no trial {number}; it has {len(book.trials)} trials")
        return book.trials[number]


def _copy_record(record: StudyRecord) -> StudyRecord:
    return replace(record, user=dict(record.user), system=dict(record.system))


def _copy_trial(trial: TrialRecord) -> TrialRecord:
    """Return a copy of a record."""
    twin = copy.copy(trial)
    twin.user, twin.system = dict(trial.user) if trial.user else None, dict(trial.system) if trial.system else None
    twin.reports = dict(trial.reports) if trial.reports else None
    return twin


def _carry_over(old: TrialRecord, new: TrialRecord) -> None:
    """Carry attributes and reports over that only the old record of a trial has."""
    if old.user and old.user is not new.user:
        new.user = {**old.user, **(new.user or {})}
    if old.system and old.system is not new.system:
        new.system = {**old.system, **(new.system or {})}
    if old.reports and old.reports is not new.reports:
        new.reports = {**(new.reports or {}), **old.reports}
    if new.fixed is None:
        new.fixed = old.fixed
    new.previous_attempts, new.crashes = old.previous_attempts, old.crashes


def _refuse_replaced(trial: TrialRecord, attempt: int) -> None:
    if attempt < trial.attempt:
        raise attempt_replaced(trial.number, attempt, trial.attempt)
