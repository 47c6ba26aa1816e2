"""`Said`: English text that remembers how it was made, so that it can be said in another language."""

from __future__ import annotations

from collections.abc import Iterable


class Said(str):
    """A text made by `say`: used as any text, it is English.

    Attributes:
        pattern: with places in braces, as ``str.format`` has them.
        values: what is in these places; a `Said` among them is said in the other language too.
    """

    pattern: str
    values: tuple[object, ...]


def say(pattern: str, *values: object) -> Said:
    """Return a text that can be said in another language.

    Args:
        pattern: the English text, with places in braces.
        values: what stands there; texts of users are given here, and never in the pattern.

    Returns:
        the text.
    """
    made = Said(pattern.format(*values))
    made.pattern, made.values = pattern, values
    return made


class Stored(Said):
    """An English sentence of ours that was read from a study: its pattern is found again where it is shown."""


def stored(text: str) -> Said:
    """Return a sentence that was stored in English, such that it can be said in another language.

    Args:
        text: the sentence; one that `say` made stays as it is.
    """
    if isinstance(text, Said):
        return text
    made = Stored(text)
    made.pattern, made.values = "{}", (text,)
    return made


def joined_texts(parts: Iterable[str], between: str = ", ") -> Said:
    """Return several texts as one.

    Args:
        parts: the texts.
        between: what is put between them.

    Returns:
        the text.
    """
    found = list(parts)
    return say(between.join(["{}"] * len(found)), *found)
