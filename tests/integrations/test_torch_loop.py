"""`trial.epochs` with PyTorch: a paused and resumed training equals an undisturbed one bit by bit."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.integrations.pausing import EachStep

import tunesmith as ts

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch", exc_type=ImportError)

from torch import nn  # noqa: E402  it needs torch
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402  it needs torch

LAST = 5
X = torch.linspace(-1, 1, 64)[:, None]
DATA = TensorDataset(X, torch.sin(3 * X))


def train(trial: ts.Trial, keep: list[Any]) -> float:
    """Everything that draws random numbers: the first weights, the order of the rows, dropout, noise."""
    torch.manual_seed(trial.seed)
    rate = trial.suggest_float("rate", 1e-3, 1e-1, log=True)
    model = nn.Sequential(nn.Linear(1, 8), nn.ReLU(), nn.Dropout(0.2), nn.BatchNorm1d(8), nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, LAST)
    own = torch.Generator()
    batches, mine = DataLoader(DATA, 16, shuffle=True), DataLoader(DATA, 16, shuffle=True, generator=own)
    best: dict[str, Any] = {}
    state = {"model": model, "optimizer": optimizer, "schedule": schedule, "own": own, "best": best}
    for epoch in trial.epochs(LAST, state=state):
        model.train()
        for x, y in (*batches, *mine):
            optimizer.zero_grad()
            loss = nn.functional.mse_loss(model(x + 0.01 * random.random()), y + 0.01 * np.random.normal())
            loss.backward()
            optimizer.step()
        schedule.step()
        model.eval()
        with torch.no_grad():
            value = float(nn.functional.mse_loss(model(X), DATA.tensors[1]))
        if value < best.get("value", np.inf):
            best.update(value=value, weights={k: v.clone() for k, v in model.state_dict().items()})
        trial.report(value, epoch)
        if trial.should_prune():
            raise ts.TrialPruned
    keep.append((model.state_dict(), optimizer.state_dict(), best, torch.rand(3)))
    return float(best["value"])


def same(a: Any, b: Any) -> bool:
    if isinstance(a, torch.Tensor):
        return torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a == b)


@pytest.mark.parametrize("in_file", [False, True])
def test_a_paused_training_equals_an_undisturbed_one(in_file: bool, tmp_path: Path) -> None:
    found: list[Any] = []
    for pruner in ("nop", EachStep()):
        keep: list[Any] = []
        study = ts.create_study(
            storage=tmp_path / "tune.db" if in_file else None,
            study_name=type(pruner).__name__,
            seed=0,
            sampler="random",
            pruner=pruner,
        )
        study.optimize(lambda trial, keep=keep: train(trial, keep), n_trials=2)
        assert [t.attempt for t in study.trials] == [1 if pruner == "nop" else LAST + 1] * 2, (
            "the last epoch is run again"
        )
        found.append((keep, [(t.value, dict(t.intermediate_values)) for t in study.trials]))
    assert same(*found)


def test_a_training_that_begins_anew_is_the_same() -> None:
    keep: list[Any] = []
    for _ in range(2):
        study = ts.create_study(seed=3, sampler="random", pruner="nop")
        study.optimize(lambda trial: train(trial, keep), n_trials=1)
    assert same(keep[0], keep[1])


def test_a_full_disk_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    """Written through ``torch.save``, which makes an error of its own of it."""
    import builtins

    trial = ts.create_study(seed=0, sampler="random", pruner="nop").ask()
    model = nn.Linear(2, 2)
    loop = iter(trial.epochs(5, state={"model": model}))
    next(loop)
    trial.report(1.0, 1)
    next(loop)
    real = builtins.open

    def full(path: Any, mode: str = "r", *rest: Any, **options: Any) -> Any:
        return real("/dev/full" if str(path).endswith(".part") else path, mode, *rest, **options)

    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    monkeypatch.setattr(builtins, "open", full)
    with pytest.warns(UserWarning, match="the one before stays"):
        trial.report(1.0, 2)
    monkeypatch.undo()
    assert list(trial.artifacts) == ["checkpoint/1"]
    assert [p.name for p in trial.checkpoint_dir.iterdir()] == ["epochs.pt"]


def test_a_model_of_another_shape_is_the_users_error() -> None:
    study = ts.create_study(seed=0, sampler="random", pruner="nop")
    trial = study.ask()
    loop = iter(trial.epochs(5, state={"model": nn.Linear(2, 2)}))
    next(loop)
    trial.report(1.0, 1)
    study.release([trial.number])
    with pytest.raises(RuntimeError, match="size mismatch"):
        study.ask().epochs(5, state={"model": nn.Linear(3, 2)})
