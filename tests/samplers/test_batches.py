"""What the proposals of a batch share, and that they are no worse for it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.foundation.numerics.gp import Posterior
from tunesmith.samplers.gp import hyperparameters, proposers
from tunesmith.samplers.gp.acquisition import PriorWeight
from tunesmith.samplers.gp.sampler import GPSampler
from tunesmith.space import Categorical, Float, Space
from tunesmith.space.feature_map import MAX_CATEGORICAL_FEATURES, FeatureMap

SPACE = Space(x=Float(0, 1), y=Float(0, 1))


def bowl(p: dict[str, Any]) -> float:
    return (p["x"] - 0.3) ** 2 + (p["y"] - 0.6) ** 2


def front(p: dict[str, Any]) -> tuple[float, float]:
    return p["x"], 1 - p["x"] ** 0.5 + p["y"]


@pytest.mark.parametrize("m", [1, 2])
def test_a_batch_shares_the_models_and_the_pool_of_points(m: int, monkeypatch: pytest.MonkeyPatch) -> None:
    study = ts.create_study(directions=["minimize"] * m, space=SPACE, sampler=GPSampler(), seed=0)
    study.optimize(lambda t: bowl(t.params) if m == 1 else front(t.params), n_trials=14)
    counts = {"fit": 0, "candidate_pool": 0}
    for module, name in ((hyperparameters, "fit"), (proposers, "candidate_pool")):
        real = getattr(module, name)

        def counted(*args: Any, real: Any = real, name: str = name, **kwargs: Any) -> Any:
            counts[name] += 1
            return real(*args, **kwargs)

        monkeypatch.setattr(module, name, counted)
    batch = [study.ask() for _ in range(12)]
    assert counts == {"fit": m, "candidate_pool": 1}
    points = np.array([[t.params["x"], t.params["y"]] for t in batch])
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)[np.triu_indices(12, 1)]
    assert apart.min() > 0, "each takes those before it for running trials"


def test_batches_of_eight_find_the_optimum() -> None:
    study = ts.create_study(space=SPACE, sampler=GPSampler(), seed=1)
    for _ in range(5):
        for trial in [study.ask() for _ in range(8)]:
            study.tell(trial, bowl(trial.params))
    assert study.best_value < 1e-3


def test_what_a_process_remembers_is_what_it_predicts() -> None:
    rng = np.random.default_rng(0)
    z, new, pending = rng.random((20, 3)), rng.random((40, 3)), rng.random((4, 3))
    y, theta, group = rng.standard_normal(20), np.array([-0.5, 0.0, 0.5, -5.0]), np.arange(3)
    kept, plain = (Posterior(z, group, y, theta) for _ in range(2))
    kept.remember(new)
    for running in (pending[:0], pending[:1], pending):
        np.testing.assert_allclose(kept.given(running).predict(new), plain.given(running).predict(new.copy()))


def test_a_categorical_of_ten_thousand_choices_has_few_features() -> None:
    space = Space(c=Categorical(list(range(10_000)), prior=17), x=Float(0, 1))
    features = FeatureMap(space)
    assert len(features.group) == MAX_CATEGORICAL_FEATURES + 1
    u = space.to_unit(np.array([[5.0, 0.5], [17.0, 0.5], [9_999.0, 0.5]]))
    z = features(u)
    apart = ((z[:, None] - z[None]) ** 2).sum(axis=2)[np.triu_indices(3, 1)]
    np.testing.assert_allclose(apart, 1.0, atol=0.5)
    assert features.choice(0, z).tolist() == [5, 17, 9_999]
    assert PriorWeight(space, features, 5, {}).value(z).argmax() == 1
