"""Metrics of a step: what some trials logged, a panel for each metric, a curve for each trial."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import did_you_mean, listing
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.columns import Floats, Ints
from tunesmith.visualization.figure import FigureData, Own, short
from tunesmith.visualization.plotly_style import (
    SERIES,
    Dict,
    axis,
    framed,
    markup_free,
    name_of,
    panels,
    scatter,
)
from tunesmith.visualization.thinning import drawn_note, thin_points

if TYPE_CHECKING:
    from tunesmith.study.study import Study

TRIALS, PANELS = len(SERIES), 12  # that are drawn at most
LOOKED_AT = 64  # trials, the best ones, among which those are looked for that logged something
COLUMNS, PANEL_HEIGHT = 2, 210  # of panels in a row; pixels of one
NAME = 22  # characters of a metric's name, beside its panel
MOST_POINTS = 20_000  # of all curves together


@dataclass(frozen=True, eq=False)
class LoggedCurve:
    """One trial: value[k] at step[k] of one metric."""

    number: int
    step: Ints
    value: Floats


@dataclass(frozen=True, eq=False, kw_only=True)
class LoggedMetrics(FigureData):
    """Curves of metrics.

    Attributes:
        number: the trials, int64[k].
        panels: the curves of each metric by its name.
    """

    kind: ClassVar[str] = "metrics"
    number: Ints
    panels: dict[str, tuple[LoggedCurve, ...]]

    def by_plotly(self) -> Dict:
        """Return a panel for each metric; a trial has one colour in all of them."""
        colours = dict(zip(self.number.tolist(), SERIES, strict=False))
        columns = min(COLUMNS, len(self.panels))
        rows = -(-len(self.panels) // columns)
        gap = 0.45 if columns == 1 else 0.5  # has the numbers below a panel, and the name of the next one
        domains = panels(rows, columns, gap_y=gap)
        traces: list[Dict] = []
        layout: Dict = {"height": 110 + PANEL_HEIGHT * rows, "showlegend": len(self.number) > 1}
        named: set[int] = set()
        for k, (name, curves) in enumerate(self.panels.items()):
            across, up = domains[k]
            x, y, shown = f"x{name_of(k)}", f"y{name_of(k)}", markup_free(name, NAME)
            below = k + columns >= len(self.panels)  # a panel that has none below it names the steps
            layout[f"xaxis{name_of(k)}"] = axis("step" if below else "", anchor=y, domain=across)
            upward = axis(name, NAME, anchor=x, domain=up)
            layout[f"yaxis{name_of(k)}"] = {**upward, "title": {**upward["title"], "text": Own(shown)}}
            for curve in curves:
                colour = colours[curve.number]
                traces.append(
                    scatter(
                        curve.step.tolist(),
                        short(curve.value),
                        say("trial {}", curve.number),
                        mode="markers" if len(curve.step) == 1 else "lines",
                        line={"color": colour, "width": 1.6},
                        marker={"color": colour, "size": 5},
                        legendgroup=str(curve.number),
                        meta=curve.number,
                        showlegend=curve.number not in named,
                        xaxis=x,
                        yaxis=y,
                        hovertemplate=f"trial {curve.number}<br>step %{{x}}<br>{shown} %{{y}}<extra></extra>",
                    )
                )
                named.add(curve.number)
        return framed(self, traces, layout)


@checked()
def plot_metrics(
    study: Study | Snapshot,
    trials: Sequence[int] | None = None,
    names: Sequence[str] | None = None,
    *,
    backend: str = "plotly",
) -> Any:
    """Plot what trials logged by ``trial.log``, step by step: a panel for each metric, a curve for each trial.

    ``plot_intermediate_values(study, metric="val_acc")`` has one metric of all trials.

    Args:
        study: the study, or a fitted search.
        trials: numbers of the trials to compare, at most 8; None: of those that logged anything the best ones, and of
            several objectives the last ones.
        names: the metrics, at most 12; None: all that these trials logged, in alphabetical order.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: none of these trials logged anything.
        ValueError: no trial logged a metric of a name, or more trials are named than are told apart.
        MissingDependencyError: the backend is not installed.
    """
    seen = as_snapshot(study)
    if trials is not None and len(set(trials)) > TRIALS:
        raise ValueError(f"plot_metrics compares at most {TRIALS} trials; got {len(set(trials))}")
    numbers = _best(seen) if trials is None else list(dict.fromkeys(map(int, trials)))
    read = seen.metrics(numbers, None if names is None else list(names))
    known = {name for own in read.values() for name in own}
    if not read or not known.issuperset(names or ()):
        logged = seen.logged()
        if unknown := [name for name in names or () if logged and name not in logged]:
            guess = did_you_mean(unknown[0], logged)
            raise ValueError(f"no trial logged the metric {unknown[0]!r}{guess}; there are {listing(logged)}")
        if not read and logged and trials is None:  # of very many trials, a few
            numbers = np.unique(np.concatenate([logged[name] for name in names or logged]))[:TRIALS].tolist()
            read = seen.metrics(numbers, None if names is None else list(names))
        if not read and logged and trials is not None:
            raise NothingToDrawError(say("{}: none of these trials logged a metric", "plot_metrics"))
    if not read:
        pattern = "{}: no trial of {} logged a metric; an objective does so by trial.log(metrics, step)"
        raise NothingToDrawError(say(pattern, "plot_metrics", repr(seen.study_name)))
    numbers = [number for number in numbers if number in read][:TRIALS]
    present = sorted({name for number in numbers for name in read[number]})
    ordered = [name for name in (present if names is None else dict.fromkeys(names)) if name in present]
    room = max(MOST_POINTS // max(1, len(numbers) * min(len(ordered), PANELS)), 50)
    made = {
        name: tuple(_curve(n, *read[n][name], room) for n in numbers if name in read[n]) for name in ordered[:PANELS]
    }
    longest = max((int(curve.step[-1]) for curves in made.values() for curve in curves if len(curve.step)), default=0)
    return LoggedMetrics(
        title="Metrics",
        summary=say(
            "What {} logged ({}), up to step {:,}: {}.",
            count(len(numbers), "trial"),
            ", ".join(map(str, numbers)),
            longest,
            listing(made),
        ),
        notes=drawn_note(len(made), len(ordered), "metrics"),
        number=np.array(numbers, np.int64),
        panels=made,
    ).drawn(backend)


metrics: Callable[..., LoggedMetrics] = partial(plot_metrics, backend="arrays")


def _best(seen: Snapshot) -> list[int]:
    """Return the numbers of the trials, the best first; of several objectives, and of others, the last ones first."""
    history = seen.history
    good = np.flatnonzero(history.complete & history.feasible)
    if history.n_objectives > 1:
        good = good[:0]
    best = history.number[good[np.argsort(history.y[good, 0], kind="stable")]]
    others = np.setdiff1d(np.concatenate([history.number, history.pending.number]), best)[::-1]
    return [int(number) for number in np.concatenate([best, others])[:LOOKED_AT]]


def _curve(number: int, step: Ints, value: Floats, most: int) -> LoggedCurve:
    at = thin_points(step.astype(np.float64), value, most=most)
    return LoggedCurve(number, step[at], value[at])
