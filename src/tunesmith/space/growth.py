"""How the space of a define-by-run study grows as trials are seen."""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.errors import SpaceError
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical
from tunesmith.space.condition_table import bind
from tunesmith.space.parameters import Float, Int
from tunesmith.space.space import Space


def merge(space: Space | None, seen: Mapping[str, Parameter]) -> Space:
    """A space that has room for what a trial has seen besides what it had: how define-by-run spaces grow.

    A new name is appended; a known number gets the hull of both ranges (`log` and `step` stay only where both agree);
    a known categorical gets the union of the choices, old indices kept; a parameter that changed its kind is
    replaced. Returns `space` itself if nothing changes.
    """
    columns = dict(space.params) if space is not None else {}
    changed = space is None
    for name, new in seen.items():
        old = columns.get(name)
        if old is new or old == new:
            continue
        both = new if old is None else _both(old, new)
        if both != old:
            columns[name] = both
            changed = True
    if space is not None and not changed:
        return space
    for name, param in columns.items():
        if param.condition is not None:
            try:
                bind(name, param.condition, columns)
            except SpaceError:  # its parent is another kind of parameter now, which knows no such value
                columns[name] = param.with_condition(None)
    constraints, external = (space.constraints, space.external) if space is not None else ((), {})
    try:
        return Space.from_columns(columns, constraints, external)
    except SpaceError:  # a new condition closes a cycle
        free = {name: param.with_condition(None) if name in seen else param for name, param in columns.items()}
        return Space.from_columns(free, constraints, external)


def _both(old: Parameter, new: Parameter) -> Parameter:
    # What a trial suggests carries no condition; the declared one then still says when the parameter exists.
    condition = old.condition if new.condition is None or new.condition == old.condition else None
    # The same goes for what is believed good; `extended` keeps it by itself.
    if isinstance(old, (Float, Int)) and isinstance(new, (Float, Int)):
        return _believed(_hull(old, new), old).with_condition(condition)
    if isinstance(old, Categorical) and type(old) is type(new) and isinstance(new, Categorical):
        return old.extended(new).with_condition(condition)
    return new


def _believed(param: Parameter, old: Float | Int) -> Parameter:
    """The parameter with the prior of the one it replaces, as far as that makes sense there."""
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
        if isinstance(old, Int) and isinstance(new, Int):
            return Int(int(low), int(high), log=log, step=1 if step is None else int(step))
        return Float(low, high, log=log, step=step)
    except SpaceError:  # both ranges were valid, but the one that spans them is too wide to be one
        return new
