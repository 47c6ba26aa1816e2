"""The law of artifacts, for any interleaving of writers, copiers, removers and cleaners, some of which are killed.

Each operation runs in a thread of its own that stops before it touches the store or the storage; Hypothesis says which
one goes on. One that is killed touches nothing any more, not even to clean up.
"""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, BinaryIO

from hypothesis import given, settings
from hypothesis import strategies as st

from tunesmith.artifacts.base import Blob, BlobStore, Chunks, Digest, new_key
from tunesmith.artifacts.record import Artifact
from tunesmith.errors import ArtifactError, ArtifactNotFoundError, DamagedArtifactError
from tunesmith.storage.memory import MemoryStorage
from tunesmith.study.artifacts import ArtifactHome, StudyArtifacts
from tunesmith.testing.storages import begin
from tunesmith.trial.record import Fence

GRACE = 10.0


class Killed(BaseException):
    """Ends a thread where it stands."""


class Operation(threading.Thread):
    def __init__(self, work: Callable[[], object], saves: bool) -> None:
        super().__init__(daemon=True)
        self.work, self.saves = work, saves
        self.go, self.stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.dead = self.over = False
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            pause()
            self.work()
        except (Killed, ArtifactNotFoundError):
            pass
        except ArtifactError as error:
            if "replaced all the time" not in str(error):
                self.error = error
        except BaseException as error:
            self.error = error
        finally:
            self.over = True
            self.stopped.release()

    def step(self) -> None:
        """Let it go on to the next place where it stops."""
        self.go.release()
        self.stopped.acquire()
        if self.error is not None:
            raise self.error


def pause() -> None:
    """Stop here, in the thread of an operation, until it is told to go on."""
    operation = threading.current_thread()
    if not isinstance(operation, Operation):
        return
    if not operation.dead:
        operation.stopped.release()
        operation.go.acquire()
    if operation.dead:
        raise Killed


class PausingStore(BlobStore):
    """A store in a dict, on a clock of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.kept: dict[str, tuple[bytes, float]] = {}

    @property
    def url(self) -> str:
        return "pausing://"

    def put(self, space: str, chunks: Chunks) -> Blob:
        pause()
        digest = Digest()
        content = b"".join(digest.through(chunks()))
        key = new_key(space, digest.hex)
        self.kept[key] = (content, self.now)
        pause()
        return Blob(key, digest.hex, digest.size)

    def open(self, key: str) -> BinaryIO:
        pause()
        if key not in self.kept:
            raise DamagedArtifactError(key)
        return io.BytesIO(self.kept[key][0])

    def exists(self, key: str) -> bool:
        pause()
        return key in self.kept

    def delete(self, key: str) -> None:
        pause()
        self.kept.pop(key, None)

    def blobs(self, space: str) -> Iterator[tuple[str, float]]:
        pause()
        return iter([(key, self.now - born) for key, (_, born) in self.kept.items()])


class PausingStorage(MemoryStorage):
    def put_artifact(self, study_id: int, artifact: Artifact, fence: Fence | None = None) -> Any:
        pause()
        done = super().put_artifact(study_id, artifact, fence)
        pause()
        return done

    def artifacts_of(self, study_id: int, number: int | None) -> list[Artifact]:
        pause()
        return super().artifacts_of(study_id, number)

    def artifacts(self, study_id: int) -> list[Artifact]:
        pause()
        return super().artifacts(study_id)

    def remove_artifact(self, study_id: int, number: int | None, name: str, fence: Fence | None = None) -> list[str]:
        pause()
        loose = super().remove_artifact(study_id, number, name, fence)
        pause()
        return loose


CONTENTS = st.sampled_from([b"a", b"b", b"c"])
NAMES = st.sampled_from(["x", "y"])
TRIALS = st.sampled_from([None, 0, 1])


@settings(max_examples=settings().max_examples * 3 // 2)
@given(st.data())
def test_what_is_pointed_to_is_there_and_after_clean_nothing_else(data: st.DataObject) -> None:
    storage, store = PausingStorage(), PausingStore()
    record = storage.create_study("s", ["minimize"], 0)
    for _ in range(2):
        begin(storage, record)
    home = ArtifactHome(record, storage, store)
    study = StudyArtifacts(home)

    def of(number: int | None) -> Any:
        return study if number is None else study.of(number)

    def operation() -> Operation:
        kind = data.draw(st.sampled_from(["save", "save", "copy", "remove", "clean", "load"]))
        place, name = of(data.draw(TRIALS)), data.draw(NAMES)
        if kind == "save":
            content = data.draw(CONTENTS)
            return Operation(lambda: place.save(name, content), True)
        if kind == "copy":
            source, to = data.draw(TRIALS), data.draw(NAMES)
            return Operation(lambda: place.copy_from(source, name, to), False)
        if kind == "remove":
            return Operation(lambda: place.remove(name), False)
        if kind == "load":
            return Operation(lambda: place.load(name), False)
        return Operation(lambda: study.clean(GRACE), False)

    def check() -> set[str]:
        pointed = {a.key for a in MemoryStorage.artifacts(storage, record.id)}
        assert pointed <= store.kept.keys(), "an artifact points to nothing"
        return pointed

    live: list[Operation] = []
    for _ in range(data.draw(st.integers(5, 40))):
        what = data.draw(st.sampled_from(["begin", "step", "step", "step", "step", "kill", "wait"]))
        if what == "begin" and len(live) < 4:
            live.append(operation())
            live[-1].start()
            live[-1].stopped.acquire()
        elif what == "wait" and not any(o.saves for o in live):  # a writer publishes within the grace
            store.now += GRACE
        elif live:
            chosen = live[data.draw(st.integers(0, len(live) - 1))]
            chosen.dead = what == "kill"
            chosen.step()
        live = [o for o in live if not o.over]
        check()
    for left in live:
        while not left.over:
            left.step()
            check()
    study.clean(grace=0)
    assert check() == store.kept.keys()
    with suppress(ArtifactNotFoundError):
        study.load("x")


def test_what_is_published_while_clean_looks_is_kept() -> None:
    """Clean looks for old contents first and for pointers after that: the other way round it would delete this one."""

    class Busy(MemoryStorage):
        def artifacts(self, study_id: int) -> list[Artifact]:
            found = super().artifacts(study_id)
            study.save("x", b"new")
            store.now += GRACE
            return found

    storage, store = Busy(), PausingStore()
    record = storage.create_study("s", ["minimize"], 0)
    study = StudyArtifacts(ArtifactHome(record, storage, store))
    assert study.clean(GRACE) == 0
    assert study.load("x") == b"new"
