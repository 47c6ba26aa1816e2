"""When the hyperparameters of a Gaussian process are fitted, and the models of constraints and failures.

Everything is computed from the history: hyperparameters are fitted to the rows of the last row count of a fixed
schedule, so a new object, or one that saw the rows in another rhythm, has the same.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.numerics.cache import FitCache
from tunesmith.foundation.numerics.gp import Posterior, Prior, fit, fixed_starts
from tunesmith.foundation.numerics.warp import Warp, standardise
from tunesmith.samplers.gp.training_data import (
    NOISE_START,
    TrainingData,
    any_noise,
    is_better_with_noise,
    noisy,
    repeats_differ,
    rows_looked_at,
    with_repeats,
)
from tunesmith.samplers.gp.trust_region import local_rows
from tunesmith.space.feature_map import FeatureMap

# Rows up to which hyperparameters are fitted at each ask, from fixed starts; then each time that the
# rows grow by REFIT_GROWTH.
REFIT_ALWAYS_TRIALS = 50
REFIT_GROWTH = 1.08
MIN_MODEL_ROWS = 3  # finite observations before a model is worth anything
MODEL_PRIOR = Prior(scale_mean=0.0, noise_mean=-6.0, noise_bounds=(1e-6, 1.0))  # measured: benchmarks/notes


def fitted_rows(n: int) -> int:
    """Return the row count at which the hyperparameters used with n rows are fitted."""
    return _schedule(n)[0]


def _schedule(n: int) -> tuple[int, int]:
    """Return the last row count, up to n, at which hyperparameters are fitted, and how many came before it."""
    if n <= REFIT_ALWAYS_TRIALS:
        return n, n
    count = index = REFIT_ALWAYS_TRIALS
    while (following := max(count + 1, int(count * REFIT_GROWTH))) <= n:
        count, index = following, index + 1
    return count, index


class HyperparameterCache(FitCache):
    """Hyperparameters by the data they were fitted to, so that each row count of the schedule is fitted once.

    Up to `REFIT_ALWAYS_TRIALS` rows a fit starts from the fixed starts of `foundation.numerics.gp.fit`, so that a poor
    optimum is left again. Then it starts from the one before it, every second time from one of the fixed starts as well
    (measured: 20 evaluations instead of 48, as good an optimum). The first fit beyond a power of two starts anew, so
    that a short chain of fits leads to any of them from the history alone.
    """

    size: ClassVar[int] = 256  # fits and transforms: more than a chain of fits and looks for noise has

    def theta(
        self,
        y: Floats,
        u: Floats,
        features: FeatureMap,
        noise: Floats | None = None,
        chained: bool = True,
        expected: Mask | None = None,
    ) -> Floats:
        """Return θ fitted to the first rows of y[n] and u[n, d], as many as the schedule says.

        Args:
            y: finite values.
            noise: standard deviations of the errors of the values [n], 0 where they are not known; None: nowhere.
            chained: start from the fit of fewer rows, and look for noise; False where y differs each time.
            expected: which values are expected ones [n], whose errors are not noise; None: none of them.

        Returns:
            θ, see `tunesmith.foundation.numerics.gp`.
        """
        count = _schedule(len(y))[0]
        y, u, noise = y[:count], u[:count], None if noise is None else noise[:count]
        expected = None if expected is None else expected[:count]
        is_noisy = chained and self.is_noisy(y, u, features, noise, expected)
        return self._theta(y, u, features, noise, chained, noisy(MODEL_PRIOR) if is_noisy else MODEL_PRIOR, expected)

    def _theta(
        self,
        y: Floats,
        u: Floats,
        features: FeatureMap,
        noise: Floats | None,
        chained: bool,
        prior: Prior,
        expected: Mask | None,
    ) -> Floats:
        """Return θ fitted to rows of y[n] and u[n, d], as many as the schedule has."""
        count, index = _schedule(len(y))
        rows = local_rows(y, u, features)
        z, values = features(u[rows]), y[rows]
        known = self.known(values, None if noise is None else noise[rows])

        def fitted() -> Floats:
            before, starts = fitted_rows(count - 1), fixed_starts(features.group, prior)
            if chained and count > REFIT_ALWAYS_TRIALS and before.bit_length() == count.bit_length():
                also = starts[index // 2 % 2 :][:1] if index % 2 else []
                part = None if noise is None else noise[:before]
                starts = [self.theta(y[:before], u[:before], features, part, True, expected), *also]
            t = self.normalised(values)
            return fit(z, features.group, t, with_repeats(prior, z, t, known), starts=starts, known=known)

        key = (z.tobytes(), values.tobytes(), features.group.tobytes(), np.asarray(known).tobytes())
        return self.get((count, z.shape, prior, *key), fitted)

    def is_noisy(
        self,
        y: Floats,
        u: Floats,
        features: FeatureMap,
        noise: Floats | None = None,
        expected: Mask | None = None,
    ) -> bool:
        """Tell whether the values y[n] at u[n, d] are noisy: it was told, or seen when it was last looked for.

        Args:
            noise: standard deviations of the errors of the values [n], as for `theta`.
            expected: which values are expected ones [n], that say nothing of noise; None: none of them.
        """
        if expected is not None and expected.any():
            y, u, noise = y[~expected], u[~expected], None if noise is None else noise[~expected]
        if noise is not None and noise.any():
            return True
        if (differ := repeats_differ(u, y)) is not None:
            return differ
        if np.isnan(u).any():  # branches make a function look rough
            return False
        count = fitted_rows(rows_looked_at(len(y)))  # where the usual fit is needed anyway
        if not count:
            return False
        y, u = y[:count], u[:count]
        rows = local_rows(y, u, features)
        z, t = features(u[rows]), self.normalised(y[rows])
        usual = self._theta(y, u, features, None, True, MODEL_PRIOR, None)

        def tested() -> bool:
            other = fit(z, features.group, t, any_noise(MODEL_PRIOR), starts=[np.append(usual[:-1], NOISE_START)])
            return is_better_with_noise(z, features.group, t, usual, other)

        return self.get(("noisy", usual.tobytes(), z.tobytes(), t.tobytes()), tested)

    def known(self, y: Floats, noise: Floats | None) -> Floats | float:
        """Return the variances [n] that errors of values y[n] have after their transform; 0: none is known.

        Args:
            y: the values.
            noise: standard deviations of their errors [n].
        """
        if noise is None or not noise.any():
            return 0.0
        return self.get((len(y), y.tobytes(), noise.tobytes()), lambda: self.warp(y).variances(noise))

    def constraint_theta(self, z: Floats, group: Indices, t: Floats) -> Floats:
        """Return θ of a constraint, or of the failures, fitted to all values t[n] at features z[n, F]."""
        return self.get((z.shape, z.tobytes(), t.tobytes(), group.tobytes()), lambda: fit(z, group, t, MODEL_PRIOR))

    def normalised(self, y: Floats) -> Floats:
        """Return the values y[n] transformed by `tunesmith.foundation.numerics.warp.Warp`."""
        return self.warp(y).values

    def warp(self, y: Floats) -> Warp:
        """Return the transform that is fitted to values y[n]."""
        return self.get((len(y), y.tobytes()), lambda: Warp(y))


def constraint_models(
    hyperparameters: HyperparameterCache,
    data: TrainingData,
    rows: Indices,
    z: Floats,
    features: FeatureMap,
) -> list[tuple[Posterior, float]]:
    """Return the models of constraints and of failure, each with the bound its function must stay below.

    Args:
        data: the finished trials.
        rows: the rows of it to use.
        z: their features [len(rows), F].
    """
    models: list[tuple[Posterior, float]] = []
    for column in data.c[rows].T:
        known = np.isfinite(column)
        if known.sum() >= MIN_MODEL_ROWS and column[known].std() > 0:
            mean, sd = float(column[known].mean()), float(column[known].std())
            t = standardise(column[known])
            first = np.flatnonzero(known)[: fitted_rows(int(known.sum()))]  # standardised apart, to be the same later
            theta = hyperparameters.constraint_theta(z[first], features.group, standardise(column[first]))
            models.append((Posterior(z[known], features.group, t, theta), -mean / sd))
    failed = data.failed[rows]
    if failed.any() and not failed.all():
        label = np.where(failed, 1.0, -1.0)
        count = fitted_rows(len(label))
        theta = hyperparameters.constraint_theta(z[:count], features.group, label[:count])
        models.append((Posterior(z, features.group, label, theta), 0.0))
    return models
