"""Draws figures with Matplotlib, from the arrays of `tunesmith.visualization.data`."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from tunesmith.errors import MissingDependencyError
from tunesmith.visualization.data.base import FigureData

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw(data: FigureData) -> Figure:
    """Return a Matplotlib figure, which no window of pyplot holds; its label is the summary.

    Args:
        data: what a function of `tunesmith.visualization.data` returned.

    Raises:
        MissingDependencyError: Matplotlib is not installed.
    """
    try:
        import matplotlib.figure  # noqa: F401  only whether it is there
    except ImportError as error:
        raise MissingDependencyError(
            "backend='matplotlib' needs Matplotlib: pip install matplotlib, or give backend='plotly'"
        ) from error
    figure: Figure = importlib.import_module(f"tunesmith.visualization.mpl.{data.kind}").draw(data)
    figure.set_label(data.summary)
    return figure
