"""A machine that is taken away with notice: the running trial saves at its next report, and goes on from there.

And one that is taken away without: 30 epochs whose process is killed after each third one.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest

import tunesmith as ts
from tunesmith.foundation.preemption import notice_seconds
from tunesmith.foundation.states import FailureKind, TrialState

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no such signals")
LAST = 12
LONG = 60.0  # seconds in which a process gets on, also on a busy machine

DRIVER = """
import os, sys, time
import tunesmith as ts

LAST, PAUSE, JOBS, SLOW = int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]), int(sys.argv[5])

def train(trial):
    try:
        for epoch in trial.epochs(LAST, {"weights": [0]}, checkpoint_every="1 h"):
            os.write(1, f"{epoch}\\n".encode())
            time.sleep(3600 if epoch == SLOW else PAUSE)
            trial.report(1 / epoch, epoch)
            if trial.should_prune():
                raise ts.TrialPruned
        return 1 / epoch
    finally:
        os.write(1, b"end\\n")

study = ts.create_study(
    storage=sys.argv[1], study_name="s", load_if_exists=True, sampler="random", pruner="nop", seed=0
)
study.optimize(train, n_trials_total=1, executor=None if JOBS == 1 else "processes")
"""


def begun(storage: Path, pause: float, jobs: int, slow: int = 0, **env: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", DRIVER, str(storage), str(LAST), str(pause), str(jobs), str(slow)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, **env})


def read_to(stream: IO[str] | None, line: str) -> list[str]:
    assert stream is not None
    found: list[str] = []
    while not found or found[-1] != line:
        found.append(next(stream).strip())
    return found


def ends(driver: subprocess.Popen[str]) -> list[str]:
    out, _ = driver.communicate(timeout=LONG)
    return out.split()


@pytest.mark.parametrize(("jobs", "number"), [(1, signal.SIGTERM), (2, signal.SIGUSR1), (2, signal.SIGTERM)])
def test_what_was_trained_until_the_next_report_is_kept(jobs: int, number: signal.Signals, tmp_path: Path) -> None:
    with begun(tmp_path / "tune.db", 0.2, jobs) as driver:
        seen = read_to(driver.stdout, "3")
        driver.send_signal(number)
        seen += ends(driver)
    assert driver.returncode == -signal.SIGTERM
    assert seen[-1] == "end", "what is in finally runs"
    (trial,) = ts.load_study(storage=tmp_path / "tune.db", study_name="s").trials
    assert (trial.state, trial.previous_attempts[-1].failure) == (TrialState.WAITING, FailureKind.INTERRUPTED)
    assert len(seen) - 1 < LAST, "it does not go on to its end"
    with begun(tmp_path / "tune.db", 0.0, jobs) as again:
        seen += ends(again)
    assert again.returncode == 0
    assert [line for line in seen if line != "end"] == [str(epoch) for epoch in range(1, LAST + 1)], "none twice"
    (trial,) = ts.load_study(storage=tmp_path / "tune.db", study_name="s").trials
    assert (trial.state, trial.attempt, trial.value) == (TrialState.COMPLETE, 2, 1 / LAST)


@pytest.mark.parametrize(
    ("jobs", "notice"),
    [(1, "0.2"), (2, "0"), *(pytest.param(jobs, "200 ms?", marks=pytest.mark.slow) for jobs in (1, 2))],
)
def test_a_report_that_does_not_come_is_not_waited_for(jobs: int, notice: str, tmp_path: Path) -> None:
    """It goes on from the first report, which saved; the other ones were to come after an hour."""
    began = time.monotonic()
    with begun(tmp_path / "tune.db", 0.01, jobs, slow=4, TUNESMITH_NOTICE=notice) as driver:
        read_to(driver.stdout, "4")
        driver.send_signal(signal.SIGTERM)
        assert ends(driver) == ["end"]
    assert driver.returncode == -signal.SIGTERM
    assert time.monotonic() < began + LONG
    with begun(tmp_path / "tune.db", 0.0, jobs) as again:
        assert ends(again) == [*map(str, range(2, LAST + 1)), "end"]


@pytest.mark.slow
def test_a_trial_that_fails_after_the_signal_was_interrupted(tmp_path: Path) -> None:
    """Its own processes may have been asked to end as well, and what waits for them fails."""
    fails = "def fail(epoch, _):\n    if epoch == 3:\n        os.kill(os.getpid(), 15)\n        0 / 0\n\n"
    code = DRIVER.replace("time.sleep(", "fail(epoch, ").replace("study = ", fails + "study = ", 1)
    for jobs in ("1", "2"):
        storage = tmp_path / f"{jobs}.db"
        done = subprocess.run(
            [sys.executable, "-c", code, str(storage), str(LAST), "0", jobs, "0"], capture_output=True, check=False
        )
        (trial,) = ts.load_study(storage=storage, study_name="s").trials
        assert trial.previous_attempts[0].failure is FailureKind.INTERRUPTED, done.stderr
        assert trial.state is TrialState.FAIL if jobs == "2" else TrialState.WAITING


def test_the_notice_is_told_by_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for given, expected in (("", 5.0), ("90", 90.0), ("2 min", 120.0), ("0", 0.0)):
        monkeypatch.setenv("TUNESMITH_NOTICE", given)
        assert notice_seconds() == expected
    monkeypatch.setenv("TUNESMITH_NOTICE", "soon")
    with pytest.warns(UserWarning, match="TUNESMITH_NOTICE takes seconds, or a time such as 90s or 2m; got 'soon'"):
        assert notice_seconds() == 5.0


# ------------------------------------------------------------------------------------------------- without notice


KILLED = """
import os, signal, sys
import tunesmith as ts

def train(trial):
    begun = trial.resumed_from_step or 0
    for epoch in trial.epochs(30, {"weights": os.urandom(200_000)}):
        os.write(1, b".")
        trial.report(1 / epoch, epoch)
        if epoch == begun + 3:
            os.kill(os.getpid(), signal.SIGKILL)
    return 1 / epoch

study = ts.create_study(storage=sys.argv[1], study_name="s", load_if_exists=True, sampler="random", seed=0)
study.optimize(train, n_trials_total=1, executor="processes" if sys.argv[2] == "processes" else None)
"""


@pytest.mark.slow
@pytest.mark.parametrize("executor", ["inline", "processes"])
def test_a_run_that_is_killed_each_third_epoch_completes(executor: str, tmp_path: Path) -> None:
    storage, temporary = tmp_path / "tune.db", tmp_path / "tmp"
    temporary.mkdir()
    epochs, rounds, code = 0, 0, None
    while code != 0:
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(storage), executor],
            env={**os.environ, "TMPDIR": str(temporary)},
            capture_output=True,
            check=False,
        )
        epochs, rounds, code = epochs + done.stdout.count(b"."), rounds + 1, done.returncode
        assert code in (0, -signal.SIGKILL), done.stderr
    (trial,) = ts.load_study(storage=storage, study_name="s").trials
    assert (trial.state, trial.value) == (TrialState.COMPLETE, 1 / 30)
    assert rounds == (1 if executor == "processes" else 11)
    assert epochs <= 1.3 * 30
    left = [path for path in (tmp_path / "tune.db.artifacts").rglob("*") if path.is_file() or "+" in path.name]
    assert [*left, *temporary.iterdir()] == []
