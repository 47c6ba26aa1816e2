"""Fold racing: who is given up, what that leaves in the results and in the study, and that nothing else changes."""

from __future__ import annotations

import itertools
import math
import threading
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, ClassVar

import joblib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.exceptions import FitFailedWarning
from sklearn.model_selection import KFold, ShuffleSplit
from sklearn.svm import SVC
from tests.sklearn.bare import bare
from tests.sklearn.versions import with_callbacks

from tunesmith import TrialState
from tunesmith.samplers.gp.training_data import TrainingData
from tunesmith.selection.when_to_stop import Race
from tunesmith.sklearn import GridSearchCV
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.search.candidate import Candidate
from tunesmith.sklearn.search.evaluation import ranks_of_candidates
from tunesmith.sklearn.search.racing import RacingScheduler
from tunesmith.sklearn.store.outcome import Outcome

K = 4
X = np.repeat(np.arange(K), 3)[:, None].astype(float)  # the feature is the fold of an unshuffled KFold
Y = np.tile([0, 1, 0], K)
CV = KFold(K)


class Scripted(ClassifierMixin, BaseEstimator):
    """Has the score that stands in the table for its name and fold; notes when it is fitted on what."""

    table: ClassVar[dict[str, list[float]]] = {}
    fits: ClassVar[list[tuple[str, int, float, float]]] = []
    stop: ClassVar[int] = -1
    wait: ClassVar[float] = 0.0

    def __init__(self, name: str = "") -> None:
        self.name = name

    def fit(self, X: Any, y: Any) -> Scripted:
        self.classes_ = np.unique(y)
        fold = next((k for k in range(K) if k not in X), None)
        if fold is None:
            return self  # the best one, on all rows
        if len(Scripted.fits) == Scripted.stop:
            raise KeyboardInterrupt
        start = time.monotonic()
        time.sleep(Scripted.wait)
        Scripted.fits.append((self.name, fold, start, time.monotonic()))
        if math.isinf(self.table[self.name][fold]):
            raise RuntimeError("as the table says")
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), int)

    def score(self, X: Any, y: Any) -> float:
        return self.table[self.name][int(X[0, 0])]


@pytest.fixture(autouse=True)
def clean() -> None:
    Scripted.fits.clear()
    Scripted.table, Scripted.stop, Scripted.wait = {}, -1, 0.0


def run(table: dict[str, list[float]], **settings: Any) -> Any:
    """Search the table's candidates in their order."""
    Scripted.table = table
    settings = {"n_trials": len(table), "sampler": "grid", "cv": CV, "refit": False, "random_state": 0, **settings}
    return bare(Scripted(), {"name": list(table)}, **settings).fit(X, Y)


def told(search: Any, name: str) -> Any:
    return next(t for t in search.study_.trials if t.params["name"] == name)


def column(search: Any, key: str) -> dict[str, Any]:
    """A column of the results, by candidate."""
    names = [p["name"] for p in search.cv_results_["params"]]
    return dict(zip(names, np.asarray(search.cv_results_[key]).tolist(), strict=True))


GOOD = [0.9, 0.7, 0.8, 0.8]


# -------------------------------------------------------------------------------------------------------- the results


def test_a_hopeless_candidate_stops_and_the_results_say_so() -> None:
    table = {"good": GOOD, **{f"bad{i}": [0.1, 0.2, 0.3, 0.4] for i in range(5)}}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        search = run(table)
    n_run = column(search, "n_splits_run")
    assert n_run["good"] == K
    begun = [name for name, _ in itertools.groupby(f[0] for f in Scripted.fits)]
    late = begun[begun.index("good") + 1 :]
    assert late
    assert all(n_run[name] == 1 for name in late)
    assert search.n_fits_ == len(Scripted.fits) == sum(n_run.values())
    assert search.n_fits_saved_ == K * len(table) - search.n_fits_ == 3 * len(late)
    scores = np.column_stack([search.cv_results_[f"split{k}_test_score"] for k in range(K)])
    assert ((~np.isnan(scores)).sum(axis=1) == search.cv_results_["n_splits_run"]).all()
    assert search.cv_results_["mean_test_score"] == pytest.approx(np.nanmean(scores, axis=1))
    assert search.cv_results_["std_test_score"] == pytest.approx(np.nanstd(scores, axis=1))
    assert np.isfinite(search.cv_results_["mean_fit_time"]).all()
    assert np.isfinite(search.cv_results_["std_fit_time"]).all()
    rank = column(search, "rank_test_score")
    assert rank["good"] == 1
    assert min(rank[name] for name in late) > max(rank[name] for name in begun if name not in late)
    assert search.best_params_ == {"name": "good"}


def test_a_lucky_fold_of_one_that_was_dropped_is_not_the_best() -> None:
    # dropped on the hard fold with a mean that is the highest in the table
    table = {"easy": [0.9, 0.9, 0.9, 0.9], **{f"c{i}": [0.95, 0.95, 0.95, 0.5] for i in range(6)}}
    search = run(table)
    rank, n_run = column(search, "rank_test_score"), column(search, "n_splits_run")
    whole = [name for name in table if n_run[name] == K]
    assert max(rank[n] for n in whole) <= len(whole)
    assert all(rank[n] > len(whole) for n in table if n_run[n] < K)
    assert n_run[search.best_params_["name"]] == K


def test_folds_come_in_another_order_for_each_candidate() -> None:
    run({"good": GOOD, **{f"bad{i}": [0.0] * K for i in range(7)}})
    begun = [next(group) for _, group in itertools.groupby(Scripted.fits, key=lambda f: f[0])]
    assert [fold for _, fold, *_ in begun] == [i % K for i in range(8)]


def test_nothing_is_dropped_without_racing() -> None:
    search = run({"good": GOOD, "bad": [0.0] * K}, racing=None)
    assert search.n_fits_ == 2 * K
    assert search.n_fits_saved_ == 0
    assert column(search, "n_splits_run") == {"good": K, "bad": K}
    assert [fold for _, fold, *_ in Scripted.fits] == [*range(K)] * 2


def test_the_paired_test() -> None:
    ahead = [0.9, 0.5, 0.7, 0.8]
    table = {"good": ahead, **{f"c{i}": [s - 0.02 - 0.001 * k for k, s in enumerate(ahead)] for i in range(4)}}
    search = run(table, racing="wilcoxon")
    assert search.n_fits_saved_ > 0
    assert set(search.cv_results_["n_splits_run"].tolist()) == {3, 4}
    with pytest.raises(ValueError, match="'racing' parameter of SearchCV"):
        run(table, racing="bold")


def test_the_same_twice() -> None:
    def search() -> dict[str, Any]:
        made, y = make_classification(90, 6, random_state=1)
        found = bare(SVC(), {"C": "log(1e-4, 1e3)", "gamma": "log(1e-5, 10)"}, n_trials=15, random_state=3)
        return found.fit(made, y).cv_results_

    a, b = search(), search()
    assert (a["n_splits_run"] < 5).sum() >= 1
    for key in a:
        if "time" not in key:
            assert repr(a[key]) == repr(b[key])


def test_drop_ins_do_not_race() -> None:
    Scripted.table = {"good": GOOD, "bad": [0.0] * K}
    search = GridSearchCV(Scripted(), {"name": ["good", "bad"]}, cv=CV, refit=False).fit(X, Y)
    assert "n_splits_run" not in search.cv_results_
    assert not hasattr(search, "n_fits_")
    assert len(Scripted.fits) == 2 * K


def test_one_split_is_no_race() -> None:
    data, y = make_classification(40, 4, random_state=0)
    cv = ShuffleSplit(1, random_state=0)
    assert bare(SVC(), {"C": "log(0.001, 10)"}, n_trials=4, cv=cv).fit(data, y).n_fits_ == 4


scores_and_masks = st.integers(1, 4).flatmap(
    lambda k: st.lists(
        st.tuples(
            st.lists(st.sampled_from([0.1, 0.2, 0.5, 0.9, math.nan]), min_size=k, max_size=k),
            st.lists(st.booleans(), min_size=k, max_size=k).filter(any),
        ),
        min_size=1,
        max_size=8,
    )
)


@given(scores_and_masks)
def test_ranks_are_scikit_learns_and_those_given_up_come_after(rows: list[tuple[list[float], list[bool]]]) -> None:
    scores, ran = np.array([s for s, _ in rows]), np.array([r for _, r in rows])
    rank = ranks_of_candidates(np.where(ran, scores, np.nan), ran)
    whole = ran.all(axis=1)
    if whole.any():
        assert rank[whole].min() == 1
        means = scores[whole].mean(axis=1)
        for i, j in itertools.combinations(range(int(whole.sum())), 2):
            if means[i] > means[j] + 1e-12 or (math.isnan(means[j]) and not math.isnan(means[i])):
                assert rank[whole][i] < rank[whole][j]
        assert (rank[~whole] > rank[whole].max()).all()


# -------------------------------------------------------------------------------------------------- several metrics


def accuracy(estimator: Any, X: Any, y: Any) -> float:
    return float(estimator.score(X, y))


def several(estimator: Any, X: Any, y: Any) -> dict[str, float]:
    score = float(estimator.score(X, y))
    return {"minus": against(score), "plus": score}


def against(score: float) -> float:
    """Return a score that is the better the lower another one is, but best where predictions are perfect."""
    return 2.0 if score == 1.0 else -score


def worst(results: dict[str, Any]) -> int:
    return int(np.argmin(results["mean_test_score"]))


BAD = {"good": GOOD, **{f"bad{i}": [0.0] * K for i in range(4)}}


@pytest.mark.parametrize("scoring", [{"plus": accuracy, "minus": lambda *a: against(accuracy(*a))}, several])
def test_with_several_metrics_the_one_that_refit_names_decides(scoring: Any) -> None:
    search = run(BAD, scoring=scoring, refit="plus")
    assert search.best_params_ == {"name": "good"}
    assert search.study_.best_value == pytest.approx(0.8)
    assert search.n_fits_saved_ > 0
    n_run = search.cv_results_["n_splits_run"]
    for metric in ("plus", "minus"):
        rank = search.cv_results_[f"rank_test_{metric}"]
        if (n_run < K).any():
            assert rank[n_run < K].min() > rank[n_run == K].max()
        scores = np.column_stack([search.cv_results_[f"split{k}_test_{metric}"] for k in range(K)])
        assert ((~np.isnan(scores)).sum(axis=1) == n_run).all()
    assert run(BAD, scoring=scoring, refit="minus").best_params_["name"].startswith("bad")


@pytest.mark.parametrize("settings", [{"scoring": several}, {"refit": worst}, {"scoring": several, "refit": False}])
def test_there_is_no_race_where_nothing_names_the_best(settings: dict[str, Any]) -> None:
    assert run(BAD, **{"refit": False, **settings}).n_fits_saved_ == 0


def test_training_scores_are_there_for_the_folds_that_were_run() -> None:
    search = run(BAD, return_train_score=True)
    n_run = search.cv_results_["n_splits_run"]
    assert (n_run < K).any()
    scores = np.column_stack([search.cv_results_[f"split{k}_train_score"] for k in range(K)])
    assert ((~np.isnan(scores)).sum(axis=1) == n_run).all()
    assert np.isfinite(search.cv_results_["mean_train_score"]).all()


# ------------------------------------------------------------------------------------------------------ fits that fail

FAIL = math.inf


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_a_candidate_with_a_failed_fold_is_no_incumbent_and_is_not_compared() -> None:
    table = {f"half{i}": [1.0, FAIL, 1.0, 1.0] for i in range(3)} | {f"low{i}": [0.1, 0.2, 0.1, 0.2] for i in range(3)}
    with pytest.warns(FitFailedWarning, match="3 fits failed"):
        search = run(table)
    assert search.n_fits_saved_ == 0  # the low ones run against nobody better, the failed ones against nobody
    assert search.best_params_["name"].startswith("low")
    assert {told(search, f"half{i}").state for i in range(3)} == {TrialState.FAIL}


def test_an_error_score_that_is_a_number_counts_as_a_score() -> None:
    table = {"good": GOOD, **{f"broken{i}": [FAIL] * K for i in range(4)}}
    with pytest.warns(FitFailedWarning):
        search = run(table, error_score=0.0)
    n_run = column(search, "n_splits_run")
    assert {n for name, n in n_run.items() if name != "good"} <= {1, K}
    assert search.n_fits_saved_ > 0
    with pytest.warns(FitFailedWarning):
        assert run(table, error_score=1.0).best_params_["name"].startswith("broken")


# ----------------------------------------------------------------------------------------------------------- the study


def test_the_study_learns_a_value_that_is_corrected_for_the_fold() -> None:
    hard = [0.9, 0.5, 0.9, 0.9]
    search = run({"good": hard, **{f"bad{k}": [0.3] * K for k in range(8)}}, racing="forgiving")
    dropped = search.study_.get_trials(states=[TrialState.PRUNED])
    assert dropped
    for trial in dropped:
        fold = trial.user_attrs["sklearn"]["splits"][0]
        assert trial.values == (pytest.approx(0.8 + 0.3 - hard[fold]),)
        assert str(trial.reason) == "stopped after 1 of 4 folds: no hope of beating the best candidate"
        assert trial.cost is not None
        assert trial.cost > 0
    assert search.study_.best_trial.state is TrialState.COMPLETE
    history = search.study_.history
    seen = TrainingData.of(history, history.space, history.space)
    assert np.isfinite(history.y).all()
    assert not seen.failed.any()
    assert seen.feasible.all()


def test_a_dropped_trial_is_never_the_best_of_the_study() -> None:
    search = run({"good": [0.9] * K, **{f"c{i}": [0.89, 0.89, 0.89, 0.89] for i in range(4)}, "low": [0.1] * K})
    assert search.study_.best_value == pytest.approx(0.9)


# -------------------------------------------------------------------------------------------------------------- resume


@pytest.mark.parametrize("split", [0, 1])  # the last and the first one that is run of this candidate
def test_a_candidate_that_a_kept_split_leaves_no_hope_does_not_end_the_search(split: int, tmp_path: Path) -> None:
    settings = {"storage": str(tmp_path / "t.db"), "n_trials": 1}
    study = run(BAD, **settings).study_
    record = study.trials[0].user_attrs["sklearn"]
    assert "'good'" in record["key"]
    trial = study.ask()
    name = trial.take_whole()["name"]
    kept = {k: v[:1] if isinstance(v, list) else v for k, v in record.items() if k != "predictions"}
    kept |= {"key": record["key"].replace("'good'", repr(name)), "test": [0.0], "splits": [split]}
    trial.set_user_attr("sklearn", kept)
    study.release(list(study.running))
    with joblib.parallel_config("threading", n_jobs=2):
        search = run(BAD, **{**settings, "n_trials": len(BAD)})
    assert set(column(search, "n_splits_run")) == set(BAD)
    assert column(search, "n_splits_run")[name] == 1


@pytest.mark.parametrize("racing", ["forgiving", None])
def test_what_was_dropped_is_dropped_when_the_search_goes_on(tmp_path: Path, racing: str | None) -> None:
    settings = {"storage": str(tmp_path / "t.db"), "return_train_score": True}
    whole = run(BAD, **settings)
    assert whole.n_fits_saved_ > 0
    n = len(Scripted.fits)
    again = run(BAD, racing=racing, **settings)
    assert len(Scripted.fits) == n
    assert (again.n_fits_, again.n_fits_saved_) == (whole.n_fits_, whole.n_fits_saved_)
    for key in whole.cv_results_:
        np.testing.assert_array_equal(np.asarray(whole.cv_results_[key]), np.asarray(again.cv_results_[key]))


def test_those_that_go_on_run_against_the_incumbent_of_before(tmp_path: Path) -> None:
    storage = str(tmp_path / "t.db")
    table = {"good": GOOD, **{f"bad{i}": [0.0] * K for i in range(6)}}
    straight = run(table)
    Scripted.fits.clear()
    for n in range(1, 8):
        parts = run(table, n_trials=n, storage=storage)
    assert column(parts, "n_splits_run") == column(straight, "n_splits_run")
    assert len(Scripted.fits) == straight.n_fits_


@pytest.mark.parametrize("stop", range(0, 14, 3))
def test_an_interrupted_race_goes_on(tmp_path: Path, stop: int) -> None:
    table = {f"c{i}": [0.1 * i + 0.01 * k for k in range(K)] for i in range(6)}
    straight = run(table)
    settings = {"storage": str(tmp_path / "t.db")}
    Scripted.fits.clear()
    Scripted.stop = stop
    with pytest.raises(KeyboardInterrupt):
        run(table, **settings)
    Scripted.stop = -1
    resumed = run(table, **settings)
    assert column(resumed, "n_splits_run") == column(straight, "n_splits_run")
    assert column(resumed, "mean_test_score") == column(straight, "mean_test_score")
    assert len(Scripted.fits) - straight.n_fits_ < K


def test_a_grid_fits_what_a_race_gave_up(tmp_path: Path) -> None:
    settings = {"storage": str(tmp_path / "t.db"), "study_name": "s"}
    run(BAD, **settings)
    grid = GridSearchCV(Scripted(), {"name": list(BAD)}, cv=CV, refit=False, **settings).fit(X, Y)
    assert np.isfinite(grid.cv_results_["mean_test_score"]).all()
    assert grid.cv_results_["mean_test_score"].tolist() == pytest.approx([0.8, 0, 0, 0, 0])


# --------------------------------------------------------------------------------------------------------- in parallel


def overlaps(fits: list[tuple[str, int, float, float]]) -> Counter[str]:
    """How many folds of a candidate began while another of it was running."""
    found: Counter[str] = Counter()
    for i, (name, _, start, _) in enumerate(fits):
        found[name] += sum(other == name and s < start < e for other, _, s, e in fits[:i] + fits[i + 1 :])
    return found


def test_slow_folds_are_sent_one_after_another_and_many_candidates_at_once() -> None:
    Scripted.wait = 0.05
    table = {f"c{i:02}": [0.1 * (i % 5) + 0.2] * K for i in range(10)}
    with joblib.parallel_config(backend="threading"):
        search = run(table, n_jobs=2)
    assert search.n_fits_ == len(Scripted.fits)
    assert search.n_fits_saved_ > 0
    begun = list(dict.fromkeys(f[0] for f in Scripted.fits))
    clash = overlaps(Scripted.fits)
    assert sum(clash[name] > 0 for name in begun[2:-2]) == 0  # the first make an incumbent, the last fill idle workers
    at_once = max(sum(s <= t < e for _, _, s, e in Scripted.fits) for _, _, t, _ in Scripted.fits)
    assert at_once == 2
    assert column(search, "n_splits_run")[search.best_params_["name"]] == K


def test_the_last_candidate_does_not_leave_workers_idle() -> None:
    Scripted.wait = 0.05
    barrier = threading.Barrier(2, timeout=30)

    class Meeting(Scripted):
        def fit(self, X: Any, y: Any) -> Any:
            barrier.wait()
            return super().fit(X, y)

    Scripted.table = {"only": GOOD}
    with joblib.parallel_config(backend="threading"):
        search = bare(Meeting(), {"name": ["only"]}, n_trials=1, n_jobs=2, cv=CV, refit=False).fit(X, Y)
    assert search.n_fits_ == K


@pytest.mark.parametrize("wait", [0.0, 0.03])
@pytest.mark.parametrize("sampler", ["random", "qmc"])
def test_processes(wait: float, sampler: str) -> None:
    data, y = make_classification(80, 6, random_state=0)
    search = bare(
        Slow(wait=wait), {"C": "log(1e-4, 1e3)", "gamma": "log(1e-5, 10)"}, n_trials=10, n_jobs=2, random_state=0, cv=4,
        sampler=sampler,
    ).fit(data, y)  # fmt: skip
    n_run = search.cv_results_["n_splits_run"]
    assert search.n_fits_ == n_run.sum()
    states = {t.number: t.state for t in search.study_.trials}
    assert [states[i] is TrialState.PRUNED for i in range(10)] == (n_run < 4).tolist()
    assert n_run[search.best_index_] == 4


class Slow(SVC):
    def __init__(self, wait: float = 0.0, C: float = 1.0, gamma: float = 0.1) -> None:
        super().__init__(C=C, gamma=gamma)
        self.wait = wait

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        time.sleep(self.wait)
        return super().fit(X, y, sample_weight)


# ------------------------------------------------------------------------------------------------- what a user is told


def test_what_is_printed_says_what_was_saved(capsys: Any) -> None:
    search = run(BAD, verbose=1, progress=True)
    out, err = capsys.readouterr()
    dropped = sum(n < K for n in search.cv_results_["n_splits_run"])
    assert f"{dropped} of 5 candidates stopped early, which saved {search.n_fits_saved_} fits" in out
    assert f" · {dropped} stopped early · " in err
    assert f" fits, {search.n_fits_saved_} saved" in err


@with_callbacks
def test_callbacks_see_the_folds_that_are_run() -> None:
    from sklearn.callback.tests._utils import RecordingCallback

    callback = RecordingCallback()
    Scripted.table = BAD
    search = bare(
        Scripted(), {"name": list(BAD)}, n_trials=5, sampler="grid", cv=CV, refit=False, random_state=0
    ).set_callbacks(callback)
    search.fit(X, Y)
    assert callback.count_hooks("on_fit_task_begin") == callback.count_hooks("on_fit_task_end") == 2 + search.n_fits_


# -------------------------------------------------------------------------------------------------------- the scheduler


def outcome(fold: int, score: float) -> Outcome:
    return Outcome(0, fold, score, None, 0.0, 0.0, None)


def under_way(*scores: float) -> Candidate:
    """Return a candidate of three folds with the scores of the first ones."""
    candidate = Candidate(0, 0, {}, [None] * 3, unit=Unit(0, {}, (0, 1, 2)))
    for i, score in enumerate(scores):
        candidate.send(1)
        candidate.receive(outcome(i, score))
    return candidate


def scheduler_of(*candidates: Candidate, in_order: bool = True) -> RacingScheduler:
    scheduler = RacingScheduler("forgiving", None, in_order)
    scheduler.under_way += candidates
    return scheduler


@pytest.mark.parametrize("in_order", [True, False])
def test_a_better_incumbent_drops_those_that_wait(in_order: bool) -> None:
    middle = under_way(0.6)
    scheduler = scheduler_of(under_way(0.5, 0.5, 0.5), middle, in_order=in_order)
    scheduler.decide()
    assert not middle.decided
    scheduler.under_way.insert(0, under_way(0.7, 0.7, 0.7))
    scheduler.under_way.insert(1, under_way(0.6, 0.6, 0.6))  # later and worse: the incumbent stays
    scheduler.decide()
    assert scheduler.race == Race("forgiving", (0.7, 0.7, 0.7))
    assert middle.dropped
    assert scheduler.next_split(idle=True) is None


def test_folds_under_way_are_waited_for_where_the_order_is_that_of_ends() -> None:
    candidate = under_way(0.1)
    candidate.send(1)
    scheduler = scheduler_of(under_way(0.9, 0.9, 0.9), candidate, in_order=False)
    scheduler.decide()
    assert candidate.dropped
    assert not candidate.decided
    candidate.receive(outcome(1, 0.2))
    assert scheduler.decide() == [candidate]
    assert len(candidate.outcomes) == 2


def test_in_the_order_of_candidates_folds_beyond_the_end_do_not_count() -> None:
    candidate = under_way(0.1)
    candidate.send(1)
    scheduler = scheduler_of(under_way(0.9, 0.9, 0.9), candidate)
    assert len(scheduler.decide()) == 2
    candidate.receive(outcome(1, 0.2))
    assert [o.split for o in candidate.outcomes] == [0]


def test_a_candidate_without_hope_waits_for_those_before_it() -> None:
    first, second = under_way(0.2, 0.2), under_way(0.1)
    scheduler = scheduler_of(under_way(0.9, 0.15, 0.9), first, second)
    scheduler.decide()
    assert not first.decided
    assert not second.decided
    assert scheduler.next_split(idle=False) is not None  # the last fold of the first one
    assert scheduler.next_split(idle=True) is None  # the second has no hope against the incumbent: it is not run on
    first.receive(outcome(2, 3.0))  # which makes the first the incumbent
    assert scheduler.decide() == [first, second]
    assert scheduler.race == Race("forgiving", (0.2, 0.2, 3.0))
    assert len(second.outcomes) == 1


def test_what_a_worker_gave_up_goes_on_if_the_incumbent_is_another_one_then() -> None:
    first, second = under_way(1.0, 0.3), under_way()
    scheduler = scheduler_of(under_way(0.6, 0.6, 0.6), first, second)
    scheduler.decide()
    second.send(3)
    second.receive(outcome(0, 0.5)._replace(hopeless=True))
    assert second.n_sent == 0
    first.send(1)
    first.receive(outcome(2, 1.0))
    assert scheduler.decide() == [first]
    assert scheduler.race == Race("forgiving", (1.0, 0.3, 1.0))
    unit = scheduler.next_split(idle=False)
    assert unit is not None
    assert unit.splits == (1,)


def test_an_incumbent_has_a_finite_score_on_every_fold() -> None:
    scheduler = RacingScheduler("forgiving", None)
    for score in (math.nan, math.inf, -math.inf):
        scheduler.consider(under_way(0.9, score, 0.9))
    assert scheduler.race is None
