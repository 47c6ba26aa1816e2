"""Metrics that have no value on some rows, and rows that say nothing: told, with the figure that still can be had."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn import config_context
from sklearn.datasets import make_classification
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import GroupKFold, KFold
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Int
from tunesmith.selection.intervals import pseudo_losses
from tunesmith.sklearn import SearchCV

X, Y = make_classification(90, 5, flip_y=0.3, random_state=0)
ORDERED = np.argsort(Y, kind="stable")


def searched(x: Any = X, y: Any = Y, tree: Any = None, fit: Any = None, **settings: Any) -> SearchCV:
    tree = tree or DecisionTreeClassifier(random_state=0)
    settings = {"n_trials": 3, "random_state": 0, "confirm": 0, **settings}
    return SearchCV(tree, {"max_depth": Int(1, 6)}, **settings).fit(x, y, **(fit or {}))


def sometimes(y: Any, p: Any) -> float:
    return math.nan if len(y) == 17 else float((y == p).mean() ** 2)


def never(y: Any, p: Any) -> float:
    return math.nan if len(y) < 18 else float((y == p).mean() ** 2)


def test_a_metric_without_value_on_some_resamples_is_told_with_its_figure() -> None:
    search = searched(scoring=make_scorer(sometimes))
    assert "The metric has no value on" in str(search.report_)
    low, high = search.honest_score_.interval
    assert low < search.honest_score_.value < high
    alone = searched(scoring=make_scorer(never))
    assert "this estimate rests on 5 values and is rough" in str(alone.report_)
    assert math.isfinite(alone.honest_score_.value)


def test_what_is_not_known_of_a_block_takes_nothing_from_the_spread() -> None:
    hits = (np.random.default_rng(0).random(200) < 0.7).astype(float)
    lost = set(range(0, 200, 2))

    def score(kept: Any) -> float:
        missing = set(range(200)) - set(kept.tolist())
        return math.nan if missing and missing <= lost else float(hits[kept].mean())

    known = pseudo_losses(lambda kept: float(hits[kept].mean()), 200, n_blocks=200)
    partly = pseudo_losses(score, 200, n_blocks=200)
    assert partly.mean() == pytest.approx(known.mean())
    assert partly.std() == pytest.approx(known.std(), rel=0.15)
    assert np.isnan(pseudo_losses(lambda kept: 1.0 if len(kept) == 200 else math.nan, 200)).all()


def test_training_rows_of_one_class_are_told_in_the_report_too() -> None:
    with pytest.warns(UserWarning, match="have one class only"):
        search = searched(X[ORDERED], Y[ORDERED], cv=KFold(2))
    assert "have one class only: fits there fail or learn nothing" in str(search.report_)
    assert math.isfinite(search.honest_score_.value)


def test_weights_that_sum_to_0_on_a_fold_are_told_before_the_first_fit() -> None:
    weight = np.ones(90)
    weight[:18] = 0.0
    with config_context(enable_metadata_routing=True):
        tree = DecisionTreeClassifier(random_state=0).set_fit_request(sample_weight=True)
        scorer = get_scorer("accuracy").set_score_request(sample_weight=True)
        with pytest.raises(ValueError, match=r"all test rows of split 0 have sample_weight 0.*shuffle=True"):
            searched(tree=tree, scoring=scorer, cv=KFold(5), fit={"sample_weight": weight})
        shuffled = KFold(5, shuffle=True, random_state=0)
        mixed = searched(tree=tree, scoring=scorer, cv=shuffled, fit={"sample_weight": weight})
        assert math.isfinite(mixed.honest_score_.value)
        with pytest.raises(ValueError, match="above 0 for some rows"):
            searched(tree=tree, scoring=scorer, fit={"sample_weight": 0.0 * weight})


def test_groups_of_one_row_each_are_told() -> None:
    search = searched(cv=GroupKFold(5), fit={"groups": np.arange(90)})
    assert "Each row is a group of its own" in str(search.report_)
    assert math.isfinite(search.honest_score_.value)
