"""PED-ANOVA finds what decides, is quiet about noise, and judges conditional parameters where they are active."""

from __future__ import annotations

import numpy as np
import pytest
from tests.importance.studies import box, random_study

import tunesmith as ts
from tunesmith.importance import PedAnova, get_param_importances, importance


def test_what_decides_stands_out_and_the_rest_does_not() -> None:
    study = random_study(lambda p, r: 4.0 * (p["x0"] - 0.3) ** 2 + (p["x1"] - 0.6) ** 2, box(4), 200, 0)
    table = importance(study)
    assert [row.params for row in table.rows[:2]] == [("x0",), ("x1",)]
    assert table["x0"].stands_out
    assert not table["x2"].stands_out
    assert not table["x3"].stands_out
    assert table["x0"].p <= 0.01
    assert table["x0"].interval[0] > table["x2"].value
    assert list(get_param_importances(study)) == [row.name for row in table.rows]


def test_noise_is_above_the_null_line_in_few_studies_and_zero_on_average() -> None:
    tables = [importance(random_study(lambda p, r: float(r.normal()), box(3), 60, seed)) for seed in range(60)]
    above = [any(row.stands_out for row in table.rows) for table in tables]
    assert np.mean(above) <= 0.1  # 5 % are expected
    assert abs(np.mean([row.value for table in tables for row in table.rows])) < 0.01


def test_intervals_hold_what_such_searches_give_on_average() -> None:
    def f(p: dict[str, float], r: np.random.Generator) -> float:
        return 2.0 * p["x0"] + p["x1"] + 0.3 * float(r.normal())

    tables = [importance(random_study(f, box(3), 200, seed)) for seed in range(40)]
    held = []
    for name in ("x0", "x1", "x2"):
        mean = np.mean([table[name].value for table in tables])
        held += [table[name].interval[0] <= mean <= table[name].interval[1] for table in tables]
    assert np.mean(held) >= 0.9


def test_an_effect_inside_a_branch_belongs_to_the_parameter_there_and_the_choice_to_its_parent() -> None:
    space = {
        "kind": ["a", "b"],
        "inside": ts.Float(0.0, 1.0).when(kind="a"),
        "idle": ts.Float(0.0, 1.0).when(kind="b"),
    }
    # All of branch "a" is better than all of "b": what decides is "kind", and in "a" its parameter.
    study = random_study(lambda p, r: p["inside"] if p["kind"] == "a" else 5.0 + float(r.random()), space, 300, 1)
    table = importance(study)
    assert table["inside"].stands_out
    assert table["kind"].stands_out
    assert not table["idle"].stands_out
    assert table["idle"].value == pytest.approx(0.0, abs=0.02)
    assert table["idle"].interval[1] >= 0.0
    assert table["idle"].n_trials + table["inside"].n_trials == 300
    alone = importance(random_study(lambda p, r: float(p["kind"] == "b") + 0.3 * r.normal(), space, 300, 2))
    assert alone["kind"].stands_out
    assert not alone["inside"].stands_out


@pytest.mark.slow
def test_a_learning_search_still_shows_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.importance.model.SHUFFLES", 3)  # each costs a fit

    def objective(trial: ts.Trial) -> float:
        x = [trial.suggest_float(f"x{j}", 0.0, 1.0) for j in range(3)]
        return 2.0 * (x[0] - 0.3) ** 2 + 0.6 * (x[1] - 0.6) ** 2

    values = {True: np.zeros(3), False: np.zeros(3)}
    for seed in range(4):
        study = ts.create_study(seed=seed, sampler="tpe")
        study.optimize(objective, n_trials=80)
        for weighted in values:
            found = get_param_importances(study, evaluator=PedAnova(weighted=weighted))
            values[weighted] += [found[f"x{j}"] for j in range(3)]
    assert values[True][0] > 2.0 * abs(values[True][2])
    assert values[True][0] > values[False][0]


def converged(seed: int) -> ts.Study:
    """Twenty trials at random, and sixty near the best point, where x2 is always the same as well."""
    rng = np.random.default_rng(seed)
    u = np.concatenate([rng.random((20, 3)), [0.3, 0.6, 0.1] + 0.02 * rng.standard_normal((60, 3))])
    y = 2.0 * (u[:, 0] - 0.3) ** 2 + 0.6 * (u[:, 1] - 0.6) ** 2 + 0.05 * rng.standard_normal(80)
    study = ts.create_study(space=box(3), seed=seed)
    rows = [{f"x{j}": value for j, value in enumerate(row)} for row in u.clip(0.0, 1.0).tolist()]
    study.add_trials(
        [
            ts.create_trial(params=p, distributions=box(3), value=value)
            for p, value in zip(rows, y.tolist(), strict=True)
        ]
    )
    return study


@pytest.mark.slow
def test_after_a_search_that_converged_a_model_tells_what_matters(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tunesmith.importance.model.SHUFFLES", 20)
    for seed in range(2):
        table = importance(converged(seed), params=["x2", "x0"])
        assert [row.name for row in table.rows] == ["x0", "x2"]
        assert table["x0"].stands_out
        assert not table["x2"].stands_out
        assert any("A model that is fitted to them" in note for note in table.notes)


def test_pruned_trials_are_not_among_the_best() -> None:
    def objective(trial: ts.Trial) -> float:
        x0, x1 = (trial.suggest_float(name, 0.0, 1.0) for name in ("x0", "x1"))
        trial.suggest_float("x2", 0.0, 1.0)
        if x0 > 0.3:  # so all that is left has a good x0, and only x1 differs
            raise ts.TrialPruned
        return x1

    study = ts.create_study(seed=0, sampler="random")
    study.optimize(objective, n_trials=200)
    table = importance(study)
    assert table["x0"].stands_out
    assert not table["x2"].stands_out
    assert table["x0"].n_trials == 200
    assert any("pruned trials count as not among the best" in note for note in table.notes)
    # A target says nothing of those without a value.
    assert importance(study, target=lambda trial: trial.params["x1"])["x0"].n_trials < 100


def test_of_a_maximised_study_the_largest_values_are_the_best() -> None:
    def f(p: dict[str, float], r: np.random.Generator) -> float:
        return p["x1"] + float(p["x0"] > 0.9)  # the largest tenth is told by x0, the smallest one by x1

    assert importance(random_study(f, box(2), 200, 0, direction="maximize")).rows[0].name == "x0"
    assert importance(random_study(f, box(2), 200, 0)).rows[0].name == "x1"


def test_gamma_is_checked() -> None:
    with pytest.raises(ValueError, match="between 0 and 1; got"):
        PedAnova(gamma=1.0)
    assert repr(PedAnova(gamma=0.2)) == "PedAnova(gamma=0.2, weighted=True)"


def test_a_large_study_is_gone_through_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    study = ts.create_study(seed=0, sampler="random")
    study.optimize(lambda trial: sum(trial.suggest_float(name, 0, 1) ** k for k, name in enumerate("abc")), 60)
    whole = importance(study)
    monkeypatch.setattr("tunesmith.importance.ped_anova.MOST_NUMBERS", 1000)
    monkeypatch.setattr("tunesmith.importance.ped_anova.COUNTED_WHOLE", 40)
    monkeypatch.setattr("tunesmith.importance.evaluate.ROWS_AT_ONCE", 25)
    parts = importance(study)
    for row in whole.rows:
        assert parts[row.params[0]].value == pytest.approx(row.value, rel=1e-4, abs=1e-6)
        assert parts[row.params[0]].null == pytest.approx(row.null, rel=1e-4, abs=1e-6)
