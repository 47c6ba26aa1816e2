"""``install()``: libraries that import optuna by themselves get this package in its place, until that is undone."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from collections.abc import Iterator, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from os import PathLike
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from tunesmith.compat.optuna.names import OPTUNA_ROOM, REFUSED_NAMES
from tunesmith.compat.optuna.version import __version__
from tunesmith.foundation.warnings import caution

if TYPE_CHECKING:
    from importlib.metadata import Distribution

OPTUNA = "optuna"
_lock = threading.RLock()
_finder: _Finder | None = None  # while this package stands in Optuna's place
_replaced: dict[str, ModuleType] = {}  # the real Optuna's modules, which were imported before


class Installed:
    """What ``install()`` returns: ``with install():`` undoes it at the end of the block, as ``undo()`` does.

    Args:
        is_first: whether that call did it; a block inside of another one leaves the undoing to that.
    """

    def __init__(self, is_first: bool) -> None:
        self._is_first = is_first

    def undo(self) -> None:
        """Let ``import optuna`` mean Optuna again."""
        uninstall()

    def __enter__(self) -> Installed:
        return self

    def __exit__(self, *error: object) -> None:
        if self._is_first:
            uninstall()


def install() -> Installed:
    """Let ``import optuna``, in whichever library, mean this package from now on; again it changes nothing.

    Optuna need not be installed: ``importlib.metadata`` finds it too, in the version whose names are here. What was
    taken from the real Optuna before stays what it is, so call this first; if Optuna was imported already, a warning
    says so.

    Returns:
        An object whose ``undo()`` makes it undone; as a context manager it is undone at the end of the block.
    """
    global _finder
    with _lock:
        if _finder is not None:
            return Installed(is_first=False)
        there = _modules()
        if there:
            version = getattr(there.get(OPTUNA), "__version__", "")
            caution(
                f"optuna {version} is imported already: what libraries took from it stays the real Optuna's. Call "
                "tunesmith.compat.optuna.install() before they are imported"
            )
        for name in there:
            _replaced[name] = sys.modules.pop(name)
        _finder = _Finder()
        sys.meta_path.insert(0, _finder)
        importlib.import_module(OPTUNA)
        return Installed(is_first=True)


def uninstall() -> None:
    """Undo ``install()``: ``import optuna`` means Optuna again. Libraries that were imported keep what they have."""
    global _finder
    with _lock:
        if _finder is None:
            return
        sys.meta_path.remove(_finder)
        for name in _modules():
            del sys.modules[name]
        sys.modules.update(_replaced)
        _replaced.clear()
        _finder = None


def _modules() -> dict[str, ModuleType]:
    return {name: module for name, module in sys.modules.items() if name.partition(".")[0] == OPTUNA}


class _Finder(MetaPathFinder, Loader):
    """Finds Optuna's modules here, and what importlib.metadata knows of Optuna."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how a module of Optuna is loaded; None: it is not a module of Optuna's, or is not here.

        Raises:
            ModuleNotFoundError: it is one that cannot be had here; the message says what to use instead.
        """
        if fullname.partition(".")[0] != OPTUNA:
            return None
        if fullname in REFUSED_NAMES:
            raise ModuleNotFoundError(f"{fullname} cannot be had here: {REFUSED_NAMES[fullname]}", name=fullname)
        return ModuleSpec(fullname, self, is_package=True) if _is_here(fullname) else None

    def exec_module(self, module: ModuleType) -> None:
        """Put the module of this package in the place of the empty one that the import system has made."""
        sys.modules[module.__name__] = importlib.import_module(_ours(module.__name__))

    def find_distributions(self, context: Any) -> Iterator[Distribution]:
        """Yield what importlib.metadata tells of Optuna, where it looks for that."""
        if context.name is None or context.name.lower() == OPTUNA:
            yield _metadata()


def _metadata() -> Distribution:
    """Return Optuna as importlib.metadata sees it, for libraries that ask for its version before they import it."""
    from importlib.metadata import Distribution  # here, as it is slow to import and only its callers need it

    class Metadata(Distribution):
        def read_text(self, filename: str) -> str | None:
            if filename == "METADATA":
                return f"Metadata-Version: 2.1\nName: {OPTUNA}\nVersion: {__version__}\n"
            return f"{OPTUNA}\n" if filename == "top_level.txt" else None

        def locate_file(self, path: str | PathLike[str]) -> Path:
            return Path(path)

    return Metadata()


def _ours(name: str) -> str:
    return f"{OPTUNA_ROOM}{name.removeprefix(OPTUNA)}"


def _is_here(name: str) -> bool:
    try:
        return importlib.util.find_spec(_ours(name)) is not None
    except (ModuleNotFoundError, ValueError):  # of a module that a path leads to: it has no spec of that name
        return _ours(name) in sys.modules
