"""What callers give to public functions, checked at the door against the annotations that stand there.

`checked` decorates what users call: functions, constructors, methods. What runs in every trial is left out, and says
what is wrong by hand. A type of the annotation that is not known here, or known to type checkers alone, is not checked.
"""

from __future__ import annotations

import enum
import functools
import inspect
import os
import types
import typing
from collections.abc import Callable, Collection, Container, Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from itertools import chain
from operator import index
from pathlib import Path
from typing import Any, Literal, TypeVar

from tunesmith.errors import ArgumentError
from tunesmith.foundation.text import did_you_mean, real, shown

C = TypeVar("C", bound=Callable[..., Any])
# Arguments whose values may hold a password, and are not shown.
SECRET_ARGUMENTS = {"storage", "from_storage", "to_storage", "spec", "url", "options", "tracking_uri"}
SECRET_ARGUMENTS |= {"source", "artifact_store"}
LIST_TYPES = {list, tuple, set, frozenset, Sequence, Collection, Container, Set, Iterable}


@dataclass(frozen=True, slots=True)
class Kind:
    """What an argument may be.

    Attributes:
        fits: tells whether a value is one.
        one: what it is called: "a text".
        many: several of them: "texts".
        lists: whether it may be a list of something; then what can be read only once is made one.
        options: the values that it may be; empty: any that fits.
    """

    fits: Callable[[Any], bool]
    one: str
    many: str
    lists: bool = False
    options: tuple[Any, ...] = ()


def checked(*but: str) -> Callable[[C], C]:
    """Return a decorator: the function checks what it is given against its annotations; of a class, the constructor.

    A truth value is not taken for a number, nor a text for a list of texts, and what can be read only once becomes a
    list. Ranges are checked by the function itself.

    Args:
        but: arguments that the function checks itself, and says more about them than the door can.

    Returns:
        The decorator. A call whose argument does not fit raises an `ArgumentError` that names it.
    """

    def decorate(function: C) -> C:
        if isinstance(function, type):
            function.__init__ = decorate(function.__init__)  # type: ignore[misc]  # on the class, for all its objects
            return function
        code = function.__code__
        names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        kinds: dict[str, Kind] | None = None

        def taken(name: str, value: Any) -> Any:
            """Return an argument as the function gets it."""
            kind = kinds.get(name) if kinds else None
            if kind is None:
                return value
            if kind.lists and hasattr(value, "__next__"):
                value = list(value)
            if not kind.fits(value):
                called = function.__qualname__.removesuffix(".__init__")
                hint = did_you_mean(value, kind.options)
                got = type(value).__name__ if name in SECRET_ARGUMENTS else f"{shown(value)}{hint}"
                raise ArgumentError(f"{called}: {name} must be {kind.one}; got {got}")
            return value

        @functools.wraps(function)
        def at_the_door(*args: Any, **named: Any) -> Any:
            nonlocal kinds
            if kinds is None:  # in the first call, since annotations may name what is defined below
                kinds = kinds_of(function, but)
            args = (*map(taken, names, args), *args[len(names) :])
            return function(*args, **{name: taken(name, value) for name, value in named.items()})

        return typing.cast("C", at_the_door)

    return decorate


def kinds_of(function: Callable[..., Any], but: Collection[str] = ()) -> dict[str, Kind]:
    """Return what the arguments of a function may be, by name, as far as its annotations say so.

    Args:
        function: it.
        but: arguments that are left out.
    """
    found = {}
    for name, parameter in inspect.signature(function).parameters.items():
        is_one = parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        if not is_one or parameter.annotation is parameter.empty or name in but:
            continue
        alone = types.SimpleNamespace(__annotations__={name: parameter.annotation})
        try:
            kind = kind_of_hint(typing.get_type_hints(alone, function.__globals__)[name])
        except NameError:  # known to type checkers alone
            continue
        if kind is not None:
            found[name] = kind
    return found


# -- kinds of annotations ----------------------------------------------------------------------------------------------


def kind_of_hint(hint: Any) -> Kind | None:
    """Return what an annotation asks for; None: it asks for nothing that is known here."""
    if hint in _SIMPLE:
        return _SIMPLE[hint]
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        if any(getattr(one, "__module__", "").startswith("numpy._typing") for one in inner):  # ArrayLike, or with None
            return _either([_ARRAY, *(_SIMPLE[one] for one in inner if one is type(None))])
        names_files = str in inner and not {os.PathLike, Path}.isdisjoint(
            typing.get_origin(one) or one for one in inner
        )
        return _either([_PATH if names_files and one is str else kind_of_hint(one) for one in inner])
    if origin is Literal:
        words = _or(map(repr, inner))
        return Kind(lambda v: any(type(v) is type(o) and v == o for o in inner), words, words, options=inner)
    if (origin or hint) in (Mapping, dict):
        return _mapping(*(kind_of_hint(one) for one in inner))
    if origin is tuple and inner and inner[-1] is not ...:
        return _tuple([kind_of_hint(one) for one in inner])
    if (origin or hint) in LIST_TYPES:
        return _list(kind_of_hint(inner[0]) if inner else None)
    if (origin or hint) is Callable:
        return Kind(callable, "callable", "callables")
    if origin is type:
        return _SIMPLE[type]
    if getattr(origin, "__name__", "") == "ndarray":
        return _ARRAY
    if hint in (Any, object) or not isinstance(hint, type) or origin or getattr(hint, "_is_protocol", False):
        return None
    if issubclass(hint, enum.Enum):
        return _member(hint)
    return _object(hint)


def is_whole(value: Any) -> bool:
    """Tell whether a value is a whole number that 64 bits hold, and no truth value."""
    try:
        return not _is_truth(value) and -(2**63) <= index(value) < 2**63
    except TypeError:
        return False


def _is_real_number(value: Any) -> bool:
    try:
        real(value)
    except (TypeError, ValueError, OverflowError):
        return False
    return hasattr(value, "__float__") and not _is_truth(value)


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or type(value).__name__ in ("bool", "bool_")  # which NumPy's are called


def _is_truth_or_bit(value: Any) -> bool:
    return _is_truth(value) or (type(value) is int and value in (0, 1))


def _is_path(value: Any) -> bool:
    try:
        return isinstance(value, str) and "\0" not in value and bool(os.fsencode(value) or True)
    except UnicodeEncodeError:
        return False


def _is_array(value: Any) -> bool:
    from numpy import asarray

    try:
        return asarray(value).dtype.kind in "biuf"
    except (TypeError, ValueError, OverflowError):
        return False


_PATH = Kind(_is_path, "a path", "paths")
_ARRAY = Kind(_is_array, "an array of numbers", "arrays of numbers")
_SIMPLE: dict[Any, Kind] = {
    int: Kind(is_whole, "a whole number", "whole numbers"),
    float: Kind(_is_real_number, "a number", "numbers"),
    bool: Kind(_is_truth_or_bit, "True or False", "truth values"),
    str: Kind(lambda v: isinstance(v, str), "a text", "texts"),
    bytes: Kind(lambda v: isinstance(v, bytes), "bytes", "bytes"),
    type(None): Kind(lambda v: v is None, "None", "None"),
    type: Kind(lambda v: isinstance(v, type), "a class", "classes"),
    **{p: Kind(lambda v: isinstance(v, os.PathLike), "a path", "paths") for p in (os.PathLike, os.PathLike[str], Path)},
}


def _object(kind: type) -> Kind:
    """Return the kind of a class: its objects, and what stands in for one, such as a wrapper, with all public names."""
    names = [name for name in dir(kind) if not name.startswith("_")]

    def fits(value: Any) -> bool:
        return isinstance(value, kind) or (bool(names) and all(hasattr(value, name) for name in names))

    article = "an" if kind.__name__[0] in "AEIOU" else "a"
    return Kind(fits, f"{article} {kind.__name__}", f"{kind.__name__} objects")


def _either(kinds: list[Kind | None]) -> Kind | None:
    """Return one of several kinds; None: one of them may be anything."""
    known = [kind for kind in kinds if kind is not None]
    if len(known) < len(kinds):
        return None
    known.sort(key=lambda kind: kind.one == "None")
    return Kind(
        lambda v: any(kind.fits(v) for kind in known),
        _or(dict.fromkeys(word for kind in known for word in kind.one.split(" or "))),
        _or(dict.fromkeys(kind.many for kind in known)),
        any(kind.lists for kind in known),
        tuple(chain.from_iterable(kind.options for kind in known)),
    )


def _list(inner: Kind | None) -> Kind:
    def fits(value: Any) -> bool:
        if isinstance(value, str | bytes | type | dict):
            return False
        try:
            iter(value)
        except TypeError:
            return False
        return inner is None or all(map(inner.fits, value))

    words = f" of {inner.many}" if inner else ""
    return Kind(fits, f"a list{words}", f"lists{words}", lists=True)


def _member(kind: type[enum.Enum]) -> Kind:
    """Return the kind of an enumeration: its members, and their values where those are numbers or texts as well."""
    values = [one.value for one in kind] if issubclass(kind, int | str) else []

    def fits(value: Any) -> bool:
        return isinstance(value, kind) or (isinstance(value, int | str) and not _is_truth(value) and value in values)

    words = f"a member of {kind.__name__}", f"members of {kind.__name__}"
    return Kind(fits, *words, options=tuple(values))


def _tuple(inner: list[Kind | None]) -> Kind:
    def fits(value: Any) -> bool:
        return (
            plain.fits(value)
            and hasattr(value, "__len__")
            and len(value) == len(inner)
            and all(kind is None or kind.fits(one) for kind, one in zip(inner, value, strict=True))
        )

    plain = _list(None)
    words = ", ".join("anything" if kind is None else kind.one for kind in inner)
    return Kind(fits, f"({words})", f"tuples ({words})", lists=True)


def _mapping(key: Kind | None = None, value: Kind | None = None) -> Kind:
    def fits(given: Any) -> bool:
        if not isinstance(given, Mapping):
            return False
        return (key is None or all(map(key.fits, given))) and (value is None or all(map(value.fits, given.values())))

    words = "" if key is None else f" of {key.many}" if value is None else f" of {key.many} to {value.many}"
    return Kind(fits, f"a mapping{words}", f"mappings{words}")


def _or(words: Iterable[str]) -> str:
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last
