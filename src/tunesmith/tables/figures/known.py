"""What figures of tables share: the fitted search, and names of classes."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable, shown
from tunesmith.tables.out_of_fold import Bin, OutOfFold
from tunesmith.visualization.figure import short
from tunesmith.visualization.plotly_style import Dict, scatter


def as_tuner(search: Any, what: str, classes: bool | None = None) -> Any:
    """Return a fitted `TableTuner`.

    Args:
        search: what the user gave.
        what: the function that was called.
        classes: whether its targets have to be classes, or numbers; None: either.

    Raises:
        TypeError: it is no fitted search of a table.
        NothingToDrawError: its targets are of the other kind.
    """
    if not isinstance(getattr(search, "out_of_fold_", None), OutOfFold):
        raise TypeError(f"{what} takes what tunesmith.tune returned; got {shown(search)}")
    if classes is not None and classes != (search.target_.classes is not None):
        wanted = "the targets are numbers" if classes else "the targets are classes"
        raise NothingToDrawError(say("{}: " + wanted, what))
    return search


def named_classes(known: OutOfFold) -> list[str]:
    """Return the labels as texts."""
    return [printable(str(label)) for label in ([] if known.classes is None else known.classes.tolist())]


def binned(bins: list[Bin], name: str, colour: str, **more: Any) -> Dict:
    """Return means over bins as points with their intervals, joined by a line.

    Args:
        bins: from low to high.
        name: of the trace.
        colour: of it.
        **more: further settings of plotly.js.
    """
    at, mean = np.array([b.at for b in bins]), np.array([b.mean for b in bins])
    low, high = np.array([b.interval for b in bins]).T
    error: Dict = {"type": "data", "symmetric": False, "color": colour, "thickness": 1.6, "width": 4}
    error |= {"array": short(high - mean), "arrayminus": short(mean - low)}
    look: Dict = {"mode": "lines+markers", "line": {"color": colour, "width": 1.5}}
    look |= {"marker": {"color": colour, "size": 8}, "error_y": error}
    return scatter(short(at), short(mean), name, **look, **more)
