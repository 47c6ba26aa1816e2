"""The cells of `honesty.py --cells`: every metric of scikit-learn, and metrics on data that are hard for them.

A cell is a metric, data, a model with its space, and a number of rows. All models are cheap, so that a search of twelve
configurations takes less than a second. The truth is the score of what the search returned, on thousands of new rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from _honesty import DATA, FOLDS, TEST_ROWS
from sklearn import datasets
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor, Ridge
from sklearn.metrics import check_scoring, get_scorer_names, make_scorer, mean_pinball_loss
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tunesmith import Float, Int
from tunesmith.sklearn import SearchCV

CANDIDATES = 12
Run = dict[str, Any]
Rows = tuple[np.ndarray, np.ndarray]

# -- data ----------------------------------------------------------------------------------------------------------


def _classes(n: int, seed: int, classes: int = 2, rare: float | None = None, apart: float = 0.8) -> Rows:
    return datasets.make_classification(
        n,
        n_features=12,
        n_informative=5,
        n_classes=classes,
        weights=rare and [1.0 - rare],
        flip_y=0.1 if rare is None else rare / 2,
        class_sep=apart,
        random_state=seed,
    )


def _noise(n: int, seed: int) -> Rows:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 8)), rng.integers(0, 2, n)


def _friedman(n: int, seed: int, tail: float = math.inf) -> Rows:
    """Friedman's first function, 0 to 30, with noise of standard deviation 1 or of 2 t(tail)."""
    X, y = datasets.make_friedman1(n, 8, random_state=seed)
    rng = np.random.default_rng(seed + 1)
    return X, y + (rng.normal(size=n) if math.isinf(tail) else 2.0 * rng.standard_t(tail, n))


def _counts(n: int, seed: int) -> Rows:
    X, y = datasets.make_friedman1(n, 8, random_state=seed)
    return X, np.random.default_rng(seed + 1).poisson(np.exp(y / 10.0)).astype(float)


def _positive(n: int, seed: int) -> Rows:
    """Gamma noise of shape 4 about means from 1 to 20."""
    X, y = datasets.make_friedman1(n, 8, random_state=seed)
    return X, np.exp(y / 10.0) * np.random.default_rng(seed + 1).gamma(4.0, 0.25, n)


def _linear(n: int, seed: int) -> Rows:
    return datasets.make_regression(n, 10, noise=100.0, random_state=seed)


def _labels(n: int, seed: int) -> Rows:
    return datasets.make_multilabel_classification(n, 10, n_classes=3, random_state=seed)


KINDS: dict[str, Callable[[int, int], Rows]] = {
    "two classes": _classes,
    "three classes": lambda n, s: _classes(n, s, classes=3),
    "six classes": lambda n, s: _classes(n, s, classes=6, apart=1.5),
    "5 % positive": lambda n, s: _classes(n, s, rare=0.05),
    "moons": DATA["moons"],
    "noise labels": _noise,
    "three labels a row": _labels,
    "Friedman": _friedman,
    "Friedman, t(2.5)": lambda n, s: _friedman(n, s, tail=2.5),
    "counts": _counts,
    "gamma": _positive,
    "linear": _linear,
}

# -- models --------------------------------------------------------------------------------------------------------

TREE = {"max_depth": Int(1, 20), "min_samples_leaf": Int(1, 30, log=True)}
MODELS: dict[str, tuple[Any, dict[str, Any]]] = {
    "tree": (DecisionTreeClassifier(random_state=0), TREE),
    "regression tree": (DecisionTreeRegressor(random_state=0), TREE),
    "logistic": (LogisticRegression(max_iter=300), {"C": Float(1e-4, 1e3, log=True)}),
    "neighbours": (KNeighborsClassifier(), {"n_neighbors": Int(1, 60)}),
    "Poisson regression": (
        make_pipeline(StandardScaler(), PoissonRegressor(max_iter=300)),
        {"poissonregressor__alpha": Float(1e-4, 1e2, log=True)},
    ),
    "ridge": (Ridge(), {"alpha": Float(1e-3, 1e3, log=True)}),
    "cubic": (
        make_pipeline(PolynomialFeatures(3), LinearRegression()),
        {"polynomialfeatures__degree": Int(1, 3), "linearregression__fit_intercept": [True, False]},
    ),
}

# -- cells ---------------------------------------------------------------------------------------------------------


def cost(estimator: Any, X: Any, y: Any) -> float:
    """Minus the cost of errors, a positive row that is missed at five times the other: a scorer of one's own."""
    predicted = estimator.predict(X)
    return -float(np.mean(np.where(y == 1, 5.0, 1.0) * (predicted != y)))


@dataclass(frozen=True)
class Cell:
    """What is searched, and how it is scored."""

    scoring: Any  # a name, or a scorer
    data: str
    model: str
    rows: int = 100


SCORERS = {
    ("two classes", "tree"): "accuracy average_precision balanced_accuracy f1 jaccard matthews_corrcoef precision"
    " recall roc_auc positive_likelihood_ratio neg_negative_likelihood_ratio",
    ("two classes", "logistic"): "neg_log_loss neg_brier_score d2_log_loss_score d2_brier_score",
    ("three classes", "tree"): "f1_macro f1_micro f1_weighted jaccard_macro jaccard_micro jaccard_weighted"
    " precision_macro precision_micro precision_weighted recall_macro recall_micro recall_weighted"
    " roc_auc_ovo roc_auc_ovo_weighted roc_auc_ovr roc_auc_ovr_weighted top_k_accuracy"
    " rand_score adjusted_rand_score mutual_info_score adjusted_mutual_info_score normalized_mutual_info_score"
    " homogeneity_score completeness_score v_measure_score fowlkes_mallows_score",
    ("three labels a row", "tree"): "f1_samples jaccard_samples precision_samples recall_samples",
    ("Friedman", "regression tree"): "r2 explained_variance neg_mean_squared_error neg_root_mean_squared_error"
    " neg_mean_absolute_error neg_median_absolute_error neg_max_error d2_absolute_error_score",
    ("gamma", "regression tree"): "neg_mean_gamma_deviance neg_mean_squared_log_error neg_root_mean_squared_log_error"
    " neg_mean_absolute_percentage_error",
    ("counts", "Poisson regression"): "neg_mean_poisson_deviance",
}
CELLS = {
    name: Cell(name, data, model)
    for (data, model), names in SCORERS.items()
    for name in names.split()
    if name in get_scorer_names()  # older versions of scikit-learn lack some
} | {
    "neg_log_loss, neighbours": Cell("neg_log_loss", "moons", "neighbours", 150),
    "neg_log_loss, tree": Cell("neg_log_loss", "two classes", "tree"),
    "neg_brier_score, tree": Cell("neg_brier_score", "two classes", "tree"),
    "pinball loss, 0.8": Cell(
        make_scorer(mean_pinball_loss, greater_is_better=False, alpha=0.8), "Friedman", "regression tree"
    ),
    "neg_mean_squared_error, heavy tails": Cell("neg_mean_squared_error", "Friedman, t(2.5)", "regression tree", 150),
    "neg_mean_squared_error, ridge": Cell("neg_mean_squared_error", "linear", "ridge", 30),
    "r2, ridge": Cell("r2", "linear", "ridge", 30),
    "r2, wild default": Cell("r2", "linear", "cubic", 80),
    "f1_macro, six classes": Cell("f1_macro", "six classes", "tree", 200),
    "a scorer of one's own": Cell(cost, "two classes", "tree"),
    "accuracy, noise": Cell("accuracy", "noise labels", "tree", 80),
    "roc_auc, noise": Cell("roc_auc", "noise labels", "tree", 80),
    "balanced_accuracy, rare class": Cell("balanced_accuracy", "5 % positive", "tree", 300),
    "roc_auc, rare class": Cell("roc_auc", "5 % positive", "tree", 300),
    "average_precision, rare class": Cell("average_precision", "5 % positive", "logistic", 300),
}


def run(name: str, data: str, model: str, n: int, seed: int) -> Run:
    """Search, and score on new rows what the search returned."""
    X, y = KINDS[data](n + TEST_ROWS, crc32(f"{data} {model} {name} {seed}".encode()) % 2**31)
    scoring, (estimator, space) = CELLS[name].scoring, MODELS[model]
    search = SearchCV(
        estimator,
        space,
        n_trials=CANDIDATES,
        cv=FOLDS,
        scoring=scoring,
        random_state=seed,
        return_train_score=False,
    ).fit(X[:n], y[:n])
    made = {"true": float(check_scoring(search.best_estimator_, scoring)(search.best_estimator_, X[n:], y[n:]))}
    if (score := search.honest_score_) is None:
        return {**made, "method": "none"}
    method = ("folds" if "of each fold" in score.method else "rows") + (", together" if score.together else "")
    low, high = score.interval
    return {**made, "method": method, "reported": float(score.value), "low": float(low), "high": float(high)}


# -- the table -----------------------------------------------------------------------------------------------------

HELD = (0.93, 0.98)  # the share of the 95 % intervals that should hold the truth
BIAS_ERRORS = 2.5


def table(made: list[Run]) -> str:
    """Return what the searches of each cell came to, as Markdown; what falls short is bold."""
    lines = ["| metric | data, model, rows | method | held the truth | bias | width |", "|---|---|---|---|---|---|"]
    lines += [_row(name, [r for r in made if r["name"] == name]) for name in dict.fromkeys(r["name"] for r in made)]
    return "\n".join(lines)


def _row(name: str, made: list[Run]) -> str:
    c = {k: np.array([r.get(k, math.nan) for r in made]) for k in ("reported", "true", "low", "high")}
    told = np.isfinite(c["reported"]) & np.isfinite(c["true"])
    n, last = int(told.sum()), made[-1]
    methods = "; ".join(dict.fromkeys(r["method"] for r in made))
    cells = [name, f"{last['data']}, {last['model']}, {last['n']}", methods]
    if n < 2:
        return f"| {' | '.join([*cells, f'{n} figures of {len(made)}', '', ''])} |"
    error = (c["reported"] - c["true"])[told]
    held = int(((c["low"] <= c["true"]) & (c["true"] <= c["high"]))[told].sum())
    bias, uncertain = float(error.mean()), float(error.std(ddof=1) / math.sqrt(n))
    digits = max(0, 1 - math.floor(math.log10(uncertain))) if uncertain > 0.0 else 3
    figures = [
        (f"{held} of {n}", not calibrated(held, n)),
        (f"{bias:+.{digits}f} ±{uncertain:.{digits}f}".replace("-", "−"), abs(bias) > BIAS_ERRORS * uncertain),
        (f"{float((c['high'] - c['low'])[told].mean()):.{digits}f}", False),
    ]
    return f"| {' | '.join(cells + [f'**{text}**' if short else text for text, short in figures])} |"


def calibrated(held: int, n: int) -> bool:
    """Tell whether the share is between those of `HELD`, by the standard errors that they have among n intervals."""
    low, high = HELD
    return low - _error(low, n) <= held / n <= high + _error(high, n)


def _error(share: float, n: int) -> float:
    return math.sqrt(share * (1.0 - share) / n)
