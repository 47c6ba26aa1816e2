"""The part of `MemoryStorage` that moves trials from their claim to their end."""

from __future__ import annotations

import heapq
import time
from collections.abc import Mapping

from tunesmith.curves import Reported
from tunesmith.errors import AttemptReplacedError
from tunesmith.frozen import NAN, Fence, TrialRecord
from tunesmith.state import FailureKind, TrialState
from tunesmith.storage.base import Claim
from tunesmith.storage.book import StudyBook, after_attempt, carry_over, copy_trial, note_late
from tunesmith.storage.checks import (
    attempt_replaced,
    check_finished,
    check_paused_before,
    check_same_end,
    refuse_replaced,
    study_gone,
    trials_spent,
)
from tunesmith.storage.memory_artifacts import MemoryArtifacts

_RUNNING = TrialState.RUNNING
_COMPLETE = TrialState.COMPLETE
WHERE = "this storage in memory"


class MemoryTrials(MemoryArtifacts):
    """Keeps the books of studies, and writes attempts into them."""

    def __init__(self) -> None:
        super().__init__()
        self._books: dict[int, StudyBook] = {}

    # -- a trial's way -----------------------------------------------------------------------------------------

    def claim(
        self, study_id: int, worker: str, reserve: bool = False, token: int = 0, below: int | None = None
    ) -> Claim:
        with self._lock:
            book = self._book(study_id)
            number = book.waiting[0] if book.waiting else len(book.trials)
            if below is not None and number >= below:
                raise trials_spent(below)
            if book.waiting:
                heapq.heappop(book.waiting)
                return self._begin_again(book, book.trials[number], worker, token)
            if reserve:
                trial = TrialRecord(number, _RUNNING, worker=worker, token=token, started=time.time())
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
            book.version += 1
            return book.version

    def report(self, study_id: int, number: int, fence: Fence, step: int, value: Reported, cost: float = NAN) -> None:
        with self._lock:
            book = self._book(study_id)
            trial = book.running.get(number)
            if trial is None or trial.attempt != fence.attempt or trial.token != fence.token:
                if 0 <= number < len(book.trials):
                    refuse_replaced(book.trials[number], fence)
                return
            if trial.reports is None:
                trial.reports = {}
            if step not in trial.reports:
                trial.reports[step] = value
                if cost == cost:
                    trial.costs = trial.costs or {}
                    trial.costs[step] = cost

    def pause(self, study_id: int, trial: TrialRecord) -> int:
        number = trial.number
        with self._lock:
            book = self._book(study_id)
            old = book.running.get(number)
            if old is None or old.fence != trial.fence:
                check_paused_before(trial, self._trial(book, number))
                return book.version
            carry_over(old, trial)
            del book.running[number]
            paused = after_attempt(trial, None)
            paused.state, paused.worker, paused.started = TrialState.PAUSED, "", NAN
            book.trials[number] = book.paused[number] = paused
            book.version += 1
            return book.version

    def resume(self, study_id: int, number: int, worker: str, token: int = 0) -> Claim | None:
        with self._lock:
            book = self._book(study_id)
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
                check_finished(trial, book.m)
            old = book.running.get(number)
            if old is None or old.attempt != trial.attempt or old.token != trial.token:
                return self._finished_before(book, trial)
            if old.user is not None or old.system is not None or old.reports is not None or old.attempt > 1:
                carry_over(old, trial)
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
            refuse_replaced(stored, trial.fence)
            if not stored.state.is_finished() or stored.attempt != trial.attempt:
                raise ValueError(f"trial {trial.number}: attempt {trial.attempt} was not begun; {stored.attempt} is")
            check_same_end(trial, stored)
        except AttemptReplacedError:
            note_late(stored, trial)
            raise
        return stored.seq, book.version

    def release(self, study_id: int, fences: Mapping[int, Fence], failure: FailureKind | None = None) -> None:
        with self._lock:
            book = self._book(study_id)
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
        with self._lock:
            book = self._book(study_id)
            running = book.running.get(number)
            if running is None or running.fence != fence:
                trial = self._trial(book, number)
                raise attempt_replaced(number, fence.attempt, trial.attempt)
            trial = book.trials[number] = book.running[number] = after_attempt(running, failure)
            trial.token, trial.started = token, time.time()
            book.version += 1
            return trial.fence

    def beat(self, worker: str) -> None:
        """Do nothing: all workers are this process, and live."""

    def expired(self, study_id: int) -> list[TrialRecord]:
        with self._lock:
            self._book(study_id)
        return []

    # -- inside ------------------------------------------------------------------------------------------------

    def _book(self, study_id: int) -> StudyBook:
        book = self._books.get(study_id)
        if book is None:
            raise study_gone(study_id, WHERE)
        return book

    def _attempt(self, study_id: int, number: int | None, fence: Fence | None) -> int:
        book = self._book(study_id)
        if number is None:
            return 0
        trial = self._trial(book, number)
        if fence is not None:
            refuse_replaced(trial, fence)
        return trial.attempt

    def _trial(self, book: StudyBook, number: int) -> TrialRecord:
        if not 0 <= number < len(book.trials):
            raise KeyError(f"the study {book.record.name!r} has no trial {number}; it has {len(book.trials)} trials")
        return book.trials[number]
