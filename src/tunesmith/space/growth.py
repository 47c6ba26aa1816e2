"""How the space of a define-by-run study grows as trials are seen."""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.errors import SpaceError
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical
from tunesmith.space.condition_table import bind
from tunesmith.space.parameters import Float, Int
from tunesmith.space.shape import Shape, joined
from tunesmith.space.space import Space
from tunesmith.space.words import with_range


def merge(space: Space | None, seen: Mapping[str, Parameter], shape: Shape | None = None) -> Space:
    """Return the space of a define-by-run study after a trial.

    A new name is appended. A known number gets the hull of both ranges (`log` and `step` stay only where both agree),
    and the words of both.
    A known categorical gets the union of the choices; old indices stay. A parameter of another type is replaced.

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
            columns[name] = _both(old, new)
    shape = joined(None if space is None else space.shape, shape)
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


def _both(old: Parameter, new: Parameter) -> Parameter:
    # What a trial suggests has no condition; the declared one stays.
    condition = old.condition if new.condition is None or new.condition == old.condition else None
    # So does the prior; `extended` keeps it by itself.
    if isinstance(old, (Float, Int)) and isinstance(new, (Float, Int)):
        return _with_prior_of(_hull(old, new), old).with_condition(condition)
    if isinstance(old, Categorical) and type(old) is type(new) and isinstance(new, Categorical):
        return old.extended(new).with_condition(condition)
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
