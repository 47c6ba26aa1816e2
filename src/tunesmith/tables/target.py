"""`read_target`: what a target is, classes or numbers, and its values in the form that estimators take."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.tables.values import Values, check_computed, column_values, label_text, narwhals_for, object_array
from tunesmith.tables.writing import GAPS, date_writing, number_writing

MOST_CLASSES = 20  # more different whole numbers than that are numbers
ROWS_OF_A_CLASS = 5  # that whole numbers have on average at least, where they are classes

TASKS = ("classification", "binary", "multiclass", "regression")


@dataclass(frozen=True)
class Target:
    """A target as estimators take it.

    Attributes:
        task: "binary" or "multiclass" of classes, "regression" of numbers.
        y: of the rows that are kept: indices of `classes`, np.intp, or numbers, float64; shape [n_kept].
        classes: the labels as they were given, sorted; None of a regression.
        kept: whether each given row is kept, shape [n]; None: all are. Rows without a target are left out.
        notes: sentences on what was inferred.
        name: what it is called in sentences: the name of its column, in quotes, else "y".
    """

    task: Literal["binary", "multiclass", "regression"]
    y: NDArray[Any]
    classes: NDArray[Any] | None = None
    kept: NDArray[np.bool_] | None = None
    notes: tuple[str, ...] = ()
    name: str = "y"


@checked()
def read_target(y: Any, task: str | None = None, caller: str = "tune", rows: int | None = None) -> Target:
    """Return a target in the form that estimators take, and what it is.

    Texts, truth values and categories are classes. Whole numbers are classes where there are at most 20 different ones
    and enough rows of each; other numbers are a regression.

    Args:
        y: one value for each row: an array, a list, a column of pandas, polars or pyarrow.
        task: "classification", "binary", "multiclass" or "regression"; None: found out from y.
        caller: what the user called, for errors.
        rows: how many rows X has; None: not known.

    Returns:
        the target.

    Raises:
        ValueError: there is nothing to learn from y, or it is not what `task` says.
        MissingDependencyError: y is of a library that narwhals reads, which is not installed.
    """
    if task is not None and task not in TASKS:
        raise ValueError(
            f"{caller}: task={shown(task)} is none of {listing(TASKS)}{did_you_mean(task, TASKS)}; None finds it out"
        )
    column = _one_column(y, caller)
    if len(column) == 0:
        raise ValueError(f"{caller}: y is empty: it has 0 rows; give the target, one value for each row of X")
    if rows is not None and len(column) != rows:
        raise ValueError(f"{caller}: X has {rows:,} rows and y has {len(column):,}; each row needs one target")
    name = getattr(column, "name", None)
    return _Reading(
        column_values(column), task, caller, shown(name) if isinstance(name, str) and name else "y"
    ).target()


def _one_column(y: Any, caller: str) -> Any:
    """Return y as something of one dimension.

    Raises:
        ValueError: it has several columns, or is not a column.
    """
    if y is None:
        raise ValueError(f"{caller}: y is None; give the target, one value for each row of X")
    if isinstance(y, str | bytes | dict):
        raise ValueError(f"{caller}: y must be the target's values, one for each row of X; got {shown(y)}")
    if isinstance(y, set | frozenset):
        raise ValueError(f"{caller}: y is a set, which has no order; give a list or an array")
    pandas = sys.modules.get("pandas")
    if sparse.issparse(y):
        y = y.toarray()
    elif pandas is not None and isinstance(y, pandas.DataFrame | pandas.Series | pandas.Index):
        if isinstance(y, pandas.DataFrame):
            _check_width(y.shape[1], list(y.columns), caller)
            return y.iloc[:, 0]
        return y
    elif not isinstance(y, np.ndarray | list | tuple):
        check_computed(y, f"{caller}: y")
        if (nw := narwhals_for(y)) is not None:
            found = nw.from_native(y, pass_through=True, allow_series=True)
            if isinstance(found, nw.DataFrame):
                _check_width(found.shape[1], list(found.columns), caller)
                return found[:, 0]
            if isinstance(found, nw.Series):
                return found
    array = np.asarray(y) if hasattr(y, "__array__") else _objects(y)
    if array.ndim == 2:
        _check_width(array.shape[1], None, caller)
        return array[:, 0]
    if array.ndim != 1:
        raise ValueError(f"{caller}: y must have one dimension, one value for each row of X; it has {array.ndim}")
    return array


def _objects(y: Any) -> NDArray[Any]:
    """Return y as an array of objects, so that texts and numbers stay what they are."""
    found = list(y) if hasattr(y, "__iter__") else y
    try:
        return np.array(found, dtype=object)
    except ValueError:  # rows of different lengths
        return object_array(found)


def _check_width(width: int, names: list[Any] | None, caller: str) -> None:
    if width != 1:
        which = "" if names is None else f" ({listing(names, 5)})"
        raise ValueError(
            f"{caller}: y has {width} columns{which}; one target at a time can be learned. Give one column, or, where "
            "the columns are classes marked by 1, y.argmax(axis=1)"
        )


class _Reading:
    """Reads one column as a target."""

    def __init__(self, values: Values, task: str | None, caller: str, name: str) -> None:
        self.values, self.task, self.caller, self.name = values, task, caller, name
        self.notes: list[str] = []
        self.kept = ~values.missing

    def target(self) -> Target:
        values = self.values
        if values.kind == "unreadable":
            raise self.error(f"{self.name} holds {values.type}; it must hold numbers or labels")
        if values.kind == "nothing":
            raise self.error(f"every value of {self.name} is missing; there is nothing to learn from")
        if values.kind == "date":
            raise self.dates()
        n_missing = int((~self.kept).sum())
        if n_missing:
            self.notes.append(
                f"{_row_count(n_missing)} of {len(self.kept):,} without a target {_are(n_missing)} left out."
            )
        if values.type == "duration" and values.kind == "number":
            self.notes.append(f"{self.name} holds times, which are read as days (times of the day as hours).")
        if values.kind == "number":
            return self.of_numbers(values.data[self.kept], values.type)
        if values.kind == "boolean":
            if self.task == "regression":
                self.notes.append(
                    f"{self.name} holds truth values, read as the numbers 0 and 1, since task='regression'."
                )
                return self.regression(values.data[self.kept])
            return self.of_classes(values.data[self.kept].astype(np.intp), [False, True])
        return self.of_labels()

    def error(self, text: str) -> ValueError:
        return ValueError(f"{self.caller}: {text}")

    def dates(self) -> ValueError:
        return self.error(
            f"{self.name} holds dates, which no estimator predicts; give numbers in their place, such as the days "
            "since a date"
        )

    # ------------------------------------------------------------------------------------------------------- numbers

    def of_numbers(self, y: NDArray[np.float64], type_: str) -> Target:
        n_infinite = int(np.isinf(y).sum())
        if n_infinite:
            raise self.error(
                f"{self.name} is infinite in {_row_count(n_infinite)}; give numbers there, or leave these rows out: "
                "rows = numpy.isfinite(y)"
            )
        different, codes, counts = np.unique(y, return_inverse=True, return_counts=True)
        k, n = len(different), len(y)
        is_whole = bool(np.all(different == np.floor(different)))
        if k == 1 or self.task == "regression":
            return self.regression(y)
        if self.task is not None:
            self.check_number_of_classes(k, n, "numbers")
            return self.of_classes(codes, _as_given(different, type_))
        if _are_classes(different, counts):
            if not set(different.tolist()) <= {-1.0, 0.0, 1.0}:
                self.notes.append(
                    f"{self.name} has {k} different whole numbers, which are read as classes; task='regression' reads "
                    "them as numbers."
                )
            return self.of_classes(codes, _as_given(different, type_))
        if k <= MOST_CLASSES or (is_whole and k <= n / ROWS_OF_A_CLASS):
            why = "" if not is_whole or k > MOST_CLASSES else ", too few rows of each for classes"
            self.notes.append(
                f"{self.name} has {k} different {'whole ' if is_whole else ''}numbers in {n:,} rows{why}: a "
                "regression; task='classification' reads them as classes."
            )
        return self.regression(y)

    def regression(self, y: NDArray[np.float64]) -> Target:
        if y.min() == y.max():
            raise self.error(f"every value of {self.name} is {label_text(y[0])}; there is nothing to learn")
        return Target("regression", y.astype(np.float64), None, self.mask(), tuple(self.notes), self.name)

    # ------------------------------------------------------------------------------------------------------- classes

    def of_labels(self) -> Target:
        values = self.values
        texts = [label_text(level) for level in values.levels]
        counts = np.bincount(values.data[self.kept], minlength=len(texts))
        may_be_numbers = self.task == "regression" or (self.task is None and values.type != "category")
        numbers = self.in_texts(texts, counts) if may_be_numbers else None
        if self.task == "regression" and numbers is None:
            odd = next((text for text in texts if number_writing([text], np.ones(1, np.intp)) is None), texts[0])
            raise self.error(
                f"task='regression' needs numbers, and {self.name} holds labels such as {shown(odd)}; give numbers, or "
                "task='classification'"
            )
        different, rows = np.unique([] if numbers is None else numbers, return_counts=True)
        if numbers is not None and (self.task == "regression" or not _are_classes(different, rows)):
            self.notes.append(f"The values of {self.name} are texts, all of them numbers: they are read as numbers.")
            return self.of_numbers(numbers, "float")
        if numbers is not None:
            self.notes.append(
                f"The values of {self.name} are texts, all of them numbers, with {len(different)} different ones: they "
                "are read as classes; task='regression' reads them as numbers."
            )
        elif may_be_numbers and date_writing(texts, counts) is not None:
            raise self.dates()
        codes = values.data[self.kept]
        self.check_number_of_classes(len(texts), len(codes), "labels")
        order = sorted(range(len(texts)), key=lambda i: _sort_key(values.levels[i]))
        place = np.empty(len(order), dtype=np.intp)
        place[order] = np.arange(len(order))
        return self.of_classes(place[codes], [values.levels[i] for i in order])

    def in_texts(self, texts: list[str], counts: NDArray[np.intp]) -> NDArray[np.float64] | None:
        """Return the numbers that the labels hold; None if some are not numbers. Rows such as "?" are left out.

        Args:
            texts: of the labels.
            counts: how many rows each has.
        """
        written = number_writing(texts, counts)
        if written is None:
            return None
        is_none = np.isnan(written[1])
        if not all(text.lower() in GAPS for text, none in zip(texts, is_none, strict=True) if none):
            return None
        lost = self.kept & np.append(is_none, False)[self.values.data]
        if lost.any():
            gaps = listing([text for text, none in zip(texts, is_none, strict=True) if none], 3)
            n = int(lost.sum())
            self.notes.append(f"{_row_count(n)} of {self.name} with {gaps} in place of a number {_are(n)} left out.")
            self.kept = self.kept & ~lost
        return np.asarray(written[1][self.values.data[self.kept]])

    def check_number_of_classes(self, k: int, n: int, what: str) -> None:
        if k > MOST_CLASSES and k > n / 2:
            raise self.error(
                f"{self.name} has {k:,} different {what} in {n:,} rows, too many for classes: "
                + ("task='regression' reads them as numbers" if what == "numbers" else "is it an identifier?")
            )

    def of_classes(self, codes: NDArray[np.intp], labels: list[Any]) -> Target:
        """Return a classification; `codes` are of the rows that are kept."""
        counts = np.bincount(codes, minlength=len(labels))
        alone = np.flatnonzero(counts == 1)
        if len(alone) == len(codes):
            raise self.error(
                f"each of the {len(alone):,} classes of {self.name} has one row only; a class needs two or more rows"
            )
        if len(alone):
            names = listing([_plain_label(labels[i]) for i in alone], 5)
            what, have, they = ("class", "has", "it") if len(alone) == 1 else ("classes", "have", "they")
            self.notes.append(
                f"The {what} {names} of {self.name} {have} one row only and {_are(len(alone))} left out, since {they} "
                "cannot be both learned and tested."
            )
            stays = ~np.isin(codes, alone)
            self.kept = self.kept.copy()
            self.kept[np.flatnonzero(self.kept)[~stays]] = False
            codes = codes[stays]
        present = np.flatnonzero(np.bincount(codes, minlength=len(labels)))
        if len(present) < 2:
            which = shown(_plain_label(labels[present[0]])) if len(present) else "none"
            left = " after a class with one row is left out" if len(alone) else ""
            raise self.error(
                f"{self.name} has one class only ({which}){left}; a classification needs two or more rows of "
                "each of two"
            )
        moved = np.full(len(labels), -1, dtype=np.intp)
        moved[present] = np.arange(len(present))
        if self.task == "binary" and len(present) > 2:
            names = listing([_plain_label(labels[i]) for i in present], 5)
            raise self.error(
                f"task='binary' needs two classes, and {self.name} has {len(present)} ({names}); give task='multiclass'"
            )
        if self.task == "multiclass" and len(present) == 2:
            self.notes.append(f"{self.name} has two classes, so that task='multiclass' is a binary one.")
        task: Literal["binary", "multiclass"] = "binary" if len(present) == 2 else "multiclass"
        own = _label_array([labels[i] for i in present])
        return Target(task, moved[codes], own, self.mask(), tuple(self.notes), self.name)

    def mask(self) -> NDArray[np.bool_] | None:
        return None if self.kept.all() else self.kept


def _are_classes(different: NDArray[np.float64], counts: NDArray[np.intp]) -> bool:
    """Tell whether different numbers with their counts of rows are classes: few, whole, and with enough rows."""
    k, n = len(different), int(counts.sum())
    is_whole = bool(np.all(different == np.floor(different)))
    enough = k <= MOST_CLASSES and n >= ROWS_OF_A_CLASS * k and int(counts.min()) > 1
    return is_whole and (enough or (k == 2 and n > 2))


def _as_given(numbers: NDArray[np.float64], type_: str) -> list[Any]:
    return [int(number) for number in numbers] if type_ == "integer" else numbers.tolist()


def _label_array(labels: list[Any]) -> NDArray[Any]:
    """Return labels as an array: of numbers or truth values, else of objects."""
    plain = all(isinstance(label, bool | int | float | np.number | np.bool_) for label in labels)
    return np.array(labels) if plain else object_array(labels)


def _sort_key(label: Any) -> tuple[bool, float, str]:
    """Return what labels are sorted by: numbers come first, then texts."""
    if isinstance(label, int | float | np.number):
        return False, float(label), ""
    return True, 0.0, str(label)


def _plain_label(label: Any) -> Any:
    """Return a label without NumPy's type, which would be shown in messages."""
    return label.item() if isinstance(label, np.generic) else label


def _row_count(n: int) -> str:
    return "1 row" if n == 1 else f"{n:,} rows"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"
