"""Figures: as JSON for the script of pages, and as pictures for pages without it."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.drawings import DRAWINGS, Size, as_page_has_it, missing_figure, page_figure, picture
from tunesmith.dashboard.pages.request import Filter, seen_of, studies_of, whole_number, words_for
from tunesmith.dashboard.pages.studies import compared_ids
from tunesmith.errors import TunesmithError
from tunesmith.foundation.formats import json_value
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures.edf import edf
from tunesmith.visualization.figures.optimization_history import ALONG, optimization_history


def as_json(value: Any) -> Response:
    """Return JSON; what is not finite, which browsers refuse, is null."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:  # the span of values may be beyond what a number can be
        text = json.dumps(json_value(value, infinities=False), separators=(",", ":"))
    return Response(text, media_type="application/json")


def figure_json(request: Request) -> Response:
    """Return one figure of the trials that the address asks for."""
    seen, name, chosen = seen_of(request), request.path_params["name"], Filter.of(request)
    if name not in DRAWINGS:
        raise HTTPException(404, f"There is no figure {name!r}; there are {', '.join(DRAWINGS)}.")
    study_id = request.path_params["study"]
    shown = studies_of(request).filtered(study_id, chosen, chosen.rows) if chosen else seen
    objective = whole_number(request, "objective", 0, 0, len(seen.directions) - 1)
    names = picked_params(request, DRAWINGS[name].takes) or None
    how = history_settings(request) if name == "history" else {}
    if request.query_params.get("as") == "svg":
        return Response(picture(name, shown, objective, words_for(request), names, how), media_type="image/svg+xml")
    made = page_figure(name, shown, objective, words_for(request), names, size_of(request), how)
    count = shown.n_trials if chosen else None
    return as_json({**made, "seq": shown.seq, "version": shown.version, "shown": count})


def size_of(request: Request) -> Size:
    """Return how large a figure is asked for."""
    width = whole_number(request, "width", Size.width, 280, 3000)
    return Size(width, whole_number(request, "height", Size.height, 200, 1500), request.query_params.get("few") == "1")


def history_settings(request: Request) -> dict[str, Any]:
    """Return how the history of a search is asked for: what is along x, whether it is logarithmic, the best only."""
    query = request.query_params
    along = query.get("x", "number")
    return {
        "x": along if along in ALONG else "number", "log": query.get("log") == "1",
        "best_only": query.get("best") == "1",
    }  # fmt: skip


def picked_params(request: Request, most: int) -> list[str]:
    """Return the parameters that a reader picked for a figure, at most so many; "" stands for all of them."""
    given = request.query_params.getlist("param")[:most]
    return list(dict.fromkeys(given)) if all(given) else []


def compared(request: Request) -> Response:
    """Return a figure of several studies."""
    held = studies_of(request)
    several = [held.look(study_id) for study_id in compared_ids(request)]
    objective = whole_number(request, "objective", 0, 0, min(len(one.directions) for one in several) - 1)
    name = request.path_params["name"]
    if name not in ("history", "edf"):
        raise HTTPException(404, "There is no such figure.")
    data: FigureData
    try:
        data = optimization_history(several, target=objective) if name == "history" else edf(several, target=objective)
    except (TunesmithError, ValueError) as error:
        return as_json(missing_figure(error, words_for(request)))
    made = as_page_has_it(data, words_for(request), {}, size_of(request))
    if request.query_params.get("as") == "svg":
        return Response(made["svg"], media_type="image/svg+xml")
    return as_json(made)


ROUTES = [
    Route("/study/{study:int}/figure/{name}", figure_json),
    Route("/compare/figure/{name}", compared),
]
