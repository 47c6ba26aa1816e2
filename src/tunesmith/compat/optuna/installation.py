"""``install()``: libraries that import optuna by themselves get this package in its place, until that is undone."""

from __future__ import annotations

from tunesmith.compat.installation import Installed, Replacement
from tunesmith.compat.optuna.names import OPTUNA_ROOM, REFUSED_NAMES
from tunesmith.compat.optuna.version import __version__

_replacement = Replacement("optuna", OPTUNA_ROOM, __version__, REFUSED_NAMES)


def install() -> Installed:
    """Let ``import optuna``, in whichever library, mean this package from now on; again it changes nothing.

    Optuna need not be installed: ``importlib.metadata`` finds it too, in the version whose names are here. What was
    taken from the real Optuna before stays what it is, so call this first; if Optuna was imported already, a warning
    says so.

    Returns:
        An object whose ``undo()`` makes it undone; as a context manager it is undone at the end of the block.
    """
    return _replacement.install()


def uninstall() -> None:
    """Undo ``install()``: ``import optuna`` means Optuna again. Libraries that were imported keep what they have."""
    _replacement.uninstall()
