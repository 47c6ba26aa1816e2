"""Reads nested choices and dicts as columns with conditions, and as the shape that brings points back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import shown
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical
from tunesmith.space.conditions import Condition
from tunesmith.space.convert import read_value
from tunesmith.space.labels import label_key, python_scalar
from tunesmith.space.nested_choice import Choice, holds_parameter
from tunesmith.space.shape import Constant, Group, Leaf, Node, Shape, Switch

Scopes = tuple[Mapping[str, str], ...]  # columns by the names of a dict and of those around it, innermost first
DOT = "."


def columns_of_given(given: Mapping[str, Any]) -> tuple[dict[str, Parameter], Shape | None]:
    """Return the columns of what a user wrote, and the shape of points; None: points are columns.

    Args:
        given: what `Space` takes, by name.

    Raises:
        SpaceError: something describes no parameter; the message names it.
    """
    columns: dict[str, Parameter] = {}
    nodes: dict[str, Node] = {}
    for name, value in given.items():
        if isinstance(value, Mapping) and holds_parameter(value):
            nodes[name] = _group_node(name, value, None, (), columns)
            continue
        read = read_value(name, value)
        if isinstance(read, Choice):
            nodes[name] = _switch(name, read, None, (), columns)
        else:
            _add_column(columns, name, read)
    return columns, Shape(nodes) if nodes else None


def _add_column(columns: dict[str, Parameter], name: str, param: Parameter) -> None:
    if name in columns:
        raise SpaceError(f"two parameters would be called {name!r}; rename one")
    columns[name] = param


def _node(path: str, value: Any, condition: Condition | None, scopes: Scopes, columns: dict[str, Parameter]) -> Node:
    """Return the tree of a value inside a choice or a dict, and add its columns."""
    if isinstance(value, Mapping):
        return _group_node(path, value, condition, scopes, columns)
    if isinstance(value, str):
        param = _from_text(value)
        if param is None:
            return Constant(value)
    elif label_key(python_scalar(value)) is not None and not isinstance(value, list | tuple):
        return Constant(python_scalar(value))
    elif _is_object(value):
        param = Categorical([value])  # by a name, so that it can be stored
    else:
        read = read_value(path, value)
        if isinstance(read, Choice):
            return _switch(path, read, condition, scopes, columns)
        param = read
    _add_column(columns, path, param.with_condition(_conjoined(condition, _resolved(param.condition, scopes))))
    return Leaf(path)


def _group_node(
    path: str, value: Mapping[Any, Any], condition: Condition | None, scopes: Scopes, columns: dict[str, Parameter]
) -> Node:
    for name in value:
        if not isinstance(name, str) or not name:
            raise SpaceError(f"{path!r}: a name must be a non-empty text, got {shown(name)}")
    inner: Scopes = ({name: f"{path}{DOT}{name}" for name in value}, *scopes)
    return Group({n: _node(f"{path}{DOT}{n}", v, condition, inner, columns) for n, v in value.items()})


def _switch(
    path: str, choice: Choice, condition: Condition | None, scopes: Scopes, columns: dict[str, Parameter]
) -> Node:
    labelled = _labelled(path, choice)
    try:
        selector = Categorical([label for label, _ in labelled], prior=choice.prior)
    except SpaceError as error:
        raise SpaceError(f"{path!r}: {error}") from None
    _add_column(columns, path, selector.with_condition(_conjoined(condition, _resolved(choice.condition, scopes))))
    options: list[tuple[Any, Node]] = []
    for label, option in labelled:
        inside = Condition([(path, [label])])
        options.append((label, _node(f"{path}{DOT}{label}", option, inside, scopes, columns)))
    return Switch(path, options)


def _labelled(path: str, choice: Choice) -> list[tuple[Any, Any]]:
    """Return the options with their names; a dict in a dict of options gets its own name under `key`."""
    if isinstance(choice.options, list):
        return [(_label_of(option, i, choice.key), option) for i, option in enumerate(choice.options)]
    key = choice.key
    found: list[tuple[Any, Any]] = []
    for name, option in choice.options.items():
        if isinstance(option, Mapping) and key is not None:
            if option.get(key, name) != name:
                raise SpaceError(
                    f"{path!r}: the option {name!r} has a {key!r} of its own; say with Choice(..., key='...') under "
                    "which other name it is to find what it is called, or with key=None that it is not"
                )
            option = {key: name, **option}
        found.append((name, option))
    return found


def _label_of(option: Any, place: int, key: str | None) -> Any:
    """Return the name of an option of a list."""
    if isinstance(option, Mapping):
        name = option.get(key)
        return name if isinstance(name, str) and _from_text(name) is None else str(place)
    if isinstance(option, list | tuple) or label_key(python_scalar(option)) is None:
        return str(place)
    return python_scalar(option)


def _from_text(text: str) -> Parameter | None:
    """Return the parameter that a text describes; None: it is a constant."""
    from tunesmith.space.parse import parse_parameter

    try:
        return parse_parameter(text)
    except SpaceError:
        return None


def _is_object(value: Any) -> bool:
    """Return whether a value is one that the user's function is to get as it is: no parameter, list or distribution."""
    known = isinstance(value, Parameter | Choice | Sequence | set | frozenset)
    return not (known or hasattr(value, "ppf") or hasattr(value, "tolist"))


def _resolved(condition: Condition | None, scopes: Scopes) -> Condition | None:
    """Return a condition with the columns of its parents: names of the same dict come before those around it."""
    if condition is None or not scopes:
        return condition
    return Condition(
        (next((scope[parent] for scope in scopes if parent in scope), parent), values)
        for parent, values in condition.clauses
    )


def _conjoined(first: Condition | None, second: Condition | None) -> Condition | None:
    if first is None or second is None:
        return first or second
    return first & second
