"""One column of any library as NumPy arrays: numbers, truth values, dates or labels, and tables as such columns.

Pandas is read where a program has imported it already; polars, pyarrow and others are read by narwhals.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import MissingDependencyError
from tunesmith.foundation.text import shown
from tunesmith.tables.writing import BLANK, FALSE, TRUE, NumberWriting, dates_in, numbers_in

DAY = 86_400_000_000  # microseconds
Kind = Literal["number", "boolean", "date", "labels", "nothing", "unreadable"]


@dataclass(frozen=True)
class Values:
    """What one column holds.

    Attributes:
        kind: "nothing": every value is missing; "unreadable": no estimator can read it.
        data: "number": float64, NaN is missing; "boolean": 0.0, 1.0 and NaN; "date": datetime64[us]; "labels": indices
            of `levels`, -1 is missing; shape [n].
        levels: the different labels as they were given, each of which occurs; in the order of an ordered category,
            else in any.
        type: of the column as it came: "float", "integer", "boolean", "date", "duration", "category", "object", or what
            an unreadable one holds.
        ordered: whether the levels have an order.
    """

    kind: Kind
    data: NDArray[Any]
    levels: tuple[Any, ...] = ()
    type: str = "object"
    ordered: bool = False

    @property
    def missing(self) -> NDArray[np.bool_]:
        """Whether each value is missing, shape [n]."""
        if self.kind == "date":
            return np.asarray(np.isnat(self.data))
        if self.kind == "labels":
            return np.asarray(self.data < 0)
        return np.asarray(np.isnan(self.data))

    def numbers(self, writing: NumberWriting | None = None) -> NDArray[np.float64]:
        """Return the column as numbers, shape [n]; NaN is missing or no number.

        Args:
            writing: how numbers are written where the column holds texts; None: as Python writes them.
        """
        if self.kind in ("number", "boolean"):
            return self.data
        if self.kind != "labels":
            return np.full(len(self.data), np.nan)
        found = numbers_in([label_text(level) for level in self.levels], writing or NumberWriting())
        return _spread(found, self.data)

    def booleans(self) -> NDArray[np.float64]:
        """Return the column as 0.0 and 1.0, shape [n]; NaN is missing or no truth value."""
        if self.kind == "labels":
            texts = [label_text(level).lower() for level in self.levels]
            read = [1.0 if text in TRUE else 0.0 if text in FALSE else np.nan for text in texts]
            return _spread(np.array(read), self.data)
        found = self.numbers()
        return np.where((found == 0) | (found == 1), found, np.nan)

    def dates(self, day_first: bool = False) -> NDArray[np.datetime64]:
        """Return the column as dates, shape [n]; NaT is missing or no date.

        Args:
            day_first: whether 1/2/2024 is in February.
        """
        if self.kind == "date":
            return self.data
        if self.kind != "labels":
            return np.full(len(self.data), "NaT", dtype="datetime64[us]")
        found = np.append(dates_in([label_text(level) for level in self.levels], day_first), np.datetime64("NaT", "us"))
        return np.asarray(found[self.data])

    def texts(self) -> tuple[NDArray[np.intp], list[str]]:
        """Return the index of each value in a list of texts [n], -1 where it is missing, and the texts.

        One value has one text, whichever its type: 1, 1.0 and "1" are "1".
        """
        if self.kind == "labels":
            return self.data, [label_text(level) for level in self.levels]
        known = ~self.missing
        different, inverse = np.unique(self.data[known], return_inverse=True)
        codes = np.full(len(self.data), -1, dtype=np.intp)
        codes[known] = inverse
        if self.kind == "boolean":
            return codes, [str(value == 1) for value in different.tolist()]
        return codes, [label_text(value) for value in different.tolist()]


def label_text(label: Any) -> str:
    """Return the text of a label, the same for a number as for its text: "1" of 1, 1.0 and " 1"."""
    if isinstance(label, str):
        return label.strip()
    if isinstance(label, bytes):
        return label.decode(errors="replace").strip()
    if isinstance(label, bool | np.bool_):
        return str(bool(label))
    if isinstance(label, Real):
        value = _as_float(label)
        return str(int(value)) if value.is_integer() else repr(value)
    return str(label).strip()


def _spread(of_levels: NDArray[np.float64], codes: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return the number of each row's level; that of the code -1 is NaN."""
    return np.append(of_levels, np.nan)[codes]


# ------------------------------------------------------------------------------------------------------- one column


def values_of(column: Any) -> Values:
    """Return what a column holds.

    Args:
        column: a pandas Series, a Series of narwhals, an array of one dimension, or a sequence.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(column, pandas.Series | pandas.Index):
        return _of_pandas(column if isinstance(column, pandas.Series) else column.to_series(), pandas)
    if type(column).__module__.partition(".")[0] == "narwhals":
        return _of_narwhals(column)
    return _of_array(column if isinstance(column, np.ndarray) else _objects(column))


def _objects(items: Iterable[Any]) -> NDArray[Any]:
    """Return items as an array of objects of one dimension, whatever they are."""
    found = list(items)
    array = np.empty(len(found), dtype=object)
    array[:] = found
    return array


def _of_array(array: NDArray[Any]) -> Values:
    kind = array.dtype.kind
    if kind in "iufb":
        numbers = array.astype(np.float64)
        if isinstance(array, np.ma.MaskedArray):
            numbers = np.ma.filled(numbers, np.nan)
        return _numeric(numbers, kind)
    if isinstance(array, np.ma.MaskedArray):
        array = np.ma.filled(array.astype(object), None)
    elif kind == "M":
        return _dates(array)
    elif kind == "m":
        return _durations(array)
    elif kind in "cV":
        return _unreadable(len(array), "complex numbers" if kind == "c" else "records")
    return _of_objects(array.tolist())


def _of_pandas(series: Any, pandas: Any) -> Values:
    dtype = series.dtype
    if isinstance(dtype, pandas.SparseDtype):
        series = series.sparse.to_dense()
        dtype = series.dtype
    if isinstance(dtype, pandas.CategoricalDtype):
        codes = series.cat.codes.to_numpy().astype(np.intp)
        return _labelled(codes, series.cat.categories.tolist(), bool(series.cat.ordered), "category")
    if isinstance(dtype, pandas.PeriodDtype):
        series = series.dt.to_timestamp()
        dtype = series.dtype
    kind = dtype.kind
    if kind in "iufb":
        if isinstance(dtype, np.dtype):
            return _numeric(series.to_numpy(dtype=np.float64), kind)
        return _numeric(series.to_numpy(dtype=np.float64, na_value=np.nan), kind)
    if kind == "M":
        if getattr(dtype, "tz", None) is not None or "tz=" in str(dtype):
            series = series.dt.tz_localize(None)  # what a clock on the wall shows says more than UTC
        return _dates(series.to_numpy(dtype="datetime64[us]"))
    if kind == "m":
        return _durations(series.to_numpy(dtype="timedelta64[us]"))
    if kind == "c":
        return _unreadable(len(series), "complex numbers")
    try:
        codes, levels = series.factorize()
    except (TypeError, NotImplementedError):  # values that cannot be hashed, or lists of pyarrow
        return _of_objects(series.tolist())
    return _labelled(codes.astype(np.intp), list(levels), False, "object")


def _of_narwhals(series: Any) -> Values:
    nw = importlib.import_module("narwhals")
    dtype = series.dtype
    if dtype == nw.Boolean:
        return _numeric(series.cast(nw.Int8).cast(nw.Float64).to_numpy().astype(np.float64), "b")
    if dtype.is_numeric():
        numbers = series.cast(nw.Float64).to_numpy().astype(np.float64)
        return _numeric(numbers, "i" if dtype.is_integer() else "f")
    if dtype == nw.Date:
        return _dates(series.cast(nw.Datetime("us")).to_numpy())
    if dtype == nw.Datetime:
        series = series.dt.replace_time_zone(None) if dtype.time_zone is not None else series
        return _dates(series.to_numpy())
    if dtype == nw.Duration:
        return _durations(series.to_numpy())
    if dtype in (nw.Categorical, nw.Enum):
        return _of_objects(series.cast(nw.String).to_list(), "category")
    return _of_objects(series.to_list())


def _numeric(numbers: NDArray[np.float64], kind: str) -> Values:
    type_ = {"b": "boolean", "f": "float"}.get(kind, "integer")
    if np.isnan(numbers).all():
        return Values("nothing", np.full(len(numbers), np.nan), type=type_)
    return Values("boolean" if kind == "b" else "number", numbers, type=type_)


def _dates(array: NDArray[Any]) -> Values:
    found = array.astype("datetime64[us]")
    if np.isnat(found).all():
        return Values("nothing", np.full(len(found), np.nan), type="date")
    return Values("date", found, type="date")


def _durations(array: NDArray[Any]) -> Values:
    found = array.astype("timedelta64[us]")
    days = np.where(np.isnat(found), np.nan, found.astype(np.int64) / DAY)
    return Values("nothing" if np.isnan(days).all() else "number", days, type="duration")


def _unreadable(n: int, what: str) -> Values:
    return Values("unreadable", np.full(n, np.nan), type=what)


def _of_objects(items: list[Any], type_: str = "object") -> Values:
    index: dict[Any, int] = {}
    try:
        codes = np.fromiter((index.setdefault(item, len(index)) for item in items), dtype=np.intp, count=len(items))
    except TypeError:
        odd = next(item for item in items if not _has_hash(item))
        return _unreadable(len(items), f"values of the type {type(odd).__name__}")
    return _labelled(codes, list(index), False, type_)


def _has_hash(item: Any) -> bool:
    try:
        hash(item)
    except TypeError:
        return False
    return True


def is_missing(value: Any) -> bool:
    """Tell whether a value stands for one that is not there: None, NaN, NaT, pandas.NA, a blank text."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    if isinstance(value, str):
        return value.strip() in BLANK
    if isinstance(value, Decimal):
        return value.is_nan()
    return isinstance(value, float | np.floating | np.datetime64 | np.timedelta64) and bool(value != value)


def _labelled(codes: NDArray[np.intp], levels: list[Any], ordered: bool, type_: str) -> Values:
    """Return what codes of levels are: without missing levels and such as do not occur, and by the levels' types."""
    occurs = np.zeros(len(levels) + 1, dtype=bool)
    occurs[codes] = True
    kept = [i for i, level in enumerate(levels) if occurs[i] and not is_missing(level)]
    if not kept:
        return Values("nothing", np.full(len(codes), np.nan), type=type_)
    if len(kept) < len(levels):
        moved = np.full(len(levels) + 1, -1, dtype=np.intp)
        moved[kept] = np.arange(len(kept))
        codes, levels = moved[codes], [levels[i] for i in kept]
    types = {type(level) for level in levels}
    if all(issubclass(one, bool | np.bool_) for one in types):
        return Values("boolean", _spread(np.array(levels, dtype=np.float64), codes), type="boolean")
    if type_ != "category":
        if any(issubclass(one, complex | np.complexfloating) for one in types):
            return _unreadable(len(codes), "complex numbers")
        if all(issubclass(one, Real | Decimal | np.bool_) for one in types):
            whole = all(issubclass(one, Integral) for one in types)
            numbers = np.array([_as_float(level) for level in levels])
            return Values("number", _spread(numbers, codes), type="integer" if whole else "float")
        if all(issubclass(one, date | np.datetime64) for one in types):
            found = np.array([*map(_as_date, levels), np.datetime64("NaT", "us")], dtype="datetime64[us]")
            return Values("date", found[codes], type="date")
        if all(issubclass(one, timedelta | np.timedelta64) for one in types):
            spans = np.array([np.timedelta64(level, "us") for level in levels])
            return Values("number", _spread(spans.astype(np.int64) / DAY, codes), type="duration")
        if all(issubclass(one, time) for one in types):
            hours = [t.hour + t.minute / 60 + (t.second + t.microsecond / 1e6) / 3600 for t in levels]
            return Values("number", _spread(np.array(hours), codes), type="duration")
    return Values("labels", codes, tuple(levels), type_, ordered)


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf if value > 0 else -np.inf


def _as_date(value: Any) -> np.datetime64:
    if isinstance(value, datetime):
        return np.datetime64(value.replace(tzinfo=None), "us")
    return np.datetime64(value, "us")


# ------------------------------------------------------------------------------------------------------------ tables


@dataclass(frozen=True)
class Table:
    """A table as columns.

    Attributes:
        names: of its columns; None: it is an array, whose columns have none.
        n_rows: how many rows.
        n_columns: how many columns.
        column: returns what the column of an index holds.
    """

    names: list[Any] | None
    n_rows: int
    n_columns: int
    column: Callable[[int], Values]


def read_table(X: Any) -> Table:
    """Return a table of any library.

    Args:
        X: a frame of pandas, polars, pyarrow or another that narwhals reads, an array, or a list of rows.

    Raises:
        ValueError: it is no table.
        MissingDependencyError: only narwhals can read it, and is not installed.
    """
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(X, pandas.DataFrame):
        return _table_of_pandas(X, pandas)
    if pandas is not None and isinstance(X, pandas.Series):
        raise ValueError("X is one column or one row (a pandas Series); give a frame, such as X.to_frame()")
    if isinstance(X, str | bytes | dict):
        raise ValueError(f"X must be a table (a frame, an array, or a list of rows); got {shown(X)}")
    if not isinstance(X, np.ndarray | list | tuple) and not hasattr(X, "__array_interface__"):
        frame = _with_narwhals(X)
        if frame is not None:
            return Table(list(frame.columns), frame.shape[0], frame.shape[1], lambda i: _of_narwhals(frame[:, i]))
    array = array_of(X)
    if array.dtype.kind == "V":
        raise ValueError(
            "X is an array of records; give its fields as a frame, such as pandas.DataFrame.from_records(X)"
        )
    if array.ndim != 2:
        raise ValueError(
            f"X must have two dimensions, rows and columns; it has {array.ndim}"
            + ("; one column is X.reshape(-1, 1), one row X.reshape(1, -1)" if array.ndim == 1 else "")
        )
    columns = (
        array.T.copy() if array.dtype.kind in "iufb" else array.T
    )  # a column that lies in one piece is read faster
    return Table(None, array.shape[0], array.shape[1], lambda i: _of_array(columns[i]))


def take_rows(X: Any, rows: NDArray[np.intp]) -> Any:
    """Return some rows of a table, in the form that it has.

    Args:
        X: what `read_table` takes, or a sparse matrix.
    """
    if hasattr(X, "iloc"):
        return X.iloc[rows]
    if isinstance(X, list | tuple):
        return array_of(X)[rows]
    if hasattr(X, "tocsr"):  # some kinds of sparse matrices have no rows to take
        return X.tocsr()[rows]
    if hasattr(X, "column_names"):  # of pyarrow
        return X.take(rows)
    return X[rows]


def _table_of_pandas(X: Any, pandas: Any) -> Table:
    """Return a frame as a table; plain columns are taken at once, since a frame is slow to take apart."""
    kinds = [dtype.kind if isinstance(dtype, np.dtype) else "O" for dtype in X.dtypes]
    plain = [i for i, kind in enumerate(kinds) if kind in "iufb"]
    row = {at: i for i, at in enumerate(plain)}
    numbers = X.iloc[:, plain].to_numpy(dtype=np.float64).T

    def column(i: int) -> Values:
        return _numeric(numbers[row[i]].copy(), kinds[i]) if i in row else _of_pandas(X.iloc[:, i], pandas)

    return Table(list(X.columns), len(X), X.shape[1], column)


def array_of(X: Any) -> NDArray[Any]:
    """Return rows as an array, of objects where they are not all numbers.

    Args:
        X: an array, a list of rows, or what NumPy makes an array of.

    Raises:
        ValueError: rows have different lengths, or it is no table.
    """
    if isinstance(X, np.ndarray):
        return np.asanyarray(X) if isinstance(X, np.ma.MaskedArray) else np.asarray(X)
    if isinstance(X, list | tuple):
        if X and isinstance(X[0], dict):
            raise ValueError("X is a list of dicts; make a frame of it: pandas.DataFrame(X)")
        try:
            array = np.array(X)
            if array.dtype.kind in "iuf":
                return array
        except (ValueError, TypeError, OverflowError, Warning):
            pass  # what is wrong is told below
        try:
            array = np.array(X, dtype=object)
        except ValueError as error:
            raise ValueError("the rows of X have different lengths; each must have a value for each column") from error
        if array.ndim == 1 and len({len(row) for row in X if isinstance(row, list | tuple)}) > 1:
            raise ValueError("the rows of X have different lengths; each must have a value for each column")
        return array
    try:
        array = np.asarray(X)
    except Exception as error:  # whatever a foreign object raises where it is converted
        raise ValueError(f"X is no table that can be read: {type(X).__name__} ({error})") from error
    if array.ndim == 0:
        raise ValueError(f"X must be a table (a frame, an array, or a list of rows); got {shown(X)}")
    return array


def narwhals_for(value: Any) -> Any:
    """Return narwhals, for a frame or a series that it may read; None: it is not installed, and is not needed.

    Raises:
        MissingDependencyError: the value is of polars or pyarrow.
    """
    try:
        return importlib.import_module("narwhals")
    except ModuleNotFoundError as error:
        library = type(value).__module__.partition(".")[0]
        if library in ("polars", "pyarrow"):
            raise MissingDependencyError(
                f"a table of {library} is read by narwhals, which is not installed: pip install narwhals"
            ) from error
        return None


def check_computed(value: Any, what: str) -> None:
    """Refuse a frame or a column that is a plan only, such as those of Dask, and lazy ones of polars.

    Args:
        what: its name in errors.

    Raises:
        ValueError: so it is.
    """
    for method in ("collect", "compute"):
        if hasattr(type(value), method):
            raise ValueError(f"{what} is a {type(value).__name__}, which is not computed yet; call its {method}()")


def _with_narwhals(X: Any) -> Any:
    """Return a frame of narwhals; None: it is nothing that narwhals reads."""
    check_computed(X, "X")
    nw = narwhals_for(X)
    if nw is None:
        return None
    found = nw.from_native(X, pass_through=True, allow_series=True)
    if isinstance(found, nw.Series):
        raise ValueError(f"X is one column (a {type(X).__name__}); give a frame")
    return found if isinstance(found, nw.DataFrame) else None
