"""What is known of scikit-learn's metrics: how scores follow from predictions, and where they lie."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sklearn import metrics
from sklearn.base import is_classifier, is_regressor

from tunesmith.selection.metric import ROW_LOSSES, Metric
from tunesmith.sklearn._compat import is_multimetric, is_passthrough_scorer, metric_scorers, scorer_parts

# All by the names of scikit-learn's functions. First those that are the mean of a loss over rows.
MEANS = {
    "accuracy_score": "accuracy",
    "log_loss": "neg_log_loss",
    "brier_score_loss": "neg_brier_score",
    "mean_squared_error": "neg_mean_squared_error",
    "mean_absolute_error": "neg_mean_absolute_error",
}
# Those for which there are formulas.
KINDS = {"average_precision_score": "average_precision", "r2_score": "r2", "roc_auc_score": "roc_auc"}
# fmt: off  (one name a line would take forty lines)
UP_TO_1 = (
    "adjusted_mutual_info_score",
    "d2_absolute_error_score",
    "d2_brier_score",
    "d2_log_loss_score",
    "d2_pinball_score",
    "d2_tweedie_score",
    "explained_variance_score",
    "r2_score",
)
FROM_0_TO_1 = (
    "average_precision_score",
    "balanced_accuracy_score",
    "completeness_score",
    "f1_score",
    "fbeta_score",
    "fowlkes_mallows_score",
    "hamming_loss",
    "homogeneity_score",
    "jaccard_score",
    "ndcg_score",
    "normalized_mutual_info_score",
    "precision_score",
    "rand_score",
    "recall_score",
    "roc_auc_score",
    "top_k_accuracy_score",
    "v_measure_score",
    "zero_one_loss",
)
# Those computed from the predictions of all splits together. All others may be sums, or have no such bias.
POOLED = (
    "average_precision_score",
    "balanced_accuracy_score",
    "cohen_kappa_score",
    "d2_absolute_error_score",
    "d2_pinball_score",
    "d2_tweedie_score",
    "explained_variance_score",
    "f1_score",
    "fbeta_score",
    "jaccard_score",
    "matthews_corrcoef",
    "median_absolute_error",
    "negative_likelihood_ratio",
    "positive_likelihood_ratio",
    "precision_score",
    "r2_score",
    "recall_score",
    "root_mean_squared_error",
    "root_mean_squared_log_error",
)
# These too, if labels mean the same in all splits: those of a classifier do, numbers of clusters do not.
POOLED_OF_CLASSES = (
    "completeness_score",
    "homogeneity_score",
    "mutual_info_score",
    "normalized_mutual_info_score",
    "v_measure_score",
)
# fmt: on
# Where scores lie; of a loss the range of the loss.
RANGES = {
    **dict.fromkeys(FROM_0_TO_1, (0.0, 1.0)),
    **dict.fromkeys(UP_TO_1, (-math.inf, 1.0)),
    **dict.fromkeys(("cohen_kappa_score", "matthews_corrcoef"), (-1.0, 1.0)),
    **dict.fromkeys(("mutual_info_score", "negative_likelihood_ratio", "positive_likelihood_ratio"), (0.0, math.inf)),
    "adjusted_rand_score": (-0.5, 1.0),
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
    return _metric(title, function, sign, options, is_classifier(estimator))


def _metric(
    name: str, function: Callable[..., Any], sign: int, options: dict[str, Any], classes: bool = True
) -> Metric:
    theirs = str(getattr(function, "__module__", "")).startswith("sklearn.metrics")
    known = str(getattr(function, "__name__", "")) if theirs else ""
    if known in MEANS and not options:
        loss = ROW_LOSSES[MEANS[known]]
        return Metric(name, function, sign, options, loss.offset, loss.bounds, loss)
    low, high = RANGES[known] if known == "r2_score" else _range(known, sign, options)
    offset = high if math.isfinite(high) else 0.0
    bounds = (offset - high, offset - low)
    pools = known in POOLED or (classes and known in POOLED_OF_CLASSES)
    return Metric(name, function, sign, options, offset, bounds, kind=KINDS.get(known), pools=pools)


def _range(known: str, sign: int, options: dict[str, Any]) -> tuple[float, float]:
    """Return between which values the scores of a metric lie; `known`: scikit-learn's name of it, or empty."""
    if not known:
        return -math.inf, math.inf
    ends = RANGES.get(known)
    if options.get("adjusted") and known == "balanced_accuracy_score":
        ends = (-1.0, 1.0)
    if options.get("normalize") is False:  # a number of rows
        ends = (0.0, math.inf)
    if ends is None:  # losses are not negative
        ends = (0.0, math.inf) if sign < 0 else (-math.inf, math.inf)
    return ends if sign > 0 else (-ends[1], -ends[0])
