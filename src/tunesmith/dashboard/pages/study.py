"""The page of one study, and the parts of it that are fetched later."""

from __future__ import annotations

from typing import Any

from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.drawings import DRAWINGS
from tunesmith.dashboard.health import findings
from tunesmith.dashboard.notes import KEY
from tunesmith.dashboard.pages.figures import as_json
from tunesmith.dashboard.pages.request import Filter, studies_of, study_of, whole, words_for
from tunesmith.errors import StorageError
from tunesmith.languages import Words
from tunesmith.plain import plain
from tunesmith.study import Study
from tunesmith.study.engine.wishes import asked_of
from tunesmith.study.study import METRIC_NAMES
from tunesmith.study.summary import counts_of
from tunesmith.study.verdict import read_verdict
from tunesmith.text import printable

MOST_NEW = 2000  # trials of one delta


def page(request: Request) -> Response:
    """Show a study. The trials are not read for it: what needs them is fetched by the page.

    They are read in the meantime, so that they are there when the page asks for them.
    """
    held = studies_of(request)
    record = held.record(request.path_params["study"])
    one = len(record.directions) == 1
    names = _objective_names(record.system, len(record.directions))
    made: Response = request.app.state.views.page(
        request,
        "study.html",
        {
            "study": record,
            "counts": counts_of(held.storage, record.id),
            "best": held.storage.best(record.id, record.directions[0]) if one else None,
            "drawings": [d for d in DRAWINGS.values() if d.is_for(len(record.directions))],
            "verdict": _verdict(record.system, record.name, words_for(request)),
            "note": str(record.user.get(KEY, "")),
            "attributes": {k: v for k, v in record.user.items() if k != KEY},
            "objectives": names,
            "objective": whole(request, "objective", 0, 0, len(record.directions) - 1),
            "filter": Filter.of(request),
            "asked": asked_of(record),
            "tab": "overview",
        },
    )
    made.background = BackgroundTask(held.open(record.id).standing)
    return made


def _verdict(system: dict[str, Any], name: str, words: Words) -> str:
    """Return what the search of a study decided, as a sentence; empty: none did, or it cannot be read."""
    try:
        decided = read_verdict(system, name)
    except StorageError as error:
        return str(error)
    return "" if decided is None else words.said(decided.report.verdict())


def _objective_names(system: dict[str, Any], m: int) -> list[str]:
    given = system.get(METRIC_NAMES)
    if isinstance(given, list) and len(given) == m:
        return [printable(str(name)) for name in given]
    return ["value"] if m == 1 else [f"values[{k}]" for k in range(m)]


def report(request: Request) -> Response:
    """Return what to use and what to expect of it, as sentences."""
    opened, words = study_of(request), words_for(request)
    opened.standing()
    study = opened.study
    if len(study.directions) > 1:
        front = study.best_trials
        sentences = [words("{} trials are on the Pareto front.", f"{len(front):,}")]
        return as_json({"sentences": sentences + _savings(study, words), "trials": [t.number for t in front[:50]]})
    try:
        found = study.recommend()
    except ValueError as error:
        return as_json({"sentences": [str(error)], "trials": []})
    low, high = found.interval
    return as_json(
        {
            "sentences": list(map(printable, words.known(found.sentences()))) + _savings(study, words),
            "trials": [] if found.trial is None else [found.trial.number],
            "value": plain(found.value),
            "interval": [plain(low), plain(high)],
            "naive": plain(found.naive),
        }
    )


def _savings(study: Study, words: Words) -> list[str]:
    """Return what pruning saved or lost, as sentences."""
    saved = study.savings
    return [] if saved is None else words.known(saved.sentences())


def health(request: Request) -> Response:
    """Return what the search suffers from."""
    opened, words = study_of(request), words_for(request)
    opened.standing()
    found = findings(opened, words)
    return as_json([{"level": f.level, "text": f.text, "where": f.where} for f in found])


def delta(request: Request) -> Response:
    """Return what finished after a place: what a page that is open adds to what it shows."""
    opened = study_of(request)
    stand = opened.standing()
    since = whole(request, "since", 0, 0, 2**53)
    objective = whole(request, "objective", 0, 0, len(opened.study.directions) - 1)
    history, sign = opened.history, opened.study.signs[objective]
    first = min(since, stand.seq)
    rows = range(max(first, stand.seq - MOST_NEW), stand.seq)
    # A study's n-th finish is the n-th row of its history.
    new = [[int(history.number[i]), int(history.state[i]), plain(float(sign * history.y[i, objective]))] for i in rows]
    gap = stand.seq - first > MOST_NEW or since > stand.seq
    best = opened.study.find_best() if len(opened.study.directions) == 1 else None
    value = None if best is None or best.value is None else {"number": best.number, "value": plain(best.value)}
    return as_json({"seq": stand.seq, "counts": stand.counts, "new": new, "gap": gap, "best": value})


ROUTES = [
    Route("/study/{study:int}", page),
    Route("/study/{study:int}/report", report),
    Route("/study/{study:int}/health", health),
    Route("/study/{study:int}/delta", delta),
]
