"""A thousand workers on a virtual clock: how busy they are, what the driver spends, and how well the search does.

    python benchmarks/scale.py [--quick] [--samplers auto tpe evolution] [--workers 1000] [--trials 4000] [--seeds 1]

The loop, the sampler and the storage are the real ones, on a simulated cluster: messages take 50 ms each way, trials a
log-normally distributed time with a median of a minute. The driver's CPU time for a trial is measured first, and then
charged to the virtual clock. Regret is that of `regret.py` on its built-in tasks, beside that of 8 workers.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
DELAY, MEDIAN, SIGMA = 0.05, 60.0, 1.0  # seconds of a message; of a trial, and the spread of their logarithm
FEW = 8  # workers to compare with


@dataclass
class Run:
    """One search: its log, its values in the order of their arrival, and the driver's CPU time."""

    log: Sequence[Any]
    values: list[float]
    spent: float
    workers: int

    @property
    def events(self) -> int:
        """What the driver heard."""
        return sum(e.what in ("begin", "end", "died") for e in self.log)

    @property
    def busy(self) -> float:
        """The share of the workers' time in which they run trials, while there are trials to begin."""
        last = max(e.time for e in self.log if e.what == "submit")
        total, begun = 0.0, {}
        for e in self.log:
            if e.what == "start":
                begun[e.trial] = e.time
            elif e.what == "stop":
                total += max(0.0, min(e.time, last) - begun.pop(e.trial))
        return total / (self.workers * last)

    def best_after(self, n: int) -> float:
        return min(self.values[:n])


def search(space: Any, objective: Callable[[Any], float], sampler: str, cluster: Any, trials: int, seed: int) -> Run:
    import tunesmith
    from tunesmith.testing.simulated import SimulatedExecutor

    values: list[float] = []
    own = 0.0

    def timed(trial: Any) -> float:
        nonlocal own
        start = time.thread_time()
        value = objective(trial.params)
        own += time.thread_time() - start
        return value

    study = tunesmith.create_study(sampler=sampler, space=space, seed=seed)
    executor = SimulatedExecutor(cluster)
    start = time.process_time()
    study.optimize(timed, n_trials=trials, executor=executor, callbacks=[lambda _, t: values.append(t.value)])
    return Run(executor.log, values, time.process_time() - start - own, cluster.workers)


def drive(samplers: Sequence[str], cluster: Any, trials: int, budget: float) -> None:
    """Print how busy the workers are, and what an event costs."""
    import _tasks

    task = _tasks.hartmann()
    for sampler in samplers:
        search(task.space, task, sampler, replace(cluster, workers=4), 16, 0)  # imports
        free = search(task.space, task, sampler, cluster, trials, 0)
        charged = replace(cluster, driver_time=free.spent / trials)
        first, second = (search(task.space, task, sampler, charged, trials, 0) for _ in range(2))
        same = "gives the same log" if first.log == second.log else "GIVES ANOTHER LOG"
        print(
            f"{sampler:10s} {cluster.workers} workers, {trials} trials: driver {1e3 * free.spent / free.events:.2f} ms "
            f"an event ({1e3 * free.spent / trials:.2f} a trial; wanted: at most {budget:g} an event); busy "
            f"{first.busy:.1%} with that, {free.busy:.1%} without; the same seed {same} of {len(first.log)} lines",
            flush=True,
        )


def compare(names: Sequence[str], samplers: Sequence[str], cluster: Any, points: Sequence[int], seeds: int) -> None:
    """Print the mean normalised regret with many workers and with few, and its ratio."""
    import _tasks
    import numpy as np

    few = replace(cluster, workers=FEW)
    cases = [(f"{FEW} workers", "auto", few)] + [(f"{cluster.workers} {s}", s, cluster) for s in samplers]
    regret: dict[str, list[list[float]]] = {title: [] for title, _, _ in cases}
    for name in names:
        task = _tasks.get(name, None)
        reference = task.reference()
        if reference is None:
            continue
        for title, sampler, made in cases:
            runs = [search(task.space, task, sampler, made, points[-1], seed) for seed in range(seeds)]
            scale = reference.typical - reference.best
            regret[title].append(
                [float(np.mean([max(0.0, r.best_after(n) - reference.best) / scale for r in runs])) for n in points]
            )
        cells = "   ".join(f"{t}: " + " ".join(f"{v:.5f}" for v in regret[t][-1]) for t in regret)
        print(f"{name:28s} {cells}", flush=True)
    mean = {title: np.mean(rows, axis=0) for title, rows in regret.items()}
    beside = mean[cases[0][0]]
    for title, values in mean.items():
        cells = " ".join(f"@{n} {v:.5f} ({v / b:.2f} x)" for n, v, b in zip(points, values, beside, strict=True))
        print(f"mean normalised regret, {title:18s} {cells}")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works, no more")
    parser.add_argument("--samplers", nargs="+", default=["auto", "tpe", "evolution"])
    parser.add_argument("--workers", type=int, default=1000)
    parser.add_argument("--trials", type=int, default=4000)
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--tasks", nargs="+", help="some of the built-in tasks of regret.py; all")
    parser.add_argument("--no-regret", action="store_true", help="leave out the comparison, which takes minutes")
    args = parser.parse_args(argv)
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before anything imports a numeric library
    import _tasks

    from tunesmith.testing.simulated import SimulatedCluster, lognormal

    workers, trials = (40, 120) if args.quick else (args.workers, args.trials)
    samplers = args.samplers[:1] if args.quick else args.samplers
    names = args.tasks or list(_tasks.BUILT_IN)
    cluster = SimulatedCluster(workers, lognormal(MEDIAN, SIGMA), DELAY)
    drive(samplers, cluster, trials, 1.0)
    if not args.no_regret:
        compare(names[:2] if args.quick else names, samplers, cluster, (trials // 4, trials // 2, trials), args.seeds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
