"""Residuals along a column: where the model is off, in rows that it was not fitted on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

from tunesmith.errors import NothingToDrawError
from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import number_text
from tunesmith.foundation.languages import say
from tunesmith.foundation.text import did_you_mean, printable, shown
from tunesmith.tables.figures.known import as_tuner, binned
from tunesmith.tables.out_of_fold import Bin, along
from tunesmith.tables.values import read_table
from tunesmith.visualization.figure import FigureData, Own
from tunesmith.visualization.plotly_style import VERMILION, Dict, axis, framed, markup_free

BEYOND_CHANCE = 1.5  # half-widths of a 95 % interval, about 3 standard errors


@dataclass(frozen=True, eq=False, kw_only=True)
class Residuals(FigureData):
    """How far predictions are off, along a column.

    Attributes:
        column: its name.
        names: of its categories; none: it has numbers.
        shares: whether it is the share of wrong predictions; else the truth less the prediction.
        bins: of rows, with the mean of that.
    """

    kind: ClassVar[str] = "residuals"
    column: str
    names: tuple[str, ...]
    shares: bool
    bins: tuple[Bin, ...]

    def by_plotly(self) -> Dict:
        """Return the bins."""
        made = binned(list(self.bins), "mean", VERMILION, hovertemplate="%{x:.4g}, %{y:.4g}<extra></extra>")
        across = axis(self.column, 40)
        if self.names:
            made["mode"] = "markers"
            places = list(range(len(self.names)))
            across |= {"tickvals": places, "ticktext": [markup_free(n, 16) for n in self.names]}
            across["range"] = [-0.5, len(places) - 0.5]
        across["title"]["text"] = Own(across["title"]["text"])
        zero: Dict = {"rangemode": "tozero"} if self.shares else {"zeroline": True, "zerolinecolor": "#b0b0b0"}
        up = axis("share that is wrong" if self.shares else "truth less prediction", **zero)
        return framed(self, [made], {"xaxis": across, "yaxis": up, "showlegend": False})


@checked()
def plot_residuals(search: Any, column: Any, *, backend: str = "plotly") -> Any:
    """Plot how far predictions are off along a column, in rows that the model was not fitted on.

    Of classes it is the share of wrong predictions, of numbers the mean of the truth less the prediction. Rows are in
    bins of as many each, or by category; the bars are 95 % intervals.

    Args:
        search: what `tunesmith.tune` returned; not a copy or a pickle, which has no rows.
        column: the name of the column, or its number where columns have no names.
        backend: "plotly" or "matplotlib".

    Returns:
        A Plotly figure, or a Matplotlib one.

    Raises:
        TypeError: it is something else.
        ValueError: there is no such column.
        NothingToDrawError: there are no rows any more, they are a sparse matrix, or the column has no values.
        MissingDependencyError: the backend is not installed.
    """
    tuner = as_tuner(search, "plot_residuals")
    X = None if getattr(tuner, "_data", None) is None else tuner._data[0]
    if X is None or hasattr(X, "tocsr"):
        raise NothingToDrawError(say("{}: it needs the rows as a table", "plot_residuals"))
    table = read_table(X)
    names = list(range(table.n_columns)) if table.names is None else table.names
    if column not in names:
        known = did_you_mean(str(column), list(map(str, names)))
        raise ValueError(f"plot_residuals: there is no column {shown(column)}{known}")
    bins, categories = along(tuner.out_of_fold_, table.column(names.index(column)))
    if not bins:
        raise NothingToDrawError(say("{}: the column has no values", "plot_residuals"))
    shares = tuner.target_.classes is not None
    return Residuals(
        title="Where it is wrong" if shares else "Where it is off",
        summary=_told(printable(str(column)), bins, categories, shares),
        column=printable(str(column)),
        names=tuple(map(printable, categories)),
        shares=shares,
        bins=tuple(bins),
    ).drawn(backend)


residuals: Callable[..., Residuals] = partial(plot_residuals, backend="arrays")


def _told(column: str, bins: list[Bin], categories: list[str], shares: bool) -> str:
    """Say where predictions are off the most, if anywhere more than chance has it in one of so many bins."""
    usual = sum(b.mean * b.n for b in bins) / sum(b.n for b in bins) if shares else 0.0
    off = [b for b in bins if abs(b.mean - usual) > BEYOND_CHANCE * abs(b.mean - b.interval[int(b.mean < usual)])]
    if shares:
        off = [b for b in off if b.mean > usual]
    if not off:
        return say("Along {} there is no place where it is off by more than chance has it.", column)
    worst = max(off, key=lambda b: abs(b.mean - usual))
    named = say("where it is {}", printable(categories[round(worst.at)])) if categories else None
    where = named or say("from {} to {}", *map(number_text, worst.ends))
    if shares:
        share = f"{100 * worst.mean:.3g} %"
        return say("Along {}, it is most often wrong {}: {} of {:,} rows.", column, where, share, worst.n)
    way = "low" if worst.mean > 0 else "high"
    return say("Along {}, predictions are too " + way + " by {} {}.", column, number_text(abs(worst.mean)), where)
