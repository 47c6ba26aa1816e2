"""Differential evolution: what it reaches in mixed spaces, hard results, and that the history is all it needs."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from tests.samplers.searching import FAILED, best, cube, search

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.base import encode_state
from tunesmith.samplers.evolutionary.evolution import FACTOR_UNITS, EvolutionSampler, Population
from tunesmith.samplers.random import RandomSampler
from tunesmith.space import Categorical, Float, Int, Ordinal, Space

MIXED = Space(
    {f"x{i}": Float(0, 1) for i in range(3)}
    | {"lr": Float(1e-5, 1, log=True), "k": Int(0, 30), "n": Int(1, 1000, log=True), "o": Ordinal([1, 2, 4, 8])}
    | {f"c{i}": Categorical(list("abcde")) for i in range(3)}
)
CONDITIONAL = Space(
    m=["p", "q", "r"],
    x=Float(0, 1),
    a=Float(0, 1).when(m="p"),
    b=Int(0, 9).when(m="p"),
    c=Float(0, 1).when(m=["q", "r"]),
    d=Categorical(list("stuv")).when(m="q"),
)


def rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


def sphere(u: np.ndarray) -> float:
    return float(np.nansum((u - 0.3) ** 2))


def apart(u: np.ndarray) -> float:
    """Each category has its own best value of a number."""
    at = np.array([0.1, 0.7, 0.4, 0.9, 0.7])
    k = (u[7:] * 5).astype(int)
    return float(np.sum((u[:3] - at[k]) ** 2) + 0.3 * np.sum(np.abs(k - 3))) + sphere(u[3:7])


@pytest.mark.parametrize("d", [1, 2, pytest.param(10, marks=pytest.mark.slow)])
def test_the_sphere(d: int) -> None:
    assert best(search(EvolutionSampler(), cube(d), sphere, 400 * d + 400)) < 1e-7


@pytest.mark.slow
def test_mixed_parameters_that_depend_on_one_another() -> None:
    found = search(EvolutionSampler(), MIXED, apart, 4000)
    least = sphere(MIXED.to_unit(MIXED.from_unit(np.full((1, 10), 0.3)))[0, 3:7])  # the cells next to 0.3
    assert best(found) < least + 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("space", [MIXED, CONDITIONAL], ids=["mixed", "conditional"])
def test_better_than_random_search(space: Space) -> None:
    """12 seeds, 300 trials; a sampler no better than random search wins them all with probability 2.4e-4."""
    objective = apart if space is MIXED else sphere
    wins = sum(
        best(search(EvolutionSampler(), space, objective, 300, seed=s))
        < best(search(RandomSampler(), space, objective, 300, seed=s))
        for s in range(12)
    )
    assert wins == 12


def test_all_categories() -> None:
    space = Space({f"b{i}": Categorical([0, 1]) for i in range(20)})
    assert best(search(EvolutionSampler(), space, lambda u: float(np.sum(u < 0.5)), 600)) == 0


def test_failures_constraints_and_workers() -> None:
    def objective(u: np.ndarray):
        if u[2] > 0.7:
            return FAILED
        return float(u.sum()), float(0.25 - u[0] * u[1])

    found = search(EvolutionSampler(), cube(3), objective, 2000, workers=8)
    assert best(found) == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("value", [0.0, np.inf, -np.inf, 1e300])
def test_all_values_equal(value: float) -> None:
    found = search(EvolutionSampler(6), cube(3), lambda u: value, 500)
    assert np.isfinite(found.x).all()


def test_several_objectives() -> None:
    from moocore import hypervolume

    def objective(u: np.ndarray) -> list[float]:
        return [float(np.sum((u - 0.2) ** 2)), float(np.sum((u - 0.8) ** 2))]

    ours, other = (search(s(), cube(5), objective, 800, m=2).y for s in (EvolutionSampler, RandomSampler))
    ref = np.full(2, 2.0)
    assert hypervolume(ours, ref=ref) > 1.05 * hypervolume(other, ref=ref)


def test_no_point_of_a_finite_space_twice() -> None:
    space = Space(a=Int(0, 9), b=Categorical(list("xyz")), c=Int(0, 3).when(b=["x", "y"]))
    size = int(space.n_cells)
    found = search(EvolutionSampler(), space, sphere, size)
    assert len(np.unique(np.nan_to_num(found.x, nan=-1), axis=0)) == size == 90
    assert len(search(EvolutionSampler(), space, sphere, size + 30)) == size + 30


def test_no_point_of_the_population_twice() -> None:
    """A crossing that takes nothing over is the point itself: two in 60 were."""
    sampler = EvolutionSampler()
    found = search(sampler, MIXED, sphere, 400)
    population = sampler.initial_state(MIXED, 1)
    for row in range(400):
        assert not population.holds(found.x[row : row + 1])
        population.add_rows(found, row, row + 1)


@pytest.mark.parametrize("space", [MIXED, CONDITIONAL], ids=["mixed", "conditional"])
@pytest.mark.parametrize("m", [1, 2])
def test_a_sampler_made_anew_goes_on_the_same(space: Space, m: int) -> None:
    def objective(u: np.ndarray):
        return FAILED if u[1] > 0.9 else [round(sphere(u), 2), float(u[1])][:m]

    sampler = EvolutionSampler(6)
    kept = search(sampler, space, objective, 120, workers=3, m=m)
    fresh = search(lambda: EvolutionSampler(6), space, objective, 120, workers=3, m=m, anew=9)
    np.testing.assert_array_equal(kept.x, fresh.x)
    again = pickle.loads(pickle.dumps(sampler))
    np.testing.assert_array_equal(again.ask(kept, space, rng(1), 2)[0], sampler.ask(kept, space, rng(1), 2)[0])


def test_good_trials_of_other_samplers_join() -> None:
    history = search(RandomSampler(), cube(10), sphere, 300)
    before = best(history)
    found = search(EvolutionSampler(), cube(10), sphere, 600, history=history)
    assert best(found) < 0.5 * before


def test_it_starts_afresh_when_nothing_is_gained() -> None:
    sampler, space = EvolutionSampler(8), Space(x=Float(0, 1), c=["a", "b"])
    history = search(sampler, space, lambda u: round(sphere(u), 2), 800)
    state = Population(space, sampler.name, 8, 1)
    state.add_rows(history, 0, len(history))
    assert state.n > 8
    assert state.value[state.order[0], 0] == best(history)  # the best is kept


def test_factors_follow_success() -> None:
    space = cube(2)
    state, history = Population(space, "evolution", 4, 1), History(space)
    for k, (value, f, cr) in enumerate([(10.0, 0, 0)] * 4 + [(5.0, FACTOR_UNITS, FACTOR_UNITS // 2)] * 4):
        own = encode_state("evolution", state.payload(k % 4, f, cr))
        history.append(k, TrialState.COMPLETE, space, [k / 10, k / 10], [value], sampler_state=own)
    state.add_rows(history, 0, 8)
    assert state.f.tolist() == [1.0] + [0.5] * 4
    assert state.cr[0] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("popsize", [3, 1025])
def test_errors(popsize: int) -> None:
    with pytest.raises(ValueError, match=f"between 4 and 1024; got {popsize}"):
        EvolutionSampler(popsize)
