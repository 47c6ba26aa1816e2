"""What a report says of a study."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from tunesmith.importance import importance
from tunesmith.languages import Words
from tunesmith.report.content import Content, Section, Table
from tunesmith.report.stamp import stamped, versions
from tunesmith.selection.wording import params_of
from tunesmith.study import Study
from tunesmith.text import printable, shorten
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.figures.belief import belief
from tunesmith.visualization.figures.contour import contour
from tunesmith.visualization.figures.intermediate_values import intermediate_values
from tunesmith.visualization.figures.optimization_history import optimization_history
from tunesmith.visualization.figures.param_importances import of_table
from tunesmith.visualization.figures.pareto_front import pareto_front
from tunesmith.visualization.figures.slice import slices
from tunesmith.visualization.figures.timeline import timeline

SHOWN = 10  # rows of a table of trials, kinds of failure
MOST_PARAMS = 12  # in a figure with one panel for each


def of_study(study: Study, words: Words) -> Content:
    """Return what a report says of a study.

    Args:
        study: with any number of trials.
        words: the language.
    """
    history = study.history
    several = len(study.directions) > 1
    sections = [
        _front(study, words) if several else _result(study, words),
        _searched(study, words),
        mattered(study, words),
        course(study, words),
        _cost(study, words),
        _failures(study, words),
        _again(study, words),
    ]
    t = words.translate
    n = len(history) + history.n_pending
    subtitle = stamped(t("{n} trials; report of {when} by tunesmith {version}"), n)
    return Content(printable(study.study_name), subtitle, [s for s in sections if not s.empty], words.language)


def _result(study: Study, words: Words) -> Section:
    t = words.translate
    section = Section(t("Result"))
    try:
        found = study.recommend()
    except ValueError:
        section.sentences.append(t("No trial is complete yet, so there is no result."))
        return section
    section.sentences += words.known(found.sentences())
    if study.stop_reason:
        section.sentences.append(t("The search stopped by itself: {reason}").format(reason=study.stop_reason))
    section.tables.append(Table([t("parameter"), t("value")], [[k, v] for k, v in found.params.items()]))
    return section


def _front(study: Study, words: Words) -> Section:
    t = words.translate
    section = Section(t("Result"))
    front = study.best_trials
    if not front:
        section.sentences.append(t("No trial is complete yet, so there is no result."))
        return section
    section.sentences.append(
        t("{n} of {all} complete trials are not dominated by any other.").format(
            n=len(front), all=int(study.history.complete.sum())
        )
    )
    names = [t("objective {k}").format(k=k) for k in range(len(study.directions))]
    rows = [[f.number, *(f.values or ()), params_of(f.params)] for f in front[:SHOWN]]
    section.tables.append(Table([t("trial"), *names, t("parameters")], rows))
    if len(front) > SHOWN:
        section.sentences.append(t("The table shows the first {n}.").format(n=SHOWN))
    if len(study.directions) == 2:
        section.figures += drawn(lambda: pareto_front(study))
    return section


def _searched(study: Study, words: Words) -> Section:
    t = words.translate
    history = study.history
    section = Section(t("What was searched"))
    ways = {"minimize": t("minimised"), "maximize": t("maximised")}
    section.sentences.append(
        t("The objective is {way}.").format(way=ways[study.directions[0].value])
        if len(study.directions) == 1
        else t("There are {n} objectives: {ways}.").format(
            n=len(study.directions), ways=", ".join(ways[d.value] for d in study.directions)
        )
    )
    if history.space is not None and len(history.space):
        rows = [[name, str(p)] for name, p in history.space.params.items()]
        section.tables.append(Table([t("parameter"), t("range")], rows))
    counts = {state: n for state, n in sorted(study.counts.items()) if n}
    section.tables.append(Table([t("state"), t("trials")], [[state.name, n] for state, n in counts.items()]))
    return section


def mattered(study: Study, words: Words) -> Section:
    """Return the section on what mattered; it is empty if that cannot be told.

    Args:
        study: a study.
        words: the language.
    """
    t = words.translate
    section = Section(t("What mattered"))
    try:
        table = importance(study)
    except ValueError:  # too few trials, one value, or several objectives
        return section
    section.sentences += words.known(table.sentences())
    rows = [
        [r.name, round(r.value, 3), f"{r.interval[0]:.3f} – {r.interval[1]:.3f}", round(r.null, 3), round(r.p, 3)]
        for r in sorted(table.rows, key=lambda r: -r.value)
    ]
    columns = [t("parameter"), t("importance"), t("95 % interval"), t("null line"), "p"]
    section.tables.append(Table(columns, rows))
    section.figures += drawn(lambda: of_table(table, "value"))
    names = [str(row[0]) for row in rows]
    section.figures += drawn(lambda: slices(study, names[:MOST_PARAMS]))
    section.figures += drawn(lambda: belief(study, names[:MOST_PARAMS]))
    if len(names) > 1:
        section.figures += drawn(lambda: contour(study, names[:2]))
    return section


def course(study: Study, words: Words) -> Section:
    """Return the section that shows how the search went.

    Args:
        study: a study.
        words: the language.
    """
    section = Section(words.translate("How the search went"))
    if len(study.directions) == 1:
        section.figures += drawn(lambda: optimization_history(study, show_pruned=True, show_failed=True))
    for k in range(len(study.directions)):
        section.figures += drawn(partial(intermediate_values, study, target=k))
    section.figures += drawn(lambda: timeline(study))
    return section


def _cost(study: Study, words: Words) -> Section:
    t = words.translate
    section = Section(t("What it cost"))
    costs = study.history.cost[np.isfinite(study.history.cost)]
    if len(costs):
        section.sentences.append(
            t(
                "All trials together cost {total}, the median one {median} (seconds, or the unit that was reported)."
            ).format(total=f"{costs.sum():,.4g}", median=f"{float(np.median(costs)):.4g}")
        )
    saved = study.savings
    if saved is not None:
        section.sentences += words.known(saved.sentences())
    return section


def _failures(study: Study, words: Words) -> Section:
    t = words.translate
    section = Section(t("Failures"))
    reasons = study.failure_reasons()
    if not reasons:
        return section
    failed, n = sum(r.trials for r in reasons), len(study.history)
    section.sentences.append(t("{n} of {all} trials failed.").format(n=failed, all=n))
    rows = [[r.trials, shorten(r.text, 200) or t("no reason is known"), r.first] for r in reasons[:SHOWN]]
    section.tables.append(Table([t("trials"), t("reason"), t("the first")], rows))
    return section


def _again(study: Study, words: Words) -> Section:
    t = words.translate
    section = Section(t("How to reproduce it"))
    section.sentences.append(
        t(
            "The study's seed is {seed}. With the same seed, sampler and versions, a new study proposes the same."
        ).format(seed=study.seed)
    )
    section.sentences.append(t("Versions: {versions}.").format(versions=versions("numpy", "scipy")))
    decided = study.verdict is not None
    try:
        best = {} if len(study.directions) > 1 else study.recommend().params if decided else study.best_params
    except ValueError:
        best = {}
    if best:
        section.sentences.append(t("The parameters to use:" if decided else "The parameters of the best trial seen:"))
        section.code = repr(best)
    return section


def drawn(make: Callable[[], FigureData]) -> list[FigureData]:
    """Return a figure, or nothing if the study does not have what it shows."""
    try:
        return [make()]
    except ValueError:
        return []
