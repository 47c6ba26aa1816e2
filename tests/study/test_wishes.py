"""What is asked from elsewhere of a running ``optimize``: to stop, to pause, to go on."""

from __future__ import annotations

from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.study.engine import wishes
from tunesmith.study.engine.wishes import ask_programs, asked_of


@pytest.fixture(autouse=True)
def looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wishes, "LOOK", 0.0)


def test_a_search_that_is_asked_to_stop_ends_and_the_next_one_runs(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", seed=0)
    other = ts.load_study(study_name=study.study_name, storage=tmp_path / "s.db")

    def objective(trial: ts.Trial) -> float:
        if trial.number == 3:
            ask_programs(other.engine.storage, other.engine.study_id, "stop")
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=50)
    assert len(study.trials) == 4
    study.optimize(objective, n_trials=2)  # it was asked before this search began
    assert len(study.trials) == 6


def test_a_paused_search_goes_on_when_it_is_told_also_under_another_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", study_name="mine", seed=0)
    storage, study_id = ts.storage.open_storage(tmp_path / "s.db"), study.engine.study_id
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 1:
            storage.rename_study(study_id, "ours")
        if len(slept) == 3:
            ask_programs(storage, study_id, "go")

    monkeypatch.setattr("tunesmith.study.optimize.time.sleep", sleep)
    ask_programs(storage, study_id, "pause")
    assert asked_of(storage.load_study("mine")) == "pause"
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
    assert len(slept) == 3
    assert len(storage.trials(study_id)) == 5


def test_a_pause_does_not_outlast_the_time_limit(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "s.db", seed=0)
    ask_programs(study.engine.storage, study.engine.study_id, "pause")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), timeout=0.05)
    assert len(study.trials) == 0


def test_another_word_is_refused() -> None:
    study = ts.create_study()
    with pytest.raises(ValueError, match="did you mean 'pause'"):
        ask_programs(study.engine.storage, study.engine.study_id, "pauze")
