"""What a conclusion is drawn from, what the reader is warned of, and one search to be concluded."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.selection import HonestScore, Rule, SelectionResult
from tunesmith.selection.choice import USUAL_RISK, Complexity, complexities, ranks_of_rows
from tunesmith.selection.metric import Metric, block_length, is_time_series, split_ratio, tested_rows
from tunesmith.selection.outlook import Outlook
from tunesmith.selection.targets import Certainty, Predictions
from tunesmith.sklearn.evaluate.pool import Deadline
from tunesmith.sklearn.protocols import Params, Results, Scorer, Split, Splitter
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.study import Study

# ----------------------------------------------------------------------------------------------------------------------
# What a conclusion is drawn from: the results of a search's candidates as arrays, and the search that has run.


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """Results of C candidates on K splits, in the order of ``cv_results_``.

    Attributes:
        params: the parameters of each candidate.
        numbers: the number of each candidate's trial.
        keys: what identifies each candidate; equal ones are the same configuration.
        scores: of the deciding metric, float64[C, K], higher is better; NaN: not run, failed, or no metric decides.
        ran: which splits were run, bool[C, K].
        predictions: for each candidate what the scorer saw on each split, None where there is nothing; None in place
            of the list for a candidate whose predictions were not kept or are not available.
        splits: training and test rows of each split; the first ones if candidates have splits of their own.
        own_splits: those of each candidate.
        y: the targets, as given to ``fit``.
        labels: the sorted labels of `y` that predictions refer to; None if it has none.
        sample_weight: what the scorer weighs rows with, [n_samples]; None: nothing.
        groups: what the splitter was told of groups, [n_samples]; None: nothing.
        metric: the name of the deciding metric where there are several.
        fresh: further runs, of some of the candidates, on splits of their own: the splits, and by candidate the score
            of each split and what the scorer saw there.
    """

    params: list[Params]
    numbers: list[int]
    keys: list[str]
    scores: NDArray[np.float64]
    ran: NDArray[np.bool_]
    predictions: list[list[Predictions | None] | None]
    splits: list[Split]
    own_splits: list[list[Split]]
    y: Any
    labels: NDArray[Any] | None
    sample_weight: Any
    groups: Any
    metric: str | None
    fresh: tuple[tuple[list[Split], dict[int, list[tuple[float, Predictions | None]]]], ...] = ()

    @property
    def test_to_train(self) -> float:
        """Test rows to training rows of a split."""
        return split_ratio(self.splits)


@dataclass(frozen=True, slots=True)
class FinishedSearch:
    """A search that has run, while its workers are still there.

    Attributes:
        evidence: what it has found out, in the order of ``cv_results_``.
        study: holds its candidates.
        scorer: what scored.
        results: ``cv_results_``.
        adaptive: whether it depended on scores which candidates there are.
        wants_default: whether the estimator's own configuration was to be tried.
        default: its place among the candidates; None if there is none, or it could not be fitted at all.
        cut: returns the splits of all rows that a splitter gives.
        rerun: runs candidates on other splits through the same workers; returns outcomes by candidate and split, or
            None if the time was up before.
        deadline: when the search has to end, and what there is time for.
        notes: what its report has to say besides, in sentences.
    """

    evidence: Evidence
    study: Study
    scorer: Scorer
    results: Results
    adaptive: bool
    wants_default: bool
    default: int | None
    cut: Callable[[Splitter], Iterable[Split]]
    rerun: Callable[[Sequence[Params], list[Split], Deadline], list[list[Outcome]] | None]
    deadline: Deadline
    notes: tuple[str, ...] = ()


# ----------------------------------------------------------------------------------------------------------------------
# Notes for the reader of a report: failures, few rows of a class, few groups, rows in the order of time.

FEWEST_PERIODS = 5  # of which each is worse than the one before: by chance so in one of 120 searches
FEW_MEMBERS = 20  # rows of a class, or groups, with fewer of which an interval is rough
ROWS_IN_TIME = (
    "The rows are in the order of time, so neighbouring ones are no independent observations: the interval takes "
    "{blocks}, and is too short if there are slow changes."
)
SCORES_FALL = (
    "The scores get worse from each period to the next, so the rows change with time: expect new ones to score like "
    "the last period or worse, and not like the mean over all."
)


def cautions(evidence: Evidence, classes: bool) -> list[str]:
    """Return notes to read before relying on the choice and the interval."""
    rows = tested_rows(evidence.splits)
    found = []
    keys = np.asarray(evidence.keys, dtype=object)
    if lost := len(set(keys[(np.isnan(evidence.scores) & evidence.ran).any(axis=1)])):
        found.append(
            f"{lost} of the {len(set(keys))} configurations had no score on some folds, because a fit failed or the "
            "score was NaN, and could not be chosen."
        )
    y = np.asarray(evidence.y) if classes else np.zeros(0)
    if y.ndim == 1 and len(y) and len(rows) >= FEW_MEMBERS:
        labels, members = np.unique(y[rows], return_counts=True)
        few = np.flatnonzero(members < FEW_MEMBERS)
        if len(few) and len(labels) > 1:
            least = few[members[few].argmin()]
            rare = f"Only {members[least]} of the {len(rows)} tested rows are of class {labels[least]!s}"
            more = f" ({len(few)} classes have fewer than {FEW_MEMBERS})" if len(few) > 1 else ""
            found.append(f"{rare}{more}: what the score says of so few is rough.")
    if evidence.groups is not None:
        groups = len(np.unique(np.asarray(evidence.groups)[rows]))
        if groups < min(FEW_MEMBERS, len(rows)):
            found.append(f"The tested rows belong to {groups} groups only, so the interval is rough.")
        if groups == len(rows):
            found.append("Each row is a group of its own, so groups= keeps no rows together: is it the right column?")
    elif is_time_series(evidence.splits):
        length = block_length(len(rows))
        blocks = f"blocks of {length} as one" if length > 1 else "each as one"
        found.append(ROWS_IN_TIME.format(blocks=blocks))
        whole = evidence.scores[np.isfinite(evidence.scores).all(axis=1)]
        if whole.shape[1] >= FEWEST_PERIODS and len(whole) and (np.diff(whole.mean(axis=0)) < 0).all():
            found.append(SCORES_FALL)
    return found


# ----------------------------------------------------------------------------------------------------------------------
# One search to be concluded: its settings, what is known of its candidates, and what its report says besides.

Selected = tuple[SelectionResult, HonestScore]


@dataclass(frozen=True, slots=True)
class Tail:
    """What a log loss may be larger by, where the model fitted on all rows is surer than those of the folds.

    Attributes:
        certainty: of the predictions for the folds.
        no_skill: the loss of the best guess that sees no feature; None: not known.
    """

    certainty: Certainty
    no_skill: float | None


@dataclass(frozen=True, slots=True)
class Further:
    """Further repeats of the folds for the leaders of a search that has concluded.

    Attributes:
        known: the trials of the candidates that ran on each fresh set of splits before.
        repeats: how many more sets there are to be.
        leaders: how many candidates run on each, beside the default.
    """

    known: tuple[tuple[int, ...], ...]
    repeats: int
    leaders: int


@dataclass(frozen=True, slots=True)
class SelectionSettings:
    """How to conclude; see `SearchCV`. `further`: after `SearchCV.decide`, in the place of `confirm`."""

    confirm: Any = "auto"
    prefer_default: bool | str | None = True
    complexity: Complexity | None = None
    ends: float = math.inf  # when the search has to end, by the monotonic clock
    level: float = 0.95
    risk: float = USUAL_RISK
    further: Further | None = None
    tells_last_fit: bool = True  # by a learning curve; `tune` has seen what more rows bring


@dataclass(slots=True)
class SelectionContext:
    """One search to be concluded, and what goes into its report beside the choice.

    Attributes:
        run: the search; None if it is over, and its candidate chosen.
        search: the estimator whose settings it had.
        settings: how to conclude.
        evidence: what is known of the candidates.
        whole: which of them have a score on all splits, bool[C].
        seed: of resamples.
        adaptive: whether candidates were proposed from earlier scores.
        given: the index of the candidate that is returned; None: it is to be chosen.
        metric: the metric that decides; None if it is not known how it follows from predictions.
        default: the default's index; None if there is none to compare with.
        confirmed: how many candidates were evaluated again.
        repeats: on how many fresh splits.
        fresh_fits: how many fits that took.
        fresh: the trials of the candidates on each fresh set of splits.
        outlook: what the lead of the best alternative over the default rests on; None: not known.
        tail: what the last fit may add to a log loss; None: nothing.
        notes: further remarks.
    """

    run: FinishedSearch | None
    search: Any
    settings: SelectionSettings
    evidence: Evidence
    whole: NDArray[np.bool_]
    seed: int = 0
    adaptive: bool = False
    given: int | None = None
    metric: Metric | None = None
    default: int | None = None
    confirmed: int = 0
    repeats: int = 0
    fresh_fits: int = 0
    fresh: list[tuple[int, ...]] = field(default_factory=list)
    outlook: Outlook | None = None
    tail: Tail | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def metric_name(self) -> str | None:
        """What the metric that decides is called."""
        return self.evidence.metric if self.metric is None else self.metric.name

    def rule(self, caution: float, default: int | None) -> Rule:
        """Return the rule of the choice.

        Args:
            caution: how many standard errors a gain over the default has to exceed.
            default: the default's index; None: nothing is compared with it.
        """
        order = None
        if self.settings.complexity is not None:
            order = tuple(ranks_of_rows(complexities(self.evidence.params, self.settings.complexity)).tolist())
        prefer = bool(self.settings.prefer_default)
        return Rule(default, prefer, caution, complexity=order)
