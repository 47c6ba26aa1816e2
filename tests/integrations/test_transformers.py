"""`TunesmithCallback` in real trainings of Hugging Face's Trainer, of a tiny model with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.integrations.pausing import EachStep, StopsAt

import tunesmith as ts
from tunesmith.foundation.states import TrialState

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch", exc_type=ImportError)
transformers = pytest.importorskip("transformers", reason="pip install transformers", exc_type=ImportError)
pytest.importorskip("accelerate", reason="Trainer needs accelerate: pip install 'transformers[torch]'")

from tunesmith.integrations.transformers import TunesmithCallback  # noqa: E402  it needs transformers

EPOCHS, UPDATES = 3, 4  # updates in each epoch
# Trainer tells of its checkpoints and of torch's renamed parts.
pytestmark = pytest.mark.filterwarnings("ignore")


class Rows(torch.utils.data.Dataset):
    """Sequences of numbers, labelled by whether their first half has the larger sum."""

    def __init__(self, n: int, seed: int) -> None:
        self.x = torch.randint(2, 30, (n, 8), generator=torch.Generator().manual_seed(seed))

    def __len__(self) -> int:
        return len(self.x)

    def __getitem__(self, i: int) -> dict[str, Any]:
        return {"input_ids": self.x[i], "labels": int(self.x[i, :4].sum() > self.x[i, 4:].sum())}


def trainer_of(trial: Any, folder: Path, *, callback: dict[str, Any] | None = None, **options: Any) -> Any:
    transformers.set_seed(trial.seed)
    rate = trial.suggest_float("rate", 1e-4, 1e-2, log=True)
    config = transformers.BertConfig(
        vocab_size=32,
        hidden_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=8,
        num_labels=2,
    )
    arguments = {
        "output_dir": str(folder),
        "num_train_epochs": EPOCHS,
        "per_device_train_batch_size": 8,
        "learning_rate": rate,
        "eval_strategy": "epoch",
        "save_strategy": "no",
        "report_to": "none",
        "disable_tqdm": True,
        "logging_strategy": "no",
        "use_cpu": True,
        "seed": trial.seed,
    }
    datasets = options.pop("eval_dataset", Rows(16, 1))
    return transformers.Trainer(
        transformers.BertForSequenceClassification(config),
        transformers.TrainingArguments(**{**arguments, **options}),
        train_dataset=Rows(8 * UPDATES, 0),
        eval_dataset=datasets,
        callbacks=[TunesmithCallback(trial, **(callback or {}))],
    )


def train(trainer: Any) -> Any:
    (ours,) = (c for c in trainer.callback_handler.callbacks if isinstance(c, TunesmithCallback))
    trainer.train(resume_from_checkpoint=ours.checkpoint)
    return trainer


def asked(**options: Any) -> ts.Trial:
    return ts.create_study(seed=0, sampler="random", pruner="nop", **options).ask()


@pytest.mark.parametrize("options", [{}, {"eval_strategy": "steps", "eval_steps": 3}])
def test_a_paused_training_equals_an_undisturbed_one(options: dict[str, Any], tmp_path: Path) -> None:
    found = []
    for pruner, every in (("nop", 1), (EachStep(), 1), (EachStep(), "1 h")):  # it saves where it is told to pause
        last: list[Any] = []

        def objective(trial: ts.Trial, last: list[Any] = last, every: Any = every) -> float:
            folder = tmp_path / f"{trial.attempt}"
            trainer = train(trainer_of(trial, folder, callback={"checkpoint_every": every}, **options))
            last.append([p.tolist() for p in trainer.model.parameters()])
            assert not list(folder.glob("checkpoint-*")), "what was saved for the trial alone is in its folder alone"
            return float(trainer.evaluate()["eval_loss"])

        study = ts.create_study(seed=0, sampler="random", pruner=pruner)
        study.optimize(objective, n_trials=1)
        (trial,) = study.trials
        steps = [1, 2, 3] if not options else [3, 6, 9, 12]
        assert trial.attempt == (1 if pruner == "nop" else len(steps) + 1)
        assert list(trial.intermediate_values) == steps
        found.append((dict(trial.intermediate_values), trial.value, last))
    assert found[0] == found[1] == found[2]


@pytest.mark.parametrize(
    "options",
    [
        {"eval_on_start": True},
        {"save_strategy": "epoch"},
        {"save_strategy": "best", "metric_for_best_model": "eval_loss"},
        {"save_strategy": "epoch", "load_best_model_at_end": True, "save_total_limit": 1},
        {"eval_dataset": {"a": Rows(8, 1), "b": Rows(8, 2)}, "callback": {"monitor": "b_loss"}},
        {"callback": {"checkpoint": False, "cost": 1.0}},
    ],
)
def test_one_report_an_epoch(options: dict[str, Any], tmp_path: Path) -> None:
    trial = asked()
    trainer = train(trainer_of(trial, tmp_path, **options))
    trainer.evaluate()
    assert list(trial.reports or ()) == [1, 2, 3]
    assert "cost" not in options.get("callback", {}) or list(trial.costs.values()) == [1.0] * 3
    if options.get("save_strategy") == "epoch" and "save_total_limit" not in options:
        assert len(list(tmp_path.glob("checkpoint-*"))) == EPOCHS, "the user's own stay"
    assert bool(trial.artifacts) == ("callback" not in options or "checkpoint" not in options["callback"])


@pytest.mark.parametrize(
    ("options", "steps"),
    [({"logging_steps": 1}, [1, 2, 3]), ({"logging_steps": 2, "eval_strategy": "steps", "eval_steps": 2}, [2, 4, 6])],
)
def test_what_the_trainer_logs_comes_along(options: dict[str, Any], steps: list[int], tmp_path: Path) -> None:
    study = ts.create_study(seed=0, sampler="random", pruner="nop")
    options["logging_strategy"] = "steps"
    study.optimize(lambda trial: train(trainer_of(trial, tmp_path, **options)) and 0.0, n_trials=1)
    metrics = study.trials[0].metrics
    assert {"loss", "learning_rate", "grad_norm", "eval_loss"} <= set(metrics)
    assert not {"epoch", "train_runtime"} & set(metrics)
    for name in ("loss", "eval_loss"):
        assert metrics[name][0].tolist()[:3] == steps
    assert metrics["eval_loss"][1].tolist() == list(study.trials[0].intermediate_values.values())


def test_a_trial_that_is_pruned(tmp_path: Path) -> None:
    study = ts.create_study(seed=0, sampler="random", pruner=StopsAt(2))
    study.optimize(lambda trial: train(trainer_of(trial, tmp_path)) and 0.0, n_trials=1)
    assert study.trials[0].state is TrialState.PRUNED
    assert list(study.trials[0].intermediate_values) == [1, 2]


def test_what_cannot_be_reported_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="eval_strategy"):
        train(trainer_of(asked(), tmp_path, eval_strategy="no"))
    with pytest.raises(ValueError, match="no evaluation had a metric 'eval_los'; did you mean 'eval_loss'"):
        train(trainer_of(asked(), tmp_path, callback={"monitor": "los"}))
    with pytest.raises(ValueError, match="there is: no evaluation"):
        train(trainer_of(asked(), tmp_path, eval_delay=100))
