"""The program itself: its help, what it says of mistakes, and how it ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import click
import pytest

import tunesmith as ts
from tunesmith.cli.main import _HOME, cli, main


def test_help_is_what_the_commands_say_of_themselves() -> None:
    group = cli
    context = click.Context(group)
    for name, (_, summary) in _HOME.items():
        command = group.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help is not None
        assert command.help.startswith(summary.rstrip(".")), name


def test_the_page_names_every_command() -> None:
    page = (Path(__file__).parents[2] / "docs" / "command-line.md").read_text(encoding="utf-8")
    assert not [name for name in _HOME if f"tunesmith {name}" not in page and f"`{name}`" not in page]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_complete_commands(shell: str) -> None:
    words = {"COMP_WORDS": "tunesmith stu", "COMP_CWORD": "stu" if shell == "fish" else "1"}
    done = subprocess.run(
        [sys.executable, "-m", "tunesmith"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(sys.path),
            "_TUNESMITH_COMPLETE": f"{shell}_complete",
            **words,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert "studies" in done.stdout, done.stderr


def test_help_imports_no_command_and_nothing_heavy() -> None:
    code = (
        "import sys; from tunesmith.cli.main import main; status = main(['--help'])\n"
        "heavy = {'numpy', 'sqlalchemy', 'rich', 'scipy', 'sklearn'} & set(sys.modules)\n"
        "known = ('tunesmith.cli.main', 'tunesmith.foundation.reader')\n"
        "commands = [m for m in sys.modules if m.startswith('tunesmith.cli.') and m not in known]\n"
        "print(status, sorted(heavy), commands, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.split("\n")[0] == "0 [] []"
    assert all(name in done.stdout for name in _HOME)


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["studis", "a.db"], 2, "there is no command 'studis'; did you mean 'studies'?"),
        (["studies"], 2, "Missing argument 'STORAGE'"),
        (["studies", "a.db"], 2, "a.db does not exist; give the file of a study"),
        (["studies", "."], 2, ". is a folder"),
        (["studies", "nodb://user:secret@host/x"], 1, "host/x: SQLAlchemy knows no database"),
    ],
)
def test_mistakes(words: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(words) == status
    shown = capsys.readouterr()
    assert said in shown.err
    assert not shown.out
    assert "secret" not in shown.err


def test_studies(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    where = str(tmp_path / "t.db")
    for name in ("one", "two"):
        study = ts.create_study(storage=where, study_name=name, seed=0, direction="maximize")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
    study.enqueue_trial({"x": 0.5})
    assert main(["studies", where, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [s["name"] for s in found] == ["one", "two"]
    assert found[1]["trials"] == {"complete": 3, "waiting": 1}
    assert found[1]["best_value"] == study.best_value
    monkeypatch.setenv("TUNESMITH_STORAGE", where)
    assert main(["studies"]) == 0
    assert "1 waiting" in capsys.readouterr().out


def test_the_worker_is_a_command_too(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["worker", "--help"])
    assert ended.value.code == 0
    assert "usage: tunesmith worker" in capsys.readouterr().out


@pytest.mark.slow
def test_a_code_page_of_few_signs_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What Windows writes to files and pipes goes in one; data are UTF-8 all the same."""
    monkeypatch.chdir(tmp_path)
    study = ts.create_study(storage="tune.db", study_name="größe 模型", seed=0)
    study.optimize(lambda trial: trial.suggest_float("速率 🚀", 0, 1), n_trials=2)

    def printed(*words: str) -> bytes:
        env = {**os.environ, "PYTHONIOENCODING": "cp1252"}
        done = subprocess.run([sys.executable, "-m", "tunesmith", *words], env=env, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    assert "größe \\u6a21\\u578b" in printed("show", "tune.db").decode("cp1252")
    assert "\\u7528" in printed("--lang", "zh", "--help").decode("cp1252")
    assert json.loads(printed("studies", "tune.db", "--json"))[0]["name"] == study.study_name
    assert json.loads(printed("best", "tune.db", "--json"))["params"] == study.best_params
    assert json.loads(printed("best", "tune.db", "--as", "json")) == study.best_params
    printed("export", "tune.db", "-o", "trials.csv")
    assert printed("export", "tune.db") == Path("trials.csv").read_bytes()


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs /dev/full")
@pytest.mark.parametrize("words", [["show", "tune.db"], ["export", "tune.db"], ["--help"]])
def test_a_full_output_is_told(words: list[str], tmp_path: Path) -> None:
    ts.create_study(storage=tmp_path / "tune.db", study_name="s").optimize(lambda trial: 0.0, n_trials=1)
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tunesmith", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, cwd=tmp_path, check=False,
        )  # fmt: skip
        assert done.stderr == "error: the output: No space left on device\n"
        assert done.returncode == 1
        done = subprocess.run([sys.executable, "-m", "tunesmith", *words], stderr=full, cwd=tmp_path, check=False)
        assert done.returncode == 0


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX's shells close streams")
def test_closed_streams_are_borne(tmp_path: Path) -> None:
    line = f"{sys.executable} -m tunesmith run -p 'x=float(0, 1)' --minimize loss --trials 2 -- echo {{x}} <&- >&- 2>&-"
    assert subprocess.run(["sh", "-c", line], cwd=tmp_path, check=False).returncode == 0
    study = ts.load_study(study_name="echo", storage=tmp_path / "tune.db")
    assert [trial.value for trial in study.trials] == [trial.params["x"] for trial in study.trials]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
@pytest.mark.parametrize("form", ["csv", "json"])
def test_trials_are_exported_into_a_pipe(form: str, tmp_path: Path) -> None:
    ts.create_study(storage=tmp_path / "tune.db", study_name="s").optimize(lambda trial: 0.0, n_trials=1)
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", str(tmp_path / "pipe")], stdout=subprocess.PIPE, text=True) as reader:
        assert main(["export", str(tmp_path / "tune.db"), "--format", form, "-o", str(tmp_path / "pipe")]) == 0
        assert "COMPLETE" in reader.communicate()[0].upper()
