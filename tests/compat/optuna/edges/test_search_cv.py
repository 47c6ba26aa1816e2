"""`OptunaSearchCV`: Optuna's search for scikit-learn's estimators."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tunesmith.compat.optuna as optuna

pytest.importorskip("sklearn")
from sklearn.base import clone, is_classifier, is_regressor  # after importorskip
from sklearn.datasets import load_iris, make_regression  # after importorskip
from sklearn.decomposition import PCA  # after importorskip
from sklearn.exceptions import NotFittedError  # after importorskip
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier  # after importorskip
from sklearn.model_selection import GroupKFold  # after importorskip
from sklearn.utils.estimator_checks import check_estimator  # after importorskip

from tunesmith.compat.optuna.distributions import CategoricalDistribution, FloatDistribution  # as above
from tunesmith.compat.optuna.integration import OptunaSearchCV  # as above

X, y = load_iris(return_X_y=True)
SPACE = {"C": FloatDistribution(1e-3, 1e3, log=True)}


def search(**options: Any) -> Any:
    return OptunaSearchCV(LogisticRegression(max_iter=500), SPACE, n_trials=4, random_state=0, cv=3, **options)


def test_what_a_fitted_search_has() -> None:
    fitted = search(return_train_score=True).fit(X, y)
    assert fitted.n_trials_ == len(fitted.trials_) == 4
    assert fitted.best_index_ == fitted.best_trial_.number
    assert fitted.best_params_ == fitted.best_trial_.params
    assert fitted.best_score_ == max(trial.value for trial in fitted.trials_)
    attrs = fitted.best_trial_.user_attrs
    folds = [attrs[f"split{i}_test_score"] for i in range(3)]
    assert fitted.best_score_ == pytest.approx(np.mean(folds)) == attrs["mean_test_score"]
    assert {"mean_train_score", "std_test_score", "mean_fit_time"} <= attrs.keys()
    assert len(fitted.cv_results_["mean_test_score"]) == 4
    assert "user_attrs_mean_test_score" in fitted.trials_dataframe().columns
    assert fitted.best_params_["C"] == fitted.best_estimator_.C
    assert fitted.score(X, y) == fitted.best_estimator_.score(X, y)
    assert fitted.predict_proba(X).shape == fitted.decision_function(X).shape == (150, 3)
    assert fitted.classes_.tolist() == [0, 1, 2]
    assert (fitted.n_splits_, fitted.n_features_in_, len(fitted.sample_indices_)) == (3, 4, 150)
    fitted.set_user_attr("who", "me")
    assert fitted.user_attrs_ == {"who": "me"}
    again = search().fit(X, y)
    assert [trial.params for trial in again.trials_] == [trial.params for trial in fitted.trials_]
    assert not hasattr(fitted, "transform")


def test_a_study_callbacks_and_a_part_of_the_rows() -> None:
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial({"C": 1.0})
    seen: list[int] = []
    fitted = search(study=study, subsample=0.5, callbacks=[lambda study, trial: seen.append(trial.number)]).fit(X, y)
    assert fitted.study_ is study
    assert fitted.trials_[0].params == {"C": 1.0}
    assert seen == [0, 1, 2, 3]
    assert len(fitted.sample_indices_) == 75
    assert "terminator:cv_scores" in fitted.best_trial_.system_attrs


def test_pruning_step_by_step() -> None:
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.ThresholdPruner(lower=2.0))
    space = {"alpha": FloatDistribution(1e-5, 1e-1, log=True)}
    options: dict[str, Any] = {"enable_pruning": True, "max_iter": 3, "n_trials": 2, "refit": False}
    pruned = OptunaSearchCV(SGDClassifier(), space, study=study, **options).fit(X, y)
    assert [trial.state.name for trial in pruned.trials_] == ["PRUNED", "PRUNED"]
    assert list(pruned.trials_[0].intermediate_values) == [0]
    study = optuna.create_study(direction="maximize", pruner=optuna.pruners.NopPruner())
    whole = OptunaSearchCV(SGDClassifier(), space, study=study, return_train_score=True, **options).fit(X, y)
    assert list(whole.trials_[0].intermediate_values) == [0, 1, 2]
    assert whole.best_score_ == whole.best_trial_.intermediate_values[2]
    assert not hasattr(whole, "predict")
    assert not hasattr(whole, "classes_")


def test_groups_weights_and_targets_that_are_numbers() -> None:
    rows, target = make_regression(60, 3, random_state=0)
    fitted = OptunaSearchCV(
        Ridge(), {"alpha": FloatDistribution(1e-3, 1e3, log=True)}, cv=GroupKFold(3), n_trials=2, subsample=40
    ).fit(rows, target, groups=np.arange(60) % 6, sample_weight=np.ones(60))
    assert is_regressor(fitted)
    assert is_classifier(search())
    assert fitted.predict(rows).shape == (60,)


def test_no_targets() -> None:
    fitted = OptunaSearchCV(PCA(), {"n_components": CategoricalDistribution([1, 2])}, n_trials=2).fit(X)
    assert fitted.transform(X).shape[1] == fitted.best_params_["n_components"]
    assert fitted.inverse_transform(fitted.transform(X)).shape == X.shape


def test_a_candidate_whose_fits_fail_does_not_end_the_search() -> None:
    space = {"C": CategoricalDistribution([1.0, -1.0])}
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.BruteForceSampler())
    fitted = OptunaSearchCV(LogisticRegression(max_iter=500), space, study=study, n_trials=2).fit(X, y)
    assert sorted(trial.state.name for trial in fitted.trials_) == ["COMPLETE", "FAIL"]
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.BruteForceSampler())
    with pytest.raises(ValueError, match="'C'"):
        OptunaSearchCV(LogisticRegression(max_iter=500), space, study=study, n_trials=2, error_score="raise").fit(X, y)


def test_what_is_wrong_is_said() -> None:
    with pytest.raises(NotFittedError):
        _ = search().best_params_
    for made, words in (
        (OptunaSearchCV(1, SPACE), "an estimator of scikit-learn"),
        (OptunaSearchCV(Ridge(), [SPACE]), "must be a dict"),
        (OptunaSearchCV(Ridge(), {"alpha": (0, 1)}), "must be a distribution"),
        (search(enable_pruning=True), "needs partial_fit"),
        (search(study=optuna.create_study()), "direction='maximize'"),
        (search().set_params(max_iter=0), "max_iter must be 1 or more"),
    ):
        with pytest.raises(ValueError, match=words):
            made.fit(X, y)
    assert clone(search()).get_params()["n_trials"] == 4


@pytest.mark.filterwarnings("ignore")  # the checks provoke failing fits, which scikit-learn warns of
def test_the_contract_of_scikit_learn() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    estimator = OptunaSearchCV(LogisticRegression(max_iter=500), SPACE, n_trials=1, random_state=0, cv=2)
    known = {"check_non_transformer_estimators_n_iter": "max_iter is Optuna's argument"}
    check_estimator(estimator, expected_failed_checks=known, on_skip=None)
