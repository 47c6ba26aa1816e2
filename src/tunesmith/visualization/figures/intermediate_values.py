"""Learning curves: what each trial reported, or logged as a metric, step by step."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import did_you_mean, listing
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.columns import Floats, Ints, StudyColumns, objective_names, read_columns
from tunesmith.visualization.figure import FigureData, Own, join, short
from tunesmith.visualization.plotly_style import STATES, Dict, axis, framed, markup_free, scatter
from tunesmith.visualization.thinning import drawn_note, thin_points

if TYPE_CHECKING:
    from tunesmith.study.study import Study


MOST_CURVES, MOST_POINTS = 300, 20_000  # curves, and points of all of them together, that are drawn
WORDS = {TrialState.FAIL: "failed"}


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

    def by_plotly(self) -> Dict:
        """Return one curve a trial, in the colour of its state; the best and the selected ones are thick."""
        seen: set[str] = set()
        target = markup_free(self.target)
        traces = []
        for c in sorted(self.curves, key=lambda c: (c.selected or c.number == self.best, c.number)):
            word, colour, thick = look_of(c, self.best)
            traces.append(
                scatter(
                    c.step.tolist(),
                    short(c.value),
                    word,
                    mode="markers" if len(c.step) == 1 else "lines",
                    line={"color": colour, "width": 3 if thick else 1.2},
                    marker={"color": colour, "size": 5},
                    opacity=1.0 if thick else 0.55,
                    legendgroup=word,
                    meta=c.number,
                    showlegend=word not in seen,
                    hovertemplate=f"trial {c.number} ({word})<br>step %{{x}}<br>{target} %{{y}}<extra></extra>",
                )
            )
            seen.add(word)
        layout = {"xaxis": axis("step"), "yaxis": axis(self.target), "showlegend": len(seen) > 1}
        return framed(self, traces, layout)


@checked()
def plot_intermediate_values(
    study: Study | Snapshot,
    *,
    target: int | None = None,
    metric: str | None = None,
    show_pruned: bool = True,
    show_failed: bool = True,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot what each trial reported, or logged as a metric, step by step: its learning curve.

    Args:
        study: the study, or a fitted search.
        target: the objective whose reports are shown, from 0; None: there is one.
        metric: the name of a metric that trials logged, shown instead of the reports; None: the reports.
        show_pruned: show trials that were stopped early.
        show_failed: show trials that failed.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. Of more than 300 curves it has the best, those that run, the selected
        ones and every so many of the others.

    Raises:
        NothingToDrawError: no trial reported anything.
        ValueError: the study has several objectives and the target does not say which; or no trial logged the metric.
        MissingDependencyError: the backend is not installed.
    """
    seen = as_snapshot(study)
    t = read_columns(seen, target)
    states = _states(seen, t, metric)
    hidden = {s for s, show in ((TrialState.PRUNED, show_pruned), (TrialState.FAIL, show_failed)) if not show}
    numbers = sorted(k for k, state in states.items() if state not in hidden)
    if not numbers:
        pattern = "{}: no trial of {} reported a value; an objective does so by trial.report(value, step)"
        if metric is not None:
            pattern = "{}: no trial of {} logged a metric; an objective does so by trial.log(metrics, step)"
        raise NothingToDrawError(say(pattern, "plot_intermediate_values", repr(t.name)))
    best = -1 if t.best is None else int(t.number[t.best])
    keep = {best, *selected} | {k for k in numbers if states[k] in (TrialState.RUNNING, TrialState.PAUSED)}
    chosen = _choose(numbers, keep, t)
    read = _reports(seen, chosen, target or 0) if metric is None else _logged(seen, chosen, metric)
    room = max(MOST_POINTS // len(chosen), 10)
    made = []
    for k, (step, value) in read.items():
        at = thin_points(step.astype(np.float64), value, most=room)
        made.append(LearningCurve(k, states[k], step[at], value[at], k in selected))
    tally = {s: sum(states[k] is s for k in numbers) for s in TrialState}
    words = [say("{:,} " + str(s).lower(), c) for s, c in tally.items() if c]
    longest = max((int(c.step[-1]) for c in made if len(c.step)), default=0)
    told = (count(len(numbers), "trial"), joined_texts(words), longest)
    sentences = (
        [say("Reports of {} ({}), up to step {:,}.", *told), t.about_best(), _end_of(best, made)]
        if metric is None
        else [say("What {} ({}) logged as {}, up to step {:,}.", *told[:2], metric, longest), t.about_best()]
    )
    return IntermediateValues(
        title="Intermediate values",
        summary=join(sentences),
        notes=drawn_note(len(made), len(numbers), "curves"),
        target=objective_names(seen)[target or 0] if metric is None else Own(metric),
        curves=tuple(made),
        best=best,
        maximize=bool(t.maximize),
    ).drawn(backend)


intermediate_values: Callable[..., IntermediateValues] = partial(plot_intermediate_values, backend="arrays")


def _states(seen: Snapshot, t: StudyColumns, metric: str | None) -> dict[int, TrialState]:
    """Return the states of the trials that reported, or logged a metric, by number."""
    curves = seen.history.curves
    if metric is None:
        own = set(t.number.tolist()).union(t.running.tolist())  # of a part of a study, the history has all curves
        return {k: curves.state(k) for k in curves.numbers if k in own and curves.size(k)}
    logged = seen.logged(metric)
    if not logged and (others := seen.logged()):
        guess = did_you_mean(metric, others)
        raise ValueError(f"no trial logged the metric {metric!r}{guess}; there are {listing(others)}")
    ended = dict(zip(t.number.tolist(), t.state.tolist(), strict=True))
    running = {k: curves.state(k) for k in t.running.tolist()}
    own_states = {k: TrialState(state) for k, state in ended.items()} | running
    return {k: own_states[k] for k in logged.get(metric, np.empty(0, np.int64)).tolist() if k in own_states}


def _reports(seen: Snapshot, numbers: list[int], objective: int) -> dict[int, tuple[Ints, Floats]]:
    """Return the steps and values that trials reported of an objective, by number."""
    curves, found = seen.history.curves, {}
    for k in numbers:
        step, value = curves.of(k)
        found[k] = step, value.reshape(len(step), -1)[:, objective] * curves.signs[objective]
    return found


def _logged(seen: Snapshot, numbers: list[int], metric: str) -> dict[int, tuple[Ints, Floats]]:
    """Return the steps and values that trials logged of a metric, by number."""
    read = seen.metrics(numbers, [metric])
    return {k: read[k][metric] for k in numbers if k in read}


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
    return (
        None if own is None else say("Its last report is {}, at step {:,}.", number_text(own.value[-1]), own.step[-1])
    )


def look_of(c: LearningCurve, best: int) -> tuple[str, str, bool]:
    """Return how a curve is shown: the word for it, its colour, and whether it is thick."""
    if c.number == best:
        return "best", "#08306b", True
    word = WORDS.get(c.state, str(c.state).lower())
    return word, "black" if c.selected else STATES[word], c.selected
