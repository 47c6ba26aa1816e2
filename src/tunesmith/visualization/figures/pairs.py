"""Where the panels of pairs stand, and the rings and crosses that all of them share."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tunesmith.visualization.data.axes import Axis
from tunesmith.visualization.data.base import short
from tunesmith.visualization.data.columns import Floats, Ints, Mask
from tunesmith.visualization.figures.style import (
    GREY,
    VERMILION,
    Dict,
    name_of,
    panels,
    parameter_axis,
    scatter,
    spread,
    strip,
    text,
)

SIDE = 210  # pixels of a panel of several


def layout_of(axes: tuple[Axis, ...], along: Iterable[tuple[int, int]]) -> tuple[Dict, list[Dict]]:
    """Return the layout of a triangle of panels, and for each panel the names of its axes.

    Args:
        axes: the parameters.
        along: the panels, as places (along x, along y) among them.
    """
    d = len(axes)
    side = d - 1
    domains = panels(side, side, 0.1, 0.1)
    layout: Dict = {"shapes": [], "annotations": [], "showlegend": False}
    layout["height"] = 600 if side == 1 else 160 + SIDE * side + 30 * (side < 3)
    where = []
    for k, (i, j) in enumerate(along):
        x, y = f"x{name_of(k)}", f"y{name_of(k)}"
        domain = domains[(j - 1) * side + i]
        bottom, left = j == d - 1, i == 0
        layout[f"xaxis{name_of(k)}"] = parameter_axis(
            axes[i], bottom, domain=domain[0], anchor=y, showticklabels=bottom
        )
        layout[f"yaxis{name_of(k)}"] = parameter_axis(axes[j], left, domain=domain[1], anchor=x, showticklabels=left)
        for shapes, names in (strip(axes[i], x, y), strip(axes[j], x, y, "y")):
            layout["shapes"] += shapes
            layout["annotations"] += names if side == 1 else []
        where.append({"xaxis": x, "yaxis": y})
    return layout, where


def points(
    axes: tuple[Axis, Axis],
    number: Ints,
    value: Floats,
    target: str,
    marker: Dict,
    marks: tuple[Mask, Mask, int],
    where: Dict,
) -> list[Dict]:
    """Return the points of a panel: feasible ones with their colours, crosses, and rings round some.

    Args:
        axes: along x and along y.
        number: of the trials [k].
        value: theirs [k].
        target: what that is.
        marker: of feasible trials; its "color" is a list [k].
        marks: which trials are feasible [k], which are selected [k], and the place of the best one, or -1.
        where: the names of the panel's axes.
    """
    x, y = spread(axes[0]), spread(axes[1], "y")
    feasible, selected, best = marks
    hover = "trial %{customdata[0]}"
    for k, name in enumerate((axes[0].name, axes[1].name, target), 1):
        hover += f"<br>{text(name)} %{{customdata[{k}]}}"
    is_best = np.arange(len(number)) == best
    clear = {"color": "rgba(0,0,0,0)", "size": 13}
    kinds: list[tuple[str, Mask, Dict]] = [
        ("trials", feasible, marker),
        ("infeasible", ~feasible, {"color": GREY, "symbol": "x", "size": 6}),
        ("selected", selected, {**clear, "line": {"color": "black", "width": 2}}),
        ("best", is_best, {**clear, "line": {"color": VERMILION, "width": 2.5}}),
    ]
    traces = []
    for word, rows, look in kinds:
        if rows.any():
            places = np.flatnonzero(rows)
            colour = look["color"]
            own = {**look, "color": [colour[i] for i in places]} if isinstance(colour, list) else look
            about = [
                [int(number[i]), text(axes[0].text(i), 40), text(axes[1].text(i), 40), f"{value[i]:.6g}"]
                for i in places.tolist()
            ]
            trace = scatter(short(x[rows]), short(y[rows]), word, marker=own, customdata=about, **where)
            traces.append({**trace, "hovertemplate": hover + "<extra></extra>"})
    return traces
