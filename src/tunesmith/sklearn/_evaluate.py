"""Fits and scores candidates on splits. Runs in the workers; knows nothing of scheduling, storage or progress."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from traceback import format_exc
from typing import Any, NamedTuple

from tunesmith.selection.racing import Race
from tunesmith.sklearn._announce import announce_end, announce_start
from tunesmith.sklearn._compat import (
    check_method_params,
    is_multimetric,
    is_own_scorer,
    listen_to_scorers,
    metric_names,
    score,
)
from tunesmith.sklearn._folds import Folds
from tunesmith.sklearn._once import Once, Warned
from tunesmith.sklearn._predictions import Predictions, encode, encode_each, labels_of, listening
from tunesmith.sklearn._prefix import Prefix, Prefixes, Stage
from tunesmith.sklearn._replicate import configure, replicate, sets_params_plainly
from tunesmith.text import plain_text, shorten


class Outcome(NamedTuple):
    """What one fit on one split gave.

    Attributes:
        candidate, split: which one.
        test: the score on the test rows, or name to score.
        train: the same on the training rows; None if not wanted.
        fit_seconds, score_seconds: time taken.
        error: the traceback of a fit that failed, else None.
        predictions: what the scorer saw of the test rows, if that is recorded and can be.
        hopeless: whether the candidate was given up after this split, so that no more of its unit come.
        others: the same for each of several metrics, where all are recorded.
        warned: what was warned of in a worker up to here, and not told yet.
    """

    candidate: int
    split: int
    test: Any
    train: Any
    fit_seconds: float
    score_seconds: float
    error: str | None
    predictions: Predictions | None = None
    hopeless: bool = False
    others: dict[str, Predictions] | None = None
    warned: tuple[Warned, ...] = ()

    def figure(self, metric: str | None) -> float:
        """Return the score on the test rows, of the named metric where there are several; NaN if there is none."""
        if isinstance(self.test, dict):
            return float(self.test.get(metric, math.nan))
        return float(self.test)


def is_hopeless(race: Race | None, row: Sequence[Outcome | None], metric: str | None) -> bool:
    """Tell whether a candidate with these outcomes by split is to be given up; not if one of them has no score."""
    if race is None:
        return False
    scores = [math.nan if o is None else o.figure(metric) for o in row]
    lacking = any(o is not None and s != s for o, s in zip(row, scores, strict=True))
    return not lacking and race.hopeless(scores)


@dataclass(slots=True)
class Unit:
    """One candidate on some of the splits, as sent to a worker.

    Attributes:
        candidate: its position.
        params: its parameters.
        splits: on which splits to fit it.
        prefix: what its pipeline shares with other candidates.
        race: the incumbent to run against: the splits after which it is hopeless are left out. Only of a unit that
            holds all splits of its candidate.
        contexts: the callback context of each split, and the search that is handed to the callbacks.
        lenient: a fit that fails never ends the search, whatever ``error_score`` says.
    """

    candidate: int
    params: dict[str, Any]
    splits: tuple[int, ...]
    prefix: Prefix | None = None
    race: Race | None = None
    contexts: tuple[Any, ...] | None = None
    caller: Any = None
    lenient: bool = False

    def cut(self, n: int) -> tuple[Unit, Unit]:
        """Return two units with the first n splits and the others."""
        first, rest = (self.contexts[:n], self.contexts[n:]) if self.contexts else (None, None)
        return (
            replace(self, splits=self.splits[:n], contexts=first),
            replace(self, splits=self.splits[n:], contexts=rest),
        )

    def only(self, places: list[int]) -> Unit:
        """Return a unit with those splits that stand at the given places."""
        contexts = tuple(self.contexts[i] for i in places) if self.contexts else None
        return replace(self, splits=tuple(self.splits[i] for i in places), contexts=contexts)


@dataclass(slots=True)
class Task:
    """What is the same for all candidates of a search; sent to each worker once.

    Attributes:
        estimator: an unfitted clone of what is tuned.
        X, y: all rows.
        scorer: scikit-learn's scorer, or a function (estimator, X, y) -> number or dict.
        fit_params, score_params: what ``fit`` and the scorer get besides; arrays as long as the rows are cut too.
        train_scores: whether to score the training rows.
        error_score: the score of a fit that fails, or "raise".
        verbose: scikit-learn's verbosity.
        n_splits, n_candidates: how many there are, for messages.
        prefix_bytes: how much of shared pipeline steps each process may keep.
        metric: which of several metrics candidates are compared by; None: there is only one, or none that decides.
        record: whether to record what the scorer sees.
        every: whether to record it for each of several metrics, and not only for the one that decides.
        once: whether each warning is shown once, and not with each fit.
        config: scikit-learn's configuration, and the warning filters, of the caller; None in the caller's own thread.
    """

    estimator: Any
    X: Any
    y: Any
    scorer: Any
    fit_params: dict[str, Any]
    score_params: dict[str, Any]
    train_scores: bool
    error_score: Any
    verbose: int
    n_splits: int
    n_candidates: int
    prefix_bytes: int
    metric: str | None = None
    record: bool = False
    every: bool = False
    once: bool = False
    config: tuple[dict[str, Any], list[Any]] | None = None

    def failed(self, lenient: bool = False) -> Any:
        """Return the scores of a fit that failed; "raise" if that ends the search, which a lenient unit never does."""
        score = self.failure(lenient)
        if is_multimetric(self.scorer) and score != "raise":
            return dict.fromkeys(metric_names(self.scorer), score)
        return score

    def failure(self, lenient: bool) -> Any:
        """Return the score of a single metric where a fit failed, or "raise"."""
        return math.nan if lenient and self.error_score == "raise" else self.error_score


@dataclass(slots=True)
class Evaluator:
    """Runs units of work in one process, keeping what they have in common.

    Args:
        task: what is the same for all.
        splits: pairs of training and test rows.
        alone: whether no other thread works on the same search.
    """

    task: Task
    splits: list[tuple[Any, Any]]
    alone: bool = True
    _folds: Folds = field(init=False)
    _prefixes: Prefixes = field(init=False)
    _plain_scorer: bool = field(init=False)
    _plain_params: bool = field(init=False)
    _labels: Any = field(init=False)
    _warned: list[Warned] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._folds = Folds(self.task.X, self.task.y, self.splits)
        self._prefixes = Prefixes(self.task.prefix_bytes, self.task.train_scores, self.alone)
        self._plain_scorer = is_own_scorer(self.task.scorer)
        self._plain_params = sets_params_plainly(self.task.estimator)
        self._labels = labels_of(self.task.y) if self.task.record else None

    def run_apart(self, units: list[Unit]) -> list[Outcome]:
        """Run every unit in a worker, and send warnings back with the last outcome if each is to be shown once."""
        if not self.task.once:
            return self.run(units)
        with Once(self._warned.append):
            outcomes = self.run(units)
        if outcomes and self._warned:
            outcomes[-1] = outcomes[-1]._replace(warned=tuple(self._warned))
            self._warned.clear()
        return outcomes

    def run(self, units: list[Unit], outcomes: list[Outcome] | None = None) -> list[Outcome]:
        """Fit and score every unit, in order.

        Args:
            units: what to do.
            outcomes: where to put what comes out, fit by fit, for a caller who wants it even after an interruption.

        Raises:
            Exception: what a fit raised, if ``error_score="raise"``.
        """
        outcomes = [] if outcomes is None else outcomes
        for unit in units:
            template = configure(self.task.estimator, unit.params)
            row: list[Outcome | None] = [None] * self.task.n_splits if unit.race is not None else []
            for i, split in enumerate(unit.splits):
                if i + 1 == len(unit.splits):
                    estimator = template  # nothing is copied from it any more
                elif self._plain_params:
                    estimator = replicate(template)
                else:
                    estimator = configure(self.task.estimator, unit.params)
                context = unit.contexts[i] if unit.contexts else None
                outcome = self._one(estimator, unit, split, context)
                if unit.race is not None:
                    row[split] = outcome
                    outcome = outcome._replace(hopeless=is_hopeless(unit.race, row, self.task.metric))
                outcomes.append(outcome)
                if outcome.hopeless:
                    break
        return outcomes

    def _one(self, estimator: Any, unit: Unit, split: int, context: Any) -> Outcome:
        task = self.task
        announce_start(task, unit, split)
        fit_params, score_params, train_params = self._cut_params(split)
        start = time.perf_counter()
        fold = self._folds.get(split, estimator)
        metadata = {"sample_weight": w} if (w := fit_params.get("sample_weight")) is not None else None
        error, fit_seconds, score_seconds = None, 0.0, 0.0
        failure, failed = task.failure(unit.lenient), task.failed(unit.lenient)
        test, train = failed, failed if task.train_scores else None
        predictions, others = None, None
        try:
            stage = None
            if unit.prefix is not None and context is None and not fit_params:
                stage = self._prefixes.stage(estimator, unit.prefix, split, fold)
            fit_start = start if stage is None else time.perf_counter()
            steps = None if stage is None else _hide(estimator, stage)
            X = fold.X if stage is None else stage.train
            _fit(estimator, X, fold.y, fit_params, context, unit.caller, metadata)
        except Exception:
            fit_seconds = time.perf_counter() - start
            if isinstance(failure, str):
                raise
            error = plain_text(shorten(format_exc()))
        else:
            fit_seconds = time.perf_counter() - fit_start + (stage.seconds[0] if stage else 0.0)
            scored = time.perf_counter()
            X_test, X_again = fold.X_test, fold.X
            if stage is not None and steps is not None:
                if self._plain_scorer:
                    X_test, X_again, score_seconds = stage.test, stage.train_again, stage.seconds[1]
                else:
                    estimator.steps = [*steps, *estimator.steps[len(steps) :]]  # a user's function sees it whole
            if task.record and task.every and is_multimetric(task.scorer):
                told: list[tuple[str, str, Any]] = []
                scorer = listen_to_scorers(task.scorer, lambda *what: told.append(what))
                test = score(estimator, X_test, fold.y_test, scorer, score_params, failure)
                others = encode_each(told, self._labels, estimator)
                predictions = others.get(str(task.metric))
            elif task.record:
                with listening(task.scorer, task.metric, estimator) as (scorer, heard):
                    test = score(estimator, X_test, fold.y_test, scorer, score_params, failure)
                predictions = encode(heard, self._labels, estimator)
            else:
                test = score(estimator, X_test, fold.y_test, task.scorer, score_params, failure)
            score_seconds += time.perf_counter() - scored
            if task.train_scores:
                train = score(estimator, X_again, fold.y, task.scorer, train_params, failure)
        finally:
            if context is not None:
                context.call_on_fit_task_end(estimator=unit.caller, X=fold.X, y=fold.y, metadata=metadata)
        outcome = Outcome(
            unit.candidate, split, test, train, fit_seconds, score_seconds, error, predictions, others=others
        )
        announce_end(task, unit, outcome)
        return outcome

    def _cut_params(self, split: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """The parameters of ``fit``, of scoring the test rows and of scoring the training rows."""
        task = self.task
        if not task.fit_params and not task.score_params:
            return {}, {}, {}
        train, test = self._folds.rows(split)
        return (
            check_method_params(task.X, params=task.fit_params, indices=train),
            check_method_params(task.X, params=task.score_params, indices=test),
            check_method_params(task.X, params=task.score_params, indices=train),
        )


def _hide(pipeline: Any, stage: Stage) -> list[tuple[str, Any]]:
    """Let a pipeline pass over the steps that are done already; return them, fitted."""
    done = len(stage.fitted)
    names = [name for name, _ in pipeline.steps[:done]]
    pipeline.steps = [*((name, "passthrough") for name in names), *pipeline.steps[done:]]
    return list(zip(names, stage.fitted, strict=True))


def _fit(estimator: Any, X: Any, y: Any, params: dict[str, Any], context: Any, caller: Any, metadata: Any) -> None:
    """Call ``fit`` as scikit-learn's searches do, inside the callback context if there is one."""
    data = (X,) if y is None else (X, y)
    if context is None:
        estimator.fit(*data, **params)
        return
    with context.propagate_callback_context(estimator):
        context.call_on_fit_task_begin(estimator=caller, X=X, y=y, metadata=metadata)
        estimator.fit(*data, **params)
