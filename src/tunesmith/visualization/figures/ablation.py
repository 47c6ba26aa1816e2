"""The ablation path: from the default configuration to the best one, a parameter at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import cell_text, number_text
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable
from tunesmith.importance import Ablation, Importance, importance
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.columns import Floats, need_one_objective, read_columns
from tunesmith.visualization.figure import FigureData, short
from tunesmith.visualization.plotly_style import BLUE, Dict, axis, framed, markup_free, scatter

if TYPE_CHECKING:
    from tunesmith.study.study import Study


SUMMARY = "The default is expected to give {} of {}, the best configuration {}. Of {} steps, that of {} changes most."


@dataclass(frozen=True, eq=False, kw_only=True)
class AblationPath(FigureData):
    """The path.

    Attributes:
        target: what is expected.
        maximize: whether high is good.
        steps: what each step changes, in words, "default" first [k].
        expected: what a trial is expected to give after each step [k].
        low: the low ends of their intervals [k]; NaN: not known.
        high: the high ends [k].
    """

    kind: ClassVar[str] = "ablation"
    target: str
    maximize: bool
    steps: tuple[str, ...]
    expected: Floats
    low: Floats
    high: Floats

    def by_plotly(self) -> Dict:
        """Return the figure: what is expected after each step, from the default at the top to the best one."""
        n = len(self.steps)
        rows = list(range(n))[::-1]
        known = np.isfinite(self.low)
        above = np.where(known, self.high - self.expected, 0.0)
        below = np.where(known, self.expected - self.low, 0.0)
        error = {"type": "data", "symmetric": False, "array": short(above), "arrayminus": short(below), "width": 4}
        trace = scatter(
            short(self.expected), rows, "expected", mode="lines+markers", marker={"color": BLUE, "size": 10},
            line={"color": BLUE, "width": 1.5, "shape": "hv"}, error_x={**error, "color": "#666666", "thickness": 1.2},
            customdata=[markup_free(s, 120) for s in self.steps],
            hovertemplate="%{customdata}<br>%{x:.5g}<extra></extra>",
        )  # fmt: skip
        layout: Dict = {
            "xaxis": axis(""),
            "yaxis": axis("", tickvals=rows, ticktext=[markup_free(s, 44) for s in self.steps]),
            "showlegend": False,
            "height": 180 + max(34 * n, 120),
        }
        layout["xaxis"]["title"]["text"] = markup_free(
            say("expected {} (higher is better)" if self.maximize else "expected {} (lower is better)", self.target), 60
        )
        layout["yaxis"] |= {"range": [-0.6, n - 0.4]}
        return framed(self, [trace], layout, tall=True)


@checked()
def plot_ablation(study: Study | Snapshot, default: Mapping[str, Any] | None = None, *, backend: str = "plotly") -> Any:
    """Plot the path from the default configuration to the best one, a parameter at a time, by what is expected.

    Args:
        study: a study with one objective, or a fitted search.
        default: the configuration to begin with; None: the first enqueued trial that gave all parameters.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or no path.
        ValueError: there are too few trials, no default, or several objectives.
        MissingDependencyError: the backend is not installed.
    """
    seen = as_snapshot(study)
    need_one_objective(seen, "plot_ablation")
    t = read_columns(seen)
    t.need("plot_ablation")
    return ablation_of_table(importance(seen, evaluator=Ablation(default)), t.target, bool(t.maximize)).drawn(backend)


ablation: Callable[..., AblationPath] = partial(plot_ablation, backend="arrays")


def ablation_of_table(table: Importance, target: str, maximize: bool) -> AblationPath:
    """Return the arrays of a table that is there already.

    Args:
        table: what `tunesmith.importance.importance` returned for "ablation".
        target: what is expected, in words.
        maximize: whether high is good.

    Raises:
        NothingToDrawError: the table has no path.
    """
    changes = [(row.name, row.change) for row in table.rows if row.change is not None]
    if table.start is None or not changes:
        raise NothingToDrawError("plot_ablation: the best configuration is the default one, or there is no path to it")
    shown = partial(cell_text, digits=4, none="inactive")
    steps = [say("default"), *(f"{name}: {shown(c.before)} → {shown(c.after)}" for name, c in changes)]
    expected = np.array([table.start, *(c.expected for _, c in changes)])
    intervals = [(math.nan, math.nan), *(c.interval for _, c in changes)]
    gains = np.abs(np.diff(expected))
    most = changes[int(np.argmax(gains))][0]
    return AblationPath(
        title="From the default to the best",
        summary=say(
            SUMMARY, number_text(expected[0]), target, number_text(expected[-1]), len(changes), printable(most)
        ),
        notes=(say("by a model of {:,} trials, 95 % intervals", table.n_trials),),
        target=target,
        maximize=maximize,
        steps=tuple(printable(s) for s in steps),
        expected=expected,
        low=np.array([i[0] for i in intervals]),
        high=np.array([i[1] for i in intervals]),
    )
