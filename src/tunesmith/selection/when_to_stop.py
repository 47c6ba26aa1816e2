"""When enough was run: of the folds of one candidate, and of a search."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.foundation.numerics.arrays import Floats, Mask
from tunesmith.foundation.numerics.rank_tests import signed_rank_p
from tunesmith.selection.intervals import corrected_variance

# ----------------------------------------------------------------------------------------------------------------------
# Fold racing: whether a candidate is worth its remaining folds, judged by the scores of the best finished one.
#
# Symbols: K folds; s[K] scores of a candidate by fold, higher is better, NaN where a fold was not run; r[K] those of
# the incumbent, which is finished. Scores on one fold are compared in pairs, as a hard fold is hard for all.

RULES = ("paired", "forgiving", "wilcoxon")
BEHIND_ERRORS = 1.5  # by how many standard errors a candidate may be behind
PAIRED_TEST_LEVEL = 0.05  # of the paired test
PAIRED_TEST_FOLDS = 3  # folds before the paired test says anything
SIGNED_RANK_PAIRS = 6  # pairs from which the signed-rank test can reach PAIRED_TEST_LEVEL with something to spare: 1/64


@dataclass(frozen=True, slots=True)
class Race:
    """The incumbent that candidates are compared with, and the rule by which they are given up.

    ``"paired"`` gives a candidate up when it is behind the incumbent, on average over the folds that it ran, by more
    than 1.5 · s / √k: s is the standard deviation of the incumbent's scores over folds, k how many the candidate ran.
    So it takes less to be given up from fold to fold. Measured on tables of 25 configurations (SVC, tree, k-NN, ridge;
    100 and 300 rows), without a loss on test data: five folds take 84 of 125 fits ("forgiving" 88) and miss the winner
    in 2.6 % (4.6 %) of the searches, ten take 159 of 250 (200) and miss it in 8 % (6 %), three 53 of 75 (51) and 5 %
    (5 %).

    ``"forgiving"`` gives a candidate up when its mean over the folds run so far is worse than the worst single fold of
    the incumbent (Bergman, Purucker and Hutter, "Don't Waste Your Time: Early Stopping Cross-Validation", AutoML 2024).
    It can act after the first fold. Measured on 36 tables of 60 configurations (SVC, tree, k-NN; 100 and 300 rows; five
    folds) it saves 38 % of the fits and misses the winner in 0.2 % (100 rows) and 4 % (300 rows) of the searches, with
    no loss on test data, if each candidate begins with another fold; in a fixed order it is 6 % and 7 %.

    ``"wilcoxon"`` gives a candidate up when a one-sided paired test against the incumbent on the same folds has a p
    value below 0.05: the signed-rank test from six folds on. With fewer its p values are too coarse (1/32 at
    best with five), so there it is Student's paired t test, from three folds on. So with ``cv=3`` it can save nothing,
    with ``cv=5`` at most two folds of a candidate, and it is made for ten folds and repeated ones. The test is made
    after each fold without a correction for looking often: a candidate as good as the incumbent is dropped more often
    than one time in twenty. On the same tables it saves 17 % of the fits and misses no winner.

    Attributes:
        rule: "paired", "forgiving" or "wilcoxon".
        scores: the incumbent's score on each fold, finite, higher is better.
    """

    rule: str
    scores: tuple[float, ...]

    def __post_init__(self) -> None:
        if self.rule not in RULES:
            raise ValueError(f"Race: rule must be one of {', '.join(map(repr, RULES))}; got {self.rule!r}")
        if not self.scores or not all(map(math.isfinite, self.scores)):
            raise ValueError(f"Race: the incumbent needs a finite score on every fold; got {self.scores}")

    @property
    def mean(self) -> float:
        """The incumbent's mean score."""
        return math.fsum(self.scores) / len(self.scores)

    def hopeless(self, scores: ArrayLike) -> bool:
        """Tell whether a candidate is to be given up.

        Args:
            scores: its scores by fold, [K]; NaN: not run. A fold that failed has no score either, and a candidate
                that has one must not be asked about: it has no mean to compare.
        """
        own, ran = self._own(scores)
        if not ran.any() or ran.all():
            return False  # nothing is known, or nothing is left to be saved
        if self.rule == "forgiving":
            return bool(own[ran].mean() < min(self.scores))
        if self.rule == "paired":
            spread = float(np.std(self.scores, ddof=1))
            return bool(np.mean(own[ran] - np.array(self.scores)[ran]) < -BEHIND_ERRORS * spread / math.sqrt(ran.sum()))
        return p_worse(own[ran] - np.array(self.scores)[ran]) < PAIRED_TEST_LEVEL

    def value(self, scores: ArrayLike) -> float:
        """Return an estimate of the mean over all folds of a candidate that was given up.

        It is the mean over the folds run, corrected for how hard these were for the incumbent:
        mean(s) - mean(r on the same folds) + mean(r), and never above the incumbent's mean, below which it was dropped.

        Args:
            scores: its scores by fold, [K]; NaN: not run.
        """
        own, ran = self._own(scores)
        if not ran.any():
            return math.nan
        with np.errstate(invalid="ignore"):
            behind = float(np.mean(own[ran] - np.array(self.scores)[ran]))
        return self.mean + min(behind, 0.0)

    def _own(self, scores: ArrayLike) -> tuple[Floats, Mask]:
        own = np.asarray(scores, np.float64)
        if own.shape != (len(self.scores),):
            raise ValueError(f"Race: a candidate has a score (or NaN) for each of {len(self.scores)} folds; got {own}")
        return own, ~np.isnan(own)


def p_worse(differences: Floats) -> float:
    """Return the p value of a one-sided paired test that the differences [n] lie below zero; see `Race`.

    With fewer than three differences, or where they are infinite both ways, the test says nothing: 1.
    """
    d, n = differences, len(differences)
    if n < PAIRED_TEST_FOLDS or np.isnan(d).any() or not (d < 0).any():
        return 1.0
    if n >= SIGNED_RANK_PAIRS:
        return signed_rank_p(d)
    if not np.isfinite(d).all():
        return 0.0 if (d < 0).all() else 1.0
    mean, sd = float(d.mean()), float(d.std(ddof=1))
    if sd <= 1e-12 * abs(mean):
        return 0.0 if mean < 0 else 1.0
    from scipy.special import stdtr  # Student's distribution function

    return float(stdtr(n - 1, mean / (sd / math.sqrt(n))))


# ----------------------------------------------------------------------------------------------------------------------
# When a search may stop by itself: once the possible gain is less than the noise of a score.
#
# The rule is that of Makarova et al., "Automatic Termination for Hyperparameter Optimization" (AutoML 2022): the simple
# regret is at most min UCB(evaluated) - min LCB(space), and a configuration that is better by less than the standard
# deviation of the score cannot be told from the one at hand. Values are minimised.

BOUNDS_MISS_SHARE = 0.1  # the bounds hold with probability 1 - BOUNDS_MISS_SHARE, by the theory of GP-UCB
MIN_TRIALS, MIN_TRIALS_PER_PARAMETER = 20, 4  # trials before the rule is asked


@dataclass(frozen=True, slots=True)
class Convergence:
    """The answer of the stopping rule.

    Attributes:
        converged: whether to stop.
        gap: the most that a longer search can be expected to gain, in the score's unit.
        noise: the standard deviation of the score, in the same unit.
    """

    converged: bool
    gap: float
    noise: float


def bound_width(n: int, d: int, delta: float = BOUNDS_MISS_SHARE) -> float:
    """Return how many standard deviations the bounds are from the mean, after n trials of d parameters.

    The square root of a fifth of 2 ln(d n² π² / 6δ): GP-UCB's own constant is known to be far too careful
    (Srinivas et al., ICML 2010, section 6).

    Args:
        n: how many trials.
        d: how many parameters.
        delta: the bounds hold with probability 1 - delta.
    """
    return math.sqrt(0.4 * math.log(max(d, 1) * max(n, 1) ** 2 * math.pi**2 / (6.0 * delta)))


def min_trials(d: int) -> int:
    """Return how many trials with a value there must be before a search over d parameters may stop."""
    return max(MIN_TRIALS, MIN_TRIALS_PER_PARAMETER * d)


def is_due(n: int, last: int) -> bool:
    """Tell whether to look again after n trials, having looked at `last`: every fifth, and rarer as n grows."""
    return n - last >= max(5, n // 10)


def converged(upper: ArrayLike, lower: ArrayLike, noise: float) -> Convergence:
    """Decide from confidence bounds whether a search has converged.

    Args:
        upper: upper bounds of the expected value at the evaluated points [n].
        lower: lower bounds anywhere in the space [m]; their minimum counts.
        noise: standard deviation of a score, from `fold_noise` or a model.

    Raises:
        ValueError: there are no bounds, one of them is NaN, or the noise is negative.
    """
    high, low = np.asarray(upper, float), np.asarray(lower, float)
    if not high.size or not low.size or np.isnan(high).any() or np.isnan(low).any():
        raise ValueError(
            f"converged() takes one upper and one lower bound at least, and no NaN; got {upper!r}, {lower!r}"
        )
    if not noise >= 0:
        raise ValueError(f"converged() takes a standard deviation, 0 or more, as noise; got {noise}")
    gap = max(0.0, float(high.min() - low.min()))
    return Convergence(gap < noise, gap, float(noise))


def fold_noise(scores: ArrayLike, n_train: float, n_test: float) -> float:
    """Return the standard deviation of a cross-validated mean, corrected for training sets that overlap.

    See `corrected_variance`; of several candidates, the median of their variances.

    Args:
        scores: of the folds, [K] or [C, K]; candidates with a NaN are left out.
        n_train: rows that a fold trains on.
        n_test: rows that it is scored on.

    Raises:
        ValueError: no candidate has two folds or more, or a number of rows is not positive.
    """
    table = np.atleast_2d(np.asarray(scores, float))
    table = table[np.isfinite(table).all(axis=1)]
    if table.shape[0] == 0 or table.shape[1] < 2:
        raise ValueError(f"fold_noise() needs the scores of two folds at least; got the shape {np.shape(scores)}")
    if not (n_train > 0 and n_test > 0):
        raise ValueError(f"fold_noise() needs positive numbers of rows; got n_train={n_train}, n_test={n_test}")
    return math.sqrt(float(np.median(corrected_variance(table, n_test / n_train))))
