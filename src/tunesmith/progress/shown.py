"""What a display reads of a `tunesmith.Study`, which lies in a higher layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from tunesmith.history import History
from tunesmith.state import StudyDirection, TrialState
from tunesmith.storage.base import Storage
from tunesmith.trial import Trial
from tunesmith.trial.record import FrozenTrial


class ShownTrial(Protocol):
    """A running trial, as displays see it."""

    @property
    def trial(self) -> Trial:
        """What the objective has."""

    @property
    def began(self) -> float | None:
        """When it started, by the monotonic clock; None: another process started it."""


class ShownSavings(Protocol):
    """What pruning saved, as displays see it; its text says it in words."""

    @property
    def cost(self) -> float:
        """What the stopped trials cost."""

    @property
    def full_cost(self) -> float:
        """What they would have cost as full runs."""


class ShownStudy(Protocol):
    """A study, as displays see it."""

    @property
    def storage(self) -> Storage:
        """Where it is kept; its ``url``, if it has one, is named."""

    @property
    def counts(self) -> Mapping[TrialState, int]:
        """How many trials there are in each state."""

    @property
    def running(self) -> Mapping[int, ShownTrial]:
        """The running trials of this process, by number."""

    @property
    def known_history(self) -> History:
        """The trials that ended, as they were last read."""

    @property
    def study_name(self) -> str:
        """Its name."""

    @property
    def directions(self) -> Sequence[StudyDirection]:
        """The direction of each objective."""

    @property
    def best_trial(self) -> FrozenTrial:
        """The best trial so far; a ValueError if there is none."""

    @property
    def stop_reason(self) -> str | None:
        """Why it ended by itself, if it did."""

    @property
    def regret_bound(self) -> float | None:
        """What a longer search is expected to gain at most, if it ended by itself."""

    @property
    def savings(self) -> ShownSavings | None:
        """What pruning saved; None: nothing."""
