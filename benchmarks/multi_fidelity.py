"""Multi-fidelity search: regret against what training cost, on learning curves and a virtual clock.

    python benchmarks/multi_fidelity.py                        # built-in curves, and ../shared/bench where it is there
    python benchmarks/multi_fidelity.py --workers 8 --seeds 5
    python benchmarks/multi_fidelity.py --only 'curves/*' --searches 'study, default;random, full runs'
    python benchmarks/multi_fidelity.py --only 'real/*' --workers 1  # minutes of real training, with PyTorch

A study with its defaults, by ask and tell, beside full runs (random ones, and those of the default sampler) and, where
it is installed, Optuna's TPE with Hyperband. A budget is so many full trainings: with one worker the mean cost of a
random full run, with several the time of one. Regret 0 is the best loss known of a task, 1 the median of a random run's
least; every reported loss counts. Of the real training, a small network for images of digits, the loss is the share of
errors, and regret 0 is none.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from fnmatch import fnmatch
from pathlib import Path

import _curves
import _digits_cnn
import numpy as np
from _curve_searches import SEARCHES, Trace, simulate

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "bench"
BUDGETS = {True: (1, 2, 4, 8, 16, 32), False: (0.5, 1, 2, 4, 8)}  # one worker; several
MOST_REAL = 8  # of real training: what is more takes hours
LEVEL = 0.2
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def row(task: _curves.CurveTask, trace: Trace, budgets: tuple[float, ...]) -> list[float]:
    """Return the regrets at the budgets, and the budget at which LEVEL is reached (the last one if it is not)."""
    reference = task.reference
    span = reference.typical - reference.best
    regrets = [float(np.clip((trace.at(b) - reference.best) / span, 0.0, 1.0)) for b in budgets]
    paid = next((c for c, loss in trace.gains if loss - reference.best <= LEVEL * span), budgets[-1])
    return [*regrets, min(paid, budgets[-1])]


def tasks(patterns: list[str], quick: bool) -> list[_curves.CurveTask]:
    """Return the tasks that match; those of the folder are left out, with the reason, if they cannot be read."""
    found = _curves.built_in()
    if (SHARED / "multi_fidelity.py").is_file() and not quick:
        try:
            found += _curves.folder(SHARED)
        except ImportError as error:
            print(f"left out the tasks of {os.path.relpath(SHARED)}: {error} (pip install 'tunesmith[bench]')")
    if importlib.util.find_spec("torch") is not None and any(fnmatch("real/digits-cnn", p) for p in patterns):
        found.append(_digits_cnn.task())
    return [t for t in found if not patterns or any(fnmatch(t.name, p) for p in patterns)]


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=0, help="how many; by default first one, then eight")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each search on each task (3)")
    parser.add_argument("--only", default="", help="tasks whose names match, e.g. 'curves/*,lcbench/1*'")
    parser.add_argument("--searches", default="", help=f"separated by ';': {'; '.join(SEARCHES)}")
    parser.add_argument("--each", action="store_true", help="a table for each task, too")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works, no more")
    args = parser.parse_args(argv)
    if args.seeds < 1 or args.workers < 0:
        parser.error("--seeds must be 1 or more, --workers 0 or more")
    return args


def show(name: str, rows: list[list[float]], milliseconds: list[float]) -> None:
    cells = "".join(f"{v:8.3f}" for v in np.mean(rows, axis=0)[:-1])
    print(f"{name:24s}{cells}{np.mean(rows, axis=0)[-1]:9.1f}{np.mean(milliseconds):9.1f}", flush=True)


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    os.environ.update(dict.fromkeys(THREADS, "1"))
    chosen = tasks([p for p in args.only.split(",") if p], args.quick)
    names = [s.strip() for s in args.searches.split(";") if s.strip()] or list(SEARCHES)
    if unknown := [s for s in names if s not in SEARCHES]:
        print(f"no such search: {', '.join(unknown)}; there are: {'; '.join(SEARCHES)}")
        return 2
    if not chosen:
        print("no task is left; see --only")
        return 2
    seeds = 1 if args.quick else args.seeds
    for workers in [args.workers] if args.workers else [1] if args.quick else [1, 8]:
        budgets = BUDGETS[workers == 1][: 3 if args.quick else None]
        groups: dict[str, list[_curves.CurveTask]] = {"built in": [], "real training": [], os.path.relpath(SHARED): []}
        for task in chosen:
            kind = {"curves": "built in", "real": "real training"}.get(task.name.split("/")[0])
            groups[kind or os.path.relpath(SHARED)].append(task)
        for group, members in groups.items():
            if not members:
                continue
            within = tuple(b for b in budgets if group != "real training" or b <= MOST_REAL)
            head = "".join(f"{'@' + format(b, 'g'):>8s}" for b in within) + f"{'to ' + str(LEVEL):>9s}{'ms':>9s}"
            print(f"\n{workers} worker(s), {len(members)} tasks ({group}), {seeds} seeds: regret at full trainings")
            print(f"{'':24s}{head}")
            for name in names:
                rows, spent = [], []
                for task in members:
                    own = []
                    for seed in range(seeds):
                        trace = simulate(task, SEARCHES[name](task, seed), workers, within[-1])
                        own.append(row(task, trace, within))
                        spent += trace.milliseconds
                    rows += own
                    if args.each:
                        show(f"  {task.name}"[:24], own, spent)
                show(name, rows, spent)
    return 0


if __name__ == "__main__":
    sys.exit(main())
