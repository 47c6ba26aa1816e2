"""Values as files have them: what JSON can hold, and cells of CSV that no spreadsheet runs."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

FORMULA = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet takes for the begin of a formula


def plain(value: Any) -> Any:
    """Return a value made of what JSON has: NaN is None, infinities and all that JSON does not know are text."""
    if isinstance(value, Mapping):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    if hasattr(value, "item") and not getattr(value, "ndim", 0):  # of NumPy, which commands need not import for this
        value = value.item()
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None if math.isnan(value) else str(value)
    return str(value)


def csv_chunks(
    head: Sequence[str] | None, rows: Iterable[Iterable[Sequence[Any]]], line_end: str = "\r\n"
) -> Iterator[str]:
    """Yield a table as CSV. A text that a spreadsheet would take for a formula gets an apostrophe before it.

    Args:
        head: the names of the columns; None: these rows go on a table.
        rows: the rows, some at a time; None in a cell: there is no value.
        line_end: at the end of each.

    Yields:
        the text of the head and the first rows, then that of the next ones.
    """
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=line_end)
    if head is not None:
        writer.writerow(map(_cell, head))
    for some in rows:
        writer.writerows([[_cell(cell) for cell in row] for row in some])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def _cell(value: Any) -> Any:
    return "'" + value if isinstance(value, str) and value.startswith(FORMULA) else value
