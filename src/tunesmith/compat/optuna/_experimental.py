"""Warnings that Optuna gives of what is experimental there; its decorators, which other libraries import from here."""

from __future__ import annotations

from collections.abc import Callable

from tunesmith.compat.optuna._deprecated import C, P, R, warning_class, warning_func
from tunesmith.compat.optuna.exceptions import ExperimentalWarning
from tunesmith.foundation.warnings import caution


def warn_experimental_argument(option_name: str) -> None:
    """Warn that an argument is experimental in Optuna."""
    caution(f"the argument {option_name} is experimental in Optuna: it may change there", ExperimentalWarning)


def experimental_func(version: str, name: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator of a function that warns at each call.

    Args:
        version: of Optuna, since when it is there.
        name: what to call it; None: its own name.
    """
    return warning_func(lambda called: _warn(called, version), name)


def experimental_class(version: str, name: str | None = None) -> Callable[[C], C]:
    """Return a decorator of a class that warns when an object is made."""
    return warning_class(lambda called: _warn(called, version), name)


def _warn(name: str, version: str) -> None:
    caution(f"{name} is experimental in Optuna since v{version}: it may change there", ExperimentalWarning)
