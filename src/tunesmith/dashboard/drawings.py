"""The figures of a study page: which there are, how each is made, and what its axes show."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tunesmith.dashboard.studies import OpenStudy
from tunesmith.errors import TunesmithError
from tunesmith.history import History, Ints
from tunesmith.languages import Words, say
from tunesmith.state import TrialState
from tunesmith.study import Study
from tunesmith.study.query.columns import Mask
from tunesmith.trial.record import FrozenTrial
from tunesmith.visualization.axes import strongest
from tunesmith.visualization.columns import Indices, read
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures import draw
from tunesmith.visualization.figures.belief import belief
from tunesmith.visualization.figures.contour import contour
from tunesmith.visualization.figures.edf import edf
from tunesmith.visualization.figures.hypervolume_history import hypervolume_history
from tunesmith.visualization.figures.intermediate_values import intermediate_values
from tunesmith.visualization.figures.optimization_history import OptimizationHistory, optimization_history
from tunesmith.visualization.figures.parallel_coordinate import ParallelCoordinate, parallel_coordinate
from tunesmith.visualization.figures.param_importances import param_importances
from tunesmith.visualization.figures.pareto_front import pareto_front
from tunesmith.visualization.figures.rank import rank
from tunesmith.visualization.figures.slice import Slice, slices
from tunesmith.visualization.figures.terminator_improvement import terminator_improvement
from tunesmith.visualization.figures.timeline import timeline
from tunesmith.visualization.plotly_style import name_of

# -- `SeenStudy`: a study of which only some trials are seen, so that every figure can be drawn of them -------------


class SeenStudy(Study):
    """A study as figures read it: with a history that is not read on, and that may hold a part of the trials.

    Args:
        study: the study.
        history: the trials that are seen.
        numbers: their numbers, int64[k]; None: all.
    """

    def __init__(self, study: Study, history: History, numbers: Ints | None = None) -> None:
        self.__dict__.update(study.__dict__)
        self._seen = history
        self._numbers = numbers

    @property
    def history(self) -> History:
        """The trials that are seen, as columns; nothing is read for it."""
        return self._seen

    @property
    def trials(self) -> list[FrozenTrial]:
        """Records of the trials that are seen."""
        return self.get_trials()

    def get_trials(
        self,
        deepcopy: bool = True,
        states: Iterable[TrialState] | None = None,
        *,
        numbers: Iterable[int] | None = None,
    ) -> list[FrozenTrial]:
        """Return records of the trials that are seen.

        Args:
            deepcopy: accepted for porting.
            states: only trials in these states; None: all.
            numbers: only trials of these numbers, seen or not; None: all that are seen.
        """
        found = super().get_trials(deepcopy, states, numbers=numbers)
        if self._numbers is None or numbers is not None:
            return found
        wanted = frozenset(self._numbers.tolist())
        return [t for t in found if t.number in wanted]


def seen(opened: OpenStudy, rows: Mask | None) -> SeenStudy:
    """Return a study with some of its trials.

    Args:
        opened: the study.
        rows: which rows of its table are seen, bool[n]; None: all.
    """
    if rows is None:
        return SeenStudy(opened.study, opened.history)
    numbers = opened.table().number[rows]
    with opened.lock:
        return SeenStudy(opened.study, part_of(opened.history, numbers), numbers)


def part_of(history: History, numbers: Ints) -> History:
    """Return a history with some of the trials of another one.

    Its curves are those of all trials, since to copy them takes seconds: who reads them asks for those of its trials.

    Args:
        history: all trials.
        numbers: of those that are wanted, int64[k].
    """
    space = history.space
    made = History(space, history.n_objectives)
    rows = np.flatnonzero(np.isin(history.number, numbers))
    limits = {}
    if history.c.shape[1]:
        limits = {i: {str(k): float(v) for k, v in enumerate(c) if v == v} for i, c in enumerate(history.c[rows])}
    made.extend(
        history.number[rows],
        history.state[rows],
        history.y[rows],
        [] if space is None or not len(rows) else [(space, np.arange(len(rows)), history.points(space)[rows])],
        sampler_state=history.sampler_state[rows],
        cost=history.cost[rows],
        failure=history.failure[rows],
        constraints=limits,
        noise={i: sd for i, sd in enumerate(history.noise[rows].tolist()) if sd[0] == sd[0]},
    )
    pending = history.pending
    points = None if space is None else history.pending_points(space)
    for i in np.flatnonzero(np.isin(pending.number, numbers)).tolist():
        made.begin(int(pending.number[i]), space, None if points is None else points[i].tolist())
    made.curves = history.curves
    return made


# -- makes figures of very many trials lighter than a file's or a notebook's, since a page fetches many of the -----

POINTS, LINES, PANELS = 1000, 1200, 8000  # of a history, of parallel coordinates, and of all panels of slices together


def lighter(data: FigureData) -> FigureData:
    """Return a figure with fewer points, where it has very many; the best and the selected ones stay."""
    if isinstance(data, Slice):
        return _with_rows(data, PANELS // max(1, len(data.axes)))
    if isinstance(data, ParallelCoordinate):
        return _with_rows(data, LINES)
    if isinstance(data, OptimizationHistory) and len(data.series) == 1 and len(data.series[0].number) > POINTS:
        series = data.series[0]
        index = _chosen(len(series.number), np.flatnonzero(series.selected), POINTS, series.value)
        of_rows = ("number", "value", "pruned", "feasible", "selected")
        thinned = replace(series, **{name: getattr(series, name)[index] for name in of_rows})
        return replace(data, series=(thinned,), notes=_notes(data, len(index)))
    return data


def _with_rows(data: Slice | ParallelCoordinate, most: int) -> FigureData:
    """Return slices or parallel coordinates with so many of their trials."""
    n = len(data.number)
    if n <= most:
        return data
    keep = np.flatnonzero(data.selected)
    index = _chosen(n, keep if data.best < 0 else np.append(keep, data.best), most, data.value)
    of_rows = [name for name in ("number", "value", "feasible", "pruned", "failed", "selected") if hasattr(data, name)]
    best = -1 if data.best < 0 else int(np.flatnonzero(index == data.best)[0])
    changes: dict[str, Any] = {name: getattr(data, name)[index] for name in of_rows}
    axes = tuple(axis.rows(index) for axis in data.axes)
    return replace(data, **changes, axes=axes, best=best, notes=_notes(data, len(index)))


def _chosen(n: int, keep: Indices, most: int, value: Any) -> Indices:
    """Return rows: those to keep, those with the lowest and the highest values, and others evenly."""
    order = np.argsort(np.nan_to_num(value, nan=0.0), kind="stable")
    ends = np.concatenate([order[: most // 8], order[-(most // 8) :]])
    even = np.linspace(0, n - 1, max(2, most - len(ends) - len(keep))).astype(np.intp)
    return np.unique(np.concatenate([keep, ends, even]).astype(np.intp))


def _notes(data: FigureData, shown: int) -> tuple[str, ...]:
    """Return the notes, with how many are drawn now."""
    found = [re.sub(r"^[\d,]+(?= of [\d,]+ \w+ drawn)", f"{shown:,}", note) for note in data.notes]
    return tuple(found)


MOST_WEIGHED = 50_000  # trials by which the importance of parameters is told
Names = list[str] | None  # of parameters; None: those that the figure chooses
Make = Callable[[Study, int | None, Names], FigureData]  # of the objective that is shown; None: there is one
TABS = {"overview": "Overview", "curves": "Curves", "parameters": "Parameters", "timeline": "Timeline"}
TABS |= {"model": "Model's view"}  # the tabs with figures; the one of trials has the table


@dataclass(frozen=True)
class Drawing:
    """One figure of a study page.

    Attributes:
        name: in the address.
        title: its heading.
        tab: where it is shown.
        make: makes its arrays.
        several: whether it is for studies with several objectives ("only", "too" with one chosen, or "no").
        takes: how many parameters a reader can pick for it.
        small: whether it is shown as many small panels where no parameter is picked.
    """

    name: str
    title: str
    tab: str
    make: Make
    several: str = "too"
    takes: int = 0
    small: bool = False

    def is_for(self, objectives: int) -> bool:
        """Tell whether it can be drawn of a study with so many objectives."""
        return {"only": objectives > 1, "too": True, "no": objectives == 1}[self.several]


def front_of(study: Study, objective: int | None) -> FigureData:
    """Return the Pareto front over two objectives; of more than two over a chosen one and the next one."""
    m = len(study.directions)
    return pareto_front(study, targets=None if m == 2 else two_of(objective or 0, m))


def importances_of(study: Study, objective: int | None) -> FigureData:
    """Return the importance of the parameters; of very many trials, by some of them, evenly over the search."""
    n = len(study.history)
    if n <= MOST_WEIGHED:
        return param_importances(study, target=objective)
    numbers = study.history.number[np.linspace(0, n - 1, MOST_WEIGHED).astype(np.intp)]
    data = param_importances(SeenStudy(study, part_of(study.history, numbers), numbers), target=objective)
    return replace(data, notes=(say("from {:,} of {:,} trials", MOST_WEIGHED, n), *data.notes))


def slices_of(study: Study, objective: int | None, names: Names) -> FigureData:
    """Return the value against some parameters; against all of them, those that matter most first, if none is named."""
    return slices(study, names or parameters_of(study, objective) or None, target=objective)


def contour_of(study: Study, objective: int | None, names: Names) -> FigureData:
    """Return contours over two parameters; over the two that matter most, if none are named."""
    return contour(study, names or parameters_of(study, objective)[:2] or None, target=objective)


def parameters_of(study: Study, objective: int | None) -> list[str]:
    """Return the names of all parameters, those first whose order goes best with the value's.

    Args:
        study: the study.
        objective: whose value; None: there is one.
    """
    return strongest(read(study, objective))


def two_of(objective: int, objectives: int) -> list[int]:
    """Return the two objectives that the figure of a front shows, in their order."""
    return [0, 1] if objectives == 2 else sorted([objective, (objective + 1) % objectives])


DRAWINGS = {
    d.name: d
    for d in (
        Drawing("front", "Pareto front", "overview", lambda s, k, _: front_of(s, k), "only"),
        Drawing(
            "history", "History", "overview", lambda s, k, _: optimization_history(s, target=k, show_failed=True)
        ),
        Drawing("hypervolume", "Hypervolume", "overview", lambda s, *_: hypervolume_history(s), "only"),
        Drawing("edf", "Distribution of values", "overview", lambda s, k, _: edf(s, target=k)),
        Drawing("curves", "Intermediate values", "curves", lambda s, k, _: intermediate_values(s, target=k)),
        Drawing("slice", "Value by parameter", "parameters", slices_of, takes=1, small=True),
        Drawing("importance", "Importance of parameters", "parameters", lambda s, k, _: importances_of(s, k)),
        Drawing(
            "parallel", "Parallel coordinates", "parameters", lambda s, k, _: parallel_coordinate(s, target=k)
        ),
        Drawing(
            "rank", "Ranks over pairs of parameters", "parameters", lambda s, k, p: rank(s, p, target=k), takes=2,
            small=True,
        ),
        Drawing("timeline", "Timeline", "timeline", lambda s, *_: timeline(s)),
        Drawing("belief", "What the model believes", "model", lambda s, k, p: belief(s, p, objective=k), takes=1),
        Drawing("contour", "Contours of what a model expects", "model", contour_of, takes=2),
        Drawing("gain", "What is left to gain", "model", lambda s, *_: terminator_improvement(s), "no"),
    )
}  # fmt: skip


def drawing(name: str, study: Study, objective: int, words: Words, names: Names = None) -> dict[str, Any]:
    """Return a figure as JSON: what plotly.js draws, its sentence, its notes, and the columns along its axes.

    Args:
        name: of the figure.
        study: the trials.
        objective: which one is shown, where there are several.
        words: the language.
        names: the parameters that a reader picked; None: none.

    Returns:
        ``{"missing": sentence}`` where there is nothing to draw.
    """
    chosen = DRAWINGS[name]
    try:
        data = lighter(chosen.make(study, objective if len(study.directions) > 1 else None, names))
    except (TunesmithError, ValueError) as error:
        return missing(error, words)
    if name == "parallel" or (chosen.small and not names):
        data = data.in_language(words)
        drawn_as = "parallel" if name == "parallel" else "panels"
        return {drawn_as: data.to_dict(), "summary": data.summary, "notes": list(data.notes)}
    return as_page_has_it(data, words, columns_of(data, objective, len(study.directions)))


def missing(error: Exception, words: Words) -> dict[str, Any]:
    """Return what a page gets in the place of a figure: why there is none."""
    why = error.args[0] if error.args else ""
    told = words.said(why) if isinstance(why, str) else str(error)
    return {"missing": re.sub(r"^plot_\w+[:：] *", "", told)}  # a reader of a page has called no function


def as_page_has_it(data: FigureData, words: Words, axes: Mapping[str, str]) -> dict[str, Any]:
    """Return a figure as pages draw it.

    Args:
        data: the figure.
        words: the language.
        axes: the column of the trials along each axis that can be brushed.
    """
    data = data.in_language(words)
    figure = draw(data, words)
    figure["layout"].pop("title", None)  # the page has a heading and the notes
    return {"figure": figure, "summary": data.summary, "notes": list(data.notes), "axes": dict(axes)}


def columns_of(data: Any, objective: int, objectives: int) -> dict[str, str]:
    """Return which column of the trials is along each axis of a figure, such as {"x": "number"}.

    Args:
        data: the figure.
        objective: which one it shows.
        objectives: how many there are.
    """
    value = "value" if objectives == 1 else f"values[{objective}]"
    if data.kind == "optimization_history":
        return {"x": "number", "y": value}
    if data.kind == "edf":
        return {"x": value}
    if data.kind == "pareto_front" and len(data.targets) == 2:
        i, j = two_of(objective, objectives)
        return {"x": f"values[{i}]", "y": f"values[{j}]"}
    found: dict[str, str] = {}
    if data.kind == "slice":
        for k, axis in enumerate(data.axes):
            found |= {f"x{name_of(k)}": column_name(axis.name), f"y{name_of(k)}": value}
    if data.kind == "belief":
        for k, panel in enumerate(data.panels):
            found |= {f"x{name_of(k)}": column_name(panel.axis.name), f"y{name_of(k)}": value}
    if data.kind in ("contour", "rank"):
        names = [axis.name for axis in data.axes]
        pairs = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
        for k, (i, j) in enumerate(pairs):
            found |= {f"x{name_of(k)}": column_name(names[i]), f"y{name_of(k)}": column_name(names[j])}
    return found


def column_name(parameter: str) -> str:
    """Return the column of a parameter."""
    return f"params.{parameter}"
