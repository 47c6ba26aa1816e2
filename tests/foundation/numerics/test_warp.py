"""Transforms of values: monotone, standardised, and no worse than SciPy's at their job."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from tunesmith.foundation.numerics.warp import Warp, best_lambda, standardise, yeo_johnson


@pytest.mark.parametrize("lmbda", [-2.0, 0.0, 0.5, 1.0, 2.0, 3.5])
def test_yeo_johnson_is_that_of_scipy(lmbda: float) -> None:
    y = np.linspace(-3, 4, 101)
    np.testing.assert_allclose(yeo_johnson(y, lmbda), stats.yeojohnson(y, lmbda), rtol=1e-10, atol=1e-12)


def test_lambda_is_that_of_scipy() -> None:
    y = standardise(np.random.default_rng(0).lognormal(size=200))
    lmbda, likelihood = best_lambda(y)
    assert lmbda == pytest.approx(stats.yeojohnson(y)[1], abs=0.01)
    assert likelihood == pytest.approx(stats.yeojohnson_llf(lmbda, y), rel=1e-3)


def test_skewed_values_look_normal_afterwards() -> None:
    y = np.random.default_rng(0).lognormal(sigma=2, size=500)
    assert abs(stats.skew(Warp(y).values)) < 1.0 < stats.skew(y)


@given(arrays(float, st.integers(1, 30), elements=st.floats(-1e300, 1e300)), st.booleans())
def test_never_fails_and_keeps_the_order(y: np.ndarray, low: bool) -> None:
    t = Warp(y, low=low).values
    assert np.all(np.isfinite(t))
    assert np.all(np.abs(t) < 1e3)
    order = np.argsort(y, kind="stable")
    assert np.all(np.diff(t[order]) >= -1e-12)


def test_units_of_low_values_tell_them_apart_beside_huge_ones() -> None:
    y = np.random.default_rng(0).normal(size=40) + 5.0
    assert not Warp(y).has_rival
    y[::5] = 1e9
    usual, low = Warp(y), Warp(y, low=True)
    assert usual.has_rival
    assert not low.has_rival
    assert np.ptp(usual.values[y < 1e9]) < 0.01
    assert np.ptp(low.values[y < 1e9]) > 1.0
    assert low.log_density().sum() > usual.log_density().sum() + 100.0


@pytest.mark.parametrize("least", [5e-324, 1e-310, 1e-160, 1e-90])
def test_low_values_of_any_size_do_no_harm(least: float) -> None:
    for y in (np.array([0.0, least, 2 * least, 1.0, 2.0, 3.0]), least * np.arange(6.0), np.array([0, 0, least] * 4)):
        warp = Warp(y, low=True)
        assert np.all(np.isfinite(warp.values))
        assert isinstance(Warp(y).has_rival, bool)
        assert not warp.values.any() or np.all(np.isfinite(warp.log_density()))


@pytest.mark.parametrize("low", [False, True])
def test_the_density_is_the_slope_of_the_transform(low: bool) -> None:
    y = np.exp(2.0 * np.random.default_rng(1).normal(size=12))
    warp, step = Warp(y, low=low), 1e-6 * y
    slopes = (warp.forward(y + step) - warp.forward(y - step)) / (2.0 * step)
    assert warp.log_density() == pytest.approx(np.log(slopes), rel=1e-5)


@pytest.mark.parametrize("low", [False, True])
@pytest.mark.parametrize("kind", ["normal", "skewed", "left", "tiny", "huge", "few huge ones"])
def test_the_inverse_leads_back(kind: str, low: bool) -> None:
    rng = np.random.default_rng(0)
    y = {
        "normal": rng.normal(size=40),
        "skewed": np.exp(2 * rng.normal(size=40)),
        "left": -np.exp(2 * rng.normal(size=40)),
        "tiny": 1e-9 * rng.normal(size=40) + 1,
        "huge": 1e300 * rng.random(40),
        "few huge ones": np.where(np.arange(40) % 5, rng.normal(size=40), 1e4),
    }[kind]
    warp = Warp(y, low=low)
    assert np.allclose(warp.inverse(warp.values), y, rtol=1e-9, atol=0)
    far = warp.inverse(np.array([-50.0, 50.0]))
    assert np.all(np.isfinite(far))
    assert far[0] <= y.min() < y.max() <= far[1]


def test_an_expectation_is_the_mean_of_what_the_inverse_gives() -> None:
    y = np.exp(np.random.default_rng(0).normal(size=60))
    warp = Warp(y)
    drawn = warp.inverse(0.2 + 0.3 * np.random.default_rng(1).standard_normal(200_000)).mean()
    assert warp.expected(np.array([0.2]), 0.3)[0] == pytest.approx(drawn, rel=0.01)


def test_the_inverse_of_logarithms_leads_back() -> None:
    y = np.exp(8 * np.random.default_rng(0).normal(size=40))
    warp = Warp(y, log=True)
    assert np.allclose(warp.inverse(warp.values), y)
    assert np.allclose(warp.forward(y), warp.values)
    assert np.all(warp.variances(0.1 * y) < 0.01)
    far = Warp(1e300 ** np.linspace(0, 1, 9), log=True).inverse(np.array([-50.0, 50.0]))
    assert np.all(np.isfinite(far))


def test_a_constant_stays_one() -> None:
    assert Warp(np.full(5, 3.0), log=True).expected(np.array([-1.0, 2.0]), 0.5) == pytest.approx([3.0, 3.0])
    assert Warp(np.full(5, 3.0)).expected(np.array([-1.0, 2.0]), 0.5) == pytest.approx([3.0, 3.0])


def test_the_expected_improvement_is_in_the_units_of_the_values() -> None:
    rng = np.random.default_rng(0)
    y = np.exp(rng.normal(0, 1.5, 60))
    warp = Warp(y)
    best = float(warp.values.min())
    mean, sd = np.array([best + 0.5, best - 0.3, best + 2.0]), np.array([0.6, 0.2, 1.0])
    drawn = warp.inverse(mean[:, None] + sd[:, None] * rng.normal(size=(3, 400_000)))
    gain = np.maximum(warp.inverse(np.array([best])) - drawn, 0.0).mean(axis=1)
    assert warp.improvement(mean, sd, best) == pytest.approx(gain, rel=0.05)
    assert warp.average(mean, sd) == pytest.approx(drawn.mean(axis=1), rel=0.05)
    assert Warp(1000.0 * y).improvement(mean, sd, best) == pytest.approx(1000.0 * gain, rel=0.05)
    assert warp.improvement(np.array([best + 90.0]), np.array([1.0]), best).tolist() == [0.0]
