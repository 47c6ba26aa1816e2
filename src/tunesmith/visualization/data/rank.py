"""Ranks: pairs of parameters, with the rank of each trial's value as its colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from tunesmith.languages import say
from tunesmith.selection.wording import count
from tunesmith.visualization.data.axes import Axis
from tunesmith.visualization.data.base import FigureData, join, number
from tunesmith.visualization.data.columns import Floats, Ints, Mask, Target, as_study, read
from tunesmith.visualization.data.pairs import pairs_of
from tunesmith.visualization.data.slice import at_best, listed, place_of

SHARES = (0.0, 0.25, 0.5, 0.75, 1.0)  # whose values the scale of colours shows


@dataclass(frozen=True, eq=False, kw_only=True)
class Rank(FigureData):
    """Pairs of parameters by rank.

    Attributes:
        target: what is ranked.
        axes: the parameters, with the drawn trials on them.
        panels: which two each panel shows: places (along x, along y) among the axes.
        number: the drawn trials, int64[k].
        value: their values [k].
        rank: the share of all trials that are better [k]: 0 is the best; equal values share a rank.
        feasible: which of them violate no constraint [k].
        selected: which of them somebody asked for [k].
        best: the place of the best among them, or -1.
        scale: values at the ranks 0, 1/4, 1/2, 3/4 and 1 [5].
    """

    kind: ClassVar[str] = "rank"
    target: str
    axes: tuple[Axis, ...]
    panels: tuple[tuple[int, int], ...]
    number: Ints
    value: Floats
    rank: Floats
    feasible: Mask
    selected: Mask
    best: int
    scale: Floats


def rank(
    study: Any,
    params: Sequence[str] | None = None,
    *,
    target: Target = None,
    target_name: str | None = None,
    selected: Sequence[int] = (),
) -> Rank:
    """Return pairs of parameters, with the rank of each trial's value.

    Args:
        study: the study.
        params: parameters and user attributes, two or more; None: the five that go best with the value.
        target: what to rank, see `tunesmith.visualization.data.columns.read`; of a function low is good.
        target_name: what to call it.
        selected: numbers of trials to emphasise.

    Returns:
        The arrays.

    Raises:
        NothingToDrawError: there is no complete trial with a finite value, or only one parameter.
        ValueError: no such parameter, or several objectives and no target.
    """
    t, study = read(study, target, target_name), as_study(study)
    pairs = pairs_of(study, t, params, selected, "plot_rank")
    loss, rows = t.loss, np.flatnonzero(t.complete)
    ordered = np.sort(loss[rows])
    middle = (np.searchsorted(ordered, loss, "left") + np.searchsorted(ordered, loss, "right") - 1) / 2.0
    share = middle / max(len(ordered) - 1, 1)
    index = pairs.index
    scale = np.quantile(ordered, SHARES) * (-1.0 if t.maximize else 1.0)
    return Rank(
        title="Rank",
        summary=join(
            [
                say(
                    "Pairs of {}, coloured by the rank of {} in {}; half have a value from {} (best) to {}.",
                    listed(pairs.axes),
                    t.target,
                    count(len(rows), "trial"),
                    number(scale[0]),
                    number(scale[2]),
                ),
                t.about_best(),
                at_best(t, pairs.axes),
            ]
        ),
        notes=pairs.notes,
        target=t.target,
        axes=pairs.drawn_axes,
        panels=tuple(pairs.panels),
        number=t.number[index],
        value=t.value[index],
        rank=share[index],
        feasible=t.feasible[index],
        selected=pairs.selected[index],
        best=place_of(index, t.best),
        scale=scale,
    )
