"""``tunesmith run``: from the command line to a tuned program."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.cli.settings import study_name
from tunesmith.cli.tuning import _folder_name
from tunesmith.foundation.states import TrialState

SH = ["sh", "-c", 'echo "loss: {x}"']
X = ["-p", "x=float(0, 1)"]
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNESMITH_STORAGE", raising=False)


def run(*words: str) -> int:
    return main(["run", *words])


def test_a_program_is_tuned_and_goes_on(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    words = [*X, "-p", "opt=sgd | adam", "--minimize", "loss", "--seed", "0", "--jobs", "2", "--study", "s"]
    command = ["--", "sh", "-c", 'echo "loss: {x} {opt}"']
    assert run(*words, "--trials", "3", *command) == 0
    shown = capsys.readouterr()
    assert "study 's' in tune.db: 2 parameters, minimize loss" in shown.err
    assert "best: trial" in shown.out
    assert run(*words, "--trials", "5", "--json", *command) == 0
    shown = capsys.readouterr()
    assert not shown.err
    found = json.loads(shown.out)
    assert found["trials"] == {"complete": 5}
    (best,) = found["best"]
    assert best["values"] == [best["params"]["x"]]
    assert best["command"][-1] == f'echo "loss: {best["params"]["x"]} {best["params"]["opt"]}"'
    assert Path(best["trial_dir"], "output.txt").read_text().startswith("loss: ")
    # Without the command: what it was told before, five trials in all.
    assert run("--study", "s", "--quiet", "--trials", "6") == 0
    assert run("--study", "s", "--quiet") == 0
    assert len(ts.load_study(study_name="s", storage="tune.db").trials) == 6


TOML = """
command = "sh -c 'echo loss: {model.x}; echo acc={opt}'"
minimize = "loss"
maximize = ["acc"]
trials = 2
timeout-per-trial = "1m"
study = "from-file"

[params]
opt = [1, 2]
depth = 3
model = { x = "float(0, 1)" }
"""


def test_settings_come_from_a_file_and_options_win(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("tune.toml").write_text(TOML)
    assert run("--quiet", "--trials", "1") == 0
    study = ts.load_study(study_name="from-file", storage="tune.db")
    assert [d.value for d in study.directions] == ["minimize", "maximize"]
    (trial,) = study.trials
    assert trial.values == (trial.params["model.x"], trial.params["opt"])
    assert trial.params["depth"] == 3
    assert run("-f", "tune.toml", "--study", "b", "--minimize", "loss", "-p", "model.x=float(5, 6)", "--quiet") == 0
    trials = ts.load_study(study_name="b", storage="tune.db").trials
    assert len(trials) == 2
    assert all(5 <= trial.value <= 6 for trial in trials)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from tunesmith.cli.main import main; main(['run', '--help']); main(['init', '--help'])\n"
        "print(sorted({'numpy', 'sqlalchemy', 'rich', 'scipy'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"
    assert "--trials" in done.stdout


def test_a_dry_run_prints_the_exact_words_and_makes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["-p", "it's='a b'|c", "--minimize", "m", "--dry-run"]
    assert run(*words, "--", "prog", "--x={it's}", "{args}") == 0
    first, second = capsys.readouterr().out.splitlines()
    value = second.partition("=")[2]
    assert value in ("a b", "c")
    assert shlex.split(first) == ["prog", f"--x={value}", "--it's", value]
    assert run(*words, "--json", "--", "prog", "{it's}") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["command"] == ["prog", found["params"]["it's"]]
    assert found["environment"]["TUNESMITH_PARAM_IT_S"] == found["params"]["it's"]
    assert not list(Path.cwd().iterdir())
    same = ["-p", "x=float(0, 1)", "-p", "y=float(0, 1)", "--minimize", "m", "--seed", "3"]
    assert run(*same, "--dry-run", "--json", "--", "echo", "m: {x}", "{y}") == 0
    found = json.loads(capsys.readouterr().out)
    assert run(*same, "--quiet", "--trials", "1", "--json", "--", "echo", "m: {x}", "{y}") == 0
    assert json.loads(capsys.readouterr().out)["best"][0]["params"] == found["params"], "that is the first trial"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([*X, "--minimize", "loss"], "there is no command: give it after --"),
        ([*X, "--", *SH], "there is no metric: give --minimize NAME"),
        (["--minimize", "loss", "--", *SH], "there is no parameter: give -p"),
        (["-p", "x", "--minimize", "loss", "--", *SH], "expected NAME=DESCRIPTION"),
        ([*X, *X, "--minimize", "loss", "--", *SH], "described twice"),
        (["-p", "x=lgo(1, 2)", "--minimize", "loss", "--", *SH], "did you mean 'log'?"),
        (["-p", "x=-1..1", "--minimize", "loss", "--", *SH], "write `int(-1, 1)`, `float(-1, 1)` or `fixed(-1..1)`"),
        (["-p", "x=sgd/adam", "--minimize", "loss", "--dry-run", "--", *SH], "write `sgd | adam` or `fixed(sgd/adam)`"),
        ([*X, "--minimize", "loss", "--", "no-such-program"], "there is no program 'no-such-program'"),
        ([*X, "--minimize", "loss", "--", "./plain.py"], "name what runs it, as in `python train.py`"),
        ([*X, "--minimize", "loss", "--", "a | b"], "give --shell"),
        ([*X, "--minimize", "loss", "--jobs", "0", "--", *SH], "0 is not in the range"),
        ([*X, "--minimize", "loss", "--timeout", "soon", "--", *SH], "a time such as 90s"),
        ([*X, "--minimize", "loss", "--memory-limit", "big", "--", *SH], '"500MB", "2GB" or "1.5GiB"; got \'big\''),
        ([*X, "--minimize", "loss", "--sampler", "tpee", "--", *SH], "'tpee' is not one of"),
        ([*X, "--minimize", "a", "--maximize", "a", "--", *SH], "each metric once"),
        (["-f", "none.toml"], "none.toml cannot be read"),
        (["-f", "bad.toml"], "bad.toml: there is no setting 'trails'; did you mean 'trials'?"),
        (["-f", "worse.toml"], "worse.toml: jobs: 0 is not in the range"),
        (["--study", "none"], "tune.db does not exist"),
    ],
)
def test_mistakes(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("plain.py").write_text("print(1)")
    Path("bad.toml").write_text("trails = 3")
    Path("worse.toml").write_text("jobs = 0")
    assert run(*words) != 0
    assert said in capsys.readouterr().err.replace("\n", " ")
    assert not Path("tune.db").exists()


def test_a_study_keeps_its_parameters_and_directions(capsys: pytest.CaptureFixture[str]) -> None:
    begin = ["--trials", "1", "--study", "s", "--quiet"]
    assert run(*X, "--minimize", "loss", *begin, "--", *SH) == 0
    assert run("-p", "x=float(0, 2)", "--minimize", "loss", *begin, "--", *SH) == 2
    said = capsys.readouterr().err
    assert "has other parameters:\n  x: Float(" in said
    assert "--change" in said
    assert run("-p", "x=float(0, 2)", "--minimize", "loss", *begin, "--change", "--", *SH) == 0
    assert run(*X, "--maximize", "loss", *begin, "--", *SH) == 2
    assert "a study keeps its directions" in capsys.readouterr().err.lower()
    assert run("-p", "x=float(0, 2)", "--minimize", "loss", *begin, "--", "echo", "loss: {x}") == 0
    assert "was begun with another command" in capsys.readouterr().err


@pytest.mark.parametrize("more", [[], ["--dry-run"]])
@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["echo", "{x}", "{rtae}"], "the command has {rtae}, and there is no parameter 'rtae'; did you mean {rate}?"),
        (["echo", "{x}", "{RATE}"], "did you mean {rate}?"),
        (["echo", "{x}", "{pace}"], "does not use the parameter 'rate'; {pace} stays as it is, did you mean {rate}?"),
        (
            ["echo", "{x}"],
            "does not use the parameter 'rate': write {rate} where it goes\n--as-written runs it as it is, if",
        ),
        (["echo", "{arg}"], "there is no parameter 'arg'; did you mean {args}?"),
        (["--tensorboard", "{trial-dir}/logs", "--", "echo", "{x}", "{rate}"], "did you mean {trial_dir}?"),
    ],
)
def test_parameters_that_do_not_reach_the_program(
    command: list[str], said: str, more: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*X, "-p", "rate=1|2", "--minimize", "loss", "--trials", "0", *more]
    command = command if "--" in command else ["--", *command]
    assert run(*words, *command) == 2
    assert said in capsys.readouterr().err
    assert not list(Path.cwd().iterdir()), "nothing is made"
    run(*words, "--as-written", *command)
    assert "does not use" not in capsys.readouterr().err


def test_a_misspelt_placeholder_of_two_letters(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("-p", "lr=log(1e-5, 1)", "--minimize", "loss", "--", "echo", "loss: {rl}") == 2
    assert "did you mean {lr}?" in capsys.readouterr().err


@pytest.mark.parametrize(
    "command",
    [
        ["echo", "{args}"],
        ["echo", "{params_file}"],
        ["sh", "-c", "echo $TUNESMITH_PARAM_X {rate}"],
        ["sh", "reads.sh", "{rate}"],
        ["echo", "{x}", "{rate}", "${RATE}", "{r}", "{ print }", '{"a": {}}', "{{rtae}}", "{loss:.3f}"],
    ],
)
def test_ways_in_which_parameters_reach_the_program(command: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    Path("reads.sh").write_text('echo "loss: $(cat $TUNESMITH_PARAMS_FILE)"')
    words = [*X, "-p", "rate=1|2", "-p", "seed=fixed(3)", "--minimize", "loss", "--dry-run"]
    assert run(*words, "--", *command) == 0
    assert not capsys.readouterr().err


def test_a_command_without_parameters_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*X, "--minimize", "loss", "--dry-run", "--", "echo", "loss: 1") == 0
    assert "warning: no parameter stands in the command" in capsys.readouterr().err


def test_it_gives_up_when_all_trials_fail_at_once(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["--", "sh", "-c", "echo no module named torch; exit 1"]
    assert run(*X, "--minimize", "loss", "--trials", "50", "--quiet", *command) == 1
    said = capsys.readouterr().err
    assert "3 trials failed, and none succeeded" in said
    assert "no module named torch" in said
    assert len(ts.load_study(study_name=None, storage="tune.db").trials) == 3
    assert run(*X, "--minimize", "loss", "--trials", "50", "--quiet", "--max-failures", "4", *command) == 1
    assert "4 trials failed. The last one" in capsys.readouterr().err


NANOGPT = "echo step 250: train loss 1.9, val loss {x}"


def test_a_metric_that_never_appears_ends_the_run_with_the_first_trial(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*X, "--trials", "9", "--quiet", "--study", "s"]
    assert run(*words, "--minimize", "val_loss", "--", "sh", "-c", NANOGPT) == 1
    said = capsys.readouterr().err
    value = ts.load_study(study_name="s", storage="tune.db").trials[0].params["x"]
    assert said.startswith(
        "Error: trial 0 ended without the metric 'val_loss', so the run stops. Lines that look alike:\n"
        f"    step 250: train loss 1.9, val loss {value}\n"
        "Give the name as it is printed: --minimize 'val loss'\n"
    )
    assert run(*words, "--minimize", "val loss", "--", "sh", "-c", NANOGPT) == 0
    counts = [t.state for t in ts.load_study(study_name="s", storage="tune.db").trials]
    assert counts == [TrialState.FAIL] + [TrialState.COMPLETE] * 8
    assert run(*words[:1], *X[1:], "--trials", "3", "--quiet", "--maximize", "acc", "--", "echo", "hello {x}") == 1
    assert "printed no line such as acc: 0.31" in capsys.readouterr().err


@pytest.mark.slow
def test_one_that_fails_without_its_metric_ends_the_run_only_if_a_name_has_the_same_words(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = [*X, "--trials", "4", "--quiet", "--minimize", "val_loss", "--study"]
    assert run(*words, "a", "--", "sh", "-c", f"{NANOGPT}; test {{trial}} -gt 0") == 1
    assert "trial 0 ended without the metric 'val_loss'" in capsys.readouterr().err
    early = "test {trial} -gt 0 || { echo train loss 3; exit 1; }; echo val_loss: {x}; test {trial} -ne 2"
    assert run(*words, "b", "--", "sh", "-c", early) == 0
    crash = "echo val_loss: {x}; echo 7; test {trial} -gt 0"  # it printed its metric, and failed after that
    assert run(*words, "e", "--", "sh", "-c", crash) == 0
    assert "trial 0 failed: the program failed" in capsys.readouterr().err
    later = "test {trial} -eq 1 || echo val_loss: {x}"  # the metric was seen before
    assert run(*words, "c", "--", "sh", "-c", later) == 0
    assert run(*words[:2], "--trials", "5", *words[4:], "c", "--", "sh", "-c", later.replace("1", "4")) == 1
    assert "begun with another command" in capsys.readouterr().err
    assert run(*words, "d", "--max-failures", "2", "--", "echo", "val loss {x}") == 1
    assert "2 trials failed" in capsys.readouterr().err


def test_the_command_that_is_told_at_the_end_is_the_one_that_ran(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*X, "--minimize", "loss", "--trials", "2", "--quiet", "--json"]
    assert run(*words, "--", "sh", "-c", "echo loss: {x}; echo {seed} {trial} > {trial_dir}/seed") == 0
    (best,) = json.loads(capsys.readouterr().out)["best"]
    assert f"echo {Path(best['trial_dir'], 'seed').read_text().strip()} >" in best["command"][-1]


def test_options_count_for_a_study_that_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--study", "s", "--quiet", "--trials"]
    assert run(*X, "--minimize", "loss", *words, "1", "--", "sh", "-c", "test -t 1 && echo loss: {x}") == 1
    assert run(*words, "2", "--pty") == 0
    assert run(*words, "3", "--params-file", "x.ini") == 2
    assert "must end in 'json'" in capsys.readouterr().err


@pytest.mark.parametrize("scheme", ["", "sqlite:///", "sqlite+pysqlite:///"])
@pytest.mark.parametrize("relative", [True, False])
def test_the_folders_of_trials_are_beside_the_file(
    scheme: str, relative: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "deep").mkdir()
    file = "deep/a.db" if relative else str(tmp_path / "deep" / "a.db")
    words = [*X, "--minimize", "loss", "--trials", "1", "--quiet", "--study", "s", "--storage", scheme + file]
    assert run(*words, "--", "sh", "-c", 'echo "loss: {x}"; echo $TUNESMITH_STORAGE > {trial_dir}/where') == 0
    folder = tmp_path / "deep" / "a.db.trials" / "s" / "0"
    assert (folder / "where").read_text() == f"{scheme}{tmp_path / 'deep' / 'a.db'}\n"
    assert {path.name for path in tmp_path.iterdir()} == {"deep"}


def test_a_folder_that_cannot_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("")
    words = [*X, "--minimize", "loss", "--trials", "9", "--quiet", "--directory", "file"]
    assert run(*words, "--", *SH) == 1
    assert "error: the folder of trial 0 cannot be written" in capsys.readouterr().err


def test_a_trial_that_takes_too_long(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*X, "--minimize", "loss", "--trials", "1", "--quiet", "--timeout-per-trial", "0.5s", "--json"]
    assert run(*words, "--", "sh", "-c", "echo $$ > pid; sleep 60") == 1
    assert json.loads(capsys.readouterr().out)["trials"] == {"fail": 1}
    assert is_gone(int(Path("pid").read_text()))
    words[words.index("1")] = "2"
    assert run(*words[:-1], "--", "sh", "-c", "echo $$ > pid; sleep 60") == 1
    assert "no trial has a result; the study has 2 FAIL. Most often: " in (told := capsys.readouterr().err)
    assert "longer than its limit of 0.5 s" in told


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("python train.py --lr {lr}", "train"),
        ("/usr/bin/python3.11 -u src/fit_model.py", "fit_model"),
        ("python -m package.train", "train"),
        ("bash run.sh", "run"),
        ("./prog", "prog"),
        ("env A=1 ./prog", "prog"),
        ("sh -c {x}", "sh"),
    ],
)
def test_a_study_is_named_after_its_program(command: str, name: str) -> None:
    assert study_name(command.split(), shell=False) == name
    assert study_name([command], shell=True) == name


def is_gone(pid: int) -> bool:
    end = time.monotonic() + 10
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.02)
    return False


PROGRAM = """
echo $$ >> pids
echo {trial} >> begun
sleep 30 & echo $! >> pids
sleep 0.3
echo "loss: {x}"
"""


def start(*more: str) -> subprocess.Popen[bytes]:
    words = [*X, "--minimize", "loss", "--trials", "6", "--jobs", "2", "--seed", "1", "--quiet", *more]
    return subprocess.Popen(
        [sys.executable, "-m", "tunesmith", "run", *words, "--", "sh", "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        stdout=subprocess.DEVNULL,
    )


def lines(path: str) -> int:
    return len(Path(path).read_text().split()) if Path(path).exists() else 0


def wait_for(path: str, wanted: int) -> None:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        if lines(path) >= wanted:
            return
        time.sleep(0.02)
    raise AssertionError(f"{path} did not get {wanted} lines")


@pytest.mark.slow
def test_it_can_be_ended_at_any_moment() -> None:
    for begun, number in ((1, signal.SIGKILL), (3, signal.SIGTERM), (4, signal.SIGINT), (6, signal.SIGKILL)):
        before = lines("begun")
        process = start()
        wait_for("begun", max(begun, before + 1))  # it has begun a trial itself, and does not only start
        process.send_signal(number)
        assert process.wait(60) == {signal.SIGINT: 130}.get(number, -number)
        for pid in Path("pids").read_text().split():
            assert is_gone(int(pid)), "it left a process behind"
    assert start().wait(60) == 0
    trials = ts.load_study(study_name=None, storage="tune.db").trials
    assert [(t.number, t.state) for t in trials] == [(n, TrialState.COMPLETE) for n in range(6)]
    own = [t.params["x"] for t in trials]
    assert len(set(own)) == 6
    assert own == [t.value for t in trials]


def test_each_study_has_a_folder_that_every_system_takes() -> None:
    plain = ["train", "größe-模型", "a.b", "x+1"]
    assert [_folder_name(name) for name in plain] == plain
    odd = ["a b", "a_b.", "a/b", "con", "NUL.txt", "..", "", "x" * 300, "x" * 301, "lpt1"]
    made = [_folder_name(name) for name in odd]
    assert len({name.casefold() for name in [*made, "a_b"]}) == len(odd) + 1
    for name in made:
        assert re.fullmatch(r"[\w+-]+", name), name
        assert len(name) < 120
        assert name.casefold() not in ("con", "lpt1")


def test_a_number_alone_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    words = [*X, "--minimize", "loss", "--seed", "0", "--quiet"]
    assert run(*words, "--trials", "3", "--jobs", "2", "--", "sh", "-c", "echo {x}") == 0
    shown = capsys.readouterr()
    assert shown.err.count("took the last line `") == 1
    assert "` as loss: the program prints no line such as `loss: 0.31`" in shown.err
    assert "best: trial" in shown.out


def test_the_error_shows_a_command_that_names_the_number(capsys: pytest.CaptureFixture[str]) -> None:
    Path("prog.sh").write_text('#!/bin/sh\necho "log"\necho "$1 %"\n')
    Path("prog.sh").chmod(0o755)
    words = [*X, "--minimize", "loss", "--trials", "2", "--quiet"]
    assert run(*words, "--", "./prog.sh", "{x}") == 1
    (shown,) = re.findall(r"in place of the command: (.+)$", capsys.readouterr().err, re.MULTILINE)
    assert shown == """--shell -- 'echo "loss: $(./prog.sh {x} | tail -n 1)"'"""
    assert run(*words, "--study", "again", *shlex.split(shown)) == 0
