"""Fold racing on the driver's side: who is the incumbent, who is decided, and which folds are still to be sent.

In the order of candidates, which is what makes a search with several workers reproducible, a candidate is decided when
all before it are: it has run as far as it would have run had they been evaluated one after the other. What it ran
beyond that is dropped. While one before it is undecided, a candidate that the present incumbent leaves no hope waits.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tunesmith.selection.racing import Race
from tunesmith.sklearn.evaluate.task import Unit, is_hopeless
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.trial import Trial


@dataclass(slots=True, eq=False)
class Candidate:
    """A candidate under way or done.

    Attributes:
        number: of its trial.
        params: its parameters.
        trial: the running trial; None if it is finished, or no trial.
        row: outcomes by split.
        unit: all of its splits, in the order in which they are run; None if it is known from before.
        rest: the splits that were not sent yet; None if there are none, or will be none.
        out: how many splits are with the workers.
        dropped: whether it was given up.
        kept: whether it is run on all splits, whatever the race says.
        decided: whether it is certain how it ended; what still comes from the workers is ignored then.
        against: the incumbent by which it was given up.
        told: whether the study was told how it ended.
        stored: how many of its outcomes were kept before the study was told.
    """

    number: int
    params: dict[str, Any]
    trial: Trial | None
    row: list[Outcome | None]
    unit: Unit | None = None
    rest: Unit | None = None
    out: int = 0
    dropped: bool = False
    kept: bool = False
    decided: bool = False
    against: Race | None = None
    told: bool = False
    stored: int = 0

    def __post_init__(self) -> None:
        self.rest = self.unit

    @property
    def outcomes(self) -> list[Outcome]:
        """What there is, in the order of the splits."""
        return [o for o in self.row if o is not None]

    @property
    def whole(self) -> bool:
        """Whether all splits are done."""
        return None not in self.row

    @property
    def failed(self) -> bool:
        """Whether a fit failed."""
        return any(o.error is not None for o in self.outcomes)

    @property
    def order(self) -> list[int]:
        """The places in `row` in the order in which the splits are run."""
        if self.unit is None:
            return list(range(len(self.row)))
        return [split % len(self.row) for split in self.unit.splits]

    def scores(self, metric: str | None) -> list[float]:
        """Return the scores by split of a metric, NaN where there is none."""
        return [math.nan if o is None else o.figure(metric) for o in self.row]

    def send(self, n: int) -> Unit:
        """Take the next n splits of those not sent."""
        if self.rest is None:
            raise ValueError(f"the candidate {self.params} has no splits left to send")
        unit, rest = self.rest.cut(n)
        self.rest = rest if rest.splits else None
        self.out += len(unit.splits)
        return unit

    def enter(self, outcome: Outcome) -> None:
        """Note an outcome; if it says that there is no hope, the other splits of its unit come back, not run."""
        if self.decided:
            return
        place = outcome.split % len(self.row)
        self.row[place] = outcome._replace(split=place, hopeless=False)
        self.out -= 1
        if outcome.hopeless:
            self.out = 0
            self.take_back()

    def drop(self, race: Race | None) -> None:
        """Give the candidate up, against an incumbent."""
        self.rest, self.dropped, self.against = None, True, race

    def take_back(self) -> None:
        """Let all splits without an outcome be sent."""
        if self.unit is not None:
            left = [i for i, split in enumerate(self.unit.splits) if self.row[split % len(self.row)] is None]
            self.rest = self.unit.only(left) if left else None


@dataclass(slots=True)
class Contest:
    """The race between the candidates of one search.

    Args:
        rule: see :class:`tunesmith.selection.racing.Race`; None: nobody is given up.
        metric: which of several metrics counts.
        in_order: whether candidates are decided in their order, each against the best of all before it. If not, each
            is decided as soon as it can be, against the best that is known then.

    Attributes:
        race: against the best candidate that is decided; None before there is one with a finite score on all splits.
        under_way: the candidates that are not decided, in their order.
    """

    rule: str | None
    metric: str | None
    in_order: bool = True
    race: Race | None = None
    under_way: list[Candidate] = field(default_factory=list)

    def order(self, number: int, n_splits: int) -> tuple[int, ...]:
        """Return the order of a candidate's splits: it begins with another one from candidate to candidate."""
        first = number % n_splits if self.rule is not None else 0
        return (*range(first, n_splits), *range(first))

    def finished(self, candidate: Candidate) -> None:
        """Let a candidate that ran on all splits become the incumbent, if it is better; of equal ones the first stays.

        A candidate with a fold that has no finite score is none to be measured against.
        """
        if self.rule is None:
            return
        scores = candidate.scores(self.metric)
        if all(map(math.isfinite, scores)):
            race = Race(self.rule, tuple(scores))
            if self.race is None or race.mean > self.race.mean:
                self.race = race

    def decide(self) -> list[Candidate]:
        """Return the candidates of which it is certain now how they ended, in the order in which it became so."""
        ended: list[Candidate] = []
        at = 0
        while at < len(self.under_way):
            candidate = self.under_way[at]
            candidate.decided = self._ends(candidate) if self.in_order else self._ends_now(candidate)
            if candidate.decided:
                del self.under_way[at]
                ended.append(candidate)
                if candidate.whole:
                    self.finished(candidate)
                    at = 0  # a new incumbent may leave those before no hope
            elif self.in_order:
                break
            else:
                at += 1
        return ended

    def _ends(self, candidate: Candidate) -> bool:
        """Tell whether a candidate has ended, fold by fold in its own order, and drop what it ran beyond its end."""
        if candidate.kept or self.race is None:
            return candidate.whole
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
        if not candidate.kept and is_hopeless(self.race, candidate.row, self.metric):
            candidate.drop(self.race)
        return candidate.whole or (candidate.dropped and not candidate.out)

    def next(self, idle: bool) -> Unit | None:
        """Return the next split of a candidate that is under way; None if it is the turn of a new candidate.

        While there is no incumbent, all splits are sent at once: nothing could be saved by waiting.

        Args:
            idle: no new candidate is to be had, so that a worker would have nothing to do: then the splits of a
                candidate are sent without waiting for the last one.
        """
        ready = [c for c in self.under_way if c.rest is not None and self.hopeful(c)]
        together = ready if idle or self.race is None else []
        chosen = next((c for c in ready if not c.out), together[0] if together else None)
        return None if chosen is None else chosen.send(1)

    def hopeful(self, candidate: Candidate) -> bool:
        """Tell whether the present incumbent leaves a candidate any hope."""
        return candidate.kept or not is_hopeless(self.race, candidate.row, self.metric)
