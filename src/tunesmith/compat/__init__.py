"""Programs and results of other tuners: their names over this library, and their files read as studies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.foundation.lazy import lazy

if TYPE_CHECKING:
    from tunesmith.interchange import ImportedStudy, differences, read, to_optuna

__all__ = ["ImportedStudy", "differences", "read", "to_optuna"]

# Most programs need one of the rooms only.
__getattr__, __dir__ = lazy(__name__, dict.fromkeys(__all__, "tunesmith.interchange"))
