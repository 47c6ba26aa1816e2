"""A worker dies in the middle of a checkpoint; the one that takes its trial over goes on from the checkpoint before."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.artifacts.takeover import stop, train

import tunesmith
from tunesmith.storage.base import Lease
from tunesmith.storage.sql import SQLStorage

LIMIT = 60.0  # seconds
ROUNDS = int(os.environ.get("TUNESMITH_STOPS", "1"))
STORAGES = [
    pytest.param("file", id="file"),
    pytest.param("postgres_url", id="postgres", marks=pytest.mark.postgres),
    pytest.param("mariadb_url", id="mariadb", marks=pytest.mark.mariadb),
]


@pytest.mark.skipif(os.name != "posix", reason="a worker kills itself")
@pytest.mark.parametrize("storage", STORAGES)
def test_a_trial_goes_on_from_the_checkpoint_of_a_dead_worker(
    storage: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(tmp_path / "tune.db") if storage == "file" else request.getfixturevalue(storage)
    monkeypatch.setenv("TUNESMITH_TEST_LOG", str(tmp_path / "log"))
    study = tunesmith.create_study(storage=url, study_name="s", artifact_store=tmp_path / "kept", seed=0)
    root = Path(__file__).resolve().parents[2]
    command = [sys.executable, "-m", "tunesmith.worker", "--storage", url, "--study", "s", "--n-trials", "1"]
    dead = subprocess.run(
        [*command, "--quiet", "tests.artifacts.takeover:train"],
        cwd=root,
        env={**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert dead.returncode == -9, dead.stderr
    study.optimize(train, n_trials=1)
    (trial,) = study.trials
    assert (tmp_path / "log").read_text().split() == ["1", "0", "2", "3"], "attempt and first epoch of each run"
    assert (trial.state.name, trial.attempt, list(trial.reports or ())) == ("COMPLETE", 2, [3, 4])
    assert list(trial.intermediate_values) == [0, 1, 2, 3, 4]
    checkpoint = study.artifacts.of(0)["checkpoint/epoch"]
    assert (checkpoint.attempt, study.artifacts.of(0).load("checkpoint/epoch")) == (2, b"5")
    store, space = study.artifacts.pointers.place()
    assert study.artifacts.clean() == 0
    assert study.artifacts.clean(grace=0) == 1, "what the dead worker was writing"
    assert [key for key, _ in store.blobs(space)] == [checkpoint.key]
    study.storage.close()


WORKER = """
import sys
import tunesmith
from tests.artifacts.takeover import stop
from tunesmith.storage.base import Lease
from tunesmith.storage.sql import SQLStorage

storage = SQLStorage(sys.argv[1], lease=Lease(0.1, 1.0))
study = tunesmith.load_study(storage=storage, study_name="s")
study.optimize(stop, n_trials=1)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="a worker is stopped and goes on")
@pytest.mark.parametrize("storage", STORAGES)
def test_a_worker_that_wakes_up_after_its_lease_publishes_nothing(
    storage: str, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = str(tmp_path / "tune.db") if storage == "file" else request.getfixturevalue(storage)
    own = SQLStorage(url, lease=Lease(0.1, 1.0))
    study = tunesmith.create_study(storage=own, study_name="s", artifact_store=tmp_path / "kept", seed=0)
    log = tmp_path / "log"
    monkeypatch.setenv("TUNESMITH_TEST_LOG", str(log))
    root = Path(__file__).resolve().parents[2]
    environment = {**os.environ, "PYTHONPATH": f"{root / 'src'}{os.pathsep}{root}"}
    for number in range(ROUNDS):
        log.write_text("")
        command = [sys.executable, "-W", "ignore", "-c", WORKER, url]
        with subprocess.Popen(command, cwd=root, env=environment, stderr=subprocess.PIPE, text=True) as worker:
            try:
                until(lambda: bool(log.read_text()))
                until(lambda: bool(study.recover()))
                study.optimize(stop, n_trials=1)
                os.kill(worker.pid, signal.SIGCONT)
                _, said = worker.communicate(timeout=LIMIT)
            finally:
                worker.kill()
        assert log.read_text() == f"{worker.pid}" + " refused" * 4, said
        trial = study.trials[number]
        assert (trial.state.name, trial.attempt, trial.value) == ("COMPLETE", 2, 2.0)
        assert {name: study.artifacts.of(number).load(name) for name in study.artifacts.of(number)} == {
            "checkpoint": b"first and second"
        }
    assert sum(len(files) for _, _, files in os.walk(tmp_path / "kept")) == 1
    own.close()


def until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + LIMIT
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
