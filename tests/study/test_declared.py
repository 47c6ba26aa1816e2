"""Declared spaces: `minimize`, `maximize`, `optimize(fn, space=...)`."""

from __future__ import annotations

from typing import Any

import pytest

import tunesmith as ts
from tunesmith.space import Float, Int

SPACE = {"lr": Float(1e-4, 1.0, log=True), "layers": Int(1, 4)}


def test_two_lines() -> None:
    study = ts.minimize(lambda lr, layers: abs(lr - 0.01) + layers, SPACE, n_trials=60, seed=0)
    assert study.best_params["layers"] == 1
    assert study.best_value == min(t.value for t in study.trials if t.value is not None)
    assert ts.maximize(lambda p: p["lr"], SPACE, n_trials=20, seed=0).best_value > 0.01


def test_the_parameters_come_as_a_dict_or_as_keywords() -> None:
    def as_dict(params: dict[str, Any]) -> float:
        return float(params["lr"])

    def as_keywords(lr: float, layers: int) -> float:
        return lr

    def as_any(**params: Any) -> float:
        return float(params["lr"])

    def with_trial(params: dict[str, Any], trial: ts.Trial) -> float:
        trial.set_user_attr("seen", True)
        return float(params["lr"])

    best = {f.__name__: ts.minimize(f, SPACE, n_trials=5, seed=0) for f in (as_dict, as_keywords, as_any, with_trial)}
    assert len({s.best_value for s in best.values()}) == 1
    assert best["with_trial"].trials[0].user_attrs == {"seen": True}


def test_arguments_that_do_not_fit_are_refused_before_the_first_trial() -> None:
    def wrong(lr: float, depth: int) -> float:
        return lr

    study = ts.create_study(seed=0)
    with pytest.raises(TypeError, match=r"takes \(lr, depth\) and the space has \(layers, lr\)"):
        study.optimize(wrong, n_trials=3, space=SPACE)
    assert study.trials == []


def test_conditional_parameters_need_a_default() -> None:
    space = {"model": ["a", "b"], "C": Float(0, 1).when(model="a")}

    def strict(model: str, C: float) -> float:
        return C

    def lenient(model: str, C: float | None = None) -> float:
        return 1.0 if C is None else C

    with pytest.raises(TypeError, match="default"):
        ts.minimize(strict, space, n_trials=3)
    study = ts.minimize(lenient, space, n_trials=20, seed=0)
    assert {frozenset(t.params) for t in study.trials} == {frozenset({"model"}), frozenset({"model", "C"})}


def test_a_list_of_dicts_is_a_union() -> None:
    space = [{"kernel": ["rbf"], "gamma": Float(0.1, 1)}, {"kernel": ["linear"]}]
    study = ts.minimize(lambda p: p.get("gamma", 2.0), space, n_trials=20, seed=0)
    for t in study.trials:
        assert set(t.params) == ({"kernel", "gamma"} if t.params["kernel"] == "rbf" else {"kernel"})


def test_constraints_hold_in_every_trial() -> None:
    space = ts.Space(low=Float(0, 1), high=Float(0, 1), constraints=lambda low, high: low < high)
    study = ts.minimize(lambda low, high: high - low, space, n_trials=30, seed=0)
    assert all(t.params["low"] < t.params["high"] for t in study.trials)


def test_n_trials_counts_the_trials_of_the_study(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "tune.db"
    for total in (4, 10, 10):
        study = ts.minimize(lambda p: p["lr"], SPACE, n_trials=total, seed=1, storage=file, study_name="s")
        assert len(study.trials) == total
    again = ts.minimize(lambda p: p["lr"], SPACE, n_trials=10, seed=1)
    assert [t.params for t in study.trials] == [t.params for t in again.trials], "as if it had not stopped"


def test_first_proposals_of_a_declared_space_are_joint() -> None:
    study = ts.create_study(seed=0, space=SPACE)
    trial = study.ask()
    assert study.trials[0].params.keys() == SPACE.keys(), "known before the objective runs"
    assert trial.suggest_float("lr", 1e-4, 1.0, log=True) == study.trials[0].params["lr"]


def test_no_space() -> None:
    with pytest.raises(TypeError, match="create_study"):
        ts.minimize(lambda p: 0.0, None)


@pytest.mark.parametrize("jobs", [None, 2])
def test_a_parameter_that_is_not_active_says_so(jobs: int | None) -> None:
    space = {"opt": "sgd | adam", "momentum": "float(0, 1) if opt == sgd"}

    def objective(params: dict[str, Any]) -> float:
        assert type(params) is dict
        return float(params["momentum"])

    with pytest.raises(KeyError) as raised:
        ts.minimize(objective, space, n_trials=20, seed=0, n_jobs=jobs)
    assert raised.value.args == ("momentum",)
    note = raised.value.__notes__[0]
    assert note.startswith("'momentum' is not active in this trial: Float(0.0, 1.0) if opt == 'sgd'")
    assert "params.get('momentum')" in note
    study = ts.minimize(objective, space, n_trials=20, seed=0, catch=KeyError)
    assert all("not active in this trial" in str(t.reason) for t in study.trials if t.params["opt"] == "adam")


def test_a_parameter_of_another_name_is_told() -> None:
    with pytest.raises(KeyError) as raised:
        ts.minimize(lambda params: params["layer"], SPACE, n_trials=1)
    assert raised.value.__notes__ == ["the space has no parameter 'layer'; did you mean 'layers'?"]
    with pytest.raises(KeyError) as raised:
        ts.minimize(lambda params: {}["something else"], SPACE, n_trials=1)
    assert not hasattr(raised.value, "__notes__")
