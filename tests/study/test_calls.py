"""What a trial costs in Python calls of our own; its statements of SQL are counted in tests/storage.

Each bound is what a trial needs. A change that needs more raises it here, and says why. The median is free of noise:
what waits for its deadline, such as a look for wishes, adds to few of the runs, more to those of a slow machine.
"""

from __future__ import annotations

import sys
from pathlib import Path
from statistics import median
from types import FrameType
from typing import Any

import tunesmith
from tunesmith.samplers import RandomSampler

OURS = (str(Path(tunesmith.__file__).parent), "<string>")  # the second: what dataclasses write
TRIALS = 40


def calls_a_trial(storage: str | None) -> float:
    """Return how many functions of the package a trial of ``optimize`` calls."""
    study = tunesmith.create_study(storage=storage, sampler=RandomSampler(), seed=0)
    counts: list[int] = []

    def count(frame: FrameType, event: str, arg: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            counts[-1] += 1

    def run(n_trials: int) -> None:
        counts.append(0)
        sys.setprofile(count)
        try:
            study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=n_trials)
        finally:
            sys.setprofile(None)

    run(TRIALS)  # opens what is opened once
    for _ in range(9):
        run(TRIALS)
        run(2 * TRIALS)
    return median(more - less for less, more in zip(counts[1::2], counts[2::2], strict=True)) / TRIALS


def test_calls_of_a_trial_in_memory() -> None:
    assert calls_a_trial(None) <= 55


def test_calls_of_a_trial_on_sqlite(tmp_path: Path) -> None:
    assert calls_a_trial(str(tmp_path / "study.db")) <= 94
