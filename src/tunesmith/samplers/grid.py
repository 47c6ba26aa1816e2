"""Grid search: every cell of a finite space once, in order or at random.

Symbols: N cells, numbered 0 … N - 1 as :class:`tunesmith.space.grid.Grid` does; U used ones u_0 < u_1 < …, those of
finished and of running trials.

The sampler states of the trials tell which cells are used, so nothing but the history is needed to go on. The r-th
cell that is still free is found without a list of the free ones: u_i - i free cells lie below u_i, a number that never
falls with i; so if j used cells have u_i - i <= r, it is the cell r + j. Taking r = 0 gives the grid in order; a random
r gives each order of the cells with the same probability, and needs no permutation to be kept.
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import SpaceError
from tunesmith.history import History
from tunesmith.samplers.base import PAYLOAD_MASK, Points, Sampler, SamplerStates, decode_states, encode_state
from tunesmith.space import Space

if TYPE_CHECKING:
    from tunesmith.space.grid import Grid

MAX_CELLS = 1 << 40  # of 48 bits, so that at least 8 are left to tell which grid a cell belongs to

Cells = NDArray[np.int64]
Resolution = int | Mapping[str, Any] | None


class GridSampler(Sampler):
    """Proposes each cell of a grid once, also with many workers and after a restart; then the study stops.

    A trial that FAILED or was pruned has used its cell: the grid does not try it again. Points that came from
    elsewhere (``enqueue_trial``, another sampler) use no cell.

    Args:
        search_space: name to values, for example ``{"x": [1, 2, 3]}``; with it the objective may suggest its
            parameters as it runs (names that are not in the dict are then drawn at random). In a study that declares a
            space it takes the place of the values of those parameters. None: all cells of the study's space.
        order: "sequential" (the last parameter varies fastest) or "random".
        resolution: how many values a parameter without a finite number of them gets, or one with more; an integer for
            all of them, or name to integer or to a list of values.
        seed: accepted for porting; the seed that counts is the study's.

    Attributes:
        space: the space of `search_space`, or None.

    Raises:
        SpaceError: `search_space` is no dict of lists. In ``ask``: a parameter has no finite number of values and no
            resolution, or there are more than 2**40 cells.
        ValueError: the order is none of the two.
    """

    name: ClassVar[str] = "grid"
    exclusive: ClassVar[bool] = True
    is_adaptive: ClassVar[bool] = False

    def __init__(
        self,
        search_space: Mapping[str, Sequence[Any]] | None = None,
        *,
        order: str = "sequential",
        resolution: Resolution = None,
        seed: int | None = None,
    ) -> None:
        if order not in ("sequential", "random"):
            raise ValueError(f"GridSampler: order is 'sequential' or 'random'; got {order!r}")
        self.order = order
        self.resolution = dict(resolution) if isinstance(resolution, Mapping) else resolution
        self.seed = seed
        self.values = None if search_space is None else _listed(search_space)
        self.space = None if self.values is None else Space(self.values)
        self._grid: _Numbered | None = None
        self._seen: _Seen | None = None

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_grid": None, "_seen": None}

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return up to n cells that no trial has used; see :meth:`Sampler.ask`.

        Raises:
            SpaceError: see :class:`GridSampler`.
        """
        grid = self._numbered(space)
        used = self._used(history, grid)
        left = grid.size - len(used)
        n = min(n, left)
        if n == 0:
            ranks = np.zeros(0, np.int64)
        elif self.order == "sequential":
            ranks = np.arange(n)
        else:
            ranks = rng.choice(left, n, replace=False)
        cells = ranks + np.searchsorted(used - np.arange(len(used)), ranks, side="right")
        states = np.array([encode_state(self.name, grid.mark << grid.bits | int(c)) for c in cells], np.int64)
        return grid.cells.rows(cells), states

    def _numbered(self, space: Space) -> _Numbered:
        """The grid of a space; kept, since its constraints may have been checked cell by cell."""
        kept = self._grid
        if kept is None or (kept.space is not space and kept.space != space):
            kept = self._grid = _Numbered.of(space, self._resolution_in(space))
        return kept

    def _resolution_in(self, space: Space) -> Resolution:
        """What the axes of the grid are, with the values of `search_space` in place of a declared parameter's own."""
        if self.values is None or space == self.space:
            return self.resolution
        unknown = sorted(self.values.keys() - {*space.names, *space.outer_names})
        if unknown:
            raise SpaceError(
                f"GridSampler: the search space has values for {', '.join(map(repr, unknown))}, which the study's "
                f"space does not know (its parameters: {', '.join(space.outer_names)})"
            )
        if isinstance(self.resolution, Mapping):
            return {**self.resolution, **self.values}
        others = [n for n in space.names if n not in self.values and space[n].is_numeric]
        return {**dict.fromkeys(others, self.resolution), **self.values}

    def _used(self, history: History, grid: _Numbered) -> Cells:
        """The cells that finished and running trials use, in rising order, each once."""
        kept = self._seen
        if kept is None or kept.history() is not history or kept.grid is not grid:
            kept = _Seen(weakref.ref(history), grid, 0, np.zeros(0, np.int64))
        if kept.rows < len(history):
            fresh = grid.cells_of(history.sampler_state[kept.rows :])
            kept = _Seen(kept.history, grid, len(history), _with(kept.used, fresh))
            self._seen = kept  # one assignment: another thread sees the old state or the new one
        return _with(kept.used, grid.cells_of(history.pending.sampler_state))


@dataclass(frozen=True, slots=True)
class _Numbered:
    """The cells of one grid. A payload holds the number of a cell in `bits` bits, and above it the grid's mark."""

    space: Space
    cells: Grid
    size: int
    bits: int
    mark: int

    @classmethod
    def of(cls, space: Space, resolution: Resolution) -> _Numbered:
        try:
            cells = space.grid(resolution)
            size = len(cells)
        except SpaceError as error:
            raise SpaceError(f"GridSampler: {error}") from None
        if cells.n_product > MAX_CELLS:
            raise SpaceError(
                f"GridSampler: the grid has {float(cells.n_product):.2g} cells, more than 2**40; give a lower "
                "resolution, or use RandomSampler or QMCSampler"
            )
        text = f"{space.signature} {cells.n_product} {size}"
        # Values given by resolution are not in the signature; the cells at both ends and between tell most of them.
        some = cells.rows(np.unique(np.linspace(0, size - 1, min(size, 64)).astype(np.int64)))
        bits = max(0, size - 1).bit_length()
        return cls(space, cells, size, bits, crc32(text.encode() + some.tobytes()) & (PAYLOAD_MASK >> bits))

    def cells_of(self, states: SamplerStates) -> Cells:
        """Return the cells that sampler states of this grid name."""
        own = decode_states(states, GridSampler.name)
        cells: Cells = np.bitwise_and(own[own >> self.bits == self.mark], (1 << self.bits) - 1)
        return cells[cells < self.size]


@dataclass(frozen=True, slots=True)
class _Seen:
    """The used cells among the first rows of a history: only a cache, since finished rows never change."""

    history: weakref.ref[History]
    grid: _Numbered
    rows: int
    used: Cells


def _with(used: Cells, more: Cells) -> Cells:
    """The union of cells in rising order and others; a new array unless nothing is new."""
    more = np.unique(more)
    at = np.searchsorted(used, more)
    new = np.ones(len(more), bool)
    inside = at < len(used)
    new[inside] = used[at[inside]] != more[inside]
    return np.insert(used, at[new], more[new]) if new.any() else used


def _listed(search_space: Any) -> dict[str, list[Any]]:
    if not isinstance(search_space, Mapping):
        raise SpaceError(
            f"GridSampler: search_space is a dict of name to values, such as {{'x': [1, 2, 3]}}; got {search_space!r}"
        )
    out: dict[str, list[Any]] = {}
    for name, values in search_space.items():
        if isinstance(values, str | bytes) or not hasattr(values, "__iter__"):
            raise SpaceError(f"GridSampler: the values of {name!r} must be a list; got {values!r}")
        out[name] = list(values)
    return out
