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
from tunesmith.interchange.progress import ImportLine
from tunesmith.storage.redact import shown_spec

MAX_BYTES = 2**30
MAX_ROWS = 10_000_000
DEEPEST_LEVEL = 100  # levels of lists and dicts, as an attribute may have
TABLE_COLUMNS = 20_000  # of a table
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
        line: shows what is read; None: nothing does.

    Attributes:
        n_rows: rows that were read. n_bytes: likewise.
    """

    def __init__(
        self,
        place: str,
        root: Path | None = None,
        max_bytes: int = MAX_BYTES,
        max_rows: int = MAX_ROWS,
        line: ImportLine | None = None,
    ) -> None:
        self.place, self._root = place, root
        self.max_bytes, self.max_rows = max_bytes, max_rows
        self.n_bytes = self.n_rows = 0
        self._links: list[str] = []
        if line is not None:
            line.counts = lambda: (self.n_rows, self.n_bytes)

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
        self.n_rows += rows
        self.n_bytes += size
        if self.n_rows > self.max_rows:
            self._refuse("rows", self.max_rows)
        if self.n_bytes > self.max_bytes:
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
            SourceError: it is a link, lies outside of the source, is not a file, or is too large.
        """
        with os.fdopen(self._open(path), "rb") as file:
            self.count(size=os.fstat(file.fileno()).st_size)
            return file.read(self.max_bytes + 1)

    def text(self, path: Path) -> str:
        """Return the text of a file; what is not UTF-8 becomes U+FFFD."""
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
            if len(at.parts) - len(folder.parts) > DEEPEST_LEVEL:
                raise SourceError(f"{shown_spec(folder)} has more than {DEEPEST_LEVEL} levels of folders")
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


def parsed_json(text: str | bytes) -> Any:
    """Return what a JSON text says.

    Raises:
        ValueError: it is not JSON, or has too many levels.
    """
    text = text.decode() if isinstance(text, bytes) else text  # of bytes, json would guess the encoding
    try:
        found = json.loads(text)
    except RecursionError:
        raise ValueError(f"it has more than {DEEPEST_LEVEL} levels of lists and dicts") from None
    if len(text) > 2 * DEEPEST_LEVEL and text.count("[") + text.count("{") > DEEPEST_LEVEL:
        check_depth(found)
    return found


def check_depth(value: Any, left: int = DEEPEST_LEVEL) -> None:
    """Refuse a value of too many levels.

    Raises:
        ValueError: it has more than are read.
    """
    if isinstance(value, dict | list):
        if not left:
            raise ValueError(f"it has more than {DEEPEST_LEVEL} levels of lists and dicts")
        for inner in value.values() if isinstance(value, dict) else value:
            check_depth(inner, left - 1)


def checked_number(value: Any, what: str) -> float:
    """Return a number of a source as one.

    Raises:
        ValueError: it is something else.
    """
    return value if isinstance(value, float) else float(checked_whole(value, what, "number"))


def checked_whole(value: Any, what: str, wanted: str = "whole number") -> int:
    """Return a whole number of a source as one; see `number`."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError(f"{what} is {shown(value)}, and no {wanted}")


def checked_texts(value: Any, what: str) -> dict[str, Any]:
    """Return a mapping of a source whose keys are texts; see `number`."""
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return value
    raise ValueError(f"{what} is {shown(value)}, and no object with names")


# -- what the cells of tables mean: texts as numbers, and moments as unix time --------------------------------------

_WORDS_OF_CELLS = {"true": True, "false": False, "none": None, "null": None}
_INTEGER = re.compile(r"[+-]?\d{1,600}")  # as many digits as an attribute may have
_BARE_NAN = re.compile(r"\b(?:nan|NaN)\b")
NUMBER_CHARACTERS = 1000  # characters
DICT_CHARACTERS = 1_000_000  # characters of a cell that are read as a dict


def plain_cell(value: Any) -> Any:
    """Return a cell as a value of Python's own: NumPy's scalars are numbers, and what is missing to pandas is None."""
    if isinstance(value, np.generic):
        value = value.item()
    elif isinstance(value, np.ndarray):
        return value.tolist()
    return None if type(value).__name__ in ("NAType", "NaTType") else value


def is_empty(value: Any) -> bool:
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
    if len(text) <= NUMBER_CHARACTERS:
        if _INTEGER.fullmatch(text):
            return int(text)
        if text.lower() in _WORDS_OF_CELLS:
            return _WORDS_OF_CELLS[text.lower()]
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
    if len(text) > DICT_CHARACTERS:
        raise ValueError(f"it has more than {DICT_CHARACTERS:,} characters")
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
    if gaps and all(isinstance(v, int) or (v.is_integer() and abs(v) < 2**53) for v in numbers):
        return [int(v) if isinstance(v, float) else v for v in found]
    return [float(v) if type(v) is int and abs(v) <= 2**53 else v for v in found]  # beyond, digits would be lost


def cell_number(value: Any) -> float | None:
    """Return a cell as a number; None: it is not one."""
    value = typed(plain_cell(value))
    if isinstance(value, (int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.copysign(math.inf, value)
    return None


def as_dict(value: Any) -> Mapping[str, Any] | None:
    """Return a cell that holds a dict, or the text of one, as JSON or as Python shows it; None: it holds none."""
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, str) or not value.strip().startswith("{") or len(value) > DICT_CHARACTERS:
        return None
    try:
        found = parsed_json(value)
    except ValueError:
        try:
            found = _literal(_BARE_NAN.sub("None", value))
        except ValueError:
            return None
    return found if isinstance(found, Mapping) else None


def leaves(nested: Mapping[Any, Any], prefix: str = "", separator: str = ".", depth: int = 0) -> dict[str, Any]:
    """Return the leaves of nested dicts: ``{"opt": {"lr": 1}}`` gives "opt.lr".

    Args:
        prefix: of all names.
        depth: so many levels are above.

    Raises:
        ValueError: there are too many levels.
    """
    if depth > DEEPEST_LEVEL:
        raise ValueError(f"there are more than {DEEPEST_LEVEL} levels of dicts")
    found: dict[str, Any] = {}
    for key, value in nested.items():
        name = f"{prefix}{key}"
        if isinstance(value, Mapping) and value:
            found |= leaves(value, f"{name}{separator}", separator, depth + 1)
        else:
            found[name] = value
    return found


def moment(value: Any) -> float:
    """Return a moment as unix time; NaN: it is not one. Texts without a time zone are local."""
    value = plain_cell(value)
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
