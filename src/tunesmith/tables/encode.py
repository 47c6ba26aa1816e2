"""`Encode`: the matrix of a table as one family of models takes it: codes, one-hot or target encoding, gaps, scale."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import MaxAbsScaler, TargetEncoder
from sklearn.utils.validation import check_is_fitted

MOST_LEVELS = 30  # of a category that becomes columns of 0 and 1
# Of one that stays a code. With the mean target in its place boosted trees were worse where it acts together with other
# columns: on pay by state and size of college the error was 28.4 in place of 23.7 points.
MOST_NATIVE = 250
ENCODING_FOLDS = 5


def categorical_indices(categories: Sequence[tuple[int, int]], native: bool) -> list[int]:
    """Return which columns of what `Encode` returns are codes of categories.

    Args:
        categories: see `Encode`.
        native: see `Encode`.

    Returns:
        their indices, in order; none without `native`.
    """
    return sorted(index for index, levels in categories if levels <= MOST_NATIVE) if native else []


@dataclass(eq=False, repr=False)
class Encode(TransformerMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Turns the matrix of `TableColumns` into what a family of models takes.

    Categories of at most 250 levels stay codes; or those of at most 30 become a column of 0 and 1 for each level.
    Larger ones become the mean target of their level, beside their codes where others stay codes. It is shrunk towards
    the mean of all, and `fit_transform` computes it from other rows than those that it encodes (Micci-Barreca 2001).
    Scaled numbers are clipped smoothly, x / sqrt(1 + (x / 3)²), so that outliers do no harm (Holzmüller, Grinsztajn and
    Steinwart 2024, section 3).

    The columns that stay, target encoding among them, come first and in their order; where categories stay codes, all
    keep their index, and the target encoding comes behind them. Then come columns of 0 and 1 of levels, further columns
    of the target encoding of more than two classes, and marks of gaps.

    Args:
        categories: pairs of the index and the number of levels of columns of codes, as `TableColumns.categories_` has
            them.
        native: whether categories of at most 250 levels stay codes, NaN where they are missing (with `fill`, one more
            code).
        scale: whether numbers are filled as by `fill`, centred at the median and divided by the interquartile range
            (the standard deviation where that is 0), and clipped. A sparse matrix is divided by the largest absolute
            value of each column.
        fill: whether gaps of numbers are filled by the median, and a column of 0 and 1 marks them.
        target_type: "binary", "multiclass", "regression"; "auto": found out from y.

    Attributes:
        n_features_in_: how many columns were given.
        n_features_out_: how many are returned.

    Example:
        ```python
        from tunesmith.tables import Encode, TableColumns

        rows = [[1.5, "red"], [2.5, "green"], [None, "red"], [4.0, None]]
        columns = TableColumns().fit(rows)
        encode = Encode(tuple(columns.categories_.items()), scale=True)
        print(encode.fit_transform(columns.transform(rows), [0, 1, 0, 1]))
        ```
    """

    categories: Sequence[tuple[int, int]] = ()
    native: bool = False
    scale: bool = False
    fill: bool = False
    target_type: str = "auto"

    def fit(self, X: Any, y: Any = None) -> Encode:
        """Learn levels' mean targets, medians and ranges.

        Args:
            X: the matrix, with NaN where a value is missing; or a CSR matrix.
            y: targets; needed where a category has more levels than stay codes, or become columns.

        Returns:
            self.

        Raises:
            ValueError: y is needed, or an index lies outside of the matrix.
        """
        self._fit(X, y)
        return self

    def fit_transform(self, X: Any, y: Any = None) -> Any:
        """Learn as `fit` does, and return the matrix; a row's own target is not in its target encoding.

        Args:
            X: see `fit`.
            y: see `fit`.

        Returns:
            see `transform`.

        Raises:
            ValueError: see `fit`.
        """
        return self._apply(X, self._fit(X, y))

    def transform(self, X: Any) -> Any:
        """Return the matrix encoded, shape [n_rows, n_features_out_].

        Args:
            X: the matrix.

        Returns:
            an array, or a CSR matrix where X is one.

        Raises:
            ValueError: it has another number of columns than in fit.
        """
        check_is_fitted(self)
        if X.shape[1] != self.n_features_in_:
            raise ValueError(f"Encode: X has {X.shape[1]:,} columns; it was fitted with {self.n_features_in_:,}")
        if self.encoder_ is None:
            return self._apply(X, None)
        return self._apply(X, np.asarray(self.encoder_.transform(np.asarray(X, dtype=np.float64)[:, self.large_])))

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[Any]:
        """Return the names of the columns.

        Args:
            input_features: names of the columns of X; None: x0, x1 and so on.
        """
        check_is_fitted(self)
        given = [f"x{i}" for i in range(self.n_features_in_)] if input_features is None else list(input_features)
        if self.is_sparse_:
            return np.array(given, dtype=object)
        names = [given[i] for i in self.stays_]
        for i, levels in self.small_:
            names += [f"{given[i]}_{level}" for level in _shown_levels(levels)]
        for i in self.large_:
            names += [f"{given[i]}_class{k}" for k in range(int(not self.native), self.n_encoded_)]
        names += ["missing_" + names[i] for i in self.marked_]
        return np.array(names, dtype=object)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = tags.input_tags.sparse = True
        return tags

    # ------------------------------------------------------------------------------------------------------- in fit

    def _fit(self, X: Any, y: Any) -> NDArray[np.float64] | None:
        """Fit, and return the columns of the target encoding of the rows; None: there are none."""
        self.is_sparse_ = sparse.issparse(X)
        X = X if self.is_sparse_ else np.asarray(X, dtype=np.float64)
        self.n_features_in_ = X.shape[1]
        self.encoder_: TargetEncoder | None = None
        if self.is_sparse_:
            if len(self.categories):
                raise ValueError("Encode: a sparse matrix has no columns of codes; give categories=()")
            self.scaler_ = MaxAbsScaler().fit(X) if self.scale else None
            self.n_features_out_ = X.shape[1]
            return None
        if outside := [i for i, _ in self.categories if not 0 <= i < X.shape[1]]:
            raise ValueError(f"Encode: categories has the index {outside[0]}; X has {X.shape[1]:,} columns")
        self.most_ = MOST_NATIVE if self.native else MOST_LEVELS
        self.large_ = sorted(i for i, levels in self.categories if levels > self.most_)
        few = sorted((i, levels) for i, levels in self.categories if levels <= self.most_)
        self.codes_, self.small_ = (few, []) if self.native else ([], few)
        self.stays_ = sorted({*range(X.shape[1])} - {i for i, _ in self.small_})
        encoded = self._fit_target(X, y)
        self._fit_numbers(self._base(X, encoded))
        one_hot = sum(len(_shown_levels(levels)) for _, levels in self.small_)
        further = len(self.large_) * (self.n_encoded_ - (not self.native))
        self.n_features_out_ = len(self.stays_) + one_hot + further + len(self.marked_)
        return encoded

    def _fit_target(self, X: NDArray[np.float64], y: Any) -> NDArray[np.float64] | None:
        """Fit the target encoding, and return that of the rows, shape [n, large columns * encoded]."""
        self.n_encoded_ = 1
        if not self.large_:
            return None
        if y is None:
            raise ValueError(f"Encode: categories of more than {self.most_} levels are encoded by the target; give y")
        counts = np.unique(y, return_counts=True)[1]
        kind = "continuous" if self.target_type == "regression" else self.target_type
        if kind in ("binary", "multiclass"):  # a part of the rows may lack a class
            kind = {1: "continuous", 2: "binary"}.get(len(counts), "multiclass")
        fewest = len(X) if kind in ("continuous", "auto") else int(counts.min())
        self.encoder_ = _target_encoder(kind, fewest)
        with warnings.catch_warnings():  # a class of one row is encoded all the same
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            found = np.asarray(self.encoder_.fit_transform(X[:, self.large_], y))
        self.encoder_.cv = ENCODING_FOLDS  # a splitter is not needed any more, and not every file of models takes one
        self.n_encoded_ = found.shape[1] // len(self.large_)
        return found

    def _fit_numbers(self, base: NDArray[np.float64]) -> None:
        """Learn what fills and scales the numbers of the columns that stay."""
        self.marked_: list[int] = []  # indices among the columns that stay
        if not (self.scale or self.fill):
            return
        codes = {i for i, _ in self.codes_}
        self.numbers_ = np.array([at for at, i in enumerate(self.stays_) if i not in codes], dtype=np.intp)
        numbers = base[:, self.numbers_]
        gaps = np.isnan(numbers)
        seen: set[bytes] = set()
        for at in np.flatnonzero(gaps.any(axis=0)):
            pattern = np.packbits(gaps[:, at]).tobytes()
            if pattern not in seen:  # the parts of a date are missing together
                seen.add(pattern)
                self.marked_.append(int(self.numbers_[at]))
        low, self.medians_, high = _quartiles(numbers)
        self.ranges_ = high - low
        for at in np.flatnonzero(self.ranges_ == 0):
            known = numbers[~gaps[:, at], at]
            self.ranges_[at] = known.std() if len(known) else 1.0
        self.ranges_[~(self.ranges_ > 0)] = 1.0

    # ------------------------------------------------------------------------------------------------- in transform

    def _base(self, X: NDArray[np.float64], encoded: NDArray[np.float64] | None) -> NDArray[np.float64]:
        """Return the columns that stay, with the first column of each target encoding in its place."""
        base = X[:, self.stays_]
        if encoded is not None and not self.native:
            base[:, np.searchsorted(self.stays_, self.large_)] = encoded[:, :: self.n_encoded_]
        return base

    def _apply(self, X: Any, encoded: NDArray[np.float64] | None) -> Any:
        """Return all columns; `encoded` is the target encoding of the rows."""
        if self.is_sparse_:
            return X if self.scaler_ is None else self.scaler_.transform(X)
        X = np.asarray(X, dtype=np.float64)
        base = self._base(X, encoded)
        parts = [base]
        if self.small_:
            parts.append(_one_hot(X, self.small_))
        if encoded is not None and self.native:
            parts.append(encoded)
        elif encoded is not None and self.n_encoded_ > 1:
            further = np.arange(encoded.shape[1]) % self.n_encoded_ > 0
            parts.append(encoded[:, further])
        if self.scale or self.fill:
            if self.marked_:
                parts.append(np.isnan(base[:, self.marked_]).astype(np.float64))
            self._fill(base)
        return parts[0] if len(parts) == 1 else np.hstack(parts)

    def _fill(self, base: NDArray[np.float64]) -> None:
        """Fill the gaps of the columns that stay, in place, and scale the numbers where that is asked for."""
        for i, levels in self.codes_:
            column = base[:, np.searchsorted(self.stays_, i)]
            column[np.isnan(column)] = levels
        numbers = base[:, self.numbers_]
        numbers = np.where(np.isnan(numbers), self.medians_, numbers)
        if self.scale:
            with np.errstate(over="ignore"):  # by a range near zero: it is clipped
                numbers = np.clip((numbers - self.medians_) / self.ranges_, -1e30, 1e30)
            numbers /= np.hypot(1.0, numbers / 3.0)
        base[:, self.numbers_] = numbers


def _target_encoder(kind: str, fewest: int) -> TargetEncoder:
    """Return a target encoder whose folds are drawn the same each time."""
    folds = max(2, min(ENCODING_FOLDS, fewest))
    shuffle = inspect.signature(TargetEncoder).parameters.get("shuffle")
    if shuffle is not None and shuffle.default != "deprecated":  # before scikit-learn 1.9 it takes no splitter
        return TargetEncoder(target_type=kind, cv=folds, shuffle=True, random_state=0)
    splitter = KFold if kind in ("continuous", "auto") or fewest < 2 else StratifiedKFold
    return TargetEncoder(target_type=kind, cv=splitter(folds, shuffle=True, random_state=0))


def _quartiles(numbers: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the quartiles of each column without its gaps; 0 where there is nothing else."""
    in_order = np.sort(numbers, axis=0)  # NaN come last
    last = np.maximum(np.count_nonzero(~np.isnan(numbers), axis=0) - 1, 0)
    columns = np.arange(numbers.shape[1])
    found = []
    for share in (0.25, 0.5, 0.75):
        below = np.floor(share * last).astype(np.intp)
        above = np.minimum(below + 1, last)
        weight = share * last - below
        found.append(np.nan_to_num(in_order[below, columns] * (1 - weight) + in_order[above, columns] * weight))
    return found[0], found[1], found[2]


def _one_hot(X: NDArray[np.float64], categories: Sequence[tuple[int, int]]) -> NDArray[np.float64]:
    """Return a column for each level; of two levels one column, 0.5 where they are missing."""
    widths = [len(_shown_levels(levels)) for _, levels in categories]
    found = np.zeros((len(X), sum(widths)))
    at = 0
    for (i, levels), width in zip(categories, widths, strict=True):
        codes = X[:, i]
        rows = np.flatnonzero(~np.isnan(codes))
        if levels == 2:
            found[:, at] = np.where(np.isnan(codes), 0.5, codes)
        else:
            found[rows, at + codes[rows].astype(np.intp)] = 1.0
        at += width
    return found


def _shown_levels(levels: int) -> Sequence[int]:
    """Return the levels that have a column of their own."""
    return [1] if levels == 2 else range(levels)
