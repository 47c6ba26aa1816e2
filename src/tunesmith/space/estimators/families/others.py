"""Neighbours, networks, naive Bayes and Gaussian processes.

Where the ranges come from: Probst, Boulesteix and Bischl (2019), "Tunability", for the number of neighbours; Bergstra
and Bengio (2012), "Random search for hyper-parameter optimization", and Zimmer, Lindauer and Hutter (2021),
"Auto-PyTorch tabular" (LCBench), for networks: the learning rate matters most, then the weight decay and the width;
Feurer et al. (2015), auto-sklearn, for naive Bayes.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.space import Categorical, Float, Int, Ordinal
from tunesmith.space.base import Parameter
from tunesmith.space.estimators.about import About

Params = Mapping[str, Parameter]


def neighbours(about: About) -> Params:
    """`KNeighborsClassifier`, `KNeighborsRegressor`: how many, how they are weighted, and the distance."""
    params: dict[str, Parameter] = {
        "n_neighbors": Int(1, max(5, min(100, about.n_rows // 4)), log=True),
        "weights": Categorical(["uniform", "distance"]),
    }
    if about.own("metric") == "minkowski":
        params["p"] = Ordinal([1, 2])
    return params


def centroid(about: About) -> Params:
    """`NearestCentroid`: nothing but shrinkage, which is None by default and stays None."""
    return {} if about.own("shrink_threshold") is None else {"shrink_threshold": Float(1e-2, 10.0, log=True)}


def network(about: About) -> Params:
    """`MLPClassifier`, `MLPRegressor`: width and depth, learning rate, weight decay, activation, early stopping."""
    return {
        "learning_rate_init": Float(1e-4, 3e-2, log=True),
        "alpha": Float(1e-6, 10.0, log=True),
        "hidden_layer_sizes": Categorical([(100,), (30,), (300,), (50, 50), (150, 150)]),
        "activation": Categorical(["relu", "tanh"]),
        "early_stopping": Categorical([False, True]),
    }


def gaussian_bayes(about: About) -> Params:
    """`GaussianNB`: how far variances are drawn to that of the widest column."""
    return {"var_smoothing": Float(1e-12, 1.0, log=True)}


def count_bayes(about: About) -> Params:
    """`MultinomialNB`, `BernoulliNB`, `CategoricalNB`: smoothing, and whether classes have a prior."""
    return {"alpha": Float(1e-3, 1e2, log=True), "fit_prior": Categorical([True, False])}


def complement_bayes(about: About) -> Params:
    """`ComplementNB`: smoothing, and whether weights are normalised."""
    return {"alpha": Float(1e-3, 1e2, log=True), "norm": Categorical([False, True])}


def gaussian_process_classifier(about: About) -> Params:
    """`GaussianProcessClassifier`: its kernel's parameters are fitted; there is a choice of kernel."""
    return {"kernel": _kernels(noise=False)}


def gaussian_process_regressor(about: About) -> Params:
    """`GaussianProcessRegressor`: the kernel, with noise, and whether the target is standardised."""
    return {
        "kernel": _kernels(noise=True),
        "alpha": Float(1e-10, 1e-1, log=True),
        "normalize_y": Categorical([False, True]),
    }


def _kernels(noise: bool) -> Categorical:
    """Return a choice of kernels; None, the default, has a fixed length."""
    from sklearn.gaussian_process.kernels import RBF, ConstantKernel, Matern, WhiteKernel

    rest = WhiteKernel(0.1) if noise else None
    found = {"rbf": ConstantKernel() * RBF(), "matern": ConstantKernel() * Matern(nu=1.5)}
    return Categorical.with_names(
        [None, *(kernel if rest is None else kernel + rest for kernel in found.values())], [None, *found]
    )
