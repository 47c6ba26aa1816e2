"""`SQLStorage`: the contract of storages on seven tables."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

from tunesmith.artifacts.record import Artifact
from tunesmith.errors import (
    DuplicatedStudyError,
    StorageError,
    StudyNotFoundError,
)
from tunesmith.frozen import Fence, TrialRecord
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.base import Activity, Increment, StudyRecord
from tunesmith.storage.checks import (
    check_direction,
    check_name,
    check_study,
    name_taken,
    new_name,
    study_not_found,
)
from tunesmith.storage.sql import artifacts, attributes, queries, studies
from tunesmith.storage.sql.engine import PATIENCE
from tunesmith.storage.sql.foreign import foreign_hint
from tunesmith.storage.sql.location import may_exist, shown_url
from tunesmith.storage.sql.schema import SYSTEM, USER
from tunesmith.storage.sql.session import Row, Session
from tunesmith.storage.sql.trials import BRIEF, SQLTrials
from tunesmith.storage.sql.values import attr_to_json


class SQLStorage(SQLTrials):
    """Keeps studies in a database that several processes, and with a server several machines, may share.

    The object may be used by several threads, pickled, and used after a fork: each process opens its own connections.
    Tables are created with the first study.

    Args:
        spec: a path, a text ending in .db, .sqlite or .sqlite3, or an SQLAlchemy URL (a text or an object).
        timeout: seconds to wait while others write, before giving up.
        lease: how often this process gives a sign of life, and for how long one counts; by default 15 s and 60 s.

    Raises:
        ValueError: the lease is shorter than two beats.
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

        created = time.time()
        uncertain = False

        def work(session: Session) -> tuple[int, int | None] | None:
            nonlocal uncertain
            uncertain = uncertain or session.uncertain
            study_id = studies.create_study(session, chosen, directions, seed, created)
            if study_id is None or space is None:
                return None if study_id is None else (study_id, None)
            space_id = studies.intern_space(session, study_id, space)
            studies.declare_space(session, study_id, space_id)
            return study_id, space_id

        try:
            made = self.database.write(work)
        except StorageError as error:
            if not isinstance(error.__context__, self.database.dbapi.IntegrityError):
                raise
            made = None  # another process created it at the same time
        if made is None and uncertain:
            made = self.database.read(lambda session: studies.made_before(session, chosen, seed, created))
        if made is None:
            raise DuplicatedStudyError(
                f"{self._where} already holds a study {chosen!r}; pass load_if_exists=True to go on with it, or choose "
                "another name"
            )
        study_id, space_id = made
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
        self._write(study_id, lambda session: studies.delete_study(session, study_id))
        self._studies.pop(study_id, None)

    def rename_study(self, study_id: int, name: str) -> None:
        check_name(name)
        try:
            renamed = self._write(study_id, lambda session: studies.rename_study(session, study_id, name))
        except StorageError as error:
            if not isinstance(error.__context__, self.database.dbapi.IntegrityError):
                raise
            renamed = False  # another process took the name at the same time
        if not renamed:
            raise name_taken(name, self._where)
        self._studies[study_id] = replace(self._study(study_id), name=name)

    def set_space(self, study_id: int, space: Space) -> None:
        space_id = self._intern(study_id, space)
        if space_id is not None:
            self._write(study_id, lambda session: studies.declare_space(session, study_id, space_id))
        self._studies[study_id] = replace(self._study(study_id), space=space)

    # -- reading -----------------------------------------------------------------------------------------------

    def read_since(self, study_id: int, cursor: int) -> Increment:
        if not self.prompt:
            self._order_ends(study_id)
        return self._read(study_id, lambda session: self._reader.increment(session, study_id, cursor))

    def activity(self, study_id: int, own: Collection[int]) -> Activity:
        self._need(study_id)
        return self.database.read(lambda session: self._reader.activity(session, study_id, own))

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

    def user_attrs(self, study_id: int) -> dict[int, dict[str, Any]]:
        return self._read(study_id, lambda session: self._reader.user_attrs(session, study_id))

    def set_attr(
        self,
        study_id: int,
        number: int | None,
        key: str,
        value: Any,
        system: bool = False,
        fence: Fence | None = None,
    ) -> None:
        text = attr_to_json(key, value)
        kind = SYSTEM if system else USER
        if number is None:
            self._write(study_id, lambda session: attributes.set_study_attr(session, study_id, kind, key, text))
        else:
            at, change = number, attributes.set_attr
            brief = PATIENCE if fence is None else BRIEF
            self._write(study_id, lambda session: change(session, study_id, at, kind, key, text, fence), patience=brief)

    def change_study_attr(self, study_id: int, key: str, change: Callable[[Any], Any]) -> Any:
        return self._write(study_id, lambda session: attributes.change_study_attr(session, study_id, key, change))

    # -- artifacts ---------------------------------------------------------------------------------------------

    def put_artifact(
        self, study_id: int, artifact: Artifact, fence: Fence | None = None
    ) -> tuple[Artifact, list[str]] | None:
        return self._write(study_id, lambda session: artifacts.put(session, study_id, artifact, fence))

    def remove_artifact(self, study_id: int, number: int | None, name: str, fence: Fence | None = None) -> list[str]:
        return self._write(study_id, lambda session: artifacts.remove(session, study_id, number, name, fence))

    def artifacts(self, study_id: int) -> list[Artifact]:
        return self._read(study_id, lambda session: artifacts.all_of_study(session, study_id))

    def artifacts_of(self, study_id: int, number: int | None) -> list[Artifact]:
        return self._read(study_id, lambda session: artifacts.all_of_trial(session, study_id, number))

    def artifact_folder(self) -> str | None:
        path = self.database.url.database or ""
        return f"{path}.artifacts" if self.database.is_sqlite and not path.startswith("file:") else None

    def close(self) -> None:
        self.database.close()

    def __getstate__(self) -> dict[str, Any]:
        # With the password: whoever unpickles it has to open the database.
        return {"url": self.database.url, "timeout": self.database.timeout, "lease": self.lease}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["url"], state["timeout"], state["lease"])  # type: ignore[misc]  # opens anew, in this process

    def __repr__(self) -> str:
        return f"SQLStorage({self.url!r})"
