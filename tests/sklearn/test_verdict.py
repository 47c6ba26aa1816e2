"""What a search decided is stored with its study, and everything that reads the study says that, and nothing else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline
from sklearn.svm import SVC

import tunesmith
from tunesmith.cli.main import main
from tunesmith.errors import StorageError
from tunesmith.report import write_report
from tunesmith.sklearn import GridSearchCV, HalvingGridSearchCV, RandomizedSearchCV, SearchCV
from tunesmith.sklearn.results.conclusion import SearchesHere
from tunesmith.sklearn.store.candidates import CandidateStore
from tunesmith.storage.memory import MemoryStorage
from tunesmith.study.verdict import VERDICT

X, Y = make_classification(80, 5, flip_y=0.1, random_state=0)
NUMBERS = {"C": "log(0.1, 10)", "gamma": "log(0.01, 1)"}  # without the default's "scale"


def first_of_all(results: dict[str, Any]) -> int:
    return 0


SEARCHES: dict[str, Any] = {
    "the default": lambda **s: SearchCV(SVC(), n_trials=5, random_state=0, **s),
    "the default outside of the space": lambda **s: SearchCV(SVC(), NUMBERS, n_trials=4, random_state=0, **s),
    "what is better": lambda **s: SearchCV(SVC(C=1e-6), NUMBERS, n_trials=6, random_state=0, **s),
    "an estimator": lambda **s: SearchCV(
        Pipeline([("clf", SVC())]),
        {"clf": [LogisticRegression(), KNeighborsClassifier()]},
        random_state=0,
        prefer_default=None,
        **s,
    ),
    "what a function chose": lambda **s: SearchCV(
        SVC(), {"C": [1.0, 2.0]}, prefer_default=None, refit=first_of_all, random_state=0, **s
    ),
    "another level": lambda **s: SearchCV(SVC(), n_trials=4, level=0.8, random_state=0, **s),
    "a grid": lambda **s: GridSearchCV(SVC(), {"C": [0.1, 10.0, 1.0], "gamma": ["scale", 0.5]}, **s),
    "random points": lambda **s: RandomizedSearchCV(
        SVC(), {"C": [0.1, 10.0, 1.0], "gamma": ["scale", 0.5]}, n_iter=4, random_state=0, **s
    ),
    "halving": lambda **s: HalvingGridSearchCV(SVC(), {"C": [0.1, 10.0, 1.0]}, random_state=0, **s),
}


@pytest.mark.parametrize("kind", SEARCHES)
def test_everything_that_reads_a_study_says_what_its_search_decided(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = str(tmp_path / "tune.db")
    search = SEARCHES[kind](cv=3, storage=path, study_name="s").fit(X, Y)
    report, score = search.report_, search.honest_score_
    told, verdict = report.sentences(), report.verdict()
    assert told[0] == verdict
    assert report.chosen == search.best_params_

    def said(*words: str) -> str:
        assert main([*words]) == 0
        return capsys.readouterr().out

    study = tunesmith.load_study(study_name="s", storage=path)
    for found in (search.study_.recommend(), study.recommend()):
        assert found.sentences() == told
        assert found.verdict() == verdict
        assert {name: repr(value) for name, value in (found.report.chosen or {}).items()} == {
            name: repr(value) for name, value in search.best_params_.items()
        }
        if score is not None:
            assert (found.value, found.interval, found.level) == (score.value, score.interval, score.level)
            assert (found.method, found.naive, found.optimism) == (score.method, score.naive, score.optimism)
            assert found.report.score == score
    if kind == "the default outside of the space":
        assert found.trial is None
        assert found.params == search.best_params_ == {"C": 1.0, "gamma": "scale"}
    else:
        assert found.trial.params == found.params
        assert found.trial.user_attrs["sklearn"]["test"] == pytest.approx(
            [search.cv_results_[f"split{k}_test_score"][search.best_index_] for k in range(3)]
        )
    if kind == "an estimator":
        assert study.recommend().params == {"clf": repr(search.best_params_["clf"])}
    assert said("show", path).splitlines()[1 : 1 + len(told)] == told
    assert json.loads(said("show", path, "--json"))["recommendation"] == told
    for words in (["best", path], ["best", path, "--honest"]):
        assert said(*words).splitlines()[0] == verdict
        assert eval(said(*words, "--as", "python")) == study.recommend().params
        facts = json.loads(said(*words, "--json"))
        assert (facts["verdict"], facts["params"]) == (verdict, study.recommend().params)
    markdown = write_report(study, format="md").replace("\\", "")
    expected = verdict.rstrip(".").split("; ")[1:]  # a report has the parameters once, to copy
    assert all(sentence in markdown for sentence in (*expected, *told[1:]))
    assert repr(study.recommend().params) in markdown
    assert all(part in write_report(search, format="md").replace("\\", "") for part in expected)
    write_report(search.study_, format="html")  # whose values are objects still


def test_trials_that_ended_later_are_told_and_not_mixed_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "tune.db")
    search = SearchCV(SVC(), n_trials=4, cv=3, storage=path, study_name="s", random_state=0).fit(X, Y)
    before = search.study_.recommend()
    assert before.notes == ()
    best = tunesmith.create_trial(params={"C": 1.0}, distributions={"C": "float(0, 2)"}, value=1.0)
    search.study_.add_trial(best)
    assert search.study_.best_trial.number == 4
    after = search.study_.recommend()
    assert (after.trial, after.value, after.verdict()) == (before.trial, before.value, before.verdict())
    assert after.sentences()[1] == (
        "This was decided after 4 trials; 1 trial ended later and is not in it: run the search again to decide by all."
    )
    assert main(["best", path]) == main(["show", path]) == 0
    assert capsys.readouterr().out.count("1 trial ended later") == 2


def test_a_question_of_another_kind_is_answered_by_the_model_and_says_so(tmp_path: Path) -> None:
    search = SearchCV(SVC(), n_trials=5, cv=3, random_state=0).fit(X, Y)
    for asked in ({"simplest": "one-se", "complexity": "C"}, {"level": 0.5}):
        found = search.study_.recommend(**asked)
        assert found.report is None
        assert search.report_.verdict() in found.notes[0]
    assert search.study_.recommend(level=0.95).report == search.report_


def test_a_verdict_that_cannot_be_read_is_an_error_that_says_what_to_do(tmp_path: Path) -> None:
    path = str(tmp_path / "tune.db")
    search = SearchCV(SVC(), n_trials=3, cv=3, storage=path, study_name="s", random_state=0)
    search.fit(X, Y)
    search.study_.set_system_attr(VERDICT, {"format": 99})
    with pytest.raises(
        StorageError, match=r"the study 's' decided cannot be read .*update tunesmith.*fit the search again"
    ):
        search.study_.recommend()
    search.fit(X, Y)
    assert search.study_.recommend().report == search.report_


class Moody(ClassifierMixin, BaseEstimator):
    """Predicts something else each time, so that no two conclusions are alike.

    A search sees that its values are noisy, and may look at a configuration twice.
    """

    fits = 0

    def __init__(self, a: float = 0.5) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Any:
        type(self).fits += 1
        self.classes_ = np.unique(y)
        return self

    def predict(self, X: Any) -> Any:
        return np.random.default_rng().integers(0, 2, len(X))


def moody(path: Path, **settings: Any) -> SearchCV:
    settings = {"n_trials": 8, "racing": None, "confirm": 3, **settings}
    search = SearchCV(
        Moody(), {"a": "float(0, 1)"}, cv=3, random_state=0, storage=str(path), study_name="s", **settings
    )
    return search.fit(X, Y)


def test_the_same_search_again_returns_the_stored_verdict(tmp_path: Path) -> None:
    first = moody(tmp_path / "t.db")
    fits, Moody.fits = Moody.fits, 0
    second = moody(tmp_path / "t.db")
    assert fits > 24
    assert Moody.fits == 1  # of the one that is returned, on all rows
    assert (second.best_params_, second.report_) == (first.best_params_, first.report_)
    assert second.study_.recommend().report == first.report_
    other = moody(tmp_path / "t.db", prefer_default=False, level=0.8)  # asks for something else
    assert other.study_.recommend().level == 0.8
    more = moody(tmp_path / "t.db", n_trials=10)
    assert len(more.study_.trials) == 10
    assert more.report_.n_candidates == len({trial.params["a"] for trial in more.study_.trials}) > 1
    assert more.study_.recommend().notes == ()


TOGETHER = """
import sys
from pathlib import Path
from tests.sklearn.test_verdict import moody
folder, me, other = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
(folder / me).touch()
while not (folder / other).exists():
    pass
found = moody(folder / "t.db", n_trials=20)
print(found.best_params_, found.report_)
"""


@pytest.mark.slow
def test_processes_that_search_at_once_return_one_verdict(tmp_path: Path) -> None:
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, str(tmp_path), *names],
            cwd=root,
            env={**os.environ, "PYTHONPATH": paths},
            stdout=subprocess.PIPE,
            text=True,
        )
        for names in (["a", "b"], ["b", "a"])
    ]
    told = [run.communicate(timeout=120)[0] for run in runs]
    assert [run.returncode for run in runs] == [0, 0]
    assert told[0] == told[1] != ""
    study = tunesmith.load_study(study_name="s", storage=tmp_path / "t.db")
    assert len(study.trials) == 20
    assert str(study.recommend()) in told[0]


def test_threads_that_search_at_once_return_one_verdict(tmp_path: Path) -> None:
    found: list[SearchCV] = []
    threads = [threading.Thread(target=lambda: found.append(moody(tmp_path / "t.db"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert [len(search.cv_results_["params"]) for search in found] == [8, 8]
    assert found[0].report_ == found[1].report_
    assert found[0].best_params_ == found[1].best_params_


def test_a_search_that_opens_a_study_while_another_begins_it_takes_part(monkeypatch: pytest.MonkeyPatch) -> None:
    storage = MemoryStorage()
    first, second = (
        CandidateStore(
            tunesmith.create_study(study_name="s", storage=storage, direction="maximize", load_if_exists=True),
            None,
            train_scores=False,
            where="memory",
        )
        for _ in range(2)
    )
    read = tunesmith.Study.get_trials

    def begun_by_the_other(study: tunesmith.Study, *args: Any, **how: Any) -> Any:
        if study is second.study and not read(study):
            first.open({"estimator": "SVC"}, [])
            first.study.add_trial(tunesmith.create_trial(value=0.5))
        return read(study, *args, **how)

    monkeypatch.setattr(tunesmith.Study, "get_trials", begun_by_the_other)
    second.open({"estimator": "SVC"}, [])
    assert len(second.study.trials) == 1


def test_searches_that_conclude_at_once_return_one_verdict(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As processes of which one gave no sign for long: both have concluded when the first one stores."""
    both = threading.Barrier(2, timeout=60)

    @contextmanager
    def as_in_another_process(*_: Any) -> Iterator[SearchesHere]:
        yield SearchesHere()

    stored = tunesmith.Study.store_verdict

    def store(study: tunesmith.Study, *args: Any, **how: Any) -> Any:
        both.wait()
        return stored(study, *args, **how)

    monkeypatch.setattr("tunesmith.sklearn.search.search_cv.one_of_these", as_in_another_process)
    monkeypatch.setattr("tunesmith.sklearn.results.conclusion._wait", lambda *_: None)
    monkeypatch.setattr("tunesmith.sklearn.results.conclusion.settings_digest", lambda *_: "the same")
    moody(tmp_path / "t.db", n_trials=4, confirm=0)
    monkeypatch.setattr(tunesmith.Study, "store_verdict", store)
    with ThreadPoolExecutor(2) as pool:  # levels differ, and with them what is concluded
        found = list(pool.map(lambda level: moody(tmp_path / "t.db", confirm=0, level=level), [0.8, 0.9]))
    assert found[0].report_ == found[1].report_ == found[0].study_.recommend().report


@pytest.mark.slow
def test_a_trial_that_a_dead_process_left_is_run_before_the_verdict(tmp_path: Path) -> None:
    dead = """
import os, sys
from tests.sklearn.test_verdict import Moody, moody
def predict(self, X):
    os._exit(9)
Moody.predict = predict
moody(sys.argv[1])
"""
    root = str(Path(__file__).parents[2])
    paths = os.pathsep.join([root, os.environ.get("PYTHONPATH", "")])
    ended = subprocess.run(
        [sys.executable, "-c", dead, str(tmp_path / "t.db")], cwd=root, env={**os.environ, "PYTHONPATH": paths}
    )
    assert ended.returncode == 9
    search = moody(tmp_path / "t.db")
    assert len(search.cv_results_["params"]) == 8
    assert search.study_.recommend().report == search.report_


def test_a_copy_of_a_study_has_the_verdict_on_its_own_trials(tmp_path: Path) -> None:
    search = SearchCV(SVC(C=1e-6), NUMBERS, n_trials=3, cv=3, random_state=0, storage=str(tmp_path / "t.db"))
    search._make_store(None, X, Y).study.ask()  # it runs, and is not copied
    with pytest.warns(UserWarning, match="1 candidate of the study"):
        search.set_params(n_trials=6).fit(X, Y)
    old = search.study_.recommend()
    copy = tunesmith.copy_study(
        from_study_name="SearchCV-SVC", from_storage=str(tmp_path / "t.db"), to_storage=str(tmp_path / "copy.db")
    )
    new = copy.recommend()
    assert new.sentences() == old.sentences()
    assert (new.trial.params, new.params) == (old.trial.params, old.params)
    assert new.trial.number == old.trial.number - 1
