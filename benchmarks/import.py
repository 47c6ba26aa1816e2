"""Seconds and megabytes to import Optuna's trials into an SQLite file of ours: from a database, and from a journal.

Each case is a process of its own. The sources are written here row by row, as Optuna would: Optuna itself takes most of
an hour for 100,000 trials.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

DISTRIBUTION = json.dumps(
    {"name": "FloatDistribution", "attributes": {"step": None, "low": 0.0, "high": 1.0, "log": False}}
)
CHOICES = json.dumps({"name": "CategoricalDistribution", "attributes": {"choices": ["a", "b", "c"]}})
SECONDS, MOMENT = "2026-01-01 00:00:00.000000", "2026-01-01T00:00:00.000000+00:00"


def distributions(n_params: int) -> dict[str, str]:
    return {f"x{i}": DISTRIBUTION for i in range(n_params - 1)} | {"kind": CHOICES}


def write_database(path: Path, n: int, n_params: int, n_reports: int) -> None:
    """Write a study into the tables that Optuna makes."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    storage = optuna.storages.RDBStorage(f"sqlite:///{path}")
    optuna.create_study(study_name="old", storage=storage)
    storage.engine.dispose()
    draw, ranges = random.Random(0), distributions(n_params)
    rows: dict[str, Iterator[tuple[Any, ...]]] = {
        "INSERT INTO trials (trial_id, number, study_id, state, datetime_start, datetime_complete) "
        "VALUES (?, ?, 1, 'COMPLETE', ?, ?)": ((i + 1, i, SECONDS, SECONDS) for i in range(n)),
        "INSERT INTO trial_values (trial_id, objective, value, value_type) VALUES (?, 0, ?, 'FINITE')": (
            (i + 1, draw.random()) for i in range(n)
        ),
        "INSERT INTO trial_params (trial_id, param_name, param_value, distribution_json) VALUES (?, ?, ?, ?)": (
            (i + 1, name, 1.0 if text == CHOICES else draw.random(), text)
            for i in range(n)
            for name, text in ranges.items()
        ),
        "INSERT INTO trial_intermediate_values (trial_id, step, intermediate_value, intermediate_value_type) "
        "VALUES (?, ?, ?, 'FINITE')": ((i + 1, step, draw.random()) for i in range(n) for step in range(n_reports)),
        "INSERT INTO trial_user_attributes (trial_id, key, value_json) VALUES (?, 'note', '\"text\"')": (
            (i + 1,) for i in range(n)
        ),
    }
    connection = sqlite3.connect(path)
    for statement, values in rows.items():
        connection.executemany(statement, values)
    connection.commit()
    connection.close()


def write_journal(path: Path, n: int, n_params: int, n_reports: int) -> None:
    """Write a study as the operations of Optuna's journal."""
    draw, ranges = random.Random(0), distributions(n_params)
    with path.open("w", encoding="utf-8") as file:

        def line(code: int, **fields: Any) -> None:
            file.write(json.dumps({"op_code": code, "worker_id": "w", **fields}, separators=(",", ":")) + "\n")

        line(0, study_name="old", directions=[1])
        for i in range(n):
            line(4, study_id=0, datetime_start=MOMENT)
            for name, text in ranges.items():
                value = 1.0 if text == CHOICES else draw.random()
                line(5, trial_id=i, param_name=name, param_value_internal=value, distribution=text)
            for step in range(n_reports):
                line(7, trial_id=i, step=step, intermediate_value=draw.random())
            line(8, trial_id=i, user_attr={"note": "text"})
            line(6, trial_id=i, state=1, values=[draw.random()], datetime_complete=MOMENT)


def one_import(source: str, target: str) -> None:
    """Print the seconds, those of the processor, the megabytes at the most, and the trials that came."""
    from tunesmith import compat

    start, busy = time.perf_counter(), time.process_time()
    (old,) = compat.read(source)
    read = time.perf_counter() - start
    study = old.create_study(storage=target)
    whole, busy = time.perf_counter() - start, time.process_time() - busy
    megabytes = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    count = sum(study.counts.values())
    print(f"{count:,} trials: {whole:.1f} s (reading {read:.1f} s; CPU {busy:.1f} s), {megabytes:,.0f} MB")


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100_000)
    parser.add_argument("--params", type=int, default=10, help="of each trial, one of them a choice (default 10)")
    parser.add_argument("--reports", type=int, default=5, help="of each trial (default 5)")
    parser.add_argument("--quick", action="store_true", help="few trials: shows that it works, no more")
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.one:
        one_import(*args.one)
        return
    n = 1_000 if args.quick else args.trials
    print(f"{n:,} trials of {args.params} parameters and {args.reports} reports")
    with tempfile.TemporaryDirectory() as folder:
        for reports in sorted({0, args.reports}):
            for name, write in {"database": write_database, "journal": write_journal}.items():
                source = Path(folder, f"{name}{reports}.{'db' if name == 'database' else 'log'}")
                try:
                    write(source, n, args.params, reports)
                except ImportError as error:
                    print(f"{name:<9} left out ({error})")
                    continue
                target = source.with_suffix(".tune.db")
                command = [sys.executable, __file__, "--one", str(source), str(target)]
                done = subprocess.run(command, capture_output=True, text=True, check=True)
                print(f"{name:<9} {reports} reports a trial  {done.stdout.strip()}", flush=True)
                source.unlink()
                target.unlink()


if __name__ == "__main__":
    main()
