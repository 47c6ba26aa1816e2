"""Draws a race with Matplotlib."""

from __future__ import annotations

from typing import Any

import numpy as np

from tunesmith.visualization.data.racing import Racing
from tunesmith.visualization.figures.style import BLUE, GREY, VERMILION
from tunesmith.visualization.mpl.style import legend, new, ramp, text


def draw(data: Racing) -> Any:
    """Return the figure: scores above (white: not run), fits below."""
    figure, axes = new(data, 2, 1, (8.0, 5.4))
    above, below = axes[:, 0]
    folds = len(data.scores)
    cells = above.pcolormesh(
        data.candidate, np.arange(1, folds + 1), data.scores, shading="nearest", cmap=ramp(), edgecolors="white",
        linewidth=0.5 if len(data.candidate) < 200 else 0.0, rasterized=True,
    )  # fmt: skip
    above.grid(visible=False)
    above.set(ylabel="fold", ylim=(0.5, folds + 0.5))
    if data.best >= 0:
        at = data.candidate[data.best]
        above.plot([at], [1.03], "v", color=VERMILION, transform=above.get_xaxis_transform(), clip_on=False)
        above.annotate("returned", (at, 1.08), xycoords=("data", "axes fraction"), ha="center", fontsize=8)
    figure.colorbar(cells, ax=above, label=text(data.metric), aspect=15, pad=0.01)
    below.plot(data.candidate, data.fits_without, "--", color=GREY, label="fits without racing")
    below.plot(data.candidate, data.fits, color=BLUE, label="fits made")
    below.set(xlabel="candidate", ylabel="fits", ylim=(0, None))
    below.sharex(above)
    legend(below)
    return figure
