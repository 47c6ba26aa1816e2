"""The models whose portfolios are measured, and those that searches with automatic spaces are compared on."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any, NamedTuple

from sklearn import discriminant_analysis, ensemble, linear_model, neighbors, neural_network, svm, tree
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler


class Model(NamedTuple):
    """An estimator that is made by a function, and how many configurations its portfolio is chosen from."""

    make: Callable[[], Any]
    classifies: bool
    n_configurations: int


def _scaled(kind: Any, **arguments: Any) -> Callable[[], Any]:
    return lambda: make_pipeline(StandardScaler(), kind(**arguments))


def _boosted(package: str, name: str, **arguments: Any) -> Callable[[], Any]:
    return lambda: getattr(importlib.import_module(package), name)(random_state=0, n_jobs=1, **arguments)


def models() -> dict[str, Model]:
    """Return the models by the names of their classes, the quick ones first; a library that lacks is left out."""
    found = {
        "SVC": Model(_scaled(svm.SVC), True, 96),
        "SVR": Model(_scaled(svm.SVR), False, 96),
        "LogisticRegression": Model(_scaled(linear_model.LogisticRegression, max_iter=1000), True, 32),
        "Ridge": Model(_scaled(linear_model.Ridge), False, 32),
        "ElasticNet": Model(_scaled(linear_model.ElasticNet), False, 64),
        "KNeighborsClassifier": Model(_scaled(neighbors.KNeighborsClassifier), True, 64),
        "KNeighborsRegressor": Model(_scaled(neighbors.KNeighborsRegressor), False, 64),
        "DecisionTreeClassifier": Model(lambda: tree.DecisionTreeClassifier(random_state=0), True, 96),
        "DecisionTreeRegressor": Model(lambda: tree.DecisionTreeRegressor(random_state=0), False, 96),
        "LinearDiscriminantAnalysis": Model(_scaled(discriminant_analysis.LinearDiscriminantAnalysis), True, 32),
        "LGBMClassifier": Model(_boosted("lightgbm", "LGBMClassifier", verbosity=-1), True, 48),
        "LGBMRegressor": Model(_boosted("lightgbm", "LGBMRegressor", verbosity=-1), False, 48),
        "RandomForestClassifier": Model(lambda: ensemble.RandomForestClassifier(random_state=0), True, 32),
        "RandomForestRegressor": Model(lambda: ensemble.RandomForestRegressor(random_state=0), False, 32),
        "XGBClassifier": Model(_boosted("xgboost", "XGBClassifier"), True, 48),
        "XGBRegressor": Model(_boosted("xgboost", "XGBRegressor"), False, 48),
        "ExtraTreesClassifier": Model(lambda: ensemble.ExtraTreesClassifier(random_state=0), True, 32),
        "ExtraTreesRegressor": Model(lambda: ensemble.ExtraTreesRegressor(random_state=0), False, 32),
        "HistGradientBoostingClassifier": Model(
            lambda: ensemble.HistGradientBoostingClassifier(random_state=0), True, 48
        ),
        "HistGradientBoostingRegressor": Model(
            lambda: ensemble.HistGradientBoostingRegressor(random_state=0), False, 48
        ),
        "MLPClassifier": Model(_scaled(neural_network.MLPClassifier, random_state=0), True, 48),
        "MLPRegressor": Model(_scaled(neural_network.MLPRegressor, random_state=0), False, 48),
        "GradientBoostingClassifier": Model(lambda: ensemble.GradientBoostingClassifier(random_state=0), True, 32),
        "GradientBoostingRegressor": Model(lambda: ensemble.GradientBoostingRegressor(random_state=0), False, 32),
    }
    lacking = {name for name, start in (("lightgbm", "LGBM"), ("xgboost", "XGB")) if not importlib.util.find_spec(name)
               for name in found if name.startswith(start)}  # fmt: skip
    return {name: model for name, model in found.items() if name not in lacking}
