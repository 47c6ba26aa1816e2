"""Answers the ``suggest_*`` calls of a running trial: from the proposed point, enqueued values, or the seed."""

from __future__ import annotations

import math
from collections.abc import Container, Mapping, Sequence
from functools import lru_cache
from numbers import Real
from types import MappingProxyType
from typing import Any
from zlib import crc32

import numpy as np

from tunesmith.caution import caution
from tunesmith.errors import SpaceError
from tunesmith.frozen import EMPTY, NAN
from tunesmith.space import Categorical, Choice, Float, Int, Parameter, Space, merge
from tunesmith.space.nested import read_columns
from tunesmith.space.shape import Shape, joined
from tunesmith.text import did_you_mean, listing, shown


class Proposals:
    """A space, prepared so that a ``suggest_*`` call takes one dictionary look-up.

    Args:
        space: of the proposed points.
        binding: whether trials may ask for nothing else: the space is a grid that the user gave.
    """

    __slots__ = ("binding", "space", "table")

    def __init__(self, space: Space | None, binding: bool = False) -> None:
        self.space = space
        self.binding = binding
        self.table: dict[str, tuple[int, tuple[Any, ...] | None, Parameter]] = {}
        for i, (name, p) in enumerate(space.params.items() if space is not None else ()):
            self.table[name] = (i, _spec(p), p)


def _spec(p: Parameter) -> tuple[Any, ...] | None:
    """The arguments of the `suggest_*` call that p answers, in comparable form."""
    if isinstance(p, Int) and p.low == p.high and p.low != float(p.low):
        return None  # a constant of more digits than a float64 holds, which the parameter alone knows
    if isinstance(p, Float | Int):
        spec = (type(p), p.low, p.high, p.log, p.step)
        return (*spec, p.words) if p.words else spec
    if isinstance(p, Categorical):
        return (Categorical, p)
    return None


class Suggestions:
    """The part of a `tunesmith.Trial` that gives out parameter values; the constructor is there.

    Attributes:
        number: the trial's number in its study.
        params: the parameters suggested so far, by name.
    """

    __slots__ = (
        "_deviant", "_fixed", "_flat", "_outside", "_proposals", "_row", "_seed", "_shape", "_whole",
        "number", "params",
    )  # fmt: skip

    number: int
    params: dict[str, Any]
    _seed: int
    _proposals: Proposals
    _row: list[float]
    _fixed: Mapping[str, Any] | None
    _whole: bool
    _deviant: dict[str, tuple[Parameter, float]] | None  # parameters whose range is not the proposed space's
    _outside: dict[str, Any] | None
    _flat: dict[str, Any] | None  # what stands inside nested choices, by column
    _shape: Shape | None  # how it stands there

    def suggest_float(
        self, name: str, low: float, high: float, *, step: float | None = None, log: bool = False
    ) -> float:
        """Return a number from [low, high].

        Args:
            name: the parameter's name.
            low: the lowest value, inclusive.
            high: the highest value, inclusive.
            step: only values ``low + k * step``; a `high` that is none of them is lowered, with a warning.
            log: search on the logarithmic scale; needs ``low > 0``.

        Returns:
            The value, the same each time that this trial asks for this name.

        Raises:
            SpaceError: the range is not valid; or the sampler was given a grid that has no value of it.
        """
        entry = self._proposals.table.get(name)
        if entry is not None and self._fixed is None and entry[1] == (Float, low, high, log, step):
            value = self._row[entry[0]]
            if value == value:
                self.params[name] = value
                return value
        return float(self._suggest(name, lambda: Float(low, _reached(name, low, high, step), log=log, step=step)))

    def suggest_int(self, name: str, low: int, high: int, *, step: int = 1, log: bool = False) -> int:
        """Return an integer from low to high, both inclusive.

        Args:
            name: the parameter's name.
            low: the lowest value.
            high: the highest value.
            step: only values ``low + k * step``; a `high` that is none of them is lowered, with a warning.
            log: search on the logarithmic scale; needs ``low >= 1``.

        Returns:
            The value, the same each time that this trial asks for this name.

        Raises:
            SpaceError: the range is not valid; or the sampler was given a grid that has no value of it.
        """
        entry = self._proposals.table.get(name)
        if entry is not None and self._fixed is None and entry[1] == (Int, low, high, log, step):
            x = self._row[entry[0]]
            if x == x:
                value = int(x)
                self.params[name] = value
                return value
        return int(self._suggest(name, lambda: Int(low, _reached(name, low, high, step), log=log, step=step)))

    def suggest_categorical(self, name: str, choices: Sequence[Any]) -> Any:
        """Return one of the choices.

        Args:
            name: the parameter's name.
            choices: what there is to choose from.

        Returns:
            The choice, the same each time that this trial asks for this name.

        Raises:
            SpaceError: there is no choice, or one stands there twice; or the sampler was given a grid that has none
                of them.
        """
        entry = self._proposals.table.get(name)
        if entry is not None and self._fixed is None and isinstance(entry[2], Categorical):
            x = self._row[entry[0]]
            if x == x and entry[2].is_spelled(choices):
                value = entry[2].to_external(x)
                self.params[name] = value
                return value
        return self._suggest(name, lambda: Categorical(choices))

    def suggest(self, name: str, parameter: Parameter | Choice) -> Any:
        """Return a value of a parameter that is given as an object.

        Args:
            name: the parameter's name.
            parameter: a ``Float``, ``Int``, ``Categorical``, ``Ordinal``, ``Choice``, ...

        Returns:
            The value, the same each time that this trial asks for this name.
        """
        return self._suggest(name, lambda: parameter)

    def use(self, name: str, parameter: Parameter, value: Any) -> Any:
        """Take a value that was chosen elsewhere as this trial's value of a parameter, as one that was enqueued.

        Args:
            name: the parameter's name.
            parameter: a ``Float``, ``Int``, ``Categorical``, ``Ordinal``, ...
            value: what was chosen; a number outside of the range is used all the same, with a warning.

        Returns:
            The value, or the one that this trial has already.
        """
        self._fixed = {**(self._fixed or {}), name: value}
        return self._suggest(name, lambda: parameter)

    def has_fixed(self, name: str) -> bool:
        """Tell whether the user, or `use`, has fixed the value of a parameter."""
        return self._fixed is not None and name in self._fixed

    def proposed(self) -> dict[str, Any]:
        """Return what the sampler proposed, by name, asked for or not; without names that it does not know."""
        space = self._proposals.space
        return {} if space is None else space.decode_row(self._row)

    def _suggest(self, name: str, build: Any) -> Any:
        """The slow path: a name or a range that is not proposed, an enqueued value, or a nested choice."""
        if not isinstance(name, str) or not name:  # type: ignore[redundant-expr]  # users' calls are not always typed
            raise SpaceError(f"a parameter's name must be a non-empty text; got {shown(name)}")
        try:
            p: Parameter | Choice = build()
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r}: {error}") from None
        return self._suggest_nested(name, p) if isinstance(p, Choice) else self._suggest_into(self.params, name, p)

    def _suggest_nested(self, name: str, choice: Choice) -> Any:
        """Suggest the columns of a choice that are active, and return the option."""
        columns, shape = read_columns({name: choice})
        space = Space.from_columns(columns, (), None, shape)
        if self._shape is not None and name in self._shape.nodes and name in self.params:
            return self.params[name]  # asked for again
        if self._fixed is not None and name in self._fixed:
            try:
                self._fixed = {**self._fixed, **space.flat({name: self._fixed[name]})}
            except SpaceError as error:
                caution(f"trial {self.number}: {error}; the sampler's proposal is used in place of the enqueued value")
                self._fixed = {key: value for key, value in self._fixed.items() if key != name}
        flat: dict[str, Any] = {}
        parents_first = [j for j in range(len(space)) if j not in space.conditions.rules] + space.conditions.order
        for column in (space.names[j] for j in parents_first):
            condition = space[column].condition
            if condition is None or condition.holds(flat):
                self._suggest_into(flat, column, space[column])
        self._flat = {**(self._flat or {}), **flat}
        self._shape = joined(self._shape, shape)
        self.params.update(space.nested({column: flat[column] for column in space.names if column in flat}))
        return self.params[name]

    def _suggest_into(self, into: dict[str, Any], name: str, p: Parameter) -> Any:
        if name in into and p.contains(into[name]):
            return into[name]  # asked for again: a name has one value in a trial
        if self._outside is not None and name in self._outside:
            return self._outside[name]
        entry = self._proposals.table.get(name)
        x = NAN
        if self._fixed is not None and name in self._fixed:
            if p.contains(self._fixed[name]):
                x = p.to_internal(self._fixed[name])
            elif isinstance(p, Float | Int) and _is_number_for(p, self._fixed[name]):
                return self._use_outside(into, name, p, self._fixed[name])
            else:
                caution(
                    f"trial {self.number}: the enqueued value {self._fixed[name]!r} of {name!r} lies outside {p!r}; "
                    "the sampler's proposal is used instead"
                )
        if x != x and entry is not None and self._row[entry[0]] == self._row[entry[0]]:
            proposed = entry[2].to_external(self._row[entry[0]])
            if p.contains(proposed):
                x = p.to_internal(proposed)
            elif self._proposals.binding:
                raise SpaceError(f"parameter {name!r}: the grid's value {proposed!r} lies outside {p!r}")
        if x != x:
            if self._proposals.binding and entry is None and p.n_values > 1:
                names = self._proposals.table
                raise SpaceError(
                    f"the grid has no values of the parameter {name!r}{did_you_mean(name, names)} (it has values of "
                    f"{listing(names)}); give some for it, or take the name that the objective uses"
                )
            x = drawn(self._seed, self.number, name, p)
        value = p.to_external(x)
        into[name] = value
        if entry is not None and entry[1] == _spec(p):
            self._row[entry[0]] = x
        else:
            if self._deviant is None:
                self._deviant = {}
            self._deviant[name] = (p, x)
        return value

    def _use_outside(self, into: dict[str, Any], name: str, p: Float | Int, value: Any) -> Any:
        """Use an enqueued number that lies outside of the range."""
        caution(
            f"trial {self.number}: the enqueued value {value!r} of {name!r} lies outside {p!r}; it is used, and "
            "samplers do not learn from this trial's value of it"
        )
        value = int(value) if isinstance(p, Int) else float(value)
        self._outside = {**(self._outside or {}), name: value}
        self._deviant = {**(self._deviant or {}), name: (p, NAN)}
        into[name] = value
        return value

    @property
    def asked(self) -> set[str]:
        """The parameters suggested so far, by the names of columns."""
        if self._whole and (space := self._proposals.space) is not None:
            return {*space.flat_row(self._row)}
        return {*self.params, *(self._flat or ())}

    @property
    def outside(self) -> Mapping[str, Any]:
        """Enqueued values that were used although they lie outside of their ranges, by name (read-only)."""
        return MappingProxyType(self._outside) if self._outside else EMPTY

    @property
    def distributions(self) -> dict[str, Parameter]:
        """Ranges and choices of the parameters suggested so far, by name."""
        space, x = self.point()
        if space is None:
            return {}
        return {n: p for (n, p), v in zip(space.params.items(), x, strict=True) if v == v or n in self.outside}

    # -- for the study -----------------------------------------------------------------------------------------

    def point(self) -> tuple[Space | None, list[float]]:
        """Return the trial's own space and its internal values there, NaN where a parameter was not used."""
        space, row = self._proposals.space, self._row
        if space is None and self._deviant is None:
            return None, []
        used: Container[str] = self.params if self._flat is None else self.params.keys() | self._flat.keys()
        table = self._proposals.table
        shape = None if space is None else space.shape
        if self._shape is not None:
            shape = joined(shape, self._shape)
        if self._deviant is None and space is not None and shape == space.shape:
            if not self._whole and (self._flat is not None or len(self.params) < len(table)):
                row = [v if n in used else NAN for n, v in zip(table, row, strict=True)]
            return space, row
        own: dict[str, tuple[Parameter, float]] = {
            n: (p, row[i])
            for n, (i, _, p) in table.items()
            if (self._whole or n in used) and n not in (self._deviant or ())
        }
        own.update(self._deviant or {})
        kept = None if shape is None else shape.kept(own)
        return _own_space(tuple((n, p) for n, (p, _) in own.items()), kept), [v for _, v in own.values()]

    def take_whole(self) -> dict[str, Any]:
        """Use the whole proposal at once, as an objective over a declared space does; return the parameters."""
        if self._whole:
            return self.params
        self._whole = True
        space = self._proposals.space
        self.params = space.decode_row(self._row) if space is not None else {}
        return self.params


def drawn(seed: int, number: int, name: str, p: Parameter) -> float:
    """Return the internal value of a parameter that no sampler proposed, the same for each worker.

    Args:
        seed: of the study.
        number: of the trial.
        name: of the parameter.
        p: the parameter.
    """
    rng = np.random.default_rng([seed, number, crc32(name.encode())])
    return float(p.from_unit(rng.random(1))[0])


def _is_number_for(p: Float | Int, value: Any) -> bool:
    """Whether a value is a finite number, and a whole one for an Int."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value) and (isinstance(p, Float) or float(value).is_integer())
    except OverflowError:  # an integer that no float can hold
        return False


def _reached(name: str, low: Any, high: Any, step: Any) -> Any:
    """Return the highest value that steps from `low` reach; what is no number is left to the range's own checks."""
    if type(low) is type(high) is type(step) is int and step and not (high - low) % step:
        return high  # exact beyond 2**53, too
    try:
        steps = (high - low) / step if step else 0.0
        whole = math.floor(steps + 1e-9)
        if whole < 1 or abs(steps - round(steps)) <= 1e-9 * max(1.0, abs(steps)):
            return high
        reached = low + whole * step
    except (TypeError, ValueError, OverflowError):
        return high
    caution(f"{name!r}: steps of {step} from {low} end at {reached}, not at {high}")
    return reached


@lru_cache(maxsize=256)
def _own_space(params: tuple[tuple[str, Parameter], ...], shape: Shape | None) -> Space:
    """Return the space of a trial with ranges of its own; one object for all trials with the same ranges."""
    return merge(None, dict(params), shape)
