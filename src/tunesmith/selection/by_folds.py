"""Choosing by scores of folds, or by a model of the scores."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.errors import SelectionError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats, Mask
from tunesmith.selection.choice import Rule, compare_with_default, simplest_within
from tunesmith.selection.intervals import (
    UNBOUNDED,
    Bounds,
    corrected_variance,
    interval,
    no_interval_notes,
    p_value,
    score_interval,
)
from tunesmith.selection.score import NO_GAIN, Estimate, SelectionResult, default_instead

# ----------------------------------------------------------------------------------------------------------------------
# Choosing by the scores of folds alone, where no prediction was kept.
#
# Symbols: C candidates, K folds; e[C, K] their losses, smaller is better.

METHOD = "comparing the winner with the best of each fold and of all others (Tibshirani and Tibshirani; jackknife)"


@checked()
def select_by_folds(
    losses: ArrayLike,
    rule: Rule | None = None,
    *,
    given: int | None = None,
    test_to_train: float | None = None,
    bounds: Bounds = UNBOUNDED,
    n_rows: int | None = None,
    level: float = 0.95,
) -> SelectionResult:
    """Choose by fold scores alone: the smallest mean, if its gain over the default is credible.

    The gain is that of the folds in pairs, less the correction of `best_by_folds` for the choice among many; its
    error is corrected for training sets that overlap. With few folds the default is kept often.

    Args:
        losses: [C, K]. Candidates with a NaN are not chosen.
        rule: how the choice is made; the smallest mean if None. How usual a gain is, and whether candidates were
            proposed from earlier losses, makes no difference here.
        given: the candidate that was chosen otherwise; it is not compared with the default.
        test_to_train: n_test / n_train of a fold; 1 / (K - 1) if None.
        bounds: between which the mean loss lies, as far as is known.
        n_rows: how many rows were tested: what an interval between `bounds` rests on where all folds are alike.
        level: of the intervals.

    Returns:
        The result.

    Example:
        ```python
        from tunesmith.selection import Rule, select_by_folds

        losses = [[0.30, 0.34, 0.32], [0.20, 0.25, 0.21], [0.31, 0.28, 0.33]]  # candidates, folds
        result = select_by_folds(losses, Rule(default=0, caution=1.0))
        print(result.index, result.value, result.interval)
        ```

    Raises:
        SelectionError: as `best_by_folds`.
    """
    rule = rule or Rule()
    e, complete = _complete(losses)
    default = rule.default if given is None and rule.default is not None and complete[rule.default] else None
    leader = _leader(e, complete, rule, test_to_train) if given is None else given
    best = best_by_folds(e, leader, test_to_train=test_to_train, bounds=bounds, n_rows=n_rows, level=level)
    if default is None:
        return best
    mean, dof = float(e[default].mean()), e.shape[1] - 1.0
    rows = _rows_behind(e, complete, n_rows)
    ends = _interval(mean, _error(e[default], test_to_train), dof, level, bounds, rows)
    kept = default_instead(best, default, mean, ends, rule.prefer_default, no_interval_notes(ends))
    if best.index == default:
        return replace(kept, kept_default=False, p_value=1.0)
    difference = e[default] - e[best.index]
    error, seen = _error(difference, test_to_train), float(difference.mean())
    gain = seen - best.optimism
    spread = math.hypot(error, best.optimism)  # the correction counts as known to its own size only
    p = p_value(gain, spread, dof)
    if not compare_with_default(rule, best.index, seen, gain, error):
        return replace(kept, p_value=p)
    ends = interval(gain, spread, dof, level=level) if math.isfinite(error) else (math.nan, math.nan)
    return replace(best, gain=Estimate(gain, ends), p_value=p)


def _complete(losses: ArrayLike) -> tuple[Floats, Mask]:
    """Return losses [C, K], and which candidates have a finite one on every fold [C]."""
    e = np.asarray(losses, dtype=np.float64)
    if e.ndim != 2 or not e.size:
        raise SelectionError(f"losses have shape {e.shape}; [candidates, folds] is expected, at least one each")
    complete: Mask = np.asarray(np.isfinite(e).all(axis=1))
    if not complete.any():
        raise SelectionError("no candidate has a finite loss on every fold")
    return e, complete


def _leader(e: Floats, complete: Mask, rule: Rule, test_to_train: float | None) -> int:
    """Return the smallest mean, or the simplest one near it, the default left aside unless it is alone."""
    others = complete.copy()
    if rule.default is not None and complete.sum() > 1:
        others[rule.default] = False
    own = np.where(others[:, None], e, math.nan)
    means = own.mean(axis=1)
    if rule.complexity is None:
        return int(np.nanargmin(means))
    return simplest_within(means, np.sqrt(corrected_variance(own, test_to_train)), rule.complexity)


def _error(losses: Floats, test_to_train: float | None) -> float:
    """Return the standard error of the mean of folds [K]."""
    return math.sqrt(corrected_variance(losses, test_to_train))


def _rows_behind(e: Floats, complete: Mask, n_rows: int | None) -> int | None:
    """Return the rows that an interval may rest on; None where all scores are the same, which says nothing."""
    return n_rows if np.ptp(e[complete]) > 0.0 else None


def _interval(value: float, error: float, dof: float, level: float, bounds: Bounds, n_rows: int | None) -> Bounds:
    """Return Student's interval; where there is no error, the one of `n_rows` rows between two bounds."""
    alike = error == 0.0 and n_rows is not None
    return score_interval(value, error, dof, level=level, bounds=bounds if alike else UNBOUNDED, size=n_rows)


def best_by_folds(
    losses: ArrayLike,
    index: int | None = None,
    *,
    test_to_train: float | None = None,
    bounds: Bounds = UNBOUNDED,
    n_rows: int | None = None,
    level: float = 0.95,
) -> SelectionResult:
    """Estimate the true loss of the best candidate from its folds' losses.

    value = ē(ĉ) + max(0, (1/K) Σ_k [e_k(ĉ) − e_k(ĉ_k)], (1/K) Σ_k [e_k(ĉ_(k)) − e_k(ĉ)]), where ĉ has the smallest
    mean, ĉ_k is the best on fold k alone (Tibshirani and Tibshirani, Annals of Applied Statistics 3, 2009), and ĉ_(k)
    the best on all folds but k (the jackknife). The first is too small where candidates are alike in each fold, the
    second where one leads on all folds by luck.

    Args:
        losses: [C, K]. Candidates with a NaN are not chosen.
        index: ĉ, if it was chosen otherwise.
        test_to_train: n_test / n_train of a fold; 1 / (K - 1) if None.
        bounds: as for `select_by_folds`.
        n_rows: as for `select_by_folds`.
        level: of the interval.

    Raises:
        SelectionError: the shape is wrong, or no candidate has a finite loss on every fold.
    """
    e, complete = _complete(losses)
    if index is not None and not 0 <= index < len(e):
        raise SelectionError(f"given={index} is no row of the losses of {len(e)} candidates")
    if index is not None and not complete[index]:
        raise SelectionError(f"the chosen candidate, {index}, has no finite loss on some fold")
    mean = np.where(complete, np.where(complete[:, None], e, 0.0).mean(axis=1), np.inf)
    best = int(mean.argmin()) if index is None else index
    naive = float(e[best].mean())
    correction = max(float((e[best] - e[complete].min(axis=0)).mean()), _jackknife(e[complete], e[best]), 0.0)
    error = math.hypot(_error(e[best], test_to_train), correction)
    n_rows = _rows_behind(e, complete, n_rows)
    ends = _interval(naive + correction, error, e.shape[1] - 1.0, level, bounds, n_rows)
    value, notes = naive + correction, no_interval_notes(ends)
    return SelectionResult(best, best, False, value, ends, naive, METHOD, level=level, notes=notes)


def _jackknife(e: Floats, chosen: Floats) -> float:
    """Return by how much the best of all other folds is worse on the fold left out than the chosen one, on average."""
    n_folds = e.shape[1]
    if n_folds < 2:
        return 0.0
    picked = (e.sum(axis=1, keepdims=True) - e).argmin(axis=0)  # [K], without fold k
    return float((e[picked, np.arange(n_folds)] - chosen).mean())


# ----------------------------------------------------------------------------------------------------------------------
# Choosing by a model of the scores over the space, where scores of candidates cannot be compared with one another.

MODEL_METHOD = "a Gaussian process fitted to all scores of the search"
NO_MODEL = "taking its own score, uncorrected"
Expected = tuple[float, float]  # an estimate and its standard error, NaN where that is not known


@checked()
def select_by_model(
    leader: int,
    value: float,
    interval: tuple[float, float],
    rule: Rule,
    *,
    default_value: Expected = (math.nan, math.nan),
    gain: Expected = (math.nan, math.nan),
    modelled: bool = True,
    level: float = 0.95,
) -> SelectionResult:
    """Return the leader, or the default unless the leader's expected gain exceeds its standard error.

    Args:
        leader: the candidate with the smallest expected loss, or the simplest one near it.
        value: its expected loss.
        interval: of that.
        rule: how the leader is compared with the default, which may be the leader itself.
        default_value: the default's expected loss and its standard error.
        gain: the leader's expected gain over the default, and its standard error.
        modelled: whether there is a model; else losses are scores as they were seen.
        level: of the intervals.

    Returns:
        The result; `naive` is the value itself.
    """
    method = MODEL_METHOD if modelled else NO_MODEL
    best = SelectionResult(leader, leader, False, value, interval, value, method, level=level)
    if rule.default is None:
        return best
    if rule.default == leader:
        return replace(best, gain=NO_GAIN, p_value=1.0)
    best = replace(best, p_value=p_value(*gain, math.inf))
    if compare_with_default(rule, leader, gain[0], *gain):
        return replace(best, gain=Estimate(gain[0], score_interval(*gain, math.inf, level=level)))
    ends = score_interval(*default_value, math.inf, level=level)
    return default_instead(best, rule.default, default_value[0], ends, rule.prefer_default)
