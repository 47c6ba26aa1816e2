"""Confirmation: runs the leaders of a search and the default again with fresh seeds, and chooses among them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.artifacts.scratch import Scratch
from tunesmith.errors import ObjectiveError, is_pruned
from tunesmith.executors.base import End, Executor, Failed
from tunesmith.executors.completion import is_async
from tunesmith.foundation.languages import say, told
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import name_and_message
from tunesmith.history.curves import Reported
from tunesmith.selection import Report
from tunesmith.selection.intervals import check_level
from tunesmith.space import Space
from tunesmith.study.adopt import internal_row
from tunesmith.study.engine.loop import Policy, run_loop
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.study.engine.tell import as_fault, outcome_of
from tunesmith.study.optimize import Catch, ParamsObjective, checked_catch, choose_executor
from tunesmith.study.progress.audience import wants_progress
from tunesmith.study.recommend import Candidates, candidates, rows_of
from tunesmith.study.savings import note_on_partial
from tunesmith.trial import Proposals, Trial
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import Fence
from tunesmith.trial.result import BEST

if TYPE_CHECKING:
    from tunesmith.study.progress import ProgressLine


Floats = NDArray[np.float64]
ONLY_SEEDS = (
    "The runs differed in their seeds only: what else the objective holds fixed, such as its data and how they are "
    "split, is not accounted for."
)


def confirm_leaders(
    study: StudyReplica,
    objective: Callable[..., Any],
    top_k: int,
    repeats: int,
    *,
    default: Mapping[str, Any] | None,
    prefer_default: bool,
    level: float,
    n_jobs: int,
    catch: Any,
    resume: bool,
    progress: bool | None,
    takes_params: bool,
) -> Report:
    """Do what `tunesmith.Study.confirm` says, where the arguments are explained."""
    study.check_single_objective("confirm()", "best_trials")
    check_level(level)
    for name, value in (("top_k", top_k), ("repeats", repeats)):
        if value < 1:
            raise ValueError(f"{name} must be an integer, 1 or more; got {value!r}")
    errors, executor = checked_catch(catch), choose_executor(None, n_jobs, runs_async=is_async(objective))
    points, at, found = leaders(study, top_k, default, level)
    if takes_params and (space := study.current_history().space) is not None:
        objective = ParamsObjective(objective, space)
    if not resume:
        drop_stored_runs(study)
    runs = run_again(study, objective, points, repeats, executor, errors, progress)
    return report_on(study, points, at, found, runs, repeats, prefer_default, level)


def leaders(
    study: StudyReplica, top_k: int, default: Mapping[str, Any] | None, level: float
) -> tuple[list[Point], int | None, Candidates]:
    """Return the points to run again, the place of the default among them (None: there is none), and the candidates.

    Args:
        top_k: how many points, the best by expected value.
        default: parameters; None: the first enqueued trial whose parameters were all given.

    Raises:
        ValueError: no trial is complete and feasible yet, or the default is not a point of the space.
    """
    found = candidates(study.current_history(), level)
    if found is None:
        raise study.none_complete()
    records = {t.number: t for t in study.trials(states=[TrialState.COMPLETE, TrialState.FAIL, TrialState.PRUNED])}

    def of_trial(number: int) -> Point:
        t = records[number]
        return Point(str(number), t.params, t.space, list(t.x or ()), number=number)

    points = [of_trial(int(n)) for n in found.numbers[:top_k]]
    if default is None:
        enqueued = (t for n, t in sorted(records.items()) if t.fixed and t.flat_params.keys() <= t.fixed.keys())
        first = next(enqueued, None)
        if first is None:
            return points, None, found
        wanted: dict[str, Any] = first.params
    else:
        wanted = dict(default)
    same = [n for n, t in sorted(records.items()) if t.params == wanted and t.state is TrialState.COMPLETE]
    known = [int(n) for n in found.numbers if int(n) in same]
    if known:
        point = of_trial(known[0])
    else:
        space = study.current_history().space
        x = _row(space, wanted, study.declared) if space is not None else []
        mark = hashlib.sha256(repr(sorted(wanted.items(), key=lambda kv: kv[0])).encode()).hexdigest()[:16]
        point = Point(f"default-{mark}", wanted, space, x, fixed=None if study.declared else wanted)
    at = next((i for i, p in enumerate(points) if p.key == point.key), None)
    if at is None:
        points.append(point)
        at = len(points) - 1
    return points, at, found


def _row(space: Space, params: dict[str, Any], declared: bool) -> list[float]:
    """Return internal values; where the space was never declared, any parameter may be left out."""
    if declared:
        return internal_row(space, params)
    space.validate(params, partial=True)
    flat = space.flat(params)
    return [p.to_internal(flat[name]) if name in flat else math.nan for name, p in space.params.items()]


@np.errstate(over="ignore", invalid="ignore")  # of values near the largest number
def report_on(
    study: StudyReplica,
    points: list[Point],
    default: int | None,
    found: Candidates,
    runs: Mapping[tuple[str, int], Run],
    repeats: int,
    prefer_default: bool,
    level: float,
) -> Report:
    """Return what was chosen, and how good it is."""
    from tunesmith.selection.by_reruns import select_by_reruns

    sign = study.sign
    y = np.array([[sign * runs[p.key, r].value for r in range(repeats)] for p in points])
    usable = np.isfinite(y).all(axis=1)
    notes = _notes_on_failures(points, runs, repeats)
    if (note := note_on_partial(study.current_history())) is not None:
        notes = (*notes, note)
    if study.value == BEST:
        notes = (*notes, RUNS_BEST)
    stopped = study.stopped or {}
    history = study.current_history()
    beside = default is not None and points[default].number is None  # the default is not a trial
    common: dict[str, Any] = {
        "n_candidates": int(history.complete.sum()) + beside,
        "n_fits": len(history) + len(runs),
        "n_confirmed": len(points),
        "n_repeats": repeats,
        "stopped": stopped.get("reason"),
        "regret_bound": stopped.get("left"),
        "unit": "run",
    }
    standard = None if default is None else points[default].params
    if not usable.any():
        chosen = points[default if default is not None and prefer_default else 0]
        text = f"No point came through its fresh runs; {chosen.name} is named for want of a better one."
        return Report(None, chosen.params, standard, notes=(text, *notes), **common)
    mean, cov = _expected_by_model(study, points, found)
    noise = found.model.noise if found.model is not None else math.nan
    result = select_by_reruns(
        y, mean, cov, default=default, prefer_default=prefer_default, known_noise=noise, level=level
    )
    if default is not None and not usable[default]:
        notes += ("The default could not be compared with: it did not come through its fresh runs.",)
    if repeats > 1 and float(np.ptp(y[usable], axis=1).max()) == 0.0:
        notes += ("Each point gave the same value with every seed: the objective does not use trial.seed.",)
    best = float(history.y[history.complete & history.feasible, 0].min())
    if result.index == default:
        best = math.nan  # the best value seen is of another point
    score = result.as_score(
        greater_is_better=sign < 0,
        naive=sign * best,
        metric="value",
        n_candidates=int(history.complete.sum()),
        notes=(*notes, *result.notes, ONLY_SEEDS),
    )
    return Report(
        score=score,
        chosen=points[result.index].params,
        default=standard,
        kept_default=result.index == default,
        runner_up=None if result.challenger == result.index else points[result.challenger].params,
        **common,
    )


def _expected_by_model(study: StudyReplica, points: list[Point], found: Candidates) -> tuple[Floats, Floats]:
    """Return what the search's model expects at the points [C], and the covariances [C, C]; NaN without a model."""
    space = study.history.space
    if found.model is None or space is None:
        c = len(points)
        return np.full(c, math.nan), np.full((c, c), math.nan)
    tried = [p.number for p in points if p.number is not None]
    known = dict(zip(tried, rows_of(study.history, space, tried), strict=True))
    x = np.array([p.x if p.number is None else known[p.number] for p in points])
    return found.model.judge(x).value, found.model.covariance(x)


def _notes_on_failures(points: list[Point], runs: Mapping[tuple[str, int], Run], repeats: int) -> tuple[str, ...]:
    told = []
    for point in points:
        bad = [run for r in range(repeats) if not math.isfinite((run := runs[point.key, r]).value)]
        if bad:
            told.append(
                f"{point.name.capitalize()} is out: {len(bad)} of its {repeats} fresh runs gave no value "
                f"({(bad[0].reason or 'no reason given').splitlines()[0]})."
            )
    return tuple(told)


# -- the runs: finished trials' points once more, with fresh seeds ----------------------------------------------------
#
# Each result is a system attribute of the study, written when the run ends, so that an interrupted call goes on.

RUN_ATTR = "confirm"
RUNS_BEST = (
    "Each of these runs counts by its best report, which is too good for new data; the comparison is fair all the same."
)
FIRST_NUMBER = 1_000_000  # of these runs, so that files named by trial.number are not overwritten
REPEAT_SALT = 0x5EED
REASON_CHARACTERS = 500  # characters


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


def seed_of_repeat(study_seed: int, repeat: int) -> int:
    """Return the seed of a repeat, the same for all points."""
    return int(np.random.SeedSequence([study_seed, REPEAT_SALT, repeat]).generate_state(1)[0])


def stored_runs(study: StudyReplica) -> dict[tuple[str, int], Run]:
    """Return the runs that were made before, by point and repeat."""
    found: dict[tuple[str, int], Run] = {}
    for name, kept in study.system_attrs.items():
        prefix, _, rest = name.partition(":")
        if prefix == RUN_ATTR and isinstance(kept, Mapping):
            key, _, repeat = rest.rpartition(":")
            found[key, int(repeat)] = Run(float(kept["value"]), kept["reason"])
    return found


def drop_stored_runs(study: StudyReplica) -> None:
    """Drop the stored runs, so that they are made again."""
    for key, repeat in stored_runs(study):
        study.set_system_attr(f"{RUN_ATTR}:{key}:{repeat}", None)


def run_again(
    study: StudyReplica,
    objective: Callable[..., Any],
    points: Sequence[Point],
    repeats: int,
    executor: Executor,
    catch: Catch,
    progress: bool | None,
) -> dict[tuple[str, int], Run]:
    """Return the runs of all points, the missing ones made now; all points get a seed before any gets the next.

    Raises:
        ObjectiveError: the objective returned something that is not a value.
        Exception: whatever the objective raised and `catch` does not name; that run is not kept.
    """
    found = stored_runs(study)
    todo = [(p, r) for r in range(repeats) for p in points if (p.key, r) not in found]
    if not todo:
        return found
    line: Any = None
    try:
        executor.open(objective, RerunChannel())
        if wants_progress(progress):
            from tunesmith.study.progress import ProgressLine

            def look() -> None:
                """Find the point with the best mean of its fresh runs so far."""
                values: dict[str, list[float]] = {}
                for (key, _), run in found.copy().items():  # other threads add to it
                    values.setdefault(key, []).append(study.sign * run.value)
                means = [(math.fsum(own) / len(own), point) for point in points if (own := values.get(point.key))]
                if means := [pair for pair in means if math.isfinite(pair[0])]:
                    mean, point = min(means, key=lambda pair: pair[0])
                    line.best, line.best_of = say("best {}", f"{study.sign * mean:.5g}"), told(point.name)

            line = ProgressLine(len(todo), "run", look=look, always=progress is True)
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

    def report(self, number: int, fence: Fence, step: int, value: Reported, cost: float, given: bool) -> bool:
        """Drop a report."""
        return False

    def note(self, number: int, fence: Fence, key: str, value: Any) -> bool:
        """Drop a user attribute."""
        return False

    def log(self, number: int, fence: Fence, metrics: Metrics) -> bool:
        """Drop metrics."""
        return True

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
        trial = Trial(
            number, seed, Proposals(point.space), list(point.x), point.fixed, own_seed=seed_of_repeat(seed, repeat)
        )
        trial.link.metric, trial.link.value, trial.link.sign = self.study.metric, self.study.value, self.study.sign
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
                name = f"{RUN_ATTR}:{point.key}:{repeat}"
                self.study.set_system_attr(name, {"value": run.value, "reason": run.reason})
                self.found[point.key, repeat] = run
            first = first or error
            if self.line is not None:
                self.line.advance()
        return first


def _run_of(event: End, point: Point, catch: Catch) -> tuple[Run | None, BaseException | None]:
    """Return how a run ended, or None; and the error that must stop everything, if any."""
    if isinstance(event, Failed):
        if is_pruned(event.error):
            return Run(math.nan, "it raised TrialPruned"), None
        error = as_fault(event.error)
        reason = name_and_message(error)[:REASON_CHARACTERS]
        return (Run(math.nan, reason), None) if catch.names(error, event.kind) else (None, error)
    missing = sorted(set(event.trial.params) - set(point.params)) if point.number is None else []
    if missing:
        return None, ValueError(f"default= gives no value for {missing}, which the objective asked for")
    outcome, link = outcome_of(event.value, 1), event.trial.link
    if link.value is not None:
        outcome.take_reports(link.whole_curve(), link.value, link.sign)
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
