"""Search spaces: parameters, their conditions and constraints, and the encoding of points as numbers.

A parameter's type is one class (`base.py` is the contract); `Space` puts parameters together. Nothing here knows of
trials, samplers or storages.
"""

from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy
from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical, Ordinal
from tunesmith.space.conditions import Condition
from tunesmith.space.constraints import Constraint
from tunesmith.space.distributions import Distribution
from tunesmith.space.nested_choice import Choice
from tunesmith.space.orders import Combinatorial, Permutation, Subset
from tunesmith.space.parameters import Float, Int
from tunesmith.space.space import Space, merge
from tunesmith.space.words import FloatOr, IntOr

if TYPE_CHECKING:
    from tunesmith.space.estimators import About, Inside, known_names, of, register

__all__ = [
    "About",
    "Categorical",
    "Choice",
    "Combinatorial",
    "Condition",
    "Constraint",
    "Distribution",
    "Float",
    "FloatOr",
    "Inside",
    "Int",
    "IntOr",
    "Ordinal",
    "Parameter",
    "Permutation",
    "Space",
    "Subset",
    "known_names",
    "merge",
    "of",
    "register",
]

__getattr__, __dir__ = lazy(
    __name__,
    dict.fromkeys(("About", "Inside", "known_names", "of", "register"), "tunesmith.space.estimators"),
)
