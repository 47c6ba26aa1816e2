"""The leaderboard of `tunesmith.tune` as a picture: the honest score of each family of models, with its interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable, shown
from tunesmith.selection.leaderboard import Leaderboard, stored_leaderboard
from tunesmith.selection.report import AVERAGE
from tunesmith.visualization.columns import Floats
from tunesmith.visualization.figure import FigureData, join
from tunesmith.visualization.plotly_style import BLUE, VERMILION, Dict, framed, interval_rows, markup_free


@dataclass(frozen=True, eq=False, kw_only=True)
class LeaderboardFigure(FigureData):
    """Scores by family, the best first.

    Attributes:
        metric: its name.
        greater_is_better: its direction.
        names: of the families [k].
        value: their honest scores [k].
        low: lower ends of the intervals [k].
        high: upper ends [k].
        texts: the scores as texts [k].
    """

    kind: ClassVar[str] = "leaderboard"
    metric: str
    greater_is_better: bool
    names: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    texts: tuple[str, ...]

    def by_plotly(self) -> Dict:
        """Return the figure: one row a family, the best one in another colour."""
        colours = [VERMILION, *[BLUE] * (len(self.names) - 1)]
        traces, layout = interval_rows(self.names, self.value, self.low, self.high, self.texts, colours)
        layout["height"] = 150 + 44 * len(self.names) + 20
        better = "{} (higher is better)" if self.greater_is_better else "{} (lower is better)"
        layout["xaxis"]["title"]["text"] = markup_free(say(better, self.metric), 60)
        return framed(self, traces, layout, tall=True)


@checked()
def plot_leaderboard(search: Any, *, backend: str = "plotly") -> Any:
    """Plot the honest score of the best of each family of models, with its interval.

    Args:
        search: what `tunesmith.tune` returned, its ``leaderboard_``, or a study that it made.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it has no leaderboard.
        NothingToDrawError: no family has an honest score.
        MissingDependencyError: the backend is not installed.
    """
    found = search if isinstance(search, Leaderboard) else getattr(search, "leaderboard_", None)
    if found is None and hasattr(search, "system_attrs"):
        found = stored_leaderboard(search.system_attrs)
        if found is None:
            raise NothingToDrawError(say("{}: tunesmith.tune did not make this study", "plot_leaderboard"))
    if not isinstance(found, Leaderboard):
        raise TypeError(
            f"plot_leaderboard takes what tunesmith.tune returned, or a study that it made; got {shown(search)}"
        )
    places = [(p, p.score) for p in found.places if p.score is not None]
    if not places:
        raise NothingToDrawError(say("{}: no family of models has an honest score", "plot_leaderboard"))
    first = places[0][1]
    names = tuple(say(AVERAGE) if p.model == AVERAGE else printable(p.model) for p, _ in places)
    value, low, high = np.array([score.figures for _, score in places]).T
    missing = [printable(p.model) for p in found.places if p.score is None]
    return LeaderboardFigure(
        title="The best of each kind of model",
        summary=join(
            [
                say("Best: {}, {}.", names[0], first.write(first.value)),
                say("The bars are {} % intervals on new data.", f"{100 * first.level:.3g}"),
            ]
        ),
        notes=(say("no score: {}", ", ".join(missing)),) if missing else (),
        metric=printable(first.label.name),
        greater_is_better=first.label.greater_is_better,
        names=names,
        value=value,
        low=low,
        high=high,
        texts=tuple(score.format.write(score.figures[0]) for _, score in places),
    ).drawn(backend)


leaderboard: Callable[..., LeaderboardFigure] = partial(plot_leaderboard, backend="arrays")
