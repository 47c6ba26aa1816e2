"""`importance` and `get_param_importances`: from a study and an evaluator to a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np

from tunesmith.importance.base import Evaluator
from tunesmith.importance.rows import rows_of
from tunesmith.importance.table import Importance
from tunesmith.importance.trials import Target, data_of
from tunesmith.registry import load
from tunesmith.study import Study
from tunesmith.text import shown


def importance(
    study: Study,
    *,
    evaluator: str | Evaluator = "ped-anova",
    params: Sequence[str] | None = None,
    target: Target | None = None,
    normalize: bool = False,
) -> Importance:
    """Return how much each parameter mattered, with intervals, and what pure noise would have shown.

    Complete trials with a finite value count; failed and running ones do not, and pruned ones count for "ped-anova" as
    not among the best, if there is no target. A parameter that is not always active is judged where it is; what the
    choice to activate it made of a trial belongs to its parent.

    Args:
        study: the study.
        evaluator: its name, or an object of one of the evaluators' classes, or one of your own.
        params: names of parameters to report on; None: all. The others are still part of the model.
        target: what to explain, as a function of a complete trial; less is better. None: the objective, of which a
            study must have only one.
        normalize: divide all by the sum of the parameters' values.

    Returns:
        A table; `print` shows it, and `table["lr"]` is one row.

    Raises:
        TypeError: an argument is of the wrong kind.
        ValueError: there is no such evaluator or parameter, too few trials are complete, all values are the same, or
            the study has several objectives and no target is given.
    """
    chosen = _evaluator(evaluator)
    data, notes = data_of(study, params, target)
    chosen.check(data)
    rng = np.random.default_rng([study.seed, crc32(chosen.name.encode())])
    effects = chosen.evaluate(data, rng)
    names = tuple(data.space.names)
    table = Importance(
        rows=rows_of(effects, names, pairs=False),
        pairs=rows_of(effects, names, pairs=True),
        evaluator=chosen.name,
        unit=effects.unit,
        notes=(*notes, *effects.notes),
        n_trials=len(data.y),
        start=effects.start,
    )
    return table.normalized() if normalize else table


def get_param_importances(
    study: Study,
    *,
    evaluator: str | Evaluator = "ped-anova",
    params: Sequence[str] | None = None,
    target: Target | None = None,
    normalize: bool = False,
) -> dict[str, float]:
    """Return the importance of each parameter, the largest first; `importance` says how sure the values are.

    Args:
        study: the study.
        evaluator: as for `importance`.
        params: as for `importance`.
        target: as for `importance`.
        normalize: divide by the sum; values below 0 (less than noise gives) then count as 0.

    Returns:
        The values by name.

    Raises:
        TypeError: as for `importance`.
        ValueError: as for `importance`.
    """
    table = importance(study, evaluator=evaluator, params=params, target=target)
    return table.values(normalize=normalize)


def _evaluator(given: Any) -> Evaluator:
    """Return the evaluator of a name, or the object that was given."""
    if isinstance(given, str):
        given = load("evaluators", given)()
    elif isinstance(given, type) and issubclass(given, Evaluator):
        given = given()
    if not isinstance(given, Evaluator):
        raise TypeError(f"evaluator must be a name, or an object of tunesmith.importance.Evaluator; got {shown(given)}")
    return given
