"""Tables in files: which library reads one, and how, so that a program can read it in the same way again."""

from __future__ import annotations

import codecs
import csv
import gzip
import importlib
import importlib.util
import io
import re
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tunesmith.errors import MissingDependencyError, SourceError
from tunesmith.foundation.formats import size_text
from tunesmith.foundation.system import machine_memory
from tunesmith.foundation.text import printable, shown

SEPARATORS = (",", ";", "\t", "|")
SAMPLED_LINES = 50  # lines that tell the separator
HEAD_BYTES = 2**18  # bytes that hold them, and two lines at least
MOST_HEAD_BYTES = 2**26  # bytes that these may have
BLOCK_BYTES = 2**20
LARGEST_MEMORY_SHARE = 0.5  # that a table may take as a text: as a frame it is as large, and models need another one
COMMA, POINT = (re.compile(rf"\s*[-+]?\d+{sign}\d+(?:[eE][-+]?\d+)?\s*") for sign in (",", r"\."))
FUNCTIONS = {  # by the ending: of pandas, of polars
    ".csv": ("read_csv", "read_csv"),
    ".tsv": ("read_csv", "read_csv"),
    ".txt": ("read_csv", "read_csv"),
    ".jsonl": ("read_json", "read_ndjson"),
    ".ndjson": ("read_json", "read_ndjson"),
    ".parquet": ("read_parquet", "read_parquet"),
    ".feather": ("read_feather", "read_ipc"),
}
COLUMNAR = (".parquet", ".feather")
TABLE_ENDINGS = ", ".join([f"{ending}[.gz]" for ending in FUNCTIONS if ending not in COLUMNAR] + list(COLUMNAR))
PACKED = ".gz"
SMALLER = "take a part of its rows, or leave out columns"
MODULE_ALIASES = {"pandas": "pd", "polars": "pl"}


@dataclass(frozen=True, slots=True)
class Source:
    """A file with a table, and the call that reads it.

    Attributes:
        path: as it was given.
        library: "pandas" or "polars".
        function: of that library.
        options: of the function.
    """

    path: str
    library: str
    function: str
    options: Mapping[str, Any]

    def read(self, texts: Collection[str] = ()) -> Any:
        """Return the table as a frame of the library.

        Args:
            texts: columns that hold texts, even where they look like numbers.

        Raises:
            SourceError: it is damaged, not a table, or has no rows.
            MissingDependencyError: the library needs another one for it.
        """
        library = importlib.import_module(self.library)
        options = dict(self.options)
        if texts and self.function == "read_csv":
            known = [name for name in _header(self.path, options) if name in texts]
            key, kind = ("dtype", str) if self.library == "pandas" else ("schema_overrides", library.String)
            options[key] = dict.fromkeys(known, kind)
        try:
            table = getattr(library, self.function)(self.path, **options)
        except OSError:
            raise
        except MemoryError as error:
            raise SourceError(f"{_path_text(self.path)} does not fit into the memory; {SMALLER}") from error
        except ImportError as error:
            raise MissingDependencyError(f"{_path_text(self.path)} needs another library: {error}") from error
        except Exception as error:  # each library has errors of its own
            raise SourceError(f"{_path_text(self.path)} cannot be read as a table: {_first_line(error)}") from error
        if len(table) == 0:
            raise SourceError(f"{_path_text(self.path)} has no rows")
        return table

    def code(self) -> str:
        """Return the call as Python."""
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"{MODULE_ALIASES[self.library]}.{self.function}({self.path!r}{options})"


def find_source(path: str | Path, seen: Callable[[int], None] = lambda size: None) -> Source:
    """Return how a file is read: by pandas, or else by polars.

    Args:
        path: a .csv, .tsv, .txt or .jsonl file, packed by gzip or not, a .parquet or a .feather file.
        seen: called with the number of bytes of a text that were looked at, now and then.

    Raises:
        SourceError: there is no such file, it is not a table, or it is too large for the memory.
        MissingDependencyError: no library that reads it is installed.
    """
    path = Path(path)
    ending = _ending(path)
    if not path.exists():
        raise SourceError(f"{_path_text(path)} does not exist")
    if path.is_dir():
        raise SourceError(f"{_path_text(path)} is a folder; give a file with a table: {TABLE_ENDINGS}")
    if ending not in FUNCTIONS or (ending in COLUMNAR and path.suffix.lower() == PACKED):
        more = "; save it as CSV" if ending in (".xlsx", ".xls", ".ods") else ""
        raise SourceError(
            f"{_path_text(path)} is no file that can be read as a table (these can: {TABLE_ENDINGS}){more}"
        )
    if path.stat().st_size == 0:
        raise SourceError(f"{_path_text(path)} is empty")
    library = _library(path, ending)
    function = FUNCTIONS[ending][library == "polars"]
    if ending in COLUMNAR:
        return Source(str(path), library, function, {})
    encoding, separator, commas = _looks(path, ending, seen)
    is_pandas, options = library == "pandas", dict[str, Any]()
    if function != "read_csv":
        return Source(str(path), library, function, {"lines": True} if is_pandas else {})
    if separator != ",":
        options["sep" if is_pandas else "separator"] = separator
    if commas:
        options |= {"decimal": ","} if is_pandas else {"decimal_comma": True}
    if encoding != "utf-8" and (is_pandas or encoding != "utf-8-sig"):  # polars skips the mark
        options["encoding"] = encoding
    options |= {"low_memory": False} if is_pandas else {"infer_schema_length": None}
    return Source(str(path), library, function, options)


def _library(path: Path, ending: str) -> str:
    pandas, polars, pyarrow = (importlib.util.find_spec(name) for name in ("pandas", "polars", "pyarrow"))
    if pandas and (pyarrow or ending not in COLUMNAR):
        return "pandas"
    if polars:
        return "polars"
    need = "pyarrow (pip install pyarrow)" if pandas else "pandas: pip install 'tunesmith[tables]'"
    raise MissingDependencyError(f"to read {_path_text(path)} needs {need}")


def _looks(path: Path, ending: str, seen: Callable[[int], None]) -> tuple[str, str, bool]:
    """Return the encoding of a text, the sign between its cells, and whether its numbers have decimal commas.

    Raises:
        SourceError: it is not a text, has no column names or one name twice, or is too large.
    """
    try:
        with _opened(path) as file:
            head, whole = _head(path, file)
            blocks = _text_blocks(path, head, file, seen)
            encoding = _encoding(path, head, blocks)
            deque(blocks, maxlen=0)  # all of them are counted
    except (gzip.BadGzipFile, EOFError) as error:
        raise SourceError(f"{_path_text(path)} is damaged: {error}") from error
    if FUNCTIONS[ending][0] != "read_csv":
        return encoding, ",", False
    lines = _text_lines(head, encoding)
    lines = [line for line in (lines if whole else lines[:-1]) if line.strip()][:SAMPLED_LINES]
    separator = "\t" if ending == ".tsv" else max(SEPARATORS, key=lambda sign: _separator_fit(lines, sign))
    try:
        rows = list(csv.reader(lines, delimiter=separator))
    except csv.Error as error:
        raise SourceError(f"{_path_text(path)} is no table: {error}") from error
    if not rows or not any(cell.strip() for cell in rows[0]):
        raise SourceError(f"{_path_text(path)} is empty; the first line of a table has the names of its columns")
    names = [name for name in rows[0] if name]
    if twice := [name for name, n in Counter(names).items() if n > 1]:
        raise SourceError(f"{_path_text(path)} has two columns called {shown(twice[0])}; rename one of them")
    wide = next((i for i, row in enumerate(rows) if len(row) > len(rows[0])), None)
    if wide is not None:
        raise SourceError(
            f"{_path_text(path)} is no table: row {wide + 1} has {len(rows[wide])} cells, and the first one, with the "
            f"names of columns, has {len(rows[0])}"
        )
    cells = [cell for row in rows[1:] for cell in row]
    commas = separator != "," and any(map(COMMA.fullmatch, cells)) and not any(map(POINT.fullmatch, cells))
    return encoding, separator, commas


def _text_lines(head: bytes, encoding: str) -> list[str]:
    """Return the lines at the beginning of a file; the last one may be cut off."""
    return list(io.StringIO(codecs.getincrementaldecoder(encoding)().decode(head), newline=""))


def _opened(path: str | Path) -> Any:
    path = Path(path)
    return gzip.open(path) if path.suffix.lower() == PACKED else path.open("rb")


def _head(path: str | Path, file: Any) -> tuple[bytes, bool]:
    """Return the beginning of a text, with two whole lines at least, and whether that is all of it.

    Raises:
        SourceError: its first two lines are too long.
    """
    head = bytearray(file.read(HEAD_BYTES))
    whole, n_lines = len(head) < HEAD_BYTES, _line_ends(head)
    while n_lines < 2 and not whole:
        if len(head) > MOST_HEAD_BYTES:
            raise SourceError(
                f"{_path_text(path)} is no table: its first two lines are longer than {size_text(MOST_HEAD_BYTES)}; a "
                "table has one line for each row, and the names of its columns in the first"
            )
        block = file.read(BLOCK_BYTES)
        head += block
        whole, n_lines = len(block) < BLOCK_BYTES, n_lines + _line_ends(block)
    return bytes(head), whole


def _line_ends(text: bytes | bytearray) -> int:
    return text.count(b"\n") or text.count(b"\r")


def _text_blocks(path: Path, head: bytes, file: Any, seen: Callable[[int], None]) -> Iterator[bytes]:
    """Yield a text piece by piece.

    Raises:
        SourceError: it is too large for the memory.
    """
    there = machine_memory()
    size, block = 0, head
    while block:
        size += len(block)
        if there is not None and size > LARGEST_MEMORY_SHARE * there:
            more = f"has {size_text(path.stat().st_size)}"
            if path.suffix.lower() == PACKED:
                more = f"unpacks to more than {size_text(LARGEST_MEMORY_SHARE * there)}"
            raise SourceError(
                f"{_path_text(path)} {more}, and this machine has {size_text(there)} of memory, of which a table may "
                f"take {LARGEST_MEMORY_SHARE:.0%}; {SMALLER}"
            )
        seen(size)
        yield block
        block = file.read(BLOCK_BYTES)


def _encoding(path: Path, head: bytes, blocks: Iterator[bytes]) -> str:
    """Return the encoding of a text: that of its mark, UTF-8, or what Windows writes in the west."""
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    if b"\0" in head:
        raise SourceError(f"{_path_text(path)} is no text, and so no table: it has NUL bytes")
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        for block in blocks:
            decoder.decode(block)
        decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        try:
            head.decode("cp1252")
        except UnicodeDecodeError:
            return "latin-1"
        return "cp1252"
    return "utf-8-sig" if head.startswith(codecs.BOM_UTF8) else "utf-8"


def _separator_fit(lines: list[str], separator: str) -> tuple[int, int]:
    """Return how well a separator explains lines: how many have the width of the first one, and that width."""
    try:
        widths = [len(row) for row in csv.reader(lines, delimiter=separator)]
    except csv.Error:
        return 0, 0
    if not widths or widths[0] < 2:
        return 0, 0
    return widths.count(widths[0]), widths[0]


def _header(path: str, options: Mapping[str, Any]) -> list[str]:
    """Return the names in the first line of a text."""
    sign, encoding = options.get("sep", options.get("separator", ",")), options.get("encoding", "utf-8-sig")
    with _opened(path) as file:
        lines = _text_lines(_head(path, file)[0], encoding)
    return next(csv.reader((line for line in lines if line.strip()), delimiter=sign), [])


def _ending(path: Path) -> str:
    last = path.suffix.lower()
    return path.with_suffix("").suffix.lower() if last == PACKED else last


def _path_text(path: str | Path) -> str:
    return printable(str(path))


def _first_line(error: Exception) -> str:
    return printable((str(error).strip() or type(error).__name__).splitlines()[0])
