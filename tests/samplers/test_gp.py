"""The Gaussian-process sampler: better than random search, on every kind of space, and never at a loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest
from moocore import hypervolume
from tests.samplers.searching import assert_lower

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.finished import infer_conditions
from tunesmith.samplers.gp.hyperparameters import (
    MAX_FITTED_ROWS,
    REFIT_ALWAYS_TRIALS,
    Observations,
    fitted_rows,
)
from tunesmith.samplers.gp.sampler import GPSampler
from tunesmith.samplers.gp.training_data import TrainingData
from tunesmith.samplers.gp.trust_region import MAX_GLOBAL_ROWS, local_rows
from tunesmith.space import Categorical, Float, Int, Ordinal, Space
from tunesmith.space.feature_map import FeatureMap


def bowl(p: dict[str, Any]) -> float:
    return (p["x"] - 0.3) ** 2 + (p["y"] + 0.7) ** 2


def mixed(p: dict[str, Any]) -> float:
    return (np.log10(p["lr"]) + 2) ** 2 + abs(p["layers"] - 3) + {"relu": 0.0, "tanh": 0.5, "none": 2.0}[p["act"]]


def tree(p: dict[str, Any]) -> float:
    return (np.log10(p["C"]) - 1) ** 2 if p["model"] == "svm" else 0.5 + abs(p["depth"] - 4) / 10


CASES: dict[str, tuple[Callable[[dict[str, Any]], float], Space]] = {
    "floats": (bowl, Space(x=Float(-1, 1), y=Float(-1, 1))),
    "mixed": (
        mixed,
        Space(lr=Float(1e-5, 1, log=True), layers=Int(1, 8), act=["relu", "tanh", "none"], unused=Ordinal([1, 2, 4])),
    ),
    "conditional": (
        tree,
        Space(
            model=["svm", "tree"], C=Float(1e-3, 1e3, log=True).when(model="svm"), depth=Int(1, 20).when(model="tree")
        ),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_beats_random_search(case: str) -> None:
    """Over 12 seeds at 25 trials."""
    fn, space = CASES[case]

    def best(sampler: str, seed: int) -> float:
        return ts.minimize(fn, space, n_trials=25, sampler=sampler, seed=seed).best_value

    assert_lower(*([best(sampler, seed) for seed in range(12)] for sampler in ("gp", "random")))


@pytest.mark.slow
def test_an_undeclared_tree_is_searched_as_a_tree() -> None:
    """Define-by-run: what was used under which choice is read from the history."""

    def objective(trial: ts.Trial) -> float:
        if trial.suggest_categorical("model", ["svm", "tree"]) == "svm":
            return tree({"model": "svm", "C": trial.suggest_float("C", 1e-3, 1e3, log=True)})
        return tree({"model": "tree", "depth": trial.suggest_int("depth", 1, 20)})

    def best(sampler: str, seed: int) -> float:
        study = ts.create_study(sampler=sampler, seed=seed)
        study.optimize(objective, n_trials=25)
        return study.best_value

    assert_lower(*([best(sampler, seed) for seed in range(12)] for sampler in ("gp", "random")))


def test_conditions_are_inferred_only_where_the_trials_show_them() -> None:
    flat = Space(m=["a", "b", "c"], p=Float(0, 1), q=Float(0, 1), r=Float(0, 1))
    nan = np.nan
    x = np.array(
        [
            [0, 0.1, nan, 0.5],
            [0, 0.2, nan, nan],
            [1, nan, 0.3, 0.5],
            [1, nan, 0.4, 0.5],
            [2, nan, nan, 0.1],
            [2, nan, nan, nan],
        ]
    )
    found = infer_conditions(flat, x)
    assert found["p"] == Float(0, 1).when(m="a")
    assert found["q"] == Float(0, 1).when(m="b")
    assert found["r"] == Float(0, 1), "used in some trials of each kind: no rule"
    assert infer_conditions(flat, x[:4])["q"].condition is not None
    assert infer_conditions(flat, x[:3])["q"] == Float(0, 1).when(m="b"), "one use of each choice is enough"
    assert infer_conditions(flat, x[:2]) == flat, "no other choice was seen"
    assert infer_conditions(flat, np.nan_to_num(x, nan=0.5)) is flat


def history_of(space: Space, n: int, value: Callable[[int], float], seed: int = 0) -> History:
    history = History(space)
    x = space.sample(np.random.default_rng(seed), n)
    for i in range(n):
        y = value(i)
        state = TrialState.FAIL if np.isnan(y) else TrialState.COMPLETE
        history.append(i, state, space, x[i], [y])
    return history


UNIT = Space(a=Float(0, 1), b=Float(0, 1), c=Float(0, 1))


@pytest.mark.parametrize(
    "value",
    [lambda i: 1.0, lambda i: 1e300 * (-1) ** i, lambda i: np.inf if i % 2 else 1.0, lambda i: -np.inf if i == 3 else i,
     lambda i: np.nan if i % 3 else float(i), lambda i: 1e-300 * i],
    ids=["equal", "huge", "inf", "-inf", "failures", "tiny"],
)  # fmt: skip
def test_values_of_every_size(value: Callable[[int], float]) -> None:
    history = history_of(UNIT, 15, value)
    x, states = GPSampler().ask(history, UNIT, np.random.default_rng(1), 3)
    assert UNIT.contains_rows(x).all()
    assert len(states) == 3
    assert len(np.unique(x, axis=0)) == 3


def test_huge_values_in_a_part_of_the_space_do_not_hide_the_rest() -> None:
    """Of five seeds the median of the best of 30 values; where they hid it, it was that of the first trials."""
    best = np.array([-0.4, 0.3, 0.6, -0.5])

    def bowl_beside_a_cliff(p: dict[str, float]) -> float:
        x = np.array(list(p.values()))
        return 1e9 if x[0] > 0.1 and x[1] > 0.1 else float(((x - best) ** 2).sum())

    space = Space({name: Float(-1, 1) for name in "abcd"})
    found = [
        ts.minimize(bowl_beside_a_cliff, space, n_trials=30, sampler="gp", seed=seed).best_value for seed in range(5)
    ]
    assert np.median(found) < 0.05, found


def test_all_failed() -> None:
    x, _ = GPSampler().ask(history_of(UNIT, 30, lambda i: np.nan), UNIT, np.random.default_rng(0), 1)
    assert UNIT.contains_rows(x).all()


def test_a_hundred_parameters() -> None:
    space = Space({f"x{i}": Float(0, 1) for i in range(100)})
    x, _ = GPSampler().ask(history_of(space, 40, lambda i: float(i)), space, np.random.default_rng(0), 1)
    assert space.contains_rows(x).all()


def test_a_finite_space_is_covered_before_anything_is_repeated() -> None:
    space = Space(a=Int(0, 3), b=Categorical(["p", "q", "r"]), c=Ordinal([1, 2]))
    study = ts.minimize(lambda p: p["a"] + (p["b"] == "q"), space, n_trials=24, sampler="gp", seed=0)
    assert len({tuple(t.params.items()) for t in study.trials}) == 24
    study.optimize(lambda p: 0.0, n_trials=1, space=space)
    assert len(study.trials) == 25, "when all is known, it goes on"


def test_failing_regions_are_avoided() -> None:
    def objective(p: dict[str, Any]) -> float:
        return float("nan") if p["x"] > 0.2 else bowl(p)

    study = ts.minimize(objective, CASES["floats"][1], n_trials=40, sampler="gp", seed=1)
    late = [t.params["x"] for t in study.trials[20:]]
    assert np.mean(np.array(late) > 0.2) < 0.4, "under the model's eyes; at random it would be 0.4"
    assert study.best_value < 0.05


def test_constraints_are_learnt() -> None:
    def objective(trial: ts.Trial) -> float:
        x, y = trial.suggest_float("x", -1, 1), trial.suggest_float("y", -1, 1)
        trial.set_constraint("x + y >= 0", -(x + y))
        return bowl({"x": x, "y": y})

    study = ts.create_study(sampler="gp", seed=0)
    study.optimize(objective, n_trials=35)
    assert study.best_trial.feasible
    assert study.best_value < 0.12, "the constrained optimum is 0.08"


def test_two_objectives() -> None:
    def objective(trial: ts.Trial) -> tuple[float, float]:
        x, y = trial.suggest_float("x", 0, 1), trial.suggest_float("y", 0, 1)
        return x + y, (x - 1) ** 2 + y

    study = ts.create_study(directions=["minimize"] * 2, sampler="gp", seed=0)
    study.optimize(objective, n_trials=30)
    front = np.array([t.params["y"] for t in study.best_trials])
    assert len(front) >= 5
    assert np.median(front) < 0.05, "y = 0 on the whole front"


def test_the_whole_of_a_concave_front_is_found() -> None:
    """ZDT2 (Zitzler, Deb & Thiele, 2000): f2 = 1 - f1²; of the volume below (1.1, 2), 23/15 is dominated by it."""

    def zdt2(p: Mapping[str, float]) -> tuple[float, float]:
        g = 1.0 + 9.0 * (p["b"] + p["c"]) / 2
        return p["a"], g * (1.0 - (p["a"] / g) ** 2)

    study = ts.create_study(directions=["minimize"] * 2, sampler="gp", seed=1, space=UNIT)
    for _ in range(40):
        trial = study.ask()
        study.tell(trial, zdt2(trial.params))
    reached = hypervolume(np.array([t.values for t in study.best_trials]), ref=np.array([1.1, 2.0]))
    assert reached > 0.95 * 23 / 15


@pytest.mark.slow
def test_a_search_that_has_found_a_valley_looks_elsewhere_too() -> None:
    """Once next to nothing is left to gain by the model, it is doubted in every second trial."""
    space = {name: Float(0, 1) for name in "xyz"}
    for seed in range(3):
        study = ts.minimize(
            lambda p: (p["x"] - 0.3) ** 2 + (p["y"] - 0.6) ** 2 + (p["z"] - 0.2) ** 2,
            space, n_trials=60, sampler="gp", seed=seed,
        )  # fmt: skip
        x = np.array([list(t.params.values()) for t in study.trials])
        away = np.abs(x[40:] - list(study.best_params.values())).max(axis=1)
        assert (away > 0.2).sum() >= 4
        assert study.best_value < 1e-4  # and the valley is not neglected


def test_running_trials_are_not_proposed_again() -> None:
    study = ts.create_study(sampler="gp", seed=0, space=CASES["floats"][1])
    for _ in range(8):
        trial = study.ask()
        study.tell(trial, bowl(trial.params))
    asked = np.array([list(study.ask().params.values()) for _ in range(6)])
    distance = np.sqrt(((asked[:, None] - asked[None]) ** 2).sum(-1))
    assert distance[np.triu_indices(6, 1)].min() > 0.003, "though all of them are near the optimum"


def test_the_schedule_of_fits() -> None:
    counts = sorted({fitted_rows(n) for n in range(1, 500)})
    assert counts[:REFIT_ALWAYS_TRIALS] == list(range(1, REFIT_ALWAYS_TRIALS + 1))
    assert all(fitted_rows(c) == c for c in counts), "a fixed function of n"
    assert all(
        1.0 < b / a <= 1.13
        for a, b in zip(counts[REFIT_ALWAYS_TRIALS - 1 :], counts[REFIT_ALWAYS_TRIALS:], strict=False)
    )


def test_hyperparameters_are_fitted_to_few_rows_and_the_best_are_among_them() -> None:
    space = CASES["floats"][1]
    u = np.random.default_rng(0).random((400, len(space)))
    seen = Observations(((u - 0.3) ** 2).sum(axis=1), u, FeatureMap(space))
    rows = seen.thinned()
    assert len(rows) == len(set(rows.tolist())) == MAX_FITTED_ROWS
    order = np.argsort(seen.y)
    assert set(order[: MAX_FITTED_ROWS // 2].tolist()) <= set(rows.tolist())
    assert order[-1] in rows, "the worst of all shows how bad it gets"
    assert seen.first(20).thinned().tolist() == list(range(20))


def test_beyond_the_limit_the_model_is_local() -> None:
    space = CASES["floats"][1]
    history = History(space)
    x = space.sample(np.random.default_rng(0), MAX_GLOBAL_ROWS + 60)
    for i, row in enumerate(x):
        history.append(i, TrialState.COMPLETE, space, row, [bowl(dict(zip(space, row, strict=True)))])
    rows = local_rows(history.y[:, 0], history.unit(space), FeatureMap(space))
    assert 200 <= len(rows) <= 400
    assert int(history.y[:, 0].argmin()) in rows
    proposed, _ = GPSampler().ask(history, space, np.random.default_rng(0), 1)
    assert bowl(dict(zip(space, proposed[0], strict=True))) < 0.05


@pytest.mark.parametrize("bad", [0, -3])
def test_bad_arguments(bad: int) -> None:
    with pytest.raises(ValueError, match="n_startup_trials"):
        GPSampler(bad)


def test_a_pruned_trial_is_not_on_the_front_of_the_search() -> None:
    """What it reported early, of seconds say, may dominate what others have at their ends."""
    space, history = Space(x=Float(0, 1)), History(Space(x=Float(0, 1)), 2)
    for number, x in enumerate((0.1, 0.4, 0.6, 0.9)):
        history.append(number, TrialState.COMPLETE, space, [x], [1.0 + (x - 0.3) ** 2, 10.0 + x])
    history.append(4, TrialState.PRUNED, space, [0.98], [0.5, 1.0])
    data = TrainingData.of(history, space, space)
    assert data.feasible.tolist() == [True, True, True, True, False]
    assert not data.failed.any()
