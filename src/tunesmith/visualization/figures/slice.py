"""Slices: the value of each trial against each of its parameters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.states import TrialState
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.axes import (
    OnAxes,
    axes_of,
    beyond,
    ends_of,
    left_out,
    listed,
    on_axes,
    shown_rows,
    thin_panels,
)
from tunesmith.visualization.columns import Floats, Mask, Target, read_columns
from tunesmith.visualization.figure import short
from tunesmith.visualization.plotly_style import (
    GREY,
    ORANGE,
    SCALE,
    VERMILION,
    Dict,
    bar,
    framed,
    markup_free,
    parameter_panels,
    scatter,
    spread,
    strip,
)
from tunesmith.visualization.thinning import POINTS_DRAWN, drawn_note

if TYPE_CHECKING:
    from tunesmith.study.study import Study


SLICES_SHOWN = 12  # parameters that are shown if none are named
POINTS_IN_ALL = 20_000  # points of all panels together


@dataclass(frozen=True, eq=False, kw_only=True)
class Slice(OnAxes):
    """Values against parameters.

    Attributes:
        pruned: which of them were stopped early [k].
        failed: which of them failed [k]; their values are NaN.
        ends: of the axis of values (low, high); what lies beyond is drawn at its edge.
    """

    kind: ClassVar[str] = "slice"
    pruned: Mask
    failed: Mask
    ends: tuple[float, float]

    def by_plotly(self) -> Dict:
        """Return the figure; later trials are darker, the best one has a ring."""
        value, low, high = heights(self)
        layout, places = parameter_panels(self.axes, self.target, (low, high))
        layout |= {"shapes": [], "annotations": [], "showlegend": False}
        layout["height"] += 130
        traces: list[Dict] = []
        for k, (of, place) in enumerate(zip(self.axes, places, strict=True)):
            shapes, names = strip(of, place["xaxis"], place["yaxis"])
            layout["shapes"] += shapes
            layout["annotations"] += names
            traces += _panel(self, k, value, place)
        first = next((t for t in traces if "colorscale" in t["marker"]), None)
        if first is not None:
            first["marker"] |= {"showscale": True, "colorbar": bar("trial")}
        return framed(self, traces, layout)


@checked("target")
def plot_slice(
    study: Study | Snapshot,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    show_pruned: bool = False,
    show_failed: bool = False,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot the value of each trial against each of its parameters.

    Args:
        study: the study, or a fitted search.
        params: names of parameters, and user attributes as "user_attrs_NAME"; None: those that vary. Of more than
            twelve these are the ones whose order goes best with the value's.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        show_pruned: show trials that were stopped early, by their last report.
        show_failed: show where trials failed, below the others.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Trials in which a parameter was inactive lie in a strip beside its axis.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or no parameter.
        ValueError: there is no such parameter, or there are several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    t = read_columns(as_snapshot(study), target, target_name)
    t.need("plot_slice")
    axes = axes_of(t, params, SLICES_SHOWN, "plot_slice")
    rows = shown_rows(t, show_pruned, show_failed)
    chosen = t.rows_of(selected)
    index = thin_panels(t, rows, axes, chosen, min(POINTS_DRAWN, POINTS_IN_ALL // len(axes)))
    ends = ends_of(t.value[rows], t.maximize)
    about = say("Values of {} in {} against {}.", t.target, count(len(rows), "trial"), listed(axes))
    return Slice(
        title="Slices",
        notes=(*drawn_note(len(index), len(rows)), *left_out(t, params, axes), *beyond(t.value[rows], ends)),
        pruned=t.is_in(TrialState.PRUNED)[index],
        failed=t.is_in(TrialState.FAIL)[index],
        ends=ends,
        **on_axes(t, axes, index, chosen, about),
    ).drawn(backend)


slices: Callable[..., Slice] = partial(plot_slice, backend="arrays")


def heights(data: Slice) -> tuple[Floats, float, float]:
    """Return where points are drawn [k], failed ones below all others, and the ends of the axis."""
    low, high = data.ends
    span = (high - low) or abs(high) or 1.0
    failed = bool(data.failed.any())
    value = np.where(data.failed, low - 0.08 * span, np.clip(data.value, low, high))
    return value, low - (0.14 if failed else 0.05) * span, high + 0.05 * span


def _panel(data: Slice, k: int, value: Floats, where: Dict) -> list[Dict]:
    at, number = spread(data.axes[k]), data.number
    name, target = markup_free(data.axes[k].name), markup_free(data.target)
    hover = f"trial %{{customdata[0]}}<br>{name} %{{customdata[1]}}<br>{target} "
    about = [
        [number, markup_free(data.axes[k].text(i), 40), "failed" if data.failed[i] else f"{data.value[i]:.6g}"]
        for i, number in enumerate(data.number.tolist())
    ]
    plain = ~data.pruned & ~data.failed & data.feasible
    ramp = {"color": number[plain].tolist(), "colorscale": SCALE, "reversescale": True, "size": 5, "opacity": 0.8}
    if plain.any():
        ramp |= {"cmin": int(number.min()), "cmax": max(int(number.max()), int(number.min()) + 1)}
    best = np.arange(len(number)) == data.best
    ring = {"color": "rgba(0,0,0,0)", "size": 13}
    kinds = [
        ("trials", plain, ramp),
        ("infeasible", ~data.feasible & ~data.failed, {"color": GREY, "size": 5, "symbol": "x"}),
        ("pruned", data.pruned & data.feasible, {"color": ORANGE, "size": 5, "symbol": "circle-open"}),
        ("failed", data.failed, {"color": VERMILION, "size": 6, "symbol": "x"}),
        ("selected", data.selected, {**ring, "line": {"color": "black", "width": 2}}),
        ("best", best, {**ring, "line": {"color": VERMILION, "width": 2.5}}),
    ]
    return [
        scatter(
            short(at[rows]),
            short(value[rows]),
            word,
            marker=marker,
            customdata=[about[i] for i in np.flatnonzero(rows)],
            hovertemplate=hover + "%{customdata[2]}<extra></extra>",
            **where,
        )
        for word, rows, marker in kinds
        if rows.any()
    ]
