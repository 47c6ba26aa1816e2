"""Where a progress line is shown: a terminal, a notebook, or a stream of lines.

Each has `first`, the seconds until the line is first shown, `interval`, those between two looks at it, and takes the
line as its head, the share that is done (None: not known), and its tail.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

BAR = 24  # characters
WIDE = 100  # characters of a terminal that has room for the bar


class Lines:
    """A file, a pipe, or a terminal where rich is missing: a line now and then, and one at the end."""

    first = interval = 5.0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, head: str, tail: str, share: float | None, ended: bool) -> None:
        """Print a line."""
        print(f"{head} · {tail}", file=self._stream, flush=True)

    def close(self, message: str) -> None:
        """Print the message."""
        if message:
            print(message, file=self._stream, flush=True)


class Notebook:
    """An output of a notebook cell that is replaced. It needs no widgets, as rich's own display would."""

    first, interval = 0.0, 0.5

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, head: str, tail: str, share: float | None, ended: bool) -> None:
        """Replace the output."""
        bar = "·" if share is None else "█" * round(share * BAR) + "░" * (BAR - round(share * BAR))
        data = {"text/plain": f"{head} {bar} {tail}"}
        if self._handle is None:
            display = importlib.import_module("IPython.display").display  # there, since this is a notebook
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)

    def close(self, message: str) -> None:
        """Print the message under the output."""
        if message:
            print(message)


class Terminal:
    """A line of a terminal, drawn by rich; what is printed meanwhile appears above it.

    Args:
        stream: the terminal.
        has_bar: whether the total is known, and may have a bar.
        above: gives what is drawn above the line; it may give None.
    """

    first, interval = 0.0, 0.2

    def __init__(self, stream: TextIO, has_bar: bool, above: Callable[[], Any] | None = None) -> None:
        from rich.console import Console, RenderableType
        from rich.constrain import Constrain
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
        from rich.table import Column

        self._console = console = Console(file=stream, highlight=False)
        has_bar = has_bar and self._console.width >= WIDE
        columns: list[ProgressColumn] = [TextColumn("{task.description}", style="bold", markup=False)]
        columns += [BarColumn(BAR)] if has_bar else [TextColumn("·")]
        # One line, whatever happens: the last column gets the room that is left, and is cut there.
        rest = Column(ratio=1, no_wrap=True, overflow="ellipsis")
        columns.append(TextColumn("{task.fields[tail]}", markup=False, table_column=rest))

        class Display(Progress):
            """Leaves room at the right: what a terminal echoes there at Ctrl-C must not begin a new line."""

            def get_renderables(self) -> Iterable[RenderableType]:
                width = max(1, console.width - len("^C") - 1)
                if above is not None and (drawn := above()) is not None:
                    yield Constrain(drawn, width)
                for line in super().get_renderables():
                    yield Constrain(line, width)

        self._progress = Display(
            *columns,
            console=self._console,
            auto_refresh=False,
            expand=True,
            # Rich would lead what is printed to our stream: only where that is the same terminal.
            redirect_stdout=stream is sys.stderr and sys.stdout.isatty(),
            redirect_stderr=stream is sys.stderr,
        )
        self._task = self._progress.add_task("", total=1.0, tail="")
        self._progress.start()
        self._console.show_cursor(True)  # a hidden one would stay hidden if we were killed

    def show(self, head: str, tail: str, share: float | None, ended: bool) -> None:
        """Draw the line; at the end, closing draws it."""
        self._progress.update(self._task, description=head, tail=tail, completed=share or 0.0, refresh=not ended)

    def close(self, message: str) -> None:
        """Draw the line a last time, and the message under it."""
        self._progress.stop()
        if message:
            self._console.print(message, markup=False, soft_wrap=True)


def display_for(
    stream: TextIO | None, has_bar: bool, above: Callable[[], Any] | None = None
) -> Lines | Notebook | Terminal | None:
    """Return the display for a stream.

    Args:
        stream: where to write; None: this program has no console.
        has_bar: whether the total is known, and may have a bar.
        above: gives what a terminal has above the line.

    Returns:
        the display; None without a console.
    """
    if stream is None:
        return None
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if stream is sys.stderr and shell is not None and hasattr(shell, "kernel"):
        return Notebook()
    if stream.isatty():
        try:
            return Terminal(stream, has_bar, above)
        except ImportError:
            return Lines(stream)
    return Lines(stream)
