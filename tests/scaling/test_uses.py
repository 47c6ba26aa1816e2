"""The loss law, plans, the test of transfer, and studies."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.scaling.made import ALPHA, BETA, SCALES, A, B, E, lowest, made_runs, optimum

import tunesmith
from tunesmith.scaling import ScalingError, ScalingLaw, Transfer

TARGET = {"params": 3e9, "tokens": 1e11}


@pytest.fixture(scope="module")
def law() -> ScalingLaw:
    return ScalingLaw(["params", "tokens"], ["lr", "bs"]).fit(made_runs())


def test_the_loss_law_and_its_split_of_a_budget(law: ScalingLaw) -> None:
    losses = law.loss_law
    assert losses is not None
    middle, (low, high) = losses.coefficients["E"]
    assert low < E < high
    assert low < middle < high
    drawn = losses.draws(np.array(SCALES))
    assert np.abs(np.median(drawn, axis=0) - [lowest(*scale) for scale in SCALES]).max() < 0.01
    split = losses.compute_optimal(6e20)
    best = (ALPHA * A / (BETA * B)) ** (1 / (ALPHA + BETA)) * 1e20 ** (BETA / (ALPHA + BETA))
    assert split["params"][1][0] < best < split["params"][1][1]
    assert split["params"][0] * split["tokens"][0] == pytest.approx(1e20, rel=0.2)
    with pytest.raises(ScalingError, match="a budget is finite"):
        losses.compute_optimal(0)
    one = ScalingLaw(["tokens"], ["lr", "bs"]).fit(made_runs(scales=[(1e8, d) for d in (1e9, 4e9, 1.6e10, 6.4e10)]))
    assert one.loss_law is not None
    with pytest.raises(ScalingError, match="between two scale variables"):
        one.loss_law.compute_optimal(6e20)


def test_a_loss_below_zero_has_no_loss_law() -> None:
    runs = made_runs()
    law = ScalingLaw(["params", "tokens"], ["lr", "bs"]).fit({**runs, "loss": runs["loss"] - 10})
    assert law.loss_law is None
    assert law.predict(TARGET).loss is None


@pytest.mark.parametrize("budget", [0.002, 0.05])
def test_a_plan_keeps_to_its_budget_and_lowers_the_expected_excess(law: ScalingLaw, budget: float) -> None:
    plan = law.plan(TARGET, budget)
    assert 0 < plan.cost <= budget * (1 + 1e-6)
    now, then = plan.excess_loss
    assert then < now
    assert [p.excess_loss for p in plan.purchases] == sorted((p.excess_loss for p in plan.purchases), reverse=True)
    cost = sum(run["params"] * run["tokens"] for run in plan.runs) / (TARGET["params"] * TARGET["tokens"])
    assert cost == pytest.approx(plan.cost)
    assert set(plan.runs[0]) == {"params", "tokens", "lr", "bs"}
    tried = law.fitted.runs.natural(np.array([law.fitted.runs.z.min(axis=0), law.fitted.runs.z.max(axis=0)]))
    assert all(tried[0, 0] / 3 < run["lr"] < tried[1, 0] * 3 for run in plan.runs)
    middles = len(plan.purchases) - len({tuple(p.scale.values()) for p in plan.purchases})
    assert len({tuple(run.values()) for run in plan.runs}) == len(plan.runs) - middles
    json.dumps(plan.to_dict())
    assert "of the target run" in str(plan)


def test_a_plan_for_a_menu(law: ScalingLaw) -> None:
    menu = [{"params": n, "tokens": d} for n, d in SCALES[:4]]
    plan = law.plan(TARGET, 0.004, menu=menu)
    assert {tuple(p.scale.values()) for p in plan.purchases} <= set(SCALES)
    dearer = law.plan(TARGET, 0.004, menu=menu, cost={"params": 2.0})
    assert dearer.cost <= 0.004 * (1 + 1e-6)
    assert not law.plan(TARGET, 1e-9).runs
    with pytest.raises(ScalingError, match="budget is in runs"):
        law.plan(TARGET, 0)


def test_whether_a_parametrisation_transfers() -> None:
    runs = made_runs(n=20, between=0.02)
    (moves,) = _transfer(runs)
    assert moves.verdict is False
    still = {**runs, "lr": runs["lr"] * (runs["params"] / 1e8) ** 0.5}
    (stands,) = _transfer(still)
    assert stands.verdict is True
    assert stands.interval[0] < 0 < stands.interval[1]
    assert "does not move" in str(stands)
    with pytest.raises(ScalingError, match="'mup'"):
        ScalingLaw(["params"], ["lr"], transfer="sp")


def _transfer(runs: dict[str, np.ndarray]) -> tuple[Transfer, ...]:
    return ScalingLaw(["params", "tokens"], ["lr", "bs"], transfer="mup").fit(runs).transfer


def test_from_studies_to_a_law_to_the_next_study() -> None:
    studies = []
    for params, tokens in SCALES:
        study = tunesmith.create_study(sampler="random", seed=len(studies))

        def objective(trial: tunesmith.Trial, params: float = params, tokens: float = tokens) -> float:
            lr, bs = trial.suggest_float("lr", 1e-5, 1e-1, log=True), trial.suggest_int("bs", 8, 4096, log=True)
            trial.suggest_categorical("schedule", ["cosine"])
            if lr > 0.08:
                raise FloatingPointError("diverged")
            best = optimum(params, tokens)
            return lowest(params, tokens) + 0.02 * np.log(lr / best[0]) ** 2 + 0.015 * np.log(bs / best[1]) ** 2

        study.optimize(objective, n_trials=25, catch=(FloatingPointError,))
        studies.append(study)
    scale = {"params": [n for n, _ in SCALES], "tokens": [d for _, d in SCALES]}
    law = ScalingLaw.from_studies(studies, scale)
    assert law.hyperparameters == {"lr": "log", "bs": "log"}
    advice = law.predict(TARGET)
    assert advice["lr"].interval[0] < optimum(**TARGET)[0] < advice["lr"].interval[1]

    space = {"lr": tunesmith.Float(1e-5, 1e-1, log=True), "bs": tunesmith.Int(8, 4096, log=True)}
    study = tunesmith.create_study(space=space, warm_start=law.prior(TARGET), seed=0)
    first = study.ask()
    assert first.params["lr"] == pytest.approx(advice["lr"].value, rel=0.05)
    assert first.params["bs"] == pytest.approx(advice["bs"].value, rel=0.05)

    with pytest.raises(ScalingError, match="2 values for 9 studies"):
        ScalingLaw.from_studies(studies, {"params": [1, 2]})
    with pytest.raises(ValueError, match="warm_start= takes what"):
        tunesmith.create_study(warm_start=law.prior(TARGET), warm_start_from=studies[0])
    with pytest.raises(ValueError, match="warm_start= takes what"):
        tunesmith.create_study(warm_start="law")
