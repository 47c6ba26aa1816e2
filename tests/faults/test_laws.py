"""The checker of recorded histories finds nothing in those of a right storage, and each way to break the laws."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from tests.faults.actor import Actor
from tests.faults.laws import violations
from tests.faults.recorded import OK, REFUSED, UNKNOWN, Ended, Operation, Recorder, Stored, read_operations, read_stored

from tunesmith.storage.base import Increment, Storage
from tunesmith.storage.memory import MemoryStorage
from tunesmith.trial.record import Fence, TrialRecord

Recorded = tuple[list[Operation], list[Stored]]
SEEDS, ACTORS, STEPS = 10, 4, 400


def recorded(storage: Storage, seed: int) -> Recorded:
    """What some actors do, one call after the other, and what is stored in the end."""
    study = storage.create_study("s", ["minimize"], seed)
    chance = random.Random(seed)
    with TemporaryDirectory() as folder:
        paths = [Path(folder) / str(index) for index in range(1, 1 + ACTORS)]
        recorders = [Recorder(path, path.name) for path in paths]
        actors = [Actor(storage, study.id, r, i, random.Random(seed * 100 + i)) for i, r in enumerate(recorders, 1)]
        for _ in range(STEPS):
            chance.choice(actors).act()
        for recorder in recorders:
            recorder.close()
        return read_operations(paths), read_stored(storage, study.id)


@cache
def right(seed: int = 0) -> Recorded:
    return recorded(MemoryStorage(), seed)


@pytest.mark.parametrize("seed", range(SEEDS))
def test_a_right_storage_breaks_no_law(seed: int) -> None:
    assert violations(*right(seed)) == []


@pytest.mark.parametrize("seed", range(SEEDS))
def test_what_is_not_known_is_no_violation(seed: int) -> None:
    """A call that was done, or was refused, may have had no answer."""
    operations, stored = right(seed)
    chance = random.Random(seed)
    unknown = [replace(o, outcome=UNKNOWN, answer=None) if chance.random() < 0.3 else o for o in operations]
    assert violations(unknown, stored) == []


# -- histories that no storage may show ------------------------------------------------------------------------------


def changed(items: list[Any], at: Any, **fields: Any) -> list[Any]:
    """The items, one of them with other fields."""
    return [replace(item, **fields) if item is at else item for item in items]


def of(operations: list[Operation], name: str, outcome: str = OK) -> list[Operation]:
    return [o for o in operations if o.name == name and o.outcome == outcome]


def finished(stored: list[Stored], operations: list[Operation]) -> Stored:
    """A trial that a worker ended."""
    ended = {o.given["number"] for o in of(operations, "finish")}
    return next(t for t in stored if t.number in ended and t.reports)


def two_workers_of_one_attempt(operations: list[Operation], stored: list[Stored]) -> Recorded:
    first, second = [o for o in of(operations, "claim") if o.answer["reserved"]][-2:]
    return changed(operations, second, answer=first.answer), stored


def another_owner(operations: list[Operation], stored: list[Stored]) -> Recorded:
    first, second = [t for t in stored if t.worker][-2:]
    return operations, changed(stored, first, worker=second.worker)


def another_token(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if t.state == "RUNNING")
    return operations, changed(stored, trial, token=trial.token + 1)


def an_end_is_lost(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return operations, changed(stored, finished(stored, operations), state="RUNNING", value=None, seq=0)


def an_end_is_changed(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return operations, changed(stored, finished(stored, operations), value=0.5)


def an_end_is_doubled(operations: list[Operation], stored: list[Stored]) -> Recorded:
    places = sum(t.is_finished for t in stored)
    again = replace(finished(stored, operations), number=len(stored), seq=places + 1)
    return operations, [*stored, again]


def an_end_that_nobody_wrote(operations: list[Operation], stored: list[Stored]) -> Recorded:
    number = finished(stored, operations).number
    return [o for o in operations if o.name != "finish" or o.given["number"] != number], stored


def a_refused_end_is_there(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return changed(operations, of(operations, "finish")[0], outcome=REFUSED, answer="TrialFinishedError"), stored


def a_refused_report_is_there(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = finished(stored, operations)
    value = next(iter(trial.reports.values()))
    report = next(o for o in of(operations, "report") if o.given["value"] == value)
    return changed(operations, report, outcome=REFUSED), stored


def a_refused_note_is_there(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return changed(operations, of(operations, "note")[0], outcome=REFUSED), stored


def a_refused_start_is_there(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if t.worker and not t.previous)
    start = next(o for o in of(operations, "start") if o.given["number"] == trial.number)
    return changed(operations, start, outcome=REFUSED, answer=None), stored


def a_report_is_lost(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return operations, changed(stored, finished(stored, operations), reports={})


def a_note_is_lost(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return operations, changed(stored, next(t for t in stored if t.notes), notes={})


def a_late_result_is_lost(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if any(e.late is not None for e in t.previous))
    return operations, changed(stored, trial, previous=tuple(replace(e, late=None) for e in trial.previous))


def a_late_report_is_taken(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return changed(operations, of(operations, "report", REFUSED)[-1], outcome=OK), stored


def a_refusal_without_a_reason(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if t.notes and not t.previous)
    (key, *_) = trial.notes
    note = next(o for o in of(operations, "note") if o.given["key"] == key)
    notes = {k: v for k, v in trial.notes.items() if k != key}
    return changed(operations, note, outcome=REFUSED), changed(stored, trial, notes=notes)


def an_attempt_is_left_out(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if len(t.previous) > 1)
    return operations, changed(stored, trial, previous=trial.previous[1:])


def an_attempt_that_nobody_ended(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if t.previous)
    enders = [o for o in operations if o.name in ("release", "renew") and o.given["number"] == trial.number]
    return [o for o in operations if o not in enders], stored


def a_trial_is_given_away_too_early(operations: list[Operation], stored: list[Stored]) -> Recorded:
    second = next(o for o in of(operations, "claim") if o.answer["attempt"] == 2)
    first = next(
        o for o in operations if o.name in ("release", "renew") and o.given["number"] == second.answer["number"]
    )
    return changed(operations, first, invoked=second.returned + 1e-9, returned=second.returned + 2e-9), stored


def a_crash_is_not_counted(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if t.crashes)
    return operations, changed(stored, trial, crashes=trial.crashes - 1)


def a_release_does_nothing(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if t.state == "RUNNING")
    given = {"number": trial.number, "attempt": trial.attempt, "token": trial.token, "failure": None}
    return [*operations, Operation("9", "release", given, 1e9, 2e9, OK)], stored


def another_point(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return operations, changed(stored, finished(stored, operations), x=0.5)


def a_number_is_missing(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial = next(t for t in stored if t.state == "WAITING")
    return operations, [t for t in stored if t is not trial]


def added_twice(operations: list[Operation], stored: list[Stored]) -> Recorded:
    added = of(operations, "add")[0].answer[0]
    again = replace(stored[added], number=len(stored), seq=1 + sum(t.is_finished for t in stored))
    return operations, [*stored, again]


def added_in_part(operations: list[Operation], stored: list[Stored]) -> Recorded:
    add = next(o for o in of(operations, "add") if len(o.given["values"]) > 1)
    lost = stored[add.answer[0]]
    return changed(operations, add, outcome=UNKNOWN), changed(stored, lost, state="FAIL", value=None)


def a_place_is_missing(operations: list[Operation], stored: list[Stored]) -> Recorded:
    last = max(stored, key=lambda t: t.seq)
    return operations, changed(stored, last, seq=last.seq + 1)


def two_places_are_exchanged(operations: list[Operation], stored: list[Stored]) -> Recorded:
    first, second = sorted((t for t in stored if t.is_finished), key=lambda t: t.seq)[:2]
    return operations, changed(changed(stored, first, seq=second.seq), second, seq=first.seq)


def a_reader_misses_an_end(operations: list[Operation], stored: list[Stored]) -> Recorded:
    read = next(o for o in of(operations, "read") if len(o.answer["rows"]) > 1)
    return changed(operations, read, answer={**read.answer, "rows": read.answer["rows"][1:]}), stored


def an_acknowledged_end_is_not_read(operations: list[Operation], stored: list[Stored]) -> Recorded:
    read = next(o for o in of(operations, "read") if o.answer["rows"])
    rows = read.answer["rows"][:-1]
    return changed(operations, read, answer={**read.answer, "rows": rows, "cursor": read.answer["cursor"] - 1}), stored


def a_version_goes_back(operations: list[Operation], stored: list[Stored]) -> Recorded:
    read = of(operations, "read")[-1]
    return changed(operations, read, answer={**read.answer, "version": 0}), stored


def an_ended_trial_runs(operations: list[Operation], stored: list[Stored]) -> Recorded:
    trial, read = finished(stored, operations), of(operations, "read")[-1]
    running = [*read.answer["running"], [trial.number, trial.attempt, trial.worker]]
    cursor = max(trial.seq, read.answer["cursor"])
    return changed(operations, read, answer={**read.answer, "running": running, "cursor": cursor}), stored


def an_error(operations: list[Operation], stored: list[Stored]) -> Recorded:
    return changed(operations, operations[-1], outcome="ValueError: no"), stored


@pytest.mark.parametrize(
    ("mutate", "said"),
    [
        (two_workers_of_one_attempt, "owner: claim gave"),
        (another_owner, "owner: one claim gave"),
        (another_token, "owner: trial"),
        (an_end_is_lost, "end: .* is lost or changed"),
        (an_end_is_changed, "end: .* is lost or changed"),
        (an_end_is_doubled, "end: nobody ended"),
        (an_end_that_nobody_wrote, "end: nobody ended"),
        (a_refused_end_is_there, "end: .* was refused, and is there"),
        (a_refused_report_is_there, "report: .* was refused"),
        (a_refused_note_is_there, "note: .* was refused, and is there"),
        (a_refused_start_is_there, "refusal: start"),
        (a_report_is_lost, "report: .* is lost"),
        (a_note_is_lost, "note: .* is lost"),
        (a_late_result_is_lost, "note: the late result .* was not kept"),
        (a_late_report_is_taken, "late: report"),
        (a_refusal_without_a_reason, "refusal: note"),
        (an_attempt_is_left_out, "attempt: trial .* is at"),
        (an_attempt_that_nobody_ended, "attempt: nobody ended"),
        (a_trial_is_given_away_too_early, "attempt: .* before anybody"),
        (a_crash_is_not_counted, "attempt: .* crashes"),
        (a_release_does_nothing, "release: .* the attempt runs"),
        (another_point, "point: "),
        (a_number_is_missing, "number: a gap"),
        (added_twice, "add: "),
        (added_in_part, "add: "),
        (a_place_is_missing, "place: "),
        (two_places_are_exchanged, "reader: place"),
        (a_reader_misses_an_end, "reader: .* rows after"),
        (an_acknowledged_end_is_not_read, "reader: the ends at"),
        (a_version_goes_back, "reader: the version"),
        (an_ended_trial_runs, "reader: .* had ended, and was running"),
        (an_error, "error: "),
    ],
)
def test_each_violation_is_found(mutate: Callable[[list[Operation], list[Stored]], Recorded], said: str) -> None:
    operations, stored = right()
    found = violations(*mutate(list(operations), list(stored)))
    assert any(re.match(said, one) for one in found), found


def test_a_renewal_that_was_done_repeated_and_then_refused_is_a_reason() -> None:
    """Its first reply is lost, another releases what it made, and its repetition finds that and is refused."""
    at, late = {"number": 0, "attempt": 1, "token": 11}, {"step": 0, "value": 2.0}
    of_the_next = {"number": 0, "attempt": 2, "token": 22}
    operations = [
        Operation("1", "claim", {"token": 11, "reserve": False}, 0, 1, OK, at | {"reserved": False}),
        Operation("1", "start", {**at, "x": 1.0, "reserved": False}, 2, 3, OK, None),
        Operation("1", "renew", {**at, "next": 22, "failure": 3}, 4, 8, REFUSED, "AttemptReplacedError"),
        Operation("2", "release", {**of_the_next, "failure": 7}, 5, 6, OK, None),
        Operation("1", "report", at | late, 9, 10, REFUSED, "AttemptReplacedError"),
    ]
    previous = (Ended(1, "11", 3, {}, None), Ended(2, "11", 7, {}, None))
    stored = [Stored(0, "WAITING", 3, 0, "", 0, None, 1.0, 0, {}, {}, previous)]
    found = violations(operations, stored)
    assert not [one for one in found if one.startswith("refusal")], found
    without = [o for o in operations if o.name != "release"]
    assert [one for one in violations(without, stored) if one.startswith("refusal: report")]


# -- storages that are wrong -------------------------------------------------------------------------------------------


class TakesLateReports(MemoryStorage):
    """Does not look at the fence of a report."""

    def report(self, study_id: int, number: int, fence: Fence, step: int, value: float) -> None:
        (trial,) = self.trials(study_id, [number])
        super().report(study_id, number, trial.fence, step, value)


class TakesLateEnds(MemoryStorage):
    """Does not look at the fence of an end."""

    def finish(self, study_id: int, trial: TrialRecord) -> tuple[int, int]:
        (stored,) = self.trials(study_id, [trial.number])
        trial.attempt, trial.token = stored.fence
        return super().finish(study_id, trial)


class ReadsTooLittle(MemoryStorage):
    """Reads the ends as they were at the call before."""

    _before: Increment | None = None

    def read_since(self, study_id: int, cursor: int) -> Increment:
        new = super().read_since(study_id, cursor)
        if self._before is None or self._before.cursor < cursor:
            self._before = new
        before, self._before = self._before, new
        return before if cursor == 0 else new


@pytest.mark.parametrize("kind", [TakesLateReports, TakesLateEnds, ReadsTooLittle])
def test_a_wrong_storage_is_found_out(kind: type[MemoryStorage]) -> None:
    assert any(violations(*recorded(kind(), seed)) for seed in range(3))
