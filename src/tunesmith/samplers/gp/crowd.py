"""Proposals while hundreds of trials run: a model that is made now and then, and a randomised acquisition function.

With very many workers it does not pay to take every running trial into account, and there is no time for it. Instead

- the models are made of the first trials with a value, a number of them that grows by a quarter each time, and of 200
  of those at most, so that in between a proposal costs about a millisecond;
- each proposal minimises μ - κ σ with a κ of its own, exponentially distributed, so that some workers try what looks
  best and others what is least known (Hernández-Lobato et al., ICML 2017, and De Palma et al., 2019, on drawing the
  acquisition function for each worker anew); several objectives are weighted at random for each proposal, too;
- the search for it stays near a few points, and only the running trials closest to the best of them shrink σ;
- with one objective, half of the proposals are those of a `Neighbourhood`: a local process around a good trial, made
  anew for each few dozen results, since a valley or a second basin is not to be seen in 200 rows of the whole space.

``auto`` lets it take turns with differential evolution, which is better where there are very many local minima. What
that reaches, beside few workers, is measured by ``benchmarks/scale.py`` (docs/samplers.md).

Symbols: n finished trials, m objectives, z[q, F] features, μ[q, m] and σ[q, m] posterior mean and standard deviation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tunesmith.foundation.numerics.acquisition import log_probability_below
from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.numerics.cache import Cache
from tunesmith.foundation.numerics.gp import Posterior, fit
from tunesmith.history import History
from tunesmith.samplers.finished import N_BEST_AT_MARGIN, DuplicateFilter, lie_beyond, near_the_best, point_keys
from tunesmith.samplers.gp.acquisition import Model
from tunesmith.samplers.gp.context import SearchContext
from tunesmith.samplers.gp.hyperparameters import (
    MIN_MODEL_ROWS,
    HyperparameterCache,
    Observations,
    constraint_models,
    model_prior,
)
from tunesmith.samplers.gp.maximise import candidate_pool, on_region
from tunesmith.samplers.gp.neighbourhood import Neighbourhood, rows_near
from tunesmith.samplers.gp.training_data import TrainingData
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap, perturbed

CROWD_RUNNING_TRIALS = 100  # running trials from which on the next one is proposed in this way
CROWD_MODEL_GROWTH = 1.25  # of the number of trials from one model to the next
CROWD_ROWS, CROWD_BEST_ROWS, CROWD_NEAREST_ROWS = 200, 80, 60  # of a model: in all, the best, the nearest to the best
NEAR_SHARE = 0.5  # of the proposals of one objective: those near a good trial
MEAN_KAPPA = 0.3  # mean of κ
CROWD_STEPS = (0.1, 0.03, 0.01)  # sizes of perturbations in the unit cube, one of them for each proposal
CROWD_LEADERS, CROWD_PERTURBATIONS = 4, 8  # points that are perturbed, and how often each
N_NEAR_RUNNING = 32  # running trials that are taken into account
N_CROWD_INCUMBENTS = 10
N_SPARE_POINTS = 64  # random points that are looked at where every candidate was tried


def rows_modelled(history: History) -> int:
    """Return how many rows of a history its models are made of; a function of the rows with finite values alone."""
    finite = np.flatnonzero(np.isfinite(history.y).all(axis=1))
    count = MIN_MODEL_ROWS
    while (following := max(count + 1, int(count * CROWD_MODEL_GROWTH))) <= len(finite):
        count = following
    return int(finite[count - 1]) + 1


class Crowd:
    """Proposes points of randomised acquisition functions over models of the first rows of a history.

    Args:
        context: what is known of those rows.
        space: the space as the study has it.
    """

    def __init__(self, context: SearchContext, space: Space) -> None:
        data, features = context.data, context.features
        self.context = context
        rng = context.rng
        rows = _modelled_rows(data.y[:, 0], data.u, features, rng)
        self.u, self.z, good = data.u[rows], features(data.u[rows]), data.feasible[rows]
        cache = HyperparameterCache()
        self.t, self.theta, self.own = [], [], []
        for y, noise in zip(np.ascontiguousarray(data.y[rows].T), data.noise[rows].T, strict=True):
            seen = cache.in_units(Observations(y, self.u, features, noise))
            t, known = cache.warp(seen).values, cache.known(seen)
            self.t.append(t)
            self.theta.append(fit(self.z, features.group, t, model_prior(features), known=known))
            self.own.append(Posterior(self.z, features.group, t, self.theta[-1], known))
        self.constraints = constraint_models(cache, data, rows, self.z, features)
        self.hopeful = bool(good.any())
        models = self._given(self.u[:0])
        fitted = np.column_stack([model.fitted for model in models])
        usable = fitted[good] if self.hopeful else fitted
        self.low, span = usable.min(axis=0), np.ptp(usable, axis=0)
        self.span = np.where(span > 0, span, 1.0)
        share = ((fitted - self.low) / self.span).max(axis=1)  # of one objective: the order of its values
        self.order = np.argsort(np.where(good, share, np.inf), kind="stable")[:N_CROWD_INCUMBENTS]
        near = np.vstack([self.u[self.order], context.sources.good])
        self.is_likely = near_the_best(self.u[self.order[:N_BEST_AT_MARGIN]])
        limits = data.boundaries.limits(self.u[:0], self.is_likely)
        self.pool = candidate_pool(context.space, features, near, rng, limits)
        for model in [*self.own, *(model for model, _ in self.constraints)]:
            model.remember(self.pool.z)
        self.models = self._given(self.u[:0])
        self._tried: set[bytes] = set()
        self._filter = DuplicateFilter(context.space)
        self._seen = 0
        self._space = space
        self._neighbourhood: Cache[Neighbourhood] = Cache()
        self._near: Neighbourhood | None = None

    def update(self, history: History) -> None:
        """Note which points were tried since the models were made, and look at the surroundings of a good one."""
        x = self.context.space.mask(history.points(self.context.space)[self._seen :])
        self._tried.update(point_keys(x))
        self._filter.add(self.context.space.to_unit(x))
        self._seen = len(history)
        rows, turn = rows_near(history)
        is_known = len(self.context.sources.good) == 0 or len(self.z) >= CROWD_ROWS  # better than from earlier studies
        if len(self.own) == 1 and is_known:
            self._near = self._neighbourhood.get((rows,), lambda: self._around(history, rows, turn))

    def _around(self, history: History, rows: int, turn: int) -> Neighbourhood:
        data = TrainingData.of(history, self._space, self.context.space, rows).without_boundary_failures()
        return Neighbourhood(replace(self.context, data=data), self.theta[0], self.constraints, turn)

    def propose(self, pending: Floats, running: set[bytes], rng: np.random.Generator) -> Floats:
        """Return internal values [d] of the next point.

        Args:
            pending: internal values [p, d] of running trials.
            running: their keys.
        """
        context = self.context
        space, features = context.space, context.features
        kappa, weights = rng.exponential(MEAN_KAPPA), rng.dirichlet(np.ones(len(self.own)))
        at_once = space.to_unit(space.mask(pending))
        if self._near is not None and rng.random() < NEAR_SHARE:
            found = self._near.propose(at_once, self._tried, running, rng)
            if found is not None:
                return found
        limits = low, high = context.data.boundaries.limits(at_once, self.is_likely)
        value = self._value(self.models, self.pool.z, kappa, weights)
        best = np.argsort(value, kind="stable")[:CROWD_LEADERS]
        leaders = np.nan_to_num(self.pool.u[best], nan=0.5)
        step = CROWD_STEPS[int(rng.integers(len(CROWD_STEPS)))]
        moved = perturbed(np.repeat(leaders, CROWD_PERTURBATIONS, axis=0), step, features, rng, low, high)
        points = on_region(space, features, np.concatenate([leaders, moved]))
        close = _nearest(features(at_once), self.pool.z[best[:1]], self.own[0].scale)
        value = self._value(self._given(at_once[close]), points.z, kappa, weights)
        value[lie_beyond(points.u, limits)] = np.inf
        keys = point_keys(points.x)
        for i in np.argsort(value, kind="stable").tolist():
            if keys[i] not in self._tried and keys[i] not in running and value[i] < np.inf:
                return np.array(points.x[i])
        return self._spare(pending, running, rng)

    def _given(self, u: Floats) -> Sequence[Model]:
        """Return the models of the objectives with trials running at u[p, d]."""
        context, z = self.context, self.context.features(u)
        pairs = zip(self.own, self.t, strict=True)
        return [context.sources.combine(model.given(z), self.z, t) for model, t in pairs]

    def _value(self, models: Sequence[Model], z: Floats, kappa: float, weights: Floats) -> Floats:
        """Return what is to be small [q]: μ - κ σ, minus the logarithms of the probabilities and of the prior."""
        total = np.zeros(len(z))
        if self.hopeful:
            bound = np.empty((len(z), len(models)))
            for j, model in enumerate(models):
                mean, variance = model.predict(z)
                bound[:, j] = mean - kappa * np.sqrt(variance)
            if len(models) == 1:
                total += bound[:, 0]
            else:  # augmented Chebyshev scalarisation (ParEGO, eq. 2)
                scaled = (bound - self.low) / self.span * weights
                total += scaled.max(axis=1) + 0.05 * scaled.sum(axis=1)
        for model, limit in self.constraints:
            total -= log_probability_below(*model.predict(z), limit)
        return total - self.context.prior_weight.value(z) if self.context.prior_weight else total

    def _spare(self, pending: Floats, running: set[bytes], rng: np.random.Generator) -> Floats:
        """Return a random point that was not tried; if none is found, one that was."""
        space = self.context.space
        x = space.sample(rng, N_SPARE_POINTS)
        for row, key in zip(x, point_keys(x), strict=True):
            if key not in self._tried and key not in running:
                return np.array(row)
        untried = self._filter.random_untried(rng, set(self._filter.keys_of(pending)))
        return np.array(x[0] if untried is None else untried[0])


def _modelled_rows(y: Floats, u: Floats, features: FeatureMap, rng: np.random.Generator) -> Indices:
    """Return the rows that the models use: all, or the best ones, the nearest to the best one and some random ones."""
    n = len(y)
    if n <= CROWD_ROWS:
        return np.arange(n)
    order, z = np.argsort(y, kind="stable"), features(u)
    nearest = np.argsort(((z - z[order[0]]) ** 2).sum(axis=1), kind="stable")[:CROWD_NEAREST_ROWS]
    others = rng.choice(n, CROWD_ROWS - CROWD_BEST_ROWS - CROWD_NEAREST_ROWS, replace=False)
    return np.unique(np.concatenate([order[:CROWD_BEST_ROWS], nearest, others]))


def _nearest(z: Floats, centre: Floats, scale: Floats) -> Indices:
    """Return which rows of z[p, F] are closest to the centre [1, F], distances scaled by [F]."""
    distance = (((z - centre) * scale) ** 2).sum(axis=1)
    return np.sort(np.argsort(distance, kind="stable")[:N_NEAR_RUNNING])
