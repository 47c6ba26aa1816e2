"""Optuna's module of progress bars, for programs that make one; ``optimize(show_progress_bar=True)`` has its own."""

from __future__ import annotations

from typing import Any

from tunesmith.caution import caution
from tunesmith.compat.optuna.names import refuser
from tunesmith.progress import ProgressLine

__all__: list[str] = []


class _ProgressBar:
    """A line that counts the trials of a study.

    Args:
        is_valid: whether it is shown.
        n_trials: how many there will be.
        timeout: seconds after which no trial begins any more.
    """

    def __init__(self, is_valid: bool, n_trials: int | None = None, timeout: float | None = None) -> None:
        if is_valid and n_trials is None and timeout is None:
            caution("no progress bar is shown: neither n_trials= nor timeout= is given")
            is_valid = False
        self._line = ProgressLine(n_trials, timeout=timeout) if is_valid else None

    def update(self, elapsed_seconds: float, study: Any) -> None:
        """Count one more trial.

        Args:
            elapsed_seconds: accepted for porting; the line has its own clock.
            study: the study, whose best trial is shown.
        """
        if self._line is None:
            return
        best = None if study._is_multi_objective() else study.native.engine.best()
        if best is not None:
            self._line.best = f"best {best.value:.6g} (trial {best.number})"
        self._line.advance()

    def close(self) -> None:
        """Show the last line."""
        if self._line is not None:
            self._line.close()


__getattr__ = refuser(__name__, __all__)
