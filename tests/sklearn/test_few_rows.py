"""Intervals of scores that few rows decide, and what the report says of few rows, few groups and rows in time."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GroupKFold, KFold, TimeSeriesSplit

from tunesmith import Float
from tunesmith.sklearn import SearchCV

RARE = np.r_[np.ones(5, int), np.zeros(195, int)]  # five members of a class, of 200 rows
SEEN = np.random.default_rng(0).normal(size=(200, 3))
SEEN[:5, 0] += 9.0
UNSEEN = np.random.default_rng(1).normal(size=(200, 3))


def searched(x: Any, y: Any, scoring: Any = None, estimator: Any = None, **settings: Any) -> SearchCV:
    routed = settings.pop("fit", {})
    space = {"alpha": Float(0.1, 10)} if isinstance(estimator, Ridge) else {"C": Float(10, 100)}
    estimator = LogisticRegression(C=50) if estimator is None else estimator
    return SearchCV(estimator, space, n_trials=3, scoring=scoring, random_state=0, **settings).fit(x, y, **routed)


@pytest.mark.parametrize("scoring", ["recall", "f1", "average_precision", "roc_auc"])
def test_five_rows_that_are_all_right_do_not_make_a_score_certain(scoring: str) -> None:
    score = searched(SEEN, RARE, scoring).honest_score_
    assert score.value == 1.0
    assert score.interval[1] == 1.0
    assert 0.4 < score.interval[0] < 0.65  # Wilson's of 5 out of 5 begins at 0.57


def test_five_rows_that_are_all_wrong_do_not_either() -> None:
    score = searched(UNSEEN, RARE, "recall").honest_score_
    assert score.interval[0] == score.value == 0.0
    assert 0.35 < score.interval[1] < 0.55
    low, high = searched(UNSEEN, RARE, "balanced_accuracy").honest_score_.interval
    assert low == pytest.approx(0.5, abs=0.02)
    assert 0.65 < high < 0.8


def test_accuracy_rests_on_all_rows() -> None:
    assert searched(SEEN, RARE, "accuracy").honest_score_.interval[0] > 0.97


def test_a_gain_on_five_rows_is_no_certain_one() -> None:
    """All of five rows right instead of none is what happens by chance to one coin in 32."""
    search = searched(SEEN, RARE, "recall", LogisticRegression(C=1e-6), prefer_default=False)
    score = search.honest_score_
    assert score.naive == 1.0
    assert score.gain_over_default.interval[0] < 0.5
    assert score.p_value > 1e-4


@pytest.mark.parametrize("scoring", ["recall", "accuracy", None])
def test_a_class_with_few_members_is_told(scoring: Any) -> None:
    assert "Only 5 of the 200 tested rows are of class 1" in str(searched(SEEN, RARE, scoring).report_)
    many = searched(SEEN, np.arange(200) % 2, scoring).report_
    assert "tested rows" not in str(many)


def test_few_groups_are_told() -> None:
    groups = np.repeat(np.arange(8), 25)
    search = searched(SEEN, np.arange(200) % 2, cv=GroupKFold(4), fit={"groups": groups})
    assert "8 groups only" in str(search.report_)


@pytest.mark.filterwarnings("ignore:The rows look like a series")
def test_rows_of_groups_that_go_together_count_as_few() -> None:
    groups = np.repeat(np.arange(40), 5)
    y = (groups % 2).astype(int)  # all rows of a group are alike
    x = np.random.default_rng(0).normal(size=(40, 1))[groups] + y[:, None]
    with pytest.warns(UserWarning, match="exact copy among the training rows"):
        alone = searched(x, y, "recall", cv=KFold(5, shuffle=True, random_state=0)).honest_score_.interval
    grouped = searched(x, y, "recall", cv=GroupKFold(5), fit={"groups": groups}).honest_score_.interval
    assert grouped[1] - grouped[0] > 1.5 * (alone[1] - alone[0])


def series(n: int, rng: np.random.Generator) -> np.ndarray:
    noise, made = rng.normal(size=n), np.zeros(n)
    for t in range(1, n):
        made[t] = 0.9 * made[t - 1] + noise[t] * np.sqrt(1 - 0.81)
    return made


def test_rows_in_time_get_an_interval_that_knows_it() -> None:
    rng = np.random.default_rng(5)
    new = np.column_stack([series(5000, rng) for _ in range(3)])
    truth = new[:, 0] + series(5000, rng)
    held = 0
    for _ in range(12):
        x = np.column_stack([series(150, rng) for _ in range(3)])
        y = x[:, 0] + series(150, rng)
        search = searched(x, y, "neg_mean_squared_error", Ridge(), cv=TimeSeriesSplit(5))
        low, high = search.honest_score_.interval
        held += low <= search.score(new, truth) <= high
    assert held >= 9  # of rows taken as independent, two fifths hold
    assert "in the order of time" in str(search.report_)
    with pytest.warns(UserWarning, match="look like a series"):
        mixed = searched(x, y, estimator=Ridge())
    assert "in the order of time" not in str(mixed.report_)
