"""Kendall's τ, the agreement of two orders."""

from __future__ import annotations

import math


def tau_error(n: int) -> float:
    """Return the standard deviation of τ of n pairs where there is no order at all (Kendall, Biometrika 30, 1938).

    Args:
        n: at least 2.
    """
    return math.sqrt(2.0 * (2 * n + 5) / (9.0 * n * (n - 1)))
