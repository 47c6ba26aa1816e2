"""Expressions as text: a node a line, its arguments under it."""

from __future__ import annotations

from typing import Any

import numpy as np


def lines_of(expr: Any) -> list[str]:
    """Return the lines of an expression; a node that is met again is named with the line where it stands."""
    lines: list[str] = []
    _add(expr, 0, lines, {})
    return lines


def _add(node: Any, indent: int, lines: list[str], seen: dict[Any, int]) -> None:
    pad, name = " " * indent, _name_of(node)
    if node in seen:
        lines.append(f"{pad}{name}  [line:{seen[node]}]")
        return
    seen[node] = len(lines)
    lines.append(f"{pad}{name}")
    for one in node.pos_args:
        _add(one, indent + 2, lines, seen)
    for key, one in node.named_args:
        lines.append(f"{pad} {key} =")
        _add(one, indent + 2, lines, seen)


def _name_of(node: Any) -> str:
    if node.name != "literal":
        return str(node.name)
    if isinstance(node.obj, np.ndarray) and node.obj.size:
        a = node.obj
        return f"Literal{{np.ndarray,shape={a.shape},min={a.min():f},max={a.max():f}}}"
    return f"Literal{{{node.obj}}}"
