"""What LightGBM's parameters and metrics are also called, as its documentation lists them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from tunesmith.caution import caution
from tunesmith.text import shown

PARAMETERS: dict[str, tuple[str, ...]] = {
    "bagging_fraction": ("sub_row", "subsample", "bagging"),
    "bagging_freq": ("subsample_freq",),
    "feature_fraction": ("sub_feature", "colsample_bytree"),
    "lambda_l1": ("reg_alpha", "l1_regularization"),
    "lambda_l2": ("reg_lambda", "lambda", "l2_regularization"),
    "learning_rate": ("shrinkage_rate", "eta"),
    "min_child_samples": ("min_data_per_leaf", "min_data", "min_data_in_leaf", "min_samples_leaf"),
    "min_gain_to_split": ("min_split_gain",),
    "min_sum_hessian_in_leaf": (
        "min_sum_hessian_per_leaf",
        "min_sum_hessian",
        "min_hessian",
        "min_child_weight",
    ),
    "num_leaves": ("num_leaf", "max_leaves", "max_leaf", "max_leaf_nodes"),
    "objective": ("objective_type", "app", "application", "loss"),
}
METRICS: dict[str, tuple[str, ...]] = {
    "binary_logloss": ("binary",),
    "cross_entropy": ("xentropy",),
    "cross_entropy_lambda": ("xentlambda",),
    "custom": ("none", "null", "na"),
    "kullback_leibler": ("kldiv",),
    "l1": ("regression_l1", "mean_absolute_error", "mae"),
    "l2": ("regression", "regression_l2", "mean_squared_error", "mse"),
    "map": ("mean_average_precision",),
    "mape": ("mean_absolute_percentage_error",),
    "multi_logloss": ("multiclass", "softmax", "multiclassova", "multiclass_ova", "ova", "ovr"),
    "ndcg": ("lambdarank", "rank_xendcg", "xendcg", "xe_ndcg", "xe_ndcg_mart", "xendcg_mart"),
    "rmse": ("l2_root", "root_mean_squared_error"),
}
_MAIN_METRIC = {alias: name for name, aliases in METRICS.items() for alias in aliases}
HIGH_IS_GOOD = {"auc", "auc_mu", "average_precision", "map", "ndcg"}
DEFAULT_METRIC = "binary_logloss"
RANKING = ("ndcg", "map")  # metrics that LightGBM gives for the first 1, 2, ... places
FIRST_PLACES = (1, 2, 3, 4, 5)  # for which, if nothing is said


def with_main_names(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return LightGBM's parameters under their main names; of several names for one, the last of our list counts.

    Args:
        params: as the user gave them.
    """
    found = dict(params)
    for name, aliases in PARAMETERS.items():
        given = {alias: found.pop(alias) for alias in aliases if alias in found}
        if given:
            found[name] = list(given.values())[-1]
        if len(given) > 1:
            caution(f"{', '.join(given)} are the same parameter of LightGBM: {name}={found[name]!r} counts")
    return found


def with_main_metrics(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters, in which ``metric`` has main names.

    Args:
        params: as the user gave them.

    Raises:
        ValueError: ``metric`` is neither a text nor a list of texts.
    """
    found = dict(params)
    metric = found.get("metric")
    if isinstance(metric, str):
        found["metric"] = _MAIN_METRIC.get(metric, metric)
    elif isinstance(metric, Iterable):
        found["metric"] = [_MAIN_METRIC.get(name, name) for name in metric]
    elif "metric" in found:
        raise ValueError(f"metric takes the name of a metric of LightGBM, or a list of names; got {shown(metric)}")
    return found


def deciding_metric(params: Mapping[str, Any]) -> str:
    """Return the metric that decides: the last one named, else that of the objective.

    Args:
        params: with main names.
    """
    metric = params.get("metric")
    if metric is None:
        objective = params.get("objective")
        metric = _MAIN_METRIC.get(objective, DEFAULT_METRIC) if isinstance(objective, str) else DEFAULT_METRIC
    return metric if isinstance(metric, str) else list(metric)[-1]


def is_maximized(params: Mapping[str, Any]) -> bool:
    """Tell whether a high value of the metric that decides is good.

    Args:
        params: with main names.
    """
    return deciding_metric(params) in HIGH_IS_GOOD


def reported_name(params: Mapping[str, Any]) -> str:
    """Return what LightGBM calls the metric that decides in its results: of a ranking "ndcg@1" for the first places.

    Args:
        params: with main names.

    Raises:
        ValueError: ``eval_at`` is no number of places, and no list of them.
    """
    metric = deciding_metric(params)
    if metric not in RANKING:
        return metric
    names = ("eval_at", f"{metric}_at", f"{metric}_eval_at")
    places = next((params[name] for name in names if params.get(name)), FIRST_PLACES)
    if isinstance(places, int):
        return f"{metric}@{places}"
    if isinstance(places, list | tuple):
        return f"{metric}@{places[0]}"
    raise ValueError(f"eval_at takes a number of places, or a list of them; got {shown(places)}")
