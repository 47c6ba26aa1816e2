"""Runs and curves that the tests of multi-fidelity decisions are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

import tunesmith as ts
from tunesmith import Float, Int, Space
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.history.fidelity.runs import Runs, RunState

SPACE = Space(rate=Float(1e-4, 1.0, log=True), width=Int(8, 512, log=True), dropout=Float(0.0, 0.9))
Family = Callable[[Floats], Floats]  # from u[d] to the losses of a full run [E]
LENGTH = 40


def power(u: Floats) -> Floats:
    """A power law: what is good at the end is good early."""
    floor = 0.1 + 1.5 * (u[0] - 0.35) ** 2 + 0.6 * (u[1] - 0.7) ** 2 + 0.3 * (u[2] - 0.2) ** 2
    losses: Floats = floor + (1.5 - 0.5 * u[0]) * np.arange(1, LENGTH + 1) ** -0.7
    return losses


def crossing(u: Floats) -> Floats:
    """What falls fast at first ends high."""
    floor = 0.1 + 0.8 * u[0] ** 1.5 + 0.3 * (u[1] - 0.7) ** 2
    losses: Floats = floor + (1.5 - 0.5 * u[0]) * np.exp(-(0.08 + 0.6 * u[0]) * np.arange(1, LENGTH + 1))
    return losses


def seconds(u: Floats) -> float:
    """What a report costs: wide configurations are up to eight times as expensive."""
    return float(8.0 ** u[1])


def runs_of(
    u: Sequence[Floats],
    values: Sequence[Sequence[float]],
    states: Sequence[int],
    costs: Sequence[Sequence[float]] | None = None,
    *,
    first: int = 1,
    stride: int = 1,
) -> Runs:
    """Return runs whose reports are at first, first + stride, …; costs are unknown if none are given."""
    n = len(u)
    return Runs(
        np.arange(n),
        np.array(u, float).reshape(n, len(SPACE)),
        np.array(states, np.int8),
        tuple(first + stride * np.arange(len(v)) for v in values),
        tuple(np.array(v, float) for v in values),
        tuple(np.array(c, float) for c in costs) if costs else tuple(np.full(len(v), np.nan) for v in values),
        np.array([v[-1] if s == RunState.COMPLETE and v else np.nan for v, s in zip(values, states, strict=True)]),
    )


def half_done(family: Family, n: int, seed: int) -> Runs:
    """Return n runs that were paused at several lengths, and every sixth of them complete."""
    rng = np.random.default_rng(seed)
    u = SPACE.to_unit(SPACE.from_unit(rng.random((n, len(SPACE)))))
    lengths = [LENGTH if k % 6 == 0 else int(rng.choice([2, 6, 18])) for k in range(n)]
    return runs_of(
        list(u),
        [list(family(row)[:k]) for row, k in zip(u, lengths, strict=True)],
        [RunState.COMPLETE if k == LENGTH else RunState.PAUSED for k in lengths],
        [[seconds(row)] * k for row, k in zip(u, lengths, strict=True)],
    )


class Training:
    """An objective whose curves are those of a family, and which saves checkpoints."""

    def __init__(self, family: Family, start: float = 0.0) -> None:
        self.family, self.start = family, start
        self.full = 3.4 * LENGTH + start  # about the mean cost of a full run
        self.paid, self.starts = 0.0, 0
        self.gains: list[tuple[float, float]] = []

    def __call__(self, trial: ts.Trial) -> float:
        u = SPACE.to_unit(SPACE.encode([trial.params]))[0]
        losses = self.family(u)
        extra, self.starts = self.start, self.starts + 1
        for epoch in trial.epochs(LENGTH, state={"epoch": 0}):
            cost, extra = seconds(u) + extra, 0.0
            self.paid += cost
            trial.report(float(losses[epoch - 1]), epoch, cost=cost)
            if trial.should_prune():
                raise ts.TrialPruned
        self.gains.append((self.paid, float(losses[-1])))
        return float(losses[-1])


def searched(family: Family, seed: int, full_runs: float, pruner: str = "auto", start: float = 0.0) -> float:
    """Return the least loss of a run that ended within the cost of so many full runs."""
    training = Training(family, start)
    budget = full_runs * training.full
    study = ts.create_study(space=SPACE, seed=seed, pruner=pruner)
    study.optimize(training, max_cost=budget)
    return min((loss for paid, loss in training.gains if paid <= budget), default=np.inf)
