"""Made runs whose law is known."""

from __future__ import annotations

from typing import Any

import numpy as np

SCALES = [(n, d) for n in (3e7, 1e8, 3e8) for d in (1e9, 4e9, 1.6e10)]
SLOPES = {("lr", "params"): -0.5, ("lr", "tokens"): 0.2, ("bs", "params"): 0.0, ("bs", "tokens"): 0.5}
E, A, ALPHA, B, BETA = 1.7, 90.0, 0.3, 500.0, 0.32


def optimum(params: float, tokens: float) -> tuple[float, float]:
    """Return the best learning rate and batch size."""
    return 0.003 * (params / 1e8) ** -0.5 * (tokens / 4e9) ** 0.2, 128 * (tokens / 4e9) ** 0.5


def lowest(params: float, tokens: float) -> float:
    """Return the loss at the optimum."""
    return E + A * params**-ALPHA + B * tokens**-BETA


def made_runs(
    seed: int = 0, n: int = 14, scales: list[tuple[float, float]] = SCALES, between: float = 0.05, noise: float = 0.002
) -> dict[str, Any]:
    """Return n random runs a scale; the bowl is steep towards high learning rates."""
    rng = np.random.default_rng(seed)
    rows = []
    for params, tokens in scales:
        lr, bs = optimum(params, tokens) * np.exp(between * rng.standard_normal(2))
        for u, v in rng.uniform(-1.5, 1.5, (n, 2)):
            excess = 0.02 * (np.expm1(1.5 * u) - 1.5 * u) + 0.015 * v * v - 0.008 * u * v
            loss = lowest(params, tokens) + excess + noise * rng.standard_normal()
            rows.append((params, tokens, lr * np.exp(u), bs * np.exp(v), loss))
    return dict(zip(("params", "tokens", "lr", "bs", "loss"), np.array(rows).T, strict=True))
