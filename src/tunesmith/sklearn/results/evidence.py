"""What a conclusion is drawn from: the results of a search's candidates as arrays, and the search that has run."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.selection.metric import split_ratio
from tunesmith.selection.targets import Predictions
from tunesmith.sklearn.evaluate.deadline import Deadline
from tunesmith.sklearn.protocols import Params, Results, Scorer, Split, Splitter
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.study import Study


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
        tried_all_of: "space" or "grid" if every point of it was tried; else None.
        adaptive: whether it depended on scores which candidates there are.
        reshuffle: whether each candidate had splits of its own.
        wants_default: whether the estimator's own configuration was to be tried.
        default: its place among the candidates; None if there is none, or it could not be fitted at all.
        untold: the space's parameters of which the estimator does not tell its own value.
        cut: returns the splits of all rows that a splitter gives.
        rerun: runs candidates on other splits through the same workers; returns outcomes by candidate and split, or
            None if the time was up before.
        deadline: when the search has to end, and what there is time for.
        screened: what is to be said of the fits at lower fidelities; None: there were none.
        leaks: what rows tell of one another across the splits, in sentences.
    """

    evidence: Evidence
    study: Study
    scorer: Scorer
    results: Results
    tried_all_of: str | None
    adaptive: bool
    reshuffle: bool
    wants_default: bool
    default: int | None
    untold: list[str]
    cut: Callable[[Splitter], Iterable[Split]]
    rerun: Callable[[Sequence[Params], list[Split], Deadline], list[list[Outcome]] | None]
    deadline: Deadline
    screened: str | None = None
    leaks: tuple[str, ...] = ()
