"""Priors: a user's belief about good values of a parameter, as a density over the unit interval.

Symbols: u[n] unit coordinates, v[n] uniform random numbers, k number of choices, p[k] probabilities. Densities are
relative to the uniform one, which is 1 everywhere. Every prior has a uniform part, so that no value is ruled out.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np

from tunesmith.errors import SpaceError
from tunesmith.foundation.text import shown

if TYPE_CHECKING:
    from tunesmith.space.encoding import FloatArray

PRIOR_UNIFORM_SHARE = 0.1  # the uniform part of every prior
DEFAULT_PRIOR_WIDTH = 0.25  # standard deviation in the unit interval, where the user gives none
# The probability of a choice that is given without a weight; the rest is spread over all choices.
CHOICE_WITHOUT_WEIGHT = 0.5


class UnitPrior(Protocol):
    """A density over the unit interval.

    Attributes:
        best: the internal value that is believed best.
    """

    best: float

    def log_density(self, u: FloatArray) -> FloatArray:
        """Return the logarithm of the density [n] at u[n]."""

    def slope(self, u: FloatArray) -> FloatArray:
        """Return the derivative [n] of the log density at u[n]; 0 for choices."""

    def draw(self, v: FloatArray) -> FloatArray:
        """Return unit coordinates [n] distributed as the density, from uniform numbers v[n]."""


class NormalPrior(UnitPrior):
    """A normal density cut to [0, 1], mixed with the uniform one: 0.9 · N(centre, sd²) / mass + 0.1.

    Args:
        best: the internal value at the centre.
        centre: its unit coordinate.
        sd: standard deviation in the unit interval.
        cell: width of a cell of a lattice, 0 where continuous; its own spread, cell² / 12, is added to sd².
    """

    __slots__ = ("_low", "_mass", "best", "centre", "sd")

    def __init__(self, best: float, centre: float, sd: float, cell: float) -> None:
        self.best, self.centre = best, centre
        self.sd = math.sqrt(max(sd, 1e-6) ** 2 + cell * cell / 12.0)
        self._low = _normal_cdf(-centre / self.sd)
        self._mass = _normal_cdf((1.0 - centre) / self.sd) - self._low

    @classmethod
    def stack(cls, priors: Sequence[NormalPrior]) -> NormalPrior:
        """Return several in one, whose densities and slopes are those at u[n, k], column by column."""
        stacked: Any = object.__new__(cls)
        for name in cls.__slots__:
            setattr(stacked, name, np.array([getattr(prior, name) for prior in priors]))
        return cast("NormalPrior", stacked)

    def _bell(self, u: FloatArray) -> FloatArray:
        z = (u - self.centre) / self.sd
        height = (1.0 - PRIOR_UNIFORM_SHARE) / (self.sd * math.sqrt(2.0 * math.pi) * self._mass)
        bell: FloatArray = height * np.exp(-0.5 * z * z)
        return bell

    def log_density(self, u: FloatArray) -> FloatArray:
        result: FloatArray = np.log(self._bell(u) + PRIOR_UNIFORM_SHARE)
        return result

    def slope(self, u: FloatArray) -> FloatArray:
        bell = self._bell(u)
        result: FloatArray = bell / (bell + PRIOR_UNIFORM_SHARE) * (self.centre - u) / self.sd**2
        return result

    def draw(self, v: FloatArray) -> FloatArray:
        from scipy.special import ndtri

        sure = (v - PRIOR_UNIFORM_SHARE) / (1.0 - PRIOR_UNIFORM_SHARE)
        z = ndtri(self._low + np.clip(sure, 0.0, 1.0) * self._mass)
        return np.where(v < PRIOR_UNIFORM_SHARE, v / PRIOR_UNIFORM_SHARE, np.clip(self.centre + self.sd * z, 0.0, 1.0))


class WeightedPrior(UnitPrior):
    """Probabilities p[k] of choices, k cells of equal width."""

    __slots__ = ("best", "p")

    def __init__(self, p: FloatArray) -> None:
        self.p = p
        self.best = float(np.argmax(p))

    def log_density(self, u: FloatArray) -> FloatArray:
        k = len(self.p)
        cell = np.minimum(u * k, k - 1).astype(np.intp)
        return np.asarray(np.log(self.p * k)[cell])

    def slope(self, u: FloatArray) -> FloatArray:
        return np.zeros_like(u)

    def draw(self, v: FloatArray) -> FloatArray:
        k = len(self.p)
        cell = np.minimum(np.searchsorted(np.cumsum(self.p), v, side="right"), k - 1)
        return np.asarray((cell + 0.5) / k)


def weighted(prior: int | Sequence[float], k: int) -> WeightedPrior:
    """Return the prior of k choices: one of them, by its index, or a weight for each."""
    if isinstance(prior, int):
        p = np.full(k, (1.0 - CHOICE_WITHOUT_WEIGHT) / k)
        p[prior] += CHOICE_WITHOUT_WEIGHT
        return WeightedPrior(p)
    w = np.asarray(prior, dtype=np.float64)
    return WeightedPrior((1.0 - PRIOR_UNIFORM_SHARE) * w / w.sum() + PRIOR_UNIFORM_SHARE / k)


def read_width(width: object, log: bool) -> float:
    """Return the width as a float."""
    number = isinstance(width, (int, float, np.integer, np.floating)) and not isinstance(width, bool)
    value = float(width) if number else math.nan  # type: ignore[arg-type]  # number says that it is one
    if not (1.0 if log else 0.0) < value < math.inf:
        meant = "a factor > 1 (with log, one standard deviation up or down)" if log else "a finite number > 0"
        raise SpaceError(f"prior_width must be {meant}, got {shown(width)}")
    return value


def _normal_cdf(z: float) -> float:
    return 0.5 * math.erfc(-z / math.sqrt(2.0))
