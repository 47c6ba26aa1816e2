"""What was left to gain as the search went on, and the noise of a result beside it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.space import Space
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.study.stopping import look_for_convergence
from tunesmith.visualization.columns import Floats, Indices, Ints, StudyColumns, need_one_objective, read_columns
from tunesmith.visualization.figure import FigureData, four_digits, short
from tunesmith.visualization.model import as_history, chosen_rows
from tunesmith.visualization.plotly_style import BLUE, VERMILION, Dict, axis, framed, scatter

if TYPE_CHECKING:
    from tunesmith.study.study import Study


MOST_LOOKS = 12  # models that are fitted
MOST_ROWS = 150  # trials of each; with 400 one takes a second


@dataclass(frozen=True, eq=False, kw_only=True)
class TerminatorImprovement(FigureData):
    """What was left to gain.

    Attributes:
        target: what is searched.
        number: how many trials with a value there were, int64[k].
        gap: the most that a longer search could then be expected to gain, in the target's unit [k].
        noise: the standard deviation of one result then [k]; where `gap` is below it, the search has converged.
        plot_error: whether the noise is drawn.
    """

    kind: ClassVar[str] = "terminator_improvement"
    target: str
    number: Ints
    gap: Floats
    noise: Floats
    plot_error: bool

    def by_plotly(self) -> Dict:
        """Return the figure: the gain that is left, and the noise below which it does not count."""
        x = self.number.tolist()
        traces = [scatter(x, short(self.gap), "left to gain, at most", mode="lines+markers", line={"color": BLUE})]
        if self.plot_error:
            line = {"color": VERMILION, "dash": "dash"}
            traces.append(scatter(x, short(self.noise), "noise of one result", mode="lines+markers", line=line))
        layout = {
            "xaxis": axis("trials"),
            "yaxis": axis(say("gain of {}", self.target), rangemode="tozero"),
            "showlegend": True,
        }
        return framed(self, traces, layout)


@checked()
def plot_terminator_improvement(
    study: Study | Snapshot, plot_error: bool = True, min_n_trials: int = 20, *, backend: str = "plotly"
) -> Any:
    """Plot what a longer search could be expected to gain, as the search went on.

    It is what ``optimize(stop="converged")`` looks at: where the gain falls below the noise of one result, it stops.

    Args:
        study: a study with one objective.
        plot_error: whether the noise of one result is drawn beside it.
        min_n_trials: how many complete trials there must be at the first look.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: there are too few trials, or all values are equal.
        ValueError: the study has several objectives.
        MissingDependencyError: the backend is not installed.
    """
    seen = as_snapshot(study)
    need_one_objective(seen, "plot_terminator_improvement")
    t = read_columns(seen)
    rows = np.flatnonzero(t.complete & t.feasible)
    rows = rows[np.argsort(t.number[rows], kind="stable")]
    space = t.space
    d = 0 if space is None else len(space)
    least = max(min_n_trials, 5, d + 1)
    if space is None or d == 0 or len(rows) < least or np.ptp(t.loss[rows]) == 0:
        raise NothingToDrawError(
            say(
                "{}: it takes {} complete trials with different values, and parameters; {} has {}, and {} parameters",
                "plot_terminator_improvement",
                least,
                repr(t.name),
                len(rows),
                d,
            )
        )
    counts = np.unique(np.geomspace(least, len(rows), MOST_LOOKS).round().astype(np.int64))
    found = [(int(k), *_look(t, space, rows[:k])) for k in counts if np.ptp(t.loss[rows[:k]]) > 0]
    made = np.array(found, np.float64)
    gap, noise = made[:, 1], made[:, 2]
    last = say("less than" if gap[-1] < noise[-1] else "more than")
    return TerminatorImprovement(
        title="What is left to gain",
        summary=say(
            "After {:,} trials a longer search is expected to gain at most {} of {}, {} the noise of one result, {}; "
            "after {:,} it was {}.",
            int(made[-1, 0]),
            four_digits(gap[-1]),
            t.target,
            last,
            four_digits(noise[-1]),
            int(made[0, 0]),
            four_digits(gap[0]),
        ),
        target=t.target,
        number=made[:, 0].astype(np.int64),
        gap=gap,
        noise=noise,
        plot_error=plot_error,
    ).drawn(backend)


terminator_improvement: Callable[..., TerminatorImprovement] = partial(plot_terminator_improvement, backend="arrays")


def _look(t: StudyColumns, space: Space, rows: Indices) -> tuple[float, float]:
    """Return gap and noise after the trials of some rows."""
    rows = chosen_rows(t.loss, rows, MOST_ROWS)
    found = look_for_convergence(as_history(space, t.x[rows], t.loss[rows]), space)
    return found.gap, found.noise
