"""`SQLStorage`: the contract of storages on seven tables."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, TypeVar, TypeVarTuple

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import URL  # noqa: TID253 - imported only when a database is named
from sqlalchemy.exc import ArgumentError, NoSuchModuleError  # noqa: TID253 - as above

from tunesmith.artifacts.record import Artifact
from tunesmith.errors import (
    AttemptReplacedError,
    DuplicatedStudyError,
    MissingDependencyError,
    StorageError,
    StudyNotFoundError,
)
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.worker_names import DRIVER_MARK, current_worker, is_alive, is_dead, is_outside, is_overdue
from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.storage import checks
from tunesmith.storage.base import Activity, Claim, Increment, Lease, Moment, Storage, StudyRecord
from tunesmith.storage.sql import artifacts, reads, studies, writes
from tunesmith.storage.sql.connections import Row, Session
from tunesmith.storage.sql.engine import SERVER_PATIENCE, Database
from tunesmith.storage.sql.faults import RowIsThereError
from tunesmith.storage.sql.location import may_exist, read_spec, secrets_of, shown_url
from tunesmith.storage.sql.migrate import create_or_upgrade, find_schema, foreign_hint
from tunesmith.storage.sql.reads import Reader
from tunesmith.storage.sql.schema import SYSTEM, USER
from tunesmith.storage.sql.values import SpaceCache, attr_to_json, damaged, pieces_of, space_to_text
from tunesmith.storage.sql.writes import NUMBERS_END
from tunesmith.trial.metrics import Metrics
from tunesmith.trial.record import LATE_RESULT, NAN, Fence, TrialRecord

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

# module of a driver -> the package that installs it, where the names differ
DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "pymysql": "PyMySQL"}
REPORT_WAITS = 2.0  # seconds for a server that is away: the training should go on, and keeps its report meanwhile
FILE_CHECK_HOLDS = 0.1  # seconds after which the start of a trial checks again that the file is still there


class SQLStorage(Storage):
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
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials_total=5)
        ```
    """

    name = "sql"
    shared = True

    @checked("spec")
    def __init__(self, spec: str | os.PathLike[str] | URL, timeout: float = 60.0, lease: Lease | None = None) -> None:
        url, where = read_spec(spec)
        self.database = _open_database(url, where, timeout)
        self._where = where
        self.lease = lease or Lease()
        self.prompt = self.database.is_sqlite
        self._ready = False
        self._open_claims: set[int] = set()  # tokens of claims whose answer was lost; they may be asked for again
        self._studies: dict[int, StudyRecord] = {}
        self._spaces = SpaceCache()
        self._reader = Reader(self._spaces, where)
        self._watch = writes.Watch(self.lease)
        self._open()

    @property
    def url(self) -> str:
        """The database's URL; all that is or could be a password or a token is shown as `***`."""
        return shown_url(self.database.url)

    # -- studies -----------------------------------------------------------------------------------------------

    def create_study(
        self, name: str | None, directions: Sequence[str], seed: int, space: Space | None = None
    ) -> StudyRecord:
        directions = checks.check_study(name, directions, seed)
        self._open(create=True)
        chosen = name or checks.new_name()

        created = time.time()
        uncertain = False

        def work(session: Session) -> tuple[int, int | None] | None:
            nonlocal uncertain
            uncertain = uncertain or session.uncertain
            return studies.insert_study(session, chosen, directions, seed, created, space)

        try:
            made = self.database.write(work)
        except RowIsThereError:
            made = None  # another process created it at the same time
        if made is None and uncertain:
            made = self.database.read(studies.made_before, chosen, seed, created)
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
        return self._found(name, self._record)

    def moment(self, study: int | str | None, cursor: int = 0) -> Moment:
        if not self.prompt:
            study = study if isinstance(study, int) else self.load_study(study).id
            self._order_ends(study)
        elif isinstance(study, int):
            self._need(study)
        return self._found(study, lambda session, row: self._reader.moment(session, row, cursor))

    def _found(self, study: int | str | None, work: Callable[[Session, Row], T]) -> T:
        """Return what is made of the row of a study, by its id or its name; None: of the only one."""

        def read(session: Session) -> tuple[T] | list[str]:
            if isinstance(study, int):
                rows = session.rows(reads.STUDY_BY_ID, study=study)
            else:
                by_name, every = reads.STUDY_BY_NAME, reads.ALL_STUDIES
                rows = session.rows(every) if study is None else session.rows(by_name, name=study)
            if len(rows) == 1:
                return (work(session, rows[0]),)
            return [row[0] for row in session.rows(reads.STUDY_NAMES)]

        if not self._open() and not may_exist(self.database.url):
            raise StudyNotFoundError(
                f"{self._where} does not exist, so there is no study {study!r} in it; is the path right? "
                "(create_study makes the file)"
            )
        found = self.database.read(read, snapshot=True) if self._ready else []
        if not isinstance(found, list):
            return found[0]
        if isinstance(study, int):
            raise checks.study_gone(study, self._where)
        error = checks.study_not_found(study, found, self._where)
        raise StudyNotFoundError(f"{error}.{told}") if (told := foreign_hint(self.database)) else error

    def list_studies(self) -> list[StudyRecord]:
        if not self._open():
            return []
        return self.database.read(self._records, snapshot=True)

    def _records(self, session: Session) -> list[StudyRecord]:
        return [self._record(session, row) for row in session.rows(reads.ALL_STUDIES)]

    def _record(self, session: Session, row: Row) -> StudyRecord:
        record = self._reader.study(session, row)
        self._studies[record.id] = record
        return record

    def delete_study(self, study_id: int) -> None:
        self._write(studies.delete_rows_of_study, study_id)
        self._studies.pop(study_id, None)

    def rename_study(self, study_id: int, name: str) -> None:
        checks.check_name(name)
        try:
            renamed = self._write(studies.write_study_name, study_id, name)
        except RowIsThereError:
            renamed = False  # another process took the name at the same time
        if not renamed:
            raise checks.name_taken(name, self._where)
        self._studies[study_id] = replace(self._study(study_id), name=name)

    def set_space(self, study_id: int, space: Space) -> None:
        space_id = self._intern(study_id, space)
        if space_id is not None:
            self._write(studies.declare_space, study_id, space_id)
        self._studies[study_id] = replace(self._study(study_id), space=space)

    # -- a trial's way -----------------------------------------------------------------------------------------

    def claim(
        self, study_id: int, worker: str, reserve: bool = False, token: int = 0, below: int | None = None
    ) -> Claim:
        if not self._ready:
            self._need(study_id)
        limit = NUMBERS_END if below is None else below
        if reserve and self.database.dialect.name == "postgresql":
            claim = self._take(study_id, worker, token, limit, writes.reserve_at_once)
            if claim is not None:  # else a trial waits, no number is left, or the study is gone
                return claim
        row = self.database.read(writes.look_for_trial, study_id)
        if row is None:
            raise checks.study_gone(study_id, self._where)
        version, number, waiting = row
        if type(version) is not int or type(number) is not int:  # SQLite lets a column hold anything
            raise damaged(self._where, f"the study {study_id}", f"its counters are {version!r:.40} and {number!r:.40}")
        if waiting is not None and waiting < limit:
            claim = self._take(study_id, worker, token, limit, writes.claim_waiting, was_there=True)
            if claim is not None:  # else another worker took the last one
                return claim
        claim = None if reserve else Claim(number, version)
        if claim is None and number < limit:
            claim = self._take(study_id, worker, token, limit, writes.reserve)
        if claim is None or claim.number >= limit:
            raise checks.trials_spent(limit)
        return claim

    def _take(
        self, study_id: int, worker: str, token: int, limit: int, change: writes.Taking, *, was_there: bool = False
    ) -> Claim | None:
        """Make a trial RUNNING, one that was there before or a new one; None: there is none to be taken."""

        def work(session: Session) -> Claim | None:
            again = session.uncertain or token in self._open_claims
            taken = writes.held(session, study_id, token) if again else None
            if taken is None:
                new = change(session, study_id, worker, token, limit)
                taken = None if new is None else (*new, was_there)
            if taken is None:
                return None
            number, version, is_old = taken
            # Read here, for in another transaction it might be at a later attempt already.
            trial = self._reader.named(session, study_id, [number])[0] if is_old else None
            return Claim(number, version, True, trial)

        try:
            # A new number that is lost with the server was not started yet, so that nobody misses it.
            found = self.database.write(work, durable=was_there, single=change is writes.reserve_at_once)
        except StorageError:
            self._open_claims.add(token)
            raise
        self._open_claims.discard(token)
        return found

    def start(self, study_id: int, claim: Claim, trial: TrialRecord) -> int | None:
        self._check_point(trial)
        space_id = self._intern(study_id, trial.space)
        if self.prompt or not claim.reserved:
            change = writes.start_reserved if claim.reserved else writes.write_start
            # The check of the file costs a tenth of the start, and the end of the trial checks again.
            if not self._ready:
                self._need(study_id)
            return self.database.write(change, study_id, trial, space_id, recent=FILE_CHECK_HOLDS)
        alone = not (trial.user or trial.system or trial.reports or trial.logged)
        written = self._write(writes.write_point, study_id, trial, space_id, single=alone)
        return claim.version if written else None

    def report(self, study_id: int, number: int, fence: Fence, step: int, value: Reported, cost: float = NAN) -> None:
        if not self._ready:
            self._need(study_id)
        row = (study_id, number, fence, step, value, cost)
        self.database.write(writes.add_reports, *row, durable=False, single=True, patience=REPORT_WAITS)

    def log(self, study_id: int, number: int, fence: Fence, metrics: Metrics) -> None:
        if not self._ready:
            self._need(study_id)
        row = (study_id, number, fence, pieces_of(metrics))
        self.database.write(writes.add_metrics, *row, durable=False, single=True, patience=REPORT_WAITS)

    def metrics(
        self, study_id: int, numbers: Sequence[int] | None = None, names: Sequence[str] | None = None
    ) -> dict[int, Metrics]:
        return self._read(self._reader.metrics, study_id, numbers, names)

    def logged(self, study_id: int, name: str | None = None) -> dict[str, NDArray[np.int64]]:
        return self._read(self._reader.logged, study_id, name)

    def pause(self, study_id: int, trial: TrialRecord) -> int:
        self._check_point(trial)
        space_id = self._intern(study_id, trial.space)
        try:
            version = self._write(writes.pause, study_id, trial, space_id)
            return version if self.prompt else 0
        except writes.NotRunningError:
            (stored,) = self.trials(study_id, [trial.number])
            checks.check_paused_before(trial, stored)
            return 0

    def resume(self, study_id: int, number: int, worker: str, token: int = 0) -> Claim | None:
        self._need(study_id)
        return self._take(study_id, worker, token, number, writes.resume, was_there=True)

    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int]:
        study = self._studies.get(study_id) or self._study(study_id)
        checks.check_finished(trial, len(study.directions))
        space_id = self._intern(study_id, trial.space)
        change = writes.finish if self.prompt else writes.finish_without_place
        alone = not (self.prompt or trial.user or trial.system or trial.reports or trial.logged)
        try:
            seq, version = self.database.write(change, study_id, trial, space_id, single=alone)
        except writes.NotRunningError:
            return self._finished_before(study_id, trial)
        trial.seq, trial.read_metrics = seq, self.reads_metrics(study_id)
        return seq, version

    def _finished_before(self, study_id: int, trial: TrialRecord) -> tuple[int, int]:
        """Return the place of an end that is recorded already; refuse one that is late, and keep it as a note."""
        (stored,) = self.trials(study_id, [trial.number])
        try:
            checks.check_finished_before(trial, stored)
        except AttemptReplacedError:
            note = attr_to_json(LATE_RESULT, checks.late_note(trial))
            self._write(writes.put_attr, study_id, trial.number, trial.attempt, SYSTEM, LATE_RESULT, note)
            raise
        trial.seq = stored.seq
        return stored.seq, 0

    def add(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        study = self._study(study_id)
        checks.check_added(trials, len(study.directions))
        if not trials:
            return []
        for trial in trials:
            self._check_point(trial)
        spaces = self._intern_all(study_id, [trial.space for trial in trials])
        return self._write(writes.add, study_id, trials, spaces, study.space, -1 - secrets.randbits(63))

    def release(self, study_id: int, fences: Mapping[int, Fence], failure: FailureKind | None = None) -> None:
        with suppress(writes.NotRunningError):
            self._write(writes.release, study_id, fences, failure)

    def renew(self, study_id: int, number: int, fence: Fence, token: int, failure: FailureKind | None = None) -> Fence:
        found = self._write(writes.renew, study_id, number, fence, token, failure)
        if found is None:
            (stored,) = self.trials(study_id, [number])
            raise checks.attempt_replaced(number, fence.attempt, stored.attempt)
        return found

    def beat(self, worker: str) -> None:
        self._open(create=True)
        with suppress(RowIsThereError):  # another thread wrote the first one at the same time
            # Whoever beats tries again soon; meanwhile nothing holds on to a storage that is no longer used.
            self.database.write(writes.beat, worker, self.lease.ttl, single=True, patience=REPORT_WAITS)

    def expired(self, study_id: int) -> list[TrialRecord]:
        running = self._running_elsewhere(study_id)
        names = set(running.values())
        dead = {name: FailureKind.LOST for name in names if is_dead(name)}
        dead |= {name: FailureKind.LEASE for name in names - dead.keys() if is_overdue(name)}
        others = {name for name in names - dead.keys() if not is_outside(name)}
        if others and self._is_settled():
            found = self.database.read(writes.beats)
            dead |= dict.fromkeys(self._watch.dead(others, found), FailureKind.LEASE)
        numbers = [number for number, name in running.items() if name in dead]
        if not numbers:
            return []
        left = []
        for trial in self._read(self._reader.named, study_id, numbers):
            if trial.state is not TrialState.RUNNING:
                continue
            failure = dead.get(_process_of(trial.worker))
            if failure is not None:  # else a living worker took it over meanwhile
                trial.failure = failure
                left.append(trial)
        return left

    def is_doubtful(self, study_id: int) -> bool:
        running = set(self._running_elsewhere(study_id).values())
        names = {name for name in running if not (is_alive(name) or is_outside(name))}
        found = self.database.read(writes.beats) if names else {}
        return self._watch.has_silent(names, found)

    def _running_elsewhere(self, study_id: int) -> dict[int, str]:
        """Return the process that runs each running trial, for those of other processes."""
        self._need(study_id)
        running = self.database.read(writes.running_workers, study_id)
        names = {number: _process_of(worker) for number, worker in running.items()}
        own = current_worker()
        return {number: name for number, name in names.items() if name != own}

    def _is_settled(self) -> bool:
        """Tell whether the storage was there for a whole `ttl`, so that every living worker could give a sign."""
        if time.monotonic() - self.database.connected_since < self.lease.ttl:
            return False
        return self.database.uptime() >= self.lease.ttl

    def _order_ends(self, study_id: int) -> None:
        """Give places to the ends that have none."""
        self._need(study_id)
        if self.database.read(writes.any_without_place, study_id):
            self._write(writes.order_ends, study_id)

    # -- reading -----------------------------------------------------------------------------------------------

    def read_since(self, study_id: int, cursor: int) -> Increment:
        if not self.prompt:
            self._order_ends(study_id)
        return self._read(self._reader.increment, study_id, cursor)

    def activity(self, study_id: int, own: Collection[int]) -> Activity:
        self._need(study_id)
        return self.database.read(self._reader.activity, study_id, own)

    def trials(
        self, study_id: int, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[TrialRecord]:
        if numbers is not None and not len(numbers):
            return []
        found, reads = self._read(self._reader.records, study_id, numbers, states), self.reads_metrics(study_id)
        for trial in found:
            trial.read_metrics = reads
        return found

    def best(self, study_id: int, direction: str) -> TrialRecord | None:
        checks.check_direction(direction)
        best = self._read(self._reader.best, study_id, direction)
        if best is not None:
            best.read_metrics = self.reads_metrics(study_id)
        return best

    def count(self, study_id: int) -> dict[TrialState, int]:
        return self._read(self._reader.count, study_id)

    def user_attrs(self, study_id: int) -> dict[int, dict[str, Any]]:
        return self._read(self._reader.user_attrs, study_id)

    def set_attr(
        self, study_id: int, number: int | None, key: str, value: Any, system: bool = False, fence: Fence | None = None
    ) -> None:
        text = attr_to_json(key, value)
        kind = SYSTEM if system else USER
        if number is None:
            self._write(writes.set_study_attr, study_id, kind, key, text)
        else:
            patience = SERVER_PATIENCE if fence is None else REPORT_WAITS
            self._write(writes.set_attr, study_id, number, kind, key, text, fence, patience=patience)

    def change_study_attr(self, study_id: int, key: str, change: Callable[[Any], Any]) -> Any:
        return self._write(writes.change_study_attr, study_id, key, change)

    # -- artifacts ---------------------------------------------------------------------------------------------

    def put_artifact(
        self, study_id: int, artifact: Artifact, fence: Fence | None = None
    ) -> tuple[Artifact, list[str]] | None:
        return self._write(artifacts.put_pointer, study_id, artifact, fence)

    def remove_artifact(self, study_id: int, number: int | None, name: str, fence: Fence | None = None) -> list[str]:
        return self._write(artifacts.remove_pointer, study_id, number, name, fence)

    def artifacts(self, study_id: int) -> list[Artifact]:
        return self._read(artifacts.all_of_study, study_id)

    def artifacts_of(self, study_id: int, number: int | None) -> list[Artifact]:
        return self._read(artifacts.all_of_trial, study_id, number)

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
            raise checks.study_gone(study_id, self._where)

    def _read(self, work: Callable[[Session, int, *Ts], T], study_id: int, *args: *Ts) -> T:
        self._need(study_id)
        return self.database.read(work, study_id, *args, snapshot=True)

    def _write(
        self,
        work: Callable[[Session, int, *Ts], T],
        study_id: int,
        *args: *Ts,
        single: bool = False,
        patience: float = SERVER_PATIENCE,
    ) -> T:
        self._need(study_id)
        return self.database.write(work, study_id, *args, single=single, patience=patience)

    def _study(self, study_id: int) -> StudyRecord:
        """Return a study as it was read or written last."""
        if study_id not in self._studies:
            self.list_studies()
        if study_id not in self._studies:
            raise checks.study_gone(study_id, self._where)
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
        known = self._spaces.ids.get((study_id, id(space)))
        if known is not None:
            return known[0]
        # In its own short transaction: what is remembered here must be there even if the next one fails.
        return self._spaces.keep(study_id, space, self._write(studies.intern_space, study_id, space))

    def _intern_all(self, study_id: int, spaces: Sequence[Space | None]) -> list[int | None]:
        """Return the ids of spaces in the database; all that are new are inserted at once, equal ones as one."""
        known = self._spaces.ids
        ids = {id(s): known[study_id, id(s)][0] for s in spaces if (study_id, id(s)) in known}
        unknown = {id(s): s for s in spaces if s is not None and id(s) not in ids}
        if unknown:
            written = {key: space_to_text(s) for key, s in unknown.items()}
            texts = {digest: text for text, digest in written.values()}
            found = self._write(studies.intern_texts, study_id, texts)
            for key, space in unknown.items():
                ids[key] = self._spaces.keep(study_id, space, found[written[key][1]])
        return [None if s is None else ids[id(s)] for s in spaces]


def _process_of(worker: str) -> str:
    """Return the name of the process that runs a worker's trials, or hands them out."""
    return worker.removesuffix(DRIVER_MARK)


def _open_database(url: URL, where: str, timeout: float) -> Database:
    """Return the database, or raise an error that says what is missing."""
    try:
        return Database(url, where, timeout)
    except NoSuchModuleError:
        raise StorageError(
            f"{where}: SQLAlchemy knows no database {url.drivername!r}; 'sqlite', 'postgresql' and 'mysql' are tested"
        ) from None
    except (ArgumentError, TypeError, ValueError) as error:
        raise StorageError(f"{where} cannot be used: {secrets_of(url).hide(str(error))}") from None
    except ModuleNotFoundError as error:
        package = DRIVERS.get(str(error.name), error.name)
        raise MissingDependencyError(
            f"{where} needs the driver {error.name!r}; install it: pip install '{package}'"
        ) from None
