"""A target is read as people mean it, or refused with words before anything is fitted."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse

from tunesmith.tables import read_target

pd = pytest.importorskip("pandas")

TEN = 10  # rows of each class


@pytest.mark.parametrize(
    ("y", "task", "classes"),
    [
        (["no", "yes"] * TEN, "binary", ["no", "yes"]),
        (np.array(["b", "a", "c"] * TEN), "multiclass", ["a", "b", "c"]),
        ([True, False] * TEN, "binary", [False, True]),
        ([0, 1] * TEN, "binary", [0, 1]),
        ([-1.0, 1.0] * TEN, "binary", [-1.0, 1.0]),
        ([3, 1, 2] * TEN, "multiclass", [1, 2, 3]),
        ([1, "a"] * TEN, "binary", [1, "a"]),
        (np.array([[0], [1]] * TEN), "binary", [0, 1]),
        (pd.Series(["x", "y"] * TEN, dtype="category"), "binary", ["x", "y"]),
        (pd.Series([2, 1] * TEN, dtype="category"), "binary", [1, 2]),
        (pd.Series([True, False] * TEN, dtype="boolean"), "binary", [False, True]),
        (pd.Series([7, 9] * TEN, dtype="Int64"), "binary", [7, 9]),
        (pd.DataFrame({"target": ["x", "y"] * TEN}), "binary", ["x", "y"]),
        (pd.Index(["x", "y"] * TEN), "binary", ["x", "y"]),
        (sparse.csr_matrix([[0], [1]] * TEN), "binary", [0, 1]),
    ],
)
def test_labels_and_few_whole_numbers_are_classes(y: Any, task: str, classes: list[Any]) -> None:
    found = read_target(y)
    assert (found.task, found.classes.tolist(), found.kept) == (task, classes, None)
    assert found.y.dtype == np.intp
    given = y.toarray() if sparse.issparse(y) else np.asarray(y, dtype=object)
    assert found.classes[found.y].tolist() == given.ravel().tolist()


@pytest.mark.parametrize(
    "y",
    [
        np.linspace(0, 1, 50),
        np.arange(100),
        pd.Series(np.linspace(0, 1, 50), dtype="Float64"),
        [0.5, 1.5, 2.5] * TEN,
        list(range(20)),  # 20 numbers, one row each
    ],
)
def test_numbers_are_a_regression(y: Any) -> None:
    found = read_target(y)
    assert (found.task, found.classes, found.y.dtype) == ("regression", None, np.float64)
    assert found.y.tolist() == [float(value) for value in y]


def test_a_reading_that_may_be_another_says_how_to_have_it() -> None:
    assert "task='regression'" in " ".join(read_target([3, 4, 5] * TEN).notes)
    assert "task='classification'" in " ".join(read_target(np.linspace(0, 1, 20)).notes)
    assert "task='classification'" in " ".join(read_target(list(range(20))).notes)
    assert read_target(np.random.default_rng(0).normal(size=100)).notes == ()
    assert read_target([0, 1] * TEN).notes == ()


def test_the_task_decides() -> None:
    assert read_target([3, 4, 5] * TEN, "regression").y.tolist() == [3.0, 4.0, 5.0] * TEN
    found = read_target([0.5, 1.5] * TEN, "classification")
    assert (found.task, found.classes.tolist()) == ("binary", [0.5, 1.5])
    assert read_target(list(range(30)) * 3, "classification").task == "multiclass"
    assert read_target([True, False] * TEN, "regression").y.tolist() == [1.0, 0.0] * TEN
    assert read_target([1, 2] * TEN, "multiclass").task == "binary"


def test_texts_that_are_all_numbers_are_told() -> None:
    found = read_target(["1", "2.5", "3", "7.25"] * TEN)
    assert (found.task, found.y[:2].tolist()) == ("regression", [1.0, 2.5])
    assert "texts" in " ".join(found.notes)
    classes = read_target(["0", "1"] * TEN)
    assert (classes.task, classes.classes.tolist()) == ("binary", ["0", "1"])
    assert "texts" in " ".join(classes.notes)
    gaps = read_target(["1.5", "?", "2.5", "n/a", "3.75"])
    assert (gaps.y.tolist(), gaps.kept.tolist()) == ([1.5, 2.5, 3.75], [True, False, True, False, True])
    assert "2 rows of y with '?', 'n/a'" in gaps.notes[0]
    assert read_target(["5 kg", "7.5 kg", "11 kg"]).task == "regression"
    assert read_target(["1 star", "2 stars"] * TEN).classes.tolist() == ["1 star", "2 stars"]
    assert read_target(["1,500", "2,750.5"] * TEN, "regression").y[:2].tolist() == [1500.0, 2750.5]


@pytest.mark.parametrize(
    ("y", "lost"),
    [
        ([1.5, None, 2.5, float("nan"), 4.5], [1, 3]),
        (["a", None, "b", "a", "b"], [1]),
        (pd.Series([True, None, False, True, False], dtype="boolean"), [1]),
        (pd.Series([1, None, 0, 1, 0], dtype="Int64"), [1]),
        (pd.Series(["a", None, "b", "a", "b"], dtype="category"), [1]),
        (["a", "", "b", "a", "b"], [1]),
    ],
)
def test_rows_without_a_target_are_left_out(y: Any, lost: list[int]) -> None:
    found = read_target(y)
    assert np.flatnonzero(~found.kept).tolist() == lost
    assert len(found.y) == 5 - len(lost)
    assert "without a target" in found.notes[0]


def test_a_class_of_one_row_is_left_out_with_a_sentence() -> None:
    found = read_target(["a", "b", "b", "rare", "a"])
    assert (found.task, found.classes.tolist()) == ("binary", ["a", "b"])
    assert found.kept.tolist() == [True, True, True, False, True]
    assert "'rare'" in found.notes[0]
    assert "one row only" in found.notes[0]


@pytest.mark.parametrize(
    ("y", "task", "words"),
    [
        (None, None, "y is None"),
        ([], None, "y is empty: it has 0 rows"),
        (pd.Series([], dtype=float), None, "y is empty: it has 0 rows"),
        ("price", None, "one for each row"),
        ([1, 1, 1], None, "every value of y is 1"),
        (["a"] * 5, None, "one class only"),
        (["a", "b", "c"], None, "each of the 3 classes of y has one row only"),
        (["a", "b", "b"], None, "one class only ('b') after"),
        ([True] * 5, None, "one class only"),
        ([None, float("nan")], None, "every value of y is missing"),
        (pd.Series([None, None], dtype="Int64"), None, "every value of y is missing"),
        ([1.0, float("inf"), 2.5], None, "infinite in 1 row"),
        (pd.Series(pd.date_range("2024-01-01", periods=5)), None, "dates"),
        ([datetime.date(2024, 1, 1), datetime.date(2024, 1, 2)], None, "dates"),
        ([f"2024-01-{day:02}" for day in range(1, 29)] * 2, None, "dates"),
        (np.eye(3), None, "argmax"),
        (pd.DataFrame({"a": [1, 2], "b": [3, 4]}), None, "2 columns ('a', 'b')"),
        ([[1], [2, 3]], None, "type list"),
        (np.zeros((2, 2, 2)), None, "it has 3"),
        (np.array([1j, 2j]), None, "complex"),
        (["a", "b"] * 5, "regression", "such as 'a'"),
        ([f"user{i}" for i in range(50)], None, "identifier"),
        (np.linspace(0, 1, 50), "classification", "too many for classes"),
        (["a", "b", "c"] * 5, "binary", "task='multiclass'"),
        ([0, 1] * 5, "classify", "classification"),
        ({1, 2}, None, "set"),
    ],
)
def test_what_cannot_be_learned_is_refused_with_words(y: Any, task: str | None, words: str) -> None:
    with pytest.raises(ValueError, match=r"^tune: ") as error:
        read_target(y, task)
    assert words in str(error.value)


def test_the_number_of_rows_must_be_that_of_the_table() -> None:
    with pytest.raises(ValueError, match="X has 7 rows and y has 4"):
        read_target([0, 1, 0, 1], rows=7)


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_columns_of_other_libraries(library: str) -> None:
    module = pytest.importorskip(library)
    pytest.importorskip("narwhals")
    make = {"polars": lambda values: module.Series("y", values), "pyarrow": lambda v: module.chunked_array([v])}[
        library
    ]
    assert read_target(make(["a", "b", None] * TEN)).classes.tolist() == ["a", "b"]
    assert read_target(make([True, False] * TEN)).classes.tolist() == [False, True]
    assert read_target(make([1.5, None, 2.25, 3.5])).y.tolist() == [1.5, 2.25, 3.5]
    assert read_target(make([4, 6] * TEN)).classes.tolist() == [4, 6]
    frame = {"polars": "DataFrame", "pyarrow": "table"}[library]
    assert read_target(getattr(module, frame)({"y": [1, 0] * TEN})).classes.tolist() == [0, 1]
    with pytest.raises(ValueError, match="2 columns"):
        read_target(getattr(module, frame)({"y": [1, 0], "z": [1, 0]}))


@given(st.lists(st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3)), max_size=30))
def test_whatever_y_is_it_is_read_or_refused(y: list[Any]) -> None:
    try:
        found = read_target(y)
    except ValueError as error:
        refusal = str(error)
        found = None
    if found is None:
        assert refusal.startswith("tune: ")
        return
    assert np.isfinite(found.y).all()
    assert len(found.y) == (len(y) if found.kept is None else found.kept.sum())
    if found.classes is not None:
        assert np.bincount(found.y, minlength=len(found.classes)).min() >= 2
