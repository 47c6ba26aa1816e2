"""CMA-ES: what it reaches, what it does with hard results, and that nothing but the history is needed to go on."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tests.samplers.searching import FAILED, best, cube, search

import tunesmith as ts
from tunesmith import SpaceError
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.base import decode_states
from tunesmith.samplers.evolutionary.cmaes import SEED_BITS, CmaEsSampler
from tunesmith.samplers.finished import ConstrainedRanking
from tunesmith.samplers.random import RandomSampler
from tunesmith.space import Categorical, Float, Int, Ordinal, Space


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def sphere(u: np.ndarray) -> float:
    return float(np.sum((u - 0.3) ** 2))


def ellipsoid(u: np.ndarray) -> float:
    turn, _ = np.linalg.qr(rng(0).normal(size=(len(u), len(u))))
    return float(np.sum(10 ** (6 * np.linspace(0, 1, len(u))) * (turn @ (u - 0.4)) ** 2))


def rosenbrock(u: np.ndarray) -> float:
    z = 4 * u - 1.4  # the optimum is z = 1, u = 0.6
    return float(np.sum(100 * (z[1:] - z[:-1] ** 2) ** 2 + (1 - z[:-1]) ** 2))


def generations(history: History) -> np.ndarray:
    return decode_states(history.sampler_state, "cmaes") >> SEED_BITS & 0xFFFF


# -- what it reaches -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 2, 5, pytest.param(10, marks=pytest.mark.slow)])
def test_the_sphere_to_1e_minus_8(d: int) -> None:
    assert best(search(CmaEsSampler(), cube(d), sphere, 250 * d + 200)) < 1e-8


@pytest.mark.slow
@pytest.mark.parametrize("objective", [ellipsoid, rosenbrock])
def test_ill_conditioned_and_curved_valleys(objective) -> None:
    assert best(search(CmaEsSampler(), cube(5), objective, 3000)) < 1e-8


def test_an_optimum_in_a_corner() -> None:
    assert best(search(CmaEsSampler(), cube(8), lambda u: float(u.sum()), 3000)) < 1e-6


def test_logarithmic_ranges() -> None:
    space = Space(lr=Float(1e-6, 1, log=True), wd=Float(1e-9, 1e3, log=True))
    found = search(CmaEsSampler(), space, lambda u: sphere(u) * 1e-30, 700)
    assert best(found) < 1e-38  # what a unit is makes no difference
    np.testing.assert_allclose(space.to_unit(found.x[[found.y[:, 0].argmin()]]), 0.3, atol=1e-4)


@pytest.mark.parametrize("workers", [5, pytest.param(40, marks=pytest.mark.slow)])
def test_workers_side_by_side(workers: int) -> None:
    assert best(search(CmaEsSampler(), cube(5), sphere, 3000, workers=workers)) < 1e-8


def test_integers_steps_and_ordinals_are_found_exactly() -> None:
    space = Space(
        k=Int(0, 100), s=Float(0, 1, step=0.05), o=Ordinal([1, 2, 4, 8, 16]), n=Int(1, 500, log=True), x=Float(0, 1)
    )
    target = space.to_unit(space.encode([{"k": 71, "s": 0.35, "o": 8, "n": 40, "x": 0.2}]))[0]
    assert best(search(CmaEsSampler(), space, lambda u: float(np.sum((u - target) ** 2)), 1200)) < 1e-8


def test_categories_are_learned() -> None:
    space = Space({"x": Float(0, 1), **{f"c{i}": Categorical(list("abcde")) for i in range(8)}})
    target = np.array([0, 1, 2, 3, 4, 0, 1, 2])
    found = search(CmaEsSampler(), space, lambda u: sphere(u[:1]) + float(np.sum(np.floor(u[1:] * 5) != target)), 800)
    assert best(found) < 1e-6


def test_only_categories() -> None:
    space = Space({f"c{i}": Categorical([True, False]) for i in range(12)})
    assert best(search(CmaEsSampler(), space, lambda u: float(np.sum(u > 0.5)), 400)) == 0


@pytest.mark.slow
def test_restarts_leave_a_local_optimum() -> None:
    def two_wells(u: np.ndarray) -> float:
        return float(min(0.1 + np.sum((u - 0.55) ** 2), 4 * np.sum((u - 0.1) ** 2)))

    start = {"x0": 0.6, "x1": 0.6}
    plain = [best(search(CmaEsSampler(start, restart_strategy=None), cube(2), two_wells, 1000, seed=s)) for s in (0, 1)]
    ipop = [best(search(CmaEsSampler(start), cube(2), two_wells, 4000, seed=s)) for s in (0, 1)]
    assert min(plain) > 0.05
    assert max(ipop) < 1e-8


# -- against random search -------------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["numeric", "mixed", "conditional"])
def test_better_than_random_search(kind: str) -> None:
    """12 seeds, 150 trials; a sampler no better than random search wins them all with probability 2.4e-4."""
    space = {
        "numeric": cube(6),
        "mixed": Space(
            x=Float(0, 1), y=Float(1e-4, 1, log=True), k=Int(1, 9), j=Int(0, 50), c=["a", "b", "c"], d=[True, False]
        ),
        "conditional": Space(
            m=["p", "q"],
            x=Float(0, 1),
            y=Float(0, 1).when(m="p"),
            z=Float(0, 1).when(m="p"),
            v=Float(0, 1).when(m="q"),
            w=Float(0, 1),
        ),
    }[kind]

    def objective(u: np.ndarray) -> float:
        return float(np.nansum((u - 0.25) ** 2))

    wins = sum(
        best(search(CmaEsSampler(), space, objective, 150, seed=s))
        < best(search(RandomSampler(), space, objective, 150, seed=s))
        for s in range(12)
    )
    assert wins == 12


# -- results of all kinds --------------------------------------------------------------------------------------------


def test_failures_and_infinities_do_no_harm() -> None:
    def objective(u: np.ndarray):
        if u[0] > 0.5:
            return FAILED
        return np.inf if u[1] > 0.8 else sphere(u)

    assert best(search(CmaEsSampler(), cube(4), objective, 1200)) < 1e-8


def test_the_constrained_optimum() -> None:
    def objective(u: np.ndarray):
        return float(u.sum()), float(0.25 - u[0] * u[1])  # u0 u1 >= 1/4: the best is 1, at (1/2, 1/2)

    assert best(search(CmaEsSampler(), cube(2), objective, 800)) == pytest.approx(1, abs=1e-3)


def test_constraints_of_the_space() -> None:
    space = Space(low=Float(0, 1), high=Float(0, 1), constraints=lambda low, high: low < high)
    found = search(CmaEsSampler(), space, lambda u: float((u[0] - 0.8) ** 2 + (u[1] - 0.2) ** 2), 600)
    assert best(found) == pytest.approx(0.18, abs=1e-3)  # searching checks that each point meets them


@pytest.mark.parametrize("value", [0.0, np.inf, -np.inf, 1e300])
def test_all_values_equal(value: float) -> None:
    found = search(CmaEsSampler(), cube(3), lambda u: value, 400)
    assert np.isfinite(found.x).all()
    assert len(np.unique(found.x, axis=0)) == 400


def test_a_hundred_parameters_and_more() -> None:
    assert best(search(CmaEsSampler(), cube(100), sphere, 1500)) < 0.3 * sphere(np.full(100, 0.5))
    mixed = Space({f"x{i}": Float(0, 1) if i % 2 else Int(0, 9) for i in range(200)})
    assert best(search(CmaEsSampler(), mixed, sphere, 800)) < 0.8 * sphere(np.full(200, 0.5))


# -- only a cache ----------------------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_sampler_made_anew_goes_on_the_same_through_restarts() -> None:
    space = Space(x=Float(0, 1), k=Int(0, 20), y=Float(0, 1), c=["a", "b"])
    sampler = CmaEsSampler(popsize=4)

    def objective(u: np.ndarray):
        return None if u[0] > 0.9 else round(float(np.sum((u - 0.3) ** 2)), 3)

    kept = search(sampler, space, objective, 300, workers=3)
    fresh = search(lambda: CmaEsSampler(popsize=4), space, objective, 300, workers=3, anew=11)
    np.testing.assert_array_equal(kept.x, fresh.x)
    assert generations(kept).max() > 50
    again = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(again.ask(kept, space, rng(1), 2)[0], sampler.ask(kept, space, rng(1), 2)[0])


def test_an_interrupted_replay_is_begun_again(monkeypatch: pytest.MonkeyPatch) -> None:
    space, sampler = cube(2), CmaEsSampler()
    history = search(sampler, space, sphere, 100)
    expected = CmaEsSampler().ask(history, space, rng(5), 1)[0]
    broken, real, calls = CmaEsSampler(), ConstrainedRanking.order, []

    def interrupted(self: ConstrainedRanking) -> np.ndarray:
        calls.append(self)
        if len(calls) == 4:  # each generation is ranked once
            raise KeyboardInterrupt
        return real(self)

    monkeypatch.setattr(ConstrainedRanking, "order", interrupted)
    with pytest.raises(KeyboardInterrupt):
        broken.ask(history, space, rng(5), 1)
    monkeypatch.undo()
    np.testing.assert_array_equal(broken.ask(history, space, rng(5), 1)[0], expected)


def test_a_generation_ends_with_its_last_result_and_running_trials_do_not_hold_it_up() -> None:
    space, sampler = cube(3), CmaEsSampler(popsize=6)
    history = History(space)
    for k in range(30):
        x, states = sampler.ask(history, space, rng(k), 1)
        history.begin(k, space, x[0].tolist(), int(states[0]))
        if k % 2:  # every other trial never ends
            history.append(k, TrialState.COMPLETE, space, x[0].tolist(), [sphere(x[0])], sampler_state=int(states[0]))
    assert generations(history).tolist() == [0] * 6 + [1] * 6 + [2] * 3


def test_objectives_that_try_other_points_are_left_out() -> None:
    space, sampler = cube(2), CmaEsSampler(popsize=4)
    history = History(space)
    for k in range(40):
        _, states = sampler.ask(history, space, rng(k), 1)
        history.append(k, TrialState.COMPLETE, space, rng(k, 1).random(2).tolist(), [1.0], sampler_state=int(states[0]))
    assert generations(history).max() == 0


# -- where it starts -------------------------------------------------------------------------------------------------


def start(sampler: CmaEsSampler, space: Space, history: History | None = None) -> np.ndarray:
    """The mean of many points of the first generation, in the unit cube."""
    x, _ = sampler.ask(history or History(space), space, rng(0), 200)
    return space.to_unit(x).mean(axis=0)


def test_the_start() -> None:
    space = Space(x=Float(0, 1), y=Float(1e-4, 1, log=True))
    np.testing.assert_allclose(start(CmaEsSampler(), space), [0.5, 0.5], atol=0.05)
    np.testing.assert_allclose(start(CmaEsSampler({"y": 1e-3}, 0.05), space), [0.5, 0.25], atol=0.02)
    with pytest.raises(SpaceError, match="'z'"):
        CmaEsSampler({"z": 1}).ask(History(space), space, rng(0), 1)


@pytest.mark.parametrize("trials", [3, 60])
def test_it_starts_where_other_samplers_were_best(trials: int) -> None:
    history = search(RandomSampler(), cube(3), sphere, trials)
    at = history.x[history.y[:, 0].argmin()]
    np.testing.assert_allclose(start(CmaEsSampler(sigma0=0.05), cube(3), history), at, atol=0.15)
    assert best(search(CmaEsSampler(), cube(3), sphere, trials + 600, history=history)) < 1e-8


def test_its_first_distribution_is_like_that_of_the_best_points_of_others() -> None:
    history = search(RandomSampler(), cube(3), sphere, 60)
    top = history.x[np.argsort(history.y[:, 0])[:10]]
    x, _ = CmaEsSampler().ask(history, cube(3), rng(0), 400)
    np.testing.assert_allclose(x.mean(axis=0), top.mean(axis=0), atol=0.05)
    np.testing.assert_allclose(np.cov(x.T), np.cov(top.T, bias=True) + 0.01 * np.eye(3), atol=0.02)


def test_parameters_that_appear_later() -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", -1, 1)
        return x**2 + (trial.suggest_float("y", 0, 1) if trial.number >= 40 else 1)

    study = ts.create_study(sampler=CmaEsSampler(), seed=0)
    study.optimize(objective, n_trials=400)
    assert study.best_value < 1e-5


def test_several_objectives() -> None:
    found = search(CmaEsSampler(), cube(3), lambda u: [sphere(u), sphere(u)], 600, m=2)
    assert found.y.min() < 1e-6


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sigma0": 0}, "sigma0 is a part of the range"),
        ({"popsize": 2}, "at least 4 trials; got popsize=2"),
        ({"restart_strategy": "bipop"}, "'ipop' or None; got 'bipop'"),
        ({"inc_popsize": 0.5}, "at least 1; got 0.5"),
    ],
)
def test_errors(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        CmaEsSampler(**arguments)
