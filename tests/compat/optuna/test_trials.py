"""Programs of Optuna's kind, with the one import changed: distributions, records, storages, logging."""

from __future__ import annotations

import logging

import pytest

import tunesmith
import tunesmith.compat.optuna as optuna
from tunesmith.compat.optuna.distributions import (
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
    distribution_to_json,
    json_to_distribution,
)
from tunesmith.compat.optuna.trial import FixedTrial, TrialState, create_trial
from tunesmith.foundation.states import FailureKind


@pytest.fixture(autouse=True)
def quiet():
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    yield
    optuna.logging.set_verbosity(before)


DISTRIBUTIONS = [
    FloatDistribution(0.0, 1.0),
    FloatDistribution(0.1, 1.0, True),
    FloatDistribution(0.0, 1.0, step=0.25),
    IntDistribution(1, 9),
    IntDistribution(1, 9, True),
    IntDistribution(0, 8, step=2),
    CategoricalDistribution(("a", None, True, 1.5)),
]


@pytest.mark.parametrize("distribution", DISTRIBUTIONS, ids=repr)
def test_distributions_come_back_from_json_and_from_trials(distribution):
    assert json_to_distribution(distribution_to_json(distribution)) == distribution
    study = optuna.create_study()
    trial = study.ask({"x": distribution})
    assert trial.distributions == {"x": distribution}
    study.tell(trial, 0.0)
    assert study.best_trial.distributions == {"x": distribution}
    value = study.best_params["x"]
    assert distribution._contains(distribution.to_internal_repr(value))


def test_distributions_agree_with_the_real_optuna():
    real = pytest.importorskip("optuna")
    for d in DISTRIBUTIONS:
        theirs = getattr(real.distributions, type(d).__name__)
        assert repr(theirs(**d._asdict())) == repr(d)
        assert real.distributions.json_to_distribution(distribution_to_json(d)) == theirs(**d._asdict())


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: FloatDistribution(2, 1),
        lambda: FloatDistribution(0, 1, log=True),
        lambda: FloatDistribution(0.1, 1, log=True, step=0.1),
        lambda: IntDistribution(0, 5, log=True),
        lambda: CategoricalDistribution(()),
    ],
)
def test_ranges_that_are_none(wrong):
    with pytest.raises(ValueError, match=r"got|empty"):
        wrong()


def test_a_step_that_does_not_divide_lowers_the_end():
    with pytest.warns(UserWarning, match="lowered"):
        assert IntDistribution(0, 7, step=2).high == 6


def test_old_names_warn():
    with pytest.warns(FutureWarning, match="FloatDistribution"):
        old = optuna.distributions.LogUniformDistribution(1, 2)
    with pytest.warns(FutureWarning, match="old kind"):
        trial = optuna.create_study().ask({"x": old})
    assert trial.distributions["x"] == FloatDistribution(1, 2, log=True)
    with pytest.warns(FutureWarning, match="suggest_float"):
        assert 0 <= trial.suggest_uniform("y", 0, 1) <= 1


def test_choices_of_any_kind():
    study = optuna.create_study()

    def objective(trial):
        a = trial.suggest_categorical("a", ["x", "x", "y"])
        b = trial.suggest_categorical("b", [[1, 2], [3]])
        return float(len(a) + len(b) + trial.suggest_categorical("c", (True, 1, False)))

    study.optimize(objective, n_trials=8)
    assert study.trials[0].distributions["b"].choices == ([1, 2], [3])
    assert {t.params["a"] for t in study.trials} <= {"x", "y"}


def test_an_objective_runs_on_a_record_and_on_given_values():
    def objective(trial):
        return trial.suggest_float("x", 0, 1) + trial.suggest_int("n", 0, 3)

    study = optuna.create_study()
    study.optimize(objective, n_trials=3)
    assert objective(study.best_trial) == study.best_value
    assert objective(FixedTrial({"x": 0.5, "n": 2})) == 2.5
    with pytest.raises(ValueError, match="no value of 'n'"):
        objective(FixedTrial({"x": 0.5}))


def test_added_trials_are_learned_from_and_kept_as_they_are():
    trial = create_trial(
        params={"x": 0.5, "c": "b"},
        distributions={"x": FloatDistribution(0, 1), "c": CategoricalDistribution(("a", "b"))},
        value=0.25,
        user_attrs={"why": "known"},
        system_attrs={"from": "before"},
        intermediate_values={0: 1.0},
        constraints={"size": -1.0},
    )
    study = optuna.create_study()
    study.add_trial(trial)
    study.add_trials([create_trial(state=TrialState.FAIL), create_trial(state=TrialState.WAITING)])
    kept = study.trials[0]
    assert (kept.params, kept.values, kept.user_attrs) == (trial.params, [0.25], {"why": "known"})
    assert kept.system_attrs == trial.system_attrs
    assert kept.intermediate_values == {0: 1.0}
    assert kept.duration == trial.duration
    assert [t.state.name for t in study.trials] == ["COMPLETE", "FAIL", "WAITING"]
    with pytest.raises(ValueError, match="outside"):
        create_trial(params={"x": 2.0}, distributions={"x": FloatDistribution(0, 1)}, value=0.0)


def test_trials_of_the_real_optuna_can_be_added():
    real = pytest.importorskip("optuna")
    real.logging.set_verbosity(real.logging.ERROR)
    old = real.create_study()
    old.optimize(lambda t: t.suggest_float("x", 0, 1, step=0.5) + t.suggest_int("n", 1, 3), n_trials=3)
    study = optuna.create_study()
    study.add_trials(old.trials)
    assert [(t.params, t.values, t.datetime_start) for t in study.trials] == [
        (t.params, t.values, t.datetime_start) for t in old.trials
    ]


def test_a_study_in_memory_keeps_any_object():
    model = object()
    study = optuna.create_study()
    study.optimize(lambda t: t.set_user_attr("model", model) or 1.0, n_trials=1)
    study.set_user_attr("best", study.best_trial.user_attrs["model"])
    assert study.user_attrs["best"] is model


def test_trials_that_are_added_or_enqueued_keep_any_object_in_memory(tmp_path):
    model = object()
    record = optuna.create_trial(value=1.0, user_attrs={"model": model, "n": 1})
    study = optuna.create_study()
    study.add_trial(record)
    study.enqueue_trial({"x": 0.5}, user_attrs={"model": model})
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
    assert [t.user_attrs for t in study.trials] == [{"model": model, "n": 1}, {"model": model}]
    assert study.trials[1].params == {"x": 0.5}
    file = optuna.create_study(storage=f"sqlite:///{tmp_path / 'tune.db'}")
    for add in (lambda: file.add_trial(record), lambda: file.enqueue_trial({"x": 0.5}, {"model": model})):
        with pytest.raises(ValueError, match="cannot be kept"):
            add()
    assert file.trials == []


def test_a_file_keeps_what_json_can(tmp_path):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'tune.db'}")
    with pytest.raises(ValueError, match="cannot be kept"):
        study.set_user_attr("best", object())


def test_journals_are_files(tmp_path):
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "journal.log"))
    study = optuna.create_study(storage=optuna.storages.JournalStorage(backend), study_name="mine")
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=2)
    again = optuna.load_study(study_name="mine", storage=optuna.storages.JournalStorage(backend))
    assert again.trials == study.trials


def test_lost_trials_are_run_again_as_often_as_the_callback_says(tmp_path):
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    again = optuna.storages.RetryFailedTrialCallback(max_retry=3)
    storage = optuna.storages.RDBStorage(url, heartbeat_interval=60, failed_trial_callback=again)
    study = optuna.create_study(storage=storage)
    assert {kind.name: times for kind, times in study.native.retries.items()}["LOST"] == 3


@pytest.mark.parametrize("url", ["sqlite:///:memory:", "sqlite://"])
def test_a_database_in_memory_is_memory(url):
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(storage=storage, direction="maximize")
    study_id = storage.get_study_id_from_name(study.study_name)
    with pytest.raises(ValueError, match="no complete trial"):
        storage.get_best_trial(study_id)
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=5)
    assert storage.get_best_trial(study_id) == study.best_trial
    assert len(optuna.create_study(storage=url).trials) == 0


def test_a_storage_of_ones_own_says_what_to_subclass():
    with pytest.raises(TypeError, match=r"tunesmith\.storage\.Storage"):
        type("Mine", (optuna.storages.BaseStorage,), {})


class Lines(logging.Handler):
    """Keeps what is logged."""

    def __init__(self):
        super().__init__()
        self.texts = []

    def emit(self, record):
        self.texts.append(record.getMessage())


def test_the_log_has_a_line_for_each_trial():
    lines = Lines()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    optuna.logging.disable_default_handler()
    optuna.logging.get_logger("optuna").addHandler(lines)
    try:
        study = optuna.create_study(study_name="mine")
        study.optimize(lambda t: t.suggest_float("x", 0, 1) if t.number else None, n_trials=2)
        study.optimize(lambda t: 1 / 0, n_trials=1, catch=(ZeroDivisionError,))
    finally:
        optuna.logging.enable_default_handler()
        optuna.logging.get_logger("optuna").removeHandler(lines)
    made, failed, done, caught = lines.texts
    assert made == "A new study created in memory with name: mine"
    assert failed.startswith("Trial 0 failed with parameters: {} because of")
    assert done.startswith(f"Trial 1 finished with value: {study.best_value} and parameters: {{'x'")
    assert "Traceback" not in failed
    assert "test_trials.py" in caught  # where it was raised
    assert done.endswith(f"Best is trial 1 with value: {study.best_value}.")


def test_max_trials_callback():
    study = optuna.create_study()
    study.optimize(lambda t: 1.0, n_trials=50, callbacks=[optuna.study.MaxTrialsCallback(4)])
    assert len(study.trials) == 4


def test_several_objectives():
    study = optuna.create_study(directions=["minimize", "maximize"])
    study.optimize(lambda t: (t.suggest_float("x", 0, 1), t.params["x"] ** 2), n_trials=5)
    assert study.best_trials
    assert all(len(t.values) == 2 for t in study.trials)
    with pytest.raises(RuntimeError):
        _ = study.best_trial
    with pytest.raises(RuntimeError):
        _ = study.trials[0].value


def test_a_trial_that_is_run_again_finds_what_its_first_run_left(tmp_path):
    url = f"sqlite:///{tmp_path / 'tune.db'}"
    retry = optuna.storages.RetryFailedTrialCallback()
    study = optuna.create_study(
        storage=optuna.storages.RDBStorage(url, heartbeat_interval=60, failed_trial_callback=retry)
    )
    first = study.ask()
    first.set_user_attr("checkpoint", "epoch 3")
    assert retry.retried_trial_number(first) is None
    study.native.engine.run_again(first.number, FailureKind.LOST)

    def objective(trial):
        number = retry.retried_trial_number(trial)
        assert retry.retry_history(trial) == [number] == [0]
        assert trial.study.trials[number].user_attrs == {"checkpoint": "epoch 3"}
        return 1.0

    study.optimize(objective, n_trials=1)
    assert study.trials[0].value == 1.0


def test_states_are_text_as_in_optuna():
    study = optuna.create_study()
    study.optimize(lambda t: t.suggest_float("x", 0, 1), n_trials=1)
    state = study.trials[0].state
    assert state is TrialState.COMPLETE is optuna.trial.TrialState["COMPLETE"]
    assert (str(state), f"{state}", repr(state)) == ("TrialState.COMPLETE",) * 2 + ("<TrialState.COMPLETE: 1>",)
    assert [s.name for s in TrialState] == ["RUNNING", "COMPLETE", "PRUNED", "FAIL", "WAITING"]
    assert study.trials_dataframe().state.tolist() == ["COMPLETE"]


def test_the_states_of_this_library_are_taken_too():
    study = optuna.create_study()
    study.tell(study.ask(), state=tunesmith.TrialState.FAIL)
    assert study.get_trials(states={tunesmith.TrialState.FAIL, tunesmith.TrialState.WAITING}) == study.trials
    assert create_trial(state=tunesmith.TrialState.FAIL).state is TrialState.FAIL
    with pytest.raises(ValueError, match="is a TrialState"):
        create_trial(state=7)


def test_the_methods_of_storages_that_programs_call(tmp_path):
    storage = optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'tune.db'}")
    study_id = storage.create_new_study([optuna.study.StudyDirection.MAXIMIZE], "mine")
    study = optuna.load_study(study_name="mine", storage=storage)
    assert study._storage is storage
    assert [(s.study_name, s.direction.name, s._study_id) for s in storage.get_all_studies()] == [
        ("mine", "MAXIMIZE", study_id)
    ]
    trial = study.ask()
    trial.suggest_categorical("kind", ["a", "b"])
    other = optuna.load_study(study_name="mine", storage=f"sqlite:///{tmp_path / 'tune.db'}")._storage
    assert other.set_trial_state_values(trial._trial_id, TrialState.RUNNING)
    assert other.set_trial_state_values(trial._trial_id, TrialState.COMPLETE, [2.0])
    (done,) = storage.get_all_trials(storage.get_study_id_from_name("mine"))
    assert (done.state, done.value) == (TrialState.COMPLETE, 2.0)
    with pytest.raises(optuna.exceptions.UpdateFinishedTrialError):
        other.set_trial_state_values(trial._trial_id, TrialState.FAIL)


def test_a_parameter_in_a_storage_is_a_number():
    study = optuna.create_study()
    study.optimize(lambda t: len(t.suggest_categorical("kind", ["b", "b2"])), n_trials=1)
    (trial,) = study.trials
    position = study._storage.get_trial_param(trial._trial_id, "kind")
    assert ["b", "b2"][int(position)] == trial.params["kind"]


@pytest.mark.parametrize("error", [KeyError("my column"), SystemExit(3)])
def test_callbacks_are_not_called_for_the_trial_whose_error_ends_the_search(error):
    def objective(trial):
        if trial.number == 2:
            raise error
        return 1.0

    seen, study = [], optuna.create_study()
    with pytest.raises(type(error)):
        study.optimize(objective, n_trials=5, callbacks=[lambda study, trial: seen.append(trial.number)])
    assert seen == [0, 1]
    study.optimize(lambda trial: 1.0, n_trials=1, callbacks=[lambda study, trial: seen.append(trial.number)])
    assert seen == [0, 1, 3]


def test_one_value_of_several_cannot_be_set():
    trial = optuna.trial.create_trial(values=[1.0, 2.0])
    with pytest.raises(RuntimeError, match="values instead"):
        trial.value = 3.0


def test_a_step_as_wide_as_the_range_leaves_two_values():
    assert not optuna.distributions.FloatDistribution(0.2, 0.3, step=0.1).single()  # 0.3 - 0.2 < 0.1 in floats
    assert optuna.distributions.FloatDistribution(0.1, 0.1, step=0.1).single()


def test_a_running_trial_is_added_and_told():
    study = optuna.create_study()
    study.enqueue_trial({"x": 0.1})
    distributions = {"x": optuna.distributions.FloatDistribution(0, 2)}
    study.add_trial(
        optuna.trial.create_trial(
            state=TrialState.RUNNING,
            params={"x": 1.0},
            distributions=distributions,
            intermediate_values={1: 2.0},
            user_attrs={"note": 1},
        )
    )
    added = study.trials[1]
    assert (added.state, added.params, added.distributions) == (TrialState.RUNNING, {"x": 1.0}, distributions)
    assert (added.intermediate_values, added.user_attrs) == ({1: 2.0}, {"note": 1})
    study.tell(1, 1.5)
    assert study.trials[1].value == 1.5
    assert study.ask().number == 0  # what waited before waits on


def test_a_number_of_threads_below_one_is_refused():
    for wrong in (-2, 0):
        with pytest.raises(ValueError, match="n_jobs="):
            optuna.create_study().optimize(lambda trial: 0.0, n_trials=1, n_jobs=wrong)


def test_times_of_a_heartbeat_are_above_zero(tmp_path):
    for wrong in ({"heartbeat_interval": 0}, {"grace_period": 0}):
        with pytest.raises(ValueError, match="above 0"):
            optuna.storages.RDBStorage(f"sqlite:///{tmp_path / 'tune.db'}", **wrong)


def test_lines_have_the_loggers_of_optunas_modules(caplog):
    level = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.INFO)
    logging.getLogger("optuna").addHandler(caplog.handler)
    try:
        optuna.create_study().optimize(lambda trial: 0.0, n_trials=1)
    finally:
        logging.getLogger("optuna").removeHandler(caplog.handler)
        optuna.logging.set_verbosity(level)
    assert [record.name for record in caplog.records] == ["optuna.storages._in_memory", "optuna.study.study"]
