"""The trackers: what a study found is what MLflow, TensorBoard and Weights & Biases read back."""

from __future__ import annotations

import struct
import sys
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith.foundation.states import TrialState
from tunesmith.integrations.trackers import Tracker

COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL


def objective(trial: ts.Trial) -> float:
    """Three reports; the second trial is pruned, the third fails."""
    x = trial.suggest_float("x", -1, 1)
    trial.suggest_categorical("kind", ["a", None])
    trial.set_user_attr("note", "seen")
    for step in (1, 2, 3):
        trial.log({"loss": x - step, "val/acc": step / 2}, step)
        trial.report(x + step, step)
        if trial.number == 1 and step == 2:
            raise ts.TrialPruned
    if trial.number == 2:
        raise ArithmeticError("no luck")
    return x


def searched(callback: Any) -> list[ts.FrozenTrial]:
    study = ts.create_study(study_name="tracked", seed=0, sampler="random", pruner="nop")
    study.optimize(objective, n_trials=3, catch=ArithmeticError, callbacks=[callback])
    trials = study.trials
    assert [t.state for t in trials] == [COMPLETE, PRUNED, FAIL]
    return trials


# MLflow's own use of SQLAlchemy.
mlflow_store = pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy")


@mlflow_store
@pytest.mark.parametrize("kind", ["sqlite", "folder"])
def test_mlflow_has_every_trial(tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="needs MLflow: pip install mlflow-skinny")
    from mlflow.tracking import MlflowClient

    from tunesmith.integrations.mlflow import MLflowCallback

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # MLflow 3 keeps folders for who asks for them
    uri = f"sqlite:///{tmp_path / 'ml.db'}" if kind == "sqlite" else (tmp_path / "runs").as_uri()
    trials = searched(MLflowCallback(uri, "mine", metric="loss", tags={"team": "blue"}))
    client = MlflowClient(uri)
    experiment = client.get_experiment_by_name("mine")
    runs = sorted(client.search_runs([experiment.experiment_id]), key=lambda r: int(r.data.tags["tunesmith.number"]))
    assert [run.info.status for run in runs] == ["FINISHED", "FINISHED", "FAILED"]
    for run, trial in zip(runs, trials, strict=True):
        assert run.data.params == {name: str(value) for name, value in trial.params.items()}
        last = trial.metrics["loss"][1][-1] if trial.value is None else trial.value
        assert run.data.metrics["loss"] == last
        curve = {m.step: m.value for m in client.get_metric_history(run.info.run_id, "reported")}
        assert curve == dict(trial.intermediate_values)
        logged = {m.step: m.value for m in client.get_metric_history(run.info.run_id, "val/acc")}
        assert logged == {step: step / 2 for step in trial.intermediate_values}
        if trial.value is not None:  # whose name a metric has as well
            assert len(client.get_metric_history(run.info.run_id, "loss")) == len(logged) + 1
        assert run.data.tags["tunesmith.state"] == trial.state.name
        assert run.data.tags["team"] == "blue"
        assert run.data.tags["note"] == "seen"
    assert "no luck" in runs[2].data.tags["tunesmith.reason"]


@mlflow_store
def test_mlflow_takes_long_and_odd_trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("mlflow", reason="needs MLflow: pip install mlflow-skinny")
    from mlflow.tracking import MlflowClient

    from tunesmith.integrations.mlflow import MLflowCallback

    def long(trial: ts.Trial) -> float:
        for i in range(120):
            trial.suggest_float(f"x[{i}] é?", 0, 1)
        for step in range(2000):
            trial.report(step, step)
        return 0.0

    monkeypatch.chdir(tmp_path)
    uri = f"sqlite:///{tmp_path / 'ml.db'}"
    study = ts.create_study(study_name="long", seed=0, sampler="random", pruner="nop")
    study.optimize(long, n_trials=1, callbacks=[MLflowCallback(uri)])
    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("long").experiment_id])
    assert len(run.data.params) == 120
    assert len(client.get_metric_history(run.info.run_id, "reported")) == 2000


def events(folder: Path) -> list[Any]:
    """The summaries in the event files of a folder."""
    from tensorboardX.proto.event_pb2 import Event

    found = []
    for path in sorted(folder.glob("events*")):
        data = path.read_bytes()
        while data:
            (length,) = struct.unpack("<Q", data[:8])
            found += (Event.FromString(data[12 : 12 + length]).summary.value,)
            data = data[16 + length :]
    return [value for values in found for value in values]


def test_tensorboard_has_every_trial(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install tensorboardX")
    from tensorboardX.proto.plugin_hparams_pb2 import HParamsPluginData

    from tunesmith.integrations.tensorboard import TensorBoardCallback

    for trial in searched(TensorBoardCallback(tmp_path, metric="loss")):
        values = events(tmp_path / "tracked" / str(trial.number))
        scalars = [(v.tag, v.simple_value) for v in values if v.WhichOneof("value") == "simple_value"]
        assert [v for tag, v in scalars if tag == "reported"] == pytest.approx(list(trial.intermediate_values.values()))
        logged = trial.metrics["loss"][1].tolist()
        found = sorted(v for tag, v in scalars if tag == "loss")
        assert found == pytest.approx(sorted([*logged, *(trial.values or ())]))
        assert [v for tag, v in scalars if tag == "val/acc"] == [s / 2 for s in trial.intermediate_values]
        plugin = [v.metadata.plugin_data.content for v in values if v.metadata.plugin_data.plugin_name == "hparams"]
        started = [d for d in map(HParamsPluginData.FromString, plugin) if d.HasField("session_start_info")]
        hparams = started[0].session_start_info.hparams
        assert hparams["x"].number_value == pytest.approx(trial.params["x"])
        assert hparams["kind"].string_value == str(trial.params["kind"])


def test_wandb_has_every_trial_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wandb = pytest.importorskip("wandb", reason="needs Weights & Biases: pip install wandb")
    from tunesmith.integrations.wandb import WandbCallback

    for name in ("WANDB_CACHE_DIR", "WANDB_CONFIG_DIR", "WANDB_DATA_DIR"):
        monkeypatch.setenv(name, str(tmp_path / name))
    runs: list[Any] = []
    for name in ("exit", "excepthook"):  # it puts functions of its own there, and leaves them
        monkeypatch.setattr(sys, name, getattr(sys, name))
    original = wandb.init

    def init(**options: Any) -> Any:
        runs.append(original(**options))
        return runs[-1]

    monkeypatch.setattr(wandb, "init", init)
    trials = searched(WandbCallback("mine", metric="loss", mode="offline", dir=str(tmp_path)))
    wandb.teardown()  # the files are written by a process of its own
    files = sorted(tmp_path.glob("wandb/offline-run-*/*.wandb"))
    assert len(files) == 3
    for run, trial in zip(runs, trials, strict=True):
        assert dict(run.config) == {name: str(v) if v is None else v for name, v in trial.params.items()}
        assert (run.project, run.group, run.name) == ("mine", "tracked", f"tracked {trial.number}")
        kept = (tmp_path / "wandb").glob(f"offline-run-*-{run.id}/*.wandb")
        content = next(kept).read_bytes()
        for value in [*trial.intermediate_values.values(), *trial.metrics["loss"][1].tolist()]:
            assert repr(value).encode() in content
        assert trial.state.name.encode() in content
        assert b"seen" in content


class Broken(Tracker):
    service = "nowhere"

    def __init__(self, breaks_at: int) -> None:
        super().__init__("value")
        self.breaks_at = breaks_at

    def log(self, study: ts.Study, trial: ts.FrozenTrial) -> None:
        if trial.number == self.breaks_at:
            raise ConnectionError("the server is away")


def test_a_tracker_that_goes_away_ends_no_search() -> None:
    study = ts.create_study(seed=0, sampler="random")
    with pytest.warns(UserWarning, match="trial 2 is not in nowhere: ConnectionError: the server is away"):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5, callbacks=[Broken(2)])
    assert len(study.trials) == 5


def test_one_that_never_worked_is_an_error() -> None:
    study = ts.create_study(seed=0, sampler="random")
    with pytest.raises(ConnectionError):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=5, callbacks=[Broken(0)])


def test_several_objectives_have_a_name_each() -> None:
    study = ts.create_study(directions=["minimize", "minimize"], seed=0, sampler="random")
    study.optimize(lambda trial: (trial.suggest_float("x", 0, 1), 2.0), n_trials=1)
    (trial,) = study.trials
    assert Broken(-1).values(trial) == {"value_0": trial.params["x"], "value_1": 2.0}


@pytest.mark.parametrize("metric", ["", "reported", 3])
def test_a_metric_needs_a_name_of_its_own(metric: Any) -> None:
    with pytest.raises(ValueError, match="metric="):
        Tracker.__init__(Broken(0), metric)
