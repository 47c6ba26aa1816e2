"""CMA-ES: a normal distribution that moves, scales and turns towards the better half of each generation.

The optimiser is that of the ``cmaes`` package (Nomura & Shibata, 2024): CMA-ES with active covariance update (Hansen,
"The CMA Evolution Strategy: A Tutorial", 2016), with margin for integers (Hamano et al., GECCO 2022), separable above
150 parameters (Ros & Hansen, PPSN 2008). Restarts with a population twice as large: IPOP (Auger & Hansen, CEC 2005).

Nothing of the optimiser is stored. A trial's sampler state holds its generation and the seed of its sample. The
distribution of a generation follows from the results of the earlier ones, so telling the optimiser the finished trials
in order gives the same distribution: one eigendecomposition for each generation, about a second for 10,000 trials.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import numpy as np

from tunesmith.history import History
from tunesmith.samplers.base import Points, SamplerStates, StatefulSampler, encode_state
from tunesmith.samplers.common import accepts_foreign_arguments
from tunesmith.samplers.evolutionary.cmaes_state import SEED_BITS, CmaEsOptions, CmaEsState
from tunesmith.space import Space

ATTEMPTS = 20  # samples drawn until one meets the constraints of the space


@accepts_foreign_arguments
class CmaEsSampler(StatefulSampler[CmaEsState]):
    """Samples ordered parameters by CMA-ES in the unit cube; for many cheap evaluations of a numeric function.

    - Integers, floats with a step and ordinals keep a chance to change as the distribution narrows (the margin);
      integers on a logarithmic scale are rounded.
    - Categorical parameters are drawn independently of all others, more often the values of the better half.
    - An inactive conditional parameter keeps its coordinate, so nothing changes for the others.
    - A narrow strip beyond the bounds is folded into the cube, so that an optimum at a bound is approached as fast as
      any other; samples beyond it are drawn again.
    - A failed trial counts as the worst of its generation; infeasible points rank behind feasible ones.
    - With several workers a generation ends when it has enough results. Later ones count for the next generations, and
      ``ask`` never waits.

    Args:
        x0: where to start, name to value (missing names: the parameter's ``prior``, or its middle); None: there, or
            at the best point that other samplers have found.
        sigma0: standard deviation at the start, in units of the (scaled) range of each parameter.
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

    def __init__(
        self,
        x0: Mapping[str, Any] | None = None,
        sigma0: float = 1 / 6,
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
                for _ in range(ATTEMPTS):
                    seed = int(rng.integers(1 << SEED_BITS))
                    row = space.from_unit(state.sample(history, seed, rng)[None])
                    if not space.constraints or space.feasible(row)[0]:
                        x[i], states[i] = row[0], encode_state(self.name, state.payload(seed))
                        break
                else:
                    x[i] = space.sample(rng, 1)[0]  # no member of the generation, so its sampler state is 0
        return x, states
