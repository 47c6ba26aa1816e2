"""Ranges as a good tutorial would write them, for searches to be compared with; written down before any was measured.

They follow what the libraries' own examples and much-read guides use: powers of ten round the default for penalties and
learning rates, 2 to 20 or 30 for depths, halves to wholes for samples.
"""

from __future__ import annotations

from typing import Any

from tunesmith import Categorical, Float, Int

_TREE = {"max_depth": Int(2, 20), "min_samples_leaf": Int(1, 20), "min_samples_split": Int(2, 20)}
_FOREST = {"n_estimators": Int(50, 300), "max_depth": Int(2, 32), "min_samples_leaf": Int(1, 20)}
_NEIGHBOURS = {"n_neighbors": Int(1, 30), "weights": Categorical(["uniform", "distance"]), "p": Categorical([1, 2])}
_SHARES = {"subsample": Float(0.5, 1.0), "colsample_bytree": Float(0.5, 1.0)}
_PENALTIES = {"reg_alpha": Float(1e-8, 10.0, log=True), "reg_lambda": Float(1e-8, 10.0, log=True)}
_XGBOOST = {
    "learning_rate": Float(0.01, 0.3, log=True),
    "n_estimators": Int(50, 500),
    "max_depth": Int(3, 10),
    "min_child_weight": Int(1, 10),
    **_SHARES,
    **_PENALTIES,
}
_LIGHTGBM = {
    "learning_rate": Float(0.01, 0.3, log=True),
    "n_estimators": Int(50, 500),
    "num_leaves": Int(2, 256),
    "min_child_samples": Int(5, 100),
    "colsample_bytree": Float(0.4, 1.0),
    **_PENALTIES,
}
_HISTOGRAMS = {
    "learning_rate": Float(0.01, 0.3, log=True),
    "max_iter": Int(50, 500),
    "max_leaf_nodes": Int(10, 100),
    "min_samples_leaf": Int(5, 50),
    "l2_regularization": Float(1e-6, 10.0, log=True),
}
_NETWORK = {
    "hidden_layer_sizes": Categorical([(50,), (100,), (50, 50), (100, 50)]),
    "activation": Categorical(["relu", "tanh"]),
    "alpha": Float(1e-5, 1e-1, log=True),
    "learning_rate_init": Float(1e-4, 1e-1, log=True),
}
RANGES: dict[str, dict[str, Any]] = {
    "SVC": {"C": Float(1e-2, 1e3, log=True), "gamma": Float(1e-4, 1e1, log=True)},
    "SVR": {"C": Float(1e-1, 1e3, log=True), "gamma": Float(1e-4, 1e1, log=True), "epsilon": Float(1e-3, 1, log=True)},
    "LogisticRegression": {"C": Float(1e-4, 1e4, log=True)},
    "Ridge": {"alpha": Float(1e-3, 1e3, log=True)},
    "ElasticNet": {"alpha": Float(1e-4, 1e1, log=True), "l1_ratio": Float(0.0, 1.0)},
    "KNeighborsClassifier": _NEIGHBOURS,
    "KNeighborsRegressor": _NEIGHBOURS,
    "DecisionTreeClassifier": {**_TREE, "criterion": Categorical(["gini", "entropy"])},
    "DecisionTreeRegressor": _TREE,
    "RandomForestClassifier": {**_FOREST, "max_features": Categorical(["sqrt", "log2", None])},
    "RandomForestRegressor": {**_FOREST, "max_features": Categorical(["sqrt", "log2", 1.0])},
    "XGBClassifier": _XGBOOST,
    "XGBRegressor": _XGBOOST,
    "LGBMClassifier": _LIGHTGBM,
    "LGBMRegressor": _LIGHTGBM,
    "HistGradientBoostingClassifier": _HISTOGRAMS,
    "HistGradientBoostingRegressor": _HISTOGRAMS,
    "MLPClassifier": _NETWORK,
    "MLPRegressor": _NETWORK,
}


def of_last_step(estimator: Any, ranges: dict[str, Any]) -> dict[str, Any]:
    """Return the ranges by the names that an estimator has for them: those of the last step, if it is a pipeline."""
    prefix = f"{estimator.steps[-1][0]}__" if hasattr(estimator, "steps") else ""
    return {prefix + name: param for name, param in ranges.items()}
