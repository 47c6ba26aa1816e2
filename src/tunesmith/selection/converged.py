"""When a search may stop by itself: once the possible gain is less than the noise of a score.

The rule is that of Makarova et al., "Automatic Termination for Hyperparameter Optimization" (AutoML 2022): the simple
regret is at most min UCB(evaluated) - min LCB(space), and a configuration that is better by less than the standard
deviation of the score cannot be told from the one at hand. Values are minimised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunesmith.selection.variance import corrected_variance

Floats = NDArray[np.float64]
DELTA = 0.1  # the bounds hold with probability 1 - DELTA, by the theory of GP-UCB
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


def bound_width(n: int, d: int, delta: float = DELTA) -> float:
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

    See `.variance.corrected_variance`; of several candidates, the median of their variances.

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
