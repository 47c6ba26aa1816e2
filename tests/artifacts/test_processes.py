"""Artifacts of trials that run in worker processes."""

from __future__ import annotations

import os

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
