"""Workers and drivers that are killed at any moment lose at most what came after the last checkpoint.

With TUNESMITH_FAULTS=full there are 100 kills; by default a few.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState

KILLS = 100 if os.environ.get("TUNESMITH_FAULTS") == "full" else 5
LAST, TRIALS = 12, 8
LONG = 120.0  # seconds in which a driver gets on, also on a busy machine

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds worker processes by /proc")

# Each step is noted when it begins and when its report returned, with the process and the time of the whole machine.
DRIVER = """
import json, os, sys, time
import tunesmith as ts
from tunesmith.pruners import Decision, Pruner

STORAGE, LOG, LAST, TRIALS = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

class Rungs(Pruner):
    resumes = True
    def decide(self, curves, number, step):
        return Decision.PAUSE if step in (2, 5) else Decision.CONTINUE
    def resume(self, history, rng, may_begin):
        # Every trial goes to its end, in turns; a new one begins while few are paused.
        paused = history.paused
        return paused[int(rng.integers(len(paused)))] if paused and (not may_begin or len(paused) > 2) else None

def note(*what):
    with open(LOG, "a") as log:
        log.write(json.dumps([time.monotonic(), os.getpid(), *what]) + "\\n")

def train(trial):
    x = trial.suggest_float("x", 0, 1)
    file, total, first = trial.checkpoint_dir / "state.json", 0.0, 1
    if trial.resumed_from_step is not None:
        saved = json.loads(file.read_text())
        assert saved["step"] == trial.resumed_from_step
        total, first = saved["total"], trial.resumed_from_step + 1
    note("begin", trial.number, trial.attempt, first)
    for step in range(first, LAST + 1):
        total += x * step
        time.sleep(0.01)
        file.write_text(json.dumps({"step": step, "total": total}))
        note("saved", trial.number, trial.attempt, step)
        trial.report(total, step)
        note("reported", trial.number, trial.attempt, step)
        if trial.should_prune():
            raise ts.TrialPruned
    return total

study = ts.create_study(
    storage=STORAGE, study_name="s", load_if_exists=True, sampler="random", pruner=Rungs(), seed=1, retries=10**6
)
study.optimize(train, n_trials_total=TRIALS, n_jobs=2)
print("done", flush=True)
"""


def descendants(pid: int) -> list[int]:
    found = []
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        try:
            children = [int(child) for child in task.read_text().split()]
        except OSError:
            continue
        for child in children:
            found += [child, *descendants(child)]
    return found


def test_kills_at_any_moment(tmp_path: Path) -> None:
    chance = random.Random(0)
    storage, log, script = tmp_path / "tune.db", tmp_path / "log", tmp_path / "driver.py"
    script.write_text(DRIVER)
    log.touch()
    kills, rounds = 0, 0
    while kills < KILLS or rounds == 0:
        rounds += 1
        target = storage.with_name(f"tune-{rounds}.db")
        kills += run_with_kills(script, target, log, chance, KILLS - kills)
        study = ts.load_study(storage=target, study_name="s")
        complete = [t for t in study.trials if t.state is TrialState.COMPLETE]
        assert len(complete) == len(study.trials) == TRIALS
        for trial in complete:
            x = trial.params["x"]
            assert list(trial.intermediate_values) == list(range(1, LAST + 1)), "no step is lost, none is there twice"
            assert trial.value == pytest.approx(x * LAST * (LAST + 1) / 2), "as in a run that nobody disturbed"
        check(log)
        log.write_text("")
        left = (tmp_path / f"{target.name}.artifacts").rglob("*")
        assert [path for path in left if path.is_file() or "+" in path.name] == [], "nothing is left of those that died"
    assert kills >= KILLS


def run_with_kills(script: Path, storage: Path, log: Path, chance: random.Random, most: int) -> int:
    """Run drivers until one ends in peace; kill its workers, or now and then itself; return how many were killed."""
    kills = 0
    while True:
        before = kills
        command = [sys.executable, str(script), str(storage), str(log), str(LAST), str(TRIALS)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as driver:
            end = time.monotonic() + LONG
            while driver.poll() is None:
                assert time.monotonic() < end, "the driver gets on"
                time.sleep(chance.uniform(0.05, 0.4))
                begun = log.stat().st_size
                if kills >= most or not begun:
                    continue
                victims = [driver.pid] if chance.random() < 0.2 else descendants(driver.pid)
                if victims:
                    try:
                        os.kill(chance.choice(victims), signal.SIGKILL)
                    except ProcessLookupError:
                        continue
                    kills += 1
            out, errors = driver.communicate()
        if driver.returncode == 0 and "done" in out:
            return kills
        if driver.returncode != -signal.SIGKILL:  # three workers in a row were killed before they began
            assert kills - before >= 3, errors
            assert "3 worker processes died before their trial began" in errors, errors
            assert "SIGKILL" in errors, errors


def check(log: Path) -> None:
    """No trial runs twice at once; each attempt goes on from the last step whose report returned, or a later one."""
    runs: dict[int, dict[int, list[tuple[float, str, int]]]] = {}
    for line in log.read_text().splitlines():
        try:
            when, _, what, number, attempt, step = json.loads(line)
        except ValueError:  # the line that was being written
            continue
        runs.setdefault(number, {}).setdefault(attempt, []).append((when, what, step))
    for attempts in runs.values():
        reported = 0
        before = 0.0
        for attempt in sorted(attempts):
            notes = attempts[attempt]
            assert notes[0][0] >= before, "an attempt begins when the one before has ended"
            if notes[0][1] == "begin":
                assert notes[0][2] >= reported + 1, "what was reported is not done again"
            before = max(when for when, _, _ in notes)
            reported = max([reported, *(step for _, what, step in notes if what == "reported")])
