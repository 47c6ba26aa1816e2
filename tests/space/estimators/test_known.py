"""Every known estimator: its default lies in its space, and random points of the space can be fitted."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

from tunesmith.sklearn.search.default import default_params, default_row
from tunesmith.space import estimators as spaces
from tunesmith.space.estimators.about import kind_of
from tunesmith.space.estimators.known import TABLE

X, LABELS = make_classification(40, 6, n_informative=4, random_state=0)
POSITIVE = np.abs(X) + 0.1
NUMBERS = np.abs(X[:, 0] * 3 + X[:, 1] ** 2) + 0.5
TEXTS = [f"{'good' if label else 'bad'} word{i % 7} word{i % 3} thing" for i, label in enumerate(LABELS)]
ROUNDS = {"n_estimators": 3, "max_iter": 5, "iterations": 5}  # enough to see that a fit begins and ends
ARGUMENTS: dict[str, dict[str, Any]] = {
    "ColumnTransformer": {"transformers": [("scale", StandardScaler(), [0, 1])]},
    "FeatureUnion": {"transformer_list": [("scale", StandardScaler())]},
    "Pipeline": {"steps": [("scale", StandardScaler()), ("model", Ridge())]},
    "RFE": {"estimator": LogisticRegression()},
    "RFECV": {"estimator": LogisticRegression(), "cv": 2},
    "SelectFromModel": {"estimator": LogisticRegression()},
    "SequentialFeatureSelector": {"estimator": LogisticRegression(), "n_features_to_select": 2, "cv": 2},
    "StackingClassifier": {"estimators": [("a", LogisticRegression())], "cv": 2},
    "StackingRegressor": {"estimators": [("a", Ridge())], "cv": 2},
    "VotingClassifier": {"estimators": [("a", LogisticRegression())]},
    "VotingRegressor": {"estimators": [("a", Ridge())]},
    "OneOf": {"estimators": [("a", LogisticRegression()), ("b", RidgeClassifier())], "chosen": "a"},
    "RANSACRegressor": {},
    "SelfTrainingClassifier": {"estimator": LogisticRegression()},
    "TransformedTargetRegressor": {"regressor": Ridge()},
}
QUIET = {"catboost": {"verbose": 0, "allow_writing_files": False, "thread_count": 1}, "lightgbm": {"n_jobs": 1}}
UNFITTED = {"XGBRanker", "LGBMRanker", "CatBoostRanker", "CatBoost"}  # they need groups of rows, or an objective
REQUIRED = inspect.Parameter.empty
OPTIONAL = inspect.Parameter("estimator", inspect.Parameter.KEYWORD_ONLY, default=None)
ALL = dict(all_estimators())


def make(name: str) -> Any:
    """Return an estimator with its defaults, small where its size is not tuned; skip if its library is missing."""
    package, _, cls_name = name.partition(".")
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"{package} is not installed")
    if package == "sklearn":
        if cls_name not in ALL:
            pytest.skip(f"this release of scikit-learn has no {cls_name}")
        cls = ALL[cls_name]
    else:
        cls = getattr(importlib.import_module("tunesmith.sklearn" if package == "tunesmith" else package), cls_name)
    arguments = dict(ARGUMENTS.get(cls_name, {}))
    for inner in ("estimator", "base_estimator"):  # the second one: of chains, before scikit-learn 1.7
        required = inspect.signature(cls).parameters.get(inner, OPTIONAL).default is REQUIRED
        if required and cls_name not in ARGUMENTS:
            arguments[inner] = Ridge() if "Regressor" in cls_name else LogisticRegression()
    return cls(**arguments)


def rows_for(name: str) -> Any:
    """Return forty rows of the kind that an estimator is for."""
    if name in ("CountVectorizer", "TfidfVectorizer", "HashingVectorizer"):
        return TEXTS
    if name in ("DictVectorizer", "FeatureHasher"):
        return [{"a": 1.0}] * 40
    if name in ("CategoricalNB", "OneHotEncoder", "OrdinalEncoder", "TargetEncoder"):
        return (POSITIVE > 1).astype(int)
    return POSITIVE[:, 0] if name == "IsotonicRegression" else LABELS if name == "LabelBinarizer" else POSITIVE


def target_for(name: str, kind: str | None) -> Any:
    """Return the target that an estimator is for."""
    if name in ("PLSCanonical", "CCA"):
        return POSITIVE[:, :3]
    target: Any = NUMBERS if kind == "regressor" else LABELS
    two = name in ("MultiTaskLasso", "MultiTaskElasticNet") or name.endswith("Chain") or "MultiOutput" in name
    return np.column_stack([target, target[::-1]]) if two else target


@pytest.mark.parametrize("name", sorted(TABLE))
def test_the_default_is_inside_and_random_points_can_be_fitted(name: str) -> None:
    estimator = make(name)
    space = spaces.of(estimator, POSITIVE, NUMBERS if kind_of(estimator) == "regressor" else LABELS)
    own = default_params(estimator, space)
    if len(space) and not name.startswith("catboost."):  # which does not tell its own values
        assert own is not None
        row = default_row(own, space)
        assert row is not None, space
        found = space.decode_row(row)
        assert {k: own[k] for k in found} == found
    short = name.partition(".")[2]
    if short in UNFITTED:
        return
    known = {**dict.fromkeys(estimator.get_params()), **dict.fromkeys(space)}
    rounds = {k: v for k, v in ROUNDS.items() if k in known or (k == "iterations" and name.startswith("catboost."))}
    quiet = QUIET.get(name.partition(".")[0], {})
    rows, target = rows_for(short), target_for(short, kind_of(estimator))
    many = 3 if any("__" in column for column in space) else 20
    for params in space.decode(space.sample(np.random.default_rng(0), many if len(space) else 1)):
        made = clone(estimator).set_params(**clone(params, safe=False)).set_params(**rounds, **quiet)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                made.fit(rows) if short == "LabelBinarizer" else made.fit(rows, target)
        except Exception as error:
            raise AssertionError(f"{name} with {params}") from error
