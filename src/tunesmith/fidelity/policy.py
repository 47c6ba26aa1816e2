"""The joint decision: start a new run, or go on with a paused one, whichever improves most for what it costs.

A run is trained from rung to rung, and may be given up after each: a box that opens in stages, each at a price. Of all
paused runs and of many candidates for a new one, the one of the highest index is taken (`tunesmith.numerics.price`):
expected improvement per cost, with the right to stop. So cheap configurations come first, and a new run needs no
promise to be finished.

An improvement counts from a small margin on. Else, as soon as nothing much is expected anywhere, what is best per cost
is to train configurations like the best one over and over for gains of no use (measured: up to half of all cost).

A tenth of the cost goes to every tenth run, however it looks: else what early losses say about the end would be learnt
of runs alone that looked good early.
"""

from __future__ import annotations

from enum import Enum

import numpy as np

from tunesmith.fidelity.chain import Forecast
from tunesmith.fidelity.costs import stage_costs
from tunesmith.fidelity.fits import FitCache
from tunesmith.fidelity.knowledge import Knowledge
from tunesmith.fidelity.ladder import Ladder, RungTable
from tunesmith.fidelity.runs import Action, Resume, Runs, RunState, Start
from tunesmith.fidelity.starts import candidates, designed, n_designed
from tunesmith.numerics.acquisition import log_probability_below
from tunesmith.numerics.arrays import Floats, Indices
from tunesmith.numerics.price import highest_index, log_rate
from tunesmith.numerics.threads import one_thread
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap

MIN_SEEN = 2  # of which so many have reported a finite value
SHORTLIST = 64  # runs and candidates whose index is computed
N_GOOD = 8  # runs near which new ones are looked for
LIKELY = 0.05  # the probability of ending best from which on a paused run is finished when no new one may begin
KEPT_SHARE = 0.1  # of the cost that goes to runs however they look
KEPT_EVERY, KEPT_FIRST = 10, 3  # which runs those are


class Verdict(Enum):
    """What becomes of a running run."""

    CONTINUE = "continue"
    PAUSE = "pause"  # or stop, where a run cannot be resumed


class FidelityPolicy:
    """Decides what is trained next. It keeps nothing but fits, by their data: a new object decides the same.

    Example:
        ```python
        import numpy as np

        from tunesmith import Float, Space
        from tunesmith.fidelity.policy import FidelityPolicy
        from tunesmith.fidelity.runs import Runs

        space = Space(rate=Float(1e-4, 1.0, log=True))
        none = np.empty(0, np.int64)
        runs = Runs(none, np.empty((0, 1)), none.astype(np.int8), (), (), (), none)
        action = FidelityPolicy().decide(runs, space, np.random.default_rng(0))
        assert action.until_step is not None
        ```
    """

    def __init__(self) -> None:
        self._fits = FitCache()

    def decide(self, runs: Runs, space: Space, rng: np.random.Generator) -> Action:
        """Return what a free worker trains next.

        Args:
            runs: all runs; those that are RUNNING are other workers'.
            space: what is searched; it has parameters.
            rng: the source of randomness.

        Returns:
            the run to go on with, or the configuration of a new one, and up to which step.
        """
        with one_thread():
            return self._decide(runs, space, rng, None)

    def propose(self, runs: Runs, space: Space, rng: np.random.Generator) -> Start:
        """Return the best new run, whatever a paused one promises; the arguments are those of `decide`."""
        with one_thread():
            action = self._decide(runs, space, rng, None, begins=True)
        if not isinstance(action, Start):
            raise RuntimeError(f"propose: a new run was to be chosen; got {action}")
        return action

    def finish(self, runs: Runs, space: Space) -> Resume | None:
        """Return the paused run that is most likely to end best, where no new run may begin; None: none is likely to.

        Args:
            runs: all runs.
            space: what is searched; it has parameters.
        """
        ladder = Ladder.of(runs)
        table = RungTable.of(runs, ladder)
        paused = np.flatnonzero((runs.state == RunState.PAUSED) & ~table.ended)
        if not len(paused) or np.isfinite(table.best).any(axis=1).sum() < MIN_SEEN:
            return None
        with one_thread():
            know = Knowledge(runs, ladder, table, FeatureMap(space), self._fits)
            ends, _ = know.chain.forecast(know.z[paused], know.s[paused])
        sd = np.sqrt(np.maximum(ends.variance.sum(axis=1), 1e-12))
        chance = log_probability_below(ends.mean, sd**2, know.best)
        at = int(np.argmax(chance))
        if chance[at] < np.log(LIKELY):
            return None
        k = int(paused[at])
        return Resume(int(runs.number[k]), ladder.step(min(int(table.reached[k]), len(ladder.positions) - 1)))

    def judge(self, runs: Runs, number: int, space: Space, rng: np.random.Generator) -> tuple[Verdict, int | None]:
        """Return whether a running run that has just reported goes on, and up to which step.

        It goes on if it is what `decide` would choose, were it paused; between rungs it always does.

        Args:
            runs: all runs.
            number: of the run.
            space: what is searched.
            rng: the source of randomness.

        Returns:
            the verdict, and the step at which it is judged again (None: never, it runs to its end).

        Raises:
            ValueError: there is no such run, or it is not running.
        """
        row = np.flatnonzero(runs.number == number)
        if not len(row) or runs.state[row[0]] != RunState.RUNNING:
            raise ValueError(f"judge: run {number} is not running; give the number of a running run")
        k = int(row[0])
        ladder = Ladder.of(runs)
        reached = ladder.rung_of(int(runs.steps[k][-1])) + 1 if len(runs.steps[k]) else 0
        at_rung = reached > 0 and ladder.position(int(runs.steps[k][-1])) == ladder.positions[reached - 1]
        if not at_rung:
            return Verdict.CONTINUE, ladder.step(min(reached, len(ladder.positions) - 1))
        if not runs.resumable and len(runs) < n_designed(space, runs.resumable):
            return Verdict.CONTINUE, ladder.step(min(reached, len(ladder.positions) - 1))
        with one_thread():
            action = self._decide(runs, space, rng, k)
        if isinstance(action, Resume) and action.number == number:
            return Verdict.CONTINUE, action.until_step
        return Verdict.PAUSE, None

    def _decide(
        self, runs: Runs, space: Space, rng: np.random.Generator, live: int | None, begins: bool = False
    ) -> Action:
        """Return the best action.

        Args:
            runs: all runs.
            space: what is searched.
            rng: the source of randomness.
            live: the row of a running run that is taken to be paused, and can go on.
            begins: whether a new run is to be begun.
        """
        if live is not None:
            runs = runs.paused(live)
        ladder = Ladder.of(runs)
        table = RungTable.of(runs, ladder)
        if len(runs) < n_designed(space, runs.resumable) or np.isfinite(table.best).any(axis=1).sum() < MIN_SEEN:
            return Start(designed(space, len(runs), rng), ladder.step(0))
        last = len(ladder.positions) - 1
        paused = np.flatnonzero((runs.state == RunState.PAUSED) & ~table.ended & (table.reached <= last) & (not begins))
        features = FeatureMap(space)
        know = Knowledge(runs, ladder, table, features, self._fits)
        can_go_on = np.full(len(runs), runs.resumable)
        if live is not None:
            can_go_on[live] = True
        paid = np.where(can_go_on, table.position, 0)
        cost = stage_costs(ladder.positions, table.reached[paused], paid[paused], know.rate[paused])
        kept = _kept(runs, table, know.rate, paused, cost)
        if kept is not None:
            return Resume(int(runs.number[kept]), ladder.step(int(table.reached[kept])))
        return self._best(runs, space, features, ladder, table, know, paused, cost, rng)

    def _best(
        self,
        runs: Runs,
        space: Space,
        features: FeatureMap,
        ladder: Ladder,
        table: RungTable,
        know: Knowledge,
        paused: Indices,
        cost: Floats,
        rng: np.random.Generator,
    ) -> Action:
        """Return the action of the highest index."""
        ends = know.chain.ends
        good = runs.u[np.argsort(ends.mean, kind="stable")[:N_GOOD]]

        def cost_of(z: Floats) -> Floats:
            nothing = np.zeros(len(z), np.int64)
            return stage_costs(ladder.positions, nothing, nothing, know.cost.rate(z))

        def rate(z: Floats) -> Floats:
            new = know.chain.fresh(z)
            return log_rate(new.mean, new.variance, cost_of(z), know.goal) + know.failure.log_success(z)

        x, z = candidates(space, features, good, runs.u, rate, rng, SHORTLIST)
        new = know.chain.fresh(z)
        both = Forecast(
            np.concatenate([ends.mean[paused], new.mean]), np.concatenate([ends.variance[paused], new.variance])
        )
        costs = np.concatenate([cost, cost_of(z)])
        log_chance = np.concatenate([np.zeros(len(paused)), know.failure.log_success(z)])
        static = log_rate(both.mean, both.variance, costs, know.goal) + log_chance
        top = np.argsort(-static, kind="stable")[:SHORTLIST]
        worth, _ = highest_index(both.mean[top], both.variance[top], costs[top], know.goal, np.exp(log_chance[top]))
        at = int(top[int(np.argmax(worth))])
        if at < len(paused):
            k = int(paused[at])
            return Resume(int(runs.number[k]), ladder.step(int(table.reached[k])))
        return Start(np.asarray(x[at - len(paused)]), ladder.step(0))


def _kept(runs: Runs, table: RungTable, rate: Floats, paused: Indices, cost: Floats) -> int | None:
    """Return the row of a paused run that goes on however it looks, as far as such runs have cost little; else None."""
    spent = rate * table.position
    is_kept = runs.number % KEPT_EVERY == KEPT_FIRST
    room = KEPT_SHARE * float(spent.sum()) - float(spent[is_kept].sum())
    for k, stages in zip(paused, cost, strict=True):
        if is_kept[k] and stages[table.reached[k]] <= room:
            return int(k)
    return None
