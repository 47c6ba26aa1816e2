"""How good the samplers search: regret against trials, on many tasks and seeds, beside other libraries.

    python benchmarks/regret.py                                    # the defaults: a few minutes
    python benchmarks/regret.py --samplers auto,gp,tpe --seeds 5 --live optuna-tpe,optuna-gp,hyperopt

The tasks are those of the folder ../shared/bench beside the checkout where it is there, with the recorded runs of
other libraries, else eight built-in ones. Every run is kept in --out, as
OPTIMISER/TASK/SEED.json, and not made again: stop it any time and start it again. A run that was made by other code
than is there now (our samplers, or another version of a library) is made anew, unless --keep.

Regret 0 is the best value known of a task and 1 the median of one random trial; the figures are averaged over seeds,
then over tasks. An interval says how much a figure would move with other seeds.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from fnmatch import fnmatch
from multiprocessing import get_context
from pathlib import Path

import _optimisers
import _report
import _tasks
from _score import POINTS, Floats, Reference, best_so_far

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared" / "bench"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
NestedRuns = dict[str, dict[str, dict[int, Floats]]]


@dataclass(frozen=True)
class Job:
    """One run to make, and where to keep it."""

    optimiser: str
    task: str
    seed: int
    n: int
    tasks: Path | None
    out: Path
    made_by: str

    @property
    def path(self) -> Path:
        return self.out / self.optimiser.replace(":", "_") / self.task.replace("/", "__") / f"{self.seed}.json"

    def is_done(self, keep: bool) -> bool:
        try:
            run = json.loads(self.path.read_text())
        except (OSError, ValueError):
            return False
        return run.get("n", len(run["y"])) >= self.n and (keep or run.get("made_by") == self.made_by)


def run(job: Job) -> str | None:
    """Make a run, in a process of its own; return what went wrong."""
    try:
        search = _optimisers.search(job.optimiser, _tasks.get(job.task, job.tasks), job.seed, job.n)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    record = {
        "opt": job.optimiser, "task": job.task, "seed": job.seed, "y": search.y, "n": job.n,
        "seconds": round(search.seconds, 4), "made_by": job.made_by,
    }  # fmt: skip
    job.path.parent.mkdir(parents=True, exist_ok=True)
    part = job.path.with_suffix(".part")
    part.write_text(json.dumps(record))
    part.replace(job.path)  # a run is there whole or not at all
    return None


def _ignore_interrupt() -> None:
    """Ctrl-C reaches every process of a terminal; a run that is under way is finished, and kept."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def make(jobs: list[Job], workers: int) -> bool:
    """Make the runs, and tell how far it is; return False if it was interrupted."""
    start, shown = time.monotonic(), 0.0
    faults: dict[tuple[str, str], str] = {}
    pool = ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_ignore_interrupt)
    try:
        waiting = {pool.submit(run, job): job for job in jobs}
        for done, future in enumerate(as_completed(waiting), 1):
            job, fault = waiting[future], future.result()
            if fault is not None and (job.optimiser, job.task) not in faults:
                faults[job.optimiser, job.task] = fault
                print(f"  {job.optimiser} on {job.task}, seed {job.seed}: {fault}", flush=True)
            now = time.monotonic()
            if now - shown > 20 or done == len(jobs):
                shown = now
                print(f"  {done} of {len(jobs)} runs, {now - start:.0f} s", file=sys.stderr, flush=True)
    except KeyboardInterrupt:
        print("\nstopping: the runs under way are finished first", file=sys.stderr, flush=True)
        pool.shutdown(cancel_futures=True)
        return False
    pool.shutdown()
    return True


def usable_tasks(path: Path | None, patterns: list[str]) -> list[str]:
    """Return the tasks that load, and say why the others do not."""
    names = [n for n in _tasks.names(path) if not patterns or any(fnmatch(n, p) for p in patterns)]
    missing: dict[str, list[str]] = {}
    for name in names:
        try:
            _tasks.get(name, path)
        except Exception as error:  # whatever a stranger's task does: the others go on
            missing.setdefault(f"{type(error).__name__}: {error}", []).append(name)
    for why, left_out in missing.items():
        print(f"left out {', '.join(left_out)}: {why}")
    if missing:
        print("(pip install 'tunesmith[bench]' brings what the tasks need)")
    return [n for n in names if not any(n in left_out for left_out in missing.values())]


def chosen_samplers(text: str | None) -> list[str]:
    """Return the optimisers of --samplers that there are, by default the default and random search."""
    from tunesmith.foundation import registry

    known = registry.names("samplers")
    asked = text.split(",") if text else [next(n for n in ("auto", "gp", "qmc") if n in known), "random"]
    for name in asked:
        if name not in known and name != "default" and ":" not in name:
            print(f"left out the sampler {name!r}: not registered (there are: {', '.join(known)})")
    return [_optimisers.OURS + n for n in asked if n in known or n == "default" or ":" in n]


def chosen_peers(text: str | None, are_recorded: bool) -> list[str]:
    """Return the optimisers of --live that can run here; by default some only if no recorded runs are there."""
    asked = text.split(",") if text else [] if are_recorded or text is not None else ["optuna-tpe", "hyperopt"]
    usable = []
    for name in asked:
        if name not in _optimisers.PEERS:
            print(f"left out {name!r}: no such peer (there are: {', '.join(_optimisers.PEERS)})")
        elif missing := _optimisers.missing(name):
            print(f"left out {name}: {' and '.join(missing)} not installed")
        else:
            usable.append(name)
    return usable


def references(tasks: list[str], path: Path | None, recorded: NestedRuns) -> dict[str, Reference]:
    """Return what regret 0 and 1 mean on each task: from the recorded runs, else from the task itself."""
    found = {}
    for task in tasks:
        traces = [trace for by_task in recorded.values() for trace in by_task.get(task, {}).values()]
        reference = Reference.of(traces) if traces else _tasks.get(task, path).reference()
        if reference is not None:
            found[task] = reference
    return found


def arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--samplers", help="names of the registry, 'default', module:Class; default: auto,random")
    parser.add_argument("--live", help=f"peers to run: {','.join(_optimisers.PEERS)}; '' for none")
    parser.add_argument("--tasks", help=f"'builtin' or a folder; default: {os.path.relpath(SHARED)} if it is there")
    parser.add_argument("--only", default="", help="tasks whose names match, e.g. 'conditional/*,function/*'")
    parser.add_argument("--seeds", type=int, default=3, help="runs of each optimiser on each task (3)")
    parser.add_argument("--trials", type=int, default=100, help="trials of each run (100)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="runs at once, one thread each (cores)")
    parser.add_argument(
        "--out", type=Path, default=ROOT / "build" / "regret", help="where runs are kept (build/regret)"
    )
    parser.add_argument("--also", type=Path, action="append", default=[], help="another folder of runs to show beside")
    parser.add_argument("--keep", action="store_true", help="keep runs that were made by other code")
    parser.add_argument("--score-only", action="store_true", help="make no runs, show those in --out")
    parser.add_argument("--quick", action="store_true", help="seconds instead of minutes: shows that it works, no more")
    args = parser.parse_args(argv)
    if min(args.seeds, args.trials, args.jobs) < 1:
        parser.error("--seeds, --trials and --jobs must be 1 or more")
    if args.quick:
        args.seeds, args.trials, args.tasks, args.live = 2, 12, "builtin", args.live or ""
        args.samplers, args.only = args.samplers or "random,qmc", args.only or "function/s*,conditional/*"
    return args


def main(argv: list[str] | None = None) -> int:
    args = arguments(argv)
    os.environ.update(dict.fromkeys(THREADS, "1"))  # of the processes that run the searches
    if args.tasks not in (None, "builtin") and not (Path(args.tasks) / "tasks.py").is_file():
        print(f"--tasks {args.tasks}: there is no tasks.py in this folder")
        return 2
    path = Path(args.tasks).resolve() if args.tasks not in (None, "builtin") else SHARED
    if args.tasks == "builtin" or not (path / "tasks.py").is_file():
        path = None
    tasks = usable_tasks(path, [p for p in args.only.split(",") if p])
    recorded: NestedRuns = _tasks.recorded(path)
    optimisers = [*chosen_samplers(args.samplers), *chosen_peers(args.live, bool(recorded))]
    if not tasks or not optimisers:
        print("nothing to run: no task, or no optimiser, is left")
        return 2
    known = references(tasks, path, recorded)
    out = args.out / ("builtin" if path is None else path.name)
    jobs = [
        Job(o, t, s, args.trials, path, out, _optimisers.made_by(o))
        for s in range(args.seeds) for t in tasks for o in optimisers
    ]  # fmt: skip
    todo = [] if args.score_only else [job for job in jobs if not job.is_done(args.keep)]
    where = "built-in tasks" if path is None else f"tasks of {os.path.relpath(path)}"
    print(
        f"{len(tasks)} {where}, {args.seeds} seeds, {args.trials} trials; runs in {os.path.relpath(out)}: "
        f"{len(todo)} to make, {sum(job.path.exists() for job in jobs if job not in todo)} there",
        flush=True,
    )
    old = sum(job.path.exists() and not job.is_done(keep=False) for job in jobs) if args.keep or args.score_only else 0
    if old:
        print(f"{old} of the runs there were made by other code than is there now, or are shorter")
    if todo and not make(todo, args.jobs):
        print("\nstopped; finished runs are kept, the same command goes on")
        return 130
    runs, seconds, kinds = _collect(jobs, recorded, args.also)
    points = [p for p in POINTS if p < args.trials] + [args.trials]
    return _report.show(runs, known, kinds, seconds, points, args.trials, out)


def _collect(
    jobs: list[Job], recorded: NestedRuns, also: list[Path]
) -> tuple[NestedRuns, dict[str, list[float]], dict[str, str]]:
    """Return the traces of the jobs and of what is shown beside them, seconds a trial, and what each optimiser is."""
    runs: NestedRuns = {}
    seconds: dict[str, list[float]] = {}
    kinds: dict[str, str] = {}
    found = [(json.loads(job.path.read_text()), None) for job in jobs if job.path.exists()]
    found += [(json.loads(path.read_text()), f.name) for f in also for path in sorted(f.glob("*/*/*.json"))]
    for record, folder_name in found:
        opt = record["opt"]
        if folder_name is not None and opt in kinds and kinds[opt] != "also":
            opt = f"{opt} ({folder_name})"
        kinds[opt] = "also" if folder_name else "ours" if opt.startswith(_optimisers.OURS) else "peer"
        runs.setdefault(opt, {}).setdefault(record["task"], {})[record["seed"]] = best_so_far(record["y"])
        if "seconds" in record and record["y"]:
            seconds.setdefault(opt, []).append(record["seconds"] / len(record["y"]))
    for opt, by_task in recorded.items():
        name = opt if opt not in runs else f"{opt} (recorded)"
        runs[name], kinds[name] = by_task, "recorded"
    return runs, seconds, kinds


if __name__ == "__main__":
    sys.exit(main())
