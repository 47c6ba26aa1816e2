"""What a study page says first: what to use, what to expect, how sure that is, what it cost, and what to do next."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from tunesmith.dashboard.views import brief_cell, param_cell
from tunesmith.errors import TunesmithError
from tunesmith.foundation.formats import NumberFormat, duration_text
from tunesmith.foundation.languages import Words, joined_texts
from tunesmith.foundation.look import interval
from tunesmith.foundation.text import printable
from tunesmith.report.banner import chosen_by, forms_of, is_of_table
from tunesmith.selection.wording import count, level_of
from tunesmith.study.answer import answer
from tunesmith.study.recommend import Recommendation
from tunesmith.study.snapshot import Snapshot
from tunesmith.study.summary import middle
from tunesmith.trial.record import FrozenTrial
from tunesmith.visualization.columns import objective_names

Floats = NDArray[np.float64]
MOST_FRONT = 8  # trials of a Pareto front that are named, from end to end
NO_ANSWER: dict[str, Any] = {
    "head": "", "trial": None, "params": {}, "forms": [], "value": "", "targets": [], "interval": "", "drawn": "",
    "sure": "", "level": "note", "why": "", "cost": "", "todo": "", "where": "", "lucky": "", "notes": [], "front": [],
    "columns": [], "exact": "",
}  # fmt: skip


def told_answer(seen: Snapshot, words: Words) -> dict[str, Any]:
    """Return the answer of a study as the template ``_verdict.html`` shows it, translated."""
    cost = _cost(seen, words)
    try:
        told = seen.once(answer)
    except TunesmithError as error:  # what the search decided cannot be read
        return {**NO_ANSWER, "head": str(error), "cost": cost}
    shown = {**NO_ANSWER, "cost": cost, "todo": words.said(told.next)}
    saved = [] if told.saved is None else words.known(told.saved.sentences())
    if len(seen.directions) > 1:
        shown |= {"head": words("{} trials are on the Pareto front.", f"{len(told.front):,}"), "notes": saved}
        return {**shown, "targets": objective_names(seen), **_front(seen, told.front, words)}
    shown["where"] = "state == fail" if told.many_failed else ""
    if told.found is None or told.sure is None:
        return {**shown, "head": words("No trial is complete yet.")}
    found, sure = told.found, told.sure
    verdict, *rest = words.known(found.sentences())
    trial = None if found.trial is None else found.trial.number
    figures, params = NumberFormat.of(found.value, found.interval), chosen_by(found)
    forms = forms_of(params, is_program=not is_of_table(seen))
    low, high = sorted(found.interval)
    is_known = math.isfinite(low) and math.isfinite(high)
    interval = level_of(found.level), figures.write(low), figures.write(high)
    return {
        **shown,
        "head": verdict if found.report is not None or trial is None else words("Use trial {}.", trial),
        "trial": trial,
        "lucky": words.said(found.why_not_best_seen()),
        "params": {printable(str(k)): (brief_cell(v), param_cell(v, 17)) for k, v in params.items()},
        "forms": [(name.lower(), name, printable(form, lines=True)) for name, form in forms.items()],
        "value": figures.write(found.value) if math.isfinite(found.value) else "",
        "exact": repr(found.value),
        "targets": objective_names(seen),
        "interval": words("{0} interval: {1} to {2}", *interval) if is_known else words("no interval is known"),
        "drawn": _drawn(seen, found),
        "sure": words.said(sure.name),
        "level": sure.level,
        "why": words.said(sure.why),
        "notes": [*map(printable, rest), *saved],
    }


def _drawn(seen: Snapshot, found: Recommendation) -> Markup:
    """Return the interval as a drawing, on a line on which the best value seen and a typical one lie too."""
    places = [*sorted(found.interval), found.naive, middle(seen)]
    room = 0.06 * (max(places) - min(places))
    ends = min(places) - room, max(places) + room
    return Markup(interval(places[0], found.value, places[1], ends=ends, width=400))  # made of numbers alone


def _front(seen: Snapshot, front: Sequence[FrozenTrial], words: Words) -> dict[str, Any]:
    """Return trials of a Pareto front as a table, from one end to the other, with what it costs to go on from each."""
    order = sorted(front, key=lambda t: t.values or ())
    values, names = np.array([t.values for t in order]), objective_names(seen)
    some = np.unique(np.linspace(0, len(order) - 1, min(len(order), MOST_FRONT)).astype(np.intp)).tolist()
    columns = list(dict.fromkeys(name for k in some for name in order[k].params))
    rows = [
        {
            "number": order[k].number, "values": order[k].values, "trades": trades(values, seen.signs, k, names, words),
            "params": [order[k].params.get(name, "") for name in columns],
        }
        for k in some
    ]  # fmt: skip
    head = words("{} of them, from one end to the other:", len(some)) if len(some) < len(order) else ""
    return {"front": rows, "columns": list(map(printable, columns)), "lucky": head}


def trades(values: Floats, signs: Sequence[float], at: int, names: Sequence[str], words: Words) -> list[str]:
    """Return what it costs to gain in each objective from a point of a Pareto front, as sentences.

    Of two objectives, it is gained by the next point of the front; of more, by the nearest one that is better in it.

    Args:
        values: of the points of the front [k, m], in the study's own directions.
        signs: of each objective: 1 where less is better, else -1.
        at: the point.
        names: of the objectives.
        words: the language.
    """
    away = (values - values[at]) * np.array(signs)  # what is negative is gained
    away = away / np.where(np.ptp(away, axis=0) > 0, np.ptp(away, axis=0), 1.0)
    said = []
    for j in range(len(names)):
        better = np.flatnonzero(away[:, j] < 0)
        if not len(better):
            continue
        far = -away[better, j] if len(names) == 2 else (away[better] ** 2).sum(axis=1)
        to = int(better[np.argmin(far)])
        gain, *costs = (
            f"{brief_cell(abs(float(values[to, k] - values[at, k])))} {words.said(names[k])}"
            for k in (j, *np.flatnonzero(away[to] > 0).tolist())
        )
        pattern = "To gain {} costs {}." if signs[j] < 0 else "To save {} costs {}."
        said.append(words(pattern, gain, words.said(joined_texts(costs))))
    return said


def _cost(seen: Snapshot, words: Words) -> str:
    """Return what the search cost, as a sentence."""
    n, spent = len(seen.history), float(np.nansum(seen.history.cost))
    if not n:
        return ""
    trials = words.said(count(n, "trial"))
    return words("{0}, {1} in all.", trials, duration_text(spent)) if spent > 0 else words("{}.", trials)
