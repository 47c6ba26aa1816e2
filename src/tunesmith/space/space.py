"""`Space`: reads what users write, draws random points, makes grids, and writes and reads text."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import ArgumentError, SpaceError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical
from tunesmith.space.constraints import Constraint
from tunesmith.space.convert import check_names, columns_of_branches
from tunesmith.space.grid import Grid, count_cells
from tunesmith.space.nested import columns_of_given
from tunesmith.space.orders import Combinatorial
from tunesmith.space.parameters import Float, Int
from tunesmith.space.points import Columns, bind
from tunesmith.space.shape import Shape, joined_shapes
from tunesmith.space.words import with_range

if TYPE_CHECKING:
    from tunesmith.space.encoding import FloatArray

MOST_NOTEBOOK_ROWS = 100  # of a table in a notebook
_MAX_DRAWS = 20_000  # random points for each feasible one, before sampling under constraints gives up


class Space(Columns):
    """A search space.

    Args:
        params: a dict of parameters, a list of dicts of which one applies at a time, or another space. A value is a
            `Float`, `Int`, `Categorical` or `Ordinal`, a list, tuple or array of choices, a dict of named choices, a
            `Choice` of nested spaces, a dict with parameters in it, a frozen scipy distribution, or a text such as
            `"log(1e-5, 1e-1)"`.
        constraints: callables that a point must satisfy, for example `lambda low, high: low < high`. Each gets the
            parameters that its arguments are named after, or all active ones as a dict if its only argument is
            `params`.
        **named: more parameters, as keywords.

    Raises:
        SpaceError: a parameter, condition or constraint is not valid; the message names it and says what is valid.

    Example:
        ```python
        import numpy as np

        from tunesmith import Categorical, Float, Int, Space

        space = Space(
            model=["svm", "forest"],
            C=Float(1e-2, 1e2, log=True).when(model="svm"),
            depth=Int(1, 12).when(model="forest"),
        )
        for params in space.decode(space.sample(np.random.default_rng(0), 3)):
            print(params)
        ```
    """

    __slots__ = ("_cache",)

    def __init__(
        self,
        params: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
        /,
        *,
        constraints: Callable[..., Any] | Iterable[Callable[..., Any]] = (),
        **named: Any,
    ) -> None:
        external: dict[str, str] = {}
        columns: Mapping[str, Parameter]
        checks: Any = constraints
        shape: Shape | None = None
        if isinstance(params, Space) and not named:
            columns, external, shape = params, params.external, params.shape
            checks = params.constraints if constraints == () else constraints
        elif isinstance(params, (list, tuple)):
            if named:
                raise SpaceError("a list of dicts and keyword parameters exclude each other; add them to each dict")
            columns, external = columns_of_branches(params)
        else:
            given = check_names(params if params is not None else {})
            for name in named:
                if name in given:
                    raise SpaceError(f"{name!r} is given twice, in the dict and as a keyword")
            columns, shape = columns_of_given({**given, **check_names(named)})
        self._compile(columns, checks, external, shape)
        self._cache: dict[str, Any] = {}

    @classmethod
    @checked()
    def from_columns(
        cls,
        columns: Mapping[str, Parameter],
        constraints: Callable[..., Any] | Iterable[Callable[..., Any] | Constraint] = (),
        external: Mapping[str, str] | None = None,
        shape: Shape | None = None,
    ) -> Space:
        """Return a space of these columns.

        Args:
            columns: the parameters by name.
            constraints: what a point must satisfy besides.
            external: the name that users know, for each column that has another one ("": none at all).
            shape: how columns stand in points as dicts, where those are nested.

        Returns:
            the space.
        """
        space = cls.__new__(cls)
        space._compile(columns, constraints, external or {}, shape)
        space._cache = {}
        return space

    _of = from_columns  # the name that older pickles call

    @property
    def n_cells(self) -> int | float:
        """Number of different points, `math.inf` if continuous; `len(space.grid())` respects constraints too."""
        if not self.is_finite:
            return math.inf
        if "n_cells" not in self._cache:
            self._cache["n_cells"] = count_cells(self)
        return int(self._cache["n_cells"])

    @property
    def signature(self) -> str:
        """16 hexadecimal digits, the same for equal spaces in every process."""
        if "signature" not in self._cache:
            import hashlib

            self._cache["signature"] = hashlib.sha256(self.to_json().encode()).hexdigest()[:16]
        return str(self._cache["signature"])

    def __eq__(self, other: object) -> bool:
        if self is other:
            return True
        if not isinstance(other, Space):
            return NotImplemented
        return (
            self.names == other.names
            and all(a == b for a, b in zip(self.params.values(), other.params.values(), strict=True))
            and self.constraints == other.constraints
            and self.external == other.external
            and self.shape == other.shape
        )

    def __hash__(self) -> int:
        return hash((self.names, tuple(self.params.values()), self.constraints))

    def __reduce__(self) -> tuple[Any, ...]:
        fns = tuple(c if c.fn is None else c.fn for c in self.constraints)
        return (Space.from_columns, (dict(self.params), fns, self.external, self.shape))

    def __getstate__(self) -> dict[str, Any]:  # skops calls no function of a file's, so it goes by the state
        names = ("columns", "constraints", "external", "shape")
        return dict(zip(names, self.__reduce__()[1], strict=True))

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._compile(state["columns"], state["constraints"], state["external"], state["shape"])
        self._cache = {}

    def __repr__(self) -> str:
        lines = [f"    {name}: {param!r}," for name, param in self.params.items()]
        lines += [f"    constraint {constraint!r}," for constraint in self.constraints]
        return "\n".join(["Space(", *lines, ")"]) if lines else "Space()"

    def _repr_html_(self) -> str:
        from tunesmith.foundation.look.card import card  # only notebooks need it

        n, rules = len(self.params), [say("constraint {}", repr(constraint)) for constraint in self.constraints]
        rows = [(name, str(param)) for name, param in list(self.params.items())[:MOST_NOTEBOOK_ROWS]]
        if n > MOST_NOTEBOOK_ROWS:
            rules.insert(0, say("{:,} more parameters are not shown.", n - MOST_NOTEBOOK_ROWS))
        head = say("Space of {:,} parameters" if n != 1 else "Space of {:,} parameter", n)
        return card(head, rows, kind="space", lines=rules)

    def sample(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw points at random, uniform in the unit cube; under constraints, uniform among the feasible ones.

        Args:
            rng: draws `rng.random((n, d))`, and more only if points are rejected.
            n: how many points.

        Returns:
            the points x[n, d].

        Raises:
            SpaceError: the constraints reject (nearly) all points; the message says which and how many.
        """
        try:
            u = rng.random((n, self._layout.d))
        except (AttributeError, TypeError, ValueError, OverflowError):
            raise ArgumentError(
                f"Space.sample: rng must be a Generator of NumPy, and n a number of points; got rng={shown(rng)}, "
                f"n={shown(n)}"
            ) from None
        x = self._layout.from_unit(u)
        if self.conditions.rules:
            x = self._masked(x)
        return self._reject(x, rng) if self.constraints and n else x

    def _reject(self, x: FloatArray, rng: np.random.Generator) -> FloatArray:
        """Return as many feasible points as x has rows: its own, and others in place of the rest."""
        n = len(x)
        kept: list[FloatArray] = []
        rejected: dict[str, int] = {}
        while True:
            for row, config in zip(x, self.decode(x), strict=True):
                reason = self._violated(config)
                if reason is not None:
                    rejected[reason] = rejected.get(reason, 0) + 1
                    continue
                kept.append(row)
                if len(kept) == n:
                    return np.array(kept)
            accepted = len(kept)
            drawn = accepted + sum(rejected.values())
            if drawn >= _MAX_DRAWS * max(1, accepted):
                reasons = ", ".join(f"{label} rejected {count}" for label, count in rejected.items())
                raise SpaceError(
                    f"no feasible point found for {n - accepted} of {n}: {accepted} of {drawn} random points met the "
                    f"constraints ({reasons}); loosen the constraints, or choose ranges in which they hold more often"
                )
            size = min(4096, max(16, math.ceil(1.2 * (n - accepted) * drawn / max(1, accepted))))
            x = self.from_unit(rng.random((size, len(self))))

    def grid(self, resolution: int | Mapping[str, Any] | None = None) -> Grid:
        """Return the points of a grid in a fixed order, with `len(grid)`, `grid[i]`, `grid.rows(indices)`, iteration.

        Args:
            resolution: points along each continuous (or longer) numeric parameter; a dict gives it by name, as a
                number or as the list of values. None: every value of a finite space.
        """
        return Grid(self, resolution)

    # -- text ------------------------------------------------------------------------------------------------------

    @classmethod
    def parse(cls, text: str | Mapping[str, Any], *, constraints: Any = ()) -> Space:
        """Read a space from text.

        Args:
            text: a dict of texts, as in TOML, or lines such as `lr = log(1e-5, 1e-1)`.
            constraints: as for the constructor.

        Returns:
            the space.

        Raises:
            SpaceError: a text cannot be read; the message points at the place.
        """
        if not isinstance(text, str):
            return cls(text, constraints=constraints)
        from tunesmith.space.parse import parse_lines

        return cls(parse_lines(text), constraints=constraints)

    def to_json(self) -> str:
        """Return the space as JSON text; objects are written by name, constraints only by label."""
        from tunesmith.space.serialize import dump_space

        return dump_space(self.params, tuple(c.label for c in self.constraints), self.external, self.shape)

    @classmethod
    @checked()
    def from_json(cls, text: str, *, objects: Mapping[str, Mapping[Any, Any]] | None = None) -> Space:
        """Return the space that `to_json` wrote. One that had constraints warns: give them again, `with_constraints`.

        Args:
            text: what `to_json` returned.
            objects: the objects of choices that are written by name, as `{parameter: {name: object}}`; where none is
                given, the name stands for the object.

        Returns:
            the space.

        Raises:
            SpaceError: the text is not a space.
        """
        from tunesmith.space.serialize import load_space

        params, lost, external, shape = load_space(text, objects or {})
        if lost:
            caution(
                f"the space was stored with {len(lost)} constraint(s) that text cannot hold ({', '.join(lost)}); they "
                "are not checked until you give them again: space.with_constraints(...)"
            )
        return cls.from_columns(params, [Constraint(None, label, ()) for label in lost], external, shape)

    def with_constraints(self, *constraints: Callable[..., Any]) -> Space:
        """Return the same space with these constraints in place of its own."""
        return Space.from_columns(self.params, constraints, self.external, self.shape)


# ----------------------------------------------------------------------------------------------------------------------
# How the space of a define-by-run study grows as trials are seen.


@checked()
def merge(space: Space | None, seen: Mapping[str, Parameter], shape: Shape | None = None) -> Space:
    """Return the space of a define-by-run study after a trial.

    A new name is appended. A known number gets the hull of both ranges (`log` and `step` stay only where both agree),
    and the words of both.
    A known categorical gets the union of the choices; old indices stay. A parameter of another type is replaced, and so
    is a permutation or a subset of other items.

    Args:
        space: the space before; None: there is none yet.
        seen: the parameters that the trial asked for.
        shape: how they stand in its points, where those are nested.

    Returns:
        the new space; `space` itself if nothing changes.
    """
    columns = dict(space.params) if space is not None else {}
    for name, new in seen.items():
        old = columns.setdefault(name, new)
        if old is not new and old != new:
            columns[name] = _merged_parameter(old, new)
    shape = joined_shapes(None if space is None else space.shape, shape)
    if space is not None and columns == space.params and shape == space.shape:
        return space
    for name, param in columns.items():
        if param.condition is not None:
            try:
                bind(name, param.condition, columns)
            except SpaceError:  # its parent is another kind of parameter now, which knows no such value
                columns[name] = param.with_condition(None)
    constraints, external = (space.constraints, space.external) if space is not None else ((), {})
    try:
        return Space.from_columns(columns, constraints, external, shape)
    except SpaceError:  # a new condition closes a cycle
        free = {name: param.with_condition(None) if name in seen else param for name, param in columns.items()}
        return Space.from_columns(free, constraints, external, shape)


def _merged_parameter(old: Parameter, new: Parameter) -> Parameter:
    # What a trial suggests has no condition; the declared one stays.
    condition = old.condition if new.condition is None or new.condition == old.condition else None
    # So does the prior; `extended` keeps it by itself.
    if isinstance(old, (Float, Int)) and isinstance(new, (Float, Int)):
        return _with_prior_of(_hull(old, new), old).with_condition(condition)
    if isinstance(old, Categorical) and type(old) is type(new) and isinstance(new, Categorical):
        return old.extended(new).with_condition(condition)
    if isinstance(old, Combinatorial) and isinstance(new, Combinatorial) and old.kind == new.kind:
        return old.with_condition(condition)
    return new


def _with_prior_of(param: Parameter, old: Float | Int) -> Parameter:
    """Return the parameter with the prior of the one that it replaces, if it is valid there."""
    if old.prior is None or not param.contains(old.prior):
        return param
    same_unit = isinstance(param, (Float, Int)) and param.log == old.log
    return param.with_prior(old.prior, old.prior_width if same_unit else None)


def _hull(old: Float | Int, new: Float | Int) -> Parameter:
    low, high = min(old.low, new.low), max(old.high, new.high)
    log = old.log and new.log
    step = old.step if old.step == new.step and type(old) is type(new) else None
    if step is not None:
        shift = (new.low - old.low) / step
        step = step if abs(shift - round(shift)) <= 1e-9 * max(1.0, abs(shift)) else None
    try:
        whole = isinstance(old, Int) and isinstance(new, Int)
        if words := {**dict(old.words), **dict(new.words)}:
            return with_range(Int(int(low), int(high), log) if whole else Float(low, high, log), low, high, words)
        if whole:
            return Int(int(low), int(high), log=log, step=1 if step is None else int(step))
        return Float(low, high, log=log, step=step)
    except SpaceError:  # both ranges were valid, but the one that spans them is too wide to be one
        return new
