"""What comes along is what was there: numbers, names and integers, both ways; `import --verify` says so."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import compat
from tunesmith.cli.main import main
from tunesmith.compat import optuna as ours

optuna = pytest.importorskip("optuna")
DATA = Path(__file__).parent / "data"
BIG = 2**60 + 1


@pytest.fixture(autouse=True)
def _quiet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def opened(path: str) -> Any:
    if path.endswith(".log"):
        return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(path))
    return optuna.storages.RDBStorage(f"sqlite:///{path}")


def objective(trial: Any) -> tuple[float, float]:
    trial.suggest_int("seed", 2**54 + 1, 2**60 + 3)
    trial.suggest_categorical("hash", ["a", BIG, 2**70])
    trial.suggest_float("lattice", 0, 1, step=0.25)
    trial.set_user_attr("big", {"k": [BIG, 2**90, 1.0, 1]})
    return trial.number / 2, math.inf


@pytest.mark.parametrize("path", ["old.log", "old.db"])
def test_numbers_names_and_integers_there_and_back(path: str) -> None:
    there = optuna.create_study(study_name="s", storage=opened(path), directions=["minimize", "maximize"])
    with warnings.catch_warnings(action="ignore"):  # it is experimental
        there.set_metric_names(["loss", "acc"])
    there.optimize(objective, 2)
    left = there.ask()  # whose process died
    left.suggest_int("seed", 2**54 + 1, 2**60 + 3)
    there.optimize(objective, 2)
    (old,) = compat.read(path, facts=True)
    study = old.create_study(storage="tune.db")
    study = ts.load_study(study_name="s", storage="tune.db")
    assert study.metric_names == ["loss", "acc"]
    assert ours.load_study(study_name="s", storage="sqlite:///tune.db").metric_names == ["loss", "acc"]
    assert [t.number for t in study.trials if t.state.name == "COMPLETE"] == [0, 1, 3, 4]
    assert (study.trials[2].state.name, study.trials[2].reason) == ("FAIL", "it was running when it was imported")
    for mine, theirs in zip(study.trials, there.trials, strict=True):
        assert mine.params == theirs.params
        assert [type(v) for v in mine.params.values()] == [type(v) for v in theirs.params.values()]
        assert dict(mine.user_attrs) == theirs.user_attrs
        held, theirs_held = mine.distributions["seed"], theirs.distributions["seed"]
        assert isinstance(held, ts.Int)
        assert (held.low, held.high) == (theirs_held.low, theirs_held.high) == (2**54 + 1, 2**60 + 3)
    assert compat.differences(old, study) == [
        "trial 2: state is 'RUNNING' there and 'FAIL' here",
        "trial 2: reason is None there and 'it was running when it was imported' here",
    ]
    compat.to_optuna(study, "back.log")
    back = optuna.load_study(study_name="s", storage=opened("back.log"))
    assert back.metric_names == ["loss", "acc"]
    assert [(t.number, t.params) for t in back.trials] == [(t.number, t.params) for t in there.trials]


def test_metric_names_that_were_given_under_optunas_names_go_to_optuna() -> None:
    study = ours.create_study(study_name="s", storage="sqlite:///tune.db", directions=["minimize", "minimize"])
    with warnings.catch_warnings(action="ignore"):
        study.set_metric_names(["a", "b"])
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 1.0), 2)
    assert ts.load_study(study_name="s", storage="tune.db").metric_names == ["a", "b"]
    assert main(["export", "tune.db", "--to", "optuna", "-o", "back.log"]) == 0
    assert optuna.load_study(study_name="s", storage=opened("back.log")).metric_names == ["a", "b"]


@pytest.mark.parametrize(
    ("source", "wishes"),
    [
        ("optuna-4.9.0.db", []),
        ("optuna-4.9.0.log", []),
        ("optuna-2.0.0.db", []),
        ("mlflow.db", ["--minimize", "acc"]),
        ("mlruns", ["--minimize", "acc"]),
        ("ray/spirals", ["--minimize", "loss"]),
        ("wandb.jsonl", ["--minimize", "val_loss"]),
        ("wandb.csv", ["--minimize", "val_loss"]),
    ],
)
def test_the_command_finds_no_difference(source: str, wishes: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    code = main(["import", str(DATA / source), *wishes, "--verify", "--json"])
    told = json.loads(capsys.readouterr().out)
    kept = [d for study in told for d in study["differences"] if "it was running" not in d and "'RUNNING'" not in d]
    assert kept == []
    assert code == int(any(study["differences"] for study in told))
    assert main(["import", str(DATA / source), *wishes, "--verify"]) == code  # and it is not imported twice
    assert "0 of these" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE trial_values SET value = value + 1 WHERE trial_id = 1", "trial 0: values is ("),
        ("UPDATE trials SET state = 'FAIL' WHERE trial_id = 1", "trial 0: state is 'FAIL' there and 'COMPLETE' here"),
        ("UPDATE trials SET number = 77 WHERE trial_id = 1", "trial 77: it is there, and not here"),
        ("UPDATE trials SET datetime_start = '2020-01-01 00:00:00' WHERE trial_id = 1", "trial 0: started is "),
        (
            "UPDATE trial_params SET param_value = param_value / 2 WHERE trial_id = 1 AND param_name = 'x'",
            "params['x']",
        ),
        ("UPDATE trial_user_attributes SET value_json = '1.0' WHERE trial_id = 1", "trial 0: user_attrs["),
        (
            "UPDATE trial_intermediate_values SET intermediate_value = 9 WHERE trial_id = 1 AND step = 0",
            "reports[0] is 9",
        ),
        ("UPDATE study_directions SET direction = 'MINIMIZE' WHERE study_id = 1", "study: directions is ["),
    ],
)
def test_the_command_prints_each_field_that_differs(
    statement: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copy(DATA / "optuna-4.9.0.db", "old.db")
    assert main(["import", "old.db", "--study", "one", "--verify"]) == 0
    connection = sqlite3.connect("old.db")
    assert connection.execute(statement).rowcount
    connection.commit()
    connection.close()
    capsys.readouterr()
    assert main(["import", "old.db", "--study", "one", "--verify"]) == 1
    assert said in capsys.readouterr().out


def test_integers_of_tables_keep_their_digits() -> None:
    Path("t.csv").write_text(f"seed,n,loss\n{BIG},1,0.5\n{BIG + 2},,0.25\n0.5,{BIG},1\n")
    (old,) = compat.read("t.csv", minimize="loss", params={"n": None, "seed": "float(0, 2e18)"}, facts=True)
    study = old.create_study(storage="tune.db")
    study = ts.load_study(study_name="t", storage="tune.db")
    assert [t.params.get("n") for t in study.trials] == [1, None, BIG]
    assert compat.differences(old, study) == []
    assert f"n=log int(1, {BIG})" in old.notes[0] or f"n=int(1, {BIG})" in old.notes[0]
