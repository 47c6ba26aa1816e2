"""Which parameters decide whether a point is among the best of the space, where a model has to say what results are.

After a search that converged, hardly any trials lie elsewhere than near its best point. Trials alone cannot tell then
what decides: where one parameter has good values, all others have them too. The Gaussian process can, as far as the few
trials elsewhere show it.

Symbols: M points spread over the space, f[M, k] expected results there in each of k columns, σ²[k] variance of the
noise, γ the share of the space that counts as best, r(x) the probability that a result at x is among the best.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tunesmith.importance.base import ImportanceData
from tunesmith.importance.cells import Cells
from tunesmith.importance.model import N_BEST, Model, fitted, shuffled_models, spread_points, wider_draws
from tunesmith.importance.variance import main_variances
from tunesmith.numerics.arrays import Floats
from tunesmith.space.feature_map import FeatureMap

POINTS = 2_048
MOST_ROWS = (
    100  # trials of the model, so that 40 of shuffled values take a second; with more, the best and others by weight
)
DRAWS = 100
HALVINGS = 30  # of the interval in which the threshold of a result among the best is searched


def modelled_shares(
    data: ImportanceData, w: Floats, gamma: float, rng: np.random.Generator
) -> tuple[Floats, Floats, Floats]:
    """Return the shares that parameters decide [r], in posterior draws [b, r], and with shuffled values [s, r].

    Args:
        data: the trials.
        w: their weights [n]; where there are many, those of large weight are in the model.
        gamma: the share of the space that counts as best.
        rng: chooses trials, draws, and shuffles.
    """
    data = _fewer(data, w, rng)
    features = FeatureMap(data.space)
    u = spread_points(data.space, POINTS, rng)
    params = list(data.space.params.values())
    cells = [Cells.make(params[j], u[:, j]) for j in data.wanted]
    model, _ = fitted(data, features, rng, of_good=False)
    model.draw(DRAWS, rng)
    free = max(1, model.n - len(params) - 1)
    noise = model.noise_variance(u) * np.append(1.0, free / rng.chisquare(free, DRAWS))
    found = _shares(cells, model.relative(u), noise, gamma)

    def value(other: Model) -> Floats:
        own: Floats = _shares(cells, other.relative(u), np.array([other.noise_variance(u)]), gamma)[0]
        return own

    nulls = np.array([value(other) for other, _, _ in shuffled_models(data, features, model.warped, rng)])
    return found[0], wider_draws(found[1:], value, data, features, model.warped, rng), nulls


def _fewer(data: ImportanceData, w: Floats, rng: np.random.Generator) -> ImportanceData:
    """Return the data with MOST_ROWS trials at most: the best ones, and others by their weights w[n]."""
    if len(data.y) <= MOST_ROWS:
        return data
    order = np.argsort(data.y, kind="stable")
    others = order[N_BEST:]
    drawn = rng.choice(others, MOST_ROWS - N_BEST, replace=False, p=w[others] / w[others].sum())
    rows = np.sort(np.concatenate([order[:N_BEST], drawn]))
    return replace(data, u=data.u[rows], y=data.y[rows])


def _shares(cells: list[Cells], f: Floats, noise: Floats, gamma: float) -> Floats:
    """Return the shares [k, r] of the variance of "is a result among the best?", γ (1 - γ), that parameters explain."""
    shares: Floats = main_variances(cells, among_best(f, noise, gamma)) / (gamma * (1.0 - gamma))
    return shares


def among_best(f: Floats, noise: Floats, gamma: float) -> Floats:
    """Return the probability r(x) that a result is among the best [M, k]; its mean over the points is γ.

    Args:
        f: expected results at the points [M, k], less is better.
        noise: the variance of a result around them [k].
        gamma: γ.
    """
    from scipy.special import ndtr

    sd = np.maximum(np.sqrt(noise), 1e-9 * (np.abs(f).max(axis=0) + 1e-300))
    low, high = f.min(axis=0) - 9.0 * sd, f.max(axis=0) + 9.0 * sd
    for _ in range(HALVINGS):
        middle = 0.5 * (low + high)
        above = ndtr((middle - f) / sd).mean(axis=0) > gamma
        low, high = np.where(above, low, middle), np.where(above, middle, high)
    return np.asarray(ndtr((high - f) / sd))
