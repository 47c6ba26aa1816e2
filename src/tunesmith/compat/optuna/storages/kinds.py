"""Optuna's kinds of storages, and what each is here."""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Container, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from weakref import WeakSet

import tunesmith
from tunesmith.compat.guide import caution_once
from tunesmith.compat.optuna._deprecated import deprecated_class, warn_deprecated
from tunesmith.compat.optuna._experimental import experimental_class, experimental_func, warn_experimental_argument
from tunesmith.compat.optuna.distributions import BaseDistribution, parameter_of
from tunesmith.compat.optuna.exceptions import UpdateFinishedTrialError
from tunesmith.compat.optuna.frozen import (
    FAILED_TRIAL,
    OPTUNA_PREFIX,
    OPTUNAS_METRIC_NAMES,
    RETRY_HISTORY,
    FrozenTrial,
    Objects,
    StudyLike,
    TrialLike,
    frozen_of,
    own_attrs,
    record_of,
    study_and_number,
)
from tunesmith.compat.optuna.frozen import trial_id as id_of_trial
from tunesmith.compat.optuna.states import StudyDirection, TrialState, native_state, only_direction, state_of
from tunesmith.errors import StudyNotFoundError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.states import FailureKind
from tunesmith.foundation.storable import storable
from tunesmith.foundation.warnings import caution
from tunesmith.storage import Storage, open_storage
from tunesmith.storage.base import StudyRecord
from tunesmith.study import Study as NativeStudy
from tunesmith.study.study import METRIC_NAMES
from tunesmith.trial import Trial as NativeTrial

# -- storages: this library's own, with those of Optuna's methods that callbacks and samplers call ------------------


@dataclass
class FrozenStudy:
    """The record of a study in a storage.

    Attributes:
        system_attrs: what programs keep as system attributes.
        _study_id: its number in the storage.
    """

    study_name: str
    directions: list[StudyDirection]
    user_attrs: dict[str, Any]
    system_attrs: dict[str, Any]
    _study_id: int

    @property
    def direction(self) -> StudyDirection:
        """The direction of a study with one objective; RuntimeError if it has several."""
        return only_direction(self.directions, self.study_name)


Retries = dict[FailureKind | str, int]


class BaseStorage:
    """A storage of this library.

    Args:
        native: the storage of `tunesmith.storage`.
        retries: how often a trial is run again whose worker was lost, where the program says that.

    Attributes:
        native: the storage of `tunesmith.storage`.
        retries: how often a trial is run again whose worker was lost; None: the program does not say that.
        objects: user attributes that only this process can hold.
        studies: studies of this process that were opened with it.
        logger: the name of its logger in Optuna.
        word: what that calls the storage.
    """

    logger: ClassVar[str] = "optuna.storages._rdb.storage"
    word: ClassVar[str] = "RDB"

    def __init__(self, native: Storage, retries: Retries | None = None) -> None:
        self.native = native
        self.retries = retries
        self.objects = Objects(native.only_here)
        self.studies: WeakSet[NativeStudy] = WeakSet()
        self._mine: dict[int, NativeStudy] = {}  # by which it begins and ends trials itself, by id

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "studies": None, "_mine": {}}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state, studies=WeakSet())

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        if not cls.__module__.startswith(__name__.rpartition(".")[0]):
            raise TypeError(
                "a storage of your own has to be a subclass of tunesmith.storage.Storage here; BaseStorage is for "
                "annotations and isinstance only"
            )

    def _record(self, study_id: int) -> StudyRecord:
        for record in self.native.list_studies():
            if record.id == study_id:
                return record
        raise StudyNotFoundError(f"the storage has no study with the id {study_id}")

    def _study(self, record: StudyRecord) -> FrozenStudy:
        return FrozenStudy(
            record.name,
            [StudyDirection[d.upper()] for d in record.directions],
            {**record.user, **self.objects.of((record.id, None))},
            own_attrs(record.system),
            record.id,
        )

    # -- studies -------------------------------------------------------------------------------------------------

    def get_study_id_from_name(self, study_name: str) -> int:
        """Return the id of a study; KeyError if there is none of this name."""
        return self.native.load_study(study_name).id

    def get_study_name_from_id(self, study_id: int) -> str:
        """Return the name of a study."""
        return self._record(study_id).name

    def get_study_directions(self, study_id: int) -> list[StudyDirection]:
        """Return the directions of a study."""
        return self._study(self._record(study_id)).directions

    def get_study_user_attrs(self, study_id: int) -> dict[str, Any]:
        """Return the user attributes of a study."""
        return self._study(self._record(study_id)).user_attrs

    def get_study_system_attrs(self, study_id: int) -> dict[str, Any]:
        """Return what programs keep as system attributes of a study."""
        return self._study(self._record(study_id)).system_attrs

    def set_study_user_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a user attribute of a study.

        Args:
            study_id: the study.
            key: the attribute's name.
            value: what to keep.
        """
        if not self.objects.takes((study_id, None), key, value):
            self.native.set_attr(study_id, None, key, storable(key, value))

    def set_study_system_attr(self, study_id: int, key: str, value: Any) -> None:
        """Set a system attribute of a study.

        Args:
            study_id: the study.
            key: the attribute's name.
            value: what to keep.
        """
        key, value = (METRIC_NAMES if key == OPTUNAS_METRIC_NAMES else f"{OPTUNA_PREFIX}{key}", storable(key, value))
        self.native.set_attr(study_id, None, key, value, system=True)

    def get_all_studies(self) -> list[FrozenStudy]:
        """Return the records of all studies, oldest first."""
        return [self._study(record) for record in self.native.list_studies()]

    def create_new_study(self, directions: Sequence[StudyDirection], study_name: str | None = None) -> int:
        """Create a study.

        Args:
            directions: one for each objective.
            study_name: unique in the storage; None: one is made up.

        Returns:
            The id of the study.

        Raises:
            DuplicatedStudyError: the name is taken.
        """
        words = [direction.name.lower() for direction in directions]
        return tunesmith.create_study(storage=self.native, study_name=study_name, directions=words).study_id

    def delete_study(self, study_id: int) -> None:
        """Delete a study and its trials."""
        self.native.delete_study(study_id)
        self._mine.pop(study_id, None)

    # -- trials --------------------------------------------------------------------------------------------------

    def get_trial(self, trial_id: int) -> FrozenTrial:
        """Return a trial by its id."""
        study_id, number = study_and_number(trial_id)
        return frozen_of(self.native.trials(study_id, [number])[0], study_id, self.objects)

    def get_all_trials(
        self, study_id: int, deepcopy: bool = True, states: Container[TrialState] | None = None
    ) -> list[FrozenTrial]:
        """Return the trials of a study by number.

        Args:
            study_id: the study.
            deepcopy: accepted for porting; they are copies.
            states: of trials in these states only; None: in any.

        Returns:
            Their records.
        """
        found = [frozen_of(record, study_id, self.objects) for record in self.native.trials(study_id)]
        return found if states is None else [trial for trial in found if trial.state in states]

    def create_new_trial(self, study_id: int, template_trial: FrozenTrial | None = None) -> int:
        """Begin a trial that nobody proposes anything for, or add one.

        Args:
            study_id: its study.
            template_trial: what to add; None: a new RUNNING trial.

        Returns:
            The id of the trial.
        """
        study = self._opened(study_id)
        if template_trial is not None:
            return id_of_trial(study_id, study.add_trials([record_of(template_trial, None, len(study.directions))])[0])
        return id_of_trial(study_id, study.ask().number)

    def get_best_trial(self, study_id: int) -> FrozenTrial:
        """Return the complete trial with the best value; ValueError if there is none."""
        directions = self._record(study_id).directions
        if len(directions) > 1:
            raise RuntimeError(f"get_best_trial is for one objective; this study has {len(directions)}")
        complete = self.get_all_trials(study_id, states=(TrialState.COMPLETE,))
        if not complete:
            raise ValueError("the study has no complete trial yet")
        sign = -1.0 if directions[0] == "maximize" else 1.0
        return min(complete, key=lambda trial: sign * (trial.value or 0.0))

    def get_n_trials(self, study_id: int, state: TrialState | None = None) -> int:
        """Return the number of trials of a study, of those in a state if one is given.

        Args:
            study_id: the study.
            state: None: any.

        Returns:
            How many there are.
        """
        counts = self.native.count(study_id)
        return sum(n for found, n in counts.items() if state is None or state_of(found) is state_of(state))

    def get_trial_id_from_study_id_trial_number(self, study_id: int, trial_number: int) -> int:
        """Return the id of a trial; KeyError if there is none.

        Args:
            study_id: its study.
            trial_number: its number there.

        Returns:
            The id.
        """
        self.native.trials(study_id, [trial_number])
        return id_of_trial(study_id, trial_number)

    def get_trial_number_from_id(self, trial_id: int) -> int:
        """Return the number of a trial in its study."""
        return study_and_number(trial_id)[1]

    def get_trial_param(self, trial_id: int, param_name: str) -> float:
        """Return a parameter of a trial as a number: of a choice, its position.

        Args:
            trial_id: the trial.
            param_name: the parameter's name.

        Returns:
            The number.
        """
        found = self.get_trial(trial_id)
        return found.distributions[param_name].to_internal_repr(found.params[param_name])

    def get_trial_params(self, trial_id: int) -> dict[str, Any]:
        """Return the parameters of a trial."""
        return self.get_trial(trial_id).params

    def get_trial_user_attrs(self, trial_id: int) -> dict[str, Any]:
        """Return the user attributes of a trial."""
        return self.get_trial(trial_id).user_attrs

    def get_trial_system_attrs(self, trial_id: int) -> dict[str, Any]:
        """Return what programs keep as system attributes of a trial."""
        return self.get_trial(trial_id).system_attrs

    def set_trial_user_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a user attribute of a trial.

        Args:
            trial_id: the trial.
            key: the attribute's name.
            value: what to keep.
        """
        study_id, number = study_and_number(trial_id)
        if self.objects.takes((study_id, number), key, value):
            return
        if running := self._running_here(trial_id):
            running.set_user_attr(key, value)
        else:
            self.native.set_attr(study_id, number, key, storable(key, value))

    def set_trial_system_attr(self, trial_id: int, key: str, value: Any) -> None:
        """Set a system attribute of a trial.

        Args:
            trial_id: the trial.
            key: the attribute's name.
            value: what to keep.
        """
        study_id, number = study_and_number(trial_id)
        self.native.set_attr(study_id, number, f"{OPTUNA_PREFIX}{key}", storable(key, value), system=True)

    def set_trial_param(
        self, trial_id: int, param_name: str, param_value_internal: float, distribution: BaseDistribution
    ) -> None:
        """Set a parameter of a running trial; its objective then gets this value when it asks for the name.

        Args:
            trial_id: a trial that runs in this process, or that `create_new_trial` began.
            param_name: the parameter's name.
            param_value_internal: the value as a number: of a choice, its position.
            distribution: what it is drawn from.

        Raises:
            UpdateFinishedTrialError: the trial is finished.
            ValueError: it runs in another process, or has the parameter with another value.
        """
        running = self._running(trial_id)
        value = distribution.to_external_repr(param_value_internal)
        if running.params.get(param_name, value) != value:
            raise ValueError(
                f"trial {running.number} has {param_name}={running.params[param_name]!r} already; a name has one value "
                f"in a trial; got {value!r}"
            )
        running.answers.use(param_name, parameter_of(distribution), value)

    def set_trial_intermediate_value(self, trial_id: int, step: int, intermediate_value: float) -> None:
        """Report a value of a running trial.

        Args:
            trial_id: a trial that runs in this process, or that `create_new_trial` began.
            step: 0 or more.
            intermediate_value: the value.

        Raises:
            UpdateFinishedTrialError: the trial is finished.
            ValueError: it runs in another process.
        """
        self._running(trial_id).report(intermediate_value, step)

    def _running(self, trial_id: int) -> NativeTrial:
        """Return a trial that runs in a study of this process; an error if there is none."""
        self.check_trial_is_updatable(trial_id, self.get_trial(trial_id).state)
        if running := self._running_here(trial_id):
            return running
        number = study_and_number(trial_id)[1]
        raise ValueError(
            f"trial {number} runs in no study of this process that was opened with this storage: what it has is set by "
            "its objective, or by the process that began it"
        )

    def _running_here(self, trial_id: int) -> NativeTrial | None:
        study_id, number = study_and_number(trial_id)
        for study in [*self.studies, *self._mine.values()]:
            if study.study_id == study_id and number in study.running:
                return study.running[number].trial
        return None

    def _opened(self, study_id: int) -> NativeStudy:
        """Return the study by which this storage begins and ends trials itself."""
        name = self.get_study_name_from_id(study_id)
        if study_id not in self._mine:
            self._mine[study_id] = tunesmith.load_study(study_name=name, storage=self.native)
        return self._mine[study_id]

    def set_trial_state_values(self, trial_id: int, state: TrialState, values: Sequence[float] | None = None) -> bool:
        """End a trial, whoever runs it; a worker that runs it still is not heard any more.

        Args:
            trial_id: the trial.
            state: COMPLETE, PRUNED or FAIL; RUNNING: nothing is done, since trials are begun by studies.
            values: of a complete trial.

        Returns:
            Whether the trial has the state.

        Raises:
            UpdateFinishedTrialError: it is finished already.
        """
        now = self.get_trial(trial_id).state
        self.check_trial_is_updatable(trial_id, now)
        if not state.is_finished():
            return now == state
        study_id, number = study_and_number(trial_id)
        self._opened(study_id).tell(number, values, native_state(state))
        return True

    def check_trial_is_updatable(self, trial_id: int, trial_state: TrialState) -> None:
        """Do nothing if a trial may still be written.

        Args:
            trial_id: the trial.
            trial_state: the state that it has.

        Raises:
            UpdateFinishedTrialError: it is finished.
        """
        if trial_state.is_finished():
            raise UpdateFinishedTrialError(
                f"trial {self.get_trial_number_from_id(trial_id)} is finished; it cannot change"
            )

    def remove_session(self) -> None:
        """Close what this storage holds open; a later call opens it again."""
        self.native.close()


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

    @checked()
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
    @checked()
    def retried_trial_number(trial: TrialLike) -> int | None:
        """Return the trial's own number if it is run again, since it is the same trial; None: it is not."""
        number: int | None = trial.system_attrs.get(FAILED_TRIAL)
        return number

    @staticmethod
    @experimental_func("3.0.0")
    @checked()
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
        lock_obj: not followed: SQLite locks the file by itself.
    """

    def __init__(self, file_path: str | Path, lock_obj: Any = None) -> None:
        self.path = Path(file_path)


LOCK_SUFFIX = ".lock"
LOCK_RETRY_SECONDS = 0.01


class JournalFileSymlinkLock:
    """A lock between processes: a file beside the given one. `JournalStorage` needs none, and does not take it.

    Args:
        filepath: what is locked.
        grace_period: seconds after which a lock is taken from a process that is gone, as it seems; None: never.

    Raises:
        ValueError: the period is not above 0.
    """

    def __init__(self, filepath: str, grace_period: int | None = 30) -> None:
        if grace_period is not None and grace_period <= 0:
            raise ValueError(f"{type(self).__name__}: grace_period= is a number of seconds above 0; got {grace_period}")
        self.path = filepath
        self.grace_period = grace_period
        self._lock = Path(f"{filepath}{LOCK_SUFFIX}")

    def acquire(self) -> bool:
        """Wait until the lock is free, and take it; return True."""
        while not self._taken():
            with suppress(OSError):  # it was released meanwhile
                age = time.time() - self._lock.lstat().st_mtime
                if self.grace_period is not None and age > self.grace_period:
                    self._lock.unlink()
                    continue
            time.sleep(LOCK_RETRY_SECONDS)
        return True

    def release(self) -> None:
        """Let others take the lock; RuntimeError if it is not taken."""
        try:
            self._lock.unlink()
        except FileNotFoundError:
            raise RuntimeError(f"{self._lock} is not locked: call acquire() before release()") from None

    def _taken(self) -> bool:
        try:
            self._lock.touch(exist_ok=False)
        except FileExistsError:
            return False
        return True


class JournalFileOpenLock(JournalFileSymlinkLock):
    """The same as `JournalFileSymlinkLock`."""


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

    @checked()
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
