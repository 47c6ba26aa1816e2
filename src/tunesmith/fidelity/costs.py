"""What steps cost over the configuration, and where runs fail.

Symbols: n runs, F features z[n, F], L rungs.
"""

from __future__ import annotations

import numpy as np

from tunesmith.fidelity.fits import some
from tunesmith.numerics.acquisition import log_probability_below
from tunesmith.numerics.arrays import Floats, Indices, Ints, Mask
from tunesmith.numerics.linear_gp import LinearGP

LOG_SCALE, LOG_NOISE = 1.0, -4.0  # logarithms of a lengthscale in one dimension, and of the noise's share
AMPLITUDE = 0.5  # of what is not linear in the logarithm of the cost
SPREAD = 6.0  # the logarithm of a cost is not expected further from the mean than this
LOG_FAILURE_SCALE = -0.5


class CostModel:
    """What one report costs: its logarithm is linear in the features plus a Gaussian process; 1 if no cost is known.

    Args:
        z: features [n, F].
        g: group of each feature [F].
        rate: cost of a report of each run [n], NaN where unknown.
    """

    def __init__(self, z: Floats, g: Indices, rate: Floats) -> None:
        at = np.flatnonzero(np.isfinite(rate) & (rate > 0))
        at = at[some(-at.astype(float))]  # the latest
        self._model: LinearGP | None = None
        if len(at):
            y = np.log(rate[at])
            self._middle = float(y.mean())
            h = _linear(z[at])
            sd = np.ones(h.shape[1])
            theta = _theta(g, LOG_SCALE, LOG_NOISE)
            self._model = LinearGP(z[at], g, h, y - self._middle, theta, AMPLITUDE, 0.0 * sd, np.diag(sd))

    def rate(self, z: Floats) -> Floats:
        """Return the expected cost of a report [q] at features z[q, F]."""
        if self._model is None:
            return np.ones(len(z))
        mean, _ = self._model.predict(z, _linear(z))
        cost: Floats = np.exp(self._middle + np.clip(mean, -SPREAD, SPREAD))
        return cost


class FailureModel:
    """Where runs fail or diverge: a Gaussian process on labels.

    Args:
        z: features [n, F].
        g: group of each feature [F].
        failed: which runs did [n].
        judged: which runs have shown whether they do [n].
    """

    def __init__(self, z: Floats, g: Indices, failed: Mask, judged: Mask) -> None:
        at = np.flatnonzero(failed | judged)
        at = at[some(-at.astype(float))]
        self._model: LinearGP | None = None
        if failed[at].any():
            label, one = np.where(failed[at], 1.0, -1.0), np.ones((len(at), 1))
            theta = _theta(g, LOG_FAILURE_SCALE, LOG_NOISE)
            self._model = LinearGP(z[at], g, one, label, theta, 1.0, -np.ones(1), 0.25 * np.eye(1))

    def log_success(self, z: Floats) -> Floats:
        """Return the logarithm of the probability [q] that a run with features z[q, F] does not fail."""
        if self._model is None:
            return np.zeros(len(z))
        return log_probability_below(*self._model.predict(z, np.ones((len(z), 1))), 0.0)


def stage_costs(positions: Ints, reached: Ints, paid: Ints, rate: Floats) -> Floats:
    """Return what each stage of some runs costs [q, L]: nothing for rungs passed.

    Args:
        positions: of the rungs [L].
        reached: how many rungs a run has reached [q].
        paid: how many reports it need not make again [q].
        rate: cost of a report [q].
    """
    gaps = np.diff(positions, prepend=0)
    level = np.arange(len(positions))
    steps = np.where(level < reached[:, None], 0.0, gaps.astype(float))
    first = np.maximum(positions - paid[:, None], 0.5)
    steps = np.where(level == reached[:, None], first, steps)
    costs: Floats = steps * rate[:, None]
    return costs


def _linear(z: Floats) -> Floats:
    return np.column_stack([np.ones(len(z)), z - 0.5])


def _theta(g: Indices, log_scale: float, log_noise: float) -> Floats:
    groups = int(g.max()) + 1
    return np.append(np.full(groups, log_scale + 0.5 * np.log(groups)), log_noise)
