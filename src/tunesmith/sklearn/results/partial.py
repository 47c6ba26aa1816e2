"""``cv_results_`` with candidates that were given up before all splits were done.

scikit-learn's own code makes the table and needs a number for every split: `fill_missing` gives it the
candidate's mean where there is none, and `mark_missing` then takes these out again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from tunesmith.sklearn.protocols import Results

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Record = dict[str, Any]


def fill_missing(row: Sequence[Record | None], others: Sequence[Record] = ()) -> list[Record]:
    """Return scikit-learn's records of one candidate, with the mean of those that are there for those that are not.

    Args:
        row: its records by split.
        others: what to take the mean of if there is none.
    """
    there = [r for r in row if r is not None] or list(others)
    if len(there) == len(row):
        return there
    mean = {key: None if key == "fit_error" else _mean([r[key] for r in there]) for key in there[0]}
    return [mean if r is None else r for r in row]


def _mean(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        return {name: _mean([v[name] for v in values]) for name in values[0]}
    return float(np.mean(values))


def mark_missing(results: Results, ran: Mask) -> None:
    """Make ``cv_results_`` say what was run: NaN for other splits, means and deviations of those run, and ranks.

    Candidates that ran on all splits are ranked among themselves, as scikit-learn does. Those given up come after all
    of them, by how far they were behind the best on the splits that they ran on, on average; those that ran on none
    come last.

    Args:
        results: made from filled records; changed in place.
        ran: which splits were run, bool[C, K].
    """
    if ran.all():
        return
    n_splits = ran.shape[1]
    given_up = np.flatnonzero(~ran.all(axis=1) & ran.any(axis=1))
    screened_out = np.flatnonzero(~ran.any(axis=1))
    for key in [k for k in results if k.startswith("std_")]:
        name = key.removeprefix("std_")
        splits = [f"split{i}_{name}" for i in range(n_splits)]
        if splits[0] not in results:  # a time: the mean is right, the deviation was spread over too many
            results[key][given_up] *= np.sqrt(n_splits / ran[given_up].sum(axis=1))
            continue
        results[f"mean_{name}"][screened_out] = results[key][screened_out] = np.nan
        scores = np.column_stack([results[split] for split in splits])
        scores[~ran] = np.nan
        for i, split in enumerate(splits):
            results[split] = scores[:, i].copy()
        for c in given_up:
            own = scores[c, ran[c]]
            results[f"mean_{name}"][c], results[key][c] = own.mean(), own.std()
        if f"rank_{name}" in results:
            results[f"rank_{name}"] = ranks(scores, ran)


def ranks(scores: Floats, ran: Mask) -> NDArray[np.int32]:
    """Return the ranks of candidates, 1 is best, equals share the lower number; see `mark_missing`.

    Args:
        scores: by candidate and split, float64[C, K].
        ran: which of them are there, bool[C, K].
    """
    whole = ran.all(axis=1)
    means = scores[whole].mean(axis=1)
    best = scores[whole][np.nanargmax(means)] if not np.isnan(means).all() else np.zeros(scores.shape[1])
    with np.errstate(invalid="ignore"):
        behind = np.array(
            [float(np.mean((scores[c] - best)[ran[c]])) if ran[c].any() else np.nan for c in np.flatnonzero(~whole)]
        )
    rank = np.empty(len(scores), np.int32)
    rank[whole], rank[~whole] = _rank(means), whole.sum() + _rank(behind)
    return rank


def _rank(values: Floats) -> NDArray[np.int32]:
    """Ranks of values, the highest first, NaN last; all 1 if there is nothing else."""
    known = values[~np.isnan(values)]
    lowest = known.min() - 1 if len(known) else 0.0
    return np.asarray(rankdata(-np.where(np.isnan(values), lowest, values), method="min"), np.int32)
