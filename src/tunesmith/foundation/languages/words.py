"""`Words`: sentences in the reader's language."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from tunesmith.foundation.languages.filling import filled
from tunesmith.foundation.languages.patterns import Patterns
from tunesmith.foundation.languages.said import Said, Stored
from tunesmith.foundation.reader import language
from tunesmith.foundation.text import shown

LANGUAGES = {"en": "English", "zh": "中文"}


@lru_cache(maxsize=3 * len(LANGUAGES))
def translation_table(code: str, part: str = "") -> dict[str, str]:
    """Return a language's patterns by the English ones.

    Args:
        code: "en" or "zh".
        part: "commands": of the help and the messages of the command line; "stored": of sentences that are stored with
            studies, in English; empty: of these and of all else.
    """
    if code == "en":
        return {}
    if not part:
        return {**_rows(f"{code}.json"), **translation_table(code, "stored")}
    return _rows(f"{code}.{part}.json")


def _rows(name: str) -> dict[str, str]:
    text = (Path(__file__).parent / name).read_text(encoding="utf-8")
    found: dict[str, str] = json.loads(text)
    return found


@lru_cache(maxsize=len(LANGUAGES))
def sentences_of(code: str) -> Patterns:
    """Return the sentences of a language's table, known by their English patterns.

    Args:
        code: "en" or "zh".
    """
    return Patterns(translation_table(code), are_all=False, held=translation_table(code, "stored"))


class Words:
    """Translates; called like gettext. What a language's table lacks stays English.

    Args:
        language: "en" or "zh".

    Attributes:
        language: of the text, as ``lang`` says it.
    """

    def __init__(self, language: str) -> None:
        if not isinstance(language, str) or language not in LANGUAGES:  # type: ignore[redundant-expr]  # as in calls
            raise ValueError(f"language must be one of {', '.join(LANGUAGES)}; got {language!r}")
        self.language = language
        self._table = translation_table(language)

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
        if isinstance(text, Stored):
            return self.told(str(text))
        values = [self.said(value) if isinstance(value, str) else value for value in text.values]
        pattern = self.translate(text.pattern)
        return pattern.format(*values) if self.language == "en" else filled(pattern, *values)

    def told(self, text: str) -> str:
        """Return a sentence in this language, also one that was stored; what the table lacks as it is.

        Args:
            text: of ours; a name that somebody gave could be taken for one of our words.
        """
        if self.language == "en":
            return text
        return self.said(text) if isinstance(text, Said) else sentences_of(self.language).translate(text)

    def known(self, sentences: Iterable[str]) -> list[str]:
        """Return sentences in this language, and those that are there in English alone in English."""
        return [self.told(s) for s in sentences]


def words_of(lang: Any) -> Words:
    """Return a language.

    Args:
        lang: its code; "zh-CN" and "zh_TW" are "zh". None: that of who reads.

    Raises:
        ValueError: there is no such language.
    """
    code = language() if lang is None else str(lang).replace("_", "-").split("-")[0].lower()
    if code not in LANGUAGES:
        raise ValueError(f"lang takes {' or '.join(map(repr, LANGUAGES))}; got {shown(lang)}")
    return Words(code)


def told(text: str) -> str:
    """Return a sentence in the language of who reads: see `tunesmith.foundation.reader`.

    Args:
        text: as `Words.told` takes it.
    """
    return text if language() == "en" else words_of(None).told(text)


def paragraph(sentences: Iterable[str]) -> str:
    """Return sentences in the language of who reads, one behind the other: in Chinese without blanks.

    Args:
        sentences: each as `told` takes it.
    """
    return (" " if language() == "en" else "").join(map(told, sentences))


def word(text: str) -> str:
    """Return a word of ours, such as the head of a column, in the language of who reads.

    Args:
        text: the word.
    """
    return text if language() == "en" else words_of(None).translate(text)
