"""The laws of storages, as a pytest class to derive from."""

from __future__ import annotations

import math
import threading
from typing import Any

import pytest

from tunesmith.errors import StudyNotFoundError, TrialFinishedError, TrialsSpentError
from tunesmith.state import TrialState
from tunesmith.storage.base import Claim, Storage, StudyRecord
from tunesmith.testing.storage_artifacts import ArtifactLaws
from tunesmith.testing.storage_attempts import AttemptLaws
from tunesmith.testing.storage_model import (
    COMPLETE,
    FAIL,
    POINT,
    PRUNED,
    RUNNING,
    SPACE,
    WAITING,
    Reader,
    assert_ended,
    assert_same,
    begin,
    ended,
    running,
)
from tunesmith.testing.storage_reading import ReadingLaws
from tunesmith.testing.storage_studies import StudyLaws
from tunesmith.trial.record import NAN, Fence, TrialRecord


class StorageConformance(ArtifactLaws, StudyLaws, AttemptLaws, ReadingLaws):
    """Derive from it and give the fixture `storage`; each test is one law.

    The storage has to be empty at first.

    Example::

        class TestMyStorage(StorageConformance):
            @pytest.fixture
            def storage(self, tmp_path):
                return MyStorage(tmp_path / "file")
    """

    # -- a trial's way -----------------------------------------------------------------------------------------

    def test_a_claim_writes_nothing(self, storage: Storage, study: StudyRecord) -> None:
        """The first worker to start the trial has the number."""
        first, second = storage.claim(study.id, "a"), storage.claim(study.id, "b")
        assert first == second == Claim(0, 0)
        assert storage.trials(study.id) == []
        assert storage.start(study.id, first, running(0)) == 1
        assert storage.start(study.id, second, running(0)) is None
        assert storage.claim(study.id, "b") == Claim(1, 1)

    def test_a_reserved_number_is_not_given_to_another_worker(self, storage: Storage, study: StudyRecord) -> None:
        """The trial runs from the claim on."""
        promise = storage.claim(study.id, "a")
        taken = storage.claim(study.id, "w", reserve=True)
        assert (taken.number, taken.reserved, taken.trial, taken.version) == (0, True, None, 1)
        assert [t.state for t in storage.trials(study.id)] == [RUNNING]
        assert storage.start(study.id, promise, running(0)) is None
        assert storage.start(study.id, taken, running(0)) == (2 if storage.prompt else 1)
        assert_ended(storage, storage.finish(study.id, ended(running(0))), 1, 3)

    def test_no_number_beyond_a_limit_is_claimed(self, storage: Storage, study: StudyRecord) -> None:
        """Neither a new one, reserved or not, nor that of a waiting trial; nothing is written then."""
        for number in range(2):
            assert begin(storage, study, eager=number == 0) == number
        for reserve in (False, True):
            with pytest.raises(TrialsSpentError, match="2 trials"):
                storage.claim(study.id, "w", reserve, below=2)
        storage.add(study.id, [TrialRecord(-1, WAITING, fixed={"lr": 0.5})])
        for reserve in (False, True):
            with pytest.raises(TrialsSpentError):
                storage.claim(study.id, "w", reserve, below=2)
        assert storage.count(study.id) == {RUNNING: 2, WAITING: 1}
        assert storage.claim(study.id, "w", below=3).number == 2

    def test_a_record_comes_back_as_it_was_written(self, storage: Storage, study: StudyRecord) -> None:
        """Every field, unusual values included."""
        fixed = {"lr": 0.1, "act": ("a", 2), "other": [1, {"k": math.inf}]}
        user = {"note ∂": "größer 🦊 \0", "deep": {"list": [1, None, True, -math.inf]}, "": 0} | {"k" * 200: 1}
        user.pop("")
        begun = TrialRecord(
            0, RUNNING, space=SPACE, x=POINT, sampler_state=-(2**62), started=1.5, worker="wörker:1", fixed=fixed
        )  # fmt: skip
        assert storage.start(study.id, storage.claim(study.id, "wörker:1"), begun) is not None
        assert_same(storage.trials(study.id)[0], begun)
        done = TrialRecord(
            0,
            FAIL,
            space=SPACE,
            x=POINT,
            values=(-math.inf,),
            sampler_state=2**62,
            cost=math.inf,
            constraints={"c ∂": -1.0, "d": math.inf, "e": NAN},
            reason="half of a pair \ud800 and NUL \0",
            started=1.5,
            finished=2.25,
            worker="wörker:1",
            fixed=fixed,
            user=user,
            system={"fold": [0.5, NAN]},
            reports={0: 1.0, 10**12: -math.inf, 3: NAN},
        )
        assert_ended(storage, storage.finish(study.id, done), 1, 2)
        storage.read_since(study.id, 0)
        found = storage.trials(study.id)[0]
        assert found.reason is not None
        assert found.reason.startswith("half of a pair ")
        found.reason, done.seq = done.reason, 1
        assert_same(found, done)
        assert found.params == {"lr": "auto", "layers": None, "act": True}

    @pytest.mark.parametrize("state", [COMPLETE, PRUNED, FAIL])
    def test_a_finish_is_recorded_once(self, storage: Storage, study: StudyRecord, state: TrialState) -> None:
        """A task that runs twice is recorded once."""
        begin(storage, study)
        assert_ended(storage, storage.finish(study.id, ended(running(0), state=state)), 1, 2)
        version = storage.read_since(study.id, 0).version
        before = storage.trials(study.id)
        assert storage.finish(study.id, ended(running(0), state=state))[0] == 1, "the answer to the first one was lost"
        with pytest.raises(TrialFinishedError, match="trial 0"):
            storage.finish(study.id, ended(running(0), 9.0, state=FAIL if state is COMPLETE else COMPLETE))
        with pytest.raises(ValueError, match="attempt 2 was not begun"):
            storage.finish(study.id, ended(running(0), attempt=2))
        assert storage.trials(study.id) == before
        assert storage.read_since(study.id, 0).version == version
        with pytest.raises(KeyError):
            storage.finish(study.id, ended(running(1)))

    @pytest.mark.parametrize(
        "wrong",
        [
            TrialRecord(0, RUNNING),
            TrialRecord(0, WAITING),
            TrialRecord(0, COMPLETE),
            TrialRecord(0, COMPLETE, values=(NAN,)),
            TrialRecord(0, COMPLETE, values=(1.0, 2.0)),
            TrialRecord(0, PRUNED, values=()),
        ],
    )
    def test_an_invalid_finish_is_refused(self, storage: Storage, study: StudyRecord, wrong: TrialRecord) -> None:
        """The trial still runs after that, and can be finished."""
        begin(storage, study)
        with pytest.raises(ValueError, match=r"trial|state|value"):
            storage.finish(study.id, wrong)
        assert storage.count(study.id) == {RUNNING: 1}
        assert_ended(storage, storage.finish(study.id, ended(running(0))), 1, 2)

    def test_reports_are_kept_while_a_trial_runs(self, storage: Storage, study: StudyRecord) -> None:
        """The first value of a step counts; finished and unknown trials take none."""
        begin(storage, study)
        for step, value in [(3, 0.5), (1, math.inf), (3, 0.7), (2, NAN)]:
            storage.report(study.id, 0, Fence(1), step, value)
        storage.report(study.id, 99, Fence(1), 0, 1.0)
        new = storage.read_since(study.id, 0)
        known = [(0, 3, 0.5, NAN), (0, 1, math.inf, NAN), (0, 2, NAN, NAN)]
        assert sorted(map(repr, new.reports)) == sorted(map(repr, known))
        assert new.version == 1, "reports do not raise the version"
        storage.finish(study.id, ended(running(0), reports={3: 9.0, 4: 0.1}))
        storage.report(study.id, 0, Fence(1), 5, 1.0)
        reports = dict(storage.trials(study.id)[0].intermediate_values)
        assert repr(dict(sorted(reports.items()))) == repr({1: math.inf, 2: NAN, 3: 0.5, 4: 0.1})

    def test_attributes_set_while_a_trial_runs_are_kept(self, storage: Storage, study: StudyRecord) -> None:
        """Those of set_attr and of the record are merged; the record's take precedence."""
        begin(storage, study)
        storage.set_attr(study.id, 0, "a", 1)
        storage.set_attr(study.id, 0, "b", 1)
        storage.set_attr(study.id, 0, "s", [1], system=True)
        storage.finish(study.id, ended(running(0), user={"b": 2, "c": 3}))
        storage.set_attr(study.id, 0, "c", 4)
        found = storage.trials(study.id)[0]
        assert found.user_attrs == {"a": 1, "b": 2, "c": 4}
        assert found.system_attrs == {"s": [1]}

    # -- many at once ------------------------------------------------------------------------------------------

    def test_many_threads_share_a_study(self, storage: Storage, study: StudyRecord) -> None:
        """No number is given twice, no seq is missing, and a reader of increments misses nothing."""
        from concurrent.futures import ThreadPoolExecutor

        n_threads, n_trials = 6, 20
        over = threading.Event()
        reader = Reader(storage, study)

        def read() -> None:
            while not over.is_set():
                reader.read()

        def work(index: int) -> list[tuple[int, int]]:
            done = []
            for i in range(n_trials):
                number = begin(storage, study, worker=f"w{index}", eager=i % 2 == 0)
                seq, _ = storage.finish(study.id, ended(running(number, worker=f"w{index}"), float(number)))
                done.append((number, seq))
            return done

        with ThreadPoolExecutor(n_threads + 1) as pool:
            following = pool.submit(read)
            try:
                pairs = [pair for done in pool.map(work, range(n_threads)) for pair in done]
            finally:
                over.set()
            following.result()
        n = n_threads * n_trials
        assert sorted(number for number, _ in pairs) == list(range(n))
        reader.read()
        if storage.prompt:
            assert sorted(seq for _, seq in pairs) == list(range(1, n + 1))
            assert reader.numbers == [number for number, _ in sorted(pairs, key=lambda pair: pair[1])]
        assert sorted(t.seq for t in storage.trials(study.id)) == list(range(1, n + 1))
        reader.compare()
        assert storage.count(study.id) == {COMPLETE: n}

    def test_an_attribute_is_changed_by_one_at_a_time(self, storage: Storage, study: StudyRecord) -> None:
        """A change knows what the one before it stored, in whichever thread that was."""
        from concurrent.futures import ThreadPoolExecutor

        def add(n: int) -> Any:
            return storage.change_study_attr(study.id, "n", lambda present: {"n": (present or {"n": 0})["n"] + n})

        with ThreadPoolExecutor(6) as pool:
            made = [found["n"] for found in pool.map(add, [1] * 30)]
        assert sorted(made) == list(range(1, 31))
        assert storage.change_study_attr(study.id, "n", lambda present: present) == {"n": 30}
        assert storage.load_study(study.name).system == {"n": {"n": 30}}
        storage.delete_study(study.id)
        with pytest.raises(StudyNotFoundError):
            storage.change_study_attr(study.id, "n", lambda present: {})

    def test_a_waiting_trial_goes_to_one_worker(self, storage: Storage, study: StudyRecord) -> None:
        """Also when many ask at once."""
        from concurrent.futures import ThreadPoolExecutor

        storage.add(study.id, [TrialRecord(-1, WAITING, fixed={"lr": 0.5}) for _ in range(24)])

        def work(index: int) -> list[Claim]:
            return [storage.claim(study.id, f"w{index}", reserve=True) for _ in range(8)]

        with ThreadPoolExecutor(6) as pool:
            claims = [claim for some in pool.map(work, range(6)) for claim in some]
        assert sorted(claim.number for claim in claims) == list(range(48))
        assert sorted(claim.number for claim in claims if claim.trial is not None) == list(range(24))
