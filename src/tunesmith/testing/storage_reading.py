"""The laws of waiting trials and of reading that every storage keeps; part of `tunesmith.testing.storages`."""

from __future__ import annotations

import math
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunesmith.errors import StudyNotFoundError
from tunesmith.space import Float, Space
from tunesmith.storage.base import Claim, Storage, StudyRecord
from tunesmith.testing.storage_model import (
    COMPLETE,
    FAIL,
    POINT,
    PRUNED,
    RUNNING,
    SPACE,
    WAITING,
    Action,
    Model,
    Reader,
    actions,
    begin,
    best_number,
    ended,
    run,
    running,
)
from tunesmith.trial.record import NAN, NOISE, Fence, TrialRecord

laws = settings(max_examples=max(10, settings().max_examples // 4), suppress_health_check=[*HealthCheck])


class ReadingLaws:
    """Waiting trials come first; increments, records, the best trial and the counts agree with a model."""

    # -- what others do ----------------------------------------------------------------------------------------

    def test_activity_tells_what_others_did(self, storage: Storage, study: StudyRecord) -> None:
        """It stays as it is while the caller reports and notes, and changes with all that others do."""
        mine, other, last = (begin(storage, study, token=k) for k in (1, 2, 3))
        seen = storage.activity(study.id, [mine])
        if seen is None:
            return  # only `read_since` can tell
        storage.report(study.id, mine, Fence(1, 1), 0, 0.5)
        storage.set_attr(study.id, mine, "note", 1, fence=Fence(1, 1))
        assert storage.activity(study.id, [mine]) == seen == storage.activity(study.id, [mine, mine])
        assert storage.activity(study.id, range(300)) is not None, "any count of numbers is taken"
        changes: list[Callable[[], object]] = [
            lambda: storage.report(study.id, other, Fence(1, 2), 5, 0.5),
            lambda: storage.report(study.id, other, Fence(1, 2), 3, 0.5),
            lambda: begin(storage, study, eager=True),
            lambda: storage.finish(study.id, ended(running(other, token=2), attempt=1)),
            lambda: storage.release(study.id, {last: Fence(1, 3)}),
            lambda: storage.claim(study.id, "w"),
            lambda: storage.add(study.id, [TrialRecord(-1, WAITING, fixed={})]),
        ]
        for change in changes:
            change()
            before, seen = seen, storage.activity(study.id, [mine])
            assert seen not in (None, before)
            assert seen == storage.activity(study.id, [mine])
        with pytest.raises(StudyNotFoundError):
            storage.activity(study.id + 1000, [])

    # -- waiting trials ----------------------------------------------------------------------------------------

    def test_waiting_trials_come_first_by_number(self, storage: Storage, study: StudyRecord) -> None:
        """Each is claimed once, with the values that were enqueued."""
        begin(storage, study)
        asked = [
            TrialRecord(-1, WAITING, fixed={"lr": 0.5, "act": ("a", 2)}, user={"why": "hunch"}),
            TrialRecord(-1, WAITING, fixed={}),
        ]
        assert storage.add(study.id, asked) == [1, 2]
        assert storage.count(study.id) == {RUNNING: 1, WAITING: 2}
        assert storage.trials(study.id, [1])[0].params == {"lr": 0.5, "act": ("a", 2)}
        one, two = storage.claim(study.id, "w"), storage.claim(study.id, "v", reserve=True)
        assert (one.number, one.reserved, two.number, two.reserved) == (1, True, 2, True)
        assert one.trial is not None
        assert (one.trial.fixed, one.trial.user, one.trial.attempt) == (asked[0].fixed, {"why": "hunch"}, 1)
        assert one.trial.x is None
        assert storage.claim(study.id, "w") == Claim(3, two.version)
        version = storage.start(study.id, one, running(1, fixed=one.trial.fixed))
        assert version == (two.version + 1 if storage.prompt else one.version)
        found = storage.trials(study.id, [1])[0]
        assert (found.state, found.user_attrs, found.fixed) == (RUNNING, {"why": "hunch"}, asked[0].fixed)
        assert found.x is not None
        storage.finish(study.id, ended(running(1, fixed=found.fixed)))

    def test_finished_trials_are_added(self, storage: Storage, study: StudyRecord) -> None:
        """They get new numbers and the next seqs; the records given are neither kept nor changed."""
        run(storage, study)
        version = storage.read_since(study.id, 0).version
        given = [
            ended(running(7), 1.0, user={"a": [1]}, reports={0: 0.5}, attempt=3),
            TrialRecord(9, FAIL, reason="no point"),
            TrialRecord(-1, WAITING, fixed={"lr": 0.5}),
            ended(running(8), 2.0),
        ]
        before = pickle.dumps(given)
        assert storage.add(study.id, given) == [1, 2, 3, 4]
        assert pickle.dumps(given) == before
        found = storage.trials(study.id)
        assert [t.seq for t in found] == [1, 2, 3, 0, 4]
        assert [t.attempt for t in found] == [1] * 5
        assert (found[1].user_attrs, found[1].intermediate_values) == ({"a": [1]}, {0: 0.5})
        assert found[2].reason == "no point"
        new = storage.read_since(study.id, 1)
        assert (new.cursor, new.version, new.number.tolist()) == (4, version + 1, [1, 2, 4])
        assert storage.add(study.id, []) == []

    @pytest.mark.parametrize("wrong", [TrialRecord(0, RUNNING), TrialRecord(0, COMPLETE, values=(1.0, 2.0))])
    def test_all_are_added_or_none(self, storage: Storage, study: StudyRecord, wrong: TrialRecord) -> None:
        """If one is invalid, none is added."""
        with pytest.raises(ValueError, match=r"RUNNING|value"):
            storage.add(study.id, [ended(running(0)), wrong])
        assert storage.trials(study.id) == []
        assert storage.claim(study.id, "w") == Claim(0, 0)

    # -- reading -----------------------------------------------------------------------------------------------

    def test_an_empty_increment_has_its_shapes(self, storage: Storage, study: StudyRecord) -> None:
        """A study without trials has no best one and no counts."""
        new = storage.read_since(study.id, 0)
        assert (new.cursor, new.version, new.values.shape, new.blocks, new.running) == (0, 0, (0, 1), [], [])
        assert storage.best(study.id, "minimize") is None
        assert storage.count(study.id) == {}

    def test_an_increment_has_columns(self, storage: Storage) -> None:
        """Rows are in commit order, points are grouped by the trials' own spaces."""
        study = storage.create_study(None, ["minimize", "maximize"], 0)
        other = Space(x=Float(0, 1))
        nothing = Space()
        specs = [(SPACE, POINT), (other, [0.25]), (None, None), (SPACE, [1e-4, NAN, NAN, 1.0]), (nothing, [])]
        for number, (space, x) in enumerate(specs):
            begin(storage, study, space=space, x=x, sampler_state=number)
        for place, number in enumerate((4, 2, 0, 1, 3)):
            space, x = specs[number]
            state = FAIL if number == 2 else COMPLETE
            values = None if number == 2 else (float(number), -math.inf)
            limits = {"c": 0.5} if number == 1 else None
            done = ended(running(number, space=space, x=x, sampler_state=number), None, state, constraints=limits)
            done.system = {NOISE: [0.25, 0.0]} if number == 3 else None
            done.values, done.cost, done.finished = values, number / 2, 2.0 + place
            storage.finish(study.id, done)
        begin(storage, study, space=other, x=[0.75], sampler_state=9)
        new = storage.read_since(study.id, 0)
        assert new.number.tolist() == new.sampler_state.tolist() == [4, 2, 0, 1, 3]
        assert [a.dtype.str[1:] for a in (new.number, new.sampler_state, new.state)] == ["i8", "i8", "i1"]
        assert new.state.tolist() == [COMPLETE, FAIL, COMPLETE, COMPLETE, COMPLETE]
        assert new.cost.tolist() == [2.0, 1.0, 0.0, 0.5, 1.5]
        assert np.array_equal(new.values[:, 0], [4.0, NAN, 0.0, 1.0, 3.0], equal_nan=True)
        assert new.constraints == {3: {"c": 0.5}}
        assert new.noise == {4: [0.25, 0.0]}
        points = {(tuple(b.at), b.x.shape) for b in new.blocks if b.space in (SPACE, other)}
        assert points == {((2, 4), (2, 4)), ((3,), (1, 1))}
        (block,) = (b for b in new.blocks if b.space == SPACE)
        assert np.array_equal(block.x, [POINT, [1e-4, NAN, NAN, 1.0]], equal_nan=True)
        (alive,) = new.running
        assert (alive.number, alive.sampler_state, alive.x, alive.worker, alive.space) == (5, 9, [0.75], "w", other)

    @laws
    @given(story=st.lists(actions(), max_size=40))
    def test_any_sequence_of_actions_ends_as_in_the_model(self, storage: Storage, story: list[Action]) -> None:
        """Numbers, seqs, versions, states and reports are those of a simple model; increments miss nothing."""
        study = storage.create_study(None, ["minimize"], 0, SPACE)
        model = Model(storage, study)
        reader = Reader(storage, study)
        for action in story:
            model.act(action)
            if action.look:
                reader.read()
        model.compare()
        reader.read()
        reader.compare()

    def test_the_best_trial(self, storage: Storage, study: StudyRecord) -> None:
        """The lowest number of equals; infeasible and pruned trials do not count; infinite values do."""
        run(storage, study, PRUNED, -9.0)
        run(storage, study, COMPLETE, -8.0, constraints={"c": 1e-9, "d": -1.0})
        run(storage, study, COMPLETE, -7.0, constraints={"c": NAN})
        run(storage, study, FAIL, None)
        assert storage.best(study.id, "minimize") is None
        for value in (3.0, 1.0, 1.0, 5.0, 5.0):
            run(storage, study, COMPLETE, value, constraints={"c": 0.0})
        numbers = [best_number(storage, study, d) for d in ("minimize", "maximize")]
        assert numbers == [5, 7]
        run(storage, study, COMPLETE, math.inf)
        run(storage, study, COMPLETE, -math.inf)
        numbers = [best_number(storage, study, d) for d in ("minimize", "maximize")]
        assert numbers == [10, 9]
        with pytest.raises(ValueError, match="direction"):
            storage.best(study.id, "up")

    def test_the_lowest_number_among_equals_may_finish_last(self, storage: Storage, study: StudyRecord) -> None:
        """The number counts, not the order of finishing."""
        for _ in range(3):
            begin(storage, study)
        for number in (2, 1, 0):
            storage.finish(study.id, ended(running(number), 1.0))
            assert best_number(storage, study, "minimize") == number

    def test_trials_by_number_and_state(self, storage: Storage, study: StudyRecord) -> None:
        """They are ordered by number; an unknown number raises."""
        for state in (COMPLETE, FAIL, COMPLETE, PRUNED):
            run(storage, study, state)
        begin(storage, study)
        storage.add(study.id, [TrialRecord(-1, WAITING, user={"a": 1}) for _ in range(40)])

        def numbers(*args: Any, **named: Any) -> list[int]:
            return [t.number for t in storage.trials(study.id, *args, **named)]

        assert numbers() == list(range(45))
        assert numbers([3, 0, 3]) == numbers(np.array([0, 3])) == [0, 3]
        assert numbers(range(44, 20, -1)) == list(range(21, 45))
        assert numbers([]) == []
        assert numbers(states=[COMPLETE]) == [0, 2]
        assert numbers(states=[RUNNING]) == [4]
        assert numbers([0, 4, 5], [RUNNING, WAITING]) == [4, 5]
        assert [t.user for t in storage.trials(study.id, states=[WAITING])] == [{"a": 1}] * 40
        with pytest.raises(KeyError, match="45"):
            numbers([0, 45])
        with pytest.raises(KeyError):
            numbers([-1])
        assert storage.count(study.id) == {COMPLETE: 2, FAIL: 1, PRUNED: 1, RUNNING: 1, WAITING: 40}

    def test_user_attributes_of_all_trials_are_read_without_the_records(
        self, storage: Storage, study: StudyRecord
    ) -> None:
        """By number; what a later attempt set stands for what an earlier one did."""
        number = begin(storage, study)
        storage.set_attr(study.id, number, "a", 1)
        storage.set_attr(study.id, number, "b", [1.5])
        storage.set_attr(study.id, number, "own", 3, system=True)
        storage.release(study.id, {number: storage.trials(study.id, [number])[0].fence})
        storage.set_attr(study.id, number, "a", 2)
        begin(storage, study)
        run(storage, study, values=(1.0,), user={"c": {"d": None}})
        run(storage, study, values=(1.0,))
        found = storage.user_attrs(study.id)
        assert found == {t.number: dict(t.user_attrs) for t in storage.trials(study.id) if t.user}
        assert found[number] == {"a": 2, "b": [1.5]}
