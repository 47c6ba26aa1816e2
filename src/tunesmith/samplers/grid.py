"""Grid search: every cell of a finite space once, in order or at random.

Symbols: N cells, numbered 0 … N - 1 as `tunesmith.space.grid.Grid` does; U used ones u_0 < u_1 < …, those of
finished and of running trials.

The sampler states of the trials tell which cells are used, so nothing but the history is needed to go on. The r-th
cell that is still free is found without a list of the free ones: u_i - i free cells lie below u_i, a number that never
falls with i; so if j used cells have u_i - i <= r, it is the cell r + j. Taking r = 0 gives the grid in order; a random
r gives each order of the cells with the same probability, and needs no permutation to be kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar
from zlib import crc32

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Ints
from tunesmith.history import History
from tunesmith.samplers.base import PAYLOAD_MASK, Points, SamplerStates, StatefulSampler, decode_states, encode_state
from tunesmith.space import Space

MAX_GRID_CELLS = 1 << 40  # of 48 bits, so that at least 8 are left to tell which grid a cell belongs to

Resolution = int | Mapping[str, Any] | None


class GridCells:
    """The cells of one grid, and which of them trials use.

    A payload holds the number of a cell in `bits` bits, and above it a fingerprint of the grid.

    Attributes:
        size: how many there are.
        used: those of finished trials, in rising order, each once.
    """

    def __init__(self, space: Space, resolution: Resolution) -> None:
        try:
            self.grid = space.grid(resolution)
            self.size = size = len(self.grid)
        except SpaceError as error:
            raise SpaceError(f"GridSampler: {error}") from None
        product = self.grid.n_product
        if product > MAX_GRID_CELLS:
            raise SpaceError(
                f"GridSampler: the grid has {float(product):.2g} cells, more than 2**40; give a lower "
                "resolution, or use RandomSampler or QMCSampler"
            )
        self.space = space
        self.used = np.zeros(0, np.int64)
        self._bits = max(0, size - 1).bit_length()
        text = f"{space.signature} {product} {size}"
        # Values given by resolution are not in the signature; the cells at both ends and between tell most of them.
        some = self.grid.rows(np.unique(np.linspace(0, size - 1, min(size, 64)).astype(np.int64)))
        self._fingerprint = crc32(text.encode() + some.tobytes()) & (PAYLOAD_MASK >> self._bits)

    def payload(self, cell: int) -> int:
        """Return the payload of the sampler state of a trial in this cell."""
        return self._fingerprint << self._bits | cell

    def add_rows(self, history: History, first: int, last: int) -> None:
        """Add the finished rows first … last - 1."""
        self.used = self.used_with(history.sampler_state[first:last])

    def used_with(self, states: SamplerStates) -> Ints:
        """Return the used cells and those of other trials, in rising order, each once."""
        own = decode_states(states, GridSampler.name)
        cells = np.bitwise_and(own[own >> self._bits == self._fingerprint], (1 << self._bits) - 1)
        more = np.unique(cells[cells < self.size])
        at = np.searchsorted(self.used, more)
        new = np.searchsorted(self.used, more, side="right") == at
        return np.insert(self.used, at[new], more[new]) if new.any() else self.used


class GridSampler(StatefulSampler[GridCells]):
    """Proposes each cell of a grid once, also with many workers and after a restart; then the study stops.

    A trial that FAILED or was pruned has used its cell: the grid does not try it again. Points that came from
    elsewhere (``enqueue_trial``, another sampler) use no cell.

    Args:
        search_space: name to values, for example ``{"x": [1, 2, 3]}``; with it the objective may suggest its
            parameters as it runs; one that is not in the dict, or a range without its value, is an error in the
            trial. In a study that declares a space it takes the place of the values of those parameters. None: all
            cells of the study's space.
        order: "sequential" (the last parameter varies fastest) or "random".
        resolution: how many values a parameter without a finite number of them gets, or one with more; an integer for
            all of them, or name to integer or to a list of values.
        seed: becomes the study's seed, if `create_study` is given none.

    Attributes:
        space: the space of `search_space`, or None.

    Raises:
        SpaceError: `search_space` is not a dict of lists. In ``ask``: a parameter has no finite number of values and no
            resolution, or there are more than 2**40 cells.
        ValueError: the order is neither of the two.

    Example:
        ```python
        from tunesmith import minimize
        from tunesmith.samplers import GridSampler

        study = minimize(lambda x, y: x * y, {"x": [1, 2, 3], "y": [4, 5]}, sampler=GridSampler(), n_trials=None)
        assert len(study.trials) == 6
        ```
    """

    name: ClassVar[str] = "grid"
    exclusive: ClassVar[bool] = True
    is_adaptive: ClassVar[bool] = False

    @checked("search_space")
    def __init__(
        self,
        search_space: Mapping[str, Sequence[Any]] | None = None,
        *,
        order: str = "sequential",
        resolution: Resolution = None,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if order not in ("sequential", "random"):
            raise ValueError(f"GridSampler: order is 'sequential' or 'random'; got {order!r}")
        self.order = order
        self.resolution = dict(resolution) if isinstance(resolution, Mapping) else resolution
        self.seed = seed
        self.values = None if search_space is None else _value_lists(search_space)
        self.space = None if self.values is None else Space(self.values)

    def initial_state(self, space: Space, n_objectives: int) -> GridCells:
        return GridCells(space, self._resolution_in(space))

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return up to n cells that no trial has used; see `Sampler.ask`.

        Raises:
            SpaceError: see `GridSampler`.
        """
        with self._state_after(history, space) as cells:
            used = cells.used_with(history.pending.sampler_state)
            left = cells.size - len(used)
            n = min(n, left)
            if n == 0:
                places = np.zeros(0, np.int64)
            elif self.order == "sequential":
                places = np.arange(n)
            else:
                places = rng.choice(left, n, replace=False)
            chosen = places + np.searchsorted(used - np.arange(len(used)), places, side="right")
            states = np.array([encode_state(self.name, cells.payload(int(c))) for c in chosen], np.int64)
            return cells.grid.rows(chosen), states

    def _resolution_in(self, space: Space) -> Resolution:
        """Return the resolution, with the values of `search_space` in place of a declared parameter's own."""
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


def _value_lists(search_space: Any) -> dict[str, list[Any]]:
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
