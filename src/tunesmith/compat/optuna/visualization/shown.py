"""How a figure is returned as Optuna does it: a Plotly figure, or the axes of a figure that pyplot knows."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

OPTUNAS_NAME = "Objective Value"  # what Optuna calls the objective
Bars = Mapping[str, Mapping[str, float]]  # of each target: values by parameter, the largest first
TITLE, LABEL = "Hyperparameter Importances", "Hyperparameter Importance"


class Shown(ABC):
    """A library that draws.

    Attributes:
        backend: its name for this library's plots.
    """

    backend: ClassVar[str]

    @abstractmethod
    def returned(self, figure: Any) -> Any:
        """Return what Optuna returns for a figure."""

    @abstractmethod
    def empty(self) -> Any:
        """Return an empty figure."""

    @abstractmethod
    def bars(self, bars: Bars) -> Any:
        """Return bars of importances, one series a target."""


class ByPlotly(Shown):
    """Plotly: the figure itself."""

    backend = "plotly"

    def returned(self, figure: Any) -> Any:
        """Return the figure."""
        return figure

    def empty(self) -> Any:
        """Return an empty figure."""
        from plotly.graph_objects import Figure

        return Figure()

    def bars(self, bars: Bars) -> Any:
        """Return bars of importances, one series a target."""
        from plotly.graph_objects import Bar, Figure, Layout

        series = [
            Bar(
                x=list(values.values())[::-1],
                y=list(values)[::-1],
                name=name,
                text=[_label(value) for value in values.values()][::-1],
                textposition="outside",
                cliponaxis=False,
                orientation="h",
            )
            for name, values in bars.items()
            if values
        ]
        return Figure(series, Layout(title=TITLE, xaxis={"title": LABEL}, yaxis={"title": "Hyperparameter"}))


class ByMatplotlib(Shown):
    """Matplotlib: the axes of a figure that pyplot knows, so that ``plt.show()`` and ``plt.savefig()`` find it."""

    backend = "matplotlib"

    def returned(self, figure: Any) -> Any:
        """Return the axes in which something is drawn: one, or an array."""
        import numpy as np
        from matplotlib import pyplot

        # A new figure of pyplot has the canvas that its backend needs: the figure moves in there.
        canvas = pyplot.figure().canvas
        canvas.figure = figure
        figure.set_canvas(canvas)
        panels = [ax for ax in figure.axes if ax.get_label() != "<colorbar>"]
        grid = panels[0].get_gridspec() if panels else None
        if grid is not None and grid.nrows == grid.ncols > 1 and not panels[0].get_visible():  # pairs: no diagonal
            return np.array(panels, dtype=object).reshape(grid.nrows, grid.ncols)
        panels = [ax for ax in panels if ax.get_visible()]
        return panels[0] if len(panels) == 1 else np.array(panels, dtype=object)

    def empty(self) -> Any:
        """Return empty axes."""
        from matplotlib import pyplot

        return pyplot.subplots()[1]

    def bars(self, bars: Bars) -> Any:
        """Return bars of importances, one series a target."""
        from matplotlib import pyplot

        figure, ax = pyplot.subplots(layout="constrained")
        names = [name for values in list(bars.values())[:1] for name in values][::-1]
        height = 0.8 / max(len(bars), 1)
        for k, (target, values) in enumerate(bars.items()):
            at = [i + (k - (len(bars) - 1) / 2) * height for i in range(len(names))]
            drawn = ax.barh(at, [values.get(name, 0.0) for name in names], height, label=target)
            ax.bar_label(drawn, [_label(values.get(name, 0.0)) for name in names], padding=2)
        ax.set_yticks(range(len(names)), names)
        ax.margins(x=0.12)
        ax.set(title=TITLE, xlabel=LABEL, ylabel="Hyperparameter")
        if bars:
            ax.legend(loc="lower right")
        return figure.axes[0]


def _label(value: float) -> str:
    return f"{value:.2f}" if value >= 0.01 else "<0.01"
