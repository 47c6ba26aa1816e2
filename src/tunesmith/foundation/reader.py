"""The language of who reads: that of ``tunesmith --lang``, else that of the environment.

The command line knows it before a command is read, since ``--help`` ends the program at once. So this module imports
nothing of `tunesmith.foundation.languages`, which loads the texts, and English needs no more than this.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

# In the order in which they win; the last three are those of the system, as "zh_CN.UTF-8".
LANGUAGE_VARIABLES = ("TUNESMITH_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
LANGUAGE_CODES = ("en", "zh")
_chosen: list[str] = []  # by --lang, while a command line is run


def language() -> str:
    """Return "en" or "zh"."""
    if _chosen:
        return _chosen[-1]
    told = next(filter(None, map(os.environ.get, LANGUAGE_VARIABLES)), "")
    return "zh" if told.lower().startswith("zh") else "en"


def choose(arguments: Sequence[str]) -> None:
    """Take the language from what stands before the command.

    Args:
        arguments: the command line.
    """
    _chosen.clear()
    before = list(arguments)
    while before and before[0].startswith("-"):
        word, equals, value = before.pop(0).partition("=")
        if word == "--lang":
            value = value if equals else (before.pop(0) if before else "")
            _chosen[:] = [value] if value in LANGUAGE_CODES else []  # another one is refused where the command is read


@contextmanager
def in_english() -> Iterator[None]:
    """Say in English what a program reads, whatever the language of who runs it."""
    _chosen.append("en")
    try:
        yield
    finally:
        _chosen.pop()
