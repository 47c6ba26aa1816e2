"""The contract of an executor: where objectives run.

The event loop (`tunesmith.study.engine.loop`) calls ``submit`` while fewer than ``capacity`` trials are under way,
then ``poll`` until something ended. An executor runs the objective on a `Trial` whose channel
leads back to the study.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from tunesmith.trial import Channel, Trial

Objective = Callable[[Trial], Any]


@dataclass(slots=True)
class Finished:
    """An objective returned: ``value`` is what it returned, ``trial`` its trial with everything it noted."""

    trial: Trial
    value: Any


@dataclass(slots=True)
class Failed:
    """An objective raised (``TrialPruned`` included), or its worker died (``error`` then says so)."""

    trial: Trial
    error: BaseException
    traceback: str = ""


class Executor(ABC):
    """Runs objectives. Made for one call of ``optimize``, closed at its end.

    Args:
        objective: what to run.
        channel: the channel of its trials, or None: nobody listens. It is called only from within ``submit`` and
            ``poll``, in the driver's thread.
    """

    name: ClassVar[str] = ""

    def __init__(self, objective: Objective, channel: Channel | None) -> None:
        self.objective = objective
        self.channel = channel

    @property
    @abstractmethod
    def capacity(self) -> int:
        """How many objectives can run at once."""

    @abstractmethod
    def submit(self, trial: Trial) -> None:
        """Begin to run the objective on a trial; called only while fewer than ``capacity`` are unfinished."""

    @abstractmethod
    def poll(self, timeout: float | None = None) -> list[Finished | Failed]:
        """Wait until at least one objective ended, at most `timeout` seconds, and return those that did."""

    @abstractmethod
    def cancel(self, number: int) -> None:
        """Stop a running objective if that can be done; its end is then reported by ``poll`` as Failed."""

    def drain(self) -> list[Finished | Failed]:
        """Return what has ended and was not polled yet, without waiting; called when ``optimize`` is interrupted."""
        return []

    def clock(self) -> float:
        """Return the time in seconds (monotonic) by which time-outs are counted."""
        return time.monotonic()

    @abstractmethod
    def close(self) -> None:
        """Stop what still runs and give everything back; nothing is polled afterwards."""
