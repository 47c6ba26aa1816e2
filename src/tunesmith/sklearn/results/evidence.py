"""The results of a search's candidates as arrays: the input of an honest choice and score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.selection.splits import split_ratio
from tunesmith.selection.targets import Predictions

Floats = NDArray[np.float64]


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

    params: list[dict[str, Any]]
    numbers: list[int]
    keys: list[str]
    scores: Floats
    ran: NDArray[np.bool_]
    predictions: list[list[Predictions | None] | None]
    splits: list[tuple[Any, Any]]
    own_splits: list[list[tuple[Any, Any]]]
    y: Any
    labels: NDArray[Any] | None
    sample_weight: Any
    groups: Any
    metric: str | None

    @property
    def finished(self) -> NDArray[np.bool_]:
        """Which candidates ran on all splits, bool[C]."""
        return np.asarray(self.ran.all(axis=1))

    @property
    def test_to_train(self) -> float:
        """Test rows to training rows of a split."""
        return split_ratio(self.splits)
