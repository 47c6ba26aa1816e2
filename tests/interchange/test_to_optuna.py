"""Studies written back: Optuna itself opens them, and finds what it had, or what ours has."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import scipy.stats

import tunesmith as ts
from tunesmith import compat
from tunesmith.cli.main import main
from tunesmith.errors import MissingDependencyError, SourceError

optuna = pytest.importorskip("optuna")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


def opened(path: Path) -> Any:
    if path.suffix == ".log":
        return optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    return optuna.storages.RDBStorage(f"sqlite:///{path}")


def objective(trial: Any) -> float:
    x = trial.suggest_float("x", -5, 5)
    trial.suggest_float("rate", 1e-5, 1, log=True)
    trial.suggest_int("n", 1, 9, step=2)
    if trial.suggest_categorical("kind", ["a", None, 3, True]) == "a":
        trial.suggest_float("lattice", 0, 1, step=0.25)
    for step, value in enumerate([x, math.nan, math.inf]):
        trial.report(value, step)
    trial.set_user_attr("note", {"k": [1, "two"]})
    trial.set_constraint("low", -x)
    if trial.number % 5 == 3:
        raise optuna.TrialPruned
    return math.nan if trial.number % 5 == 4 else -math.inf if trial.number % 5 == 2 else x * x


def facts(trial: Any) -> dict[str, Any]:
    return {
        "number": trial.number,
        "state": trial.state,
        "values": trial.values,
        "params": trial.params,
        "distributions": trial.distributions,
        "user_attrs": trial.user_attrs,
        "fixed": trial.system_attrs.get("fixed_params"),
        "reports": repr(trial.intermediate_values),
        "times": (trial.datetime_start, trial.datetime_complete),
        "constraints": trial.constraints,
    }


@pytest.mark.parametrize("name", ["back.db", "back.log"])
def test_there_and_back(name: str, tmp_path: Path) -> None:
    there = opened(tmp_path / "old.log")
    one = optuna.create_study(study_name="one", storage=there, direction="maximize")
    one.set_user_attr("who", "me")
    one.optimize(objective, 10)
    one.enqueue_trial({"x": 1.5, "kind": None}, user_attrs={"why": "a guess"})
    two = optuna.create_study(study_name="two", storage=there, directions=["minimize", "maximize"])
    two.optimize(lambda trial: (trial.suggest_float("x", 0, 2), math.inf), 3)
    for old in compat.read(tmp_path / "old.log"):
        ours = old.create_study(storage=tmp_path / "tune.db")
        path = tmp_path / (name if name.endswith(".db") else f"{old.name}-{name}")
        assert compat.to_optuna(ours, path) == []
        back = optuna.load_study(study_name=old.name, storage=opened(path))
        theirs = optuna.load_study(study_name=old.name, storage=there)
        assert back.directions == theirs.directions
        assert back.user_attrs == theirs.user_attrs
        assert [facts(t) for t in back.trials] == [facts(t) for t in theirs.trials]
        if old.name == "one":  # and goes on there
            back.optimize(lambda trial: trial.suggest_float("x", -5, 5), 2)
            assert back.trials[10].system_attrs["fixed_params"] == {"x": 1.5, "kind": None}
            assert back.trials[10].state.name == "COMPLETE"


def test_what_only_we_have(tmp_path: Path) -> None:
    space = ts.Space(
        kind=ts.Categorical({"relu": math.exp, "tanh": math.tanh}),
        size=ts.Ordinal(["s", "m", "l"]),
        normal=scipy.stats.norm(0, 1),
        depth=ts.Int(1, 5).when(size="l"),
    )
    study = ts.create_study(study_name="ours", space=space, seed=0)

    def run(trial: ts.Trial) -> float:
        trial.report(0.5, 3)
        if trial.number == 1:
            raise ValueError("no luck")
        return float(trial.number)

    study.optimize(run, 8, catch=ValueError)
    study.ask()
    notes = compat.to_optuna(study, tmp_path / "o.db", "theirs")
    assert notes == ["running trials, which have failed there, so that all keep their numbers: 1"]
    back = optuna.load_study(study_name="theirs", storage=opened(tmp_path / "o.db"))
    assert [t.number for t in back.trials] == list(range(9))
    assert back.trials[8].state.name == "FAIL"
    assert back.trials[8].system_attrs["fail_reason"] == "it was running when it was exported"
    assert back.best_value == 0
    assert back.trials[1].system_attrs["fail_reason"].startswith("ValueError: no luck")
    for theirs, mine in zip(back.trials[:8], study.trials, strict=False):
        names = {math.exp: "exp", math.tanh: "tanh"}
        label = {"exp": "relu", "tanh": "tanh"}[names[mine.params["kind"]]]
        assert theirs.params == {**mine.params, "kind": label}
        assert theirs.distributions["kind"].choices == ("relu", "tanh")
        assert theirs.intermediate_values == {3: 0.5}
    low, high = (f(t.params["normal"] for t in back.trials) for f in (min, max))
    assert back.trials[0].distributions["normal"] == optuna.distributions.FloatDistribution(low, high)


def test_choices_that_grew_become_one_set(tmp_path: Path) -> None:
    study = ts.create_study(study_name="s", seed=0)
    study.optimize(lambda t: float(t.suggest_categorical("k", [1, 2] if t.number < 3 else [2, 3])), 6)
    compat.to_optuna(study, tmp_path / "o.log")
    back = optuna.load_study(study_name="s", storage=opened(tmp_path / "o.log"))
    assert [t.params for t in back.trials] == [t.params for t in study.trials]
    assert {t.distributions["k"].choices for t in back.trials} == {(1, 2, 3)}
    back.optimize(lambda trial: trial.suggest_categorical("k", [1, 2, 3]), 1)


def test_a_name_that_was_a_number_and_a_choice(tmp_path: Path) -> None:
    study = ts.create_study(study_name="s", seed=0)

    def run(trial: ts.Trial) -> float:
        kinds = [lambda: trial.suggest_float("k", 0, 1), lambda: trial.suggest_categorical("k", ["a", "b"])]
        kinds[trial.number % 2]()
        return float(trial.number)

    study.optimize(run, 4)
    compat.to_optuna(study, tmp_path / "o.log")
    back = optuna.load_study(study_name="s", storage=opened(tmp_path / "o.log"))
    assert [t.params for t in back.trials] == [t.params for t in study.trials]


def test_the_command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    for name in "ab":
        study = ts.create_study(storage="tune.db", study_name=name, seed=0)
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 3)
        assert main(["export", "tune.db", "--study", name, "--to", "optuna", "-o", "old.db"]) == 0
    assert "exported b to old.db" in capsys.readouterr().out
    assert optuna.get_all_study_names("sqlite:///old.db") == ["a", "b"]
    assert main(["export", "tune.db", "--study", "a", "--to", "optuna", "-o", "old.db"]) == 1
    assert "has a study 'a' already" in capsys.readouterr().err
    assert main(["export", "tune.db", "--study", "a", "--to", "optuna"]) == 2
    assert main(["export", "tune.db", "--study", "a", "--to", "optuna", "-o", "old.txt"]) == 1
    assert "it ends in .db" in capsys.readouterr().err
    assert main(["export", "tune.db", "--study", "a", "--to", "optuna", "-o", "tune.db"]) == 1
    assert main(["export", "tune.db", "--study", "a", "--to", "optuna", "-o", "no/where.log"]) == 1
    assert main(["import", "old.db", "--storage", "again.db"]) == 0
    assert len(ts.load_study(study_name="b", storage="again.db").trials) == 3


def test_without_optuna(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    study = ts.create_study(study_name="s", seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), 2)
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(MissingDependencyError, match=r"pip install optuna; or write a journal file"):
        compat.to_optuna(study, tmp_path / "o.db")
    assert not (tmp_path / "o.db").exists()
    compat.to_optuna(study, tmp_path / "o.log")
    (back,) = compat.read(tmp_path / "o.log")
    assert [t.params for t in back.trials] == [t.params for t in study.trials]
    with pytest.raises(SourceError, match="is there already; a journal is written to a new file"):
        compat.to_optuna(study, tmp_path / "o.log")


def test_metrics_by_step_have_no_place_in_optuna(tmp_path: Path) -> None:
    study = ts.create_study(seed=0, sampler="random")

    def objective(trial: ts.Trial) -> float:
        if trial.number:
            trial.log({"loss": 0.5}, 0)
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=3)
    notes = compat.to_optuna(study, tmp_path / "old.log")
    assert notes == ["trials that logged metrics by step, for which Optuna has no place: 2"]
