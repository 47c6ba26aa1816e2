"""What would decide between the default and what leads, and the fits that are spent on it."""

from __future__ import annotations

import copy
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import make_classification
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import TimeSeriesSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.tree import DecisionTreeClassifier

import tunesmith
from tunesmith import Int
from tunesmith.sklearn import SearchCV

X, Y = make_classification(150, 8, n_informative=3, flip_y=0.15, random_state=3)
SPACE = {"min_samples_leaf": Int(1, 20), "max_depth": Int(1, 10)}


class Counting(DecisionTreeClassifier):
    fits = 0

    def fit(self, X: Any, y: Any, sample_weight: Any = None, check_input: bool = True) -> Counting:
        type(self).fits += 1
        super().fit(X, y, sample_weight, check_input)
        return self


def searched(y: Any = Y, **settings: Any) -> SearchCV:
    settings = {"n_trials": 8, "random_state": 0, "risk": 0.0, "cv": 4, **settings}
    return SearchCV(Counting(random_state=0), SPACE, **settings).fit(X, y)


def by_fold(estimator: Any, x: Any, y: Any) -> float:
    return float((estimator.predict(x) == y).mean())


def test_a_kept_default_comes_with_what_leads_and_what_would_decide() -> None:
    search = searched(confirm=2)
    assert search.report_.kept_default
    text = str(search.report_)
    assert re.search(r"It leads by 0\.\d+ on the same rows; the smallest gain that 150 rows can tell from luck", text)
    assert "If the lead is real, about " in text
    assert "It leads by" in search.report_._repr_html_()
    assert text.splitlines()[1:] == search.study_.recommend().sentences()[1 : len(text.splitlines())]


def test_further_fits_are_spent_and_decide_anew() -> None:
    search = searched()
    before, n_fits = search.report_, search.n_fits_
    Counting.fits = 0
    assert search.decide(more_fits=100) is search
    after = search.report_
    assert Counting.fits <= 100 + (search.best_params_ != before.chosen)
    assert Counting.fits >= 90
    assert search.n_fits_ == after.n_fits == n_fits + 16 * (100 // 16)
    assert after.n_repeats == before.n_repeats + 100 // 16
    assert after.outlook.repeats > 1
    assert search.honest_score_ is after.score
    assert search.best_params_ == search.cv_results_["params"][search.best_index_] == after.chosen
    assert search.best_estimator_.get_params().items() >= search.best_params_.items()
    assert search.study_.recommend().params == after.chosen


def test_further_fits_can_replace_the_default_and_refit() -> None:
    x, y = make_classification(120, 8, n_informative=3, flip_y=0.1, random_state=3)
    search = SearchCV(Counting(random_state=0), SPACE, n_trials=8, random_state=0, cv=4, confirm=0).fit(x, y)
    assert search.report_.kept_default
    assert search.best_estimator_.max_depth is None
    search.decide(160)
    assert not search.report_.kept_default
    assert search.best_estimator_.max_depth == search.best_params_["max_depth"] < 11
    assert search.best_score_ == search.cv_results_["mean_test_score"][search.best_index_]
    assert search.predict(x).shape == (120,)


def test_one_conclusion_a_study_also_when_it_is_resumed(tmp_path: Path) -> None:
    storage = {"storage": str(tmp_path / "d.db"), "study_name": "d"}
    first = searched(**storage).decide(64)
    again = searched(**storage)
    assert str(again.report_) == str(first.report_)
    Counting.fits = 0
    again.decide(64)
    assert Counting.fits <= 65, "the repeats of before are in the storage"
    assert again.report_.n_repeats == first.report_.n_repeats + 4
    assert str(searched().decide(64).decide(64).report_) == str(again.report_)
    study = tunesmith.load_study(study_name="d", storage=str(tmp_path / "d.db"))
    assert study.recommend().sentences()[0] == str(again.report_).splitlines()[0]


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
def test_a_copy_has_no_rows(copied: Any) -> None:
    with pytest.raises(ValueError, match="not in a copy or a pickle of a search: call fit again"):
        copied(searched(confirm=0, n_trials=2)).decide(40)


@pytest.mark.parametrize(
    ("settings", "fits", "message"),
    [
        ({"cv": TimeSeriesSplit(3)}, 100, "the folds cannot be repeated: TimeSeriesSplit always gives the same ones"),
        ({"reshuffle": True}, 100, "each candidate had splits of its own"),
        ({"scoring": by_fold}, 100, "the scorer gives one number per fold"),
        ({"refit": lambda results: 0}, 100, "needs a metric that decides"),
        ({}, 7, "more_fits=7 is less than one repeat: 4 folds of two configurations are 8 fits"),
        ({}, 0, "a whole number from 1 on; 0 was given"),
        ({}, True, "True was given"),
        ({"n_trials": 1, "prefer_default": None, "risk": 0.04}, 100, "there is only one configuration"),
    ],
)
def test_what_cannot_be_decided_is_said(settings: dict[str, Any], fits: Any, message: str) -> None:
    search = searched(**{"n_trials": 2, "confirm": 0, **settings})
    report = str(search.report_)
    with pytest.raises(ValueError, match=re.escape(message)):
        search.decide(fits)
    assert str(search.report_) == report


def test_only_a_fitted_search_decides() -> None:
    with pytest.raises(NotFittedError, match="call fit"):
        SearchCV(DecisionTreeClassifier(), SPACE).decide(40)


@pytest.mark.slow
def test_workers_decide_the_same() -> None:
    one, two = (searched(n_trials=4, sampler="random", n_jobs=n).decide(64) for n in (1, 2))
    assert str(one.report_) == str(two.report_)


@pytest.mark.slow
def test_caution_ends_by_itself_where_it_costs_more_than_it_spares() -> None:
    x, y = make_classification(150, 8, n_informative=3, flip_y=0.1, class_sep=0.8, random_state=5)
    settings: dict[str, Any] = {"n_trials": 12, "random_state": 0, "scoring": "neg_log_loss", "confirm": 1}
    kept, auto = (
        SearchCV(KNeighborsClassifier(), {"n_neighbors": Int(1, 60)}, prefer_default=p, **settings).fit(x, y)
        for p in (True, "auto")
    )
    assert not auto.report_.kept_default
    assert ("that loses much more than it spares" in str(auto.report_)) is kept.report_.kept_default
    noise = Y[np.random.default_rng(0).permutation(150)]
    same = [str(searched(noise, risk=0.04, confirm=0, prefer_default=p).report_) for p in (True, "auto")]
    assert same[0] == same[1], "on few rows it is as cautious as ever"
