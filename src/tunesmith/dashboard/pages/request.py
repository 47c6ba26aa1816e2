"""What pages read from a request: which study, which filter."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from tunesmith.dashboard.studies import Studies
from tunesmith.dashboard.views import language_of
from tunesmith.errors import QueryError, StorageError, StudyNotFoundError, TunesmithError
from tunesmith.foundation.languages import Words
from tunesmith.study import Study
from tunesmith.study.query import TrialTable
from tunesmith.study.query.columns import Mask
from tunesmith.study.snapshot import Snapshot


def studies_of(request: Request) -> Studies:
    """Return the studies of the application."""
    found: Studies = request.app.state.studies
    return found


def live_study(request: Request) -> Study:
    """Return the study that the address names, to change it or to ask for what no snapshot has.

    Raises:
        StudyNotFoundError: there is none.
    """
    return studies_of(request).open(request.path_params["study"])


def seen_of(request: Request) -> Snapshot:
    """Return the study that the address names, as it is now.

    Raises:
        StudyNotFoundError: there is none.
    """
    return studies_of(request).look(request.path_params["study"])


@dataclass(frozen=True)
class Wrong:
    """What cannot be taken, which is said beside the field where it was typed.

    Attributes:
        field: the field's name.
        typed: what stood in it, so that nobody types it again.
        sentence: what is wrong, what was expected, and what to do.
        address: of the page that shows it, which is no answer to a form any more.
    """

    field: str
    typed: str
    sentence: str
    address: str


def render(
    request: Request, template: str, context: Mapping[str, Any], status: int = 200, wrong: Wrong | None = None
) -> Response:
    """Return a page; see `Views.page`.

    Args:
        request: what it answers.
        template: its name.
        context: what it shows.
        status: of the answer.
        wrong: what is said beside a field of it.
    """
    status = 400 if wrong is not None and status == 200 else status
    made: Response = request.app.state.views.page(request, template, {"wrong": wrong, **context}, status)
    return made


def words_for(request: Request) -> Words:
    """Return the reader's language."""
    return Words(language_of(request))


@dataclass(frozen=True)
class Range:
    """What was brushed on one axis.

    Attributes:
        column: as in an expression.
        low: the low end, in the column's own unit; of categories their index.
        high: the high end.
    """

    column: str
    low: float
    high: float


@dataclass(frozen=True)
class Filter:
    """Which trials a page shows.

    Attributes:
        where: the expression that was typed.
        ranges: what was brushed.
    """

    where: str = ""
    ranges: tuple[Range, ...] = ()

    @classmethod
    def of(cls, request: Request) -> Filter:
        """Return the filter of an address: ``where=`` and any number of ``brush=column:low:high``.

        Raises:
            QueryError: a range is none.
        """
        query = request.query_params
        return cls(query.get("where", "").strip(), tuple(map(_range, query.getlist("brush"))))

    def __bool__(self) -> bool:
        return bool(self.where or self.ranges)

    def rows(self, table: TrialTable) -> Mask:
        """Return which rows of a table are shown, bool[n].

        Raises:
            QueryError: the expression is none, or there is no such column.
        """
        found = table.where(self.where)
        for brushed in self.ranges:
            at = table.column(brushed.column)
            found = found & (at.numbers >= brushed.low) & (at.numbers <= brushed.high) & ~at.missing
        return found


def _range(given: str) -> Range:
    column, low, high = ([*given.rsplit(":", 2), "", ""])[:3]
    try:
        ends = float(low), float(high)
    except ValueError:
        ends = (math.nan, math.nan)
    if not column or any(map(math.isnan, ends)):
        raise QueryError(f"brush={given!r} is no range: it takes column:low:high")
    return Range(column, min(ends), max(ends))


def address(request: Request, changes: Mapping[str, Any]) -> str:
    """Return this page's query with some values changed; None leaves one out."""
    kept = [(k, v) for k, v in request.query_params.multi_items() if k not in changes and k != "part"]
    parts = [*kept, *((k, str(v)) for k, v in changes.items() if v is not None)]
    return "?" + "&".join(f"{quote(k)}={quote(v, safe='/,')}" for k, v in parts)


def whole_number(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number of a query.

    Args:
        request: whose query it is.
        name: of the number.
        default: what it is if it is not given.
        low: what it is at least.
        high: what it is at most.

    Raises:
        HTTPException: it is no whole number.
    """
    given = request.query_params.get(name, "")
    if not given:
        return default
    if not given.isascii() or not given.lstrip("-").isdecimal() or len(given) > 15:
        raise HTTPException(400, f"{name}={given!r} is no whole number")
    return max(low, min(high, int(given)))


# -- what is shown when something is not there or does not work: a sentence, never a traceback ----------------------


def answer_with(request: Request, status: int, sentence: str) -> Response:
    """Return a sentence as the page or the JSON that was asked for."""
    if "application/json" in request.headers.get("accept", ""):
        return JSONResponse({"error": sentence}, status)
    return render(request, "error.html", {"sentence": sentence}, status)


def _known(request: Request, error: Exception) -> Response:
    status = 404 if isinstance(error, StudyNotFoundError) else 503 if isinstance(error, StorageError) else 400
    return answer_with(request, status, str(error))


def _http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    detail = error.detail if isinstance(error, HTTPException) else ""
    return answer_with(request, status, "There is nothing at this address." if detail == "Not Found" else detail)


HANDLERS: Mapping[Any, Callable[[Request, Exception], Any]] = {TunesmithError: _known, HTTPException: _http}
