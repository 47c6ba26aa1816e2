"""What a display reads of a `tunesmith.Study`, which lies in a higher layer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from tunesmith.frozen import FrozenTrial
from tunesmith.state import StudyDirection


class ShownStudy(Protocol):
    """A study, as displays see it."""

    @property
    def engine(self) -> Any:
        """Has its storage, its counts and its running trials."""

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
    def savings(self) -> Any:
        """What pruning saved; None: nothing."""
