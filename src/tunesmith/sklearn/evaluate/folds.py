"""The rows of folds: splits that are made once, copies of the data, and what is kept between fits."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from copy import copy
from dataclasses import dataclass
from inspect import signature
from numbers import Integral
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import get_config
from sklearn.model_selection import TimeSeriesSplit, check_cv
from sklearn.utils import get_tags

from tunesmith.sklearn._compat import safe_split
from tunesmith.sklearn.protocols import CrossValidation, Data, Estimator, Split, Splitter

# ----------------------------------------------------------------------------------------------------------------------
# A dictionary bounded in bytes, safe among threads, whose values are made once.

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class ByteLRU(Generic[K, V]):
    """Keeps values up to a number of bytes and drops those used longest ago.

    Threads that ask for the same key wait for the one that makes it.

    Args:
        limit: how many bytes the values may hold together.
        size: the bytes of a value, or None if it must not be kept.
    """

    def __init__(self, limit: int, size: Callable[[V], int | None]) -> None:
        self.limit = limit
        self.held = 0
        self._size = size
        self._values: OrderedDict[K, tuple[V, int]] = OrderedDict()
        self._lock = threading.Lock()
        self._making: dict[K, threading.Lock] = {}

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: K) -> V | None:
        """Return the value kept under the key, if any."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def make(self, key: K, build: Callable[[], V], spare: Callable[[K], bool] | None = None) -> tuple[V, bool]:
        """Return the value under the key, built if it is not there, and whether it is kept for others.

        Args:
            spare: whether a kept key must stay. A value that does not fit beside those that must is returned and
                not kept: walking round and round over more values than fit would otherwise never find one.
        """
        found = self.get(key)
        if found is not None:
            return found, True
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        try:
            with making:
                found = self.get(key)
                if found is not None:
                    return found, True
                value = build()
                return value, self._keep(key, value, spare)
        finally:
            with self._lock:
                self._making.pop(key, None)

    def _keep(self, key: K, value: V, spare: Callable[[K], bool] | None) -> bool:
        size = self._size(value)
        if size is None or size > self.limit:
            return False
        with self._lock:
            for old in [k for k in self._values if spare is None or not spare(k)]:
                if self.held + size <= self.limit:
                    break
                self.held -= self._values.pop(old)[1]
            if self.held + size > self.limit:
                return False
            self._values[key] = (value, size)
            self.held += size
            return True


# ----------------------------------------------------------------------------------------------------------------------
# Sizes and copies of whatever data an estimator may be given, and targets as an array.

LIST_CELL_TYPES = (str, int, float, bool, bytes)


def n_bytes(data: Data) -> int | None:
    """Return how many bytes the data hold, or None if its type cannot be copied safely and measured.

    Only arrays (of numbers, strings or dates), sparse matrices, pandas objects and lists of plain values are known.
    """
    if data is None:
        return 0
    cls = type(data)
    if cls is np.ndarray:
        if data.dtype.hasobject:
            return None  # a copy would share the objects
        return int(data.base.nbytes if type(data.base) is np.ndarray else data.nbytes)
    if sparse.issparse(data):
        if data.format not in ("csr", "csc", "coo", "bsr"):
            return None
        parts = [getattr(data, name, None) for name in ("data", "indices", "indptr", "row", "col")]
        return int(sum(part.nbytes for part in parts if part is not None))
    if cls.__module__.partition(".")[0] == "pandas" and cls.__name__ in ("DataFrame", "Series"):
        return int(np.sum(data.memory_usage(deep=True)))
    if cls is list and data and all(type(v) in LIST_CELL_TYPES for v in data):
        return 64 * len(data) + sum(len(v) for v in data if isinstance(v, str | bytes))
    return None


def total_bytes(*parts: Data) -> int | None:
    """Return how many bytes all parts hold, or None if one of them cannot be copied safely."""
    sizes = [n_bytes(part) for part in parts]
    return None if None in sizes else sum(s for s in sizes if s is not None)


def writable_copy(data: Data) -> Any:
    """Return a copy that its receiver may overwrite; the memory layout stays, so results stay the same to the bit."""
    if data is None:
        return None
    if type(data) is np.ndarray:
        return data.copy(order="K")
    return list(data) if type(data) is list else data.copy()


def as_array(y: Data) -> NDArray[Any]:
    """Return targets as an array, a single column as one dimension; an empty one if they are not NumPy's to look at."""
    if y is None or get_config()["array_api_dispatch"]:
        return np.empty(0)
    try:
        array = np.asarray(y)
    except Exception:  # whatever it is, the estimator may know it
        return np.empty(0)
    array = array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array
    return array if array.ndim else np.empty(0)


# ----------------------------------------------------------------------------------------------------------------------
# The splitter of a search, and further splits of the same rows where they may be reshuffled.

SplitterFactory = Callable[[int], Splitter]  # makes a splitter from a seed
N_SPLIT_SETS = 16  # of splits, where candidates are reshuffled: more would take memory and hardly differ
RESHUFFLE_SALT = 0x5EF7  # keeps their seeds apart from others


def checked_splitter(cv: CrossValidation, y: Data, classifies: bool) -> Splitter:
    """Return the splitter that a search's `cv` stands for.

    Raises:
        TypeError: the targets of a classifier have no order.
    """
    try:
        splitter: Splitter = check_cv(cv, y, classifier=classifies)
    except TypeError as error:
        kinds = sorted({type(v).__name__ for v in np.ravel(np.asarray(y, dtype=object)).tolist()})
        if len(kinds) < 2:
            raise
        raise TypeError(
            f"y has values of several types, {', '.join(kinds)}, which have no order ({error}); give all labels "
            f"one type, and leave out rows without one"
        ) from error
    return splitter


def reshuffled_cv(given: Any, checked: Splitter) -> SplitterFactory | str:
    """Return a function that makes a splitter with other splits from a seed, or the reason why there is none.

    Args:
        given: ``cv`` as the user gave it. A number of folds says nothing of an order of the rows, so it is taken to
            allow a reshuffle; so is a word, unless it stands for the order of time.
        checked: the splitter that scikit-learn made of it.
    """
    word = isinstance(given, str) and not isinstance(checked, TimeSeriesSplit)
    number = given is None or word or isinstance(given, Integral)
    held = vars(checked) if hasattr(checked, "__dict__") else {}
    name = type(checked).__name__
    if name == "_CVIterableWrapper":
        return "a list of splits always gives the same ones"
    if "random_state" not in held:
        return f"{name} always gives the same ones"
    if not number and held.get("shuffle") is False:
        settable = "shuffle" in signature(type(checked)).parameters  # TimeSeriesSplit inherits the attribute alone
        return f"{name} always gives the same ones{' unless shuffle=True' if settable else ''}"

    def fresh(seed: int) -> Any:
        other: Any = copy(checked)
        other.random_state = seed
        if "shuffle" in held:
            other.shuffle = True
        return other

    return fresh


def further_splits(given: Any, checked: Splitter, cut: Callable[[Splitter], Iterable[Split]], seed: int) -> list[Split]:
    """Return the splits of all sets but the first, for candidates that have splits of their own.

    Args:
        given: ``cv`` as the user gave it.
        cut: makes the splits of the rows with a splitter.

    Raises:
        ValueError: the splitter has the same splits each time.
    """
    fresh = reshuffled_cv(given, checked)
    if isinstance(fresh, str):
        raise ValueError(f"reshuffle=True needs a splitter that shuffles, such as KFold(5, shuffle=True): {fresh}")
    seeds = np.random.SeedSequence([seed, RESHUFFLE_SALT]).generate_state(N_SPLIT_SETS - 1) >> 1
    return [split for seed in seeds.tolist() for split in cut(fresh(seed))]


# ----------------------------------------------------------------------------------------------------------------------
# The training and test rows of each split, cut once in each worker instead of once for each candidate.

# Cutting small data costs more in checks than in copying; with large data the cut costs little beside the fit.
CUT_ROWS_BYTES = 64 * 2**20


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
        limit: bytes of cut data to keep.
    """

    def __init__(self, X: Data, y: Data, splits: list[Split], limit: int = CUT_ROWS_BYTES) -> None:
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
