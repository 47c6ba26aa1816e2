"""What the default costs where a trial costs nothing: beside Optuna's default in the same run.

    python benchmarks/cheap.py [--quick]

One and two objectives, batches by ask and tell, a categorical of 10,000 choices, a timeout, and the first proposals of
a new process. CPU time on one thread, medians over seeds; the time-out and the first proposals are by the clock.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
D = 5
FIRST = """
import time
import tunesmith
study = tunesmith.create_study(seed=0)
longest = 0.0
for _ in range(10):
    start = time.perf_counter()
    trial = study.ask()
    longest = max(longest, time.perf_counter() - start)
    study.tell(trial, sum((trial.suggest_float(f"x{i}", 0.0, 1.0) - 0.3) ** 2 for i in range(5)))
print(longest)
"""


def one(trial: Any) -> float:
    x = [trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(D)]
    return sum([(v - 0.3) ** 2 * (1 + i) for i, v in enumerate(x)]) + 0.1 * x[0] * x[-1]


def two(trial: Any) -> tuple[float, float]:
    """ZDT1 in five dimensions."""
    x = [trial.suggest_float(f"x{i}", 0.0, 1.0) for i in range(D)]
    g = 1.0 + 9.0 * sum(x[1:]) / (D - 1)
    return x[0], g * (1.0 - (x[0] / g) ** 0.5)


CHOICES = list(range(10_000))


def many(trial: Any) -> float:
    return float(abs(trial.suggest_categorical("c", CHOICES) - 3000) + trial.suggest_float("x", 0.0, 1.0))


def study_of(library: str, seed: int, m: int = 1) -> Any:
    directions = ["minimize"] * m
    if library == "tunesmith":
        import tunesmith

        return tunesmith.create_study(directions=directions, seed=seed)
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(directions=directions)


def batches(study: Any, size: int, n: int) -> None:
    for _ in range(n // size):
        asked = [study.ask() for _ in range(size)]
        for trial, value in [(t, one(t)) for t in asked]:
            study.tell(trial, value)


def seconds(work: Callable[[Any], Any], libraries: list[str], seeds: int, m: int = 1) -> dict[str, float]:
    """Median CPU seconds of each library, which take turns."""
    spent: dict[str, list[float]] = {name: [] for name in libraries}
    for seed in range(seeds):
        for name in libraries:
            study = study_of(name, seed, m)
            start = time.process_time()
            work(study)
            spent[name].append(time.process_time() - start)
    return {name: statistics.median(values) for name, values in spent.items()}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works, no more")
    quick = parser.parse_args(argv).quick
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before anything imports a numeric library
    warnings.simplefilter("ignore")
    seeds, n = (1, 12) if quick else (3, 100)
    libraries = ["tunesmith", *(["optuna"] if importlib.util.find_spec("optuna") else [])]
    for name in libraries:
        study_of(name, 0).optimize(one, n_trials=12)  # imports
    cases: list[tuple[str, Callable[[Any], Any], int]] = [
        (f"one objective, {n} trials", lambda s: s.optimize(one, n_trials=n), 1),
        (f"two objectives, {n} trials", lambda s: s.optimize(two, n_trials=n), 2),
        (f"batches of 30, {3 * n} trials", lambda s: batches(s, min(30, n), 3 * n), 1),
        (f"10,000 choices, {n} trials", lambda s: s.optimize(many, n_trials=n), 1),
        (f"one objective, {10 * n} trials", lambda s: s.optimize(one, n_trials=10 * n), 1),
    ]
    for title, work, m in cases:
        found = seconds(work, libraries, seeds, m)
        ratio = f"   {found['tunesmith'] / found['optuna']:.1f} x Optuna" if "optuna" in found else ""
        print(f"{title:30s}", *(f"{k} {v:.3f} s" for k, v in found.items()), ratio, flush=True)
    for m, objective in ((1, one), (2, two)):
        for name in libraries:
            study = study_of(name, 0, m)
            study.optimize(objective, timeout=0.2 if quick else 1.0)
            print(f"timeout of a second, {m} objective(s): {name} {len(study.trials)} trials")
    study = study_of("tunesmith", 0)
    study.optimize(one, n_trials=40)
    start = time.process_time()
    study.optimize(one, n_trials=10)
    middle = time.process_time()
    for _ in range(30):
        study.ask()
    print(f"30 proposals at once / 10 single trials: {(time.process_time() - middle) / (middle - start):.2f}")
    done = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=True)
    print(f"the longest of the first ten proposals of a new process: {float(done.stdout):.3f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
