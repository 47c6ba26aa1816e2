"""Losses of single rows, from what a scorer saw: their mean is the score, or they are not used."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from sklearn import metrics
from sklearn.base import clone
from sklearn.datasets import make_classification, make_multilabel_classification, make_regression
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer, make_scorer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from tunesmith.selection.targets import Targets
from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.results.conclusion import metric_of

CX, CY = make_classification(90, 6, random_state=0)
NUMBERS_ONLY = ("f1", "precision", "recall", "average_precision", "neg_brier_score")  # no pos_label can be told
MX, MY = make_classification(90, 6, n_informative=4, n_classes=3, random_state=0)
RX, RY = make_regression(90, 6, noise=30.0, random_state=0)


class Kept(SearchCV):
    def _conclude(self, search: Any, settings: Any, here: Any) -> None:
        super()._conclude(search, settings, here)
        self.evidence = search.evidence
        self.measure = metric_of(search.scorer, self.evidence.metric, self.scoring, self.estimator)


def score_of(search: Kept, c: int) -> float:
    """What the losses of a candidate have to make: its score, of all predictions together if the metric asks for it."""
    e, measure = search.evidence, search.measure
    assert measure is not None
    if not measure.pools:
        return float(e.scores[c].mean())
    y = np.asarray(e.y)
    out = np.zeros(len(y), y.dtype if e.predictions[c][0].method == "predict" else np.float64)
    for predicted, (_, test) in zip(e.predictions[c], e.splits, strict=True):
        out[test] = e.labels[predicted.values] if predicted.values.dtype.kind == "u" else predicted.values
    return float(measure.sign * measure.function(y, out, **measure.options))


def losses(estimator: Any, space: Any, x: Any, y: Any, scoring: Any, cv: Any) -> tuple[Kept, list[Any]]:
    search = Kept(estimator, space, n_trials=2, scoring=scoring, cv=cv, random_state=0, racing=None, confirm=0)
    search.fit(x, y)
    e = search.evidence
    targets = Targets(np.asarray(e.y), e.labels, None)
    assert search.measure is not None
    made = [
        targets.losses(search.measure, seen, e.scores[c].tolist(), e.own_splits[c])
        for c, seen in enumerate(e.predictions)
        if seen is not None
    ]
    return search, made


@pytest.mark.parametrize(
    "scoring",
    ["accuracy", "roc_auc", "neg_log_loss", "neg_brier_score", "f1", "balanced_accuracy", "average_precision",
     "matthews_corrcoef", "precision", "recall", None],
)  # fmt: skip
@pytest.mark.parametrize("words", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_two_classes(scoring: Any, words: bool) -> None:
    y = np.array(["no", "yes"])[CY] if words and scoring not in NUMBERS_ONLY else CY
    search, made = losses(LogisticRegression(), {"C": "log(0.01, 10)"}, CX, y, scoring, StratifiedKFold(3))
    assert len(made) == 2
    assert search.measure is not None
    for c, own in enumerate(made):
        assert own is not None
        assert search.measure.offset - own.mean() == pytest.approx(score_of(search, c), abs=1e-4)


@pytest.mark.parametrize("scoring", ["accuracy", "neg_log_loss", "f1_macro", "roc_auc_ovr", "top_k_accuracy"])
def test_three_classes(scoring: str) -> None:
    search, made = losses(LogisticRegression(), {"C": "log(0.01, 10)"}, MX, MY, scoring, StratifiedKFold(3))
    assert search.measure is not None
    for c, own in enumerate(made):
        assert own is not None
        assert search.measure.offset - own.mean() == pytest.approx(score_of(search, c), abs=1e-4)


@pytest.mark.parametrize(
    "scoring",
    [None, "r2", "neg_mean_squared_error", "neg_mean_absolute_error", "neg_root_mean_squared_error", "neg_max_error",
     "neg_median_absolute_error", "explained_variance", "neg_mean_absolute_percentage_error"],
)  # fmt: skip
def test_numbers(scoring: Any) -> None:
    search, made = losses(Ridge(), {"alpha": "log(0.01, 10)"}, RX, RY, scoring, KFold(3))
    assert search.measure is not None
    for c, own in enumerate(made):
        assert own is not None
        assert search.measure.offset - own.mean() == pytest.approx(score_of(search, c), rel=1e-4)


def test_losses_of_r2_vary_as_r2_does_without_each_row() -> None:
    """Its divisor, the spread of the targets, is as uncertain as the squared errors are."""
    n = len(RY)
    y = RY + RY.std() * np.random.default_rng(0).normal(size=n)
    search, made = losses(Ridge(), {"alpha": "log(1, 100)"}, RX, y, "r2", KFold(3))
    out = np.zeros(n)
    for predicted, (_, test) in zip(search.evidence.predictions[0], search.evidence.splits, strict=True):
        out[test] = predicted.values
    without = [metrics.r2_score(np.delete(y, i), np.delete(out, i)) for i in range(n)]
    assert made[0].std(ddof=1) == pytest.approx((n - 1) * np.std(without, ddof=1), rel=0.05)


def test_several_outputs() -> None:
    x, y = make_regression(60, 4, n_targets=2, noise=10.0, random_state=0)
    _, made = losses(Ridge(), {"alpha": "log(0.01, 10)"}, x, y, "neg_mean_squared_error", 3)
    assert all(own is not None and own.shape == (60,) for own in made)
    x, y = make_multilabel_classification(60, 5, random_state=0)
    _, made = losses(DecisionTreeClassifier(random_state=0), {"max_depth": "int(1, 8)"}, x, y, "accuracy", 3)
    assert all(own is not None and set(own) <= {0.0, 1.0} for own in made)


def test_arguments_of_a_metric_are_heard() -> None:
    scorer = make_scorer(metrics.fbeta_score, beta=2)
    search, made = losses(LogisticRegression(), {"C": "log(0.01, 10)"}, CX, CY, scorer, StratifiedKFold(3))
    assert search.measure is not None
    assert search.measure.name == "fbeta_score"
    for c, own in enumerate(made):
        assert own is not None
        assert search.measure.offset - own.mean() == pytest.approx(score_of(search, c), abs=1e-4)


def test_losses_that_do_not_make_the_score_are_thrown_away() -> None:
    search, _ = losses(LogisticRegression(), {"C": "log(0.01, 10)"}, CX, CY, "accuracy", StratifiedKFold(3))
    e = search.evidence
    targets = Targets(CY, e.labels, None)
    assert search.measure is not None
    wrong = (e.scores[0] + 0.01).tolist()
    assert targets.losses(search.measure, e.predictions[0] or [], wrong, e.own_splits[0]) is None


def odd_metric(y: Any, predicted: Any) -> float:
    if len(y) < 30:
        raise ValueError("too few rows")
    return float((y == predicted).mean())


def test_a_metric_that_needs_all_rows_of_a_split_is_judged_by_folds() -> None:
    scorer = make_scorer(odd_metric)
    search, made = losses(LogisticRegression(), {"C": "log(0.01, 10)"}, CX, CY, scorer, StratifiedKFold(3))
    assert made == [None, None]
    assert "Tibshirani" in search.honest_score_.method


def test_what_a_metric_is_made_of_is_known_or_there_is_none() -> None:
    tree = DecisionTreeClassifier()
    assert metric_of(lambda e, x, y: 0.5, None, None, tree) is None
    accuracy = metric_of(get_scorer("accuracy"), None, "accuracy", tree)
    assert accuracy is not None
    assert (accuracy.name, accuracy.bounds, accuracy.offset, accuracy.quick) == ("accuracy", (0.0, 1.0), 1.0, True)
    f1 = metric_of(get_scorer("f1"), None, "f1", tree)
    assert f1 is not None
    assert not f1.quick
    error = metric_of(get_scorer("neg_max_error"), None, "neg_max_error", DecisionTreeRegressor())
    assert error is not None
    assert (error.sign, error.bounds[0]) == (-1, 0.0)


def test_decision_values_serve_where_there_are_no_probabilities() -> None:
    search, made = losses(SVC(), {"C": "log(0.1, 10)"}, CX, CY, "roc_auc", StratifiedKFold(3))
    assert search.measure is not None
    for c, own in enumerate(made):
        assert own is not None
        assert search.measure.offset - own.mean() == pytest.approx(score_of(search, c), abs=1e-4)
    assert clone(search).get_params()["scoring"] == "roc_auc"


def test_of_very_many_classes_blocks_of_rows_are_left_out() -> None:
    y = np.repeat(np.arange(30), 12)
    x = np.random.default_rng(0).normal(size=(360, 4)) + 0.3 * y[:, None]
    search, made = losses(DecisionTreeClassifier(random_state=0), {"max_depth": "int(3, 9)"}, x, y, "f1_macro", 3)
    assert all(own is not None for own in made)
    low, high = search.honest_score_.interval
    assert 0.0 <= low < search.honest_score_.value < high <= 1.0


@pytest.mark.parametrize(
    ("scoring", "estimator", "y", "expected", "at_random"),
    [
        ("accuracy", SVC(), np.repeat(["a", "b"], [60, 30]), 1 / 3, 4 / 9),
        ("roc_auc", SVC(), np.repeat([0, 1], [60, 30]), 0.5, None),
        ("average_precision", SVC(), np.repeat([0, 1], [60, 30]), 2 / 3, None),
        ("f1", SVC(), np.repeat([0, 1], [60, 30]), 0.5, 2 / 3),
        ("neg_log_loss", LogisticRegression(), np.repeat([0, 1], [45, 45]), np.log(2), 18.0),
        ("r2", Ridge(), RY, 1.0, 2.0),
        ("neg_mean_squared_error", Ridge(), RY, np.var(RY), 2.0 * np.var(RY)),
        ("neg_mean_absolute_error", Ridge(), RY, np.abs(RY - np.median(RY)).mean(), np.abs(RY[:, None] - RY).mean()),
    ],
)
def test_what_is_lost_without_features_is_known(
    scoring: str, estimator: Any, y: Any, expected: float, at_random: float | None
) -> None:
    x = np.random.default_rng(0).normal(size=(90, 3))
    space = {"alpha": "log(0.01, 10)"} if isinstance(estimator, Ridge) else {"C": "log(0.01, 10)"}
    cv = KFold(3) if isinstance(estimator, Ridge) else StratifiedKFold(3)
    search = Kept(estimator, space, n_trials=1, scoring=scoring, cv=cv, random_state=0, confirm=0).fit(x, y)
    e = search.evidence
    seen = e.predictions[0] or []
    assert search.measure is not None
    targets = Targets(np.asarray(y), e.labels, None)
    assert targets.no_skill(search.measure, seen) == pytest.approx(expected)
    drawn = targets.at_random(search.measure, seen)
    assert drawn == (at_random if at_random is None else pytest.approx(at_random, rel=0.1))


@pytest.mark.parametrize("scoring", ["r2", "neg_mean_squared_error"])
def test_targets_far_from_zero_have_losses_of_rows(scoring: str, tmp_path: Any) -> None:
    tree = DecisionTreeRegressor(max_depth=3, random_state=0)
    space = {"max_depth": [2, 3, 4]}
    settings = {"cv": 3, "scoring": scoring, "random_state": 0, "confirm": 0, "storage": str(tmp_path / "t.db")}
    search = SearchCV(tree, space, **settings).fit(RX, RY + 1e8)
    assert "rows by comparing all configurations" in str(search.report_)
    again = SearchCV(tree, space, **settings).fit(RX, RY + 1e8)
    assert str(again.report_) == str(search.report_)
