"""The race of a cross-validated search: which folds each candidate was run on, and which fits were saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable, shown
from tunesmith.visualization.columns import Floats, Ints, Mask
from tunesmith.visualization.figure import FigureData, four_digits, join, short
from tunesmith.visualization.plotly_style import BLUE, GREY, SCALE, VERMILION, Dict, axis, bar, framed, scatter
from tunesmith.visualization.thinning import drawn_note, thin_points

if TYPE_CHECKING:
    pass


MOST_CANDIDATES = 1000
COUNTED = (
    "{:,} candidates on {} folds: {:,} of {:,} fits were made and {:,} saved ({:.0%}), "
    "since {:,} candidates were given up."
)
RETURNED = "The returned one, candidate {}, has a mean {} of {}."


@dataclass(frozen=True, eq=False, kw_only=True)
class Racing(FigureData):
    """Folds of candidates.

    Attributes:
        metric: what scores.
        candidate: the drawn candidates, as places in ``cv_results_``, int64[k].
        scores: the score of each on each fold [folds, k], higher is better; NaN: not run, or it failed.
        dropped: which of them were given up [k].
        best: the place of the returned one among them, or -1.
        fits: how many fits there were up to and with each candidate, int64[k].
        fits_without: how many there would have been without the race, int64[k].
    """

    kind: ClassVar[str] = "racing"
    metric: str
    candidate: Ints
    scores: Floats
    dropped: Mask
    best: int
    fits: Ints
    fits_without: Ints

    def by_plotly(self) -> Dict:
        """Return the figure: scores above (white: not run), fits below."""
        x, folds = self.candidate.tolist(), len(self.scores)
        cells: Dict = {
            "type": "heatmap", "x": x, "y": list(range(1, folds + 1)), "z": [short(row) for row in self.scores],
            "colorscale": SCALE, "reversescale": True, "xgap": 1 if len(x) < 200 else 0, "ygap": 1,
            "colorbar": bar(self.metric, len=0.5, y=0.78),
            "hovertemplate": f"candidate %{{x}}<br>fold %{{y}}<br>{self.metric} %{{z}}<extra></extra>",
        }  # fmt: skip
        own = {"xaxis": "x", "yaxis": "y2"}
        without = {"color": GREY, "dash": "dash"}
        traces = [
            cells,
            scatter(x, self.fits_without.tolist(), "fits without racing", mode="lines", line=without, **own),
            scatter(x, self.fits.tolist(), "fits made", mode="lines", line={"color": BLUE, "width": 2}, **own),
        ]
        layout: Dict = {
            "xaxis": axis("candidate", anchor="y2"),
            "yaxis": axis("fold", domain=[0.55, 1.0], dtick=max(1, folds // 10)),
            "yaxis2": axis("fits", domain=[0.0, 0.42], rangemode="tozero"),
            "legend": {"x": 0.02, "y": 0.4, "bgcolor": "rgba(255,255,255,0.7)"},
            "height": 560,
        }
        if self.best >= 0:
            ring = {"color": VERMILION, "symbol": "triangle-down", "size": 11}
            traces.append(scatter([x[self.best]], [folds + 0.72], "returned", marker=ring, cliponaxis=False))
        layout["yaxis"]["range"] = [0.5, folds + 0.95]
        return framed(self, traces, layout)


@checked()
def plot_racing(search: Any, *, backend: str = "plotly") -> Any:
    """Plot which folds each candidate of a search was run on, and how many fits the race has saved.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`, or another search with ``cv_results_``.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is no fitted search.
        NothingToDrawError: it has no candidate.
        MissingDependencyError: the backend is not installed.
    """
    results = getattr(search, "cv_results_", None)
    if results is None:
        raise TypeError(f"plot_racing takes a fitted search, which has cv_results_; got {shown(search)}")
    metric = _metric(search, results)
    folds = sum(key.startswith("split") and key.endswith(f"_test_{metric}") for key in results)
    if not folds or not len(results["params"]):
        raise NothingToDrawError("plot_racing: the search has no candidate with scores of folds")
    scores = np.array([results[f"split{k}_test_{metric}"] for k in range(folds)], np.float64)
    n = scores.shape[1]
    ran = np.asarray(results.get("n_splits_run", np.full(n, folds)), np.int64)
    fits, without = np.cumsum(ran), np.arange(1, n + 1) * folds
    best = getattr(search, "best_index_", None)
    dropped = ran < folds
    place = np.arange(n)
    mean = np.nanmean(np.where(np.isnan(scores), np.nan, scores), axis=0) if n else np.empty(0)
    index = thin_points(place.astype(float), np.nan_to_num(mean, nan=0.0), place == best, MOST_CANDIDATES)
    saved, total = int(without[-1] - fits[-1]), int(without[-1])
    found = np.flatnonzero(index == best)
    name = "score" if metric == "score" else metric
    sentences = [say(COUNTED, n, folds, int(fits[-1]), total, saved, saved / total, int(dropped.sum()))]
    if best is not None and len(found):
        sentences.append(say(RETURNED, best, say("score") if name == "score" else name, four_digits(float(mean[best]))))
    return Racing(
        title="Racing",
        summary=join(sentences),
        notes=(say("{:,} of {:,} fits saved; white: not run", saved, total), *drawn_note(len(index), n, "candidates")),
        metric=name,
        candidate=index.astype(np.int64),
        scores=scores[:, index],
        dropped=dropped[index],
        best=int(found[0]) if len(found) else -1,
        fits=fits[index],
        fits_without=without[index],
    ).drawn(backend)


racing: Callable[..., Racing] = partial(plot_racing, backend="arrays")


def _metric(search: Any, results: Any) -> str:
    """Return the metric that decides, as ``cv_results_`` names it."""
    if "split0_test_score" in results:
        return "score"
    refit = getattr(search, "refit", None)
    if isinstance(refit, str) and f"split0_test_{refit}" in results:
        return refit
    named = [key.removeprefix("split0_test_") for key in results if key.startswith("split0_test_")]
    return printable(named[0]) if named else "score"
