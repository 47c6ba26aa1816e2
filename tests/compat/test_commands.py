"""Optuna's commands with Optuna's options: a script that asks and tells from processes of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import tunesmith
import tunesmith.compat.optuna
from tunesmith.cli.main import main
from tunesmith.compat.guide import COMMANDS_ELSEWHERE

SPACE = json.dumps({"x": {"name": "FloatDistribution", "attributes": {"low": 0.0, "high": 1.0}}})


@pytest.fixture
def url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("OPTUNA_STORAGE", f"sqlite:///{tmp_path / 'tune.db'}")
    return f"sqlite:///{tmp_path / 'tune.db'}"


def test_a_script_asks_and_tells_in_processes_of_its_own(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create-study", "--storage", url, "--study-name", "s", "--direction", "maximize"]) == 0
    ask = ["ask", "--storage", url, "--study-name", "s", "--search-space", SPACE, "--sampler", "RandomSampler"]
    run = subprocess.run(
        [sys.executable, "-m", "tunesmith", *ask], capture_output=True, text=True, timeout=120, check=True
    )
    first = json.loads(run.stdout)
    capsys.readouterr()
    assert main(ask) == 0  # the process of the first one is gone, and its trial still its own
    second = json.loads(capsys.readouterr().out)
    assert (first["number"], second["number"]) == (0, 1)
    assert main(["tell", "--study-name", "s", "--trial-number", "0", "--values", "-1.5"]) == 0
    assert main(["tell", "--study-name", "s", "--trial-number", "1", "--state", "fail"]) == 0
    assert main(["best-trial", "--study-name", "s", "-f", "json", "--flatten"]) == 0
    best = json.loads(capsys.readouterr().out)
    assert (best["number"], best["value"], best["params_x"]) == (0, -1.5, first["params"]["x"])
    told = tunesmith.load_study(study_name="s", storage=url).trials
    assert [trial.params for trial in told] == [first["params"], second["params"]]


def test_several_values_and_directions(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["create-study", "--study-name", "m", "--directions", "minimize", "maximize"]) == 0
    assert main(["create-study", "--study-name", "m", "--directions", "minimize", "maximize", "--skip-if-exists"]) == 0
    assert main(["ask", "--study-name", "m"]) == 0
    assert main(["tell", "--study-name", "m", "--trial-number", "0", "--values", "1", "-2.5"]) == 0
    assert tunesmith.load_study(study_name="m", storage=url).trials[0].values == (1.0, -2.5)


@pytest.mark.parametrize("form", ["value", "table", "yaml"])
def test_formats_of_the_best_trial(form: str, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    study = tunesmith.create_study(study_name="s", storage=url)
    study.add_trial(tunesmith.create_trial(value=0.25))
    assert main(["best-trial", "-f", form]) == 0
    assert "0.25" in capsys.readouterr().out


def test_a_table_has_the_lines_that_scripts_look_for(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    study = tunesmith.create_study(study_name="s", storage=url)
    study.add_trial(tunesmith.create_trial(value=0.25, user_attrs={"note": "a"}))
    assert main(["best-trial", "-f", "table", "--flatten"]) == 0
    rule, head, again, row, last = capsys.readouterr().out.splitlines()
    assert rule == again == last == "".join("+" if c == "|" else "-" for c in head)
    assert set(rule) == {"+", "-"}
    names, cells = ([cell.strip() for cell in line.split("|")[1:-1]] for line in (head, row))
    found = dict(zip(names, cells, strict=True))
    assert (found["number"], found["value"], found["user_attrs_note"], found["state"]) == ("0", "0.25", "a", "COMPLETE")


@pytest.mark.filterwarnings("ignore:JournalStorage")  # which says what the file is
def test_a_file_that_is_there_is_a_storage_whatever_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "journal"
    file.touch()
    assert main(["create-study", "--storage", str(file), "--study-name", "s"]) == 0
    assert main(["ask", "--storage", str(file), "--study-name", "s"]) == 0
    backend = tunesmith.compat.optuna.storages.journal.JournalFileBackend(file)
    storage = tunesmith.compat.optuna.storages.JournalStorage(backend)
    assert len(tunesmith.compat.optuna.load_study(study_name="s", storage=storage).trials) == 1
    assert main(["create-study", "--storage", str(tmp_path / "none"), "--study-name", "s"]) != 0
    assert "did you mean" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["ask", "--study-name", "nobody"], "create-study"),
        (["ask", "--study-name", "s", "--sampler", "TPSSampler"], "did you mean 'TPESampler'"),
        (["ask", "--study-name", "s", "--search-space", "{"], "no JSON"),
        (["tell", "--study-name", "s", "--trial-number", "7", "--values", "1"], "7"),
        (["tell", "--study-name", "s", "--trial-number", "0", "--values", "one"], "no number"),
        (["create-study", "--study-name", "s"], "'s'"),
        *(([command], use.partition(" ")[0]) for command, use in COMMANDS_ELSEWHERE.items()),
    ],
)
def test_errors_say_what_to_do(
    arguments: list[str], message: str, url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tunesmith.create_study(study_name="s", storage=url)
    assert main(arguments) != 0
    assert message in capsys.readouterr().err


def test_compat_runs_a_program_that_imports_the_other_libraries(tmp_path: Path) -> None:
    (tmp_path / "helper.py").write_text("import optuna\nNAME = optuna.__name__\n", encoding="utf-8")
    (tmp_path / "train.py").write_text(PROGRAM, encoding="utf-8")
    command = [sys.executable, "-m", "tunesmith", "compat"]
    done = subprocess.run(
        [*command, str(tmp_path / "train.py"), "--lang", "x", "-m"], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 3, done.stderr
    assert done.stdout.split() == ["tunesmith.compat.hyperopt", "tunesmith.compat.optuna", "--lang", "x", "-m"]
    done = subprocess.run(
        [*command, "-m", "train", "--fail"], capture_output=True, text=True, timeout=120, cwd=tmp_path
    )
    assert done.returncode == 1
    assert "train.py" in done.stderr  # its traceback, whole
    assert done.stderr.rstrip().endswith("nowhere.csv'")
    done = subprocess.run([*command, "none.py"], capture_output=True, text=True, timeout=120, cwd=tmp_path)
    assert done.returncode == 2
    assert "there is no file 'none.py'; -m runs a module" in done.stderr


PROGRAM = """
import sys
import helper, hyperopt

if __name__ == "__main__":
    if "--fail" in sys.argv:
        open("nowhere.csv")
    hyperopt.fmin(abs, hyperopt.hp.uniform("x", -1, 1), hyperopt.tpe.suggest, 3, verbose=False)
    print(hyperopt.__name__, helper.NAME, *sys.argv[1:])
    sys.exit(3)
"""
