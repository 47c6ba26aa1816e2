"""Float and Int: encodings, lattices, and the errors of ranges and values."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from tunesmith.errors import SpaceError
from tunesmith.space import Float, Int, Parameter, Space


def test_a_log_float_is_linear_in_the_logarithm() -> None:
    lr = Float(1e-5, 1e-1, log=True)
    assert lr.to_unit(1e-3) == pytest.approx(0.5)
    assert lr.from_unit(0.25) == pytest.approx(1e-4)
    assert lr.from_unit([0.0, 1.0]).tolist() == [1e-5, 1e-1]


def test_integers_sit_at_the_centre_of_their_cell() -> None:
    assert Int(1, 4).to_unit([1, 2, 3, 4]).tolist() == [0.125, 0.375, 0.625, 0.875]
    assert Int(1, 4).from_unit([0.0, 0.24, 0.26, 0.99, 1.0]).tolist() == [1, 1, 2, 4, 4]
    assert Int(0, 20, step=10).to_unit(10) == 0.5


def test_log_integers_have_edges_half_way_between_neighbours() -> None:
    units = Int(1, 1024, log=True)
    edge = (math.log(2.5) - math.log(0.5)) / (math.log(1024.5) - math.log(0.5))
    assert units.from_unit([edge - 1e-9, edge + 1e-9]).tolist() == [2, 3]
    values = np.arange(1.0, 1025.0)
    assert np.array_equal(units.from_unit(units.to_unit(values)), values)


@pytest.mark.parametrize(
    "param", [Int(0, 2**50 - 1), Int(1, 2**40, log=True), Int(-(2**49), 2**49 - 1), Int(2**53 - 5, 2**53)]
)
def test_the_largest_integers_survive_the_unit_interval(param: Int) -> None:
    values = np.linspace(param.low, param.high, 1001).round()
    assert np.array_equal(param.from_unit(param.to_unit(values)), values)


def test_integers_that_a_float_does_not_hold() -> None:
    wide = Int(2**54 + 1, 2**60 + 3)
    assert wide.n_values == math.inf
    assert (wide.low, wide.high) == (2**54 + 1, 2**60 + 3)
    ends = [wide.to_external(float(x)) for x in wide.from_unit([0.0, 1.0])]
    assert ends == [2**54 + 4, 2**60]
    with pytest.raises(SpaceError, match=r"has more digits than a float64 holds; the nearest is 18014398509481984"):
        wide.to_internal(2**54 + 2 - 1)
    only = Int(2**60 + 1, 2**60 + 1)
    assert (only.n_values, only.to_external(only.to_internal(2**60 + 1))) == (1, 2**60 + 1)
    assert Space(n=only).decode_row([float(2**60)]) == {"n": 2**60 + 1}


def test_steps_give_short_decimals() -> None:
    param = Float(0, 1, step=0.1)
    assert param.n_values == 11
    assert [param.to_external(x) for x in param.cells(np.arange(11))] == [k / 10 for k in range(11)]
    assert param.to_internal(0.1 + 0.2) == 0.3  # 0.30000000000000004 means 0.3
    thirds = Float(0, 1, step=1 / 3)
    assert thirds.cells(np.arange(4)).tolist() == [0, 1 / 3, 2 / 3, 1]


@pytest.mark.parametrize(
    "param", [Float(2.5, 2.5), Float(2.5, 2.5, log=True), Float(2.5, 2.5, step=1), Int(3, 3), Int(3, 3, log=True)]
)
def test_equal_bounds_make_a_constant(param: Parameter) -> None:
    value = param.from_unit([0.0, 0.3, 1.0])
    assert param.n_values == 1
    assert len(set(value.tolist())) == 1
    assert param.contains(param.to_external(value[0]))
    assert 0 <= param.to_unit(value[0]) <= 1


def test_values_out_of_range_go_to_the_nearest_end_and_nan_stays() -> None:
    for param in (Float(1, 2), Float(1, 2, log=True), Float(1, 2, step=0.5), Int(1, 2), Int(1, 2, log=True)):
        u = param.to_unit([-5.0, 0.0, 7.0, math.nan])
        assert u[0] == u[1] == param.to_unit(1.0)
        assert u[2] == param.to_unit(2.0)
        assert math.isnan(u[3])
        assert math.isnan(param.from_unit(math.nan))


def test_shapes_are_kept() -> None:
    assert Float(0, 1).to_unit(0.5).shape == ()
    assert Int(0, 5).from_unit(np.full((2, 3), 0.5)).shape == (2, 3)


def test_external_values_are_python_numbers() -> None:
    assert type(Float(0, 1).to_external(np.float64(0.5))) is float
    assert type(Int(0, 5).to_external(np.float64(3.0))) is int


@pytest.mark.parametrize("value", [2, 2.0, np.int64(2), np.float32(2), Fraction(2), Decimal(2), np.array(2)])
def test_numbers_of_any_type_are_values(value: Any) -> None:
    assert Float(0, 3).to_internal(value) == Int(0, 3).to_internal(value) == 2.0


@pytest.mark.parametrize(
    "value", [True, np.bool_(1), "2", None, math.nan, math.inf, [2], np.array([2.0]), 10**400, 2j, 3.1, -0.1]
)
def test_other_values_are_refused(value: Any) -> None:
    for param in (Float(0, 3), Float(0, 3, step=1), Int(0, 3)):
        assert not param.contains(value)
        with pytest.raises(SpaceError, match=r"valid is a (whole )?number from 0"):
            param.to_internal(value)


ERRORS: list[tuple[Callable[[], object], str]] = [
    (lambda: Float(2, 1), r"low=2\.0 is greater than high=1\.0; did you mean Float\(1\.0, 2\.0\)"),
    (lambda: Int(2, 1), r"low=2 is greater than high=1; did you mean Int\(1, 2\)"),
    (lambda: Float(0, 1, log=True), r"log needs low > 0, got low=0\.0"),
    (lambda: Float(-1, 1, log=True), r"log needs low > 0, got low=-1\.0"),
    (lambda: Int(0, 8, log=True), r"log needs low >= 1, got low=0"),
    (lambda: Float(0, 1, step=0.3), r"step does not divide the range; valid is high=0\.9 or 1\.2"),
    (lambda: Int(0, 10, step=3), r"step does not divide the range; valid is high=9 or 12"),
    (lambda: Float(math.nan, 1), r"low must be a finite number, got nan"),
    (lambda: Float(0, math.nan), r"high must be a finite number, got nan"),
    (lambda: Float(0, math.inf), r"high must be a finite number, got inf"),
    (lambda: Int(-math.inf, 1), r"low must be a whole number, got -inf"),  # type: ignore[arg-type]
    (lambda: Int(math.nan, 1), r"low must be a whole number, got nan"),  # type: ignore[arg-type]
    (lambda: Float(-1.7e308, 1.7e308), "the width of the range overflows"),
    (lambda: Float("0", 1), r"low must be a number, got '0'"),  # type: ignore[arg-type]
    (lambda: Float(0, True), r"high must be a number, got True"),
    (lambda: Float(0, None), r"high must be a number, got None"),  # type: ignore[arg-type]
    (lambda: Int(0, 1.5), r"high must be a whole number, got 1\.5; use Float"),  # type: ignore[arg-type]
    (lambda: Int(0, 2**53 + 1, step=2), r"bounds beyond 2\*\*53 lose digits, and take no step"),
    (lambda: Int(-(2**52), 2**52, step=2), r"more than 2\*\*50 values"),
    (lambda: Int(2**54 + 1, 2**54 + 3), r"holds no whole number of this range"),
    (lambda: Int(0, 10**400), r"at most 2\*\*1000 in size"),
    (lambda: Float(0, 10**400), "high must be a finite number"),
    (lambda: Float(0, 1, step=0), "step must be a finite number > 0"),
    (lambda: Float(0, 1, step=-0.1), "step must be a finite number > 0"),
    (lambda: Float(0, 1, step=math.nan), "step must be a finite number > 0"),
    (lambda: Int(0, 4, step=0), "step must be at least 1"),
    (lambda: Float(1, 2, log=True, step=0.5), "log=True and step=0.5 exclude each other"),
    (lambda: Int(1, 3, log=True, step=2), "log=True and step=2 exclude each other"),
    (lambda: Float(0, 1, step=1e-17), r"more than 2\*\*50 values"),
    (lambda: Float(0, 1).to_internal(2), r"2 is out of range; valid is a number from 0\.0 to 1\.0"),
    (lambda: Float(0, 1, step=0.5).to_internal(0.3), r"0\.3 is not on the lattice \(nearest: 0\.5\)"),
    (lambda: Int(0, 4, step=2).to_internal(3), r"3 is not on the lattice; valid is .* in steps of 2"),
]


@pytest.mark.parametrize(("make", "message"), ERRORS)
def test_errors_say_what_was_given_and_what_is_valid(make: Callable[[], object], message: str) -> None:
    with pytest.raises(SpaceError, match=message):
        make()


def test_parameters_are_immutable_hashable_values() -> None:
    a = Float(0, 1, log=False)
    assert {a, Float(0.0, 1.0)} == {a}
    assert a != Int(0, 1)
    assert a != "Float(0, 1)"
    with pytest.raises(AttributeError, match="cannot be changed"):
        a.low = 3.0
    with pytest.raises(AttributeError, match="cannot be changed"):
        del a.low
    with pytest.raises(AttributeError):
        a.hgih = 3.0  # type: ignore[attr-defined]


def test_pickle_and_copies_keep_everything() -> None:
    param = Float(0, 1, step=0.5).when(a=1)
    assert pickle.loads(pickle.dumps(param)) == param
    assert param.with_condition(None) == Float(0, 1, step=0.5)
    assert param.with_condition(param.condition) is param


@pytest.mark.parametrize(
    ("parameter", "expected"),
    [
        (Float(0, 1), [0.0, 0.1234568, 0.5, 1.0]),
        (Float(-5, 10), [-5.0, -3.148148, 2.5, 10.0]),
        (Float(0, 1e9), [0.0, 123456800.0, 5e8, 1e9]),
        (Float(1e6, 1e6 + 1), [1e6, 1000000.1234568, 1000000.5, 1e6 + 1]),
        (Float(1e-5, 1e-1, log=True), [1e-5, 3.117649e-05, 0.001, 0.1]),
        (Float(1e-3, 1e3, log=True), [0.001, 0.00550479, 1.0, 1000.0]),
        (Float(1 / 3, 2 / 3), [1 / 3, 0.3744856, 0.5, 2 / 3]),
    ],
    ids=str,
)
def test_numbers_have_as_many_decimals_as_the_range_resolves(parameter: Float, expected: list[float]) -> None:
    assert parameter.from_unit([0.0, 0.1234567890123, 0.5, 1.0]).tolist() == expected


@pytest.mark.parametrize(
    "parameter", [Float(1, 1 + 1e-12), Float(1e-320, 1e-310, log=True), Float(0, 1e-300), Float(1, 1 + 1e-11, log=True)]
)
def test_ranges_without_room_for_decimals_keep_all_their_numbers(parameter: Float) -> None:
    u = np.linspace(0, 1, 33)
    x = parameter.from_unit(u)
    assert len(set(x.tolist())) == 33
    assert np.abs(parameter.to_unit(x) - u).max() < 0.02


def test_whole_numbers_of_a_wide_range_are_not_rounded_to_decimals() -> None:
    wide = Int(0, 2**60)
    assert float(wide.from_unit(0.3)) == round(0.3 * 2**60)
