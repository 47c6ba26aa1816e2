"""What is recorded of a trial besides its value: what it took, and why it failed."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith import TrialState


def test_a_clock_that_is_set_back_makes_no_negative_costs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    now = time.time()
    study = ts.create_study(seed=0, storage=tmp_path / "a.db")
    monkeypatch.setattr(time, "time", lambda: now)
    for _ in range(3):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        now -= 3600
        study.tell(trial, 1.0)
    stranger = study.ask()
    now -= 3600
    ts.load_study(study_name=study.study_name, storage=tmp_path / "a.db").tell(stranger.number, 1.0)
    assert all(0 <= t.cost < 60 and 0 <= t.duration < 60 for t in study.trials)
    assert (study.history.cost >= 0).all()


COMPLEX: list[Any] = [1 + 2j, np.complex128(1 + 2j), np.complex64(1), np.array(1 + 2j)]


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_complex_number_is_no_value(jobs: int) -> None:
    study = ts.create_study(seed=0)
    for value in COMPLEX[1:2] if jobs > 1 else COMPLEX:
        with pytest.raises(ts.ObjectiveError, match="a number is expected"):
            study.optimize(lambda trial, value=value: value, n_trials=1, n_jobs=jobs)
    assert {t.state for t in study.trials} == {TrialState.FAIL}


def test_a_complex_number_is_no_report_and_no_constraint() -> None:
    trial = ts.create_study(seed=0).ask()
    for value in COMPLEX:
        with pytest.raises(TypeError, match="number"):
            trial.report(value, 0)
        with pytest.raises(TypeError, match="complex"):
            trial.set_constraint("c", value)
    assert not trial.constraints


@pytest.mark.parametrize("how", ["raised", "pruned", "told"])
def test_a_huge_message_is_cut(how: str, tmp_path: Path) -> None:
    message = "first words " + "x" * 5_000_000 + " last words"

    def objective(trial: ts.Trial) -> float:
        raise RuntimeError(message) if how == "raised" else ts.TrialPruned(message)

    study = ts.create_study(seed=0, storage=tmp_path / "a.db")
    if how == "told":
        study.tell(study.ask(), state=TrialState.FAIL, reason=message)
    else:
        study.optimize(objective, n_trials=1, catch=RuntimeError)
    reason = study.trials[0].reason
    assert reason is not None
    assert len(reason) < 10_000
    assert "first words" in reason
    assert reason.rstrip().endswith("last words")
    assert "characters left out" in reason
    assert (tmp_path / "a.db").stat().st_size < 1_000_000


EVIL = "\x1b[2J\x1b]0;owned\x07 \x9b31m \u202e \r gone"


def test_control_characters_never_reach_a_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float(EVIL, 0, 1)
        if trial.number == 1:
            raise RuntimeError(EVIL)
        if trial.number == 2:
            raise ts.TrialPruned(EVIL)
        return x

    for storage in (None, tmp_path / "a.db"):
        study = ts.create_study(seed=0, storage=storage, study_name=EVIL)
        study.optimize(objective, n_trials=8, catch=RuntimeError, show_progress_bar=True)
        study.tell(study.ask(), state=TrialState.FAIL, reason=EVIL)
        for trial in study.trials:
            assert trial.reason is None or trial.reason.replace("\n", "").isprintable()
        shown = [str(study.recommend()), repr(study), study._repr_html_(), repr(study.trials[0])]
        with pytest.raises(ValueError, match="no trial 99") as caught:
            study.tell(99, 1.0)
        shown += [str(caught.value), *capsys.readouterr()]
        for text in shown:
            assert text.replace("\n", "").isprintable(), text
