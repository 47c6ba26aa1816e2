"""Checks the input of ``SearchCV`` before the first fit.

It is an error if no candidate could be fitted and scored, and one warning if some could not. Metrics that are not
scikit-learn's are not judged.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.utils import get_tags

from tunesmith.foundation.numerics.arrays import Indices
from tunesmith.foundation.text import printable, shorten
from tunesmith.foundation.warnings import caution
from tunesmith.selection.metric import Splits, in_time_order, row_indices
from tunesmith.sklearn import _compat
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

# ----------------------------------------------------------------------------------------------------------------------
# Looks, before the first fit, for rows that tell the folds about one another: copies, groups, and the order of time.
#
# What is found is no error. The figure of a search holds for new rows of the same kind, and copies may be usual in that
# kind; so each finding is a sentence that says what to do if they are not.
#
# Symbols: n rows, d columns, k distinct rows.

MOST_COLUMNS = 1000  # of more only the first ones are looked at
KEY_COLUMNS = 3  # by the values of so many columns it is judged how many rows are equal by chance
KEY = 0.9  # how many of the distinct rows they have to tell apart
JUDGED = 20_000  # rows, of more of which that is judged by a sample
COPIES = 0.02  # share of the tested rows from which on copies are told
BEYOND_CHANCE = 5.0  # as many times as by chance there have to be
LEAST = 20  # rows, or values of a growing column, with fewer of which nothing is concluded
GROUPS = 5  # that an identifier has at least
NAMED = re.compile(
    r"(^|[_\s.-])(id|ids|uuid|patient|subject|user|customer|client|session|group|person|participant|device|account|"
    r"household|family|animal|sample|batch)([_\s.-]?(id|no|nr|num|number|name))?$",
    re.IGNORECASE,
)


def leaks(X: Data, y: NDArray[Any], splits: Splits, groups: Data) -> list[str]:
    """Return what the rows tell of one another across the folds, in sentences; none where nothing is found.

    Args:
        X: the rows [n, d]: an array, a sparse matrix or a pandas data frame; of anything else nothing is known.
        y: their targets [n], or an empty array.
        splits: training and test rows.
        groups: what the splitter was told of groups; None: nothing.
    """
    try:
        found = [_copies(X, y, splits, groups)]
        if groups is None:
            found += [_identifier(X), _time(X, splits)]
    except (TypeError, ValueError, AttributeError):  # data of a kind of its own are the estimator's to judge
        return []
    return [sentence for sentence in found if sentence]


def columns_of(X: Data) -> Iterator[tuple[str, NDArray[Any]]]:
    """Yield the columns as messages name them, and their values [n]."""
    if type(X) is np.ndarray and X.ndim == 2:
        for j in range(min(X.shape[1], MOST_COLUMNS)):
            yield f"column {j}", X[:, j]
    elif _is_frame(X):
        for j in range(min(X.shape[1], MOST_COLUMNS)):
            yield f"column {shorten(printable(str(X.columns[j])), 40)!r}", X.iloc[:, j].to_numpy()


def _is_frame(X: Data) -> bool:
    return hasattr(X, "iloc") and hasattr(X, "columns")


# -- copies ------------------------------------------------------------------------------------------------------------


def row_codes(X: Data) -> Indices | None:
    """Return a number for each row [n], the same for rows that are equal; None if that cannot be told."""
    if sparse.issparse(X):
        rows = sparse.csr_matrix(X)
        rows.sum_duplicates()  # and sorts
        ends = rows.indptr
        keys = np.array([hash((rows.indices[a:b].tobytes(), rows.data[a:b].tobytes())) for a, b in pairwise(ends)])
    elif _is_frame(X):
        import pandas as pd

        keys = pd.util.hash_pandas_object(X, index=False).to_numpy()
    elif type(X) is np.ndarray and X.ndim == 2 and X.dtype.kind in "biuf" and X.dtype.itemsize <= 8:
        keys = np.zeros(len(X), np.uint64)
        for j in range(X.shape[1]):  # a polynomial in an odd number, modulo 2**64
            bits = np.ascontiguousarray(X[:, j]).view(f"u{X.dtype.itemsize}").astype(np.uint64)
            keys = (keys ^ (keys >> np.uint64(29)) ^ bits) * np.uint64(0x9E3779B97F4A7C15)
    else:
        return None
    return np.asarray(np.unique(keys, return_inverse=True)[1].ravel(), np.intp)


def _copies(X: Data, y: NDArray[Any], splits: Splits, groups: Data) -> str | None:
    """Tell how many of the tested rows stand among the training rows of their split as well."""
    code = row_codes(X)
    if code is None or len(code) < LEAST or not LEAST <= code.max() + 1 < len(code):
        return None
    asked, there = [], []
    tested = 0
    for train, test in splits:
        learnt, own = row_indices(train), row_indices(test)
        place = np.full(code.max() + 1, -1)
        place[code[learnt]] = learnt
        copy = place[code[own]]
        tested += len(own)
        asked.append(own[copy >= 0])
        there.append(copy[copy >= 0])
    rows, copies = np.concatenate(asked), np.concatenate(there)
    share = len(rows) / max(tested, 1)
    if share < COPIES or share < BEYOND_CHANCE * _by_chance(X, code):
        return None
    known = y.ndim == 1 and len(y) == len(code)
    same = known and bool((y[rows] == y[copies]).all())
    if known and not same and not _alike(y, rows, copies, len(np.unique(code[rows]))):
        return None  # what a copy was told of its target says nothing of the tested row's
    labels = " with the same target" if same else ""
    remedy = "give each row's original as groups= with a splitter for groups" if groups is None else "check groups="
    return (
        f"{100 * share:.0f} % of the tested rows have an exact copy among the training rows{labels}: the score is too "
        f"good, unless new rows are copies too. Remove the copies, or {remedy}."
    )


def _alike(y: NDArray[Any], rows: Indices, copies: Indices, n_originals: int) -> bool:
    """Tell whether the targets of rows and of their copies agree more than those of any two rows, beyond 3 errors."""
    if y.dtype.kind == "f":
        spread = float(np.var(y))
        likeness = 1.0 - float(np.mean((y[rows] - y[copies]) ** 2)) / (2.0 * spread) if spread > 0.0 else 0.0
        return likeness > 3.0 / math.sqrt(n_originals)
    shares = np.bincount(_numbered(y)) / len(y)
    chance = float(shares @ shares)
    return float((y[rows] == y[copies]).mean()) - chance > 3.0 * math.sqrt(chance * (1.0 - chance) / n_originals)


def _by_chance(X: Data, code: Indices) -> float:
    """Return the share of rows that have an equal one by chance, as rows of few values have; 1 if they may all.

    Counted are the values of the `KEY_COLUMNS` columns that tell most rows apart (of sparse rows the rarest three
    entries), as if they were independent. Columns may depend on one another, and rows be alike in all of them for
    that; so these columns have to tell nearly all distinct rows apart, which those of rows alike by chance do not.
    """
    n = len(code)
    rows = np.arange(n) if n <= JUDGED else np.random.default_rng(0).choice(n, JUDGED, replace=False)
    if sparse.issparse(X):
        return float(np.mean(-np.expm1(-n * _rarest(sparse.csr_matrix(X)[rows]))))
    code = _numbered(code[rows])
    first = np.unique(code, return_index=True)[1]
    columns = []
    for _, values in columns_of(X[rows] if type(X) is np.ndarray else X.iloc[rows]):
        own = _numbered(values)
        columns.append((len(np.unique(own[first])), own))
        if columns[-1][0] >= KEY * len(first) and _is_continuous(values):
            return 0.0  # equal numbers of many digits are no chance
    columns.sort(key=lambda column: -column[0])
    if columns[0][0] > len(first) / 2:
        return 1.0  # one column of a grid, such as an age, and what goes with it
    joint, distinct, chance, used = np.zeros(len(rows), np.intp), 1, np.ones(len(rows)), 0
    for size, own in columns:
        both = _numbered(joint * (own.max() + 1) + own)
        told_apart = int(both.max()) + 1
        if used == min(KEY_COLUMNS, len(columns) - 1):  # all columns together tell them apart always
            break
        if told_apart > max(size, distinct) or used == 0:  # else the one follows from the others
            joint, distinct, used = both, told_apart, used + 1
            chance *= (np.bincount(own) / len(own))[own]
    return float(np.mean(-np.expm1(-n * chance))) if distinct >= KEY * len(first) else 1.0


def _rarest(rows: sparse.csr_matrix) -> NDArray[np.float64]:
    """Return the product of the shares of rows that have a row's entries [n], of its `KEY_COLUMNS` rarest ones."""
    n = rows.shape[0]
    entry = _numbered(rows.indices.astype(np.int64) * (rows.nnz + 1) + _numbered(rows.data))
    shares = np.bincount(entry)[entry] / n
    owner = np.repeat(np.arange(n), np.diff(rows.indptr))
    shares = shares[np.lexsort((shares, owner))]
    product = np.ones(n)
    for k in range(KEY_COLUMNS):
        has = np.diff(rows.indptr) > k
        product[has] *= shares[rows.indptr[:-1][has] + k]
    return product


def _is_continuous(values: NDArray[Any]) -> bool:
    """Tell whether numbers lie on no grid that they fill in part: they have many more places than there are numbers."""
    if values.dtype.kind != "f":
        return False
    distinct = np.unique(values[np.isfinite(values)])
    if len(distinct) < LEAST:
        return False
    return bool(distinct[-1] - distinct[0] >= LEAST * len(distinct) * np.diff(distinct).min())


def _numbered(values: NDArray[Any]) -> Indices:
    """Return a number from 0 on for each value, the same for equal ones."""
    if values.dtype.hasobject:
        numbers: dict[Any, int] = {}
        return np.array([numbers.setdefault(value, len(numbers)) for value in values], np.intp)
    return np.asarray(np.unique(values, return_inverse=True)[1].ravel(), np.intp)


# -- groups ------------------------------------------------------------------------------------------------------------


def _identifier(X: Data) -> str | None:
    """Name a column that says which rows belong together: by its name, or since equal values stand side by side."""
    for name, column in columns_of(X):
        if column.dtype.kind == "f" or len(column) < LEAST:
            continue
        named = NAMED.search(name.removeprefix("column ").strip("'\"")) is not None
        runs = 1 + int(np.count_nonzero(column[1:] != column[:-1]))
        if not named and runs > len(column) / 2:
            continue
        n_values = int(_numbered(column).max()) + 1
        if GROUPS <= n_values <= len(column) / 2 and (named or runs == n_values):
            return (
                f"{name[0].upper()}{name[1:]} looks like an identifier of groups ({n_values} values in "
                f"{len(column)} rows). If rows of one group are more alike than others, pass it as groups= with "
                "GroupKFold or StratifiedGroupKFold; else the score is too good for new groups."
            )
    return None


# -- time --------------------------------------------------------------------------------------------------------------


def _time(X: Data, splits: Splits) -> str | None:
    """Say that rows are in the order of time, where models are tested on rows before those that they have seen."""
    if in_time_order(splits):
        return None
    dated = [("the index", X.index.to_numpy())] if _is_frame(X) else []
    for name, column in (*dated, *columns_of(X)):
        if len(column) < LEAST or column.dtype.kind not in "Mm":
            continue
        steps = np.diff(column)
        none = np.timedelta64(0, "us")
        if (steps >= none).all() and (steps > none).mean() > 0.5:
            return (
                f"The rows are in the order of time (by {name}), and are tested by models that have seen later ones. "
                "If the model is to predict the future, use cv=TimeSeriesSplit()."
            )
    return None


# ----------------------------------------------------------------------------------------------------------------------

MANY = 200  # with more classes than this no metric is tried: it would take too long
SPREAD_CLASSES = "Use StratifiedKFold, shuffle=True or fewer folds, so that each split has rows of every class."


class InputChecker:
    """Checks the input of one search.

    Args:
        metric: the name of the metric that decides, of several.
        groups: its groups, or None.

    Attributes:
        leaks: what is odd in the splits and what rows tell of one another across them, in sentences for the report.
    """

    leaks: Sequence[str] = ()

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
        self.leaks = self._check_splits(splits) + leaks(self._task.X, as_array(self._task.y), splits, self._groups)
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
        if (self._labels is not None and len(self._labels) > MANY) or (
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
                elif not asked.all() and n <= MANY:
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
