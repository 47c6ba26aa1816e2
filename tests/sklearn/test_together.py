"""Several processes that run the same ``SearchCV`` on one study."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import make_classification

from tunesmith.sklearn import SearchCV

X, Y = make_classification(60, 4, random_state=0)


class Slow(ClassifierMixin, BaseEstimator):
    """Takes a moment."""

    def __init__(self, a: float = 0.5) -> None:
        self.a = a

    def fit(self, X: Any, y: Any) -> Any:
        self.classes_ = [0, 1]
        time.sleep(0.005)
        return self

    def predict(self, X: Any) -> Any:
        return [int(row[0] > self.a) for row in X]


def searched(storage: Path) -> SearchCV:
    search = SearchCV(
        Slow(), {"a": "float(0, 1)"}, n_trials=10, cv=3, random_state=0, sampler="random", storage=str(storage)
    )
    return search.fit(X, Y)


@pytest.mark.filterwarnings("ignore:.*being run by other processes")
def test_n_trials_is_that_of_the_study(tmp_path: Path) -> None:
    found: list[SearchCV] = []
    threads = [threading.Thread(target=lambda: found.append(searched(tmp_path / "t.db"))) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 2
    assert len(found[0].study_.trials) == 10
    assert max(len(s.cv_results_["params"]) for s in found) == 10  # the last one to end has all
    third = searched(tmp_path / "t.db")
    assert len(third.study_.trials) == len(third.cv_results_["params"]) == 10


def test_what_others_are_running_is_told(tmp_path: Path) -> None:
    first = searched(tmp_path / "t.db")
    other = SearchCV(
        Slow(), {"a": "float(0, 1)"}, n_trials=12, cv=3, random_state=0, sampler="random", storage=tmp_path / "t.db"
    )
    begun = [first.study_.ask(), first.study_.ask()]  # as another process would
    with pytest.warns(UserWarning, match="2 candidates of the study 'SearchCV-Slow' are being run by other processes"):
        other.fit(X, Y)
    assert len(other.cv_results_["params"]) == 10
    first.study_.release([t.number for t in begun])
    assert len(other.fit(X, Y).cv_results_["params"]) == 12


def test_a_search_that_finds_nothing_left_to_do_says_who_does_it(tmp_path: Path) -> None:
    from tunesmith import create_study
    from tunesmith.space import Space

    space = Space({"a": "float(0, 1)"})
    study = create_study(
        storage=tmp_path / "t.db", study_name="SearchCV-Slow", direction="maximize", space=space, sampler="random"
    )
    for _ in range(10):
        study.ask()
    with (
        pytest.warns(UserWarning, match="10 candidates"),
        pytest.raises(ValueError, match="other processes run all 10 candidates"),
    ):
        searched(tmp_path / "t.db")
