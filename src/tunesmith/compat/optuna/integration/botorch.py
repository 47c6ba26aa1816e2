"""Optuna's `BoTorchSampler`, by this library's Gaussian process, which needs no BoTorch."""

from __future__ import annotations

from typing import Any

from tunesmith.caution import caution
from tunesmith.compat.optuna.samplers.base import BaseSampler, ConstraintsFunc
from tunesmith.compat.optuna.samplers.model_based import GPSampler

__all__ = ["BoTorchSampler"]


class BoTorchSampler(GPSampler):
    """Proposes where a Gaussian process expects the largest improvement.

    Args:
        candidates_func: not followed: the model and what is expected of it are this library's own.
        constraints_func: from a trial that ended, the values of its constraints.
        n_startup_trials: first points, spread evenly.
        consider_running_trials: always.
        independent_sampler: as in ``GPSampler``.
        seed: of the random numbers; becomes the study's.
        device: not followed: it runs on the processor.
        trace_gradient: not followed.
    """

    def __init__(
        self,
        *,
        candidates_func: Any = None,
        constraints_func: ConstraintsFunc | None = None,
        n_startup_trials: int = 10,
        consider_running_trials: bool = False,
        independent_sampler: BaseSampler | None = None,
        seed: int | None = None,
        device: Any = None,
        trace_gradient: bool = False,
    ) -> None:
        if candidates_func is not None:
            caution("BoTorchSampler: candidates_func= is not followed: the model is this library's own")
        super().__init__(
            seed=seed,
            independent_sampler=independent_sampler,
            n_startup_trials=n_startup_trials,
            constraints_func=constraints_func,
        )
