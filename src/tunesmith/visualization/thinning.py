"""Thinning: which of very many points are drawn, so that the picture stays the same.

Symbols: n points, x[n] where they lie along the axis, y[n] how high.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.languages import say

Floats = NDArray[np.float64]
Indices = NDArray[np.intp]
Mask = NDArray[np.bool_]

POINTS_DRAWN = 5000  # points that a figure draws
PIXELS = 1000  # how many columns of pixels a figure is taken to have


def thin_points(x: Floats, y: Floats, keep: Mask | None = None, most: int = POINTS_DRAWN) -> Indices:
    """Return the points to draw, in order: all, or in each column of pixels the lowest and the highest one, and others.

    The outline of the cloud stays as it is, since its extremes stay; what room is left is filled evenly over the order
    of the points, so that its density is still to be seen. Points whose x or y is not finite are drawn only if they
    must stay.

    Args:
        x: positions along the axis [n].
        y: values [n].
        keep: points that must stay [n]: the best, the front, those that run, those that somebody selected.
        most: how many to draw, unless more must stay.

    Returns:
        Indices of the points, rising; at most `most`, or as many as must stay.
    """
    n = len(x)
    stay = np.zeros(n, bool) if keep is None else np.array(keep, bool)
    drawable = np.isfinite(x) & np.isfinite(y)
    if int((drawable | stay).sum()) <= most:
        return np.flatnonzero(drawable | stay)
    room = most - int(stay.sum())
    columns = min(PIXELS, room // 4)  # half of the room for extremes, half for the others
    if columns > 0:
        stay[_extremes(x, y, np.flatnonzero(drawable), columns)] = True
    others = np.flatnonzero(drawable & ~stay)
    room = most - int(stay.sum())
    if room > 0 and len(others):
        stay[others[np.unique(np.linspace(0, len(others) - 1, min(room, len(others))).astype(np.intp))]] = True
    return np.flatnonzero(stay)


def _extremes(x: Floats, y: Floats, rows: Indices, columns: int) -> Indices:
    """Return the lowest and the highest of the rows in each column of pixels."""
    column = pixel(x[rows], columns)
    order = np.argsort(column.astype(np.int16), kind="stable")  # of small numbers that takes n steps
    column, height = column[order], y[rows][order]
    first = np.flatnonzero(np.append(True, column[1:] != column[:-1]))
    sizes = np.diff(np.append(first, len(rows)))
    lowest = np.flatnonzero(height == np.repeat(np.minimum.reduceat(height, first), sizes))
    highest = np.flatnonzero(height == np.repeat(np.maximum.reduceat(height, first), sizes))
    low = lowest[np.append(True, np.diff(column[lowest]) > 0)]  # of equal ones the first, and the last
    high = highest[np.append(np.diff(column[highest]) > 0, True)]
    return np.unique(rows[order[np.concatenate([low, high])]])


def pixel(x: Floats, columns: int) -> Indices:
    """Return the column of pixels [n] that finite positions x[n] fall into, of so many."""
    low, high = float(x.min()) / 2.0, float(x.max()) / 2.0  # halves: the range of all floats does not overflow then
    if not high > low:
        return np.zeros(len(x), np.intp)
    return np.minimum((x / 2.0 - low) / (high - low) * columns, columns - 1).astype(np.intp)


def drawn_note(shown: int, n: int, what: str = "trials") -> tuple[str, ...]:
    """Return the note that says how many are drawn; none if all are."""
    return () if shown >= n else (say("{:,} of {:,} " + what + " drawn", shown, n),)
