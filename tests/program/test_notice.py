"""``tunesmith run`` that is asked to end passes it on: the program saves, and a later run goes on from there."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
LAST, LONG = 40, 60.0

# Saves when it is asked to end, and never else. What follows the signal is a part of the test.
PROGRAM = """
import json, os, signal, sys, time
place = os.environ["TUNESMITH_CHECKPOINT_DIR"] + "/state.json"
epoch = json.load(open(place)) if os.path.exists(place) else 0
def end(*_):
    with open(place, "w") as file:
        json.dump(epoch, file)
    HOW
signal.signal(signal.SIGTERM, end)
while epoch < LAST:
    print("begin", epoch + 1, flush=True)
    time.sleep(float(sys.argv[1]))
    epoch += 1
    print("epoch", epoch, "loss:", 1 / epoch, flush=True)
"""


@pytest.mark.parametrize(
    ("how", "kept"), [("sys.exit(0)", True), ("os._exit(130)", True), ("os.kill(os.getpid(), 9)", False)]
)
def test_a_program_saves_when_it_is_asked_to_end(how: str, kept: bool, tmp_path: Path) -> None:
    script, output = tmp_path / "train.py", tmp_path / "trials" / "0" / "output.txt"
    script.write_text(PROGRAM.replace("HOW", how).replace("LAST", str(LAST)))

    def begun(pause: str) -> subprocess.Popen[bytes]:
        options = ["--storage", "tune.db", "--study", "s", "--trials", "1", "--minimize", "loss", "--quiet"]
        more = ["--directory", "trials", "--resumable", "-p", "x=float(0, 1)"]
        command = [sys.executable, "-m", "tunesmith", "run", *options, *more]
        return subprocess.Popen(
            [*command, "--as-written", "--", sys.executable, str(script), pause],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )

    with begun("0.2") as run:
        end = time.monotonic() + LONG
        while not output.exists() or b"begin 4" not in output.read_bytes():
            assert time.monotonic() < end
            assert run.poll() is None, run.stderr and run.stderr.read()
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=LONG)
    assert run.returncode == -signal.SIGTERM
    study = ts.load_study(storage=tmp_path / "tune.db", study_name="s")
    (trial,) = study.trials
    assert trial.state is TrialState.WAITING
    assert len(study.artifacts.of(0)) == kept, "what a signal cut off is not published"
    begins = [int(line.split()[1]) for line in output.read_text().splitlines() if line.startswith("begin")]
    with begun("0") as run:
        _, errors = run.communicate(timeout=LONG)
    assert run.returncode == 0, errors
    second = output.with_name("output-2.txt").read_text().splitlines()
    assert second[0] in ((f"begin {begins[-1]}", f"begin {begins[-1] + 1}") if kept else ("begin 1",))
    (trial,) = study.trials
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 1 / LAST)
    left = (tmp_path / "tune.db.artifacts").rglob("*")
    assert [path for path in left if path.is_file() or "+" in path.name] == []
    assert os.path.exists(output)
