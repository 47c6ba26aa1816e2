"""What only the model fitted on all rows shows: that it gives a class no chance, and what more rows bring."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import make_classification, make_friedman1
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeClassifier

from tunesmith.sklearn import GridSearchCV, SearchCV
from tunesmith.sklearn.results.last_fit import _mixed
from tunesmith.sklearn.search import base_search_cv

X, Y = make_classification(100, 5, n_informative=3, flip_y=0.15, random_state=3)
SURE = "The model fitted on all rows gives a class no chance"


class SureOfAllRows(DecisionTreeClassifier):
    """Has no doubts once it has seen all rows."""

    def predict_proba(self, X: Any, check_input: bool = True) -> Any:
        found = super().predict_proba(X, check_input)
        return np.round(found) if self.tree_.n_node_samples[0] == len(Y) else 0.8 * found + 0.1


class SureOfKnownRows(SureOfAllRows):
    """Cannot predict for rows that are mixed from others."""

    def predict_proba(self, X: Any, check_input: bool = True) -> Any:
        if len(X) > len(Y):
            raise ValueError("unknown rows")
        return super().predict_proba(X, check_input)


def searched(model: Any, kind: Any = SearchCV, **settings: Any) -> Any:
    space = settings.pop("space", {"max_depth": [2, 3, 4]})
    if kind is SearchCV:
        settings |= {"random_state": 0}
    return kind(model, space, scoring="neg_log_loss", cv=5, **settings).fit(X, Y)


def unaware(monkeypatch: pytest.MonkeyPatch, *args: Any, **settings: Any) -> Any:
    """The search as it is when nothing looks at the last fit."""
    with monkeypatch.context() as patch:
        patch.setattr(base_search_cv, "look_at", lambda *_: None)
        return searched(*args, **settings)


@pytest.mark.parametrize("kind", [SearchCV, GridSearchCV])
def test_a_last_fit_without_doubts_is_told_and_counts(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before = unaware(monkeypatch, SureOfAllRows(random_state=0), kind).honest_score_
    search = searched(SureOfAllRows(random_state=0), kind)
    score = search.honest_score_
    assert SURE in str(search.report_)
    assert "those of the folds in 0 %" in str(search.report_)
    assert "CalibratedClassifierCV" in str(search.report_)
    assert "lucky" not in str(search.report_)
    assert "because the winner" not in str(search.report_)
    assert search.report_.score == score
    assert score.value < before.value
    assert score.interval[0] < min(before.interval[0], -10.0)
    assert score.interval[1] == before.interval[1]
    assert score.optimism - before.optimism == pytest.approx(before.value - score.value)
    assert not score.has_skill
    assert sum("best guess that sees no feature" in note for note in score.notes) == 1
    assert search.honest_scores_ == {"neg_log_loss": score}


@pytest.mark.parametrize(
    ("model", "space"),
    [
        (LogisticRegression(), {"C": [0.1, 1.0]}),
        (SureOfKnownRows(random_state=0), {"max_depth": [2, 3]}),
        (DecisionTreeClassifier(min_samples_leaf=30), {"max_depth": [1, 2]}),
    ],
    ids=["never sure", "cannot predict", "large leaves"],
)
def test_without_such_a_fit_the_score_is_what_it_was(model: Any, space: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    before, search = unaware(monkeypatch, model, space=space), searched(model, space=space)
    assert search.honest_score_ == before.honest_score_
    assert str(search.report_) == str(before.report_)


def test_the_stored_verdict_is_the_one_told(tmp_path: Path) -> None:
    settings = {"storage": str(tmp_path / "t.db"), "study_name": "s"}
    search = searched(SureOfAllRows(random_state=0), **settings)
    assert search.study_.recommend().report == search.report_
    again = searched(SureOfAllRows(random_state=0), **settings)
    assert again.report_ == search.report_
    assert again.study_.recommend().report == search.report_
    assert str(again.report_).count(SURE) == 1
    decided = again.decide(more_fits=40)
    assert SURE in str(decided.report_)
    assert decided.study_.recommend().report == decided.report_


def test_the_last_fit_predicts_for_tables_with_columns_of_any_kind() -> None:
    table = pd.DataFrame(X).rename(columns=str).assign(kind=pd.Categorical(np.where(X[:, 0] > 0, "a", "b")))
    rows = _mixed(table)
    assert rows.dtypes.equals(table.dtypes)
    assert len(rows) == 1000
    assert not (rows == table.iloc[0]).all(axis=1).any()


def test_other_metrics_do_not_ask_the_last_fit() -> None:
    class Asked(DecisionTreeClassifier):
        def predict_proba(self, X: Any, check_input: bool = True) -> Any:
            raise AssertionError("nobody needs this")

    search = SearchCV(Asked(), {"max_depth": [1, 2]}, random_state=0).fit(X, Y)
    assert search._last_fit is None


@pytest.mark.parametrize(("cv", "share"), [(TimeSeriesSplit(4), 50), (KFold(4), 75)])
def test_the_report_says_what_more_rows_are_likely_to_bring(cv: Any, share: int) -> None:
    x, y = make_friedman1(1300, 6, noise=0.5, random_state=0)
    settings = {"cv": cv, "scoring": "neg_mean_absolute_error", "random_state": 0, "n_trials": 3, "confirm": 0}
    search = SearchCV(SVR(C=10.0), {"gamma": [0.03, 0.1, 0.3]}, **settings).fit(x[:300], y[:300])
    told = re.search(
        r"likely to be better by about ([0-9.]+): the models of the folds had (\d+) %", str(search.report_)
    )
    assert told is not None
    assert int(told[2]) == share
    score = search.honest_score_
    assert score.interval[1] > score.value + float(told[1])  # the interval reaches as far, and beyond
    assert search.score(x[300:], y[300:]) > score.value
