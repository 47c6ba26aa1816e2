"""Transforms of values: monotone, standardised, and no worse than SciPy's at their job."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from tunesmith.numerics.warp import best_lambda, normalise, standardise, yeo_johnson


@pytest.mark.parametrize("lmbda", [-2.0, 0.0, 0.5, 1.0, 2.0, 3.5])
def test_yeo_johnson_is_that_of_scipy(lmbda: float) -> None:
    y = np.linspace(-3, 4, 101)
    np.testing.assert_allclose(yeo_johnson(y, lmbda), stats.yeojohnson(y, lmbda), rtol=1e-10, atol=1e-12)


def test_lambda_is_that_of_scipy() -> None:
    y = standardise(np.random.default_rng(0).lognormal(size=200))
    assert best_lambda(y) == pytest.approx(stats.yeojohnson(y)[1], abs=0.01)


def test_skewed_values_look_normal_afterwards() -> None:
    y = np.random.default_rng(0).lognormal(sigma=2, size=500)
    assert abs(stats.skew(normalise(y))) < 1.0 < stats.skew(y)


@given(arrays(float, st.integers(1, 30), elements=st.floats(-1e300, 1e300)))
def test_never_fails_and_keeps_the_order(y: np.ndarray) -> None:
    t = normalise(y)
    assert np.all(np.isfinite(t))
    assert np.all(np.abs(t) < 1e3)
    order = np.argsort(y, kind="stable")
    assert np.all(np.diff(t[order]) >= -1e-12)
