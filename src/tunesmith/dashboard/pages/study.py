"""The page of one study, and the parts of it that are fetched later."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any
from urllib.parse import urlencode

import numpy as np
from starlette.background import BackgroundTask
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tunesmith.dashboard.answer import told_answer
from tunesmith.dashboard.doing import doing, running_trials, standing
from tunesmith.dashboard.drawings import DRAWINGS, PANELS_FIRST, TABS, importances, missing_figure, parameters_of
from tunesmith.dashboard.pages.figures import as_json, history_settings, picked_params
from tunesmith.dashboard.pages.request import (
    Filter,
    Wrong,
    address,
    live_study,
    render,
    seen_of,
    studies_of,
    whole_number,
    words_for,
)
from tunesmith.dashboard.pages.studies import start_command
from tunesmith.dashboard.studies import Studies
from tunesmith.dashboard.views import NOTE
from tunesmith.errors import TunesmithError
from tunesmith.foundation.formats import json_value
from tunesmith.foundation.languages import Words
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import printable
from tunesmith.selection.leaderboard import stored_leaderboard
from tunesmith.space import Categorical
from tunesmith.storage.base import StudyRecord
from tunesmith.study import wish_of
from tunesmith.study.recommend import recommend
from tunesmith.study.snapshot import Snapshot, metric_names_of
from tunesmith.study.summary import counts_of
from tunesmith.visualization.columns import called

# -- what a search suffers from, in words: failures, lost workers, points tried twice, a bound that is in the ---

FAILURES_READ = 200  # failed trials whose reasons are read
NEAR_AN_END = 0.02  # of an axis's length: what counts as lying on its end
BEST_SHARE, TRIALS_AT_LEAST = 0.1, 10  # of the trials are looked at for bounds, and how many at least
STUCK = 0.5  # of them lie on one end
BOUNDS = {
    end: f"{{0:.0%}} of the best {{1}} trials lie at the {end} bound of {{2}}: a wider range may hold better points."
    for end in ("lower", "upper")
}
LOST = (FailureKind.LOST, FailureKind.LEASE)


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


def findings(seen: Snapshot, words: Words) -> list[Finding]:
    """Return what is to be said of a study's search; that nothing is wrong, if so.

    Args:
        seen: the study.
        words: translate the sentences.
    """
    found = [*_failures(seen, words), *_lost(seen, words), *_twice(seen, words), *_bounds(seen, words)]
    if (stopped := seen.stored_stop_reason) is not None:
        reason = words.told(printable(stopped))
        found.append(Finding("note", words("The search stopped by itself: {}.", reason)))
    return found or [Finding("good", words("Nothing stands out."))]


def _failures(seen: Snapshot, words: Words) -> Iterator[Finding]:
    history = seen.history
    n = len(history)
    failed = np.flatnonzero(history.state == TrialState.FAIL)
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
        for t in seen.get_trials(numbers=history.number[failed[-FAILURES_READ:]].tolist())
    )
    reason, times = reasons.most_common(1)[0]
    if reason:
        many = words("The most frequent reason ({} times) is: {}", times, printable(reason))
        sentence += " " + (many if times > 1 else words("The reason of the last is: {}", printable(reason)))
    yield Finding("bad" if share > 0.1 else "note", sentence, "state == fail")


def _lost(seen: Snapshot, words: Words) -> Iterator[Finding]:
    history = seen.history
    dead = int(np.isin(history.failure, LOST).sum())
    if dead:
        yield Finding("bad", words("{} trials were lost with their workers.", f"{dead:,}"), "state == fail")
    expired = seen.storage.expired(seen.study_id)
    if expired:
        numbers = ", ".join(str(t.number) for t in expired[:10])
        sentence = words("{0} running trials belong to workers that seem to be dead: {1}.", len(expired), numbers)
        yield Finding("bad", sentence, "state == running")


def _twice(seen: Snapshot, words: Words) -> Iterator[Finding]:
    history = seen.history
    n = len(history)
    if history.space is None or n < 2 or not len(history.space):
        return
    points = np.nan_to_num(history.x, nan=np.inf) + 0.0
    keys = np.ascontiguousarray(points).view(np.dtype((np.void, points.dtype.itemsize * points.shape[1])))
    again = n - len(np.unique(keys))
    if again:
        sentence = words("{0} of {1} points were tried before ({2:.1%}).", f"{again:,}", f"{n:,}", again / n)
        yield Finding("note" if again / n < 0.2 else "bad", sentence)


def _bounds(seen: Snapshot, words: Words) -> Iterator[Finding]:
    history, space = seen.history, seen.history.space
    if space is None or history.n_objectives > 1:
        return
    good = np.flatnonzero(history.complete & history.feasible & np.isfinite(history.y[:, 0]))
    k = max(TRIALS_AT_LEAST, int(BEST_SHARE * len(good)))
    if len(good) < 2 * TRIALS_AT_LEAST:
        return
    best = good[np.argsort(history.y[good, 0], kind="stable")[:k]]
    unit = history.unit(space)[best]
    active = ~np.isnan(history.points(space)[best])
    for i, (name, parameter) in enumerate(space.params.items()):
        has_ends = parameter.is_ordered and not isinstance(parameter, Categorical)
        if not has_ends or parameter.n_values < 20 or active[:, i].sum() < TRIALS_AT_LEAST:
            continue
        at = unit[active[:, i], i]
        for word, share in (
            ("lower", float((at < NEAR_AN_END).mean())),
            ("upper", float((at > 1 - NEAR_AN_END).mean())),
        ):
            if share >= STUCK:
                sentence = words(BOUNDS[word], share, len(at), printable(name))
                yield Finding("bad", sentence)


MOST_NEW = 2000  # trials of one delta
MOST_BARS = 4  # parameters of which it is said on the first screen how much they matter
PARTS = ("head", "verdict", "matters", "doing", "health")  # of the page that are fetched by it


def study_page(request: Request, wrong: Wrong | None = None) -> Response:
    """Show a tab of a study. For the overview the trials are not read: what needs them is fetched by the page.

    They are read in the meantime, so that they are there when the page asks for them. With ``now`` in the address, or
    where the verdict is known already, the parts are in the page itself.
    """
    held, words, query = studies_of(request), words_for(request), request.query_params
    tab = request.path_params.get("tab", "overview")
    if tab not in TABS:
        raise HTTPException(404, "Not Found")
    record = held.record(request.path_params["study"])
    m = len(record.directions)
    objective = whole_number(request, "objective", 0, 0, m - 1)
    able = {d.name: d for d in DRAWINGS.values() if d.is_for(m)}
    own = [d for d in able.values() if d.tab == tab]
    names = called(metric_names_of(record.system, m), m)
    large = able.get(query.get("figure", ""))
    counts = counts_of(held.storage, record.id)
    context: dict[str, Any] = {
        **_head(request, record, counts),
        "start": "" if any(counts.values()) else start_command(held.storage, record),
        "tab": tab,
        "drawings": own,
        "objectives": [words.said(name) for name in names],
        "objective": objective,
        "filter": Filter.of(request),
        "address": partial(address, request),
        "known": {"head"},
        "ask": wrong.field if wrong else query.get("ask", ""),
    }
    if tab == "overview":
        best = context["best"]
        has_curves = best is not None and bool(best.intermediate_values)
        first = PANELS_FIRST[: None if has_curves else -1] if counts.get("complete") else ("front", "history")
        asked = query["panels"].split(",") if "panels" in query else first
        context["panels"] = [able[name] for name in dict.fromkeys(asked) if name in able]
        context["others"] = [d for d in able.values() if d not in context["panels"]]
    else:
        large = large if large in own else own[0]
    context["shown"], how = large, history_settings(request)
    context["how"] = {"x": how["x"], "log": "1" if how["log"] else "", "best": "1" if how["best_only"] else ""}
    if large is not None and large.takes:
        seen = held.look(record.id)
        context["names"] = (
            list(seen.logged()) if large.of_metrics else parameters_of(seen, objective if m > 1 else None)
        )
        context["picked"] = picked_params(request, large.takes)
    always = {"objective": str(objective)} | ({} if large is None else {"figure": large.name})
    context["kept"] = {k: query[k] for k in ("panels", "x", "log", "best") if k in query} | always
    kept = ("param", "where", "brush", "hide", "x", "log", "best")
    given = [(key, value) for key, value in query.multi_items() if key in kept]
    context["picture"] = urlencode([("as", "svg"), ("objective", objective), *given])
    if tab == "overview":
        context |= {
            "leaderboard": _leaderboard(record.system, words),
            "note": str(record.user.get(NOTE, "")),
            "attributes": {k: v for k, v in record.user.items() if k != NOTE},
        }
        last = held.last(record.id)
        for name in PARTS[1:]:
            is_made = last is not None and (
                last.has_made(importances) if name == "matters" else m > 1 or last.has_made(recommend)
            )
            if is_made or "now" in query:
                context["known"].add(name)
                context |= _part(request, name)
    made = render(request, "study.html", context, wrong=wrong)
    made.background = BackgroundTask(_prepare, held, record.id, decide=tab == "overview")
    return made


def _head(request: Request, record: StudyRecord, counts: dict[str, int]) -> dict[str, Any]:
    """Return what the head of a page says of a study: its state, its trials, and the best value seen."""
    held, one = studies_of(request), len(record.directions) == 1
    asked = wish_of(record)
    return {
        "study": record,
        "counts": counts,
        "asked": asked,
        "standing": standing(counts, asked, words_for(request)),
        "best": held.storage.best(record.id, record.directions[0]) if one else None,
    }


def _prepare(held: Studies, study_id: int, decide: bool) -> None:
    """Read a study, and work out what to use, before the page asks for it."""
    with suppress(TunesmithError, ValueError):  # the page is told when it asks
        seen = held.look(study_id)
        if decide:
            if len(seen.directions) == 1:
                seen.once(recommend)
            seen.once(importances)


def answer_part(request: Request) -> Response:
    """Return one part of the overview as markup."""
    name = request.path_params["part"]
    if name not in PARTS:
        raise HTTPException(404, "Not Found")
    held = studies_of(request)
    record = held.record(request.path_params["study"])
    if name == "head":
        return render(request, "_head.html", _head(request, record, counts_of(held.storage, record.id)))
    return render(request, f"_{name}.html", {"study": record, **_part(request, name)})


def _part(request: Request, name: str) -> dict[str, Any]:
    """Return what a part shows."""
    age = 0.0 if name == "doing" else 0.2  # what a reader asked for, to stop a trial say, is shown at once
    seen, words = studies_of(request).look(request.path_params["study"], age), words_for(request)
    if name == "health":
        return {"findings": findings(seen, words)}
    if name == "doing":
        logs = studies_of(request).logs
        return {"sentences": doing(seen, words), "running": running_trials(seen, live_study(request), words, logs)}
    return matters(seen, words) if name == "matters" else {"answer": told_answer(seen, words)}


def matters(seen: Snapshot, words: Words) -> dict[str, Any]:
    """Return the parameters that matter most, as shares of what all explain; or why that is not known."""
    try:
        data = seen.once(importances)
    except (TunesmithError, ValueError) as error:
        return {"bars": [], "nothing": missing_figure(error, words)["missing"]}
    rows = np.flatnonzero(~data.pair & (data.value > 0))[:MOST_BARS]
    rows = rows if (data.value > data.null)[rows].any() else rows[:0]
    whole = float(np.clip(data.value[~data.pair], 0, None).sum()) or 1.0
    bars = [(data.names[k], max(0.0, float(data.value[k])) / whole, bool(data.value[k] > data.null[k])) for k in rows]
    return {"bars": bars, "nothing": "", "target": words.said(data.target), "rest": int((~data.pair).sum()) - len(bars)}


def _leaderboard(system: dict[str, Any], words: Words) -> tuple[list[str], list[tuple[str, ...]]] | None:
    """Return the best of each kind of model as a table; None: `tunesmith.tune` did not make the study."""
    found = stored_leaderboard(system)
    return found.table(words) if found is not None and found.places else None


def delta(request: Request) -> Response:
    """Return what finished after a place: what a page that is open adds to what it shows."""
    seen = seen_of(request)
    since = whole_number(request, "since", 0, 0, 2**53)
    objective = whole_number(request, "objective", 0, 0, len(seen.directions) - 1)
    history, sign = seen.history, seen.signs[objective]
    first = min(since, seen.seq)
    rows = range(max(first, seen.seq - MOST_NEW), seen.seq)
    # A study's n-th finish is the n-th row of its history.
    new = [json_value([history.number[i], history.state[i], sign * history.y[i, objective]]) for i in rows]
    gap = seen.seq - first > MOST_NEW or since > seen.seq
    best = seen.find_best() if len(seen.directions) == 1 else None
    value = None if best is None or best.value is None else {"number": best.number, "value": json_value(best.value)}
    return as_json({"seq": seen.seq, "counts": seen.named_counts, "new": new, "gap": gap, "best": value})


ROUTES = [
    Route("/study/{study:int}", study_page),
    Route("/study/{study:int}/delta", delta),
    Route("/study/{study:int}/part/{part}", answer_part),
    Route("/study/{study:int}/{tab}", study_page),
]
