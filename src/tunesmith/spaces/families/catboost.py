"""CatBoost.

Where the ranges come from: Prokhorenkova et al. (2018), "CatBoost: unbiased boosting with categorical features", for
l2_leaf_reg and random_strength; McElfresh et al. (2023) for depth and learning rate. The number of iterations stays:
the default learning rate is chosen by it and by the data. CatBoost does not tell its own values, so its default is
run with nothing set.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.space import Float, Int
from tunesmith.space.base import Parameter
from tunesmith.spaces.about import About

Params = Mapping[str, Parameter]


def boosted(about: About) -> Params:
    """`CatBoost...`: learning rate, depth, penalty, and the strength of two kinds of randomness."""
    return {
        "learning_rate": Float(0.005, 0.3, log=True),
        "depth": Int(2, 10),
        "l2_leaf_reg": Float(0.3, 30.0, log=True),
        "random_strength": Float(0.01, 10.0, log=True),
        "bagging_temperature": Float(0.0, 1.0),
    }
