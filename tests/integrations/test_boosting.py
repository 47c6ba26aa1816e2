"""XGBoost, LightGBM and CatBoost: each round reported, pruned between rounds, and continued from a checkpoint."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from tests.integrations.orders import PauseAt, StopAfter

import tunesmith as ts
from tunesmith.foundation.states import TrialState

X_TRAIN, X_VALID, Y_TRAIN, Y_VALID = train_test_split(
    *load_breast_cancer(return_X_y=True), test_size=0.3, random_state=0, stratify=load_breast_cancer().target
)
ROUNDS = 12
MONITORS = {"xgboost": "valid-logloss", "lightgbm": "valid-binary_logloss", "catboost": "validation-Logloss"}


def with_xgboost(trial: Any, **options: Any) -> Any:
    xgboost = pytest.importorskip("xgboost", reason="needs XGBoost: pip install xgboost")
    from tunesmith.integrations.xgboost import XGBoostCallback

    report = XGBoostCallback(trial, **options)
    train, valid = xgboost.DMatrix(X_TRAIN, Y_TRAIN), xgboost.DMatrix(X_VALID, Y_VALID)
    params = {"objective": "binary:logistic", "max_depth": 3, "nthread": 1}
    booster = report.train(params, train, ROUNDS, evals=[(train, "train"), (valid, "valid")], verbose_eval=False)
    return report, booster.predict(valid), booster.num_boosted_rounds()


def with_lightgbm(trial: Any, **options: Any) -> Any:
    lightgbm = pytest.importorskip("lightgbm", reason="needs LightGBM: pip install lightgbm")
    from tunesmith.integrations.lightgbm import LightGBMCallback

    report = LightGBMCallback(trial, **options)
    train = lightgbm.Dataset(X_TRAIN, Y_TRAIN, free_raw_data=False)
    valid = lightgbm.Dataset(X_VALID, Y_VALID, reference=train, free_raw_data=False)
    params = {"objective": "binary", "num_leaves": 5, "num_threads": 1, "verbosity": -1}
    sets = {"valid_sets": [train, valid], "valid_names": ["training", "valid"]}
    booster = report.train(params, train, ROUNDS, **sets)
    return report, booster.predict(X_VALID), booster.current_iteration()


def with_catboost(trial: Any, **options: Any) -> Any:
    catboost = pytest.importorskip("catboost", reason="needs CatBoost: pip install catboost")
    from tunesmith.integrations.catboost import CatBoostCallback

    report = CatBoostCallback(trial, **options)
    model = catboost.CatBoostClassifier(
        iterations=ROUNDS, depth=3, thread_count=1, verbose=False, allow_writing_files=False, random_seed=0
    )
    report.fit(model, X_TRAIN, Y_TRAIN, eval_set=(X_VALID, Y_VALID))
    return report, model.predict_proba(X_VALID)[:, 1], model.tree_count_


TRAININGS = {"xgboost": with_xgboost, "lightgbm": with_lightgbm, "catboost": with_catboost}


@pytest.fixture(params=sorted(TRAININGS))
def library(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    pytest.importorskip(name, reason=f"needs {name}: pip install {name}")
    return name


def run(library: str, pruner: Any = None, **options: Any) -> tuple[ts.FrozenTrial, list[Any]]:
    """One trial of a library; what its trainings returned, those that ended."""
    ended = []

    def objective(trial: ts.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        ended.append(TRAININGS[library](trial, **options))
        value: float = ended[-1][0].last
        return value

    study = ts.create_study(pruner=pruner or "nop", seed=0, sampler="random")
    study.optimize(objective, n_trials=1)
    return study.trials[0], ended


def test_each_round_is_reported_and_the_last_value_is_the_trials(library: str) -> None:
    trial, ((report, predicted, rounds),) = run(library)
    assert list(trial.intermediate_values) == list(range(1, ROUNDS + 1))
    assert rounds == ROUNDS
    assert trial.value == trial.intermediate_values[ROUNDS] == report.last
    loss = -np.mean(np.log(np.where(Y_VALID == 1, predicted, 1 - predicted)))
    assert trial.value == pytest.approx(loss, rel=1e-5), "the loss of the rows held out, and not of those trained on"


def test_every_so_many_rounds_and_the_last(library: str) -> None:
    trial, _ = run(library, every=5)
    assert list(trial.intermediate_values) == [5, 10, ROUNDS]
    assert len(trial.metrics) == 2, "of the rows held out, and of those trained on"
    for steps, _values in trial.metrics.values():
        assert steps.tolist() == [5, 10, ROUNDS]
    assert trial.metrics[MONITORS[library]][1].tolist() == list(trial.intermediate_values.values())


def test_a_pruned_training_ends_with_our_exception(library: str) -> None:
    trial, ended = run(library, StopAfter(4), monitor=MONITORS[library])
    assert trial.state is TrialState.PRUNED
    assert list(trial.intermediate_values) == [1, 2, 3, 4]
    assert not ended, "the objective does not go on after the training"


def test_a_training_that_pauses_ends_where_an_undisturbed_one_does(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if library == "catboost":
        monkeypatch.setattr("tunesmith.integrations.catboost.SNAPSHOT_SECONDS", 0)
    whole, ((_, expected, _),) = run(library)
    trial, ((report, predicted, rounds),) = run(library, PauseAt([3, 8]), checkpoint=True)
    assert trial.state is TrialState.COMPLETE
    assert [attempt.last_step for attempt in trial.previous_attempts] == [3, 8]
    assert list(trial.reports or ()) == [9, 10, 11, 12], "no round is trained twice"
    assert list(trial.intermediate_values.values()) == pytest.approx(list(whole.intermediate_values.values()), rel=1e-4)
    assert rounds == ROUNDS
    assert predicted == pytest.approx(expected, rel=1e-3)
    assert report.last == trial.value


def test_a_run_that_was_interrupted_after_its_last_round_has_its_value(library: str) -> None:
    done = []

    def objective(trial: ts.Trial) -> float:
        trial.suggest_float("x", 0, 1)
        report, _, rounds = TRAININGS[library](trial, checkpoint=True)
        done.append((report.last, rounds))
        if len(done) == 1:
            raise KeyboardInterrupt
        value: float = report.last
        return value

    study = ts.create_study(pruner="nop", seed=0)
    with pytest.raises(KeyboardInterrupt):
        study.optimize(objective, n_trials=1)
    study.optimize(objective, n_trials=1)
    assert done[0] == done[1]
    assert study.trials[0].value == done[0][0]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"monitor": "valid-nonsense"}, "is no metric of the training; it has"),
        ({"every": 0}, "whole number, 1 or more"),
    ],
)
def test_bad_arguments_are_named(library: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        run(library, **options)


def test_a_monitor_that_is_no_text_is_an_error(library: str) -> None:
    with pytest.raises(TypeError, match="SET-METRIC"):
        run(library, monitor=("valid", "auc"))


# -- traps of one library ------------------------------------------------------------------------------------------


def one_trial(objective: Callable[[ts.Trial], float], pruner: Any = "nop") -> ts.FrozenTrial:
    study = ts.create_study(pruner=pruner, seed=0)
    study.optimize(objective, n_trials=1)
    return study.trials[0]


def test_xgboost_early_stopping_before_the_callback_hides_no_round() -> None:
    xgboost = pytest.importorskip("xgboost", reason="needs XGBoost: pip install xgboost")
    from tunesmith.integrations.xgboost import XGBoostCallback

    seen = {}

    def objective(trial: ts.Trial) -> float:
        report = XGBoostCallback(trial, "valid-error")
        train, valid = xgboost.DMatrix(X_TRAIN, Y_TRAIN), xgboost.DMatrix(X_VALID, Y_VALID)
        stop = xgboost.callback.EarlyStopping(rounds=3, metric_name="error", data_name="valid", save_best=True)
        params = {"objective": "binary:logistic", "eta": 0.9, "nthread": 1, "eval_metric": ["logloss", "error"]}
        xgboost.train(
            params,
            train,
            200,
            evals=[(valid, "valid")],
            callbacks=[stop, report],
            evals_result=seen,
            verbose_eval=False,
        )
        assert report.last is not None
        return report.last

    trial = one_trial(objective)
    assert list(trial.intermediate_values.values()) == seen["valid"]["error"]
    assert len(seen["valid"]["error"]) < 200


def test_xgboost_cross_validation_and_estimators() -> None:
    xgboost = pytest.importorskip("xgboost", reason="needs XGBoost: pip install xgboost")
    from tunesmith.integrations.xgboost import XGBoostCallback

    params = {"objective": "binary:logistic", "nthread": 1}

    def cross_validated(trial: ts.Trial) -> float:
        table = xgboost.cv(
            params, xgboost.DMatrix(X_TRAIN, Y_TRAIN), 6, nfold=3, seed=0, callbacks=[XGBoostCallback(trial)]
        )
        return float(np.asarray(table["test-logloss-mean"])[-1])

    trial = one_trial(cross_validated)
    assert len(trial.intermediate_values) == 6
    assert trial.value == pytest.approx(trial.intermediate_values[6])
    assert one_trial(cross_validated, StopAfter(2)).state is TrialState.PRUNED

    def estimator(trial: ts.Trial) -> float:
        model = xgboost.XGBClassifier(
            n_estimators=6, n_jobs=1, callbacks=[XGBoostCallback(trial, "validation_0-logloss")]
        )
        model.fit(X_TRAIN, Y_TRAIN, eval_set=[(X_VALID, Y_VALID)], verbose=False)
        return float(model.evals_result()["validation_0"]["logloss"][-1])

    trial = one_trial(estimator)
    assert trial.value == trial.intermediate_values[6]
    assert one_trial(estimator, StopAfter(2)).state is TrialState.PRUNED

    def continued(trial: ts.Trial) -> float:
        xgboost.cv(params, xgboost.DMatrix(X_TRAIN, Y_TRAIN), 6, callbacks=[XGBoostCallback(trial, checkpoint=True)])
        return 0.0

    with pytest.raises(ValueError, match="leave out checkpoint"):
        one_trial(continued)


def test_lightgbm_needs_no_first_metric_and_reports_the_round_that_stops_early() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="needs LightGBM: pip install lightgbm")
    from tunesmith.integrations.lightgbm import LightGBMCallback

    seen: dict[str, Any] = {}

    def objective(trial: ts.Trial, monitor: str | None = "second-auc") -> float:
        train = lightgbm.Dataset(X_TRAIN, Y_TRAIN)
        first = lightgbm.Dataset(X_VALID[:80], Y_VALID[:80], reference=train)
        second = lightgbm.Dataset(X_VALID[80:], Y_VALID[80:], reference=train)
        params = {"objective": "binary", "num_threads": 1, "verbosity": -1, "learning_rate": 0.9}
        report = LightGBMCallback(trial, monitor)
        lightgbm.train(
            params | {"metric": ["binary_logloss", "auc"], "first_metric_only": True},
            train,
            200,
            valid_sets=[train, first, second],
            valid_names=["training", "first", "second"],
            callbacks=[
                report,
                lightgbm.early_stopping(3, first_metric_only=True, verbose=False),
                lightgbm.record_evaluation(seen),
            ],
        )
        assert report.last is not None
        return report.last

    trial = one_trial(objective)
    assert list(trial.intermediate_values.values()) == seen["second"]["auc"]
    assert len(seen["second"]["auc"]) < 200
    with pytest.raises(ValueError, match=r"several metrics: say which counts.*'second-auc'"):
        one_trial(lambda trial: objective(trial, None))


def test_lightgbm_cross_validation_and_estimators() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="needs LightGBM: pip install lightgbm")
    from tunesmith.integrations.lightgbm import LightGBMCallback

    params = {"objective": "binary", "num_threads": 1, "verbosity": -1}

    def cross_validated(trial: ts.Trial, **options: Any) -> float:
        report = LightGBMCallback(trial, **options)
        lightgbm.cv(params, lightgbm.Dataset(X_TRAIN, Y_TRAIN), 6, nfold=3, callbacks=[report])
        assert report.last is not None
        return report.last

    trial = one_trial(cross_validated)
    assert len(trial.intermediate_values) == 6
    assert trial.value == pytest.approx(trial.intermediate_values[6])
    assert one_trial(cross_validated, StopAfter(2)).state is TrialState.PRUNED
    with pytest.raises(ValueError, match="leave out checkpoint"):
        one_trial(lambda trial: cross_validated(trial, checkpoint=True))

    def estimator(trial: ts.Trial) -> float:
        model = lightgbm.LGBMClassifier(n_estimators=6, n_jobs=1, verbosity=-1)
        model.fit(X_TRAIN, Y_TRAIN, eval_X=X_VALID, eval_y=Y_VALID, callbacks=[LightGBMCallback(trial)])
        return float(model.evals_result_["valid_0"]["binary_logloss"][-1])

    trial = one_trial(estimator)
    assert trial.value == trial.intermediate_values[6]
    assert one_trial(estimator, StopAfter(2)).state is TrialState.PRUNED


@pytest.mark.parametrize("name", ["xgboost", "lightgbm"])
def test_a_continued_training_draws_other_rows(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    library = pytest.importorskip(name, reason=f"needs {name}: pip install {name}")
    seeds = []
    original = library.train
    monkeypatch.setattr(
        library, "train", lambda params, *a, **k: [seeds.append(params.get("seed")), original(params, *a, **k)][1]
    )
    run(name, PauseAt([3, 6]), checkpoint=True)
    first, *others = seeds
    assert first is None
    assert len(set(others)) == 2
    seeds.clear()
    run(name, PauseAt([3, 6]), checkpoint=True)
    assert seeds == [first, *others], "they follow from the trial's seed"


def test_lightgbm_that_finds_no_more_splits_keeps_count() -> None:
    lightgbm = pytest.importorskip("lightgbm", reason="needs LightGBM: pip install lightgbm")
    from tunesmith.integrations.lightgbm import LightGBMCallback

    def objective(trial: ts.Trial) -> float:
        train = lightgbm.Dataset(X_TRAIN, Y_TRAIN, free_raw_data=False)
        valid = lightgbm.Dataset(X_VALID, Y_VALID, reference=train, free_raw_data=False)
        report = LightGBMCallback(trial, checkpoint=True)
        params = {"objective": "binary", "min_gain_to_split": 100, "num_threads": 1, "verbosity": -1}
        booster = report.train(params, train, ROUNDS, valid_sets=[valid])
        assert booster.current_iteration() < ROUNDS
        assert report.last is not None
        return report.last

    trial = one_trial(objective, PauseAt([4, 10]))
    assert list(trial.intermediate_values) == list(range(1, ROUNDS + 1))
    assert [list(a.reports) for a in trial.previous_attempts] == [[1, 2, 3, 4], [5, 6, 7, 8, 9, 10]]


def test_the_cost_of_a_round_is_the_users(library: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if library == "catboost":
        monkeypatch.setattr("tunesmith.integrations.catboost.SNAPSHOT_SECONDS", 0)
    trial, _ = run(library, PauseAt([4]), checkpoint=True, every=2, cost=0.5)
    assert trial.cost == ROUNDS * 0.5
    assert set(trial.intermediate_costs.values()) == {1.0}


def test_catboost_on_a_gpu_is_refused_in_words() -> None:
    catboost = pytest.importorskip("catboost", reason="needs CatBoost: pip install catboost")
    from tunesmith.integrations.catboost import CatBoostCallback

    def objective(trial: ts.Trial) -> float:
        CatBoostCallback(trial).fit(catboost.CatBoostClassifier(task_type="GPU"), X_TRAIN, Y_TRAIN)
        return 0.0

    with pytest.raises(ValueError, match="no callbacks on a GPU"):
        one_trial(objective)


def test_catboost_goes_on_from_the_snapshot_or_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("catboost", reason="needs CatBoost: pip install catboost")
    from tunesmith.integrations.catboost import CatBoostCallback

    rounds: list[int] = []
    original = CatBoostCallback.after_iteration
    monkeypatch.setattr(
        CatBoostCallback, "after_iteration", lambda self, info: [rounds.append(info.iteration), original(self, info)][1]
    )
    for seconds, earliest in ((0, 2), (1000, 1)):
        rounds.clear()
        monkeypatch.setattr("tunesmith.integrations.catboost.SNAPSHOT_SECONDS", seconds)
        trial, ((report, _, trees),) = run("catboost", PauseAt([3]), checkpoint=True)
        assert trees == ROUNDS
        assert list(trial.intermediate_values) == list(range(1, ROUNDS + 1))
        assert report.last == trial.value
        again = rounds[3]  # the snapshot may be a round or two older than the pause
        assert rounds == [1, 2, 3, *range(again, ROUNDS + 1)]
        assert earliest <= again <= 4


def test_an_error_in_the_callback_is_no_error_of_catboost() -> None:
    pytest.importorskip("catboost", reason="needs CatBoost: pip install catboost")
    from tunesmith.errors import AttemptReplacedError

    class Replaced:
        """A trial as programs wrap one."""

        def __init__(self, trial: ts.Trial) -> None:
            self.trial = trial

        def __getattr__(self, name: str) -> Any:
            return getattr(self.trial, name)

        def report(self, value: float, step: int, cost: float | None) -> None:
            raise AttemptReplacedError("gone")

    with pytest.raises(AttemptReplacedError, match="gone"):
        with_catboost(Replaced(ts.create_study().ask()))


def test_catboost_of_its_own_fit_is_asked_afterwards() -> None:
    catboost = pytest.importorskip("catboost", reason="needs CatBoost: pip install catboost")
    from tunesmith.integrations.catboost import CatBoostCallback

    def objective(trial: ts.Trial) -> float:
        report = CatBoostCallback(trial)
        model = catboost.CatBoostClassifier(iterations=6, thread_count=1, verbose=False, allow_writing_files=False)
        model.fit(X_TRAIN, Y_TRAIN, eval_set=(X_VALID, Y_VALID), callbacks=[report])
        report.check_pruned()
        assert report.last is not None
        return report.last

    trial = one_trial(objective, StopAfter(2))
    assert trial.state is TrialState.PRUNED
    assert list(trial.intermediate_values) == [1, 2]
    assert list(one_trial(objective).intermediate_values) == list(range(1, 7))
