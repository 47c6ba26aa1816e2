"""Writes a folder named for the version: what a release stores, pickles and exports, for the tests of later releases.

    python tests/project/golden/make.py

Run it once for each release, after the version is set, and commit the folder. ``tests/project/test_pickles.py`` and
``tests/project/test_golden.py`` read it for as long as docs/stability.md promises.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import pickle
import platform
import shutil
import sqlite3
import warnings
from pathlib import Path

import numpy as np

import tunesmith as ts
from tunesmith import pruners, samplers, selection
from tunesmith.cli.main import main

SAMPLERS = tuple(name for name in samplers.__all__ if name != "Sampler")
PRUNERS = tuple(name for name in pruners.__all__ if name not in ("Pruner", "Decision"))
SETTINGS = {"GridSampler": {"resolution": 5}}
SPACE = ts.Space(
    kind=ts.Categorical(["svm", "tree", None]),
    depth=ts.Int(1, 8).when(kind="tree"),
    C=ts.Float(1e-3, 1e3, log=True),
    size=ts.Ordinal(["small", "large"]),
)
# Commands whose JSON is promised, by the file that keeps what they print.
COMMANDS = {
    "studies": ["studies", "tune.db", "--json"],
    "show": ["show", "tune.db", "--study", "golden", "--json"],
    "best": ["best", "tune.db", "--study", "golden", "--json"],
    "trials": ["trials", "tune.db", "--study", "golden", "--json"],
    "export": ["export", "tune.db", "--study", "golden", "--format", "json"],
}


def objective(trial: ts.Trial) -> float:
    return abs(float(trial.params["C"]) - 1) + 0.1 * trial.params.get("depth", 0)


def whole(trial: ts.Trial) -> float:
    """Use all that a trial can store."""
    value = objective(trial)
    trial.set_user_attr("note", [1, None, "größe 模型"])
    trial.set_constraint("memory", value - 5)
    for step in range(3):
        trial.report(value + 1 / (1 + step), step)
    if trial.number == 4:
        return float("nan")  # without a traceback, which names folders
    if trial.number == 5:
        raise ts.TrialPruned
    trial.artifacts.save("model.txt", f"trial {trial.number}".encode())
    return value


def objects() -> dict[str, object]:
    """What has a promise in docs/stability.md, by name."""
    study = ts.create_study(space=SPACE, seed=7, sampler=samplers.TPESampler(), pruner=pruners.MedianPruner())
    study.set_user_attr("about", {"golden": True})
    study.optimize(objective, n_trials=15)
    losses = np.arange(20.0).reshape(5, 4) % 7
    return {
        "study": study,
        "space": study.space,
        "trials": study.trials,
        "selection": selection.select_by_rows(losses),
        **{f"sampler {name}": getattr(samplers, name)(**SETTINGS.get(name, {})) for name in SAMPLERS},
        **{f"pruner {name}": getattr(pruners, name)() for name in PRUNERS},
    }


def search() -> dict[str, object]:
    """A fitted search, and the version of scikit-learn that it needs."""
    import sklearn
    from sklearn.datasets import load_iris
    from sklearn.linear_model import LogisticRegression

    from tunesmith.sklearn import SearchCV

    found = SearchCV(LogisticRegression(max_iter=500), {"C": "log(1e-3, 1e3)"}, n_trials=12, random_state=0)
    found.fit(*load_iris(return_X_y=True))
    return {"sklearn": sklearn.__version__, "told": str(found.report_), "best": found.best_params_, "search": found}


def store() -> None:
    """Write tune.db, its artifacts, and what commands print of it, to the working folder."""
    study = ts.create_study(storage="tune.db", study_name="golden", direction="minimize", space=SPACE, seed=3)
    study.set_user_attr("about", {"golden": True})
    study.optimize(whole, n_trials=12)
    study.enqueue_trial({"kind": "svm", "C": 2.0, "size": "large"})
    study.artifacts.save("notes.txt", b"of the whole study")
    two = ts.create_study(storage="tune.db", study_name="two", directions=["minimize", "maximize"], seed=3)
    two.optimize(lambda trial: (trial.suggest_float("x", -1, 1), trial.suggest_int("n", 1, 9)), n_trials=5)
    for name, words in COMMANDS.items():
        Path(f"{name}.json").write_text(printed(words), encoding="utf-8")
    main(["export", "tune.db", "--study", "golden", "-o", "export.csv"])
    with contextlib.closing(sqlite3.connect("tune.db")) as connection:
        connection.execute("VACUUM")


def printed(words: list[str]) -> str:
    """Return what a command prints."""
    with contextlib.redirect_stdout(io.StringIO()) as text:
        if main(words) != 0:
            raise SystemExit(f"{words} failed")
    return text.getvalue()


if __name__ == "__main__":
    platform.node = lambda: "golden"  # what a storage keeps of the machine
    place = Path(__file__).parent / ts.__version__
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    os.chdir(place)
    warnings.simplefilter("ignore")
    store()
    made = {name: pickle.dumps(value, protocol=4) for name, value in objects().items()}
    Path("pickles.pkl").write_bytes(pickle.dumps(made, protocol=4))
    Path("search.pkl").write_bytes(pickle.dumps(search() | {"search": pickle.dumps(search()["search"])}, protocol=4))
    print(json.dumps({path.name: path.stat().st_size for path in sorted(place.rglob("*")) if path.is_file()}, indent=1))
