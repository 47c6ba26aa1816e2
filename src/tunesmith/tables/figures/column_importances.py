"""Importances of the columns of a table, with their intervals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import printable, shown
from tunesmith.tables.importances import Importances
from tunesmith.visualization.columns import Floats
from tunesmith.visualization.figure import FigureData
from tunesmith.visualization.plotly_style import BLUE, GREY, Dict, framed, interval_rows, markup_free

MOST_COLUMNS = 12


@dataclass(frozen=True, eq=False, kw_only=True)
class ColumnImportances(FigureData):
    """What the metric loses when a column is shuffled.

    Attributes:
        metric: its name.
        is_error: whether it is an error, which grows.
        names: of columns, the most important first [k].
        value: the loss [k].
        low: lower ends of the intervals [k].
        high: upper ends [k].
    """

    kind: ClassVar[str] = "column_importances"
    metric: str
    is_error: bool
    names: tuple[str, ...]
    value: Floats
    low: Floats
    high: Floats

    def by_plotly(self) -> Dict:
        """Return the figure: one row a column, grey where its interval holds 0."""
        colours = [BLUE if low > 0 else GREY for low in self.low.tolist()]
        empty = [""] * len(self.names)
        traces, layout = interval_rows(self.names, self.value, self.low, self.high, empty, colours)
        layout["height"] = 150 + 26 * len(self.names) + 20
        what = "what is added to {}" if self.is_error else "what is lost of {}"
        layout["xaxis"]["title"]["text"] = markup_free(say(what, self.metric), 60)
        layout["xaxis"] |= {"zeroline": True, "zerolinecolor": "#b0b0b0"}
        return framed(self, traces, layout, tall=True)


@checked()
def plot_column_importances(importances: Any, *, backend: str = "plotly") -> Any:
    """Plot how much each column matters for predictions of rows that a model was not fitted on.

    The importance of a column is what the metric loses when it is shuffled (Breiman 2001, "Random Forests").

    Args:
        importances: what ``explain()`` of a search of `tunesmith.tune` returned.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is something else.
        MissingDependencyError: the backend is not installed.
    """
    if not isinstance(importances, Importances):
        raise TypeError(f"plot_column_importances takes what search.explain() returned; got {shown(importances)}")
    rows = importances.rows[:MOST_COLUMNS]
    told = ", ".join(f"{printable(str(one.column))} {number_text(one.value)}" for one in rows[:3])
    hidden = len(importances.rows) - len(rows)
    return ColumnImportances(
        title="Importance of the columns",
        summary=say("What shuffling a column costs, the most first: {}.", told),
        notes=(say("{:,} of {:,} columns", len(rows), len(importances.rows)),) if hidden else (),
        metric=importances.metric,
        is_error=importances.is_error,
        names=tuple(printable(str(one.column)) for one in rows),
        value=np.array([one.value for one in rows]),
        low=np.array([one.interval[0] for one in rows]),
        high=np.array([one.interval[1] for one in rows]),
    ).drawn(backend)


column_importances: Callable[..., ColumnImportances] = partial(plot_column_importances, backend="arrays")
