"""`read`: what a source is, and who reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunesmith.compat.sources.study import ImportedStudy
from tunesmith.errors import SourceError
from tunesmith.storage.redact import shown_spec
from tunesmith.storage.sql.files import is_no_database
from tunesmith.text import did_you_mean, listing, shown


def read(source: Any, *, study: str | None = None) -> list[ImportedStudy]:
    """Read the results of another program.

    Args:
        source: an Optuna storage: an SQLite file, or the URL of a database.
        study: the name of one study; None: all of them.

    Returns:
        the studies, oldest first; each has ``create_study(storage=...)``.

    Raises:
        SourceError: the source is not there, is nothing that is known, or is damaged.
        MissingDependencyError: it needs a package that is not installed.

    Example:
        ```python
        import optuna

        from tunesmith import compat

        theirs = optuna.create_study(storage="sqlite:///old.db")
        theirs.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=3)
        for old in compat.read("old.db"):
            old.create_study(storage="tune.db")
        ```
    """
    if isinstance(source, str | Path) and Path(source).is_file() and is_no_database(Path(source)):
        return _journal(Path(source), study)
    if isinstance(source, str | Path) and ("://" in str(source) or Path(source).is_file()):
        return _database(source, study)
    if isinstance(source, str | Path):
        what = "is a folder" if Path(source).is_dir() else "does not exist"
        raise SourceError(f"{shown_spec(source)} {what}; give a file or a database's URL")
    raise TypeError(f"expected a path or a URL; got {shown(source)}")


def _journal(path: Path, study: str | None) -> list[ImportedStudy]:
    from tunesmith.compat.sources.optuna.journal import Journal

    journal = Journal(path)
    return [journal.study(name) for name in chosen(journal.studies, study, shown_spec(path))]


def _database(source: str | Path, study: str | None) -> list[ImportedStudy]:
    from tunesmith.compat.sources.databases import reading
    from tunesmith.compat.sources.optuna.database import OptunaDatabase

    with reading(source) as (connection, place):
        found = OptunaDatabase(connection, place)
        names = found.names()
        return [found.study(name, names[name]) for name in chosen(names, study, place)]


def chosen(names: Any, study: str | None, place: str) -> list[str]:
    """Return the names of the studies to read.

    Raises:
        SourceError: there is none, or none of the name that was given.
    """
    if not names:
        raise SourceError(f"{place} holds no study")
    if study is None:
        return list(names)
    if study not in names:
        raise SourceError(f"{place} has no study {study!r}{did_you_mean(study, names)}; there are {listing(names)}")
    return [study]
