"""The demo: runs, is interrupted at any moment without a traceback, goes on, and says plainly what is in its way."""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from pathlib import Path

import demo
import pytest

import tunesmith

ROOT = Path(__file__).resolve().parents[2]
ENV = {**{k: v for k, v in os.environ.items() if k != "MAKELEVEL"}, "COLUMNS": "120"}
ENV["PYTHONPATH"] = os.pathsep.join([str(ROOT / "src"), str(ROOT / "examples")])
SCRIPT = ROOT / "examples" / "demo.py"
PROGRAM = [sys.executable, str(SCRIPT)]


def start(folder: Path, *command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command,
        cwd=folder,
        env=ENV,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that a signal can be sent as a terminal sends it: to the workers too
    )


def end(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in out + err, err
    return process.returncode, out, err


def kept(folder: Path) -> int:
    """How many finished candidates the file holds, also while it is being made."""
    path = folder / demo.STORAGE
    if not path.exists():
        return 0
    try:
        with closing(sqlite3.connect(path.as_uri() + "?mode=ro", uri=True)) as connection:
            return int(connection.execute("SELECT count(value) FROM tunesmith_trials").fetchone()[0])
    except sqlite3.OperationalError:  # no tables yet
        return 0


def wait_until(process: subprocess.Popen[str], reached: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 200
    while not reached() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.05)


@pytest.mark.slow
def test_a_second_run_finds_what_the_first_one_did(tmp_path: Path) -> None:
    code, first, err = end(start(tmp_path, *PROGRAM, "--quick"))
    assert code == 0, err
    assert "Resuming" not in first
    for name, n, fits in (("default", 1, 5), ("grid", 3, 15), ("random", 4, 20), (r"tunesmith \(\w+\)", 5, r"\d+")):
        assert re.search(rf"^ * *{name} +{n} +{fits} +\d+\.\d +0\.\d{{4}} +0\.\d{{4}} *$", first, re.M), first
    assert "model__" in first.partition("Best parameters")[2]
    assert "In this run 12 candidates were tried, and 0 were known." in first
    assert "candidate 4/4" in err
    assert "\x1b" not in first + err  # plain lines, where there is no terminal

    code, second, err = end(start(tmp_path, *PROGRAM, "--quick"))
    assert code == 0, err
    assert "Resuming: 12 finished candidates were found in tunesmith.db and are not fitted again." in second
    assert "In this run 0 candidates were tried, and 12 were known." in second
    table = re.compile(r"^  search .*?^$", re.M | re.S)
    assert table.findall(first) == table.findall(second)


@pytest.mark.slow
def test_a_run_that_is_killed_or_interrupted_goes_on(tmp_path: Path) -> None:
    killed = start(tmp_path, *PROGRAM)
    wait_until(killed, lambda: kept(tmp_path) >= 3)
    os.killpg(killed.pid, signal.SIGKILL)
    end(killed)
    before = kept(tmp_path)
    assert before >= 3

    interrupted = start(tmp_path, *PROGRAM)
    wait_until(interrupted, lambda: kept(tmp_path) >= before + 3)
    os.killpg(interrupted.pid, signal.SIGINT)
    code, out, err = end(interrupted)
    assert f"Resuming: {before} finished candidates were found" in out
    assert code == 130
    n = kept(tmp_path)
    assert n >= before + 3
    assert f"Interrupted. {n - 1} finished trials of 'demo-grid' are kept in " in err
    assert err.endswith(f"To go on:\n  python {SCRIPT}\n")

    code, out, err = end(start(tmp_path, *PROGRAM, "--quick"))
    assert code == 0, err
    assert f"Resuming: {n} finished candidates were found" in out


def test_ctrl_c_during_the_imports_is_told_plainly(tmp_path: Path) -> None:
    program = """
import os, signal, time
import demo

def load():
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(100)

demo.load = load
demo.main([])
"""
    code, out, err = end(start(tmp_path, sys.executable, "-c", program))
    assert (code, out, err) == (130, "", f"Interrupted.\nTo go on:\n  python {SCRIPT}\n")


def test_ctrl_c_that_python_would_drop_is_heeded(tmp_path: Path) -> None:
    program = """
import os, signal, sys, time
import demo

class Garbage:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGINT)
        time.sleep(100)

def run(searches):
    Garbage()
    time.sleep(100)

demo.load = lambda: None
demo.open_searches = lambda quick: []
demo.run = run
sys.exit(demo.main([]))
"""
    code, out, err = end(start(tmp_path, sys.executable, "-c", program))
    assert (code, out, err) == (130, "", f"Interrupted.\nTo go on:\n  python {SCRIPT}\n")


# ---------------------------------------------------------------------------------------------------------- in its way


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal() -> str:
    with pytest.raises(demo.ObstacleError) as caught:
        demo.run(demo.open_searches(quick=True))
    return str(caught.value)


def test_a_file_that_is_no_database_is_left_alone(folder: Path) -> None:
    (folder / demo.STORAGE).write_text("my notes\n" * 100)
    code, out, err = end(start(folder, *PROGRAM))
    assert (code, out) == (1, "")
    assert err.startswith("demo: the file tunesmith.db is no SQLite database")
    assert (folder / demo.STORAGE).read_text() == "my notes\n" * 100


def test_the_database_of_another_program_is_left_alone(folder: Path) -> None:
    with closing(sqlite3.connect(demo.STORAGE)) as connection:
        connection.execute("CREATE TABLE customers (name)")
    before = (folder / demo.STORAGE).read_bytes()
    assert "is the database of another program (it holds customers); move it away" in refusal()
    assert (folder / demo.STORAGE).read_bytes() == before


def test_a_folder_in_the_place_of_the_file_is_told(folder: Path) -> None:
    (folder / demo.STORAGE).mkdir()
    assert f"The demo keeps its results in {folder / demo.STORAGE}." in refusal()


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_another_study_under_our_name_is_left_alone(
    direction: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo, "start_workers", lambda: None)
    study = tunesmith.create_study(storage=demo.STORAGE, study_name="demo-default", direction=direction)
    study.optimize(lambda trial: 1.0, n_trials=2)
    error = refusal()
    assert error.startswith("the study 'demo-default'")
    assert error.endswith(demo.MISMATCH)
    assert len(study.trials) == 2


def test_a_worker_that_was_killed_is_told() -> None:
    with pytest.raises(demo.ObstacleError, match="was killed; is there too little memory"), demo.obstacles():
        raise BrokenProcessPool


def test_what_the_command_takes(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAKELEVEL", "1")
    assert demo.main(["--help"]) == 0
    assert demo.main(["--quick", "fast"]) == 2
    assert capfd.readouterr().out.count("usage: make demo [--quick]") == 2


# --------------------------------------------------------------------------------------------------------- what it says


def test_the_time_of_a_killed_run_ends_with_its_last_candidate() -> None:
    study = tunesmith.create_study(direction="maximize")
    study.optimize(lambda trial: 1.0, n_trials=2)
    last = study.trials[-1].finished
    study.set_user_attr(demo.SESSIONS, [[last - 100, last - 90], [last - 5, None]])
    assert demo.seconds(study) == pytest.approx(15)
    study.set_user_attr(demo.SESSIONS, [[last + 1, None]])  # killed before it finished one
    assert demo.seconds(study) == 0


def test_the_row_says_which_samplers_ran() -> None:
    study = tunesmith.create_study(sampler="qmc")
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    assert demo.proposers(study) == "qmc"
