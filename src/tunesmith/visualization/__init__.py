"""Figures of studies, with the field's names: the arrays (`data`), their drawing by Plotly (`figures`) or Matplotlib.

Each name is imported where it is first used; drawing needs Plotly, or with ``backend="matplotlib"`` Matplotlib.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.visualization.plots.over_time import plot_intermediate_values, plot_optimization_history
    from tunesmith.visualization.plots.parameters import plot_slice
    from tunesmith.visualization.plots.results import plot_edf

_HOMES = {
    "over_time": ("plot_intermediate_values", "plot_optimization_history"),
    "parameters": ("plot_slice",),
    "results": ("plot_edf",),
}
_HOME = {name: module for module, names in _HOMES.items() for name in names}

__all__ = ["plot_edf", "plot_intermediate_values", "plot_optimization_history", "plot_slice"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        from tunesmith.text import did_you_mean

        raise AttributeError(f"tunesmith.visualization has no {name!r}{did_you_mean(name, __all__)}")
    value = getattr(importlib.import_module(f"tunesmith.visualization.plots.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
