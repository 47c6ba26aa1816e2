"""Programs of Optuna's kind, with the one import changed: pruners."""

from __future__ import annotations

import math

import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)


def training(trial):
    rate = trial.suggest_float("rate", 0, 1)
    value = 0.0
    for step in range(10):
        value = (rate - 0.5) ** 2 + 1 / (step + 1)
        trial.report(value, step)
        if trial.should_prune():
            raise optuna.TrialPruned(f"at {step}")
    return value


@pytest.mark.parametrize(
    "pruner",
    [
        lambda: optuna.pruners.MedianPruner(n_startup_trials=3, n_warmup_steps=2),
        lambda: optuna.pruners.PercentilePruner(25.0, n_startup_trials=3),
        lambda: optuna.pruners.SuccessiveHalvingPruner(),
        lambda: optuna.pruners.HyperbandPruner(min_resource=1, max_resource=10, reduction_factor=3),
        lambda: optuna.pruners.ThresholdPruner(upper=0.4, n_warmup_steps=3),
    ],
)
def test_pruned_trials_have_their_last_report_as_value(pruner):
    study = optuna.create_study(pruner=pruner(), sampler=optuna.samplers.RandomSampler(seed=1))
    study.optimize(training, n_trials=30)
    pruned = study.get_trials(states=[TrialState.PRUNED])
    assert pruned
    assert all(t.value == t.intermediate_values[t.last_step] for t in pruned)


def test_nop_prunes_nothing():
    study = optuna.create_study(pruner=optuna.pruners.NopPruner(), sampler=optuna.samplers.RandomSampler())
    study.optimize(training, n_trials=10)
    assert not study.get_trials(states=[TrialState.PRUNED])


class Last(optuna.pruners.BasePruner):
    """Stops trials that are in last place."""

    def prune(self, study, trial):
        done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        others = [t.intermediate_values[trial.last_step] for t in done]
        return len(others) >= 2 and trial.intermediate_values[trial.last_step] > max(others)


def test_patience_does_not_stop_a_trial_that_reports_nan_alone():
    study = optuna.create_study(pruner=optuna.pruners.PatientPruner(None, patience=1))
    trial = study.ask()
    decided = []
    for step, value in enumerate([1.0, 2.0, float("nan"), float("nan"), 2.0, 1.5]):
        trial.report(value, step)
        decided.append(trial.should_prune())
    assert decided == [False, False, True, False, True, True]


@pytest.mark.parametrize("pruner", [Last, lambda: optuna.pruners.PatientPruner(Last(), patience=0)])
def test_a_pruner_of_the_programs_own_decides(pruner):
    study = optuna.create_study(pruner=pruner())
    for rate in (0.5, 0.6, 0.0, 0.55):
        study.enqueue_trial({"rate": rate})
    values = {0.0: 9.0}

    def objective(trial):
        rate = trial.suggest_float("rate", 0, 1)
        for step in range(4):
            trial.report(values.get(rate, rate) + step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return rate

    study.optimize(objective, n_trials=4)
    assert [t.state.name for t in study.trials] == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE"]


def test_reports_are_for_one_objective():
    trial = optuna.create_study(directions=["minimize", "maximize"]).ask()
    with pytest.raises(NotImplementedError):
        trial.report(1.0, 0)
    with pytest.raises(NotImplementedError):
        trial.should_prune()


def test_pruned_by_the_real_optuna():
    real = pytest.importorskip("optuna")

    def objective(trial):
        assert isinstance(trial, real.trial.BaseTrial)
        assert isinstance(trial.study.sampler, real.samplers.BaseSampler)
        raise real.TrialPruned

    study = optuna.create_study()
    study.optimize(objective, n_trials=2)
    assert [t.state for t in study.trials] == [TrialState.PRUNED] * 2


def test_a_threshold_needs_a_limit():
    with pytest.raises(TypeError, match="lower=, upper="):
        optuna.pruners.ThresholdPruner()


def with_best(direction, reports, value=0.0):
    study = optuna.create_study(direction=direction, pruner=optuna.pruners.WilcoxonPruner(p_threshold=0.5))
    study.add_trial(optuna.trial.create_trial(value=value, intermediate_values=reports))
    return study, study.ask()


@pytest.mark.parametrize(
    ("best", "own"),
    [({1: 1.0}, {1: 1.0, 2: 2.0}), ({1: 1.0}, {1: math.nan}), ({1: math.inf}, {1: 1.0}), ({}, {1: 1.0})],
)
def test_wilcoxon_warns_of_reports_that_cannot_be_compared(best, own):
    _, trial = with_best("minimize", best)
    for step, value in own.items():
        trial.report(value, step)
    with pytest.warns(UserWarning, match="WilcoxonPruner"):
        assert not trial.should_prune()


@pytest.mark.parametrize("direction", ["minimize", "maximize"])
def test_wilcoxon_stops_no_trial_whose_average_is_the_best(direction):
    sign = 1.0 if direction == "minimize" else -1.0
    _, trial = with_best(direction, {k: sign * (0.0 if k < 10 else 8.0) for k in range(20)}, sign * 4.0)
    stopped = []
    for k in range(20):
        trial.report(sign * (1.0 if k < 10 else 9.0), k)
        stopped.append(trial.should_prune())
    assert not any(stopped[:14])  # the mean is 4 or better up to there
    assert stopped[-1]


@pytest.mark.parametrize("pruner", [optuna.pruners.SuccessiveHalvingPruner, optuna.pruners.HyperbandPruner])
def test_a_rung_of_unknown_resource_cannot_wait_for_trials(pruner):
    with pytest.raises(ValueError, match="bootstrap_count=1 needs a number"):
        pruner(bootstrap_count=1)
