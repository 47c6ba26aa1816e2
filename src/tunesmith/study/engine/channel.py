"""The channel of running trials: stores their reports and attributes, and asks the pruner."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from tunesmith.artifacts.pointers import Pointers
from tunesmith.caution import caution
from tunesmith.errors import StorageError, StudyNotFoundError
from tunesmith.history.curves import Reported
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.state import TrialState
from tunesmith.study.engine.artifacts import ArtifactHome, StudyPointers
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.study.engine.wishes import Wishes
from tunesmith.trial.record import Fence, curve, with_costs

AWAY = 10.0  # seconds without another try after the storage failed to take a report or an attribute


class TrialChannel:
    """The `Channel` of the running trials of a study.

    Args:
        study: the replica that has their curves.
        pruner: who decides.
        artifacts: where the study keeps artifacts.
        wishes: what is asked from elsewhere.

    Attributes:
        pruner: who decides.
        pausing: the running trials that were told to stop and may go on later.
    """

    def __init__(self, study: StudyReplica, pruner: Pruner, artifacts: ArtifactHome, wishes: Wishes) -> None:
        self._study = study
        self.set_pruner(pruner)
        self._artifacts = artifacts
        self._wishes = wishes
        self._away_until = 0.0
        self.pausing: set[int] = set()
        self._finishing: set[int] = set()

    def set_pruner(self, pruner: Pruner) -> None:
        """Let another pruner decide from now on.

        Raises:
            ValueError: it does not decide for as many objectives as the study has.
        """
        pruner.check_objectives(len(self._study.signs))
        self.pruner = pruner

    def finish(self, number: int) -> None:
        """Let a trial run to its end, whatever the pruner would say."""
        self._finishing.add(number)

    def is_pausing(self, number: int, state: TrialState) -> bool:
        """Tell whether a trial that ended in this state was told to stop and may go on later; asked once."""
        pausing = number in self.pausing and state is TrialState.PRUNED
        self.pausing.discard(number)
        return pausing

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float) -> bool:
        """Store a report and add it to the trial's curve; False if the storage did not take it."""
        study = self._study
        with study.lock:
            stored = self.reach(lambda: study.storage.report(study.study_id, number, fence, step, value, cost))
            curves = study.history.curves
            running = study.running.get(number)
            first = running is not None and len(running.trial.reports or ()) <= 1  # of this attempt
            if fence.attempt > 1 and running is not None and first:
                curves.drop(number)
                before = [with_costs(a.reports, a.costs) for a in running.trial.previous_attempts]
                for s, (v, spent) in curve([*before, {step: (value, cost)}]).items():
                    curves.append(number, s, curves.minimised(v), spent)
            else:
                curves.append(number, step, curves.minimised(value), cost)
            return stored

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Store a user attribute; False if the storage did not take it."""
        study = self._study
        with study.lock:
            return self.reach(lambda: study.storage.set_attr(study.study_id, number, key, value, fence=fence))

    def should_prune(self, number: int, step: int) -> bool:
        """Ask the pruner about a running trial, unless somebody asked to stop it."""
        study = self._study
        if number in self._wishes.stops():
            self.pausing.discard(number)
            return True
        with study.lock:
            if study.storage.shared:
                self.reach(study.catch_up)
            running = study.running.get(number)
            before = [] if running is None else [max(a.reports) for a in running.trial.previous_attempts if a.reports]
            if number in self._finishing or step <= max(before, default=-1):
                return False  # a run that began anew repeats steps at which it was let go on before
            decision = self.pruner.decide(study.history.curves, number, step)
            if decision is Decision.PAUSE and self.pruner.goes_on(study.history, number):
                decision = Decision.CONTINUE
            (self.pausing.add if decision is Decision.PAUSE else self.pausing.discard)(number)
            return decision is not Decision.CONTINUE

    def pointers(self, number: int, fence: Fence) -> Pointers:
        """Return what publishes the artifacts of a running trial."""
        return StudyPointers(self._artifacts, fence, self._study.note_checkpoint)

    def reach(self, call: Callable[[], None]) -> bool:
        """Use the storage; False if it cannot be used now, so that the training goes on all the same."""
        if self._away_until and time.monotonic() < self._away_until:
            return False
        try:
            call()
        except StudyNotFoundError:
            raise
        except StorageError as error:
            self._away_until = time.monotonic() + AWAY
            caution(f"{error}. Reports and notes are kept in this process until their trial ends")
            return False
        return True
