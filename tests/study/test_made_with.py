"""A study keeps the sampler and the pruner that it was made with, where they are names of the registry and data."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith import Float
from tunesmith.foundation import registry
from tunesmith.pruners import HyperbandPruner, MedianPruner, NopPruner, PatientPruner, ThresholdPruner
from tunesmith.samplers import (
    CmaEsSampler,
    GridSampler,
    PopulationBasedTraining,
    QMCSampler,
    RandomSampler,
    Sampler,
    TPESampler,
)
from tunesmith.study.create import MADE_WITH, describe_made, make_again
from tunesmith.worker.command import main as worker

NAME = "kept"


class MySampler(RandomSampler):
    """Of the user's, and not registered."""


def f(trial: ts.Trial) -> float:
    return (trial.suggest_float("x", -3, 3) - 1) ** 2 + trial.suggest_float("y", -3, 3) ** 2


@pytest.fixture(params=["memory", "sqlite"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    from tunesmith.storage.memory import MemoryStorage

    return MemoryStorage() if request.param == "memory" else tmp_path / "tune.db"


def create(storage: Any, **options: Any) -> ts.Study:
    return ts.create_study(storage=storage, study_name=NAME, load_if_exists=True, seed=0, **options)


def load(storage: Any, **options: Any) -> ts.Study:
    return ts.load_study(storage=storage, study_name=NAME, **options)


def params(study: ts.Study) -> list[Any]:
    return [t.params for t in study.trials]


@pytest.mark.parametrize("again", [load, create])
@pytest.mark.parametrize(
    "make",
    [
        lambda: "tpe",
        lambda: TPESampler(n_startup_trials=3, n_ei_candidates=8),
        lambda: QMCSampler("halton", seed=5),
        lambda: CmaEsSampler(),
    ],
)
def test_a_study_goes_on_with_the_sampler_that_it_was_made_with(
    storage: Any, make: Callable[[], Any], again: Callable[..., ts.Study]
) -> None:
    whole = ts.create_study(seed=0, sampler=make())
    whole.optimize(f, n_trials=12)
    create(storage, sampler=make()).optimize(f, n_trials=6)
    loaded = again(storage)
    assert type(loaded.sampler) is type(whole.sampler)
    loaded.optimize(f, n_trials=6)  # and warns of nothing
    assert params(loaded) == params(whole)


def test_the_pruner_is_kept_too_and_what_it_wraps(storage: Any) -> None:
    create(storage, pruner=PatientPruner(HyperbandPruner(2, reduction_factor=4), patience=2, min_delta=0.5))
    found = load(storage).pruner
    assert isinstance(found, PatientPruner)
    assert isinstance(found.wrapped_pruner, HyperbandPruner)
    assert (found.patience, found.min_delta) == (2, 0.5)
    assert (found.wrapped_pruner.min_resource, found.wrapped_pruner.reduction_factor) == (2, 4)


def test_a_sampler_brings_its_pruner_along(storage: Any) -> None:
    create(storage, sampler=PopulationBasedTraining(4, interval=3))
    found = load(storage)
    assert isinstance(found.sampler, PopulationBasedTraining)
    assert (found.pruner.name, getattr(found.pruner, "interval", None)) == ("interval", 3)
    assert load(storage, pruner="nop").pruner.name == "nop"


def test_a_study_with_the_defaults_stores_nothing(storage: Any) -> None:
    for options in ({}, {"sampler": "auto", "pruner": "auto"}):
        assert create(storage, **options).system_attrs == {}
    assert load(storage).sampler.name == "auto"


@pytest.mark.parametrize("again", [load, create])
def test_another_one_is_told_once(storage: Any, again: Callable[..., ts.Study]) -> None:
    create(storage, sampler=TPESampler(n_startup_trials=3), pruner="median")
    study = again(storage, sampler="random", pruner="nop")
    with pytest.warns(UserWarning, match="made with") as told:
        study.optimize(f, n_trials=2)
    assert [str(w.message) for w in told] == [
        "the study 'kept' was made with sampler=tpe(n_startup_trials=3), and goes on with random here; leave out "
        "sampler= to go on as before",
        "the study 'kept' was made with pruner=median, and goes on with nop here; leave out pruner= to go on as before",
    ]
    assert study.sampler.name == "random"
    study.optimize(f, n_trials=2)
    study.ask()
    assert load(storage).sampler.name == "tpe", "the next one goes on as it was made"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again(storage, sampler="random").best_trial  # noqa: B018 - who only looks is told nothing


def test_the_same_one_is_not_told(storage: Any) -> None:
    for _ in range(2):
        create(storage, sampler=TPESampler(3), pruner=MedianPruner(n_warmup_steps=2)).optimize(f, n_trials=1)
    load(storage, sampler=TPESampler(n_startup_trials=3)).optimize(f, n_trials=1)


@pytest.mark.parametrize(
    ("sampler", "words"),
    [
        (MySampler(), r"sampler=tests\.study\.test_made_with\.MySampler, .*\(it is not in the registry\)"),
        (GridSampler({"x": (0, 1), "y": (0, 1)}), r"sampler=grid, .*\(its arguments are no data\)"),
        (GridSampler({"x": np.array([0, 1.5]), "y": [0, 1]}), r"sampler=grid, .*\(its arguments are no data\)"),
    ],
)
def test_what_is_no_data_is_told_when_it_is_missed(storage: Any, sampler: Sampler, words: str) -> None:
    create(storage, sampler=sampler).optimize(f, n_trials=1)
    load(storage, sampler=sampler).optimize(f, n_trials=1)
    study = load(storage)
    with pytest.warns(UserWarning, match=words + ", and goes on with 'auto'; give sampler="):
        study.ask()


def test_what_another_version_stored_is_told(storage: Any) -> None:
    study = create(storage)
    for stored in (
        {"samplers": {"name": "tpe", "args": {"n_startup_trials": 0}}},
        {"samplers": {"name": "tpe", "args": {"sort": "of"}}},
        {"samplers": {"name": "next-year", "args": {}}},
        {"samplers": ["tpe"]},
    ):
        study.set_system_attr(MADE_WITH, stored)
        with pytest.warns(UserWarning, match="which is not stored with it"):
            load(storage).optimize(f, n_trials=1)
    for stored in (7, None, {"samplers": None}):
        study.set_system_attr(MADE_WITH, stored)
        load(storage).optimize(f, n_trials=1)


def test_what_was_made_before_this_goes_on_as_it_did(storage: Any) -> None:
    create(storage, sampler="tpe").set_system_attr(MADE_WITH, None)
    assert load(storage).sampler.name == "auto"
    load(storage, sampler="random").optimize(f, n_trials=1)


def test_a_copy_goes_on_like_its_original(storage: Any, tmp_path: Path) -> None:
    create(storage, sampler=TPESampler(3), pruner="nop")
    copy = ts.copy_study(from_study_name=NAME, from_storage=storage, to_storage=tmp_path / "copy.db")
    assert (copy.sampler.name, copy.pruner.name) == ("tpe", "nop")


def test_workers_and_commands_take_it_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from tunesmith.cli.main import main

    create(tmp_path / "tune.db", sampler=RandomSampler(), space={"x": Float(0, 1)})
    (tmp_path / "objective.py").write_text("def f(params): return params['x']\n")
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    assert worker(["--storage", url, "--study", NAME, "--n-trials", "3", "--space", "space:space", "objective:f"]) == 2
    (tmp_path / "space.py").write_text("from tunesmith import Float\nspace = {'x': Float(0, 1)}\n")
    assert worker(["--storage", url, "--study", NAME, "--n-trials", "3", "--space", "space:space", "objective:f"]) == 0
    whole = ts.create_study(seed=0, sampler="random", space={"x": Float(0, 1)})
    whole.optimize(lambda p: p["x"], n_trials=4, space={"x": Float(0, 1)})
    assert params(load(tmp_path / "tune.db")) == params(whole)[:3]
    assert main(["ask", "--storage", str(tmp_path / "tune.db"), "--study", NAME]) == 0
    assert params(load(tmp_path / "tune.db")) == params(whole)


@pytest.mark.parametrize("kind", ["samplers", "pruners"])
def test_whatever_is_registered_is_made_again(kind: str) -> None:
    for name in registry.names(kind):
        made = registry.load_registered(kind, name)()
        stored = json.loads(json.dumps(describe_made(kind, made)))
        assert stored == {"name": name, "args": {}}
        assert type(make_again(kind, stored)) is type(made)


def test_arguments_by_place_and_by_name_are_the_same() -> None:
    assert describe_made("samplers", TPESampler(3)) == describe_made("samplers", TPESampler(n_startup_trials=3))
    kept = describe_made("pruners", ThresholdPruner(lower=-np.inf, upper=np.float64(2)))
    assert make_again("pruners", kept).upper == (2.0,)
    assert "args" not in describe_made("pruners", PatientPruner(type("Mine", (NopPruner,), {})()))
