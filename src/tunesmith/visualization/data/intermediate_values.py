"""Learning curves: what each trial reported, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.languages import joined, say
from tunesmith.selection.wording import count
from tunesmith.state import TrialState
from tunesmith.visualization.data.base import FigureData, join, number
from tunesmith.visualization.data.columns import Floats, Ints, StudyColumns, as_study, objective_names, read
from tunesmith.visualization.data.thinning import drawn, thin

MOST_CURVES, MOST_POINTS = 300, 20_000  # curves, and points of all of them together, that are drawn


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """One trial: its state, and value[k] at step[k], in the user's direction."""

    number: int
    state: TrialState
    step: Ints
    value: Floats
    selected: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class IntermediateValues(FigureData):
    """Learning curves.

    Attributes:
        target: what was reported.
        curves: one a trial, by number.
        best: the number of the best trial, or -1.
        maximize: whether high is good.
    """

    kind: ClassVar[str] = "intermediate_values"
    target: str
    curves: tuple[LearningCurve, ...]
    best: int
    maximize: bool


def intermediate_values(
    study: Any,
    *,
    target: int | None = None,
    show_pruned: bool = True,
    show_failed: bool = True,
    selected: Sequence[int] = (),
) -> IntermediateValues:
    """Return what each trial reported.

    Args:
        study: the study.
        target: the objective whose reports are shown; None: there is one.
        show_pruned: show trials that were stopped early.
        show_failed: show trials that failed.
        selected: numbers of trials to emphasise.

    Returns:
        The arrays; of very many trials the best, those that run or are paused, the selected ones, and every so many
        of the others.

    Raises:
        NothingToDrawError: no trial reported anything.
        ValueError: the study has several objectives and the target does not say which.
    """
    study = as_study(study)
    t = read(study, target)
    objective = target or 0
    curves = study.history.curves
    hidden = {s for s, show in ((TrialState.PRUNED, show_pruned), (TrialState.FAIL, show_failed)) if not show}
    own = set(t.number.tolist()).union(t.running.tolist())  # of a part of a study, the history has all curves
    states = {k: curves.state(k) for k in curves.numbers if k in own and curves.size(k)}
    numbers = sorted(k for k, state in states.items() if state not in hidden)
    if not numbers:
        raise NothingToDrawError(
            say(
                "{}: no trial of {} reported a value; an objective does so by trial.report(value, step)",
                "plot_intermediate_values",
                repr(t.name),
            )
        )
    best = -1 if t.best is None else int(t.number[t.best])
    keep = {best, *selected} | {k for k in numbers if states[k] in (TrialState.RUNNING, TrialState.PAUSED)}
    chosen = _choose(numbers, keep, t)
    room = max(MOST_POINTS // len(chosen), 10)
    made = []
    for k in chosen:
        step, value = curves.of(k)
        value = value.reshape(len(step), -1)[:, objective] * curves.signs[objective]
        at = thin(step.astype(np.float64), value, most=room)
        made.append(LearningCurve(k, states[k], step[at], value[at], k in selected))
    tally = {s: sum(states[k] is s for k in numbers) for s in TrialState}
    words = [say("{:,} " + str(s).lower(), c) for s, c in tally.items() if c]
    longest = max((int(c.step[-1]) for c in made if len(c.step)), default=0)
    return IntermediateValues(
        title="Intermediate values",
        summary=join(
            [
                say("Reports of {} ({}), up to step {:,}.", count(len(numbers), "trial"), joined(words), longest),
                t.about_best(),
                _end_of(best, made),
            ]
        ),
        notes=drawn(len(made), len(numbers), "curves"),
        target=objective_names(study)[objective],
        curves=tuple(made),
        best=best,
        maximize=bool(t.maximize),
    )


def _choose(numbers: list[int], keep: set[int], t: StudyColumns) -> list[int]:
    """Return the trials to draw, by number: those to keep, some of the best ones, and every so many of the others."""
    if len(numbers) <= MOST_CURVES:
        return numbers
    stay = set(numbers) & keep
    rows = np.flatnonzero(t.complete)
    good = t.number[rows[np.argsort(t.loss[rows], kind="stable")[:50]]].tolist()
    stay |= set(numbers) & set(good)
    others = [k for k in numbers if k not in stay]
    room = min(max(MOST_CURVES - len(stay), 0), len(others))
    return sorted(stay | {others[int(i)] for i in np.linspace(0, len(others) - 1, room)})


def _end_of(best: int, curves: list[LearningCurve]) -> str | None:
    own = next((c for c in curves if c.number == best and len(c.step)), None)
    return None if own is None else say("Its last report is {}, at step {:,}.", number(own.value[-1]), own.step[-1])
