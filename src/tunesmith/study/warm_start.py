"""Warm starts: ranks of earlier studies, which guide a new one.

They are stored as a system attribute when the new study is created, so that a resumed study proposes the same points
even if the earlier studies have changed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tunesmith.caution import caution
from tunesmith.errors import StorageError
from tunesmith.history import History, SourceStudy
from tunesmith.space import Space
from tunesmith.state import TrialState

KEY = "warm_start"
VERSION = 1
MOST_ROWS, MOST_IN_ALL = 500, 2000


def encode_warm_start(studies: Sequence[tuple[str, History]]) -> dict[str, Any]:
    """Return what a warm start keeps of earlier studies, as JSON: spaces, points and normal quantiles of the ranks.

    Of each study at most 500 rows are kept, of all 2000: the best half and an even choice of the others. Failed and
    infeasible trials count as the worst; pruned ones are left out, since their values are of an early step.

    Args:
        studies: name and history of each.
    """
    from tunesmith.numerics.packed import pack_bytes
    from tunesmith.numerics.transfer import normal_quantiles, thin

    limit = max(2, min(MOST_ROWS, MOST_IN_ALL // max(1, len(studies))))
    kept = []
    for name, history in studies:
        usable = history.complete | (history.state == TrialState.FAIL)
        space = history.space
        if space is None or not (history.complete & history.feasible).any():
            caution(f"warm_start_from: the study {name!r} has no complete trial, so there is nothing to learn from it")
            continue
        y = np.where(history.complete & history.feasible, history.y[:, 0], np.nan)[usable]
        q = normal_quantiles(y)
        rows = thin(q, limit)
        table = np.column_stack([history.points(space)[usable][rows], q[rows]]).astype("<f8")
        kept.append(
            {
                "name": name,
                "space": Space.from_columns(
                    space.params
                ).to_json(),  # without constraints: these are code, and not needed
                "rows": len(rows),
                "data": pack_bytes(table.tobytes()),
            }
        )
    return {"version": VERSION, "studies": kept}


def decode_warm_start(data: Any) -> tuple[SourceStudy, ...]:
    """Return the earlier studies that `encode_warm_start` wrote; none if there is nothing.

    Raises:
        StorageError: it is of a later version, or damaged.
    """
    if not data:
        return ()
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > VERSION:
        raise StorageError(
            f"the study's warm start has format {version}, and this version reads {VERSION}; update tunesmith"
        )
    try:
        return tuple(_decode_source(one) for one in data["studies"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"the study's warm start is damaged ({type(error).__name__}: {error})") from error


def _decode_source(one: dict[str, Any]) -> SourceStudy:
    from tunesmith.numerics.packed import unpack_bytes

    space = Space.from_json(one["space"])
    shape = (int(one["rows"]), len(space) + 1)
    if not 0 < shape[0] <= MOST_IN_ALL:
        raise ValueError(f"{shape[0]} rows")
    table = np.frombuffer(unpack_bytes(one["data"], 8 * shape[0] * shape[1]), "<f8").astype(np.float64).reshape(shape)
    return SourceStudy(space, np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1]))
