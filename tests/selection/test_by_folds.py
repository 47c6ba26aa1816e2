from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.errors import SelectionError
from tunesmith.selection.by_folds import best_by_folds, select_by_folds
from tunesmith.selection.choice import Rule


def test_the_correction_by_hand():
    losses = np.array([[0.1, 0.3], [0.3, 0.15], [np.nan, 0.0]])
    found = best_by_folds(losses)
    assert found.index == 0
    assert found.naive == pytest.approx(0.2)
    beside_the_best_of_each_fold, without_the_fold = (0.0 + 0.15) / 2, (0.3 - 0.1 + 0.0) / 2
    assert found.optimism == pytest.approx(max(beside_the_best_of_each_fold, without_the_fold))
    assert found.interval[0] < found.value < found.interval[1]


def test_one_candidate_needs_no_correction():
    assert best_by_folds([[0.1, 0.3, 0.2]]).optimism == 0.0


def test_the_best_of_equals_is_corrected():
    values = [best_by_folds(np.random.default_rng(s).normal(1.0, 0.1, (20, 5))) for s in range(100)]
    assert np.mean([v.naive for v in values]) < 0.93
    assert np.mean([v.value for v in values]) > 0.98


def test_folds_that_are_all_alike_have_the_interval_of_their_rows():
    losses = [[0.1] * 5, [0.2] * 5]
    assert math.isnan(best_by_folds(losses).interval[0])
    low, high = best_by_folds(losses, bounds=(0.0, 1.0), n_rows=100).interval
    assert 0.03 < low < 0.1 < high < 0.2


def test_a_choice_made_elsewhere_is_corrected_for_that():
    losses = np.array([[0.2, 0.2], [0.1, 0.1]])
    assert best_by_folds(losses, index=0).optimism == pytest.approx(0.1)


@pytest.mark.parametrize("losses", [np.zeros(3), np.zeros((0, 2)), np.full((2, 2), np.nan)])
def test_bad_input_is_named(losses: np.ndarray):
    with pytest.raises(SelectionError):
        best_by_folds(losses)


def test_by_folds_the_default_is_kept_unless_the_gain_exceeds_one_error():
    rng = np.random.default_rng(0)
    luck = rng.normal(0.3, 0.05, (20, 5))
    found = select_by_folds(luck, Rule(3, caution=1.0))
    assert (found.index, found.kept_default) == (3, True)
    assert found.challenger == int(np.delete(luck, 3, axis=0).mean(axis=1).argmin() + (found.challenger > 3))
    assert found.gain == 0.0
    assert found.naive == pytest.approx(luck[3].mean()) == found.value  # it was not picked for luck
    low, high = found.interval
    assert low < found.value < high
    better = luck.copy()
    better[7] -= 0.2
    found = select_by_folds(better, Rule(3, caution=1.0))
    assert (found.index, found.kept_default, found.challenger) == (7, False, 7)
    assert found.gain is not None
    assert found.p_value is not None
    assert 0.1 < found.gain < 0.25
    assert found.gain.interval[0] < found.gain < found.gain.interval[1]
    assert found.p_value < 0.05


def test_by_folds_the_better_one_on_request_and_the_default_where_it_leads():
    losses = np.array([[0.2, 0.3, 0.4], [0.19, 0.3, 0.4], [0.5, 0.5, 0.5]])
    assert select_by_folds(losses, Rule(0, caution=1.0)).kept_default
    taken = select_by_folds(losses, Rule(0, prefer_default=False, caution=1.0))
    assert (taken.index, taken.kept_default) == (1, False)
    first = select_by_folds(losses[[1, 0, 2]], Rule(0, prefer_default=False, caution=1.0))
    assert (first.index, first.kept_default) == (0, False)
    alone = select_by_folds(losses[:1], Rule(0, caution=1.0))
    assert (alone.index, alone.p_value) == (0, 1.0)


def test_by_folds_without_a_default_or_with_one_that_failed_nothing_is_compared():
    losses = np.array([[0.2, math.nan], [0.3, 0.3], [0.4, 0.2]])
    for default in (None, 0):
        found = select_by_folds(losses, Rule(default, caution=1.0))
        assert found.index in (1, 2)
        assert (found.gain, found.p_value, found.kept_default) == (None, None, False)
    assert select_by_folds(losses, given=2).index == 2


def test_by_folds_what_is_simpler_than_the_default_has_to_be_as_good():
    losses = np.array([[0.2, 0.3, 0.4], [0.21, 0.31, 0.37], [0.9, 0.9, 0.9]])
    assert select_by_folds(losses, Rule(0, caution=1.0, complexity=(1, 2, 3))).kept_default
    assert select_by_folds(losses, Rule(0, caution=1.0, complexity=(2, 1, 3))).index == 1
    assert select_by_folds(losses[[0, 2]], Rule(0, caution=1.0, complexity=(2, 1))).kept_default


def test_by_folds_a_gain_has_one_test_and_one_interval():
    rng, above = np.random.default_rng(0), 0
    for shift in np.linspace(0.02, 0.3, 60):
        luck = rng.normal(0.3, 0.05, (20, 5))
        luck[7] -= shift
        found = select_by_folds(luck, Rule(3, prefer_default=False, caution=1.0))
        assert found.gain is not None
        assert found.p_value is not None
        if found.index != 3:
            above += found.gain.interval[0] > 0.0
            assert (found.p_value < 0.025) == (found.gain.interval[0] > 0.0)
    assert 5 < above < 55


def test_folds_that_are_all_the_same_have_no_interval():
    assert math.isnan(select_by_folds(np.full((3, 5), 0.5), Rule(0, caution=1.0)).interval[0])
    assert math.isnan(select_by_folds(np.full((3, 5), 0.5)).interval[0])


def test_by_folds_hardly_anyone_replaces_a_default_that_is_as_good():
    rng = np.random.default_rng(1)
    lost = [not select_by_folds(rng.normal(0.3, 0.05, (30, 5)), Rule(0, caution=1.0)).kept_default for _ in range(200)]
    assert np.mean(lost) < 0.1
