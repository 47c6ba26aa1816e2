"""A study of ours as Optuna stores one: what becomes of each trial, and what Optuna has no place for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tunesmith.interchange.optuna.distributions import write_distribution
from tunesmith.interchange.optuna.trials import FIXED, NAMES, OTHERS, REASON, RawTrial
from tunesmith.space import Categorical, Float, Int, Parameter
from tunesmith.space.words import words_of
from tunesmith.state import StudyDirection, TrialState
from tunesmith.study import Study
from tunesmith.study.verdict import read_verdict
from tunesmith.trial.record import NOISE, TrialRecord

OWN = f"{OTHERS}:"  # what the names begin with of the system attributes that programs set under Optuna's names
RUNNING = "it was running when it was exported"
VERDICT = "verdict"  # the attribute that says what the search of the study decided
PARAMETER = "param:"  # before the name of an attribute that is a parameter's value


@dataclass(slots=True)
class Outgoing:
    """A study as Optuna stores it.

    Attributes:
        directions: 1 (minimize) or 2 (maximize) for each objective.
        notes: what Optuna has no place for, in words, with how often.
    """

    name: str
    directions: list[int]
    user: dict[str, Any]
    system: dict[str, Any]
    trials: list[RawTrial] = field(default_factory=list)
    notes: dict[str, int] = field(default_factory=dict)

    def note(self, what: str) -> None:
        """Count a thing that Optuna has no place for."""
        self.notes[what] = self.notes.get(what, 0) + 1


def outgoing(study: Study) -> Outgoing:
    """Return a study as Optuna stores it.

    All trials keep their numbers: one that runs has failed there, and a paused trial is a pruned one.

    Args:
        study: ours.
    """
    record = study.storage.load_study(study.study_name)
    system = dict(record.system.get(OTHERS) or {})
    system |= {key.removeprefix(OWN): value for key, value in record.system.items() if key.startswith(OWN)}
    if (names := study.metric_names) is not None:
        system[NAMES] = names
    ways = [1 if direction == StudyDirection.MINIMIZE else 2 for direction in study.directions]
    out = Outgoing(study.study_name, ways, dict(record.user), system)
    if (decided := read_verdict(record.system, record.name)) is not None:
        out.user.setdefault(VERDICT, decided.report.verdict())
    trials = study.trials
    columns = _columns(trials)
    texts = {key: write_distribution(parameter) for key, parameter in columns.items()}
    for trial in trials:
        out.trials.append(_raw(trial, columns, texts, out, record.created))
    return out


def _columns(trials: Iterable[TrialRecord]) -> dict[tuple[str, bool], Parameter]:
    """Return, by name and whether it is a choice, what holds the values of all trials, as far as Optuna needs that.

    Ranges of numbers may differ between trials in Optuna as well, and are not among them; choices may not, and a
    distribution of scipy's has no counterpart there.
    """
    labels: dict[str, list[Any]] = {}
    spans: dict[str, tuple[float, float]] = {}
    seen: set[int] = set()
    for trial in trials:
        if trial.space is None or trial.x is None:
            continue
        fresh = id(trial.space) not in seen
        seen.add(id(trial.space))
        for (name, parameter), x in zip(trial.space.params.items(), trial.x, strict=True):
            if isinstance(parameter, Categorical):
                if fresh:
                    known = labels.setdefault(name, [])
                    held = Categorical(known) if known else None
                    known += [label for label in parameter.labels if held is None or not held.contains(label)]
            elif not isinstance(parameter, Int | Float) and x == x:
                low, high = spans.get(name, (x, x))
                spans[name] = min(low, x), max(high, x)
    found: dict[tuple[str, bool], Parameter] = {(name, True): Categorical(known) for name, known in labels.items()}
    return found | {(name, False): Float(low, high) for name, (low, high) in spans.items()}


def _reports(trial: TrialRecord, out: Outgoing) -> dict[int, float]:
    found = {step: value if isinstance(value, tuple) else (value,) for step, value in trial.intermediate_values.items()}
    if any(other == other for _, *others in found.values() for other in others):
        out.note("reports of several objectives, of which the first one's remain")
    return {step: values[0] for step, values in found.items()}


def _raw(
    trial: TrialRecord,
    columns: Mapping[tuple[str, bool], Parameter],
    texts: Mapping[tuple[str, bool], str],
    out: Outgoing,
    created: float,
) -> RawTrial:
    state, reason = trial.state, trial.reason
    if state is TrialState.RUNNING:
        state, reason = TrialState.FAIL, RUNNING
        out.note("running trials, which have failed there, so that all keep their numbers")
    elif state is TrialState.PAUSED:
        state = TrialState.PRUNED
    raw = RawTrial(trial.number, int(state), user=dict(trial.user_attrs), reports=_reports(trial, out))
    system = trial.system_attrs
    raw.system = dict(system.get(OTHERS) or {})
    raw.system |= {key.removeprefix(OWN): value for key, value in system.items() if key.startswith(OWN)}
    raw.system |= {f"constraints:{name}": value for name, value in (trial.constraints or {}).items()}
    if trial.noise is not None:
        raw.system[NOISE] = list(trial.noise)
    if reason is not None:
        raw.system[REASON] = reason
    if trial.fixed:
        raw.system[FIXED] = dict(trial.fixed)
    if state is not TrialState.FAIL:
        raw.values = trial.values
    if state is not TrialState.WAITING:
        raw.started = next((t for t in (trial.started, trial.finished) if t == t), created)
        raw.finished = next((t for t in (trial.finished, trial.started) if t == t), created)
        if trial.state is not TrialState.RUNNING and (math.isnan(trial.started) or math.isnan(trial.finished)):
            out.note("times that are not known, and are those of the study there")
    if trial.previous_attempts:
        out.note("earlier attempts at a trial, of which the learning curve remains")
    if trial.space is None or trial.x is None:
        return raw
    for (name, parameter), x in zip(trial.space.params.items(), trial.x, strict=True):
        if x != x and name not in trial.outside:
            continue  # not used
        held = None if isinstance(parameter, Int | Float) else columns.get((name, isinstance(parameter, Categorical)))
        text = write_distribution(parameter) if held is None else texts[name, isinstance(held, Categorical)]
        inner = x if x == x else trial.outside.get(name)
        if isinstance(held, Categorical):  # by its place among the choices of all trials
            inner = held.to_internal(parameter.to_label(x)) if x == x else None
        word = next((word for word, place in words_of(parameter) if place == x), inner)
        if word != inner:  # Optuna's ranges have numbers alone
            raw.user[PARAMETER + name] = word
            out.note("values such as None and 'scale', which are numbers there and attributes with what they were")
        if isinstance(inner, int | float) and inner == inner:
            raw.params.append((name, float(inner), text))
        elif name in trial.outside:
            raw.user[PARAMETER + name] = trial.outside[name]
            out.note("values that are none of a parameter's choices, and became attributes")
    return raw
