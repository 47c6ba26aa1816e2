"""Each warning of a search is shown once, however many of its fits give it."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

KNOWN = ("builtins", "numpy", "pandas", "scipy", "sklearn")  # packages whose classes a driver can load, whatever it is
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class Warned(NamedTuple):
    """A warning on its way from a worker: its text, class, file and line."""

    text: str
    category: type[Warning]
    path: str
    line: int


class Once:
    """Lets a warning through once; of those that differ in numbers only, the first. A context manager.

    What filters say stays as it is: they are asked before. What is ignored or an error never comes here.

    Args:
        instead: gets what would be shown, in place of showing it; None: it is shown.
    """

    def __init__(self, instead: Callable[[Warned], Any] | None = None) -> None:
        self._instead = instead
        self._seen: set[tuple[type[Warning], str, str, int]] = set()
        self._lock = threading.Lock()
        self._own = self._show  # a bound method is another object each time it is looked up
        self._before: Any = None

    def __enter__(self) -> Once:
        self._before = warnings.showwarning
        warnings.showwarning = self._own  # catch_warnings() would change the filters of all threads
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if warnings.showwarning is self._own:
            warnings.showwarning = self._before

    def _show(
        self, message: Warning | str, category: type[Warning], filename: str, lineno: int, file: Any = None,
        line: str | None = None,
    ) -> None:  # fmt: skip
        key = (category, NUMBER.sub("#", str(message)), filename, lineno)
        with self._lock:
            if key in self._seen:
                return
            self._seen.add(key)
        if self._instead is None:
            self._before(message, category, filename, lineno, file, line)
        else:
            sent = category if category.__module__.partition(".")[0] in KNOWN else UserWarning
            self._instead(Warned(str(message), sent, filename, lineno))


def show(warned: Warned) -> None:
    """Show a warning that came from a worker; filters were asked there."""
    warnings.showwarning(warned.category(warned.text), warned.category, warned.path, warned.line)
