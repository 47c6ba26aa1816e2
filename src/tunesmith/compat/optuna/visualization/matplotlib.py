"""Optuna's plots by Matplotlib: each returns its axes, and pyplot knows the figure."""

from __future__ import annotations

import importlib.util

from tunesmith.compat.optuna._experimental import experimental_func
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.paths import lead_here
from tunesmith.compat.optuna.visualization.plots import Plots
from tunesmith.compat.optuna.visualization.shown import ByMatplotlib

__all__ = [
    "is_available",
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

_plots = Plots(ByMatplotlib())
plot_contour = experimental_func("2.2.0")(_plots.plot_contour)
plot_edf = experimental_func("2.2.0")(_plots.plot_edf)
plot_hypervolume_history = experimental_func("3.3.0")(_plots.plot_hypervolume_history)
plot_intermediate_values = experimental_func("2.2.0")(_plots.plot_intermediate_values)
plot_optimization_history = experimental_func("2.2.0")(_plots.plot_optimization_history)
plot_parallel_coordinate = experimental_func("2.2.0")(_plots.plot_parallel_coordinate)
plot_param_importances = _plots.plot_param_importances
plot_pareto_front = experimental_func("2.8.0")(_plots.plot_pareto_front)
plot_rank = experimental_func("3.2.0")(_plots.plot_rank)
plot_slice = experimental_func("2.2.0")(_plots.plot_slice)
plot_terminator_improvement = experimental_func("3.2.0")(_plots.plot_terminator_improvement)
plot_timeline = experimental_func("3.2.0")(_plots.plot_timeline)

__getattr__ = refuser(__name__, __all__)
lead_here(__name__)


@experimental_func("2.2.0")
def is_available() -> bool:
    """Tell whether Matplotlib is installed."""
    return importlib.util.find_spec("matplotlib") is not None
