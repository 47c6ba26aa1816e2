"""Where a line is shown: a terminal, the output of a notebook's cell, or a file. A thread draws: no trial waits for it.

The thread holds `_DRAWING` while it writes, and a fork waits for that: what the child inherits is whole, and no lock is
held there for ever. The child draws nothing.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import re
import sys
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any, ClassVar, TextIO

from tunesmith.study.progress.audience import in_notebook, is_in_front

FIRST_SECONDS = 1.0  # seconds, before which nothing is shown: most searches of a test or a demonstration end before
CARET_COLUMNS = 3  # at the right, for the "^C" that a terminal echoes: it must not begin a new line
NOTEBOOK_COLUMNS = 100  # of an output; wider ones are wrapped on small screens
FILE_COLUMNS = 10_000  # of a line in a file, which is not cut
DEBUGGERS = ("bdb", "pdb", "pudb", "code")  # while one waits for what is typed, nothing is drawn
_DRAWING = threading.Lock()


class Drawable(ABC):
    """What a display shows.

    Attributes:
        is_there: whether something was shown.
    """

    is_there = False

    @abstractmethod
    def look(self) -> None:
        """Bring it up to date."""

    @abstractmethod
    def text(self, columns: int, ended: bool = False) -> str:
        """Return one line of so many columns at most."""

    def above(self, columns: int, lines: int) -> Any:
        """Return what rich draws above it in a terminal of this size; None: nothing."""
        return None


class Display(ABC):
    """Shows a line until it is closed.

    Args:
        line: what is shown.
    """

    first: ClassVar[float] = FIRST_SECONDS
    interval: ClassVar[float]

    def __init__(self, line: Drawable) -> None:
        self.line = line
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tunesmith-progress", daemon=True)
        self._process = os.getpid()
        self._is_gone = False  # nobody can read it any more: the terminal was closed, or the pipe's reader is gone

    def start(self) -> None:
        """Begin to show it."""
        self._thread.start()

    def _run(self) -> None:
        seconds = self.first
        while not self._over.wait(seconds):
            seconds = self.interval
            with _DRAWING:
                if self._over.is_set() or not self._could(self.draw):
                    return

    def close(self, message: Callable[[], str], always: bool) -> None:
        """Show the last line and a message under it.

        Args:
            message: makes the message, if it is shown; empty: there is none.
            always: whether they are shown where the line was not shown yet.
        """
        self._over.set()
        if os.getpid() != self._process:  # a fork of the process that shows it
            return
        self._thread.join()
        if always or self.line.is_there:
            self.line.look()
            text = message()
            with _DRAWING:
                self._could(lambda: self.end(text))

    def _could(self, write: Callable[[], None]) -> bool:
        """Write; return False if nobody can read it any more."""
        if not self._is_gone:
            try:
                write()
            except (OSError, ValueError):
                self._is_gone = True
        return not self._is_gone

    @abstractmethod
    def draw(self) -> None:
        """Show the line as it is now."""

    @abstractmethod
    def end(self, message: str) -> None:
        """Show the last line, and a message under it."""


def display_for(line: Drawable, stream: TextIO | None) -> Display | None:
    """Return the display for a stream, not started; None: there is no console.

    Args:
        line: what it shows.
        stream: where to.
    """
    stream = getattr(stream, "rich_proxied_file", stream)  # while another line is shown
    if stream is None:
        return None
    if in_notebook() and stream is getattr(sys.stderr, "rich_proxied_file", sys.stderr):
        return Notebook(line)
    is_terminal = stream.isatty() and os.environ.get("TERM") != "dumb" and importlib.util.find_spec("rich") is not None
    return Terminal(line, stream) if is_terminal else File(line, stream)


class File(Display):
    """A file or a pipe: a line now and then, and one at the end."""

    first = interval = 5.0

    def __init__(self, line: Drawable, stream: TextIO) -> None:
        super().__init__(line)
        self._stream = stream

    def draw(self) -> None:
        """Print the line."""
        self._print(self.line.text(FILE_COLUMNS))
        self.line.is_there = True

    def end(self, message: str) -> None:
        """Print the last line and the message."""
        self._print("\n".join(filter(None, [self.line.text(FILE_COLUMNS, ended=True), message])))

    def _print(self, text: str) -> None:
        print(text, file=self._stream, flush=True)


class Notebook(Display):
    """An output of a notebook cell that is replaced. It needs no widgets, as rich's own display would."""

    interval = 0.5

    def __init__(self, line: Drawable) -> None:
        super().__init__(line)
        self._handle: Any = None

    def draw(self) -> None:
        """Replace the output."""
        self._show(self.line.text(NOTEBOOK_COLUMNS))

    def end(self, message: str) -> None:
        """Replace the output by the last line, and print the message under it."""
        self._show(self.line.text(NOTEBOOK_COLUMNS, ended=True))
        if message:
            print(message)

    def _show(self, text: str) -> None:
        data = {"text/plain": text}
        if self._handle is None:
            display = importlib.import_module("IPython.display").display  # there, since this is a notebook
            self._handle = display(data, raw=True, display_id=True)
        else:
            self._handle.update(data, raw=True)
        self.line.is_there = True


class Terminal(Display):
    """The last lines of a terminal, drawn by rich; what is printed meanwhile appears above them."""

    interval = 0.25

    def __init__(self, line: Drawable, stream: TextIO) -> None:
        super().__init__(line)
        self._stream = stream

    def draw(self) -> None:
        """Draw all lines of the terminal, unless somebody else has it at the moment."""
        screen = screen_of(self._stream)
        if not is_in_front(screen.stream) or _is_in_debugger():
            screen.rest()
            return
        if self.line not in screen.lines:
            screen.lines.append(self.line)
        self.line.is_there = True
        screen.refresh()

    def end(self, message: str) -> None:
        """Take the line off, and leave its last state above the others, with the message."""
        screen = screen_of(self._stream)
        if self.line in screen.lines:
            screen.lines.remove(self.line)
        if not screen.lines:
            screen.rest()
            _screens.pop(id(self._stream), None)
        if is_in_front(screen.stream):
            screen.console.print(screen.one_line(self.line, ended=True))
            for text in message.splitlines():  # what is to be copied is not cut into lines
                screen.console.print(text, markup=False, soft_wrap=text.startswith("  "))


def _is_in_debugger() -> bool:
    """Tell whether the main thread waits in a debugger for what is typed there."""
    frame = sys._current_frames().get(threading.main_thread().ident or 0)
    while frame is not None:
        if frame.f_globals.get("__name__") in DEBUGGERS:
            return True
        frame = frame.f_back
    return False


class Screen:
    """The lines at the bottom of one terminal.

    Args:
        stream: the terminal.

    Attributes:
        lines: those that are shown, the oldest first.
        console: writes there.
    """

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console

        self.stream, self.lines = stream, list[Drawable]()
        self.console = Console(file=stream, highlight=False)
        self._live: Any = None
        self._handlers: list[tuple[Any, Any]] = []  # of loggers, with the streams that they had
        self._drawn = 0.0

    def refresh(self) -> None:
        """Draw the lines, unless another one of them was due a moment ago."""
        if self._live is None:
            self._begin()
        now = time.monotonic()
        if now - self._drawn >= Terminal.interval / 2:
            self._drawn = now
            self._live.refresh()

    def _begin(self) -> None:
        from rich.live import Live

        before = sys.stdout, sys.stderr
        self._live = Live(
            console=self.console,
            get_renderable=self._rendered,
            auto_refresh=False,
            transient=True,
            # Rich would lead what is printed to our stream: only where that is the same terminal.
            redirect_stdout=self.stream is sys.stderr and sys.stdout.isatty(),
            redirect_stderr=self.stream is sys.stderr,
        )
        self._live.start()
        self.console.show_cursor(True)  # a hidden one would stay hidden if we were killed
        now = dict(zip(map(id, before), (sys.stdout, sys.stderr), strict=True))
        for handler in _handlers():  # they keep the stream that they were made with
            stream = handler.stream
            if now.get(id(stream), stream) is not stream:
                self._handlers.append((handler, stream))
                handler.setStream(now[id(stream)])

    def rest(self) -> None:
        """Take all off the terminal, until the next `refresh`."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()
        for handler, stream in self._handlers:
            handler.setStream(stream)
        self._handlers.clear()

    def one_line(self, line: Drawable, ended: bool = False) -> Any:
        """Return a line as rich draws it."""
        from rich.text import Text

        columns = max(1, self.console.width - CARET_COLUMNS)
        text = line.text(columns, ended)
        encoding = getattr(self.stream, "encoding", None) or "utf-8"
        made = Text(_writable(text, encoding), no_wrap=True, overflow="ellipsis")
        made.truncate(columns, overflow="ellipsis")
        made.stylize("bold", 0, re.match(r"[^·|━─]*", text).end())  # type: ignore[union-attr]  # it matches anything
        made.highlight_regex("━+", "bar.complete")
        made.highlight_regex("─+", "bar.back")
        return made

    def _rendered(self) -> Any:
        from rich.console import Group
        from rich.constrain import Constrain

        drawn = list[Any]()
        columns = max(1, self.console.width - CARET_COLUMNS)
        for line in self.lines:
            text = self.one_line(line)  # first: it brings up to date what stands above it, too
            if (above := line.above(columns, self.console.height)) is not None:
                drawn.append(Constrain(above, columns))
            drawn.append(text)
        return Group(*drawn)


_screens: dict[int, Screen] = {}


def screen_of(stream: TextIO) -> Screen:
    """Return the lines of a terminal; lines of several searches stand one below the other."""
    screen = _screens.get(id(stream))
    if screen is None or screen.stream is not stream:
        screen = _screens[id(stream)] = Screen(stream)
    return screen


def _writable(text: str, encoding: str) -> str:
    """Return a text in signs that an encoding has."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        plain = text.replace("·", "|").replace("━", "#").replace("─", "-")
        return plain.encode(encoding, "replace").decode(encoding)
    return text


def _handlers() -> Iterator[Any]:
    """Yield what loggers write to streams with."""
    for logger in [logging.root, *list(logging.root.manager.loggerDict.values())]:
        for handler in getattr(logger, "handlers", ()):  # a place that has no logger yet has none
            if isinstance(handler, logging.StreamHandler) and not isinstance(handler, logging.FileHandler):
                yield handler


def _in_child() -> None:
    """After a fork: what is printed goes to the streams themselves, and nothing is drawn."""
    for screen in _screens.values():
        screen.lines.clear()
        screen._live = None
    _screens.clear()
    sys.stdout = getattr(sys.stdout, "rich_proxied_file", sys.stdout)
    sys.stderr = getattr(sys.stderr, "rich_proxied_file", sys.stderr)
    _DRAWING.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_DRAWING.acquire, after_in_parent=_DRAWING.release, after_in_child=_in_child)
