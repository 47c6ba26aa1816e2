"""How a study takes the results of trials, and what running trials write meanwhile."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from operator import index
from typing import Any, TypeVar

from tunesmith.caution import caution
from tunesmith.errors import StorageError, StorageUnavailableError, StudyNotFoundError
from tunesmith.frozen import OUTSIDE, curve
from tunesmith.pruners.base import Decision, Pruner
from tunesmith.samplers.base import Sampler
from tunesmith.space import Parameter
from tunesmith.state import TrialState
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.core import StudyCore
from tunesmith.study.outcome import to_values
from tunesmith.study.recovery import recover
from tunesmith.study.unsaved import Unsaved
from tunesmith.text import name_and_message, plain_text, saferepr, shorten
from tunesmith.trial import FrozenTrial, Proposals, Trial

T = TypeVar("T")

MAX_ATTEMPTS = "max_attempts"  # the system attribute that holds the study's own
DEFAULT_MAX_ATTEMPTS = 3
PATIENCE = 30.0  # seconds for which a storage that is away is waited for
FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # seconds between two tries
AWAY = 10.0  # seconds for which reports and notes are kept here after the storage took one not


class TellCore(StudyCore):
    """The part of :class:`tunesmith.Study` that takes results; it is the channel of its running trials."""

    def __init__(self, record: StudyRecord, storage: Storage, sampler: Sampler, pruner: Pruner) -> None:
        super().__init__(record, storage, sampler, pruner)
        self.max_attempts = int(record.system.get(MAX_ATTEMPTS, DEFAULT_MAX_ATTEMPTS))
        self._unsaved = Unsaved(self.study_name, self.flush)
        self._away_until = 0.0

    def ask(self, fixed_distributions: Mapping[str, Parameter] | None = None, *, below: int | None = None) -> Trial:
        """Start a trial: an enqueued or interrupted one if there is any, else a new proposal of the sampler.

        What the trial reports and notes is stored at once. A trial whose process ends before ``tell`` is run again by
        whoever calls ``optimize`` or ``recover`` next on this machine, at most ``max_attempts`` times.

        Args:
            fixed_distributions: parameters to suggest at once, by name; their values stand in ``trial.params``, as
                those of a declared space do.
            below: start no trial whose number is this or higher, so that a study has so many trials in all, however
                many processes ask for them.

        Raises:
            SpaceExhaustedError: the sampler has nothing left to propose.
            TrialsSpentError: all numbers below that limit are taken.
            StorageError: the storage cannot be used, or does not take a result that was kept for it.
        """
        if self._unsaved.pending:
            self.flush()
        with self._lock:
            trial = self._start(below)
        trial.connect(self)
        if self._declared:
            trial.take_whole()
        if fixed_distributions:
            for name, p in fixed_distributions.items():
                if p.condition is None or p.condition.holds(trial.params):
                    trial.suggest(name, p)
        return trial

    # -- tell --------------------------------------------------------------------------------------------------

    def tell(
        self,
        trial: Trial | int,
        values: float | Sequence[float] | None = None,
        state: TrialState | None = None,
        skip_if_finished: bool = False,
        *,
        reason: str | None = None,
        cost: float | None = None,
    ) -> FrozenTrial:
        """Record how a trial ended; when this returns, it would survive the death of the process.

        Without `state`, values that are not one finite-or-infinite number per objective make the trial FAIL, with the
        reason stored. Telling the same outcome again changes nothing.

        Args:
            trial: what ``ask`` returned, or its number.
            values: the objective's value, or one for each objective.
            state: COMPLETE, PRUNED (the value is then the last report) or FAIL.
            skip_if_finished: do nothing, whatever was told before, if the trial is finished.
            reason: why it failed or was pruned, in words.
            cost: what the trial cost, in a unit of your own; by default the seconds since its start.

        Raises:
            ValueError: the trial was told another outcome before, was never asked for, or values and state do not fit.
            StorageError: the storage does not take the result; what may pass (a StorageUnavailableError) is waited
                for, half a minute. The result is kept in this process, and stored by the next ``ask``, ``tell`` or
                ``optimize``, or when the process ends.
        """
        number = trial.number if isinstance(trial, Trial) else _number(trial)
        if state is None:
            numbers, fault = to_values(values, len(self._signs))
            state = TrialState.COMPLETE if numbers is not None else TrialState.FAIL
            reason = reason or fault
        else:
            state = TrialState(state)
            numbers = self._check_told(number, values, state)
        with self._lock:
            live = self._live.get(number)
            if live is None or (isinstance(trial, Trial) and trial.attempt != live[1].attempt):
                if self._unsaved.has(number):  # told before, when the storage was away
                    self.flush()
                done = self._tell_stranger(trial, number, numbers, state, skip_if_finished, reason, cost)
            else:
                told = trial if isinstance(trial, Trial) else live[0]
                done = self._finish(told, live[1], numbers, state, reason, cost, live[2])
            if self._unsaved.pending:
                with suppress(Exception):  # of others, and they stay
                    self.flush()
            return done

    def _check_told(self, number: int, values: Any, state: TrialState) -> tuple[float, ...] | None:
        if not state.is_finished():
            raise ValueError(f"tell: a trial ends as COMPLETE, PRUNED or FAIL; got state={state.name}")
        if state is not TrialState.COMPLETE:
            if values is not None:
                raise ValueError(f"tell: values are for COMPLETE trials; got values={values!r} with {state.name}")
            return None
        numbers, fault = to_values(values, len(self._signs))
        if numbers is None:
            raise ValueError(f"tell: trial {number} cannot be COMPLETE: {fault}")
        return numbers

    def _finish(
        self,
        trial: Trial,
        record: FrozenTrial,
        values: tuple[float, ...] | None,
        state: TrialState,
        reason: str | None,
        cost: float | None,
        began: float | None = None,
    ) -> FrozenTrial:
        """Store the end of a trial, and add it to the history; `began` is known of those that this object asked for."""
        space, x = trial.point()
        reports, outside = trial.reports, trial.outside
        if state is TrialState.PRUNED and reports:
            last = reports[max(reports)]
            values = (last,) if len(self._signs) == 1 and last == last else None
        # Of what another process began all there is are the clocks, which may have been set since.
        elapsed = max(0.0, time.time() - record.started) if began is None else time.monotonic() - began
        done = FrozenTrial(
            record.number,
            state,
            space=space,
            x=x,
            values=values,
            attempt=record.attempt,
            sampler_state=record.sampler_state,
            cost=elapsed if cost is None else float(cost),
            constraints=trial.constraints,
            reason=None if reason is None else shorten(plain_text(str(reason))),
            started=record.started,
            finished=record.started + elapsed,
            worker=record.worker,
            fixed=record.fixed,
            system={OUTSIDE: dict(outside)} if outside else None,  # the storage has what stood there before
            previous_attempts=record.previous_attempts,
            crashes=record.crashes,
        )
        done.user, done.reports = trial.unsent()  # the storage has the others
        stored = self._save(done)
        self._live.pop(record.number, None)
        if done.state is state:
            notes = trial.notes()
            done.user, done.reports = dict(notes) if notes else None, reports
            done.system = {**(record.system or {}), **(done.system or {})} if outside else record.system
        values, state = done.values, done.state
        if stored is None:  # released meanwhile, and perhaps run by another worker
            self._version = -1
            return self._storage.trials(self._id, [record.number])[0]
        seq, version = stored
        if seq == self._cursor + 1 and version == self._version + 1:
            y = None if values is None else [v * s for v, s in zip(values, self._signs, strict=True)]
            self._history.append(
                done.number,
                state,
                space,
                x,
                y,
                sampler_state=done.sampler_state,
                cost=done.cost,
                constraints=done.constraints,
            )
            self._cursor, self._version = seq, version
        if record.fixed and (unused := [n for n in record.fixed if n not in trial.params]):
            caution(
                f"trial {record.number}: the objective never asked for the enqueued {unused}; "
                f"it asked for {sorted(trial.params)}"
            )
        return done

    def _save(self, done: FrozenTrial) -> tuple[int, int] | None:
        """Store the end of a trial; what cannot be stored is kept in this process."""
        try:
            return self._storage.finish(self._id, done)
        except (StudyNotFoundError, KeyError):  # there is nowhere to store it
            raise
        except Exception as error:
            found = error
        except BaseException:
            self._live.pop(done.number, None)
            self._unsaved.keep(done)
            raise
        try:
            return self._save_patiently(done, found)
        except (StudyNotFoundError, KeyError):
            raise
        except BaseException as error:  # an interrupt as well
            self._live.pop(done.number, None)
            self._unsaved.keep(done)
            if not isinstance(error, StorageError):
                raise
            kind = StorageUnavailableError if isinstance(error, StorageUnavailableError) else StorageError
            raise kind(
                f"{error}. The result of trial {done.number} is kept in this process: the next ask(), tell() or "
                "optimize() stores it"
            ) from error

    def _save_patiently(self, done: FrozenTrial, error: Exception) -> tuple[int, int] | None:
        """Try again for a while after a first error."""
        if isinstance(error, StorageUnavailableError):
            return patiently(lambda: self._write_end(done), error)
        if isinstance(error, StorageError):  # no waiting helps: a file that was replaced, say
            raise error
        return self._write_end(done)

    def _write_end(self, done: FrozenTrial) -> tuple[int, int] | None:
        """Store the end of a trial; no value is lost for what cannot be kept beside it, and no end for a value."""
        try:
            return self._storage.finish(self._id, done)
        except (StorageError, KeyError):
            raise
        except Exception as error:
            fault = name_and_message(error)
        lost = "its attributes and reports"
        done.user = done.reports = None
        try:
            stored = self._storage.finish(self._id, done)
        except (StorageError, KeyError):
            raise
        except Exception:
            lost = "its result"
            done.state, done.values, done.constraints, done.system = TrialState.FAIL, None, None, None
            done.reason = f"the storage cannot keep the result: {fault}"
            stored = self._storage.finish(self._id, done)
        caution(f"trial {done.number}: the storage cannot keep {lost}: {fault}")
        return stored

    def _tell_stranger(
        self,
        trial: Trial | int,
        number: int,
        values: tuple[float, ...] | None,
        state: TrialState,
        skip: bool,
        reason: str | None,
        cost: float | None,
    ) -> FrozenTrial:
        """Tell a trial that is finished, or was asked for by another object."""
        try:
            stored = self._storage.trials(self._id, [number])[0]
        except KeyError:
            raise ValueError(
                f"tell: the study {self.study_name!r} has no trial {number}; ask() hands out trials"
            ) from None
        if isinstance(trial, Trial) and trial.attempt < stored.attempt:
            return stored  # this attempt was given up, and another worker runs the trial
        if stored.state.is_finished():
            same = stored.state == state and (state is not TrialState.COMPLETE or stored.values == values)
            if skip or same:
                return stored
            raise ValueError(
                f"tell: trial {number} is {stored.state.name} with {stored.values} already; a finished trial "
                "does not change (pass skip_if_finished=True to leave it as it is)"
            )
        if stored.state is TrialState.WAITING:
            raise ValueError(f"tell: trial {number} waits to be run; ask() hands it out")
        if isinstance(trial, Trial):
            return self._finish(trial, stored, values, state, reason, cost)
        ghost = Trial(
            number, self.seed, Proposals(stored.space), list(stored.x or ()), user=stored.user, attempt=stored.attempt
        )
        ghost.take_whole()
        ghost.reports = dict(stored.reports) if stored.reports else None
        return self._finish(ghost, stored, values, state, reason, cost)

    # -- results that the storage did not take -------------------------------------------------------------------

    def flush(self) -> None:
        """Store the results that were kept in this process because the storage could not be used.

        Raises:
            StorageError: it still cannot; the results stay here.
        """
        if not self._unsaved.pending:
            return
        with self._lock:
            for done in self._unsaved.ends():
                stored = self._write_end(done)
                self._unsaved.drop(done)
                self._version = -1
                if stored is None and not self._is_recorded(done):
                    caution(
                        f"trial {done.number}: attempt {done.attempt} was given up while its result waited to be "
                        f"stored; the result, {done.values}, is not used"
                    )
            attempts = self._unsaved.released
            if attempts:
                self._storage.release(self._id, attempts)
                self._unsaved.given_back()
                self._version = -1

    def _is_recorded(self, done: FrozenTrial) -> bool:
        """Tell whether an end that is refused now stands there already: its commit was not heard of."""
        (found,) = self._storage.trials(self._id, [done.number])
        return found.state is done.state and found.attempt == done.attempt

    # -- interrupted trials --------------------------------------------------------------------------------------

    @property
    def live(self) -> list[int]:
        """Numbers of the running trials that this object asked for."""
        return list(self._live)

    def recover(self) -> list[int]:
        """Take back the trials of workers of this machine that died, so that they are run again; return the numbers.

        A trial whose process died ``max_attempts`` times is FAIL instead. A driver that died while its trials ran in
        other processes is not counted: it would have survived a trial that kills its process.
        """
        with self._lock:
            return recover(self)

    def release(self, numbers: Iterable[int]) -> None:
        """Give running trials back: the next ``ask`` hands them out again as they were proposed."""
        with self._lock:
            numbers = list(numbers)
            if not numbers:
                return
            unknown = [n for n in numbers if n not in self._live]
            attempts = {t.number: t.attempt for t in self._storage.trials(self._id, unknown)}
            attempts |= {n: self._live[n][1].attempt for n in numbers if n in self._live}
            self._storage.release(self._id, attempts)
            for number in numbers:
                self._live.pop(number, None)
            self._version = -1

    def let_go(self) -> None:
        """Release all running trials of this object, at once or as soon as the storage can be used again."""
        with self._lock:
            try:
                self.flush()
                self.release(self.live)
            except StorageError:
                self._unsaved.give_back({n: record.attempt for n, (_, record, _) in self._live.items()})
                self._live.clear()

    # -- the channel of running trials ---------------------------------------------------------------------------

    def report(self, number: int, attempt: int, step: int, value: float) -> bool:
        """Keep a report of a running trial (called through the trial's channel)."""
        if len(self._signs) > 1:
            raise RuntimeError("reports and pruning are for studies with one objective")
        with self._lock:
            stored = self._reach(lambda: self._storage.report(self._id, number, attempt, step, value))
            curves = self._history.curves
            live = self._live.get(number)
            if attempt > 1 and live is not None and len(live[0].reports or ()) <= 1:  # the first one of this attempt
                curves.drop(number)
                for s, v in curve([*(a.reports for a in live[0].previous_attempts), {step: value}]).items():
                    curves.append(number, s, v * self._sign)
            else:
                curves.append(number, step, value * self._sign)
            return stored

    def note(self, number: int, attempt: int, key: str, value: Any) -> bool:
        """Keep a user attribute of a running trial (called through the trial's channel)."""
        with self._lock:
            return self._reach(lambda: self._storage.set_attr(self._id, number, key, value, attempt=attempt))

    def should_prune(self, number: int, step: int) -> bool:
        """Ask the pruner about a running trial (called through the trial's channel)."""
        with self._lock:
            if self._storage.shared:
                self._reach(self._sync)
            return self.pruner.decide(self._history.curves, number, step) is not Decision.CONTINUE

    def _reach(self, call: Callable[[], None]) -> bool:
        """Do what a running trial asks of the storage; if that cannot be used, the training goes on all the same."""
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


def _number(trial: Any) -> int:
    """Return what was given in place of a trial as a number; TypeError if it is none."""
    try:
        return index(trial)
    except TypeError:
        raise TypeError(f"tell takes a trial that ask() returned, or its number; got {saferepr(trial)}") from None


def patiently(call: Callable[[], T], error: StorageUnavailableError | None = None) -> T:
    """Return what a call returns; while the storage is away it is made again, for some half a minute.

    Args:
        call: uses the storage.
        error: that of a first call, which was made already.

    Raises:
        StorageUnavailableError: the storage is away for longer.
    """
    end, pause = time.monotonic() + PATIENCE, FIRST_PAUSE
    while True:
        if error is not None:
            if time.monotonic() + pause > end:
                raise error
            time.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, LONGEST_PAUSE)
        try:
            return call()
        except StorageUnavailableError as again:
            error = again
