"""Real trainings of a part of a second, with names and without, declared and define-by-run, beside other libraries.

    python benchmarks/trainings.py [--seeds 3] [--trials 50] [--only 'choice/*'] [--searches named,by-run,optuna-tpe]

Searches: `named` is the default with a declared space, `unnamed` the same with ``priors=False``, `by-run` the default
with `suggest_*` alone, as most people write it; and those of other libraries. Regret 0 is the best value that any
search found on a task in this run, and 1 the median of random points. The second table has the differences to the
first of the searches, and their standard errors, over pairs of the same task and seed.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from fnmatch import fnmatch
from multiprocessing import get_context
from typing import Any

import numpy as np
from _optimisers import PEERS, Watched, missing, search, seed_of, suggest
from _score import Floats, Reference, best_so_far, normalised

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
OURS = ("named", "unnamed", "by-run")
RANDOM_TRIALS = 51


def run(job: tuple[str, str, int, int]) -> tuple[list[float], float]:
    """The values of a search in order, and the share of its CPU time that was not the trainings'."""
    name, how, seed, n = job
    import _trainings

    task = _trainings.get(name)
    start = time.process_time()
    if how in OURS:
        import tunesmith

        watched = Watched(task)
        study = tunesmith.create_study(pruner="nop", seed=seed_of(name, seed), priors=how != "unnamed")
        objective: Any = (lambda trial: watched(suggest(trial, task.space))) if how == "by-run" else watched
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            study.optimize(objective, n_trials=n, space=None if how == "by-run" else task.space)
        found = watched.done()
    else:
        found = search(how, task, seed, n)
    return found.y, found.seconds / (time.process_time() - start)


def typical(name: str) -> float:
    """The median of some random trials."""
    import _trainings

    task = _trainings.get(name)
    points = task.space.decode(task.space.sample(np.random.default_rng(0), RANDOM_TRIALS))
    return float(np.median([task(p) for p in points]))


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3, help="searches of each on each task (3)")
    parser.add_argument("--trials", type=int, default=50, help="of a search (50)")
    parser.add_argument("--only", default="*", help="tasks whose names match, with commas between")
    parser.add_argument("--searches", default="named,unnamed,by-run,optuna-tpe,optuna-gp,hyperopt")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="searches at once (cores)")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works, no more")
    args = parser.parse_args(argv)
    if args.quick:
        args.seeds, args.trials, args.only, args.searches = 1, 6, "tree/cancer,choice/wine", "named,by-run"
    os.environ.update(dict.fromkeys(THREADS, "1"))
    import _trainings

    names = [name for name in _trainings.SINGLE if any(fnmatch(name, part) for part in args.only.split(","))]
    searches = args.searches.split(",")
    for how in [how for how in searches if how not in OURS and (how not in PEERS or missing(how))]:
        print(f"left out {how}: {'not installed' if how in PEERS else 'there is no such search'}")
        searches.remove(how)
    jobs = [(name, how, seed, args.trials) for name in names for how in searches for seed in range(args.seeds)]
    with ProcessPoolExecutor(args.jobs, mp_context=get_context("spawn")) as pool:
        median = dict(zip(names, pool.map(typical, names), strict=True))
        made = dict(zip(jobs, pool.map(run, jobs), strict=True))
    points = [p for p in (5, 10, 25, 50, 100) if p < args.trials] + [args.trials]
    shown = _regrets(made, median, names, points)
    print(
        f"mean regret of {len(names)} tasks, {args.seeds} seeds"
        + "".join(f"{f'@{p}':>9s}" for p in points)
        + "  search"
    )
    for how in searches:
        rows = np.array([shown[job] for job in jobs if job[1] == how])
        share = np.mean([made[job][1] for job in jobs if job[1] == how])
        print(f"{how:35s}" + "".join(f"{v:9.4f}" for v in rows.mean(axis=0)) + f"{share:7.0%} of CPU")
    print("\nmore than the first, ± standard error")
    for how in searches[1:]:
        pairs = [(shown[job], shown[(job[0], searches[0], *job[2:])]) for job in jobs if job[1] == how]
        off = np.array([a - b for a, b in pairs])
        error = off.std(axis=0, ddof=1) / np.sqrt(len(off)) if len(off) > 1 else np.full(len(points), np.nan)
        print(f"{how:20s}" + "".join(f"  {m:+.4f} ± {e:.4f}" for m, e in zip(off.mean(axis=0), error, strict=True)))
    print("\nafter the last trial, by task" + "".join(f"{how:>12s}" for how in searches))
    for name in names:
        cells = [np.mean([shown[job][-1] for job in jobs if job[:2] == (name, how)]) for how in searches]
        print(f"{name:30s}" + "".join(f"{c:12.4f}" for c in cells))
    return 0


def _regrets(
    made: dict[tuple[str, str, int, int], tuple[list[float], float]],
    median: dict[str, float],
    names: list[str],
    points: list[int],
) -> dict[tuple[str, str, int, int], Floats]:
    """The regrets of each search at some numbers of trials."""
    best = {name: min(min(y) for job, (y, _) in made.items() if job[0] == name) for name in names}
    return {
        job: normalised(best_so_far(y), Reference(best[job[0]], median[job[0]]), points[-1])[np.array(points) - 1]
        for job, (y, _) in made.items()
    }


if __name__ == "__main__":
    sys.exit(main())
