"""Classes of costs: coarse, and the same on a machine of another speed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.foundation.states import TrialState
from tunesmith.history.costs import CostClass, class_of_starts, class_of_trials

INSTANT, CHEAP, MEDIUM, DEAR = CostClass
seconds = st.floats(1e-6, 1e4)


def trials(cost: list[float], state: list[TrialState] | None = None) -> CostClass | None:
    return class_of_trials(np.array(cost), np.array(state or [TrialState.COMPLETE] * len(cost), np.int8))


@pytest.mark.parametrize(
    ("cost", "found"),
    [
        ([], None),
        ([np.nan], None),
        ([0.0], INSTANT),
        ([0.0019], INSTANT),
        ([0.002], CHEAP),
        ([0.02], MEDIUM),
        ([2.0], DEAR),
        ([3.0, 0.001], INSTANT),  # what the first trial loads
        ([3.0, 2.0, *[0.001] * 10], INSTANT),  # far beyond
        ([0.01, 0.01, *[0.03] * 10], CHEAP),  # not far beyond
        ([np.nan, np.inf, 0.01], CHEAP),
    ],
)
def test_the_class_of_trials(cost: list[float], found: CostClass | None) -> None:
    assert trials(cost) is found


def test_trials_that_failed_say_nothing() -> None:
    assert trials([1e-5, 1e-5, 30.0], [TrialState.FAIL, TrialState.FAIL, TrialState.PRUNED]) is DEAR


@given(seconds, st.integers(2, 99), st.floats(0.1, 10.0), st.integers(0, 2**32 - 1))
def test_the_class_of_trials_is_that_of_the_machine_it_began_on(cost: float, k: int, speed: float, seed: int) -> None:
    """With trials that differ by up to a fifth."""
    each = cost * np.random.default_rng(seed).uniform(0.9, 1.1, 100)
    each[:2] = cost
    assert trials([*each[:k], *(each[k:] * speed).tolist()]) is trials(each.tolist())


@given(st.lists(st.tuples(st.floats(0.2, 1e3), st.floats(0.6, 100.0)), min_size=1, max_size=9))
def test_a_start_is_measured_by_the_run_that_it_began(runs: list[tuple[float, float]]) -> None:
    """Whatever the speed of the machine that each ran on was."""
    starts, shares = [start for start, _ in runs], [0.01 for _ in runs]
    assert class_of_starts(starts, shares) is CHEAP
    assert class_of_starts([start * speed for start, speed in runs], shares) is CHEAP


def test_the_class_of_starts() -> None:
    assert class_of_starts([], []) is None
    assert [class_of_starts([9.0], [share]) for share in (0.0, 0.029, 0.03, 0.12, 5.0)] == [
        CHEAP, CHEAP, MEDIUM, DEAR, DEAR
    ]  # fmt: skip
    assert class_of_starts([9.0, 9.0], [5.0, 0.01]) is CHEAP, "the first one may load what the others have"
    assert class_of_starts([0.09], [5.0]) is CHEAP, "nobody waits for it"
