"""Time per trial that the library itself takes: an objective that only suggests parameters and adds them up.

In memory, random sampler, define-by-run; tunesmith, the same search through Optuna's names (`tunesmith.compat.optuna`),
Optuna and Rustuna by turns in one process, medians of the rounds.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

NAMES = [f"x{i}" for i in range(10)]


def objective(trial: Any) -> float:
    return float(sum([trial.suggest_float(name, 0.0, 1.0) for name in NAMES]))


def tunesmith_case() -> Callable[[int], None]:
    import tunesmith

    return lambda n: tunesmith.create_study(sampler="random", seed=0).optimize(objective, n_trials=n)


def tunesmith_declared_case() -> Callable[[int], None]:
    import tunesmith

    space = tunesmith.Space({name: tunesmith.Float(0.0, 1.0) for name in NAMES})

    def total(params: dict[str, float]) -> float:
        return sum(params.values())

    def run(n: int) -> None:
        tunesmith.minimize(total, space, n_trials=n, sampler="random", seed=0)

    return run


def compat_case() -> Callable[[int], None]:
    from tunesmith.compat import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return lambda n: optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).optimize(objective, n_trials=n)


def optuna_case() -> Callable[[int], None]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return lambda n: optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0)).optimize(objective, n_trials=n)


def rustuna_case() -> Callable[[int], None]:
    import rustuna

    def run(n: int) -> None:
        study = rustuna.create_study(sampler=rustuna.samplers.RandomSampler(seed=0))
        study.optimize(objective, n_trials=n)

    run(1)
    return run


CASES: dict[str, tuple[Callable[[], Callable[[int], None]], int]] = {
    "tunesmith, define-by-run": (tunesmith_case, 3000),
    "tunesmith.compat.optuna": (compat_case, 3000),
    "tunesmith, declared": (tunesmith_declared_case, 3000),
    "optuna": (optuna_case, 1000),
    "rustuna": (rustuna_case, 3000),
}


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one round of few trials: shows that it works, no more")
    args = parser.parse_args(argv)
    rounds = 1 if args.quick else args.rounds
    ready: dict[str, tuple[Callable[[int], None], int]] = {}
    for name, (make, n) in CASES.items():
        try:
            ready[name] = (make(), n // 30 if args.quick else n)
        except Exception as error:
            print(f"{name}: left out ({type(error).__name__}: {error})")
    times: dict[str, list[float]] = {name: [] for name in ready}
    for _ in range(rounds):
        for name, (run, n) in ready.items():
            start = time.perf_counter()
            run(n)
            times[name].append((time.perf_counter() - start) / n)
    print(f"{'random sampler, 10 floats':26s} {'ms/trial':>9s}")
    for name, t in times.items():
        print(f"{name:26s} {statistics.median(t) * 1e3:9.4f}")


if __name__ == "__main__":
    main()
