"""Labels of choices: when two are equal, and the name of an object."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

PLAIN_TYPES = frozenset({type(None), bool, int, float, str})


def python_scalar(value: Any) -> Any:
    """Return the Python value of a NumPy scalar, and everything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def label_key(value: Any) -> Hashable | None:
    """Return a key that is equal for equal labels only: the type counts (`True`, `1`, `1.0`), NaN equals itself.

    None: the value is not made of None, bool, int, float, str, tuples, lists and dicts with text keys, and needs a
    name (`object_name`).
    """
    kind = type(value)
    if kind in PLAIN_TYPES:
        return (kind, value if value == value else "nan")
    if kind is tuple or kind is list:
        keys = tuple(label_key(python_scalar(item)) for item in value)
        return None if None in keys else (kind, keys)
    if kind is dict:
        if not all(type(name) is str for name in value):
            return None
        pairs = tuple((name, label_key(python_scalar(value[name]))) for name in sorted(value))
        return None if any(key is None for _, key in pairs) else (dict, pairs)
    return None


def object_name(value: Any) -> tuple[str, bool]:
    """Return the name of an object, and whether that name tells it from other objects.

    The name is the same in every process, so that a study can be resumed: it never holds an address.
    """
    name = getattr(value, "__name__", None)
    if isinstance(name, str):
        return name, False
    text = f"array({value.tolist()!r})" if isinstance(value, np.ndarray) else repr(value)
    if " at 0x" in text:
        return type(value).__name__, False
    if len(text) > 200:
        import hashlib

        return f"{type(value).__name__}-{hashlib.sha256(text.encode()).hexdigest()[:12]}", True
    return " ".join(text.split()), True


def same_object(a: Any, b: Any) -> bool:
    """Return whether two objects are equal; arrays compare as a whole, a comparison that raises means no."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    try:
        return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else bool(a == b)
    except Exception:  # an __eq__ of a foreign class may raise anything
        return False
