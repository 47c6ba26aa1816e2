"""What a simulated cluster is like: how many workers, how long trials take, and what goes wrong."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from tunesmith.trial import Trial

Seconds = Callable[[Trial], float]


def lognormal(median: float = 60.0, sigma: float = 1.0) -> Seconds:
    """Return a time for each trial that is log-normally distributed, and the same each time it is run.

    Args:
        median: half of the trials take less, in seconds.
        sigma: standard deviation of the logarithm.

    Returns:
        A function for `SimulatedCluster.seconds`.
    """

    def seconds(trial: Trial) -> float:
        return median * math.exp(sigma * np.random.default_rng([trial.seed, 1]).standard_normal())

    return seconds


@dataclass(frozen=True)
class SimulatedCluster:
    """A cluster that is not there; give it to ``study.optimize(executor=...)``.

    Args:
        workers: how many trials run at once.
        seconds: how long a trial takes, a number or a function of the trial, which is called when the objective is
            done and sees all that it suggested and noted. Where the objective reports, it is the time up to each
            report instead.
        delay: seconds that a message takes, to a worker or from it.
        driver_time: seconds that the driver takes to hand out a trial; nothing else happens to it meanwhile.
        life: mean seconds until the process of a running trial dies (exponentially distributed); its trial is LOST.
        notice: mean seconds until a running trial is asked to end, as by a cluster that takes its machine away.
        repeats: the share of trials that the engine runs a second time, while the first run goes on.
        resizes: (time, workers): how many there are from then on. Trials that run go on.
        seed: of all that is random.

    Raises:
        ValueError: a number is out of its range.

    Example:
        ```python
        from tunesmith import Float, create_study
        from tunesmith.executors.simulated import SimulatedCluster, lognormal

        study = create_study(seed=0)
        cluster = SimulatedCluster(workers=50, seconds=lognormal(600), delay=0.05)
        study.optimize(lambda x: (x - 1) ** 2, space={"x": Float(-5, 5)}, n_trials=200, executor=cluster)
        ```
    """

    workers: int = 8
    seconds: float | Seconds = 60.0
    delay: float = 0.0
    driver_time: float = 0.0
    life: float = math.inf
    notice: float = math.inf
    repeats: float = 0.0
    resizes: Sequence[tuple[float, int]] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("workers", "delay", "driver_time", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"SimulatedCluster: {name} is 0 or more; got {getattr(self, name)!r}")
        for name in ("life", "notice"):
            if not getattr(self, name) > 0:
                raise ValueError(f"SimulatedCluster: {name} is more than 0 seconds; got {getattr(self, name)!r}")
        if not 0 <= self.repeats <= 1:
            raise ValueError(f"SimulatedCluster: repeats is a share, 0 to 1; got {self.repeats!r}")


class LogEntry(NamedTuple):
    """What happened at a time, to which run of a trial.

    Attributes:
        time: by the virtual clock.
        what: "submit"; on the worker "start" and "stop"; "begin", "report", "note", "ask", "end" and "died" when the
            driver hears of it; "resize".
        trial: the trial's number; -1 for a resize.
        run: 0, or 1 for the second run of a trial; the number of workers for a resize.
    """

    time: float
    what: str
    trial: int
    run: int
