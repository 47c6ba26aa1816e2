"""Whether anybody looks: a person at a terminal or in a notebook, whose own code began the search."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any, TextIO

from tunesmith.foundation.warnings import CALLING_PACKAGES

# What stands on the stack of a search that is begun by another one: in its objective, a callback or an estimator.
INSIDE = ("tunesmith.study.engine.loop", "tunesmith.executors.", "tunesmith.sklearn.evaluate.")
PACKAGE = __name__.partition(".")[0]
INSTALLED = {"site-packages", "dist-packages"}  # folders of libraries


def wants_progress(progress: object) -> bool:
    """Tell whether a search shows its progress.

    Args:
        progress: as users give it: None: where anybody looks. A display of their own counts as True.
    """
    return is_looked_at() if progress is None else bool(progress)


def one_progress(progress: Any, show_progress_bar: Any) -> Any:
    """Return the one of two arguments that was given: the second is the first by its name in Optuna.

    Raises:
        TypeError: both were given.
    """
    if progress is not None and show_progress_bar is not None:
        raise TypeError("progress= and show_progress_bar= are two names of one argument; give one of them")
    return show_progress_bar if progress is None else progress


def is_looked_at() -> bool:
    """Tell whether a search that begins here is one that somebody waits for, in front of a terminal or a notebook.

    It is not in continuous integration, in a test, in another thread or process than the main one, within another
    search, where a library began it, or where something else draws in the terminal.
    """
    return (
        (in_notebook() or is_screen(sys.stderr))
        and threading.current_thread() is threading.main_thread()
        and not _is_child()
        and not _is_drawn_on()
        and _is_begun_by_the_user()
    )


def in_notebook() -> bool:
    """Tell whether this is the process of a notebook."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    return shell is not None and hasattr(shell, "kernel")


def is_screen(stream: TextIO | None) -> bool:
    """Tell whether a stream is a terminal that a person looks at."""
    if stream is None or not stream.isatty() or os.environ.get("TERM") == "dumb":
        return False
    return not (os.environ.get("CI") or "PYTEST_CURRENT_TEST" in os.environ) and is_in_front(stream)


def is_in_front(stream: TextIO) -> bool:
    """Tell whether this process may write to a terminal now: it is not, where a shell runs it in the background."""
    if sys.platform != "win32":
        with suppress(OSError, ValueError):  # what has no number is a terminal of an editor, or of a test
            return os.tcgetpgrp(stream.fileno()) == os.getpgrp()
    return True


def _is_child() -> bool:
    """Tell whether another process began this one to do a part of its work."""
    known = sys.modules.get("multiprocessing.process")
    return known is not None and known.parent_process() is not None


def _is_drawn_on() -> bool:
    """Tell whether a bar of tqdm's or of rich's is there already."""
    bars = getattr(getattr(sys.modules.get("tqdm"), "tqdm", None), "_instances", ())
    return len(bars) > 0 or any(hasattr(stream, "rich_proxied_file") for stream in (sys.stdout, sys.stderr))


def _is_begun_by_the_user() -> bool:
    """Tell whether the search was begun by code that is no library, and by no other search."""
    frame: FrameType | None = sys._getframe(1)
    caller = ""  # the file of the innermost function that is neither ours nor of a package that calls us for others
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.startswith(INSIDE):
            return False
        if not caller and module.partition(".")[0] not in (PACKAGE, *CALLING_PACKAGES):
            caller = frame.f_code.co_filename
        frame = frame.f_back
    return not INSTALLED & set(Path(caller).parts)
