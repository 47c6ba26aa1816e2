"""Copies of an unfitted estimator, made faster than ``sklearn.base.clone`` makes them.

Each fit of a search needs an estimator that was never fitted. ``clone`` calls the constructor and compares what it
kept; that is right once per candidate, and wasteful for each of its splits. An estimator that came out of ``clone``
and holds nothing but its parameters can be copied attribute by attribute with the same outcome; everything else
is given to ``clone``.
"""

from __future__ import annotations

import copy
from types import BuiltinFunctionType, FunctionType, NoneType
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import Pipeline

from tunesmith.sklearn.protocols import Estimator, Params

ATOMS = frozenset(
    {int, float, complex, bool, str, bytes, NoneType, type, FunctionType, BuiltinFunctionType, range, slice, type(...)}
    | {np.float64, np.float32, np.int64, np.int32, np.bool_, np.str_}
)
# What `clone` copies besides the constructor's parameters. Callbacks go by reference, the other two by copy.
CALLBACKS = "_skl_callbacks"
EXTRAS = frozenset({"_metadata_request", "_sklearn_output_config", CALLBACKS})

_names: dict[type, frozenset[str] | None] = {}  # the parameters of each class; None: its instances go to `clone`


def _parameter_names(cls: type) -> frozenset[str] | None:
    """The constructor's parameters of a class whose instances are nothing but their attributes, else None."""
    if cls not in _names:
        kind: Any = cls
        plain = (
            issubclass(cls, BaseEstimator)
            and kind.__sklearn_clone__ is BaseEstimator.__sklearn_clone__
            and kind.__new__ is object.__new__
            and kind.__setattr__ is object.__setattr__
            and not any(hasattr(cls, name) for name in ("__copy__", "__deepcopy__", "__getnewargs__"))
            and not any(getattr(base, "__slots__", None) for base in cls.__mro__)
        )
        _names[cls] = frozenset(kind._get_param_names()) if plain else None
    return _names[cls]


def copy_unfitted(value: Any) -> Any:
    """Return what ``clone(value, safe=False)`` returns, given something that came out of ``clone``.

    Args:
        value: an unfitted estimator, or a parameter of one.
    """
    cls = type(value)
    if cls in ATOMS:
        return value
    if cls is list:
        return [copy_unfitted(v) for v in value]
    if cls is tuple:
        return tuple([copy_unfitted(v) for v in value])
    if cls is dict:
        return {k: copy_unfitted(v) for k, v in value.items()}
    if hasattr(value, "get_params") and not isinstance(value, type):
        names = _parameter_names(cls)
        if names is None or not names <= value.__dict__.keys() <= names | EXTRAS:
            return clone(value, safe=False)
        new = object.__new__(cls)
        new.__dict__.update({k: v if k == CALLBACKS else copy_unfitted(v) for k, v in value.__dict__.items()})
        return new
    return copy.deepcopy(value)


def has_plain_set_params(estimator: Estimator) -> bool:
    """Whether ``set_params`` is scikit-learn's own, so that it does nothing besides setting parameters."""
    return getattr(type(estimator), "set_params", None) in (BaseEstimator.set_params, Pipeline.set_params)


def configure(base: Estimator, params: Params | None) -> Any:
    """Return a new unfitted estimator: `base` with these parameters.

    Parameters that are estimators are cloned first: one candidate's fit must not reach the object in the user's grid.

    Raises:
        ValueError: the estimator has no such parameter.
    """
    estimator = copy_unfitted(base)
    return estimator if params is None else estimator.set_params(**clone(params, safe=False))
