"""The contract of evaluators, what they are given, and what they return.

Symbols: n trials, d parameters, r effects, b bootstrap or posterior draws, s shuffles.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from tunesmith.errors import MissingDependencyError
from tunesmith.foundation.formats import cell_text
from tunesmith.foundation.languages import Said, aligned, say, stored, told, word
from tunesmith.foundation.numerics.arrays import Floats, Indices
from tunesmith.foundation.text import cut, printable, shorten
from tunesmith.space import Space

if TYPE_CHECKING:
    import pandas as pd


# -- the table of importances: values, intervals, null lines, and how they are shown --------------------------------

LEVEL = 0.95  # of the intervals; the null lines are passed by noise in 1 - LEVEL of the studies
ROWS_PRINTED = 30  # rows of each kind that are printed; the rest is counted
NAME_CHARACTERS = 40  # characters of a name that are printed


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
            return replace(self, notes=(*self.notes, say("No value is above 0, so nothing could be normalised.")))

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
        cells: list[tuple[str, ...]] = [tuple(map(word, ("parameter", "value", "95 % interval", "null line", "p")))]
        for kind, rows in (("parameters", self.rows), ("pairs", self.pairs)):
            cells += [
                (
                    _short(row.name) + ("" if row.change is None else _step(row.change)),
                    rounded(row.value),
                    told(between(row.interval)),
                    rounded(row.null),
                    "-" if math.isnan(row.p) else f"{row.p:.3f}",
                )
                for row in rows[:ROWS_PRINTED]
            ]
            if len(rows) > ROWS_PRINTED:
                cells.append((told(say("({:,} more " + kind + ")", len(rows) - ROWS_PRINTED)), "", "", "", ""))
        return cells

    def __str__(self) -> str:
        told_of = (self.evaluator, self.n_trials, stored(self.unit))
        head = say("Importance by {}, {:,} trials; a value is {}.", *told_of)
        texts = [told(head), *aligned(self._cells(), numbers=True), *map(told, self.sentences())]
        return printable("\n".join(texts), lines=True)

    def _repr_html_(self) -> str:
        from tunesmith.foundation.look.card import Drawing, card, interval  # only notebooks need it

        title, heads, rows, lines = self.drawn_by(interval, Drawing())
        return card(title, rows, kind="importance", heads=heads, lines=lines)

    def drawn_by(
        self, draw: Callable[..., str], nothing: str
    ) -> tuple[Said, list[str], list[tuple[str, ...]], list[str]]:
        """Return the table, as texts, with a column in which the intervals are drawn.

        Args:
            draw: is given the lower end, the value, the upper end, and ``ends=`` of the line.
            nothing: stands where there is no interval.

        Returns:
            title, heads and rows; and what is said below.
        """
        heads, *rest = self._cells()
        shown = {row.name: row for part in (self.rows, self.pairs) for row in part[:ROWS_PRINTED]}
        known = [end for row in shown.values() for end in (0.0, row.value, *row.interval) if math.isfinite(end)]
        ends = (min(known, default=0.0), max(known, default=1.0))
        at = iter([draw(row.interval[0], row.value, row.interval[1], ends=ends) for row in shown.values()])
        rows = [(row[0], next(at) if row[1] else nothing, *row[1:]) for row in rest]
        title = say("Importance by {}, {:,} trials", self.evaluator, self.n_trials)
        lines = [*self.sentences(), say("A value is {}.", stored(self.unit))]
        return title, [heads[0], "", *heads[1:]], rows, lines


def _names(rows: list[ImportanceRow]) -> str:
    """Return the names of some rows, cut after eight."""
    return ", ".join(_short(row.name) for row in rows[:8]) + (" and others" if len(rows) > 8 else "")


def _short(name: str) -> str:
    return printable(cut(name, NAME_CHARACTERS))


def rounded(value: float) -> str:
    """Return a value or a null line as people read it, in tables and figures alike; "-" for NaN, and no "-0"."""
    if math.isnan(value):
        return "-"
    return f"{value + 0.0:.3f}" if 0.001 <= abs(value) < 1000.0 or value == 0.0 else f"{value:.2e}"


def between(interval: tuple[float, float]) -> str:
    """Return an interval likewise."""
    return say("{} to {}", *map(rounded, interval))


def _step(change: Change) -> str:
    def shown(value: Any) -> str:
        return cell_text(value if isinstance(value, float | None) else shorten(str(value), 30), 4, none="not active")

    return f": {shown(change.before)} → {shown(change.after)}"


@dataclass(frozen=True, slots=True, eq=False)
class ImportanceData:
    """The trials of a study that an evaluator uses.

    Attributes:
        space: the parameters, with the conditions that were declared, or inferred from what was active when.
        u: points in the unit cube [n, d], NaN where a parameter was not active; ``space.from_unit(u)`` has the values.
        y: finite values [n], minimised, in the order in which the trials were asked for.
        wanted: places of the parameters that are asked for, in the order of the space.
        sign: +1, or -1 if the study maximises: sign · y is in the study's unit.
        first: internal values [d] of the first complete trial.
        pruned: unit coordinates [p, d] of the trials that were pruned: nothing is known of their values but that they
            seemed hopeless. Empty with a target, which says nothing of them.
        pruned_after: of each of these, how many of the n trials were asked for before it [p].
    """

    space: Space
    u: Floats
    y: Floats
    wanted: tuple[int, ...]
    sign: float
    first: Floats
    pruned: Floats = field(default_factory=lambda: np.zeros((0, 0)))
    pruned_after: Indices = field(default_factory=lambda: np.zeros(0, np.intp))


@dataclass(frozen=True, slots=True, eq=False)
class Effects:
    """What an evaluator found, before it becomes a table.

    Attributes:
        params: of each effect, the places of its one or two parameters [r].
        value: raw values [r], as the definition gives them.
        draws: raw values in bootstrap samples or posterior draws [b, r].
        shuffled: raw values with shuffled y [s, r]; the same shuffle for all effects of a row.
        n_trials: how many trials each rests on [r].
        unit: what a value is, in words.
        notes: what else is to be known, in sentences.
        changes: of "ablation": the step of each effect, in the order of the path.
        start: of "ablation": what is expected of the default configuration.
        positive: whether values of noise are positive by construction; their mean over the shuffles is subtracted.
    """

    params: tuple[tuple[int, ...], ...]
    value: Floats
    draws: Floats
    shuffled: Floats
    n_trials: tuple[int, ...]
    unit: str
    notes: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    start: float | None = None
    positive: bool = True


class Evaluator(ABC):
    """Measures how much parameters mattered.

    Attributes:
        name: what it is called in tables.
    """

    name: ClassVar[str]

    @abstractmethod
    def evaluate(self, data: ImportanceData, rng: np.random.Generator) -> Effects:
        """Measure the effects of the wanted parameters; called once for each table.

        Args:
            data: at least two trials, whose values differ, and at least one parameter.
            rng: for bootstrap samples, draws and shuffles; seeded by the study, so that a table is made the same again.

        Returns:
            Raw values, with their draws and shuffles; what noise gives is subtracted later.
        """

    def __repr__(self) -> str:
        arguments = ", ".join(f"{k}={v!r}" for k, v in vars(self).items() if not k.startswith("_"))
        return f"{type(self).__name__}({arguments})"

    def check(self, data: ImportanceData) -> None:  # noqa: B027  # most need nothing more than every evaluator
        """Raise a ValueError that says what is missing, if the data are not enough; called before `evaluate`."""
