"""Rungs: how they follow from reports, and what the table says of each run."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.fidelity.curves import runs_of

from tunesmith.fidelity.ladder import Ladder, RungTable
from tunesmith.fidelity.runs import RunState

U = [np.full(3, 0.5)]


def test_before_any_report_the_first_rung_is_known() -> None:
    ladder = Ladder.of(runs_of([], [], []))
    assert ladder.step(0) == 2
    assert not ladder.is_known


def test_while_no_run_has_ended_there_is_a_rung_after_the_longest() -> None:
    ladder = Ladder.of(runs_of(U, [[0.5] * 6], [RunState.PAUSED]))
    assert ladder.positions.tolist() == [2, 6, 18]
    assert ladder.step(2) == 18


def test_the_end_is_known_once_a_run_is_complete_or_it_is_given() -> None:
    complete = Ladder.of(runs_of(U, [[0.5] * 52], [RunState.COMPLETE]))
    given = Ladder.of(runs_of(U, [[0.5] * 2], [RunState.PAUSED], last_step=52))
    assert complete.positions.tolist() == given.positions.tolist() == [2, 6, 18, 52]
    assert complete.step(3) is None
    assert complete.step(2) == 18


def test_no_rung_is_just_before_the_end() -> None:
    assert Ladder.of(runs_of(U, [[0.5] * 20], [RunState.COMPLETE])).positions.tolist() == [2, 6, 20]


def test_a_full_run_of_one_report_has_one_rung() -> None:
    assert Ladder.of(runs_of(U, [[0.5]], [RunState.COMPLETE])).positions.tolist() == [1]


@pytest.mark.parametrize(("first", "stride"), [(0, 1), (100, 100), (9, 10)])
def test_steps_count_from_anywhere(first: int, stride: int) -> None:
    ladder = Ladder.of(runs_of(U, [[0.5] * 30], [RunState.COMPLETE], first=first, stride=stride))
    assert ladder.positions.tolist() == [2, 6, 18, 30]
    assert ladder.step(1) == first + 5 * stride
    assert ladder.position(first) == 1


def test_the_table_has_the_least_value_up_to_each_rung() -> None:
    values = [[0.9, 0.8, 0.7, math.nan, 0.95, 0.6], [0.5, 0.4], [math.inf, 0.3], [0.9, math.nan], []]
    states = [RunState.PAUSED, RunState.COMPLETE, RunState.PAUSED, RunState.PAUSED, RunState.FAILED]
    runs = runs_of(U * 5, values, states, [[1.0, 2, 3, 4, 5, 6], [2.0, 1.0], [math.nan, 4.0], [-1.0, 0.0], []])
    ladder = Ladder.of(runs)
    table = RungTable.of(runs, ladder)
    assert ladder.positions.tolist() == [2, 6, 18]
    np.testing.assert_array_equal(table.best[0], [0.8, 0.6, math.nan])
    np.testing.assert_array_equal(table.best[1], [0.4, 0.4, 0.4])  # complete: it gets no better
    np.testing.assert_array_equal(table.best[2], [0.3, math.nan, math.nan])
    np.testing.assert_array_equal(table.best[3], [0.9, 0.9, 0.9])  # diverged
    assert np.isnan(table.best[4]).all()
    assert table.reached.tolist() == [2, 1, 1, 1, 0]
    assert table.position.tolist() == [6, 2, 2, 2, 0]
    np.testing.assert_array_equal(table.rate, [1.0, 1.0, 2.0, math.nan, math.nan])
    assert table.diverged.tolist() == [False, False, False, True, True]
