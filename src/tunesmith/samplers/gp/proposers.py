"""The next point of one or two objectives, from Gaussian processes of the finished trials and a list of running ones.

What depends on the finished trials alone is computed once: the models, the pool of points that each search begins with,
and what the models predict there. So the proposals of a batch share it, each with those before it as running trials.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from functools import cached_property

import numpy as np

from tunesmith.foundation.numerics.acquisition import log_ei
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.gp import Posterior
from tunesmith.foundation.numerics.pareto import non_dominated
from tunesmith.samplers.finished import near_the_best
from tunesmith.samplers.gp.acquisition import LEARNT_BETA_SHARE, LogEHVI, LogEI, LowestMean
from tunesmith.samplers.gp.branches import Branch, branching_parameters, promising_branch
from tunesmith.samplers.gp.context import SearchContext
from tunesmith.samplers.gp.hyperparameters import HyperparameterCache, Observations, constraint_models
from tunesmith.samplers.gp.maximise import Acquisition, Box, CandidatePool, best_candidates, candidate_pool, maximise
from tunesmith.samplers.gp.transfer import TransferPosterior
from tunesmith.samplers.gp.trust_region import MAX_GLOBAL_ROWS, local_rows, trust_region
from tunesmith.space import Space
from tunesmith.space.base import priors_of

N_START_INCUMBENTS = 5
NEGLIGIBLE_LOG_EI = -3.0  # log expected improvement in standard deviations: a gain of 5 % of one
NO_LOG_EI = -8.0  # the same: a gain of a thirtieth of a percent; no trial is spent on it
CAUTIOUS_INTERVAL = 2  # one of so many trials follows the cautious model, once it has come to that
CAUTIOUS_DIVISOR = 2.0  # by what lengthscales are divided in the cautious model
N_FRONT_STARTS = 8  # points of a front that the search for the next point starts from


class SingleObjectiveProposer:
    """Proposes the point of largest expected improvement of one value.

    Args:
        y: the values [n].
        noise: standard deviations of the errors of the values [n], 0 where they are not known; None: nowhere.
        may_be_noisy: see `HyperparameterCache.theta`.
    """

    def __init__(
        self,
        context: SearchContext,
        y: Floats,
        hyperparameters: HyperparameterCache,
        noise: Floats | None = None,
        may_be_noisy: bool = True,
    ) -> None:
        data, features, sources = context.data, context.features, context.sources
        self.context, self.y = context, y
        self.rows = local_rows(y, data.u, features)
        self.u = data.u[self.rows]
        seen = Observations(y, data.u, features, noise, data.expected)
        if may_be_noisy:
            seen = hyperparameters.in_units(seen)
        local = seen.take(self.rows)
        self.warp = hyperparameters.warp(local)
        self.z, self.t = features(self.u), self.warp.values
        self.known = hyperparameters.known(local)
        self.theta = hyperparameters.theta(seen, may_be_noisy)
        self.is_noisy = may_be_noisy and hyperparameters.is_noisy(seen)
        self.own = Posterior(self.z, features.group, self.t, self.theta, self.known)
        self.good = data.feasible[self.rows]
        self.is_branching = bool(branching_parameters(context.space))
        self.constraints = constraint_models(hyperparameters, data, self.rows, self.z, features)
        model = self.model = sources.combine(self.own, self.z, self.t)
        self.order = np.argsort(np.where(self.good, model.fitted, np.inf), kind="stable")[:N_START_INCUMBENTS]
        near, limits = np.vstack([self.u[self.order], sources.good]), data.boundaries.limits(data.u[:0])
        self.pool = candidate_pool(context.space, features, near, context.rng, self._box(limits))
        for model in [self.own, *(model for model, _ in self.constraints)]:
            model.remember(self.pool.z)

    def _box(self, limits: Box) -> Box:
        """Return the trust region within the limits."""
        data, centre = self.context.data, self.u[self.order[0]]
        return trust_region(self.y, data.u, self.context.features, self.theta, centre, limits)

    @cached_property
    def cautious(self) -> Posterior:
        """A process that takes the function to be rougher than it looks: places far from trials are worth more."""
        theta = self.theta - math.log(CAUTIOUS_DIVISOR) * (np.arange(len(self.theta)) < len(self.theta) - 1)
        return Posterior(self.z, self.context.features.group, self.t, theta, self.known)

    @cached_property
    def cautious_shortlist(self) -> CandidatePool:
        """Points to begin with under the cautious model: the best of all, without a trust region."""
        context, pool = self.context, self.pool
        if len(self.y) > MAX_GLOBAL_ROWS:
            limits = context.data.boundaries.limits(context.data.u[:0])
            pool = candidate_pool(context.space, context.features, self.u[self.order], context.rng, limits)
        return self._shortlist(pool, self.cautious)

    @cached_property
    def shortlist(self) -> CandidatePool:
        """The points of the pool that are best if nothing runs."""
        return self._shortlist(self.pool, self.own)

    def _shortlist(self, pool: CandidatePool, own: Posterior) -> CandidatePool:
        model = self.context.sources.combine(own, self.z, self.t)
        acquisition = LogEI(model, self._best(model), self.constraints, self.context.prior_weight)
        shortlist = best_candidates(pool, acquisition.value(pool.z))
        own.remember(shortlist.z)
        return shortlist

    def _best(self, model: Posterior | TransferPosterior) -> float | None:
        """Return the lowest expected value at a feasible trial; None if none is feasible."""
        return float(model.fitted[self.good].min()) if self.good.any() else None

    def propose(self, pending: Floats, rng: np.random.Generator) -> tuple[Floats | None, str | None]:
        """Return internal values [d] of the next point, None: every point was tried; and the branch that it is for.

        Args:
            pending: internal values [p, d] of running trials.
        """
        context = self.context
        space, features, data = context.space, context.features, context.data
        running = context.running(pending)
        quick = len(running) > 0
        pool = self.shortlist if quick else self.pool  # first of all: the models are to remember it
        model = self._given(self.own, running)
        best = self._best(model)
        if best is not None and quick:  # running trials are taken to reach the posterior mean
            best = min(best, float(model.predict(running)[0].min()))
        acquisition = LogEI(model, best, self.constraints, context.prior_weight)
        turn = len(self.y) + len(running)
        is_smooth = not (self.constraints or features.cell_width.any())  # a gradient makes up for fewer points
        if best is not None and self.is_branching:
            y, leader = np.where(data.feasible, self.y, self.y.max()), data.x[self.rows][self.order[0]]
            chosen = promising_branch(space, data.x, y, space.mask(pending), leader, turn)
            if chosen is not None:
                branch = Branch(space, chosen)
                x = self._in_branch(branch, model, pending, rng, quick or is_smooth)
                if x is not None:
                    return x, str(branch)
        limits = data.boundaries.limits(space.to_unit(pending))
        box, barred = self._box(limits), context.is_barred(pending, limits, self.is_noisy)
        x = None
        is_second = best is not None and turn % CAUTIOUS_INTERVAL == 0
        least = -math.inf if best is None or self.is_branching else NEGLIGIBLE_LOG_EI if is_second else NO_LOG_EI
        may_look_again, may_skip = self.is_noisy and is_second, quick and least == NEGLIGIBLE_LOG_EI
        is_hopeful = not (may_look_again or may_skip)  # where it decides, the pool is asked
        is_hopeful = is_hopeful or bool(np.max(acquisition.value(pool.z), initial=-np.inf) >= NEGLIGIBLE_LOG_EI)
        if may_look_again and (is_hopeful or self.is_branching):  # what looks best is worth another look
            lowest = LowestMean(model, self.constraints, context.prior_weight)
            return maximise(lowest, space, features, pool, rng, barred, box, quick), None
        if is_hopeful or not may_skip:
            x = maximise(acquisition, space, features, pool, rng, barred, box, quick)
            if least == -math.inf or (x is not None and _at(acquisition, context, x) >= least):
                return x, None
        # The model says that nothing is left: trust it less far from trials.
        shortlist, cautious = self.cautious_shortlist, self._given(self.cautious, running)
        acquisition = LogEI(cautious, self._best(cautious), self.constraints, context.prior_weight)
        other = maximise(acquisition, space, features, shortlist, rng, barred, limits, quick or is_smooth)
        return (x if other is None else other), None

    def told(self, x: Floats) -> list[str]:
        """Say what is expected of a point x[d], if nothing else runs, and what the model knows besides the trials."""
        context, best = self.context, self._best(self.model)
        known = ["values are noisy"] if self.is_noisy else []
        known += knowledge_in_words(context, self.model)
        if best is None:
            return ["no trial is feasible yet", *known]
        mean, variance = self.model.predict(context.features(context.space.to_unit(x[None])))
        if context.data.y.shape[1] > 1:
            unit = "standard deviations of a weighted sum of the objectives"
            return [improvement_in_words(math.exp(log_ei(mean, variance, best)[0]), unit), *known]
        if not self.warp.values.any():
            return [improvement_in_words(math.exp(log_ei(mean, variance, best)[0]), "standard deviations"), *known]
        return [improvement_in_words(float(self.warp.improvement(mean, np.sqrt(variance), best)[0])), *known]

    def _in_branch(
        self,
        branch: Branch,
        model: Posterior | TransferPosterior,
        pending: Floats,
        rng: np.random.Generator,
        quick: bool,
    ) -> Floats | None:
        """Return the point [d] of a branch that is expected to improve most on the best value of that branch."""
        context, features = self.context, self.context.features
        own = np.flatnonzero(self.good & branch.holds(self.u))
        own = own[np.argsort(model.fitted[own], kind="stable")[:N_START_INCUMBENTS]]
        best = float(model.fitted[own[0] if len(own) else self.order[-1]])
        limits = context.data.boundaries.limits(context.space.to_unit(pending))
        pool = candidate_pool(branch, features, self.u[own], rng, limits)
        acquisition = LogEI(model, best, self.constraints, context.prior_weight)
        return maximise(acquisition, branch, features, pool, rng, context.is_barred(pending, limits), limits, quick)

    def _given(self, model: Posterior, running: Floats) -> Posterior | TransferPosterior:
        return self.context.sources.combine(model.given(running), self.z, self.t)


class BiObjectiveProposer:
    """Proposes the point whose expected hypervolume improvement is largest, each objective with a process of its own.

    Args:
        context: what is known; one trial at least is feasible.
    """

    def __init__(self, context: SearchContext, hyperparameters: HyperparameterCache) -> None:
        data, features = context.data, context.features
        self.context = context
        z = features(data.u)
        self.models = []
        for y, noise in zip(np.ascontiguousarray(data.y.T), np.ascontiguousarray(data.noise.T), strict=True):
            seen = hyperparameters.in_units(Observations(y, data.u, features, noise))
            theta, t = hyperparameters.theta(seen), hyperparameters.warp(seen).values
            self.models.append(Posterior(z, features.group, t, theta, hyperparameters.known(seen)))
        self.constraints = constraint_models(hyperparameters, data, np.arange(len(data.y)), z, features)
        self.reached = np.column_stack([model.fitted for model in self.models])[data.feasible]
        self.front = data.u[data.feasible][non_dominated(self.reached)]
        rng = context.rng
        near = self.front[rng.permutation(len(self.front))[:N_FRONT_STARTS]]
        self.is_likely = near_the_best(self.front)
        limits = data.boundaries.limits(data.u[:0], self.is_likely)
        self.pool = candidate_pool(context.space, features, near, rng, limits)
        for model in [*self.models, *(model for model, _ in self.constraints)]:
            model.remember(self.pool.z)

    def propose(self, pending: Floats, rng: np.random.Generator) -> tuple[Floats | None, None]:
        """Return internal values [d] of the next point, None: every point was tried; and no branch.

        Args:
            pending: internal values [p, d] of running trials.
        """
        context, reached = self.context, self.reached
        running = context.running(pending)
        quick = len(running) > 0
        pool = self.shortlist if quick else self.pool  # first of all: the models are to remember it
        models = [model.given(running) for model in self.models]
        if quick:  # running trials are taken to reach the posterior mean
            reached = np.vstack([reached, np.column_stack([model.predict(running)[0] for model in models])])
        wide = (len(context.data.y) + len(running)) % 2 == 1
        acquisition = LogEHVI(models, reached, self.constraints, wide, context.prior_weight)
        limits = context.data.boundaries.limits(context.space.to_unit(pending), self.is_likely)
        barred = context.is_barred(pending, limits)
        return maximise(acquisition, context.space, context.features, pool, rng, barred, limits, quick), None

    def told(self, x: Floats) -> list[str]:
        """Say what is expected of a point x[d], if nothing else runs, and what the model knows besides the trials."""
        context = self.context
        known = knowledge_in_words(context, self.models[0])
        acquisition = LogEHVI(self.models, self.reached, (), True, None)
        gain = math.exp(acquisition.value(context.features(context.space.to_unit(x[None])))[0])
        return [improvement_in_words(gain, "in standard deviations", "hypervolume improvement"), *known]

    @cached_property
    def shortlist(self) -> CandidatePool:
        """The points of the pool that are best if nothing runs."""
        acquisition = LogEHVI(self.models, self.reached, self.constraints, True, self.context.prior_weight)
        shortlist = best_candidates(self.pool, acquisition.value(self.pool.z))
        for model in self.models:
            model.remember(shortlist.z)
        return shortlist


def _at(acquisition: Acquisition, context: SearchContext, x: Floats) -> float:
    """Return the acquisition at internal values x[d]."""
    return float(acquisition.value(context.features(context.space.to_unit(x[None])))[0])


# -- what a proposal is told to be, in words --------------------------------------------------------------------------

MOST_PRIOR_NAMES = 4  # of parameters with priors that are listed


def improvement_in_words(gain: float, unit: str = "", of: str = "improvement") -> str:
    """Return an expected improvement in words.

    Args:
        unit: of what; empty: the unit of the objective.
    """
    return f"expected {of} {gain:.3g}" + (f" {unit}" if unit else "")


def design_in_words(space: Space, meanings: Collection[int]) -> str | None:
    """Return where the first points lie, if names say it.

    Args:
        meanings: places of the parameters whose usual values are known.
    """
    return f"around usual values of {_first_names(space, meanings)}" if meanings else None


def knowledge_in_words(context: SearchContext, model: object) -> list[str]:
    """Return what is known besides the trials: the user's priors, what names mean, and earlier studies with weight.

    Args:
        model: by which a point was proposed.
    """
    told = [f"{', '.join(context.rescaled)} searched on a logarithmic scale"] if context.rescaled else []
    weight = context.prior_weight.weight
    own = priors_of(list(context.space.params.values()))
    for of, which, share in (("priors", own, 1.0), ("usual values", context.meanings, LEARNT_BETA_SHARE)):
        if which:
            told.append(f"{of} of {_first_names(context.space, which)} with the weight {share * weight:.2g}")
    if isinstance(model, TransferPosterior):
        told.append(f"warm start with the weight {math.fsum(model.b):.2g}")
    return told


def _first_names(space: Space, places: Collection[int]) -> str:
    """Return the names of parameters, the first few of them."""
    names = [space.names[j] for j in places]
    more = f" and {len(names) - MOST_PRIOR_NAMES} more" if len(names) > MOST_PRIOR_NAMES else ""
    return ", ".join(names[:MOST_PRIOR_NAMES]) + more
