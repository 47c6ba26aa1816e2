"""Linear models: the strength of the penalty, and its mixture.

Where the ranges come from: Friedman, Hastie and Tibshirani (2010), "Regularization paths for generalized linear
models", for penalties relative to the largest one that matters; Probst, Boulesteix and Bischl (2019), "Tunability": of
the elastic net, lambda has most of the tunability. A ridge penalty is added to a sum over rows, a lasso penalty to a
mean: so the range of the first grows with the rows, and that of the second has the unit of the target.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.space import Categorical, Float, Int
from tunesmith.space.base import Parameter
from tunesmith.space.estimators.about import About, tidy
from tunesmith.space.words import FloatOr, IntOr

Params = Mapping[str, Parameter]


def nothing(about: About) -> Params:
    """Models that have nothing to tune, or tune themselves."""
    return {}


def logistic(about: About) -> Params:
    """`LogisticRegression`: C, and the mixture of penalties where the solver is `"saga"`."""
    params: dict[str, Parameter] = {"C": Float(1e-4, 1e4, log=True)}
    if about.own("solver") == "saga" and about.own("penalty") in ("elasticnet", "deprecated"):
        params["l1_ratio"] = FloatOr(0.0, 1.0, words={None: 0.0})
    return params


def ridge(about: About) -> Params:
    """`Ridge`, `RidgeClassifier`: alpha, up to ten times the number of rows."""
    return {"alpha": Float(1e-3, tidy(10.0 * max(about.n_rows, 100)), log=True)}


def lasso(about: About) -> Params:
    """`Lasso`, `LassoLars`: alpha in the unit of the target, down to a 10,000th of it."""
    return {"alpha": Float(tidy(1e-4 * about.spread), tidy(about.spread), log=True)}


def elastic_net(about: About) -> Params:
    """`ElasticNet`: as the lasso, and the share of the first norm."""
    return {**lasso(about), "l1_ratio": Float(0.02, 1.0)}


def sgd_classifier(about: About) -> Params:
    """`SGDClassifier`: the penalty; the loss stays, since it decides what the model predicts."""
    return {
        "alpha": Float(1e-7, 1e-1, log=True),
        "penalty": Categorical(["l2", "l1", "elasticnet"]),
        "l1_ratio": Float(0.02, 0.98).when(penalty="elasticnet"),
        "average": Categorical([False, True]),
    }


def sgd_regressor(about: About) -> Params:
    """`SGDRegressor`: the penalty, and the learning rate at the start."""
    return {**sgd_classifier(about), "eta0": Float(1e-4, 1e-1, log=True)}


def huber(about: About) -> Params:
    """`HuberRegressor`: where the loss becomes linear, in standard deviations of the noise, and the penalty."""
    return {"epsilon": Float(1.01, 3.0), "alpha": Float(1e-6, 1e2, log=True)}


def quantile(about: About) -> Params:
    """`QuantileRegressor`: the penalty in the unit of the target."""
    low = tidy(1e-5 * about.spread)
    return {"alpha": FloatOr(low, tidy(about.spread), log=True, words={0.0: low})}


def generalized(about: About) -> Params:
    """`PoissonRegressor`, `GammaRegressor`, `TweedieRegressor`: the penalty."""
    return {"alpha": Float(1e-6, 1e2, log=True)}


def pursuit(about: About) -> Params:
    """`OrthogonalMatchingPursuit`: the number of columns; by default a tenth of them."""
    most = max(2, min(about.n_columns, about.n_rows // 2))
    return {"n_nonzero_coefs": IntOr(1, most, log=True, words={None: max(1, min(most, about.n_columns // 10))})}


def perceptron(about: About) -> Params:
    """`Perceptron`: the penalty, by default none."""
    return {
        "penalty": Categorical([None, "l2", "l1", "elasticnet"]),
        "alpha": Float(1e-7, 1e-1, log=True).when(penalty=["l2", "l1", "elasticnet"]),
    }


def kernel_ridge(about: About) -> Params:
    """`KernelRidge`: the penalty, the kernel and its width."""
    usual = tidy(1.0 / about.n_columns)  # what gamma=None is
    params: dict[str, Parameter] = {"alpha": Float(1e-5, 1e2, log=True)}
    if about.own("kernel") in ("linear", "rbf", "laplacian", "poly"):
        params["kernel"] = Categorical(["linear", "rbf", "laplacian"])
        wide = FloatOr(tidy(usual * 1e-3), tidy(usual * 1e2), log=True, words={None: usual})
        params["gamma"] = wide.when(kernel=["rbf", "laplacian"])
    return params


def discriminant(about: About) -> Params:
    """`LinearDiscriminantAnalysis`: shrinkage of the covariance, which the default solver does not have."""
    shrinkage = FloatOr(0.0, 1.0, words={None: 0.0}).when(solver=["lsqr", "eigen"])
    return {"solver": Categorical(["svd", "lsqr"]), "shrinkage": shrinkage}


def quadratic(about: About) -> Params:
    """`QuadraticDiscriminantAnalysis`: how far covariances are drawn to the identity."""
    return {"reg_param": FloatOr(1e-5, 1.0, log=True, words={0.0: 1e-5})}


def partial_least_squares(about: About) -> Params:
    """`PLSRegression`: the number of components."""
    return {"n_components": Int(1, max(2, min(about.n_columns, about.n_rows // 2, 50)), log=True)}
