"""The history of a search: the value of each trial, and the best so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import shown
from tunesmith.selection.wording import count
from tunesmith.visualization.axes import beyond, ends_of
from tunesmith.visualization.columns import (
    Floats,
    Ints,
    Mask,
    StudyColumns,
    Target,
    read_all,
)
from tunesmith.visualization.figure import FigureData, join, short
from tunesmith.visualization.figures.timeline import UNITS
from tunesmith.visualization.plotly_style import (
    GREY,
    ORANGE,
    SERIES,
    VERMILION,
    Dict,
    axis,
    framed,
    markup_free,
    scatter,
)
from tunesmith.visualization.thinning import POINTS_DRAWN, drawn_note, thin_points

if TYPE_CHECKING:
    from tunesmith.study.snapshot import Snapshot
    from tunesmith.study.study import Study


FIGURE = "plot_optimization_history"
ALONG = {"number": "trial", "time": "time ({})", "cost": "cost so far"}  # what may be along x


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
        at: where the trials lie along x [k].
        step_at: where the best value so far changes along x [s].
        failed_at: where the failed trials lie along x.
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
    at: NDArray[Any]
    step_at: NDArray[Any]
    failed_at: NDArray[Any]


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
        along: what is along x, in words.
        log: whether the axis of values is logarithmic.
    """

    kind: ClassVar[str] = "optimization_history"
    target: str
    series: tuple[HistorySeries, ...]
    ends: tuple[float, float]
    means: MeanOverStudies | None = None
    along: str = "trial"
    log: bool = False

    def by_plotly(self) -> Dict:
        """Return the figure: points, and the best so far as a line."""
        several = len(self.series) > 1
        traces: list[Dict] = []
        if self.means is not None:
            traces = _means_traces(self.means, self.target)
        else:
            for i, series in enumerate(self.series):
                traces += _series_traces(series, SERIES[i % len(SERIES)] if several else None, self)
        layout: Dict = {"xaxis": axis(self.along), "yaxis": axis(self.target), "showlegend": len(traces) > 1}
        low, high = map(math.log10, self.ends) if self.log else self.ends
        span = (high - low) or abs(high) or 1.0
        if self.log:
            layout["yaxis"]["type"] = "log"
        failed = [s for s in self.series if len(s.failed)] if self.means is None else []
        if self.means is None:
            layout["yaxis"]["range"] = [low - (0.12 if failed else 0.05) * span, high + 0.05 * span]
        for s in failed:
            foot = low - 0.07 * span
            at = np.full(len(s.failed), 10.0**foot if self.log else foot)
            cross = {"symbol": "x", "color": VERMILION, "size": 6}
            traces.append(
                scatter(
                    short(s.failed_at),
                    short(at),
                    "failed",
                    marker=cross,
                    customdata=s.failed.tolist(),
                    hovertemplate="trial %{customdata} (failed)<extra></extra>",
                )
            )
        return framed(self, traces, layout)


@checked("target")
def plot_optimization_history(
    study: Study | Snapshot | Iterable[Study | Snapshot] | Mapping[str, Study | Snapshot],
    *,
    target: Target = None,
    target_name: str | None = None,
    error_bar: bool = False,
    show_pruned: bool = False,
    show_failed: bool = False,
    x: str = "number",
    log: bool = False,
    best_only: bool = False,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot the value of each trial, and the best so far.

    Args:
        study: a study, a list of studies, or a dict of them by name; so is a fitted search in place of a study.
        target: what to show: None, the objective; a number, that objective; "user_attrs_NAME", a user attribute; or a
            function of a `FrozenTrial` that returns a number.
        target_name: what to call it; None: as the study does.
        error_bar: show mean and standard deviation over the studies, in place of each study.
        show_pruned: show trials that were stopped early, by their last report.
        show_failed: show at which numbers trials failed.
        x: what is along x: "number", of the trial; "time", when it ended; or "cost", what all had cost by then.
        log: show values on a logarithmic axis, which has positive ones alone.
        best_only: show only trials that were the best when they ended.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: no study has a complete trial with a finite value; or, with `log`, with a positive one; or
            no trial has a time or a cost.
        ValueError: there is no such `x`, or it is not "number" though `error_bar` asks for means by number; or a study
            has several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    if x not in ALONG or (error_bar and (x != "number" or best_only)):
        known = '"number" with error_bar=True, without best_only' if error_bar else " or ".join(map(repr, ALONG))
        raise ValueError(f"x takes {known}; got {shown(x)}")
    tables = read_all(study, target, target_name, FIGURE)
    below = 0
    if log:
        below = sum(int((t.value[_shown(t, show_pruned)] <= 0.0).sum()) for t in tables.values())
        tables = {n: replace(t, value=np.where(t.value > 0.0, t.value, np.nan)) for n, t in tables.items()}
        next((t for t in tables.values() if t.complete.any()), next(iter(tables.values()))).need(FIGURE)
    most = max(POINTS_DRAWN // len(tables), 100)
    series = tuple(_series(n, t, show_pruned, show_failed, selected, most, x, best_only) for n, t in tables.items())
    unit, series = _in_unit(series) if x == "time" else ("", series)
    of_rows = [_best_rows(t) if best_only else _shown(t, show_pruned) for t in tables.values()]
    drawn, n = sum(len(s.number) for s in series), sum(int(rows.sum()) for rows in of_rows)
    names = list(dict.fromkeys(t.target for t in tables.values()))
    values = np.concatenate([t.value[rows] for t, rows in zip(tables.values(), of_rows, strict=True)])
    maximize = next(iter(tables.values())).maximize
    ends = ends_of(np.log10(values) if log else values, maximize)
    ends = (10.0 ** ends[0], 10.0 ** ends[1]) if log else ends
    left = (say("{:,} values that are not positive left out", below),) if below else ()
    return OptimizationHistory(
        title="Optimization history",
        summary=join(_sentence(name, t, len(tables) > 1) for name, t in tables.items()),
        notes=() if error_bar else (*drawn_note(drawn, n), *beyond(values, ends), *left),
        target=joined_texts(names, " / "),
        series=series,
        ends=ends,
        means=_means(list(tables.values())) if error_bar else None,
        along=say(ALONG[x], unit) if unit else say(ALONG[x]),
        log=log,
    ).drawn(backend)


optimization_history: Callable[..., OptimizationHistory] = partial(plot_optimization_history, backend="arrays")


def _shown(t: StudyColumns, show_pruned: bool) -> Mask:
    pruned = t.is_in(TrialState.PRUNED) & np.isfinite(t.value)
    return t.complete | pruned if show_pruned else t.complete


def _best_rows(t: StudyColumns) -> Mask:
    """Return which trials were the best when they ended."""
    found = np.zeros(len(t.number), bool)
    found[best_so_far(t)[2]] = True
    return found


def _series(
    name: str, t: StudyColumns, show_pruned: bool, show_failed: bool, selected: Sequence[int], most: int,
    x: str, best_only: bool,
) -> HistorySeries:  # fmt: skip
    rows = np.flatnonzero(_best_rows(t) if best_only else _shown(t, show_pruned))
    rows = rows[np.argsort(t.number[rows], kind="stable")]
    chosen = t.rows_of(selected)
    keep = chosen.copy()
    step_number, step_value, at = best_so_far(t, by_end=x != "number")
    keep[at[-most // 2 :]] = True
    if t.best is not None:
        keep[t.best] = True
    index = rows[thin_points(t.number[rows].astype(float), t.value[rows], keep[rows], most)]
    failed = np.sort(t.number[t.is_in(TrialState.FAIL)]) if show_failed and not best_only else np.empty(0, np.int64)
    failed = failed if x == "number" else failed[:: max(1, len(failed) // most)]
    along = _along(t, x, np.concatenate([t.number[index], step_number, failed]))
    at_x, step_at, failed_at = np.split(along, [len(index), len(index) + len(step_number)])
    return HistorySeries(
        name,
        t.number[index],
        t.value[index],
        t.feasible[index],
        t.is_in(TrialState.PRUNED)[index],
        chosen[index],
        step_number,
        step_value,
        failed,
        at_x,
        step_at,
        failed_at,
    )


def _along(t: StudyColumns, x: str, number: Ints) -> NDArray[Any]:
    """Return where trials lie along x, by their numbers: the seconds until they ended, of "time"."""
    if x == "number":
        return number
    if x == "cost":
        order, spent = np.argsort(t.number), np.cumsum(np.nan_to_num(t.seen.history.cost))
        found = spent[order[np.searchsorted(t.number, number, sorter=order)]]
    else:
        ended, first = dict[int, float](), math.nan
        for trial in t.seen.get_trials(numbers=sorted({*number.tolist(), int(t.number.min())})):
            ended[trial.number], first = trial.finished, np.fmin(first, trial.started)
        found = np.array([ended[k] for k in number.tolist()]) - first
    if not (found > 0.0).any():
        pattern = "{}: no trial of {} has a time" if x == "time" else "{}: no trial of {} has a cost"
        raise NothingToDrawError(say(pattern, FIGURE, repr(t.name)))
    return found


def _in_unit(series: tuple[HistorySeries, ...]) -> tuple[str, tuple[HistorySeries, ...]]:
    """Return a unit of time that fits, and the series in it."""
    span = max(float(np.nanmax(np.concatenate([s.at, s.failed_at]), initial=0.0)) for s in series)
    _, size, unit = next(u for u in UNITS if span >= u[0])
    times = ("at", "step_at", "failed_at")
    return say(unit), tuple(replace(s, **{name: getattr(s, name) / size for name in times}) for s in series)


def best_so_far(t: StudyColumns, by_end: bool = False) -> tuple[Ints, Floats, Ints]:
    """Return where the best feasible value changes: trial numbers and values [s], the last trial once more; and rows.

    Empty where it is not known what is good, or nothing is.

    Args:
        t: the trials.
        by_end: in the order in which they ended, in place of that of their numbers.
    """
    rows = np.flatnonzero(t.complete & t.feasible)
    if t.maximize is None or not len(rows):
        return np.empty(0, np.int64), np.empty(0), np.empty(0, np.int64)
    rows = rows if by_end else rows[np.argsort(t.number[rows], kind="stable")]
    lowest = np.minimum.accumulate(t.loss[rows])
    at = rows[np.flatnonzero(np.append(True, lowest[1:] < lowest[:-1]))]
    numbers, values = t.number[at], t.value[at]
    last = int(t.number[-1] if by_end else t.number.max())
    if last != numbers[-1]:
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
    index = thin_points(known.astype(float), mean)
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
    if first == best:
        value, trial = number_text(t.value[best]), t.number[best]
        return say("{}Over {} {}: the first is the best, {}, in trial {}.", head, trials, goal, value, trial)
    return say(
        "{}Over {} {}: from {} in trial {} to the best, {}, in trial {}.",
        head, trials, goal, number_text(t.value[first]), t.number[first], number_text(t.value[best]), t.number[best],
    )  # fmt: skip


def _series_traces(s: HistorySeries, colour: str | None, data: OptimizationHistory) -> list[Dict]:
    several = colour is not None

    def said_of(word: str) -> str:
        return say("{}: {}", s.name, say(word)) if several else say(word)

    kinds = [
        ("trials", ~s.pruned & s.feasible, {"color": colour or SERIES[0], "size": 5, "opacity": 0.55}),
        ("infeasible", ~s.pruned & ~s.feasible, {"color": GREY, "size": 5, "symbol": "x"}),
        ("pruned, last report", s.pruned, {"color": ORANGE, "size": 5, "symbol": "circle-open"}),
    ]
    traces = []
    for word, rows, marker in kinds:
        if rows.any():
            numbers, values = s.number[rows].tolist(), s.value[rows].tolist()
            value = f"{markup_free(data.target)} %{{customdata[1]}}"
            traces.append(
                scatter(
                    short(s.at[rows]),
                    short(np.clip(s.value[rows], *data.ends)),
                    s.name if several and word == "trials" else said_of(word),
                    marker=marker,
                    legendgroup=markup_free(s.name, 60) if several else word,
                    customdata=[[k, f"{v:.6g}"] for k, v in zip(numbers, values, strict=True)],
                    hovertemplate=f"trial %{{customdata[0]}}<br>{value}<extra></extra>",
                )
            )
    if len(s.step_number):
        line = {"shape": "hv", "color": colour or VERMILION, "width": 2}
        traces.append(
            scatter(
                short(s.step_at),
                short(s.step_value),
                said_of("best so far"),
                mode="lines",
                line=line,
                legendgroup=markup_free(s.name, 60) if several else "best",
                showlegend=not several,
            )
        )
    if s.selected.any():
        marker = {"color": "rgba(0,0,0,0)", "size": 11, "line": {"color": "black", "width": 2}}
        rows = s.selected
        traces.append(
            scatter(short(s.at[rows]), short(np.clip(s.value[rows], *data.ends)), said_of("selected"), marker=marker)
        )
    return traces


def _means_traces(m: MeanOverStudies, target: str) -> list[Dict]:
    traces = []
    for word, mean, sd, colour in (
        (say("mean {}", target), m.mean, m.sd, SERIES[0]),
        (say("mean of the best so far"), m.best_mean, m.best_sd, SERIES[1]),
    ):
        known = np.isfinite(mean)
        x, low, high = m.number[known].tolist(), short((mean - sd)[known]), short((mean + sd)[known])
        band = scatter(x + x[::-1], high + low[::-1], say("{} ± sd", word), mode="lines", fill="toself")
        traces.append({**band, "line": {"width": 0, "color": colour}, "opacity": 0.25, "hoverinfo": "skip"})
        traces.append(scatter(x, short(mean[known]), word, mode="lines", line={"color": colour, "width": 2}))
    return traces
