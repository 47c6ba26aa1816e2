"""Keeps studies in this process's memory."""

from __future__ import annotations

import difflib
import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import DuplicatedStudyError, StudyNotFoundError
from tunesmith.space import Space
from tunesmith.state import TrialState
from tunesmith.storage.base import Block, Claim, Increment, Storage, StudyRecord
from tunesmith.trial import FrozenTrial


class _Study:
    """One study: its trials by number, the finished ones in commit order, and the numbers that wait."""

    def __init__(self, record: StudyRecord) -> None:
        self.record = record
        self.trials: list[FrozenTrial] = []
        self.finished: list[FrozenTrial] = []
        self.waiting: list[int] = []
        self.running: set[int] = set()
        self.version = 0
        self.best: dict[str, FrozenTrial] = {}

    def commit(self, trial: FrozenTrial) -> int:
        """Put a finished trial in its place and in the order of commits; return its seq."""
        self.trials[trial.number] = trial
        self.finished.append(trial)
        trial.seq = len(self.finished)
        if trial.state is TrialState.COMPLETE and trial.values and trial.feasible:
            for direction, better in _BETTER.items():
                best = self.best.get(direction)
                if best is None or better(trial, best):
                    self.best[direction] = trial
        return trial.seq


def _less(a: FrozenTrial, b: FrozenTrial) -> bool:
    x, y = (a.values or ())[0], (b.values or ())[0]
    return x < y or (x == y and a.number < b.number)


def _more(a: FrozenTrial, b: FrozenTrial) -> bool:
    x, y = (a.values or ())[0], (b.values or ())[0]
    return x > y or (x == y and a.number < b.number)


_BETTER: dict[str, Callable[[FrozenTrial, FrozenTrial], bool]] = {"minimize": _less, "maximize": _more}


class MemoryStorage(Storage):
    """Studies that live as long as the process. Records are handed out as they are, not copied: do not change them."""

    name: ClassVar[str] = "memory"
    shared: ClassVar[bool] = False

    def __init__(self) -> None:
        self._studies: dict[int, _Study] = {}
        self._ids = itertools.count(1)
        self._lock = threading.RLock()

    def create_study(
        self, name: str | None, directions: Sequence[str], seed: int, space: Space | None = None
    ) -> StudyRecord:
        with self._lock:
            taken = {s.record.name for s in self._studies.values()}
            if name in taken:
                raise DuplicatedStudyError(
                    f"a study {name!r} is there already; load it with load_if_exists=True, or choose another name"
                )
            key = next(self._ids)
            if name is None:
                name = next(n for k in itertools.count(key) if (n := f"study-{k}") not in taken)
            record = StudyRecord(key, name, tuple(directions), seed, space, created=time.time())
            self._studies[key] = _Study(record)
            return record

    def load_study(self, name: str | None) -> StudyRecord:
        by_name = {s.record.name: s.record for s in self._studies.values()}
        if name is None and len(by_name) == 1:
            return next(iter(by_name.values()))
        if name is None:
            raise StudyNotFoundError(f"study_name=None needs exactly one study; there are {len(by_name)}: {[*by_name]}")
        if name not in by_name:
            close = difflib.get_close_matches(name, by_name, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise StudyNotFoundError(f"there is no study {name!r}{hint} (studies: {', '.join(by_name) or 'none'})")
        return by_name[name]

    def list_studies(self) -> list[StudyRecord]:
        return [s.record for s in self._studies.values()]

    def delete_study(self, study_id: int) -> None:
        with self._lock:
            self._studies.pop(study_id, None)

    def set_space(self, study_id: int, space: Space) -> None:
        self._study(study_id).record.space = space

    def claim(self, study_id: int, worker: str, reserve: bool = False) -> Claim:
        study = self._study(study_id)
        if not study.waiting and not reserve:
            return Claim(len(study.trials), study.version)
        with self._lock:
            if study.waiting:
                number = study.waiting.pop(0)
                trial = _copy(study.trials[number])
                trial.state, trial.worker, trial.started = TrialState.RUNNING, worker, time.time()
                study.trials[number] = trial
            elif reserve:
                number = len(study.trials)
                trial = FrozenTrial(number, TrialState.RUNNING, started=time.time(), worker=worker)
                study.trials.append(trial)
            else:
                return Claim(len(study.trials), study.version)
            study.running.add(number)
            study.version += 1
            return Claim(number, study.version, True, trial)

    def start(self, study_id: int, claim: Claim, trial: FrozenTrial) -> int | None:
        study = self._study(study_id)
        with self._lock:
            if claim.reserved:
                study.trials[claim.number] = trial
            elif claim.number == len(study.trials):
                study.trials.append(trial)
            else:
                return None
            study.running.add(claim.number)
            study.version += 1
            return study.version

    def report(self, study_id: int, number: int, step: int, value: float) -> None:
        with self._lock:
            trial = self._study(study_id).trials[number]
            if trial.state is TrialState.RUNNING:
                trial.reports = {**(trial.reports or {}), step: value}

    def finish(self, study_id: int, trial: FrozenTrial) -> tuple[int, int] | None:
        study = self._study(study_id)
        with self._lock:
            if trial.number >= len(study.trials):
                return None
            old = study.trials[trial.number]
            if old.state is not TrialState.RUNNING or old.attempt != trial.attempt:
                return None
            study.running.discard(trial.number)
            seq = study.commit(trial)
            study.version += 1
            return seq, study.version

    def add(self, study_id: int, trials: Sequence[FrozenTrial]) -> list[int]:
        study = self._study(study_id)
        with self._lock:
            numbers: list[int] = []
            for given in trials:
                trial = _copy(given)
                trial.number, trial.seq = len(study.trials), 0
                study.trials.append(trial)
                numbers.append(trial.number)
                if trial.state is TrialState.WAITING:
                    study.waiting.append(trial.number)
                else:
                    study.commit(trial)
            study.version += 1
            return numbers

    def release(self, study_id: int, numbers: Iterable[int]) -> None:
        study = self._study(study_id)
        with self._lock:
            for number in numbers:
                if number in study.running:
                    trial = _copy(study.trials[number])
                    trial.state, trial.worker, trial.reports = TrialState.WAITING, "", None
                    trial.attempt += 1
                    study.trials[number] = trial
                    study.running.discard(number)
                    study.waiting.append(number)
            study.waiting.sort()
            study.version += 1

    def heartbeat(self, study_id: int, worker: str) -> None:
        """Do nothing: the only worker is this process."""

    def read_since(self, study_id: int, cursor: int) -> Increment:
        study = self._study(study_id)
        with self._lock:
            rows = study.finished[cursor:]
            running = [study.trials[n] for n in sorted(study.running)]
            version = study.version
        m = len(study.record.directions)
        groups: dict[int, tuple[Space | None, list[int], list[Sequence[float]]]] = {}
        for i, t in enumerate(rows):
            group = groups.setdefault(id(t.space), (t.space, [], []))
            group[1].append(i)
            group[2].append(t.x or ())
        return Increment(
            cursor=cursor + len(rows),
            version=version,
            number=np.array([t.number for t in rows], np.int64),
            state=np.array([t.state for t in rows], np.int8),
            tag=np.array([t.tag for t in rows], np.int64),
            cost=np.array([t.cost for t in rows], np.float64),
            values=np.array([t.values or (np.nan,) * m for t in rows], np.float64).reshape(len(rows), m),
            blocks=[
                Block(s, np.array(at, np.int64), np.array(x, np.float64).reshape(len(at), -1))
                for s, at, x in groups.values()
            ],
            constraints={i: t.constraints for i, t in enumerate(rows) if t.constraints},
            reports=[(t.number, k, v) for t in (*rows, *running) for k, v in (t.reports or {}).items()],
            running=running,
        )

    def trials(
        self, study_id: int, numbers: Sequence[int] | None = None, states: Sequence[TrialState] | None = None
    ) -> list[FrozenTrial]:
        every = self._study(study_id).trials
        if numbers is not None:
            for number in numbers:
                if not 0 <= number < len(every):
                    raise KeyError(f"the study has no trial {number} (it has {len(every)})")
            every = [every[n] for n in sorted(numbers)]
        return [t for t in every if states is None or t.state in states]

    def best(self, study_id: int, direction: str) -> FrozenTrial | None:
        return self._study(study_id).best.get(direction)

    def count(self, study_id: int) -> dict[TrialState, int]:
        states = [t.state for t in self._study(study_id).trials]
        return {s: n for s in TrialState if (n := states.count(s))}

    def set_attr(self, study_id: int, number: int | None, key: str, value: Any, system: bool = False) -> None:
        study = self._study(study_id)
        with self._lock:
            if number is None:
                (study.record.system if system else study.record.user)[key] = value
                return
            trial = study.trials[number]
            if system:
                trial.system = {**(trial.system or {}), key: value}
            else:
                trial.user = {**(trial.user or {}), key: value}

    def _study(self, study_id: int) -> _Study:
        try:
            return self._studies[study_id]
        except KeyError:
            raise StudyNotFoundError("the study was deleted") from None

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k not in ("_lock",)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._lock = threading.RLock()


def _copy(trial: FrozenTrial) -> FrozenTrial:
    new = object.__new__(FrozenTrial)
    for name in FrozenTrial.__slots__:
        setattr(new, name, getattr(trial, name))
    return new
