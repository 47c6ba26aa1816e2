"""Categorical and Ordinal: which labels are the same, and objects that are known by a name."""

from __future__ import annotations

import enum
import math
import pickle
from typing import Any

import numpy as np
import pytest

from tunesmith.errors import SpaceError
from tunesmith.space import Categorical, Ordinal, Space


class Color(enum.Enum):
    RED = 1


class Awkward:
    """Compares to an array, as some libraries' objects do."""

    def __eq__(self, other: object) -> Any:
        return np.array([True, False])

    __hash__ = None  # type: ignore[assignment]


def double(x: float) -> float:
    return 2 * x


def test_labels_of_different_types_are_different() -> None:
    mixed = Categorical([True, 1, 1.0, "1", None, "None", (1,), (True,)])
    assert mixed.n_values == 8
    for i, label in enumerate(mixed.choices):
        assert mixed.to_internal(label) == i
        assert type(mixed.to_external(float(i))) is type(label)
    assert Categorical([1]) != Categorical([True])
    assert Categorical([1]) != Categorical([1.0])
    assert Categorical([0]) != Categorical([False])


def test_a_number_of_the_other_type_is_found_if_it_is_not_ambiguous() -> None:
    assert Categorical([1, 10]).to_internal(1.0) == 0
    assert Categorical([0.1, 1.0]).to_internal(1) == 1
    assert not Categorical([1, 10]).contains(True)
    assert not Categorical([True, False]).contains(1)


def test_nan_is_a_label_equal_to_itself() -> None:
    assert Categorical([math.nan, None]).to_internal(float("nan")) == 0
    with pytest.raises(SpaceError, match="duplicate"):
        Categorical([math.nan, float("nan")])


def test_numpy_scalars_are_the_python_values_they_hold() -> None:
    assert Categorical(np.array([1, 2])) == Categorical([1, 2])
    assert Categorical([np.float64(0.5), np.str_("a"), np.bool_(True)]) == Categorical([0.5, "a", True])
    assert Categorical([1, 2]).to_internal(np.int32(2)) == 1


def test_categories_are_cells_and_ordinals_keep_their_order() -> None:
    assert Categorical(["a", "b", "c", "d"]).to_unit([0, 3]).tolist() == [0.125, 0.875]
    assert Ordinal([1, 2]).is_ordered
    assert not Categorical([1, 2]).is_ordered
    assert Ordinal([1, 2]) != Categorical([1, 2])


def test_objects_are_known_by_name() -> None:
    weird = Awkward()
    choice = Categorical([double, weird, np.array([1, 2]), Color.RED, [1, 2], {"a": 1}, len, b"x"])
    assert choice.labels == ("double", "Awkward", "array([1, 2])", "<Color.RED: 1>", [1, 2], {"a": 1}, "len", "b'x'")
    for i, value in enumerate(choice.choices):
        assert choice.to_internal(value) == i
        assert choice.to_internal(choice.labels[i]) == i
        assert choice.to_external(float(i)) is value
    assert choice.to_internal(np.array([1, 2])) == 2
    assert not choice.contains(np.array([1, 3]))
    assert not choice.contains(object())


def test_a_dict_gives_the_names() -> None:
    a, b = object(), object()
    choice = Categorical({"first": a, "second": b})
    assert choice.to_external(1.0) is b
    assert choice.to_internal(a) == choice.to_internal("first") == 0
    assert choice == Categorical({"first": object(), "second": None})  # by name, as in the next process
    assert choice != Categorical(["first", "second"])
    assert repr(choice) == "Categorical(['first', 'second'])"
    assert Space(clf={"first": a}).decode_row([0.0]) == {"clf": a}


def test_a_text_that_has_a_name_is_found_by_both() -> None:
    kind = Categorical({"short": "text", "long": "a longer text"})
    assert [kind.to_internal(v) for v in ("long", "a longer text", "short", "text")] == [1, 1, 0, 0]


def test_names_hold_no_addresses_and_are_numbered_where_alike() -> None:
    choice = Categorical([lambda: 1, lambda: 2, object(), object()])
    assert choice.labels == ("<lambda>", "<lambda>#2", "object", "object#2")
    assert len(Categorical([list(range(500)), np.arange(500)]).labels[1]) < 40


def test_pickle_keeps_names_and_objects() -> None:
    choice = Categorical({"f": double, "n": None})
    again = pickle.loads(pickle.dumps(choice))
    assert again == choice
    assert again.to_external(0.0) is double


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ([], "choices are empty"),
        ({}, "choices are empty"),
        ("abc", r"must be a list, got the text 'abc'; did you mean \['abc'\]"),
        (3, "must be a list, got 3"),
        ({1, 2}, "a set has no order"),
        (["a", "b", "a"], r"duplicate choices: 'a' is given more than once in \('a', 'b', 'a'\)"),
        ([double, double], "duplicate choices"),
        ([np.array([1]), np.array([1])], "duplicate choices"),
        ([double, "double"], "duplicate choices: 'double'"),
        (np.eye(2), r"one dimension, got shape \(2, 2\)"),
        ({1: "a"}, "1 is not a text"),
    ],
)
def test_errors_of_choices(choices: Any, message: str) -> None:
    for cls in (Categorical, Ordinal):
        with pytest.raises(SpaceError, match=f"{cls.__name__}: .*{message}"):
            cls(choices)


def test_an_unknown_choice_is_refused_with_a_suggestion() -> None:
    with pytest.raises(
        SpaceError, match=r"'rfb' is not among the choices; did you mean 'rbf'\?; valid is one of 'rbf'"
    ):
        Categorical(["rbf", "linear"]).to_internal("rfb")
    with pytest.raises(SpaceError, match=r"… \(88 more\)"):
        Categorical(range(100)).to_internal(-1)
