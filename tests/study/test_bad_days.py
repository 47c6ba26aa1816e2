"""What happened to users on a bad day, each with what they are told now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import tunesmith as ts
from tunesmith import Float, Space


def test_a_step_that_does_not_divide_lowers_the_end_as_optuna_does() -> None:
    trial = ts.create_study(seed=0).ask()
    with pytest.warns(UserWarning, match="'x': steps of 2 from 1 end at 9, not at 10"):
        assert trial.suggest_int("x", 1, 10, step=2) in (1, 3, 5, 7, 9)
    with pytest.warns(UserWarning, match=r"end at 0\.(9|8999)"):
        trial.suggest_float("y", 0.0, 1.0, step=0.3)
    assert trial.suggest_float("z", 0.0, 1.0, step=0.1) <= 1.0


def test_ask_over_a_declared_space_shows_the_parameters() -> None:
    space = Space({"m": ["p", "q"], "a": Float(0, 1).when(m="p")})
    for asked in (lambda s: ts.create_study(space=space, seed=s).ask(), lambda s: ts.create_study(seed=s).ask(space)):
        seen = [asked(s).params for s in range(12)]
        assert {frozenset(p) for p in seen} == {frozenset("m"), frozenset("ma")}
        assert all(("a" in p) == (p["m"] == "p") for p in seen)


def test_an_enqueued_name_that_is_never_asked_for() -> None:
    study = ts.create_study(seed=0)
    study.enqueue_trial({"xx": 0.5})
    with pytest.warns(UserWarning, match=r"never asked for the enqueued \['xx'\]; it asked for \['x'\]"):
        study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)


def test_a_condition_on_a_continuous_parent() -> None:
    with pytest.raises(ts.SpaceError, match="'b' depends on 'lr', which is continuous"):
        Space(lr=Float(0, 1), b=Float(0, 1).when(lr=0.5))


def test_a_state_says_its_name() -> None:
    assert str(ts.TrialState.COMPLETE) == f"{ts.TrialState.COMPLETE}" == "COMPLETE"


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ts.minimize(lambda p: 0.0, {"x": [1]}, storage="never.db"), "study_name="),
        (lambda: ts.minimize(lambda p: 0.0, {"x": [1]}, n_trials=-1), "n_trials"),
        (lambda: ts.minimize(lambda p: 0.0, {"x": [1]}, n_trials="10"), "n_trials"),  # type: ignore[arg-type]
        (lambda: ts.minimize(lambda p: 0.0, {"x": [1]}, timeout="60"), "timeout"),  # type: ignore[arg-type]
        (lambda: ts.create_study(seed=1.5), "seed must be an integer"),  # type: ignore[arg-type]
        (lambda: ts.create_study(seed="a"), "seed must be an integer"),  # type: ignore[arg-type]
        (lambda: ts.create_study().optimize(lambda t: 0.0, 1, callbacks=print), "callbacks takes a list"),  # type: ignore[arg-type]
        (lambda: ts.create_study().optimize(lambda t: 0.0, 1, callbacks=[3]), "callbacks takes callables"),  # type: ignore[list-item]
        (lambda: ts.create_study(pruner=type(ts.create_study().pruner)), r"add \(\)"),  # type: ignore[arg-type]
        (lambda: ts.create_study(directions=["minimize"] * 2).best_value, "best_value is for one objective"),
        (lambda: ts.minimize(lambda C, d: 0.0, {"c": [1], "d": [1]}), "did you mean 'c'"),
    ],
)
def test_bad_arguments_are_told(call: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError, RuntimeError), match=words):
        call()
    assert not Path("never.db").exists()
