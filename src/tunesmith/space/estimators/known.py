"""Which estimators have a space: class to the function that makes it.

A class is known by the name of its package and its own name, ``"sklearn.SVC"``, so that no library is imported to
recognise an estimator, and a subclass has the space of its base class. A new one of ours is one line in `TABLE`. In
another package it is an entry point of the group ``tunesmith.spaces`` with such a name, or a call of `register`.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

from tunesmith.foundation.arguments import checked
from tunesmith.space.estimators.about import Family

_MINE: dict[type, Family] = {}
_IN_MODULES: dict[str, tuple[str, ...]] = {
    "linear": (
        "LogisticRegression logistic",
        "Ridge RidgeClassifier ridge",
        "Lasso LassoLars MultiTaskLasso lasso",
        "ElasticNet MultiTaskElasticNet elastic_net",
        "SGDClassifier sgd_classifier",
        "SGDRegressor sgd_regressor",
        "HuberRegressor huber",
        "QuantileRegressor quantile",
        "PoissonRegressor GammaRegressor TweedieRegressor generalized",
        "OrthogonalMatchingPursuit pursuit",
        "Perceptron perceptron",
        "KernelRidge kernel_ridge",
        "LinearDiscriminantAnalysis discriminant",
        "QuadraticDiscriminantAnalysis quadratic",
        "PLSRegression partial_least_squares",
        "LinearRegression BayesianRidge ARDRegression Lars TheilSenRegressor RANSACRegressor nothing",
        "IsotonicRegression PLSCanonical CCA nothing",
        "LogisticRegressionCV RidgeCV RidgeClassifierCV LassoCV ElasticNetCV LassoLarsCV LarsCV LassoLarsIC nothing",
        "DummyClassifier DummyRegressor nothing",
    ),
    "svm": ("SVC svc", "NuSVC nu_svc", "SVR svr", "NuSVR nu_svr", "LinearSVC linear_svc", "LinearSVR linear_svr"),
    "trees": (
        "DecisionTreeClassifier DecisionTreeRegressor ExtraTreeClassifier ExtraTreeRegressor tree",
        "RandomForestClassifier RandomForestRegressor ExtraTreesClassifier ExtraTreesRegressor forest",
        "GradientBoostingClassifier GradientBoostingRegressor gradient_boosting",
        "HistGradientBoostingClassifier HistGradientBoostingRegressor hist_gradient_boosting",
        "RandomTreesEmbedding embedding",
    ),
    "boosted": (
        "XGBClassifier XGBRegressor XGBRanker xgboost",
        "XGBRFClassifier XGBRFRegressor xgboost_forest",
        "LGBMClassifier LGBMRegressor LGBMRanker lightgbm",
        "CatBoostClassifier CatBoostRegressor CatBoostRanker CatBoost catboost",
    ),
    "others": (
        "KNeighborsClassifier KNeighborsRegressor neighbours",
        "NearestCentroid centroid",
        "MLPClassifier MLPRegressor network",
        "GaussianNB gaussian_bayes",
        "MultinomialNB BernoulliNB CategoricalNB count_bayes",
        "ComplementNB complement_bayes",
        "GaussianProcessClassifier gaussian_process_classifier",
        "GaussianProcessRegressor gaussian_process_regressor",
    ),
    "around": (
        "Pipeline pipeline",
        "ColumnTransformer columns",
        "FeatureUnion union",
        "VotingClassifier VotingRegressor StackingClassifier StackingRegressor members",
        "OneVsRestClassifier OneVsOneClassifier OutputCodeClassifier wrapped",
        "MultiOutputClassifier MultiOutputRegressor wrapped",
        "ClassifierChain RegressorChain FixedThresholdClassifier TunedThresholdClassifierCV wrapped",
        "SelfTrainingClassifier wrapped",
        "CalibratedClassifierCV calibrated",
        "BaggingClassifier BaggingRegressor bagging",
        "AdaBoostClassifier AdaBoostRegressor ada_boost",
        "TransformedTargetRegressor transformed_target",
        "SelectFromModel RFE RFECV SequentialFeatureSelector selected",
    ),
    "preprocessing": (
        "StandardScaler MinMaxScaler MaxAbsScaler RobustScaler PowerTransformer Normalizer Binarizer nothing",
        "OrdinalEncoder LabelBinarizer FunctionTransformer VarianceThreshold DictVectorizer FeatureHasher nothing",
        "IterativeImputer MissingIndicator nothing",
        "PCA components",
        "TruncatedSVD NMF FactorAnalysis FastICA KernelPCA IncrementalPCA SparsePCA count_of_components",
        "Nystroem RBFSampler approximate_kernel",
        "SelectKBest best_columns",
        "SelectPercentile share_of_columns",
        "SelectFpr SelectFdr SelectFwe false_positives",
        "PolynomialFeatures polynomial",
        "SplineTransformer splines",
        "KBinsDiscretizer bins",
        "QuantileTransformer quantiles",
        "SimpleImputer imputer",
        "KNNImputer neighbour_imputer",
        "OneHotEncoder one_hot",
        "TargetEncoder target_encoder",
        "CountVectorizer TfidfVectorizer words",
        "HashingVectorizer hashed_words",
        "TfidfTransformer tfidf",
    ),
}
# Those of another package than scikit-learn, by the function of their space.
PACKAGES = {"xgboost": "xgboost", "xgboost_forest": "xgboost", "lightgbm": "lightgbm", "catboost": "catboost"}


def _table() -> dict[str, str]:
    """Return ``"package.Class"`` to ``"module:function"``."""
    found = {}
    for module, lines in _IN_MODULES.items():
        for line in lines:
            *classes, function = line.split()
            for name in classes:
                found[f"{PACKAGES.get(function, 'sklearn')}.{name}"] = (
                    f"tunesmith.space.estimators.families.{module}:{function}"
                )
    return {**found, "tunesmith.OneOf": "tunesmith.space.estimators.families.around:one_of"}


TABLE: Mapping[str, str] = _table()


@checked("estimator_class", "family")
def register(estimator_class: type, family: Family) -> None:
    """Make a space known for a class of estimators and its subclasses, in this process.

    Args:
        estimator_class: the class, which may be one that is known already.
        family: a function that gets an `About` and returns parameters by name. A `Space` will do for what depends on
            nothing: ``register(MyModel, lambda about: {"depth": Int(1, 9)})``.

    Raises:
        TypeError: the first argument is no class, or the second one cannot be called.
    """
    if not isinstance(estimator_class, type):
        raise TypeError(f"register takes a class and a function; got {estimator_class!r} as the class")
    if not callable(family):
        raise TypeError(f"register takes a function that gets an About and returns parameters by name; got {family!r}")
    _MINE[estimator_class] = family


def find(estimator: Any) -> tuple[str, Family] | None:
    """Return the name under which an estimator's class is known, and the function of its space; None: it is not.

    Args:
        estimator: any object.
    """
    elsewhere: Mapping[str, str] | None = None
    for cls in type(estimator).__mro__:
        name = f"{cls.__module__.partition('.')[0]}.{cls.__name__}"
        if cls in _MINE:
            return name, _MINE[cls]
        target = TABLE.get(name)
        if target is None and cls is not object and not name.startswith("sklearn."):
            elsewhere = _elsewhere() if elsewhere is None else elsewhere
            target = elsewhere.get(name)
        if target is not None:
            module, _, function = target.partition(":")
            return name, getattr(importlib.import_module(module), function)
    return None


def known_names() -> list[str]:
    """Return the names of all classes that have a space, entry points and registered ones included."""
    mine = [f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in _MINE]
    return sorted({*TABLE, *_elsewhere(), *mine})


def _elsewhere() -> dict[str, str]:
    from importlib.metadata import entry_points

    return {e.name: e.value for e in entry_points(group="tunesmith.spaces")}
