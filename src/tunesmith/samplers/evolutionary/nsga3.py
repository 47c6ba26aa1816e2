"""NSGA-III: a population that is spread along reference directions, for three objectives and more.

Deb & Jain, "An evolutionary many-objective optimization algorithm using reference-point-based nondominated sorting
approach, part I", IEEE Trans. Evol. Comput. 18, 2014; constrained domination as in part II (Jain & Deb, same volume).
Reference points: Das & Dennis, "Normal-boundary intersection", SIAM J. Optim. 8, 1998.

Where a front does not fit into the population as a whole, those of its trials are kept along whose directions there are
the fewest. Children are made as `NSGA2Sampler` makes them, but each number comes from one of two parents unchanged
(uniform crossover), and mutations are wider.

Measured on DTLZ1 to 4 with 3, 5, 8 and 10 objectives, 1,000 and 3,000 trials: parents that win a tournament by rank,
then by the distance to their direction, came nearer to the front than parents at random, as in the paper, and as near
as by other rules (rank alone; only within one direction; the sum of the objectives). More reference points than members
(100, 50 members) and larger populations (100) came less near. With simulated binary crossover the distance to the front
was 1.7 times as large, and larger too where parameters depend on one another (a turned ellipsoid).

Symbols: n trials, m objectives, k reference points; y[n, m] values, minimised; z[k, m] reference points.
"""

from __future__ import annotations

import math
from itertools import combinations
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats, Indices, Ints
from tunesmith.samplers.base import accepts_foreign_arguments
from tunesmith.samplers.evolutionary.nsga2 import NSGA2Sampler, Nsga2State
from tunesmith.samplers.finished import COMPLETE_LEVEL, ConstrainedRanking
from tunesmith.space import Space

MIN_INTERCEPT = 1e-6  # of the front's range: where the hyperplane cuts an axis nearer to 0, it says nothing
FARTHEST = 1e6  # intercepts: beyond, a value counts as this one, so that no square overflows


def count_points(n_objectives: int, divisions: int) -> int:
    """Return the number of points that `simplex_points` gives."""
    return math.comb(divisions + n_objectives - 1, divisions)


def simplex_points(n_objectives: int, divisions: int) -> Floats:
    """Return the points [k, m] of the unit simplex whose coordinates are multiples of 1 / divisions (Das & Dennis)."""
    k, m, slots = count_points(n_objectives, divisions), n_objectives, divisions + n_objectives - 1
    bars = np.array(list(combinations(range(slots), m - 1)), np.int64).reshape(k, m - 1)
    edges = np.hstack([np.full((k, 1), -1), bars, np.full((k, 1), slots)])
    points: Floats = (np.diff(edges, axis=1) - 1) / divisions
    return points


def default_points(n_objectives: int, most: int) -> Floats:
    """Return reference points z[k, m]: as many as have the most divisions with which there are at most so many.

    With fewer divisions than objectives all of them lie on the simplex's boundary. Then there is a second layer inside,
    half as large (section IV of the paper).
    """
    m = n_objectives
    outer = 1
    while m > 1 and count_points(m, outer + 1) <= most:
        outer += 1
    points = simplex_points(m, outer)
    inside = [p for p in range(1, outer + 1) if len(points) + count_points(m, p) <= most]
    if outer >= m or not inside:
        return points
    return np.vstack([points, (simplex_points(m, inside[-1]) + 1.0 / m) / 2.0])


def normalised(y: Floats, front: Indices) -> Floats:
    """Return values [n, m] as seen from the ideal point, in units of the intercepts (section IV-C of the paper).

    Args:
        y: values [n, m]; infinite ones count as the largest or the smallest finite one.
        front: the places of those that no other one dominates.
    """
    finite = np.isfinite(y)
    low = np.min(y, axis=0, where=finite, initial=np.inf)
    high = np.max(y, axis=0, where=finite, initial=-np.inf)
    low, high = np.where(finite.any(axis=0), low, 0.0), np.where(finite.any(axis=0), high, 0.0)
    above = np.clip(y, low, high) / 2.0 - low / 2.0  # halves: the range of all floats does not overflow then
    span = above[front].max(axis=0)
    above = _in_units(above, np.where(span > 0, span, 1.0))
    return _in_units(above, _intercepts(above))


def _in_units(above: Floats, unit: Floats) -> Floats:
    with np.errstate(over="ignore"):
        return np.minimum(above / unit, FARTHEST)


def _intercepts(above: Floats) -> Floats:
    """Return where the hyperplane through the extreme points cuts the axes [m]; 1 where there is no such plane."""
    m = above.shape[1]
    # Extreme along axis j: the least achievement scalarising function with weights 1 on j and 1e-6 elsewhere (eq. 4).
    weights = np.where(np.eye(m, dtype=bool), 1.0, 1e-6)
    extreme = [int(np.argmin((above / w).max(axis=1))) for w in weights]
    if len(set(extreme)) == m > 1:
        with np.errstate(all="ignore"):
            try:
                found = 1.0 / np.asarray(np.linalg.solve(above[extreme], np.ones(m)), np.float64)
            except np.linalg.LinAlgError:
                return np.ones(m)
        if np.all((found >= MIN_INTERCEPT) & (found <= above.max(axis=0) + MIN_INTERCEPT)):
            return found
    return np.ones(m)


def associate(y: Floats, z: Floats) -> tuple[Ints, Floats]:
    """Return the nearest direction of each of the points y[n, m], int64[n], and the distance to it [n]."""
    length = np.linalg.norm(y, axis=1)
    along = y @ (z / np.linalg.norm(z, axis=1, keepdims=True)).T
    # Rounded, so that the last bits of another processor decide nothing; of the sine, half of the digits are left.
    cosine = np.round(along / np.where(length > 0, length, 1.0)[:, None], 12)
    near = np.argmax(cosine, axis=1)
    best = cosine[np.arange(len(y)), near]
    return near, np.round(length * np.sqrt(np.maximum(1.0 - best**2, 0.0)), 5)


def fill_niches(count: Ints, near: Ints, distance: Floats, room: int, rng: np.random.Generator) -> Indices:
    """Return which trials of a front are kept, places [room] (algorithm 4 of the paper).

    Args:
        count: how many trials there are along each direction already [k].
        near: the direction of each trial of the front [n].
        distance: its distance to it [n].
        room: how many are kept, fewer than n.
        rng: decides among directions with equally few trials.
    """
    waiting = [np.flatnonzero(near == j).tolist() for j in range(len(count))]
    crowd = np.where([bool(w) for w in waiting], count, np.inf)
    chosen = []
    for _ in range(room):
        least = np.flatnonzero(crowd == crowd.min())
        j = int(least[rng.integers(len(least))])
        # The first one along a direction is the nearest; those after it, any.
        place = int(np.argmin(distance[waiting[j]])) if crowd[j] == 0 else int(rng.integers(len(waiting[j])))
        chosen.append(waiting[j].pop(place))
        crowd[j] = crowd[j] + 1 if waiting[j] else np.inf
    return np.array(chosen, np.intp)


class Nsga3State(Nsga2State):
    """The state of one search, whose trials are selected by reference points z[k, m]."""

    def __init__(self, space: Space, size: int, batch: int, z: Floats) -> None:
        super().__init__(space, size, batch)
        self._z = z

    def choose(self, ranking: ConstrainedRanking) -> Indices:
        """Return the places of those that are kept: by rank, in the last front by its directions (algorithm 1)."""
        rank, _ = ranking.rank_and_crowding()
        last = np.sort(rank)[self._size - 1]
        kept, front = np.flatnonzero(rank < last), np.flatnonzero(rank == last)
        room = self._size - len(kept)
        if room == len(front) or ranking.level[front[0]] != COMPLETE_LEVEL:
            return np.append(kept, front[:room])
        members = np.append(kept, front)
        near, distance = associate(normalised(ranking.value[members], np.flatnonzero(rank[members] == 0)), self._z)
        before = len(kept)
        count = np.bincount(near[:before], minlength=len(self._z))
        # What is random follows from the number of selections: the state is the same whoever rebuilds it.
        rng = np.random.default_rng(self.generation)
        return np.append(kept, front[fill_niches(count, near[before:], distance[before:], room, rng)])

    def grade(self, ranking: ConstrainedRanking) -> tuple[Ints, Floats]:
        """Return the rank of each member, and how near it lies to its direction: minus the distance."""
        rank, _ = ranking.rank_and_crowding()
        nearness = np.zeros(len(rank))
        at = np.flatnonzero(ranking.level == COMPLETE_LEVEL)
        if len(at):
            nearness[at] = -associate(normalised(ranking.value[at], np.flatnonzero(rank[at] == 0)), self._z)[1]
        return rank, nearness


@accepts_foreign_arguments
class NSGA3Sampler(NSGA2Sampler):
    """Evolves a population along reference directions: for three objectives and more, where fronts hold most trials.

    Spaces, constraints and failed trials are treated as by `NSGA2Sampler`.

    Args:
        population_size: number of trials that are kept, and drawn at random at the start.
        reference_points: directions [k, m] in which the front is sought, from the ideal point, each objective in units
            of its range on the front; only their ratios count. None: evenly spread, as many as the population has room
            for. Fewer directions, or those of a region, search that region.
        dividing_parameter: the evenly spread points are those with coordinates that are multiples of one divided by it;
            None: see above.
        batch_size: selection takes place whenever so many new trials are finished; None: a fifth of the population.
        mutation_prob: probability that a parameter is mutated; None: 1 / d.
        crossover_prob: probability that a child has two parents.
        eta_mutation: as for `NSGA2Sampler`.
        seed: becomes the study's seed, if `create_study` is given none.

    Raises:
        ValueError: an argument is out of its range; reference points are negative, not finite, or a row of zeros; or
            both these and `dividing_parameter` are given. When trials are proposed: reference points of another number
            of objectives.

    Example:
        ```python
        from tunesmith import Float, create_study
        from tunesmith.samplers import NSGA3Sampler

        study = create_study(directions=["minimize"] * 3, sampler=NSGA3Sampler(population_size=10), seed=0)
        space = {"x": Float(0, 1), "y": Float(0, 1)}
        study.optimize(lambda x, y: (x + y**2, y + (1 - x) ** 2, 1 - x * y), n_trials=30, space=space)
        print(len(study.best_trials) > 5)
        ```
    """

    name: ClassVar[str] = "nsga3"

    @checked()
    def __init__(
        self,
        population_size: int = 50,
        *,
        reference_points: ArrayLike | None = None,
        dividing_parameter: int | None = None,
        batch_size: int | None = None,
        mutation_prob: float | None = None,
        crossover_prob: float = 0.9,
        eta_mutation: float = 2.0,
        seed: int | None = None,
    ) -> None:
        super().__init__(
            population_size,
            batch_size=batch_size,
            mutation_prob=mutation_prob,
            crossover_prob=crossover_prob,
            eta_mutation=eta_mutation,
            seed=seed,
        )
        if dividing_parameter is not None and dividing_parameter < 1:
            raise ValueError(f"NSGA3Sampler: dividing_parameter is at least 1; got {dividing_parameter}")
        if dividing_parameter is not None and reference_points is not None:
            raise ValueError("NSGA3Sampler: give reference_points or dividing_parameter, not both")
        self.reference_points = None if reference_points is None else _directions(reference_points)
        self.dividing_parameter = dividing_parameter

    def initial_state(self, space: Space, n_objectives: int) -> Nsga3State:
        points = self.reference_points
        if points is None and self.dividing_parameter is not None:
            points = simplex_points(n_objectives, self.dividing_parameter)
        elif points is None:
            points = default_points(n_objectives, self.population_size)
        if points.shape[1] != n_objectives:
            raise ValueError(
                f"NSGA3Sampler: reference_points has a column for each objective; got {points.shape[1]} columns for "
                f"{n_objectives} objectives"
            )
        return Nsga3State(space, self.population_size, self.batch_size, points)

    def _crossover(self, a: Floats, b: Floats, rng: np.random.Generator) -> Floats:
        """Return the uniform crossover of two parents."""
        return np.where(rng.random(len(a)) < 0.5, a, b)


def _directions(given: ArrayLike) -> Floats:
    """Return reference points as an array [k, m]; ValueError if they are none."""
    try:
        points = np.array(given, np.float64)
    except (TypeError, ValueError):
        points = np.empty(0)
    if points.ndim != 2 or not points.size:
        raise ValueError(
            "NSGA3Sampler: reference_points is a table of numbers, a row for each point and a column for each "
            f"objective; got {given!r}"
        )
    if not np.isfinite(points).all() or points.min() < 0 or not points.any(axis=1).all():
        raise ValueError(
            f"NSGA3Sampler: reference_points are finite and not negative, and no row is all 0; got {given!r}"
        )
    return points
