"""`Snapshot`: a study read once, for all who look: figures, reports, commands, importances, the dashboard.

A study reads on whenever it is asked something, since other processes may have told more. Who looks asks many things,
and they have to fit together.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import StorageError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.pareto import non_dominated
from tunesmith.foundation.states import StudyDirection, TrialState
from tunesmith.foundation.text import shown
from tunesmith.history import History
from tunesmith.space import Space
from tunesmith.space.meaning import explain_meanings
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.study.engine.metrics import metric_of
from tunesmith.study.engine.replica import RECORDS_AT_ONCE, STOPPED_ATTR, StudyReplica, as_shown, tally_of
from tunesmith.trial.metrics import Metrics, without_rows
from tunesmith.trial.record import FrozenTrial, TrialRecord

if TYPE_CHECKING:
    from tunesmith.study.query import TrialTable

METRIC_NAMES = "metric_names"  # a system attribute of a study: the names of its objectives
T = TypeVar("T")


def snapshot_of(replica: StudyReplica, before: Snapshot | None) -> Snapshot:
    """Return a study as it is now; what others recorded is read. If nothing changed, it is the snapshot of before."""
    with replica.lock:
        record, waiting = replica.read_moment()
        record = replace(record, seed=replica.seed)
        now = (record, replica.version, replica.history.curves.n_reports, [t.number for t in waiting])
        return before if before is not None and before.state == now else Snapshot(replica, record, waiting)


def read_snapshot(storage: Storage, name: str | None) -> Snapshot:
    """Return a study of a storage as it is now, for who asks and tells nothing.

    Args:
        storage: where it is.
        name: the study's; None: it is the only one.

    Raises:
        StudyNotFoundError: there is no such study.
    """
    found = storage.moment(name)
    replica = StudyReplica(found.record, storage)
    replica.take_in(found.increment)
    return Snapshot(replica, found.record, found.waiting)


def as_snapshot(study: Any) -> Snapshot:
    """Return a snapshot, a study or a fitted search as a snapshot: the door of all that shows a study.

    Raises:
        TypeError: it is none of these.
    """
    found = getattr(study, "study_", study)
    if isinstance(found, Snapshot):
        return found
    if not callable(getattr(found, "snapshot", None)):
        raise TypeError(f"expected a study, or a fitted search with a study_; got {shown(study)}")
    made: Snapshot = found.snapshot()
    return made


class Snapshot:
    """A study as it was at one moment; made by ``study.snapshot()``. What is told later does not change it.

    It has what a `tunesmith.Study` has for who only looks, under the same names. Whatever takes a study to show it
    takes a snapshot too: figures, ``write_report``, importances.

    The records of trials are read when they are asked for first, and kept; those of trials that ran at that moment may
    say more than was known then.

    Args:
        replica: what this process knows of the study; its history is copied.
        record: what the storage has of it.
        waiting: the trials that have not begun.

    Attributes:
        record: the study's name, id, directions, seed and attributes, as they are stored.
        history: the trials as columns.
        seq: how many trials had ended; with `version` it tells whether two snapshots are of the same state.
        version: a number that changes with each start and end.
        is_part: whether it was narrowed by `only`.

    Example:
        ```python
        import tunesmith

        study = tunesmith.create_study(seed=0)
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=10)
        seen = study.snapshot()
        study.optimize(lambda trial: trial.suggest_float("x", -1, 1) ** 2, n_trials=10)
        print(len(seen.trials), len(study.trials))
        ```
    """

    @checked()
    def __init__(self, replica: StudyReplica, record: StudyRecord, waiting: Sequence[TrialRecord]) -> None:
        self.record = record
        self.history: History = replica.history.frozen()
        self.seq, self.version = replica.cursor, replica.version
        self.is_part = False
        self._storage = replica.storage
        self._waiting = tuple(waiting)
        self._restarted = frozenset(replica.restarted)
        self._records: dict[int, FrozenTrial] = {}
        self._lock = threading.Lock()
        self._making: dict[Callable[[Snapshot], Any], threading.RLock] = {}
        self._made: dict[Callable[[Snapshot], Any], Any] = {}

    @checked()
    def only(self, numbers: Iterable[int]) -> Snapshot:
        """Return the same with some of the trials alone; numbers of no trial of it change nothing.

        Its curves are those of all trials.

        Args:
            numbers: of these trials.
        """
        part, wanted = copy(self), frozenset(map(int, numbers))
        part.is_part = True
        part.history = self.history.part(np.array(sorted(wanted), np.int64))
        part._waiting = tuple(t for t in self._waiting if t.number in wanted)
        part._restarted = self._restarted & wanted
        part._making, part._made = {}, {}
        return part

    # -- the study -----------------------------------------------------------------------------------------------------

    @property
    def storage(self) -> Storage:
        """Where the study is kept."""
        return self._storage

    @property
    def study_name(self) -> str:
        """The name, unique in the storage."""
        return self.record.name

    @property
    def study_id(self) -> int:
        """The study's id in its storage."""
        return self.record.id

    @property
    def seed(self) -> int:
        """The seed of all random numbers of the study."""
        return self.record.seed

    @property
    def directions(self) -> list[StudyDirection]:
        """One direction for each objective."""
        return [StudyDirection(direction) for direction in self.record.directions]

    @property
    def signs(self) -> tuple[float, ...]:
        """For each objective 1 where it is minimised, -1 where it is maximised; ``history.y`` has values times it."""
        return tuple(1.0 if direction == "minimize" else -1.0 for direction in self.record.directions)

    @property
    def metric_names(self) -> list[str] | None:
        """The names of the objectives, or None."""
        return metric_names_of(self.record.system, len(self.record.directions))

    @property
    def user_attrs(self) -> Mapping[str, Any]:
        """User attributes of the study (read-only)."""
        return MappingProxyType(self.record.user)

    @property
    def system_attrs(self) -> Mapping[str, Any]:
        """Attributes of tunesmith's own (read-only)."""
        return MappingProxyType(self.record.system)

    @property
    def stored_stop_reason(self) -> str | None:
        """Why the last ``optimize(stop="converged")`` ended by itself, in English; None if it did not."""
        stopped = self.record.system.get(STOPPED_ATTR)
        return None if stopped is None else str(stopped["reason"])

    # -- trials --------------------------------------------------------------------------------------------------------

    @property
    def space(self) -> Space | None:
        """The declared space, or all that the trials suggested."""
        return self.history.space

    @property
    def counts(self) -> dict[TrialState, int]:
        """How many trials there are in each state."""
        history = self.history
        found = np.bincount(history.state, minlength=len(TrialState))
        for state, n in ((TrialState.RUNNING, len(history.running)), (TrialState.PAUSED, len(history.paused))):
            found[state] += n
        found[TrialState.WAITING] += len(self._waiting)
        return {state: int(found[state]) for state in TrialState if found[state]}

    @property
    def named_counts(self) -> dict[str, int]:
        """The same by "complete", "running" and so on."""
        return {state.name.lower(): n for state, n in self.counts.items()}

    @property
    def tally(self) -> str:
        """How many trials there are in each state, in words."""
        return tally_of(self.counts)

    @property
    def table(self) -> TrialTable:
        """The trials as a table that expressions select from."""
        return self.once(_table)

    @property
    def trials(self) -> list[FrozenTrial]:
        """The records of the trials by number; not to be changed."""
        return self.get_trials()

    @checked()
    def get_trials(
        self, *, states: Iterable[TrialState] | None = None, numbers: Iterable[int] | None = None
    ) -> list[FrozenTrial]:
        """Return records of trials by number; not to be changed.

        Args:
            states: only of trials that were in these states; None: in any.
            numbers: only of these trials; None: of all.

        Returns:
            The records.

        Raises:
            KeyError: there is no trial of such a number.
        """
        wanted = self.numbers_in(states) if numbers is None else sorted(set(numbers))
        return as_shown(self._read(wanted, whole=numbers is None and states is None and not self.is_part))

    @property
    def n_trials(self) -> int:
        """How many trials there are."""
        return len(self.history) + self.history.n_pending + len(self._waiting)

    @checked()
    def numbers_in(self, states: Iterable[TrialState] | None = None) -> list[int]:
        """Return the numbers of the trials that were in some states, rising; None: in any."""
        table = self.table
        wanted = table.number if states is None else table.number[np.isin(table.state, list(states))]
        return sorted(wanted.tolist())

    def _read(self, numbers: Sequence[int], whole: bool = False) -> list[FrozenTrial]:
        with self._lock:
            missing = [n for n in numbers if n not in self._records]
            if missing:
                read = self._storage.trials(self.study_id, None if whole else missing)
                self._records |= {t.number: t for t in read}
            return [self._records[n] for n in numbers]

    @checked()
    def in_parts(self, numbers: Iterable[int]) -> Iterator[list[FrozenTrial]]:
        """Yield records as they are stored, of trials that must be there; some at a time, and kept if they are few.

        Args:
            numbers: of the trials, rising.

        Yields:
            records by number.

        Raises:
            StorageError: a trial is not there.
        """
        wanted = list(numbers)
        many = len(wanted) > RECORDS_AT_ONCE
        for start in range(0, len(wanted), RECORDS_AT_ONCE):
            some = wanted[start : start + RECORDS_AT_ONCE]
            try:
                yield self._storage.trials(self.study_id, some) if many else self._read(some)
            except KeyError as error:
                raise StorageError(f"{error.args[0]}; `tunesmith doctor` lists what is damaged") from None

    @property
    def state(self) -> tuple[StudyRecord, int, int, list[int]]:
        """What changes whenever anything is told: attributes, starts and ends, reports, waiting trials."""
        waiting = [t.number for t in self._waiting]
        return self.record, self.version, self.history.curves.n_reports, waiting

    @property
    def restarted(self) -> list[int]:
        """The numbers of the trials that were begun more than once."""
        return sorted(self._restarted)

    def attributes(self) -> Mapping[int, Mapping[str, Any]]:
        """Return the user attributes of all trials that have any, by number."""
        return self.once(_attributes)

    @property
    def best_trials(self) -> list[FrozenTrial]:
        """The feasible complete trials that no other one dominates (the Pareto front), by number."""
        return self._read(self.front)

    @property
    def front(self) -> list[int]:
        """The numbers of these trials."""
        rows = np.flatnonzero(self.history.complete & self.history.feasible)
        return sorted(self.history.number[rows[non_dominated(self.history.y[rows])]].tolist())

    def find_best(self) -> FrozenTrial | None:
        """Return the best trial by the first objective; None: none is complete and feasible."""
        rows = np.flatnonzero(self.history.complete & self.history.feasible)
        if not len(rows):
            return None
        best = rows[np.lexsort((self.history.number[rows], self.history.y[rows, 0]))[0]]
        return self._read([int(self.history.number[best])])[0]

    @checked()
    def logged(self, name: str | None = None) -> dict[str, NDArray[np.int64]]:
        """Return the numbers of the trials that logged a metric by now, rising, by its name.

        Args:
            name: this metric only; None: all, in alphabetical order.
        """
        found = without_rows(self._storage.logged(self.study_id, name))
        if not self.is_part:
            return found
        own = np.array(self.numbers_in(), np.int64)
        part = {name: numbers[np.isin(numbers, own)] for name, numbers in found.items()}
        return {name: numbers for name, numbers in part.items() if len(numbers)}

    @checked()
    def metrics(self, numbers: Iterable[int], names: Sequence[str] | None = None) -> dict[int, Metrics]:
        """Return what trials logged by now, by their numbers; trials without any are left out.

        Args:
            numbers: of the trials.
            names: these metrics only; None: all.

        Returns:
            steps and values by the name of each metric, by the number of each trial.
        """
        found = self._storage.metrics(self.study_id, list(numbers), names)
        return {number: shown for number, own in found.items() if (shown := without_rows(own))}

    def explain(self) -> dict[str, str]:
        """Return what is believed of each parameter before there are results; see `tunesmith.Study.explain`."""
        return {} if self.space is None else explain_meanings(self.space, self.history.why_no_meanings)

    # -- what is made of it --------------------------------------------------------------------------------------------

    @checked()
    def once(self, work: Callable[[Snapshot], T]) -> T:
        """Return what a function makes of this snapshot: made when it is asked for first, and kept."""
        with self._lock:
            own = self._making.setdefault(work, threading.RLock())
        with own:  # who comes meanwhile waits for the same answer
            if work not in self._made:
                self._made[work] = work(self)
            made: T = self._made[work]
            return made

    @checked()
    def has_made(self, work: Callable[[Snapshot], Any]) -> bool:
        """Tell whether `once` has what a function makes of this snapshot."""
        return work in self._made

    @checked()
    def keep_from(self, before: Snapshot, work: Callable[[Snapshot], Any]) -> None:
        """Let `once` keep what a function made of an earlier snapshot, since it still holds.

        Args:
            before: the earlier one.
            work: the function.
        """
        if work in before._made:
            self._made[work] = before._made[work]

    def __repr__(self) -> str:
        return f"Snapshot({self.study_name!r}, {', '.join(self.record.directions)}, {self.tally})"


def _table(seen: Snapshot) -> TrialTable:
    from tunesmith.study.query import TrialTable  # most studies are never looked at by trial

    return TrialTable.of(seen.history, seen.signs, seen._waiting, seen.attributes)


def _attributes(seen: Snapshot) -> Mapping[int, Mapping[str, Any]]:
    return seen.storage.user_attrs(seen.study_id)


def metric_names_of(system: Mapping[str, Any], m: int) -> list[str] | None:
    """Return the names of a study's m objectives from its system attributes; None: it has none.

    They are those that were given to objectives, else those of the metrics that decide (``metric=``).
    """
    names = system.get(METRIC_NAMES) or list(metric_of(system))
    return names if isinstance(names, list) and len(names) == m else None
