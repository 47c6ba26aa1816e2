"""The laws of storages, as a pytest class to derive from."""

from __future__ import annotations

import math
import pickle
import threading
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tunesmith.artifacts.record import Artifact
from tunesmith.errors import (
    AttemptReplacedError,
    DuplicatedStudyError,
    StudyNotFoundError,
    TrialFinishedError,
    TrialsSpentError,
)
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.worker_names import outside_worker
from tunesmith.space import Categorical, Float, FloatOr, IntOr, Ordinal, Permutation, Space, Subset
from tunesmith.storage.base import Claim, Storage, StudyRecord
from tunesmith.storage.checks import late_note
from tunesmith.testing.conformance import Conformance
from tunesmith.trial.metrics import Metrics, Series
from tunesmith.trial.record import LATE_RESULT, NAN, NOISE, Attempt, Fence, TrialRecord

# -- parts of the laws of storages: short forms of trials, a simple model of a study, a reader of increments --------

LAW_SPACE = Space(
    lr=FloatOr(1e-5, 1.0, log=True, words={0.0: 1e-5, "auto": 1e-3}),
    layers=IntOr(1, 5, words={None: 3}),
    act=Categorical(["relu", None, True, 1, 1.5, ("a", 2)]),
    size=Ordinal(["s", "m", "l"]),
    order=Permutation(["a", 1, None], prior=(1, None, "a")),
    some=Subset(["u", "v", 2.5], 1, 2),
)
LAW_POINT = [1e-3, 3.0, 2.0, NAN, 4.0, 5.0]
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
RUNNING, WAITING, PAUSED = TrialState.RUNNING, TrialState.WAITING, TrialState.PAUSED

_STEP_KINDS = (
    "start",
    "start",
    "reserve",
    "finish",
    "finish",
    "release",
    "pause",
    "resume",
    "enqueue",
    "add",
    "report",
    "note",
)
_FINAL_STATES = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


@dataclass(frozen=True)
class Action:
    """One step of a sequence; it concerns the trial of number `index` modulo the number of trials."""

    kind: str
    index: int
    value: float
    state: TrialState
    look: bool


def actions() -> st.SearchStrategy[Action]:
    """Steps of a sequence."""
    return st.builds(
        Action,
        kind=st.sampled_from(_STEP_KINDS),
        index=st.integers(0, 50),
        # SQLite keeps no sign of zero, and MariaDB has the largest number for infinity.
        value=(st.floats(-1e308, 1e308) | st.sampled_from([math.inf, -math.inf])).map(lambda value: value + 0.0),
        state=st.sampled_from(_FINAL_STATES),
        look=st.booleans(),
    )


class Model:
    """A study as a list of records, with which all answers of the storage are compared."""

    def __init__(self, storage: Storage, study: StudyRecord) -> None:
        self.storage, self.study = storage, study
        self.trials: list[TrialRecord] = []
        self.version = self.seq = 0

    def act(self, action: Action) -> None:
        """Do the same in the storage and in the model."""
        getattr(self, f"_{action.kind}")(action)

    def _new(self, action: Action, attempt: int = 1, number: int | None = None) -> TrialRecord:
        n = len(self.trials) if number is None else number
        third, sixth = float(action.index % 3), float(action.index % 6)
        x = [10.0 ** -(1 + action.index % 4), 1.0 + action.index % 5, math.nan, third, sixth, sixth]
        return TrialRecord(
            n,
            TrialState.RUNNING,
            space=self.study.space,
            x=x,
            sampler_state=action.index,
            attempt=attempt,
            worker="w",
            started=1.0,
        )

    def _start(self, action: Action, reserve: bool = False) -> None:
        waiting = [t for t in self.trials if t.state is TrialState.WAITING]
        token = len(self.trials) + 1 if action.look else 0
        claim = self.storage.claim(self.study.id, "w", reserve, token)
        assert claim.number == (waiting[0].number if waiting else len(self.trials))
        assert claim.reserved == bool(waiting or reserve)
        self.version += claim.reserved
        self._check_version(claim.version)
        if waiting:
            assert claim.trial is not None
            old = waiting[0]
            assert (claim.trial.attempt, claim.trial.x is None) == (old.attempt, old.x is None)
            trial = self._new(action, old.attempt, old.number)
            trial.user, trial.fixed, trial.system = old.user, old.fixed, old.system
            trial.previous_attempts, trial.crashes, trial.cost = old.previous_attempts, old.crashes, old.cost
            if claim.trial.x is not None:
                trial.x, trial.sampler_state = claim.trial.x, claim.trial.sampler_state
            self.trials[old.number] = trial
        else:
            trial = self._new(action)
            self.trials.append(trial)
        trial.token = token
        self.version += 1
        self._check_version(self.storage.start(self.study.id, claim, copy(trial)))

    def _check_version(self, version: int | None) -> None:
        """Compare a version with the model's; a storage that gives them later has a lower one."""
        assert version is not None
        assert version == self.version or (not self.storage.prompt and 0 <= version < self.version)

    def _reserve(self, action: Action) -> None:
        self._start(action, True)

    def _finish(self, action: Action) -> None:
        if not self.trials:
            return
        old = self.trials[action.index % len(self.trials)]
        done = copy(old)
        done.state, done.finished, done.cost = action.state, 2.0, 0.25
        done.values = (action.value,) if action.state is TrialState.COMPLETE else None
        done.constraints = {"c": action.value} if action.index % 4 == 0 else None
        if action.index % 3 == 0 and done.values is not None:
            done.system = {**(old.system or {}), NOISE: [0.5]}
        if action.index % 7 == 0:
            done.attempt += 1  # an attempt that never ran
        elif action.index % 5 == 0:
            done.token += 1  # another claim
        if old.state is TrialState.RUNNING and done.fence == old.fence:
            self.seq += 1
            self.version += 1
            assert_ended(self.storage, self.storage.finish(self.study.id, copy(done)), self.seq, self.version)
            done.seq = self.seq
            self.trials[old.number] = done
        elif done.fence == old.fence and old.state is done.state and old.values == done.values:
            place, _ = self.storage.finish(self.study.id, copy(done))
            if not self.storage.prompt:  # ends have places in the order of their times
                old.seq = self.storage.trials(self.study.id, [old.number])[0].seq
            assert place in (old.seq, 0)
        elif done.fence == old.fence or done.attempt > old.attempt:
            with pytest.raises(ValueError, match=f"trial {old.number}"):
                self.storage.finish(self.study.id, copy(done))
        else:
            with pytest.raises(AttemptReplacedError):
                self.storage.finish(self.study.id, copy(done))
            old.system = {**(old.system or {}), LATE_RESULT: late_note(done)}

    def _release(self, action: Action) -> None:
        numbers = {action.index % (len(self.trials) + 1), action.index // 2 % (len(self.trials) + 1)}
        at = {t.number: t.attempt for t in self.trials}
        tokens = {t.number: t.token for t in self.trials}
        later = action.index % 5 == 0  # some that do not run yet
        fences = {n: Fence(at.get(n, 1) + later, tokens.get(n, 0)) for n in sorted(numbers)}
        failure = FailureKind.LOST if action.look else None
        self.storage.release(self.study.id, fences, failure)
        changed = False
        for t in self.trials:
            if fences.get(t.number) == t.fence and t.state is TrialState.RUNNING:
                self._end_attempt(t, failure)
                t.state = TrialState.WAITING
                t.crashes += action.look
                changed = True
        self.version += changed

    def _pause(self, action: Action) -> None:
        if not self.trials:
            return
        old = self.trials[action.index % len(self.trials)]
        paused = copy(old)
        paused.state, paused.cost = PAUSED, 0.5
        paused.x = None if old.x is None else [old.x[0], 4.0, *list(old.x)[2:]]  # what it suggested, in the end
        if old.state is not RUNNING:
            with pytest.raises(ValueError, match=f"trial {old.number}"):
                self.storage.pause(self.study.id, copy(paused))
            return
        self.version += 1
        self._check_version(self.storage.pause(self.study.id, copy(paused)))
        self._end_attempt(old, None)
        old.state, old.cost, old.x = PAUSED, paused.cost, paused.x
        assert self.storage.pause(self.study.id, copy(paused)) in (self.version, 0), "the second time changes nothing"

    def _resume(self, action: Action) -> None:
        number, token = action.index % (len(self.trials) + 1), 10**6 + self.version
        claim = self.storage.resume(self.study.id, number, "w", token)
        old = self.trials[number] if number < len(self.trials) else None
        assert (claim is not None) == (old is not None and old.state is PAUSED)
        if claim is None or old is None:
            return
        self.version += 1
        assert (claim.number, claim.reserved) == (number, True)
        assert claim.trial is not None
        assert (claim.trial.attempt, claim.trial.cost, claim.trial.token) == (old.attempt, 0.5, token)
        old.state, old.worker, old.token, old.started = RUNNING, "w", token, 1.0
        self.version += 1
        self._check_version(self.storage.start(self.study.id, claim, copy(old)))

    def _end_attempt(self, t: TrialRecord, failure: FailureKind | None) -> None:
        late = None if t.system is None else t.system.pop(LATE_RESULT, None)
        left = Attempt(t.attempt, t.reports or {}, t.user or {}, failure, t.worker, late, costs=t.costs or {})
        t.previous_attempts += (left,)
        t.token, t.worker, t.reports, t.costs, t.started = 0, "", None, None, math.nan
        t.attempt += 1

    def _enqueue(self, action: Action) -> None:
        given = [TrialRecord(-1, TrialState.WAITING, fixed={"lr": action.value}) for _ in range(1 + action.index % 2)]
        self._added(given)

    def _add(self, action: Action) -> None:
        given = self._new(action)
        given.state, given.values, given.reports = TrialState.COMPLETE, (action.value,), {1: 0.5}
        self._added([given, TrialRecord(-1, TrialState.FAIL, reason="ö")])

    def _added(self, given: list[TrialRecord]) -> None:
        numbers = self.storage.add(self.study.id, given)
        assert numbers == list(range(len(self.trials), len(self.trials) + len(given)))
        for number, trial in zip(numbers, given, strict=True):
            trial.number = number
            if trial.state.is_finished():
                self.seq += 1
                trial.seq = self.seq
            self.trials.append(trial)
        self.version += 1

    def _report(self, action: Action) -> None:
        number, step = action.index % (len(self.trials) + 1), action.index % 4
        trial = self.trials[number] if number < len(self.trials) else None
        attempt = max(1, (trial.attempt if trial else 1) - (action.index % 3 == 0))
        fence = Fence(attempt, (trial.token if trial else 0) + (action.index % 5 == 0))
        if trial is not None and fence != trial.fence:
            with pytest.raises(AttemptReplacedError):
                self.storage.report(self.study.id, number, fence, step, action.value)
            return
        cost = 0.5 + step if action.look else math.nan
        self.storage.report(self.study.id, number, fence, step, action.value, cost)
        if trial is not None and trial.state is TrialState.RUNNING and step not in (trial.reports or {}):
            trial.reports = {step: action.value, **(trial.reports or {})}
            trial.costs = {**(trial.costs or {}), step: cost} if cost == cost else trial.costs

    def _note(self, action: Action) -> None:
        if self.trials:
            trial = self.trials[action.index % len(self.trials)]
            key = f"note {action.index % 2}"
            if trial.attempt > 1:
                earlier = Fence(trial.attempt - 1, trial.token)
                with pytest.raises(AttemptReplacedError):
                    self.storage.set_attr(self.study.id, trial.number, key, 0, fence=earlier)
            fence = trial.fence if action.look else None
            self.storage.set_attr(self.study.id, trial.number, key, action.value, fence=fence)
            trial.user = {**(trial.user or {}), key: action.value}

    def compare(self) -> None:
        """Compare every record, the counts and the best."""
        self.storage.read_since(self.study.id, 0)  # which gives places to all ends
        found = self.storage.trials(self.study.id)
        assert len(found) == len(self.trials)
        for mine, stored in zip(self.trials, found, strict=True):
            if not self.storage.prompt and stored.seq:
                mine.seq = stored.seq  # ends have places in the order of their times
            assert_same(stored, mine)
        states = [t.state for t in self.trials]
        assert self.storage.count(self.study.id) == {s: states.count(s) for s in set(states)}
        ranked = [
            (t.values[0], t.number) for t in self.trials if t.state is TrialState.COMPLETE and t.values and t.feasible
        ]
        for direction, sign in (("minimize", 1), ("maximize", -1)):
            best = self.storage.best(self.study.id, direction)
            expected = min(((sign * v, n) for v, n in ranked), default=None)
            assert (best and best.number) == (expected and expected[1])
        new = self.storage.read_since(self.study.id, 0)
        self._check_version(new.version)
        assert new.cursor == self.seq
        assert new.attempt.tolist() == [self.trials[n].attempt for n in new.number.tolist()]
        curves = {t.number: sorted(t.learning_curve().items()) for t in self.trials if t.state is not WAITING}
        read: dict[int, list[tuple[int, tuple[Any, float]]]] = {n: [] for n in curves}
        for number, step, value, cost in new.reports:
            read[number].append((step, (value, cost)))
        assert repr({n: sorted(curve) for n, curve in read.items()}) == repr(curves)
        assert sorted(t.number for t in new.paused) == [t.number for t in self.trials if t.state is PAUSED]


class Reader:
    """Reads a study in increments and keeps what it read."""

    def __init__(self, storage: Storage, study: StudyRecord) -> None:
        self.storage, self.study = storage, study
        self.cursor, self.version = 0, -1
        self.numbers: list[int] = []
        self.rows: list[Any] = []

    def read(self) -> None:
        """Read the next increment."""
        new = self.storage.read_since(self.study.id, self.cursor)
        assert new.cursor == self.cursor + len(new.number)
        assert new.version >= self.version
        pending = {t.number for t in (*new.running, *new.paused)}
        assert not pending.intersection(self.numbers), "a finished trial does not run again"
        self.rows += increment_rows(new)
        self.numbers += new.number.tolist()
        self.cursor, self.version = new.cursor, new.version

    def compare(self) -> None:
        """Compare all increments with what is read at once."""
        assert self.rows == increment_rows(self.storage.read_since(self.study.id, 0))
        assert len(set(self.numbers)) == len(self.numbers)


def increment_rows(new: Any) -> list[Any]:
    """An increment as one comparable tuple for each finished trial."""
    points = {int(at): (b.space, b.x[i].tobytes()) for b in new.blocks if len(b.space) for i, at in enumerate(b.at)}
    return [
        (n, state, sampler_state, repr(cost), repr(values), points.get(i), new.constraints.get(i), new.noise.get(i))
        for i, (n, state, sampler_state, cost, values) in enumerate(
            zip(
                new.number.tolist(),
                new.state.tolist(),
                new.sampler_state.tolist(),
                new.cost.tolist(),
                new.values.tolist(),
                strict=True,
            )
        )
    ]


def assert_same(found: TrialRecord, expected: TrialRecord) -> None:
    """Compare two records field by field; NaN is equal to NaN, and None to an empty dict."""
    for name in [name for name in TrialRecord.__slots__ if name != "read_metrics"]:
        a, b = getattr(found, name), getattr(expected, name)
        if name in ("user", "system", "reports", "costs", "constraints"):
            a, b = sorted((a or {}).items()), sorted((b or {}).items())
        elif name == "x" and a is not None and b is not None:
            a, b = list(a), list(b)
        assert a == b or repr(a) == repr(b), f"{name} of trial {expected.number}: {a!r}, expected {b!r}"


def assert_ended(storage: Storage, found: tuple[int, int], seq: int, version: int) -> None:
    """Compare what `finish` returned with the place and the version of an end; both may come later."""
    assert found == ((seq, version) if storage.prompt else (0, 0))


def series(steps: list[int], values: list[float]) -> Series:
    """Return values of a metric as columns."""
    return np.array(steps, np.int64), np.array(values)


def by_step(metrics: Mapping[int, Metrics]) -> dict[int, dict[str, dict[int, float]]]:
    """Return metrics as numbers by step by name by trial."""
    return {
        number: {name: dict(zip(s.tolist(), v.tolist(), strict=True)) for name, (s, v) in own.items()}
        for number, own in metrics.items()
    }


def running_record(number: int, worker: str = "w", **fields: Any) -> TrialRecord:
    """A running trial at `LAW_POINT`."""
    return TrialRecord(
        number, RUNNING, **{"space": LAW_SPACE, "x": LAW_POINT, "worker": worker, "started": 1.0, **fields}
    )


def ended(trial: TrialRecord, value: float | None = 0.5, state: TrialState = COMPLETE, **fields: Any) -> TrialRecord:
    """That trial, finished."""
    for name, content in {"attempt": trial.attempt, **fields}.items():
        setattr(trial, name, content)
    trial.state, trial.finished, trial.cost = state, 2.0, 1.0
    trial.values = None if value is None else (value,)
    return trial


def begin(
    storage: Storage, study: StudyRecord, worker: str = "w", eager: bool = False, token: int = 0, **fields: Any
) -> int:
    """Start a trial as a study does, again if another worker was faster; return its number."""
    fields["token"] = token
    while True:
        claim = storage.claim(study.id, worker, eager, token)
        if storage.start(study.id, claim, running_record(claim.number, worker, **fields)) is not None:
            return claim.number


def run_trial(
    storage: Storage, study: StudyRecord, state: TrialState = COMPLETE, value: float | None = 0.5, **fields: Any
) -> int:
    """Start and finish a trial; return its number."""
    number = begin(storage, study)
    storage.finish(study.id, ended(running_record(number), value, state, **fields))
    return number


def best_number(storage: Storage, study: StudyRecord, direction: str) -> int | None:
    """The number of the best trial."""
    best = storage.best(study.id, direction)
    return None if best is None else best.number


# -- the laws of studies and attributes that every storage keeps; part of `tunesmith.testing.storages` --------------


class StudyLaws(Conformance):
    """Studies are created, loaded, declared and deleted; they are independent; attributes are kept."""

    @pytest.fixture
    def storage(self) -> Storage:
        """Return an empty storage."""
        raise NotImplementedError("give the fixture storage, an empty storage of the class under test")

    @pytest.fixture
    def study(self, storage: Storage) -> StudyRecord:
        """Return a study with one objective and the space `LAW_SPACE`."""
        return storage.create_study(None, ["minimize"], 7, LAW_SPACE)

    @pytest.mark.parametrize("name", ["plain", "größer ∂ 🦊 \n 'quoted\" %s ? :x \\", "x" * 200])
    def test_a_study_comes_back_as_it_was_created(self, storage: Storage, name: str) -> None:
        """Name, directions, seed and space are kept to the letter."""
        made = storage.create_study(name, ["minimize", "maximize"], 2**63 - 1, LAW_SPACE)
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
        storage.set_space(study.id, LAW_SPACE)
        assert storage.load_study("a").space == LAW_SPACE
        storage.set_space(study.id, Space(x=Float(0, 1)))
        assert storage.load_study("a").space == Space(x=Float(0, 1))

    def test_a_renamed_study_goes_on(self, storage: Storage, study: StudyRecord) -> None:
        """Its old name is free, and no other study can be given the new one."""
        other = storage.create_study("another", ["minimize"], 0)
        run_trial(storage, study)
        old = storage.load_study(study.name).name
        with pytest.raises(DuplicatedStudyError, match="already holds a study 'another'"):
            storage.rename_study(study.id, "another")
        with pytest.raises(ValueError, match="name"):
            storage.rename_study(study.id, "")
        for name in ("Grüße, 你好", "Grüße, 你好", "last"):  # its own name is to be had
            storage.rename_study(study.id, name)
            assert storage.load_study(name).id == study.id
        run_trial(storage, study)
        assert [s.name for s in storage.list_studies()] == ["last", "another"]
        assert storage.count(study.id) == {COMPLETE: 2}
        storage.rename_study(other.id, old)
        assert storage.load_study(old).id == other.id

    def test_a_deleted_study_is_gone(self, storage: Storage, study: StudyRecord) -> None:
        """Other studies stay, its id is not used again, and every later call on it raises."""
        other = storage.create_study("other", ["minimize"], 0)
        run_trial(storage, other)
        run_trial(storage, study)
        claim = storage.claim(study.id, "w")
        storage.delete_study(study.id)
        assert [s.name for s in storage.list_studies()] == ["other"]
        assert storage.count(other.id) == {COMPLETE: 1}
        trial = running_record(0)
        calls: list[Callable[[], object]] = [
            lambda: storage.claim(study.id, "w"),
            lambda: storage.claim(study.id, "w", True),
            lambda: storage.start(study.id, claim, running_record(claim.number)),
            lambda: storage.report(study.id, 0, Fence(1), 0, 0.0),
            lambda: storage.finish(study.id, ended(trial)),
            lambda: storage.add(study.id, [ended(trial)]),
            lambda: storage.release(study.id, {0: Fence(1)}),
            lambda: storage.read_since(study.id, 0),
            lambda: storage.trials(study.id),
            lambda: storage.best(study.id, "minimize"),
            lambda: storage.count(study.id),
            lambda: storage.set_attr(study.id, None, "a", 1),
            lambda: storage.set_space(study.id, LAW_SPACE),
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
        run_trial(storage, a, COMPLETE, 1.0)
        run_trial(storage, b, COMPLETE, 2.0)
        run_trial(storage, a, COMPLETE, 0.0)
        storage.set_attr(b.id, 0, "only", "b")
        assert [t.number for t in storage.trials(a.id)] == [0, 1]
        new = storage.read_since(b.id, 0)
        assert storage.claim(b.id, "w") == Claim(1, new.version)
        assert (new.number.tolist(), new.values.tolist(), new.cursor) == ([0], [[2.0]], 1)
        assert (best_number(storage, a, "minimize"), best_number(storage, b, "minimize")) == (1, 0)
        assert storage.trials(a.id, [0])[0].user is None


# -- the laws of trials that are started more than once; part of `tunesmith.testing.storages` -----------------------


class AttemptLaws(Conformance):
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
            storage.finish(study.id, ended(running_record(0)))
        claim = storage.claim(study.id, "v")
        again = claim.trial
        assert again is not None
        assert (claim.number, again.attempt, again.sampler_state) == (0, 2, 5)
        assert (again.worker, again.user) == ("v", {"kept": True})
        assert again.space == LAW_SPACE
        assert again.x is not None
        assert np.array_equal(again.x, LAW_POINT, equal_nan=True)
        with pytest.raises(AttemptReplacedError):
            storage.finish(study.id, ended(running_record(0)))
        assert storage.start(study.id, claim, running_record(0, attempt=2, worker="v")) is not None
        storage.finish(study.id, ended(running_record(0, attempt=2, worker="v")))
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
        storage.start(study.id, claim, running_record(0, attempt=2))
        storage.report(study.id, 0, Fence(2), 1, third)
        done = ended(running_record(0, attempt=2), reports={2: (1.0, 2.0)})
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
        assert storage.start(study.id, claim, running_record(0, attempt=2, worker="v")) is not None
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
        assert storage.start(study.id, claim, running_record(0, attempt=3)) is not None
        done = ended(running_record(0, attempt=3), reports={3: 3.3, 4: 4.3}, user={"host": "three"})
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
        assert storage.start(study.id, slow, running_record(0, worker="slow")) is None
        assert storage.start(study.id, quick, running_record(0, worker="quick", attempt=2)) is not None

    def test_a_paused_trial_goes_on_when_it_is_asked_for(self, storage: Storage, study: StudyRecord) -> None:
        """No claim returns it; it keeps its point, cost and reports; one worker of two gets it."""
        begin(storage, study, token=7)
        storage.report(study.id, 0, Fence(1, 7), 0, 1.0, 2.5)
        first = running_record(0, token=7)
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
        assert np.array_equal(claim.trial.x, LAW_POINT, equal_nan=True)
        assert (claim.trial.user, claim.trial.cost) == ({"at": "pause"}, 6.0)
        assert claim.trial.previous_attempts[0].costs == {0: 2.5, 1: 3.5}
        again = running_record(0, attempt=2, worker="v", token=8)
        assert storage.start(study.id, claim, again) is not None
        storage.finish(study.id, ended(running_record(0, attempt=2, worker="v", token=8)))
        with pytest.raises(TrialFinishedError):
            storage.pause(study.id, running_record(0, attempt=2, worker="v", token=8))
        assert storage.resume(study.id, 0, "w", 10) is None
        assert storage.resume(study.id, 99, "w", 11) is None
        with pytest.raises(KeyError):
            storage.pause(study.id, running_record(99))

    def test_a_resumed_trial_whose_worker_dies_waits(self, storage: Storage, study: StudyRecord) -> None:
        """Then it comes before any new one, as every trial that was interrupted."""
        begin(storage, study)
        storage.pause(study.id, running_record(0))
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
        assert storage.start(study.id, again, running_record(0, attempt=2, worker="v", token=9)) is not None
        for late in (Fence(1, 7), Fence(2, 7)):
            with pytest.raises(AttemptReplacedError):
                storage.report(study.id, 0, late, 1, 2.0)
            with pytest.raises(AttemptReplacedError):
                storage.set_attr(study.id, 0, "k", 1, fence=late)
        for _ in range(2):
            with pytest.raises(AttemptReplacedError, match="kept as a note"):
                storage.finish(study.id, ended(running_record(0, token=7), 0.25))
        storage.finish(study.id, ended(running_record(0, attempt=2, worker="v", token=9), 0.75))
        (found,) = storage.trials(study.id)
        assert (found.value, found.user_attrs, found.intermediate_values) == (0.75, {}, {0: 1.0})
        (first,) = found.previous_attempts
        assert (first.failure, first.worker) == (FailureKind.LEASE, "w")
        assert first.late == {"state": "COMPLETE", "values": [0.25], "reason": None}

    def test_a_result_that_comes_after_its_trial_was_given_up(self, storage: Storage, study: StudyRecord) -> None:
        """The trial stays as it was ended for its lost worker; the result is a note."""
        begin(storage, study, token=7)
        lost = ended(running_record(0, token=7), None, FAIL, failure=FailureKind.LOST, reason="lost")
        storage.finish(study.id, lost)
        with pytest.raises(AttemptReplacedError, match="no sign of life"):
            storage.finish(study.id, ended(running_record(0, token=7), 0.25))
        (found,) = storage.trials(study.id)
        assert (found.state, found.failure, found.values) == (FAIL, FailureKind.LOST, None)
        assert found.system_attrs[LATE_RESULT] == {"state": "COMPLETE", "values": [0.25], "reason": None}
        assert storage.read_since(study.id, 0).failure.tolist() == [FailureKind.LOST]

    @pytest.mark.parametrize("reserve", [True, False])
    def test_a_start_whose_answer_was_lost(self, storage: Storage, study: StudyRecord, reserve: bool) -> None:
        """Started again with the same token, the trial is the same one."""
        claim = storage.claim(study.id, "w", reserve=reserve, token=7)
        first = storage.start(study.id, claim, running_record(0, token=7))
        assert first is not None
        assert storage.start(study.id, claim, running_record(0, token=7)) is not None
        assert storage.count(study.id) == {RUNNING: 1}
        assert reserve or storage.start(study.id, claim, running_record(0, token=8)) is None, "it is another worker's"

    def test_workers_that_beat_are_not_expired(self, storage: Storage, study: StudyRecord) -> None:
        """However long their trials run."""
        worker = "far away:1:boot@2"
        storage.beat(worker)
        begin(storage, study, worker=worker, token=7)
        storage.beat(worker)
        assert storage.expired(study.id) == []

    def test_a_program_outside_keeps_its_trial_for_its_time(self, storage: Storage, study: StudyRecord) -> None:
        """It gives no signs of life, since the process that asked for it has ended."""
        if not storage.shared:
            pytest.skip("no other process asks this storage")
        late, early = (outside_worker(time.time() + left) for left in (3600, -60))
        begin(storage, study, worker=late, token=7)
        assert storage.expired(study.id) == []
        assert not storage.is_doubtful(study.id)
        begin(storage, study, worker=early, token=8)
        (found,) = storage.expired(study.id)
        assert (found.number, found.failure) == (1, FailureKind.LEASE)

    def test_a_trial_is_renewed_under_the_same_worker(self, storage: Storage, study: StudyRecord) -> None:
        """An engine that runs a task twice makes a new attempt, and the older run is refused."""
        begin(storage, study, token=7)
        storage.report(study.id, 0, Fence(1, 7), 0, 1.0)
        version = storage.read_since(study.id, 0).version
        assert storage.renew(study.id, 0, Fence(1, 7), 9, FailureKind.LOST) == Fence(2, 9)
        assert storage.read_since(study.id, 0).version > version
        (found,) = storage.trials(study.id)
        assert (found.state, found.fence, found.worker, found.crashes) == (RUNNING, Fence(2, 9), "w", 1)
        assert np.array_equal(found.x or (), LAW_POINT, equal_nan=True)
        assert (found.previous_attempts[0].reports, found.reports) == ({0: 1.0}, None)
        with pytest.raises(AttemptReplacedError):
            storage.renew(study.id, 0, Fence(1, 8), 10)
        with pytest.raises(AttemptReplacedError):
            storage.finish(study.id, ended(running_record(0, token=7)))
        storage.finish(study.id, ended(running_record(0, attempt=2, token=9)))
        with pytest.raises(AttemptReplacedError):
            storage.renew(study.id, 0, Fence(2, 9), 11)
        with pytest.raises(KeyError):
            storage.renew(study.id, 5, Fence(1), 11)


# -- the laws of waiting trials and of reading that every storage keeps; part of `tunesmith.testing.storages` -------

laws = settings(max_examples=max(10, settings().max_examples // 4), suppress_health_check=[*HealthCheck])


class ReadingLaws(Conformance):
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
            lambda: storage.finish(study.id, ended(running_record(other, token=2), attempt=1)),
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

    def test_a_moment_is_what_is_read_one_after_the_other(self, storage: Storage, study: StudyRecord) -> None:
        """By id and by name; and of a cursor, what was recorded since."""
        storage.set_attr(study.id, None, "who", "me")
        begin(storage, study)
        storage.finish(study.id, ended(running_record(0)))
        begin(storage, study)
        storage.add(study.id, [TrialRecord(-1, WAITING, fixed={"lr": 0.5})])
        for asked in (study.id, study.name):
            found = storage.moment(asked)
            assert found.record == storage.load_study(study.name)
            assert increment_rows(found.increment) == increment_rows(storage.read_since(study.id, 0))
            assert [t.number for t in found.increment.running] == [1]
            assert [(t.number, t.state, t.fixed) for t in found.waiting] == [(2, WAITING, {"lr": 0.5})]
        later = storage.moment(study.id, 1)
        assert increment_rows(later.increment) == []
        assert [t.number for t in later.increment.running] == [1]
        storage.delete_study(study.id)
        for gone in (study.id, study.name):
            with pytest.raises(StudyNotFoundError):
                storage.moment(gone)

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
        version = storage.start(study.id, one, running_record(1, fixed=one.trial.fixed))
        assert version == (two.version + 1 if storage.prompt else one.version)
        found = storage.trials(study.id, [1])[0]
        assert (found.state, found.user_attrs, found.fixed) == (RUNNING, {"why": "hunch"}, asked[0].fixed)
        assert found.x is not None
        storage.finish(study.id, ended(running_record(1, fixed=found.fixed)))

    def test_finished_trials_are_added(self, storage: Storage, study: StudyRecord) -> None:
        """They get new numbers and the next seqs; the records given are neither kept nor changed."""
        run_trial(storage, study)
        version = storage.read_since(study.id, 0).version
        given = [
            ended(running_record(7), 1.0, user={"a": [1]}, reports={0: 0.5}, attempt=3),
            TrialRecord(9, FAIL, reason="no point"),
            TrialRecord(-1, WAITING, fixed={"lr": 0.5}),
            ended(running_record(8), 2.0),
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
            storage.add(study.id, [ended(running_record(0)), wrong])
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
        gaps = [1e-4, NAN, NAN, 1.0, NAN, NAN]
        specs = [(LAW_SPACE, LAW_POINT), (other, [0.25]), (None, None), (LAW_SPACE, gaps), (nothing, [])]
        for number, (space, x) in enumerate(specs):
            begin(storage, study, space=space, x=x, sampler_state=number)
        for place, number in enumerate((4, 2, 0, 1, 3)):
            space, x = specs[number]
            state = FAIL if number == 2 else COMPLETE
            values = None if number == 2 else (float(number), -math.inf)
            limits = {"c": 0.5} if number == 1 else None
            done = ended(
                running_record(number, space=space, x=x, sampler_state=number), None, state, constraints=limits
            )
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
        points = {(tuple(b.at), b.x.shape) for b in new.blocks if b.space in (LAW_SPACE, other)}
        assert points == {((2, 4), (2, len(LAW_POINT))), ((3,), (1, 1))}
        (block,) = (b for b in new.blocks if b.space == LAW_SPACE)
        assert np.array_equal(block.x, [LAW_POINT, [1e-4, NAN, NAN, 1.0, NAN, NAN]], equal_nan=True)
        (alive,) = new.running
        assert (alive.number, alive.sampler_state, alive.x, alive.worker, alive.space) == (5, 9, [0.75], "w", other)

    @laws
    @given(story=st.lists(actions(), max_size=40))
    def test_any_sequence_of_actions_ends_as_in_the_model(self, storage: Storage, story: list[Action]) -> None:
        """Numbers, seqs, versions, states and reports are those of a simple model; increments miss nothing."""
        study = storage.create_study(None, ["minimize"], 0, LAW_SPACE)
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
        run_trial(storage, study, PRUNED, -9.0)
        run_trial(storage, study, COMPLETE, -8.0, constraints={"c": 1e-9, "d": -1.0})
        run_trial(storage, study, COMPLETE, -7.0, constraints={"c": NAN})
        run_trial(storage, study, FAIL, None)
        assert storage.best(study.id, "minimize") is None
        for value in (3.0, 1.0, 1.0, 5.0, 5.0):
            run_trial(storage, study, COMPLETE, value, constraints={"c": 0.0})
        numbers = [best_number(storage, study, d) for d in ("minimize", "maximize")]
        assert numbers == [5, 7]
        run_trial(storage, study, COMPLETE, math.inf)
        run_trial(storage, study, COMPLETE, -math.inf)
        numbers = [best_number(storage, study, d) for d in ("minimize", "maximize")]
        assert numbers == [10, 9]
        with pytest.raises(ValueError, match="direction"):
            storage.best(study.id, "up")

    def test_the_lowest_number_among_equals_may_finish_last(self, storage: Storage, study: StudyRecord) -> None:
        """The number counts, not the order of finishing."""
        for _ in range(3):
            begin(storage, study)
        for number in (2, 1, 0):
            storage.finish(study.id, ended(running_record(number), 1.0))
            assert best_number(storage, study, "minimize") == number

    def test_trials_by_number_and_state(self, storage: Storage, study: StudyRecord) -> None:
        """They are ordered by number; an unknown number raises."""
        for state in (COMPLETE, FAIL, COMPLETE, PRUNED):
            run_trial(storage, study, state)
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
        for none in (-1, 2**40, 2**70):
            with pytest.raises(KeyError, match=str(none)):
                numbers([0, none])
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
        run_trial(storage, study, values=(1.0,), user={"c": {"d": None}})
        run_trial(storage, study, values=(1.0,))
        found = storage.user_attrs(study.id)
        assert found == {t.number: dict(t.user_attrs) for t in storage.trials(study.id) if t.user}
        assert found[number] == {"a": 2, "b": [1.5]}


# -- the laws of the pointers of artifacts; part of `tunesmith.testing.storages` ------------------------------------


def pointer(name: str, content: str, number: int | None = None, copy: int = 0) -> Artifact:
    """Return an artifact to be published.

    Args:
        content: what stands for its content; equal ones have equal digests.
        copy: which blob of this content; each writer has its own.
    """
    digest = content.encode().hex().ljust(64, "0")
    key = f"space/{digest[:2]}/{digest}-{copy:016x}"
    return Artifact(name, digest, len(content), "text/x ∂", number, 0, 1.5 + copy, key)


class ArtifactLaws(Conformance):
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
        assert storage.start(study.id, claim, running_record(0, attempt=2, worker="v")) is not None
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
        storage.finish(study.id, ended(running_record(0, attempt=2, worker="v")))
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
        assert storage.start(study.id, first, running_record(0)) == 1
        assert storage.start(study.id, second, running_record(0)) is None
        assert storage.claim(study.id, "b") == Claim(1, 1)

    def test_a_reserved_number_is_not_given_to_another_worker(self, storage: Storage, study: StudyRecord) -> None:
        """The trial runs from the claim on."""
        promise = storage.claim(study.id, "a")
        taken = storage.claim(study.id, "w", reserve=True)
        assert (taken.number, taken.reserved, taken.trial, taken.version) == (0, True, None, 1)
        assert [t.state for t in storage.trials(study.id)] == [RUNNING]
        assert storage.start(study.id, promise, running_record(0)) is None
        assert storage.start(study.id, taken, running_record(0)) == (2 if storage.prompt else 1)
        assert_ended(storage, storage.finish(study.id, ended(running_record(0))), 1, 3)

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
            0, RUNNING, space=LAW_SPACE, x=LAW_POINT, sampler_state=-(2**62), worker="wörker:1", started=1.5,
            fixed=fixed,
        )  # fmt: skip
        assert storage.start(study.id, storage.claim(study.id, "wörker:1"), begun) is not None
        assert_same(storage.trials(study.id)[0], begun)
        done = TrialRecord(
            0,
            FAIL,
            space=LAW_SPACE,
            x=LAW_POINT,
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
        orders = {"order": (None, "a", 1), "some": ("v", 2.5)}
        assert found.params == {"lr": "auto", "layers": None, "act": True, **orders}

    def test_an_enqueued_number_stays_a_number(self, storage: Storage, study: StudyRecord) -> None:
        """Also where a word has the same place in the range; and a word stays the word."""
        for fixed in {"lr": 1e-3, "layers": 3}, {"lr": "auto", "layers": None}:
            (number,) = storage.add(study.id, [TrialRecord(-1, TrialState.WAITING, fixed=fixed)])
            assert storage.trials(study.id, [number])[0].fixed == fixed

    @pytest.mark.parametrize("state", [COMPLETE, PRUNED, FAIL])
    def test_a_finish_is_recorded_once(self, storage: Storage, study: StudyRecord, state: TrialState) -> None:
        """A task that runs twice is recorded once."""
        begin(storage, study)
        assert_ended(storage, storage.finish(study.id, ended(running_record(0), state=state)), 1, 2)
        version = storage.read_since(study.id, 0).version
        before = storage.trials(study.id)
        assert storage.finish(study.id, ended(running_record(0), state=state))[0] == 1, (
            "the answer to the first one was lost"
        )
        with pytest.raises(TrialFinishedError, match="trial 0"):
            storage.finish(study.id, ended(running_record(0), 9.0, state=FAIL if state is COMPLETE else COMPLETE))
        with pytest.raises(ValueError, match="attempt 2 was not begun"):
            storage.finish(study.id, ended(running_record(0), attempt=2))
        assert storage.trials(study.id) == before
        assert storage.read_since(study.id, 0).version == version
        with pytest.raises(KeyError):
            storage.finish(study.id, ended(running_record(1)))

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
        assert_ended(storage, storage.finish(study.id, ended(running_record(0))), 1, 2)

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
        storage.finish(study.id, ended(running_record(0), reports={3: 9.0, 4: 0.1}))
        storage.report(study.id, 0, Fence(1), 5, 1.0)
        reports = dict(storage.trials(study.id)[0].intermediate_values)
        assert repr(dict(sorted(reports.items()))) == repr({1: math.inf, 2: NAN, 3: 0.5, 4: 0.1})

    def test_metrics_are_kept_by_attempt(self, storage: Storage, study: StudyRecord) -> None:
        """They are read over all attempts; those that come with the end are added; no version is raised."""
        begin(storage, study)
        storage.log(study.id, 0, Fence(1), {"loss": series([0, 1], [0.5, NAN]), "größe": series([5, 2], [1.0, 2.0])})
        storage.log(study.id, 0, Fence(1), {"loss": series([3, 1, 4], [math.inf, 7.0, 8.0])})
        storage.log(study.id, 99, Fence(1), {"loss": series([0], [1.0])})
        assert storage.read_since(study.id, 0).version == 1, "metrics do not raise the version"
        first = {0: {"loss": {0: 0.5, 1: 7.0, 3: math.inf, 4: 8.0}, "größe": {2: 2.0, 5: 1.0}}}
        assert by_step(storage.metrics(study.id)) == first
        storage.release(study.id, {0: Fence(1)}, FailureKind.LOST)
        claim = storage.claim(study.id, "v")
        assert storage.start(study.id, claim, running_record(0, attempt=2, worker="v")) is not None
        with pytest.raises(AttemptReplacedError, match="trial 0: attempt 1 was given up"):
            storage.log(study.id, 0, Fence(1), {"loss": series([4], [9.9])})
        storage.log(study.id, 0, Fence(2), {"loss": series([3], [3.0])})
        done = ended(running_record(0, attempt=2, worker="v"))
        done.logged = {"loss": series([5, 6], [5.0, 6.0]), "LOSS": series([1000], [1.0])}
        storage.finish(study.id, done)
        storage.log(study.id, 0, Fence(2), {"loss": series([7], [7.0])})
        whole = {"loss": {0: 0.5, 1: 7.0, 3: 3.0, 5: 5.0, 6: 6.0}, "größe": {2: 2.0, 5: 1.0}, "LOSS": {1000: 1.0}}
        assert by_step(storage.metrics(study.id)) == {0: whole}
        assert by_step(storage.metrics(study.id, [0, 7], ["loss", "acc"])) == {0: {"loss": whole["loss"]}}
        assert by_step(storage.metrics(study.id, None, ["LOSS"])) == {0: {"LOSS": whole["LOSS"]}}
        assert storage.metrics(study.id, [1]) == storage.metrics(study.id, None, ["acc"]) == {}
        assert {n: k.tolist() for n, k in storage.logged(study.id).items()} == {"LOSS": [0], "größe": [0], "loss": [0]}
        (found,) = storage.trials(study.id, [0])
        assert by_step({0: dict(found.metrics)}) == {0: whole}, "a record reads its own"
        added = ended(running_record(0))
        added.logged = {"loss": series(list(range(9000)), [step / 7 for step in range(9000)])}
        (number,) = storage.add(study.id, [added])
        (copy,) = storage.metrics(study.id, [number]).values()
        assert storage.logged(study.id)["loss"].tolist() == [0, number]
        assert list(storage.logged(study.id, "loss")) == ["loss"]
        assert storage.logged(study.id, "loss")["loss"].tolist() == [0, number]
        assert storage.logged(study.id, "los") == {}
        assert copy["loss"][1].tolist() == [step / 7 for step in range(9000)]
        storage.delete_study(study.id)
        with pytest.raises(StudyNotFoundError):
            storage.metrics(study.id)

    def test_metrics_of_a_paused_trial_go_on(self, storage: Storage, study: StudyRecord) -> None:
        """What comes with the pause is kept."""
        begin(storage, study)
        storage.log(study.id, 0, Fence(1), {"loss": series([0], [0.0])})
        trial = running_record(0)
        trial.logged = {"loss": series([1, 2], [1.0, 2.0])}
        storage.pause(study.id, trial)
        assert by_step(storage.metrics(study.id)) == {0: {"loss": {0: 0.0, 1: 1.0, 2: 2.0}}}
        claim = storage.resume(study.id, 0, "v")
        assert claim is not None
        assert storage.start(study.id, claim, running_record(0, attempt=2, worker="v")) is not None
        storage.log(study.id, 0, Fence(2), {"loss": series([2, 3], [2.5, 3.0])})
        assert by_step(storage.metrics(study.id)) == {0: {"loss": {0: 0.0, 1: 1.0, 2: 2.5, 3: 3.0}}}

    def test_attributes_set_while_a_trial_runs_are_kept(self, storage: Storage, study: StudyRecord) -> None:
        """Those of set_attr and of the record are merged; the record's take precedence."""
        begin(storage, study)
        storage.set_attr(study.id, 0, "a", 1)
        storage.set_attr(study.id, 0, "b", 1)
        storage.set_attr(study.id, 0, "s", [1], system=True)
        storage.finish(study.id, ended(running_record(0), user={"b": 2, "c": 3}))
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
                seq, _ = storage.finish(study.id, ended(running_record(number, worker=f"w{index}"), float(number)))
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
