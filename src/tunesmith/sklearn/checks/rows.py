"""What rows tell of one another across the folds: copies, groups, the order of time, and columns that hold the target.

What is found is not an error. The figure of a search holds for new rows of the same kind, and copies may be usual in
that kind; so each finding is a sentence that says what to do if they are not. `SearchCV` and `tune` both look, before
the first fit.

Symbols: n rows, d columns, k distinct rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import GroupKFold, StratifiedGroupKFold, TimeSeriesSplit

from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.text import printable, shorten, shown
from tunesmith.selection.metric import Splits, in_time_order, row_indices
from tunesmith.sklearn.protocols import CrossValidation, Data

COLUMNS_LOOKED_AT = 1000  # of more only the first ones are looked at
KEY_COLUMNS = 3  # by the values of so many columns it is judged how many rows are equal by chance
KEY_SHARE = 0.9  # how many of the distinct rows they have to tell apart
ROWS_JUDGED = 20_000  # rows, of more of which that is judged by a sample; of what follows in order, by the first ones
LEAST_COPIES_SHARE = 0.02  # share of the tested rows from which on copies are told
TIMES_BEYOND_CHANCE = 5.0  # as many times as by chance there have to be
LEAST_CONCLUSIVE = 20  # rows, or values of a growing column, with fewer of which nothing is concluded
LEAST_GROUPS = 5  # that an identifier has at least
IDENTIFIER_NAMES = re.compile(
    r"(^|[_\s.-])(id|ids|uuid|patient|subject|user|customer|client|session|group|person|participant|device|account|"
    r"household|family|animal|sample|batch)([_\s.-]?(id|no|nr|num|number|name))?$",
    re.IGNORECASE,
)
TIME_NAMES = re.compile(
    r"(^|[_\s.-])(date|datetime|day|time|timestamp|year|month|week|quarter|hour|minute|second|period|epoch)s?$",
    re.IGNORECASE,
)
A_DATE = re.compile(r"\d{4}-\d{2}(-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?)?)?")  # ISO 8601, as files have it
LEAST_DEPENDENCE = 0.5  # correlation of a row's error with that of the next one from which on rows are a series
ERRORS_BEYOND_CHANCE = 5.0  # standard errors by which it is larger than by chance
TARGET_RANK_CORRELATION = 0.999  # of a column that is the target, but for its units and a few rows
TARGET_SHARE = 0.99  # of the rows, whose class or number a column tells, or of which it holds a neighbour's target
LEAST_OTHERS = 0.1  # share of rows that are not of the largest class, with fewer of which no column is suspected
SHIFTS = (1, 2, 3)  # rows by which a column that holds the target may be shifted


@dataclass(frozen=True, eq=False, slots=True)
class Finding:
    """What was found.

    Attributes:
        sentence: what it is, and what to do.
        where: the column that it was found in, as sentences begin with it; empty: in none.
        groups: the labels [n] of rows that belong together; None: it is something else.
        is_time: whether the rows are in the order of time.
    """

    sentence: str
    where: str = ""
    groups: NDArray[Any] | None = None
    is_time: bool = False

    @property
    def says_how_to_split(self) -> bool:
        """Whether other splits are the remedy."""
        return self.is_time or self.groups is not None


def leaks(X: Data, y: NDArray[Any], splits: Splits, groups: Data) -> list[Finding]:
    """Return what the rows tell of one another across the folds; nothing where nothing is found.

    Args:
        X: the rows [n, d]: an array, a sparse matrix or a frame of pandas or polars; of anything else nothing is known.
        y: their targets [n], or an empty array.
        splits: training and test rows.
        groups: what the splitter was told of groups; None: nothing.
    """
    try:
        is_series = in_time_order(splits)
        told = [_copies(X, y, splits, groups), *_target_columns(X, y, is_series)]
        found = [Finding(sentence) for sentence in told if sentence]
        if groups is None:
            rows = [_identifier(X), None if is_series else _time_order(X, y)]
            found += [one for one in rows if one is not None]
    except (TypeError, ValueError, AttributeError):  # data of a kind of its own are the estimator's to judge
        return []
    return found


def rows_that_belong_together(X: Data, y: NDArray[Any]) -> Finding | None:
    """Return the groups that a column names, or that rows are in the order of time; None: nothing of that is seen.

    Args:
        X: as for `leaks`, as the rest.
    """
    try:
        return _identifier(X) or _time_order(X, y)
    except (TypeError, ValueError, AttributeError):
        return None


def settle_cv(
    cv: CrossValidation | str, X: Data, y: NDArray[Any], groups: Data
) -> tuple[CrossValidation, Any, list[str]]:
    """Return the splitter and the groups that ``cv="auto"`` stands for, and in sentences why; others as they are.

    Args:
        cv: "auto", a number of folds, a splitter, pairs of rows, or None.
        X: the rows.
        y: their targets [n].
        groups: labels [n] of rows that stay together, or None; they come first.

    Raises:
        ValueError: it is another word.
    """
    if not isinstance(cv, str):
        return cv, groups, []
    if cv != "auto":
        raise ValueError(f"cv is 'auto', a number of folds, a splitter, or pairs of rows; got {shown(cv)}")
    if groups is not None or (found := rows_that_belong_together(X, y)) is None:
        return None, groups, []
    if found.groups is not None:
        return None, found.groups, [say("{} is taken for an identifier: folds keep its rows together.", found.where)]
    return TimeSeriesSplit(), None, [say("The rows are taken for a series: each fold is tested on later rows.")]


def group_splitter(k: int, classifies: bool, seed: int) -> Any:
    """Return what makes k folds that keep the rows of a group together."""
    return StratifiedGroupKFold(k, shuffle=True, random_state=seed) if classifies else GroupKFold(k)


def named_columns(X: Data) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the columns as messages name them, and their values [n]."""
    if type(X) is np.ndarray and X.ndim == 2:
        for j in range(min(X.shape[1], COLUMNS_LOOKED_AT)):
            yield f"column {j}", X[:, j]
    elif hasattr(X, "columns"):
        for j, name in enumerate(list(X.columns)[:COLUMNS_LOOKED_AT]):
            column = X.iloc[:, j] if _is_frame(X) else X[name]
            yield f"column {shorten(printable(str(name)), 40)!r}", column.to_numpy()


def _is_frame(X: Data) -> bool:
    return hasattr(X, "iloc") and hasattr(X, "columns")


# -- copies ------------------------------------------------------------------------------------------------------------


def row_codes(X: Data) -> Indices | None:
    """Return a number for each row [n], the same for rows that are equal; None if that cannot be told."""
    if sparse.issparse(X):
        rows = sparse.csr_matrix(X)
        rows.sum_duplicates()  # and sorts
        ends = rows.indptr
        keys = np.array([hash((rows.indices[a:b].tobytes(), rows.data[a:b].tobytes())) for a, b in pairwise(ends)])
    elif _is_frame(X):
        import pandas as pd

        keys = pd.util.hash_pandas_object(X, index=False).to_numpy()
    elif type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "biuf" and X.dtype.itemsize <= 8:
        keys = np.zeros(len(X), np.uint64)
        for j in range(X.shape[1]):  # a polynomial in an odd number, modulo 2**64
            bits = np.ascontiguousarray(X[:, j]).view(f"u{X.dtype.itemsize}").astype(np.uint64)
            keys = (keys ^ (keys >> np.uint64(29)) ^ bits) * np.uint64(0x9E3779B97F4A7C15)
    else:
        return None
    return np.asarray(np.unique(keys, return_inverse=True)[1].ravel(), np.intp)


def _copies(X: Data, y: NDArray[Any], splits: Splits, groups: Data) -> str | None:
    """Tell how many of the tested rows stand among the training rows of their split as well."""
    code = row_codes(X)
    if code is None or len(code) < LEAST_CONCLUSIVE or not LEAST_CONCLUSIVE <= code.max() + 1 < len(code):
        return None
    asked, there = [], []
    tested = 0
    for train, test in splits:
        learnt, own = row_indices(train), row_indices(test)
        place = np.full(code.max() + 1, -1)
        place[code[learnt]] = learnt
        copy = place[code[own]]
        tested += len(own)
        asked.append(own[copy >= 0])
        there.append(copy[copy >= 0])
    rows, copies = np.concatenate(asked), np.concatenate(there)
    share = len(rows) / max(tested, 1)
    if share < LEAST_COPIES_SHARE or share < TIMES_BEYOND_CHANCE * _by_chance(X, code):
        return None
    known = y.ndim == 1 and len(y) == len(code)
    same = known and bool((y[rows] == y[copies]).all())
    if known and not same and not _targets_alike(y, rows, copies, len(np.unique(code[rows]))):
        return None  # what a copy was told of its target says nothing of the tested row's
    labels = " with the same target" if same else ""
    remedy = "give each row's original as groups= with a splitter for groups" if groups is None else "check groups="
    return (
        f"{100 * share:.0f} % of the tested rows have an exact copy among the training rows{labels}: the score is too "
        f"good, unless new rows are copies too. Remove the copies, or {remedy}."
    )


def _targets_alike(y: NDArray[Any], rows: Indices, copies: Indices, n_originals: int) -> bool:
    """Tell whether the targets of rows and of their copies agree more than those of any two rows, beyond 3 errors."""
    if y.dtype.kind == "f":
        spread = float(np.var(y))
        likeness = 1.0 - float(np.mean((y[rows] - y[copies]) ** 2)) / (2.0 * spread) if spread > 0.0 else 0.0
        return likeness > 3.0 / math.sqrt(n_originals)
    shares = np.bincount(_numbered(y)) / len(y)
    chance = float(shares @ shares)
    return float((y[rows] == y[copies]).mean()) - chance > 3.0 * math.sqrt(chance * (1.0 - chance) / n_originals)


def _by_chance(X: Data, code: Indices) -> float:
    """Return the share of rows that have an equal one by chance, as rows of few values have; 1 if they may all.

    Counted are the values of the `KEY_COLUMNS` columns that tell most rows apart (of sparse rows the rarest three
    entries), as if they were independent. Columns may depend on one another, and rows be alike in all of them for
    that; so these columns have to tell nearly all distinct rows apart, which those of rows alike by chance do not.
    """
    n = len(code)
    rows = np.arange(n) if n <= ROWS_JUDGED else np.random.default_rng(0).choice(n, ROWS_JUDGED, replace=False)
    if sparse.issparse(X):
        return float(np.mean(-np.expm1(-n * _rarest(sparse.csr_matrix(X)[rows]))))
    code = _numbered(code[rows])
    first = np.unique(code, return_index=True)[1]
    columns = []
    for _, values in named_columns(X[rows] if type(X) is np.ndarray else X.iloc[rows]):
        own = _numbered(values)
        columns.append((len(np.unique(own[first])), own))
        if columns[-1][0] >= KEY_SHARE * len(first) and _is_continuous(values):
            return 0.0  # numbers of many digits are not equal by chance
    columns.sort(key=lambda column: -column[0])
    if columns[0][0] > len(first) / 2:
        return 1.0  # one column of a grid, such as an age, and what goes with it
    joint, distinct, chance, used = np.zeros(len(rows), np.intp), 1, np.ones(len(rows)), 0
    for size, own in columns:
        both = _numbered(joint * (own.max() + 1) + own)
        told_apart = int(both.max()) + 1
        if used == min(KEY_COLUMNS, len(columns) - 1):  # all columns together tell them apart always
            break
        if told_apart > max(size, distinct) or used == 0:  # else the one follows from the others
            joint, distinct, used = both, told_apart, used + 1
            chance *= (np.bincount(own) / len(own))[own]
    return float(np.mean(-np.expm1(-n * chance))) if distinct >= KEY_SHARE * len(first) else 1.0


def _rarest(rows: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return the product of the shares of rows that have a row's entries [n], of its `KEY_COLUMNS` rarest ones."""
    n = rows.shape[0]
    entry = _numbered(rows.indices.astype(np.int64) * (rows.nnz + 1) + _numbered(rows.data))
    shares = np.bincount(entry)[entry] / n
    owner = np.repeat(np.arange(n), np.diff(rows.indptr))
    shares = shares[np.lexsort((shares, owner))]
    product = np.ones(n)
    for k in range(KEY_COLUMNS):
        has = np.diff(rows.indptr) > k
        product[has] *= shares[rows.indptr[:-1][has] + k]
    return product


def _is_continuous(values: NDArray[Any]) -> bool:
    """Tell whether numbers lie on no grid that they fill in part: they have many more places than there are numbers."""
    if values.dtype.kind != "f":
        return False
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) < LEAST_CONCLUSIVE:
        return False
    return bool(distinct[-1] - distinct[0] >= LEAST_CONCLUSIVE * len(distinct) * np.diff(distinct).min())


def _numbered(values: NDArray[Any]) -> Indices:
    """Return a number from 0 on for each value, the same for equal ones."""
    if values.dtype.hasobject:
        numbers: dict[Any, int] = {}
        return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.intp)
    return np.asarray(np.unique(values, return_inverse=True)[1].ravel(), np.intp)


# -- groups ------------------------------------------------------------------------------------------------------------


def _identifier(X: Data) -> Finding | None:
    """Name a column that says which rows belong together: by its name, or since equal values stand side by side."""
    for name, column in named_columns(X):
        if column.dtype.kind == "f" or len(column) < LEAST_CONCLUSIVE:
            continue
        named = IDENTIFIER_NAMES.search(_bare(name)) is not None
        runs = 1 + int(np.count_nonzero(column[1:] != column[:-1]))
        if not named and runs > len(column) / 2:
            continue
        numbers = _numbered(column)
        n_values = int(numbers.max()) + 1
        if LEAST_GROUPS <= n_values <= len(column) / 2 and (named or runs == n_values):
            where = _begun(name)
            return Finding(
                f"{where} looks like an identifier of groups ({n_values} values in "
                f"{len(column)} rows). If rows of one group are more alike than others, pass it as groups= with "
                "GroupKFold or StratifiedGroupKFold; else the score is too good for new groups.",
                where=where,
                groups=numbers,
            )
    return None


def _begun(name: str) -> str:
    """Return the name of a column as sentences begin with it."""
    return f"{name[0].upper()}{name[1:]}"


def _bare(name: str) -> str:
    """Return the name of a column without what messages say before it."""
    return name.removeprefix("column ").strip("'\"")


# -- time --------------------------------------------------------------------------------------------------------------


def _time_order(X: Data, y: NDArray[Any]) -> Finding | None:
    """Say that rows are in the order of time, or that targets of neighbours are alike, which a mixed split gives away.

    Dates that grow along the rows tell it by themselves; of a number that grows, and of rows without one, the targets
    have to show it: the error of a linear model, which knows nothing of neighbours, is like that of the next row.
    """
    dated = [("the index", X.index.to_numpy())] if _is_frame(X) else []
    growing = None
    for name, column in (*dated, *named_columns(X)):
        if len(column) < LEAST_CONCLUSIVE:
            continue
        column = _as_dates(column)
        if column.dtype.kind in "Mm":
            steps = np.diff(column)
            none = np.timedelta64(0, "us")
            if (steps >= none).all() and (steps > none).mean() > 0.5:
                return Finding(
                    f"The rows are in the order of time (by {name}), and are tested by models that have seen later "
                    "ones. If the model is to predict the future, use cv=TimeSeriesSplit().",
                    is_time=True,
                )
        elif growing is None and _counts_time(name, column):
            growing = name
    if not _is_series(X, y[:ROWS_JUDGED], growing is not None):
        return None
    why = "their targets change slowly along the rows" + (f", and {growing} grows" if growing else "")
    return Finding(
        f"The rows look like a series ({why}), and are tested by models that have seen their neighbours. If the model "
        "is to predict later rows, use cv=TimeSeriesSplit(); if the order means nothing, this is no matter.",
        is_time=True,
    )


def _as_dates(column: NDArray[Any]) -> NDArray[Any]:
    """Return texts that are dates as dates, and anything else as it is."""
    if column.dtype.kind not in "OU" or not all(
        isinstance(text, str) and A_DATE.fullmatch(text) for text in (column[0], column[-1])
    ):
        return column
    try:
        return column.astype("datetime64[us]")
    except (TypeError, ValueError):
        return column


def _counts_time(name: str, column: NDArray[Any]) -> bool:
    """Tell whether a column counts rows or says their time: whole numbers that grow evenly, or a name that says so."""
    if column.dtype.kind not in "iuf" or name == "the index" or not np.isfinite(column).all():
        return False
    steps = np.diff(column)
    if TIME_NAMES.search(_bare(name)):
        return bool((steps >= 0).all() and (steps > 0).any())
    return bool(steps[0] > 0 and (steps == steps[0]).all() and (column == np.round(column)).all())


def _is_series(X: Data, y: NDArray[Any], has_time: bool) -> bool:
    """Tell whether the targets of neighbouring rows are alike, beyond what a linear model knows of them.

    Args:
        y: the targets of the first rows.
        has_time: whether a column grows along the rows; a linear model explains a trend by it, so it is not asked.
    """
    if y.ndim != 1 or len(y) < 2 * LEAST_CONCLUSIVE or y.dtype.kind not in "iufb":
        return False
    labels = np.unique(y)
    is_numeric = _are_numbers(y, len(labels))
    if not is_numeric and len(labels) > LEAST_CONCLUSIVE:
        return False
    told = np.asarray(y, float)[:, None] if is_numeric else (y[:, None] == labels).astype(float)
    runs = 1 + int(np.count_nonzero(np.diff(y)))
    if (np.diff(y) >= 0).all() or (np.diff(y) <= 0).all() or (not is_numeric and runs <= 3 * len(labels)):
        return False  # sorted by the target
    off = told - told.mean(axis=0)
    columns = np.empty((0, 0)) if has_time else _numbers_of(X, len(y))
    if columns.shape[1] >= len(y) / 2:
        return False
    if columns.shape[1]:
        off = off - columns @ np.linalg.lstsq(columns, off, rcond=None)[0]
    spread = float((off * off).sum())
    if spread <= 0.0:
        return False
    alike = float((off[1:] * off[:-1]).sum()) / spread
    return alike > max(LEAST_DEPENDENCE, ERRORS_BEYOND_CHANCE / math.sqrt(len(y)))


def _are_numbers(y: NDArray[Any], distinct: int) -> bool:
    """Tell whether targets are numbers and not classes."""
    return y.dtype.kind == "f" or (y.dtype.kind in "iu" and distinct > max(LEAST_CONCLUSIVE, math.sqrt(len(y))))


def _numbers_of(X: Data, n: int) -> Floats:
    """Return the columns of numbers [n, d] of the first rows, each with mean 0 and spread 1; few choices as dummies."""
    found: list[Floats] = []
    for _, column_values in named_columns(X):
        values = column_values[:n]
        if values.dtype.kind in "iufb":
            column = np.asarray(values, float)
            column = np.where(np.isfinite(column), column, np.nan)
            if np.isnan(column).all():
                continue
            parts = [np.nan_to_num(column - np.nanmean(column))]
        else:
            numbers = _numbered(values)
            if numbers.max() > LEAST_CONCLUSIVE:
                continue
            parts = [part - part.mean() for part in np.eye(int(numbers.max()) + 1)[numbers].T]
        found += [part / spread for part in parts if (spread := float(part.std())) > 0.0]
    return np.column_stack(found) if found else np.empty((0, 0))


# -- columns that hold the target --------------------------------------------------------------------------------------


def _target_columns(X: Data, y: NDArray[Any], is_series: bool) -> Iterator[str]:
    """Say which columns are the target in another form, or that of rows near by.

    Args:
        is_series: whether models are tested on later rows, which may know the targets before them.
    """
    if y.ndim != 1 or len(y) < 2 * LEAST_CONCLUSIVE or y.dtype.kind not in "iufbOU":
        return
    labels = _numbered(y)
    k = int(labels.max()) + 1
    if _are_numbers(y, k):
        if not np.isfinite(y).all() or np.ptp(y) == 0:
            return
        targets: NDArray[Any] = np.asarray(y, float)
    else:
        if k < 2 or np.bincount(labels).max() > (1.0 - LEAST_OTHERS) * len(y):
            return
        targets = labels
    rows = np.arange(len(y))
    if len(rows) > ROWS_JUDGED:
        rows = np.sort(np.random.default_rng(0).choice(len(y), ROWS_JUDGED, replace=False))
    for name, values in named_columns(X):
        shown = _begun(name)
        if _is_target(values[rows], targets[rows]):
            yield (
                f"{shown} by itself tells the target of {100 * TARGET_SHARE:.0f} % of the rows or more. If it is not "
                "known when a prediction is made (it was recorded later, or is the target in another form), leave it "
                "out; else the score is too good."
            )
        elif (shift := _shift_of(values[:ROWS_JUDGED], targets[:ROWS_JUDGED], is_series)) is not None:
            later = "a later" if shift > 0 else "an earlier"
            yield (
                f"{shown} holds the target of {later} row ({abs(shift)} further). "
                + (
                    "It is not known when a prediction is made: leave it out."
                    if shift > 0
                    else "Where folds mix the rows it gives the targets of tested rows away: use cv=TimeSeriesSplit()."
                )
            )


def _is_target(values: NDArray[Any], y: NDArray[Any]) -> bool:
    """Tell whether a column tells the targets y[n]: numbers by their order, classes by few stretches of the column."""
    numeric = values.dtype.kind in "iufb"
    column = np.asarray(values, float) if numeric else _numbered(values).astype(float)
    if not np.isfinite(column).all():
        return False
    own = _numbered(column)
    distinct = int(own.max()) + 1
    if distinct < 2:
        return False
    if y.dtype.kind == "f":
        if not numeric or distinct < LEAST_CONCLUSIVE:
            return False
        steps = np.diff(y[np.argsort(column, kind="stable")])
        in_order = max(float((steps >= 0).mean()), float((steps <= 0).mean()))
        return in_order >= TARGET_SHARE or abs(float(np.corrcoef(own, _numbered(y))[0, 1])) >= TARGET_RANK_CORRELATION
    if distinct <= len(y) / 10:  # choices: how often the class is the usual one of its choice
        table = np.zeros((distinct, int(y.max()) + 1))
        np.add.at(table, (own, y), 1)
        return float(table.max(axis=1).sum()) >= TARGET_SHARE * len(y)
    if not numeric:
        return False
    order = np.lexsort((np.random.default_rng(0).random(len(y)), column))
    changes = int(np.count_nonzero(np.diff(y[order])))
    return changes - int(y.max()) <= (1.0 - TARGET_SHARE) * len(y)


def _shift_of(values: NDArray[Any], y: NDArray[Any], is_series: bool) -> int | None:
    """Return how many rows later the target stands that a column holds; below 0: earlier; None: it holds none."""
    if values.dtype.kind not in "iufb":
        return None
    column = np.asarray(values, float)
    for shift in SHIFTS:
        for by in (shift,) if is_series else (shift, -shift):
            own, other = (column[:-shift], y[shift:]) if by > 0 else (column[shift:], y[:-shift])
            if _is_same(own, other):
                return by
    return None


def _is_same(column: Floats, y: NDArray[Any]) -> bool:
    """Tell whether a column is the targets, in any units, in nearly all rows."""
    known: Mask = np.isfinite(column)
    if known.mean() < 0.9 or np.ptp(column[known]) == 0:
        return False
    own, other = column[known], np.asarray(y[known], float)
    if np.ptp(other) == 0:
        return False
    steps = np.diff(own)
    slope = float(np.median(np.diff(other)[steps != 0] / steps[steps != 0]))
    off = other - slope * own
    middle = float(np.median(off))
    return bool((np.abs(off - middle) <= 1e-6 * np.ptp(other)).mean() >= TARGET_SHARE)
