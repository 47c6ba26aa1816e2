"""Optuna's kinds of storages, and what each is here."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from tunesmith.caution import caution
from tunesmith.compat.guide import caution_once
from tunesmith.compat.optuna._deprecated import deprecated_class, warn_deprecated
from tunesmith.compat.optuna._experimental import experimental_class, experimental_func, warn_experimental_argument
from tunesmith.compat.optuna.frozen import FrozenTrial
from tunesmith.compat.optuna.protocols import StudyLike, TrialLike
from tunesmith.compat.optuna.records import FAILED_TRIAL, RETRY_HISTORY
from tunesmith.compat.optuna.storages.base import BaseStorage, Retries
from tunesmith.storage import Storage, open_storage

StaleTrialCallback = Callable[[StudyLike, FrozenTrial], None]
_NO_LIMIT = 1_000_000  # retries
_IN_MEMORY = ("sqlite:///:memory:", "sqlite://")  # SQLAlchemy's URLs of a database in memory


class InMemoryStorage(BaseStorage):
    """Keeps studies in memory."""

    logger: ClassVar[str] = "optuna.storages._in_memory"
    word: ClassVar[str] = "memory"

    def __init__(self) -> None:
        super().__init__(open_storage(None))


class RDBStorage(BaseStorage):
    """Keeps studies in a database: an SQLite file, PostgreSQL, MySQL or MariaDB.

    Workers give signs of life in any case, and a trial whose worker was lost is run again; with `heartbeat_interval`
    the callback says how often.

    Args:
        url: SQLAlchemy's, such as "sqlite:///tune.db".
        engine_kwargs: not followed: connections are made as suits the database.
        skip_compatibility_check: not followed: a file of another version is migrated.
        heartbeat_interval: not followed, but that one is given.
        grace_period: not followed: a worker that is silent for the time of its lease is lost.
        heartbeat_stale_trial_callback: a `RetryHeartbeatStaleTrialCallback`; None: a lost trial is FAIL.
        failed_trial_callback: the old name of the same.
        skip_table_creation: not followed: tables are made where there are none.

    Raises:
        ValueError: a time is not above 0, or both names of the callback are given.
    """

    def __init__(
        self,
        url: str,
        engine_kwargs: dict[str, Any] | None = None,
        skip_compatibility_check: bool = False,
        *,
        heartbeat_interval: int | None = None,
        grace_period: int | None = None,
        heartbeat_stale_trial_callback: StaleTrialCallback | None = None,
        failed_trial_callback: StaleTrialCallback | None = None,
        skip_table_creation: bool = False,
    ) -> None:
        for name, seconds in {"heartbeat_interval": heartbeat_interval, "grace_period": grace_period}.items():
            if seconds is not None and seconds <= 0:
                raise ValueError(f"RDBStorage: {name}= is a number of seconds above 0; got {seconds}")
        if heartbeat_interval is not None:
            warn_experimental_argument("heartbeat_interval")
        if failed_trial_callback is not None:
            if heartbeat_stale_trial_callback is not None:
                raise ValueError("RDBStorage: give heartbeat_stale_trial_callback= or its old name, not both")
            warn_deprecated("failed_trial_callback", "4.9.0", "6.0.0", "use heartbeat_stale_trial_callback")
        callback = heartbeat_stale_trial_callback or failed_trial_callback
        native = open_storage(None if url in _IN_MEMORY else url)
        super().__init__(native, None if heartbeat_interval is None else retries_of(callback))

    @property
    def _backend(self) -> RDBStorage:  # which other libraries take for the database behind a cache
        return self


@experimental_class("2.8.0")
class RetryHeartbeatStaleTrialCallback:
    """Says how often a trial is run again whose worker was lost.

    Args:
        max_retry: so often; None: always.
        inherit_intermediate_values: always: a trial that is run again has its reports still.
    """

    def __init__(self, max_retry: int | None = None, inherit_intermediate_values: bool = False) -> None:
        self.max_retry = max_retry

    def __call__(self, study: StudyLike, trial: FrozenTrial) -> None:
        """Do nothing: the study runs lost trials again by itself, as often as this says."""

    @staticmethod
    @experimental_func("2.8.0")
    def retried_trial_number(trial: TrialLike) -> int | None:
        """Return the trial's own number if it is run again, since it is the same trial; None: it is not."""
        number: int | None = trial.system_attrs.get(FAILED_TRIAL)
        return number

    @staticmethod
    @experimental_func("3.0.0")
    def retry_history(trial: TrialLike) -> list[int]:
        """Return the trial's own number, once for each run that ended without a result."""
        return list(trial.system_attrs.get(RETRY_HISTORY, ()))


@deprecated_class("4.9.0", "6.0.0", text="use RetryHeartbeatStaleTrialCallback")
class RetryFailedTrialCallback(RetryHeartbeatStaleTrialCallback):
    """The old name of `RetryHeartbeatStaleTrialCallback`.

    Args:
        max_retry: so often; None: always.
        inherit_intermediate_values: always: a trial that is run again has its reports still.
    """


def retries_of(callback: StaleTrialCallback | None) -> Retries:
    """Return how often a lost trial is run again, by what a program says in Optuna's way."""
    if callback is None:
        return {"lost": 0}
    if not isinstance(callback, RetryHeartbeatStaleTrialCallback):
        caution(f"the callback {callback!r} is not called: a trial whose worker was lost is run again, once")
        return {"lost": 1}
    return {"lost": _NO_LIMIT if callback.max_retry is None else callback.max_retry}


class JournalFileBackend:
    """Names a file; `JournalStorage` keeps studies there, as an SQLite database.

    Args:
        file_path: the file.
        lock_obj: not followed: SQLite locks the file by itself.
    """

    def __init__(self, file_path: str | Path, lock_obj: Any = None) -> None:
        self.path = Path(file_path)


class JournalFileSymlinkLock:
    """Accepted for porting: the file is locked in any case.

    Args:
        filepath: not looked at.
        grace_period: not looked at.
    """

    def __init__(self, filepath: str, grace_period: int | None = 30) -> None:
        self.path = filepath


class JournalFileOpenLock(JournalFileSymlinkLock):
    """Accepted for porting: the file is locked in any case."""


@deprecated_class("4.0.0", "6.0.0", text="use storages.journal.JournalFileBackend")
class JournalFileStorage(JournalFileBackend):
    """The old name of `JournalFileBackend`."""


@deprecated_class("4.0.0", "6.0.0", "storages.JournalFileSymlinkLock", "import it from storages.journal")
class OldSymlinkLock(JournalFileSymlinkLock):
    """`JournalFileSymlinkLock` where it was before."""


@deprecated_class("4.0.0", "6.0.0", "storages.JournalFileOpenLock", "import it from storages.journal")
class OldOpenLock(JournalFileOpenLock):
    """`JournalFileOpenLock` where it was before."""


class JournalStorage(BaseStorage):
    """Keeps studies in one file: an SQLite database, whatever its name.

    Args:
        log_storage: names the file.
    """

    logger: ClassVar[str] = "optuna.storages.journal._storage"
    word: ClassVar[str] = "Journal"

    def __init__(self, log_storage: JournalFileBackend) -> None:
        if not isinstance(log_storage, JournalFileBackend):
            raise TypeError(f"JournalStorage takes a JournalFileBackend(path); got {log_storage!r}")
        caution_once(
            "JournalStorage",
            "the file is an SQLite database here, and no journal that Optuna reads: write "
            "RDBStorage('sqlite:///tune.db'); `tunesmith export --to optuna -o study.log` writes a journal",
        )
        super().__init__(open_storage(log_storage.path))


def get_storage(storage: str | BaseStorage | Storage | None) -> BaseStorage:
    """Return a storage.

    Args:
        storage: None: memory. A text: SQLAlchemy's URL, or an SQLite file ("tune.db"). A storage: itself.

    Raises:
        TypeError: it is none of these.
    """
    if isinstance(storage, BaseStorage):
        return storage
    if storage is None or (isinstance(storage, str) and storage in _IN_MEMORY):
        return InMemoryStorage()
    if isinstance(storage, str) and storage.startswith("redis"):
        raise ValueError("there is no storage in Redis; give an SQLite file, or the URL of a database server")
    return RDBStorage(storage) if isinstance(storage, str) else BaseStorage(open_storage(storage))


@experimental_func("2.9.0")
def fail_stale_trials(study: StudyLike) -> None:
    """Take the trials of workers that were lost back: they are run again, or FAIL, as the study's retries say."""
    study.native.recover()


class DaskStorage(BaseStorage):
    """Lets the workers of Dask run trials of one study, as in ``client.submit(study.optimize, objective)``.

    Without a storage this is an SQLite file in the temporary folder, which goes when the program ends: it is for
    workers of this machine. Workers of several machines need a database server.

    Args:
        storage: where studies are kept; None: that file.
        name: not used.
        client: not used: workers open the storage themselves.
        register: not used.

    Raises:
        ValueError: the storage is in the memory of this process, which no worker reaches.
    """

    def __init__(
        self,
        storage: str | BaseStorage | None = None,
        name: str | None = None,
        client: Any = None,
        register: bool = True,
    ) -> None:
        folder = tempfile.mkdtemp(prefix="tunesmith-dask-") if storage is None else None
        inner = get_storage(f"sqlite:///{Path(folder) / 'studies.db'}" if folder else storage)
        if inner.native.only_here:
            raise ValueError(
                "DaskStorage: workers cannot reach a storage in memory; leave it out, or give a file's URL"
            )
        if name is not None:
            caution("DaskStorage: name= changes nothing: the storage is known by its file or its URL")
        super().__init__(inner.native, inner.retries)
        if folder is not None:
            weakref.finalize(self, _removed, inner, folder)


def _removed(storage: BaseStorage, folder: str) -> None:
    """Remove the file; its copies in workers have no such duty, since they are not made by the class."""
    storage.remove_session()
    shutil.rmtree(folder, ignore_errors=True)
