"""The columnar history: what goes in comes out, however it was put in."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.space import Categorical, Float, Int, Space

ONE = Space(a=Float(0, 1), c=Categorical(["p", "q"]))
TWO = Space(c=Categorical(["q", "r"]), b=Int(1, 9))
WIDE = Space(a=Float(-1, 2))
ROWS = [(ONE, [0.5, 1.0]), (TWO, [0.0, 4.0]), (WIDE, [1.5]), (None, None), (TWO, [1.0, np.nan])]


def filled() -> History:
    history = History()
    for i, (space, x) in enumerate(ROWS):
        state = TrialState.COMPLETE if space is not None else TrialState.FAIL
        history.append(i, state, space, x, None if space is None else [float(i)], sampler_state=i, cost=i / 2)
    return history


def test_columns_of_trials_that_went_different_ways() -> None:
    history = filled()
    assert history.names == ("a", "c", "b")
    nan = np.nan
    np.testing.assert_array_equal(
        history.x, [[0.5, 1, nan], [nan, 1, 4], [1.5, nan, nan], [nan, nan, nan], [nan, 2, nan]]
    )
    assert history.space == Space(a=Float(-1, 2), c=Categorical(["p", "q", "r"]), b=Int(1, 9))
    np.testing.assert_array_equal(history.y[:, 0], [0, 1, 2, nan, 4])
    np.testing.assert_array_equal(history.complete, [True, True, True, False, True])
    np.testing.assert_array_equal(history.cost, np.arange(5) / 2)


def test_many_at_once_or_one_by_one() -> None:
    one_by_one, at_once = filled(), History()
    at_once.extend(
        np.arange(5),
        np.array([1, 1, 1, 3, 1], np.int8),
        np.array([[0.0], [1], [2], [np.nan], [4]]),
        [
            (TWO, np.array([1, 4]), np.array([[0.0, 4.0], [1.0, np.nan]])),
            (WIDE, np.array([2]), np.array([[1.5]])),
            (None, np.array([3]), np.empty((1, 0))),
            (ONE, np.array([0]), np.array([[0.5, 1.0]])),
        ],
        sampler_state=np.arange(5),
        cost=np.arange(5) / 2,
    )
    assert at_once.names == one_by_one.names
    assert at_once.space == one_by_one.space
    for column in ("x", "y", "number", "state", "sampler_state", "cost", "c"):
        np.testing.assert_array_equal(getattr(at_once, column), getattr(one_by_one, column))


def test_readers_cannot_write_and_rows_do_not_move() -> None:
    history = filled()
    before = history.x
    with pytest.raises(ValueError, match="read-only"):
        before[0, 0] = 3.0
    kept = before.copy()
    for i in range(100):
        history.append(5 + i, TrialState.COMPLETE, ONE, [i / 100, 0.0], [0.0])
    np.testing.assert_array_equal(before, kept)
    np.testing.assert_array_equal(history.x[:5], kept)


def test_points_and_unit_cube_in_the_order_of_a_space() -> None:
    history = filled()
    space = Space(b=Int(1, 9), a=Float(-1, 2), new=Float(0, 1))
    x = history.points(space)
    np.testing.assert_array_equal(x[:, 0], history.x[:, 2])
    np.testing.assert_array_equal(x[:, 1], history.x[:, 0])
    assert np.isnan(x[:, 2]).all()
    first = history.unit(space).copy()
    np.testing.assert_allclose(first, space.to_unit(x))
    history.append(9, TrialState.COMPLETE, WIDE, [2.0], [0.0])
    np.testing.assert_array_equal(history.unit(space)[:5], first)
    assert history.unit(space)[5, 1] == 1.0


def test_pending() -> None:
    history = filled()
    history.begin(7, TWO, [1.0, 3.0], sampler_state=5)
    history.begin(8, Space(unseen=Float(0, 1)), [0.3])
    pending = history.pending
    np.testing.assert_array_equal(pending.number, [7, 8])
    np.testing.assert_array_equal(pending.x, [[np.nan, 2, 3], [np.nan] * 3])
    np.testing.assert_array_equal(pending.sampler_state, [5, 0])
    assert history.names == ("a", "c", "b"), "running trials add no columns: only what is recorded counts"
    history.append(7, TrialState.COMPLETE, TWO, [1.0, 3.0], [1.0])
    assert history.running == [8]
    history.end(8)
    assert history.pending.x.shape == (0, 3)


def test_constraints_appear_when_first_seen() -> None:
    history = History(ONE)
    history.append(0, TrialState.COMPLETE, ONE, [0.1, 0.0], [0.0])
    history.append(1, TrialState.COMPLETE, ONE, [0.1, 0.0], [0.0], constraints={"g": 1.0})
    history.append(2, TrialState.COMPLETE, ONE, [0.1, 0.0], [0.0], constraints={"h": -1.0, "g": 0.0})
    history.append(3, TrialState.COMPLETE, ONE, [0.1, 0.0], [0.0], constraints={"h": np.nan})
    np.testing.assert_array_equal(history.c, [[np.nan, np.nan], [1, np.nan], [0, -1], [np.nan, np.inf]])
    np.testing.assert_array_equal(history.feasible, [True, False, True, False])


def test_a_kind_that_changes_gets_a_column_of_its_own() -> None:
    history = History()
    history.append(0, TrialState.COMPLETE, Space(p=Float(0, 1)), [0.5], [0.0])
    history.append(1, TrialState.COMPLETE, Space(p=Categorical(["a"])), [0.0], [0.0])
    assert history.names == ("p", "p")
    np.testing.assert_array_equal(history.points(Space(p=Categorical(["a"]))), [[np.nan], [0.0]])


def test_curves() -> None:
    history = History()
    history.begin(0, ONE, [0.0, 0.0])
    history.curves.append(0, 1, 0.5)
    history.curves.append(0, 0, 0.7)
    history.curves.append(0, 1, 9.0)
    steps, values = history.curves.of(0)
    np.testing.assert_array_equal(steps, [0, 1])
    np.testing.assert_array_equal(values, [0.7, 0.5])
    assert history.curves.state(0) is TrialState.RUNNING
    history.append(0, TrialState.PRUNED, ONE, [0.0, 0.0], [0.5])
    assert history.curves.state(0) is TrialState.PRUNED
    assert (history.curves.numbers, len(history.curves)) == ([0], 2)
