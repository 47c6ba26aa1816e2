"""The confusion matrix: which classes are taken for which, in rows that the model was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.languages import say
from tunesmith.tables.figures.known import as_tuner, named_classes
from tunesmith.visualization.columns import Floats, Ints
from tunesmith.visualization.figure import FigureData, join, short
from tunesmith.visualization.plotly_style import FAINT, Dict, axis, bar, framed, markup_free, scatter

MOST_CLASSES = 12


@dataclass(frozen=True, eq=False, kw_only=True)
class Confusion(FigureData):
    """Rows by their class and by what they are taken for.

    Attributes:
        classes: the labels [k].
        counts: of rows [k, k], in rows by the truth.
        share: of the rows of a class [k, k].
    """

    kind: ClassVar[str] = "confusion"
    classes: tuple[str, ...]
    counts: Ints
    share: Floats

    def by_plotly(self) -> Dict:
        """Return cells, the truth from the top; in each the number of rows."""
        k = len(self.classes)
        places, names = list(range(k)), [markup_free(name, 16) for name in self.classes]
        cells: Dict = {"type": "heatmap", "x": places, "y": places, "z": [short(row) for row in self.share]}
        cells |= {"zmin": 0.0, "zmax": 1.0, "colorscale": FAINT, "xgap": 2}
        cells |= {"ygap": 2, "colorbar": bar("share of the class"), "name": "rows"}
        cells["hovertemplate"] = "%{z:.3f}<extra></extra>"
        at = [(row, column) for row in places for column in places if self.counts[row, column]]
        words: Dict = {"mode": "text", "hoverinfo": "skip", "textposition": "top center"}
        words["text"] = [f"{self.counts[r, c]:,}" for r, c in at]
        layout: Dict = {
            "xaxis": axis("predicted", tickvals=places, ticktext=names, range=[-0.5, k - 0.5], showgrid=False),
            "yaxis": axis("true", tickvals=places, ticktext=names, range=[k - 0.5, -0.5], showgrid=False),
            "height": 240 + 34 * k,
            "showlegend": False,
        }
        numbers = scatter([c for _, c in at], [r + 0.2 for r, _ in at], "rows", **words)
        return framed(self, [cells, numbers], layout, tall=True)


@checked()
def plot_confusion(search: Any, *, backend: str = "plotly") -> Any:
    """Plot which classes are taken for which, in rows that the model was not fitted on.

    Of more than twelve classes, the most frequent ones are shown.

    Args:
        search: what `tunesmith.tune` returned for a target of classes.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is something else.
        NothingToDrawError: the targets are numbers; see `plot_predictions`.
        MissingDependencyError: the backend is not installed.
    """
    known = as_tuner(search, "plot_confusion", classes=True).out_of_fold_
    counts, names = known.confusion(), named_classes(known)
    keep = np.sort(np.argsort(-counts.sum(axis=1), kind="stable")[:MOST_CLASSES])
    wrong = counts - np.diag(np.diag(counts))
    truth, taken = np.unravel_index(int(wrong.argmax()), wrong.shape)
    right, n = int(np.trace(counts)), int(counts.sum())
    mistaken = say("Most often {} is taken for {}: {:,} rows.", names[truth], names[taken], int(wrong.max()))
    shown = counts[np.ix_(keep, keep)]
    return Confusion(
        title="What is taken for what",
        summary=join([say("{:,} of {:,} rows are right.", right, n), mistaken if wrong.max() else None]),
        notes=(say("the {} most frequent of {} classes", len(keep), len(names)),) if len(keep) < len(names) else (),
        classes=tuple(names[k] for k in keep.tolist()),
        counts=shown,
        share=shown / np.maximum(counts[keep].sum(axis=1, keepdims=True), 1),
    ).drawn(backend)


confusion: Callable[..., Confusion] = partial(plot_confusion, backend="arrays")
