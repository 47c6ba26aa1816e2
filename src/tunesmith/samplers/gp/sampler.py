"""Bayesian optimisation with a Gaussian process: the fewest trials, where a trial costs more than milliseconds.

A proposal maximises log expected improvement under a Matérn-5/2 process over mixed and conditional spaces, fitted to
the values after a Yeo-Johnson transform, in the units in which the process explains them best. The recipe follows
Cowen-Rivers et al. (HEBO, JAIR 74, 2022) in transforming values (inputs are not transformed), Hvarfner et al. (2024) in
the lengthscale prior and Ament et al. (2023) in the acquisition; what is not in a paper was measured (docs/samplers.md
says where it wins and where it does not).

Everything is computed from the history: hyperparameters are fitted to the rows of the last row count of a fixed
schedule, so a new object, or one that saw the rows in another rhythm, proposes the same.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.blas_threads import one_thread
from tunesmith.foundation.numerics.cache import Cache
from tunesmith.history import History
from tunesmith.history.fidelity.decision import with_expected_ends
from tunesmith.samplers.base import Points, Sampler, SamplerStates, accepts_foreign_arguments, encode_state
from tunesmith.samplers.finished import point_keys
from tunesmith.samplers.gp.branches import MAX_BRANCHES
from tunesmith.samplers.gp.context import SearchContext
from tunesmith.samplers.gp.crowd import CROWD_RUNNING_TRIALS, Crowd, rows_modelled
from tunesmith.samplers.gp.hyperparameters import MIN_MODEL_ROWS, HyperparameterCache
from tunesmith.samplers.gp.initial_design import InitialDesign
from tunesmith.samplers.gp.proposers import BiObjectiveProposer, SingleObjectiveProposer, design_in_words
from tunesmith.samplers.gp.transfer import SourceModels
from tunesmith.samplers.gp.trust_region import MAX_GLOBAL_ROWS
from tunesmith.space import Space
from tunesmith.space.meaning import Meaning, meanings_of


@accepts_foreign_arguments
class GPSampler(Sampler):
    """Proposes the point of largest expected improvement under a Gaussian process.

    Two objectives are searched by expected hypervolume improvement, more of them (or beyond 500 trials) by augmented
    Chebyshev scalarisations with random weights (Knowles, "ParEGO", 2006), on three as good and cheaper. Failed trials
    count as the worst value seen and feed a model of where trials fail; constraints have a model each; a running trial
    is taken to end at the posterior mean. Beyond 500 rows the model is local.

    Args:
        n_startup_trials: trials before the model takes over, see `tunesmith.samplers.gp.initial_design`; by
            default four, or as many as a parameter has branches (at most 20), or a third of its choices (at most 10).
        seed: becomes the study's seed, if `create_study` is given none.

    Example:
        ```python
        from tunesmith import Float, minimize
        from tunesmith.samplers import GPSampler

        study = minimize(lambda x: (x - 0.3) ** 2, {"x": Float(-1, 1)}, sampler=GPSampler(), n_trials=15, seed=0)
        print(study.best_params)
        ```
    """

    name: ClassVar[str] = "gp"

    @checked()
    def __init__(self, n_startup_trials: int | None = None, seed: int | None = None) -> None:
        if n_startup_trials is not None and n_startup_trials < 1:
            raise ValueError(f"GPSampler: n_startup_trials must be 1 or more; got {n_startup_trials}")
        self.n_startup_trials = n_startup_trials
        self.seed = seed
        self._design = InitialDesign()
        self._hyperparameters = HyperparameterCache()
        self._sources: Cache[SourceModels] = Cache()
        self._meanings: Cache[dict[int, Meaning]] = Cache()
        self._context: Cache[SearchContext] = Cache()
        self._crowd: Cache[Crowd] = Cache()
        self._proposer: Cache[SingleObjectiveProposer | BiObjectiveProposer] = Cache()

    def exclusive_at(self, history: History) -> bool:
        """Tell whether quasi-random points are proposed still, which no two trials may share."""
        return history.space is None or self._starting(history, history.space)

    def _starting(self, history: History, space: Space) -> bool:
        if int(np.isfinite(history.y).all(axis=1).sum()) < MIN_MODEL_ROWS:
            return True
        begun = len(history) + history.n_pending
        if self.n_startup_trials is not None:
            return begun < self.n_startup_trials
        if begun >= MAX_BRANCHES:
            return False
        return not self._design.has_begun(history) or begun < self._design.size(history, space)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return n points; see `Sampler.ask`."""
        return self.propose(history, space, rng, n)[:2]

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str | None]:
        """Return n points; what is expected of the first one, what is known besides, and the branches chosen for them.

        See `Sampler.propose`.
        """
        history = with_expected_ends(history, space)
        if len(space) == 0 or self._starting(history, space):
            meanings = self._meant(history, space)
            return *self._design.ask(history, space, rng, n, meanings), design_in_words(space, meanings)
        told: list[str] = []
        with one_thread():
            x, branches = self._modelled(history, space, rng, n, told)
        if branches:
            told.append(f"in a branch that may come to be the best: {'; '.join(branches)}")
        if history.expected:
            told.append(f"{len(history.expected)} unfinished trials count with the ends expected of them")
        return x, np.full(n, encode_state(self.name, 0), np.int64), "; ".join(told) or None

    def _modelled(
        self, history: History, space: Space, rng: np.random.Generator, n: int, told: list[str]
    ) -> tuple[Points, list[str]]:
        """Return n points [n, d], each of the largest acquisition when those before it are running, and branches.

        What the model says of the first one is added to `told`.
        """
        points: list[Floats] = []
        branches: list[str] = []
        pending = history.pending_points(space)
        while len(points) < n and len(pending) <= CROWD_RUNNING_TRIALS:
            context = self._context.get((history, len(history), space), lambda: self._context_of(history, space))
            proposer = self._proposer_of(context, rng)
            x, branch = proposer.propose(pending, rng)
            if not points and x is not None:
                told += proposer.told(x)
            if branch is not None and branch not in branches:
                branches.append(branch)
            if x is None:  # every point of a finite space was tried: any is as good as another
                x = context.space.sample(rng, 1)[0]
            points.append(x)
            pending = np.vstack([pending, x])
        if len(points) < n:
            points += self._crowded(history, space, pending, rng, n - len(points))
        return np.array(points), branches

    def _crowded(
        self, history: History, space: Space, pending: Floats, rng: np.random.Generator, n: int
    ) -> list[Floats]:
        """Return n points for one of very many workers each."""
        rows = rows_modelled(history)
        crowd = self._crowd.get((history, rows, space), lambda: Crowd(self._context_of(history, space, rows), space))
        crowd.update(history)
        running = set(point_keys(crowd.context.space.mask(pending)))
        points: list[Floats] = []
        for _ in range(n):
            x = crowd.propose(pending, running, rng)
            points.append(x)
            pending = np.vstack([pending, x])
            running.update(point_keys(x[None]))
        return points

    def _context_of(self, history: History, space: Space, n: int | None = None) -> SearchContext:
        meanings = self._meant(history, space)
        return SearchContext.of(history, space, self._hyperparameters, self._sources, meanings, n)

    def _meant(self, history: History, space: Space) -> dict[int, Meaning]:
        """Return what the parameters mean, where that says what is good."""
        if history.why_no_meanings is not None:
            return {}
        return self._meanings.get((space,), lambda: meanings_of(space))

    def _proposer_of(
        self, context: SearchContext, rng: np.random.Generator
    ) -> SingleObjectiveProposer | BiObjectiveProposer:
        data, hyperparameters = context.data, self._hyperparameters
        m = data.y.shape[1]
        if m > 2 or (m == 2 and not (len(data.y) <= MAX_GLOBAL_ROWS and data.feasible.any())):
            y = scalarise(data.y, rng.dirichlet(np.ones(m)))  # other weights for each point, so nothing to keep
            return SingleObjectiveProposer(context, y, hyperparameters, may_be_noisy=False)
        if m == 2:
            return self._proposer.get((context,), lambda: BiObjectiveProposer(context, hyperparameters))
        return self._proposer.get(
            (context,), lambda: SingleObjectiveProposer(context, data.y[:, 0], hyperparameters, data.noise[:, 0])
        )


def scalarise(y: Floats, weights: Floats) -> Floats:
    """Return the augmented Chebyshev scalarisation [n] of y[n, m], each objective scaled to [0, 1] (ParEGO, eq. 2)."""
    low, high = y.min(axis=0), y.max(axis=0)
    scaled = (y - low) / np.where(high > low, high - low, 1.0) * weights
    total: Floats = scaled.max(axis=1) + 0.05 * scaled.sum(axis=1)
    return total
