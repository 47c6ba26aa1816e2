"""NSGA-II: how near it comes to the front, what it does with hard results, and that the history is all it needs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from moocore import hypervolume
from tests.samplers.searching import FAILED, best, cube, search

from tunesmith.history import History
from tunesmith.samplers.base import decode_states
from tunesmith.samplers.evolutionary.nsga2 import NSGA2Sampler
from tunesmith.samplers.random import RandomSampler
from tunesmith.space import Categorical, Float, Int, Space

REF = np.array([1.1, 6.0])


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def zdt1(u: np.ndarray) -> tuple[float, float]:
    g = 1 + 9 * float(np.mean(u[1:]))
    return float(u[0]), g * (1 - float(np.sqrt(u[0] / g)))


def volume(history: History, ref: np.ndarray = REF) -> float:
    return float(hypervolume(history.y[history.complete & history.feasible], ref=ref))


def test_the_front_of_zdt1() -> None:
    found = search(NSGA2Sampler(), cube(8), zdt1, 3000, m=2)
    perfect = 1.1 * 6 - 1 / 3  # below the front f2 = 1 - sqrt(f1) lies 1/3 of the unit square
    assert volume(found) > 0.98 * perfect
    front = found.y[found.y[:, 1] - (1 - np.sqrt(found.y[:, 0])) < 0.1, 0]
    assert np.histogram(front, 5, (0, 1))[0].min() >= 3  # all along it


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["zdt1", "mixed", "constrained"])
def test_better_than_random_search(kind: str) -> None:
    """12 seeds, 500 trials; a sampler no better than random search wins 11 or 12 with probability 0.3 %."""
    space, objective = cube(10), zdt1
    if kind == "mixed":
        space = Space(
            {f"x{i}": Float(0, 1) for i in range(4)}
            | {f"k{i}": Int(0, 12) for i in range(3)}
            | {f"c{i}": Categorical(list("abcd")) for i in range(3)}
        )
    if kind == "constrained":

        def objective(u: np.ndarray) -> tuple[float, ...]:
            f1, f2 = zdt1(u)
            return f1, f2, 0.5 - f1 - 0.2 * float(np.sin(8 * u[1]))

    def compare(seed: int) -> bool:
        ours, other = (search(s(), space, objective, 500, m=2, seed=seed) for s in (NSGA2Sampler, RandomSampler))
        return volume(ours) > volume(other)

    assert sum(compare(seed) for seed in range(12)) >= 11


def test_three_objectives_and_workers() -> None:
    def objective(u: np.ndarray) -> list[float]:
        return [float(np.sum((u - at) ** 2)) for at in (0.2, 0.5, 0.8)]

    ref = np.full(3, 2.0)
    found = search(NSGA2Sampler(), cube(5), objective, 800, m=3, workers=20)
    assert volume(found, ref) > 1.05 * volume(search(RandomSampler(), cube(5), objective, 800, m=3), ref)


def test_one_objective() -> None:
    found = search(NSGA2Sampler(20), cube(5), lambda u: float(np.sum((u - 0.3) ** 2)), 1500)
    assert best(found) < 1e-3


def test_feasible_points_come_first() -> None:
    def objective(u: np.ndarray) -> tuple[float, ...]:
        return float(u[0]), float(u[1]), float(1.8 - u.sum())  # feasible: a corner of 2 % of the square

    found = search(NSGA2Sampler(20), cube(2), objective, 400, m=2)
    assert found.feasible[200:].mean() > 0.5


def test_failures_and_infinities() -> None:
    def objective(u: np.ndarray):
        if u[1] > 0.6:
            return FAILED
        return (np.inf, np.inf) if u[2] > 0.7 else zdt1(u)

    found = search(NSGA2Sampler(), cube(6), objective, 1500, m=2)
    assert found.complete[1000:].mean() > 0.8
    assert volume(found) > 5


@pytest.mark.parametrize("y", [[0.0, 0.0], [np.inf, -np.inf], [1e300, -1e300]])
def test_all_values_equal(y: list[float]) -> None:
    found = search(NSGA2Sampler(10), cube(2), lambda u: y, 100, m=2)
    assert len(np.unique(found.x, axis=0)) == 100


@pytest.mark.parametrize("constrained", [False, True])
@pytest.mark.parametrize("workers", [1, 7])
def test_no_point_of_a_finite_space_twice(constrained: bool, workers: int) -> None:
    space = Space(
        m=["p", "q"],
        a=Int(0, 5),
        b=Int(0, 5).when(m="p"),
        c=Categorical(list("xyz")).when(m="q"),
        constraints=(lambda a, m: a > 0 or m == "p") if constrained else (),
    )
    size = len(space.grid())
    assert size == 54 - 3 * constrained
    found = search(
        NSGA2Sampler(8), space, lambda u: [np.nansum(u), -np.nansum(u**2)], size - workers + 1, m=2, workers=workers
    )
    tried = np.vstack([found.x, found.pending.x])
    assert len(np.unique(np.nan_to_num(tried, nan=-1), axis=0)) == size
    more = search(NSGA2Sampler(8), space, lambda u: [0.0, 0.0], size + 20, m=2)
    assert len(more) == size + 20  # it goes on when all were tried


def test_a_sampler_made_anew_goes_on_the_same() -> None:
    space = Space(m=["p", "q"], x=Float(0, 1), y=Float(0, 1).when(m="p"), k=Int(1, 5).when(m="q"))

    def objective(u: np.ndarray):
        return FAILED if u[1] > 0.9 else (float(u[1]), float(np.nansum((u - 0.5) ** 2)))

    sampler = NSGA2Sampler(12)
    kept = search(sampler, space, objective, 200, m=2, workers=3)
    fresh = search(lambda: NSGA2Sampler(12), space, objective, 200, m=2, workers=3, anew=3)
    np.testing.assert_array_equal(kept.x, fresh.x)
    again = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(again.ask(kept, space, rng(1), 2)[0], sampler.ask(kept, space, rng(1), 2)[0])


def test_the_tags_tell_the_generation() -> None:
    found = search(NSGA2Sampler(10, batch_size=5), cube(2), lambda u: [u[0], u[1]], 40, m=2)
    assert decode_states(found.sampler_state, "nsga2").tolist() == [0] * 10 + [g for g in range(1, 7) for _ in range(5)]


def test_trials_of_other_samplers_are_parents_too() -> None:
    history = search(RandomSampler(), cube(10), zdt1, 200, m=2)
    before = volume(history)
    history = search(NSGA2Sampler(), cube(10), zdt1, 300, m=2, history=history)
    assert volume(history) > before + 0.1
    assert decode_states(history.sampler_state, "nsga2").min() > 0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"population_size": 1}, "population_size is at least 2 .* got 1 and None"),
        ({"batch_size": 0}, "batch_size at least 1; got 50 and 0"),
        ({"mutation_prob": 2}, "mutation_prob is a probability; got 2"),
        ({"eta_mutation": -1}, "etas are not negative; got 2.0 and -1"),
    ],
)
def test_errors(arguments, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        NSGA2Sampler(**arguments)
