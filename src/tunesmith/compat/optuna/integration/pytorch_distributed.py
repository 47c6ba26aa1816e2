"""Optuna's trial for distributed training, on `tunesmith.integrations.torch_distributed`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, cast

from tunesmith.compat.optuna.names import refuser
from tunesmith.integrations.torch_distributed import DistributedTrial

__all__ = ["TorchDistributedTrial"]


class TorchDistributedTrial(DistributedTrial):
    """A trial that several processes run together: rank 0 has it, and all others do as it says.

    All processes make it and call its methods in the same order.

    Args:
        trial: the running trial in rank 0; None in the other ranks.
        group: the process group; None: all processes.
    """

    def __init__(self, trial: Any = None, group: Any = None) -> None:
        super().__init__(trial, group)

    def suggest_int(self, name: str, low: int, high: int, step: int = 1, log: bool = False) -> int:
        """Return the value of a parameter, the same in all ranks.

        Args:
            name: its name.
            low: the lowest value.
            high: the highest.
            step: between values.
            log: whether factors count.

        Returns:
            The value.
        """
        return super().suggest_int(name, low, high, step=step, log=log)

    def suggest_uniform(self, name: str, low: float, high: float) -> float:
        """Return what ``suggest_float(name, low, high)`` does; an old name.

        Args:
            name: its name.
            low: the lowest value.
            high: the highest.

        Returns:
            The value.
        """
        return self.suggest_float(name, low, high)

    def suggest_loguniform(self, name: str, low: float, high: float) -> float:
        """Return what ``suggest_float(name, low, high, log=True)`` does; an old name.

        Args:
            name: its name.
            low: the lowest value.
            high: the highest.

        Returns:
            The value.
        """
        return self.suggest_float(name, low, high, log=True)

    def suggest_discrete_uniform(self, name: str, low: float, high: float, q: float) -> float:
        """Return what ``suggest_float(name, low, high, step=q)`` does; an old name.

        Args:
            name: its name.
            low: the lowest value.
            high: the highest.
            q: between values.

        Returns:
            The value.
        """
        return self.suggest_float(name, low, high, step=q)

    def report(self, value: float, step: int, cost: float | None = None) -> None:
        """Report how the objective stands after a step: the value of rank 0.

        Args:
            value: the objective's value by now.
            step: an epoch, from 0.
            cost: not used.
        """
        self._shared(lambda trial: trial.report(value, step))

    def set_constraint(self, key: str, value: float) -> None:
        """Set a constraint: that of rank 0.

        Args:
            key: its name.
            value: feasible where it is at most 0.
        """
        self._shared(lambda trial: trial.set_constraint(key, value))

    @property
    def distributions(self) -> Mapping[str, Any]:
        """The ranges and choices of the parameters so far, by name."""
        return dict(self._shared(lambda trial: dict(trial.distributions)))

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """The user attributes."""
        return dict(self._shared(lambda trial: dict(trial.user_attrs)))

    @property
    def constraints(self) -> Mapping[str, float]:
        """The constraints so far, by name."""
        return dict(self._shared(lambda trial: dict(trial.constraints or {})))

    @property
    def datetime_start(self) -> datetime | None:
        """When the trial began."""
        began: datetime | None = self._shared(lambda trial: cast(Any, trial).datetime_start)
        return began


__getattr__ = refuser(__name__, __all__)
