"""Adaptive TPE sets TPE's options by the problem: here the sampler "auto" chooses by the space and the trials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.compat.guide import caution_once
from tunesmith.compat.hyperopt.names import refuser
from tunesmith.compat.hyperopt.search import Proposer, suggested


def proposer() -> Proposer:
    """Return who proposes."""
    caution_once(
        "atpe.suggest", "there are no learned models here, the sampler 'auto' chooses by the space and the trials"
    )
    return Proposer("auto", "auto")


def suggest(new_ids: Sequence[Any], domain: Any, trials: Any, seed: Any) -> list[dict[str, Any]]:
    """Return documents with proposals."""
    return suggested(new_ids, domain, trials, seed, proposer())


__getattr__ = refuser(__name__)
