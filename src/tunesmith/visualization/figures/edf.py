"""Empirical distribution functions: which share of a study's trials has at most some value."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import joined_texts, say
from tunesmith.selection.wording import count
from tunesmith.visualization.columns import Floats, Target, read_all
from tunesmith.visualization.figure import FigureData, join, short
from tunesmith.visualization.plotly_style import SERIES, Dict, axis, framed, scatter

if TYPE_CHECKING:
    from tunesmith.study.snapshot import Snapshot
    from tunesmith.study.study import Study


CURVE_POINTS = 1000  # of a curve, at most


@dataclass(frozen=True, eq=False)
class Curve:
    """One study: the share [k] of its n trials with at most the value [k]."""

    name: str
    value: Floats
    share: Floats
    n: int


@dataclass(frozen=True, eq=False, kw_only=True)
class Edf(FigureData):
    """Distribution functions of values.

    Attributes:
        target: what is shown.
        curves: one a study.
    """

    kind: ClassVar[str] = "edf"
    target: str
    curves: tuple[Curve, ...]

    def by_plotly(self) -> Dict:
        """Return the figure: one step curve a study."""
        traces = [
            scatter(
                [short(c.value)[0], *short(c.value)],  # from 0 on: one value alone is a line as well
                [0.0, *short(c.share)],
                f"{c.name} ({c.n:,})",
                mode="lines",
                line={"shape": "hv", "width": 2, "color": SERIES[i % len(SERIES)]},
            )
            for i, c in enumerate(self.curves)
        ]
        layout = {
            "xaxis": axis(self.target),
            "yaxis": axis("share of trials with at most this", range=[0, 1.02]),
            "showlegend": len(traces) > 1,
        }
        return framed(self, traces, layout)


@checked("target")
def plot_edf(
    study: Study | Snapshot | Iterable[Study | Snapshot] | Mapping[str, Study | Snapshot],
    *,
    target: Target = None,
    target_name: str | None = None,
    backend: str = "plotly",
) -> Any:
    """Plot the empirical distribution function of values: which share of trials has at most some value.

    Args:
        study: a study, a list of studies, or a dict of them by name.
        target: what to show, see `plot_optimization_history`.
        target_name: what to call it; None: as the study does.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        NothingToDrawError: no study has a complete trial with a finite value.
        ValueError: a study has several objectives and the target does not say which.
        MissingDependencyError: the backend is not installed.
    """
    tables = read_all(study, target, target_name, "plot_edf")
    curves, sentences = [], []
    for name, t in tables.items():
        values = t.value[t.complete]
        if len(values):
            curves.append(Curve(name, *distribution(values), len(values)))
            low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
            sentences.append(
                say(
                    "{}: half of {} have at most {}, the middle half {} to {}.",
                    name,
                    count(len(values), "trial"),
                    number_text(middle),
                    number_text(low),
                    number_text(high),
                )
            )
    names = list(dict.fromkeys(t.target for t in tables.values()))
    missing = [name for name, t in tables.items() if not t.complete.any()]
    return Edf(
        title="Empirical distribution function",
        summary=join([say("Distribution of {}.", joined_texts(names, " / ")), *sentences]),
        notes=tuple(say("{} has no complete trial", name) for name in missing),
        target=joined_texts(names, " / "),
        curves=tuple(curves),
    ).drawn(backend)


edf: Callable[..., Edf] = partial(plot_edf, backend="arrays")


def distribution(values: Floats) -> tuple[Floats, Floats]:
    """Return distinct values and the share of all [n] that are at most each; of many, some of them."""
    distinct, count = np.unique(values, return_counts=True)
    share = np.cumsum(count) / len(values)
    if len(distinct) > CURVE_POINTS:
        index = np.unique(np.linspace(0, len(distinct) - 1, CURVE_POINTS).astype(np.intp))
        distinct, share = distinct[index], share[index]
    return distinct, share
