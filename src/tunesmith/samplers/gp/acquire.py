"""The next point of one or two objectives, from Gaussian processes of what is finished and a list of what runs.

What depends on the finished trials alone is computed once: models, the pool of points that each search begins with, and
what the models predict there. So the proposals of a batch share it, each with those before it as running trials.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tunesmith.history import History
from tunesmith.numerics.gp import Posterior
from tunesmith.numerics.pareto import non_dominated
from tunesmith.samplers.common.boundaries import BEST
from tunesmith.samplers.common.conditions import infer
from tunesmith.samplers.gp.acquisition import Improvement
from tunesmith.samplers.gp.branches import EVERY, SETTLED, Branch, neglected
from tunesmith.samplers.gp.feature_map import Features
from tunesmith.samplers.gp.hyperparameters import Fits, side_models
from tunesmith.samplers.gp.hypervolume import FrontImprovement
from tunesmith.samplers.gp.maximise import Acquisition, Box, Pool, best_of, maximise, pool_of
from tunesmith.samplers.gp.prior_weight import Belief
from tunesmith.samplers.gp.training_data import Observed, observe
from tunesmith.samplers.gp.transfer import Following, Sources, Transferred
from tunesmith.samplers.gp.trust_region import WHOLE, local_rows, trust_box
from tunesmith.space import Space

Floats = NDArray[np.float64]
N_INCUMBENTS = 5
DOUBT = 2.0  # by what lengthscales are divided where the model is doubted
N_FRONT = 8  # points of a front that the search for the next point starts from


@dataclass(frozen=True, slots=True)
class Known:
    """What a history holds for models: the space as a tree, its features, finite values, beliefs, earlier studies."""

    space: Space
    features: Features
    seen: Observed
    belief: Belief
    sources: Sources

    @classmethod
    def of(cls, history: History, space: Space, following: Following) -> Known:
        """Return what this history holds about the parameters of a space."""
        tree = infer(space, history.points(space))
        features = Features(tree)
        seen = observe(history, space, tree).inside()
        return cls(
            tree, features, seen, Belief(tree, features, len(history)), following.sources(history, tree, features)
        )

    @property
    def rng(self) -> np.random.Generator:
        """A generator that belongs to the finished trials."""
        return np.random.default_rng([len(self.seen.x), crc32(self.seen.x.tobytes())])

    def running(self, pending: Floats) -> Floats:
        """Return the features [p, F] of running trials, given their internal values [p, d]."""
        return self.features(self.space.to_unit(self.space.mask(pending)))


class OneObjective:
    """Proposes the point of largest expected improvement of one value.

    Args:
        known: what is known.
        y: the values [n].
        fits: where hyperparameters are kept.
        chained: see :meth:`Fits.theta`.
    """

    def __init__(self, known: Known, y: Floats, fits: Fits, chained: bool = True) -> None:
        seen, features = known.seen, known.features
        self.known, self.y = known, y
        self.rows = local_rows(y, seen.u, features)
        self.u = seen.u[self.rows]
        self.z, self.t = features(self.u), fits.normalised(y[self.rows])
        self.theta = fits.theta(y, seen.u, features, chained)
        self.own = Posterior(self.z, features.group, self.t, self.theta)
        self.good = seen.feasible[self.rows]
        self.sides = side_models(fits, seen, self.rows, self.z, features)
        fitted = known.sources.follow(self.own, self.z, self.t).fitted
        self.order = np.argsort(np.where(self.good, fitted, np.inf), kind="stable")[:N_INCUMBENTS]
        self.box = self.within(seen.u[:0])
        near = np.vstack([self.u[self.order], known.sources.good])
        self.pool = pool_of(known.space, features, near, known.rng, self.box)
        for model in [self.own, *(side for side, _ in self.sides)]:
            model.remember(self.pool.z)

    def within(self, running: Floats) -> Box:
        """Return the lowest and highest unit coordinates [d] to propose, with running trials at u[p, d]."""
        known, centre = self.known, self.u[self.order[0]]
        ends = known.seen.ends.reach(self.u[self.order[:BEST]], running)
        return trust_box(self.y, known.seen.u, known.features, self.theta, centre, ends)

    @cached_property
    def doubted(self) -> Posterior:
        """A process that takes the function to be rougher than it looks: places far from trials are worth more."""
        theta = self.theta - math.log(DOUBT) * (np.arange(len(self.theta)) < len(self.theta) - 1)
        return Posterior(self.z, self.known.features.group, self.t, theta)

    @cached_property
    def spread(self) -> Pool:
        """Points to begin with where the model is doubted: the best of all, without a trust region."""
        known, pool = self.known, self.pool
        if len(self.y) > WHOLE:
            ends = known.seen.ends.reach(self.u[self.order[:BEST]], known.seen.u[:0])
            pool = pool_of(known.space, known.features, self.u[self.order], known.rng, ends)
        return self._short(pool, self.doubted)

    @cached_property
    def short(self) -> Pool:
        """The points of the pool that are best if nothing runs."""
        return self._short(self.pool, self.own)

    def _short(self, pool: Pool, own: Posterior) -> Pool:
        model = self.known.sources.follow(own, self.z, self.t)
        best = float(model.fitted[self.good].min()) if self.good.any() else None
        short = best_of(pool, Improvement(model, best, self.sides, self.known.belief).value(pool.z))
        own.remember(short.z)
        return short

    def propose(self, pending: Floats, rng: np.random.Generator) -> Floats | None:
        """Return internal values [d] of the next point, with running trials at internal values pending[p, d]."""
        known = self.known
        space, features, seen = known.space, known.features, known.seen
        running = known.running(pending)
        brief = len(running) > 0
        pool = self.short if brief else self.pool  # first of all: the models are to remember it
        model = self._with(self.own, running)
        good = self.good
        best = float(model.fitted[good].min()) if good.any() else None
        if best is not None and len(running):  # running trials are believed to reach the posterior mean
            best = min(best, float(model.predict(running)[0].min()))
        acquisition = Improvement(model, best, self.sides, known.belief)
        at = space.to_unit(pending)
        box, ends = self.within(at), known.seen.ends.reach(self.u[self.order[:BEST]], at)
        taken = _barred(known, pending, ends)
        turn = len(self.y) + len(running)
        x = None
        if not brief or turn % EVERY or best is None or np.max(acquisition.value(pool.z), initial=-np.inf) >= SETTLED:
            x = maximise(acquisition, space, features, pool, rng, taken, box, brief)
            if best is None or turn % EVERY or (x is not None and _at(acquisition, known, x) >= SETTLED):
                return x
        path = neglected(space, np.vstack([seen.x, pending]), seen.x[self.rows][self.order[0]], turn // EVERY)
        quick = brief or not (self.sides or features.cell.any())  # slopes make up for fewer points
        if path is None:  # the model says that nothing is left: believe less of what it says of places far from trials
            spread, doubted = self.spread, self._with(self.doubted, running)
            acquisition.model, acquisition.best = doubted, float(doubted.fitted[good].min())
            there = maximise(acquisition, space, features, spread, rng, taken, ends, quick)
        else:
            branch = Branch(space, path)
            own = np.flatnonzero(good & branch.holds(self.u))
            own = own[np.argsort(model.fitted[own], kind="stable")[:N_INCUMBENTS]]
            acquisition.best = float(model.fitted[own[0] if len(own) else self.order[-1]])
            pool = pool_of(branch, features, self.u[own], rng, ends)
            there = maximise(acquisition, branch, features, pool, rng, taken, ends, quick)
        return x if there is None else there

    def _with(self, model: Posterior, running: Floats) -> Posterior | Transferred:
        return self.known.sources.follow(model.given(running), self.z, self.t)


class TwoObjectives:
    """Proposes the point whose expected hypervolume improvement is largest, each objective with a process of its own.

    Args:
        known: what is known; one trial at least is feasible.
        fits: where hyperparameters are kept.
    """

    def __init__(self, known: Known, fits: Fits) -> None:
        seen, features = known.seen, known.features
        self.known = known
        z = features(seen.u)
        self.models = [
            Posterior(z, features.group, fits.normalised(y), fits.theta(y, seen.u, features))
            for y in np.ascontiguousarray(seen.y.T)
        ]
        self.sides = side_models(fits, seen, np.arange(len(seen.y)), z, features)
        self.reached = np.column_stack([model.fitted for model in self.models])[seen.feasible]
        self.front = seen.u[seen.feasible][non_dominated(self.reached)]
        rng = known.rng
        near = self.front[rng.permutation(len(self.front))[:N_FRONT]]
        self.pool = pool_of(known.space, features, near, rng, known.seen.ends.reach(self.front, seen.u[:0]))
        for model in [*self.models, *(side for side, _ in self.sides)]:
            model.remember(self.pool.z)

    def propose(self, pending: Floats, rng: np.random.Generator) -> Floats | None:
        """Return internal values [d] of the next point, with running trials at internal values pending[p, d]."""
        known, reached = self.known, self.reached
        running = known.running(pending)
        brief = len(running) > 0
        pool = self.short if brief else self.pool  # first of all: the models are to remember it
        models = [model.given(running) for model in self.models]
        if len(running):  # running trials are believed to reach the posterior mean
            reached = np.vstack([reached, np.column_stack([model.predict(running)[0] for model in models])])
        wide = (len(known.seen.y) + len(running)) % 2 == 1
        acquisition = FrontImprovement(models, reached, self.sides, wide, known.belief)
        ends = known.seen.ends.reach(self.front, known.space.to_unit(pending))
        taken = _barred(known, pending, ends)
        return maximise(acquisition, known.space, known.features, pool, rng, taken, ends, brief)

    @cached_property
    def short(self) -> Pool:
        """The points of the pool that are best if nothing runs."""
        acquisition = FrontImprovement(self.models, self.reached, self.sides, True, self.known.belief)
        short = best_of(self.pool, acquisition.value(self.pool.z))
        for model in self.models:
            model.remember(short.z)
        return short


def _barred(known: Known, pending: Floats, ends: Box) -> Callable[[Floats], NDArray[np.bool_]]:
    """Return a function that tells which rows of x[q, d] were tried, run, or lie beyond the ends.

    The pool was made when nothing ran; since then a trial at an end may have started, and a second one is to wait.
    """
    taken = known.seen.known(pending)

    def barred(x: Floats) -> NDArray[np.bool_]:
        u = known.space.to_unit(x)
        with np.errstate(invalid="ignore"):  # NaN: inactive, at no end
            return taken(x) | ((u < ends[0]) | (u > ends[1])).any(axis=1)

    return barred


def _at(acquisition: Acquisition, known: Known, x: Floats) -> float:
    """Return the acquisition at internal values x[d]."""
    return float(acquisition.value(known.features(known.space.to_unit(x[None])))[0])
