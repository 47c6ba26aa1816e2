"""The rules by which a candidate is given up between folds, and the value it leaves behind."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from tunesmith.selection.when_to_stop import PAIRED_TEST_LEVEL, RULES, Race, p_worse

NAN = math.nan
scores = st.floats(-1e6, 1e6)


def test_forgiving_drops_below_the_worst_fold_of_the_incumbent() -> None:
    race = Race("forgiving", (0.8, 0.9, 0.7))
    assert race.hopeless([0.69, NAN, NAN])
    assert not race.hopeless([0.7, NAN, NAN])  # as good as the worst is good enough
    assert not race.hopeless([0.6, 0.9, NAN])  # the mean counts
    assert race.hopeless([NAN, 0.1, 0.9])
    assert not race.hopeless([NAN, NAN, NAN])
    assert not race.hopeless([0.1, 0.1, 0.1])  # there is no fold left to save


def test_paired_takes_less_to_drop_a_candidate_the_more_folds_it_ran() -> None:
    race = Race("paired", (0.8, 0.9, 0.7, 0.8))  # a standard deviation of .082
    assert race.hopeless([NAN, 0.77, NAN, NAN])
    assert not race.hopeless([NAN, 0.78, NAN, NAN])  # the fold is an easy one, and that is allowed for
    assert not race.hopeless([0.72, 0.82, NAN, NAN])
    assert race.hopeless([0.72, 0.82, 0.62, NAN])
    assert not race.hopeless([NAN, NAN, NAN, NAN])
    assert not race.hopeless([0.1, 0.1, 0.1, 0.1])  # there is no fold left to save
    assert race.hopeless([-math.inf, NAN, NAN, NAN])
    assert Race("paired", (0.5, 0.5)).hopeless([0.4, NAN])
    assert not Race("paired", (0.5, 0.5)).hopeless([0.5, NAN])


def test_the_paired_test_sees_a_small_steady_loss_that_forgiving_does_not() -> None:
    incumbent = (0.6, 0.9, 0.7, 0.8, 0.75)
    behind = [s - 0.01 - 0.001 * k for k, s in enumerate(incumbent[:3])] + [NAN, NAN]
    assert Race("wilcoxon", incumbent).hopeless(behind)
    assert not Race("forgiving", incumbent).hopeless(behind)
    assert not Race("wilcoxon", incumbent).hopeless([0.1, 0.1, NAN, NAN, NAN])  # two folds are no test
    assert not Race("wilcoxon", incumbent).hopeless([0.1, 1.0, 0.69, NAN, NAN])


@given(st.lists(scores, min_size=2, max_size=8), st.data())
def test_a_candidate_that_is_ahead_on_every_fold_is_never_dropped(incumbent: list[float], data: st.DataObject) -> None:
    ahead = [s + data.draw(st.floats(0, 10)) if data.draw(st.booleans()) else NAN for s in incumbent]
    for rule in RULES:
        assert not Race(rule, tuple(incumbent)).hopeless(ahead)


@given(st.lists(scores, min_size=1, max_size=8), st.data())
def test_the_value_is_corrected_for_the_folds_and_never_above_the_incumbent(
    incumbent: list[float], data: st.DataObject
) -> None:
    race = Race("forgiving", tuple(incumbent))
    own = [data.draw(scores) if data.draw(st.booleans()) else NAN for _ in incumbent]
    value = race.value(own)
    if all(map(math.isnan, own)):
        assert math.isnan(value)
        return
    assert value <= race.mean
    shifted = [s - 3.0 for s in incumbent[:1]] + [NAN] * (len(incumbent) - 1)
    assert race.value(shifted) == pytest.approx(race.mean - 3.0, abs=1e-6)


def test_a_hard_fold_is_not_held_against_the_candidate() -> None:
    race = Race("forgiving", (0.5, 0.9, 0.9))
    assert race.value([0.4, NAN, NAN]) == pytest.approx(0.7666666 - 0.1)
    assert race.value([NAN, 0.4, NAN]) == pytest.approx(0.7666666 - 0.5)
    assert race.value([-math.inf, NAN, NAN]) == -math.inf


@given(st.lists(st.floats(-10, 10), min_size=3, max_size=5))
def test_with_few_folds_it_is_the_t_test(differences: list[float]) -> None:
    d = np.round(differences, 3)
    if d.std() > 1e-6 and (d < 0).any():
        assert p_worse(d) == pytest.approx(stats.ttest_1samp(d, 0.0, alternative="less").pvalue, abs=1e-9)


@given(st.lists(st.integers(-3, 3), min_size=6, max_size=10))
def test_ties_and_zeros_give_a_probability(differences: list[int]) -> None:
    p = p_worse(np.array(differences, float))
    assert 0.0 < p <= 1.0
    # the least ranks that so many positive differences can have; zeros take the lowest ones, and speak for neither side
    if sum(d > 0 for d in differences) > len(differences) / 2:
        assert p > PAIRED_TEST_LEVEL


def test_infinite_and_equal_differences() -> None:
    assert p_worse(np.array([-math.inf] * 3)) == 0.0
    assert p_worse(np.array([-math.inf, math.inf, -1.0])) == 1.0
    assert p_worse(np.array([-0.1] * 3)) == 0.0
    assert p_worse(np.zeros(5)) == 1.0
    assert p_worse(np.array([NAN, -1.0, -1.0])) == 1.0


def test_it_is_small_and_travels() -> None:
    race = Race("wilcoxon", (0.1, 0.2, 0.3))
    assert pickle.loads(pickle.dumps(race)) == race
    assert len(pickle.dumps(race)) < 300


@pytest.mark.parametrize("bad", [(), (0.1, NAN), (math.inf,)])
def test_an_incumbent_has_a_score_on_every_fold(bad: tuple[float, ...]) -> None:
    with pytest.raises(ValueError, match="finite score on every fold"):
        Race("forgiving", bad)
    with pytest.raises(ValueError, match="one of 'paired', 'forgiving', 'wilcoxon'; got 'bold'"):
        Race("bold", (0.1,))
    with pytest.raises(ValueError, match="each of 2 folds"):
        Race("forgiving", (0.1, 0.2)).hopeless([0.1])
