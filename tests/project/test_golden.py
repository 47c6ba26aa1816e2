"""What each release stored, pickled and exported is read by the code of today; golden/make.py wrote it.

docs/stability.md promises it, so a test here is changed only with a new major version.
"""

from __future__ import annotations

import contextlib
import csv
import io
import json
import pickle
import runpy
import shutil
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.cli.main import main

RELEASES = sorted(path for path in (Path(__file__).parent / "golden").iterdir() if path.is_dir())
MAKE = runpy.run_path(str(Path(__file__).parent / "golden" / "make.py"))
BETTER = {"show": ("recommendation", "saved"), "studies": ()}  # what a later release may say otherwise


@pytest.fixture(params=RELEASES, ids=lambda path: path.name)
def release(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of what a release left, as the working folder."""
    copy = Path(shutil.copytree(request.param, tmp_path / request.param.name))
    monkeypatch.chdir(copy)
    return copy


def test_each_release_since_1_0_left_its_files() -> None:
    assert RELEASES[0].name == "1.0.0"
    if ts.__version__.endswith(".0"):  # a release that adds something
        assert ts.__version__ in [path.name for path in RELEASES], "run tests/project/golden/make.py"


def test_a_file_opens_and_goes_on(release: Path) -> None:
    study = ts.load_study(storage="tune.db", study_name="golden")
    assert study.space == MAKE["SPACE"]
    assert (study.user_attrs, study.direction, study.seed) == ({"about": {"golden": True}}, "minimize", 3)
    told = json.loads(Path("trials.json").read_text(encoding="utf-8"))
    assert len(study.trials) == len(told) == 13
    assert [t.state.name for t in study.trials] == [row["state"] for row in told]
    assert [dict(t.params) for t in study.trials[:12]] == [row["params"] for row in told[:12]]
    assert [list(t.values or ()) for t in study.trials[:4]] == [row["values"] for row in told[:4]]
    assert study.trials[0].user_attrs == {"note": [1, None, "größe 模型"]}
    assert study.trials[0].constraints == told[0]["constraints"]
    assert [len(t.intermediate_values) for t in study.trials[:12]] == [3] * 12
    assert study.best_params == json.loads(Path("best.json").read_text(encoding="utf-8"))["params"]
    two = ts.load_study(storage="tune.db", study_name="two")
    assert [tuple(t.values or ()) for t in two.trials] == [(t.params["x"], t.params["n"]) for t in two.trials]
    study.optimize(MAKE["objective"], n_trials=3)
    assert len(study.get_trials(states=(ts.TrialState.COMPLETE,))) == 13
    assert study.trials[12].params == {"kind": "svm", "C": 2.0, "size": "large"}, "what was enqueued is run first"


def test_artifacts_are_read(release: Path, tmp_path: Path) -> None:
    study = ts.load_study(storage="tune.db", study_name="golden")
    assert study.artifacts.download("notes.txt", tmp_path / "notes.txt").read_bytes() == b"of the whole study"
    done = [t.number for t in study.trials if t.state is ts.TrialState.COMPLETE]
    assert len(done) == 10
    for number in done:
        found = study.artifacts.of(number).download("model.txt", tmp_path / f"{number}.txt")
        assert found.read_bytes() == f"trial {number}".encode()


def compared(before: Any, now: Any, where: str, free: tuple[str, ...] = ()) -> None:
    """Raise if what was there is gone or is something else; there may be more."""
    if isinstance(before, dict):
        assert before.keys() <= now.keys(), f"{where}: these keys are gone: {sorted(before.keys() - now.keys())}"
        for key in before.keys() - set(free):
            compared(before[key], now[key], f"{where}.{key}")
    elif isinstance(before, list):
        assert len(before) == len(now), where
        for i, (a, b) in enumerate(zip(before, now, strict=True)):
            compared(a, b, f"{where}[{i}]", free)
    elif where.rpartition(".")[2] in ("started", "finished"):  # shown in the time zone of who asks
        assert moment(now) == moment(before), where
    else:
        assert now == before, where


def moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


@pytest.mark.parametrize("name", MAKE["COMMANDS"])
def test_json_of_commands_keeps_its_keys(name: str, release: Path) -> None:
    with contextlib.redirect_stdout(io.StringIO()) as text:
        assert main(MAKE["COMMANDS"][name]) == 0
    before = json.loads((release / f"{name}.json").read_text(encoding="utf-8"))
    compared(before, json.loads(text.getvalue()), name, BETTER.get(name, ()))


def test_exports_keep_their_columns(release: Path) -> None:
    assert main(["export", "tune.db", "--study", "golden", "-o", "now.csv"]) == 0
    before, now = (
        list(csv.DictReader(io.StringIO((release / name).read_text(encoding="utf-8"))))
        for name in ("export.csv", "now.csv")
    )
    compared(before, now, "export.csv")


def test_a_fitted_search_loads_with_the_scikit_learn_that_wrote_it(release: Path) -> None:
    sklearn = pytest.importorskip("sklearn", reason="needs scikit-learn: pip install 'tunesmith[sklearn]'")
    held = pickle.loads((release / "search.pkl").read_bytes())
    if held["sklearn"] != sklearn.__version__:
        pytest.skip(f"needs scikit-learn {held['sklearn']}, which wrote the pickle")
    found = pickle.loads(held["search"])
    assert (str(found.report_), found.best_params_) == (held["told"], held["best"])
    assert len(found.predict([[5.1, 3.5, 1.4, 0.2]])) == 1
    assert len(found.cv_results_["params"]) == 12


def test_pickles_load_and_go_on(release: Path) -> None:
    if release.name.partition(".")[0] != ts.__version__.partition(".")[0]:
        pytest.skip("pickles are promised within a major version")
    held = {name: pickle.loads(data) for name, data in pickle.loads((release / "pickles.pkl").read_bytes()).items()}

    study = held.pop("study")
    assert (study.user_attrs, len(study.trials), study.trials) == ({"about": {"golden": True}}, 15, held.pop("trials"))
    best = study.best_value
    study.optimize(lambda trial: float(trial.params["C"]), n_trials=3)
    assert len(study.trials) == 18
    assert study.best_value <= best

    space = held.pop("space")
    assert space == ts.Space(
        kind=ts.Categorical(["svm", "tree", None]),
        depth=ts.Int(1, 8).when(kind="tree"),
        C=ts.Float(1e-3, 1e3, log=True),
        size=ts.Ordinal(["small", "large"]),
    )
    chosen = held.pop("selection")
    assert chosen.index == 0
    assert chosen.interval[0] <= chosen.value <= chosen.interval[1]

    samplers = {name: value for name, value in held.items() if name.startswith("sampler ")}
    others = {name: value for name, value in held.items() if name.startswith("pruner ")}
    assert samplers
    assert others
    for name, sampler in samplers.items():
        again = ts.create_study(space=space, seed=1, sampler=sampler)
        again.optimize(lambda trial: float(trial.params["C"]), n_trials=2)
        assert len(again.trials) == 2, name
    for name, pruner in others.items():
        again = ts.create_study(space=space, seed=1, pruner=pruner)
        again.optimize(reports, n_trials=3)
        assert len(again.trials) == 3, name


def reports(trial: ts.Trial) -> float:
    for step in range(3):
        trial.report(float(trial.params["C"]), step)
        if trial.should_prune():
            raise ts.TrialPruned
    return float(trial.params["C"])
