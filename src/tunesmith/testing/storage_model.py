"""Parts of the laws of storages: short forms of trials, a simple model of a study, a reader of increments."""

from __future__ import annotations

import math
from copy import copy
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import strategies as st

from tunesmith.errors import AttemptReplacedError
from tunesmith.space import Categorical, FloatOr, IntOr, Ordinal, Space
from tunesmith.state import FailureKind, TrialState
from tunesmith.storage.base import Storage, StudyRecord
from tunesmith.storage.checks import late_note
from tunesmith.trial.record import LATE, NAN, NOISE, Attempt, Fence, TrialRecord

SPACE = Space(
    lr=FloatOr(1e-5, 1.0, log=True, words={0.0: 1e-5, "auto": 1e-3}),
    layers=IntOr(1, 5, words={None: 3}),
    act=Categorical(["relu", None, True, 1, 1.5, ("a", 2)]),
    size=Ordinal(["s", "m", "l"]),
)
POINT = [1e-3, 3.0, 2.0, NAN]
COMPLETE, PRUNED, FAIL = TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL
RUNNING, WAITING, PAUSED = TrialState.RUNNING, TrialState.WAITING, TrialState.PAUSED

_KINDS = (
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
_FINAL = (TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL)


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
        kind=st.sampled_from(_KINDS),
        index=st.integers(0, 50),
        value=st.floats(allow_nan=False),
        state=st.sampled_from(_FINAL),
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
        x = [10.0 ** -(1 + action.index % 4), 1.0 + action.index % 5, math.nan, float(action.index % 3)]
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
            old.system = {**(old.system or {}), LATE: late_note(done)}

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
        late = None if t.system is None else t.system.pop(LATE, None)
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
        self.rows += rows_of(new)
        self.numbers += new.number.tolist()
        self.cursor, self.version = new.cursor, new.version

    def compare(self) -> None:
        """Compare all increments with what is read at once."""
        assert self.rows == rows_of(self.storage.read_since(self.study.id, 0))
        assert len(set(self.numbers)) == len(self.numbers)


def rows_of(new: Any) -> list[Any]:
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
    for name in TrialRecord.__slots__:
        a, b = getattr(found, name), getattr(expected, name)
        if name in ("user", "system", "reports", "costs", "constraints"):
            a, b = sorted((a or {}).items()), sorted((b or {}).items())
        elif name == "x" and a is not None and b is not None:
            a, b = list(a), list(b)
        assert a == b or repr(a) == repr(b), f"{name} of trial {expected.number}: {a!r}, expected {b!r}"


def assert_ended(storage: Storage, found: tuple[int, int], seq: int, version: int) -> None:
    """Compare what `finish` returned with the place and the version of an end; both may come later."""
    assert found == ((seq, version) if storage.prompt else (0, 0))


def running(number: int, worker: str = "w", **fields: Any) -> TrialRecord:
    """A running trial at `POINT`."""
    return TrialRecord(number, RUNNING, **{"space": SPACE, "x": POINT, "worker": worker, "started": 1.0, **fields})


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
        if storage.start(study.id, claim, running(claim.number, worker, **fields)) is not None:
            return claim.number


def run(
    storage: Storage, study: StudyRecord, state: TrialState = COMPLETE, value: float | None = 0.5, **fields: Any
) -> int:
    """Start and finish a trial; return its number."""
    number = begin(storage, study)
    storage.finish(study.id, ended(running(number), value, state, **fields))
    return number


def best_number(storage: Storage, study: StudyRecord, direction: str) -> int | None:
    """The number of the best trial."""
    best = storage.best(study.id, direction)
    return None if best is None else best.number
