"""``tune``: one line that chooses between estimators and tunes them, with an honest score for all of it."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.base import is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.utils import indexable

from tunesmith.errors import MissingDependencyError
from tunesmith.sklearn.one_of import OneOf
from tunesmith.sklearn.protocols import CrossValidation, Data, Estimator, RandomState, Scoring
from tunesmith.sklearn.search.search_cv import SearchCV
from tunesmith.text import did_you_mean, listing, shown

# ----------------------------------------------------------------------------------------------------------------------
# Estimators by name, with the preprocessing that they need for the data at hand: what `tunesmith.tune` begins with.
#
# Which come first where none are named: a linear model, the baseline; a forest and boosted trees, which lead on tabular
# data (Grinsztajn et al. 2022; McElfresh et al. 2023); a support vector machine where there are few rows.

FEW_ROWS = 3000  # up to which a support vector machine takes no longer than the others
MOST_CATEGORIES = 30  # columns that a column of categories becomes; rare ones share the last


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of estimator: where its classes are, and what it needs.

    Attributes:
        module: of the classes.
        classifier: name of the class.
        regressor: likewise.
        scaled: whether it needs columns of one scale.
        takes_gaps: whether it takes missing values.
        arguments: of both classes.
    """

    module: str
    classifier: str
    regressor: str
    scaled: bool = False
    takes_gaps: bool = False
    arguments: tuple[tuple[str, Any], ...] = ()


KINDS: dict[str, Kind] = {
    "linear": Kind("sklearn.linear_model", "LogisticRegression", "Ridge", scaled=True),
    "forest": Kind("sklearn.ensemble", "RandomForestClassifier", "RandomForestRegressor", takes_gaps=True),
    "boosting": Kind(
        "sklearn.ensemble", "HistGradientBoostingClassifier", "HistGradientBoostingRegressor", takes_gaps=True
    ),
    "svm": Kind("sklearn.svm", "SVC", "SVR", scaled=True),
    "neighbours": Kind("sklearn.neighbors", "KNeighborsClassifier", "KNeighborsRegressor", scaled=True),
    "network": Kind("sklearn.neural_network", "MLPClassifier", "MLPRegressor", scaled=True),
    "tree": Kind("sklearn.tree", "DecisionTreeClassifier", "DecisionTreeRegressor", takes_gaps=True),
    "extra trees": Kind("sklearn.ensemble", "ExtraTreesClassifier", "ExtraTreesRegressor", takes_gaps=True),
    "xgboost": Kind("xgboost", "XGBClassifier", "XGBRegressor", takes_gaps=True),
    "lightgbm": Kind(
        "lightgbm", "LGBMClassifier", "LGBMRegressor", takes_gaps=True, arguments=(("verbosity", -1),)
    ),
    "catboost": Kind(
        "catboost", "CatBoostClassifier", "CatBoostRegressor", takes_gaps=True,
        arguments=(("verbose", 0), ("allow_writing_files", False)),
    ),
}  # fmt: skip


def usual_kinds(n_rows: int) -> list[str]:
    """Return the kinds to choose from where none are named.

    Args:
        n_rows: of the data.
    """
    return ["linear", "forest", "boosting", *(["svm"] if n_rows <= FEW_ROWS else [])]


def make(name: str, X: Data, classifies: bool, seed: int | None) -> Estimator:
    """Return an estimator of a kind for data, in a pipeline with what it needs to take them.

    Args:
        name: the kind.
        X: rows, shape (n_samples, n_features); a frame may have columns of text, categories and gaps.
        classifies: whether the target is a class.
        seed: the estimator's ``random_state``, where it has one.

    Raises:
        ValueError: there is no such kind, or a column holds what no estimator takes (dates).
        MissingDependencyError: its library is not installed.
    """
    if name not in KINDS:
        raise ValueError(
            f"tune: there is no kind of estimator {name!r}{did_you_mean(name, KINDS)} (kinds: {listing(KINDS)}); give "
            "one of them, or an estimator"
        )
    kind = KINDS[name]
    if importlib.util.find_spec(kind.module.partition(".")[0]) is None:
        raise MissingDependencyError(f"tune: {name!r} needs {kind.module}, which is not installed: pip install {name}")
    cls: Callable[..., Estimator] = getattr(
        importlib.import_module(kind.module), kind.classifier if classifies else kind.regressor
    )
    estimator = cls(**dict(kind.arguments))
    if "random_state" in estimator.get_params() or kind.module == "catboost":
        estimator.set_params(random_state=seed)
    steps = _preparation(X, kind)
    return make_pipeline(*steps, estimator) if steps else estimator


def _preparation(X: Data, kind: Kind) -> list[Any]:
    """Return the steps before an estimator."""
    texts, dates = _columns(X)
    if dates:
        raise ValueError(
            f"tune: the columns {listing(dates)} hold dates, of which no estimator can make anything; turn them into "
            "numbers (year, month, days since a date), or drop them"
        )
    numbers: list[Any] = []
    if _has_gaps(X, texts) and not kind.takes_gaps:
        numbers.append(SimpleImputer(strategy="median", add_indicator=True))
    if kind.scaled:
        numbers.append(StandardScaler())
    if not texts:
        return numbers
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False)
    others = [c for c in X.columns if c not in texts]
    parts: list[Any] = [("categories", encoder, texts)]
    if others:
        parts.insert(0, ("numbers", make_pipeline(*numbers) if numbers else "passthrough", others))
    return [ColumnTransformer(parts)]


def _columns(X: Data) -> tuple[list[Any], list[Any]]:
    """Return the names of a frame's columns that hold no numbers, and of those that hold dates."""
    if not hasattr(X, "dtypes") or not hasattr(X, "columns"):
        return [], []
    kinds = {column: str(X[column].dtype) for column in X.columns}
    dates = [c for c, kind in kinds.items() if kind.startswith(("datetime", "timedelta", "period"))]
    numeric = ("int", "uint", "float", "Int", "UInt", "Float", "bool")
    return [c for c, kind in kinds.items() if not kind.startswith(numeric) and c not in dates], dates


def _has_gaps(X: Data, texts: list[Any]) -> bool:
    """Tell whether a column of numbers has missing values."""
    if hasattr(X, "columns"):
        return bool(X.drop(columns=texts).isna().to_numpy().any())
    if hasattr(X, "tocsr"):
        return False
    array = np.asarray(X)
    return bool(array.dtype.kind == "f" and np.isnan(array).any())


# ----------------------------------------------------------------------------------------------------------------------

MOST_CLASSES = 20  # more different whole numbers than that are numbers


def tune(
    estimators: Any,
    X: Data,
    y: Data,
    *,
    n_trials: int | str | None = "auto",
    timeout: float | None = None,
    scoring: Scoring = None,
    cv: CrossValidation = None,
    n_jobs: int | None = None,
    random_state: RandomState = None,
    sampler: Any = "auto",
    prefer_default: bool | str | None = False,
    confirm: int | str | None = "auto",
    storage: Any = None,
    study_name: str | None = None,
    progress: bool = False,
) -> SearchCV:
    """Choose between estimators and tune them, in one search with the spaces that come with them.

    The choice of the estimator is a parameter of the search like others, so the honest score is corrected for it too,
    and the leaders of all kinds are evaluated again on fresh splits.

    Args:
        estimators: "auto": a linear model, a forest, boosted trees and, for few rows, a support vector machine; or a
            name ("linear", "forest", "boosting", "svm", "neighbours", "network", "tree", "extra trees", "xgboost",
            "lightgbm", "catboost"), an estimator, a list of names and estimators, or a dict or a list of pairs of
            them by names of your own. An estimator is used as it is. What a name stands for comes with the
            preprocessing that the data need: scaling, gaps, columns of text or categories.
        X: rows, shape (n_samples, n_features), an array or a frame.
        y: targets, shape (n_samples,): classes or numbers. Of whole numbers, at most 20 different ones are classes;
            give estimators in place of names where they are not.
        n_trials: how many candidates to try in all; "auto": 50.
        timeout: seconds after which no candidate is started.
        scoring: the metric: a name or a function; None: accuracy or R².
        cv: the number of folds, a splitter, or an iterable of (train, test) rows.
        n_jobs: how many fits run at once, by joblib's rules.
        random_state: seeds the search, and estimators that are named.
        sampler: a name of the registry, or a sampler.
        prefer_default: True: the first estimator as it is is returned unless something is credibly better; False: it is
            tried for comparison; None: it is not tried.
        confirm: on how many fresh sets of splits the leaders are run again; see `SearchCV`.
        storage: where to keep finished candidates, so that the same call resumes.
        study_name: the study's name in the storage.
        progress: whether to show a live display.

    Returns:
        the search, fitted: ``best_estimator_``, ``best_params_``, ``honest_score_``, ``report_`` and the rest.

    Raises:
        ValueError: there is no such name, estimators of both kinds are mixed, or a column cannot be used.
        SpaceError: nobody knows an estimator.

    Example:
        ```python
        from sklearn.datasets import load_wine

        import tunesmith

        X, y = load_wine(return_X_y=True)
        search = tunesmith.tune(["linear", "neighbours"], X, y, n_trials=12, random_state=0)
        print(search.report_)
        ```
    """
    X, y = indexable(X, y)
    members = _members(estimators, X, y, random_state if isinstance(random_state, int) else None)
    model = members[0][1] if len(members) == 1 else OneOf(members, members[0][0])
    search = SearchCV(
        model,
        n_trials=n_trials,
        timeout=timeout,
        scoring=scoring,
        cv=cv,
        n_jobs=n_jobs,
        random_state=random_state,
        sampler=sampler,
        prefer_default=prefer_default,
        confirm=confirm,
        storage=storage,
        study_name=study_name,
        progress=progress,
    )
    return search.fit(X, y)


def _holds_classes(y: Data) -> bool:
    """Tell whether a target is of classes: texts, categories, truth values, or few different whole numbers."""
    values = np.asarray(y)
    if values.dtype.kind not in "fiu":
        return True
    found = np.unique(values)
    return len(found) <= MOST_CLASSES and bool(np.all(found == np.round(found)))


def _members(given: Any, X: Data, y: Data, seed: int | None) -> list[tuple[str, Estimator]]:
    """Return names and estimators of what was given.

    Raises:
        ValueError: it is nothing that can be chosen from.
    """
    classifies = _holds_classes(y)
    if isinstance(given, str) and given == "auto":
        given = usual_kinds(X.shape[0] if hasattr(X, "shape") else len(X))
    if isinstance(given, str) or hasattr(given, "get_params"):
        given = [given]
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, list | tuple) and given and all(isinstance(one, tuple) and len(one) == 2 for one in given):
        pairs = list(given)  # as pipelines and ensembles of scikit-learn are written
        if len({name for name, _ in pairs}) < len(pairs):
            raise ValueError(f"tune: two estimators have one name in {shown([name for name, _ in pairs])}")
    elif isinstance(given, list | tuple):
        names = [one.replace(" ", "_") if isinstance(one, str) else type(one).__name__.lower() for one in given]
        repeated = {name for name in names if names.count(name) > 1}
        numbered = [f"{name}_{i}" if name in repeated else name for i, name in enumerate(names, 1)]
        pairs = list(zip(numbered, given, strict=True))
    else:
        raise ValueError(f"tune takes 'auto', names, estimators, a list or a dict of them; got {shown(given)}")
    if not pairs:
        raise ValueError("tune: there is no estimator to choose from; 'auto' takes the usual ones")
    made = []
    for name, one in pairs:
        if not isinstance(name, str) or "__" in name or name in ("", "estimators", "chosen"):
            raise ValueError(
                f"tune: {shown(name)} cannot be the name of an estimator: it begins the names of its parameters, so it "
                "is a text without '__'"
            )
        if not isinstance(one, str) and not hasattr(one, "fit"):
            raise ValueError(f"tune: {name!r} is {shown(one)}; give an estimator, or the name of a kind")
        made.append((name, make(one, X, classifies, seed) if isinstance(one, str) else one))
    kinds = {is_classifier(estimator) for _, estimator in made}
    if len(kinds) > 1:
        raise ValueError(
            "tune: classifiers and regressors cannot be compared with one another: "
            + ", ".join(f"{name} {'classifies' if is_classifier(e) else 'does not'}" for name, e in made)
            + f"; the target has {'classes' if classifies else 'numbers'}"
        )
    return made
