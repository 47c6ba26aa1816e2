"""The laws of stores of artifacts, as a pytest class to derive from."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator

import pytest

from tunesmith.artifacts.base import CHUNK_BYTES, Blob, BlobStore, is_key
from tunesmith.errors import ArtifactError, DamagedArtifactError
from tunesmith.testing.conformance import Conformance

BLOB_SPACE = "0123456789abcdef"


def content(*chunks: bytes) -> Callable[[], Iterator[bytes]]:
    """Return a content that can be read again and again."""
    return lambda: iter(chunks)


def keys_of(store: BlobStore, space: str = BLOB_SPACE) -> set[str]:
    """Return the keys of all blobs of a space that are complete."""
    return {key for key, _ in store.blobs(space) if "/tmp/" not in key}


class BlobStoreConformance(Conformance):
    """Derive from it and give the fixture `store`; each test is one law.

    The store has to be empty at first.

    Example::

        class TestMyStore(BlobStoreConformance):
            @pytest.fixture
            def store(self, tmp_path):
                return MyStore(tmp_path)
    """

    @pytest.fixture
    def store(self) -> BlobStore:
        """Return the store under test."""
        raise NotImplementedError("give the fixture store, the store under test")

    @pytest.mark.parametrize(
        "chunks",
        [(), (b"one",), (bytes(range(256)) * 3, b"", b"end"), (b"x" * CHUNK_BYTES, b"y" * CHUNK_BYTES, b"z")],
        ids=["nothing", "text", "all-bytes", "large"],
    )
    def test_a_content_comes_back_as_it_was_put(self, store: BlobStore, chunks: tuple[bytes, ...]) -> None:
        """With its SHA-256 and its size."""
        whole = b"".join(chunks)
        blob = store.put(BLOB_SPACE, content(*chunks))
        assert blob == Blob(blob.key, hashlib.sha256(whole).hexdigest(), len(whole))
        assert is_key(blob.key)
        assert blob.key.startswith(BLOB_SPACE + "/")
        assert blob.digest in blob.key
        assert store.exists(blob.key)
        with store.open(blob.key) as stream:
            assert stream.read(2) == whole[:2]
            assert stream.read() == whole[2:]

    def test_the_same_content_twice_is_two_blobs(self, store: BlobStore) -> None:
        """So that one of them can be deleted while another process publishes the other."""
        first, second = (store.put(BLOB_SPACE, content(b"same")) for _ in range(2))
        assert first.key != second.key
        store.delete(first.key)
        assert not store.exists(first.key)
        assert keys_of(store) == {second.key}
        with store.open(second.key) as stream:
            assert stream.read() == b"same"

    def test_a_content_that_cannot_be_read_leaves_no_blob(self, store: BlobStore) -> None:
        """What its source raises comes through."""

        def broken() -> Iterator[bytes]:
            yield b"1" * CHUNK_BYTES
            raise ArtifactError("the source is away")

        with pytest.raises(ArtifactError, match="the source is away"):
            store.put(BLOB_SPACE, broken)
        assert keys_of(store) == set()

    def test_spaces_are_apart(self, store: BlobStore) -> None:
        """A list or a drop of one shows and deletes nothing of another."""
        assert list(store.blobs(BLOB_SPACE)) == []
        one, other = store.put("one", content(b"1")), store.put("one2", content(b"2"))
        assert keys_of(store, "one") == {one.key}
        store.drop("one")
        store.drop("one")
        assert keys_of(store, "one") == set()
        assert not store.exists(one.key)
        assert keys_of(store, "one2") == {other.key}

    def test_a_blob_has_an_age(self, store: BlobStore) -> None:
        """In seconds since it was complete."""
        store.put(BLOB_SPACE, content(b"1"))
        ((_, age),) = store.blobs(BLOB_SPACE)
        assert -600 < age < 600

    def test_what_is_not_there(self, store: BlobStore) -> None:
        """It cannot be opened, and to delete it changes nothing."""
        blob = store.put(BLOB_SPACE, content(b"1"))
        for _ in range(2):
            store.delete(blob.key)
        assert not store.exists(blob.key)
        with pytest.raises(DamagedArtifactError, match=blob.key):
            store.open(blob.key)

    @pytest.mark.parametrize("key", ["", "a", "../../etc/passwd", "/etc/passwd", "one/../../x", "one/ab/cd", "a\0b"])
    def test_a_key_does_not_lead_out_of_the_store(self, store: BlobStore, key: str) -> None:
        """Keys come from a database, which somebody may have changed."""
        for use in (store.open, store.exists, store.delete):
            with pytest.raises(DamagedArtifactError, match="not the key of a blob"):
                use(key)

    def test_a_pickled_store_is_the_same_one(self, store: BlobStore) -> None:
        """Worker processes get it like that."""
        blob = store.put(BLOB_SPACE, content(b"12"))
        copy = pickle.loads(pickle.dumps(store))
        with copy.open(blob.key) as stream:
            assert stream.read() == b"12"
        other = copy.put(BLOB_SPACE, content(b"3"))
        assert keys_of(store) == {blob.key, other.key}
        assert copy.url == store.url

    def test_a_folder_that_is_taken_over(self, store: BlobStore) -> None:
        """It is gone from its place, readable as its archive and as a folder, and goes as other blobs do."""
        own = store.workspace(BLOB_SPACE)
        if own is None:
            pytest.skip("the store takes no folders over")
        folder = own / "folder"
        (folder / "sub").mkdir(parents=True)
        (folder / "sub" / "a").write_bytes(b"one")
        blob = store.take(BLOB_SPACE, folder)
        assert not folder.exists()
        with store.open(blob.key) as stream:
            archive = stream.read()
        assert (len(archive), hashlib.sha256(archive).hexdigest()) == (blob.size, blob.digest)
        place = store.folder_of(blob.key)
        assert place is not None
        assert (place / "sub" / "a").read_bytes() == b"one"
        assert keys_of(store) == {blob.key}
        store.sweep(BLOB_SPACE, set)  # this process lives
        assert store.exists(blob.key)
        store.delete(blob.key)
        assert store.folder_of(blob.key) is None
        assert keys_of(store) == set()

    def test_many_threads_put_the_same_content(self, store: BlobStore) -> None:
        """Each gets a whole blob of its own."""
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(4) as pool:
            blobs = list(pool.map(lambda _: store.put(BLOB_SPACE, content(b"a" * 1000, b"b")), range(8)))
        assert len({blob.key for blob in blobs}) == 8
        assert keys_of(store) == {blob.key for blob in blobs}
