"""How good a search was: normalised regret, mean ranks, and intervals over seeds.

regret(n) = (best of the first n trials - y*) / (typical - y*), clipped to [0, 1]: 1 is what one random trial reaches,
0 the best that is known. y* and `typical` belong to the task and not to the runs that are compared, so that a new run
moves no other's figure. Runs are nested dicts, optimiser -> task -> seed -> values.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

POINTS = (10, 25, 50, 100)
Floats = NDArray[np.float64]
Runs = Mapping[str, Mapping[str, Mapping[int, Floats]]]


@dataclass(frozen=True)
class Reference:
    """What 0 and 1 mean on a task: the best value known, and the median of one random trial."""

    best: float
    typical: float

    @classmethod
    def of(cls, traces: Iterable[Floats]) -> Reference:
        """From best-so-far traces of runs that began at random points."""
        traces = list(traces)
        return cls(min(float(t[-1]) for t in traces), float(np.median([t[0] for t in traces])))


def best_so_far(y: ArrayLike) -> Floats:
    """Return the best of the first 1, 2, ... values; a NaN (a failed trial) and an infinity are as bad as can be."""
    return np.minimum.accumulate(np.nan_to_num(np.asarray(y, float), nan=1e300, posinf=1e300))


def normalised(trace: Floats, reference: Reference, n: int) -> Floats:
    """Return the regret [n] after 1..n trials; a search that ended early keeps what it had."""
    trace = np.concatenate([trace[:n], np.full(max(n - len(trace), 0), trace[-1])])
    span = reference.typical - reference.best
    if span <= 0:  # a task on which every first trial was the best one: there is nothing to win, only to lose
        return (trace > reference.best).astype(float)
    return np.clip((trace - reference.best) / span, 0.0, 1.0)


def regrets(runs: Runs, references: Mapping[str, Reference], n: int) -> dict[str, dict[str, Floats]]:
    """Return optimiser -> task -> regret [seeds, n] of the tasks that have a reference."""
    return {
        optimiser: {
            task: np.array([normalised(seeds[s], references[task], n) for s in sorted(seeds)])
            for task, seeds in by_task.items()
            if task in references and seeds
        }
        for optimiser, by_task in runs.items()
    }


def mean_regret(by_task: Mapping[str, Floats], tasks: Sequence[str]) -> Floats:
    """Return the regret [n] averaged over seeds and then over tasks."""
    return np.mean([by_task[task].mean(axis=0) for task in tasks], axis=0)


def interval(
    by_task: Mapping[str, Floats], tasks: Sequence[str], level: float = 0.95, resamples: int = 1000
) -> tuple[Floats, Floats]:
    """Return ends [n] of a bootstrap interval of the mean regret: each task's seeds drawn anew, tasks as they are.

    It says how much the figure would move with other seeds, not with other tasks. One seed gives no interval: NaN.
    """
    n = by_task[tasks[0]].shape[1]
    if min(len(by_task[task]) for task in tasks) < 2:
        return np.full(n, np.nan), np.full(n, np.nan)
    rng = np.random.default_rng(0)
    total = np.zeros((resamples, n))
    for task in tasks:
        curves = by_task[task]
        s = len(curves)
        drawn = rng.multinomial(s, np.full(s, 1 / s), size=resamples)  # how often each seed was drawn
        total += drawn @ curves / s
    low, high = np.quantile(total / len(tasks), [(1 - level) / 2, (1 + level) / 2], axis=0)
    return low, high


def mean_ranks(regret: Mapping[str, Mapping[str, Floats]], tasks: Sequence[str], n: int) -> dict[str, float]:
    """Return each optimiser's rank by its mean regret after n trials, averaged over tasks; 1 is best, ties share."""
    from scipy.stats import rankdata

    names = list(regret)
    table = np.array([[regret[o][t][:, n - 1].mean() for o in names] for t in tasks])
    return dict(zip(names, rankdata(table, axis=1).mean(axis=0).tolist(), strict=True))
