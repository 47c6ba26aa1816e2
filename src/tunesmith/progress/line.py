"""One line that counts pieces of work. It looks at the clock alone: it is renewed a few times a second at most."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any, ClassVar, TextIO

from tunesmith.progress.display import display_for


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
            _written(lambda: display.close(message))

    def _show(self, now: float, ended: bool = False) -> None:
        display = self._display
        if display is None:
            return
        self._due = now + display.interval
        share = min(1.0, self.done / self._total) if self._total and self.has_bar else None
        if not _written(lambda: display.show(self.head(), self.tail(now, ended), share, ended)):
            self._display, self._due = None, math.inf  # a terminal that is gone must not end the search

    # -- what is shown -------------------------------------------------------------------------------------------

    def head(self) -> str:
        """The unit and the count."""
        return f"{self._unit} {self.done}" + ("" if self._total is None else f"/{self._total}")

    def tail(self, now: float, ended: bool = False) -> str:
        """Everything else, the most important things first.

        Args:
            now: the time by this line's clock.
            ended: whether nothing more is to come.
        """
        elapsed = now - self._began
        parts = [self.best] if self.best else []
        if self.done:
            parts.append(rate(self.done, self._last_end - self._began, self._unit))
        left = self._left(now)
        if ended:
            parts.append(f"in {duration(elapsed)}")
        elif left is not None:
            parts.append(f"{duration(left)} left")
        else:
            parts.append(duration(elapsed))
        noted = ", ".join(f"{n} {what}" for what, n in self.notes.items() if n)
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
        return f"{n} {unit}s"
    per_second = n / seconds
    if per_second >= 1:
        return f"{per_second:,.0f} {unit}s/s" if per_second >= 100 else f"{per_second:.2g} {unit}s/s"
    each = seconds / n
    if each < 100:
        return f"{each:.2g} s/{unit}"
    return f"{each / 60:.2g} min/{unit}" if each < 6000 else f"{each / 3600:.2g} h/{unit}"


def _written(write: Callable[[], None]) -> bool:
    """Write; return False if nobody can read it any more: the terminal was closed, or the pipe's reader is gone."""
    try:
        write()
    except (OSError, ValueError):
        return False
    return True
