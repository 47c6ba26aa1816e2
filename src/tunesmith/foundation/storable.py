"""Converts attributes to the form that every storage keeps: a copy made of JSON's own types.

The form is the same in memory and in a file, so that what is read does not depend on the storage. The conversion is
made where the attribute is set: a value that cannot be kept raises on that line, not after hours of training.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Mapping
from typing import Any, SupportsIndex

import numpy as np

from tunesmith.foundation.text import checked_text, name_and_message, shown

# Of an integer: 616 digits. Python reads and writes at most 640 digits under its tightest setting.
MOST_INTEGER_BITS = 2048
SMALL_INT = 2**62  # a smaller integer is kept without a check
STORABLE_LEVELS = 100  # levels of lists and dicts, since JSON's reader and writer are recursive
MOST_STORED_ITEMS = 1_000_000  # in all; lists that share lists can have more items than memory holds

_TAKEN = "None, bool, int, float, str, NumPy numbers and arrays, and lists, tuples and dicts of these"
_HINTS = {
    "bytes": "make it a text, with base64 say",
    "datetime": "use .isoformat()",
    "DataFrame": "use .to_dict()",
    "function": "keep its name",
    **dict.fromkeys(("set", "frozenset"), "make it a list"),
    **dict.fromkeys(("Series", "Tensor"), "use .tolist()"),
    **dict.fromkeys(("complex", "complex64", "complex128"), "give real and imag"),
    **dict.fromkeys(("datetime64", "PosixPath", "WindowsPath"), "use str()"),
}


def storable(key: Any, value: Any) -> Any:
    """Return a copy of an attribute's value in the form that storages keep.

    Tuples become lists; keys of dicts become text as JSON writes them (``{0: 1.5}`` is ``{"0": 1.5}``); NumPy numbers
    and arrays become numbers and lists; subclasses (``OrderedDict``, ``Counter``, named tuples, enums of numbers or
    texts) become what they derive from. NaN and infinities stay.

    Args:
        key: the attribute's name.
        value: its value.

    Raises:
        ValueError: the name is not a text, is empty or holds a NUL character; or the value, or something inside of it,
            cannot be kept. The message names it.
    """
    checked_attr_name(key)
    kind = type(value)
    if (
        kind is float
        or kind is str
        or kind is bool
        or value is None
        or (kind is int and -SMALL_INT < value < SMALL_INT)
    ):
        return value
    try:
        return _Copy(key).of(value, 0)
    except (_Refused, RecursionError) as error:
        told = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"attribute {key!r}: {told}. An attribute may be {_TAKEN}") from None
    except Exception as error:  # of the user's own classes
        raise ValueError(f"attribute {key!r}: reading its value raised {name_and_message(error)}") from error


def storable_items(attrs: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return attributes as storages keep them; None if there are none.

    Raises:
        TypeError: they are not a mapping.
        ValueError: a name or a value cannot be kept.
    """
    if attrs is not None and not isinstance(attrs, Mapping):
        raise TypeError(f"user_attrs must be a mapping of names to values; got {shown(attrs)}")
    return {key: storable(key, value) for key, value in attrs.items()} if attrs else None


def checked_attr_name(key: Any) -> str:
    """Return an attribute's name.

    Raises:
        ValueError: it is not a text, is empty, or holds what not every database can keep.
    """
    return checked_text("an attribute's name", key)


class _Refused(Exception):
    """A value cannot be kept; the message says which and why."""


class _Copy:
    """Copies one value; tracks the containers that it is inside of, and the number of items."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._inside: set[int] = set()
        self._items = 0

    def of(self, value: Any, depth: int) -> Any:
        """Return the copy of a value."""
        kind = type(value)
        if kind is bool or value is None or (kind is int and -SMALL_INT < value < SMALL_INT):
            return value
        if isinstance(value, str):
            return str.__str__(value)  # of a subclass: the text itself
        if isinstance(value, float):
            return float.__float__(value)
        if isinstance(value, int):
            return self._integer(value)
        if isinstance(value, np.generic):
            return self._numpy(value)
        if isinstance(value, np.ndarray):
            return self._array(value, depth)
        if not isinstance(value, (list, tuple, Mapping)):
            raise _Refused(_why_refused(value))
        if id(value) in self._inside:
            raise _Refused(f"a {type(value).__name__} that contains itself cannot be kept")
        if depth >= STORABLE_LEVELS:
            raise _Refused(f"it has more than {STORABLE_LEVELS} levels of lists and dicts")
        self._inside.add(id(value))
        try:
            if isinstance(value, Mapping):
                return self._mapping(value, depth + 1)
            return self._list(value, depth + 1)
        finally:
            self._inside.discard(id(value))

    def _list(self, values: list[Any] | tuple[Any, ...], depth: int) -> list[Any]:
        kept: list[Any] = []
        try:
            for value in values:
                kind = type(value)
                kept.append(value if kind is float or kind is str else self.of(value, depth))
            self._count(len(kept))
        except _Refused as error:
            raise _Refused(f"{error} (item {len(kept)})") from None
        return kept

    def _mapping(self, values: Mapping[Any, Any], depth: int) -> dict[str, Any]:
        kept: dict[str, Any] = {}
        for key in values:
            text = self._text(key)
            if text in kept:
                raise _Refused(f"two keys of a dict become the same text {text!r:.80}")
            try:
                kept[text] = self.of(values[key], depth)
            except _Refused as error:
                raise _Refused(f"{error} (at {text!r:.80})") from None
            self._count()
        return kept

    def _text(self, key: Any) -> str:
        """A key as JSON writes it."""
        if isinstance(key, str):
            return str.__str__(key)
        if key is None:
            return "null"
        if isinstance(key, (bool, np.bool_)):
            return "true" if key else "false"
        if isinstance(key, (int, np.integer)):
            return str(self._integer(key))
        if isinstance(key, (float, np.floating)):
            return json.dumps(float(key))
        raise _Refused(f"the dict key {shown(key)} of type {type(key).__name__} is no text or number")

    def _integer(self, value: SupportsIndex) -> int:
        value = operator.index(value)
        if value.bit_length() > MOST_INTEGER_BITS:
            raise _Refused("an integer of more than 600 digits cannot be kept; make it a text or a float")
        return value

    def _numpy(self, value: np.generic) -> Any:
        if value.dtype.kind in "biu":
            return value.item()
        if isinstance(value, np.floating):
            return float(value)  # longdouble, too
        raise _Refused(_why_refused(value))

    def _array(self, values: np.ndarray[Any, Any], depth: int) -> Any:
        if values.dtype.kind not in "biufUO":
            raise _Refused(f"an array of {values.dtype} cannot be kept; make it an array of numbers or a list of texts")
        if values.dtype.kind == "f":
            values = values.astype(np.float64)
        self._count(values.size)
        listed = values.tolist()
        return self.of(listed, depth) if values.dtype.kind == "O" else listed

    def _count(self, items: int = 1) -> None:
        self._items += items
        if self._items > MOST_STORED_ITEMS:
            raise _Refused(f"it has more than {MOST_STORED_ITEMS:,} items; keep it in a file, and here the file's name")


def _why_refused(value: Any) -> str:
    kind = type(value).__name__
    is_array = hasattr(type(value), "tolist") and not isinstance(value, np.generic)
    hint = _HINTS.get(kind, "use .tolist()" if is_array else "")
    return f"a value of type {kind} cannot be kept{f' ({hint})' if hint else ''}: {shown(value)}"
