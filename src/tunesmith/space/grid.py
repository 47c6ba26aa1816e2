"""Grids: all points of a space in a fixed order, and the i-th of them.

A conditional space is a list of *blocks*: one for each setting of the parameters that others depend on, where values
that activate the same parameters count as one setting. Inside a block the same columns are active, so it is a plain
product, and the i-th point is i written in mixed radix. Nothing is stored for a cell, so the size does not matter.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.arguments import is_whole
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.space.parameters import Float

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tunesmith.space.base import Parameter
    from tunesmith.space.encoding import FloatArray
    from tunesmith.space.points import Columns

_MAX_WALK = 2**62
_MAX_FILTER = 5_000_000
_CHUNK = 4096


class Axis:
    """The values that one column takes in a block: all cells of a parameter, or a list, less those in `skip`."""

    __slots__ = ("_param", "_skip", "_values", "n")

    def __init__(self, param: Parameter, values: FloatArray | None = None, skip: Sequence[int] = ()) -> None:
        self._param, self._values, self._skip = param, values, sorted(skip)
        self.n = (int(param.n_values) if values is None else len(values)) - len(self._skip)

    def at(self, k: NDArray[np.int64]) -> FloatArray:
        """Return the internal values of the k-th entries."""
        for skipped in self._skip:
            k = k + (k >= skipped)
        return self._param.cells(k) if self._values is None else self._values[k]

    def index(self, x: float) -> int | None:
        """Return the entry that has the value x, of an axis that skips nothing."""
        if self._values is None:
            return self._param.cell_of(x)
        found = np.flatnonzero(self._values == x)
        return int(found[0]) if len(found) else None

    def split(self, rules: Sequence[frozenset[float]]) -> list[tuple[float | None, Axis]]:
        """Return the parts whose values satisfy the same rules, each with one of its values (None: in no rule)."""
        parts: dict[tuple[bool, ...], list[float]] = {}
        named: list[int] = []
        for x in sorted(set().union(*rules)):
            k = self.index(x)
            if k is not None:
                named.append(k)
                parts.setdefault(tuple(x in rule for rule in rules), []).append(x)
        split: list[tuple[float | None, Axis]] = [(xs[0], Axis(self._param, np.array(xs))) for xs in parts.values()]
        rest = Axis(self._param, self._values, named)
        return [*split, (None, rest)] if rest.n else split


def _blocks(space: Columns, axes: Sequence[Axis]) -> Iterator[dict[int, Axis]]:
    """Yield the active columns of each block, with their axes."""
    table = space.conditions
    rules_on: dict[int, list[frozenset[float]]] = {parent: [] for parent in table.parents}
    for rule in table.rules.values():
        for parent, values, _ in rule:
            rules_on[parent].append(values)
    splits = {parent: axes[parent].split(rules) for parent, rules in rules_on.items()}
    # Parents that are always active come first, then the others, each after those that it depends on.
    order = [p for p in sorted(table.parents) if p not in table.rules] + [p for p in table.order if p in table.parents]

    def extend(depth: int, row: list[float], chosen: dict[int, Axis]) -> Iterator[dict[int, Axis]]:
        active = table.active_row(row)
        if depth < len(order):
            parent = order[depth]
            if not active[parent]:
                yield from extend(depth + 1, row, chosen)
                return
            for x, axis in splits[parent]:
                # A value that no rule names activates nothing, as NaN.
                changed = [*row[:parent], math.nan if x is None else x, *row[parent + 1 :]]
                yield from extend(depth + 1, changed, {**chosen, parent: axis})
            return
        yield {j: chosen.get(j, axes[j]) for j in range(len(axes)) if active[j]}

    return extend(0, [math.nan] * len(axes), {})


def count_cells(space: Columns) -> int:
    """Return the number of points of a finite space; constraints are not checked."""
    axes = [Axis(param) for param in space.params.values()]
    return sum(math.prod(axis.n for axis in block.values()) for block in _blocks(space, axes))


class Grid(Sequence["FloatArray"]):
    """The points of a grid: `len(grid)`, `grid[i]` (float64[d]), `grid.rows(indices)` (float64[n, d]), iteration.

    The order is fixed by the space and the resolution. The last parameter varies fastest, those that others depend on
    slowest. Points that break a constraint are left out.

    Raises:
        SpaceError: a parameter has no finite number of values and no resolution is given for it, or the grid is too
            large to walk through.
    """

    __slots__ = ("_blocks", "_d", "_feasible", "_space", "_starts", "n_product")

    def __init__(self, space: Columns, resolution: int | Mapping[str, Any] | None = None) -> None:
        axes = _axes(space, resolution)
        self._space = space
        self._d = len(axes)
        self._blocks = [block for block in _blocks(space, axes) if all(axis.n for axis in block.values())]
        sizes = [math.prod(axis.n for axis in block.values()) for block in self._blocks]
        self.n_product = sum(sizes)  # cells before the constraints
        if self.n_product >= _MAX_WALK:
            raise SpaceError(
                f"the grid has {float(self.n_product):.2g} cells, too many to walk through; give a lower resolution, "
                "or sample the space"
            )
        self._starts = np.cumsum([0, *sizes], dtype=np.int64)
        self._feasible: NDArray[np.int64] | None = None

    def _cells(self) -> NDArray[np.int64] | None:
        """Return the numbers of the feasible cells; None: there are no constraints."""
        if not self._space.constraints:
            return None
        if self._feasible is None:
            if self.n_product > _MAX_FILTER:
                raise SpaceError(
                    f"the grid has {self.n_product} cells, too many to check against the constraints "
                    f"({listing(self._space.constraints)}); give a lower resolution, or sample the space"
                )
            kept = []
            for start in range(0, self.n_product, _CHUNK):
                numbers = np.arange(start, min(start + _CHUNK, self.n_product))
                kept.append(numbers[self._space.feasible(self._product_rows(numbers))])
            self._feasible = np.concatenate(kept) if kept else np.zeros(0, dtype=np.int64)
        return self._feasible

    def __len__(self) -> int:
        cells = self._cells()
        return self.n_product if cells is None else len(cells)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            return list(self.rows(np.arange(len(self))[i]))
        position = operator.index(i)
        if not -len(self) <= position < len(self):
            raise IndexError(f"the grid has {len(self)} cells, there is none of index {position}")
        return self.rows(np.array([position % len(self)]))[0]

    def __iter__(self) -> Iterator[FloatArray]:
        for start in range(0, len(self), _CHUNK):
            yield from self.rows(np.arange(start, min(start + _CHUNK, len(self))))

    def rows(self, indices: Sequence[int] | NDArray[np.int64]) -> FloatArray:
        """Return points x[n, d] by their indices 0 … len - 1."""
        numbers = np.asarray(indices, dtype=np.int64).reshape(-1)
        if len(numbers) and (numbers.min() < 0 or numbers.max() >= len(self)):
            raise IndexError(f"indices go from 0 to {len(self) - 1}")
        cells = self._cells()
        return self._product_rows(numbers if cells is None else cells[numbers])

    def _product_rows(self, numbers: NDArray[np.int64]) -> FloatArray:
        x = np.full((len(numbers), self._d), np.nan)
        block_of = np.searchsorted(self._starts, numbers, side="right") - 1
        for b in np.unique(block_of):
            where = np.flatnonzero(block_of == b)
            rest = numbers[where] - self._starts[b]
            for column, axis in reversed(self._blocks[b].items()):
                rest, k = np.divmod(rest, axis.n)
                x[where, column] = axis.at(k)
        return x


def _axes(space: Columns, resolution: int | Mapping[str, Any] | None) -> list[Axis]:
    by_name: Mapping[str, Any] = resolution if isinstance(resolution, Mapping) else {}
    outer = [space.external.get(name, name) for name in space.names]
    for name in by_name:
        if name not in outer and name not in space.names:
            raise SpaceError(
                f"resolution: the space has no parameter {name!r}{did_you_mean(name, outer)} "
                f"(parameters: {listing(name for name in outer if name)})"
            )
    axes = []
    for name, known_as, param in zip(space.names, outer, space.params.values(), strict=True):
        wanted = by_name.get(name)
        if wanted is None and known_as in by_name:
            # Several columns have this name: the resolution counts where it is valid.
            wanted = by_name[known_as]
            if isinstance(wanted, (list, tuple, range, np.ndarray)):
                wanted = [value for value in wanted if param.contains(value)] or wanted
            elif not param.is_numeric:
                wanted = None
        if wanted is None and not isinstance(resolution, Mapping) and param.is_numeric:
            wanted = resolution
        axes.append(_grid_axis(name, param, wanted))
    return axes


def _grid_axis(name: str, param: Parameter, wanted: Any) -> Axis:
    if wanted is None:
        if param.n_values == math.inf:
            raise SpaceError(
                f"{name!r} has no finite number of values ({param!r}); give resolution=10, or "
                f"resolution={{{name!r}: 10}} for this parameter alone, or a step"
            )
        return Axis(param)
    if isinstance(wanted, (list, tuple, range, np.ndarray)):
        try:
            return Axis(param, np.array(list(dict.fromkeys(param.to_internal(value) for value in wanted)), dtype=float))
        except ValueError as error:
            raise SpaceError(f"resolution of {name!r}: {error}") from None
    if not is_whole(wanted) or operator.index(wanted) < 1:
        raise SpaceError(
            f"resolution of {name!r}: give a number of points >= 1, or a list of values; got {shown(wanted)}"
        )
    if not param.is_numeric:
        raise SpaceError(f"resolution of {name!r}: give the list of choices that the grid takes, got {shown(wanted)}")
    n = operator.index(wanted)
    if param.n_values <= n:
        return Axis(param)
    ends = np.linspace(0.0, 1.0, n) if n > 1 else np.array([0.5])
    x = param.from_unit(ends)
    if isinstance(param, Float) and param.step is None:
        # 0.001 and not 0.0010000000000000002: people read these values, and look for them in tables.
        x = np.clip([float(f"{value:.15g}") for value in x.tolist()], param.low, param.high)
    return Axis(param, np.unique(x))
