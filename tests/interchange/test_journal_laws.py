"""A study that goes to Optuna's journal and comes back is the same, whatever is in it."""

from __future__ import annotations

import math
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

import tunesmith as ts
from tunesmith import compat
from tunesmith.trial.record import TrialRecord

NUMBERS = st.floats(-1e6, 1e6)
LABELS = st.one_of(st.none(), st.booleans(), st.integers(-5, 5), NUMBERS, st.text(max_size=5))
KEYS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
JSON = st.recursive(
    LABELS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3), max_leaves=5
)


@st.composite
def parameters(draw: st.DrawFn) -> tuple[ts.space.Parameter, Any]:
    """A parameter and a value of it."""
    kind = draw(st.sampled_from(["float", "log", "step", "int", "log int", "step int", "choice"]))
    if kind == "choice":
        choices = draw(st.lists(LABELS, min_size=1, max_size=4, unique_by=lambda v: (type(v), v)))
        return ts.Categorical(choices), draw(st.sampled_from(choices))
    if kind == "float":
        low, high = sorted([draw(NUMBERS), draw(NUMBERS)])
        return ts.Float(low, high), draw(st.floats(low, high))
    if kind == "log":
        low, high = sorted([draw(st.floats(1e-9, 1e9)), draw(st.floats(1e-9, 1e9))])
        return ts.Float(low, high, log=True), draw(st.floats(low, high))
    low, n = draw(st.integers(-50, 50)), draw(st.integers(0, 20))
    if kind == "step":
        return (p := ts.Float(low / 4, low / 4 + n * 0.25, step=0.25)), p.low + draw(st.integers(0, n)) * 0.25
    if kind == "log int":
        return ts.Int(1 + abs(low), 1 + abs(low) + n, log=True), 1 + abs(low) + draw(st.integers(0, n))
    step = draw(st.integers(2, 5)) if kind == "step int" else 1
    return ts.Int(low, low + n * step, step=step), low + draw(st.integers(0, n)) * step


@st.composite
def trials(draw: st.DrawFn) -> TrialRecord:
    state = draw(st.sampled_from([ts.TrialState.COMPLETE, ts.TrialState.PRUNED, ts.TrialState.FAIL]))
    held = draw(st.dictionaries(KEYS, parameters(), max_size=3))
    trial = ts.create_trial(
        params={name: value for name, (_, value) in held.items()},
        distributions={name: parameter for name, (parameter, _) in held.items()},
        value=draw(st.floats(allow_nan=False)) if state is ts.TrialState.COMPLETE else None,
        state=state,
        user_attrs=draw(st.dictionaries(KEYS, JSON, max_size=2)),
        intermediate_values=draw(st.dictionaries(st.integers(0, 99), st.floats(), max_size=3)),
        constraints=draw(st.dictionaries(KEYS, NUMBERS, max_size=2)),
        reason=draw(st.sampled_from([None, "diverged"])),
    )
    trial.started = draw(st.integers(0, 2**36)) / 64
    trial.finished = trial.started + draw(st.integers(0, 2**16)) / 64
    return trial


def facts(trial: TrialRecord, *, whole: bool) -> dict[str, Any]:
    found: dict[str, Any] = {
        "state": trial.state,
        "params": trial.params,
        "attrs": repr(dict(trial.user_attrs)),
        "reports": repr(dict(trial.intermediate_values)),
        "times": (trial.started, trial.finished),
        "reason": trial.reason,
        "constraints": trial.constraints or {},
    }
    if whole:  # one set of choices for all trials there; and a pruned trial has the value of its last report
        found["distributions"] = trial.distributions
    if trial.state is ts.TrialState.COMPLETE:
        found["values"] = trial.values
    return found


@settings(max_examples=settings().max_examples // 2)
@given(st.lists(trials(), min_size=1, max_size=4), st.dictionaries(KEYS, JSON, max_size=2))
def test_there_and_back(given: list[TrialRecord], attrs: dict[str, Any]) -> None:
    study = ts.create_study(study_name="s", direction="maximize")
    study.add_trials(given)
    for key, value in attrs.items():
        study.set_user_attr(key, value)
    with tempfile.TemporaryDirectory() as folder:
        notes = compat.to_optuna(study, Path(folder, "s.log"))
        (back,) = compat.read(Path(folder, "s.log"))
    assert notes == back.notes == []
    assert repr(back.user_attrs) == repr(dict(study.user_attrs))
    again = back.create_study()
    whole = len(given) == 1
    assert [facts(t, whole=whole) for t in again.trials] == [facts(t, whole=whole) for t in study.trials]
    assert again.directions == study.directions
    assert not any(math.isnan(v) for t in again.trials for v in t.values or ())
