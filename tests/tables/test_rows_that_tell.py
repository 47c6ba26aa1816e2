"""`tune` says what rows give away across the folds, and ``cv="auto"`` splits them accordingly."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tunesmith
from tunesmith.tables import TableTuner

pd = pytest.importorskip("pandas")
RNG = np.random.default_rng(0)
QUICK: dict[str, Any] = {"timeout": None, "n_trials": 2, "random_state": 0, "fidelity": None}


def patients(n: int = 40, times: int = 5) -> tuple[Any, Any]:
    """Rows of patients, each ill or not in all of its rows, which nothing else tells."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(n * times, 3)), columns=["a", "b", "c"])
    frame["patient_id"] = rng.permutation(np.repeat(np.arange(n), times))
    return frame, rng.integers(0, 2, n)[frame["patient_id"]]


def walk() -> tuple[Any, Any]:
    """Rows of days, and a number that changes slowly from one to the next."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(200, 2)), columns=["a", "b"]).assign(day=range(200))
    return frame, rng.normal(size=200).cumsum()


def copies() -> tuple[Any, Any]:
    again = RNG.integers(0, 100, 400)
    return RNG.normal(size=(100, 4))[again], RNG.integers(0, 2, 100)[again]


def renamed_target() -> tuple[Any, Any]:
    y = RNG.normal(size=200)
    return pd.DataFrame(RNG.normal(size=(200, 2)), columns=["a", "b"]).assign(price_usd=1.1 * y), y


CASES = {
    "copies": (copies, "exact copy"),
    "groups": (patients, "identifier of groups"),
    "time": (walk, "look like a series"),
    "target": (renamed_target, "'price_usd' by itself tells the target"),
}


@pytest.mark.parametrize(("make", "words"), CASES.values(), ids=CASES)
def test_what_rows_give_away_is_told(make: Any, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.warns(UserWarning, match=words):
        quiet = tunesmith.tune("tree", *make(), verbose=False, **QUICK)
    assert words in str(quiet.report_)
    tunesmith.tune("tree", *make(), verbose=True, **QUICK)
    assert words in " ".join(capsys.readouterr().out.split())


def test_rows_of_one_identifier_stay_together_on_demand() -> None:
    X, y = patients()
    search = TableTuner("tree", cv="auto", **QUICK).fit(X, y)
    assert any("folds keep its rows together" in note for note in search.notes_)
    _, _, _, folds = search._data
    for train, test in folds:
        assert not set(X["patient_id"].iloc[train]) & set(X["patient_id"].iloc[test])
    given = TableTuner("tree", cv="auto", **QUICK).fit(X, y, groups=np.arange(200) % 7)
    assert not any("folds keep" in note for note in given.notes_), "the user's groups come first"


def test_rows_in_time_are_tested_on_later_ones_on_demand() -> None:
    search = TableTuner("tree", cv="auto", **QUICK).fit(*walk())
    _, _, _, folds = search._data
    assert all(train.max() < test.min() for train, test in folds)


def test_ordinary_rows_are_split_as_ever() -> None:
    X, y = RNG.normal(size=(120, 3)), RNG.integers(0, 2, 120)
    auto, usual = (TableTuner("tree", cv=cv, **QUICK).fit(X, y) for cv in ("auto", None))
    assert auto.notes_ == usual.notes_
    assert auto.honest_score_ == usual.honest_score_


def test_frames_of_polars_are_looked_at_too() -> None:
    pl = pytest.importorskip("polars")
    X, y = patients()
    with pytest.warns(UserWarning, match="Column 'patient_id' looks like an identifier"):
        tunesmith.tune("tree", pl.DataFrame({name: X[name].to_numpy() for name in X}), y, verbose=False, **QUICK)
