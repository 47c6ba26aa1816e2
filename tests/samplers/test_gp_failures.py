"""Where trials fail, and whether that tells anything."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.gp.hyperparameters import HyperparameterCache, failures_have_a_place
from tunesmith.samplers.gp.training_data import TrainingData
from tunesmith.space import Float, Space
from tunesmith.space.feature_map import FeatureMap

SPACE = Space({f"x{i}": Float(0, 1) for i in range(4)})


def data(fails: Callable[[np.ndarray], bool], n: int, seed: int) -> TrainingData:
    history = History(SPACE)
    for i, u in enumerate(np.random.default_rng(seed).random((n, 4))):
        if fails(u):
            history.append(i, TrialState.FAIL, SPACE, SPACE.from_unit(u[None])[0], [np.nan])
        else:
            history.append(i, TrialState.COMPLETE, SPACE, SPACE.from_unit(u[None])[0], [float(((u - 0.4) ** 2).sum())])
    return TrainingData.of(history, SPACE, SPACE)


def test_failures_of_a_region_have_a_place_and_others_have_none() -> None:
    placed = {"region": 0, "anywhere": 0}
    for seed in range(10):
        rng = np.random.default_rng(seed)
        for name, fails in (("region", lambda u: u.sum() > 2.2), ("anywhere", lambda u, rng=rng: rng.random() < 0.3)):
            placed[name] += failures_have_a_place(HyperparameterCache(), data(fails, 30, seed), FeatureMap(SPACE))
    assert placed["region"] == 10
    assert placed["anywhere"] <= 4


def test_few_failures_are_taken_to_have_a_place() -> None:
    few = data(lambda u: u[0] < 0.1, 15, 0)
    assert 0 < few.failed.sum() < 4
    assert failures_have_a_place(HyperparameterCache(), few, FeatureMap(SPACE))


def test_trials_that_are_left_out_were_tried_all_the_same() -> None:
    some = data(lambda u: u.sum() > 2.2, 30, 0)
    left = some.without_failures()
    assert not left.failed.any()
    assert len(left.y) == len(left.u) == (~some.failed).sum()
    assert left.is_duplicate(np.empty((0, 4)))(some.x).all()


@pytest.mark.parametrize("seed", range(3))
def test_failures_at_random_do_not_mislead_a_search(seed: int) -> None:
    rng = np.random.default_rng(seed)
    bottom = rng.uniform(0.2, 0.8, 4)

    def objective(trial: ts.Trial) -> float:
        x = np.array(list(trial.params.values()))
        if rng.random() < 0.3:
            raise RuntimeError("out of memory")
        return float(((x - bottom) ** 2).sum())

    study = ts.create_study(space=SPACE, seed=seed, sampler="gp")
    study.optimize(objective, n_trials=40, catch=(RuntimeError,))
    assert study.best_value < 0.01
