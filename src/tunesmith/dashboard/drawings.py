"""The figures of a study page: which there are, how each is made, and what its axes show."""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tunesmith.errors import TunesmithError
from tunesmith.foundation.languages import Words, say
from tunesmith.study.snapshot import Snapshot
from tunesmith.visualization.axes import Axis, strongest
from tunesmith.visualization.columns import Indices, read_columns
from tunesmith.visualization.figure import FigureData, as_json
from tunesmith.visualization.figures import draw
from tunesmith.visualization.figures.belief import belief
from tunesmith.visualization.figures.contour import contour
from tunesmith.visualization.figures.edf import edf
from tunesmith.visualization.figures.hypervolume_history import hypervolume_history
from tunesmith.visualization.figures.intermediate_values import intermediate_values
from tunesmith.visualization.figures.metrics import metrics
from tunesmith.visualization.figures.optimization_history import OptimizationHistory, optimization_history
from tunesmith.visualization.figures.parallel_coordinate import ParallelCoordinate, parallel_coordinate
from tunesmith.visualization.figures.param_importances import ParamImportances, param_importances
from tunesmith.visualization.figures.pareto_front import pareto_front
from tunesmith.visualization.figures.rank import Rank, rank
from tunesmith.visualization.figures.slice import Slice, slices
from tunesmith.visualization.figures.terminator_improvement import terminator_improvement
from tunesmith.visualization.figures.timeline import timeline
from tunesmith.visualization.plotly_style import name_of
from tunesmith.visualization.svg_style import as_svg as svg_drawing
from tunesmith.visualization.svg_style import said_of_points, small

# -- makes figures of very many trials lighter than a file's or a notebook's, since a page fetches many of them -----

POINTS, LINES, PANELS = 1000, 1200, 8000  # of a history, of parallel coordinates, and of all panels together
POINTS_OF_FEW = 600  # of a figure that is one panel among others


def lighter(data: FigureData, is_few: bool = False) -> FigureData:
    """Return a figure with fewer points, where it has very many; the best and the selected ones stay.

    Args:
        data: the figure.
        is_few: whether it is one panel among others.
    """
    if is_few and isinstance(data, Slice | ParallelCoordinate):
        return _with_rows(data, POINTS_OF_FEW)
    if isinstance(data, Slice):
        return _with_rows(data, PANELS // max(1, len(data.axes)))
    if isinstance(data, Rank):
        return _with_rows(data, PANELS // max(1, len(data.panels)))
    if isinstance(data, ParallelCoordinate):
        return _with_rows(data, LINES)
    if isinstance(data, OptimizationHistory) and len(data.series) == 1 and len(data.series[0].number) > POINTS:
        series = data.series[0]
        index = _chosen(len(series.number), np.flatnonzero(series.selected), POINTS, series.value)
        of_rows = ("number", "value", "pruned", "feasible", "selected", "at")
        thinned = replace(series, **{name: getattr(series, name)[index] for name in of_rows})
        return replace(data, series=(thinned,), notes=_notes(data, len(index)))
    return data


def _with_rows(data: Slice | Rank | ParallelCoordinate, most: int) -> FigureData:
    """Return a figure over parameters with so many of its trials."""
    n = len(data.number)
    if n <= most:
        return data
    keep = np.flatnonzero(data.selected)
    index = _chosen(n, keep if data.best < 0 else np.append(keep, data.best), most, data.value)
    known = ("number", "value", "feasible", "pruned", "failed", "selected", "rank")
    of_rows = [name for name in known if hasattr(data, name)]
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


MOST_WEIGHED = 20_000  # trials by which the importance of parameters is told
Names = list[str] | None  # of parameters, or metrics; None: those that the figure chooses
Make = Callable[..., FigureData]  # of a study, the objective that is shown (None: there is one), and names
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
        takes: how many parameters a reader can pick for it, or metrics.
        of_metrics: whether it is metrics that are picked.
    """

    name: str
    title: str
    tab: str
    make: Make
    several: str = "too"
    takes: int = 0
    of_metrics: bool = False

    def is_for(self, objectives: int) -> bool:
        """Tell whether it can be drawn of a study with so many objectives."""
        return {"only": objectives > 1, "too": True, "no": objectives == 1}[self.several]


def front_of(study: Snapshot, objective: int | None) -> FigureData:
    """Return the Pareto front over two or three objectives; of more over a chosen one and the next one."""
    m = len(study.directions)
    return pareto_front(study, targets=None if m <= 3 else two_of(objective or 0, m))


def importances(study: Snapshot) -> ParamImportances:
    """Return the importance of the parameters for the one objective, or for the first one; `Snapshot.once` keeps it."""
    return importances_of(study, None if len(study.directions) == 1 else 0)


def importance_of(study: Snapshot, objective: int | None, _: Names) -> ParamImportances:
    """Return the importance of the parameters, kept where it is that of the first objective."""
    return importances_of(study, objective) if objective else study.once(importances)


def importances_of(study: Snapshot, objective: int | None) -> ParamImportances:
    """Return the importance of the parameters; of very many trials, by some of them, evenly over the search."""
    n = len(study.history)
    if n <= MOST_WEIGHED:
        return param_importances(study, target=objective)
    numbers = study.history.number[np.linspace(0, n - 1, MOST_WEIGHED).astype(np.intp)]
    data = param_importances(study.only(numbers), target=objective)
    return replace(data, notes=(say("from {:,} of {:,} trials", MOST_WEIGHED, n), *data.notes))


def slices_of(study: Snapshot, objective: int | None, names: Names) -> FigureData:
    """Return the value against some parameters; against all of them, those that matter most first, if none is named."""
    return slices(study, names or parameters_of(study, objective) or None, target=objective)


def curves_of(study: Snapshot, objective: int | None, names: Names) -> FigureData:
    """Return the curves of what trials reported, or logged as the metric that a reader picked."""
    return intermediate_values(study, target=objective, metric=names[0] if names else None)


def contour_of(study: Snapshot, objective: int | None, names: Names) -> FigureData:
    """Return contours over two parameters; over the two that matter most, if none are named."""
    return contour(study, names or parameters_of(study, objective)[:2] or None, target=objective)


def parameters_of(study: Snapshot, objective: int | None) -> list[str]:
    """Return the names of all parameters, those first whose order goes best with the value's.

    Args:
        study: the study.
        objective: whose value; None: there is one.
    """
    return strongest(read_columns(study, objective))


def two_of(objective: int, objectives: int) -> list[int]:
    """Return the two objectives that the figure of a front of many shows, in their order."""
    return sorted([objective, (objective + 1) % objectives])


DRAWINGS = {
    d.name: d
    for d in (
        Drawing("front", "Pareto front", "overview", lambda s, k, _: front_of(s, k), "only"),
        Drawing(
            "history", "History", "overview",
            lambda s, k, _, **how: optimization_history(s, target=k, show_failed=True, **how),
        ),
        Drawing("hypervolume", "Hypervolume", "overview", lambda s, *_: hypervolume_history(s), "only"),
        Drawing("edf", "Distribution of values", "overview", lambda s, k, _: edf(s, target=k)),
        Drawing("curves", "Intermediate values", "curves", curves_of, takes=1, of_metrics=True),
        Drawing("metrics", "Metrics", "curves", lambda s, *_: metrics(s)),
        Drawing("slice", "Value by parameter", "parameters", slices_of, takes=1),
        Drawing("importance", "Importance of parameters", "parameters", importance_of),
        Drawing(
            "parallel", "Parallel coordinates", "parameters", lambda s, k, _: parallel_coordinate(s, target=k)
        ),
        Drawing(
            "rank", "Ranks over pairs of parameters", "parameters", lambda s, k, p: rank(s, p, target=k), takes=2
        ),
        Drawing("timeline", "Timeline", "timeline", lambda s, *_: timeline(s)),
        Drawing("belief", "What the model believes", "model", lambda s, k, p: belief(s, p, objective=k), takes=1),
        Drawing("contour", "Contours of what a model expects", "model", contour_of, takes=2),
        Drawing("gain", "What is left to gain", "model", lambda s, *_: terminator_improvement(s), "no"),
    )
}  # fmt: skip


PANELS_FIRST = ("front", "history", "importance", "parallel", "slice", "curves")  # of an overview


@dataclass(frozen=True)
class Size:
    """How large a page wants a figure.

    Attributes:
        width: in pixels.
        height: in pixels, unless the figure needs more.
        few: whether it is one panel among others, which has room for the most important parameters alone.
    """

    width: int = 1000
    height: int = 420
    few: bool = False


BARS_OF_A_PANEL, MOST_SLICES, PIXELS_OF_A_SLICE = 7, 4, 180
LEAST_AXIS = 76  # pixels beside an axis of parallel coordinates


def page_figure(
    name: str, study: Snapshot, objective: int, words: Words, names: Names = None, size: Size | None = None,
    how: Mapping[str, Any] | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Return a figure as JSON: its SVG, what the script says of its points, its sentence and its notes.

    Args:
        name: of the figure.
        study: the trials.
        objective: which one is shown, where there are several.
        words: the language.
        names: the parameters that a reader picked; None: none.
        size: how large it is drawn; None: as fits most pages.
        how: further settings of the figure.

    Returns:
        ``{"missing": sentence}`` where there is nothing to draw.
    """
    try:
        if size is not None and size.few and name == "slice":
            names = parameters_of(study, objective if len(study.directions) > 1 else None)
            names = names[: min(MOST_SLICES, max(1, size.width // PIXELS_OF_A_SLICE))]
        data = lighter(_made(name, study, objective, names, how), size is not None and size.few)
    except (TunesmithError, ValueError) as error:
        return missing_figure(error, words)
    if size is not None and size.few and isinstance(data, ParamImportances):
        some = {f: getattr(data, f)[:BARS_OF_A_PANEL] for f in ("names", "value", "low", "high", "null", "pair")}
        data = replace(data, **some)
    m, data = len(study.directions), data.in_language(words)
    figure = draw(data, words)
    if not isinstance(data, Slice | Rank) or names:
        found = _shown(data, figure, brushed_columns(data, objective, m), size)
        return found | (_handles(data, figure, objective, m, words) if isinstance(data, ParallelCoordinate) else {})
    drawn = small(figure)
    pairs = data.panels if isinstance(data, Rank) else [(k,) for k in range(len(data.axes))]
    panels = [{"params": [data.axes[k].name for k in pair], "svg": svg} for pair, svg in zip(pairs, drawn, strict=True)]
    return {"panels": panels, "table": _table(data, words), "summary": data.summary, "notes": list(data.notes)}


def picture(
    name: str, study: Snapshot, objective: int, words: Words, names: Names = None, how: Mapping[str, Any] | None = None
) -> str:
    """Return a figure as an SVG file, for pages without a script; a sentence where there is nothing to draw.

    Args:
        name: of the figure.
        study: the trials.
        objective: which one is shown, where there are several.
        words: the language.
        names: the parameters that a reader picked; None: none.
        how: further settings of the figure.
    """
    try:
        data = lighter(_made(name, study, objective, names, how)).in_language(words)
    except (TunesmithError, ValueError) as error:
        sentence = html.escape(missing_figure(error, words)["missing"])
        return f'<svg xmlns="http://www.w3.org/2000/svg" width="1000" height="30"><text y="20">{sentence}</text></svg>'
    return _svg(data, draw(data, words), Size())


def _made(name: str, study: Snapshot, objective: int, names: Names, how: Mapping[str, Any] | None = None) -> FigureData:
    return DRAWINGS[name].make(study, objective if len(study.directions) > 1 else None, names, **(how or {}))


def missing_figure(error: Exception, words: Words) -> dict[str, Any]:
    """Return what a page gets in the place of a figure: why there is none."""
    why = error.args[0] if error.args else ""
    told = words.said(why) if isinstance(why, str) else str(error)
    return {"missing": re.sub(r"^plot_\w+[:：] *", "", told)}  # a reader of a page has called no function


def as_page_has_it(
    data: FigureData, words: Words, columns: Mapping[str, str], size: Size | None = None
) -> dict[str, Any]:
    """Return a figure as pages show it.

    Args:
        data: the figure.
        words: the language.
        columns: the column of the trials along each axis that can be brushed.
        size: how large it is drawn; None: as fits most pages.
    """
    data = data.in_language(words)
    return _shown(data, draw(data, words), columns, size)


def _shown(
    data: FigureData, figure: dict[str, Any], columns: Mapping[str, str], size: Size | None = None
) -> dict[str, Any]:
    about = {"summary": data.summary, "notes": list(data.notes), "columns": dict(columns)}
    return {"svg": _svg(data, figure, size or Size()), "data": said_of_points(figure), **about}


def _svg(data: FigureData, figure: dict[str, Any], size: Size) -> str:
    width = size.width
    if isinstance(data, ParallelCoordinate):
        width = max(width, LEAST_AXIS * (len(data.axes) + 1))
    return svg_drawing(figure, f"drawn-{data.kind}", data.title, width, size.height)


def _table(data: Slice | Rank | ParallelCoordinate, words: Words) -> dict[str, Any]:
    """Return the trials of a figure over parameters as a table, the last ones first."""

    def cells(axis: Axis) -> list[Any]:
        absent = words(axis.strip_name)
        if axis.categories:
            return [absent if at is None else axis.categories[int(at)] for at in as_json(axis.at)]
        return [absent if at is None else at for at in as_json(axis.at)]

    columns = [data.number.tolist(), as_json(data.value), *map(cells, data.axes)]
    heads = [words("trial"), words.translate(data.target), *(axis.name for axis in data.axes)]
    return {"heads": heads, "columns": [column[::-1] for column in columns]}


def _handles(
    data: ParallelCoordinate, figure: dict[str, Any], objective: int, objectives: int, words: Words
) -> dict[str, Any]:
    """Return what can be brushed of parallel coordinates: their axes, with the ends that are drawn."""
    dimensions = figure["data"][0]["dimensions"]
    columns = ["value" if objectives == 1 else f"values[{objective}]", *(column_name(a.name) for a in data.axes)]
    table = _table(data, words)
    axes = [
        {
            "column": column, "name": name, "low": of["range"][0], "high": of["range"][1],
            "log": axis is not None and axis.kind == "log", "categories": 0 if axis is None else len(axis.categories),
        }
        for column, name, of, axis in zip(columns, table["heads"][1:], dimensions, (None, *data.axes), strict=True)
    ]  # fmt: skip
    return {"handles": axes, "table": table}


def brushed_columns(data: Any, objective: int, objectives: int) -> dict[str, str]:
    """Return which column of the trials is along each axis of a figure, such as {"x": "number"}.

    Args:
        data: the figure.
        objective: which one it shows.
        objectives: how many there are.
    """
    value = "value" if objectives == 1 else f"values[{objective}]"
    if data.kind == "optimization_history":
        return {"x": "number", "y": value} if data.along == "trial" else {"y": value}
    if data.kind == "edf":
        return {"x": value}
    found: dict[str, str] = {}
    if data.kind == "pareto_front":
        shown = [(0, 1), (0, 2), (1, 2)] if objectives == 3 else [(0, 1)]
        for k, (i, j) in enumerate(shown if objectives <= 3 else [two_of(objective, objectives)]):
            found |= {f"x{name_of(k)}": f"values[{i}]", f"y{name_of(k)}": f"values[{j}]"}
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
