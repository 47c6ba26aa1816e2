"""One study of the storage in memory, and what becomes of its records."""

from __future__ import annotations

import copy
from dataclasses import replace

import numpy as np

from tunesmith.space import Space
from tunesmith.state import FailureKind, TrialState
from tunesmith.storage.base import Block, Increment, StudyRecord
from tunesmith.storage.checks import GIVEN_UP, late_note
from tunesmith.trial.record import LATE, NAN, NOISE, Attempt, TrialRecord


class StudyBook:
    """One study: all trials by number, the finished ones by seq, the running and the waiting ones."""

    __slots__ = (
        "best",
        "counted",
        "counts",
        "finished",
        "m",
        "paused",
        "record",
        "running",
        "trials",
        "version",
        "waiting",
    )

    def __init__(self, record: StudyRecord) -> None:
        self.record = record
        self.m = len(record.directions)
        self.version = 0
        self.trials: list[TrialRecord] = []
        self.finished: list[TrialRecord] = []
        self.running: dict[int, TrialRecord] = {}
        self.paused: dict[int, TrialRecord] = {}
        self.waiting: list[int] = []  # a heap
        # What `best` and `count` found, and how many of `finished` they have seen: a finish need not update them.
        self.best: dict[str, tuple[int, TrialRecord | None]] = {}
        self.counted = 0
        self.counts: dict[TrialState, int] = {}

    def since(self, cursor: int) -> Increment:
        """Return what was recorded since a cursor; called under the storage's lock, for trials go on reporting."""
        new, running, m = self.finished[cursor:], list(self.running.values()), self.m
        paused = list(self.paused.values())
        reports = [
            (t.number, step, value, cost)
            for t in (*new, *running, *paused)
            if t.reports or t.previous_attempts
            for step, (value, cost) in t.learning_curve().items()
        ]
        nothing = (NAN,) * m
        groups: dict[int, tuple[Space | None, list[int]]] = {}
        for i, t in enumerate(new):
            if t.space is not None and t.x is not None:
                groups.setdefault(id(t.space), (t.space, []))[1].append(i)
        return Increment(
            cursor=len(self.finished),
            version=self.version,
            number=np.array([t.number for t in new], np.int64),
            state=np.array([t.state for t in new], np.int8),
            sampler_state=np.array([t.sampler_state for t in new], np.int64),
            attempt=np.array([t.attempt for t in new], np.int64),
            cost=np.array([t.cost for t in new], np.float64),
            failure=np.array([t.failure or 0 for t in new], np.int8),
            values=np.array([nothing if t.values is None else t.values for t in new], np.float64).reshape(-1, m),
            blocks=[
                Block(space, np.array(at, np.int64), np.array([new[i].x for i in at], np.float64))
                for space, at in groups.values()
            ],
            constraints={i: t.constraints for i, t in enumerate(new) if t.constraints},
            noise={i: t.system[NOISE] for i, t in enumerate(new) if t.system and NOISE in t.system},
            reports=reports,
            running=running,
            paused=paused,
        )


def copy_record(record: StudyRecord) -> StudyRecord:
    """Return a copy of a study's record."""
    return replace(record, user=dict(record.user), system=dict(record.system))


def copy_trial(trial: TrialRecord) -> TrialRecord:
    """Return a copy of a record."""
    twin = copy.copy(trial)
    twin.user, twin.system = dict(trial.user) if trial.user else None, dict(trial.system) if trial.system else None
    twin.reports = dict(trial.reports) if trial.reports else None
    twin.costs = dict(trial.costs) if trial.costs else None
    return twin


def after_attempt(trial: TrialRecord, failure: FailureKind | None) -> TrialRecord:
    """Return a copy of a running trial at its next attempt, with what this one leaves."""
    twin = copy_trial(trial)
    late = None if twin.system is None else twin.system.pop(LATE, None)
    left = Attempt(
        trial.attempt,
        dict(twin.reports or {}),
        dict(twin.user or {}),
        failure,
        trial.worker,
        late,
        costs=dict(twin.costs or {}),
    )
    twin.previous_attempts, twin.reports, twin.costs = (*trial.previous_attempts, left), None, None
    twin.attempt, twin.token = trial.attempt + 1, 0
    twin.crashes += failure in GIVEN_UP
    return twin


def carry_over(old: TrialRecord, new: TrialRecord) -> None:
    """Carry attributes and reports over that only the old record of a trial has."""
    if old.user and old.user is not new.user:
        new.user = {**old.user, **(new.user or {})}
    if old.system and old.system is not new.system:
        new.system = {**old.system, **(new.system or {})}
    if old.reports and old.reports is not new.reports:
        new.reports = {**(new.reports or {}), **old.reports}
        new.costs = {**(new.costs or {}), **(old.costs or {})} or None
    if new.fixed is None:
        new.fixed = old.fixed
    new.previous_attempts, new.crashes = old.previous_attempts, old.crashes


def note_late(stored: TrialRecord, trial: TrialRecord) -> None:
    """Keep the result of an attempt that was given up, with that attempt."""
    note, attempts = late_note(trial), stored.previous_attempts
    if trial.attempt == stored.attempt:
        stored.system = {**(stored.system or {}), LATE: note}
    else:
        stored.previous_attempts = tuple(replace(a, late=note) if a.attempt == trial.attempt else a for a in attempts)
