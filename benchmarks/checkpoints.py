"""What a checkpoint writes: bytes written for each byte of the state, and seconds, beside a file of the user's own.

The state is one array; ten epochs do nothing but save it and report. Optuna keeps no checkpoints: its users write a
file in the objective, here by ``pickle`` and flushed to the disk, as the others are. Bytes are what the process gave to
the system (``wchar`` of ``/proc/self/io``), so this needs Linux.
"""

from __future__ import annotations

import argparse
import os
import pickle
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

EPOCHS = 10


def written() -> int:
    return int(Path("/proc/self/io").read_text(encoding="utf-8").partition("wchar: ")[2].split()[0])


def by_hand(state: bytes) -> Callable[[Any], float]:
    def train(trial: Any) -> float:
        file = trial.checkpoint_dir / "state"
        for epoch in range(1, EPOCHS + 1):
            file.write_bytes(state)
            trial.report(1.0, epoch)
        return 1.0

    return train


def by_epochs(state: bytes, **options: Any) -> Callable[[Any], float]:
    def train(trial: Any) -> float:
        for epoch in trial.epochs(EPOCHS + 1, {"state": state}, **options):
            trial.report(1.0, epoch)
        return 1.0

    return train


def optuna_file(state: bytes) -> Callable[[Any], float]:
    def train(trial: Any) -> float:
        for epoch in range(1, EPOCHS + 1):
            with open("state.part", "wb") as file:
                pickle.dump({"epoch": epoch, "state": state}, file, protocol=5)
                file.flush()
                os.fsync(file.fileno())
            os.replace("state.part", "state")
            trial.report(1.0, epoch)
        return 1.0

    return train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=20.0)
    parser.add_argument("--quick", action="store_true", help="a state of 1 MB")
    given = parser.parse_args()
    size = int((1.0 if given.quick else given.megabytes) * 1e6)
    state = os.urandom(size)
    import tunesmith

    rows: list[tuple[str, Any, Callable[[Any], float]]] = [
        ("tunesmith, checkpoint_dir", tunesmith, by_hand(state)),
        ("tunesmith, epochs", tunesmith, by_epochs(state)),
        ("tunesmith, epochs, background", tunesmith, by_epochs(state, background=True)),
    ]
    try:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        rows.append(("Optuna, a file of the user's", optuna, optuna_file(state)))
    except ImportError:
        print("Optuna is not installed", file=sys.stderr)
    print(f"{EPOCHS} checkpoints of {size / 1e6:g} MB: bytes written for each byte of the state, seconds for each")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for name, library, train in rows:
            storage = "sqlite:///optuna.db" if library is not tunesmith else f"{len(os.listdir())}.db"
            study = library.create_study(storage=storage)
            before, began = written(), time.perf_counter()
            study.optimize(train, n_trials=1)
            took = time.perf_counter() - began
            print(f"{name:32} {(written() - before) / size / EPOCHS:.3f} {took / EPOCHS:.3f}")
        os.chdir("/")


if __name__ == "__main__":
    main()
