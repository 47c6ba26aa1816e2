"""Programs of Optuna's kind, with the one import changed: studies and trials."""

from __future__ import annotations

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.trial import TrialState

optuna.logging.set_verbosity(optuna.logging.ERROR)


def quadratic(trial):
    x = trial.suggest_float("x", -10, 10)
    return (x - 2) ** 2


def test_the_first_program_of_the_textbook():
    study = optuna.create_study(direction="minimize")
    study.optimize(quadratic, n_trials=20)
    assert study.best_value < 5
    assert study.best_params.keys() == {"x"}
    assert study.direction is optuna.study.StudyDirection.MINIMIZE
    assert isinstance(study.best_trial.duration, timedelta)
    assert isinstance(study, optuna.Study)


def test_a_timeout_below_0_ends_at_once():
    study = optuna.create_study()
    study.optimize(quadratic, timeout=-0.5)  # what is left of a time that is over, as LightGBM's tuners count it
    assert len(study.trials) == 0


def test_func_is_a_keyword_and_callbacks_get_the_study_and_the_record():
    seen = []
    study = optuna.create_study()
    study.optimize(func=quadratic, n_trials=3, callbacks=[lambda s, t: seen.append((s, t))])
    assert [s for s, _ in seen] == [study] * 3
    assert all(isinstance(t, optuna.trial.FrozenTrial) for _, t in seen)
    assert [t.values for _, t in seen] == [t.values for t in study.trials]


def test_the_progress_bar_has_the_text_that_programs_know(capfd):
    def lines():
        return [line for line in capfd.readouterr().err.splitlines() if "Best trial" in line]

    study = optuna.create_study()
    study.optimize(lambda t: 1.5 / (t.number != 1), n_trials=4, timeout=90, catch=Exception, show_progress_bar=True)
    (line,) = lines()
    assert line.startswith("Best trial: 0. Best value: 1.5 · 100%|██████████| 4/4 [00:00<00:00, ")
    assert "it/s, 0." in line
    assert line.endswith("/90 seconds, 1 failed]")
    study.optimize(lambda t: t.study.stop() or 1.0, timeout=3600, show_progress_bar=True)
    assert lines() == ["Best trial: 4. Best value: 1 ·   0%|          | 00:00/1:00:00"]
    with pytest.warns(UserWarning, match="neither n_trials= nor timeout="):
        study.optimize(lambda t: t.study.stop() or 1.0, show_progress_bar=True)
    assert lines() == []


@pytest.mark.parametrize("returned", [None, "abc", [1.0, 2.0], float("nan")])
def test_what_is_no_value_fails_the_trial_and_the_search_goes_on(returned):
    study = optuna.create_study()
    study.optimize(lambda trial: returned if trial.number == 0 else 1.0, n_trials=2)
    assert [t.state for t in study.trials] == [TrialState.FAIL, TrialState.COMPLETE]


def test_an_exception_ends_the_search_unless_it_is_caught():
    def fails(trial):
        raise KeyError("no")

    study = optuna.create_study()
    with pytest.raises(KeyError):
        study.optimize(fails, n_trials=2)
    study.optimize(fails, n_trials=2, catch=KeyError)
    study.optimize(fails, n_trials=2, catch=(KeyError,))
    assert [t.state for t in study.trials] == [TrialState.FAIL] * 5


def test_sys_exit_ends_the_program():
    study = optuna.create_study()
    with pytest.raises(SystemExit):
        study.optimize(lambda trial: exit(3), n_trials=2)
    assert len(study.trials) == 1


def test_jobs_are_threads_that_share_memory():
    barrier, seen = threading.Barrier(2, timeout=30), []

    def objective(trial):
        if trial.number < 2:
            barrier.wait()
        seen.append(trial.number)
        return quadratic(trial)

    study = optuna.create_study()
    study.optimize(objective, n_trials=6, n_jobs=2)
    assert sorted(seen) == list(range(6))
    assert all(t.state is TrialState.COMPLETE for t in study.trials)


def test_several_threads_may_run_trials_of_one_study_object():
    barrier = threading.Barrier(2, timeout=30)

    def objective(trial):
        if trial.number < 2:
            barrier.wait()
        return quadratic(trial)

    study = optuna.create_study()
    with ThreadPoolExecutor(2) as pool:
        ends = [pool.submit(study.optimize, objective, n_trials=3) for _ in range(2)]
    assert [end.result() for end in ends] == [None, None]
    assert sorted(t.number for t in study.trials) == list(range(6))
    with pytest.raises(RuntimeError, match="nested"):
        study.optimize(lambda trial: study.optimize(quadratic, n_trials=1), n_trials=1)


def test_ask_and_tell():
    study = optuna.create_study(direction="maximize")
    trial = study.ask({"x": optuna.distributions.FloatDistribution(0, 1)})
    assert trial.params["x"] == trial.suggest_float("x", 0, 1)
    assert study.tell(trial, 0.5).value == 0.5
    assert study.tell(study.ask().number, state=TrialState.FAIL).state is TrialState.FAIL
    assert study.best_value == 0.5


def test_a_name_has_one_value_in_a_trial():
    trial = optuna.create_study().ask()
    x = trial.suggest_float("x", 0, 1)
    with pytest.warns(RuntimeWarning, match="one value"):
        assert trial.suggest_float("x", 2, 3) == x
    with pytest.raises(ValueError, match="kind"):
        trial.suggest_int("x", 0, 1)


def test_enqueued_values_are_used_and_told_once():
    study = optuna.create_study()
    study.enqueue_trial({"x": 50.0}, user_attrs={"why": "wild"})
    study.enqueue_trial({"x": 50.0}, skip_if_exists=True)
    assert [t.state for t in study.trials] == [TrialState.WAITING]
    with pytest.warns(UserWarning, match="outside"):
        study.optimize(quadratic, n_trials=1)
    (trial,) = study.trials
    assert trial.params == {"x": 50.0}
    assert trial.user_attrs == {"why": "wild"}
    assert trial.system_attrs["fixed_params"] == {"x": 50.0}


def test_what_one_process_stores_another_one_loads(tmp_path):
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    study = optuna.create_study(study_name="mine", storage=url, directions=["minimize", "maximize"])
    study.set_metric_names(["loss", "score"])
    study.set_user_attr("who", "me")
    trial = study.ask()
    trial.storage.set_trial_system_attr(trial._trial_id, "mark", [1])
    study.tell(trial, [1.0, 2.0])
    loaded = optuna.load_study(study_name="mine", storage=url)
    assert loaded.metric_names == ["loss", "score"]
    assert loaded.user_attrs == {"who": "me"}
    assert loaded.trials == study.trials
    assert loaded.trials[0].system_attrs == {"mark": [1]}
    assert [s.study_name for s in optuna.get_all_study_summaries(url)] == ["mine"]
    with pytest.raises(KeyError):
        optuna.load_study(study_name="yours", storage=url)
    with pytest.raises(optuna.exceptions.DuplicatedStudyError):
        optuna.create_study(study_name="mine", storage=url)


def test_a_study_can_be_pickled():
    study = optuna.create_study()
    study.optimize(quadratic, n_trials=3)
    again = pickle.loads(pickle.dumps(study))
    assert again.trials == study.trials
    again.optimize(quadratic, n_trials=1)
    assert len(again.trials) == 4


def test_the_columns_of_the_data_frame():
    pytest.importorskip("pandas")
    study = optuna.create_study()
    study.optimize(lambda t: t.set_user_attr("a", 1) or quadratic(t), n_trials=2)
    columns = [
        "number",
        "value",
        "datetime_start",
        "datetime_complete",
        "duration",
        "params_x",
        "user_attrs_a",
        "state",
    ]
    assert list(study.trials_dataframe().columns) == columns
    assert ("params", "x") in study.trials_dataframe(multi_index=True).columns
    study.set_metric_names(["loss"])
    assert "value_loss" in study.trials_dataframe().columns


def test_a_trial_that_is_interrupted_has_failed():
    def objective(trial):
        trial.suggest_float("x", 0, 1)
        if trial.number == 1:
            raise KeyboardInterrupt
        return 0.0

    study = optuna.create_study()
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=5)
    assert [t.state for t in study.trials] == [TrialState.COMPLETE, TrialState.FAIL]
    study.optimize(objective, n_trials=1)
    assert study.trials[2].state is TrialState.COMPLETE


def test_a_parameter_keeps_its_kind_and_scale_in_all_trials(tmp_path):
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    study = optuna.create_study(storage=url, study_name="s")
    trial = study.ask()
    trial.suggest_float("x", 1, 2)
    trial.suggest_categorical("c", ["a", "b"])
    with pytest.raises(ValueError, match="'x' is asked for as IntDistribution"):
        study.ask().suggest_int("x", 1, 2)
    study.tell(trial, 0.0)
    again = optuna.load_study(storage=url, study_name="s").ask()
    with pytest.raises(ValueError, match="FloatDistribution with log=True"):
        again.suggest_float("x", 1, 2, log=True)
    assert again.suggest_float("x", 5, 5) == 5  # a range may change, and so may choices
    assert again.suggest_categorical("c", ["d"]) == "d"
