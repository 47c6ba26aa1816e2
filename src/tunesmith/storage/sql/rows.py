"""Rows as records and as columns; a damaged row raises ValueError or the like, see integrity.py."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.history.curves import Reported
from tunesmith.space import Space
from tunesmith.state import FailureKind, TrialState
from tunesmith.storage.sql.attributes import ENDED
from tunesmith.storage.sql.integrity import (
    OPEN_STATES,
    check_first,
    check_types,
    read_constraints,
    read_noise,
    require,
    same_values,
)
from tunesmith.storage.sql.queries import TYPES_OF_COLUMNS
from tunesmith.storage.sql.schema import SYSTEM, USER
from tunesmith.storage.sql.session import Row
from tunesmith.storage.sql.values import (
    NAN,
    attr_from_json,
    fixed_from_json,
    float_or_nan,
    floats_from_bytes,
    floats_to_bytes,
)
from tunesmith.storage.sql.vectors import CostlyCurve, joined
from tunesmith.trial.record import LATE, Attempt, TrialRecord, curve

MOST_ATTEMPTS = 100_000  # more than any trial has; a damaged row may have 2**31
_KINDS = frozenset({0, *FailureKind})
_FINISHED = frozenset({TrialState.COMPLETE, TrialState.PRUNED, TrialState.FAIL})


def read_record(row: Row, known: Mapping[int | None, Space], m: int, loose: bool) -> TrialRecord:
    """Return a row of `queries.FULL` as a record."""
    (n, state, attempt, seq, space_id, x, y, first, feasible, sampler_state, cost, limits, reason, started, finished,
     worker, fixed, crashes, token, failure) = row  # fmt: skip
    space = None if space_id is None else known[space_id]
    possible = 1 <= attempt < MOST_ATTEMPTS and 0 <= crashes <= attempt
    # A server gives places later, see ends.py.
    misplaced = seq is not None if state in OPEN_STATES else seq is None and loose
    if misplaced or n < 0 or not possible:
        raise ValueError(f"number {n}, state {state}, attempt {attempt}, crashes {crashes}, seq {seq}")
    if x is not None and len(x) != (0 if space is None else 8 * len(space)):
        raise ValueError("its point does not fit its space")
    values = None if y is None else floats_from_bytes(y)
    if values is not None and len(y) != 8 * m:
        raise ValueError("it does not have one value for each objective")
    if state == TrialState.COMPLETE and (values is None or any(v != v for v in values)):
        raise ValueError("it has no values")
    check_first(first, values)
    return TrialRecord(
        n,
        TrialState(state),
        space=space,
        x=None if x is None else list(floats_from_bytes(x)),
        values=values,
        attempt=attempt,
        sampler_state=sampler_state,
        cost=float_or_nan(cost),
        constraints=read_constraints(limits, feasible),
        reason=reason,
        started=float_or_nan(started),
        finished=float_or_nan(finished),
        worker=worker,
        fixed=fixed_from_json(fixed),
        seq=seq or 0,
        crashes=crashes,
        token=max(token, 0),  # below zero: a mark of `ends.add`
        failure=None if failure is None else FailureKind(failure),
    )


AttrsByAttempt = dict[int, dict[int, tuple[dict[str, Any], dict[str, Any]]]]  # (user, own) by trial and attempt


def attach_attr(found: Mapping[int, TrialRecord], by_attempt: AttrsByAttempt, row: Row) -> None:
    """Put an attribute into the record of its trial, or into `by_attempt` if the trial had several attempts."""
    n, attempt, kind, key, text = row
    trial = found.get(n)
    if trial is None:
        return
    require(kind in (USER, SYSTEM), f"{key!r} is of no known kind")
    value = attr_from_json(text)
    if trial.attempt > 1 and (kind == USER or (attempt < trial.attempt and key in (ENDED, LATE))):
        by_attempt.setdefault(n, {}).setdefault(attempt, ({}, {}))[kind][key] = value
    elif kind == USER:
        trial.user = trial.user or {}
        trial.user[key] = value
    else:
        trial.system = trial.system or {}
        trial.system[key] = value


def attach_attempts(found: Mapping[int, TrialRecord], notes: AttrsByAttempt, curves: Iterable[Row], m: int) -> None:
    """Put reports of m objectives, and what earlier attempts left, into the records of their trials."""
    reported = _by_attempt((row for row in curves if row[0] in found), m)
    for n, attempts in reported.items():
        found[n].reports, found[n].costs = _apart(attempts.get(found[n].attempt, {}))
    for n, trial in found.items():
        if trial.attempt > 1:
            _attach_previous(trial, notes.get(n, {}), reported.get(n, {}))


def _attach_previous(
    trial: TrialRecord,
    notes: Mapping[int, tuple[dict[str, Any], dict[str, Any]]],
    reported: Mapping[int, CostlyCurve],
) -> None:
    user: dict[str, Any] = {}
    earlier = []
    nothing: tuple[dict[str, Any], dict[str, Any]] = ({}, {})
    for attempt in range(1, trial.attempt):
        its_user, own = notes.get(attempt, nothing)
        user = {**user, **its_user}
        end = own.get(ENDED, {})
        failure = None if end.get("failure") is None else FailureKind(end["failure"])
        reports, costs = _apart(reported.get(attempt, {}))
        worker, late = end.get("worker", ""), own.get(LATE)
        earlier.append(Attempt(attempt, reports or {}, user, failure, worker, late, costs=costs or {}))
    trial.previous_attempts = tuple(earlier)
    trial.user = {**user, **notes.get(trial.attempt, nothing)[USER]} or None


def join_curves(rows: list[Row], m: int) -> list[tuple[int, int, Reported, float]]:
    """Return rows of reports of m objectives, with attempts, as one curve a trial: (number, step, value, cost)."""
    if m == 1 and all(row[1] == 1 for row in rows):
        return [(n, step, float_or_nan(value), float_or_nan(cost)) for n, _, step, value, cost in rows]
    joined = {n: curve([attempts[a] for a in sorted(attempts)]) for n, attempts in _by_attempt(rows, m).items()}
    return [(n, step, *found) for n, curve_ in joined.items() for step, found in curve_.items()]


def _by_attempt(rows: Iterable[Row], m: int) -> dict[int, dict[int, CostlyCurve]]:
    """Return rows of reports of m objectives by number and attempt."""
    found: dict[int, dict[int, dict[int, tuple[float, float]]]] = {}
    for n, attempt, step, value, cost in rows:
        found.setdefault(n, {}).setdefault(attempt, {})[step] = (float_or_nan(value), float_or_nan(cost))
    return {n: {attempt: joined(own, m) for attempt, own in attempts.items()} for n, attempts in found.items()}


def _apart(found: CostlyCurve) -> tuple[dict[int, Reported] | None, dict[int, float] | None]:
    """Return the values by step, and the costs that are known."""
    values = {step: value for step, (value, _) in found.items()}
    return values or None, {step: cost for step, (_, cost) in found.items() if cost == cost} or None


class IncrementColumns:
    """Turns rows of `queries.COLUMNS` into arrays, chunk by chunk."""

    def __init__(self, m: int, cursor: int, loose: bool) -> None:
        self.m = m
        self._cursor = max(0, cursor)
        self._loose = loose  # whether the database lets a column hold any type
        self.count = 0
        self.constraints: dict[int, dict[str, float]] = {}
        self.noise: dict[int, list[float]] = {}
        self.points: dict[int, _Points] = {}  # by space id
        # number, state, sampler_state, attempt, cost, failure
        self._parts = [[np.empty(0, kind)] for kind in (np.int64, np.int8, np.int64, np.int64, np.float64, np.int8)]
        self._values: list[NDArray[np.float64]] = [np.empty((0, m))]
        self._nothing = floats_to_bytes([NAN] * m) or b""

    def add(self, rows: list[Row]) -> None:
        """Append rows."""
        if self._loose:
            check_types(rows, TYPES_OF_COLUMNS)
        (seqs, numbers, states, sampler_states, attempts, costs, ys, firsts, feasible, xs, ids, limits, failures,
         errors) = zip(*rows, strict=True)  # fmt: skip
        require(set(states) <= _FINISHED, "a finished trial has the state of another")
        start = self.count
        self.count += len(rows)
        expected = range(self._cursor + start + 1, self._cursor + self.count + 1)
        require(seqs == tuple(expected), "their places in the order of ends have gaps")
        if None in costs:
            costs = tuple(map(float_or_nan, costs))
        failures = tuple(kind or 0 for kind in failures)
        require(set(failures) <= _KINDS, "a trial failed in an unknown way")
        columns = (numbers, states, sampler_states, attempts, costs, failures)
        for parts, column in zip(self._parts, columns, strict=True):
            parts.append(np.array(column, parts[0].dtype))
        if None in ys:
            ys = tuple(self._nothing if y is None else y for y in ys)
        require(set(map(len, ys)) == {8 * self.m}, "a trial does not have one value for each objective")
        values = np.frombuffer(b"".join(ys), "<f8").reshape(-1, self.m)
        copies = np.array(firsts, np.float64)  # None becomes NaN
        require(same_values(copies, values[:, 0]), "the two copies of a trial's value differ")
        complete = np.array(states) == TrialState.COMPLETE
        require(not np.isnan(values[complete]).any(), "a complete trial has no value")
        self._values.append(values)
        at: dict[int, list[int]] = {}
        for i, space_id in enumerate(ids):
            if space_id is not None:
                at.setdefault(space_id, []).append(i)
        for space_id, places in at.items():
            require(len({len(xs[i]) for i in places}) == 1, "points of one space differ in length")
            x = np.frombuffer(b"".join([xs[i] for i in places]), "<f8").astype(np.float64, copy=False)
            own = np.array(places, np.int64) + start, x.reshape(len(places), len(x) // len(places))
            if (before := self.points.get(space_id)) is None:
                self.points[space_id] = _Points(*own)
            else:
                before.add(*own)
        if any(limits) or set(feasible) != {1}:
            for i, (text, flag) in enumerate(zip(limits, feasible, strict=True)):
                if (found := read_constraints(text, flag)) is not None:
                    self.constraints[start + i] = found
        if any(errors):
            self.noise |= {start + i: read_noise(text, self.m) for i, text in enumerate(errors) if text is not None}

    def join(self, column: int) -> NDArray[Any]:
        """Return one column."""
        return np.concatenate(self._parts[column])

    def values(self) -> NDArray[np.float64]:
        """Return the values, float64[n, m]."""
        return np.concatenate(self._values)

    def points_by_space(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.float64]]]:
        """Return for each space id the places int64[k] and the points float64[k, d]."""
        return {space_id: (points.at[: points.n], points.x[: points.n]) for space_id, points in self.points.items()}


class _Points:
    """The points of one space: their places at[k], and x[k, d], of which the first n count.

    One array that grows takes half the memory of many that are joined at the end.
    """

    __slots__ = ("at", "n", "x")

    def __init__(self, at: NDArray[np.int64], x: NDArray[np.float64]) -> None:
        self.at, self.x, self.n = at, x, len(at)

    def add(self, at: NDArray[np.int64], x: NDArray[np.float64]) -> None:
        """Append some."""
        start, self.n = self.n, self.n + len(at)
        if self.n > len(self.at):
            self.at, self.x = _wider(self.at, start, self.n), _wider(self.x, start, self.n)
        self.at[start : self.n], self.x[start : self.n] = at, x


def _wider(a: NDArray[Any], used: int, need: int) -> NDArray[Any]:
    """Return a column with room for more rows: of many, so that few arrays are made on the way, which take memory."""
    out = np.empty((8 * need, *a.shape[1:]), a.dtype)
    out[:used] = a[:used]
    return out
