"""Limits of a source: its files are foreign, so they are read up to a size, and nothing outside of it is."""

from __future__ import annotations

import ast
import json
import math
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from tunesmith.errors import SourceError
from tunesmith.foundation.text import listing, shown
from tunesmith.storage.redact import shown_spec

MAX_BYTES = 2**30
MAX_ROWS = 10_000_000
DEEPEST = 100  # levels of lists and dicts, as an attribute may have
MOST_COLUMNS = 20_000  # of a table
# What reading a damaged or a hostile text may raise.
DAMAGE = (ValueError, TypeError, KeyError, IndexError, AttributeError, ArithmeticError, RecursionError)
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)


class Limits:
    """Counts what is read of a source, and opens its files.

    Args:
        root: the folder that is read; None: the source is one file, or a database.
        max_bytes: so much is read in all.
        max_rows: so many rows (runs, values, lines) are read in all.
    """

    def __init__(
        self, place: str, root: Path | None = None, max_bytes: int = MAX_BYTES, max_rows: int = MAX_ROWS
    ) -> None:
        self.place, self._root = place, root
        self.max_bytes, self.max_rows = max_bytes, max_rows
        self._bytes = self._rows = 0
        self._links: list[str] = []

    def notes(self) -> list[str]:
        """Return what was passed over, as sentences."""
        return [f"symbolic links are not followed: {listing(self._links)}"] if self._links else []

    def count(self, rows: int = 0, size: int = 0) -> None:
        """Count what was read.

        Args:
            rows: so many more rows.
            size: so many more bytes.

        Raises:
            SourceError: that is more than is read.
        """
        self._rows += rows
        self._bytes += size
        if self._rows > self.max_rows:
            self._refuse("rows", self.max_rows)
        if self._bytes > self.max_bytes:
            self._refuse("bytes", self.max_bytes)

    def _refuse(self, what: str, most: int) -> NoReturn:
        raise SourceError(
            f"{self.place} has more than {most:,} {what}; if it is as large as that, allow more: --max-{what} N (in "
            f"Python max_{what}=)"
        )

    def counted(self, rows: Iterable[Sequence[Any]]) -> Iterator[Sequence[Any]]:
        """Return rows of a database as they are, and count them and their texts."""
        for row in rows:
            self.count(1, sum([len(cell) for cell in row if isinstance(cell, str | bytes)]))
            yield row

    # -- files -----------------------------------------------------------------------------------------------------

    def read(self, path: Path) -> bytes:
        """Return the bytes of a file.

        Raises:
            SourceError: it is a link, lies outside of the source, is no file, or is too large.
        """
        with os.fdopen(self._open(path), "rb") as file:
            self.count(size=os.fstat(file.fileno()).st_size)
            return file.read(self.max_bytes + 1)

    def text(self, path: Path) -> str:
        """Return the text of a file; what is no UTF-8 becomes U+FFFD."""
        return self.read(path).decode("utf-8", errors="replace")

    def lines(self, path: Path) -> Iterator[bytes]:
        """Return the lines of a file; each counts as a row."""
        with os.fdopen(self._open(path), "rb") as file:
            self.count(size=os.fstat(file.fileno()).st_size)
            for line in file:
                self.count(1)
                yield line

    def exists(self, path: Path) -> bool:
        """Tell whether something of this name is there, be it a link or no file."""
        return os.path.lexists(path)

    def folders(self, folder: Path) -> list[Path]:
        """Return the folders in a folder, sorted; links are passed over, and told by `notes`."""
        self._check_within(folder)
        found = []
        with os.scandir(folder) as entries:
            for entry in entries:
                self.count(1)
                if entry.is_symlink():
                    self._links.append(entry.name)
                elif entry.is_dir(follow_symlinks=False):
                    found.append(folder / entry.name)
        return sorted(found)

    def files(self, folder: Path) -> list[Path]:
        """Return all files below a folder, sorted; none if it is not there.

        Raises:
            SourceError: one is a link.
        """
        found: list[Path] = []
        ahead = [folder] if self.exists(folder) else []
        while ahead:
            at = ahead.pop()
            if len(at.parts) - len(folder.parts) > DEEPEST:
                raise SourceError(f"{shown_spec(folder)} has more than {DEEPEST} levels of folders")
            self._check_within(at)
            with os.scandir(at) as entries:
                for entry in entries:
                    self.count(1)
                    if entry.is_symlink():
                        _refuse_link(at / entry.name)
                    (ahead if entry.is_dir(follow_symlinks=False) else found).append(at / entry.name)
        return sorted(found)

    def _open(self, path: Path) -> int:
        """Open a file, if it is one: to open a pipe would wait for ever."""
        self._check_within(path)
        handle = os.open(path, _FLAGS | (_NO_LINK if self._root is not None else 0))
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise SourceError(f"{shown_spec(path)} is no file")
        return handle

    def _check_within(self, path: Path) -> None:
        """Refuse a path that leads out of the source, by its name or by a link on the way."""
        if self._root is None or path == self._root:
            return
        try:
            parts = path.relative_to(self._root).parts
        except ValueError:
            parts = ("..",)
        if ".." in parts:
            raise SourceError(f"{self.place} names {shown(str(path))}, which lies outside of it and is not read")
        at = self._root
        for part in parts:
            at /= part
            if at.is_symlink():
                _refuse_link(at)


def _refuse_link(path: Path) -> NoReturn:
    raise SourceError(
        f"{shown_spec(path)} is a symbolic link, and none is followed in a source; put a copy of what it leads to in "
        "its place, or take it away"
    )


def parsed(text: str | bytes) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is no JSON, or has too many levels.
    """
    text = text.decode() if isinstance(text, bytes) else text  # of bytes, json would guess the encoding
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError(f"it has more than {DEEPEST} levels of lists and dicts") from None
    if len(text) > 2 * DEEPEST and text.count("[") + text.count("{") > DEEPEST:
        check_depth(found)
    return found


def check_depth(value: Any) -> None:
    """Refuse a value of too many levels.

    Raises:
        ValueError: it has more than are read.
    """
    level, depth = [value], 0
    while level := [
        inner
        for outer in level
        if isinstance(outer, dict | list)
        for inner in (outer.values() if isinstance(outer, dict) else outer)
        if isinstance(inner, dict | list)
    ]:
        depth += 1
        if depth >= DEEPEST:
            raise ValueError(f"it has more than {DEEPEST} levels of lists and dicts")


def number(value: Any, what: str) -> float:
    """Return a number of a source as one.

    Raises:
        ValueError: it is none.
    """
    return value if isinstance(value, float) else float(whole(value, what, "number"))


def whole(value: Any, what: str, wanted: str = "whole number") -> int:
    """Return a whole number of a source as one; see `number`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{what} is {shown(value)}, and no {wanted}")


def texts(value: Any, what: str) -> dict[str, Any]:
    """Return a mapping of a source whose keys are texts; see `number`."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    raise ValueError(f"{what} is {shown(value)}, and no object with names")


# -- what the cells of tables mean: texts as numbers, and moments as unix time --------------------------------------

_WORDS = {"true": True, "false": False, "none": None, "null": None}
_INTEGER = re.compile(r"[+-]?\d{1,600}")  # as many digits as an attribute may have
_BARE_NAN = re.compile(r"\b(?:nan|NaN)\b")
LONGEST_NUMBER = 1000  # characters
LONGEST = 1_000_000  # characters of a cell that are read as a dict


def plain(value: Any) -> Any:
    """Return a cell as a value of Python's own: NumPy's scalars are numbers, and what is missing to pandas is None."""
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray):
        return value.tolist()
    if value is None or (value != value and not isinstance(value, float)):  # pandas.NaT
        return None
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return value


def is_missing(value: Any) -> bool:
    """Tell whether a cell is empty."""
    return value is None or (isinstance(value, str) and not value) or (isinstance(value, float) and value != value)


def is_not_a_number(value: Any) -> bool:
    """Tell whether a cell is a text that says NaN, as tools write what is missing."""
    return isinstance(value, str) and value.strip().lower() == "nan"


def typed(value: Any) -> Any:
    """Return what a text stands for, if it is a number, true, false, none or a list; other values stay."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if len(text) <= LONGEST_NUMBER:
        if _INTEGER.fullmatch(text):
            return int(text)
        if text.lower() in _WORDS:
            return _WORDS[text.lower()]
        with suppress(ValueError):
            return float(text)
    if text[:1] in ("[", "("):
        with suppress(ValueError):
            return _literal(text)
    return value


def _literal(text: str) -> Any:
    """Return what a text of Python says: numbers, texts, lists and dicts.

    Raises:
        ValueError: it says nothing of that, or too much.
    """
    if len(text) > LONGEST:
        raise ValueError(f"it has more than {LONGEST:,} characters")
    try:
        found = ast.literal_eval(text)
    except (SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(str(error)) from None
    check_depth(found)
    return found


def typed_column(values: Sequence[Any], gaps: bool = False) -> list[Any]:
    """Return the values of a column; whole numbers among real ones become real.

    Args:
        values: those that are there.
        gaps: whether others are missing: then pandas has made real numbers of whole ones, and this is undone.
    """
    found = [typed(v) for v in values]
    numbers = [v for v in found if isinstance(v, (int, float)) and not isinstance(v, bool)]
    if not any(isinstance(v, float) for v in numbers):
        return found
    whole = gaps and all(isinstance(v, int) or (v.is_integer() and abs(v) < 2**53) for v in numbers)
    if whole:
        return [int(v) if isinstance(v, float) else v for v in found]
    return [float(v) if type(v) is int and abs(v) <= 2**53 else v for v in found]  # beyond, digits would be lost


def cell_number(value: Any) -> float | None:
    """Return a cell as a number; None: it is none."""
    value = typed(plain(value))
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)
    if isinstance(value, str) and value.strip().lower() in ("infinity", "-infinity", "inf", "-inf"):
        return math.inf if value.strip()[0] != "-" else -math.inf
    return None


def as_dict(value: Any) -> Mapping[str, Any] | None:
    """Return a cell that holds a dict, or the text of one, as JSON or as Python shows it; None: it holds none."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or not value.strip().startswith("{") or len(value) > LONGEST:
        return None
    try:
        found = parsed(value)
    except ValueError:
        try:
            found = _literal(_BARE_NAN.sub("None", value))
        except ValueError:
            return None
    return found if isinstance(found, Mapping) else None


def flat(nested: Mapping[Any, Any], prefix: str = "", separator: str = ".", depth: int = 0) -> dict[str, Any]:
    """Return the leaves of nested dicts: ``{"opt": {"lr": 1}}`` gives "opt.lr".

    Args:
        prefix: of all names.
        depth: so many levels are above.

    Raises:
        ValueError: there are too many levels.
    """
    if depth > DEEPEST:
        raise ValueError(f"there are more than {DEEPEST} levels of dicts")
    found: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= flat(value, f"{name}{separator}", separator, depth + 1)
        else:
            found[name] = value
    return found


def moment(value: Any) -> float:
    """Return a moment as unix time; NaN: it is none. Texts without a time zone are local."""
    value = plain(value)
    if isinstance(value, datetime):
        with suppress(ValueError, OverflowError):
            return value.timestamp()
        return math.nan
    amount = cell_number(value)
    if amount is not None:
        return amount / 1000 if amount > 1e11 else amount if amount > 1e8 else math.nan  # milliseconds, seconds
    try:
        return datetime.fromisoformat(str(value).strip()).timestamp()
    except (ValueError, OverflowError):
        return math.nan
