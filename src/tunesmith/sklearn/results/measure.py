"""The metric that decides, as a function of predictions: what its scores are made of, and where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sklearn import metrics
from sklearn.base import is_classifier, is_regressor

from tunesmith.selection.metrics import ROW_LOSSES
from tunesmith.sklearn._compat import is_multimetric, is_passthrough_scorer, metric_scorers, scorer_parts
from tunesmith.sklearn.evaluate.folds import in_order

# Metrics that are the mean of a loss over rows: scikit-learn's function to the name of the scorer.
PLAIN = {
    metrics.accuracy_score: "accuracy",
    metrics.log_loss: "neg_log_loss",
    metrics.brier_score_loss: "neg_brier_score",
    metrics.mean_squared_error: "neg_mean_squared_error",
    metrics.mean_absolute_error: "neg_mean_absolute_error",
}
SHARE = (0.0, 1.0)  # where the losses of scores between 0 and 1 lie
RANKING = (metrics.roc_auc_score, metrics.average_precision_score)  # of classes: the rarest counts most
BETWEEN = (
    metrics.average_precision_score,
    metrics.balanced_accuracy_score,
    metrics.f1_score,
    metrics.jaccard_score,
    metrics.precision_score,
    metrics.recall_score,
    metrics.roc_auc_score,
)
# Where other scores lie, by the names of scikit-learn's functions; of a loss the range of the loss.
RANGES = {
    "adjusted_mutual_info_score": (-math.inf, 1.0),
    "adjusted_rand_score": (-0.5, 1.0),
    "class_likelihood_ratios": (0.0, math.inf),
    "cohen_kappa_score": (-1.0, 1.0),
    "completeness_score": (0.0, 1.0),
    "d2_absolute_error_score": (-math.inf, 1.0),
    "d2_brier_score": (-math.inf, 1.0),
    "d2_log_loss_score": (-math.inf, 1.0),
    "d2_pinball_score": (-math.inf, 1.0),
    "d2_tweedie_score": (-math.inf, 1.0),
    "explained_variance_score": (-math.inf, 1.0),
    "fbeta_score": (0.0, 1.0),
    "fowlkes_mallows_score": (0.0, 1.0),
    "hamming_loss": (0.0, 1.0),
    "homogeneity_score": (0.0, 1.0),
    "matthews_corrcoef": (-1.0, 1.0),
    "mutual_info_score": (0.0, math.inf),
    "ndcg_score": (0.0, 1.0),
    "normalized_mutual_info_score": (0.0, 1.0),
    "rand_score": (0.0, 1.0),
    "top_k_accuracy_score": (0.0, 1.0),
    "v_measure_score": (0.0, 1.0),
    "zero_one_loss": (0.0, 1.0),
}
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
    def width(self) -> float:
        """Of its range; 1 where that is not bounded."""
        low, high = self.bounds
        return high - low if math.isfinite(high - low) else 1.0

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
    if function is metrics.r2_score:
        return Measure(title, function, sign, options, 1.0, (0.0, math.inf))
    low, high = _range(function, sign, options)
    offset = high if math.isfinite(high) else 0.0
    return Measure(title, function, sign, options, offset, (offset - high, offset - low))


def _range(function: Callable[..., Any], sign: int, options: dict[str, Any]) -> tuple[float, float]:
    """Return between which values the scores of a metric lie."""
    theirs = str(getattr(function, "__module__", "")).startswith("sklearn.metrics")
    if not theirs:
        return -math.inf, math.inf
    known = SHARE if function in BETWEEN else RANGES.get(str(getattr(function, "__name__", "")))
    if options.get("adjusted") and function is metrics.balanced_accuracy_score:
        known = (-1.0, 1.0)
    if options.get("normalize") is False:  # a number of rows
        known = (0.0, math.inf)
    if known is None:  # losses are not negative
        known = (0.0, math.inf) if sign < 0 else (-math.inf, math.inf)
    return known if sign > 0 else (-known[1], -known[0])
