"""What the callbacks of libraries that train in epochs share: reports, checkpoints that are due, and the end."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from tunesmith.errors import TrialPruned
from tunesmith.foundation.text import did_you_mean, listing
from tunesmith.trial.epochs import checked_every
from tunesmith.trial.metrics import numbers_in


class EpochsCallback:
    """Reports a metric after each epoch, logs the others, saves checkpoints, and ends a training that is to stop.

    Attributes:
        trial: the running trial.
        monitor: the name of the metric.
    """

    def _begin(self, trial: Any, monitor: str, saves: bool, every: int | str, cost: float | None) -> None:
        checked_every(every)
        self.trial, self.monitor = trial, monitor
        self._saves, self._every, self._cost = saves, every, cost
        self._reported = False

    def _log(self, metrics: Mapping[Any, Any], step: int) -> None:
        """Log the metrics of a step, unless the monitored one is all there is.

        Args:
            metrics: by name, with whatever else the library has among them.
            step: how many epochs are done.
        """
        numbers = numbers_in(metrics)
        if numbers.keys() - {self.monitor}:
            self.trial.log(numbers, step)

    def _report(self, value: float, step: int, save: Callable[[], None] | None) -> None:
        """Report, and save what the trial goes on from: where that is due, and before it stops.

        Args:
            value: of the metric.
            step: how many epochs are done.
            save: saves a checkpoint; None: nothing comes after this epoch to go on with.

        Raises:
            TrialPruned: the trial is to stop, or to pause.
        """
        saved = save is not None and self.trial.checkpoint_due(self._every)
        if save is not None and saved:
            save()
        self._reported = True
        self.trial.report(value, step, self._cost)
        if self.trial.should_prune():
            if save is not None and not saved:
                save()
            raise TrialPruned(f"after epoch {step}")

    def _missing(
        self, lacks: str, there: str, names: Collection[str], advice: str, nothing: str = "nothing"
    ) -> ValueError:
        """Return the error of a training that has no such metric.

        Args:
            lacks: what has none of that name.
            there: what is said before the names that there are.
            names: these.
            advice: what to do.
            nothing: what is said where there are none.
        """
        hint = did_you_mean(self.monitor, names)
        found = listing(names) if names else nothing
        return ValueError(f"TunesmithCallback: {lacks} {self.monitor!r}{hint} ({there}: {found}); {advice}")


def refuse_many_processes(trains: str) -> None:
    """Raise RuntimeError for a trial that the other processes of a training do not know.

    Args:
        trains: how many there are, as the beginning of a sentence.
    """
    raise RuntimeError(
        f"{trains}; give TunesmithCallback a DistributedTrial, so that all of them stop together "
        "(tunesmith.integrations.torch_distributed)"
    )
