"""A driver of worker processes that is killed again and again: the same command goes on, and no orphan is left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

import tunesmith
from tunesmith.foundation.states import TrialState
from tunesmith.testing.executors import HANG_SECONDS, process_runs, until

KILLS = int(os.environ.get("TUNESMITH_DRIVER_KILLS", "4"))
TRIALS = 12

PROGRAM = """
    import os, subprocess, sys, time
    import tunesmith

    def objective(trial):
        x = trial.suggest_float("x", 0, 1)
        ignoring = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(1000)"
        child = subprocess.Popen([sys.executable, "-c", ignoring])
        print(os.getpid(), child.pid, flush=True)
        trial.report(x, 0)
        if trial.number % 3 == 0 and trial.attempt == 1:
            7 ** (10**8)  # holds the interpreter's lock for minutes
        time.sleep(0.3)
        child.kill()
        child.wait()
        return x

    study = tunesmith.create_study(storage=sys.argv[1], study_name="s", load_if_exists=True, sampler="random", seed=0)
    study.optimize(objective, n_trials_total=int(sys.argv[2]), n_jobs=2, timeout_per_trial=float(sys.argv[3]))
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="tells of signals and process groups")
def test_the_same_command_goes_on_after_each_kill_and_no_orphan_is_left(tmp_path: Path) -> None:
    path, printed = str(tmp_path / "s.db"), tmp_path / "pids"
    chance = random.Random(0)

    def start(limit: str) -> subprocess.Popen[bytes]:
        with printed.open("ab") as file:
            program = [sys.executable, "-c", textwrap.dedent(PROGRAM), path, str(TRIALS), limit]
            return subprocess.Popen(program, stdout=file)

    longest = 0.0
    for _ in range(KILLS):
        before = printed.stat().st_size if printed.exists() else 0
        driver = start("1000")
        until(lambda driver=driver, before=before: printed.stat().st_size > before or driver.poll() is not None)  # type: ignore[misc]  # bound now
        time.sleep(chance.random())
        driver.send_signal(signal.SIGKILL)
        driver.wait(HANG_SECONDS)
        killed = time.monotonic()
        pids = [int(pid) for pid in printed.read_text().split()]
        until(lambda pids=pids: not any(map(process_runs, pids)))  # type: ignore[misc]  # bound now
        longest = max(longest, time.monotonic() - killed)
    print(f"{KILLS} kills: orphans were gone after {longest:.2f} s at most")
    last = start("2.0")
    assert last.wait(HANG_SECONDS) == 0
    trials = tunesmith.load_study(study_name="s", storage=path).trials
    assert [t.number for t in trials] == list(range(TRIALS))
    assert all(t.state is TrialState.COMPLETE for t in trials if t.failure is None)
    assert {str(t.failure) for t in trials if t.state is TrialState.FAIL} <= {"timeout"}
    assert len({t.params["x"] for t in trials}) == TRIALS
    pids = [int(pid) for pid in printed.read_text().split()]
    assert not any(map(process_runs, pids))
