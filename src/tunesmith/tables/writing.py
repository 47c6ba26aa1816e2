"""How people write numbers, dates and steps of a scale in texts, and reading them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

MISSING_TEXTS = frozenset({"", "nan", "NaN", "<NA>", "NaT"})  # texts that stand for a missing value in any column
# Texts that stand for a missing value among numbers and dates, where no other texts are expected.
GAPS = frozenset({"?", "-", "--", ".", "na", "n/a", "#n/a", "none", "null", "missing", "unknown", "nan", "<na>", "nat"})
TRUE = frozenset({"true", "yes", "y", "t", "1", "on"})
FALSE = frozenset({"false", "no", "n", "f", "0", "off"})
TRUTH_PAIRS = ({"true", "false"}, {"yes", "no"}, {"y", "n"}, {"t", "f"}, {"on", "off"})
NEARLY_ALL = 0.95

# ----------------------------------------------------------------------------------------------------------- numbers


@dataclass(frozen=True)
class NumberWriting:
    """How numbers are written.

    Attributes:
        decimal: the mark before the decimals.
        unit: what follows each number, such as "kg".
        times: what numbers with one of several letters behind them are multiplied by.
    """

    decimal: str = "."
    unit: str = ""
    times: tuple[tuple[str, float], ...] = (("%", 0.01), ("k", 1e3))


PLAIN_NUMBER = re.compile(r"[-+]?(?:\d{1,3}(?:,\d{3})+(?:\.\d+)?|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?::([0-5]\d(?:\.\d+)?))?\s?([ap]m)?", re.IGNORECASE)  # as hours
INFINITE = re.compile(r"[-+]?inf(?:inity)?", re.IGNORECASE)
DRESSED = re.compile(r"([-+−]?)\s*(?:[$€£¥₹]|USD|EUR)?\s*([-+−]?)([\d.,'\s]*\d)(e[-+]?\d+)?\s*(.*)", re.IGNORECASE)
BODY = {
    ".": re.compile(r"(\d{1,3}(?:[,'\s]\d{3})+|\d+|)(?:\.(\d+))?"),
    ",": re.compile(r"(\d{1,3}(?:[.'\s]\d{3})+|\d+|)(?:,(\d+))?"),
}
UNIT = re.compile(r"(?:%|[$€£¥₹]|°[CF]?|[^\W\d_]{1,10}(?:/[^\W\d_]{1,5})?)\.?")
MAGNITUDES = (("m", 1e6), ("bn", 1e9), ("b", 1e9))  # where several of these or "k" occur; one alone is any unit
NOT_DIGITS = re.compile(r"\D")
CODE = re.compile(r"0\d+")  # a postal code or the like; as a number it would lose its zeros


def _read_number(text: str, decimal: str) -> tuple[float, str] | None:
    """Return the number that a text holds, and its unit; None if the text is not a number."""
    if decimal == "." and PLAIN_NUMBER.fullmatch(text):
        return float(text.replace(",", "")), ""
    if INFINITE.fullmatch(text):
        return float(text), ""
    if clock := TIME.fullmatch(text):
        hours = int(clock[1]) % 12 + 12 * (clock[4].lower() == "pm") if clock[4] else int(clock[1])
        return hours + int(clock[2]) / 60 + float(clock[3] or 0) / 3600, ""
    found = DRESSED.fullmatch(text)
    if found is None or (found[1] and found[2]):
        return None
    body = BODY[decimal].fullmatch(found[3])
    if body is None or not (body[1] or body[2]) or (found[5] and not UNIT.fullmatch(found[5])):
        return None
    value = float(f"{NOT_DIGITS.sub('', body[1]) or 0}.{body[2] or 0}{found[4] or ''}")
    unit = found[5].lower().rstrip(".").removesuffix("s")
    return (-value if found[1] in ("-", "−") or found[2] in ("-", "−") else value), unit


def numbers_in(texts: Sequence[str], writing: NumberWriting) -> NDArray[np.float64]:
    """Return the number that each text holds, NaN if it is not a number.

    Args:
        texts: stripped.
        writing: how they are written.
    """
    return _in_units([_read_number(text, writing.decimal) for text in texts], writing)


def number_writing(texts: Sequence[str], counts: NDArray[np.intp]) -> tuple[NumberWriting, NDArray[np.float64]] | None:
    """Return how texts are written as numbers, and the numbers, where nearly all texts are one; None: they are not.

    Args:
        texts: the different ones of a column, stripped.
        counts: how many rows each has.
    """
    is_gap = np.array([text.lower() in GAPS for text in texts])
    expected = [text for text, gap in zip(texts, is_gap, strict=True) if not gap]
    n = int(counts[~is_gap].sum())
    some = expected[:: max(1, len(expected) // 200)]
    best: tuple[int, NumberWriting, NDArray[np.float64]] | None = None
    for decimal in (".", ","):
        if not some or sum(_read_number(text, decimal) is not None for text in some) < 0.8 * len(some):
            continue
        read = [_read_number(text, decimal) for text in texts]
        writing = _with_units(decimal, read, counts)
        numbers = _in_units(read, writing)
        good = int(counts[~np.isnan(numbers)].sum())
        if good >= NEARLY_ALL * n and (best is None or good > best[0]):
            best = good, writing, numbers
        if good == n:
            break
    return None if best is None or _are_codes(expected) else best[1:]


def _are_codes(texts: Sequence[str]) -> bool:
    """Tell whether digits are postal codes or the like, which begin with 0 and mostly have one length."""
    n = sum(CODE.fullmatch(text) is not None for text in texts)
    return n > 0 and (n >= 0.01 * len(texts) or len({len(text) for text in texts}) == 1)


def _with_units(decimal: str, read: Sequence[tuple[float, str] | None], counts: NDArray[np.intp]) -> NumberWriting:
    """Return how numbers are written, with the units that were found."""
    units: dict[str, int] = {}
    for number, n in zip(read, counts.tolist(), strict=True):
        if number is not None and number[1]:
            units[number[1]] = units.get(number[1], 0) + n
    plain = NumberWriting(decimal)
    if len(units.keys() & {"k", *dict(MAGNITUDES)}) > 1:
        plain = NumberWriting(decimal, times=plain.times + MAGNITUDES)
    for unit, _ in plain.times:
        units.pop(unit, None)
    return replace(plain, unit=max(units, key=units.__getitem__)) if units else plain


def _in_units(read: Sequence[tuple[float, str] | None], writing: NumberWriting) -> NDArray[np.float64]:
    """Return numbers; NaN of none, and of one with another unit."""
    factors = {"": 1.0, writing.unit: 1.0, **dict(writing.times)}
    return np.array([np.nan if number is None else number[0] * factors.get(number[1], np.nan) for number in read])


# ------------------------------------------------------------------------------------------------------------- dates

CLOCK = r"(?:[T,\s]\s*(\d{1,2}):(\d{2})(?::(\d{2})(?:[.,]\d+)?)?\s*([ap]m)?\s*(?:Z|UTC|GMT|[-+]\d{2}:?\d{2})?)?"
YEAR_FIRST = re.compile(r"(\d{4})[-/.](\d{1,2})(?:[-/.](\d{1,2}))?" + CLOCK, re.IGNORECASE)
YEAR_LAST = re.compile(r"(\d{1,2})[-/.](\d{1,2})[-/.](\d{4}|\d{2})" + CLOCK, re.IGNORECASE)
DAY_NAMED = re.compile(r"(\d{1,2})[-\s]([a-z]{3,9})\.?,?[-\s](\d{4})" + CLOCK, re.IGNORECASE)
MONTH_NAMED = re.compile(r"([a-z]{3,9})\.?\s(\d{1,2}),?\s(\d{4})" + CLOCK, re.IGNORECASE)
MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
          "december")  # fmt: skip


def _month(name: str) -> int:
    """Return the number of a month by its English name or the first letters of it; 0 if there is no such month."""
    return next((i for i, month in enumerate(MONTHS, 1) if month.startswith(name.lower())), 0)


def _date(text: str, day_first: bool) -> datetime | None:
    if found := YEAR_FIRST.fullmatch(text):
        year, month, day = int(found[1]), int(found[2]), int(found[3] or 1)
    elif found := YEAR_LAST.fullmatch(text):
        year, month, day = int(found[3]), int(found[1]), int(found[2])
        year += (2000 if year < 69 else 1900) if year < 100 else 0  # as POSIX reads two digits
        if day_first or "." in text.partition(" ")[0]:
            month, day = day, month
    elif found := DAY_NAMED.fullmatch(text):
        year, month, day = int(found[3]), _month(found[2]), int(found[1])
    elif found := MONTH_NAMED.fullmatch(text):
        year, month, day = int(found[3]), _month(found[1]), int(found[2])
    else:
        return None
    hour = int(found[4] or 0)
    if found[7]:
        hour = hour % 12 + 12 * (found[7].lower() == "pm")
    try:
        return datetime(year, month, day, hour, int(found[5] or 0), int(found[6] or 0)) if year >= 1000 else None
    except ValueError:  # a month 13, a 30th of February
        return None


def dates_in(texts: Sequence[str], day_first: bool) -> NDArray[np.datetime64]:
    """Return the date that each text holds, without its zone; NaT if it is not a date.

    Args:
        texts: stripped.
        day_first: whether 1/2/2024 is in February.
    """
    return np.array([_date(text, day_first) for text in texts], dtype="datetime64[us]")


def date_writing(texts: Sequence[str], counts: NDArray[np.intp]) -> tuple[bool, bool] | None:
    """Return whether the day stands first in texts that are nearly all dates, and whether that is a guess.

    Args:
        texts: the different ones of a column, stripped.
        counts: how many rows each has.
    """
    counted = [(text, int(n)) for text, n in zip(texts, counts, strict=True) if text.lower() not in GAPS]
    some = [text for text, _ in counted[:: max(1, len(counted) // 200)]]
    if not some or sum(bool(_date(text, False) or _date(text, True)) for text in some) < 0.8 * len(some):
        return None
    shares = [sum(n for text, n in counted if _date(text, day_first)) for day_first in (False, True)]
    if max(shares) < NEARLY_ALL * sum(n for _, n in counted):
        return None
    is_open = shares[0] == shares[1] and any("." not in text and YEAR_LAST.fullmatch(text) for text, _ in counted)
    return shares[1] > shares[0], is_open


# ------------------------------------------------------------------------------------------------------------ scales

SCALES: tuple[tuple[tuple[str, ...], ...], ...] = (
    (("very low", "lowest"), ("low",), ("medium", "med", "mid", "middle", "moderate"), ("high",), ("very high",),
     ("highest",)),
    (("xxs", "2xs"), ("xs", "extra small"), ("s", "small"), ("m", "medium"), ("l", "large"), ("xl", "extra large"),
     ("xxl", "2xl"), ("xxxl", "3xl"), ("4xl",), ("5xl",)),
    (("tiny",), ("small",), ("medium", "mid"), ("big", "large"), ("huge",)),
    (("terrible", "very poor", "very bad"), ("poor", "bad"), ("fair", "average", "ok"), ("good",), ("very good",),
     ("excellent",)),
    (("never",), ("rarely", "seldom"), ("sometimes", "occasionally"), ("often", "frequently"),
     ("very often", "usually"), ("always",)),
    (("strongly disagree",), ("disagree",), ("neutral", "neither agree nor disagree"), ("agree",), ("strongly agree",)),
    (("none",), ("minimal",), ("mild", "slight"), ("moderate",), ("severe",), ("very severe",)),
    (("beginner",), ("intermediate",), ("advanced",), ("expert",)),
    tuple((word,) for word in ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth")),
    tuple((month, month[:3]) for month in MONTHS),
    tuple((day, day[:3]) for day in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")),
)  # fmt: skip
SCALE_PLACES = [{word: place for place, words in enumerate(scale) for word in words} for scale in SCALES]
NTH = re.compile(r"(\d+)(?:st|nd|rd|th)(\s[a-z ]+)?", re.IGNORECASE)
NUMERAL = r"[$€£]?(\d[\d,]*(?:\.\d+)?)\s*([kK%]?)"
UNIT_AFTER = r"\s*([a-z]{0,10}?)s?"
TWO_NUMERALS = re.compile(rf"{NUMERAL}{UNIT_AFTER}\s*(?:-|–|to)\s*{NUMERAL}{UNIT_AFTER}", re.IGNORECASE)
BRACKETS = re.compile(r"[\[(]\s*(-?[\d.]+|-inf)\s*,\s*(-?[\d.]+|inf)\s*[\])]")
FROM_NUMERAL = re.compile(
    rf"(?:>=?|≥|over |above |more than )\s*{NUMERAL}{UNIT_AFTER}|{NUMERAL}\+{UNIT_AFTER}", re.IGNORECASE
)
UP_TO_NUMERAL = re.compile(rf"(?:<=?|≤|under |below |less than |up to )\s*{NUMERAL}{UNIT_AFTER}", re.IGNORECASE)
ONE_NUMERAL = re.compile(rf"{NUMERAL}{UNIT_AFTER}", re.IGNORECASE)
MOST_SCALE_STEPS = 40


def scale_of(texts: Sequence[str]) -> list[int] | None:
    """Return the indices of texts in the order of a scale; None unless they clearly are one.

    Args:
        texts: the different ones of a column, stripped.
    """
    if not 2 <= len(texts) <= MOST_SCALE_STEPS:
        return None
    words = [" ".join(text.lower().replace("_", " ").replace("-", " ").split()) for text in texts]
    for places in SCALE_PLACES:
        if all(word in places for word in words):
            found = [places[word] for word in words]
            # two different ones; of sizes, "S" and "M" alone may be anything
            if len(set(found)) == len(found) and (len(found) > 2 or max(map(len, words)) > 2):
                return sorted(range(len(texts)), key=found.__getitem__)
    numbered = [NTH.fullmatch(text) for text in texts]
    if all(numbered) and len({(one[2] or "").lower() for one in numbered if one}) == 1:
        return sorted(range(len(texts)), key=lambda i: int(numbered[i][1]))  # type: ignore[index]  # all matched
    return _order_of_ranges(texts)


def _order_of_ranges(texts: Sequence[str]) -> list[int] | None:
    """Return the order of ranges such as "5-10" that follow one another; None: the texts are something else."""
    if len(texts) < 3:
        return None
    found = [_range_ends(text) for text in texts]
    known = [one for one in found if one is not None]
    if len(known) < len(texts) or all(low == high for low, high in known):
        return None
    order = sorted(range(len(known)), key=known.__getitem__)
    for one, following in itertools.pairwise(order):
        if known[one][1] > known[following][0] or known[one] == known[following]:
            return None
    return order


def _range_ends(text: str) -> tuple[float, float] | None:
    """Return the two ends of a range; None if the text is not a range."""
    if found := BRACKETS.fullmatch(text):
        try:
            ends = float(found[1]), float(found[2])
        except ValueError:  # several points
            return None
    elif found := TWO_NUMERALS.fullmatch(text):
        ends = _numeral(found[1], found[2] or found[5]), _numeral(found[4], found[5])
    elif found := FROM_NUMERAL.fullmatch(text):
        ends = _numeral(found[1] or found[4], found[2] or found[5]), np.inf
    elif found := UP_TO_NUMERAL.fullmatch(text):
        ends = -np.inf, _numeral(found[1], found[2])
    elif found := ONE_NUMERAL.fullmatch(text):
        ends = _numeral(found[1], found[2]), _numeral(found[1], found[2])
    else:
        return None
    return ends if ends[0] < ends[1] or ONE_NUMERAL.fullmatch(text) else None


def _numeral(text: str, letter: str | None) -> float:
    return float(text.replace(",", "")) * (1000 if letter in ("k", "K") else 1)
