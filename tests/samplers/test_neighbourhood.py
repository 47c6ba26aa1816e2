"""A local process around a good trial: where it looks, and that its proposals are new and differ."""

from __future__ import annotations

import numpy as np
import pytest
from tests.samplers.searching import cube

from tunesmith.foundation.numerics.cache import Cache
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.finished import point_keys
from tunesmith.samplers.gp.context import SearchContext
from tunesmith.samplers.gp.hyperparameters import HyperparameterCache
from tunesmith.samplers.gp.neighbourhood import NEIGHBOURHOOD_ROWS, Neighbourhood, rows_near
from tunesmith.space import Categorical, Float, Int, Space

MIXED = Space(x=Float(0, 1), n=Int(1, 20), k=Categorical(["a", "b"]), y=Float(1e-3, 1, log=True).when(k="b"))


def two_basins(u: np.ndarray) -> float:
    """The best point lies at 0.2 in each coordinate, the next best basin around 0.8."""
    u = np.nan_to_num(u, nan=0.2)
    return min(float(((u - 0.2) ** 2).sum()), 0.02 + float(((u - 0.8) ** 2).sum()))


def history_of(space: Space, n: int, fails: bool = False) -> History:
    history = History(space)
    for number, row in enumerate(space.sample(np.random.default_rng(0), n)):
        value = two_basins(space.to_unit(row[None])[0])
        failed = fails and number % 7 == 3
        state = TrialState.FAIL if failed else TrialState.COMPLETE
        history.append(number, state, space, row.tolist(), None if failed else [value])
    return history


def neighbourhood(history: History, space: Space, turn: int) -> Neighbourhood:
    context = SearchContext.of(history, space, HyperparameterCache(), Cache(), {})
    theta = np.full(int(context.features.group.max()) + 2, np.log(0.3))
    return Neighbourhood(context, theta, [], turn)


def proposals(near: Neighbourhood, space: Space, n: int, seed: int = 0) -> np.ndarray:
    found, running = [], set()
    for k in range(n):
        x = near.propose(np.empty((0, len(space))), set(), running, np.random.default_rng([seed, k]))
        if x is None:
            break
        running.update(point_keys(x[None]))
        found.append(x)
    return np.array(found).reshape(-1, len(space))


@pytest.mark.parametrize("space", [cube(1), cube(3), MIXED], ids=["line", "cube", "mixed"])
@pytest.mark.parametrize("n", [3, 40, 700])
@pytest.mark.parametrize("fails", [False, True])
def test_proposals_lie_in_the_space_differ_and_were_not_tried(space: Space, n: int, fails: bool) -> None:
    history = history_of(space, n, fails)
    x = proposals(neighbourhood(history, space, 1), space, 20)
    assert space.contains_rows(x).all()
    keys = point_keys(x)
    assert len(set(keys)) == len(keys) == 20
    assert x.tobytes() == proposals(neighbourhood(history, space, 1), space, 20).tobytes()


def test_every_second_one_lies_around_the_best_trial_and_others_around_the_next_basin() -> None:
    space, at_best, elsewhere = cube(3), 0, 0
    for n in range(391, 411):  # how far one reaches is drawn: a few reach over both basins, and may find the other one
        history = history_of(space, n)
        middle = [np.median(proposals(neighbourhood(history, space, turn), space, 15)) for turn in (1, 3, 2, 6, 10)]
        at_best += max(middle[:2]) < 0.5
        elsewhere += max(middle[:2]) < 0.5 < max(middle[2:])
    assert at_best >= 14
    assert elsewhere >= 3


def test_candidates_of_a_small_space_run_out() -> None:
    space = Space(a=Int(1, 3), k=Categorical(["u", "v"]))
    history = History(space)
    for number, row in enumerate(space.grid().rows(np.arange(4))):
        history.append(number, TrialState.COMPLETE, space, row.tolist(), [float(number)])
    near = neighbourhood(history, space, 1)
    tried = set(point_keys(history.points(space)))
    left = set(point_keys(space.grid().rows(np.arange(6)))) - tried
    x = near.propose(np.empty((0, 2)), tried, set(), np.random.default_rng(0))
    assert x is None or point_keys(x[None])[0] in left
    assert near.propose(np.empty((0, 2)), tried | left, set(), np.random.default_rng(0)) is None


def test_constraints_of_the_space_may_leave_no_candidates() -> None:
    space = Space(x=Float(0, 1), y=Float(0, 1), constraints=lambda x, y: x + y > 3)
    history = History(space)
    for number in range(6):
        history.append(number, TrialState.COMPLETE, space, [number / 6] * 2, [float(number)])
    near = neighbourhood(history, space, 1)
    assert near.propose(np.empty((0, 2)), set(), set(), np.random.default_rng(0)) is None


def test_it_is_made_anew_as_results_come_in_and_not_at_each_of_them() -> None:
    history, counts = History(cube(1)), []
    for number, row in enumerate(cube(1).sample(np.random.default_rng(0), 1200)):
        history.append(number, TrialState.COMPLETE, cube(1), row.tolist(), [float(number % 7)])
        if number >= 2:
            counts.append(rows_near(history))
    made = sorted(set(counts))
    rows = np.array([count for count, _ in made])
    assert [turn for _, turn in made] == list(range(len(made)))
    assert len(made) < 100
    assert (np.diff(rows) <= np.maximum(1, np.minimum(rows[:-1] // 8, 48))).all()
    assert rows[-1] > 1200 - 48 > NEIGHBOURHOOD_ROWS
