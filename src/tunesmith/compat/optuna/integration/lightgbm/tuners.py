"""`train` in the place of ``lightgbm.train``, and the tuners that it stands on: on held-out rows, or by folds."""

from __future__ import annotations

import copy
from typing import Any

import lightgbm

from tunesmith.caution import caution
from tunesmith.compat.optuna.integration.lightgbm.aliases import reported_name
from tunesmith.compat.optuna.integration.lightgbm.tuner import BaseTuner, Callbacks


class LightGBMTuner(BaseTuner):
    """Searches seven parameters of LightGBM step by step, each trial scored on the last of the ``valid_sets``.

    The parameters are ``feature_fraction``, ``num_leaves``, ``bagging_fraction``, ``bagging_freq``, ``lambda_l1``,
    ``lambda_l2`` and ``min_child_samples``. A study that is kept in a storage is gone on with: trials that it has are
    not run again, and several processes may tune together.

    Args:
        params: as in ``lightgbm.train``; what they say of other parameters is used in each trial.
        train_set: as in ``lightgbm.train``.
        num_boost_round: as in ``lightgbm.train``.
        valid_sets: as in ``lightgbm.train``; the last one decides.
        valid_names: as in ``lightgbm.train``.
        feval: as in ``lightgbm.train``.
        feature_name: was taken from ``lightgbm.train``; give it to the ``Dataset``.
        categorical_feature: was taken from ``lightgbm.train``; give it to the ``Dataset``.
        keep_training_booster: as in ``lightgbm.train``.
        callbacks: as in ``lightgbm.train``.
        time_budget: seconds for all steps together; None: no limit.
        sample_size: how many rows the trials train on, the last ones; None: all.
        study: where the trials are kept, with the direction of the metric; None: a new study in memory.
        optuna_callbacks: called with (study, finished trial) after each trial.
        model_dir: a folder in which each trial's booster is kept, as ``NUMBER.pkl``.
        show_progress_bar: whether each step shows how far it is.
        optuna_seed: seed of what TPE proposes.

    Raises:
        ValueError: there are no ``valid_sets``, or the study has another direction than the metric.
    """

    def __init__(
        self,
        params: dict[str, Any],
        train_set: Any,
        num_boost_round: int = 1000,
        valid_sets: Any = None,
        valid_names: Any = None,
        feval: Any = None,
        feature_name: Any = None,
        categorical_feature: Any = None,
        keep_training_booster: bool = False,
        callbacks: list[Any] | None = None,
        time_budget: float | None = None,
        sample_size: int | None = None,
        study: Any = None,
        optuna_callbacks: Callbacks | None = None,
        model_dir: str | None = None,
        *,
        show_progress_bar: bool = True,
        optuna_seed: int | None = None,
    ) -> None:
        if valid_sets is None:
            raise ValueError("valid_sets= is missing: the rows that a trial is scored on")
        _say_of_columns(train_set, feature_name, categorical_feature)
        options = {
            "num_boost_round": num_boost_round,
            "feval": feval,
            "callbacks": callbacks,
            "valid_sets": valid_sets,
            "valid_names": valid_names,
            "keep_training_booster": keep_training_booster,
        }
        super().__init__(
            params,
            train_set,
            options,
            time_budget=time_budget,
            sample_size=sample_size,
            study=study,
            optuna_callbacks=optuna_callbacks,
            show_progress_bar=show_progress_bar,
            model_dir=model_dir,
            optuna_seed=optuna_seed,
        )

    def _train(self, params: dict[str, Any], train_set: Any) -> tuple[Any, float, int]:
        given = self._options["valid_sets"]
        sets = [given] if isinstance(given, lightgbm.Dataset) else list(given)
        rows = _anew(train_set)
        options = {**self._options, "valid_sets": [rows if s is self.train_set else _anew(s) for s in sets]}
        booster = lightgbm.train(params, rows, **options)
        names = self._options["valid_names"]
        names = [names] if isinstance(names, str) else list(names or ())
        name = names[-1] if names else f"valid_{len(sets) - 1}"
        return booster, float(booster.best_score[name][reported_name(params)]), booster.current_iteration()


class LightGBMTunerCV(BaseTuner):
    """Searches seven parameters of LightGBM step by step, each trial scored by cross-validation.

    Args:
        params: as in ``lightgbm.cv``; see `LightGBMTuner`.
        train_set: as in ``lightgbm.cv``.
        num_boost_round: as in ``lightgbm.cv``.
        folds: as in ``lightgbm.cv``; of a generator the folds are kept, so that all trials have the same.
        nfold: as in ``lightgbm.cv``.
        stratified: as in ``lightgbm.cv``.
        shuffle: as in ``lightgbm.cv``.
        feval: as in ``lightgbm.cv``.
        feature_name: was taken from ``lightgbm.cv``; give it to the ``Dataset``.
        categorical_feature: was taken from ``lightgbm.cv``; give it to the ``Dataset``.
        fpreproc: as in ``lightgbm.cv``.
        seed: as in ``lightgbm.cv``.
        callbacks: as in ``lightgbm.cv``.
        time_budget: as in `LightGBMTuner`, like the rest.
        sample_size: how many rows the trials train on, the last ones; None: all.
        study: where the trials are kept.
        optuna_callbacks: called with (study, finished trial) after each trial.
        show_progress_bar: whether each step shows how far it is.
        model_dir: a folder in which each trial's boosters are kept.
        return_cvbooster: whether the boosters are kept, for ``get_best_booster``.
        optuna_seed: seed of what TPE proposes.

    Raises:
        ValueError: the study has another direction than the metric.
    """

    def __init__(
        self,
        params: dict[str, Any],
        train_set: Any,
        num_boost_round: int = 1000,
        folds: Any = None,
        nfold: int = 5,
        stratified: bool = True,
        shuffle: bool = True,
        feval: Any = None,
        feature_name: Any = None,
        categorical_feature: Any = None,
        fpreproc: Any = None,
        seed: int = 0,
        callbacks: list[Any] | None = None,
        time_budget: float | None = None,
        sample_size: int | None = None,
        study: Any = None,
        optuna_callbacks: Callbacks | None = None,
        *,
        show_progress_bar: bool = True,
        model_dir: str | None = None,
        return_cvbooster: bool = False,
        optuna_seed: int | None = None,
    ) -> None:
        _say_of_columns(train_set, feature_name, categorical_feature)
        options = {
            "num_boost_round": num_boost_round,
            "folds": list(folds) if hasattr(folds, "__next__") else folds,
            "nfold": nfold,
            "stratified": stratified,
            "shuffle": shuffle,
            "feval": feval,
            "fpreproc": fpreproc,
            "seed": seed,
            "callbacks": callbacks,
            "return_cvbooster": return_cvbooster,
        }
        super().__init__(
            params,
            train_set,
            options,
            time_budget=time_budget,
            sample_size=sample_size,
            study=study,
            optuna_callbacks=optuna_callbacks,
            show_progress_bar=show_progress_bar,
            model_dir=model_dir,
            optuna_seed=optuna_seed,
        )

    def get_best_booster(self) -> Any:
        """Return the boosters of the best trial, one a fold.

        Raises:
            ValueError: ``return_cvbooster`` is not set, or as in `LightGBMTuner`.
        """
        if not self._options["return_cvbooster"]:
            raise ValueError("get_best_booster() needs LightGBMTunerCV(return_cvbooster=True)")
        return super().get_best_booster()

    def _train(self, params: dict[str, Any], train_set: Any) -> tuple[Any, float, int]:
        results = lightgbm.cv(params, _anew(train_set), **self._options)
        name = f"{reported_name(params)}-mean"
        means = results[f"valid {name}"] if f"valid {name}" in results else results[name]  # LightGBM 3 has no "valid"
        return results.get("cvbooster"), float(means[-1]), len(means)


def train(
    params: dict[str, Any],
    train_set: Any,
    num_boost_round: int = 1000,
    valid_sets: Any = None,
    valid_names: Any = None,
    feval: Any = None,
    feature_name: Any = None,
    categorical_feature: Any = None,
    keep_training_booster: bool = False,
    callbacks: list[Any] | None = None,
    time_budget: float | None = None,
    sample_size: int | None = None,
    study: Any = None,
    optuna_callbacks: Callbacks | None = None,
    model_dir: str | None = None,
    *,
    show_progress_bar: bool = True,
    optuna_seed: int | None = None,
) -> Any:
    """Tune LightGBM step by step, and return the best booster: ``lightgbm.train`` with a search in it.

    Args:
        params: as in `LightGBMTuner`, like all that follows.
        train_set: as in ``lightgbm.train``.
        num_boost_round: as in ``lightgbm.train``.
        valid_sets: as in ``lightgbm.train``; the last one decides.
        valid_names: as in ``lightgbm.train``.
        feval: as in ``lightgbm.train``.
        feature_name: give it to the ``Dataset``.
        categorical_feature: give it to the ``Dataset``.
        keep_training_booster: as in ``lightgbm.train``.
        callbacks: as in ``lightgbm.train``.
        time_budget: seconds for all steps together; None: no limit.
        sample_size: how many rows the trials train on, the last ones; None: all.
        study: where the trials are kept; None: a new study in memory.
        optuna_callbacks: called with (study, finished trial) after each trial.
        model_dir: a folder in which each trial's booster is kept.
        show_progress_bar: whether each step shows how far it is.
        optuna_seed: seed of what TPE proposes.

    Returns:
        The booster of the best trial; its ``params`` are those that were found.
    """
    tuner = LightGBMTuner(
        params,
        train_set,
        num_boost_round=num_boost_round,
        valid_sets=valid_sets,
        valid_names=valid_names,
        feval=feval,
        feature_name=feature_name,
        categorical_feature=categorical_feature,
        keep_training_booster=keep_training_booster,
        callbacks=callbacks,
        time_budget=time_budget,
        sample_size=sample_size,
        study=study,
        optuna_callbacks=optuna_callbacks,
        model_dir=model_dir,
        show_progress_bar=show_progress_bar,
        optuna_seed=optuna_seed,
    )
    tuner.run()
    return tuner.get_best_booster()


def _anew(rows: Any) -> Any:
    """Return a data set as if it had not been used: LightGBM fixes its parameters when it is first trained on.

    One whose rows LightGBM has taken over for good (``free_raw_data=True``) is returned itself.
    """
    if rows._handle is not None and rows.data is None:
        return rows
    copied = copy.copy(rows)
    copied._handle = None  # the copy must not free what belongs to the other
    return copied


def _say_of_columns(train_set: Any, feature_name: Any, categorical_feature: Any) -> None:
    """Tell the rows of their columns: LightGBM 4.6 took these arguments away from its training."""
    if feature_name:
        caution("feature_name= is no argument of LightGBM's training any more: give it to the Dataset")
        train_set.set_feature_name(feature_name)
    if categorical_feature:
        caution("categorical_feature= is no argument of LightGBM's training any more: give it to the Dataset")
        train_set.set_categorical_feature(categorical_feature)
