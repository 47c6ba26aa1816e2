"""Optuna's plots by Plotly; those by Matplotlib are in `matplotlib`."""

from __future__ import annotations

import importlib.util

from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.visualization import matplotlib
from tunesmith.compat.optuna.visualization.plots import ByPlotly, functions

_plots = functions(ByPlotly(), {"plot_hypervolume_history": "3.3.0", "plot_terminator_improvement": "3.2.0"})
globals().update(_plots)
__all__ = ["is_available", "matplotlib", *_plots]
__getattr__ = refuser(__name__, __all__)


def is_available() -> bool:
    """Tell whether Plotly is installed."""
    return importlib.util.find_spec("plotly") is not None
