"""`tune`: from a table to a tuned model, what it says of it, and what it does with what people give it."""

from __future__ import annotations

import pickle
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_wine
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, StratifiedKFold
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import tunesmith
from tunesmith.artifacts import Artifacts
from tunesmith.errors import ArtifactError, ResumeError
from tunesmith.tables import TableClassifier, TableTuner, budget, final, store
from tunesmith.tables import tune as tune_module
from tunesmith.tables.budget import Clock
from tunesmith.tables.families import MODEL_KINDS, family, joint_space, usual_kinds
from tunesmith.tables.folds import MOST_DEALT
from tunesmith.tables.responses import fit_model

X, Y = load_wine(return_X_y=True)
QUICK: dict[str, Any] = {"timeout": None, "n_trials": 3, "random_state": 0, "verbose": False}


class FailsAgain(GaussianNB):  # type: ignore[misc]  # scikit-learn has no types
    """Fits no more than six times."""

    n_fits = 0

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> FailsAgain:
        FailsAgain.n_fits += 1
        if FailsAgain.n_fits > 6:
            raise ValueError("no more")
        return super().fit(X, y, sample_weight)


class NoFits(GaussianNB):  # type: ignore[misc]  # scikit-learn has no types
    """Has never been fitted."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> NoFits:
        raise ValueError("no more")


def mixed(n: int = 120) -> tuple[Any, Any]:
    """A frame with columns of all kinds, and classes that follow from some of them."""
    pd = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(
        {
            "size": rng.normal(size=n),
            "kind": rng.choice(["x", "y", "z"], n),
            "grade": pd.Categorical(rng.choice(["p", "q"], n)),
            "when": rng.permutation(pd.date_range("2020-01-01", periods=n)),
            "id": np.arange(n),
            "flag": rng.random(n) < 0.5,
        }
    )
    frame.loc[::7, "size"] = np.nan
    frame.loc[3, "kind"] = None
    return frame, np.where((frame["kind"] == "x") ^ (frame["size"].fillna(0) > 0.8), "yes", "no")


def test_two_words_make_a_model_with_an_honest_figure(capsys: pytest.CaptureFixture[str]) -> None:
    search = tunesmith.tune(["linear", "neighbours"], X, Y, timeout=None, n_trials=6, random_state=0)
    assert isinstance(search, TableTuner)
    assert is_classifier(search.best_estimator_)
    assert search.score(X, Y) > 0.9
    low, high = search.honest_score_.interval
    assert low < search.honest_score_.value < high
    assert [params["model"] for params in search.cv_results_["params"][:2]] == ["linear", "neighbours"]
    told = capsys.readouterr().out
    assert told.count("classification by accuracy") == 1
    assert "expected accuracy on new data" in told
    assert {"linear", "neighbours"} <= {place.model for place in search.leaderboard_.places}
    again = tunesmith.tune(["linear", "neighbours"], X, Y, timeout=None, n_trials=6, random_state=0, verbose=False)
    assert again.cv_results_["params"] == search.cv_results_["params"]
    assert np.array_equal(again.predict(X), search.predict(X))


def test_columns_of_all_kinds_and_gaps_where_it_predicts() -> None:
    frame, target = mixed()
    search = tunesmith.tune(["linear", "forest"], frame, target, **QUICK)
    assert search.classes_.tolist() == ["no", "yes"]
    rows = frame.iloc[:4].copy()
    rows["kind"] = ["unseen", None, "x", "y"]
    rows["when"] = None
    assert set(search.predict(rows)) <= {"no", "yes"}
    assert search.predict_proba(rows).sum(axis=1) == pytest.approx(np.ones(4))
    assert "'id'" in " ".join(search.notes_)
    assert "kind" in str(search.explain(n_repeats=2, n_folds=2))


def test_an_average_is_returned_where_it_is_credibly_better() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6))
    y = x[:, 0] * 2 + np.where(x[:, 1] > 0, 2.0, 0.0) + rng.normal(size=400)
    settings: dict[str, Any] = {**QUICK, "n_trials": 2}
    both = tunesmith.tune(["linear", "forest"], x, y, **settings)
    assert both.leaderboard_.places[0].model == "ensemble"
    assert sum(both.best_estimator_.weights) == pytest.approx(1.0)
    one = tunesmith.tune(["linear", "forest"], x, y, ensemble=False, **settings)
    assert len(one.best_estimator_.models_) == 1
    assert both.honest_score_.value > one.honest_score_.value
    assert "An average of 2 models" in str(both.report_)


def test_an_average_that_there_is_no_time_for_is_not_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(final, "STRETCHED", 1e9)  # no second fit seems to end in time
    rng = np.random.default_rng(0)
    x = rng.normal(size=(400, 6))
    y = x[:, 0] * 2 + np.where(x[:, 1] > 0, 2.0, 0.0) + rng.normal(size=400)
    search = tunesmith.tune(["linear", "forest"], x, y, timeout=60, n_trials=2, random_state=0, verbose=False)
    assert len(search.best_estimator_.models_) == 1
    assert "An average of 2 models was chosen, and there was time to fit only one of them" in str(search.report_)
    assert "ensemble" not in search.report_.chosen
    assert "ensemble" not in [place.model for place in search.leaderboard_.places]
    (place,) = (one for one in search.leaderboard_.places if one.model == search.best_params_["model"])
    assert place.score == search.honest_score_, "what is returned has one score, wherever it is told"


def test_few_rows_come_first_where_there_are_many() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(4000, 4))
    y = (x[:, 0] + x[:, 1] ** 2 + rng.normal(size=4000) > 1).astype(int)
    search = tunesmith.tune(["linear", "tree", "neighbours"], x, y, cv=3, **{**QUICK, "n_trials": 8})
    assert min(search.cv_results_["rows"]) < 1000
    assert max(search.cv_results_["rows"]) > 2600
    assert "PRUNED" in search.cv_results_["state"]
    whole = tunesmith.tune(["linear", "tree"], x[:2000], y[:2000], cv=3, fidelity=None, **QUICK)
    assert set(whole.cv_results_["rows"]) <= {1333, 1334}


@pytest.mark.parametrize("timeout", [0.05, 1.0])
def test_something_is_fitted_however_short_the_time_is(timeout: float) -> None:
    start = time.monotonic()
    search = tunesmith.tune(["linear", "tree"], X, Y, timeout=timeout, random_state=0, verbose=False)
    assert search.score(X, Y) > 0.5
    assert time.monotonic() - start < 30.0  # a bound for a busy machine; benchmarks measure it


@pytest.mark.parametrize(
    ("timeout", "words"),
    [(8e-7, " within 0.0008 ms"), (90.0, " within 1.5 min"), (None, ""), (float("inf"), "")],
)
def test_the_time_in_which_nothing_was_fitted_is_written_as_a_time(timeout: float | None, words: str) -> None:
    with pytest.raises(ValueError, match=rf"^tune: no model could be fitted{words}\. nofits: ValueError: no more"):
        tunesmith.tune([NoFits()], X, Y, timeout=timeout, n_trials=2, random_state=0, verbose=False)


def test_time_that_no_candidate_needs_goes_to_further_folds() -> None:
    models = {"bayes": GaussianNB(), "nearest": NearestCentroid()}  # of few parameters
    given: dict[str, Any] = {"timeout": 60, "random_state": 0, "verbose": False, "ensemble": False}
    search = tunesmith.tune(models, X, Y, **given)
    report = search.report_
    assert report.n_repeats == MOST_DEALT
    assert 2 <= report.n_confirmed <= len(search.cv_results_["params"])
    assert f"re-tested on new splits of the rows, up to {MOST_DEALT} times each" in str(report)
    assert search.seconds_ < 60
    assert search.best_score_ == search.cv_results_["mean_test_score"][search.best_index_]  # of the first folds
    once = tunesmith.tune(models, X, Y, **given | {"cv": StratifiedKFold(5, shuffle=True, random_state=0)})
    assert once.report_.n_repeats == 0  # folds of one's own are not dealt anew
    assert once.honest_score_.value != search.honest_score_.value
    assert tunesmith.tune(models, X, Y, **given | {"n_trials": 2}).report_.n_repeats == 0  # what was asked for is done


def test_busy_cores_lengthen_what_is_kept_for_the_conclusion(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"monotonic": 100.0, "process_time": 7.0}
    for name in now:
        monkeypatch.setattr(time, name, lambda name=name: now[name])
    clock = Clock(100.0, 60.0, 7.0)
    assert clock.stretch == 1.0  # nothing is known yet
    now["monotonic"] += 12.0
    now["process_time"] += 4.0
    assert (clock.stretch, clock.left) == (3.0, 48.0)
    now["monotonic"] += 1000.0
    assert clock.stretch == 5.0


def test_a_leader_that_fails_on_further_folds_keeps_its_first_scores() -> None:
    models = {"bayes": GaussianNB(), "fails": FailsAgain(), "nearest": NearestCentroid()}
    FailsAgain.n_fits = 0
    search = tunesmith.tune(models, X, Y, timeout=60, random_state=0, verbose=False, ensemble=False, n_jobs=1)
    assert search.report_.n_repeats == MOST_DEALT
    assert {place.model for place in search.leaderboard_.places if place.score is not None} == set(models)


@pytest.mark.parametrize(("timeout", "workers"), [(2.0, 1), (20.0, 2)])
def test_further_processes_are_started_only_where_there_is_time_for_them(
    monkeypatch: pytest.MonkeyPatch, timeout: float, workers: int
) -> None:
    started = []

    class Watched(tune_module.Pool):
        def __init__(self, n_jobs: int | None, pre_dispatch: Any) -> None:
            started.append(n_jobs)
            super().__init__(1, pre_dispatch)

    monkeypatch.setattr(tune_module, "Pool", Watched)
    TableTuner(["tree"], timeout=timeout, n_trials=1, n_jobs=2, random_state=0).fit(*load_wine(return_X_y=True))
    assert started == [workers]


class Counts(GaussianNB):  # type: ignore[misc]  # scikit-learn has no types
    """Counts its fits, and is interrupted in one of them."""

    n_fits = 0
    ends: int | None = None

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Counts:
        Counts.n_fits += 1
        if Counts.n_fits == Counts.ends:
            raise KeyboardInterrupt
        return super().fit(X, y, sample_weight)


@pytest.fixture
def counts() -> Iterator[type[Counts]]:
    Counts.n_fits, Counts.ends = 0, None
    yield Counts
    Counts.n_fits, Counts.ends = 0, None


def facts(search: TableTuner) -> dict[str, Any]:
    """What a search found, but for times."""
    columns = {name: np.asarray(v).astype(str).tolist() for name, v in search.cv_results_.items() if "time" not in name}
    return {
        **columns,
        "trials": [(t.number, t.state.name, t.values, t.params) for t in search.study_.trials],
        "honest": repr(search.honest_score_),
        "report": [line for line in str(search.report_).splitlines() if "A prediction takes" not in line],
    }


def test_a_search_that_has_ended_is_read_and_not_made_again(tmp_path: Path, counts: type[Counts]) -> None:
    where = str(tmp_path / "t.db")
    given: dict[str, Any] = {**QUICK, "n_trials": 7, "random_state": None, "storage": where}
    models = {"counts": Counts(), "linear": "linear"}
    first = tunesmith.tune(models, X, Y, **given)
    n_fits = counts.n_fits
    again = tunesmith.tune(models, X, Y, **given)  # it keeps its seed
    assert facts(again) == facts(first)
    assert counts.n_fits - n_fits <= len(first.best_estimator_.models_) + final.HALVED_FOLDS  # of the last fit alone
    assert tunesmith.load_study(study_name="tune", storage=where).recommend().params == again.best_params_
    more = tunesmith.tune(models, X, Y, **{**given, "n_trials": 9})
    assert facts(more)["trials"][: len(first.study_.trials)] == facts(first)["trials"]
    assert len(more.cv_results_["params"]) == 9
    fewer = tunesmith.tune(models, X, Y, **{**given, "n_trials": 2})  # what is done is not given away
    assert len(fewer.cv_results_["params"]) == 9


@pytest.mark.parametrize("fit", [1, 3, 5])
def test_a_search_that_was_interrupted_goes_on_as_if_it_had_not_been(
    tmp_path: Path, counts: type[Counts], fit: int
) -> None:
    models = {"counts": Counts(), "linear": "linear", "tree": "tree"}
    given: dict[str, Any] = {**QUICK, "n_trials": 9}
    whole = tunesmith.tune(models, X, Y, **given)
    counts.n_fits, counts.ends = 0, fit
    with pytest.raises(KeyboardInterrupt):
        tunesmith.tune(models, X, Y, storage=str(tmp_path / "t.db"), **given)
    assert facts(tunesmith.tune(models, X, Y, storage=str(tmp_path / "t.db"), **given)) == facts(whole)


def test_answers_that_cannot_be_kept_are_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MOST_CHARACTERS", 0)
    monkeypatch.setattr(Artifacts, "save", refused)
    given: dict[str, Any] = {**QUICK, "storage": str(tmp_path / "t.db")}
    first = tunesmith.tune(["linear", "tree"], X, Y, **given)
    assert facts(tunesmith.tune(["linear", "tree"], X, Y, **given)) == facts(first)


def refused(*args: Any, **kwargs: Any) -> None:
    raise ArtifactError("no place")


def test_the_next_call_has_a_time_of_its_own_and_goes_on(tmp_path: Path, counts: type[Counts]) -> None:
    models = {"counts": Counts(), "linear": "linear", "tree": "tree", "neighbours": "neighbours"}
    given: dict[str, Any] = {"random_state": 0, "verbose": False, "storage": str(tmp_path / "t.db"), "cv": 3}
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 5))
    y = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=3000) > 0
    first = tunesmith.tune(models, x, y, timeout=0.05, **given)  # one fit, and the last
    assert [t.state.name for t in first.study_.trials] == ["WAITING"]
    n_fits = counts.n_fits
    more = tunesmith.tune(models, x, y, timeout=30, n_trials=8, **given)
    assert len(more.cv_results_["params"]) == 8
    assert more.cv_results_["params"][0] == first.cv_results_["params"][0]
    assert "WAITING" not in [t.state.name for t in more.study_.trials]
    assert counts.n_fits - n_fits < 8  # of which one was known
    seen = len(more.study_.trials)
    again = tunesmith.tune(models, x, y, timeout=0.05, n_trials=8, **given)  # what is known takes no time
    assert len(again.study_.trials) == seen
    assert facts(again)["mean_test_score"] == facts(more)["mean_test_score"]


def test_what_calls_of_little_time_did_is_used_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budget, "CONCLUSION_SECONDS", 0.05)
    given: dict[str, Any] = {"random_state": 0, "verbose": False, "storage": str(tmp_path / "t.db"), "cv": 3}
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 8))
    y = x[:, 0] + x[:, 1] * x[:, 2] + rng.normal(size=3000) > 0
    for timeout in (1.0, 2.0, 3.0, 2.0, 4.0):  # what is known takes milliseconds, also on a busy machine
        search = tunesmith.tune(["linear", "forest", "boosting", "tree"], x, y, timeout=timeout, **given)
        trials = search.study_.trials
        n_fits = sum(name.startswith(store.FIT) for trial in trials for name in trial.system_attrs)
        assert 0 <= search.report_.n_fits - n_fits <= final.HALVED_FOLDS
        found = search.cv_results_
        stored = {repr(trial.params): trial for trial in trials}
        for params, state, mean in zip(found["params"], found["state"], found["mean_test_score"], strict=True):
            trial = stored[repr(params)]
            assert state == trial.state.name or (state, trial.state.name) == ("PRUNED", "WAITING")
            assert state != "COMPLETE" or mean == trial.value


OTHERS: list[tuple[dict[str, Any], str]] = [
    ({"X": X[::-1]}, "other data.*\n  X: was ndarray of shape"),
    ({"y": Y[::-1]}, "other data.*\n  y: was"),
    ({"groups": np.arange(len(Y)) % 20}, "other data"),
    ({"sample_weight": np.ones(len(Y))}, "other data.*\n  sample_weight: was None, is ndarray"),
    ({"scoring": "neg_log_loss"}, "another metric.*\n  scoring: was accuracy, is neg_log_loss"),
    ({"cv": 4}, "other folds.*\n  splits: was 5 splits"),
    ({"models": ["linear", "neighbours"]}, "other models"),
    ({"models": {"linear": "linear", "tree": DecisionTreeClassifier(max_depth=3)}}, "models tree max_depth: was None"),
]


@pytest.mark.parametrize(("changed", "words"), OTHERS, ids=[next(iter(changed)) for changed, _ in OTHERS])
def test_another_search_is_refused_and_the_study_stays_as_it_was(
    tmp_path: Path, changed: dict[str, Any], words: str
) -> None:
    given: dict[str, Any] = {"models": ["linear", "tree"], "X": X, "y": Y, "storage": str(tmp_path / "t.db"), **QUICK}
    first = tunesmith.tune(**given)
    with pytest.raises(ResumeError, match=f"(?s){words}.*study_name="):
        tunesmith.tune(**given | changed)
    assert facts(tunesmith.tune(**given)) == facts(first)


def test_a_study_of_the_first_version_or_of_others_is_refused(tmp_path: Path) -> None:
    where = str(tmp_path / "t.db")
    study = tunesmith.create_study(storage=where, study_name="old", direction="maximize")
    study.set_system_attr("tables", {"data": [178, 13, "accuracy"], "space": "0123"})
    with pytest.raises(ResumeError, match="made by tunesmith"):
        tunesmith.tune(["linear"], X, Y, storage=where, study_name="old", **QUICK)
    study = tunesmith.create_study(storage=where, study_name="other", direction="maximize")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    with pytest.raises(ResumeError, match="has trials that are not of tune"):
        tunesmith.tune(["linear"], X, Y, storage=where, study_name="other", **QUICK)


def test_the_last_of_the_first_candidates_may_fail() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 4))
    y = (x[:, 0] + rng.normal(size=3000) > 1).astype(int)
    FailsAgain.n_fits = 100
    search = tunesmith.tune({"linear": "linear", "fails": FailsAgain()}, x, y, cv=3, **{**QUICK, "n_trials": 4})
    assert search.cv_results_["state"][:2] == ["COMPLETE", "FAIL"]
    assert len(search.cv_results_["params"]) == 4


def test_estimators_are_used_as_they_are() -> None:
    given = {"a": make_pipeline(StandardScaler(), SVC(C=3)), "b": DecisionTreeClassifier(random_state=0), "c": "linear"}
    search = tunesmith.tune(given, X, Y, cv=3, **QUICK)
    assert [p["model"] for p in search.cv_results_["params"]] == ["a", "b", "c"]
    assert search.cv_results_["params"][0]["a__svc__C"] == 3.0
    alone = tunesmith.tune(SVC(), X, Y, cv=3, **QUICK)
    assert "model" not in alone.best_params_
    frame, target = mixed()
    assert tunesmith.tune({"mine": Only(), "linear": "linear"}, frame, target, **QUICK).score(frame, target) > 0.5


class Only(DecisionTreeClassifier):
    """Takes one column of a frame."""

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(X[["flag"]].astype(float).to_numpy(), y, sample_weight)

    def predict(self, X: Any, check_input: bool = True) -> Any:
        return super().predict(X[["flag"]].astype(float).to_numpy())

    def predict_proba(self, X: Any, check_input: bool = True) -> Any:
        return super().predict_proba(X[["flag"]].astype(float).to_numpy())


def test_groups_weights_metrics_and_tasks() -> None:
    groups = np.arange(len(Y)) % 30
    search = tunesmith.tune(
        ["linear", "forest"], X, Y, groups=groups, sample_weight=1.0 + (Y == 0), scoring="neg_log_loss", **QUICK
    )
    assert search.honest_score_.n_groups == 30
    assert search.honest_score_.metric == "neg_log_loss"
    assert tunesmith.tune("linear", X, Y, cv=GroupKFold(3), groups=groups, **QUICK).best_score_ > 0.8
    numbers = tunesmith.tune("linear", X, Y, task="regression", **QUICK)
    assert numbers.classes_ if hasattr(numbers, "classes_") else True
    assert numbers.honest_score_.metric == "r2"
    assert not hasattr(numbers, "predict_proba")
    area = tunesmith.tune(["linear", "tree"], X, Y == 0, scoring="roc_auc", **QUICK)
    assert area.best_score_ > 0.9


def test_sparse_rows_stay_sparse() -> None:
    rng = np.random.default_rng(0)
    rows = sparse.random(200, 50, 0.2, format="csr", random_state=0)
    y = np.where(rows[:, 0].toarray().ravel() + rng.normal(size=200) * 0.1 > 0.05, "a", "b")
    search = tunesmith.tune(["linear", "forest"], rows, y, **QUICK)
    assert set(search.predict(rows[:5])) <= {"a", "b"}
    with pytest.raises(ValueError, match="'boosting' takes no sparse rows"):
        tunesmith.tune("boosting", rows, y, **QUICK)


def test_the_model_can_be_kept_cloned_and_fitted_again() -> None:
    search = tunesmith.tune(["linear", "tree"], X, Y, **QUICK)
    copy = pickle.loads(pickle.dumps(search))
    assert np.array_equal(copy.predict(X), search.predict(X))
    assert str(copy.report_) == str(search.report_)
    model = clone(search.best_estimator_).fit(X, Y)
    assert isinstance(model, TableClassifier)
    assert np.array_equal(model.predict(X), search.predict(X))
    assert "<table" in search._repr_html_()
    assert search._repr_mimebundle_()["text/html"] == search._repr_html_()  # which notebooks ask first


@pytest.mark.parametrize("name", sorted(MODEL_KINDS))
@pytest.mark.parametrize("target", ["multiclass", "regression"])
def test_every_name_is_a_model_that_can_be_fitted(name: str, target: str) -> None:
    pytest.importorskip(MODEL_KINDS[name].module.partition(".")[0])
    y = Y if target == "multiclass" else load_diabetes().target[: len(X)]
    rows = np.column_stack([X, np.arange(len(X)) % 4])
    rows[::9, 0] = np.nan
    found = family(name, rows, y, ((X.shape[1], 4),), target, seed=0)
    first = found.first()
    assert joint_space([found])
    model = fit_model(found.build(first[-1], rounds=5 if MODEL_KINDS[name].stops else None), rows, y)
    assert len(model.predict(rows)) == len(rows)


@pytest.mark.parametrize("n", [200, 4000])
def test_the_interval_allows_for_the_rows_that_folds_lack(n: int) -> None:
    rng = np.random.default_rng(0)
    rows = rng.uniform(size=(n, 4))
    y = np.sin(9 * rows[:, 0]) + np.cos(9 * rows[:, 1])  # the nearest neighbours come nearer the more there are
    search = TableTuner(["neighbours"], timeout=None, n_trials=2, cv=2, random_state=0).fit(rows, y)
    score = search.honest_score_
    assert any("that is what the last fit may bring" in note for note in search.report_.notes)
    assert "Fitted on all rows it is likely" not in str(search.report_)  # that is by a learning curve; this was seen
    truth = rng.uniform(size=(5000, 4))
    found = search.score(truth, np.sin(9 * truth[:, 0]) + np.cos(9 * truth[:, 1]))
    assert score.value < found < score.interval[1] <= 1.0


def test_the_interval_is_that_of_the_folds_where_there_is_no_time_for_more() -> None:
    search = TableTuner(["tree"], timeout=0.01, random_state=0).fit(*load_diabetes(return_X_y=True))
    assert not any("that is what the last fit may bring" in note for note in search.report_.notes)


def test_the_note_on_the_last_fit_says_how_far_the_interval_really_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    def fitted(gain: float, rows: Any) -> Any:
        monkeypatch.setattr(final, "last_fit_gain", lambda *args: gain)
        return TableTuner(["linear"], ensemble=False, **QUICK).fit(rows, Y)

    def said(search: Any) -> list[str]:
        return [note for note in search.report_.notes if "that is what the last fit may bring" in note]

    folds = fitted(0.0, X[:, :3]).honest_score_.interval[1]
    assert folds < 0.99
    for gain, moved in ((0.005, 0.005), (0.5, 1.0 - folds)):  # an accuracy ends at 1
        search = fitted(gain, X[:, :3])
        assert search.honest_score_.interval[1] == pytest.approx(folds + moved)
        assert said(search)[0].split(" beyond")[0].endswith(f" {search.honest_score_.format.write(moved)}")
    assert not said(fitted(1e-9, X[:, :3])), "what looks like nothing is not told"
    report = search.report_
    assert final._reaching(report, 0.5, 1.0) == (report, ""), "it is at the end already"


@pytest.mark.parametrize("name", ["svm", "network"])
def test_the_unit_of_a_target_does_not_matter(name: str) -> None:
    X, y = load_diabetes(return_X_y=True)
    X = np.asarray(X)

    def scores(unit: float) -> tuple[float, object]:
        one = family(name, X, unit * y, (), "regression", 0)
        model = fit_model(one.build(one.first()[0]), X, unit * y, np.ones(len(y)))
        return float(model.score(X, unit * y)), one.auto.space.signature

    (small, space), (large, same) = scores(1e-4), scores(1e5)
    assert small == pytest.approx(large, abs=0.02)
    assert large > 0.3
    assert space == same


def test_what_is_tried_by_default_depends_on_the_rows() -> None:
    assert "svm" in usual_kinds(300)
    assert "svm" not in usual_kinds(100_000)
    assert "boosting" not in usual_kinds(300, sparse=True)


@pytest.mark.parametrize(
    ("models", "words"),
    [
        (["linear", "forrest"], "did you mean 'forest'"),
        (3, "takes 'auto', names, estimators"),
        ([], "no model to choose from"),
        ({"a__b": "linear"}, "a text without '__'"),
        ({"a": 3}, "give an estimator"),
        ([Ridge(), SVC()], "ridge predicts numbers, and the targets are classes"),
        ([("a", "linear"), ("a", "svm")], "two models have one name"),
    ],
)
def test_mistakes_among_models_are_told(models: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tunesmith.tune(models, X, Y, **QUICK)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"timeout": None}, "both are None"),
        ({"timeout": -1}, "a number of seconds above 0"),
        ({"n_trials": 0}, "a whole number from 1 on"),
        ({"scoring": "acuracy"}, "did you mean 'accuracy'"),
        ({"scoring": ["accuracy", "f1"]}, "decides by one metric"),
        ({"level": 95}, "between 0 and 1"),
        ({"fidelity": "n_estimators"}, "fidelity is 'auto' or None"),
        ({"cv": "5"}, "a number of folds"),
        ({"task": "clustering"}, "task"),
        ({"groups": [1, 2]}, "groups has the shape"),
        ({"sample_weight": -np.ones(len(Y))}, "numbers >= 0"),
    ],
)
def test_mistakes_among_settings_are_told(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        tunesmith.tune("linear", X, Y, **{"timeout": 5, "verbose": False, **settings})
