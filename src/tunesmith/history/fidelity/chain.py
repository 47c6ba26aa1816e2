"""A model of learning curves: each rung given the ones below it.

The loss at rung l is linear in that at rung l - 1 and in how fast it fell before, plus a Gaussian process over the
configuration (autoregressive co-kriging: Kennedy & O'Hagan, Biometrika 87, 2000, eq. 2, along a curve). As each rung is
modelled given the one before, it does not matter that only runs that looked good went on. How far the order of runs at
one rung is that at the next is learnt, and the doubt about it is part of each forecast.

Symbols: n runs, L rungs, F features, s[n, L] losses after a transform that makes them look normal; τ_l² the variance of
s_l given the rungs below, g_l = ∂E[s_{L-1}] / ∂s_l: to see s_l moves the expected end by N(0, (g_l τ_l)²).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices, Ints
from tunesmith.foundation.numerics.cache import FitCache
from tunesmith.foundation.numerics.gp import Prior, fit
from tunesmith.foundation.numerics.linear_gp import LinearGP
from tunesmith.foundation.numerics.warp import Warp, standardise
from tunesmith.history import SourceCurves

PRIOR = Prior(scale_mean=0.0, noise_mean=-5.0, noise_var=2.0, noise_bounds=(1e-6, 1.0))
FALL = 0.6  # a fall from rung to rung, and how much runs differ in it, is expected to be this share of the one before
FIRST_FALL = 0.8  # the same of the first fall and of the losses at the first rung
SLOPE_SD = 0.3  # doubt about the order of runs at one rung being that at the next
DEGREES = 10.0  # rows that the prior of an amplitude is worth
OTHER = 0.1  # of the covariance of coefficients that stays, however well earlier studies tell them


class Chain:
    """The model, fitted to runs.

    Args:
        s: transformed losses, NaN where not reached [n, L].
        raw: the same as they were reported.
        positions: of the rungs [L].
        fits: where hyperparameters are kept.
        earlier: learning curves of earlier studies, whose rungs count where they are the same.

    Attributes:
        mean: expected s of each run at the last rung [n].
        variance: of the forecast [n]; 0 for a run that is there.
    """

    def __init__(
        self,
        z: Floats,
        g: Indices,
        s: Floats,
        raw: Floats,
        positions: Ints,
        fits: FitCache,
        earlier: Sequence[SourceCurves] = (),
    ) -> None:
        self._z, self._g, self._s, self._raw, self._fits = z, g, s, raw, fits
        gaps = np.diff(np.log(positions.astype(float)))
        self._width = np.concatenate([[1.0], gaps / np.log(3.0)])  # of the step to a rung
        self._levels: list[LinearGP] = []
        groups = int(g.max()) + 1
        theta = np.append(np.full(groups, PRIOR.moments(groups)[0][0]), PRIOR.noise_mean)
        amplitude = 1.0
        for level in range(s.shape[1]):
            at = np.flatnonzero(~np.isnan(s[:, level]))
            at = at[some(np.nanmin(s[at], axis=1))] if len(at) else at
            y, h = s[at, level], self._regressors(s[at], level)
            if level:
                amplitude *= FIRST_FALL if level == 1 else FALL
            b_mean, b_cov = _prior(level, amplitude)
            before = _at_same_rungs(earlier, positions, level)
            if len(before) >= MIN_FIT:
                amplitude, b_mean, b_cov = _learnt(
                    self._regressors(before, level), before[:, level], b_mean, b_cov, amplitude
                )
            amplitude = _amplitude(h, y, b_mean, b_cov, amplitude)
            theta = self._theta(level, theta)
            self._levels.append(LinearGP(z[at], g, h, y, theta, amplitude, b_mean, b_cov))
        self._gain = self._gains()
        self.mean, self.variance = self._forecast()

    def _regressors(self, s: Floats, level: int) -> Floats:
        """Return h[q, p] of a level, given s[q, L] up to the level before."""
        if level == 0:
            return np.ones((len(s), 1))
        columns = [np.full(len(s), self._width[level]), s[:, level - 1]]
        if level > 1:
            columns.append(self._ratio(level) * (s[:, level - 1] - s[:, level - 2]))
        return np.column_stack(columns)

    def _ratio(self, level: int) -> float:
        return float(self._width[level] / self._width[level - 1])

    def _theta(self, level: int, before: Floats) -> Floats:
        """Return θ of a level, fitted to some of the first runs that reached it; `before` while they are few."""
        at = np.flatnonzero(np.isfinite(self._raw[:, max(level - 1, 0) : level + 1]).all(axis=1))
        n = scheduled(len(at))
        if n < MIN_FIT:
            return before
        at = at[:n]
        values = self._raw[at, max(level - 1, 0) : level + 1]

        def fitted() -> Floats:
            y = Warp(values[:, -1]).values
            if level:
                h = np.column_stack([np.ones(n), Warp(values[:, 0]).values])
                y = standardise(y - h @ np.linalg.lstsq(h, y, rcond=None)[0])
            return fit(self._z[at], self._g, y, PRIOR)

        return self._fits.get((level, n, self._z[at].tobytes(), values.tobytes(), self._g.tobytes()), fitted)

    def _gains(self) -> Floats:
        """Return g[L]."""
        last = len(self._levels) - 1
        gain = np.zeros(last + 1)
        gain[last] = 1.0
        for level in range(last - 1, -1, -1):
            gain[level] = gain[level + 1] * self._slopes(level + 1)[0]
            if level + 2 <= last:
                gain[level] += gain[level + 2] * self._slopes(level + 2)[1]
        return gain

    def _slopes(self, level: int) -> tuple[float, float]:
        """Return ∂s_l/∂s_{l-1} and ∂s_l/∂s_{l-2}."""
        b = self._levels[level].slope
        fall = self._ratio(level) * float(b[2]) if level > 1 else 0.0
        return float(b[1]) + fall, -fall

    def _forecast(self) -> tuple[Floats, Floats]:
        """Return the expected ends of the runs, and the variance of the forecasts."""
        s, variance = self._s.copy(), np.zeros(len(self._s))
        for level, model in enumerate(self._levels):
            unseen = np.flatnonzero(np.isnan(s[:, level]))
            if len(unseen):
                mean, var = model.predict(self._z[unseen], self._regressors(s[unseen], level))
                s[unseen, level] = mean
                variance[unseen] += (var + model.noise) * self._gain[level] ** 2
        return s[:, -1], variance


def _prior(level: int, amplitude: float) -> tuple[Floats, Floats]:
    """Return mean [p] and covariance [p, p] of the coefficients: of the fall, the rung before and the last fall."""
    if level == 0:
        return np.zeros(1), np.eye(1)
    if level == 1:
        return np.array([-0.5, 1.0]), np.diag([1.0, SLOPE_SD**2])
    sd = np.array([max(0.5 * amplitude, 1e-3), SLOPE_SD, SLOPE_SD])
    return np.array([0.0, 1.0, FALL]), np.diag(sd**2)


def _at_same_rungs(earlier: Sequence[SourceCurves], positions: Ints, level: int) -> Floats:
    """Return s[k, level + 1] of earlier runs that came to a level, and to as many before it as it is modelled by."""
    needed = positions[: level + 1]
    found = [np.empty((0, level + 1))]
    for curves in earlier:
        at = np.searchsorted(curves.positions, needed)
        if level and at[-1] < len(curves.positions) and np.array_equal(curves.positions[at], needed):
            s = curves.s[:, at]
            found.append(s[np.isfinite(s).all(axis=1)])
    return np.concatenate(found)


def _learnt(h: Floats, y: Floats, b_mean: Floats, b_cov: Floats, amplitude: float) -> tuple[float, Floats, Floats]:
    """Return a prior that other studies tell, by h[k, p] and y[k]: the amplitude, and moments of the coefficients.

    This study may differ from them, so `OTHER` of the covariance stays.
    """
    amplitude = _amplitude(h, y, b_mean, b_cov, amplitude)
    gain = b_cov @ h.T @ np.linalg.inv(h @ b_cov @ h.T + amplitude**2 * np.eye(len(h)))
    learnt = b_cov - gain @ h @ b_cov
    return amplitude, b_mean + gain @ (y - h @ b_mean), 0.5 * (learnt + learnt.T) + OTHER * b_cov


def _amplitude(h: Floats, y: Floats, b_mean: Floats, b_cov: Floats, prior: float) -> float:
    """Return the size of the residuals of a linear fit with a normal prior, drawn towards its own prior."""
    r = y - h @ b_mean
    r = r - h @ np.linalg.solve(h.T @ h + prior**2 * np.linalg.inv(b_cov), h.T @ r)
    return max(float(np.sqrt((DEGREES * prior**2 + r @ r) / (DEGREES + len(r)))), 1e-6)


# ----------------------------------------------------------------------------------------------------------------------
# When lengthscales are fitted, and to which rows; fits are kept by the data that they were made of.
#
# A row set changes whenever a run reaches a rung. So a level is fitted to the first runs by number, as many as a fixed
# schedule says, on values as they were reported: most decisions find a fit that is there, and none depends on whether
# it is.

MIN_FIT = 5  # rows before lengthscales are fitted
MAX_FIT = 60  # rows that they are fitted to
MAX_ROWS = 150  # rows of a model
GROWTH = 1.2  # of rows between fits


def scheduled(n: int) -> int:
    """Return how many of n rows hyperparameters are fitted to."""
    count = MIN_FIT
    if n < count:
        return n
    while (following := max(count + 1, int(count * GROWTH))) <= min(n, MAX_FIT):
        count = following
    return count


def some(score: Floats) -> Indices:
    """Return the rows that a model is made of, rising: all, or those of the least score[n] and some of the others."""
    n = len(score)
    if n <= MAX_ROWS:
        return np.arange(n)
    order = np.argsort(score, kind="stable")
    best, rest = order[: 2 * MAX_ROWS // 3], np.sort(order[2 * MAX_ROWS // 3 :])
    others = rest[np.linspace(0, len(rest) - 1, MAX_ROWS - len(best)).astype(np.intp)]
    return np.sort(np.concatenate([best, others]))
