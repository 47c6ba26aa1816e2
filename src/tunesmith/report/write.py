"""``write_report``: from a study or a search to a file."""

from __future__ import annotations

import os
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation import registry
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import Words, words_of
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.system.replacing import write_text
from tunesmith.foundation.text import printable, shorten, shown
from tunesmith.importance import importance
from tunesmith.importance.base import between, rounded
from tunesmith.report.banner import Banner, banner_of, banner_of_search
from tunesmith.report.content import Content, Reportable, Section, Table, drawn_if_any, stamped, versions
from tunesmith.selection.leaderboard import stored_leaderboard
from tunesmith.selection.wording import params_of
from tunesmith.study import Study
from tunesmith.study.answer import answer
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.columns import objective_names
from tunesmith.visualization.figures.belief import belief
from tunesmith.visualization.figures.contour import contour
from tunesmith.visualization.figures.honest_score import honest_score
from tunesmith.visualization.figures.intermediate_values import IntermediateValues, intermediate_values
from tunesmith.visualization.figures.leaderboard import leaderboard
from tunesmith.visualization.figures.metrics import metrics
from tunesmith.visualization.figures.optimization_history import optimization_history
from tunesmith.visualization.figures.param_importances import importances_of_table
from tunesmith.visualization.figures.pareto_front import pareto_front
from tunesmith.visualization.figures.racing import racing
from tunesmith.visualization.figures.slice import slices
from tunesmith.visualization.figures.timeline import timeline

# -- what a report says of a study ----------------------------------------------------------------------------------

TABLE_ROWS = 10  # rows of a table of trials or candidates, kinds of failure
MOST_PARAMS = 12  # in a figure with one panel for each


def of_study(seen: Snapshot, words: Words) -> Content:
    """Return what a report says of a study.

    Args:
        seen: with any number of trials.
        words: the language.
    """
    history = seen.history
    several, banner = len(seen.directions) > 1, banner_of(seen, words)
    sections = [
        _front(seen, words) if several else _leaderboard(seen, words),
        course(seen, words),
        mattered(seen, words),
        _failures(seen, words),
        _searched(seen, words),
        _found(seen, banner, words),
    ]
    t = words.translate
    n = len(history) + history.n_pending
    subtitle = stamped(t("{n} trials; report of {when} by tunesmith {version}"), n)
    title = printable(seen.study_name)
    return Content(title, subtitle, [s for s in sections if not s.empty], words.language, banner)


def _found(seen: Snapshot, banner: Banner, words: Words) -> Section:
    t = words.translate
    section = Section(t("How that was found"), list(banner.more))
    if (saved := seen.once(answer).saved) is not None:
        section.sentences += words.known(saved.sentences())
    if (stopped := seen.stored_stop_reason) is not None:
        reason = words.told(stopped)
        section.sentences.append(t("The search stopped by itself: {reason}").format(reason=reason))
    section.sentences.append(
        t(
            "The study's seed is {seed}. With the same seed, sampler and versions, a new study proposes the same."
        ).format(seed=seen.seed)
    )
    section.sentences.append(t("Versions: {versions}.").format(versions=versions("numpy", "scipy")))
    return section


def _leaderboard(seen: Snapshot, words: Words) -> Section:
    """Return the best of each kind of model, where `tunesmith.tune` made the study; else it is empty."""
    section = Section(words.translate("The best of each kind of model"))
    found = stored_leaderboard(seen.system_attrs)
    if found is not None and found.places:
        section.tables.append(Table(*found.table(words), drawn=True))
        section.figures += drawn_if_any(lambda: leaderboard(found))
    return section


def _front(seen: Snapshot, words: Words) -> Section:
    t = words.translate
    section = Section(t("Result"))
    front = seen.once(answer).front
    if not front:
        return section
    names = list(map(words.said, objective_names(seen)))
    rows = [[f.number, *(f.values or ()), params_of(f.params)] for f in front[:TABLE_ROWS]]
    section.tables.append(Table([t("trial"), *names, t("parameters")], rows))
    if len(front) > TABLE_ROWS:
        section.sentences.append(t("The table shows the first {n}.").format(n=TABLE_ROWS))
    if len(seen.directions) == 2:
        section.figures += drawn_if_any(lambda: pareto_front(seen))
    return section


def _searched(seen: Snapshot, words: Words) -> Section:
    t = words.translate
    history = seen.history
    section = Section(t("What was searched"))
    ways = {"minimize": t("minimised"), "maximize": t("maximised")}
    section.sentences.append(
        t("The objective, {name}, is {way}.").format(name=t(seen.metric_names[0]), way=ways[seen.directions[0].value])
        if len(seen.directions) == 1 and seen.metric_names
        else t("The objective is {way}.").format(way=ways[seen.directions[0].value])
        if len(seen.directions) == 1
        else t("There are {n} objectives: {ways}.").format(
            n=len(seen.directions), ways=", ".join(ways[d.value] for d in seen.directions)
        )
    )
    if history.space is not None and len(history.space):
        rows = [[name, str(p)] for name, p in history.space.params.items()]
        section.tables.append(Table([t("parameter"), t("range")], rows))
    counts = {state: n for state, n in sorted(seen.counts.items()) if n}
    section.tables.append(Table([t("state"), t("trials")], [[_state(state, words), n] for state, n in counts.items()]))
    return section


def _state(state: TrialState, words: Words) -> str:
    return state.name if words.language == "en" else words.translate(str(state).lower())


def mattered(seen: Snapshot, words: Words) -> Section:
    """Return the section on what mattered; it is empty if that cannot be told.

    Args:
        seen: the study.
        words: the language.
    """
    t = words.translate
    section = Section(t("What mattered"))
    try:
        table = importance(seen)
    except ValueError:  # too few trials, one value, or several objectives
        return section
    told = sorted(table.rows, key=lambda r: -r.value)
    known = [r for r in told if r.value or r.null] or told  # of one that never varied, trials show nothing
    rows = [
        [r.name, _as_read(r.value), words.said(between(r.interval)), _as_read(r.null), round(r.p, 3)] for r in known
    ]
    columns = [t("parameter"), t("importance"), t("95 % interval"), t("null line"), "p"]
    section.tables.append(Table(columns, rows[:MOST_PARAMS], drawn=True))
    if len(rows) > MOST_PARAMS:
        section.sentences.append(t("The table shows the first {n}.").format(n=MOST_PARAMS))
    section.figures += drawn_if_any(lambda: importances_of_table(table, objective_names(seen)[0]))
    names = [str(row[0]) for row in rows]
    if len(names) > 1:
        section.figures += drawn_if_any(lambda: contour(seen, names[:2]))
    believed = drawn_if_any(lambda: belief(seen, names[:MOST_PARAMS]))  # it has the trials in it
    section.figures += believed or drawn_if_any(lambda: slices(seen, names[:MOST_PARAMS]))
    return section


def _as_read(value: float) -> float:
    return value if np.isnan(value) else float(rounded(value))


def course(seen: Snapshot, words: Words) -> Section:
    """Return the section that shows how the search went.

    Args:
        seen: the study.
        words: the language.
    """
    section = Section(words.translate("How the search went"))
    if len(seen.directions) == 1:
        section.figures += drawn_if_any(lambda: optimization_history(seen, show_pruned=True, show_failed=True))
    for k in range(len(seen.directions)):
        section.figures += drawn_if_any(partial(_curves, seen, k))
    section.figures += drawn_if_any(lambda: metrics(seen))
    section.figures += drawn_if_any(lambda: timeline(seen))
    return section


def _curves(seen: Snapshot, target: int) -> IntermediateValues:
    """Return the learning curves of a study; NothingToDrawError if none has two points."""
    made = intermediate_values(seen, target=target)
    if max(len(curve.step) for curve in made.curves) < 2:
        raise NothingToDrawError("no trial reported more than one value, and a curve has two or more")
    return made


def _failures(seen: Snapshot, words: Words) -> Section:
    t = words.translate
    section = Section(t("Failures"))
    reasons = seen.once(answer).failures
    if not reasons:
        return section
    failed, n = sum(r.trials for r in reasons), len(seen.history)
    section.sentences.append(t("{n} of {all} trials failed.").format(n=failed, all=n))
    rows = [[r.trials, shorten(r.text, 200) or t("no reason is known"), r.first] for r in reasons[:TABLE_ROWS]]
    section.tables.append(Table([t("trials"), t("reason"), t("the first")], rows))
    return section


# -- what a report says of a fitted scikit-learn search; it is known by its attributes alone ------------------------


def of_search(search: Any, words: Words) -> Content:
    """Return what a report says of a search.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`.
        words: the language.
    """
    t = words.translate
    seen = as_snapshot(search)
    banner = banner_of_search(search, words)
    sections = [
        _search_result(search, words),
        course(seen, words),
        mattered(seen, words),
        _candidates(search, words),
        Section(t("How that was found"), list(banner.more)),
        _search_again(search, words),
    ]
    n = len(search.cv_results_["params"])
    subtitle = stamped(t("{n} candidates; report of {when} by tunesmith {version}"), n)
    title = f"{type(search).__name__}: {type(search.estimator).__name__}"
    return Content(title, subtitle, [s for s in sections if not s.empty], words.language, banner)


def _search_result(search: Any, words: Words) -> Section:
    section = Section(words.translate("Result"))
    section.figures += drawn_if_any(lambda: honest_score(search))
    return section


def _candidates(search: Any, words: Words) -> Section:
    t = words.translate
    section = Section(t("The best candidates"))
    results = search.cv_results_
    name = next((k for k in ("mean_test_score", *results) if k in results and k.startswith("mean_test_")), None)
    if name is None:
        return section
    metric = name.removeprefix("mean_test_")
    order = np.argsort(results[f"rank_test_{metric}"], kind="stable")[:TABLE_ROWS]
    rows = [
        [
            int(results[f"rank_test_{metric}"][i]),
            round(float(results[name][i]), 4),
            round(float(results[f"std_test_{metric}"][i]), 4),
            shorten(params_of(results["params"][i]), 200),
        ]
        for i in order
    ]
    section.tables.append(Table([t("rank"), t("mean score"), t("deviation"), t("parameters")], rows))
    section.figures += drawn_if_any(lambda: racing(search))
    return section


def _search_again(search: Any, words: Words) -> Section:
    t = words.translate
    section = Section(t("How to reproduce it"))
    installed = versions("scikit-learn", "numpy", "scipy")
    section.sentences.append(t("Versions: {versions}.").format(versions=installed))
    section.sentences.append(t("The search that was fitted:"))
    section.code = printable(repr(search), lines=True)
    return section


SUFFIXES = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}


@checked()
def write_report(
    source: Any,
    path: str | os.PathLike[str] | None = None,
    *,
    format: str | None = None,
    lang: str | None = None,
    interactive: bool = False,
    overwrite: bool = False,
) -> str:
    """Write a report: what was searched and found, how far to trust it, what mattered, what it cost, and what failed.

    A page (HTML) is one file that loads nothing: it opens from the disk without a network, light or dark as the
    reader's system is, on a phone too, and prints. Its figures are drawn in it, as pictures; with `interactive` they
    can be zoomed, asked for their values and saved, and the file is about half as large again.
    Markdown has the same sentences and tables, and says of each figure what it shows.

    Args:
        source: a study or a snapshot of it, what `tunesmith.tune` returned, a fitted `tunesmith.sklearn.SearchCV`, or
            a fitted `tunesmith.scaling.ScalingLaw`; with `ScalingResults`, what a law advises and plans too.
        path: the file; None: none is written.
        format: "html", "md", or "card": of what `tunesmith.tune` returned, a model card in Markdown; None: what the
            file's name ends with, else "html".
        lang: "en" or "zh"; None: what the environment says, such as ``TUNESMITH_LANG=zh``.
        interactive: of a page, let its figures be zoomed and asked.
        overwrite: replace the file if it is there.

    Returns:
        the text of the report.

    Raises:
        FileExistsError: the file is there, and `overwrite` does not say that it may be replaced.
        TypeError: it is no study, no fitted search and no fitted law.
        ValueError: there is no such format or language.

    Example:
        ```python
        import tunesmith
        from tunesmith.report import write_report

        study = tunesmith.create_study(seed=0)
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=10)
        write_report(study, "report.html")
        ```
    """
    words = words_of(lang)
    if path is not None and not overwrite and Path(path).exists():
        raise FileExistsError(
            f"{printable(os.fspath(path))} is there already: give overwrite=True to replace it, or another name"
        )
    suffix = "" if path is None else Path(path).suffix.lower()
    name = format or SUFFIXES.get(suffix, "html")
    write = registry.load_registered("reports", name)
    text: str = write(replace(_content(source, words), interactive=interactive), words)
    if path is not None:
        write_text(path, text)
    return text


def _content(source: Any, words: Words) -> Content:
    if isinstance(source, Study | Snapshot):
        return of_study(as_snapshot(source), words)
    if isinstance(source, Reportable) and (content := source._report_content_(words)) is not None:
        return content
    if hasattr(source, "report_") and hasattr(source, "study_"):
        return of_search(source, words)
    raise TypeError(f"a report is of a study, a fitted SearchCV or a fitted ScalingLaw; got {shown(source)}")
