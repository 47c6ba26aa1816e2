from __future__ import annotations

import numpy as np
import pytest

from tunesmith.errors import SelectionError
from tunesmith.selection.losses import LossTable


def test_losses_are_means_over_repeats():
    kept = LossTable(3)
    kept.add(0, [0.0, 1.0, 1.0])
    kept.add(1, [1.0, 1.0, 0.0])
    kept.add(0, [1.0, 1.0, 0.0], fresh=True)
    assert kept.losses().tolist() == [[0.5, 1.0], [1.0, 1.0], [0.5, 0.0]]
    assert kept.losses(3)[:, 2] == pytest.approx([np.nan] * 3, nan_ok=True)
    assert kept.between_repeats() == pytest.approx([(0.25 + 0 + 0.25) / 3, 0.0])


def test_the_variance_of_one_run_is_recovered():
    rng = np.random.default_rng(0)
    runs = rng.normal(size=(4, 5000)) + rng.normal(size=5000)
    kept = LossTable(5000, max_units=5000)
    for run in runs:
        kept.add(0, run)
    total = kept.losses()[:, 0].var() + kept.between_repeats()[0]
    assert total == pytest.approx(2.0, abs=0.1)


def test_a_dropped_candidate_is_incomplete_and_a_shuffled_repeat_is_not():
    kept = LossTable(4)
    kept.add(0, [1.0, np.nan, np.nan, 1.0])
    kept.add(1, [1.0, 0.0, 0.0, 1.0])
    kept.add(1, [0.0, np.nan, np.nan, 0.0], fresh=True)
    means = kept.losses()
    assert np.isnan(means[:, 0]).tolist() == [False, True, True, False]
    assert means[:, 1].tolist() == [0.5, 0.0, 0.0, 0.5]


def test_rows_that_are_never_tested_are_no_units():
    kept = LossTable(4, tested=[False, True, True, True])
    kept.add(0, [np.nan, 1.0, 0.0, 1.0])
    assert kept.losses()[:, 0].tolist() == [1.0, 0.0, 1.0]


def test_rows_of_a_group_are_one_unit_of_their_weight():
    kept = LossTable(5, groups=["a", "b", "a", "b", "b"], weights=[1.0, 1.0, 3.0, 1.0, 1.0])
    kept.add(0, [1.0, 0.0, 0.0, 0.0, 3.0])
    assert kept.weights.tolist() == [4.0, 3.0]
    assert kept.losses()[:, 0] == pytest.approx([0.25, 1.0])


@pytest.mark.parametrize("classes", [None, np.arange(1000) % 10 == 0])
def test_many_rows_become_blocks_of_the_same_mean(classes: np.ndarray | None):
    losses = np.random.default_rng(0).random(1000)
    kept = LossTable(1000, strata=classes, max_units=100)
    kept.add(0, losses)
    assert kept.n_units == 100
    assert np.average(kept.losses()[:, 0], weights=kept.weights) == pytest.approx(losses.mean())
    assert kept.strata is None  # a block has rows of every class


def test_a_block_with_a_row_that_was_not_run_is_not_known():
    kept = LossTable(100, max_units=10)
    losses = np.zeros(100)
    losses[0] = np.nan
    kept.add(0, losses)
    assert np.isnan(kept.losses()[:, 0]).sum() == 1


def test_observations_are_counted_before_there_are_blocks():
    assert LossTable(1000, max_units=10).observations == 1000
    assert LossTable(4, groups=[1, 1, 2, 2]).observations == 2
    assert LossTable(4, weights=[1, 1, 0, 0]).observations == 2
    assert LossTable(4, groups=[1, 1, 1, 2], max_units=2).observations == pytest.approx(16 / 10)


def test_bad_input_is_named():
    with pytest.raises(SelectionError, match="groups: shape"):
        LossTable(3, groups=[1, 2])
    with pytest.raises(SelectionError, match="not negative"):
        LossTable(3, weights=[1, 2, -1])
    with pytest.raises(SelectionError, match="no row is tested"):
        LossTable(2, tested=[False, False])
    with pytest.raises(SelectionError, match="losses: shape"):
        LossTable(3).add(0, [1.0])
