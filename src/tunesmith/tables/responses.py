"""What models answer of rows: probabilities of all classes, or numbers; and the metric of such answers.

The answers of folds are kept, whatever the metric is made of: an ensemble is an average of them.
"""

from __future__ import annotations

import math
import pickle
import time
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer

from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.text import listing, shown
from tunesmith.selection.targets import Predictions
from tunesmith.selection.wording import MetricLabel
from tunesmith.sklearn import metric_function, scorer_parts, with_labels
from tunesmith.sklearn.protocols import Data, Params, Scorer, Split
from tunesmith.sklearn.store.outcome import encode_metrics, recorded_scorer
from tunesmith.tables.families import Family

LEAST_CHANCE = 1e-15


def answers(model: Any, X: Data, n_classes: int) -> Floats:
    """Return what a fitted model answers of rows X: probabilities [n, n_classes], or numbers [n] where that is 0.

    A class that the model has not seen has the probability 0. Distances from a border between classes become
    probabilities of the same order; a model that tells neither is sure.

    Args:
        model: fitted on codes of classes, or on numbers.
        n_classes: how many classes there are; 0: the target is a number.
    """
    if not n_classes:
        return np.asarray(model.predict(X), np.float64).ravel()
    found = np.zeros((X.shape[0] if hasattr(X, "shape") else len(X), n_classes))
    if hasattr(model, "decision_function") and not hasattr(model, "predict_proba"):
        found[:, np.asarray(model.classes_).astype(np.intp)] = _squashed(np.asarray(model.decision_function(X)))
        return found
    if not hasattr(model, "predict_proba"):
        found[np.arange(len(found)), np.asarray(model.predict(X)).ravel().astype(np.intp)] = 1.0
        return found
    seen = np.asarray(model.classes_).astype(np.intp)
    found[:, seen] = 1.0 if len(seen) == 1 else model.predict_proba(X)  # of one class, some libraries tell of two
    return found


def _squashed(distances: Floats) -> Floats:
    """Return probabilities [n, n_classes] in the order of decision values, [n] of two classes or [n, n_classes]."""
    if distances.ndim == 1:
        distances = np.column_stack([np.zeros(len(distances)), distances])
    return np.asarray(softmax(distances, axis=1))


@dataclass(eq=False, repr=False)
class Responding(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model of one of several families, whose ``predict`` returns its answers: what workers fit.

    Args:
        families: those that may be asked for.
        n_classes: how many classes there are; 0: the target is a number.
        config: the family's name, its parameters, and the time at which rounds end.

    Attributes:
        seconds_: that the last prediction took.
    """

    families: Sequence[Family]
    n_classes: int
    config: tuple[str, Params, float | None] | None = None

    def __sklearn_clone__(self) -> Responding:
        return Responding(self.families, self.n_classes, self.config)  # families are never changed

    def fit(self, X: Data, y: Data, sample_weight: Data = None) -> Responding:
        """Fit the model; see `Family.build`.

        Args:
            y: codes of classes, or numbers.

        Raises:
            ValueError: there is no config.
        """
        if self.config is None:
            raise ValueError("Responding: config says what to fit; it was None")
        name, params, ends = self.config
        one = next(family for family in self.families if family.name == name)
        self.model_ = fit_model(one.build(params, ends=ends), X, y, sample_weight)
        return self

    def predict(self, X: Data) -> Floats:
        """Return the answers for rows X; see `answers`."""
        start = time.perf_counter()
        found = answers(self.model_, X, self.n_classes)
        self.seconds_ = time.perf_counter() - start
        return found

    @property
    def rounds_(self) -> float:
        """How many rounds the fitted model came to; NaN: it has none."""
        return rounds_in(self.model_)

    @property
    def bytes_(self) -> float:
        """How large the fitted model is, pickled, in bytes; NaN: it cannot be pickled."""
        counted = _Counter()
        try:
            pickle.dump(self.model_, counted, protocol=5)
        except Exception:  # somebody's estimator
            return math.nan
        return float(counted.size)


def fit_model(model: Any, X: Data, y: Data, sample_weight: Data = None) -> Any:
    """Fit a model, with weights where it takes them, and return it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what has not converged is judged by its score
        if sample_weight is None:
            return model.fit(X, y)
        last = model.steps[-1] if hasattr(model, "steps") else None
        name = "sample_weight" if last is None else f"{last[0]}__sample_weight"
        try:
            return model.fit(X, y, **{name: sample_weight})
        except TypeError as error:  # neighbours and networks of earlier releases have no weights
            if "sample_weight" not in str(error):
                raise
            return model.fit(X, y)


@dataclass(frozen=True)
class Fact:
    """A scorer that tells something of a fitted `Responding`, whatever it predicts.

    Attributes:
        name: of the attribute that holds it, without the underscore behind it.
    """

    name: str

    def __call__(self, estimator: Responding, X: Data, y: Data = None) -> float:
        """Return what is told."""
        return float(getattr(estimator, f"{self.name}_"))

    def _accept_sample_weight(self) -> bool:  # scikit-learn asks
        return False


def rounds_in(model: Any) -> float:
    """Return how many rounds a fitted pipeline's last step came to; NaN: it has none."""
    last = model.steps[-1][1] if hasattr(model, "steps") else model
    return float(getattr(last, "n_rounds_", math.nan))


class _Counter:
    """A file that keeps nothing but its size."""

    size = 0

    def write(self, data: Any) -> int:
        """Count the bytes."""
        n = memoryview(data).nbytes
        self.size += n
        return n


# ----------------------------------------------------------------------------------------------------------------------
# The metric, as a function of answers.


@dataclass(eq=False, repr=False)
class _FixedNumbers(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor whose answers are known already."""

    known: Floats

    def predict(self, X: Any) -> Any:
        return self.known

    def __sklearn_is_fitted__(self) -> bool:
        return True


@dataclass(eq=False, repr=False)
class _FixedClasses(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose answers are known already."""

    known: Floats
    classes_: NDArray[Any]

    def predict(self, X: Any) -> Any:
        return self.classes_[self.known.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Any:
        return self.known

    def __sklearn_is_fitted__(self) -> bool:
        return True


def _scorer_name(scorer: Scorer) -> str:
    """Return the name of a scorer that was given as an object, by scikit-learn's rule: that of an error with "neg_"."""
    parts = scorer_parts(scorer)
    if parts is None or parts[1] > 0:
        return str(getattr(scorer, "__name__", "score"))
    return f"neg_{getattr(parts[0], '__name__', 'error')}"


def _quick_score(name: str, y: NDArray[Any], known: Floats) -> float | None:
    """Return a usual metric without the checks that scikit-learn makes; None: it is another one.

    Args:
        y: codes of classes, or numbers, [n].
        known: probabilities [n, n_classes], or numbers [n].
    """
    if known.ndim == 1:
        if name == "neg_root_mean_squared_error":
            return -math.sqrt(float(((y - known) ** 2).mean()))
        if name != "r2":
            return None
        spread = float(((y - y.mean()) ** 2).sum())
        return 1.0 - float(((y - known) ** 2).sum()) / spread if spread > 0.0 else math.nan
    if name == "accuracy":
        return float((known.argmax(axis=1) == y).mean())
    if name == "neg_log_loss":
        own = np.clip(known[np.arange(len(y)), y] / np.maximum(known.sum(axis=1), LEAST_CHANCE), LEAST_CHANCE, 1.0)
        return float(np.log(own).mean())
    if name == "roc_auc" and known.shape[1] == 2:  # by ranks (Mann and Whitney 1947)
        n = int(np.sum(y))
        if n in (0, len(y)):
            return math.nan
        ranks = rankdata(known[:, 1])[np.asarray(y) == 1].sum()
        return float((ranks - n * (n + 1) / 2) / (n * (len(y) - n)))
    return None


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A metric of answers.

    Attributes:
        scorer: scikit-learn's scorer; greater is better.
        name: what it is called.
        classes: the labels, sorted; None: the target is a number.
        named: whether it was asked for by its name.
        plain: the scorer as it was asked for; `scorer` is told of all classes, of which a fold may lack some.
    """

    scorer: Scorer
    name: str
    classes: NDArray[Any] | None
    named: bool
    plain: Scorer

    @classmethod
    def of(cls, scoring: Any, classes: NDArray[Any] | None) -> Measure:
        """Return the metric that was asked for.

        Args:
            scoring: a name, a scorer, or None: accuracy, or R².
            classes: as the attribute.
        """
        if scoring is None:
            scoring = "r2" if classes is None else "accuracy"
        named = isinstance(scoring, str)
        scorer = get_scorer(scoring)
        name = scoring if named else _scorer_name(scorer)
        return cls(scorer if classes is None else with_labels(scorer, classes), name, classes, named, scorer)

    @property
    def label(self) -> MetricLabel:
        """The metric as it is shown: an error as a positive number."""
        return MetricLabel.of(self.name, True)

    @property
    def best(self) -> float:
        """The best score that there is; infinite: it is not known."""
        if not self.named:
            return math.inf
        return 0.0 if self.name.startswith("neg_") else 1.0

    def check(self, y: NDArray[Any], folds: Sequence[Split], sample_weight: Any) -> None:
        """See that the metric can be computed on the test rows of folds, from answers that are made up.

        Args:
            y: codes of classes, or numbers, of all rows.
            folds: of which the first ones are looked at.
            sample_weight: of all rows, or None.

        Raises:
            ValueError: it cannot.
        """
        rng = np.random.default_rng(0)
        for _, test in folds[:10]:
            known = rng.permutation(y[test])
            if self.classes is not None:
                known = 0.6 * np.eye(len(self.classes))[known] + 0.4 / len(self.classes)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                try:
                    score = self.score(y[test], known, None if sample_weight is None else sample_weight[test])
                    why = f"it is {score} on a fold with {len(test):,} test row{'s' * (len(test) > 1)}"
                except Exception as error:  # of a metric, which may be the user's
                    score, why = math.nan, " ".join(str(error).split()) or type(error).__name__
            if not math.isfinite(score):
                raise ValueError(
                    f"tune: scoring={self.name!r} cannot be computed for {self._targets()}: {why.rstrip('.')}. Give "
                    f"another metric{self._other()}"
                )

    def _targets(self) -> str:
        if self.classes is None:
            return "a regression"
        return f"the classes {listing(self.classes.tolist(), 3)}"

    def _other(self) -> str:
        """Return what else may be given in place of the metric, in words that follow a sentence."""
        function = metric_function(self.scorer)
        if function is None:
            return "; a function of your own is given an estimator that knows predictions only, and no columns of X"
        if self.classes is None or len(self.classes) > 2 or "pos_label" not in signature(function).parameters:
            return ", or other folds (cv=)"
        positive = shown(self.classes.tolist()[-1])
        return (
            f", or say which class it is of, such as sklearn.metrics.make_scorer({function.__name__}, pos_label="
            f"{positive})"
        )

    def score(self, y: Any, known: Any, sample_weight: Any = None) -> float:
        """Return the score of answers.

        Args:
            y: codes of classes, or numbers, [n].
            known: probabilities [n, n_classes], or numbers [n].
            sample_weight: of the rows [n]; None: all count alike.
        """
        if sample_weight is None and self.named and (quick := _quick_score(self.name, y, known)) is not None:
            return quick
        return self._scored(self.scorer, self._fixed(known), y, sample_weight)

    def seen(
        self, y: NDArray[Any], known: Floats, labels: NDArray[Any], weight: Any = None
    ) -> tuple[float, Predictions | None]:
        """Return the score of answers, and what the scorer saw of them.

        Args:
            y: codes of classes, or numbers, [n].
            labels: the sorted labels of all targets.
        """
        fixed = self._fixed(known)
        with recorded_scorer(self.scorer, None, False, fixed) as (scorer, heard):
            score = self._scored(scorer, fixed, y, weight)
        return score, encode_metrics(heard, labels, fixed).get(None)

    def _scored(self, scorer: Scorer, fixed: Any, y: Any, weight: Any) -> float:
        more = {} if weight is None else {"sample_weight": weight}
        return float(scorer(fixed, np.zeros((len(y), 1)), self.labels(y), **more))

    def labels(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return the targets that codes stand for."""
        return y if self.classes is None else self.classes[y]

    def _fixed(self, known: Floats) -> Any:
        if self.classes is None:
            return _FixedNumbers(known)
        whole = np.asarray(known, np.float64)  # they are kept in single precision
        return _FixedClasses(whole / np.maximum(whole.sum(axis=1, keepdims=True), LEAST_CHANCE), self.classes)
