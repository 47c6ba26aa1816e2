"""Runs of trackers and tables, and how they become a study: what counts, and which ranges."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from tunesmith.errors import SourceError, SpaceError
from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.states import FailureKind, TrialState
from tunesmith.foundation.text import did_you_mean, listing, shown
from tunesmith.interchange.limits import cell_number, is_empty, is_not_a_number, typed_column
from tunesmith.interchange.study import RAN_AT_IMPORT, Conclusions, Facts, ImportedStudy
from tunesmith.space import Categorical, Float, Int, Parameter, Space
from tunesmith.space.convert import as_parameter
from tunesmith.space.labels import label_key
from tunesmith.space.parameters import MAX_INT
from tunesmith.trial.metrics import Metrics, Series, numbers_in
from tunesmith.trial.record import NOISE, OUTSIDE, TrialRecord

# -- ranges of parameters that nobody gave, from the values that were used ------------------------------------------

RATIO = 100  # of the largest to the smallest: from here on, a range is taken to be one of magnitudes
DOUBLINGS = 8  # the same for powers of two
CHOICE_VALUES = 50  # different values of a choice; more is a name or a note


def infer(values: Sequence[Any]) -> Parameter | str:
    """Return the range of a parameter.

    Whole numbers are an `Int`, numbers a `Float`, from the smallest to the largest; in the logarithm if all are above 0
    and span a factor of 100, or are powers of two and span 8. All else is a choice.

    Args:
        values: those that were used, without missing ones.

    Returns:
        the parameter, or why there is none, in words.
    """
    distinct: dict[Hashable, Any] = {}
    for value in values:
        key = label_key(value)
        if key is None:
            return f"its values are of a kind that no parameter takes, such as {shown(value, 40)}"
        distinct.setdefault(key, value)
    found = list(distinct.values())
    if len(found) < 2:
        return "it has one value" if found else "it has no value"
    if all(type(value) is bool for value in found):
        return Categorical([False, True])
    if all(type(value) in (int, float) and abs(value) < float("inf") for value in found):
        try:
            return _range_of(found)
        except (SpaceError, OverflowError):  # wider than a range can be
            return "its values span more than a range can"
    if len(found) > CHOICE_VALUES and 2 * len(found) > len(values):
        return f"it has {len(found)} different values that are no numbers"
    return Categorical(found)


def _range_of(values: list[Any]) -> Parameter:
    low, high = min(values), max(values)
    if all(type(value) is int for value in values):
        doubled = all(value > 0 and value & (value - 1) == 0 for value in values)
        log = low >= 1 and high < 2**40 and high / low >= (DOUBLINGS if doubled and len(values) > 2 else RATIO)
        return Int(low, high, log=log)
    return Float(float(low), float(high), log=low > 0 and high / low >= RATIO)


def as_param(parameter: Parameter) -> str:
    """Return a range as `--param` takes it."""
    if isinstance(parameter, Categorical):
        return " | ".join(str(label) for label in parameter.labels)
    if isinstance(parameter, Int | Float):
        kind = "int" if isinstance(parameter, Int) else "float"
        kind = ("log int" if kind == "int" else "log") if parameter.log else kind
        low, high = map(cell_text, (parameter.low, parameter.high))
        return f"{kind}({low}, {high})"
    return repr(parameter)


# What programs call the states of runs, in small letters; what is not here is complete.
_STATE_NAMES = {
    TrialState.FAIL: ("fail", "failed", "error", "errored", "crashed", "killed", "cancelled", "canceled"),
    TrialState.RUNNING: ("running", "resumed", "preempting"),
    TrialState.WAITING: ("pending", "scheduled", "waiting", "queued", "new", "created"),
    TrialState.PRUNED: ("pruned", "stopped", "early_stopped", "paused"),
}
STATES_BY_NAME = {name: state for state, names in _STATE_NAMES.items() for name in names}
NAMES_IN_A_SENTENCE = 30  # names in a sentence


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a user says of a source that does not say it itself.

    Attributes:
        minimize: metrics that count, the smaller the better.
        maximize: metrics that count, the larger the better.
        params: parameters by name, with their ranges in any form that `Space` takes; None: inferred.
        columns: columns by what they are: "state", "started", "finished", "id", "reason".
        study: the name of the study, where the source has none.
        facts: keep what the source says of each trial beside its record.
    """

    minimize: tuple[str, ...] = ()
    maximize: tuple[str, ...] = ()
    params: Mapping[str, Any] = field(default_factory=dict)
    columns: Mapping[str, str] = field(default_factory=dict)
    study: str | None = None
    facts: bool = False

    @property
    def metrics(self) -> list[str]:
        """The metrics that count, those that are minimized first."""
        return [*self.minimize, *self.maximize]

    @property
    def directions(self) -> tuple[str, ...]:
        """The direction of each."""
        return ("minimize",) * len(self.minimize) + ("maximize",) * len(self.maximize)


@dataclass(slots=True)
class Run:
    """A run as a tracker has it.

    Attributes:
        key: by which it is known again, such as "mlflow/0a1b".
        params: what was set.
        metrics: the last value of each.
        curves: the steps, which rise, and the values of each metric of which more is known.
        reports: the same of the value of a study, where the source is one.
        constraints: feasible where at most 0.
        attrs: what else is known.
        state: as the program calls it.
        number: where the program counts its trials; None: it does not.
        noise: standard deviations of the errors of the values, where they are known.
    """

    key: str
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    curves: Metrics = field(default_factory=dict)
    reports: Series | None = None
    constraints: dict[str, float] | None = None
    attrs: dict[str, Any] = field(default_factory=dict)
    state: str = ""
    number: int | None = None
    noise: list[Any] = field(default_factory=list)
    reason: str | None = None
    started: float = math.nan
    finished: float = math.nan


@dataclass(slots=True)
class RunTable:
    """The runs of one experiment.

    Attributes:
        declared: whether the program says which values are parameters. If not, each that varies is taken for one.
    """

    name: str
    program: str
    place: str
    runs: list[Run]
    declared: bool = True
    notes: list[str] = field(default_factory=list)


def study_of(table: RunTable, wishes: Wishes) -> ImportedStudy:
    """Return the study that runs make.

    Args:
        wishes: what counts, and what the user says of ranges.

    Returns:
        the study; its notes say what was concluded.

    Raises:
        SourceError: it is not said what counts, or no run has it; or a parameter is not there.
    """
    _check_metrics(table, wishes)
    given = _given(wishes.params)
    numbers = [run.number for run in table.runs]
    if None in numbers or len(set(numbers)) < len(numbers):
        numbers = list(range(len(numbers)))
    counted = list(zip(numbers, table.runs, strict=True))
    facts = {run.key: _said_of_run(run, n, wishes) for n, run in counted} if wishes.facts else None
    for metric in wishes.metrics:  # in a plain table a metric stands among all else
        for run in table.runs:
            if metric in run.params and metric not in run.metrics:
                run.metrics[metric] = run.params.pop(metric)
    ranges, notes = _parameters_of(table, given)
    maker = _Maker(ranges, wishes.metrics)
    trials = [maker.record(n, run) for n, run in counted if n is not None]
    notes += maker.notes()
    name = wishes.study or table.name
    metrics = wishes.metrics
    return ImportedStudy(
        name,
        wishes.directions,
        trials,
        table.program,
        table.place,
        metric_names=metrics,
        notes=[*table.notes, *notes],
        facts=facts,
        stated={"directions": list(wishes.directions), "metric_names": metrics},
    )


def _said_of_run(run: Run, number_there: int | None, wishes: Wishes) -> Facts:
    """Return what a source says of a run, before anything is concluded from it."""
    cells = {name: cell for name, cell in {**run.attrs, **run.params, **run.metrics}.items() if not is_empty(cell)}
    values = [cell_number(cells.pop(metric, None)) for metric in wishes.metrics]
    state = STATES_BY_NAME.get(run.state.lower(), TrialState.COMPLETE)
    return {
        "number": number_there,
        "state": state.name,
        "values": tuple(v for v in values if v is not None) or None,
        "cells": {name: cell for name, cell in cells.items() if not is_not_a_number(cell)},
        "constraints": run.constraints or {},
        "started": run.started,
        "finished": run.finished,
        "metrics": by_step(_logged(run, wishes.metrics)),
    }


def by_step(metrics: Mapping[str, Series]) -> dict[str, dict[int, float]]:
    """Return metrics as numbers by step by name."""
    return {name: dict(zip(s.tolist(), v.tolist(), strict=True)) for name, (s, v) in metrics.items()}


def _logged(run: Run, metrics: Sequence[str]) -> Metrics:
    """Return what a run logged, where that is more than the value that counts."""
    kept = {name: series for name, series in run.curves.items() if len(series[0]) and numbers_in({name: 0.0})}
    return {} if list(kept) == list(metrics) and len(metrics) == 1 else kept


def _check_metrics(table: RunTable, wishes: Wishes) -> None:
    there: dict[str, None] = {}
    for run in table.runs:
        there |= dict.fromkeys(name for name, value in run.metrics.items() if cell_number(value) is not None)
        if not table.declared:
            there |= dict.fromkeys(name for name, value in run.params.items() if cell_number(value) is not None)
    if not table.runs:
        raise SourceError(f"{table.place} has no run")
    if not wishes.metrics:
        raise SourceError(
            f"{table.place} does not say which value counts; give --minimize NAME or --maximize NAME (in Python "
            f"minimize=, maximize=). There are {listing(there, NAMES_IN_A_SENTENCE) or 'no numbers'}"
        )
    for metric in wishes.metrics:
        if metric not in there:
            raise SourceError(
                f"{table.place} has no value {metric!r}{did_you_mean(metric, there)}; there are "
                f"{listing(there, NAMES_IN_A_SENTENCE) or 'no numbers'}"
            )


def _given(params: Mapping[str, Any]) -> dict[str, Parameter | None]:
    try:
        return {name: None if what is None else as_parameter(name, what) for name, what in params.items()}
    except SpaceError as error:
        raise SourceError(f"--param {error}") from error


def _parameters_of(table: RunTable, given: Mapping[str, Parameter | None]) -> tuple[dict[str, Parameter], list[str]]:
    """Return the parameters, and sentences on what was concluded; values are converted in place."""
    for run in table.runs:  # from here on, None is a value: what was written as "None"
        run.params = {n: value for n, value in run.params.items() if not (is_empty(value) or is_not_a_number(value))}
    names = list(dict.fromkeys(name for run in table.runs for name in run.params))
    for name in given:
        if name not in names:
            raise SourceError(
                f"{table.place} has no parameter {name!r}{did_you_mean(name, names)}; there are "
                f"{listing(names, NAMES_IN_A_SENTENCE) or 'none'}"
            )
    ranges: dict[str, Parameter] = {}
    concluded, kept = [], []
    for name in names:
        rows = [run for run in table.runs if name in run.params]
        gaps = len(rows) < len(table.runs)
        for run, value in zip(rows, typed_column([run.params[name] for run in rows], gaps), strict=True):
            run.params[name] = value
        asked = name in given or (table.declared or not given)
        found = given.get(name) or (infer([run.params[name] for run in rows]) if asked else "it was not named")
        if isinstance(found, Parameter):
            ranges[name] = found
            if given.get(name) is None:
                concluded.append(f"{name}={as_param(found)}")
            continue
        if name in given:
            raise SourceError(f"--param {name}: {found}; give a range, such as --param '{name}=float(0, 1)'")
        if asked:
            kept.append(f"{name} ({found})")
    notes = []
    if concluded:
        notes.append(
            "ranges taken from the values that were used: " + _some(concluded, "; ") + " (--param sets others)"
        )
    if kept:
        notes.append("kept as attributes and not as parameters: " + _some(kept, ", "))
    return ranges, notes


def _some(items: Sequence[str], separator: str) -> str:
    more = f"{separator}and {len(items) - NAMES_IN_A_SENTENCE} more" if len(items) > NAMES_IN_A_SENTENCE else ""
    return separator.join(items[:NAMES_IN_A_SENTENCE]) + more


class _Maker(Conclusions):
    """Makes records of runs; runs with the same parameters share one space."""

    def __init__(self, ranges: Mapping[str, Parameter], metrics: Sequence[str]) -> None:
        super().__init__()
        self._ranges, self._metrics = ranges, metrics
        self._spaces: dict[tuple[str, ...], Space] = {}

    def record(self, place: int, run: Run) -> TrialRecord:
        """Return the record of a run; one that runs or waits there has failed here, and keeps its number."""
        state = STATES_BY_NAME.get(run.state.lower(), TrialState.COMPLETE)
        reason, failure = run.reason, None
        if state in (TrialState.RUNNING, TrialState.WAITING):
            state, reason, failure = TrialState.FAIL, RAN_AT_IMPORT, FailureKind.LOST
            self.tell(
                "running or waiting there, and failed here, so that all keep their numbers (once they have ended, "
                "--if-exists update adds them anew)"
            )
        names = tuple(name for name in self._ranges if name in run.params)
        space = self._spaces.get(names)
        if space is None and names:
            space = self._spaces[names] = Space.from_columns({name: self._ranges[name] for name in names})
        x, outside = [], {}
        for name in names:
            value = run.params[name]
            internal = _internal(self._ranges[name], value)
            x.append(internal)
            if internal != internal:
                outside[name] = value
                self.tell("values outside of the range that was given, which samplers take as unknown")
            elif type(value) is int and abs(value) > MAX_INT and value != internal:
                outside[name] = value  # all its digits
        found = [cell_number(run.metrics.get(metric)) for metric in self._metrics]
        values = tuple(v for v in found if v is not None and v == v)
        logged = _logged(run, self._metrics)
        if left_out := len(run.curves.keys() - logged.keys()) if logged else 0:
            self.tell("metrics whose names cannot be kept, with all their steps", left_out)
        reports: Series | None = None
        if len(self._metrics) == 1:
            reports = run.curves.get(self._metrics[0], run.reports if self._metrics[0] == "value" else None)
        if len(values) != len(found):
            values = ()
            if state is TrialState.COMPLETE:
                lacking = [m for m, v in zip(self._metrics, found, strict=True) if v is None]
                state, failure = TrialState.FAIL, None if lacking else FailureKind.NAN
                reason = reason or (
                    f"it has no value of {listing(lacking)}" if lacking else "its value is not a number"
                )
                self.tell("ended without the value that counts, and so failed")
        system: dict[str, Any] = {OUTSIDE: outside} if outside else {}
        noise = [sd for cell in run.noise if (sd := cell_number(cell)) is not None and 0.0 <= sd < math.inf]
        if len(noise) == len(values) > 0:
            system[NOISE] = noise
        return TrialRecord(
            place,
            state,
            space=space,
            x=x if space is not None else None,
            values=values or None,
            constraints=run.constraints,
            reason=reason,
            failure=failure,
            started=run.started,
            finished=run.finished,
            worker=run.key,
            user=self._attributes(run, names),
            system=system or None,
            reports=None
            if reports is None
            else dict(zip(*(column.tolist() for column in reports), strict=True)) or None,
            logged=logged or None,
        )

    def _attributes(self, run: Run, names: Iterable[str]) -> dict[str, Any] | None:
        """Return what is neither a parameter nor what counts."""
        all_of_it: dict[str, Any] = {k: v for k, v in run.params.items() if k not in names}
        for name, value in {**run.metrics, **run.attrs}.items():
            if name not in self._metrics and not is_empty(value):
                all_of_it[name] = value
        return self.kept(all_of_it)


def _internal(parameter: Parameter, value: Any) -> float:
    """Return the internal value; a text may stand for a choice of another type. NaN: it is not a value of it."""
    try:
        return parameter.to_internal(value)
    except ValueError:
        if isinstance(parameter, Int) and type(value) is int and parameter.low <= value <= parameter.high:
            return float(parameter.from_unit(parameter.to_unit(float(value))))  # the nearest that a float64 holds
        if isinstance(parameter, Categorical):
            for place, label in enumerate(parameter.labels):
                if str(label) == str(value):
                    return float(place)
        return math.nan
