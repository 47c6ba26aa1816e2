"""Fold racing on the driver's side: who the incumbent is, and which folds are still to be sent."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from tunesmith.selection.racing import Race
from tunesmith.sklearn._evaluate import Outcome, Unit, is_hopeless
from tunesmith.trial import Trial


@dataclass(slots=True, eq=False)
class Candidate:
    """A candidate under way or done.

    Attributes:
        number: of its trial.
        params: its parameters.
        trial: the running trial; None if it is finished, or no trial.
        row: outcomes by split.
        rest: the splits that were not sent yet; None if there are none, or will be none.
        out: how many splits are with the workers.
        dropped: whether it was given up.
        kept: whether it is run on all splits, whatever the race says.
        told: whether the study was told how it ended.
    """

    number: int
    params: dict[str, Any]
    trial: Trial | None
    row: list[Outcome | None]
    rest: Unit | None = None
    out: int = 0
    dropped: bool = False
    kept: bool = False
    told: bool = False

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
    def ended(self) -> bool:
        """Whether nothing more is to come."""
        return self.whole or (self.dropped and not self.out)

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


@dataclass(slots=True)
class Contest:
    """The race between the candidates of one search.

    Args:
        rule: see :class:`tunesmith.selection.racing.Race`; None: nobody is given up.
        metric: which of several metrics counts.

    Attributes:
        race: against the best candidate that is finished; None before there is one with a finite score on all splits.
    """

    rule: str | None
    metric: str | None
    race: Race | None = None
    _waiting: list[Candidate] = field(default_factory=list)

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

    def wait(self, candidate: Candidate) -> None:
        """Note that a candidate has splits that were not sent yet."""
        self._waiting.append(candidate)

    def judge(self) -> list[Candidate]:
        """Give up those that the newest incumbent leaves no hope; return those of them that have ended by that."""
        for candidate in self._waiting:
            if candidate.rest is not None and not candidate.kept and is_hopeless(self.race, candidate.row, self.metric):
                candidate.rest, candidate.dropped = None, True
        ended = [c for c in self._waiting if c.dropped and c.ended and not c.told]
        self._waiting = [c for c in self._waiting if c.rest is not None]
        return ended

    def next(self, idle: bool) -> Unit | None:
        """Return the next split of a candidate that is under way; None if it is the turn of a new candidate.

        While there is no incumbent, all splits are sent at once: nothing could be saved by waiting.

        Args:
            idle: no new candidate is to be had, so that a worker would have nothing to do: then the splits of a
                candidate are sent without waiting for the last one.
        """
        together = idle or self.race is None
        chosen = next((c for c in self._waiting if not c.out), self._waiting[0] if together and self._waiting else None)
        if chosen is None:
            return None
        unit = chosen.send(1)
        if chosen.rest is None:
            self._waiting.remove(chosen)
        return unit
