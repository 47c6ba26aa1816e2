"""The loss law: what the best run of a scale reaches, L = E + Σ A_i · s_i^(−α_i), with intervals.

The third approach of Chinchilla (Hoffmann et al., arXiv 2203.15556): a robust fit of log losses from several starts.
Added to it: neighbouring scales err together, so the residuals are correlated (an exponential of the squared distance
of log scales, its size and reach by maximum likelihood), which is what makes the intervals of extrapolations honest.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import product
from typing import NamedTuple

import numpy as np
from scipy.stats import norm

from tunesmith.errors import ScalingError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.text import printable

DRAWS = 512
EXPONENT = (0.35, 0.15)  # prior of α: mean and standard deviation (published ones: 0.28 to 0.5)
FLOOR = (0.6, 0.3)  # prior of E, in lowest losses
HEIGHT = 3.0  # standard deviation of A's prior at the middle scale, in spreads of the losses
DEPARTURE = 0.004  # standard deviation of the prior of a product of two log scales, in lowest losses
GRID = (1, 41, 21, 9, 5)  # values of each exponent, by the number of scale variables
LEFT_OUT = (4.0, 2.0)  # the calibration fits to what is so many times smaller than the largest scale
PRIOR_SCALES = 4.0  # that the calibration's ratio of variances is drawn to 1 by
ON_A_LINE = 0.02  # parts of their spread that scales may lie beside it
HUBER = 2.0  # a residual beyond so many standard deviations is an error of that scale
REACHES = (0.7, 2.0)  # of the correlation, in log scale
SIZES = (0.0005, 0.002, 0.006, 0.02)  # of what the law misses, in lowest losses


@dataclass(frozen=True, eq=False)
class LossLaw:
    """A fitted loss law.

    Symbols: q scale variables, m draws of the coefficients.

    Attributes:
        scale: names of the scale variables.
        irreducible: E of each draw [m].
        factors: A of each draw [m, q], in the users' units.
        exponents: α of each draw [m, q].
        departures: coefficients of the products of two log scales around `centre` [m, q (q + 1) / 2].
        centre: mean log scale [q].
        misfit: standard deviation of a scale's lowest loss around the law.
        scales: that it was fitted to [s, q].
        inflation: deviations of the predicted losses from their median are multiplied by it.
    """

    scale: tuple[str, ...]
    irreducible: Floats
    factors: Floats
    exponents: Floats
    departures: Floats
    centre: Floats
    misfit: float
    scales: Floats
    inflation: float = 1.0

    @checked()
    def draws(self, scales: Floats) -> Floats:
        """Return draws of the lowest loss at scales [m, r].

        Args:
            scales: in the users' units [r, q].
        """
        logs = np.log(scales)
        terms = np.exp(np.log(self.factors)[:, None] - self.exponents[:, None] * logs)
        mean = self.irreducible[:, None] + terms.sum(axis=2) + self.departures @ _products(logs - self.centre).T
        drawn = mean + self.misfit * np.random.default_rng(1).standard_normal(mean.shape)
        middle = np.median(mean, axis=0)
        return np.asarray(middle + self.inflation * (drawn - middle))

    @property
    def coefficients(self) -> dict[str, tuple[float, tuple[float, float]]]:
        """E, and A and α of each scale variable: median and 95 % interval."""
        columns = {"E": self.irreducible}
        for i, name in enumerate(self.scale):
            columns[f"A {name}"], columns[f"alpha {name}"] = self.factors[:, i], self.exponents[:, i]
        return {name: _summary(column) for name, column in columns.items()}

    @checked()
    def compute_optimal(self, flop: float, per_token: float = 6.0) -> dict[str, tuple[float, tuple[float, float]]]:
        """Return the split of a budget between two scale variables with the least loss, with 95 % intervals.

        Args:
            flop: the budget; ``per_token * params * tokens`` of it are used.
            per_token: operations for each parameter and token; 6 for a dense transformer.

        Returns:
            each scale variable and "loss": median and interval.

        Raises:
            ScalingError: there are not two scale variables, the budget is not above 0, or a variable spans less than
                a factor of four.
        """
        if len(self.scale) != 2:
            raise ScalingError(
                f"a budget is split between two scale variables; the law has {', '.join(map(printable, self.scale))}"
            )
        if not (np.isfinite(flop) and flop > 0 and per_token > 0):
            raise ScalingError(f"a budget is finite and above 0; got {flop!r}, {per_token!r} a token")
        span = self.scales.max(axis=0) / self.scales.min(axis=0)
        if (span < 4).any():
            raise ScalingError(
                f"{printable(self.scale[int(span.argmin())])} spans less than a factor of 4: that gives no split"
            )
        total = np.log(flop / per_token)
        a, b = self.exponents.T
        first = (np.log(a * self.factors[:, 0]) - np.log(b * self.factors[:, 1]) + b * total) / (a + b)
        split = np.exp(np.column_stack([first, total - first]))
        terms = (self.factors * split**-self.exponents).sum(axis=1)
        named = {name: _summary(split[:, i]) for i, name in enumerate(self.scale)}
        return {**named, "loss": _summary(self.irreducible + terms)}


def _summary(column: Floats) -> tuple[float, tuple[float, float]]:
    low, middle, high = np.quantile(column, [0.025, 0.5, 0.975])
    return float(middle), (float(low), float(high))


def fit_loss(scale: tuple[str, ...], scales: Floats, level: Floats, error: Floats) -> LossLaw | None:
    """Fit the loss law, and inflate its intervals until they cover the largest scales when these are left out.

    Args:
        scale: names of the scale variables [q].
        scales: [s, q].
        level: lowest loss of each scale [s].
        error: its standard deviation [s].

    Returns:
        the law; None: losses below 0, or fewer scales than the directions in which they lie have coefficients.
    """
    law = _fit(scale, scales, level, error)
    size = scales.prod(axis=1)
    for factor in LEFT_OUT:
        small = size <= size.max() / factor * (1 + 1e-9)
        part = None if law is None else _fit(scale, scales[small], level[small], error[small])
        if law is not None and part is not None:
            seen = part.draws(scales[~small])
            squares = ((np.median(seen, axis=0) - level[~small]) ** 2) / (seen.var(axis=0) + error[~small] ** 2)
            ratio = (PRIOR_SCALES + squares.sum()) / (PRIOR_SCALES + len(squares))
            return replace(law, inflation=float(np.sqrt(max(1.0, ratio))))
    return law


def _fit(scale: tuple[str, ...], scales: Floats, level: Floats, error: Floats) -> LossLaw | None:
    """Fit the loss law without calibration.

    For given exponents the law is linear in E and A, so its posterior is a normal distribution cut off at 0; the
    exponents are a grid.
    """
    if len(level) < 3:  # two points give no curve
        return None
    q = len(scale)
    logs = np.log(scales)
    centre = logs.mean(axis=0)
    x = logs - centre
    # Scales on a line (tokens = 20 params) are as many as of one variable; the priors say the rest.
    if (level <= 0).any() or len(level) < 2 + np.linalg.matrix_rank(x, tol=ON_A_LINE * np.linalg.norm(x)):
        return None
    lowest, spread = float(level.min()), max(float(np.ptp(level)), 1e-6)
    products = _products(x)
    n_products = products.shape[1]
    prior_mean = np.array([FLOOR[0] * lowest, *[spread] * q, *[0.0] * n_products])
    prior_sd = np.array([FLOOR[1] * lowest, *[HEIGHT * spread] * q, *[DEPARTURE * lowest] * n_products])
    steps = norm.ppf((np.arange(GRID[q] if q < len(GRID) else GRID[-1]) + 0.5) / GRID[min(q, len(GRID) - 1)])
    alphas = np.array(list(product(np.maximum(EXPONENT[0] + EXPONENT[1] * steps, 0.02), repeat=q)))
    ones, rest_of = np.ones((len(alphas), len(x), 1)), np.broadcast_to(products, (len(alphas), *products.shape))
    sides = np.concatenate([ones, np.exp(-alphas[:, None] * x), rest_of], axis=2)  # [g, s, 1 + q + products]
    distance = ((x[:, None] - x[None]) ** 2).sum(axis=2)
    own = np.maximum(error, 1e-6 * lowest)
    first = _most_likely(sides, level, distance, own, prior_mean, prior_sd)
    middle = int(first.evidence.argmax())
    rest = np.abs(level - sides[middle] @ first.mean[middle])
    scatter = max(float(np.median(rest)) / 0.6745, float(np.median(own)))
    own = np.hypot(own, np.maximum(rest - HUBER * scatter, 0.0))  # an outlying scale has an error that admits it
    evidence, mean, covariance, misfit = _most_likely(sides, level, distance, own, prior_mean, prior_sd)
    weight = np.exp(evidence - evidence.max())
    rng = np.random.default_rng(0)
    which = np.sort(rng.choice(len(alphas), size=8 * DRAWS, p=weight / weight.sum()))
    root = np.linalg.cholesky(covariance)
    drawn = mean[which] + np.einsum("gij,gj->gi", root[which], rng.standard_normal((len(which), len(prior_mean))))
    inside = (drawn[:, : 1 + q] > 0).all(axis=1)
    if not inside.any():
        return None
    kept = rng.permutation(np.flatnonzero(inside))[:DRAWS]
    exponents = alphas[which[kept]]
    return LossLaw(
        scale,
        drawn[kept, 0],
        drawn[kept, 1 : 1 + q] * np.exp(exponents * centre),
        exponents,
        drawn[kept, 1 + q :],
        centre,
        misfit,
        scales,
    )


class _Posterior(NamedTuple):
    """The coefficients for each exponent: log evidence [g], mean [g, c], covariance [g, c, c], and the misfit."""

    evidence: Floats
    mean: Floats
    covariance: Floats
    misfit: float


def _most_likely(
    sides: Floats, level: Floats, distance: Floats, own: Floats, prior_mean: Floats, prior_sd: Floats
) -> _Posterior:
    """Return the posterior with the size and reach of the correlated residuals that are most likely."""
    fits = []
    for size, reach in product(SIZES, REACHES):
        misfit = size * float(level.min())
        noise = misfit**2 * np.exp(-distance / (2 * reach**2)) + np.diag(own**2 + (0.3 * misfit) ** 2)
        inverse = np.linalg.inv(noise)
        weighted = sides.transpose(0, 2, 1) @ inverse
        precision = weighted @ sides + np.diag(prior_sd**-2)
        side = weighted @ level + prior_mean * prior_sd**-2
        covariance = np.asarray(np.linalg.inv(precision), np.float64)
        mean = (covariance @ side[:, :, None])[:, :, 0]
        rest = level @ inverse @ level + (prior_mean**2 * prior_sd**-2).sum() - (side * mean).sum(axis=1)
        evidence = -0.5 * (rest + np.linalg.slogdet(precision)[1] + np.linalg.slogdet(noise)[1])
        fits.append(_Posterior(evidence, mean, covariance, misfit))
    return max(fits, key=lambda fit: float(np.logaddexp.reduce(fit.evidence)))


def _products(x: Floats) -> Floats:
    """Return the products of two columns each, squares included [s, q (q + 1) / 2]."""
    i, j = np.triu_indices(x.shape[1])
    return np.asarray(x[:, i] * x[:, j])
