"""Finds what a text like ``package.module:name`` stands for."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import sys
from typing import Any

from tunesmith.foundation.text import did_you_mean, printable


class UsageError(Exception):
    """The command cannot be run as it was given; trying again does not help."""


def search_here() -> None:
    """Let modules of the working folder be imported, also where Python was told or started not to."""
    if not {"", os.getcwd()} & {str(folder) for folder in sys.path[:1]}:
        sys.path.insert(0, os.getcwd())


def load(what: str, text: str) -> Any:
    """Import a module and return a thing of it.

    Args:
        what: what is looked for, for messages: "objective".
        text: ``module:name``, where both may have dots.

    Raises:
        UsageError: there is no such module, or no such name in it.
        Exception: what the module raises when it is imported.
    """
    module_name, colon, name = text.rpartition(":")  # the first one may be that of a drive
    if not (module_name and colon and name):
        raise UsageError(f"{what}: expected module:name, such as train:{what}; got {text!r}")
    if module_name.endswith(".py") or re.search(r"[\\/]", module_name):
        module = re.sub(r"[\\/]", ".", re.sub(r"^[A-Za-z]:|\.py$", "", module_name).strip("./\\"))
        raise UsageError(f"{what}: {text!r} names a file; name the module, such as {printable(f'{module}:{name}')}")
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise  # the module is there; what it imports is not
        raise UsageError(
            f"{what}: there is no module {error.name!r}. Modules are looked for in the working folder, {os.getcwd()}, "
            "and where Python looks (PYTHONPATH, installed packages)"
        ) from None
    for part in name.split("."):
        if not hasattr(found, part):
            raise UsageError(f"{what}: {text!r}: there is no {part!r} in it{did_you_mean(part, dir(found))}")
        found = getattr(found, part)
    return found
