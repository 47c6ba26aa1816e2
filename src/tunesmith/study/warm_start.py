"""Warm starts: ranks and learning curves of earlier studies, which guide a new one.

They are stored as a system attribute when the new study is created, so that a resumed study proposes the same points
even if the earlier studies have changed.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from tunesmith.errors import StorageError
from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.warnings import caution
from tunesmith.history import History, SourceCurves, SourceStudy
from tunesmith.space import Space

WARM_START = "warm_start"  # the system attribute of a study
WARM_START_VERSION = 1
ROWS_KEPT, ROWS_KEPT_IN_ALL = 500, 2000
CURVES_KEPT = 200  # of a study
RUNGS_KEPT = 64


def encode_warm_start(studies: Sequence[tuple[str, History]]) -> dict[str, Any]:
    """Return what a warm start keeps of earlier studies, as JSON: spaces, points and normal quantiles of the ranks.

    Of each study at most 500 rows are kept, of all 2000: the best half and an even choice of the others. Failed and
    infeasible trials count as the worst; pruned ones are left out, since their values are of an early step. Of learning
    curves, those of partial trials included, the losses at the rungs are kept, and what starts and steps cost.

    Args:
        studies: name and history of each.
    """
    from tunesmith.foundation.numerics.transfer import best_and_spread, normal_quantiles

    limit = max(2, min(ROWS_KEPT, ROWS_KEPT_IN_ALL // max(1, len(studies))))
    kept = []
    for name, history in studies:
        usable = history.complete | (history.state == TrialState.FAIL)
        space = history.space
        if space is None or not (history.complete & history.feasible).any():
            caution(f"warm_start_from: the study {name!r} has no complete trial, so there is nothing to learn from it")
            continue
        y = np.where(history.complete & history.feasible, history.y[:, 0], np.nan)[usable]
        rows = best_and_spread(normal_quantiles(y), limit)
        kept.append(_encode_rows(name, space, history.points(space)[usable], y, rows, _encode_curves(history, space)))
    return {"version": WARM_START_VERSION, "studies": kept}


def encode_points(name: str, space: Space, points: Floats, y: Floats) -> dict[str, Any]:
    """Return a warm start from points and their values, as `encode_warm_start` does from a study.

    Args:
        name: where they are from.
    """
    return {"version": WARM_START_VERSION, "studies": [_encode_rows(name, space, points, y, np.arange(len(y)), None)]}


def _encode_rows(
    name: str, space: Space, points: Floats, y: Floats, rows: Indices, curves: dict[str, Any] | None
) -> dict[str, Any]:
    from tunesmith.foundation.numerics.packed import pack_bytes
    from tunesmith.foundation.numerics.transfer import normal_quantiles

    table = np.column_stack([points[rows], normal_quantiles(y)[rows]]).astype("<f8")
    return {
        "name": name,
        "space": Space.from_columns(space.params).to_json(),  # without constraints: these are code, and not needed
        "rows": len(rows),
        "data": pack_bytes(table.tobytes()),
        "curves": curves,
    }


def _encode_curves(history: History, space: Space) -> dict[str, Any] | None:
    """Return what is kept of a study's learning curves, as JSON; None: there are none, or no complete one."""
    from tunesmith.foundation.numerics.packed import pack_bytes
    from tunesmith.foundation.numerics.warp import Warp
    from tunesmith.history.fidelity.ladder import Ladder, RungTable, Runs

    curves = history.curves
    if curves.objectives > 1 or not curves.n_complete:
        return None
    runs = Runs.of(history, space)
    ladder = Ladder.of(runs)
    table = RungTable.of(runs, ladder)
    if not ladder.is_known or len(ladder.positions) > RUNGS_KEPT:
        return None
    loss = table.loss[np.isfinite(table.loss).any(axis=1)]
    far = np.isfinite(loss).sum(axis=1)  # those that came furthest say most
    rows = np.sort(np.argsort(-far, kind="stable")[:CURVES_KEPT])
    s = np.full(loss.shape, np.nan)
    seen = np.isfinite(loss)
    s[seen] = Warp(loss[seen]).values
    rates = table.rate[np.isfinite(table.rate)]
    step_cost = float(np.median(rates)) if len(rates) else None
    return {
        "positions": ladder.positions.tolist(),
        "rows": len(rows),
        "data": pack_bytes(s[rows].astype("<f8").tobytes()),
        "start": None if step_cost is None else table.start / step_cost,
        "step_cost": step_cost,
    }


def decode_warm_start(data: Any) -> tuple[SourceStudy, ...]:
    """Return the earlier studies that `encode_warm_start` wrote; none if there is nothing.

    Raises:
        StorageError: it is of a later version, or damaged.
    """
    if not data:
        return ()
    version = data.get("version") if isinstance(data, dict) else None
    if isinstance(version, int) and version > WARM_START_VERSION:
        raise StorageError(
            f"the study's warm start has format {version}, and this version reads {WARM_START_VERSION}; "
            "update tunesmith"
        )
    try:
        return tuple(_decode_source(one) for one in data["studies"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"the study's warm start is damaged ({type(error).__name__}: {error})") from error


def _decode_source(one: dict[str, Any]) -> SourceStudy:
    space = Space.from_json(one["space"])
    shape = (int(one["rows"]), len(space) + 1)
    if not 0 < shape[0] <= ROWS_KEPT_IN_ALL:
        raise ValueError(f"{shape[0]} rows")
    table = _unpacked_floats(one["data"], shape)
    curves = one.get("curves")  # studies of before have none
    return SourceStudy(
        space,
        np.ascontiguousarray(table[:, :-1]),
        np.ascontiguousarray(table[:, -1]),
        None if curves is None else _decode_curves(curves),
    )


def _decode_curves(kept: dict[str, Any]) -> SourceCurves:
    positions = np.array(kept["positions"], np.int64)
    shape = (int(kept["rows"]), len(positions))
    if not (0 < shape[0] <= CURVES_KEPT and 0 < shape[1] <= RUNGS_KEPT and (np.diff(positions, prepend=0) > 0).all()):
        raise ValueError(f"curves of {shape[0]} rows at {positions.tolist()} reports")
    start, step_cost = (math.nan if kept[name] is None else float(kept[name]) for name in ("start", "step_cost"))
    return SourceCurves(positions, _unpacked_floats(kept["data"], shape), start, step_cost)


def _unpacked_floats(data: str, shape: tuple[int, int]) -> Floats:
    from tunesmith.foundation.numerics.packed import unpack_bytes

    return np.frombuffer(unpack_bytes(data, 8 * shape[0] * shape[1]), "<f8").astype(np.float64).reshape(shape)
