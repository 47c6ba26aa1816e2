"""What passes between a running trial and its study: reports, attributes, decisions of the pruner, and wishes."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

from tunesmith.artifacts.base import Pointers
from tunesmith.errors import StorageError, StudyNotFoundError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import did_you_mean
from tunesmith.foundation.warnings import caution
from tunesmith.history.curves import Reported
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.artifacts import ArtifactHome, StudyPointers
from tunesmith.study.engine.replica import RunningTrial, StudyReplica
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import Fence, curve, with_costs

AWAY_SECONDS = 10.0  # seconds without another try after the storage failed to take a report or an attribute


class TrialChannel:
    """The `Channel` of the running trials of a study.

    Args:
        study: the replica that has their curves.
        wishes: what is asked from elsewhere.

    Attributes:
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

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float, given: bool) -> bool:
        """Store a report and add it to the trial's curve; False if the storage did not take it."""
        study = self._study
        with study.lock:
            curves = study.history.curves
            if given is not curves.costs_given:
                if given:
                    self.reach(study.note_costs_given)
                else:
                    cost = math.nan  # seconds beside the user's unit
            stored = self.reach(lambda: study.storage.report(study.study_id, number, fence, step, value, cost))
            running = study.running.get(number)
            first = running is not None and len(running.trial.reports or ()) <= 1  # of this attempt
            if fence.attempt > 1 and running is not None and first:
                self._begin_curve(running, {step: (value, cost)})
            else:
                curves.append(number, step, curves.minimised(value), cost)
            return stored

    def _begin_curve(self, running: RunningTrial, reports: Mapping[int, tuple[Reported, float]]) -> None:
        """Put together the curve of a trial that has several attempts, given the reports of this one."""
        curves, number = self._study.history.curves, running.record.number
        curves.drop(number)
        before = [with_costs(a.reports, a.costs) for a in running.trial.previous_attempts]
        for step, (value, cost) in curve([*before, reports]).items():
            curves.append(number, step, curves.minimised(value), cost)

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Store a user attribute; False if the storage did not take it."""
        study = self._study
        with study.lock:
            return self.reach(lambda: study.storage.set_attr(study.study_id, number, key, value, fence=fence))

    def log(self, number: int, fence: Fence, metrics: Metrics) -> bool:
        """Store metrics; False if the storage did not take them."""
        study = self._study
        with study.lock:
            return self.reach(lambda: study.storage.log(study.study_id, number, fence, metrics))

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
            before = () if running is None else running.trial.previous_attempts
            if running is not None and not running.trial.reports:  # it begins where the attempt before was cut off
                if not study.asks:
                    return False
                self._begin_curve(running, {})
            self.reach(study.note_asks)
            # A run that began anew repeats steps at which it was let go on before. Whether it was so at the last one,
            # before it was cut off, is not known.
            decided = [max(a.reports) - (a.failure is not None) for a in before if a.reports]
            if number in self._finishing or step <= max(decided, default=-1):
                return False
            decision = self.pruner.decide(study.history.curves, number, step)
            if decision is Decision.PAUSE and (
                (self.pruner.weighs_starts and not self.reach(study.know_starts))
                or self.pruner.goes_on(study.history, number)
            ):
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
            self._away_until = time.monotonic() + AWAY_SECONDS
            caution(f"{error}. Reports and notes are kept in this process until their trial ends")
            return False
        return True


# -- wishes ---------------------------------------------------------------------------------------------------------
#
# What people ask of the programs that run a study's trials, from elsewhere: to pause, go on, stop, or stop one trial.
# Each wish is a system attribute of the study. Whoever runs trials looks at them once a second: between two trials,
# while trials run in other processes, and when an objective asks ``should_prune``.

WISH_ATTR = "asked"  # the system attribute: {"word": one of WISH_WORDS, "at": unix time in seconds}
GO, PAUSE, STOP = WISH_WORDS = ("go", "pause", "stop")
STOP_TRIAL_ATTR = "stop trial "  # and its number: the system attribute of each wish, so that none overwrites another
WISH_LOOK_SECONDS = 1.0  # seconds between two looks


def ask_programs(storage: Storage, study_id: int, word: str) -> None:
    """Ask all programs that run trials of a study for something.

    Args:
        word: "pause": begin no trial until "go". "stop": end after the running trials; programs that begin later are
            not meant.

    Raises:
        ValueError: it is another word.
        StudyNotFoundError: there is no such study.
    """
    if word not in WISH_WORDS:
        raise ValueError(
            f"programs can be asked for {', '.join(WISH_WORDS)}; got {word!r}{did_you_mean(word, WISH_WORDS)}"
        )
    storage.set_attr(study_id, None, WISH_ATTR, {"word": word, "at": time.time()}, system=True)


def wish_of(record: StudyRecord) -> str:
    """Return what was asked last: "go", "pause" or "stop"."""
    return _word_and_time(record.system.get(WISH_ATTR))[0]


def ask_to_stop(storage: Storage, study_id: int, number: int) -> None:
    """Ask the program that runs a trial to stop it.

    It ends as PRUNED at its next ``should_prune``. One that does not ask soon is ended, where its executor can do that.

    Raises:
        KeyError: the study has no such trial.
        ValueError: it does not run.
    """
    (trial,) = storage.trials(study_id, [number])
    if trial.state is not TrialState.RUNNING:
        raise ValueError(f"only a running trial can be stopped; trial {number} is {trial.state.name}")
    storage.set_attr(study_id, None, f"{STOP_TRIAL_ATTR}{number}", time.time(), system=True)


def is_wish(key: str) -> bool:
    """Tell whether a system attribute of a study is a wish; a copy of the study has none of them."""
    return key == WISH_ATTR or key.startswith(STOP_TRIAL_ATTR)


def is_asked_to_stop(record: StudyRecord, number: int) -> bool:
    """Tell whether somebody asked for a trial to be stopped."""
    return f"{STOP_TRIAL_ATTR}{number}" in record.system


def _word_and_time(stored: Any) -> tuple[str, float]:
    if not isinstance(stored, dict) or stored.get("word") not in WISH_WORDS:
        return GO, -math.inf
    return str(stored["word"]), float(stored.get("at", -math.inf))


class Wishes:
    """What is asked of a program that runs trials of a study.

    Attributes:
        due: when to look the next time, by the monotonic clock.
        asks: whether anything but to go on was asked the last time.
    """

    def __init__(self, study: StudyReplica) -> None:
        self._study = study
        self.begin()

    def begin(self) -> None:
        """Begin a call of ``optimize``, which is not meant by a "stop" of before."""
        self._since = time.time()
        self.due = time.monotonic() + WISH_LOOK_SECONDS  # when what was asked before is looked at, too
        self._word = GO
        self.asks = False
        self._stops: frozenset[int] = frozenset()

    def word(self) -> str:
        """Return "go", "pause" or "stop", at most a second old; the last one while the storage is away."""
        self._look()
        return self._word

    def stops(self) -> frozenset[int]:
        """Return the numbers of the trials that were asked to stop, ended ones among them; at most a second old."""
        self._look()
        return self._stops

    def _look(self) -> None:
        now = time.monotonic()
        if now < self.due:
            return
        self.due = now + WISH_LOOK_SECONDS
        try:
            system = self._stored()
        except StorageError:
            return
        word, at = _word_and_time(system.get(WISH_ATTR))
        self._word = GO if word == STOP and at < self._since else word
        self.asks = self._word != GO
        numbers = (key.removeprefix(STOP_TRIAL_ATTR) for key in system if key.startswith(STOP_TRIAL_ATTR))
        self._stops = frozenset(int(n) for n in numbers if n.isdecimal())

    def _stored(self) -> Mapping[str, Any]:
        study = self._study
        try:
            found = [study.storage.load_study(study.study_name)]
        except StudyNotFoundError:  # it has another name by now
            found = study.storage.list_studies()
        return next((record.system for record in found if record.id == study.study_id), {})
