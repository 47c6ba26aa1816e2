"""The Matérn-5/2 kernel on scaled features.

Symbols: a point's features z[F] are divided by the lengthscales of their groups, giving a = z / ℓ; r is the Euclidean
distance of two such rows; k(r) = (1 + √5 r + 5/3 r²) exp(-√5 r) (Rasmussen & Williams, 2006, eq. 4.17).
"""

from __future__ import annotations

import math

import numpy as np

from tunesmith.numerics.arrays import Floats

ROOT5 = math.sqrt(5.0)


def square_distances(a: Floats, b: Floats) -> Floats:
    """Return r²[n, q] between rows of a[n, F] and b[q, F], by one matrix product."""
    r2 = a @ b.T
    r2 *= -2.0
    r2 += np.einsum("ij,ij->i", a, a)[:, None]
    r2 += np.einsum("ij,ij->i", b, b)
    return np.maximum(r2, 0.0, out=r2)


def matern52(r2: Floats) -> tuple[Floats, Floats]:
    """Return k(r) and e(r) = (1 + √5 r) exp(-√5 r), both shaped as r².

    The slope is ∂k/∂r² = -5/6 e(r): finite at r = 0, which is why it is taken with respect to r² and not r.
    """
    r = np.sqrt(r2)
    r *= ROOT5
    decay = np.exp(-r)
    r += 1.0
    e = r * decay
    k = np.multiply(r2, 5.0 / 3.0, out=r)
    k *= decay
    k += e
    return k, e
