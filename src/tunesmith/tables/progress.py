"""What `tunesmith.tune` shows while it searches: a leaderboard that fills, above a line with the time that is left."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import say, told, word
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import printable
from tunesmith.selection import HonestScore
from tunesmith.sklearn.search.progress import honest_by_folds
from tunesmith.study.progress import ProgressLine
from tunesmith.study.progress.trials import STOPPED_EARLY
from tunesmith.tables.candidates import Candidate, Standings
from tunesmith.tables.families import Family
from tunesmith.tables.responses import Measure
from tunesmith.tables.store import Recalled

WIDE_COLUMNS = 80  # of a terminal that has room for what the scores rest on
LEAST_LINES = 3  # of a terminal, below the leaderboard


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the leaderboard so far.

    Attributes:
        model: the family.
        tried: how many candidates of it were.
        on: what the score rests on.
        value: its best score, as reports have it; NaN: there is none yet.
        honest: what that is likely to be on new rows, by the folds; NaN: it is not known yet.
        interval: of that, the lower end first.
    """

    model: str
    tried: int
    on: str
    value: float = math.nan
    honest: float = math.nan
    interval: tuple[float, float] = (math.nan, math.nan)

    def cells(self) -> list[str]:
        """Return the line as texts."""
        best = honest = ""
        if not math.isnan(self.value):
            best = NumberFormat.of(self.value).write(self.value)
        if not math.isnan(self.honest):
            figures = NumberFormat.of(self.honest, self.interval)
            honest = f"{figures.write(self.honest)}  {told(figures.between(self.interval))}"
        return [self.model, best, honest, f"{self.tried:,}", self.on]


class TuneProgress:
    """The progress of one search.

    Args:
        standings: the candidates, which another thread adds to.
        measure: the metric.
        pool: what runs the fits.
        n_trials: how many candidates there will be; None: no limit.
        seconds: that are left; None: no limit.
        always: whether the last line is shown although the search took less than a second.

    Attributes:
        line: what is shown below the leaderboard.
        rows: the leaderboard, the best family first.
    """

    def __init__(
        self,
        standings: Standings,
        measure: Measure,
        pool: Recalled,
        n_trials: int | None,
        seconds: float | None,
        always: bool,
    ) -> None:
        self._standings, self._pool, self._sign = standings, pool, measure.label.sign
        self._seen = -1  # fits that the rows stand for
        self.rows: list[Row] = []
        self.line = ProgressLine(
            n_trials, "candidate", timeout=seconds, look=self._look, above=self._board, always=always
        )

    def phase(self, text: str) -> None:
        """Say what is done now, after the candidates."""
        self.line.phase = text

    def conclude(self, score: HonestScore | None) -> None:
        """Show the honest score of what is returned."""
        if score is not None:
            value, *interval = score.figures
            self.line.say_honest(value, (interval[0], interval[1]))

    def close(self) -> None:
        """Show the last line."""
        self.line.close()

    # -- what is known so far --------------------------------------------------------------------------------------

    def _look(self) -> None:
        """Bring the line and the leaderboard up to date."""
        standings, line = self._standings, self.line
        candidates = standings.candidates.copy()
        states = [c.state for c in candidates]
        line.done = len(states) - states.count(TrialState.RUNNING)
        line.notes = {"failed": states.count(TrialState.FAIL), STOPPED_EARLY: states.count(TrialState.PRUNED)}
        line.running = 0 if self._pool.inline else min(self._pool.under_way, self._pool.n_workers)
        line.saved = say("{:,} fits", standings.n_fits) if standings.n_fits else ""
        if standings.n_fits == self._seen or line.phase:
            return
        self._seen = standings.n_fits
        try:
            self.rows = [self._row(f, [c for c in candidates if c.family is f]) for f in standings.families]
        except RuntimeError:  # a score came in between; the next look finds it
            self._seen = -1
            return
        self.rows.sort(key=lambda row: (row.honest == row.honest, self._sign * row.value), reverse=True)
        self.rows.sort(key=lambda row: math.isnan(row.value))
        first = self.rows[0]
        if not math.isnan(first.value):
            line.best, line.best_of = say("best {}", first.cells()[1]), first.model
            line.say_honest(first.honest, first.interval)

    def _row(self, family: Family, own: list[Candidate]) -> Row:
        """Return the line of a family.

        Args:
            own: its candidates.
        """
        standings, name = self._standings, printable(family.name)
        tried, scored = sum(c.evaluated for c in own), [c for c in own if c.scored]
        if not scored:
            return Row(name, tried, told(say("failed")) if family.name in standings.failures else "")
        best = max(scored, key=lambda c: (len(c.scores), c.highest, standings.expected(c)))
        tested = say("{} of {} folds", len(best.scores), standings.used)
        on = told(tested if best.scores else say("{} rows", f"{standings.rows(best.highest):,}"))
        value, folds = self._sign * standings.expected(best), range(standings.used)
        whole = [[c.scores[k] for k in folds] for c in own if c.scores.keys() >= set(folds)]
        if len(folds) < 2 or not whole:
            return Row(name, tried, on, value)
        found = honest_by_folds(whole)
        low, high = sorted(self._sign * end for end in found.interval)
        return Row(name, tried, on, value, self._sign * found.value, (low, high))

    def _board(self, columns: int, lines: int) -> Any:
        """Return the leaderboard as rich draws it.

        Args:
            columns: of the terminal.
            lines: likewise.
        """
        from rich.table import Table
        from rich.text import Text

        if not self.rows:
            return None
        is_wide = columns >= WIDE_COLUMNS
        grid = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
        grid.add_column(word("model"), no_wrap=True, overflow="ellipsis")
        for name in ("best so far", "honest score", "candidates")[: 3 if is_wide else 2]:
            grid.add_column(word(name), justify="right", no_wrap=True)
        if is_wide:
            grid.add_column("", no_wrap=True)
        for row in self.rows[: max(lines - LEAST_LINES, 1)]:
            cells = row.cells()[: 5 if is_wide else 3]
            grid.add_row(*map(Text, cells), style="dim" if math.isnan(row.value) else "")
        return grid
