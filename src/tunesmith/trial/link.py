"""What joins a running trial to its study: the channel, what it has sent, and what the study lacks still."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Protocol

from tunesmith.history.curves import Reported
from tunesmith.trial.record import Attempt, Fence, FrozenTrial

if TYPE_CHECKING:
    from tunesmith.artifacts.checkpoints import Checkpoints
    from tunesmith.artifacts.pointers import Pointers


class Channel(Protocol):
    """How a running trial reaches its study: it sends reports and user attributes, and gets the pruner's answer.

    Each message carries the fence of the attempt, so that one that was replaced cannot write to the record of the next.
    """

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float) -> bool:
        """Send a reported value (of several objectives, a tuple) and its cost.

        False: it could not be stored now, and comes with the trial's end.
        """

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Send a user attribute, as ``storable`` made it; the answer is that of ``report``."""

    def should_prune(self, number: int, step: int) -> bool:
        """Ask whether the trial should stop, given all its reports."""

    def pointers(self, number: int, fence: Fence) -> Pointers:
        """Return what publishes the trial's artifacts."""


class Link:
    """How a running trial and its study belong together; for executors and the engine, not for objectives.

    Args:
        number: the trial's number.
        attempt: how often the trial was handed out, this time included.
        token: what was drawn for the claim by which it runs.
        previous_attempts: what earlier attempts left, oldest first.
        user: the user attributes that it has already.
        channel: where reports go; None: nowhere.

    Attributes:
        continues: whether the trial was paused, and goes on.
        reports: what this attempt reported, by step; None if nothing.
        costs: what each of these steps cost, in seconds or the user's unit.
        costs_given: whether the objective gave them.
        last_step: the last one that it reported.
        since: when what the next report costs began, by this process's clock; None: it is not measured.
        left: keys of notes and steps of reports that the storage lacks; None: it has all.
        checkpoints: what saves the trial's checkpoint; None: it has saved none in this attempt.
    """

    __slots__ = (
        "attempt", "channel", "checkpoints", "continues", "costs", "costs_given", "last_step", "left", "number",
        "previous_attempts", "reports", "since", "token", "user",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        attempt: int,
        token: int,
        previous_attempts: tuple[Attempt, ...],
        user: dict[str, Any] | None,
        channel: Channel | None,
    ) -> None:
        self.number = number
        self.attempt = attempt
        self.token = token
        self.previous_attempts = previous_attempts
        self.user = user
        self.channel = channel
        self.continues = False
        self.reports: dict[int, Reported] | None = None
        self.costs: dict[int, float] = {}
        self.costs_given = False
        self.last_step = 0
        self.since: float | None = None
        self.left: set[str | int] | None = None
        self.checkpoints: Checkpoints | None = None

    @property
    def fence(self) -> Fence:
        """What its writes carry."""
        return Fence(self.attempt, self.token)

    def connect(self, channel: Channel | None) -> None:
        """Set the channel; None: remove it, so that the trial can be sent to another process."""
        self.channel = channel
        self.since = time.monotonic()

    def stop_clock(self) -> None:
        """Measure no seconds from now on: the time of the trial is not that of this process."""
        self.since = None

    def count_on(self, before: float) -> None:
        """Count in the user's unit if the attempts before did, which cost `before` together: the sum of what they gave.

        What is measured for their reports is less than that, since an attempt ends after its last report.
        """
        given = [cost for attempt in self.previous_attempts for cost in attempt.costs.values()]
        self.costs_given = bool(given) and math.isclose(math.fsum(given), before, rel_tol=1e-9)

    def take_report(self, value: Reported, step: int, cost: float) -> None:
        """Keep a report, and send it to the study.

        Args:
            value: a number, or a tuple of one for each of several objectives.
            step: as in `report`.
            cost: NaN: not known.
        """
        if self.reports is None:
            self.reports = {}
        self.reports[step] = value
        if cost == cost:
            self.costs[step] = cost
        self.last_step = step
        stored = False
        try:
            stored = self.channel is not None and self.channel.report(self.number, self.fence, step, value, cost)
        finally:  # an interrupt of the driver, while a worker goes on
            if not stored:
                self._keep_for_the_end(step)

    def note(self, key: str, value: Any) -> None:
        """Keep a user attribute, and send it to the study.

        Args:
            key: its name.
            value: its value, as `tunesmith.storable.storable` returns it.
        """
        if self.user is None:
            self.user = {}
        self.user[key] = value
        stored = False
        try:
            stored = self.channel is not None and self.channel.note(self.number, self.fence, key, value)
        finally:
            if not stored:
                self._keep_for_the_end(key)

    def settle(self, goes_on: bool) -> None:
        """End what is being saved when an attempt ends.

        Args:
            goes_on: whether the trial may be continued: what it saved after its last report is published, too.
        """
        if self.checkpoints is not None:
            if goes_on and self.reports:
                self.checkpoints.publish(self.last_step)
            self.checkpoints.close()

    def reported_cost(self) -> float | None:
        """Return the sum of the costs that this attempt gave with its reports; None: it gave none."""
        return math.fsum(self.costs.values()) if self.costs_given else None

    def unsent(self) -> tuple[dict[str, Any] | None, dict[int, Reported] | None]:
        """Return the user attributes and the reports that the storage lacks still; None: none."""
        if not self.left:
            return None, None
        notes = {k: v for k, v in (self.user or {}).items() if k in self.left}
        return notes or None, {s: v for s, v in (self.reports or {}).items() if s in self.left} or None

    def forget_reports(self) -> None:
        """Forget what this attempt reported: another one takes its place."""
        self.reports, self.costs = None, {}
        self.last_step = 0
        self.left = {key for key in self.left or () if isinstance(key, str)} or None

    def take_unsent(self, own: Link) -> None:
        """Find out what the storage lacks, for a trial that a worker sent back.

        That is what the study's own copy could not store, and what it never received because of an interrupt. The
        attempt is the one that the study's copy has by now, which also has the reports that were left out.
        """
        self.take_attempt(own)
        held, heard = self.user or {}, own.user or {}
        unsent: set[str | int] = set(own.left or ())
        unsent |= (self.reports or {}).keys() - (own.reports or {}).keys()
        unsent |= {key for key in held if key not in heard or held[key] is not heard[key] != held[key]}
        self.left = unsent or None
        if own.reports:
            self.reports, self.costs = {**own.reports, **(self.reports or {})}, {**own.costs, **self.costs}

    def leave_out(self, steps: Iterable[int]) -> None:
        """Leave out reports that the study's own copy has, to which the trial is sent back."""
        for step in steps:
            if self.reports is not None:
                self.reports.pop(step, None)
            self.costs.pop(step, None)

    def take_attempt(self, of: Link | FrozenTrial) -> None:
        """Go on as the attempt that a record, or another copy of this trial, is at."""
        self.attempt, self.token, self.previous_attempts = of.attempt, of.token, of.previous_attempts

    def _keep_for_the_end(self, what: str | int) -> None:
        if self.left is None:
            self.left = set()
        self.left.add(what)

    def __getstate__(self) -> tuple[Any, ...]:
        # Without the channel, which belongs to this process: a copy of the trial may be told elsewhere. By place: each
        # trial of other processes comes and goes as a message.
        here = ("channel", "checkpoints", "since")
        return tuple(None if name in here else getattr(self, name) for name in self.__slots__)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        for name, value in zip(self.__slots__, state, strict=True):
            setattr(self, name, value)
