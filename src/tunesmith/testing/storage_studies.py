"""The laws of studies and attributes that every storage keeps; part of `tunesmith.testing.storages`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import pytest

from tunesmith.errors import DuplicatedStudyError, StudyNotFoundError
from tunesmith.space import Float, Space
from tunesmith.storage.base import Claim, Storage, StudyRecord
from tunesmith.testing.storage_model import COMPLETE, SPACE, begin, best_number, ended, run, running
from tunesmith.trial.record import Fence


class StudyLaws:
    """Studies are created, loaded, declared and deleted; they are independent; attributes are kept."""

    @pytest.fixture
    def storage(self) -> Storage:
        """Return an empty storage."""
        raise NotImplementedError("give the fixture storage, an empty storage of the class under test")

    @pytest.fixture
    def study(self, storage: Storage) -> StudyRecord:
        """Return a study with one objective and the space `SPACE`."""
        return storage.create_study(None, ["minimize"], 7, SPACE)

    @pytest.mark.parametrize("name", ["plain", "größer ∂ 🦊 \n 'quoted\" %s ? :x \\", "x" * 200])
    def test_a_study_comes_back_as_it_was_created(self, storage: Storage, name: str) -> None:
        """Name, directions, seed and space are kept to the letter."""
        made = storage.create_study(name, ["minimize", "maximize"], 2**63 - 1, SPACE)
        assert (made.name, made.directions, made.seed) == (name, ("minimize", "maximize"), 2**63 - 1)
        for found in (storage.load_study(name), storage.load_study(None), storage.list_studies()[0]):
            assert found == made
        assert made.created > 0

    def test_a_study_without_a_name_gets_one(self, storage: Storage) -> None:
        """It is a different one each time."""
        names = {storage.create_study(None, ["minimize"], 0).name for _ in range(5)}
        assert len(names) == 5
        assert [s.name for s in storage.list_studies()] == sorted(
            names, key=lambda name: storage.load_study(name).id
        ), "oldest first"

    def test_a_name_is_taken_once(self, storage: Storage) -> None:
        """A second create_study with that name raises, and changes nothing."""
        storage.create_study("one", ["minimize"], 0)
        with pytest.raises(DuplicatedStudyError, match="'one'"):
            storage.create_study("one", ["maximize"], 1)
        assert storage.load_study("one").directions == ("minimize",)

    def test_an_unknown_name(self, storage: Storage) -> None:
        """The error lists the studies, and suggests a near name."""
        with pytest.raises(StudyNotFoundError):
            storage.load_study("resnet")
        with pytest.raises(StudyNotFoundError):
            storage.load_study(None)
        storage.create_study("resnet-18", ["minimize"], 0)
        storage.create_study("other", ["minimize"], 0)
        with pytest.raises(StudyNotFoundError, match="did you mean 'resnet-18'"):
            storage.load_study("resnet-81")
        with pytest.raises(StudyNotFoundError, match="'other'"):
            storage.load_study(None)

    @pytest.mark.parametrize(
        ("name", "directions", "seed"),
        [
            ("", ["minimize"], 0),
            ("nul\0", ["minimize"], 0),
            ("half\ud800", ["minimize"], 0),
            ("a", [], 0),
            ("a", ["up"], 0),
            ("a", ["minimize"], -1),
            ("a", ["minimize"], 2**63),
        ],
    )
    def test_an_invalid_study_is_refused(self, storage: Storage, name: str, directions: list[str], seed: int) -> None:
        """It raises a ValueError, and nothing is created."""
        with pytest.raises(ValueError, match=r"name|direction|seed"):
            storage.create_study(name, directions, seed)
        assert storage.list_studies() == []

    def test_a_space_is_declared_later(self, storage: Storage) -> None:
        """set_space replaces the space of the study."""
        study = storage.create_study("a", ["minimize"], 0)
        assert storage.load_study("a").space is None
        storage.set_space(study.id, SPACE)
        assert storage.load_study("a").space == SPACE
        storage.set_space(study.id, Space(x=Float(0, 1)))
        assert storage.load_study("a").space == Space(x=Float(0, 1))

    def test_a_renamed_study_goes_on(self, storage: Storage, study: StudyRecord) -> None:
        """Its old name is free, and no other study can be given the new one."""
        other = storage.create_study("another", ["minimize"], 0)
        run(storage, study)
        old = storage.load_study(study.name).name
        with pytest.raises(DuplicatedStudyError, match="already holds a study 'another'"):
            storage.rename_study(study.id, "another")
        with pytest.raises(ValueError, match="name"):
            storage.rename_study(study.id, "")
        for name in ("Grüße, 你好", "Grüße, 你好", "last"):  # its own name is to be had
            storage.rename_study(study.id, name)
            assert storage.load_study(name).id == study.id
        run(storage, study)
        assert [s.name for s in storage.list_studies()] == ["last", "another"]
        assert storage.count(study.id) == {COMPLETE: 2}
        storage.rename_study(other.id, old)
        assert storage.load_study(old).id == other.id

    def test_a_deleted_study_is_gone(self, storage: Storage, study: StudyRecord) -> None:
        """Other studies stay, its id is not used again, and every later call on it raises."""
        other = storage.create_study("other", ["minimize"], 0)
        run(storage, other)
        run(storage, study)
        claim = storage.claim(study.id, "w")
        storage.delete_study(study.id)
        assert [s.name for s in storage.list_studies()] == ["other"]
        assert storage.count(other.id) == {COMPLETE: 1}
        trial = running(0)
        calls: list[Callable[[], object]] = [
            lambda: storage.claim(study.id, "w"),
            lambda: storage.claim(study.id, "w", True),
            lambda: storage.start(study.id, claim, running(claim.number)),
            lambda: storage.report(study.id, 0, Fence(1), 0, 0.0),
            lambda: storage.finish(study.id, ended(trial)),
            lambda: storage.add(study.id, [ended(trial)]),
            lambda: storage.release(study.id, {0: Fence(1)}),
            lambda: storage.read_since(study.id, 0),
            lambda: storage.trials(study.id),
            lambda: storage.best(study.id, "minimize"),
            lambda: storage.count(study.id),
            lambda: storage.set_attr(study.id, None, "a", 1),
            lambda: storage.set_space(study.id, SPACE),
            lambda: storage.delete_study(study.id),
            lambda: storage.rename_study(study.id, "new"),
        ]
        for call in calls:
            with pytest.raises(StudyNotFoundError):
                call()
        assert storage.create_study(study.name, ["minimize"], 0).id != study.id

    @pytest.mark.parametrize(
        "value", [None, True, 3, 2.5, math.inf, "größer 🦊 \0 \ud800", [1, [2, {"a": None}]], {"a": {"b": [1.5, "x"]}}]
    )
    def test_attributes(self, storage: Storage, study: StudyRecord, value: Any) -> None:
        """User and system attributes of a study and of a trial are kept and replaced; the version stays."""
        begin(storage, study)
        for number, system in [(None, False), (None, True), (0, False), (0, True)]:
            storage.set_attr(study.id, number, "kéy", "old", system)
            storage.set_attr(study.id, number, "kéy", value, system)
        record, trial = storage.load_study(study.name), storage.trials(study.id)[0]
        assert record.user == record.system == trial.user_attrs == trial.system_attrs == {"kéy": value}
        storage.beat("a:1:b")
        storage.beat("a:1:b")
        assert storage.read_since(study.id, 0).version == 1
        assert storage.load_study(study.name) == record, "a sign of life is no attribute"
        with pytest.raises(KeyError):
            storage.set_attr(study.id, 1, "key", value)

    def test_studies_are_independent(self, storage: Storage) -> None:
        """Numbers, seqs, versions, attributes and the best are each study's own."""
        a, b = (storage.create_study(None, ["minimize"], 0) for _ in range(2))
        run(storage, a, COMPLETE, 1.0)
        run(storage, b, COMPLETE, 2.0)
        run(storage, a, COMPLETE, 0.0)
        storage.set_attr(b.id, 0, "only", "b")
        assert [t.number for t in storage.trials(a.id)] == [0, 1]
        new = storage.read_since(b.id, 0)
        assert storage.claim(b.id, "w") == Claim(1, new.version)
        assert (new.number.tolist(), new.values.tolist(), new.cursor) == ([0], [[2.0]], 1)
        assert (best_number(storage, a, "minimize"), best_number(storage, b, "minimize")) == (1, 0)
        assert storage.trials(a.id, [0])[0].user is None
