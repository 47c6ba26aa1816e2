"""What a report says of a fitted scikit-learn search; it is known by its attributes alone."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.languages import Words
from tunesmith.report.content import Content, Section, Table
from tunesmith.report.of_study import course, drawn, mattered
from tunesmith.report.stamp import stamped, versions
from tunesmith.selection.wording import params_of
from tunesmith.text import printable, shorten
from tunesmith.visualization.figures.honest_score import honest_score
from tunesmith.visualization.figures.racing import racing

SHOWN = 10  # candidates


def of_search(search: Any, words: Words) -> Content:
    """Return what a report says of a search.

    Args:
        search: a fitted `tunesmith.sklearn.SearchCV`.
        words: the language.
    """
    t = words.translate
    study = search.study_
    sections = [
        _result(search, words),
        _candidates(search, words),
        mattered(study, words),
        course(study, words),
        _cost(search, words),
        _again(search, words),
    ]
    n = len(search.cv_results_["params"])
    subtitle = stamped(t("{n} candidates; report of {when} by tunesmith {version}"), n)
    title = f"{type(search).__name__}: {type(search.estimator).__name__}"
    return Content(title, subtitle, [s for s in sections if not s.empty], words.language)


def _result(search: Any, words: Words) -> Section:
    t = words.translate
    section = Section(t("Result"))
    report = search.report_
    section.sentences += words.known(report.sentences())
    if report.chosen:
        section.tables.append(Table([t("parameter"), t("value")], [[k, v] for k, v in report.chosen.items()]))
    section.figures += drawn(lambda: honest_score(search))
    return section


def _candidates(search: Any, words: Words) -> Section:
    t = words.translate
    section = Section(t("The best candidates"))
    results = search.cv_results_
    name = next((k for k in ("mean_test_score", *results) if k in results and k.startswith("mean_test_")), None)
    if name is None:
        return section
    metric = name.removeprefix("mean_test_")
    order = np.argsort(results[f"rank_test_{metric}"], kind="stable")[:SHOWN]
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
    section.figures += drawn(lambda: racing(search))
    return section


def _cost(search: Any, words: Words) -> Section:
    t = words.translate
    section = Section(t("What it cost"))
    report = search.report_
    if report.n_fits is not None:
        section.sentences.append(
            t("The search took {n} fits, and saved {saved} by giving candidates up.").format(
                n=f"{report.n_fits:,}", saved=f"{report.n_fits_saved or 0:,}"
            )
        )
    seconds = float(np.nansum(search.cv_results_["mean_fit_time"] * search.n_splits_))
    section.sentences.append(t("Its fits on all folds would take about {n} seconds.").format(n=f"{seconds:,.3g}"))
    return section


def _again(search: Any, words: Words) -> Section:
    t = words.translate
    section = Section(t("How to reproduce it"))
    installed = versions("scikit-learn", "numpy", "scipy")
    section.sentences.append(t("Versions: {versions}.").format(versions=installed))
    section.sentences.append(t("The search that was fitted:"))
    section.code = printable(repr(search), lines=True)
    return section
