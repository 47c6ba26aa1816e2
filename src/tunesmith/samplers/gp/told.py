"""What a proposal is told to be, in words: the improvement that is expected of it, and what else the model knows."""

from __future__ import annotations

import math

from tunesmith.samplers.gp.context import SearchContext
from tunesmith.samplers.gp.transfer import TransferPosterior
from tunesmith.space.base import priors_of

MOST_NAMES = 4  # of parameters with priors that are listed


def improvement_in_words(gain: float, unit: str = "", of: str = "improvement") -> str:
    """Return an expected improvement in words.

    Args:
        gain: how much.
        unit: of what; empty: the unit of the objective.
        of: what improves.
    """
    return f"expected {of} {gain:.3g}" + (f" {unit}" if unit else "")


def knowledge_in_words(context: SearchContext, model: object) -> list[str]:
    """Return what the model knows besides the trials: the user's priors, and earlier studies that have weight.

    Args:
        context: what is known.
        model: by which a point was proposed.
    """
    told = []
    params = context.space.params
    if context.prior_weight:
        names = [context.space.names[j] for j in priors_of(list(params.values()))]
        more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
        told.append(
            f"priors of {', '.join(names[:MOST_NAMES])}{more} with the weight {context.prior_weight.weight:.2g}"
        )
    if isinstance(model, TransferPosterior):
        told.append(f"warm start with the weight {math.fsum(model.b):.2g}")
    return told
