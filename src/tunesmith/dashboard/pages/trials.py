"""The table of trials: filtered and sorted on the columns, one page at a time; and all of it as CSV or JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tunesmith.dashboard.pages.request import (
    Filter,
    Wrong,
    address,
    answer_with,
    render,
    seen_of,
    studies_of,
    whole_number,
    words_for,
)  # fmt: skip
from tunesmith.errors import QueryError
from tunesmith.foundation.formats import csv_chunks, json_value
from tunesmith.foundation.states import StudyDirection
from tunesmith.foundation.text import printable, shorten
from tunesmith.study.query import TrialTable
from tunesmith.study.query.columns import ABSENT, Column, Indices
from tunesmith.study.snapshot import Snapshot
from tunesmith.study.summary import failure_reasons
from tunesmith.visualization.columns import objective_names

SIZE, MOST_SIZE = 50, 500  # rows of a page
MOST_REASONS = 20  # of failures
CSV_ROWS = 2000  # rows of a file that are made at a time


@dataclass(frozen=True)
class Sheet:
    """One page of the table.

    Attributes:
        columns: (name as in an expression, heading) of each column.
        rows: the cells, first the trial's number and state.
        total: how many trials the filter lets through.
        all: how many there are.
        page: which page it is, from 1.
        pages: how many there are.
        size: rows of a page.
        sort: the column that it is sorted by.
        descending: whether the highest comes first.
        error: why the filter could not be read; empty: it could.
        at: the trial that was jumped to; -1: none.
    """

    columns: list[tuple[str, str]]
    rows: list[list[Any]]
    total: int
    all: int
    page: int
    pages: int
    size: int
    sort: str
    descending: bool
    error: str
    at: int


def sheet_columns(table: TrialTable) -> list[tuple[str, str]]:
    """Return the columns: number, state, values, seconds, parameters."""
    m = table.values.shape[1]
    values = [("value", "value")] if m == 1 else [(f"values[{k}]", f"values[{k}]") for k in range(m)]
    if table.noise is not None:
        values += [("noise", "noise")] if m == 1 else [(f"noise[{k}]", f"noise[{k}]") for k in range(m)]
    params = [] if table.space is None else [(f"params.{name}", name) for name in table.space.names]
    return [("number", "number"), ("state", "state"), *values, ("duration", "duration (s)"), *params]


def cells(columns: list[Column], rows: Indices) -> list[list[Any]]:
    """Return the cells of some rows; None where there is none, and "None" where that is the value."""
    found = [[None if v is ABSENT else "None" if v is None else v for v in column.values(rows)] for column in columns]
    return [list(row) for row in zip(*found, strict=True)]


def sheet_of(request: Request) -> Sheet:
    """Return the page of the table that an address asks for."""
    table = seen_of(request).table
    error, sort = "", request.query_params.get("sort", "number")
    descending = request.query_params.get("desc", "1" if "sort" not in request.query_params else "") == "1"
    try:
        rows = np.flatnonzero(Filter.of(request).rows(table))
        ordered = table.order(rows, sort, descending)
    except QueryError as wrong:
        ordered, error = np.empty(0, np.intp), str(wrong)
    size = whole_number(request, "size", SIZE, 1, MOST_SIZE)
    pages = max(1, -(-len(ordered) // size))
    page, at = whole_number(request, "page", 1, 1, pages), whole_number(request, "trial", -1, -1, 2**53)
    if at >= 0 and len(place := np.flatnonzero(table.number[ordered] == at)):
        page = int(place[0]) // size + 1
    columns = sheet_columns(table)
    rows = ordered[(page - 1) * size : page * size]
    shown = cells([table.column(name) for name, _ in columns], rows)
    return Sheet(columns, shown, len(ordered), len(table), page, pages, size, sort, descending, error, at)


def trials_page(request: Request, wrong: Wrong | None = None) -> Response:
    """Show the table; ``part=table`` is the table alone."""
    sheet, seen = sheet_of(request), seen_of(request)
    part = request.query_params.get("part") == "table"
    context = {
        "study": studies_of(request).record(request.path_params["study"]),
        "sheet": sheet,
        "filter": Filter.of(request) if not sheet.error else Filter(request.query_params.get("where", "")),
        "tab": "trials",
        "address": partial(address, request),
        "down": _best_first(seen),
        "heads": {name: words_for(request).said(head) for name, head in _heads(seen).items()},
        "reasons": [] if part else failure_reasons(seen)[:MOST_REASONS],
    }
    template = "_table.html" if part else "trials.html"
    return render(request, template, context, 400 if sheet.error and part else 200, wrong)


def _best_first(seen: Snapshot) -> set[str]:
    """Return the columns of which the highest come first at the first click: where more is better, and the newest."""
    up = [d is StudyDirection.MAXIMIZE for d in seen.directions]
    values = ["value"] if len(up) == 1 else [f"values[{k}]" for k in range(len(up))]
    return {"number", *(name for name, more in zip(values, up, strict=True) if more)}


def _heads(seen: Snapshot) -> dict[str, str]:
    """Return the heads of columns that say more than the name by which a filter knows them."""
    m = len(seen.directions)
    if m == 1 and not seen.metric_names:
        return {}
    own = ["value"] if m == 1 else [f"values[{k}]" for k in range(m)]
    return dict(zip(own, objective_names(seen), strict=True))


def jump(request: Request) -> Response:
    """Go to a trial by its number."""
    given, root = request.query_params.get("number", "").strip(), request.scope.get("root_path", "")
    number = int(given) if given.isascii() and given.isdecimal() and len(given) < 16 else -1
    n = seen_of(request).n_trials
    if not 0 <= number < n:
        words, there = words_for(request), f"{root}/study/{request.path_params['study']}/trials"
        pattern = "There is no trial {}: they are numbered from 0 to {}."
        said = words(pattern, printable(shorten(given, 40)), n - 1) if n else words("The study has no trial yet.")
        return trials_page(request, Wrong("number", given, said, there))
    return RedirectResponse(f"{root}/study/{request.path_params['study']}/trial/{number}", 303)


def download(request: Request) -> Response:
    """Return all trials that the filter lets through as CSV or JSON lines of a list."""
    table = seen_of(request).table
    try:
        rows = np.flatnonzero(Filter.of(request).rows(table))
        ordered = table.order(rows, request.query_params.get("sort", "number"), request.query_params.get("desc") == "1")
    except QueryError as wrong:
        return answer_with(request, 400, str(wrong))
    kind = request.path_params["kind"]
    made = (_csv if kind == "csv" else _json)(table, ordered)
    headers = {"content-disposition": f'attachment; filename="trials.{kind}"'}
    return StreamingResponse(made, media_type="text/csv" if kind == "csv" else "application/json", headers=headers)


def _chunks(rows: Indices) -> Iterator[Indices]:
    for start in range(0, len(rows), CSV_ROWS):
        yield rows[start : start + CSV_ROWS]


def _csv(table: TrialTable, rows: Indices) -> Iterator[str]:
    head = [name.replace("params.", "params_", 1) for name, _ in sheet_columns(table)]
    columns = [table.column(name) for name, _ in sheet_columns(table)]
    return csv_chunks(head, (cells(columns, some) for some in _chunks(rows)))


def _json(table: TrialTable, rows: Indices) -> Iterator[str]:
    names = [name for name, _ in sheet_columns(table)]
    columns = [table.column(name) for name in names]
    yield "["
    first = True
    for some in _chunks(rows):
        values = zip(*(column.values(some) for column in columns), strict=True)
        text = ",\n".join(
            json.dumps({k: json_value(v) for k, v in zip(names, row, strict=True) if v is not ABSENT}, allow_nan=False)
            for row in values
        )
        yield text if first else ",\n" + text
        first = False
    yield "]\n"


ROUTES = [
    Route("/study/{study:int}/trials", trials_page),
    Route("/study/{study:int}/jump", jump),
    Route("/study/{study:int}/trials.{kind}", download),
]
