"""How long a proposal takes, and what it holds in memory, beside Optuna's and Rustuna's samplers in the same run.

    python benchmarks/proposals.py [--only gp,tpe,cmaes,auto,memory] [--quick] [--full]

Times are CPU time of the process on one thread, which the other work of the machine disturbs less than time by the
clock; the libraries take turns, and the median over the rounds counts. The time of the objective (microseconds) and
of the bookkeeping of a trial is part of it.
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
from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Any

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
Run = Callable[[], float]  # seconds of one round


def names(d: int) -> list[str]:
    return [f"x{i}" for i in range(d)]


def define_by_run(d: int) -> Callable[[Any], float]:
    """A smooth objective that suggests d floats, the same one for every library."""
    wanted = names(d)

    def objective(trial: Any) -> float:
        x = [trial.suggest_float(name, 0.0, 1.0) for name in wanted]
        return sum([(v - 0.3) ** 2 * (1 + i) for i, v in enumerate(x)]) + 0.1 * x[0] * x[-1]

    return objective


def has(*modules: str) -> bool:
    """Tell whether these can be imported, and say so if not."""
    lacking = [m for m in modules if importlib.util.find_spec(m) is None]
    if lacking:
        print(f"  left out what needs {' and '.join(lacking)}: not installed")
    return not lacking


def registered(name: str) -> bool:
    from tunesmith.foundation import registry

    there = name in registry.names("samplers")
    if not there:
        print(f"  left out tunesmith's {name!r}: not registered")
    return there


def by_turns(cases: Mapping[str, Run], rounds: int) -> dict[str, float]:
    """Return the median over rounds of each case; one that raises is left out, with a word."""
    found: dict[str, list[float]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, run in cases.items():
            if name in found:
                try:
                    found[name].append(run())
                except Exception as error:
                    print(f"  left out {name}: {type(error).__name__}: {error}")
                    del found[name]
    return {name: statistics.median(times) for name, times in found.items()}


def show(title: str, ms: Mapping[str, float]) -> None:
    """One line for each case, with its ratio to ours, which is the first."""
    ours = next((v for name, v in ms.items() if name.startswith("tunesmith")), None)
    for name, value in ms.items():
        ratio = f"{value / ours:8.1f} x" if ours and not name.startswith("tunesmith") else ""
        print(f"  {title:22s} {name:26s} {value:10.3f} ms{ratio}", flush=True)


# -- the libraries -------------------------------------------------------------------------------------------------


def tunesmith_study(sampler: str, seed: int) -> Any:
    import tunesmith

    return tunesmith.create_study(sampler=sampler, pruner="nop", seed=seed)


def optuna_study(sampler: str, seed: int) -> Any:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=seed))


def rustuna_study(sampler: str, seed: int) -> Any:
    import rustuna

    return rustuna.create_study(sampler=getattr(rustuna.samplers, sampler)(seed=seed))


def first_trials(make: Callable[[], Any], n: int, d: int) -> Run:
    """Milliseconds a trial, averaged over the first n of a new study."""

    def run() -> float:
        study, objective = make(), define_by_run(d)
        start = time.process_time()
        study.optimize(objective, n_trials=n)
        return (time.process_time() - start) / n * 1e3

    return run


# -- GP: at n trials -----------------------------------------------------------------------------------------------


def points(n: int, d: int) -> list[list[float]]:
    import numpy as np

    return np.random.default_rng([n, d]).random((n, d)).tolist()


class _Fixed:
    """Stands for a trial while an objective is evaluated at a given point."""

    def __init__(self, x: list[float]) -> None:
        self._x = dict(zip(names(len(x)), x, strict=True))

    def suggest_float(self, name: str, low: float, high: float) -> float:
        return self._x[name]


def tunesmith_filled(n: int, d: int) -> Any:
    import tunesmith

    study, objective = tunesmith_study("gp", n), define_by_run(d)
    space = {name: tunesmith.Float(0.0, 1.0) for name in names(d)}
    study.declare(tunesmith.Space(space))
    study.add_trials(
        tunesmith.create_trial(
            params=dict(zip(names(d), x, strict=True)), distributions=space, value=objective(_Fixed(x))
        )
        for x in points(n, d)
    )
    return study


def optuna_filled(n: int, d: int) -> Any:
    import optuna

    study, objective = optuna_study("GPSampler", n), define_by_run(d)
    space = {name: optuna.distributions.FloatDistribution(0.0, 1.0) for name in names(d)}
    for x in points(n, d):
        params = dict(zip(names(d), x, strict=True))
        study.add_trial(optuna.create_trial(params=params, distributions=space, value=objective(_Fixed(x))))
    return study


def at_n(fill: Callable[[int, int], Any], n: int, d: int, repeats: int) -> Run:
    """Milliseconds a trial, averaged over some trials from the n-th on (refits of the model among them)."""

    def run() -> float:
        study, objective = fill(n, d), define_by_run(d)
        study.optimize(objective, n_trials=1)  # imports, and what is built up from the n trials at once
        start = time.process_time()
        study.optimize(objective, n_trials=repeats)
        return (time.process_time() - start) / repeats * 1e3

    return run


def gp(scale: str) -> None:
    print("\nGP: one proposal when n trials are known (random points)")
    cases: dict[str, Callable[[int, int], Any]] = {}
    if registered("gp"):
        cases["tunesmith gp"] = tunesmith_filled
    if has("optuna", "torch"):
        cases["optuna GPSampler"] = optuna_filled
    settings = {
        "quick": [(15, 4)],
        "normal": [(50, 10), (100, 10), (200, 10), (100, 2), (100, 30)],
        "full": [(25, 10), (50, 10), (100, 10), (200, 10), (400, 10), (800, 10), (100, 2), (100, 30), (100, 100)],
    }[scale]
    repeats, rounds = {"quick": (2, 1), "normal": (10, 3), "full": (20, 5)}[scale]
    for n, d in settings:
        runs = {name: at_n(fill, n, d, repeats) for name, fill in cases.items()}
        show(f"n = {n}, d = {d}", by_turns(runs, rounds))


# -- TPE, CMA-ES: over the first n trials --------------------------------------------------------------------------


def tpe(scale: str) -> None:
    d = 10
    print(f"\nTPE: a trial, averaged over the first n ({d} parameters)")
    for n in {"quick": [50], "normal": [1000, 10_000], "full": [1000, 10_000]}[scale]:
        cases: dict[str, Run] = {}
        if registered("tpe"):
            cases["tunesmith tpe"] = first_trials(lambda: tunesmith_study("tpe", 0), n, d)
        if has("rustuna"):
            cases["rustuna TPESampler"] = first_trials(lambda: rustuna_study("TPESampler", 0), n, d)
        is_long = n >= 10_000 and scale != "full"  # Optuna's takes minutes then, Rustuna's half of one
        if not is_long and has("optuna"):
            cases["optuna TPESampler"] = first_trials(lambda: optuna_study("TPESampler", 0), n, d)
        show(f"first {n:,} trials", by_turns(cases, 1 if is_long else 3))


def cmaes(scale: str) -> None:
    d = 10
    print(f"\nCMA-ES: a trial, averaged over the first n ({d} parameters)")
    n = {"quick": 50, "normal": 1000, "full": 5000}[scale]
    cases: dict[str, Run] = {}
    if registered("cmaes"):
        cases["tunesmith cmaes"] = first_trials(lambda: tunesmith_study("cmaes", 0), n, d)
    if has("rustuna"):
        cases["rustuna CmaEsSampler"] = first_trials(lambda: rustuna_study("CmaEsSampler", 0), n, d)
    if has("optuna", "cmaes"):
        cases["optuna CmaEsSampler"] = first_trials(lambda: optuna_study("CmaEsSampler", 0), n, d)
    show(f"first {n:,} trials", by_turns(cases, 1 if scale == "quick" else 3))


# -- auto: a cheap objective, many trials --------------------------------------------------------------------------


def sphere(x: list[float]) -> float:
    return sum([(v - 0.7) ** 2 for v in x])


def rosenbrock(x: list[float]) -> float:
    return sum([100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in pairwise(x)])


def ellipsoid(x: list[float]) -> float:
    return sum([10 ** (4 * i / (len(x) - 1)) * (v + 0.4) ** 2 for i, v in enumerate(x)])


def tunesmith_minimize(sampler: str, function: Callable[[list[float]], float], n: int, d: int, seed: int) -> float:
    import tunesmith

    space = tunesmith.Space({name: tunesmith.Float(-3.0, 3.0) for name in names(d)})

    def objective(params: dict[str, float]) -> float:
        return function(list(params.values()))

    return float(tunesmith.minimize(objective, space, n_trials=n, sampler=sampler, seed=seed).best_value)


def cmaes_alone(function: Callable[[list[float]], float], n: int, d: int, seed: int) -> float:
    """CMA-ES of the package cmaes, started in the middle with a sixth of the range, as its authors advise."""
    import cmaes
    import numpy as np

    optimiser = cmaes.CMA(mean=np.zeros(d), sigma=1.0, bounds=np.array([[-3.0, 3.0]] * d), seed=seed)
    best, done = float("inf"), 0
    while done < n:
        told = []
        for _ in range(min(optimiser.population_size, n - done)):
            x = optimiser.ask()
            told.append((x, function(x.tolist())))
        done += len(told)
        best = min(best, *(y for _, y in told))
        if len(told) == optimiser.population_size:
            optimiser.tell(told)
        if optimiser.should_stop():
            break
    return best


def auto(scale: str) -> None:
    n, d, seeds = {"quick": (200, 3, 1), "normal": (10_000, 10, 3), "full": (10_000, 10, 11)}[scale]
    print(f"\nMany trials of a cheap objective: {n:,} trials, {d} parameters, medians over {seeds} seeds")
    cases: dict[str, Callable[..., float]] = {}
    for sampler in ("auto", "cmaes"):
        if registered(sampler):
            cases[f"tunesmith {sampler}"] = lambda *a, sampler=sampler: tunesmith_minimize(sampler, *a)
    if has("cmaes"):
        cases["the package cmaes alone"] = cmaes_alone
    for function in (sphere, ellipsoid, rosenbrock):
        for name, run in cases.items():
            spent: list[float] = []
            reached: list[float] = []
            try:
                run(function, 2 * d, d, 0)  # imports
                for seed in range(seeds):
                    start = time.process_time()
                    reached.append(run(function, n, d, seed))
                    spent.append(time.process_time() - start)
            except Exception as error:
                print(f"  left out {name}: {type(error).__name__}: {error}")
            if spent:
                took, regret = statistics.median(spent), statistics.median(reached)
                print(f"  {function.__name__:12s} {name:26s} {took:8.2f} s   regret {regret:.2e}", flush=True)


# -- memory --------------------------------------------------------------------------------------------------------

# In a process of its own. The peak is taken when the library is imported, and when the study is done.
MEMORY = """
import sys, warnings
warnings.simplefilter("ignore")

def peak():  # ru_maxrss would do, but on Linux it counts what the parent held before it became this process
    if sys.platform == "linux":
        with open("/proc/self/status") as status:
            return next(int(line.split()[1]) / 2**10 for line in status if line.startswith("VmHWM"))
    import resource
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return used / 2**20 if sys.platform == "darwin" else used / 2**10

library, sampler, n, d = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
names = [f"x{i}" for i in range(d)]

def objective(trial):
    return sum([trial.suggest_float(name, 0.0, 1.0) for name in names])

if library == "tunesmith":
    import tunesmith
    bare = peak()
    study = tunesmith.create_study(sampler=sampler, seed=0)
elif library == "optuna":
    import optuna
    bare = peak()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(sampler=getattr(optuna.samplers, sampler)(seed=0))
else:
    import rustuna
    bare = peak()
    study = rustuna.create_study(sampler=getattr(rustuna.samplers, sampler)(seed=0))
study.optimize(objective, n_trials=n)
print(bare, peak())
"""


def memory(scale: str) -> None:
    n, d = {"quick": (200, 20), "normal": (10_000, 20), "full": (10_000, 20)}[scale]
    if sys.platform == "win32":
        print("\nMemory: this system does not tell it")
        return
    print(f"\nMemory: peak of a process with {n:,} trials of {d} parameters, over the bare import")
    cases = [("tunesmith", s) for s in ("random", "tpe", "cmaes", "auto") if registered(s)]
    cases += [(m, s) for m, s in [("optuna", "RandomSampler"), ("rustuna", "RandomSampler")] if has(m)]
    for library, sampler in cases:
        done = subprocess.run(
            [sys.executable, "-c", MEMORY, library, sampler, str(n), str(d)], capture_output=True, text=True
        )
        if done.returncode:
            print(f"  left out {library} {sampler}: {done.stderr.strip().splitlines()[-1]}")
            continue
        bare, top = map(float, done.stdout.split()[-2:])
        print(f"  {library + ' ' + sampler:30s} {top - bare:8.1f} MB   (the import: {bare:.0f} MB)", flush=True)


PARTS: dict[str, Callable[[str], None]] = {"gp": gp, "tpe": tpe, "cmaes": cmaes, "auto": auto, "memory": memory}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(PARTS), help="which parts, by commas (all)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works, no more")
    parser.add_argument("--full", action="store_true", help="more sizes and rounds: half an hour")
    args = parser.parse_args(argv)
    unknown = [part for part in args.only.split(",") if part not in PARTS]
    if unknown:
        parser.error(f"--only: there is no part {unknown[0]!r}; there are: {', '.join(PARTS)}")
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before anything imports a numeric library
    warnings.simplefilter("ignore")  # what peers say of their experimental parts, at every call
    load = f", load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
    print(f"{os.cpu_count()} cores{load}; CPU time on one thread, medians")
    for part in args.only.split(","):
        PARTS[part]("quick" if args.quick else "full" if args.full else "normal")
    return 0


if __name__ == "__main__":
    sys.exit(main())
