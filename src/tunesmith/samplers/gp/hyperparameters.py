"""When the hyperparameters of a Gaussian process are fitted, and the models of constraints and failures.

Everything is computed from the history: hyperparameters are fitted to the rows of the last row count of a fixed
schedule, so a new object, or one that saw the rows in another rhythm, has the same.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.numerics.cache import FitCache
from tunesmith.foundation.numerics.gp import Posterior, Prior, fit, objective
from tunesmith.foundation.numerics.warp import Warp, standardise
from tunesmith.samplers.gp.training_data import (
    NOISE_START,
    TrainingData,
    any_noise,
    is_better_with_noise,
    last_row_count,
    noisy,
    repeats_differ,
    rows_looked_at,
    with_repeats,
)
from tunesmith.samplers.gp.trust_region import MAX_GLOBAL_ROWS, local_rows
from tunesmith.space import Float, Int, Parameter, Permutation
from tunesmith.space.feature_map import FeatureMap

# Rows up to which hyperparameters are fitted at each ask; then each time that the rows grow by REFIT_GROWTH, so that a
# proposal stays cheap beside a run of a fifth of a second.
REFIT_ALWAYS_TRIALS = 16
REFIT_GROWTH = 1.1
UNITS_GROWTH = 1.35  # by what the rows grow up to the next time that units and scales are chosen
MAX_FITTED_ROWS = 128  # rows that hyperparameters are fitted to, see `Observations.thinned`
FEW_FAILURES, LEAST_PLACED = 4, 0.8  # see `failures_have_a_place`
MIN_MODEL_ROWS = 3  # finite observations before a model is worth anything
MODEL_PRIOR = Prior(scale_mean=0.0, scale_var=2.0, noise_mean=-6.0, noise_bounds=(1e-6, 1.0))  # benchmarks/notes
# What is added to the mean of ln ℓ for the kind of a parameter: an objective changes faster along a range that spans
# orders of magnitude than along a linear one, and least between choices. These are rounded means of lengthscales that
# were fitted to 140 random points of each of 26 tuning tasks (networks, trees, tables of networks); those of one kind
# agree over their sources.
WIDE_RATIO, WIDE_SCALE, LOG_SCALE, LINEAR_SCALE = 900.0, -1.5, -1.0, -0.6
# Of permutations: of -0.5, 0, 0.7, 1.4 and 2.1, chosen on six instances each of flow shops, linear orders and tours of
# 10 to 12 items; shorter scales are worse, 2.1 is level.
ORDER_SCALE = 1.4
FEW_VALUES, FEW_VALUES_SCALE = 10, -1.1  # a range of few values, or an ordinal


def model_prior(features: FeatureMap) -> Prior:
    """Return the prior of a search's process, given what kinds of parameters its features are of."""
    return replace(MODEL_PRIOR, scale_offsets=tuple(map(_scale_offset, features.params)))


def _scale_offset(p: Parameter) -> float:
    if isinstance(p, Permutation):
        return ORDER_SCALE
    if not p.is_ordered:
        return 0.0
    if isinstance(p, Float | Int) and p.log:
        return WIDE_SCALE if p.high >= WIDE_RATIO * p.low else LOG_SCALE
    is_range = isinstance(p, Float | Int) and p.n_values > FEW_VALUES
    return LINEAR_SCALE if is_range else FEW_VALUES_SCALE


def fitted_rows(n: int) -> int:
    """Return the row count at which the hyperparameters used with n rows are fitted."""
    return last_row_count(n, REFIT_ALWAYS_TRIALS, REFIT_GROWTH)


def rows_measured(n: int) -> int:
    """Return the last row count, up to n, at which the units of values are chosen."""
    return last_row_count(n, MIN_MODEL_ROWS, UNITS_GROWTH)


@dataclass(frozen=True, slots=True, eq=False)
class Observations:
    """Values of one objective and where they were seen, in the order in which the trials ended.

    Attributes:
        y: finite values [n].
        u: unit coordinates [n, d].
        features: what these become.
        noise: standard deviations of the errors of the values [n], 0 where they are not known; None: nowhere.
        expected: which values are expected ones [n], whose errors are not noise; None: none of them.
        is_low: whether the values are measured in units of the lowest ones, see `Warp`.
    """

    y: Floats
    u: Floats
    features: FeatureMap
    noise: Floats | None = None
    expected: Mask | None = None
    is_low: bool = False

    def take(self, rows: slice | Indices | Mask) -> Observations:
        """Return those of some rows."""
        noise = None if self.noise is None else self.noise[rows]
        expected = None if self.expected is None else self.expected[rows]
        return replace(self, y=self.y[rows], u=self.u[rows], noise=noise, expected=expected)

    def first(self, count: int) -> Observations:
        """Return the first ones."""
        return self.take(slice(count))

    def local(self) -> Observations:
        """Return those that a model of all of them is fitted to."""
        return self.take(local_rows(self.y, self.u, self.features))

    def thinned(self) -> Indices:
        """Return the rows that hyperparameters are fitted to: of many, the lowest and some from all over the rest."""
        n, half = len(self.y), MAX_FITTED_ROWS // 2
        if n <= MAX_FITTED_ROWS:
            return np.arange(n)
        order = np.argsort(self.y, kind="stable")
        others = np.linspace(half, n - 1, MAX_FITTED_ROWS - half).round().astype(int)
        return np.sort(np.concatenate([order[:half], order[others]]))


class HyperparameterCache(FitCache):
    """Hyperparameters by the data they were fitted to, so that each row count of the schedule is fitted once.

    Each fit begins at the fixed starts of `foundation.numerics.gp.fit`: what it finds follows from the rows alone, and
    a poor optimum is left again.
    """

    size: ClassVar[int] = 64  # fits and transforms: more than one proposal has

    def theta(self, seen: Observations, may_be_noisy: bool = True) -> Floats:
        """Return θ fitted to the first observations, as many as the schedule says.

        Args:
            seen: all of them.
            may_be_noisy: look for noise; False where the values differ each time.

        Returns:
            θ, see `tunesmith.foundation.numerics.gp`.
        """
        seen = seen.first(fitted_rows(len(seen.y)))
        prior = model_prior(seen.features)
        return self._theta(seen, noisy(prior) if may_be_noisy and self.is_noisy(seen) else prior)

    def _theta(self, seen: Observations, prior: Prior) -> Floats:
        """Return θ fitted to observations, as many as the schedule has."""
        z, t, known = self._fitted_to(seen)
        group = seen.features.group
        key = (z.tobytes(), t.tobytes(), group.tobytes(), np.asarray(known).tobytes())
        return self.get((z.shape, prior, *key), lambda: fit(z, group, t, with_repeats(prior, z, t, known), known=known))

    def _fitted_to(self, seen: Observations) -> tuple[Floats, Floats, Floats | float]:
        """Return features z[n, F], transformed values t[n] and known variances of the rows that θ is fitted to."""
        local = seen.local()
        rows, known = local.thinned(), self.known(local)
        t = self.warp(local).values[rows]
        return seen.features(local.u[rows]), t, known if isinstance(known, float) else known[rows]

    def is_noisy(self, seen: Observations) -> bool:
        """Tell whether values are noisy: it was told, or seen when it was last looked for."""
        if seen.expected is not None and seen.expected.any():
            seen = seen.take(~seen.expected)
        if seen.noise is not None and seen.noise.any():
            return True
        if (differ := repeats_differ(seen.u, seen.y)) is not None:
            return differ
        if np.isnan(seen.u).any():  # branches make a function look rough
            return False
        count = fitted_rows(rows_looked_at(len(seen.y)))  # where the usual fit is needed anyway
        if not count:
            return False
        seen = replace(seen.first(count), noise=None, expected=None)
        z, t, _ = self._fitted_to(seen)
        group, prior = seen.features.group, model_prior(seen.features)
        usual = self._theta(seen, prior)

        def tested() -> bool:
            other = fit(z, group, t, any_noise(prior), starts=[np.append(usual[:-1], NOISE_START)])
            return is_better_with_noise(z, group, t, usual, other)

        return self.get(("noisy", usual.tobytes(), z.tobytes(), t.tobytes()), tested)

    def in_units(self, seen: Observations) -> Observations:
        """Return observations in the units in which a process explains their values best, see `Warp`.

        The units are those of the lowest values if some of these units make the values look more normal by far, and
        the process with them is likelier. It is looked at row counts that grow by a third.
        """
        count = rows_measured(len(seen.y))
        part = replace(seen.first(count), is_low=False)
        local = part.local()
        if not self.warp(local).has_rival:
            return seen

        def better() -> bool:
            return self._log_likelihood(replace(part, is_low=True)) > self._log_likelihood(part)

        z = part.features(local.u)
        return replace(seen, is_low=self.get(("units", z.tobytes(), local.y.tobytes()), better))

    def _log_likelihood(self, seen: Observations) -> float:
        """Return the log posterior of the process fitted to observations, up to a constant, by their own values."""
        prior = model_prior(seen.features)
        theta, (z, t, known) = self._theta(seen, prior), self._fitted_to(seen)
        loss, _ = objective(theta, z, seen.features.group, t, *prior.moments(len(theta) - 1), known)
        local = seen.local()
        return float(self.warp(local).log_density()[local.thinned()].sum()) - loss

    def known(self, seen: Observations) -> Floats | float:
        """Return the variances [n] that the errors of values have after their transform; 0: none is known."""
        if seen.noise is None or not seen.noise.any():
            return 0.0
        noise = seen.noise
        key = ("known", seen.is_low, seen.y.tobytes(), noise.tobytes())
        return self.get(key, lambda: self.warp(seen).variances(noise))

    def warp(self, seen: Observations) -> Warp:
        """Return the transform of the values."""
        return self.get(("warp", seen.is_low, seen.y.tobytes()), lambda: Warp(seen.y, low=seen.is_low))

    def constraint_theta(self, z: Floats, features: FeatureMap, t: Floats) -> Floats:
        """Return θ of a constraint, or of the failures, fitted to all values t[n] at features z[n, F]."""
        key, prior = (z.tobytes(), t.tobytes(), features.group.tobytes()), model_prior(features)
        return self.get((z.shape, prior, *key), lambda: fit(z, features.group, t, prior))


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
            theta = hyperparameters.constraint_theta(z[first], features, standardise(column[first]))
            models.append((Posterior(z[known], features.group, t, theta), -mean / sd))
    if data.failed[rows].any() and not data.failed[rows].all():
        models.append((_failure_model(hyperparameters, data.failed[rows], z, features)[0], 0.0))
    return models


def failures_have_a_place(hyperparameters: HyperparameterCache, data: TrainingData, features: FeatureMap) -> bool:
    """Tell whether trials fail somewhere in the space, and not anywhere; of few failures it is taken to be so.

    The model of failures, asked about each trial without it, has to tell those that failed from the others: the chance
    that it finds one of these the more likely to fail is `LEAST_PLACED` or more. Of failures beyond a plane or in a box
    of 4 or 8 dimensions it is 0.88 to 1 at 20 trials; of as many at random in 4 it is less than 0.84 in three quarters.
    """
    failed = data.failed
    if min(failed.sum(), (~failed).sum()) < FEW_FAILURES or len(failed) > MAX_GLOBAL_ROWS:
        return True
    model, label = _failure_model(hyperparameters, failed, features(data.u), features)
    likely = np.round(model.leave_one_out(label)[0], 6)  # the last bits of another processor decide nothing
    above = likely[failed][:, None] - likely[~failed]
    return bool(np.mean(above > 0) + 0.5 * np.mean(above == 0) >= LEAST_PLACED)


def _failure_model(
    hyperparameters: HyperparameterCache, failed: Mask, z: Floats, features: FeatureMap
) -> tuple[Posterior, Floats]:
    """Return a process of where trials fail, and its labels [n]: above 0 for those that did."""
    label = np.where(failed, 1.0, -1.0)
    count = fitted_rows(len(label))
    theta = hyperparameters.constraint_theta(z[:count], features, label[:count])
    return Posterior(z, features.group, label, theta), label
