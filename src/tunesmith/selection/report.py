"""What a search found, as figures (`HonestScore`) and as plain sentences (`Report`).

Scores are in the user's own unit and direction: accuracy for a classifier, the loss itself for a study that minimises.
Gains and optimism are turned so that positive always means better, respectively "the naive figure was too good".
"""

from __future__ import annotations

import html
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ADAPTIVE = (
    "Later configurations were proposed from scores on these same rows. What luck that adds to the winner's is allowed "
    "for by its average, not by what it was here."
)


class Estimate(float):
    """A number that carries its interval; it calculates and prints as a float.

    Args:
        value: the estimate.
        interval: the ends (low, high) of its interval; NaN where none is known.
    """

    __slots__ = ("interval",)

    interval: tuple[float, float]

    def __new__(cls, value: float, interval: tuple[float, float] = (math.nan, math.nan)) -> Estimate:
        made = super().__new__(cls, value)
        made.interval = (float(interval[0]), float(interval[1]))
        return made

    @property
    def value(self) -> float:
        """The estimate as a plain float."""
        return float(self)

    def __getnewargs__(self) -> tuple[float, tuple[float, float]]:  # type: ignore[override]  # float's takes one
        return float(self), self.interval

    def __repr__(self) -> str:
        return f"Estimate({float(self)!r}, interval={self.interval!r})"


def is_certain(gain: Estimate | None, p_value: float | None, level: float = 0.95) -> bool | None:
    """Tell whether a gain over the default is certain; None if nothing was compared.

    The interval lies above 0, and the one-sided p-value below the half of 1 - level, which is what a two-sided interval
    takes for one end. Both are of one distribution and say the same, except where one of them is not known.

    Args:
        gain: over the default; 0 where that was kept.
        p_value: one-sided, of "it is no better".
        level: of the interval.
    """
    if p_value is None or gain is None:
        return None
    return bool(p_value < (1.0 - level) / 2.0 and gain.interval[0] > 0.0)


@dataclass(frozen=True)
class HonestScore:
    """The score that the chosen configuration can be expected to reach on new data.

    Attributes:
        value: the corrected estimate, in the metric's unit.
        interval: where the true score lies with probability `level`: (low, high).
        naive: the score that won the search: its own mean over the folds.
        optimism: by how much `naive` is too good; positive whichever direction the metric has.
        method: how it was estimated, in words.
        gain_over_default: by how much the chosen configuration is better than the default, positive is better; None
            where there is no default.
        beats_default: whether that gain is credible: its p-value is small and its interval above 0; None where there
            is no default.
        p_value: one-sided, of "the chosen configuration is no better than the default", the choice accounted for.
        level: of the intervals.
        metric: the metric's name, if known.
        greater_is_better: the direction of the metric.
        n_rows: rows (or groups, or runs) that the estimate rests on.
        n_candidates: configurations that were chosen among.
        notes: what a reader must know before quoting the figure.
    """

    value: float
    interval: tuple[float, float]
    naive: float
    optimism: float
    method: str
    gain_over_default: Estimate | None = None
    beats_default: bool | None = None
    p_value: float | None = None
    level: float = 0.95
    metric: str | None = None
    greater_is_better: bool = True
    n_rows: int | None = None
    n_candidates: int | None = None
    notes: tuple[str, ...] = ()

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        low, high = self.interval
        if math.isnan(low):
            return f"{_number(self.value)} (no interval)"
        return f"{_number(self.value)} ({self.level:.0%} interval {_number(low)} to {_number(high)})"


@dataclass(frozen=True)
class Report:
    """What was chosen, how good it is, and what the search cost; `print` it.

    Attributes:
        score: the honest figure, or None where none could be made (`notes` says why).
        chosen: the parameters of the configuration returned, or None where none was chosen.
        default: the parameters of the default configuration, or None where there is none.
        kept_default: the default was returned, because nothing beat it credibly or nothing looked better.
        runner_up: the configuration that looked better than the default and was not credibly so, or None.
        n_candidates: configurations tried.
        n_fits: model fits (or runs of the objective) in all, confirmation included.
        n_fits_saved: fits that running every fold of every candidate would have cost on top.
        n_confirmed: configurations evaluated again on fresh splits or seeds.
        n_repeats: how many fresh splits or seeds each of them got.
        stopped: why the search ended before its budget did, or None.
        left_on_table: how much better a longer search is expected to get, in the metric's unit, or None.
        adaptive: whether candidates were proposed from earlier scores.
        unit: what was counted by `n_fits`: "fit" or "run".
        notes: further remarks, printed as they are.
    """

    score: HonestScore | None
    chosen: Mapping[str, Any] | None
    default: Mapping[str, Any] | None = None
    kept_default: bool = False
    runner_up: Mapping[str, Any] | None = None
    n_candidates: int | None = None
    n_fits: int | None = None
    n_fits_saved: int | None = None
    n_confirmed: int = 0
    n_repeats: int = 0
    stopped: str | None = None
    left_on_table: float | None = None
    adaptive: bool = False
    unit: str = "fit"
    notes: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join(self.sentences())

    def sentences(self) -> list[str]:
        """Return the report as a list of sentences, the most important first."""
        lines = [self._choice()]
        if self.score is not None:
            lines += _figures(self.score, self.kept_default)
            lines += self._against_default(self.score)
        lines += self._cost()
        lines += self._stopping()
        if self.adaptive and self.score is not None:
            lines.append(ADAPTIVE)
        score_notes = self.score.notes if self.score is not None else ()
        return [*lines, *dict.fromkeys((*score_notes, *self.notes))]

    def _choice(self) -> str:
        among = f" of {_count(self.n_candidates, 'configuration')}" if self.n_candidates else ""
        if self.chosen is None:
            return f"{_count(self.n_candidates, 'configuration')} were tried." if among else "Nothing was chosen."
        if not self.kept_default:
            return f"Chosen{among}: {_params(self.chosen)}."
        kept = f"The default was kept{among}: {_params(self.chosen)}."
        if not self.runner_up:
            return f"{kept} Nothing looked better."
        return f"{kept} Nothing beat it credibly (the one that looked best: {_params(self.runner_up)})."

    def _against_default(self, score: HonestScore) -> list[str]:
        if self.kept_default or score.gain_over_default is None or score.beats_default is None:
            return []
        gain = score.gain_over_default
        figures = f"{_number(gain.value)} ({score.level:.0%} interval {_number(gain.interval[0])} to "
        figures += f"{_number(gain.interval[1])}{_p(score.p_value)})"
        if score.beats_default:
            return [f"It beats the default configuration credibly, by {figures}."]
        return [f"Whether it beats the default configuration is not certain: the gain is {figures}."]

    def _cost(self) -> list[str]:
        if self.n_fits is None:
            return []
        text = f"It took {_count(self.n_fits, self.unit)}"
        if self.n_fits_saved:
            text += f"; dropping hopeless candidates early saved {_count(self.n_fits_saved, self.unit)}"
        if self.n_confirmed and self.n_repeats:
            again = f"; {_count(self.n_confirmed, 'configuration')} were evaluated again, "
            again = again.replace("1 configuration were", "1 configuration was")
            fresh = "fresh split of the rows" if self.unit == "fit" else "fresh seed"
            text += again + f"on {_count(self.n_repeats, fresh, plural=_plural(fresh))} each"
        return [text + "."]

    def _stopping(self) -> list[str]:
        if self.stopped is None:
            return []
        left = ""
        if self.left_on_table is not None:
            left = f" A longer search is expected to gain at most about {_number(self.left_on_table)}."
        return [f"The search stopped by itself: {self.stopped.rstrip('.')}.{left}"]

    def _repr_html_(self) -> str:
        head, *rest = (html.escape(line, quote=True) for line in self.sentences())
        items = "".join(f"<li>{line}</li>" for line in rest)
        return f'<div class="tunesmith-report"><p><b>{head}</b></p><ul>{items}</ul></div>'


def _figures(score: HonestScore, kept_default: bool) -> list[str]:
    metric = score.metric if score.metric is not None else "score"
    rows = f" Estimated from {score.n_rows} {'rows' if score.n_rows != 1 else 'row'} by {score.method}."
    lines = [f"Its honest {metric} is {score}." + (rows if score.n_rows is not None else f" Method: {score.method}.")]
    if not math.isfinite(score.optimism):
        return lines
    size = _number(abs(score.optimism))
    if kept_default:  # its score was not picked for being high
        if float(size):
            how = "better" if score.optimism > 0 else "worse"
            lines.append(f"On the splits of the search alone it has {_number(score.naive)}, which is {size} {how}.")
        return lines
    if float(size) == 0.0:
        lines.append(f"The naive figure, {_number(score.naive)}, is the same.")
    elif score.optimism > 0:
        lines.append(
            f"The naive figure, {_number(score.naive)}, is {size} too good: it is the best of many noisy ones."
        )
    else:
        lines.append(f"The naive figure is {_number(score.naive)}, {size} worse than the honest one.")
    return lines


def _params(params: Mapping[str, Any] | None) -> str:
    if not params:
        return "its own settings" if params is not None else "unknown"
    return ", ".join(f"{name}={_value(value)}" for name, value in params.items())


def _value(value: Any) -> str:
    if isinstance(value, float):  # NumPy's float64 included
        return f"{float(value):.4g}"
    text = " ".join(repr(value).split())
    return text if len(text) <= 80 else text[:77] + "..."


def _number(value: float) -> str:
    """Write a figure so that its third significant digit is seen, and small ones without an exponent."""
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else str(value)
    if value == 0.0 or 1e-3 <= abs(value) < 1e4:
        return f"{value:.4f}" if abs(value) < 10 else f"{value:.5g}"
    return f"{value:.3g}"


def _p(p_value: float | None) -> str:
    if p_value is None or math.isnan(p_value):
        return ""
    return ", one-sided p < 0.001" if p_value < 0.001 else f", one-sided p = {p_value:.2g}"


def _plural(noun: str) -> str:
    return noun.replace("split", "splits").replace("seed", "seeds")


def _count(n: int | None, noun: str, plural: str | None = None) -> str:
    if n is None:
        return noun
    return f"{n:,} {noun if n == 1 else plural or noun + 's'}"
