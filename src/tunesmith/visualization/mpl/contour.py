"""Draws contours with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.contour import Contour
from tunesmith.visualization.figures.contour import limits
from tunesmith.visualization.mpl.pairs import points, triangle
from tunesmith.visualization.mpl.style import ramp, text


def draw(data: Contour) -> Any:
    """Return the figure; dark is good, the best trial has a ring."""
    figure, panels = triangle(data, data.axes, [p.along for p in data.panels])
    low, high = limits(data)
    colours = ramp() if data.maximize else ramp().reversed()
    look = {"cmap": colours, "vmin": low, "vmax": high}
    made = None
    for ax, panel in zip(panels, data.panels, strict=True):
        axes = data.axes[panel.along[0]], data.axes[panel.along[1]]
        if panel.expected.size:
            expected = np.clip(panel.expected, low, high)
            if "category" in {a.kind for a in axes}:
                ax.pcolormesh(panel.x, panel.y, expected, shading="nearest", alpha=0.75, rasterized=True, **look)
            else:
                ax.contourf(panel.x, panel.y, expected, np.linspace(low, high, 15), alpha=0.75, **look)
        made = points(ax, axes, data.value, data.feasible, data.selected, data.best, **look)
    if made is not None:
        figure.colorbar(made, ax=panels, label=text(data.target), shrink=0.8, aspect=30, pad=0.02)
    return figure
