"""When a trial ends, or the whole search: ``RunConfig(stop=...)``."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

import numpy as np

from tunesmith.compat.ray.names import check_ours
from tunesmith.compat.ray.tune.config import checked_mode
from tunesmith.compat.ray.tune.sample import flattened
from tunesmith.foundation.text import did_you_mean, listing, shown


class Stopper(ABC):
    """Decides after each report whether the trial ends, and whether all do.

    Attributes:
        by_trial: whether it looks at one trial at a time, so that each process may have a copy; those of programs see
            all trials, which then run in threads of one process.
    """

    by_trial = False

    @abstractmethod
    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Tell whether a trial ends after this result."""

    def begin(self) -> None:  # noqa: B027  # most have nothing to do
        """Called when a search begins."""

    @abstractmethod
    def stop_all(self) -> bool:
        """Tell whether the search ends."""


class NoopStopper(Stopper):
    """Ends nothing."""

    by_trial = True

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return False

    def stop_all(self) -> bool:
        return False


class DictStopper(NoopStopper):
    """Ends a trial once a metric has reached its value.

    Args:
        limits: values by metric.
    """

    def __init__(self, limits: Mapping[str, Any]) -> None:
        self.limits = dict(limits)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        flat = flattened(result)
        for name in self.limits.keys() - flat.keys():
            raise ValueError(
                f"stop={{{name!r}: ...}}: a result has no {name!r}; it has {listing(flat)}{did_you_mean(name, flat)}"
            )
        return any(flat[name] >= limit for name, limit in self.limits.items())


class FunctionStopper(NoopStopper):
    """Ends a trial where a function says so.

    Args:
        function: of (trial_id, result).
    """

    def __init__(self, function: Callable[[str, dict[str, Any]], bool]) -> None:
        self.function = function

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return bool(self.function(trial_id, result))


class MaximumIterationStopper(NoopStopper):
    """Ends a trial after so many reports.

    Args:
        max_iter: how many.
    """

    def __init__(self, max_iter: int) -> None:
        self.max_iter = max_iter

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return bool(result["training_iteration"] >= self.max_iter)


class TimeoutStopper(NoopStopper):
    """Ends all trials, each at its next report, when a time is over that begins with the search.

    Args:
        timeout: seconds, or a timedelta.
    """

    def __init__(self, timeout: float | timedelta) -> None:
        self.seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else float(timeout)
        self.begun = math.inf

    def begin(self) -> None:
        """Let the time begin."""
        self.begun = time.time()

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self.stop_all()

    def stop_all(self) -> bool:
        return time.time() >= self.begun + self.seconds


class TrialPlateauStopper(NoopStopper):
    """Ends a trial whose last results differ little.

    Args:
        metric: which results.
        std: their standard deviation, below which it ends.
        num_results: how many results are looked at.
        grace_period: how many there are before it may end.
        metric_threshold: what the metric has to reach before; None: nothing.
        mode: "min" or "max", of the threshold.
    """

    def __init__(
        self,
        metric: str,
        std: float = 0.01,
        num_results: int = 4,
        grace_period: int = 4,
        metric_threshold: float | None = None,
        mode: str | None = None,
    ) -> None:
        self.sign = 0.0 if metric_threshold is None else (1.0 if checked_mode(mode) == "max" else -1.0)
        self.metric, self.std, self.threshold = metric, std, metric_threshold or 0.0
        self.num_results, self.grace_period = num_results, grace_period
        self.seen: defaultdict[str, int] = defaultdict(int)
        self.last: defaultdict[str, deque[float]] = defaultdict(lambda: deque(maxlen=self.num_results))

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        value, last = float(result[self.metric]), self.last[trial_id]
        last.append(value)
        self.seen[trial_id] += 1
        if self.seen[trial_id] < self.grace_period or len(last) < self.num_results:
            return False
        return self.sign * value >= self.sign * self.threshold and bool(np.std(last) < self.std)


class ExperimentPlateauStopper(Stopper):
    """Ends the search when its best results differ little.

    Args:
        metric: which results.
        std: their standard deviation, at which it ends.
        top: how many of the best are looked at.
        mode: "min" or "max".
        patience: for how many reports that has to last.
    """

    def __init__(self, metric: str, std: float = 0.001, top: int = 10, mode: str = "min", patience: int = 0) -> None:
        self.sign = 1.0 if checked_mode(mode) == "min" else -1.0
        self.metric, self.std, self.top, self.patience = metric, std, top, patience
        self.best: list[float] = []
        self.lasted = 0

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        self.best = sorted([*self.best, self.sign * float(result[self.metric])])[: self.top]
        self.lasted = self.lasted + 1 if self._is_flat() else 0
        return self.stop_all()

    def _is_flat(self) -> bool:
        return len(self.best) == self.top and bool(np.std(self.best) <= self.std)

    def stop_all(self) -> bool:
        return self._is_flat() and self.lasted >= self.patience


class CombinedStopper(Stopper):
    """Ends what one of several stoppers ends.

    Args:
        *stoppers: the stoppers.
    """

    def __init__(self, *stoppers: Stopper) -> None:
        self.stoppers = stoppers
        self.by_trial = all(stopper.by_trial for stopper in stoppers)

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        found = [stopper(trial_id, result) for stopper in self.stoppers]  # each of them sees each result
        return any(found)

    def begin(self) -> None:
        """Let the times of all begin."""
        for stopper in self.stoppers:
            stopper.begin()

    def stop_all(self) -> bool:
        return any(stopper.stop_all() for stopper in self.stoppers)


def stopper_of(stop: Any) -> Stopper:
    """Return the stopper that ``RunConfig(stop=...)`` means.

    Raises:
        TypeError: it is none.
    """
    if stop is None:
        return NoopStopper()
    check_ours(stop)
    if isinstance(stop, Stopper):
        return stop
    if isinstance(stop, Mapping):
        return DictStopper(stop)
    if isinstance(stop, list | tuple):
        return CombinedStopper(*map(stopper_of, stop))
    if callable(stop):
        return FunctionStopper(stop)
    raise TypeError(f"stop is a dict of metrics, a function of (trial_id, result), or a Stopper; got {shown(stop)}")
