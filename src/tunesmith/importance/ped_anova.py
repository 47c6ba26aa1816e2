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

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.numerics.arrays import Floats, Indices, Ints, Mask, Singles
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.importance.base import Effects, Evaluator, ImportanceData
from tunesmith.importance.cells import Cells, main_variances
from tunesmith.importance.model import N_BEST, Model, fitted, is_enough, shuffled_models, spread_points, wider_draws
from tunesmith.space.feature_map import FeatureMap

# ----------------------------------------------------------------------------------------------------------------------
# Bootstrap samples as counts: how often each trial is in each of them.

QUANTILES = 1 << 16  # of the Poisson distribution that counts are drawn from
MOST = 10  # of one trial in one sample; more has a probability below 1e-8


CLOSE = (
    "The search looked closely at a part of the space: its {:,} trials tell as much about all of it as {:.0f} at "
    "random."
)


class BootstrapCounts:
    """How often each of n trials is in each bootstrap sample [draws, n]: independent Poisson numbers of mean 1.

    They come from a table, which takes an eighth of the time of ``rng.poisson``.

    Args:
        rng: draws them.
        n: how many trials.
    """

    def __init__(self, rng: np.random.Generator, draws: int, n: int) -> None:
        below = np.cumsum([math.exp(-1.0) / math.factorial(k) for k in range(MOST)])
        self._table = np.searchsorted(below, (np.arange(QUANTILES) + 0.5) / QUANTILES).astype(np.float32)
        self._drawn = rng.integers(0, QUANTILES, (draws, n), dtype=np.uint16)

    def of(self, trials: slice) -> Singles:
        """Return the counts of some of the trials [draws, m]."""
        counts: Singles = self._table[self._drawn[:, trials]]
        return counts


# ----------------------------------------------------------------------------------------------------------------------
# How densely a search looked at the places of its trials, and the weights that undo it.
#
# A search that learns spends most trials near the best point: there, all trials are good, whatever their parameters.
# The weights make its trials stand for the whole space. A block of consecutive trials was drawn from about one
# distribution; it is taken as a product over parameters, estimated for those whose values are visibly not uniform in
# the block, and the density of the search is the mean over the blocks. The first trials of a search are nearly
# uniform, so no weight is larger than the number of blocks. Trials of a random search all weigh the same.
#
# Symbols: n trials, d parameters, w[n] weights that sum to 1.

BLOCK_SIZE, MOST_BLOCKS = 20, 12
GROUPS = 4  # of cells, whose counts are tested
VISIBLE = 3.0  # standard deviations by which the test's chi-squared value exceeds its mean
DENSITY_PRIOR = 5.0  # uniform trials that an estimate is mixed with


def space_weights(cells: Sequence[Cells]) -> Floats:
    """Return the weight w[n] of each trial, in the order in which they were asked for, given the cells of all [d]."""
    n = len(cells[0].of)
    blocks = min(max(n // BLOCK_SIZE, 1), MOST_BLOCKS)
    edges = np.linspace(0, n, blocks + 1).astype(np.intp)
    density = np.zeros(n)
    for start, stop in pairwise(edges.tolist()):
        log = np.zeros(n)
        for one in cells:
            relative = _relative_density(one, one.of[start:stop])
            if relative is not None:
                log += np.log(np.append(relative, 1.0))[one.of]
        density += np.exp(log) * ((stop - start) / n)
    weights: Floats = 1.0 / density
    weights /= weights.sum()
    return weights


def effective_count(w: Floats) -> float:
    """Return how many trials of equal weight tell as much as those of weights w[n] (Kish, 1965)."""
    return float(w.sum() ** 2 / (w * w).sum())


def _relative_density(one: Cells, block: NDArray[np.int16]) -> Floats | None:
    """Return the density of a block's values in each cell [k], over the uniform one; None: it looks uniform."""
    count = np.bincount(block, minlength=one.k + 1)[: one.k].astype(float)
    m = count.sum()
    if one.k < 2 or m < 2 * GROUPS:
        return None
    group = np.arange(one.k) * min(GROUPS, one.k) // one.k
    expected = m * np.bincount(group, one.share)
    chi = float(((np.bincount(group, count) - expected) ** 2 / expected).sum())
    free = len(expected) - 1
    if chi < free + VISIBLE * np.sqrt(2.0 * free):
        return None
    smooth = (count @ one.kernel) / (one.share @ one.kernel)
    density: Floats = (smooth + DENSITY_PRIOR) / (m + DENSITY_PRIOR)
    return density


# ----------------------------------------------------------------------------------------------------------------------
# Which parameters decide whether a point is among the best of the space, where a model has to say what results are.
#
# After a search that converged, hardly any trials lie elsewhere than near its best point. Trials alone cannot tell
# then what decides: where one parameter has good values, all others have them too. The Gaussian process can, as far
# as the few trials elsewhere show it.
#
# Symbols: M points spread over the space, f[M, k] expected results there in each of k columns, σ²[k] variance of the
# noise, γ the share of the space that counts as best, r(x) the probability that a result at x is among the best.

POINTS = 2_048
MOST_ROWS = (
    100  # trials of the model, so that 40 of shuffled values take a second; with more, the best and others by weight
)
NOISE_DRAWS = 100
HALVINGS = 30  # of the interval in which the threshold of a result among the best is searched


def modelled_shares(
    data: ImportanceData, w: Floats, gamma: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return the shares that parameters decide [r], in posterior draws [b, r], and with shuffled values [s, r].

    Args:
        data: the trials.
        w: their weights [n]; where there are many, those of large weight are in the model.
        gamma: the share of the space that counts as best.
        rng: chooses trials, draws, and shuffles.
    """
    data = _fewer(data, w, rng)
    features = FeatureMap(data.space)
    u = spread_points(data.space, POINTS, rng)
    params = list(data.space.params.values())
    cells = [Cells.make(params[j], u[:, j]) for j in data.wanted]
    model, _ = fitted(data, features, rng, of_good=False)
    model.draw(NOISE_DRAWS, rng)
    free = max(1, model.n - len(params) - 1)
    noise = model.noise_variance(u) * np.append(1.0, free / rng.chisquare(free, NOISE_DRAWS))
    found = _shares_of_best(cells, model.relative(u), noise, gamma)

    def value(other: Model) -> Floats:
        own: Floats = _shares_of_best(cells, other.relative(u), np.array([other.noise_variance(u)]), gamma)[0]
        return own

    nulls = np.array([value(other) for other, _, _ in shuffled_models(data, features, model.warped, rng)])
    return found[0], wider_draws(found[1:], value, data, features, model.warped, rng), nulls


def _fewer(data: ImportanceData, w: Floats, rng: np.random.Generator) -> ImportanceData:
    """Return the data with MOST_ROWS trials at most: the best ones, and others by their weights w[n]."""
    if len(data.y) <= MOST_ROWS:
        return data
    order = np.argsort(data.y, kind="stable")
    others = order[N_BEST:]
    drawn = rng.choice(others, MOST_ROWS - N_BEST, replace=False, p=w[others] / w[others].sum())
    rows = np.sort(np.concatenate([order[:N_BEST], drawn]))
    return replace(data, u=data.u[rows], y=data.y[rows])


def _shares_of_best(cells: list[Cells], f: Floats, noise: Floats, gamma: float) -> Floats:
    """Return the shares [k, r] of the variance of "is a result among the best?", γ (1 - γ), that parameters explain."""
    shares: Floats = main_variances(cells, among_best(f, noise, gamma)) / (gamma * (1.0 - gamma))
    return shares


def among_best(f: Floats, noise: Floats, gamma: float) -> Floats:
    """Return the probability r(x) that a result is among the best [M, k]; its mean over the points is γ.

    Args:
        f: expected results at the points [M, k], less is better.
        noise: the variance of a result around them [k].
        gamma: γ.
    """
    from scipy.special import ndtr

    sd = np.maximum(np.sqrt(noise), 1e-9 * (np.abs(f).max(axis=0) + 1e-300))
    low, high = f.min(axis=0) - 9.0 * sd, f.max(axis=0) + 9.0 * sd
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        above = ndtr((middle - f) / sd).mean(axis=0) > gamma
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray(ndtr((high - f) / sd))


# ----------------------------------------------------------------------------------------------------------------------

DRAWS = 200  # bootstrap samples
MOST_NUMBERS = 16_000_000  # in a table of rows and trials
COUNTED_WHOLE = 1 << 17  # trials; of more, a quarter of so many at a time
SHUFFLES = 400
PRIOR = 1.0  # trials that are as good as all are on average, mixed into each estimate of r
MOST_COLUMNS = 1_000  # cells that are counted at once
NOTICED = 0.5  # share of the trials that the effective count must fall below for a note
ENOUGH = 50  # effective trials: with fewer, a random tenth of the weight is a handful, and noise reaches any value


class PedAnova(Evaluator):
    """How much of "is this trial among the best?" each parameter decides; takes under a second for 10,000 trials.

    Trials are weighted by how densely the search looked at their places, so that the values are about the whole space
    (see `tunesmith.importance.ped_anova`); the best ones are the best tenth of the space, not of the trials. Both
    densities are smoothed by the same kernel, so values are smaller with few trials than
    with many. Intervals: a bootstrap over trials. Null line: values shuffled over trials. There are no pairs.

    Pruned trials count as not among the best, unless there is a target. Where a search converged, so that its trials
    say little of the rest of the space, a Gaussian process that is fitted to at most 100 of them says it (see
    `tunesmith.importance.ped_anova`): that takes about a second.

    Args:
        gamma: the share of the space that counts as best, between 0 and 1.
        weighted: False: every trial counts the same, as in the paper. After a search that converged, nearly all trials
            lie where the best ones do, and every parameter then seems to decide nothing.

    Raises:
        ValueError: gamma is not between 0 and 1.
    """

    name = "ped-anova"

    @checked()
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
        notes = [say("{:,} pruned trials count as not among the best.", n - len(data.y))] if len(data.pruned) else []
        if few:
            notes.append(say(CLOSE, n, count))
        if few and count < ENOUGH and len(data.pruned) <= len(data.y) and is_enough(data):
            value, draws, shuffled = modelled_shares(data, w[np.isfinite(y)], self.gamma, rng)
            notes.append(say("A model that is fitted to them says what results are elsewhere."))
        else:
            best = _Best.of(y, w, self.gamma)
            weight = (w * count).astype(np.float32)
            rows = (best.rows(part, rng) for part in _parts(1 + SHUFFLES, n))
            found = np.concatenate([_shares(cells, partial(_shuffled, weight, chosen)) for chosen in rows])
            value, shuffled = found[0], found[1:]
            own = best.rows(range(1), rng)[0] * weight
            samples = (BootstrapCounts(rng, len(part), n) for part in _parts(DRAWS, n))
            draws = np.concatenate([_shares(cells, partial(_resampled, weight, own, times)) for times in samples])
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


def _parts(count: int, n: int) -> list[range]:
    """Return the parts in which rows of n trials each are gone through, so that large studies fit into memory."""
    size = max(1, MOST_NUMBERS // n)
    return [range(start, min(start + size, count)) for start in range(0, count, size)]


@dataclass(frozen=True, slots=True, eq=False)
class _Best:
    """Tells which of n trials are among the best: of the study, and with values shuffled over the trials.

    Attributes:
        order: the trials that can be among the best, the best first [most].
        equals: how many trials there are up to the last one that is as good as the first, second and so on [n].
        w: weights of the trials [n].
        gamma: the weight of the best ones together; one trial belongs to them in any case, and who equals the last one.
    """

    order: Indices
    equals: Ints
    w: Floats
    gamma: float

    @classmethod
    def of(cls, y: Floats, w: Floats, gamma: float) -> _Best:
        """Return it for values y[n], which are infinite where all that is known is that a trial is not among the best.

        Args:
            y: values of the trials.
        """
        n = len(w)
        order = np.argsort(y, kind="stable")
        ranked = y[order]
        equals = np.minimum(np.searchsorted(ranked, ranked, side="right"), np.isfinite(y).sum())
        most = int(equals[min(n - 1, int(np.searchsorted(np.cumsum(np.sort(w)), gamma)))])
        return cls(order[:most].copy(), equals, w, gamma)

    def rows(self, part: range, rng: np.random.Generator) -> Mask:
        """Return which trials are among the best, bool[b, n]: row 0 is that of the study, the others are shuffled.

        Args:
            part: the rows.
            rng: shuffles; rows are to be asked for in their order.
        """
        n, most = len(self.w), len(self.order)
        best = np.zeros((len(part), n), np.bool_)
        for row, found in zip(part, best, strict=True):
            order = self.order if row == 0 else rng.choice(n, most, replace=False)
            reached = int((np.cumsum(self.w[order]) <= self.gamma + 1e-9).sum())
            found[order[: self.equals[max(reached, 1) - 1]]] = True
        return best


def _shuffled(weight: Singles, chosen: Mask, trials: slice) -> tuple[Singles, Singles]:
    """Return what `_shares` needs of some trials, for rows chosen[s, n] of the best ones."""
    return chosen[:, trials] * weight[trials], weight[None, trials]


def _resampled(weight: Singles, best: Singles, times: BootstrapCounts, trials: slice) -> tuple[Singles, Singles]:
    """Return what `_shares` needs of some trials, for bootstrap samples; best[n] has the weights of the best ones."""
    counts = times.of(trials)
    return counts * best[trials], counts * weight[trials]


def _shares(cells: list[Cells], weights: Callable[[slice], tuple[Singles, Singles]]) -> Floats:
    """Return the share that each parameter decides [s, r].

    Args:
        cells: of the parameters [r].
        weights: gives, of m of the trials, the weights of the best ones [s, m], 0 for others, and of all [s or 1, m].
    """
    n = len(cells[0].of)
    starts = np.cumsum([0, *(one.k + 1 for one in cells)])
    sums: list[Floats] = []
    step = n if n <= COUNTED_WHOLE else COUNTED_WHOLE // 4
    for first in range(0, n, step):
        trials = slice(first, min(first + step, n))
        counted = _counted(cells, trials, *weights(trials))
        sums = [before + new for before, new in zip(sums, counted, strict=True)] if sums else counted
    good, all_, best, every = sums
    shares = np.zeros((len(good), len(cells)))
    total = np.maximum(every, 1e-12)  # a bootstrap sample of few trials may have none
    rate = best / total  # γ
    spread = rate * (1.0 - rate)
    for i, (one, start) in enumerate(zip(cells, starts, strict=False)):
        own = slice(start, start + one.k)
        shares[:, i] = _variance(good[:, own], all_[:, own], one.kernel, total)
    out: Floats = np.divide(shares, spread[:, None], out=np.zeros_like(shares), where=spread[:, None] > 1e-9)
    return out


def _counted(cells: list[Cells], trials: slice, best: Singles, every: Singles) -> list[Floats]:
    """Return the weights of the best and of all trials in each cell [s, width], [s or 1, width], and their sums.

    Args:
        cells: of the parameters; the columns are those of one after the other.
        trials: which of the trials, m.
        best: weights of the best ones [s, m].
        every: weights of all [s or 1, m].
    """
    good, all_ = [], []
    at, most = 0, min(MOST_COLUMNS, 2 * MOST_NUMBERS // best.shape[1])
    while at < len(cells):
        stop, width = at, 0
        while stop < len(cells) and (stop == at or width + cells[stop].k + 1 <= most):
            width += cells[stop].k + 1
            stop += 1
        columns = np.zeros((best.shape[1], width), np.float32)
        start = 0
        for one in cells[at:stop]:
            columns[np.arange(len(columns)), start + one.of[trials].astype(np.intp)] = 1.0
            start += one.k + 1
        good.append((best @ columns).astype(float))
        all_.append((every @ columns).astype(float))
        at = stop
    sums = best.sum(axis=1, dtype=float), every.sum(axis=1, dtype=float)
    return [np.concatenate(good, axis=1), np.concatenate(all_, axis=1), *sums]


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
