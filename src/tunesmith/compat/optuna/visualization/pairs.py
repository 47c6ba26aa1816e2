"""Figures of pairs with each pair in both orders, as Optuna draws them."""

from __future__ import annotations

from dataclasses import replace

from tunesmith.visualization.figures.contour import Contour, Panel
from tunesmith.visualization.figures.rank import Rank


def in_both_orders(data: Contour | Rank) -> Contour | Rank:
    """Return the arrays with the mirrored panels too, where there are more than two parameters."""
    if len(data.axes) < 3:
        return data
    if isinstance(data, Rank):
        return replace(data, panels=(*data.panels, *((j, i) for i, j in data.panels)))
    mirrored = (Panel(panel.along[::-1], panel.y, panel.x, panel.expected.T) for panel in data.panels)
    return replace(data, panels=(*data.panels, *mirrored))
