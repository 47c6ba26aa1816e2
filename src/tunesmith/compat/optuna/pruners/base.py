"""The contract of a pruner as Optuna has it, and what all share that are this library's own."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.protocols import StudyLike
from tunesmith.pruners.base import Decision, Pruner


class BasePruner(ABC):
    """Decides whether a running trial stops; what programs subclass to decide themselves."""

    @abstractmethod
    def prune(self, study: StudyLike, trial: FrozenTrial) -> bool:
        """Tell whether a trial should stop, each time that the objective asks.

        Args:
            study: the study.
            trial: the trial so far, with its reports.

        Returns:
            Whether it should.
        """


class NativePruner(BasePruner):
    """One of this library's pruners under the name that it has in Optuna.

    A study runs it as its own. ``prune`` is for pruners that are built on it.

    Args:
        native: the pruner of `tunesmith.pruners`.

    Attributes:
        native: the pruner of `tunesmith.pruners`.
    """

    def __init__(self, native: Pruner) -> None:
        self.native = native

    @property
    def is_whole(self) -> bool:
        """Whether it is what its class was written as: a subclass may decide by itself."""
        return type(self).prune is NativePruner.prune

    def prune(self, study: StudyLike, trial: FrozenTrial) -> bool:
        """Tell whether a trial should stop, by the reports of all trials of the study."""
        step = trial.last_step
        if step is None:
            return False
        return self.native.decide(study.native.known_history.curves, trial.number, step) is not Decision.CONTINUE

    def __repr__(self) -> str:
        return f"{type(self).__name__}()"
