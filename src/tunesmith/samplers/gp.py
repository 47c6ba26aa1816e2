"""Bayesian optimisation with a Gaussian process: the fewest trials, where a trial costs more than milliseconds.

A proposal maximises log expected improvement under a Matérn-5/2 process over mixed and conditional spaces, fitted to
the values after a Yeo-Johnson transform. The recipe follows Cowen-Rivers et al. (HEBO, JAIR 74, 2022) in transforming
inputs and outputs, Hvarfner et al. (2024) in the lengthscale prior and Ament et al. (2023) in the acquisition; what is
not in a paper was measured (docs/samplers.md says where it wins and where it does not).

Everything is computed from the history: hyperparameters are fitted to the rows of the last row count of a fixed
schedule, so a new object, or one that saw the rows in another rhythm, proposes the same.
"""

from __future__ import annotations

import math
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import History
from tunesmith.numerics.gp import Posterior, Prior, fit
from tunesmith.numerics.pareto import non_dominated
from tunesmith.numerics.threads import one_thread
from tunesmith.numerics.warp import normalise, standardise
from tunesmith.samplers.base import Points, Sampler, Tags, sign
from tunesmith.samplers.belief import Belief
from tunesmith.samplers.branches import EVERY, MOST, SETTLED, Branch, neglected
from tunesmith.samplers.ends import BEST
from tunesmith.samplers.features import Features
from tunesmith.samplers.hypervolume import FrontImprovement
from tunesmith.samplers.improvement import Improvement
from tunesmith.samplers.inferred import infer
from tunesmith.samplers.maximise import maximise
from tunesmith.samplers.observed import Observed, observe
from tunesmith.samplers.ported import INDEPENDENT, REFUSED, SILENT, Instead, also_takes
from tunesmith.samplers.start import Start
from tunesmith.samplers.transfer import Following, Sources
from tunesmith.samplers.trust import WHOLE, local_rows, trust_box
from tunesmith.space import Space

Floats = NDArray[np.float64]
EACH = 50  # up to so many rows the hyperparameters are fitted at each ask, then each time the rows grow by GROWTH
GROWTH = 1.08
MIN_ROWS = 3  # finite observations before a model is worth anything
N_INCUMBENTS = 5
DOUBT = 2.0  # by what lengthscales are divided where the model is doubted
N_FRONT = 8  # points of a front that the search for the next point starts from
PRIOR = Prior(scale_mean=0.0, noise_mean=-6.0, noise_bounds=(1e-6, 1.0))  # measured: docs/benchmarks.md


def fitted_rows(n: int) -> int:
    """Return the row count at which the hyperparameters used with n rows are fitted."""
    if n <= EACH:
        return n
    count = EACH
    while (following := max(count + 1, int(count * GROWTH))) <= n:
        count = following
    return count


OPTUNAS = {
    "independent_sampler": INDEPENDENT,
    "deterministic_objective": Instead(
        "the noise is estimated, and found to be small where there is none", None, False
    ),
    "constraints_func": REFUSED,
    "warn_independent_sampling": SILENT,
}


@also_takes(OPTUNAS)
class GPSampler(Sampler):
    """Proposes the point of largest expected improvement under a Gaussian process.

    Two objectives are searched by expected hypervolume improvement, more of them (or beyond 500 trials) by augmented
    Chebyshev scalarisations with random weights (Knowles, "ParEGO", 2006), on three as good and cheaper. Failed trials
    count as the worst value seen and feed a model of where trials fail; constraints have a model each; a running trial
    is taken to end at the posterior mean. Beyond 500 rows the model is local.

    Args:
        n_startup_trials: trials before the model takes over, see :mod:`tunesmith.samplers.start`; by default four, or
            as many as a parameter has branches (at most 20).
        seed: accepted for porting; the seed that counts is the study's.
    """

    name: ClassVar[str] = "gp"

    def __init__(self, n_startup_trials: int | None = None, seed: int | None = None) -> None:
        if n_startup_trials is not None and n_startup_trials < 1:
            raise ValueError(f"GPSampler: n_startup_trials must be 1 or more; got {n_startup_trials}")
        self.n_startup_trials = n_startup_trials
        self.seed = seed
        self._start = Start()
        self._fits = Fits()
        self._following = Following(PRIOR)

    def exclusive_at(self, history: History) -> bool:
        """Tell whether quasi-random points are proposed still, which no two trials may share."""
        return history.space is None or self._starting(history, history.space)

    def _starting(self, history: History, space: Space) -> bool:
        if int(np.isfinite(history.y).all(axis=1).sum()) < MIN_ROWS:
            return True
        begun = len(history) + len(history.running)
        if self.n_startup_trials is not None:
            return begun < self.n_startup_trials
        return begun < MOST and begun < self._start.count(history, space)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, Tags]:
        """Return n points; see :meth:`Sampler.ask`."""
        if len(space) == 0 or self._starting(history, space):
            return self._start.ask(history, space, rng, n)
        with one_thread():
            x = self._modelled(history, space, rng, n)
        return x, np.full(n, sign(self.name, 0), np.int64)

    def _modelled(self, history: History, space: Space, rng: np.random.Generator, n: int) -> Points:
        """Return n points [n, d], each of the largest acquisition when those before it are running."""
        tree = infer(space, history.points(space))
        seen = observe(history, space, tree).inside()
        features = Features(tree)
        belief = Belief(tree, features, len(history))
        sources = self._following.sources(history, tree, features)
        points: list[Floats] = []
        pending = history.pending_points(space)
        for _ in range(n):
            x = self._propose(tree, features, seen, pending, rng, belief, sources)
            if x is None:  # every point of a finite space was tried: any is as good as another
                x = tree.sample(rng, 1)[0]
            points.append(x)
            pending = np.vstack([pending, x])
        return np.array(points)

    def _propose(
        self,
        space: Space,
        features: Features,
        seen: Observed,
        pending: Floats,
        rng: np.random.Generator,
        belief: Belief,
        sources: Sources,
    ) -> Floats | None:
        """Return internal values [d] of the next point."""
        if seen.y.shape[1] == 2 and len(seen.y) <= WHOLE and seen.feasible.any():
            return self._extend_front(space, features, seen, pending, rng, belief)
        weights = rng.dirichlet(np.ones(seen.y.shape[1])) if seen.y.shape[1] > 1 else None
        y = scalarise(seen.y, weights)
        rows = local_rows(y, seen.u, features)
        z, t = features(seen.u[rows]), normalise(y[rows])
        theta = self._fits.theta(y, seen.u, features)
        running = features(space.to_unit(space.mask(pending)))
        model = sources.follow(Posterior(z, features.group, t, theta, running), z, t)
        good = seen.feasible[rows]
        best = float(model.fitted[good].min()) if good.any() else None
        if best is not None and len(running):  # running trials are believed to reach the posterior mean
            best = min(best, float(model.predict(running)[0].min()))
        acquisition = Improvement(model, best, side_models(self._fits, seen, rows, z, features), belief)
        order = np.argsort(np.where(good, model.fitted, np.inf), kind="stable")[:N_INCUMBENTS]
        taken = seen.known(pending)
        near = np.vstack([seen.u[rows][order], sources.good])
        ends = seen.ends.reach(seen.u[rows][order[:BEST]], space.to_unit(pending))
        box = trust_box(y, seen.u, features, theta, seen.u[rows][order[0]], ends)
        x = maximise(acquisition, space, features, near, rng, taken, box)
        settled = x is not None and float(acquisition.value(features(space.to_unit(x[None])))[0]) < SETTLED
        if best is None or not settled or len(y) % EVERY:
            return x
        path = neglected(space, np.vstack([seen.x, pending]), seen.x[rows][order[0]], len(y) // EVERY)
        if path is None:  # the model says that nothing is left: believe less of what it says of places far from trials
            shorter = theta - math.log(DOUBT) * (np.arange(len(theta)) < len(theta) - 1)
            doubted = sources.follow(Posterior(z, features.group, t, shorter, running), z, t)
            acquisition.model, acquisition.best = doubted, float(doubted.fitted[good].min())
            there = maximise(acquisition, space, features, near, rng, taken, ends)
        else:
            own = np.flatnonzero(good & Branch(space, path).holds(seen.u[rows]))
            own = own[np.argsort(model.fitted[own], kind="stable")[:N_INCUMBENTS]]
            acquisition.best = float(model.fitted[own[0] if len(own) else order[-1]])
            there = maximise(acquisition, Branch(space, path), features, seen.u[rows][own], rng, taken, ends)
        return x if there is None else there

    def _extend_front(
        self,
        space: Space,
        features: Features,
        seen: Observed,
        pending: Floats,
        rng: np.random.Generator,
        belief: Belief,
    ) -> Floats | None:
        """Return internal values [d] of the next point, where each objective has a model of its own."""
        rows, z = np.arange(len(seen.y)), features(seen.u)
        running = features(space.to_unit(space.mask(pending)))
        models = [
            Posterior(z, features.group, normalise(y), self._fits.theta(y, seen.u, features), running) for y in seen.y.T
        ]
        reached = np.column_stack([model.fitted for model in models])[seen.feasible]
        near = seen.u[seen.feasible][non_dominated(reached)]
        if len(running):  # running trials are believed to reach the posterior mean
            reached = np.vstack([reached, np.column_stack([model.predict(running)[0] for model in models])])
        sides = side_models(self._fits, seen, rows, z, features)
        acquisition = FrontImprovement(models, reached, sides, len(seen.y) % 2 == 1, belief)
        ends = seen.ends.reach(near, space.to_unit(pending))
        near = near[rng.permutation(len(near))[:N_FRONT]]
        return maximise(acquisition, space, features, near, rng, seen.known(pending), ends)


class Fits:
    """Hyperparameters by the data they were fitted to: a cache, so that a schedule's row count is fitted once."""

    def __init__(self) -> None:
        self._kept: dict[int, Floats] = {}

    def theta(self, y: Floats, u: Floats, features: Features) -> Floats:
        """Return θ fitted to the first rows of y[n] and u[n, d], as many as the schedule says."""
        count = fitted_rows(len(y))
        rows = local_rows(y[:count], u[:count], features)
        return self._fit(features(u[:count][rows]), features.group, normalise(y[:count][rows]))

    def side(self, z: Floats, group: NDArray[np.intp], t: Floats) -> Floats:
        """Return θ for a constraint or the failures, from the first rows."""
        count = fitted_rows(len(t))
        return self._fit(z[:count], group, t[:count])

    def _fit(self, z: Floats, group: NDArray[np.intp], t: Floats) -> Floats:
        key = hash((z.shape, z.tobytes(), t.tobytes(), group.tobytes()))
        if key not in self._kept:
            if len(self._kept) >= 32:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = fit(z, group, t, PRIOR)
        return self._kept[key]


def side_models(
    fits: Fits, seen: Observed, rows: NDArray[np.intp], z: Floats, features: Features
) -> list[tuple[Posterior, float]]:
    """Return the models of constraints and of failure, each with the bound its function must stay below.

    Args:
        fits: where hyperparameters are kept.
        seen: the history.
        rows: the rows of it to use.
        z: their features [len(rows), F].
        features: the map to features.
    """
    models: list[tuple[Posterior, float]] = []
    for column in seen.c[rows].T:
        known = np.isfinite(column)
        if known.sum() >= MIN_ROWS and column[known].std() > 0:
            mean, sd = float(column[known].mean()), float(column[known].std())
            t = standardise(column[known])
            own = fits.side(z[known], features.group, t)
            models.append((Posterior(z[known], features.group, t, own), -mean / sd))
    failed = seen.failed[rows]
    if failed.any() and not failed.all():
        label = np.where(failed, 1.0, -1.0)
        models.append((Posterior(z, features.group, label, fits.side(z, features.group, label)), 0.0))
    return models


def scalarise(y: Floats, weights: Floats | None) -> Floats:
    """Return the augmented Chebyshev scalarisation [n] of y[n, m], each objective scaled to [0, 1] (ParEGO, eq. 2)."""
    if weights is None:
        return y[:, 0]
    low, high = y.min(axis=0), y.max(axis=0)
    scaled = (y - low) / np.where(high > low, high - low, 1.0) * weights
    total: Floats = scaled.max(axis=1) + 0.05 * scaled.sum(axis=1)
    return total
