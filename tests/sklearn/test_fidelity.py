"""Searches whose candidates are screened by short fits: who goes on, what the results say, and what is refused."""

from __future__ import annotations

import math
import threading
import warnings
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris, make_classification
from sklearn.model_selection import KFold
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.sklearn import HalvingRandomSearchCV, SearchCV
from tunesmith.sklearn.search.fidelity import Level, Screening, ScreenJudge
from tunesmith.sklearn.store.outcome import Outcome

LEVELS = (10, 30)  # of 90 rounds


class Rounds(ClassifierMixin, BaseEstimator):
    """Scores `quality` with all its rounds, and less with fewer; notes each fit: quality, rounds, rows."""

    fits: ClassVar[list[tuple[float, int, int]]] = []
    lock: ClassVar[Any] = threading.Lock()
    stop: ClassVar[int] = -1

    def __init__(self, quality: float = 0.5, rounds: int = 90, broken: bool = False) -> None:
        self.quality = quality
        self.rounds = rounds
        self.broken = broken

    def fit(self, X: Any, y: Any) -> Rounds:
        self.classes_ = np.unique(y)
        with Rounds.lock:
            if len(Rounds.fits) == Rounds.stop:
                raise KeyboardInterrupt
            Rounds.fits.append((self.quality, self.rounds, len(X)))
        if self.broken:
            raise RuntimeError("broken")
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), int)

    def score(self, X: Any, y: Any) -> float:
        return self.quality - 0.1 / self.rounds


class Crossing(Rounds):
    """What is best with few rounds is worst with all."""

    def score(self, X: Any, y: Any) -> float:
        return self.quality if self.rounds == 90 else 1 - self.quality


@pytest.fixture(autouse=True)
def clean() -> None:
    Rounds.fits.clear()
    Rounds.stop = -1


X = np.arange(200.0)[:, None]
Y = np.tile([0, 1], 100)
SPACE = {"quality": ts.Float(0.0, 1.0)}


def run(fidelity: str | None = "rounds", space: Any = None, n_trials: int = 30, **settings: Any) -> SearchCV:
    plain = {"cv": KFold(5), "confirm": 0, "prefer_default": None, "sampler": "random", "random_state": 0}
    estimator = settings.pop("estimator", Rounds())
    search = SearchCV(estimator, space or SPACE, n_trials=n_trials, fidelity=fidelity, **{**plain, **settings})
    return search.fit(X, Y)


def test_few_go_on_and_the_results_say_so() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = run()
    table = search.cv_results_
    assert set(table["fidelity"]) <= {*LEVELS, 90}
    full = table["fidelity"] == 90
    assert 0 < full.sum() < 15
    assert (table["n_splits_run"] > 0).tolist() == full.tolist()
    assert np.isnan(table["mean_test_score"]).tolist() == (~full).tolist()
    assert np.isnan(table["std_test_score"]).tolist() == (~full).tolist()
    assert np.isnan(table["screen_score"]).tolist() == full.tolist()
    assert table["rank_test_score"][~full].min() > table["rank_test_score"][full].max()
    assert table["mean_fit_time"].min() > 0
    qualities = [p["quality"] for p in table["params"]]
    assert search.best_params_["quality"] == max(qualities)  # as the order is the same at each level
    assert search.n_fits_ == sum(rounds == 90 for _, rounds, _ in Rounds.fits) - 1  # one is on all rows
    assert search.n_fits_saved_ == 30 * 5 - search.n_fits_
    counts = [sum(rounds == level for _, rounds, _ in Rounds.fits) for level in LEVELS]
    assert counts[0] == 3 * 30
    assert f"{counts[0]} with rounds=10 and {counts[1]} with rounds=30" in str(search.report_)


def test_trials_tell_why_they_ended_and_what_they_would_have_had() -> None:
    search = run()
    pruned = [t for t in search.study_.trials if t.state is TrialState.PRUNED and "rounds=10" in (t.reason or "")]
    assert len(pruned) > 10
    assert pruned[-1].reason == "stopped at rounds=10: not worth longer fits"
    estimates = [(t.params["quality"], t.reports[0]) for t in pruned if t.reports]
    assert len(estimates) >= len(pruned) - 1
    best = search.best_score_
    for quality, estimate in estimates:
        assert estimate == pytest.approx(min(quality - 0.1 / 90, best))
    assert all(t.cost > 0 for t in pruned)


def test_a_share_of_the_rows_has_the_classes_of_all_and_grows() -> None:
    X, y = make_classification(600, weights=[0.9], random_state=0)
    seen: list[Any] = []

    class Noted(DecisionTreeClassifier):
        def fit(self, X: Any, y: Any, sample_weight: Any = None, check_input: bool = True) -> Any:
            seen.append((X, y))
            return super().fit(X, y)

    space = {"max_depth": ts.Int(1, 20)}
    SearchCV(Noted(random_state=0), space, n_trials=6, fidelity="n_samples", random_state=0, confirm=0).fit(X, y)
    sizes = sorted({len(y) for _, y in seen})
    assert sizes == [53, 160, 480, 600]
    for _, labels in seen:
        assert np.mean(labels) == pytest.approx(np.mean(y), abs=1.5 / len(labels))
    one, many = ({tuple(row) for row in rows} for rows, _ in (seen[5], seen[-2]))
    assert len(one) == len(many) or one <= {tuple(row) for row in X}


def test_all_workers_find_the_same() -> None:
    tables = [run(n_jobs=n, n_trials=20).cv_results_ for n in (1, 2)]
    for name in ("fidelity", "screen_score", "mean_test_score", "rank_test_score", "n_splits_run"):
        np.testing.assert_array_equal(*[table[name] for table in tables])


@pytest.mark.parametrize("sampler", ["random", "auto"])
@pytest.mark.parametrize("deterministic", [True, False])
def test_workers_that_do_not_wait(deterministic: bool, sampler: str) -> None:
    search = run(n_jobs=2, n_trials=15, deterministic=deterministic, sampler=sampler)
    assert len(search.cv_results_["params"]) == 15
    assert search.best_score_ == np.nanmax(search.cv_results_["mean_test_score"])


@pytest.mark.parametrize(
    ("made", "stop"),
    [
        *[(Rounds, 7), (Crossing, 40), (Rounds, 55)],
        *(pytest.param(Rounds, stop, marks=pytest.mark.slow) for stop in (0, 40)),
        *(pytest.param(Crossing, stop, marks=pytest.mark.slow) for stop in (0, 7, 55)),
    ],
)
def test_a_search_goes_on_where_it_was_stopped(tmp_path: Path, stop: int, made: type[Rounds]) -> None:
    kept = {
        "estimator": made(),
        "storage": str(tmp_path / "t.db"),
        "study_name": "s",
        "n_trials": 20,
        "return_train_score": True,
    }
    Rounds.stop = stop
    with pytest.raises(KeyboardInterrupt):
        run(**kept)
    finished = {
        t.params["quality"]
        for t in ts.load_study(storage=kept["storage"], study_name="s").trials
        if t.state.is_finished()
    }
    Rounds.fits.clear()
    Rounds.stop = -1
    resumed = run(**kept).cv_results_
    assert not finished & {quality for quality, _, rows in Rounds.fits if rows < 200}
    Rounds.fits.clear()
    whole = run(estimator=made(), n_trials=20, return_train_score=True)
    for name in ("fidelity", "screen_score", "mean_test_score", "mean_train_score", "rank_test_score"):
        np.testing.assert_array_equal(resumed[name], whole.cv_results_[name])
    again = run(**kept)  # all is there
    assert np.array_equal(again.cv_results_["screen_score"], resumed["screen_score"], equal_nan=True)
    assert again.cv_results_["fidelity"].tolist() == resumed["fidelity"].tolist()


def test_a_study_of_another_fidelity_goes_on(tmp_path: Path) -> None:
    where = str(tmp_path / "t.db")
    run(None, storage=where, n_trials=5)
    second = run(storage=where, n_trials=15)
    assert (second.cv_results_["n_splits_run"][:5] > 0).all()
    third = run(None, storage=where, n_trials=20)
    assert (third.cv_results_["n_splits_run"][15:] > 0).all()
    assert third.cv_results_["screen_score"][5:15] == pytest.approx(second.cv_results_["screen_score"][5:], nan_ok=True)


def test_what_cannot_be_fitted_is_told_by_the_full_fits() -> None:
    space = {"broken": [False, True], "quality": [0.1, 0.9]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = run(space=space, n_trials=4, sampler="grid")
    broken = np.array([p["broken"] for p in search.cv_results_["params"]])
    assert np.isnan(search.cv_results_["mean_test_score"][broken]).all()
    assert (search.cv_results_["n_splits_run"][broken] == 5).all()
    with pytest.raises(RuntimeError, match="broken"):
        run(space=space, n_trials=4, sampler="grid", error_score="raise")


@pytest.mark.slow
def test_several_metrics_and_the_default() -> None:
    X, y = load_iris(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(y))
    model = make_pipeline(StandardScaler(), MLPClassifier((5,), max_iter=60, random_state=0))
    space = {"standardscaler__with_mean": [True, False], "mlpclassifier__alpha": ts.Float(1e-5, 100.0, log=True)}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        search = SearchCV(
            model,
            space,
            n_trials=20,
            sampler="random",  # some of it is poor
            cv=3,
            fidelity="mlpclassifier__max_iter",
            scoring=["accuracy", "neg_log_loss"],
            refit="neg_log_loss",
            return_train_score=True,
            random_state=0,
        ).fit(X[order], y[order])
    table = search.cv_results_
    out = table["fidelity"] < 60
    assert out.any()
    for name in ("accuracy", "neg_log_loss"):
        assert np.isnan(table[f"mean_test_{name}"]).tolist() == out.tolist()
        assert np.isnan(table[f"mean_train_{name}"]).tolist() == out.tolist()
    assert search.honest_score_ is not None
    assert search.study_.trials[0].state is TrialState.COMPLETE  # the default is not screened
    assert search.best_estimator_[-1].max_iter == 60


def test_that_short_fits_have_not_converged_is_no_news() -> None:
    X, y = load_iris(return_X_y=True)
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        SearchCV(
            MLPClassifier((3,), max_iter=9, tol=10.0, n_iter_no_change=2, random_state=0),
            {"alpha": ts.Float(1e-5, 1.0, log=True)},
            n_trials=4,
            fidelity="max_iter",
            prefer_default=None,
            random_state=0,
            confirm=0,
        ).fit(X, y)
    assert not [w for w in heard if "converge" in str(w.message)]


@pytest.mark.parametrize(
    ("fidelity", "settings", "match"),
    [
        ("round", {}, r"'round': Rounds has no such parameter; did you mean 'rounds'\?"),
        ("quality", {}, r"'quality' is searched too"),
        ("broken", {}, r"it is False in the estimator; set it to the number of a full fit"),
        ("rounds", {"estimator": Rounds(rounds=None)}, r"it is None in the estimator"),  # type: ignore[arg-type]
        ("rounds", {"estimator": Rounds(rounds=1)}, r"it is 1 in the estimator"),
        ("rounds", {"reshuffle": True}, r"fidelity= needs the same splits"),
        ("rounds", {"refit": lambda results: 0}, r"fidelity= needs a metric that decides"),
        ("max_iter", {"estimator": SVC(), "space": {"C": ts.Float(0.1, 1)}}, r"it is -1 in the estimator"),
    ],
)
def test_what_is_refused(fidelity: str, settings: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        run(fidelity, **settings)


@pytest.mark.parametrize(
    ("estimator", "fidelity", "rows", "match"),
    [(Rounds(rounds=2), "rounds", 200, "a third of 2 is too little"), (Rounds(), "n_samples", 5, "a third of 2")],
)
def test_where_the_least_is_more_than_the_most_there_are_no_short_fits(
    estimator: Any, fidelity: str, rows: int, match: str
) -> None:
    search = SearchCV(estimator, SPACE, n_trials=3, fidelity=fidelity, cv=2, random_state=0, confirm=0)
    with pytest.warns(UserWarning, match=match):
        search.fit(X[:rows], Y[:rows])
    assert "fidelity" not in search.cv_results_
    assert np.isfinite(search.best_score_)


def test_five_rows_are_enough_for_rounds() -> None:
    search = SearchCV(Rounds(), SPACE, n_trials=6, fidelity="rounds", cv=2, random_state=0, confirm=0)
    search.fit(X[:5], Y[:5])
    assert len(search.cv_results_["fidelity"]) == 6
    halving = HalvingRandomSearchCV(Rounds(), SPACE, resource="rounds", min_resources=60, max_resources=30)
    with pytest.raises(ValueError, match="min_resources"):
        halving.fit(X, Y)


def test_too_little_to_screen_with() -> None:
    with pytest.warns(UserWarning, match="'n_samples' has no effect"):
        search = SearchCV(Rounds(), SPACE, n_trials=3, fidelity="n_samples", random_state=0).fit(X[:40], Y[:40])
    assert np.isfinite(search.cv_results_["mean_test_score"]).any()
    assert "fidelity" not in search.cv_results_


@pytest.fixture
def judge() -> ScreenJudge:
    return ScreenJudge(ts.Space(SPACE), ["few", "more"])


def entered(judge: ScreenJudge, few: list[float], full: list[float]) -> list[str]:
    rows = zip(np.linspace(0, 1, len(few)).tolist(), few, full, strict=True)
    return [why for x, a, b in rows for why in judge.enter({"quality": x}, {"few": a}, b, complete=True)]


def test_the_decision_is_that_of_the_default_pruner(judge: ScreenJudge) -> None:
    """What is as bad as others were that ended badly goes on no more, and the best so far always does."""
    entered(judge, [0.1, 0.3, 0.5, 0.7, 0.9], [0.2, 0.4, 0.6, 0.8, 1.0])
    assert not judge.left_out
    assert judge.goes_on(5, {"quality": 0.95}, {"few": 0.95})
    assert not judge.goes_on(6, {"quality": 0.05}, {"few": 0.05})
    again = ScreenJudge(ts.Space(SPACE), ["few", "more"])
    entered(again, [0.1, 0.3, 0.5, 0.7, 0.9], [0.2, 0.4, 0.6, 0.8, 1.0])
    for x in np.linspace(0, 1, 20).tolist():
        assert judge.goes_on(7, {"quality": x}, {"few": x}) == again.goes_on(7, {"quality": x}, {"few": x})
    assert judge.goes_on(8, {"quality": 0.5}, {"few": math.nan}), "full fits tell what is wrong with it"


def test_a_level_whose_order_is_not_that_of_full_fits_gives_up_nobody(judge: ScreenJudge) -> None:
    why = entered(judge, [0.9, 0.1, 0.8, 0.2, 0.7], [0.1, 0.5, 0.2, 0.6, 0.3])
    assert why == [
        "few gives up no candidate any more: the order of 5 candidates there is not that of the full fits (Kendall's "
        "tau -0.80)"
    ]
    assert list(judge.left_out) == ["few"]
    assert judge.goes_on(5, {"quality": 0.0}, {"few": 0.0})
    assert not judge.enter({"quality": 0.0}, {"few": 0.0, "more": 0.1}, math.nan, complete=False)
    assert list(judge.left_out) == ["few"]


def test_a_search_says_where_short_fits_mislead_and_goes_on_without_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    kept = {"estimator": Crossing(), "n_trials": 25, "storage": str(tmp_path / "t.db")}
    with caplog.at_level("INFO", logger="tunesmith"):
        search = run(**kept)
    said = "rounds=10 gives up no candidate any more: the order of 5 candidates there is not that of the full fits"
    assert said in caplog.text
    assert said in str(search.report_)
    late = np.flatnonzero(search.cv_results_["fidelity"] < 90).max(initial=-1)
    assert late < 20, "those after it are all run in full"
    assert not [rounds for _, rounds, rows in Rounds.fits[-20:] if rounds < 90]
    two = run(estimator=Crossing(), n_trials=25, n_jobs=2)
    for name in ("fidelity", "screen_score", "mean_test_score", "rank_test_score", "n_splits_run"):
        np.testing.assert_array_equal(search.cv_results_[name], two.cv_results_[name])


@given(st.permutations([0.7, 0.1, 0.2, 0.4, 0.3]))
def test_the_mean_of_a_screen_is_the_same_whichever_worker_is_first(order: list[float]) -> None:
    """To the last digit: a search that is resumed gets the folds in another order."""
    screening = Screening((Level("few", 1, {}, (0, 1, 2, 3, 4)),), ())
    scores = [0.7, 0.1, 0.2, 0.4, 0.3]
    for score in order:
        screening.receive(Outcome(0, scores.index(score), score, None, 0.0, 0.0, None))
    assert screening.score(0, None) == float(np.mean(scores))
