"""``install()``: programs and libraries that import hyperopt get this package in its place, until that is undone."""

from __future__ import annotations

from tunesmith.compat.hyperopt.names import HYPEROPT_ROOM, HYPEROPT_VERSION
from tunesmith.compat.installation import Installed, Replacement

_replacement = Replacement("hyperopt", HYPEROPT_ROOM, HYPEROPT_VERSION)


def install() -> Installed:
    """Let ``import hyperopt``, in whichever library, mean this package from now on; again it changes nothing.

    Hyperopt need not be installed: ``importlib.metadata`` finds it too, in the version whose names are here. What was
    taken from the real Hyperopt before stays what it is, so call this first; if Hyperopt was imported already, a
    warning says so.

    Returns:
        An object whose ``undo()`` makes it undone; as a context manager it is undone at the end of the block.

    Example:
        ```python
        from tunesmith.compat.hyperopt import install

        with install():  # or install() for the whole program, and uninstall()
            from hyperopt import fmin, hp, tpe

            best = fmin(
                lambda x: x**2, hp.uniform("x", -1, 1), algo=tpe.suggest, max_evals=20, show_progressbar=False
            )
        ```
    """
    return _replacement.install()


def uninstall() -> None:
    """Undo ``install()``: ``import hyperopt`` means Hyperopt again. Libraries that were imported stay as they are."""
    _replacement.uninstall()
