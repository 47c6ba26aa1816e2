"""Estimators by name, with the preprocessing that they need for the data at hand: what `tunesmith.tune` begins with.

Which come first where none are named: a linear model, the baseline; a forest and boosted trees, which lead on tabular
data (Grinsztajn et al. 2022; McElfresh et al. 2023); a support vector machine where there are few rows.
"""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from tunesmith.errors import MissingDependencyError
from tunesmith.sklearn.protocols import Data, Estimator
from tunesmith.text import did_you_mean, listing

FEW_ROWS = 3000  # up to which a support vector machine takes no longer than the others
MOST_CATEGORIES = 30  # columns that a column of categories becomes; rare ones share the last


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of estimator: where its classes are, and what it needs.

    Attributes:
        module: of the classes.
        classifier: name of the class.
        regressor: likewise.
        scaled: whether it needs columns of one scale.
        takes_gaps: whether it takes missing values.
        arguments: of both classes.
    """

    module: str
    classifier: str
    regressor: str
    scaled: bool = False
    takes_gaps: bool = False
    arguments: tuple[tuple[str, Any], ...] = ()


KINDS: dict[str, Kind] = {
    "linear": Kind("sklearn.linear_model", "LogisticRegression", "Ridge", scaled=True),
    "forest": Kind("sklearn.ensemble", "RandomForestClassifier", "RandomForestRegressor", takes_gaps=True),
    "boosting": Kind(
        "sklearn.ensemble", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor", takes_gaps=True
    ),
    "svm": Kind("sklearn.svm", "SVC", "SVR", scaled=True),
    "neighbours": Kind("sklearn.neighbors", "KNeighborsClassifier", "KNeighborsRegressor", scaled=True),
    "network": Kind("sklearn.neural_network", "MLPClassifier", "MLPRegressor", scaled=True),
    "tree": Kind("sklearn.tree", "DecisionTreeClassifier", "DecisionTreeRegressor", takes_gaps=True),
    "extra trees": Kind("sklearn.ensemble", "ExtraTreesClassifier", "ExtraTreesRegressor", takes_gaps=True),
    "xgboost": Kind("xgboost", "XGBClassifier", "XGBRegressor", takes_gaps=True),
    "lightgbm": Kind(
        "lightgbm", "LGBMClassifier", "LGBMRegressor", takes_gaps=True, arguments=(("verbosity", -1),)
    ),
    "catboost": Kind(
        "catboost", "CatBoostClassifier", "CatBoostRegressor", takes_gaps=True,
        arguments=(("verbose", 0), ("allow_writing_files", False)),
    ),
}  # fmt: skip


def usual_kinds(n_rows: int) -> list[str]:
    """Return the kinds to choose from where none are named.

    Args:
        n_rows: of the data.
    """
    return ["linear", "forest", "boosting", *(["svm"] if n_rows <= FEW_ROWS else [])]


def make(name: str, X: Data, classifies: bool, seed: int | None) -> Estimator:
    """Return an estimator of a kind for data, in a pipeline with what it needs to take them.

    Args:
        name: the kind.
        X: rows, shape (n_samples, n_features); a frame may have columns of text, categories and gaps.
        classifies: whether the target is a class.
        seed: the estimator's ``random_state``, where it has one.

    Raises:
        ValueError: there is no such kind, or a column holds what no estimator takes (dates).
        MissingDependencyError: its library is not installed.
    """
    if name not in KINDS:
        raise ValueError(
            f"tune: there is no kind of estimator {name!r}{did_you_mean(name, KINDS)} (kinds: {listing(KINDS)}); give "
            "one of them, or an estimator"
        )
    kind = KINDS[name]
    if importlib.util.find_spec(kind.module.partition(".")[0]) is None:
        raise MissingDependencyError(f"tune: {name!r} needs {kind.module}, which is not installed: pip install {name}")
    cls: Callable[..., Estimator] = getattr(
        importlib.import_module(kind.module), kind.classifier if classifies else kind.regressor
    )
    estimator = cls(**dict(kind.arguments))
    if "random_state" in estimator.get_params() or kind.module == "catboost":
        estimator.set_params(random_state=seed)
    steps = _preparation(X, kind)
    return make_pipeline(*steps, estimator) if steps else estimator


def _preparation(X: Data, kind: Kind) -> list[Any]:
    """Return the steps before an estimator."""
    texts, dates = _columns(X)
    if dates:
        raise ValueError(
            f"tune: the columns {listing(dates)} hold dates, of which no estimator can make anything; turn them into "
            "numbers (year, month, days since a date), or drop them"
        )
    numbers: list[Any] = []
    if _has_gaps(X, texts) and not kind.takes_gaps:
        numbers.append(SimpleImputer(strategy="median", add_indicator=True))
    if kind.scaled:
        numbers.append(StandardScaler())
    if not texts:
        return numbers
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False)
    others = [c for c in X.columns if c not in texts]
    parts: list[Any] = [("categories", encoder, texts)]
    if others:
        parts.insert(0, ("numbers", make_pipeline(*numbers) if numbers else "passthrough", others))
    return [ColumnTransformer(parts)]


def _columns(X: Data) -> tuple[list[Any], list[Any]]:
    """Return the names of a frame's columns that hold no numbers, and of those that hold dates."""
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return [], []
    kinds = {column: str(X[column].dtype) for column in X.columns}
    dates = [c for c, kind in kinds.items() if kind.startswith(("datetime", "timedelta", "period"))]
    numeric = ("int", "uint", "float", "Int", "UInt", "Float", "bool")
    return [c for c, kind in kinds.items() if not kind.startswith(numeric) and c not in dates], dates


def _has_gaps(X: Data, texts: list[Any]) -> bool:
    """Tell whether a column of numbers has missing values."""
    if hasattr(X, "columns"):
        return bool(X.drop(columns=texts).isna().to_numpy().any())
    if hasattr(X, "tocsr"):
        return False
    array = np.asarray(X)
    return bool(array.dtype.kind == "f" and np.isnan(array).any())
