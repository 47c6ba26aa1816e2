"""Checks the arguments that say how objectives run, and makes the executor."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

from tunesmith import registry
from tunesmith.executors.base import Executor
from tunesmith.executors.cores import cpu_count
from tunesmith.executors.memory import parse_bytes
from tunesmith.state import FailureKind

# A run that was stopped from outside, or diverged, says nothing against the objective: the search goes on.
NEVER_STOP = frozenset(FailureKind) - {FailureKind.RAISED, FailureKind.LOST}


@dataclass(frozen=True)
class Catch:
    """Which failures do not stop a search.

    Attributes:
        errors: exception classes, as ``isinstance`` takes them.
        kinds: kinds of failure.
    """

    errors: tuple[type[Exception], ...] = ()
    kinds: frozenset[FailureKind] = NEVER_STOP

    def names(self, error: BaseException, kind: FailureKind | None) -> bool:
        """Tell whether a failure is one of them."""
        return isinstance(error, self.errors) or kind in self.kinds


def checked_catch(catch: Any) -> Catch:
    """Return the failures that do not stop a search: exception classes, kinds of failure, or several of both.

    Raises:
        TypeError: one of them is neither.
    """
    given = tuple(catch) if isinstance(catch, Iterable) else (catch,)
    for c in given:
        if not isinstance(c, FailureKind) and not (isinstance(c, type) and issubclass(c, Exception)):
            raise TypeError(f"catch takes exception classes and members of FailureKind; got {c!r}")
    kinds = frozenset(c for c in given if isinstance(c, FailureKind))
    return Catch(tuple(c for c in given if not isinstance(c, FailureKind)), NEVER_STOP | kinds)


def choose_executor(
    executor: Any, n_jobs: Any, time_limit: float | None = None, memory_limit: int | None = None
) -> Executor:
    """Return what runs the objective.

    Args:
        executor: a registered name, an `Executor`, an object of an engine that one of them accepts, or None: this
            process for one job without limits, else processes of this machine.
        n_jobs: how many at once; None: one, or with an executor as many as that has room for.
        time_limit: seconds that a trial may run.
        memory_limit: bytes that a trial may use.

    Raises:
        ValueError: no executor has the name, or the number of jobs is none.
        TypeError: no executor accepts the object.
    """
    jobs = None if n_jobs is None else checked_jobs(n_jobs)
    limited = time_limit is not None or memory_limit is not None
    if isinstance(executor, Executor):
        if jobs is not None or limited:
            raise ValueError(
                f"give jobs=, time_limit= and memory_limit= to {type(executor).__name__}(...) itself, and not n_jobs=, "
                "timeout_per_trial= or memory_per_trial= beside it"
            )
        return executor
    client = None
    if executor is None:
        name, jobs = "processes" if limited or (jobs or 1) > 1 else "inline", jobs or 1
    elif isinstance(executor, str):
        name = executor
    else:
        name, client = _accepting(executor), executor
    kind: type[Executor] = registry.load("executors", name)
    if limited and not kind.kills:
        raise ValueError(
            f"the executor {name!r} cannot stop a trial, so timeout_per_trial= and memory_per_trial= have no effect in "
            "it; use 'processes'"
        )
    return kind(client, jobs=jobs, time_limit=time_limit, memory_limit=memory_limit)


def _accepting(client: Any) -> str:
    """Return the name of the executor that runs trials on an engine's object."""
    known = registry.names("executors")
    for name in known:
        if registry.load("executors", name).accepts(client):
            return name
    if isinstance(client, type) and issubclass(client, Executor):
        raise TypeError(f"executor= takes an object, and got the class {client.__name__}: give {client.__name__}(...)")
    raise TypeError(
        f"executor= takes a name ({', '.join(sorted(known))}), an Executor, or an engine's own object such as a Dask "
        f"client or a pool with submit(); got {client!r}"
    )


def check_objective(objective: Any) -> None:
    """Raise TypeError unless the objective can be called."""
    if not callable(objective):
        raise TypeError(f"the objective must be callable; got {objective!r}")


def checked_jobs(n_jobs: Any) -> int:
    """Return the number of jobs.

    Raises:
        ValueError: it is neither 1 or more, nor -1.
    """
    if isinstance(n_jobs, bool) or not isinstance(n_jobs, Integral) or n_jobs == 0 or n_jobs < -1:
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


def check_max_cost(cost: Any) -> None:
    """Raise ValueError unless this is a cost, or None."""
    if cost is not None and (isinstance(cost, bool) or not isinstance(cost, Real) or not float(cost) >= 0):
        raise ValueError(
            "max_cost must be 0 or more, in the unit of report(cost=...) or else in seconds, or None for no limit; "
            f"got {cost!r}"
        )


def checked_time_limit(seconds: Any) -> float | None:
    """Return the time that a trial may take.

    Raises:
        ValueError: it is no number of seconds above 0.
    """
    if seconds is None:
        return None
    if isinstance(seconds, bool) or not isinstance(seconds, Real) or not float(seconds) > 0:
        raise ValueError(f"timeout_per_trial must be seconds, more than 0, or None for no limit; got {seconds!r}")
    return float(seconds)


def checked_memory_limit(size: Any) -> int | None:
    """Return the bytes that a trial may use.

    Raises:
        ValueError: it is no size, or this system cannot tell what a trial uses.
    """
    if size is not None and sys.platform == "win32":
        raise ValueError("memory_per_trial needs process groups, which Windows does not have")
    try:
        return None if size is None else parse_bytes(size)
    except ValueError as error:
        raise ValueError(f"memory_per_trial: {error}") from None
