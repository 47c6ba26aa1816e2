"""What models answer of rows: probabilities of all classes, or numbers; and the metric of such answers.

The answers of folds are kept, whatever the metric is made of: an ensemble is an average of them.
"""

from __future__ import annotations

import math
import pickle
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import get_scorer

from tunesmith.numerics.arrays import Floats
from tunesmith.selection.targets import Predictions
from tunesmith.sklearn.protocols import Data, Params, Scorer
from tunesmith.sklearn.store.outcome import encode_metrics, recorded_scorer
from tunesmith.tables.families import Family

TINY = 1e-15


def answers(model: Any, X: Data, n_classes: int) -> Floats:
    """Return what a fitted model answers of rows X: probabilities [n, n_classes], or numbers [n] where that is 0.

    A class that the model has not seen has the probability 0; a model that tells no probabilities is sure.

    Args:
        model: fitted on codes of classes, or on numbers.
        X: rows.
        n_classes: how many classes there are; 0: the target is a number.
    """
    if not n_classes:
        return np.asarray(model.predict(X), np.float64).ravel()
    found = np.zeros((X.shape[0] if hasattr(X, "shape") else len(X), n_classes))
    if not hasattr(model, "predict_proba"):
        found[np.arange(len(found)), np.asarray(model.predict(X)).ravel().astype(np.intp)] = 1.0
        return found
    found[:, np.asarray(model.classes_).astype(np.intp)] = model.predict_proba(X)
    return found


class Responding(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A model of one of several families, whose ``predict`` returns its answers: what workers fit.

    Args:
        families: those that may be asked for.
        n_classes: how many classes there are; 0: the target is a number.
        config: the family's name, its parameters, and the time at which rounds end.
    """

    def __init__(
        self,
        families: Sequence[Family],
        n_classes: int,
        config: tuple[str, Params, float | None] | None = None,
    ) -> None:
        self.families = families
        self.n_classes = n_classes
        self.config = config

    def __sklearn_clone__(self) -> Responding:
        return Responding(self.families, self.n_classes, self.config)  # families are never changed

    def fit(self, X: Data, y: Data, sample_weight: Data = None) -> Responding:
        """Fit the model; see `Family.build`.

        Args:
            X: rows.
            y: codes of classes, or numbers.
            sample_weight: of the rows; None: all count alike.

        Returns:
            self.

        Raises:
            ValueError: there is no config.
        """
        if self.config is None:
            raise ValueError("Responding: config says what to fit; it was None")
        name, params, ends = self.config
        one = next(family for family in self.families if family.name == name)
        self.model_ = fitted(one.build(params, ends=ends), X, y, sample_weight)
        return self

    def predict(self, X: Data) -> Floats:
        """Return the answers for rows X; see `answers`."""
        start = time.perf_counter()
        found = answers(self.model_, X, self.n_classes)
        self.seconds_ = time.perf_counter() - start
        return found


def fitted(model: Any, X: Data, y: Data, sample_weight: Data = None) -> Any:
    """Fit a model, with weights where it takes them, and return it.

    Args:
        model: unfitted.
        X: rows.
        y: targets.
        sample_weight: of the rows; None: all count alike.
    """
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


class Fact:
    """A scorer that tells something of a fitted `Responding`, whatever it predicts.

    Args:
        of: the function that tells it.
    """

    def __init__(self, of: Callable[[Responding], float]) -> None:
        self.of = of

    def __call__(self, estimator: Responding, X: Data, y: Data = None) -> float:
        """Return what is told."""
        return self.of(estimator)

    def _accept_sample_weight(self) -> bool:  # scikit-learn asks
        return False


def rounds_of(estimator: Responding) -> float:
    """Return how many rounds a fitted model came to; NaN: it has none."""
    return rounds_in(estimator.model_)


def seconds_of(estimator: Responding) -> float:
    """Return how long the last prediction of a fitted model took, in seconds."""
    return estimator.seconds_


def bytes_of(estimator: Responding) -> float:
    """Return how large a fitted model is, pickled, in bytes."""
    counted = _Counter()
    try:
        pickle.dump(estimator.model_, counted, protocol=5)
    except Exception:  # somebody's estimator
        return math.nan
    return float(counted.size)


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


class _FixedClasses(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A classifier whose answers are known already."""

    def __init__(self, known: Floats, classes: NDArray[Any]) -> None:
        self.known = known
        self.classes_ = classes

    def predict(self, X: Any) -> Any:
        return self.classes_[self.known.argmax(axis=1)]

    def predict_proba(self, X: Any) -> Any:
        return self.known

    def __sklearn_is_fitted__(self) -> bool:
        return True


class _FixedNumbers(RegressorMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """A regressor whose answers are known already."""

    def __init__(self, known: Floats) -> None:
        self.known = known

    def predict(self, X: Any) -> Any:
        return self.known

    def __sklearn_is_fitted__(self) -> bool:
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Measure:
    """A metric of answers.

    Attributes:
        scorer: scikit-learn's scorer; greater is better.
        name: what it is called.
        classes: the labels, sorted; None: the target is a number.
    """

    scorer: Scorer
    name: str
    classes: NDArray[Any] | None

    @classmethod
    def of(cls, scoring: Any, classes: NDArray[Any] | None) -> Measure:
        """Return the metric that was asked for.

        Args:
            scoring: a name, a scorer, or None: accuracy, or R².
            classes: as the attribute.
        """
        if scoring is None:
            scoring = "r2" if classes is None else "accuracy"
        name = scoring if isinstance(scoring, str) else getattr(scoring, "__name__", "score")
        return cls(get_scorer(scoring), name, classes)

    def score(self, y: Any, known: Any, sample_weight: Any = None) -> float:
        """Return the score of answers.

        Args:
            y: codes of classes, or numbers, [n].
            known: probabilities [n, n_classes], or numbers [n].
            sample_weight: of the rows [n]; None: all count alike.
        """
        weight = sample_weight
        if weight is None:
            if self.name == "accuracy":
                return float((known.argmax(axis=1) == y).mean())
            if self.name == "r2":
                spread = float(((y - y.mean()) ** 2).sum())
                return 1.0 - float(((y - known) ** 2).sum()) / spread if spread > 0.0 else math.nan
            if self.name == "neg_log_loss":
                own = np.clip(known[np.arange(len(y)), y] / np.maximum(known.sum(axis=1), TINY), TINY, 1.0)
                return float(np.log(own).mean())
            if self.name == "neg_root_mean_squared_error":
                return -math.sqrt(float(((y - known) ** 2).mean()))
        more = {} if weight is None else {"sample_weight": weight}
        return float(self.scorer(self._fixed(known), np.zeros((len(y), 1)), self.labels(y), **more))

    def seen(
        self, y: NDArray[Any], known: Floats, labels: NDArray[Any], weight: Any = None
    ) -> tuple[float, Predictions | None]:
        """Return the score of answers, and what the scorer saw of them.

        Args:
            y: codes of classes, or numbers, [n].
            known: the answers.
            labels: the sorted labels of all targets.
            weight: of the rows; None: all count alike.
        """
        fixed = self._fixed(known)
        more = {} if weight is None else {"sample_weight": weight}
        with recorded_scorer(self.scorer, None, False, fixed) as (scorer, heard):
            score = float(scorer(fixed, np.zeros((len(y), 1)), self.labels(y), **more))
        return score, encode_metrics(heard, labels, fixed).get(None)

    def labels(self, y: NDArray[Any]) -> NDArray[Any]:
        """Return the targets that codes stand for."""
        return y if self.classes is None else self.classes[y]

    def _fixed(self, known: Floats) -> Any:
        if self.classes is None:
            return _FixedNumbers(known)
        whole = np.asarray(known, np.float64)  # they are kept in single precision
        return _FixedClasses(whole / np.maximum(whole.sum(axis=1, keepdims=True), TINY), self.classes)
