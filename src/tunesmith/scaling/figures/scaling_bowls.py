"""Bowls: the loss against each hyperparameter at several scales, with the fitted curve and the optimum.

Symbols: n runs, k hyperparameters, c points of a curve.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.scaling import ScalingLaw
from tunesmith.scaling.figures.scales import as_law, log_axis, place
from tunesmith.visualization.columns import Floats, Indices
from tunesmith.visualization.figure import FigureData, four_digits, short
from tunesmith.visualization.plotly_style import (
    BLUE,
    INK,
    VERMILION,
    Dict,
    axis,
    framed,
    markup_free,
    name_of,
    panels,
    scatter,
)
from tunesmith.visualization.thinning import drawn_note, thin_points

MOST_SCALES = 5  # in a row
MOST_RUNS = 2_000  # of a panel
CURVE_POINTS = 81  # of a curve
SHARE_ON_AXIS = 0.85  # part of the runs of a scale that its axis of losses has to hold


@dataclass(frozen=True, eq=False)
class Bowl:
    """One panel: a scale and a hyperparameter.

    Attributes:
        at: where the runs lie [n].
        loss: of them, less what the other hyperparameters cost them by the fit [n].
        failed: where failed runs lie [m].
        curve_at: where the fitted curve was asked [c].
        curve: the loss it expects, the other hyperparameters at their optimum [c].
        optimum: where it is lowest.
        interval: 95 % of the optimum, of this scale alone.
    """

    at: Floats
    loss: Floats
    failed: Floats
    curve_at: Floats
    curve: Floats
    optimum: float
    interval: tuple[float, float]


@dataclass(frozen=True, eq=False, kw_only=True)
class ScalingBowls(FigureData):
    """Small multiples: one row a hyperparameter, one column a scale.

    Attributes:
        scales: the columns, from small to large, as text.
        hyperparameters: the rows.
        forms: "log" or "linear", for each row.
        bowls: row by row.
        ends: of the axis of losses of each column; what lies above is drawn at its end.
        range: of the axis of each row.
    """

    kind: ClassVar[str] = "scaling_bowls"
    scales: tuple[str, ...]
    hyperparameters: tuple[str, ...]
    forms: tuple[str, ...]
    bowls: tuple[tuple[Bowl, ...], ...]
    ends: tuple[tuple[float, float], ...]
    range: tuple[tuple[float, float], ...]

    def by_plotly(self) -> Dict:
        """Return the runs as points, the curves as lines, the optima with their intervals below."""
        rows, columns = len(self.bowls), len(self.scales)
        layout: Dict = {
            "height": 240 * rows + 150,
            "legend": {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0},
            "annotations": [],
            "margin": {"l": 70, "r": 30, "t": 115, "b": 100},
        }
        traces: list[Dict] = []
        for k, (across, up) in enumerate(panels(rows, columns, 0.22, 0.3)):
            row, column = divmod(k, columns)
            x, y = f"x{name_of(k)}", f"y{name_of(k)}"
            low, high = self.range[row]
            own: Dict = log_axis(low, high) if self.forms[row] == "log" else {"range": [low, high]}
            layout[f"xaxis{name_of(k)}"] = axis(self.hyperparameters[row], 28, domain=across, anchor=y, **own)
            layout[f"yaxis{name_of(k)}"] = axis(
                "" if column else "loss", domain=up, anchor=x, range=list(self.ends[column]), nticks=5
            )
            if row == 0:
                layout["annotations"].append(
                    {
                        "text": markup_free(self.scales[column], 40),
                        "showarrow": False,
                        "xref": f"{x} domain",
                        "yref": f"{y} domain",
                        "x": 0.5,
                        "y": 1.0,
                        "xanchor": "center",
                        "yanchor": "bottom",
                        "font": {"size": 11},
                    }
                )
            traces += [
                {**trace, "xaxis": x, "yaxis": y, "showlegend": k == 0 and trace["showlegend"]}
                for trace in self._traces(row, column)
            ]
        return framed(self, traces, layout)

    def _traces(self, row: int, column: int) -> list[Dict]:
        bowl, (bottom, top) = self.bowls[row][column], self.ends[column]
        runs = np.clip(bowl.loss, bottom, top)
        foot = bottom + 0.04 * (top - bottom)
        points: Dict = {"color": INK, "size": 4, "opacity": 0.4}
        traces = [
            scatter(short(bowl.at), short(runs), "runs", marker=points),
            scatter(short(bowl.curve_at), short(bowl.curve), "fitted", mode="lines", line={"color": BLUE, "width": 2}),
            scatter([*bowl.interval], [foot, foot], "95 % of the optimum", mode="lines", line={"color": VERMILION}),
            scatter([bowl.optimum], [foot], "optimum", marker={"color": VERMILION, "size": 8}),
        ]
        traces[2]["line"]["width"] = 3
        if any(len(other.failed) for others in self.bowls for other in others):  # the legend is that of the first panel
            cross: Dict = {"color": VERMILION, "symbol": "x", "size": 6}
            high = [top - 0.04 * (top - bottom)] * len(bowl.failed)
            traces.append(scatter(short(bowl.failed), high, "failed", marker=cross))
        return [{**trace, "showlegend": True} for trace in traces]


@checked()
def plot_scaling_bowls(law: ScalingLaw, *, backend: str = "plotly") -> Any:
    """Plot the loss against each hyperparameter at several scales, with the fitted curve and the optimum.

    Of more than five scales, five are shown, from the smallest to the largest. With several hyperparameters, a run is
    drawn with its loss less what the other ones cost it by the fit, so that it can be held against the curve.

    Args:
        law: a fitted `tunesmith.scaling.ScalingLaw`.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is no fitted law.
        MissingDependencyError: the backend is not installed.
    """
    fitted = as_law(law, "plot_scaling_bowls").fitted
    runs = fitted.runs
    n = len(runs.scales)
    some = np.unique(np.linspace(0, n - 1, min(n, MOST_SCALES)).round().astype(int))
    several = len(runs.names) > 1
    made = [[_bowl(law, int(s), j) for s in some] for j in range(len(runs.names))]
    ends = [_ends(fitted.bowls.level[s], [row[i].loss for row in made]) for i, s in enumerate(some)]
    names = [place(runs.scale, runs.scales[s].tolist(), runs.groups[s]) for s in some]
    most = max(int((runs.cell == s).sum()) for s in some)
    first, last = (runs.natural(fitted.bowls.optimum[s]) for s in (some[0], some[-1]))
    moved = ", ".join(
        f"{name} {four_digits(a)} → {four_digits(b)}"
        for name, a, b in zip(runs.names, first.tolist(), last.tolist(), strict=True)
    )
    return ScalingBowls(
        title="Loss around the optimum",
        summary=say("The optimum of the smallest and of the largest scale: {}.", moved),
        notes=(
            *([say("{} of {} scales", len(some), n)] if len(some) < n else []),
            *([say("runs: their loss less what the other hyperparameters cost, by the fit")] if several else []),
            *drawn_note(min(most, MOST_RUNS), most, "runs"),
        ),
        scales=tuple(names),
        hyperparameters=runs.names,
        forms=runs.forms,
        bowls=tuple(map(tuple, made)),
        ends=tuple(ends),
        range=tuple(_range(row, form) for row, form in zip(made, runs.forms, strict=True)),
    ).drawn(backend)


scaling_bowls: Callable[..., ScalingBowls] = partial(plot_scaling_bowls, backend="arrays")


def _bowl(law: ScalingLaw, s: int, j: int) -> Bowl:
    runs, bowls = law.fitted.runs, law.fitted.bowls
    steepness = float(bowls.steepness(np.log(runs.scales[s])[None])[0])
    here = runs.cell == s
    rows: Indices = np.flatnonzero(here & ~runs.failed)
    d = runs.z[rows] - bowls.optimum[s]
    alone = np.zeros_like(d)
    alone[:, j] = d[:, j]
    loss = runs.loss[rows] - bowls.excess(d, steepness) + bowls.excess(alone, steepness)
    if len(rows) > MOST_RUNS:
        keep = thin_points(runs.z[rows, j], loss, runs.loss[rows] == runs.loss[rows].min(), MOST_RUNS)
        rows, loss = rows[keep], loss[keep]
    best, sd = float(bowls.optimum[s, j]), float(np.sqrt(bowls.covariance[s, j, j]))
    tried = runs.z[here, j]
    line = np.linspace(min(tried.min(), best), max(tried.max(), best), CURVE_POINTS)
    off = np.zeros((CURVE_POINTS, len(runs.names)))
    off[:, j] = line - best
    log = runs.forms[j] == "log"

    def natural(z: Floats) -> Floats:
        return np.exp(z) if log else z

    low, middle, high = natural(np.array([best - 1.96 * sd, best, best + 1.96 * sd])).tolist()
    return Bowl(
        natural(runs.z[rows, j]),
        loss,
        natural(runs.z[here & runs.failed, j]),
        natural(line),
        bowls.level[s] + bowls.excess(off, steepness),
        middle,
        (low, high),
    )


def _ends(level: float, losses: list[Floats]) -> tuple[float, float]:
    """Return the ends of a column's axis of losses: most of its runs, and room below for the optimum."""
    seen = np.concatenate(losses)
    low, high = min(float(level), float(seen.min())), float(np.quantile(seen, SHARE_ON_AXIS))
    high = max(high, low + 1e-9 * max(1.0, abs(low)))
    return low - 0.15 * (high - low), high + 0.1 * (high - low)


def _range(row: list[Bowl], form: str) -> tuple[float, float]:
    """Return the ends of a row's axis: all that is drawn, and a little more."""
    low = min(min(b.curve_at[0], b.at.min(initial=np.inf), b.failed.min(initial=np.inf)) for b in row)
    high = max(max(b.curve_at[-1], b.at.max(initial=-np.inf), b.failed.max(initial=-np.inf)) for b in row)
    if form == "log":
        more = (high / low) ** 0.05
        return float(low / more), float(high * more)
    more = 0.05 * (high - low)
    return float(low - more), float(high + more)
