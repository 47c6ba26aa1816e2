"""``SearchCV``: any sampler and space, results and behaviour of a scikit-learn search."""

from __future__ import annotations

import pickle
import threading
import time
from pathlib import Path
from typing import Any, ClassVar

import joblib
import numpy as np
import pytest
from scipy.stats import loguniform, randint, uniform
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.datasets import make_classification
from sklearn.decomposition import PCA
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.feature_selection import SelectKBest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from tests.sklearn.bare import bare
from tests.sklearn.versions import with_callbacks

from tunesmith import Categorical, Float, Int, Space, TrialState
from tunesmith.errors import SpaceError
from tunesmith.foundation import registry
from tunesmith.history import History
from tunesmith.samplers import RandomSampler
from tunesmith.sklearn import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, SearchCV
from tunesmith.sklearn.evaluate.pool import BatchSizer, Deadline
from tunesmith.sklearn.evaluate.task import Unit
from tunesmith.sklearn.search.evaluation import FixedUnits
from tunesmith.sklearn.store.outcome import Outcome
from tunesmith.study.engine.loop import run_loop

X, Y = make_classification(80, 6, random_state=0)
PIPE = Pipeline([("scale", StandardScaler()), ("clf", SVC())])


SEARCHES = (SearchCV, GridSearchCV, RandomizedSearchCV, HalvingGridSearchCV)


def named_columns(estimator: Any, X: Any, y: Any) -> float:
    """A score that only a frame has."""
    return float(len(set(estimator.transform(X).columns)))


class Probe(ClassifierMixin, BaseEstimator):
    """Scores what it is told to, after a while, and says when it ran."""

    ran: ClassVar[list[tuple[float, float]]] = []

    def __init__(self, a: float = 0.0, wait: float = 0.0, fails: bool = False) -> None:
        self.a = a
        self.wait = wait
        self.fails = fails

    def fit(self, X: Any, y: Any) -> Probe:
        self.classes_ = np.unique(y)
        start = time.monotonic()
        time.sleep(self.wait)
        Probe.ran.append((start, time.monotonic()))
        if self.fails:
            raise RuntimeError("as asked")
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), dtype=int)

    def score(self, X: Any, y: Any) -> float:
        return -((self.a - 0.3) ** 2)


@pytest.mark.parametrize(
    "space",
    [
        {"C": [0.1, 1.0], "kernel": ["rbf", "linear"]},
        {"C": loguniform(0.1, 10), "degree": randint(1, 4), "tol": uniform(0.001, 0.01)},
        [{"C": [0.1, 1.0]}, {"C": loguniform(1, 10), "kernel": ["linear"]}],
        {"C": "log(0.1, 10)", "kernel": "rbf | linear"},
        {"kernel": Categorical(["rbf", "poly"]), "degree": Int(1, 3).when(kernel="poly")},
        Space({"C": Float(0.1, 10, log=True), "gamma": Float(0.01, 1)}, constraints=lambda C, gamma: gamma < C),
    ],
    ids=["lists", "scipy", "union", "text", "conditions", "constraints"],
)
def test_every_form_of_space(space: Any) -> None:
    settings = {"sampler": "random", "random_state": 1, "racing": None, "cv": 2}
    known = space if isinstance(space, Space) else Space(space)
    n = min(6, known.n_cells)
    search = bare(SVC(), space, n_trials=n, **settings).fit(X, Y)
    assert len(search.cv_results_["params"]) == n
    for params, score in zip(search.cv_results_["params"], search.cv_results_["mean_test_score"], strict=True):
        known.validate(params)
        assert cross_val_score(SVC(**params), X, Y, cv=2).mean() == pytest.approx(score)
    assert search.best_score_ == max(search.cv_results_["mean_test_score"])
    assert search.best_params_ == search.study_.best_params


@pytest.mark.parametrize("sampler", sorted(registry.SAMPLERS))
def test_every_sampler_of_the_registry(sampler: str) -> None:
    space = {"a": [0.0, 0.1, 0.2, 0.3], "wait": [0.0]}
    search = bare(Probe(), space, n_trials=3, sampler=sampler, random_state=0, cv=2).fit(X, Y)
    assert search.study_.sampler.name == sampler
    assert len(search.cv_results_["params"]) == 3


def test_the_grid_sampler_tries_each_point_once_and_ends() -> None:
    space = {"a": [0.0, 0.1, 0.2, 0.3]}
    search = bare(Probe(), space, n_trials=50, sampler="grid", cv=2).fit(X, Y)
    assert sorted(p["a"] for p in search.cv_results_["params"]) == space["a"]


def test_a_sampler_may_be_an_object_and_auto_is_the_best_there_is() -> None:
    assert bare(Probe(), {"a": "float(0, 1)"}, n_trials=2, sampler=RandomSampler(), cv=2).fit(X, Y).study_
    search = bare(Probe(), {"a": "float(0, 1)"}, n_trials=2, cv=2).fit(X, Y)
    assert search.study_.sampler.name == ("auto" if "auto" in registry.SAMPLERS else "random")
    with pytest.raises(ValueError, match="did you mean 'random'"):
        bare(Probe(), {"a": "float(0, 1)"}, n_trials=2, sampler="randon", cv=2).fit(X, Y)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_the_seed_decides_the_candidates(n_jobs: Any) -> None:
    def params(seed: int) -> Any:
        search = bare(Probe(), {"a": "float(0, 1)"}, n_trials=5, sampler="random", random_state=seed, cv=2)
        return search.set_params(n_jobs=n_jobs).fit(X, Y).cv_results_["params"]

    assert params(1) == params(1)
    assert params(1) != params(2)


ESTIMATORS = [SVC(), RandomForestClassifier(3, random_state=0), GaussianNB()]


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("storage", [False, True])
def test_choices_may_be_estimators_with_parameters_of_their_own(named: bool, storage: bool, tmp_path: Any) -> None:
    choices = dict(zip(["svm", "forest", "bayes"], ESTIMATORS, strict=True)) if named else ESTIMATORS
    space = {"clf": choices, "clf__C": Float(0.1, 10, log=True), "clf__max_depth": Int(1, 4), "scale": ["passthrough"]}
    settings = {"cv": 2, "random_state": 0, "sampler": "random"}
    if storage:
        settings["storage"] = str(tmp_path / "t.db")
        bare(PIPE, space, n_trials=4, **settings).fit(X, Y)
    search = bare(PIPE, space, n_trials=12, **settings).fit(X, Y)
    seen = set()
    for params in search.cv_results_["params"]:
        kind = type(params["clf"])
        seen.add(kind)
        expected = {SVC: {"clf__C"}, RandomForestClassifier: {"clf__max_depth"}, GaussianNB: set()}[kind]
        assert params.keys() == {"clf", "scale"} | expected
    assert seen == {SVC, RandomForestClassifier, GaussianNB}
    assert not hasattr(ESTIMATORS[0], "support_")
    mask = np.ma.getmaskarray(search.cv_results_["param_clf__C"])
    assert mask.tolist() == [type(p["clf"]) is not SVC for p in search.cv_results_["params"]]
    assert search.predict(X).shape == Y.shape


def test_conditions_that_are_given_are_kept() -> None:
    space = Space(
        clf=Categorical({"svm": SVC(), "logit": LogisticRegression()}),
        clf__C=Float(0.1, 10, log=True).when(clf="svm"),
    )
    search = bare(PIPE, space, n_trials=8, cv=2, random_state=0, sampler="random").fit(X, Y)
    for params in search.cv_results_["params"]:
        assert ("clf__C" in params) == isinstance(params["clf"], SVC)


def test_a_timeout_starts_nothing_more_and_keeps_what_is_done() -> None:
    Probe.ran.clear()
    start = time.monotonic()
    search = bare(
        Probe(wait=0.05), {"a": "float(0, 1)"}, n_trials=None, timeout=0.5, racing=None, cv=2, refit=False
    ).fit(X, Y)
    n = len(search.cv_results_["params"])
    assert n == len(Probe.ran) / 2 >= 1
    assert max(begun for begun, _ in Probe.ran[::2]) <= start + 0.5 + 1.0  # generous: the clock starts inside fit
    with pytest.raises(ValueError, match="no candidate was started within the timeout of 0"):
        bare(Probe(), {"a": "float(0, 1)"}, timeout=0, cv=2).fit(X, Y)
    with pytest.raises(ValueError, match="needs n_trials or timeout"):
        bare(Probe(), {"a": "float(0, 1)"}, n_trials=None, cv=2).fit(X, Y)


class Watching(RandomSampler):
    """Notes what is known and what is under way at each proposal."""

    is_adaptive: ClassVar[bool] = True

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[int, int]] = []

    def ask(self, history: History, space: Space, rng: np.random.Generator, n: int) -> Any:
        self.seen.append((len(history), len(history.running)))
        return super().ask(history, space, rng, n)


@pytest.mark.parametrize(("n_jobs", "most"), [(None, 0), (2, 1), (3, 2)])
def test_a_candidate_is_proposed_when_all_that_is_finished_is_known(n_jobs: Any, most: int) -> None:
    sampler = Watching()
    with joblib.parallel_config(backend="threading"):
        bare(Probe(wait=0.03), {"a": "float(0, 1)"}, n_trials=9, sampler=sampler, n_jobs=n_jobs, cv=3).fit(X, Y)
    assert len(sampler.seen) == 9
    for asked, (known, running) in enumerate(sampler.seen):
        assert known + running == asked  # every other candidate is finished and told, or under way
        assert running <= most


def test_the_splits_of_a_candidate_run_beside_each_other() -> None:
    barrier = threading.Barrier(2, timeout=30)

    class Meeting(Probe):
        def fit(self, X: Any, y: Any) -> Any:
            barrier.wait()  # passes only if two fits are there at once
            return super().fit(X, y)

    with joblib.parallel_config(backend="threading"):
        bare(Meeting(), {"a": "float(0, 1)"}, n_trials=1, n_jobs=2, cv=2, refit=False).fit(X, Y)


@pytest.mark.filterwarnings("ignore:One or more of the test scores")
def test_candidates_that_fail_are_failed_trials_and_the_search_goes_on() -> None:
    search = bare(Probe(), {"a": [0.1, 0.3], "fails": [True, False]}, n_trials=4, sampler="grid", cv=2)
    with pytest.warns(FitFailedWarning, match="4 fits failed out of a total of 8"):
        search.fit(X, Y)
    failed = search.study_.get_trials(states=[TrialState.FAIL])
    assert len(failed) == 2
    assert "RuntimeError: as asked" in str(failed[0].reason)
    assert search.best_params_ == {"a": 0.3, "fails": False}
    search = bare(Probe(), {"fails": [True]}, n_trials=1, error_score="raise", cv=2)
    with pytest.raises(RuntimeError, match="as asked"):
        search.fit(X, Y)


def test_a_finite_error_score_counts_as_a_score() -> None:
    search = bare(Probe(), {"fails": [True, False]}, n_trials=2, sampler="grid", error_score=-9.0, cv=2)
    with pytest.warns(FitFailedWarning):
        search.fit(X, Y)
    assert sorted(t.value for t in search.study_.trials) == [-9.0, pytest.approx(-0.09)]


def test_names_are_checked_before_the_first_fit() -> None:
    Probe.ran.clear()
    with pytest.raises(SpaceError, match="Probe has no parameter 'b'"):
        bare(Probe(), {"a": [1.0], "b": [1, 2]}, cv=2).fit(X, Y)
    assert not Probe.ran


def test_several_metrics_and_training_scores() -> None:
    search = bare(
        SVC(), {"C": "log(0.1, 10)"}, n_trials=3, cv=2, scoring=["accuracy", "roc_auc"], refit="roc_auc",
        return_train_score=True,
    ).fit(X, Y)  # fmt: skip
    assert search.study_.best_value == pytest.approx(max(search.cv_results_["mean_test_roc_auc"]))
    assert "mean_train_accuracy" in search.cv_results_


def test_skops_saves_it() -> None:
    skops = pytest.importorskip("skops.io")
    search = SearchCV(SVC(), n_trials=2, cv=2).fit(X, Y)
    saved = skops.dumps(search)
    again = skops.loads(saved, trusted=skops.get_untrusted_types(data=saved))
    assert np.array_equal(again.predict(X), search.predict(X))
    assert (again.space_, str(again.report_)) == (search.space_, str(search.report_))


class Clock(ClassifierMixin, BaseEstimator):
    """Its fits take seconds that pass at once: ten, or a hundred where `a` is not the default."""

    ahead: ClassVar[float] = 0.0
    fits: ClassVar[int] = 0

    def __init__(self, a: float = 0.0) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Any:
        Clock.fits += 1
        Clock.ahead += 100.0 if self.a else 10.0
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), int)


def let_seconds_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic, counter = time.monotonic, time.perf_counter
    monkeypatch.setattr(time, "monotonic", lambda: monotonic() + Clock.ahead)
    monkeypatch.setattr(time, "perf_counter", lambda: counter() + Clock.ahead)


def test_a_timeout_holds_within_the_fit_of_one_fold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    let_seconds_pass(monkeypatch)
    where = str(tmp_path / "t.db")
    settings: dict[str, Any] = {"cv": 5, "storage": where, "refit": False, "racing": None, "confirm": 0}
    Clock.ahead, Clock.fits = 0.0, 0
    search = SearchCV(Clock(), {"a": "float(0, 1)"}, n_trials=None, timeout=400, **settings).fit(X, Y)
    assert Clock.ahead == 50.0 + 400.0  # the second one takes longer than was to be expected
    assert len(search.cv_results_["params"]) == 1
    assert [t.state.name for t in search.study_.trials] == ["COMPLETE", "WAITING"]
    Clock.fits = 0
    search = SearchCV(Clock(), {"a": "float(0, 1)"}, n_trials=2, **settings).fit(X, Y)
    assert Clock.fits == 1  # the fold that was left
    assert search.cv_results_["n_splits_run"].tolist() == [5, 5]


def test_a_timeout_leaves_time_for_new_splits_and_for_the_last_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    let_seconds_pass(monkeypatch)
    Clock.ahead = 0.0
    cv = StratifiedKFold(2, shuffle=True, random_state=0)
    settings: dict[str, Any] = {"racing": None, "cv": cv, "random_state": 0}
    SearchCV(Clock(), {"a": [0.0, 1.0, 2.0, 3.0]}, timeout=700, confirm=5, **settings).fit(X, Y)
    assert Clock.ahead <= 700 + 100
    Clock.ahead = 0.0
    search = SearchCV(Clock(), {"a": "float(0, 1)"}, n_trials=None, timeout=3000, confirm=1, **settings).fit(X, Y)
    assert search.report_.n_repeats == 1
    assert 2000 < Clock.ahead <= 3000 + 100


class Queueing:
    """Workers whose fits take ten seconds on a clock that passes at once; batches are sent ahead, as by joblib."""

    shielded: ClassVar[tuple[()]] = ()
    capacity = 6.0
    n_workers = 2

    def __init__(self) -> None:
        self.under_way = 0
        self.free = [0.0] * self.n_workers
        self.ends: list[tuple[float, list[Outcome]]] = []

    def submit(self, batch: list[Unit]) -> None:
        made = [Outcome(u.candidate, s, 1.0, None, 10.0, 0.0, None) for u in batch for s in u.splits]
        self.under_way += len(made)
        self.free.sort()
        self.free[0] = max(self.free[0], Clock.ahead) + 10.0 * len(made)
        self.ends.append((self.free[0], made))

    def poll(self, timeout: float | None = None) -> list[list[Outcome]]:
        self.ends.sort(key=lambda end: end[0])
        Clock.ahead, made = self.ends.pop(0)
        self.under_way -= len(made)
        return [made]

    def drain(self) -> list[list[Outcome]]:
        return []


@pytest.mark.parametrize("reserved", [0.0, 1.0, 2.5])
def test_no_fit_waits_in_a_queue_until_the_time_is_over(monkeypatch: pytest.MonkeyPatch, reserved: float) -> None:
    monkeypatch.setattr(time, "monotonic", lambda: Clock.ahead)
    Clock.ahead = 0.0
    workers, ended = Queueing(), list[Outcome]()
    deadline = Deadline(BatchSizer(), workers, at=95.0, reserved=reserved)
    run_loop(workers, FixedUnits([Unit(i, {}, (0, 1, 2)) for i in range(20)], 2, ended.extend, deadline))
    assert 95.0 - 10.0 <= Clock.ahead + 10.0 * reserved <= 95.0 + 10.0
    assert workers.under_way == 0
    assert not deadline.allows(1)


def test_it_is_an_estimator_like_any_other() -> None:
    search = bare(SVC(), {"C": "log(0.1, 10)"}, n_trials=2, cv=2)
    assert repr(clone(search)) == repr(search)
    for protocol in (0, pickle.HIGHEST_PROTOCOL):  # the former asks for the methods that skops goes by
        again = pickle.loads(pickle.dumps(search.fit(X, Y), protocol))
        assert np.array_equal(again.predict(X), search.predict(X))
        assert again.space_ == search.space_
    assert search.classes_.tolist() == [0, 1]
    assert "SVC" in search._repr_html_()
    assert cross_val_score(clone(search), X, Y, cv=2).shape == (2,)
    with pytest.raises(ValueError, match="n_trials"):
        bare(SVC(), {"C": [1]}, n_trials=0).fit(X, Y)


@pytest.mark.filterwarnings("ignore:The total space")  # of a random search
@pytest.mark.parametrize("search", SEARCHES, ids=lambda make: make.__name__)
def test_the_output_of_a_transformer_is_set_before_and_after_the_fit(search: Any) -> None:
    pd = pytest.importorskip("pandas")
    steps = Pipeline([("scale", StandardScaler()), ("reduce", PCA(2))])
    space = {"reduce": [PCA(2), SelectKBest(k=2)]}  # steps that come with a candidate, too
    found = search(steps, space, scoring=named_columns, cv=2).set_output(transform="pandas").fit(X, Y)
    assert np.isfinite(found.cv_results_["mean_test_score"]).all()
    assert isinstance(found.transform(X), pd.DataFrame)
    assert isinstance(clone(found).fit(X, Y).transform(X), pd.DataFrame)
    assert isinstance(found.set_output().transform(X), pd.DataFrame), "None changes nothing"
    alone = search(PCA(2), {"whiten": [True, False]}, cv=2).fit(X, Y)
    assert isinstance(alone.set_output(transform="pandas").transform(X), pd.DataFrame)
    assert isinstance(alone.set_output(transform="default").transform(X), np.ndarray)
    whole = make_pipeline(StandardScaler(), search(steps, space, scoring=named_columns, cv=2))
    assert isinstance(whole.set_output(transform="pandas").fit(X, Y).transform(X), pd.DataFrame)
    first = Pipeline([("search", search(steps, space, scoring=named_columns, cv=2)), ("clf", SVC())])
    assert first.set_output(transform="pandas").fit(X, Y)["clf"].n_features_in_ == 2
    assert hasattr(first["clf"], "feature_names_in_")
    assert not hasattr(search(SVC(), {"C": [1.0]}), "set_output")


@pytest.mark.filterwarnings("ignore:The total space")  # of a random search
@pytest.mark.parametrize("search", SEARCHES[:3], ids=lambda make: make.__name__)
@pytest.mark.parametrize("cv", [None, 2, [([0], [1])]], ids=["none", "number", "list"])
def test_rows_that_are_none_are_told_before_folds_are_made(search: Any, cv: Any) -> None:
    words = rf"Found array with 0 sample\(s\) \(shape=\(0, 3\)\) while a minimum of 1 is required by {search.__name__}"
    with pytest.raises(ValueError, match=words):
        search(Ridge(), {"alpha": [1.0]}, cv=cv).fit(np.empty((0, 3)), [])
    with pytest.raises(ValueError, match=r"Found array with 0 sample\(s\)"):
        search(Ridge(), {"alpha": [1.0]}, cv=cv).fit([], [])
    with pytest.raises(ValueError, match="max_resources_=0"):  # scikit-learn's own words
        HalvingGridSearchCV(Ridge(), {"alpha": [1.0]}, cv=cv).fit(np.empty((0, 3)), [])


@with_callbacks
def test_callbacks_see_the_task_tree_of_a_search() -> None:
    from sklearn.callback.tests._utils import RecordingCallback

    callback = RecordingCallback()
    search = bare(Probe(), {"a": "float(0, 1)"}, n_trials=3, racing=None, cv=2).set_callbacks(callback)
    search.fit(X, Y)
    assert callback.count_hooks("on_fit_task_begin") == callback.count_hooks("on_fit_task_end") == 1 + 1 + 6 + 1
    names = {entry["context"].task_name for entry in callback.record}
    assert names == {"fit", "search", "candidate-split-evaluation", "refit-with-best-params"}
