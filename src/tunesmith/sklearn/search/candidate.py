"""One candidate of a search: what was run of it, what is still to be sent, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from tunesmith.selection.stopping import Race
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import Params
from tunesmith.sklearn.search.screening import Screening
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.trial import Trial


@dataclass(slots=True, eq=False)
class Candidate:
    """A candidate under way or done. Only its own methods change it.

    Attributes:
        position: its place among the candidates of the search.
        number: the number of its trial; NOT_A_TRIAL if it has none.
        params: its parameters.
        row: its outcomes by split, None where there is none.
        trial: the running trial; None if it is finished, or there is none.
        unit: all splits in the order in which they are run; None if an earlier run ended the candidate.
        exempt: whether it is run on all splits, whatever the race says.
        screening: what it has to pass before; None: nothing.
        rest: the splits that were not sent yet; None if there are none, or will be none.
        n_sent: how many splits are with the workers.
        dropped: whether it was given up.
        against: the incumbent by which it was given up.
        estimate: what its value would have been, if a screen gave it up; NaN if that is not known.
        decided: whether it is certain how it ended; later outcomes are ignored.
        told: whether the study was told how it ended.
        n_stored: how many of its outcomes were stored before the study was told.
    """

    position: int
    number: int
    params: Params
    row: list[Outcome | None]
    trial: Trial | None = None
    unit: Unit | None = None
    exempt: bool = False
    screening: Screening | None = None
    rest: Unit | None = field(init=False)
    n_sent: int = field(default=0, init=False)
    dropped: bool = field(default=False, init=False)
    against: Race | None = field(default=None, init=False)
    estimate: float = field(default=math.nan, init=False)
    decided: bool = field(default=False, init=False)
    told: bool = field(default=False, init=False)
    n_stored: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self.rest = self.screening.unit if self.screening is not None and self.screening.open else self.unit

    @property
    def in_screen(self) -> bool:
        """Whether it has not passed all screens yet."""
        return self.screening is not None and self.screening.open

    @property
    def screened(self) -> dict[str, list[Outcome]]:
        """Its outcomes at lower fidelities, by what these are called, the lowest first."""
        return {} if self.screening is None else self.screening.by_label()

    @property
    def cost(self) -> float:
        """The seconds that its fits and their scores took."""
        screened = [o for at in self.screened.values() for o in at]
        return sum(o.fit_seconds + o.score_seconds for o in (*screened, *self.outcomes))

    @property
    def outcomes(self) -> list[Outcome]:
        """The outcomes that there are, in the order of the splits."""
        return [o for o in self.row if o is not None]

    @property
    def complete(self) -> bool:
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
        """Return the scores of a metric by split, NaN where there is none."""
        return [math.nan if o is None else o.figure(metric) for o in self.row]

    # -- under way -------------------------------------------------------------------------------------------------

    def send(self, n: int) -> Unit:
        """Take the next n splits of those not sent."""
        if self.rest is None:
            raise ValueError(f"the candidate {self.params} has no splits left to send")
        unit, rest = self.rest.cut(n)
        self.rest = rest if rest.splits else None
        self.n_sent += len(unit.splits)
        return unit

    def receive(self, outcome: Outcome) -> None:
        """Enter an outcome; if it is hopeless, the other splits of its unit were not run and can be sent again."""
        if self.decided:
            return
        if self.screening is not None and self.screening.receive(outcome):
            self.n_sent -= 1
            return
        place = outcome.split % len(self.row)
        self.row[place] = outcome._replace(split=place, hopeless=False)
        self.n_sent -= 1
        if outcome.hopeless:
            self.n_sent = 0
            self._recompute_rest()

    def advance(self) -> None:
        """Go on to the next level, and after the last one to the splits."""
        if self.screening is not None:
            self.screening.advance()
            self.rest = self.screening.unit if self.screening.open else self.unit

    def restore(self, outcomes: Sequence[Outcome]) -> None:
        """Enter what an interrupted run stored, so that only the other splits are sent."""
        for outcome in outcomes:
            self.row[outcome.split] = outcome
        self._recompute_rest()
        self.n_stored = len(self.outcomes)

    def _recompute_rest(self) -> None:
        if self.unit is not None:
            left = [i for i, split in enumerate(self.unit.splits) if self.row[split % len(self.row)] is None]
            self.rest = self.unit.only(left) if left else None

    def mark_stored(self) -> None:
        """Note that all outcomes so far are stored."""
        self.n_stored = len(self.outcomes)

    def forget(self) -> None:
        """Drop all outcomes, so that none is stored."""
        self.row = [None] * len(self.row)

    # -- its end ---------------------------------------------------------------------------------------------------

    def drop(self, race: Race | None) -> None:
        """Give the candidate up against an incumbent."""
        self.rest, self.dropped, self.against = None, True, race

    def screen_out(self, level: int, estimate: float) -> None:
        """Give the candidate up after a screen; what it ran beyond is dropped."""
        self.rest, self.dropped, self.estimate, self.row = None, True, estimate, [None] * len(self.row)
        if self.screening is not None:
            self.screening.truncate(level)

    def truncate(self, row: list[Outcome | None]) -> None:
        """Leave only the outcomes up to the split after which it was given up."""
        self.row = row

    def decide(self) -> None:
        """Note that it is certain how the candidate ended."""
        self.decided = True

    def mark_told(self) -> None:
        """Note that the study knows how the candidate ended."""
        self.told, self.trial = True, None

    def load(self, outcomes: Sequence[Outcome]) -> None:
        """Enter the outcomes of a candidate that an earlier run, or another process, ended."""
        for outcome in outcomes:
            self.row[outcome.split] = outcome
        self.decided = self.told = True
        self.dropped = not self.complete

    def release_predictions(self) -> None:
        """Drop the predictions of all outcomes."""
        self.row = [None if o is None else o._replace(predictions=None) for o in self.row]
