"""What a study's trials left as columns, with their curves and rungs: the one structure that samplers learn from."""

from tunesmith.history.columns import ROWS_AT_ONCE, History, Ints, Pending, SourceCurves, SourceStudy
from tunesmith.history.curves import Curves

__all__ = ["ROWS_AT_ONCE", "Curves", "History", "Ints", "Pending", "SourceCurves", "SourceStudy"]
