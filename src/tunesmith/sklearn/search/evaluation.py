"""``evaluate_candidates``: the function that a search calls with its candidates, once or many times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from sklearn import get_config

from tunesmith.sklearn._compat import INCONSISTENT_SPLITS, fill_error_scores, is_multimetric, report_fit_failures
from tunesmith.sklearn.checks.data import InputChecker
from tunesmith.sklearn.checks.names import ParameterChecker
from tunesmith.sklearn.evaluate.callbacks import has_callbacks, split_contexts
from tunesmith.sklearn.evaluate.pool import Pool
from tunesmith.sklearn.evaluate.shared_steps import Planner, order_by_prefix
from tunesmith.sklearn.evaluate.task import Task, Unit
from tunesmith.sklearn.protocols import (
    CallbackContext,
    Data,
    Estimator,
    Params,
    Results,
    Search,
    Split,
    Splitter,
)
from tunesmith.sklearn.results.partial import fill_missing, mark_missing
from tunesmith.sklearn.results.retained import RetainedData
from tunesmith.sklearn.search.fixed_units import run_all
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL, CandidateStore, Row, fingerprint
from tunesmith.sklearn.store.outcome import Outcome


class Evaluation:
    """Evaluates the candidates of one call of ``fit`` and gathers their results.

    Args:
        search: the search; its settings are read, nothing is written to it.
        base: an unfitted clone of the estimator.
        X: the rows.
        y: their targets.
        scorers: as ``_get_scorers`` returns them.
        routed: arguments of the estimator's ``fit``, of the splitter and of the scorer.
        pool: where the fits run.
        store: where finished candidates are kept; None: nowhere.

    Attributes:
        results: ``cv_results_`` so far.
        numbers: the trial of each candidate, where there is a study.
        outcomes: scikit-learn's records of all fits, candidate by candidate; where one was given up, the mean of its
            records stands for those that are missing.
    """

    def __init__(
        self,
        search: Search,
        base: Estimator,
        X: Data,
        y: Data,
        scorers: Any,
        routed: Any,
        pool: Pool,
        store: CandidateStore | None,
    ) -> None:
        self.search = search
        self.pool = pool
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
        self.planner = Planner(base if search.share_steps and not array_api else None)
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
            candidate_params: parameters by name, of each candidate.
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
        display = None if self.store is None else self.store.display
        run_all(self.pool, units, search.pre_dispatch, collector.receive, display)
        self.numbers += collector.numbers
        self.add(candidates, collector.rows, more_results)
        self.kept.enter(begin, len(self._params), splits)
        return self.results

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
        if store.display is not None:
            store.display.begin(len(units), len(units) - len(left))
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
        self._candidates = candidates
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
            trials = self._store.add([(self._candidates[i], whole) for i, whole in done.items()])
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
    kept = {
        "fit_error": outcome.error,
        "test_scores": outcome.test,
        "fit_time": outcome.fit_seconds,
        "score_time": outcome.score_seconds,
    }
    if outcome.train is not None:
        kept["train_scores"] = outcome.train
    return kept


def shared_step_bytes(workers: int) -> int:
    """Return how many bytes of shared pipeline steps each worker may keep: together a quarter of the memory."""
    import os

    try:
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        memory = 4 * 2**30
    return int(min(2 * 2**30, memory // 4 // workers))
