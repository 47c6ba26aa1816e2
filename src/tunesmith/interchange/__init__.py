"""Results of other tuners and trackers, read as studies: `read` finds out what a source is and who can read it.

Each kind of source is one module, or a room. What all of them make is an `ImportedStudy`. `WRITERS` write back.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:
    from tunesmith.interchange.optuna.export import to_optuna
    from tunesmith.interchange.read import read
    from tunesmith.interchange.study import ImportedStudy
    from tunesmith.interchange.verify import differences

__all__ = ["ImportedStudy", "differences", "read", "to_optuna"]

_HOMES = {
    "ImportedStudy": "tunesmith.interchange.study",
    "differences": "tunesmith.interchange.verify",
    "read": "tunesmith.interchange.read",
    "to_optuna": "tunesmith.interchange.optuna.export",
}
WRITERS: Mapping[str, str] = {"optuna": "to_optuna"}  # program -> what writes a study for it

__getattr__, __dir__ = lazy(__name__, _HOMES)
