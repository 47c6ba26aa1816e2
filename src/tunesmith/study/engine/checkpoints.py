"""The disk that a study's checkpoints take.

A running or a paused trial has one checkpoint, from which it goes on. Without it, it would begin anew: so it is removed
only where the user said so, or where the search has come to its end.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from contextlib import suppress

from tunesmith.artifacts.checkpoints import BEST_CHECKPOINT, step_of
from tunesmith.artifacts.collection import Artifacts
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import ArtifactError, ArtifactNotFoundError, StorageError
from tunesmith.foundation.formats import bytes_of, size_text
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.warnings import caution
from tunesmith.study.artifacts import ArtifactHome, StudyPointers
from tunesmith.study.engine.replica import StudyReplica

_log = logging.getLogger("tunesmith")


class CheckpointDisk:
    """The checkpoints of a study on disk, during one call of ``optimize``.

    Args:
        parents: returns the trials whose checkpoints new trials may begin from.
        keep: whether paused trials keep theirs when the search ends; None: unless the study has all its trials. False
            also lets the budget take those of the trials that were paused first.
        budget: bytes, or a text such as "20GB", that the checkpoints of the study may take, those of the best reports
            among them, of which that of the best trial stays; None: no limit.

    Raises:
        ValueError: the budget is not a size.
    """

    def __init__(
        self,
        study: StudyReplica,
        home: ArtifactHome,
        parents: Callable[[], set[int]],
        keep: bool | None,
        budget: float | str | None,
    ) -> None:
        self._study = study
        self._home = home
        self._parents = parents
        self._keep = keep
        try:
            self._budget = None if budget is None else bytes_of(budget)
        except ValueError as error:
            raise ValueError(f"checkpoint_budget: {error}") from None
        self._told = False

    def hold_budget(self) -> None:
        """Remove what is not needed any more, the oldest first, until the checkpoints fit; called after a pause."""
        if self._budget is None:
            return
        with suppress(StorageError):  # the next pause tries again
            found, kept = self._found(), self._kept()
            if (used := _bytes_of([*found, *kept])) <= self._budget:
                return
            states, needed = self._look(found)
            paused = [a for a in found if states.get(a.number) is TrialState.PAUSED]
            spare = self._of_ended(found, needed, states)
            if self._keep is False:
                spare += [a for a in paused if a.number not in needed]
            for artifact in [*spare, *kept[:-1]]:
                if used <= self._budget:
                    return
                self._remove([artifact])
                used = _bytes_of([*self._found(), *self._kept()])
            if used > self._budget and not self._told:
                self._told = True
                caution(
                    f"the checkpoints of the study take {size_text(used)}, more than checkpoint_budget allows "
                    f"({size_text(self._budget)}): {len(paused)} paused trials and those that run need them to go on. "
                    "Give it more room, or let the trials that were paused first begin anew: keep_checkpoints=False"
                )

    def end(self, n_trials_total: int | None) -> None:
        """Remove the checkpoints of paused trials, or say what they take, when a call of ``optimize`` has ended.

        Those of ended trials go too: their driver may have died between the end of the trial and that.
        """
        study = self._study
        if not study.history.curves.can_resume:
            return
        with suppress(StorageError):
            found = self._found()
            states, needed = self._look(found)
            self._remove(self._of_ended(found, needed, states))
            paused = set(study.history.paused) - needed
            theirs = [artifact for artifact in found if artifact.number in paused]
            if not theirs:
                return
            counts = study.count()
            open_trials = counts.get(TrialState.RUNNING, 0) + counts.get(TrialState.WAITING, 0)
            over = n_trials_total is not None and sum(counts.values()) >= n_trials_total and not open_trials
            what = f"the checkpoints of {len(theirs)} paused trials ({size_text(_bytes_of(theirs))})"
            if self._keep or (self._keep is None and not over):
                _log.info("%s are kept, so that a later call goes on with them; keep_checkpoints=False removes", what)
                return
            self._remove(theirs)
            _log.info("%s were removed at the end of the search; in a later call these trials begin anew", what)

    def _look(self, found: Iterable[Artifact]) -> tuple[dict[int | None, TrialState], set[int]]:
        """Return the states of the trials with checkpoints, by number, and from which trials new ones may begin."""
        numbers = sorted({artifact.number for artifact in found if artifact.number is not None})
        states: dict[int | None, TrialState] = {t.number: t.state for t in self._study.trials(numbers)}
        if any(state.is_finished() for state in states.values()):
            self._study.current_history()  # after the states: one that another process just ended may be a parent
        return states, self._parents()

    @staticmethod
    def _of_ended(found: Iterable[Artifact], needed: set[int], states: dict[int | None, TrialState]) -> list[Artifact]:
        """Return the checkpoints of trials that ended, from which no new trial begins."""
        ended = {number for number, state in states.items() if state.is_finished() and number not in needed}
        return [artifact for artifact in found if artifact.number in ended]

    def _found(self) -> list[Artifact]:
        """Return all checkpoints of the study, the oldest first."""
        found = [a for a in self._study.storage.artifacts(self._study.study_id) if step_of(a) is not None]
        return sorted(found, key=lambda artifact: artifact.created)

    def _kept(self) -> list[Artifact]:
        """Return the checkpoints of the best reports of ended trials that stay, that of the best trial last."""
        study = self._study
        found = {a.number: a for a in study.storage.artifacts(study.study_id) if a.name == BEST_CHECKPOINT}
        ended = [
            t for t in study.trials(sorted(n for n in found if n is not None)) if t.state.is_finished() and t.values
        ]
        ended.sort(key=lambda t: (t.state is TrialState.COMPLETE, -study.sign * t.values[0] if t.values else 0.0))
        return [found[t.number] for t in ended]

    def _remove(self, found: Iterable[Artifact]) -> None:
        for artifact in found:
            with suppress(ArtifactError, ArtifactNotFoundError):
                Artifacts(StudyPointers(self._home), artifact.number).remove(artifact.name)


def _bytes_of(found: Iterable[Artifact]) -> int:
    """Return how many bytes checkpoints take; a content that several have is there once."""
    return sum({artifact.key: artifact.size for artifact in found}.values())
