"""The languages of reports: English text is the key, and English itself needs no table."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from tunesmith.text import shown

LANGUAGES = ("en", "zh")


@dataclass(frozen=True, slots=True)
class Words:
    """One language.

    Attributes:
        lang: its code, "en" or "zh".
        table: English to this language.
    """

    lang: str
    table: dict[str, str]

    def translate(self, text: str) -> str:
        """Return a text in this language; what the table lacks stays English."""
        return self.table.get(text, text)


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
    if code == "en":
        return Words("en", {})
    table: dict[str, str] = importlib.import_module(f"tunesmith.report.{code}").TABLE
    return Words(code, table)
