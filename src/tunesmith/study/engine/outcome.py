"""How a trial ended: read from what its objective returned or raised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

from tunesmith.errors import ObjectiveError, ProgramError, is_pruned
from tunesmith.numerics.scalars import real
from tunesmith.state import FailureKind, TrialState
from tunesmith.text import MOST, message_of, name_and_message, shown
from tunesmith.trial.record import checked_noise, noise_of_each

MOST_ITEMS = 1000  # of a result that are read: an iterator may have no end
_OUT_OF_MEMORY = frozenset({"MemoryError", "OutOfMemoryError", "ResourceExhaustedError"})  # Python, PyTorch, TensorFlow
_OUT_OF_MEMORY_WORDS = ("out of memory", "RESOURCE_EXHAUSTED")  # older PyTorch and CuPy; JAX
NAN_REASON = "the objective returned NaN (the run diverged?)"


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
    """

    state: TrialState
    values: tuple[float, ...] | None = None
    reason: str | None = None
    failure: FailureKind | None = None
    output: str = ""
    noise: list[float] | None = None

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
    """Return the outcome of a trial whose objective returned `result`: COMPLETE, or FAIL if that is no value.

    Args:
        result: a number (Python, NumPy, a 0-d tensor), or a sequence of them for several objectives.
        n_objectives: how many numbers are expected.
    """
    if type(result) is float and n_objectives == 1 and result == result:
        return Outcome(TrialState.COMPLETE, (result,))  # the common case, for speed
    try:
        values = _read(result, n_objectives)
    except Exception as error:  # of the result's own class: its __float__, its __iter__
        told = f"reading it raised {name_and_message(error)}"
        values = f"the objective returned a {type(result).__name__}, and {told}; {_expected(n_objectives)}"
    if isinstance(values, str):
        return Outcome(TrialState.FAIL, reason=values, failure=FailureKind.RAISED)
    if any(map(math.isnan, values)):
        return Outcome(TrialState.FAIL, reason=NAN_REASON, failure=FailureKind.NAN)
    return Outcome(TrialState.COMPLETE, values)


def outcome_as_told(
    number: int, values: Any, state: TrialState | None, reason: str | None, n_objectives: int, noise: Any = None
) -> Outcome:
    """Return the outcome of a trial that is told with values or a state; see `tunesmith.Study.tell`.

    Raises:
        TypeError: the noise is no number, and no list of numbers.
        ValueError: values, noise and state do not fit.
    """
    error = None if noise is None else noise_of_each(checked_noise("tell(noise=...)", noise), n_objectives)
    outcome = _as_told(number, values, state, reason, n_objectives)
    if error is not None and outcome.values is not None:
        outcome.noise = error
    elif error is not None and state is not None:
        raise ValueError(f"tell: noise is of the values of COMPLETE trials; got noise={shown(noise)} with {state.name}")
    return outcome


def _as_told(number: int, values: Any, state: TrialState | None, reason: str | None, n_objectives: int) -> Outcome:
    if state is None:
        outcome = outcome_of(values, n_objectives)
        outcome.reason = reason or outcome.reason
        return outcome
    state = TrialState(state)
    if not state.is_finished():
        raise ValueError(f"tell: a trial ends as COMPLETE, PRUNED or FAIL; got state={state.name}")
    if state is not TrialState.COMPLETE:
        if values is not None:
            raise ValueError(f"tell: values are for COMPLETE trials; got values={values!r} with {state.name}")
        return Outcome(state, reason=reason)
    outcome = outcome_of(values, n_objectives)
    if outcome.values is None:
        raise ValueError(f"tell: trial {number} cannot be COMPLETE: {outcome.reason}")
    outcome.reason = reason
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
        reason = f"{reason}\n{traceback[-MOST // 2 :]}"
    if kind is FailureKind.RAISED and is_out_of_memory(error):
        kind = FailureKind.OOM
    return Outcome(TrialState.FAIL, reason=reason, failure=kind)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an objective ran out of memory, of the machine or of its accelerator, whatever library says so."""
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & _OUT_OF_MEMORY:
        return True
    return isinstance(error, RuntimeError) and any(words in message_of(error) for words in _OUT_OF_MEMORY_WORDS)


def _read(result: Any, n_objectives: int) -> tuple[float, ...] | str:
    """Return the values, or what is wrong with the result."""
    if result is None:
        return f"the objective returned None; {_expected(n_objectives)} (is a `return` missing?)"
    if isinstance(result, str | bytes):
        return f"the objective returned the text {shown(result)}; {_expected(n_objectives)}"
    single = n_objectives == 1 and not isinstance(result, list | tuple) and not getattr(result, "ndim", 0)
    items = [result] if single else _items(result)
    if items is None or len(items) != n_objectives:
        count = (
            ""
            if items is None
            else f"{len(items)} values"
            if len(items) < MOST_ITEMS
            else f"{MOST_ITEMS} values or more"
        )
        given = count or f"a {type(result).__name__}"
        return f"the objective returned {given} ({shown(result)}); {_expected(n_objectives)}"
    values: list[float] = []
    for item in items:
        if isinstance(item, str | bytes) or item is None:
            return f"the objective returned {shown(item)} among its values; {_expected(n_objectives)}"
        try:
            values.append(real(item))
        except OverflowError:
            return f"the objective returned {shown(item)}, which is too large; {_expected(n_objectives)}"
        except (TypeError, ValueError):
            return f"the objective returned a {type(item).__name__} ({shown(item)}); {_expected(n_objectives)}"
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


def _expected(n: int) -> str:
    return "a number is expected" if n == 1 else f"a sequence of {n} numbers is expected, one for each direction"


def _items(result: Any) -> list[Any] | None:
    try:
        return list(islice(iter(result), MOST_ITEMS))
    except TypeError:
        return None
