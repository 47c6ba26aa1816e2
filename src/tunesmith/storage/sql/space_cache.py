"""Spaces in the tables: one row for each, and one object for each row that this process has seen."""

from __future__ import annotations

import hashlib

from tunesmith.space import Constraint, Space
from tunesmith.space.serialize import load_space
from tunesmith.storage.sql.integrity import Range


def space_to_text(space: Space) -> tuple[str, str]:
    """Return the text of a space and its hash."""
    text = space.to_json()
    return text, hashlib.sha256(text.encode()).hexdigest()


def space_from_text(text: str) -> Space:
    """Return the space of a text; its constraints have labels only, because text cannot hold functions.

    There is no warning, unlike in `Space.from_json`: this happens whenever one worker reads what another one wrote.
    """
    params, lost, external, shape = load_space(text, {})
    return Space.from_columns(params, [Constraint(None, label, ()) for label in lost], external, shape)


class SpaceCache:
    """The spaces of a database that this process has read or written: one object for each.

    For a space that this process wrote it is the object itself, with the constraints and choices that text cannot hold.
    The oldest are forgotten, because an objective whose ranges never repeat would fill the memory.

    Attributes:
        ids: of the spaces that this process wrote, by study and `id()`, with the spaces.
    """

    WRITTEN, READ = 1000, 10_000  # how many are remembered

    def __init__(self) -> None:
        self._by_id: dict[int, Space] = {}
        self.ids: dict[tuple[int, int], tuple[int, Space]] = {}
        self._ranges: dict[int, tuple[Space, Range]] = {}

    def by_id(self, space_id: int) -> Space | None:
        """Return a space that is remembered."""
        return self._by_id.get(space_id)

    def read(self, space_id: int, text: str, digest: str) -> Space:
        """Return the space of a row."""
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise ValueError("its text has another hash than when it was written")
        if len(self._by_id) >= self.READ:
            self._by_id = dict(self.ids.values())
        return self._by_id.setdefault(space_id, space_from_text(text))

    def range_of(self, space: Space) -> Range:
        """Return the bounds of a space's values."""
        known = self._ranges.get(id(space))
        if known is None:
            if len(self._ranges) >= self.READ:
                self._ranges = {}
            known = self._ranges[id(space)] = (space, Range(space))  # holding the space keeps its id()
        return known[1]

    def keep(self, study_id: int, space: Space, space_id: int) -> int:
        """Remember the id of a study's space; return the id."""
        if len(self.ids) >= self.WRITTEN:
            self.ids = {}
        self.ids[study_id, id(space)] = (space_id, space)  # holding the space keeps its id() from being used again
        self._by_id[space_id] = space
        return space_id
