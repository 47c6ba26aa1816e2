"""How sure a mean is: intervals, splits that overlap, the influence of rows, and pseudo-values."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.errors import SelectionError
from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask

# ----------------------------------------------------------------------------------------------------------------------
# The variance of a mean over splits whose training sets overlap (Nadeau and Bengio, Machine Learning 52, 2003).


def variance_inflation(n_splits: int, test_to_train: float | None = None) -> float:
    """Return by how much overlapping training sets inflate the variance of a mean over splits.

    The mean over J splits has (1/J + n_test/n_train) times the variance of one split's score, where independent
    training sets would give 1/J.

    Args:
        n_splits: J.
        test_to_train: n_test / n_train of a split; 1 / (J - 1), as of J folds, if None.

    Raises:
        SelectionError: no split, or a ratio that is not positive.
    """
    ratio = 1.0 / max(n_splits - 1, 1) if test_to_train is None else test_to_train
    if n_splits < 1 or not ratio > 0.0:
        raise SelectionError(f"at least one split and test_to_train > 0 are expected; given {n_splits} and {ratio!r}")
    return 1.0 + n_splits * ratio


def corrected_variance(scores: ArrayLike, test_to_train: float | None = None) -> Floats:
    """Return the variance of the mean over splits.

    Args:
        scores: [K], of one candidate, or [C, K].
        test_to_train: as for `variance_inflation`.

    Returns:
        A number, or [C]; NaN where a score is missing, and where there is one split alone.

    Raises:
        SelectionError: as `variance_inflation`.
    """
    values = np.asarray(scores, dtype=np.float64)
    k = values.shape[-1]
    factor = variance_inflation(k, test_to_train)
    if k < 2:
        return np.full(values.shape[:-1], np.nan)
    return np.asarray(factor * values.var(axis=-1, ddof=1) / k)


# ----------------------------------------------------------------------------------------------------------------------
# Intervals of a mean from its standard error.

Bounds = tuple[float, float]
UNBOUNDED: Bounds = (-math.inf, math.inf)
UNBOUNDED_LOSS: Bounds = (0.0, math.inf)  # losses that are compared by their logarithms


NO_INTERVAL = "There is no interval, because all scores are the same: how much they vary is not known."


def no_interval_notes(ends: Bounds) -> tuple[str, ...]:
    """Return the note on a score whose interval is not known."""
    return (NO_INTERVAL,) if math.isnan(ends[0]) else ()


def check_level(level: Any) -> None:
    """Raise unless this is the level of an interval.

    Raises:
        SelectionError: it is not a number between 0 and 1.
    """
    if not isinstance(level, Real) or not 0.0 < float(level) < 1.0:
        raise SelectionError(f"level= is that of an interval, between 0 and 1, such as 0.95; got {level!r}")


def check_least(least: int, **given: float | None) -> None:
    """Raise unless numbers are at least so high.

    Args:
        least: what they are at least.
        given: them, by the names of arguments; None counts as high enough.

    Raises:
        SelectionError: one of them is less; it is named.
    """
    for name, value in given.items():
        if value is not None and not value >= least:
            raise SelectionError(f"{name} must be {least} or more; got {value!r}")


def p_value(gain: float, error: float, dof: float) -> float:
    """Return the one-sided p-value of "the gain is not positive" by Student's t; NaN if the error is not known.

    It is below (1 - level) / 2 exactly where `interval` of the same arguments lies above 0.

    Args:
        gain: the estimate.
        error: its standard error; if it is 0, the gain's sign decides.
        dof: degrees of freedom of `error`; fewer than 1: it is not known; infinite: it is known exactly.
    """
    from scipy.special import stdtr

    if not error > 0.0 or dof < 1.0:
        return math.nan if math.isnan(error) or dof < 1.0 else float(gain <= 0.0)
    return float(stdtr(dof, -gain / error))


def two_sided(level: float) -> float:
    """Return the half-width of an interval of a normal distribution, in standard deviations."""
    from scipy.special import ndtri

    return float(ndtri(0.5 + level / 2.0))


def wilson(share: float, size: float, quantile: float) -> Bounds:
    """Return Wilson's interval of a share of `size` rows, which need not be whole, at a quantile of the normal."""
    q = quantile**2 / size
    centre, half = (share + q / 2.0) / (1.0 + q), math.sqrt(q * share * (1.0 - share) + q**2 / 4.0) / (1.0 + q)
    return max(min(centre - half, share), 0.0), min(max(centre + half, share), 1.0)


def score_interval(
    value: float,
    error: float,
    dof: float,
    *,
    level: float = 0.95,
    bounds: Bounds = UNBOUNDED,
    size: float | None = None,
) -> Bounds:
    """Return the interval of a mean as `interval` does, or NaN where the error does not determine it.

    It does not if the error is not finite, or if it is 0 and there are no two finite bounds.
    """
    if not math.isfinite(error) or not (error > 0.0 or all(map(math.isfinite, bounds))):
        return math.nan, math.nan
    return interval(value, error, dof, level=level, bounds=bounds, size=size)


def interval(
    value: float,
    error: float,
    dof: float,
    *,
    level: float = 0.95,
    bounds: Bounds = UNBOUNDED,
    size: float | None = None,
) -> Bounds:
    """Return the interval of a mean.

    Between two finite bounds it is Wilson's, with the number of rows that would give `error` for a proportion. Such an
    interval stays between the bounds and is longer towards the middle. Otherwise it is Student's.

    Args:
        level: the probability that the interval should hold.
        bounds: between which the truth lies.
        size: how many observations there were, for a score without error; dof + 1 if None.
    """
    from scipy.special import stdtrit  # Student's quantiles without the second that scipy.stats takes to import

    quantile = float(stdtrit(max(dof, 1.0), 0.5 + level / 2))
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high)):
        if dof < 1.0:  # one row has no spread
            return bounds
        return max(low, value - quantile * error), min(high, value + quantile * error)
    share = min(max((value - low) / (high - low), 0.0), 1.0)
    relative = error / (high - low)
    # A score with no error among n rows still has the interval of 0 out of n (or n out of n).
    spread = share * (1.0 - share)
    # Fewer than one row count as one; more than 1e12 as 1e12.
    if relative > 0.0 and spread > 0.0:
        ends = wilson(share, min(max(spread / max(relative**2, 1e-24), 1.0), 1e12), quantile)
    else:
        ends = wilson(share, max(dof + 1.0 if size is None else size, 1.0), two_sided(level))
    return low + (high - low) * ends[0], low + (high - low) * ends[1]


# ----------------------------------------------------------------------------------------------------------------------
# What each row adds to a metric that is not a mean over rows, and how few rows such a metric depends on.
#
# The influence of a row is the derivative of the metric by the row's weight, times the number of rows (the
# infinitesimal jackknife: Jaeckel, 1972; Efron, 1982, chapter 6). Influences have mean 0, and the variance of the
# metric is that of their mean. They are taken over the test rows of all folds at once, as a fold may hold one member
# of a class or none.
#
# Symbols: n rows of weights w[n]; y[n] classes and p[n] predicted ones, both 0 to K - 1; v[n] values to rank by.

Score = Callable[[Indices, Indices, Floats], float]  # (y, p, weights) -> a metric of labels, greater is better

WEIGHT_STEP = 1e-3  # by what part of itself a weight is changed for a derivative


@dataclass(frozen=True, slots=True)
class EffectiveSample:
    """The rows that decide a metric, as a number of independent observations.

    Attributes:
        size: the number; each observation could change the score by one over it, as a part of the metric's range.
        below: how far the true mean loss may lie below the one seen, at the level asked for; NaN: the losses say it.
        above: how far above.
        unseen: how much more it may be by what can happen and did not: a class that was given no chance in many rows,
            and was the true one in none of them.
        likely: how much more it is for that, as is to be expected.
    """

    size: float
    below: float = math.nan
    above: float = math.nan
    unseen: float = 0.0
    likely: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """A metric that is a function of the confusion matrix, and the cells of the matrix that occur."""

    score: Score  # the metric; it must take weights
    y: Indices  # classes of the cells
    p: Indices  # predicted classes of the cells
    weight: Floats  # total weights of the cells
    n_classes: int

    @classmethod
    def of(cls, score: Score, y: Indices, p: Indices, w: Floats, n_classes: int) -> tuple[Confusion, Indices]:
        """Return the matrix of rows, and the cell of each row [n]."""
        code, cell = np.unique(y * n_classes + p, return_inverse=True)
        cell = np.asarray(cell.ravel(), np.intp)
        weight = np.bincount(cell, w, minlength=len(code)).astype(np.float64)
        return cls(score, code // n_classes, code % n_classes, weight, n_classes), cell

    def influences(self) -> Floats:
        """Return what a row of each cell adds to the metric, [cells]; their mean, weighted by the cells, is 0."""
        whole = self.score(self.y, self.p, self.weight)
        total = float(self.weight.sum())
        effect = np.zeros(len(self.weight))
        for c in range(len(effect)):
            changed = self.weight.copy()
            changed[c] *= 1.0 + WEIGHT_STEP
            effect[c] = (self.score(self.y, self.p, changed) - whole) * total / (WEIGHT_STEP * self.weight[c])
        return effect - self.weight @ effect / total

    def effective_sample(self, sizes: Floats, shares: Floats, level: float, width: float) -> EffectiveSample:
        """Return the limits of the metric from those of each class's rate of hits and of its share.

        The limits are Wilson's. They are combined by the method of variance estimates recovery (Donner and Zou,
        Statistical Methods in Medical Research 21, 2012): the square of the distance from the score to its limit is the
        sum of the squares of what each rate alone would move it. So a rate of 0 or 1 among five rows counts by its
        limit, where a variance would be 0.

        `sizes` [K] are the effective numbers of rows of each class, `shares` [K] those for the share of each class, and
        `width` is that of the metric's range.
        """
        whole = self.score(self.y, self.p, self.weight)
        quantile = two_sided(level)
        worse = better = 0.0
        size = math.inf
        present = np.bincount(self.y, self.weight, minlength=self.n_classes)
        for k in np.flatnonzero(present > 0).tolist():
            own = self.y == k
            rate = float(self.weight[own & (self.p == k)].sum() / present[k])
            low, high = wilson(rate, sizes[k], quantile)
            ends = [self._with_rate(k, r) - whole for r in (low, high)]
            worse, better = worse + min(*ends, 0.0) ** 2, better + max(*ends, 0.0) ** 2
            effect = abs(self._with_rate(k, 1.0) - self._with_rate(k, 0.0)) / width
            size = min(size, sizes[k] / effect if effect > 1e-9 else math.inf)
            share = float(present[k] / present.sum())
            if share < 1.0:
                low, high = wilson(share, shares[k], quantile)
                ends = [self._with_share(own, share, s) - whole for s in (low, high)]
                worse += (1.0 - share) * min(*ends, 0.0) ** 2
                better += (1.0 - share) * max(*ends, 0.0) ** 2
        return EffectiveSample(size, math.sqrt(better), math.sqrt(worse))

    def _with_rate(self, k: int, rate: float) -> float:
        """Return the metric for another share of class k that is predicted as k, all else unchanged."""
        own, hit = self.y == k, (self.y == k) & (self.p == k)
        total = float(self.weight[own].sum())
        wrong = total - float(self.weight[hit].sum())
        y, p, weight = self.y, self.p, self.weight.copy()
        if not hit.any():
            y, p, weight = np.append(y, k), np.append(p, k), np.append(weight, 0.0)
            hit = np.append(hit, True)
        others = (y == k) & ~hit
        if wrong > 0.0:
            weight[others] *= (1.0 - rate) * total / wrong
        else:
            rest = np.array([j for j in range(self.n_classes) if j != k], np.intp)
            y, p = np.append(y, np.full(len(rest), k)), np.append(p, rest)
            hit = np.append(hit, np.zeros(len(rest), bool))
            weight = np.append(weight, np.full(len(rest), (1.0 - rate) * total / max(len(rest), 1)))
        weight[hit] = rate * total
        return self._of(y, p, weight)

    def _with_share(self, own: Mask, share: float, wanted: float) -> float:
        """Return the metric for another share of the rows `own` among all, all else unchanged."""
        factor = np.where(own, wanted / share, (1.0 - wanted) / (1.0 - share))
        return self._of(self.y, self.p, self.weight * factor)

    def _of(self, y: Indices, p: Indices, weight: Floats) -> float:
        some = weight > 0.0
        return self.score(y[some], p[some], weight[some])


def effective_size(member: Mask, hit: Mask, w: Floats, groups: Indices | None) -> float:
    """Return the effective number of independent rows behind the rate of hits among the members.

    Weights count by Kish's formula. Rows of a group are correlated as far as their hits are: the ratio of the variances
    with and without the groups says how far. Where all members are hits, or none is, a group counts as one row.
    """
    own = w[member]
    if not len(own):
        return 0.0
    size = float(own.sum() ** 2 / (own @ own))
    if groups is None:
        return size
    at = groups[member]
    off = own * (hit[member] - float(own @ hit[member]) / own.sum())
    alone = float(off @ off)
    if alone > 1e-12:
        together = np.bincount(at, off)
        return size / max(float(together @ together) / alone, 1.0)
    mass = np.bincount(at, own)
    return float(mass.sum() ** 2 / (mass @ mass))


def folds_of(fold: Indices) -> Iterator[Indices]:
    """Yield the rows of each fold."""
    for f in np.unique(fold):
        yield np.flatnonzero(fold == f)


def area_influence(y: Mask, v: Floats, fold: Indices) -> tuple[Floats, Floats]:
    """Return the ROC AUC of each fold, and the influences [n] of rows that are ranked within their fold.

    They are the structural components of DeLong, DeLong and Clarke-Pearson (Biometrics 44, 1988): the share of the
    other class that a row is ranked on the right side of, ties counting half. They are compared with the mean over the
    class in all folds, so that a fold with one member of a class counts, too.
    """
    from scipy.stats import rankdata

    right, areas = np.empty(len(y)), []
    for rows in folds_of(fold):
        own, rank = y[rows], rankdata(v[rows])
        n, n1 = len(rows), int(own.sum())
        part = np.empty(n)
        part[own] = (rank[own] - rankdata(v[rows][own])) / (n - n1)
        part[~own] = 1.0 - (rank[~own] - rankdata(v[rows][~own])) / n1
        right[rows] = part
        areas.append(float(part[own].mean()))
    effect = np.empty(len(y))
    for side in (y, ~y):
        effect[side] = (right[side] - right[side].mean()) * (len(y) / side.sum())
    return np.array(areas), effect


def precision_influence(y: Mask, v: Floats, fold: Indices) -> tuple[Floats, Floats]:
    """Return the average precision of each fold, and the influences [n] of rows that are ranked within their fold.

    AP = Σ_i y_i T_i / N_i / Σ_i y_i, where N_i rows of the fold, T_i positive ones among them, have a value of v_i or
    more; the sums are over all folds.
    """
    own, through, scores = np.zeros(len(y)), np.zeros(len(y)), []
    for rows in folds_of(fold):
        order = rows[np.argsort(-v[rows], kind="stable")]
        positive = y[order].astype(np.float64)
        last = np.flatnonzero(np.append(v[order][1:] != v[order][:-1], True))  # of those that are tied
        tie = np.searchsorted(last, np.arange(len(order)))
        hits, count = np.cumsum(positive)[last], last + 1.0
        here = np.diff(hits, prepend=0.0)  # positive ones at each value
        # A row of weight w more adds w to N of all rows at or below its value, and, if positive, to T of them.
        fall = np.cumsum((here * hits / count**2)[::-1])[::-1]
        rise = np.cumsum((here / count)[::-1])[::-1]
        own[order] = positive * (hits / count)[tie]
        through[order] = positive * rise[tie] - fall[tie]
        scores.append(float(own[rows].sum()) / float(y[rows].sum()))
    n1 = float(y.sum())
    score = float(own.sum()) / n1
    effect = (own + through - score * y) * len(y) / n1
    return np.array(scores), np.asarray(effect - effect.mean())


# ----------------------------------------------------------------------------------------------------------------------
# Pseudo-values: losses of rows for a metric that is not a mean over rows.
#
# The pseudo-value of a block of rows is what the block adds to the score of its fold (Tukey, 1958). Their mean is the
# score, and their spread is that of the score, so one method of choosing serves every metric.


def pseudo_losses(
    score: Callable[[Indices], float],
    n_rows: int,
    *,
    strata: ArrayLike | None = None,
    n_blocks: int = 20,
) -> Floats:
    """Return losses of the rows of one fold whose mean is minus the fold's score, for any metric.

    Block g of G gets the jackknife's pseudo-value G·S - (G - 1)·S(-g). Its deviation from S is that of a mean over
    the block's rows; scaled by the square root of their number it has the spread of single rows. Use the same
    `strata` for every candidate, so that their losses are paired.

    Args:
        score: rows to keep, ascending -> the metric on them, greater is better. Called G + 1 times.
        n_rows: rows of the fold.
        strata: [n_rows], class labels, which are spread evenly over the blocks.
        n_blocks: G, at most; every row is its own block if there are no more than that.

    Returns:
        [n_rows]; all NaN where the score is not finite, or has no value without any one block. Of a block without which
        it has none (it held the only row of a class) nothing is known: it counts as average, and the others for it.

    Raises:
        SelectionError: there is no row, or strata is not [n_rows].
    """
    if n_rows < 1:
        raise SelectionError("pseudo-values need at least one row; the fold has none")
    everything = np.arange(n_rows)
    whole = float(score(everything))
    if not math.isfinite(whole):
        return np.full(n_rows, math.nan)
    n_blocks = min(n_rows, n_blocks)
    if n_blocks < 2:
        return np.full(n_rows, -whole)
    block = _random_blocks(n_rows, n_blocks, strata, np.random.default_rng([0, n_rows]))
    without = np.array([float(score(everything[block != g])) for g in range(n_blocks)])
    known = np.isfinite(without)
    if not known.any():
        return np.full(n_rows, math.nan)
    effect = (n_blocks - 1) * (whole - without)
    deviation = np.where(known, effect, effect[known].mean())[block]
    deviation = (deviation - deviation.mean()) * math.sqrt(n_rows / known.sum())
    return np.asarray(-(whole + deviation))


def _random_blocks(n_rows: int, n_blocks: int, strata: ArrayLike | None, rng: np.random.Generator) -> Indices:
    """Return each row's block: rows are shuffled, ordered by class, and given to the blocks in turn."""
    order = rng.permutation(n_rows)
    if strata is not None:
        labels = np.asarray(strata)
        if labels.shape != (n_rows,):
            raise SelectionError(f"strata have shape {labels.shape}; one label for each of {n_rows} rows is expected")
        order = order[np.argsort(np.unique(labels, return_inverse=True)[1][order], kind="stable")]
    block = np.empty(n_rows, np.intp)
    block[order] = np.arange(n_rows) % n_blocks
    return block
