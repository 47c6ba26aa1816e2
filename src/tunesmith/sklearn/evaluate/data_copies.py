"""Sizes and copies of whatever data an estimator may be given, and targets as an array."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn import get_config

from tunesmith.sklearn.protocols import Data

PLAIN = (str, int, float, bool, bytes)


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
    if cls is list and data and all(type(v) in PLAIN for v in data):
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
