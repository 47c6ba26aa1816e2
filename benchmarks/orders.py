"""Orders and subsets: `Permutation` and `Subset` beside keys of numbers, and beside Optuna's ways.

    python benchmarks/orders.py [--seeds 10] [--first 0] [--trials 100] [--tasks tour,shop,cancer,diabetes] [--quick]

The tasks: a tour of 12 random cities; the makespan of 10 jobs on 5 machines, with times from Taillard's generator
("Benchmarks for basic scheduling problems", EJOR 64, 1993); up to 8 of the 30 columns of the breast cancer table, and 3
to 8 of 20 of the diabetes table (10 of them products of the others), by the cross-validated squared error of a linear
model. Each seed is an instance of its own, the same for all. Constants of samplers were chosen on seeds from 1000 on.

The ways: `Permutation` and `Subset` with the default, TPE and evolution; *keys*, one number for each item, by which
items are sorted, or those above ½ are chosen; and what is written for Optuna, *next*, the index of the next one of the
items that are left, or *bools*, one choice for each item. Subsets of a wrong size are made smaller or larger.

Printed is the regret after 25, 50 and 100 trials: 0 is the best of many local searches, 1 the mean of random ones; then
how far each way lies behind the default, paired by seed, with standard errors.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import time
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

import tunesmith
from tunesmith import Float, Permutation, Subset
from tunesmith.space import Combinatorial

POINTS = (25, 50, 100)
CITIES, JOBS, MACHINES = 12, 10, 5
ROWS, FOLDS = 150, 5
N_RANDOM = 300  # values whose mean is regret 1


@dataclass(frozen=True)
class Task:
    """What is searched: a parameter whose items are 0 … k - 1, and the function of its values."""

    param: Combinatorial
    loss: Callable[[Sequence[int]], float]


def tour(seed: int) -> Task:
    """The length of a tour of cities in the unit square."""
    city = np.random.default_rng([7, seed]).random((CITIES, 2))
    far = np.sqrt(((city[:, None] - city) ** 2).sum(axis=2))
    return Task(Permutation(range(CITIES)), lambda order: float(far[list(order), np.roll(order, -1)].sum()))


def shop(seed: int) -> Task:
    """When the last job leaves the last machine, if all jobs pass all machines in one order."""
    state, times = 1 + 7919 * (seed + 1), np.empty((MACHINES, JOBS))
    for i in range(MACHINES):
        for j in range(JOBS):
            state = 16807 * state % (2**31 - 1)
            times[i, j] = 1 + int(state / (2**31 - 1) * 99)

    def makespan(order: Sequence[int]) -> float:
        end = np.zeros(MACHINES)
        for job in order:
            before = 0.0
            for i in range(MACHINES):
                before = end[i] = max(before, end[i]) + times[i, job]
        return float(end[-1])

    return Task(Permutation(range(JOBS)), makespan)


def cancer(seed: int) -> Task:
    """The error of a linear model of some rows of the breast cancer table with some of its columns."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return _columns(x, y.astype(float), 1, np.random.default_rng([3, seed]))


def diabetes(seed: int) -> Task:
    """The same of the diabetes table, with ten products of its columns."""
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    rng = np.random.default_rng([4, seed])
    first, second = np.triu_indices(x.shape[1])
    some = rng.permutation(len(first))[:10]
    return _columns(np.hstack([x, x[:, first[some]] * x[:, second[some]]]), y, 3, rng)


def _columns(x: NDArray[Any], y: NDArray[Any], least: int, rng: np.random.Generator) -> Task:
    rows = rng.permutation(len(y))[:ROWS]
    x, y = (x[rows] - x[rows].mean(axis=0)) / x[rows].std(axis=0), y[rows] - y[rows].mean()
    fold = np.arange(ROWS) % FOLDS

    def error(chosen: Sequence[int]) -> float:
        z, lost = np.column_stack([np.ones(ROWS), x[:, list(chosen)]]), 0.0
        for k in range(FOLDS):
            a, b = z[fold != k], y[fold != k]
            w = np.linalg.solve(a.T @ a + 1e-3 * np.eye(a.shape[1]), a.T @ b)
            lost += float(((y[fold == k] - z[fold == k] @ w) ** 2).sum())
        return lost / float((y**2).sum())

    return Task(Subset(range(x.shape[1]), least, 8), error)


def value(task: Task, row: NDArray[np.int64]) -> float:
    """Return the loss of a row, see `tunesmith.space.orders`."""
    return task.loss(task.param.to_external(float(task.param.ranks(row[None])[0])))


def scale(task: Task) -> tuple[float, float]:
    """Return the best value of local searches, and the mean of random ones."""
    rng = np.random.default_rng(0)
    drawn = task.param.rows(rng.integers(int(task.param.n_values), size=N_RANDOM))
    losses = [value(task, row) for row in drawn]
    best = min(losses)
    for row in drawn[np.argsort(losses)[:6]]:
        at = value(task, row)
        while True:
            near = task.param.neighbours(row)
            found = [value(task, other) for other in near]
            if min(found) >= at - 1e-12:
                break
            at, row = min(found), near[int(np.argmin(found))]
        best = min(best, at)
    return best, float(np.mean(losses))


def read_keys(task: Task, keys: Sequence[float]) -> Sequence[int]:
    """Return the order of keys, or the items whose keys are above ½, as many as may be."""
    order = np.argsort(keys, kind="stable")
    if isinstance(task.param, Subset):
        size = int((np.asarray(keys) > 0.5).sum())
        return sorted(order[len(order) - min(max(size, task.param.min), task.param.max) :].tolist())
    return order.tolist()


def ours(task: Task, sampler: str, trials: int, seed: int) -> list[float]:
    """Return the losses of a search of the parameter itself."""
    study = tunesmith.minimize(
        lambda value: task.loss(value), {"value": task.param}, sampler=sampler, n_trials=trials, seed=seed
    )
    return [trial.value for trial in study.trials]


def our_keys(task: Task, trials: int, seed: int) -> list[float]:
    """Return the losses of a search of keys."""
    space = {f"k{i}": Float(0, 1) for i in range(len(task.param.items))}
    study = tunesmith.minimize(
        lambda params: task.loss(read_keys(task, list(params.values()))), space, n_trials=trials, seed=seed
    )
    return [trial.value for trial in study.trials]


def optuna_way(task: Task, way: str, trials: int, seed: int) -> list[float]:
    """Return the losses of Optuna's TPE."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    k = len(task.param.items)

    def objective(trial: Any) -> float:
        if way.startswith("keys"):
            return task.loss(read_keys(task, [trial.suggest_float(f"k{i}", 0, 1) for i in range(k)]))
        if isinstance(task.param, Subset):
            return task.loss(
                read_keys(task, [float(trial.suggest_categorical(f"k{i}", [False, True])) for i in range(k)])
            )
        left = list(range(k))
        return task.loss([left.pop(trial.suggest_int(f"next{i}", 0, k - 1 - i)) for i in range(k)])

    sampler = optuna.samplers.TPESampler(seed=seed, multivariate=way.endswith("joint"))
    study = optuna.create_study(sampler=sampler)
    study.optimize(objective, n_trials=trials)
    return [trial.value for trial in study.trials]


Way = Callable[[Task, int, int], list[float]]


def ways(task: Task) -> dict[str, Way]:
    """Return the ways to search a task, by name, the default first."""
    found: dict[str, Way] = {
        f"{type(task.param).__name__}, {label}": lambda t, n, s, name=name: ours(t, name, n, s)  # type: ignore[misc]  # a loop's
        for label, name in (("default", "auto"), ("TPE", "tpe"), ("evolution", "evolution"), ("random", "random"))
    }
    found["keys, default"] = our_keys
    if importlib.util.find_spec("optuna") is None:
        print("Optuna is not installed: its ways are left out", file=sys.stderr)
        return found
    plain = "bools" if isinstance(task.param, Subset) else "next"
    for way in ("keys", "keys joint", plain, f"{plain} joint"):
        found[f"Optuna's TPE, {way}"] = lambda t, n, s, way=way: optuna_way(t, way, n, s)  # type: ignore[misc]  # a loop's
    return found


TASKS: dict[str, Callable[[int], Task]] = {"tour": tour, "shop": shop, "cancer": cancer, "diabetes": diabetes}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    parser.add_argument("--trials", type=int, default=100)
    parser.add_argument("--tasks", default=",".join(TASKS))
    parser.add_argument("--quick", action="store_true", help="show that it works")
    args = parser.parse_args()
    warnings.filterwarnings("ignore")
    seeds = range(args.first, args.first + (2 if args.quick else args.seeds))
    trials = 25 if args.quick else args.trials
    points = [n for n in POINTS if n <= trials] or [trials]
    for name in args.tasks.split(","):
        tasks = [TASKS[name](seed) for seed in seeds]
        scales = np.array([scale(task) for task in tasks])
        print(f"\n{name}: {tasks[0].param.valid()}, {len(tasks)} seeds", flush=True)
        head = "".join(f"{f'@{n}':>14s}" for n in points)
        print(f"{'':24s}{head}{'behind the default':>22s}{'s':>7s}")
        default: NDArray[Any] | None = None
        for way, search in ways(tasks[0]).items():
            began = time.perf_counter()
            y = np.array([search(task, trials, seed) for task, seed in zip(tasks, seeds, strict=True)])
            seconds = (time.perf_counter() - began) / len(tasks)
            regret = (np.minimum.accumulate(y, axis=1) - scales[:, :1]) / (scales[:, 1:] - scales[:, :1])
            error = regret.std(axis=0, ddof=1) / len(tasks) ** 0.5
            cells = "".join(f"{f'{regret[:, n - 1].mean():.3f} ± {error[n - 1]:.3f}':>14s}" for n in points)
            default = regret[:, points[-1] - 1] if default is None else default
            behind = regret[:, points[-1] - 1] - default
            told = f"{behind.mean():+.3f} ± {behind.std(ddof=1) / len(tasks) ** 0.5:.3f}"
            print(f"{way:24s}{cells}{told if behind.any() else '':>22s}{seconds:7.1f}", flush=True)


if __name__ == "__main__":
    main()
