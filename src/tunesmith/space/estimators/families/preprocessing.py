"""Preprocessing: scalers, decompositions, selections of columns, imputation, encodings, texts.

Where the ranges come from: Feurer et al. (2015), "Efficient and robust automated machine learning" (auto-sklearn), for
which of them is worth a choice. A scaler has nothing that is.

`after` says what a step leaves to the next ones: how many columns, and on which scale.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from tunesmith.space import Categorical, Float, Int, Ordinal
from tunesmith.space.base import Parameter
from tunesmith.space.estimators.about import About, tidy
from tunesmith.space.words import FloatOr, IntOr

Params = Mapping[str, Parameter]
UNIT_VARIANCE = {"StandardScaler", "PowerTransformer", "QuantileTransformer", "RobustScaler"}
SMALL_VARIANCE = {"MinMaxScaler": 1 / 12, "MaxAbsScaler": 1 / 6}
TEXT_COLUMNS = 5000  # of a bag of words, as an order of magnitude


def after(step: Any, about: About) -> About:
    """Return what the next step sees.

    Args:
        step: a transformer, or a word in place of one.
    """
    name = type(step).__name__
    if name in UNIT_VARIANCE:
        return replace(about, variance=1.0)
    if name in SMALL_VARIANCE:
        return replace(about, variance=SMALL_VARIANCE[name])
    if name.endswith("Vectorizer"):
        return replace(about, n_columns=TEXT_COLUMNS, variance=1.0 / TEXT_COLUMNS)
    if name == "PolynomialFeatures":
        return replace(about, n_columns=about.n_columns * (about.n_columns + 3) // 2)
    if name == "ColumnTransformer":
        scaled = any(type(s).__name__ in UNIT_VARIANCE or hasattr(s, "steps") for _, s, _ in step.transformers)
        return replace(about, variance=1.0) if scaled else about
    if hasattr(step, "steps"):
        for _, inner in step.steps:
            about = after(inner, about)
        return about
    for count in ("n_components", "k", "n_features_to_select"):
        value = getattr(step, count, None)
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return replace(about, n_columns=min(value, about.n_columns))
    return about


def nothing(about: About) -> Params:
    """What has nothing worth a search."""
    return {}


def components(about: About) -> Params:
    """`PCA`: the share of the variance that is kept; a number of components where one is set."""
    most = max(1, min(about.n_columns, about.n_rows // 2))
    own = about.own("n_components")
    if isinstance(own, int):
        return {"n_components": Int(1, max(most, own), log=True), "whiten": Categorical([False, True])}
    if about.own("svd_solver") not in ("auto", "full") or own == "mle":
        return {"whiten": Categorical([False, True])}
    return {"n_components": FloatOr(0.5, 0.9999, words={None: 0.9999}), "whiten": Categorical([False, True])}


def count_of_components(about: About) -> Params:
    """`TruncatedSVD` and others: the number of components, where it is set."""
    own = about.own("n_components")
    most = max(2, min(about.n_columns - 1, about.n_rows // 2, 300))
    return {"n_components": Int(1 if most < 2 else 2, most, log=True)} if isinstance(own, int) else {}


def approximate_kernel(about: About) -> Params:
    """`Nystroem`, `RBFSampler`: the width, and the number of columns that are made."""
    usual = tidy(1.0 / (about.n_columns * about.variance))
    low, high = tidy(usual * 1e-3), tidy(usual * 1e3)
    words: dict[Any, float] = {}
    if type(about.estimator).__name__ == "Nystroem":  # its default knows nothing of the data's unit
        words = {None: tidy(1.0 / about.n_columns)}
        low, high = min(low, *words.values()), max(high, *words.values())
    gamma = FloatOr(low, high, log=True, words=words)
    return {"gamma": gamma, "n_components": Int(10, max(100, min(500, about.n_rows // 2)), log=True)}


def best_columns(about: About) -> Params:
    """`SelectKBest`: how many columns."""
    return {"k": IntOr(1, about.n_columns, log=True, words={"all": about.n_columns})}


def share_of_columns(about: About) -> Params:
    """`SelectPercentile`: what share of the columns, in percent."""
    return {"percentile": Int(5, 100)}


def false_positives(about: About) -> Params:
    """`SelectFpr`, `SelectFdr`, `SelectFwe`: the level of the test."""
    return {"alpha": Float(1e-4, 0.5, log=True)}


def polynomial(about: About) -> Params:
    """`PolynomialFeatures`: the degree, as far as the number of columns allows, and whether powers are left out."""
    most = 3 if about.n_columns <= 15 else 2
    return {"degree": Int(1, most), "interaction_only": Categorical([False, True])}


def splines(about: About) -> Params:
    """`SplineTransformer`: knots and degree."""
    return {"n_knots": Int(3, 12), "degree": Int(1, 4)}


def bins(about: About) -> Params:
    """`KBinsDiscretizer`: how many bins, and where their edges are."""
    return {"n_bins": Int(2, 20, log=True), "strategy": Categorical(["quantile", "uniform"])}


def quantiles(about: About) -> Params:
    """`QuantileTransformer`: the distribution that is made."""
    return {"output_distribution": Categorical(["uniform", "normal"])}


def imputer(about: About) -> Params:
    """`SimpleImputer`: mean or median, where it is one of them, and whether gaps are marked."""
    params: dict[str, Parameter] = {"add_indicator": Categorical([False, True])}
    if about.own("strategy") == "mean":
        params["strategy"] = Categorical(["mean", "median"])
    return params


def neighbour_imputer(about: About) -> Params:
    """`KNNImputer`: how many neighbours, and how they are weighted."""
    return {"n_neighbors": Int(1, 30, log=True), "weights": Categorical(["uniform", "distance"])}


def one_hot(about: About) -> Params:
    """`OneHotEncoder`: from how many rows on a category has a column of its own, where rare ones can be joined."""
    if about.own("handle_unknown") in ("ignore", "infrequent_if_exist", "warn") and about.own("drop") is None:
        return {"min_frequency": IntOr(1, max(2, about.n_rows // 20), log=True, words={None: 1})}
    return {}


def target_encoder(about: About) -> Params:
    """`TargetEncoder`: how far the mean of a rare category is drawn to that of all; "auto" asks the data."""
    return {"smooth": FloatOr(0.1, 1000.0, log=True, words={"auto": 10.0})}


def words(about: About) -> Params:
    """`CountVectorizer`, `TfidfVectorizer`: single words or pairs too, rare and frequent ones, damped counts."""
    params: dict[str, Parameter] = {"ngram_range": Ordinal([(1, 1), (1, 2), (1, 3)])}
    if isinstance(about.own("min_df"), int):
        params["min_df"] = Int(1, max(2, min(10, about.n_rows // 50)), log=True)
    if isinstance(about.own("max_df"), float):
        params["max_df"] = Float(0.5, 1.0)
    if type(about.estimator).__name__ == "TfidfVectorizer":
        params["sublinear_tf"] = Categorical([False, True])
    return params


def hashed_words(about: About) -> Params:
    """`HashingVectorizer`: single words, or pairs too."""
    return {"ngram_range": Ordinal([(1, 1), (1, 2), (1, 3)])}


def tfidf(about: About) -> Params:
    """`TfidfTransformer`: damped counts, and whether rare words count more."""
    return {"sublinear_tf": Categorical([False, True]), "use_idf": Categorical([True, False])}
