"""Which column of a history each parameter has, and the space that all parameters seen so far make up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.space import Categorical, Ordinal, Parameter, Space, merge

Floats = NDArray[np.float64]
MOST_SPACES = 1000  # an objective's ranges may never repeat


class SpaceColumns:
    """Where the parameters of one space go in the table.

    Attributes:
        space: the space.
        at: the column of each of its parameters; -1: it has none.
        relabel: parameters whose categories the history counts in another order, with the new index of each.
        identity: whether the parameters are the first columns, in order, as they are.
    """

    __slots__ = ("at", "identity", "relabel", "space")

    def __init__(self, space: Space, at: list[int], relabel: list[tuple[int, Floats]]) -> None:
        self.space = space
        self.at = np.array(at, np.intp)
        self.relabel = relabel
        self.identity = at == list(range(len(at))) and not relabel

    def translate(self, x: Floats) -> Floats:
        """Return x[n, d_space] with category indices as the history counts them."""
        if not self.relabel:
            return x
        x = x.copy()
        for j, table in self.relabel:
            known = ~np.isnan(x[:, j])
            x[known, j] = table[x[known, j].astype(np.intp)]
        return x


class ParameterColumns:
    """The columns of all parameters ever seen, one more for each that is new.

    Args:
        space: the declared space; None: there is none.

    Attributes:
        space: the declared space, or what all that was seen makes up (see `tunesmith.space.merge`).
        names: the parameter behind each column. A name has a second column where its kind has changed.
        known: the columns of the spaces seen so far, by the id of the space, which the value keeps alive.
    """

    def __init__(self, space: Space | None) -> None:
        self.space = space
        self.names: list[str] = []
        self._current: dict[str, int] = {}
        self.known: dict[int, SpaceColumns] = {}
        if space is not None:
            self.of(space)

    def of(self, space: Space) -> SpaceColumns:
        """Return the columns of a space's parameters; those that are new get one, and the merged space grows."""
        return self.known.get(id(space)) or self._add(space)

    def _add(self, space: Space) -> SpaceColumns:
        before, known_names = self.space, len(self.names)
        if before is None or (before is not space and before != space):
            self.space = merge(before, space.params, space.shape)
        merged = self.space if self.space is not None else space
        for name in space.names:
            known = before is not None and name in before.params and name in self._current
            if not known or (before is not None and _kind(before.params[name]) != _kind(merged.params[name])):
                self._current[name] = len(self.names)
                self.names.append(name)
        if len(self.names) > known_names or len(self.known) > MOST_SPACES:
            self.known.clear()
        columns = self.known[id(space)] = self._map(space)
        return columns

    def peek(self, space: Space) -> SpaceColumns:
        """Return the columns of a space's parameters without adding any."""
        return self.known.get(id(space)) or self._map(space)

    def _map(self, space: Space) -> SpaceColumns:
        at: list[int] = []
        relabel: list[tuple[int, Floats]] = []
        for j, (name, p) in enumerate(space.params.items()):
            merged = self.space.params.get(name) if self.space is not None else None
            if merged is None or _kind(merged) != _kind(p):
                at.append(-1)
                continue
            at.append(self._current[name])
            if isinstance(p, Categorical | Ordinal) and isinstance(merged, Categorical | Ordinal) and p != merged:
                table = np.array([merged.to_internal(c) if merged.contains(c) else np.nan for c in p.choices])
                if not np.array_equal(table, np.arange(len(table))):
                    relabel.append((j, table))
        return SpaceColumns(space, at, relabel)

    def at(self, space: Space) -> NDArray[np.intp]:
        """Return the present column of each name of a space; -1: it has none."""
        return np.array([self._current.get(name, -1) for name in space.names], np.intp)


def _kind(p: Parameter) -> str:
    return "numeric" if p.is_numeric else type(p).__name__
