"""Families of learning curves, and a search over them with a pruner, without a study: what does pruning save and cost?

Tests and `benchmarks/pruners.py` use them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.pruners.nop import NopPruner
from tunesmith.space import Float, Space

Family = Callable[[np.random.Generator], NDArray[np.float64]]
PRUNED_SPACE = Space(x=Float(0, 1))


@dataclass(frozen=True)
class Outcome:
    """What a search came to.

    Attributes:
        steps: how many were run.
        best: the best end of a trial that ran to its end.
        rank: the share of trials whose ends are truly better than that.
        complete: how many ran to their end.
    """

    steps: int
    best: float
    rank: float
    complete: int


def usual(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a curve of 30 steps: a power law to an end that its beginning says something about, with noise.

    Returns:
        Its values, float[30].
    """
    end, fall, rate = rng.beta(2, 2), rng.uniform(0.5, 1.5), rng.uniform(0.5, 1.2)
    curve = end + fall * (1.0 + np.arange(30)) ** -rate
    return np.asarray(curve + rng.normal(0, 0.01, 30))


def crossing(rng: np.random.Generator) -> NDArray[np.float64]:
    """Draw a curve of 30 steps whose beginning misleads: what falls fast ends high.

    Returns:
        Its values, float[30].
    """
    slow = rng.uniform(0, 1)
    curve = 0.3 * (1 - slow) + np.exp(-np.arange(30) / (1 + 8 * slow))
    return np.asarray(curve + rng.normal(0, 0.01, 30))


def search(make: Callable[[], Pruner], family: Family, seed: int, n: int = 60) -> Outcome:
    """Begin trials one by one, and go on with those that the pruner resumes.

    Args:
        make: makes the pruner.
        family: draws a curve.
        seed: of the curves.
        n: how many trials begin.
    """
    pruner, rng = make(), np.random.default_rng(seed)
    truth = [family(rng) for _ in range(n)]
    history = History(PRUNED_SPACE)
    steps = 0
    reached = dict.fromkeys(range(n), -1)
    ends: dict[int, float] = {}
    begun = 0
    while True:
        number = pruner.resume(history, np.random.default_rng(begun), begun < n) if pruner.resumes else None
        if number is None:
            if begun < n:
                number, begun = begun, begun + 1
            elif ends or not history.paused:
                break
            else:  # as a study does: the leader is run to its end
                number = min(history.paused, key=lambda k: (-reached[k], truth[k][reached[k]]))
                pruner = NopPruner()
        x = [number / n]
        history.begin(number, PRUNED_SPACE, x)
        while True:
            reached[number] += 1
            step = reached[number]
            history.curves.append(number, step, float(truth[number][step]))
            steps += 1
            decision = pruner.decide(history.curves, number, step)
            if step == len(truth[number]) - 1:
                ends[number] = float(truth[number][step])
                history.append(number, TrialState.COMPLETE, PRUNED_SPACE, x, [ends[number]])
            elif decision is Decision.STOP:
                history.append(number, TrialState.PRUNED, PRUNED_SPACE, x, None)
            elif decision is Decision.PAUSE:
                history.pause(number, PRUNED_SPACE, x)
            else:
                continue
            break
    best = min(ends.values())
    rank = sum(float(curve[-1]) < best for curve in truth) / n
    return Outcome(steps, best, rank, len(ends))
