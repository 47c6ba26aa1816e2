"""The list of studies, and several of them side by side."""

from __future__ import annotations

import math
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tunesmith.dashboard.pages.request import render, studies_of
from tunesmith.study.summary import counts_of, summary_of

MOST_COMPARED = 10


SORTS: dict[str, tuple[str, Any]] = {
    "last": ("Last activity", lambda r: -r.last if r.last == r.last else math.inf),
    "name": ("Name", lambda r: r.name.casefold()),
    "trials": ("Trials", lambda r: -r.total),
    "running": ("Running trials", lambda r: -r.running),
    "best": ("Best value", lambda r: (math.isnan(r.best), r.best)),
}


def index(request: Request) -> Response:
    """Show the studies."""
    studies = studies_of(request)
    search = request.query_params.get("q", "").strip()
    sort = request.query_params.get("sort", "last")
    records = [r for r in studies.records() if search.casefold() in r.name.casefold()]
    rows = [summary_of(studies.storage, record) for record in records]
    rows.sort(key=SORTS.get(sort, SORTS["last"])[1])
    return render(
        request,
        "studies.html",
        {
            "rows": rows,
            "search": search,
            "sort": sort,
            "sorts": {name: label for name, (label, _) in SORTS.items()},
            "deleting": studies.deleting(),
            "place": str(getattr(studies.storage, "url", "")),  # a storage's url shows no password
        },
    )


def compare(request: Request) -> Response:
    """Show several studies side by side."""
    studies = studies_of(request)
    rows = [summary_of(studies.storage, studies.record(study_id)) for study_id in compared_ids(request)]
    params = [{} if row.best_record is None else row.best_record.params for row in rows]
    names = list(dict.fromkeys(name for found in params for name in found))
    context = {"rows": rows, "params": params, "names": names}
    return render(request, "compare.html", context)


def compared_ids(request: Request) -> list[int]:
    """Return the ids of the studies that an address names.

    Raises:
        HTTPException: it names none, too many, or what is no id.
    """
    given = list(dict.fromkeys(request.query_params.getlist("study")))
    if not given or len(given) > MOST_COMPARED or not all(i.isascii() and i.isdecimal() and len(i) < 16 for i in given):
        raise HTTPException(400, f"Choose 1 to {MOST_COMPARED} studies to compare.")
    return [int(i) for i in given]


def counts(request: Request) -> Response:
    """Return what the list shows as JSON, for pages that are open."""
    studies = studies_of(request)
    return JSONResponse([{"id": r.id, "counts": counts_of(studies.storage, r.id)} for r in studies.records()])


ROUTES = [Route("/", index), Route("/compare", compare), Route("/studies.json", counts)]
