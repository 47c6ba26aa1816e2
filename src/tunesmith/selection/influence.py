"""What each row adds to a metric that is no mean over rows, and how few rows such a metric depends on.

The influence of a row is the derivative of the metric by the row's weight, times the number of rows (the infinitesimal
jackknife: Jaeckel, 1972; Efron, 1982, chapter 6). Influences have mean 0, and the variance of the metric is that of
their mean. They are taken over the test rows of all folds at once, as a fold may hold one member of a class or none.

Symbols: n rows of weights w[n]; y[n] classes and p[n] predicted ones, both 0 to K - 1; v[n] values to rank by.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from tunesmith.numerics.arrays import Floats, Indices, Mask
from tunesmith.selection.intervals import two_sided, wilson

Score = Callable[[Indices, Indices, Floats], float]  # (y, p, weights) -> a metric of labels, greater is better

STEP = 1e-3  # by what part of itself a weight is changed for a derivative


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
            changed[c] *= 1.0 + STEP
            effect[c] = (self.score(self.y, self.p, changed) - whole) * total / (STEP * self.weight[c])
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
