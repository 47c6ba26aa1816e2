"""The objective of test_takeover.py, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tunesmith import Trial


def train(trial: Trial) -> float:
    """Five epochs with a checkpoint after each; the first worker is killed after the third, in the middle of a save."""
    begin = int(trial.artifacts.load("checkpoint/epoch")) if "checkpoint/epoch" in trial.artifacts else 0
    with Path(os.environ["TUNESMITH_TEST_LOG"]).open("a") as log:
        print(trial.attempt, begin, file=log)
    for epoch in range(begin, 5):
        trial.report(1 / (epoch + 1), epoch)
        if trial.attempt == 1 and epoch == 3:
            store, space = trial.artifacts.pointers.place()

            def half() -> object:
                yield b"x" * 1000
                os.kill(os.getpid(), signal.SIGKILL)

            store.put(space, half)  # type: ignore[arg-type]
        trial.artifacts.save("checkpoint/epoch", str(epoch + 1).encode())
    return 1.0
