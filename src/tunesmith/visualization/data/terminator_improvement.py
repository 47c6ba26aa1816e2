"""What was left to gain as the search went on, and the noise of a result beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.languages import say
from tunesmith.space import Space
from tunesmith.study.stopping import look
from tunesmith.visualization.data.base import FigureData, number
from tunesmith.visualization.data.columns import Floats, Indices, Ints, StudyColumns, as_study, need_one_objective, read
from tunesmith.visualization.data.model import as_history, chosen_rows

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


def terminator_improvement(study: Any, plot_error: bool = True, min_n_trials: int = 20) -> TerminatorImprovement:
    """Return what a longer search could be expected to gain, after more and more trials.

    It is the regret bound that ``optimize(stop="converged")`` looks at: the difference of a Gaussian process's upper
    bound at the best trial and of its lower bound anywhere (see `tunesmith.selection.converged`). Of many trials, the
    models rest on 150: the best ones and others evenly.

    Args:
        study: the study.
        plot_error: whether the noise of a result is drawn beside it.
        min_n_trials: how many trials with a value there must be at the first look.

    Returns:
        The arrays, for twelve looks at most.

    Raises:
        NothingToDrawError: there are too few trials, or all values are equal.
        ValueError: the study has several objectives.
    """
    study = as_study(study)
    need_one_objective(study, "plot_terminator_improvement")
    t = read(study)
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
            number(gap[-1]),
            t.target,
            last,
            number(noise[-1]),
            int(made[0, 0]),
            number(gap[0]),
        ),
        target=t.target,
        number=made[:, 0].astype(np.int64),
        gap=gap,
        noise=noise,
        plot_error=plot_error,
    )


def _look(t: StudyColumns, space: Space, rows: Indices) -> tuple[float, float]:
    """Return gap and noise after the trials of some rows."""
    rows = chosen_rows(t.loss, rows, MOST_ROWS)
    found = look(as_history(space, t.x[rows], t.loss[rows]), space)
    return found.gap, found.noise
