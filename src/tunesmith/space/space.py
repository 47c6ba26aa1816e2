"""`Space`: named parameters, their conditions and constraints, and everything that is done to points in bulk.

A point is a row of internal values, float64[d], in the order of `space.names`; NaN stands for a parameter that is
inactive (or unknown, in the rows of a history). `u` is the same row in the unit cube.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.caution import caution
from tunesmith.errors import SpaceError
from tunesmith.space.base import Parameter
from tunesmith.space.condition_table import ConditionTable, bind
from tunesmith.space.constraints import Constraint, read_constraints
from tunesmith.space.convert import as_parameter, check_names, union
from tunesmith.space.encoding import Layout
from tunesmith.space.points import PointCodec

if TYPE_CHECKING:
    from tunesmith.space.encoding import BoolArray, FloatArray
    from tunesmith.space.grid import Grid

_MAX_DRAWS = 20_000  # random points for each feasible one, before sampling under constraints gives up


class Space(Mapping[str, Parameter]):
    """A search space.

    Args:
        params: a dict of parameters, a list of dicts of which one applies at a time, or another space. A value is a
            `Float`, `Int`, `Categorical` or `Ordinal`, a list, tuple or array of choices, a dict of named choices, a
            frozen scipy distribution, or a text such as `"log(1e-5, 1e-1)"`.
        constraints: callables that a point must satisfy, for example `lambda low, high: low < high`: each gets the
            parameters its arguments are named after, or all active ones as a dict if its only argument is `params`.
        named: more parameters, as keywords.

    Raises:
        SpaceError: a parameter, condition or constraint is not valid; the message names it and says what is.
    """

    __slots__ = (
        "_cache", "_codec", "_conditions", "_constraints", "_d", "_external", "_free", "_layout", "_names", "_params",
    )  # fmt: skip

    def __init__(
        self,
        params: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        /,
        *,
        constraints: Callable[..., Any] | Iterable[Callable[..., Any]] = (),
        **named: Any,
    ) -> None:
        external: dict[str, str] = {}
        columns: dict[str, Parameter]
        checks: Any = constraints
        if isinstance(params, Space) and not named:
            columns, external = dict(params), params._external
            checks = params.constraints if constraints == () else constraints
        elif isinstance(params, (list, tuple)):
            if named:
                raise SpaceError("a list of dicts and keyword parameters exclude each other; add them to each dict")
            columns, external = union(params)
        else:
            given = check_names(params if params is not None else {})
            for name in named:
                if name in given:
                    raise SpaceError(f"{name!r} is given twice, in the dict and as a keyword")
            columns = {name: as_parameter(name, v) for name, v in {**given, **check_names(named)}.items()}
        self._build(columns, checks, external)

    def _matrix(self, x: FloatArray) -> FloatArray:
        x = np.asarray(x, dtype=np.float64)
        if x.ndim != 2 or x.shape[1] != self._d:
            raise SpaceError(f"expected an array of shape (n, {self._d}), one column a parameter; got {x.shape}")
        return x

    @classmethod
    def _of(
        cls,
        columns: Mapping[str, Parameter],
        constraints: Callable[..., Any] | Iterable[Callable[..., Any] | Constraint] = (),
        external: Mapping[str, str] | None = None,
    ) -> Space:
        """From columns; `external` maps those that users know by another name ("": not at all)."""
        space = cls.__new__(cls)
        space._build(columns, constraints, external or {})
        return space

    def _build(self, columns: Mapping[str, Parameter], constraints: Any, external: Mapping[str, str]) -> None:
        bound = {
            name: p if p.condition is None else p.with_condition(bind(name, p.condition, columns))
            for name, p in columns.items()
        }
        self._params = MappingProxyType(bound)
        self._names = tuple(bound)
        self._d = len(bound)
        self._external = dict(external)
        self._conditions = ConditionTable(bound)
        self._layout = Layout([p.scale() for p in bound.values()])
        self._codec = PointCodec(bound, self._conditions, self._external)
        known = [self._external.get(name, name) for name in bound]
        self._constraints = read_constraints(constraints, dict.fromkeys(name for name in known if name))
        self._free = not self._conditions.rules and not self._constraints
        self._cache: dict[str, Any] = {}

    # -- what it holds ---------------------------------------------------------------------------------------------

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return self._names

    @property
    def outer_names(self) -> tuple[str, ...]:
        """The names that points have as dicts: columns of a union share one, and its selector has none."""
        return tuple(dict.fromkeys(outer for n in self._names if (outer := self._external.get(n, n))))

    @property
    def params(self) -> Mapping[str, Parameter]:
        """The parameters by name, in order."""
        return self._params

    @property
    def constraints(self) -> tuple[Constraint, ...]:
        """What a point must satisfy besides lying in the ranges."""
        return self._constraints

    @property
    def lost_constraints(self) -> tuple[str, ...]:
        """Constraints that the space had before it was stored as text; they are not checked any more."""
        return tuple(c.label for c in self._constraints if c.fn is None)

    @property
    def is_conditional(self) -> bool:
        """Whether some parameter exists only for some values of others."""
        return bool(self._conditions.rules)

    @property
    def is_finite(self) -> bool:
        """Whether every parameter has a finite number of values."""
        return all(p.n_values < math.inf for p in self._params.values())

    @property
    def n_cells(self) -> int | float:
        """Number of different points, `math.inf` if continuous; constraints may leave fewer (`len(space.grid())`)."""
        if not self.is_finite:
            return math.inf
        if "n_cells" not in self._cache:
            from tunesmith.space.grid import count_cells

            self._cache["n_cells"] = count_cells(self)
        return int(self._cache["n_cells"])

    @property
    def signature(self) -> str:
        """16 hexadecimal digits that are the same for equal spaces, in every process."""
        if "signature" not in self._cache:
            import hashlib

            self._cache["signature"] = hashlib.sha256(self.to_json().encode()).hexdigest()[:16]
        return str(self._cache["signature"])

    def __getitem__(self, name: str) -> Parameter:
        return self._params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return self._d

    def __bool__(self) -> bool:
        return True  # a space without parameters is still a space, not a missing one

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Space):
            return NotImplemented
        return (
            self._names == other._names
            and all(a == b for a, b in zip(self._params.values(), other._params.values(), strict=True))
            and self._constraints == other._constraints
            and self._external == other._external
        )

    def __hash__(self) -> int:
        return hash((self._names, tuple(self._params.values()), self._constraints))

    def __reduce__(self) -> tuple[Any, ...]:
        fns = tuple(c if c.fn is None else c.fn for c in self._constraints)
        return (Space._of, (dict(self._params), fns, self._external))

    def __repr__(self) -> str:
        lines = [f"    {name}: {param!r}," for name, param in self._params.items()]
        lines += [f"    constraint {constraint!r}," for constraint in self._constraints]
        return "\n".join(["Space(", *lines, ")"]) if lines else "Space()"

    # -- arrays ----------------------------------------------------------------------------------------------------

    def to_unit(self, x: FloatArray) -> FloatArray:
        """x[n, d] to u[n, d] in the unit cube; NaN stays NaN, values out of range go to the nearest end."""
        return self._layout.to_unit(self._matrix(x))

    def from_unit(self, u: FloatArray) -> FloatArray:
        """u[n, d] to valid x[n, d]: on the lattice, inactive cells NaN. Constraints are not looked at."""
        x = self._layout.from_unit(self._matrix(u))
        if self._conditions.rules:
            x[~self._conditions.active(x)] = np.nan
        return x

    def active(self, x: FloatArray) -> BoolArray:
        """Which cells of x[n, d] exist by the conditions, bool[n, d]."""
        return self._conditions.active(self._matrix(x))

    def mask(self, x: FloatArray) -> FloatArray:
        """A copy of x[n, d] with NaN where a parameter is inactive."""
        x = np.array(self._matrix(x))
        if self._conditions.rules:
            x[~self._conditions.active(x)] = np.nan
        return x

    def feasible(self, x: FloatArray) -> BoolArray:
        """Which rows of x[n, d] satisfy the constraints, bool[n]."""
        x = self._matrix(x)
        if not self._constraints:
            return np.ones(len(x), dtype=np.bool_)
        return np.array([self._violated(config) is None for config in self.decode(x)], dtype=np.bool_)

    def contains_rows(self, x: FloatArray) -> BoolArray:
        """Which rows of x[n, d] are points of the space, bool[n]: valid where active, NaN elsewhere, feasible."""
        x = self._matrix(x)
        active = self._conditions.active(x)
        with np.errstate(invalid="ignore"):  # infinities
            inside = (self._layout.contains(x) & active) | (np.isnan(x) & ~active)
        ok = np.asarray(inside.all(axis=1))
        ok[ok] = self.feasible(x[ok])
        return ok

    def sample(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw n points x[n, d], uniform in the unit cube and, under constraints, among the feasible ones (rejection).

        Draws `rng.random((n, d))` first, and more only if points were rejected.

        Raises:
            SpaceError: the constraints reject (nearly) all points; the message says which and how many.
        """
        x = self._layout.from_unit(rng.random((n, self._d)))
        if self._free:
            return x
        if self._conditions.rules:
            x[~self._conditions.active(x)] = np.nan
        return self._reject(x, rng, n) if self._constraints else x

    def _reject(self, x: FloatArray, rng: np.random.Generator, n: int) -> FloatArray:
        kept: list[FloatArray] = []
        drawn = accepted = 0
        rejected: dict[str, int] = {}
        while True:
            for row, config in zip(x, self.decode(x), strict=True):
                drawn += 1
                reason = self._violated(config)
                if reason is None:
                    kept.append(row)
                    accepted += 1
                    if accepted == n:
                        return np.array(kept)
                else:
                    rejected[reason] = rejected.get(reason, 0) + 1
            if accepted == n:  # n = 0
                return x
            if drawn >= _MAX_DRAWS * max(1, accepted):
                reasons = ", ".join(f"{label} rejected {count}" for label, count in rejected.items())
                raise SpaceError(
                    f"no feasible point found for {n - accepted} of {n}: {accepted} of {drawn} random points met the "
                    f"constraints ({reasons}); loosen the constraints, or choose ranges in which they hold more often"
                )
            size = min(4096, max(16, math.ceil(1.2 * (n - accepted) * drawn / max(1, accepted))))
            x = self.from_unit(rng.random((size, self._d)))

    def _violated(self, config: Mapping[str, Any]) -> str | None:
        """Label of the first constraint that the point breaks."""
        return next((c.label for c in self._constraints if not c.holds(config)), None)

    def grid(self, resolution: int | Mapping[str, Any] | None = None) -> Grid:
        """The points of a grid in a fixed order: `len(grid)`, `grid[i]`, `grid.rows(indices)`, iteration.

        Args:
            resolution: points along each continuous (or longer) numeric parameter; a dict gives it by name, as a
                number or as the list of values. None: every value, of a space that is finite.
        """
        from tunesmith.space.grid import Grid

        return Grid(self, resolution)

    def cell(self, i: int) -> FloatArray:
        """Row i of the grid of all points of a finite space."""
        if "grid" not in self._cache:
            self._cache["grid"] = self.grid()
        row: FloatArray = self._cache["grid"][i]
        return row

    # -- values ----------------------------------------------------------------------------------------------------

    def decode_row(self, row: Sequence[float] | FloatArray) -> dict[str, Any]:
        """The active parameters of one point by name; cells that are inactive or NaN are left out."""
        return self._codec.decode_row(row.tolist() if isinstance(row, np.ndarray) else row)

    def decode(self, x: FloatArray) -> list[dict[str, Any]]:
        """:meth:`decode_row` for each row of x[n, d]."""
        return [self._codec.decode_row(row) for row in self._matrix(x).tolist()]

    def encode(self, configs: Sequence[Mapping[str, Any]], *, partial: bool = False) -> FloatArray:
        """Rows x[n, d] of points given by name.

        Args:
            configs: one dict a point, with a value for every active parameter and for no other.
            partial: leave parameters that are not given NaN in place of raising.

        Raises:
            SpaceError: as :meth:`validate`.
        """
        if isinstance(configs, Mapping):
            raise SpaceError("encode takes a list of dicts; put the one dict into a list")
        x = np.full((len(configs), self._d), np.nan)
        for i, config in enumerate(configs):
            x[i] = self._codec.encode_row(config, partial=partial)
            if self._constraints:
                self._check_constraints(self._codec.decode_row(x[i].tolist()))
        return x

    def validate(self, config: Mapping[str, Any], *, partial: bool = False) -> None:
        """Check one point given by name.

        Raises:
            SpaceError: an unknown, missing or inactive parameter, a value that is not valid, or a broken constraint;
                the message names the parameter, the value and what is valid.
        """
        self.encode([config], partial=partial)

    def _check_constraints(self, config: Mapping[str, Any]) -> None:
        broken = self._violated(config)
        if broken is not None:
            raise SpaceError(f"{dict(config)!r} does not satisfy the constraint {broken}")

    # -- text ------------------------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str | Mapping[str, Any], *, constraints: Any = ()) -> Space:
        """From a dict of texts, as in TOML, or from lines such as `lr = log(1e-5, 1e-1)`.

        Raises:
            SpaceError: a text cannot be read; the message points at the place.
        """
        if not isinstance(text, str):
            return cls(text, constraints=constraints)
        from tunesmith.space.parse import parse_lines

        return cls(parse_lines(text), constraints=constraints)

    def to_json(self) -> str:
        """The space as JSON text; objects are kept by name, and constraints only by their label."""
        from tunesmith.space.serialize import dump_space

        return dump_space(self._params, tuple(c.label for c in self._constraints), self._external)

    @classmethod
    def from_json(cls, text: str, *, objects: Mapping[str, Mapping[str, Any]] | None = None) -> Space:
        """The space that :meth:`to_json` wrote.

        Args:
            text: what `to_json` returned.
            objects: for choices known by name, the objects as `{parameter: {name: object}}`; where none is given,
                the name stands for the object.

        Raises:
            SpaceError: the text is no space. A space that had constraints gives a warning: they have to be set again
                by :meth:`with_constraints`.
        """
        from tunesmith.space.serialize import load_space

        params, lost, external = load_space(text, objects or {})
        if lost:
            caution(
                f"the space was stored with {len(lost)} constraint(s) that text cannot hold ({', '.join(lost)}); they "
                "are not checked until you give them again: space.with_constraints(...)"
            )
        return cls._of(params, [Constraint(None, label, ()) for label in lost], external)

    def with_constraints(self, *constraints: Callable[..., Any]) -> Space:
        """The same space with these constraints in place of its own."""
        return Space._of(self._params, constraints, self._external)
