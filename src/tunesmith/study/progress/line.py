"""One line that counts pieces of work. It looks at the clock alone: it is renewed a few times a second at most."""

from __future__ import annotations

import importlib
import math
import sys
import time
from collections.abc import Callable, Iterable
from typing import Any, ClassVar, TextIO

from tunesmith.foundation.languages import say, told, word


class ProgressLine:
    """Counts pieces of work, and shows how many are done, the best so far, the rate and the time left.

    Args:
        total: how many there will be; None: that is not known.
        unit: what one of them is called.
        timeout: seconds after which no more are begun; None: no limit.
        stream: where to write; standard error if None.
        clock: seconds, monotonic.
        above: gives what rich draws above the line of a terminal; None: nothing.

    Attributes:
        has_bar: whether a display may draw a bar; else the text has its own.
        done: how many are done.
        best: what is known of the best, in words; shown as it is.
        saved: what was saved, in words; shown as it is.
        notes: how many of them were what ("failed", "pruned"); those that are not 0 are shown.
    """

    has_bar: ClassVar[bool] = True

    def __init__(
        self,
        total: int | None = None,
        unit: str = "trial",
        *,
        timeout: float | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
        above: Callable[[], Any] | None = None,
    ) -> None:
        self.done = 0
        self.best = self.saved = ""
        self.notes: dict[str, int] = {}
        self._total = total
        self._unit = unit
        self._timeout = timeout
        self._clock = clock
        self._began = self._last_end = clock()
        self._due = math.inf
        has_bar = self.has_bar and bool(total)
        self._display = display_for(stream if stream is not None else sys.stderr, has_bar=has_bar, above=above)
        if self._display is not None:
            self._due = self._began + self._display.first
            self.tick()

    def advance(self, n: int = 1) -> None:
        """Count n more as done."""
        self.done += n
        self._last_end = now = self._clock()
        if now >= self._due:
            self._show(now)

    def tick(self) -> None:
        """Update the time that is shown."""
        now = self._clock()
        if now >= self._due:
            self._show(now)

    def close(self, message: str = "") -> None:
        """Show the final line, and write a message under it."""
        self._show(self._clock(), ended=True)
        display, self._display = self._display, None
        if display is not None:
            _could_write(lambda: display.close(message))

    def _show(self, now: float, ended: bool = False) -> None:
        display = self._display
        if display is None:
            return
        self._due = now + display.interval
        share = min(1.0, self.done / self._total) if self._total and self.has_bar else None
        if not _could_write(lambda: display.show(self.head(), self.tail(now, ended), share, ended)):
            self._display, self._due = None, math.inf  # a terminal that is gone must not end the search

    # -- what is shown -------------------------------------------------------------------------------------------

    def head(self) -> str:
        """The unit and the count."""
        return f"{word(self._unit)} {self.done}" + ("" if self._total is None else f"/{self._total}")

    def tail(self, now: float, ended: bool = False) -> str:
        """Everything else, the most important things first.

        Args:
            ended: whether nothing more is to come.
        """
        elapsed = now - self._began
        parts = [told(self.best)] if self.best else []
        if self.done:
            parts.append(told(rate(self.done, self._last_end - self._began, self._unit)))
        left = self._left(now)
        if ended:
            parts.append(told(say("in {}", duration(elapsed))))
        elif left is not None:
            parts.append(told(say("{} left", duration(left))))
        else:
            parts.append(duration(elapsed))
        noted = ", ".join(told(say("{:,} " + what, n)) for what, n in self.notes.items() if n)
        return " · ".join([*parts, *filter(None, (noted, self.saved))])

    def _left(self, now: float) -> float | None:
        """Seconds until the end, as far as one can tell."""
        limits = []
        if self._timeout is not None:
            limits.append(self._began + self._timeout - now)
        if self._total is not None and self.done:
            each = (self._last_end - self._began) / self.done
            limits.append((self._total - self.done) * each - (now - self._last_end))
        return max(0.0, min(limits)) if limits else None


def duration(seconds: float) -> str:
    """Write a time as 0:07, 1:02:03 or "2 d 3:04:05"."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    clock = f"{hours}:{minutes:02}:{s:02}" if hours or days else f"{minutes}:{s:02}"
    return f"{days} d {clock}" if days else clock


def rate(n: int, seconds: float, unit: str) -> str:
    """Write how fast n pieces in so many seconds are, as "12 trials/s" or "3.4 s/trial"."""
    if seconds <= 0:
        return say("{:,} " + unit + "s", n)
    per_second = n / seconds
    if per_second >= 1:
        return say("{} " + unit + "s/s", f"{per_second:,.0f}" if per_second >= 100 else f"{per_second:.2g}")
    each = seconds / n
    if each < 100:
        return say("{} s/" + unit, f"{each:.2g}")
    if each < 6000:
        return say("{} min/" + unit, f"{each / 60:.2g}")
    return say("{} h/" + unit, f"{each / 3600:.2g}")


def _could_write(write: Callable[[], None]) -> bool:
    """Write; return False if nobody can read it any more: the terminal was closed, or the pipe's reader is gone."""
    try:
        write()
    except (OSError, ValueError):
        return False
    return True


# -- where the line is shown ------------------------------------------------------------------------------------------
#
# Each has `first`, the seconds until the line is first shown, `interval`, those between two looks at it, and takes the
# line as its head, the share that is done (None: not known), and its tail.

BAR_WIDTH = 24  # characters
WIDE_TERMINAL = 100  # characters of a terminal that has room for the bar


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
        bar = "·" if share is None else "█" * round(share * BAR_WIDTH) + "░" * (BAR_WIDTH - round(share * BAR_WIDTH))
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
        above: gives what is drawn above the line; it may give None.
    """

    first, interval = 0.0, 0.2

    def __init__(self, stream: TextIO, has_bar: bool, above: Callable[[], Any] | None = None) -> None:
        from rich.console import Console, RenderableType
        from rich.constrain import Constrain
        from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn
        from rich.table import Column

        self._console = console = Console(file=stream, highlight=False)
        has_bar = has_bar and self._console.width >= WIDE_TERMINAL
        columns: list[ProgressColumn] = [TextColumn("{task.description}", style="bold", markup=False)]
        columns += [BarColumn(BAR_WIDTH)] if has_bar else [TextColumn("·")]
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
