"""Whether the intervals cover: the largest scales are left out in turn and predicted from the smaller ones.

The law's covariance is multiplied by a factor that is as large as the largest misses ask for. It is an estimate of a
variance ratio from few cells, so it is drawn to 1 by a prior of `PRIOR_CELLS` cells, and never below 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from tunesmith.foundation.numerics.arrays import Floats, Mask
from tunesmith.scaling.bowls import Bowls
from tunesmith.scaling.runs import Runs
from tunesmith.scaling.trend import Priors, fit_trend

FACTORS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
LEAST_LEFT = 4  # scales that remain to fit
PRIOR_CELLS = 4.0
SWEPT = 20  # runs of a scale whose best one says where a sweep finds it


@dataclass(frozen=True, slots=True)
class Fold:
    """What leaving out the scales beyond one cut has shown.

    Attributes:
        factor: the largest scale over the largest one that was fitted.
        fitted: number of scales below the cut.
        left_out: number of scales beyond.
        before: part of the left-out optima in the joint 95 % region, without inflation.
        after: with it.
        error: root mean square of the error of each hyperparameter, in logarithms [k].
    """

    factor: float
    fitted: int
    left_out: int
    before: float
    after: float
    error: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Calibration:
    """The table of folds, and what follows.

    Attributes:
        inflation: standard deviations of the law are multiplied by it.
        best_run: those of where the best run will be, besides: the best runs of the left-out scales were farther off
            than the law and a flat bowl explain.
        folds: by factor of extrapolation; empty: there are too few scales to leave any out.
    """

    inflation: float
    best_run: float
    folds: tuple[Fold, ...]


def calibrate(runs: Runs, bowls: Bowls, features: Floats, priors: Priors) -> Calibration:
    """Leave out the largest scales, factor by factor, and inflate until they are covered.

    Args:
        runs: at several scales.
        bowls: fitted to all of them.
        features: of each scale [s, p].
        priors: of the trend.
    """
    size = runs.scales.prod(axis=1)
    k = bowls.optimum.shape[1]
    found: list[_LeftOut] = []
    seen = set()
    for factor in FACTORS:
        fit = size <= size.max() / factor * (1 + 1e-9)
        if fit.sum() < LEAST_LEFT or fit.all() or int(fit.sum()) in seen:
            continue
        seen.add(int(fit.sum()))
        trend = fit_trend(bowls.optimum[fit], bowls.covariance[fit], features[fit], priors)
        mean, law = trend.predict(features[~fit])
        covariance = law + trend.mean_between
        error = bowls.optimum[~fit] - mean
        both = [np.linalg.solve(covariance[i] + e, error[i]) for i, e in enumerate(bowls.covariance[~fit])]
        own = [np.linalg.solve(covariance[i], bowls.covariance[~fit][i]).trace() / k for i in range(len(error))]
        squares = np.array([e @ b for e, b in zip(error, both, strict=True)])
        found.append(_LeftOut(fit, squares, error, np.array(own), mean, covariance))
    if not found:
        return Calibration(1.0, 1.0, ())
    n_cells = len({int(i) for one in found for i in np.flatnonzero(~one.fit)})
    ratio = np.concatenate([one.squares / k for one in found])
    inflation = _ratio(ratio, n_cells)
    limit = chi2.ppf(0.95, k)
    folds = tuple(
        Fold(
            float(size.max() / size[one.fit].max()),
            int(one.fit.sum()),
            int((~one.fit).sum()),
            float((one.squares <= limit).mean()),
            float((one.squares * (1 + one.own) / (inflation**2 + one.own) <= limit).mean()),
            tuple(np.sqrt((one.error**2).mean(axis=0)).tolist()),
        )
        for one in found
    )
    return Calibration(inflation, _best_run(runs, bowls, inflation, found), folds)


def _best_run(runs: Runs, bowls: Bowls, inflation: float, found: Sequence[_LeftOut]) -> float:
    """Return by how much farther the best runs of left-out sweeps were than expected, at least 1."""
    sweeps = bowls.sweeps(bowls.steepness(np.log(runs.scales)))
    squares, cells = [], set()
    for one in found:
        for i, cell in enumerate(np.flatnonzero(~one.fit)):
            rows = np.flatnonzero(runs.cell == cell)
            if len(rows) < SWEPT:
                continue
            cells.add(int(cell))
            off = runs.z[rows[np.nanargmin(runs.loss[rows])]] - one.mean[i]
            expected = inflation**2 * one.covariance[i] + sweeps[cell]
            squares.append(off @ np.linalg.solve(expected, off) / len(off))
    return _ratio(np.array(squares), len(cells)) if squares else 1.0


def _ratio(squares: Floats, n: int) -> float:
    """Return the square root of the mean of squares of n scales, drawn to 1 and never below."""
    return float(np.sqrt(max(1.0, (PRIOR_CELLS + n * squares.mean()) / (PRIOR_CELLS + n))))


@dataclass(frozen=True, slots=True, eq=False)
class _LeftOut:
    """What one cut has left out, r scales.

    Attributes:
        fit: which scales are below the cut [s].
        squares: squared distance of each optimum to its prediction, in its covariance [r].
        error: optimum less prediction [r, k].
        own: part of the optimum's own variance in that of the law [r].
        mean: prediction [r, k].
        covariance: of the prediction [r, k, k].
    """

    fit: Mask
    squares: Floats
    error: Floats
    own: Floats
    mean: Floats
    covariance: Floats
