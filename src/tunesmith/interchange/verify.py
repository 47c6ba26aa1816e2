"""Compares a study with the source that it was imported from, field by field."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.text import shown
from tunesmith.interchange.limits import plain_cell, typed
from tunesmith.interchange.optuna.trials import Seen, seen_of
from tunesmith.interchange.runs import by_step
from tunesmith.interchange.study import Facts, ImportedStudy, key_of
from tunesmith.study import Study
from tunesmith.trial.record import TrialRecord

NOT_THERE = object()


@checked()
def differences(old: ImportedStudy, study: Study) -> list[str]:
    """Return what a study and the source that it was imported from say differently.

    Args:
        old: the source, as ``read(..., facts=True)`` returns it.
        study: ours. Trials that it has besides are not compared.

    Returns:
        each difference as a sentence, which names the trial and the field.

    Raises:
        ValueError: what the source says was not kept.

    Example:
        ```python
        from tunesmith import compat

        rows = [{"lr": 0.01, "loss": 0.3}, {"lr": 0.1, "loss": 0.2}]
        (old,) = compat.read(rows, minimize="loss", facts=True)
        assert compat.differences(old, old.create_study()) == []
        ```
    """
    if old.facts is None:
        raise ValueError("what the source says of its trials was not kept: read it with facts=True")
    ours: Facts = {
        "directions": [str(d) for d in study.directions],
        "metric_names": study.metric_names,
        "user_attrs": dict(study.user_attrs),
    }
    told = [f"study: {what}" for what in _differing(old.stated, ours)]
    here: dict[str, TrialRecord] = {}
    for trial in study.trials:
        here.setdefault(key_of(trial), trial)
    for key, said in old.facts.items():
        if key in here:
            found = _facts_here(here[key])
            if "metrics" in said:
                found["metrics"] = by_step(here[key].metrics)
            told += [f"trial {said['number']}: {what}" for what in _differing(said, found)]
        else:
            told.append(f"trial {said['number']}: it is there, and not here")
    return told


def _facts_here(trial: TrialRecord) -> Facts:
    """Return what we say of a trial, in the form in which its source speaks."""
    seen = {name: seen_of(parameter) for name, parameter in trial.distributions.items()}
    return {
        "number": trial.number,
        "state": trial.state.name,
        "values": trial.values,
        "params": {name: _seen(seen.get(name), value) for name, value in trial.flat_params.items()} if seen else {},
        "distributions": {name: found.facts for name, found in seen.items()},
        "cells": {**trial.user_attrs, **trial.flat_params},
        "reports": dict(trial.intermediate_values),
        "constraints": trial.constraints or {},
        "reason": trial.reason,
        "started": trial.started,
        "finished": trial.finished,
        "fixed": dict(trial.fixed or {}),
        "user_attrs": dict(trial.user_attrs),
    }


def _seen(found: Seen | None, value: Any) -> Any:
    """Return a value as it is compared; those of steps are rounded on both sides."""
    return found.external(value) if found is not None and found.facts["kind"] == "float" else value


def _differing(there: Facts, here: Facts) -> Iterator[str]:
    for field, said in there.items():
        ours = here[field]
        if not isinstance(said, Mapping):
            if not same(said, ours):
                yield f"{field} is {_value_there(said)} there and {_value_there(ours)} here"
            continue
        cells = field == "cells"
        for name in said if cells else dict.fromkeys([*said, *ours]):
            a, b = said.get(name, NOT_THERE), ours.get(name, NOT_THERE)
            if not (_same_cell(a, b) if cells else same(a, b)):
                which = f"{'' if cells else field}[{shown(name, 60)}]"
                yield f"{which} is {_value_there(a)} there and {_value_there(b)} here"


def same(a: Any, b: Any) -> bool:
    """Tell whether two values are the same to the last bit: their types count, and NaN is NaN."""
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, float) and isinstance(b, float):
        return a == b or (math.isnan(a) and math.isnan(b))
    return type(a) is type(b) and bool(a == b)


def _same_cell(a: Any, b: Any) -> bool:
    """Tell whether a cell of a table, whose types are not known, is what we have."""
    a, b = typed(plain_cell(a)), typed(plain_cell(b))
    if isinstance(a, int | float) and isinstance(b, int | float):
        return a == b or (a != a and b != b)
    return same(a, b) or str(a) == str(b)


def _value_there(value: Any) -> str:
    return "not there" if value is NOT_THERE else shown(value)
