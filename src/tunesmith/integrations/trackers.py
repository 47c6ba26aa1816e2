"""What the callbacks for experiment trackers share: they are called after each trial, and never end a search."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import Any, ClassVar

from tunesmith.foundation.text import shown
from tunesmith.foundation.warnings import caution
from tunesmith.study import Study
from tunesmith.trial.record import FrozenTrial

REPORTED = "reported"  # what the curve of a trial is called


class Tracker(ABC):
    """A callback of ``study.optimize`` that logs each finished trial somewhere.

    An error at the first trial is raised, since it is most likely one of the arguments. After that, a trial that cannot
    be logged costs a warning, and the search goes on; it is in the study all the same.

    Args:
        metric: what the objective's value is called; of several objectives, with ``_0``, ``_1``, ... after it.

    Attributes:
        service: where the trials go, for messages.
        metric: what the objective's value is called.
    """

    service: ClassVar[str] = ""

    def __init__(self, metric: Any) -> None:
        if not isinstance(metric, str) or metric in ("", REPORTED):
            raise ValueError(
                f"metric= is what the objective's value is called, a text other than {REPORTED!r}, which is what the "
                f"reported values are called; got {shown(metric)}"
            )
        self.metric = metric
        self._worked = False

    def __call__(self, study: Study, trial: FrozenTrial) -> None:
        """Log a trial."""
        try:
            self.log(study, trial)
        except Exception as error:
            if not self._worked:
                raise
            caution(f"trial {trial.number} is not in {self.service}: {type(error).__name__}: {error}")
        self._worked = True

    @abstractmethod
    def log(self, study: Study, trial: FrozenTrial) -> None:
        """Log a trial, and raise if that is not possible; for trials of an earlier search as well.

        Args:
            study: whose trial it is.
            trial: the finished trial.
        """

    def values(self, trial: FrozenTrial) -> dict[str, float]:
        """Return the objective's values by name; empty for a trial that has none.

        Args:
            trial: whose values.
        """
        values = trial.values or ()
        if len(values) == 1:
            return {self.metric: values[0]}
        return {f"{self.metric}_{i}": value for i, value in enumerate(values)}

    def steps(self, trial: FrozenTrial) -> Iterator[tuple[int, dict[str, float]]]:
        """Yield each step that a trial reported or logged, and what it said there by name.

        Args:
            trial: whose steps.

        Yields:
            The step and the values: those reported, of several objectives numbered, and the metrics that were logged.
        """
        found: dict[int, dict[str, float]] = {}
        for name, (steps, values) in trial.metrics.items():
            for step, value in zip(steps.tolist(), values.tolist(), strict=True):
                found.setdefault(step, {})[name] = value
        for step, reported in trial.intermediate_values.items():
            several = isinstance(reported, tuple)
            values_here = {f"{REPORTED}_{i}": v for i, v in enumerate(reported)} if several else {REPORTED: reported}
            found.setdefault(step, {}).update(values_here)
        yield from sorted(found.items())

    def last_step(self, trial: FrozenTrial) -> int:
        """Return the step at which the objective's values are logged: the last one where metrics have their names.

        Args:
            trial: the finished trial.
        """
        own = [steps[-1] for name, (steps, _) in trial.metrics.items() if name in self.values(trial)]
        return int(max(own, default=0))


def as_logged(value: Any) -> bool | int | float | str:
    """Return a parameter as every tracker takes it: a number, a text, or the text of something else."""
    return value if isinstance(value, bool | int | float | str) else str(value)
