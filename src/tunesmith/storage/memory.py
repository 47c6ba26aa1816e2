"""`MemoryStorage`: studies in the memory of this process.

`start` and `finish` keep the records that they get, without a copy, and readers get the same records. A record is
replaced when its state changes, so that one that a reader has stays as it was.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Callable, Sequence
from typing import Any

from tunesmith.errors import DuplicatedStudyError
from tunesmith.frozen import Fence, TrialRecord
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storable import storable_items
from tunesmith.storage.base import Increment, StudyRecord
from tunesmith.storage.book import StudyBook, copy_record, copy_trial
from tunesmith.storage.checks import (
    check_added,
    check_direction,
    check_name,
    check_study,
    name_taken,
    new_name,
    refuse_replaced,
    study_not_found,
)
from tunesmith.storage.memory_trials import WHERE, MemoryTrials

_COMPLETE = TrialState.COMPLETE


class MemoryStorage(MemoryTrials):
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
                    f"{WHERE} already holds a study {name!r}; choose another name or pass load_if_exists=True"
                )
            record = StudyRecord(self._next_id, name, directions, seed, space, time.time())
            self._next_id += 1
            self._books[record.id] = StudyBook(record)
            self._ids[name] = record.id
            return copy_record(record)

    def load_study(self, name: str | None) -> StudyRecord:
        with self._lock:
            if name is None and len(self._ids) == 1:
                name = next(iter(self._ids))
            if name is None or name not in self._ids:
                raise study_not_found(name, self._ids, WHERE)
            return copy_record(self._books[self._ids[name]].record)

    def list_studies(self) -> list[StudyRecord]:
        with self._lock:
            return [copy_record(book.record) for book in self._books.values()]

    def delete_study(self, study_id: int) -> None:
        with self._lock:
            book = self._book(study_id)
            del self._books[study_id], self._ids[book.record.name]
            self._forget_artifacts(study_id)

    def rename_study(self, study_id: int, name: str) -> None:
        check_name(name)
        with self._lock:
            record = self._book(study_id).record
            if self._ids.get(name, study_id) != study_id:
                raise name_taken(name, WHERE)
            del self._ids[record.name]
            self._ids[name], record.name = study_id, name

    def set_space(self, study_id: int, space: Space) -> None:
        with self._lock:
            self._book(study_id).record.space = space

    # -- trials -----------------------------------------------------------------------------------------------

    def add(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        with self._lock:
            book = self._book(study_id)
            check_added(trials, book.m)
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

    def read_since(self, study_id: int, cursor: int) -> Increment:
        with self._lock:
            return self._book(study_id).since(cursor)

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
            live = {
                TrialState.RUNNING: len(book.running),
                TrialState.WAITING: len(book.waiting),
                TrialState.PAUSED: len(book.paused),
            }
            return {state: n for state, n in {**book.counts, **live}.items() if n}

    def set_attr(
        self,
        study_id: int,
        number: int | None,
        key: str,
        value: Any,
        system: bool = False,
        fence: Fence | None = None,
    ) -> None:
        with self._lock:
            book = self._book(study_id)
            if number is None:
                (book.record.system if system else book.record.user)[key] = value
                return
            trial = self._trial(book, number)
            if fence is not None:
                refuse_replaced(trial, fence)
            if system:
                trial.system = {**(trial.system or {}), key: value}
            else:
                trial.user = {**(trial.user or {}), key: value}

    def change_study_attr(self, study_id: int, key: str, change: Callable[[Any], Any]) -> Any:
        with self._lock:
            system = self._book(study_id).record.system
            present = system.get(key)
            if (new := change(present)) is not present:
                system[key] = new
            return new
