"""`SeenStudy`: a study of which only some trials are seen, so that every figure can be drawn of them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tunesmith.dashboard.studies import OpenStudy
from tunesmith.history import History, Ints
from tunesmith.state import TrialState
from tunesmith.study import Study
from tunesmith.study.query.columns import Mask
from tunesmith.trial.record import FrozenTrial


class SeenStudy(Study):
    """A study as figures read it: with a history that is not read on, and that may hold a part of the trials.

    Args:
        study: the study.
        history: the trials that are seen.
        numbers: their numbers, int64[k]; None: all.
    """

    def __init__(self, study: Study, history: History, numbers: Ints | None = None) -> None:
        self.__dict__.update(study.__dict__)
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

    def get_trials(
        self,
        deepcopy: bool = True,
        states: Iterable[TrialState] | None = None,
        *,
        numbers: Iterable[int] | None = None,
    ) -> list[FrozenTrial]:
        """Return records of the trials that are seen.

        Args:
            deepcopy: accepted for porting.
            states: only trials in these states; None: all.
            numbers: only trials of these numbers, seen or not; None: all that are seen.
        """
        found = super().get_trials(deepcopy, states, numbers=numbers)
        if self._numbers is None or numbers is not None:
            return found
        wanted = frozenset(self._numbers.tolist())
        return [t for t in found if t.number in wanted]


def seen(opened: OpenStudy, rows: Mask | None) -> SeenStudy:
    """Return a study with some of its trials.

    Args:
        opened: the study.
        rows: which rows of its table are seen, bool[n]; None: all.
    """
    if rows is None:
        return SeenStudy(opened.study, opened.history)
    numbers = opened.table().number[rows]
    with opened.lock:
        return SeenStudy(opened.study, part_of(opened.history, numbers), numbers)


def part_of(history: History, numbers: Ints) -> History:
    """Return a history with some of the trials of another one.

    Its curves are those of all trials, since to copy them takes seconds: who reads them asks for those of its trials.

    Args:
        history: all trials.
        numbers: of those that are wanted, int64[k].
    """
    space = history.space
    made = History(space, history.n_objectives)
    rows = np.flatnonzero(np.isin(history.number, numbers))
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
        noise={i: sd for i, sd in enumerate(history.noise[rows].tolist()) if sd[0] == sd[0]},
    )
    pending = history.pending
    points = None if space is None else history.pending_points(space)
    for i in np.flatnonzero(np.isin(pending.number, numbers)).tolist():
        made.begin(int(pending.number[i]), space, None if points is None else points[i].tolist())
    made.curves = history.curves
    return made
