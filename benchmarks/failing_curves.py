"""How much a search loses to configurations that run out of memory, and whether it learns where they lie.

    python benchmarks/failing_curves.py [--seeds 5] [--trials 40] [--shares 0.3,0.45,0.6] [--pruners auto,median,nop]

A share of the space needs more memory than there is, and raises MemoryError in its first epoch, before any report. In
the task "border" loss falls with size, so the best configurations that fit lie next to those that do not; in "inside"
the best are small. Whatever the pruner, the objective saves checkpoints, and an attempt, failed or resumed, pays a
start-up of `--startup` epochs. Printed, as means over the seeds: how many of the trials failed, the same of the second
half of them, how many came to their end, the regret of the best complete run (0: the best that fits; 1: the median of
what fits), its standard error, and the epochs paid.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
EPOCHS = 27
N_RANDOM = 20_001  # points that say how much memory there is, and what regret 0 and 1 are


@dataclass
class Task:
    """A network that is trained where it fits.

    Attributes:
        at_border: whether larger ones are better.
        share: of the space that does not fit.
        startup: what an attempt pays before its first epoch, in epochs.
        failed: for each trial in order of its first attempt, whether it failed.
        complete: losses of the complete runs.
        paid: epochs and start-ups.
    """

    at_border: bool
    share: float
    startup: float
    failed: dict[int, bool] = field(default_factory=dict)
    complete: list[float] = field(default_factory=list)
    paid: float = 0.0

    def __post_init__(self) -> None:
        import numpy as np

        points = self.space().decode(self.space().sample(np.random.default_rng(1), N_RANDOM))
        memory = np.array([self.memory(p) for p in points])
        self.limit = float(np.quantile(memory, 1.0 - self.share))
        ends = np.array([self.loss(p, EPOCHS) for p, m in zip(points, memory, strict=True) if m <= self.limit])
        self.least, self.median = float(ends.min()), float(np.median(ends))

    @staticmethod
    def space() -> Any:
        from tunesmith import Categorical, Float, Int, Space

        return Space(
            rate=Float(1e-4, 1.0, log=True),
            width=Int(16, 1024, log=True),
            layers=Int(1, 8),
            batch=Int(16, 512, log=True),
            dropout=Float(0.0, 0.8),
            optimizer=Categorical(["sgd", "adam"]),
        )

    @staticmethod
    def memory(p: Mapping[str, Any]) -> float:
        """Weights with what the optimiser keeps of each, and activations."""
        copies = 4 if p["optimizer"] == "adam" else 2
        return float(p["layers"] * (copies * p["width"] ** 2 + 8 * p["batch"] * p["width"]))

    def loss(self, p: Mapping[str, Any], epoch: int) -> float:
        import numpy as np

        size = (np.log2(p["width"]) - 4.0) / 6.0 * 0.7 + (p["layers"] - 1) / 7.0 * 0.3
        rate, batch = (np.log10(p["rate"]) + 4.0) / 4.0, (np.log2(p["batch"]) - 4.0) / 5.0
        wanted = 0.35 + 0.25 * batch - 0.15 * size + (0.0 if p["optimizer"] == "adam" else 0.2)
        floor = 0.1 + 1.2 * (rate - wanted) ** 2 + 0.4 * (size - (1.0 if self.at_border else 0.25)) ** 2
        floor += 0.15 * (p["dropout"] - 0.5 * size) ** 2
        pace = 0.35 + 0.6 * rate * (1.2 - 0.5 * batch)
        return float(floor + (2.0 - floor) * 0.9 * epoch**-pace)

    def train(self, trial: Any, params: Mapping[str, Any], epochs: Any, pruned: type[Exception]) -> float:
        """Train, with the epochs that are left, and report each."""
        self.paid += self.startup
        self.failed[trial.number] = self.memory(params) > self.limit
        if self.failed[trial.number]:
            raise MemoryError("the network does not fit")
        extra, loss = self.startup, 0.0
        for epoch in epochs:
            loss = self.loss(params, epoch)
            self.paid += 1.0
            trial.report(loss, epoch, **({"cost": 1.0 + extra} if hasattr(trial, "epochs") else {}))
            extra = 0.0
            if trial.should_prune():
                raise pruned
        self.complete.append(loss)
        return loss


def ours(task: Task, pruner: str, seed: int, n_trials: int) -> None:
    import tunesmith

    def objective(trial: Any) -> float:
        return task.train(trial, trial.params, trial.epochs(EPOCHS, state={}), tunesmith.TrialPruned)

    study = tunesmith.create_study(space=task.space(), pruner=pruner, seed=seed)
    study.optimize(objective, n_trials=n_trials, catch=(MemoryError,))


def optunas(task: Task, pruner: str, seed: int, n_trials: int) -> None:
    import optuna
    from _optimisers import suggest

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)

    def objective(trial: Any) -> float:
        return task.train(trial, suggest(trial, task.space()), range(1, EPOCHS + 1), optuna.TrialPruned)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=optuna.pruners.MedianPruner())
    study.optimize(objective, n_trials=n_trials, catch=(MemoryError,))


def compare(at_border: bool, share: float, startup: float, pruners: list[str], seeds: int, n_trials: int) -> None:
    """Search one task with all seeds, and print a row for each way."""
    import numpy as np

    print(f"\n{'border' if at_border else 'inside'}, {share:.0%} out of memory, {n_trials} trials, {seeds} seeds")
    print(f"{'':18} {'failed':>7} {'late':>6} {'complete':>9} {'regret':>8} {'±':>6} {'epochs':>8}")
    for name in pruners:
        run: Callable[[Task, str, int, int], None] = optunas if name == "optuna-median" else ours
        rows = []
        for seed in range(seeds):
            task = Task(at_border, share, startup)
            run(task, name, seed, n_trials)
            failed = [task.failed[number] for number in sorted(task.failed)]
            regret = (min(task.complete, default=task.median) - task.least) / (task.median - task.least)
            late = failed[len(failed) // 2 :]
            rows.append([sum(failed), sum(late), len(task.complete), regret, task.paid])
        table = np.array(rows, float)
        failed_, late_, complete, regret_, paid = table.mean(axis=0)
        error = table[:, 3].std(ddof=1) / np.sqrt(seeds) if seeds > 1 else np.nan
        print(
            f"{name:18} {failed_:7.1f} {late_:6.1f} {complete:9.1f} {regret_:8.3f} {error:6.3f} {paid:8.0f}", flush=True
        )


def main(argv: list[str] | None = None) -> None:
    for name in THREADS:
        os.environ.setdefault(name, "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--shares", default="0.3,0.45,0.6", help="of the space that does not fit")
    parser.add_argument("--startup", type=float, default=1.0, help="of an attempt, in epochs")
    parser.add_argument("--pruners", default="auto,median,nop,optuna-median")
    parser.add_argument("--quick", action="store_true", help="one seed, one share, 12 trials: shows that it works")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    pruners = args.pruners.split(",")
    if "optuna-median" in pruners and importlib.util.find_spec("optuna") is None:
        print("optuna is not installed: left out")
        pruners.remove("optuna-median")
    shares = [0.45] if args.quick else [float(share) for share in args.shares.split(",")]
    seeds, n_trials = (1, 12) if args.quick else (args.seeds, args.trials)
    for at_border in (True, False):
        for share in shares:
            compare(at_border, share, args.startup, pruners, seeds, n_trials)


if __name__ == "__main__":
    main()
