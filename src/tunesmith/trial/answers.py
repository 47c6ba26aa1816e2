"""Answers the ``suggest_*`` calls of a running trial: from the proposed point, enqueued values, or the seed."""

from __future__ import annotations

import math
from collections.abc import Callable, Container, Mapping
from functools import lru_cache
from numbers import Real
from typing import Any
from zlib import crc32

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.foundation.warnings import caution
from tunesmith.space import Categorical, Choice, Float, Int, Parameter, Space, merge
from tunesmith.space.nested import read_columns
from tunesmith.space.shape import Shape, joined
from tunesmith.trial.record import NAN


class Proposals:
    """A space, prepared so that a ``suggest_*`` call takes one dictionary look-up.

    Args:
        space: of the proposed points.
        binding: whether trials may ask for nothing else: the space is a grid that the user gave.
        central: whether a name that the space does not have gets a value near the middle of its range; else it is drawn
            from all of it.
    """

    __slots__ = ("binding", "central", "space", "table")

    def __init__(self, space: Space | None, binding: bool = False, central: bool = False) -> None:
        self.space = space
        self.binding = binding
        self.central = central
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


class Answers:
    """The values that a running trial gives out: from the proposed point, enqueued values, or the seed.

    Args:
        number: the trial's number.
        seed: the study's seed.
        proposals: the space that the sampler proposed over, prepared.
        row: the proposed internal values, one for each parameter of that space; NaN: no proposal.
        fixed: values that the user asked for by name, which come before the proposal.

    Attributes:
        params: the parameters suggested so far, by name.
        outside: enqueued values that were used although they lie outside of their ranges, by name; None: there is none.
        whole: whether the whole proposal is used.
        deviant: parameters whose range is not the proposed space's, with their internal values.
        flat: what stands inside of nested choices, by column.
        shape: how it stands there.
    """

    __slots__ = (
        "deviant", "fixed", "flat", "number", "outside", "params", "proposals", "row", "seed", "shape", "whole",
    )  # fmt: skip

    def __init__(
        self, number: int, seed: int, proposals: Proposals, row: list[float], fixed: Mapping[str, Any] | None
    ) -> None:
        self.number = number
        self.seed = seed
        self.proposals = proposals
        self.row = row
        self.fixed = fixed
        self.params: dict[str, Any] = {}
        self.whole = False
        self.deviant: dict[str, tuple[Parameter, float]] | None = None
        self.outside: dict[str, Any] | None = None
        self.flat: dict[str, Any] | None = None
        self.shape: Shape | None = None

    def use(self, name: str, parameter: Parameter, value: Any) -> Any:
        """Take a value that was chosen elsewhere as this trial's value of a parameter, as one that was enqueued.

        Args:
            parameter: a ``Float``, ``Int``, ``Categorical``, ``Ordinal``, ...
            value: what was chosen; a number outside of the range is used all the same, with a warning.

        Returns:
            The value, or the one that this trial has already.
        """
        self.fixed = {**(self.fixed or {}), name: value}
        return self.suggest(name, lambda: parameter)

    def has_fixed(self, name: str) -> bool:
        """Tell whether the user, or `use`, has fixed the value of a parameter."""
        return self.fixed is not None and name in self.fixed

    def proposed(self) -> dict[str, Any]:
        """Return what the sampler proposed, by name, asked for or not; without names that it does not know."""
        space = self.proposals.space
        return {} if space is None else space.decode_row(self.row)

    def suggest(self, name: str, build: Callable[[], Parameter | Choice]) -> Any:
        """Return a value where the proposal has none at once.

        So it is with a name or a range that is not proposed, an enqueued value, and a nested choice.

        Raises:
            SpaceError: the name or the range is not valid, or the grid has no value of it.
        """
        if not isinstance(name, str) or not name:  # type: ignore[redundant-expr]  # users' calls are not always typed
            raise SpaceError(f"a parameter's name must be a non-empty text; got {shown(name)}")
        try:
            p: Parameter | Choice = build()
        except SpaceError as error:
            raise SpaceError(f"parameter {name!r}: {error}") from None
        if not isinstance(p, Parameter | Choice):
            raise SpaceError(f"parameter {name!r}: a Float, Int, Categorical or Choice is expected; got {shown(p)}")
        if isinstance(p, Choice):
            return self._suggest_nested(name, p)
        if name in self.params:
            self._check_kind(name, p)
        return self._suggest_into(self.params, name, p)

    def _check_kind(self, name: str, p: Parameter) -> None:
        """Raise SpaceError if the trial has a parameter of another kind under a name."""
        before = self.deviant[name][0] if self.deviant and name in self.deviant else None
        if before is None and name in self.proposals.table:
            before = self.proposals.table[name][2]
        if before is not None and _kind(before) is not _kind(p):
            raise SpaceError(
                f"trial {self.number} asked for the parameter {name!r} as {before!r} before, and now as {p!r}: in a "
                "trial, a name stands for one kind of parameter; give one of the two another name"
            )

    def _suggest_nested(self, name: str, choice: Choice) -> Any:
        """Suggest the columns of a choice that are active, and return the option."""
        columns, shape = read_columns({name: choice})
        space = Space.from_columns(columns, (), None, shape)
        if self.shape is not None and name in self.shape.nodes and name in self.params:
            return self.params[name]  # asked for again
        if self.fixed is not None and name in self.fixed:
            try:
                self.fixed = {**self.fixed, **space.flat({name: self.fixed[name]})}
            except SpaceError as error:
                caution(f"trial {self.number}: {error}; the sampler's proposal is used in place of the enqueued value")
                self.fixed = {key: value for key, value in self.fixed.items() if key != name}
        flat: dict[str, Any] = {}
        parents_first = [j for j in range(len(space)) if j not in space.conditions.rules] + space.conditions.order
        for column in (space.names[j] for j in parents_first):
            condition = space[column].condition
            if condition is None or condition.holds(flat):
                self._suggest_into(flat, column, space[column])
        self.flat = {**(self.flat or {}), **flat}
        self.shape = joined(self.shape, shape)
        self.params.update(space.nested({column: flat[column] for column in space.names if column in flat}))
        return self.params[name]

    def _suggest_into(self, into: dict[str, Any], name: str, p: Parameter) -> Any:
        if name in into and p.contains(into[name]):
            return into[name]  # asked for again: a name has one value in a trial
        if self.outside is not None and name in self.outside:
            return self.outside[name]
        entry = self.proposals.table.get(name)
        x = NAN
        if self.fixed is not None and name in self.fixed:
            if p.contains(self.fixed[name]):
                x = p.to_internal(self.fixed[name])
            elif isinstance(p, Float | Int) and _is_number_for(p, self.fixed[name]):
                return self._use_outside(into, name, p, self.fixed[name])
            else:
                caution(
                    f"trial {self.number}: the enqueued value {self.fixed[name]!r} of {name!r} lies outside {p!r}; "
                    "the sampler's proposal is used instead"
                )
        if x != x and entry is not None and self.row[entry[0]] == self.row[entry[0]]:
            proposed = entry[2].to_external(self.row[entry[0]])
            if p.contains(proposed):
                x = p.to_internal(proposed)
            elif self.proposals.binding:
                raise SpaceError(f"parameter {name!r}: the grid's value {proposed!r} lies outside {p!r}")
        if x != x:
            if self.proposals.binding and entry is None and p.n_values > 1:
                names = self.proposals.table
                raise SpaceError(
                    f"the grid has no values of the parameter {name!r}{did_you_mean(name, names)} (it has values of "
                    f"{listing(names)}); give some for it, or take the name that the objective uses"
                )
            x = drawn(self.seed, self.number, name, p, self.proposals.central)
        value = p.to_external(x)
        into[name] = value
        if entry is not None and entry[1] == _spec(p):
            self.row[entry[0]] = x
        else:
            if self.deviant is None:
                self.deviant = {}
            self.deviant[name] = (p, x)
        return value

    def _use_outside(self, into: dict[str, Any], name: str, p: Float | Int, value: Any) -> Any:
        """Use an enqueued number that lies outside of the range."""
        caution(
            f"trial {self.number}: the enqueued value {value!r} of {name!r} lies outside {p!r}; it is used, and "
            "samplers do not learn from this trial's value of it"
        )
        value = int(value) if isinstance(p, Int) else float(value)
        self.outside = {**(self.outside or {}), name: value}
        self.deviant = {**(self.deviant or {}), name: (p, NAN)}
        into[name] = value
        return value

    @property
    def asked(self) -> set[str]:
        """The parameters suggested so far, by the names of columns."""
        if self.whole and (space := self.proposals.space) is not None:
            return {*space.flat_row(self.row)}
        return {*self.params, *(self.flat or ())}

    @property
    def distributions(self) -> dict[str, Parameter]:
        """Ranges and choices of the parameters suggested so far, by name."""
        space, x = self.point()
        if space is None:
            return {}
        return {n: p for (n, p), v in zip(space.params.items(), x, strict=True) if v == v or n in (self.outside or ())}

    def point(self) -> tuple[Space | None, list[float]]:
        """Return the trial's own space and its internal values there, NaN where a parameter was not used."""
        space, row = self.proposals.space, self.row
        if space is None and self.deviant is None:
            return None, []
        used: Container[str] = self.params if self.flat is None else self.params.keys() | self.flat.keys()
        table = self.proposals.table
        shape = None if space is None else space.shape
        if self.shape is not None:
            shape = joined(shape, self.shape)
        if self.deviant is None and space is not None and shape == space.shape:
            if not self.whole and (self.flat is not None or len(self.params) < len(table)):
                row = [v if n in used else NAN for n, v in zip(table, row, strict=True)]
            return space, row
        own: dict[str, tuple[Parameter, float]] = {
            n: (p, row[i])
            for n, (i, _, p) in table.items()
            if (self.whole or n in used) and n not in (self.deviant or ())
        }
        own.update(self.deviant or {})
        kept = None if shape is None else shape.kept(own)
        return _own_space(tuple((n, p) for n, (p, _) in own.items()), kept), [v for _, v in own.values()]

    def take_whole(self) -> dict[str, Any]:
        """Use the whole proposal at once, as an objective over a declared space does; return the parameters."""
        if self.whole:
            return self.params
        self.whole = True
        space = self.proposals.space
        self.params = space.decode_row(self.row) if space is not None else {}
        return self.params


def _kind(p: Parameter) -> type[Parameter]:
    """Return the kind of a parameter: Float, Int, Categorical or a class of its own."""
    return next((kind for kind in (Int, Float, Categorical) if isinstance(p, kind)), type(p))


CENTRAL = 0.2  # the part of a range, about its middle, that the first answer of a new branch is drawn from


def drawn(seed: int, number: int, name: str, p: Parameter, central: bool) -> float:
    """Return the internal value of a parameter that no sampler proposed, the same for each worker.

    Args:
        central: whether it lies near the middle of an ordered range. A new name is a branch of the objective, such as
            a model among several, and its first trial decides whether it gets another one: a random point, which is
            often a bad one, would bury a good branch.
    """
    try:
        u = np.random.default_rng([seed, number, crc32(name.encode())]).random(1)
    except UnicodeEncodeError:
        raise SpaceError(f"a parameter's name must be Unicode text without lone surrogates; got {name!r}") from None
    if central and p.is_ordered:
        u = 0.5 + CENTRAL * (u - 0.5)
    return float(p.from_unit(u)[0])


def _is_number_for(p: Float | Int, value: Any) -> bool:
    """Whether a value is a finite number, and a whole one for an Int."""
    if isinstance(value, bool) or not isinstance(value, Real):
        return False
    try:
        return math.isfinite(value) and (isinstance(p, Float) or float(value).is_integer())
    except OverflowError:  # an integer that no float can hold
        return False


def reached(name: str, low: Any, high: Any, step: Any) -> Any:
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
