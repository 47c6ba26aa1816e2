"""What `SearchCV` returns, what it says of it, and what its leaders and the default are tried again on."""

from __future__ import annotations

import math
import pickle
import re
from inspect import signature
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_breast_cancer, make_classification, make_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GroupKFold,
    KFold,
    PredefinedSplit,
    RepeatedStratifiedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
    cross_val_predict,
    cross_val_score,
)
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from tunesmith import Float, Int
from tunesmith.selection.by_folds import BY_FOLDS_METHOD as FOLDS
from tunesmith.selection.wording import BY_GAINS_METHOD
from tunesmith.sklearn import GridSearchCV, SearchCV

X, Y = make_classification(120, 6, n_informative=3, flip_y=0.1, random_state=0)
NOISE = np.random.default_rng(0).integers(0, 2, 120)  # targets that nothing predicts
LEAVES = {"min_samples_leaf": Int(1, 40, log=True), "max_depth": Int(1, 10)}
TREE = DecisionTreeClassifier(random_state=0)
POOR = DecisionTreeClassifier(max_depth=1, random_state=0)  # what its default is, any tree beats
XOR = np.random.default_rng(1).normal(size=(240, 2))
XOR_Y = (XOR[:, 0] * XOR[:, 1] > 0).astype(int)


def by_fold(estimator: Any, x: Any, y: Any) -> float:
    """Scores without showing what of single rows."""
    return float((estimator.predict(x) == y).mean())


class Counting(KNeighborsClassifier):
    """Counts the fits in this process."""

    fits = 0

    def fit(self, X: Any, y: Any) -> Counting:
        type(self).fits += 1
        super().fit(X, y)
        return self


def searched(estimator: Any = TREE, space: Any = None, y: Any = Y, x: Any = X, **settings: Any) -> SearchCV:
    routed = settings.pop("fit", {})
    settings = {"n_trials": 10, "random_state": 0, **settings}
    return SearchCV(estimator, LEAVES if space is None else space, **settings).fit(x, y, **routed)


# ------------------------------------------------------------------------------------------------------ the default


def test_the_default_is_returned_where_nothing_beats_it() -> None:
    search = searched(y=NOISE, space={"min_samples_leaf": Int(1, 3), "max_features": Float(0.5, 1.0)})
    assert search.report_.kept_default
    assert search.best_params_ == {"min_samples_leaf": 1, "max_features": None}
    assert search.best_estimator_.get_params() == TREE.get_params()
    assert search.honest_score_.gain_over_default == 0.0
    assert not search.honest_score_.beats_default
    assert "Kept the default (min_samples_leaf=1, max_features=None)" in str(search.report_)
    low, high = search.honest_score_.interval
    assert low < 0.55
    assert high > 0.45


def test_what_is_plainly_better_is_returned_with_its_gain() -> None:
    search = searched(POOR, x=XOR, y=XOR_Y, n_trials=15)
    score = search.honest_score_
    assert not search.report_.kept_default
    assert score.beats_default
    assert score.p_value < 0.05
    low, high = score.gain_over_default.interval
    assert 0.0 < low < float(score.gain_over_default) < high
    assert "It beats the default (" in str(search.report_)
    fresh = np.random.default_rng(2).normal(size=(4000, 2))
    truth = search.score(fresh, fresh[:, 0] * fresh[:, 1] > 0)
    assert score.interval[0] < truth < score.interval[1]


def test_the_default_is_the_first_trial_if_the_space_has_it() -> None:
    search = searched(KNeighborsClassifier(), {"n_neighbors": Int(1, 30, log=True)}, n_trials=6)
    assert search.study_.trials[0].params == {"n_neighbors": 5}
    assert len(search.cv_results_["params"]) == 6
    assert search.report_.default == {"n_neighbors": 5}


def test_a_default_beyond_the_space_comes_on_top_as_the_last_row() -> None:
    search = searched(SVC(), {"C": Float(0.1, 10, log=True), "gamma": Float(1e-3, 1, log=True)}, n_trials=6)
    assert len(search.study_.trials) == 6
    assert len(search.cv_results_["params"]) == 7
    assert search.cv_results_["params"][-1] == {"C": 1.0, "gamma": "scale"}
    expected = cross_val_score(SVC(), X, Y).mean()
    assert search.cv_results_["mean_test_score"][-1] == pytest.approx(expected)
    assert search.report_.default == {"C": 1.0, "gamma": "scale"}


def test_the_one_that_looks_better_is_returned_on_request() -> None:
    settings: dict[str, Any] = {"y": NOISE, "n_trials": 15, "confirm": 0, "sampler": "random"}
    kept, taken = searched(**settings), searched(prefer_default=False, **settings)
    assert kept.report_.kept_default
    assert not taken.report_.kept_default
    assert taken.best_params_ != kept.best_params_
    assert taken.report_.default == kept.report_.default == {"min_samples_leaf": 1, "max_depth": None}
    assert taken.honest_score_.gain_over_default is not None
    assert taken.cv_results_["params"][-1] == taken.report_.default


def test_how_much_is_risked_for_a_gain_is_for_the_user_to_say() -> None:
    settings: dict[str, Any] = {"y": NOISE, "n_trials": 15, "confirm": 0}
    assert searched(risk=0, **settings).report_.kept_default
    assert not searched(risk=1, **settings).report_.kept_default
    sure: dict[str, Any] = {"estimator": POOR, "x": XOR, "y": XOR_Y}
    assert not searched(risk=0, **sure).report_.kept_default
    with pytest.raises(ValueError, match="'risk' parameter of SearchCV"):
        searched(risk=1.5)
    with pytest.raises(ValueError, match="leave one of them out"):
        searched(risk=0.1, prefer_default=False)


def test_without_a_default_nothing_is_compared() -> None:
    search = searched(prefer_default=None, n_trials=5)
    assert search.honest_score_.gain_over_default is None
    assert search.honest_score_.beats_default is None
    assert search.report_.default is None
    assert "default" not in str(search.report_)


def reach(score: Any) -> float:
    low, high = score.interval
    return float(high - low)


@pytest.mark.parametrize(
    "settings",
    [{}, {"scoring": by_fold}, {"cv": ShuffleSplit(1, test_size=0.3, random_state=0)}],
    ids=["rows", "folds", "model"],
)
def test_the_level_of_the_intervals_is_the_user_s(settings: dict[str, Any]) -> None:
    if "cv" in settings:
        settings = {**settings, "scoring": by_fold, "n_trials": 12}
    usual, low = searched(**settings), searched(level=0.5, **settings)
    assert (usual.honest_score_.level, low.honest_score_.level) == (0.95, 0.5)
    assert reach(low.honest_score_) < 0.5 * reach(usual.honest_score_)
    assert low.honest_score_.value == usual.honest_score_.value
    assert re.search(r"50 ?% interval", str(low.report_))
    with pytest.raises(ValueError, match="level"):
        searched(level=95)


class Hungry(KNeighborsClassifier):
    """Cannot be fitted as it comes."""

    def fit(self, X: Any, y: Any) -> Hungry:
        if self.n_neighbors == 5:
            raise ValueError("five is right out")
        super().fit(X, y)
        return self


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning")
def test_a_default_that_fails_is_said_to() -> None:
    search = searched(Hungry(), {"n_neighbors": Int(6, 30)}, n_trials=4)
    assert search.honest_score_.gain_over_default is None
    assert "default" in str(search.report_)
    assert search.best_params_["n_neighbors"] >= 6


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.FitFailedWarning", "ignore:One or more of the test scores")
@pytest.mark.parametrize("kind", [GridSearchCV, SearchCV])
def test_configurations_that_failed_are_told(kind: Any) -> None:
    settings: dict[str, Any] = {"n_trials": None} if kind is SearchCV else {}
    search = kind(Hungry(n_neighbors=3), {"n_neighbors": [3, 4, 5, 6]}, cv=3, **settings).fit(X, Y)
    assert "1 of the 4 configurations had no score on some folds, because a fit failed" in str(search.report_)
    whole = kind(Hungry(n_neighbors=3), {"n_neighbors": [3, 4, 6]}, cv=3, **settings).fit(X, Y)
    assert "no score" not in str(whole.report_)


def test_one_candidate_is_enough() -> None:
    search = searched(KNeighborsClassifier(), {"n_neighbors": Int(1, 30)}, n_trials=1)
    assert search.best_params_ == {"n_neighbors": 5}  # the default itself, beside which there is nothing
    assert search.honest_score_.interval[0] < search.honest_score_.value < search.honest_score_.interval[1]


# ---------------------------------------------------------------------------------------------------- fresh splits


def test_leaders_and_the_default_are_tried_again_for_what_racing_saved() -> None:
    search = searched(n_trials=30, space=LEAVES | {"max_features": Float(0.05, 1.0)}, cv=5)
    report = search.report_
    in_the_search = int(search.cv_results_["n_splits_run"].sum())
    fresh = report.n_fits - in_the_search
    assert 0 < fresh <= report.n_fits_saved
    assert report.n_fits <= 31 * 5
    assert report.n_confirmed >= 2
    assert "re-tested on new splits of the rows" in str(report)
    assert search.n_fits_ == report.n_fits


@pytest.mark.parametrize(("confirm", "n_fresh"), [(0, 0), (1, (4 + 1) * 3), (2, (4 + 1 + 3 + 1) * 3)])
def test_how_often_is_for_the_user_to_say(confirm: int, n_fresh: int) -> None:
    Counting.fits = 0
    space = {"n_neighbors": Int(1, 30, log=True)}
    search = searched(Counting(), space, n_trials=8, racing=None, confirm=confirm, cv=3, sampler="random")
    assert Counting.fits == 8 * 3 + n_fresh + 1  # and the refit
    assert search.n_fits_ == 8 * 3 + n_fresh
    assert search.report_.n_repeats == confirm


@pytest.mark.parametrize("cv", [TimeSeriesSplit(3), KFold(3), GroupKFold(3), PredefinedSplit(np.arange(120) % 3)])
def test_rows_whose_order_counts_are_not_reshuffled(cv: Any) -> None:
    groups = {"groups": np.arange(120) // 4} if isinstance(cv, GroupKFold) else {}
    search = searched(cv=cv, confirm=2, fit=groups)
    assert search.report_.n_repeats == 0
    unless = " unless shuffle=True" if "shuffle" in signature(type(cv)).parameters else ""
    why = f"because {type(cv).__name__} always gives the same ones{unless}."
    assert f"No configuration was re-tested on new splits, {why}" in str(search.report_)
    assert math.isfinite(search.honest_score_.interval[0])


@pytest.mark.parametrize(
    "cv",
    [
        3,
        KFold(3, shuffle=True),
        StratifiedKFold(3, shuffle=True, random_state=7),
        ShuffleSplit(3, random_state=0),
        RepeatedStratifiedKFold(n_splits=3, n_repeats=2, random_state=0),
        GroupKFold(3, shuffle=True, random_state=0),
    ],
)
def test_splitters_that_shuffle_give_fresh_splits(cv: Any) -> None:
    groups = {"groups": np.arange(120) // 4} if isinstance(cv, GroupKFold) else {}
    np.random.seed(0)  # which one of these splitters draws from
    search = searched(cv=cv, confirm=1, fit=groups, n_trials=6)
    assert search.report_.n_repeats == 1
    assert search.honest_score_.interval[0] < search.honest_score_.value < search.honest_score_.interval[1]


def test_groups_make_the_interval_longer() -> None:
    x, y = np.repeat(X, 5, axis=0), np.repeat(Y, 5)  # each row five times: as much as if it were there once
    groups = np.repeat(np.arange(120), 5)
    as_groups = searched(x=x, y=y, cv=GroupKFold(4), fit={"groups": groups}, prefer_default=None, n_trials=4)
    once = searched(cv=KFold(4), prefer_default=None, n_trials=4)

    def width(search: SearchCV) -> float:
        low, high = search.honest_score_.interval
        return high - low

    assert width(as_groups) == pytest.approx(width(once), rel=0.35)


def test_the_same_seed_gives_the_same_conclusion_and_workers_do_not_matter() -> None:
    one, two, parallel = searched(), searched(), searched(n_jobs=2, sampler="random")
    alone = searched(sampler="random")
    assert str(one.report_) == str(two.report_)
    assert parallel.best_params_ == alone.best_params_
    assert parallel.honest_score_.value == pytest.approx(alone.honest_score_.value, abs=0.02)


def test_what_is_known_of_fresh_splits_is_not_fitted_again(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"storage": str(tmp_path / "t.db"), "n_trials": 8, "confirm": 2, "cv": 3}
    space = {"n_neighbors": Int(1, 30, log=True)}
    first = searched(Counting(), space, **settings)
    Counting.fits = 0
    again = searched(Counting(), space, **settings)
    assert Counting.fits == 1  # the refit
    assert again.honest_score_ == first.honest_score_
    assert str(again.report_) == str(first.report_)


# ------------------------------------------------------------------------------------------- metrics, kinds of data


def test_the_score_of_the_leader_is_less_than_it_looks() -> None:
    search = searched(y=NOISE, n_trials=40, prefer_default=None, sampler="random", confirm=0)
    score = search.honest_score_
    assert score.naive == pytest.approx(search.best_score_)
    assert score.optimism == pytest.approx(score.naive - score.value)
    assert score.value < score.naive
    assert score.interval[0] < 0.5 < score.interval[1]
    assert float(score) == score.value


@pytest.mark.parametrize(
    "scoring",
    ["accuracy", "roc_auc", "neg_log_loss", "neg_brier_score", "f1", "balanced_accuracy", "average_precision"],
)
def test_metrics_of_classification(scoring: str) -> None:
    search = searched(scoring=scoring, cv=3, n_trials=6)
    score = search.honest_score_
    assert score.metric == scoring
    assert score.n_rows == 120
    assert score.interval[0] < score.value < score.interval[1]
    assert score.method == BY_GAINS_METHOD


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error", "neg_median_absolute_error", "neg_max_error"])
def test_metrics_of_regression(scoring: str | None) -> None:
    x, y = make_regression(100, 8, noise=20.0, random_state=0)
    search = searched(Ridge(), {"alpha": Float(1e-3, 1e3, log=True)}, x=x, y=y, scoring=scoring, cv=4, n_trials=8)
    score = search.honest_score_
    assert score.interval[0] < score.value < score.interval[1]
    assert abs(score.optimism) < 0.1 * abs(score.naive)


OF_CLASSES = ["average_precision", "f1", "mutual_info_score"]


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.UndefinedMetricWarning")  # of one fold
@pytest.mark.parametrize("scoring", [*OF_CLASSES, "r2", "neg_root_mean_squared_error", "d2_absolute_error_score"])
def test_a_metric_that_is_no_mean_over_rows_is_computed_from_all_folds_together(scoring: str) -> None:
    x = np.random.default_rng(0).normal(size=(100, 4))
    y, cv = x[:, 0] + np.random.default_rng(1).normal(size=100), KFold(10)
    if scoring in OF_CLASSES:
        model, space, y = LogisticRegression(), {"C": Float(0.1, 10, log=True)}, (y > np.sort(y)[-12]).astype(int)
        cv = StratifiedKFold(10)
    else:
        model, space = Ridge(), {"alpha": Float(0.1, 10, log=True)}
    search = searched(model, space, x=x, y=y, scoring=scoring, cv=cv, n_trials=1, confirm=0)
    method = "predict_proba" if scoring == "average_precision" else "predict"
    out = cross_val_predict(search.best_estimator_, x, y, cv=cv, method=method)
    scorer = get_scorer(scoring)
    together = scorer._sign * scorer._score_func(y, out[:, 1] if out.ndim > 1 else out)
    assert search.honest_score_.value == pytest.approx(together, abs=1e-5)
    assert search.honest_score_.naive == pytest.approx(search.best_score_)
    assert abs(together - search.best_score_) > 1e-3
    assert "all folds together" in str(search.report_)


def test_numbers_of_clusters_are_compared_in_each_fold_alone() -> None:
    x = np.random.default_rng(0).normal(size=(100, 2)) + 4.0 * np.arange(4)[:, None].repeat(25, axis=0).reshape(-1, 1)
    y = np.arange(4).repeat(25)
    search = searched(
        KMeans(4, n_init=1, random_state=0), {"max_iter": Int(50, 99)}, x=x, y=y, scoring="mutual_info_score",
        cv=KFold(5, shuffle=True, random_state=0), n_trials=3,
    )  # fmt: skip
    assert not search.honest_score_.together


def test_folds_in_the_order_of_time_are_judged_each_for_itself() -> None:
    x = np.arange(60.0).reshape(-1, 1)
    y = x[:, 0] + np.random.default_rng(0).normal(size=60)
    cv = TimeSeriesSplit(5)
    search = searched(Ridge(), {"alpha": Float(0.1, 10, log=True)}, x=x, y=y, scoring="r2", cv=cv, n_trials=1)
    assert search.honest_score_.value == pytest.approx(search.best_score_, abs=1e-5)


def test_several_metrics_of_which_one_decides() -> None:
    search = searched(scoring=["accuracy", "roc_auc"], refit="roc_auc", n_trials=5)
    assert search.honest_score_.metric == "roc_auc"
    assert search.honest_score_.naive == pytest.approx(search.cv_results_["mean_test_roc_auc"][search.best_index_])


def test_where_no_metric_decides_there_is_no_figure_and_it_says_why() -> None:
    search = searched(scoring=["accuracy", "roc_auc"], refit=False, n_trials=3)
    assert search.honest_score_ is None
    assert "Nothing was chosen, because no metric was named to decide" in str(search.report_)
    assert not hasattr(search, "best_index_")


def test_a_function_that_chooses_is_left_alone() -> None:
    search = searched(refit=lambda results: 2, n_trials=4)
    assert search.best_index_ == 2
    assert search.honest_score_ is None
    assert "because a function chooses" in str(search.report_)


def test_sample_weights_weigh_in_the_figure() -> None:
    from sklearn import config_context
    from sklearn.metrics import accuracy_score, make_scorer

    weight = np.where(np.arange(120) < 60, 1.0, 1e-6)
    with config_context(enable_metadata_routing=True):
        tree = clone(TREE).set_fit_request(sample_weight=True)
        scorer = make_scorer(accuracy_score).set_score_request(sample_weight=True)
        search = searched(tree, scoring=scorer, n_trials=4, prefer_default=None, fit={"sample_weight": weight})
    half = searched(n_trials=4, prefer_default=None)
    wide, narrow = search.honest_score_.interval, half.honest_score_.interval
    assert wide[1] - wide[0] > 1.15 * (narrow[1] - narrow[0])  # as of half the rows


def scorer_of_its_own(estimator: Any, x: Any, y: Any) -> float:
    return float((estimator.predict(x) == y).mean()) - 1e-3 * estimator.get_depth()


def test_a_scorer_that_is_no_metric_is_judged_by_its_folds() -> None:
    search = searched(scoring=scorer_of_its_own, cv=5)
    score = search.honest_score_
    assert score.method == FOLDS
    assert "Your scorer gives one number per fold, so this estimate rests on 5 values and is rough." in str(
        search.report_
    )
    assert score.interval[0] < score.value <= score.naive


class Silent(ClassifierMixin, BaseEstimator):
    """Has a `score` of its own and no `predict`."""

    def __init__(self, a: float = 0.5) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Silent:
        self.classes_ = np.unique(y)
        return self

    def score(self, X: Any, y: Any) -> float:
        return 1.0 - (self.a - 0.3) ** 2 + 0.01 * float(np.mean(y))


def test_an_estimator_without_predictions_is_judged_by_its_folds() -> None:
    search = searched(Silent(), {"a": Float(0, 1)})
    assert search.honest_score_.method == FOLDS
    assert search.best_params_["a"] == pytest.approx(0.3, abs=0.2)


@pytest.mark.parametrize("cv", [ShuffleSplit(1, random_state=0), [(np.arange(80), np.arange(80, 120))]])
def test_a_single_validation_set_has_a_figure_too(cv: Any) -> None:
    search = searched(cv=cv, n_trials=8)
    score = search.honest_score_
    assert score.interval[0] < score.value < score.interval[1]
    assert score.n_rows in (12, 40)


def test_a_handful_of_test_rows_is_said_to_be_few() -> None:
    search = searched(cv=[(np.arange(110), np.arange(110, 120))], n_trials=3)
    assert "Only 10 rows were tested" in str(search.report_)


def test_labels_may_be_words() -> None:
    words = np.array(["no", "yes"])[Y]
    by_words, by_numbers = searched(y=words), searched()
    assert by_words.honest_score_.value == by_numbers.honest_score_.value


# --------------------------------------------------------------------------------------------------- what goes with it


def test_the_report_is_read_in_a_terminal_and_in_a_notebook() -> None:
    search = searched()
    text = str(search.report_)
    assert "expected accuracy on new data:" in text
    assert "The search took" in text
    assert search.report_._repr_html_().startswith("<div")


def test_the_report_travels_with_the_search() -> None:
    search = pickle.loads(pickle.dumps(searched(n_trials=4)))
    assert search.honest_score_.value > 0.5
    assert "expected accuracy on new data" in str(search.report_)


def test_the_simplest_of_the_best_is_returned_on_request() -> None:
    x, y = load_breast_cancer(return_X_y=True)
    settings: dict[str, Any] = {"x": x, "y": y, "prefer_default": None, "n_trials": 12, "cv": 3}
    simple = searched(simplest="one-se", complexity="max_depth", **settings)
    best = searched(**settings)
    assert simple.best_params_["max_depth"] <= best.best_params_["max_depth"]
    assert simple.best_index_ in range(12)
    del settings["prefer_default"]  # without a limit: the most complex of all, which a simpler one may replace
    guarded = searched(simplest="one-se", complexity="max_depth", **settings)
    assert guarded.report_.default["max_depth"] is None
    assert guarded.best_params_["max_depth"] <= 10


@pytest.mark.parametrize("settings", [{"simplest": "one-se"}, {"complexity": "max_depth"}])
def test_what_is_simple_has_to_be_said(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="go together"):
        searched(n_trials=2, **settings)


def test_what_cannot_be_ordered_is_told_before_the_first_fit() -> None:
    Counting.fits = 0
    with pytest.raises(ValueError, match="no configuration has a parameter 'n_neighbours'"):
        searched(Counting(), {"n_neighbors": Int(1, 9)}, n_trials=9, simplest="one-se", complexity="n_neighbours")
    assert Counting.fits == 0


def test_a_search_that_has_nothing_more_to_gain_ends_by_itself() -> None:
    space = {"C": Float(0.1, 10, log=True), "gamma": Float(1e-2, 1e-1, log=True)}
    search = searched(SVC(), space, y=NOISE, n_trials=150, stop="converged", prefer_default=None, confirm=0)
    assert len(search.study_.trials) < 120
    assert search.study_.stop_reason
    assert "The search stopped by itself" in str(search.report_)
