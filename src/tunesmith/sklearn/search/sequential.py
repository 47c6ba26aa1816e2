"""The policy of `SearchCV`: which fits are sent to the workers next, and when the study is asked and told.

Where a fit is worth sending by itself, the splits of a candidate are sent one after the other, many candidates at once,
so that one without hope is given up between them (see `.racing`); without a race they run beside each other.

A search with W workers is the same each time, whichever worker is faster, if candidate k is asked for when the study
has been told of all candidates up to k - W, in their order, and of no other; those are under way for the sampler. A
sampler that does not adapt is asked for more, so no worker ever waits for it. Otherwise a worker that has no new
candidate runs further splits of those under way, the first of them first. Without that order (``deterministic=False``)
the study is told of each candidate as it ends, and asked as soon as a worker is free.
"""

from __future__ import annotations

import math
import time
import warnings
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from sklearn.base import is_classifier

from tunesmith.errors import AttemptReplacedError, SpaceExhaustedError, StorageError, TrialsSpentError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.warnings import caution
from tunesmith.foundation.worker_names import current_worker
from tunesmith.sklearn._compat import count_rows
from tunesmith.sklearn.checks.scoring import check_default_scored
from tunesmith.sklearn.evaluate.folds import further_splits
from tunesmith.sklearn.evaluate.pool import Batch, BatchSizer, Deadline, dispatch_limit
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.protocols import CallbackContext, Params, Split
from tunesmith.sklearn.results.conclusion import SearchesHere
from tunesmith.sklearn.results.evidence import FinishedSearch
from tunesmith.sklearn.search.candidate import Candidate, CandidateTable
from tunesmith.sklearn.search.default import default_row, n_values, restore_objects, undisclosed_params
from tunesmith.sklearn.search.evaluation import Evaluation, has_callbacks, run_units_of, split_contexts
from tunesmith.sklearn.search.fidelity import make_screens
from tunesmith.sklearn.search.racing import RacingScheduler
from tunesmith.sklearn.store.candidates import (
    CANDIDATE_ATTR,
    DEFAULT_ATTR,
    NOT_A_TRIAL,
    CandidateStore,
    from_record,
    to_record,
)
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.space import Space
from tunesmith.study.engine.loop import Policy, run_loop
from tunesmith.trial import Trial
from tunesmith.trial.record import TrialRecord

# ----------------------------------------------------------------------------------------------------------------------
# Where the candidates of `SearchCV` come from: the estimator's own configuration, a portfolio, then the sampler.

DEFAULT_NOTE = "the estimator's own configuration"
PORTFOLIO_NOTE = "a configuration that did well on many data sets"


@dataclass(slots=True)
class Proposals:
    """Makes the candidates of one search.

    Args:
        evaluate: checks candidates and plans shared steps.
        table: where candidates are added.
        split_order: gives the order of a candidate's splits by its number.
        n_trials: how many trials the study shall have; None: no limit.
        context: scikit-learn's callback context of the search, if there is one.
        default: the estimator's own configuration; None: it is not tried. It is a trial of the study if it lies in the
            space, else it is stored with the study, and comes last in the results.
        first: points of the space that are tried after it, in order.

    Attributes:
        exhausted: whether the sampler has no point left.
    """

    evaluate: Evaluation
    table: CandidateTable
    split_order: Callable[[int, int], tuple[int, ...]]
    n_trials: int | None
    context: CallbackContext | None
    default: Params | None
    first: list[list[float]] = field(default_factory=list)
    exhausted: bool = False
    _default_waits: bool = False  # it lies outside the space, and was not run yet
    _to_plan: list[tuple[list[float], str]] = field(default_factory=list)  # what comes first: points and their notes
    _planned: int | None = None  # the number of the trial that the first of them is to be

    @property
    def n_cells(self) -> float:
        """The number of points of the space."""
        space = self.table.space
        return space.n_cells if space.is_finite else math.inf

    @property
    def all_tried(self) -> bool:
        """Whether every point of the space, or of the sampler's grid of it, was tried."""
        return self.exhausted or self.table.n_trials >= self.n_cells

    def plan_default(self, timeout: float | None) -> Candidate | None:
        """See to it that the default and the portfolio are tried; return the default if it is ended, and no trial.

        Args:
            timeout: after which the search ends; None: it tries all that it can.
        """
        every_cell = timeout is None and self.n_cells <= (self.n_trials or math.inf)
        by_itself = self.table.store.study.sampler.name == "grid" and every_cell  # each is one of the cells
        if not by_itself:
            self._to_plan = [(row, PORTFOLIO_NOTE) for row in self.first]
        if self.default is None:
            return None
        table, store, space = self.table, self.table.store, self.table.space
        row = default_row(self.default, space)
        if row is not None:
            self.default = restore_objects(space, space.decode_row(row))
        table.default_key = store.key(self.default)
        if row is None:
            record = store.study.system_attrs.get(DEFAULT_ATTR)
            if record is not None:
                store.check(NOT_A_TRIAL, self.default, record)
                return table.add_finished(NOT_A_TRIAL, self.default, record, exempt=True)
            self._default_waits = True
            return None
        if not by_itself:
            self._to_plan.insert(0, (row, DEFAULT_NOTE))
        return None

    def _plan(self) -> None:
        """Plan the first point that no trial of the study has as the next trial."""
        store, space = self.table.store, self.table.space
        while self._to_plan:
            row, note = self._to_plan[0]
            key = self._key(space.decode_row(row))
            self._planned = store.study.plan_next(row, note, partial(self._is, key))
            if self._planned is not None:
                return
            self._to_plan.pop(0)
        self._planned = None

    def _key(self, params: Params) -> str:
        """Return what identifies a candidate by its parameters as the study knows them."""
        return self.table.store.key(restore_objects(self.table.space, params))

    def _is(self, key: str, params: Params) -> bool:
        return self._key(params) == key

    def outside_default(self) -> Candidate | None:
        """Return the default if it lies outside the space and was not run yet; once."""
        if not self._default_waits:
            return None
        self._default_waits = False
        return self._make(NOT_A_TRIAL, self.default or {}, None)

    def propose(self, only_waiting: bool = False) -> Candidate | None:
        """Return the next candidate that the study proposes; None if there is none.

        Args:
            only_waiting: whether only one that was begun before is wanted, which waits to be run again.
        """
        below = self.n_trials
        if only_waiting:
            waiting = self.table.store.study.get_trials(states=[TrialState.WAITING])
            below = max((t.number + 1 for t in waiting), default=0)
        try:
            if self._to_plan and self._planned is None and not only_waiting:
                self._plan()
            trial = self.table.store.study.ask(below=below)
            trial.link.connect(None)  # what is noted is written just before the end: once is enough
            if self._planned is not None and trial.number >= self._planned:
                self._planned = None  # it is tried now, or another process has that number and it is planned again
        except TrialsSpentError:
            return None
        except SpaceExhaustedError:
            self.exhausted = True
            return None
        candidate = self._make(trial.number, restore_objects(self.table.space, trial.answers.take_whole()), trial)
        self.table.restore(candidate)
        return candidate

    def _make(self, number: int, params: Params, trial: Trial | None) -> Candidate:
        """Return a candidate with all splits to be sent."""
        evaluate, table = self.evaluate, self.table
        evaluate.checker.check_names(params)
        position, n_splits, begin = len(table.candidates), table.n_splits, table.first_split(number)
        order = tuple(begin + split for split in self.split_order(max(number, 0), n_splits))
        exempt = table.is_default(params)
        unit = Unit(position, params, order, lenient=number == NOT_A_TRIAL, explains=exempt)
        if self.context is not None and has_callbacks(evaluate.search, evaluate.task.estimator, [params]):
            unit.caller = evaluate.search
            unit.contexts = split_contexts(self.context, position, unit.splits, n_splits)
        else:
            unit.prefix = evaluate.planner.plan([params], evaluate.planner.likely(n_values(table.space)))[0]
        screening = None if exempt else table.screens.begin(unit)
        candidate = Candidate(position, number, params, [None] * n_splits, trial, unit, exempt, screening)
        table.candidates.append(candidate)
        return candidate


# ----------------------------------------------------------------------------------------------------------------------
# Runs candidates on other splits; the outcomes are stored with the study, but not as trials.


class Reruns:
    """Runs candidates on other splits, through the workers of a search, each on the same splits once.

    Args:
        store: where the outcomes are kept if the search is, so that it need not run them again.
    """

    def __init__(self, evaluate: Evaluation, store: CandidateStore) -> None:
        self._evaluate = evaluate
        self._store = store
        self._kept: dict[str, list[Outcome]] = {}  # by key, where nothing is stored

    def __call__(
        self, candidates: Sequence[Params], splits: list[Split], deadline: Deadline
    ) -> list[list[Outcome]] | None:
        """Run candidates.

        Args:
            deadline: after which no fit is begun.

        Returns:
            For each candidate its outcome on each split, predictions included; None if the time was up before. A fit
            that fails has no score, whatever ``error_score`` says: the candidate did well enough before.
        """
        evaluate, store = self._evaluate, self._store
        keys = [store.key(c, splits) for c in candidates]
        found = self._known(keys)
        left = [i for i in range(len(candidates)) if i not in found]
        if left:
            evaluate.pool.prepare(evaluate.task, splits)
            prefixes = evaluate.planner.plan([candidates[i] for i in left])
            every = tuple(range(len(splits)))
            units = [Unit(i, candidates[i], every, p, lenient=True) for i, p in zip(left, prefixes, strict=True)]

            def enter(outcomes: list[Outcome]) -> None:
                for outcome in outcomes:
                    i = outcome.candidate
                    found.setdefault(i, []).append(outcome)
                    if len(found[i]) == len(splits):
                        self._keep(keys[i], found[i])

            run_units_of(evaluate.pool, units, evaluate.search.pre_dispatch, enter, deadline)
        if any(len(found.get(i, ())) < len(splits) for i in range(len(candidates))):
            return None
        return [sorted(found[i], key=lambda o: o.split) for i in range(len(candidates))]

    @property
    def _stored(self) -> bool:
        return self._evaluate.search.storage is not None

    def _known(self, keys: list[str]) -> dict[int, list[Outcome]]:
        """Return the outcomes of the candidates that ran on these splits before, by their places."""
        if not self._stored:
            return {i: list(self._kept[key]) for i, key in enumerate(keys) if key in self._kept}
        failed = self._evaluate.task.failed(lenient=True)
        records = enumerate(self._store.rerun_records(keys))
        return {i: from_record(i, record, failed) for i, record in records if record is not None}

    def _keep(self, key: str, outcomes: list[Outcome]) -> None:
        if self._stored:
            self._store.add_rerun(key, to_record(key, outcomes))
        else:
            self._kept[key] = outcomes


# ----------------------------------------------------------------------------------------------------------------------

SENT_WHOLE_SECONDS = 0.05  # a candidate whose splits take less together is sent as one piece: sending costs as much
LEFT_WITHOUT_LIMIT = 1000  # candidates that are taken to be left where there is no limit
MOST_PER_WORKER = 100  # candidates under way with a sampler that does not adapt, so that memory is bounded


class SequentialSearch(Policy[Batch, list[Outcome]]):
    """One call of ``SearchCV.fit``: the policy of its loop.

    Args:
        evaluate: runs the fits, and has the settings of the search.
        store: the study to ask and to tell.
        space: what is searched, with the choices as objects.
        context: scikit-learn's callback context of the search.
        here: the searches of the study in this process.
        n_trials: how many trials the study shall have, those of earlier runs and of other processes included; None: no
            limit.
        timeout: seconds after which no candidate is started; None: no limit.
        ends: when the search has to end, what comes after the candidates included, by the monotonic clock.
        default: the estimator's own configuration, which is tried first; None: there is none.
        first: points of the space that are tried after the default, as internal values.
    """

    def __init__(
        self,
        evaluate: Evaluation,
        store: CandidateStore,
        space: Space,
        context: CallbackContext,
        here: SearchesHere,
        *,
        n_trials: int | None,
        timeout: float | None,
        ends: float,
        default: Params | None,
        first: list[list[float]],
    ) -> None:
        self.evaluate, self.store, self.here = evaluate, store, here
        self.n_trials, self.timeout, self.ends = n_trials, timeout, ends
        self.pool = evaluate.pool
        self.search: Any = evaluate.search
        search, task, seed = self.search, evaluate.task, store.study.seed
        splits = evaluate.splits(search._checked_cv_orig)
        if search.reshuffle:
            splits += further_splits(search.cv, search._checked_cv_orig, evaluate.cut, seed)
        classifies = is_classifier(task.estimator)
        self.screens = make_screens(search.fidelity, task.estimator, space, splits, task.y, classifies, seed)
        self.table = CandidateTable(store, space, task, search.n_splits_, splits, self.screens)
        # a function that chooses the best needs scores on all splits
        racing = None if callable(search.refit) or search.reshuffle else search.racing
        self.scheduler = RacingScheduler(racing, store.metric, search.deterministic, self.screens)
        order = self.scheduler.split_order
        self.proposals = Proposals(evaluate, self.table, order, n_trials, context, default, first)
        self.persistent = search.storage is not None  # the store outlives the search, so predictions are stored too
        self.stopping = None if search.stop is None else store.study.stopping(search.stop)
        self.sizer = BatchSizer()
        self.adaptive = store.study.sampler.is_adaptive
        self.deadline = Deadline(self.sizer, self.pool)
        self.waited: set[int] = set()  # candidates that others left, which were asked for once
        self.closed = False  # no further candidate is begun
        self.at_once = True  # the study is told of each candidate as soon as it is decided
        self.limit = math.inf  # how many candidates there may be of which the study was not told
        self._decided: deque[Candidate] = deque()
        if self.stopping is not None:
            self.stopping.noise = self.table.noise

    def run(self) -> FinishedSearch:
        """Search, and put what is found into the results.

        Raises:
            ValueError: there was no time for a single candidate, or all fits failed.
            ResumeError: the study belongs to another search.
        """
        study = self.store.study
        self.evaluate.open(self.store, self.table.splits)
        study.recover()
        if (known := self.proposals.plan_default(self.timeout)) is not None:
            self.scheduler.consider(known)  # before the trials, as when it was run: of equal candidates the first leads
        self._load()
        self._prepare()
        if self.stopping is not None:
            self.stopping()  # the check of the last trial that was told may have been cut short
        try:
            self._set_limits()
            run_loop(self.pool, self)
            while self._left_by_others():
                self.closed = False
                run_loop(self.pool, self)
            self._keep_rest()
            study.release([c.number for c in self.scheduler.under_way if c.trial is not None])  # the time was up
        except BaseException:
            self._interrupted()
            raise
        finally:
            study.interrupt()  # none is left unless this was interrupted: they wait, to be run again
        self._join()
        if not self.table.finished():
            why = f"no candidate was started within the timeout of {self.timeout} seconds"
            if self.timeout is None:
                why = f"other processes run all {self.n_trials} candidates of the study {study.study_name!r}"
            raise ValueError(f"No fits were performed: {why}")
        self._tabulate()
        return self._result()

    # -- begin -----------------------------------------------------------------------------------------------------

    def _load(self) -> None:
        for candidate in self.table.load():
            self.scheduler.consider(candidate)

    def _prepare(self) -> None:
        """Show what is going to be done, and send the workers what is the same for all fits."""
        evaluate, table = self.evaluate, self.table
        total = min(self.n_trials or math.inf, self.proposals.n_cells)
        most = None if math.isinf(total) else int(total)
        if self.search.verbose > 0:
            up_to = "" if most is None else f"up to {most} "
            print(f"Fitting {table.n_splits} folds for each of {up_to}candidates")
        if evaluate.progress is not None:
            known = [c.scores(self.store.metric) for c in table.candidates]
            evaluate.progress.begin(most, known, self.timeout)
        task = evaluate.task
        task.n_candidates, task.once, task.metric = most or 0, True, self.store.metric
        self.pool.prepare(task, table.splits + self.screens.splits)
        if self.timeout is not None:
            self.deadline.at = time.monotonic() + self.timeout
            if self.search.refit:  # on all rows, which takes longer than on those of a fold
                trained = sum(len(train) for train, _ in table.splits) / len(table.splits)
                self.deadline.reserved = max(1.0, count_rows(task.X) / trained)

    def _set_limits(self) -> None:
        """Settle how many batches and how many candidates may be under way."""
        pool, deterministic = self.pool, self.search.deterministic
        pool.capacity = 1.0 if pool.inline else dispatch_limit(self.search.pre_dispatch, pool.n_workers)
        self.at_once = not (self.adaptive and deterministic)
        if deterministic:
            ahead = MOST_PER_WORKER * pool.n_workers
            self.limit = max(pool.capacity, pool.n_workers) if self.adaptive else ahead

    # -- ask -------------------------------------------------------------------------------------------------------

    def next(self) -> Batch | None:
        if self.deadline.passed and any(c.decided and c.complete for c in self.table.candidates):
            self._close()
            return None
        if (unit := self.scheduler.next_split(idle=False)) is not None:
            return [unit]
        candidate = self._next_candidate()
        if candidate is None:
            unit = self.scheduler.next_split(idle=True)
            return None if unit is None else [unit]
        n_splits, n_workers = self.table.n_splits, self.pool.n_workers
        alone = self.pool.inline or n_workers == 1
        if alone and not self.deadline.is_set:
            return [self.scheduler.all_splits(candidate)]
        if alone or self.sizer.seconds_per_fit is None or self.sizer.seconds_per_fit * n_splits >= SENT_WHOLE_SECONDS:
            unit = self.scheduler.next_split(idle=False)
            return None if unit is None else [unit]
        units = [self.scheduler.all_splits(candidate)]
        if not self.adaptive:  # nothing is to be learnt by waiting: send as much as pays
            n_left = LEFT_WITHOUT_LIMIT if self.n_trials is None else self.n_trials - self.table.n_trials
            size = self.sizer.size(n_left * n_splits, n_workers)
            while len(units) * n_splits < size and (further := self._next_candidate()):
                units.append(self.scheduler.all_splits(further))
        return units

    def _next_candidate(self) -> Candidate | None:
        """Return a new candidate with splits to be sent; None if none is to be started now."""
        candidate = self.proposals.outside_default()
        if candidate is not None:
            self.scheduler.under_way.append(candidate)
            return candidate
        while not self.closed:
            self._tell_due()
            if self._full:
                return None
            # One that has converged still ends what was under way when a run before this was interrupted.
            over = self.stopping is not None and self.stopping.over
            if not self.deadline.allows(self.table.n_splits):
                break
            if (candidate := self.proposals.propose(only_waiting=over)) is None:
                break
            self.scheduler.under_way.append(candidate)
            if candidate.outcomes:  # an interrupted run had them, and they may leave it no hope
                self._decided.extend(self.scheduler.decide())
            if candidate.rest is not None:
                return candidate
        self._close()
        return None

    # -- tell ------------------------------------------------------------------------------------------------------

    def ended(self, events: list[list[Outcome]]) -> None:
        outcomes = [o for batch in events for o in batch]
        self.sizer.observe(outcomes)
        if self.evaluate.progress is not None:
            self.evaluate.progress.fitted(len(outcomes))
        touched = {o.candidate: self.table.candidates[o.candidate] for o in outcomes}
        for outcome in outcomes:
            self.table.candidates[outcome.candidate].receive(outcome)
        for candidate in touched.values():
            if candidate.exempt and candidate.complete and not candidate.told:
                self._check_default(candidate)
        self._decided.extend(self.scheduler.decide())
        self._tell_due()
        if not self.persistent:
            return
        for candidate in touched.values():
            # of one that goes on, more comes soon
            if not candidate.told and (
                candidate.complete or candidate.decided or not self.scheduler.has_hope(candidate)
            ):
                self._store_partial(candidate)

    @property
    def _full(self) -> bool:
        """Whether a further candidate has to wait."""
        return len(self.scheduler.under_way) + len(self._decided) >= self.limit

    def _tell_due(self) -> None:
        """Tell the study of the candidates that it has to know before the next one is asked for."""
        while self._decided and (self.closed or self.at_once or self._full):
            self._tell(self._decided.popleft())

    def _close(self) -> None:
        """Begin no further candidate, and tell the study of all that are decided."""
        self.closed = True
        self._tell_due()

    def _store_partial(self, candidate: Candidate) -> None:
        """Store outcomes that the study is not told of yet: a search that is killed has them when it is resumed.

        The trial is then run again as it was proposed, takes what is stored, and is told in its turn.
        """
        if candidate.trial is not None and candidate.n_stored < len(candidate.outcomes):
            record = self.store.record(candidate.params, candidate.outcomes, len(candidate.row), candidate.screened)
            self.store.study.set_trial_attr(candidate.number, CANDIDATE_ATTR, record)
            candidate.n_stored = len(candidate.outcomes)

    def _check_default(self, candidate: Candidate) -> None:
        """End the search if no metric can score the default; what it ran is not kept, so that it is told again."""
        error_score = self.search.error_score
        if isinstance(error_score, str) or not math.isnan(error_score):
            return
        try:
            check_default_scored(candidate.outcomes)
        except ValueError:
            candidate.row = [None] * len(candidate.row)  # so that none is stored
            raise

    def _tell(self, candidate: Candidate) -> None:
        """Tell the study how a candidate ended."""
        trial, row = candidate.trial, candidate.outcomes
        seen = row if self.persistent else [o._replace(predictions=None) for o in row]
        record = self.store.record(candidate.params, seen, len(candidate.row), candidate.screened)
        if trial is None:
            self.store.study.set_system_attr(DEFAULT_ATTR, record)
            told = None
        else:
            try:
                trial.set_user_attr(CANDIDATE_ATTR, record)
                told = self._finish(candidate, trial)
            except AttemptReplacedError as replaced:  # another process has the trial; this search keeps what it has
                caution(str(replaced))
                told = None
        candidate.told, candidate.trial = True, None
        self.table.archive(candidate)
        if told is None:
            return
        if self.stopping is not None:
            self.stopping()
        if self.evaluate.progress is not None:
            self.evaluate.progress.ended(
                candidate.params, candidate.scores(self.store.metric), candidate.failed,
                "" if candidate.complete else told.reason or "",
            )  # fmt: skip

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

    def _interrupted(self) -> None:
        """Keep what is known: in a study that is lost with the search as results, else to be resumed from."""
        if not self.persistent:
            self._close()
            return
        with suppress(StorageError):  # what interrupted the search is what the user must see
            self._keep_rest()

    def _keep_rest(self) -> None:
        """Store what is known of the candidates that are not at their end, if something can go on from there."""
        if self.persistent:
            for candidate in self.scheduler.under_way:
                self._store_partial(candidate)

    # -- end -------------------------------------------------------------------------------------------------------

    def _left_by_others(self) -> bool:
        """Wait for the candidates that other searches run; return whether some of them are left to be run by this one.

        So all of them conclude from the same candidates. A search waits until its timeout for others, and not for a
        trial that no other search can be running.
        """
        study, most = self.store.study, self.n_trials
        pause = 0.05
        while not self.deadline.passed:
            running = set(study.history.running) - self.table.numbers - self.waited
            theirs = sorted(n for n in running if most is None or n < most)
            if not theirs:
                return False
            alone = self.here.searches == 1
            if alone and all(trial.worker == current_worker() for trial in study.get_trials(numbers=theirs)):
                return False
            if left := set(study.recover()) & set(theirs):
                self.waited |= left
                return True
            time.sleep(pause)
            pause = min(2 * pause, 1.0)
            if given_up := {t.number for t in study.get_trials(numbers=theirs) if t.state is TrialState.WAITING}:
                self.waited |= given_up
                return True
        return False

    def _join(self) -> None:
        """Take in what other processes have added to the study meanwhile."""
        study, known = self.store.study, self.table.numbers
        if not known.issuperset(study.history.number.tolist()):
            self._load()
        if running := len(set(study.history.running) - known):
            which = "1 candidate" if running == 1 else f"{running} candidates"
            warnings.warn(
                f"{which} of the study {study.study_name!r} are being run by other processes and are not in these "
                "results; call fit again when they have ended",
                stacklevel=2,
            )

    def _tabulate(self) -> None:
        """Put the candidates into the results, and say what the race has saved."""
        done = self.table.finished()
        n_run = [len(c.outcomes) for c in done]
        more: dict[str, list[Any]] = {"n_splits_run": n_run}
        if self.screens.levels or any(c.screening is not None for c in done):
            more |= self.screens.columns([c.screening for c in done], n_run, self.store.metric)
        screened = [[o for at in c.screened.values() for o in at] for c in done]
        self.evaluate.numbers = [c.number for c in done]
        self.evaluate.add([c.params for c in done], [c.row for c in done], more, screened)
        saved = len(done) * self.table.n_splits - sum(n_run)
        if self.search.verbose > 0 and saved:
            dropped = sum(not c.complete for c in done)
            print(f"{dropped} of {len(done)} candidates stopped early, which saved {saved} fits")

    def _result(self) -> FinishedSearch:
        evaluate, table, task = self.evaluate, self.table, self.evaluate.task
        default, notes = table.default_index(), list[str]()
        if default is not None and (untold := ", ".join(undisclosed_params(task.estimator, table.space))):
            notes.append(f"The default is the estimator as it is: its get_params() does not tell its own {untold}.")
        if all_tried := self.proposals.all_tried and not self.scheduler.under_way:
            notes.append(f"Every point of the {'space' if table.space.is_finite else 'grid'} was tried.")
        notes += [*evaluate.search._split_so, *evaluate.leaks]
        if evaluate.splits_otherwise:
            notes.append('cv="auto" splits the rows so.')
        if (screened := self.screens.summary([c.screening for c in table.finished()])) is not None:
            notes.append(screened)
        return FinishedSearch(
            evidence=table.evidence(evaluate.routed.splitter.split.get("groups")),
            study=self.store.study,
            scorer=task.scorer,
            results=evaluate.results,
            adaptive=self.adaptive and not all_tried,
            wants_default=self.proposals.default is not None,
            default=default,
            cut=evaluate.cut,
            rerun=Reruns(evaluate, self.store),
            deadline=replace(self.deadline, at=self.ends),
            notes=tuple(notes),
        )
