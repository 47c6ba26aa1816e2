"""XGBoost, LightGBM and CatBoost.

Where the ranges come from: Grinsztajn, Oyallon and Varoquaux (2022), "Why do tree-based models still outperform deep
learning on typical tabular data?"; McElfresh et al. (2023), "When do neural nets outperform boosted trees on tabular
data?" (TabZilla); Probst, Boulesteix and Bischl (2019), "Tunability": eta has most of it, then the number of rounds
and the sampling. XGBoost's parameters are None unless they are set; here None stands at the default that it means.

LightGBM has num_leaves in place of the depth, since its trees grow by leaves. Rows are sampled only where
``subsample_freq`` is set, so `subsample` is searched only then.

CatBoost: Prokhorenkova et al. (2018), "CatBoost: unbiased boosting with categorical features", for l2_leaf_reg and
random_strength; McElfresh et al. for depth and learning rate. The number of iterations stays: the default learning
rate is chosen by it and by the data. CatBoost does not tell its own values, so its default is run with nothing set.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.space import Float, Int
from tunesmith.space.base import Parameter
from tunesmith.space.estimators.about import About
from tunesmith.space.words import FloatOr, IntOr

Params = Mapping[str, Parameter]


def xgboost(about: About) -> Params:
    """`XGB...`: learning rate, rounds, depth, weight of a leaf, shares of rows and columns, both penalties."""
    if about.own("booster") == "gblinear":
        return {
            "learning_rate": FloatOr(0.01, 1.0, log=True, words={None: 0.5}),
            "reg_lambda": FloatOr(1e-6, 1e2, log=True, words={None: 1e-6}),
            "reg_alpha": FloatOr(1e-6, 1e2, log=True, words={None: 1e-6}),
        }
    return {
        "learning_rate": FloatOr(0.01, 0.5, log=True, words={None: 0.3}),
        "n_estimators": IntOr(50, 500, log=True, words={None: 100}),
        "max_depth": IntOr(1, 12, words={None: 6}),
        "min_child_weight": FloatOr(0.1, 100.0, log=True, words={None: 1.0}),
        "subsample": FloatOr(0.3, 1.0, words={None: 1.0}),
        "colsample_bytree": FloatOr(0.3, 1.0, words={None: 1.0}),
        "reg_lambda": FloatOr(1e-3, 1e2, log=True, words={None: 1.0}),
        "reg_alpha": FloatOr(1e-4, 10.0, log=True, words={None: 1e-4}),
    }


def xgboost_forest(about: About) -> Params:
    """`XGBRF...`: depth, weight of a leaf, shares of rows and columns; None is 0.8 for both of these."""
    return {
        "max_depth": IntOr(1, 16, words={None: 6}),
        "min_child_weight": FloatOr(0.1, 100.0, log=True, words={None: 1.0}),
        "subsample": FloatOr(0.3, 1.0, words={None: 0.8}),
        "colsample_bynode": FloatOr(0.1, 1.0, words={None: 0.8}),
    }


def lightgbm(about: About) -> Params:
    """`LGBM...`: learning rate, rounds, leaves of a tree, rows of a leaf, share of columns, both penalties."""
    params: dict[str, Parameter] = {
        "learning_rate": Float(0.01, 0.5, log=True),
        "n_estimators": Int(50, 500, log=True),
        "num_leaves": Int(3, 127, log=True),
        "min_child_samples": Int(1, 100, log=True),
        "colsample_bytree": Float(0.3, 1.0),
        "reg_lambda": FloatOr(1e-3, 1e2, log=True, words={0.0: 1e-3}),
        "reg_alpha": FloatOr(1e-4, 10.0, log=True, words={0.0: 1e-4}),
    }
    if about.own("subsample_freq"):
        params["subsample"] = Float(0.3, 1.0)
    return params


def catboost(about: About) -> Params:
    """`CatBoost...`: learning rate, depth, penalty, and the strength of two kinds of randomness."""
    return {
        "learning_rate": Float(0.005, 0.3, log=True),
        "depth": Int(2, 10),
        "l2_leaf_reg": Float(0.3, 30.0, log=True),
        "random_strength": Float(0.01, 10.0, log=True),
        "bagging_temperature": Float(0.0, 1.0),
    }
