"""What is unpickled, and where: never what a storage holds."""

from __future__ import annotations

import ast
import base64
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import cloudpickle
import pytest

import tunesmith as ts
from tunesmith.cli.main import main

SOURCE = Path(ts.__file__).parent
LOADERS = {"pickle", "cloudpickle", "joblib", "dill", "torch", "shelve", "np", "numpy"}
# Where something is unpickled, and what: a page of the documentation says the same (docs/storage.md).
ALLOWED = {
    "compat/hyperopt/fmin.py": "trials_save_file=, which the user names",
    "compat/hyperopt/plotting.py": "an attachment of Trials in memory",
    "compat/ray/tune/trainable.py": "a checkpoint that a Trainable returned as a dict",
    "compat/ray/tune/tuner.py": "Tuner.restore, of a folder that the user names",
    "interchange/hyperopt.py": "a pickle that the user says to trust",
    "executors": "pipes and connections of a driver and its workers",
    "integrations/keras.py": "a checkpoint",
    "integrations/lightning_epochs.py": "a checkpoint",
    "integrations/ray_tune.py": "a checkpoint of Ray's",
    "integrations/torch_distributed.py": "its own copy of an error",
    "sklearn/evaluate": "what a search sends to its workers",
    "testing": "its own copies",
    "trial/epochs.py": "a checkpoint",
    "trial/objects.py": "a part of it",
}


def unpickling(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.module in LOADERS:
            yield from (alias.name for alias in node.names if alias.name in ("load", "loads", "Unpickler"))
        if not isinstance(node, ast.Attribute) or node.attr not in ("load", "loads", "Unpickler", "open"):
            continue
        if isinstance(node.value, ast.Name) and node.value.id in LOADERS:
            yield f"{node.value.id}.{node.attr}"


def test_only_these_places_unpickle() -> None:
    found = {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if any(unpickling(path))}
    unknown = {name for name in found if not any(name == a or name.startswith(f"{a}/") for a in ALLOWED)}
    assert not unknown, f"say in ALLOWED and in docs/storage.md what is unpickled there: {sorted(unknown)}"
    unused = {a for a in ALLOWED if not any(name == a or name.startswith(f"{a}/") for name in found)}
    assert not unused


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, ("exploded",)


@pytest.fixture
def _no_pickles(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> NoReturn:
        raise AssertionError("something was unpickled")

    for module in (pickle, cloudpickle):
        monkeypatch.setattr(module, "loads", refuse)
        monkeypatch.setattr(module, "load", refuse)
    monkeypatch.setattr(pickle, "Unpickler", refuse)


@pytest.mark.usefixtures("_no_pickles")
def test_a_storage_with_pickles_in_it_is_only_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    bomb = base64.b64encode(pickle.dumps(Bomb())).decode()
    study = ts.create_study(storage="tune.db", study_name="s", seed=0)
    study.set_user_attr("hyperopt_result", bomb)

    def objective(trial: ts.Trial) -> float:
        trial.set_user_attr("hyperopt_result", bomb)
        trial.artifacts.save("model.pkl", pickle.dumps(Bomb()))
        trial.suggest_categorical("kind", {"exp": len, "tanh": max})
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=12)
    for command in ("show", "best", "trials", "studies", "importance"):
        assert main([command, "tune.db"]) == 0
    assert main(["report", "tune.db", "-o", "report.html"]) == 0
    assert main(["export", "tune.db", "-o", "trials.csv"]) == 0
    assert main(["copy", "tune.db", "copy.db"]) == 0
    again = ts.load_study(storage="copy.db", study_name="s")
    again.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert not Path("exploded").exists()
