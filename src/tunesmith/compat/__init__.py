"""Programs and results of other tuners: their names over this library, and their files read as studies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunesmith.interchange import ImportedStudy, differences, read, to_optuna

__all__ = ["ImportedStudy", "differences", "read", "to_optuna"]


def __getattr__(name: str) -> Any:
    """Import a name when it is first asked for: most programs need one of the rooms only."""
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tunesmith import interchange

    return getattr(interchange, name)
