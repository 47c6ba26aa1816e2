"""Pairs of parameters: which panels a figure of pairs has, and which trials are on them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.languages import say
from tunesmith.visualization.axes import Axis, OnAxes, axes_of, left_out, shown_rows, thin_panels
from tunesmith.visualization.columns import Indices, Mask, StudyColumns
from tunesmith.visualization.figure import short
from tunesmith.visualization.plotly_style import (
    GREY,
    VERMILION,
    Dict,
    markup_free,
    name_of,
    panels,
    parameter_layout,
    scatter,
    spread,
    strip,
)
from tunesmith.visualization.thinning import drawn_note

PAIRED_AXES = 5  # parameters that are shown if none are named: ten panels
MOST_NAMED = 12  # parameters, at most
MOST_POINTS, POINTS_IN_ALL = 2000, 12_000  # points of a panel, and of all panels together


@dataclass(frozen=True, eq=False)
class Pairs:
    """What a figure of pairs shows.

    Attributes:
        axes: the parameters, over all rows of the snapshot.
        index: the rows that are drawn.
        selected: which rows of the snapshot somebody asked for.
        notes: how many trials and parameters are shown.
        n: how many trials there are to draw.
    """

    axes: list[Axis]
    index: Indices
    selected: Mask
    notes: tuple[str, ...]
    n: int

    @property
    def panels(self) -> list[tuple[int, int]]:
        """The panels, as places (along x, along y) among the axes: each pair once, column by column."""
        d = len(self.axes)
        return [(i, j) for i in range(d) for j in range(i + 1, d)]


def pairs_of(t: StudyColumns, params: Sequence[str] | None, selected: Sequence[int], figure: str) -> Pairs:
    """Return what a figure of pairs shows.

    Args:
        t: the trials.
        params: parameters and user attributes, two or more; None: those that go best with the value.
        selected: numbers of trials that must stay.
        figure: what is drawn, for errors.

    Raises:
        NothingToDrawError: there is no complete trial, or only one parameter.
        ValueError: there is no such parameter, fewer than two are named, or very many.
    """
    t.need(figure)
    axes = axes_of(t, params, PAIRED_AXES, figure)
    if len(axes) < 2:
        pattern = "{}: pairs need two parameters; there is one, {}. plot_slice shows one"
        text = say(pattern, figure, repr(axes[0].name))
        raise NothingToDrawError(text) if params is None else ValueError(text)
    if len(axes) > MOST_NAMED:
        raise ValueError(f"{figure}: {len(axes)} parameters make too many panels; name at most {MOST_NAMED}")
    rows, chosen = shown_rows(t), t.rows_of(selected)
    panels = len(axes) * (len(axes) - 1) // 2
    index = thin_panels(t, rows, axes, chosen, min(MOST_POINTS, POINTS_IN_ALL // panels))
    return Pairs(axes, index, chosen, (*drawn_note(len(index), len(rows)), *left_out(t, params, axes)), len(rows))


SIDE = 210  # pixels of a panel of several


def layout_of(axes: tuple[Axis, ...], along: Iterable[tuple[int, int]]) -> tuple[Dict, list[Dict]]:
    """Return the layout of a triangle of panels, and for each panel the names of its axes.

    Args:
        axes: the parameters.
        along: the panels, as places (along x, along y) among them; with those of both orders, it is a whole square.
    """
    along, d = list(along), len(axes)
    whole = any(i > j for i, j in along)
    side = d if whole else d - 1
    domains = panels(side, side, 0.1, 0.1)
    layout: Dict = {"shapes": [], "annotations": [], "showlegend": False}
    layout["height"] = 600 if side == 1 else 160 + SIDE * side + 30 * (side < 3)
    where = []
    for k, (i, j) in enumerate(along):
        x, y = f"x{name_of(k)}", f"y{name_of(k)}"
        domain = domains[(j if whole else j - 1) * side + i]
        bottom, left = j == (d - 2 if i == d - 1 else d - 1), i == (1 if j == 0 else 0)
        layout[f"xaxis{name_of(k)}"] = parameter_layout(
            axes[i], bottom, domain=domain[0], anchor=y, showticklabels=bottom
        )
        layout[f"yaxis{name_of(k)}"] = parameter_layout(axes[j], left, domain=domain[1], anchor=x, showticklabels=left)
        for shapes, names in (strip(axes[i], x, y), strip(axes[j], x, y, "y")):
            layout["shapes"] += shapes
            layout["annotations"] += names if side == 1 else []
        where.append({"xaxis": x, "yaxis": y})
    return layout, where


def pair_points(data: OnAxes, along: tuple[int, int], marker: Dict, where: Dict) -> list[Dict]:
    """Return the points of a panel: feasible ones with their colours, crosses, and rings round some.

    Args:
        data: the figure.
        along: what the panel shows: places (along x, along y) among the axes.
        marker: of feasible trials; its "color" is a list [k].
        where: the names of the panel's axes.
    """
    axes, feasible = [data.axes[a] for a in along], data.feasible
    x, y = spread(axes[0]), spread(axes[1], "y")
    hover = "trial %{customdata[0]}"
    for k, name in enumerate((axes[0].name, axes[1].name, data.target), 1):
        hover += f"<br>{markup_free(name)} %{{customdata[{k}]}}"
    is_best = np.arange(len(feasible)) == data.best
    clear = {"color": "rgba(0,0,0,0)", "size": 13}
    kinds: list[tuple[str, Mask, Dict]] = [
        ("trials", feasible, marker),
        ("infeasible", ~feasible, {"color": GREY, "symbol": "x", "size": 6}),
        ("selected", data.selected, {**clear, "line": {"color": "black", "width": 2}}),
        ("best", is_best, {**clear, "line": {"color": VERMILION, "width": 2.5}}),
    ]
    traces = []
    for word, rows, look in kinds:
        if rows.any():
            places = np.flatnonzero(rows)
            colour = look["color"]
            own = {**look, "color": [colour[i] for i in places]} if isinstance(colour, list) else look
            about = [
                [
                    int(data.number[i]),
                    markup_free(axes[0].text(i), 40),
                    markup_free(axes[1].text(i), 40),
                    f"{data.value[i]:.6g}",
                ]
                for i in places.tolist()
            ]
            trace = scatter(short(x[rows]), short(y[rows]), word, marker=own, customdata=about, **where)
            traces.append({**trace, "hovertemplate": hover + "<extra></extra>"})
    return traces


def show_bar(traces: list[Dict], scale: Dict) -> None:
    """Let the first trace of feasible trials show the scale of colours."""
    first = next((t for t in traces if isinstance(t.get("marker", {}).get("color"), list)), None)
    if first is not None:
        first["marker"] |= {"showscale": True, "colorbar": scale}
