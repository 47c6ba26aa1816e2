"""The list of studies, and several of them side by side."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tunesmith.dashboard.pages.request import studies_of
from tunesmith.dashboard.studies import Studies
from tunesmith.storage.base import StudyRecord

MOST_COMPARED = 10


@dataclass(frozen=True)
class Row:
    """One study of the list.

    Attributes:
        id: the study's id.
        name: its name.
        directions: one for each objective.
        counts: trials by the name of their state.
        best: the best value of a study with one objective; NaN: there is none.
        best_trial: which trial has it.
        last: when the last trial began or ended, unix time.
    """

    id: int
    name: str
    directions: tuple[str, ...]
    counts: dict[str, int]
    best: float
    best_trial: int | None
    last: float

    @property
    def total(self) -> int:
        """How many trials there are."""
        return sum(self.counts.values())

    @property
    def running(self) -> int:
        """How many trials run."""
        return self.counts.get("running", 0)


SORTS: dict[str, tuple[str, Any]] = {
    "last": ("Last activity", lambda r: -r.last if r.last == r.last else math.inf),
    "name": ("Name", lambda r: r.name.casefold()),
    "trials": ("Trials", lambda r: -r.total),
    "running": ("Running trials", lambda r: -r.running),
    "best": ("Best value", lambda r: (math.isnan(r.best), r.best)),
}


def row_of(studies: Studies, record: StudyRecord) -> Row:
    """Return what the list shows of a study; its trials are not read."""
    storage = studies.storage
    counts = {str(s).lower(): n for s, n in sorted(storage.count(record.id).items()) if n}
    one = len(record.directions) == 1
    best = storage.best(record.id, record.directions[0]) if one and counts.get("complete") else None
    total, last = sum(counts.values()), math.nan
    if total:
        newest = storage.trials(record.id, [total - 1])[0]
        last = newest.finished if newest.finished == newest.finished else newest.started
    return Row(
        record.id,
        record.name,
        record.directions,
        counts,
        math.nan if best is None or best.value is None else best.value,
        None if best is None else best.number,
        last if last == last else record.created,
    )


def index(request: Request) -> Response:
    """Show the studies."""
    studies = studies_of(request)
    search = request.query_params.get("q", "").strip()
    sort = request.query_params.get("sort", "last")
    records = [r for r in studies.records() if search.casefold() in r.name.casefold()]
    rows = [row_of(studies, record) for record in records]
    rows.sort(key=SORTS.get(sort, SORTS["last"])[1])
    page: Response = request.app.state.views.page(
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
    return page


def compare(request: Request) -> Response:
    """Show several studies side by side."""
    studies = studies_of(request)
    rows = [row_of(studies, studies.record(study_id)) for study_id in compared_ids(request)]
    best = [studies.storage.best(r.id, r.directions[0]) if len(r.directions) == 1 else None for r in rows]
    params = [{} if trial is None else trial.params for trial in best]
    names = list(dict.fromkeys(name for found in params for name in found))
    context = {"rows": rows, "params": params, "names": names}
    page: Response = request.app.state.views.page(request, "compare.html", context)
    return page


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
    return JSONResponse([{"id": r.id, "counts": studies_counts(studies, r)} for r in studies.records()])


def studies_counts(studies: Studies, record: StudyRecord) -> dict[str, int]:
    """Return the trials of a study by the name of their state."""
    return {str(s).lower(): n for s, n in sorted(studies.storage.count(record.id).items()) if n}


ROUTES = [Route("/", index), Route("/compare", compare), Route("/studies.json", counts)]
