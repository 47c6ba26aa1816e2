"""Places in the order of ends are given in batches: no interleaving of transactions makes a reader miss an end."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tunesmith.storage.base import StudyRecord
from tunesmith.storage.sql import SQLStorage, writes
from tunesmith.testing.storages import Reader, begin, ended, running_record

LONG = 60.0


@pytest.fixture(
    params=[pytest.param("postgres", marks=pytest.mark.postgres), pytest.param("mariadb", marks=pytest.mark.mariadb)]
)
def storage(request: pytest.FixtureRequest) -> Iterator[SQLStorage]:
    storage = SQLStorage(request.getfixturevalue(f"{request.param}_url"))
    yield storage
    storage.close()


@pytest.fixture
def study(storage: SQLStorage) -> StudyRecord:
    return storage.create_study("order", ["minimize"], 0)


class Gate:
    """Stops the first call of a function in the middle of its transaction."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, applies: Callable[..., bool]) -> None:
        self.reached, self.opened = threading.Event(), threading.Event()
        original = getattr(writes, name)

        def gated(*args: Any, **named: Any) -> Any:
            if applies(*args) and not self.reached.is_set():
                self.reached.set()
                assert self.opened.wait(LONG)
            return original(*args, **named)

        monkeypatch.setattr(writes, name, gated)


def test_an_end_that_is_committed_late_gets_a_later_place(
    storage: SQLStorage, study: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(2):
        begin(storage, study)
    gate = Gate(monkeypatch, "write_attributes", lambda session, study_id, trial: trial.number == 0)
    reader = Reader(storage, study)
    with ThreadPoolExecutor(1) as pool:
        late = pool.submit(storage.finish, study.id, ended(running_record(0), user={"a": 1}))
        assert gate.reached.wait(LONG)
        storage.finish(study.id, ended(running_record(1)))
        reader.read()
        assert reader.numbers == [1], "the end of trial 0 is written and not committed"
        assert [t.number for t in storage.read_since(study.id, 1).running] == [0]
        gate.opened.set()
        late.result(LONG)
    reader.read()
    assert reader.numbers == [1, 0]
    assert [t.seq for t in storage.trials(study.id)] == [2, 1]
    reader.compare()


def test_one_transaction_gives_places_at_a_time(
    storage: SQLStorage, study: StudyRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    for _ in range(4):
        begin(storage, study)
    for number in (2, 0):
        storage.finish(study.id, ended(running_record(number)))
    gate = Gate(monkeypatch, "bump", lambda session, statement: statement is writes.ORDERED)
    first, second = Reader(storage, study), Reader(storage, study)
    with ThreadPoolExecutor(2) as pool:
        one = pool.submit(first.read)
        assert gate.reached.wait(LONG)  # it has seen which ends have no place, and written none yet
        storage.finish(study.id, ended(running_record(3)))
        two = pool.submit(second.read)
        assert not two.done()
        if storage.database.dialect.name == "postgresql":  # elsewhere the study's row is the lock
            begin(storage, study)  # nothing else waits for those who give places
        storage.finish(study.id, ended(running_record(1)))
        gate.opened.set()
        one.result(LONG)
        two.result(LONG)
    for reader in (first, second):
        reader.read()
        reader.compare()
        assert sorted(reader.numbers) == [0, 1, 2, 3]
    assert first.numbers == second.numbers
    assert sorted(t.seq for t in storage.trials(study.id) if t.seq) == [1, 2, 3, 4]
