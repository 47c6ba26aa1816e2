"""Notes for the reader of a report: failures, few rows of a class, few groups, rows in the order of time."""

from __future__ import annotations

import numpy as np

from tunesmith.selection.metric import block_length, is_time_series, tested_rows
from tunesmith.sklearn.results.evidence import Evidence

FEWEST_PERIODS = 5  # of which each is worse than the one before: by chance so in one of 120 searches
FEW_ROWS = 20  # rows of a class, or groups, with fewer of which an interval is rough
TIME_SERIES = (
    "The rows are in the order of time, so neighbouring ones are no independent observations: the interval takes "
    "{blocks}, and is too short if there are slow changes."
)
DRIFT = (
    "The scores get worse from each period to the next, so the rows change with time: expect new ones to score like "
    "the last period or worse, and not like the mean over all."
)


def cautions(evidence: Evidence, classes: bool) -> list[str]:
    """Return notes to read before relying on the choice and the interval.

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
    if y.ndim == 1 and len(y) and len(rows) >= FEW_ROWS:
        labels, members = np.unique(y[rows], return_counts=True)
        few = np.flatnonzero(members < FEW_ROWS)
        if len(few) and len(labels) > 1:
            least = few[members[few].argmin()]
            rare = f"Only {members[least]} of the {len(rows)} tested rows are of class {labels[least]!s}"
            more = f" ({len(few)} classes have fewer than {FEW_ROWS})" if len(few) > 1 else ""
            found.append(f"{rare}{more}: what the score says of so few is rough.")
    if evidence.groups is not None:
        groups = len(np.unique(np.asarray(evidence.groups)[rows]))
        if groups < min(FEW_ROWS, len(rows)):
            found.append(f"The tested rows belong to {groups} groups only, so the interval is rough.")
        if groups == len(rows):
            found.append("Each row is a group of its own, so groups= keeps no rows together: is it the right column?")
    elif is_time_series(evidence.splits):
        length = block_length(len(rows))
        blocks = f"blocks of {length} as one" if length > 1 else "each as one"
        found.append(TIME_SERIES.format(blocks=blocks))
        whole = evidence.scores[np.isfinite(evidence.scores).all(axis=1)]
        if whole.shape[1] >= FEWEST_PERIODS and len(whole) and (np.diff(whole.mean(axis=0)) < 0).all():
            found.append(DRIFT)
    return found
