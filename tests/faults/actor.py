"""Workers that do at random what workers do, on one study, and record it; a program too, with several threads."""

from __future__ import annotations

import contextlib
import random
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.recorded import OK, REFUSED, UNKNOWN, Recorder

from tunesmith.errors import StorageUnavailableError
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.space import Float, Space
from tunesmith.storage.base import Claim, Storage
from tunesmith.trial.record import Fence, TrialRecord

SPACE = Space(x=Float(0, 1e12))
MOST = 3  # trials that an actor runs at once
AGAIN = 3  # how often it calls again when the outcome is not known
WAYS = {
    "take": 6, "report": 6, "note": 4, "finish": 3, "release": 2, "take over": 2, "renew": 1, "read": 4, "add": 1
}  # fmt: skip
FAILURES = (None, FailureKind.LOST, FailureKind.LEASE)


@dataclass
class Run:
    """A trial that an actor runs, or has run."""

    number: int
    fence: Fence
    x: float
    worker: str

    @property
    def given(self) -> dict[str, Any]:
        """What its calls have in common."""
        return {"number": self.number, "attempt": self.fence.attempt, "token": self.fence.token}


class Actor:
    """Calls a storage at random.

    Args:
        storage: its own.
        study_id: the study.
        recorder: writes down what it does.
        index: no other actor of the study has it.
        chance: decides what it does.
    """

    def __init__(self, storage: Storage, study_id: int, recorder: Recorder, index: int, chance: random.Random) -> None:
        self._storage, self._study_id, self._recorder, self._chance = storage, study_id, recorder, chance
        self._next = index * 1_000_000  # numbers that no other call has
        self._runs: list[Run] = []
        self._past: list[Run] = []
        self._cursor = 0

    def act(self) -> None:
        """Do one thing."""
        (way,) = self._chance.choices(list(WAYS), list(WAYS.values()))
        if way in ("take", "read", "add"):
            getattr(self, f"_{way}")()
        elif way == "take over":
            self._take_over()
        elif run := self._one():
            getattr(self, f"_{way}")(run)

    def _one(self) -> Run | None:
        """One of its trials; now and then one that it should not run any more."""
        runs = self._past if self._past and self._chance.random() < 0.2 else self._runs
        return self._chance.choice(runs) if runs else None

    def _unique(self) -> float:
        self._next += 1
        return float(self._next)

    def _call(self, name: str, given: dict[str, Any], work: Callable[[], tuple[str, Any]]) -> tuple[str, Any]:
        """Call, and in some cases again with the same content if it is not known whether it was done."""
        for _ in range(AGAIN):
            outcome, answer = self._recorder.call(name, given, work)
            if outcome != UNKNOWN or self._chance.random() < 0.4:
                break
        return outcome, answer

    # -- what workers do -----------------------------------------------------------------------------------------------

    def _take(self) -> None:
        if len(self._runs) >= MOST:
            return
        token, reserve = self._chance.getrandbits(62) + 1, self._chance.random() < 0.7
        claims: list[Claim] = []

        def claim() -> tuple[str, Any]:
            made = self._storage.claim(self._study_id, str(token), reserve, token)
            claims.append(made)
            attempt = 1 if made.trial is None else made.trial.attempt
            return OK, {"number": made.number, "reserved": made.reserved, "attempt": attempt}

        outcome, answer = self._call("claim", {"token": token, "reserve": reserve}, claim)
        if outcome != OK:
            return
        before = claims[-1].trial
        x = self._unique()
        if before is not None and before.x is not None:
            x = float(before.x[0])
        run = Run(answer["number"], Fence(answer["attempt"], token), x, str(token))

        def start() -> tuple[str, Any]:
            record = TrialRecord(
                run.number, TrialState.RUNNING, space=SPACE, x=[x], attempt=run.fence.attempt, worker=run.worker,
                token=token, started=1.0,
            )  # fmt: skip
            version = self._storage.start(self._study_id, claims[-1], record)
            return (REFUSED, None) if version is None else (OK, version)

        outcome, _ = self._call("start", {**run.given, "x": x, "reserved": answer["reserved"]}, start)
        if outcome != REFUSED:
            self._runs.append(run)

    def _report(self, run: Run) -> None:
        step, value = self._chance.randrange(6), self._unique()

        def work() -> tuple[str, Any]:
            return OK, self._storage.report(self._study_id, run.number, run.fence, step, value)

        self._call("report", {**run.given, "step": step, "value": value}, work)

    def _note(self, run: Run) -> None:
        value = self._unique()
        key = f"note {value:.0f}"

        def work() -> tuple[str, Any]:
            return OK, self._storage.set_attr(self._study_id, run.number, key, value, fence=run.fence)

        self._call("note", {**run.given, "key": key, "value": value}, work)

    def _finish(self, run: Run) -> None:
        value = self._unique()

        def work() -> tuple[str, Any]:
            return OK, self._storage.finish(
                self._study_id,
                TrialRecord(
                    run.number, TrialState.COMPLETE, space=SPACE, x=[run.x], attempt=run.fence.attempt,
                    worker=run.worker, token=run.fence.token, values=(value,), finished=2.0, cost=1.0,
                ),
            )  # fmt: skip

        self._call("finish", {**run.given, "value": value}, work)
        self._leave(run)

    def _release(self, run: Run) -> None:
        failure = self._chance.choice(FAILURES)

        def work() -> tuple[str, Any]:
            return OK, self._storage.release(self._study_id, {run.number: run.fence}, failure)

        self._call("release", {**run.given, "failure": None if failure is None else int(failure)}, work)
        self._leave(run)

    def _take_over(self) -> None:
        """Release a trial of anybody, as if its worker were dead; it goes on all the same."""
        try:
            running = self._storage.trials(self._study_id, states=[TrialState.RUNNING])
        except StorageUnavailableError:
            return
        if running:
            trial = self._chance.choice(running)
            self._release(Run(trial.number, trial.fence, 0.0, trial.worker))

    def _renew(self, run: Run) -> None:
        token, failure = self._chance.getrandbits(62) + 1, self._chance.choice(FAILURES)

        def work() -> tuple[str, Any]:
            return OK, list(self._storage.renew(self._study_id, run.number, run.fence, token, failure))

        given = {**run.given, "next": token, "failure": None if failure is None else int(failure)}
        outcome, answer = self._call("renew", given, work)
        if outcome == OK:
            self._leave(run)
            self._runs.append(Run(run.number, Fence(*answer), run.x, run.worker))

    def _read(self) -> None:
        cursor = 0 if self._chance.random() < 0.2 else self._cursor

        def work() -> tuple[str, Any]:
            new = self._storage.read_since(self._study_id, cursor)
            rows = zip(new.number.tolist(), new.attempt.tolist(), new.values[:, 0].tolist(), strict=True)
            running = [[t.number, t.attempt, t.worker] for t in new.running]
            return OK, {"cursor": new.cursor, "version": new.version, "rows": list(map(list, rows)), "running": running}

        outcome, answer = self._call("read", {"cursor": cursor}, work)
        if outcome == OK:
            self._cursor = max(self._cursor, answer["cursor"])

    def _add(self) -> None:
        """Add trials that are finished, and perhaps one that waits."""
        values = [self._unique() for _ in range(self._chance.randrange(1, 4))]
        waiting = self._chance.random() < 0.5
        records = [
            TrialRecord(-1, TrialState.COMPLETE, space=SPACE, x=[v], values=(v,), finished=1.0, cost=1.0)
            for v in values
        ]
        if waiting:
            records.append(TrialRecord(-1, TrialState.WAITING, fixed={"x": self._unique()}))
        self._call(
            "add", {"values": values, "waiting": waiting}, lambda: (OK, self._storage.add(self._study_id, records))
        )

    def _leave(self, run: Run) -> None:
        if run in self._runs:
            self._runs.remove(run)
            self._past.append(run)


def main(url: str, study_id: int, folder: Path, first: int, threads: int, steps: int, breaks: int) -> None:
    """Run some actors on a database, each with a storage of its own.

    Args:
        url: of the database.
        study_id: the study.
        folder: for the records.
        first: the index of the first actor; all of them follow from it.
        threads: how many there are.
        steps: how much each does.
        breaks: after how many lost connections a call gives up.
    """
    from tunesmith.storage.sql import engine

    engine.BREAKS = breaks

    def run(index: int) -> None:
        storage = _opened(url)
        recorder = Recorder(folder / f"{index}.jsonl", str(index))
        actor = Actor(storage, study_id, recorder, index, random.Random(index))
        for _ in range(steps):
            actor.act()
        storage.close()
        recorder.close()

    actors = [threading.Thread(target=run, args=[first + i]) for i in range(threads)]
    for actor in actors:
        actor.start()
    for actor in actors:
        actor.join()


def _opened(url: str) -> Storage:
    from tunesmith.storage.sql import SQLStorage

    while True:
        with contextlib.suppress(StorageUnavailableError):
            return SQLStorage(url)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]), *map(int, sys.argv[4:8]))
