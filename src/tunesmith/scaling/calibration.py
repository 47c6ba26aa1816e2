"""Whether the intervals cover: the largest scales are left out in turn and predicted from the smaller ones.

The law's covariance is multiplied by a factor that is as large as the largest misses ask for. It is an estimate of a
variance ratio from few cells, so it is drawn to 1 by a prior of `PRIOR_CELLS` cells, and never below 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2

from tunesmith.numerics.arrays import Floats
from tunesmith.scaling.bowls import Bowls
from tunesmith.scaling.runs import Runs
from tunesmith.scaling.trend import Priors, fit_trend

FACTORS = (2.0, 4.0, 8.0, 16.0, 32.0, 64.0)
LEAST_LEFT = 4  # scales that remain to fit
PRIOR_CELLS = 4.0


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
        folds: by factor of extrapolation; empty: there are too few scales to leave any out.
    """

    inflation: float
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
    found, seen = [], set()
    for factor in FACTORS:
        fit = size <= size.max() / factor * (1 + 1e-9)
        if fit.sum() < LEAST_LEFT or fit.all() or int(fit.sum()) in seen:
            continue
        seen.add(int(fit.sum()))
        trend = fit_trend(bowls.optimum[fit], bowls.covariance[fit], features[fit], priors)
        mean, law, between = trend.predict(features[~fit])
        error = bowls.optimum[~fit] - mean
        both = [np.linalg.solve(law[i] + between + e, error[i]) for i, e in enumerate(bowls.covariance[~fit])]
        own = [np.linalg.solve(law[i] + between, bowls.covariance[~fit][i]).trace() / k for i in range(len(error))]
        squares = np.array([e @ b for e, b in zip(error, both, strict=True)])
        found.append((factor, fit, squares, error, np.array(own)))
    if not found:
        return Calibration(1.0, ())
    n_cells = len({int(i) for _, fit, *_ in found for i in np.flatnonzero(~fit)})
    ratio = np.concatenate([squares / k for _, _, squares, _, _ in found])
    part = n_cells / len(ratio)
    inflation = float(np.sqrt(max(1.0, (PRIOR_CELLS + part * ratio.sum()) / (PRIOR_CELLS + n_cells))))
    limit = chi2.ppf(0.95, k)
    folds = tuple(
        Fold(
            float(size.max() / size[fit].max()),
            int(fit.sum()),
            int((~fit).sum()),
            float((squares <= limit).mean()),
            float((squares * (1 + own) / (inflation**2 + own) <= limit).mean()),
            tuple(np.sqrt((error**2).mean(axis=0)).tolist()),
        )
        for _, fit, squares, error, own in found
    )
    return Calibration(inflation, folds)
