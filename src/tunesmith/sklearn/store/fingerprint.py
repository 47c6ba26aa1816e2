"""Descriptions of estimators, data and splits, equal in every process, that identify a search.

They are stored with the study. When it is resumed with something else, the message says which descriptions differ. So a
description is readable text, with a digest where the content is too long.
"""

from __future__ import annotations

import hashlib
import types
from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import sparse

from tunesmith.sklearn.protocols import Data, Estimator, Params, Split

IGNORED_PARAMS = ("n_jobs", "verbose", "memory")  # parameters that change no result
DESCRIBED_DEPTH = 6  # how far to look into objects


def digest(*parts: bytes) -> str:
    """Return 16 hexadecimal digits."""
    made = hashlib.blake2b(digest_size=8)
    for part in parts:
        made.update(len(part).to_bytes(8, "little"))
        made.update(part)
    return made.hexdigest()


def describe(value: Any, depth: int = DESCRIBED_DEPTH) -> str:
    """Return text that is equal for equal values, in every process."""
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, str | int | float | bool | complex | bytes):
        return repr(value)
    if isinstance(value, type | types.BuiltinFunctionType | np.ufunc):
        return f"{getattr(value, '__module__', '')}.{getattr(value, '__qualname__', value.__name__)}"
    if isinstance(value, np.ndarray) or sparse.issparse(value) or _is_pandas(value):
        return describe_data(value)
    if depth == 0:
        return _class_path(type(value))
    if isinstance(value, types.FunctionType):
        return f"{value.__module__}.{value.__qualname__}#{_code_digest(value.__code__)}"
    if isinstance(value, types.MethodType):
        return f"{describe(value.__self__, depth - 1)}.{value.__name__}"
    if isinstance(value, list | tuple):
        inner = ", ".join(describe(v, depth - 1) for v in value)
        return f"[{inner}]" if isinstance(value, list) else f"({inner})"
    if isinstance(value, set | frozenset):
        return "{" + ", ".join(sorted(describe(v, depth - 1) for v in value)) + "}"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{describe(k, depth - 1)}: {describe(v, depth - 1)}" for k, v in value.items()) + "}"
    if isinstance(value, np.random.RandomState):
        state: Any = value.get_state(legacy=True)
        return f"RandomState#{digest(state[1].tobytes(), repr(state[2:]).encode())}"
    if hasattr(value, "get_params"):
        inside = describe_estimator(value)
        return f"{inside.pop('class')}({', '.join(f'{k}={v}' for k, v in inside.items())})"
    held = {k: v for k, v in getattr(value, "__dict__", {}).items() if not k.startswith("__")}
    return f"{_class_path(type(value))}({', '.join(f'{k}={describe(v, depth - 1)}' for k, v in sorted(held.items()))})"


def describe_params(params: Params) -> str:
    """Return the description of a candidate: its parameters by name."""
    return ", ".join(f"{name}={describe(value)}" for name, value in sorted(params.items()))


def describe_estimator(estimator: Estimator) -> dict[str, str]:
    """Return the description of each parameter of an estimator, nested ones included, and of its class."""
    try:
        params = estimator.get_params(deep=True)
    except TypeError:  # get_params of a class that is not scikit-learn's
        params = estimator.get_params()
    found = {"class": _class_path(type(estimator))}
    for name, value in sorted(params.items()):
        if name.rpartition("__")[2] in IGNORED_PARAMS:
            continue
        if hasattr(value, "get_params") and not isinstance(value, type):
            found[name] = _class_path(type(value))  # its own parameters are listed too
        elif isinstance(value, list) and value and all(isinstance(v, tuple) for v in value):
            found[name] = ", ".join(str(v[0]) for v in value)  # the steps of a pipeline: likewise
        else:
            found[name] = describe(value)
    return found


def describe_data(data: Data) -> str:
    """Return shape, type and a digest of the content of rows or targets."""
    if data is None:
        return "None"
    kind = type(data).__name__
    if isinstance(data, np.ndarray):
        return f"{kind} of shape {data.shape}, {data.dtype}, content {_array_digest(data)}"
    if sparse.issparse(data):
        rows = data.tocsr()
        return f"{kind} of shape {data.shape}, {data.dtype}, content " + digest(
            _array_digest(rows.data).encode(), _array_digest(rows.indices).encode(), _array_digest(rows.indptr).encode()
        )
    if _is_pandas(data) and hasattr(data, "shape"):
        from pandas.util import hash_pandas_object

        names = repr([str(c) for c in getattr(data, "columns", [getattr(data, "name", None)])])
        kinds = data.dtypes if hasattr(data, "dtypes") else data.dtype  # an extension array has one
        types_ = repr([str(t) for t in np.atleast_1d(np.asarray(kinds, dtype=object))])
        try:
            content = hash_pandas_object(_framed(data), index=False).to_numpy().tobytes()
        except TypeError:  # cells that cannot be hashed, such as lists
            content = repr(data.to_numpy().tolist()).encode()
        return f"{kind} of shape {data.shape}, content {digest(names.encode(), types_.encode(), content)}"
    if isinstance(data, list | tuple):
        return f"{kind} of length {len(data)}, content {digest(repr(data).encode())}"
    try:
        return f"{kind} of shape {getattr(data, 'shape', '?')}, content {_array_digest(np.asarray(data))}"
    except Exception:  # something that only its own estimator understands
        return kind


def describe_splits(splits: list[Split]) -> str:
    """Return the number of splits and a digest of which rows are in them."""
    parts = [_array_digest(np.asarray(rows)).encode() for split in splits for rows in split]
    return f"{len(splits)} splits, rows {digest(*parts)}"


def differences(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return in words what differs between two descriptions, entry by entry, nested mappings included."""
    found: list[str] = []
    for name in sorted(old.keys() | new.keys()):
        was, now = old.get(name), new.get(name)
        if isinstance(was, Mapping) and isinstance(now, Mapping):
            found.extend(f"{name} {text}" for text in differences(was, now))
        elif (was or None) != (now or None):  # nothing and none is the same
            found.append(f"{name}: was {_shortened_text(was)}, is {_shortened_text(now)}")
    return found


def _shortened_text(text: Any) -> str:
    if text is None:
        return "missing"
    return str(text) if len(str(text)) <= 200 else f"{str(text)[:180]}... ({digest(str(text).encode())})"


def _array_digest(array: np.ndarray[Any, Any]) -> str:
    if array.dtype.hasobject:
        return digest(repr(array.tolist()).encode())
    try:
        flat = np.ascontiguousarray(array).reshape(-1).view(np.uint8)
    except TypeError:  # a type whose values lie elsewhere, such as texts of any length
        return digest(repr(array.tolist()).encode())
    return hashlib.blake2b(flat.data, digest_size=8).hexdigest()


def _code_digest(code: types.CodeType) -> str:
    consts = [c for c in code.co_consts if not isinstance(c, types.CodeType)]
    inner = [_code_digest(c).encode() for c in code.co_consts if isinstance(c, types.CodeType)]
    return digest(code.co_code, repr(consts).encode(), repr(code.co_names).encode(), *inner)


def _framed(data: Data) -> Any:
    """Return pandas data in a form that pandas hashes: an extension array, such as ``Categorical``, as a series."""
    if hasattr(data, "dtypes"):
        return data
    import pandas as pd

    return pd.Series(data)


def _is_pandas(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas"


def _class_path(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"
