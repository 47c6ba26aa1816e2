"""The part of the storage contract that tells living workers from dead ones."""

from __future__ import annotations

from abc import ABC, abstractmethod

from tunesmith.frozen import TrialRecord


class Liveness(ABC):
    """Takes the signs of life of workers, and says whose trials may be taken over."""

    @abstractmethod
    def beat(self, worker: str) -> None:
        """Record a sign of life of a worker: before its first claim, and every ``lease.beat`` seconds after that."""

    @abstractmethod
    def expired(self, study_id: int) -> list[TrialRecord]:
        """Return the RUNNING trials whose worker is dead as far as can be told.

        Time is the storage's own. Where it has no clock, a worker is dead when its beats stood still for the `ttl` by
        the monotonic clock of the process that looks. A process of this machine that is gone is dead at once. For one
        `ttl` after the storage was away nobody is.

        Args:
            study_id: the study.

        Returns:
            their records; `failure` is LOST where the process is known to be gone, and LEASE where only its signs of
            life are missing.
        """

    def is_doubtful(self, study_id: int) -> bool:
        """Tell whether a RUNNING trial belongs to a worker that has given no sign of life since this was asked first.

        Args:
            study_id: the study.
        """
        return False
