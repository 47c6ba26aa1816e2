"""Makes foreign texts (names, exceptions, paths) safe to store and to show; suggests near names."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

REASON_KEPT = 8000  # characters that are kept of a reason


def close_matches(word: str, options: Iterable[object], cutoff: float = 0.65) -> list[str]:
    """Return the options that differ from a word in case or in the order of letters only, or else the nearest, if any.

    Args:
        word: what was given.
        options: what it may be.
    """
    import difflib  # only errors need it

    names = [option for option in options if isinstance(option, str)]
    same = [name for name in names if name.lower() == word.lower() and name != word]
    if not same:  # lr for rl
        letters = sorted(word.lower())
        same = [name for name in names if len(name) == len(word) and sorted(name.lower()) == letters and name != word]
    return same or difflib.get_close_matches(word, names, n=1, cutoff=cutoff)


def did_you_mean(word: object, options: Iterable[object]) -> str:
    """Return `"; did you mean 'x'?"`, or the empty string if nothing is near.

    Args:
        word: what was given; only a text has near ones.
    """
    close = close_matches(word, options) if isinstance(word, str) else []
    return f"; did you mean {close[0]!r}?" if close else ""


def checked_text(what: str, text: Any) -> str:
    """Return a text that every database can store.

    Args:
        what: its name in errors.
        text: the text.

    Raises:
        ValueError: it is not a text, is empty, or holds what not every database can keep.
    """
    if not isinstance(text, str) or not text:
        raise ValueError(f"{what} must be a text of at least one character; got {shown(text)}")
    if "\0" in text or not is_unicode(text):
        raise ValueError(f"{what} must be Unicode text without NUL characters; got {shown(text)}")
    return text


def is_unicode(text: str) -> bool:
    """Tell whether a text can be written in UTF-8: a file name or an argument may hold other bytes, as surrogates."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str, *, lines: bool = False) -> str:
    r"""Return a text that cannot control a terminal: what is not printable becomes an escape, such as ``\x1b``.

    Args:
        lines: keep line ends and tabs as they are.
    """
    kept = "\n\t" if lines else ""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in kept else repr(c)[1:-1] for c in text)


def last_written(text: str) -> str:
    """Return what a terminal shows of lines that were written again, as progress bars do: of each, the last writing."""
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n"))


def shorten(text: str, most: int = REASON_KEPT) -> str:
    """Return a text of at most about `most` characters: the beginning, how many were left out, and the end."""
    if len(text) <= most:
        return text
    head, tail = most - most // 4, most // 4
    return f"{text[:head]}\n[{len(text) - head - tail:,} characters left out]\n{text[len(text) - tail :]}"


def plain_text(text: str) -> str:
    """Return a text as it is stored: what some databases cannot keep, or terminals would obey, becomes escapes."""
    return printable(text, lines=True)


def message_of(error: BaseException) -> str:
    """Return ``str(error)`` as it can be stored, or a note where that raises."""
    try:
        text = str(error)
    except Exception as wrong:
        return f"(its message cannot be read: {type(wrong).__name__})"
    return plain_text(shorten(text, REASON_KEPT // 2))


def name_and_message(error: BaseException) -> str:
    """Return "ValueError: its message", as it can be stored."""
    return f"{type(error).__name__}: {message_of(error)}"


def listing(options: Iterable[object], limit: int = 12) -> str:
    """Return `'a', 'b', 'c'`, cut after `limit` entries with a count of the rest."""
    items = [shown(option) for option in options]
    if len(items) > limit:
        return ", ".join(items[:limit]) + f", … ({len(items) - limit} more)"
    return ", ".join(items)


def shown(value: object, limit: int = 80) -> str:
    """Return `repr(value)`, cut to `limit` characters; never raises, since error messages use it."""
    try:
        text = repr(value)
    except Exception as error:  # a broken __repr__ must not hide the error being reported
        text = f"<{type(value).__name__}, whose repr raises {type(error).__name__}>"
    return cut(text, limit)


def cut(text: str, most: int) -> str:
    """Return a text of at most `most` characters: of a longer one the beginning, and a sign that there is more."""
    return text if len(text) <= most else text[: most - 1] + "…"


def real(value: Any) -> float:
    """Return a number as a float, as ``float`` does, but refuse complex ones, whose imaginary part NumPy would drop.

    Raises:
        TypeError: it is complex, or no number.
        ValueError: it is a text, or an array of several numbers.
    """
    if getattr(getattr(value, "dtype", None), "kind", "") == "c":
        raise TypeError(f"a real number is expected, not a complex one; got {value!r:.80}")
    return float(value)
