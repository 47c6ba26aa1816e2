"""The part of the storage contract that moves trials from claim to end; ``base.py`` says when each method is called."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping

from tunesmith.curves import Reported
from tunesmith.frozen import Fence, TrialRecord
from tunesmith.state import FailureKind
from tunesmith.storage.records import Claim


class Attempts(ABC):
    """Claims, starts, pauses, releases and ends trials; every write of an attempt carries its fence."""

    @abstractmethod
    def claim(
        self, study_id: int, worker: str, reserve: bool = False, token: int = 0, below: int | None = None
    ) -> Claim:
        """Claim the lowest WAITING trial, which becomes RUNNING under this worker, or else the next free number.

        Args:
            study_id: the study.
            worker: the worker's name.
            reserve: whether to take the number at once, by an empty RUNNING trial, so that `start` cannot fail. Without
                it, if no trial is waiting, nothing is written.
            token: a number that no other claim has, 0 < token < 2**63; it is part of the trial's fence. 0: the fence is
                the attempt alone.
            below: claim no number that is this or higher.

        Returns:
            the claim.

        Raises:
            TrialsSpentError: no number below the limit is left.
        """

    @abstractmethod
    def start(self, study_id: int, claim: Claim, trial: TrialRecord) -> int | None:
        """Write a RUNNING trial with its whole point, in one transaction.

        Args:
            study_id: the study.
            claim: what `claim` returned.
            trial: the record, with the point that the sampler proposed, and the claim's token.

        Returns:
            the study's new version; None: another worker took the number, or the reserved trial was released.
        """

    @abstractmethod
    def report(
        self, study_id: int, number: int, fence: Fence, step: int, value: Reported, cost: float = math.nan
    ) -> None:
        """Store a value that an attempt of a RUNNING trial reported; a server that dies may lose the last ones.

        Nothing happens if the attempt has a value for the step, or the trial is finished or does not exist.

        Args:
            study_id: the study.
            number: the trial.
            fence: the attempt that reports.
            step: the step of the value.
            value: the value; of a study with several objectives a tuple, which is stored whole or not at all.
            cost: what the trial spent since its report before; NaN: not known.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim.
        """

    @abstractmethod
    def pause(self, study_id: int, trial: TrialRecord) -> int:
        """End an attempt of a RUNNING trial that may go on later: the trial is PAUSED, at the next attempt.

        The record's point, cost, attributes and reports are stored. The reports of the attempt move to the trial's
        `previous_attempts`. A second call for the same attempt changes nothing.

        Args:
            study_id: the study.
            trial: the record.

        Returns:
            the study's new version; 0 where the storage is not `prompt`.

        Raises:
            AttemptReplacedError: the trial was released, or is run by another claim.
            TrialFinishedError: it ended.
            KeyError: the study has no trial of this number.
            ValueError: an attribute cannot be stored.
        """

    @abstractmethod
    def resume(self, study_id: int, number: int, worker: str, token: int = 0) -> Claim | None:
        """Claim a PAUSED trial, which becomes RUNNING under this worker.

        Args:
            study_id: the study.
            number: the trial.
            worker: the worker's name.
            token: as in `claim`.

        Returns:
            the claim; None: the trial is not paused (any more).
        """

    @abstractmethod
    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int]:
        """Record the end of an attempt and with it of its trial, in one transaction; durable on return.

        A second call for the same attempt with the same state and values changes nothing. The result of an attempt that
        was replaced is refused, and kept as the note `late` of the attempt (see `tunesmith.frozen.Attempt`).

        Attributes and reports that only the storage has are kept; those of the record belong to its attempt. `worker`,
        `started` and `fixed` of the record are those that `start` got; its `previous_attempts` and `crashes` are
        ignored.

        Args:
            study_id: the study.
            trial: the record, with state, values, point, attributes and reports.

        Returns:
            (seq, version), both 0 where the storage is not `prompt`.

        Raises:
            AttemptReplacedError: the trial was released, is run by another claim, or was ended because its worker
                seemed to be dead.
            TrialFinishedError: it ended otherwise.
            KeyError: the study has no trial of this number.
            ValueError: the state is not final, the values do not fit the study's directions, or an attribute cannot be
                stored.
        """

    @abstractmethod
    def release(self, study_id: int, fences: Mapping[int, Fence], failure: FailureKind | None = None) -> None:
        """Turn RUNNING trials of dead or interrupted workers into WAITING ones, at the next attempt.

        `claim` returns such a trial with its point, so that it is run again as it was proposed. The reports of the
        attempt move to the trial's `previous_attempts`, with a copy of its attributes.

        Args:
            study_id: the study.
            fences: the attempts to be released, by number; those that are not running are ignored.
            failure: why they ended; None: an interruption that nothing is to blame for. LOST and LEASE raise `crashes`
                of each trial by one.
        """

    @abstractmethod
    def renew(self, study_id: int, number: int, fence: Fence, token: int, failure: FailureKind | None = None) -> Fence:
        """Begin the next attempt of a RUNNING trial under the same worker: an engine ran its task a second time.

        The reports of the attempt before move to `previous_attempts`, as in `release`.

        Args:
            study_id: the study.
            number: the trial.
            fence: the attempt that ended.
            token: of the next one, as in `claim`.
            failure: why it ended.

        Returns:
            the fence of the next attempt.

        Raises:
            AttemptReplacedError: the trial is not at that attempt any more, or does not run.
        """
