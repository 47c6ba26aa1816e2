"""Results of other tuners and trackers, read as studies: `read` finds out what a source is and who can read it.

Each kind of source is one module, or a room. What all of them make is an `ImportedStudy`. `WRITERS` write back.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.interchange.optuna.export import to_optuna
    from tunesmith.interchange.read import read
    from tunesmith.interchange.study import ImportedStudy
    from tunesmith.interchange.verify import differences

__all__ = ["ImportedStudy", "differences", "read", "to_optuna"]

_HOMES = {"ImportedStudy": "study", "differences": "verify", "read": "read", "to_optuna": "optuna.export"}
WRITERS: Mapping[str, str] = {"optuna": "to_optuna"}  # program -> what writes a study for it


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value
