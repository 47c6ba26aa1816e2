"""XGBoost.

Where the ranges come from: Grinsztajn, Oyallon and Varoquaux (2022), "Why do tree-based models still outperform deep
learning on typical tabular data?"; McElfresh et al. (2023), "When do neural nets outperform boosted trees on tabular
data?" (TabZilla); Probst, Boulesteix and Bischl (2019), "Tunability": eta has most of it, then the number of rounds
and the sampling. XGBoost's parameters are None unless they are set; here None stands at the default that it means.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.space.base import Parameter
from tunesmith.space.words import FloatOr, IntOr
from tunesmith.spaces.about import About

Params = Mapping[str, Parameter]


def boosted(about: About) -> Params:
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


def forest(about: About) -> Params:
    """`XGBRF...`: depth, weight of a leaf, shares of rows and columns; None is 0.8 for both of these."""
    return {
        "max_depth": IntOr(1, 16, words={None: 6}),
        "min_child_weight": FloatOr(0.1, 100.0, log=True, words={None: 1.0}),
        "subsample": FloatOr(0.3, 1.0, words={None: 0.8}),
        "colsample_bynode": FloatOr(0.1, 1.0, words={None: 0.8}),
    }
