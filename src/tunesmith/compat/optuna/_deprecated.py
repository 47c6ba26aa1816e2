"""Warnings that Optuna gives of what it will remove; its decorators, which other libraries import from here."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from tunesmith.caution import caution

_DEPRECATION_WARNING_TEMPLATE = (
    "{name} is deprecated in Optuna since v{d_ver} and will be removed in v{r_ver}."  # which other libraries import
)
P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)


def warn_deprecated(name: str, since: str, removed: str, instead: str | None = None) -> None:
    """Warn that something is to be removed from Optuna.

    Args:
        name: what.
        since: the version of Optuna that said so first.
        removed: the version that will not have it.
        instead: what to do about it.
    """
    text = _DEPRECATION_WARNING_TEMPLATE.format(name=name, d_ver=since, r_ver=removed)
    caution(text if instead is None else f"{text} Instead: {instead}", FutureWarning)


def deprecated_func(
    deprecated_version: str, removed_version: str, name: str | None = None, text: str | None = None
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator of a function that warns at each call.

    Args:
        deprecated_version: the version of Optuna that said so first.
        removed_version: the version that will not have it.
        name: what to call it; None: its own name.
        text: what to do about it.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def warned(*given: P.args, **named: P.kwargs) -> R:
            warn_deprecated(name or function.__qualname__, deprecated_version, removed_version, text)
            return function(*given, **named)

        return warned

    return decorate


def deprecated_class(
    deprecated_version: str, removed_version: str, name: str | None = None, text: str | None = None
) -> Callable[[C], C]:
    """Return a decorator of a class that warns when an object is made.

    Args:
        deprecated_version: the version of Optuna that said so first.
        removed_version: the version that will not have it.
        name: what to call it; None: its own name.
        text: what to do about it.
    """

    def decorate(cls: C) -> C:
        made: Callable[..., None] = cls.__init__  # type: ignore[misc]  # of the class as it stands, to be wrapped

        @functools.wraps(made)
        def warned(self: Any, *given: Any, **named: Any) -> None:
            warn_deprecated(name or cls.__name__, deprecated_version, removed_version, text)
            made(self, *given, **named)

        cls.__init__ = warned  # type: ignore[misc]  # so that subclasses warn too, as in Optuna
        return cls

    return decorate
