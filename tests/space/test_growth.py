"""How the space of a define-by-run study grows."""

from __future__ import annotations

import pytest

from tunesmith.space import Categorical, Float, Int, Ordinal, Parameter, Space, merge


def test_names_are_appended_in_the_order_seen() -> None:
    first = merge(None, {"b": Float(0, 1), "a": Int(1, 2)})
    assert merge(first, {"c": Categorical([1]), "a": Int(1, 2)}).names == ("b", "a", "c")
    assert merge(None, {}) == Space()


def test_nothing_new_is_the_same_object() -> None:
    space = Space(a=Float(0, 1), b=[1, 2], c=Int(1, 9).when(b=1))
    assert merge(space, {}) is space
    assert merge(space, {"a": Float(0, 1), "b": Categorical([2]), "c": Int(3, 4)}) is space


@pytest.mark.parametrize(
    ("old", "new", "merged"),
    [
        (Float(0, 1), Float(0.5, 2), Float(0, 2)),
        (Int(1, 3), Int(5, 9), Int(1, 9)),
        (Int(1, 3), Float(0, 2), Float(0, 3)),
        (Float(0, 2), Int(1, 3), Float(0, 3)),
        (Float(1, 2, log=True), Float(0.1, 1, log=True), Float(0.1, 2, log=True)),
        (Float(1, 2, log=True), Float(0.1, 1), Float(0.1, 2)),
        (Int(1, 8, log=True), Float(0.5, 4, log=True), Float(0.5, 8, log=True)),
        (Int(1, 8, log=True), Int(0, 4), Int(0, 8)),
        (Float(0, 1, step=0.25), Float(0.5, 2, step=0.25), Float(0, 2, step=0.25)),
        (Float(0, 1, step=0.25), Float(0.1, 1.1, step=0.25), Float(0, 1.1)),
        (Float(0, 1, step=0.25), Float(0, 1, step=0.5), Float(0, 1)),
        (Int(0, 10, step=5), Int(5, 20, step=5), Int(0, 20, step=5)),
        (Int(0, 10, step=5), Int(1, 11, step=5), Int(0, 11)),
        (Int(0, 10, step=5), Float(0, 10, step=5), Float(0, 10)),
        (Categorical(["a", "b"]), Categorical(["c", "a"]), Categorical(["a", "b", "c"])),
        (Categorical([1]), Categorical([True, 1.0]), Categorical([1, True, 1.0])),
        (Ordinal([1, 2]), Ordinal([1, 2, 3]), Ordinal([1, 2, 3])),
        (Float(0, 1), Categorical([0, 1]), Categorical([0, 1])),
        (Categorical([0, 1]), Int(0, 1), Int(0, 1)),
        (Categorical([0, 1]), Ordinal([0, 1]), Ordinal([0, 1])),
        (Int(-(2**49), 0), Int(2**53 - 4, 2**53), Int(-(2**49), 2**53)),
        (Int(0, 9), Int(2**60 + 1, 2**60 + 2**20), Int(0, 2**60 + 2**20)),
        (Float(-1.7e308, 0), Float(0, 1.7e308), Float(0, 1.7e308)),
    ],
)
def test_ranges_span_both(old: Parameter, new: Parameter, merged: Parameter) -> None:
    assert merge(Space(p=old), {"p": new})["p"] == merged


def test_named_objects_are_joined_by_name() -> None:
    f, g = object(), object()
    merged = merge(Space(p={"f": f}), {"p": Categorical({"g": g, "f": object()})})
    assert merged["p"] == Categorical({"f": None, "g": None})
    assert merged.decode_row([0.0]) == {"p": f}
    assert merged.decode_row([1.0]) == {"p": g}


def test_declared_conditions_and_constraints_stay() -> None:
    space = Space(m=["a", "b"], x=Float(0, 1).when(m="a"), constraints=lambda x: x < 0.5)
    grown = merge(space, {"x": Float(0, 2), "m": Categorical(["c"])})
    assert grown["x"] == Float(0, 2).when(m="a")
    assert grown["m"] == Categorical(["a", "b", "c"])
    assert grown.constraints == space.constraints
    assert merge(space, {"x": Float(0, 1).when(m="b")})["x"] == Float(0, 1)


def test_conditions_that_would_form_a_cycle_are_dropped() -> None:
    space = Space(a=[0, 1], b=Int(0, 1).when(a=1))
    assert merge(space, {"a": Categorical([0, 1]).when(b=1), "c": Int(0, 1).when(a=1)})["a"].condition is None


def test_a_parent_that_changes_its_kind_does_not_break_its_children() -> None:
    space = Space(m=["a", "b"], x=Float(0, 1).when(m="a"))
    grown = merge(space, {"m": Int(0, 1)})
    assert grown["m"] == Int(0, 1)
    assert grown["x"] == Float(0, 1)
