"""The Gaussian process with a linear mean."""

from __future__ import annotations

import numpy as np

from tunesmith.foundation.numerics.linear_gp import LinearGP

G = np.array([0, 1])
THETA = np.log(np.array([0.5, 0.5, 1e-6]))


def test_a_line_is_found_and_continued() -> None:
    rng = np.random.default_rng(0)
    z, x = rng.random((30, 2)), rng.standard_normal(30)
    h = np.column_stack([np.ones(30), x])
    model = LinearGP(z, G, h, 2.0 - 0.7 * x, THETA, 0.1, np.array([0.0, 1.0]), np.eye(2) * 4.0)
    np.testing.assert_allclose(model.slope, [2.0, -0.7], atol=0.05)
    mean, _ = model.predict(rng.random((1, 2)), np.array([[1.0, 10.0]]))
    np.testing.assert_allclose(mean, -5.0, atol=0.3)


def test_observations_without_noise_are_reproduced() -> None:
    rng = np.random.default_rng(1)
    z, y = rng.random((20, 2)), rng.standard_normal(20)
    model = LinearGP(z, G, np.ones((20, 1)), y, THETA, 1.0, np.zeros(1), np.eye(1))
    mean, variance = model.predict(z, np.ones((20, 1)))
    np.testing.assert_allclose(mean, y, atol=0.05)
    assert variance.max() < 0.01


def test_without_observations_it_is_the_prior() -> None:
    none = np.empty((0, 2))
    model = LinearGP(none, G, none, np.empty(0), THETA, 2.0, np.array([1.0, 3.0]), np.diag([1.0, 4.0]))
    mean, variance = model.predict(np.full((1, 2), 0.5), np.array([[1.0, 2.0]]))
    np.testing.assert_allclose((mean[0], variance[0]), (7.0, 4.0 + 1.0 + 16.0))
