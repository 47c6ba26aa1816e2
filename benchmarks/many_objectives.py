"""How near three to ten objectives come to their front: NSGA-III and NSGA-II, ours and Optuna's, and random trials.

    python benchmarks/many_objectives.py [--objectives 3,5,8,10] [--only DTLZ2] [--n-trials 1000] [--seeds 10] [--quick]

DTLZ1 to 4 (Deb, Thiele, Laumanns & Zitzler, 2005), of m + 4 numbers (DTLZ1) and m + 9. What is printed is the mean
IGD+ (Ishibuchi et al., 2015) of all trials to 2,000 points of the front, the less the better, ± its standard error over
seeds; below, for each number of objectives, the geometric mean of its ratio to random trials; then the CPU seconds of a
search.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import numpy as np
from _score import Floats

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PROBLEMS = {"DTLZ1": 5, "DTLZ2": 10, "DTLZ3": 10, "DTLZ4": 10}  # the numbers beyond m - 1
SAMPLERS = ("random", "nsga2", "nsga3", "optuna-nsga2", "optuna-nsga3")
FRONT_POINTS = 2_000
PEERS = {"optuna-nsga2": "NSGAIISampler", "optuna-nsga3": "NSGAIIISampler"}


def dtlz(problem: str, m: int) -> Callable[[Floats], list[float]]:
    """A problem of m objectives, as a function of numbers from 0 to 1."""

    def values(x: Floats) -> list[float]:
        place, rest = x[: m - 1], x[m - 1 :] - 0.5
        g = float((rest**2).sum())
        if problem in ("DTLZ1", "DTLZ3"):
            g = 100.0 * (len(rest) + g - float(np.cos(20.0 * np.pi * rest).sum()))
        if problem == "DTLZ1":
            near, far, size = place, 1.0 - place, 0.5 * (1.0 + g)
        else:
            angle = (place**100 if problem == "DTLZ4" else place) * np.pi / 2.0
            near, far, size = np.cos(angle), np.sin(angle), 1.0 + g
        y = size * np.append(np.cumprod(near)[::-1], 1.0) * np.append(1.0, far[::-1])
        return [float(v) for v in y]

    return values


def front(problem: str, m: int) -> Floats:
    """Points of the front, evenly spread by chance: of a plane (DTLZ1) or of a sphere."""
    points = np.random.default_rng(0).dirichlet(np.ones(m), FRONT_POINTS)
    return points / 2.0 if problem == "DTLZ1" else points / np.linalg.norm(points, axis=1, keepdims=True)


def study_of(sampler: str, m: int, seed: int) -> Any:
    if sampler in PEERS:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        made = getattr(optuna.samplers, PEERS[sampler])(seed=seed)
        return optuna.create_study(directions=["minimize"] * m, sampler=made)
    import tunesmith

    return tunesmith.create_study(directions=["minimize"] * m, sampler=sampler, seed=seed)


def searched(job: tuple[str, int, str, int, int]) -> tuple[float, float]:
    """The IGD+ of a search, and its CPU seconds."""
    import moocore

    problem, m, sampler, seed, n_trials = job
    f, d = dtlz(problem, m), m - 1 + PROBLEMS[problem]
    names = [f"x{i}" for i in range(d)]
    found = []

    def objective(trial: Any) -> list[float]:
        found.append(f(np.array([trial.suggest_float(name, 0.0, 1.0) for name in names])))
        return found[-1]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        study = study_of(sampler, m, seed)
        start = time.process_time()
        study.optimize(objective, n_trials=n_trials)
    return float(moocore.igd_plus(np.array(found), ref=front(problem, m))), time.process_time() - start


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objectives", default="3,5,8,10", help="how many (3,5,8,10)")
    parser.add_argument("--only", default=",".join(PROBLEMS), help="problems, with commas between")
    parser.add_argument("--samplers", default=",".join(SAMPLERS), help="which searches, with commas between")
    parser.add_argument("--n-trials", type=int, default=1000, help="trials of a search (1000)")
    parser.add_argument("--seeds", type=int, default=10, help="searches of each (10)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="searches at once (cores)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works, no more")
    args = parser.parse_args(argv)
    if args.quick:
        args.objectives, args.only, args.n_trials, args.seeds = "3", "DTLZ2", 60, 1
    os.environ.update(dict.fromkeys(THREADS, "1"))  # before anything imports a numeric library
    samplers = [s for s in args.samplers.split(",") if s not in PEERS or importlib.util.find_spec("optuna")]
    objectives, problems, seeds = [int(m) for m in args.objectives.split(",")], args.only.split(","), range(args.seeds)
    jobs = [(p, m, s, seed, args.n_trials) for m in objectives for p in problems for s in samplers for seed in seeds]
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        found = np.array(list(pool.map(searched, jobs)))
    igd, seconds = found.T.reshape(2, len(objectives), len(problems), len(samplers), len(seeds))
    error = igd.std(axis=-1, ddof=min(1, len(seeds) - 1)) / len(seeds) ** 0.5
    print(f"IGD+ after {args.n_trials} trials, {args.seeds} seeds")
    print(f"{'m':>3s}  {'problem':8s}", *(f"{s:>20s}" for s in samplers))
    for i, m in enumerate(objectives):
        for j, problem in enumerate(problems):
            cells = (f"{igd[i, j, k].mean():.4g} ± {error[i, j, k]:.2g}" for k in range(len(samplers)))
            print(f"{m:3d}  {problem:8s}", *(f"{cell:>20s}" for cell in cells))
    if "random" in samplers:
        ratio = np.log(igd / igd[:, :, [samplers.index("random")]].mean(axis=-1, keepdims=True)).mean(axis=1)
        spread = ratio.std(axis=-1, ddof=min(1, len(seeds) - 1)) / len(seeds) ** 0.5
        for i, m in enumerate(objectives):
            cells = (f"{np.exp(ratio[i, k].mean()):.3f} ± {spread[i, k]:.2g}" for k in range(len(samplers)))
            print(f"{m:3d}  {'ratio':8s}", *(f"{cell:>20s}" for cell in cells))
    print("CPU seconds of a search")
    for i, m in enumerate(objectives):
        print(f"{m:3d}  {'':8s}", *(f"{seconds[i, :, k].mean():20.2f}" for k in range(len(samplers))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
