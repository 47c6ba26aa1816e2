"""What ``install()`` of each library does: programs that import it by its own name get our package in its place."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from os import PathLike
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import TYPE_CHECKING, Any

from tunesmith.foundation.warnings import caution

if TYPE_CHECKING:
    from importlib.metadata import Distribution

_lock = threading.RLock()
_NOTHING: Mapping[str, str] = MappingProxyType({})


class Installed:
    """What ``install()`` returns: ``with install():`` undoes it at the end of the block, as ``undo()`` does.

    Args:
        replacement: what was installed.
        is_first: whether that call did it; a block inside of another one leaves the undoing to that.
    """

    def __init__(self, replacement: Replacement, is_first: bool) -> None:
        self._replacement = replacement
        self._is_first = is_first

    def undo(self) -> None:
        """Let the library's name mean the library again."""
        self._replacement.uninstall()

    def __enter__(self) -> Installed:
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_first:
            self.undo()


class Replacement(MetaPathFinder, Loader):
    """Finds a library's modules in a package of ours, and what importlib.metadata knows of the library.

    Args:
        library: the name by which it is imported.
        room: our package.
        version: of the library whose names the package has.
        refused: modules that cannot be had, by their full names there -> what to use instead.
    """

    def __init__(self, library: str, room: str, version: str, refused: Mapping[str, str] = _NOTHING) -> None:
        self._library, self._room, self._version, self._refused = library, room, version, refused
        self._is_installed = False
        self._replaced: dict[str, ModuleType] = {}  # the library's own modules, which were imported before

    def install(self) -> Installed:
        """Let the library's name mean our package from now on; again it changes nothing."""
        with _lock:
            if self._is_installed:
                return Installed(self, is_first=False)
            there = self._modules()
            if there:
                version = getattr(there.get(self._library), "__version__", "")
                caution(
                    f"{self._library} {version} is imported already: what libraries took from it stays the real "
                    f"{self._library}'s. Call {self._room}.install() before they are imported"
                )
            for name in there:
                self._replaced[name] = sys.modules.pop(name)
            self._is_installed = True
            sys.meta_path.insert(0, self)
            importlib.import_module(self._library)
            return Installed(self, is_first=True)

    def uninstall(self) -> None:
        """Let the name mean the library again. Libraries that were imported keep what they have."""
        with _lock:
            if not self._is_installed:
                return
            sys.meta_path.remove(self)
            for name in self._modules():
                del sys.modules[name]
            sys.modules.update(self._replaced)
            self._replaced.clear()
            self._is_installed = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module of the library is loaded; None: it is not a module of the library, or is not here.

        Raises:
            ModuleNotFoundError: it is one that cannot be had here; the message says what to use instead.
        """
        if fullname.partition(".")[0] != self._library:
            return None
        if fullname in self._refused:
            raise ModuleNotFoundError(f"{fullname} cannot be had here: {self._refused[fullname]}", name=fullname)
        return ModuleSpec(fullname, self, is_package=True) if self._is_here(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of our package in the place of the empty one that the import system has made."""
        ours = self._ours(module.__name__)
        sys.modules[module.__name__] = importlib.import_module(ours)
        # What is imported with it gets its name at once. The import system would set it as an attribute of the package
        # later, also where that is another object by then: ``hyperopt.fmin`` is a function, and a module.
        for name, loaded in list(sys.modules.items()):
            if name.startswith(f"{ours}."):
                sys.modules[module.__name__ + name.removeprefix(ours)] = loaded

    def find_distributions(self, context: Any) -> Iterator[Distribution]:
        """Yield what importlib.metadata tells of the library, where it looks for that."""
        if context.name is None or context.name.lower() == self._library:
            yield _metadata(self._library, self._version)

    def _modules(self) -> dict[str, ModuleType]:
        return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == self._library}

    def _ours(self, name: str) -> str:
        return f"{self._room}{name.removeprefix(self._library)}"

    def _is_here(self, name: str) -> bool:
        try:
            return importlib.util.find_spec(self._ours(name)) is not None
        except (ModuleNotFoundError, ValueError):  # of a module that a path leads to: it has no spec of that name
            return self._ours(name) in sys.modules


def _metadata(library: str, version: str) -> Distribution:
    """Return a library as importlib.metadata sees it, for programs that ask for its version before they import it."""
    from importlib.metadata import Distribution  # here, as it is slow to import and only its callers need it

    class Metadata(Distribution):
        def read_text(self, filename: str) -> str | None:
            if filename == "METADATA":
                return f"Metadata-Version: 2.1\nName: {library}\nVersion: {version}\n"
            return f"{library}\n" if filename == "top_level.txt" else None

        def locate_file(self, path: str | PathLike[str]) -> Path:
            return Path(path)

    return Metadata()
