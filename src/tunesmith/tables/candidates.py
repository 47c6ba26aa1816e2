"""The candidates of a search of `tunesmith.tune`: what is known of each, and who leads.

Splits have numbers: first come the levels (few rows), then the folds, then the folds that were dealt anew.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import chain, islice, takewhile
from statistics import median

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.states import TrialState
from tunesmith.selection.when_to_stop import Race
from tunesmith.sklearn.protocols import Params, Split
from tunesmith.tables.families import Family
from tunesmith.trial import Trial
from tunesmith.trial.record import FrozenTrial


@dataclass(slots=True, eq=False)
class Candidate:
    """One configuration, and what is known of it.

    Attributes:
        number: of its trial.
        trial: its trial; the record of one that ended in an earlier call.
        family: of models.
        params: its values by the family's own names.
        led: whether it is the first of its family.
        first: whether it is one of those that go on together.
        stage: the level at which it is, or the number of levels while it is on the folds.
        screens: the score at each level that it came to.
        scores: the score of each fold.
        further: the score of each fold that was dealt anew, by split.
        known: its answers, by split.
        rounds: of boosted trees or of forests, by split.
        seconds: rows and time of each fit.
        answering: seconds that a prediction of 1,000 rows takes.
        size: bytes of a fitted model; NaN: not known.
        sent: splits under way.
        state: what became of it; RUNNING while it is open.
        why: it was given up, in words.
    """

    number: int
    trial: Trial | FrozenTrial
    family: Family
    params: Params
    led: bool = False
    first: bool = False
    stage: int = 0
    screens: dict[int, float] = field(default_factory=dict)
    scores: dict[int, float] = field(default_factory=dict)
    further: dict[int, float] = field(default_factory=dict)
    known: dict[int, Floats] = field(default_factory=dict)
    rounds: dict[int, float] = field(default_factory=dict)
    seconds: list[tuple[int, float]] = field(default_factory=list)
    answering: float = math.nan
    size: float = math.nan
    sent: set[int] = field(default_factory=set)
    state: TrialState = TrialState.RUNNING
    why: str = ""

    @property
    def mean(self) -> float:
        """The mean score of the folds."""
        return math.fsum(self.scores.values()) / len(self.scores) if self.scores else math.nan

    @property
    def merit(self) -> float:
        """The mean score of the folds and of those that were dealt anew."""
        every = [*self.scores.values(), *self.further.values()]
        return math.fsum(every) / len(every) if every else math.nan

    @property
    def scored(self) -> bool:
        """Whether it has a score, on few rows or on a fold."""
        return bool(self.screens or self.scores)

    @property
    def evaluated(self) -> bool:
        """Whether a fit of it was made, if only one that failed."""
        return self.scored or self.state is TrialState.FAIL

    @property
    def highest(self) -> int:
        """The highest level that it came to; -1: none."""
        return max(self.screens, default=-1)


class Standings:
    """The candidates of a search, and how they stand.

    Args:
        families: to choose from.
        levels: splits of few rows, the smallest first.
        folds: splits of all rows.
        dealt: further folds of the same rows, for the leaders.
        n_rows: of the data.

    Attributes:
        candidates: all, in their order.
        used: how many of the folds each candidate is tested on.
        n_dealt: how many of `dealt` were begun.
        n_fits: how many fits were made.
        failures: why a fit of a family failed, by its name, and how many candidates of it did.
        spared: why no candidate of a family was tried, by its name.
    """

    def __init__(
        self,
        families: Sequence[Family],
        levels: Sequence[Split],
        folds: Sequence[Split],
        dealt: Sequence[list[Split]],
        n_rows: int,
    ) -> None:
        self.families, self.levels, self.folds, self.dealt, self.n_rows = list(families), levels, folds, dealt, n_rows
        self.candidates: list[Candidate] = []
        self.used = len(folds)
        self.n_dealt = self.n_fits = 0
        self.failures: dict[str, tuple[str, int]] = {}
        self.spared: dict[str, str] = {}

    def split(self, number: int) -> Split:
        """Return the rows of a split by its number."""
        return next(islice(chain(self.levels, self.folds, *self.dealt), number, None))

    def rows(self, number: int) -> int:
        """Return how many rows are fitted on a split."""
        return len(self.split(number)[0])

    def numbers(self, dealt: int) -> range:
        """Return the numbers of folds that were dealt anew."""
        start = len(self.levels) + len(self.folds) + sum(len(folds) for folds in self.dealt[:dealt])
        return range(start, start + len(self.dealt[dealt]))

    def further(self, candidate: Candidate) -> list[range]:
        """Return the further folds that a candidate was tested on, dealing by dealing."""
        every = (self.numbers(dealt) for dealt in range(self.n_dealt))
        return list(takewhile(lambda own: all(k in candidate.further for k in own), every))

    def complete(self) -> list[Candidate]:
        """Return the candidates that were tested on all folds that are used."""
        own = set(range(self.used))
        return [c for c in self.candidates if c.state is TrialState.COMPLETE and own <= c.scores.keys()]

    def expected(self, candidate: Candidate) -> float:
        """Return what score is to be expected of a candidate on the folds, by its scores on fewer rows.

        Errors fall like one over the square root of the rows, to a limit. Of what two scores let expect beyond the rows
        that were seen, half is taken.
        """
        if candidate.scores:
            return candidate.mean
        if not candidate.screens:
            return -math.inf
        lowest, highest = min(candidate.screens), candidate.highest
        score = candidate.screens[highest]
        if lowest == highest:
            return score
        few, many, full = (self.rows(number) ** -0.5 for number in (lowest, highest, len(self.levels)))
        return float(score + 0.5 * max(score - candidate.screens[lowest], 0.0) * (many - full) / (few - many))

    def leader(self) -> Candidate | None:
        """Return the best candidate of those that came furthest; None: there is none with a score."""
        done = [c for c in self.candidates if c.scored]
        return max(done, key=lambda c: (len(c.scores), c.highest, self.expected(c)), default=None)

    def ranked(self) -> list[Family]:
        """Return the families, the one with the best candidate first."""

        def place(family: Family) -> tuple[float, ...]:
            own = [c for c in self.candidates if c.family is family and c.scored]
            return max(((bool(c.scores), c.highest, self.expected(c)) for c in own), default=(-1,))

        return sorted(self.families, key=place, reverse=True)

    def race(self, candidate: Candidate) -> tuple[Race, list[float]] | None:
        """Return the race against the best complete candidate, and a candidate's scores on the folds of that one."""
        if (best := max(self.complete(), key=lambda c: c.mean, default=None)) is None:
            return None
        folds = sorted(best.scores)
        return Race("forgiving", tuple(best.scores[k] for k in folds)), [
            candidate.scores.get(k, math.nan) for k in folds
        ]

    def estimate(self, candidate: Candidate) -> float:
        """Return what the mean of a candidate that was given up would have been; never above that of the best one."""
        if (found := self.race(candidate)) is None:
            return self.expected(candidate)
        race, scores = found
        if candidate.scores:
            value = race.value(scores)
            return value if math.isfinite(value) else min(candidate.mean, race.mean)
        level = candidate.highest
        gains = [c.mean - c.screens[level] for c in self.complete() if level in c.screens]
        return min(candidate.screens[level] + (median(gains) if gains else 0.0), race.mean)

    def predicted(self, family: Family, rows: int, candidate: Candidate | None = None) -> float:
        """Return how many seconds a fit on so many rows takes, 0 where nothing is known.

        Args:
            candidate: whose own fits are the best witness; None: one that was never fitted.
        """
        own = [] if candidate is None else candidate.seconds
        fits = own or [pair for c in self.candidates if c.family is family for pair in c.seconds]
        if not fits:
            return 0.0
        most = max(n for n, _ in fits)
        return float(median(s * (rows / max(n, 1)) ** family.kind.power for n, s in fits if n == most))
