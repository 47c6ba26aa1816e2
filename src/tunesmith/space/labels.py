"""Labels of categorical parameters: when two are the same, and what an object is called."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

_PLAIN = frozenset({type(None), bool, int, float, str})


def plain(value: Any) -> Any:
    """NumPy scalars as the Python value they hold; everything else as it is."""
    return value.item() if isinstance(value, np.generic) else value


def label_key(value: Any) -> Hashable | None:
    """A key equal for the same label only: its type counts (`True`, `1`, `1.0` differ), NaN equals itself.

    None if the value is not made of None, bool, int, float, str, tuples, lists and dicts with text keys:
    such an object is known by a name instead (:func:`object_name`).
    """
    kind = type(value)
    if kind in _PLAIN:
        return (kind, value if value == value else "nan")
    if kind is tuple or kind is list:
        keys = tuple(label_key(plain(item)) for item in value)
        return None if None in keys else (kind, keys)
    if kind is dict:
        if not all(type(name) is str for name in value):
            return None
        pairs = tuple((name, label_key(plain(value[name]))) for name in sorted(value))
        return None if any(key is None for _, key in pairs) else (dict, pairs)
    return None


def object_name(value: Any) -> tuple[str, bool]:
    """What an arbitrary object is called, and whether that name tells it from other objects.

    A name must be the same in the next process, where the study is resumed: an address never is part of it.
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
    """Equality that is never ambiguous: arrays compare as a whole, a comparison that fails means different."""
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    try:
        return bool(np.array_equal(a, b)) if isinstance(a, np.ndarray) else bool(a == b)
    except Exception:  # an __eq__ of a foreign class may raise anything
        return False
