"""Ranks: pairs of parameters, with the rank of each trial's value as its colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.axes import OnAxes, listed, on_axes
from tunesmith.visualization.columns import Floats, Target, read_columns
from tunesmith.visualization.figure import four_digits, short
from tunesmith.visualization.pairs import layout_of, pair_points, pairs_of, show_bar
from tunesmith.visualization.plotly_style import Dict, bar, framed, markup_free

if TYPE_CHECKING:
    from tunesmith.study.study import Study


RANK_SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # whose values the scale of colours shows
# From the best to the worst: both ends stand out, and what is between does not.
RANK_NAMES = ("best", "25 %", "50 %", "75 %", "worst")
RANK_COLOURS = ("#08306b", "#4292c6", "#cfcfcf", "#fc8d59", "#b30000")


@dataclass(frozen=True, eq=False, kw_only=True)
class Rank(OnAxes):
    """Pairs of parameters by rank.

    Attributes:
        panels: which two each panel shows: places (along x, along y) among the axes.
        rank: the share of all trials that are better [k]: 0 is the best; equal values share a rank.
        scale: values at the ranks 0, 1/4, 1/2, 3/4 and 1 [5].
    """

    kind: ClassVar[str] = "rank"
    panels: tuple[tuple[int, int], ...]
    rank: Floats
    scale: Floats

    def by_plotly(self) -> Dict:
        """Return the figure; blue is good, red is bad, the best trial has a ring."""
        layout, where = layout_of(self.axes, self.panels)
        traces: list[Dict] = []
        scale = [[at, colour] for at, colour in zip(RANK_SHARES, RANK_COLOURS, strict=True)]
        for along, own in zip(self.panels, where, strict=True):
            marker: Dict = {"color": short(self.rank), "colorscale": scale, "cmin": 0, "cmax": 1, "size": 6}
            marker["line"] = {"color": "white", "width": 0.5}
            traces += pair_points(self, along, marker, own)
        ticks = [
            markup_free(say(n + " ({})", four_digits(v))) for n, v in zip(RANK_NAMES, self.scale.tolist(), strict=True)
        ]
        show_bar(traces, bar(say("rank of {}", self.target), tickvals=list(RANK_SHARES), ticktext=ticks))
        return framed(self, traces, layout)


@checked("target")
def plot_rank(
    study: Study | Snapshot,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot pairs of parameters, with the rank of each trial's value as its colour.

    Args:
        study: the study, or a fitted search.
        params: two names or more, of parameters, and of user attributes as "user_attrs_NAME"; None: the five parameters
            whose order goes best with the value's.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or only one parameter.
        ValueError: there is no such parameter, or there are several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    t = read_columns(as_snapshot(study), target, target_name)
    pairs = pairs_of(t, params, selected, "plot_rank")
    loss, rows = t.loss, np.flatnonzero(t.complete)
    ordered = np.sort(loss[rows])
    middle = (np.searchsorted(ordered, loss, "left") + np.searchsorted(ordered, loss, "right") - 1) / 2.0
    share = middle / max(len(ordered) - 1, 1)
    scale = np.quantile(ordered, RANK_SHARES) * (-1.0 if t.maximize else 1.0)
    about = say(
        "Pairs of {}, coloured by the rank of {} in {}; half have a value from {} (best) to {}.",
        listed(pairs.axes),
        t.target,
        count(len(rows), "trial"),
        four_digits(scale[0]),
        four_digits(scale[2]),
    )
    return Rank(
        title="Rank",
        notes=pairs.notes,
        panels=tuple(pairs.panels),
        rank=share[pairs.index],
        scale=scale,
        **on_axes(t, pairs.axes, pairs.index, pairs.selected, about),
    ).drawn(backend)


rank: Callable[..., Rank] = partial(plot_rank, backend="arrays")
