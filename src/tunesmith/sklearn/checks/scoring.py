"""Suggests scikit-learn's name for a metric that it does not have under the name given."""

from __future__ import annotations

from typing import Any

from sklearn.metrics import get_scorer_names

from tunesmith.text import close_matches

# Other names of metrics, by scikit-learn's names of their scorers.
CALLED = {
    "accuracy": "acc accuracy_score",
    "average_precision": "auprc pr_auc prauc ap",
    "f1": "f1_score",
    "neg_brier_score": "brier brier_score",
    "neg_log_loss": "log_loss logloss cross_entropy",
    "neg_mean_absolute_error": "mae mean_absolute_error",
    "neg_mean_absolute_percentage_error": "mape",
    "neg_mean_squared_error": "mse mean_squared_error",
    "neg_root_mean_squared_error": "rmse root_mean_squared_error",
    "r2": "r2_score r_squared rsquared",
    "roc_auc": "auc auroc rocauc roc_auc_score",
}


def unknown_metric(scoring: Any) -> str | None:
    """Return what is wrong with the names in `scoring`, with a suggestion; None if all are metrics, or none is a name.

    Args:
        scoring: as a search takes it.
    """
    names = scoring.values() if isinstance(scoring, dict) else scoring
    names = [names] if isinstance(names, str) else names if isinstance(scoring, dict | list | tuple | set) else []
    known = get_scorer_names()
    for name in names:
        if isinstance(name, str) and name not in known:
            close = [own for own, others in CALLED.items() if name.lower() in others.split()] or close_matches(
                name, known
            )
            hint = f"; did you mean {close[0]!r}?" if close else "; sklearn.metrics.get_scorer_names() lists them"
            return f"must be the name of a metric. Got {name!r} instead{hint}"
    return None
