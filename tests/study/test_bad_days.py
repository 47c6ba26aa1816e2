"""What happened to users on a bad day, each with what they are told now."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith import Float, Space, TrialState


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


@pytest.fixture(params=["memory", "sqlite"])
def study(request: pytest.FixtureRequest, tmp_path: Path) -> ts.Study:
    return ts.create_study(storage=None if request.param == "memory" else tmp_path / "tune.db", seed=0)


@pytest.mark.parametrize("wrong", ["x", None, [], {1: 2}, [("x", 1)]])
def test_what_is_enqueued_is_a_dict_by_name(study: ts.Study, wrong: Any) -> None:
    with pytest.raises(TypeError, match="enqueue_trial takes a dict of values by parameter name; got"):
        study.enqueue_trial(wrong)
    assert not study.trials


def test_an_enqueued_integer_that_no_float_can_hold_is_not_used(study: ts.Study) -> None:
    study.enqueue_trial({"x": 10**400, "n": -(10**400)})
    with pytest.warns(UserWarning, match="the sampler's proposal is used instead"):
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 0, 9), n_trials=1)
    (trial,) = study.trials
    assert trial.state is ts.TrialState.COMPLETE
    assert 0 <= trial.params["x"] <= 1
    assert 0 <= trial.params["n"] <= 9


@pytest.mark.parametrize("wrong", [None, {"x": 1}, 0.5, "abc"])
def test_what_is_added_is_a_trial(study: ts.Study, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"create_trial\(...\) makes or a study's trials; got .*another library"):
        study.add_trial(wrong)
    assert not study.trials


def test_a_record_is_made_of_what_describes_a_range_anywhere(study: ts.Study) -> None:
    study.add_trial(ts.create_trial(params={"x": 0.5}, distributions={"x": "float(0, 1)"}, value=1.0))
    assert study.trials[0].distributions == {"x": Float(0, 1)}
    with pytest.raises(ts.SpaceError, match="describes no parameter"):
        ts.create_trial(params={"x": 0.5}, distributions={"x": object()}, value=1.0)
    for steps in ({-1: 1.0}, {0: 1.0, 2**63: 1.0}):
        with pytest.raises(ValueError, match="steps must be 0 or more, and less than"):
            ts.create_trial(value=1.0, intermediate_values=steps)


@pytest.mark.parametrize("name", [5, None, "", b"x"])
def test_a_parameters_name_is_a_text(study: ts.Study, name: Any) -> None:
    trial = study.ask()
    for suggest in (lambda: trial.suggest_float(name, 0, 1), lambda: trial.suggest_categorical(name, [1, 2])):
        with pytest.raises(ts.SpaceError, match="a parameter's name must be a non-empty text; got"):
            suggest()


def test_a_study_can_be_shown_when_its_storage_cannot_be_read(study: ts.Study) -> None:
    ts.delete_study(study_name=study.study_name, storage=study.storage)
    assert "no trials to be read (StudyNotFoundError: " in repr(study)


def test_a_number_of_jobs_may_be_numpys(study: ts.Study) -> None:
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2, n_jobs=np.int64(1))  # type: ignore[arg-type]  # NumPy's
    assert len(study.trials) == 2
    for wrong in (0, -2, 1.0, "2"):
        with pytest.raises(ValueError, match=f"n_jobs must be a whole number, .*; got {wrong!r}"):
            study.optimize(lambda trial: 1.0, n_trials=1, n_jobs=wrong)  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("wrong", ["a", 1.5, None])
def test_what_is_told_of_is_a_trial_or_a_number(study: ts.Study, wrong: Any) -> None:
    with pytest.raises(TypeError, match=r"tell takes a trial that ask\(\) returned, or its number; got"):
        study.tell(wrong, 1.0)


def test_sqlites_word_for_memory_is_known() -> None:
    with pytest.raises(ts.StorageError, match="for a study in memory pass storage=None"):
        ts.create_study(storage=":memory:")


def test_where_samplers_and_pruners_are() -> None:
    for name, place in (("TPESampler", "samplers"), ("MedianPruner", "pruners")):
        with pytest.raises(AttributeError, match=f"are in tunesmith.{place}, and create_study"):
            getattr(ts, name)


# -- the same name, states by name -----------------------------------------------------------------------------------


def test_a_name_stands_for_one_kind_of_parameter_in_a_trial() -> None:
    study = ts.create_study(seed=0)
    asked: list[tuple[Callable[[ts.Trial], Any], Callable[[ts.Trial], Any]]] = [
        (lambda t: t.suggest_float("x", 0, 1), lambda t: t.suggest_int("x", 0, 9)),
        (lambda t: t.suggest_int("x", 0, 9), lambda t: t.suggest_float("x", 0, 1)),
        (lambda t: t.suggest_int("x", 0, 9), lambda t: t.suggest_categorical("x", [1, 2])),
    ]
    for first, second in asked * 2:  # the second time the sampler proposes one of them
        trial = study.ask()
        value = first(trial)
        with pytest.raises(ts.SpaceError, match=r"'x' as (Float|Int)\(.* before, and now as (Float|Int|Categorical)\("):
            second(trial)
        assert first(trial) == value
        study.tell(trial, 0.0)


def test_ranges_of_one_kind_may_differ_within_a_trial_and_kinds_between_trials() -> None:
    study = ts.create_study(seed=0)
    for i in range(6):
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        assert trial.suggest_float("x", 0, 2) == x
        y = trial.suggest_int("y", 0, 9) if i % 2 else trial.suggest_categorical("y", ["a", "b"])
        assert trial.params == {"x": x, "y": y}
        study.tell(trial, x)


def test_states_are_given_by_name_alone_or_in_a_list() -> None:
    study = ts.create_study(seed=0)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=2)
    study.ask()
    for states in ("COMPLETE", TrialState.COMPLETE, ["COMPLETE"], iter([TrialState.COMPLETE]), [1]):
        assert len(study.get_trials(states=states)) == 2  # type: ignore[arg-type]
    assert len(study.get_trials(states=["COMPLETE", TrialState.RUNNING])) == 3
    with pytest.raises(ValueError, match=r"states takes names of states .*got 'COMPLETED'; did you mean 'COMPLETE'"):
        study.get_trials(states="COMPLETED")
    with pytest.raises(TypeError, match="get_trials: states must be"):
        study.get_trials(states=1.5)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        (lambda s: s.optimize(lambda t: 0.0, 1, keep_checkpoints=-5), "keep_checkpoints"),
        (lambda s: s.optimize(lambda t: 0.0, 1, show_progress_bar="yes"), "show_progress_bar"),
        (lambda s: s.trials_dataframe(attrs=1), "attrs"),
        (lambda s: s.confirm(lambda t: 0.0, repeats=10**400), "repeats"),
        (lambda s: s.confirm(lambda t: 0.0, level=10**400), "level"),
        (lambda s: s.ask(n=10**400), "n"),
        (lambda s: ts.create_study(directions=1.0), "directions"),
        (lambda s: ts.samplers.TPESampler(n_startup_trials=math.nan), "n_startup_trials"),
        (lambda s: ts.samplers.TPESampler(seed="abc"), "seed"),
        (lambda s: ts.samplers.NSGA2Sampler(population_size="many"), "population_size"),
        (lambda s: ts.samplers.PopulationBasedTraining(quantile=[]), "quantile"),
    ],
)
def test_a_wrong_type_is_told_at_the_door_as_either_kind_of_error(call: Any, name: str) -> None:
    study = ts.create_study(seed=0)
    with pytest.raises(ValueError, match=rf"\b{name}\b"):
        call(study)
    assert not study.trials
