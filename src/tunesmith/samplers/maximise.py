"""Where an acquisition function is largest in a mixed, conditional space.

Quasi-random points and perturbations of the best observations, then rounds of ever smaller perturbations of the
leaders, then one batched L-BFGS-B over the ordered coordinates of the best few.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from tunesmith.samplers.features import Features

Floats = NDArray[np.float64]
N_SPREAD = 512  # quasi-random candidates
N_NEAR = 40  # perturbations of each incumbent
ROUNDS = (0.1, 0.03, 0.01, 0.003)  # step sizes in the unit cube
N_LEADERS, N_STEPS = 8, 25
N_STARTS, N_ITERATIONS = 4, 20


class Acquisition(Protocol):
    """A function of features z[q, F] that is to be made large."""

    def value(self, z: Floats) -> Floats:
        """Return the values [q]."""

    def gradient(self, z: Floats) -> tuple[Floats, Floats] | None:
        """Return the values [q] and gradients [q, F]; None if there is no gradient."""


class Points(Protocol):
    """What is searched: a space, or a part of one."""

    @property
    def constraints(self) -> Sequence[object]:
        """Its constraints, if it has any."""

    def __len__(self) -> int:
        """Return the number of parameters d."""

    def from_unit(self, u: Floats) -> Floats:
        """Return the internal values [q, d] at unit coordinates [q, d]."""

    def to_unit(self, x: Floats) -> Floats:
        """Return the unit coordinates [q, d] of internal values [q, d]."""

    def feasible(self, x: Floats) -> NDArray[np.bool_]:
        """Tell which rows meet the constraints."""


def maximise(
    acquisition: Acquisition,
    space: Points,
    features: Features,
    incumbents: Floats,
    rng: np.random.Generator,
    is_taken: Callable[[Floats], NDArray[np.bool_]],
    box: tuple[Floats, Floats] | None = None,
) -> Floats | None:
    """Return internal values x[d] of the best point found that is feasible and not taken; None if there is none.

    Args:
        acquisition: what to maximise.
        space: the space, or a branch of it.
        features: its features.
        incumbents: unit coordinates [k, d] of good observations.
        rng: the source of randomness.
        is_taken: tells which rows of x[q, d] may not be proposed.
        box: lowest and highest unit coordinates [d] to look at (a trust region); categoricals are not bound by it.
    """
    d = len(space)
    low, high = box if box is not None else (np.zeros(d), np.ones(d))
    search = _Search(acquisition, space, features, rng, low, high)
    search.consider(low + _spread(d, rng) * (high - low))
    filled = np.nan_to_num(incumbents, nan=0.5)
    for step in (0.2, 0.05):
        search.consider(search.perturbed(np.repeat(filled, N_NEAR // 2, axis=0), step))
    for step in ROUNDS:
        search.consider(search.perturbed(np.repeat(search.best(N_LEADERS), N_STEPS, axis=0), step))
    refined = search.refined(N_STARTS)
    if refined is not None:
        search.consider(refined)
    return search.winner(is_taken)


def _spread(d: int, rng: np.random.Generator) -> Floats:
    """Return quasi-random points [N_SPREAD, d]: a fixed Sobol' sequence under a random shift (Cranley & Patterson)."""
    points: Floats = (_sobol(d) + rng.random(d)) % 1.0
    return points


_SOBOL: dict[int, Floats] = {}


def _sobol(d: int) -> Floats:
    if d not in _SOBOL:
        from scipy.stats import qmc

        _SOBOL[d] = (
            qmc.Sobol(d, scramble=True, seed=np.random.default_rng(0)).random(N_SPREAD)
            if d <= 21_201
            else np.random.default_rng(0).random((N_SPREAD, d))
        )
    return _SOBOL[d]


class _Search:
    """The candidates seen so far, with their values."""

    def __init__(
        self,
        acquisition: Acquisition,
        space: Points,
        features: Features,
        rng: np.random.Generator,
        low: Floats,
        high: Floats,
    ) -> None:
        self.acquisition, self.space, self.features, self.rng = acquisition, space, features, rng
        self.low, self.high = low, high
        self.x = np.empty((0, len(space)))
        self.u = np.empty((0, len(space)))
        self.value = np.empty(0)

    def consider(self, u: Floats) -> None:
        """Bring points of the unit cube [q, d] onto the space and value them."""
        x = self.space.from_unit(u)
        if self.space.constraints:
            x = x[self.space.feasible(x)]
        u = self.space.to_unit(x)
        value = self.acquisition.value(self.features(u)) if len(u) else np.empty(0)
        self.x, self.u = np.concatenate([self.x, x]), np.concatenate([self.u, u])
        self.value = np.concatenate([self.value, np.nan_to_num(value, nan=-np.inf)])

    def best(self, k: int) -> Floats:
        """Return the unit coordinates of the k best candidates, ½ where inactive."""
        return np.asarray(np.nan_to_num(self.u[np.argsort(-self.value, kind="stable")[:k]], nan=0.5))

    def perturbed(self, u: Floats, step: float) -> Floats:
        """Return each row of u[q, d] with some coordinates changed: two on average, one at least.

        Ordered ones move by a normal step, at least to the next cell of a lattice; categoricals are drawn anew.
        """
        q, d = int(u.shape[0]), int(u.shape[1])
        if not q or not d:
            return u
        rng, f = self.rng, self.features
        moved = rng.random((q, d)) < min(1.0, 2.0 / d)
        moved[np.arange(q), rng.integers(d, size=q)] = True
        change = step * rng.standard_normal((q, d))
        least = f.cell * (np.abs(change) < f.cell)
        change = np.where(least > 0, np.sign(change) * least, change)
        v = np.clip(u + change * moved, self.low, self.high)
        for j, _ in f.nominal:
            v[:, j] = np.where(moved[:, j], rng.random(q), u[:, j])
        return v

    def refined(self, k: int) -> Floats | None:
        """Return the k best candidates moved uphill along their ordered, active coordinates."""
        from scipy.optimize import minimize

        columns = self.features.ordered
        if not len(columns) or not len(self.u):
            return None
        start = self.u[np.argsort(-self.value, kind="stable")[:k]]
        z = self.features(start)
        if self.acquisition.gradient(z) is None:
            return None
        q, width = len(start), len(columns)
        free = ~np.isnan(start[:, columns])

        def downhill(flat: Floats) -> tuple[float, Floats]:
            z[:, :width] = np.where(free, flat.reshape(q, width), 0.5)
            found = self.acquisition.gradient(z)
            value, slope = found if found is not None else (np.zeros(q), np.zeros_like(z))
            return -float(value.sum()), -(slope[:, :width] * free).ravel()

        first = np.clip(np.nan_to_num(start[:, columns], nan=0.5), self.low[columns], self.high[columns])
        done = minimize(
            downhill,
            first.ravel(),
            jac=True,
            method="L-BFGS-B",
            bounds=list(zip(self.low[columns], self.high[columns], strict=True)) * q,
            options={"maxiter": N_ITERATIONS, "maxfun": N_ITERATIONS + 10},
        )
        u = np.nan_to_num(start, nan=0.5)
        u[:, columns] = np.where(free & np.isfinite(done.x.reshape(q, width)), done.x.reshape(q, width), first)
        return u

    def winner(self, is_taken: Callable[[Floats], NDArray[np.bool_]]) -> Floats | None:
        """Return x[d] of the best candidate that is not taken."""
        order = np.argsort(-self.value, kind="stable")
        for at in range(0, len(order), 64):
            block = order[at : at + 64]
            left = block[~is_taken(self.x[block])]
            if len(left):
                return np.asarray(self.x[left[0]])
        return None
