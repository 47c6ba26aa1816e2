"""What workers did with a storage: each call with its times and its outcome, in a file, and what was stored at last."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tunesmith.errors import AttemptReplacedError, StorageUnavailableError, TrialFinishedError
from tunesmith.storage.base import Storage
from tunesmith.trial.record import TrialRecord

OK, REFUSED, UNKNOWN = "ok", "refused", "unknown"


@dataclass(frozen=True)
class Operation:
    """One call.

    Attributes:
        actor: who called.
        name: what: claim, start, report, note, finish, release, renew, add or read.
        given: the arguments.
        invoked: when, by the monotonic clock of the machine.
        returned: when it was over; infinity: never, its process was killed.
        outcome: ok, refused, unknown (the storage was away, or the process killed), or an error's name.
        answer: what it returned.
    """

    actor: str
    name: str
    given: Mapping[str, Any]
    invoked: float
    returned: float = math.inf
    outcome: str = UNKNOWN
    answer: Any = None

    @property
    def may_be_done(self) -> bool:
        """Whether it had, or may have had, an effect."""
        return self.outcome in (OK, UNKNOWN)


@dataclass(frozen=True)
class Ended:
    """An attempt that was replaced, as it is stored."""

    attempt: int
    worker: str
    failure: int | None
    reports: Mapping[int, float]
    late: float | None  # the value of its late result


@dataclass(frozen=True)
class Stored:
    """A trial, as it is stored at last."""

    number: int
    state: str
    attempt: int
    token: int
    worker: str
    seq: int
    value: float | None
    x: float | None
    crashes: int
    reports: Mapping[int, float]
    notes: Mapping[str, float]
    previous: tuple[Ended, ...] = ()

    @property
    def is_finished(self) -> bool:
        """Whether it has an end."""
        return self.state not in ("RUNNING", "WAITING")


@dataclass
class Recorder:
    """Calls, and writes down each call before it is made and after it has returned.

    Args:
        path: the file.
        actor: who calls.
    """

    path: Path
    actor: str
    _count: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        self._file = self.path.open("ab", buffering=0)  # what was written survives the death of the process

    def call(self, name: str, given: dict[str, Any], work: Callable[[], tuple[str, Any]]) -> tuple[str, Any]:
        """Call, and return outcome and answer.

        Args:
            name: of the operation.
            given: its arguments.
            work: makes the call; returns outcome and answer.
        """
        self._count += 1
        self._write(id=self._count, actor=self.actor, name=name, given=given, invoked=time.monotonic())
        try:
            outcome, answer = work()
        except (AttemptReplacedError, TrialFinishedError, KeyError) as error:
            outcome, answer = REFUSED, type(error).__name__
        except StorageUnavailableError:
            outcome, answer = UNKNOWN, None
        except Exception as error:  # no law allows it
            outcome, answer = f"{type(error).__name__}: {error}", None
        self._write(id=self._count, returned=time.monotonic(), outcome=outcome, answer=answer)
        return outcome, answer

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _write(self, **entry: Any) -> None:
        self._file.write(json.dumps(entry).encode() + b"\n")


def read_operations(paths: Iterable[Path]) -> list[Operation]:
    """Return what was recorded in files, in the order of the calls."""
    found: list[Operation] = []
    for path in paths:
        entries: dict[int, dict[str, Any]] = {}
        for line in path.read_bytes().split(b"\n")[:-1]:  # the last may be cut
            entry = json.loads(line)
            entries.setdefault(entry.pop("id"), {}).update(entry)
        found += [Operation(**entry) for entry in entries.values()]
    return sorted(found, key=lambda operation: operation.invoked)


def read_stored(storage: Storage, study_id: int) -> list[Stored]:
    """Return the trials of a study as they are stored now; all ends get their places."""
    storage.read_since(study_id, 0)
    return [_stored(trial) for trial in storage.trials(study_id)]


def _stored(trial: TrialRecord) -> Stored:
    previous = tuple(
        Ended(
            a.attempt,
            a.worker,
            None if a.failure is None else int(a.failure),
            dict(a.reports),
            a.late["values"][0] if a.late and a.late["values"] else None,
        )
        for a in trial.previous_attempts
    )
    return Stored(
        trial.number, trial.state.name, trial.attempt, max(trial.token, 0), trial.worker, trial.seq,
        None if trial.values is None else trial.values[0],
        None if trial.x is None else float(trial.x[0]),
        trial.crashes, dict(trial.reports or {}), dict(trial.user_attrs), previous,
    )  # fmt: skip


def to_json(operations: Iterable[Operation], stored: Iterable[Stored]) -> str:
    """Return a history as text, to be looked at when a law does not hold."""
    lines = [json.dumps(asdict(one)) for one in operations]
    return "\n".join([*lines, *(json.dumps(asdict(one)) for one in stored)])
