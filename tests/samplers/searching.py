"""What the tests of the evolutionary samplers share: a search without a study, with several workers if need be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy import stats

from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.base import Sampler
from tunesmith.space import Space

FAILED = None  # what an objective returns for a trial that fails


def assert_lower(ours: Sequence[float], theirs: Sequence[float], level: float = 0.02) -> None:
    """One-sided sign test of paired results: at this level equally good samplers pass. A tie counts for neither."""
    difference = np.array(ours) - np.array(theirs)
    wins, losses = int((difference < 0).sum()), int((difference > 0).sum())
    assert wins + losses > 0
    assert stats.binomtest(wins, wins + losses, alternative="greater").pvalue < level


Objective = Callable[[np.ndarray], Any]


def search(
    sampler: Sampler | Callable[[], Sampler],
    space: Space,
    objective: Objective,
    trials: int,
    *,
    seed: int = 0,
    workers: int = 1,
    m: int = 1,
    history: History | None = None,
    anew: int = 0,
) -> History:
    """Run trials until so many are finished; the objective gets unit coordinates and returns a value, or (y, c).

    Args:
        sampler: the sampler, or what makes one.
        space: where to search.
        objective: see above.
        trials: how many are to be finished.
        seed: of the study.
        workers: how many run at a time; which one ends next is random.
        m: number of objectives.
        history: a search to go on with.
        anew: make a new sampler every so many trials (0: never).
    """
    make = sampler if not isinstance(sampler, Sampler) else lambda: sampler
    used = make()
    history = History(space, m) if history is None else history
    running: list[tuple[int, np.ndarray, int]] = []
    pick = np.random.default_rng(seed)
    number = len(history)
    while len(history) < trials:
        while len(running) < workers:
            if anew and number % anew == 0:
                used = make()
            x, states = used.ask(history, space, np.random.default_rng([seed, number]), 1)
            running.append((number, x[0], int(states[0])))
            history.begin(number, space, x[0].tolist(), int(states[0]))
            number += 1
        k, row, sampler_state = running.pop(int(pick.integers(len(running))))
        y = objective(space.to_unit(row[None])[0])
        c = None
        if m == 1 and isinstance(y, tuple):
            y, c = y[0], {"c": y[1]}
        elif m > 1 and y is not None and len(y) > m:
            y, c = y[:m], {"c": y[m]}
        state = TrialState.FAIL if y is None else TrialState.COMPLETE
        values = None if y is None else [float(v) for v in np.atleast_1d(y)]
        history.append(k, state, space, row.tolist(), values, sampler_state=sampler_state, constraints=c)
    if not space.contains_rows(history.points(space)).all():
        raise AssertionError(f"a proposal is no point of {space!r}")
    return history


def best(history: History) -> float:
    """The best value among feasible trials."""
    y = history.y[:, 0][history.complete & history.feasible]
    return float(np.min(y, initial=np.inf))


def cube(d: int) -> Space:
    """The unit cube."""
    from tunesmith.space import Float

    return Space({f"x{i}": Float(0, 1) for i in range(d)})
