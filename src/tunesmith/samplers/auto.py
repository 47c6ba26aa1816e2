"""The default: picks the sampler that suits the space, the number of trials so far and what a trial costs.

A model pays while a proposal is cheap beside a trial: the Gaussian process takes 10 to 50 ms, everything else well
under a millisecond. So the process proposes as long as it is affordable; then CMA-ES takes over where every parameter
is numeric, and differential evolution on mixed and conditional spaces (design notes: docs/samplers.md).
"""

from __future__ import annotations

from typing import ClassVar

import numpy as np

from tunesmith import registry
from tunesmith.history import History
from tunesmith.samplers.base import Points, Sampler, SamplerStates
from tunesmith.samplers.common.conditions import infer
from tunesmith.space import Space

ALWAYS = 100  # trials that are worth a model whatever they cost: a second or two in all
WORTH = 10.0  # the model may take so many times as long as a trial
LOCAL, LONGEST = 500, 2000  # trials up to which one model holds all, and up to which a local one is used
RECENT = 20  # trials whose cost is looked at


class AutoSampler(Sampler):
    """Chooses among the samplers of the registry at each proposal, from the history alone.

    The choice looks at the objectives, the space, the number of trials and the median cost of the last ones, so two
    runs with the same seed choose alike unless a trial's cost lies near a threshold. Each trial's
    ``system_attrs["proposed_by"]`` says which sampler proposed it and why.

    Args:
        seed: accepted for porting; the seed that counts is the study's.
        cheap: choose only among samplers whose proposals take less than a millisecond.
    """

    name: ClassVar[str] = "auto"

    def __init__(self, seed: int | None = None, cheap: bool = False) -> None:
        self.seed = seed
        self.cheap = cheap
        self._cheap_variant: AutoSampler | None = None
        self._made: dict[str, Sampler] = {}
        self._shape: tuple[Space, int, str] | None = None

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return what the chosen sampler proposes; see :meth:`Sampler.ask`."""
        x, states, _ = self.propose(history, space, rng, n)
        return x, states

    def propose(
        self, history: History, space: Space, rng: np.random.Generator, n: int
    ) -> tuple[Points, SamplerStates, str]:
        """Return what the chosen sampler proposes, its name, and why it was chosen; see :meth:`Sampler.propose`."""
        chosen, why = self.choose(history, space)
        return *self._sampler(chosen).ask(history, space, rng, n), f"{chosen}: {why}"

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
        """Return the name of the sampler for the next trial, and the reason in words."""
        n = len(history)
        if self.cheap and n < ALWAYS:
            return "tpe", f"{n} trials, and little time for proposals"
        if history.n_objectives > 1 and self.cheap:
            return "nsga2", f"{history.n_objectives} objectives, and little time for proposals"
        if history.n_objectives > 1:
            if n < ALWAYS or (n < LOCAL and _affordable(history, n)):
                return "gp", f"{history.n_objectives} objectives, {n} trials"
            return "nsga2", f"{history.n_objectives} objectives, {n} trials"
        if n < ALWAYS:
            return "gp", f"the first {ALWAYS} trials"
        if n < LONGEST and not self.cheap and _affordable(history, n):
            return "gp", f"{n} trials, and a trial costs enough for a model"
        shape = self._kind(history, space)
        chosen = "cmaes" if shape == "numeric" else "evolution"
        return chosen, f"{n} trials that cost little, or are many; a {shape} space of {len(space)} parameters"

    def _kind(self, history: History, space: Space) -> str:
        """Return "conditional", "numeric" or "mixed"; conditions that were not declared are looked for now and then."""
        epoch = len(history) // 100
        if self._shape is None or self._shape[0] is not space or self._shape[1] != epoch:
            rows = history.points(space)[: epoch * 100]
            if space.is_conditional or infer(space, rows).is_conditional:
                kind = "conditional"
            elif all(p.is_numeric for p in space.params.values()) and len(space) <= 100:
                kind = "numeric"
            else:
                kind = "mixed"
            self._shape = (space, epoch, kind)
        return self._shape[2]

    def _sampler(self, name: str) -> Sampler:
        if name not in self._made:
            self._made[name] = registry.load("samplers", name)()
        return self._made[name]


def _affordable(history: History, n: int) -> bool:
    """Tell whether a proposal of the Gaussian process is cheap beside a trial."""
    cost = history.cost[-RECENT:]
    cost = cost[np.isfinite(cost)]
    proposal = 0.01 * max(1.0, n / 100) if n <= LOCAL else 0.1  # seconds, as measured on one core
    return bool(len(cost)) and float(np.median(cost)) * WORTH >= proposal
