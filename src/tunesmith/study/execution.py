"""Checks the arguments that say how objectives run, and makes the executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from numbers import Integral, Real
from typing import Any

from tunesmith import registry
from tunesmith.executors.base import Executor
from tunesmith.executors.cores import cpu_count
from tunesmith.trial import Channel, Trial

Catch = tuple[type[Exception], ...]


def executor_for(jobs: int, objective: Callable[[Trial], Any], channel: Channel | None) -> Executor:
    """Return what runs an objective in so many processes, or in this one."""
    if jobs == 1:
        from tunesmith.executors.inline import InlineExecutor

        return InlineExecutor(objective, channel)
    made: Executor = registry.load("executors", "processes")(objective, channel, jobs)
    return made


def checked_catch(catch: Any) -> Catch:
    """Return the exception classes that do not stop a search, as ``isinstance`` takes them.

    Raises:
        TypeError: one of them is no exception class.
    """
    classes = tuple(catch) if isinstance(catch, Iterable) else (catch,)
    for c in classes:
        if not (isinstance(c, type) and issubclass(c, Exception)):
            raise TypeError(f"catch takes exception classes; got {c!r}")
    return classes


def check_objective(objective: Any) -> None:
    """Raise TypeError unless the objective can be called."""
    if not callable(objective):
        raise TypeError(f"the objective must be callable; got {objective!r}")


def checked_jobs(n_jobs: Any) -> int:
    """Return the number of jobs.

    Raises:
        ValueError: it is neither 1 or more, nor -1.
    """
    if not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs < -1:
        raise ValueError(f"n_jobs must be a whole number, 1 or more, or -1 for one a core; got {n_jobs!r}")
    return cpu_count() if n_jobs == -1 else int(n_jobs)


def check_budget(n_trials: Any, timeout: Any, name: str = "n_trials") -> None:
    """Raise unless these are a number of trials and seconds.

    Raises:
        ValueError: one of them is negative or no number.
    """
    if n_trials is not None and (isinstance(n_trials, bool) or not isinstance(n_trials, Integral) or n_trials < 0):
        raise ValueError(f"{name} must be a number of trials, 0 or more, or None for no limit; got {n_trials!r}")
    if timeout is not None and not (isinstance(timeout, Real) and float(timeout) >= 0):
        raise ValueError(f"timeout must be seconds, 0 or more, or None for no limit; got {timeout!r}")
