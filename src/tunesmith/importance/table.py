"""The table of importances: values, intervals, null lines, and how they are shown."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tunesmith.errors import MissingDependencyError
from tunesmith.languages import say
from tunesmith.text import block, printable, shorten

if TYPE_CHECKING:
    import pandas as pd

LEVEL = 0.95  # of the intervals; the null lines are passed by noise in 1 - LEVEL of the studies
SHOWN = 30  # rows of each kind that are printed; the rest is counted
LONGEST = 40  # characters of a name that are printed


@dataclass(frozen=True, slots=True)
class Change:
    """One step on the path from the default configuration to the best one.

    Attributes:
        before: the parameter's value in the default; None: it is not active there (the value None is a text).
        after: its value in the best configuration, likewise.
        expected: what a trial is expected to give after this step and those before it, in the study's unit.
        interval: of that, (low, high).
    """

    before: Any
    after: Any
    expected: float
    interval: tuple[float, float]


@dataclass(frozen=True, slots=True)
class ImportanceRow:
    """How much one parameter mattered, or two of them together.

    Attributes:
        params: one name, or two for a pair.
        value: the importance, in the unit of the table. Noise gives 0 on average.
        interval: of the value, (low, high), at 95 %.
        null: the null line: no parameter (no pair) passes its own line in 95 % of studies whose values are noise.
        p: the share of shuffled studies in which some parameter (some pair) stands out as much as this one.
        bias: what noise gives on average by construction; it is subtracted from the value already.
        n_trials: trials in which the parameter was active, those that the value rests on.
        change: of "ablation": the step that this row stands for.
    """

    params: tuple[str, ...]
    value: float
    interval: tuple[float, float]
    null: float
    p: float
    bias: float
    n_trials: int
    change: Change | None = None

    @property
    def name(self) -> str:
        """The parameter, or the two as "a × b"."""
        return " × ".join(self.params)

    @property
    def stands_out(self) -> bool:
        """Whether the value is above its null line."""
        return self.value > self.null


@dataclass(frozen=True, slots=True)
class Importance:
    """Importances of a study's parameters, the largest first. ``for row in table`` and ``len(table)`` go over its rows.

    Attributes:
        rows: the main effects; of "ablation" in the order of the path.
        pairs: the joint effects of two parameters beyond their own; empty where the evaluator gives none.
        evaluator: its name.
        unit: what a value is, in words.
        notes: what else is to be known, in sentences.
        n_trials: complete trials that were used.
        start: of "ablation": what a trial with the default configuration is expected to give.
    """

    rows: tuple[ImportanceRow, ...]
    pairs: tuple[ImportanceRow, ...]
    evaluator: str
    unit: str
    notes: tuple[str, ...]
    n_trials: int
    start: float | None = None

    def __getitem__(self, name: str | tuple[str, str]) -> ImportanceRow:
        """Return the row of a parameter, or of a pair in either order."""
        wanted = {name} if isinstance(name, str) else set(name)
        for row in self:
            if set(row.params) == wanted:
                return row
        raise KeyError(name)

    def __iter__(self) -> Iterator[ImportanceRow]:
        """Iterate over the rows: the main effects, then the pairs."""
        return iter((*self.rows, *self.pairs))

    def __len__(self) -> int:
        """Return how many rows there are, pairs among them."""
        return len(self.rows) + len(self.pairs)

    def values(self, normalize: bool = False) -> dict[str, float]:
        """Return the values of the main effects by name, the largest first.

        Args:
            normalize: divide by their sum; negative values (less than noise) count as 0. All are 0 if none is above.
        """
        rows = sorted(self.rows, key=lambda row: -row.value)
        found = {row.params[0]: row.value for row in rows}
        if normalize:
            positive = {name: max(0.0, value) for name, value in found.items()}
            total = sum(positive.values())
            return {name: value / total if total > 0.0 else 0.0 for name, value in positive.items()}
        return found

    def normalized(self) -> Importance:
        """Return the same table with values, intervals and lines divided by the sum of the positive main effects."""
        total = sum(max(0.0, row.value) for row in self.rows)
        if total <= 0.0:
            return replace(self, notes=(*self.notes, "No value is above 0, so nothing could be normalised."))

        def scaled(row: ImportanceRow) -> ImportanceRow:
            low, high = row.interval
            return replace(
                row,
                value=row.value / total,
                interval=(low / total, high / total),
                null=row.null / total,
                bias=row.bias / total,
            )

        rows, pairs = (tuple(map(scaled, part)) for part in (self.rows, self.pairs))
        return replace(self, rows=rows, pairs=pairs, unit=f"{self.unit}, divided by the sum over the parameters")

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict a row, pairs last: name, kind, value, low, high, null, p, bias, n_trials."""
        return [
            {
                "name": row.name,
                "kind": "main" if len(row.params) == 1 else "pair",
                "value": row.value,
                "low": row.interval[0],
                "high": row.interval[1],
                "null": row.null,
                "p": row.p,
                "bias": row.bias,
                "n_trials": row.n_trials,
            }
            for row in self
        ]

    def to_dataframe(self) -> pd.DataFrame:
        """Return `to_dicts` as a pandas data frame.

        Raises:
            MissingDependencyError: pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise MissingDependencyError("to_dataframe needs pandas: pip install pandas; to_dicts does not") from error
        return pd.DataFrame(self.to_dicts())

    def sentences(self) -> list[str]:
        """Return what was found, in sentences, the most important first."""
        clear = [row for row in sorted(self.rows, key=lambda r: -r.value) if row.stands_out]
        together = [row for row in self.pairs if row.stands_out]
        if clear:
            head = say("Above the null line: {}.", printable(_names(clear)))
        elif together:
            head = say("No parameter is above the null line by itself.")
        else:
            head = say("No parameter is above its null line: what these trials show of them may all be noise.")
        lines: list[str] = [head]
        if together:
            lines.append(say("Pairs above it: {}.", printable(_names(together))))
        smaller = [row for row in self.rows if row.interval[0] > 0.0 and not row.stands_out]
        if clear and smaller:
            lines.append(say("Below it, though their intervals are above 0: {}.", printable(_names(smaller))))
        return [*lines, *map(printable, self.notes)]

    def _cells(self) -> list[tuple[str, ...]]:
        """Return the printed rows, the head first."""
        cells: list[tuple[str, ...]] = [("parameter", "value", "95 % interval", "null line", "p")]
        for kind, rows in (("parameters", self.rows), ("pairs", self.pairs)):
            cells += [
                (
                    _short(row.name) + ("" if row.change is None else _step(row.change)),
                    _number(row.value),
                    f"{_number(row.interval[0])} to {_number(row.interval[1])}",
                    _number(row.null),
                    "-" if math.isnan(row.p) else f"{row.p:.3f}",
                )
                for row in rows[:SHOWN]
            ]
            if len(rows) > SHOWN:
                cells.append((f"({len(rows) - SHOWN:,} more {kind})", "", "", "", ""))
        return cells

    def __str__(self) -> str:
        cells = self._cells()
        widths = [max(len(row[k]) for row in cells) for k in range(len(cells[0]))]
        lines = [
            "  ".join(
                [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))]
            ).rstrip()
            for row in cells
        ]
        head = f"Importance by {self.evaluator}, {self.n_trials:,} trials; a value is {self.unit}."
        return printable("\n".join([head, *lines, *self.sentences()]), lines=True)

    def _repr_html_(self) -> str:
        _, *rest = self._cells()
        rows = [(row[0], f"{row[1]} ({row[2]}), null line {row[3]}, p {row[4]}" if row[1] else "") for row in rest]
        title = f"Importance by {self.evaluator}, {self.n_trials:,} trials"
        return block(title, [f"A value is {self.unit}.", *self.sentences()], rows, kind="importance")


def _names(rows: list[ImportanceRow]) -> str:
    """Return the names of some rows, cut after eight."""
    return ", ".join(_short(row.name) for row in rows[:8]) + (" and others" if len(rows) > 8 else "")


def _short(name: str) -> str:
    return printable(name if len(name) <= LONGEST else name[: LONGEST - 1] + "…")


def _number(value: float) -> str:
    if math.isnan(value):
        return "-"
    return f"{value:.3f}" if 0.001 <= abs(value) < 1000.0 or value == 0.0 else f"{value:.2e}"


def _step(change: Change) -> str:
    def shown(value: Any) -> str:
        if isinstance(value, float):
            return f"{value:.4g}"
        return "not active" if value is None else printable(shorten(str(value), 30))

    return f": {shown(change.before)} → {shown(change.after)}"
