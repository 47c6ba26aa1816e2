"""Random draws in expressions, and `sample`: a random point of a space."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.names import refuser
from tunesmith.compat.hyperopt.pyll.base import Apply, as_apply, clone, dfs, rec_eval, scope

Rng = np.random.Generator


def rng_from_seed(seed: int) -> Rng:
    """Return a random number generator."""
    return np.random.default_rng(seed)


def uniform(low: float, high: float, rng: Any = None, size: Any = ()) -> Any:
    """Draw uniformly between two numbers."""
    return rng.uniform(low, high, size=size)


def loguniform(low: float, high: float, rng: Any = None, size: Any = ()) -> Any:
    """Draw exp(u), u uniform between two numbers."""
    return np.exp(rng.uniform(low, high, size=size))


def quniform(low: float, high: float, q: float, rng: Any = None, size: Any = ()) -> Any:
    """Draw uniformly, rounded to a multiple of q."""
    return quantised(rng.uniform(low, high, size=size), q)


def qloguniform(low: float, high: float, q: float, rng: Any = None, size: Any = ()) -> Any:
    """Draw exp(u), u uniform, rounded to a multiple of q."""
    return quantised(np.exp(rng.uniform(low, high, size=size)), q)


def normal(mu: float, sigma: float, rng: Any = None, size: Any = ()) -> Any:
    """Draw from a normal distribution."""
    return rng.normal(mu, sigma, size=size)


def qnormal(mu: float, sigma: float, q: float, rng: Any = None, size: Any = ()) -> Any:
    """Draw from a normal distribution, rounded to a multiple of q."""
    return quantised(rng.normal(mu, sigma, size=size), q)


def lognormal(mu: float, sigma: float, rng: Any = None, size: Any = ()) -> Any:
    """Draw exp(z), z normal."""
    return np.exp(rng.normal(mu, sigma, size=size))


def qlognormal(mu: float, sigma: float, q: float, rng: Any = None, size: Any = ()) -> Any:
    """Draw exp(z), z normal, rounded to a multiple of q."""
    return quantised(np.exp(rng.normal(mu, sigma, size=size)), q)


def randint(low: int, high: int | None = None, rng: Any = None, size: Any = ()) -> Any:
    """Draw a whole number from low to high - 1, or below low if that is the only one."""
    return rng.integers(low, high, size)


def categorical(p: Any, rng: Any = None, size: Any = ()) -> Any:
    """Draw i with probability p[i]."""
    p = np.asarray(p, dtype=float)
    return rng.choice(len(p), size=size or None, p=p / p.sum())


def quantised(x: Any, q: float) -> Any:
    """Return the multiple of q that is next to x."""
    return np.round(x / q) * q


DRAW_FUNCTIONS: dict[str, Callable[..., Any]] = {
    f.__name__: f
    for f in (
        uniform, loguniform, quniform, qloguniform, normal, qnormal, lognormal, qlognormal, randint, categorical,
    )
}  # fmt: skip
scope.functions.update({**DRAW_FUNCTIONS, "rng_from_seed": rng_from_seed})


def recursive_set_rng_kwarg(expr: Apply, rng: Any = None) -> Apply:
    """Let all random draws in an expression use one generator; the expression itself is changed.

    Args:
        rng: the generator, or an expression that makes it; None: a new one.
    """
    generator = as_apply(np.random.default_rng() if rng is None else rng)
    for node in dfs(expr):
        if node.name in DRAW_FUNCTIONS:
            node.set_kwarg("rng", generator)
    return expr


def sample(expr: Any, rng: Any = None) -> Any:
    """Return a random point of a space.

    Args:
        rng: a `numpy.random.Generator`; None: a new one.

    Returns:
        the point, as an objective would get it.
    """
    return rec_eval(recursive_set_rng_kwarg(clone(as_apply(expr)), rng))


__getattr__ = refuser(__name__)
