"""What is shown of a study in short: in a list of studies, in a notebook, and why its trials failed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

import numpy as np

from tunesmith.errors import StorageError
from tunesmith.foundation.languages import block, joined_texts, say, told
from tunesmith.foundation.states import TrialState
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.snapshot import Snapshot
from tunesmith.trial.record import TrialRecord

if TYPE_CHECKING:
    from tunesmith.study.recommend import Recommendation


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

    Returns:
        numbers by "complete", "running" and so on, in the order of states.
    """
    return {state.name.lower(): n for state, n in sorted(storage.count(study_id).items()) if n}


def summary_of(storage: Storage, record: StudyRecord) -> StudySummary:
    """Return what a list shows of a study; its trials are not read."""
    counts = counts_of(storage, record.id)
    one = len(record.directions) == 1
    best = storage.best(record.id, record.directions[0]) if one and counts.get("complete") else None
    last = math.nan
    if total := sum(counts.values()):
        newest = storage.trials(record.id, [total - 1])[0]
        last = newest.finished if newest.finished == newest.finished else newest.started
    last = last if last == last else record.created
    return StudySummary(record.id, record.name, record.directions, counts, best, last)


# -- why trials failed ------------------------------------------------------------------------------------------------


class FailureReason(NamedTuple):
    """A reason, which is empty where none is known; how many trials had it; and the first of them."""

    text: str
    trials: int
    first: int


def failure_reasons(seen: Snapshot) -> list[FailureReason]:
    """Return why trials of a study failed, the most frequent reason first; its last line says what it was."""
    failed = np.sort(seen.history.number[seen.history.state == TrialState.FAIL]).tolist()
    found: dict[str, FailureReason] = {}
    for trial in chain.from_iterable(seen.in_parts(failed)):
        lines = (trial.reason or "").strip().splitlines()
        text = lines[-1] if lines else ""
        before = found.get(text, FailureReason(text, 0, trial.number))
        found[text] = before._replace(trials=before.trials + 1)
    return sorted(found.values(), key=lambda reason: -reason.trials)


# -- HTML, for notebooks ----------------------------------------------------------------------------------------------


def study_html(seen: Snapshot, sampler: str, recommend: Callable[[], Recommendation]) -> str:
    """Return what a notebook shows of a study: the answer first, then directions, sampler, tally and best trial.

    Args:
        sampler: its name.
        recommend: says what to use.
    """
    from tunesmith.foundation.formats import NumberFormat

    one = len(seen.directions) == 1
    counted = [say(f"{{:,}} {state.name}", n) for state, n in sorted(seen.counts.items())]
    rows = [
        (say("study"), seen.study_name),
        (say("direction" if one else "directions"), joined_texts(say(d.value) for d in seen.directions)),
        (say("sampler"), sampler),
        (say("trials"), joined_texts(counted) if counted else say("no trials")),
    ]
    best = seen.find_best() if one else None
    if best is not None and best.values is not None:
        value = NumberFormat.of(best.values[0]).write(best.values[0])
        rows.append((say("best value seen"), say("{} (trial {})", value, best.number)))
    if seen.stored_stop_reason is not None:
        rows.append((say("stopped"), told(seen.stored_stop_reason)))
    if one:
        head, *notes = _answer(recommend)
    else:
        front = len(seen.front)
        trials = "{:,} trial is on the Pareto front" if front == 1 else "{:,} trials are on the Pareto front"
        head, notes = say(trials, front), []
    return block(head, notes, rows, kind="study")


def _answer(recommend: Callable[[], Recommendation]) -> list[str]:
    """Return what to use and what to expect of it; what is missing, where that cannot be told."""
    try:
        return recommend().sentences()
    except (ValueError, StorageError) as error:  # nothing is complete, or what was decided cannot be read
        return [str(error)]


class BestTrial(TrialRecord):
    """The record of a study's best trial, which a notebook shows below what to expect of it.

    The value of a best trial is mostly too good, since it was picked for being the best. A copy and a pickle of it are
    plain records.
    """

    __slots__ = ("_recommend",)
    __hash__ = None  # as of records
    _recommend: Callable[[], Recommendation]

    @classmethod
    def of(cls, record: TrialRecord, recommend: Callable[[], Recommendation]) -> BestTrial:
        """Return a record that knows who says what to use."""
        made = cls.__new__(cls)
        for name in FIELDS:
            setattr(made, name, getattr(record, name))
        made._recommend = recommend
        return made

    def __reduce_ex__(self, protocol: SupportsIndex) -> tuple[Any, ...]:
        return object.__new__, (TrialRecord,), self.__getstate__()

    def _repr_html_(self) -> str:
        head, *notes = _answer(self._recommend)
        return block(head, notes, kind="recommendation") + super()._repr_html_()


FIELDS = tuple(f.name for f in fields(TrialRecord))
