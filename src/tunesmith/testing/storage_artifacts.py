"""The laws of the pointers of artifacts; part of `tunesmith.testing.storages`."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tunesmith.artifacts.record import Artifact
from tunesmith.errors import AttemptReplacedError, StudyNotFoundError
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.testing.storage_model import begin, ended, running
from tunesmith.trial.record import Fence


def pointer(name: str, content: str, number: int | None = None, copy: int = 0) -> Artifact:
    """Return an artifact to be published.

    Args:
        name: its name.
        content: what stands for its content; equal ones have equal digests.
        number: its trial.
        copy: which blob of this content; each writer has its own.

    Returns:
        The record.
    """
    digest = content.encode().hex().ljust(64, "0")
    key = f"space/{digest[:2]}/{digest}-{copy:016x}"
    return Artifact(name, digest, len(content), "text/x ∂", number, 0, 1.5 + copy, key)


class ArtifactLaws:
    """A pointer leads to a blob from its publication on, and a blob that none leads to is never led to again."""

    def test_a_pointer_comes_back_as_it_was_published(self, storage: Storage, study: StudyRecord) -> None:
        """With the attempt of its trial; by trial and name, the study's own first."""
        begin(storage, study)
        begin(storage, study)
        large = replace(pointer("large", "l", 1), size=2**62)
        given = [pointer("plots/größe 🦊 %s '.png", "a", 1), pointer("b", "b", 0), pointer("x" * 200, "c"), large]
        for artifact in given:
            published = replace(artifact, attempt=0 if artifact.number is None else 1)
            assert storage.put_artifact(study.id, artifact) == (published, [])
        found = storage.artifacts(study.id)
        assert [(a.number, a.name) for a in found] == [
            (None, "x" * 200), (0, "b"), (1, "large"), (1, "plots/größe 🦊 %s '.png")
        ]  # fmt: skip
        assert found[1] == replace(given[1], attempt=1)
        assert found[2].size == 2**62
        assert storage.artifacts_of(study.id, 1) == found[2:]
        assert storage.artifacts_of(study.id, None) == found[:1]
        assert storage.artifacts_of(study.id, 99) == []

    def test_names_that_differ_in_case_are_two(self, storage: Storage, study: StudyRecord) -> None:
        """Also where texts are compared without a look at that."""
        for name in ("a", "A", "é", "e"):
            storage.put_artifact(study.id, pointer(name, name))
        assert {a.name for a in storage.artifacts(study.id)} == {"a", "A", "é", "e"}

    def test_the_same_content_is_one_blob(self, storage: Storage, study: StudyRecord) -> None:
        """Whoever publishes it second points to the first one's, until the last pointer is gone."""
        begin(storage, study)
        first, second = pointer("a", "same"), pointer("b", "same", 0, copy=2)
        storage.put_artifact(study.id, first)
        done, loose = storage.put_artifact(study.id, second) or (None, None)
        assert done is not None
        assert (done.key, loose) == (first.key, [])
        assert storage.remove_artifact(study.id, None, "a") == []
        assert storage.remove_artifact(study.id, 0, "b") == [first.key]
        assert storage.remove_artifact(study.id, 0, "b") == [], "it is gone"
        assert storage.put_artifact(study.id, second) == (replace(second, attempt=1), [])

    def test_a_pointer_without_a_blob_takes_one_that_is_pointed_to(self, storage: Storage, study: StudyRecord) -> None:
        """That is how a copy is made."""
        begin(storage, study)
        copy = replace(pointer("copy", "a", 0), key="")
        assert storage.put_artifact(study.id, copy) is None
        assert storage.artifacts(study.id) == []
        storage.put_artifact(study.id, pointer("a", "a"))
        done, loose = storage.put_artifact(study.id, copy) or (None, None)
        assert done is not None
        assert (done.key, done.attempt, loose) == (pointer("a", "a").key, 1, [])
        assert storage.put_artifact(study.id, replace(copy, name="none", digest="0" * 64)) is None

    def test_a_pointer_is_replaced(self, storage: Storage, study: StudyRecord) -> None:
        """The blob that it led to is returned if nothing leads there any more."""
        old, new = pointer("x", "old"), pointer("x", "new")
        storage.put_artifact(study.id, old)
        assert storage.put_artifact(study.id, new) == (new, [old.key])
        assert storage.put_artifact(study.id, new) == (new, []), "as it is run again after a lost answer"
        storage.put_artifact(study.id, pointer("y", "new", copy=3))
        assert storage.put_artifact(study.id, old) == (old, []), "y leads to the other one still"
        assert storage.artifacts(study.id) == [old, replace(pointer("y", "new", copy=3), key=new.key)]

    def test_an_attempt_that_was_replaced_publishes_and_removes_nothing(
        self, storage: Storage, study: StudyRecord
    ) -> None:
        """The next one finds what it left."""
        begin(storage, study)
        storage.put_artifact(study.id, pointer("x", "1", 0), Fence(1))
        storage.release(study.id, {0: Fence(1)})
        claim = storage.claim(study.id, "v")
        assert claim is not None
        assert storage.start(study.id, claim, running(0, attempt=2, worker="v")) is not None
        for late in (
            lambda: storage.put_artifact(study.id, pointer("x", "late", 0), Fence(1)),
            lambda: storage.put_artifact(study.id, replace(pointer("y", "1", 0), key=""), Fence(1)),
            lambda: storage.remove_artifact(study.id, 0, "x", Fence(1)),
        ):
            with pytest.raises(AttemptReplacedError, match="trial 0"):
                late()
        assert storage.artifacts_of(study.id, 0) == [replace(pointer("x", "1", 0), attempt=1)]
        done, _ = storage.put_artifact(study.id, pointer("x", "2", 0), Fence(2)) or (None, None)
        assert done is not None
        assert done.attempt == 2
        storage.finish(study.id, ended(running(0, attempt=2, worker="v")))
        assert storage.put_artifact(study.id, pointer("z", "3", 0), Fence(2)) is not None, "after its end, too"

    def test_trials_and_studies_that_are_not_there(self, storage: Storage, study: StudyRecord) -> None:
        """A pointer belongs to one of both; those of a deleted study are gone."""
        with pytest.raises(KeyError, match="no trial 0"):
            storage.put_artifact(study.id, pointer("x", "1", 0))
        other = storage.create_study("other", ["minimize"], 0)
        storage.put_artifact(other.id, pointer("x", "1"))
        assert storage.artifacts(study.id) == []
        storage.delete_study(other.id)
        for use in (
            lambda: storage.artifacts(other.id),
            lambda: storage.artifacts_of(other.id, None),
            lambda: storage.put_artifact(other.id, pointer("x", "1")),
            lambda: storage.remove_artifact(other.id, None, "x"),
        ):
            with pytest.raises(StudyNotFoundError):
                use()

    def test_threads_that_publish_and_remove_agree_on_the_last_pointer(
        self, storage: Storage, study: StudyRecord
    ) -> None:
        """A blob that one was told to delete is not led to by another one's pointer, then or later."""
        from concurrent.futures import ThreadPoolExecutor

        loose: list[str] = []
        counter = iter(range(1, 10_000))
        lock = threading.Lock()

        def work(index: int) -> None:
            for _ in range(12):
                with lock:
                    copy = next(counter)
                mine = pointer(f"name {index}", "same", copy=copy)
                done, freed = storage.put_artifact(study.id, mine) or (mine, [])
                assert done.key not in loose
                if done.key != mine.key:
                    freed = [*freed, mine.key]
                loose.extend([*freed, *storage.remove_artifact(study.id, None, mine.name)])

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(4)))
        assert storage.artifacts(study.id) == []
        assert len(loose) == len(set(loose)) == 48
