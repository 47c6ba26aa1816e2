"""Runs points of a study again with fresh seeds, beside its trials: no sampler and no best trial sees them.

Each result is a system attribute of the study, written when the run ends, so that an interrupted call goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.errors import ObjectiveError, is_pruned
from tunesmith.executors.base import Executor, Failed, Finished
from tunesmith.space import Space
from tunesmith.study.interrupts import heeded
from tunesmith.study.optimize import TICK, executor_for
from tunesmith.study.outcome import as_fault, is_nan_reason, to_values
from tunesmith.text import name_and_message
from tunesmith.trial import Proposals, Trial

if TYPE_CHECKING:
    from tunesmith.progress import ProgressLine
    from tunesmith.study.study import Study

PREFIX = "confirm"
FIRST_NUMBER = 1_000_000  # what these runs are numbered from: files named by trial.number are not written over
SALT = 0x5EED
MAX_REASON = 500  # characters


@dataclass(slots=True)
class Point:
    """A point to run again.

    Attributes:
        key: what its results are kept under.
        params: its parameters.
        space: the space of its internal values. x: these.
        fixed: values by name that come before x; None: x has all.
        number: the trial that it is from; None: the search never ran it.
    """

    key: str
    params: dict[str, Any]
    space: Space | None
    x: list[float]
    fixed: dict[str, Any] | None = None
    number: int | None = None

    @property
    def name(self) -> str:
        """What it is called in sentences."""
        return "the default" if self.number is None else f"trial {self.number}"


@dataclass(slots=True)
class Run:
    """How a run ended: its value in the user's direction, NaN with a reason if it has none."""

    value: float
    reason: str | None = None


class Silent:
    """A channel that keeps no reports and never stops a trial: these runs are to be as long as they can be."""

    def report(self, number: int, attempt: int, step: int, value: float) -> bool:
        """Drop a report."""
        return True

    def note(self, number: int, attempt: int, key: str, value: Any) -> bool:
        """Drop a note."""
        return True

    def should_prune(self, number: int, step: int) -> bool:
        """Say no."""
        return False


def seed_of(study_seed: int, repeat: int) -> int:
    """Return the seed of a repeat, the same for all points."""
    return int(np.random.SeedSequence([study_seed, SALT, repeat]).generate_state(1)[0])


def stored(study: Study) -> dict[tuple[str, int], Run]:
    """Return the runs that were made before, by point and repeat."""
    found: dict[tuple[str, int], Run] = {}
    for name, kept in study.system_attrs.items():
        prefix, _, rest = name.partition(":")
        if prefix == PREFIX and isinstance(kept, Mapping):
            key, _, repeat = rest.rpartition(":")
            found[key, int(repeat)] = Run(float(kept["value"]), kept["reason"])
    return found


def forget(study: Study) -> None:
    """Let the runs that were made before be made again."""
    for key, repeat in stored(study):
        study.set_system_attr(f"{PREFIX}:{key}:{repeat}", None)


def run_again(
    study: Study,
    objective: Callable[..., Any],
    points: Sequence[Point],
    repeats: int,
    jobs: int,
    catch: tuple[type[Exception], ...],
    show_progress: bool,
) -> dict[tuple[str, int], Run]:
    """Return the runs of all points, the missing ones made now; all points get a seed before any gets the next.

    Raises:
        ObjectiveError: the objective returned something that is no value.
        Exception: whatever the objective raised and `catch` does not name; that run is not kept.
    """
    found = stored(study)
    todo = [(p, r) for r in range(repeats) for p in points if (p.key, r) not in found]
    if not todo:
        return found
    trials: dict[int, tuple[Point, int]] = {}
    line: ProgressLine | None = None
    executor: Executor = executor_for(jobs, objective, Silent())
    try:
        if show_progress:
            from tunesmith.progress import ProgressLine

            line = ProgressLine(len(todo), "run")
        waiting = iter(enumerate(todo, FIRST_NUMBER + len(found)))
        error: BaseException | None = None
        running = 0
        with heeded() as heed:
            while True:
                while running < executor.capacity and error is None and (one := next(waiting, None)) is not None:
                    number, (point, repeat) = one
                    trials[number] = point, repeat
                    executor.submit(_trial(study, number, point, repeat))
                    running += 1
                if not running:
                    break
                events = executor.poll(TICK)
                running -= len(events)
                for event in events:
                    error = _keep(study, event, trials, found, catch) or error
                    if line is not None:
                        line.advance()
                if line is not None:
                    line.tick()
                heed()
        if error is not None:
            raise error
    except BaseException:
        with suppress(Exception):  # what went wrong first is what the user must see
            for event in executor.drain():
                _keep(study, event, trials, found, catch)
        raise
    finally:
        executor.close()
        if line is not None:
            line.close()
    return found


def _trial(study: Study, number: int, point: Point, repeat: int) -> Trial:
    seed = seed_of(study.seed, repeat)
    trial = Trial(number, study.seed, Proposals(point.space), list(point.x), point.fixed, own_seed=seed)
    if study._declared:
        trial.take_whole()
    return trial


def _keep(
    study: Study,
    event: Finished | Failed,
    trials: Mapping[int, tuple[Point, int]],
    found: dict[tuple[str, int], Run],
    catch: tuple[type[Exception], ...],
) -> BaseException | None:
    """Store how a run ended; return the error that must stop everything, if any."""
    point, repeat = trials[event.trial.number]
    run, error = _ended(event, point, catch)
    if run is not None:
        study.set_system_attr(f"{PREFIX}:{point.key}:{repeat}", {"value": run.value, "reason": run.reason})
        found[point.key, repeat] = run
    return error


def _ended(
    event: Finished | Failed, point: Point, catch: tuple[type[Exception], ...]
) -> tuple[Run | None, BaseException | None]:
    if isinstance(event, Failed):
        if is_pruned(event.error):
            return Run(math.nan, "it raised TrialPruned"), None
        error = as_fault(event.error)
        reason = name_and_message(error)[:MAX_REASON]
        return (Run(math.nan, reason), None) if isinstance(error, catch) else (None, error)
    missing = sorted(set(event.trial.params) - set(point.params)) if point.number is None else []
    if missing:
        return None, ValueError(f"default= gives no value for {missing}, which the objective asked for")
    values, fault = to_values(event.value, 1)
    if values is None:
        wrong = ObjectiveError(f"{point.name}, run again: {fault}")
        kept = is_nan_reason(fault) or isinstance(wrong, catch)
        return (Run(math.nan, fault), None) if kept else (None, wrong)
    if not math.isfinite(values[0]):
        return Run(math.nan, f"the objective returned {values[0]}"), None
    broken = [name for name, c in (event.trial.constraints or {}).items() if not c <= 0]
    if broken:
        return Run(math.nan, f"it violated {', '.join(broken)}"), None
    return Run(values[0]), None
