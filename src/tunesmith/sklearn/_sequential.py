"""The loop of :class:`SearchCV`: ask the study for a candidate when a worker is free, tell it when its splits are done.

A candidate is asked for as late as possible, after everything that is finished has been told, so that the sampler
knows all there is to know. The splits of one candidate run beside each other if a fit is worth sending by itself.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import ResumeError, SpaceExhaustedError
from tunesmith.sklearn._callbacks import has_callbacks
from tunesmith.sklearn._candidates import Evaluation
from tunesmith.sklearn._choices import n_values, with_objects
from tunesmith.sklearn._evaluate import Outcome, Unit
from tunesmith.sklearn._ledger import KEY, Ledger, pack, unpack
from tunesmith.sklearn._schedule import Pace, ahead, salvaging
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.trial import Trial

WHOLE = 0.05  # seconds: a candidate whose splits take less together is sent as one piece


@dataclass(slots=True)
class Candidate:
    """A candidate under way or done.

    Attributes:
        number: of its trial.
        params: its parameters.
        trial: the running trial; None if it was finished by an earlier run.
        row: outcomes by split.
        left: how many splits are not done.
    """

    number: int
    params: dict[str, Any]
    trial: Trial | None
    row: list[Outcome | None]
    left: int


@dataclass(slots=True)
class Sequential:
    """One call of ``SearchCV.fit``.

    Args:
        evaluate: what fits and scores.
        ledger: the study to ask and to tell.
        space: what is searched, with the choices as objects.
        n_trials: how many candidates there are to be in all, those of earlier runs included; None: no limit.
        timeout: seconds after which no candidate is started; None: no limit.
        context: scikit-learn's callback context of the search, if there is one.
    """

    evaluate: Evaluation
    ledger: Ledger
    space: Space
    n_trials: int | None
    timeout: float | None
    context: Any
    _candidates: list[Candidate] = field(default_factory=list)
    _pace: Pace = field(default_factory=Pace)
    _waiting: deque[Unit] = field(default_factory=deque)
    _more: bool = True
    _deadline: float | None = None

    def run(self) -> None:
        """Search, and put what is found into the results.

        Raises:
            ValueError: there was no time for a single candidate, or all fits failed.
            ResumeError: the study belongs to another search.
        """
        evaluate, study = self.evaluate, self.ledger.study
        splits = evaluate.splits(evaluate.search._checked_cv_orig)
        evaluate.open(self.ledger, splits)
        study.recover()
        self._load()
        if evaluate.search.verbose > 0:
            most = "" if self.n_trials is None else f"up to {self.n_trials} "
            print(f"Fitting {len(splits)} folds for each of {most}candidates")
        if self.ledger.display is not None:
            self.ledger.display.begin(self.n_trials, len(self._candidates), self.timeout)
            evaluate.pool.idle = self.ledger.display.tick
        evaluate.task.n_candidates = self.n_trials or 0
        evaluate.pool.prepare(evaluate.task, splits)
        if self.timeout is not None:
            self._deadline = time.monotonic() + self.timeout
        try:
            self._loop(len(splits))
        finally:
            study.release(study.live)  # none is left unless this was interrupted: they wait, to be run again
        done = sorted((c for c in self._candidates if not c.left), key=lambda c: c.number)
        if not done:
            raise ValueError(
                f"No fits were performed: no candidate was started within the timeout of {self.timeout} seconds"
            )
        evaluate.add([c.params for c in done], [c.row for c in done], None)

    def _load(self) -> None:
        """Take in the candidates that earlier runs finished.

        Raises:
            ResumeError: a choice is not what it was, or a fit failed and ``error_score`` says to raise.
        """
        failed = self.evaluate.task.failed()
        for trial in self.ledger.study.get_trials(states=[TrialState.COMPLETE, TrialState.FAIL]):
            kept = trial.user_attrs.get(KEY)
            if kept is None:
                continue
            params = with_objects(self.space, trial.params)
            self.ledger.check(trial.number, params, kept)
            error = next((e for e in kept["error"] if e), None)
            if error is not None and isinstance(failed, str):
                raise ResumeError(
                    f"candidate {trial.number} of the study failed in an earlier run, and error_score='raise' asks for "
                    f"that to be told:\n{error}"
                )
            row = unpack(len(self._candidates), kept, failed)
            self._candidates.append(Candidate(trial.number, params, None, list(row), 0))

    def _loop(self, n_splits: int) -> None:
        pool = self.evaluate.pool
        room = 1.0 if pool.inline else ahead(self.evaluate.search.pre_dispatch, pool.n_workers)
        while True:
            while pool.running < room and (batch := self._next(n_splits)):
                pool.submit(batch)
            if not pool.running:
                return
            with salvaging(pool, self._saw):
                _, outcomes = pool.next()
            self._pace.saw(outcomes)
            self._saw(outcomes)

    # -- ask -------------------------------------------------------------------------------------------------------

    def _next(self, n_splits: int) -> list[Unit]:
        """The next piece of work; nothing if there is none to be begun."""
        if self._waiting:
            return [self._waiting.popleft()]
        units = self._ask(n_splits)
        pool = self.evaluate.pool
        if not units or pool.inline or pool.n_workers == 1:
            return units
        if self._pace.seconds is None or self._pace.seconds * n_splits >= WHOLE:
            rest = units.pop()
            while len(rest.splits) > 1:
                first, rest = rest.cut(1)
                self._waiting.append(first)
            self._waiting.append(rest)
            return [self._waiting.popleft()]
        if self.ledger.study.sampler.blind:  # nothing is to be learnt by waiting: send as much as pays
            left = (1000 if self.n_trials is None else self.n_trials - len(self._candidates)) * n_splits
            size = self._pace.size(left, pool.n_workers)
            while len(units) * n_splits < size and (further := self._ask(n_splits)):
                units += further
        return units

    def _ask(self, n_splits: int) -> list[Unit]:
        """A new candidate on all splits; nothing if none is to be started."""
        late = self._deadline is not None and time.monotonic() >= self._deadline
        if late or not self._more or (self.n_trials is not None and len(self._candidates) >= self.n_trials):
            return []
        try:
            trial = self.ledger.study.ask()
        except SpaceExhaustedError:
            self._more = False
            return []
        params = with_objects(self.space, trial.take_whole())
        evaluate = self.evaluate
        evaluate.checker.check_names(params)
        position = len(self._candidates)
        self._candidates.append(Candidate(trial.number, params, trial, [None] * n_splits, n_splits))
        unit = Unit(position, params, tuple(range(n_splits)))
        if self.context is not None and has_callbacks(evaluate.search, evaluate.task.estimator, [params]):
            unit.caller = evaluate.search
            unit.contexts = tuple(
                self.context.subcontext(task_name="candidate-split-evaluation", task_id=position * n_splits + split)
                for split in unit.splits
            )
        else:
            unit.prefix = evaluate.planner.plan([params], evaluate.planner.likely(n_values(self.space)))[0]
        return [unit]

    # -- tell ------------------------------------------------------------------------------------------------------

    def _saw(self, outcomes: list[Outcome]) -> None:
        for outcome in outcomes:
            self._enter(outcome)

    def _enter(self, outcome: Outcome) -> None:
        candidate = self._candidates[outcome.candidate]
        candidate.row[outcome.split] = outcome
        candidate.left -= 1
        if candidate.left or candidate.trial is None:
            return
        row = [o for o in candidate.row if o is not None]
        value, reason = self.ledger.value(row)
        cost = sum(o.fit_seconds + o.score_seconds for o in row)
        candidate.trial.set_user_attr(KEY, pack(self.ledger.key(candidate.params), row))
        if value is None:
            told = self.ledger.study.tell(candidate.trial, state=TrialState.FAIL, reason=reason, cost=cost)
        else:
            told = self.ledger.study.tell(candidate.trial, value, cost=cost)
        if self.ledger.display is not None:
            self.ledger.display.saw([told])
