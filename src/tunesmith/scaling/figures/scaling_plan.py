"""The plan: which small runs to buy next, and what the expected excess loss at the target is after each purchase."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import shown
from tunesmith.scaling import Plan
from tunesmith.scaling.figures.scales import log_axis, place
from tunesmith.visualization.columns import Floats, Ints
from tunesmith.visualization.figure import FigureData, four_digits, short
from tunesmith.visualization.plotly_style import BLUE, VERMILION, Dict, axis, framed, panels, scatter


@dataclass(frozen=True, eq=False, kw_only=True)
class ScalingPlan(FigureData):
    """What is bought, and what it is worth; b purchases, u scales among them.

    Attributes:
        scale: names of the scale variables.
        spent: cost after each purchase, in runs of the target; the first is 0 [b + 1].
        excess: expected excess loss then [b + 1].
        scales: that runs are bought at [u, q].
        runs: how many at each, int64[u].
        target: the scale that the plan is for.
    """

    kind: ClassVar[str] = "scaling_plan"
    scale: tuple[str, ...]
    spent: Floats
    excess: Floats
    scales: Floats
    runs: Ints
    target: tuple[float, ...]

    @property
    def _map(self) -> tuple[tuple[str, str], Floats, Floats, list[float], list[float]]:
        """Names of the axes, x and y of the purchases, and of the target; with one scale variable, y is the runs."""
        if len(self.scale) > 1:
            names = (self.scale[0], self.scale[1])
            return names, self.scales[:, 0], self.scales[:, 1], [self.target[0]], [self.target[1]]
        return (self.scale[0], "runs"), self.scales[:, 0], self.runs.astype(float), [self.target[0]], [1.0]

    @property
    def _sizes(self) -> Floats:
        return np.asarray(8 + 14 * np.sqrt(self.runs / self.runs.max()))

    def by_plotly(self) -> Dict:
        """Return the expected excess loss as steps, and the scales of the purchases beside the target."""
        (left, up), (right, _) = panels(1, 2, 0.28)
        names, x, y, target_x, target_y = self._map
        step: Dict = {"mode": "lines+markers", "line": {"color": BLUE, "shape": "hv"}, "marker": {"size": 6}}
        there: Dict = {"xaxis": "x2", "yaxis": "y2"}
        counts = [f"{n}" for n in self.runs.tolist()]
        mark: Dict = {"color": BLUE, "size": short(self._sizes), "opacity": 0.75}
        star: Dict = {"color": VERMILION, "size": 13, "symbol": "star"}
        words: Dict = {"mode": "markers+text", "text": counts, "textposition": "top center"}
        traces = [
            scatter(short(self.spent), short(self.excess), "expected excess loss", **step),
            scatter(short(x), short(y), "runs to buy", marker=mark, **words, **there),
            scatter(target_x, target_y, "target", marker=star, **there),
        ]
        along = log_axis(min(*x, *target_x), max(*x, *target_x))
        upwards = log_axis(min(*y, *target_y), max(*y, *target_y)) if len(self.scale) > 1 else {}
        layout: Dict = {
            "xaxis": axis("cost (runs of the target)", domain=left, anchor="y", rangemode="tozero"),
            "yaxis": axis("expected excess loss", domain=up, anchor="x", rangemode="tozero"),
            "xaxis2": axis(names[0], domain=right, anchor="y2", **along),
            "yaxis2": axis(names[1], domain=up, anchor="x2", **upwards),
            "legend": {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0},
            "margin": {"l": 70, "r": 30, "t": 90, "b": 110},
            "height": 460,
        }
        return framed(self, traces, layout)


@checked("plan")
def plot_scaling_plan(plan: Plan, *, backend: str = "plotly") -> Any:
    """Plot which small runs to buy next: where they are, and what the expected excess loss is after each purchase.

    Args:
        plan: of ``law.plan``.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Beside the expected excess loss are the scales; numbers count runs.

    Raises:
        TypeError: it is no plan.
        NothingToDrawError: nothing is bought within the budget.
        MissingDependencyError: the backend is not installed.
    """
    if not isinstance(plan, Plan):
        raise TypeError(f"plot_scaling_plan takes a plan, as law.plan(...) returns it; got {shown(plan)}")
    if not plan.purchases:
        raise NothingToDrawError(say("{}: no run is within the budget", "plot_scaling_plan"))
    names = tuple(plan.target)
    counts: dict[tuple[float, ...], int] = {}
    for purchase in plan.purchases:
        where = tuple(purchase.scale[name] for name in names)
        counts[where] = counts.get(where, 0) + len(purchase.points)
    target = tuple(plan.target.values())
    now, then = plan.excess_loss
    return ScalingPlan(
        title="Plan",
        summary=say(
            "{} runs at {} scales, for {} of a run at {}, are expected to lower the excess loss there from {} to {}.",
            len(plan.runs),
            len(counts),
            four_digits(plan.cost),
            place(names, target),
            four_digits(now),
            four_digits(then),
        ),
        scale=names,
        spent=np.cumsum([0.0, *(purchase.cost for purchase in plan.purchases)]),
        excess=np.array([now, *(purchase.excess_loss for purchase in plan.purchases)]),
        scales=np.array(list(counts)),
        runs=np.array(list(counts.values()), np.int64),
        target=target,
    ).drawn(backend)


scaling_plan: Callable[..., ScalingPlan] = partial(plot_scaling_plan, backend="arrays")
