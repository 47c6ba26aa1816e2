"""Hyperopt's expressions: `scope`, `as_apply`, `rec_eval`, and `stochastic.sample`."""

from tunesmith.compat.hyperopt.names import refuser
from tunesmith.compat.hyperopt.pyll import functions, stochastic
from tunesmith.compat.hyperopt.pyll.base import Apply, Literal, as_apply, clone, dfs, rec_eval, scope, toposort

__all__ = [
    "Apply",
    "Literal",
    "as_apply",
    "clone",
    "dfs",
    "functions",
    "rec_eval",
    "scope",
    "stochastic",
    "toposort",
]

__getattr__ = refuser(__name__, __all__)
