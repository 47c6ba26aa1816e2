"""`study.optimize`: what a trial's end does to the study."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import tunesmith as ts
from tunesmith import TrialState
from tunesmith.executors.inline import InlineExecutor


def quadratic(trial: ts.Trial) -> float:
    x = trial.suggest_float("x", -5, 5)
    return (x - 1) ** 2


def test_finds_a_good_point_and_keeps_every_trial() -> None:
    study = ts.create_study(seed=1)
    study.optimize(quadratic, n_trials=50)
    assert [t.number for t in study.trials] == list(range(50))
    assert study.best_value == min(t.value for t in study.trials if t.value is not None)
    assert study.best_value < 0.1
    assert study.best_trial.params == study.best_params


def test_maximize() -> None:
    study = ts.create_study(direction="maximize", seed=1)
    study.optimize(lambda t: -quadratic(t), n_trials=30)
    assert study.best_value == max(t.value for t in study.trials if t.value is not None)
    assert study.direction == "maximize"
    assert float(study.history.y.min()) == -study.best_value


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (None, "None"),
        ("0.5", "text '0.5'"),
        ((1.0, 2.0), "2 values"),
        ([], "0 values"),
        ({"loss": 1.0}, "dict"),
        (1 + 2j, "complex"),
    ],
)
def test_what_is_no_value_fails_the_trial_and_stops_the_study_unless_caught(result: Any, words: str) -> None:
    study = ts.create_study(seed=0)
    with pytest.raises(ts.ObjectiveError, match=words):
        study.optimize(lambda t: result, n_trials=3)
    assert [t.state for t in study.trials] == [TrialState.FAIL]
    assert words in str(study.trials[0].reason)
    study.optimize(lambda t: result, n_trials=3, catch=(ValueError,))
    assert len(study.trials) == 4


def test_nan_fails_the_trial_and_the_study_goes_on() -> None:
    study = ts.create_study(seed=0)
    study.optimize(lambda t: math.nan if t.number % 2 else quadratic(t), n_trials=6)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE, TrialState.FAIL] * 3
    assert "NaN" in str(study.trials[1].reason)
    assert np.isnan(study.history.y[1]).all()


def test_values_that_are_numbers_of_other_kinds() -> None:
    study = ts.create_study(seed=0)
    results = [1, True, np.float32(0.5), np.array(2.0), np.array([3.0]), math.inf, -math.inf, [4.0]]
    study.optimize(lambda t: results[t.number], n_trials=len(results))
    assert [t.value for t in study.trials] == [1.0, 1.0, 0.5, 2.0, 3.0, math.inf, -math.inf, 4.0]


def test_an_exception_fails_the_trial_and_goes_on_or_stops_as_catch_says() -> None:
    def broken(trial: ts.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        raise ZeroDivisionError("one too many")

    study = ts.create_study(seed=0)
    with pytest.raises(ZeroDivisionError):
        study.optimize(broken, n_trials=3)
    assert [t.state for t in study.trials] == [TrialState.FAIL]
    assert "ZeroDivisionError: one too many" in str(study.trials[0].reason)
    assert "test_optimize.py" in str(study.trials[0].reason), "the traceback tells where"
    study.optimize(broken, n_trials=3, catch=ZeroDivisionError)
    assert [t.state for t in study.trials] == [TrialState.FAIL] * 4
    assert len(study.history) == 4, "samplers see where it failed"
    assert not np.isnan(study.history.x).any()


def test_pruned_trials_keep_their_last_report() -> None:
    def objective(trial: ts.Trial) -> float:
        for step in range(10):
            trial.report(10.0 - step, step)
            if step == 4:
                raise ts.TrialPruned("enough")
        return 0.0

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=1)
    (trial,) = study.trials
    assert trial.state is TrialState.PRUNED
    assert trial.value == 6.0
    assert trial.last_step == 4
    assert dict(trial.intermediate_values) == {k: 10.0 - k for k in range(5)}
    assert trial.reason == "enough"


def test_the_error_of_an_objective_wins_and_that_of_a_callback_is_its_note() -> None:
    def wrong(study: ts.Study, trial: ts.FrozenTrial) -> None:
        print(f"{trial.value:.3f}")

    def objective(trial: ts.Trial) -> float:
        if trial.number == 1:
            raise KeyError("my column")
        return 1.0

    study, seen = ts.create_study(seed=0), []
    with pytest.raises(KeyError, match="my column") as raised:
        study.optimize(objective, n_trials=3, callbacks=[wrong, lambda _, trial: seen.append(trial.number)])
    assert any(
        "After trial 1 a callback raised as well" in note and "TypeError" in note for note in raised.value.__notes__
    )
    assert seen == [0, 1], "the other callbacks are called for the trial that ends the search"
    with pytest.raises(TypeError) as own:
        ts.create_study(seed=0).optimize(objective, n_trials=3, callbacks=[wrong], catch=KeyError)
    assert own.value.__notes__ == ["A callback raised this after trial 1, which failed: KeyError: 'my column'"]


def test_callbacks_are_called_once_where_the_end_was_recorded() -> None:
    """Not where another worker took the trial over, whose own callbacks are called."""
    seen: list[tuple[str, int]] = []

    def objective(trial: ts.Trial) -> float:
        if trial.number == 1 and trial.attempt == 1:
            study.release([1])  # as if this worker had been silent for its lease
            study.tell(study.ask(), 5.0)
        return 1.0

    study = ts.create_study(seed=0)
    with pytest.warns(UserWarning, match="attempt 1 was given up"):
        study.optimize(objective, n_trials=3, callbacks=[lambda _, trial: seen.append(("here", trial.number))])
    assert seen == [("here", 0), ("here", 2)]
    assert [t.value for t in study.trials] == [1.0, 5.0, 1.0]


def test_callbacks_get_each_trial_and_can_stop() -> None:
    seen: list[int] = []

    def callback(study: ts.Study, trial: ts.FrozenTrial) -> None:
        seen.append(trial.number)
        if trial.number == 4:
            study.stop()

    study = ts.create_study(seed=0)
    study.optimize(quadratic, n_trials=50, callbacks=[callback])
    assert seen == [0, 1, 2, 3, 4]
    with pytest.raises(RuntimeError, match="none is running"):
        study.stop()


def test_timeout_starts_no_more_trials(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(InlineExecutor, "clock", lambda _: now[0])

    def one_second(trial: ts.Trial) -> float:
        now[0] += 1.0
        return quadratic(trial)

    study = ts.create_study(seed=0)
    study.optimize(one_second, timeout=4.5)
    assert len(study.trials) == 5, "those that began after 0, 1, 2, 3 and 4 seconds"
    study.optimize(one_second, timeout=0)
    assert len(study.trials) == 5


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"n_trials": -1}, "n_trials"),
        ({"n_trials": 1.5}, "n_trials"),
        ({"n_trials": True}, "n_trials"),
        ({"timeout": -1}, "timeout"),
        ({"timeout": math.nan}, "timeout"),
        ({"n_jobs": 0}, "n_jobs"),
        ({"n_jobs": -2}, "n_jobs"),
        ({"catch": (3,)}, "catch"),
    ],
)
def test_bad_arguments_are_named_and_change_nothing(arguments: dict[str, Any], words: str) -> None:
    study = ts.create_study(seed=0)
    with pytest.raises((ValueError, TypeError), match=words):
        study.optimize(quadratic, **arguments)
    assert study.trials == []


def test_an_objective_that_is_not_callable() -> None:
    with pytest.raises(TypeError, match="callable"):
        ts.create_study().optimize(3, n_trials=1)  # type: ignore[arg-type]


def test_optimize_cannot_be_nested() -> None:
    study = ts.create_study(seed=0)

    def nested(trial: ts.Trial) -> float:
        study.optimize(quadratic, n_trials=1)
        return 0.0

    with pytest.raises(RuntimeError, match="nested"):
        study.optimize(nested, n_trials=1)
    study.optimize(quadratic, n_trials=1)


def test_several_objectives() -> None:
    def objective(trial: ts.Trial) -> tuple[float, float]:
        x = trial.suggest_float("x", 0, 2)
        return x**2, (x - 1) ** 2

    study = ts.create_study(directions=["minimize", "minimize"], seed=0)
    study.optimize(objective, n_trials=40)
    front = study.best_trials
    assert front
    assert all(0 <= t.params["x"] <= 1.1 for t in front), "the front is x in [0, 1]"
    with pytest.raises(RuntimeError, match="best_trials"):
        _ = study.best_trial
    with pytest.raises(ts.ObjectiveError, match="2 numbers"):
        study.optimize(lambda t: 1.0, n_trials=1)


def test_infeasible_trials_are_never_the_best() -> None:
    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        trial.set_constraint("at least a half", 0.5 - x)
        return x

    study = ts.create_study(seed=0)
    study.optimize(objective, n_trials=30)
    assert study.best_value >= 0.5
    assert study.best_trial.feasible
    assert study.history.c.shape == (30, 1)


def test_no_best_yet() -> None:
    study = ts.create_study()
    with pytest.raises(ValueError, match="no trials"):
        _ = study.best_trial
    study.optimize(lambda t: math.nan, n_trials=2)
    with pytest.raises(ValueError, match="2 FAIL"):
        _ = study.best_value


def test_interrupted_trials_are_run_again_as_they_were_proposed() -> None:
    proposed: list[float] = []

    def objective(trial: ts.Trial) -> float:
        x = trial.suggest_float("x", 0, 1)
        proposed.append(x)
        if len(proposed) == 6:
            raise KeyboardInterrupt
        return x

    study = ts.create_study(seed=3)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=10)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE] * 5 + [TrialState.WAITING]
    study.optimize(objective, n_trials=5)
    assert proposed[6] == proposed[5]
    reference = ts.create_study(seed=3)
    reference.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=10)
    assert [t.params for t in study.trials] == [t.params for t in reference.trials]
    assert study.trials[5].attempt == 2


def test_dataframe() -> None:
    pd = pytest.importorskip("pandas")
    study = ts.create_study(seed=0)
    study.optimize(quadratic, n_trials=3)
    frame = study.trials_dataframe()
    assert isinstance(frame, pd.DataFrame)
    assert list(frame.columns) == [
        "number", "value", "datetime_start", "datetime_complete", "duration", "params_x", "state",
    ]  # fmt: skip
    assert frame["state"].tolist() == ["COMPLETE"] * 3
    assert frame["params_x"].tolist() == [t.params["x"] for t in study.trials]
    wide = study.trials_dataframe(attrs=("number", "params"), multi_index=True)
    assert list(wide.columns) == [("number", ""), ("params", "x")]
    with pytest.raises(ValueError, match="nope"):
        study.trials_dataframe(attrs=("nope",))


def test_dataframe_without_pandas_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ts.MissingDependencyError, match="pip install pandas"):
        ts.create_study().trials_dataframe()
