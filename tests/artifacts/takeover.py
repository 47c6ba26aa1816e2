"""The objective of test_takeover.py, in a module that worker processes can import."""

from __future__ import annotations

import os
import signal
from pathlib import Path

from tunesmith import Trial
from tunesmith.errors import AttemptReplacedError


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


def stop(trial: Trial) -> float:
    """Stop this process after a checkpoint; when it goes on, try to publish, copy and remove, and log what happens."""
    if trial.attempt > 1:
        trial.artifacts.save("checkpoint", trial.artifacts.load("checkpoint") + b" and second")
        return 2.0
    trial.artifacts.save("checkpoint", b"first")
    log = Path(os.environ["TUNESMITH_TEST_LOG"])
    log.write_text(str(os.getpid()))
    os.kill(os.getpid(), signal.SIGSTOP)
    own = trial.artifacts
    for use in (
        lambda: own.save("checkpoint", b"late"),
        lambda: own.save("new", b"late"),
        lambda: own.copy_from(trial.number, "checkpoint", "copy"),
        lambda: own.remove("checkpoint"),
    ):
        try:
            use()
        except AttemptReplacedError:
            with log.open("a") as file:
                print(" refused", end="", file=file)
    return 1.0
