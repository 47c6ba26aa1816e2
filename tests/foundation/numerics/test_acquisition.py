"""Log expected improvement against 60-digit arithmetic."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest

from tunesmith.foundation.numerics.acquisition import log_ei, log_ei_gradient, log_h, log_probability_below


def exact(z: float) -> float:
    with mpmath.workdps(60 + int(abs(z))):
        x = mpmath.mpf(z)
        return float(mpmath.log(mpmath.npdf(x) + x * mpmath.ncdf(x)))


@pytest.mark.parametrize(
    "z", [-300.0, -101.0, -99.0, -40.0, -10.0, -3.0, -1.0001, -1.0, -0.9999, -0.1, 0.0, 0.5, 3.0, 50.0]
)
def test_log_h(z: float) -> None:
    assert log_h(np.array([z]))[0] == pytest.approx(exact(z), rel=1e-9)


def test_log_h_is_finite_and_grows_over_its_whole_range() -> None:
    z = np.concatenate([-np.logspace(150, -3, 3000), np.logspace(-3, 150, 500)])
    value = log_h(z)
    assert np.all(np.isfinite(value))
    assert np.all(np.diff(value) >= 0)


def test_gradient() -> None:
    rng = np.random.default_rng(0)
    mean, variance = rng.normal(size=8) * 5, rng.random(8) + 0.01
    _, slope = log_ei_gradient(mean, variance, np.ones((8, 1)), np.zeros((8, 1)), -1.0)
    expected = (log_ei(mean + 1e-6, variance, -1.0) - log_ei(mean - 1e-6, variance, -1.0)) / 2e-6
    np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-5)
    _, slope = log_ei_gradient(mean, variance, np.zeros((8, 1)), np.ones((8, 1)), -1.0)
    expected = (log_ei(mean, variance + 1e-7, -1.0) - log_ei(mean, variance - 1e-7, -1.0)) / 2e-7
    np.testing.assert_allclose(slope[:, 0], expected, rtol=1e-4)


def test_expected_improvement_against_sampling() -> None:
    draws = np.random.default_rng(0).normal(0.3, 0.5, 2_000_000)
    sampled = np.log(np.maximum(0.1 - draws, 0).mean())
    assert log_ei(np.array([0.3]), np.array([0.25]), 0.1)[0] == pytest.approx(sampled, abs=0.01)


def test_probability() -> None:
    assert np.exp(log_probability_below(np.array([0.0]), np.array([1.0]), 0.0))[0] == pytest.approx(0.5)
    assert np.isfinite(log_probability_below(np.array([1e10]), np.array([1.0]), 0.0))[0]
