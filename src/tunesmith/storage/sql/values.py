"""Values as the tables hold them: floats as bytes, attributes and fixed parameters as JSON."""

from __future__ import annotations

import json
import math
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from tunesmith.errors import SpaceError
from tunesmith.space import Parameter, Space
from tunesmith.space.serialize import label_from_json, label_to_json
from tunesmith.storable import storable
from tunesmith.storage.sql.session import Values
from tunesmith.text import plain_text
from tunesmith.trial.record import TrialRecord

NAN = math.nan


@lru_cache(maxsize=1024)
def _floats(n: int) -> struct.Struct:
    return struct.Struct(f"<{n}d")


def floats_to_bytes(values: Sequence[float] | None) -> bytes | None:
    """Return float64 values as bytes, little-endian; None stays None."""
    return None if values is None else _floats(len(values)).pack(*values)


def floats_from_bytes(data: bytes) -> tuple[float, ...]:
    """Return the floats that `floats_to_bytes` wrote."""
    return _floats(len(data) // 8).unpack(data)


def float_or_nan(value: float | None) -> float:
    """Return a float that a database may have given as NULL: SQLite has no NaN."""
    return NAN if value is None else value


# -- attributes ------------------------------------------------------------------------------------------------


def attr_to_json(key: str, value: Any) -> str:
    """Return an attribute's value as JSON text; NaN and infinities are kept."""
    return json.dumps(storable(key, value))  # ASCII, so that no database stumbles over a character


attr_from_json = json.loads


# -- parameters that the user asked for ------------------------------------------------------------------------


def fixed_to_json(fixed: Mapping[str, Any], space: Space | None) -> str:
    """Return values by parameter name as JSON; objects that the space knows by name are kept by it."""
    data = {}
    for name, value in fixed.items():
        try:
            data[name] = label_to_json(_label(space.get(name) if space is not None else None, value))
        except SpaceError as error:
            raise ValueError(f"enqueued parameter {name!r} (type {type(value).__name__}): {error}") from None
    return json.dumps(data)


def _label(parameter: Parameter | None, value: Any) -> Any:
    if parameter is None or not parameter.contains(value):
        return value
    return parameter.to_label(parameter.to_internal(value))


def fixed_from_json(text: str | None) -> dict[str, Any] | None:
    """Return what `fixed_to_json` wrote; an object known by name is given as that name."""
    return None if text is None else {name: label_from_json(value) for name, value in json.loads(text).items()}


# -- rows of trials ---------------------------------------------------------------------------------------------


def trial_row(study_id: int, trial: TrialRecord, space_id: int | None, declared: Space | None) -> dict[str, Values]:
    """Return a new row of the table of trials."""
    return {
        "study_id": study_id,
        "number": trial.number,
        "state": int(trial.state),
        "attempt": trial.attempt,
        "seq": None,
        "started": trial.started,
        "finished": trial.finished,
        "worker": trial.worker,
        "fixed": None if trial.fixed is None else fixed_to_json(trial.fixed, declared),
        "crashes": 0,
        "token": trial.token,
        **outcome_columns(trial, space_id),
    }


def outcome_columns(trial: TrialRecord, space_id: int | None) -> dict[str, Values]:
    """Return what the end of a trial writes, by column."""
    values = trial.values
    return {
        "state": int(trial.state),
        "space_id": space_id,
        "x": floats_to_bytes(trial.x),
        "y": None if values is None else floats_to_bytes(values),
        "value": float(values[0]) if values else None,
        "feasible": 1 if trial.constraints is None else int(trial.feasible),
        "tag": int(trial.sampler_state),
        "cost": trial.cost,
        "constraints": json.dumps(trial.constraints) if trial.constraints else None,
        "reason": None if trial.reason is None else plain_text(trial.reason),
        "failure": None if trial.failure is None else int(trial.failure),
    }
