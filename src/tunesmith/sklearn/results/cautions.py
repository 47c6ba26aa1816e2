"""What a reader of a report has to know: what failed, few rows of a class, few groups, rows in the order of time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.sklearn.evaluate.folds import in_order, places
from tunesmith.sklearn.results.evidence import Evidence

FEW = 20  # rows of a class, or groups, with fewer of which an interval is rough
IN_TIME = (
    "The rows are in the order of time, so neighbouring ones are no independent observations: the interval takes "
    "{blocks}, and is too short if there are slow changes."
)


def cautions(evidence: Evidence, classes: bool) -> list[str]:
    """Return what to know before relying on the choice and the interval, in sentences.

    Args:
        evidence: what is known of the candidates.
        classes: whether the targets are classes.
    """
    rows = tested_rows(evidence.splits)
    found = []
    keys = np.asarray(evidence.keys, dtype=object)
    if lost := len(set(keys[(np.isnan(evidence.scores) & evidence.ran).any(axis=1)])):
        found.append(
            f"{lost} of the {len(set(keys))} configurations had no score on some folds, because a fit failed or the "
            "score was NaN, and could not be chosen."
        )
    y = np.asarray(evidence.y) if classes else np.zeros(0)
    if y.ndim == 1 and len(y) and len(rows) >= FEW:
        labels, members = np.unique(y[rows], return_counts=True)
        few = np.flatnonzero(members < FEW)
        if len(few) and len(labels) > 1:
            least = few[members[few].argmin()]
            rare = f"Only {members[least]} of the {len(rows)} tested rows are of class {labels[least]!s}"
            more = f" ({len(few)} classes have fewer than {FEW})" if len(few) > 1 else ""
            found.append(f"{rare}{more}: what the score says of so few is rough.")
    if evidence.groups is not None:
        groups = len(np.unique(np.asarray(evidence.groups)[rows]))
        if groups < min(FEW, len(rows)):
            found.append(f"The tested rows belong to {groups} groups only, so the interval is rough.")
    elif in_time(evidence.splits):
        length = block_length(len(rows))
        blocks = f"blocks of {length} as one" if length > 1 else "each as one"
        found.append(IN_TIME.format(blocks=blocks))
    return found


def tested_rows(splits: Sequence[tuple[Any, Any]]) -> NDArray[Any]:
    """Return the rows that are tested in some split, ascending."""
    return np.unique(np.concatenate([places(test) for _, test in splits]))


def count_groups(evidence: Evidence) -> int | None:
    """Return how many groups were tested; None if each row stands for itself."""
    if evidence.groups is None:
        return None
    rows = tested_rows(evidence.splits)
    n = len(set(np.asarray(evidence.groups, dtype=object).ravel()[rows].tolist()))
    return n if n < len(rows) else None


def in_time(splits: Sequence[tuple[Any, Any]]) -> bool:
    """Tell whether each of several splits tests rows behind those that it trains on."""
    return len(splits) > 1 and in_order(splits)


def block_length(n: int) -> int:
    """Return how many neighbouring rows of a series are taken as one observation: √n, as batch means have it.

    With blocks of this length the variance of their means is consistent for that of the mean of a series whose
    correlation dies out (Flegal and Jones, Annals of Statistics 38, 2010).
    """
    return max(1, round(math.sqrt(n)))


def belonging(evidence: Evidence) -> NDArray[np.intp] | None:
    """Return which rows go together, [n], numbered from 0; None: each row stands for itself.

    Rows of a group do, and neighbouring rows where splits are in the order of time.
    """
    if evidence.groups is not None:
        return np.asarray(np.unique(np.asarray(evidence.groups), return_inverse=True)[1].ravel(), np.intp)
    if not in_time(evidence.splits):
        return None
    rows = tested_rows(evidence.splits)
    number = np.zeros(len(np.asarray(evidence.y)), np.intp)
    number[rows] = np.arange(len(rows)) // block_length(len(rows))
    return number
