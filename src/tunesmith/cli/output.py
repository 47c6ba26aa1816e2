"""What commands print: tables for people, JSON for programs.

All of it goes through `echo`, so that no text of a study or a file can control the terminal.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from tunesmith.foundation.formats import NumberFormat, cell_text, json_value
from tunesmith.foundation.languages import wrapped_for_terminal
from tunesmith.foundation.languages.terminal import wide
from tunesmith.foundation.reader import language
from tunesmith.foundation.text import printable

if TYPE_CHECKING:
    from tunesmith.study.recommend import Recommendation

GAP = 3  # columns of a terminal between two columns of a table
DRAWN = 32  # columns of a drawing in characters
RECORD_FORMATS = ("value", "json", "table", "yaml")  # of one record
flatten_option: Callable[[Any], Any] = click.option(
    "--flatten", is_flag=True, help="A column for each parameter and attribute, such as params_x."
)
_ODD = re.compile(r"[^\n -~]")  # what may not be printable


def echo(text: str, err: bool = False, nl: bool = True, *, wrap: bool = False) -> None:
    """Print a text; whatever is not printable in it, but for line ends and tabs, becomes an escape.

    A foreign text that is to stay on its line goes through `printable`, or is a `repr`, before.

    Args:
        text: the text; one that the catalogue of the command line's language has is printed in it.
        err: whether it goes to standard error.
        nl: whether a line end follows.
        wrap: whether its lines end between words, where a terminal is narrower.
    """
    if language() != "en":
        from tunesmith.cli.speech import message

        text = message(text)
    text = printable(text, lines=True)
    try:
        click.echo(wrapped_for_terminal(text) if wrap else text, err=err, nl=nl)
    except OSError as error:
        if not err or isinstance(error, BrokenPipeError):
            raise  # else a note cannot be written, which is no reason to end


def json_text(value: Any, indent: int | None) -> str:
    """Return a value as JSON, in which what is not printable is an escape of JSON's.

    Args:
        value: the value; numbers that JSON does not have become null (NaN) or text (infinities).
        indent: blanks for each level; None: all on one line.
    """
    text = json.dumps(json_value(value), indent=indent, ensure_ascii=False, allow_nan=False)
    return _ODD.sub(lambda odd: odd.group() if odd.group().isprintable() else _escaped(odd.group()), text)


def _escaped(sign: str) -> str:
    code = sign.encode("utf-16-be", "surrogatepass").hex()
    return "".join(f"\\u{code[i : i + 4]}" for i in range(0, len(code), 4))


def pass_on(text: str) -> None:
    """Print data for another program as they are; where the output is a terminal, as `echo` does."""
    if sys.stdout.isatty():
        echo(text.replace("\r\n", "\n"), nl=False)
    elif not hasattr(sys.stdout, "buffer"):  # a program collects what is printed
        click.echo(text, nl=False, color=True)  # so that it takes nothing out of it
    else:
        # The same bytes as in a file, on each system: Windows would write other line ends and in another encoding.
        sys.stdout.flush()
        sys.stdout.buffer.write(text.encode())


def print_json(value: Any) -> None:
    """Print a value as JSON; see `json_text`."""
    text = printable(json_text(value, 2), lines=True)
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8")
    except UnicodeEncodeError:  # the output of Windows goes in a code page of few signs, unless it is a console
        text = "".join(sign if sign.isascii() else _escaped(sign) for sign in text)
    click.echo(text)


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
        echo(text)


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[Any]],
    *,
    are_names: bool = False,
    fold: Sequence[int] | None = None,
) -> None:
    """Print a table, as wide as its cells where the output is not a terminal.

    In a terminal no word is broken: where there is not enough room, columns are left out, and a line says which.

    Args:
        columns: the heads.
        rows: the cells of each row, as text or as numbers.
        are_names: whether the heads are names that people type, and stay as they are in each language.
        fold: the columns that can be left out, the least important first; None: those behind the second, from the last.
    """
    states = {i for i, name in enumerate(columns) if name == "state"}
    if not are_names:
        columns = [word(column) for column in columns]
    from rich import box
    from rich.table import Table
    from rich.text import Text

    console, is_screen = _console(), sys.stdout.isatty()
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    numeric = [all(isinstance(row[i], (int, float)) for row in rows) for i in range(len(columns))]
    cells = [[cell_text(value) for value in row] for row in rows]
    styles = [""] * len(cells)
    for i in states if is_screen else ():
        for k, row in enumerate(cells):
            row[i], styles[k] = _with_sign(row[i])
    texts = [[printable(name), *(row[i] for row in cells)] for i, name in enumerate(columns)]
    kept = _kept_columns(texts, console.width, range(len(columns) - 1, 1, -1) if fold is None else fold)
    whole = _whole_columns([texts[i] for i in kept], console.width)
    for i, is_whole in zip(kept, whole, strict=True):
        justify: Any = "right" if numeric[i] else "left"
        table.add_column(Text(printable(columns[i])), justify=justify, overflow="fold", no_wrap=is_whole)
    for row, style in zip(cells, styles, strict=True):
        table.add_row(*(Text(row[i], style if i in states else "") for i in kept))
    console.print(table)
    if len(kept) < len(columns):
        hidden = ", ".join(printable(name) for i, name in enumerate(columns) if i not in kept and name)
        echo(f"Left out here: {hidden}. A wider terminal or --json shows them.", wrap=True)


def _console() -> Any:
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 10_000, highlight=False, markup=False, emoji=False)


def _with_sign(state: str) -> tuple[str, str]:
    """Return a state with its sign, and its style."""
    from tunesmith.foundation.look.terminal import state_sign, state_style

    sign = state_sign(state, sys.stdout)
    return (f"{sign} {word(state)}", state_style(state)) if sign else (state, "")


def print_drawn(*parts: tuple[str, str]) -> None:
    """Print a line of a terminal in tones.

    Args:
        parts: texts, each with a tone of `tunesmith.foundation.look.terminal.TONES`; empty: none.
    """
    from rich.text import Text

    from tunesmith.foundation.look.terminal import TONES

    pieces = [(printable(text), TONES.get(tone, "")) for text, tone in parts]
    _console().print(Text.assemble(*pieces), soft_wrap=True)


def draws() -> bool:
    """Tell whether drawings in characters are printed: in a terminal that can write them."""
    from tunesmith.foundation.look.terminal import shows_drawings

    return shows_drawings(sys.stdout)


def print_expected(found: Recommendation, beside: Sequence[float] = ()) -> None:
    """Print what to expect as an interval in characters; nothing where it cannot be drawn.

    Args:
        found: what is recommended.
        beside: figures that the line reaches to, besides the best value.
    """
    from tunesmith.foundation.look.drawn import interval_text

    value, (low, high), naive = found.value, sorted(found.interval), found.naive
    if found.report is not None and found.report.score is not None:
        (value, low, high), naive = found.report.score.figures, math.nan
    known = [end for end in (value, low, high, naive, *beside) if math.isfinite(end)]
    if not math.isfinite(low) or not draws():
        return
    figures, ends = NumberFormat.of(value, (low, high)), (min(known), max(known))
    if drawn := interval_text(low, value, high, ends=ends, columns=DRAWN):
        first, last = map(figures.write, ends)
        texts = ((f"  {first} ", "muted"), (drawn, "data"), (f" {last}  {word('expected')}", "muted"))
        print_drawn(*texts)


def print_spark(values: Sequence[float], label: str) -> None:
    """Print values as a line of bars; nothing where it cannot be drawn.

    Args:
        values: in their order.
        label: what they are.
    """
    from tunesmith.foundation.look.drawn import spark_text

    if len(values) and draws() and (line := spark_text(values, DRAWN)):
        first, last = cell_text(float(values[0]), 3), cell_text(float(values[-1]), 3)
        print_drawn((f"  {first} ", "muted"), (line, "data"), (f" {last}  {word(label)}", "muted"))


def _kept_columns(columns: Sequence[Sequence[str]], width: int, fold: Sequence[int]) -> list[int]:
    """Return which columns there is room for, so that no word is broken.

    Args:
        columns: the texts of each, its head among them.
        width: of the terminal.
        fold: the columns that can be left out, the least important first.
    """
    kept = list(range(len(columns)))
    need = list(map(_least, columns))
    for i in fold:
        if sum(need[k] for k in kept) <= width:
            break
        kept.remove(i)
    return kept


def _least(texts: Sequence[str]) -> int:
    """Return how wide a column is at least, if no word is broken; one without a head has drawings, and stays whole."""
    parts = (part for text in texts for part in (text.split() if texts[0] else [text]))
    return max(map(wide, parts), default=0) + GAP


def _whole_columns(columns: Sequence[Sequence[str]], width: int) -> list[bool]:
    """Return which columns are kept as wide as their cells: those of names and numbers, from the left, while all fit.

    Args:
        columns: the texts of each, its head among them.
        width: of the terminal.
    """
    words = list(map(_least, columns))
    left = width - sum(words)
    kept = []
    for texts, least in zip(columns, words, strict=True):
        more = max(map(wide, texts)) + GAP - least
        fits = left >= 0 and more <= left and (not texts[0] or not any(" " in text for text in texts[1:]))
        left -= more if fits else 0
        kept.append(fits)
    return kept


def word(text: str) -> str:
    """Return a word of ours, such as a state, in the language of the command line."""
    if language() == "en":
        return text
    from tunesmith.cli.speech import head

    return head(text)


def param(value: Any) -> Any:
    """Return a parameter's value as a cell: None is a value there, and an empty cell says that it is not active."""
    return "None" if value is None else value


def print_record(record: dict[str, Any], form: str, flatten: bool) -> None:
    """Print one record.

    Args:
        form: one of FORMATS.
        flatten: a column for each entry of a dict.
    """
    columns: dict[str, Any] = {}
    for key, value in record.items():
        if flatten and isinstance(value, dict):
            columns |= {f"{key}_{name}": item for name, item in value.items()}
        else:
            columns[key] = value.strftime("%Y-%m-%d %H:%M:%S") if isinstance(value, datetime) else value
    safe = {
        key: json_value(value if isinstance(value, bool | int | float | str | dict | list | None) else str(value))
        for key, value in columns.items()
    }
    cells = {printable(key): "" if value is None else printable(str(value)) for key, value in safe.items()}
    if form == "json":
        echo(json.dumps(safe))
    elif form == "yaml":  # in which JSON is one way to write a value
        echo("\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in safe.items()))
    elif form == "value":
        echo(" ".join(cells.values()))
    else:  # in the characters that scripts look for
        widths = [max(len(key), len(cell)) for key, cell in cells.items()]
        rule = f"+{'+'.join('-' * (width + 2) for width in widths)}+"
        head, row = (
            f"| {' | '.join(text.ljust(width) for text, width in zip(line, widths, strict=True))} |"
            for line in (cells.keys(), cells.values())
        )
        echo("\n".join([rule, head, rule, row, rule]))
