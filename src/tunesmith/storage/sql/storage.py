"""`SQLStorage`: the contract of storages on five tables, by the statements of reads.py, writes.py and attributes.py."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sqlalchemy import URL  # noqa: TID253 - imported only when a database is named
from sqlalchemy.exc import ArgumentError, NoSuchModuleError  # noqa: TID253 - as above

from tunesmith.errors import DuplicatedStudyError, MissingDependencyError, StorageError, StudyNotFoundError
from tunesmith.frozen import TrialRecord
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.base import Claim, Increment, Storage, StudyRecord
from tunesmith.storage.checks import (
    check_added,
    check_direction,
    check_finished,
    check_study,
    new_name,
    study_gone,
    study_not_found,
)
from tunesmith.storage.sql import attributes, queries, writes
from tunesmith.storage.sql.engine import Database
from tunesmith.storage.sql.foreign import foreign_hint
from tunesmith.storage.sql.integrity import damaged
from tunesmith.storage.sql.location import may_exist, read_spec, secrets_of, shown_url
from tunesmith.storage.sql.migrate import create_or_upgrade, find_schema
from tunesmith.storage.sql.reads import Reader
from tunesmith.storage.sql.schema import SYSTEM, USER
from tunesmith.storage.sql.session import Row, Session
from tunesmith.storage.sql.space_cache import SpaceCache
from tunesmith.storage.sql.values import attr_to_json

T = TypeVar("T")


# module of a driver -> the package that installs it, where the names differ
DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "pymysql": "PyMySQL"}
RECENT = 0.1  # seconds after which the start of a trial checks again that the file is still there


class SQLStorage(Storage):
    """Keeps studies in a database that several processes, and with a server several machines, may share.

    The object may be used by several threads, pickled, and used after a fork: each process opens its own connections.
    Tables are created with the first study.

    Args:
        spec: a path, a text ending in .db, .sqlite or .sqlite3, or an SQLAlchemy URL (a text or an object).
        timeout: seconds to wait while others write, before giving up.

    Raises:
        StorageError: the place cannot hold a database, holds something else, or was written by a newer tunesmith.
        MissingDependencyError: the driver of the database is not installed.

    Example:
        ```python
        from tunesmith import create_study
        from tunesmith.storage.sql import SQLStorage

        storage = SQLStorage("tune.db", timeout=10.0)
        study = create_study(storage=storage, study_name="mine", load_if_exists=True)
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=5)
        ```
    """

    name = "sql"
    shared = True

    def __init__(self, spec: str | os.PathLike[str] | URL, timeout: float = 60.0) -> None:
        url, where = read_spec(spec)
        self.database = _open_database(url, where, timeout)
        self._where = where
        self._ready = False
        self._studies: dict[int, StudyRecord] = {}
        self._spaces = SpaceCache()
        self._reader = Reader(self._spaces, where)
        self._open()

    @property
    def url(self) -> str:
        """The database's URL; all that is or could be a password or a token is shown as `***`."""
        return shown_url(self.database.url)

    # -- studies -----------------------------------------------------------------------------------------------

    def create_study(
        self, name: str | None, directions: Sequence[str], seed: int, space: Space | None = None
    ) -> StudyRecord:
        directions = check_study(name, directions, seed)
        self._open(create=True)
        chosen = name or new_name()

        def work(session: Session) -> tuple[int, float, int | None] | None:
            made = writes.create_study(session, chosen, directions, seed)
            if made is None:
                return None
            space_id = None
            if space is not None:
                space_id = writes.intern_space(session, made[0], space)
                writes.declare_space(session, made[0], space_id)
            return (*made, space_id)

        try:
            made = self.database.write(work)
        except StorageError as error:
            if not isinstance(error.__context__, self.database.dbapi.IntegrityError):
                raise
            made = None  # another process created it at the same time
        if made is None:
            raise DuplicatedStudyError(
                f"{self._where} already holds a study {chosen!r}; pass load_if_exists=True to go on with it, or choose "
                "another name"
            )
        study_id, created, space_id = made
        if space is not None and space_id is not None:
            self._spaces.keep(study_id, space, space_id)
        record = self._studies[study_id] = StudyRecord(study_id, chosen, directions, seed, space, created)
        return record

    def load_study(self, name: str | None) -> StudyRecord:
        def work(session: Session) -> StudyRecord | list[str]:
            by_name, every = queries.STUDY_BY_NAME, queries.ALL_STUDIES
            rows = session.rows(every) if name is None else session.rows(by_name, name=name)
            if len(rows) == 1:
                return self._record(session, rows[0])
            return [row[0] for row in session.rows(queries.STUDY_NAMES)]

        if not self._open() and not may_exist(self.database.url):
            raise StudyNotFoundError(
                f"{self._where} does not exist, so there is no study {name!r} in it; is the path right? "
                "(create_study makes the file)"
            )
        found = self.database.read(work, snapshot=True) if self._ready else []
        if isinstance(found, list):
            error = study_not_found(name, found, self._where)
            raise StudyNotFoundError(f"{error}.{told}") if (told := foreign_hint(self.database)) else error
        return found

    def list_studies(self) -> list[StudyRecord]:
        if not self._open():
            return []
        return self.database.read(
            lambda session: [self._record(session, row) for row in session.rows(queries.ALL_STUDIES)], snapshot=True
        )

    def _record(self, session: Session, row: Row) -> StudyRecord:
        record = self._reader.study(session, row)
        self._studies[record.id] = record
        return record

    def delete_study(self, study_id: int) -> None:
        self._write(study_id, lambda session: writes.delete_study(session, study_id))
        self._studies.pop(study_id, None)

    def set_space(self, study_id: int, space: Space) -> None:
        space_id = self._intern(study_id, space)
        if space_id is not None:
            self._write(study_id, lambda session: writes.declare_space(session, study_id, space_id))
        self._studies[study_id] = replace(self._study(study_id), space=space)

    # -- a trial's way -----------------------------------------------------------------------------------------

    def claim(self, study_id: int, worker: str, reserve: bool = False) -> Claim:
        self._need(study_id)
        row = self.database.read(lambda session: session.row(queries.CLAIM, study=study_id))
        if row is None:
            raise self._gone(study_id)
        version, number, waiting = row
        if type(version) is not int or type(number) is not int:  # SQLite lets a column hold anything
            raise damaged(self._where, f"the study {study_id}", f"its counters are {version!r:.40} and {number!r:.40}")
        if waiting is not None:
            try:
                number, version = self.database.write(lambda session: writes.claim_waiting(session, study_id, worker))
            except writes.Unchanged:  # another worker took the last one
                return self.claim(study_id, worker, reserve)
            return Claim(number, version, True, self.trials(study_id, [number])[0])
        if reserve:
            number, version = self.database.write(lambda session: writes.reserve(session, study_id, worker))
            return Claim(number, version, True)
        return Claim(number, version)

    def start(self, study_id: int, claim: Claim, trial: TrialRecord) -> int | None:
        self._check_point(trial)
        space_id = self._intern(study_id, trial.space)
        change = writes.start_reserved if claim.reserved else writes.start

        def work(session: Session) -> int | None:
            return change(session, study_id, trial, space_id)

        try:
            # The check costs a tenth of the start, and the end of the trial checks again.
            return self._write(study_id, work, recent=RECENT)
        except writes.Unchanged:
            return None

    def report(self, study_id: int, number: int, attempt: int, step: int, value: float) -> None:
        self._write(study_id, lambda session: attributes.report(session, study_id, number, attempt, step, value))

    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int] | None:
        check_finished(trial, len(self._study(study_id).directions))
        space_id = self._intern(study_id, trial.space)
        try:
            seq, version = self._write(study_id, lambda session: writes.finish(session, study_id, trial, space_id))
        except writes.Unchanged:
            return None
        trial.seq = seq
        return seq, version

    def add(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        study = self._study(study_id)
        check_added(trials, len(study.directions))
        if not trials:
            return []
        for trial in trials:
            self._check_point(trial)
        spaces = [self._intern(study_id, trial.space) for trial in trials]
        return self._write(study_id, lambda session: writes.add(session, study_id, trials, spaces, study.space))

    def release(self, study_id: int, attempts: Mapping[int, int], crashed: bool = False) -> None:
        try:
            self._write(study_id, lambda session: writes.release(session, study_id, attempts, crashed))
        except writes.Unchanged:
            return

    def heartbeat(self, study_id: int, worker: str) -> None:
        self._write(study_id, lambda session: attributes.heartbeat(session, study_id, worker))

    # -- reading -----------------------------------------------------------------------------------------------

    def read_since(self, study_id: int, cursor: int) -> Increment:
        return self._read(study_id, lambda session: self._reader.increment(session, study_id, cursor))

    def trials(
        self, study_id: int, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[TrialRecord]:
        if numbers is not None and not len(numbers):
            return []
        return self._read(study_id, lambda session: self._reader.records(session, study_id, numbers, states))

    def best(self, study_id: int, direction: str) -> TrialRecord | None:
        check_direction(direction)
        return self._read(study_id, lambda session: self._reader.best(session, study_id, direction))

    def count(self, study_id: int) -> dict[TrialState, int]:
        return self._read(study_id, lambda session: self._reader.count(session, study_id))

    def set_attr(
        self,
        study_id: int,
        number: int | None,
        key: str,
        value: Any,
        system: bool = False,
        attempt: int | None = None,
    ) -> None:
        text = attr_to_json(key, value)
        kind = SYSTEM if system else USER
        self._write(study_id, lambda session: attributes.set_attr(session, study_id, number, kind, key, text, attempt))

    def close(self) -> None:
        self.database.close()

    # -- inside ------------------------------------------------------------------------------------------------

    def _open(self, create: bool = False) -> bool:
        """Return whether there are tables, and create or upgrade them if needed; several threads may call it."""
        if self._ready:
            return True
        schema = find_schema(self.database, create)
        if schema is None and not create:
            return False
        create_or_upgrade(self.database, schema)
        self._ready = True
        return True

    def _need(self, study_id: int) -> None:
        if not self._open():
            raise self._gone(study_id)

    def _read(self, study_id: int, work: Callable[[Session], T]) -> T:
        self._need(study_id)
        return self.database.read(work, snapshot=True)

    def _write(self, study_id: int, work: Callable[[Session], T], recent: float = 0.0) -> T:
        self._need(study_id)
        return self.database.write(work, recent=recent)

    def _gone(self, study_id: int) -> StorageError:
        return study_gone(study_id, self._where)

    def _study(self, study_id: int) -> StudyRecord:
        """Return a study as it was read or written last."""
        if study_id not in self._studies:
            self.list_studies()
        if study_id not in self._studies:
            raise self._gone(study_id)
        return self._studies[study_id]

    def _check_point(self, trial: TrialRecord) -> None:
        """Refuse a point that would count as damaged when it is read."""
        if trial.space is not None and trial.x is not None:
            name = self._spaces.range_of(trial.space).outside(trial.x)
            if name is not None:
                raise ValueError(f"trial {trial.number}: {name!r} has a value outside {trial.space.params[name]!r}")

    def _intern(self, study_id: int, space: Space | None) -> int | None:
        """Return the id of a space in the database; insert it if it is new."""
        if space is None:
            return None
        known = self._spaces.id_of(study_id, space)
        if known is not None:
            return known
        # In its own short transaction: what is remembered here must be there even if the next one fails.
        space_id = self._write(study_id, lambda session: writes.intern_space(session, study_id, space))
        return self._spaces.keep(study_id, space, space_id)

    def __getstate__(self) -> dict[str, Any]:
        # With the password: whoever unpickles it has to open the database.
        return {"url": self.database.url, "timeout": self.database.timeout}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["url"], state["timeout"])  # type: ignore[misc]  # opens anew, in this process

    def __repr__(self) -> str:
        return f"SQLStorage({self.url!r})"


def _open_database(url: URL, where: str, timeout: float) -> Database:
    """Return the database, or raise an error that says what is missing."""
    try:
        return Database(url, where, timeout)
    except NoSuchModuleError:
        raise StorageError(
            f"{where}: SQLAlchemy knows no database {url.drivername!r}; 'sqlite' and 'postgresql' are tested"
        ) from None
    except (ArgumentError, TypeError, ValueError) as error:
        raise StorageError(f"{where} cannot be used: {secrets_of(url).hide(str(error))}") from None
    except ModuleNotFoundError as error:
        package = DRIVERS.get(str(error.name), error.name)
        raise MissingDependencyError(
            f"{where} needs the driver {error.name!r}; install it: pip install '{package}'"
        ) from None
