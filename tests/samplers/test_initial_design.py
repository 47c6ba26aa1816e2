"""The first points of a model-based search: few, central, each branch and each choice among them, none twice."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.gp.initial_design import DESIGN_SHRINKAGE, N_CENTRAL, InitialDesign
from tunesmith.samplers.gp.sampler import GPSampler
from tunesmith.space import Categorical, Float, Int, Ordinal, Space

FLAT = Space(x=Float(-1, 1), y=Float(1e-4, 1, log=True), n=Int(1, 9), size=Ordinal([8, 16, 32]))


def asked(space: Space, n: int, seed: int = 0, **options: Any) -> list[dict[str, Any]]:
    """What n workers get that ask before there is any result."""
    study = ts.create_study(space=space, seed=seed, **options)
    return [study.ask().params for _ in range(n)]


@pytest.mark.parametrize("options", [{}, {"sampler": "gp"}, {"directions": ["minimize", "maximize"]}], ids=str)
def test_the_first_point_is_the_middle_and_the_next_ones_are_near_it(options: dict[str, Any]) -> None:
    first, *others = asked(FLAT, N_CENTRAL, **options)
    assert first == {"x": 0.0, "y": pytest.approx(0.01), "n": 5, "size": 16}
    u = FLAT.to_unit(FLAT.encode(others))
    assert (np.abs(u[:, :2] - 0.5) <= DESIGN_SHRINKAGE / 2).all()
    assert len({p["x"] > 0 for p in others}) == 2, "on both sides of it"


@pytest.mark.parametrize("default", [1.0, 1.0000000000000009])
def test_the_middle_is_not_tried_a_second_time_where_the_first_is_it_but_for_rounding(default: float) -> None:
    space = Space(C=Float(0.01, 100, log=True), x=Float(0, 1))
    study = ts.create_study(space=space, seed=0)
    study.enqueue_trial({"C": default, "x": 0.5})
    first, second = (study.ask().params for _ in range(2))
    assert first["C"] == default
    assert abs(second["C"] - 1.0) > 0.01


def test_of_two_values_in_the_middle_either_may_be_the_first() -> None:
    space = Space(n=Int(1, 4), size=Ordinal(["s", "m", "l", "x"]))
    firsts = [asked(space, 1, seed)[0] for seed in range(20)]
    assert {p["n"] for p in firsts} == {2, 3}
    assert {p["size"] for p in firsts} == {"m", "l"}


@pytest.mark.parametrize("k", [2, 3, 4, 7])
def test_choices_have_no_middle(k: int) -> None:
    """They are spread as evenly as four trials can be, and none is first for every seed."""
    space = Space(a=Categorical([f"c{i}" for i in range(k)]), x=Float(0, 1))
    firsts = set()
    for seed in range(12):
        found = [p["a"] for p in asked(space, N_CENTRAL, seed)]
        counts = Counter(found).values()
        assert len(counts) == min(k, N_CENTRAL)
        assert max(counts) - min(counts) <= 1
        firsts.add(found[0])
    assert len(firsts) > 1


@pytest.mark.parametrize("k", [2, 3, 6])
def test_each_branch_gets_something(k: int) -> None:
    models = [f"m{i}" for i in range(k)]
    params: dict[str, Any] = {"model": Categorical(models), "shared": Float(0, 1)}
    params |= {f"{m}.x": Float(0, 1).when(model=m) for m in models}
    n = max(k, N_CENTRAL)
    for seed in range(8):
        begun: dict[str, float] = {}
        for p in asked(Space(params), n, seed):
            begun.setdefault(p["model"], p[f"{p['model']}.x"])
        assert begun == dict.fromkeys(models, 0.5), "and first of all its middle"


def test_eight_workers_begin_with_the_design_and_share_no_point() -> None:
    one = ts.create_study(space=FLAT, seed=3)
    alone = []
    for _ in range(N_CENTRAL):
        trial = one.ask()
        alone.append(trial.params)
        one.tell(trial, 1.0)
    together = asked(FLAT, 8, seed=3)
    assert together[:N_CENTRAL] == alone
    assert len({tuple(p.items()) for p in together}) == 8


def test_a_model_proposes_the_fifth_trial_and_after_failures_later() -> None:
    history = History(FLAT)
    x, states = InitialDesign().ask(history, FLAT, np.random.default_rng(0), 12, {})
    sampler = GPSampler()
    for i in range(N_CENTRAL):
        assert sampler.exclusive_at(history)
        history.append(i, TrialState.COMPLETE, FLAT, x[i], [float(i)], sampler_state=int(states[i]))
    assert not sampler.exclusive_at(history)
    history = History(FLAT)
    for i in range(10):
        history.append(i, TrialState.FAIL, FLAT, x[i], [np.nan])
    assert sampler.exclusive_at(history), "nothing is known yet"


def test_the_default_comes_first_and_counts() -> None:
    study = ts.create_study(space=FLAT, seed=0)
    default = {"x": 0.9, "y": 0.5, "n": 1, "size": 8}
    study.enqueue_trial(default)
    seen = []
    for _ in range(N_CENTRAL + 1):
        trial = study.ask()
        seen.append(trial.params)
        study.tell(trial, sum(map(float, trial.params.values())))
    assert seen[0] == default
    assert seen[1]["x"] == 0.0, "then the middle"
    assert GPSampler().exclusive_at(study.history) is False


def test_a_default_in_the_middle_is_not_tried_twice() -> None:
    space = Space(a=Int(1, 3), b=Int(1, 3))
    study = ts.create_study(space=space, seed=0)
    study.enqueue_trial({"a": 2, "b": 2})
    seen = [tuple(study.ask().params.values()) for _ in range(9)]
    assert len(set(seen)) == 9, "all of a small space, each point once, with no result yet"


def test_where_the_middle_breaks_a_constraint() -> None:
    space = Space(a=Float(0, 1), b=Float(0, 1), constraints=lambda a, b: a + b < 0.7)
    for seed in range(5):
        found = asked(space, 8, seed)
        assert all(p["a"] + p["b"] < 0.7 for p in found)
        assert len({p["a"] for p in found}) == 8


@pytest.mark.parametrize("seed", range(3))
def test_a_space_that_grows_is_begun_without_repeating_a_point(seed: int) -> None:
    def objective(trial: ts.Trial) -> float:
        if trial.suggest_categorical("model", ["svm", "tree", "knn"]) == "svm":
            return trial.suggest_float("C", 1e-3, 1e3, log=True)
        if trial.params["model"] == "tree":
            return trial.suggest_int("depth", 1, 30)
        return trial.suggest_int("k", 1, 30) + trial.suggest_float("p", 1, 2)

    study = ts.create_study(sampler="gp", seed=seed)
    study.optimize(objective, n_trials=8)
    assert len({tuple(t.params.items()) for t in study.trials}) == 8


def test_what_was_tried_before_a_parameter_was_known_is_not_tried_again() -> None:
    small = Space(m=Categorical(["p", "q"]), x=Float(0, 1))
    grown = Space(m=Categorical(["p", "q"]), x=Float(0, 1), y=Float(0, 1))
    for seed in range(4):
        first, _ = InitialDesign().ask(History(), grown, np.random.default_rng(seed), 1, {})
        history = History()
        history.append(0, TrialState.COMPLETE, small, first[0, :2], [1.0])
        again, _ = InitialDesign().ask(history, grown, np.random.default_rng(seed), 1, {})
        assert not np.array_equal(again[0, :2], first[0, :2])


def test_as_many_first_trials_as_the_user_says() -> None:
    study = ts.create_study(space=FLAT, sampler=GPSampler(n_startup_trials=7), seed=0)
    for i in range(7):
        assert study.sampler.exclusive_at(study.history)
        study.tell(study.ask(), float(i))
    assert not study.sampler.exclusive_at(study.history)
    x = [t.params["x"] for t in study.trials]
    assert x[0] == 0.0
    assert max(map(abs, x[N_CENTRAL:])) > DESIGN_SHRINKAGE, "beyond the four the cube is filled evenly"


@pytest.mark.parametrize("seed", range(6))
def test_each_branch_of_an_objective_is_opened_before_one_is_tried_again(seed: int) -> None:
    def objective(trial: ts.Trial) -> float:
        model = trial.suggest_categorical("model", ["a", "b", "c", "d", "e"])
        return trial.suggest_float(f"{model}_x", 0, 1)

    study = ts.create_study(sampler="gp", seed=seed)
    study.optimize(objective, n_trials=5)
    assert {t.params["model"] for t in study.trials} == {"a", "b", "c", "d", "e"}


def test_the_middle_is_tried_however_many_points_the_user_gave() -> None:
    study = ts.create_study(space={"x": Float(0, 1), "y": Float(0, 1)}, sampler="gp", seed=0)
    for i in range(6):
        study.enqueue_trial({"x": 0.9, "y": 0.1 * i})
    study.optimize(lambda trial: trial.params["x"], n_trials=8)
    assert [t.params for t in study.trials].count({"x": 0.5, "y": 0.5}) == 1
    assert study.trials[6].params == {"x": 0.5, "y": 0.5}


def test_choices_that_the_user_tried_give_way_to_others() -> None:
    study = ts.create_study(space={"m": Categorical(["p", "q", "r"]), "x": Float(0, 1)}, sampler="gp", seed=0)
    for m in ("p", "q"):
        study.enqueue_trial({"m": m, "x": 0.1})
    study.optimize(lambda trial: trial.params["x"], n_trials=3)
    assert study.trials[2].params["m"] == "r"
