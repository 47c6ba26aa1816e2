"""Choosing from a search's model and fresh evaluations."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.selection.by_reruns import Noise, combine, noise_of, select_by_reruns

NAN = math.nan


def nothing(c: int) -> tuple[np.ndarray, np.ndarray]:
    return np.full(c, NAN), np.full((c, c), NAN)


def test_variances_of_a_two_way_table_are_found() -> None:
    rng = np.random.default_rng(0)
    found = []
    for _ in range(300):
        y = rng.normal(size=(6, 1)) + 2 * rng.normal(size=(1, 4)) + 0.5 * rng.normal(size=(6, 4))
        noise = noise_of(y)
        found.append((noise.paired, noise.single))
    assert np.mean(found, axis=0) == pytest.approx([0.25, 4.25], rel=0.1)


def test_one_repeat_says_nothing_of_the_noise_unless_the_search_does() -> None:
    y = np.array([[1.0], [2.0]])
    assert noise_of(y).dof == 0
    assert noise_of(y, 0.5).paired == pytest.approx(0.25)


def test_evidences_are_weighted_by_their_precision() -> None:
    noise = Noise(paired=0.2, dof=10, single=0.2, single_dof=10)
    both = combine(np.array([1.0, 2.0]), np.diag([0.09, 1e-12]), np.array([1.1, 2.1]), 2, noise)
    assert both.value == pytest.approx([1 + 0.1 * 0.09 / 0.19, 2.0], abs=1e-6)
    assert both.sd[0] == pytest.approx(math.sqrt(0.09 * 0.1 / 0.19))
    assert both.disagree < 1


def test_what_a_seed_does_to_all_alike_does_not_move_the_search_s_figures() -> None:
    noise = Noise(paired=1e-6, dof=10, single=25.0, single_dof=2)
    mean = np.array([1.0, 2.0, 3.0])
    both = combine(mean, 0.04 * np.eye(3), mean + 4.0, 3, noise)
    assert both.value == pytest.approx(mean, abs=0.1)
    assert both.disagree < 1


def test_a_search_s_model_that_was_wrong_counts_for_little() -> None:
    noise = Noise(paired=0.01, dof=10, single=0.01, single_dof=10)
    both = combine(np.array([0.0, 5.0, 0.0]), 1e-4 * np.eye(3), np.array([3.0, 1.0, 2.0]), 3, noise)
    assert both.value == pytest.approx([3.0, 1.0, 2.0], abs=0.05)
    assert both.disagree > 3


def test_the_default_is_kept_unless_the_gain_exceeds_one_standard_error() -> None:
    y = np.array([[1.0, 1.1, 0.9], [0.98, 1.11, 0.9]])
    kept = select_by_reruns(y, *nothing(2), default=0)
    assert (kept.index, kept.kept_default, kept.challenger) == (0, True, 1)
    assert select_by_reruns(y, *nothing(2), default=0, prefer_default=False).index == 1
    better = select_by_reruns(y - np.array([[0.0], [0.5]]), *nothing(2), default=0)
    assert (better.index, better.kept_default) == (1, False)
    assert better.gain == pytest.approx(0.5 + 0.01 / 3)
    assert better.gain.interval[0] > 0
    assert better.p_value < 0.01 < 0.2 < kept.p_value


def test_a_default_that_is_best_is_the_winner_whatever_is_preferred() -> None:
    y = np.array([[1.0, 1.0], [2.0, 2.0]])
    for prefer in (True, False):
        found = select_by_reruns(y, *nothing(2), default=0, prefer_default=prefer)
        assert found.index == 0
        assert found.kept_default is prefer


def test_a_candidate_that_failed_once_is_out() -> None:
    y = np.array([[0.0, NAN], [1.0, 1.1], [2.0, 2.2]])
    assert select_by_reruns(y, *nothing(3)).index == 1
    assert select_by_reruns(y, *nothing(3), default=0).gain is None
    with pytest.raises(ValueError, match="every candidate"):
        select_by_reruns(y[:1], *nothing(1))


def test_one_evaluation_without_a_model_keeps_the_default_and_has_no_interval() -> None:
    found = select_by_reruns(np.array([[1.0], [0.5]]), *nothing(2), default=0)
    assert found.kept_default
    assert math.isnan(found.p_value)
    assert math.isnan(found.interval[0])


def test_without_any_gain_the_p_value_is_uniform_and_the_default_is_rarely_lost() -> None:
    rng = np.random.default_rng(1)
    found = [select_by_reruns(rng.normal(size=(6, 3)), *nothing(6), default=0) for _ in range(200)]
    assert np.mean([v.p_value < 0.05 for v in found]) < 0.1
    assert 0.3 < np.mean([v.p_value < 0.5 for v in found]) < 0.7


def test_intervals_cover_the_truth_when_both_evidences_are_what_they_claim() -> None:
    rng = np.random.default_rng(2)
    hits = 0
    for _ in range(300):
        f = rng.normal(size=5)
        y = f[:, None] + 0.5 * rng.normal(size=(1, 3)) + 0.3 * rng.normal(size=(5, 3))
        # What the search says is a posterior: the truth scatters around it.
        found = select_by_reruns(y, f + 0.4 * rng.normal(size=5), 0.16 * np.eye(5))
        hits += found.interval[0] <= f[found.index] <= found.interval[1]
    assert 0.9 <= hits / 300 <= 1.0


@pytest.mark.parametrize("level", [0.95, 0.8])
def test_the_gain_has_one_test_and_one_interval(level: float) -> None:
    rng, above = np.random.default_rng(0), 0
    for shift in np.linspace(0.0, 2.0, 40):
        y = rng.normal(size=(5, 4)) * 0.4
        y[2] -= shift
        found = select_by_reruns(y, *nothing(5), default=0, prefer_default=False, level=level)
        above += found.gain.interval[0] > 0.0
        assert (found.p_value < (1 - level) / 2) == (found.gain.interval[0] > 0.0)
    assert 5 < above < 40
