"""`TerminatorCallback`: lets a terminator end ``study.optimize``."""

from __future__ import annotations

from typing import Any

from tunesmith.compat.optuna import logging
from tunesmith.compat.optuna._deprecated import warn_deprecated
from tunesmith.compat.optuna.terminator.terminator import BaseTerminator, Terminator


class TerminatorCallback:
    """A callback of ``study.optimize`` that ends it when a terminator says so.

    Args:
        terminator: None: `Terminator` with its defaults.
    """

    def __init__(self, terminator: BaseTerminator | None = None) -> None:
        warn_deprecated("optuna.terminator", "4.9.0", "6.0.0")
        self._terminator = terminator or Terminator()

    def __call__(self, study: Any, trial: Any) -> None:
        """Look whether the search is over.

        Args:
            study: the study.
            trial: the finished trial.
        """
        if self._terminator.should_terminate(study):
            logging.get_logger("optuna.terminator.callback").info("The study has been stopped by the terminator.")
            study.stop()
