"""What can be said from scores of folds alone, where no prediction was kept.

Symbols: C candidates, K folds; e[C, K] their losses, smaller is better.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunesmith.errors import SelectionError
from tunesmith.selection.intervals import interval, p_value, score_interval
from tunesmith.selection.report import Estimate

METHOD = "comparing the winner with the best of each fold (Tibshirani and Tibshirani)"


def inflation(n_splits: int, test_to_train: float | None = None) -> float:
    """Return by how much overlapping training sets inflate the variance of a mean over splits.

    Nadeau and Bengio (2003): the mean over J splits has (1/J + n_test/n_train) times the variance of one split's
    score, where independent training sets would give 1/J.

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


def corrected_error(scores: ArrayLike, test_to_train: float | None = None) -> float:
    """Return the standard error of the mean of the folds' scores, for training sets that overlap.

    Args:
        scores: [K], of one candidate.
        test_to_train: n_test / n_train of a fold; 1 / (K - 1) if None.

    Raises:
        SelectionError: as `inflation`. One score alone has no error: NaN comes back.
    """
    values = np.asarray(scores, dtype=np.float64).ravel()
    factor = inflation(values.size, test_to_train)
    if values.size < 2:
        return math.nan
    return math.sqrt(factor * float(values.var(ddof=1)) / values.size)


@dataclass(frozen=True)
class FoldEstimate:
    """The corrected loss of the best candidate, from fold scores.

    Attributes:
        index: the candidate with the smallest mean.
        value: its corrected loss.
        interval: of its true loss.
        error: the standard error of `value`.
        naive: its own mean.
    """

    index: int
    value: float
    interval: tuple[float, float]
    error: float
    naive: float

    @property
    def optimism(self) -> float:
        """By how much `naive` is too good; never negative."""
        return self.value - self.naive


@dataclass(frozen=True)
class FoldChoice:
    """Which candidate to return, and what it is worth, from fold scores.

    Attributes:
        index: the candidate.
        kept_default: the default was kept because no candidate was credibly better.
        challenger: the one that leads among those that are not the default.
        estimate: of the loss of the chosen one.
        gain: over the default, 0 if that was kept; None where there is no default.
        p_value: one-sided, of "the challenger is no better than the default"; None where there is no default.
    """

    index: int
    kept_default: bool
    challenger: int
    estimate: FoldEstimate
    gain: Estimate | None
    p_value: float | None


def choose_by_folds(
    losses: ArrayLike,
    *,
    default: int | None = None,
    prefer_default: bool = True,
    challenger: int | None = None,
    simpler: bool = False,
    caution: float = 1.0,
    test_to_train: float | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    level: float = 0.95,
) -> FoldChoice:
    """Choose by fold scores alone: the smallest mean, if its gain over the default exceeds one standard error.

    The gain is that of the folds in pairs, less the correction of :func:`tibshirani` for the choice among many; its
    error is corrected for training sets that overlap. With few folds the default is kept often.

    Args:
        losses: [C, K]. Candidates with a NaN are not chosen.
        default: the default's place, or None.
        prefer_default: keep the default unless the gain is credible.
        challenger: who leads, if it is not the one with the smallest mean.
        simpler: whether that one is simpler than the default, and so replaces it unless it is worse by more than a
            standard error.
        caution: how many standard errors make a gain credible.
        test_to_train: n_test / n_train of a fold; 1 / (K - 1) if None.
        bounds: between which the mean loss lies.
        level: of the intervals.

    Raises:
        SelectionError: as :func:`tibshirani`.
    """
    e = np.asarray(losses, dtype=np.float64)
    lead = challenger
    if lead is None and default is not None and np.isfinite(np.delete(e, default, axis=0)).all(axis=1).any():
        others = e.copy()
        others[default] = math.nan
        lead = tibshirani(others).index
    best = tibshirani(e, index=lead, test_to_train=test_to_train, bounds=bounds, level=level)
    if default is None or not np.isfinite(e[default]).all():
        return FoldChoice(best.index, False, best.index, best, None, None)
    own = tibshirani(e, index=default, test_to_train=test_to_train, bounds=bounds, level=level)
    own = replace(own, value=own.naive, interval=_ends(own.naive, e[default], test_to_train, bounds, level))
    if best.index == default:
        return FoldChoice(default, False, default, own, Estimate(0.0, (0.0, 0.0)), 1.0)
    difference = e[default] - e[best.index]
    error = corrected_error(difference, test_to_train)
    seen = float(difference.mean())
    gain = seen - best.optimism
    credible = (gain > 0.0 or caution < 0.0) and not gain <= caution * error
    won = (seen > 0.0 and (credible or not prefer_default)) or (simpler and seen >= -error)
    spread = math.hypot(error, best.optimism)  # the correction counts as known to its own size only
    p = p_value(gain, spread, len(difference) - 1.0)
    if not won:
        return FoldChoice(default, prefer_default, best.index, own, Estimate(0.0, (0.0, 0.0)), p)
    ends = (math.nan, math.nan)
    if math.isfinite(error):
        ends = interval(gain, spread, len(difference) - 1.0, level=level)
    return FoldChoice(best.index, False, best.index, best, Estimate(gain, ends), p)


def _ends(
    value: float, losses: NDArray[np.float64], ratio: float | None, bounds: tuple[float, float], level: float
) -> tuple[float, float]:
    """Return the interval of a loss that was not chosen for being small."""
    return score_interval(value, corrected_error(losses, ratio), len(losses) - 1.0, level=level, bounds=bounds)


def tibshirani(
    losses: ArrayLike,
    *,
    index: int | None = None,
    test_to_train: float | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    level: float = 0.95,
) -> FoldEstimate:
    """Estimate the true loss of the best candidate from its folds' losses (Tibshirani and Tibshirani, 2009).

    value = ē(ĉ) + (1/K) Σ_k [e_k(ĉ) − e_k(ĉ_k)], where ĉ has the smallest mean and ĉ_k is the best on fold k alone.

    Args:
        losses: [C, K]. Candidates with a NaN are not chosen.
        index: ĉ, if it was chosen otherwise.
        test_to_train: n_test / n_train of a fold; 1 / (K - 1) if None.
        bounds: between which the mean loss lies.
        level: of the interval.

    Raises:
        SelectionError: the shape is wrong, or no candidate has a finite loss on every fold.
    """
    e = np.asarray(losses, dtype=np.float64)
    if e.ndim != 2 or not e.size:
        raise SelectionError(f"losses have shape {e.shape}; [candidates, folds] is expected, at least one each")
    complete: NDArray[np.bool_] = np.asarray(np.isfinite(e).all(axis=1))
    if not complete.any() or (index is not None and not complete[index]):
        raise SelectionError("the chosen candidate has no finite loss on some fold (or no candidate has one on all)")
    mean = np.where(complete, np.where(complete[:, None], e, 0.0).mean(axis=1), np.inf)
    best = int(mean.argmin()) if index is None else index
    naive = float(e[best].mean())
    correction = max(float((e[best] - e[complete].min(axis=0)).mean()), 0.0)
    spread = corrected_error(e[best], test_to_train)
    error = math.hypot(spread, correction)
    ends = score_interval(naive + correction, error, e.shape[1] - 1.0, level=level, bounds=bounds)
    return FoldEstimate(best, naive + correction, ends, error, naive)
