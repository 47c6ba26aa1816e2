"""What programs and modules call on storages: the arguments are Optuna's by name too."""

from __future__ import annotations

import inspect
import pickle
import threading

import pytest

import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.distributions import CategoricalDistribution, FloatDistribution
from tunesmith.compat.optuna.trial import TrialState


@pytest.fixture(params=["memory", "file"])
def study(request: pytest.FixtureRequest, tmp_path) -> optuna.Study:
    return optuna.create_study(storage=f"sqlite:///{tmp_path / 'tune.db'}" if request.param == "file" else None)


def test_the_methods_have_the_arguments_that_they_have_in_optuna() -> None:
    real = pytest.importorskip("optuna", reason="the real Optuna is not installed").storages.BaseStorage
    for name, method in vars(real).items():
        if name.startswith("_") or not inspect.isfunction(method):
            continue
        own = getattr(optuna.storages.BaseStorage, name)
        assert list(inspect.signature(own).parameters) == list(inspect.signature(method).parameters), name


def test_what_is_written_of_a_running_trial_by_its_id(study) -> None:
    storage = study._storage

    def objective(trial) -> float:
        place = {"trial_id": trial._trial_id}
        storage.set_trial_param(
            **place, param_name="x", param_value_internal=0.25, distribution=FloatDistribution(0, 1)
        )
        storage.set_trial_param(trial._trial_id, "kind", 1.0, CategoricalDistribution(["a", "b"]))
        storage.set_trial_param(trial._trial_id, "kind", 1.0, CategoricalDistribution(["a", "b"]))  # the same again
        storage.set_trial_intermediate_value(**place, step=1, intermediate_value=0.5)
        storage.set_trial_user_attr(**place, key="user", value=1)
        storage.set_trial_system_attr(**place, key="system", value=2)
        assert trial.suggest_categorical("kind", ["a", "b"]) == "b"
        with pytest.raises(ValueError, match=r"has x=0\.25 already.* got 0\.5"):
            storage.set_trial_param(trial._trial_id, "x", 0.5, FloatDistribution(0, 1))
        return trial.suggest_float("x", 0, 1)

    study.optimize(objective, n_trials=2)
    for trial in study.trials:
        assert trial.params == {"x": 0.25, "kind": "b"}
        assert trial.values == [0.25]
        assert trial.intermediate_values == {1: 0.5}
        assert (trial.user_attrs["user"], trial.system_attrs["system"]) == (1, 2)


def test_a_trial_that_the_storage_itself_makes_and_ends(study) -> None:
    storage = study._storage
    place = {"trial_id": storage.create_new_trial(study_id=study._study_id)}
    storage.set_trial_param(**place, param_name="x", param_value_internal=0.75, distribution=FloatDistribution(0, 1))
    storage.set_trial_intermediate_value(**place, step=3, intermediate_value=0.1)
    storage.set_trial_user_attr(**place, key="a", value=1)
    assert storage.set_trial_state_values(**place, state=TrialState.COMPLETE, values=[0.5])
    found = storage.get_trial(**place)
    assert (found.params, found.values, found.user_attrs) == ({"x": 0.75}, [0.5], {"a": 1})
    assert found.intermediate_values == {3: 0.1}
    assert storage.get_trial_param(**place, param_name="x") == 0.75
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        storage.set_trial_param(**place, param_name="y", param_value_internal=0, distribution=FloatDistribution(0, 1))
    assert study.best_params == {"x": 0.75}
    pickle.loads(pickle.dumps(study))


def test_a_trial_that_runs_elsewhere_is_not_written(tmp_path) -> None:
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    trial = optuna.create_study(storage=url, study_name="s").ask()
    other = optuna.load_study(study_name="s", storage=url)._storage
    with pytest.raises(ValueError, match="runs in no study of this process"):
        other.set_trial_param(trial._trial_id, "x", 0.5, FloatDistribution(0, 1))


@pytest.mark.parametrize("kind", ["JournalFileOpenLock", "JournalFileSymlinkLock"])
def test_locks_lock(kind: str, tmp_path) -> None:
    make = getattr(optuna.storages.journal, kind)
    first, second = make(str(tmp_path / "log")), make(str(tmp_path / "log"))
    assert first.acquire()
    waiting = threading.Thread(target=second.acquire)
    waiting.start()
    assert waiting.is_alive()
    first.release()
    waiting.join(60)
    assert not waiting.is_alive()
    second.release()
    with pytest.raises(RuntimeError, match="call acquire"):
        second.release()
    with pytest.raises(ValueError, match="grace_period"):
        make("log", grace_period=0)
