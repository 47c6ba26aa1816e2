"""A candidate of a search, and the table of all of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tunesmith.errors import ResumeError
from tunesmith.selection.metric import row_indices
from tunesmith.selection.when_to_stop import Race, fold_noise
from tunesmith.sklearn.evaluate.task import Task, Unit
from tunesmith.sklearn.protocols import Data, Params, Split
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.search.default import restore_objects
from tunesmith.sklearn.search.fidelity import Screening, Screens
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL, CandidateStore, from_record
from tunesmith.sklearn.store.outcome import Outcome, PredictionCache, labels_of
from tunesmith.space import Space
from tunesmith.trial import Trial

# ----------------------------------------------------------------------------------------------------------------------
# One candidate of a search: what was run of it, what is still to be sent, and how it ended.


@dataclass(slots=True, eq=False)
class Candidate:
    """A candidate under way or done.

    Attributes:
        position: its place among the candidates of the search.
        number: the number of its trial; NOT_A_TRIAL if it has none.
        row: its outcomes by split, None where there is none.
        trial: the running trial; None if it is finished, or there is none.
        unit: all splits in the order in which they are run; None if an earlier run ended the candidate.
        exempt: whether it is run on all splits, whatever the race says.
        screening: what it has to pass before; None: nothing.
        rest: the splits that were not sent yet; None if there are none, or will be none.
        n_sent: how many splits are with the workers.
        dropped: whether it was given up.
        against: the incumbent by which it was given up.
        estimate: what its value would have been, if a screen gave it up; NaN if that is not known.
        decided: whether it is certain how it ended; later outcomes are ignored.
        told: whether the study was told how it ended.
        n_stored: how many of its outcomes were stored before the study was told.
    """

    position: int
    number: int
    params: Params
    row: list[Outcome | None]
    trial: Trial | None = None
    unit: Unit | None = None
    exempt: bool = False
    screening: Screening | None = None
    rest: Unit | None = field(init=False)
    n_sent: int = field(default=0, init=False)
    dropped: bool = field(default=False, init=False)
    against: Race | None = field(default=None, init=False)
    estimate: float = field(default=math.nan, init=False)
    decided: bool = field(default=False, init=False)
    told: bool = field(default=False, init=False)
    n_stored: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.rest = self.screening.unit if self.screening is not None and self.screening.open else self.unit

    @property
    def in_screen(self) -> bool:
        """Whether it has not passed all screens yet."""
        return self.screening is not None and self.screening.open

    @property
    def screened(self) -> dict[str, list[Outcome]]:
        """Its outcomes at lower fidelities, by what these are called, the lowest first."""
        return {} if self.screening is None else self.screening.by_label()

    @property
    def cost(self) -> float:
        """The seconds that its fits and their scores took."""
        screened = [o for at in self.screened.values() for o in at]
        return sum(o.fit_seconds + o.score_seconds for o in (*screened, *self.outcomes))

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes that there are, in the order of the splits."""
        return [o for o in self.row if o is not None]

    @property
    def complete(self) -> bool:
        """Whether all splits are done."""
        return None not in self.row

    @property
    def failed(self) -> bool:
        """Whether a fit failed."""
        return any(o.error is not None for o in self.outcomes)

    @property
    def order(self) -> list[int]:
        """The places in `row` in the order in which the splits are run."""
        if self.unit is None:
            return list(range(len(self.row)))
        return [split % len(self.row) for split in self.unit.splits]

    def scores(self, metric: str | None) -> list[float]:
        """Return the scores of a metric by split, NaN where there is none."""
        return [math.nan if o is None else o.figure(metric) for o in self.row]

    # -- under way -------------------------------------------------------------------------------------------------

    def send(self, n: int) -> Unit:
        """Take the next n splits of those not sent."""
        if self.rest is None:
            raise ValueError(f"the candidate {self.params} has no splits left to send")
        unit, rest = self.rest.cut(n)
        self.rest = rest if rest.splits else None
        self.n_sent += len(unit.splits)
        return unit

    def receive(self, outcome: Outcome) -> None:
        """Enter an outcome; if it is hopeless, the other splits of its unit were not run and can be sent again."""
        if self.decided:
            return
        if self.screening is not None and self.screening.receive(outcome):
            self.n_sent -= 1
            return
        place = outcome.split % len(self.row)
        self.row[place] = outcome._replace(split=place, hopeless=False)
        self.n_sent -= 1
        if outcome.hopeless:
            self.n_sent = 0
            self._recompute_rest()

    def advance(self) -> None:
        """Go on to the next level, and after the last one to the splits."""
        if self.screening is not None:
            self.screening.advance()
            self.rest = self.screening.unit if self.screening.open else self.unit

    def restore(self, outcomes: Sequence[Outcome]) -> None:
        """Enter what an interrupted run stored, so that only the other splits are sent."""
        for outcome in outcomes:
            self.row[outcome.split] = outcome
        self._recompute_rest()
        self.n_stored = len(self.outcomes)

    def _recompute_rest(self) -> None:
        if self.unit is not None:
            left = [i for i, split in enumerate(self.unit.splits) if self.row[split % len(self.row)] is None]
            self.rest = self.unit.only(left) if left else None

    # -- its end ---------------------------------------------------------------------------------------------------

    def drop(self, race: Race | None) -> None:
        """Give the candidate up against an incumbent."""
        self.rest, self.dropped, self.against = None, True, race

    def screen_out(self, level: int, estimate: float) -> None:
        """Give the candidate up after a screen; what it ran beyond is dropped."""
        self.rest, self.dropped, self.estimate, self.row = None, True, estimate, [None] * len(self.row)
        if self.screening is not None:
            self.screening.truncate(level)

    def load(self, outcomes: Sequence[Outcome]) -> None:
        """Enter the outcomes of a candidate that an earlier run, or another process, ended."""
        for outcome in outcomes:
            self.row[outcome.split] = outcome
        self.decided = self.told = True
        self.dropped = not self.complete


# ----------------------------------------------------------------------------------------------------------------------
# All candidates of one search in the order in which they were begun, those of earlier runs included.


@dataclass(slots=True)
class CandidateTable:
    """The candidates of one search.

    Args:
        store: where finished candidates are kept.
        n_splits: the number of splits of a candidate.
        splits: of all sets of splits, one set after the other.
        screens: what candidates have to pass before they are run on the splits.

    Attributes:
        default_key: identifies the estimator's own configuration; None: it is not to be tried.
    """

    store: CandidateStore
    space: Space
    task: Task
    n_splits: int
    splits: list[Split]
    screens: Screens = field(default_factory=Screens)
    default_key: str | None = None
    candidates: list[Candidate] = field(default_factory=list)
    _predictions: PredictionCache = field(default_factory=PredictionCache)

    def first_split(self, number: int) -> int:
        """Return where the splits of a trial begin among all splits."""
        return max(number, 0) * self.n_splits % len(self.splits)

    def is_default(self, params: Params) -> bool:
        """Tell whether these are the estimator's own parameters."""
        return self.default_key is not None and self.store.key(params) == self.default_key

    @property
    def n_trials(self) -> int:
        """How many candidates are trials."""
        return sum(c.number != NOT_A_TRIAL for c in self.candidates)

    @property
    def numbers(self) -> set[int]:
        """The numbers of all candidates."""
        return {c.number for c in self.candidates}

    def finished(self) -> list[Candidate]:
        """Return the candidates of which the study was told, in the order of ``cv_results_``."""
        done = [c for c in self.candidates if c.told and not (c.number == NOT_A_TRIAL and c.failed)]
        return sorted(done, key=lambda c: (c.number == NOT_A_TRIAL, c.number))

    # -- candidates of earlier runs --------------------------------------------------------------------------------

    def load(self) -> list[Candidate]:
        """Take in the candidates that earlier runs, or other processes, ended, and return them.

        Raises:
            ResumeError: a choice is not what it was, or a fit failed and ``error_score`` says to raise.
        """
        raises, known, loaded = isinstance(self.task.failed(), str), self.numbers, []
        for trial, record in self.store.finished():
            if trial.number in known:
                continue
            params = restore_objects(self.space, trial.params)
            self.store.check(trial.number, params, record)
            error = next((e for e in record["error"] if e), None)
            if error is not None and raises:
                raise ResumeError(
                    f"candidate {trial.number} of the study failed in an earlier run, and error_score='raise' asks for "
                    f"that to be told:\n{error}"
                )
            loaded.append(self.add_finished(trial.number, params, record))
        return loaded

    def add_finished(self, number: int, params: Params, record: dict[str, Any], exempt: bool = False) -> Candidate:
        """Add a candidate that an earlier run ended.

        Args:
            record: what is stored of it.
            exempt: whether it took no part in the race, and its failures end no search.
        """
        position = len(self.candidates)
        candidate = Candidate(position, number, params, [None] * self.n_splits, exempt=exempt)
        candidate.screening = self._restored_screens(position, record)
        candidate.load(from_record(candidate.position, record, self.task.failed(lenient=exempt)))
        self.candidates.append(candidate)
        self.archive(candidate)
        return candidate

    def restore(self, candidate: Candidate) -> None:
        """Give a candidate what an interrupted run stored of it."""
        record = None if candidate.trial is None else self.store.record_of(candidate.trial)
        failed = self.task.failed(lenient=candidate.exempt)
        if record is None or record["key"] != self.store.key(candidate.params):
            return
        if isinstance(failed, str) and any(record["error"]):
            return  # it is fitted again, so that the error is raised
        candidate.restore(from_record(candidate.position, record, failed))
        candidate.screening = self._restored_screens(candidate.position, record, candidate.screening)

    def _restored_screens(
        self, position: int, record: dict[str, Any], begun: Screening | None = None
    ) -> Screening | None:
        """Return what is stored of a candidate's screens; None: there is nothing, or they were others."""
        failed = self.task.failed(lenient=True)
        found = {at["key"]: from_record(position, at, failed) for at in record.get("screens", ())}
        return self.screens.restored(found, begun)

    # -- results ---------------------------------------------------------------------------------------------------

    def archive(self, candidate: Candidate) -> None:
        """Move a candidate's predictions to the cache, which may let those of the worst candidates go."""
        seen = [None if o is None else o.predictions for o in candidate.row]
        scores = [o.figure(self.store.metric) for o in candidate.outcomes]
        if scores:
            self._predictions.put(candidate.position, candidate.complete, float(np.mean(scores)), seen)
        candidate.row = [None if o is None else o._replace(predictions=None) for o in candidate.row]

    def noise(self) -> float | None:
        """Return the standard deviation of a mean over the splits; None if there are too few splits to tell."""
        scores = np.array([c.scores(self.store.metric) for c in self.candidates if c.complete and c.told])
        if self.n_splits < 2 or not np.isfinite(scores).all(axis=1).any():
            return None
        train, test = self.splits[0]
        return fold_noise(scores, len(row_indices(train)), len(row_indices(test)))

    def default_index(self) -> int | None:
        """Return the default's place in ``cv_results_``; None if there is none, or it could not be fitted at all."""
        if self.default_key is None:
            return None
        return next((i for i, c in enumerate(self.finished()) if self.is_default(c.params)), None)

    def evidence(self, groups: Data) -> Evidence:
        """Return what the search has found out, in the order of ``cv_results_``.

        Args:
            groups: what the splitter was told of groups; None: nothing.
        """
        done, metric, y = self.finished(), self.store.metric, self.task.y
        begins = [self.first_split(c.number) for c in done]
        return Evidence(
            params=[c.params for c in done],
            numbers=[c.number for c in done],
            keys=[self.store.key(c.params) for c in done],
            scores=np.array([c.scores(metric) for c in done]),
            ran=np.array([[o is not None for o in c.row] for c in done]),
            predictions=[self._predictions.get(c.position) for c in done],
            splits=self.splits[: self.n_splits],
            own_splits=[self.splits[i : i + self.n_splits] for i in begins],
            y=y,
            labels=labels_of(y),
            sample_weight=self.task.score_params.get("sample_weight"),
            groups=groups,
            metric=metric,
        )
