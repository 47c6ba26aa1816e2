"""When a search may end by itself, from arrays."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.selection.when_to_stop import bound_width, converged, fold_noise, is_due, min_trials

numbers = st.floats(-1e6, 1e6)


@given(st.lists(numbers, min_size=1), st.lists(numbers, min_size=1), st.floats(0, 1e6))
def test_it_stops_exactly_when_the_gap_is_below_the_noise(upper: list[float], lower: list[float], noise: float) -> None:
    found = converged(upper, lower, noise)
    assert found.gap == max(0.0, min(upper) - min(lower))
    assert found.converged == (found.gap < noise)


def test_a_sure_answer_to_a_question_without_noise_is_no_end() -> None:
    assert not converged([0.0], [0.0], 0.0).converged


@pytest.mark.parametrize(
    ("upper", "lower", "noise"), [([], [1.0], 1.0), ([1.0], [], 1.0), ([math.nan], [1.0], 1.0), ([1.0], [1.0], -1.0)]
)
def test_bad_bounds_are_errors(upper: list[float], lower: list[float], noise: float) -> None:
    with pytest.raises(ValueError, match=r"converged\(\) takes"):
        converged(upper, lower, noise)


def test_the_noise_of_a_cross_validated_mean_is_corrected_for_overlap() -> None:
    scores = np.array([0.8, 0.9, 0.7, 0.85, 0.75])
    assert fold_noise(scores, 80, 20) == pytest.approx(scores.std(ddof=1) * math.sqrt(1 / 5 + 1 / 4))
    table = np.array([scores, scores * 3, scores * 2, [math.nan] * 5])
    assert fold_noise(table, 80, 20) == pytest.approx(2 * fold_noise(scores, 80, 20))  # the median of the candidates


@pytest.mark.parametrize(
    ("scores", "train", "test"), [([0.5], 4, 1), ([[math.nan, 1.0]], 4, 1), ([0.1, 0.2], 0, 1), ([0.1, 0.2], 4, -1)]
)
def test_without_two_folds_there_is_no_noise(scores: list[float], train: int, test: int) -> None:
    with pytest.raises(ValueError, match="fold_noise"):
        fold_noise(scores, train, test)


def test_bounds_widen_slowly_and_looks_get_rarer() -> None:
    assert 1.5 < bound_width(20, 1) < bound_width(200, 1) < bound_width(200, 20) < 4
    assert min_trials(1) == min_trials(5) == 20
    assert min_trials(10) == 40
    looks, last = [], 0
    for n in range(1, 1001):
        if is_due(n, last):
            looks.append(n)
            last = n
    assert looks[:4] == [5, 10, 15, 20]
    assert len(looks) < 45
