"""Optuna's plots by Plotly; those by Matplotlib are in `matplotlib`."""

from __future__ import annotations

import importlib.util

from tunesmith.compat.optuna._experimental import experimental_func
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import lead_here
from tunesmith.compat.optuna.visualization import matplotlib
from tunesmith.compat.optuna.visualization.plots import Plots
from tunesmith.compat.optuna.visualization.shown import ByPlotly

__all__ = [
    "is_available",
    "matplotlib",
    "plot_contour",
    "plot_edf",
    "plot_hypervolume_history",
    "plot_intermediate_values",
    "plot_optimization_history",
    "plot_parallel_coordinate",
    "plot_param_importances",
    "plot_pareto_front",
    "plot_rank",
    "plot_slice",
    "plot_terminator_improvement",
    "plot_timeline",
]

_plots = Plots(ByPlotly())
plot_contour = _plots.plot_contour
plot_edf = _plots.plot_edf
plot_hypervolume_history = experimental_func("3.3.0")(_plots.plot_hypervolume_history)
plot_intermediate_values = _plots.plot_intermediate_values
plot_optimization_history = _plots.plot_optimization_history
plot_parallel_coordinate = _plots.plot_parallel_coordinate
plot_param_importances = _plots.plot_param_importances
plot_pareto_front = _plots.plot_pareto_front
plot_rank = _plots.plot_rank
plot_slice = _plots.plot_slice
plot_terminator_improvement = experimental_func("3.2.0")(_plots.plot_terminator_improvement)
plot_timeline = _plots.plot_timeline

__getattr__ = refuser(__name__, __all__)
lead_here(__name__)


def is_available() -> bool:
    """Tell whether Plotly is installed."""
    return importlib.util.find_spec("plotly") is not None
