"""What storages cost: trials per second into one file by 1 and 4 processes, and reading a study of 100,000 trials.

A trial is what it needs of its storage and nothing else: a number, ten parameters written at its start, one value at
its end. Optuna's storages get the same through the calls that its study makes. Each case writes a file of its own.
"""

from __future__ import annotations

import argparse
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

NAMES = [f"x{i}" for i in range(10)]
STUDY = "benchmark"

# -- one trial, n times; each function is run by several processes on one file -------------------------------------


def tunesmith_sqlite(path: str, n: int | None) -> None:
    from tunesmith import Float, Space
    from tunesmith.foundation.worker_names import current_worker
    from tunesmith.storage import open_storage
    from tunesmith.trial import FrozenTrial, TrialState

    storage = open_storage(path + ".db")
    if n is None:
        storage.create_study(STUDY, ["minimize"], 0, Space({name: Float(0.0, 1.0) for name in NAMES}))
        return
    study, worker = storage.load_study(STUDY), current_worker()
    space, x = study.space, [0.5] * len(NAMES)
    for _ in range(n):
        version = None
        while version is None:
            claim = storage.claim(study.id, worker)
            begun = FrozenTrial(claim.number, TrialState.RUNNING, space=space, x=x, worker=worker, started=time.time())
            version = storage.start(study.id, claim, begun)
        number = claim.number
        storage.finish(
            study.id,
            FrozenTrial(number, TrialState.COMPLETE, space=space, x=x, values=(0.5,), finished=time.time()),
        )


def optuna_rdb(path: str, n: int | None) -> None:
    from optuna.storages import RDBStorage

    _optuna(RDBStorage(f"sqlite:///{path}.db", engine_kwargs={"connect_args": {"timeout": 100}}), n)


def optuna_journal(path: str, n: int | None) -> None:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    _optuna(JournalStorage(JournalFileBackend(path + ".log")), n)


def _optuna(storage: Any, n: int | None) -> None:
    import optuna
    from optuna.distributions import FloatDistribution
    from optuna.study import StudyDirection
    from optuna.trial import TrialState

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    if n is None:
        storage.create_new_study([StudyDirection.MINIMIZE], STUDY)
        return
    study, distribution = storage.get_study_id_from_name(STUDY), FloatDistribution(0.0, 1.0)
    for _ in range(n):
        trial = storage.create_new_trial(study)
        for name in NAMES:
            storage.set_trial_param(trial, name, 0.5, distribution)
        storage.set_trial_state_values(trial, TrialState.COMPLETE, [0.5])


Case = Callable[[str, "int | None"], None]
CASES: dict[str, tuple[Case, int]] = {
    "tunesmith, SQLite": (tunesmith_sqlite, 8000),
    "optuna, SQLite": (optuna_rdb, 100),
    "optuna, journal file": (optuna_journal, 200),
}


def _worker(case: Case, path: str, n: int, ready: Any, go: Any) -> None:
    import warnings

    warnings.simplefilter("ignore")  # Optuna's journal storage calls itself experimental
    case(path, 1)  # imports, connections
    ready.release()
    go.wait()
    case(path, n)


def rate(case: Case, n: int, processes: int) -> float:
    """Trials per second of all processes together."""
    context = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / "study")
        case(path, None)
        ready, go = context.Semaphore(0), context.Event()
        share = n // processes
        workers = [context.Process(target=_worker, args=(case, path, share, ready, go)) for _ in range(processes)]
        for worker in workers:
            worker.start()
        for _ in workers:
            ready.acquire()
        start = time.perf_counter()
        go.set()
        for worker in workers:
            worker.join()
        seconds = time.perf_counter() - start
        if any(worker.exitcode for worker in workers):
            raise RuntimeError("a worker failed")
        return share * processes / seconds


# -- a large study -------------------------------------------------------------------------------------------------

# Run in a new process, so that its memory is only its own. VmHWM is the most that it ever held.
READ = """
import sys, time

def peak():
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

bare = peak()
start = time.perf_counter()
import tunesmith.storage.sql
from tunesmith.storage import open_storage
imported = time.perf_counter()
storage = open_storage(sys.argv[1])
study = storage.load_study(None)
best = storage.best(study.id, "minimize")
opened = time.perf_counter()
with_best = peak()
new = storage.read_since(study.id, 0)
read = time.perf_counter()
assert len(new.number) == int(sys.argv[2]) and best.params
with_columns = peak()
records = storage.trials(study.id)
end = time.perf_counter()
print(f"{'imports':34s} {imported - start:7.3f} s")
print(f"{'open + best trial':34s} {opened - imported:7.3f} s {with_best - bare:6.0f} MB over the interpreter")
print(f"{'all columns':34s} {read - opened:7.3f} s {with_columns - bare:6.0f} MB")
print(f"{'all trials as objects':34s} {end - read:7.3f} s {peak() - bare:6.0f} MB")
"""


def large(n: int) -> None:
    import numpy as np

    from tunesmith import Float, Space
    from tunesmith.storage import open_storage
    from tunesmith.trial import FrozenTrial, TrialState

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.db"
        storage = open_storage(path)
        space = Space({name: Float(0.0, 1.0) for name in NAMES})
        study = storage.create_study(STUDY, ["minimize"], 0, space)
        x = np.random.default_rng(0).random((n, len(NAMES)))
        for start in range(0, n, 10_000):
            rows = x[start : start + 10_000].tolist()
            storage.add(
                study.id,
                [
                    FrozenTrial(
                        0, TrialState.COMPLETE, space=space, x=row, values=(sum(row),), cost=1.0, started=1e9,
                        finished=1e9 + 1, worker="benchmark:1234:0123abcd-4026531836@1234567",
                    )
                    for row in rows
                ],
            )  # fmt: skip
        storage.close()
        print(f"\n{n:,} trials, {len(NAMES)} parameters, {path.stat().st_size / 2**20:.0f} MB file", flush=True)
        subprocess.run([sys.executable, "-c", READ, str(path), str(n)], check=True)


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="few trials: shows that it works, no more")
    args = parser.parse_args(argv)
    share = 20 if args.quick else 1
    print(f"{'trials per second':34s} {'1 process':>10s} {'4 processes':>12s}")
    for name, (case, n) in CASES.items():
        try:
            rates = [rate(case, n // share, processes) for processes in (1, 4)]
        except Exception as error:
            print(f"{name}: left out ({type(error).__name__}: {error})")
            continue
        print(f"{name:34s} {rates[0]:10.0f} {rates[1]:12.0f}", flush=True)
    large(100_000 // share)


if __name__ == "__main__":
    main()
