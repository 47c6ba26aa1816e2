"""The race of candidates over folds, and the record of it."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from tunesmith.errors import AttemptReplacedError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.warnings import caution
from tunesmith.selection.when_to_stop import Race
from tunesmith.sklearn.evaluate.task import Unit, is_hopeless
from tunesmith.sklearn.search.candidate import Candidate, CandidateTable
from tunesmith.sklearn.search.fidelity import Screening, Screens
from tunesmith.sklearn.store.candidates import CandidateStore
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.study.stopping import Stopping
from tunesmith.trial import Trial
from tunesmith.trial.record import TrialRecord

# ----------------------------------------------------------------------------------------------------------------------
# Fold racing: which candidate is the incumbent, which ones are decided, and which splits are sent next.
#
# In the order of candidates, which makes a search with several workers reproducible, a candidate is decided when all
# before it are: it has run as far as it would have run had they been evaluated one after the other. Outcomes beyond
# that are dropped. While an earlier one is undecided, a candidate that the present incumbent leaves no hope waits.


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
        at = 0
        while at < len(self.under_way):
            candidate = self.under_way[at]
            if self._ends_in_order(candidate) if self.in_order else self._ends_now(candidate):
                candidate.decide()
                del self.under_way[at]
                ended.append(candidate)
                self.consider(candidate)
                if candidate.complete:
                    at = 0  # a new incumbent may leave those before no hope
            elif self.in_order:
                break
            else:
                at += 1
        for candidate in self.under_way:
            self._look_ahead(candidate)
        return ended

    def _look_ahead(self, candidate: Candidate) -> None:
        """Let a candidate go on to the next level, if what is known so far says so."""
        screening = candidate.screening
        if screening is None or not screening.open or not screening.done(screening.level):
            return
        if self._passes(candidate, screening, screening.level):
            candidate.advance()

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
                candidate.truncate(seen)
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


# ----------------------------------------------------------------------------------------------------------------------
# Tells the study how candidates ended, and stores what is known of those that it is not told of yet.
#
# A search with W workers is the same each time if candidate k is asked for when the study has been told of all
# candidates up to k - W, in their order, and of no other.

MOST_PER_WORKER = 100  # candidates under way with a sampler that does not adapt, so that memory is bounded


@dataclass(slots=True)
class Recorder:
    """Writes the candidates of one search, in the order that makes it the same each time.

    Args:
        store: where to.
        table: where their predictions are cached.
        scheduler: decides how they end.
        persistent: whether the store outlives the search, so that predictions are stored too.
        stopping: looks whether the search has converged; None: it never ends by itself.
        at_once: whether the study is told of each candidate as soon as it is decided.
        limit: how many candidates there may be of which the study was not told.

    Attributes:
        closed: whether no further candidate is begun.
    """

    store: CandidateStore
    table: CandidateTable
    scheduler: RacingScheduler
    persistent: bool
    stopping: Stopping | None
    at_once: bool = True
    limit: float = math.inf
    closed: bool = False
    _decided: deque[Candidate] = field(default_factory=deque)

    @property
    def full(self) -> bool:
        """Whether a further candidate has to wait."""
        return len(self.scheduler.under_way) + len(self._decided) >= self.limit

    def decide(self) -> None:
        """See which candidates have ended."""
        self._decided.extend(self.scheduler.decide())

    def tell_due(self) -> None:
        """Tell the study of the candidates that it has to know before the next one is asked for."""
        while self._decided and (self.closed or self.at_once or self.full):
            self._tell(self._decided.popleft())

    def close(self) -> None:
        """Begin no further candidate, and tell the study of all that are decided."""
        self.closed = True
        self.tell_due()

    def store_partial(self, candidate: Candidate) -> None:
        """Store outcomes that the study is not told of yet: a search that is killed has them when it is resumed.

        The trial is then run again as it was proposed, takes what is stored, and is told in its turn.
        """
        if candidate.trial is not None and candidate.n_stored < len(candidate.outcomes):
            record = self.store.record(candidate.params, candidate.outcomes, len(candidate.row), candidate.screened)
            self.store.add_partial(candidate.number, record)
            candidate.mark_stored()

    def _tell(self, candidate: Candidate) -> None:
        """Tell the study how a candidate ended."""
        trial, row = candidate.trial, candidate.outcomes
        seen = row if self.persistent else [o._replace(predictions=None) for o in row]
        record = self.store.record(candidate.params, seen, len(candidate.row), candidate.screened)
        if trial is None:
            self.store.set_default_record(record)
            told = None
        else:
            try:
                self.store.attach(trial, record)
                told = self._finish(candidate, trial)
            except AttemptReplacedError as replaced:  # another process has the trial; this search keeps what it has
                caution(str(replaced))
                told = None
        candidate.mark_told()
        self.table.archive(candidate)
        if told is None:
            return
        if self.stopping is not None:
            self.stopping()
        if self.store.display is not None:
            self.store.display.update([told], len(candidate.row) - len(row))

    def _finish(self, candidate: Candidate, trial: Trial) -> TrialRecord:
        study, row = self.store.study, candidate.outcomes
        cost = candidate.cost
        if candidate.complete:
            value, reason = self.store.value(row)
            if value is None:
                return study.tell(trial, state=TrialState.FAIL, reason=reason, cost=cost)
            return study.tell(trial, value, cost=cost)
        # the value is the last report: what the mean on all splits would have been, for samplers to learn from
        if candidate.against is not None:
            trial.report(candidate.against.value(candidate.scores(self.store.metric)), len(row))
        screening = candidate.screening
        if screening is not None and not row:
            if not math.isnan(candidate.estimate):
                trial.report(candidate.estimate, 0)
            reason = f"stopped at {screening.levels[screening.level].label}: not worth longer fits"
            return study.tell(trial, state=TrialState.PRUNED, reason=reason, cost=cost)
        reason = f"stopped after {len(row)} of {len(candidate.row)} folds: no hope of beating the best candidate"
        return study.tell(trial, state=TrialState.PRUNED, reason=reason, cost=cost)
