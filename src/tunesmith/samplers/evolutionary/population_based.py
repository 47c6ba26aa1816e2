"""Population-based training (Jaderberg et al., arXiv 1711.09846, 2017): parameters change while models are trained.

A population of members trains in parallel. After each interval of reports, a member that is among the worst takes over
the checkpoint of one of the best (exploit) and goes on with changed parameters (explore); any other goes on as it is.
Each interval of a member is a trial of its own, that begins from the checkpoint of the trial before it, its parent. So
a trial has one set of parameters, as everywhere else, and the schedule is the chain of a trial's parents.

Symbols: P members, d parameters.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.base import (
    PAYLOAD_BITS,
    PAYLOAD_MASK,
    InheritingSampler,
    Points,
    SamplerStates,
    encode_state,
    sampler_code,
)
from tunesmith.space import Combinatorial, Space

MEMBER_BITS = 12
EXPLORE_FACTORS = (0.8, 1.2)  # by which a number is multiplied
EXPLORE_ATTEMPTS = 20  # to find a point that breaks no constraint


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """What a member trained in one interval.

    Attributes:
        number: of the trial.
        x: its internal values [d].
        value: its last value, minimised; infinite if it was not a number.
    """

    number: int
    x: Floats
    value: float


@dataclass(slots=True)
class _Member:
    """A member of the population.

    Attributes:
        parts: what it trained, in order.
        failed: whether its latest trial failed.
        runs: whether a trial of it runs.
        complete: whether it is trained to the end.
    """

    parts: list[_Part] = field(default_factory=list)
    failed: bool = False
    runs: bool = False
    complete: bool = False


class PopulationBasedTraining(InheritingSampler):
    """Trains a population of models, whose parameters change while they train.

    The objective saves a checkpoint with each report (`Trial.checkpoint_dir`), and sets the parameters *after* it has
    loaded one: those in the checkpoint are of its parent. Its trials are PRUNED at the end of each interval, and those
    of the last one COMPLETE. When all members are complete, the search ends. ``study.best_schedule`` tells which
    parameters led to the best result, and when they changed.

    Without a pruner of your own, the study stops each trial after the interval. Declare the space: in a define-by-run
    study the first trial only finds out what there is to search, and is not a member.

    Args:
        population_size: P, how many members there are; as many workers keep busy.
        interval: reports after which a member is compared with the others.
        quantile: the share of members that count as the worst, and as the best.
        resample_probability: how often a changed parameter is drawn anew, in place of a step up or down.
        seed: becomes the study's seed, if `create_study` is given none.

    Raises:
        ValueError: an argument is out of its range.

    Example:
        ```python
        import json

        import tunesmith
        from tunesmith.samplers import PopulationBasedTraining

        def objective(trial):
            rate = trial.suggest_float("rate", 0.01, 1.0, log=True)
            file, weight, first = trial.checkpoint_dir / "state.json", 0.0, 1
            if trial.resumed_from_step is not None:
                weight, first = json.loads(file.read_text()), trial.resumed_from_step + 1
            for step in range(first, 13):
                weight += rate * (1.0 - weight)
                file.write_text(json.dumps(weight))
                trial.report((1.0 - weight) ** 2, step)
                if trial.should_prune():
                    raise tunesmith.TrialPruned
            return (1.0 - weight) ** 2

        study = tunesmith.create_study(sampler=PopulationBasedTraining(population_size=4, interval=3), seed=0)
        study.optimize(objective)
        for part in study.best_schedule:
            print(part.first_step, part.last_step, part.params)
        ```
    """

    name: ClassVar[str] = "pbt"
    exclusive: ClassVar[bool] = True

    @checked()
    def __init__(
        self,
        population_size: int = 8,
        interval: int = 5,
        quantile: float = 0.25,
        resample_probability: float = 0.25,
        seed: int | None = None,
    ) -> None:
        if not 2 <= population_size < 1 << MEMBER_BITS:
            raise ValueError(f"PopulationBasedTraining: population_size must be 2 to 4095; got {population_size!r}")
        if interval < 1:
            raise ValueError(f"PopulationBasedTraining: interval must be 1 or more; got {interval!r}")
        if not 0 < quantile <= 0.5:
            raise ValueError(f"PopulationBasedTraining: quantile must be above 0 and at most 0.5; got {quantile!r}")
        if not 0 <= resample_probability <= 1:
            raise ValueError(
                f"PopulationBasedTraining: resample_probability must be 0 to 1; got {resample_probability!r}"
            )
        self.population_size = population_size
        self.interval = interval
        self.quantile = quantile
        self.resample_probability = resample_probability
        self.seed = seed

    def default_pruner(self) -> tuple[str, int]:
        """Return what ends a trial after an interval: the name of a pruner and its argument."""
        return "interval", self.interval

    def parent_of(self, state: int) -> int | None:
        """Return the trial whose checkpoint a trial of this sampler state begins from; None: it begins anew."""
        if state >> PAYLOAD_BITS != sampler_code(self.name):
            return None
        parent = ((state & PAYLOAD_MASK) >> MEMBER_BITS) - 1
        return parent if parent >= 0 else None

    def parents(self, history: History) -> Collection[int]:
        """Return the trials whose checkpoints later ones may begin from: those of the least advanced members on."""
        space = history.space
        members = {} if space is None else self._members(history, space)
        ages = [len(m.parts) for m in members.values() if not m.complete]
        if not ages:
            return []
        return [part.number for m in members.values() for part in m.parts[max(0, min(ages) - 1) :]]

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return up to n points, as many as there are members that run no trial; see `Sampler.ask`."""
        members = self._members(history, space)
        points: list[Floats] = []
        states: list[int] = []
        fresh = range(len(members), self.population_size)
        for k in list(fresh)[:n]:
            points.append(space.sample(rng, 1)[0])
            states.append(self._encode(None, k))
        idle = sorted((len(m.parts), k) for k, m in members.items() if not m.runs and not m.complete)
        for _, k in idle[: n - len(points)]:
            x, parent = self._next(k, members, space, rng)
            points.append(x)
            states.append(self._encode(parent, k))
        return np.array(points).reshape(len(points), len(space)), np.array(states, np.int64)

    def _encode(self, parent: int | None, member: int) -> int:
        number = 0 if parent is None else parent + 1
        return encode_state(self.name, number << MEMBER_BITS | member)

    def _members(self, history: History, space: Space) -> dict[int, _Member]:
        """Return the members by their index."""
        pending = history.pending
        state = np.concatenate([history.sampler_state, pending.sampler_state])
        own = np.flatnonzero((state >> PAYLOAD_BITS) == sampler_code(self.name))
        number = np.concatenate([history.number, pending.number])
        x = np.vstack([history.points(space), history.pending_points(space)])
        found: dict[int, _Member] = {}
        for row in own[np.argsort(number[own], kind="stable")]:
            member = found.setdefault(int(state[row]) & ((1 << MEMBER_BITS) - 1), _Member())
            member.runs = bool(row >= len(history))
            if member.runs:
                continue
            member.failed = bool(history.state[row] == TrialState.FAIL)
            member.complete = bool(history.state[row] == TrialState.COMPLETE)
            if not member.failed:
                value = float(history.y[row, 0])
                member.parts.append(_Part(int(number[row]), x[row], value if np.isfinite(value) else np.inf))
        return found

    def _next(
        self, k: int, members: dict[int, _Member], space: Space, rng: np.random.Generator
    ) -> tuple[Floats, int | None]:
        """Return the point of a member's next trial, and the trial that it begins from.

        It is compared with what the others had after as many intervals, also where they went on since.
        """
        age = len(members[k].parts)
        if not age:
            return space.sample(rng, 1)[0], None
        own = members[k].parts[-1]
        there = [m.parts[age - 1] for m in members.values() if len(m.parts) >= age]
        order = sorted(there, key=lambda part: (part.value, part.number))
        count = max(1, int(self.quantile * len(order)))
        best = [part for part in order[:count] if np.isfinite(part.value)]
        is_among_the_worst = own in order[max(count, len(order) - count) :]
        if best and (is_among_the_worst or members[k].failed or not np.isfinite(own.value)):
            source = best[int(rng.integers(len(best)))]
            return self._explored(source.x, space, rng), source.number
        return own.x.copy(), own.number

    def _explored(self, x: Floats, space: Space, rng: np.random.Generator) -> Floats:
        """Return a changed point: numbers a step away, arrangements after a move, or drawn anew as categories."""
        for _ in range(EXPLORE_ATTEMPTS):
            drawn = space.sample(rng, 1)[0]
            new = x.copy()
            for j, p in enumerate(space.params.values()):
                if np.isnan(x[j]) or rng.random() < self.resample_probability:
                    new[j] = drawn[j] if not np.isnan(drawn[j]) else x[j]
                elif p.is_numeric:
                    new[j] = x[j] * EXPLORE_FACTORS[int(rng.integers(2))]
                elif isinstance(p, Combinatorial):
                    new[j] = p.from_unit(p.shaken(p.to_unit(x[j : j + 1]), 0.0, rng))[0]
                elif p.is_ordered:
                    new[j] = x[j] + (-1, 1)[int(rng.integers(2))]
            new = space.from_unit(np.clip(space.to_unit(space.mask(new[None])), 0.0, 1.0))
            if space.feasible(new)[0] and space.contains_rows(new)[0]:
                return np.asarray(new[0])
        return x.copy()
