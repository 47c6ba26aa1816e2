"""Pairs of parameters: which panels a figure of pairs has, and which trials are on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tunesmith.errors import NothingToDrawError
from tunesmith.languages import say
from tunesmith.visualization.data.axes import Axis, axes_of
from tunesmith.visualization.data.columns import Indices, Mask, StudyColumns
from tunesmith.visualization.data.slice import left_out, shown_rows, thin_panels
from tunesmith.visualization.data.thinning import drawn

MOST_AXES = 5  # parameters that are shown if none are named: ten panels
MOST_NAMED = 12  # parameters, at most
MOST_POINTS, ROOM = 2000, 12_000  # points of a panel, and of all panels together


@dataclass(frozen=True, eq=False)
class Pairs:
    """What a figure of pairs shows.

    Attributes:
        axes: the parameters, over all rows of the snapshot.
        index: the rows that are drawn.
        selected: which rows of the snapshot somebody asked for.
        notes: how many trials and parameters are shown.
        n: how many trials there are to draw.
    """

    axes: list[Axis]
    index: Indices
    selected: Mask
    notes: tuple[str, ...]
    n: int

    @property
    def panels(self) -> list[tuple[int, int]]:
        """The panels, as places (along x, along y) among the axes: each pair once, column by column."""
        d = len(self.axes)
        return [(i, j) for i in range(d) for j in range(i + 1, d)]

    @property
    def drawn_axes(self) -> tuple[Axis, ...]:
        """The parameters, over the drawn trials."""
        return tuple(a.rows(self.index) for a in self.axes)


def pairs_of(study: Any, t: StudyColumns, params: Sequence[str] | None, selected: Sequence[int], figure: str) -> Pairs:
    """Return what a figure of pairs shows.

    Args:
        study: the study.
        t: its snapshot.
        params: parameters and user attributes, two or more; None: those that go best with the value.
        selected: numbers of trials that must stay.
        figure: what is drawn, for errors.

    Raises:
        NothingToDrawError: there is no complete trial, or only one parameter.
        ValueError: there is no such parameter, fewer than two are named, or very many.
    """
    t.need(figure)
    axes = axes_of(study, t, params, MOST_AXES, figure)
    if len(axes) < 2:
        pattern = "{}: pairs need two parameters; there is one, {}. plot_slice shows one"
        text = say(pattern, figure, repr(axes[0].name))
        raise NothingToDrawError(text) if params is None else ValueError(text)
    if len(axes) > MOST_NAMED:
        raise ValueError(f"{figure}: {len(axes)} parameters make too many panels; name at most {MOST_NAMED}")
    rows, chosen = shown_rows(t), t.rows_of(selected)
    panels = len(axes) * (len(axes) - 1) // 2
    index = thin_panels(t, rows, axes, chosen, min(MOST_POINTS, ROOM // panels))
    return Pairs(axes, index, chosen, (*drawn(len(index), len(rows)), *left_out(t, params, axes)), len(rows))
