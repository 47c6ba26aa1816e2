"""The settings of a run of ``tunesmith tune`` in a file, which the command takes in place of a table."""

from __future__ import annotations

import hashlib
import os
import tomllib
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from tunesmith import __version__
from tunesmith.errors import SourceError
from tunesmith.foundation.text import did_you_mean, listing, printable, shown
from tunesmith.program.files import params_text

ENDING = ".tune.toml"  # of the file's name
TABLE, DIGEST = "table", "sha256"


def digest_of(table: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with table.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def settings_text(settings: Mapping[str, Any], table: Path, file: Path, remarks: Sequence[str]) -> str:
    """Return the text of the file.

    Args:
        settings: of the run, by the names of the options; None: it was not given.
        table: the table.
        file: where the text goes, since the table is named from there.
        remarks: sentences at its beginning.
    """
    lines = [f"tunesmith {__version__}, {date.today()}: tunesmith tune {file} does this again", *remarks]
    comments = "".join(f"# {printable(line)}\n" for line in lines)
    whole = {TABLE: _from(table, file), **settings, DIGEST: digest_of(table)}
    return f"{comments}\n{params_text(whole, 'toml')}"


def _from(table: Path, file: Path) -> str:
    """Return the path of a table from the folder of a file, where the system has one."""
    try:
        return os.path.relpath(table, file.parent)
    except ValueError:  # on another drive
        return str(table.resolve())


def read_settings(file: Path, known: Collection[str]) -> tuple[Path, dict[str, Any], bool]:
    """Read such a file.

    Args:
        file: its path.
        known: the names of settings.

    Returns:
        The table, the settings by name, and whether the table is still what it was.

    Raises:
        SourceError: it is no such file, or its table is not there.
    """
    try:
        found = tomllib.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise SourceError(f"{printable(str(file))} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SourceError(f"{printable(str(file))} cannot be read as TOML: {error}") from error
    name, digest = found.pop(TABLE, None), found.pop(DIGEST, None)
    if not isinstance(name, str):
        raise SourceError(
            f'{printable(str(file))} names no table: `tunesmith tune` writes such files, with {TABLE} = "train.csv"; '
            "for a program, use `tunesmith run -f`"
        )
    if unknown := [key for key in found if key not in known]:
        guess = did_you_mean(unknown[0], known)
        raise SourceError(f"{printable(str(file))}: {unknown[0]!r} is no setting{guess}; there are {listing(known)}")
    table = file.parent / name
    if not table.is_file():
        raise SourceError(f"{printable(str(file))}: the table {shown(str(table))} does not exist")
    return table, found, digest is None or digest == digest_of(table)
