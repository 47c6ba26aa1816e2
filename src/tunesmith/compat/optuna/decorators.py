"""Decorators of functions and classes that give a warning whenever they are used."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def warning_func(warn: Callable[[str], None], name: str | None) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator of a function that warns at each call.

    Args:
        warn: gives the warning; takes what to call the function.
        name: what to call it; None: its own name.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def warned(*given: P.args, **named: P.kwargs) -> R:
            warn(name or function.__name__)
            return function(*given, **named)

        return warned

    return decorate


def warning_class(warn: Callable[[str], None], name: str | None) -> Callable[[C], C]:
    """Return a decorator of a class that warns when an object is made.

    Args:
        warn: gives the warning; takes what to call the class.
        name: what to call it; None: its own name.
    """

    def decorate(cls: C) -> C:
        made: Callable[..., None] = cls.__init__  # type: ignore[misc]  # of the class as it stands, to be wrapped

        @functools.wraps(made)
        def warned(self: Any, *given: Any, **named: Any) -> None:
            warn(name or cls.__name__)
            made(self, *given, **named)

        if made is object.__init__:  # which takes nothing, though its signature says *args and **kwargs
            itself = inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)
            warned.__signature__ = inspect.Signature([itself])  # type: ignore[attr-defined]  # what inspect looks for
        cls.__init__ = warned  # type: ignore[misc]  # so that subclasses warn too, as in Optuna
        return cls

    return decorate
