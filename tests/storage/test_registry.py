"""Every storage of the registry keeps the laws; a new one joins by its line there and a way to make it here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.servers.postgres import PgBouncer

from tunesmith import registry
from tunesmith.storage import open_storage
from tunesmith.storage.base import Storage
from tunesmith.storage.sql import SQLStorage
from tunesmith.testing import StorageConformance

MAKE: dict[str, Callable[[Path], Storage]] = {
    "memory": lambda folder: open_storage(None),
    "sql": lambda folder: open_storage(folder / "tune.db"),
}


def emptied(url: str) -> Iterator[Storage]:
    """The server is thrown away with this run; making a database for each test would take most of the time."""
    storage = open_storage(url)
    for study in storage.list_studies():
        storage.delete_study(study.id)
    yield storage
    storage.close()


class TestEveryStorage(StorageConformance):
    @pytest.fixture(params=sorted(MAKE))
    def storage(self, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Storage]:
        storage = MAKE[request.param](tmp_path)
        yield storage
        storage.close()


class TestWithoutReturning(StorageConformance):
    """The way taken on databases that know no UPDATE ... RETURNING."""

    @pytest.fixture
    def storage(self, tmp_path: Path) -> Iterator[Storage]:
        storage = SQLStorage(tmp_path / "tune.db")
        storage.database.dialect.returning = False
        yield storage
        storage.close()


@pytest.mark.postgres
class TestPostgres(StorageConformance):
    @pytest.fixture
    def storage(self, postgres_server: str) -> Iterator[Storage]:
        yield from emptied(postgres_server)


@pytest.mark.postgres
class TestPgBouncer(StorageConformance):
    """Through a pool that may give each transaction another session."""

    @pytest.fixture
    def storage(self, pgbouncer: PgBouncer) -> Iterator[Storage]:
        yield from emptied(pgbouncer.url("postgres"))


@pytest.mark.mariadb
class TestMariaDB(StorageConformance):
    @pytest.fixture
    def storage(self, mariadb_server: str) -> Iterator[Storage]:
        yield from emptied(mariadb_server)


def test_every_storage_of_ours_is_tested() -> None:
    assert MAKE.keys() == registry.STORAGES.keys()


@pytest.mark.parametrize("name", sorted(MAKE))
def test_names_agree_with_the_registry(name: str, tmp_path: Path) -> None:
    storage = MAKE[name](tmp_path)
    assert storage.name == name
    assert isinstance(storage, registry.load("storages", name))
