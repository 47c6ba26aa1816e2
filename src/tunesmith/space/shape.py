"""`Shape`: how the columns of a space stand in nested points, and back.

Samplers, storages and histories know columns: ``{"model": "svm", "model.svm.C": 0.3}``. The function that is tuned gets
``{"model": {"type": "svm", "C": 0.3}}``. A shape is a tree for each name of the second that is not a column itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.space.base import Parameter
from tunesmith.space.labels import label_key, python_scalar

_MISSING: Any = object()  # nothing stands there: the parameter is not active
Params = Mapping[str, Parameter]
Lacking = tuple[int, int]  # how many constants a value that fits does not name, and how many columns


class Node:
    """A part of a nested point."""

    __slots__ = ()

    def columns(self) -> Iterator[str]:
        """Yield the columns in it."""
        return iter(())

    def nest(self, flat: Mapping[str, Any]) -> Any:
        """Return the part of a point that is given by columns."""
        raise NotImplementedError

    def flat(self, value: Any, params: Params) -> tuple[dict[str, Any], Lacking]:
        """Return a part of a nested point by columns, and how much of it is not there.

        Raises:
            SpaceError: the value does not fit.
        """
        raise NotImplementedError


class Leaf(Node):
    """The value of a column."""

    __slots__ = ("column",)

    def __init__(self, column: str) -> None:
        self.column = column

    def columns(self) -> Iterator[str]:
        yield self.column

    def nest(self, flat: Mapping[str, Any]) -> Any:
        return flat.get(self.column, _MISSING)

    def flat(self, value: Any, params: Params) -> tuple[dict[str, Any], Lacking]:
        try:
            params[self.column].to_internal(value)
        except ValueError as error:
            raise SpaceError(f"{self.column!r}: {error}") from None
        return {self.column: value}, (0, 0)


class Constant(Node):
    """A value that is always the same."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value

    def nest(self, flat: Mapping[str, Any]) -> Any:
        return self.value

    def flat(self, value: Any, params: Params) -> tuple[dict[str, Any], Lacking]:
        if label_key(python_scalar(value)) != label_key(self.value):
            raise SpaceError(f"{shown(value)} is not {shown(self.value)}")
        return {}, (0, 0)


class Group(Node):
    """A dict."""

    __slots__ = ("items",)

    def __init__(self, items: Mapping[str, Node]) -> None:
        self.items = dict(items)

    def columns(self) -> Iterator[str]:
        for node in self.items.values():
            yield from node.columns()

    def nest(self, flat: Mapping[str, Any]) -> Any:
        found = {name: node.nest(flat) for name, node in self.items.items()}
        return {name: value for name, value in found.items() if value is not _MISSING}

    def flat(self, value: Any, params: Params) -> tuple[dict[str, Any], Lacking]:
        if not isinstance(value, Mapping):
            raise SpaceError(f"{shown(value)} is no dict (names: {listing(self.items)})")
        found: dict[str, Any] = {}
        absent = [any(node.columns()) for name, node in self.items.items() if name not in value]
        constants, columns = absent.count(False), absent.count(True)
        for name, inside in value.items():
            if name not in self.items:
                raise SpaceError(f"there is no {name!r}{did_you_mean(name, self.items)} (names: {listing(self.items)})")
            part, lacking = self.items[name].flat(inside, params)
            found.update(part)
            constants, columns = constants + lacking[0], columns + lacking[1]
        return found, (constants, columns)


class Switch(Node):
    """One of several options, by the label that a column has."""

    __slots__ = ("_by_key", "column", "options")

    def __init__(self, column: str, options: list[tuple[Any, Node]]) -> None:
        self.column = column
        self.options = options
        self._by_key = {label_key(label): node for label, node in options}

    def columns(self) -> Iterator[str]:
        yield self.column
        for _, node in self.options:
            yield from node.columns()

    def nest(self, flat: Mapping[str, Any]) -> Any:
        label = flat.get(self.column, _MISSING)
        return _MISSING if label is _MISSING else self._by_key[label_key(label)].nest(flat)

    def flat(self, value: Any, params: Params) -> tuple[dict[str, Any], Lacking]:
        fitting: list[tuple[Lacking, dict[str, Any]]] = []
        reasons = []
        for label, node in self.options:
            try:
                found, lacking = node.flat(value, params)
            except SpaceError as error:
                reasons.append(f"{label}: {error}")
            else:
                fitting.append((lacking, {self.column: label, **found}))
        if not fitting:
            listed = "\n  ".join(reasons)
            raise SpaceError(f"{self.column!r}: {shown(value)} fits none of the {len(reasons)} options:\n  {listed}")
        # The first of those that lack least: what a function was given names all constants, and the active columns.
        lacking, found = min(fitting, key=lambda one: one[0])
        return found, lacking


class Shape:
    """The trees of a space, by the names that nested points have."""

    __slots__ = ("_top", "nodes")

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self.nodes = dict(nodes)
        self._top = {column: name for name, node in nodes.items() for column in node.columns()}

    def name_of(self, column: str) -> str:
        """Return the name under which nested points have a column."""
        return self._top.get(column, column)

    def nest(self, flat: Mapping[str, Any]) -> dict[str, Any]:
        """Return a point that is given by columns as a nested one; without the parameters that are not active."""
        found: dict[str, Any] = {}
        for column, value in flat.items():
            name = self._top.get(column)
            if name is None:
                found[column] = value
            elif name not in found and (inside := self.nodes[name].nest(flat)) is not _MISSING:
                found[name] = inside
        return found

    def flat(self, config: Mapping[str, Any], params: Params) -> dict[str, Any]:
        """Return a nested point by columns; names of columns may stand in it too.

        Raises:
            SpaceError: a value does not fit.
        """
        found: dict[str, Any] = {}
        for name, value in config.items():
            node = self.nodes.get(name)
            if node is None:
                found[name] = value
                continue
            try:
                inside, _ = node.flat(value, params)
            except SpaceError:
                if not isinstance(node, Switch) or not params[name].contains(value):
                    raise
                inside = {name: value}  # the label of an option, whose parameters are given by column
            found.update(inside)
        return found

    def kept(self, columns: Mapping[str, Any]) -> Shape | None:
        """Return the trees that have a column among these; None: there are none."""
        nodes = {name: node for name, node in self.nodes.items() if any(c in columns for c in node.columns())}
        return Shape(nodes) if nodes else None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Shape) and _comparable_tree(self.nodes) == _comparable_tree(other.nodes)

    def __hash__(self) -> int:
        return hash(tuple(self.nodes))


def joined_shapes(old: Shape | None, new: Shape | None) -> Shape | None:
    """Return the trees of two shapes; where both have a name, those of the second.

    Returns:
        the shape; `old` itself if nothing is new; None: there are no trees.
    """
    if new is None or old is None or old == new:
        return old or new
    return Shape({**old.nodes, **new.nodes})


def _comparable_tree(node: Any) -> Any:
    """Return what tells trees apart."""
    if isinstance(node, dict):
        return {name: _comparable_tree(inside) for name, inside in node.items()}
    if isinstance(node, Group):
        return _comparable_tree(node.items)
    if isinstance(node, Switch):
        return [node.column, [(label_key(label), _comparable_tree(inside)) for label, inside in node.options]]
    return ("column", node.column) if isinstance(node, Leaf) else ("constant", label_key(node.value))
