"""The noise of values: told, refused, kept, and shown."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith import Float, compat
from tunesmith.cli.main import main
from tunesmith.errors import ObjectiveError

NAN = math.nan


def told(storage: Path | None = None) -> ts.Study:
    """A study whose trial 0 has the noise 0.25, and trial 1 none."""
    study = ts.create_study(study_name="s", storage=storage, seed=0)
    for noise in (0.25, None):
        trial = study.ask()
        study.tell(trial, trial.suggest_float("x", 0, 1) + 1.0, noise=noise)
    return study


def test_noise_is_told_with_the_value_or_set_by_the_objective(tmp_path: Path) -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_noise(np.float32(x))
        return x

    for storage in (None, tmp_path / "tune.db"):
        study = told(storage)
        study.optimize(objective, n_trials=1)
        third = study.trials[2]
        assert [t.noise for t in study.trials] == [(0.25,), None, (np.float32(third.params["x"]),)]
        assert np.array_equal(study.history.noise[:2], [[0.25], [NAN]], equal_nan=True)
        again = study if storage is None else ts.load_study(study_name="s", storage=storage)
        assert np.array_equal(again.history.noise, study.history.noise, equal_nan=True)
        assert [t.noise for t in again.trials] == [t.noise for t in study.trials]
        other = ts.create_study()
        other.add_trials(again)
        assert np.array_equal(other.history.noise, study.history.noise, equal_nan=True)


def test_several_objectives_have_one_noise_each_or_one_for_all() -> None:
    study = ts.create_study(directions=["minimize", "maximize"])
    for noise in (0.5, [0.1, 0.0]):
        study.tell(study.ask(), (1.0, 2.0), noise=noise)
    assert study.history.noise.tolist() == [[0.5, 0.5], [0.1, 0.0]]
    study.add_trial(ts.create_trial(values=(1.0, 2.0), noise=2))
    assert study.trials[-1].noise == (2.0, 2.0)


@pytest.mark.parametrize(
    ("noise", "error", "words"),
    [
        (-0.1, ValueError, "a finite number of 0 or more"),
        (NAN, ValueError, "a finite number of 0 or more"),
        (math.inf, ValueError, "a finite number of 0 or more"),
        ("0.1", TypeError, "standard deviation of the value's measurement error.*got '0.1'"),
        (True, TypeError, "got True"),
        (["a"], TypeError, "standard deviation"),
        ([0.1, 0.2], ValueError, "2 standard deviations of the noise were given for 1 value"),
    ],
)
def test_noise_that_is_none_is_refused_and_changes_nothing(noise: Any, error: type[Exception], words: str) -> None:
    study = ts.create_study(seed=0)
    trial = study.ask()
    with pytest.raises(error, match=words):
        study.tell(trial, 1.0, noise=noise)
    with pytest.raises(error, match=words):
        ts.create_trial(value=1.0, noise=noise)
    assert study.trials[0].state is ts.TrialState.RUNNING
    assert study.tell(trial, 1.0, noise=0).noise == (0.0,)


def test_noise_belongs_to_a_value() -> None:
    study = ts.create_study(seed=0)
    trial = study.ask()
    with pytest.raises(ValueError, match="noise is of the values of COMPLETE trials"):
        study.tell(trial, state=ts.TrialState.FAIL, noise=0.1)
    assert study.tell(trial, NAN, noise=0.1).noise is None
    trial = study.ask()
    study.tell(trial, 1.0, noise=0.1)
    assert study.tell(trial, 1.0).noise == (0.1,)
    with pytest.raises(ValueError, match="a finished trial does not change"):
        study.tell(trial, 1.0, noise=0.2)

    def objective(trial: ts.Trial) -> float:
        trial.set_noise([0.1, 0.2])
        return 1.0

    with pytest.raises(ObjectiveError, match="2 standard deviations of the noise were given for 1 value"):
        study.optimize(objective, n_trials=1)
    assert study.trials[-1].state is ts.TrialState.FAIL
    with pytest.raises(TypeError, match="set_noise takes the standard deviation"):
        study.ask().set_noise("0.1")  # type: ignore[arg-type]


def test_what_is_shown_has_the_noise(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    study = told(tmp_path / "tune.db")
    place = str(tmp_path / "tune.db")
    assert main(["trials", place]) == 0
    assert " ± 0.25" in capsys.readouterr().out
    assert main(["trials", place, "--where", "noise > 0.2", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["number"], found["noise"]) == (0, [0.25])
    assert main(["show", place, "--trial", "0"]) == 0
    assert " ± 0.25" in capsys.readouterr().out
    frame = study.trials_dataframe(attrs=("number", "value", "noise"))
    assert frame["noise"].tolist()[0] == 0.25
    named = ts.create_study()
    named.add_trial(ts.create_trial(value=1.0, params={"noise": 0.5}, distributions={"noise": Float(0, 1)}))
    assert named.trials_dataframe(attrs=("value", "noise")).columns.tolist() == ["value"]


def test_the_noise_goes_to_optuna_and_back(tmp_path: Path) -> None:
    pytest.importorskip("optuna")
    told(tmp_path / "tune.db")
    assert main(["export", str(tmp_path / "tune.db"), "--to", "optuna", "-o", str(tmp_path / "optuna.db")]) == 0
    (back,) = compat.read(tmp_path / "optuna.db")
    assert [t.noise for t in back.trials] == [(0.25,), None]
