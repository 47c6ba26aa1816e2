"""`SeenStudy`: a study of which only some trials are seen, so that every figure can be drawn of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tunesmith.dashboard.studies import OpenStudy
from tunesmith.frozen import FrozenTrial
from tunesmith.history import History
from tunesmith.state import TrialState
from tunesmith.study import Study
from tunesmith.study.query.columns import Mask


class SeenStudy(Study):
    """A study as figures read it: with a history that stays as it is, and that may hold a part of the trials.

    Args:
        study: the study.
        history: the trials that are seen.
        numbers: their numbers; None: all.
    """

    def __init__(self, study: Study, history: History, numbers: frozenset[int] | None = None) -> None:
        self.engine = study.engine
        self._seen = history
        self._numbers = numbers

    @property
    def history(self) -> History:
        """The trials that are seen, as columns; nothing is read for it."""
        return self._seen

    @property
    def trials(self) -> list[FrozenTrial]:
        """Records of the trials that are seen."""
        return self.get_trials()

    def get_trials(self, deepcopy: bool = True, states: Iterable[TrialState] | None = None) -> list[FrozenTrial]:
        """Return records of the trials that are seen.

        Args:
            deepcopy: accepted for porting.
            states: only trials in these states; None: all.
        """
        found = self.engine.trials(states=None if states is None else list(states))
        return found if self._numbers is None else [t for t in found if t.number in self._numbers]


def seen(opened: OpenStudy, rows: Mask | None) -> SeenStudy:
    """Return a study with some of its trials.

    Args:
        opened: the study.
        rows: which rows of its table are seen, bool[n]; None: all.
    """
    if rows is None:
        return SeenStudy(opened.study, opened.history)
    table = opened.table()
    numbers = frozenset(table.number[rows].tolist())
    with opened.lock:
        return SeenStudy(opened.study, part_of(opened.history, numbers), numbers)


def part_of(history: History, numbers: frozenset[int]) -> History:
    """Return a history with some of the trials of another one.

    Args:
        history: all trials.
        numbers: of those that are wanted.
    """
    space = history.space
    made = History(space, history.n_objectives)
    wanted = np.fromiter(numbers, np.int64, len(numbers))
    rows = np.flatnonzero(np.isin(history.number, wanted))
    limits = {}
    if history.c.shape[1]:
        limits = {i: {str(k): float(v) for k, v in enumerate(c) if v == v} for i, c in enumerate(history.c[rows])}
    made.extend(
        history.number[rows],
        history.state[rows],
        history.y[rows],
        [] if space is None or not len(rows) else [(space, np.arange(len(rows)), history.points(space)[rows])],
        sampler_state=history.sampler_state[rows],
        cost=history.cost[rows],
        failure=history.failure[rows],
        constraints=limits,
    )
    pending = history.pending
    points = None if space is None else history.pending_points(space)
    for i, number in enumerate(pending.number.tolist()):
        if number in numbers:
            made.begin(number, space, None if points is None else points[i].tolist())
    for number in history.curves.numbers:
        if number in numbers:
            for step, value in zip(*(a.tolist() for a in history.curves.of(number)), strict=True):
                made.curves.append(number, step, value)
            made.curves.close(number, history.curves.state(number))
    made.curves.sign = history.curves.sign
    return made
