"""The ways from a table to a model that `automl.py` compares; each gets the frame as it is, and a budget in seconds.

What scikit-learn's own models cannot take is prepared as a good user would do it. All run on one thread and aim at
accuracy or R².
"""

from __future__ import annotations

import importlib.util
import signal
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from _hand_written import RANGES
from sklearn import ensemble as ensembles
from sklearn import linear_model
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, OrdinalEncoder, StandardScaler, TargetEncoder

from tunesmith import Categorical, Int

FOLDS = 5
MOST_NATIVE = 250  # levels of a category that boosted trees take as they are
MOST_COLUMNS = 30  # levels that become columns or ordered numbers for the other models
SIMPLE = ("linear", "forest", "boosting", "lightgbm")


def tune(X: Any, y: Any, classifies: bool, budget: float, seed: int, *, ensemble: bool = True) -> Any:
    """Ours, as it comes."""
    import tunesmith

    return tunesmith.tune(
        "auto", X, y, task="classification" if classifies else "regression", timeout=budget, ensemble=ensemble,
        n_jobs=1, random_state=seed, verbose=False,
    )  # fmt: skip


def flaml(X: Any, y: Any, classifies: bool, budget: float, seed: int, *, ensemble: bool = False) -> Any:
    """FLAML with its usual estimators."""
    from flaml import AutoML

    model = AutoML()
    model.fit(
        X,
        y,
        task="classification" if classifies else "regression",
        metric="accuracy" if classifies else "r2",
        time_budget=budget,
        ensemble=ensemble,
        n_jobs=1,
        seed=seed,
        verbose=0,
    )
    return model


def default(X: Any, y: Any, classifies: bool, budget: float, seed: int) -> Any:
    """Gradient boosting of scikit-learn as it is, with categories told."""
    return simple(X, "boosting", classifies, seed).fit(X, y)


def optuna_tpe(X: Any, y: Any, classifies: bool, budget: float, seed: int) -> Any:
    """Optuna's default sampler on the space of `suggested`."""
    import optuna

    return searched(X, y, classifies, budget, seed, optuna.samplers.TPESampler(seed=seed))


def random_search(X: Any, y: Any, classifies: bool, budget: float, seed: int) -> Any:
    """Random search of the same space, by the same code."""
    import optuna

    return searched(X, y, classifies, budget, seed, optuna.samplers.RandomSampler(seed=seed))


class Way(NamedTuple):
    """A way, and the libraries that it imports: importing is not counted."""

    fit: Callable[..., Any]
    imports: tuple[str, ...] = ()
    arguments: tuple[tuple[str, Any], ...] = ()


MODELS = ("lightgbm", "xgboost", "catboost", "sklearn.neighbors", "sklearn.neural_network", "sklearn.svm")
WAYS: dict[str, Way] = {
    "tune": Way(tune, ("tunesmith.tables", *MODELS)),
    "tune-single": Way(tune, ("tunesmith.tables", *MODELS), (("ensemble", False),)),
    "flaml": Way(flaml, ("flaml", *MODELS)),
    "flaml-stacked": Way(flaml, ("flaml", *MODELS), (("ensemble", True),)),
    "optuna": Way(optuna_tpe, ("optuna", "lightgbm")),
    "random": Way(random_search, ("optuna", "lightgbm")),
    "default": Way(default),
}
USUAL = ("tune", "flaml", "optuna", "random", "default")
NEEDS = {flaml: "flaml", optuna_tpe: "optuna", random_search: "optuna"}


def lacking(way: str) -> list[str]:
    """The libraries that a way needs and that are not here."""
    needed = NEEDS.get(WAYS[way].fit)
    return [needed] if needed and importlib.util.find_spec(needed) is None else []


# -- the search that a good user would write -----------------------------------------------------------------------


class OutOfTime(Exception):
    """The budget is spent."""


def searched(X: Any, y: Any, classifies: bool, budget: float, seed: int, sampler: Any) -> Any:
    """Search the space of simple models with five folds, until only the time to fit the best again is left.

    A timer of CPU time ends the candidate that runs then. Where no candidate has ended, boosting's default is fitted.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    ends = time.process_time() + budget
    study = optuna.create_study(direction="maximize", sampler=sampler)
    best, best_score, refit = simple(X, "boosting", classifies, seed), -np.inf, 0.0
    signal.signal(signal.SIGPROF, _late)
    while (left := ends - refit - time.process_time()) > 0:
        trial = study.ask()
        model = suggested(trial, X, classifies, seed)
        try:
            signal.setitimer(signal.ITIMER_PROF, left, 0.1)  # again and again: Python drops what a finaliser raises
            begun = time.process_time()
            score = cross_validated(model, X, y, classifies, seed)
            seconds = time.process_time() - begun
        except OutOfTime:
            break
        except ValueError:  # a candidate that does not fit these rows
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
            continue
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
        study.tell(trial, score)
        if score > best_score:
            best, best_score, refit = model, score, seconds / (FOLDS - 1)
    return best.fit(X, y)


def _late(*_: Any) -> None:
    raise OutOfTime


def cross_validated(model: Any, X: Any, y: Any, classifies: bool, seed: int) -> float:
    """The mean score over the folds."""
    folds = (StratifiedKFold if classifies else KFold)(FOLDS, shuffle=True, random_state=seed)
    return float(
        np.mean(
            [
                clone(model).fit(X.iloc[train], y[train]).score(X.iloc[test], y[test])
                for train, test in folds.split(X, y)
            ]
        )
    )


def suggested(trial: Any, X: Any, classifies: bool, seed: int) -> Any:
    """Which model, and its parameters, within the ranges of `_hand_written.py`."""
    kinds = [kind for kind in SIMPLE if kind != "lightgbm" or importlib.util.find_spec("lightgbm")]
    kind = trial.suggest_categorical("model", kinds)
    model = simple(X, kind, classifies, seed)
    for name, param in RANGES[type(model[-1]).__name__].items():
        if isinstance(param, Categorical):
            value = trial.suggest_categorical(f"{kind}.{name}", list(param.choices))
        else:
            suggest = trial.suggest_int if isinstance(param, Int) else trial.suggest_float
            value = suggest(f"{kind}.{name}", param.low, param.high, log=param.log)
        model[-1].set_params(**{name: value})
    return model


def simple(X: Any, kind: str, classifies: bool, seed: int) -> Any:
    """A model in a pipeline with the preparation that it needs."""
    if kind == "linear":
        model = linear_model.LogisticRegression(max_iter=1000) if classifies else linear_model.Ridge()
    elif kind == "forest":
        forest = ensembles.RandomForestClassifier if classifies else ensembles.RandomForestRegressor
        model = forest(random_state=seed, n_jobs=1)
    elif kind == "lightgbm":
        import lightgbm

        boosted = lightgbm.LGBMClassifier if classifies else lightgbm.LGBMRegressor
        model = boosted(random_state=seed, n_jobs=1, verbosity=-1)
    else:
        histograms = ensembles.HistGradientBoostingClassifier if classifies else ensembles.HistGradientBoostingRegressor
        model = histograms(random_state=seed, categorical_features="from_dtype")
    return make_pipeline(prepared(X, kind), model)


def prepared(X: Any, kind: str) -> Any:
    """Numbers, categories of few levels and those of many, as a model of the kind takes them."""
    from pandas.api.types import is_numeric_dtype

    native = kind in ("boosting", "lightgbm")
    names = [c for c in X if not is_numeric_dtype(X[c])]
    many = [c for c in names if X[c].nunique() > (MOST_NATIVE if native else MOST_COLUMNS)]
    few = [c for c in names if c not in many]
    numbers: Any = "passthrough"
    averages: Any = TargetEncoder()
    categories: Any = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2)
    if kind == "linear":
        numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
        averages = make_pipeline(averages, StandardScaler())
        categories = OneHotEncoder(handle_unknown="ignore", sparse_output=False)
    elif native:
        codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
        categories = make_pipeline(codes, FunctionTransformer(_as_categories))
    found = ColumnTransformer(
        [("numbers", numbers, [c for c in X if c not in names]), ("few", categories, few), ("many", averages, many)],
        verbose_feature_names_out=False,
    )
    return found.set_output(transform="pandas") if native else found


def _as_categories(codes: Any) -> Any:
    return codes.astype("category")
