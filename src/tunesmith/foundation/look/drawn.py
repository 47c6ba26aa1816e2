"""Small drawings that stand in a line: the mark, a sparkline, an interval; as SVG, and in characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tunesmith.foundation.look.colours import COLOURS

BARS = "▁▂▃▄▅▆▇█"
PLOTTED = 60  # points of a sparkline: more would not be seen


class Drawing(str):
    """Markup that was made here: who escapes texts leaves it as it is."""


def mark(size: int = 24) -> str:
    """Return the mark, the best value so far that falls to the point that was found, as an SVG element.

    Args:
        size: in pixels.
    """
    accent, white = COLOURS["accent"][0], COLOURS["on-accent"][0]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{size}" height="{size}" viewBox="0 0 24 24" '
        f'aria-hidden="true"><rect width="24" height="24" rx="6" fill="{accent}"/><path d="M5 6.5h4v5h4.5v5H16" '
        f'fill="none" stroke="{white}" stroke-width="2.2" stroke-linejoin="round" stroke-linecap="round"/>'
        f'<circle cx="18" cy="16.5" r="2.4" fill="{white}"/></svg>'
    )


def sparkline(values: Sequence[float], width: int = 120, height: int = 32) -> Drawing:
    """Return values in their order as a small line, as an SVG element; empty: fewer than two of them are finite.

    It has the class "spark", and is hidden from who hears the page: what it shows has to be said beside it.

    Args:
        values: such as the best value so far after each trial. Not finite ones are left out.
        width: in pixels.
        height: in pixels.
    """
    kept = _thinned(values)
    if len(kept) < 2:
        return Drawing()
    low, span = min(kept), (max(kept) - min(kept)) or 1.0
    at = [
        f"{2 + k / (len(kept) - 1) * (width - 6):.1f} {2 + (1 - (v - low) / span) * (height - 6):.1f}"
        for k, v in enumerate(kept)
    ]
    x, y = at[-1].split()
    return Drawing(
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}" aria-hidden="true">'
        f'<path d="M{"L".join(at)}" fill="none" stroke="var(--data,{COLOURS["data"][0]})" stroke-width="1.6" '
        f'stroke-linejoin="round"/><circle cx="{x}" cy="{y}" r="2.6" fill="var(--data,{COLOURS["data"][0]})"/></svg>'
    )


def spark_text(values: Sequence[float], columns: int = 24) -> str:
    """Return values in their order as a line of bars in a terminal; empty: fewer than two of them are finite.

    Args:
        values: as of `sparkline`.
        columns: how wide it may be.
    """
    kept = _thinned(values, columns)
    if len(kept) < 2:
        return ""
    low, span = min(kept), (max(kept) - min(kept)) or 1.0
    return "".join(BARS[round((v - low) / span * (len(BARS) - 1))] for v in kept)


def interval(low: float, value: float, high: float, *, ends: tuple[float, float], width: int = 160) -> Drawing:
    """Return an interval with its value on a line, as an SVG element; empty: one of the numbers is not finite.

    Args:
        low: its lower end.
        value: what it is of.
        high: its upper end.
        ends: of the line.
        width: in pixels.
    """
    if not all(map(math.isfinite, (low, value, high, *ends))) or ends[0] == ends[1]:
        return Drawing()
    a, v, b = (2 + (at - ends[0]) / (ends[1] - ends[0]) * (width - 4) for at in (low, value, high))
    a, b = sorted((a, b))
    data = f"var(--data,{COLOURS['data'][0]})"
    return Drawing(
        f'<svg class="interval" viewBox="0 0 {width} 12" width="{width}" height="12" aria-hidden="true">'
        f'<path d="M0 6h{width}" stroke="var(--line,{COLOURS["line"][0]})"/>'
        f'<path d="M{a:.1f} 6H{b:.1f}M{a:.1f} 2.5v7M{b:.1f} 2.5v7" stroke="{data}" stroke-width="1.6"/>'
        f'<circle cx="{v:.1f}" cy="6" r="3.4" fill="{data}"/></svg>'
    )


def interval_text(low: float, value: float, high: float, *, ends: tuple[float, float], columns: int = 24) -> str:
    """Return an interval in characters, such as ``  ├──●───┤   ``; empty: one of the numbers is not finite.

    Args:
        low: its lower end.
        value: what it is of.
        high: its upper end.
        ends: of the line.
        columns: its width.
    """
    if not all(map(math.isfinite, (low, value, high, *ends))) or ends[0] == ends[1] or columns < 3:
        return ""
    share = [min(max((at - ends[0]) / (ends[1] - ends[0]), 0.0), 1.0) for at in (low, value, high)]
    a, v, b = (round(at * (columns - 1)) for at in share)
    a, b = sorted((a, b))
    cells = [" "] * columns
    cells[a : b + 1] = ["─"] * (b + 1 - a)
    cells[a], cells[b], cells[v] = "├", "┤", "●"
    return "".join(cells)


def _thinned(values: Sequence[float], most: int = PLOTTED) -> list[float]:
    """Return as many of the finite values, the first and the last with them."""
    kept = [float(v) for v in values if math.isfinite(v)]
    if len(kept) <= most:
        return kept
    return [kept[round(k * (len(kept) - 1) / (most - 1))] for k in range(most)]
