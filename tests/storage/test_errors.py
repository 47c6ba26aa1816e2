"""What goes wrong with files and servers is said in words, and harms nothing that was stored."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import make_url

from tunesmith.cli.options import existing
from tunesmith.errors import MissingDependencyError, StorageError, StudyNotFoundError
from tunesmith.foundation.states import TrialState
from tunesmith.storage import open_storage
from tunesmith.storage.base import StudyRecord
from tunesmith.storage.memory import MemoryStorage
from tunesmith.storage.sql import SQLStorage
from tunesmith.testing.storages import LAW_SPACE, begin, ended, run_trial, running_record
from tunesmith.trial import FrozenTrial

COMPLETE = TrialState.COMPLETE


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "tune.db"


@pytest.fixture
def filled(path: Path) -> Iterator[tuple[SQLStorage, StudyRecord]]:
    storage = SQLStorage(path, timeout=0.2)
    study = storage.create_study("resnet", ["minimize"], 0, LAW_SPACE)
    run_trial(storage, study)
    yield storage, study
    storage.close()


# -- what a user may write -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "spell",
    [str, Path, lambda p: f"sqlite:///{p}", lambda p: f"sqlite+pysqlite:///{p}", lambda p: os.path.relpath(p)],
)
def test_ways_to_name_a_file(path: Path, spell: Callable[[Path], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    storage = open_storage(spell(path))
    assert not path.exists(), "nothing is made before there is a study"
    monkeypatch.chdir("/")  # a relative path is relative to where the storage was opened
    storage.create_study("a", ["minimize"], 0)
    assert path.exists()
    storage.close()
    assert open_storage(path).load_study("a").name == "a"


@pytest.mark.parametrize("name", ["a.sqlite", "b.sqlite3", "C.DB", "größe %20 ? # ∂.db"])
def test_names_of_files(tmp_path: Path, name: str) -> None:
    storage = open_storage(str(tmp_path / name))
    storage.create_study("a", ["minimize"], 0)
    storage.close()
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.skipif(sys.platform == "win32", reason="limits of POSIX")
def test_the_longest_names_that_fit(tmp_path: Path) -> None:
    folder = tmp_path
    while len(str(folder)) < 300:
        folder = folder / ("y" * min(100, 300 - len(str(folder))))
    folder.mkdir(parents=True)
    for path in (tmp_path / ("x" * 244 + ".db"), folder / ("z" * (504 - len(str(folder)) - 4) + ".db")):
        storage = open_storage(path)
        run_trial(storage, storage.create_study("a", ["minimize"], 0))
        storage.close()


def test_names_are_shown_without_control_characters(tmp_path: Path) -> None:
    path = tmp_path / "a\x1b[2J\nb.db"
    storage = open_storage(path)
    with pytest.raises(StudyNotFoundError, match=r"a\\x1b\[2J\\nb\.db does not exist") as caught:
        storage.load_study("\x1b[31m")
    assert str(caught.value).isprintable()
    storage.create_study("a", ["minimize"], 0)
    assert repr(storage).isprintable()
    if not sqlalchemy.__version__.startswith("2.0."):  # which does not decode the path of a URL
        assert open_storage(storage.url).load_study("a").name == "a", "the URL names the same file"
    storage.close()


def test_nothing_and_a_storage() -> None:
    storage = open_storage(None)
    assert isinstance(storage, MemoryStorage)
    assert open_storage(storage) is storage
    with pytest.raises(TypeError, match="path, a URL, a Storage or None; got int"):
        open_storage(3)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("tune", "did you mean 'tune.db'"),
        ("", "did you mean 'tune.db'"),
        ("tune.csv", "neither a file name ending in .db"),
        ("sqlite://", "pass storage=None"),
        ("sqlite:///:memory:", "pass storage=None"),
        ("postgrsql://host/db", "did you mean 'postgresql'"),
        ("nosuchdb://host/db", "knows no database 'nosuchdb'"),
        ("://", "is no database URL"),
        ("postgresql://me:secret@host:port/db", r"'postgresql://\*\*\*@host:\*\*\*/db' is no database URL"),
        ("postgrsql://me:secret@host/db", r"me:\*\*\*@host"),
        ("postgresql://me:p@ss@host/db", "an '@' where none can be"),
        ("sqlite://p/two.db", r"three slashes before a relative path .*'sqlite:///p/two.db'"),
        ("sqlite:///a?b.sqlite", r"no option like what follows the '\?' \('b.sqlite'\).*give a pathlib.Path"),
        ("sqlite:///a.db?mode=ro", r"no option like what follows the '\?' \('mode=ro'\)"),
        ("sqlite:///a.db?timeout=abc", "could not convert"),
        (Path("sqlite:///a.db"), "is a URL and no path"),
        (os.fsdecode(b"\xff\xfe.db"), r"udcff.*is no UTF-8 text.*rename"),
        ("sqlite:///" + os.fsdecode(b"\xff.db"), "is no UTF-8 text"),
        (os.fsdecode(b"\xff/a.db"), "is no UTF-8 text"),
        ("a\0b.db", r"x00b.db' holds a NUL character"),
        ("x" * 300 + ".db", "has 303 bytes"),
        ("x" * 250 + ".db", "247 are the most"),
        ("∂" * 100 + ".db", "has 303 bytes"),
        ("/" + "/".join(["y" * 100] * 6) + ".db", "SQLite takes 504"),
        ("~nobody-of-that-name/tune.db", "cannot be found"),
        ("/no/such/folder/tune.db", "the folder /no/such/folder for the file 'tune.db' does not exist"),
    ],
)
def test_what_names_no_database(spec: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StorageError, match=words) as caught:
        open_storage(spec).create_study("a", ["minimize"], 0)
    assert not list(tmp_path.iterdir())
    assert str(caught.value).isprintable()


def test_a_working_folder_whose_name_is_no_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / os.fsdecode(b"\xff")
    try:
        folder.mkdir()
    except OSError:
        pytest.skip("the file system takes no such name")
    monkeypatch.chdir(folder)
    with pytest.raises(StorageError, match=r"udcff/a.db' is no UTF-8 text.*rename"):
        open_storage("a.db")
    with pytest.raises(StorageError, match="is no UTF-8 text"):
        existing("a.db")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"is a folder; name a file in it"):
        open_storage(tmp_path)


def test_a_driver_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'psycopg\[binary\]'"):
        open_storage("postgresql://host/db")


# -- files that are not right --------------------------------------------------------------------------------------


def test_a_file_that_is_not_there(path: Path) -> None:
    storage = open_storage(path)
    with pytest.raises(StudyNotFoundError, match=r"tune.db does not exist"):
        storage.load_study("a")
    assert storage.list_studies() == []
    assert not path.exists(), "looking for a study must not leave a file behind"


@pytest.mark.parametrize("content", [b"epoch,loss\n" * 100, b"\x00" * 4096])
def test_a_file_that_is_no_database(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StorageError, match=r"tune.db is no SQLite database.*; choose another path"):
        open_storage(path)
    assert path.read_bytes() == content


def test_an_empty_file_is_an_empty_database(path: Path) -> None:
    path.touch()
    storage = open_storage(path)
    assert storage.list_studies() == []
    storage.create_study("a", ["minimize"], 0)
    storage.close()


def test_tables_of_others_are_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE studies (study_id INTEGER, study_name TEXT)")
        connection.execute("INSERT INTO studies VALUES (1, 'theirs')")
    connection.close()
    storage = open_storage(path)
    assert storage.list_studies() == []
    run_trial(storage, storage.create_study("a", ["minimize"], 0))
    storage.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT * FROM studies").fetchall() == [(1, "theirs")]
    connection.close()


@pytest.mark.parametrize(
    ("stored", "words"), [("0099", "written by a newer tunesmith: it has schema 99"), ("x", "'x'")]
)
def test_a_schema_from_the_future(path: Path, filled: tuple[SQLStorage, StudyRecord], stored: str, words: str) -> None:
    filled[0].close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE tunesmith_schema SET version_num = ?", [stored])
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match=words):
        open_storage(path)
    assert path.read_bytes() == before


def test_a_damaged_file(path: Path, filled: tuple[SQLStorage, StudyRecord]) -> None:
    filled[0].close()
    data = bytearray(path.read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    path.write_bytes(data)
    with pytest.raises(StorageError, match=r"tune.db is damaged"):
        open_storage(path).list_studies()


# -- files that cannot be written ----------------------------------------------------------------------------------


def refuses_writing(storage: Any, study: StudyRecord) -> None:
    assert storage.load_study("resnet").name == "resnet", "reading goes on"
    with pytest.raises(StorageError, match=r"is read-only for this user; change the permissions"):
        begin(storage, study)
    with pytest.raises(StorageError, match=r"read-only"):
        storage.create_study("b", ["minimize"], 0)
    assert storage.count(study.id) == {COMPLETE: 1}


def test_a_database_opened_for_reading(path: Path, filled: tuple[SQLStorage, StudyRecord]) -> None:
    storage = open_storage(f"sqlite:///file:{path}?mode=ro&uri=true")
    refuses_writing(storage, filled[1])
    storage.close()


AS_SOMEONE_ELSE = """
import os, sys
sys.path[:0] = sys.argv[2].split(os.pathsep)
from tunesmith.errors import StorageError
from tunesmith.storage import open_storage
from tunesmith.testing.storages import begin
open_storage(sys.argv[1]).close()  # everything is imported by now: someone else may not be able to
if os.geteuid() == 0:
    os.setgid(65534)
    os.setuid(65534)
try:
    storage = open_storage(sys.argv[1])
    study = storage.load_study("resnet")
    print("was read")
    begin(storage, study)
except StorageError as error:
    print(error)
"""


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
@pytest.mark.parametrize("mode", [0o777, 0o555], ids=["file", "folder"])
def test_a_read_only_file(path: Path, filled: tuple[SQLStorage, StudyRecord], mode: int) -> None:
    filled[0].close()
    folder = Path(tempfile.mkdtemp())  # pytest's own folder is closed to someone else
    try:
        copy = Path(shutil.copy(path, folder))
        copy.chmod(0o444)
        folder.chmod(mode)
        done = subprocess.run(
            [sys.executable, "-c", AS_SOMEONE_ELSE, str(copy), os.pathsep.join(sys.path)],
            capture_output=True,
            text=True,
            cwd="/",
            check=False,
        )
        # SQLite cannot even read a file with a journal where it may not make one.
        assert done.stdout.startswith("was read") == (mode == 0o777), done.stderr
        assert "is read-only for this user; change the permissions of the file and of its folder" in done.stdout
    finally:
        folder.chmod(0o777)
        shutil.rmtree(folder)


def fills_up(storage: SQLStorage, study: StudyRecord, is_full: Callable[[StorageError], None]) -> int:
    """Write until nothing more fits; return how many trials were finished."""
    note = {"text": "x" * 2000}
    for done in range(10_000):
        try:
            run_trial(storage, study, user=note)
        except StorageError as error:
            is_full(error)
            return done
    raise AssertionError("the disk was never full")


def told_full(error: StorageError) -> None:
    assert "the disk is full" in str(error)
    assert "What was finished before is safe" in str(error)


def test_a_full_disk(filled: tuple[SQLStorage, StudyRecord]) -> None:
    storage, study = filled
    connection = next(iter(storage.database.connections)).driver
    connection.execute("PRAGMA max_page_count = 60")
    done = fills_up(storage, study, told_full)
    assert done > 5
    assert storage.count(study.id)[COMPLETE] == 1 + done
    connection.execute("PRAGMA max_page_count = 100000")  # some space was freed: it goes on
    for trial in storage.trials(study.id, states=[TrialState.RUNNING]):
        assert storage.finish(study.id, ended(running_record(trial.number))) is not None
    run_trial(storage, study)
    new = storage.read_since(study.id, 0)
    assert new.cursor == len(new.number) == storage.count(study.id)[COMPLETE]


ON_A_SMALL_DISK = """
import pathlib, sys
from tunesmith.errors import StorageError
from tunesmith.storage import open_storage
from tunesmith.testing.storages import COMPLETE, run_trial as run

disk = pathlib.Path(sys.argv[1])
storage = open_storage(disk / "tune.db")
study = storage.create_study("a", ["minimize"], 0)
ballast = disk / "ballast"
ballast.write_bytes(b"x" * 100_000)
done = 0
try:
    while done < 10_000:
        run(storage, study, user={"text": "x" * 2000})
        done += 1
except StorageError as error:
    print(error)
ballast.unlink()
storage.close()
storage = open_storage(disk / "tune.db")
assert storage.count(study.id)[COMPLETE] == done > 5
run(storage, study)
print("goes on")
"""


def test_a_full_file_system(tmp_path: Path) -> None:
    # A disk in a mount namespace of its own is gone with the process, whatever happens to it.
    unshare = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    mount = f"mount -t tmpfs -o size=600k tmpfs '{tmp_path}'"
    if shutil.which("unshare") is None or subprocess.run([*unshare, mount], capture_output=True).returncode:
        pytest.skip("needs a small disk: mounting one in a namespace is not allowed here")
    done = subprocess.run(
        [*unshare, f'{mount} && exec "$@"', "sh", sys.executable, "-c", ON_A_SMALL_DISK, str(tmp_path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "the disk is full" in done.stdout, done.stderr
    assert done.stdout.endswith("goes on\n"), done.stderr


def test_a_file_that_stays_locked(path: Path, filled: tuple[SQLStorage, StudyRecord]) -> None:
    storage, study = filled
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    claim = storage.claim(study.id, "w")  # reading goes on
    with pytest.raises(StorageError, match=r"tune.db is locked by another program for more than 0.2 s"):
        storage.start(study.id, claim, running_record(claim.number))
    other.execute("ROLLBACK")
    other.close()
    assert storage.start(study.id, claim, running_record(claim.number)) is not None


def test_a_lock_that_is_given_back_is_waited_for(path: Path) -> None:
    storage = SQLStorage(path, timeout=30)
    study = storage.create_study("a", ["minimize"], 0)
    other = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    timer = threading.Timer(0.2, other.execute, ["COMMIT"])
    timer.start()
    run_trial(storage, study)
    timer.join()
    other.close()
    storage.close()


@pytest.mark.postgres
def test_a_server_that_stays_locked(postgres_url: str) -> None:
    import psycopg

    storage = SQLStorage(postgres_url, timeout=0.2)
    study = storage.create_study("a", ["minimize"], 0)
    with psycopg.connect(postgres_url.replace("+psycopg", "")) as other:
        other.execute("UPDATE tunesmith_studies SET seed = 1")
        with pytest.raises(StorageError, match=r"locked by another program for more than 0.2 s"):
            begin(storage, study)
    run_trial(storage, study)
    storage.close()


@pytest.mark.postgres
def test_a_database_without_an_encoding(postgres_url: str) -> None:
    import psycopg

    plain = postgres_url.replace("+psycopg", "")
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
        try:
            url = make_url(postgres_url).set(database="ascii")
            with pytest.raises(StorageError, match=r"has the encoding SQL_ASCII.*ENCODING 'UTF8'"):
                open_storage(url)
        finally:
            connection.execute("DROP DATABASE ascii WITH (FORCE)")


def test_a_server_that_is_not_there(tmp_path: Path) -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StorageError, match=r"database postgresql\+psycopg://me:\*\*\*@.*cannot be used") as caught:
        open_storage(f"postgresql://me:secret@/db?host={tmp_path}")
    assert "secret" not in str(caught.value)


# -- values that cannot be kept ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([1, {2}], r"'k': a value of type set cannot be kept \(make it a list\): \{2\} \(item 1\)"),
        ({"a": {(1,): 2}}, r"'k': the dict key \(1,\) of type tuple is no text or number \(at 'a'\)"),
        (object, r"'k': a value of type type"),
        (3 + 4j, r"'k': a value of type complex"),
    ],
)
def test_attributes_that_are_no_json(filled: tuple[SQLStorage, StudyRecord], value: Any, words: str) -> None:
    storage, study = filled
    for number in (None, 0):
        with pytest.raises(ValueError, match=words):
            storage.set_attr(study.id, number, "k", value)
    number = begin(storage, study)
    with pytest.raises(ValueError, match=words):
        storage.finish(study.id, ended(running_record(number), user={"ok": 1, "k": value}))
    assert storage.trials(study.id, [number])[0].user is None
    assert storage.finish(study.id, ended(running_record(number))) is not None


@pytest.mark.parametrize("key", ["", "nul\0", 3])
def test_names_of_attributes(filled: tuple[SQLStorage, StudyRecord], key: Any) -> None:
    with pytest.raises(ValueError, match="an attribute's name"):
        filled[0].set_attr(filled[1].id, None, key, 1)


def test_enqueued_values_that_cannot_be_written(filled: tuple[SQLStorage, StudyRecord]) -> None:
    storage, study = filled
    with pytest.raises(ValueError, match=r"enqueued parameter 'act' \(type object\)"):
        storage.add(study.id, [FrozenTrial(-1, TrialState.WAITING, fixed={"act": object()})])
    assert storage.count(study.id) == {COMPLETE: 1}


@pytest.mark.parametrize("fields", [{"sampler_state": 2**63}, {"reports": {2**63: 0.0}}])
def test_numbers_that_do_not_fit(filled: tuple[SQLStorage, StudyRecord], fields: dict[str, Any]) -> None:
    storage, study = filled
    number = begin(storage, study)
    with pytest.raises(ValueError, match=r"cannot keep a value"):
        storage.finish(study.id, ended(running_record(number, **fields)))
    assert storage.finish(study.id, ended(running_record(number))) == (2, 4)


@pytest.mark.postgres
def test_numbers_that_do_not_fit_on_a_server(postgres_url: str) -> None:
    storage = open_storage(postgres_url)
    study = storage.create_study("a", ["minimize"], 0)
    number = begin(storage, study)
    with pytest.raises(ValueError, match=r"cannot keep a value"):
        storage.finish(study.id, ended(running_record(number, sampler_state=2**63)))
    storage.finish(study.id, ended(running_record(number)))
    assert storage.read_since(study.id, 0).cursor == 1
    storage.close()


def test_an_interrupt_inside_a_transaction(filled: tuple[SQLStorage, StudyRecord]) -> None:
    storage, study = filled

    def interrupted(session: Any) -> None:
        session.cursor.execute("UPDATE tunesmith_studies SET last_seq = 77")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        storage.database.write(interrupted)
    run_trial(storage, study)
    assert storage.read_since(study.id, 0).cursor == 2


def test_a_driver_that_is_missing_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(
        MissingDependencyError, match="needs the driver 'MySQLdb'; install it: pip install 'mysqlclient'"
    ):
        SQLStorage("mysql+mysqldb://user@localhost/tuning")
