"""The trials that run, with their curves, above the progress line of a terminal."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

from tunesmith.foundation.formats import cell_text, clock_text
from tunesmith.foundation.languages import say, told, word
from tunesmith.foundation.text import printable
from tunesmith.study.progress.trials import Progress

BLOCKS = "▁▂▃▄▅▆▇█"
CURVE_WIDTH = 16  # characters of a curve
ROWS_SHOWN = 12  # running trials that are shown
SAVINGS_EVERY_SECONDS = 5.0  # seconds between two looks at what pruning saved
SAVINGS_TRIALS = 5_000  # trials; of more, what was saved is told at the end alone


class Table(Progress):
    """A table of the running trials, above the line that `Progress` shows; elsewhere than in a terminal, the line.

    Args:
        n_trials: how many trials this call will run; None: no limit.
        timeout: seconds after which no trial is started; None: no limit.
        stream: where to write; standard error if None.
        go_on: what a user does to go on after an interruption.
        always: whether the last line is shown although the trials took less than a second.

    Example:
        ```python
        import tunesmith
        from tunesmith.study.progress import Table

        study = tunesmith.create_study(seed=0)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5, progress=Table)
        ```
    """

    def __init__(
        self,
        study: Any,
        n_trials: int | None,
        timeout: float | None,
        *,
        stream: TextIO | None = None,
        go_on: str | None = None,
        always: bool = True,
    ) -> None:
        self._looked = 0.0
        self._lock = study.engine.study.lock
        self._cells: list[tuple[str, ...]] = []  # of the running trials
        super().__init__(study, n_trials, timeout, stream=stream, go_on=go_on, above=self._rows, always=always)

    def _look(self) -> None:
        super()._look()
        if self._lock.acquire(blocking=False):  # what has it may wait for the display, to fork; then nothing is new
            try:
                self._look_at_running()
            finally:
                self._lock.release()

    def _look_at_running(self) -> None:
        """Read what the running trials have reported; and now and then, what pruning saved."""
        now, study = time.monotonic(), self._study
        self._cells = [_cells(study, number, one, now) for number, one in sorted(study.running.items())]
        if now > self._looked + SAVINGS_EVERY_SECONDS and len(study.known_history) <= SAVINGS_TRIALS:
            self._looked = now
            saved = study.savings
            if saved is not None and saved.cost > 0 and saved.full_cost > 0:
                share = saved.cost / saved.full_cost - 1
                self.shown.saved = say("{} lost" if share > 0 else "{} saved", f"{abs(share):.0%}")

    def _rows(self, columns: int, lines: int) -> Any:
        """Return the table as rich draws it; None: nothing runs.

        Args:
            columns: of the terminal.
            lines: likewise; so many running trials are shown as have room beside the line.
        """
        from rich.table import Table as Grid
        from rich.text import Text

        if not self._cells:
            return None
        grid = Grid(box=None, expand=True, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        grid.add_column(word("trial"), justify="right", width=6)
        grid.add_column(word("parameters"), ratio=1, no_wrap=True, overflow="ellipsis")
        grid.add_column(word("curve"), width=CURVE_WIDTH, no_wrap=True)
        grid.add_column(word("step"), justify="right", width=7)
        grid.add_column(word("value"), justify="right", min_width=10)
        grid.add_column(word("time"), justify="right", width=8)
        shown = min(ROWS_SHOWN, max(lines - 4, 1))  # beside the heads, the line, and how many more there are
        for cells in self._cells[:shown]:
            grid.add_row(*map(Text, cells))
        if len(self._cells) > shown:
            grid.add_row("", Text(told(say("and {} more", len(self._cells) - shown)), style="dim"))
        return grid


def _cells(study: Any, number: int, one: Any, now: float) -> tuple[str, ...]:
    """Return the row of a running trial.

    Args:
        study: the study.
        number: of the trial.
        one: the trial.
        now: the time.
    """
    reports = sorted(study.known_history.curves.reported(number).items())
    rows = [value if isinstance(value, tuple) else (value,) for _, value in reports]
    curve = [row[0] for row in rows]  # of several objectives, the first
    took = "" if one.began is None else clock_text(now - one.began)
    last = (str(reports[-1][0]), " ".join(f"{v:.5g}" for v in rows[-1])) if rows else ("", "")
    return str(number), described_params(one.trial.params), sparkline(curve), *last, took


def described_params(params: Mapping[str, Any]) -> str:
    """Return parameters in one line: ``lr=0.00316 opt=adam``."""
    return " ".join(f"{printable(name)}={cell_text(value, 3, none='None')}" for name, value in params.items())


def sparkline(values: Iterable[float], width: int = CURVE_WIDTH) -> str:
    """Return a curve as a row of bars.

    Args:
        values: in order; those that are not finite are shown as ``?``.
        width: how many bars there are at most; of more values, each bar is the last of its share.
    """
    shown = _last_of_each(list(values), width)
    finite = [v for v in shown if math.isfinite(v)]
    if not finite:
        return "?" * len(shown)
    low, high = min(finite) / 2, max(finite) / 2  # half of them: their difference may be too large for a number
    size = high - low or 1.0
    return "".join(BLOCKS[round((v / 2 - low) / size * (len(BLOCKS) - 1))] if math.isfinite(v) else "?" for v in shown)


def _last_of_each(values: Sequence[float], width: int) -> list[float]:
    n = len(values)
    return list(values) if n <= width else [values[(i + 1) * n // width - 1] for i in range(width)]
