"""`SearchCV(reshuffle=True)`: each candidate has splits of its own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import KFold, ShuffleSplit, TimeSeriesSplit, cross_val_score
from sklearn.svm import SVC

from tunesmith.sklearn import SearchCV
from tunesmith.sklearn.evaluate.folds import N_SPLIT_SETS

X, Y = make_classification(60, 5, flip_y=0.2, random_state=0)
SPACE = {"C": "log(0.01, 100)"}


class Kept(SearchCV):
    def _conclude(self, search: Any, settings: Any, here: Any) -> None:
        super()._conclude(search, settings, here)
        self.evidence = search.evidence


def searched(n: int = 6, **settings: Any) -> Kept:
    return Kept(SVC(), SPACE, n_trials=n, random_state=0, reshuffle=True, **settings).fit(X, Y)


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_each_candidate_is_scored_on_its_own_splits(n_jobs: Any) -> None:
    search = searched(cv=3, n_jobs=n_jobs)
    splits = search.evidence.own_splits
    tests = {tuple(np.concatenate([test for _, test in own]).tolist()) for own in splits}
    assert len(tests) == 6
    for params, own, scores in zip(search.evidence.params, splits, search.evidence.scores, strict=True):
        assert cross_val_score(clone(SVC()).set_params(**params), X, Y, cv=own) == pytest.approx(scores)
    assert search.n_fits_saved_ == 0  # folds of different splits do not race
    # the default is kept here, which was not picked for its score: nothing is to be taken off
    assert search.report_.kept_default
    assert 0.5 < search.honest_score_.value <= search.honest_score_.naive


def test_the_first_splits_are_those_asked_for_and_they_come_again() -> None:
    search = searched(N_SPLIT_SETS + 1, cv=KFold(3, shuffle=True, random_state=1), sampler="random")
    asked = list(KFold(3, shuffle=True, random_state=1).split(X))
    for place in (0, N_SPLIT_SETS):
        for (_, test), (_, wanted) in zip(search.evidence.own_splits[place], asked, strict=True):
            assert np.array_equal(test, wanted)


def test_a_fixed_order_of_rows_is_not_shuffled() -> None:
    for cv in (TimeSeriesSplit(3), KFold(3)):
        with pytest.raises(ValueError, match="reshuffle=True needs a splitter that shuffles"):
            searched(cv=cv)


ONE = ShuffleSplit(1, test_size=0.3, random_state=0)


def test_a_reshuffled_validation_set_is_compared_by_a_model() -> None:
    search = searched(12, cv=ONE, prefer_default=None)
    assert "Gaussian process" in search.honest_score_.method
    low, high = search.honest_score_.interval
    assert low < search.honest_score_.value < high
    assert "because each was tested on other rows" in str(search.report_)
    assert search.honest_score_.gain_over_default is None


def test_there_too_the_default_is_kept_unless_something_is_better() -> None:
    rng = np.random.default_rng(9)
    x, noise = rng.normal(size=(200, 4)), rng.integers(0, 2, 200)
    kept = Kept(SVC(), SPACE, n_trials=12, random_state=0, reshuffle=True, cv=ONE).fit(x, noise)
    assert kept.report_.kept_default
    assert kept.best_params_ == {"C": 1.0}
    assert not kept.honest_score_.beats_default
    x, y = make_classification(400, 5, weights=[0.6], flip_y=0.05, random_state=0)
    taken = Kept(SVC(C=0.01), SPACE, n_trials=12, random_state=0, reshuffle=True, cv=ONE).fit(x, y)
    assert not taken.report_.kept_default
    assert taken.best_params_["C"] > 0.1
    low, high = taken.honest_score_.gain_over_default.interval
    assert low < taken.honest_score_.gain_over_default < high


def test_there_a_default_beyond_the_space_and_too_few_candidates_are_no_errors() -> None:
    beside = Kept(SVC(C=1000), SPACE, n_trials=12, random_state=0, reshuffle=True, cv=ONE).fit(X, Y)
    assert beside.report_.default == {"C": 1000}
    few = Kept(SVC(), SPACE, n_trials=2, random_state=0, reshuffle=True, cv=ONE).fit(X, Y)
    assert "uncorrected" in few.honest_score_.method


def test_an_interrupted_search_goes_on(tmp_path: Path) -> None:
    storage = str(tmp_path / "t.db")
    first = searched(4, cv=3, storage=storage)
    more = searched(7, cv=3, storage=storage)
    assert np.array_equal(first.evidence.scores, more.evidence.scores[:4])
    assert np.array_equal(more.evidence.scores, searched(7, cv=3).evidence.scores)


def test_there_the_simplest_of_the_best_is_returned_on_request() -> None:
    settings: dict[str, Any] = {"cv": ONE, "prefer_default": None}
    simple = searched(12, simplest="one-se", complexity="C", **settings)
    best = searched(12, **settings)
    assert simple.best_params_["C"] < best.best_params_["C"]
    guarded = searched(12, simplest="one-se", complexity="C", cv=ONE)  # simpler than the default, and as good
    assert guarded.best_params_["C"] < guarded.report_.default["C"]
