"""Checks the input of ``SearchCV`` before the first fit.

It is an error if no candidate could be fitted and scored, and one warning if some could not. Metrics that are not
scikit-learn's are not judged.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import get_tags

from tunesmith.foundation.warnings import caution
from tunesmith.selection.metric import row_indices
from tunesmith.sklearn import _compat
from tunesmith.sklearn.checks.rows import leaks
from tunesmith.sklearn.checks.scoring import (
    classes_without,
    how_to_negate,
    is_sklearn_metric,
    last_step,
    loss_scores,
    metric_error,
    name_splits,
    sample_rows,
    why_undefined,
)
from tunesmith.sklearn.evaluate.folds import as_array
from tunesmith.sklearn.evaluate.task import Task
from tunesmith.sklearn.protocols import Data, Params, Split, Splitter

MOST_CLASSES_TRIED = 200  # with more classes than this no metric is tried: it would take too long
SPREAD_CLASSES = "Use StratifiedKFold, shuffle=True or fewer folds, so that each split has rows of every class."


class InputChecker:
    """Checks the input of one search.

    Args:
        metric: the name of the metric that decides, of several.
        groups: its groups, or None.

    Attributes:
        leaks: what is odd in the splits and what rows tell of one another across them, in sentences for the report.
        splits_otherwise: whether other splits are the remedy for some of it.
    """

    leaks: Sequence[str] = ()
    splits_otherwise: bool = False

    def __init__(self, task: Task, metric: str | None, cv: Splitter, groups: Data) -> None:
        self._task = task
        self._metric = metric
        self._cv = type(cv).__name__.replace("_CVIterableWrapper", "cv")
        self._groups = groups
        several = _compat.is_multimetric(task.scorer)
        self._scorers: dict[str, Any] = _compat.metric_scorers(task.scorer) if several else {"score": task.scorer}
        self._labels: NDArray[Any] | None = None  # of a classifier's targets
        self._codes: NDArray[np.intp] = np.empty(0, np.intp)  # the place of each target among the labels

    def check(self, candidates: Sequence[Params]) -> None:
        """Check the targets, and that candidates have the methods that the scorers call.

        Args:
            candidates: a sample of them.

        Raises:
            ValueError: targets are missing or of one class only, or no candidate could be scored.
        """
        if not any(candidates):
            caution("the space has no parameters: the only candidate is the estimator as it is")
        self._check_targets(as_array(self._task.y))
        self._check_weights(self._task.score_params.get("sample_weight"))
        for name, scorer in self._scorers.items():
            self._check_methods(name, _compat.response_methods(scorer), candidates)
        self._try_metrics()

    def splits(self, cut: Callable[[], Iterable[Split]]) -> list[Split]:
        """Return the splits that `cut` makes, after checking them.

        Raises:
            ValueError: the splitter refused, a split has no test rows, or the metric has no value on those it has.
        """
        try:
            splits = list(cut())
        except ValueError as error:
            if type(error) is not ValueError:  # a class of the user's own may say more than ours
                raise
            raise ValueError(
                f"{self._cv} cannot split {self._given()}: {error} {self._remedy(str(error))}".rstrip()
            ) from error
        if not splits:
            raise ValueError(f"{self._cv} makes no splits, of {self._given()}; at least one is needed")
        if bare := [i for i, (_, test) in enumerate(splits) if not len(row_indices(test))]:
            raise ValueError(
                f"{self._cv} leaves no test rows in {name_splits(bare)}, of {self._given()}. "
                f"{self._remedy('number of')}"
            )
        found = leaks(self._task.X, as_array(self._task.y), splits, self._groups)
        self.leaks = [*self._check_splits(splits), *(one.sentence for one in found)]
        self.splits_otherwise = any(one.says_how_to_split for one in found)
        for sentence in self.leaks:
            caution(sentence)
        return splits

    def _check_targets(self, y: NDArray[Any]) -> None:
        """Check for targets that are missing, or all the same."""
        estimator = self._task.estimator
        classifies, regresses = is_classifier(estimator), is_regressor(estimator)
        strict = self._is_plain()  # other estimators may need no targets
        if self._task.y is None and strict and (classifies or regresses) and get_tags(estimator).target_tags.required:
            kind = type(estimator).__name__
            raise ValueError(f"{kind} requires y to be passed, but the target y is None; call fit(X, y)")
        odd = y.size - np.count_nonzero(np.isfinite(y)) if y.dtype.kind == "f" else 0
        if odd and strict and (classifies or regresses) and self._cv != "cv":  # a list of splits may leave rows out
            kind = "NaN" if np.isnan(y).any() else f"infinity or a value too large for {y.dtype!r}"
            raise ValueError(f"Input y contains {kind}. {odd} of {y.size} values are not numbers; leave these rows out")
        if regresses and y.dtype.kind in "fiub" and len(y) > 1 and (y == y[0]).all():
            caution(f"y is {y[0]} in all {len(y)} rows: configurations score alike, and R² means nothing; is y right?")
        if not classifies or y.ndim != 1 or not len(y):
            return
        try:  # of objects, a set is much faster than sorting
            labels = np.array(sorted(set(y.tolist())), dtype=object) if y.dtype == object else np.unique(y)
            self._labels, self._codes = labels, np.searchsorted(labels, y)
        except (TypeError, ValueError):  # there is no order: for the estimator to judge
            return
        if len(labels) == 1:
            raise ValueError(
                f"y has only one class, {y.tolist()[0]!r} in all {len(y)} rows; a classifier needs at least two"
            )

    def _check_weights(self, weight: Any) -> None:
        """Check the weights of rows that the scorers get."""
        if weight is None:
            return
        w = as_array(weight)
        if w.shape[:1] != (n := as_array(self._task.y).shape[:1]):
            raise ValueError(f"sample_weight has the shape {w.shape}, and y {n[0]} rows: give one weight for each row")
        if w.dtype.kind not in "fiub" or not np.isfinite(w).all() or (w < 0).any() or not (w > 0).any():
            raise ValueError("sample_weight must be finite, not negative, and above 0 for some rows: scores need it so")

    def _check_methods(self, name: str, methods: tuple[str, ...], candidates: Sequence[Params]) -> None:
        """Check for candidates that have none of the methods that a scorer may call."""
        kinds = classes_without(self._task.estimator, candidates, methods) if methods else []
        if not kinds:
            return
        wrap = ", or wrap it in CalibratedClassifierCV" if "predict_proba" in methods else ""
        text = (
            f"{self._called(name)} needs {' or '.join(methods)}, which {', '.join(dict.fromkeys(kinds))} does not "
            f"have as it is configured; take another metric or estimator{wrap}"
        )
        text = f"{len(kinds)} of {len(candidates)} random points of the space cannot be scored: {text}"
        # of several metrics, scikit-learn ends the search where the method for one of them is not there
        if len(kinds) == len(candidates) or len(self._scorers) > 1 or self._task.error_score == "raise":
            raise ValueError(text)
        caution(text)

    def _try_metrics(self) -> None:
        """Check for metrics that these targets cannot have, and for losses given as scores."""
        estimator, y = self._task.estimator, as_array(self._task.y)
        classifies = self._labels is not None
        if not (classifies or (is_regressor(estimator) and y.dtype.kind in "fiub")) or y.ndim != 1 or len(y) < 2:
            return
        if (self._labels is not None and len(self._labels) > MOST_CLASSES_TRIED) or (
            y.dtype.kind == "f" and not np.isfinite(y).all()
        ):
            return
        X, y = sample_rows(self._task.X, y, classifies)
        for name, scorer in self._scorers.items():
            if _compat.is_passthrough_scorer(scorer):
                continue
            if is_sklearn_metric(scorer, estimator) and (why := metric_error(scorer, X, y, classifies)) is not None:
                self._report_unfit(name, why)
            elif self._decides(name) and (scores := loss_scores(scorer, self._metric, X, y, classifies)) is not None:
                best, constant = (f"{s:.4g}" for s in scores)
                raise ValueError(
                    f"{self._called(name)} seems to be a loss: perfect predictions score {best} and constant ones "
                    f"{constant}, but the search looks for the highest score; {how_to_negate(scorer)}"
                )

    def _report_unfit(self, name: str, why: str) -> None:
        """Warn that a metric cannot be computed from these targets; raise if no candidate could have a score."""
        kind = type(last_step(self._task.estimator)).__name__
        # an estimator of another library may predict what a plain one does not
        self._tell(name, f"{self._called(name)} cannot score {kind} on this y: {why}", self._is_plain(), UserWarning)

    def _check_splits(self, splits: list[Split]) -> list[str]:
        """Check for splits that lack classes or weight, and for metrics that have no value on them; return remarks."""
        self._check_weight_of(splits)
        labels, n = self._labels, 0 if self._labels is None else len(self._labels)
        cases: dict[bytes, tuple[NDArray[Any], NDArray[Any], list[int]]] = {}  # targets to learn and to score, splits
        poor = []
        for i, (train, test) in enumerate(splits):
            if labels is not None:
                learnt, asked = (np.bincount(self._codes[row_indices(r)], minlength=n) > 0 for r in (train, test))
                if learnt.sum() < 2:
                    poor.append(i)
                elif not asked.all() and n <= MOST_CLASSES_TRIED:
                    key = learnt.tobytes() + asked.tobytes()
                    cases.setdefault(key, (labels[learnt], np.repeat(labels[asked], 2), []))[2].append(i)
            elif is_regressor(self._task.estimator) and len(row_indices(test)) == 1:
                cases.setdefault(b"", (np.array([1.0, 2.0]), np.array([1.5]), []))[2].append(i)
        one_class = f"The training rows of {name_splits(poor)} have one class only: fits there fail or learn nothing."
        remarks = [f"{one_class} {SPREAD_CLASSES}"] if poor else []
        dummy: Any = DummyRegressor if labels is None else DummyClassifier
        every = np.array([1.0, 2.0]) if labels is None else np.repeat(labels, 2)
        for name, scorer in self._scorers.items() if cases else ():
            if is_sklearn_metric(scorer, self._task.estimator) and why_undefined(scorer, dummy, every, every) is None:
                found = [(i, why_undefined(scorer, dummy, a, b), len(a) >= n) for a, b, i in cases.values()]
                self._report(name, sorted((i, why, sure) for many, why, sure in found if why for i in many))
        return remarks

    def _check_weight_of(self, splits: list[Split]) -> None:
        """Check for splits whose test rows all have the weight 0: no score is defined there."""
        weight = self._task.score_params.get("sample_weight")
        bare = (
            []
            if weight is None
            else [i for i, (_, test) in enumerate(splits) if not as_array(weight)[row_indices(test)].any()]
        )
        if bare:
            text = (
                f"all test rows of {name_splits(bare)} have sample_weight 0, so nothing can be scored there. Leave "
                "rows of weight 0 out, or use shuffle=True or fewer folds"
            )
            score = self._task.error_score
            if isinstance(score, str) or math.isnan(score):
                raise ValueError(text)
            caution(text)

    def _report(self, name: str, bad: list[tuple[int, str, bool]]) -> None:
        """Warn on which splits a metric has no value, and why; raise if that holds for every candidate."""
        if not bad:
            return
        remedy = "Use fewer folds or another metric." if self._labels is None else SPREAD_CLASSES
        splits = name_splits([i for i, _, _ in bad])
        text = f"{self._called(name)} has no value on the test rows of {splits}: {bad[0][1]} {remedy}"
        self._tell(name, text, any(sure for _, _, sure in bad), UndefinedMetricWarning)

    def _tell(self, name: str, text: str, sure: bool, kind: type[Warning]) -> None:
        """Warn of a metric; raise if it decides, and it is sure that it has no value for any candidate."""
        score = self._task.error_score
        if sure and self._decides(name) and (isinstance(score, str) or math.isnan(score)):
            raise ValueError(f"no candidate could have a score, since {text}")
        caution(text, kind)

    def _is_plain(self) -> bool:
        """Whether scikit-learn itself has the estimator, and the last step of a pipeline."""
        estimator = self._task.estimator
        return all(type(e).__module__.startswith("sklearn.") for e in (estimator, last_step(estimator)))

    def _decides(self, name: str) -> bool:
        return len(self._scorers) == 1 or name == self._metric

    def _called(self, name: str) -> str:
        """Return the name of a metric for messages."""
        function = _compat.metric_function(self._scorers[name])
        if function is None:
            own = _compat.is_passthrough_scorer(self._scorers[name])
            return (
                "the estimator's own score" if own else f"the scorer {name!r}" if len(self._scorers) > 1 else "scoring"
            )
        return f"the metric {name if len(self._scorers) > 1 else getattr(function, '__name__', name)!r}"

    def _given(self) -> str:
        """Describe the rows to split."""
        given = f"{_compat.count_rows(self._task.X)} rows"
        if self._labels is not None:
            given += f" of {len(self._labels)} classes (the largest has {np.bincount(self._codes).max()})"
        if self._groups is not None:
            groups = np.asarray(self._groups).ravel().tolist()
            given += f" with {len(groups)} values for groups, {len(set(groups))} of them different"
        return given

    def _remedy(self, error: str) -> str:
        """Say what to do about the error of a splitter; nothing where it is not about numbers of rows or groups."""
        if self._groups is not None and len(self._groups) != _compat.count_rows(self._task.X):
            return "groups needs one value for each row."
        if "Group" not in self._cv:
            return "Use fewer folds or more rows." if "number of" in error else ""
        return "Pass groups to fit." if self._groups is None else "Use fewer folds, or rows of more groups."
