"""How the reports of several objectives are stored: as rows of the table that has one value a step.

The first objective's value stands at the step s itself, with the cost. That of objective j = 1 ... m - 1 stands at the
step -1 - (s (m - 1) + j - 1), which is below zero, as no step is. So a database of a study with one objective is what
it always was, and needs no other schema.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.history.curves import Reported
from tunesmith.trial.record import NAN

CostlyCurve = dict[int, tuple[Reported, float]]  # value and cost by step


def values_by_step(step: int, value: Reported) -> list[tuple[int, float]]:
    """Return the steps and values of the rows that hold one report."""
    if not isinstance(value, tuple):
        return [(step, value)]
    first, *others = value
    below = -1 - step * len(others)
    return [(step, first), *((below - j, other) for j, other in enumerate(others))]


def joined(rows: Mapping[int, tuple[float, float]], objectives: int) -> CostlyCurve:
    """Return the reports that rows of one attempt, (value, cost) by step, hold together.

    Args:
        rows: the rows.
        objectives: m; where a value of a report is not there it is NaN, as in files of before, which kept the first.
    """
    if objectives == 1:
        return dict(rows)
    places = {s: [at for at, _ in values_by_step(s, (NAN,) * objectives)[1:]] for s in rows if s >= 0}
    nothing = NAN, NAN
    return {s: ((rows[s][0], *(rows.get(at, nothing)[0] for at in own)), rows[s][1]) for s, own in places.items()}
