"""Errors for names that tunesmith does not have: what to use instead, or which name was meant."""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterable

from tunesmith.registry import guide
from tunesmith.text import did_you_mean


def missing(name: str, known: Iterable[str], module: str = "tunesmith") -> AttributeError | ImportError:
    """Return the error for a name that a module's ``__getattr__``, which calls this, does not know.

    Args:
        name: what was asked for.
        known: the names that the module has.
        module: its name.
    """
    text = f"module {module!r} has no attribute {name!r}"
    if sys._getframe(2).f_code.co_name == "_handle_fromlist":  # Python looks for a module of that name next
        return AttributeError(text)
    where = guide("name")(name)
    for ending, kind in (("Sampler", "sampler"), ("Pruner", "pruner")):
        if where is None and name.endswith(ending) and module == "tunesmith":
            where = f"the {kind}s are in tunesmith.{kind}s, and create_study({kind}=...) takes their names"
    if where is None:
        where = did_you_mean(name, known).removeprefix("; ") or None
    if where is not None:
        text = f"{text}: {where}"
    return name_error(text, module, depth=3)


def name_error(text: str, module: str, depth: int = 2) -> AttributeError | ImportError:
    """Return the error of a module's ``__getattr__``, which calls this: an ImportError in ``from module import name``.

    That statement replaces an AttributeError by an ImportError without its message, so it gets one at once.

    Args:
        text: the message.
        module: its name.
        depth: how many frames below this one the name is asked for.
    """
    asking = sys._getframe(depth)
    imports = asking.f_code.co_code[asking.f_lasti] == dis.opmap["IMPORT_FROM"]
    return ImportError(text, name=module) if imports else AttributeError(text)
