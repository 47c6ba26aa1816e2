"""PED-ANOVA: which parameters decide whether a trial is among the best ones.

Watanabe, Bansal & Hutter, "PED-ANOVA", IJCAI 2023 (arXiv 2304.10255); with conditional parameters, Baba, Ozaki &
Watanabe, "Conditional PED-ANOVA", 2026 (arXiv 2601.20800), Theorem 4.2.

Symbols: n trials, k cells of a parameter, w[n] weights, γ the share of the space that counts as best, b[n] whether a
trial is among the best, α and β the shares of the best trials and of all trials in which a parameter is active, p' and
p their densities over the cells there.

Where a parameter is active, the probability of a best trial is r(x) = γ α p'(x) / (β p(x)). Its variance over x there,
times β, is γ² α² / β · D(p' ‖ p), with the Pearson divergence D = Σ p (p'/p - 1)²: the theorem, for one regime. Divided
by γ (1 - γ), the variance of b, it is a share: 0 if the parameter decides nothing, 1 if it decides alone. What the
choice to activate it decides, between the regimes, belongs to its parent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tunesmith.importance.among_best import modelled_shares
from tunesmith.importance.base import Effects, Evaluator, ImportanceData
from tunesmith.importance.bootstrap import bootstrap_counts
from tunesmith.importance.cells import Cells
from tunesmith.importance.density import effective_count, space_weights
from tunesmith.importance.model import is_enough
from tunesmith.languages import say
from tunesmith.numerics.arrays import Floats, Ints, Mask, Singles
from tunesmith.numerics.threads import one_thread

DRAWS = 200  # bootstrap samples
MOST_NUMBERS = 16_000_000  # in a table of rows and trials
SHUFFLES = 400
PRIOR = 1.0  # trials that are as good as all are on average, mixed into each estimate of r
MOST_COLUMNS = 1_000  # cells that are counted at once
NOTICED = 0.5  # share of the trials that the effective count must fall below for a note
ENOUGH = 50  # effective trials: with fewer, a random tenth of the weight is a handful, and noise reaches any value


class PedAnova(Evaluator):
    """How much of "is this trial among the best?" each parameter decides; takes under a second for 10,000 trials.

    Trials are weighted by how densely the search looked at their places, so that the values are about the whole space
    (see `tunesmith.importance.density`); the best ones are the best tenth of the space, not of the trials. Both
    densities are smoothed by the same kernel, so values are smaller with few trials than
    with many. Intervals: a bootstrap over trials. Null line: values shuffled over trials. There are no pairs.

    Pruned trials count as not among the best, unless there is a target. Where a search converged, so that its trials
    say little of the rest of the space, a Gaussian process that is fitted to at most 100 of them says it (see
    `tunesmith.importance.among_best`): that takes about a second.

    Args:
        gamma: the share of the space that counts as best, between 0 and 1.
        weighted: False: every trial counts the same, as in the paper. After a search that converged, nearly all trials
            lie where the best ones do, and every parameter then seems to decide nothing.

    Raises:
        ValueError: gamma is not between 0 and 1.
    """

    name = "ped-anova"

    def __init__(self, gamma: float = 0.1, weighted: bool = True) -> None:
        if not 0.0 < gamma < 1.0:
            raise ValueError(f"gamma is the share of the space that counts as best, between 0 and 1; got {gamma!r}")
        self.gamma, self.weighted = gamma, weighted

    @one_thread()
    def evaluate(self, data: ImportanceData, rng: np.random.Generator) -> Effects:
        u, y = data.u, data.y
        if len(data.pruned):
            u = np.insert(u, data.pruned_after, data.pruned, axis=0)
            y = np.insert(y, data.pruned_after, np.inf)
        n = len(y)
        every = [Cells.make(param, u[:, j]) for j, param in enumerate(data.space.params.values())]
        w = space_weights(every) if self.weighted else np.full(n, 1.0 / n)
        cells = [every[j] for j in data.wanted]
        count = effective_count(w)
        few = count < NOTICED * n
        notes = [f"{n - len(data.y):,} pruned trials count as not among the best."] if len(data.pruned) else []
        if few:
            notes.append(
                f"The search looked closely at a part of the space: its {n:,} trials tell as much about all of it as "
                f"{count:.0f} at random."
            )
        if few and count < ENOUGH and len(data.pruned) <= len(data.y) and is_enough(data):
            value, draws, shuffled = modelled_shares(data, w[np.isfinite(y)], self.gamma, rng)
            notes.append("A model that is fitted to them says what results are elsewhere.")
        else:
            best = _best(y, w, self.gamma, rng)
            weight = (w * count).astype(np.float32)
            found = np.concatenate(
                [_shares(cells, best.rows(part) * weight, weight[None, :]) for part in _parts(len(best), n)]
            )
            value, shuffled = found[0], found[1:]
            own = best.rows(slice(0, 1))[0] * weight
            samples = (bootstrap_counts(rng, part.stop - part.start, n) for part in _parts(DRAWS, n))
            draws = np.concatenate([_shares(cells, times * own, times * weight) for times in samples])
        return Effects(
            params=tuple((j,) for j in data.wanted),
            value=value,
            draws=draws,
            shuffled=shuffled,
            n_trials=tuple(int((one.of < one.k).sum()) for one in cells),
            unit=say(
                "the share of what decides whether a point is among the best {:g} % of the space", 100 * self.gamma
            ),
            notes=tuple(notes),
        )


def _parts(count: int, n: int) -> list[slice]:
    """Return the parts in which rows of n trials each are gone through, so that large studies fit into memory."""
    size = max(1, MOST_NUMBERS // n)
    return [slice(start, min(start + size, count)) for start in range(0, count, size)]


@dataclass(frozen=True, eq=False)
class _Best:
    """Which of n trials are among the best, row by row: of the study, and with values shuffled over the trials.

    Attributes:
        orders: trials of each row that can be among the best [1 + s, most].
        count: how many of them are [1 + s].
        n: how many trials there are.
    """

    orders: NDArray[np.int32]
    count: Ints
    n: int

    def __len__(self) -> int:
        return len(self.orders)

    def rows(self, part: slice) -> Mask:
        """Return some rows, bool[b, n]."""
        orders = self.orders[part].astype(np.int64)
        best = np.zeros((len(orders), self.n), np.bool_)
        np.put_along_axis(best, orders, np.arange(orders.shape[1]) < self.count[part, None], axis=1)
        return best


def _best(y: Floats, w: Floats, gamma: float, rng: np.random.Generator) -> _Best:
    """Return which trials are among the best.

    Args:
        y: values of the trials [n]; infinite where nothing is known but that a trial is not among the best.
        w: their weights.
        gamma: the weight of the best ones together; one trial belongs to them in any case, and who equals the last one.
        rng: shuffles.
    """
    n = len(w)
    order = np.argsort(y, kind="stable")
    ranked = y[order]
    equals = np.searchsorted(ranked, ranked, side="right")  # how many trials there are up to the last equal of each
    equals = np.minimum(equals, np.isfinite(y).sum())
    most = int(equals[min(n - 1, int(np.searchsorted(np.cumsum(np.sort(w)), gamma)))])  # that can be among the best
    orders = np.empty((1 + SHUFFLES, most), np.int32)
    orders[0] = order[:most]
    for row in orders[1:]:
        row[:] = rng.choice(n, most, replace=False)
    reached = np.array([(np.cumsum(w[row]) <= gamma + 1e-9).sum() for row in orders])
    return _Best(orders, equals[np.maximum(reached, 1) - 1], n)


def _shares(cells: list[Cells], best: Singles, every: Singles) -> Floats:
    """Return the share that each parameter decides [s, r].

    Args:
        cells: of the parameters [r].
        best: weights of the best trials [s, n], 0 for the others.
        every: weights of all trials [s or 1, n].
    """
    shares = np.zeros((len(best), len(cells)))
    total = np.maximum(every.sum(axis=1, dtype=float), 1e-12)  # a bootstrap sample of few trials may have none
    rate = best.sum(axis=1, dtype=float) / total  # γ
    spread = rate * (1.0 - rate)
    at, most = 0, min(MOST_COLUMNS, 2 * MOST_NUMBERS // best.shape[1])
    while at < len(cells):
        stop, width = at, 0
        while stop < len(cells) and (stop == at or width + cells[stop].k + 1 <= most):
            width += cells[stop].k + 1
            stop += 1
        part = cells[at:stop]
        starts = np.cumsum([0, *(one.k + 1 for one in part)])
        columns = np.zeros((best.shape[1], width), np.float32)
        for one, start in zip(part, starts, strict=False):
            columns[np.arange(len(one.of)), start + one.of] = 1.0
        good, all_ = (best @ columns).astype(float), (every @ columns).astype(float)
        for i, (one, start) in enumerate(zip(part, starts, strict=False)):
            own = slice(start, start + one.k)
            shares[:, at + i] = _variance(good[:, own], all_[:, own], one.kernel, total)
        at = stop
    out: Floats = np.divide(shares, spread[:, None], out=np.zeros_like(shares), where=spread[:, None] > 1e-9)
    return out


def _variance(good: Floats, all_: Floats, kernel: Floats, total: Floats) -> Floats:
    """Return the variance of r(x) over the cells, times β [s].

    Args:
        good: weights of the best trials in each cell [s, k].
        all_: weights of all trials in each cell [s or 1, k].
        kernel: smooths over cells [k, k].
        total: weights of all trials, in which the parameter is active or not [s or 1].
    """
    active = np.maximum(all_.sum(axis=1, keepdims=True), 1e-12)
    mean = good.sum(axis=1, keepdims=True) / active  # γ α / β
    r = (good @ kernel + PRIOR * mean) / (all_ @ kernel + PRIOR)
    p = all_ / active
    off = r - (p * r).sum(axis=1, keepdims=True)
    variance: Floats = (p * off * off).sum(axis=1) * (active[:, 0] / total)
    return variance
