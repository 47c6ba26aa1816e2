"""Every estimator of scikit-learn that has a score gets the score that scikit-learn's own search gives it."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn import model_selection
from sklearn.base import is_classifier, is_regressor
from sklearn.datasets import make_blobs
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.utils import all_estimators, get_tags

from tunesmith.sklearn import GridSearchCV

SEARCHES = {"GridSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV", "RandomizedSearchCV"}


def made(name: str, kind: type) -> Any:
    """Return a small estimator of the class; None if it cannot be made without arguments of its own."""
    inner = Ridge() if "Regressor" in name or name == "RegressorChain" else LogisticRegression()
    attempts: list[dict[str, Any]] = [
        {},
        {"estimator": inner},
        {"estimators": [("one", inner)]},
        {"base_estimator": inner},
    ]
    for arguments in attempts:
        try:
            estimator = kind(**arguments)
        except TypeError:
            continue
        small = {"random_state": 0, "n_estimators": 3, "max_iter": 20, "n_init": 1, "n_components": 2, "n_jobs": None}
        own = estimator.get_params(deep=False)
        # what comes from an inner parameter's default stays where it is no number
        return estimator.set_params(
            **{n: v for n, v in small.items() if n in own and (n == "random_state" or isinstance(own[n], int))}
        )
    return None


def cases() -> list[Any]:
    """Return every estimator that has a score, by name."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # classes that a release deprecates
        every = [(name, made(name, kind)) for name, kind in all_estimators() if name not in SEARCHES]
    return [pytest.param(e, id=name) for name, e in every if e is not None and hasattr(e, "score")]


def data_for(estimator: Any) -> tuple[Any, Any]:
    """Return rows and targets that the estimator can be fitted to."""
    X, y = make_blobs(48, n_features=4, centers=2, cluster_std=4.0, random_state=0)
    X = X - X.min() + 1.0  # some take no number below 0
    tags = get_tags(estimator)
    if is_regressor(estimator) or (not is_classifier(estimator) and tags.target_tags.required):
        y = X[:, 0] + 0.1 * X[:, 1] ** 2
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        y = np.column_stack([y, y[::-1]])
    if tags.input_tags.one_d_array:
        X = X[:, 0]
    return X, y


@pytest.mark.slow
@pytest.mark.parametrize("estimator", cases())
def test_the_scores_are_those_of_scikit_learn(estimator):
    X, y = data_for(estimator)
    found = []
    for search in (model_selection.GridSearchCV, GridSearchCV):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # few iterations, few rows: what they say is not the point
            try:
                found.append(search(estimator, {}, cv=2, refit=False).fit(X, y).cv_results_)
            except ValueError as error:
                found.append(str(error).splitlines()[0])
    theirs, ours = found
    if isinstance(theirs, str) or isinstance(ours, str):
        assert ours == theirs
        return
    for key in ("split0_test_score", "split1_test_score", "mean_test_score", "rank_test_score"):
        np.testing.assert_array_equal(ours[key], theirs[key], err_msg=key)
