"""The engine of a study: ask, tell, and all else that reads or writes its trials."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress

import numpy as np

from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.collection import Artifacts
from tunesmith.errors import (
    ArtifactError,
    AttemptReplacedError,
    SpaceExhaustedError,
    StorageError,
    StorageLostError,
    TrialsSpentError,
)
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.foundation.numerics.pareto import non_dominated
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.warnings import caution
from tunesmith.history import History
from tunesmith.pruners.base import Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.space import Parameter, Space
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.artifacts import ArtifactHome, StudyPointers
from tunesmith.study.engine.ask import PARENT, Asker, new_token, proposal_rng
from tunesmith.study.engine.channel import TrialChannel, Wishes
from tunesmith.study.engine.recovery import look_for_dead, stored_retries, why_not_again
from tunesmith.study.engine.replica import STALE_VERSION, StudyReplica
from tunesmith.study.engine.tell import Outcome, Teller
from tunesmith.trial import Trial
from tunesmith.trial.record import TrialRecord, values_of
from tunesmith.trial.result import LAST


class TrialEngine:
    """Asks and tells for a `tunesmith.Study`, and for all that runs trials of it.

    Args:
        artifact_store: where the contents of artifacts are for this object; None: where the study keeps them.

    Attributes:
        study: what this process knows of the study.
        artifacts: where the study keeps artifacts.
        retries: how often a trial is run again whose attempt ended without a result, by the kind of failure.
        wishes: what is asked from elsewhere of who runs trials.
        optimizing: whether ``optimize`` runs in this object.
        came_to_its_end: whether its last call here did.
        stop_requested: whether it shall end after the running trials.
        fatal: the trials whose errors end it.
        takes_params: whether the last objective took parameters and not a trial.
        untold: what the user should know before the first trial begins here.
    """

    def __init__(
        self,
        record: StudyRecord,
        storage: Storage,
        sampler: Sampler,
        pruner: Pruner,
        artifact_store: BlobStore | None = None,
    ) -> None:
        self.study = study = StudyReplica(record, storage)
        self.artifacts = ArtifactHome(record, storage, artifact_store)
        self.retries = stored_retries(record.system)
        self.asker = Asker(study, sampler)
        self.teller = Teller(study)
        self.asker.abandoned = self.teller.unsaved.released
        self._look_due = 0.0 if storage.shared else math.inf  # for dead workers, by the monotonic clock
        self.wishes = Wishes(study)
        self.channel = TrialChannel(study, pruner, self.artifacts, self.wishes)
        self.optimizing = self.came_to_its_end = False
        self.stop_requested = False
        self.fatal: set[int] = set()
        self.takes_params = False
        self.untold: list[str] = []
        self._kept: set[int] = set()  # trials that ended and may have a checkpoint

    # -- ask and tell --------------------------------------------------------------------------------------------

    def ask(
        self,
        fixed_distributions: Mapping[str, Parameter] | None = None,
        *,
        below: int | None = None,
        cheap: bool = False,
        may_begin: bool = True,
    ) -> Trial:
        """Start a trial, or go on with a paused one; see `tunesmith.Study.ask`.

        Args:
            fixed_distributions: parameters to suggest at once.
            below: start no trial whose number is this or higher.
            cheap: whether the proposal must cost little.
            may_begin: whether a new trial may begin; else only a paused one may go on.
        """
        while self.untold:
            caution(self.untold.pop(0))
        unsaved = self.teller.unsaved
        if unsaved.ends or unsaved.released:
            self.teller.flush()
        with self.study.lock:
            if self._look_due <= time.monotonic():
                self._look_due = look_for_dead(self.study, self.retries)
            pruner = self.channel.pruner
            choose = (lambda history: self._choose(history, may_begin)) if pruner.resumes else None
            try:
                trial = self.asker.start(below if may_begin else 0, cheap, choose, fixed_distributions)
            except StorageLostError as error:
                raise self.teller.lost(error) from None
            if self.asker.inheriting:
                self._inherit(trial)
        if (before := trial.link.previous_attempts) and before[-1].failure is not None:
            self.sweep()  # at once: a search may go on for weeks
        trial.link.connect(self.channel)
        if self.study.declared:
            trial.answers.take_whole()
        if fixed_distributions:
            for name, p in fixed_distributions.items():
                if p.condition is None or p.condition.holds(trial.params):
                    trial.suggest(name, p)
        return trial

    def finish_leader(self) -> Trial | None:
        """Go on with the paused trial that leads, to its end; None: the best trial is complete, or there is none."""
        if not self.study.history.any_paused:
            return None
        with self.study.lock:
            self.study.sync()
            if (number := _paused_leader(self.study.history, self.study.value or LAST)) is None:
                return None
            trial = self.asker.resume(number)
            if trial is not None:
                self.channel.finish(number)
                trial.link.connect(self.channel)
                if self.study.declared:
                    trial.answers.take_whole()
        return trial

    def _choose(self, history: History, may_begin: bool) -> int | None:
        """Ask the pruner which paused trial goes on."""
        # With the random numbers of the next proposal, so that a pruner and a sampler may share a decision.
        rng = proposal_rng(self.study.seed, self.study.next_number)
        if self.channel.pruner.weighs_starts:
            self.study.know_starts()
        return self.channel.pruner.resume(history, rng, may_begin)

    def ask_batch(
        self, n: int, fixed_distributions: Mapping[str, Parameter] | None = None, *, below: int | None = None
    ) -> list[Trial]:
        """Start several trials at once; see `tunesmith.Study.ask`."""
        started: list[Trial] = []
        with self.study.lock:
            try:
                while len(started) < n:
                    started.append(self.ask(fixed_distributions, below=below))
            except (SpaceExhaustedError, TrialsSpentError):
                if not started:
                    raise
            except BaseException:  # all of them or none: nobody would know of the others
                with suppress(StorageError):
                    self.release([trial.number for trial in started])
                raise
        return started

    def propose_for(self, number: int, sampler: Sampler, space: Space, rng: np.random.Generator) -> list[float]:
        """Propose for a trial that runs already; see `tunesmith.Study.propose_for`."""
        with self.study.lock:
            x, states = sampler.ask(self.study.history, space, rng, 1)
            if len(x) == 0:
                raise SpaceExhaustedError(f"the sampler {sampler.name!r} has proposed every point it has")
            point: list[float] = x[0].tolist()
            running = self.study.running.get(number)
            if running is not None:
                running.record.sampler_state = int(states[0])
                self.study.history.begin(number, space, point, running.record.sampler_state)
            return point

    def record(
        self, trial: Trial | int, outcome: Outcome, skip_if_finished: bool = False, cost: float | None = None
    ) -> TrialRecord:
        """Record the outcome of a trial, given as a number where another process asked for it."""
        number = trial.number if isinstance(trial, Trial) else trial
        teller, unsaved = self.teller, self.teller.unsaved
        if isinstance(trial, Trial) and trial.link.checkpoints is not None:
            trial.link.settle(outcome.state is TrialState.PRUNED)
        with self.study.lock:
            running = self.study.running.get(number)
            if running is None or (
                isinstance(trial, Trial)
                and (trial.link.attempt, trial.link.token) != (running.record.attempt, running.record.token)
            ):
                if number in unsaved.ends:  # told before, when the storage was away
                    teller.flush()
                done = teller.tell_untracked(trial, outcome, skip_if_finished, cost)
            else:
                if isinstance(trial, Trial):
                    running.trial = trial
                pauses = self.channel.pausing and self.channel.is_pausing(number, outcome.state)
                done = teller.pause(running, cost) if pauses else teller.finish(running, outcome, cost)
                if not pauses and self.study.history.curves.can_resume:
                    self._remove_checkpoints(number)
            if unsaved.ends or unsaved.released:
                with suppress(Exception):  # of other trials, whose results stay here
                    teller.flush()
            return done

    def take_up(self, number: int) -> Trial:
        """Return a running trial that another process asked for; see `tunesmith.Study.take_up`."""
        with self.study.lock:
            running = self.study.running.get(number)
            if running is None:
                running = self.study.running[number] = self.teller.untracked(number)
                running.trial.link.connect(self.channel)
                running.trial.link.stop_clock()  # which would measure this process, and not the training
                self.wishes.due = 0.0  # a process that makes one report asks at once whether the trial shall stop
            return running.trial

    def _inherit(self, trial: Trial) -> None:
        """Let a new trial begin from the checkpoint of its parent; only the pointer is copied."""
        from tunesmith.artifacts.checkpoints import newest

        parent = (self.study.running[trial.number].record.system or {}).get(PARENT)
        if parent is None or trial.attempt > 1:  # a later attempt has its own
            return
        found = newest(Artifacts(StudyPointers(self.artifacts), parent).values())
        if found is not None:
            own = Artifacts(StudyPointers(self.artifacts, trial.link.fence, self.study.note_checkpoint), trial.number)
            own.copy_from(parent, found.name)

    def sweep(self) -> None:
        """Remove the checkpoints that processes left unfinished when they were killed."""
        if self.study.history.curves.can_resume:
            from tunesmith.artifacts import scratch  # most studies need none

            scratch.sweep()
        self.artifacts.sweep()

    def parents(self) -> set[int]:
        """Return the trials whose checkpoints new trials may begin from."""
        sampler = self.asker.inheriting
        return set(sampler.parents(self.study.history)) if sampler else set()

    def _remove_checkpoints(self, number: int) -> None:
        """Remove what a trial that ended was to go on from, and others of before that none will begin from any more."""
        from tunesmith.artifacts.checkpoints import remove_checkpoints

        self._kept.add(number)
        needed = self.parents()
        for ended in self._kept - needed:
            with suppress(ArtifactError, StorageError):  # what stays is found by ``study.artifacts.clean``
                remove_checkpoints(Artifacts(StudyPointers(self.artifacts), ended))
        self._kept &= needed

    # -- interrupted trials --------------------------------------------------------------------------------------

    def release(self, numbers: Iterable[int]) -> None:
        """Give running trials back: the next ``ask`` hands them out again as they were proposed."""
        with self.study.lock:
            numbers = list(numbers)
            if not numbers:
                return
            unknown = [n for n in numbers if n not in self.study.running]
            fences = {t.number: t.fence for t in self.study.trials(unknown)}
            fences |= {n: self.study.running[n].record.fence for n in numbers if n in self.study.running}
            self.study.give_back(fences)

    def restart(self, trial: Trial) -> bool:
        """Make a new attempt of a running trial that its engine began to run again; False: it is another worker's."""
        with self.study.lock:
            running = self.study.running.get(trial.number)
            self.study.version = STALE_VERSION
            if running is None:
                return False
            try:
                self.study.storage.renew(
                    self.study.study_id, trial.number, running.record.fence, new_token(), FailureKind.LOST
                )
            except AttemptReplacedError:
                self.study.running.pop(trial.number)
                return False
            (running.record,) = self.study.trials([trial.number])
            trial.link.take_attempt(running.record)
            return True

    def run_again(self, number: int, failure: FailureKind) -> str | None:
        """Give a running trial back whose attempt ended without a result.

        Returns:
            None: it waits to be run again; else why it may not.
        """
        with self.study.lock:
            why_not = self.why_not_again(number, failure)
            if why_not is None:
                self.study.give_back({number: self.study.running[number].record.fence}, failure)
            return why_not

    def why_not_again(self, number: int, failure: FailureKind) -> str | None:
        """Return why a trial may not be run again whose attempt ended in this way; None: it may."""
        running = self.study.running.get(number)
        if running is None:
            return "another worker has it"
        return why_not_again(self.study, self.retries, running.record, running.trial.reports, failure)

    def interrupt_all(self) -> None:
        """Give all running trials of this object back, at once or as soon as the storage can be used again.

        One that was interrupted too often is FAIL.
        """
        for running in list(self.study.running.values()):
            with suppress(Exception):  # it goes on from the checkpoint before
                running.trial.link.settle(False)
        with self.study.lock:
            try:
                self.teller.flush()
                for number, running in list(self.study.running.items()):
                    if (why := self.why_not_again(number, FailureKind.INTERRUPTED)) is not None:
                        outcome = Outcome(TrialState.FAIL, reason=why, failure=FailureKind.INTERRUPTED)
                        with suppress(AttemptReplacedError):  # another worker has it
                            self.teller.finish(running, outcome, None)
                if self.study.running:
                    fences = {number: running.record.fence for number, running in self.study.running.items()}
                    self.study.give_back(fences, FailureKind.INTERRUPTED)
            except StorageError:
                self.teller.unsaved.released |= {n: running.record.fence for n, running in self.study.running.items()}
                self.study.running.clear()

    # -- the study -----------------------------------------------------------------------------------------------

    def declare(self, space: Space) -> None:
        """Declare the space that is searched from now on."""
        with self.study.lock:
            if self.study.history.space != space or self.study.version == STALE_VERSION:
                self.study.storage.set_space(self.study.study_id, space)
                self.study.reset(space)
                self.asker.reset()


def _paused_leader(history: History, value: str) -> int | None:
    """Return the paused trial whose reports give it a better value than all complete trials have; None: there is none.

    With several objectives: the first one whose last values no complete or paused trial dominates.

    Args:
        value: which reports count, see `tunesmith.trial.result`.
    """
    last: dict[int, Floats] = {}
    for number in history.paused:
        found = values_of(history.curves.reported(number), value, history.curves.signs[0])
        if found is not None:
            last[number] = np.array(found) * history.curves.signs
    if not last:
        return None
    done = history.y[(history.state == int(TrialState.COMPLETE)) & history.feasible]
    if history.n_objectives > 1:
        leads = non_dominated(np.vstack([done, *last.values()]))[len(done) :]
        return min((number for number, on_front in zip(last, leads, strict=True) if on_front), default=None)
    leader = min(last, key=lambda number: (float(last[number][0]), number))
    return leader if not len(done) or last[leader][0] < np.min(done) else None
