"""The part of `SQLStorage` that opens the database and writes trials."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from sqlalchemy import URL  # noqa: TID253 - imported only when a database is named
from sqlalchemy.exc import ArgumentError, NoSuchModuleError  # noqa: TID253 - as above

from tunesmith.curves import Reported
from tunesmith.errors import (
    AttemptReplacedError,
    MissingDependencyError,
    StorageError,
)
from tunesmith.frozen import LATE, NAN, Fence, TrialRecord
from tunesmith.space import Space
from tunesmith.state import FailureKind, TrialState
from tunesmith.storage.base import Claim, Lease, Storage, StudyRecord
from tunesmith.storage.checks import (
    attempt_replaced,
    check_added,
    check_finished,
    check_paused_before,
    check_same_end,
    late_note,
    refuse_replaced,
    study_gone,
    trials_spent,
)
from tunesmith.storage.sql import attributes, claims, ends, leases, queries, studies
from tunesmith.storage.sql.counters import MOST_NUMBERS
from tunesmith.storage.sql.engine import PATIENCE, Database
from tunesmith.storage.sql.integrity import damaged
from tunesmith.storage.sql.location import read_spec, secrets_of
from tunesmith.storage.sql.migrate import create_or_upgrade, find_schema
from tunesmith.storage.sql.reads import Reader
from tunesmith.storage.sql.schema import SYSTEM
from tunesmith.storage.sql.session import Session
from tunesmith.storage.sql.space_cache import SpaceCache, space_to_text
from tunesmith.storage.sql.values import attr_to_json
from tunesmith.workers import APART, current_worker, is_alive, is_dead

T = TypeVar("T")


# module of a driver -> the package that installs it, where the names differ
DRIVERS = {"psycopg": "psycopg[binary]", "psycopg2": "psycopg2-binary", "MySQLdb": "mysqlclient", "pymysql": "PyMySQL"}
BRIEF = 2.0  # seconds that a report waits for a server that is away: the training should go on, and keeps it meanwhile
RECENT = 0.1  # seconds after which the start of a trial checks again that the file is still there


class _UnchangedError(Exception):
    """Raised to leave the transaction without a change."""


class SQLTrials(Storage):
    """Opens a database, and moves trials from their claim to their end; the arguments are those of `SQLStorage`."""

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
        self._statements = leases.Statements(self.database.dialect.name)
        self._watch = leases.Watch(self.lease)
        self._open()

    # -- a trial's way -----------------------------------------------------------------------------------------

    def claim(
        self, study_id: int, worker: str, reserve: bool = False, token: int = 0, below: int | None = None
    ) -> Claim:
        self._need(study_id)
        limit = MOST_NUMBERS if below is None else below
        if reserve and self.database.dialect.name == "postgresql":
            claim = self._take(study_id, worker, token, limit, claims.reserve_at_once)
            if claim is not None:  # else a trial waits, no number is left, or the study is gone
                return claim
        row = self.database.read(lambda session: session.row(queries.CLAIM, study=study_id))
        if row is None:
            raise self._gone(study_id)
        version, number, waiting = row
        if type(version) is not int or type(number) is not int:  # SQLite lets a column hold anything
            raise damaged(self._where, f"the study {study_id}", f"its counters are {version!r:.40} and {number!r:.40}")
        if waiting is not None and waiting < limit:
            claim = self._take(study_id, worker, token, limit, claims.claim_waiting, was_there=True)
            if claim is not None:  # else another worker took the last one
                return claim
        claim = None if reserve else Claim(number, version)
        if claim is None and number < limit:
            claim = self._take(study_id, worker, token, limit, claims.reserve)
        if claim is None or claim.number >= limit:
            raise trials_spent(limit)
        return claim

    def _take(
        self, study_id: int, worker: str, token: int, limit: int, change: claims.Taking, *, was_there: bool = False
    ) -> Claim | None:
        """Make a trial RUNNING, one that was there before or a new one; None: there is none to be taken."""

        def work(session: Session) -> Claim | None:
            again = session.uncertain or token in self._open_claims
            taken = claims.held(session, study_id, token) if again else None
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
            found = self.database.write(work, durable=was_there, single=change is claims.reserve_at_once)
        except StorageError:
            self._open_claims.add(token)
            raise
        self._open_claims.discard(token)
        return found

    def start(self, study_id: int, claim: Claim, trial: TrialRecord) -> int | None:
        self._check_point(trial)
        space_id = self._intern(study_id, trial.space)
        if self.prompt or not claim.reserved:
            change = claims.start_reserved if claim.reserved else claims.start
            # The check of the file costs a tenth of the start, and the end of the trial checks again.
            return self._write(study_id, lambda session: change(session, study_id, trial, space_id), recent=RECENT)
        alone = not (trial.user or trial.system or trial.reports)
        written = self._write(
            study_id, lambda session: claims.write_point(session, study_id, trial, space_id), single=alone
        )
        return claim.version if written else None

    def report(self, study_id: int, number: int, fence: Fence, step: int, value: Reported, cost: float = NAN) -> None:
        def work(session: Session) -> None:
            attributes.report(session, study_id, number, fence, step, value, cost)

        self._write(study_id, work, durable=False, single=True, patience=BRIEF)

    def pause(self, study_id: int, trial: TrialRecord) -> int:
        self._check_point(trial)
        space_id = self._intern(study_id, trial.space)

        def work(session: Session) -> int:
            version = claims.pause(session, study_id, trial, space_id)
            if version is None:
                raise _UnchangedError
            return version

        try:
            version = self._write(study_id, work)
            return version if self.prompt else 0
        except _UnchangedError:
            (stored,) = self.trials(study_id, [trial.number])
            check_paused_before(trial, stored)
            return 0

    def resume(self, study_id: int, number: int, worker: str, token: int = 0) -> Claim | None:
        def change(session: Session, study_id: int, worker: str, token: int, _: int) -> tuple[int, int] | None:
            return claims.resume(session, study_id, number, worker, token)

        self._need(study_id)
        return self._take(study_id, worker, token, MOST_NUMBERS, change, was_there=True)

    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int]:
        check_finished(trial, len(self._study(study_id).directions))
        space_id = self._intern(study_id, trial.space)
        change = ends.finish if self.prompt else ends.finish_without_place
        alone = not (self.prompt or trial.user or trial.system or trial.reports)
        try:
            seq, version = self._write(
                study_id, lambda session: change(session, study_id, trial, space_id), single=alone
            )
        except ends.NotRunningError:
            return self._finished_before(study_id, trial)
        trial.seq = seq
        return seq, version

    def _finished_before(self, study_id: int, trial: TrialRecord) -> tuple[int, int]:
        """Return the place of an end that is recorded already; refuse one that is late, and keep it as a note."""
        (stored,) = self.trials(study_id, [trial.number])
        try:
            refuse_replaced(stored, trial.fence)
            if not stored.state.is_finished() or stored.attempt != trial.attempt:
                raise ValueError(f"trial {trial.number}: attempt {trial.attempt} was not begun; {stored.attempt} is")
            check_same_end(trial, stored)
        except AttemptReplacedError:
            note = attr_to_json(LATE, late_note(trial))
            at, attempt = trial.number, trial.attempt
            self._write(
                study_id, lambda session: attributes.put_attr(session, study_id, at, attempt, SYSTEM, LATE, note)
            )
            raise
        trial.seq = stored.seq
        return stored.seq, 0

    def add(self, study_id: int, trials: Sequence[TrialRecord]) -> list[int]:
        study = self._study(study_id)
        check_added(trials, len(study.directions))
        if not trials:
            return []
        for trial in trials:
            self._check_point(trial)
        spaces = self._intern_all(study_id, [trial.space for trial in trials])
        work, mark = ends.add, -1 - secrets.randbits(63)
        return self._write(study_id, lambda session: work(session, study_id, trials, spaces, study.space, mark))

    def release(self, study_id: int, fences: Mapping[int, Fence], failure: FailureKind | None = None) -> None:
        def work(session: Session) -> None:
            if not claims.release(session, study_id, fences, failure):
                raise _UnchangedError

        try:
            self._write(study_id, work)
        except _UnchangedError:
            return

    def renew(self, study_id: int, number: int, fence: Fence, token: int, failure: FailureKind | None = None) -> Fence:
        work = claims.renew
        found = self._write(study_id, lambda session: work(session, study_id, number, fence, token, failure))
        if found is None:
            (stored,) = self.trials(study_id, [number])
            raise attempt_replaced(number, fence.attempt, stored.attempt)
        return found

    def beat(self, worker: str) -> None:
        self._open(create=True)
        ttl, statements = self.lease.ttl, self._statements
        try:
            # Whoever beats tries again soon; meanwhile nothing holds on to a storage that is no longer used.
            work = leases.beat
            self.database.write(lambda session: work(session, statements, worker, ttl), single=True, patience=BRIEF)
        except StorageError as error:
            if not isinstance(error.__context__, self.database.dbapi.IntegrityError):
                raise  # else another thread wrote the first one at the same time

    def expired(self, study_id: int) -> list[TrialRecord]:
        running = self._running_elsewhere(study_id)
        names = set(running.values())
        dead = {name: FailureKind.LOST for name in names if is_dead(name)}
        others = names - dead.keys()
        if others and self._is_settled():
            found = self.database.read(lambda session: leases.beats(session, self._statements))
            dead |= dict.fromkeys(self._watch.dead(others, found), FailureKind.LEASE)
        numbers = [number for number, name in running.items() if name in dead]
        if not numbers:
            return []
        left = []
        for trial in self._read(study_id, lambda session: self._reader.named(session, study_id, numbers)):
            if trial.state is not TrialState.RUNNING:
                continue
            failure = dead.get(_process_of(trial.worker))
            if failure is not None:  # else a living worker took it over meanwhile
                trial.failure = failure
                left.append(trial)
        return left

    def is_doubtful(self, study_id: int) -> bool:
        names = {name for name in self._running_elsewhere(study_id).values() if not is_alive(name)}
        found = self.database.read(lambda session: leases.beats(session, self._statements)) if names else {}
        return self._watch.has_silent(names, found)

    def _running_elsewhere(self, study_id: int) -> dict[int, str]:
        """Return the process that runs each running trial, for those of other processes."""
        self._need(study_id)
        running = self.database.read(lambda session: leases.running_workers(session, study_id))
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
        if self.database.read(lambda session: session.row(ends.ANY_WITHOUT_PLACE, study=study_id)) is not None:
            self._write(study_id, lambda session: ends.order_ends(session, study_id))

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

    def _write(
        self,
        study_id: int,
        work: Callable[[Session], T],
        *,
        recent: float = 0.0,
        single: bool = False,
        durable: bool = True,
        patience: float = PATIENCE,
    ) -> T:
        self._need(study_id)
        return self.database.write(work, recent=recent, single=single, durable=durable, patience=patience)

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
        space_id = self._write(study_id, lambda session: studies.intern_space(session, study_id, space))
        return self._spaces.keep(study_id, space, space_id)

    def _intern_all(self, study_id: int, spaces: Sequence[Space | None]) -> list[int | None]:
        """Return the ids of spaces in the database; all that are new are inserted at once, equal ones as one."""
        ids = {id(s): self._spaces.id_of(study_id, s) for s in spaces if s is not None}
        unknown = {id(s): s for s in spaces if s is not None and ids[id(s)] is None}
        if unknown:
            written = {key: space_to_text(s) for key, s in unknown.items()}
            texts = {digest: text for text, digest in written.values()}
            found = self._write(study_id, lambda session: studies.intern_texts(session, study_id, texts))
            for key, space in unknown.items():
                ids[key] = self._spaces.keep(study_id, space, found[written[key][1]])
        return [None if s is None else ids[id(s)] for s in spaces]


def _process_of(worker: str) -> str:
    """Return the name of the process that runs a worker's trials, or hands them out."""
    return worker.removesuffix(APART)


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
