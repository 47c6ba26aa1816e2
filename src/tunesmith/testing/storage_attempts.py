"""The laws of trials that are started more than once; part of `tunesmith.testing.storages`."""

from __future__ import annotations

import math

import numpy as np
import pytest

from tunesmith.errors import AttemptReplacedError, TrialFinishedError
from tunesmith.state import FailureKind
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.testing.storage_model import (
    COMPLETE,
    FAIL,
    PAUSED,
    POINT,
    RUNNING,
    SPACE,
    WAITING,
    begin,
    ended,
    running,
)
from tunesmith.trial.record import LATE, NAN, Attempt, Fence, TrialRecord


class AttemptLaws:
    """A released trial is run again as it was proposed, with the reports and attributes of its earlier attempts."""

    def test_a_released_trial_is_run_again_as_it_was_proposed(self, storage: Storage, study: StudyRecord) -> None:
        """It keeps its point and sampler state and has the next attempt; the first worker's result is refused."""
        begin(storage, study, sampler_state=5)
        begin(storage, study)
        storage.report(study.id, 0, Fence(1), 0, 1.0)
        storage.set_attr(study.id, 0, "kept", True)
        version = storage.read_since(study.id, 0).version
        storage.release(study.id, {0: Fence(1), 99: Fence(1)})
        assert storage.read_since(study.id, 0).version == version + 1
        waiting = storage.trials(study.id, states=[WAITING])[0]
        assert (waiting.number, waiting.attempt, waiting.worker, waiting.reports) == (0, 2, "", None)
        with pytest.raises(AttemptReplacedError, match="attempt 1 was given up"):
            storage.finish(study.id, ended(running(0)))
        claim = storage.claim(study.id, "v")
        again = claim.trial
        assert again is not None
        assert (claim.number, again.attempt, again.sampler_state) == (0, 2, 5)
        assert (again.worker, again.user) == ("v", {"kept": True})
        assert again.space == SPACE
        assert again.x is not None
        assert np.array_equal(again.x, POINT, equal_nan=True)
        with pytest.raises(AttemptReplacedError):
            storage.finish(study.id, ended(running(0)))
        assert storage.start(study.id, claim, running(0, attempt=2, worker="v")) is not None
        storage.finish(study.id, ended(running(0, attempt=2, worker="v")))
        storage.release(study.id, {0: Fence(2)})
        assert storage.count(study.id) == {COMPLETE: 1, RUNNING: 1}, "a finished trial is not released"

    def test_reports_of_several_objectives_are_kept_whole(self, storage: Storage) -> None:
        """As tuples, in every attempt and however they come; the first report of a step counts, in all its values."""
        study = storage.create_study("several", ["minimize", "maximize", "minimize"], 0)
        first, second, third = (0.5, -math.inf, 1.0), (0.25, NAN, 2.0), (0.125, 3.0, 2.0**-30)
        begin(storage, study)
        storage.report(study.id, 0, Fence(1), 0, first, 1.5)
        storage.report(study.id, 0, Fence(1), 0, second)
        storage.report(study.id, 0, Fence(1), 2**40, second)
        found = sorted(storage.read_since(study.id, 0).reports)
        assert repr(found) == repr([(0, 0, first, 1.5), (0, 2**40, second, NAN)])
        storage.release(study.id, {0: Fence(1)})
        claim = storage.claim(study.id, "w")
        assert claim.trial is not None
        assert repr(claim.trial.previous_attempts[0].reports) == repr({0: first, 2**40: second})
        storage.start(study.id, claim, running(0, attempt=2))
        storage.report(study.id, 0, Fence(2), 1, third)
        done = ended(running(0, attempt=2), reports={2: (1.0, 2.0)})
        done.values = 1.0, 2.0, 3.0
        with pytest.raises(ValueError, match=r"3 value\(s\) expected in each report"):
            storage.finish(study.id, done)
        done.reports = {2: first}
        storage.finish(study.id, done)
        (trial,) = storage.trials(study.id)
        assert dict(trial.intermediate_values) == {0: first, 1: third, 2: first}
        assert sorted(r[1:3] for r in storage.read_since(study.id, 0).reports) == [(0, first), (1, third), (2, first)]
        (number,) = storage.add(study.id, [trial])
        assert dict(storage.trials(study.id, [number])[0].reports or {}) == {0: first, 1: third, 2: first}

    def test_reports_and_attributes_of_an_attempt_are_kept(self, storage: Storage, study: StudyRecord) -> None:
        """They are stored by attempt; the next attempt starts from them, and its own take precedence."""
        begin(storage, study)
        storage.set_attr(study.id, 0, "checkpoint", "a", fence=Fence(1))
        storage.set_attr(study.id, 0, "host", "one", fence=Fence(1))
        for step in range(4):
            storage.report(study.id, 0, Fence(1), step, step + 0.1)
        storage.release(study.id, {0: Fence(1)}, FailureKind.LOST)
        assert storage.read_since(study.id, 0).reports == [], "a waiting trial has no curve"
        claim = storage.claim(study.id, "v")
        assert claim.trial is not None
        reported, noted = {0: 0.1, 1: 1.1, 2: 2.1, 3: 3.1}, {"checkpoint": "a", "host": "one"}
        first = Attempt(1, reported, noted, FailureKind.LOST, "w")
        assert (claim.trial.previous_attempts, claim.trial.crashes, claim.trial.reports) == ((first,), 1, None)
        assert claim.trial.user_attrs == first.user_attrs
        assert storage.start(study.id, claim, running(0, attempt=2, worker="v")) is not None
        with pytest.raises(AttemptReplacedError, match="trial 0: attempt 1 was given up and the trial is at attempt 2"):
            storage.report(study.id, 0, Fence(1), 4, 9.9)
        with pytest.raises(AttemptReplacedError, match="attempt 1"):
            storage.set_attr(study.id, 0, "checkpoint", "late", fence=Fence(1))
        storage.report(study.id, 0, Fence(2), 2, 2.2)
        storage.set_attr(study.id, 0, "checkpoint", "b", fence=Fence(2))
        assert [r[1:3] for r in storage.read_since(study.id, 0).reports] == [(0, 0.1), (1, 1.1), (2, 2.2)]
        storage.release(study.id, {0: Fence(1)})
        storage.release(study.id, {0: Fence(2)})
        claim = storage.claim(study.id, "w")
        assert storage.start(study.id, claim, running(0, attempt=3)) is not None
        done = ended(running(0, attempt=3), reports={3: 3.3, 4: 4.3}, user={"host": "three"})
        storage.finish(study.id, done)
        storage.read_since(study.id, 0)
        (found,) = storage.trials(study.id)
        second = Attempt(2, {2: 2.2}, {"checkpoint": "b", "host": "one"}, None, "v")
        assert found.previous_attempts == (first, second)
        assert (found.attempt, found.crashes, found.reports) == (3, 1, {3: 3.3, 4: 4.3})
        assert found.user_attrs == {"checkpoint": "b", "host": "three"}
        assert found.intermediate_values == {0: 0.1, 1: 1.1, 2: 2.2, 3: 3.3, 4: 4.3}
        new = storage.read_since(study.id, 0)
        assert (new.attempt.tolist(), sorted(r[1:3] for r in new.reports)) == (
            [3],
            sorted(found.intermediate_values.items()),
        )
        assert storage.trials(study.id, [0]) == storage.trials(study.id) == [found]
        (number,) = storage.add(study.id, [found])
        copy = storage.trials(study.id, [number])[0]
        assert (copy.attempt, copy.crashes, copy.previous_attempts) == (1, 0, ())
        assert copy.reports == found.intermediate_values

    def test_a_trial_released_between_claim_and_start(self, storage: Storage, study: StudyRecord) -> None:
        """The new worker has it, not the slow one."""
        storage.add(study.id, [TrialRecord(-1, WAITING, fixed={"lr": 0.5})])
        slow = storage.claim(study.id, "slow")
        storage.release(study.id, {0: Fence(1)})
        quick = storage.claim(study.id, "quick")
        assert storage.start(study.id, slow, running(0, worker="slow")) is None
        assert storage.start(study.id, quick, running(0, worker="quick", attempt=2)) is not None

    def test_a_paused_trial_goes_on_when_it_is_asked_for(self, storage: Storage, study: StudyRecord) -> None:
        """No claim returns it; it keeps its point, cost and reports; one worker of two gets it."""
        begin(storage, study, token=7)
        storage.report(study.id, 0, Fence(1, 7), 0, 1.0, 2.5)
        first = running(0, token=7)
        first.reports, first.costs, first.cost, first.user = {1: 0.5}, {1: 3.5}, 6.0, {"at": "pause"}
        storage.pause(study.id, first)
        assert storage.count(study.id) == {PAUSED: 1}
        (paused,) = storage.read_since(study.id, 0).paused
        assert (paused.number, paused.state, paused.attempt, paused.cost) == (0, PAUSED, 2, 6.0)
        assert sorted(storage.read_since(study.id, 0).reports) == [(0, 0, 1.0, 2.5), (0, 1, 0.5, 3.5)]
        assert storage.claim(study.id, "v").number == 1
        for late in (lambda: storage.report(study.id, 0, Fence(1, 7), 2, 0.0), lambda: storage.finish(study.id, first)):
            first.state, first.values = COMPLETE, (0.0,)
            with pytest.raises(AttemptReplacedError):
                late()
        claim, second = storage.resume(study.id, 0, "v", 8), storage.resume(study.id, 0, "u", 9)
        assert claim is not None
        assert claim.trial is not None
        assert second is None
        assert claim.trial.x is not None
        assert np.array_equal(claim.trial.x, POINT, equal_nan=True)
        assert (claim.trial.user, claim.trial.cost) == ({"at": "pause"}, 6.0)
        assert claim.trial.previous_attempts[0].costs == {0: 2.5, 1: 3.5}
        again = running(0, attempt=2, worker="v", token=8)
        assert storage.start(study.id, claim, again) is not None
        storage.finish(study.id, ended(running(0, attempt=2, worker="v", token=8)))
        with pytest.raises(TrialFinishedError):
            storage.pause(study.id, running(0, attempt=2, worker="v", token=8))
        assert storage.resume(study.id, 0, "w", 10) is None
        assert storage.resume(study.id, 99, "w", 11) is None
        with pytest.raises(KeyError):
            storage.pause(study.id, running(99))

    def test_a_resumed_trial_whose_worker_dies_waits(self, storage: Storage, study: StudyRecord) -> None:
        """Then it comes before any new one, as every trial that was interrupted."""
        begin(storage, study)
        storage.pause(study.id, running(0))
        claim = storage.resume(study.id, 0, "v", 8)
        assert claim is not None
        storage.release(study.id, {0: Fence(2, 8)}, FailureKind.LOST)
        again = storage.claim(study.id, "u", token=9)
        assert (again.number, again.trial and again.trial.attempt) == (0, 3)

    def test_every_write_of_a_replaced_attempt_is_refused(self, storage: Storage, study: StudyRecord) -> None:
        """By its number, and by its token where the number is the same; its result is kept as a note."""
        begin(storage, study, token=7)
        for wrong in (Fence(1, 8), Fence(1)):
            with pytest.raises(AttemptReplacedError, match="another worker has it"):
                storage.report(study.id, 0, wrong, 0, 1.0)
            with pytest.raises(AttemptReplacedError):
                storage.set_attr(study.id, 0, "k", 1, fence=wrong)
            storage.release(study.id, {0: wrong}, FailureKind.LEASE)
        assert storage.count(study.id) == {RUNNING: 1}, "a release with another token changes nothing"
        storage.report(study.id, 0, Fence(1, 7), 0, 1.0)
        storage.release(study.id, {0: Fence(1, 7)}, FailureKind.LEASE)
        again = storage.claim(study.id, "v", token=9)
        assert storage.start(study.id, again, running(0, attempt=2, worker="v", token=9)) is not None
        for late in (Fence(1, 7), Fence(2, 7)):
            with pytest.raises(AttemptReplacedError):
                storage.report(study.id, 0, late, 1, 2.0)
            with pytest.raises(AttemptReplacedError):
                storage.set_attr(study.id, 0, "k", 1, fence=late)
        for _ in range(2):
            with pytest.raises(AttemptReplacedError, match="kept as a note"):
                storage.finish(study.id, ended(running(0, token=7), 0.25))
        storage.finish(study.id, ended(running(0, attempt=2, worker="v", token=9), 0.75))
        (found,) = storage.trials(study.id)
        assert (found.value, found.user_attrs, found.intermediate_values) == (0.75, {}, {0: 1.0})
        (first,) = found.previous_attempts
        assert (first.failure, first.worker) == (FailureKind.LEASE, "w")
        assert first.late == {"state": "COMPLETE", "values": [0.25], "reason": None}

    def test_a_result_that_comes_after_its_trial_was_given_up(self, storage: Storage, study: StudyRecord) -> None:
        """The trial stays as it was ended for its lost worker; the result is a note."""
        begin(storage, study, token=7)
        lost = ended(running(0, token=7), None, FAIL, failure=FailureKind.LOST, reason="lost")
        storage.finish(study.id, lost)
        with pytest.raises(AttemptReplacedError, match="no sign of life"):
            storage.finish(study.id, ended(running(0, token=7), 0.25))
        (found,) = storage.trials(study.id)
        assert (found.state, found.failure, found.values) == (FAIL, FailureKind.LOST, None)
        assert found.system_attrs[LATE] == {"state": "COMPLETE", "values": [0.25], "reason": None}
        assert storage.read_since(study.id, 0).failure.tolist() == [FailureKind.LOST]

    @pytest.mark.parametrize("reserve", [True, False])
    def test_a_start_whose_answer_was_lost(self, storage: Storage, study: StudyRecord, reserve: bool) -> None:
        """Started again with the same token, the trial is the same one."""
        claim = storage.claim(study.id, "w", reserve=reserve, token=7)
        first = storage.start(study.id, claim, running(0, token=7))
        assert first is not None
        assert storage.start(study.id, claim, running(0, token=7)) is not None
        assert storage.count(study.id) == {RUNNING: 1}
        assert reserve or storage.start(study.id, claim, running(0, token=8)) is None, "it is another worker's"

    def test_workers_that_beat_are_not_expired(self, storage: Storage, study: StudyRecord) -> None:
        """However long their trials run."""
        worker = "far away:1:boot@2"
        storage.beat(worker)
        begin(storage, study, worker=worker, token=7)
        storage.beat(worker)
        assert storage.expired(study.id) == []

    def test_a_trial_is_renewed_under_the_same_worker(self, storage: Storage, study: StudyRecord) -> None:
        """An engine that runs a task twice makes a new attempt, and the older run is refused."""
        begin(storage, study, token=7)
        storage.report(study.id, 0, Fence(1, 7), 0, 1.0)
        version = storage.read_since(study.id, 0).version
        assert storage.renew(study.id, 0, Fence(1, 7), 9, FailureKind.LOST) == Fence(2, 9)
        assert storage.read_since(study.id, 0).version > version
        (found,) = storage.trials(study.id)
        assert (found.state, found.fence, found.worker, found.crashes) == (RUNNING, Fence(2, 9), "w", 1)
        assert np.array_equal(found.x or (), POINT, equal_nan=True)
        assert (found.previous_attempts[0].reports, found.reports) == ({0: 1.0}, None)
        with pytest.raises(AttemptReplacedError):
            storage.renew(study.id, 0, Fence(1, 8), 10)
        with pytest.raises(AttemptReplacedError):
            storage.finish(study.id, ended(running(0, token=7)))
        storage.finish(study.id, ended(running(0, attempt=2, token=9)))
        with pytest.raises(AttemptReplacedError):
            storage.renew(study.id, 0, Fence(2, 9), 11)
        with pytest.raises(KeyError):
            storage.renew(study.id, 5, Fence(1), 11)
