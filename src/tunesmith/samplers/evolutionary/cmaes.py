"""CMA-ES: a normal distribution that moves, scales and turns towards the better half of each generation.

The optimiser is that of the ``cmaes`` package (Nomura & Shibata, 2024): CMA-ES with active covariance update (Hansen,
"The CMA Evolution Strategy: A Tutorial", 2016), with margin for integers (Hamano et al., GECCO 2022), separable above
150 parameters (Ros & Hansen, PPSN 2008). Restarts with a population twice as large: IPOP (Auger & Hansen, CEC 2005).

Nothing of the optimiser is stored. A trial's sampler state holds its generation and the seed of its sample. The
distribution of a generation follows from the results of the earlier ones, so telling the optimiser the finished trials
in order gives the same distribution: one eigendecomposition for each generation, about a second for 10,000 trials.
"""

from __future__ import annotations

import copy
import math
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats, Ints
from tunesmith.history import History
from tunesmith.samplers.base import (
    PAYLOAD_BITS,
    PAYLOAD_MASK,
    Points,
    SamplerStates,
    StatefulSampler,
    accepts_foreign_arguments,
    encode_state,
    sampler_code,
    space_fingerprint,
)
from tunesmith.samplers.evolutionary.mutation import MORE_MOVES, mirrored
from tunesmith.samplers.finished import COMPLETE_LEVEL, ConstrainedRanking
from tunesmith.space import Combinatorial, Parameter, Space
from tunesmith.space.encoding import LatticeScale

# -- probabilities of categorical values that follow the better half of each generation -------------------------------
#
# Each parameter has probabilities of its own (population-based incremental learning, Baluja 1994); none falls below a
# floor at which about a quarter of the points have some value that the best points do not have (the margin of Hamano et
# al., CatCMA, GECCO 2024).

CATEGORY_RATE = 0.2  # how far the probabilities move towards the frequencies of one generation


class CategoricalDistribution:
    """The probabilities of every value of every categorical parameter of a space, and where its arrangements come from.

    A permutation or a subset is one of the better half of the last generation after a move or two.
    """

    def __init__(self, space: Space) -> None:
        params = list(space.params.values())
        self._at = [j for j, p in enumerate(params) if p.is_nominal and p.n_values > 1]
        self._arranged = {j: p for j, p in enumerate(params) if isinstance(p, Combinatorial) and p.n_values > 1}
        self._parents: dict[int, Floats] = {}  # unit coordinates of arrangements in the better half
        self._p = [_initial(params[j]) for j in self._at]
        self._miss = 1.0 - 0.73 ** (1.0 / max(1, len(self._at)))

    def __len__(self) -> int:
        """Number of parameters."""
        return len(self._at) + len(self._arranged)

    def draw(self, u: Floats, rng: np.random.Generator) -> None:
        """Set the categorical coordinates of a unit point u[d], and those of arrangements."""
        for j, param in self._arranged.items():
            parents, prior = self._parents.get(j), param.unit_prior()
            if parents is not None:
                u[j] = param.shaken(parents[rng.integers(len(parents), size=1)], MORE_MOVES, rng)[0]
            else:
                u[j] = rng.random() if prior is None else prior.draw(rng.random(1))[0]
        if not self._at:
            return
        for j, p, t in zip(self._at, self._p, rng.random(len(self._at)).tolist(), strict=True):
            k = min(int(np.searchsorted(np.cumsum(p), t, side="right")), len(p) - 1)
            u[j] = (k + 0.5) / len(p)

    def learn(self, u: Floats) -> None:
        """Add a generation: unit points [λ, d], the best first; NaN where a parameter was inactive."""
        half = max(1, len(u) // 2)
        for j in self._arranged:
            known = u[:half, j][~np.isnan(u[:half, j])]
            if len(known):
                self._parents[j] = known
        weight = np.log((len(u) + 1) / 2) - np.log(np.arange(1, half + 1))
        weight /= weight.sum()
        for i, j in enumerate(self._at):
            p = self._p[i]
            known = ~np.isnan(u[:half, j])
            k = np.minimum((u[:half, j][known] * len(p)).astype(np.intp), len(p) - 1)
            share = np.bincount(k, weights=weight[known], minlength=len(p))
            p = p + CATEGORY_RATE * (share - share.sum() * p)
            p = np.maximum(p, self._miss / (len(p) - 1))
            self._p[i] = p / p.sum()


def _initial(parameter: Parameter) -> Floats:
    """Return the probabilities of the values before any result: those of the prior, else all the same."""
    n = int(parameter.n_values)
    prior = parameter.unit_prior()
    p = np.ones(n) if prior is None else np.exp(prior.log_density((np.arange(n) + 0.5) / n))
    result: Floats = p / p.sum()
    return result


# -- what CMA-ES knows after a number of finished trials, and how it takes in more of them ----------------------------
#
# Symbols: d parameters of the space, k of them searched by the normal distribution (ordered, more than one value), λ
# trials in a generation. A sample has two forms: *raw*, which the optimiser is told; and *unit*, where it was
# evaluated: the raw point folded into the cube, lattice coordinates at cell centres. Samples beyond a narrow strip
# round the cube are drawn again.

SEED_BITS, GENERATION_BITS = 24, 16  # of a payload of 48 bits; the rest is a fingerprint of the space
SEED_MASK, GENERATION_MASK = (1 << SEED_BITS) - 1, (1 << GENERATION_BITS) - 1
# Searched parameters above which the covariance is diagonal: a full one would take milliseconds.
SEPARABLE_ABOVE_PARAMS = 150
MARGIN_CELLS = 1 << 20  # a lattice with more cells is as good as continuous
MAX_LATE = 2  # generations by which a result may be late and still count
MAX_POPSIZE = 4096
SIGMA0 = 1 / 6  # of each range: the standard deviation at the start
WARM_START_POINTS = 10  # points of other samplers, at least, that the first distribution is like
# The strip round the cube that is folded into it. Without one, joint corners are approached a hundred times as slowly;
# if all of space is folded, the optimiser sees one valley many times: on a turned ellipsoid in ten dimensions the
# regret after 1,000 trials was five times as large (chosen on BBOB f2, f5, f10, f15 in ten dimensions, and on four
# functions with optima at bounds).
FOLDED_STRIP = 0.05


@dataclass(frozen=True, slots=True)
class CmaEsOptions:
    """See `tunesmith.samplers.evolutionary.cmaes.CmaEsSampler`."""

    popsize: int | None
    sigma0: float
    x0: tuple[tuple[str, Any], ...] | None
    restart: bool
    inc_popsize: float


class CmaEsState:
    """The state of one search: the optimiser, the generation it is in, and that generation's results so far."""

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
        self._lattice = (cells <= MARGIN_CELLS) & (self._k <= SEPARABLE_ABOVE_PARAMS)
        self._step = np.where(self._lattice, 1.0 / np.maximum(cells, 1.0), 0.0)
        self._middle = np.full(self._k, 0.5)
        for i, j in enumerate(self._at.tolist()):
            prior = params[j].unit_prior()
            if prior is not None:
                self._middle[i] = float(params[j].to_unit(prior.best))
        self._categories = CategoricalDistribution(space)
        self._popsize = options.popsize or 4 + int(3 * math.log(max(1, self._k + len(self._categories))))
        self._optimiser: Any = None
        self._past: deque[Any] = deque(maxlen=MAX_LATE)  # the optimisers of the generations before, the last one first
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
            if age <= min(MAX_LATE, self._generation - self._first):
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
        if ranking.value.shape[1] > 1 or level != COMPLETE_LEVEL or not len(y):
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

        It starts with a distribution like that of their best points (Nomura et al., "Warm starting CMA-ES", AAAI
        2021, eq. 13). On 11 functions of BBOB in 5 and 10 dimensions the regret after 500 trials is 0.8 of that of a
        start at the best point, after 1,000 and on three other functions it is level. A narrower start is better up to
        500 trials, and much worse after 1,000 on functions with plateaus and ridges.
        """
        from cmaes import get_warm_start_mgd

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
        good = np.flatnonzero((ranking.level == COMPLETE_LEVEL) & ~np.isnan(seen).all(axis=1))
        if not len(good):
            return self._make(mean, sigma)
        order = good[ranking.take(good).order()]
        seen = np.where(np.isnan(seen), mean, seen)
        if sigma != SIGMA0 or len(order) < 2 * WARM_START_POINTS or self._k > SEPARABLE_ABOVE_PARAMS:
            return self._make(seen[order[0]], sigma)
        best = seen[order[: max(WARM_START_POINTS, len(order) // 10)]]
        return self._make(*get_warm_start_mgd([(x, 0.0) for x in best], gamma=1.0))

    def _make(self, mean: Floats, sigma: float, cov: Floats | None = None) -> Any:
        import cmaes

        edge = np.where(self._lattice, self._step / 2, -FOLDED_STRIP)  # a lattice ends at the centres of its last cells
        bounds = np.column_stack([edge, 1.0 - edge])
        mean = np.clip(mean, bounds[:, 0], bounds[:, 1])
        if self._k > SEPARABLE_ABOVE_PARAMS:
            return cmaes.SepCMA(mean, sigma, bounds, population_size=self._popsize, seed=0)
        if not self._lattice.any():
            return cmaes.CMA(mean, sigma, bounds, population_size=self._popsize, seed=0, cov=cov)
        return cmaes.CMAwM(mean, sigma, bounds, self._step, population_size=self._popsize, seed=0, cov=cov)


# -- the sampler ------------------------------------------------------------------------------------------------------

SAMPLE_ATTEMPTS = 20  # samples drawn until one meets the constraints of the space


@accepts_foreign_arguments
class CmaEsSampler(StatefulSampler[CmaEsState]):
    """Samples ordered parameters by CMA-ES in the unit cube; for many cheap evaluations of a numeric function.

    - Integers, floats with a step and ordinals keep a chance to change as the distribution narrows (the margin);
      integers on a logarithmic scale are rounded.
    - Categorical parameters are drawn independently of all others, more often the values of the better half.
    - A permutation or a subset is one of the better half after a move or two.
    - An inactive conditional parameter keeps its coordinate, so nothing changes for the others.
    - A narrow strip beyond the bounds is folded into the cube, so that an optimum at a bound is approached as fast as
      any other; samples beyond it are drawn again.
    - A failed trial counts as the worst of its generation; infeasible points rank behind feasible ones.
    - With several workers a generation ends when it has enough results. Later ones count for the next generations, and
      ``ask`` never waits.

    Args:
        x0: where to start, name to value (missing names: the parameter's ``prior``, or its middle); None: there, or
            where the best points lie that other samplers have found.
        sigma0: standard deviation at the start, in units of the (scaled) range of each parameter. The default is not
            used where 20 trials of other samplers have a value: their best ones then tell the first distribution.
        popsize: trials in a generation; None: 4 + 3 ln d, d counting what has more than one value.
        restart_strategy: "ipop": when it has converged it starts again at a random point with a larger population;
            None: never.
        inc_popsize: how many times larger.
        seed: becomes the study's seed, if `create_study` is given none.

    Raises:
        ValueError: an argument is out of its range.
        SpaceError: in ``ask``: `x0` names a parameter or a value that the space does not have.

    Example:
        ```python
        from tunesmith import Float, minimize
        from tunesmith.samplers import CmaEsSampler

        space = {"x": Float(-5, 5), "y": Float(-5, 5)}
        study = minimize(lambda x, y: x**2 + y**2, space, sampler=CmaEsSampler(), n_trials=50, seed=0)
        ```
    """

    name: ClassVar[str] = "cmaes"

    @checked()
    def __init__(
        self,
        x0: Mapping[str, Any] | None = None,
        sigma0: float = SIGMA0,
        *,
        popsize: int | None = None,
        restart_strategy: str | None = "ipop",
        inc_popsize: float = 2,
        seed: int | None = None,
    ) -> None:
        super().__init__()
        if not 0 < sigma0 < 10:
            raise ValueError(f"CmaEsSampler: sigma0 is a part of the range, such as 0.2; got {sigma0!r}")
        if popsize is not None and popsize < 4:
            raise ValueError(f"CmaEsSampler: a generation has at least 4 trials; got popsize={popsize!r}")
        if restart_strategy not in ("ipop", None):
            raise ValueError(f"CmaEsSampler: restart_strategy is 'ipop' or None; got {restart_strategy!r}")
        if inc_popsize < 1:
            raise ValueError(f"CmaEsSampler: inc_popsize is at least 1; got {inc_popsize!r}")
        self.options = CmaEsOptions(
            popsize,
            float(sigma0),
            None if x0 is None else tuple(x0.items()),
            restart_strategy == "ipop",
            float(inc_popsize),
        )
        self.seed = seed

    def initial_state(self, space: Space, n_objectives: int) -> CmaEsState:
        return CmaEsState(space, self.name, self.options)

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Sample n points from the present distribution; see `Sampler.ask`.

        Raises:
            SpaceError: see `CmaEsSampler`.
        """
        x = np.empty((n, len(space)))
        states = np.zeros(n, np.int64)
        with self._state_after(history, space) as state:
            for i in range(n):
                for _ in range(SAMPLE_ATTEMPTS):
                    seed = int(rng.integers(1 << SEED_BITS))
                    row = space.from_unit(state.sample(history, seed, rng)[None])
                    if not space.constraints or space.feasible(row)[0]:
                        x[i], states[i] = row[0], encode_state(self.name, state.payload(seed))
                        break
                else:
                    x[i] = space.sample(rng, 1)[0]  # no member of the generation, so its sampler state is 0
        return x, states
