"""Figures of studies, with the field's names: the arrays (`data`), their drawing by Plotly (`figures`) or Matplotlib.

Each name is imported where it is first used; drawing needs Plotly, or with ``backend="matplotlib"`` Matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.visualization.plots.over_time import (
        plot_hypervolume_history,
        plot_intermediate_values,
        plot_optimization_history,
        plot_terminator_improvement,
        plot_timeline,
    )
    from tunesmith.visualization.plots.parameters import (
        plot_ablation,
        plot_belief,
        plot_contour,
        plot_parallel_coordinate,
        plot_param_importances,
        plot_rank,
        plot_slice,
    )
    from tunesmith.visualization.plots.results import plot_edf, plot_honest_score, plot_pareto_front, plot_racing

_HOMES = {
    "over_time": (
        "plot_hypervolume_history",
        "plot_intermediate_values",
        "plot_optimization_history",
        "plot_terminator_improvement",
        "plot_timeline",
    ),
    "parameters": (
        "plot_ablation",
        "plot_belief",
        "plot_contour",
        "plot_parallel_coordinate",
        "plot_param_importances",
        "plot_rank",
        "plot_slice",
    ),
    "results": ("plot_edf", "plot_honest_score", "plot_pareto_front", "plot_racing"),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = [
    "plot_ablation",
    "plot_belief",
    "plot_contour",
    "plot_edf",
    "plot_honest_score",
    "plot_hypervolume_history",
    "plot_intermediate_values",
    "plot_optimization_history",
    "plot_parallel_coordinate",
    "plot_param_importances",
    "plot_pareto_front",
    "plot_racing",
    "plot_rank",
    "plot_slice",
    "plot_terminator_improvement",
    "plot_timeline",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        from tunesmith.text import did_you_mean

        raise AttributeError(f"tunesmith.visualization has no {name!r}{did_you_mean(name, __all__)}")
    value = getattr(importlib.import_module(f"tunesmith.visualization.plots.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
