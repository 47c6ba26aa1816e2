"""LightGBM.

Where the ranges come from: Grinsztajn et al. (2022) and McElfresh et al. (2023), as for XGBoost; num_leaves in place of
the depth, since trees grow by leaves. Rows are sampled only where ``subsample_freq`` is set, so `subsample` is searched
only then.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.space import Float, Int
from tunesmith.space.base import Parameter
from tunesmith.space.words import FloatOr
from tunesmith.spaces.about import About

Params = Mapping[str, Parameter]


def boosted(about: About) -> Params:
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
