"""Trials as plain values: what ``--json`` prints of them, and what is exported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import cut
from tunesmith.trial.record import FrozenTrial

if TYPE_CHECKING:
    from tunesmith.study import Study
    from tunesmith.study.snapshot import Snapshot

REASON_CHARACTERS = 80  # characters of a reason in a table
# The attribute in which a search of scikit-learn estimators keeps a candidate, and what is large in it.
SEARCH, PREDICTIONS = "sklearn", "predictions"


def trial_dict(trial: FrozenTrial, *, whole: bool = False) -> dict[str, Any]:
    """Return a trial as what JSON has.

    Args:
        trial: the record.
        whole: with its learning curve, its metrics, what it printed, its earlier attempts, and the predictions that a
            search stored.
    """
    attrs = dict(trial.user_attrs)
    if not whole and isinstance(attrs.get(SEARCH), dict):
        attrs[SEARCH] = {key: value for key, value in attrs[SEARCH].items() if key != PREDICTIONS}
    found: dict[str, Any] = {
        "number": trial.number,
        "state": trial.state.name,
        "values": None if trial.values is None else list(trial.values),
        "noise": None if trial.noise is None else list(trial.noise),
        "params": dict(trial.params),
        "user_attrs": attrs,
        "constraints": None if trial.constraints is None else dict(trial.constraints),
        "reason": trial.reason,
        "cost": trial.cost,
        "started": None if trial.datetime_start is None else trial.datetime_start.astimezone().isoformat(),
        "finished": None if trial.datetime_complete is None else trial.datetime_complete.astimezone().isoformat(),
        "seconds": trial.duration,
    }
    if whole:
        found |= {
            "intermediate_values": {str(step): value for step, value in trial.intermediate_values.items()},
            "metrics": {
                name: {"steps": step.tolist(), "values": value.tolist()}
                for name, (step, value) in trial.metrics.items()
            },
            "output": trial.output or None,
            "attempt": trial.attempt,
        }
    return found


def value_text(trial: FrozenTrial) -> Any:
    """Return the value of a trial as a cell: a number, or several with commas, each with its noise where it is told."""
    cells = value_cells(trial, len(trial.values or ()))
    return None if not cells else cells[0] if len(cells) == 1 else ", ".join(map(cell_text, cells))


def value_cells(trial: FrozenTrial, m: int) -> list[Any]:
    """Return the values of a trial as cells: numbers, each with its noise where it is told; None: it has none.

    Args:
        trial: the record.
        m: how many objectives there are.
    """
    values, noise = trial.values, trial.noise
    if values is None:
        return [None] * m
    return list(values) if noise is None else [f"{v:.6g} ± {sd:.2g}" for v, sd in zip(values, noise, strict=True)]


def value_names(study: Study | Snapshot) -> list[str]:
    """Return the heads of the columns of values: the names of the metrics; "value", or "objective 0" and so on."""
    if study.metric_names is None and len(study.directions) == 1:
        return ["value"]
    from tunesmith.visualization.columns import objective_names

    return objective_names(study)


def reason_text(trial: FrozenTrial) -> str | None:
    """Return why a trial failed, as a cell: the last line, which says it, cut where it is long; None: it did not."""
    lines = (trial.reason or "").strip().splitlines()
    if trial.state is not TrialState.FAIL or not lines:
        return None
    return cut(lines[-1], REASON_CHARACTERS)
