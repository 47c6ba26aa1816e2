"""`Studies`: the studies of a storage, and a snapshot of each that is kept up to date, shared by all requests."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.errors import StudyNotFoundError
from tunesmith.foundation import look
from tunesmith.foundation.states import TrialState
from tunesmith.storage import Storage
from tunesmith.storage.base import StudyRecord
from tunesmith.study import Study, delete_study, load_study
from tunesmith.study.query import TrialTable
from tunesmith.study.query.columns import Mask
from tunesmith.study.recommend import Recommendation, recommend
from tunesmith.study.snapshot import Snapshot, read_snapshot
from tunesmith.study.summary import StudySummary, counts_of, summary_of
from tunesmith.study.verdict import VERDICT

UNDO = 20.0  # seconds for which a deletion can be taken back
LATEST = 8  # trials that ended last, by which a study is failing
ENDED = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL})


@dataclass(frozen=True)
class Card:
    """What a list shows of a study for which its trials are read.

    Attributes:
        counts: the trials that were read, by state.
        spark: the best value so far, as an SVG element; "": fewer than two trials have one, or several objectives.
        front: trials on the Pareto front; 0: there is one objective.
        cost: seconds that the trials took together.
    """

    counts: dict[str, int]
    spark: str
    front: int
    cost: float

    @classmethod
    def of(cls, seen: Snapshot) -> Card:
        """Return the card of a study."""
        history, one = seen.history, len(seen.directions) == 1
        loss = history.y[history.complete & history.feasible, 0] if one else np.empty(0)
        spark = look.sparkline((seen.signs[0] * np.minimum.accumulate(loss)).tolist()) if len(loss) else ""
        return cls(seen.named_counts, spark, 0 if one else len(seen.front), float(np.nansum(history.cost)))


class _Held:
    """A study that is open, the last snapshot of it, when it was read, and what a filter let through the last time."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self.lock = threading.Lock()
        self.read = -math.inf
        self.seen: Snapshot | None = None
        self.filtered: tuple[Snapshot, Hashable, Snapshot] | None = None


class Studies:
    """Opens studies by their ids, and keeps them.

    Args:
        storage: where they are.
        logs: a folder of which files may be shown, besides the one beside the storage.

    Attributes:
        storage: where they are.
        logs: likewise.
    """

    def __init__(self, storage: Storage, logs: Path | None = None) -> None:
        self.storage, self.logs = storage, logs
        self._open: dict[int, _Held] = {}
        self._lock = threading.Lock()
        self._deleted: dict[int, tuple[str, threading.Timer]] = {}
        self._summaries: dict[int, tuple[StudySummary, int]] = {}
        self._cards: dict[int, Card] = {}

    def records(self) -> list[StudyRecord]:
        """Return the records of all studies that are not about to be deleted, oldest first."""
        return [record for record in self.storage.list_studies() if record.id not in self._deleted]

    def record(self, study_id: int) -> StudyRecord:
        """Return the record of a study.

        Raises:
            StudyNotFoundError: there is none of this id.
        """
        for record in self.records():
            if record.id == study_id:
                return record
        raise StudyNotFoundError("There is no such study (any more).")

    def last(self, study_id: int) -> Snapshot | None:
        """Return the last snapshot of a study; None: it was not looked at yet."""
        held = self._open.get(study_id)
        return None if held is None else held.seen

    def summary(self, record: StudyRecord) -> tuple[StudySummary, int]:
        """Return what a list shows of a study, and how many of the trials that ended last failed.

        It is read anew when trials began or ended: of a thousand studies, most have not changed.
        """
        counts, kept = counts_of(self.storage, record.id), self._summaries.get(record.id)
        if kept is None or (kept[0].counts, kept[0].name) != (counts, record.name):
            made, failed = summary_of(self.storage, record), 0
            if counts.get("fail"):
                still_open = sum(counts.get(state, 0) for state in ("running", "waiting", "paused"))
                last = self.storage.trials(record.id, range(max(0, made.total - LATEST - still_open), made.total))
                ended = [trial.state for trial in last if trial.state in ENDED][-LATEST:]
                failed = ended.count(TrialState.FAIL)
            kept = self._summaries[record.id] = (made, failed)
        return kept

    def card(self, record: StudyRecord, *, known: bool = False) -> Card | None:
        """Return the card of a study; its trials are read, and kept of a study that changes, to read only what is new.

        Args:
            record: the study.
            known: as far as it is known without that, though trials may have ended since; None: it is not.
        """
        kept = self._cards.get(record.id)
        if kept is not None and (known or kept.counts == counts_of(self.storage, record.id)):
            return kept
        if not known:
            again = kept is not None or record.id in self._open
            seen = self.look(record.id) if again else read_snapshot(self.storage, record.name)
            kept = self._cards[record.id] = Card.of(seen)
        return kept

    def expected(self, study_id: int) -> Recommendation | None:
        """Return what to use of a study, if its page worked that out; it is not worked out here."""
        seen = self.last(study_id)
        return seen.once(recommend) if seen is not None and seen.has_made(recommend) else None

    def open(self, study_id: int) -> Study:
        """Return a study by its id, opened when that is asked first. Nothing that it holds is unpickled.

        Raises:
            StudyNotFoundError: there is none of this id.
        """
        return self._held(study_id).study

    def look(self, study_id: int, max_age: float = 0.2) -> Snapshot:
        """Return a study as it is, or was at most `max_age` seconds ago; as long as it stays the same, the same object.

        Raises:
            StudyNotFoundError: there is none of this id, or it was deleted.
        """
        held = self._held(study_id)
        with held.lock:
            before = held.seen
            if before is not None and time.monotonic() - held.read <= max_age:
                return before
            held.seen = seen = held.study.snapshot(before)
            held.read = time.monotonic()
            if before is not None and _ended(before) == _ended(seen):
                seen.keep_from(before, recommend)  # which takes a second, and rests on the trials that ended
            return seen

    def filtered(self, study_id: int, chosen: Hashable, rows: Callable[[TrialTable], Mask]) -> Snapshot:
        """Return a study with the trials that a filter lets through.

        The last one is kept, since the figures of a page ask for the same one after the other.

        Args:
            study_id: the study.
            chosen: the filter.
            rows: which rows of a table it lets through.
        """
        seen, held = self.look(study_id), self._held(study_id)
        kept = held.filtered
        if kept is None or kept[0] is not seen or kept[1] != chosen:
            kept = held.filtered = (seen, chosen, seen.only(seen.table.number[rows(seen.table)]))
        return kept[2]

    def _held(self, study_id: int) -> _Held:
        if study_id in self._deleted:
            raise StudyNotFoundError("This study is being deleted.")
        with self._lock:
            found = self._open.get(study_id)
        if found is None:
            made = _Held(load_study(study_name=self.record(study_id).name, storage=self.storage))
            with self._lock:
                found = self._open.setdefault(study_id, made)
        return found

    def forget(self, study_id: int) -> None:
        """Close a study; it is read anew when it is asked for."""
        with self._lock:
            self._open.pop(study_id, None)

    def delete(self, study_id: int) -> None:
        """Delete a study when the time for `restore` is over; until then it is only out of sight."""
        record = self.record(study_id)
        timer = threading.Timer(UNDO, self._delete, [study_id])
        timer.daemon = True
        self._deleted[study_id] = (record.name, timer)
        self.forget(study_id)
        timer.start()

    def restore(self, study_id: int) -> bool:
        """Take a deletion back; return whether there was still time."""
        found = self._deleted.pop(study_id, None)
        if found is not None:
            found[1].cancel()
        return found is not None

    def deleting(self) -> dict[int, str]:
        """Return the names of the studies that are about to be deleted, by their ids."""
        return {study_id: name for study_id, (name, _) in list(self._deleted.items())}

    def _delete(self, study_id: int) -> None:
        if study_id not in self._deleted:
            return
        try:
            for record in self.storage.list_studies():  # its name may be another one by now
                if record.id == study_id:
                    delete_study(study_name=record.name, storage=self.storage)
        finally:  # a study that could not be deleted is to be seen again
            self._deleted.pop(study_id, None)

    def close(self) -> None:
        """End deletions whose time is not over: what was not deleted stays."""
        for _, timer in list(self._deleted.values()):
            timer.cancel()
        self._deleted.clear()


def _ended(seen: Snapshot) -> tuple[int, Any]:
    return seen.seq, seen.system_attrs.get(VERDICT)
