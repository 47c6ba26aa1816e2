"""The hypervolume of the front, as it grew."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.foundation.numerics.pareto import hypervolume, non_dominated
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.columns import Floats, Ints, objective_names
from tunesmith.visualization.figure import FigureData, short
from tunesmith.visualization.plotly_style import BLUE, Dict, axis, framed, scatter

if TYPE_CHECKING:
    from tunesmith.study.study import Study


MOST_STEPS = 300  # trials after which it is computed, at most


@dataclass(frozen=True, eq=False, kw_only=True)
class HypervolumeHistory(FigureData):
    """The hypervolume after trials.

    Attributes:
        number: the trials after which it is known, int64[k].
        hypervolume: what the front then dominates of the box up to the reference point [k].
        reference: the reference point [m], in the user's directions.
        targets: the objectives' names.
    """

    kind: ClassVar[str] = "hypervolume_history"
    number: Ints
    hypervolume: Floats
    reference: Floats
    targets: tuple[str, ...]

    def by_plotly(self) -> Dict:
        """Return the figure: a rising line."""
        line = {"shape": "hv", "color": BLUE, "width": 2}
        mode = "lines+markers" if len(self.number) < 60 else "lines"
        trace = scatter(self.number.tolist(), short(self.hypervolume), "hypervolume", mode=mode, line=line)
        layout = {"xaxis": axis("trial"), "yaxis": axis("hypervolume", rangemode="tozero"), "showlegend": False}
        return framed(self, [trace], layout)


@checked()
def plot_hypervolume_history(
    study: Study | Snapshot, reference_point: Sequence[float] | None = None, *, backend: str = "plotly"
) -> Any:
    """Plot the hypervolume that feasible trials dominate, as it grew.

    Args:
        study: a study with two objectives or more.
        reference_point: one value for each objective, in its own direction, worse than what counts; None: the worst
            values of complete trials.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Of many trials it is computed after 300.

    Raises:
        NothingToDrawError: no feasible trial is complete with finite values.
        ValueError: the study has one objective, or the point has not one finite value for each.
        MissingDependencyError: the backend is not installed.
    """
    seen = as_snapshot(study)
    history, names = seen.history, objective_names(seen)
    m = len(names)
    if m < 2:
        raise ValueError(
            f"plot_hypervolume_history needs two objectives or more; {seen.study_name!r} has one: "
            "plot_optimization_history shows it"
        )
    signs = np.array(seen.signs)
    y, numbers = history.y, history.number
    rows = np.flatnonzero(history.complete & history.feasible & np.isfinite(y).all(axis=1))
    if not len(rows):
        raise NothingToDrawError(
            say(
                "{}: no feasible trial of {} is complete with finite values yet",
                "plot_hypervolume_history",
                repr(seen.study_name),
            )
        )
    rows = rows[np.argsort(numbers[rows], kind="stable")]
    reference = y[rows].max(axis=0) if reference_point is None else _point(reference_point, m) * signs
    ends = np.unique(np.linspace(1, len(rows), min(len(rows), MOST_STEPS)).astype(np.intp))
    front, found, start = np.empty((0, m)), [], 0
    for end in ends.tolist():
        front = np.concatenate([front, y[rows[start:end]]])
        front = front[non_dominated(front)]
        found.append(hypervolume(front, reference))
        start = end
    volume, last = np.array(found), numbers[rows[ends - 1]]
    counts = int((y[rows] < reference).all(axis=1).sum())
    half = int(last[np.argmax(volume >= 0.9 * volume[-1])])
    return HypervolumeHistory(
        title="Hypervolume history",
        summary=say(
            "The hypervolume of {} grew to {} over {}; nine tenths of it were reached by trial {}. Reference point: "
            "{}, which {} beat in all objectives.",
            joined_texts(names),
            number_text(volume[-1]),
            count(len(rows), "trial"),
            half,
            ", ".join(number_text(v) for v in reference * signs),
            count(counts, "trial"),
        ),
        notes=() if len(ends) == len(rows) else (say("computed after {:,} of {:,} trials", len(ends), len(rows)),),
        number=last,
        hypervolume=volume,
        reference=reference * signs,
        targets=tuple(names),
    ).drawn(backend)


hypervolume_history: Callable[..., HypervolumeHistory] = partial(plot_hypervolume_history, backend="arrays")


def _point(given: Sequence[float], m: int) -> Floats:
    point = np.asarray(list(given), np.float64)
    if point.shape != (m,) or not np.isfinite(point).all():
        raise ValueError(f"reference_point takes {m} finite values, one for each objective; got {list(given)}")
    return point
