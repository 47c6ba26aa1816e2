"""Belief: what the search's model expects along each parameter, how sure it is, and where it would look next.

Symbols: n trials, d parameters, k points along one of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import say
from tunesmith.foundation.states import TrialState
from tunesmith.foundation.text import did_you_mean, listing
from tunesmith.history import History
from tunesmith.samplers.gp.belief import MAX_BELIEF_TRIALS, MIN_BELIEF_TRIALS, Belief
from tunesmith.space import Int, Space
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.visualization.axes import (
    MOST_LISTED_ARRANGEMENTS,
    Axis,
    chosen_columns,
    label,
    left_out,
    listed,
    parameter_axis,
    place_of,
)
from tunesmith.visualization.columns import Floats, Indices, Ints, Mask, StudyColumns, read_columns
from tunesmith.visualization.figure import FigureData, join, short
from tunesmith.visualization.figures.slice import SLICES_SHOWN
from tunesmith.visualization.model import chosen_rows, part_of_space
from tunesmith.visualization.plotly_style import (
    BLUE,
    GREEN,
    GREY,
    INK,
    VERMILION,
    Dict,
    framed,
    markup_free,
    parameter_panels,
    scatter,
    spread,
)
from tunesmith.visualization.thinning import drawn_note, thin_points

if TYPE_CHECKING:
    from tunesmith.study.study import Study


LINE_POINTS = 81  # along a parameter that is a number
MOST_PARAMETERS = 50  # that the model knows of
MOST_FAILED = 200  # trials by which the model tells where trials fail
MOST_POINTS = 20_000  # trials that are drawn, over all panels
BAND = "rgba(0,114,178,0.18)"
HALF_A_BAR = 0.32  # of a category: half the width of its bar


@dataclass(frozen=True, eq=False)
class BeliefPanel:
    """What is believed along one parameter; the others are those of the best trial in which it is active.

    Attributes:
        axis: the parameter, with the drawn trials on it [p].
        number: the drawn trials, in which the parameter is active, int64[p].
        value: their values [p].
        feasible: which of them violate no constraint [p].
        best: the place of the best one of all trials among them, or -1.
        at: where the model was asked [k]; of categories, each one.
        mean: what it expects there, in the user's direction [k].
        low: the lower end of the band that holds the value with 95 % [k].
        high: its upper end [k].
        improvement: how much better than the best so far a trial there is expected to be, where it is better, times
            the probability that it does not fail and violates no constraint [k].
        next: the place among the k where that is most.
    """

    axis: Axis
    number: Ints
    value: Floats
    feasible: Mask
    best: int
    at: Floats
    mean: Floats
    low: Floats
    high: Floats
    improvement: Floats
    next: int


@dataclass(frozen=True, eq=False, kw_only=True)
class BeliefFigure(FigureData):
    """The model's belief along each parameter.

    Attributes:
        target: what is believed of.
        maximize: whether high is good.
        panels: one a parameter.
        ends: of the axis of values (low, high); what lies beyond is cut off.
    """

    kind: ClassVar[str] = "belief"
    target: str
    maximize: bool
    panels: tuple[BeliefPanel, ...]
    ends: tuple[float, float]

    def by_plotly(self) -> Dict:
        """Return the mean as a line, the band around it, trials as points, the next trial as a dotted line."""
        below: Dict = {"orientation": "h", "yref": "container", "y": 0.01, "yanchor": "bottom", "x": 0}
        layout, places = parameter_panels([panel.axis for panel in self.panels], self.target, self.ends)
        layout |= {"legend": below, "margin": {"l": 70, "r": 30, "t": 90, "b": 100}}
        layout["height"] += 165
        traces: list[Dict] = []
        for k, (panel, place) in enumerate(zip(self.panels, places, strict=True)):
            traces += [{**place, **t} for t in _panel_traces(self, panel, first=k == 0)]
        return framed(self, traces, layout)


@checked()
def plot_belief(
    study: Study | Snapshot,
    params: Sequence[str] | None = None,
    *,
    objective: int | None = None,
    backend: str = "plotly",
) -> Any:
    """Plot what a model believes along each parameter: what it expects, how sure it is, and where it would look next.

    The model is the Gaussian process by which `tunesmith.samplers.GPSampler` would search on, fitted to the complete
    trials of any sampler; it needs three of them. Along one parameter the others are those of the best trial, or of the
    best trial in which the parameter is active. The band holds, with 95 %, what the value would be without noise. The
    dotted line is where a trial is expected to improve most on the best one.

    Args:
        study: the study, or a fitted search.
        params: names of parameters; None: those that vary. Of more than twelve these are the ones whose order goes best
            with the value's.
        objective: of several objectives the one that is shown, from 0; None: there is one.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. The model rests on 500 trials at most, the best ones among them.

    Raises:
        NothingToDrawError: fewer than three trials are complete with finite values, all values are equal, or there is
            no parameter.
        ValueError: there is no such parameter, or there are several objectives and none is chosen.
        MissingDependencyError: the backend is not installed.
    """
    seen = as_snapshot(study)
    t = read_columns(seen, objective)
    t.need("plot_belief")
    rows = chosen_rows(t.loss, np.flatnonzero(t.complete), MAX_BELIEF_TRIALS)
    space = t.space
    if space is None or not len(space):
        raise NothingToDrawError(say("{}: the trials of {} have no parameters", "plot_belief", repr(t.name)))
    if len(rows) < MIN_BELIEF_TRIALS:
        pattern = "{}: a model needs {:,} complete trials; {}"
        raise NothingToDrawError(say(pattern, "plot_belief", MIN_BELIEF_TRIALS, t.tally()))
    if t.loss[rows].max() == t.loss[rows].min():
        raise NothingToDrawError(say("{}: all values of {} are equal", "plot_belief", repr(t.name)))
    columns = _columns(t, space, params)
    if not columns:
        pattern = "{}: the parameters of {} are permutations or subsets, which have no axis"
        raise NothingToDrawError(say(pattern, "plot_belief", repr(t.name)))
    most = max(MOST_POINTS // len(columns), 100)
    known, own = part_of_space(space, columns, MOST_PARAMETERS)
    cut = replace(t, space=own, x=t.x[:, known])
    failed = np.flatnonzero(t.is_in(TrialState.FAIL))[-MOST_FAILED:]
    both = np.sort(np.concatenate([rows, failed]))
    history, limited = (_history(seen.history, cut, own, some, objective or 0) for some in (rows, both))
    model = Belief(history, own, limited)
    panels = tuple(_panel(cut, own, model, known.index(j), most) for j in columns)
    ends = _ends(t, panels)
    shown = np.flatnonzero(t.complete)
    return BeliefFigure(
        title="What the model believes",
        summary=join(
            [
                say("What a model of {:,} trials believes of {} along {}.", len(rows), t.target, _listed(panels)),
                t.about_best(),
                _most_promising(panels),
            ]
        ),
        notes=(
            say("others as in the best trial; band: 95 % of what the value may be without noise"),
            *drawn_note(max(len(p.number) for p in panels), len(shown)),
            *left_out(t, params, [p.axis for p in panels]),
            *_at_the_edge(t, ends),
        ),
        target=t.target,
        maximize=bool(t.maximize),
        panels=panels,
        ends=ends,
    ).drawn(backend)


belief: Callable[..., BeliefFigure] = partial(plot_belief, backend="arrays")


def _history(whole: History, t: StudyColumns, space: Space, rows: Indices, objective: int) -> History:
    """Return some trials as a history of one objective, with their constraints and noise, and earlier studies."""
    n = len(rows)
    failed = t.is_in(TrialState.FAIL)[rows]
    limits = {i: own for i, row in enumerate(rows.tolist()) if (own := whole.constraints_of(row))}
    noise = whole.noise[rows, objective]
    found = History(space)
    found.extend(
        np.arange(n),
        t.state[rows],
        np.where(failed, np.nan, t.loss[rows])[:, None],
        [(space, np.arange(n), t.x[rows])],
        sampler_state=np.zeros(n, np.int64),
        cost=np.full(n, np.nan),
        constraints=limits,
        noise={int(i): [float(noise[i])] for i in np.flatnonzero(noise == noise)},
    )
    found.warm_start = whole.warm_start
    return found


def _has_axis(space: Space, j: int) -> bool:
    """Return whether a model can be drawn along a parameter: not of permutations and subsets that are many."""
    p = space.params[space.names[j]]
    return not p.is_combinatorial or p.n_values <= MOST_LISTED_ARRANGEMENTS


def _columns(t: StudyColumns, space: Space, params: Sequence[str] | None) -> list[int]:
    """Return the columns of the parameters to show."""
    if params is None:
        return [j for j in chosen_columns(t, space, SLICES_SHOWN) if _has_axis(space, j)]
    labels = {space.names[j]: j for j in range(len(space))} | {label(space, j): j for j in reversed(range(len(space)))}
    found = []
    for name in [params] if isinstance(params, str) else params:
        if name not in labels:
            raise ValueError(
                f"plot_belief: {t.name!r} has no parameter {name!r}{did_you_mean(name, labels)} (it has "
                f"{listing(labels)})"
            )
        if not _has_axis(space, labels[name]):
            raise ValueError(f"plot_belief: {name!r} has too many values, without an order, for an axis")
        found.append(labels[name])
    if not found:
        raise ValueError("plot_belief: params is empty; give at least one name, or None for all")
    return found


def _panel(t: StudyColumns, space: Space, model: Belief, j: int, most: int) -> BeliefPanel:
    """Return the panel of column j, with so many trials at most."""
    whole = parameter_axis(t, space, j)
    rows = np.flatnonzero(t.complete & ~np.isnan(t.x[:, j]))
    if len(rows) > most:
        rows = rows[thin_points(whole.unit[rows], t.value[rows], rows == (-1 if t.best is None else t.best), most)]
    at = _along(space, whole, j)
    found = model.at(_points(t, model.space, j, at))
    sign = -1.0 if t.maximize else 1.0
    low, high = (found.high, found.low) if t.maximize else (found.low, found.high)
    return BeliefPanel(
        whole.rows(rows),
        t.number[rows],
        t.value[rows],
        t.feasible[rows],
        place_of(rows, t.best),
        at,
        sign * found.mean,
        sign * low,
        sign * high,
        found.improvement,
        int(np.argmax(found.log_improvement)),
    )


def _along(space: Space, axis: Axis, j: int) -> Floats:
    """Return where the model is asked along an axis, each time at a value that the parameter can have."""
    p, at = space.params[space.names[j]], axis.grid(LINE_POINTS)
    if axis.kind != "category":
        at = np.unique(np.clip(np.asarray(p.from_unit(p.to_unit(at))), axis.low, axis.high))
    return np.round(at) if isinstance(p, Int) else at


def _points(t: StudyColumns, tree: Space, j: int, at: Floats) -> Floats:
    """Return the points [k, d] along column j: the other values are those of the best trial.

    That is the best trial in which the parameter is active, and of a category that decides which others are, the best
    one that has it. What is active there and was not in that trial is as in the best trial in which it was.
    """
    complete = np.flatnonzero(t.complete)
    order = complete[np.lexsort((t.loss[complete], ~t.feasible[complete]))]
    usual = np.array([_first(t.x[order, c]) for c in range(t.x.shape[1])])
    middle = tree.from_unit(np.full((1, t.x.shape[1]), 0.5))[0]
    usual = np.where(np.isnan(usual), middle, usual)
    own = order[~np.isnan(t.x[order, j])]
    points = np.tile(t.x[own[0]] if len(own) else usual, (len(at), 1))
    if _decides(tree, j):
        for i, value in enumerate(at.tolist()):
            same = own[t.x[own, j] == value]
            points[i] = t.x[same[0]] if len(same) else points[i]
    points[:, j] = at
    # A value that decides what else is active changes what is needed; what is not is left out by the model.
    return np.where(np.isnan(points), usual, points)


def _decides(tree: Space, j: int) -> bool:
    """Tell whether a parameter decides which others are active."""
    name = tree.names[j]
    return any(p.condition is not None and name in p.condition.parents for p in tree.params.values())


def _first(column: Floats) -> float:
    known = column[~np.isnan(column)]
    return float(known[0]) if len(known) else float("nan")


def _ends(t: StudyColumns, panels: Sequence[BeliefPanel]) -> tuple[float, float]:
    """Return the ends of the axis of values: those of the better half of the trials and of what is expected.

    What is far worse than most trials would make lines flat.
    """
    sign = -1.0 if t.maximize else 1.0
    loss, expected = t.loss[t.complete], sign * np.concatenate([p.mean for p in panels])
    low = min(float(loss.min()), float(expected.min()))
    high = max(float(np.median(loss)), min(float(np.quantile(expected, 0.95)), float(loss.max())))
    pad = 0.08 * ((high - low) or abs(high) or 1.0)
    return (-high - pad, pad - low) if t.maximize else (low - pad, high + pad)


def _at_the_edge(t: StudyColumns, ends: tuple[float, float]) -> tuple[str, ...]:
    value = t.value[t.complete]
    n = int(((value < ends[0]) | (value > ends[1])).sum())
    return (say("{:,} worse trial at the edge" if n == 1 else "{:,} worse trials at the edge", n),) if n else ()


def _listed(panels: Sequence[BeliefPanel]) -> str:
    return listed([p.axis for p in panels])


def _most_promising(panels: Sequence[BeliefPanel]) -> str:
    """Say where a trial is expected to improve most, of all that is drawn."""
    best = max(panels, key=lambda p: float(p.improvement[p.next]))
    where = best.axis.categories[best.next] if best.axis.kind == "category" else number_text(best.at[best.next])
    pattern = "Along these lines it expects most at {} = {}: an improvement of {} on average."
    return say(pattern, best.axis.name, where, number_text(float(best.improvement[best.next])))


def _panel_traces(data: BeliefFigure, panel: BeliefPanel, first: bool) -> list[Dict]:
    """Return the traces of one parameter; those of the first one are in the legend."""
    name, target = markup_free(panel.axis.name), markup_free(data.target)
    words = panel.axis.categories or [f"{v:.6g}" for v in panel.at.tolist()]
    about = [
        [markup_free(word, 40), f"{low:.5g}", f"{high:.5g}", f"{gain:.4g}"]
        for word, low, high, gain in zip(words, panel.low, panel.high, panel.improvement, strict=True)
    ]
    hover = (
        f"{name} %{{customdata[0]}}<br>expected {target} %{{y:.5g}}<br>95 %: %{{customdata[1]}} – %{{customdata[2]}}"
        "<br>expected improvement %{customdata[3]}<extra></extra>"
    )
    known = {"customdata": about, "hovertemplate": hover}
    low, high = np.clip(panel.low, *data.ends), np.clip(panel.high, *data.ends)
    at, bars = panel.at, panel.axis.kind == "category"
    if bars:
        made = [_box(at, low, high), _line(*dashes(at, panel.mean)), _dots(at, panel.mean, known)]
    else:
        both = {"x": short(np.concatenate([at, at[::-1]])), "y": short(np.concatenate([high, low[::-1]]))}
        area = {**both, "fill": "toself", "fillcolor": BAND, "line": {"width": 0}, "hoverinfo": "skip"}
        made = [
            {**scatter([], [], "95 % band", mode="lines"), **area},
            {**_line(at, panel.mean), **known},
        ]
    plain, points = panel.feasible, spread(panel.axis)
    kinds = [
        ("trials", plain, {"color": INK, "size": 4, "opacity": 0.55}),
        ("infeasible", ~plain, {"color": GREY, "size": 5, "symbol": "x"}),
        (
            "best",
            np.arange(len(plain)) == panel.best,
            {"color": "rgba(0,0,0,0)", "size": 13, "line": {"color": VERMILION, "width": 2.5}},
        ),
    ]
    made += [
        scatter(
            short(points[rows]),
            short(np.clip(panel.value[rows], *data.ends)),
            word,
            marker=marker,
            customdata=[[n, f"{v:.6g}"] for n, v in zip(panel.number[rows].tolist(), panel.value[rows], strict=True)],
            hovertemplate=f"trial %{{customdata[0]}}<br>{name} %{{x}}<br>{target} %{{customdata[1]}}<extra></extra>",
        )
        for word, rows, marker in kinds
        if rows.any()
    ]
    there = float(panel.at[panel.next])
    gain = f"expected improvement {panel.improvement[panel.next]:.4g}<extra></extra>"
    made.append(
        scatter(
            [there, there],
            list(data.ends),
            "most expected improvement",
            mode="lines",
            line={"color": GREEN, "width": 1.8, "dash": "dot"},
            hovertemplate=f"{name} {markup_free(words[panel.next], 40)}<br>{gain}",
        )
    )
    return [{**trace, "legendgroup": trace["name"], "showlegend": first} for trace in made]


def dashes(at: Floats, mean: Floats) -> tuple[Floats, Floats]:
    """Return a line that is broken between categories: a dash at the mean of each."""
    gap = np.full(len(at), np.nan)
    x, y = np.column_stack([at - HALF_A_BAR, at + HALF_A_BAR, gap]), np.column_stack([mean, mean, gap])
    return x.ravel(), y.ravel()


def _line(at: Floats, mean: Floats) -> Dict:
    return scatter(short(at), short(mean), "expected", mode="lines", line={"color": BLUE, "width": 2.2})


def _dots(at: Floats, mean: Floats, known: Dict) -> Dict:
    """Return points without a look, that tell what is believed where the mouse is."""
    return {**scatter(short(at), short(mean), "expected", marker={"color": BLUE, "size": 4}), **known}


def _box(at: Floats, low: Floats, high: Floats) -> Dict:
    """Return a bar for each category, from the lower to the upper end of its band."""
    return {
        "type": "bar",
        "x": short(at),
        "y": short(high - low),
        "base": short(low),
        "width": 2 * HALF_A_BAR,
        "marker": {"color": BAND},
        "hoverinfo": "skip",
        "name": "95 % band",
    }
