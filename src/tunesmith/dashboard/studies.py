"""`Studies`: the studies of a storage, and a snapshot of each that is kept up to date, shared by all requests."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any

from tunesmith.errors import StudyNotFoundError
from tunesmith.storage import Storage
from tunesmith.storage.base import StudyRecord
from tunesmith.study import Study, delete_study, load_study
from tunesmith.study.query import TrialTable
from tunesmith.study.query.columns import Mask
from tunesmith.study.recommend import recommend
from tunesmith.study.snapshot import Snapshot
from tunesmith.study.verdict import VERDICT

UNDO = 20.0  # seconds for which a deletion can be taken back


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
