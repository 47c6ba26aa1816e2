"""Numbers, times and sizes as people write and read them; values as JSON and CSV have them."""

from __future__ import annotations

import contextlib
import io
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable, shown

# -- numbers ----------------------------------------------------------------------------------------------------------

NO_DECIMALS_FROM = 1e15  # from which on a float has no decimals, and its last digits are made up
INTERVAL_DIGITS = 3  # digits of an interval's half-width that are written
VALUE_DIGITS = 4  # digits of a figure without an interval
EXPONENT_BELOW, EXPONENT_FROM = 1e-4, 1e9  # figures that are all smaller, or of this size, have an exponent


def cell_text(value: Any, digits: int = 6, none: str = "") -> str:
    """Return any value as a cell shows it: a float with some significant digits, all else without control characters.

    Args:
        value: the value.
        digits: of a float.
        none: what stands for None.
    """
    if value is None:
        return none
    return f"{value:.{digits}g}" if isinstance(value, float) else printable(str(value))


def number_text(value: float) -> str:
    """Return a number as sentences have it: four digits, and those before the point."""
    return f"{value:,.0f}" if 9999.5 <= abs(value) < 1e9 else f"{value:.4g}"


def tick_text(value: float) -> str:
    """Return a number as it stands at an axis: 0.01, 20000, 1e-5."""
    if value == 0 or 1e-3 <= abs(value) < 1e5:
        return f"{value:.10g}"
    mantissa, _, exponent = f"{value:.4e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"


def amount_text(value: float) -> str:
    """Return a number of parameters or tokens as people write it: 60M, 1.4B; small ones as they are."""
    return _with_unit(value, ((1e12, "T"), (1e9, "B"), (1e6, "M"))) or f"{value:.4g}"


@dataclass(frozen=True)
class NumberFormat:
    """How numbers of one kind are written: with the same number of decimals.

    Attributes:
        decimals: how many.
        exponent: whether they are written with an exponent, since they are very small or very large.
    """

    decimals: int
    exponent: bool = False

    @classmethod
    def of(cls, value: float, interval: tuple[float, float] = (math.nan, math.nan)) -> NumberFormat:
        """Return the decimals by which an interval's half-width has three digits; without one the value has four."""
        half = abs(interval[1] - interval[0]) / 2.0
        size, digits = (half, INTERVAL_DIGITS) if math.isfinite(half) and half > 0.0 else (abs(value), VALUE_DIGITS)
        if not (math.isfinite(size) and size > 0.0):
            return cls(VALUE_DIGITS)
        decimals = digits - 1 - math.floor(math.log10(size) + 1e-9)
        largest = max(size, abs(value) if math.isfinite(value) else 0.0)
        return cls(max(decimals, 0), not EXPONENT_BELOW <= largest < EXPONENT_FROM)

    def write(self, value: float) -> str:
        """Return a figure as text; "unknown" for NaN."""
        if not math.isfinite(value):
            return say("unknown") if math.isnan(value) else say("infinite" if value > 0 else "minus infinite")
        if self.exponent or abs(value) >= NO_DECIMALS_FROM:
            return f"{round(value, self.decimals) + 0.0:.{VALUE_DIGITS}g}"
        text = f"{value:,.{self.decimals}f}"
        return text.removeprefix("-") if float(text.replace(",", "")) == 0.0 else text

    def same(self, a: float, b: float) -> bool:
        """Whether two figures look the same."""
        return self.write(a) == self.write(b)

    def between(self, interval: tuple[float, float]) -> str:
        """Return an interval as text, the lower end first."""
        low, high = sorted(interval)
        return say("{} to {}", self.write(low), self.write(high))


def _with_unit(value: float, units: Iterable[tuple[float, str]]) -> str | None:
    """Return a value in the first of some units that it reaches, the largest first; None: it reaches none."""
    return next((f"{value / size:.3g}{unit}" for size, unit in units if abs(value) >= size), None)


# -- times ------------------------------------------------------------------------------------------------------------

SECONDS_IN = {"d": 86400.0, "h": 3600.0, "min": 60.0, "m": 60.0, "s": 1.0}


def seconds_of(text: str) -> float:
    """Return a time as seconds: 90, 90s, 15m, 8h or 2d; "10 min" is 10m.

    Raises:
        ValueError: it is not a time.
    """
    unit = next((unit for unit in SECONDS_IN if text.endswith(unit)), "")
    found = math.nan
    with contextlib.suppress(ValueError):
        found = float(text.removesuffix(unit)) * SECONDS_IN.get(unit, 1.0)
    if not 0 <= found < math.inf:
        raise ValueError(f"expected seconds, or a time such as 90s, 15m, 8h or 2d; got {text!r}")
    return found


def duration_text(seconds: float) -> str:
    """Return a number of seconds as text: "1.4 ms", "57.3 s", "2.5 h"; empty: it is not known."""
    if not math.isfinite(seconds):
        return ""
    for unit in ("d", "h", "min"):
        if round(seconds, 1) >= SECONDS_IN[unit]:
            return f"{seconds / SECONDS_IN[unit]:.1f} {unit}"
    written = f"{1000.0 * seconds:.3g}"
    return f"{seconds:.3g} s" if seconds == 0.0 or float(written) >= 1000.0 else f"{written} ms"


def clock_text(seconds: float) -> str:
    """Return a number of seconds as a clock shows it: 0:07, 1:02:03 or "2 d 3:04:05"."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    clock = f"{hours}:{minutes:02}:{s:02}" if hours or days else f"{minutes}:{s:02}"
    return f"{days} d {clock}" if days else clock


def ago_text(seconds: float, words: Callable[..., str]) -> str:
    """Return how long ago something was; empty: it is not known.

    Args:
        seconds: since then.
        words: fills a pattern in the language of the reader.
    """
    if seconds != seconds:
        return ""
    for unit in ("d", "h", "min"):
        if seconds >= SECONDS_IN[unit]:
            return words(f"{{}} {unit} ago", int(seconds // SECONDS_IN[unit]))
    return words("just now") if seconds < 5 else words("{} s ago", int(seconds))


def rate_text(n: int, seconds: float, unit: str) -> str:
    """Return how fast n pieces in so many seconds are, as "12 trials/s" or "3.4 s/trial"."""
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


# -- sizes ------------------------------------------------------------------------------------------------------------

BYTES_IN = {"": 1, "B": 1}  # "MB" is 10**6 bytes wherever it is read or shown; "MiB" is 2**20
BYTES_IN |= {f"{u}B": 1000 ** (k + 1) for k, u in enumerate("KMGT")}
BYTES_IN |= {f"{u}IB": 1024 ** (k + 1) for k, u in enumerate("KMGT")}


def bytes_of(size: float | str) -> int:
    """Return a size in bytes, given as a number or as text: "500MB", "2 GB", "1.5GiB".

    Raises:
        ValueError: it is not such a size, or is less than 1.
    """
    value = 0.0
    with contextlib.suppress(ValueError, OverflowError, TypeError):
        if not isinstance(size, str):
            value = float(size)
        elif found := re.fullmatch(r"\s*([\d.]+(?:e\+?\d+)?)\s*([a-z]*)\s*", size, re.IGNORECASE):
            value = float(found[1]) * BYTES_IN.get(found[2].upper(), math.nan)
    if not 1 <= value < math.inf or isinstance(size, bool):
        raise ValueError(f'a size is a number of bytes or a text such as "500MB", "2GB" or "1.5GiB"; got {shown(size)}')
    return int(value)


def size_text(size: float) -> str:
    """Return a number of bytes as text: "10 kB", "512 MB", "2.5 GB"; empty: it is not known."""
    if not math.isfinite(size):
        return ""
    return _with_unit(size, ((1e9, " GB"), (1e6, " MB"))) or f"{size / 1e3:.3g} kB"


# -- JSON and CSV -----------------------------------------------------------------------------------------------------

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the start of a formula


def json_value(value: Any, *, infinities: bool = True) -> Any:
    """Return a value made of what JSON has; what JSON does not know is text.

    JSON has neither NaN nor infinities. NaN says that there is no value, and is null. An infinity is a value that a
    reader of an export needs: it is the text "inf" or "-inf", which Python's `float` reads. A browser that draws cannot
    use a text among numbers: what goes there has null for infinities, too.

    Args:
        value: the value.
        infinities: keep them as text; else they are null.
    """
    if isinstance(value, Mapping):
        return {str(k): json_value(v, infinities=infinities) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(v, infinities=infinities) for v in value]
    if hasattr(value, "item") and not getattr(value, "ndim", 0):  # of NumPy, which commands need not import for this
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)) or (isinstance(value, float) and math.isfinite(value)):
        return value
    return None if isinstance(value, float) and (not infinities or math.isnan(value)) else str(value)


def csv_chunks(
    head: Sequence[str] | None, rows: Iterable[Iterable[Sequence[Any]]], line_end: str = "\r\n"
) -> Iterator[str]:
    """Yield a table as CSV. A text that a spreadsheet would take for a formula gets an apostrophe before it.

    Args:
        head: the names of the columns; None: these rows go on a table.
        rows: the rows, some at a time; None in a cell: there is no value.
        line_end: at the end of each.

    Yields:
        the text of the head and the first rows, then that of the next ones.
    """
    import csv  # only exports need it

    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=line_end)
    if head is not None:
        writer.writerow(map(_cell, head))
    for some in rows:
        writer.writerows([[_cell(cell) for cell in row] for row in some])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA_STARTS) else value
