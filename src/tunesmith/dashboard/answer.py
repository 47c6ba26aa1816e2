"""What a study page says first: what to use, what to expect, how sure that is, what it cost, and what to do next."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tunesmith.dashboard.views import param_cell
from tunesmith.errors import TunesmithError
from tunesmith.foundation.languages import Words
from tunesmith.foundation.text import printable, span
from tunesmith.report.banner import chosen_by, forms_of, is_of_table
from tunesmith.selection.wording import NumberFormat, count, level_of
from tunesmith.study.answer import answer, middle
from tunesmith.study.recommend import Recommendation
from tunesmith.study.snapshot import Snapshot
from tunesmith.visualization.columns import objective_names

MOST_FRONT = 8  # trials of a Pareto front that are named
NO_ANSWER: dict[str, Any] = {
    "head": "", "trial": None, "params": {}, "forms": [], "value": "", "targets": [], "interval": "", "scale": None,
    "sure": "", "level": "note", "why": "", "cost": "", "todo": "", "where": "", "notes": [], "front": [],
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
        best = sorted(told.front, key=lambda t: t.values or ())[:MOST_FRONT]
        shown |= {"head": words("{} trials are on the Pareto front.", f"{len(told.front):,}"), "notes": saved}
        return {**shown, "targets": objective_names(seen), "front": [(t.number, list(t.values or ())) for t in best]}
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
        "params": {printable(str(k)): printable(param_cell(v, 10)) for k, v in params.items()},
        "forms": [(name.lower(), name, printable(form, lines=True)) for name, form in forms.items()],
        "value": figures.write(found.value) if math.isfinite(found.value) else "",
        "targets": objective_names(seen),
        "interval": words("{0} interval: {1} to {2}", *interval) if is_known else words("no interval is known"),
        "scale": _scale(seen, found),
        "sure": words.said(sure.name),
        "level": sure.level,
        "why": words.said(sure.why),
        "notes": [*map(printable, rest), *saved],
    }


def _scale(seen: Snapshot, found: Recommendation) -> dict[str, float] | None:
    """Return where the interval, the value and the best value seen lie on a line from 0 to 100; None: not known."""
    places = [*sorted(found.interval), found.value, found.naive, middle(seen)]
    if not all(map(math.isfinite, places)) or min(places) == max(places):
        return None
    first, last = min(places), max(places)
    low, high, value, naive, _ = (round(100 * (v - first) / (last - first), 2) for v in places)
    return {"low": low, "high": high, "value": value, "naive": naive}


def _cost(seen: Snapshot, words: Words) -> str:
    """Return what the search cost, as a sentence."""
    n, spent = len(seen.history), float(np.nansum(seen.history.cost))
    if not n:
        return ""
    trials = words.said(count(n, "trial"))
    return words("{0}, {1} in all.", trials, span(spent)) if spent > 0 else words("{}.", trials)
