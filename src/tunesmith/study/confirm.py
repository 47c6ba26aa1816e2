"""Confirmation: runs the leaders of a search and the default again with fresh seeds, and chooses among them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.selection import Report
from tunesmith.selection.intervals import check_level
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.study.adopt import row_of
from tunesmith.study.engine.replica import StudyReplica
from tunesmith.study.optimize import ParamsObjective, check_objective, checked_catch, choose_executor
from tunesmith.study.recommend import Candidates, candidates, rows_of
from tunesmith.study.reruns import Point, Run, drop_stored_runs, run_again
from tunesmith.study.savings import note_on_partial

Floats = NDArray[np.float64]
ONLY_SEEDS = (
    "The runs differed in their seeds only: what else the objective holds fixed, such as its data and how they are "
    "split, is not accounted for."
)


def confirm(
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
    show_progress: bool,
    takes_params: bool,
) -> Report:
    """Do what `tunesmith.Study.confirm` says, where the arguments are explained."""
    study.check_single_objective("confirm()", "best_trials")
    check(top_k, repeats, level)
    check_objective(objective)
    errors, executor = checked_catch(catch), choose_executor(None, n_jobs)
    points, at, found = leaders(study, top_k, default, level)
    if takes_params and (space := study.current_history().space) is not None:
        objective = ParamsObjective(objective, space)
    if not resume:
        drop_stored_runs(study)
    runs = run_again(study, objective, points, repeats, executor, errors, show_progress)
    return report(study, points, at, found, runs, repeats, prefer_default, level)


def check(top_k: Any, repeats: Any, level: Any) -> None:
    """Raise unless these are numbers of points and of repeats, and the level of an interval.

    Raises:
        ValueError: one of them is no integer from 1, or no level.
    """
    check_level(level)
    for name, value in (("top_k", top_k), ("repeats", repeats)):
        if isinstance(value, bool) or not isinstance(value, Integral) or value < 1:
            raise ValueError(f"{name} must be an integer, 1 or more; got {value!r}")


def leaders(
    study: StudyReplica, top_k: int, default: Mapping[str, Any] | None, level: float
) -> tuple[list[Point], int | None, Candidates]:
    """Return the points to run again, the place of the default among them (None: there is none), and the candidates.

    Args:
        study: the search.
        top_k: how many points, the best by expected value.
        default: parameters; None: the first enqueued trial whose parameters were all given.
        level: of the candidates' intervals.

    Raises:
        ValueError: no trial is complete and feasible yet, or the default is no point of the space.
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
        return row_of(space, params)
    space.validate(params, partial=True)
    flat = space.flat(params)
    return [p.to_internal(flat[name]) if name in flat else math.nan for name, p in space.params.items()]


def report(
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
    notes = _failures(points, runs, repeats)
    if (note := note_on_partial(study.current_history())) is not None:
        notes = (*notes, note)
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
    mean, cov = _expected(study, points, found)
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


def _expected(study: StudyReplica, points: list[Point], found: Candidates) -> tuple[Floats, Floats]:
    """Return what the search's model expects at the points [C], and the covariances [C, C]; NaN without a model."""
    space = study.history.space
    if found.model is None or space is None:
        c = len(points)
        return np.full(c, math.nan), np.full((c, c), math.nan)
    tried = [p.number for p in points if p.number is not None]
    known = dict(zip(tried, rows_of(study.history, space, tried), strict=True))
    x = np.array([p.x if p.number is None else known[p.number] for p in points])
    return found.model.judge(x).value, found.model.covariance(x)


def _failures(points: list[Point], runs: Mapping[tuple[str, int], Run], repeats: int) -> tuple[str, ...]:
    told = []
    for point in points:
        bad = [run for r in range(repeats) if not math.isfinite((run := runs[point.key, r]).value)]
        if bad:
            told.append(
                f"{point.name.capitalize()} is out: {len(bad)} of its {repeats} fresh runs gave no value "
                f"({(bad[0].reason or 'no reason given').splitlines()[0]})."
            )
    return tuple(told)
