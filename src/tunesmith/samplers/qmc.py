"""Quasi-random search: points that fill the unit cube more evenly than independent ones.

Sobol' sequences with random linear scrambling and a digital shift (Matousek, J. Complexity 14, 1998) or scrambled
Halton sequences (Owen, "A randomized Halton algorithm in R", 2017), both those of ``scipy.stats.qmc``. That low
discrepancy serves hyperparameter search: Bousquet et al., "Critical hyper-parameters: no random, no cry", 2017.

The scrambling has the seed of the sampler, or one that the first trial draws; the sampler state of each trial holds it
and the index of its point, so the next trial continues after the largest index in the history, whichever worker asks.
"""

from __future__ import annotations

from typing import ClassVar
from zlib import crc32

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Ints
from tunesmith.foundation.numerics.cache import Cache
from tunesmith.foundation.numerics.sobol import sobol
from tunesmith.history import History
from tunesmith.samplers.base import (
    Points,
    Sampler,
    SamplerStates,
    accepts_foreign_arguments,
    decode_states,
    encode_state,
)
from tunesmith.space import Space

# A payload of 48 bits: a fingerprint of the sequence, the index, the seed. The largest payload of a sequence is then
# that of the largest index, which is all that has to be known to go on.
QMC_INDEX_BITS, QMC_SEED_BITS = 24, 16
MAX_SOBOL_DIMENSIONS = 21_201  # dimensions for which direction numbers are known (Joe & Kuo, 2008)
SOBOL_BLOCK_POINTS = 128  # points made at a time; a power of two, as the balance of a Sobol' sequence wants
MAX_SKIPPED_POINTS = 20_000


@accepts_foreign_arguments
class QMCSampler(Sampler):
    """Proposes the points of one scrambled Sobol' or Halton sequence, also with many workers and after a restart.

    When parameters join the space (define-by-run), a new sequence begins. Points that break a constraint are skipped.

    Args:
        qmc_type: "sobol" (up to 21201 parameters) or "halton".
        scramble: randomise the sequence, so that each study has another one and none begins in a corner of the space.
        seed: of the scrambling; becomes the study's seed too, if `create_study` is given none. None: the first trial
            draws one.

    Raises:
        ValueError: the type is neither of the two.
        SpaceError: in ``ask``: too many parameters for a Sobol' sequence, or the constraints reject 20000 points in a
            row.

    Example:
        ```python
        from tunesmith import Float, minimize
        from tunesmith.samplers import QMCSampler

        study = minimize(lambda x: x**2, {"x": Float(-1, 1)}, sampler=QMCSampler(), n_trials=16, seed=0)
        ```
    """

    name: ClassVar[str] = "qmc"
    exclusive: ClassVar[bool] = True
    is_adaptive: ClassVar[bool] = False

    @checked()
    def __init__(self, qmc_type: str = "sobol", scramble: bool = True, seed: int | None = None) -> None:
        if qmc_type not in ("sobol", "halton"):
            raise ValueError(f"QMCSampler: qmc_type is 'sobol' or 'halton'; got {qmc_type!r}")
        self.qmc_type = qmc_type
        self.scramble = bool(scramble)
        self.seed = seed
        self._block: Cache[Points] = Cache()
        self._first: Cache[Points] = Cache()

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> tuple[Points, SamplerStates]:
        """Return the next n points of the sequence; see `Sampler.ask`.

        Raises:
            SpaceError: see `QMCSampler`.
        """
        d = len(space)
        if d == 0:
            return np.empty((n, 0)), np.zeros(n, np.int64)
        if self.qmc_type == "sobol" and d > MAX_SOBOL_DIMENSIONS:
            raise SpaceError(
                f"QMCSampler: a Sobol' sequence has at most {MAX_SOBOL_DIMENSIONS} dimensions, the space has {d}; use "
                "QMCSampler('halton') or RandomSampler"
            )
        seed, index = self._next(history, space, rng)
        fingerprint = self._fingerprint(space)
        points: list[Points] = []
        states: list[int] = []
        skipped = 0
        while len(points) < n and index < 1 << QMC_INDEX_BITS:
            # As many as are missing; the more were skipped, the more at once.
            u = self._points(d, seed, index)[: n - len(points) + skipped]
            x = space.from_unit(u)
            for row, ok in zip(x, space.feasible(x), strict=True):
                if ok and len(points) < n:
                    points.append(row)
                    states.append(
                        encode_state(self.name, ((fingerprint << QMC_INDEX_BITS) | index) << QMC_SEED_BITS | seed)
                    )
                skipped = 0 if ok else skipped + 1
                index += 1
            if skipped >= MAX_SKIPPED_POINTS:
                raise SpaceError(
                    f"QMCSampler: none of {skipped} points in a row meets the constraints "
                    f"({', '.join(map(repr, space.constraints))}); loosen them, or choose ranges in which they hold "
                    "more often"
                )
        return np.array(points).reshape(-1, d), np.array(states, np.int64)

    def n_used(self, history: History, space: Space) -> int:
        """Return how many points of a space's sequence trials have, running ones included.

        Args:
            history: the trials.
            space: the space.

        Returns:
            the number of points.
        """
        return len(self._own(history, space))

    def first_points(self, d: int, sampler_state: int) -> Points:
        """Return the first points of the sequence that a sampler state belongs to.

        Args:
            d: number of parameters.
            sampler_state: what the sampler wrote with a trial.

        Returns:
            the points [SOBOL_BLOCK_POINTS, d] in the unit cube.
        """
        seed = sampler_state & ((1 << QMC_SEED_BITS) - 1)
        return self._first.get((d, seed), lambda: self._points(d, seed, 0))

    def _fingerprint(self, space: Space) -> int:
        return crc32(repr((self.qmc_type, self.scramble, space.names)).encode()) & 0xFF

    def _own(self, history: History, space: Space) -> Ints:
        """Return the payloads of the trials that had a point of this space's sequence."""
        states = np.concatenate([history.sampler_state, history.pending.sampler_state])
        own = decode_states(states, self.name)
        return np.asarray(own[own >> (QMC_INDEX_BITS + QMC_SEED_BITS) == self._fingerprint(space)])

    def _next(self, history: History, space: Space, rng: np.random.Generator) -> tuple[int, int]:
        """Return the seed of the sequence and the index that comes next."""
        own = self._own(history, space)
        if not len(own):
            if self.seed is not None:  # trials that begin at the same time are of one sequence then
                rng = np.random.default_rng(self.seed)
            return (int(rng.integers(1 << QMC_SEED_BITS)) if self.scramble else 0), 0
        last = int(own.max())
        return last & ((1 << QMC_SEED_BITS) - 1), ((last >> QMC_SEED_BITS) & ((1 << QMC_INDEX_BITS) - 1)) + 1

    def _points(self, d: int, seed: int, index: int) -> Points:
        """Return the points of the sequence from an index to the end of its block, [1 to SOBOL_BLOCK_POINTS, d]."""
        block = index // SOBOL_BLOCK_POINTS

        def points() -> Points:
            start = block * SOBOL_BLOCK_POINTS
            if self.qmc_type == "sobol":
                return sobol(d, SOBOL_BLOCK_POINTS, seed if self.scramble else None, start)
            from scipy.stats import qmc

            engine = qmc.Halton(d, scramble=self.scramble, seed=np.random.default_rng(seed))
            return np.asarray((engine.fast_forward(start) if start else engine).random(SOBOL_BLOCK_POINTS))

        return self._block.get((d, seed, block), points)[index % SOBOL_BLOCK_POINTS :]
