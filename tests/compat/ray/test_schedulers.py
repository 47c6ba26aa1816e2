"""Schedulers and stoppers: who ends a trial, and when."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.compat.ray.conftest import Fit

from tunesmith import TrialState
from tunesmith.compat.ray import tune
from tunesmith.compat.ray.tune.schedulers import (
    ASHAScheduler,
    HyperBandScheduler,
    MedianStoppingRule,
    PopulationBasedTraining,
    TrialScheduler,
    create_scheduler,
)
from tunesmith.compat.ray.tune.stopper import (
    CombinedStopper,
    ExperimentPlateauStopper,
    FunctionStopper,
    MaximumIterationStopper,
    Stopper,
    TimeoutStopper,
    TrialPlateauStopper,
)
from tunesmith.pruners import HyperbandPruner, SuccessiveHalvingPruner

ITERATION = "training_iteration"


def constant(config: dict[str, Any]) -> None:
    """Report one value without end, and be none the wiser about its end."""
    while True:
        try:
            tune.report({"loss": config["loss"]})
        except Exception as error:  # an end of the trial is none
            raise AssertionError("a trial's end was caught") from error


def iterations(results: tune.ResultGrid) -> list[int]:
    return [result.metrics[ITERATION] for result in results]


def test_halving_stops_those_behind_and_all_end_at_max_t(fit: Fit) -> None:
    results = fit(
        constant,
        {"loss": tune.grid_search([1, 2, 3, 0])},
        scheduler=ASHAScheduler(max_t=8, grace_period=2, reduction_factor=2),
        max_concurrent_trials=1,
    )
    assert iterations(results) == [8, 2, 2, 8]
    states = [trial.state for trial in results.study.trials]
    assert states == [TrialState.COMPLETE, TrialState.PRUNED, TrialState.PRUNED, TrialState.COMPLETE]
    assert results.num_terminated == 4
    assert results.get_best_result("loss", "max").config == {"loss": 3}  # those stopped early count
    assert results.get_dataframe()["loss"].tolist() == [1, 2, 3, 0]


def test_the_scheduler_may_name_the_metric(fit: Fit) -> None:
    scheduler = ASHAScheduler(metric="loss", mode="max", max_t=4)
    results = fit(
        constant,
        {"loss": tune.grid_search([1, 2])},
        scheduler=scheduler,
        metric=None,
        mode=None,
        max_concurrent_trials=1,
    )
    assert results.get_best_result().config == {"loss": 2}


def test_the_median_rule_needs_complete_trials(fit: Fit) -> None:
    rule = MedianStoppingRule(time_attr=ITERATION, grace_period=2, min_samples_required=2)
    grid = {"loss": tune.grid_search([1, 2, 3])}
    results = fit(constant, grid, {"stop": {ITERATION: 5}}, scheduler=rule, max_concurrent_trials=1)
    assert iterations(results) == [5, 5, 2]


def test_schedulers_become_pruners() -> None:
    pruner = create_scheduler("async_hyperband", grace_period=3, reduction_factor=3).pruner()
    assert isinstance(pruner, SuccessiveHalvingPruner)
    assert (pruner.min_resource, pruner.reduction_factor, pruner.promotion) == (3, 3, False)
    assert isinstance(HyperBandScheduler(max_t=27).pruner(), HyperbandPruner)
    assert isinstance(ASHAScheduler(brackets=3).pruner(), HyperbandPruner)
    with pytest.warns(UserWarning, match="a whole number"):
        assert ASHAScheduler(reduction_factor=2.6).rungs[2] == 3


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: MedianStoppingRule(), "counted in reports"),
        (lambda: ASHAScheduler(time_attr="time_total_s"), "counted in reports"),
        (lambda: ASHAScheduler(max_t=3, grace_period=4), "grace_period must be"),
        (lambda: ASHAScheduler(mode="least"), "mode is 'min'"),
        (lambda: MedianStoppingRule(time_attr=ITERATION, hard_stop=False), "leave it out"),
        (lambda: PopulationBasedTraining(time_attr=ITERATION), "hyperparam_mutations names"),
        (lambda: PopulationBasedTraining(ITERATION, hyperparam_mutations={"a": "b"}), "a list of values"),
        (lambda: PopulationBasedTraining(ITERATION, hyperparam_mutations={"a": [1]}, burn_in_period=1), "cannot be"),
        (lambda: create_scheduler("ash"), "there are fifo"),
    ],
)
def test_what_cannot_be_had_says_so(make: Any, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        make()


class Growing(tune.Trainable):
    """Grows by its rate, which a population tunes."""

    def setup(self, config: dict[str, Any]) -> None:
        self.size, self.rate = 0.0, config["inner"]["rate"]

    def step(self) -> dict[str, Any]:
        self.size += self.rate
        return {"size": self.size}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        Path(checkpoint_dir, "size").write_text(str(self.size))

    def load_checkpoint(self, checkpoint: str) -> None:
        self.size = float(Path(checkpoint, "size").read_text())


def population(**more: Any) -> TrialScheduler:
    mutations = {"inner": {"rate": tune.uniform(0.1, 1.0)}, "factor": [1, 2, 4], "drawn": lambda: 3}
    return PopulationBasedTraining(ITERATION, perturbation_interval=3, hyperparam_mutations={**mutations, **more})


def test_a_population_trains_on_from_the_best(fit: Fit) -> None:
    results = fit(
        Growing, {"inner": {"rate": 0.1}, "constant": 7}, {"stop": {ITERATION: 12}}, scheduler=population(),
        num_samples=4, metric="size", mode="max",
    )  # fmt: skip
    assert iterations(results) == [12] * 4
    for result in results:
        sizes = result.metrics_dataframe["size"].tolist()
        assert len(sizes) == 12
        rates = [params["inner/rate"] for _, params in result.schedule for _ in range(3)]
        assert sizes == pytest.approx([sum(rates[: k + 1]) for k in range(12)])
        assert result.config["constant"] == 7
        assert result.config["factor"] in (1, 2, 4)
        assert result.config["drawn"] == 3
        assert result.checkpoint is not None
    firsts = [result.schedule[0][1]["inner/rate"] for result in results]
    assert len(set(firsts)) < 4  # the worst took over from the best
    kept = {path.name for path in Path(results.experiment_path).glob("Growing_*")}
    assert len(kept) < len(results.study.trials)


def test_a_population_needs_checkpoints_and_knows_what_changes(fit: Fit) -> None:
    results = fit(constant, {"loss": 1}, scheduler=population(), num_samples=2)
    assert results.errors
    assert "goes on from checkpoints" in str(results.errors[0])
    with pytest.raises(ValueError, match="hyperparam_mutations does not name them"):
        fit(constant, {"loss": tune.uniform(0, 1)}, scheduler=population())
    with pytest.raises(ValueError, match=r"tune\.choice"):
        fit(constant, {"loss": tune.grid_search([0, 1])}, scheduler=population())


# -- stoppers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "ends"),
    [
        ({ITERATION: 3}, 3),
        ({"loss": 2, ITERATION: 9}, 1),
        (lambda trial_id, result: result[ITERATION] >= 4, 4),
        (MaximumIterationStopper(5), 5),
        (FunctionStopper(lambda trial_id, result: True), 1),
        (TrialPlateauStopper("loss", num_results=3, grace_period=6), 6),
        (TrialPlateauStopper("loss", num_results=3, grace_period=3, metric_threshold=2, mode="max"), 3),
        ([MaximumIterationStopper(2), {ITERATION: 7}], 2),
        (CombinedStopper(MaximumIterationStopper(4), MaximumIterationStopper(3)), 3),
        (TimeoutStopper(timedelta(seconds=0)), 1),
    ],
)
def test_a_stopper_ends_a_trial(fit: Fit, stop: Any, ends: int) -> None:
    assert iterations(fit(constant, {"loss": 2}, {"stop": stop})) == [ends]


def test_a_time_budget_ends_trials(fit: Fit) -> None:
    results = fit(constant, {"loss": 2}, num_samples=-1, time_budget_s=0.3)
    assert results[0].metrics["time_total_s"] >= 0.2
    assert not results.errors


def test_a_stopper_of_ones_own_sees_all_trials_and_ends_the_search(fit: Fit) -> None:
    class Count(Stopper):
        def __init__(self) -> None:
            self.heard = 0

        def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
            self.heard += 1
            return result[ITERATION] == 2

        def stop_all(self) -> bool:
            return self.heard >= 5

    count = Count()
    results = fit(
        constant,
        {"loss": tune.uniform(0, 1)},
        {"stop": count, "callbacks": None},
        num_samples=50,
        max_concurrent_trials=1,
    )
    assert count.heard == 5
    assert iterations(results) == [2, 2, 1]


def test_a_plateau_of_the_best_ends_the_search(fit: Fit) -> None:
    plateau = CombinedStopper(MaximumIterationStopper(2), ExperimentPlateauStopper("loss", top=4, std=0.1, patience=1))
    results = fit(constant, {"loss": 1}, {"stop": plateau}, num_samples=50, max_concurrent_trials=1)
    assert iterations(results) == [2, 2]


def test_a_metric_that_is_not_reported_stops_nothing_silently(fit: Fit) -> None:
    assert "did you mean 'loss'" in str(fit(constant, {"loss": 1}, {"stop": {"los": 1}}).errors[0])
