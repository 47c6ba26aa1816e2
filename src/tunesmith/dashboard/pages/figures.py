"""Figures: as JSON for the script of pages, and as pictures for pages without it."""

from __future__ import annotations

import json
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.drawings import DRAWINGS, SeenStudy, Size, as_page_has_it, drawing, missing, picture, seen
from tunesmith.dashboard.pages.request import Filter, studies_of, study_of, whole, words_for
from tunesmith.dashboard.pages.studies import compared_ids
from tunesmith.dashboard.studies import OpenStudy
from tunesmith.errors import TunesmithError
from tunesmith.foundation.formats import json_value
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures.edf import edf
from tunesmith.visualization.figures.optimization_history import optimization_history


def as_json(value: Any) -> Response:
    """Return JSON; what is not finite, which browsers refuse, is null."""
    try:
        text = json.dumps(value, allow_nan=False, separators=(",", ":"))
    except ValueError:  # the span of values may be beyond what a number can be
        text = json.dumps(json_value(value, infinities=False), separators=(",", ":"))
    return Response(text, media_type="application/json")


def figure(request: Request) -> Response:
    """Return one figure of the trials that the address asks for."""
    opened, name = study_of(request), request.path_params["name"]
    if name not in DRAWINGS:
        raise HTTPException(404, f"There is no figure {name!r}; there are {', '.join(DRAWINGS)}.")
    stand = opened.standing()
    shown, count = filtered(opened, Filter.of(request))
    objective = whole(request, "objective", 0, 0, len(opened.study.directions) - 1)
    names = picked(request, DRAWINGS[name].takes) or None
    if request.query_params.get("as") == "svg":
        return Response(picture(name, shown, objective, words_for(request), names), media_type="image/svg+xml")
    made = drawing(name, shown, objective, words_for(request), names, size_of(request))
    return as_json({**made, "seq": stand.seq, "version": stand.version, "shown": count})


def size_of(request: Request) -> Size:
    """Return how large a figure is asked for."""
    return Size(whole(request, "width", Size.width, 280, 3000), whole(request, "height", Size.height, 200, 1500))


def picked(request: Request, most: int) -> list[str]:
    """Return the parameters that a reader picked for a figure, at most so many; "" stands for all of them."""
    given = request.query_params.getlist("param")[:most]
    return list(dict.fromkeys(given)) if all(given) else []


def filtered(opened: OpenStudy, chosen: Filter) -> tuple[SeenStudy, int | None]:
    """Return a study with the trials that a filter lets through, and how many these are; None: there is no filter.

    The last one is kept, since the figures of a page ask for the same one after the other.
    """
    if not chosen:
        return seen(opened, None), None
    table, kept = opened.table(), opened.filtered
    if kept is None or kept[0] is not table or kept[1] != chosen:
        rows = chosen.rows(table)
        kept = opened.filtered = (table, chosen, (seen(opened, rows), int(rows.sum())))
    found: tuple[SeenStudy, int] = kept[2]
    return found


def compared(request: Request) -> Response:
    """Return a figure of several studies."""
    held = studies_of(request)
    opened = [held.open(study_id) for study_id in compared_ids(request)]
    for one in opened:
        one.standing()
    objective = whole(request, "objective", 0, 0, min(len(one.study.directions) for one in opened) - 1)
    several = [SeenStudy(one.study, one.history) for one in opened]
    name = request.path_params["name"]
    if name not in ("history", "edf"):
        raise HTTPException(404, "There is no such figure.")
    data: FigureData
    try:
        data = optimization_history(several, target=objective) if name == "history" else edf(several, target=objective)
    except (TunesmithError, ValueError) as error:
        return as_json(missing(error, words_for(request)))
    made = as_page_has_it(data, words_for(request), {}, size_of(request))
    if request.query_params.get("as") == "svg":
        return Response(made["svg"], media_type="image/svg+xml")
    return as_json(made)


ROUTES = [
    Route("/study/{study:int}/figure/{name}", figure),
    Route("/compare/figure/{name}", compared),
]
