"""The training and test rows of each split, cut once in each worker instead of once for each candidate."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sklearn import get_config
from sklearn.utils import get_tags

from tunesmith.sklearn._compat import safe_split
from tunesmith.sklearn.evaluate.data_copies import total_bytes, writable_copy
from tunesmith.sklearn.evaluate.lru import ByteLRU
from tunesmith.sklearn.protocols import Data, Estimator, Split

# Cutting small data costs more in checks than in copying; with large data the cut costs little beside the fit.
FOLD_BYTES = 64 * 2**20


@dataclass(slots=True)
class Fold:
    """One split's rows: `X` and `y` to train on, `X_test` and `y_test` to score on."""

    X: Data
    y: Data
    X_test: Data
    y_test: Data

    def size(self) -> int | None:
        """Return the bytes held, or None if a part cannot be copied safely."""
        return total_bytes(self.X, self.y, self.X_test, self.y_test)

    def copy(self) -> Fold:
        """Return a copy that an estimator may overwrite."""
        return Fold(*map(writable_copy, (self.X, self.y, self.X_test, self.y_test)))


class Folds:
    """Hands out the rows of each split, each time as arrays of their own.

    Args:
        X: the data, anything that scikit-learn can index.
        y: the targets, or None.
        splits: pairs of training and test rows.
        limit: bytes of cut data to keep.
    """

    def __init__(self, X: Data, y: Data, splits: list[Split], limit: int = FOLD_BYTES) -> None:
        self.X = X
        self.y = y
        self.splits = splits
        self._kept: ByteLRU[tuple[int, bool], Fold] = ByteLRU(limit, Fold.size)
        self._uncopyable = False

    def rows(self, split: int) -> tuple[Any, Any]:
        """Return the training and test rows of a split, as arrays of the namespace that `X` is indexed in."""
        train, test = self.splits[split]
        if get_config()["array_api_dispatch"]:
            from sklearn.utils._array_api import device, get_namespace

            xp, _ = get_namespace(self.X)
            return xp.asarray(train, device=device(self.X)), xp.asarray(test, device=device(self.X))
        return train, test

    def get(self, split: int, estimator: Estimator) -> Fold:
        """Return the rows of a split for an estimator, which may do with them what it likes."""
        if self._uncopyable or get_config()["array_api_dispatch"]:
            return self._cut(split, estimator)
        pairwise = bool(get_tags(estimator).input_tags.pairwise)
        fold, kept = self._kept.make((split, pairwise), lambda: self._cut(split, estimator))
        if kept:
            return fold.copy()
        self._uncopyable = fold.size() is None
        return fold

    def _cut(self, split: int, estimator: Estimator) -> Fold:
        train, test = self.rows(split)
        X_train, y_train = safe_split(estimator, self.X, self.y, train)
        X_test, y_test = safe_split(estimator, self.X, self.y, test, train)
        return Fold(X_train, y_train, X_test, y_test)
