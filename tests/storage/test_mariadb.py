"""What MariaDB would keep in another way: floats, long texts, names that differ in a little, transactions of DDL."""

from __future__ import annotations

import math
import sys
import traceback

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.servers.mariadb import MariaDBServer
from tests.storage.test_migrations import made_by_migrations
from tests.storage.test_processes import run_together

from tunesmith.errors import DuplicatedStudyError, StorageError, StudyNotFoundError
from tunesmith.storage import open_storage
from tunesmith.storage.sql import SQLStorage, engine
from tunesmith.storage.sql.schema import metadata
from tunesmith.testing.storages import begin, ended, run_trial, running_record

pytestmark = pytest.mark.mariadb
LARGEST = sys.float_info.max


@pytest.mark.parametrize("scheme", ["mysql", "mariadb", "mysql+pymysql", "mariadb+pymysql"])
def test_ways_to_name_it(mariadb_url: str, scheme: str) -> None:
    storage = open_storage(mariadb_url.replace("mysql+pymysql", scheme))
    run_trial(storage, storage.create_study("a", ["minimize"], 0))
    storage.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(values=st.lists(st.floats(allow_nan=False), min_size=1, max_size=20))
def test_floats_are_exact(mariadb_server: str, values: list[float]) -> None:
    storage = open_storage(mariadb_server)
    study = storage.create_study(None, ["minimize"], 0)
    for value in [*values, LARGEST, -LARGEST, math.inf, -math.inf, 5e-324, -0.0, 0.1]:
        number = begin(storage, study)
        reports = {1: value, 2: math.nan}
        record = ended(running_record(number), value, reports=reports)
        record.cost = value
        storage.finish(study.id, record)
        (found,) = storage.trials(study.id, [number])
        assert found.values == (value,)
        assert math.copysign(1, found.values[0]) == math.copysign(1, value)
        for kept in (found.reports[1], found.cost):  # type: ignore[index]  # there are some
            assert kept == value or (abs(value) == LARGEST and kept == math.copysign(math.inf, value))
        assert math.isnan(found.reports[2])  # type: ignore[index]  # as above
    rows = storage.read_since(study.id, 0)
    assert rows.values[: len(values), 0].tolist() == values
    best = storage.best(study.id, "minimize")
    assert best is not None
    assert best.values in ((-math.inf,), (-LARGEST,))
    storage.delete_study(study.id)
    storage.close()


def test_names_are_compared_exactly(mariadb_url: str) -> None:
    storage = open_storage(mariadb_url)
    names = ["a", "A", "á", "a ", " a", "ä", "ß", "ss", "🦊", "🦁", "x" * 255]
    made = {name: storage.create_study(name, ["minimize"], 0).id for name in names}
    assert len(set(made.values())) == len(names)
    for name, study_id in made.items():
        assert storage.load_study(name).id == study_id
        with pytest.raises(DuplicatedStudyError):
            storage.create_study(name, ["minimize"], 0)
    with pytest.raises(StudyNotFoundError):
        storage.load_study("X")
    for key in names:
        storage.set_attr(made["a"], None, key, key)
    assert storage.load_study("a").user == dict(zip(names, names, strict=True))
    with pytest.raises(ValueError, match="cannot keep a value"):
        storage.create_study("x" * 256, ["minimize"], 0)
    storage.close()


def test_large_values(mariadb_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage(mariadb_url)
    study = storage.create_study("a", ["minimize"], 0)
    storage.set_attr(study.id, None, "large", "ü" * 2_000_000)
    assert storage.load_study("a").user["large"] == "ü" * 2_000_000
    monkeypatch.setattr(engine, "BREAKS", 1)
    with pytest.raises(StorageError, match="cannot be used"):
        storage.set_attr(study.id, None, "larger", "ü" * 3_000_000)  # more than the server's max_allowed_packet
    many = storage.create_study("b", ["minimize"] * 20_000, 0)
    values = tuple(np.random.default_rng(0).normal(size=20_000).tolist())
    number = begin(storage, many)
    record = ended(running_record(number))
    record.values = values
    storage.finish(many.id, record)
    assert storage.trials(many.id, [number])[0].values == values
    storage.close()


def test_the_database_may_have_any_defaults(mariadb: MariaDBServer, mariadb_server: str) -> None:
    open_storage(mariadb_server).create_study(None, ["minimize"], 0)
    rows = mariadb.sql(
        "shared",
        "SELECT DISTINCT collation_name FROM information_schema.columns "
        "WHERE table_name LIKE 'tunesmith%' AND collation_name IS NOT NULL AND table_schema = 'shared'",
    )
    assert rows == [("utf8mb4_nopad_bin",)]


def test_migrations_lead_to_what_is_created(mariadb: MariaDBServer, mariadb_url: str, mariadb_database: str) -> None:
    def tables() -> list[str]:
        found = [mariadb.sql(mariadb_database, f"SHOW CREATE TABLE {table}")[0][1] for table in sorted(metadata.tables)]
        # The order of the columns is not the same where one was added; the last line has the next id.
        return [" ".join(sorted(line.strip(",") for line in text.splitlines()[:-1])) for text in found]

    database = made_by_migrations(mariadb_url)
    migrated = tables()
    storage = SQLStorage(mariadb_url)
    run_trial(storage, storage.create_study("a", ["minimize"], 0))
    storage.close()
    database.close()
    mariadb.sql(mariadb_database, *(f"DROP TABLE {table}" for table in metadata.tables))
    open_storage(mariadb_url).create_study("a", ["minimize"], 0)
    created = tables()
    for made, wanted in zip(migrated, created, strict=True):
        assert made == wanted


def test_half_made_tables_are_completed(mariadb: MariaDBServer, mariadb_url: str, mariadb_database: str) -> None:
    """A statement that creates a table commits there: a process that was killed may leave some of them."""
    open_storage(mariadb_url).create_study("a", ["minimize"], 0)
    mariadb.sql(mariadb_database, "DELETE FROM tunesmith_schema", "DROP TABLE tunesmith_trials")
    storage = open_storage(mariadb_url)
    run_trial(storage, storage.create_study("b", ["minimize"], 0))
    assert [study.name for study in storage.list_studies()] == ["a", "b"]
    storage.close()


def test_four_processes(mariadb_url: str) -> None:
    run_together(mariadb_url, 4, 50)


def test_no_password_is_shown(mariadb: MariaDBServer) -> None:
    for user, database in (("root", "x"), ("nobody", "none")):
        url = mariadb.url(database).replace("root@", f"{user}:hunter2@")
        with pytest.raises(StorageError, match=r"cannot be used: .*1045") as caught:
            open_storage(url).create_study("a", ["minimize"], 0)
        assert "hunter2" not in "".join(traceback.format_exception(caught.value))
