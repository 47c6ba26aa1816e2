"""Proposals while hundreds of trials run: fast, apart from one another, and functions of the history alone."""

from __future__ import annotations

import numpy as np
import pytest
from tests.samplers.searching import best, cube, search

from tunesmith.foundation import registry
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers import AutoSampler, EvolutionSampler, GPSampler, Sampler
from tunesmith.samplers.gp.crowd import CROWD_RUNNING_TRIALS, rows_modelled
from tunesmith.space import Categorical, Float, Int, Space

MIXED = Space(x=Float(0, 1), n=Int(1, 20), k=["a", "b"], y=Float(1e-3, 1, log=True).when(k="b"))


def history_of(space: Space, n: int, running: int, m: int = 1, cost: float = 3600.0, seed: int = 0) -> History:
    """Finished trials of a bowl, and some that run at random points."""
    rng = np.random.default_rng(seed)
    history = History(space, m)
    for number, row in enumerate(space.sample(rng, n + running)):
        if number >= n:
            history.begin(number, space, row.tolist())
            continue
        value = float(np.nansum((space.to_unit(row[None]) - 0.4) ** 2))
        values = [value, 1 - value, value**2][:m]
        state = TrialState.FAIL if number % 9 == 7 else TrialState.COMPLETE
        y = None if state is TrialState.FAIL else values
        history.append(number, state, space, row.tolist(), y, cost=cost, constraints={"c": value - 0.3})
    return history


@pytest.mark.parametrize(("make", "m"), [(GPSampler, 1), (AutoSampler, 2), (GPSampler, 3)])
def test_proposals_are_functions_of_the_history_and_apart(make: type[Sampler], m: int) -> None:
    """With another object, or one that saw the rows arrive, they are the same; no two are alike."""
    used, history, n = make(), history_of(MIXED, 30, CROWD_RUNNING_TRIALS + 50, m), CROWD_RUNNING_TRIALS + 80
    seen = set()
    for k in range(12):
        x, states = used.ask(history, MIXED, np.random.default_rng([1, k]), 1)
        y, others = make().ask(history, MIXED, np.random.default_rng([1, k]), 1)
        assert x.tobytes() == y.tobytes()
        assert states.tolist() == others.tolist()
        assert MIXED.contains_rows(x).all()
        seen.add(x.tobytes())
        history.append(
            history.running[0], TrialState.COMPLETE, MIXED, MIXED.sample(np.random.default_rng(k), 1)[0], [0.5] * m
        )
        history.begin(n + k, MIXED, x[0].tolist(), int(states[0]))
    assert len(seen) == 12


@pytest.mark.parametrize("name", [name for name in registry.SAMPLERS if name not in ("grid", "pbt")])
def test_a_batch_has_no_point_twice(name: str) -> None:
    sampler, history = registry.load_registered("samplers", name)(), history_of(MIXED, 40, 8)
    x, states = sampler.ask(history, MIXED, np.random.default_rng(0), 150)
    assert len({row.tobytes() for row in x}) == len(states) == 150


@pytest.mark.parametrize("n", [5, 300])
def test_a_batch_is_proposed_jointly(n: int) -> None:
    x, _ = GPSampler().ask(history_of(cube(2), 20, 0), cube(2), np.random.default_rng(0), n)
    assert x.shape == (n, 2)
    apart = np.linalg.norm(x[:, None] - x[None], axis=2)[np.triu_indices(n, 1)]
    assert apart.min() > 0


def test_a_finite_space_is_used_up_before_a_point_comes_twice() -> None:
    space = Space(a=Int(1, 15), b=Categorical(list("uvwxyz")), c=[0, 1])
    history = history_of(space, 0, 0)
    cells = space.grid().rows(np.arange(180))
    for number, row in enumerate(cells):
        if number < 30:
            history.append(number, TrialState.COMPLETE, space, row.tolist(), [float(number % 7)])
        elif number < 170:
            history.begin(number, space, row.tolist())
    x, _ = GPSampler().ask(history, space, np.random.default_rng(0), 10)
    assert {row.tobytes() for row in x} == {row.tobytes() for row in cells[170:]}
    again, _ = GPSampler().ask(history, space, np.random.default_rng(0), 12)
    assert space.contains_rows(again).all(), "what is left over may be proposed twice"


def test_models_are_made_of_a_number_of_rows_that_grows_by_a_quarter() -> None:
    history = history_of(cube(1), 200, 0)
    counts = []
    for n in range(5, 200, 3):
        part = History(cube(1))
        for k in range(n):
            y = history.y[k].tolist()
            part.append(k, TrialState(int(history.state[k])), cube(1), history.x[k].tolist(), y)
        counts.append(rows_modelled(part))
        assert counts[-1] <= n
        assert counts[-1] >= 0.7 * n - 2
    assert len(set(counts)) < 25


def test_auto_takes_turns_with_a_cheap_sampler_while_hundreds_run() -> None:
    auto = AutoSampler()
    few, many = history_of(MIXED, 150, 10), history_of(MIXED, 150, CROWD_RUNNING_TRIALS + 1)
    assert auto.choose(few, MIXED)[0] == "gp"
    first = auto.choose(many, MIXED)[0]
    many.begin(1000, MIXED, few.x[0].tolist())
    assert {first, auto.choose(many, MIXED)[0]} == {"gp", "evolution"}
    for fast in (
        history_of(MIXED, 150, CROWD_RUNNING_TRIALS + 1, cost=0.05),
        history_of(MIXED, 150, CROWD_RUNNING_TRIALS + 2, cost=0.05),
    ):
        assert auto.choose(fast, MIXED)[0] == "evolution", "one driver proposes for all of them"


@pytest.mark.slow
def test_with_two_hundred_workers_the_model_finds_more_in_as_many_trials() -> None:
    """The first 200 trials begin before anything is known, and most of the next 200 with little."""

    def bowl(u: np.ndarray) -> float:
        return float(((u - 0.37) ** 2).sum())

    ours = [best(search(GPSampler, cube(4), bowl, 400, seed=s, workers=200)) for s in range(2)]
    theirs = [best(search(EvolutionSampler, cube(4), bowl, 400, seed=s, workers=200)) for s in range(2)]
    assert max(ours) < min(theirs)
