"""Finds the variable of an objective that cannot be pickled."""

from __future__ import annotations

import builtins
import dis
import functools
import types
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tunesmith.text import shown

DEEPEST = 6  # levels of references that are searched


def find_unpicklable(thing: Any, pickles: Callable[[Any], bool]) -> str | None:
    """Name what keeps a thing from being pickled: "the variable 'lock' (a _thread.lock)", with the way to it.

    Args:
        pickles: tells whether something can be pickled by itself.

    Returns:
        Words for a message; None if it is the thing itself, or cannot be told.
    """
    path: list[str] = []
    culprit, seen = thing, {id(thing)}
    while len(path) < DEEPEST:
        found = next(
            ((words, part) for words, part in _parts(culprit) if id(part) not in seen and not pickles(part)), None
        )
        if found is None:
            break
        path.append(found[0])
        culprit = found[1]
        seen.add(id(culprit))
    if not path:
        return None
    kind = type(culprit)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    return f"{' of '.join(reversed(path))} is a {name}: {shown(culprit)}"


def _parts(thing: Any) -> Iterator[tuple[str, Any]]:
    """What is pickled along with a thing, each with words for it."""
    if isinstance(thing, functools.partial):
        yield "the function of a partial", thing.func
        for i, value in enumerate(thing.args):
            yield f"the argument {i} of a partial", value
        for name, value in thing.keywords.items():
            yield f"the argument {name!r} of a partial", value
    elif isinstance(thing, types.MethodType):
        yield f"the object of the method {thing.__name__!r}", thing.__self__
    elif isinstance(thing, types.FunctionType):
        yield from _variables(thing)
    elif isinstance(thing, (list, tuple, set, frozenset)):
        yield from ((f"an item ({i})", item) for i, item in enumerate(thing))
    elif isinstance(thing, Mapping):
        yield from ((f"the entry {shown(key, 40)}", value) for key, value in thing.items())
    elif getattr(type(thing), "__getstate__", None) is vars(object)["__getstate__"]:
        held = getattr(thing, "__dict__", None)  # one with a way of its own says itself what is wrong
        if isinstance(held, dict):
            yield from ((f"the attribute {name!r}", value) for name, value in held.items())


def _variables(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """The variables that a function refers to: those of enclosing functions and of its module, and its defaults."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield f"the variable {name!r}", cell.cell_contents
        except ValueError:  # not set yet
            continue
    for name in _global_names(function.__code__):
        if name in function.__globals__ and not hasattr(builtins, name):
            yield f"the variable {name!r}", function.__globals__[name]
    for value in (*(function.__defaults__ or ()), *(function.__kwdefaults__ or {}).values()):
        yield f"a default of the function {function.__name__!r}", value


def _global_names(code: types.CodeType) -> list[str]:
    """Names of the module's variables in a function and in the functions that it makes."""
    names = [str(i.argval) for i in dis.get_instructions(code) if i.opname in ("LOAD_GLOBAL", "LOAD_NAME")]
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            names += _global_names(constant)
    return list(dict.fromkeys(names))
