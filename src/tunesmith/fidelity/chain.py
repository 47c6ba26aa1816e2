"""A model of learning curves: each rung given the ones below it, and the ends over the configuration.

The least loss at rung l is linear in that at rung l - 1 and in how fast it fell before, plus a Gaussian process over
the configuration (autoregressive co-kriging: Kennedy & O'Hagan, Biometrika 87, 2000, eq. 2, along a curve). As each
rung is modelled given the one before, it does not matter that only runs that looked good went on. How far the order of
runs at one rung is that at the next is learnt, and the doubt about it is part of each forecast.

That forecasts a run that has begun. A new one is forecast by a Gaussian process of the ends over the configuration, of
which each run is an observation: a full run without error, any other with that of its own forecast. (A chain from the
first rung on would hand all that early losses do not say on to the end: measured, it is far worse.)

Symbols: n runs, L rungs, F features, s[n, L] least losses after a transform that makes them look normal; τ_l² the
variance of s_l given the rungs below, g_l = ∂E[s_{L-1}] / ∂s_l: to see s_l moves the expected end by N(0, (g_l τ_l)²).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tunesmith.fidelity.fits import MAX_FIT, MIN_FIT, FitCache, scheduled, some
from tunesmith.numerics.arrays import Floats, Indices, Ints
from tunesmith.numerics.gp import Prior, fit, fixed_starts
from tunesmith.numerics.linear_gp import LinearGP
from tunesmith.numerics.warp import Warp, standardise

PRIOR = Prior(scale_mean=0.0, noise_mean=-5.0, noise_var=2.0, noise_bounds=(1e-6, 1.0))
END_PRIOR = Prior(scale_mean=0.0, noise_mean=-6.0, noise_bounds=(1e-6, 1.0))
FALL = 0.6  # a fall from rung to rung, and how much runs differ in it, is expected to be this share of the one before
FIRST_FALL = 0.8  # the same of the first fall and of the losses at the first rung
SLOPE_SD = 0.3  # doubt about the order of runs at one rung being that at the next
DEGREES = 10.0  # rows that the prior of an amplitude is worth


@dataclass(frozen=True, slots=True, eq=False)
class Forecast:
    """The expected ends of some runs.

    Attributes:
        mean: expected s at the last rung [q].
        variance: by how much seeing each rung moves it [q, L]; 0 at rungs passed.
    """

    mean: Floats
    variance: Floats


class Chain:
    """The model, fitted to runs.

    Args:
        z: features [n, F].
        g: group of each feature [F].
        s: transformed least losses, NaN where not reached [n, L].
        raw: the same as they were reported.
        positions: of the rungs [L].
        fits: where hyperparameters are kept.

    Attributes:
        ends: forecasts of these runs.
        path: s with what is expected in place of NaN [n, L].
        spread: standard deviation of ends over the space, as far as nothing is known.
    """

    def __init__(self, z: Floats, g: Indices, s: Floats, raw: Floats, positions: Ints, fits: FitCache) -> None:
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
            b_mean, b_sd = _prior(level, amplitude)
            amplitude = _amplitude(h, y, b_mean, b_sd, amplitude)
            theta = self._theta(level, theta)
            self._levels.append(LinearGP(z[at], g, h, y, theta, amplitude, b_mean, np.diag(b_sd**2)))
        self._gain = self._gains()
        self.ends, self.path = self.forecast(z, s)
        self._end, self.spread = self._end_model()

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

    def forecast(self, z: Floats, s: Floats) -> tuple[Forecast, Floats]:
        """Return the expected ends of runs with features z[q, F] that reached s[q, L], NaN beyond.

        The second result is s[q, L] with what is expected in place of NaN.
        """
        s = s.copy()
        variance = np.zeros_like(s)
        for level, model in enumerate(self._levels):
            unseen = np.flatnonzero(np.isnan(s[:, level]))
            if len(unseen):
                mean, var = model.predict(z[unseen], self._regressors(s[unseen], level))
                s[unseen, level] = mean
                variance[unseen, level] = (var + model.noise) * self._gain[level] ** 2
        return Forecast(s[:, -1], variance), s

    def _end_model(self) -> tuple[LinearGP, float]:
        """Return the process of ends over the configuration, and its amplitude: of those seen, and those expected."""
        ends = self.ends
        known = ends.variance.sum(axis=1)
        at = some(ends.mean - np.sqrt(known))
        y, known, z = ends.mean[at], known[at], self._z[at]
        weight = 1.0 / (known + np.var(y) + 1e-6)
        middle = float((weight * y).sum() / weight.sum())
        amplitude = float(np.sqrt((3.0 + ((y - middle) ** 2).sum()) / (3.0 + len(y))))
        few = np.sort(np.argsort(known, kind="stable")[:MAX_FIT])
        theta = fit(
            z[few],
            self._g,
            (y[few] - middle) / amplitude,
            END_PRIOR,
            fixed_starts(self._g, END_PRIOR)[1:],
            known[few] / amplitude**2,
        )
        one = np.ones((len(at), 1))
        return LinearGP(z, self._g, one, y, theta, amplitude, np.array([middle]), np.eye(1), known), amplitude

    def fresh(self, z: Floats) -> Forecast:
        """Return the expected ends of new runs with features z[q, F], without the noise of a run.

        How soon each shows is as in the chain. To try a configuration again for the luck of a run is no improvement.
        """
        chained, _ = self.forecast(z, np.full((len(z), len(self._levels)), np.nan))
        mean, var = self._end.predict(z, np.ones((len(z), 1)))
        open_before = np.cumsum(chained.variance[:, ::-1], axis=1)[:, ::-1]
        left = np.minimum(np.column_stack([open_before[:, 1:], np.zeros(len(z))]), var[:, None])
        before = np.column_stack([var, left[:, :-1]])
        return Forecast(mean, np.maximum(before - left, 0.0))


def _prior(level: int, amplitude: float) -> tuple[Floats, Floats]:
    """Return mean and standard deviation of each coefficient: of the fall, the rung before and the last fall."""
    if level == 0:
        return np.zeros(1), np.ones(1)
    if level == 1:
        return np.array([-0.5, 1.0]), np.array([1.0, SLOPE_SD])
    return np.array([0.0, 1.0, FALL]), np.array([max(0.5 * amplitude, 1e-3), SLOPE_SD, SLOPE_SD])


def _amplitude(h: Floats, y: Floats, b_mean: Floats, b_sd: Floats, prior: float) -> float:
    """Return the size of the residuals of a linear fit with a normal prior, drawn towards its own prior."""
    r = y - h @ b_mean
    r = r - h @ np.linalg.solve(h.T @ h + np.diag(prior**2 / b_sd**2), h.T @ r)
    return max(float(np.sqrt((DEGREES * prior**2 + r @ r) / (DEGREES + len(r)))), 1e-6)
