"""Boundaries of continuous parameters: proposed when they are likely to be best, and not again where a trial failed."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.samplers.finished import BOUND_MARGIN, Boundaries, lie_beyond, near_the_best
from tunesmith.space import Categorical, Float, Int, Space

ENDS = (0.0, 1.0)
NAN = math.nan


def value(C: float, a: float, b: float) -> float:
    """Lowest at C = 0."""
    return C + (a - 0.6) ** 2 + (b - 0.5) ** 2


def suggested(trial: ts.Trial) -> tuple[float, float, float]:
    return trial.suggest_float("C", 0.0, 1.0), trial.suggest_float("a", 0.0, 1.0), trial.suggest_float("b", 0.0, 1.0)


def test_no_end_is_proposed_without_a_model_that_expects_it() -> None:
    for seed in range(5):
        study = ts.create_study(sampler="tpe", seed=seed)
        study.optimize(lambda t: (t.suggest_float("C", 0.0, 1.0) - 0.3) ** 2 + suggested(t)[1], n_trials=20)
        trials = study.trials
        for at, t in enumerate(trials):
            if t.params["C"] in ENDS:
                best = sorted(trials[:at], key=lambda other: other.value)[:3]
                assert all(abs(other.params["C"] - t.params["C"]) < 2 * BOUND_MARGIN for other in best)


@pytest.mark.parametrize("seed", range(2))
def test_an_optimum_in_a_joint_corner_is_found(seed: int) -> None:
    """Before, regrets of 0.05 and 0.06 were left: points at the margins of many parameters were barred by rounding."""
    space = Space({f"x{j}": Float(0.1, 1.0, log=j % 2 == 1) for j in range(8)})
    slopes = 1.0 + 0.3 * np.arange(8)
    study = ts.minimize(lambda p: float(slopes @ list(p.values())), space, n_trials=36, sampler="gp", seed=seed)
    assert study.best_value < 0.1 * slopes.sum() + 1e-3


def test_points_at_the_margins_of_many_parameters_are_within_the_limits() -> None:
    space = Space({f"x{j}": Float(0.003 * (j + 1), 7.0 + j, log=j % 2 == 1) for j in range(12)})
    low, high = Boundaries(space).limits(np.empty((0, 12)), np.zeros((2, 12), bool))
    corners = np.where(np.random.default_rng(0).random((50, 12)) < 0.5, low, high)
    assert not lie_beyond(space.to_unit(space.from_unit(corners)), (low, high)).any()
    corners[:, 3] = 1.0
    assert lie_beyond(corners, (low, high)).all()
    corners[:, 3] = NAN
    assert not lie_beyond(corners, (low, high)).any()


@pytest.mark.parametrize(("sampler", "lost"), [("auto", "exception"), ("tpe", "nan")])
def test_an_end_at_which_a_trial_failed_is_not_proposed_again(sampler: str, lost: str) -> None:
    def objective(trial: ts.Trial) -> float:
        C, a, b = suggested(trial)
        if C == 0.0 and lost == "exception":
            raise ZeroDivisionError
        return math.nan if C == 0.0 else value(C, a, b)

    for seed in range(3):
        study = ts.create_study(sampler=sampler, seed=seed)
        study.optimize(objective, n_trials=40, catch=(ZeroDivisionError,))
        assert sum(t.params["C"] == 0.0 for t in study.trials) <= 1
        assert study.best_value < 0.03, "it goes on a hair inside"


def test_an_optimum_beside_ends_that_all_fail_is_found() -> None:
    """Each end costs a trial at most, mostly less: a trial in a corner tells of several."""

    def objective(p: dict[str, float]) -> float:
        if any(v in ENDS for v in p.values()):
            raise ValueError("an end")
        return sum(p.values())

    space = Space({f"x{j}": Float(0.0, 1.0) for j in range(5)})
    study = ts.create_study(seed=0)
    study.optimize(objective, 40, space=space, catch=(ValueError,))
    assert sum(t.state == ts.TrialState.FAIL for t in study.trials) <= 10
    assert study.best_value < 0.1


@pytest.mark.parametrize("sampler", ["auto", "tpe"])
def test_an_optimum_at_an_end_is_found(sampler: str) -> None:
    study = ts.create_study(sampler=sampler, seed=0)
    study.optimize(lambda t: value(*suggested(t)), n_trials=40)
    assert study.best_params["C"] <= (0.0 if sampler == "auto" else BOUND_MARGIN)


def test_two_objectives_keep_away_from_ends_as_well() -> None:
    space = Space(a=Float(0, 1), b=Float(0, 1))
    study = ts.create_study(directions=["minimize"] * 2, space=space, seed=0)
    for _ in range(20):
        trial = study.ask()
        a, b = trial.params["a"], trial.params["b"]
        study.tell(trial, [(a - 0.4) ** 2 + (b - 0.3) ** 2, (a - 0.6) ** 2 + (b - 0.5) ** 2])
    assert not any(v in ENDS for t in study.trials for v in t.params.values())


def limits(
    space: Space, good: list[Any], running: list[Any], valued: list[Any], failed: list[Any]
) -> list[list[float]]:
    def rows(u: Any) -> np.ndarray:
        return np.array(u, float).reshape(-1, len(space))

    boundaries = Boundaries(space)
    boundaries.add(rows([*valued, *good]), np.zeros(len(valued) + len(good), bool))
    boundaries.add(rows(failed), np.ones(len(failed), bool))
    low, high = boundaries.limits(rows(running), near_the_best(rows(good)))
    return [low.tolist(), high.tolist()]


@pytest.mark.parametrize(
    ("good", "running", "valued", "failed", "low", "high"),
    [
        ([[0.5, 0.5]] * 3, [], [], [], BOUND_MARGIN, 1 - BOUND_MARGIN),
        ([[BOUND_MARGIN, 0.5], [0.5, 0.5], [BOUND_MARGIN, 0.1]], [], [], [], BOUND_MARGIN, 1 - BOUND_MARGIN),
        ([[BOUND_MARGIN, 0.5], [BOUND_MARGIN, 0.9], [0.0, 0.1]], [], [], [], 0.0, 1 - BOUND_MARGIN),
        ([[1 - BOUND_MARGIN, 0.5]] * 3, [], [], [], BOUND_MARGIN, 1.0),
        ([[BOUND_MARGIN, 0.5]] * 3, [], [], [[0.0, 0.9]], BOUND_MARGIN, 1 - BOUND_MARGIN),
        ([[0.0, 0.5]] * 3, [], [], [[0.0, 0.9]], BOUND_MARGIN, 1 - BOUND_MARGIN),
        ([[BOUND_MARGIN, 0.5]] * 3, [[0.0, 0.1]], [], [], BOUND_MARGIN, 1 - BOUND_MARGIN),
        ([[BOUND_MARGIN, 0.5]] * 3, [[0.0, 0.1]], [[0.0, 0.7]], [], 0.0, 1 - BOUND_MARGIN),
        ([[NAN, 0.5]] * 3, [[NAN, 0.1]], [[NAN, 0.7]], [[NAN, 0.2]], BOUND_MARGIN, 1 - BOUND_MARGIN),
    ],
    ids=["inside", "two", "low", "high", "failed", "failed here", "the first runs", "one came back", "inactive"],
)
def test_when_an_end_is_open(good: Any, running: Any, valued: Any, failed: Any, low: float, high: float) -> None:
    space = Space(x=Float(0, 1), n=Int(1, 4))
    assert limits(space, good, running, valued, failed) == [[low, 0.0], [high, 1.0]], "each cell of a lattice is open"


def test_a_failure_is_blamed_on_an_end_until_another_trial_was_fine_there() -> None:
    space = Space(x=Float(0, 1), y=Float(0, 1))
    boundaries = Boundaries(space)
    failed = np.array([[0.0, 0.5], [0.3, 1.0], [0.2, 0.2], [NAN, 0.0]])
    boundaries.add(failed, np.ones(4, bool))
    assert boundaries.explain_failure(failed).tolist() == [True, True, False, True]
    boundaries.add(np.array([[0.0, 0.4], [0.7, BOUND_MARGIN]]), np.zeros(2, bool))
    assert boundaries.explain_failure(failed).tolist() == [False, True, False, True]


def test_lattices_and_choices_have_no_ends() -> None:
    space = Space(n=Int(0, 3), s=Float(0, 1, step=0.25), c=Categorical(["p", "q"]), k=Int(1, 10**6, log=True))
    assert limits(space, [[0.5] * 4], [], [], []) == [[0.0] * 4, [1.0] * 4]
