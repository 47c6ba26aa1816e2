"""Noise in the Gaussian process: told, seen in repeats, or found; and what the search then does."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith import Categorical, Float, Int, Space
from tunesmith.foundation.numerics.gp import Posterior
from tunesmith.foundation.numerics.warp import Warp
from tunesmith.samplers.gp.hyperparameters import MODEL_PRIOR, HyperparameterCache, Observations
from tunesmith.samplers.gp.training_data import repeats_differ, rows_looked_at, with_repeats
from tunesmith.space.feature_map import FeatureMap

BOX = Space({f"x{i}": Float(0, 1) for i in range(3)})
CELLS = Space(n=Int(1, 5), kind=Categorical(["a", "b"]))


def bowl(u: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    return np.asarray(((u - 0.6) ** 2).sum(axis=-1))


def cost(p: dict[str, Any]) -> float:
    return abs(p["n"] - 3) + float(p["kind"] == "b")


def test_a_noisy_value_moves_the_process_less_and_equal_noise_acts_as_the_noise_that_is_fitted() -> None:
    z, group = np.array([[0.1], [0.5], [0.9]]), np.zeros(1, np.intp)
    y, theta = np.array([0.0, -2.0, 0.5]), np.array([-1.0, -6.0])
    sure, doubted = (Posterior(z, group, y, theta, np.array([0.0, v, 0.0])) for v in (0.0, 4.0))
    assert sure.fitted[1] == pytest.approx(-2.0, abs=0.01)
    assert doubted.fitted[1] > -1.0
    assert doubted.predict(z)[0] == pytest.approx(doubted.fitted)
    assert np.all(doubted.predict(z)[1] >= sure.predict(z)[1] - 1e-12)
    more = Posterior(z, group, y, np.array([-1.0, np.log(np.exp(-6.0) + 0.3)]))
    same = Posterior(z, group, y, theta, np.full(3, 0.3))
    assert same.fitted == pytest.approx(more.fitted)


def test_noise_is_transformed_as_the_values_are() -> None:
    y = np.exp(np.random.default_rng(0).normal(size=60))
    warp = Warp(y)
    assert warp.forward(y) == pytest.approx(warp.values)
    assert warp.inverse(warp.forward(y)) == pytest.approx(y)
    low, high = np.argsort(y)[[2, -2]]
    sd = np.sqrt(warp.variances(np.full(60, 0.01)))
    assert sd[low] > 3 * sd[high], "the transform of such values is steeper where they are low"
    slope = (warp.forward(y + 1e-5) - warp.forward(y - 1e-5)) / 2e-5
    assert sd == pytest.approx(0.01 * slope, rel=0.01)
    assert np.all(np.isfinite(warp.variances(np.full(60, 1e300))))


def test_repeats_tell_the_noise() -> None:
    z = np.repeat(np.linspace(0, 1, 6)[:, None], 4, axis=0)
    t = np.tile([-0.6, -0.2, 0.2, 0.6], 6) + 3 * z[:, 0]  # variance 4 / 15 within each group
    assert np.exp(with_repeats(MODEL_PRIOR, z, t, 0.0).noise_mean) == pytest.approx(4 / 15)
    told = np.full(24, 0.2)
    assert np.exp(with_repeats(MODEL_PRIOR, z, t, told).noise_mean) == pytest.approx(4 / 15 - 0.2), "what is told, once"
    assert with_repeats(MODEL_PRIOR, z[::4], t[::4], 0.0) == MODEL_PRIOR
    assert with_repeats(MODEL_PRIOR, z, 3 * z[:, 0], 0.0) == MODEL_PRIOR
    u = np.array([[0.5, np.nan], [0.5, np.nan], [0.2, 0.1]])
    assert repeats_differ(u[1:], np.array([1.0, 2.0])) is None
    assert repeats_differ(u, np.array([1.0, 1.0, 2.0])) is False
    assert repeats_differ(u, np.array([1.0, 1.1, 2.0])) is True


def test_noise_that_nobody_told_is_found_and_not_where_there_is_none() -> None:
    features, cache = FeatureMap(BOX), HyperparameterCache()
    assert rows_looked_at(7) == 0
    assert 0 < rows_looked_at(60) <= 60
    found = 0
    for seed in range(5):
        rng = np.random.default_rng(seed)
        u = rng.random((60, 3))
        exact = bowl(u)
        noisy = exact + rng.normal(0, 0.5 * exact.std(), 60)
        found += cache.is_noisy(Observations(noisy, u, features))
        assert not cache.is_noisy(Observations(exact, u, features))
    assert found >= 4
    assert cache.is_noisy(Observations(exact, u, features, np.full(60, 0.1))), "it was told"
    assert cache.theta(Observations(noisy, u, features))[-1] > -3.0 > cache.theta(Observations(exact, u, features))[-1]


def searched(space: Space, objective: Any, n: int, sd: float, tells: bool, m: int = 1) -> ts.Study:
    study = ts.create_study(directions=["minimize"] * m, space=space, seed=0, sampler="gp")
    rng = np.random.default_rng(5)
    for _ in range(n):
        trial = study.ask()
        exact = np.broadcast_to(objective(trial.params), (m,))
        values = [float(v + sd * rng.normal()) for v in exact]
        study.tell(trial, values, noise=sd if tells else None)
    return study


@pytest.mark.parametrize("tells", [False, True])
def test_good_cells_are_tried_again_where_values_are_noisy(tells: bool) -> None:
    study = searched(CELLS, cost, 40, 0.5, tells)
    tried = Counter(str(t.params) for t in study.trials)
    assert max(tried.values()) >= 4
    found = study.recommend()
    assert cost(found.params) == 0
    assert "Values are noisy: one result varies by about" in str(found)
    exact = searched(CELLS, cost, 10, 0.0, False)
    assert len({str(t.params) for t in exact.trials}) == 10, "without noise none is tried twice"


def test_told_noise_decides_what_is_recommended() -> None:
    study = ts.create_study(space={"x": Float(0, 1)}, seed=0)
    for i in range(12):
        x = i / 11
        study.add_trial(
            ts.create_trial(params={"x": x}, distributions={"x": Float(0, 1)}, value=(x - 0.2) ** 2, noise=0.0)
        )
    lucky = ts.create_trial(params={"x": 0.85}, distributions={"x": Float(0, 1)}, value=-1.0, noise=2.0)
    study.add_trial(lucky)
    assert study.best_params == {"x": 0.85}, "the best trial is the best value"
    found = study.recommend()
    assert abs(found.params["x"] - 0.2) < 0.1
    assert "the noisier they were told to be" in str(found)
    assert "Values are noisy" not in str(found), "most of them are exact"


def test_two_objectives_and_a_crowd_take_noise_as_well() -> None:
    front = searched(BOX, lambda p: (p["x0"], 1 - p["x0"] + p["x1"]), 14, 0.1, True, m=2)
    assert len(front.best_trials) >= 1
    crowd = ts.create_study(space=BOX, seed=0, sampler="gp")
    for _ in range(8):
        trial = crowd.ask()
        crowd.tell(trial, float(bowl(np.array(list(trial.params.values())))), noise=0.1)
    asked = crowd.ask(n=104)
    assert len({str(t.params) for t in asked}) == 104
