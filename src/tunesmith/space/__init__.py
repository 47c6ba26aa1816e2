"""Search spaces: parameters, their conditions and constraints, and the encoding of points as numbers.

A parameter's type is one class (`base.py` is the contract); `Space` puts parameters together. Nothing here knows of
trials, samplers or storages.
"""

from tunesmith.space.base import Parameter
from tunesmith.space.choice import Choice
from tunesmith.space.choices import Categorical, Ordinal
from tunesmith.space.conditions import Condition
from tunesmith.space.constraints import Constraint
from tunesmith.space.distributions import Distribution
from tunesmith.space.parameters import Float, Int
from tunesmith.space.space import Space, merge
from tunesmith.space.words import FloatOr, IntOr

__all__ = [
    "Categorical",
    "Choice",
    "Condition",
    "Constraint",
    "Distribution",
    "Float",
    "FloatOr",
    "Int",
    "IntOr",
    "Ordinal",
    "Parameter",
    "Space",
    "merge",
]
