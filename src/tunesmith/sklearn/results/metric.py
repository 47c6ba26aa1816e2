"""What is known of scikit-learn's metrics: how scores follow from predictions, and where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sklearn import metrics
from sklearn.base import is_classifier, is_regressor

from tunesmith.selection.metric import Metric
from tunesmith.selection.row_losses import ROW_LOSSES
from tunesmith.sklearn._compat import is_multimetric, is_passthrough_scorer, metric_scorers, scorer_parts

# Metrics that are the mean of a loss over rows: scikit-learn's function to the name of the row loss.
MEANS = {
    metrics.accuracy_score: "accuracy",
    metrics.log_loss: "neg_log_loss",
    metrics.brier_score_loss: "neg_brier_score",
    metrics.mean_squared_error: "neg_mean_squared_error",
    metrics.mean_absolute_error: "neg_mean_absolute_error",
}
SHARE = (0.0, 1.0)  # where the losses of scores between 0 and 1 lie
# Metrics for which there are formulas.
KINDS = {
    metrics.average_precision_score: "average_precision",
    metrics.r2_score: "r2",
    metrics.roc_auc_score: "roc_auc",
}
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


def metric_of(scorer: Any, metric: str | None, scoring: Any, estimator: Any) -> Metric | None:
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
            return _metric("accuracy", metrics.accuracy_score, 1, {})
        if is_regressor(estimator):
            return _metric("R²", metrics.r2_score, 1, {})
        return None
    parts = scorer_parts(scorer)
    if parts is None:
        return None
    function, sign, options = parts
    title = str(name or ("neg_" if sign < 0 else "") + getattr(function, "__name__", "score"))
    return _metric(title, function, sign, options)


def _metric(name: str, function: Callable[..., Any], sign: int, options: dict[str, Any]) -> Metric:
    row_loss = None if options or function not in MEANS else ROW_LOSSES[MEANS[function]]
    kind, pools = KINDS.get(function), function in TOGETHER
    if row_loss is not None:
        offset, bounds = row_loss.offset, row_loss.bounds
    elif kind == "r2":
        offset, bounds = 1.0, (0.0, math.inf)
    else:
        low, high = _range(function, sign, options)
        offset = high if math.isfinite(high) else 0.0
        bounds = (offset - high, offset - low)
    return Metric(name, function, sign, options, offset, bounds, row_loss, kind, pools)


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
