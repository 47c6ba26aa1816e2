"""Optuna's sampler on the package cma, by this library's own CMA-ES."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tunesmith.caution import caution
from tunesmith.compat.optuna.names import refuser
from tunesmith.compat.optuna.samplers import BaseSampler, CmaEsSampler

__all__ = ["PyCmaSampler"]


class PyCmaSampler(CmaEsSampler):
    """Adapts a normal distribution to the best points (CMA-ES); the package cma is not needed.

    Args:
        x0: where to begin, values by name.
        sigma0: as in ``CmaEsSampler``.
        cma_stds: not followed: the first steps are a part of each parameter's range.
        seed: of the random numbers; becomes the study's.
        cma_opts: not followed: they are options of the package cma.
        n_startup_trials: as in ``CmaEsSampler``.
        independent_sampler: as in ``CmaEsSampler``.
        warn_independent_sampling: there is no such warning.
    """

    def __init__(
        self,
        x0: dict[str, Any] | None = None,
        sigma0: float | None = None,
        cma_stds: Mapping[str, float] | None = None,
        seed: int | None = None,
        cma_opts: Mapping[str, Any] | None = None,
        n_startup_trials: int = 1,
        independent_sampler: BaseSampler | None = None,
        warn_independent_sampling: bool = True,
    ) -> None:
        for name, given in (("cma_stds", cma_stds), ("cma_opts", cma_opts)):
            if given:
                caution(f"PyCmaSampler: {name}= changes nothing, the search is this library's own CMA-ES")
        super().__init__(
            x0=x0,
            sigma0=sigma0,
            seed=seed,
            n_startup_trials=n_startup_trials,
            independent_sampler=independent_sampler,
            warn_independent_sampling=warn_independent_sampling,
        )


__getattr__ = refuser(__name__, __all__)
