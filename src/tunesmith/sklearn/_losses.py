"""Losses of single rows, from what the scorer saw of each split: what an honest score is made from.

Nothing is taken on trust: losses whose mean over a split is not the score that was reported there are thrown away.
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
    title = str(name or getattr(function, "__name__", "score"))
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
        total, count = np.zeros(len(self.y)), np.zeros(len(self.y))
        for predicted, score, (_, test) in zip(seen, scores, splits, strict=True):
            if predicted is None or not math.isfinite(score):
                return None
            rows = np.arange(len(self.y))[test]
            own = self._losses(measure, predicted, float(score), rows)
            if own is None:
                return None
            np.add.at(total, rows, own)
            np.add.at(count, rows, 1.0)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1.0), math.nan))

    def _losses(self, measure: Measure, predicted: Predictions, score: float, rows: Rows) -> Floats | None:
        """Return the losses of the test rows of one split."""
        y, values = self.y[rows], predicted.values
        weight = None if self.weight is None else self.weight[rows]
        if len(values) != len(rows):
            return None
        coded = values.dtype.kind == "u" and self.labels is not None
        try:
            if measure.quick:
                own = self._plain(measure, y, values, coded)
                if own is not None and np.isfinite(own).all() and _is(score, measure.offset, own, weight):
                    return own
            decoded = self.labels[values] if coded and self.labels is not None else values
            more = measure.options if weight is None else {**measure.options, "sample_weight": weight}

            def scored(kept: Rows) -> float:
                cut = more if weight is None else {**more, "sample_weight": weight[kept]}
                return measure.sign * float(measure.function(y[kept], decoded[kept], **cut))

            whole = scored(np.arange(len(rows)))
            if not abs(whole - score) <= EXACT * max(1.0, abs(score)):
                return None
            strata = None if self.labels is None else self._codes(y)
            own = pseudo_losses(scored, len(rows), strata=strata, n_blocks=BLOCKS) + measure.offset
        except Exception:  # a metric that cannot be computed from a part of the rows: its scores are all there is
            return None
        return own if np.isfinite(own).all() else None

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


def _is(score: float, offset: float, losses: Floats, weight: Floats | None) -> bool:
    """Tell whether these losses make this score."""
    mean = offset - float(np.average(losses, weights=weight))
    return abs(mean - score) <= EXACT * max(1.0, abs(score))
