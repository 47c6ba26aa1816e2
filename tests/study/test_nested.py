"""Nested choices in studies: objectives, records, tables and enqueued points have one shape."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tunesmith
from tunesmith import Choice, Float, Int
from tunesmith.errors import SpaceError

MODEL = Choice(
    {
        "svm": {"C": Float(0.1, 10, log=True), "kernel": ["linear", "rbf"], "gamma": Float(0, 1).when(kernel="rbf")},
        "forest": {"depth": Int(1, 12)},
    }
)
SPACE = {"model": MODEL, "lr": Float(0, 1)}
POINT = {"model": {"type": "forest", "depth": 3}, "lr": 0.5}


def loss(model: dict[str, Any], lr: float) -> float:
    return lr + (model["C"] if model["type"] == "svm" else model["depth"])


def by_trial(trial: Any) -> float:
    model = trial.suggest("model", MODEL)
    assert trial.suggest("model", MODEL) == model == trial.params["model"]
    return loss(model, trial.suggest_float("lr", 0, 1))


@pytest.mark.parametrize("sampler", ["random", "tpe", "gp", "auto"])
def test_every_way_to_search_has_the_same_points(sampler: str) -> None:
    declared = tunesmith.minimize(loss, SPACE, n_trials=12, sampler=sampler, seed=0)
    asked = tunesmith.create_study(sampler=sampler, seed=0)
    asked.optimize(by_trial, n_trials=12)
    for study in (declared, asked):
        kinds = set()
        for trial in study.trials:
            model = trial.params["model"]
            kinds.add(model["type"])
            assert trial.value == loss(**trial.params)
            assert set(model) <= ({"type", "C", "kernel", "gamma"} if model["type"] == "svm" else {"type", "depth"})
            assert ("gamma" in model) == (model.get("kernel") == "rbf")
            assert study.space is not None
            assert dict(study.space.flat(trial.params)) == trial.flat_params
        assert kinds == {"svm", "forest"}
        assert study.best_value == loss(**study.best_params)


def test_a_stored_study_goes_on_with_the_same_points(tmp_path: Path) -> None:
    url = str(tmp_path / "tune.db")
    first = tunesmith.create_study(storage=url, study_name="s", seed=0, space=SPACE)
    first.optimize(loss, n_trials=4, space=SPACE)
    again = tunesmith.load_study(storage=url, study_name="s")
    assert [t.params for t in again.trials] == [t.params for t in first.trials]
    again.optimize(loss, n_trials=4, space=SPACE)
    assert len({str(t.params) for t in again.trials}) == 8
    asked = tunesmith.create_study(storage=url, study_name="asked", seed=0)
    asked.optimize(by_trial, n_trials=5)
    loaded = tunesmith.load_study(storage=url, study_name="asked")
    assert [t.params for t in loaded.trials] == [t.params for t in asked.trials]
    assert loaded.space == asked.space


@pytest.mark.parametrize("declared", [True, False])
def test_an_enqueued_point_is_nested_too(declared: bool, recwarn: pytest.WarningsRecorder) -> None:
    study = tunesmith.create_study(seed=0, space=SPACE if declared else None)
    study.enqueue_trial(POINT)
    study.enqueue_trial({"model": {"type": "svm", "C": 2.0}})
    for _ in range(2):
        study.enqueue_trial(POINT, skip_if_exists=True)
    if declared:
        study.optimize(loss, n_trials=3, space=SPACE)
    else:
        study.optimize(by_trial, n_trials=3)
    assert study.trials[0].params == POINT
    assert study.trials[1].params["model"]["C"] == 2.0
    assert study.trials[2].params != POINT
    study.enqueue_trial(POINT, skip_if_exists=True)
    assert len(study.trials) == 3
    assert not recwarn.list
    if declared:
        with pytest.raises(SpaceError, match="fits none of the 2 options"):
            study.enqueue_trial({"model": {"type": "svm", "depth": 3}})


def test_tables_have_the_names_of_columns() -> None:
    study = tunesmith.minimize(loss, SPACE, n_trials=6, seed=0)
    frame = study.trials_dataframe()
    assert {"params_model", "params_model.svm.C", "params_model.forest.depth", "params_lr"} <= set(frame.columns)
    other = tunesmith.create_study(space=SPACE)
    other.add_trials(study)
    assert [t.params for t in other.trials] == [t.params for t in study.trials]


def test_trials_run_in_processes() -> None:
    study = tunesmith.minimize(loss, SPACE, n_trials=4, n_jobs=2, seed=0)
    assert all(t.value == loss(**t.params) for t in study.trials)
    asked = tunesmith.create_study(seed=0)
    asked.optimize(by_trial, n_trials=4, n_jobs=2)
    assert all(t.value == loss(**t.params) for t in asked.trials)


def test_a_search_of_an_estimator_refuses_them_with_what_to_write() -> None:
    from sklearn.linear_model import Ridge

    from tunesmith.sklearn import SearchCV

    with pytest.raises(SpaceError, match="write a list of dicts"):
        SearchCV(Ridge(), {"alpha": MODEL}, n_trials=2).fit([[0.0], [1.0], [2.0], [3.0]] * 5, [0.0, 1.0, 2.0, 3.0] * 5)
