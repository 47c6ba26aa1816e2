"""What a list of studies shows of each, without reading its trials."""

from __future__ import annotations

import math
from dataclasses import dataclass

from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.trial.record import TrialRecord


@dataclass(frozen=True)
class StudySummary:
    """One study of a list.

    Attributes:
        id: the study's id.
        name: its name.
        directions: one for each objective.
        counts: trials by the name of their state, without those of which there are none.
        best_record: the best trial of a study with one objective; None: there is none.
        last: when the last trial began or ended, else when the study was created, unix time.
    """

    id: int
    name: str
    directions: tuple[str, ...]
    counts: dict[str, int]
    best_record: TrialRecord | None
    last: float

    @property
    def best(self) -> float:
        """The best value; NaN: there is none."""
        value = None if self.best_record is None else self.best_record.value
        return math.nan if value is None else value

    @property
    def best_trial(self) -> int | None:
        """The number of the best trial."""
        return None if self.best_record is None else self.best_record.number

    @property
    def total(self) -> int:
        """How many trials there are."""
        return sum(self.counts.values())

    @property
    def running(self) -> int:
        """How many trials run."""
        return self.counts.get("running", 0)


def counts_of(storage: Storage, study_id: int) -> dict[str, int]:
    """Return the trials of a study by the name of their state, without those of which there are none.

    Args:
        storage: where it is.
        study_id: the study.

    Returns:
        numbers by "complete", "running" and so on, in the order of states.
    """
    return {state.name.lower(): n for state, n in sorted(storage.count(study_id).items()) if n}


def summary_of(storage: Storage, record: StudyRecord) -> StudySummary:
    """Return what a list shows of a study; its trials are not read.

    Args:
        storage: where it is.
        record: the study.

    Returns:
        its summary.
    """
    counts = counts_of(storage, record.id)
    one = len(record.directions) == 1
    best = storage.best(record.id, record.directions[0]) if one and counts.get("complete") else None
    last = math.nan
    if total := sum(counts.values()):
        newest = storage.trials(record.id, [total - 1])[0]
        last = newest.finished if newest.finished == newest.finished else newest.started
    last = last if last == last else record.created
    return StudySummary(record.id, record.name, record.directions, counts, best, last)
