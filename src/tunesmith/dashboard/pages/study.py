"""The page of one study, and the parts of it that are fetched later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.banner import banner
from tunesmith.dashboard.doing import doing, running
from tunesmith.dashboard.drawings import DRAWINGS, TABS, SeenStudy, parameters_of
from tunesmith.dashboard.pages.figures import as_json, picked
from tunesmith.dashboard.pages.request import Filter, Wrong, render, studies_of, study_of, whole, words_for
from tunesmith.dashboard.pages.studies import start_command
from tunesmith.dashboard.studies import OpenStudy
from tunesmith.dashboard.views import KEY
from tunesmith.errors import TunesmithError
from tunesmith.foundation.formats import plain
from tunesmith.foundation.languages import Words
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import printable
from tunesmith.report.leaderboard import stored_leaderboard
from tunesmith.space import Categorical
from tunesmith.storage.base import StudyRecord
from tunesmith.study.engine.channel import wish_of
from tunesmith.study.study import METRIC_NAMES
from tunesmith.study.summary import counts_of
from tunesmith.visualization.columns import called

# -- what a search suffers from, in words: failures, lost workers, points tried twice, a bound that is in the ---

LOOKED_AT = 200  # failed trials whose reasons are read
NEAR = 0.02  # of an axis's length: what counts as lying on its end
BEST_SHARE, LEAST = 0.1, 10  # of the trials are looked at for bounds, and how many at least
STUCK = 0.5  # of them lie on one end
BOUNDS = {
    end: f"{{0:.0%}} of the best {{1}} trials lie at the {end} bound of {{2}}: a wider range may hold better points."
    for end in ("lower", "upper")
}
LOST = (FailureKind.LOST, FailureKind.OOM, FailureKind.LEASE)


@dataclass(frozen=True)
class Finding:
    """One sentence.

    Attributes:
        level: "good", "note" or "bad".
        text: the sentence, translated.
        where: the expression of the trials that it is about; empty: there is none.
    """

    level: str
    text: str
    where: str = ""


def findings(opened: OpenStudy, words: Words) -> list[Finding]:
    """Return what is to be said of a study's search; that nothing is wrong, if so.

    Args:
        opened: the study.
        words: translate the sentences.
    """
    found = [*_failures(opened, words), *_lost(opened, words), *_twice(opened, words), *_bounds(opened, words)]
    if (stopped := opened.study.stored_stop_reason) is not None:
        reason = words.told(printable(stopped))
        found.append(Finding("note", words("The search stopped by itself: {}.", reason)))
    return found or [Finding("good", words("Nothing stands out."))]


def _failures(opened: OpenStudy, words: Words) -> Iterator[Finding]:
    history = opened.history
    n = len(history)
    failed = np.flatnonzero(history.state[:n] == TrialState.FAIL)
    if not len(failed):
        return
    share = len(failed) / n
    kinds = Counter(history.failure[failed].tolist())
    named = ", ".join(
        words(f"{{:,}} {FailureKind(kind)}", count) if kind else words("{} of unknown kind", f"{count:,}")
        for kind, count in kinds.most_common()
    )
    sentence = words("{0} of {1} finished trials failed ({2:.1%}): {3}.", f"{len(failed):,}", f"{n:,}", share, named)
    reasons = Counter(
        (t.reason or "").strip().split("\n")[0][:160]
        for t in opened.study.get_trials(numbers=history.number[failed[-LOOKED_AT:]].tolist())
    )
    reason, times = reasons.most_common(1)[0]
    if reason:
        sentence += " " + words("The most frequent reason ({} times) is: {}", times, printable(reason))
    yield Finding("bad" if share > 0.1 else "note", sentence, "state == fail")


def _lost(opened: OpenStudy, words: Words) -> Iterator[Finding]:
    history = opened.history
    dead = int(np.isin(history.failure, LOST).sum())
    if dead:
        yield Finding("bad", words("{} trials were lost with their workers.", f"{dead:,}"), "state == fail")
    expired = opened.study.storage.expired(opened.study.study_id)
    if expired:
        numbers = ", ".join(str(t.number) for t in expired[:10])
        sentence = words("{0} running trials belong to workers that seem to be dead: {1}.", len(expired), numbers)
        yield Finding("bad", sentence, "state == running")


def _twice(opened: OpenStudy, words: Words) -> Iterator[Finding]:
    history = opened.history
    n = len(history)
    if history.space is None or n < 2 or not len(history.space):
        return
    points = np.nan_to_num(history.x[:n], nan=np.inf) + 0.0
    keys = np.ascontiguousarray(points).view(np.dtype((np.void, points.dtype.itemsize * points.shape[1])))
    again = n - len(np.unique(keys))
    if again:
        sentence = words("{0} of {1} points were tried before ({2:.1%}).", f"{again:,}", f"{n:,}", again / n)
        yield Finding("note" if again / n < 0.2 else "bad", sentence)


def _bounds(opened: OpenStudy, words: Words) -> Iterator[Finding]:
    history, space = opened.history, opened.history.space
    if space is None or history.n_objectives > 1:
        return
    good = np.flatnonzero(history.complete & history.feasible & np.isfinite(history.y[:, 0]))
    k = max(LEAST, int(BEST_SHARE * len(good)))
    if len(good) < 2 * LEAST:
        return
    best = good[np.argsort(history.y[good, 0], kind="stable")[:k]]
    unit = history.unit(space)[best]
    active = ~np.isnan(history.points(space)[best])
    for i, (name, parameter) in enumerate(space.params.items()):
        if isinstance(parameter, Categorical) or parameter.n_values < 20 or active[:, i].sum() < LEAST:
            continue
        at = unit[active[:, i], i]
        for word, share in (("lower", float((at < NEAR).mean())), ("upper", float((at > 1 - NEAR).mean()))):
            if share >= STUCK:
                sentence = words(BOUNDS[word], share, len(at), printable(name))
                yield Finding("bad", sentence)


MOST_NEW = 2000  # trials of one delta
PARTS = ("verdict", "doing", "health")  # of the overview that are fetched by it


def page(request: Request, wrong: Wrong | None = None) -> Response:
    """Show a tab of a study. For the overview the trials are not read: what needs them is fetched by the page.

    They are read in the meantime, so that they are there when the page asks for them. With ``now`` in the address, or
    where the verdict is known already, the parts are in the page itself.
    """
    held, words = studies_of(request), words_for(request)
    tab = request.path_params.get("tab", "overview")
    if tab not in TABS:
        raise HTTPException(404, "Not Found")
    record = held.record(request.path_params["study"])
    one = len(record.directions) == 1
    objective = whole(request, "objective", 0, 0, len(record.directions) - 1)
    drawings = [d for d in DRAWINGS.values() if d.tab == tab and d.is_for(len(record.directions))]
    names = called(record.system.get(METRIC_NAMES), len(record.directions))
    shown = next((d for d in drawings if d.name == request.query_params.get("figure")), drawings[0])
    counts = counts_of(held.storage, record.id)
    context: dict[str, Any] = {
        "start": "" if any(counts.values()) else start_command(held.storage, record),
        "study": record,
        "counts": counts,
        "tab": tab,
        "drawings": drawings,
        "shown": shown,
        "objectives": [words_for(request).said(name) for name in names],
        "objective": objective,
        "filter": Filter.of(request),
        "asked": wish_of(record),
        "known": False,
        "best": held.storage.best(record.id, record.directions[0]) if one else None,
    }
    if shown.takes:
        opened = held.open(record.id)
        opened.standing()
        context["names"] = parameters_of(SeenStudy(opened.study, opened.history), None if one else objective)
        context["picked"] = picked(request, shown.takes)
    asked = [(key, value) for key, value in request.query_params.multi_items() if key in ("param", "where", "brush")]
    context["picture"] = urlencode([("as", "svg"), ("objective", objective), *asked])
    if tab == "overview":
        context |= {
            "leaderboard": _leaderboard(record.system, words),
            "note": str(record.user.get(KEY, "")),
            "attributes": {k: v for k, v in record.user.items() if k != KEY},
        }
        known = held.known(record.id)
        if "now" in request.query_params or (known is not None and known.is_recommended):
            context["known"] = True
            for name in PARTS:
                context |= _part(request, record, name)
    made = render(request, "study.html", context, wrong=wrong)
    made.background = BackgroundTask(_prepare, held.open(record.id), decide=one and tab == "overview")
    return made


def _prepare(opened: OpenStudy, decide: bool) -> None:
    """Read a study, and work out what to use, before the page asks for it."""
    with suppress(TunesmithError, ValueError):  # the page is told when it asks
        opened.standing()
        if decide:
            opened.recommended()


def part(request: Request) -> Response:
    """Return one part of the overview as markup."""
    name = request.path_params["part"]
    if name not in PARTS:
        raise HTTPException(404, "Not Found")
    record = studies_of(request).record(request.path_params["study"])
    return render(request, f"_{name}.html", {"study": record, **_part(request, record, name)})


def _part(request: Request, record: StudyRecord, name: str) -> dict[str, Any]:
    """Return what a part shows."""
    opened, words = study_of(request), words_for(request)
    opened.standing()
    if name == "health":
        return {"findings": findings(opened, words)}
    if name == "doing":
        return {
            "sentences": doing(opened, record, words),
            "running": running(opened, record, words, studies_of(request).logs),
        }
    return {"banner": banner(opened, words)}


def _leaderboard(system: dict[str, Any], words: Words) -> tuple[list[str], list[tuple[str, ...]]] | None:
    """Return the best of each kind of model as a table; None: `tunesmith.tune` did not make the study."""
    found = stored_leaderboard(system)
    return found.table(words) if found is not None and found.places else None


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
    Route("/study/{study:int}/delta", delta),
    Route("/study/{study:int}/part/{part}", part),
    Route("/study/{study:int}/{tab}", page),
]
