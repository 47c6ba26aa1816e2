"""The loop of :class:`SearchCV`: ask the study for a candidate when a worker is free, tell it when its splits are done.

Where a fit is worth sending by itself, the splits of a candidate are sent one after the other, many candidates at once,
so that one without hope is given up between them (see :mod:`.racing`); without a race they run beside each other.

A search is the same each time, whichever worker is faster (see :mod:`.turns`): those that the study was not told of
are under way for the sampler. One that is not adaptive is asked for more, so no worker ever waits for it. Otherwise
a worker that has no new candidate runs further splits of those under way, the first of them first. Without that order
(``deterministic=False``) the study is told of each candidate as it ends, and asked as soon as a worker is free.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn import get_config

from tunesmith.errors import ResumeError, SpaceExhaustedError, TrialsSpentError
from tunesmith.selection.converged import fold_noise
from tunesmith.sklearn.evaluate.batches import Pace, ahead, salvaging
from tunesmith.sklearn.evaluate.callbacks import has_callbacks
from tunesmith.sklearn.evaluate.folds import places
from tunesmith.sklearn.evaluate.splits import further_splits
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.search.choices import n_values, with_objects
from tunesmith.sklearn.search.default import default_row, untold
from tunesmith.sklearn.search.evaluation import Evaluation
from tunesmith.sklearn.search.racing import Candidate, Contest
from tunesmith.sklearn.search.rerun import run_again
from tunesmith.sklearn.search.turns import Turns
from tunesmith.sklearn.store.candidates import KEY, NOT_A_TRIAL, Ledger, pack, unpack
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.sklearn.store.predictions import Shelf, labels_of
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.study import Study
from tunesmith.study.stopping import Stopping
from tunesmith.trial import Trial

KEPT = "sklearn default"  # under which attribute of the study it is kept
WHOLE = 0.05  # seconds: a candidate whose splits take less together is sent as one piece


@dataclass(slots=True)
class Sequential:
    """One call of ``SearchCV.fit``.

    Args:
        evaluate: what fits and scores.
        ledger: the study to ask and to tell.
        space: what is searched, with the choices as objects.
        n_trials: how many trials the study shall have, those of earlier runs and of other processes included; None: no
            limit.
        timeout: seconds after which no candidate is started; None: no limit.
        context: scikit-learn's callback context of the search, if there is one.
        racing: the rule by which candidates are given up between splits; None: none are.
        default: the estimator's own configuration, which is tried first; None: there is none. It is a trial of the
            study if it lies in the space, else it stands beside the trials, and last in the results.
        stopping: looks whether the search has converged; None: it never ends by itself.
        reshuffle: whether each candidate has splits of its own; they take turns at a number of sets of splits.
        deterministic: whether candidates are asked for, given up and told in their order.
    """

    evaluate: Evaluation
    ledger: Ledger
    space: Space
    n_trials: int | None
    timeout: float | None
    context: Any
    racing: str | None = None
    default: dict[str, Any] | None = None
    stopping: Stopping | None = None
    reshuffle: bool = False
    deterministic: bool = True
    _candidates: list[Candidate] = field(default_factory=list)
    _splits: list[tuple[Any, Any]] = field(default_factory=list)  # of all sets, one set after the other
    _pace: Pace = field(default_factory=Pace)
    _contest: Contest = field(init=False)
    _shelf: Shelf = field(default_factory=Shelf)
    _turns: Turns = field(init=False)
    _more: bool = True  # the sampler has points left
    _beside: bool = False
    _default_key: str | None = None
    _planned: tuple[int, list[float]] | None = None  # the number of the default's trial, and its point
    _deadline: float | None = None

    def __post_init__(self) -> None:
        self._contest = Contest(self.racing, self.ledger.metric, self.deterministic)
        self._turns = Turns(self._contest)
        if self.stopping is not None:
            self.stopping.noise = self._noise

    def run(self) -> None:
        """Search, and put what is found into the results.

        Raises:
            ValueError: there was no time for a single candidate, or all fits failed.
            ResumeError: the study belongs to another search.
        """
        evaluate, study = self.evaluate, self.ledger.study
        splits = evaluate.splits(evaluate.search._checked_cv_orig)
        self._splits = splits
        if self.reshuffle:
            search = evaluate.search
            self._splits = splits + further_splits(search.cv, search._checked_cv_orig, evaluate.cut, study.seed)
        evaluate.open(self.ledger, self._splits)
        study.recover()
        self._load()
        self._set_default()
        total = min(self.n_trials or math.inf, self._n_cells)
        most = None if math.isinf(total) else int(total)
        if evaluate.search.verbose > 0:
            up_to = "" if most is None else f"up to {most} "
            print(f"Fitting {len(splits)} folds for each of {up_to}candidates")
        if self.ledger.display is not None:
            self.ledger.display.begin(most, len(self._candidates), self.timeout)
            evaluate.pool.idle = self.ledger.display.tick
        evaluate.task.n_candidates, evaluate.task.once = most or 0, True
        evaluate.task.metric = self.ledger.metric
        evaluate.task.record = not get_config()["array_api_dispatch"]
        evaluate.pool.prepare(evaluate.task, self._splits)
        if self.timeout is not None:
            self._deadline = time.monotonic() + self.timeout
        try:
            self._loop(len(splits))
        except BaseException:
            if evaluate.search.storage is None:
                self._turns.over = True
                self._tell_due()
            else:  # it is told in its turn when the search goes on
                for candidate in self._contest.under_way:
                    self._keep(candidate, interrupted=True)
            raise
        finally:
            study.release(study.live)  # none is left unless this was interrupted: they wait, to be run again
        self._join()
        if not self._done():
            why = f"no candidate was started within the timeout of {self.timeout} seconds"
            if self.timeout is None:
                why = f"other processes run all {self.n_trials} candidates of the study {study.study_name!r}"
            raise ValueError(f"No fits were performed: {why}")
        self._tabulate()

    def _join(self) -> None:
        """Take in what other processes have added to the study meanwhile."""
        history = self.ledger.study.history
        known = {c.number for c in self._candidates}
        if not known.issuperset(history.number.tolist()):
            self._load()
        if running := len(set(history.running) - known):
            which = "1 candidate" if running == 1 else f"{running} candidates"
            warnings.warn(
                f"{which} of the study {self.ledger.study.study_name!r} are being run by other processes and are not "
                "in these results; call fit again when they have ended",
                stacklevel=2,
            )

    def _noise(self) -> float | None:
        """The standard deviation of a mean over the splits; None if there are too few splits to tell."""
        scores = np.array([c.scores(self.ledger.metric) for c in self._candidates if c.whole and c.told])
        if self._n_splits < 2 or not np.isfinite(scores).all(axis=1).any():
            return None
        train, test = self._splits[0]
        return fold_noise(scores, len(places(train)), len(places(test)))

    @property
    def _n_cells(self) -> float:
        """The number of points of the space."""
        return self.space.n_cells if self.space.is_finite else math.inf

    @property
    def exhausted(self) -> bool:
        """Whether every point of the space, or of the sampler's grid of it, was tried."""
        return not self._more or self._asked() >= self._n_cells

    @property
    def adaptive(self) -> bool:
        """Whether it depended on scores which candidates there are; not where every point was tried."""
        return self.ledger.study.sampler.is_adaptive and not self.exhausted

    @property
    def _n_splits(self) -> int:
        """The number of splits of a candidate."""
        return int(self.evaluate.search.n_splits_)

    def _set_of(self, number: int) -> int:
        """Where the splits of a trial begin."""
        return max(number, 0) * self._n_splits % len(self._splits)

    def _done(self) -> list[Candidate]:
        """The candidates in the order of the results."""
        done = [c for c in self._candidates if c.told and not (c.number == NOT_A_TRIAL and c.failed)]
        return sorted(done, key=lambda c: (c.number == NOT_A_TRIAL, c.number))

    def _tabulate(self) -> None:
        """Put the candidates into the results, and say what the race has saved."""
        done = self._done()
        n_run = [len(c.outcomes) for c in done]
        self.evaluate.add([c.params for c in done], [c.row for c in done], {"n_splits_run": n_run})
        saved = len(done) * self._n_splits - sum(n_run)
        if self.evaluate.search.verbose > 0 and saved:
            dropped = sum(not c.whole for c in done)
            print(f"{dropped} of {len(done)} candidates stopped early, which saved {saved} fits")

    def _load(self) -> None:
        """Take in the candidates that earlier runs ended.

        Raises:
            ResumeError: a choice is not what it was, or a fit failed and ``error_score`` says to raise.
        """
        failed = self.evaluate.task.failed()
        ends = [TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL]
        known = {c.number for c in self._candidates}
        for trial in self.ledger.study.get_trials(states=ends):
            kept = trial.user_attrs.get(KEY)
            if kept is None or trial.number in known:
                continue
            params = with_objects(self.space, trial.params)
            self.ledger.check(trial.number, params, kept)
            error = next((e for e in kept["error"] if e), None)
            if error is not None and isinstance(failed, str):
                raise ResumeError(
                    f"candidate {trial.number} of the study failed in an earlier run, and error_score='raise' asks for "
                    f"that to be told:\n{error}"
                )
            self._take_in(Candidate(trial.number, params, None, [None] * self._n_splits), kept)

    def _take_in(self, candidate: Candidate, kept: dict[str, Any]) -> None:
        """Enter a candidate that an earlier run ended."""
        candidate.decided = candidate.told = True
        for outcome in unpack(len(self._candidates), kept, self.evaluate.task.failed(lenient=candidate.kept)):
            candidate.row[outcome.split] = outcome
        candidate.dropped = not candidate.whole
        self._candidates.append(candidate)
        self._shelve(len(self._candidates) - 1, candidate)
        if candidate.whole:
            self._contest.finished(candidate)

    def _set_default(self) -> None:
        """See to it that the default is tried, unless an earlier run did."""
        if self.default is None:
            return
        study = self.ledger.study
        row = default_row(self.default, self.space)
        if row is not None:
            self.default = with_objects(self.space, self.space.decode_row(row))
        self._default_key = self.ledger.key(self.default)
        if row is None:
            kept = study.system_attrs.get(KEPT)
            if kept is None:
                self._beside = True
                return
            self.ledger.check(NOT_A_TRIAL, self.default, kept)
            self._take_in(Candidate(NOT_A_TRIAL, self.default, None, [None] * self._n_splits, kept=True), kept)
            return
        if study.sampler.name == "grid" and self._n_cells <= (self.n_trials or math.inf) and self.timeout is None:
            return  # it is one of the cells, and all are tried
        self._plan(row)

    def _plan(self, row: list[float]) -> None:
        """Plan the default's point as the next trial, unless it is among those of the study."""
        study, note = self.ledger.study, "the estimator's own configuration"
        number = study.engine.plan_next(row, note, unless=lambda p: self._is_default(with_objects(self.space, p)))
        self._planned = None if number is None else (number, row)

    def _loop(self, n_splits: int) -> None:
        pool = self.evaluate.pool
        room = 1.0 if pool.inline else ahead(self.evaluate.search.pre_dispatch, pool.n_workers)
        self._turns.begin(self.deterministic, self.ledger.study.sampler.is_adaptive, pool.n_workers, room)
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
        if (unit := self._contest.next(idle=False)) is not None:
            return [unit]
        candidate = self._ask(n_splits)
        if candidate is None:
            unit = self._contest.next(idle=True)
            return [] if unit is None else [unit]
        pool = self.evaluate.pool
        if pool.inline or pool.n_workers == 1:
            return [self._whole(candidate, n_splits)]
        if self._pace.seconds is None or self._pace.seconds * n_splits >= WHOLE:
            unit = self._contest.next(idle=False)
            return [] if unit is None else [unit]
        units = [self._whole(candidate, n_splits)]
        if not self.ledger.study.sampler.is_adaptive:  # nothing is to be learnt by waiting: send as much as pays
            left = (1000 if self.n_trials is None else self.n_trials - self._asked()) * n_splits
            size = self._pace.size(left, pool.n_workers)
            while len(units) * n_splits < size and (further := self._ask(n_splits)):
                units.append(self._whole(further, n_splits))
        return units

    def _whole(self, candidate: Candidate, n_splits: int) -> Unit:
        """Take all splits of a candidate, to be given up by the worker itself."""
        unit = candidate.send(n_splits)
        known_before = len(unit.splits) < n_splits
        unit.race = None if candidate.kept or known_before else self._contest.race
        return unit

    def _ask(self, n_splits: int) -> Candidate | None:
        """A new candidate with splits to be sent; None if none is to be started now."""
        if self._beside:
            self._beside = False
            return self._begin(NOT_A_TRIAL, self.default or {}, None, n_splits)
        while not self._turns.over:
            self._tell_due()
            if self._turns.open >= self._turns.most:
                return None
            late = self._deadline is not None and time.monotonic() >= self._deadline
            if late or (self.stopping is not None and self.stopping.over):
                break
            try:
                trial = self.ledger.study.ask(below=self.n_trials)
                trial.connect(None)  # what is noted is written just before the end: once is enough
                if self._planned is not None and trial.number >= self._planned[0]:
                    self._plan(self._planned[1])  # another process may have that number
            except TrialsSpentError:
                break
            except SpaceExhaustedError:
                self._more = False
                break
            candidate = self._begin(trial.number, with_objects(self.space, trial.take_whole()), trial, n_splits)
            self._recall(candidate)
            if candidate.rest is not None:
                return candidate
            self._decide()  # an interrupted run had all of it
        self._turns.over = True
        self._tell_due()
        return None

    def _recall(self, candidate: Candidate) -> None:
        """Take what an interrupted run kept of a candidate before the study was to be told of it."""
        kept = None if candidate.trial is None else candidate.trial.user_attrs.get(KEY)
        failed = self.evaluate.task.failed(lenient=candidate.kept)
        if kept is None or kept["key"] != self.ledger.key(candidate.params):
            return
        if isinstance(failed, str) and any(kept["error"]):
            return  # it is fitted again, so that the error is raised
        for outcome in unpack(len(self._candidates) - 1, kept, failed):
            candidate.row[outcome.split] = outcome
        candidate.take_back()
        candidate.stored = len(candidate.outcomes)

    def _is_default(self, params: dict[str, Any]) -> bool:
        return self._default_key is not None and self.ledger.key(params) == self._default_key

    def _asked(self) -> int:
        """How many trials there are."""
        return sum(c.number != NOT_A_TRIAL for c in self._candidates)

    def _begin(self, number: int, params: dict[str, Any], trial: Trial | None, n_splits: int) -> Candidate:
        """Make a candidate with all splits to be sent."""
        evaluate = self.evaluate
        evaluate.checker.check_names(params)
        position = len(self._candidates)
        kept = self._is_default(params)
        begin = self._set_of(number)
        order = tuple(begin + split for split in self._contest.order(max(number, 0), n_splits))
        unit = Unit(position, params, order, lenient=number == NOT_A_TRIAL)
        if self.context is not None and has_callbacks(evaluate.search, evaluate.task.estimator, [params]):
            unit.caller = evaluate.search
            ids = (position * n_splits + split % n_splits for split in unit.splits)
            name = "candidate-split-evaluation"
            unit.contexts = tuple(self.context.subcontext(task_name=name, task_id=i) for i in ids)
        else:
            unit.prefix = evaluate.planner.plan([params], evaluate.planner.likely(n_values(self.space)))[0]
        candidate = Candidate(number, params, trial, [None] * n_splits, unit, kept=kept)
        self._candidates.append(candidate)
        self._contest.under_way.append(candidate)
        return candidate

    # -- tell ------------------------------------------------------------------------------------------------------

    def _saw(self, outcomes: list[Outcome]) -> None:
        seen = {id(c): c for c in (self._candidates[o.candidate] for o in outcomes)}
        for outcome in outcomes:
            self._candidates[outcome.candidate].enter(outcome)
        self._decide()
        if self.evaluate.search.storage is not None:
            for candidate in seen.values():
                self._keep(candidate)

    def _decide(self) -> None:
        """See which candidates have ended, and tell the study of those whose turn it is."""
        self._turns.decide()
        self._tell_due()

    def _tell_due(self) -> None:
        for candidate in self._turns.due():
            self._end(candidate)

    def _keep(self, candidate: Candidate, interrupted: bool = False) -> None:
        """Store what has ended though the study is not told of it yet: a search that is killed has it when it goes on.

        The trial is then run again as it was proposed, takes what is kept, and is told in its turn.
        """
        if candidate.trial is None or candidate.told or candidate.stored == len(candidate.outcomes):
            return
        if not (interrupted or candidate.whole or candidate.decided) and self._contest.hopeful(candidate):
            return  # more of it comes soon
        kept = pack(self.ledger.key(candidate.params), candidate.outcomes, len(candidate.row))
        study = self.ledger.study
        study.engine.set_trial_attr(candidate.number, KEY, kept)
        candidate.stored = len(candidate.outcomes)

    def _end(self, candidate: Candidate) -> None:
        """Tell the study how a candidate ended."""
        row, trial, study = candidate.outcomes, candidate.trial, self.ledger.study
        position = row[0].candidate
        candidate.told = True
        cost = sum(o.fit_seconds + o.score_seconds for o in row)
        seen = row if self.evaluate.search.storage is not None else [o._replace(predictions=None) for o in row]
        kept = pack(self.ledger.key(candidate.params), seen, len(candidate.row))
        if trial is None:
            study.set_system_attr(KEPT, kept)
            self._shelve(position, candidate)
            return
        trial.set_user_attr(KEY, kept)
        if candidate.whole:
            value, reason = self.ledger.value(row)
            if value is None:
                told = study.tell(trial, state=TrialState.FAIL, reason=reason, cost=cost)
            else:
                told = study.tell(trial, value, cost=cost)
        else:
            # the value is the last report: what the mean on all splits would have been, for samplers to learn from
            if (race := candidate.against) is not None:
                trial.report(race.value(candidate.scores(self.ledger.metric)), len(row))
            reason = f"stopped after {len(row)} of {len(candidate.row)} folds: no hope of beating the best candidate"
            told = study.tell(trial, state=TrialState.PRUNED, reason=reason, cost=cost)
        candidate.trial = None
        self._shelve(position, candidate)
        if self.stopping is not None:
            self.stopping(study.engine)
        if self.ledger.display is not None:
            self.ledger.display.saw([told], len(candidate.row) - len(row))

    def _shelve(self, position: int, candidate: Candidate) -> None:
        """Keep a candidate's predictions where the worst can be let go."""
        seen = [None if o is None else o.predictions for o in candidate.row]
        scores = [s for s, o in zip(candidate.scores(self.ledger.metric), candidate.row, strict=True) if o is not None]
        self._shelf.put(position, candidate.whole, float(np.mean(scores)), seen)
        candidate.row = [None if o is None else o._replace(predictions=None) for o in candidate.row]

    # -- afterwards ------------------------------------------------------------------------------------------------

    @property
    def study(self) -> Study:
        """The study that holds the candidates."""
        return self.ledger.study

    @property
    def estimator(self) -> Any:
        """An unfitted clone of what is tuned."""
        return self.evaluate.task.estimator

    @property
    def scorer(self) -> Any:
        """scikit-learn's scorer, or a function (estimator, X, y) -> number or dict."""
        return self.evaluate.task.scorer

    @property
    def results(self) -> dict[str, Any]:
        """The search's ``cv_results_``."""
        return self.evaluate.results

    def untold(self) -> list[str]:
        """Return the space's parameters of which the estimator does not tell its own value."""
        return untold(self.estimator, self.space)

    def cut(self, splitter: Any) -> Iterable[tuple[Any, Any]]:
        """Return the splits of all rows that a splitter gives."""
        return self.evaluate.cut(splitter)

    def evidence(self) -> Evidence:
        """Return what the search has found out, in the order of ``cv_results_``; to be called when it has run."""
        evaluate, metric = self.evaluate, self.ledger.metric
        place = {id(c): i for i, c in enumerate(self._candidates)}
        done = self._done()
        return Evidence(
            params=[c.params for c in done],
            numbers=[c.number for c in done],
            keys=[self.ledger.key(c.params) for c in done],
            scores=np.array([c.scores(metric) for c in done]),
            ran=np.array([[o is not None for o in c.row] for c in done]),
            predictions=[self._shelf.get(place[id(c)]) for c in done],
            splits=self._splits[: self._n_splits],
            own_splits=[self._splits[i : i + self._n_splits] for i in (self._set_of(c.number) for c in done)],
            y=evaluate.task.y,
            labels=labels_of(evaluate.task.y),
            sample_weight=evaluate.task.score_params.get("sample_weight"),
            groups=evaluate.routed.splitter.split.get("groups"),
            metric=metric,
        )

    def default_index(self) -> int | None:
        """Return the default's place in ``cv_results_``; None if there is none, or it could not be fitted at all."""
        if self._default_key is None:
            return None
        places = [i for i, c in enumerate(self._done()) if self._is_default(c.params)]
        return places[0] if places else None

    def more(self, candidates: Sequence[dict[str, Any]], splits: list[tuple[Any, Any]]) -> list[list[Outcome]]:
        """Run given candidates on other splits, through the same workers; kept with the study, but not as trials.

        Args:
            candidates: their parameters.
            splits: pairs of training and test rows.

        Returns:
            For each candidate what it gave on each split, predictions included. A fit that fails has no score, whatever
            ``error_score`` says: the candidate did well enough before.
        """
        return run_again(self.evaluate, self.ledger, candidates, splits)
