"""The Pareto front: trials by two or three objectives, and which of them no other one beats in all."""

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
from tunesmith.foundation.numerics.pareto import non_dominated
from tunesmith.foundation.states import StudyDirection, TrialState
from tunesmith.foundation.text import printable
from tunesmith.selection.wording import count
from tunesmith.study.snapshot import Snapshot, as_snapshot
from tunesmith.trial.record import FrozenTrial
from tunesmith.visualization.columns import Floats, Ints, Mask, objective_names
from tunesmith.visualization.figure import FigureData, short
from tunesmith.visualization.plotly_style import (
    BLUE,
    GREY,
    GRID,
    PALE,
    VERMILION,
    Dict,
    axis,
    framed,
    markup_free,
    scatter,
)
from tunesmith.visualization.thinning import drawn_note, thin_points

if TYPE_CHECKING:
    from tunesmith.study.study import Study


Targets = Callable[[FrozenTrial], Sequence[float]] | Sequence[int] | None


@dataclass(frozen=True, eq=False, kw_only=True)
class ParetoFront(FigureData):
    """Trials by two or three objectives.

    Attributes:
        targets: the objectives' names.
        maximize: for each, whether high is good.
        number: the drawn trials, int64[k].
        values: theirs [k, m], in the user's own directions.
        front: which of them are on the front [k].
        feasible: which of them violate no constraint [k].
        selected: which of them somebody asked for [k].
    """

    kind: ClassVar[str] = "pareto_front"
    targets: tuple[str, ...]
    maximize: tuple[bool, ...]
    number: Ints
    values: Floats
    front: Mask
    feasible: Mask
    selected: Mask

    def by_plotly(self) -> Dict:
        """Return the figure; three objectives are a trace "scatter3d", which pages show as pairs of objectives."""
        flat = len(self.targets) == 2
        kinds: list[tuple[str, Mask, Dict]] = [
            ("dominated", ~self.front & self.feasible, {"color": BLUE, "opacity": 0.35, "size": 5 if flat else 2}),
            ("infeasible", ~self.feasible, {"color": GREY, "symbol": "x", "size": 5 if flat else 2}),
            ("front", self.front, {"color": VERMILION, "size": 7 if flat else 4}),
            ("selected", self.selected, {"color": "black", "symbol": "circle-open", "size": 12 if flat else 7}),
        ]
        traces: list[Dict] = []
        if flat and self.front.any():
            traces.append(_edge(self))
        for word, rows, marker in kinds:
            if rows.any():
                traces.append(_points(self, word, rows, marker))
        names = [
            markup_free(say("{} (higher is better)" if up else "{} (lower is better)", n), 60)
            for n, up in shown_objectives(self)
        ]
        if flat:
            layout: Dict = {"xaxis": axis(), "yaxis": axis()}
            for key, name in zip(("xaxis", "yaxis"), names, strict=True):
                layout[key]["title"]["text"] = name
            return framed(self, traces, layout)
        look = {"backgroundcolor": "white", "gridcolor": GRID, "zerolinecolor": GRID, "showbackground": True}
        scene: Dict = {f"{key}axis": {"title": {"text": n}, **look} for key, n in zip("xyz", names, strict=True)}
        scene["camera"] = {"eye": {"x": 1.5, "y": 1.5, "z": 0.9}}
        layout = {"scene": scene, "height": 650, "margin": {"l": 10, "r": 10, "t": 80, "b": 10}}
        return framed(self, traces, {**layout, "legend": {"itemsizing": "constant"}})


@checked()
def plot_pareto_front(
    study: Study | Snapshot,
    *,
    target_names: Sequence[str] | None = None,
    include_dominated_trials: bool = True,
    targets: Targets = None,
    selected: Sequence[int] = (),
    backend: str = "plotly",
) -> Any:
    """Plot trials by two or three objectives, and which of them no other one beats in all.

    Args:
        study: the study.
        target_names: names of what is shown; None: as the study has them.
        include_dominated_trials: show the others too.
        targets: what to show: None, all objectives; numbers of two or three of them, such as [0, 2]; or a function of a
            `FrozenTrial` that returns two or three values. The directions are those of the study if it returns as many
            values as there are objectives, else low is good.
        selected: numbers of trials to emphasise.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one. The front is that of the objectives shown; all of it is drawn.

    Raises:
        NothingToDrawError: no trial is complete with finite values.
        ValueError: there are not two or three objectives to show, or not as many names.
        MissingDependencyError: the backend is not installed.
    """
    seen = as_snapshot(study)
    history = seen.history
    values, maximize, names = _values(seen, targets)
    m = values.shape[1]
    if target_names is not None:
        if len(target_names) != m:
            raise ValueError(f"target_names has {len(target_names)} names, for {m} objectives")
        names = [printable(str(name)) for name in target_names]
    numbers, feasible = history.number, history.feasible
    rows = np.flatnonzero(history.complete & np.isfinite(values).all(axis=1))
    if not len(rows):
        raise NothingToDrawError(
            say("{}: no trial of {} is complete with finite values yet", "plot_pareto_front", repr(seen.study_name))
        )
    sign = np.where(maximize, -1.0, 1.0)
    front = np.zeros(len(history), bool)
    able = rows[feasible[rows]]
    front[able[non_dominated(values[able] * sign)]] = True
    chosen = np.isin(numbers, list(selected))
    shown = rows if include_dominated_trials else rows[front[rows] | chosen[rows]]
    index = shown[thin_points(values[shown, 0], values[shown, 1], (front | chosen)[shown])]
    k = int(front.sum())
    ends = joined_texts(
        say("{} from {} to {}", name, number_text(low), number_text(high))
        for name, low, high in zip(names, *_ends(values[front if k else rows]), strict=True)
    )
    goals = joined_texts(
        say("{} maximized" if up else "{} minimized", name) for name, up in zip(names, maximize, strict=True)
    )
    return ParetoFront(
        title="Pareto front",
        summary=say("{} by {}. {:,} on the front, with {}.", count(len(rows), "trial"), goals, k, ends)
        if k
        else say("{} by {}. None is feasible; {}.", count(len(rows), "trial"), goals, ends),
        notes=drawn_note(len(index), len(shown)),
        targets=tuple(names),
        maximize=tuple(maximize),
        number=numbers[index],
        values=values[index],
        front=front[index],
        feasible=feasible[index],
        selected=chosen[index],
    ).drawn(backend)


pareto_front: Callable[..., ParetoFront] = partial(plot_pareto_front, backend="arrays")


def _ends(values: Floats) -> tuple[list[float], list[float]]:
    return values.min(axis=0).tolist(), values.max(axis=0).tolist()


def _values(seen: Snapshot, targets: Targets) -> tuple[Floats, list[bool], list[str]]:
    """Return the values to show [n, m] in the user's directions, whether high is good, and their names."""
    maximize = [d == StudyDirection.MAXIMIZE for d in seen.directions]
    names = objective_names(seen)
    if callable(targets):
        found = _called(seen, targets)
        m = found.shape[1]
        same = m == len(maximize)
        return found, maximize if same else [False] * m, names if same else [f"target {k}" for k in range(m)]
    if len(maximize) == 1:
        raise ValueError(
            f"plot_pareto_front needs two objectives or three; {seen.study_name!r} has one: plot_optimization_history "
            "shows it"
        )
    chosen = list(range(len(maximize))) if targets is None else list(targets)
    wrong = [k for k in chosen if not 0 <= k < len(maximize)]
    if wrong or len(chosen) not in (2, 3) or len(set(chosen)) < len(chosen):
        what = f"targets={chosen}" if targets is not None else "all of them"
        raise ValueError(
            f"plot_pareto_front shows two or three objectives; the study {seen.study_name!r} has {len(maximize)} "
            f"({', '.join(names)}) and {what} cannot be shown; choose with targets=[0, 1]"
        )
    return (seen.history.y * np.array(seen.signs))[:, chosen], [maximize[k] for k in chosen], [names[k] for k in chosen]


def _called(seen: Snapshot, targets: Callable[[FrozenTrial], Sequence[float]]) -> Floats:
    """Return what a function gives for each complete trial [n, m]; NaN for the others."""
    made = {t.number: [float(v) for v in targets(t)] for t in seen.get_trials(states=[TrialState.COMPLETE])}
    sizes = {len(v) for v in made.values()}
    if sizes - {2, 3} or len(sizes) > 1:
        raise ValueError(f"targets must return two values for each trial, or three; it returned {sorted(sizes)}")
    m = sizes.pop() if sizes else 2
    return np.array([made.get(k, [np.nan] * m) for k in seen.history.number.tolist()]).reshape(-1, m)


def shown_objectives(data: ParetoFront) -> list[tuple[str, bool]]:
    """Return the objectives' names, and whether high is good."""
    return list(zip(data.targets, data.maximize, strict=True))


def staircase(data: ParetoFront) -> tuple[Floats, Floats]:
    """Return the corners (x, y) of the edge of what two objectives' front dominates."""
    points = data.values[data.front]
    points = points[np.lexsort((points[:, 1], points[:, 0]))]
    x, y = np.repeat(points[:, 0], 2), np.repeat(points[:, 1], 2)
    # Between two neighbours the edge passes through the corner that is worse in both objectives.
    return (x[1:], y[:-1]) if not data.maximize[0] else (x[:-1], y[1:])


def _edge(data: ParetoFront) -> Dict:
    x, y = staircase(data)
    return scatter(
        short(x), short(y), "edge of the front", mode="lines", line={"color": PALE, "width": 1.5}, hoverinfo="skip",
        showlegend=False,
    )  # fmt: skip


def _points(data: ParetoFront, word: str, rows: Mask, marker: Dict) -> Dict:
    columns = [short(c) for c in data.values[rows].T]
    trace = scatter(columns[0], columns[1], word, marker=marker, customdata=data.number[rows].tolist())
    names = [markup_free(n) for n in data.targets]
    hover = "trial %{customdata}" + "".join(f"<br>{n} %{{{key}}}" for n, key in zip(names, "xyz", strict=False))
    trace["hovertemplate"] = hover + "<extra></extra>"
    if len(columns) == 3:
        trace |= {"type": "scatter3d", "z": columns[2]}
    return trace
