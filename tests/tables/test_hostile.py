"""`tune` with what people give it: tables, targets, metrics, folds and estimators that are awkward."""

from __future__ import annotations

import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.metrics import f1_score, make_scorer
from sklearn.model_selection import KFold, LeaveOneOut

import tunesmith

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = np.where(X[:, 0] + 0.5 * RNG.normal(size=120) > 0, "a", "b")
NUMBERS = 3 * X[:, 0] + RNG.normal(size=120)


def tune(*args: Any, models: Any = "linear", **settings: Any) -> Any:
    return tunesmith.tune(
        models, *args, **{"timeout": None, "n_trials": 2, "random_state": 0, "verbose": False} | settings
    )


def frame() -> Any:
    """Columns whose levels differ from fold to fold."""
    pd = pytest.importorskip("pandas")
    found = pd.DataFrame(X, columns=list("pqrs"))
    found["rare"] = ["only" if i == 7 else "usual" for i in range(len(X))]
    found["kind"] = RNG.choice(["x", "y", "z"], len(X))
    return found


class Mine(ClassifierMixin, BaseEstimator):
    """Nobody knows its parameters."""

    def __init__(self, wrong: str = "") -> None:
        self.wrong = wrong

    def fit(self, X: Any, y: Any) -> Mine:
        if self.wrong == "fit":
            raise RuntimeError("it never fits")
        self.classes_, self.n_ = np.unique(y, return_counts=True)
        return self

    def predict(self, X: Any) -> Any:
        if self.wrong == "predict":
            raise RuntimeError("it cannot predict")
        return np.full(len(X), self.classes_[self.n_.argmax()])

    def predict_proba(self, X: Any) -> Any:
        if self.wrong == "predict":
            raise RuntimeError("it cannot predict")
        shares = np.full(len(self.classes_), np.nan) if self.wrong == "nan" else self.n_ / self.n_.sum()
        return np.tile(shares, (len(X), 1))


def test_a_model_is_fitted_again_on_rows_with_other_levels() -> None:
    rows = frame()
    search = tune(rows, Y, models=["linear", "tree"], cv=3)
    assert len(search.explain(n_repeats=1, n_folds=3).rows) == rows.shape[1]
    some = rows["rare"] == "usual"  # one column less that is of use
    assert len(clone(search.best_estimator_).fit(rows[some], Y[some]).predict(rows)) == len(rows)


@pytest.mark.parametrize("form", ["coo", "csc_array", "list", "polars", "pyarrow"])
def test_rows_without_a_target_are_left_out_of_each_form(form: str) -> None:
    rows: Any
    if form in ("polars", "pyarrow"):
        library = pytest.importorskip(form)
        pytest.importorskip("narwhals")
        columns = {name: X[:, i] for i, name in enumerate("pqrs")}
        rows = library.DataFrame(columns) if form == "polars" else library.table(columns)
    else:
        rows = {"coo": sparse.coo_matrix(X), "csc_array": sparse.csc_array(X), "list": X.tolist()}[form]
    target = np.where(np.arange(len(X)) % 9 == 0, np.nan, NUMBERS)
    search = tune(rows, target, cv=2)
    assert "14 rows of 120 without a target" in " ".join(search.notes_)
    assert search.best_score_ > 0.5
    assert search.explain(n_repeats=1, n_folds=1).rows[0].value > 0.1


def test_a_fold_may_lack_a_class() -> None:
    target = np.array(["big"] * 80 + ["mid"] * 35 + ["three"] * 3 + ["two"] * 2)
    assert tune(X, target, models=["linear", "neighbours"], scoring="neg_log_loss").best_score_ > -2.0
    order = np.argsort(Y, kind="stable")
    one = tune(X[order], Y[order], models=["neighbours", "tree"], cv=KFold(2))  # one class in each training part
    assert one.best_score_ < 0.5


def test_a_model_that_fails_is_told_of_and_the_others_go_on() -> None:
    models = {wrong: Mine(wrong) for wrong in ("fit", "predict", "nan")} | {"fine": Mine()}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        search = tune(X, Y, models=models, n_trials=4)
    assert search.best_params_["model"] == "fine"
    told = str(search.report_)
    assert "fit failed: RuntimeError: it never fits" in told
    assert "predict failed: RuntimeError: it cannot predict" in told
    assert "nan failed: it predicts no finite numbers" in told
    assert not caught
    with pytest.raises(ValueError, match="it never fits"):
        tune(X, Y, models=Mine("fit"))


def test_distances_from_a_border_are_as_good_as_probabilities() -> None:
    model = RidgeClassifier()
    ranked = tune(X, Y, models=model, scoring="roc_auc", n_trials=1)
    sure = tune(X, Y, models=LogisticRegression(), scoring="roc_auc", n_trials=1)
    assert ranked.best_score_ == pytest.approx(sure.best_score_, abs=0.02)


def test_few_rows_have_folds_with_a_score() -> None:
    assert len(tune(X[:5], NUMBERS[:5]).cv_results_["params"]) > 0
    with pytest.raises(ValueError, match="a fold with 1 test row"):
        tune(X[:3], NUMBERS[:3])


def test_a_metric_of_the_same_name_is_not_taken_for_scikit_learns() -> None:
    def accuracy(estimator: Any, X: Any, y: Any) -> float:
        return 0.25

    assert tune(X, Y, scoring=accuracy).best_score_ == 0.25


def test_candidates_are_as_many_as_were_asked_for_and_the_best_are_found_again(tmp_path: Path) -> None:
    models = ["linear", "tree", "neighbours"]
    assert len(tune(X, Y, models=models, n_trials=1).cv_results_["params"]) == 1
    settings: dict[str, Any] = {"models": models, "n_trials": 8, "storage": str(tmp_path / "t.db"), "ensemble": False}
    first = tune(X, Y, **settings)
    again = tune(X, Y, **settings)
    assert again.best_score_ >= first.best_score_


def test_a_point_that_was_enqueued_is_the_next_candidate(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"models": ["linear", "tree"], "storage": str(tmp_path / "t.db")}
    first = tune(X, Y, **settings)
    study = tunesmith.load_study(study_name="tune", storage=settings["storage"])
    study.enqueue_trial(first.cv_results_["params"][1])
    study.enqueue_trial({"model": "tree", "tree__max_depth": 2})
    again = tune(X, Y, **{**settings, "n_trials": 6})
    trials = again.study_.trials
    assert (trials[2].state.name, trials[2].reason) == ("PRUNED", "trial 1 is nearly the same")
    assert again.cv_results_["params"][2]["tree__max_depth"] == 2
    assert len(again.cv_results_["params"]) == 6
    assert "WAITING" not in {t.state.name for t in trials}


def test_groups_may_be_of_any_type() -> None:
    groups = np.array([None if i == 3 else f"g{i % 7}" for i in range(len(X))], dtype=object)
    assert tune(X, Y, groups=groups).honest_score_.n_groups == 8


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"scoring": "f1"}, r"the classes 'a', 'b': pos_label=1 .*make_scorer\(f1_score, pos_label='b'\)"),
        ({"scoring": f1_score}, "scoring='f1_score' cannot be computed"),
        ({"scoring": lambda e, X, y: float("nan")}, "it is nan on a fold with 24 test rows"),
        ({"scoring": "r2", "cv": LeaveOneOut(), "task": "regression", "y": NUMBERS}, "a fold with 1 test row"),
        ({"scoring": "neg_mean_squared_log_error", "y": NUMBERS}, "targets contain"),
        ({"sample_weight": ["much"] * 120}, "sample_weight holds numbers >= 0; could not convert"),
        ({"cv": [(np.arange(9), np.arange(1000, 1009))]}, "cv names rows that there are not"),
        ({"groups": np.zeros(120)}, "a single group"),
        ({"models": LogisticRegression}, r"give an estimator, such as LogisticRegression\(\)"),
        ({"random_state": "x"}, "random_state is a whole number"),
        ({"timeout": "10m"}, "a number of seconds above 0"),
        ({"level": "x"}, "between 0 and 1"),
        ({"risk": 7}, "risk is the share"),
        ({"X": [[1.0, 2.0]] * 60 + [[1.0]] * 60}, "different lengths"),
        ({"X": (row for row in X)}, "X must be a table"),
        ({"y": [1, "a"] * 60}, "y holds texts and other labels, such as 'a' and 1"),
        ({"y": [1e300, 2.5, -1e300] * 40}, "the squares of such numbers cannot be held"),
        ({"y": (np.arange(120) + 0.5) * 1e-200}, "from 5e-201 to 1.195e-198"),
    ],
)
def test_what_cannot_be_used_is_told_before_the_first_fit(settings: dict[str, Any], words: str) -> None:
    settings = {"models": Mine("fit"), **settings}
    rows, target = settings.pop("X", X), settings.pop("y", Y)
    if target is NUMBERS:
        settings["models"] = "linear"
    with pytest.raises(ValueError, match=words):
        tune(rows, target, **settings)


def test_a_score_that_asks_for_a_class_is_kept() -> None:
    search = tune(X, Y, scoring=make_scorer(f1_score, pos_label="b"))
    assert pickle.loads(pickle.dumps(search)).score(X, Y) > 0.7


def test_explaining_needs_a_fold_and_a_repeat() -> None:
    search = tune(X, Y, sample_weight=np.where(Y == "a", 1.0, 2.0))
    with pytest.raises(ValueError, match="n_folds is a whole number from 1 on"):
        search.explain(n_folds=0)
    assert len(search.explain(n_repeats=1, n_folds=1).rows) == 4
