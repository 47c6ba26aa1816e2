"""Importances of parameters, with their intervals and null lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable
from tunesmith.importance import Evaluator, Importance, importance
from tunesmith.importance.base import rounded
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.columns import USER, Floats, Mask, Target, read_columns
from tunesmith.visualization.figure import FigureData, join, short
from tunesmith.visualization.plotly_style import BLUE, GREY, PURPLE, Dict, axis, framed, markup_free

if TYPE_CHECKING:
    from tunesmith.importance import Evaluator
    from tunesmith.study.study import Study


MOST_BARS, MOST_PAIRS = 30, 10


@dataclass(frozen=True, eq=False, kw_only=True)
class ParamImportances(FigureData):
    """Importances.

    Attributes:
        target: what the parameters matter for.
        unit: what a value is, in words.
        names: of parameters, and pairs as "a × b", the largest first [k].
        value: importances [k].
        low: the low ends of their intervals [k].
        high: the high ends [k].
        null: their null lines, which noise passes in 5 % of studies [k].
        pair: which of them are pairs [k].
    """

    kind: ClassVar[str] = "param_importances"
    target: str
    unit: str
    names: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    null: Floats
    pair: Mask

    def by_plotly(self) -> Dict:
        """Return the figure: one bar a parameter with its interval, and its null line in grey."""
        n = len(self.names)
        rows = np.arange(n)[::-1]
        traces: list[Dict] = []
        for word, own, colour in (("parameter", ~self.pair, BLUE), ("pair", self.pair, PURPLE)):
            if own.any():
                value = self.value[own]
                error = {"type": "data", "symmetric": False, "color": "#444444", "thickness": 1.2, "width": 3}
                error |= {"array": short(self.high[own] - value), "arrayminus": short(value - self.low[own])}
                traces.append(
                    {
                        "type": "bar", "orientation": "h", "name": word, "y": rows[own].tolist(), "x": short(value),
                        "width": 0.62, "marker": {"color": colour, "opacity": 0.85}, "error_x": error,
                        "customdata": [markup_free(n, 80) for n, k in zip(self.names, own, strict=True) if k],
                        "hovertemplate": "%{customdata}: %{x:.4g}<extra></extra>",
                    }
                )  # fmt: skip
        known = np.isfinite(self.null)
        if known.any():
            x, y = np.repeat(self.null[known], 3), np.repeat(rows[known].astype(float), 3)
            y += np.tile([-0.42, 0.42, 0.0], int(known.sum()))
            lines: Dict = {"type": "scatter", "mode": "lines", "name": "what noise reaches", "hoverinfo": "skip"}
            gaps = [None if i % 3 == 2 else v for i, v in enumerate(short(x))]
            traces.append({**lines, "x": gaps, "y": short(y), "line": {"color": GREY, "width": 2.5}})
        layout: Dict = {
            "xaxis": axis("", zeroline=True, zerolinecolor="#b0b0b0"),
            "yaxis": axis("", tickvals=rows.tolist(), ticktext=[markup_free(name) for name in self.names]),
            "height": 180 + max(26 * n, 120),
            "barmode": "overlay",
            "showlegend": True,
            "legend": {"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 1.0, "xanchor": "right"},
        }
        layout["xaxis"]["title"]["text"] = markup_free(self.unit, 110)
        ends = np.concatenate([self.low, self.high, self.null, self.value, [0.0]])
        low, high = float(np.nanmin(ends)), float(np.nanmax(ends))
        pad = 0.04 * (high - low) or 1.0
        layout["xaxis"]["range"] = [low - pad, high + pad]
        layout["yaxis"] |= {"range": [-0.7, n - 0.3], "showgrid": False}
        return framed(self, traces, layout, tall=True)


@checked("target")
def plot_param_importances(
    study: Study | Snapshot,
    evaluator: str | Evaluator | None = None,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    backend: str = "plotly",
) -> Any:
    """Plot how much each parameter mattered, with 95 % intervals and with what noise alone would reach.

    Args:
        study: the study, or a fitted search.
        evaluator: as for `tunesmith.importance.importance`; None: its default.
        params: names of parameters; None: all.
        target: what they matter for, see `plot_optimization_history`; of a function low is good.
        target_name: what to call it; None: as the study does.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value.
        ValueError: as for `tunesmith.importance.importance`, or several objectives and no target.
        MissingDependencyError: the backend is not installed.
    """
    seen = as_snapshot(study)
    t = read_columns(seen, target, target_name)
    t.need("plot_param_importances")
    table = importance(
        seen,
        evaluator="ped-anova" if evaluator is None else evaluator,
        params=params,
        target=as_function(seen, target),
    )
    return importances_of_table(table, t.target).drawn(backend)


param_importances: Callable[..., ParamImportances] = partial(plot_param_importances, backend="arrays")


def importances_of_table(table: Importance, target: str) -> ParamImportances:
    """Return the arrays of a table that is there already.

    Args:
        table: what `tunesmith.importance.importance` returned.
        target: what the parameters matter for, in words.
    """
    mains, pairs = (sorted(part, key=lambda r: -r.value) for part in (table.rows, table.pairs))
    rows = [*mains[:MOST_BARS], *pairs[:MOST_PAIRS]]
    hidden = [
        say("{:,} of {:,} " + word + " shown", len(part[:most]), len(part))
        for part, most, word in ((mains, MOST_BARS, "parameters"), (pairs, MOST_PAIRS, "pairs"))
        if len(part) > most
    ]
    shares = ", ".join(f"{printable(r.name)} {rounded(r.value)}" for r in mains[:5])
    return ParamImportances(
        title="Importance",
        summary=join(
            [
                say("Importance for {} by {}, from {:,} trials: {}.", target, table.evaluator, table.n_trials, shares),
                say("A value is {}.", table.unit),
                *table.sentences(),
            ]
        ),
        notes=(say("{}, 95 % intervals; grey: what noise reaches in 1 of 20 studies", table.evaluator), *hidden),
        target=target,
        unit=table.unit,
        names=tuple(printable(r.name) for r in rows),
        value=np.array([r.value for r in rows]),
        low=np.array([r.interval[0] for r in rows]),
        high=np.array([r.interval[1] for r in rows]),
        null=np.array([r.null for r in rows]),
        pair=np.array([len(r.params) > 1 for r in rows], bool),
    )


def as_function(study: Any, target: Target) -> Any:
    """Return a target as the importances take it: a function of a trial of which less is better, or None."""
    if target is None or callable(target):
        return target
    if isinstance(target, str):
        key = target.removeprefix(USER)
        return lambda trial: float(trial.user_attrs[key])
    sign = -1.0 if study.directions[target] == "maximize" else 1.0
    return lambda trial: sign * trial.values[target]
