"""Files that are no SQLite database: what they are, and how what they hold can come along."""

from __future__ import annotations

import json
from pathlib import Path

from tunesmith.errors import StorageError
from tunesmith.storage.redact import shown_spec

HOW = (
    "To take the trials over, read them with {program} and give them to study.add_trials(...) of a new study; "
    "docs/porting.md, 'Old results come along', shows how."
)
_SQLITE = b"SQLite format 3\0"
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# Formats by how their files begin.
_BEGINNINGS = {
    b"\x1f\x8b": "a file compressed with gzip",
    b"PK\x03\x04": "a zip archive",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"DUCK": "a DuckDB database",
}


def refuse_foreign_file(path: Path) -> None:
    """Refuse a file that is there and is no SQLite database.

    Raises:
        StorageError: it is something else; the message says what, as far as its beginning tells.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return  # not there yet, or not to be read: SQLite finds the words
    if head and not head.startswith(_SQLITE):
        what, program = _what(head)
        how = f". {HOW.format(program=program)}" if program else ""
        raise StorageError(f"the file {shown_spec(path)} is no SQLite database{what}; choose another path{how}")


def _what(head: bytes) -> tuple[str, str | None]:
    """Say what a file is, by its beginning, and which program's trials it holds."""
    if head.startswith(_PICKLE):
        if b"hyperopt" in head:
            return " but trials pickled by Hyperopt", "Hyperopt"
        return " but a pickle", None
    for beginning, what in _BEGINNINGS.items():
        if head.startswith(beginning):
            return f" but {what}", None
    try:
        first = json.loads(head.split(b"\n", 1)[0])
    except ValueError:
        first = None
    if isinstance(first, dict) and "op_code" in first:
        return " but a journal file of Optuna's", "Optuna"
    if isinstance(first, dict | list) or head.lstrip()[:1] in (b"{", b"["):
        return " but JSON", None
    if b"\0" not in head and b"," in head.split(b"\n", 1)[0]:
        return " but a table as text (CSV?)", None
    return "", None
