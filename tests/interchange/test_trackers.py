"""Results of Ray Tune, MLflow, W&B and Hyperopt, as these programs left them (data/make_trackers.py)."""

from __future__ import annotations

import json
import math
import pickle
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import compat
from tunesmith.errors import SourceError

DATA = Path(__file__).parent / "data"


def test_a_folder_of_ray_tune() -> None:
    (old,) = compat.read(DATA / "ray" / "spirals", minimize="loss")
    assert (old.name, old.program, old.counts) == ("spirals", "Ray", {"complete": 4, "fail": 2})
    assert {tuple(t.params) for t in old.trials} == {("lr", "net/width")}
    for trial in old.trials:
        lr, width = trial.params["lr"], trial.params["net/width"]
        curve = [lr * width / (i + 1) for i in range(3)]
        assert [trial.intermediate_values[i] for i in (1, 2, 3)] == pytest.approx(curve)
        assert trial.values == pytest.approx(curve[2:])
        assert trial.user_attrs["env/reward"] == 2
        assert trial.user_attrs["opt"] == "sgd"
        assert 0 <= trial.duration < 60
        assert trial.metrics["env/reward"][1].tolist() == [0, 1, 2]
        assert trial.metrics["loss"][0].tolist() == [1, 2, 3]
        assert set(trial.metrics) == {"env/reward", "loss"}
    assert {t.reason for t in old.trials if t.state is ts.TrialState.FAIL} == {"RuntimeError: diverged"}
    (same,) = compat.read(DATA / "ray", maximize="env/reward")  # the folder of experiments
    assert [t.value for t in same.trials] == [2.0] * 6
    with pytest.raises(
        SourceError, match=r"does not say which value counts.*'env/reward', 'loss'|'loss', 'env/reward'"
    ):
        compat.read(DATA / "ray")


def test_a_folder_of_ray_tune_that_was_killed(tmp_path: Path) -> None:
    folder = tmp_path / "spirals"
    shutil.copytree(DATA / "ray" / "spirals", folder)
    (state,) = folder.glob("experiment_state*")
    state.unlink()
    first = sorted(folder.glob("*/result.json"))[0]
    first.write_bytes(first.read_bytes()[:-40])
    (old,) = compat.read(folder, minimize="loss")
    assert len(old.trials) == 6
    assert sorted(len(t.intermediate_values) for t in old.trials) == [2, 3, 3, 3, 3, 3]
    first.write_text("garbage\n{}\n")
    with pytest.raises(SourceError, match="line 1: this is no JSON"):
        compat.read(folder, minimize="loss")
    (tmp_path / "empty").mkdir()
    with pytest.raises(SourceError, match=r"is a folder without results of Ray Tune .*, MLflow .* or TensorBoard"):
        compat.read(tmp_path / "empty", minimize="loss")


@pytest.mark.parametrize("source", ["mlruns", "mlflow.db"])
def test_mlflow(source: str) -> None:
    studies = {old.name: old for old in compat.read(DATA / source, minimize="val/loss")}
    assert set(studies) == {"spirals", "other"}
    (old,) = compat.read(DATA / source, study="spirals", minimize="metrics.val/loss", params={"lr": "log(1e-4, 1)"})
    assert (old.program, old.counts) == ("MLflow", {"complete": 3})
    for i, trial in enumerate(old.trials):
        assert trial.params == {"lr": 10 ** -(i + 1), "opt": ["adam", "sgd"][i % 2], "depth": None if i else 3}
        assert dict(trial.intermediate_values) == {0: 1 / (i + 1), 1: math.inf, 2: 1 / (i + 3)}
        assert trial.value == 1 / (i + 3)
        assert trial.user_attrs == {"acc": 0.5 + i / 10, "note": "hello", "name": f"run {i}"}
        assert trial.metrics["val/loss"][1].tolist() == [1 / (i + 1), math.inf, 1 / (i + 3)]
        assert trial.metrics["acc"][1].tolist() == [0.5 + i / 10]
        assert 0 <= trial.duration < 60
    assert old.trials[0].distributions["lr"] == ts.Float(1e-4, 1, log=True)
    assert studies["other"].counts == {"complete": 1, "fail": 1}
    with pytest.raises(SourceError, match="no study 'spiral'; did you mean 'spirals'"):
        compat.read(DATA / source, study="spiral", minimize="acc")


def run_of_tensorboard(folder: Path, i: int) -> None:
    """A run as tensorboardX writes it: its parameters lie in a folder of their own."""
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder)) as writer:
        for step in (0, 2, 5):
            writer.add_scalar("loss", (i + 1) / (step + 1), step)
            writer.add_scalar("acc", 0.5, step)
        writer.add_text("note", "hello")
        writer.add_hparams({"lr": 0.5**i, "opt": ["sgd", "adam"][i % 2], "depth": i, "fast": i > 1}, {"hp": i})


def test_a_folder_of_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install tensorboardX")
    for i in range(3):
        run_of_tensorboard(tmp_path / "logs" / "spirals" / str(i), i)
    with pytest.raises(SourceError, match=r"does not say which value counts.* 'loss', 'acc', 'hp'"):
        compat.read(tmp_path / "logs")
    for source in (tmp_path / "logs", tmp_path / "logs" / "spirals"):
        (old,) = compat.read(source, minimize="loss", facts=True)
        assert (old.name, old.program, old.counts) == ("spirals", "TensorBoard", {"complete": 3})
        for i, trial in enumerate(old.trials):
            assert trial.params == {"lr": 0.5**i, "opt": ["sgd", "adam"][i % 2], "depth": i, "fast": i > 1}
            assert dict(trial.intermediate_values) == pytest.approx({s: (i + 1) / (s + 1) for s in (0, 2, 5)})
            assert set(trial.metrics) == {"loss", "acc", "hp"}
            assert trial.metrics["acc"][1].tolist() == [0.5] * 3
            assert 0 <= trial.duration < 60
        assert compat.differences(old, old.create_study()) == []
    (one,) = compat.read(tmp_path / "logs" / "spirals" / "1", minimize="hp")
    assert (one.name, one.trials[0].value) == ("1", 1.0)
    for path in (tmp_path / "logs" / "spirals" / "0").rglob("*tfevents*"):
        path.write_bytes(path.read_bytes()[:-30])  # cut off
    (old,) = compat.read(tmp_path / "logs", minimize="loss")
    assert len(old.trials) == 3


def test_a_study_that_was_sent_to_tensorboard_comes_back(tmp_path: Path) -> None:
    pytest.importorskip("tensorboardX", reason="needs tensorboardX: pip install tensorboardX")
    from tunesmith.integrations.tensorboard import TensorBoardCallback

    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        for step in range(4):
            trial.report({"loss": x / (step + 1), "acc": 0.5}, step)
        return x

    study = ts.create_study(study_name="sent", seed=0, sampler="random")
    study.optimize(objective, n_trials=12, callbacks=[TensorBoardCallback(tmp_path, metric="value")])
    (old,) = compat.read(tmp_path, minimize="value", params={"x": "float(0, 1)"})
    again = old.create_study()
    assert [t.value for t in again.trials] == pytest.approx([t.value for t in study.trials])
    names = ["loss", "acc"]
    ours, theirs = study.metrics_dataframe(names), again.metrics_dataframe(names)
    assert theirs[theirs["step"] < 4].to_numpy() == pytest.approx(ours.to_numpy())


def test_metrics_whose_names_cannot_be_kept_are_left_out(tmp_path: Path) -> None:
    run = tmp_path / "exp" / "run_1"
    run.mkdir(parents=True)
    (run / "params.json").write_text('{"lr": 0.1}')
    rows = [{"training_iteration": i, "loss": 1 / i, "a" * 300: 1.0, "done": False, "late": 2**70} for i in (1, 2)]
    (run / "result.json").write_text("\n".join(json.dumps(row) for row in rows))
    (old,) = compat.read(tmp_path / "exp", minimize="loss")
    assert set(old.trials[0].metrics) == {"loss", "late"}


@pytest.mark.parametrize("name", ["wandb.csv", "wandb-api.csv", "wandb.jsonl"])
def test_exports_of_wandb(name: str) -> None:
    (old,) = compat.read(DATA / name, minimize="val_loss", params={"lr": "log(1e-4, 1)", "opt": ["adam", "sgd"]})
    found = sorted((t.params["lr"], t.params["opt"], t.state.name, t.value) for t in old.trials)
    assert found == [
        (0.001, "sgd", "COMPLETE", 0.31),
        (0.01, "adam", "COMPLETE", 0.27),
        (0.1, "adam", "FAIL", None),
    ]
    if name != "wandb-api.csv":  # it has no times and no states
        assert [t.params["lr"] for t in old.trials] == [0.01, 0.1, 0.001], "the oldest first"
        assert not math.isnan(old.trials[0].started)


def test_trials_of_hyperopt(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SourceError, match=r"is a pickle.*run whatever code is in it.*--unsafe-pickle"):
        compat.read(DATA / "hyperopt.pkl")
    ranges = {"rate": "log(1e-5, 1e-1)", "opt": "adam | sgd", "momentum": "float(0, 0.99)"}
    (old,) = compat.read(DATA / "hyperopt.pkl", unsafe_pickle=True, params=ranges)
    assert (old.program, old.directions, old.counts) == ("Hyperopt", ("minimize",), {"complete": 9, "fail": 1})
    for trial in old.trials:
        assert ("momentum" in trial.params) == (trial.params["opt"] == "sgd")
        assert type(trial.params["layers"]) is int
        if trial.value is not None:
            assert trial.value == pytest.approx(trial.params["rate"] * trial.params["layers"])
            assert trial.user_attrs == {"note": "x", "curve": [0, 1, 2]}
        assert 0 <= trial.duration < 60
    study = old.create_study()
    study.optimize(lambda trial: trial.suggest_float("rate", 1e-5, 1e-1, log=True), 2)
    assert len(study.trials) == 12
    for name in [name for name in sys.modules if name.partition(".")[0] in ("hyperopt", "bson")]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, "hyperopt", None)
    (without,) = compat.read(DATA / "hyperopt.pkl", unsafe_pickle=True, params=ranges)
    assert without.trials == old.trials


def test_a_trials_object_itself() -> None:
    hyperopt = pytest.importorskip("hyperopt")
    trials = hyperopt.Trials()
    hyperopt.fmin(
        lambda x: x**2,
        hyperopt.hp.uniform("x", -1, 1),
        hyperopt.rand.suggest,
        max_evals=4,
        trials=trials,
        show_progressbar=False,
    )
    (old,) = compat.read(trials, params={"x": "float(-1, 1)"})
    assert [t.value for t in old.trials] == trials.losses()


class Evil:
    """Unpickling it would write a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


def test_pickles_are_not_loaded_unasked(tmp_path: Path) -> None:
    (tmp_path / "evil.pkl").write_bytes(pickle.dumps(Evil(tmp_path / "written")))
    with pytest.raises(SourceError, match="--unsafe-pickle"):
        compat.read(tmp_path / "evil.pkl")
    assert not (tmp_path / "written").exists()
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([1, 2]))
    with pytest.raises(SourceError, match=r"holds a list, and no Trials of Hyperopt's"):
        compat.read(tmp_path / "list.pkl", unsafe_pickle=True)
    whole = (DATA / "hyperopt.pkl").read_bytes()
    (tmp_path / "cut.pkl").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SourceError, match=r"cut.pkl cannot be unpickled"):
        compat.read(tmp_path / "cut.pkl", unsafe_pickle=True)
    with pytest.raises(SourceError, match="Hyperopt minimizes 'loss'"):
        compat.read(DATA / "hyperopt.pkl", unsafe_pickle=True, maximize="acc")
