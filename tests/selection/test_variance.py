"""The variance of a mean over splits that share training rows."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.errors import SelectionError
from tunesmith.selection.intervals import corrected_variance, variance_inflation


def test_overlapping_training_sets_count() -> None:
    assert variance_inflation(5) == pytest.approx(2.25)
    assert variance_inflation(1, 0.25) == pytest.approx(1.25)
    with pytest.raises(SelectionError, match="at least one split"):
        variance_inflation(0)


def test_the_variance_is_that_of_nadeau_and_bengio() -> None:
    scores = np.array([0.8, 0.9, 0.7, 0.85, 0.75])
    assert corrected_variance(scores) == pytest.approx(scores.var(ddof=1) * (1 / 5 + 1 / 4))
    assert corrected_variance(scores, 0.5) == pytest.approx(scores.var(ddof=1) * (1 / 5 + 1 / 2))


def test_a_candidate_without_all_scores_has_none_and_neither_has_one_split() -> None:
    found = corrected_variance([[0.1, 0.2, 0.3], [0.1, math.nan, 0.3]], 0.5)
    assert found[0] == pytest.approx(0.01 * (1 / 3 + 1 / 2))
    assert math.isnan(found[1])
    assert math.isnan(corrected_variance([0.5], 0.2))
