"""Values as the tables hold them, how they are read back, and the checks of what is read.

SQLite does not notice changed bytes in a file (a bad disk, a truncated copy): a number may have become another number,
a text may not be JSON, a column may hold another type. Data are compared with their second copy (the first value), hash
(spaces), range (points) or rule (`seq` has no gaps) where there is one; damaged data raise StorageError.
"""

from __future__ import annotations

import hashlib
import json
import math
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from operator import le
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tunesmith.errors import SpaceError, StorageError
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.storable import storable
from tunesmith.foundation.text import plain_text
from tunesmith.history.curves import Reported
from tunesmith.space import Categorical, Combinatorial, Constraint, Float, Int, Parameter, Space
from tunesmith.space.serialize import label_from_json, label_to_json, load_space
from tunesmith.space.words import words_of_parameter
from tunesmith.storage.checks import DIRECTIONS
from tunesmith.storage.sql.connections import Row, Values
from tunesmith.trial.metrics import WRITE_VALUES, Metrics, Series
from tunesmith.trial.record import NAN, TrialRecord


@lru_cache(maxsize=1024)
def _floats_struct(n: int) -> struct.Struct:
    return struct.Struct(f"<{n}d")


def floats_to_bytes(values: Sequence[float] | None) -> bytes | None:
    """Return float64 values as bytes, little-endian; None stays None."""
    return None if values is None else _floats_struct(len(values)).pack(*values)


def floats_from_bytes(data: bytes) -> tuple[float, ...]:
    """Return the floats that `floats_to_bytes` wrote."""
    return _floats_struct(len(data) // 8).unpack(data)


def float_or_nan(value: float | None) -> float:
    """Return a float that a database may have given as NULL: SQLite has no NaN."""
    return NAN if value is None else value


# -- attributes ------------------------------------------------------------------------------------------------


def attr_to_json(key: str, value: Any) -> str:
    """Return an attribute's value as JSON text; NaN and infinities are kept."""
    return json.dumps(storable(key, value))  # ASCII, so that no database stumbles over a character


attr_from_json = json.loads
ATTEMPT_ENDED = "ended"  # a system attribute of an attempt that was given up: why, and whose it was


# -- parameters that the user asked for ------------------------------------------------------------------------


def fixed_to_json(fixed: Mapping[str, Any], space: Space | None) -> str:
    """Return values by parameter name as JSON; objects that the space knows by name are kept by it."""
    data = {}
    for name, value in fixed.items():
        try:
            data[name] = label_to_json(_kept_label(space.get(name) if space is not None else None, value))
        except SpaceError as error:
            raise ValueError(f"enqueued parameter {name!r} (type {type(value).__name__}): {error}") from None
    return json.dumps(data)


def _kept_label(parameter: Parameter | None, value: Any) -> Any:
    if parameter is None or not parameter.contains(value):
        return value
    if words_of_parameter(parameter) and isinstance(value, int | float):
        return value  # the number that was asked for, and not the word at its place
    return parameter.to_label(parameter.to_internal(value))


def fixed_from_json(text: str | None) -> dict[str, Any] | None:
    """Return what `fixed_to_json` wrote; an object known by name is given as that name."""
    return None if text is None else {name: label_from_json(value) for name, value in json.loads(text).items()}


# -- rows of trials ---------------------------------------------------------------------------------------------


def trial_row(study_id: int, trial: TrialRecord, space_id: int | None, declared: Space | None) -> dict[str, Values]:
    """Return a new row of the table of trials."""
    return {
        "study_id": study_id,
        "number": trial.number,
        "state": int(trial.state),
        "attempt": trial.attempt,
        "seq": None,
        "started": trial.started,
        "finished": trial.finished,
        "worker": trial.worker,
        "fixed": None if trial.fixed is None else fixed_to_json(trial.fixed, declared),
        "crashes": 0,
        "token": trial.token,
        **outcome_columns(trial, space_id),
    }


def outcome_columns(trial: TrialRecord, space_id: int | None) -> dict[str, Values]:
    """Return what the end of a trial writes, by column."""
    values = trial.values
    return {
        "state": int(trial.state),
        "space_id": space_id,
        "x": floats_to_bytes(trial.x),
        "y": None if values is None else floats_to_bytes(values),
        "value": float(values[0]) if values else None,
        "feasible": 1 if trial.constraints is None else int(trial.feasible),
        "tag": int(trial.sampler_state),
        "cost": trial.cost,
        "constraints": json.dumps(trial.constraints) if trial.constraints else None,
        "reason": None if trial.reason is None else plain_text(trial.reason),
        "failure": None if trial.failure is None else int(trial.failure),
    }


# -- reports of several objectives, as rows of the table that has one value a step -----------------------------------
#
# The first objective's value stands at the step s itself, with the cost. That of objective j = 1 ... m - 1 stands at
# the step -1 - (s (m - 1) + j - 1), which is below zero, as no step is. So a database of a study with one objective is
# what it always was, and needs no other schema.

CostlyCurve = dict[int, tuple[Reported, float]]  # value and cost by step


def values_by_step(step: int, value: Reported) -> list[tuple[int, float]]:
    """Return the steps and values of the rows that hold one report."""
    if not isinstance(value, tuple):
        return [(step, value)]
    first, *others = value
    below = -1 - step * len(others)
    return [(step, first), *((below - j, other) for j, other in enumerate(others))]


def as_reports(rows: Mapping[int, tuple[float, float]], objectives: int) -> CostlyCurve:
    """Return the reports that rows of one attempt, (value, cost) by step, hold together.

    Args:
        objectives: m; where a value of a report is not there it is NaN, as in files of before, which kept the first.
    """
    if objectives == 1:
        return dict(rows)
    places = {s: [at for at, _ in values_by_step(s, (NAN,) * objectives)[1:]] for s in rows if s >= 0}
    nothing = NAN, NAN
    return {s: ((rows[s][0], *(rows.get(at, nothing)[0] for at in own)), rows[s][1]) for s, own in places.items()}


# -- metrics, as rows of columns -------------------------------------------------------------------------------------


def pieces_of(metrics: Metrics) -> list[dict[str, Values]]:
    """Return the rows that hold metrics, which are later than all that were made before."""
    now = time.time_ns()
    return [
        {
            "name": name,
            "piece": now + begin,
            "first": int(some[0]),
            "steps": None if (some == some[0] + np.arange(len(some))).all() else some.astype("<i8").tobytes(),
            "y": values[begin : begin + WRITE_VALUES].astype("<f8").tobytes(),
        }
        for name, (steps, values) in metrics.items()
        for begin in range(0, len(steps), WRITE_VALUES)
        for some in [steps[begin : begin + WRITE_VALUES]]
    ]


def read_piece(first: int, steps: bytes | None, y: bytes) -> Series:
    """Return the series that a row holds."""
    values = np.frombuffer(y, "<f8").astype(np.float64)
    expect(len(values) > 0, "it holds no value")
    at = first + np.arange(len(values)) if steps is None else np.frombuffer(steps, "<i8").astype(np.int64)
    expect(len(at) == len(values) and bool((at >= 0).all()), f"{len(values)} values and {len(at)} steps")
    return at, values


# -- checks of what is read ------------------------------------------------------------------------------------------

_FAULTS = (
    TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError, struct.error,
)  # fmt: skip
_LARGEST = np.finfo(np.float64).max
Types = set[type[Any]]
OPEN_STATES = frozenset({TrialState.RUNNING, TrialState.WAITING, TrialState.PAUSED})


def damaged(where: str, what: str, why: object) -> StorageError:
    """Return the error for damaged data."""
    return StorageError(
        f"{where} is damaged: {what}: {why}. Restore a copy of it if there is one; tunesmith.storage.check(...) lists "
        "all that is damaged, and docs/storage.md shows how to save the rest"
    )


@contextmanager
def decoding(where: str, what: str) -> Iterator[None]:
    """Raise StorageError in place of the errors that decoding damaged data raises."""
    try:
        yield
    except StorageError:
        raise
    except _FAULTS as error:
        raise damaged(where, what, f"{type(error).__name__}: {error}") from error


def expect(condition: bool, why: str) -> None:
    """Raise ValueError(why) unless the condition holds; called inside `decoding`."""
    if not condition:
        raise ValueError(why)


def check_types(rows: Sequence[Row], expected: Sequence[Types]) -> None:
    """Check that each value has the type of its column, which SQLite does not enforce."""
    if rows:
        for i, (column, types) in enumerate(zip(zip(*rows, strict=True), expected, strict=True)):
            if not set(map(type, column)) <= types:
                wrong = next(value for value in column if type(value) not in types)
                raise ValueError(f"column {i} holds a {type(wrong).__name__}, {wrong!r:.40}")


def check_each(rows: Sequence[Row], check: Callable[[Row], Any], where: str, what: str) -> list[Any]:
    """Return the result of `check` for each row; the first column of a row is a trial's number."""
    made = []
    for row in rows:
        try:
            made.append(check(row))
        except _FAULTS as error:
            raise damaged(where, f"{what} {row[0]}", error) from error
    return made


def read_directions(text: str) -> tuple[str, ...]:
    """Return a study's directions."""
    found = json.loads(text)
    expect(isinstance(found, list) and bool(found) and all(d in DIRECTIONS for d in found), f"directions {text!r:.80}")
    return tuple(found)


def constraints_from_json(text: str | None, feasible: int) -> dict[str, float] | None:
    """Return a trial's constraint values."""
    if text is None and feasible == 1:  # nearly always
        return None
    found = {} if text is None else json.loads(text)
    expect(isinstance(found, dict) and all(type(v) in (int, float) for v in found.values()), "no constraint values")
    expect(feasible == int(all(c <= 0 for c in found.values())), "the constraints do not fit 'feasible'")
    return None if text is None else found


def read_noise(text: str, m: int) -> list[float]:
    """Return the standard deviations of the errors of a trial's m values."""
    found = json.loads(text)
    fits = isinstance(found, list) and len(found) == m
    expect(fits and all(type(v) in (int, float) and v >= 0 for v in found), f"its noise is {text!r:.80}")
    return list(map(float, found))


def check_first(first: float | None, values: Sequence[float] | None) -> None:
    """Compare the two copies of a trial's first value."""
    if values and values[0] == first:
        return
    one = math.nan if first is None else first
    other = values[0] if values else math.nan
    expect(same_values(np.array([one]), np.array([other])), f"its value is {one} and {other}")


def same_values(copies: NDArray[np.float64], values: NDArray[np.float64]) -> bool:
    """Compare the two copies of values; MariaDB has no infinities, and the largest numbers stand for them there."""
    return np.array_equal(copies, values, equal_nan=True) or np.array_equal(
        np.clip(copies, -_LARGEST, _LARGEST), np.clip(values, -_LARGEST, _LARGEST), equal_nan=True
    )


# -- spaces: one row for each, and one object for each row that this process has seen --------------------------------


class Range:
    """The bounds of the internal values of a space, and which of them are whole numbers."""

    def __init__(self, space: Space) -> None:
        bounds = [_bounds_of_parameter(p) for p in space.params.values()]
        self._lows, self._highs = [b[0] for b in bounds], [b[1] for b in bounds]
        self._low = np.array([b[0] for b in bounds])
        self._high = np.array([b[1] for b in bounds])
        self._whole = np.array([b[2] for b in bounds], dtype=bool)
        self._names = list(space.params)

    def fault(self, x: NDArray[np.float64]) -> str | None:
        """Return what is wrong with points [n, d]; None: nothing. NaN stands for an inactive parameter."""
        wrong = ~((x >= self._low) & (x <= self._high) | np.isnan(x))
        if self._whole.any():
            wrong |= (x != np.rint(x)) & self._whole & ~np.isnan(x)
        if not wrong.any():
            return None
        i, j = np.argwhere(wrong)[0]
        return f"{self._names[j]!r} is {x[i, j]!r}, which is none of its values"

    def outside(self, x: Sequence[float]) -> str | None:
        """Return the name of a parameter whose value in one point is out of bounds; None: there is none."""
        if len(x) == len(self._names) and all(map(le, self._lows, x)) and all(map(le, x, self._highs)):
            return None  # the common case, without a Python loop
        for i, (value, low, high) in enumerate(zip(x, self._lows, self._highs, strict=True)):
            if not low <= value <= high and value == value:
                return self._names[i]
        return None


def _bounds_of_parameter(parameter: Any) -> tuple[float, float, bool]:
    if isinstance(parameter, Categorical):
        return 0.0, len(parameter.labels) - 1.0, True
    if isinstance(parameter, Combinatorial):
        return 0.0, parameter.n_values - 1.0, True
    if isinstance(parameter, Float | Int):
        return float(parameter.low), float(parameter.high), isinstance(parameter, Int)
    return getattr(parameter, "low", -math.inf), getattr(parameter, "high", math.inf), False  # a distribution's support


def space_to_text(space: Space) -> tuple[str, str]:
    """Return the text of a space and its hash."""
    text = space.to_json()
    return text, hashlib.sha256(text.encode()).hexdigest()


def space_from_text(text: str) -> Space:
    """Return the space of a text; its constraints have labels only, because text cannot hold functions.

    There is no warning, unlike in `Space.from_json`: this happens whenever one worker reads what another one wrote.
    """
    params, lost, external, shape = load_space(text, {})
    return Space.from_columns(params, [Constraint(None, label, ()) for label in lost], external, shape)


class SpaceCache:
    """The spaces of a database that this process has read or written: one object for each.

    For a space that this process wrote it is the object itself, with the constraints and choices that text cannot hold.
    The oldest are forgotten, because an objective whose ranges never repeat would fill the memory.

    Attributes:
        ids: of the spaces that this process wrote, by study and `id()`, with the spaces.
    """

    WRITTEN, READ = 1000, 10_000  # how many are remembered

    def __init__(self) -> None:
        self._by_id: dict[int, Space] = {}
        self.ids: dict[tuple[int, int], tuple[int, Space]] = {}
        self._ranges: dict[int, tuple[Space, Range]] = {}

    def by_id(self, space_id: int) -> Space | None:
        """Return a space that is remembered."""
        return self._by_id.get(space_id)

    def read(self, space_id: int, text: str, digest: str) -> Space:
        """Return the space of a row."""
        if hashlib.sha256(text.encode()).hexdigest() != digest:
            raise ValueError("its text has another hash than when it was written")
        if len(self._by_id) >= self.READ:
            self._by_id = dict(self.ids.values())
        return self._by_id.setdefault(space_id, space_from_text(text))

    def range_of(self, space: Space) -> Range:
        """Return the bounds of a space's values."""
        known = self._ranges.get(id(space))
        if known is None:
            if len(self._ranges) >= self.READ:
                self._ranges = {}
            known = self._ranges[id(space)] = (space, Range(space))  # holding the space keeps its id()
        return known[1]

    def keep(self, study_id: int, space: Space, space_id: int) -> int:
        """Remember the id of a study's space; return the id."""
        if len(self.ids) >= self.WRITTEN:
            self.ids = {}
        self.ids[study_id, id(space)] = (space_id, space)  # holding the space keeps its id() from being used again
        self._by_id[space_id] = space
        return space_id
