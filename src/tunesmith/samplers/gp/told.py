"""What a proposal is told to be, in words: the improvement that is expected of it, and what else the model knows."""

from __future__ import annotations

import math
from collections.abc import Collection

from tunesmith.samplers.gp.context import SearchContext
from tunesmith.samplers.gp.prior_weight import LEARNT
from tunesmith.samplers.gp.transfer import TransferPosterior
from tunesmith.space import Space
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


def design_in_words(space: Space, meanings: Collection[int]) -> str | None:
    """Return where the first points lie, if names say it.

    Args:
        space: the space.
        meanings: places of the parameters whose usual values are known.
    """
    return f"around usual values of {_listed(space, meanings)}" if meanings else None


def knowledge_in_words(context: SearchContext, model: object) -> list[str]:
    """Return what is known besides the trials: the user's priors, what names mean, and earlier studies with weight.

    Args:
        context: what is known.
        model: by which a point was proposed.
    """
    told = []
    weight = context.prior_weight.weight
    own = priors_of(list(context.space.params.values()))
    for of, which, share in (("priors", own, 1.0), ("usual values", context.meanings, LEARNT)):
        if which:
            told.append(f"{of} of {_listed(context.space, which)} with the weight {share * weight:.2g}")
    if isinstance(model, TransferPosterior):
        told.append(f"warm start with the weight {math.fsum(model.b):.2g}")
    return told


def _listed(space: Space, places: Collection[int]) -> str:
    """Return the names of parameters, the first few of them."""
    names = [space.names[j] for j in places]
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
