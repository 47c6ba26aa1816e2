"""`tunesmith import`: what it makes, what it prints, and what it says of bad input."""

from __future__ import annotations

import importlib.util
import json
import shlex
import shutil
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.cli.main import main

DATA = Path(__file__).parent / "data"


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)


def test_all_studies_or_one_under_another_name(capsys: pytest.CaptureFixture[str]) -> None:
    source = str(DATA / "optuna-4.9.0.db")
    assert main(["import", source]) == 0
    assert "imported one from Optuna: 4 complete, 1 pruned, 1 fail, 1 waiting" in capsys.readouterr().out
    assert ts.get_all_study_names("tune.db") == ["one", "two"]
    assert main(["import", source]) == 1
    assert "--if-exists update" in capsys.readouterr().err
    assert main(["import", source, "--if-exists", "update"]) == 0
    assert "0 of these 7 are new" in capsys.readouterr().out
    assert main(["import", source, "--study", "one", "--as", "three", "--storage", "other.db", "--json"]) == 0
    assert ts.get_all_study_names("other.db") == ["three"]
    assert main(["import", source, "--as", "three"]) == 2
    assert "--as needs --study NAME" in capsys.readouterr().err


def test_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs.csv").write_text("lr,opt,loss\n0.1,sgd,2\n0.01,adam,1\n")
    words = ["import", "runs.csv", "--minimize", "loss", "-p", "lr=log(1e-5, 1)", "-p", "opt"]
    assert main([*words, "--study", "mine"]) == 0
    assert "opt=sgd | adam" in capsys.readouterr().out
    study = ts.load_study(study_name="mine", storage="tune.db")
    assert study.best_params == {"lr": 0.01, "opt": "adam"}
    capsys.readouterr()
    assert main(["import", "runs.csv", "--json", "--maximize", "loss"]) == 0
    (told,) = json.loads(capsys.readouterr().out)
    assert (told["program"], told["study"], told["trials"], told["states"]) == ("CSV", "runs", 2, {"complete": 2})


@pytest.mark.parametrize("name", ["optuna-4.9.0.db", "optuna-4.9.0.log", "mlflow.db", "hyperopt.pkl"])
def test_who_opens_such_a_file_is_told_how(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copy(DATA / name, "old.db")
    commands = [["studies", "old.db"], ["doctor", "old.db"]]
    if importlib.util.find_spec("uvicorn") is not None:
        commands.append(["dashboard", "old.db", "--port", "0"])
    for command in commands:
        assert main(command) == 1
        error = capsys.readouterr().err
        told = error.partition("`")[2].partition("`")[0]
        assert told.startswith("tunesmith import old.db")
    words = shlex.split(told.replace("METRIC", "acc"))[1:]
    assert main(words) == 0
    assert ts.get_all_study_names("new.db")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["missing.db"], "missing.db does not exist"),
        (["."], "a folder without results of Ray Tune"),
        (["tune.db"], "is a storage of tunesmith's own"),
        (["postgresql://me:secret@localhost:1/db"], "cannot be read"),
        (["nonsense://x"], "SQLAlchemy knows no database"),
        (["https://example.com/runs.csv"], "save the file, and give its path"),
    ],
)
def test_what_cannot_be_imported(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    if words[0].startswith("postgresql"):
        pytest.importorskip("psycopg")
    ts.create_study(storage="tune.db", study_name="ours")
    assert main(["import", *words, "--storage", "new.db"]) == 1
    error = capsys.readouterr().err
    assert said in error
    assert "Traceback" not in error
    assert "secret" not in error
    assert not Path("new.db").exists()
