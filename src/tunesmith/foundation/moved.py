"""Where modules of 1.0 are now. Pickles name the modules that their classes came from, and programs may import them."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

MOVED = {
    "arguments": "foundation.arguments",
    "beside": "foundation.threads",
    "caution": "foundation.warnings",
    "fidelity": "history.fidelity",
    "language": "foundation.reader",
    "languages": "foundation.languages",
    "lazy": "foundation.lazy",
    "numerics": "foundation.numerics",
    "plain": "foundation.formats",
    "preemption": "foundation.preemption",
    "progress": "study.progress",
    "registry": "foundation.registry",
    "shortcut": "study.shortcut",
    "space.choice": "space.nested_choice",
    "spaces": "space.estimators",
    "state": "foundation.states",
    "storable": "foundation.storable",
    "system": "foundation.system",
    "text": "foundation.text",
    "workers": "foundation.worker_names",
}


class MovedModules:
    """Finds a module by the name that it had in 1.0: it is the same module under both names."""

    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        """Return how to load a module; None: it has not moved."""
        package, _, rest = name.partition(".")
        if package != "tunesmith":  # as nearly all: each import of a program comes by here
            return None
        old, _, inside = (rest, "", "") if rest in MOVED else rest.partition(".")
        if old not in MOVED:
            return None
        loader = _Loader(".".join(filter(None, (package, MOVED[old], inside))))
        return ModuleSpec(name, loader)  # type: ignore[arg-type]  # it acts as one; importlib.abc costs 20 ms


class _Loader:
    def __init__(self, home: str) -> None:
        self._home = home

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        found = importlib.import_module(self._home)
        self._own = found.__spec__
        return found

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # which the import system has just replaced


def find_moved_modules() -> None:
    """Let Python find modules by the names that they had in 1.0.

    This finder comes first: a package that moved has the path of its new place, where others would find its modules
    too, and load them a second time.
    """
    if MovedModules not in sys.meta_path:
        sys.meta_path.insert(0, MovedModules)
