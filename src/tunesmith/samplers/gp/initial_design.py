"""The first points of a model-based search: the user's priors, the best of earlier studies, and a few central points.

First the modes of the priors, all together; then the best points of earlier studies; then a design of few and central
points, in turn with points drawn from the priors. The number of points of the sequence that
were given out, which the sampler states of the trials tell, says which of them is next, so workers that start at once
do not start alike.

The design: the middle of the space, and of each of its branches, then points of a scrambled Sobol' sequence that are
drawn towards the middle. Four of them are enough, since from then on each point that the model picks is worth more than
one of a design; and they are central, since ranges are set round what is expected to be good, while most of the volume
of a cube is near its faces. The user's points count among them, but one of the design is tried in any case: with five
bad points regret after 30 trials of a bowl is 0.007 with the middle, and 0.046 without. Measured on 28 tasks that
nothing was fitted to: mean regret after 10 and 25 trials 0.397 and 0.221 with one Sobol' point more than parameters,
0.379 and 0.194 with four, 0.329 and 0.178 with four central ones. Many choices want more of them: with 50, of which
five are good, four points show too few, and one of the four is kept.

Where names tell which values are usually good (`tunesmith.space.meaning`), these are the middle. The second point is
the plain middle then, in case the names mislead: on 36 tasks on which they do not it costs nothing (+0.001 and +0.002,
72 pairs), and where they lie it halves what that costs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.cache import Cache
from tunesmith.history import History
from tunesmith.samplers.base import Points, SamplerStates, decode_states
from tunesmith.samplers.finished import DuplicateFilter, infer_conditions
from tunesmith.samplers.gp.branches import branching_parameters
from tunesmith.samplers.gp.transfer import best_points
from tunesmith.samplers.qmc import QMCSampler
from tunesmith.space import Permutation, Space
from tunesmith.space.base import Parameter, priors_of
from tunesmith.space.meaning import Meaning
from tunesmith.space.priors import UnitPrior

N_CENTRAL = 4  # points of the design; more where a parameter has more branches or many choices
CHOICES_A_POINT, MAX_CHOICES = 3, 10  # of many choices, one of so many is tried in the design, and at most so many
SAME_DESIGN_DISTANCE = 1e-3  # of each range: a point this close to another one tells nothing new
SAME_MIDDLE_DISTANCE = 0.03  # the same for a middle, beside the first answer of a define-by-run objective in a branch
DESIGN_SHRINKAGE = 0.6  # the share of its distance to the middle at which a Sobol' point is tried


class InitialDesign:
    """Proposes the first points of a study, for a sampler."""

    def __init__(self) -> None:
        self._sequence = QMCSampler()
        self._best: Cache[Floats] = Cache()

    def has_begun(self, history: History) -> bool:
        """Tell whether a trial has a point of the design, in whatever space that was."""
        states = np.concatenate([history.sampler_state, history.pending.sampler_state])
        return bool(len(decode_states(states, self._sequence.name)))

    def size(self, history: History, space: Space) -> int:
        """Return how many trials come before a model: four, more where there are many branches or choices."""
        return _n_central(space, branching_parameters(infer_conditions(space, history.points(space))))

    def ask(
        self, history: History, space: Space, rng: np.random.Generator, n: int, meanings: Mapping[int, Meaning]
    ) -> tuple[Points, SamplerStates]:
        """Return n points.

        Args:
            meanings: what parameters mean: their centres are the middle of the design.
        """
        x, states = self._sequence.ask(history, space, rng, n)
        if not len(space):
            return x, states
        tried = history.points(space)
        params = list(space.params.values())
        priors = priors_of(params)
        sources = history.warm_start
        found = self._best.get((sources, space), lambda: best_points(sources, space))
        known = np.vstack([_prior_modes(priors, len(space)), found])
        sobol = self._sequence.first_points(len(space), int(states[0]))
        centre = np.array([meanings[j].prior.centre if j in meanings else 0.5 for j in range(len(space))])
        branching = branching_parameters(infer_conditions(space, tried))
        size = _n_central(space, branching)
        seen = np.vstack([tried, history.pending_points(space)])
        begun = self._sequence.n_used(history, space)
        for i in range(n):
            turn = begun + i - len(known)  # below 0: one of the known points
            place = turn if turn >= 0 else begun + i
            wanted = [x[i]]
            if place < size:
                foreign = seen[: 0 if begun + i == len(seen) else None]  # of another sequence, or of the user
                middle, drawn = (rows[place] for rows in _central(space, branching, sobol[:size], centre, foreign))
                wanted = [drawn if _is_among(space, middle, seen, SAME_MIDDLE_DISTANCE) else middle, x[i]]
            fixed = np.full(len(space), np.nan)
            if turn < 0:
                fixed = known[turn]
            elif priors and turn % 2 == 0:
                for j, prior in priors.items():
                    fixed[j] = params[j].from_unit(prior.draw(rng.random(1)))[0]
            if not np.isnan(fixed).all():
                wanted.insert(0, _completed(space, fixed, wanted[0], rng))
            x[i] = _first_new(space, np.array(wanted), seen, rng)
            seen = np.vstack([seen, x[i]])
        return x, states


def _n_central(space: Space, branching: Sequence[str]) -> int:
    """Return the number of points of the design, given the parameters that others depend on."""
    many = [min(int(p.n_values) // CHOICES_A_POINT, MAX_CHOICES) for p in space.params.values() if p.is_nominal]
    return max([N_CENTRAL, *many, *(int(space.params[name].n_values) for name in branching)])


def _central(
    space: Space, branching: Sequence[str], sobol: Floats, centre: Floats, seen: Floats
) -> tuple[Floats, Floats]:
    """Return the design as internal values [n, d], and the same without the middles, where these were tried.

    Where a parameter is active for the first time it has its middle value: each branch is a space of its own. The
    middle of a permutation is the order in which its items are given. Choices have no middle, and each
    branch is worth a point: there the ranks of the points, shifted by as much for all, leave out no value that is as
    wide as the distance between two of them. Where the user chose points, or parameters join
    the space one after another (define-by-run) and the ranks begin anew, what was tried gives way to what was not.

    Args:
        branching: the parameters that others depend on.
        sobol: points of a sequence in the unit cube [n, d].
        centre: what is usually good [d], 0.5 where that is not known.
        seen: internal values [k, d] of trials; none, where they are the points of this design.
    """
    params = space.params
    n, u = len(sobol), sobol
    drawn = centre + DESIGN_SHRINKAGE * (u - centre)
    if (centre != 0.5).any():
        drawn[1] = 0.5
    even = (u.argsort(axis=0).argsort(axis=0) + (n * u[0]) % 1.0) / n
    spread = {j: p for j, (name, p) in enumerate(params.items()) if p.is_nominal or name in branching}
    for j, p in enumerate(params.values()):
        if p.is_combinatorial:  # near ranks are no near arrangements: none is central
            drawn[:, j] = u[:, j]
    for j, p in spread.items():
        drawn[:, j] = _untried(p, even[:, j], seen[:, j])
    active = ~np.isnan(space.from_unit(drawn))
    first = active & (active.cumsum(axis=0) == 1)  # at which points a parameter is active for the first time
    first[:, list(spread)] = False
    cell = np.array([1.0 / p.n_values if p.n_values < 1e6 else 0.0 for p in params.values()])
    # of an even number of values one of the two in the middle
    middle = np.clip(centre + 0.5 * cell * (u - 0.5), 0.0, 1.0)
    for j, p in enumerate(params.values()):
        if p.is_combinatorial:
            middle[:, j] = 0.5 / p.n_values if isinstance(p, Permutation) else u[:, j]
    return space.from_unit(np.where(first, middle, drawn)), space.from_unit(drawn)


def _untried(p: Parameter, u: Floats, seen: Floats) -> Floats:
    """Return unit coordinates u[n] with an untried choice, the next one, in place of each that was tried.

    Args:
        seen: internal values that were tried, NaN where inactive.
    """
    k = int(p.n_values)
    tried = np.isin(p.cells(np.arange(k)), seen)
    if tried.all() or not tried.any():
        return u
    own = np.minimum((u * k).astype(int), k - 1)
    left = np.flatnonzero(~tried)
    following = left[np.searchsorted(left, own) % len(left)]
    return np.where(tried[own], (following + 0.5) / k, u)


def _prior_modes(priors: Mapping[int, UnitPrior], d: int) -> Floats:
    """Return the point [1, d] of the modes of all priors, NaN where there is none; [0, d] if there is none at all."""
    centre = np.full((1 if priors else 0, d), np.nan)
    for j, prior in priors.items():
        centre[:, j] = prior.best
    return centre


def _completed(space: Space, fixed: Floats, spare: Floats, rng: np.random.Generator) -> Floats:
    """Return the fixed internal values [d] with those of a spare point in place of NaN, at random where it has none."""
    u = rng.random(len(space))
    drawn = np.array([p.from_unit(u[j : j + 1])[0] for j, p in enumerate(space.params.values())])
    row = np.where(np.isnan(fixed), np.where(np.isnan(spare), drawn, spare), fixed)
    completed: Floats = space.mask(row[None])[0]
    return completed


def _first_new(space: Space, wanted: Floats, seen: Floats, rng: np.random.Generator) -> Floats:
    """Return the first of wanted[q, d] that lies in the space and is not close to one of seen[n, d].

    If all are, some untried point of a finite space; if there is none, the last one of those wanted.
    """
    for row in wanted[space.contains_rows(wanted)]:
        if not _is_among(space, row, seen, SAME_DESIGN_DISTANCE):
            return np.asarray(row)
    tried = DuplicateFilter(space)
    tried.add(space.to_unit(seen))
    untried = tried.random_untried(rng, set())
    return np.asarray(wanted[-1] if untried is None else untried[0])


def _is_among(space: Space, row: Floats, seen: Floats, far: float) -> bool:
    """Tell whether a row of seen[n, d] has nearly the values of row[d], as far as both are known.

    The middle of a range is often the default, but for rounding.

    Args:
        far: the share of a range from which on values differ.
    """
    known = ~np.isnan(row) & ~np.isnan(seen)
    distance = np.abs(space.to_unit(seen) - space.to_unit(row[None]))
    ordered = np.array([p.is_ordered for p in space.params.values()])
    same = (seen == row) | (ordered & (distance < far)) | ~known
    return bool((known.any(axis=1) & same.all(axis=1)).any())
