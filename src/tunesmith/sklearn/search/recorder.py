"""Tells the study how candidates ended, and stores what is known of those that it is not told of yet.

A search with W workers is the same each time if candidate k is asked for when the study has been told of all candidates
up to k - W, in their order, and of no other.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

from tunesmith.caution import caution
from tunesmith.errors import AttemptReplacedError
from tunesmith.frozen import TrialRecord
from tunesmith.sklearn.search.candidate import Candidate
from tunesmith.sklearn.search.candidate_table import CandidateTable
from tunesmith.sklearn.search.racing import RacingScheduler
from tunesmith.sklearn.store.candidates import CandidateStore
from tunesmith.state import TrialState
from tunesmith.study.stopping import Stopping
from tunesmith.trial import Trial

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
            self.stopping(self.store.study.engine)
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
