"""``evaluate_candidates``: the function that a search calls with its candidates, once or many times."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn import get_config

from tunesmith.foundation.system import machine_memory
from tunesmith.sklearn._compat import INCONSISTENT_SPLITS, fill_error_scores, is_multimetric, report_fit_failures
from tunesmith.sklearn.checks.data import InputChecker
from tunesmith.sklearn.checks.names import ParameterChecker
from tunesmith.sklearn.evaluate.pool import Batch, BatchSizer, Deadline, Pool, batches, dispatch_limit
from tunesmith.sklearn.evaluate.shared_steps import Planner, order_by_prefix
from tunesmith.sklearn.evaluate.task import Task, Unit
from tunesmith.sklearn.protocols import (
    CallbackContext,
    Data,
    Estimator,
    Params,
    Results,
    Split,
    Splitter,
)
from tunesmith.sklearn.results.afterwards import RetainedData
from tunesmith.sklearn.search.progress import SearchProgress
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL, CandidateStore, Row, fingerprint
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.study.engine.loop import Policy, run_loop

# ----------------------------------------------------------------------------------------------------------------------
# The task tree for scikit-learn's callbacks, the same as that of scikit-learn's own searches.


def has_callbacks(search: Any, estimator: Estimator, candidates: list[Params]) -> bool:
    """Tell whether the search, the estimator, a part of it or of a candidate has callbacks."""
    if getattr(search, "_skl_callbacks", None) or hasattr(search, "_parent_callback_ctx"):
        return True
    values = [estimator, *(v for params in candidates for v in params.values())]
    return any(_carries(v) for v in values)


def _carries(value: Any) -> bool:
    if isinstance(value, str | int | float | type) or not hasattr(value, "get_params"):
        return False
    if getattr(value, "_skl_callbacks", None):
        return True
    try:
        inner = value.get_params(deep=True).values()
    except Exception:  # a candidate may hold an estimator that cannot be asked; its fit will say so
        return False
    return any(getattr(v, "_skl_callbacks", None) for v in inner)


def split_contexts(
    context: CallbackContext, candidate: int, splits: Iterable[int], n_splits: int
) -> tuple[CallbackContext, ...]:
    """Return the callback context of each fit of a candidate, as children of the search's context.

    They are made before the first fit: making them while estimators are sent to workers would change what is sent.

    Args:
        context: of the search.
        candidate: its position.
        splits: its splits, in the order in which they are run.
        n_splits: how many splits a candidate has.
    """
    ids = [candidate * n_splits + split % n_splits for split in splits]
    return tuple(context.subcontext(task_name="candidate-split-evaluation", task_id=i) for i in ids)


# ----------------------------------------------------------------------------------------------------------------------
# ``cv_results_`` with candidates that were given up before all splits were done.
#
# scikit-learn's own code makes the table and needs a number for every split: `fill_missing` gives it the
# candidate's mean where there is none, and `mark_missing` then takes these out again.

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Record = dict[str, Any]


def fill_missing(row: Sequence[Record | None], others: Sequence[Record] = ()) -> list[Record]:
    """Return scikit-learn's records of one candidate, with the mean of those that are there for those that are not.

    Args:
        row: its records by split.
        others: what to take the mean of if there is none.
    """
    there = [r for r in row if r is not None] or list(others)
    if len(there) == len(row):
        return there
    mean = {key: None if key == "fit_error" else _mean_record([r[key] for r in there]) for key in there[0]}
    return [mean if r is None else r for r in row]


def _mean_record(values: list[Any]) -> Any:
    if isinstance(values[0], dict):
        return {name: _mean_record([v[name] for v in values]) for name in values[0]}
    return float(np.mean(values))


def mark_missing(results: Results, ran: Mask) -> None:
    """Make ``cv_results_`` say what was run: NaN for other splits, means and deviations of those run, and ranks.

    Candidates that ran on all splits are ranked among themselves, as scikit-learn does. Those given up come after all
    of them, by how far they were behind the best on the splits that they ran on, on average; those that ran on none
    come last.

    Args:
        results: made from filled records; changed in place.
        ran: which splits were run, bool[C, K].
    """
    if ran.all():
        return
    n_splits = ran.shape[1]
    given_up = np.flatnonzero(~ran.all(axis=1) & ran.any(axis=1))
    screened_out = np.flatnonzero(~ran.any(axis=1))
    for key in [k for k in results if k.startswith("std_")]:
        name = key.removeprefix("std_")
        splits = [f"split{i}_{name}" for i in range(n_splits)]
        if splits[0] not in results:  # a time: the mean is right, the deviation was spread over too many
            results[key][given_up] *= np.sqrt(n_splits / ran[given_up].sum(axis=1))
            continue
        results[f"mean_{name}"][screened_out] = results[key][screened_out] = np.nan
        scores = np.column_stack([results[split] for split in splits])
        scores[~ran] = np.nan
        for i, split in enumerate(splits):
            results[split] = scores[:, i].copy()
        for c in given_up:
            own = scores[c, ran[c]]
            results[f"mean_{name}"][c], results[key][c] = own.mean(), own.std()
        if f"rank_{name}" in results:
            results[f"rank_{name}"] = ranks_of_candidates(scores, ran)


def ranks_of_candidates(scores: Floats, ran: Mask) -> NDArray[np.int32]:
    """Return the ranks of candidates, 1 is best, equals share the lower number; see `mark_missing`.

    Args:
        scores: by candidate and split, float64[C, K].
        ran: which of them are there, bool[C, K].
    """
    whole = ran.all(axis=1)
    means = scores[whole].mean(axis=1)
    best = scores[whole][np.nanargmax(means)] if not np.isnan(means).all() else np.zeros(scores.shape[1])
    with np.errstate(invalid="ignore"):
        behind = np.array(
            [float(np.mean((scores[c] - best)[ran[c]])) if ran[c].any() else np.nan for c in np.flatnonzero(~whole)]
        )
    rank = np.empty(len(scores), np.int32)
    rank[whole], rank[~whole] = _rank(means), whole.sum() + _rank(behind)
    return rank


def _rank(values: Floats) -> NDArray[np.int32]:
    """Ranks of values, the highest first, NaN last; all 1 if there is nothing else."""
    known = values[~np.isnan(values)]
    lowest = known.min() - 1 if len(known) else 0.0
    return np.asarray(rankdata(-np.where(np.isnan(values), lowest, values), method="min"), np.int32)


# ----------------------------------------------------------------------------------------------------------------------
# The policy of a search that knows its fits beforehand: they are run in batches, as far ahead as is asked for.


class FixedUnits(Policy[Batch, list[Outcome]]):
    """Runs given units.

    Args:
        n_workers: how many fits run at once.
    """

    def __init__(
        self,
        units: list[Unit],
        n_workers: int,
        received: Callable[[list[Outcome]], None],
        deadline: Deadline | None = None,
    ) -> None:
        self._deadline = deadline
        self._sizer = BatchSizer() if deadline is None else deadline.sizer
        self._batches = batches(units, self._sizer, n_workers)
        self._received = received

    def next(self) -> Batch | None:
        if self._deadline is not None and self._deadline.passed:
            return None
        return next(self._batches, None)

    def ended(self, events: list[list[Outcome]]) -> None:
        for outcomes in events:
            self._sizer.observe(outcomes)
            self._received(outcomes)


def run_units_of(
    pool: Pool,
    units: list[Unit],
    pre_dispatch: int | str,
    received: Callable[[list[Outcome]], None],
    deadline: Deadline | None = None,
) -> None:
    """Run all units.

    Args:
        units: what to run.
        pre_dispatch: how far ahead to send work, as scikit-learn has it.
        received: is called in this thread with the outcomes of each batch that ends.
    """
    pool.capacity = math.inf  # where joblib runs all that it is given before it returns
    if pool.inline or pool.streams:
        pool.capacity = 1.0 if pool.inline else dispatch_limit(pre_dispatch, pool.n_workers)
    run_loop(pool, FixedUnits(units, pool.n_workers, received, deadline))


# ----------------------------------------------------------------------------------------------------------------------


class Evaluation:
    """Evaluates the candidates of one call of ``fit`` and gathers their results.

    Args:
        search: the search; its settings are read, nothing is written to it.
        base: an unfitted clone of the estimator.
        scorers: as ``_get_scorers`` returns them.
        routed: arguments of the estimator's ``fit``, of the splitter and of the scorer.
        pool: where the fits run.
        store: where finished candidates are kept; None: nowhere.
        progress: shows how it goes; None: nothing does.

    Attributes:
        results: ``cv_results_`` so far.
        numbers: the trial of each candidate, where there is a study.
        outcomes: scikit-learn's records of all fits, candidate by candidate; where one was given up, the mean of its
            records stands for those that are missing.
    """

    def __init__(
        self,
        search: Any,
        base: Estimator,
        X: Data,
        y: Data,
        scorers: Any,
        routed: Any,
        pool: Pool,
        store: CandidateStore | None,
        progress: SearchProgress | None = None,
    ) -> None:
        self.search = search
        self.pool = pool
        self.progress = progress
        if progress is not None:
            progress.pool = pool
        self.routed = routed
        self.store = store
        self.results: Results = {}
        self.outcomes: list[dict[str, Any]] = []
        self.numbers: list[int] = []
        self.kept = RetainedData(
            y, routed.scorer.score.get("sample_weight"), routed.splitter.split.get("groups"), scorer=scorers
        )
        self._params: list[Params] = []
        self._ran: list[list[bool]] = []
        self._more: dict[str, list[Any]] = defaultdict(list)
        self.checker = ParameterChecker(base, search.error_score)
        self._input_checker: InputChecker | None = None  # looks at the splits too, if it was asked to look at the input
        array_api = get_config()["array_api_dispatch"]
        self.planner = Planner(None if array_api else base)
        self.task = Task(
            estimator=base,
            X=X,
            y=y,
            scorer=scorers,
            fit_params=routed.estimator.fit,
            score_params=routed.scorer.score,
            train_scores=search.return_train_score,
            error_score=search.error_score,
            verbose=search.verbose,
            n_splits=search.n_splits_,
            n_candidates=0,
            prefix_bytes=shared_step_bytes(pool.n_workers),
            record=not array_api,
        )

    def __call__(
        self,
        candidate_params: Iterable[Params],
        cv: Splitter | None = None,
        more_results: dict[str, list[Any]] | None = None,
        callback_ctx: CallbackContext | None = None,
    ) -> dict[str, Any]:
        """Fit and score candidates on every split.

        Args:
            cv: another splitter than the search's.
            more_results: further columns of ``cv_results_``, with a value for each candidate.
            callback_ctx: scikit-learn's callback context of the search.

        Returns:
            ``cv_results_`` of all candidates so far.

        Raises:
            SpaceError: a candidate has a parameter that the estimator does not have, or none can be fitted.
            ValueError: the splitter gave another number of splits than it said; there was nothing to fit; all fits
                failed.
        """
        search = self.search
        candidates = list(candidate_params)
        splits = self.splits(cv or search._checked_cv_orig)
        n_splits = len(splits)
        if search.verbose > 0:
            print(
                f"Fitting {n_splits} folds for each of {len(candidates)} candidates,"
                f" totalling {n_splits * len(candidates)} fits"
            )
        self.checker.check(candidates)
        units = self._units(candidates, n_splits, callback_ctx)
        if not units or not n_splits:
            raise ValueError("No fits were performed. Was the CV iterator empty? Were there no candidates?")
        begin = len(self._params)
        metric = search.refit if is_multimetric(self.task.scorer) and isinstance(search.refit, str) else None
        collector = ResultCollector(candidates, n_splits, self.store, partial(self.kept.put, begin))
        if self.store is not None:
            units = self._resume(self.store, splits, units, collector)
        self.task.n_candidates, self.task.metric, self.task.every = len(candidates), metric, True
        self.pool.prepare(self.task, splits)
        received: Callable[[list[Outcome]], None] = collector.receive
        if (progress := self.progress) is not None:
            known = [[o.figure(metric) for o in row if o is not None] for row in collector.rows if None not in row]
            progress.begin(len(candidates), known)
            received = partial(self._received, progress, collector)
        run_units_of(self.pool, units, search.pre_dispatch, received)
        self.numbers += collector.numbers
        self.add(candidates, collector.rows, more_results)
        self.kept.enter(begin, len(self._params), splits)
        return self.results

    def _received(self, progress: SearchProgress, collector: ResultCollector, outcomes: list[Outcome]) -> None:
        """Enter outcomes, and show how it goes."""
        collector.receive(outcomes)
        progress.fitted(len(outcomes))
        for i in dict.fromkeys(o.candidate for o in outcomes):
            row = [o for o in collector.rows[i] if o is not None]
            if len(row) == len(collector.rows[i]):
                scores = [o.figure(self.task.metric) for o in row]
                progress.ended(collector.params[i], scores, any(o.error is not None for o in row))

    def _resume(
        self, store: CandidateStore, splits: list[Split], units: list[Unit], collector: ResultCollector
    ) -> list[Unit]:
        """Enter the candidates that are kept from before; return the units that are still to be done."""
        self.open(store, splits)
        left = []
        for unit in sorted(units, key=lambda u: u.candidate):
            kept = store.take(unit.candidate, unit.params, self.task.failed())
            if kept is None:
                left.append(unit.candidate)
            else:
                collector.numbers[unit.candidate], row = kept
                collector.finish(unit.candidate, row)
        return [unit for unit in units if unit.candidate in set(left)]

    def open(self, store: CandidateStore, splits: list[Split]) -> None:
        """Make sure that what is kept belongs to this search; see `CandidateStore.open`."""
        store.open(fingerprint(self.search, self.task.estimator, self.task.X, self.task.y, self.routed), splits)

    def check_input(self, samples: list[Params]) -> None:
        """Check targets, scorers, sampled candidates and, once they are made, splits; see `InputChecker`."""
        metric = None if self.store is None else self.store.metric
        splitter = self.routed.splitter.split
        self._input_checker = InputChecker(self.task, metric, self.search._checked_cv_orig, splitter.get("groups"))
        self._input_checker.check(samples)

    @property
    def leaks(self) -> tuple[str, ...]:
        """What rows tell of one another across the splits, in sentences."""
        return () if self._input_checker is None else tuple(self._input_checker.leaks)

    @property
    def splits_otherwise(self) -> bool:
        """Whether other splits are the remedy for some of that."""
        return self._input_checker is not None and self._input_checker.splits_otherwise

    def cut(self, cv: Splitter) -> Iterable[Split]:
        """Return the splits of all rows that a splitter gives, as it gives them."""
        splits: Iterable[Split] = cv.split(self.task.X, self.task.y, **self.routed.splitter.split)
        return splits

    def splits(self, cv: Splitter) -> list[Split]:
        """Return the splits of all rows.

        Raises:
            ValueError: the splitter gave another number of splits than it said.
        """
        cut = partial(self.cut, cv)
        splits = list(cut()) if self._input_checker is None else self._input_checker.splits(cut)
        if len(splits) != self.search.n_splits_:
            raise ValueError(f"{INCONSISTENT_SPLITS} Expected {self.search.n_splits_} splits, got {len(splits)}")
        return splits

    def _units(self, candidates: list[Params], n_splits: int, callback_ctx: CallbackContext | None) -> list[Unit]:
        """The work to do, with equal pipeline prefixes side by side."""
        every = tuple(range(n_splits))
        units = [Unit(i, params, every) for i, params in enumerate(candidates)]
        if callback_ctx is not None and has_callbacks(self.search, self.task.estimator, candidates):
            for unit in units:
                unit.contexts, unit.caller = split_contexts(callback_ctx, unit.candidate, every, n_splits), self.search
            return units
        prefixes = self.planner.plan(candidates)
        for unit, prefix in zip(units, prefixes, strict=True):
            unit.prefix = prefix
        return [units[i] for i in order_by_prefix(prefixes)]

    def add(
        self,
        candidates: list[Params],
        rows: Sequence[Sequence[Outcome | None]],
        more: dict[str, list[Any]] | None,
        screened: Sequence[Sequence[Outcome]] | None = None,
    ) -> None:
        """Put further candidates into the results.

        Args:
            candidates: their parameters.
            rows: the outcomes of each, by split; None where it was given up before.
            more: further columns, by name.
            screened: the outcomes of each at lower fidelities: there is one where there is none of a split.

        Raises:
            ValueError: all fits failed.
        """
        search = self.search
        records = [[None if o is None else record(o) for o in row] for row in rows]
        made = [r for row in records for r in row if r is not None]
        report_fit_failures(made, search.error_score)
        if callable(search.scoring):
            fill_error_scores(made, search.error_score)
        self._params.extend(candidates)
        self._ran += [[r is not None for r in row] for row in records]
        lower = [[record(o) for o in own] for own in screened or [()] * len(records)]
        self.outcomes += [r for row, own in zip(records, lower, strict=True) for r in fill_missing(row, own)]
        for key, values in (more or {}).items():
            self._more[key].extend(values)
        self.results = search._format_results(self._params, search.n_splits_, self.outcomes, self._more)
        mark_missing(self.results, np.array(self._ran))


class ResultCollector:
    """Collects outcomes, and stores candidates whose splits are all done.

    Args:
        candidates: parameters of each.
        n_splits: how many outcomes each will have.
        store: where to keep them; None: nowhere.
        keep: gets the position of each finished candidate and its outcomes, whose predictions are dropped here.
    """

    def __init__(
        self, candidates: list[Params], n_splits: int, store: CandidateStore | None, keep: Callable[[int, Row], None]
    ) -> None:
        self.rows: list[list[Outcome | None]] = [[None] * n_splits for _ in candidates]
        self.numbers = [NOT_A_TRIAL] * len(candidates)
        self.params = candidates
        self._store = store
        self._keep = keep

    def receive(self, outcomes: list[Outcome]) -> None:
        """Enter the outcomes of a batch."""
        done: dict[int, Row] = {}
        for outcome in outcomes:
            row = self.rows[outcome.candidate]
            row[outcome.split] = outcome
            if None not in row:
                done[outcome.candidate] = [o for o in row if o is not None]
        if self._store is not None and done:
            trials = self._store.add([(self.params[i], whole) for i, whole in done.items()])
            for i, trial in zip(done, trials, strict=True):
                self.numbers[i] = trial.number
        for i, whole in done.items():
            self.finish(i, whole)

    def finish(self, candidate: int, row: Row) -> None:
        """Take in all outcomes of a candidate."""
        self._keep(candidate, row)
        self.rows[candidate] = [o._replace(predictions=None, others=None) for o in row]


def record(outcome: Outcome) -> dict[str, Any]:
    """Return an outcome in the form of scikit-learn's records."""
    kept = {"fit_error": outcome.error, "test_scores": outcome.test}
    kept |= {"fit_time": outcome.fit_seconds, "score_time": outcome.score_seconds}
    return kept if outcome.train is None else {**kept, "train_scores": outcome.train}


def shared_step_bytes(workers: int) -> int:
    """Return how many bytes of shared pipeline steps each worker may keep: together a quarter of the memory."""
    memory = machine_memory() or 4 * 2**30
    return int(min(2 * 2**30, memory // 4 // workers))
