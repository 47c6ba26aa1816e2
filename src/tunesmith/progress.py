"""How far something is, in one line: a terminal and a notebook renew it, elsewhere it is printed now and then.

:class:`ProgressLine` counts anything; :class:`Progress` is such a line for the trials of a study. Both are told about
each end and look at the clock alone: what is seen is renewed a few times a second, whatever the rate of trials.
No thread is started, so nothing can go wrong between the display and an objective that forks.
"""

from __future__ import annotations

import importlib
import math
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Protocol, TextIO

from tunesmith.state import StudyDirection, TrialState
from tunesmith.storage.redact import HIDDEN, redact_within
from tunesmith.text import printable
from tunesmith.trial import FrozenTrial

BAR = 24  # characters
WIDE = 100  # characters of a terminal that has room for the bar


class ProgressLine:
    """Counts pieces of work, and shows how many are done, the best so far, the rate and the time left.

    Args:
        total: how many there will be; None: that is not known.
        unit: what one of them is called.
        timeout: seconds after which no more are begun; None: no limit.
        stream: where to write; standard error if None.
        clock: seconds, monotonic.

    Attributes:
        done: how many are done.
        best: what is known of the best, in words; shown as it is.
        notes: how many of them were what ("failed", "pruned"); those that are not 0 are shown.
    """

    def __init__(
        self,
        total: int | None = None,
        unit: str = "trial",
        *,
        timeout: float | None = None,
        stream: TextIO | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.done = 0
        self.best = ""
        self.notes: dict[str, int] = {}
        self._total = total
        self._unit = unit
        self._timeout = timeout
        self._clock = clock
        self._began = self._last_end = clock()
        self._due = math.inf
        self._display = _display(stream if stream is not None else sys.stderr)
        if self._display is not None:
            self._due = self._began + self._display.first
            self.tick()

    def advance(self, n: int = 1) -> None:
        """Note that n more are done."""
        self.done += n
        self._last_end = now = self._clock()
        if now >= self._due:
            self._show(now)

    def tick(self) -> None:
        """Note that time passes."""
        now = self._clock()
        if now >= self._due:
            self._show(now)

    def close(self, message: str = "") -> None:
        """Show how it ended, leave that there, and write a message under it."""
        self._show(self._clock(), ended=True)
        display, self._display = self._display, None
        if display is not None:
            _tolerantly(lambda: display.close(message))

    def _show(self, now: float, ended: bool = False) -> None:
        display = self._display
        if display is None:
            return
        self._due = now + display.interval
        share = min(1.0, self.done / self._total) if self._total else None
        if not _tolerantly(lambda: display.show(self.head(), self.tail(now, ended), share, ended)):
            self._display, self._due = None, math.inf  # a terminal that is gone must not end the search

    # -- what is shown -------------------------------------------------------------------------------------------

    def head(self) -> str:
        """The unit and the count."""
        return f"{self._unit} {self.done}" + ("" if self._total is None else f"/{self._total}")

    def tail(self, now: float, ended: bool = False) -> str:
        """Everything else, the most important things first.

        Args:
            now: the time by this line's clock.
            ended: whether nothing more is to come.
        """
        elapsed = now - self._began
        parts = [self.best] if self.best else []
        if self.done:
            parts.append(rate(self.done, self._last_end - self._began, self._unit))
        left = self._left(now)
        if ended:
            parts.append(f"in {duration(elapsed)}")
        elif left is not None:
            parts.append(f"{duration(left)} left")
        else:
            parts.append(duration(elapsed))
        noted = ", ".join(f"{n} {what}" for what, n in self.notes.items() if n)
        return " · ".join([*parts, noted] if noted else parts)

    def _left(self, now: float) -> float | None:
        """Seconds until the end, as far as one can tell."""
        limits = []
        if self._timeout is not None:
            limits.append(self._began + self._timeout - now)
        if self._total is not None and self.done:
            each = (self._last_end - self._began) / self.done
            limits.append((self._total - self.done) * each - (now - self._last_end))
        return max(0.0, min(limits)) if limits else None


class _Study(Protocol):
    """What :class:`Progress` reads of a :class:`tunesmith.Study`, which lies in a higher layer."""

    @property
    def engine(self) -> Any: ...  # of its storage and counts
    @property
    def study_name(self) -> str: ...
    @property
    def directions(self) -> Sequence[StudyDirection]: ...
    @property
    def best_trial(self) -> FrozenTrial: ...
    @property
    def stop_reason(self) -> str | None: ...
    @property
    def regret_bound(self) -> float | None: ...


class Progress:
    """The display of one call of ``study.optimize``, or of any other loop that runs trials of a study.

    Args:
        study: what is searched; its best trial so far is where the best begins.
        n_trials: how many trials this call will run; None: no limit.
        timeout: seconds after which no trial is started; None: no limit.
        stream: where to write; standard error if None.
        go_on: what a user does to go on after an interruption; by default, load the study and optimize it.
        rivals: the trials that the best is one of to begin with; all of the study if None.
        pruned: what to call pruned trials.
    """

    def __init__(
        self,
        study: _Study,
        n_trials: int | None,
        timeout: float | None,
        *,
        stream: TextIO | None = None,
        go_on: str | None = None,
        rivals: Iterable[FrozenTrial] | None = None,
        pruned: str = "pruned",
    ) -> None:
        self._study = study
        self._n_trials = n_trials
        self._go_on = go_on
        self._sign = 0.0 if len(study.directions) > 1 else 1.0 if study.directions[0] == "minimize" else -1.0
        self._best = math.inf
        self._line = ProgressLine(n_trials, "trial", timeout=timeout, stream=stream)
        self._pruned = pruned
        self._line.notes = {"failed": 0, pruned: 0}
        if self._sign:
            try:
                for trial in [study.best_trial] if rivals is None else rivals:
                    self._see(trial)
            except ValueError:  # there is none yet
                return
            self._line.tick()

    def update(self, study: _Study, trial: FrozenTrial) -> None:
        """Count a finished trial; to be called as a callback of the study."""
        self.count(trial)

    def count(self, trial: FrozenTrial) -> None:
        """Count a finished trial."""
        if trial.state is TrialState.COMPLETE:
            if self._sign:
                self._see(trial)
        elif trial.state is TrialState.PRUNED:
            self._line.notes[self._pruned] += 1
        else:
            self._line.notes["failed"] += 1
        self._line.advance()

    def note(self, what: str, n: int) -> None:
        """Count n more of something that is shown at the end of the line."""
        self._line.notes[what] = self._line.notes.get(what, 0) + n

    def _see(self, trial: FrozenTrial) -> None:
        value = trial.values[0] * self._sign if trial.values is not None else math.inf
        if value < self._best and trial.feasible:
            self._best = value
            self._line.best = f"best {value * self._sign:.6g} (trial {trial.number})"

    def tick(self) -> None:
        """Show that time passes, where a trial takes long."""
        self._line.tick()

    def close(self, error: BaseException | None = None) -> None:
        """Take leave; after an interruption, say what is kept and how to go on.

        Args:
            error: what ended the loop before its time, if anything did.
        """
        message = self._farewell() if isinstance(error, KeyboardInterrupt) else ""
        if error is None and (reason := self._study.stop_reason) is not None:
            message = f"Stopped {reason}; a longer search is expected to gain at most {self._study.regret_bound:.3g}."
        self._line.close(message)

    def _farewell(self) -> str:
        """What a user wants to know who has pressed Ctrl-C."""
        study = self._study
        try:
            count = study.engine.count()
        except Exception as error:  # the interruption is what the user must see
            return f"Interrupted; the storage does not answer ({printable(redact_within(str(error)))})."
        waiting = count.get(TrialState.WAITING, 0)
        finished = sum(n for state, n in count.items() if state.is_finished())
        url = printable(str(getattr(study.engine.storage, "url", None) or ""))
        url = redact_within(url) if "@" in url else url
        where = f"in {url}" if url else "in memory, for as long as this Python runs"
        left = "..." if self._n_trials is None else f"..., n_trials={max(0, self._n_trials - self._line.done)}"
        again = f"study.optimize({left})"
        if url:
            given = "URL" if HIDDEN in url else repr(url)  # what is hidden, only the user can put in again
            again = f"study = tunesmith.load_study(study_name={study.study_name!r}, storage={given})\n  {again}"
        kept = f"{_number(finished, 'finished trial')} of {study.study_name!r} {_are(finished)} kept {where}"
        more = f"; {_number(waiting, 'trial')} {_are(waiting)} waiting to be run" if waiting else ""
        return f"Interrupted. {kept}{more}.\nTo go on:\n  {self._go_on or again}"


# -- words -------------------------------------------------------------------------------------------------------------


def duration(seconds: float) -> str:
    """Write a time as 0:07, 1:02:03 or "2 d 3:04:05"."""
    minutes, s = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    clock = f"{hours}:{minutes:02}:{s:02}" if hours or days else f"{minutes}:{s:02}"
    return f"{days} d {clock}" if days else clock


def rate(n: int, seconds: float, unit: str) -> str:
    """Write how fast n pieces in so many seconds are, as "12 trials/s" or "3.4 s/trial"."""
    if seconds <= 0:
        return f"{n} {unit}s"
    per_second = n / seconds
    if per_second >= 1:
        return f"{per_second:,.0f} {unit}s/s" if per_second >= 100 else f"{per_second:.2g} {unit}s/s"
    each = seconds / n
    if each < 100:
        return f"{each:.2g} s/{unit}"
    return f"{each / 60:.2g} min/{unit}" if each < 6000 else f"{each / 3600:.2g} h/{unit}"


def _number(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what}s"


def _are(n: int) -> str:
    return "is" if n == 1 else "are"


# -- where it is shown -------------------------------------------------------------------------------------------------


class _Display(Protocol):
    """One kind of place: seconds until the first look, seconds between two, and how to show the line."""

    first: float
    interval: float

    def show(self, head: str, tail: str, share: float | None, ended: bool) -> None: ...

    def close(self, message: str) -> None: ...


class _Lines:
    """A file, a pipe, or a terminal where rich is missing: a line now and then, and one at the end."""

    first = interval = 5.0

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, head: str, tail: str, share: float | None, ended: bool) -> None:
        print(f"{head} · {tail}", file=self._stream, flush=True)

    def close(self, message: str) -> None:
        if message:
            print(message, file=self._stream, flush=True)


class _Notebook:
    """An output of a notebook cell that is replaced; needs no widgets."""

    first = 0.0
    interval = 0.5

    def __init__(self) -> None:
        self._handle: Any = None

    def show(self, head: str, tail: str, share: float | None, ended: bool) -> None:
        bar = "·" if share is None else "█" * round(share * BAR) + "░" * (BAR - round(share * BAR))
        text = f"{head} {bar} {tail}"
        if self._handle is None:
            display = importlib.import_module("IPython.display").display  # there, since this is a notebook
            self._handle = display({"text/plain": text}, raw=True, display_id=True)
        else:
            self._handle.update({"text/plain": text}, raw=True)

    def close(self, message: str) -> None:
        if message:
            print(message)


class _Terminal:
    """A line of a terminal, drawn by rich; what is printed meanwhile appears above it."""

    first = 0.0
    interval = 0.2

    def __init__(self, stream: TextIO) -> None:
        from rich.console import Console
        from rich.live import Live

        self._console = Console(file=stream, highlight=False)
        # Rich would lead what is printed to our stream: only where that is the same terminal.
        together = stream is sys.stderr and sys.stdout.isatty()
        self._live = Live(
            console=self._console, auto_refresh=False, redirect_stdout=together, redirect_stderr=stream is sys.stderr
        )
        self._live.start()
        self._console.show_cursor(True)  # a hidden one would stay hidden if we were killed

    def show(self, head: str, tail: str, share: float | None, ended: bool) -> None:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        row = Table.grid(padding=(0, 1))
        cells: list[Any] = [Text(head, style="bold")]
        room = self._console.width - len(head) - 1
        if share is not None and self._console.width >= WIDE:
            cells.append(ProgressBar(total=1.0, completed=share, width=BAR))
            room -= BAR + 1
        rest = Text(tail if len(cells) > 1 else f"· {tail}")
        rest.truncate(max(1, room), overflow="ellipsis")  # one line, whatever happens: rich can only renew whole ones
        row.add_row(*cells, rest)
        self._live.update(row, refresh=not ended)  # at the end, stopping draws it

    def close(self, message: str) -> None:
        self._live.stop()
        if message:
            self._console.print(message, markup=False, soft_wrap=True)


def _display(stream: TextIO | None) -> _Display | None:
    if stream is None:  # a program without a console
        return None
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if stream is sys.stderr and shell is not None and hasattr(shell, "kernel"):
        return _Notebook()
    if stream.isatty():
        try:
            return _Terminal(stream)
        except ImportError:
            return _Lines(stream)
    return _Lines(stream)


def _tolerantly(write: Callable[[], None]) -> bool:
    """Write; False if there is nobody to read it any more (the terminal was closed, the pipe's reader is gone)."""
    try:
        write()
    except (OSError, ValueError):
        return False
    return True
