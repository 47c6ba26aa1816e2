"""How figures, metrics and parameters are written in a report: plainly, and with no more digits than are known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import Said, say

if TYPE_CHECKING:
    from tunesmith.foundation.look.card import Answer

SURE_LAST_FIT = "The model fitted on all rows gives a class no chance"  # how a note begins that explains a figure
BY_GAINS_METHOD = "comparing all configurations with the default (empirical Bayes)"
LONGEST_VALUE = 80  # characters of a parameter's value

AVERAGE_WORDS = {"macro": "macro {}", "micro": "micro {}", "samples": "{} by samples", "weighted": "weighted {}"}
# Scikit-learn's names of scorers, as they are spoken. Another "neg_..." is shown without these four letters.
SPOKEN_METRICS = {
    "average_precision": "average precision",
    "balanced_accuracy": "balanced accuracy",
    "explained_variance": "explained variance",
    "f1": "F1",
    "jaccard": "Jaccard index",
    "matthews_corrcoef": "Matthews correlation",
    "neg_brier_score": "Brier score",
    "neg_root_mean_squared_error": "RMSE",
    "r2": "R²",
    "roc_auc": "ROC AUC",
    "roc_auc_ovo": "ROC AUC (one-vs-one)",
    "roc_auc_ovo_weighted": "weighted ROC AUC (one-vs-one)",
    "roc_auc_ovr": "ROC AUC (one-vs-rest)",
    "roc_auc_ovr_weighted": "weighted ROC AUC (one-vs-rest)",
    "top_k_accuracy": "top-k accuracy",
    **{
        f"{metric}_{average}": words.format("F1" if metric == "f1" else metric)
        for metric in ("f1", "precision", "recall")
        for average, words in AVERAGE_WORDS.items()
    },
}


ERRORS = ("log loss", "mean absolute error", "mean squared error", "median absolute error")
TRANSLATED_METRICS = frozenset({"score", "value", "accuracy", "precision", "recall", *ERRORS, *SPOKEN_METRICS.values()})


@dataclass(frozen=True)
class MetricLabel:
    """A metric as a report shows it.

    Attributes:
        name: what it is called.
        sign: -1 where scores are minus a loss and the loss is shown, as of "neg_mean_squared_error"; else 1.
        greater_is_better: of the figures that are shown.
    """

    name: str
    sign: int
    greater_is_better: bool

    @property
    def said(self) -> str:
        """The name, such that it can be said in another language if it is a usual one."""
        return say(self.name) if self.name in TRANSLATED_METRICS else self.name

    @classmethod
    def of(cls, name: str | None, greater_is_better: bool) -> MetricLabel:
        """Return the metric for a scorer's name, None if it has none, and the direction of its scores."""
        if name is None:
            return cls("score", 1, greater_is_better)
        loss = name.startswith("neg_") and greater_is_better
        plain = name.removeprefix("neg_").replace("_", " ") if loss else name
        return cls(SPOKEN_METRICS.get(name, plain), -1 if loss else 1, greater_is_better and not loss)


def level_of(level: float) -> str:
    """Return the level of an interval as text: "95 %"."""
    return f"{100.0 * level:.6g} %"


def p_of(p_value: float | None) -> str:
    """Return ", 16 % chance of none", the probability that a gain is 0 or less; nothing if it is not known."""
    if p_value is None or math.isnan(p_value):
        return ""
    return (
        say(", less than 0.1 % chance of none") if p_value < 0.001 else say(", {:.2g} % chance of none", 100 * p_value)
    )


def params_of(params: Mapping[str, Any] | None) -> str:
    """Return parameters as "C=2.9, kernel='rbf'"."""
    if not params:
        return say("its own settings") if params is not None else say("unknown")
    return ", ".join(f"{name}={_value_text(value)}" for name, value in params.items())


def verdict(choice: str, expected: str | None) -> Said:
    """Return the sentence that says what a search decided, wherever it is shown.

    Args:
        choice: the configuration, and how it was chosen.
        expected: what to expect of it; None: that is not known.

    Returns:
        "Kept the default (C=1.0); expected accuracy on new data: 0.86 (95 % interval 0.81 to 0.91)."
    """
    return say("{}.", choice) if expected is None else say("{}; {}.", choice, expected)


def with_interval(figures: NumberFormat, value: float, interval: tuple[float, float], level: float) -> Said:
    """Return a figure with its interval: "0.86 (95 % interval 0.81 to 0.91)".

    Args:
        interval: its ends; NaN: there is none.
    """
    if math.isnan(interval[0]):
        return say("{} (no interval)", figures.write(value))
    return say("{} ({} interval {})", figures.write(value), level_of(level), figures.between(interval))


def card_answer(
    label: str, figures: NumberFormat, value: float, interval: tuple[float, float], level: float, *beside: float
) -> Answer:
    """Return a figure with its interval for a card in a notebook.

    Args:
        label: what it is.
        interval: its ends; NaN: there is none.
        beside: figures that the drawing reaches to; NaN: it is not known.
    """
    from tunesmith.foundation.look.card import Answer  # only notebooks need it
    from tunesmith.foundation.look.card import interval as drawn

    if math.isnan(interval[0]):
        return Answer(label, figures.write(value), say("no interval"))
    note = say("{} interval {}", level_of(level), figures.between(interval))
    known = [figure for figure in (value, *interval, *beside) if math.isfinite(figure)]
    room = (max(known) - min(known)) * (0.06 if len(known) > 3 else 0.4)
    ends = (min(known) - room, max(known) + room)
    return Answer(label, figures.write(value), note, drawn(min(interval), value, max(interval), ends=ends))


def count(n: int, noun: str) -> str:
    """Return a number with its noun: "1 fit", "1,200 fits"."""
    return say("{:,} " + (noun if n == 1 else noun + "s"), n)


def _value_text(value: Any) -> str:
    value = value.item() if isinstance(value, np.generic) and value.ndim == 0 else value
    if isinstance(value, float):
        text = f"{value:.4g}"
        return f"{text}.0" if text.lstrip("-").isdigit() else text  # max_features=1 and 1.0 are two things
    try:
        text = " ".join(repr(value).split())
    except Exception:  # somebody's class: a report is never lost for it
        text = f"<{type(value).__name__}>"
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 3] + "..."
