"""What other studies bring into a new one: their trials as its own, or their ranks as a warm start.

The warm start is a system attribute of the new study, written once when it is created: with it a study that is resumed
proposes what it would have proposed, whatever became of the earlier studies meanwhile.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.caution import caution
from tunesmith.errors import SpaceError, StorageError
from tunesmith.frozen import FrozenTrial
from tunesmith.history import Earlier
from tunesmith.space import Space
from tunesmith.state import TrialState

if TYPE_CHECKING:
    from tunesmith.study.study import Study

KEY = "warm_start"
VERSION = 1
MOST_ROWS, MOST_IN_ALL = 500, 2000


def adopted(other: Study, space: Space | None, directions: Sequence[str]) -> list[FrozenTrial]:
    """Return the trials of a study that have values, by number, as records that another study can add.

    Args:
        other: where they come from.
        space: the declared space of the other study-to-be; trials that are no points of it are left out, with a
            warning. None: trials keep their own spaces.
        directions: those of the study that takes them.

    Raises:
        ValueError: the directions differ.
    """
    if list(other.directions) != list(directions):
        raise ValueError(
            f"add_trials: the study {other.study_name!r} has the directions {[str(d) for d in other.directions]}, this "
            f"one {[str(d) for d in directions]}, so their values mean different things; "
            "create_study(warm_start_from=[study]) compares ranks and takes any direction"
        )
    found: list[FrozenTrial] = []
    reasons: list[str] = []
    for trial in other.get_trials(states=[TrialState.COMPLETE, TrialState.PRUNED]):
        if trial.values is None:
            continue
        own, x = trial.space, trial.x
        if space is not None:
            try:
                own, x = space, row_of(space, trial.params)
            except SpaceError as error:
                reasons.append(str(error))
                continue
        found.append(_record(trial, own, x, other.study_name))
    if reasons:
        caution(
            f"add_trials: {len(reasons)} of {len(reasons) + len(found)} trials of {other.study_name!r} are no points "
            f"of the declared space and were left out; the first because {reasons[0]}"
        )
    return found


def row_of(space: Space, params: dict[str, Any]) -> list[float]:
    """Return the internal values of a point that may also name parameters that are inactive in this space."""
    try:
        row: list[float] = space.encode([params])[0].tolist()
        return row
    except SpaceError as error:
        if not all(name in space and space[name].contains(value) for name, value in params.items()):
            raise
        x = np.array([[p.to_internal(params[n]) if n in params else np.nan for n, p in space.params.items()]])
        x = space.mask(x)
        if not space.contains_rows(x)[0]:
            raise error from None
        kept: list[float] = x[0].tolist()
        return kept


def _record(trial: FrozenTrial, space: Space | None, x: Sequence[float] | None, name: str) -> FrozenTrial:
    """Return a copy without what only its own study understands: number, sampler state and who proposed it."""
    return FrozenTrial(
        -1,
        trial.state,
        space=space,
        x=x,
        values=trial.values,
        cost=trial.cost,
        constraints=trial.constraints,
        reason=trial.reason,
        started=trial.started,
        finished=trial.finished,
        user=trial.user,
        system={"added_from": name},
        reports=dict(trial.intermediate_values) or None,
    )


def pack(studies: Sequence[Study]) -> dict[str, Any]:
    """Return what a warm start keeps of earlier studies, as JSON: spaces, points and normal quantiles of the ranks.

    Of each study at most 500 rows are kept, of all 2000: the best half and an even choice of the others. Failed and
    infeasible trials count as the worst; pruned ones are left out, since their values are of an early step.
    """
    from tunesmith.numerics.packed import pack_bytes
    from tunesmith.numerics.transfer import normal_quantiles, thin

    limit = max(2, min(MOST_ROWS, MOST_IN_ALL // max(1, len(studies))))
    kept = []
    for study in studies:
        history = study.history
        usable = history.complete | (history.state == TrialState.FAIL)
        space = history.space
        if space is None or not (history.complete & history.feasible).any():
            caution(
                f"warm_start_from: the study {study.study_name!r} has no complete trial, so there is nothing to learn "
                "from it"
            )
            continue
        y = np.where(history.complete & history.feasible, history.y[:, 0], np.nan)[usable]
        q = normal_quantiles(y)
        rows = thin(q, limit)
        table = np.column_stack([history.points(space)[usable][rows], q[rows]]).astype("<f8")
        kept.append(
            {
                "name": study.study_name,
                "space": Space.from_columns(space.params).to_json(),  # constraints are code, and not needed
                "rows": len(rows),
                "data": pack_bytes(table.tobytes()),
            }
        )
    return {"version": VERSION, "studies": kept}


def unpack(data: Any) -> tuple[Earlier, ...]:
    """Return the earlier studies that :func:`pack` wrote; none if there is nothing.

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
        return tuple(_earlier(one) for one in data["studies"])
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise StorageError(f"the study's warm start is damaged ({type(error).__name__}: {error})") from error


def _earlier(one: dict[str, Any]) -> Earlier:
    from tunesmith.numerics.packed import unpack_bytes

    space = Space.from_json(one["space"])
    shape = (int(one["rows"]), len(space) + 1)
    if not 0 < shape[0] <= MOST_IN_ALL:
        raise ValueError(f"{shape[0]} rows")
    table = np.frombuffer(unpack_bytes(one["data"], 8 * shape[0] * shape[1]), "<f8").astype(np.float64).reshape(shape)
    return Earlier(space, np.ascontiguousarray(table[:, :-1]), np.ascontiguousarray(table[:, -1]))
