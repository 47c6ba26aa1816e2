"""How values stand in the tables: floats as bytes, structures as JSON, spaces once each."""

from __future__ import annotations

import hashlib
import json
import math
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Constraint, Parameter, Space
from tunesmith.space.serialize import label_from_json, label_to_json, load_space
from tunesmith.storable import storable
from tunesmith.storage.sql.sound import Range

NAN = math.nan


@lru_cache(maxsize=1024)
def _floats(n: int) -> struct.Struct:
    return struct.Struct(f"<{n}d")


def pack(values: Sequence[float] | None) -> bytes | None:
    """Return float64 values as bytes, little-endian; None stays None."""
    return None if values is None else _floats(len(values)).pack(*values)


def unpack(data: bytes) -> tuple[float, ...]:
    """Return the floats that ``pack`` wrote."""
    return _floats(len(data) // 8).unpack(data)


def number(value: float | None) -> float:
    """Return a float that a database may have given as NULL: SQLite has no NaN."""
    return NAN if value is None else value


# -- attributes ------------------------------------------------------------------------------------------------


def attr_to_json(key: str, value: Any) -> str:
    """Return an attribute's value as JSON text; NaN and infinities are kept.

    Raises:
        ValueError: the value cannot be kept, see :func:`tunesmith.storable.storable`.
    """
    return json.dumps(storable(key, value))  # ASCII, so that no database stumbles over a character


attr_from_json = json.loads


# -- parameters that the user asked for ------------------------------------------------------------------------


def fixed_to_json(fixed: Mapping[str, Any] | None, space: Space | None) -> str | None:
    """Return values by parameter name as JSON; objects that the space knows by name are kept by it.

    Raises:
        ValueError: a value is no label that can be written.
    """
    if fixed is None:
        return None
    data = {}
    for name, value in fixed.items():
        try:
            data[name] = label_to_json(_label(space.get(name) if space is not None else None, value))
        except SpaceError as error:
            raise ValueError(f"enqueued parameter {name!r} (type {type(value).__name__}): {error}") from None
    return json.dumps(data)


def _label(parameter: Parameter | None, value: Any) -> Any:
    if parameter is None or not parameter.contains(value):
        return value
    return parameter.to_label(parameter.to_internal(value))


def fixed_from_json(text: str | None) -> dict[str, Any] | None:
    """Return what ``fixed_to_json`` wrote; an object known by name is given as that name."""
    return None if text is None else {name: label_from_json(value) for name, value in json.loads(text).items()}


# -- spaces ----------------------------------------------------------------------------------------------------


def space_to_text(space: Space) -> tuple[str, str]:
    """Return the text of a space and its hash.

    Raises:
        SpaceError: a parameter cannot be written as text.
    """
    text = space.to_json()
    return text, hashlib.sha256(text.encode()).hexdigest()


def space_from_text(text: str) -> Space:
    """Return the space that a text describes.

    Its constraints are there by their labels only: text cannot hold them. There is no warning as from
    `Space.from_json`, since this happens whenever a worker reads what another one did.
    """
    params, lost, external = load_space(text, {})
    return Space.from_columns(params, [Constraint(None, label, ()) for label in lost], external)


class Spaces:
    """The spaces of a database that this process has seen: one object for each.

    A space that this process wrote is the very object it was written from, with the constraints and choices that text
    cannot hold. Of an objective whose ranges never repeat, the oldest are forgotten, or they would fill the memory.
    """

    WRITTEN, READ = 1000, 10_000  # how many are remembered

    def __init__(self) -> None:
        self._by_id: dict[int, Space] = {}
        self._ids: dict[tuple[int, int], tuple[int, Space]] = {}
        self._ranges: dict[int, tuple[Space, Range]] = {}

    def by_id(self, space_id: int) -> Space | None:
        """Return a space that was seen, and is remembered."""
        return self._by_id.get(space_id)

    def read(self, space_id: int, text: str, digest: str) -> Space:
        """Return the space of a row.

        Raises:
            ValueError: the text is not what was written.
        """
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise ValueError("its text has another hash than when it was written")
        if len(self._by_id) >= self.READ:
            self._by_id = dict(self._ids.values())
        return self._by_id.setdefault(space_id, space_from_text(text))

    def range_of(self, space: Space) -> Range:
        """Return where values of a space can be."""
        known = self._ranges.get(id(space))
        if known is None:
            if len(self._ranges) >= self.READ:
                self._ranges = {}
            known = self._ranges[id(space)] = (space, Range(space))  # holding the space keeps its id()
        return known[1]

    def id_of(self, study_id: int, space: Space) -> int | None:
        """Return the id under which a study keeps a space, if this process put it there."""
        known = self._ids.get((study_id, id(space)))
        return known[0] if known is not None else None

    def keep(self, study_id: int, space: Space, space_id: int) -> int:
        """Note that a study keeps a space under an id; return the id."""
        if len(self._ids) >= self.WRITTEN:
            self._ids = {}
        self._ids[study_id, id(space)] = (space_id, space)  # holding the space keeps its id() from being used again
        self._by_id[space_id] = space
        return space_id
