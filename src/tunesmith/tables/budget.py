"""What a search of `tunesmith.tune` has time for.

A fit takes as long as the same candidate took on fewer rows, by the power that its family grows with; else as its
family usually takes. What the last fit will need is kept back. Without a timeout everything has time, and no clock is
read. What the shares of the time below are worth is measured by `benchmarks/automl.py`.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from tunesmith.tables.candidates import Candidate, Standings
from tunesmith.tables.families import Family
from tunesmith.tables.store import Reading, Recalled

SAFETY = 1.25  # a fit may take so many times what was predicted
CONCLUSION_SECONDS = 0.7  # that the conclusion takes
JUDGING_SECONDS = 0.001  # that the conclusion takes longer for each fit on further folds
CHOOSING_SHARE = 0.05  # of the time, that the weights of an average may take to choose
LAST_FITS_SHARE = 0.4  # of the time, that is kept back for the last fits at most
LEADING_FAMILIES = 3  # of which further candidates are tried


@dataclass(slots=True)
class Clock:
    """The time that a search has.

    Attributes:
        start: by ``time.monotonic``.
        seconds: in all; infinite: there is no limit.
        computed: what the process had computed by then, by ``time.process_time``.
        reading: what it shows: seconds since the start, and `stretch`; None: the time as it is.
    """

    start: float
    seconds: float
    computed: float = field(default_factory=time.process_time)
    reading: Reading | None = None

    def read(self) -> Reading:
        """Return the time as it is now, and show it until it is read again."""
        self.reading = None
        self.reading = (self.passed, self.stretch)
        return self.reading

    @property
    def stretch(self) -> float:
        """How many seconds pass while this process computes for one, on average since the start: on busy cores more."""
        if self.reading is not None:
            return self.reading[1]
        computed = time.process_time() - self.computed
        passed = time.monotonic() - self.start
        return min(max(passed / computed, 1.0), 5.0) if computed > 0.0 else 1.0

    @property
    def passed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.start if self.reading is None else self.reading[0]

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.seconds - self.passed

    @property
    def limited(self) -> bool:
        """Whether there is a limit."""
        return math.isfinite(self.seconds)

    @property
    def ends(self) -> float | None:
        """When the time is up; None: never."""
        return self.start + self.seconds if self.limited else None


class Budget:
    """What there is time for.

    Args:
        standings: the candidates, and what their fits took.
        clock: the time.
        pool: what runs the fits.
    """

    def __init__(self, standings: Standings, clock: Clock, pool: Recalled) -> None:
        self.standings, self.clock, self.pool = standings, clock, pool

    @property
    def _stretch(self) -> float:
        return self.clock.stretch if self.pool.inline else 1.0  # what workers compute is not known

    def reserve(self) -> float:
        """Return how many seconds are kept back for the last fit, of the best candidate so far."""
        standings, seconds = self.standings, self.clock.seconds
        if not self.clock.limited or (leader := standings.leader()) is None:
            return 0.0
        own = SAFETY * standings.predicted(leader.family, standings.n_rows, leader)
        others = 0.0
        complete = {c.family.name for c in standings.complete()}
        for family in standings.ranked()[: LEADING_FAMILIES + 1]:  # an average of the best of each needs them all
            if family is not leader.family and family.name in complete:
                others += SAFETY * standings.predicted(family, standings.n_rows)
        conclusion = min(CONCLUSION_SECONDS * self._stretch, 0.1 * seconds)
        return min(own + min(others, 0.15 * seconds) + conclusion, LAST_FITS_SHARE * seconds)

    @property
    def spare(self) -> float:
        """Seconds that are left beside what is kept back for the last fit."""
        return self.clock.left - self.reserve()

    # -- a fit, a candidate, a family ------------------------------------------------------------------------------

    def has_time(self, candidate: Candidate, splits: Sequence[int]) -> bool:
        """Tell whether the fits of a candidate that are left at its stage would end in time."""
        standings, clock = self.standings, self.clock
        if not clock.limited or (candidate is standings.candidates[0] and not candidate.seconds):
            return True  # however little time there is, one fit is made
        seconds = [standings.predicted(candidate.family, standings.rows(s), candidate) for s in splits]
        needed = SAFETY * sum(seconds) / len(seconds) * math.ceil(len(splits) / self.pool.n_workers)
        best = max((c.mean for c in standings.candidates if c.scores), default=-math.inf)
        if math.isinf(best) or (candidate.scores and candidate.mean >= best):
            needed = SAFETY * seconds[0]  # one fold of one candidate is better than none
        kept, part = self.reserve(), candidate.family.least_part
        if candidate.stage == len(standings.levels):  # if it wins, it is fitted on all rows
            last = SAFETY * standings.predicted(candidate.family, standings.n_rows, candidate) + CONCLUSION_SECONDS
            kept = max(kept, min(last * part, LAST_FITS_SHARE * clock.seconds))
        return clock.left - kept > needed * part

    def affordable(self, family: Family, screen: int) -> bool:
        """Tell whether there is time for another candidate of a family.

        Args:
            screen: the level that it begins at.
        """
        if not self.clock.limited:
            return True
        standings = self.standings
        n = 1 if standings.levels else math.ceil(standings.used / self.pool.n_workers)
        return self.spare > SAFETY * standings.predicted(family, standings.rows(screen)) * n

    def usual_seconds(self, family: Family) -> float:
        """Return how long a fit on all rows of a family takes that was not tried yet, by what others took."""
        standings = self.standings
        known = [
            standings.predicted(f, standings.n_rows) / f.kind.cost for f in standings.families if f.kind.cost >= 1.0
        ]
        known = [seconds for seconds in known if seconds > 0.0]
        return family.kind.cost * min(known) if known and standings.levels else 0.0

    def too_slow(self, candidate: Candidate) -> bool:
        """Tell whether a fold and a last fit take too much of the time that is left; those of the quickest never do."""
        standings, family = self.standings, candidate.family
        quickest = min(standings.families, key=lambda f: standings.predicted(f, standings.n_rows) or math.inf)
        if not self.clock.limited or family is quickest:
            return False
        both = (len(standings.folds[0][0]), standings.n_rows)
        seconds = sum(standings.predicted(family, n, candidate) for n in both)
        return seconds * family.least_part > 0.6 * self.clock.left

    def ends(self, candidate: Candidate, split: int, n_first: int) -> float | None:
        """Return when a fit has to end, by ``time.monotonic``; None: whenever it does.

        Args:
            n_first: how many candidates go on together, each of which has an equal part of half of the time.
        """
        clock, n_levels = self.clock, len(self.standings.levels)
        if clock.ends is None:
            return None
        if candidate.first and candidate.stage == 0 and n_levels:
            most = 0.5 * clock.seconds / n_first
        elif split < n_levels:
            most = 0.1 * clock.seconds
        else:  # so that there is time for its other folds, and for the last fit, which takes 1.7 times as long as one
            folds = math.ceil((self.standings.used - len(candidate.scores)) / self.pool.n_workers)
            most = max(clock.left - CONCLUSION_SECONDS, 0.0) / (folds + 1.7)
        return min(clock.ends, time.monotonic() + most)

    # -- how far candidates come -----------------------------------------------------------------------------------

    def goal(self, stage: int, going_on: Sequence[Candidate]) -> int:
        """Return the level that the first candidates go on to from a stage.

        By what it costs, they are compared at one higher level at most.
        """
        standings, n = self.standings, len(self.standings.levels)
        if stage > 0:
            return n
        left, goal = 0.25 * self.spare * self.pool.n_workers, 1
        for level in range(1, n):
            if sum(standings.predicted(c.family, standings.rows(level), c) for c in going_on) <= left:
                goal = level
        return goal

    def settle_folds(self, enough: int) -> None:
        """Settle how many folds there is time for: with ten candidates, in 0.7 of what is left.

        Args:
            enough: tested folds, beyond which further ones are worth less than further candidates.
        """
        standings = self.standings
        if not self.clock.limited:
            return
        rows, n_folds = len(standings.folds[0][0]), len(standings.folds)
        seconds = median(standings.predicted(f, rows) for f in standings.ranked()[:LEADING_FAMILIES])
        left = 0.7 * self.spare * self.pool.n_workers
        for n in (n_folds, *(k for k in (3, 2, 1) if k <= max(enough, 1))):
            standings.used = min(n, n_folds)
            if 10 * standings.used * seconds <= left:
                return

    # -- further folds ---------------------------------------------------------------------------------------------

    def left_for_further(self) -> float:
        """Return how many seconds fits on further folds may take."""
        judged = JUDGING_SECONDS * self._stretch * sum(len(c.further) for c in self.standings.candidates)
        return self.spare - CHOOSING_SHARE * self.clock.seconds - judged

    def further_seconds(self, candidate: Candidate, split: int) -> float:
        """Return how many seconds a fit on a further fold takes, and judging it."""
        fit = self.standings.predicted(candidate.family, self.standings.rows(split), candidate)
        return SAFETY * fit + JUDGING_SECONDS * self._stretch
