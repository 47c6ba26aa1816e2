"""Warnings that Optuna gives of what is experimental there, and of what it will remove."""

from __future__ import annotations

import importlib

import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.exceptions import ExperimentalWarning

samplers, storages, terminator = optuna.samplers, optuna.storages, optuna.terminator
matplotlib = optuna.visualization.matplotlib


def searched():
    study = optuna.create_study(sampler=samplers.RandomSampler(seed=0))
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5)
    return study


@pytest.mark.parametrize(
    "make",
    [
        lambda: samplers.BruteForceSampler(),
        lambda: samplers.NSGAIIISampler(),
        lambda: samplers.QMCSampler(),
        lambda: samplers.PartialFixedSampler({"x": 0}, samplers.RandomSampler()),
        lambda: samplers.nsgaii.SPXCrossover(),
        lambda: samplers.nsgaii.PolynomialMutation(),
        lambda: samplers.TPESampler(group=True),
        lambda: samplers.CmaEsSampler(with_margin=True),
        lambda: optuna.pruners.WilcoxonPruner(),
        lambda: optuna.pruners.PatientPruner(None, 1),
        lambda: storages.RDBStorage("sqlite:///:memory:", heartbeat_interval=1),
        lambda: storages.RetryHeartbeatStaleTrialCallback(),
        lambda: terminator.StaticErrorEvaluator(0),
        lambda: optuna.create_study().set_metric_names(["loss"]),
        lambda: matplotlib.is_available(),
        lambda: optuna.importance.get_param_importances(searched(), normalize=False),
    ],
)
def test_what_is_experimental_there_warns_at_the_line_that_uses_it(make):
    with pytest.warns(ExperimentalWarning, match="experimental in Optuna") as told:
        make()
    assert {warning.filename for warning in told if warning.category is ExperimentalWarning} == {__file__}


@pytest.mark.parametrize(
    "make",
    [
        lambda: samplers.NSGAIISampler(constraints_func=lambda trial: ()),
        lambda: samplers.TPESampler(consider_endpoints=False),
        lambda: samplers.CmaEsSampler(x0={"x": 1.0}),
        lambda: samplers.CmaEsSampler(None, None, 1),
        lambda: samplers.TPESampler(None, None, None, None, 10),
        lambda: storages.JournalFileOpenLock("path"),
        lambda: terminator.Terminator(terminator.BestValueStagnationEvaluator()),
    ],
)
@pytest.mark.filterwarnings("ignore::tunesmith.compat.optuna.exceptions.ExperimentalWarning")
def test_what_optuna_will_remove_warns(make):
    with pytest.warns(FutureWarning, match="deprecated in Optuna"):
        make()


@pytest.mark.parametrize(
    ("make", "instead"),
    [
        (lambda path: storages.JournalStorage(storages.journal.JournalFileBackend(path)), "write RDBStorage"),
    ],
)
@pytest.mark.filterwarnings("ignore:.*experimental in Optuna")
def test_a_name_that_is_not_the_thing_says_once_what_to_write(make, instead, tmp_path, monkeypatch):
    monkeypatch.setattr("tunesmith.compat.guide._said", set())
    path = str(tmp_path / "study.log")
    with pytest.warns(UserWarning, match=instead) as told:
        assert make(path) is not make(path)
    assert sum(warning.category is UserWarning for warning in told) == 1


@pytest.mark.filterwarnings("ignore:.*is an old name:FutureWarning", "ignore:.*experimental in Optuna")
def test_old_kinds_of_distributions_are_taken_with_a_warning():
    old = {"x": optuna.distributions.UniformDistribution(0, 1), "n": optuna.distributions.IntUniformDistribution(1, 3)}
    present = {"x": optuna.distributions.FloatDistribution(0, 1), "n": optuna.distributions.IntDistribution(1, 3)}
    for sampler in (samplers.RandomSampler(), samplers.PartialFixedSampler({"n": 1}, samplers.RandomSampler())):
        with pytest.warns(FutureWarning, match="old kind") as told:
            trial = optuna.create_study(sampler=sampler).ask(old)
        assert trial.distributions == present
        assert len(told) == 2
    with pytest.warns(FutureWarning, match="old kind") as told:
        assert optuna.create_trial(params={"x": 0.5, "n": 2}, distributions=old, value=0.0).distributions == present
    assert len(told) == 2


def test_other_libraries_decorate_with_optunas_decorators():
    experimental = importlib.import_module("tunesmith.compat.optuna._experimental")
    deprecated = importlib.import_module("tunesmith.compat.optuna._deprecated")

    @experimental.experimental_class("5.0.0")
    @deprecated.deprecated_class("5.0.0", "6.0.0", text="use another")
    class Callback:
        def __init__(self, metric):
            self.metric = metric

    with pytest.warns(ExperimentalWarning), pytest.warns(FutureWarning, match="use another"):
        assert Callback("loss").metric == "loss"
