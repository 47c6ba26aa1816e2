"""Support vector machines.

Where the ranges come from: Hsu, Chang and Lin (2003), "A practical guide to support vector classification", for C from
2^-5 to 2^15; van Rijn and Hutter (2018), "Hyperparameter importance across datasets": gamma matters most, C second,
and the kernel little; Probst, Boulesteix and Bischl (2019), "Tunability": a radial kernel is best on nearly all data,
with a gamma below and a C above the usual defaults.

So the kernel stays what it is, and gamma is searched round ``"scale"``, 1 / (columns x variance), whose unit is the
data's. In a regression, C and epsilon have the unit of the target.
"""

from __future__ import annotations

from collections.abc import Mapping

from tunesmith.space import Float, Int
from tunesmith.space.base import Parameter
from tunesmith.space.estimators.about import About, tidy
from tunesmith.space.words import FloatOr

Params = Mapping[str, Parameter]
LOW, HIGH = 2.0**-5, 2.0**12  # of C: beyond it, fits take long and nothing is gained on scaled data


def kernel_params(about: About) -> dict[str, Parameter]:
    """Return gamma, degree and coef0, as far as the kernel has them."""
    kernel = about.own("kernel")
    params: dict[str, Parameter] = {}
    if kernel in ("rbf", "poly", "sigmoid"):
        scale = tidy(1.0 / (about.n_columns * about.variance))
        params["gamma"] = FloatOr(tidy(scale * 1e-3), tidy(scale * 1e2), log=True, words={"scale": scale})
    if kernel == "poly":
        params["degree"] = Int(2, 5)
    if kernel in ("poly", "sigmoid"):
        params["coef0"] = Float(-1.0 if kernel == "sigmoid" else 0.0, 1.0)
    return params


def svc(about: About) -> Params:
    """`SVC`: C and the parameters of its kernel."""
    return {"C": Float(LOW, HIGH, log=True), **kernel_params(about)}


def nu_svc(about: About) -> Params:
    """`NuSVC`: nu below twice the share of the smallest class, above which there is no solution."""
    smallest = about.smallest_class
    largest = 1.0 - smallest * max(1, about.n_classes - 1)  # at most
    most = 2.0 * smallest / (smallest + max(largest, smallest))
    return {"nu": Float(0.01, max(0.02, tidy(0.9 * most)), log=True), **kernel_params(about)}


def svr(about: About) -> Params:
    """`SVR`: as `SVC`, with C and epsilon in the unit of the target."""
    y = about.spread
    return {"C": _c_of(y), "epsilon": Float(tidy(1e-3 * y), tidy(0.5 * y), log=True), **kernel_params(about)}


def nu_svr(about: About) -> Params:
    """`NuSVR`: C in the unit of the target, and nu."""
    return {"C": _c_of(about.spread), "nu": Float(0.05, 1.0), **kernel_params(about)}


def linear_svc(about: About) -> Params:
    """`LinearSVC`: C alone."""
    return {"C": Float(1e-4, 1e2, log=True)}


def linear_svr(about: About) -> Params:
    """`LinearSVR`: C, and epsilon in the unit of the target."""
    y = about.spread
    low = tidy(1e-3 * y)
    return {
        "C": Float(tidy(1e-4 * y), tidy(1e3 * y), log=True),
        "epsilon": FloatOr(low, tidy(0.5 * y), log=True, words={0.0: low}),
    }


def _c_of(spread: float) -> Float:
    """Return the range of C for a target with this standard deviation."""
    return Float(tidy(LOW * spread), tidy(HIGH * spread), log=True)
