"""Every storage of the registry keeps the laws; a new one joins by its line there and a way to make it here."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers.postgres import PgBouncer

import tunesmith
from tunesmith.errors import StorageError
from tunesmith.foundation import registry
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
    assert isinstance(storage, registry.load_registered("storages", name))


MINE = """
from tunesmith.storage.memory import MemoryStorage


class MineStorage(MemoryStorage):
    name = "mine"

    def __init__(self, url):
        super().__init__()
        self.opened = url


class NoStorage:
    def __init__(self, url):
        pass
"""
ENTRY_POINTS = "[tunesmith.storages]\nmine = their_storages:MineStorage\nodd = their_storages:NoStorage\n"


@pytest.fixture
def another_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package with storages of its own, as if it was installed."""
    (tmp_path / "their_storages.py").write_text(MINE)
    metadata = tmp_path / "their_storages-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: their-storages\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text(ENTRY_POINTS)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "their_storages", raising=False)


@pytest.mark.usefixtures("another_package")
def test_a_registered_storage_is_opened_by_its_url() -> None:
    storage: Any = open_storage("mine://host/studies?x=1")
    assert type(storage).__name__ == "MineStorage"
    assert storage.opened == "mine://host/studies?x=1"
    study = tunesmith.create_study(storage="mine://elsewhere")
    assert study.storage.name == "mine"


@pytest.mark.usefixtures("another_package")
@pytest.mark.parametrize(
    ("url", "kind", "words"),
    [
        ("mien://host", StorageError, "no database is called 'mien'; did you mean 'mine'"),
        ("postgrse://host/db", StorageError, "no database is called 'postgrse'; did you mean 'postgres"),
        ("mariabd://host/db", StorageError, "no database is called 'mariabd'; did you mean 'mariadb'"),
        ("odd://host", TypeError, "the storage 'odd' is registered as NoStorage, which is no subclass"),
        ("nothing://host", StorageError, "knows no database 'nothing'"),
    ],
)
def test_a_url_that_nobody_registered(url: str, kind: type[Exception], words: str) -> None:
    with pytest.raises(kind, match=words):
        open_storage(url)
