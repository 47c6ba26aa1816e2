"""Reruns: points of a study run again with fresh seeds. They are not trials: samplers and ``best_trial`` ignore them.

Each result is a system attribute of the study, written when the run ends, so that an interrupted call goes on.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.artifacts.scratch import Scratch
from tunesmith.errors import ObjectiveError, is_pruned
from tunesmith.executors.base import End, Executor, Failed
from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.state import FailureKind
from tunesmith.study.engine.loop import Policy, run_loop
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.study.engine.tell import as_fault, outcome_of
from tunesmith.study.optimize import Catch
from tunesmith.text import name_and_message
from tunesmith.trial import Proposals, Trial
from tunesmith.trial.record import Fence

if TYPE_CHECKING:
    from tunesmith.progress import ProgressLine

PREFIX = "confirm"
FIRST_NUMBER = 1_000_000  # of these runs, so that files named by trial.number are not overwritten
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
        """Its name in sentences."""
        return "the default" if self.number is None else f"trial {self.number}"


@dataclass(slots=True)
class Run:
    """The result of a run: its value in the user's direction, or NaN with a reason."""

    value: float
    reason: str | None = None


def seed_of(study_seed: int, repeat: int) -> int:
    """Return the seed of a repeat, the same for all points."""
    return int(np.random.SeedSequence([study_seed, SALT, repeat]).generate_state(1)[0])


def stored_runs(study: StudyReplica) -> dict[tuple[str, int], Run]:
    """Return the runs that were made before, by point and repeat."""
    found: dict[tuple[str, int], Run] = {}
    for name, kept in study.system_attrs.items():
        prefix, _, rest = name.partition(":")
        if prefix == PREFIX and isinstance(kept, Mapping):
            key, _, repeat = rest.rpartition(":")
            found[key, int(repeat)] = Run(float(kept["value"]), kept["reason"])
    return found


def drop_stored_runs(study: StudyReplica) -> None:
    """Drop the stored runs, so that they are made again."""
    for key, repeat in stored_runs(study):
        study.set_system_attr(f"{PREFIX}:{key}:{repeat}", None)


def run_again(
    study: StudyReplica,
    objective: Callable[..., Any],
    points: Sequence[Point],
    repeats: int,
    executor: Executor,
    catch: Catch,
    show_progress: bool,
) -> dict[tuple[str, int], Run]:
    """Return the runs of all points, the missing ones made now; all points get a seed before any gets the next.

    Raises:
        ObjectiveError: the objective returned something that is no value.
        Exception: whatever the objective raised and `catch` does not name; that run is not kept.
    """
    found = stored_runs(study)
    todo = [(p, r) for r in range(repeats) for p in points if (p.key, r) not in found]
    if not todo:
        return found
    line: ProgressLine | None = None
    try:
        executor.open(objective, RerunChannel())
        if show_progress:
            from tunesmith.progress import ProgressLine

            line = ProgressLine(len(todo), "run")
        run_loop(executor, RerunPolicy(study, todo, found, catch, line))
    finally:
        executor.close()
        if line is not None:
            line.close()
    return found


class RerunChannel:
    """The channel of reruns: reports and notes are dropped, nothing is pruned, artifacts last as long as the call."""

    def __init__(self) -> None:
        self._scratch = Scratch()

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float) -> bool:
        """Drop a report."""
        return False

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Drop a user attribute."""
        return False

    def should_prune(self, number: int, step: int) -> bool:
        """Return False."""
        return False

    def pointers(self, number: int, fence: Fence) -> Scratch:
        """Return what keeps the artifacts of all these runs."""
        return self._scratch


@dataclass
class RerunPolicy(Policy[Trial, End]):
    """Runs each (point, repeat) of a list once; `found` gets the results."""

    study: StudyReplica
    todo: Sequence[tuple[Point, int]]
    found: dict[tuple[str, int], Run]
    catch: Catch
    line: ProgressLine | None

    def __post_init__(self) -> None:
        self._by_number = dict(enumerate(self.todo, FIRST_NUMBER + len(self.found)))
        self._numbers = iter(self._by_number)

    def next(self) -> Trial | None:
        """Return the next run, as a trial with a number and a seed of its own."""
        number = next(self._numbers, None)
        if number is None:
            return None
        (point, repeat), seed = self._by_number[number], self.study.seed
        own_seed = seed_of(seed, repeat)
        trial = Trial(
            number,
            seed,
            Proposals(point.space),
            list(point.x),
            point.fixed,
            own_seed=own_seed,
            objectives=len(self.study.signs),
        )
        if self.study.declared:
            trial.answers.take_whole()
        return trial

    def ended(self, events: list[End]) -> BaseException | None:
        """Store how runs ended."""
        first: BaseException | None = None
        for event in events:
            point, repeat = self._by_number[event.trial.number]
            run, error = _run_of(event, point, self.catch)
            if run is not None:
                name = f"{PREFIX}:{point.key}:{repeat}"
                self.study.set_system_attr(name, {"value": run.value, "reason": run.reason})
                self.found[point.key, repeat] = run
            first = first or error
            if self.line is not None:
                self.line.advance()
        return first

    def tick(self) -> None:
        """Show that time passes."""
        if self.line is not None:
            self.line.tick()


def _run_of(event: End, point: Point, catch: Catch) -> tuple[Run | None, BaseException | None]:
    """Return how a run ended, or None; and the error that must stop everything, if any."""
    if isinstance(event, Failed):
        if is_pruned(event.error):
            return Run(math.nan, "it raised TrialPruned"), None
        error = as_fault(event.error)
        reason = name_and_message(error)[:MAX_REASON]
        return (Run(math.nan, reason), None) if catch.names(error, event.kind) else (None, error)
    missing = sorted(set(event.trial.params) - set(point.params)) if point.number is None else []
    if missing:
        return None, ValueError(f"default= gives no value for {missing}, which the objective asked for")
    outcome = outcome_of(event.value, 1)
    if outcome.values is None:
        wrong = ObjectiveError(f"{point.name}, run again: {outcome.reason}")
        kept = outcome.failure is FailureKind.NAN or catch.names(wrong, outcome.failure)
        return (Run(math.nan, outcome.reason), None) if kept else (None, wrong)
    (value,) = outcome.values
    if not math.isfinite(value):
        return Run(math.nan, f"the objective returned {value}"), None
    broken = [name for name, c in (event.trial.constraints or {}).items() if not c <= 0]
    if broken:
        return Run(math.nan, f"it violated {', '.join(broken)}"), None
    return Run(value), None
