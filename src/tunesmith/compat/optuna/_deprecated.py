"""Warnings that Optuna gives of what it will remove; its decorators, which other libraries import from here."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from inspect import signature
from typing import Any, ParamSpec, TypeVar, cast

from tunesmith.foundation.warnings import caution

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
    """Return a decorator of a class that warns when an object is made."""

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


_DEPRECATION_WARNING_TEMPLATE = (
    "{name} is deprecated in Optuna since v{d_ver} and will be removed in v{r_ver}."  # which other libraries import
)


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
    """Return a decorator of a function that warns at each call."""
    return warning_func(lambda called: warn_deprecated(called, deprecated_version, removed_version, text), name)


def formerly_positional(names: Sequence[str], since: str, removed: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator of a function: arguments by name may be given by position too, with a warning.

    Args:
        names: the arguments that there are positions for, in their order.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        positional = [p for p in signature(function).parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]

        @functools.wraps(function)
        def called(*given: Any, **named: Any) -> R:
            here = dict(zip(names, given, strict=False))
            twice = here.keys() & named.keys()
            if len(given) > len(names) or twice:
                what = f"{', '.join(sorted(twice))} twice" if twice else f"{len(given)} arguments by position"
                raise TypeError(f"{function.__name__}() takes {', '.join(names)} once each; got {what}")
            if len(given) > len(positional):
                warn_deprecated(f"{function.__name__}() with arguments by position", since, removed, "give their names")
            return function(**here, **named)  # type: ignore[call-arg]  # by name, whatever the signature

        return cast("Callable[P, R]", called)

    return decorate


def deprecated_class(
    deprecated_version: str, removed_version: str, name: str | None = None, text: str | None = None
) -> Callable[[C], C]:
    """Return a decorator of a class that warns when an object is made."""
    return warning_class(lambda called: warn_deprecated(called, deprecated_version, removed_version, text), name)
