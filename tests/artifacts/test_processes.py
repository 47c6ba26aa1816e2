"""Artifacts of trials that run in worker processes."""

from __future__ import annotations

import os
import signal
import threading

import pytest

import tunesmith
from tunesmith import Trial
from tunesmith.errors import ArtifactError, ArtifactNotFoundError


def objective(trial: Trial) -> float:
    x = trial.suggest_float("x", 0, 1)
    own = trial.artifacts
    own.save("model", str(x).encode())
    own.copy_from(trial.number, "model", "copy")
    own.save("gone", b"1")
    own.remove("gone")
    with pytest.raises(ArtifactNotFoundError):
        own.load("gone")
    own.save("pid", str(os.getpid()).encode())
    assert list(own) == ["copy", "model", "pid"]
    assert own.load("copy") == str(x).encode()
    return x


def test_workers_save_and_load() -> None:
    study = tunesmith.create_study(seed=0)
    study.optimize(objective, n_trials=4, n_jobs=2)
    for trial in study.trials:
        own = study.artifacts.of(trial.number)
        assert own.load("model") == own.load("copy") == str(trial.params["x"]).encode()
        assert own.load("pid") != str(os.getpid()).encode()
        assert own["model"].attempt == 1


def test_a_place_that_the_driver_does_not_see_is_an_error() -> None:
    """A store in the memory of the worker stands for the disk of another machine."""
    pytest.importorskip("fsspec", reason="needs fsspec: pip install fsspec")
    study = tunesmith.create_study(seed=0, artifact_store="memory://here")
    with pytest.raises(ArtifactError, match=r"artifact 'model' was written by a worker to memory://here.*other|reach"):
        study.optimize(objective, n_trials=1, n_jobs=2)
    assert study.artifacts.everything() == []


def save_until_terminated(trial: Trial) -> float:
    """Save and ask until SIGTERM comes, at any moment of that; then save what there is."""
    if trial.attempt > 1:
        return float(trial.artifacts.load("last"))
    delay = 0.3 + 0.003 * trial.number
    threading.Timer(delay, os.kill, (os.getpid(), signal.SIGTERM)).start()
    count = 0
    try:
        while True:
            count += 1
            if count % 50 == 1:
                trial.artifacts.save("checkpoint", str(count).encode())
            list(trial.artifacts)  # most of the time an answer is waited for
    finally:
        trial.artifacts.save("last", str(count).encode())


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="needs SIGTERM")
def test_a_worker_that_is_asked_to_end_saves_a_last_checkpoint() -> None:
    """The answer to the question that SIGTERM interrupted is not taken for that to the last one."""
    study = tunesmith.create_study(seed=0)
    study.optimize(save_until_terminated, n_trials=8, n_jobs=2)
    for trial in study.trials:
        own = study.artifacts.of(trial.number)
        last, checkpoint = int(own.load("last")), int(own.load("checkpoint"))
        assert (trial.state.name, trial.attempt, trial.value) == ("COMPLETE", 2, float(last))
        assert last - 50 <= checkpoint <= last
