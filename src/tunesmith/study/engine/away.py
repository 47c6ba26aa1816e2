"""What is done while a storage is away: calls are tried again, and results kept in this process until it takes them.

Those that stay are printed at exit. Where an SQLite file was lost and cannot be read, all that this process knows of
the study is written into a new file.
"""

from __future__ import annotations

import atexit
import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import TypeVar

import numpy as np

from tunesmith.errors import StorageLostError, StorageUnavailableError
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import printable
from tunesmith.storage import open_storage
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.trial.record import NOISE, Fence, TrialRecord

T = TypeVar("T")

PATIENCE = 30.0  # seconds of retries
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two tries


def retry_while_unavailable(
    call: Callable[[], T], error: StorageUnavailableError | None = None, patience: float | None = None
) -> T:
    """Return the result of a call, retried while the storage is away.

    Args:
        error: of a first call that was made already.
        patience: seconds of retries; None: PATIENCE.

    Raises:
        StorageUnavailableError: the storage stays away.
    """
    if error is None:
        try:
            return call()
        except StorageUnavailableError as first:
            error = first
    end, pause = time.monotonic() + (PATIENCE if patience is None else patience), FIRST_PAUSE
    while time.monotonic() + pause <= end:
        time.sleep(pause * random.uniform(0.5, 1.0))
        pause = min(2 * pause, LONGEST_PAUSE)
        try:
            return call()
        except StorageUnavailableError as again:
            error = again
    raise error


class Unsaved:
    """The unsaved results of one study object.

    Args:
        flush: tries to store it all, and raises if that does not work.

    Attributes:
        ends: the ends of trials that are kept, by number.
        released: attempts of trials to be released, by number.
        rescue: the file that has these ends, where the storage's own was lost.
    """

    def __init__(self, study_name: str, flush: Callable[[], None]) -> None:
        self.study_name = study_name
        self.flush = flush
        self.ends: dict[int, TrialRecord] = {}
        self.released: dict[int, Fence] = {}
        self.rescue: str | None = None

    def keep(self, done: TrialRecord) -> None:
        """Keep the end of a trial until it is stored, at exit at the latest."""
        self.ends[done.number] = done
        if not _holders:
            atexit.unregister(_at_exit)  # once is enough
            atexit.register(_at_exit, os.getpid())
        if self not in _holders:
            _holders.append(self)

    def drop(self, done: TrialRecord) -> None:
        """Forget an end that is stored."""
        del self.ends[done.number]
        if not self.ends:
            _holders.remove(self)


_holders: list[Unsaved] = []  # keeps the results of a study object that is gone


def _at_exit(pid: int) -> None:
    """Try a last time, and print what is lost."""
    if os.getpid() != pid:
        return  # a fork: the parent has them
    for held in list(_holders):
        with suppress(Exception):  # there is nobody left to tell
            held.flush()
        for done in held.ends.values():
            which = f"trial {done.number} of the study {held.study_name!r}"
            result = f"{done.state.name} {done.values}, {done.params}"
            end = "is lost" if held.rescue is None else f"is in {held.rescue} alone"
            print(f"tunesmith: the result of {which} could not be stored and {end}: {result}", file=sys.stderr)


def rescued(study: StudyReplica, ends: Iterable[TrialRecord], error: StorageLostError) -> StorageLostError:
    """Return the error for a file that was lost, with a file that has what is known here.

    Args:
        study: its history has the finished trials.
        ends: trials that ended and were not stored.
        error: of the storage, which could make no copy.
    """
    if error.rescue is not None or not error.path:
        return error
    try:
        place = _written(study, ends, f"{error.path}.rescue-of-{os.getpid()}.db")
    except Exception as failed:  # whatever it is, the loss itself has to be told
        error.add_note(f"no file with what is known here could be written: {failed}")
        return error
    return StorageLostError(
        f"{error}. It cannot be read any more: the points, values, reports and costs that this process knows are in "
        f"{printable(place)}, without the attributes of trials",
        error.path,
        place,
    )


def _written(study: StudyReplica, ends: Iterable[TrialRecord], place: str) -> str:
    storage = open_storage(place)
    there = {record.name: record for record in storage.list_studies()}
    if (before := there.get(study.study_name)) is not None:
        storage.delete_study(before.id)  # an earlier one of this process, which knows more by now
    directions, declared = [d.value for d in study.directions], study.history.space if study.declared else None
    made = storage.create_study(study.study_name, directions, study.seed, declared)
    known = {record.number: record for record in (*_records(study), *ends)}
    every = range(max(known, default=-1) + 1)
    storage.add(made.id, [known.get(number) or _unfinished(number) for number in every])
    storage.close()
    return place


def _unfinished(number: int) -> TrialRecord:
    reason = "it was not finished, as far as is known, when the file of the study was lost"
    return TrialRecord(number, TrialState.FAIL, reason=reason, failure=FailureKind.LOST)


def _records(study: StudyReplica) -> list[TrialRecord]:
    """Return the trials of the history as records."""
    history, curves, space = study.history, study.history.curves, study.history.space
    points = None if space is None else history.points(space).tolist()
    found = []
    for i, (number, state) in enumerate(zip(history.number.tolist(), history.state.tolist(), strict=True)):
        values = tuple(y * sign for y, sign in zip(history.y[i].tolist(), study.signs, strict=True))
        found.append(
            TrialRecord(
                number,
                TrialState(state),
                space=space,
                x=None if points is None else points[i],
                values=None if any(map(math.isnan, values)) else values,
                sampler_state=int(history.sampler_state[i]),
                cost=float(history.cost[i]),
                failure=FailureKind(k) if (k := int(history.failure[i])) else None,
                constraints=history.constraints_of(i) or None,
                system=None if np.isnan(history.noise[i]).any() else {NOISE: history.noise[i].tolist()},
                reports=curves.reported(number) or None,
            )
        )
    return found
