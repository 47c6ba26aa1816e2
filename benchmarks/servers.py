"""Trials per second of many processes that share one study on a database server, beside Optuna on the same server.

Each trial is a whole one of the study: ask, ten parameters of the random sampler, tell. So is Optuna's. Say by --url
where the server is, as an SQLAlchemy URL of a database that may be written to; else an SQLite file takes its place.
`pg_test_fsync` on the server's disk tells how many commits a second it can take.
"""

from __future__ import annotations

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from typing import Any

import numpy as np

NAMES = [f"x{i}" for i in range(10)]


def ours(url: str, name: str, preload: int | None) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    import tunesmith as ts

    if preload is not None:
        space = {n: ts.Float(0.0, 1.0) for n in NAMES}
        study = ts.create_study(storage=url, study_name=name, space=space, seed=0)
        points = np.random.default_rng(0).random((preload, len(NAMES))).tolist()
        declared = study.history.space
        for start in range(0, preload, 10_000):
            study.add_trials(
                [
                    ts.FrozenTrial(0, ts.TrialState.COMPLETE, space=declared, x=x, values=(sum(x),))
                    for x in points[start : start + 10_000]
                ]
            )
    study = ts.load_study(storage=url, study_name=name, sampler="random")
    return study.ask, lambda trial: study.tell(trial, sum(trial.params.values()))


def optuna(url: str, name: str, preload: int | None) -> tuple[Callable[[], Any], Callable[[Any], None]]:
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sampler = optuna.samplers.RandomSampler(seed=0)
    study = optuna.create_study(storage=url, study_name=name, sampler=sampler, load_if_exists=True)

    def tell(trial: Any) -> None:
        study.tell(trial, sum(trial.suggest_float(n, 0.0, 1.0) for n in NAMES))

    return study.ask, tell


LIBRARIES = {"tunesmith": ours, "optuna": optuna}


def _work(library: str, url: str, name: str, seconds: float, ready: Any, found: Any) -> None:
    ask, tell = LIBRARIES[library](url, name, None)
    tell(ask())  # imports, connections and caches are not what is measured
    ready.wait()
    delays = []
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        began = time.monotonic()
        trial = ask()
        delays.append(time.monotonic() - began)
        tell(trial)
    found.put(delays)


def throughput(library: str, url: str, processes: int, seconds: float, preload: int) -> tuple[float, float]:
    """Return the trials per second of all processes together, and the 99th percentile of the seconds of an ask."""
    context = multiprocessing.get_context("spawn")
    name = f"benchmark {library} {processes} {preload} {time.time()}"
    LIBRARIES[library](url, name, preload)
    ready, found = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_work, args=(library, url, name, seconds, ready, found)) for _ in range(processes)
    ]
    for worker in workers:
        worker.start()
    delays = [delay for _ in workers for delay in found.get()]
    for worker in workers:
        worker.join()
    return len(delays) / seconds, float(np.quantile(delays, 0.99)) if delays else float("nan")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="such as postgresql+psycopg://me@/database?host=/var/run/postgresql")
    parser.add_argument("--processes", default="1,4,16,64", help="how many, of each case (1,4,16,64)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of each case (10)")
    parser.add_argument(
        "--preload", type=int, default=0, help="finished trials that the study has before (0); ours only"
    )
    parser.add_argument("--libraries", default="tunesmith,optuna", help="which (tunesmith,optuna)")
    parser.add_argument("--quick", action="store_true", help="only show that it works")
    args = parser.parse_args()
    if args.quick:
        args.processes, args.seconds = "1,2", 0.5
    with tempfile.TemporaryDirectory() as folder:
        url = args.url or f"sqlite:///{folder}/study.db"
        run(url, args)


def run(url: str, args: argparse.Namespace) -> None:
    """Print the table."""
    print(f"{'library':12s} {'processes':>9s} {'trials/s':>9s} {'ask, p99':>10s}")
    for processes in map(int, args.processes.split(",")):
        for library in args.libraries.split(","):
            rate, delay = throughput(library, url, processes, args.seconds, args.preload)
            print(f"{library:12s} {processes:9d} {rate:9.0f} {1e3 * delay:7.0f} ms", flush=True)


if __name__ == "__main__":
    main()
