"""How good a search is where values are noisy: beside Optuna's TPE in the same run.

    python benchmarks/noise.py [--seeds 12] [--first 100] [--sd 0.3] [--tasks sphere,rosenbrock,hartmann] [--quick]

Each value has normal noise whose standard deviation is a share of the function's own over its box. The optimum of
the sphere lies elsewhere for each seed. All optimisers get the same noise. Printed is the noise-free regret of what a
search would be asked for, after 25, 50 and 100 trials: of the best trial as observed (`best_trial`), and of the point
with the best expected value (`study.recommend()`), 1 being the median of random points; and in how many seeds it is
ahead of the best trial of Optuna's TPE. Once without a word about the noise, and once with `tell(noise=sd)`.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import warnings
from collections.abc import Callable
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
POINTS = (25, 50, 100)
D = 5


def task_of(name: str, seed: int) -> Any:
    """Return a task; its function is one of the benchmarks of `_tasks`, or a form of it that is usual with noise."""
    import _tasks
    import numpy as np

    if name == "sphere":
        centre = np.random.default_rng([11, seed]).uniform(-4.0, 4.0, D)
        space, f = _tasks._on_box(lambda x: float(((x - centre) ** 2).sum()), D, -5.0, 5.0)
        return _tasks.Task(name, space, f, 0.0)
    if name == "rosenbrock":
        space, f = _tasks._on_box(
            lambda x: float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum()), D, -2.0, 2.0
        )
        return _tasks.Task(name, space, f, 0.0)
    return {"hartmann": _tasks.hartmann, "rastrigin": _tasks.rastrigin, "mixed": _tasks.mixed}[name]()


class Noisy:
    """The objective of a task with noise, which keeps both values of each trial."""

    def __init__(self, name: str, seed: int, share: float) -> None:
        import numpy as np

        self.task = task_of(name, seed)
        points = self.task.space.decode(self.task.space.sample(np.random.default_rng(1), 2000))
        values = np.array([self.task(p) for p in points])
        self.sd = share * float(values.std())
        self.span = float(np.median(values)) - self.task.best
        self.errors = self.sd * np.random.default_rng([7, seed]).normal(size=max(POINTS))
        self.y: list[float] = []
        self.regret: list[float] = []

    def __call__(self, params: Any) -> float:
        self.regret.append(self.regret_of(params))
        self.y.append(self.task(params) + float(self.errors[len(self.y)]))
        return self.y[-1]

    def regret_of(self, params: Any) -> float:
        return float((self.task(params) - self.task.best) / self.span)

    def observed(self, n: int) -> float:
        """The noise-free regret of the best of the first n trials, as observed."""
        return self.regret[min(range(n), key=self.y.__getitem__)]


def ours(objective: Noisy, seed: int, n: int, tells: bool) -> dict[str, list[float]]:
    import tunesmith

    study = tunesmith.create_study(space=objective.task.space, pruner="nop", seed=seed)
    expected = []
    for k in range(1, n + 1):
        trial = study.ask()
        study.tell(trial, objective(trial.params), noise=objective.sd if tells else None)
        if k in POINTS:
            expected.append(objective.regret_of(study.recommend().params))
    name = "tunesmith, noise told" if tells else "tunesmith"
    return {f"{name}: best trial": observed(objective, n), f"{name}: expected": expected}


def optunas(objective: Noisy, seed: int, n: int) -> dict[str, list[float]]:
    import optuna
    from _optimisers import suggest

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(lambda trial: objective(suggest(trial, objective.task.space)), n_trials=n)
    return {"optuna TPE: best trial": observed(objective, n)}


def observed(objective: Noisy, n: int) -> list[float]:
    return [objective.observed(k) for k in POINTS if k <= n]


def compare(name: str, share: float, seeds: range, n: int) -> None:
    """Search one task with all seeds, and print a row for each way to choose a point."""
    import numpy as np
    from _optimisers import seed_of

    found: dict[str, list[list[float]]] = {}
    ways: list[Callable[[Noisy, int], dict[str, list[float]]]] = [
        lambda o, s: ours(o, s, n, tells=False),
        lambda o, s: ours(o, s, n, tells=True),
    ]
    if importlib.util.find_spec("optuna"):
        ways.insert(0, lambda o, s: optunas(o, s, n))
    for seed in seeds:
        for way in ways:
            for label, regrets in way(Noisy(name, seed, share), seed_of(name, seed)).items():
                found.setdefault(label, []).append(regrets)
    peer = np.array(found.get("optuna TPE: best trial", np.nan))
    print(f"{name}, noise {share:g} of the spread, {len(seeds)} seeds: regret after {POINTS} trials, ahead of TPE in")
    for label, regrets in found.items():
        table = np.array(regrets)
        ahead = "" if label.startswith("optuna") else "  ".join(str(int(k)) for k in (table < peer).sum(axis=0))
        print(f"  {label:36}", "  ".join(f"{v:.3f}" for v in table.mean(axis=0)), "  ", ahead, flush=True)


def main() -> None:
    for name in THREADS:
        os.environ.setdefault(name, "1")
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=12)
    parser.add_argument(
        "--first", type=int, default=100, help="the first seed; nothing was chosen on those from 100 on"
    )
    parser.add_argument("--sd", type=float, default=0.3, help="of the noise, as a share of that of the function")
    parser.add_argument("--tasks", default="sphere,rosenbrock")
    parser.add_argument("--quick", action="store_true", help="one seed, 25 trials")
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    seeds = range(args.first, args.first + (1 if args.quick else args.seeds))
    for name in args.tasks.split(","):
        compare(name, args.sd, seeds, POINTS[0] if args.quick else POINTS[-1])


if __name__ == "__main__":
    main()
