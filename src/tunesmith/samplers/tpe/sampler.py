"""Tree-structured Parzen estimators: proposals in a few hundred microseconds, whatever the number of trials.

Of the finished trials the best few are *good*, the others *bad*; l and g are Parzen mixtures of either. The point with
the largest l(u) / g(u) of a number of draws from l is proposed, which maximises the probability of being good and, for
a fixed share of good trials, expected improvement (Bergstra, Bardenet, Bengio & Kégl, NeurIPS 2011, section 4, eqs. 2
and 3). Mixtures are over whole points and hold a uniform prior density, as Watanabe recommends (arXiv 2304.11127, 2023,
sections 3 and 4); but the branch of a conditional space is chosen before, see `tunesmith.samplers.tpe.branches`. What
differs from both was measured on published tuning tasks and is said where it is done.

The state of a search, `tunesmith.samplers.tpe.state.TpeState`, is the encoded trials and their order by merit.
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.history import History
from tunesmith.samplers.base import Points, SamplerStates, StatefulSampler, accepts_foreign_arguments
from tunesmith.samplers.finished import point_keys
from tunesmith.samplers.tpe.state import TpeState
from tunesmith.space import Space

FOLDED_SHARE = 0.8  # of the continuous coordinates: drawn so that they can fall onto the bounds, where optima often lie


@accepts_foreign_arguments
class TPESampler(StatefulSampler[TpeState]):
    """Proposes the most promising of several draws from a mixture around the best trials.

    Parameters are searched jointly; in a space with conditions, those of one branch, which is chosen first. Where
    conditions are not declared, a trial counts for the parameters that it used. Trials that violate constraints rank
    behind all others, by how much; several objectives are ranked by non-dominated fronts and crowding; pruned trials by
    their last report, behind the complete ones; trials that failed, are infinite or run now are bad. A point of a
    finite space is not proposed twice while another one is left; then the most promising one is.

    Args:
        n_startup_trials: random trials (with a value) before the model takes over.
        n_ei_candidates: draws of which the best one is proposed.
        seed: becomes the study's seed, if `create_study` is given none.

    Raises:
        ValueError: a number is below 1.

    Example:
        ```python
        from tunesmith import Float, Int, minimize
        from tunesmith.samplers import TPESampler

        space = {"x": Float(-1, 1), "n": Int(1, 9)}
        study = minimize(lambda x, n: x**2 + n, space, sampler=TPESampler(n_startup_trials=5), n_trials=20, seed=0)
        ```
    """

    name: ClassVar[str] = "tpe"

    @checked()
    def __init__(self, n_startup_trials: int = 5, n_ei_candidates: int = 32, seed: int | None = None) -> None:
        super().__init__()
        for what, count in (("n_startup_trials", n_startup_trials), ("n_ei_candidates", n_ei_candidates)):
            if count < 1:
                raise ValueError(f"TPESampler: {what} must be 1 or more; got {count}")
        self.n_startup_trials = n_startup_trials
        self.n_ei_candidates = n_ei_candidates
        self.seed = seed

    def initial_state(self, space: Space, n_objectives: int) -> TpeState:
        return TpeState(space, n_objectives)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return n points; see `Sampler.ask`."""
        states = np.zeros(n, np.int64)
        if len(space) == 0:
            return np.empty((n, 0)), states
        with self._state_after(history, space) as state:
            running = history.pending_points(space) if history.n_pending else np.empty((0, len(space)))
            points: list[Floats] = []
            for _ in range(n):
                points.append(self._propose(state, history, running, rng))
                if n > 1:
                    running = np.vstack([running, points[-1]])
        return np.array(points), states

    def _propose(self, state: TpeState, history: History, running: Floats, rng: np.random.Generator) -> Floats:
        space = state.space
        taken = set(point_keys(running)) if len(running) else set()
        if state.n_valued < self.n_startup_trials:
            return state.unseen(taken, rng)
        branch = None
        if state.branches.gates:
            branch = state.branches.choose(history.points(space)[: state.n], state.ranking(), running, rng)
        model = state.model(history, running, branch)
        low, high = model.limits
        u = model.good.sample(rng, self.n_ei_candidates, folded=FOLDED_SHARE)
        np.minimum(np.maximum(u, low, out=u), high, out=u)
        if branch is not None:
            for j, unit in state.branches.unit_of(branch).items():
                u[:, j] = unit
        x = space.from_unit(u)
        if space.constraints:
            x = x[space.feasible(x)]
            if len(x) == 0:
                x = space.sample(rng, self.n_ei_candidates)
        points = state.columns.points(space.to_unit(x))
        score = model.good.log_density(points)
        if model.bad is not None:
            score -= model.bad.log_density(points)
        by_score = (-score).argsort(kind="stable").tolist()
        for i in by_score:
            (key,) = point_keys(x[i : i + 1])
            if key not in state.seen and key not in taken:
                return np.asarray(x[i])
        # Of a finite space nothing may be left: then the best is tried again, as the objective may be noisy.
        return state.unseen(taken, rng, otherwise=x[by_score[0]])
