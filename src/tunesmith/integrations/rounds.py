"""What the callbacks of the boosting libraries share: which metric is monitored, when it is reported, what follows.

A round adds one tree to a model, or one for each class. Rounds are counted over all attempts of a trial, so step 20 of
its curve is a model of 20 rounds, however often it was paused on the way.
"""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import real, shown
from tunesmith.trial import Trial
from tunesmith.trial.metrics import numbers_in
from tunesmith.trial.result import best_step
from tunesmith.trial.running import checked_cost

Scores = Mapping[tuple[str, str], float]  # the value of each metric on each set of rows, by (set, metric)

TRAINING = {"train", "training", "learn"}  # what the sets of rows that a model learns from are called


class RoundReports:
    """Reports the rounds of one training to its trial.

    Args:
        trial: whose training it is.
        monitor: "SET-METRIC", the set of rows and the metric that count; None: the only one besides the training's.
        every: report each so many rounds.
        checkpoint: whether the trial can be continued.
        cost: of one round, in a unit of the user's; None: seconds are measured.

    Attributes:
        last: the monitored metric after the last round; None before the first one.
        best: the best one so far in the study's direction; None before the first one, and while all are NaN.
        total: rounds at the end; None: not known.
        stopped: whether the trial was told to stop.
    """

    def __init__(self, trial: Trial, monitor: str | None, every: int, checkpoint: bool, cost: float | None) -> None:
        if monitor is not None and not isinstance(monitor, str):
            raise TypeError(f"monitor= takes the text 'SET-METRIC', such as 'valid-auc', or None; got {shown(monitor)}")
        self.trial = trial
        self.monitor = monitor
        self.every = whole_rounds(every, "every")
        self.checkpoint = bool(checkpoint)
        self.cost = None if cost is None else checked_cost(cost)
        self.total: int | None = None
        self.stopped = False
        self.begin = (trial.resumed_from_step or 0) if checkpoint else 0
        self.reported = self.begin  # the last round that was
        self.last: float | None = None
        self.best: float | None = None
        if self.begin:
            before = trial.link.curve_before()
            self.last = before.get(self.begin)
            at = best_step({step: value for step, value in before.items() if step <= self.begin}, trial.link.sign)
            self.best = None if at is None else before[at]

    def file(self, name: str) -> Path:
        """Return the path of a file of the checkpoint."""
        return self.trial.checkpoint_dir / name

    def rounds_left(self, total: Any) -> int:
        """Return how many rounds there are to go, and remember how many there are in all."""
        self.total = whole_rounds(total, "the number of rounds")
        return max(0, self.total - self.begin)

    def continued(self, params: Mapping[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
        """Return the parameters of a training that goes on: with another seed, or it would draw the same rows again.

        Args:
            params: those of the whole training.
            names: what the library calls the seed, its usual name first.
        """
        name = next((name for name in names if name in params), names[0])
        seed = np.random.SeedSequence([self.trial.seed, self.begin]).generate_state(1)[0]
        return {**params, name: int(seed) % 2**31}

    def is_due(self, number: int) -> bool:
        """Tell whether a round is reported: each ``every``-th one, and the last one where that is known."""
        return number > self.begin and (number % self.every == 0 or number == self.total)

    def take(self, number: int, scores: Scores) -> bool:
        """Take the scores after a round; if they are due, log them, and report the one that counts.

        Returns:
            Whether the training is to end. The last round of all ends it anyhow.
        """
        self.last, sign = real(scores[chosen_score(scores, self.monitor)]), self.trial.link.sign
        if self.last == self.last and (self.best is None or sign * self.last < sign * self.best):
            self.best = self.last
        if self.is_due(number):
            if len(scores) > 1:
                self.trial.log(
                    numbers_in({f"{rows}-{metric}": value for (rows, metric), value in scores.items()}), number
                )
            spent = None if self.cost is None else self.cost * (number - self.reported)
            self.trial.report(self.last, number, cost=spent)
            self.reported = number
            self.stopped = number != self.total and self.trial.should_prune()
        return self.stopped


class RoundsCallback:
    """What the callbacks of the boosting libraries take, and what they tell."""

    @checked("monitor")
    def __init__(
        self,
        trial: Trial,
        monitor: str | None = None,
        *,
        every: int = 1,
        checkpoint: bool = False,
        cost: float | None = None,
    ) -> None:
        super().__init__()  # of the library's own class, where a callback has one
        self._reports = RoundReports(trial, monitor, every, checkpoint, cost)

    @property
    def last(self) -> float | None:
        """The monitored metric after the last round; None before the first one."""
        return self._reports.last

    @property
    def best(self) -> float | None:
        """The best one of all rounds so far, which early stopping keeps the model of; None before the first one."""
        return self._reports.best


def whole_rounds(value: Any, name: str) -> int:
    """Return a number of rounds.

    Raises:
        ValueError: it is not a whole number above 0.
    """
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise ValueError(f"{name} must be a whole number, 1 or more; got {shown(value)}")
    return int(value)


def chosen_score(scores: Scores, monitor: str | None) -> tuple[str, str]:
    """Return which score counts.

    Raises:
        ValueError: there is none of that name, or there are several and none is named.
    """
    names = {f"{rows}-{metric}": (rows, metric) for rows, metric in scores}
    if monitor is None:
        held_out = [key for key in names.values() if key[0] not in TRAINING]
        if len(held_out) == 1:
            return held_out[0]
        if not names:
            raise ValueError("there is nothing to report: give the training a set of rows to validate on, and a metric")
        found = "several metrics" if held_out else "only metrics of the rows it is trained on"
        raise ValueError(f"the training has {found}: say which counts, with monitor= one of {sorted(names)}")
    if monitor not in names:
        raise ValueError(f"monitor={monitor!r} is no metric of the training; it has {sorted(names)}")
    return names[monitor]
