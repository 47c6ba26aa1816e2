"""The runs of a study, read from its history."""

from __future__ import annotations

from dataclasses import replace
from weakref import WeakKeyDictionary

import numpy as np

from tunesmith.curves import Curves
from tunesmith.fidelity.ladder import Ladder
from tunesmith.fidelity.runs import Runs, RunState
from tunesmith.history import History
from tunesmith.numerics.arrays import Floats, Ints
from tunesmith.space import Space
from tunesmith.state import TrialState

_STATES = {
    TrialState.COMPLETE: RunState.COMPLETE,
    TrialState.PRUNED: RunState.STOPPED,
    TrialState.FAIL: RunState.FAILED,
}
Curve = tuple[Ints, Floats, Floats]

# Curves of trials as arrays, with the number of reports they were made of: most are as they were at the last decision.
_known: WeakKeyDictionary[Curves, dict[int, tuple[int, Curve]]] = WeakKeyDictionary()


def runs_of(history: History, space: Space) -> Runs:
    """Return the runs of a study with one objective.

    Args:
        history: the study so far.
        space: whose unit cube the points are given in.

    Returns:
        All trials that have begun, by number. A running one is taken to pause at the next rung.
    """
    pending, paused = history.pending, set(history.paused)
    number = np.concatenate([history.number, pending.number])
    order = np.argsort(number, kind="stable")
    unit = np.clip(space.to_unit(history.pending_points(space)), 0.0, 1.0)
    u = np.concatenate([history.unit(space), unit])[order]
    finished = [int(_STATES[TrialState(s)]) for s in history.state.tolist()]
    open_ones = [int(RunState.PAUSED if n in paused else RunState.RUNNING) for n in pending.number.tolist()]
    state = np.array(finished + open_ones, np.int8)[order]
    number = number[order]
    found = [_curve(history.curves, n) for n in number.tolist()]
    steps, values, costs = zip(*found, strict=True) if found else ((), (), ())
    nowhere = np.full(len(number), -1, np.int64)
    runs = Runs(number, u, state, steps, values, costs, nowhere, history.curves.can_resume)
    return replace(runs, until=_until(runs))


def _until(runs: Runs) -> Ints:
    """Return the step at which each running run pauses; -1: none."""
    until = np.full(len(runs), -1, np.int64)
    running = np.flatnonzero(runs.state == RunState.RUNNING)
    if len(running):
        ladder = Ladder.of(runs)
        last = len(ladder.positions) - 1
        for k in running:
            reached = ladder.rung_of(int(runs.steps[k][-1])) + 1 if len(runs.steps[k]) else 0
            step = ladder.step(min(reached, last))
            until[k] = -1 if step is None else step
    return until


def _curve(curves: Curves, number: int) -> Curve:
    kept = _known.setdefault(curves, {})
    size = curves.size(number)
    before = kept.get(number)
    if before is None or before[0] != size:
        steps, values = curves.of(number)
        before = kept[number] = (size, (steps, values, np.cumsum(curves.costs_of(number))))
    return before[1]
