"""How long a search still takes, with its doubt, from the moments at which its pieces ended."""

from __future__ import annotations

import math

from tunesmith.foundation.languages import Said, say

DOUBT = 1.28  # standard deviations to both sides: four times in five the time lies between the two ends
# Of the spread of times between ends, as part of their mean: what is believed before any is known, and for how many
# times that counts.
GUESSED_SPREAD, GUESSED = 1.2, 2
TAIL_SHARE = 0.5  # of the time that the end costs beyond that
LATE_SHARE = 0.25  # a piece that is late is taken to need such a part of the time that it had


class Pace:
    """The times between the ends of pieces, however many run at once.

    The time left is taken as log-normal: the sum of so many times between ends, with the error of their mean.

    Args:
        began: the time at the start, in seconds.
    """

    def __init__(self, began: float) -> None:
        self.last = began
        self.began = began
        self.n = 0
        self._mean = self._squares = 0.0  # of the times between ends; West 1979 for weights

    def note(self, done: int, now: float) -> None:
        """Take in how many pieces have ended by now."""
        if (new := done - self.n) <= 0:
            return
        each = (now - self.last) / new
        self.n, self.last = done, now
        difference = each - self._mean
        self._mean += difference * new / done
        self._squares += new * difference * (each - self._mean)

    @property
    def per_piece(self) -> float:
        """Seconds between two ends, on average; NaN: none has ended."""
        return self._mean if self.n else math.nan

    def left(self, pieces: int, now: float, running: int = 1) -> tuple[float, float]:
        """Return between which two numbers of seconds the end of so many more pieces lies, four times in five.

        Args:
            pieces: how many, at least one.
            now: the time.
            running: how many run at once. Where fewer have ended, they may have ended as the first of many that end
                together or as one of many that end in turn: the middle of the two is taken.

        Returns:
            the two; NaN: nothing is known, since none has ended.
        """
        n = self.n
        if not n:
            return math.nan, math.nan
        mean, since = self._mean * math.sqrt(min(1.0, n / max(running, 1))), now - self.last
        expected = (pieces - 1) * mean + max(mean - since, LATE_SHARE * max(since, mean))
        at_once = min(pieces, running)
        # At the end fewer and fewer run at once. Of exponential times that costs this much, of equal ones nothing.
        expected += TAIL_SHARE * mean * at_once * sum(1 / (k + 1) for k in range(1, at_once))
        one = math.sqrt((self._squares + GUESSED * (GUESSED_SPREAD * mean) ** 2) / (n - 1 + GUESSED))
        spread = one * math.sqrt(pieces + pieces**2 / n)
        width = math.sqrt(math.log1p((spread / expected) ** 2)) if expected > 0.0 else 0.0
        return expected * math.exp(-DOUBT * width), expected * math.exp(DOUBT * width)


def left_text(low: float, high: float) -> Said:
    """Return a time that is left as text, its two ends in one unit: "3 to 5 min left".

    Args:
        low: seconds.
        high: seconds, not less.
    """
    if high >= 48 * 3600:
        size, between, about = 86400.0, "{} to {} d left", "about {} d left"
    elif high >= 5400:
        size, between, about = 3600.0, "{} to {} h left", "about {} h left"
    elif high >= 90:
        size, between, about = 60.0, "{} to {} min left", "about {} min left"
    else:
        size, between, about = 1.0, "{} to {} s left", "about {} s left"
    first, last = _short(low / size, size), _short(high / size, size)
    return say(about, last) if first == last else say(between, first, last)


def _short(value: float, unit: float) -> str:
    """Return a number with a decimal if it is small, and of a unit that is not the smallest."""
    return f"{value:.0f}" if unit == 1.0 or value >= 9.95 else f"{value:.1f}".removesuffix(".0")
