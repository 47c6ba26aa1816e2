"""The laws of trials that are started more than once; part of `tunesmith.testing.storages`."""

from __future__ import annotations

import numpy as np
import pytest

from tunesmith.errors import AttemptReplacedError
from tunesmith.frozen import Attempt, TrialRecord
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.testing.storage_model import COMPLETE, POINT, RUNNING, SPACE, WAITING, begin, ended, running


class AttemptLaws:
    """A released trial is run again as it was proposed, with the reports and attributes of its earlier attempts."""

    def test_a_released_trial_is_run_again_as_it_was_proposed(self, storage: Storage, study: StudyRecord) -> None:
        """It keeps its point and sampler state and has the next attempt; the first worker's result is refused."""
        begin(storage, study, sampler_state=5)
        begin(storage, study)
        storage.report(study.id, 0, 1, 0, 1.0)
        storage.set_attr(study.id, 0, "kept", True)
        version = storage.read_since(study.id, 0).version
        storage.release(study.id, {0: 1, 99: 1})
        assert storage.read_since(study.id, 0).version == version + 1
        waiting = storage.trials(study.id, states=[WAITING])[0]
        assert (waiting.number, waiting.attempt, waiting.worker, waiting.reports) == (0, 2, "", None)
        assert storage.finish(study.id, ended(running(0))) is None, "released: attempt 1 does not run any more"
        claim = storage.claim(study.id, "v")
        again = claim.trial
        assert again is not None
        assert (claim.number, again.attempt, again.sampler_state) == (0, 2, 5)
        assert (again.worker, again.user) == ("v", {"kept": True})
        assert again.space == SPACE
        assert again.x is not None
        assert np.array_equal(again.x, POINT, equal_nan=True)
        assert storage.finish(study.id, ended(running(0))) is None
        assert storage.start(study.id, claim, running(0, attempt=2, worker="v")) is not None
        assert storage.finish(study.id, ended(running(0, attempt=2, worker="v"))) is not None
        storage.release(study.id, {0: 2})
        assert storage.count(study.id) == {COMPLETE: 1, RUNNING: 1}, "a finished trial is not released"

    def test_reports_and_attributes_of_an_attempt_are_kept(self, storage: Storage, study: StudyRecord) -> None:
        """They are stored by attempt; the next attempt starts from them, and its own take precedence."""
        begin(storage, study)
        storage.set_attr(study.id, 0, "checkpoint", "a", attempt=1)
        storage.set_attr(study.id, 0, "host", "one", attempt=1)
        for step in range(4):
            storage.report(study.id, 0, 1, step, step + 0.1)
        storage.release(study.id, {0: 1}, crashed=True)
        assert storage.read_since(study.id, 0).reports == [], "a waiting trial has no curve"
        claim = storage.claim(study.id, "v")
        assert claim.trial is not None
        first = Attempt(1, {0: 0.1, 1: 1.1, 2: 2.1, 3: 3.1}, {"checkpoint": "a", "host": "one"})
        assert (claim.trial.previous_attempts, claim.trial.crashes, claim.trial.reports) == ((first,), 1, None)
        assert claim.trial.user_attrs == first.user_attrs
        assert storage.start(study.id, claim, running(0, attempt=2, worker="v")) is not None
        with pytest.raises(AttemptReplacedError, match="trial 0: attempt 1 was given up and the trial is at attempt 2"):
            storage.report(study.id, 0, 1, 4, 9.9)
        with pytest.raises(AttemptReplacedError, match="attempt 1"):
            storage.set_attr(study.id, 0, "checkpoint", "late", attempt=1)
        storage.report(study.id, 0, 2, 2, 2.2)
        storage.set_attr(study.id, 0, "checkpoint", "b", attempt=2)
        assert [r[1:] for r in storage.read_since(study.id, 0).reports] == [(0, 0.1), (1, 1.1), (2, 2.2)]
        storage.release(study.id, {0: 1})
        storage.release(study.id, {0: 2})
        claim = storage.claim(study.id, "w")
        assert storage.start(study.id, claim, running(0, attempt=3)) is not None
        done = ended(running(0, attempt=3), reports={3: 3.3, 4: 4.3}, user={"host": "three"})
        assert storage.finish(study.id, done) is not None
        (found,) = storage.trials(study.id)
        second = Attempt(2, {2: 2.2}, {"checkpoint": "b", "host": "one"})
        assert found.previous_attempts == (first, second)
        assert (found.attempt, found.crashes, found.reports) == (3, 1, {3: 3.3, 4: 4.3})
        assert found.user_attrs == {"checkpoint": "b", "host": "three"}
        assert found.intermediate_values == {0: 0.1, 1: 1.1, 2: 2.2, 3: 3.3, 4: 4.3}
        new = storage.read_since(study.id, 0)
        assert (new.attempt.tolist(), sorted(r[1:] for r in new.reports)) == (
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
        storage.release(study.id, {0: 1})
        quick = storage.claim(study.id, "quick")
        assert storage.start(study.id, slow, running(0, worker="slow")) is None
        assert storage.start(study.id, quick, running(0, worker="quick", attempt=2)) is not None
