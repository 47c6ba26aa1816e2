from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.errors import SelectionError
from tunesmith.selection.folds import corrected_error, inflation, tibshirani


def test_overlapping_training_sets_count():
    assert inflation(5) == pytest.approx(2.25)
    assert inflation(1, 0.25) == pytest.approx(1.25)
    scores = [0.8, 0.9, 0.7, 0.85, 0.75]
    naive = np.std(scores, ddof=1) / math.sqrt(5)
    assert corrected_error(scores) == pytest.approx(1.5 * naive)
    assert math.isnan(corrected_error([0.5], 0.2))


def test_the_correction_by_hand():
    losses = np.array([[0.1, 0.3], [0.3, 0.15], [np.nan, 0.0]])
    found = tibshirani(losses)
    assert found.index == 0
    assert found.naive == pytest.approx(0.2)
    assert found.optimism == pytest.approx((0.0 + 0.15) / 2)
    assert found.interval[0] < found.value < found.interval[1]


def test_one_candidate_needs_no_correction():
    assert tibshirani([[0.1, 0.3, 0.2]]).optimism == 0.0


def test_the_best_of_equals_is_corrected():
    values = [tibshirani(np.random.default_rng(s).normal(1.0, 0.1, (20, 5))) for s in range(100)]
    assert np.mean([v.naive for v in values]) < 0.93
    assert np.mean([v.value for v in values]) > 0.98


def test_a_choice_made_elsewhere_is_corrected_for_that():
    losses = np.array([[0.2, 0.2], [0.1, 0.1]])
    assert tibshirani(losses, index=0).optimism == pytest.approx(0.1)


@pytest.mark.parametrize("losses", [np.zeros(3), np.zeros((0, 2)), np.full((2, 2), np.nan)])
def test_bad_input_is_named(losses: np.ndarray):
    with pytest.raises(SelectionError):
        tibshirani(losses)
    with pytest.raises(SelectionError, match="at least one split"):
        inflation(0)
