"""What a table shows, and what is said in place of one."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from tests.importance.studies import box, random_study

import tunesmith as ts
from tunesmith.foundation.registry import EVALUATORS
from tunesmith.importance import Effects, Evaluator, ImportanceData, get_param_importances, importance


def slope(p: dict[str, Any], r: np.random.Generator) -> float:
    return 3.0 * p["x0"] + p["x1"]


def test_a_table_can_be_read_in_many_ways() -> None:
    study = random_study(slope, box(3), 80, 0)
    table = importance(study)
    text = str(table)
    assert re.search(r"^parameter +value +95 % interval +null line +p$", text, re.MULTILINE)
    assert "Above the null line: x0" in text
    assert "80 trials" in text
    html = table._repr_html_()
    assert html.startswith("<div")
    assert "x0" in html
    assert [d["name"] for d in table.to_dicts()] == [row.name for row in table] == [row.name for row in table.rows]
    assert len(table) == 3
    assert list(table.to_dataframe().columns[:3]) == ["name", "kind", "value"]
    with pytest.raises(KeyError, match="x9"):
        table["x9"]
    assert importance(study) == table, "the same study gives the same table"


@pytest.mark.parametrize("evaluator", EVALUATORS)
def test_a_smooth_objective_has_no_interval_of_zero_width(evaluator: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that interpolates 30 values is sure of them, and not of what else the trials could have been."""
    monkeypatch.setattr("tunesmith.importance.model.SHUFFLES", 3)  # each costs a fit
    study = ts.create_study(seed=0)
    study.optimize(lambda t: (t.suggest_float("x", 0, 1) - 0.3) ** 2 + 0.2 * t.suggest_float("y", 0, 1), n_trials=30)
    for row in importance(study, evaluator=evaluator):
        low, high = row.interval
        assert low < row.value < high
        assert f"{low:.3f}" != f"{high:.3f}"


def test_names_are_shown_as_text() -> None:
    study = random_study(lambda p, r: p["<b>\x1b[31m"], {"<b>\x1b[31m": ts.Float(0.0, 1.0)}, 30, 0)
    table = importance(study)
    assert "\x1b" not in str(table)
    assert "<b>\x1b" not in table._repr_html_()
    assert "&lt;b&gt;" in table._repr_html_()


def test_normalised_values_sum_to_one_and_none_is_below_zero() -> None:
    study = random_study(slope, box(4), 80, 0)
    values = get_param_importances(study, normalize=True)
    assert math.fsum(values.values()) == pytest.approx(1.0)
    assert min(values.values()) >= 0.0
    table = importance(study, normalize=True)
    assert sum(max(0.0, row.value) for row in table.rows) == pytest.approx(1.0)
    plain = importance(study)
    assert table["x0"].null / table["x0"].value == pytest.approx(plain["x0"].null / plain["x0"].value)


def test_some_parameters_only() -> None:
    study = random_study(slope, box(3), 80, 0)
    assert {row.name for row in importance(study, params=["x2", "x0"]).rows} == {"x0", "x2"}


def test_a_target_replaces_the_objective() -> None:
    study = random_study(slope, box(3), 80, 0)
    found = get_param_importances(study, target=lambda trial: trial.params["x2"])
    assert next(iter(found)) == "x2"


def test_one_parameter_and_constant_ones() -> None:
    assert importance(random_study(lambda p, r: p["x0"], box(1), 40, 0))["x0"].stands_out
    space = {**box(1), "fixed": ts.Float(0.5, 0.5), "one": ["only"]}
    table = importance(random_study(lambda p, r: p["x0"], space, 40, 0))
    assert table["fixed"].value == table["one"].value == 0.0
    assert not table["fixed"].stands_out


def test_a_thousand_parameters() -> None:
    study = random_study(lambda p, r: p["x7"], box(1000), 60, 0)
    table = importance(study)
    assert len(table.rows) == 1000
    assert table["x7"].value > 0.0
    assert "970 more parameters" in str(table)


def failing(trial: ts.Trial) -> float:
    trial.suggest_float("x0", 0.0, 1.0)
    raise RuntimeError("no")


def study_of(*values: float) -> ts.Study:
    study = ts.create_study(space=box(1), seed=0)
    for value in values:
        study.tell(study.ask(), value)
    return study


def only_failures() -> ts.Study:
    study = ts.create_study(seed=0)
    study.optimize(failing, n_trials=3, catch=(RuntimeError,))
    return study


def no_parameters() -> ts.Study:
    study = ts.create_study(seed=0)
    for value in (1.0, 2.0):
        study.tell(study.ask(), value)
    return study


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ts.create_study(), "this study has no trials yet"),
        (only_failures, r"of this study none is complete \(3 failed\)"),
        (lambda: study_of(1.0), "at least two complete ones with a finite value; this study has 1"),
        (lambda: study_of(1.0, math.inf), "this study has 1"),
        (lambda: study_of(2.0, 2.0, 2.0), "all 3 complete trials have the same value, 2.0"),
        (no_parameters, "have no parameters"),
        (lambda: ts.create_study(directions=["minimize", "maximize"]), "has 2 objectives"),
    ],
)
def test_what_is_missing_is_said(make: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        importance(make())


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ({"params": ["x00"]}, ValueError, "no parameter 'x00'; did you mean 'x0'"),
        ({"params": []}, ValueError, "empty list"),
        ({"params": "x0"}, TypeError, "list of parameter names; got 'x0'"),
        ({"evaluator": "ped-anvoa"}, ValueError, "no evaluator 'ped-anvoa'; did you mean 'ped-anova'"),
        ({"evaluator": 3}, TypeError, "evaluator must be a name"),
        ({"target": "value"}, TypeError, "target must be a function"),
        ({"target": lambda trial: trial.nothing}, ValueError, "target= gave no number for trial 0: AttributeError"),
    ],
)
def test_wrong_arguments_are_named(arguments: dict[str, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        importance(study_of(1.0, 2.0, 3.0), **arguments)


def test_something_else_than_a_study() -> None:
    with pytest.raises(TypeError, match="tunesmith study"):
        importance([1, 2, 3])  # type: ignore[arg-type]


@pytest.mark.parametrize("scale", [1e300, 1e-300])
def test_values_of_any_size(scale: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.importance.model.SHUFFLES", 3)  # each costs a fit
    study = random_study(lambda p, r: scale * p["x0"], box(2), 30, 0)
    assert importance(study, evaluator="fanova")["x0"].value == pytest.approx(1.0, abs=0.02)
    assert importance(study, evaluator="ablation")["x0"].value > 0.3 * scale
    assert importance(study)["x0"].stands_out


def test_equal_values_are_all_among_the_best() -> None:
    study = random_study(lambda p, r: float(p["x0"] > 0.5), box(2), 60, 0)
    assert importance(study)["x0"].value > 0.4, "the better half is in one half of the range"


@pytest.mark.parametrize("name", sorted(EVALUATORS))
def test_every_evaluator_keeps_the_contract(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.importance.model.SHUFFLES", 3)
    study = random_study(slope, {**box(2), "kind": ["a", "b"]}, 30, 0, direction="maximize")
    before = [(trial.number, trial.params, trial.value) for trial in study.trials]
    table = importance(study, evaluator=name, params=["x0", "kind"])
    assert table.evaluator == name
    assert {n for row in (*table.rows, *table.pairs) for n in row.params} <= {"x0", "kind"}
    for row in (*table.rows, *table.pairs):
        assert row.interval[0] <= row.interval[1]
        assert 0.0 < row.p <= 1.0
        assert math.isfinite(row.value)
        assert math.isfinite(row.null)
        assert row.n_trials == 30
    assert importance(study, evaluator=name, params=["x0", "kind"]) == table
    assert [(trial.number, trial.params, trial.value) for trial in study.trials] == before


def test_an_evaluator_of_ones_own() -> None:
    class Correlation(Evaluator):
        name = "correlation"

        def evaluate(self, data: ImportanceData, rng: np.random.Generator) -> Effects:
            def of(y: Any) -> Any:
                return [abs(np.corrcoef(data.u[:, j], y)[0, 1]) for j in data.wanted]

            n = len(data.y)
            shuffled = np.array([of(rng.permutation(data.y)) for _ in range(50)])
            return Effects(
                params=tuple((j,) for j in data.wanted),
                value=np.array(of(data.y)),
                draws=shuffled,
                shuffled=shuffled,
                n_trials=(n,) * len(data.wanted),
                unit="a correlation",
            )

    table = importance(random_study(slope, box(3), 80, 0), evaluator=Correlation())
    assert table.evaluator == "correlation"
    assert table.rows[0].name == "x0"
    assert table["x0"].stands_out
