"""Metrics of a step: what trials log beside what they report, as columns; no sampler and no pruner reads them."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tunesmith.foundation.storable import checked_attr_name
from tunesmith.foundation.text import real, shown

# int64[n] steps and float64[n] values of one metric, in the order in which they were logged
Series = tuple[NDArray[np.int64], NDArray[np.float64]]
Metrics = dict[str, Series]
T = TypeVar("T")

# Between two writes of a trial: what comes sooner is written with the next one. The longer it runs the rarer they are,
# so that many days leave some thousand rows, which figures read at once.
WRITE_SECONDS, LONGEST_WAIT = 1.0, 60.0
WRITE_SHARE = 0.01  # of the time since the first value
WRITE_VALUES = 4000  # of one trial, which are written at once; a database holds as many of one metric in a row
LONGEST_NAME = 200  # characters
STEP_BOUND = 2**63  # what fits a database's integer
ROW_GROUPS = 20  # of validation rows, at most, whose means are kept
OWN = "tunesmith:"  # how names of our own begin, which users neither give nor see
ROWS = f"{OWN}rows/"  # how the names of these means begin; the one of ROW_COUNT is how many rows
ROW_COUNT = f"{ROWS}count"
ROW_NAMES = [ROW_COUNT, *(f"{ROWS}{group}" for group in range(ROW_GROUPS))]
ROWS_MEAN = 1e-3  # how far the mean of rows may be from the value that is reported, in standard deviations of a row


def checked_metrics(given: Any) -> dict[str, float]:
    """Return metrics by name.

    Raises:
        TypeError: it is no mapping of names, as texts, to numbers.
        ValueError: a name is empty or too long, or cannot be stored.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f'log(metrics, step) takes numbers by name, such as {{"val_acc": 0.9}}; got {shown(given)}')
    found = {}
    for name, value in given.items():
        if type(name) is not str or name not in _NAMES:
            _check_name(name)
        if type(value) is float:
            found[name] = value
            continue
        try:
            if isinstance(value, str | bytes | bytearray):
                raise TypeError("a text, though it may read as a number")
            found[name] = real(value)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"the metric {name!r} must be a number; got {shown(value)}") from None
    return found


_NAMES: set[str] = set()  # of metrics that were seen to be valid, up to `NAMES_KNOWN`
NAMES_KNOWN = 1000


def _check_name(name: Any) -> None:
    if not isinstance(name, str):
        raise TypeError(f"the name of a metric must be a text; got {shown(name)}")
    checked_attr_name(name)
    if len(name) > LONGEST_NAME:
        raise ValueError(f"the name of a metric has at most {LONGEST_NAME} characters; got {shown(name)}")
    if name.startswith(OWN):
        raise ValueError(f"names that begin with {OWN!r} are not free for metrics; got {shown(name)}")
    if len(_NAMES) < NAMES_KNOWN:
        _NAMES.add(name)


def numbers_in(given: Mapping[Any, Any]) -> dict[str, float]:
    """Return what may be logged of another library's metrics: numbers, no arrays, under names that are valid."""
    found: dict[str, float] = {}
    for name, value in given.items():
        if not isinstance(value, bool) and getattr(value, "ndim", 0) == 0:
            with suppress(TypeError, ValueError):
                found |= checked_metrics({name: value})
    return found


def metrics_of_rows(rows: Any, value: float) -> dict[str, float]:
    """Return what is kept of the values of single validation rows: the means of groups of them.

    Args:
        rows: [n], n >= 2, in the order that all reports have them in; the k-th one is in group k modulo `ROW_GROUPS`.
        value: what is reported with them: their mean.

    Raises:
        TypeError: they are no numbers.
        ValueError: there are fewer than two, they are no list, or their mean is another one.
    """
    try:
        given = np.asarray(rows, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"report(rows=) takes one number for each validation row; got {shown(rows)}") from None
    if given.ndim != 1 or len(given) < 2:
        raise ValueError(
            f"report(rows=) takes a list of two numbers or more, one for each validation row; got {shown(rows)}"
        )
    mean, far = float(given.mean()), ROWS_MEAN * (float(given.std()) + abs(value))
    if abs(mean - value) > far:
        raise ValueError(
            f"report(rows=): the value is to be the mean of the rows, which is {mean:.6g}; got {value:.6g}. A metric "
            "that is no mean over rows has none"
        )
    groups = min(ROW_GROUPS, len(given))
    return {ROW_COUNT: float(len(given))} | {
        name: float(given[group::groups].mean()) for group, name in enumerate(ROW_NAMES[1 : groups + 1])
    }


def losses_of_rows(metrics: Metrics, steps: Sequence[int]) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Return the means of groups of rows [G, T] and the sizes of the groups [G]; None: some of the steps lack them.

    Args:
        metrics: of one trial.
        steps: [T], rising.
    """
    if ROW_COUNT not in metrics:
        return None
    at, counts = metrics[ROW_COUNT]
    if not np.array_equal(at, steps) or len(set(counts.tolist())) != 1:
        return None
    n, groups = int(counts[0]), min(ROW_GROUPS, int(counts[0]))
    means = [metrics.get(name, metrics[ROW_COUNT])[1] for name in ROW_NAMES[1 : groups + 1]]
    return np.array(means), np.array([len(range(group, n, groups)) for group in range(groups)], np.float64)


def without_rows(metrics: Mapping[str, T]) -> dict[str, T]:
    """Return what there is of the metrics that users logged, by name."""
    return {name: found for name, found in metrics.items() if not name.startswith(ROWS)}


def checked_step(call: str, step: Any) -> int:
    """Return a step as an integer.

    Args:
        call: the name of what it was given to, and how that is called.

    Raises:
        TypeError: it is no whole number.
        ValueError: it is negative, or 2**63 or more.
    """
    try:
        index = int(step)
        if index != step:
            raise ValueError("a part of a step, or a text")
    except (TypeError, ValueError, OverflowError):
        raise TypeError(f"{call} takes an integer step; got {shown(step)}") from None
    if not 0 <= index < STEP_BOUND:
        raise ValueError(f"{call}: the step must be 0 or more, and less than 2**63; got {shown(step)}")
    return index


def metrics_by_step(given: Mapping[str, Mapping[int, float]]) -> Metrics:
    """Return metrics as columns, from numbers by step by name.

    Raises:
        TypeError: it is no such mapping.
        ValueError: a name or a step is not valid.
    """
    buffer, call = LogBuffer(), "create_trial(metrics={name: {step: value}})"
    if not isinstance(given, Mapping):
        raise TypeError(f"{call} takes numbers by step by name; got {shown(given)}")
    for name, series in given.items():
        if not isinstance(series, Mapping):
            raise TypeError(f"{call} takes numbers by step for each name; {shown(name)} has {shown(series)}")
        for step in sorted(series):
            buffer.add(checked_metrics({name: series[step]}), checked_step(call, step))
    return buffer.take()


class LogBuffer:
    """What a trial logged and its study lacks still.

    Args:
        begun: when the trial began, by the monotonic clock.
    """

    __slots__ = ("_begun", "_columns", "_count", "_next")

    def __init__(self, begun: float | None = None) -> None:
        self._columns: dict[str, tuple[list[int], list[float]]] = {}
        self._count = 0
        self._begun = time.monotonic()
        self._next = self._begun if begun is None else begun + WRITE_SECONDS

    def add(self, values: Mapping[str, float], step: int) -> bool:
        """Add the values of a step; tell whether it is time to write."""
        for name, value in values.items():
            column = self._columns.get(name)
            if column is None:
                column = self._columns[name] = ([], [])
            column[0].append(step)
            column[1].append(value)
        self._count += len(values)
        return self._count >= WRITE_VALUES or time.monotonic() >= self._next

    def take(self) -> Metrics:
        """Return all of it as columns; it is empty then."""
        taken = {n: (np.array(s, np.int64), np.array(v, np.float64)) for n, (s, v) in self._columns.items()}
        now = time.monotonic()
        wait = min(max(WRITE_SECONDS, WRITE_SHARE * (now - self._begun)), LONGEST_WAIT)
        self._columns, self._count, self._next = {}, 0, now + wait
        return taken

    def put_back(self, metrics: Metrics) -> None:
        """Add what was taken, before what came since: it could not be written."""
        later, self._columns = self._columns, {}
        for name, (steps, values) in metrics.items():
            self._columns[name] = (steps.tolist(), values.tolist())
            self._count += len(steps)
        for name, (newer, what) in later.items():
            before = self._columns.setdefault(name, ([], []))
            before[0].extend(newer)
            before[1].extend(what)


def joined(attempts: Iterable[Iterable[Metrics]]) -> Metrics:
    """Return the metrics of a trial from those of its attempts, oldest first, each as it was written, piece by piece.

    An attempt's values of a metric stand in place of all earlier ones from its first step on, as reports do; of several
    values of one step the last counts. Steps rise.
    """
    whole: Metrics = {}
    for pieces in attempts:
        own: dict[str, list[Series]] = {}
        for metrics in pieces:
            for name, series in metrics.items():
                own.setdefault(name, []).append(series)
        for name, parts in own.items():
            steps, values = _ordered(*(np.concatenate(column) for column in zip(*parts, strict=True)))
            if name in whole and len(steps):
                before, there = whole[name]
                kept = before < steps[0]
                steps, values = np.append(before[kept], steps), np.append(there[kept], values)
            whole[name] = steps, values
    return whole


def _ordered(steps: NDArray[Any], values: NDArray[Any]) -> Series:
    """Return values by rising steps, of each step the last one."""
    if (np.diff(steps) > 0).all():
        return steps, values
    order = np.argsort(steps, kind="stable")
    steps, values = steps[order], values[order]
    last = np.append(np.diff(steps) > 0, True)
    return steps[last], values[last]


def evenly(n: int, most: int) -> list[int]:
    """Return at most so many of n places, from 0, evenly spread, the last one among them."""
    chosen: list[int] = np.linspace(0, n - 1, min(n, most)).round().astype(np.int64).tolist()
    return chosen


def series_of(steps: Iterable[int], values: Iterable[float]) -> Series:
    """Return values by rising steps, of each step the last one; without steps that cannot be stored."""
    kept = [(step, value) for step, value in zip(steps, values, strict=True) if 0 <= step < STEP_BOUND]
    return _ordered(np.array([step for step, _ in kept], np.int64), np.array([value for _, value in kept], np.float64))
