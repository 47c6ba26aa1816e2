"""What the callbacks for training libraries share: a report, the question whether to stop, and steps from 0.

Optuna's callbacks count rounds and epochs from 0, those of `tunesmith.integrations` from 1; pruners of a program that
comes from there are set up for the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tunesmith.errors import MissingDependencyError, TrialPruned


def report(trial: Any, value: Any, step: int, unit: str = "epoch") -> None:
    """Report a value, and stop the trial if the pruner says so.

    Args:
        trial: the running trial.
        value: the objective by now.
        step: from 0.
        unit: what a step is, for the reason that is kept.

    Raises:
        TrialPruned: the trial is to stop.
    """
    trial.report(float(value), step=step)
    if trial.should_prune():
        raise TrialPruned(f"Trial was pruned at {unit} {step}.")


class FromZero:
    """A running trial as `tunesmith.integrations` see it, whose first step, 1, is reported as 0.

    Args:
        trial: the trial.

    Attributes:
        last: the last step that was reported; -1: none.
    """

    def __init__(self, trial: Any) -> None:
        self._trial = trial
        self.last = -1

    def report(self, value: float, step: int, cost: float | None = None) -> None:
        """Report a value.

        Args:
            value: the objective by now.
            step: from 1.
            cost: not used.
        """
        self.last = step - 1
        self._trial.report(value, self.last)

    def should_prune(self) -> bool:
        """Tell whether to stop."""
        return bool(self._trial.should_prune())

    @contextmanager
    def reasons(self) -> Iterator[None]:
        """Say of a trial that is stopped here after which round that was."""
        try:
            yield
        except TrialPruned as error:
            raise TrialPruned(f"Trial was pruned at iteration {self.last}.") from error


def needed(name: str, package: str, error: ImportError) -> MissingDependencyError:
    """Return the error for a callback whose library is not installed.

    Args:
        name: of the callback.
        package: what to install.
        error: what its import raised.
    """
    return MissingDependencyError(f"{name} needs {package}: pip install {package} ({error})")
