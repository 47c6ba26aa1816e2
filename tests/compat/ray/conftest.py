"""Short searches in the manner of Ray Tune's examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tunesmith.compat.ray import tune

Fit = Callable[..., tune.ResultGrid]


@pytest.fixture
def fit(tmp_path: Path) -> Fit:
    """Return what runs a search in threads, since a callback is given, and returns its results."""

    def run(trainable: Any, space: Any = None, run: dict[str, Any] | None = None, **how: Any) -> tune.ResultGrid:
        where = {"name": "exp", "storage_path": tmp_path, "verbose": 0, "callbacks": [tune.Callback()], **(run or {})}
        how = {"metric": "loss", "mode": "min", **how}
        tuner = tune.Tuner(
            trainable, param_space=space, tune_config=tune.TuneConfig(**how), run_config=tune.RunConfig(**where)
        )
        return tuner.fit()

    return run
