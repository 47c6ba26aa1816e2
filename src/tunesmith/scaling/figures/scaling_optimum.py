"""The optimum against scale: one panel for each hyperparameter and scale variable, with bands and the prediction.

Symbols: s scales, c points of a line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.scaling import Advice, ScalingLaw
from tunesmith.scaling.figures.scales import as_law, log_axis, place
from tunesmith.visualization.columns import Floats
from tunesmith.visualization.figure import FigureData, four_digits, short
from tunesmith.visualization.plotly_style import (
    BLUE,
    INK,
    VERMILION,
    Dict,
    axis,
    framed,
    name_of,
    panels,
    scatter,
)

LAW_POINTS = 61  # of a line
BAND = "rgba(0,114,178,0.18)"


@dataclass(frozen=True, eq=False)
class OptimumPanel:
    """A hyperparameter against a scale variable; the other ones are those of the target.

    Attributes:
        at: the scale variable at each scale that was run [s].
        optimum: found there, moved along the law to the other variables of the target [s].
        low: lower end of its 95 % [s].
        high: upper end [s].
        line_at: where the law was asked [c].
        line: its optimum [c].
        band_low: lower end of the 95 % of the optimum [c].
        band_high: upper end [c].
    """

    at: Floats
    optimum: Floats
    low: Floats
    high: Floats
    line_at: Floats
    line: Floats
    band_low: Floats
    band_high: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class ScalingOptimum(FigureData):
    """The optimum of each hyperparameter against each scale variable.

    Attributes:
        scale: names of the scale variables, the columns.
        hyperparameters: the rows.
        forms: "log" or "linear", for each row.
        panels: row by row.
        target: value of each scale variable that was asked about; empty: none.
        value: what to set there, for each row; empty: none was asked about.
        interval: 95 % where the best run of a sweep would have it, for each row.
    """

    kind: ClassVar[str] = "scaling_optimum"
    scale: tuple[str, ...]
    hyperparameters: tuple[str, ...]
    forms: tuple[str, ...]
    panels: tuple[tuple[OptimumPanel, ...], ...]
    target: tuple[float, ...]
    value: tuple[float, ...]
    interval: tuple[tuple[float, float], ...]

    def by_plotly(self) -> Dict:
        """Return scales as points with intervals, the law as a line with its band, the prediction as a diamond."""
        rows, columns = len(self.hyperparameters), len(self.scale)
        layout: Dict = {
            "height": 290 * rows + 170,
            "legend": {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0},
            "margin": {"l": 70, "r": 30, "t": 90, "b": 100},
        }
        traces: list[Dict] = []
        for k, (across, up) in enumerate(panels(rows, columns, 0.18, 0.28)):
            row, column = divmod(k, columns)
            x, y = f"x{name_of(k)}", f"y{name_of(k)}"
            p = self.panels[row][column]
            seen = np.concatenate([p.low, p.high, p.band_low, p.band_high, np.ravel(self.interval[row : row + 1])])
            own = log_axis(seen.min(), seen.max()) if self.forms[row] == "log" else {"nticks": 6}
            along = log_axis(p.line_at[0], p.line_at[-1])
            layout[f"xaxis{name_of(k)}"] = axis(self.scale[column], domain=across, anchor=y, **along)
            layout[f"yaxis{name_of(k)}"] = axis(self.hyperparameters[row], domain=up, anchor=x, **own)
            traces += [{**t, "xaxis": x, "yaxis": y, "showlegend": k == 0} for t in self._traces(row, column)]
        return framed(self, traces, layout)

    def _traces(self, row: int, column: int) -> list[Dict]:
        p = self.panels[row][column]
        around: Dict = {"type": "data", "symmetric": False, "thickness": 1, "width": 0, "color": INK}
        around |= {"array": short(p.high - p.optimum), "arrayminus": short(p.optimum - p.low)}
        there = [*short(p.line_at), *reversed(short(p.line_at))]
        band: Dict = {"fill": "toself", "fillcolor": BAND, "line": {"width": 0}, "hoverinfo": "skip"}
        back = [*short(p.band_high), *reversed(short(p.band_low))]
        blue: Dict = {"color": BLUE, "width": 2}
        traces = [
            scatter(there, back, "95 % band", mode="lines", **band),
            scatter(short(p.line_at), short(p.line), "law", mode="lines", line=blue),
            scatter(
                short(p.at), short(p.optimum), "optimum of a scale", marker={"color": INK, "size": 5}, error_y=around
            ),
        ]
        if self.value:
            value, (low, high) = self.value[row], self.interval[row]
            more: Dict = {"type": "data", "symmetric": False, "array": [high - value], "arrayminus": [value - low]}
            more |= {"thickness": 3, "width": 6, "color": VERMILION}
            mark: Dict = {"color": VERMILION, "size": 11, "symbol": "diamond"}
            traces.append(scatter([self.target[column]], [value], "prediction", marker=mark, error_y=more))
        return traces


@checked()
def plot_scaling_optimum(
    law: ScalingLaw, target: Mapping[str, float] | None = None, *, group: str | None = None, backend: str = "plotly"
) -> Any:
    """Plot the optimum of each hyperparameter against each scale variable, with bands and the prediction.

    In each panel the other scale variables are those of the target, so the optimum that was found at a scale is drawn
    where the law would move it if the scale had these values. The band holds the optimum; the interval of the
    prediction is a little wider, since it holds the best run of a sweep.

    Args:
        law: a fitted `tunesmith.scaling.ScalingLaw`.
        target: scale variable to value, as ``law.predict`` takes it; None: the largest scale of the runs, without a
            prediction.
        group: of the target, if the law has groups.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is no fitted law.
        ScalingError: the target cannot be predicted.
        MissingDependencyError: the backend is not installed.
    """
    fitted = as_law(law, "plot_scaling_optimum").fitted
    runs = fitted.runs
    advice: Advice | None = None
    if target is None:
        point, label = runs.scales[-1], runs.groups[-1]
        if group is not None:
            _, label = fitted.point(dict(zip(runs.scale, point.tolist(), strict=True)), group)
    else:
        advice = law.predict(target, group=group)
        point, label = fitted.point(target, group)
    made = [_panels(law, point, label, i) for i in range(len(runs.scale))]
    where = place(runs.scale, point.tolist(), label)
    settings = [] if advice is None else [advice[name] for name in runs.names]
    return ScalingOptimum(
        title="Optimum against scale",
        summary=(
            say("The law of the optimum of {}, from {} scales.", ", ".join(runs.names), len(runs.scales))
            if advice is None
            else say(
                "The law of the optimum predicts at {}: {}.",
                where,
                ", ".join(
                    f"{name} {four_digits(s.value)} ({four_digits(s.interval[0])} – {four_digits(s.interval[1])})"
                    for name, s in advice.items()
                ),
            )
        ),
        notes=(
            (say("others as at {}; the optima of scales are moved there along the law", where),)
            if len(runs.scale) > 1 or len(fitted.groups) > 1
            else ()
        ),
        scale=runs.scale,
        hyperparameters=runs.names,
        forms=runs.forms,
        panels=tuple(tuple(column[j] for column in made) for j in range(len(runs.names))),
        target=tuple(point.tolist()) if advice is not None else (),
        value=tuple(s.value for s in settings),
        interval=tuple(s.interval for s in settings),
    ).drawn(backend)


scaling_optimum: Callable[..., ScalingOptimum] = partial(plot_scaling_optimum, backend="arrays")


def _panels(law: ScalingLaw, point: Floats, label: str, i: int) -> list[OptimumPanel]:
    """Return the panels of scale variable i, one for each hyperparameter."""
    fitted = law.fitted
    runs, bowls = fitted.runs, fitted.bowls
    at = runs.scales[:, i]
    line_at = np.geomspace(min(at.min(), point[i]) / 1.2, max(at.max(), point[i]) * 1.2, LAW_POINTS)

    def asked(values: Floats) -> tuple[Floats, Floats]:
        points = np.tile(point, (len(values), 1))
        points[:, i] = values
        mean, law = fitted.trend.predict(fitted.features(points, [label] * len(values)))
        variance = np.diagonal(law + fitted.trend.mean_between, axis1=1, axis2=2)
        return mean, fitted.calibration.inflation * np.sqrt(variance)

    line, sd = asked(line_at)
    own, _ = fitted.trend.predict(fitted.features(runs.scales, runs.groups))
    moved = bowls.optimum + asked(at)[0] - own
    error = 1.96 * np.sqrt(np.diagonal(bowls.covariance, axis1=1, axis2=2))
    low, middle, high = (runs.natural(moved + side * error) for side in (-1.0, 0.0, 1.0))
    band_low, mean, band_high = (runs.natural(line + side * 1.96 * sd) for side in (-1.0, 0.0, 1.0))
    return [
        OptimumPanel(at, middle[:, j], low[:, j], high[:, j], line_at, mean[:, j], band_low[:, j], band_high[:, j])
        for j in range(len(runs.names))
    ]
