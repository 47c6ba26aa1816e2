"""Files and tables of other programs: whose they are, and how to bring along what they hold.

Storages ask for it by the registry's table `GUIDES`, before they refuse a file that is not theirs.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from tunesmith.foundation.system import command_line

# What `tunesmith import` needs to be told besides, by program.
_OPTIONS = {"Hyperopt": " --unsafe-pickle", "MLflow": " --minimize METRIC"}
_PICKLE = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
# Formats by how their files begin.
_BEGINNINGS = {
    b"\x1f\x8b": "a file compressed with gzip",
    b"PK\x03\x04": "a zip archive",
    b"\x89HDF": "an HDF5 file",
    b"PAR1": "a Parquet file",
    b"DUCK": "a DuckDB database",
}
# Programs by the tables that only they have together.
_TABLES = {
    "Optuna": {"studies", "study_directions", "trials", "trial_params"},
    "MLflow": {"experiments", "runs", "metrics", "params"},
}
_LISTINGS = {"Optuna": "SELECT study_name FROM studies ORDER BY study_id"}  # what lists their studies by name


def how_to_import(place: str, program: str) -> str:
    """Return a sentence on how to bring along what another program has in a file or database.

    Args:
        place: the file or the URL, without a password.
    """
    command = f"tunesmith import {command_line([place])}{_OPTIONS.get(program, '')} --storage new.db"
    return f"To bring along what it holds: `{command}` (in Python: tunesmith.compat.read); docs/import.md tells more."


def file_of(head: bytes) -> tuple[str | None, str | None]:
    """Return what a file is, by its beginning, and which program's trials it holds; None: not known."""
    if head.startswith(_PICKLE):
        return ("trials pickled by Hyperopt", "Hyperopt") if b"hyperopt" in head else ("a pickle", None)
    for beginning, what in _BEGINNINGS.items():
        if head.startswith(beginning):
            return what, None
    try:
        first = json.loads(head.split(b"\n", 1)[0])
    except (ValueError, RecursionError):
        first = None
    if isinstance(first, dict) and "op_code" in first:
        return "a journal file of Optuna's", "Optuna"
    if isinstance(first, dict | list) or head.lstrip()[:1] in (b"{", b"["):
        return "JSON", None
    if b"\0" not in head and b"," in head.split(b"\n", 1)[0]:
        return "a table as text (CSV?)", None
    return None, None


def tables_of(tables: Collection[str]) -> tuple[str | None, str | None]:
    """Return the program that has these tables in a database, and the statement that lists its studies by name."""
    program = next((name for name, its in _TABLES.items() if its <= set(tables)), None)
    return program, _LISTINGS.get(program or "")
