"""The line that the log gets for each trial that ended."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tunesmith.compat.optuna import logging
from tunesmith.compat.optuna.objective import NotAValueError
from tunesmith.frozen import TrialRecord
from tunesmith.state import TrialState

BestOf = Callable[[], TrialRecord | None]


def say_end(record: TrialRecord, names: Sequence[str] | None, best: BestOf) -> None:
    """Log how a trial ended, if anybody wants to know.

    Args:
        record: of the trial.
        names: those of the objectives; None: they have none.
        best: returns the best trial so far.
    """
    logger, number = logging.get_logger(logging.STUDY), record.number
    if record.state is TrialState.FAIL:
        if logger.isEnabledFor(logging.WARNING):
            reason = (record.reason or "").rstrip()  # with the traceback: of a caught error nothing else tells
            if reason.startswith(NotAValueError.__name__):
                reason = reason.partition("\n")[0]  # its traceback leads to nothing of the program's
            logger.warning(
                f"Trial {number} failed with parameters: {record.params} because of the following error: {reason}"
            )
    elif logger.isEnabledFor(logging.INFO):
        if record.state is TrialState.PRUNED:
            logger.info(f"Trial {number} pruned. {record.reason or ''}")
        elif record.values is not None:
            logger.info(_complete(record, names, best))


def _complete(record: TrialRecord, names: Sequence[str] | None, best: BestOf) -> str:
    values = list(record.values or ())
    told = dict(zip(names, values, strict=True)) if names else values[0] if len(values) == 1 else values
    word = "value" if len(values) == 1 else "values"
    text = f"Trial {record.number} finished with {word}: {told} and parameters: {record.params}."
    leader = best() if len(values) == 1 else None
    return text if leader is None else f"{text} Best is trial {leader.number} with value: {leader.value}."
