"""The race of a cross-validated search: which folds each candidate was run on, and which fits were saved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.text import printable, shown
from tunesmith.visualization.data.base import FigureData, number
from tunesmith.visualization.data.columns import Floats, Ints, Mask
from tunesmith.visualization.data.thinning import drawn, thin

MOST_CANDIDATES = 1000


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


def racing(search: Any) -> Racing:
    """Return which folds each candidate of a search was run on.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`, or another search with ``cv_results_``.

    Returns:
        The arrays.

    Raises:
        TypeError: it is no search, or not fitted.
        NothingToDrawError: it has no candidate.
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
    index = thin(place.astype(float), np.nan_to_num(mean, nan=0.0), place == best, MOST_CANDIDATES)
    saved, total = int(without[-1] - fits[-1]), int(without[-1])
    found = np.flatnonzero(index == best)
    name = "score" if metric == "score" else metric
    summary = (
        f"{n:,} candidates on {folds} folds: {int(fits[-1]):,} of {total:,} fits were made and {saved:,} saved "
        f"({saved / total:.0%}), since {int(dropped.sum()):,} candidates were given up."
    )
    if best is not None and len(found):
        summary += f" The returned one, candidate {best}, has a mean {name} of {number(float(mean[best]))}."
    return Racing(
        title="Racing",
        summary=summary,
        notes=(f"{saved:,} of {total:,} fits saved; white: not run", *drawn(len(index), n, "candidates")),
        metric=name,
        candidate=index.astype(np.int64),
        scores=scores[:, index],
        dropped=dropped[index],
        best=int(found[0]) if len(found) else -1,
        fits=fits[index],
        fits_without=without[index],
    )


def _metric(search: Any, results: Any) -> str:
    """Return the metric that decides, as ``cv_results_`` names it."""
    if "split0_test_score" in results:
        return "score"
    refit = getattr(search, "refit", None)
    if isinstance(refit, str) and f"split0_test_{refit}" in results:
        return refit
    named = [key.removeprefix("split0_test_") for key in results if key.startswith("split0_test_")]
    return printable(named[0]) if named else "score"
