"""`Words`: sentences in the reader's language."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from tunesmith.languages.said import Said
from tunesmith.text import shown

LANGUAGES = {"en": "English", "zh": "中文"}


@lru_cache(maxsize=2 * len(LANGUAGES))
def table_of(language: str, part: str = "") -> dict[str, str]:
    """Return a language's patterns by the English ones.

    Args:
        language: "en" or "zh".
        part: "commands": of the help and the messages of the command line; empty: of all else.
    """
    if language == "en":
        return {}
    name = f"{language}.{part}.json" if part else f"{language}.json"
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


class Words:
    """Translates; called like gettext. What a language's table lacks stays English.

    Args:
        language: "en" or "zh".

    Attributes:
        language: of the text, as ``lang`` says it.
    """

    def __init__(self, language: str) -> None:
        self.language = language
        self._table = table_of(language)

    def translate(self, pattern: str) -> str:
        """Return a pattern in this language."""
        return self._table.get(pattern, pattern)

    def __call__(self, pattern: str, *values: object) -> str:
        """Return a sentence, with values in the places of {} or {0}, {1} and so on."""
        sentence = self.translate(pattern)
        return sentence.format(*values) if values else sentence

    def said(self, text: str) -> str:
        """Return what was made by `say` in this language, and any other text as it is."""
        if not isinstance(text, Said):
            return text
        values = [self.said(value) if isinstance(value, str) else value for value in text.values]
        return self.translate(text.pattern).format(*values)

    def known(self, sentences: Iterable[str]) -> list[str]:
        """Return sentences in this language; those that are there in English alone are left out of others."""
        return [self.said(s) for s in sentences if self.language == "en" or isinstance(s, Said)]


def words_of(lang: Any) -> Words:
    """Return a language.

    Args:
        lang: its code; "zh-CN" and "zh_TW" are "zh".

    Raises:
        ValueError: there is no such language.
    """
    code = str(lang).replace("_", "-").split("-")[0].lower()
    if code not in LANGUAGES:
        raise ValueError(f"lang takes {' or '.join(map(repr, LANGUAGES))}; got {shown(lang)}")
    return Words(code)
