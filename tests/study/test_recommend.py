"""`study.recommend`: the point to use is the one with the best expected value, not the luckiest."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.study.noisy import SPACE, branin, noise, noisy_branin

import tunesmith as ts


def searched(seed: int, n: int = 50, sampler: str = "random") -> ts.Study:
    study = ts.create_study(space=SPACE, seed=seed, sampler=sampler)
    study.optimize(noisy_branin, n)
    return study


def test_it_is_better_than_the_luckiest_and_says_what_to_expect() -> None:
    errors, naive, true, lucky, hits = [], [], [], [], 0
    for seed in range(12):
        study = searched(seed)
        found = study.recommend()
        truth = branin(**found.params)
        errors.append(found.value - truth)
        naive.append(study.best_value - branin(**study.best_params))
        true.append(truth)
        lucky.append(branin(**study.best_params))
        hits += found.interval[0] <= truth <= found.interval[1]
        assert found.method == "posterior"
        assert found.naive == study.best_value
        assert found.optimism == pytest.approx(found.value - found.naive)
        assert found.params == found.trial.params == study.trials[found.trial.number].params
    assert np.mean(true) < np.mean(lucky)
    assert abs(np.mean(errors)) < 0.5 * abs(np.mean(naive))
    assert hits >= 9


def test_the_direction_is_the_study_s_own() -> None:
    down, up = searched(3), ts.create_study(direction="maximize", space=SPACE, seed=3, sampler="random")
    up.optimize(lambda t: -noisy_branin(t), 50)
    a, b = down.recommend(), up.recommend()
    assert b.params == a.params
    assert b.value == pytest.approx(-a.value)
    assert b.interval == pytest.approx((-a.interval[1], -a.interval[0]))
    assert b.optimism == pytest.approx(a.optimism)
    assert b.interval[0] < b.value < b.interval[1]


def test_it_says_the_same_each_time_and_changes_nothing() -> None:
    study = searched(1, 20)
    before = study.trials
    assert str(study.recommend()) == str(study.recommend())
    assert study.trials == before


def test_without_noise_it_is_the_best_trial() -> None:
    study = ts.create_study(space=SPACE, seed=0, sampler="gp")
    study.optimize(lambda t: branin(**t.params), 40)
    found = study.recommend()
    assert found.value == pytest.approx(study.best_value, abs=0.3)
    assert branin(**found.params) == pytest.approx(study.best_value, abs=0.05)


@pytest.mark.parametrize("seed", range(3))
def test_runs_that_diverge_do_not_hide_the_good_ones(seed: int) -> None:
    def distance(lr: float) -> float:
        x = 4.0
        for _ in range(60):
            x -= lr * 2 * x
        return abs(x) + 0.01 * (1 + lr)

    study = ts.minimize(distance, {"lr": ts.Float(1e-3, 20.0, log=True)}, n_trials=25, sampler="random", seed=seed)
    assert max(t.value or 0.0 for t in study.trials) > 1e30
    found = study.recommend()
    assert distance(**found.params) < 3 * study.best_value
    low, high = found.interval
    assert 0.0 < low < found.value < high < 10 * study.best_value


def conditional(trial: ts.Trial) -> float:
    kind = trial.suggest_categorical("kind", ["a", "b", None])
    if kind == "a":
        value = (trial.suggest_float("x", 0, 1) - 0.5) ** 2
    elif kind == "b":
        value = abs(math.log10(trial.suggest_float("lr", 1e-4, 1, log=True)) + 2) / 4
    else:
        value = trial.suggest_int("n", 1, 9) / 9
    if trial.number % 7 == 3:
        return math.nan
    return value + noise(trial, 0.05)


def test_spaces_with_conditions_that_were_never_declared_and_trials_that_failed() -> None:
    study = ts.create_study(seed=0)
    study.optimize(conditional, 60)
    found = study.recommend()
    assert found.method == "posterior"
    assert found.trial.state is ts.TrialState.COMPLETE
    assert found.value == pytest.approx(0.0, abs=0.15)


def test_only_feasible_points_are_recommended() -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.params["x"]
        trial.set_constraint("right", 2.0 - x)
        return x + noise(trial, 0.3)

    study = ts.create_study(space=SPACE, seed=0, sampler="random")
    study.optimize(objective, 40)
    found = study.recommend()
    assert found.params["x"] >= 2
    assert found.naive == study.best_value


def test_a_point_that_was_run_often_counts_as_one() -> None:
    study = ts.create_study(space=ts.Space(k=[0, 1, 2]), seed=0, sampler="random")
    study.optimize(lambda t: t.params["k"] + noise(t, 0.0) + float(np.random.default_rng(t.seed).normal()), 60)
    found = study.recommend()
    assert found.params == {"k": 0}
    assert found.trial.number == min(t.number for t in study.trials if t.params == {"k": 0})
    assert found.value == pytest.approx(0, abs=0.6)
    assert found.naive < -1


def test_few_trials_are_told_plainly() -> None:
    study = searched(0, 3)
    found = study.recommend()
    assert found.method == "observed"
    assert found.value == study.best_value
    assert math.isnan(found.interval[0])
    assert "too few" in str(found)
    assert f"trial {study.best_trial.number}" in str(found)


def test_an_objective_without_parameters_is_no_error() -> None:
    study = ts.create_study(seed=0)
    study.optimize(lambda t: float(t.number), 8)
    assert study.recommend().trial.number == 0


def test_many_trials() -> None:
    study = ts.create_study(space=SPACE, seed=0, sampler="random")
    study.optimize(noisy_branin, 700)
    assert branin(**study.recommend().params) < 5


def test_nothing_to_recommend_is_an_error() -> None:
    study = ts.create_study(seed=0)
    with pytest.raises(ValueError, match="no complete feasible trial"):
        study.recommend()
    with pytest.raises(RuntimeError, match="best_trials"):
        ts.create_study(directions=["minimize", "minimize"]).recommend()


def test_the_simplest_within_one_standard_error() -> None:
    space = ts.Space(depth=ts.Int(1, 12), leaf=ts.Int(1, 5))

    def objective(trial: ts.Trial) -> float:
        return max(0.0, 4 - trial.params["depth"]) + 0.3 * float(np.random.default_rng(trial.seed).normal())

    study = ts.create_study(space=space, seed=0, sampler="random")
    study.optimize(objective, 60)
    plain, simple = study.recommend(), study.recommend(simplest="one-se", complexity=["depth", "-leaf"])
    assert 3 <= simple.params["depth"] <= plain.params["depth"]
    assert simple.value <= plain.value + (plain.interval[1] - plain.interval[0]) / 2
    assert any("simplest" in note for note in simple.notes)
    assert study.recommend(simplest="one-se", complexity=lambda p: p["depth"]).params["depth"] == simple.params["depth"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"simplest": "one-se"}, "go together"),
        ({"complexity": "x"}, "go together"),
        ({"simplest": "yes", "complexity": "x"}, 'takes "one-se"'),
        ({"simplest": "one-se", "complexity": "z"}, "no configuration has"),
    ],
)
def test_what_is_simple_has_to_be_said(arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        searched(0, 8).recommend(**arguments)


def test_the_level_of_the_interval_is_the_user_s() -> None:
    study = searched(0)
    usual, low = study.recommend(), study.recommend(level=0.5)
    assert usual.interval[0] < low.interval[0] < low.value < low.interval[1] < usual.interval[1]
    assert "50 % interval" in str(low)
    with pytest.raises(ValueError, match="level="):
        study.recommend(level=50)


def test_a_large_study_is_gone_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    def objective(trial: ts.Trial) -> float:
        x, kind = trial.suggest_float("x", 0, 1), trial.suggest_categorical("kind", ["a", "b"])
        if trial.number % 7 == 3:
            raise ValueError("no luck")
        return (x - 0.3) ** 2 + (kind == "a")

    study = ts.create_study(seed=0, sampler="random")
    study.optimize(objective, n_trials=600, catch=(ValueError,))
    whole = study.recommend()
    history = study.history
    for place in ("history", "samplers.gp.trust_region", "samplers.finished"):
        monkeypatch.setattr(f"tunesmith.{place}.ROWS_AT_ONCE", 50)
    monkeypatch.setattr("tunesmith.study.engine.replica.RECORDS_AT_ONCE", 10)
    history._units.clear()
    assert study.recommend() == whole
    assert study.failure_reasons() == [("ValueError: no luck", 86, 3)]
