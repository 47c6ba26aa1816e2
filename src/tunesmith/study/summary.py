"""What is shown of a study in short: in a list of studies, in a notebook, and why its trials failed."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple, SupportsIndex

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import StorageError
from tunesmith.foundation.languages import joined_texts, say, told
from tunesmith.foundation.states import TrialState
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.snapshot import Snapshot
from tunesmith.study.verdict import VERDICT
from tunesmith.trial.record import TrialRecord

if TYPE_CHECKING:
    from tunesmith.study.recommend import Recommendation

TRIALS_WEIGHED = 10_000  # complete ones: of more, a card does not ask a model anew, which takes half a second


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


def best_values(seen: Snapshot) -> NDArray[np.float64]:
    """Return the best value after each complete trial of a study with one objective, in the order of trials."""
    history = seen.history
    rows = np.flatnonzero(history.complete & history.feasible)
    rows = rows[np.argsort(history.number[rows], kind="stable")]
    return np.asarray(np.minimum.accumulate(history.y[rows, 0]) * seen.signs[0])


def middle(seen: Snapshot) -> float:
    """Return the middle value of complete trials, in the study's own direction; NaN: there is none."""
    values = seen.history.y[seen.history.complete, 0]
    return float(np.median(values)) * seen.signs[0] if len(values) else math.nan


def state_of(counts: Mapping[TrialState, int]) -> str:
    """Return which of the states of `STATES` a study is in, by its trials."""
    if counts.get(TrialState.RUNNING):
        return "running"
    if counts.get(TrialState.COMPLETE):
        return "complete"
    return "fail" if counts.get(TrialState.FAIL) else "waiting"


def study_html(seen: Snapshot, sampler: str, recommend: Callable[[Snapshot], Recommendation]) -> str:
    """Return what a notebook shows of a study: the answer first, then its parameters, the tally and how it came.

    Args:
        sampler: its name.
        recommend: says what to use. Of a study of many trials, for which that takes long, it is not asked anew.
    """
    from tunesmith.foundation.formats import NumberFormat
    from tunesmith.foundation.look.card import Answer, card
    from tunesmith.foundation.look.drawn import sparkline
    from tunesmith.trial.record import cells

    counted = [say(f"{{:,}} {state.name.lower()}", n) for state, n in sorted(seen.counts.items())]
    tally = joined_texts(counted) if counted else say("no trials")
    show = partial(card, seen.study_name, kind="study", state=state_of(seen.counts))
    about = joined_texts([*(say(d.value) for d in seen.directions), say("sampler {}", sampler)])
    stopped = [] if seen.stored_stop_reason is None else [told(seen.stored_stop_reason)]
    if len(seen.directions) > 1:
        front = len(seen.front)
        trials = "{:,} trial is on the Pareto front" if front == 1 else "{:,} trials are on the Pareto front"
        return show(about=about, answer=Answer(say(trials, front), f"{front:,}"), lines=[tally, *stopped])
    best = seen.find_best()
    spark = (sparkline(best_values(seen).tolist()), say("best value"))
    answer: Answer | None = None
    lines = [tally, *stopped]
    params: Mapping[str, Any] = {} if best is None else best.params
    few = seen.counts.get(TrialState.COMPLETE, 0) <= TRIALS_WEIGHED
    if (best is not None and few) or VERDICT in seen.system_attrs or seen.has_made(recommend):
        try:
            found = seen.once(recommend)
            answer, params = found.card_answer(middle(seen)), found.params
            use = [] if found.trial is None else [say("Use trial {}.", found.trial.number)]
            lines = [*use, *lines, *found.sentences()[1:]]
        except (ValueError, StorageError) as error:  # what was decided cannot be read
            lines.append(str(error))
    if best is not None and best.values is not None:
        value = NumberFormat.of(best.values[0]).write(best.values[0])
        if answer is None:
            answer = Answer(say("best value seen"), value, say("trial {}", best.number))
            lines.append(say("It is too good on average, for being the best: study.recommend() says what to expect."))
        else:
            lines.insert(2, say("Best value seen: {} (trial {}).", value, best.number))
    return show(cells(params), about=about, answer=answer, spark=spark, lines=lines)


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
        try:
            found = self._recommend()
        except (ValueError, StorageError) as error:  # nothing is complete, or what was decided cannot be read
            return self.card(lines=[str(error)])
        if found.trial is None or found.trial.number != self.number:
            return self.card(lines=found.sentences())
        return self.card(found.card_answer(), found.sentences()[1:])


FIELDS = tuple(f.name for f in fields(TrialRecord))
