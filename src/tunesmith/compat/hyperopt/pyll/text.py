"""Expressions as text: a node a line, its arguments under it."""

from __future__ import annotations

from typing import Any


def lines_of(node: Any, indent: int, seen: set[Any]) -> list[str]:
    """Return the lines of an expression.

    Args:
        node: the expression.
        indent: how many spaces the first line begins with.
        seen: nodes that have lines already; this one's are added.

    Returns:
        the lines.
    """
    pad = " " * indent
    if node in seen:
        return [f"{pad}{node.name} (as above)"]
    seen.add(node)
    lines = [f"{pad}{node.obj!r}" if node.name == "literal" else f"{pad}{node.name}"]
    for one in node.pos_args:
        lines += lines_of(one, indent + 2, seen)
    for key, one in node.named_args:
        lines += [f"{pad} {key} =", *lines_of(one, indent + 2, seen)]
    return lines
