"""The evaluators that use a model: variance shares, Shapley values of tunability, the ablation path."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.importance.studies import box, random_study

import tunesmith as ts
from tunesmith.importance import Ablation, Shapley, importance


@pytest.fixture(autouse=True)
def _few_shuffles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Most tests look at values and intervals; each shuffle costs a fit."""
    monkeypatch.setattr("tunesmith.importance.model.SHUFFLES", 3)
    monkeypatch.setattr("tunesmith.importance.fanova.POINTS", 2048)


def shares(p: dict[str, float], r: np.random.Generator) -> float:
    return math.sqrt(1.6) * math.sin(2 * math.pi * p["x0"]) + math.sqrt(2.4) * (p["x1"] - 0.5)  # 0.8 and 0.2


# ------------------------------------------------------------------------------------------------------------- fanova


@pytest.mark.slow
@pytest.mark.parametrize("noise", [0.0, 0.3])
def test_the_intervals_hold_the_shares_of_variance(noise: float) -> None:
    truth = {"x0": 0.8 / (1.0 + noise**2), "x1": 0.2 / (1.0 + noise**2), "x2": 0.0}
    held = []
    for seed in range(4):
        study = random_study(lambda p, r: shares(p, r) + noise * r.normal(), box(3), 100, seed)
        table = importance(study, evaluator="fanova")
        held += [table[name].interval[0] <= value <= table[name].interval[1] for name, value in truth.items()]
    assert np.mean(held) >= 0.9


def test_a_product_is_a_pair_and_no_main_effect() -> None:
    study = random_study(lambda p, r: (p["x0"] - 0.5) * (p["x1"] - 0.5), box(3), 100, 0)
    table = importance(study, evaluator="fanova")
    assert table["x1", "x0"].value > 0.9
    assert table.pairs[0].params == ("x0", "x1")
    assert max(abs(row.value) for row in table.rows) < 0.02
    assert table.pairs[0].name in str(table)


@pytest.mark.slow
def test_shares_do_not_depend_on_where_the_search_looked() -> None:
    def objective(trial: ts.Trial) -> float:
        x = [trial.suggest_float(f"x{j}", 0.0, 1.0) for j in range(3)]
        return (x[0] - 0.3) ** 2 + 0.5 * (x[1] - 0.6) ** 2

    study = ts.create_study(seed=1)
    study.optimize(objective, n_trials=40)
    values = {name: row.value for name in ("x0", "x1", "x2") for row in [importance(study, evaluator="fanova")[name]]}
    # Over the cube the variances of both are 1/180 + (1/2 - c)² / 3.
    first, second = 1 / 180 + 0.04 / 3, 0.25 * (1 / 180 + 0.01 / 3)
    assert values["x0"] == pytest.approx(first / (first + second), abs=0.12)
    assert values["x1"] == pytest.approx(second / (first + second), abs=0.12)
    assert values["x2"] < 0.05


@pytest.mark.slow
def test_noise_is_left_to_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.importance.model.SHUFFLES", 20)
    tables = [
        importance(random_study(lambda p, r: float(r.normal()), box(3), 60, s), evaluator="fanova") for s in range(3)
    ]
    assert max(row.value for table in tables for row in table.rows) < 0.25
    assert sum(row.stands_out for table in tables for row in table.rows) <= 1


def branches() -> ts.Study:
    space = {
        "kind": ["a", "b"],
        "inside": ts.Float(0.0, 1.0).when(kind="a"),
        "idle": ts.Float(0.0, 1.0).when(kind="b"),
    }
    return random_study(lambda p, r: p["inside"] if p["kind"] == "a" else 1.0, space, 120, 1)


def test_the_variance_inside_a_branch_belongs_to_its_parameter() -> None:
    table = importance(branches(), evaluator="fanova")
    # Half of the space varies by 1/12, and the means of the halves are 1/2 apart: 1/24 and 1/16.
    assert table["inside"].value == pytest.approx(0.4, abs=0.05)
    assert table["kind"].value == pytest.approx(0.6, abs=0.05)
    assert abs(table["idle"].value) < 0.02
    assert max(abs(row.value) for row in table.pairs) < 0.02


# ------------------------------------------------------------------------------------------------- shapley, ablation


def bowl(p: dict[str, Any], r: np.random.Generator) -> float:
    return 2.0 * (p["x0"] - 0.2) ** 2 + (p["x1"] - 0.5) ** 2


CENTRE = {"x0": 0.7, "x1": 0.5, "x2": 0.5}


def test_shapley_values_share_out_the_gain_over_the_default() -> None:
    table = importance(random_study(bowl, box(3), 80, 0), evaluator=Shapley(default=CENTRE))
    assert table["x0"].value == pytest.approx(0.5, abs=0.03)
    assert table["x0"].interval[0] <= 0.5 <= table["x0"].interval[1]
    assert table["x1"].value == pytest.approx(0.0, abs=0.02), "it is at its best in the default"
    assert table["x2"].value == pytest.approx(0.0, abs=0.02)
    assert sum(row.value for row in table.rows) == pytest.approx(0.5, abs=0.03)


def test_parameters_that_only_gain_together_share_the_gain() -> None:
    def both(p: dict[str, float], r: np.random.Generator) -> float:
        return -4.0 * max(0.0, p["x0"] - 0.5) * max(0.0, p["x1"] - 0.5)

    corner = {"x0": 0.3, "x1": 0.3}
    table = importance(random_study(both, box(2), 100, 0), evaluator=Shapley(default=corner))
    assert table["x0"].value == pytest.approx(0.5, abs=0.15)
    assert table["x1"].value == pytest.approx(table["x0"].value, abs=0.05)


def test_with_many_parameters_orders_are_sampled() -> None:
    table = importance(random_study(bowl, box(12), 80, 0), evaluator=Shapley(default={f"x{j}": 0.7 for j in range(12)}))
    assert table["x0"].value == pytest.approx(0.5, abs=0.1)
    assert table.rows[0].name == "x0"
    assert "sampled orders" in str(table)


def test_the_path_leads_from_the_default_to_the_best() -> None:
    study = random_study(bowl, box(3), 80, 0)
    table = importance(study, evaluator=Ablation(default={"x0": 0.7, "x1": 0.9, "x2": 0.5}))
    assert table.rows[0].name == "x0"
    assert table.start == pytest.approx(0.66, abs=0.05)
    at = table.start
    for row in table.rows:
        assert row.change is not None
        at -= row.value
        assert row.change.expected == pytest.approx(at)
        assert row.change.interval[0] <= row.change.expected <= row.change.interval[1]
    assert at == pytest.approx(0.0, abs=0.03)
    assert table["x0"].change is not None
    assert table["x0"].change.before == pytest.approx(0.7)
    assert "0.7 → " in str(table)


def test_of_a_maximised_study_gains_are_positive_and_results_in_its_unit() -> None:
    study = random_study(lambda p, r: 10.0 - bowl(p, r), box(2), 80, 0, direction="maximize")
    table = importance(study, evaluator=Ablation(default={"x0": 0.7, "x1": 0.5}))
    assert table["x0"].value == pytest.approx(0.5, abs=0.05)
    assert table.start == pytest.approx(9.5, abs=0.05)
    assert table.rows[-1].change is not None
    assert table.rows[-1].change.expected == pytest.approx(10.0, abs=0.05)


def test_a_branch_is_entered_before_its_parameters_change() -> None:
    table = importance(branches(), evaluator=Ablation(default={"kind": "b"}))
    assert [row.name for row in table.rows[:2]] == ["kind", "inside"]
    assert "idle" not in [row.name for row in table.rows]
    assert table.rows[0].change is not None
    assert (table.rows[0].change.before, table.rows[0].change.after) == ("b", "a")


def test_the_default_is_given_declared_first_or_in_the_middle() -> None:
    def words(study: ts.Study, default: dict[str, Any] | None = None) -> str:
        return str(importance(study, evaluator=Ablation(default=default)))

    assert "has the values of the first trial" in words(random_study(bowl, box(2), 30, 0))
    assert "has the values given" in words(random_study(bowl, box(2), 30, 0), {"x0": 0.1, "x1": 0.2})
    declared = {"x0": ts.Float(0.0, 1.0, prior=0.9), "x1": ts.Float(0.0, 1.0)}
    text = words(random_study(bowl, declared, 30, 0))
    assert "has the values of the priors of the space, then of the first trial." in text
    assert "x0: 0.9 → " in text


# ---------------------------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize("evaluator", ["fanova", "shapley", "ablation"])
def test_too_few_trials_or_too_many_parameters_for_a_model(evaluator: str) -> None:
    with pytest.raises(ValueError, match=r"3 parameters need 5 complete trials; this study has 4"):
        importance(random_study(bowl, box(3), 4, 0), evaluator=evaluator)
    with pytest.raises(ValueError, match=r"at most 100 parameters, and the study has 101"):
        importance(random_study(bowl, box(101), 120, 0), evaluator=evaluator)


@pytest.mark.parametrize("evaluator", ["fanova", "shapley", "ablation"])
def test_one_parameter_constant_ones_and_the_same_table_again(evaluator: str) -> None:
    study = random_study(lambda p, r: p["x0"], {**box(1), "one": ["only"], "fixed": ts.Float(2.0, 2.0)}, 20, 0)
    table = importance(study, evaluator=evaluator)
    assert table["x0"].value > 0.0
    assert importance(study, evaluator=evaluator) == table
    assert "one" not in [row.name for row in table.rows if abs(row.value) > 0.01]
    alone = importance(random_study(lambda p, r: p["x0"], box(1), 20, 0), evaluator=evaluator)
    assert [row.name for row in alone.rows] == ["x0"]
    assert not alone.pairs


@pytest.mark.parametrize(
    ("default", "kind", "message"),
    [
        ({"x00": 1.0}, ValueError, "no parameter of the study named 'x00'; did you mean 'x0'"),
        ({"x0": 7.0}, ValueError, "7.0"),
        ([0.1], TypeError, "dict of values by name"),
    ],
)
def test_a_default_that_is_none(default: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        importance(random_study(bowl, box(2), 20, 0), evaluator=Shapley(default=default))


def test_categories_and_constraints() -> None:
    space = ts.Space(
        {"kind": ["a", "b", "c"], "low": ts.Float(0.0, 1.0), "high": ts.Float(0.0, 1.0)},
        constraints=lambda low, high: low <= high,
    )
    study = ts.create_study(space=space, seed=0, sampler="random")
    study.optimize(lambda t: t.params["high"] - t.params["low"] + (t.params["kind"] == "b"), n_trials=60)
    for evaluator in ("fanova", "shapley", "ablation", "ped-anova"):
        table = importance(study, evaluator=evaluator)
        assert all(math.isfinite(row.value) for row in table.rows)
    assert importance(study, evaluator="fanova").rows[0].name == "kind"
