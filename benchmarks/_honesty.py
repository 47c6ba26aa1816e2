"""What `honesty.py` searches on: data with a large test set, models with their spaces, and the searches compared.

A search gets n training rows and reports a score with an interval; what its configuration, fitted on these rows,
scores on thousands of other rows is the truth that both are held against.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from zlib import crc32

import numpy as np
from scipy.stats import loguniform, randint, t
from sklearn import datasets
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import RandomizedSearchCV, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

TEST_ROWS = 4000
FOLDS = 5
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]

# -- data ----------------------------------------------------------------------------------------------------------


def _clusters(n: int, seed: int, **more: Any) -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_classification(n, random_state=seed, **more)


def _moons(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = datasets.make_moons(n, noise=0.35, random_state=seed)
    return np.hstack([X, np.random.default_rng(seed).normal(size=(n, 2))]), y


def _shells(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_gaussian_quantiles(n_samples=n, n_features=6, n_classes=3, random_state=seed)


def _friedman(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    X, target = datasets.make_friedman1(n, 10, noise=2.0, random_state=seed)
    return X, (target > np.median(target)).astype(int)


def _linear(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X, w = rng.normal(size=(n, 25)), rng.normal(size=25) * (rng.random(25) < 0.4)
    return X, (X @ w + 0.8 * np.linalg.norm(w) * rng.normal(size=n) > 0).astype(int)


def _digits(n: int, seed: int, parity: bool = False) -> tuple[np.ndarray, np.ndarray]:
    X, y = datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    return X[order], (y[order] % 2 if parity else y[order])


DATA: dict[str, Callable[[int, int], tuple[np.ndarray, np.ndarray]]] = {
    "clusters": lambda n, s: _clusters(n, s, n_features=20, n_informative=5, flip_y=0.05),
    "four classes": lambda n, s: _clusters(
        n, s, n_features=30, n_informative=8, n_classes=4, n_clusters_per_class=1, class_sep=1.5
    ),
    "noisy labels": lambda n, s: _clusters(n, s, n_features=10, n_informative=4, flip_y=0.4),
    "rare class": lambda n, s: _clusters(n, s, n_features=15, n_informative=5, weights=[0.82], flip_y=0.06),
    "moons": _moons,
    "shells": _shells,
    "friedman": _friedman,
    "linear": _linear,
    "digits": _digits,
    "digits, odd": lambda n, s: _digits(n, s, parity=True),
}


def _circles(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    X, y = datasets.make_circles(n, noise=0.2, factor=0.6, random_state=seed)
    return np.hstack([X, np.random.default_rng(seed).normal(size=(n, 1))]), y


def _signs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Classes by the sign of a product of two features of five, a tenth of the labels wrong."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    return X, ((X[:, 0] * X[:, 1] > 0) ^ (rng.random(n) < 0.1)).astype(int)


def _above_median(make: Callable[..., tuple[np.ndarray, np.ndarray]], n: int, seed: int, noise: float) -> Any:
    X, target = make(n, random_state=seed)
    target = target + noise * target.std() * np.random.default_rng(seed).normal(size=n)
    return X, (target > np.median(target)).astype(int)


def _blobs(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    return datasets.make_blobs(n, n_features=4, centers=5, cluster_std=4.0, random_state=seed)


def _heavy_tails(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X, w = rng.standard_t(2.5, size=(n, 10)), rng.normal(size=10)
    return X, (X @ w + 2.0 * np.linalg.norm(w) * rng.logistic(size=n) > 0).astype(int)


def _counts(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Three classes by which of three rates made the counts, beside five counts that say nothing."""
    rng = np.random.default_rng(seed)
    y, rates = rng.integers(3, size=n), rng.uniform(1.0, 4.0, size=(3, 4))
    return np.hstack([rng.poisson(rates[y]), rng.poisson(2.0, size=(n, 5))]).astype(float), y


def _categories(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A tree of depth four over eight features of three values each, a sixth of the labels drawn anew."""
    rng = np.random.default_rng(seed)
    X = rng.integers(3, size=(n, 8)).astype(float)
    leaf = (X[:, :4] > rng.integers(2, size=4)) @ (1 << np.arange(4))
    y = rng.permutation(np.arange(16) % 2)[leaf]
    return X, np.where(rng.random(n) < 1 / 6, rng.integers(2, size=n), y)


def _nothing(n: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 8)), rng.integers(2, size=n)


# Kinds that the constants of the choice were not first tuned on.
OTHER_DATA: dict[str, Callable[[int, int], tuple[np.ndarray, np.ndarray]]] = {
    "circles": _circles,
    "signs": _signs,
    "friedman 2": lambda n, s: _above_median(datasets.make_friedman2, n, s, 0.5),
    "friedman 3": lambda n, s: _above_median(datasets.make_friedman3, n, s, 0.5),
    "blobs": _blobs,
    "heavy tails": _heavy_tails,
    "counts": _counts,
    "categories": _categories,
    "hastie": lambda n, s: (lambda X, y: (X, (y > 0).astype(int)))(*datasets.make_hastie_10_2(n, random_state=s)),
    "wide": lambda n, s: _clusters(n, s, n_features=80, n_informative=6, n_redundant=10, flip_y=0.1),
}


NOTHING = "nothing"


def draw(data: str, n: int, seed: int) -> Arrays | None:
    """Return X, y for training (n rows) and for the test, or None where too few rows or rows of a class are left."""
    X, y = (DATA | OTHER_DATA | {NOTHING: _nothing})[data](n + TEST_ROWS, crc32(f"{data} {seed}".encode()))
    X = (X - X.mean(axis=0)) / np.where(X.std(axis=0) > 0, X.std(axis=0), 1.0)
    if len(y) - n < 700 or np.bincount(y[:n]).min() < FOLDS:
        return None
    return X[:n], y[:n], X[n:], y[n:]


# -- models --------------------------------------------------------------------------------------------------------

FITS = 0  # model fits so far, counted below


@dataclass(frozen=True)
class Model:
    """A classifier and where its parameters are searched."""

    estimator: Any
    space: dict[str, Any]  # scipy distributions and lists
    fidelity: str = "n_samples"  # by which candidates can be screened


def _counted(kind: type) -> type:
    """Return the class with every fit counted: how much a search may cost is what they are compared at."""

    def fit(self: Any, X: Any, y: Any, sample_weight: Any = None) -> Any:
        global FITS
        FITS += 1
        return kind.fit(self, X, y) if sample_weight is None else kind.fit(self, X, y, sample_weight=sample_weight)

    return type(kind.__name__, (kind,), {"fit": fit, "__module__": __name__})


def models(n: int) -> dict[str, Model]:
    return {
        "svc": Model(_counted(SVC)(), {"C": loguniform(1e-2, 1e3), "gamma": loguniform(1e-4, 10)}),
        "tree": Model(
            _counted(DecisionTreeClassifier)(random_state=0),
            {
                "max_depth": randint(1, 16),
                "min_samples_leaf": randint(1, 21),
                "criterion": ["gini", "entropy"],
                "max_features": [None, 0.5, "sqrt"],
            },
        ),
        "knn": Model(
            _counted(KNeighborsClassifier)(),
            {"n_neighbors": randint(1, max(3, int(0.4 * n))), "weights": ["uniform", "distance"], "p": [1, 2]},
        ),
        "ridge": Model(_counted(RidgeClassifier)(), {"alpha": loguniform(1e-4, 1e5)}),
        "boosting": Model(
            _counted(HistGradientBoostingClassifier)(random_state=0, max_iter=50),
            {
                "learning_rate": loguniform(1e-2, 1),
                "max_leaf_nodes": randint(2, 32),
                "min_samples_leaf": randint(2, 40),
            },
            "max_iter",
        ),
        "mlp": Model(
            _counted(MLPClassifier)(random_state=0, max_iter=100, hidden_layer_sizes=(32,)),
            {"alpha": loguniform(1e-6, 10), "learning_rate_init": loguniform(1e-4, 1e-1), "tol": [1e-3]},
            "max_iter",
        ),
    }


CHEAP = ("svc", "tree", "knn", "ridge")

# -- searches ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Found:
    """What a search returns: the fitted estimator, the score that it reports, and the score's interval."""

    estimator: Any
    reported: float
    interval: tuple[float, float]
    fits: int
    kept_default: bool


def _t_interval(folds: np.ndarray) -> tuple[float, float]:
    """What a user would calculate from the folds' scores: mean and Student's t."""
    half = float(t.ppf(0.975, len(folds) - 1) * folds.std(ddof=1) / math.sqrt(len(folds)))
    return float(folds.mean()) - half, float(folds.mean()) + half


def _folds_of_best(search: Any) -> np.ndarray:
    return np.array([search.cv_results_[f"split{k}_test_score"][search.best_index_] for k in range(FOLDS)])


def scikit_learn(model: Model, X: np.ndarray, y: np.ndarray, budget: int, seed: int) -> Found:
    before = FITS
    search = RandomizedSearchCV(
        model.estimator, model.space, n_iter=max(budget // FOLDS, 1), cv=_cv(seed), random_state=seed
    ).fit(X, y)
    interval = _t_interval(_folds_of_best(search))
    return Found(search.best_estimator_, search.best_score_, interval, FITS - before - 1, False)


def tunesmith(model: Model, X: np.ndarray, y: np.ndarray, budget: int, seed: int, fidelity: str | None = None) -> Found:
    from tunesmith.sklearn import SearchCV

    before, trials = FITS, max(budget // FOLDS, 1)
    search = SearchCV(
        model.estimator, model.space, n_trials=trials, cv=_cv(seed), random_state=seed, fidelity=fidelity
    ).fit(X, y)
    fits = FITS - before - 1
    score = getattr(search, "honest_score_", None)
    if score is None:
        return Found(search.best_estimator_, search.best_score_, _t_interval(_folds_of_best(search)), fits, False)
    kept = bool(getattr(getattr(search, "report_", None), "kept_default", False))
    return Found(search.best_estimator_, score.value, score.interval, fits, kept)


def tunesmith_screened(model: Model, X: np.ndarray, y: np.ndarray, budget: int, seed: int) -> Found:
    """The same number of candidates, most of them judged by fits at a lower fidelity."""
    return tunesmith(model, X, y, budget, seed, model.fidelity)


def optuna(model: Model, X: np.ndarray, y: np.ndarray, budget: int, seed: int) -> Found:
    import optuna as library

    library.logging.set_verbosity(library.logging.ERROR)
    before, folds = FITS, {}

    def objective(trial: Any) -> float:
        estimator = clone(model.estimator).set_params(**{k: _suggest(trial, k, v) for k, v in model.space.items()})
        folds[trial.number] = cross_val_score(estimator, X, y, cv=_cv(seed))
        return float(folds[trial.number].mean())

    study = library.create_study(direction="maximize", sampler=library.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=max(budget // FOLDS, 1))
    best = clone(model.estimator).set_params(**study.best_params)
    fits = FITS - before
    return Found(best.fit(X, y), study.best_value, _t_interval(folds[study.best_trial.number]), fits, False)


SEARCHES = {
    "scikit-learn": scikit_learn,
    "tunesmith": tunesmith,
    "tunesmith screened": tunesmith_screened,
    "optuna": optuna,
}


def _cv(seed: int) -> StratifiedKFold:
    return StratifiedKFold(FOLDS, shuffle=True, random_state=seed)


def _suggest(trial: Any, name: str, values: Any) -> Any:
    if isinstance(values, list):
        return trial.suggest_categorical(name, values)
    low, high = values.support()
    if values.dist.name == "randint":
        return trial.suggest_int(name, int(low), int(high))
    return trial.suggest_float(name, float(low), float(high), log=True)
