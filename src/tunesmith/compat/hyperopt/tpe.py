"""Tree-structured Parzen estimators: tunesmith's `TPESampler`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tunesmith.compat.hyperopt.names import refuser
from tunesmith.compat.hyperopt.search import Proposer, suggested
from tunesmith.foundation.warnings import caution
from tunesmith.samplers import TPESampler

_default_prior_weight, _default_gamma = 1.0, 0.25  # Hyperopt's, which programs read
_default_n_startup_jobs, _default_n_EI_candidates = 20, 24
_INSTEAD = {
    "prior_weight": "the weight of the prior is 1",
    "gamma": "the share of good trials is 15 %, of at most 25 trials",
}


def proposer(
    prior_weight: float = _default_prior_weight,
    n_startup_jobs: int = _default_n_startup_jobs,
    n_EI_candidates: int = _default_n_EI_candidates,
    gamma: float = _default_gamma,
    verbose: bool = True,
) -> Proposer:
    """Return who proposes; the arguments are those of `suggest`."""
    for name, value, default in (
        ("prior_weight", prior_weight, _default_prior_weight),
        ("gamma", gamma, _default_gamma),
    ):
        if value != default:
            caution(f"tpe.suggest: {name}={value!r} is not followed: {_INSTEAD[name]}")
    startup, candidates = max(1, int(n_startup_jobs)), max(1, int(n_EI_candidates))
    sampler = TPESampler(n_startup_trials=startup, n_ei_candidates=candidates)
    return Proposer(f"tpe {startup} {candidates}", sampler)


def suggest(
    new_ids: Sequence[Any],
    domain: Any,
    trials: Any,
    seed: Any,
    prior_weight: float = _default_prior_weight,
    n_startup_jobs: int = _default_n_startup_jobs,
    n_EI_candidates: int = _default_n_EI_candidates,
    gamma: float = _default_gamma,
    verbose: bool = True,
) -> list[dict[str, Any]]:
    """Return documents with proposals.

    Args:
        new_ids: identities of the new trials.
        domain: has the space.
        trials: what is known.
        seed: of random numbers.
        prior_weight: not followed, with a warning: the weight of the prior is 1.
        n_startup_jobs: random trials before the model takes over; those without a loss count too.
        n_EI_candidates: draws of which the best one is proposed.
        gamma: not followed, with a warning: the share of good trials is 15 %, of at most 25 trials.
        verbose: without effect.

    Returns:
        the documents.
    """
    if len(trials.trials) >= n_startup_jobs:
        n_startup_jobs = 1  # our sampler counts trials with a value, and might never begin where most of them fail
    made = proposer(prior_weight, n_startup_jobs, n_EI_candidates, gamma, verbose)
    return suggested(new_ids, domain, trials, seed, made)


__getattr__ = refuser(__name__)
