"""Every store of the registry keeps the laws; a new one joins by its line there and a way to make it here."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tunesmith.artifacts import open_store
from tunesmith.artifacts.base import BlobStore
from tunesmith.artifacts.local import LocalStore
from tunesmith.errors import ArtifactError, MissingDependencyError
from tunesmith.foundation import registry
from tunesmith.testing import BlobStoreConformance
from tunesmith.testing.blob_stores import BLOB_SPACE, content, keys_of

BUCKET = "tunesmith-tests"
KEYS = {"key": "AKIATESTING", "secret": "not-a-secret-but-hidden"}


def fsspec_store(url: str, options: dict[str, Any] | None = None) -> BlobStore:
    pytest.importorskip("fsspec", reason="needs fsspec: pip install fsspec")
    from tunesmith.artifacts.remote import FsspecStore

    return FsspecStore(url, options)


MAKE: dict[str, Callable[[Path], BlobStore]] = {
    "file": lambda folder: open_store(folder / "blobs"),
    "fsspec": lambda folder: fsspec_store(f"local://{folder}/blobs"),
}


class TestEveryStore(BlobStoreConformance):
    @pytest.fixture(params=sorted(MAKE))
    def store(self, request: pytest.FixtureRequest, tmp_path: Path) -> BlobStore:
        return MAKE[request.param](tmp_path)


@pytest.fixture(scope="module")
def s3() -> Iterator[dict[str, Any]]:
    """A server that answers as S3 does, in a thread of this process; what a client needs to reach it."""
    reason = "S3 tests need s3fs and moto: pip install s3fs 'moto[s3]' flask flask-cors"
    for name in ("s3fs", "moto", "flask", "flask_cors"):
        pytest.importorskip(name, reason=reason)
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield {**KEYS, "endpoint_url": f"http://{host}:{port}"}
    finally:
        server.stop()


@pytest.mark.xdist_group("s3")  # one server for all of them
class TestS3(BlobStoreConformance):
    @pytest.fixture
    def store(self, s3: dict[str, Any], request: pytest.FixtureRequest) -> BlobStore:
        store = fsspec_store(f"s3://{BUCKET}/{zlib.crc32(request.node.name.encode())}", s3)
        store.files().mkdirs(BUCKET, exist_ok=True)
        return store

    def test_nothing_shows_the_credentials(self, s3: dict[str, Any]) -> None:
        wrong = fsspec_store("s3://no-such-bucket/x", s3)
        with pytest.raises(ArtifactError, match="s3://no-such-bucket/x cannot keep a content") as caught:
            wrong.put(BLOB_SPACE, content(b"1"))
        for text in (repr(wrong), wrong.url, str(caught.value)):
            assert KEYS["key"] not in text
            assert KEYS["secret"] not in text


def test_every_store_of_ours_is_tested() -> None:
    assert MAKE.keys() == registry.ARTIFACTS.keys()


@pytest.mark.parametrize("name", sorted(MAKE))
def test_names_agree_with_the_registry(name: str, tmp_path: Path) -> None:
    store = MAKE[name](tmp_path)
    assert store.name == name
    assert isinstance(store, registry.load_registered("artifacts", name))


# ------------------------------------------------------------------------------------------------------------- URLs


def test_a_store_is_opened_by_path_or_url(tmp_path: Path) -> None:
    assert open_store(tmp_path).url == str(tmp_path)
    assert open_store(f"file://{tmp_path}/a%20b").url == str(tmp_path / "a b")
    store = LocalStore(tmp_path)
    assert open_store(store) is store
    assert open_store("memory://x/y").url == "memory://x/y"


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        ("s3://AKIA:hush@bucket/x", ValueError, "must not hold a user"),
        ("s3://bucket/x?secret=hush", ValueError, "must not hold a user"),
        ("simplecache::s3://hush", ValueError, "chain|folder or a URL|one place"),
        ("s3://", ValueError, "name one place"),
        ("nosuch://bucket", ValueError, "fsspec knows no nosuch://"),
        ("file://host/path", ValueError, "three slashes"),
        (7, TypeError, "folder, a URL or a BlobStore"),
        ("", ValueError, "folder or a URL"),
        ("a\0b", ValueError, "folder or a URL"),
    ],
)
def test_a_wrong_place_is_refused(spec: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        open_store(spec)
    assert "hush" not in str(caught.value)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingDependencyError, match=r"pip install fsspec"):
        open_store("s3://bucket/folder")


# ------------------------------------------------------------------------------------------------------- bad days


def test_a_local_store_writes_piece_by_piece(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    piece = b"x" * (1 << 20)

    def large() -> Iterator[bytes]:
        for _ in range(64):
            yield piece

    tracemalloc.start()
    try:
        blob = store.put(BLOB_SPACE, large)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert blob.size == 64 << 20
    assert peak < 8 << 20


LIMITED = """
import resource, signal, sys
from tunesmith.artifacts.local import LocalStore
from tunesmith.errors import ArtifactError

resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # what a full disk does, to one process
store = LocalStore(sys.argv[1])
kept = store.put("space", lambda: [b"1" * 1000])
try:
    store.put("space", lambda: [b"1" * 1000] * 200)
except ArtifactError as error:
    print(error)
assert [key for key, _ in store.blobs("space")] == [kept.key]
"""


@pytest.mark.skipif(os.name != "posix", reason="needs limits of processes")
def test_a_full_disk_is_an_error_that_leaves_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", LIMITED, tmp_path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "cannot keep a content: File too large" in done.stdout
    assert "artifact_store=" in done.stdout


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_rights_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(ArtifactError, match="Permission denied"):
            LocalStore(tmp_path / "in").put(BLOB_SPACE, content(b"1"))
    finally:
        tmp_path.chmod(0o700)


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    store = LocalStore(tmp_path / "file")
    with pytest.raises(ArtifactError, match=r"cannot keep a content"):
        store.put(BLOB_SPACE, content(b"1"))
    assert list(store.blobs(BLOB_SPACE)) == []


def test_files_of_others_in_the_folder_are_left_alone(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    blob = store.put(BLOB_SPACE, content(b"1"))
    note = tmp_path / BLOB_SPACE / blob.digest[:2] / "note.txt"
    note.write_text("mine")
    assert keys_of(store) == {blob.key}
    store.drop(BLOB_SPACE)
    assert note.read_text() == "mine"


def test_a_blob_cannot_be_written_by_mistake(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    blob = store.put(BLOB_SPACE, content(b"1"))
    if os.name == "posix":
        assert not (tmp_path / blob.key).stat().st_mode & 0o222


KILLED = """
import sys
from tunesmith.artifacts.local import LocalStore

def slow():
    while True:
        yield b"x" * 1000
        print("going", flush=True)

LocalStore(sys.argv[1]).put("space", slow)
"""


def test_a_writer_that_is_killed_leaves_no_blob(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", KILLED, tmp_path], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    process.kill()
    process.wait()
    process.stdout.close()
    store = LocalStore(tmp_path)
    assert keys_of(store, "space") == set()
    ((left, _),) = store.blobs("space")  # `clean` finds it
    store.delete(left)
    assert list(store.blobs("space")) == []


def test_puts_and_drops_of_other_spaces_do_not_meet(tmp_path: Path) -> None:
    store = LocalStore(tmp_path)
    over = threading.Event()

    def drop() -> None:
        while not over.is_set():
            store.drop("other")

    thread = threading.Thread(target=drop)
    thread.start()
    try:
        for _ in range(100):
            assert store.exists(store.put(BLOB_SPACE, content(b"1")).key)
    finally:
        over.set()
        thread.join()
