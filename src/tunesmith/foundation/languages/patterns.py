"""`Patterns`: English sentences in another language, each known by the pattern that it was made from.

A sentence that was stored with a study (``zh.stored.json``), or an error that the command line shows, has lost its
pattern: it is held against those of the table, and what stood in the places of the one that fits is put into the other
pattern. What is shown where it is made is made by `say`, and needs none of this.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache, lru_cache
from string import Formatter

from tunesmith.foundation.languages.filling import filled

NUMBER_IN_SENTENCE = r"[-+]?[\d.,]+(?:e[-+]?\d+)? ?%?|nan|[-+]?inf"  # in a place with a format, as {:,} or {:.4g}
LONGEST_SENTENCE = 3000  # characters of a sentence
FEWEST_LETTERS = 7  # letters of a pattern that is held against any sentence
# Words one behind the other, which no list of names has; not what is quoted, and no command.
PROSE = re.compile(r"(?<![\w./\\=-])[A-Za-z]?[a-z]+ (?:[a-z]+ )*[a-z]{2,}(?![\w/\\=-]|\.\w)")
QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|\b(?:tunesmith|python|pip)\b [^,;:]*")
# Words of ours that stand in the places of sentences. Any other word there may be a name that somebody gave.
WORDS_INSIDE = {"gain", "reduction", "accuracy", "precision", "recall", "deviance", "value", "unknown", "fits"}


class Patterns:
    """The sentences of a table.

    Args:
        table: patterns of another language by the English ones.
        are_all: whether all of its patterns are sentences, and none a word or a short phrase; such a sentence stays as
            it is where one of its places holds a phrase that the table lacks, so that none is in two languages.
        others: know what this table lacks.
        held: the rows of the table that a sentence is held against; None: all of them. The others are found where they
            are the sentence itself.
    """

    def __init__(
        self,
        table: Mapping[str, str],
        are_all: bool = True,
        others: Patterns | None = None,
        held: Mapping[str, str] | None = None,
    ) -> None:
        self._table, self._others, self._is_whole = table, others, are_all
        parted = filter(None, map(_literals_of, table if held is None else held))
        kept = (one for one in parted if are_all or _is_sentence(one))
        self._patterns = sorted(kept, key=lambda one: -sum(map(len, one[1])))
        self.translate = lru_cache(1000)(self._translate)

    def _translate(self, text: str) -> str:
        """Return a sentence in the other language; one that the table lacks as it is.

        Args:
            text: the sentence.
        """
        if len(text) > LONGEST_SENTENCE:  # a document, or what a program printed
            return text
        if text in self._table and "{" not in text:
            return self._table[text].format()
        for pattern, literals in self._patterns:
            if all(part in text for part in literals) and (found := _expression(pattern).fullmatch(text)) is not None:
                inside = [self._inner(value) for value in found.groups()]
                if self._is_whole and any(map(is_english, inside)):
                    return text
                return filled(_without_formats(self._table[pattern]), *inside)
        return text if self._others is None else self._others.translate(text)

    def _inner(self, text: str) -> str:
        is_ours = " " in text or text in WORDS_INSIDE
        return self._translate(text) if is_ours else text


def is_english(text: str) -> bool:
    """Return whether there is a phrase of English in a text, as names, numbers and code are none.

    Args:
        text: in any language.
    """
    return PROSE.search(QUOTED.sub("", text)) is not None


def _literals_of(pattern: str) -> tuple[str, list[str]] | None:
    """Return a pattern with what stands around its places; None: it has none, or others than {} or {0}, {1}."""
    try:
        found = list(Formatter().parse(pattern))
    except ValueError:
        return None  # a help text with braces of its own
    literals = [literal for literal, _, _, _ in found if literal]
    places = [place for _, place, _, _ in found if place is not None]
    in_order = not any(places) or places == [str(k) for k in range(len(places))]
    return (pattern, literals) if places and in_order else None


def _is_sentence(one: tuple[str, list[str]]) -> bool:
    pattern, literals = one
    letters = sum(sign.isalpha() for part in literals for sign in part)
    numbers = len(re.findall(r"\{\d*:[^}]+\}", pattern))  # nobody's name is taken for one
    return letters >= FEWEST_LETTERS or bool(numbers and letters)


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    made = ""
    for literal, place, form, _ in Formatter().parse(pattern):
        made += re.escape(literal)
        if place is not None:
            made += f"({NUMBER_IN_SENTENCE})" if form else "(.*?)"
    return re.compile(made, re.DOTALL)


@cache
def _without_formats(pattern: str) -> str:
    """Return a pattern whose places take texts."""
    made, count = "", 0
    for literal, place, _, _ in Formatter().parse(pattern):
        made += literal.replace("{", "{{").replace("}", "}}")
        if place is not None:
            made += "{" + (place or str(count)) + "}"
            count += 1
    return made
