"""Tables of any library as matrices: what each column and the target hold, and how a model reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tunesmith.lazy import lazy

if TYPE_CHECKING:
    from tunesmith.tables.columns import TableColumns
    from tunesmith.tables.encode import Encode
    from tunesmith.tables.target import Target, read_target

__all__ = ["Encode", "TableColumns", "Target", "read_target"]

_HOMES = {
    "Encode": "tunesmith.tables.encode",
    "TableColumns": "tunesmith.tables.columns",
    "Target": "tunesmith.tables.target",
    "read_target": "tunesmith.tables.target",
}

__getattr__, __dir__ = lazy(__name__, _HOMES, "pip install scikit-learn")
