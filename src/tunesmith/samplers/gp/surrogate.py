"""What a Gaussian process makes of a study's results: expected values at any point, in the user's units.

The sampler's own model (encoding, inferred conditions, transform, local rows), but fitted for judging and not for
searching: only complete trials unless told otherwise, and a prior that lets the noise be large.

Symbols: n trials that the model uses, d parameters, z[q, F] features; values are minimised.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.foundation.numerics.gp import Posterior, Prior, fit
from tunesmith.foundation.numerics.warp import Warp
from tunesmith.history import History
from tunesmith.samplers.finished import infer_conditions
from tunesmith.samplers.gp.hyperparameters import HyperparameterCache, constraint_models
from tunesmith.samplers.gp.maximise import candidate_pool, maximise
from tunesmith.samplers.gp.training_data import LEAST_LOG_NOISE, TrainingData, noisy
from tunesmith.samplers.gp.trust_region import local_rows
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap

MIN_SURROGATE_TRIALS = 5  # complete trials; more where there are many parameters
SURROGATE_PRIOR = Prior(scale_mean=0.0, noise_mean=-4.0, noise_var=6.0, noise_bounds=(1e-6, 2.0))
N_USUAL_TRIALS, FAR_WORSE_FACTOR = 10, 1e5  # trials that show the usual values, and how many times these is far worse
N_LOW_FOR_NOISE = 8  # points, at least, that show how large the noise is where values are low
MAX_NOISE_RAISES = 12  # how often the noise variance is raised at most
NOISE_RAISE = 0.35  # by how much its logarithm is raised each time
MIN_FEASIBLE_PROBABILITY = 0.5  # a point that is less likely to have a feasible value does not count


@dataclass(slots=True)
class SurrogatePrediction:
    """Values at some points: expected ones, and how well they are known.

    Attributes:
        mean: of the process [q], in its own scale.
        sd: its standard deviation [q].
        value: expected result of a trial there, in the user's units (minimised) [q].
    """

    mean: Floats
    sd: Floats
    value: Floats


class Surrogate:
    """A Gaussian process over the complete trials of a history with one objective.

    Args:
        space: what they searched, as the history has it.
        pruned: whether those that were pruned count, by the values that samplers learn of them.
        is_steady: whether lengthscales are kept close to one another where values are noisy. That is better at telling
            which trial is best, and too doubtful of what was not tried to say when a search can end.

    Attributes:
        rows: the rows of the history that the model uses, int[n].
        x: their internal values over the space [n, d], NaN where inactive.
        feasible: which of them violate no constraint [n].
        at: what it makes of them.
        is_told: whether the noise of any value was told.
        is_noisy: whether single results are so noisy that the best of them may be one by luck.
        noise: standard deviation of a single result around its expected value, in the user's units, at the best point.
    """

    @one_thread()
    def __init__(self, history: History, space: Space, pruned: bool = False, is_steady: bool = False) -> None:
        self._space = space
        tree = self._tree = infer_conditions(space, history.points(space))
        self._features = FeatureMap(tree)
        data = self._data = TrainingData.of(history, space, tree)
        usable = np.flatnonzero((pruned | history.complete) & ~data.failed & np.isfinite(history.y[:, 0]))
        self.rows = usable[local_rows(data.y[usable, 0], data.u[usable], self._features)]
        self.x, self.feasible = data.x[self.rows], data.feasible[self.rows]
        self.u = data.u[self.rows]
        z = self._features(self.u)
        y = data.y[self.rows, 0]
        self.warp = Warp(y, log=_diverges(y, history.number[self.rows]))
        noise = data.noise[self.rows, 0]
        self.is_told = bool(noise.any())
        known = self.warp.variances(noise) if self.is_told else 0.0
        self._model = _fitted(z, self._features.group, self.warp.values, known, is_steady)
        errors = float(np.median(self._model.errors))
        self._sd, self.is_noisy = math.sqrt(errors), errors > math.exp(LEAST_LOG_NOISE)
        self.at = self._judge(z)
        best = int(np.argmin(np.where(self.feasible, self.at.mean, np.inf)))
        low, high = self.warp.inverse(self.at.mean[best] + self._sd * np.array([-1.0, 1.0]))
        self.noise = float(high - low) / 2.0

    @property
    def d(self) -> int:
        """How many parameters there are."""
        return len(self._space)

    @one_thread()
    def judge(self, x: Floats) -> SurrogatePrediction:
        """Return what is expected at internal values x[q, d] over the space."""
        return self._judge(self._features(self._tree.to_unit(self._tree.mask(x))))

    @one_thread()
    def covariance(self, x: Floats) -> Floats:
        """Return the covariances [q, q] of the expected values at internal values x[q, d], in the user's units."""
        z = self._features(self._tree.to_unit(self._tree.mask(x)))
        at, own = self._judge(z), self._model.covariance(z)
        scale = self.spread(at.mean, at.sd) / at.sd
        return own * np.multiply.outer(scale, scale)

    def interval(self, mean: Floats, sd: Floats, k: float) -> tuple[Floats, Floats]:
        """Return the expected values [q] at k standard deviations below and above the process's mean."""
        return self.warp.expected(mean - k * sd, self._sd), self.warp.expected(mean + k * sd, self._sd)

    def spread(self, mean: Floats, sd: Floats) -> Floats:
        """Return the standard deviation [q] of the expected value, where the process has this mean and sd."""
        low, high = self.interval(mean, sd, 1.0)
        return (high - low) / 2.0

    @one_thread()
    def lowest(self, k: float) -> float:
        """Return the lowest expected value of the space at k standard deviations below the mean, in the user's units.

        Points that probably fail or break a constraint do not count.
        """
        data = self._data
        rows = local_rows(data.y[:, 0], data.u, self._features)
        constraints = constraint_models(HyperparameterCache(), data, rows, self._features(data.u[rows]), self._features)
        bound = _LowerBound(self._model, k, constraints)
        order = np.argsort(np.where(self.feasible, self.at.mean, np.inf), kind="stable")[:5]
        rng = np.random.default_rng(len(self.rows))
        box = np.zeros(self.d), np.ones(self.d)
        pool = candidate_pool(self._tree, self._features, self.u[order], rng, box)
        x = maximise(bound, self._tree, self._features, pool, rng, lambda x: np.zeros(len(x), bool), box)
        found = float(np.min((self.at.mean - k * self.at.sd)[self.feasible])) if self.feasible.any() else math.inf
        if x is not None:
            z = self._features(self._tree.to_unit(self._tree.mask(x[None, :])))
            found = min(found, -float(bound.value(z)[0]))
        return float(self.warp.expected(np.array([found]), self._sd)[0])

    def _judge(self, z: Floats) -> SurrogatePrediction:
        mean, variance = self._model.predict(z)
        return SurrogatePrediction(mean, np.sqrt(variance), self.warp.expected(mean, self._sd))


def _diverges(y: Floats, number: Indices) -> bool:
    """Tell whether some of positive values y[n] are worse by many orders of magnitude, as where a training diverges.

    Beside these no other transform tells good values apart. The first trials, which are spread over the space, say what
    is usual: later ones may come as near to 0 as the search gets.
    """
    usual = float(np.median(y[np.argsort(number, kind="stable")[:N_USUAL_TRIALS]]))
    return bool(y.min() > 0.0 and y.max() > FAR_WORSE_FACTOR * usual)


def _fitted(z: Floats, group: Indices, t: Floats, known: Floats | float, is_steady: bool) -> Posterior:
    """Return the process of transformed values t[n], with as much noise as there is where values are low.

    Noise that is the same everywhere in the user's units is not so after the transform, which spreads out low values;
    fitted to all of them it is too small there, and the lowest expected value too good. So it is raised until the best
    third of the points, by what the others predict of them, is predicted as well as the process claims.

    Args:
        z: features [n, F].
        group: group of each feature [F].
        t: transformed values [n].
        known: variances of their errors [n] that are known.
    """
    theta = fit(z, group, t, SURROGATE_PRIOR, known=known)
    if is_steady and (theta[-1] > LEAST_LOG_NOISE or np.any(known)):
        theta = fit(z, group, t, noisy(SURROGATE_PRIOR), known=known)
    model = Posterior(z, group, t, theta, known)
    n = max(N_LOW_FOR_NOISE, len(t) // 3)
    if len(t) < 2 * N_LOW_FOR_NOISE:
        return model
    for _ in range(MAX_NOISE_RAISES):
        mean, variance = model.leave_one_out(t)
        low = np.argsort(mean, kind="stable")[:n]
        if float(np.mean((t[low] - mean[low]) ** 2 / variance[low])) <= 1.0:
            break
        theta[-1] += NOISE_RAISE
        model = Posterior(z, group, t, theta, known)
    return model


class _LowerBound:
    """The acquisition "minus the lower confidence bound", where a point is likely to be of use."""

    def __init__(self, model: Posterior, k: float, constraints: list[tuple[Posterior, float]]) -> None:
        self._model, self._k, self._constraints = model, k, constraints

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""
        mean, variance = self._model.predict(z)
        total = self._k * np.sqrt(variance) - mean
        for constraint, bound in self._constraints:
            from scipy.special import ndtr

            m, v = constraint.predict(z)
            total = np.where(ndtr((bound - m) / np.sqrt(v)) < MIN_FEASIBLE_PROBABILITY, -1e9, total)
        return total

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return values [q] and gradients [q, F]; None where constraint models would need theirs."""
        if self._constraints:
            return None
        mean, variance, d_mean, d_variance = self._model.predict_gradient(z)
        sd = np.sqrt(variance)
        return self._k * sd - mean, self._k * d_variance / (2.0 * sd[:, None]) - d_mean


def has_enough_trials(history: History, space: Space) -> bool:
    """Tell whether there are enough complete feasible trials for a model: five, and one more than parameters."""
    good = history.complete & history.feasible & np.isfinite(history.y[:, 0])
    return bool(good.sum() >= max(MIN_SURROGATE_TRIALS, len(space) + 1)) and len(space) > 0
