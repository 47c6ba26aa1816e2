"""The ablation path: from the default configuration to the best one, a parameter at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.importance import Ablation, Importance, importance
from tunesmith.text import printable
from tunesmith.visualization.data.base import FigureData, number
from tunesmith.visualization.data.columns import Floats, as_study, need_one_objective, read


@dataclass(frozen=True, eq=False, kw_only=True)
class AblationPath(FigureData):
    """The path.

    Attributes:
        target: what is expected.
        maximize: whether high is good.
        steps: what each step changes, in words, "default" first [k].
        expected: what a trial is expected to give after each step [k].
        low: the low ends of their intervals [k]; NaN: not known.
        high: the high ends [k].
    """

    kind: ClassVar[str] = "ablation"
    target: str
    maximize: bool
    steps: tuple[str, ...]
    expected: Floats
    low: Floats
    high: Floats


def ablation(study: Any, default: Mapping[str, Any] | None = None) -> AblationPath:
    """Return the path from the default configuration to the best one.

    Args:
        study: a study with one objective.
        default: the configuration to begin with; None: the first enqueued trial that gave all parameters.

    Returns:
        The arrays, for the evaluator "ablation" of `tunesmith.importance.importance`.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value.
        ValueError: the study has several objectives, too few trials or no default.
    """
    study = as_study(study)
    need_one_objective(study, "plot_ablation")
    t = read(study)
    t.need("plot_ablation")
    return of_table(importance(study, evaluator=Ablation(default)), t.target, bool(t.maximize))


def of_table(table: Importance, target: str, maximize: bool) -> AblationPath:
    """Return the arrays of a table that is there already.

    Args:
        table: what `tunesmith.importance.importance` returned for "ablation".
        target: what is expected, in words.
        maximize: whether high is good.

    Raises:
        NothingToDrawError: the table has no path.
    """
    changes = [(row.name, row.change) for row in table.rows if row.change is not None]
    if table.start is None or not changes:
        raise NothingToDrawError("plot_ablation: the best configuration is the default one, or there is no path to it")
    steps = ["default", *(f"{name}: {_value(c.before)} → {_value(c.after)}" for name, c in changes)]
    expected = np.array([table.start, *(c.expected for _, c in changes)])
    intervals = [(math.nan, math.nan), *(c.interval for _, c in changes)]
    gains = np.abs(np.diff(expected))
    most = changes[int(np.argmax(gains))][0]
    return AblationPath(
        title="From the default to the best",
        summary=f"The default is expected to give {number(expected[0])} of {target}, the best configuration "
        f"{number(expected[-1])}. Of {len(changes)} steps, that of {printable(most)} changes most.",
        notes=(f"by a model of {table.n_trials:,} trials, 95 % intervals",),
        target=target,
        maximize=maximize,
        steps=tuple(printable(s) for s in steps),
        expected=expected,
        low=np.array([i[0] for i in intervals]),
        high=np.array([i[1] for i in intervals]),
    )


def _value(value: object) -> str:
    return "inactive" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)
