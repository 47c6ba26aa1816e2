"""Search spaces: what may be tuned, when it exists, and how points become numbers and back."""

from tunesmith.space.base import Parameter
from tunesmith.space.choices import Categorical, Ordinal
from tunesmith.space.conditions import Condition
from tunesmith.space.constraints import Constraint
from tunesmith.space.growth import merge
from tunesmith.space.parameters import Float, Int
from tunesmith.space.space import Space

__all__ = ["Categorical", "Condition", "Constraint", "Float", "Int", "Ordinal", "Parameter", "Space", "merge"]
