"""tunesmith without what Linux has: stand-ins for Windows and macOS, which hide it from each Python that is started."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.testing.executors import process_runs, until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="the stand-ins hide what Linux has"),
]
STANDINS = Path(__file__).parent / "standins"
SYSTEMS = ["windows", "macos"]
TRAIN = """\
import argparse, os, subprocess, sys, time
parser = argparse.ArgumentParser()
parser.add_argument("--lr", type=float, default=0.01, help="step size (default: %(default)s)")
parser.add_argument("--hang", action="store_true")
args = parser.parse_args()
print("epoch 1 loss:", args.lr, flush=True)
print("x" * 300_000, file=sys.stderr)
child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
with open(f"pids/{os.getpid()}", "w") as file:
    file.write(str(child.pid))
time.sleep(600 if args.hang else 0)
print("epoch 2 loss:", args.lr / 2, flush=True)
"""
LIBRARY = """\
import os, subprocess, sys, time
import tunesmith as ts

def objective(trial):
    x = trial.suggest_float("x", 0, 1)
    trial.report(x, 1)
    if trial.number == 1:
        child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(600)"])
        with open("pids/child", "w") as file:
            file.write(str(child.pid))
        time.sleep(600)
    if trial.number == 2:
        os._exit(3)
    return x

study = ts.create_study(storage="lib.db", study_name="lib", seed=0, sampler="random")
study.optimize(objective, n_trials=5, n_jobs=2, timeout_per_trial=float(sys.argv[1]), catch=Exception)
print({t.number: (t.state.name, str(t.failure), t.reason) for t in study.trials})
"""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("pids").mkdir()


def under(system: str, *words: str) -> subprocess.CompletedProcess[str]:
    path = os.pathsep.join([str(STANDINS / system), str(STANDINS), *sys.path])
    env = {**os.environ, "PYTHONPATH": path, "TUNESMITH_NO_UPDATE": "1"}
    return subprocess.run(
        [sys.executable, *words],
        env=env,
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
        stdin=subprocess.DEVNULL,
    )


def pids() -> list[int]:
    return [int(pid) for path in Path("pids").iterdir() for pid in (path.name, path.read_text()) if pid.isdecimal()]


@pytest.mark.parametrize("system", SYSTEMS)
def test_the_stand_ins_hide_what_they_say(system: str) -> None:
    done = under(
        system,
        "-c",
        "import os, multiprocessing as m; there = os.path.exists; "
        "print(there('/proc'), there('/bin/sh'), hasattr(os, 'killpg'), m.get_start_method())",
    )
    assert done.stdout.split() == ["False", str(system == "macos"), str(system == "macos"), "spawn"], done.stderr


@pytest.mark.parametrize("system", SYSTEMS)
def test_init_and_run(system: str) -> None:
    Path("train.py").write_text(TRAIN)
    init = under(
        system, "-m", "tunesmith", "init", "--wait", "60", "--minimize", "loss", "--", sys.executable, "train.py"
    )
    assert init.returncode == 0, init.stderr
    assert "with the parameters lr" in init.stdout
    run = under(system, "-m", "tunesmith", "run", "--trials", "3", "--jobs", "2", "--pruner", "nop", "--quiet")
    assert run.returncode == 0, run.stderr
    study = ts.load_study(study_name="train", storage="tune.db")
    assert [t.state.name for t in study.trials] == ["COMPLETE"] * 3
    assert [t.value for t in study.trials] == [t.params["lr"] / 2 for t in study.trials]
    assert all(len(t.reports) == 2 for t in study.trials)
    printed = next(Path("tune.db.trials").rglob("output.txt")).read_text()
    assert printed.count("x") >= 300_000
    assert len(pids()) == 6
    until(lambda: not any(map(process_runs, pids())))  # what a program leaves behind is ended


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_program_that_hangs_is_ended_with_what_it_started(system: str) -> None:
    Path("train.py").write_text(TRAIN)
    words = [
        "-p",
        "lr=float(0, 1)",
        "--minimize",
        "loss",
        "--trials",
        "1",
        "--timeout-per-trial",
        "20s",
        "--grace",
        "1s",
    ]
    began = time.monotonic()
    run = under(
        system, "-m", "tunesmith", "run", *words, "--quiet", "--", sys.executable, "train.py", "--hang", "--lr", "{lr}"
    )
    assert time.monotonic() - began < 300
    assert run.returncode == 1, run.stderr
    (trial,) = ts.load_study(study_name="train", storage="tune.db").trials
    assert "longer than its limit" in str(trial.reason)
    assert len(pids()) == 2
    until(lambda: not any(map(process_runs, pids())))


@pytest.mark.parametrize("system", SYSTEMS)
def test_trials_in_processes(system: str) -> None:
    Path("script.py").write_text(LIBRARY)
    done = under(system, "script.py", "20")
    assert done.returncode == 0, done.stderr
    trials = ts.load_study(study_name="lib", storage="lib.db").trials
    assert [t.state.name for t in trials] == ["COMPLETE", "FAIL", "FAIL", "COMPLETE", "COMPLETE"], done.stdout
    assert "longer than its limit" in str(trials[1].reason)
    assert "exit code 3" in str(trials[2].reason)
    until(lambda: not process_runs(int(Path("pids/child").read_text())))


@pytest.mark.parametrize(
    ("option", "told"),
    [
        (["--shell"], "shell needs /bin/sh, which this system does not have; leave it out"),
        (["--pty"], "pty needs a pseudo-terminal, which this system does not have; leave it out"),
        (["--memory-limit", "1GB"], "memory_limit needs process groups, which this system does not have; leave it out"),
    ],
)
def test_what_windows_lacks_is_refused_before_the_first_trial(option: list[str], told: str) -> None:
    words = ["-p", "lr=float(0, 1)", "--minimize", "loss", "--trials", "1", *option]
    done = under("windows", "-m", "tunesmith", "run", *words, "--", sys.executable, "train.py", "--lr", "{lr}")
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert not Path("tune.db").exists()
