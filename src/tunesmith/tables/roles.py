"""The roles of columns: how the values of one become numbers, as it was found in fit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from tunesmith.tables.values import MICROSECONDS_A_DAY, Values
from tunesmith.tables.writing import NumberWriting

LARGEST_SINGLE = float(np.finfo(np.float32).max)  # many estimators compute with single precision
TEXT_NUMBERS = 32  # that a text becomes at most
TEXTS_LEARNED = 10_000  # from which the directions of texts are computed at most
TEXTS_OF_A_NUMBER = 50  # that there are at least for each of these numbers; more would be noise in small tables
HASHES = 2**12
LONG_TEXT_CHARACTERS = 60  # characters of texts that are split into words, which are fewer than their letters

RoleName = Literal["number", "boolean", "category", "ordinal", "date", "text"]


class Role(Protocol):
    """What a column is, and how it is read."""

    role: RoleName

    @property
    def suffixes(self) -> Sequence[str]:
        """What is added to the column's name for each number that a value becomes."""

    def read(self, values: Values) -> NDArray[np.float64]:
        """Return a column as numbers, shape [n, len(suffixes)]; NaN is missing."""


class Number:
    """A number, or one that is written as a text.

    Args:
        writing: how it is written; None: it came as numbers.
    """

    role: RoleName = "number"
    suffixes = ("",)

    def __init__(self, writing: NumberWriting | None = None) -> None:
        self.writing = writing

    def read(self, values: Values) -> NDArray[np.float64]:
        """Return a column as numbers [n, 1]; what is infinite is missing."""
        found = values.numbers(self.writing)
        return np.clip(np.where(np.isfinite(found), found, np.nan), -LARGEST_SINGLE, LARGEST_SINGLE)[:, None]


class Boolean:
    """A truth value, as 0 and 1."""

    role: RoleName = "boolean"
    suffixes = ("",)

    def read(self, values: Values) -> NDArray[np.float64]:
        """Return a column as 0, 1 and NaN [n, 1]."""
        return values.booleans()[:, None]


class Category:
    """One of several levels, as its index; a level that fit has not seen is missing.

    Args:
        levels: as texts, in the order of the codes.
    """

    suffixes = ("",)

    def __init__(self, levels: Sequence[str], has_order: bool = False) -> None:
        self.levels = list(levels)
        self.role: RoleName = "ordinal" if has_order else "category"

    def read(self, values: Values) -> NDArray[np.float64]:
        """Return a column as codes [n, 1].

        Args:
            values: of the column.
        """
        codes, texts = values.texts()
        place = {level: float(i) for i, level in enumerate(self.levels)}
        return np.array([*(place.get(text, np.nan) for text in texts), np.nan])[codes][:, None]


class Date:
    """A date as several numbers: days since 1970, and those of year, month, day of the week and hour that vary.

    Args:
        seen: the dates of fit.
        day_first: whether 1/2/2024 is in February.
    """

    role: RoleName = "date"

    def __init__(self, seen: NDArray[np.datetime64], day_first: bool = False) -> None:
        self.day_first = day_first
        known = seen[~np.isnat(seen)]
        self.parts = [
            "days",
            *(name for name in ("year", "month", "weekday", "hour") if _varies(_date_part(known, name))),
        ]

    @property
    def suffixes(self) -> Sequence[str]:
        """What is added to the column's name."""
        return [f"_{part}" for part in self.parts]

    def read(self, values: Values) -> NDArray[np.float64]:
        """Return a column as numbers [n, parts]."""
        dates = values.dates(self.day_first)
        found = np.column_stack([_date_part(dates, part) for part in self.parts]).astype(np.float64)
        found[np.isnat(dates)] = np.nan
        return found


def _varies(numbers: NDArray[Any]) -> bool:
    return bool(len(numbers)) and bool(numbers.min() != numbers.max())


def _date_part(dates: NDArray[np.datetime64], name: str) -> NDArray[Any]:
    """Return a part of dates as numbers; anything where there is no date."""
    if name == "days":
        return dates.astype(np.int64) / MICROSECONDS_A_DAY
    if name == "year":
        return dates.astype("datetime64[Y]").astype(np.int64) + 1970
    if name == "month":
        return dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    if name == "weekday":  # 1970 began on a Thursday; Monday is 0
        return (dates.astype("datetime64[D]").astype(np.int64) + 3) % 7
    return dates.astype("datetime64[h]").astype(np.int64) % 24


class ShortText:
    """A text as at most 32 numbers: n-grams, hashed and weighted, along their main directions.

    They are of letters, or of words where the texts are long.

    Args:
        texts: the different ones of fit.
    """

    role: RoleName = "text"

    def __init__(self, texts: Sequence[str]) -> None:
        from sklearn.decomposition import TruncatedSVD  # only tables with texts need these
        from sklearn.feature_extraction.text import TfidfTransformer

        self.of_words = bool(np.mean([len(text) for text in texts]) > LONG_TEXT_CHARACTERS)
        few = texts[:: -(-len(texts) // TEXTS_LEARNED)]
        hashed = self._hashed(few)
        self.weights = TfidfTransformer(sublinear_tf=True).fit(hashed)
        n = max(1, min(TEXT_NUMBERS, len(few) // TEXTS_OF_A_NUMBER))
        with np.errstate(divide="ignore", invalid="ignore"):  # texts that are all alike have no variance to share
            self.directions = TruncatedSVD(n, random_state=0).fit(self.weights.transform(hashed))

    @property
    def suffixes(self) -> Sequence[str]:
        """What is added to the column's name."""
        return [f"_{i}" for i in range(1, self.directions.n_components + 1)]

    def read(self, values: Values) -> NDArray[np.float64]:
        """Return a column as numbers [n, directions], all 0 where there is no text."""
        codes, texts = values.texts()
        n = self.directions.n_components
        if not texts:
            return np.zeros((len(codes), n))
        found = self.directions.transform(self.weights.transform(self._hashed(texts)))
        return np.vstack([found, np.zeros((1, n))])[codes]

    def _hashed(self, texts: Sequence[str]) -> Any:
        from sklearn.feature_extraction.text import HashingVectorizer

        analyzer, lengths = ("word", (1, 2)) if self.of_words else ("char_wb", (3, 3))
        hasher = HashingVectorizer(
            analyzer=analyzer,
            ngram_range=lengths,
            token_pattern=r"\w+",
            n_features=HASHES,
            norm=None,
            alternate_sign=False,
        )
        return hasher.transform(texts)
