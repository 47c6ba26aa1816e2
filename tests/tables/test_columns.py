"""A table of any library becomes a matrix of numbers, and rows at predict time are read as those in fit were."""

from __future__ import annotations

import datetime
import string
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import sparse
from sklearn.base import clone

from tunesmith.tables import TableColumns

pd = pytest.importorskip("pandas")

N = 60
RNG = np.random.default_rng(0)
NAN = np.nan
NOISE = RNG.normal(size=N)
LETTERS = list(string.ascii_letters) + [a + b for a in "xyz" for b in "abcdef"]


def cycle(values: list[Any], n: int = N) -> list[Any]:
    return [values[i % len(values)] for i in range(n)]


def fitted(values: Any, name: str = "a") -> TableColumns:
    return TableColumns().fit(pd.DataFrame({name: values, "noise": NOISE}))


def read(columns: TableColumns, values: Any, name: str = "a") -> list[float]:
    """What the one column becomes."""
    frame = pd.DataFrame({name: values, "noise": np.zeros(len(values))})
    return columns.transform(frame)[:, 0].tolist()


# ------------------------------------------------------------------------------------------------------------- roles


@pytest.mark.parametrize(
    ("values", "role"),
    [
        (RNG.normal(size=N), "number"),
        (RNG.integers(0, 50, N), "number"),
        (pd.array(cycle([1, None, 3]), dtype="Int64"), "number"),
        (pd.array(cycle([1.5, None, 3.0]), dtype="Float64"), "number"),
        (pd.arrays.SparseArray(cycle([0.0, 0.0, 1.5])), "number"),
        (pd.to_timedelta(np.arange(N) % 7, unit="D"), "number"),
        (cycle([Decimal("1.5"), 2, None]), "number"),
        (cycle([datetime.time(8), datetime.time(17, 30)]), "number"),
        (cycle(["1,234.5", "7", "12,000", "n/a"]), "number"),
        (cycle(["08:30", "5:15 pm", "23:59:59.5"]), "number"),
        (cycle(["12%", "7.5%", "100%"]), "number"),
        (cycle(["$1,200", "-$3", "$ 4.50"]), "number"),
        (cycle(["1.234,5", "7,25", "1,5"]), "number"),
        (cycle(["5 kg", "7.5 kg", "11 kg"]), "number"),
        (cycle([True, False]), "boolean"),
        (pd.array(cycle([True, None, False]), dtype="boolean"), "boolean"),
        (cycle(["yes", "no", None]), "boolean"),
        (cycle([True, False, None]), "boolean"),
        (pd.Categorical(cycle([True, False])), "boolean"),
        (cycle(["red", "green", None]), "category"),
        (pd.array(cycle(["red", "green", None]), dtype="string"), "category"),
        (pd.Categorical(cycle(["x", "y"])), "category"),
        (pd.Categorical(cycle([3, 1, 2])), "category"),
        (cycle([1, "a", None]), "category"),
        (cycle(["01234", "00017", "99999"]), "category"),  # postal codes
        (cycle(["171a", "172b", "170"]), "category"),
        (cycle(["S", "M"]), "category"),  # sizes, or anything
        (cycle(["1.2.3", "1.10.0"]), "category"),
        (cycle(["3-1", "0-2", "2-2", "1-4"]), "category"),  # results, no ranges
        (pd.Categorical(cycle(["x", "y", "z"]), ["z", "x", "y"], ordered=True), "ordinal"),
        (pd.cut(NOISE, 4), "ordinal"),
        (cycle(["low", "High", "medium"]), "ordinal"),
        (cycle(["S", "M", "L", "XL"]), "ordinal"),
        (cycle(["10-20", "0-10", "20-50", "50+"]), "ordinal"),
        ([*cycle(["0", "1", "2"], N - 1), "3+"], "ordinal"),
        (cycle(["10+ years", "< 1 year", "3 years", "1 year"]), "ordinal"),
        (cycle(["2nd", "1st", "3rd"]), "ordinal"),
        (pd.date_range("2024-01-30", periods=N), "date"),
        (pd.date_range("2024-01-30", periods=N, tz="Europe/Berlin"), "date"),
        (pd.period_range("2020-01", periods=N, freq="M"), "date"),
        (cycle([datetime.date(2024, 1, 1), datetime.date(2024, 2, 1), None]), "date"),
        (cycle(["2024-01-31", "2023-12-01"]), "date"),
        (cycle(["2024-01-31T10:00:00Z", "2023-12-01 23:59"]), "date"),
        (cycle(["31/12/2024", "1/2/2023"]), "date"),
        (cycle(["31/12/69", "1/2/23"]), "date"),
        (cycle(["Jan 5, 2024", "March 12, 2023"]), "date"),
        ([f"the {LETTERS[i]} and the {LETTERS[i + 5]} of {i}" for i in range(N)], "text"),
        ([f"{chr(0x4E00 + i)}\u6771\u4eac\u90fd\u6e2f\u533a{chr(0x4E00 + 2 * i)}" for i in range(N)], "text"),
    ],
)  # fmt: skip
def test_roles(values: Any, role: str) -> None:
    columns = fitted(values)
    assert columns.roles_ == {"a": role, "noise": "number"}, (columns.dropped_, columns.notes_)
    matrix = columns.transform(pd.DataFrame({"a": values, "noise": NOISE}))
    assert matrix.dtype == np.float64
    assert matrix.shape == (N, len(columns.names_out_))
    assert not np.isnan(matrix).all(axis=0).any()
    assert list(columns.categories_) == ([0] if role == "category" else [])


@pytest.mark.parametrize(
    ("name", "values", "why"),
    [
        ("a", [f"user{i}" for i in range(N)], "identifier"),
        ("order_id", RNG.permutation(10 * N)[:N], "identifier"),
        ("PassengerId", RNG.permutation(10 * N)[:N], "identifier"),
        ("a", np.arange(N) + 5, "number of the row"),
        ("a", [7.5] * N, "constant"),
        ("a", ["x"] * N, "constant"),
        ("a", [None] * N, "empty"),
        ("a", pd.array([None] * N, dtype="Int64"), "empty"),
        ("a", [np.inf] * N, "empty"),
        ("a", NOISE, "copy of the column 'first'"),
        ("a", [[1, 2]] * N, "type list"),
        ("a", [{1}] * N, "type set"),
        ("a", NOISE * 1j, "complex"),
    ],
)
def test_what_says_nothing_is_dropped_with_a_word(name: str, values: Any, why: str) -> None:
    columns = TableColumns().fit(pd.DataFrame({"first": NOISE, name: values}))
    assert list(columns.roles_) == ["first"]
    assert why in columns.dropped_[name]
    assert repr(name) in columns.notes_[0]
    assert columns.transform(pd.DataFrame({"first": [1.0]})).tolist() == [[1.0]]  # it is not needed any more


@pytest.mark.parametrize("name", ["paid", "humid", "grid", "valid", "year", "width"])
def test_columns_that_only_look_like_identifiers_stay(name: str) -> None:
    values = np.arange(1960, 1960 + N) if name == "year" else RNG.permutation(10 * N)[:N]
    assert TableColumns().fit(pd.DataFrame({name: values, "noise": NOISE})).roles_[name] == "number"


def test_a_number_of_the_row_is_better_than_nothing() -> None:
    assert TableColumns().fit_transform(np.arange(30.0)[:, None]).ravel().tolist() == list(range(30))


# ------------------------------------------------------------------------------------------------------------ values


def test_numbers_in_texts() -> None:
    columns = fitted(cycle(["1,234.5", "7", "12%", "?"]))
    assert "written as texts" in columns.notes_[0]
    np.testing.assert_array_equal(
        read(columns, ["1,234.5", "7", "12%", "?", "x", None, 3, " 4 "]), [1234.5, 7, 0.12, NAN, NAN, NAN, 3, 4]
    )
    assert read(columns, [1.5, 2.5]) == [1.5, 2.5]
    assert read(fitted(cycle(["1.234,5", "7,25", "1,5"])), ["1.234,5", "-7,25"]) == [1234.5, -7.25]
    assert read(fitted(cycle(["1.5k", "200", "3M"])), ["2k", "2m"]) == [2000, 2e6]
    assert read(fitted(cycle(["5m", "7.5m", "8"])), ["5m", "9"]) == [5, 9]
    few_others = ["abc", *cycle([f"{i / 7:.3f}" for i in range(50)], 59)]
    assert "values that are none become gaps (1)" in fitted(few_others).notes_[0]


def test_dates_become_numbers_of_their_parts_that_vary() -> None:
    hours = pd.Series(pd.date_range("2024-03-01", periods=N, freq="17h"))
    columns = fitted(hours)
    assert columns.names_out_[:-1] == ["a_days", "a_month", "a_weekday", "a_hour"]
    given = [pd.Timestamp("2024-05-04 18:00"), pd.NaT]
    found = columns.transform(pd.DataFrame({"a": given, "noise": [0, 0]}))
    assert found[0, :4].tolist() == [19847.75, 5, 5, 18]
    assert np.isnan(found[1, :4]).all()
    assert fitted(hours.dt.date).names_out_[:-1] == ["a_days", "a_month", "a_weekday"]
    texts = columns.transform(pd.DataFrame({"a": ["2024-05-04 18:00", "soon"], "noise": [0, 0]}))
    np.testing.assert_array_equal(texts, found)


@pytest.mark.parametrize(
    ("values", "day", "is_told"), [(["31/12/2023", "1/2/2024"], 1, False), (["12/31/2023", "1/2/2024"], 2, False),
                                   (["5/6/2023", "1/2/2024"], 2, True), (["5.6.2023", "1.2.2024"], 1, False)]
)  # fmt: skip
def test_which_number_of_a_date_is_the_day(values: list[str], day: int, is_told: bool) -> None:
    columns = fitted(cycle(values))
    month = 3 - day
    assert (
        columns.transform(pd.DataFrame({"a": [values[1]], "noise": [0]}))[0, 0]
        == (datetime.date(2024, month, day) - datetime.date(1970, 1, 1)).days
    )
    assert ("month before the day" in columns.notes_[0]) is is_told


def test_steps_of_a_scale_keep_their_order() -> None:
    assert read(fitted(cycle(["low", "High", "medium"])), ["low", "medium", "High", "huge", None])[:3] == [0, 1, 2]
    assert read(fitted(cycle(["10-20", "0-10", "20-50", "50+"])), ["0-10", "50+", "10-20", "20-50"]) == [0, 3, 1, 2]
    assert read(fitted(cycle(["10+ years", "< 1 year", "3 years"])), ["< 1 year", "3 years", "10+ years"]) == [0, 1, 2]
    ordered = pd.Categorical(cycle(["x", "y", "z"]), ["z", "never", "x", "y"], ordered=True)
    assert read(fitted(ordered), ["z", "x", "y"]) == [0, 1, 2]


def test_infinities_are_missing() -> None:
    columns = fitted(np.where(NOISE > 0, np.inf, NOISE))
    assert "infinite" in columns.notes_[0]
    np.testing.assert_array_equal(read(columns, [1.0, np.inf, -np.inf, 1e300]), [1, NAN, NAN, np.finfo(np.float32).max])


def test_texts_that_are_alike_become_numbers_that_are_alike() -> None:
    kinds = ["red leather shoe", "blue cotton shirt", "green wool hat"]
    texts = [f"{kinds[i % 3]} number {i}" for i in range(300)]
    columns = TableColumns().fit(pd.DataFrame({"a": texts, "noise": RNG.normal(size=300)}))
    assert len(columns.names_out_) == 7  # one for each 50 texts
    a, b, c, gap = columns.transform(
        pd.DataFrame({"a": ["red leather shoe", "a red shoe of leather", "green wool hat", None], "noise": [0] * 4})
    )
    assert np.linalg.norm(a - b) < np.linalg.norm(a - c)
    assert not gap.any()


# ------------------------------------------------------------------------------------------------- rows to predict


@pytest.mark.parametrize(
    ("values", "other", "expected"),
    [
        (cycle(["a", "b", "c"]), ["c", "new", None, NAN, " a "], [2, NAN, NAN, NAN, 0]),
        (cycle(["a", "b", "c"]), pd.Categorical(["c", "a"]), [2, 0]),
        (pd.Categorical(cycle(["a", "b", "c"])), ["c", "a"], [2, 0]),
        (pd.Categorical(cycle([1, 2, 3])), [3.0, NAN, 1.0], [2, NAN, 0]),
        (pd.Categorical(cycle([1, 2, 3])), ["3", "1"], [2, 0]),
        (cycle([1, "a", None]), ["a", "1", 1.0], [1, 0, 0]),
        (cycle([True, False]), [1, 0], [1, 0]),
        (cycle([True, False]), [1.0, NAN, 2.0], [1, NAN, NAN]),
        (cycle([True, False]), ["True", "false", None], [1, 0, NAN]),
        (cycle([True, False]), pd.array([True, None], dtype="boolean"), [1, NAN]),
        (cycle(["yes", "no"]), [True, False], [1, 0]),
        (cycle(["Yes", "No"]), ["YES", "no"], [1, 0]),
        (RNG.integers(0, 9, N), [1.5, NAN], [1.5, NAN]),
        (RNG.integers(0, 9, N), pd.array([1, None], dtype="Int64"), [1, NAN]),
        (RNG.normal(size=N), ["1.5", "oops"], [1.5, NAN]),
        (RNG.normal(size=N), [True, False], [1, 0]),
        (RNG.normal(size=N), [None, None], [NAN, NAN]),
        (RNG.normal(size=N), [Decimal("1.5"), None], [1.5, NAN]),
    ],
)
def test_the_same_in_another_type_is_the_same(values: Any, other: Any, expected: list[float]) -> None:
    np.testing.assert_array_equal(read(fitted(values), other), expected)


def test_columns_are_found_by_name() -> None:
    frame = pd.DataFrame({"a": NOISE, "b": NOISE**2, "c": cycle(["x", "y"])})
    columns = TableColumns().fit(frame)
    assert columns.feature_names_in_.tolist() == ["a", "b", "c"]
    assert columns.n_features_in_ == 3
    expected = columns.transform(frame)
    np.testing.assert_array_equal(columns.transform(frame[["c", "b", "a"]].assign(d=1)), expected)
    np.testing.assert_array_equal(columns.transform(frame.to_numpy(dtype=object)), expected)
    assert columns.transform(frame[:0]).shape == (0, 3)
    with pytest.raises(ValueError, match=r"lacks the columns 'a', 'c' .*did you mean 'A'"):
        columns.transform(pd.DataFrame({"A": [1.0], "b": [1.0]}))
    with pytest.raises(ValueError, match="X has 2 columns; the model was fitted with 3"):
        columns.transform(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="several columns of the name 'a'"):
        columns.transform(pd.concat([frame, frame["a"]], axis=1))


@pytest.mark.parametrize(
    ("values", "other"),
    [(NOISE, ["oops", "no"]), (pd.date_range("2024-01-01", periods=N), [1.5, 2.5]), (cycle([True, False]), [5, 7])],
)
def test_columns_that_were_mixed_up_are_refused(values: Any, other: Any) -> None:
    with pytest.raises(ValueError, match="the column 'a' held"):
        read(fitted(values), other)


# ------------------------------------------------------------------------------------------------------------- input


@pytest.mark.parametrize(
    ("X", "words"),
    [
        (np.zeros(5), r"X.reshape\(-1, 1\)"),
        (np.zeros((2, 2, 2)), "it has 3"),
        (np.zeros((0, 3)), "X is empty: it has 0 rows"),
        (np.zeros((3, 0)), "0 columns"),
        (np.zeros((3, 2)), "no column that can be used: 'x0' is constant"),
        (np.zeros(3, dtype=[("a", float), ("b", int)]), "from_records"),
        ([[1, 2], [3]], "different lengths"),
        ([{"a": 1}, {"a": 2}], "list of dicts"),
        ({"a": [1, 2]}, "must be a table"),
        ("train.csv", "must be a table"),
        (None, "must be a table"),
        (pd.Series([1, 2]), "to_frame"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", "a"]), "several columns of the name 'a'"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=["a", None]), "a column without a name"),
        (pd.DataFrame([[1, 2], [3, 4]], columns=[1, "1"]), "several columns of the name"),
        (sparse.csr_matrix([[NAN, 1.0]]), "sparse and holds NaN"),
        (sparse.csr_matrix((0, 3)), "X is empty"),
    ],
)
def test_what_is_no_table_is_refused_with_words(X: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        TableColumns().fit(X)


@pytest.mark.parametrize(
    "X",
    [
        [[1.5, "red", True], [2.5, "green", False], [None, "red", True]],
        np.array([[1.5, "red", True], [2.5, "green", False], [None, "red", True]], dtype=object),
        ((1.5, "red", True), (2.5, "green", False), (None, "red", True)),
        pd.DataFrame([[1.5, "red", True], [2.5, "green", False], [None, "red", True]]),
    ],
)
def test_rows_of_several_types(X: Any) -> None:
    columns = TableColumns()
    np.testing.assert_array_equal(columns.fit_transform(X), [[1.5, 1, 1], [2.5, 0, 0], [NAN, 1, 1]])
    assert list(columns.roles_.values()) == ["number", "category", "boolean"]
    assert columns.categories_ == {1: 2}


def test_arrays_of_texts_dates_and_masks() -> None:
    texts = TableColumns().fit_transform(np.array([["a", "1.5"], ["b", "2.5"], ["a", "3.5"]]))
    assert texts.tolist() == [[0, 1.5], [1, 2.5], [0, 3.5]]
    days = np.array([["2024-01-01"], ["2024-01-03"]], dtype="datetime64[D]")
    assert TableColumns().fit(days).names_out_ == ["x0_days", "x0_weekday"]
    masked = np.ma.array([[1, 2], [3, 4], [5, 9]], mask=[[0, 1], [0, 0], [0, 0]])
    np.testing.assert_array_equal(TableColumns().fit_transform(masked), [[1, NAN], [3, 4], [5, 9]])


@pytest.mark.parametrize("make", [sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix, sparse.csr_array])
def test_a_sparse_matrix_is_passed_on(make: Any) -> None:
    dense = np.array([[0, 1, 0], [2, 0, 0], [0, 0, 3]])
    columns = TableColumns()
    found = columns.fit_transform(make(dense))
    assert found.format == "csr"
    assert found.toarray().tolist() == dense.tolist()
    assert columns.transform(make(dense[:1])).toarray().tolist() == [[0, 1, 0]]
    assert columns.transform(dense[:1]).toarray().tolist() == [[0, 1, 0]]
    assert (columns.n_features_in_, columns.names_out_, columns.categories_) == (3, ["x0", "x1", "x2"], {})
    with pytest.raises(ValueError, match="X has 2 columns"):
        columns.transform(make(dense[:, :2]))


def test_a_frame_of_sparse_columns_stays_sparse() -> None:
    frame = pd.get_dummies(pd.Series(cycle(["a", "b", "c"])), sparse=True, dtype=float)
    columns = TableColumns()
    assert sparse.issparse(columns.fit_transform(frame))
    assert columns.transform(frame[["c", "a", "b"]][:1]).toarray().tolist() == [[1, 0, 0]]


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_frames_of_other_libraries(library: str) -> None:
    module = pytest.importorskip(library)
    pytest.importorskip("narwhals")
    noon = datetime.datetime(2024, 5, 4, 12)
    data = {
        "number": [1.5, None, 2.5, 4.0],
        "whole": [1, None, 3, 9],
        "truth": [True, None, False, True],
        "label": ["a", None, "b", "a"],
        "date": [datetime.date(2024, 1, 1), None, datetime.date(2024, 3, 2), datetime.date(2025, 1, 1)],
        "moment": [noon, None, noon + datetime.timedelta(hours=30), noon],
        "span": [datetime.timedelta(days=1), None, datetime.timedelta(hours=12), datetime.timedelta(0)],
    }
    frame = {"polars": "DataFrame", "pyarrow": "table"}[library]
    columns = TableColumns()
    found = columns.fit_transform(getattr(module, frame)(data))
    assert columns.roles_ == dict(
        zip(data, ["number", "number", "boolean", "category", "date", "date", "number"], strict=True)
    )
    np.testing.assert_array_equal(found, columns.transform(pd.DataFrame(data)))
    assert np.isnan(found[1]).all()
    with pytest.raises(ValueError, match="lacks"):
        columns.transform(getattr(module, frame)({"number": [1.0]}))


def test_special_types_of_polars() -> None:
    polars = pytest.importorskip("polars")
    days = polars.Series([datetime.datetime(2024, 1, day) for day in (1, 2, 3, 1)])
    frame = polars.DataFrame({
        "category": polars.Series(["b", "a", None, "a"], dtype=polars.Categorical),
        "enum": polars.Series(["b", "a", None, "a"], dtype=polars.Enum(["b", "a"])),
        "zone": days.dt.replace_time_zone("Asia/Tokyo"),
        "list": polars.Series([[1], [2], [3], [4]]),
    })  # fmt: skip
    columns = TableColumns().fit(frame)
    assert list(columns.roles_.values()) == ["category", "date"]
    assert list(columns.dropped_) == ["enum", "list"]
    with pytest.raises(ValueError, match="collect"):
        columns.transform(frame.lazy())


def test_a_frame_that_is_not_computed_yet_is_refused() -> None:
    class Lazy:
        def compute(self) -> None: ...

    with pytest.raises(ValueError, match=r"X is a Lazy, which is not computed yet; call its compute\(\)"):
        TableColumns().fit(Lazy())


def test_names_that_are_no_texts_are_kept() -> None:
    columns = TableColumns().fit(pd.DataFrame(RNG.normal(size=(N, 2)), columns=[7, ("a", 1)]))
    assert columns.roles_ == {7: "number", ("a", 1): "number"}
    assert columns.get_feature_names_out().tolist() == ["7", "('a', 1)"]


def test_thousands_of_columns_and_few_rows() -> None:
    X = RNG.normal(size=(5, 10_000))
    columns = TableColumns()
    np.testing.assert_array_equal(columns.fit_transform(pd.DataFrame(X)), X)
    assert columns.n_features_in_ == len(columns.names_out_) == 10_000


def test_many_levels_are_a_category() -> None:
    values = [f"k{i % 700}" for i in range(1000)]
    columns = TableColumns().fit(pd.DataFrame({"a": values, "b": RNG.normal(size=1000)}))
    assert columns.categories_ == {0: 700}


def test_it_is_an_estimator_of_scikit_learn() -> None:
    columns = clone(TableColumns()).set_output(transform="pandas")
    frame = pd.DataFrame({"a": cycle(["x", "y"]), "b": NOISE})
    assert columns.fit_transform(frame).columns.tolist() == ["a", "b"]
    columns.fit(np.column_stack([NOISE, NOISE**2]))  # again, with something else
    assert not hasattr(columns, "feature_names_in_")


CELLS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.dates(), st.datetimes(),
    st.sampled_from(["1", "2.5", "low", "high", "2024-01-01", "5-10", "1st", "12%", "?"]),
)  # fmt: skip


def tried(method: Any, rows: Any) -> tuple[Any, str]:
    """What a method returns, or how it refuses."""
    try:
        return method(rows), ""
    except ValueError as error:
        return None, str(error)


@given(st.lists(st.tuples(CELLS, CELLS), min_size=1, max_size=12), st.lists(st.tuples(CELLS, CELLS), min_size=1))
def test_whatever_a_table_holds_it_is_read_or_refused(rows: list[Any], others: list[Any]) -> None:
    columns = TableColumns()
    found, refusal = tried(columns.fit_transform, rows)
    if found is None:
        assert "no column that can be used" in refusal
        return
    assert found.shape == (len(rows), len(columns.names_out_))
    assert not np.isinf(found).any()
    assert set(columns.roles_) | set(columns.dropped_) == {"x0", "x1"}
    np.testing.assert_array_equal(columns.transform(rows), found)
    read, refusal = tried(columns.transform, others)
    assert "held" in refusal if read is None else read.shape == (len(others), found.shape[1])


def test_digits_that_name_things_are_categories() -> None:
    pd = pytest.importorskip("pandas")
    numbers = [str(i % 12) for i in range(60)]
    frame = pd.DataFrame({"user_id": numbers, "amount": numbers[::-1]})
    columns = TableColumns().fit(frame)
    assert columns.roles_ == {"user_id": "category", "amount": "number"}
    typed = TableColumns().fit(frame.assign(size=np.arange(60) % 7 * 1.5))
    assert typed.roles_ == {"user_id": "category", "amount": "category", "size": "number"}  # texts are meant as texts
    assert columns.transform(frame)[:3, 0].tolist() == [0.0, 1.0, 2.0]
    assert "identify something" in " ".join(columns.notes_)
