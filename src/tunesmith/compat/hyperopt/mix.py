"""A random choice among algorithms for each trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tunesmith.compat.hyperopt.search import seed_of


def suggest(
    new_ids: Sequence[Any],
    domain: Any,
    trials: Any,
    seed: Any,
    p_suggest: Sequence[tuple[float, Callable[..., Any]]],
) -> list[dict[str, Any]]:
    """Return documents with proposals of one of some algorithms.

    Args:
        p_suggest: pairs of a probability and an algorithm; the probabilities add up to 1.

    Raises:
        ValueError: the probabilities do not add up to 1.
    """
    weights = np.array([p for p, _ in p_suggest], dtype=float)
    if not np.isclose(weights.sum(), 1.0, atol=1e-3):
        raise ValueError(f"the probabilities of p_suggest must add up to 1; got {weights.tolist()}")
    number = seed_of(seed)
    rng = np.random.default_rng(number)
    chosen = p_suggest[int(rng.choice(len(weights), p=weights / weights.sum()))][1]
    documents: list[dict[str, Any]] = chosen(new_ids, domain, trials, number)
    return documents
