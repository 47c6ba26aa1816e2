"""Runs and curves that the tests of multi-fidelity decisions are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tunesmith import Float, Int, Space
from tunesmith.fidelity.policy import FidelityPolicy
from tunesmith.fidelity.runs import Runs, RunState, Start
from tunesmith.numerics.arrays import Floats

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


def seconds(u: Floats) -> Floats:
    """Wide configurations are up to eight times as expensive."""
    total: Floats = 8.0 ** u[1] * np.arange(1, LENGTH + 1)
    return total


def runs_of(
    u: Sequence[Floats],
    values: Sequence[Sequence[float]],
    states: Sequence[int],
    costs: Sequence[Sequence[float]] | None = None,
    until: Sequence[int] | None = None,
    *,
    first: int = 1,
    stride: int = 1,
    resumable: bool = True,
    last_step: int | None = None,
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
        np.array(until, np.int64) if until else np.full(n, -1),
        resumable,
        last_step,
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
        [list(seconds(row)[:k]) for row, k in zip(u, lengths, strict=True)],
    )


def searched(family: Family, seed: int, budget: float, last_step: int | None = None) -> float:
    """Return the least loss that one worker sees for a budget of seconds."""
    policy, least, spent = FidelityPolicy(), np.inf, 0.0
    u: list[Floats] = []
    values: list[list[float]] = []
    costs: list[list[float]] = []
    states: list[int] = []
    decision = 0
    while True:
        decision += 1
        runs = runs_of(u, values, states, costs, last_step=last_step)
        action = policy.decide(runs, SPACE, np.random.default_rng([seed, decision]))
        if isinstance(action, Start):
            u.append(SPACE.to_unit(action.x[None])[0])
            values.append([])
            costs.append([])
            states.append(RunState.PAUSED)
        k = len(u) - 1 if isinstance(action, Start) else action.number
        losses, paid = family(u[k]), seconds(u[k])
        until = LENGTH if action.until_step is None else min(action.until_step, LENGTH)
        for e in range(len(values[k]), until):
            spent += float(paid[e] - (paid[e - 1] if e else 0.0))
            if spent > budget:
                return least
            values[k].append(float(losses[e]))
            costs[k].append(float(paid[e]))
            least = min(least, values[k][-1])
        if until == LENGTH:
            states[k] = RunState.COMPLETE


def random_full_runs(family: Family, seed: int, budget: float) -> float:
    """Return the least loss that random full runs see for a budget of seconds."""
    rng, least, spent = np.random.default_rng(seed), np.inf, 0.0
    while True:
        u = SPACE.to_unit(SPACE.sample(rng, 1))[0]
        for loss, paid in zip(family(u), np.diff(seconds(u), prepend=0.0), strict=True):
            spent += paid
            if spent > budget:
                return least
            least = min(least, float(loss))
