"""The timeline: when each trial began and ended, and how."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.foundation.states import TrialState
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.trial.record import FrozenTrial
from tunesmith.visualization.columns import Floats, Ints
from tunesmith.visualization.figure import FigureData, join, short
from tunesmith.visualization.plotly_style import GREY, STATES, Dict, axis, framed, markup_free
from tunesmith.visualization.thinning import drawn_note, thin_points

if TYPE_CHECKING:
    from tunesmith.study.study import Study


MOST_BARS = 3000
UNITS = ((2 * 86400.0, 86400.0, "days"), (2 * 3600.0, 3600.0, "hours"), (120.0, 60.0, "minutes"), (0.0, 1.0, "seconds"))
WORDS = {TrialState.FAIL: "failed"}
COLOURS = {**STATES, "infeasible": GREY}


@dataclass(frozen=True, eq=False, kw_only=True)
class Timeline(FigureData):
    """When trials ran.

    Attributes:
        number: the drawn trials, int64[k], rising.
        state: "complete", "infeasible", "pruned", "failed", "running" or "paused" [k].
        begin: when they began [k], in `unit` after `start`.
        end: when they ended [k]; of those that run: now.
        reason: why they failed or were pruned, where that is known [k].
        unit: "seconds", "minutes", "hours" or "days".
        start: local time of the first start, as text.
    """

    kind: ClassVar[str] = "timeline"
    number: Ints
    state: tuple[str, ...]
    begin: Floats
    end: Floats
    reason: tuple[str, ...]
    unit: str
    start: str

    def by_plotly(self) -> Dict:
        """Return the figure: one bar a trial, in the colour of its state."""
        traces: list[Dict] = []
        for word, colour in COLOURS.items():
            rows = np.array([s == word for s in self.state], bool)
            if rows.any():
                traces.append(
                    {
                        "type": "bar",
                        "orientation": "h",
                        "name": word,
                        "y": self.number[rows].tolist(),
                        "base": short(self.begin[rows]),
                        "x": short((self.end - self.begin)[rows]),
                        "marker": {"color": colour, "line": {"width": 0}},
                        "customdata": self.number[rows].tolist(),
                        "width": 0.85 if len(self.number) < 200 else 1.0,
                        "text": [markup_free(r, 80) for r, own in zip(self.reason, rows, strict=True) if own],
                        "textposition": "none",
                        "hovertemplate": f"trial %{{y}} ({word})<br>%{{x:.4g}} {self.unit}<br>%{{text}}<extra></extra>",
                    }
                )
        layout = {
            "barmode": "overlay",
            "xaxis": axis(say("{} from {}", say(self.unit), self.start), range=_ends(self)),
            "yaxis": axis("trial", autorange="reversed"),
            "showlegend": True,
        }
        return framed(self, traces, layout)


@checked()
def plot_timeline(
    study: Study | Snapshot,
    n_recent_trials: int | None = None,
    *,
    show_pruned: bool = True,
    show_failed: bool = True,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot when each trial began and ended, in the colour of its state.

    Args:
        study: the study, or a fitted search.
        n_recent_trials: show only so many, those with the highest numbers; None: all.
        show_pruned: show trials that were stopped early.
        show_failed: show trials that failed.
        selected: numbers of trials that are there however many there are.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: no trial has a time.
        ValueError: n_recent_trials is below 1.
        MissingDependencyError: the backend is not installed.
    """
    if n_recent_trials is not None and n_recent_trials < 1:
        raise ValueError(f"n_recent_trials must be 1 or more; got {n_recent_trials}")
    seen = as_snapshot(study)
    history = seen.history
    numbers, states, cost = history.number, history.state, history.cost
    shown = np.ones(len(history), bool)
    if not show_pruned:
        shown &= states != TrialState.PRUNED
    if not show_failed:
        shown &= states != TrialState.FAIL
    rows = np.flatnonzero(shown)[np.argsort(numbers[shown], kind="stable")]
    open_ones = np.sort(history.pending.number)
    total = len(rows) + len(open_ones)
    if n_recent_trials is not None and total > n_recent_trials:
        least = np.sort(np.concatenate([numbers[rows], open_ones]))[-n_recent_trials]
        rows, open_ones = rows[numbers[rows] >= least], open_ones[open_ones >= least]
        total = n_recent_trials
    keep = np.isin(numbers[rows], list(selected)) | (numbers[rows] == numbers[rows].max(initial=0))
    chosen = rows[thin_points(numbers[rows].astype(float), np.nan_to_num(cost[rows], nan=0.0), keep, MOST_BARS)]
    trials = seen.get_trials(numbers=[*numbers[chosen].tolist(), *open_ones.tolist()]) if total else []
    timed = [t for t in trials if t.started == t.started and not (t.state.is_finished() and t.finished != t.finished)]
    if not timed:
        name, tail = repr(seen.study_name), "has a time; trials have one if the study ran them"
        raise NothingToDrawError(
            say("{}: none of {:,} trials of {} " + tail, "plot_timeline", total, name)
            if total
            else say("{}: no trial of {} " + tail, "plot_timeline", name)
        )
    return _arrays(timed, len(trials), total, time.time()).drawn(backend)


timeline: Callable[..., Timeline] = partial(plot_timeline, backend="arrays")


def _arrays(trials: list[FrozenTrial], n_read: int, total: int, now: float) -> Timeline:
    """Return the arrays of the trials that have a time."""
    started = np.array([t.started for t in trials])
    finished = np.array([t.finished if t.state.is_finished() else now for t in trials])
    finished = np.maximum(finished, started)
    first, span = float(started.min()), float(finished.max() - started.min())
    _, length, unit = next(u for u in UNITS if span >= u[0])
    states = tuple(_word(t) for t in trials)
    tally = joined_texts(say("{:,} " + s, states.count(s)) for s in dict.fromkeys(states))
    longest = float((finished - started).max()) / length
    untimed = n_read - len(trials)
    busy = float((finished - started).sum())
    start = datetime.fromtimestamp(first).strftime("%Y-%m-%d %H:%M:%S")
    return Timeline(
        title="Timeline",
        summary=join(
            [
                say(
                    "{} ({}) within {:.3g} {}, from {} on;",
                    count(len(trials), "trial"),
                    tally,
                    span / length,
                    say(unit),
                    start,
                ),
                say(
                    "{:.3g} ran at once on average; the longest took {:.3g} {}.",
                    busy / span if span > 0 else 1.0,
                    longest,
                    say(unit),
                ),
            ]
        ),
        notes=(*drawn_note(n_read, total), *((say("{} without a time", count(untimed, "trial")),) if untimed else ())),
        number=np.array([t.number for t in trials], np.int64),
        state=states,
        begin=(started - first) / length,
        end=(finished - first) / length,
        reason=tuple((t.reason or "")[:200] for t in trials),
        unit=unit,
        start=start,
    )


def _word(trial: FrozenTrial) -> str:
    if trial.state is TrialState.COMPLETE and not trial.feasible:
        return "infeasible"
    return WORDS.get(trial.state, str(trial.state).lower())


def _ends(data: Timeline) -> list[float]:
    """Return the ends of the axis: a bar too short to be seen would hide what lies at 0."""
    high = float(data.end.max()) or 1.0
    return [-0.01 * high, 1.01 * high]
