"""Every command bears values near the largest number that there is: no traceback, and no warning of the arithmetic."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tunesmith as ts
from tunesmith.cli.main import main

VALUES = (1e308, -1e308, 1e308, -1.7e308, 5e-324, 0.3, 0.2, 0.7, -1e154, 1e200)
COMMANDS = (
    ["show"],
    ["show", "--json"],
    ["best"],
    ["trials"],
    ["importance"],
    ["explain"],
    ["report", "-o", "r.html"],
    ["report", "-o", "r.md"],
    ["export", "-o", "e.csv"],
    *(["plot", figure] for figure in ("history", "slice", "contour", "importances", "belief", "edf", "rank")),
)


@pytest.fixture(scope="module")
def storage(tmp_path_factory: pytest.TempPathFactory) -> str:
    place = tmp_path_factory.mktemp("largest") / "tune.db"
    study = ts.create_study(storage=place, study_name="s", seed=0)
    space = {"x": "float(0, 1)", "y": "log(1e-5, 1)", "z": "a | b"}
    trials = iter(VALUES)
    with np.errstate(over="raise", invalid="raise"):
        study.optimize(lambda params: next(trials), space=space, n_trials=len(VALUES))
    return str(place)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_bears_the_largest_values(
    words: list[str], storage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if words[0] == "plot":
        pytest.importorskip("plotly")
        assert main([*words[:2], storage, *words[2:]]) == 0
    else:
        assert main([words[0], storage, *words[1:]]) == 0


def test_the_best_points_are_confirmed(storage: str) -> None:
    study = ts.load_study(study_name="s", storage=storage)
    report = study.confirm(
        lambda trial: -1e308 if trial.suggest_categorical("z", ["a", "b"]) == "a" else 1e308, top_k=2, repeats=2
    )
    assert all(len(line) < 500 for line in str(report).splitlines())
