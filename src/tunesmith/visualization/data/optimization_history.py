"""The history of a search: the value of each trial, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.languages import say
from tunesmith.selection.wording import count
from tunesmith.state import TrialState
from tunesmith.visualization.data.base import FigureData, join, number
from tunesmith.visualization.data.columns import (
    Floats,
    Ints,
    Mask,
    StudyColumns,
    Target,
    read_all,
)
from tunesmith.visualization.data.ends import beyond, ends_of
from tunesmith.visualization.data.thinning import MOST, drawn, thin


@dataclass(frozen=True, eq=False)
class HistorySeries:
    """One study.

    Attributes:
        name: of the study.
        number: the trials that are drawn, int64[k].
        value: their values [k].
        feasible: which of them violate no constraint [k].
        pruned: which of them were stopped early; their value is the last report [k].
        selected: which of them somebody asked for [k].
        step_number: where the best value so far changes, and the last trial, int64[s].
        step_value: the best value so far from there on [s]; empty where it is not known what is good.
        failed: numbers of failed trials, if they are shown.
    """

    name: str
    number: Ints
    value: Floats
    feasible: Mask
    pruned: Mask
    selected: Mask
    step_number: Ints
    step_value: Floats
    failed: Ints


@dataclass(frozen=True, eq=False)
class MeanOverStudies:
    """The mean over studies, with one standard deviation, by trial number [k]; NaN where no study has a value."""

    number: Ints
    mean: Floats
    sd: Floats
    best_mean: Floats
    best_sd: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class OptimizationHistory(FigureData):
    """Values by trial number.

    Attributes:
        target: what is shown.
        series: one a study.
        ends: of the axis of values (low, high); what lies beyond is drawn at its edge.
        means: over the studies, if asked for; drawn in place of the series.
    """

    kind: ClassVar[str] = "optimization_history"
    target: str
    series: tuple[HistorySeries, ...]
    ends: tuple[float, float]
    means: MeanOverStudies | None = None


def optimization_history(
    study: Any,
    *,
    target: Target = None,
    target_name: str | None = None,
    error_bar: bool = False,
    show_pruned: bool = False,
    show_failed: bool = False,
    selected: Sequence[int] = (),
) -> OptimizationHistory:
    """Return values by trial number, and the best so far.

    Args:
        study: a study, a list of them or a dict of them by name.
        target: what to show, see `tunesmith.visualization.data.columns.read`.
        target_name: what to call it.
        error_bar: mean and standard deviation over the studies, in place of each study.
        show_pruned: show trials that were stopped early, by their last report.
        show_failed: show at which numbers trials failed.
        selected: numbers of trials to emphasise.

    Returns:
        The arrays.

    Raises:
        NothingToDrawError: no study has a complete trial with a finite value.
        ValueError: a study has several objectives and the target does not say which.
    """
    tables = read_all(study, target, target_name, "plot_optimization_history")
    most = max(MOST // len(tables), 100)
    series = tuple(_series(n, t, show_pruned, show_failed, selected, most) for n, t in tables.items())
    shown, n = sum(len(s.number) for s in series), sum(int(_shown(t, show_pruned).sum()) for t in tables.values())
    names = list(dict.fromkeys(t.target for t in tables.values()))
    values = np.concatenate([t.value[_shown(t, show_pruned)] for t in tables.values()])
    ends = ends_of(values, next(iter(tables.values())).maximize)
    return OptimizationHistory(
        title="Optimization history",
        summary=join(_sentence(name, t, len(tables) > 1) for name, t in tables.items()),
        notes=() if error_bar else (*drawn(shown, n), *beyond(values, ends)),
        target=" / ".join(names),
        series=series,
        ends=ends,
        means=_means(list(tables.values())) if error_bar else None,
    )


def _shown(t: StudyColumns, show_pruned: bool) -> Mask:
    pruned = t.is_in(TrialState.PRUNED) & np.isfinite(t.value)
    return t.complete | pruned if show_pruned else t.complete


def _series(
    name: str, t: StudyColumns, show_pruned: bool, show_failed: bool, selected: Sequence[int], most: int
) -> HistorySeries:
    rows = np.flatnonzero(_shown(t, show_pruned))
    rows = rows[np.argsort(t.number[rows], kind="stable")]
    chosen = t.rows_of(selected)
    keep = chosen.copy()
    step_number, step_value, at = best_so_far(t)
    keep[at[-most // 2 :]] = True
    if t.best is not None:
        keep[t.best] = True
    index = rows[thin(t.number[rows].astype(float), t.value[rows], keep[rows], most)]
    return HistorySeries(
        name,
        t.number[index],
        t.value[index],
        t.feasible[index],
        t.is_in(TrialState.PRUNED)[index],
        chosen[index],
        step_number,
        step_value,
        np.sort(t.number[t.is_in(TrialState.FAIL)]) if show_failed else np.empty(0, np.int64),
    )


def best_so_far(t: StudyColumns) -> tuple[Ints, Floats, Ints]:
    """Return where the best feasible value changes: trial numbers and values [s], the last trial once more; and rows.

    Empty where it is not known what is good, or nothing is.
    """
    rows = np.flatnonzero(t.complete & t.feasible)
    if t.maximize is None or not len(rows):
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    rows = rows[np.argsort(t.number[rows], kind="stable")]
    lowest = np.minimum.accumulate(t.loss[rows])
    at = rows[np.flatnonzero(np.append(True, lowest[1:] < lowest[:-1]))]
    numbers, values = t.number[at], t.value[at]
    last = int(t.number.max())
    if last > numbers[-1]:
        numbers, values = np.append(numbers, last), np.append(values, values[-1])
    return numbers, values, at


def _means(tables: list[StudyColumns]) -> MeanOverStudies:
    last = max(int(t.number.max()) for t in tables if len(t.number))
    value, best = np.full((2, len(tables), last + 1), np.nan)
    for i, t in enumerate(tables):
        value[i, t.number[t.complete]] = t.value[t.complete]
        numbers, values, _ = best_so_far(t)
        for a, b, v in zip(numbers, np.append(numbers[1:], last + 1), values, strict=True):
            best[i, a:b] = v
    known = np.flatnonzero((~np.isnan(value)).any(axis=0))
    mean, sd = mean_sd(value[:, known])
    best_mean, best_sd = mean_sd(best[:, known])
    index = thin(known.astype(float), mean)
    return MeanOverStudies(known[index], mean[index], sd[index], best_mean[index], best_sd[index])


def mean_sd(a: Floats) -> tuple[Floats, Floats]:
    """Return mean and standard deviation over the rows of a[k, n] that are not NaN, shape [n]; NaN where all are."""
    known = ~np.isnan(a)
    count = known.sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(known, a, 0.0).sum(axis=0) / count
        sd = np.sqrt(np.where(known, (a - mean) ** 2, 0.0).sum(axis=0) / count)
    return mean, sd


def _sentence(name: str, t: StudyColumns, several: bool) -> str:
    goal = say({True: "{} is maximized", False: "{} is minimized", None: "{} is shown"}[t.maximize], t.target)
    head = say("{}: ", name) if several else ""
    trials = count(int(t.complete.sum()), "complete trial")
    if t.best is None:
        return say("{}Over {} {}.", head, trials, goal)
    first, best = int(np.flatnonzero(t.complete & t.feasible)[0]), t.best
    return say(
        "{}Over {} {}: from {} in trial {} to the best, {}, in trial {}.",
        head, trials, goal, number(t.value[first]), t.number[first], number(t.value[best]), t.number[best],
    )  # fmt: skip
