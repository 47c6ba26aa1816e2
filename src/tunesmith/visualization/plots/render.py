"""Hands the arrays of a figure to a backend."""

from __future__ import annotations

from typing import Any

from tunesmith.errors import MissingDependencyError
from tunesmith.text import did_you_mean, shown
from tunesmith.visualization.data.base import FigureData

BACKENDS = ("plotly", "matplotlib")


def render(data: FigureData, backend: str) -> Any:
    """Return the figure as an object of the backend.

    Args:
        data: its arrays.
        backend: "plotly" or "matplotlib".

    Raises:
        MissingDependencyError: the backend is not installed.
        ValueError: there is no such backend, or it does not draw this figure.
    """
    if backend == "plotly":
        try:
            from plotly.graph_objects import Figure
        except ImportError as error:
            raise MissingDependencyError(
                "figures need Plotly: pip install plotly, or give backend='matplotlib'"
            ) from error
        from tunesmith.visualization.figures import draw

        return Figure(draw(data))
    if backend == "matplotlib":
        from tunesmith.visualization.mpl import draw as draw_by_matplotlib

        return draw_by_matplotlib(data)
    known = " or ".join(map(repr, BACKENDS))
    raise ValueError(f"backend takes {known}; got {shown(backend)}{did_you_mean(backend, BACKENDS)}")
