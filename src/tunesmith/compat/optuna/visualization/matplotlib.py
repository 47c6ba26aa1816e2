"""Optuna's plots by Matplotlib: each returns its axes, and pyplot knows the figure."""

from __future__ import annotations

import importlib.util

from tunesmith.compat.optuna._experimental import experimental_func
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.visualization.plots import ByMatplotlib, functions

_SINCE = {
    "2.2.0": ("contour", "edf", "intermediate_values", "optimization_history", "parallel_coordinate", "slice"),
    "2.8.0": ("pareto_front",),
    "3.2.0": ("rank", "terminator_improvement", "timeline"),
    "3.3.0": ("hypervolume_history",),
}
_plots = functions(ByMatplotlib(), {f"plot_{name}": version for version, names in _SINCE.items() for name in names})
globals().update(_plots)
__all__ = ["is_available", *_plots]
__getattr__ = refuser(__name__, __all__)


@experimental_func("2.2.0")
def is_available() -> bool:
    """Tell whether Matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None
