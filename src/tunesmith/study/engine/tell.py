"""Records the ends of trials."""

from __future__ import annotations

import math
import time
from dataclasses import replace
from typing import Any

from tunesmith.caution import caution
from tunesmith.errors import (
    AttemptReplacedError,
    StorageError,
    StorageLostError,
    StorageUnavailableError,
    StudyNotFoundError,
    TrialFinishedError,
)
from tunesmith.state import TrialState
from tunesmith.storage.checks import finished_otherwise
from tunesmith.study.engine.outcome import Outcome
from tunesmith.study.engine.replica import STALE, RunningTrial, StudyReplica
from tunesmith.study.engine.rescue import rescued
from tunesmith.study.engine.retry import retry_while_unavailable
from tunesmith.study.engine.unsaved import Unsaved
from tunesmith.text import name_and_message, plain_text, shorten
from tunesmith.trial import Proposals, Trial
from tunesmith.trial.record import NOISE, OUTPUT, OUTSIDE, TrialRecord

_REFUSED = (AttemptReplacedError, TrialFinishedError)


class Teller:
    """Stores the ends of trials, and adds them to the history.

    Args:
        study: the replica.

    Attributes:
        unsaved: ends that the storage did not take.
    """

    def __init__(self, study: StudyReplica) -> None:
        self._study = study
        self.unsaved = Unsaved(study.study_name, self.flush)

    def finish(self, told: RunningTrial, outcome: Outcome, cost: float | None) -> TrialRecord:
        """Store the end of a trial, and add it to the history."""
        study, trial, record = self._study, told.trial, told.record
        link = trial.link
        done = self._ended(told, outcome, cost)
        system = done.system or {}
        try:
            stored = self.save(done)
        except (AttemptReplacedError, TrialFinishedError):
            study.version = STALE
            raise
        finally:
            study.running.pop(record.number, None)
        if done.state is outcome.state:
            done.user, done.reports, done.costs = dict(link.user) if link.user else None, link.reports, link.costs
            done.system = {**(record.system or {}), **system} if system else record.system
        study.add_end(done, *stored)
        if record.fixed and (unused := [n for n in record.fixed if n not in trial.answers.asked]):
            caution(
                f"trial {record.number}: the objective never asked for the enqueued {unused}; "
                f"it asked for {sorted(trial.answers.asked)}"
            )
        return done

    def pause(self, told: RunningTrial, cost: float | None) -> TrialRecord:
        """Store that a trial is paused, and note it in the history."""
        study = self._study
        paused = self._ended(told, Outcome(TrialState.PAUSED), cost)
        try:
            version = retry_while_unavailable(lambda: study.storage.pause(study.study_id, paused))
        except (AttemptReplacedError, TrialFinishedError):
            study.version = STALE
            raise
        except StorageError:  # it runs again from its last checkpoint, when the storage is there
            self.unsaved.released[paused.number] = paused.fence
            raise
        finally:
            study.running.pop(paused.number, None)
        study.add_pause(paused, version)
        return paused

    def _ended(self, told: RunningTrial, outcome: Outcome, cost: float | None) -> TrialRecord:
        """Return the record of a trial at the end of its attempt, with what the storage lacks still."""
        trial, record, link = told.trial, told.record, told.trial.link
        space, x = trial.answers.point()
        if trial.noise is not None:
            outcome.take_noise(trial.noise)
        reports, outside, values = link.reports, trial.answers.outside, outcome.values
        if outcome.state is TrialState.PRUNED and reports:
            last = reports[max(reports)]
            last = last if isinstance(last, tuple) else (last,)
            values = None if any(map(math.isnan, last)) else last
        # Of a trial that another process started only wall-clock times are known, and a clock may have been set since.
        elapsed = max(0.0, time.time() - record.started) if told.began is None else time.monotonic() - told.began
        spent = link.reported_cost() if cost is None and link.costs_given else cost
        before = 0.0 if math.isnan(record.cost) else record.cost  # of attempts that were paused
        user, unsent = link.unsent() if link.left else (None, None)  # the storage has the others
        system: dict[str, Any] = {OUTSIDE: dict(outside)} if outside else {}  # it has what stood there before
        if outcome.noise is not None:
            system[NOISE] = outcome.noise
        if outcome.output and outcome.state is TrialState.FAIL:
            system[OUTPUT] = plain_text(outcome.output)
        return TrialRecord(
            record.number,
            outcome.state,
            space=space,
            x=x,
            values=values,
            attempt=record.attempt,
            sampler_state=record.sampler_state,
            cost=before + (elapsed if spent is None else float(spent)),
            constraints=trial._constraints,
            reason=None if outcome.reason is None else shorten(plain_text(str(outcome.reason))),
            started=record.started,
            finished=record.started + elapsed,
            worker=record.worker,
            fixed=record.fixed,
            user=user,
            system=system or None,
            reports=unsent,
            previous_attempts=record.previous_attempts,
            crashes=record.crashes,
            token=record.token,
            failure=outcome.failure,
            costs={step: link.costs[step] for step in unsent if step in link.costs} if unsent else None,
        )

    def tell_untracked(
        self, trial: Trial | int, outcome: Outcome, skip_if_finished: bool, cost: float | None
    ) -> TrialRecord:
        """Store the end of a trial that is finished, or was asked for by another object."""
        study, number = self._study, trial.number if isinstance(trial, Trial) else trial
        try:
            stored = study.storage.trials(study.study_id, [number])[0]
        except KeyError:
            raise ValueError(
                f"tell: the study {study.study_name!r} has no trial {number}; ask() hands out trials"
            ) from None
        if stored.state.is_finished() and skip_if_finished:
            return stored
        if isinstance(trial, Trial) and trial.link.fence != stored.fence:  # the storage refuses it, and keeps a note
            stored = replace(stored, state=TrialState.RUNNING, attempt=trial.attempt, token=trial.link.token)
        elif stored.state.is_finished():
            same = stored.state == outcome.state and (
                outcome.state is not TrialState.COMPLETE
                or (stored.values == outcome.values and (outcome.noise is None or tuple(outcome.noise) == stored.noise))
            )
            if same:
                return stored
            raise finished_otherwise(stored)
        if stored.state is TrialState.WAITING:
            raise ValueError(f"tell: trial {number} waits to be run; ask() hands it out")
        if not isinstance(trial, Trial):
            trial = self._rebuilt_trial(stored)
        return self.finish(RunningTrial(trial, stored), outcome, cost)

    def _rebuilt_trial(self, stored: TrialRecord) -> Trial:
        """Return the running trial that a record stands for; it is taken to have used all that it was proposed."""
        trial = Trial(
            stored.number,
            self._study.seed,
            Proposals(stored.space),
            list(stored.x or ()),
            user=stored.user,
            attempt=stored.attempt,
            token=stored.token,
            objectives=len(self._study.signs),
        )
        trial.answers.take_whole()
        trial.link.reports = dict(stored.reports) if stored.reports else None
        trial.link.costs = dict(stored.costs) if stored.costs else {}
        return trial

    # -- results that the storage did not take -------------------------------------------------------------------

    def save(self, done: TrialRecord) -> tuple[int, int]:
        """Store the end of a trial; what cannot be stored is kept in this process."""
        study = self._study
        try:
            try:
                return study.storage.finish(study.study_id, done)
            except StorageUnavailableError as away:
                return retry_while_unavailable(lambda: self._write_end(done), away)
            except (StorageError, KeyError, *_REFUSED):  # no waiting helps: a file that was replaced, say
                raise
            except Exception:
                return self._write_end(done)
        except (StudyNotFoundError, KeyError, *_REFUSED):  # there is nowhere to store it
            raise
        except BaseException as error:  # an interrupt as well
            study.running.pop(done.number, None)
            self.unsaved.keep(done)
            if not isinstance(error, StorageError):
                raise
            kept = (
                f". The result of trial {done.number} is kept in this process: the next ask(), tell() or optimize() "
                "stores it"
            )
            if isinstance(error, StorageLostError):
                lost = self.lost(error)
                raise StorageLostError(f"{lost}{kept}", lost.path, lost.rescue) from error
            kind = StorageUnavailableError if isinstance(error, StorageUnavailableError) else StorageError
            raise kind(f"{error}{kept}") from error

    def lost(self, error: StorageLostError) -> StorageLostError:
        """Return the error for a file that was lost; what is known here is in a file then, if that can be."""
        found = rescued(self._study, self.unsaved.ends.values(), error)
        self.unsaved.rescue = found.rescue
        return found

    def _write_end(self, done: TrialRecord) -> tuple[int, int]:
        """Store the end of a trial: without attributes and reports if these cannot be stored, else as FAIL."""
        study = self._study
        try:
            return study.storage.finish(study.study_id, done)
        except (StorageError, KeyError, *_REFUSED):
            raise
        except Exception as error:
            fault = name_and_message(error)
        lost = "its attributes and reports"
        done.user = done.reports = None
        try:
            stored = study.storage.finish(study.study_id, done)
        except (StorageError, KeyError, *_REFUSED):
            raise
        except Exception:
            lost = "its result"
            done.state, done.values, done.constraints, done.system = TrialState.FAIL, None, None, None
            done.reason = f"the storage cannot keep the result: {fault}"
            stored = study.storage.finish(study.study_id, done)
        caution(f"trial {done.number}: the storage cannot keep {lost}: {fault}")
        return stored

    def flush(self) -> None:
        """See `tunesmith.Study.flush`."""
        study, unsaved = self._study, self.unsaved
        with study.lock:
            for done in list(unsaved.ends.values()):
                try:
                    self._write_end(done)
                except _REFUSED as refused:
                    caution(f"the result of trial {done.number}, {done.values}, waited to be stored. {refused}")
                unsaved.drop(done)
                study.version = STALE
            if unsaved.released:
                study.storage.release(study.study_id, unsaved.released)
                unsaved.released.clear()
                study.version = STALE
