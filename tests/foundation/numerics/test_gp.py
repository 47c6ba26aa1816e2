"""Gaussian-process regression against finite differences and scikit-learn's own."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import Matern

from tunesmith.foundation.numerics.gp import Posterior, Prior, fit, matern52, objective, square_distances


def data(n: int = 30, d: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.random((n, d))
    y = np.sin(5 * z[:, 0]) + z[:, 1] ** 2 + 0.05 * rng.standard_normal(n)
    return z, (y - y.mean()) / y.std()


THETA = np.log([0.4, 0.7, 1.5, 2.0, 0.01])
GROUPS = np.arange(4)


def reference() -> GaussianProcessRegressor:
    z, y = data()
    kernel = Matern(length_scale=np.exp(THETA[:-1]), nu=2.5)
    return GaussianProcessRegressor(kernel, alpha=float(np.exp(THETA[-1])), optimizer=None).fit(z, y)


def test_posterior_is_that_of_scikit_learn() -> None:
    z, y = data()
    new = np.random.default_rng(1).random((50, 4))
    mean, sd = reference().predict(new, return_std=True)
    ours, variance = Posterior(z, GROUPS, y, THETA).predict(new)
    np.testing.assert_allclose(ours, mean, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(np.sqrt(variance), sd, rtol=1e-6)
    np.testing.assert_allclose(Posterior(z, GROUPS, y, THETA).fitted, reference().predict(z), rtol=1e-8, atol=1e-10)


def test_likelihood_is_that_of_scikit_learn() -> None:
    z, y = data()
    flat = np.full(5, np.inf)  # no prior
    value, _ = objective(THETA, z, GROUPS, y, np.zeros(5), flat)
    expected = reference().log_marginal_likelihood_value_
    assert -value - 0.5 * len(y) * np.log(2 * np.pi) == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize("groups", [np.arange(4), np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0])])
def test_gradient_of_the_fit_against_finite_differences(groups: np.ndarray) -> None:
    z, y = data()
    count = int(groups.max()) + 2
    theta = np.linspace(-1.5, 0.5, count)
    mean, var = Prior().moments(count - 1)
    _, gradient = objective(theta, z, groups, y, mean, var)
    for i in range(count):
        step = np.zeros(count)
        step[i] = 1e-6
        up, down = (objective(theta + s, z, groups, y, mean, var)[0] for s in (step, -step))
        assert gradient[i] == pytest.approx((up - down) / 2e-6, rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("pending", [np.empty((0, 4)), np.random.default_rng(5).random((3, 4))])
def test_gradient_of_the_posterior_against_finite_differences(pending: np.ndarray) -> None:
    z, y = data()
    posterior = Posterior(z, GROUPS, y, THETA).given(pending)
    new = np.random.default_rng(2).random((6, 4))
    mean, variance, d_mean, d_variance = posterior.predict_gradient(new)
    np.testing.assert_allclose((mean, variance), posterior.predict(new))
    for f in range(4):
        step = np.zeros(4)
        step[f] = 1e-6
        (m1, v1), (m0, v0) = posterior.predict(new + step), posterior.predict(new - step)
        np.testing.assert_allclose(d_mean[:, f], (m1 - m0) / 2e-6, rtol=1e-4, atol=1e-6)
        np.testing.assert_allclose(d_variance[:, f], (v1 - v0) / 2e-6, rtol=1e-4, atol=1e-6)


def test_pending_points_are_believed_at_the_posterior_mean() -> None:
    z, y = data()
    new = np.random.default_rng(3).random((20, 4))
    pending = np.random.default_rng(4).random((5, 4))
    plain = Posterior(z, GROUPS, y, THETA)
    believed = Posterior(np.vstack([z, pending]), GROUPS, np.append(y, plain.predict(pending)[0]), THETA)
    extended = plain.given(pending)
    np.testing.assert_allclose(extended.predict(new)[1], believed.predict(new)[1], rtol=1e-5)
    np.testing.assert_allclose(extended.predict(new)[0], plain.predict(new)[0])
    assert np.all(extended.predict(new)[1] <= plain.predict(new)[1] + 1e-12)


def test_a_fit_finds_which_features_matter() -> None:
    z, y = data(60)
    theta = fit(z, GROUPS, y)
    assert max(theta[0], theta[1]) < min(theta[2], theta[3])


ILL = {
    "all values equal": (np.random.default_rng(0).random((9, 3)), np.zeros(9)),
    "all points equal": (np.full((9, 3), 0.5), np.linspace(-1, 1, 9)),
    "one observation": (np.full((1, 3), 0.5), np.zeros(1)),
    "duplicates that contradict": (np.repeat(np.eye(3), 3, axis=0), np.tile([-1.0, 0.0, 1.0], 3)),
    "a hundred dimensions": (np.random.default_rng(0).random((20, 100)), np.linspace(-1, 1, 20)),
    "an outlier": (np.random.default_rng(0).random((20, 3)), np.append(np.zeros(19), 4.0)),
}


@pytest.mark.parametrize("case", ILL)
def test_ill_conditioned_data(case: str) -> None:
    z, y = ILL[case]
    groups = np.arange(z.shape[1])
    theta = fit(z, groups, y)
    assert np.all(np.isfinite(theta))
    for pending in (z[:0], z[:1], np.vstack([z, z])):
        outcome = (
            Posterior(z, groups, y, theta)
            .given(pending)
            .predict_gradient(np.vstack([z[:1], np.zeros((1, z.shape[1]))]))
        )
        assert all(np.all(np.isfinite(a)) for a in outcome)


def test_distances_of_equal_rows_are_zero_and_the_kernel_is_one_there() -> None:
    z, _ = data()
    r2 = square_distances(z, z)
    assert np.all(r2 >= 0)
    np.testing.assert_allclose(matern52(r2)[0].diagonal(), 1.0, atol=1e-6)
