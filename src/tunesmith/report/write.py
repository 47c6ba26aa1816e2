"""``write_report``: from a study or a search to a file."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from tunesmith import registry
from tunesmith.languages import Words, words_of
from tunesmith.report.content import Content
from tunesmith.report.of_search import of_search
from tunesmith.report.of_study import of_study
from tunesmith.study import Study
from tunesmith.text import shown

SUFFIXES = {".html": "html", ".htm": "html", ".md": "md", ".markdown": "md"}


def write_report(
    source: Any, path: str | os.PathLike[str] | None = None, *, format: str | None = None, lang: str = "en"
) -> str:
    """Write a report: what was searched and found, how far to trust it, what mattered, what it cost, and what failed.

    A page (HTML) is one file of at most 3 MB that loads nothing: it opens from the disk without a network, and prints.
    Markdown has the same sentences and tables, and says of each figure what it shows.

    Args:
        source: a study, or a fitted `tunesmith.sklearn.SearchCV`.
        path: the file; None: none is written.
        format: "html" or "md"; None: what the file's name ends with, else "html".
        lang: "en" or "zh".

    Returns:
        the text of the report.

    Raises:
        TypeError: it is no study and no fitted search.
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
    suffix = "" if path is None else Path(path).suffix.lower()
    name = format or SUFFIXES.get(suffix, "html")
    write = registry.load("reports", name)
    text: str = write(_content(source, words), words)
    if path is not None:
        Path(path).write_text(text, encoding="utf-8")
    return text


def _content(source: Any, words: Words) -> Content:
    if isinstance(source, Study):
        return of_study(source, words)
    if hasattr(source, "report_") and hasattr(source, "study_"):
        return of_search(source, words)
    raise TypeError(f"a report is of a study or of a fitted SearchCV; got {shown(source)}")
