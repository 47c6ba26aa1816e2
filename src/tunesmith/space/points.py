"""`Columns`: the parameters of a space in order, and all operations on many points at once.

A point is a row of internal values, float64[d], in the order of `names`; NaN stands for a parameter that is inactive
(or unknown, in the rows of a history). `u` is the same row in the unit cube.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical
from tunesmith.space.conditions import Condition
from tunesmith.space.constraints import Constraint, read_constraints
from tunesmith.space.convert import BRANCH
from tunesmith.space.encoding import Layout
from tunesmith.space.parameters import Float, Int
from tunesmith.space.shape import Shape

if TYPE_CHECKING:
    from tunesmith.space.encoding import BoolArray, FloatArray


class Columns(Mapping[str, Parameter]):
    """The parameters of a space in order, with their conditions and constraints.

    Attributes:
        names: names of the columns, in order.
        params: the parameters by name, in order.
        constraints: what a point must satisfy besides.
        conditions: the conditions, compiled.
        external: the name that users know, for each column that has another one ("": none at all).
        shape: how columns stand in points as dicts, where those are nested; None: they are not.
    """

    __slots__ = ("_codec", "_layout", "conditions", "constraints", "external", "names", "params", "shape")
    names: tuple[str, ...]
    params: Mapping[str, Parameter]
    constraints: tuple[Constraint, ...]
    conditions: ConditionTable
    external: dict[str, str]
    shape: Shape | None

    def _compile(
        self, columns: Mapping[str, Parameter], constraints: Any, external: Mapping[str, str], shape: Shape | None
    ) -> None:
        bound = {
            name: p if p.condition is None else p.with_condition(bind(name, p.condition, columns))
            for name, p in columns.items()
        }
        self.params = MappingProxyType(bound)
        self.names = tuple(bound)
        self.external = dict(external)
        self.shape = shape
        self.conditions = ConditionTable(bound)
        self._layout = Layout([p.scale() for p in bound.values()])
        self._codec = PointCodec(bound, self.conditions, self.external)
        self.constraints = read_constraints(constraints, self.outer_names)

    @property
    def outer_names(self) -> tuple[str, ...]:
        """The names that points have as dicts: columns of a list of dicts may share one, its selector has none."""
        names = self.names if self.shape is None else map(self.shape.name_of, self.names)
        return tuple(dict.fromkeys(outer for n in names if (outer := self.external.get(n, n))))

    @property
    def is_conditional(self) -> bool:
        """Whether some parameter is active only for some values of others."""
        return bool(self.conditions.rules)

    @property
    def is_finite(self) -> bool:
        """Whether every parameter has a finite number of values."""
        return all(p.n_values < math.inf for p in self.params.values())

    def __getitem__(self, name: str) -> Parameter:
        return self.params[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)

    def __bool__(self) -> bool:
        return True  # a space without parameters is still a space, not a missing one

    def to_unit(self, x: FloatArray) -> FloatArray:
        """Map x[n, d] to u[n, d] in the unit cube; NaN stays NaN, values out of range go to the nearest end."""
        return self._layout.to_unit(self._matrix(x))

    def from_unit(self, u: FloatArray) -> FloatArray:
        """Map u[n, d] to valid x[n, d], inactive cells NaN. Constraints are not checked."""
        return self._masked(self._layout.from_unit(self._matrix(u)))

    def active(self, x: FloatArray) -> BoolArray:
        """Return which cells of x[n, d] are active, bool[n, d]."""
        return self.conditions.active(self._matrix(x))

    def mask(self, x: FloatArray) -> FloatArray:
        """Return a copy of x[n, d] with NaN where a parameter is inactive."""
        return self._masked(np.array(self._matrix(x)))

    def _masked(self, x: FloatArray) -> FloatArray:
        if self.conditions.rules:
            x[~self.conditions.active(x)] = np.nan
        return x

    def feasible(self, x: FloatArray) -> BoolArray:
        """Return which rows of x[n, d] satisfy the constraints, bool[n]."""
        x = self._matrix(x)
        if not self.constraints:
            return np.ones(len(x), dtype=np.bool_)
        return np.array([self._violated(config) is None for config in self.decode(x)], dtype=np.bool_)

    def contains_rows(self, x: FloatArray) -> BoolArray:
        """Return which rows of x[n, d] are feasible points with NaN where a parameter is inactive, bool[n]."""
        x = self._matrix(x)
        active = self.conditions.active(x)
        with np.errstate(invalid="ignore"):  # infinities
            inside = (self._layout.contains(x) & active) | (np.isnan(x) & ~active)
        ok = np.asarray(inside.all(axis=1))
        ok[ok] = self.feasible(x[ok])
        return ok

    def _violated(self, config: Mapping[str, Any]) -> str | None:
        """Return the label of the first constraint that the point breaks."""
        return next((c.label for c in self.constraints if not c.holds(config)), None)

    def _matrix(self, x: FloatArray) -> FloatArray:
        try:
            x = np.asarray(x, dtype=np.float64)
        except (TypeError, ValueError, OverflowError):
            raise SpaceError(f"expected an array x[n, {len(self)}] of numbers; got {shown(x)}") from None
        if x.ndim != 2 or x.shape[1] != len(self):
            raise SpaceError(f"expected an array of shape (n, {len(self)}), one column a parameter; got {x.shape}")
        return x

    def decode_row(self, row: Sequence[float] | FloatArray) -> dict[str, Any]:
        """Return the active parameters of one point by name; cells that are inactive or NaN are left out."""
        flat = self._codec.decode_row(row.tolist() if isinstance(row, np.ndarray) else row)
        return flat if self.shape is None else self.shape.nest(flat)

    def flat_row(self, row: Sequence[float] | FloatArray) -> dict[str, Any]:
        """Return what `decode_row` does, by the names of columns: ``{"model": "svm", "model.svm.C": 0.3}``."""
        return self._codec.decode_row(row.tolist() if isinstance(row, np.ndarray) else row)

    def decode(self, x: FloatArray) -> list[dict[str, Any]]:
        """Return what `decode_row` returns for each row of x[n, d]."""
        return [self.nested(self._codec.decode_row(row)) for row in self._matrix(x).tolist()]

    def nested(self, flat: dict[str, Any]) -> dict[str, Any]:
        """Return a point that is given by the names of columns as a function gets it; see `Choice`."""
        return flat if self.shape is None else self.shape.nest(flat)

    def flat(self, config: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a point by the names of columns, the opposite of `nested`; such names may stand in it already.

        Raises:
            SpaceError: a value fits no option of a choice.
        """
        return config if self.shape is None or not isinstance(config, Mapping) else self.shape.flat(config, self.params)

    def encode(self, configs: Sequence[Mapping[str, Any]], *, partial: bool = False) -> FloatArray:
        """Return points given by name as rows.

        Args:
            configs: one dict a point, with a value for every active parameter and for no other.
            partial: whether parameters may be missing; they are NaN then.

        Returns:
            the points x[n, d].

        Raises:
            SpaceError: as for `validate`.
        """
        if isinstance(configs, Mapping):
            raise SpaceError("encode takes a list of dicts; put the one dict into a list")
        if not hasattr(configs, "__len__"):
            raise SpaceError(f"configs must be a list of dicts, one a point; got {shown(configs)}")
        x = np.full((len(configs), len(self)), np.nan)
        for i, config in enumerate(configs):
            x[i] = self._codec.encode_row(self.flat(config), partial=partial)
            if self.constraints:
                point = self.decode_row(x[i].tolist())
                broken = self._violated(point)
                if broken is not None:
                    raise SpaceError(f"{point!r} does not satisfy the constraint {broken}")
        return x

    def validate(self, config: Mapping[str, Any], *, partial: bool = False) -> None:
        """Check one point given by name.

        Args:
            config: a value for every active parameter and for no other.
            partial: whether parameters may be missing.

        Raises:
            SpaceError: a parameter is unknown, missing or inactive, a value is not valid, or a constraint is broken;
                the message names the parameter, the value and what is valid.
        """
        self.encode([config], partial=partial)


# -- points as dicts --------------------------------------------------------------------------------------------------


class PointCodec:
    """Encodes and decodes single points in plain Python: 2 to 5 microseconds a point, where arrays take 20.

    Args:
        external: the name that users know, for each column that has another one ("": none at all).
    """

    __slots__ = ("_columns", "_conditions", "_decoders", "_external", "_outer", "_params")

    def __init__(
        self, params: Mapping[str, Parameter], conditions: ConditionTable, external: Mapping[str, str]
    ) -> None:
        self._params = list(params.values())
        self._columns = list(params)
        self._conditions = conditions
        self._external = external
        self._outer = [external.get(name, name) for name in params]
        self._decoders: list[Callable[[float], Any]] = [_decoder(param) for param in self._params]

    def decode_row(self, row: Sequence[float]) -> dict[str, Any]:
        """Return the active parameters of a row by the names that users know; NaN cells are left out."""
        if not self._conditions.rules:
            return {
                name: decode(x)
                for name, decode, x in zip(self._outer, self._decoders, row, strict=True)
                if x == x and name
            }
        active = self._conditions.active_row(row)
        return {
            name: decode(x)
            for name, decode, x, on in zip(self._outer, self._decoders, row, active, strict=True)
            if on and x == x and name
        }

    def encode_row(self, config: Mapping[str, Any], *, partial: bool) -> list[float]:
        """Return the row of a dict of external values; see `Space.validate` for the errors."""
        if not isinstance(config, Mapping):
            raise SpaceError(f"a point is a dict of parameters, got {shown(config)}")
        if BRANCH in self._columns and BRANCH not in config:
            return self._encode_in_some_branch(config, partial)
        return self._encode(config, self._columns, partial)

    def _encode(self, config: Mapping[str, Any], known: Sequence[str], partial: bool) -> list[float]:
        """Return the row of a dict; `known[j]` is the name of column j there ("": it has none)."""
        for name in config:
            if name not in known:
                raise SpaceError(
                    f"the space has no parameter {name!r}{did_you_mean(name, known)} "
                    f"(parameters: {listing(name for name in known if name)})"
                )
        row = [math.nan] * len(known)
        for j, name in enumerate(known):
            if name in config:
                try:
                    row[j] = self._params[j].to_internal(config[name])
                except ValueError as error:
                    raise SpaceError(f"{name!r}: {error}") from None
        active = self._conditions.active_row(row)
        for j, name in enumerate(known):
            if not active[j] and name in config and not (partial and self._open(j, row)):
                raise SpaceError(
                    f"{name!r} is given as {shown(config[name])}, but exists only if {self._params[j].condition!r}"
                )
            if active[j] and name not in config and not partial:
                why = f" (it is active since {self._params[j].condition!r})" if self._params[j].condition else ""
                raise SpaceError(f"{name!r} is missing{why}; valid is {self._params[j].valid()}")
        return row

    def _open(self, column: int, row: Sequence[float]) -> bool:
        """Return whether an inactive column may become active once missing values are filled in."""
        return all(
            (row[parent] in values or row[parent] != row[parent])
            and (parent not in self._conditions.rules or self._open(parent, row))
            for parent, values, _ in self._conditions.rules.get(column, ())
        )

    def _encode_in_some_branch(self, config: Mapping[str, Any], partial: bool) -> list[float]:
        """Return the row in the first branch of a list of dicts in which the point is valid."""
        errors = []
        selector = self._params[self._columns.index(BRANCH)]
        branches = selector.choices if isinstance(selector, Categorical) else ()
        for branch in branches:
            known = [self._name_in(branch, column) for column in self._columns]
            try:
                return self._encode({**config, BRANCH: branch}, known, partial)
            except SpaceError as error:
                errors.append(f"{branch}: {error}")
        reasons = "\n  ".join(errors)
        raise SpaceError(f"{dict(config)!r} fits none of the {len(errors)} dicts of the space:\n  {reasons}")

    def _name_in(self, branch: int, column: str) -> str:
        """Return the name of a column in a branch; "": the column belongs to other branches."""
        outer = self._external.get(column, column)
        if column == BRANCH or outer == column:
            return column
        return outer if column == f"{outer}@{branch}" else ""


def _decoder(param: Parameter) -> Callable[[float], Any]:
    """Return `param.to_external`, or a faster function that does the same."""
    if type(param) is Float:
        return float
    if type(param) is Int and param.low < param.high:
        return int
    return param.to_external


# ----------------------------------------------------------------------------------------------------------------------
# The conditions of a space, checked against its parameters and compiled to columns.


def bind(name: str, condition: Condition, params: Mapping[str, Parameter]) -> Condition:
    """Return the condition with its values checked against the parent, in the parent's order, without repeats."""
    clauses = []
    for parent, values in condition.clauses:
        if parent not in params:
            raise SpaceError(
                f"{name!r} depends on {parent!r}, which is no parameter of the space"
                f"{did_you_mean(parent, params)} (parameters: {listing(params)})"
            )
        on = params[parent]
        if on.n_values == math.inf:
            raise SpaceError(
                f"{name!r} depends on {parent!r}, which is continuous and hits a given value with probability 0; "
                "conditions need a parent with countable values (Categorical, Ordinal, Int, or a step)"
            )
        # A tuple is read as alternatives, unless it is itself one of the parent's choices.
        if len(values) > 1 and on.contains(values) and not all(on.contains(value) for value in values):
            values = (values,)
        internal = set()
        for value in values:
            try:
                internal.add(on.to_internal(value))
            except ValueError as error:
                raise SpaceError(f"{name!r} depends on {parent} == {shown(value)}, but {parent!r}: {error}") from None
        clauses.append((parent, [on.to_label(x) for x in sorted(internal)]))
    return Condition(clauses)


class ConditionTable:
    """The conditions of a space compiled to columns; parents come before their children.

    Raises:
        SpaceError: the conditions form a cycle.
    """

    __slots__ = ("order", "parents", "rules")

    def __init__(self, params: Mapping[str, Parameter]) -> None:
        column = {name: j for j, name in enumerate(params)}
        self.rules: dict[int, list[tuple[int, frozenset[float], FloatArray]]] = {}
        for name, param in params.items():
            if param.condition is not None:
                rule = []
                for parent, values in param.condition.clauses:
                    internal = [params[parent].to_internal(value) for value in values]
                    rule.append((column[parent], frozenset(internal), np.array(internal)))
                self.rules[column[name]] = rule
        self.order = self._sort(list(params))
        self.parents = frozenset(p for rule in self.rules.values() for p, _, _ in rule)

    def _sort(self, names: Sequence[str]) -> list[int]:
        """Return the conditional columns, parents first (depth-first; a column met on its own path is a cycle)."""
        done: list[int] = []
        finished: set[int] = set()

        def visit(column: int, path: list[int]) -> None:
            if column in path:
                cycle = [names[j] for j in [*path[path.index(column) :], column]]
                raise SpaceError(f"the conditions form a cycle: {' depends on '.join(map(repr, cycle))}")
            if column in finished or column not in self.rules:
                return
            for parent, _, _ in self.rules[column]:
                visit(parent, [*path, column])
            finished.add(column)
            done.append(column)

        for column in self.rules:
            visit(column, [])
        return done

    def active(self, x: FloatArray) -> BoolArray:
        """Return which cells of x[n, d] are active, bool[n, d]; values in inactive cells are ignored."""
        active = np.ones(x.shape, dtype=np.bool_)
        for column in self.order:
            on = active[:, column]
            for parent, _, values in self.rules[column]:
                column_of_parent = x[:, parent]
                if len(values) == 1:
                    on &= column_of_parent == values[0]
                else:
                    on &= np.isin(column_of_parent, values)
                if parent in self.rules:
                    on &= active[:, parent]
        return active

    def active_row(self, row: Sequence[float]) -> list[bool]:
        """Return which cells of one row of Python floats are active."""
        active = [True] * len(row)
        for column in self.order:
            active[column] = all(active[parent] and row[parent] in values for parent, values, _ in self.rules[column])
        return active
