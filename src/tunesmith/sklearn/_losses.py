"""Losses of single rows, from what the scorer saw of each split: what an honest score is made from.

Nothing is taken on trust: losses whose mean over a split is not the score that was reported there are thrown away.

A metric that is no mean over rows is biased where it is computed from few, and so is its mean over splits, however many
these are: the average precision of five positives is too high, R² of six rows too low. Computed from the predictions of
all splits together it has the bias of all rows. ROC AUC has no such bias, and between rows of different splits it would
compare what different models say: it stays a mean over splits (Forman and Scholz, "Apples-to-apples in cross-validation
studies", SIGKDD Explorations 12, 2010).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn import metrics
from sklearn.base import is_classifier, is_regressor

from tunesmith.selection.metrics import ROW_LOSSES, area, log_loss, pseudo_losses
from tunesmith.sklearn._compat import is_multimetric, is_passthrough_scorer, metric_scorers, scorer_parts
from tunesmith.sklearn._folds import in_order
from tunesmith.sklearn._predictions import Predictions

Floats = NDArray[np.float64]
Rows = NDArray[np.intp]

# Metrics that are the mean of a loss over rows: scikit-learn's function to the name of the scorer.
PLAIN = {
    metrics.accuracy_score: "accuracy",
    metrics.log_loss: "neg_log_loss",
    metrics.brier_score_loss: "neg_brier_score",
    metrics.mean_squared_error: "neg_mean_squared_error",
    metrics.mean_absolute_error: "neg_mean_absolute_error",
}
# How exactly a mean of losses has to be the score: predictions are kept with seven digits.
EXACT = 1e-4
BLOCKS = 10  # that are left out of a split by turns, for a metric that is no mean over rows
MOST_BLOCKS = 50  # of all splits together
MANY = 20_000  # rows beyond which MOST_BLOCKS would take too long; half of them say how far a score varies, too
SHARE = (0.0, 1.0)  # where the losses of scores between 0 and 1 lie
BETWEEN = (
    metrics.average_precision_score,
    metrics.balanced_accuracy_score,
    metrics.f1_score,
    metrics.jaccard_score,
    metrics.precision_score,
    metrics.recall_score,
    metrics.roc_auc_score,
)
# What is computed from the predictions of all splits together. All others may be sums, or have no such bias.
TOGETHER = {
    metrics.average_precision_score,
    metrics.balanced_accuracy_score,
    metrics.cohen_kappa_score,
    metrics.explained_variance_score,
    metrics.f1_score,
    metrics.fbeta_score,
    metrics.jaccard_score,
    metrics.matthews_corrcoef,
    metrics.median_absolute_error,
    metrics.precision_score,
    metrics.r2_score,
    metrics.recall_score,
    metrics.root_mean_squared_error,
    metrics.root_mean_squared_log_error,
}


@dataclass(frozen=True, slots=True)
class Measure:
    """The metric that decides, as a function of predictions; a score is `offset` less the mean of the row losses.

    Attributes:
        name: what it is called.
        function: (y, predictions) -> number.
        sign: -1 if the function is a loss.
        options: further arguments of the function.
        offset: of the score.
        bounds: between which a mean loss lies.
    """

    name: str
    function: Callable[..., Any]
    sign: int
    options: dict[str, Any]
    offset: float
    bounds: tuple[float, float]

    @property
    def quick(self) -> bool:
        """Whether its row losses are worked out at once, and not by leaving out blocks of rows."""
        return self.plain is not None or self.function in (metrics.r2_score, metrics.roc_auc_score)

    def together(self, splits: Sequence[tuple[Any, Any]]) -> bool:
        """Tell whether it is computed from the predictions of all these splits together, and not for each of them.

        Of splits in the order of time each is a period of its own, whose rows are judged by that period.
        """
        return len(splits) > 1 and self.function in TOGETHER and not in_order(splits)

    @property
    def plain(self) -> str | None:
        """The name under which `ROW_LOSSES` has it; None: it is no mean over rows."""
        return None if self.options else PLAIN.get(self.function)


def measure_of(scorer: Any, metric: str | None, scoring: Any, estimator: Any) -> Measure | None:
    """Return the metric that decides, or None if it is not known how it follows from predictions.

    Args:
        scorer: what scores: scikit-learn's scorer, its bundle, or a function.
        metric: which of several decides.
        scoring: what the user asked for, for the name.
        estimator: what is tuned.
    """
    if is_multimetric(scorer):
        scorer = metric_scorers(scorer).get(str(metric))
    name = scoring if isinstance(scoring, str) else metric if metric not in (None, "score") else None
    if is_passthrough_scorer(scorer):
        if is_classifier(estimator):
            return Measure("accuracy", metrics.accuracy_score, 1, {}, 1.0, SHARE)
        if is_regressor(estimator):
            return Measure("R²", metrics.r2_score, 1, {}, 1.0, (0.0, math.inf))
        return None
    parts = scorer_parts(scorer)
    if parts is None:
        return None
    function, sign, options = parts
    title = str(name or ("neg_" if sign < 0 else "") + getattr(function, "__name__", "score"))
    plain = None if options else PLAIN.get(function)
    if plain is not None:
        return Measure(title, function, sign, options, ROW_LOSSES[plain].offset, ROW_LOSSES[plain].bounds)
    if function in BETWEEN:
        return Measure(title, function, sign, options, 1.0, SHARE)
    if function is metrics.r2_score:
        return Measure(title, function, sign, options, 1.0, (0.0, math.inf))
    theirs = str(getattr(function, "__module__", "")).startswith("sklearn.metrics")  # whose losses are not negative
    low = 0.0 if sign < 0 and theirs else -math.inf
    return Measure(title, function, sign, options, 0.0, (low, math.inf))


@dataclass(frozen=True, slots=True)
class Targets:
    """What predictions are held against.

    Attributes:
        y: the targets, an array [n] or [n, outputs].
        labels: their sorted labels, if they have any; predicted labels are places in it.
        weight: of the rows [n], or None.
    """

    y: NDArray[Any]
    labels: NDArray[Any] | None
    weight: Floats | None

    def losses(
        self,
        measure: Measure,
        seen: Sequence[Predictions | None],
        scores: Sequence[float],
        splits: Sequence[tuple[Any, Any]],
    ) -> Floats | None:
        """Return the losses of all rows [n], NaN where a row was not tested; None if they are not to be had.

        Args:
            measure: the metric.
            seen: what the scorer saw of each split.
            scores: the score of each split.
            splits: training and test rows.
        """
        parts: list[tuple[Any, Rows]] = []
        for predicted, score, (_, test) in zip(seen, scores, splits, strict=True):
            rows = np.arange(len(self.y))[test]
            if predicted is None or not math.isfinite(score) or len(predicted.values) != len(rows):
                return None
            parts.append((predicted.values, rows))
        try:
            if measure.together(splits):
                if not all(self._makes(measure, *part, score) for part, score in zip(parts, scores, strict=True)):
                    return None
                parts = [(np.concatenate([values for values, _ in parts]), np.concatenate([rows for _, rows in parts]))]
                made = [self._losses(measure, *parts[0], None, min(BLOCKS * len(splits), MOST_BLOCKS))]
            else:
                pairs = zip(parts, scores, strict=True)
                made = [self._losses(measure, *part, float(score), BLOCKS) for part, score in pairs]
        except Exception:  # a metric that cannot be computed from a part of the rows: its scores are all there is
            return None
        total, count = np.zeros(len(self.y)), np.zeros(len(self.y))
        for own, (_, rows) in zip(made, parts, strict=True):
            if own is None or not np.isfinite(own).all():
                return None
            np.add.at(total, rows, own)
            np.add.at(count, rows, 1.0)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1.0), math.nan))

    def _losses(self, measure: Measure, values: NDArray[Any], rows: Rows, score: float | None, n: int) -> Floats | None:
        """Return the losses of predictions.

        Args:
            measure: the metric.
            values: what was predicted.
            rows: for which rows, each as often as it was tested.
            score: what the mean of the losses has to be; None: anything.
            n: how many blocks are left out by turns, at most.
        """
        weight = None if self.weight is None else self.weight[rows]
        if measure.quick:
            own = self._plain(measure, self.y[rows], values, values.dtype.kind == "u" and self.labels is not None)
            whole = math.nan if own is None else measure.offset - float(np.average(own, weights=weight))
            if own is not None and math.isfinite(whole) and (score is None or _is(score, whole)):
                return own
        if score is not None and not self._makes(measure, values, rows, score):
            return None
        different, place = np.unique(rows, return_inverse=True)  # a row is in one block, however often it was tested

        def scored(kept: Rows) -> float:
            there = np.zeros(len(different), bool)
            there[kept] = True
            return self._score(measure, values[there[place]], rows[there[place]])

        strata = None if self.labels is None else self._codes(self.y[different])
        n_blocks = n if len(rows) <= MANY else (n + 1) // 2
        own = pseudo_losses(scored, len(different), strata=strata, n_blocks=n_blocks)[place]
        return own + measure.offset

    def _makes(self, measure: Measure, values: NDArray[Any], rows: Rows, score: float) -> bool:
        """Tell whether these predictions make this score."""
        return _is(score, self._score(measure, values, rows))

    def _score(self, measure: Measure, values: NDArray[Any], rows: Rows) -> float:
        """Return the score of predictions, greater is better."""
        coded = values.dtype.kind == "u" and self.labels is not None
        decoded = self.labels[values] if coded and self.labels is not None else values
        more = measure.options if self.weight is None else {**measure.options, "sample_weight": self.weight[rows]}
        return measure.sign * float(measure.function(self.y[rows], decoded, **more))

    def _codes(self, y: NDArray[Any]) -> Rows:
        """Return the places of targets among the sorted labels."""
        return np.asarray(np.searchsorted(np.asarray(self.labels), y), dtype=np.intp)

    def _plain(self, measure: Measure, y: NDArray[Any], values: NDArray[Any], coded: bool) -> Floats | None:
        if measure.function is metrics.r2_score:
            if y.ndim != 1 or values.ndim != 1 or self.weight is not None or coded:
                return None
            with np.errstate(all="ignore"):  # of equal targets R² has no value: not finite, so not used
                return np.asarray((y - values) ** 2 / np.mean((y - y.mean()) ** 2), np.float64)
        if measure.function is metrics.roc_auc_score:
            two = self.labels is not None and len(self.labels) == 2
            options = {k: v for k, v in measure.options.items() if v not in ("macro", "raise", None)}
            if not two or values.ndim != 1 or self.weight is not None or coded or options:
                return None
            return area(self._codes(y), values)
        loss = ROW_LOSSES[str(measure.plain)].loss
        if measure.function is metrics.accuracy_score:
            return loss(self._codes(y), values) if coded else loss(y, values)
        if measure.function in (metrics.log_loss, metrics.brier_score_loss):
            if self.labels is None:
                return None
            if values.ndim == 1:  # of two classes the scorer is shown the second one's
                values = np.column_stack([1.0 - values, values])
            codes = self._codes(y)
            return log_loss(codes, values) if measure.function is metrics.log_loss else loss(codes, values)
        return None if coded else loss(y, values)


def _is(score: float, other: float) -> bool:
    """Tell whether two scores are the same, as exactly as predictions are kept."""
    return abs(other - score) <= EXACT * max(1.0, abs(score))
