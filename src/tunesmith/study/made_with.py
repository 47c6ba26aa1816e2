"""What a study was made with, its sampler and its pruner: stored where they are names of the registry and data."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from tunesmith.foundation import registry
from tunesmith.foundation.storable import storable
from tunesmith.foundation.text import name_and_message, shown
from tunesmith.pruners.base import Pruner
from tunesmith.samplers.base import Sampler

KEY = "made_with"  # the system attribute of the study: by kind, what `described` returns
DEFAULT = {"name": "auto", "args": {}}
KINDS: dict[str, type[Any]] = {"samplers": Sampler, "pruners": Pruner}


def made_with(sampler: Any, chosen: Sampler, pruner: Any, rule: Pruner) -> dict[str, Any]:
    """Return what is stored of a new study: nothing where it takes the default.

    Args:
        sampler: what the user gave.
        chosen: the object that it stands for.
        pruner: what the user gave.
        rule: the object that it stands for.
    """
    given = (("samplers", sampler, chosen), ("pruners", pruner, rule))
    found = {kind: described(kind, made) for kind, asked, made in given if asked is not None}
    return {kind: what for kind, what in found.items() if what != DEFAULT}


def taken_up(kind: str, stored: Any, study: str, made: Any, is_given: bool, notes: list[str]) -> Any:
    """Return the sampler or the pruner that a study goes on with.

    Args:
        kind: "samplers" or "pruners".
        stored: what the study was made with.
        study: its name.
        made: what goes on in its place.
        is_given: whether the user asked for that.
        notes: gets a sentence where it is another one.
    """
    word = kind[:-1]
    before = stored if isinstance(stored, Mapping) else {"name": None}
    begins = f"the study {study!r} was made with {word}={in_words(before)}"
    if is_given:
        if (now := described(kind, made)) != before:
            notes.append(f"{begins}, and goes on with {in_words(now)} here; leave out {word}= to go on as before")
        return made
    try:
        return again(kind, before)
    except ValueError as error:
        notes.append(f"{begins}, which is not stored with it ({error}), and goes on with {made.name!r}; give {word}=")
        return made


def described(kind: str, made: Any) -> dict[str, Any]:
    """Return what is stored of a sampler or a pruner.

    Args:
        kind: "samplers" or "pruners".
        made: the object.

    Returns:
        its "name" in the registry, and "args" by name. One that is not registered has the name of its class; without
        "args" they are no data.
    """
    cls = type(made)
    if cls.name not in registry.names(kind) or registry.load(kind, cls.name) is not cls:
        return {"name": f"{cls.__module__}.{cls.__qualname__}"}
    args = _data(made)
    return {"name": cls.name} if args is None else {"name": cls.name, "args": args}


def again(kind: str, stored: Any) -> Any:
    """Make what was stored.

    Raises:
        ValueError: it was not stored; the message says why.
    """
    name, args = stored.get("name"), stored.get("args")
    if name not in registry.names(kind):
        raise ValueError("it is not in the registry")
    if not isinstance(args, Mapping):
        raise ValueError("its arguments are no data")
    found = {key: again(*next(iter(value.items()))) if _is_nested(value) else value for key, value in args.items()}
    try:
        return registry.load(kind, name)(**found)
    except Exception as error:  # of another version, or a class of somebody else
        raise ValueError(name_and_message(error)) from error


def in_words(stored: Mapping[str, Any]) -> str:
    """Return what was stored as a call of it."""
    given = ", ".join(f"{key}={shown(value)}" for key, value in (stored.get("args") or {}).items())
    return f"{stored.get('name')}({given})" if given else f"{stored.get('name')}"


def _data(made: Any) -> dict[str, Any] | None:
    """Return the arguments that an object was made with, by name; None: they are no data."""
    if made.made_with is None:  # it was pickled by an earlier version
        return None
    args, options = made.made_with
    signature = inspect.signature(type(made))
    known = {key: value for key, value in options.items() if key in signature.parameters}  # others are foreign ones
    found: dict[str, Any] = {}
    for key, value in signature.bind(*args, **known).arguments.items():
        nested = next((kind for kind, base in KINDS.items() if isinstance(value, base)), None)
        try:
            kept = storable(key, value) if nested is None else {nested: described(nested, value)}
            if nested is not None and "args" not in kept[nested]:
                return None
            if nested is None and kept != value:  # a tuple, an array, NaN
                return None
        except ValueError:
            return None
        found[key] = kept
    return found


def _is_nested(value: Any) -> bool:
    return isinstance(value, dict) and len(value) == 1 and next(iter(value)) in KINDS
