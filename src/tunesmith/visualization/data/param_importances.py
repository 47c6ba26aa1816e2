"""Importances of parameters, with their intervals and null lines."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.importance import Evaluator, Importance, importance
from tunesmith.languages import say
from tunesmith.text import printable
from tunesmith.visualization.data.base import FigureData, join
from tunesmith.visualization.data.columns import USER, Floats, Mask, Target, as_study, read

MOST_BARS, MOST_PAIRS = 30, 10


@dataclass(frozen=True, eq=False, kw_only=True)
class ParamImportances(FigureData):
    """Importances.

    Attributes:
        target: what the parameters matter for.
        unit: what a value is, in words.
        names: of parameters, and pairs as "a × b", the largest first [k].
        value: importances [k].
        low: the low ends of their intervals [k].
        high: the high ends [k].
        null: their null lines, which noise passes in 5 % of studies [k].
        pair: which of them are pairs [k].
    """

    kind: ClassVar[str] = "param_importances"
    target: str
    unit: str
    names: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats
    null: Floats
    pair: Mask


def param_importances(
    study: Any,
    evaluator: str | Evaluator | None = None,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
) -> ParamImportances:
    """Return how much each parameter mattered, with intervals and null lines.

    Args:
        study: the study.
        evaluator: as for `tunesmith.importance.importance`; None: its default.
        params: names of parameters; None: all.
        target: what they matter for, see `tunesmith.visualization.data.columns.read`.
        target_name: what to call it.

    Returns:
        The arrays.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value.
        ValueError: as for `tunesmith.importance.importance`.
    """
    study = as_study(study)
    t = read(study, target, target_name)
    t.need("plot_param_importances")
    table = importance(
        study,
        evaluator="ped-anova" if evaluator is None else evaluator,
        params=params,
        target=as_function(study, target),
    )
    return of_table(table, t.target)


def of_table(table: Importance, target: str) -> ParamImportances:
    """Return the arrays of a table that is there already.

    Args:
        table: what `tunesmith.importance.importance` returned.
        target: what the parameters matter for, in words.
    """
    mains, pairs = (sorted(part, key=lambda r: -r.value) for part in (table.rows, table.pairs))
    rows = [*mains[:MOST_BARS], *pairs[:MOST_PAIRS]]
    hidden = [
        say("{:,} of {:,} " + word + " shown", len(part[:most]), len(part))
        for part, most, word in ((mains, MOST_BARS, "parameters"), (pairs, MOST_PAIRS, "pairs"))
        if len(part) > most
    ]
    shares = ", ".join(f"{printable(r.name)} {r.value:.3g}" for r in mains[:5])
    return ParamImportances(
        title="Importance",
        summary=join(
            [
                say("Importance for {} by {}, from {:,} trials: {}.", target, table.evaluator, table.n_trials, shares),
                say("A value is {}.", table.unit),
                *table.sentences(),
            ]
        ),
        notes=(say("{}, 95 % intervals; grey: what noise reaches in 1 of 20 studies", table.evaluator), *hidden),
        target=target,
        unit=table.unit,
        names=tuple(printable(r.name) for r in rows),
        value=np.array([r.value for r in rows]),
        low=np.array([r.interval[0] for r in rows]),
        high=np.array([r.interval[1] for r in rows]),
        null=np.array([r.null for r in rows]),
        pair=np.array([len(r.params) > 1 for r in rows], bool),
    )


def as_function(study: Any, target: Target) -> Any:
    """Return a target as the importances take it: a function of a trial of which less is better, or None."""
    if target is None or callable(target):
        return target
    if isinstance(target, str):
        key = target.removeprefix(USER)
        return lambda trial: float(trial.user_attrs[key])
    sign = -1.0 if study.directions[target] == "maximize" else 1.0
    return lambda trial: sign * trial.values[target]
