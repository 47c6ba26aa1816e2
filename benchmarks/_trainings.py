"""Real trainings that take a part of a second: models of scikit-learn on data that come with it.

A task is a space and the error of a model with these parameters on three folds of a part of the data. Names are those
of scikit-learn; `choice` tasks are of a model and its own parameters, as people write them.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from _tasks import Task
from sklearn import datasets
from sklearn.base import BaseEstimator
from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
)
from sklearn.linear_model import ElasticNet, LogisticRegression, SGDClassifier
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tunesmith import Categorical, Float, Int, Space

Params = Mapping[str, Any]
WORST = 2.0  # the error of a training that fails
ROWS = 450  # of a data set: more take longer, and fewer are noise


@cache
def data(name: str) -> tuple[Any, Any, bool]:
    """The rows of a data set, shuffled, and whether its targets are classes."""
    rng = np.random.default_rng(0)
    loaders: dict[str, Callable[[], Any]] = {
        "digits": lambda: datasets.load_digits(return_X_y=True),
        "cancer": lambda: datasets.load_breast_cancer(return_X_y=True),
        "wine": lambda: datasets.load_wine(return_X_y=True),
        "diabetes": lambda: datasets.load_diabetes(return_X_y=True),
        "friedman": lambda: datasets.make_friedman1(ROWS, noise=1.0, random_state=0),
        "clusters": lambda: datasets.make_classification(
            ROWS, 20, n_informative=6, n_clusters_per_class=3, flip_y=0.1, random_state=0
        ),
        "moons": lambda: datasets.make_moons(ROWS, noise=0.3, random_state=0),
        "shells": lambda: datasets.make_gaussian_quantiles(n_samples=ROWS, n_features=5, random_state=0),
        "sparse": lambda: datasets.make_classification(ROWS, 40, n_informative=4, n_redundant=0, random_state=1),
        "waves": lambda: datasets.make_friedman3(ROWS, noise=0.1, random_state=0),
    }
    X, y = loaders[name]()
    rows = rng.permutation(len(X))[:ROWS]
    return X[rows], y[rows], name not in ("diabetes", "friedman", "waves")


def error(name: str, make: Callable[[Params], BaseEstimator]) -> Callable[[Params], float]:
    """The error of a model on three folds: of classes 1 - accuracy, of numbers 1 - R², at most WORST."""

    def run(p: Params) -> float:
        X, y, classes = data(name)
        folds = (StratifiedKFold if classes else KFold)(3, shuffle=True, random_state=1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                found = 1.0 - float(np.mean(cross_val_score(make(p), X, y, cv=folds, error_score=np.nan)))
            except ValueError:  # all fits failed: a training that diverged
                return WORST
        return min(found, WORST) if np.isfinite(found) else WORST

    return run


def _scaled(model: BaseEstimator) -> BaseEstimator:
    return make_pipeline(StandardScaler(), model)


SVM = {"C": Float(1e-2, 1e3, log=True), "gamma": Float(1e-5, 10.0, log=True)}
BOOSTING = {
    "learning_rate": Float(1e-3, 1.0, log=True),
    "max_iter": Int(5, 60),
    "max_leaf_nodes": Int(2, 64, log=True),
    "min_samples_leaf": Int(1, 60, log=True),
    "l2_regularization": Float(1e-6, 1e2, log=True),
}
NETWORK = {
    "learning_rate_init": Float(1e-5, 1.0, log=True),
    "alpha": Float(1e-7, 1e1, log=True),
    "hidden_size": Int(4, 128, log=True),
    "n_layers": Int(1, 3),
    "batch_size": Int(16, 256, log=True),
    "activation": Categorical(["relu", "tanh"]),
}
FOREST = {
    "max_features": Float(0.1, 1.0),
    "min_samples_leaf": Int(1, 40, log=True),
    "max_depth": Int(1, 24),
    "criterion": Categorical(["gini", "entropy"]),
}
TREE = {"max_depth": Int(1, 20), "min_samples_leaf": Int(1, 50, log=True), "ccp_alpha": Float(1e-6, 0.1, log=True)}
NEIGHBOURS = {
    "n_neighbors": Int(1, 60, log=True),
    "weights": Categorical(["uniform", "distance"]),
    "p": Float(1.0, 4.0),
}
LINEAR = {"alpha": Float(1e-6, 10.0, log=True), "l1_ratio": Float(0.0, 1.0), "degree": Int(1, 2)}
GRADIENT = {
    "alpha": Float(1e-7, 1.0, log=True),
    "eta0": Float(1e-5, 10.0, log=True),
    "learning_rate": Categorical(["constant", "adaptive", "invscaling"]),
    "loss": Categorical(["hinge", "log_loss", "modified_huber"]),
}


def _network(p: Params, cls: Any) -> BaseEstimator:
    rest = {k: v for k, v in p.items() if k not in ("hidden_size", "n_layers")}
    return _scaled(cls((p["hidden_size"],) * p["n_layers"], max_iter=20, random_state=0, **rest))


def _forest(p: Params, cls: Any) -> BaseEstimator:
    p = dict(p) if cls is ExtraTreesClassifier else {k: v for k, v in p.items() if k != "criterion"}
    return cls(30, random_state=0, **p)


def _polynomial(p: Params) -> BaseEstimator:
    rest = {k: v for k, v in p.items() if k != "degree"}
    return make_pipeline(StandardScaler(), PolynomialFeatures(p["degree"]), ElasticNet(max_iter=300, **rest))


def _boosted(p: Params) -> BaseEstimator:
    return GradientBoostingRegressor(random_state=0, **p)


SUBSAMPLED = {
    "learning_rate": Float(1e-3, 1.0, log=True),
    "n_estimators": Int(10, 120, log=True),
    "max_depth": Int(1, 8),
    "subsample": Float(0.2, 1.0),
    "max_features": Float(0.1, 1.0),
}
CHOICE = {
    "svc": (SVM, lambda p: _scaled(SVC(**p))),
    "tree": (TREE, lambda p: DecisionTreeClassifier(random_state=0, **p)),
    "neighbours": (NEIGHBOURS, lambda p: _scaled(KNeighborsClassifier(**p))),
    "boosting": (BOOSTING, lambda p: HistGradientBoostingClassifier(random_state=0, early_stopping=False, **p)),
    "logistic": ({"C": Float(1e-4, 1e3, log=True)}, lambda p: _scaled(LogisticRegression(max_iter=100, **p))),
}


def _tree(p: Params) -> BaseEstimator:
    return DecisionTreeRegressor(random_state=0, **p)


def _hist_regressor(p: Params) -> BaseEstimator:
    return HistGradientBoostingRegressor(random_state=0, early_stopping=False, **p)


CHOICE_OF_REGRESSORS = {
    "svr": (SVM, lambda p: _scaled(SVR(**p))),
    "tree": (TREE, _tree),
    "neighbours": (NEIGHBOURS, lambda p: _scaled(KNeighborsRegressor(**p))),
    "boosting": (BOOSTING, _hist_regressor),
    "linear": (LINEAR, _polynomial),
}


def choice(of: str, models: Mapping[str, Any] = CHOICE) -> tuple[dict[str, Any], Callable[[Params], BaseEstimator]]:
    """A choice of models, each with its own parameters."""
    names = of.split()
    columns: dict[str, Any] = {"model": Categorical(names)}
    for name in names:
        columns |= {f"{name}_{k}": p.when(model=name) for k, p in models[name][0].items()}

    def make(p: Params) -> BaseEstimator:
        name = p["model"]
        return models[name][1]({k.removeprefix(f"{name}_"): v for k, v in p.items() if k != "model"})

    return columns, make


SINGLE: dict[str, tuple[str, dict[str, Any], Callable[[Params], BaseEstimator]]] = {
    "svc/digits": ("digits", SVM, CHOICE["svc"][1]),
    "svc/cancer": ("cancer", SVM, CHOICE["svc"][1]),
    "svc/moons": ("moons", SVM, CHOICE["svc"][1]),
    "svr/diabetes": ("diabetes", SVM, lambda p: _scaled(SVR(**p))),
    "boosting/cancer": ("cancer", BOOSTING, CHOICE["boosting"][1]),
    "boosting/clusters": ("clusters", BOOSTING, CHOICE["boosting"][1]),
    "boosting/friedman": ("friedman", BOOSTING, _hist_regressor),
    "subsampled/diabetes": ("diabetes", SUBSAMPLED, _boosted),
    "subsampled/friedman": ("friedman", SUBSAMPLED, _boosted),
    "network/digits": ("digits", NETWORK, lambda p: _network(p, MLPClassifier)),
    "network/clusters": ("clusters", NETWORK, lambda p: _network(p, MLPClassifier)),
    "network/friedman": ("friedman", NETWORK, lambda p: _network(p, MLPRegressor)),
    "forest/clusters": ("clusters", FOREST, lambda p: _forest(p, ExtraTreesClassifier)),
    "forest/diabetes": ("diabetes", FOREST, lambda p: _forest(p, ExtraTreesRegressor)),
    "tree/cancer": ("cancer", TREE, CHOICE["tree"][1]),
    "tree/friedman": ("friedman", TREE, _tree),
    "neighbours/digits": ("digits", NEIGHBOURS, CHOICE["neighbours"][1]),
    "neighbours/diabetes": ("diabetes", {**NEIGHBOURS}, lambda p: _scaled(KNeighborsRegressor(**p))),
    "linear/diabetes": ("diabetes", LINEAR, _polynomial),
    "linear/friedman": ("friedman", LINEAR, _polynomial),
    "gradient/digits": ("digits", GRADIENT, lambda p: _scaled(SGDClassifier(max_iter=20, random_state=0, **p))),
    "choice/cancer": ("cancer", *choice("svc tree neighbours")),
    "choice/wine": ("wine", *choice("svc tree neighbours logistic")),
    "choice/digits": ("digits", *choice("svc tree neighbours logistic")),
    "choice/clusters": ("clusters", *choice("svc tree neighbours boosting")),
    "choice/moons": ("moons", *choice("svc tree neighbours boosting logistic")),
    "choice/shells": ("shells", *choice("svc tree neighbours logistic")),
    "choice/sparse": ("sparse", *choice("svc tree neighbours boosting logistic")),
    "choice/diabetes": ("diabetes", *choice("svr tree neighbours linear", CHOICE_OF_REGRESSORS)),
    "choice/friedman": ("friedman", *choice("svr tree neighbours boosting", CHOICE_OF_REGRESSORS)),
    "choice/waves": ("waves", *choice("svr tree neighbours boosting linear", CHOICE_OF_REGRESSORS)),
}  # fmt: skip


def get(name: str) -> Task:
    """Return a task."""
    rows, columns, make = SINGLE[name]
    return Task(name, Space(columns), error(rows, make))
