"""Which metric and which report is the value of a trial, and how what trials log comes along when they are added."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import copy
from typing import Any

from tunesmith.foundation.text import shown
from tunesmith.trial.metrics import Metrics, checked_metrics
from tunesmith.trial.record import ReadsMetrics, TrialRecord
from tunesmith.trial.result import checked_value

METRIC = "metric"  # the system attribute of a study: the names of the metrics that are its values
VALUE = "value"  # another one: which report of a trial is its result


def metric_of(system: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of the metrics that are the values of a study; empty: none was named."""
    found = system.get(METRIC)
    return tuple(map(str, found)) if isinstance(found, list) else ()


def value_of(system: Mapping[str, Any]) -> str | None:
    """Return which report is the result of a trial of a study; None: what its objective returns."""
    found = system.get(VALUE)
    return checked_value(found) if isinstance(found, str) else None


def checked_metric(given: Any, objectives: int) -> tuple[str, ...]:
    """Return the names given as ``metric=``.

    Raises:
        ValueError: they are no names, or not one for each objective.
    """
    names = (given,) if isinstance(given, str) else () if given is None else tuple(given)
    try:
        checked_metrics(dict.fromkeys(names, 0.0))
    except TypeError as error:
        raise ValueError(f"metric= takes the name of a metric; got {shown(given)}") from error
    if names and len(names) != objectives:
        raise ValueError(f"metric= takes one name for each of {objectives} objectives; got {shown(given)}")
    return names


def with_metrics(trials: Sequence[TrialRecord]) -> Sequence[TrialRecord]:
    """Return records that bring along what they logged in their own study, which is read at once."""
    readers: dict[int, tuple[ReadsMetrics, list[int]]] = {}
    for trial in trials:
        if trial.logged is None and trial.read_metrics is not None:
            readers.setdefault(id(trial.read_metrics), (trial.read_metrics, []))[1].append(trial.number)
    read: dict[int, dict[int, Metrics]] = {key: reads(numbers) for key, (reads, numbers) in readers.items()}
    if not any(read.values()):
        return trials
    brought = []
    for trial in trials:
        found = read.get(id(trial.read_metrics), {}).get(trial.number)
        if found:
            trial = copy(trial)
            trial.logged, trial.read_metrics = found, None
        brought.append(trial)
    return brought
