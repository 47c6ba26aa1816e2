"""`Tuner` and ``tune.run``: trials, checkpoints, failures, and going on."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.compat.ray.conftest import Fit

import tunesmith
from tunesmith.compat.ray import tune
from tunesmith.compat.ray.tune.callback import LoggerCallback
from tunesmith.compat.ray.tune.search import BasicVariantGenerator, ConcurrencyLimiter, OptunaSearch
from tunesmith.compat.ray.tune.session import SHOULD_CHECKPOINT

ROOT = Path(__file__).parents[3]


def falling(config: dict[str, Any]) -> None:
    """Report a loss that falls, more for a higher rate."""
    for step in range(config.get("steps", 5)):
        tune.report({"loss": (1 - config["rate"]) ** step, "step": step})


def saving(config: dict[str, Any]) -> None:
    """Save a checkpoint with each report, and go on from it; fail once where the config says so."""
    first, checkpoint = 0, tune.get_checkpoint()
    if checkpoint is not None:
        with checkpoint.as_directory() as folder:
            first = json.loads(Path(folder, "state.json").read_text())["step"] + 1
    for step in range(first, 6):
        if step == config.get("fails_at") and first == 0:
            raise RuntimeError("a planned failure")
        with tempfile.TemporaryDirectory() as folder:
            Path(folder, "state.json").write_text(json.dumps({"step": step}))
            checkpoint = tune.Checkpoint.from_directory(folder)
            tune.report({"loss": 1.0 / (step + 1), "first": first}, checkpoint=checkpoint)


class Steps(tune.Trainable):
    """Counts its steps."""

    def setup(self, config: dict[str, Any], offset: int = 0) -> None:
        self.count, self.rate = offset, config["rate"]

    def step(self) -> dict[str, Any]:
        self.count += 1
        return {"loss": (1 - self.rate) ** self.count, "count": self.count, "done": self.count >= 8}

    def save_checkpoint(self, checkpoint_dir: str) -> dict[str, Any]:
        return {"count": self.count}

    def load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        self.count = checkpoint["count"]


@pytest.mark.slow
def test_processes_run_a_search_and_its_study_is_a_file(tmp_path: Path) -> None:
    def train(config: dict[str, Any]) -> None:
        context = tune.get_context()
        assert Path.cwd() == Path(context.get_trial_dir())
        assert context.get_experiment_name() == "exp"
        assert context.get_trial_resources() == {"cpu": 1.0}
        for step in range(4):
            tune.report(
                {"loss": config["rate"] * config["data"][step], "pid": os.getpid(), "id": context.get_trial_id()}
            )

    tuner = tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space={"rate": tune.uniform(0, 1), "data": np.arange(1, 5), "kind": tune.grid_search(["a", "b"])},
        tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=2),
        run_config=tune.RunConfig(name="exp", storage_path=tmp_path, verbose=0),
    )
    results = tuner.fit()
    assert [result.config["kind"] for result in results] == ["a", "b", "a", "b"]
    assert len({result.config["rate"] for result in results}) == 4
    assert not results.errors
    assert os.getpid() not in {result.metrics["pid"] for result in results}
    for result in results:
        assert result.metrics["loss"] == pytest.approx(result.config["rate"] * 4)
        assert result.metrics["id"] == result.metrics["trial_id"] == result.trial_id
        assert result.metrics_dataframe["loss"].tolist() == pytest.approx(
            [result.config["rate"] * k for k in (1, 2, 3, 4)]
        )
    best = results.get_best_result()
    assert best.metrics["loss"] == min(result.metrics["loss"] for result in results)
    study = tunesmith.load_study(study_name="exp", storage=tmp_path / "exp" / "study.db")
    assert study.best_value == best.metrics["loss"]
    assert len(study.trials) == 4
    assert study.direction == "minimize"


def test_numpys_seed_decides_the_search(fit: Fit) -> None:
    def configs(name: str) -> list[Any]:
        np.random.seed(3)
        return [r.config for r in fit(falling, {"rate": tune.uniform(0, 1)}, {"name": name}, num_samples=3)]

    assert configs("one") == configs("two")


def test_a_second_search_of_a_name_is_a_study_of_its_own(fit: Fit, tmp_path: Path) -> None:
    for _ in range(2):
        assert len(fit(falling, {"rate": tune.uniform(0, 1)}, num_samples=2)) == 2
    assert tunesmith.get_all_study_names(tmp_path / "exp" / "study.db") == ["exp", "exp-2"]


def test_what_a_function_returns_is_its_last_report(fit: Fit) -> None:
    results = fit(lambda config: {"loss": 1, "text": "x", "inner": {"a": 2}}, metric="inner/a", mode="max")
    assert {"loss": 1, "text": "x", "inner": {"a": 2}}.items() <= results[0].metrics.items()
    assert results.get_dataframe()["inner/a"].tolist() == [2]
    assert fit(lambda config: 3.5, {}, {"name": "number"}, metric="_metric")[0].metrics["_metric"] == 3.5


def test_without_a_metric_the_first_one_counts_and_results_are_compared_by_any(fit: Fit) -> None:
    results = fit(falling, {"rate": tune.grid_search([0.1, 0.9])}, metric=None, mode=None)
    assert results.get_best_result("loss", "min").config == {"rate": 0.9}
    assert results.get_best_result("loss", "max").config == {"rate": 0.1}
    assert results.get_best_result("loss", "min", scope="avg").config == {"rate": 0.9}
    assert results.get_best_result("loss", "max", scope="all").metrics["step"] == 4
    with pytest.raises(ValueError, match="name metric="):
        results.get_best_result()
    with pytest.raises(ValueError, match="did you mean 'avg'"):
        results.get_best_result("loss", "min", scope="avgs")
    with pytest.raises(RuntimeError, match="did you mean 'loss'"):
        results.get_best_result("los", "min")


def test_several_metrics_are_optimised_together(fit: Fit) -> None:
    def both(config: dict[str, Any]) -> None:
        tune.report({"loss": config["x"], "gain": config["x"] * 2})

    search = ConcurrencyLimiter(OptunaSearch(metric=["loss", "gain"], mode=["min", "max"], seed=1), max_concurrent=1)
    results = fit(both, {"x": tune.uniform(0, 1)}, search_alg=search, num_samples=6, metric=None, mode=None)
    assert results.get_best_result("gain", "max").metrics["gain"] == max(r.metrics["gain"] for r in results)
    assert len(results.study.directions) == 2


def test_points_are_tried_first(fit: Fit) -> None:
    search = BasicVariantGenerator(points_to_evaluate=[{"rate": 0.25}, {"rate": 0.5}])
    results = fit(falling, {"rate": tune.uniform(0, 1)}, search_alg=search, num_samples=3)
    assert [r.config["rate"] for r in results][:2] == [0.25, 0.5]


def test_failures_are_told_and_others_go_on(fit: Fit) -> None:
    def fails(config: dict[str, Any]) -> None:
        tune.report({"loss": config["x"]})
        if config["x"] == 2:
            raise ValueError("boom")

    results = fit(fails, {"x": tune.grid_search([1, 2, 3])})
    assert (results.num_errors, results.num_terminated) == (1, 2)
    assert "boom" in str(results.errors[0])
    assert results[1].error is results.errors[0]
    assert results.get_best_result().config == {"x": 1}
    raising = {"name": "raises", "failure_config": tune.FailureConfig(fail_fast="raise")}
    with pytest.raises(ValueError, match="boom"):
        fit(fails, {"x": 2}, raising)
    fast = {"name": "fast", "failure_config": tune.FailureConfig(fail_fast=True)}
    assert len(fit(fails, {"x": tune.grid_search([2, 1, 1.5, 3])}, fast, max_concurrent_trials=1)) == 1


def test_a_trial_that_reports_nothing_says_what_to_do(fit: Fit) -> None:
    assert "call tune.report" in str(fit(lambda config: None).errors[0])
    assert "a tune.Checkpoint" in str(
        fit(lambda config: tune.report({"loss": 1}, checkpoint="x"), run={"name": "two"}).errors[0]  # type: ignore[arg-type]
    )
    with pytest.raises(RuntimeError, match="that a Tuner runs"):
        tune.report({"loss": 1})


def test_a_trial_that_failed_goes_on_from_its_checkpoint(fit: Fit) -> None:
    retried = {"failure_config": tune.FailureConfig(max_failures=1)}
    result = fit(saving, {"fails_at": 3}, retried)[0]
    assert result.error is None
    assert result.metrics["first"] == 3
    assert result.metrics["training_iteration"] == 6
    assert result.metrics_dataframe["loss"].tolist() == pytest.approx([1 / k for k in range(1, 7)])


def test_checkpoints_are_kept_as_asked(fit: Fit) -> None:
    keep = tune.CheckpointConfig(num_to_keep=2, checkpoint_score_attribute="loss", checkpoint_score_order="max")
    result = fit(saving, {}, {"checkpoint_config": keep})[0]
    assert result.checkpoint is not None
    assert json.loads(Path(result.checkpoint.path, "state.json").read_text()) == {"step": 5}
    assert [metrics["training_iteration"] for _, metrics in result.best_checkpoints] == [1, 6]
    best = result.get_best_checkpoint("loss", "max")
    assert best is not None
    best.update_metadata({"note": 1})
    copy = tune.Checkpoint(best.to_directory())
    assert copy.get_metadata() == {"note": 1}
    assert json.loads(Path(copy.path, "state.json").read_text()) == {"step": 0}


def test_a_class_trains_in_steps(fit: Fit) -> None:
    saves = tune.CheckpointConfig(checkpoint_frequency=3, checkpoint_at_end=True)
    trainable = tune.with_parameters(Steps, offset=2)
    results = fit(trainable, {"rate": tune.grid_search([0.5, 0.1])}, {"checkpoint_config": saves})
    assert [result.metrics["training_iteration"] for result in results] == [6, 6]
    assert [metrics["training_iteration"] for _, metrics in results[0].best_checkpoints] == [3, 6]
    stopped = fit(Steps, {"rate": 0.5}, {"name": "two", "stop": {"training_iteration": 3}})
    assert stopped[0].metrics["count"] == 3
    assert stopped[0].checkpoint is None


PROGRAM = """
import os, signal, sys
from tests.compat.ray.test_tuner import saving
from tunesmith.compat.ray import tune

class Killer(tune.Callback):
    def on_trial_result(self, iteration, trials, trial, result, **info):
        if len(trials) == 2 and iteration == 4 and "--kill" in sys.argv:  # restored, it is there again
            os.kill(os.getpid(), signal.SIGKILL)

tune.Tuner(
    saving,
    param_space={"rate": tune.uniform(0, 1)},
    tune_config=tune.TuneConfig(metric="loss", mode="min", num_samples=3, max_concurrent_trials=1),
    run_config=tune.RunConfig(name="exp", storage_path=sys.argv[1], verbose=0, callbacks=[Killer()]),
).fit()
"""


@pytest.mark.slow
def test_a_search_that_was_killed_goes_on_from_its_checkpoints(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, tmp_path, "--kill"], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL
    assert tune.Tuner.can_restore(tmp_path / "exp")
    restored = tune.Tuner.restore(tmp_path / "exp", saving)
    assert len(restored.get_results()) == 1
    results = restored.fit()
    assert [result.metrics["training_iteration"] for result in results] == [6, 6, 6]
    assert [result.metrics["first"] for result in results] == [0, 3, 0]
    assert [len(result.metrics_dataframe) for result in results] == [6, 6, 6]


def test_trials_that_failed_are_run_again(fit: Fit, tmp_path: Path) -> None:
    def fails(config: dict[str, Any]) -> None:
        raise ValueError("boom")

    assert fit(fails, {"rate": tune.uniform(0, 1)}, num_samples=2).num_errors == 2
    before = tune.Tuner.restore(tmp_path / "exp", fails).get_results()
    results = tune.Tuner.restore(tmp_path / "exp", falling, restart_errored=True).fit()
    assert (len(results), results.num_errors) == (2, 0)
    assert [r.config for r in results] == [r.config for r in before]
    with pytest.raises(ValueError, match="there is no such folder"):
        tune.Tuner.restore(tmp_path / "nowhere", falling)
    (tmp_path / "rays").mkdir()
    (tmp_path / "rays" / "experiment_state-2026.json").touch()
    with pytest.raises(ValueError, match="tunesmith import"):
        tune.Tuner.restore(tmp_path / "rays", falling)


def test_callbacks_hear_of_trials_and_change_results(fit: Fit) -> None:
    heard: list[Any] = []

    class Logger(LoggerCallback):
        def log_trial_start(self, trial: Any) -> None:
            heard.append(("start", str(trial)))

        def log_trial_result(self, iteration: int, trial: Any, result: dict[str, Any]) -> None:
            heard.append((iteration, result["config"]["rate"]))
            result[SHOULD_CHECKPOINT] = iteration == 2

        def log_trial_save(self, trial: Any) -> None:
            heard.append("save")

        def log_trial_end(self, trial: Any, failed: bool = False) -> None:
            heard.append(("end", failed, trial.last_result["count"]))

        def on_experiment_end(self, trials: list[Any], **info: Any) -> None:
            heard.append(("over", len(trials)))

    run = {"callbacks": [Logger()], "stop": {"count": 3}}
    results = fit(
        Steps, {"rate": 0.5}, run, trial_name_creator=lambda trial: "named", trial_dirname_creator=lambda t: "d"
    )
    assert heard == [("start", "named"), (1, 0.5), (2, 0.5), "save", (3, 0.5), ("end", False, 3), ("over", 1)]
    assert Path(results[0].path).name == "d"
    assert [Path(c.path).name for c, _ in results[0].best_checkpoints] == ["checkpoint_000002"]


def test_run_returns_an_analysis(tmp_path: Path) -> None:
    tune.register_trainable("falling", falling)
    analysis = tune.run(
        "falling", config={"rate": tune.grid_search([0.2, 0.8])}, metric="loss", mode="min", storage_path=str(tmp_path),
        name="run", verbose=0, callbacks=[tune.Callback()], resources_per_trial={"cpu": 1},
    )  # fmt: skip
    assert analysis.best_config == {"rate": 0.8}
    assert analysis.best_result["loss"] == pytest.approx(0.2**4)
    assert analysis.get_best_config("loss", "max") == {"rate": 0.2}
    assert analysis.best_trial.config == {"rate": 0.8}
    assert len(analysis.trials) == len(analysis.results_df) == len(analysis.trial_dataframes) == 2
    assert len(analysis.best_dataframe) == 5
    assert analysis.dataframe("loss", "max")["loss"].tolist() == [1.0, 1.0]
    assert set(analysis.get_all_configs()) == {trial.path for trial in analysis.trials}
    assert analysis.get_last_checkpoint() is None
    again = tune.run(falling, name="run", storage_path=str(tmp_path), resume=True, metric="loss", mode="min", verbose=0)
    assert again.best_config == {"rate": 0.8}
    with pytest.raises(tune.TuneError, match="1 of 1 trials failed"):
        tune.run(lambda config: None, storage_path=str(tmp_path), verbose=0, callbacks=[tune.Callback()])


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: tune.Tuner(3), "a trainable is a function"),
        (lambda: tune.Tuner(dict), "a subclass of tune.Trainable"),
        (lambda: tune.Tuner("unknown"), "there is no trainable 'unknown'"),
        (lambda: tune.Tuner(falling, tune_config={"metric": "loss"}), "tune_config is a tune.TuneConfig"),
        (lambda: tune.Tuner(falling, tune_config=tune.TuneConfig(search_alg=3)), "search_alg is one of"),
        (lambda: tune.Tuner(falling, tune_config=tune.TuneConfig(scheduler=3)), "scheduler is one of"),
        (lambda: tune.Tuner(falling, tune_config=tune.TuneConfig(scheduler="ash")), "there are fifo"),
        (lambda: tune.Tuner(falling, tune_config=tune.TuneConfig(metric="loss")).fit(), "name what is optimised"),
        (lambda: tune.Tuner(falling, tune_config=tune.TuneConfig(metric="a", mode="low")).fit(), "mode is 'min' or"),
        (lambda: tune.TuneConfig(num_samples=0), "num_samples must be"),
        (lambda: tune.TuneConfig(max_concurrent_trials=-1), "max_concurrent_trials must be"),
        (lambda: tune.RunConfig(storage_path="s3://bucket"), "a folder of this machine"),
        (lambda: tune.CheckpointConfig(num_to_keep=0), "num_to_keep must be"),
        (lambda: tune.FailureConfig(fail_fast=True, max_failures=1), "max_failures must be 0"),
        (lambda: tune.create_searcher("optun"), "did you mean 'optuna'"),
        (lambda: tune.Tuner(falling).get_results(), "nothing was run yet"),
        (lambda: tune.Tuner(tune.with_resources(falling, {"cpu": 1e6})).fit(), "ask for less"),
        (lambda: tune.Tuner(tune.with_resources(falling, {"tpu": 1})).fit(), "cpu and gpu"),
        (
            lambda: tune.Tuner(
                falling, param_space={"x": tune.grid_search([1])}, tune_config=tune.TuneConfig(num_samples=-1)
            ).fit(),
            "has no end, and a grid does",
        ),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(
    make: Any, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_AIR_LOCAL_CACHE_DIR", str(tmp_path))
    with pytest.raises((TypeError, ValueError, RuntimeError), match=says):
        make()
    assert not list(tmp_path.glob("*/study.db"))
