"""What the models are fitted to: finished trials as arrays of finite values."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.foundation.numerics.gp import Prior, objective
from tunesmith.foundation.states import TrialState
from tunesmith.history import History
from tunesmith.samplers.finished import Boundaries, point_keys
from tunesmith.space import Space


@dataclass(slots=True)
class TrainingData:
    """Finished trials as arrays.

    Attributes:
        x: internal values [n, d].
        u: the same in the unit cube.
        y: values [n, m], always finite: of failed trials the worst that was seen, of infinities the nearest one.
        noise: standard deviations of the errors of the values [n, m]; 0 where they are not known.
        c: constraint values [n, k], NaN where unknown.
        failed: which trials have no value, [n].
        feasible: which trials have a value and violate no constraint, [n]; with several objectives not one
            that was stopped early, since what it reported then may dominate what others have at their ends; nor one
            whose value is expected, if there are others.
        expected: whose values are expected ones, of trials that did not come to their end [n].
        tried: internal values [N, d] of all trials, those that were left out among them.
        boundaries: what happened at the bounds of parameters.
    """

    x: Floats
    u: Floats
    y: Floats
    noise: Floats
    c: Floats
    failed: Mask
    feasible: Mask
    expected: Mask
    tried: Floats
    boundaries: Boundaries

    @classmethod
    def of(cls, history: History, space: Space, tree: Space, n: int | None = None) -> TrainingData:
        """Return what the first rows of a history hold about the parameters of a space; one value must be finite.

        Args:
            history: the history.
            space: the space as the study has it.
            tree: the same parameters with conditions, declared or inferred.
            n: how many rows; None: all.
        """
        n = len(history) if n is None else n
        x = history.points(space)[:n]
        if tree.is_conditional:
            x = tree.mask(x)
        u = tree.to_unit(x) if tree is not space else history.unit(space)[:n]
        y = np.array(history.y[:n])
        noise = np.where(np.isfinite(y), np.nan_to_num(history.noise[:n]), 0.0)
        failed = np.isnan(y).any(axis=1) | (history.state[:n] == TrialState.FAIL)
        for column in y.T:
            finite = column[np.isfinite(column)]
            column[np.isnan(column)] = np.inf
            np.clip(column, finite.min(), finite.max(), out=column)
        boundaries = Boundaries(tree)
        boundaries.add(u, failed)
        feasible = ~failed & history.feasible[:n]
        if history.n_objectives > 1:
            feasible &= history.state[:n] != TrialState.PRUNED
        expected = np.isin(history.number[:n], list(history.expected))
        if (measured := feasible & ~expected).any():  # an expected value was not reached
            feasible = measured
        return cls(x, u, y, noise, history.c[:n], failed, feasible, expected, x, boundaries)

    def without_boundary_failures(self) -> TrainingData:
        """Return the trials without those that failed because they lay at the bound of a parameter.

        To a model, such a failure beside the best trials would say that they are bad, too.
        """
        return self._only(~(self.failed & self.boundaries.explain_failure(self.u)))

    def without_failures(self) -> TrainingData:
        """Return the trials that have a value."""
        return self._only(~self.failed)

    def _only(self, keep: Mask) -> TrainingData:
        if keep.all():
            return self
        x, u, y, noise, c = (part[keep] for part in (self.x, self.u, self.y, self.noise, self.c))
        failed, feasible, expected = (part[keep] for part in (self.failed, self.feasible, self.expected))
        return TrainingData(x, u, y, noise, c, failed, feasible, expected, self.tried, self.boundaries)

    def is_duplicate(self, pending: Floats, tried_too: bool = True) -> Callable[[Floats], Mask]:
        """Return a function that tells which rows of x[q, d] are among pending[p, d], or were tried before, too.

        A trial is the same as another one if all parameters that the other one used have the same values: an objective
        that follows conditions without declaring them would not read the rest.
        """
        rows = np.vstack([self.tried, pending]) if tried_too else pending
        patterns, of = np.unique(~np.isnan(rows), axis=0, return_inverse=True)
        tried = [
            (np.flatnonzero(pattern), set(point_keys(rows[of.ravel() == i][:, pattern])))
            for i, pattern in enumerate(patterns)
            if pattern.any()
        ]

        def is_known(x: Floats) -> Mask:
            found = np.zeros(len(x), bool)
            for columns, keys in tried:
                found |= [key in keys for key in point_keys(x[:, columns])]
            return found

        return is_known


# -- how noisy values are: told with them, seen in repeats, or found by the model -------------------------------------
#
# The process of a search expects next to no noise: where there is none, that is worth many trials. So noise that nobody
# told is looked for, at row counts that grow by two fifths: a prior that lets noise be large has to explain the values
# clearly better. Where there is noise, few values do not tell many lengthscales: a free fit takes what it cannot
# explain for noise, the function for flat, and sends the next trial to a corner. So lengthscales are then kept close to
# one another, and short enough for a valley.
#
# Symbols: n rows, z[n, F] features, t[n] transformed values.

# Chosen on the sphere with its optimum anywhere and Rosenbrock's function in five dimensions, and Hartmann's in six,
# with noise of 0.3 of the spread (seeds 0 to 11 of `benchmarks/noise.py`), and so that of 35 tasks without noise (YAHPO
# Gym, HPOBench, BBOB) one in ten at most is taken for noisy.
FIRST_NOISE_ROWS = 8  # rows at which noise is looked for first
NOISE_ROWS_GROWTH = 1.4  # by what the rows grow up to the next time
LEAST_NOISE_GAIN = 2.0  # log likelihood, by which a process with noise has to be better
NOISE_START = -3.0  # ln s², where the search for noise starts
LEAST_LOG_NOISE = -4.0  # ln s² from which on noise matters: a standard deviation of 0.14 of that of all values


def last_row_count(n: int, first: int, growth: float) -> int:
    """Return the last of some growing row counts, up to n.

    Args:
        n: rows there are.
        first: the first count; of fewer rows it is n.
        growth: by what a count is multiplied for the next one, which is at least one row more.
    """
    count = min(n, first)
    while (following := max(count + 1, int(count * growth))) <= n:
        count = following
    return count


def rows_looked_at(n: int) -> int:
    """Return the last row count, up to n, at which noise is looked for; 0: that was never."""
    return 0 if n < FIRST_NOISE_ROWS else last_row_count(n, FIRST_NOISE_ROWS, NOISE_ROWS_GROWTH)


def any_noise(prior: Prior) -> Prior:
    """Return the prior with which noise is looked for: as before, but with any noise."""
    return replace(prior, noise_mean=NOISE_START, noise_var=9.0)


def noisy(prior: Prior) -> Prior:
    """Return the prior of a search whose values are noisy."""
    return replace(prior, scale_mean=-1.2, scale_offsets=(), scale_var=0.3, noise_mean=-4.0, noise_var=4.0)


def is_better_with_noise(z: Floats, group: Indices, t: Floats, usual: Floats, found: Floats) -> bool:
    """Tell whether noise explains values clearly better.

    Args:
        z: features [n, F].
        group: group of each feature [F].
        t: transformed values [n].
        usual: θ with the usual prior.
        found: θ with the prior that lets noise be large.
    """
    if usual[-1] > LEAST_LOG_NOISE:
        return True
    if found[-1] <= LEAST_LOG_NOISE:
        return False
    flat = np.full(len(usual), math.inf)
    less, more = (objective(theta, z, group, t, theta, flat)[0] for theta in (usual, found))
    return bool(less - more > LEAST_NOISE_GAIN)


def repeats_differ(u: Floats, y: Floats) -> bool | None:
    """Tell whether trials at the same point u[n, d] have other values y[n]; None: there are no two at any point."""
    of = np.unique(np.nan_to_num(u, nan=-1.0), axis=0, return_inverse=True)[1].ravel()
    order = np.lexsort((y, of))
    is_same = np.diff(of[order]) == 0
    return bool((np.diff(y[order])[is_same] != 0).any()) if is_same.any() else None


def with_repeats(prior: Prior, z: Floats, t: Floats, known: Floats | float) -> Prior:
    """Return the prior with the noise that repeats show, trials at the same point; as it is, if they show none.

    Args:
        prior: of θ.
        z: features [n, F].
        t: transformed values [n].
        known: variances of the errors [n] that are known.
    """
    _, of, count = np.unique(z, axis=0, return_inverse=True, return_counts=True)
    of, freedom = of.ravel(), len(t) - len(count)
    if not freedom:
        return prior
    off = np.square(t - (np.bincount(of, t) / count)[of])
    expected = np.broadcast_to(known, t.shape) * (1.0 - 1.0 / count[of])
    pooled = float((off - expected).sum()) / freedom
    if pooled <= math.exp(prior.noise_mean):
        return prior
    return replace(prior, noise_mean=math.log(pooled))
