"""Parameters from lists, arrays, scipy distributions and text; and a list of dicts as one space."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical
from tunesmith.space.conditions import Condition
from tunesmith.space.nested_choice import Choice, holds_parameter

BRANCH = "__branch__"
"""Name of the hidden parameter that says which dict of a list of dicts a point comes from."""


def as_parameter(name: str, value: Any) -> Parameter:
    """Return a parameter from a list, tuple, array or dict of choices, a frozen scipy distribution, or text."""
    read = read_value(name, value)
    if isinstance(read, Choice):
        raise SpaceError(
            f"{name!r}: a choice whose options have parameters of their own cannot stand here; give a Space, or "
            f"parameters with conditions: Float(0.1, 10).when({name}='...')"
        )
    return read


def read_value(name: str, value: Any) -> Parameter | Choice:
    """Return what `as_parameter` does; or a choice, if it has parameters inside."""
    if isinstance(value, Parameter | Choice):
        return value
    try:
        if isinstance(value, str):
            from tunesmith.space.parse import parse_parameter

            return parse_parameter(value)
        if isinstance(value, tuple) and _may_be_a_range(value):
            low, high = value[:2]
            raise SpaceError(
                f"{value!r} may mean a range or choices: for a range write Float({low!r}, {high!r}) or "
                f"Int({low!r}, {high!r}), with log=True for the logarithmic scale; for choices a list, {list(value)!r}"
            )
        if isinstance(value, (list, tuple, range, np.ndarray, Mapping, set, frozenset)):  # sets get its error
            return Categorical(value)
        if hasattr(value, "ppf") and "scipy.stats" in sys.modules:
            from tunesmith.space.distributions import from_scipy

            return from_scipy(value)
        if hasattr(value, "tolist") and hasattr(value, "__iter__"):  # pandas Series and Index
            return Categorical(value.tolist())
    except SpaceError as error:
        raise SpaceError(f"{name!r}: {error}") from None
    raise SpaceError(
        f"{name!r}: {shown(value)} describes no parameter; give Float, Int, Categorical or Ordinal, a list of choices "
        f"(a constant is a list of one: [{shown(value)}]), a frozen scipy distribution, or text such as "
        "'log(1e-5, 1e-1)'"
    )


def _may_be_a_range(value: tuple[Any, ...]) -> bool:
    """Whether a tuple is a range elsewhere: two numbers, and perhaps a word such as "log-uniform"."""
    numbers = [isinstance(v, Real) and not isinstance(v, bool) for v in value]
    return numbers == [True, True] or (numbers == [True, True, False] and isinstance(value[2], str))


def check_names(params: Any) -> dict[str, Any]:
    """Return the mapping as a dict; its keys must be usable names."""
    if not isinstance(params, Mapping):
        raise SpaceError(f"a space is made of a dict of parameters, or a list of dicts; got {shown(params)}")
    for name in params:
        if not isinstance(name, str) or not name:
            raise SpaceError(f"a parameter's name must be a non-empty text, got {shown(name)}")
        if name == BRANCH:
            raise SpaceError(f"the name {BRANCH!r} is kept for spaces made of a list of dicts")
    return dict(params)


def columns_of_branches(branches: Sequence[Any]) -> tuple[dict[str, Parameter], dict[str, str]]:
    """Return the columns of a list of dicts, and the name that users know for those that have another one.

    The parameters of one dict are active only while `__branch__` has its index. A name that several dicts use with the
    same range is one column, so that they learn from one another; with different ranges it becomes the columns `C@0`,
    `C@1`, …, which decode to `C`.
    """
    if not branches:
        raise SpaceError("a list of dicts needs at least one dict")
    read = [{name: _in_branch(name, v) for name, v in check_names(branch).items()} for branch in branches]
    if len(read) == 1:
        return read[0], {}
    columns: dict[str, Parameter] = {BRANCH: Categorical(range(len(read)))}
    external: dict[str, str] = {BRANCH: ""}
    for i, branch in enumerate(read):
        renamed = {name: name if _shared(name, read) else f"{name}@{i}" for name in branch}
        for name, param in branch.items():
            column = renamed[name]
            if column in columns:
                continue
            where = [k for k, other in enumerate(read) if name in other] if column == name else [i]
            condition = None if len(where) == len(read) else Condition([(BRANCH, where)])
            if param.condition is not None:
                inner = Condition((renamed.get(parent, parent), values) for parent, values in param.condition.clauses)
                condition = inner if condition is None else condition & inner
            columns[column] = param.with_condition(condition)
            if column != name:
                external[column] = name
    return columns, external


def _in_branch(name: str, value: Any) -> Parameter:
    if isinstance(value, Choice) or (isinstance(value, Mapping) and holds_parameter(value)):
        raise SpaceError(
            f"{name!r}: a list of dicts takes no nested choices or dicts; write one dict with a choice of dicts: "
            "{'model': Choice([{...}, {...}])}"
        )
    return as_parameter(name, value)


def _shared(name: str, branches: Sequence[Mapping[str, Parameter]]) -> bool:
    """Return whether one column can serve all branches that use the name."""
    used = [branch[name] for branch in branches if name in branch]
    return len(used) == 1 or all(param == used[0] and param.condition is None for param in used)
