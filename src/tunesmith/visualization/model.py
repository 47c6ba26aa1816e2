"""The model behind contours: a Gaussian process over some of the trials, which tells what to expect in between.

Symbols: n trials of the snapshot, d parameters.
"""

from __future__ import annotations

import numpy as np

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.gp.surrogate import Surrogate, has_enough_trials
from tunesmith.space import Space
from tunesmith.visualization.columns import Floats, Indices, StudyColumns

MOST_TRIALS = 300  # that the model is fitted to
MOST_PARAMETERS = 20  # that it knows of


class Model:
    """What to expect of the value at any point.

    Args:
        t: the snapshot.
        columns: parameters that it must know of.

    Attributes:
        usable: whether there is a model; it needs some complete trials with different values.
        rows: the trials that it rests on.
    """

    def __init__(self, t: StudyColumns, columns: list[int]) -> None:
        self._t = t
        self.rows = chosen_rows(t.loss, np.flatnonzero(t.complete), MOST_TRIALS)
        self.usable = False
        if t.space is None or not len(self.rows) or t.loss[self.rows].max() == t.loss[self.rows].min():
            return
        self._columns, self._space = part_of_space(t.space, columns, MOST_PARAMETERS)
        x = t.x[self.rows][:, self._columns]
        history = as_history(self._space, x, t.loss[self.rows])
        self.usable = has_enough_trials(history, self._space)
        if self.usable:
            self._surrogate = Surrogate(history, self._space)

    def expected(self, x: Floats) -> Floats:
        """Return the values [q], in the user's direction, that are expected at internal values x[q, d]."""
        value = self._surrogate.judge(x[:, self._columns]).value
        return -value if self._t.maximize else value


def chosen_rows(loss: Floats, rows: Indices, most: int) -> Indices:
    """Return the trials that a model is fitted to: all, or the best third of so many, and others evenly.

    Args:
        loss: minimised values of all trials.
        rows: those that it may be fitted to.
        most: how many.

    Returns:
        Rows, rising.
    """
    if len(rows) <= most:
        return rows
    order = rows[np.argsort(loss[rows], kind="stable")]
    best, others = order[: most // 3], np.sort(order[most // 3 :])
    even = np.linspace(0, len(others) - 1, most - len(best)).astype(np.intp)
    return np.sort(np.concatenate([best, others[even]]))


def as_history(space: Space, x: Floats, loss: Floats) -> History:
    """Return complete trials x[n, d] with minimised values [n] as a history of their own."""
    n = len(loss)
    history = History(space)
    history.extend(
        np.arange(n),
        np.full(n, TrialState.COMPLETE, np.int8),
        loss[:, None],
        [(space, np.arange(n), x)],
        sampler_state=np.zeros(n, np.int64),
        cost=np.full(n, np.nan),
    )
    return history


def part_of_space(space: Space, columns: list[int], most: int) -> tuple[list[int], Space]:
    """Return the columns that a model knows of, and their space: all, or some without conditions and constraints.

    Args:
        space: the whole space.
        columns: those that must be among them.
        most: how many there are, if these are not more.
    """
    if len(space) <= most:
        return list(range(len(space))), space
    others = [j for j in range(len(space)) if j not in columns]
    known = sorted([*columns, *others[: max(0, most - len(columns))]])
    names = [space.names[j] for j in known]
    return known, Space.from_columns({n: space.params[n].with_condition(None) for n in names})
