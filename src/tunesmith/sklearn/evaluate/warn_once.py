"""Each warning of a search is shown once, however many of its fits give it."""

from __future__ import annotations

import re
import threading
import warnings
from collections.abc import Callable
from types import TracebackType
from typing import Any

from tunesmith.sklearn.store.outcome import CaughtWarning

KNOWN = ("builtins", "numpy", "pandas", "scipy", "sklearn")  # packages whose classes a driver can load, whatever it is
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class WarnOnce:
    """Shows each warning once, and of those that differ in numbers only the first. A context manager.

    Warning filters apply before. Several may be entered at once, in threads too: Python has one hook for all of them.

    Args:
        instead: gets what would be shown, of the thread that entered, in place of showing it; None: it is shown, and
            heard from all threads.
    """

    def __init__(self, instead: Callable[[CaughtWarning], Any] | None = None) -> None:
        self.instead = instead
        self.thread = 0
        self._seen: set[tuple[type[Warning], str, str, int]] = set()

    def __enter__(self) -> WarnOnce:
        self.thread = threading.get_ident()
        with _lock:
            if not _entered:
                _shown.append(warnings.showwarning)
                warnings.showwarning = _hear  # catch_warnings() would change the filters of all threads
            _entered.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _lock:
            _entered.remove(self)
            if not _entered:
                before = _shown.pop()
                if warnings.showwarning is _hear:
                    warnings.showwarning = before

    def is_new(self, message: Warning | str, category: type[Warning], filename: str, lineno: int) -> bool:
        """Tell whether such a warning was not shown before; it counts as shown from now on."""
        key = (category, NUMBER.sub("#", str(message)), filename, lineno)
        with _lock:
            new = key not in self._seen
            self._seen.add(key)
        return new


_lock = threading.Lock()
_entered: list[WarnOnce] = []
_shown: list[Any] = []  # what shows warnings while one is entered


def _hear(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Take the place of ``warnings.showwarning``."""
    with _lock:
        show_it = _shown[-1] if _shown else None
        own = [o for o in _entered if o.instead is not None and o.thread == threading.get_ident()]
        found = own or [o for o in _entered if o.instead is None]
        once = found[-1] if found else None
    if once is not None and not once.is_new(message, category, filename, lineno):
        return
    if once is not None and once.instead is not None:
        sent = category if category.__module__.partition(".")[0] in KNOWN else UserWarning
        once.instead(CaughtWarning(str(message), sent, filename, lineno))
    elif show_it is not None:
        show_it(message, category, filename, lineno, file, line)


def show(warned: CaughtWarning) -> None:
    """Show a warning that came from a worker; filters were asked there."""
    warnings.showwarning(warned.category(warned.text), warned.category, warned.path, warned.line)
