"""What CMA-ES knows after a number of finished trials, and how it takes in more of them.

Symbols: d parameters of the space, k of them searched by the normal distribution (ordered, more than one value),
λ trials in a generation. A sample has two forms: *raw*, which the optimiser is told; and *unit*, where it was
evaluated: the raw point folded into the cube, lattice coordinates at cell centres. Samples beyond a narrow strip round
the cube are drawn again.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunesmith.history import History
from tunesmith.numerics.arrays import Floats, Ints
from tunesmith.samplers.base import PAYLOAD_BITS, PAYLOAD_MASK, sampler_code, space_fingerprint
from tunesmith.samplers.common import COMPLETE, ConstrainedRanking
from tunesmith.samplers.evolutionary.categorical_distribution import CategoricalDistribution
from tunesmith.samplers.evolutionary.mutation import mirrored
from tunesmith.space import Space
from tunesmith.space.encoding import LatticeScale

SEED_BITS, GENERATION_BITS = 24, 16  # of a payload of 48 bits; the rest is a fingerprint of the space
SEED_MASK, GENERATION_MASK = (1 << SEED_BITS) - 1, (1 << GENERATION_BITS) - 1
SEPARABLE = 150  # searched parameters above which the covariance is diagonal: a full one would take milliseconds
MARGIN_CELLS = 1 << 20  # a lattice with more cells is as good as continuous
MAX_DELAY = 2  # generations by which a result may be late and still count
MAX_POPSIZE = 4096
# The strip round the cube that is folded into it. Without one, joint corners are approached a hundred times as slowly;
# if all of space is folded, the optimiser sees one valley many times: on a turned ellipsoid in ten dimensions the
# regret after 1,000 trials was five times as large (chosen on BBOB f2, f5, f10, f15 in ten dimensions, and on four
# functions with optima at bounds).
STRIP = 0.05


@dataclass(frozen=True, slots=True)
class CmaEsOptions:
    """See `tunesmith.samplers.evolutionary.cmaes.CmaEsSampler`."""

    popsize: int | None
    sigma0: float
    x0: tuple[tuple[str, Any], ...] | None
    restart: bool
    inc_popsize: float


class CmaEsState:
    """The state of one search: the optimiser, the generation it is in, and that generation's results so far.

    Args:
        space: the space that is searched.
        name: of the sampler.
        options: those of the sampler.
    """

    def __init__(self, space: Space, name: str, options: CmaEsOptions) -> None:
        self.space = space
        self._options = options
        self._code = sampler_code(name)
        self._fingerprint = space_fingerprint(space, PAYLOAD_BITS - SEED_BITS - GENERATION_BITS)
        params = list(space.params.values())
        self._at = np.array([j for j, p in enumerate(params) if p.is_ordered and p.n_values > 1], np.intp)
        self._k = len(self._at)
        even = [isinstance(params[j].scale(), LatticeScale) for j in self._at]
        cells = np.where(even, [params[j].n_values for j in self._at], math.inf)
        self._lattice = (cells <= MARGIN_CELLS) & (self._k <= SEPARABLE)
        self._step = np.where(self._lattice, 1.0 / np.maximum(cells, 1.0), 0.0)
        self._middle = np.full(self._k, 0.5)
        for i, j in enumerate(self._at.tolist()):
            prior = params[j].unit_prior()
            if prior is not None:
                self._middle[i] = float(params[j].to_unit(prior.best))
        self._categories = CategoricalDistribution(space)
        self._popsize = options.popsize or 4 + int(3 * math.log(max(1, self._k + len(self._categories))))
        self._optimiser: Any = None
        self._past: deque[Any] = deque(maxlen=MAX_DELAY)  # the optimisers of the generations before, the last one first
        self._guess_rows = -1
        self._started = False
        self._generation = 0
        self._members: list[int] = []
        self._run()

    def _run(self) -> None:
        """Begin to count for a new run."""
        self._first = self._generation
        self._past.clear()
        self._best: tuple[int, float] = (9, 0.0)
        self._improved = self._generation
        self._spread = math.nan
        self._levels: deque[tuple[float, float]] = deque(maxlen=10 + math.ceil(30 * self._k / self._popsize))

    # -- asking ------------------------------------------------------------------------------------------------

    def sample(self, history: History, seed: int, rng: np.random.Generator) -> Floats:
        """Return the unit point float64[d] of a seed in this generation; `rng` decides the categories alone."""
        u = np.full(len(self.space), 0.5)
        if self._k:
            if not self._started and self._guess_rows != len(history):
                self._optimiser = self._start(history, len(history))
                self._guess_rows = len(history)
            u[self._at] = self._draw(self._optimiser, seed)[0]
        self._categories.draw(u, rng)
        return u

    def payload(self, seed: int) -> int:
        """Return the payload of the sampler state of a sample."""
        generation = self._generation & GENERATION_MASK
        return ((self._fingerprint << GENERATION_BITS) | generation) << SEED_BITS | seed

    def _draw(self, optimiser: Any, seed: int) -> tuple[Floats, Floats]:
        """The unit and the raw form of the sample that a seed stands for."""
        optimiser.reseed_rng(seed)
        if not self._lattice.any():
            raw = optimiser.ask()
            return mirrored(raw), raw
        unit, raw = optimiser.ask()
        return np.where(self._lattice, unit, mirrored(unit)), raw

    # -- adding results -----------------------------------------------------------------------------------------

    def add_rows(self, history: History, first: int, last: int) -> None:
        """Add the finished rows first … last - 1."""
        states = history.sampler_state[first:last]
        payload = np.bitwise_and(states, PAYLOAD_MASK)
        own = (states >> PAYLOAD_BITS == self._code) & (payload >> (SEED_BITS + GENERATION_BITS) == self._fingerprint)
        for i in np.flatnonzero(own).tolist():
            if not self._started:
                # What the first members were drawn from: other samplers' trials up to here.
                if self._k:
                    self._optimiser = self._start(history, first + i)
                self._started = True
            age = (self._generation - (int(payload[i]) >> SEED_BITS)) & GENERATION_MASK
            if age <= min(MAX_DELAY, self._generation - self._first):
                self._members.append(first + i)
                if len(self._members) >= self._popsize:
                    self._close(history)

    def _close(self, history: History) -> None:
        """End the generation, if what was evaluated is what was sampled."""
        rows = np.array(self._members)
        unit = history.unit(self.space)[rows]
        raw = self._raw(history, rows, unit)
        same = ~np.isnan(raw).any(axis=1)
        if not same.all():
            # An objective that took other values than those proposed: its result says nothing about the sample.
            self._members = rows[same].tolist()
            return
        ranking = ConstrainedRanking.of(history, rows)
        order = ranking.order()
        self._categories.learn(unit[order])
        self._generation += 1
        self._members = []
        if not self._k:
            return
        self._past.appendleft(self._optimiser)
        self._optimiser = copy.deepcopy(self._optimiser)
        with np.errstate(all="ignore"):
            try:
                # Only the order counts for the optimiser.
                self._optimiser.tell([(raw[j], float(place)) for place, j in enumerate(order.tolist())])
                broken = not np.isfinite(self._optimiser.mean).all()
                ended = broken or (self._options.restart and self._has_converged(ranking))
            except np.linalg.LinAlgError:
                ended = True
        if ended:
            self._restart(history.sampler_state[rows])

    def _raw(self, history: History, rows: Ints, unit: Floats) -> Floats:
        """The raw points [λ, k] of members; NaN where a member was evaluated elsewhere."""
        raw = np.empty((len(rows), self._k))
        if not self._k:
            return raw
        drawn = np.where(np.isnan(unit), 0.5, unit)
        for i, payload in enumerate(np.bitwise_and(history.sampler_state[rows], PAYLOAD_MASK).tolist()):
            age = (self._generation - (payload >> SEED_BITS)) & GENERATION_MASK
            optimiser = self._past[age - 1] if age else self._optimiser
            drawn[i, self._at], raw[i] = self._draw(optimiser, payload & SEED_MASK)
        snapped = self.space.to_unit(self.space.from_unit(drawn))
        moved = np.abs(snapped - unit)[:, self._at] > 1e-6  # False where one of them is NaN
        raw[moved.any(axis=1)] = np.nan
        return raw

    # -- runs --------------------------------------------------------------------------------------------------

    def _has_converged(self, ranking: ConstrainedRanking) -> bool:
        """Whether there is nothing to be gained from this run any more."""
        if self._optimiser.should_stop():
            return True
        age = self._generation - self._first
        level = int(ranking.level.min())
        y = ranking.value[ranking.level == level, 0]
        if ranking.value.shape[1] == 1 and (level, float(y.min())) < self._best:
            self._best, self._improved = (level, float(y.min())), self._generation
        y = y[np.isfinite(y)]
        if ranking.value.shape[1] > 1 or level != COMPLETE or not len(y):
            return False
        low, high = float(y.min()), float(y.max())
        if math.isnan(self._spread):
            self._spread = float(np.median(y - low))
        self._levels.append((low, high))
        # Flat: all values of some generations within rounding, of the value or of what they were at the start.
        bottom = min(a for a, _ in self._levels)
        tolerance = 1e-16 * self._spread + 4e-16 * abs(bottom)
        if age >= len(self._levels) == self._levels.maxlen and max(b for _, b in self._levels) - bottom <= tolerance:
            return True
        patience = 100 + 100 * self._k**1.5 / self._popsize
        if self._lattice.all():
            patience = 20 + 30 * self._k / self._popsize  # the margin keeps it moving, also round the best point
        return bool(self._generation - self._improved > patience)

    def _restart(self, states: Ints) -> None:
        """Restart at a random point, which follows from the last generation's seeds."""
        rng = np.random.default_rng((states & SEED_MASK).tolist())
        self._popsize = min(MAX_POPSIZE, math.ceil(self._popsize * self._options.inc_popsize))
        self._optimiser = self._make(rng.random(self._k), self._options.sigma0)
        self._categories = CategoricalDistribution(self.space)
        self._run()

    def _start(self, history: History, rows: int) -> Any:
        """The optimiser of the first run, given what other samplers found in the first rows of the history.

        It starts at their best point, as wide as ever. A distribution fitted to their best tenth (Nomura et al., AAAI
        2021) was worse on BBOB f10, f15 and f21 in ten dimensions, and as good on f8 (12 seeds, 1,000 trials).
        """
        sigma, mean = self._options.sigma0, self._middle.copy()
        if self._options.x0 is not None:
            # Names that are unknown may be parameters that a define-by-run objective has not suggested yet.
            x0 = dict(self._options.x0)
            known = {name: value for name, value in x0.items() if name in self.space.outer_names}
            given = self.space.to_unit(self.space.encode([known or x0], partial=True))[0, self._at]
            return self._make(np.where(np.isnan(given), mean, given), sigma)
        if not rows:
            return self._make(mean, sigma)
        ranking = ConstrainedRanking.of(history, slice(0, rows))
        seen = history.unit(self.space)[:rows, self._at]
        good = np.flatnonzero((ranking.level == COMPLETE) & ~np.isnan(seen).all(axis=1))
        if not len(good):
            return self._make(mean, sigma)
        best = seen[good[ranking.take(good).order()[0]]]
        return self._make(np.where(np.isnan(best), mean, best), sigma)

    def _make(self, mean: Floats, sigma: float) -> Any:
        import cmaes

        edge = np.where(self._lattice, self._step / 2, -STRIP)  # a lattice ends at the centres of its last cells
        bounds = np.column_stack([edge, 1.0 - edge])
        mean = np.clip(mean, bounds[:, 0], bounds[:, 1])
        if self._k > SEPARABLE:
            return cmaes.SepCMA(mean, sigma, bounds, population_size=self._popsize, seed=0)
        if not self._lattice.any():
            return cmaes.CMA(mean, sigma, bounds, population_size=self._popsize, seed=0)
        return cmaes.CMAwM(mean, sigma, bounds, self._step, population_size=self._popsize, seed=0)
