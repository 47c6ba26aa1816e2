"""Annealing draws near good trials, and nearer as there are more; tunesmith has no such sampler, and uses TPE's."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.compat.guide import caution_once
from tunesmith.compat.hyperopt import tpe
from tunesmith.compat.hyperopt.names import refuser
from tunesmith.foundation.warnings import caution


def suggest(
    new_ids: Sequence[Any],
    domain: Any,
    trials: Any,
    seed: Any,
    avg_best_idx: float = 2.0,
    shrink_coef: float = 0.1,
) -> list[dict[str, Any]]:
    """Return documents with proposals of `tpe.suggest`.

    Args:
        avg_best_idx: not followed, with a warning.
        shrink_coef: not followed, with a warning.
    """
    caution_once("anneal.suggest", "there is no annealing here, tpe.suggest proposes in its place; write tpe.suggest")
    for name, value, default in (("avg_best_idx", avg_best_idx, 2.0), ("shrink_coef", shrink_coef, 0.1)):
        if value != default:
            caution(f"anneal.suggest: {name}={value!r} is not followed: tpe.suggest proposes in its place")
    return tpe.suggest(new_ids, domain, trials, seed)


__getattr__ = refuser(__name__)
