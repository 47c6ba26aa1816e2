"""Results of other tuners and trackers, read as studies: `read` finds out what a source is and who can read it.

Each kind of source is one module, or a room. What all of them make is an `ImportedStudy`. `to_optuna` writes back.
"""

from tunesmith.compat.sources.optuna.export import to_optuna
from tunesmith.compat.sources.read import read
from tunesmith.compat.sources.study import ImportedStudy
from tunesmith.compat.sources.verify import differences

__all__ = ["ImportedStudy", "differences", "read", "to_optuna"]
