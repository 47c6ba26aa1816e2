"""`Studies`: the studies of a storage, each with a history that is kept and read on, shared by all requests."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.errors import StudyNotFoundError
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.storage import Storage
from tunesmith.storage.base import StudyRecord
from tunesmith.study import Study, delete_study, load_study
from tunesmith.study.query import TrialTable
from tunesmith.study.recommend import Recommendation
from tunesmith.study.verdict import KEY as VERDICT
from tunesmith.trial.record import TrialRecord

UNDO = 20.0  # seconds for which a deletion can be taken back


@dataclass(frozen=True)
class Standing:
    """Where a study stands.

    Attributes:
        seq: the place of the last finished trial; with `version` it changes whenever trials begin or end.
        version: the study's change counter.
        counts: trials by the name of their state, without those of which there are none.
    """

    seq: int
    version: int
    counts: dict[str, int]


class OpenStudy:
    """One study with its history, its trials as a table, and their user attributes.

    Args:
        study: the study.

    Attributes:
        study: the study.
        lock: held while the history is read on.
        filtered: the table, the filter that was used last on it, and what it lets through.
    """

    def __init__(self, study: Study) -> None:
        self.study = study
        self.lock = threading.Lock()
        self._deciding = threading.Lock()
        self.filtered: tuple[TrialTable, Any, Any] | None = None
        self._waiting: list[TrialRecord] = []
        self._read = -1.0
        self._stand: Standing | None = None
        self._table: tuple[Standing, TrialTable] | None = None
        self._attributes: tuple[Standing, dict[int, dict[str, Any]]] | None = None
        self._recommended: tuple[tuple[int, Any], Recommendation] | None = None

    @property
    def history(self) -> History:
        """The history as it was last read."""
        return self.study.known_history

    def standing(self, max_age: float = 0.2) -> Standing:
        """Read on, unless that was done less than `max_age` seconds ago, and return where the study stands.

        Raises:
            StudyNotFoundError: the study was deleted.
        """
        with self.lock:
            if self._stand is None or time.monotonic() - self._read > max_age:
                seq, version = self.study.read_on()
                self._read = time.monotonic()
                if self._stand is None or self._stand.version != version or self._waiting:
                    self._waiting = self.study.get_trials(states=[TrialState.WAITING])
                if (now := self._counted(seq, version)) != self._stand:
                    self._stand = now
            return self._stand

    def _counted(self, seq: int, version: int) -> Standing:
        history = self.history
        per_state = np.bincount(history.state, minlength=len(TrialState))
        per_state[TrialState.RUNNING] += len(history.running)
        per_state[TrialState.PAUSED] += len(history.paused)
        per_state[TrialState.WAITING] += len(self._waiting)
        counts = {str(s).lower(): int(per_state[s]) for s in TrialState if per_state[s]}
        return Standing(seq, version, counts)

    def table(self) -> TrialTable:
        """Return all trials as columns, up to date."""
        stand = self.standing()
        if self._table is None or self._table[0] is not stand:
            with self.lock:
                made = TrialTable.of(self.history, self.study.signs, self._waiting, self.attributes)
            self._table = (stand, made)
        return self._table[1]

    @property
    def is_recommended(self) -> bool:
        """Whether `recommended` knew what to use when the study was last read."""
        kept, stand = self._recommended, self._stand
        return kept is not None and stand is not None and kept[0][0] == stand.seq

    def recommended(self) -> Recommendation:
        """Return what to use; kept until another trial has ended, or the search decided anew.

        Raises:
            ValueError: no trial is complete.
        """
        with self._deciding:  # who comes meanwhile waits for the same answer
            place = (self.standing().seq, self.study.system_attrs.get(VERDICT))
            if self._recommended is None or self._recommended[0] != place:
                self._recommended = (place, self.study.recommend())
            return self._recommended[1]

    def attributes(self) -> Mapping[int, Mapping[str, Any]]:
        """Return the user attributes of all trials that have any; read when they are asked for."""
        stand = self._stand
        if stand is None or self._attributes is None or self._attributes[0] is not stand:
            found = self.study.storage.user_attrs(self.study.study_id)
            if stand is None:
                return found
            self._attributes = (stand, found)
        return self._attributes[1]


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
        self._open: dict[int, OpenStudy] = {}
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

    def known(self, study_id: int) -> OpenStudy | None:
        """Return a study that is open; None: it is not."""
        return self._open.get(study_id)

    def open(self, study_id: int) -> OpenStudy:
        """Return a study by its id, opened when that is asked first. Nothing that it holds is unpickled.

        Raises:
            StudyNotFoundError: there is none of this id.
        """
        if study_id in self._deleted:
            raise StudyNotFoundError("This study is being deleted.")
        with self._lock:
            found = self._open.get(study_id)
        if found is None:
            made = OpenStudy(load_study(study_name=self.record(study_id).name, storage=self.storage))
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
