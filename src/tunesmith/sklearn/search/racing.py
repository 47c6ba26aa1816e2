"""The race of candidates over folds: which one is the incumbent, which are decided, and which splits are sent next.

In the order of candidates, which makes a search with several workers reproducible, a candidate is decided when all
before it are: it has run as far as it would have run had they been evaluated one after the other. Outcomes beyond
that are dropped. While an earlier one is undecided, a candidate that the present incumbent leaves no hope waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from tunesmith.selection.when_to_stop import Race
from tunesmith.sklearn.evaluate.task import Unit, is_hopeless
from tunesmith.sklearn.search.candidate import Candidate
from tunesmith.sklearn.search.fidelity import Screening, Screens
from tunesmith.sklearn.store.outcome import Outcome


@dataclass(slots=True)
class RacingScheduler:
    """The race between the candidates of one search.

    Args:
        rule: see `tunesmith.selection.when_to_stop.Race`; None: no candidate is given up.
        metric: which of several metrics counts.
        in_order: whether candidates are decided in their order, each against the best of all before it. If not, each
            is decided as soon as it can be, against the best that is known then.
        screens: what candidates have to pass before they are run on the splits.

    Attributes:
        race: against the best candidate that is decided; None before there is one with a finite score on all splits.
        under_way: the candidates that are not decided, in their order.
    """

    rule: str | None
    metric: str | None
    in_order: bool = True
    screens: Screens = field(default_factory=Screens)
    race: Race | None = None
    under_way: list[Candidate] = field(default_factory=list)

    def split_order(self, number: int, n_splits: int) -> tuple[int, ...]:
        """Return the order of a candidate's splits: it begins with another one from candidate to candidate."""
        first = number % n_splits if self.rule is not None else 0
        return (*range(first, n_splits), *range(first))

    def consider(self, candidate: Candidate) -> None:
        """Learn from a candidate that is decided; make it the incumbent if it is complete and better.

        Of equal ones the first stays. A candidate with a split that has no finite score is none to be measured against.
        """
        if candidate.screening is not None:
            scores = candidate.screening.scores(self.metric)
            self.screens.enter(candidate.params, scores, candidate.scores(self.metric))
        if self.rule is None or not candidate.complete:
            return
        folds = candidate.scores(self.metric)
        if all(map(math.isfinite, folds)):
            race = Race(self.rule, tuple(folds))
            if self.race is None or race.mean > self.race.mean:
                self.race = race

    def decide(self) -> list[Candidate]:
        """Return the candidates whose end is certain now, in the order in which it became so."""
        ended: list[Candidate] = []
        place = 0
        while place < len(self.under_way):
            candidate = self.under_way[place]
            if self._ends_in_order(candidate) if self.in_order else self._ends_now(candidate):
                candidate.decided = True
                del self.under_way[place]
                ended.append(candidate)
                self.consider(candidate)
                if candidate.complete:
                    place = 0  # a new incumbent may leave those before no hope
            elif self.in_order:
                break
            else:
                place += 1
        for candidate in self.under_way:  # let each go on to its next level if what is known so far says so
            at = candidate.screening
            if at is not None and at.open and at.done(at.level) and self._passes(candidate, at, at.level):
                candidate.advance()
        return ended

    def _passes(self, candidate: Candidate, screening: Screening, level: int) -> bool:
        return self.screens.passes(candidate.number, candidate.params, screening, level, self.metric)

    def _screen(self, candidate: Candidate) -> bool | None:
        """Tell whether a candidate has passed all screens; None: that is not certain yet."""
        screening = candidate.screening
        if screening is None or not (self.in_order or screening.open):
            return True
        for level in range(0 if self.in_order else screening.level, len(screening.units)):
            if not screening.done(level):
                return None
            if not self._passes(candidate, screening, level):
                score = screening.score(level, self.metric)
                candidate.screen_out(level, self.screens.estimate(screening.levels[level].label, score))
                return False
            if screening.open and screening.level == level:
                candidate.advance()
        return True

    def _ends_in_order(self, candidate: Candidate) -> bool:
        """Tell whether a candidate has ended, split by split in its own order, and drop what it ran beyond its end."""
        if (passed := self._screen(candidate)) is not True:
            return passed is False
        if candidate.exempt or self.race is None:
            return candidate.complete
        seen: list[Outcome | None] = [None] * len(candidate.row)
        for split in candidate.order:
            seen[split] = candidate.row[split]
            if seen[split] is None:
                return False
            if is_hopeless(self.race, seen, self.metric):
                candidate.row = seen
                candidate.drop(self.race)
                return True
        return True

    def _ends_now(self, candidate: Candidate) -> bool:
        """Tell whether a candidate has ended; it is given up by all that it ran."""
        if (passed := self._screen(candidate)) is not True:
            return passed is False
        if not self.has_hope(candidate):
            candidate.drop(self.race)
        return candidate.complete or (candidate.dropped and not candidate.n_sent)

    def next_split(self, idle: bool) -> Unit | None:
        """Return the next split of a candidate under way; None if it is the turn of a new candidate.

        While there is no incumbent, all splits are sent at once: nothing could be saved by waiting.

        Args:
            idle: no new candidate is to be had, so that a worker would have nothing to do: then the splits of a
                candidate are sent without waiting for the last one.
        """
        # the first is undecided, so it has to go on, even if an interrupted run left it a bad split out of order
        ready = [
            c for i, c in enumerate(self.under_way) if c.rest is not None and (self.has_hope(c) or not (i or c.n_sent))
        ]
        together = ready if idle or self.race is None else [c for c in ready if c.in_screen]
        chosen = next((c for c in ready if not c.n_sent), together[0] if together else None)
        return None if chosen is None else chosen.send(1)

    def all_splits(self, candidate: Candidate) -> Unit:
        """Return all splits of a candidate that are left; the worker gives it up by itself, if none was run before."""
        unit = candidate.send(len(candidate.row))
        known_before = candidate.in_screen or len(unit.splits) < len(candidate.row)
        unit.race = None if candidate.exempt or known_before else self.race
        return unit

    def has_hope(self, candidate: Candidate) -> bool:
        """Tell whether the present incumbent leaves a candidate any hope."""
        return candidate.exempt or not is_hopeless(self.race, candidate.row, self.metric)
