"""Warnings that Optuna gives of what is experimental there; its decorators, which other libraries import from here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tunesmith.caution import caution
from tunesmith.compat.optuna.exceptions import ExperimentalWarning

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def warn_experimental_argument(option_name: str) -> None:
    """Warn that an argument is experimental in Optuna."""
    caution(f"the argument {option_name} is experimental in Optuna: it may change there", ExperimentalWarning)


def experimental_func(version: str, name: str | None = None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator of a function that warns at each call.

    Args:
        version: of Optuna, since when it is there.
        name: what to call it; None: its own name.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def warned(*given: P.args, **named: P.kwargs) -> R:
            _warn(name or function.__name__, version)
            return function(*given, **named)

        return warned

    return decorate


def experimental_class(version: str, name: str | None = None) -> Callable[[C], C]:
    """Return a decorator of a class that warns when an object is made.

    Args:
        version: of Optuna, since when it is there.
        name: what to call it; None: its own name.
    """

    def decorate(cls: C) -> C:
        made: Callable[..., None] = cls.__init__  # type: ignore[misc]  # of the class as it stands, to be wrapped

        @functools.wraps(made)
        def warned(self: Any, *given: Any, **named: Any) -> None:
            _warn(name or cls.__name__, version)
            made(self, *given, **named)

        cls.__init__ = warned  # type: ignore[misc]  # so that subclasses warn too, as in Optuna
        return cls

    return decorate


def _warn(name: str, version: str) -> None:
    caution(f"{name} is experimental in Optuna since v{version}: it may change there", ExperimentalWarning)
