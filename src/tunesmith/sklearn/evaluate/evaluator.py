"""Fits and scores candidates on splits. Runs in the workers, without scheduling, storage or progress."""

from __future__ import annotations

import math
import re
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from traceback import format_exc
from types import TracebackType
from typing import Any

from joblib.logger import short_format_time
from sklearn.exceptions import ConvergenceWarning

from tunesmith.foundation.text import plain_text, printable, shorten
from tunesmith.sklearn._compat import check_method_params, is_multimetric, is_own_scorer, metric_scorers, score
from tunesmith.sklearn.evaluate.folds import Folds
from tunesmith.sklearn.evaluate.shared_steps import Prefixes, configure, copy_unfitted, has_plain_set_params
from tunesmith.sklearn.evaluate.task import Task, Unit, is_hopeless
from tunesmith.sklearn.evaluate.threads import keep_to, share_of
from tunesmith.sklearn.protocols import CallbackContext, Data, Params, Scores, Split
from tunesmith.sklearn.store.outcome import CaughtWarning, Outcome, encode_metrics, labels_of, recorded_scorer

# ----------------------------------------------------------------------------------------------------------------------
# Each warning of a search is shown once, however many of its fits give it.

KNOWN = ("builtins", "numpy", "pandas", "scipy", "sklearn")  # packages whose classes a driver can load, whatever it is
NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e[+-]?\d+)?")


class WarnOnce:
    """Shows each warning once, and of those that differ in numbers only the first. A context manager.

    Warning filters apply before. Several may be entered at once, in threads too: Python has one hook for all of them.

    Args:
        instead: gets what would be shown, of the thread that entered, in place of showing it; None: it is shown, and
            heard from all threads.
    """

    def __init__(self, instead: Callable[[CaughtWarning], Any] | None = None) -> None:
        self.instead = instead
        self.thread = 0
        self._seen: set[tuple[type[Warning], str, str, int]] = set()

    def __enter__(self) -> WarnOnce:
        self.thread = threading.get_ident()
        with _lock:
            if not _entered:
                _shown.append(warnings.showwarning)
                warnings.showwarning = _hear  # catch_warnings() would change the filters of all threads
            _entered.append(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with _lock:
            _entered.remove(self)
            if not _entered:
                before = _shown.pop()
                if warnings.showwarning is _hear:
                    warnings.showwarning = before

    def is_new(self, message: Warning | str, category: type[Warning], filename: str, lineno: int) -> bool:
        """Tell whether such a warning was not shown before; it counts as shown from now on."""
        key = (category, NUMBER.sub("#", str(message)), filename, lineno)
        with _lock:
            new = key not in self._seen
            self._seen.add(key)
        return new


_lock = threading.Lock()
_entered: list[WarnOnce] = []
_shown: list[Any] = []  # what shows warnings while one is entered


def _hear(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: Any = None,
    line: str | None = None,
) -> None:
    """Take the place of ``warnings.showwarning``."""
    with _lock:
        show_it = _shown[-1] if _shown else None
        own = [o for o in _entered if o.instead is not None and o.thread == threading.get_ident()]
        found = own or [o for o in _entered if o.instead is None]
        once = found[-1] if found else None
    if once is not None and not once.is_new(message, category, filename, lineno):
        return
    if once is not None and once.instead is not None:
        sent = category if category.__module__.partition(".")[0] in KNOWN else UserWarning
        once.instead(CaughtWarning(str(message), sent, filename, lineno))
    elif show_it is not None:
        show_it(message, category, filename, lineno, file, line)


def show(warned: CaughtWarning) -> None:
    """Show a warning that came from a worker; filters were asked there."""
    warnings.showwarning(warned.category(warned.text), warned.category, warned.path, warned.line)


# ----------------------------------------------------------------------------------------------------------------------
# The lines that a verbose search prints for each fit, in scikit-learn's words and layout.

WIDTH = 80


def announce_start(task: Task, unit: Unit, split: int) -> None:
    """Say that a fit begins (verbosity 10 and more)."""
    if task.verbose > 9:
        print(f"[CV{_position(task, unit, split)}] START {_params_text(unit.params)}".ljust(WIDTH, "."))


def announce_end(task: Task, unit: Unit, outcome: Outcome) -> None:
    """Say what a fit gave (verbosity 2 and more; with the scores from 3)."""
    if task.verbose < 2:
        return
    start = f"[CV{_position(task, unit, outcome.split)}] END "
    shown = _params_text(unit.params)
    result = shown + (";" if shown else "")
    if task.verbose > 2:
        if isinstance(outcome.test, dict):
            for name in sorted(outcome.test):
                train = f"train={outcome.train[name]:.3f}, " if task.train_scores else ""
                result += f" {name}: ({train}test={outcome.test[name]:.3f})"
        elif task.train_scores:
            result += f", score=(train={outcome.train:.3f}, test={outcome.test:.3f})"
        else:
            result += f", score={outcome.test:.3f}"
    result += f" total time={short_format_time(outcome.fit_seconds + outcome.score_seconds)}"
    print(start + result.rjust(WIDTH - len(start), "."))


def _position(task: Task, unit: Unit, split: int) -> str:
    text = ""
    if task.verbose > 2:
        text = f" {split + 1}/{task.n_splits}"
        if task.verbose > 9:
            text += f"; {unit.candidate + 1}/{task.n_candidates}"
    return text


def _params_text(params: Params) -> str:
    return printable(", ".join(f"{name}={params[name]}" for name in sorted(params)), lines=True)


# ----------------------------------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Evaluator:
    """Runs units of work in one process, and caches what they have in common.

    Args:
        alone: whether no other thread works on the same search.
    """

    task: Task
    splits: list[Split]
    alone: bool = True
    _folds: Folds = field(init=False)
    _prefixes: Prefixes = field(init=False)
    _plain_scorer: bool = field(init=False)
    _plain_params: bool = field(init=False)
    _labels: Any = field(init=False)
    _warned: list[CaughtWarning] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._folds = Folds(self.task.X, self.task.y, self.splits)
        self._prefixes = Prefixes(self.task.prefix_bytes, self.task.train_scores, self.alone)
        self._plain_scorer = is_own_scorer(self.task.scorer)
        self._plain_params = has_plain_set_params(self.task.estimator)
        self._labels = labels_of(self.task.y) if self.task.record else None

    def run_in_worker(self, units: list[Unit]) -> list[Outcome]:
        """Run every unit in a worker, and send warnings back with the last outcome if each is to be shown once."""
        if not self.task.once:
            return self.run(units)
        with WarnOnce(self._warned.append):
            outcomes = self.run(units)
        if outcomes and self._warned:
            outcomes[-1] = outcomes[-1]._replace(warned=tuple(self._warned))
            self._warned.clear()
        return outcomes

    def run(self, units: list[Unit], outcomes: list[Outcome] | None = None) -> list[Outcome]:
        """Fit and score every unit, in order.

        Args:
            outcomes: a list to append to, fit by fit, for a caller who needs it even after an interruption.

        Raises:
            Exception: what a fit raised, if ``error_score="raise"``.
        """
        outcomes = [] if outcomes is None else outcomes
        for unit in units:
            template = self._configured(unit)
            row: list[Outcome | None] = [None] * self.task.n_splits if unit.race is not None else []
            for i, split in enumerate(unit.splits):
                if i + 1 == len(unit.splits):
                    estimator = template  # it is not copied again
                elif self._plain_params:
                    estimator = copy_unfitted(template)
                else:
                    estimator = self._configured(unit)
                context = unit.contexts[i] if unit.contexts else None
                outcome = self._one(estimator, unit, split, context)
                if unit.race is not None:
                    row[split] = outcome
                    outcome = outcome._replace(hopeless=is_hopeless(unit.race, row, self.task.metric))
                outcomes.append(outcome)
                if outcome.hopeless:
                    break
        return outcomes

    def _configured(self, unit: Unit) -> Any:
        estimator = configure(self.task.estimator, unit.params)
        if self.task.beside > 1:
            keep_to(estimator, share_of(self.task.beside))
        return estimator

    def _one(self, estimator: Any, unit: Unit, split: int, context: CallbackContext | None) -> Outcome:
        task = self.task
        announce_start(task, unit, split)
        fit_params, score_params, train_params = self._cut_params(split)
        start = time.perf_counter()
        fold = self._folds.get(split, estimator)
        metadata = {"sample_weight": w} if (w := fit_params.get("sample_weight")) is not None else None
        error, fit_seconds, score_seconds = None, 0.0, 0.0
        failure, failed = task.failure(unit.lenient), task.failed(unit.lenient)
        test, train = failed, failed if task.train_scores else None
        predictions, others, unscored = None, None, None
        try:
            stage = None
            if unit.prefix is not None and context is None and not fit_params:
                stage = self._prefixes.stage(estimator, unit.prefix, split, fold)
            fit_start = start if stage is None else time.perf_counter()
            X = fold.X
            if stage is not None:
                X = stage.train
                _replace_steps(estimator, ["passthrough"] * len(stage.fitted))  # they are fitted already
            with _without_news() if unit.partial else nullcontext():
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
            if stage is not None and self._plain_scorer:
                X_test, X_again, score_seconds = stage.test, stage.train_again, stage.seconds[1]
            elif stage is not None:  # a user's function gets the whole pipeline
                _replace_steps(estimator, stage.fitted)
            recorded: Any = nullcontext((task.scorer, []))
            if task.record:
                recorded = recorded_scorer(task.scorer, task.metric, task.every, estimator)
            quiet = _without_news() if unit.partial and unit.explains else nullcontext()
            with recorded as (scorer, heard), quiet:
                test = score(estimator, X_test, fold.y_test, scorer, score_params, failure)
            found = encode_metrics(heard, self._labels, estimator)
            several = is_multimetric(task.scorer)
            predictions, others = found.get(task.metric if several else None), found if several and task.every else None
            if unit.explains:
                unscored = self._why_unscored(estimator, X_test, fold.y_test, score_params, test)
            score_seconds += time.perf_counter() - scored
            if task.train_scores:
                train = score(estimator, X_again, fold.y, task.scorer, train_params, failure)
        finally:
            if context is not None:
                context.call_on_fit_task_end(estimator=unit.caller, X=fold.X, y=fold.y, metadata=metadata)
        outcome = Outcome(
            candidate=unit.candidate,
            split=split,
            test=test,
            train=train,
            fit_seconds=fit_seconds,
            score_seconds=score_seconds,
            error=error,
            predictions=predictions,
            others=others,
            unscored=unscored,
        )
        announce_end(task, unit, outcome)
        return outcome

    def _why_unscored(self, estimator: Any, X: Data, y: Data, params: Params, test: Scores) -> str | None:
        """Return what the scorer raises for a fitted estimator; None if it has a score, or raises nothing."""
        metric, scorer = self.task.metric, self.task.scorer
        found = test.get(metric, 0.0) if isinstance(test, dict) else test
        if not math.isnan(found):
            return None
        if metric is not None and is_multimetric(scorer):
            scorer = metric_scorers(scorer)[metric]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they were shown with the score
            try:  # the score was made by code of scikit-learn's that keeps the error to itself
                scorer(estimator, X, **params) if y is None else scorer(estimator, X, y, **params)
            except Exception as error:
                return plain_text(shorten(f"{type(error).__name__}: {' '.join(str(error).split())}"))
        return None

    def _cut_params(self, split: int) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
        """Return the parameters of ``fit``, of scoring the test rows and of scoring the training rows."""
        task = self.task
        if not task.fit_params and not task.score_params:
            return {}, {}, {}
        train, test = self._folds.rows(split)
        return (
            check_method_params(task.X, params=task.fit_params, indices=train),
            check_method_params(task.X, params=task.score_params, indices=test),
            check_method_params(task.X, params=task.score_params, indices=train),
        )


@contextmanager
def _without_news() -> Iterator[None]:
    """Show no warning that a fit has not converged, nor one of a score of which the outcome tells the error."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "Scoring failed", UserWarning)
        yield


def _replace_steps(pipeline: Any, first: list[Any]) -> None:
    """Put others in the place of the first steps of a pipeline."""
    names = [name for name, _ in pipeline.steps]
    pipeline.steps = [*zip(names, first, strict=False), *pipeline.steps[len(first) :]]


def _fit(
    estimator: Any, X: Data, y: Data, params: Params, context: CallbackContext | None, caller: Any, metadata: Any
) -> None:
    """Call ``fit`` as scikit-learn's searches do, inside the callback context if there is one."""
    data = (X,) if y is None else (X, y)
    if context is None:
        estimator.fit(*data, **params)
        return
    with context.propagate_callback_context(estimator):
        context.call_on_fit_task_begin(estimator=caller, X=X, y=y, metadata=metadata)
        estimator.fit(*data, **params)
