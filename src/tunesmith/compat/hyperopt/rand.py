"""Random search: tunesmith's `RandomSampler`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.compat.hyperopt.names import refuser
from tunesmith.compat.hyperopt.search import Proposer, suggested


def proposer() -> Proposer:
    """Return who proposes."""
    return Proposer("rand", "random", as_drawn=True)


def suggest(new_ids: Sequence[Any], domain: Any, trials: Any, seed: Any) -> list[dict[str, Any]]:
    """Return documents with random points."""
    return suggested(new_ids, domain, trials, seed, proposer())


__getattr__ = refuser(__name__)
