"""The default: picks the sampler that suits the space, the number of trials so far and the cost of a trial.

A model pays while a proposal is cheap beside a trial: the Gaussian process takes 10 to 50 ms, everything else well
under a millisecond. So the process proposes as long as it is affordable; then CMA-ES takes over where every parameter
is numeric, and differential evolution on mixed and conditional spaces (design notes: docs/samplers.md).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith.foundation import registry
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.cache import Cache
from tunesmith.history import History
from tunesmith.history.costs import TRIAL, CostClass, class_of_trials
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.samplers.finished import infer_conditions
from tunesmith.space import Space

MODEL_ALWAYS_TRIALS = 100  # trials that are worth a model whatever they cost: a second or two in all
# Of many parameters other samplers learn late: a bowl of 40, of which each counts, is .112 after 150 trials when CMA-ES
# begins at 100, and .050 with the model all along.
MODEL_TRIALS_A_PARAMETER, MOST_MODEL_ALWAYS_TRIALS = 5, 250
MODEL_COST_RATIO = 10.0  # the model may take so many times as long as a trial
MAX_GLOBAL_TRIALS = 500  # trials up to which one model holds all of them
MAX_LOCAL_TRIALS = 2000  # trials up to which a local model is used
TRIAL_SECONDS = {
    CostClass.INSTANT: 0.0005,
    CostClass.CHEAP: 0.006,
    CostClass.MEDIUM: 0.2,
    CostClass.DEAR: 20.0,
}  # of a trial
FEW_RUNNING_TRIALS = 16  # running trials up to which they make no difference
MANY_RUNNING_TRIALS = 100  # running trials from which on proposals must be cheap, and two samplers take turns
MAX_CROWD = 10_000  # trials up to which they do
CROWD_PROPOSAL_SECONDS = 0.002  # seconds of a proposal of the process among so many


class AutoSampler(Sampler):
    """Chooses among the samplers of the registry at each proposal, from the history alone.

    The choice depends on the objectives, the space, the numbers of finished and running trials, and on how dear a trial
    is: its class, which the study finds out once, from trial 100 on, and stores. Each trial's
    ``system_attrs["proposed_by"]`` says which sampler proposed it and why.

    Args:
        seed: becomes the study's seed, if `create_study` is given none.
        cheap: choose only among samplers whose proposals take less than a millisecond.

    Example:
        ```python
        from tunesmith import Float, minimize

        study = minimize(lambda x: x**2, {"x": Float(-1, 1)}, sampler="auto", n_trials=10, seed=0)
        print(study.trials[-1].system_attrs["proposed_by"])
        ```
    """

    name: ClassVar[str] = "auto"
    asks_class_from = MODEL_ALWAYS_TRIALS

    @checked()
    def __init__(self, seed: int | None = None, cheap: bool = False) -> None:
        self.seed = seed
        self.cheap = cheap
        self._cheap_variant: AutoSampler | None = None
        self._samplers: dict[str, Sampler] = {}
        self._choice: Cache[tuple[str, str]] = Cache()
        self._kind: Cache[str] = Cache()

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return what the chosen sampler proposes; see `Sampler.ask`."""
        return self.propose(history, space, rng, n)[:2]

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str]:
        """Return what the chosen sampler proposes, its name, and why it was chosen; see `Sampler.propose`."""
        chosen, why = self.choose(history, space)
        x, states, more = self._sampler(chosen).propose(history, space, rng, n)
        return x, states, f"{chosen}: {why}" if more is None else f"{chosen}: {why}; {more}"

    def cheap_variant(self) -> Sampler:
        """Return the same, without the Gaussian process."""
        if self._cheap_variant is None:
            self._cheap_variant = AutoSampler(self.seed, cheap=True)
        return self._cheap_variant

    def exclusive_at(self, history: History) -> bool:
        """Tell whether the chosen sampler's proposals are exclusive now."""
        if history.space is None:
            return False
        return self._sampler(self.choose(history, history.space)[0]).exclusive_at(history)

    def choose(self, history: History, space: Space) -> tuple[str, str]:
        """Return the name of the sampler for the next trial, and the reason in words.

        The choice is made once for each state of the history: a study asks for it several times for a trial.

        Args:
            history: what is known.
            space: where to search.

        Returns:
            A name of the registry, and the reason.
        """
        running = history.n_pending if history.n_pending > FEW_RUNNING_TRIALS else 0
        key = (history, len(history), running, history.classes.get(TRIAL), space)
        return self._choice.get(key, lambda: self._chosen(history, space))

    def _chosen(self, history: History, space: Space) -> tuple[str, str]:
        n, m, running = len(history), history.n_objectives, history.n_pending
        if self.cheap and n < MODEL_ALWAYS_TRIALS:
            return "tpe", f"{n} trials, and little time for proposals"
        if m > 1:
            if self.cheap:
                return "nsga2", f"{m} objectives, and little time for proposals"
            is_modelled = n < MODEL_ALWAYS_TRIALS or (n < MAX_GLOBAL_TRIALS and _affordable(history, n))
            return "gp" if is_modelled else "nsga2", f"{m} objectives, {n} trials"
        if running > MANY_RUNNING_TRIALS:
            is_modelled = n < MAX_CROWD and not self.cheap and (n < MODEL_ALWAYS_TRIALS or _affordable(history, n))
            turn = "gp" if is_modelled and (n + running) % 2 else "evolution"
            return turn, f"{n} trials, {running} running" + (", in turn with another sampler" if is_modelled else "")
        always = min(max(MODEL_ALWAYS_TRIALS, MODEL_TRIALS_A_PARAMETER * len(space)), MOST_MODEL_ALWAYS_TRIALS)
        if n < always:
            return "gp", f"the first {always} trials"
        if n < MAX_LOCAL_TRIALS and not self.cheap and _affordable(history, n):
            return "gp", f"{n} trials, and a trial costs enough for a model"
        epoch = n // 100  # undeclared conditions are looked for now and then
        kind = self._kind.get((history, epoch, space), lambda: _space_kind(space, history.points(space)[: epoch * 100]))
        chosen = "cmaes" if kind == "numeric" else "evolution"
        return chosen, f"{n} trials that cost little, or are many; a {kind} space of {len(space)} parameters"

    def _sampler(self, name: str) -> Sampler:
        if name not in self._samplers:
            self._samplers[name] = registry.load_registered("samplers", name)()
        return self._samplers[name]


def _space_kind(space: Space, x: Points) -> str:
    """Return "conditional", "numeric" or "mixed", given the points x[n, d] of trials."""
    if space.is_conditional or infer_conditions(space, x).is_conditional:
        return "conditional"
    return "numeric" if all(p.is_numeric for p in space.params.values()) and len(space) <= 100 else "mixed"


def _affordable(history: History, n: int) -> bool:
    """Tell whether a proposal of the Gaussian process is cheap beside a trial.

    One driver proposes for all workers, so with many of them it must be cheaper.
    """
    known = history.classes.get(TRIAL) or class_of_trials(history.cost, history.state)
    running = history.n_pending
    proposal = 0.01 * max(1.0, n / 100) if n <= MAX_GLOBAL_TRIALS else 0.1  # seconds, as measured on one core
    if running > MANY_RUNNING_TRIALS:
        proposal = CROWD_PROPOSAL_SECONDS
    least = proposal / MODEL_COST_RATIO if running <= FEW_RUNNING_TRIALS else proposal * running
    return known is not None and TRIAL_SECONDS[known] >= least
