"""An objective of Optuna's kind, as this library calls it: what it gets, and what its results mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from tunesmith.compat.optuna.running import Trial
from tunesmith.compat.optuna.trial_state import TrialState
from tunesmith.errors import ObjectiveError, is_pruned
from tunesmith.trial import Trial as NativeTrial

ObjectiveFunc = Callable[[Trial], Any]


class NotAValueError(ObjectiveError):
    """The objective returned something that is no value; the trial fails, and the search goes on."""


class RunningStudy(Protocol):
    """What an objective uses of its study."""

    @property
    def watches_ends(self) -> bool:
        """Whether the sampler wants to know how trials end."""

    def trial_of(self, native: NativeTrial) -> Trial:
        """Return what the objective gets."""

    def ended(self, number: int, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell the sampler how a trial ended.

        Args:
            number: the trial's number.
            state: how it ended.
            values: its values.
        """


class Objective:
    """Calls an objective on a trial of Optuna's kind.

    Args:
        study: the study.
        func: the objective.
        n_objectives: how many values it returns.
        end: called where the objective calls ``sys.exit`` or is interrupted, to end the search.

    Attributes:
        exit: what ends the search and goes on to the program as in Optuna once the trial is recorded: the
            ``SystemExit`` or ``KeyboardInterrupt`` of an objective, an error of the sampler's ``after_trial``; None:
            there was none.
        exited: the number of that trial.
    """

    def __init__(self, study: RunningStudy, func: ObjectiveFunc, n_objectives: int, end: Callable[[], None]) -> None:
        self._study, self._func, self._n, self._end = study, func, n_objectives, end
        self.exit: BaseException | None = None
        self.exited: int | None = None

    def __call__(self, native: NativeTrial) -> float | tuple[float, ...]:
        """Run the objective; return its value, or values."""
        trial = self._study.trial_of(native)
        if not self._study.watches_ends:
            return self._values(trial)
        try:
            values = self._values(trial)
        except Exception as error:
            pruned = is_pruned(error)
            reports = native.reports or {}
            last: Any = [reports[max(reports)]] if pruned and reports else None
            self._tell_sampler(native.number, TrialState.PRUNED if pruned else TrialState.FAIL, last)
            raise
        self._tell_sampler(native.number, *ending(values, self._n))
        return values

    def _tell_sampler(self, number: int, state: TrialState, values: Sequence[float] | None) -> None:
        """Tell the sampler how a trial ended; its error is no failure of the objective, so the trial stays as it is."""
        try:
            self._study.ended(number, state, values)
        except Exception as error:
            self._leave(error, number)

    def _leave(self, error: BaseException, number: int) -> None:
        self.exit, self.exited = error, number
        self._end()

    def _values(self, trial: Trial) -> float | tuple[float, ...]:
        try:
            result = self._func(trial)
        except (SystemExit, KeyboardInterrupt) as error:
            self._leave(error, trial.number)
            what = "the objective called sys.exit" if isinstance(error, SystemExit) else "KeyboardInterrupt"
            raise NotAValueError(what) from error
        if type(result) is float and self._n == 1:
            return result  # the common case, for speed
        values = as_values(result, self._n)
        return values[0] if self._n == 1 else values


def ending(result: Any, n_objectives: int) -> tuple[TrialState, list[float] | None]:
    """Return how a trial ends by its result: COMPLETE with its values, or FAIL.

    Args:
        result: of the objective.
        n_objectives: how many values are expected.

    Returns:
        the state; and the values, None of a trial that failed.
    """
    try:
        values = list(as_values(result, n_objectives))
    except NotAValueError:
        return TrialState.FAIL, None
    return (TrialState.FAIL, None) if any(map(math.isnan, values)) else (TrialState.COMPLETE, values)


def as_values(result: Any, n_objectives: int) -> tuple[float, ...]:
    """Return what an objective returned as numbers.

    Args:
        result: a number or something that ``float`` takes, or a sequence of them.
        n_objectives: how many are expected.

    Returns:
        the values.

    Raises:
        NotAValueError: it is something else.
    """
    if result is None:
        raise NotAValueError("the objective returned None; it returns a number, or one for each objective")
    items = result if isinstance(result, Sequence) else [result]
    values = []
    for item in items:
        try:
            values.append(float(item))
        except (TypeError, ValueError):
            raise NotAValueError(f"the objective returned {item!r}, which is no number") from None
    if len(values) != n_objectives:
        raise NotAValueError(
            f"the objective returned {len(values)} values, and the study has {n_objectives} objectives"
        )
    return tuple(values)
