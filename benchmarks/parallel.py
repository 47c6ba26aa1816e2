"""How much of two cores a search uses: objectives that compute for a given time, two at once, whole calls.

The ideal is that of the same run: two bare processes that share the objectives' work and do nothing else, under the
same load of the machine. An objective computes until it has used its seconds of CPU time, so that other programs do not
shorten it. tunesmith, Optuna (whose n_jobs are threads) and a joblib loop run by turns with the ideal; medians of the
rounds. On a busy machine, a share of the ideal says little: there, look at the CPU time of all processes together that
is not the objectives'. A call of two trials tells what the start costs, and what remains is what each trial costs.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

JOBS = 2
WORKLOADS = {"1 s": (1.0, 12), "10 ms": (0.01, 800)}  # seconds of CPU of a trial, and how many there are


def compute(seconds: float) -> float:
    """Use so many seconds of CPU time."""
    end = time.thread_time() + seconds
    x = 0.0
    while time.thread_time() < end:
        for k in range(200):
            x += k * 0.5
    return x


def objective(trial: Any, seconds: float) -> float:
    x = [trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(5)]
    compute(seconds)
    return sum(x)


def ideal(seconds: float, n: int) -> None:
    """Two processes that compute, and nothing else."""
    program = (
        "import time\nx = 0.0\n"
        f"end = time.thread_time() + {seconds * n / JOBS}\n"
        "while time.thread_time() < end:\n    for k in range(200):\n        x += k * 0.5"
    )
    processes = [subprocess.Popen([sys.executable, "-S", "-c", program]) for _ in range(JOBS)]
    for process in processes:
        process.wait()


def tunesmith_case(sampler: str) -> Callable[[float, int], None]:
    import tunesmith

    def run(seconds: float, n: int) -> None:
        study = tunesmith.create_study(sampler=sampler, seed=0)
        study.optimize(partial(objective, seconds=seconds), n_trials=n, n_jobs=JOBS)

    return run


def optuna_case() -> Callable[[float, int], None]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def run(seconds: float, n: int) -> None:
        study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
        study.optimize(partial(objective, seconds=seconds), n_trials=n, n_jobs=JOBS)

    return run


def joblib_case() -> Callable[[float, int], None]:
    import joblib

    def run(seconds: float, n: int) -> None:
        joblib.Parallel(n_jobs=JOBS)(joblib.delayed(compute)(seconds) for _ in range(n))
        joblib.externals.loky.get_reusable_executor().shutdown()  # each call starts its workers, as the others do

    return run


CASES: dict[str, Callable[[], Callable[[float, int], None]]] = {
    "tunesmith, random": partial(tunesmith_case, "random"),
    "tunesmith, default": partial(tunesmith_case, "auto"),
    "joblib, a loop": joblib_case,
    "optuna, random": optuna_case,
}


def measured(run: Callable[[float, int], None], seconds: float, n: int) -> tuple[float, float]:
    """Wall seconds of a call, and the CPU seconds of this process and its children."""
    before, start = os.times(), time.perf_counter()
    run(seconds, n)
    wall, after = time.perf_counter() - start, os.times()
    return wall, sum(after[:4]) - sum(before[:4])


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", choices=WORKLOADS, help="one of the workloads")
    parser.add_argument("--scale", type=float, default=1.0, help="of the number of trials, for a busy machine")
    parser.add_argument("--quick", action="store_true", help="one round of few trials: shows that it works, no more")
    args = parser.parse_args(argv)
    ready: dict[str, Callable[[float, int], None]] = {}
    for name, make in CASES.items():
        try:
            ready[name] = make()
        except ImportError as error:
            print(f"{name}: left out ({error})")
    for label, (seconds, n) in WORKLOADS.items():
        if args.only not in (None, label):
            continue
        n = max(JOBS, round(n * args.scale))
        if args.quick:
            seconds, n = seconds / 20, 4
        share: dict[str, list[float]] = {name: [] for name in ready}
        begin: dict[str, list[float]] = {name: [] for name in ready}
        beside: dict[str, list[float]] = {name: [] for name in ready}
        for _ in range(1 if args.quick else args.rounds):
            before, _ = measured(ideal, seconds, n)
            for name, run in ready.items():
                _, start = measured(run, seconds, JOBS)
                wall, cpu = measured(run, seconds, n)
                after, _ = measured(ideal, seconds, n)
                share[name].append((before + after) / 2 / wall)
                before = after
                begin[name].append(start - JOBS * seconds)
                beside[name].append((cpu - start) / max(1, n - JOBS) - seconds)
        print(f"{n} objectives of {label}, {JOBS} at once")
        print(f"{'':22s}{'of the ideal':>14s}{'CPU of the start, ms':>22s}{'and of each trial, ms':>23s}")
        for name in ready:
            figures = [statistics.median(found[name]) for found in (share, begin, beside)]
            print(f"  {name:20s}{figures[0]:14.1%}{figures[1] * 1e3:22.0f}{figures[2] * 1e3:23.2f}")


if __name__ == "__main__":
    main()
