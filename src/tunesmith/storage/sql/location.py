"""The database URL of what a user gave as a storage, with errors that say what is wrong with it."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

from sqlalchemy import URL, make_url  # noqa: TID253 - imported only when a database is named
from sqlalchemy.exc import ArgumentError  # noqa: TID253 - as above

from tunesmith.errors import StorageError
from tunesmith.foundation import registry
from tunesmith.foundation.text import did_you_mean, printable
from tunesmith.storage.redact import (
    FILES,
    HIDDEN,
    Secrets,
    redact,
    shown_database,
    shown_host,
    shown_option,
    shown_spec,
    shown_user,
)

# The drivers that the extras "postgres" and "mysql" install; SQLAlchemy's own choice differs between its versions.
_DRIVERS = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
}
_TESTED = ("sqlite", "postgresql", "mysql", "mariadb")
# The options that SQLAlchemy passes to SQLite's driver; it warns of others, and ignores them.
_SQLITE_OPTIONS = ("cached_statements", "check_same_thread", "detect_types", "isolation_level", "timeout", "uri")
_JOURNAL = "-journal"  # the longest ending of the files that SQLite keeps beside its own
LONGEST_PATH = 512 - len(_JOURNAL)  # bytes; MAX_PATHNAME of SQLite's os_unix.c


def read_spec(spec: str | os.PathLike[str] | URL) -> tuple[URL, str]:
    """Return the URL, and the database's name in errors."""
    if not isinstance(spec, str | os.PathLike | URL):
        raise TypeError(f"SQLStorage: spec must be a path or a database URL; got {type(spec).__name__}")
    if isinstance(spec, URL):
        refuse_no_text(spec.database or "")
        return _check_url(spec)
    text = os.fspath(spec)
    refuse_no_text(text)
    if isinstance(spec, str) and "://" in text:
        return _read_url(text.strip())
    if isinstance(spec, str) and not text.lower().endswith(FILES) and text != ":memory:":
        refuse_foreign_file(Path(text))
        shown = redact(text)
        raise StorageError(
            f"storage={shown!r} is neither a file name ending in {', '.join(FILES)} nor a database URL; did you "
            f"mean {(shown or 'tune') + '.db'!r}? (a pathlib.Path may end in anything)"
        )
    if re.match(r"[A-Za-z][\w+.-]+:/", text):  # what pathlib makes of a URL
        raise StorageError(
            f"storage: {redact(text)!r} is a URL and no path; give it as a text, with '://': 'sqlite:///tune.db', say"
        )
    return _file(URL.create("sqlite", database=text))


def _read_url(text: str) -> tuple[URL, str]:
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise StorageError(f"storage={redact(text)!r} is no database URL; one is 'sqlite:///tune.db'") from None
    if url.get_backend_name() == "sqlite" and "?" in text:
        _check_options(text, url)
    return _check_url(url)


def _check_options(text: str, url: URL) -> None:
    """Refuse a question mark in a file's name: everything after it would be dropped silently."""
    if (url.database or "").startswith("file:"):
        return
    options = text.partition("?")[2]
    wrong = [part for part in re.split("[&;]", options) if part.partition("=")[0] not in _SQLITE_OPTIONS]
    if wrong:
        raise StorageError(
            f"storage={shown_url(url)!r}: SQLite has no option like what follows the '?' ({redact(wrong[0])!r}); it "
            f"has {', '.join(_SQLITE_OPTIONS)}. If the '?' belongs to the file's name, give a pathlib.Path"
        )


def _check_url(url: URL) -> tuple[URL, str]:
    url = url.set(drivername=_DRIVERS.get(url.drivername, url.drivername))
    shown = shown_url(url)
    if url.get_backend_name() == "sqlite":
        if url.host:
            path = "/".join(filter(None, (url.host, url.database)))
            raise StorageError(
                f"storage={shown!r}: the URL of a file has three slashes before a relative path and four before an "
                f"absolute one: {'sqlite:///' + redact(path)!r}"
            )
        return _file(url)
    backend = url.get_backend_name()
    if backend not in _TESTED:
        known = {*_TESTED, *registry.names("storages")} - registry.STORAGES.keys()
        if hint := did_you_mean(backend, known):
            raise StorageError(f"storage={shown!r}: no database is called {url.drivername!r}{hint}")
    if "@" in f"{url.host}{url.database}":
        raise StorageError(
            f"storage={shown!r} has an '@' where none can be. In a user's name and a password write '@', ':' and '/' "
            "as %40, %3A and %2F; urllib.parse.quote_plus does that"
        )
    return url, f"the database {shown}"


def shown_url(url: URL) -> str:
    """Return a URL as it may be shown: without all that is, or could be, a password or a token."""
    parts = [url.drivername, "://"]
    if url.username or url.password:
        parts += [shown_user(url.username) if url.username else "", f":{HIDDEN}" if url.password else "", "@"]
    if url.get_backend_name() == "sqlite":
        parts += [shown_host(url.host or "")]
        if url.database is not None:  # SQLAlchemy knows how to write a path so that it is read as it was
            parts.append(URL.create("sqlite", database=url.database).render_as_string().removeprefix("sqlite://"))
    else:
        host = url.host or ""
        parts += [f"[{host}]" if ":" in host else host] if shown_host(host) == host else [HIDDEN]
        parts += [f":{url.port}"] if url.port is not None else []
        parts += ["/", shown_database(url.database)] if url.database is not None else []
    options = [shown_option(name, value) for name, value in url.query.items()]
    return printable("".join(parts) + ("?" + "&".join(options) if options else ""))


def secrets_of(url: URL) -> Secrets:
    """Return the parts of a URL that must not be shown in the messages of drivers."""
    found: list[str | None] = [str(url.password) if url.password else None]
    if url.username and shown_user(url.username) == HIDDEN:
        found.append(url.username)
    for name, values in url.query.items():
        for value in (values,) if isinstance(values, str) else values:
            found += [part for part in (name, value) if part not in shown_option(name, value)]
    return Secrets(found)


def _file(url: URL) -> tuple[URL, str]:
    database = url.database or ""
    if database in ("", ":memory:"):
        raise StorageError(
            "an SQLite database in memory is not shared between threads and processes; for a study in memory pass "
            "storage=None"
        )
    if database.startswith("file:"):  # an SQLite URI: its own syntax, its own errors
        return url, f"the file {printable(database)}"
    shown = shown_spec(Path(database))
    try:
        path = Path(database).expanduser()
    except RuntimeError as error:
        raise StorageError(f"storage: '{shown}' cannot be found: {error}") from None
    _check_name(path)
    if path.is_dir():
        raise StorageError(f"storage: {shown} is a folder; name a file in it, such as '{shown}/tune.db'")
    if not path.parent.is_dir():
        raise StorageError(
            f"storage: the folder {shown_spec(path.parent)} for the file {path.name!r} does not exist; make it "
            f"first (working folder: {Path.cwd()})"
        )
    if url.drivername in ("sqlite", "sqlite+pysqlite"):  # others may encrypt theirs
        refuse_foreign_file(path)
    return url.set(database=os.path.abspath(path)), f"the file {shown_spec(path)}"


def _check_name(path: Path) -> None:
    """Refuse a name that the file system or SQLite cannot hold."""
    whole = os.path.abspath(path)
    refuse_no_text(whole)
    if "\0" in whole:
        raise StorageError(f"storage: '{printable(str(path))}' holds a NUL character, which no file's name can")
    name = path.name.encode()
    longest = 255 - len(_JOURNAL)
    if len(name) > longest:
        raise StorageError(
            f"storage: the name {path.name[:40]!r} and so on has {len(name)} bytes; SQLite keeps files beside it, "
            f"whose names are a little longer, so {longest} are the most"
        )
    length = len(whole.encode())
    if os.name == "posix" and length > LONGEST_PATH:
        raise StorageError(
            f"storage: the path of {path.name[:40]!r} has {length} bytes, and SQLite takes {LONGEST_PATH}; choose a "
            "folder that is nearer to the root"
        )


def refuse_no_text(place: str) -> None:
    """Refuse a path or URL that has bytes which are no UTF-8."""
    try:
        place.encode()
    except UnicodeEncodeError:
        raise StorageError(
            f"storage: '{shown_spec(place)}' is no UTF-8 text, and databases name files by it; rename the file "
            "or its folder"
        ) from None


def may_exist(url: URL) -> bool:
    """Return whether the database may exist: opening a missing SQLite file would create it."""
    if url.get_backend_name() != "sqlite" or (url.database or "").startswith("file:"):
        return True
    return os.path.exists(url.database or "")


def refuse_foreign_file(path: Path) -> None:
    """Refuse a file that is there and is no SQLite database."""
    if not is_no_database(path):
        return  # or not there yet, or not to be read: SQLite finds the words
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        head = b""
    what, program = registry.guide("file")(head)
    but = f" but {what}" if what else ""
    how = f". {registry.guide('import')(shown_spec(path), program)}" if program else ""
    raise StorageError(f"the file {shown_spec(path)} is no SQLite database{but}; choose another path{how}")


def is_no_database(path: Path) -> bool:
    """Ask SQLite whether a file is no database.

    A database must not be opened by other means, not even to read its first bytes: with the first file descriptor that
    a process closes, POSIX drops all locks that the process has on the file, those of its SQLite connections too. A
    process that ends would then take itself for the last one, and delete the write-ahead log that the others use.
    """
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            connection.execute("PRAGMA schema_version")
    except sqlite3.Error as error:
        return getattr(error, "sqlite_errorname", "") == "SQLITE_NOTADB"
    return False
