"""How a trial ended: read from what its objective returned or raised, and recorded."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from tunesmith.errors import (
    AttemptReplacedError,
    ObjectiveError,
    ProgramError,
    StorageError,
    StorageLostError,
    StorageUnavailableError,
    StudyNotFoundError,
    TrialFinishedError,
    is_pruned,
)
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import REASON_KEPT, message_of, name_and_message, plain_text, real, shorten, shown
from tunesmith.foundation.warnings import caution
from tunesmith.history.curves import Reported
from tunesmith.storage.checks import finished_otherwise
from tunesmith.study.engine.away import Unsaved, rescued, retry_while_unavailable
from tunesmith.study.engine.replica import STALE_VERSION, RunningTrial, StudyReplica
from tunesmith.trial import Proposals, Trial
from tunesmith.trial.record import NOISE, OUTPUT, OUTSIDE, PLANNED, TrialRecord, checked_noise, noise_of_each, values_of
from tunesmith.trial.result import LAST, in_words
from tunesmith.trial.running import Link

RESULT_ITEMS_READ = 1000  # of a result that are read: an iterator may have no end
_OUT_OF_MEMORY = frozenset({"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"})  # Python, PyTorch, TensorFlow
_OUT_OF_MEMORY_WORDS = ("out of memory", "RESOURCE_EXHAUSTED")  # older PyTorch and CuPy; JAX
NAN_REASON = "the objective returned NaN (the run diverged?)"
NAN_REPORTED = "the result is {}, and that is NaN (the run diverged?)"


@dataclass(slots=True)
class Outcome:
    """How a trial ended, before it is stored.

    Attributes:
        state: COMPLETE, PRUNED or FAIL.
        values: of a COMPLETE trial, one for each objective.
        reason: why it failed or was pruned, in words.
        failure: the kind of failure; None if that is not known.
        output: the end of what a trial that failed printed, where that was kept.
        noise: standard deviations of the errors of the values, where they are known.
        nothing: whether the objective returned nothing, so that the trial fails unless its reports are its result.
    """

    state: TrialState
    values: tuple[float, ...] | None = None
    reason: str | None = None
    failure: FailureKind | None = None
    output: str = ""
    noise: list[float] | None = None
    nothing: bool = False

    def take_reports(self, reports: Mapping[int, Reported], value: str, sign: float) -> bool:
        """Take what a trial has by its reports as its result, in the place of what was returned.

        Args:
            reports: its curve; where it is empty, what was returned counts.
            value: which of them, see `tunesmith.trial.result`.
            sign: 1 where the objective is minimised, -1 where it is maximised.

        Returns:
            Whether something was returned that is none of the reports.
        """
        diverged = self.failure is FailureKind.NAN and self.reason == NAN_REASON
        if not reports or not (self.state is TrialState.COMPLETE or self.nothing or diverged):
            return False
        returned, self.values = self.values, values_of(reports, value, sign)
        self.state, self.reason, self.failure = TrialState.COMPLETE, None, None
        if self.values is None:
            self.state, self.reason, self.failure = (
                TrialState.FAIL,
                NAN_REPORTED.format(in_words(value)),
                FailureKind.NAN,
            )
        return returned is not None and returned != self.values and returned[0] not in reports.values()

    def take_noise(self, noise: float | list[float]) -> None:
        """Take the noise that a trial set for its values; one that does not fit them makes the trial FAIL."""
        if self.values is None or self.noise is not None or self.state is not TrialState.COMPLETE:
            return
        try:
            self.noise = noise_of_each(noise, len(self.values))
        except ValueError as error:
            self.state, self.values, self.failure = TrialState.FAIL, None, FailureKind.RAISED
            self.reason = f"set_noise: {error}"


def outcome_of(result: Any, n_objectives: int) -> Outcome:
    """Return the outcome of a trial whose objective returned `result`: COMPLETE, or FAIL if that is not a value.

    Args:
        result: a number (Python, NumPy, a 0-d tensor), or a sequence of them for several objectives.
        n_objectives: how many numbers are expected.
    """
    if type(result) is float and n_objectives == 1 and result == result:
        return Outcome(TrialState.COMPLETE, (result,))  # the common case, for speed
    try:
        values = _values_of(result, n_objectives)
    except Exception as error:  # of the result's own class: its __float__, its __iter__
        told = f"reading it raised {name_and_message(error)}"
        values = f"the objective returned a {type(result).__name__}, and {told}; {_expected_result(n_objectives)}"
    if isinstance(values, str):
        return Outcome(TrialState.FAIL, reason=values, failure=FailureKind.RAISED, nothing=result is None)
    if any(map(math.isnan, values)):
        return Outcome(TrialState.FAIL, reason=NAN_REASON, failure=FailureKind.NAN)
    return Outcome(TrialState.COMPLETE, values)


def outcome_as_told(
    number: int, values: Any, state: TrialState | None, reason: str | None, n_objectives: int, noise: Any = None
) -> Outcome:
    """Return the outcome of a trial that is told with values or a state; see `tunesmith.Study.tell`.

    Raises:
        TypeError: the noise is neither a number nor a list of numbers.
        ValueError: values, noise and state do not fit.
    """
    error = None if noise is None else noise_of_each(checked_noise("tell(noise=...)", noise), n_objectives)
    if state is None:
        outcome = outcome_of(values, n_objectives)
        outcome.reason = reason or outcome.reason
    else:
        try:
            state = TrialState(state)
        except (TypeError, ValueError):
            raise ValueError(f"tell: state must be a TrialState; got {shown(state)}") from None
        if not state.is_finished():
            raise ValueError(f"tell: a trial ends as COMPLETE, PRUNED or FAIL; got state={state.name}")
        if state is not TrialState.COMPLETE and values is not None:
            raise ValueError(f"tell: values are for COMPLETE trials; got values={values!r} with {state.name}")
        outcome = outcome_of(values, n_objectives) if state is TrialState.COMPLETE else Outcome(state)
        if state is TrialState.COMPLETE and outcome.values is None:
            raise ValueError(f"tell: trial {number} cannot be COMPLETE: {outcome.reason} (state={state.name})")
        outcome.reason = reason
    if error is not None and outcome.values is not None:
        outcome.noise = error
    elif error is not None and state is not None:
        raise ValueError(f"tell: noise is of the values of COMPLETE trials; got noise={shown(noise)} with {state.name}")
    return outcome


def outcome_of_error(
    error: BaseException, kind: FailureKind | None = FailureKind.RAISED, traceback: str = ""
) -> Outcome:
    """Return the outcome of a trial whose objective raised, or whose process ended: PRUNED or FAIL.

    Args:
        error: what it raised, as `as_fault` returns it.
        kind: the kind of failure.
        traceback: where it was raised, in text.
    """
    if is_pruned(error):
        return Outcome(TrialState.PRUNED, reason=message_of(error) or None)
    reason = name_and_message(error)
    if traceback and not isinstance(error, ProgramError):  # whose traceback shows tunesmith's own code alone
        reason = f"{reason}\n{traceback[-REASON_KEPT // 2 :]}"
    if kind is FailureKind.RAISED and is_out_of_memory(error):
        kind = FailureKind.OOM
    return Outcome(TrialState.FAIL, reason=reason, failure=kind)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an objective ran out of memory, of the machine or of its accelerator, whatever library says so."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _OUT_OF_MEMORY:
        return True
    return isinstance(error, RuntimeError) and any(words in message_of(error) for words in _OUT_OF_MEMORY_WORDS)


def _values_of(result: Any, n_objectives: int) -> tuple[float, ...] | str:
    """Return the values, or what is wrong with the result."""
    if result is None:
        return f"the objective returned None; {_expected_result(n_objectives)} (is a `return` missing?)"
    if isinstance(result, str | bytes):
        return f"the objective returned the text {shown(result)}; {_expected_result(n_objectives)}"
    single = n_objectives == 1 and not isinstance(result, list | tuple) and not getattr(result, "ndim", 0)
    items = [result] if single else _items(result)
    if items is None or len(items) != n_objectives:
        given = f"a {type(result).__name__}" if items is None else f"{len(items)} values"
        more = " or more" if items is not None and len(items) == RESULT_ITEMS_READ else ""
        return f"the objective returned {given}{more} ({shown(result)}); {_expected_result(n_objectives)}"
    values: list[float] = []
    for item in items:
        if isinstance(item, str | bytes) or item is None:
            return f"the objective returned {shown(item)} among its values; {_expected_result(n_objectives)}"
        try:
            values.append(real(item))
        except OverflowError:
            return f"the objective returned {shown(item)}, which is too large; {_expected_result(n_objectives)}"
        except (TypeError, ValueError):
            return f"the objective returned a {type(item).__name__} ({shown(item)}); {_expected_result(n_objectives)}"
    return tuple(values)


def as_fault(error: BaseException) -> BaseException:
    """Return the error by which a trial failed, as ``catch`` and the caller of ``optimize`` see it.

    ``sys.exit()`` in an objective is a mistake of the objective, wherever it runs: passed on as it is, it would end the
    search without a word, and no ``catch`` could name it.
    """
    if not isinstance(error, SystemExit):
        return error
    code = "" if error.code is None else shown(error.code)
    fault = ObjectiveError(
        f"the objective called sys.exit({code}); raise an exception for a trial that failed, and call study.stop() to "
        "end the search"
    )
    fault.__cause__ = error
    return fault


def _expected_result(n: int) -> str:
    return "a number is expected" if n == 1 else f"a sequence of {n} numbers is expected, one for each direction"


def _items(result: Any) -> list[Any] | None:
    try:
        return list(islice(iter(result), RESULT_ITEMS_READ))
    except TypeError:
        return None


# -- recording it ----------------------------------------------------------------------------------------------------

_REFUSED = (AttemptReplacedError, TrialFinishedError)


class Teller:
    """Stores the ends of trials, and adds them to the history.

    Attributes:
        unsaved: ends that the storage did not take.
    """

    def __init__(self, study: StudyReplica) -> None:
        self._study = study
        self._told = False  # whether it was said that what is returned does not count
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
            study.version = STALE_VERSION
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
            study.version = STALE_VERSION
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
        if link.value is not None:
            self._take_reports(outcome, record.number, link)
        outside, values = trial.answers.outside, outcome.values
        if outcome.state is TrialState.PRUNED:
            # One that was cut off, and stops before it reports again, has what it had reported.
            values = values_of(link.whole_curve(), link.value or LAST, link.sign)
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
        if link.planned is not None and outcome.state is TrialState.COMPLETE:
            system[PLANNED] = link.planned
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
            logged=None if link.logged is None else link.unsent_metrics(),
        )

    def _take_reports(self, outcome: Outcome, number: int, link: Link) -> None:
        """Let the result of a trial be what its reports are, and note which of them count."""
        value, returned = link.value or LAST, outcome.values and outcome.values[0]
        self._study.note_result(link)
        if outcome.take_reports(link.whole_curve(), value, link.sign) and not self._told:
            self._told = True
            caution(
                f"trial {number}: its result is {in_words(value)} (value={value!r}); {shown(returned)}, which was "
                "returned, is none of the reports and is not used. Return nothing, or report it; in a study without "
                "value= what is returned counts"
            )

    def tell_untracked(
        self, trial: Trial | int, outcome: Outcome, skip_if_finished: bool, cost: float | None
    ) -> TrialRecord:
        """Store the end of a trial that is finished, or was asked for by another object."""
        number = trial.number if isinstance(trial, Trial) else trial
        if not isinstance(skip_if_finished, bool | int):
            raise TypeError(f"tell: skip_if_finished must be True or False; got {shown(skip_if_finished)}")
        stored = self._stored(number)
        if stored.state.is_finished() and skip_if_finished:
            return stored
        if isinstance(trial, Trial) and trial.link.fence != stored.fence:  # the storage refuses it, and keeps a note
            stored = replace(stored, state=TrialState.RUNNING, attempt=trial.attempt, token=trial.link.token)
        elif stored.state.is_finished():
            if self._study.value is not None:
                outcome.take_reports(stored.intermediate_values, self._study.value, self._study.sign)
            same = stored.state == outcome.state and (
                outcome.state is not TrialState.COMPLETE
                or (stored.values == outcome.values and (outcome.noise is None or tuple(outcome.noise) == stored.noise))
            )
            if same:
                return stored
            raise finished_otherwise(stored)
        told = RunningTrial(trial, stored) if isinstance(trial, Trial) else self._rebuilt(stored)
        return self.finish(told, outcome, cost)

    def untracked(self, number: int) -> RunningTrial:
        """Return a running trial that was asked for by another object; see `tunesmith.Study.take_up`."""
        stored = self._stored(number)
        if stored.state.is_finished():
            raise finished_otherwise(stored)
        if stored.state is TrialState.PAUSED:
            raise ValueError(f"tell: trial {number} is paused; ask() hands it out again")
        return self._rebuilt(stored)

    def _stored(self, number: int) -> TrialRecord:
        """Return the record of a trial; ValueError if there is none."""
        study = self._study
        try:
            (stored,) = study.storage.trials(study.study_id, [number])
        except KeyError:
            raise ValueError(
                f"tell: the study {study.study_name!r} has no trial {number}; ask() hands out trials"
            ) from None
        return stored

    def _rebuilt(self, stored: TrialRecord) -> RunningTrial:
        """Return the running trial that a record stands for; it is taken to have used all that it was proposed.

        Raises:
            ValueError: the trial waits.
        """
        if stored.state is TrialState.WAITING:
            raise ValueError(f"tell: trial {stored.number} waits to be run; ask() hands it out")
        trial = Trial(
            stored.number,
            self._study.seed,
            Proposals(stored.space),
            list(stored.x or ()),
            user=stored.user,
            attempt=stored.attempt,
            previous_attempts=stored.previous_attempts,
            token=stored.token,
            objectives=len(self._study.signs),
        )
        trial.answers.take_whole()
        trial.link.metric, trial.link.value, trial.link.sign = self._study.metric, self._study.value, self._study.sign
        trial.link.reports = dict(stored.reports) if stored.reports else None
        trial.link.costs = dict(stored.costs) if stored.costs else {}
        return RunningTrial(trial, stored)

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
        fault, what, lost = "", "", ["its result", "its attributes and reports"]
        while True:
            try:
                stored = self._study.storage.finish(self._study.study_id, done)
            except (StorageError, KeyError, *_REFUSED):
                raise
            except Exception as error:
                if not lost:
                    raise
                fault, what = fault or name_and_message(error), lost.pop()
            else:
                if fault:
                    caution(f"trial {done.number}: the storage cannot keep {what}: {fault}")
                return stored
            done.user = done.reports = done.logged = None
            if not lost:
                done.state, done.values, done.constraints, done.system = TrialState.FAIL, None, None, None
                done.reason = f"the storage cannot keep the result: {fault}"

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
                study.version = STALE_VERSION
            if unsaved.released:
                study.give_back(unsaved.released)
                unsaved.released.clear()
