"""The figures of a study page: which there are, how each is made, and what its axes show."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tunesmith.dashboard.lighter import lighter
from tunesmith.dashboard.seen import SeenStudy, part_of
from tunesmith.errors import TunesmithError
from tunesmith.languages import Words, say
from tunesmith.study import Study
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures import draw
from tunesmith.visualization.figures.belief import belief
from tunesmith.visualization.figures.contour import contour
from tunesmith.visualization.figures.edf import edf
from tunesmith.visualization.figures.hypervolume_history import hypervolume_history
from tunesmith.visualization.figures.intermediate_values import intermediate_values
from tunesmith.visualization.figures.optimization_history import optimization_history
from tunesmith.visualization.figures.parallel_coordinate import parallel_coordinate
from tunesmith.visualization.figures.param_importances import param_importances
from tunesmith.visualization.figures.pareto_front import pareto_front
from tunesmith.visualization.figures.rank import rank
from tunesmith.visualization.figures.slice import slices
from tunesmith.visualization.figures.terminator_improvement import terminator_improvement
from tunesmith.visualization.figures.timeline import timeline
from tunesmith.visualization.plotly_style import name_of

MOST_WEIGHED = 50_000  # trials by which the importance of parameters is told
Make = Callable[[Study, int | None], FigureData]  # from a study and the objective that is shown; None: there is one


@dataclass(frozen=True)
class Drawing:
    """One figure of a study page.

    Attributes:
        name: in the address.
        title: its heading.
        make: makes its arrays.
        several: whether it is for studies with several objectives ("only", "too" with one chosen, or "no").
        heavy: whether it takes a second or sends much; it is drawn when somebody asks.
    """

    name: str
    title: str
    make: Make
    several: str = "too"
    heavy: bool = False

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


def two_of(objective: int, objectives: int) -> list[int]:
    """Return the two objectives that the figure of a front shows, in their order."""
    return [0, 1] if objectives == 2 else sorted([objective, (objective + 1) % objectives])


DRAWINGS = {
    d.name: d
    for d in (
        Drawing("history", "History", lambda s, k: optimization_history(s, target=k, show_failed=True)),
        Drawing("front", "Pareto front", front_of, "only"),
        Drawing("importance", "Importance of parameters", importances_of),
        Drawing("parallel", "Parallel coordinates", lambda s, k: parallel_coordinate(s, target=k)),
        Drawing("slice", "Value by parameter", lambda s, k: slices(s, target=k)),
        Drawing("curves", "Intermediate values", lambda s, k: intermediate_values(s, target=k)),
        Drawing("timeline", "Timeline", lambda s, _: timeline(s)),
        Drawing("hypervolume", "Hypervolume", lambda s, _: hypervolume_history(s), "only"),
        Drawing("edf", "Distribution of values", lambda s, k: edf(s, target=k)),
        Drawing("rank", "Ranks over pairs of parameters", lambda s, k: rank(s, target=k), heavy=True),
        Drawing("contour", "Contours of what a model expects", lambda s, k: contour(s, target=k), heavy=True),
        Drawing("belief", "What the model believes", lambda s, k: belief(s, objective=k), heavy=True),
        Drawing("gain", "What is left to gain", lambda s, _: terminator_improvement(s), "no", heavy=True),
    )
}


def drawing(name: str, study: Study, objective: int, words: Words) -> dict[str, Any]:
    """Return a figure as JSON: what plotly.js draws, its sentence, its notes, and the columns along its axes.

    Args:
        name: of the figure.
        study: the trials.
        objective: which one is shown, where there are several.
        words: the language.

    Returns:
        ``{"missing": sentence}`` where there is nothing to draw.
    """
    chosen = DRAWINGS[name]
    try:
        data = lighter(chosen.make(study, objective if len(study.directions) > 1 else None))
    except (TunesmithError, ValueError) as error:
        return missing(error, words)
    if name == "parallel":
        data = data.in_language(words)
        return {"parallel": data.to_dict(), "summary": data.summary, "notes": list(data.notes)}
    return as_page_has_it(data, words, columns_of(data, objective, len(study.directions)))


def missing(error: Exception, words: Words) -> dict[str, Any]:
    """Return what a page gets in the place of a figure: why there is none."""
    why = error.args[0] if error.args else ""
    return {"missing": words.said(why) if isinstance(why, str) else str(error)}


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
