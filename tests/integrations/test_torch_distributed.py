"""`DistributedTrial` in two real processes with gloo: what one of them is told, both know."""

from __future__ import annotations

import json
import random
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.integrations.pausing import EachStep, StopsAt

import tunesmith as ts
from tunesmith.errors import TrialPruned

torch = pytest.importorskip("torch", reason="needs PyTorch: pip install torch", exc_type=ImportError)
if not (torch.distributed.is_available() and torch.distributed.is_gloo_available()):
    pytest.skip("this PyTorch has no gloo", allow_module_level=True)


from tunesmith.integrations.torch_distributed import DistributedTrial  # noqa: E402  it needs torch

EPOCHS = 4
STOP, PAUSE, NONE = "stop", "pause", "none"


def train(trial: DistributedTrial, rank: int) -> dict[str, Any]:
    """A training in two ranks, each with its own random numbers; what it knows at the end."""
    rate = trial.suggest_float("rate", 0, 1)
    assert trial.suggest_int("depth", 1, 3) in (1, 2, 3)
    assert trial.suggest_categorical("kind", ["a", "b"]) in ("a", "b")
    assert trial.params["rate"] == rate
    torch.manual_seed(trial.seed)
    model = torch.nn.Linear(3, 1)
    parallel = torch.nn.parallel.DistributedDataParallel(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01 + rate)
    seen, drawn = [], []
    state = {"model": model, "optimizer": optimizer, "drawn": drawn}
    for epoch in trial.epochs(EPOCHS, state=state):
        x = torch.randn(8, 3)
        optimizer.zero_grad()
        loss = (parallel(x) - x.sum(1, keepdim=True)).square().mean()
        loss.backward()
        optimizer.step()
        drawn.append(random.random())
        seen.append(epoch)
        mean = loss.detach()
        torch.distributed.all_reduce(mean)
        trial.report(float(mean) / 2, epoch)
        if trial.should_prune():
            raise TrialPruned
    weights = [p.tolist() for p in model.parameters()]
    return {"rank": rank, "rate": rate, "weights": weights, "value": float(mean) / 2, "noise": random.random()}


def process(rank: int, folder: str, how: str) -> None:
    """One of the two processes."""
    place = Path(folder)
    torch.distributed.init_process_group("gloo", init_method=f"file://{place / 'meet'}", rank=rank, world_size=2)
    pruner: Any = {STOP: StopsAt(2), PAUSE: EachStep(), NONE: "nop"}[how]
    study = ts.create_study(storage=place / "tune.db", seed=0, sampler="random", pruner=pruner) if rank == 0 else None
    ended: list[Any] = []
    for _ in range(EPOCHS + 1):
        trial = DistributedTrial(None if study is None else study.ask())
        try:
            ended.append(train(trial, rank))
        except TrialPruned:
            ended.append("pruned")
            if study is not None:
                study.tell(trial.trial, state=ts.TrialState.PRUNED)
            continue
        if study is not None:
            study.tell(trial.trial, ended[-1]["value"])
        break
    if rank == 0:
        _tell_of_errors(study.ask())
    else:
        _tell_of_errors(None)
    (place / f"rank{rank}.json").write_text(json.dumps(ended))
    torch.distributed.destroy_process_group()


class Odd(Exception):
    """An error that cannot be sent to another process."""

    def __init__(self) -> None:
        super().__init__("odd")
        self.own = lambda: None


def _tell_of_errors(trial: Any) -> None:
    shared = DistributedTrial(trial)
    with pytest.raises(ValueError, match="low"):
        shared.suggest_float("x", 2, 1)
    with pytest.raises(TypeError, match="a number and an integer step"):
        shared.report("much", 1)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="the metric 'loss' must be a number"):
        shared.log({"loss": "much"}, 1)  # type: ignore[dict-item]
    if trial is not None:

        def fail(*given: Any) -> bool:
            raise Odd

        class Fails:
            log = should_prune = staticmethod(fail)

        shared.trial = Fails()  # type: ignore[assignment]
    with pytest.raises(RuntimeError, match="Odd: odd"):
        shared.should_prune()
    shared.log({"loss": 0.5}, 1)
    with pytest.raises(RuntimeError, match="Odd: odd"):
        shared.report(0.5, 1)
    with pytest.raises(ValueError, match="given by rank none"):
        DistributedTrial(None)


def ranks(folder: Path, how: str) -> tuple[list[Any], list[Any]]:
    folder.mkdir()
    torch.multiprocessing.spawn(process, (str(folder), how), nprocs=2)
    first, second = (json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(2))
    return first, second


@pytest.mark.slow
def test_two_ranks_train_stop_and_go_on_together(tmp_path: Path) -> None:
    first, second = ranks(tmp_path / "none", NONE)
    assert first[0]["rate"] == second[0]["rate"]
    assert first[0]["weights"] == second[0]["weights"]
    assert first[0]["noise"] != second[0]["noise"], "each rank has random numbers of its own"
    paused = ranks(tmp_path / "pause", PAUSE)
    assert [p[:-1] for p in paused] == [["pruned"] * EPOCHS] * 2
    assert [p[-1] for p in paused] == [first[0], second[0]], "paused and resumed, the ranks end with the same numbers"
    assert ranks(tmp_path / "stop", STOP) == (["pruned"] * (EPOCHS + 1),) * 2


def fails(trial: DistributedTrial, alone: bool = False) -> float:
    """A training in which rank 1 fails in trial 1, while rank 0 waits for it, and in trial 2; and rank 0 in trial 3."""
    rank, number = torch.distributed.get_rank(), trial.number
    rate = trial.suggest_float("rate", 0, 1)
    model = torch.nn.Linear(3, 1)
    parallel = torch.nn.parallel.DistributedDataParallel(model)
    for step in range(3):
        if (number, rank, step, alone) == (1, 1, 1, True):
            raise MemoryError("out of memory")
        parallel(torch.ones(2, 3)).sum().backward()
        trial.report(rate + step, step)
    if (number, rank) in ((2, 1), (3, 0)):
        raise KeyError("my column")
    return rate


def waits(trial: DistributedTrial) -> float:
    return fails(trial, alone=True)


def search(rank: int, folder: str, port: int) -> None:
    """One of the three processes of a search that goes on after errors, and of others."""
    place = Path(folder)
    store = torch.distributed.TCPStore("127.0.0.1", port)
    torch.distributed.init_process_group("gloo", store=store, rank=rank, world_size=3, timeout=timedelta(minutes=30))
    stored = {"storage": place / "tune.db", "load_if_exists": True, "sampler": "random", "pruner": "nop", "seed": 0}
    study = ts.create_study(study_name="s", **stored) if rank == 0 else None  # type: ignore[arg-type]
    DistributedTrial.optimize(study, waits, 5, catch=KeyError)
    other = ts.create_study(study_name="other", **stored) if rank == 0 else None  # type: ignore[arg-type]
    with pytest.raises(KeyError, match="my column"):
        DistributedTrial.optimize(other, fails, 5)
    torch.distributed.destroy_process_group()
    (place / f"rank{rank}").touch()


@pytest.mark.slow
def test_an_error_in_any_rank_fails_the_trial_in_all_and_catch_decides(tmp_path: Path) -> None:
    """Rank 1 fails while the others wait for it, which they would do for half an hour."""
    store = torch.distributed.TCPStore("127.0.0.1", 0, 1, is_master=True)  # at a port that is free
    started = torch.multiprocessing.spawn(search, (str(tmp_path), store.port), nprocs=3, join=False)
    try:
        for _ in range(3):  # each time until one of them ends
            started.join(timeout=60)
        assert sorted(path.name for path in tmp_path.glob("rank*")) == ["rank0", "rank1", "rank2"]
    finally:
        for one in started.processes:
            one.kill()
    complete, fail = ts.TrialState.COMPLETE, ts.TrialState.FAIL

    def trials(name: str) -> list[ts.FrozenTrial]:
        return ts.load_study(storage=tmp_path / "tune.db", study_name=name).trials

    for name, states in (("s", [complete, fail, fail, fail, complete]), ("other", [complete, complete, fail])):
        assert [t.state for t in trials(name)] == states
    assert [t.failure for t in trials("s")[1:4]] == [ts.FailureKind.OOM, *[ts.FailureKind.RAISED] * 2]
    first, second = (str(t.reason) for t in trials("s")[1:3])
    assert first.startswith("MemoryError: out of memory")
    assert "raised in rank 1" in first
    assert "KeyError: 'my column'" in second


def test_without_a_process_group_it_says_what_to_do() -> None:
    with pytest.raises(RuntimeError, match="init_process_group"):
        DistributedTrial(ts.create_study(sampler="random", pruner="nop").ask())
