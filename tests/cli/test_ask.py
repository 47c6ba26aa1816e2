"""`tunesmith ask` and `tunesmith tell`: a loop that another program holds, in any language."""

from __future__ import annotations

import contextlib
import io
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.cli.main import main
from tunesmith.foundation import worker_names as workers
from tunesmith.study.engine.channel import ask_to_stop

FIRST = ["ask", "-p", "lr=log(1e-5, 1e-1)", "-p", "opt=sgd | adam", "--minimize", "loss", "--seed", "1"]


class Program:
    """Runs the command line in the folder of the test, and returns the one JSON object that it prints."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *words: str) -> Any:
        assert main(words) == 0, self._capsys.readouterr().err
        shown = self._capsys.readouterr()
        assert shown.out.count("\n") == 1
        assert not shown.err
        return json.loads(shown.out)

    def refused(self, *words: str, status: int = 2) -> str:
        assert main(words) == status
        shown = self._capsys.readouterr()
        assert not shown.out
        return shown.err


@pytest.fixture
def tune(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    monkeypatch.chdir(tmp_path)
    for name in ("TUNESMITH_STORAGE", "OPTUNA_STORAGE"):
        monkeypatch.delenv(name, raising=False)
    return Program(capsys)


def test_a_loop_from_the_first_ask_to_the_last(tune: Program) -> None:
    first = tune(*FIRST, "--trials", "3", "--sampler", "random")
    assert first.keys() == {"study", "number", "params", "seed", "attempt", "until"}
    assert (first["study"], first["number"], first["attempt"]) == ("study", 0, 1)
    assert 1e-5 <= first["params"]["lr"] <= 1e-1
    assert first["params"]["opt"] in ("sgd", "adam")
    assert tune("tell", "0", "0.5") == {
        "study": "study", "number": 0, "state": "COMPLETE", "values": [0.5], "reason": None
    }  # fmt: skip
    assert tune(*FIRST)["number"] == 1  # the same command again goes on
    assert tune("tell", "1", "-1e3")["values"] == [-1000.0]
    assert tune("ask")["number"] == 2  # what was said once need not be said again
    assert tune("tell", "2", "loss=0.25")["values"] == [0.25]
    assert "has the 3 trials" in tune.refused("ask", status=3)
    assert tune("ask", "--trials", "4")["number"] == 3
    study = ts.load_study(study_name="study", storage="tune.db")
    assert (study.seed, study.metric_names, study.best_value) == (1, ["loss"], -1000.0)
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 3 + ["RUNNING"]


def test_how_trials_end(tune: Program) -> None:
    tune(*FIRST)
    assert tune("tell", "0", "0.5", "--step", "1") == {
        "study": "study", "number": 0, "step": 1, "values": [0.5], "prune": False
    }  # fmt: skip
    ended = tune("tell", "0", "--pruned", "--reason", "too slow")
    assert (ended["state"], ended["values"], ended["reason"]) == ("PRUNED", [0.5], "too slow")
    tune("ask")
    assert tune("tell", "1", "--fail", "--reason", "no memory")["reason"] == "no memory"
    tune("ask")
    nan = tune("tell", "2", "nan")
    assert (nan["state"], nan["values"]) == ("FAIL", None)
    assert "NaN" in nan["reason"]
    tune("ask")
    tune("tell", "3", "1", "--noise", "0.1", "--cost", "7", "--constraint", "memory=0.5", "--attr", 'ids=[1, "a"]')
    study = ts.load_study(study_name="study", storage="tune.db")
    found = study.trials[3]
    assert (found.noise, found.cost, found.constraints, found.user_attrs) == (
        (0.1,), 7.0, {"memory": 0.5}, {"ids": [1, "a"]}
    )  # fmt: skip
    assert study.find_best() is None  # it is not feasible
    assert tune("tell", "3", "1")["state"] == "COMPLETE"  # told again, as after an answer that was lost
    assert tune("tell", "3", "2", "--skip-if-finished")["values"] == [1.0]
    assert tune("tell", "3", "2", "--attr", "a=1", "--skip-if-finished")["values"] == [1.0]


def test_several_objectives(tune: Program) -> None:
    tune("ask", "-p", "x=float(0, 1)", "--maximize", "accuracy", "--minimize", "size", "--study", "two")
    assert tune("tell", "0", "accuracy=0.9", "size=12")["values"] == [
        12.0,
        0.9,
    ]  # what is minimized is first, as in `run`
    tune("ask")
    assert tune("tell", "1", '{"size": 3, "accuracy": 0.5}')["values"] == [3.0, 0.5]
    tune("ask")
    assert tune("tell", "2", "1", "-2")["values"] == [1.0, -2.0]
    tune("ask")
    for words, said in [
        (["3", "1"], "2 objectives: 'size', 'accuracy'"),
        (["3", "acuracy=1", "size=1"], "did you mean 'accuracy'"),
        (["3", "size=1"], "no value of 'accuracy'"),
        (["3", "size=1", "2"], "all values by name or none"),
        (["3", '{"size": null, "accuracy": 1}'], "None is no number"),
        (["3", '{"size": 1,'], "no JSON"),
    ]:
        assert said in tune.refused("tell", *words)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["tell", "9", "1"], "no trial 9"),
        (["tell", "0", "0.6"], "trial 0 is COMPLETE with 0.5 already"),
        (["tell", "0", "--fail"], "already"),
        (["tell", "1"], "give the value"),
        (["tell", "one", "1"], "'one' is no number of a trial"),
        (["tell", "1", "much"], "'much' is no number"),
        (["tell", "1", "[" * 3000], "is no JSON"),
        (["tell", "1", "1", "2"], "2 values were given"),
        (["tell", "1", "1", "--fail"], "takes no value"),
        (["tell", "1", "--fial"], "Did you mean --fail?"),
        (["tell", "1", "--fail", "--pruned"], "ends in one way"),
        (["tell", "0", "1", "--step", "3"], "already"),
        (["tell", "1", "1", "--noise", "-1"], "noise"),
        (["tell", "1", "1", "--study", "stduy"], "did you mean 'study'"),
        (["ask", "--pid", "4194999"], "there is no process 4194999"),
        (["ask", "--sampler", "tpee"], "did you mean 'tpe'"),
        (["ask", "-p", "x=float(0, 1)", "--sampler", "TPESampler"], "--sampler tpe"),
        (["ask", "-p", "lr=log(1e-3, 1)"], "the study 'study' in tune.db has other parameters"),
        (["ask", "--maximize", "loss"], "the study 'study' is to minimize loss"),
        (["ask", "--search-space", "{"], "no JSON"),
        (["ask", "--search-space", "[" * 3000], "no JSON"),
        (["ask", "--search-space", '{"lr": NaN}', "--minimize", "m", "--study", "n"], "lr: NaN is no value"),
        (["ask", "--search-space", '{"lr": {"low": 1}}'], "lr: expected a text"),
        (["ask", "--storage", "none.db"], "the first ask makes the study"),
        (["ask", "--study", "new", "-p", "x=float(0, 1)"], "--minimize NAME"),
        (["ask", "--study", "new", "-p", "x=0..1", "--minimize", "a"], "float(0, 1)"),
        (["tell", "1", "1", "--storage", "postgresql://me:secret@nowhere.invalid/db"], ""),
    ],
)
def test_mistakes_are_told(words: list[str], said: str, tune: Program) -> None:
    tune(*FIRST)
    tune("tell", "0", "0.5")
    tune("ask")
    told = tune.refused(*words, status=1 if "nowhere" in words[-1] else 2)
    assert said in told
    assert "secret" not in told
    trials = ts.load_study(study_name="study", storage="tune.db").trials
    assert [t.state.name for t in trials] == ["COMPLETE", "RUNNING"]


def test_the_space_comes_from_json_or_the_file_that_run_reads(tune: Program) -> None:
    told = tune("ask", "--search-space", '{"a": "int(1, 3)", "b": ["x", true, null], "c": 7}', "--minimize", "m")
    assert told["params"]["a"] in (1, 2, 3)
    assert told["params"]["b"] in ("x", True, None)
    assert told["params"]["c"] == 7
    Path("tune.toml").write_text(
        'command = ["./prog"]\nmaximize = "score"\nstorage = "other.db"\ntrials = 1\n'
        '[params]\nx = "float(0, 1) if y == a"\ny = "a | b"\n'
    )
    assert tune("ask")["study"] == "prog"
    assert tune("tell", "0", "score=1")["study"] == "prog"
    tune.refused("ask", status=3)
    assert ts.load_study(study_name="prog", storage="other.db").best_value == 1.0


def test_a_study_that_was_made_before_gets_names_for_its_objectives(tune: Program) -> None:
    ts.create_study(study_name="mine", storage="tune.db", direction="maximize", seed=0)
    assert tune("ask", "-p", "x=float(0, 1)", "--maximize", "score")["study"] == "mine"
    assert tune("tell", "0", "score=1")["values"] == [1.0]


def test_a_report_hears_of_a_wish_at_once(tune: Program) -> None:
    tune(*FIRST, "--pruner", "nop")
    assert tune("tell", "0", "0.5", "--step", "0")["prune"] is False
    study = ts.load_study(study_name="study", storage="tune.db")
    ask_to_stop(study.storage, study.study_id, 0)
    assert tune("tell", "0", "0.4", "--step", "1")["prune"] is True
    assert study.trials[0].intermediate_values == {0: 0.5, 1: 0.4}


# -- whose a trial is ------------------------------------------------------------------------------------------------


def test_a_trial_is_its_programs_for_the_time_of_its_lease(tune: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    first = tune(*FIRST, "--lease", "2h")
    assert tune("ask")["number"] == 1
    study = ts.load_study(study_name="study", storage="tune.db")
    assert not study.storage.is_doubtful(study.study_id)  # no other worker waits for signs of life of it
    now = time.time()
    monkeypatch.setattr(workers.time, "time", lambda: now + 3 * 3600)
    again = tune("ask")
    assert (again["number"], again["attempt"], again["params"]) == (0, 2, first["params"])
    assert tune("ask")["number"] == 2  # that of a day is not over


@pytest.mark.skipif(
    not workers.current_worker().rsplit(":", 1)[1].strip("@"), reason="the system does not tell processes apart"
)
def test_a_trial_of_a_program_that_was_killed_is_run_again(tune: Program) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as loop:
        first = tune(*FIRST, "--pid", str(loop.pid), "--lease", "0")
        assert tune("ask", "--pid", str(os.getpid()))["number"] == 1  # it lives, and so its time is not over
        loop.kill()
    again = tune("ask")
    assert (again["number"], again["attempt"], again["params"]) == (0, 2, first["params"])
    assert tune("tell", "0", "1")["state"] == "COMPLETE"
    assert tune("ask")["number"] == 2


@pytest.mark.slow
def test_processes_that_ask_at_once_get_different_trials(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tunesmith", *FIRST]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    asked = [
        subprocess.Popen(command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    answers = [process.communicate(timeout=120) for process in asked]
    assert sorted(json.loads(out)["number"] for out, _ in answers) == [0, 1, 2, 3], answers


def test_a_folder_that_cannot_be_written_is_told(tune: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("tune.db").mkdir()
    assert "is a folder" in tune.refused(*FIRST)
    Path("file").touch()
    assert "file" in tune.refused(*FIRST, "--storage", "file/tune.db", status=1)


def test_help_shows_how_it_goes() -> None:
    shown = io.StringIO()
    with contextlib.redirect_stdout(shown):
        assert main(["ask", "--help"]) == main(["tell", "--help"]) == 0
    assert "--pid $$" in shown.getvalue()
    assert "tunesmith tell 0 0.31" in shown.getvalue()
