"""What docs/porting.md promises to programs written for Optuna: the same call does the same, or says what to write."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tunesmith as optuna
from tunesmith import Categorical, Float, Int, Space, SpaceError, TrialState
from tunesmith.samplers import CmaEsSampler, GPSampler, NSGAIISampler, QMCSampler, TPESampler


def square(trial: Any) -> float:
    return float(trial.suggest_float("x", 0, 1) ** 2 + trial.suggest_int("n", 1, 5))


# ------------------------------------------------------------------------------------------------------------- calls


def test_the_objective_may_be_called_func() -> None:
    study = optuna.create_study(seed=0)
    study.optimize(func=square, n_trials=2)
    study.optimize(objective=square, n_trials=1)
    assert len(study.trials) == 3


@pytest.mark.parametrize("given", [{}, {"func": square, "objective": square}])
def test_there_is_one_objective(given: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match="one objective: the first argument, or by name objective= or func="):
        optuna.create_study().optimize(n_trials=1, **given)


def test_a_constraint_has_a_key() -> None:
    def objective(trial: Any) -> float:
        trial.set_constraint(key="c", value=1.0)
        return 0.0

    study = optuna.create_study()
    study.optimize(objective, n_trials=1)
    assert study.trials[0].constraints == {"c": 1.0}


def test_log_may_stand_third() -> None:
    assert Float(1e-5, 1, True) == Float(1e-5, 1, log=True)
    assert Int(1, 8, True) == Int(1, 8, log=True)
    assert Int(1, 9, False, 2) == Int(1, 9, step=2)


@pytest.mark.parametrize("make", [lambda: Float(0, 1, 0.1), lambda: Int(1, 9, 2), lambda: Float(0, 1, None)])
def test_a_step_does_not_stand_third(make: Any) -> None:
    with pytest.raises(SpaceError, match=r"log must be True or False, got .*step="):
        make()


def test_a_data_frame_has_user_attributes() -> None:
    pytest.importorskip("pandas")

    def objective(trial: Any) -> float:
        trial.set_user_attr("epochs", 7)
        return square(trial)

    study = optuna.create_study(seed=0)
    study.optimize(objective, n_trials=2)
    frame = study.trials_dataframe()
    assert frame["user_attrs_epochs"].tolist() == [7, 7]


# ------------------------------------------------------------------------------------------------------------ pruning


def test_the_exception_of_another_library_prunes() -> None:
    class TrialPruned(Exception):
        """Another library's."""

    class Later(TrialPruned):
        """Derived from it."""

    def objective(trial: Any) -> float:
        trial.report(1.0, 0)
        raise (TrialPruned, Later)[trial.number]("at 0")

    study = optuna.create_study()
    study.optimize(objective, n_trials=2)
    assert [t.state for t in study.trials] == [TrialState.PRUNED] * 2
    assert study.trials[0].reason == "at 0"


def test_optunas_exception_prunes() -> None:
    theirs = pytest.importorskip("optuna")

    def objective(trial: Any) -> float:
        raise theirs.TrialPruned

    study = optuna.create_study()
    study.optimize(objective, n_trials=1)
    assert study.trials[0].state is TrialState.PRUNED


# ------------------------------------------------------------------------------------------- enqueued, out of range


@pytest.mark.parametrize("file", [None, "tune.db"])
def test_an_enqueued_value_out_of_range_is_used(file: str | None, tmp_path: Path) -> None:
    storage = None if file is None else str(tmp_path / file)
    study = optuna.create_study(storage=storage, study_name="s", seed=0)
    study.enqueue_trial({"x": 1000, "n": 3})
    with pytest.warns(UserWarning, match="1000 of 'x' lies outside .* it is used"):
        study.optimize(lambda trial: square(trial) + square(trial), n_trials=1)
    study.optimize(square, n_trials=12)
    if storage is not None:
        study = optuna.load_study(storage=storage, study_name="s")
    first = study.trials[0]
    assert first.params == {"x": 1000.0, "n": 3}
    assert first.value == 2 * (1000.0**2 + 3)
    assert first.distributions == {"x": Float(0, 1), "n": Int(1, 5)}
    assert study.space is not None
    assert study.space.params["x"] == Float(0, 1), "one wild value does not widen the search"
    assert all(0 <= t.params["x"] <= 1 for t in study.trials[1:])
    assert study.best_value <= 2


def test_what_is_no_number_is_proposed_by_the_sampler() -> None:
    study = optuna.create_study(seed=0)
    for x in ("high", True, float("nan"), float("inf")):
        study.enqueue_trial({"x": x})
    study.enqueue_trial({"n": 2.5})
    with pytest.warns(UserWarning, match="the sampler's proposal is used instead"):
        study.optimize(square, n_trials=5)
    assert all(0 <= t.params["x"] <= 1 and t.params["n"] in range(1, 6) for t in study.trials)


# ------------------------------------------------------------------------------------------------------------- replay


def test_an_objective_runs_again_with_a_record() -> None:
    def objective(trial: Any) -> float:
        if trial.suggest_categorical("kind", ["a", "b"]) == "a":
            trial.set_user_attr("kind", "a")
        trial.report(0.5, 1)
        assert not isinstance(trial, optuna.FrozenTrial) or not trial.should_prune()
        trial.set_constraint("c", -1.0)
        return square(trial) + trial.suggest("z", Float(0, 1))

    study = optuna.create_study(seed=0)
    study.optimize(objective, n_trials=5)
    best, before = study.best_trial, repr(study.best_trial)
    assert objective(best) == study.best_value
    assert repr(best) == before


def test_a_record_says_which_parameter_it_lacks() -> None:
    study = optuna.create_study(seed=0)
    study.optimize(square, n_trials=1)
    with pytest.raises(ValueError, match="trial 0 has no value of the parameter 'y'; its parameters are: 'x', 'n'"):
        study.best_trial.suggest_float("y", 0, 1)


# ----------------------------------------------------------------------------------------------------------- samplers


@pytest.mark.parametrize(
    ("make", "arguments"),
    [
        (TPESampler, {"multivariate": True, "group": True, "constant_liar": True, "warn_independent_sampling": False}),
        (TPESampler, {"consider_prior": True, "prior_weight": 1.0, "gamma": None, "weights": None}),
        (GPSampler, {"deterministic_objective": False, "independent_sampler": None}),
        (CmaEsSampler, {"n_startup_trials": 1, "with_margin": True, "consider_pruned_trials": True}),
        (NSGAIISampler, {"mutation": None, "crossover": None, "swapping_prob": 0.5}),
        (QMCSampler, {"warn_asynchronous_seeding": True}),
    ],
)
def test_arguments_that_ask_for_what_is_done_anyway(make: Any, arguments: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        study = optuna.create_study(sampler=make(seed=3, **arguments))
    assert study.seed == 3


@pytest.mark.parametrize(
    ("make", "arguments", "words"),
    [
        (TPESampler, {"multivariate": False}, "multivariate=False is not followed: parameters are always searched"),
        (TPESampler, {"gamma": lambda n: n}, "gamma=.* the share of good trials is"),
        (CmaEsSampler, {"use_separable_cma": True}, "the full covariance is learnt"),
        (NSGAIISampler, {"mutation": object()}, "the mutation is polynomial"),
    ],
)
def test_arguments_that_are_not_followed_say_what_happens(make: Any, arguments: dict[str, Any], words: str) -> None:
    with pytest.warns(UserWarning, match=words) as caught:
        make(**arguments)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("make", [TPESampler, GPSampler, NSGAIISampler])
def test_constraints_of_a_sampler_are_refused(make: Any) -> None:
    with pytest.raises(TypeError, match=r"takes no constraints_func: call trial.set_constraint\(key, value\)"):
        make(constraints_func=lambda trial: (0.0,))


def test_an_argument_that_nobody_has_is_an_error() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'n_startup'"):
        TPESampler(n_startup=3)


# -------------------------------------------------------------------------------------------------------------- names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("exceptions", "tunesmith.errors"),
        ("distributions", "tunesmith.Float"),
        ("logging", "progress=True"),
        ("GridSearchCV", "use tunesmith.sklearn.GridSearchCV"),
        ("creat_study", "did you mean 'create_study'"),
    ],
)
def test_a_name_that_is_elsewhere_says_where(name: str, words: str) -> None:
    with pytest.raises(AttributeError, match=words):
        getattr(optuna, name)
    with pytest.raises(ImportError, match=words):
        exec(f"from tunesmith import {name}")
    assert not hasattr(optuna, name)


def test_so_do_samplers() -> None:
    with pytest.raises(ImportError, match="sampler='grid' with a declared finite space"):
        from tunesmith.samplers import BruteForceSampler  # noqa: F401
    with pytest.raises(AttributeError, match="did you mean 'TPESampler'"):
        _ = optuna.samplers.TPSampler


def test_a_name_that_nobody_knows_is_a_plain_error() -> None:
    with pytest.raises(AttributeError, match=r"module 'tunesmith' has no attribute 'xyzzy'$"):
        _ = optuna.xyzzy


# ------------------------------------------------------------------------------------------------- nested parameters


@pytest.mark.parametrize(
    "choices",
    [
        [{"type": "svm", "C": Float(0.1, 10)}, {"type": "forest"}],
        [Float(0, 1)],
        [1, ("a", [Int(1, 2)])],
        {"low": Float(0, 1)},
    ],
)
def test_choices_that_hold_parameters_are_nested_ones(choices: Any) -> None:
    space = Space(c=Categorical(choices))
    for params in space.decode(space.sample(np.random.default_rng(0), 20)):
        assert "Float" not in str(params)
        assert "Int" not in str(params)


def test_a_choice_that_holds_itself_does_not_hang() -> None:
    ring: list[Any] = [1]
    ring.append(ring)
    with pytest.raises(SpaceError):
        Categorical([ring, 2, ring])


@pytest.mark.parametrize(
    ("name", "now"),
    [
        ("suggest_uniform", r"': use suggest_float\(name, low, high\)$"),
        ("suggest_loguniform", r"': use suggest_float\(name, low, high, log=True\)$"),
        ("suggest_discrete_uniform", r"': use suggest_float\(name, low, high, step=q\)$"),
        ("suggest_nothing", "'$"),
    ],
)
def test_earlier_names_say_what_to_use(name: str, now: str) -> None:
    trial = optuna.create_study().ask()
    with pytest.raises(AttributeError, match=f"'Trial' object has no attribute '{name}{now}"):
        getattr(trial, name)
    assert not hasattr(trial, name)
    assert pickle.loads(pickle.dumps(trial)).number == copy.copy(trial).number == 0
