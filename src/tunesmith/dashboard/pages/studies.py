"""The list of studies, and several of them side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from tunesmith.cli.settings import STUDY_KEEPS
from tunesmith.dashboard.pages.request import Wrong, address, render, studies_of, whole_number, words_for
from tunesmith.dashboard.studies import LATEST, Card, Studies
from tunesmith.dashboard.views import TAGS, number_cell, one_line, param_cell
from tunesmith.foundation.formats import NumberFormat, duration_text
from tunesmith.foundation.languages import Words
from tunesmith.foundation.system import command_line
from tunesmith.foundation.text import printable
from tunesmith.selection.wording import with_interval
from tunesmith.storage import Storage
from tunesmith.storage.base import StudyRecord
from tunesmith.study import PAUSE, wish_of
from tunesmith.study.recommend import Recommendation, recommend
from tunesmith.study.snapshot import Snapshot, metric_names_of
from tunesmith.study.summary import StudySummary, counts_of

MOST_COMPARED = 10


SORTS: dict[str, tuple[str, Any]] = {
    "last": ("Last activity", lambda r: -r.summary.last if r.summary.last == r.summary.last else math.inf),
    "name": ("Name", lambda r: r.summary.name.casefold()),
    "trials": ("Trials", lambda r: -r.summary.total),
    "running": ("Running trials", lambda r: -r.summary.running),
    "best": ("Best value", lambda r: (math.isnan(r.summary.best), r.summary.best)),
}
ROWS = 90  # studies of a page
MOST_TAGS, MOST_TAG = 12, 40  # tags of a study; characters of one
FEW_FAILED = 3  # of the last trials, of which a study is not said to be failing


@dataclass(frozen=True)
class Row:
    """A study of the list.

    Attributes:
        summary: counts, best trial, last activity.
        state: as in `look.STATES`; "": no trial has begun.
        said: the state in words.
        goal: how many trials it is to have in all; 0: that is not stored.
        tags: its tags.
        card: what its trials tell, if it is known.
        expected: what to expect of a new run, if it is known; else "".
    """

    summary: StudySummary
    state: str
    said: str
    goal: int
    tags: list[str]
    card: Card | None
    expected: str


def row_of(studies: Studies, record: StudyRecord, words: Words, *, whole: bool = False) -> Row:
    """Return a study as a list shows it.

    Args:
        studies: whose it is.
        record: the study.
        words: the language.
        whole: with what its trials tell, though they have to be read.
    """
    summary, failed = studies.summary(record)
    goal, found = (record.system.get(STUDY_KEEPS) or {}).get("trials"), studies.expected(record.id)
    expected = "" if found is None else NumberFormat.of(found.value, found.interval).write(found.value)
    card = studies.card(record, known=not whole)
    return Row(summary, *state_of(summary, failed, wish_of(record), words), goal or 0, tags_of(record), card, expected)


def state_of(summary: StudySummary, failed: int, wish: str, words: Words) -> tuple[str, str]:
    """Return the state of a study, as in `look.STATES`, and in words.

    Args:
        summary: the study.
        failed: how many of the trials that ended last failed.
        wish: what programs were asked for.
        words: the language.
    """
    running, waiting = summary.running, summary.counts.get("waiting", 0)
    if failed >= FEW_FAILED and 2 * failed > min(LATEST, summary.total - running - waiting):
        return "fail", words("failing: {0} of the last {1}", failed, min(LATEST, summary.total - running - waiting))
    if wish == PAUSE:
        return "paused", words("paused")
    if running:
        return "running", words("{} running", f"{running:,}")
    if waiting:
        return "waiting", words("{} waiting", f"{waiting:,}")
    return ("complete", words("done")) if summary.total else ("", words("not begun"))


def tags_of(record: StudyRecord) -> list[str]:
    """Return the tags of a study: its user attribute "tags", a list of texts, or one text with commas."""
    return tags_in(record.user.get(TAGS))


def tags_in(given: Any) -> list[str]:
    """Return the tags in a list or in a text with commas, each once."""
    parts = given.split(",") if isinstance(given, str) else given if isinstance(given, list) else []
    return list(dict.fromkeys(tag for part in parts if (tag := one_line(part, MOST_TAG).strip())))[:MOST_TAGS]


def start_command(storage: Storage, record: StudyRecord | None = None) -> str:
    """Return a command that runs the first trials: of a study that has none, or of a new one.

    Args:
        storage: where the study is, or shall be.
        record: the study; None: there is none yet.
    """
    url = str(getattr(storage, "url", "tune.db"))  # a storage's url shows no password
    words = ["tunesmith", "run", "--storage", url.removeprefix("sqlite:///") if "sqlite:///" in url else url]
    named = [] if record is None else metric_names_of(record.system, len(record.directions)) or []
    ways = ["minimize"] if record is None else list(map(str, record.directions))
    if record is not None:
        words += ["--study", record.name]
    words += ["-p", "lr=log(1e-5, 1e-1)"]
    for k, way in enumerate(ways):
        words += [f"--{way}", str(named[k]) if len(named) == len(ways) else "loss" if len(ways) == 1 else f"metric_{k}"]
    return f"{command_line([*map(printable, words)])} -- python train.py --lr {{lr}}"


def index(request: Request, wrong: Wrong | None = None) -> Response:
    """Show the studies, one page of them at a time."""
    studies, words = studies_of(request), words_for(request)
    search, tag = (request.query_params.get(name, "").strip() for name in ("q", "tag"))
    sort = request.query_params.get("sort", "last")
    every = [(record, tags_of(record)) for record in studies.records()]
    found = [
        record
        for record, tags in every
        if search.casefold() in "\n".join([record.name, *tags]).casefold() and (not tag or tag in tags)
    ]
    rows = [row_of(studies, record, words) for record in found]
    rows.sort(key=SORTS.get(sort, SORTS["last"])[1])
    pages = max(1, -(-len(rows) // ROWS))
    page = whole_number(request, "page", 1, 1, pages)
    context = {
        "rows": rows[(page - 1) * ROWS : page * ROWS],
        "found": len(rows),
        "all": len(every),
        "page": page,
        "pages": pages,
        "search": search,
        "sort": sort if sort in SORTS else "last",
        "sorts": {name: label for name, (label, _) in SORTS.items()},
        "tag": tag,
        "tags": sorted({one for _, tags in every for one in tags}, key=str.casefold),
        "address": partial(address, request),
        "deleting": studies.deleting(),
        "start": "" if every else start_command(studies.storage),
        "chosen": set(request.query_params.getlist("study")),
        "place": str(getattr(studies.storage, "url", "")),  # a storage's url shows no password
    }
    return render(request, "studies.html", context, wrong=wrong)


def card(request: Request) -> Response:
    """Return what the trials of a study tell, for its row of the list."""
    studies = studies_of(request)
    row = row_of(studies, studies.record(request.path_params["study"]), words_for(request), whole=True)
    return render(request, "_card.html", {"r": row})


@dataclass(frozen=True)
class Line:
    """A line of what stands side by side.

    Attributes:
        name: what it is about.
        cells: one for each thing that is compared.
        best: which of them is the best; -1: that is not known.
    """

    name: str
    cells: list[str]
    best: int = -1

    @property
    def is_same(self) -> bool:
        """Whether all of them have the same."""
        return len(set(self.cells)) == 1 < len(self.cells)


def compare_page(request: Request) -> Response:
    """Show several studies side by side, first how they differ."""
    studies, words = studies_of(request), words_for(request)
    root = request.scope.get("root_path", "")
    try:
        ids = compared_ids(request)
    except HTTPException as error:
        return index(request, Wrong("study", "", words(error.detail), f"{root}/"))
    records = [studies.record(study_id) for study_id in ids]
    rows = [row_of(studies, record, words, whole=True) for record in records]
    why_not = not_alike(records, words)
    expected = [] if why_not or len(records[0].directions) > 1 else expected_of(studies, ids, words)
    lines = [Line(words("Best value"), [number_cell(row.summary.best) for row in rows])]
    if expected:
        lines += [
            Line(words("Expected of a new run"), [one.value for one in expected]),
            Line(words("Difference from the first"), [one.difference for one in expected]),
        ]
    ways = [", ".join(words.translate(str(d)) for d in record.directions) for record in records]
    context = {
        "heads": [
            (record.name, f"{root}/study/{record.id}", row.state, row.said)
            for record, row in zip(records, rows, strict=True)
        ],
        "lines": lines,
        "more": [
            Line(words("Trials"), [number_cell(row.summary.total) for row in rows]),
            Line(words("Failed trials"), [number_cell(row.summary.counts.get("fail", 0)) for row in rows]),
            Line(words("Time of trials"), [duration_text(row.card.cost) if row.card else "" for row in rows]),
            Line(words("Direction"), ways),
            *named_lines([_ranges(studies.look(study_id)) for study_id in ids], words("Range of {}")),
            *named_lines(
                [dict(row.summary.best_record.params) if row.summary.best_record else {} for row in rows],
                words("Best {}"),
            ),
        ],
        "ids": ids,
        "why_not": why_not,
    }
    return render(request, "compare.html", context)


def named_lines(found: Sequence[Mapping[str, Any]], pattern: str = "{}") -> list[Line]:
    """Return a line for each name that any of several things has a value for.

    Args:
        found: the values by name, of each thing.
        pattern: of the lines' names.
    """
    names = dict.fromkeys(name for one in found for name in one)
    return [
        Line(pattern.format(name), [param_cell(one[name]) if name in one else "" for one in found]) for name in names
    ]


def _ranges(seen: Snapshot) -> dict[str, str]:
    return {} if seen.space is None else {name: repr(seen.space[name]) for name in seen.space.names}


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
        metrics = [metric_names_of(one.system, len(one.directions)) or [] for one in (first, other)]
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


ROUTES = [
    Route("/", index),
    Route("/study/{study:int}/card", card),
    Route("/compare", compare_page),
    Route("/studies.json", counts),
]
