"""A Gaussian process over all of a study's trials, and joint draws from its posterior.

The features and the transform of values are those of the samplers; the trials are a sample of the study, not those
near its best one.

Symbols: n trials of the model, d parameters, z[q, F] features, t[n] transformed values, σ² noise variance of t,
b draws, m random features, K = k(r) + σ² I = L Lᵀ.

Draws are whole functions, f(q) = φ(q) w + k(q) K⁻¹ (t - φ(X) w - ε) with w, ε normal (Matheron's rule; Wilson et al.,
ICML 2020, eq. 13), so they can be evaluated anywhere and together. φ are random Fourier features (Rahimi & Recht, 2007)
of the Matérn-5/2 kernel, whose spectral density is a Student t with 5 degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.gp import Posterior, Prior, fit, matern52, square_distances
from tunesmith.foundation.numerics.warp import Warp
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.importance.base import Evaluator, ImportanceData
from tunesmith.samplers.gp.surrogate import MIN_SURROGATE_TRIALS
from tunesmith.space import Space
from tunesmith.space.feature_map import FeatureMap

# Noise may be all that there is: with the prior that samplers have, a model of 150 random values of 10 parameters took
# 87 % of their variance for a function; with this one 2 %, and it is as good where there is a function.
PRIOR = Prior(scale_mean=1.4, scale_var=3.0, noise_mean=-1.0, noise_var=6.0, noise_bounds=(1e-6, 4.0))
STARTS = ((0.5, -4.0), (3.0, -0.5))  # (lengthscale, ln s²) from which hyperparameters are searched: little noise, much
MOST_ROWS = 500  # trials of a model; with more, the best ones and others at random
N_BEST = 50  # of them, that are there in any case
MOST_PARAMETERS = 100
NULL_ROWS = 150  # trials of the models of shuffled values
SHUFFLES = 40  # of them: each is fitted anew
RANDOM_FEATURES = 512
GROUPS = 8  # of trials, each of which is left out once
BLOCK = 2_000  # points that are evaluated at once
GRID = np.linspace(-8.0, 8.0, 401)  # transformed values at which the transform back is computed


class _Standard:
    """Standardised values in the place of transformed ones; the same interface as that of `Warp`."""

    def __init__(self, y: Floats) -> None:
        self._mean, self._sd = float(y.mean()), float(y.std()) or 1.0
        self.values: Floats = (y - self._mean) / self._sd

    def inverse(self, t: Floats) -> Floats:
        """Return the values that t stands for."""
        return self._mean + self._sd * t

    def expected(self, mean: Floats, sd: float) -> Floats:
        """Return the expectation of the values that normal variables of these means stand for."""
        return self.inverse(mean)


class Model:
    """A Gaussian process fitted to trials.

    Args:
        u: unit coordinates of the trials [n, d], NaN where inactive.
        y: their values [n], minimised.
        warped: whether values are transformed to look normal; else they are only standardised.

    Attributes:
        n: how many trials there are.
        off: what the others predict for each trial, less its value [n], over the largest value.
    """

    def __init__(self, features: FeatureMap, u: Floats, y: Floats, warped: bool) -> None:
        self._features, self.n, self.warped = features, len(y), warped
        self._unit = float(np.max(np.abs(y))) or 1.0  # squares of huge and tiny values overflow and vanish
        y = y / self._unit
        z = features(u)
        warp = Warp(y) if warped else _Standard(y)
        self._t = warp.values
        groups = int(features.group.max()) + 1
        starts = [np.append(np.full(groups, math.log(scale)), noise) for scale, noise in STARTS]
        theta = fit(z, features.group, self._t, PRIOR, starts=starts)
        self._posterior = Posterior(z, features.group, self._t, theta)
        sd = math.sqrt(self._posterior.noise)
        self._expected = warp.expected(GRID, sd)
        low, high = warp.inverse(GRID - sd), warp.inverse(GRID + sd)
        self._noise: Floats = ((high - low) / 2.0) ** 2
        predicted = np.interp(self._posterior.leave_one_out(self._t)[0], GRID, self._expected)
        self.off: Floats = predicted - y
        self._w = np.zeros((RANDOM_FEATURES, 0))
        self._v = self._mean = self._posterior.alpha[:, None]
        self._frequency = np.zeros((RANDOM_FEATURES, z.shape[1]))
        self._phase = np.zeros(RANDOM_FEATURES)

    def sharpen(self) -> None:
        """Smooth what the mean leaves of the trials once more, and add it to the mean (twicing; Tukey, 1977).

        The mean of a posterior is pulled towards 0, small effects among much noise by a fifth of their variance.
        """
        from scipy.linalg import lapack

        again = lapack.dpotrs(self._posterior.factor, self._posterior.alpha, lower=1)[0]  # t - f(X) is σ² α
        self._mean = (self._posterior.alpha + self._posterior.noise * again)[:, None]
        self._v = np.column_stack([self._mean, self._v[:, 1:]])

    def draw(self, draws: int, rng: np.random.Generator) -> None:
        """Add functions drawn from the posterior; `values` then gives them behind the mean."""
        from scipy.linalg import lapack

        n, dimensions = self._posterior.a.shape
        normal = rng.standard_normal((RANDOM_FEATURES, dimensions))
        self._frequency = normal * np.sqrt(5.0 / rng.chisquare(5.0, RANDOM_FEATURES))[:, None]
        self._phase = rng.uniform(0.0, 2.0 * math.pi, RANDOM_FEATURES)
        self._w = rng.standard_normal((RANDOM_FEATURES, draws))
        noise = math.sqrt(self._posterior.noise) * rng.standard_normal((n, draws))
        off = self._t[:, None] - self._random_features(self._posterior.a) @ self._w - noise
        solved = lapack.dpotrs(self._posterior.factor, off, lower=1)[0]
        self._v = np.column_stack([self._mean, solved])

    def transformed(self, u: Floats) -> Floats:
        """Return the mean and the draws at unit coordinates u[q, d], NaN where inactive: [q, 1 + b], transformed."""
        out = np.empty((len(u), self._v.shape[1]))
        for at in range(0, len(u), BLOCK):
            a = self._features(u[at : at + BLOCK]) * self._posterior.scale
            out[at : at + BLOCK] = matern52(square_distances(a, self._posterior.a))[0] @ self._v
            if self._w.shape[1]:
                out[at : at + BLOCK, 1:] += self._random_features(a) @ self._w
        return out

    def values(self, u: Floats) -> Floats:
        """Return the expected results at unit coordinates u[q, d]: of the mean, and of each draw [q, 1 + b]."""
        values: Floats = self.relative(u) * self._unit
        return values

    def relative(self, u: Floats) -> Floats:
        """Return the same over the largest value of a trial [q, 1 + b]."""
        return np.asarray(np.interp(self.transformed(u), GRID, self._expected))

    def noise_variance(self, u: Floats) -> float:
        """Return the mean variance of a result around its expected value at unit coordinates u[q, d], as `relative`."""
        t = self.transformed(u)[:, 0]
        return float(np.interp(t, GRID, self._noise).mean())

    def _random_features(self, a: Floats) -> Floats:
        phi: Floats = np.cos(a @ self._frequency.T + self._phase)
        phi *= math.sqrt(2.0 / RANDOM_FEATURES)
        return phi


def check_enough(data: ImportanceData, name: str) -> None:
    """Check that a model can be fitted.

    Raises:
        ValueError: there are too few trials, or too many parameters.
    """
    n, d = data.u.shape
    if is_enough(data):
        return
    if d > MOST_PARAMETERS:
        raise ValueError(
            f'evaluator="{name}" fits a model of at most {MOST_PARAMETERS} parameters, and the study has {d:,}; '
            'use "ped-anova"'
        )
    raise ValueError(
        f'evaluator="{name}" fits a model, for which {d} parameter{"s need" if d > 1 else " needs"} '
        f'{max(MIN_SURROGATE_TRIALS, d + 1)} complete trials; this study has {n}. "ped-anova" needs two'
    )


def is_enough(data: ImportanceData) -> bool:
    """Tell whether a model can be fitted to these trials."""
    n, d = data.u.shape
    return bool(d <= MOST_PARAMETERS and n >= max(MIN_SURROGATE_TRIALS, d + 1))


def fitted(
    data: ImportanceData, features: FeatureMap, rng: np.random.Generator, *, of_good: bool
) -> tuple[Model, list[str]]:
    """Return the model of a study, and notes on what it rests on.

    Values are transformed if the model is then better at values left out. The transform helps with values of very
    different sizes, and ruins those of which many are equal.

    Args:
        rng: chooses trials where there are many.
        of_good: better where values are good, in the better half of the trials; else on all of them.
    """
    rows = _chosen(data.y, MOST_ROWS, rng)
    note = f"The model rests on {len(rows)} of the trials: the best {N_BEST}, and others at random."
    y = data.y[rows]
    return _better(features, data.u[rows], y, of_good), [note] if len(rows) < len(data.y) else []


def _better(features: FeatureMap, u: Floats, y: Floats, of_good: bool) -> Model:
    """Return the model with values transformed or not, whichever is better at values left out."""
    counted = y <= np.median(y) if of_good else np.ones(len(y), bool)
    models = [Model(features, u, y, warped) for warped in (False, True)]
    return min(models, key=lambda model: float(np.mean(model.off[counted] ** 2)))


def shuffled_models(
    data: ImportanceData, features: FeatureMap, warped: bool | None, rng: np.random.Generator
) -> Iterator[tuple[Model, Floats, Floats]]:
    """Yield models of shuffled values, with the trials that each rests on, u[n, d], and their values [n].

    Args:
        warped: as for `Model`; None: chosen for each, as for the trials. Noise passes a line that is drawn without that
            choice more often than it should: the better one of two models of noise finds more.
        rng: shuffles, and chooses trials where there are many.
    """
    for _ in range(SHUFFLES):
        rows = rng.permutation(len(data.y))[:NULL_ROWS]
        y = rng.permutation(data.y)[: len(rows)]
        if np.all(y == y[0]):
            y = data.y[rows]
        u = data.u[rows]
        model = _better(features, u, y, False) if warped is None else Model(features, u, y, warped)
        yield model, u, y


def wider_draws(
    draws: Floats,
    value: Callable[[Model], Floats],
    data: ImportanceData,
    features: FeatureMap,
    warped: bool,
    rng: np.random.Generator,
) -> Floats:
    """Return draws of some values [b, r] that are also spread by what depends on which trials there happen to be.

    Draws of one process take its hyperparameters, and that it is such a process, for certain; of a smooth function they
    are all the same. How far values move when each of `GROUPS` groups of trials is left out, and the process fitted
    anew, shows the rest (the delete-a-group jackknife; Shao & Wu, 1989).

    Args:
        draws: of the values, from the posterior of one process.
        value: gives the values [r] that a model has.
        rng: chooses trials and groups, and draws.
    """
    rows = rng.permutation(_chosen(data.y, MOST_ROWS, rng))
    groups = min(GROUPS, len(rows))
    left_out = [np.sort(np.delete(rows, np.s_[g::groups])) for g in range(groups)]
    values = np.array(
        [
            value(Model(features, data.u[rest], data.y[rest], warped))
            for rest in left_out
            if data.y[rest].max() > data.y[rest].min()
        ]
    )
    if not values.size:
        return draws
    unit = float(np.abs(values).max()) or 1.0  # squares of huge and tiny values overflow and vanish
    sd = unit * math.sqrt(len(values) - 1) * (values / unit).std(axis=0)
    out: Floats = draws + sd * rng.standard_normal(draws.shape)
    return out


def _chosen(y: Floats, most: int, rng: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.intp]]:
    """Return the places of at most so many values: the best ones, and others at random."""
    if len(y) <= most:
        return np.arange(len(y))
    order = np.argsort(y, kind="stable")
    others = rng.choice(order[N_BEST:], most - N_BEST, replace=False)
    return np.sort(np.concatenate([order[:N_BEST], others]))


def spread_points(space: Space, n: int, rng: np.random.Generator) -> Floats:
    """Return unit coordinates [q, d] of points that fill a space evenly, NaN where inactive; q < n under constraints.

    Args:
        n: how many points, a power of two.
        rng: scrambles the Sobol' sequence.
    """
    from scipy.stats import qmc

    x = space.from_unit(qmc.Sobol(len(space), rng=rng).random(n))
    if space.constraints:
        x = x[space.feasible(x)]
    return space.to_unit(x if len(x) else space.sample(rng, 1))


# ----------------------------------------------------------------------------------------------------------------------
# The default configuration, which the gains of tuning are measured against.


class FromDefault(Evaluator):
    """Measures from the default configuration on, by a model.

    Args:
        default: the default configuration by name. Where it has no value, that of the prior declared in the space
            counts, else that of the first complete trial (enqueue the configuration of today), else the middle.
    """

    def __init__(self, default: Mapping[str, Any] | None = None) -> None:
        self.default = default

    def check(self, data: ImportanceData) -> None:
        check_enough(data, self.name)
        default_point(data, self.default)


def default_point(data: ImportanceData, given: Mapping[str, Any] | None) -> tuple[Floats, str]:
    """Return the default configuration as unit coordinates [d], and where it comes from, in words.

    Each parameter takes the value that is given, else that of its declared prior, else that of the first trial, else
    the middle of its range. No coordinate is NaN: a parameter that is not active in the default has a value for the
    case that another one's change makes it active.

    Args:
        data: the trials.

    Raises:
        TypeError: what is given is no mapping.
        ValueError: a name or a value is not of the space.
    """
    if given is not None and not isinstance(given, Mapping):
        raise TypeError(f"default must be a dict of values by name; got {shown(given)}")
    known = dict(given or {})
    u = np.full(len(data.space), 0.5)
    used = set()
    for j, (name, param) in enumerate(data.space.params.items()):
        prior = param.unit_prior()
        if name in known:
            x, where = param.to_internal(known.pop(name)), "given"
        elif prior is not None:
            x, where = float(prior.best), "of the priors of the space"
        elif not np.isnan(data.first[j]):
            x, where = float(data.first[j]), "of the first trial"
        else:
            x, where = float(param.from_unit(np.array(0.5))), "of the middle of the range"
        used.add(where)
        u[j] = float(param.to_unit(np.array(x)))
    if known:
        name = next(iter(known))
        raise ValueError(
            f"default= has no parameter of the study named {shown(name)}{did_you_mean(name, data.space.names)} "
            f"(parameters: {listing(data.space.names)})"
        )
    order = ("given", "of the priors of the space", "of the first trial", "of the middle of the range")
    return u, "The default configuration has the values " + ", then ".join(w for w in order if w in used) + "."


def mixed(data: ImportanceData, base: Floats, other: Floats, taken: np.ndarray[Any, np.dtype[np.bool_]]) -> Floats:
    """Return unit coordinates [q, d], NaN where inactive: of `other` where taken, else of `base`.

    Args:
        base: unit coordinates [d] or [q, d], without NaN.
        other: the same.
        taken: where to take `other` [q, d].
    """
    space = data.space
    return space.to_unit(space.from_unit(np.where(taken, other, base)))
