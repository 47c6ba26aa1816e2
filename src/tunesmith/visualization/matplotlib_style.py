"""How Matplotlib's figures look: the same colours, heads and strips as those of Plotly."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tunesmith.visualization.axes import Axis
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.plotly_style import COLUMNS, GRID, INK, LABEL, TICK, cut

SCALE = ("#c3d5e6", "#6baed6", "#2171b5", "#08306b")  # from early to late, or from bad to good


def new(data: FigureData, rows: int = 1, columns: int = 1, size: tuple[float, float] = (8.0, 5.0)) -> tuple[Any, Any]:
    """Return a figure with its heading and its axes [rows, columns].

    Args:
        data: what is drawn.
        rows: of panels.
        columns: of panels.
        size: width and height in inches.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=size, layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    notes = textwrap.wrap(" · ".join(data.notes), int(13 * size[0]))
    head = "\n".join([text(data.title, 120), *(text(n, 200) for n in notes)])
    figure.suptitle(head, x=0.02, ha="left", fontsize=11, color=INK)
    for ax in axes.ravel():
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(color=GRID, linewidth=0.8)
        ax.set_axisbelow(True)
    return figure, axes


def text(value: object, most: int = LABEL) -> str:
    """Return any text so that Matplotlib shows it as it is, and does not read it as a formula; long ones are cut."""
    return cut(value, most).replace("$", r"\$")


def ramp() -> Any:
    """Return the colour map from pale to dark."""
    from matplotlib.colors import LinearSegmentedColormap

    return LinearSegmentedColormap.from_list("tunesmith", SCALE)


def parameter_panels(
    data: FigureData, axes: Sequence[Axis], target: str, ends: tuple[float, float], size: Callable[[int, int], Any]
) -> tuple[Any, Any]:
    """Return a figure and its panels, one a parameter, which share the axis of values; those left over are not shown.

    Args:
        data: what is drawn.
        axes: the parameters.
        target: the title of the axis of values.
        ends: of it.
        size: (rows, columns) -> width and height in inches.
    """
    columns = min(len(axes), COLUMNS)
    rows = -(-len(axes) // columns)
    figure, made = new(data, rows, columns, size(rows, columns))
    for ax in made.ravel()[len(axes) :]:
        ax.set_visible(False)
    for k, (ax, of) in enumerate(zip(made.ravel(), axes, strict=False)):
        parameter(ax, of)
        if k:
            ax.sharey(made[0, 0])
        ax.set_ylim(*ends)
        if k % columns:
            ax.tick_params(labelleft=False)
        else:
            ax.set_ylabel(text(target))
    return figure, made


def parameter(ax: Any, of: Axis, along: str = "x", title: bool = True) -> None:
    """Set up one of the axes of a panel for a parameter, with the strip of trials without a value.

    Args:
        ax: the panel.
        of: the parameter.
        along: "x" or "y".
        title: whether its name is shown.
    """
    if title:
        getattr(ax, f"set_{along}label")(text(of.name))
    low, high = of.low, of.high
    if of.kind == "log":
        getattr(ax, f"set_{along}scale")("log")
        pad = (high / low) ** 0.03
        ends = (of.strip / pad**2 if of.has_strip else low / pad, high * pad)
        box = (of.strip / pad**2, low / pad)
    else:
        pad = 0.03 * (high - low) if of.kind == "linear" else 0.0
        ends = (of.strip - (2 * pad or 0.5) if of.has_strip else low - pad, high + pad)
        box = (ends[0], low - pad)
    getattr(ax, f"set_{along}lim")(*ends)
    at, labels = of.ticks(5)
    names = [text(n, TICK) for n in labels]
    long = along == "x" and sum(map(len, names)) > 24
    turned = {"rotation": 40, "ha": "right", "rotation_mode": "anchor"} if long else {}
    getattr(ax, f"set_{along}ticks")(at, names, fontsize=8, **turned)
    getattr(ax, f"{along}axis").minorticks_off()
    if of.has_strip:
        getattr(ax, f"ax{'v' if along == 'x' else 'h'}span")(*box, color="#f0f0f0", zorder=0)
        middle = math.sqrt(box[0] * box[1]) if of.kind == "log" else sum(box) / 2
        if along == "x":
            where = {"xy": (middle, 0.98), "xycoords": ("data", "axes fraction"), "rotation": 90, "va": "top"}
            ax.annotate(of.strip_name, ha="center", fontsize=7, color="#777777", **where)
        else:
            where = {"xy": (0.98, middle), "xycoords": ("axes fraction", "data"), "va": "center"}
            ax.annotate(of.strip_name, ha="right", fontsize=7, color="#777777", **where)


def ring(ax: Any, x: Any, y: Any, colour: str, name: str) -> None:
    """Draw rings round points.

    Args:
        ax: the panel.
        x: where they lie [k].
        y: how high [k].
        colour: of the rings.
        name: in the legend.
    """
    if np.size(x):
        ax.scatter(x, y, s=90, facecolors="none", edgecolors=colour, linewidths=1.8, label=name, zorder=5)


def legend(ax: Any, **more: Any) -> None:
    """Show a legend where more than one thing has a name.

    Args:
        ax: the panel.
        **more: further settings of Matplotlib.
    """
    handles, names = ax.get_legend_handles_labels()
    found = dict(zip(names, handles, strict=True))  # one of each name
    if len(found) > 1:
        ax.legend(list(found.values()), list(found), fontsize=8, frameon=False, **more)
