"""From what a user wrote to a database URL, and what is wrong with it."""

from __future__ import annotations

import difflib
import os
import re
from pathlib import Path

from sqlalchemy import URL, make_url  # noqa: TID253 - imported only when a database is named
from sqlalchemy.exc import ArgumentError  # noqa: TID253 - as above

from tunesmith.errors import StorageError

SUFFIXES = (".db", ".sqlite", ".sqlite3")
# The driver that the extra "postgres" installs; SQLAlchemy's own choice differs between its versions.
_DRIVERS = {"postgresql": "postgresql+psycopg", "postgres": "postgresql+psycopg"}


def read_spec(spec: str | os.PathLike[str] | URL) -> tuple[URL, str]:
    """Return the URL, and what to call the database in errors.

    Args:
        spec: a path object, a text ending in .db, .sqlite or .sqlite3, or an SQLAlchemy URL (text or object).

    Raises:
        StorageError: it is none of these, or names a place where no file can be.
    """
    if isinstance(spec, URL):
        return _check_url(spec)
    text = os.fspath(spec)
    if isinstance(spec, str) and "://" in text:
        return _read_url(text)
    if isinstance(spec, str) and not text.lower().endswith(SUFFIXES):
        raise StorageError(
            f"storage={text!r} is neither a file name ending in {', '.join(SUFFIXES)} nor a database URL; did you mean "
            f"{(text or 'tune') + '.db'!r}? (a pathlib.Path may end in anything)"
        )
    return _file(URL.create("sqlite", database=text))


def _read_url(text: str) -> tuple[URL, str]:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        shown = re.sub(r"://.*@", "://***@", text)  # a password is no part of an error
        raise StorageError(f"storage={shown!r} is no database URL; one is 'sqlite:///tune.db'") from None
    return _check_url(url)


def _check_url(url: URL) -> tuple[URL, str]:
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    if url.get_backend_name() == "sqlite":
        return _file(url)
    shown = url.render_as_string(hide_password=True)
    known = ("sqlite", "postgresql")
    close = difflib.get_close_matches(url.get_backend_name(), known, n=1)
    if close and close[0] != url.get_backend_name():
        raise StorageError(f"storage={shown!r}: no database is called {url.drivername!r}; did you mean {close[0]!r}?")
    return url, f"the database {shown}"


def _file(url: URL) -> tuple[URL, str]:
    database = url.database or ""
    if database in ("", ":memory:"):
        raise StorageError(
            "an SQLite database in memory is not shared between threads and processes; for a study in memory pass "
            "storage=None"
        )
    if database.startswith("file:"):  # an SQLite URI: its own syntax, its own errors
        return url, f"the file {database}"
    path = Path(database).expanduser()
    where = f"the file {path}"
    if path.is_dir():
        raise StorageError(f"storage: {path} is a folder; name a file in it, such as {str(path / 'tune.db')!r}")
    if not path.parent.is_dir():
        raise StorageError(
            f"storage: the folder {path.parent} for the file {path.name!r} does not exist; make it first "
            f"(working folder: {Path.cwd()})"
        )
    return url.set(database=os.path.abspath(path)), where


def may_exist(url: URL) -> bool:
    """Tell whether there can be anything to read: opening a missing SQLite file would create it."""
    if url.get_backend_name() != "sqlite" or (url.database or "").startswith("file:"):
        return True
    return os.path.exists(url.database or "")
