"""Trees and forests.

Where the ranges come from: van Rijn and Hutter (2018), "Hyperparameter importance across datasets": of forests,
min_samples_leaf and max_features matter, and good values of the first are small; Probst, Wright and Boulesteix (2019),
"Hyperparameters and tuning strategies for random forest", and "Tunability" (2019): mtry has most of the tunability,
then the size of the sample; Probst and Boulesteix (2018), "To tune or not to tune the number of trees": more trees are
never worse, so their number is a matter of time, and stays what it is; Grinsztajn, Oyallon and Varoquaux (2022), "Why
do tree-based models still outperform deep learning on typical tabular data?", for the ranges of boosted trees.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from tunesmith.space import Float, Int
from tunesmith.space.base import Parameter
from tunesmith.space.estimators.about import About, is_classifier, tidy
from tunesmith.space.words import FloatOr, IntOr

Params = Mapping[str, Parameter]
DEEP = 32  # of a binary tree, deeper than data on one machine ask for: it stands for "no limit"


def columns_tried(about: About) -> FloatOr:
    """Return ``max_features`` as a share of the columns, with scikit-learn's words at their places."""
    d = about.n_columns
    low = tidy(min(0.5, max(1.0 / d, 0.02)))
    root = min(1.0, math.floor(math.sqrt(d)) / d + 1e-6)
    places = {"sqrt": max(low, root), "log2": max(low, min(1.0, math.floor(math.log2(d) or 1) / d + 2e-6)), None: 1.0}
    return FloatOr(low, 1.0, words=places)


def rows_of_leaf(about: About, share: float) -> Int:
    """Return the fewest rows of a leaf, up to a share of all rows."""
    return Int(1, max(10, int(about.n_rows * share)), log=True)


def tree(about: About) -> Params:
    """`DecisionTree...`, `ExtraTree...`: rows of a leaf, depth and pruning; a single tree wants all columns."""
    unit = 1.0 if is_classifier(about.estimator) else about.spread**2
    low = tidy(1e-5 * unit)
    return {
        "min_samples_leaf": rows_of_leaf(about, 0.1),
        "max_depth": IntOr(1, DEEP, log=True, words={None: DEEP}),
        "ccp_alpha": FloatOr(low, tidy(0.05 * unit), log=True, words={0.0: low}),
    }


def forest(about: About) -> Params:
    """`RandomForest...`, `ExtraTrees...`: columns tried at a split, rows of a leaf, and rows of a tree."""
    params: dict[str, Parameter] = {
        "max_features": columns_tried(about),
        "min_samples_leaf": rows_of_leaf(about, 0.02),
    }
    if about.own("bootstrap"):
        params["max_samples"] = FloatOr(0.2, 1.0, words={None: 1.0})
    return params


def embedding(about: About) -> Params:
    """`RandomTreesEmbedding`: the depth of the trees."""
    return {"max_depth": IntOr(2, 12, words={None: 12})}


def gradient_boosting(about: About) -> Params:
    """`GradientBoosting...`: learning rate, rounds, depth, rows of a leaf, shares of rows and columns."""
    return {
        "learning_rate": Float(0.01, 0.5, log=True),
        "n_estimators": Int(50, 500, log=True),
        "max_depth": IntOr(1, 10, words={None: 10}),
        "subsample": Float(0.3, 1.0),
        "min_samples_leaf": Int(1, 50, log=True),
        "max_features": columns_tried(about),
    }


def hist_gradient_boosting(about: About) -> Params:
    """`HistGradientBoosting...`: learning rate, rounds, leaves of a tree, rows of a leaf, penalty, share of columns."""
    return {
        "learning_rate": Float(0.01, 0.5, log=True),
        "max_iter": Int(50, 500, log=True),
        "max_leaf_nodes": Int(3, 127, log=True),
        "min_samples_leaf": Int(1, 100, log=True),
        "l2_regularization": FloatOr(1e-3, 1e2, log=True, words={0.0: 1e-3}),
        "max_features": Float(0.3, 1.0),
    }
