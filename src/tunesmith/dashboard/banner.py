"""`Banner`: what a study page says first: what to use, what to expect, how sure that is, what it cost, and next."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from tunesmith.dashboard.studies import OpenStudy
from tunesmith.dashboard.views import param
from tunesmith.errors import TunesmithError
from tunesmith.foundation.languages import Words
from tunesmith.foundation.text import printable, span
from tunesmith.report.banner import WEIGH, chosen_by, forms_of, is_of_table
from tunesmith.selection.wording import NumberFormat, count, level_of
from tunesmith.study.advice import MANY_FAILED, middle, next_step, sureness
from tunesmith.study.recommend import Recommendation
from tunesmith.visualization.columns import objective_names

MOST_FRONT = 8  # trials of a Pareto front that are named


@dataclass(frozen=True)
class Scale:
    """Where values lie on a line from 0 to 100: the interval, the expected value, and the best value seen."""

    low: float
    high: float
    value: float
    naive: float


@dataclass(frozen=True)
class Banner:
    """The verdict on a study, translated.

    Attributes:
        head: the sentence above all.
        trial: the number of the trial to use; None: there is none.
        params: its parameters as texts.
        forms: the same to be copied, (name, heading, text) each.
        value: the value to expect; "": not known.
        targets: the names of the objectives.
        interval: of it, in words.
        scale: the same as places on a line; None: not known.
        sure: how sure that is, in a few words.
        level: "good", "note" or "bad" as that is.
        why: the reason, as a sentence.
        cost: what the search cost, as a sentence; "": nothing.
        todo: what to do next, as a sentence.
        where: the expression of the trials that it is about; "": there is none.
        notes: what else is to be known, as sentences.
        front: (number, values) of trials on the Pareto front, by the first objective.
    """

    head: str
    trial: int | None = None
    params: dict[str, str] = field(default_factory=dict)
    forms: list[tuple[str, str, str]] = field(default_factory=list)
    value: str = ""
    targets: list[str] = field(default_factory=list)
    interval: str = ""
    scale: Scale | None = None
    sure: str = ""
    level: str = "note"
    why: str = ""
    cost: str = ""
    todo: str = ""
    where: str = ""
    notes: list[str] = field(default_factory=list)
    front: list[tuple[int, list[float]]] = field(default_factory=list)


def banner(opened: OpenStudy, words: Words) -> Banner:
    """Return the verdict on a study.

    Args:
        opened: the study, read on.
        words: the language.
    """
    study = opened.study
    cost, saved = _cost(opened, words), _saved(opened, words)
    if len(study.directions) > 1:
        front = study.best_trials
        return Banner(
            words("{} trials are on the Pareto front.", f"{len(front):,}"),
            cost=cost,
            notes=saved,
            todo=words(WEIGH) if front else words.said(next_step(study, None)),
            targets=objective_names(study),
            front=[(t.number, list(t.values or ())) for t in sorted(front, key=lambda t: t.values or ())[:MOST_FRONT]],
        )
    try:
        found = opened.recommended()
    except TunesmithError as error:  # what the search decided cannot be read
        return Banner(str(error), cost=cost)
    except ValueError:
        todo = words.said(next_step(study, None))
        return Banner(words("No trial is complete yet."), cost=cost, todo=todo, where=_many_failed(opened))
    figures = NumberFormat.of(found.value, found.interval)
    low, high = found.interval
    known = math.isfinite(low) and math.isfinite(high)
    sure = sureness(study, found)
    verdict, *rest = words.known(found.sentences())
    trial = None if found.trial is None else found.trial.number
    params = chosen_by(found)
    named = {printable(str(k)): printable(param(v, 10)) for k, v in params.items()}
    return Banner(
        verdict if found.report is not None or trial is None else words("Use trial {}.", trial),
        trial,
        named,
        [
            (name.lower(), name, printable(form, lines=True))
            for name, form in forms_of(params, is_program=not is_of_table(study)).items()
        ],
        figures.write(found.value) if math.isfinite(found.value) else "",
        objective_names(study),
        words("{0} interval: {1} to {2}", level_of(found.level), *(figures.write(v) for v in sorted((low, high))))
        if known
        else words("no interval is known"),
        _scale(opened, found) if known else None,
        words.said(sure.name),
        sure.level,
        words.said(sure.why),
        cost,
        words.said(next_step(study, found)),
        _many_failed(opened),
        [*map(printable, rest), *saved],
    )


def _many_failed(opened: OpenStudy) -> str:
    """Return the expression of failed trials where they are to be looked at first; "" where not."""
    history = opened.history
    return "state == fail" if (history.failure != 0).sum() > MANY_FAILED * len(history) else ""


def _scale(opened: OpenStudy, found: Recommendation) -> Scale | None:
    places = [*found.interval, found.value, found.naive, middle(opened.study)]
    if not all(map(math.isfinite, places)) or min(places) == max(places):
        return None
    low, high = min(places), max(places)
    at = [round(100 * (v - low) / (high - low), 2) for v in places]
    return Scale(min(at[:2]), max(at[:2]), at[2], at[3])


def _cost(opened: OpenStudy, words: Words) -> str:
    """Return what the search cost, as a sentence."""
    history = opened.history
    n, spent = len(history), float(np.nansum(history.cost[: len(history)]))
    if not n:
        return ""
    trials = words.said(count(n, "trial"))
    return words("{0}, {1} in all.", trials, span(spent)) if spent > 0 else words("{}.", trials)


def _saved(opened: OpenStudy, words: Words) -> list[str]:
    """Return what pruning saved or lost, as sentences."""
    saved = opened.study.savings
    return [] if saved is None else words.known(saved.sentences())
