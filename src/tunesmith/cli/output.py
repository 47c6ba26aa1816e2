"""What commands print: tables for people, JSON for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import click

from tunesmith.plain import plain
from tunesmith.text import printable


def print_json(value: Any) -> None:
    """Print a value as JSON; numbers that JSON does not have become null (NaN) or text (infinities)."""
    click.echo(json.dumps(plain(value), indent=2, ensure_ascii=False, allow_nan=False))


def say(as_json: bool, text: str, **facts: Any) -> None:
    """Print what was done: a sentence, or its facts as JSON.

    Args:
        as_json: which of them.
        text: the sentence.
        **facts: by name.
    """
    if as_json:
        print_json(facts)
    else:
        click.echo(text)


def print_table(columns: Sequence[str], rows: Sequence[Sequence[Any]], title: str = "") -> None:
    """Print a table, as wide as its cells where the output is no terminal.

    Args:
        columns: the heads.
        rows: the cells of each row, as text or as numbers.
        title: what stands above it.
    """
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    wide = not sys.stdout.isatty()
    console = Console(width=10_000 if wide else None, highlight=False, markup=False, emoji=False)
    table = Table(box=box.SIMPLE_HEAD, title=title or None, title_justify="left", pad_edge=False)
    numeric = [all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(columns))]
    for head, right in zip(columns, numeric, strict=True):
        table.add_column(head, justify="right" if right else "left", overflow="fold")
    for row in rows:
        table.add_row(*[Text(cell(value)) for value in row])
    console.print(table)


def param(value: Any) -> Any:
    """Return a parameter's value as a cell: None is a value there, and an empty cell says that it is not active."""
    return "None" if value is None else value


def cell(value: Any) -> str:
    """Return a value as the text of a cell."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6g}"
    return printable(str(value))
