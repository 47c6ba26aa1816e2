"""The list of studies, and several of them side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tunesmith.dashboard.pages.request import Wrong, render, studies_of, words_for
from tunesmith.dashboard.studies import Studies
from tunesmith.foundation.languages import Words
from tunesmith.foundation.system import command_line
from tunesmith.foundation.text import printable
from tunesmith.selection.wording import NumberFormat, with_interval
from tunesmith.storage import Storage
from tunesmith.storage.base import StudyRecord
from tunesmith.study.recommend import Recommendation, recommend
from tunesmith.study.study import METRIC_NAMES
from tunesmith.study.summary import counts_of, summary_of

MOST_COMPARED = 10


SORTS: dict[str, tuple[str, Any]] = {
    "last": ("Last activity", lambda r: -r.last if r.last == r.last else math.inf),
    "name": ("Name", lambda r: r.name.casefold()),
    "trials": ("Trials", lambda r: -r.total),
    "running": ("Running trials", lambda r: -r.running),
    "best": ("Best value", lambda r: (math.isnan(r.best), r.best)),
}


def start_command(storage: Storage, record: StudyRecord | None = None) -> str:
    """Return a command that runs the first trials: of a study that has none, or of a new one.

    Args:
        storage: where the study is, or shall be.
        record: the study; None: there is none yet.
    """
    url = str(getattr(storage, "url", "tune.db"))  # a storage's url shows no password
    words = ["tunesmith", "run", "--storage", url.removeprefix("sqlite:///") if "sqlite:///" in url else url]
    named = [] if record is None else record.system.get(METRIC_NAMES) or []
    ways = ["minimize"] if record is None else list(map(str, record.directions))
    if record is not None:
        words += ["--study", record.name]
    words += ["-p", "lr=log(1e-5, 1e-1)"]
    for k, way in enumerate(ways):
        words += [f"--{way}", str(named[k]) if len(named) == len(ways) else "loss" if len(ways) == 1 else f"metric_{k}"]
    return f"{command_line([*map(printable, words)])} -- python train.py --lr {{lr}}"


def index(request: Request, wrong: Wrong | None = None) -> Response:
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
            "start": "" if rows or search else start_command(studies.storage),
            "chosen": set(request.query_params.getlist("study")),
            "place": str(getattr(studies.storage, "url", "")),  # a storage's url shows no password
        },
        wrong=wrong,
    )


def compare_page(request: Request) -> Response:
    """Show several studies side by side, with how they differ where that can be told."""
    studies, words = studies_of(request), words_for(request)
    try:
        ids = compared_ids(request)
    except HTTPException as error:
        return index(request, Wrong("study", "", words(error.detail), f"{request.scope.get('root_path', '')}/"))
    records = [studies.record(study_id) for study_id in ids]
    rows = [summary_of(studies.storage, record) for record in records]
    params = [{} if row.best_record is None else row.best_record.params for row in rows]
    why_not = not_alike(records, words)
    context = {
        "rows": rows,
        "params": params,
        "names": list(dict.fromkeys(name for found in params for name in found)),
        "why_not": why_not,
        "expected": [] if why_not or len(records[0].directions) > 1 else expected_of(studies, ids, words),
    }
    return render(request, "compare.html", context)


def not_alike(records: Sequence[StudyRecord], words: Words) -> str:
    """Return why the values of studies cannot be compared; empty: they can.

    Args:
        records: the studies.
        words: the language.
    """
    first = records[0]
    for other in records[1:]:
        names = first.name, other.name
        if len(first.directions) != len(other.directions):
            counts = len(first.directions), len(other.directions)
            return words("{} has {} objectives and {} has {}.", names[0], counts[0], names[1], counts[1])
        if first.directions != other.directions:
            ways = (", ".join(words.translate(str(d)) for d in one.directions) for one in (first, other))
            return words("{} is to {} and {} is to {}.", names[0], next(ways), names[1], next(ways))
        metrics = [one.system.get(METRIC_NAMES) or [] for one in (first, other)]
        if all(metrics) and metrics[0] != metrics[1]:
            told = [", ".join(map(str, one)) for one in metrics]
            return words("{} is about {} and {} is about {}.", names[0], told[0], names[1], told[1])
    return ""


@dataclass(frozen=True)
class Expected:
    """What to expect of a study's recommended point, beside another one's.

    Attributes:
        value: with its interval, in words.
        difference: from the first study, with its interval, in words; empty: it is the first, or none is known.
    """

    value: str
    difference: str


def expected_of(studies: Studies, ids: Sequence[int], words: Words) -> list[Expected]:
    """Return what to expect of each study's recommended point, and how it differs from the first one's.

    The searches are taken as independent of each other, so that the half-widths of their intervals add as squares.
    """
    found: list[Recommendation | None] = []
    for study_id in ids:
        try:
            found.append(studies.look(study_id).once(recommend))
        except ValueError:  # no trial is complete yet
            found.append(None)
    made = []
    for one in found:
        if one is None:
            made.append(Expected("", ""))
            continue
        figures = NumberFormat.of(one.value, one.interval)
        value = words.said(with_interval(figures, one.value, one.interval, one.level))
        made.append(Expected(value, "" if one is found[0] else _difference(found[0], one, words)))
    return made


def _difference(first: Recommendation | None, other: Recommendation, words: Words) -> str:
    if first is None:
        return ""
    by = other.value - first.value
    halves = [(one.interval[1] - one.interval[0]) / 2.0 for one in (first, other)]
    half = math.hypot(*halves) if first.level == other.level else math.nan
    figures = NumberFormat.of(by, (by - half, by + half))
    if math.isnan(half):
        return words("{} (no interval: too few trials, or another level)", figures.write(by))
    told = words.said(with_interval(figures, by, (by - half, by + half), other.level))
    return words("{}. {}", told, words("It may be luck." if abs(by) <= half else "It is more than luck."))


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


ROUTES = [Route("/", index), Route("/compare", compare_page), Route("/studies.json", counts)]
