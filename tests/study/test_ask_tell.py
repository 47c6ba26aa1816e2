"""`ask`, `tell`, `enqueue_trial`, `add_trial`, attributes."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.space import Float, Int


def test_ask_and_tell_by_hand() -> None:
    study = ts.create_study(seed=0)
    for _ in range(5):
        trial = study.ask()
        x = trial.suggest_float("x", 0, 1)
        done = study.tell(trial, x)
        assert done.value == x
    assert study.best_value == min(t.params["x"] for t in study.trials)


def test_tell_by_number() -> None:
    study = ts.create_study(seed=0)
    trial = study.ask()
    trial.suggest_int("k", 1, 9)
    study.tell(trial.number, 3)
    assert study.trials[0].params == trial.params
    assert study.trials[0].value == 3.0


def test_the_same_end_told_twice_changes_nothing_and_another_end_is_refused() -> None:
    study = ts.create_study(seed=0)
    trial = study.ask()
    study.tell(trial, 1.0)
    assert study.tell(trial, 1.0).value == 1.0
    with pytest.raises(ValueError, match="COMPLETE"):
        study.tell(trial, 2.0)
    assert study.tell(trial, 2.0, skip_if_finished=True).value == 1.0
    assert study.trials[0].value == 1.0
    assert len(study.history) == 1


def test_tell_what_does_not_fit() -> None:
    study = ts.create_study(seed=0)
    with pytest.raises(ValueError, match="no trial 7"):
        study.tell(7, 1.0)
    trial = study.ask()
    with pytest.raises(ValueError, match="NaN"):
        study.tell(trial, math.nan, TrialState.COMPLETE)
    with pytest.raises(ValueError, match="values are for COMPLETE"):
        study.tell(trial, 1.0, TrialState.FAIL)
    with pytest.raises(ValueError, match="RUNNING"):
        study.tell(trial, state=TrialState.RUNNING)
    assert study.trials[0].state is TrialState.RUNNING
    assert study.tell(trial, None).state is TrialState.FAIL


def test_ask_with_distributions() -> None:
    trial = ts.create_study(seed=0).ask({"lr": Float(1e-5, 1e-1, log=True), "depth": Int(1, 5)})
    assert 1e-5 <= trial.params["lr"] <= 1e-1
    assert trial.params["depth"] in range(1, 6)
    assert trial.distributions == {"lr": Float(1e-5, 1e-1, log=True), "depth": Int(1, 5)}


def test_enqueued_trials_come_first_and_free_parameters_are_proposed() -> None:
    study = ts.create_study(seed=0)
    study.enqueue_trial({"x": 0.25}, user_attrs={"why": "my guess"})
    study.enqueue_trial({"x": 0.75, "y": 3})

    def objective(trial: ts.Trial) -> float:
        return trial.suggest_float("x", 0, 1) + trial.suggest_int("y", 0, 9)

    study.optimize(objective, n_trials=3)
    first, second, third = study.trials
    assert first.params["x"] == 0.25
    assert first.user_attrs == {"why": "my guess"}
    assert second.params == {"x": 0.75, "y": 3}
    assert third.params["x"] not in (0.25, 0.75)
    assert not study.enqueue_trial({"x": 0.75, "y": 3}, skip_if_exists=True)
    assert len(study.trials) == 3


def test_an_enqueued_value_outside_the_declared_space_is_refused() -> None:
    study = ts.create_study(space={"x": Float(0, 1)})
    with pytest.raises(ts.SpaceError, match="x"):
        study.enqueue_trial({"x": 2.0})
    with pytest.raises(ts.SpaceError, match="did you mean 'x'"):
        study.enqueue_trial({"xx": 0.5})
    assert study.trials == []


def test_enqueue_in_a_conditional_declared_space() -> None:
    space = ts.Space(
        model=["svm", "tree"], C=Float(0.1, 10, log=True).when(model="svm"), depth=Int(1, 9).when(model="tree")
    )
    study = ts.create_study(seed=0, space=space)
    study.enqueue_trial({"model": "svm"})
    study.enqueue_trial({"model": "tree", "depth": 7})
    study.optimize(lambda p: 0.0, n_trials=2, space=space)
    first, second = (t.params for t in study.trials)
    assert set(first) == {"model", "C"}
    assert second == {"model": "tree", "depth": 7}


def test_add_trial() -> None:
    study = ts.create_study(seed=0)
    study.add_trial(ts.create_trial(params={"x": 0.5}, distributions={"x": Float(0, 1)}, value=2.0))
    study.optimize(lambda t: t.suggest_float("x", 0, 1) + 3, n_trials=2)
    assert study.best_value == 2.0
    assert [t.number for t in study.trials] == [0, 1, 2]
    assert study.history.x[0, 0] == 0.5
    with pytest.raises(ValueError, match="1 value"):
        study.add_trial(ts.create_trial(values=[1.0, 2.0]))
    with pytest.raises(ValueError, match="same names"):
        ts.create_trial(params={"x": 0.5}, value=1.0)
    with pytest.raises(ValueError, match="numbers"):
        study.add_trial(ts.create_trial(value=math.nan))
    assert len(study.trials) == 3


def test_attributes() -> None:
    study = ts.create_study(seed=0)
    study.set_user_attr("data", "iris")
    assert study.user_attrs == {"data": "iris"}

    def objective(trial: ts.Trial) -> float:
        trial.set_user_attr("epochs", 3)
        return 0.0

    study.optimize(objective, n_trials=1)
    assert study.trials[0].user_attrs == {"epochs": 3}
    with pytest.raises(TypeError):
        study.trials[0].user_attrs["epochs"] = 4  # type: ignore[index]


def test_a_trial_has_a_seed_of_its_own_that_stays() -> None:
    seeds = [ts.create_study(seed=5).ask().seed for _ in range(2)]
    assert seeds[0] == seeds[1]
    study = ts.create_study(seed=5)
    assert study.ask().seed != study.ask().seed


def test_reports_are_checked() -> None:
    trial = ts.create_study().ask()
    with pytest.raises(TypeError, match="number"):
        trial.report("good", 1)  # type: ignore[arg-type]
    for value, step in [("1.5", 1), (b"1.5", 1), (1.0, 2.5), (1.0, "2"), (1.0, math.nan)]:
        with pytest.raises(TypeError, match="takes a number and an integer step"):
            trial.report(value, step)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="0 or more"):
        trial.report(1.0, -1)
    assert trial.reports is None
    trial.report(1.0, 0.0)  # type: ignore[arg-type]  # an epoch that a library counts in floats
    with pytest.warns(UserWarning, match="step 0 was reported already"):
        trial.report(2.0, 0)
    assert trial.reports == {0: 1.0}


def test_a_released_trial_told_by_its_first_worker_changes_nothing() -> None:
    study = ts.create_study(seed=0)
    late = study.ask()
    late.suggest_float("x", 0, 1)
    study.release([late.number])
    again = study.ask()
    assert again.number == late.number
    assert again.attempt == 2
    with pytest.raises(ts.AttemptReplacedError):
        study.tell(late, 1.0)
    assert study.tell(again, 2.0).value == 2.0
    assert study.trials[0].value == 2.0


def test_what_is_asked_for_at_once_is_stored_with_the_point(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    asking = ts.create_study(study_name="s", storage=url, seed=1)
    asking.enqueue_trial({"x": 0.25})
    trials = [asking.ask({"x": ts.Float(0, 1), "k": ts.Int(1, 9)}) for _ in range(2)]
    telling = ts.load_study(study_name="s", storage=url)  # as another process does, which knows the numbers alone
    for trial in trials:
        telling.tell(trial.number, 1.0)
    assert [t.params for t in telling.trials] == [t.params for t in trials]
    assert telling.trials[0].params["x"] == 0.25


def test_records_with_the_same_ranges_share_one_space() -> None:
    ranges = {"x": ts.Float(0, 1), "k": ts.Int(1, 9)}
    first, second = (ts.create_trial(params={"x": v, "k": 2}, distributions=ranges, value=v) for v in (0.1, 0.2))
    assert first.space is second.space


def test_another_object_takes_a_running_trial_up(tmp_path: Path) -> None:
    study = ts.create_study(storage=tmp_path / "t.db", study_name="s", seed=0, space={"x": Float(0, 1)}, pruner="nop")
    asked = study.ask()
    other = ts.load_study(storage=tmp_path / "t.db", study_name="s", pruner="nop")
    trial = other.take_up(asked.number)
    assert trial.params == asked.params
    trial.report(0.5, 3)
    trial.set_user_attr("note", "here")
    assert not trial.should_prune()
    assert other.take_up(asked.number) is trial
    done = ts.load_study(storage=tmp_path / "t.db", study_name="s").tell(asked.number, state=TrialState.PRUNED)
    assert (done.values, done.intermediate_values, done.user_attrs) == ((0.5,), {3: 0.5}, {"note": "here"})
    study.enqueue_trial({"x": 0.25})
    for number, said in [(0, "PRUNED"), (1, "waits"), (2, "no trial 2")]:
        with pytest.raises(ValueError, match=said):
            ts.load_study(storage=tmp_path / "t.db", study_name="s").take_up(number)
