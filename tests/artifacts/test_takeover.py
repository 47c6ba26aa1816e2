"""A worker dies in the middle of a checkpoint; the one that takes its trial over goes on from the checkpoint before."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.artifacts.takeover import train

import tunesmith

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
    study.engine.storage.close()
