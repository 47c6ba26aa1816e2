"""Rungs: how they follow from reports, and what the table says of each run."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from tests.history.fidelity.curves import runs_of

from tunesmith.history.fidelity.ladder import Ladder, RungTable
from tunesmith.history.fidelity.runs import RunState

U = [np.full(3, 0.5)]


def test_before_any_report_the_first_rung_is_known() -> None:
    ladder = Ladder.of(runs_of([], [], []))
    assert ladder.positions.tolist() == [2]
    assert not ladder.is_known


def test_while_no_run_has_ended_there_is_a_rung_after_the_longest() -> None:
    ladder = Ladder.of(runs_of(U, [[0.5] * 6], [RunState.PAUSED]))
    assert ladder.positions.tolist() == [2, 6, 18]
    assert not ladder.is_known


def test_the_end_is_known_once_a_run_is_complete() -> None:
    ladder = Ladder.of(runs_of(U, [[0.5] * 52], [RunState.COMPLETE]))
    assert ladder.positions.tolist() == [2, 6, 18, 52]
    assert ladder.is_known


def test_no_rung_is_just_before_the_end() -> None:
    assert Ladder.of(runs_of(U, [[0.5] * 20], [RunState.COMPLETE])).positions.tolist() == [2, 6, 20]


def test_a_full_run_of_one_report_has_one_rung() -> None:
    assert Ladder.of(runs_of(U, [[0.5]], [RunState.COMPLETE])).positions.tolist() == [1]


@pytest.mark.parametrize(("first", "stride"), [(0, 1), (100, 100), (9, 10)])
def test_steps_count_from_anywhere(first: int, stride: int) -> None:
    ladder = Ladder.of(runs_of(U, [[0.5] * 30], [RunState.COMPLETE], first=first, stride=stride))
    assert ladder.positions.tolist() == [2, 6, 18, 30]
    assert ladder.position(first + 5 * stride) == 6
    assert ladder.position(first) == 1


def test_the_table_has_the_last_value_up_to_each_rung() -> None:
    values = [[0.9, 0.8, 0.7, math.nan, 0.5, 0.6], [0.5, 0.4], [math.inf, 0.3], [0.9, math.nan], []]
    states = [RunState.PAUSED, RunState.COMPLETE, RunState.PAUSED, RunState.PAUSED, RunState.FAILED]
    runs = runs_of(U * 5, values, states)
    ladder = Ladder.of(runs)
    table = RungTable.of(runs, ladder)
    assert ladder.positions.tolist() == [2, 6, 18]
    np.testing.assert_array_equal(table.loss[0], [0.8, 0.6, math.nan])
    np.testing.assert_array_equal(table.loss[1], [0.4, 0.4, 0.4])  # complete: it stays as it is
    np.testing.assert_array_equal(table.loss[2], [0.3, math.nan, math.nan])
    np.testing.assert_array_equal(table.loss[3], [math.inf, math.inf, math.inf])  # diverged
    assert np.isnan(table.loss[4]).all()
    assert table.reached.tolist() == [2, 1, 1, 1, 0]
    assert table.position.tolist() == [6, 2, 2, 2, 0]
    assert table.ended.tolist() == [False, True, False, True, True]


def test_what_a_complete_run_returned_is_its_end() -> None:
    runs = replace(runs_of(U, [[0.5, 0.4, 0.6]], [RunState.COMPLETE]), ends=np.array([0.4]))
    np.testing.assert_array_equal(RungTable.of(runs, Ladder.of(runs)).loss, [[0.4, 0.4]])


def test_starts_are_apart_from_what_reports_cost() -> None:
    """The first report pays for a start, and so does the one after a pause."""
    costs = [[5.0, 1.0, 1.0, 1.0], [5.0, 1.0, 6.0, 1.0], [9.0, 2.0], [4.0], [math.nan, 3.0], [-1.0, 0.0], []]
    runs = runs_of(U * 7, [[0.5] * len(c) for c in costs], [RunState.PAUSED] * 7, costs)
    table = RungTable.of(runs, Ladder.of(runs))
    np.testing.assert_array_equal(table.rate, [1.0, 1.0, 2.0, math.nan, 3.0, math.nan, math.nan])
    assert table.start == 4.0
    wide = runs_of(U, [[0.5] * 3], [RunState.PAUSED], [[50.0, 10.0, 10.0]], first=10, stride=10)
    table = RungTable.of(wide, Ladder.of(wide))
    assert (table.rate.tolist(), table.start) == ([10.0], 40.0)


def test_no_cost_is_no_start() -> None:
    runs = runs_of(U, [[0.5, 0.4]], [RunState.PAUSED])
    assert RungTable.of(runs, Ladder.of(runs)).start == 0.0
