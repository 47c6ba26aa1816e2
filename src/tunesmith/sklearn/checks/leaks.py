"""Looks, before the first fit, for rows that tell the folds about one another: copies, groups, and the order of time.

What is found is no error. The figure of a search holds for new rows of the same kind, and copies may be usual in that
kind; so each finding is a sentence that says what to do if they are not.

Symbols: n rows, d columns, k distinct rows.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tunesmith.numerics.arrays import Indices
from tunesmith.selection.metric import Splits, in_time_order, row_indices
from tunesmith.sklearn.protocols import Data
from tunesmith.text import printable, shorten

MOST_COLUMNS = 1000  # of more only the first ones are looked at
KEY_COLUMNS = 3  # by the values of so many columns it is judged how many rows are equal by chance
KEY = 0.9  # how many of the distinct rows they have to tell apart
JUDGED = 20_000  # rows, of more of which that is judged by a sample
COPIES = 0.02  # share of the tested rows from which on copies are told
BEYOND_CHANCE = 5.0  # as many times as by chance there have to be
LEAST = 20  # rows, or values of a growing column, with fewer of which nothing is concluded
GROUPS = 5  # that an identifier has at least
NAMED = re.compile(
    r"(^|[_\s.-])(id|ids|uuid|patient|subject|user|customer|client|session|group|person|participant|device|account|"
    r"household|family|animal|sample|batch)([_\s.-]?(id|no|nr|num|number|name))?$",
    re.IGNORECASE,
)


def leaks(X: Data, y: NDArray[Any], splits: Splits, groups: Data) -> list[str]:
    """Return what the rows tell of one another across the folds, in sentences; none where nothing is found.

    Args:
        X: the rows [n, d]: an array, a sparse matrix or a pandas data frame; of anything else nothing is known.
        y: their targets [n], or an empty array.
        splits: training and test rows.
        groups: what the splitter was told of groups; None: nothing.
    """
    try:
        found = [_copies(X, y, splits, groups)]
        if groups is None:
            found += [_identifier(X), _time(X, splits)]
    except (TypeError, ValueError, AttributeError):  # data of a kind of its own are the estimator's to judge
        return []
    return [sentence for sentence in found if sentence]


def columns_of(X: Data) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the columns as messages name them, and their values [n]."""
    if type(X) is np.ndarray and X.ndim == 2:
        for j in range(min(X.shape[1], MOST_COLUMNS)):
            yield f"column {j}", X[:, j]
    elif _is_frame(X):
        for j in range(min(X.shape[1], MOST_COLUMNS)):
            yield f"column {shorten(printable(str(X.columns[j])), 40)!r}", X.iloc[:, j].to_numpy()


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
    if code is None or len(code) < LEAST or not LEAST <= code.max() + 1 < len(code):
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
    if share < COPIES or share < BEYOND_CHANCE * _by_chance(X, code):
        return None
    known = y.ndim == 1 and len(y) == len(code)
    same = known and bool((y[rows] == y[copies]).all())
    if known and not same and not _alike(y, rows, copies, len(np.unique(code[rows]))):
        return None  # what a copy was told of its target says nothing of the tested row's
    labels = " with the same target" if same else ""
    remedy = "give each row's original as groups= with a splitter for groups" if groups is None else "check groups="
    return (
        f"{100 * share:.0f} % of the tested rows have an exact copy among the training rows{labels}: the score is too "
        f"good, unless new rows are copies too. Remove the copies, or {remedy}."
    )


def _alike(y: NDArray[Any], rows: Indices, copies: Indices, n_originals: int) -> bool:
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
    rows = np.arange(n) if n <= JUDGED else np.random.default_rng(0).choice(n, JUDGED, replace=False)
    if sparse.issparse(X):
        return float(np.mean(-np.expm1(-n * _rarest(sparse.csr_matrix(X)[rows]))))
    code = _numbered(code[rows])
    first = np.unique(code, return_index=True)[1]
    columns = []
    for _, values in columns_of(X[rows] if type(X) is np.ndarray else X.iloc[rows]):
        own = _numbered(values)
        columns.append((len(np.unique(own[first])), own))
        if columns[-1][0] >= KEY * len(first) and _is_continuous(values):
            return 0.0  # equal numbers of many digits are no chance
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
    return float(np.mean(-np.expm1(-n * chance))) if distinct >= KEY * len(first) else 1.0


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
    if len(distinct) < LEAST:
        return False
    return bool(distinct[-1] - distinct[0] >= LEAST * len(distinct) * np.diff(distinct).min())


def _numbered(values: NDArray[Any]) -> Indices:
    """Return a number from 0 on for each value, the same for equal ones."""
    if values.dtype.hasobject:
        numbers: dict[Any, int] = {}
        return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.intp)
    return np.asarray(np.unique(values, return_inverse=True)[1].ravel(), np.intp)


# -- groups ------------------------------------------------------------------------------------------------------------


def _identifier(X: Data) -> str | None:
    """Name a column that says which rows belong together: by its name, or since equal values stand side by side."""
    for name, column in columns_of(X):
        if column.dtype.kind == "f" or len(column) < LEAST:
            continue
        named = NAMED.search(name.removeprefix("column ").strip("'\"")) is not None
        runs = 1 + int(np.count_nonzero(column[1:] != column[:-1]))
        if not named and runs > len(column) / 2:
            continue
        n_values = int(_numbered(column).max()) + 1
        if GROUPS <= n_values <= len(column) / 2 and (named or runs == n_values):
            return (
                f"{name[0].upper()}{name[1:]} looks like an identifier of groups ({n_values} values in "
                f"{len(column)} rows). If rows of one group are more alike than others, pass it as groups= with "
                "GroupKFold or StratifiedGroupKFold; else the score is too good for new groups."
            )
    return None


# -- time --------------------------------------------------------------------------------------------------------------


def _time(X: Data, splits: Splits) -> str | None:
    """Say that rows are in the order of time, where models are tested on rows before those that they have seen."""
    if in_time_order(splits):
        return None
    dated = [("the index", X.index.to_numpy())] if _is_frame(X) else []
    for name, column in (*dated, *columns_of(X)):
        if len(column) < LEAST or column.dtype.kind not in "Mm":
            continue
        steps = np.diff(column)
        if (steps >= np.timedelta64(0)).all() and (steps > np.timedelta64(0)).mean() > 0.5:
            return (
                f"The rows are in the order of time (by {name}), and are tested by models that have seen later ones. "
                "If the model is to predict the future, use cv=TimeSeriesSplit()."
            )
    return None
