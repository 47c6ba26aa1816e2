"""`trial.epochs` with PyTorch: a paused and resumed training equals an undisturbed one bit by bit."""

from __future__ import annotations

import os
import random
import signal
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


# ------------------------------------------------------------------------- several nets, in whatever holds them


def gan(trial: ts.Trial) -> float:
    """Two nets and their optimisers, schedules and scalers in lists and dicts, and bare tensors that are trained."""
    torch.manual_seed(trial.seed)
    rate = trial.suggest_float("rate", 1e-3, 1e-2, log=True)
    G = nn.Sequential(nn.Linear(2, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))
    D = nn.Sequential(nn.Linear(1, 8), nn.LeakyReLU(), nn.Linear(8, 1))
    ema = torch.optim.swa_utils.AveragedModel(G)
    shift, mean = torch.zeros(1, requires_grad=True), torch.zeros(1)
    og, od = torch.optim.Adam([*G.parameters(), shift], lr=rate), torch.optim.SGD(D.parameters(), lr=rate, momentum=0.9)
    schedules = [torch.optim.lr_scheduler.LambdaLR(og, lambda e: 0.9**e), torch.optim.lr_scheduler.StepLR(od, 2)]
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2)
    own, noise = np.random.default_rng(0), torch.Generator().manual_seed(1)
    state: dict[str, Any] = {
        "nets": [G, D],
        "opts": (og, {"d": od}),
        "rest": {"schedules": schedules, "scaler": scaler, "ema": [ema], "same": G, "bare": [shift, mean]},
        "random": [own, noise],
        "best": {"weights": None, "at": 0},
        "late": None,
    }
    loss_of = nn.BCEWithLogitsLoss()
    for epoch in trial.epochs(LAST, state):
        if state["late"] is None:  # made in the first epoch, of parameters of another one
            state["late"] = torch.optim.SGD([shift], lr=0.01, momentum=0.5)
        for _ in range(4):
            real = torch.randn(16, 1) * 0.5 + 2 + float(own.normal(0, 0.01))
            made = G(torch.randn(16, 2, generator=noise)) + shift
            od.zero_grad()
            loss = loss_of(D(real), torch.ones(16, 1)) + loss_of(D(made.detach()), torch.zeros(16, 1))
            loss.backward()
            od.step()
            og.zero_grad()
            state["late"].zero_grad()
            scaler.scale(loss_of(D(made), torch.ones(16, 1))).backward()
            scaler.step(og)
            scaler.update()
            state["late"].step()
            ema.update_parameters(G)
        with torch.no_grad():
            mean.mul_(0.9).add_(0.1 * made.mean())
        for schedule in schedules:
            schedule.step()
        value = float(loss.detach()) + float(mean) + float(shift.detach()) + scaler.get_scale() / 1000
        if state["best"]["weights"] is None or epoch % 2:
            state["best"].update(weights={k: v.clone() for k, v in G.state_dict().items()}, at=epoch)
        trial.report(value, epoch)
        if trial.should_prune():
            raise ts.TrialPruned
    ends = [p.detach() for p in (*G.parameters(), *D.parameters(), *ema.parameters(), shift, mean)]
    ends += [*state["best"]["weights"].values(), torch.rand(1, generator=noise), torch.rand(1)]
    assert all(group["lr"] < rate for optimizer in (og, od) for group in optimizer.param_groups)
    return float(sum(end.double().sum() for end in ends)) + float(own.random()) + state["best"]["at"]


def dying_gan(trial: ts.Trial) -> float:
    """The same, whose process is killed after each report that is its first."""
    report = trial.report

    class Dies:
        def __getattr__(self, name: str) -> Any:
            return getattr(trial, name)

        def report(self, value: float, step: int) -> None:
            report(value, step)
            if step == trial.attempt:
                os.kill(os.getpid(), signal.SIGKILL)

    return gan(Dies())  # type: ignore[arg-type]


def ends(study: ts.Study) -> list[Any]:
    return [(t.value, dict(t.intermediate_values)) for t in study.trials]


@pytest.mark.parametrize("in_file", [False, True])
def test_nets_in_lists_that_pause_after_each_epoch(in_file: bool, tmp_path: Path) -> None:
    undisturbed = ts.create_study(seed=0, sampler="random", pruner="nop")
    undisturbed.optimize(gan, n_trials=2)
    storage = tmp_path / "tune.db" if in_file else None
    paused = ts.create_study(storage=storage, seed=0, sampler="random", pruner=EachStep())
    paused.optimize(gan, n_trials=2)
    assert ends(paused) == ends(undisturbed)
    assert [t.attempt for t in paused.trials] == [LAST + 1] * 2


@pytest.mark.slow
def test_nets_in_lists_whose_process_is_killed_after_each_epoch(tmp_path: Path) -> None:
    undisturbed = ts.create_study(seed=0, sampler="random", pruner="nop")
    undisturbed.optimize(gan, n_trials=1)
    killed = ts.create_study(storage=tmp_path / "tune.db", seed=0, sampler="random", pruner="nop")
    killed.optimize(dying_gan, n_trials=1, executor="processes")
    assert killed.trials[0].attempt == LAST + 1
    assert ends(killed) == ends(undisturbed)


def test_a_net_where_it_cannot_be_given_back_is_named() -> None:
    trial = ts.create_study(seed=0, sampler="random", pruner="nop").ask()
    words = r"state\['nets'\], a set, holds a Linear, which cannot be given back in place"
    with pytest.raises(TypeError, match=words):
        trial.epochs(3, {"nets": {nn.Linear(2, 2)}})


# ------------------------------------------------------------------------- random numbers in the workers of a loader


class Noisy(torch.utils.data.Dataset[Any]):
    """Rows with random noise, drawn in the workers."""

    def __getitem__(self, index: int) -> Any:
        return X[index] + torch.rand(1) + np.random.random() + random.random()

    def __len__(self) -> int:
        return 8


def loaded(trial: ts.Trial, persistent: bool) -> float:
    total = torch.zeros(1)
    loader = DataLoader(Noisy(), 4, shuffle=True, num_workers=2, persistent_workers=persistent)
    for epoch in trial.epochs(3, {"total": total}):
        for batch in loader:
            total += batch.sum() * 10**epoch
        trial.report(float(total), epoch)
        if trial.should_prune():
            raise ts.TrialPruned
    return float(total)


@pytest.mark.slow
@pytest.mark.parametrize("persistent", [False, True])
def test_what_workers_of_a_loader_draw_is_the_same_unless_they_persist(persistent: bool) -> None:
    """Those that persist are the exception that docs/deep-learning.md names."""
    found = []
    for pruner in ("nop", EachStep()):
        study = ts.create_study(seed=0, sampler="random", pruner=pruner)
        study.optimize(lambda trial: loaded(trial, persistent), n_trials=1)
        found.append(ends(study))
    assert (found[0] == found[1]) is not persistent
