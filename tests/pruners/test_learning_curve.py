"""The forecast of curves: its numbers, what it knows and does not know, and hostile values."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.foundation.numerics.extrapolation import Extrapolation, shapes
from tunesmith.foundation.states import TrialState
from tunesmith.history.curves import Curves
from tunesmith.pruners import Decision, LearningCurvePruner
from tunesmith.testing.pruning import usual


def complete(n: int, seed: int = 0, scale: float = 1.0, shift: float = 0.0) -> Curves:
    made, rng = Curves(), np.random.default_rng(seed)
    for number in range(n):
        for step, value in enumerate(usual(rng)):
            made.append(number, step, shift + scale * float(value))
        made.close(number, TrialState.COMPLETE)
    return made


def begin(made: Curves, values: list[float], number: int = 10**6) -> int:
    for step, value in enumerate(values):
        made.append(number, step, value)
    return number


@given(end=st.integers(2, 10**6))
def test_shapes_fall_from_one_to_zero(end: int) -> None:
    u = np.geomspace(1.0, end, 9)
    p = shapes(u, float(end))
    assert np.allclose(p[:, 0], 1)
    assert np.allclose(p[:, -1], 0)
    assert np.all(np.diff(p, axis=1) <= 1e-12)


@pytest.mark.parametrize("shape", [lambda u: u**-0.5, lambda u: u**-1.3, lambda u: np.exp(-u / 9), lambda u: 0 * u])
def test_the_end_of_a_curve_without_noise_is_foretold(shape: object) -> None:
    """Of a kind that the earlier curves are of, from its first third: up to the spacing of the grid of shapes."""
    u = np.arange(1.0, 61)
    rng = np.random.default_rng(0)
    z = np.array([a + b * shape(u) for a, b in rng.uniform(0, 2, (20, 2))])  # type: ignore[operator]
    model = Extrapolation(u, z[:15], 60.0)
    mean, variance, weight = model.ends(u[:20], z[15:, :20])
    assert np.allclose(np.sum(weight, axis=0), 1)
    assert np.all(variance > 0)
    error = np.abs(np.sum(mean * weight, axis=0) - z[15:, -1])
    assert np.all(error < 0.01 + 0.08 * (z[15:, 0] - z[15:, -1]))


def test_outliers_are_not_believed() -> None:
    u = np.arange(1.0, 61)
    rng = np.random.default_rng(0)
    z = np.array([a + b * u**-0.7 for a, b in rng.uniform(0, 2, (20, 2))]) + rng.normal(0, 0.02, (20, 60))
    model = Extrapolation(u, z[:19], 60.0)
    spoilt = z[19:, :20].copy()
    spoilt[0, 10] += 5
    mean, _, weight = model.ends(u[:20], np.concatenate([spoilt, z[19:, :20]]))
    with_it, without = np.sum(mean * weight, axis=0)
    assert abs(with_it - without) < 0.1


def test_the_probability_is_about_right() -> None:
    """Among trials that are given 30 to 70 % after a third of their steps, about so many become better."""
    rng = np.random.default_rng(1)
    chances, better = [], []
    for seed in range(40):
        made = complete(20, seed)
        target = sorted(float(made.of(n)[1][-1]) for n in range(20))[9]
        for k in range(4):
            curve = usual(rng)
            number = begin(made, [float(v) for v in curve[:10]], 100 + k)
            chances.append(LearningCurvePruner(top_k=10).chance(made, number))
            made.drop(number)
            better.append(float(curve[-1]) < target)
    found = np.array(chances)
    hit = np.array(better)
    assert np.mean(hit[found < 0.1]) < 0.1
    assert np.mean(hit[found > 0.9]) > 0.9
    assert np.sum(found < 0.1) + np.sum(found > 0.9) > 80, "it does not say 'perhaps' all the time"


@given(scale=st.sampled_from([1e-6, 1.0, 1e9]), shift=st.sampled_from([0.0, -3.0, 50.0]), seed=st.integers(0, 9))
def test_units_make_no_difference(scale: float, shift: float, seed: int) -> None:
    values = [float(v) for v in usual(np.random.default_rng(100 + seed))[:8]]
    plain = complete(8, seed)
    other = complete(8, seed, scale, shift * scale)
    pruner = LearningCurvePruner(top_k=3)
    first = pruner.chance(plain, begin(plain, values))
    second = pruner.chance(other, begin(other, [shift * scale + scale * v for v in values]))
    assert first == pytest.approx(second, abs=1e-3)


def test_it_waits_until_it_can_know_anything() -> None:
    pruner = LearningCurvePruner(1.0)
    bad = [9.0 + 1 / (1 + k) for k in range(30)]
    for n in (0, 2, 4):
        made = complete(n)
        assert pruner.chance(made, begin(made, bad[:20])) is None
    made = complete(5)
    assert pruner.chance(made, begin(made, bad[:2])) is None, "two points are no curve"
    made = complete(5)
    assert pruner.decide(made, begin(made, bad[:9]), 8) is Decision.STOP
    made = complete(5)
    assert pruner.chance(made, begin(made, bad)) is None, "it has ended"


def test_what_is_better_already_goes_on() -> None:
    made = complete(8)
    best = min(float(made.of(n)[1][-1]) for n in range(8))
    values = [9.0, best - 0.01, 9.0, 9.5, 9.9]
    assert LearningCurvePruner(1.0).chance(made, begin(made, values)) == 1.0


@given(
    values=st.lists(
        st.one_of(st.floats(-5, 5), st.sampled_from([math.nan, math.inf, -math.inf, 1e308, -1e308, 0.0])),
        min_size=3,
        max_size=12,
    ),
    others=st.lists(
        st.lists(st.sampled_from([math.nan, math.inf, -math.inf, 1e308, 5e-324, 0.0, 1.0]), min_size=3, max_size=12),
        min_size=5,
        max_size=8,
    ),
)
def test_whatever_is_reported_it_is_a_probability_or_nothing(values: list[float], others: list[list[float]]) -> None:
    made = Curves()
    for number, other in enumerate(others):
        begin(made, other, number)
        made.close(number, TrialState.COMPLETE)
    chance = LearningCurvePruner().chance(made, begin(made, values))
    assert chance is None or 0 <= chance <= 1


def test_long_curves_are_thinned_out() -> None:
    made = Curves()
    for number in range(6):
        begin(made, [number / 6 + (1 + k) ** -0.5 for k in range(3000)], number)
        made.close(number, TrialState.COMPLETE)
    number = begin(made, [5 + (1 + k) ** -0.5 for k in range(1500)])
    assert LearningCurvePruner().decide(made, number, 1499) is Decision.STOP
