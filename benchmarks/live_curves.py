"""Real trainings at equal CPU seconds: the default, which pauses, beside full runs and Optuna's median rule.

    python benchmarks/live_curves.py [--tasks lightgbm,cnn,gpt] [--seeds 3] [--budget 8]

Three small trainings of 27 reports each: LightGBM on scikit-learn's digits (five and above, or below), a convolutional
network on all of them, and a character transformer on sources of Python's library, whose learning rate decays over the
whole run. Nothing is replayed: runs save checkpoints and go on from them. A budget is so many full runs of mean cost,
and counts all CPU seconds of the process, those of the search and of the checkpoints among them. Printed, as means over
the seeds: the regret of the best run that came to its end after half of the budget and after all of it (0: the least
loss that any search found; 1: the median of random full runs), with its standard error, and how many runs were begun
and came to their end.
"""

from __future__ import annotations

import argparse
import importlib.util
import math
import os
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
EPOCHS = 27
N_RANDOM = 6  # full runs that say what one costs, and what regret 1 is


class Boosting:
    """LightGBM, four rounds a report."""

    needs = ("lightgbm",)

    @staticmethod
    def space() -> Any:
        from tunesmith import Float, Int, Space

        return Space(
            learning_rate=Float(0.005, 0.5, log=True),
            num_leaves=Int(2, 64, log=True),
            min_data_in_leaf=Int(1, 60, log=True),
            feature_fraction=Float(0.1, 1.0),
            lambda_l2=Float(1e-3, 30.0, log=True),
        )

    def __init__(self, params: Mapping[str, Any]) -> None:
        fixed = {"objective": "binary", "num_threads": 1, "verbose": -1, "seed": 0}
        self._params = {**params, **fixed}
        self.state: dict[str, Any] = {"model": None}

    def epoch(self, number: int) -> float:
        import lightgbm
        import numpy as np

        X, y, X_valid, y_valid = digits()
        before = None if self.state["model"] is None else lightgbm.Booster(model_str=self.state["model"])
        data = lightgbm.Dataset(X.reshape(len(X), -1), y >= 5, free_raw_data=False)
        model = lightgbm.train(self._params, data, 4, init_model=before, keep_training_booster=False)
        self.state["model"] = model.model_to_string()
        share = np.asarray(model.predict(X_valid.reshape(len(X_valid), -1)))
        return float(-np.log(np.maximum(np.where(y_valid >= 5, share, 1.0 - share), 1e-9)).mean())


class Network:
    """What the two networks have in common: a model, its optimiser, and an epoch of batches."""

    needs = ("torch",)
    decays = False  # whether the learning rate falls to zero along half a cosine over the whole run

    def __init__(self, params: Mapping[str, Any]) -> None:
        import torch

        torch.set_num_threads(1)
        torch.manual_seed(0)
        self._torch, self._params = torch, params
        self._model = self.model()
        self._optimizer = torch.optim.AdamW(self._model.parameters(), params["rate"], weight_decay=params["decay"])
        self.state = {"model": self._model, "optimizer": self._optimizer}

    def epoch(self, number: int) -> float:
        rows = self._torch.Generator().manual_seed(number)  # the same batches for all runs
        rate = self._params["rate"] * (0.5 + 0.5 * math.cos(math.pi * (number - 1) / EPOCHS) if self.decays else 1.0)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        self._model.train()
        for batch in self.batches(rows):
            self._optimizer.zero_grad()
            self.loss(batch).backward()
            self._optimizer.step()
        self._model.eval()
        with self._torch.no_grad():
            return float(self.loss(self.valid()))


class Convolutional(Network):
    """A network of two layers for noisy images of digits."""

    @staticmethod
    def space() -> Any:
        from tunesmith import Float, Int, Space

        return Space(
            rate=Float(1e-4, 0.3, log=True),
            decay=Float(1e-6, 1.0, log=True),
            dropout=Float(0.0, 0.8),
            channels=Int(2, 24, log=True),
            batch=Int(16, 256, log=True),
        )

    def model(self) -> Any:
        from torch import nn

        n = int(self._params["channels"])
        layers = [nn.Conv2d(1, n, 3, padding=1), nn.ReLU(), nn.Conv2d(n, 2 * n, 3, stride=2, padding=1), nn.ReLU()]
        return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(self._params["dropout"]), nn.Linear(32 * n, 10))

    def loss(self, batch: Any) -> Any:
        return self._torch.nn.functional.cross_entropy(self._model(batch[0]), batch[1])

    def _rows(self, X: Any, y: Any) -> Any:
        return self._torch.tensor(X[:, None], dtype=self._torch.float32), self._torch.tensor(y)

    def batches(self, rows: Any) -> Any:
        X, y = self._rows(*digits()[:2])
        return ((X[at], y[at]) for at in self._torch.randperm(len(X), generator=rows).split(int(self._params["batch"])))

    def valid(self) -> Any:
        return self._rows(*digits()[2:])


class Transformer(Network):
    """A character transformer of one or two blocks."""

    decays = True
    length = 32

    @staticmethod
    def space() -> Any:
        from tunesmith import Float, Int, Space

        return Space(
            rate=Float(1e-4, 0.1, log=True),
            decay=Float(1e-4, 1.0, log=True),
            dropout=Float(0.0, 0.5),
            width=Int(1, 4),
            blocks=Int(1, 2),
        )

    def model(self) -> Any:
        from torch import nn

        text, p = characters(), self._params
        train = self._torch.tensor(text)
        cut = len(train) * 4 // 5
        self._train, self._rest, n, width = train[:cut], train[cut:], max(text) + 1, 16 * int(p["width"])
        block = nn.TransformerEncoderLayer(width, 4, 4 * width, p["dropout"], "gelu", batch_first=True, norm_first=True)
        parts = {
            "characters": nn.Embedding(n, width),
            "places": nn.Embedding(self.length, width),
            "blocks": nn.TransformerEncoder(block, int(p["blocks"]), enable_nested_tensor=False),
            "out": nn.Linear(width, n),
        }
        return nn.ModuleDict(parts)

    def loss(self, batch: Any) -> Any:
        torch, model, seen = self._torch, self._model, batch[:, :-1]
        mask = torch.triu(torch.ones(self.length, self.length, dtype=torch.bool), 1)
        x = model["characters"](seen) + model["places"](torch.arange(self.length))
        out = model["out"](model["blocks"](x, mask=mask))
        return torch.nn.functional.cross_entropy(out.flatten(0, 1), batch[:, 1:].flatten())

    def _windows(self, text: Any, count: int, rows: Any) -> Any:
        starts = self._torch.randint(len(text) - self.length - 1, (count,), generator=rows)
        return text[starts[:, None] + self._torch.arange(self.length + 1)]

    def batches(self, rows: Any) -> Any:
        return (self._windows(self._train, 16, rows) for _ in range(12))

    def valid(self) -> Any:
        return self._windows(self._rest, 128, self._torch.Generator().manual_seed(999))


def digits() -> tuple[Any, ...]:
    """Return noisy images [n, 8, 8] and their digits, to train on and to validate."""
    import numpy as np
    from sklearn.datasets import load_digits

    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    rows = rng.permutation(len(y))[:1200]
    X = X[rows].reshape(-1, 8, 8) / 16 + rng.normal(0.0, 0.3, (1200, 8, 8))
    return X[:600], y[rows][:600], X[600:], y[rows][600:]


def characters() -> list[int]:
    """Return sources of Python's library as numbers of characters."""
    import argparse
    import inspect
    import statistics
    import textwrap

    text = "".join(inspect.getsource(module) for module in (argparse, statistics, textwrap))
    known = {character: k for k, character in enumerate(sorted(set(text)))}
    return [known[character] for character in text]


TASKS: dict[str, Any] = {
    "lightgbm": Boosting,
    "cnn": Convolutional,
    "gpt": Transformer,
}


@dataclass
class Search:
    """What one search paid and found: CPU seconds and loss of each run that came to its end."""

    begun: set[int] = field(default_factory=set)
    ends: list[tuple[float, float]] = field(default_factory=list)
    since: float = field(default_factory=time.process_time)

    def paid(self) -> float:
        return time.process_time() - self.since

    def train(self, trial: Any, run: Any, epochs: Any, pruned: type[Exception]) -> float:
        """Train on for the epochs that are left, and report each."""
        self.begun.add(trial.number)
        loss = math.nan
        for number in epochs:
            loss = run.epoch(number)
            trial.report(loss, number)
            if trial.should_prune():
                raise pruned
        self.ends.append((self.paid(), loss))
        return loss

    def least(self, budget: float) -> float:
        return min((loss for paid, loss in self.ends if paid <= budget and math.isfinite(loss)), default=math.inf)


def ours(task: Any, pruner: str, seed: int, budget: float) -> Search:
    import tunesmith

    search = Search()

    def objective(trial: Any) -> float:
        run = task(trial.params)
        return search.train(trial, run, trial.epochs(EPOCHS, state=run.state), tunesmith.TrialPruned)

    study = tunesmith.create_study(space=task.space(), pruner=pruner, seed=seed)

    def stop(study: Any, trial: Any) -> None:
        if search.paid() > budget:
            study.stop()

    study.optimize(objective, n_trials=500, callbacks=[stop], catch=(Exception,))
    return search


def optunas(task: Any, pruner: str, seed: int, budget: float) -> Search:
    import optuna
    from _optimisers import suggest

    optuna.logging.set_verbosity(optuna.logging.CRITICAL)
    search = Search()

    def objective(trial: Any) -> float:
        run = task(suggest(trial, task.space()))
        return search.train(trial, run, range(1, EPOCHS + 1), optuna.TrialPruned)

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=optuna.pruners.MedianPruner())
    while search.paid() < budget and len(study.trials) < 500:
        study.optimize(objective, n_trials=1, catch=(Exception,))
    return search


def random_runs(task: Any, count: int) -> tuple[float, float]:
    """Return the median loss of random full runs, and the mean of their CPU seconds."""
    import numpy as np

    losses, since = [], time.process_time()
    for params in task.space().decode(task.space().sample(np.random.default_rng(1), count)):
        run = task(params)
        losses.append([run.epoch(number) for number in range(1, EPOCHS + 1)][-1])
    return float(np.nanmedian(losses)), (time.process_time() - since) / count


def main(argv: list[str] | None = None) -> None:
    for name in THREADS:
        os.environ.setdefault(name, "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--budget", type=float, default=8.0, help="full runs")
    parser.add_argument("--quick", action="store_true", help="LightGBM, one seed, two full runs: shows that it works")
    args = parser.parse_args(argv)
    warnings.simplefilter("ignore")
    import numpy as np

    seeds, budget, names = args.seeds, args.budget, args.tasks.split(",")
    if args.quick:
        seeds, budget, names = 1, 2.0, ["lightgbm"]
    for name in names:
        task = TASKS[name]
        if missing := [m for m in (*task.needs, "sklearn") if importlib.util.find_spec(m) is None]:
            print(f"{name}: left out, {', '.join(missing)} is not installed")
            continue
        typical, full = random_runs(task, 2 if args.quick else N_RANDOM)
        found: dict[str, list[Search]] = {}
        for way in ("default", "full runs", "optuna, median"):
            if way.startswith("optuna") and importlib.util.find_spec("optuna") is None:
                print("optuna is not installed: left out")
                continue
            search = optunas if way.startswith("optuna") else ours
            pruner = "auto" if way == "default" else "nop"
            found[way] = [search(task, pruner, seed, budget * full) for seed in range(seeds)]
        best = min(s.least(math.inf) for searches in found.values() for s in searches)
        print(f"\n{name}: a full run takes {full:.2f} s of CPU; {seeds} seeds")
        print(f"{'':16} {'half':>16} {'all':>16} {'begun':>7} {'ended':>7}")
        for way, searches in found.items():
            cells = []
            for share in (0.5, 1.0):
                least = np.array([s.least(share * budget * full) for s in searches])
                regret = np.minimum((least - best) / (typical - best), 1.0)
                error = regret.std(ddof=1) / math.sqrt(seeds) if seeds > 1 else math.nan
                cells.append(f"{regret.mean():8.3f} ± {error:5.3f}")
            begun = np.mean([len(s.begun) for s in searches])
            ended = np.mean([len(s.ends) for s in searches])
            print(f"{way:16} {cells[0]:>16} {cells[1]:>16} {begun:7.1f} {ended:7.1f}", flush=True)


if __name__ == "__main__":
    main()
