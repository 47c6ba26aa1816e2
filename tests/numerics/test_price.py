"""The index of things that open in stages."""

from __future__ import annotations

import numpy as np
from scipy.stats import norm

from tunesmith.numerics.price import highest_index, log_rate


def test_with_one_stage_it_is_expected_improvement_per_cost() -> None:
    mean, variance, cost = np.array([0.0, 0.5, -0.2]), np.array([[1.0], [4.0], [0.01]]), np.array([[1.0], [3.0], [2.0]])
    sd = np.sqrt(variance[:, 0])
    z = (0.1 - mean) / sd
    rate = sd * (norm.pdf(z) + z * norm.cdf(z)) / cost[:, 0]
    np.testing.assert_allclose(np.exp(log_rate(mean, variance, cost, 0.1)), rate)
    worth, price = highest_index(mean, variance, cost, 0.1)
    assert np.argmax(worth) == np.argmax(rate)
    np.testing.assert_allclose(price, rate.max())


def test_the_right_to_stop_is_worth_something() -> None:
    """A cheap first look at most of the doubt beats paying for all of it at once."""
    mean = np.zeros(1)
    _, blind = highest_index(mean, np.array([[1.0]]), np.array([[10.0]]), -1.0)
    _, staged = highest_index(mean, np.array([[0.9, 0.1]]), np.array([[1.0, 9.0]]), -1.0)
    assert staged > 2.0 * blind


def test_the_price_of_two_stages_is_that_of_many_simulated_boxes() -> None:
    """At the index, the best threshold policy earns as much as it pays."""
    variance, cost = np.array([[0.6, 0.4]]), np.array([[1.0, 4.0]])
    _, price = highest_index(np.zeros(1), variance, cost, -0.5)
    rng = np.random.default_rng(0)
    first = np.sqrt(0.6) * rng.standard_normal(400_000)
    last = first + np.sqrt(0.4) * rng.standard_normal(400_000)
    sd = np.sqrt(0.4)
    z = (-0.5 - first) / sd
    goes_on = sd * (norm.pdf(z) + z * norm.cdf(z)) > price * 4.0
    earned = np.where(goes_on, np.maximum(-0.5 - last, 0.0), 0.0).mean()
    paid = 1.0 + 4.0 * goes_on.mean()
    assert abs(earned / paid - price) < 0.03 * price


def test_a_chance_of_failure_lowers_the_index() -> None:
    mean, variance, cost = np.zeros(2), np.ones((2, 2)), np.ones((2, 2))
    worth, _ = highest_index(mean, variance, cost, 0.0, np.array([0.3, 0.9]))
    assert worth[1] > worth[0]
