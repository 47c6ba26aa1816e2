from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunesmith.selection.intervals import interval, p_value


def test_one_row_says_nothing_without_bounds():
    assert interval(0.3, 0.0, 0.0) == (-math.inf, math.inf)


@given(st.floats(0, 1), st.floats(0, 2), st.floats(0, 1e6))
def test_a_share_s_interval_lies_between_its_bounds_and_around_it(value: float, error: float, dof: float):
    low, high = interval(value, error, dof, bounds=(0, 1))
    assert 0 <= low <= value <= high <= 1


def test_it_is_wilson_s_for_a_proportion():
    n, p = 1000, 0.1
    low, high = interval(p, math.sqrt(p * (1 - p) / n), 1e9, bounds=(0, 1))
    assert (low, high) == pytest.approx((0.0829, 0.1202), abs=2e-4)


def test_it_turns_with_the_score():
    low, high = interval(0.9, 0.03, 99, bounds=(0, 1))
    assert interval(0.1, 0.03, 99, bounds=(0, 1)) == pytest.approx((1 - high, 1 - low))


def test_without_bounds_it_is_student_s():
    assert interval(5.0, 1.0, 10) == pytest.approx((5 - 2.2281, 5 + 2.2281), abs=1e-3)
    assert interval(0.5, 1.0, 10, bounds=(0.0, math.inf))[0] == 0.0


def test_a_higher_level_is_a_longer_interval():
    short, long = interval(0.0, 1.0, 20, level=0.8), interval(0.0, 1.0, 20, level=0.99)
    assert long[1] > short[1]


@given(st.floats(-10, 10), st.floats(1e-3, 5), st.floats(1, 1e6), st.floats(0.5, 0.999))
def test_p_value_and_interval_say_the_same(gain: float, error: float, dof: float, level: float):
    low = interval(gain, error, dof, level=level)[0]
    p = p_value(gain, error, dof)
    if abs(low) > 1e-9:
        assert (p < (1 - level) / 2) == (low > 0)


def test_one_row_has_no_p_value():
    assert math.isnan(p_value(1.0, 0.0, 0.0))
    assert p_value(1.0, 0.0, 3.0) == 0.0
