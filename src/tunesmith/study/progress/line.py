"""One line that counts pieces of work. A thread draws it, a few times a second at most: counting costs nothing."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, NamedTuple, TextIO

from tunesmith.foundation.formats import NumberFormat, clock_text, rate_text
from tunesmith.foundation.languages import say, told, wide, word
from tunesmith.study.progress.display import Display, Drawable, display_for
from tunesmith.study.progress.pace import Pace, left_text

BAR_COLUMNS = 24  # of a bar
BETWEEN = " · "


class Part(NamedTuple):
    """A part of a line.

    Attributes:
        text: what it says.
        rank: parts of a higher rank are left out first where there is no room; that of rank 0 stays.
        between: what stands before it, unless it is the first.
    """

    text: str
    rank: int
    between: str = BETWEEN


def fitted(parts: Sequence[Part], columns: int) -> str:
    """Return a line of the parts for which there is room, in their order.

    Args:
        parts: in the order in which they are shown.
        columns: of the terminal.
    """
    kept: list[int] = []
    for i in sorted(range(len(parts)), key=lambda i: parts[i].rank):
        if not kept or wide(_joined([parts[k] for k in sorted([*kept, i])])) <= columns:
            kept.append(i)
    return _joined([parts[k] for k in sorted(kept)])


def _joined(parts: Sequence[Part]) -> str:
    return "".join(part.text if i == 0 else part.between + part.text for i, part in enumerate(parts))


class ProgressLine(Drawable):
    """Counts pieces of work, and shows how many are done, the best so far, and the time left with its doubt.

    It is shown from the first second on: in a terminal and in a notebook as a line that is renewed, in a file as a line
    every few seconds.

    Args:
        total: how many there will be; None: that is not known.
        unit: what one of them is called.
        timeout: seconds after which no more are begun; None: no limit.
        stream: where to write; standard error if None.
        clock: seconds, monotonic.
        look: called before each look at the line, by the thread that draws it, to bring it up to date.
        above: gives what rich draws above the line of a terminal with so many columns and lines; None: nothing.
        always: whether the last line is shown although the work took less than a second.

    Attributes:
        has_bar: whether there may be a bar.
        total: as given. timeout: likewise.
        began: the time at the start.
        done: how many are done.
        best: what is known of the best, in words.
        best_of: what the best is, in words, such as "trial 3"; it goes where there is no room.
        honest: the honest value of the best, in words. within: its interval, likewise; it goes where there is no room.
        running: how many run at once; shown where there were several.
        saved: what was saved, in words.
        phase: what is done now, in words; empty: the counted work.
        notes: how many of them were what ("failed", "stopped early"); those that are not 0 are shown.
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
        look: Callable[[], None] | None = None,
        above: Callable[[int, int], Any] | None = None,
        always: bool = True,
    ) -> None:
        self.done, self.running = 0, 0
        self.best = self.best_of = self.honest = self.within = self.saved = self.phase = ""
        self.notes: dict[str, int] = {}
        self.total, self._unit, self.timeout, self._clock = total, unit, timeout, clock
        self._look, self._above, self._always = look, above, always
        self.began = clock()
        self._pace, self._most_running = Pace(self.began), 0
        self._display: Display | None = display_for(self, stream if stream is not None else sys.stderr)
        if self._display is not None:
            self._display.start()

    def advance(self, n: int = 1) -> None:
        """Count n more as done."""
        self.done += n

    def close(self, message: str | Callable[[], str] = "") -> None:
        """Show the final line, and write a message under it.

        Args:
            message: the text, or what makes it; that is called only if something is shown.
        """
        display, self._display = self._display, None
        if display is not None:
            display.close(lambda: message if isinstance(message, str) else message(), self._always)

    def say_honest(self, value: float, interval: tuple[float, float]) -> None:
        """Put an honest value of the best into the line, with as many digits as its interval is worth.

        Args:
            value: the value; NaN: it is not known.
            interval: its ends; NaN: they are not known.
        """
        figures = NumberFormat.of(value, interval)
        self.honest = "" if math.isnan(value) else figures.write(value)
        self.within = figures.between(interval) if all(map(math.isfinite, interval)) else ""

    # -- what is shown -------------------------------------------------------------------------------------------

    def text(self, columns: int, ended: bool = False) -> str:
        """Return the line.

        Args:
            columns: that there are.
            ended: whether nothing more is to come.
        """
        self.look()
        now = self._clock()
        self._pace.note(self.done, now)
        self._most_running = max(self._most_running, self.running)
        return fitted(self.parts(now, ended), columns)

    def look(self) -> None:
        """Bring the line up to date."""
        if self._look is not None:
            self._look()

    def above(self, columns: int, lines: int) -> Any:
        """Return what rich draws above the line in a terminal of this size; None: nothing."""
        return None if self._above is None else self._above(columns, lines)

    def parts(self, now: float, ended: bool) -> list[Part]:
        """Return the parts of the line.

        Args:
            now: the time by this line's clock.
            ended: whether nothing more is to come.
        """
        parts = [Part(self.head(), 0)]
        if self.has_bar and self.total and not ended:
            parts.append(Part(bar(self.done / self.total), 10, " "))
        parts += [Part(told(self.best), 1)] if self.best else []
        parts += [Part(told(say("({})", self.best_of)), 7, " ")] if self.best_of and self.best else []
        parts += [Part(told(say("honest {}", self.honest)), 4)] if self.honest else []
        parts += [Part(told(say("({})", self.within)), 6, " ")] if self.honest and self.within else []
        if self._most_running > 1 and not ended:
            parts.append(Part(told(say("{:,} running", self.running)), 5))
        parts += [Part(told(say("{:,} " + what, n)), 6) for what, n in self.notes.items() if n]
        parts += [Part(told(self.saved), 8)] if self.saved else []
        if ended:
            parts.append(Part(told(say("in {}", clock_text(now - self.began))), 3))
        elif self.phase:
            parts.append(Part(told(self.phase), 2))
        elif left := self._left(now):
            parts.append(Part(told(left), 3))
        else:
            parts.append(Part(clock_text(now - self.began), 3))
        if self.done and self._pace.last > self.began:
            parts.append(Part(told(rate_text(self.done, self._pace.last - self.began, self._unit)), 9))
        return parts

    def head(self) -> str:
        """The unit and the count."""
        return f"{word(self._unit)} {self.done}" + ("" if self.total is None else f"/{self.total}")

    def _left(self, now: float) -> str:
        """Return the time that is left, with its doubt; empty: it is not known."""
        low, high = math.nan, math.nan
        if self.total is not None and self.done < self.total:
            low, high = self._pace.left(self.total - self.done, now, self._most_running)
        if self.timeout is not None:
            until = max(self.began + self.timeout - now, 0.0)
            low, high = (until, until) if low != low else (min(low, until), min(high, until))
        return "" if low != low else left_text(low, high)


def bar(share: float, columns: int = BAR_COLUMNS) -> str:
    """Return a bar.

    Args:
        share: of the work that is done, 0 to 1.
        columns: of the bar.
    """
    full = round(min(share, 1.0) * columns)
    return "━" * full + "─" * (columns - full)
