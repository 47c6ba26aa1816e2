"""The honest score, and the range that a metric has."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.formats import NumberFormat
from tunesmith.foundation.languages import Said, say, stored, told
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.selection.metric import Metric
from tunesmith.selection.wording import MetricLabel, card_answer, p_of, with_interval

if TYPE_CHECKING:
    from tunesmith.foundation.look.card import Answer

# ----------------------------------------------------------------------------------------------------------------------
# The honest score: a figure with its interval, what it is compared with, and how it is written.
#
# Scores are in the user's own unit and direction: accuracy for a classifier, the loss itself for a study that
# minimises. Gains and optimism are turned so that positive always means better, respectively "the naive figure was
# too good". Losses are written as such: "RMSE 55.27" for a score of -55.27.


class Estimate(float):
    """A number that carries its interval; it calculates and prints as a float.

    Args:
        value: the estimate.
        interval: the ends (low, high) of its interval; NaN where none is known.
    """

    __slots__ = ("interval",)

    interval: tuple[float, float]

    @checked()
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
        p_value: the probability that the chosen configuration is no better than the default, given what was seen and
            which gains are usual: a tail of the posterior, the choice accounted for. Where there is nothing to be found
            it is small less often than the p-value of a test.
        has_skill: whether it is certain to be better than the best guess that sees no feature; None: not known.
        level: of the intervals.
        metric: the metric's name, if known.
        greater_is_better: the direction of the metric.
        n_rows: rows that the estimate rests on.
        n_groups: groups that these rows belong to, which count as one observation each; None where there are none.
        n_candidates: configurations that were chosen among.
        together: whether it is computed from the predictions of all folds together, where `naive` is a mean over folds.
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
    n_groups: int | None = None
    n_candidates: int | None = None
    together: bool = False
    has_skill: bool | None = None
    notes: tuple[str, ...] = ()

    def __getstate__(self) -> dict[str, Any]:  # the interval apart: skops keeps a kind of float as a plain one
        gain = self.gain_over_default
        return {**vars(self), "gain_interval": None if gain is None else gain.interval}

    def __setstate__(self, state: dict[str, Any]) -> None:
        kept, gain = dict(state), state["gain_over_default"]
        if (interval := kept.pop("gain_interval", None)) is not None:
            kept["gain_over_default"] = Estimate(gain, interval)
        vars(self).update(kept)

    def __float__(self) -> float:
        return float(self.value)

    def __str__(self) -> str:
        return told(self._text(1))

    @property
    def label(self) -> MetricLabel:
        """The metric as a report shows it."""
        return MetricLabel.of(self.metric, self.greater_is_better)

    @property
    def format(self) -> NumberFormat:
        """Writes scores with as many decimals as are known of this one."""
        return NumberFormat.of(self.value, self.interval)

    @property
    def figures(self) -> tuple[float, float, float]:
        """The value and the ends of its interval, the lower first, as a report shows them: a loss as a loss."""
        low, high = sorted(self.label.sign * end for end in self.interval)
        return self.label.sign * self.value, low, high

    @checked()
    def write(self, score: float) -> str:
        """Return a score as a report shows it: a loss as a loss, and not as minus a loss."""
        return self.format.write(self.label.sign * score)

    @checked()
    def expected(self, where: str = "on new data") -> str:
        """Return the sentence that says what score to expect."""
        pattern = "Expected {} " + where.replace("{", "{{").replace("}", "}}") + ": {}."
        return say(pattern, self.label.said, self._text(self.label.sign))

    @checked()
    def clause(self, of_a_run: bool = False) -> Said:
        """Return what score to expect, as a part of a sentence.

        Args:
            of_a_run: whether a new run is scored, and not new data.
        """
        pattern = "expected {} of a new run: {}" if of_a_run else "expected {} on new data: {}"
        return say(pattern, self.label.said, self._text(self.label.sign))

    @checked()
    def gain_text(self, gain: Estimate) -> str:
        """Return a gain with its interval and p-value as text."""
        known = NumberFormat.of(gain.value, gain.interval)
        interval = say("no interval") if math.isnan(gain.interval[0]) else known.between(gain.interval)
        return say("{} ({}{})", known.write(gain.value), interval, p_of(self.p_value))

    def basis(self) -> str:
        """Return from what and how the score was estimated, as text."""
        return basis(self)

    def _text(self, sign: int) -> Said:
        low, high = self.interval
        return with_interval(self.format, sign * self.value, (sign * low, sign * high), self.level)

    def _repr_html_(self) -> str:
        from tunesmith.foundation.look.card import card  # only notebooks need it

        rows = [(say("score in the search"), self.write(self.naive))] if math.isfinite(self.naive) else []
        if math.isfinite(self.optimism):
            rows.append((say("its optimism"), self.format.write(self.optimism)))
        if self.gain_over_default is not None:
            rows.append((say("gain over the default"), self.gain_text(self.gain_over_default)))
        if self.beats_default is not None:
            rows.append((say("beats the default"), say("yes") if self.beats_default else say("not certain")))
        rows.append((say("estimated"), self.basis()))
        return card(
            say("honest {}", self.label.said), rows, kind="honest-score", answer=self.card_answer(),
            lines=map(stored, self.notes),
        )  # fmt: skip

    @checked()
    def card_answer(self, where: str = "on new data") -> Answer:
        """Return the figure for a card in a notebook: it is drawn beside the score in the search.

        Args:
            where: what is scored, "on new data" or "of a new run".
        """
        value, *interval = self.figures
        ends = (interval[0], interval[1])
        label = say("Expected {} " + where, self.label.said)
        return card_answer(label, self.format, value, ends, self.level, self.label.sign * self.naive)


def basis(score: HonestScore, begin: str = "", end: str = "") -> Said:
    """Return from what and how a score was estimated.

    Args:
        score: the score.
        begin: what stands before it in the sentence, as a pattern has it.
        end: what stands behind it.
    """
    method = stored(score.method)
    if score.n_rows is None:
        return say(begin + "by {}" + end, method)
    rows = "from {:,} row " if score.n_rows == 1 else "from {:,} rows "
    if score.n_groups is None:
        return say(begin + rows + "by {}" + end, score.n_rows, method)
    groups = "in {:,} group, " if score.n_groups == 1 else "in {:,} groups, "
    return say(begin + rows + groups + "which count as one each, by {}" + end, score.n_rows, score.n_groups, method)


# ----------------------------------------------------------------------------------------------------------------------
# The range of a metric: what is known of it, or what its values so far suggest.

RANGE_UNKNOWN = "The range of your metric is not known. All its values here lie {where}, so the interval is cut there."


@dataclass(frozen=True, slots=True)
class ScoreRange:
    """The range that scores can lie in.

    Attributes:
        low: the lowest score.
        high: the highest one.
        known: whether that is known of the metric; if not, it is what its values suggest.
    """

    low: float
    high: float
    known: bool

    @classmethod
    def of(cls, metric: Metric | None, scores: Floats) -> ScoreRange:
        """Return the range of a metric.

        What is known of a metric counts unless its values say otherwise: an estimator's own ``score`` should be the
        accuracy or R², and may be something else.

        Args:
            metric: the metric; None: it is not known.
            scores: all its values so far; NaN where there are none.
        """
        seen = scores[np.isfinite(scores)]
        least, most = (float(seen.min()), float(seen.max())) if seen.size else (-math.inf, math.inf)
        if metric is not None:
            low, high = metric.offset - metric.bounds[1], metric.offset - metric.bounds[0]
            if (low, high) != (-math.inf, math.inf) and low <= least + 1e-9 and most - 1e-9 <= high:
                return cls(low, high, True)
        low = 0.0 if least >= 0.0 else -math.inf
        high = 1.0 if least >= 0.0 and most <= 1.0 else 0.0 if most <= 0.0 else math.inf
        return cls(low, high, False)

    def keep(self, score: HonestScore) -> tuple[HonestScore, tuple[str, ...]]:
        """Return a score that is better if it is greater, with its interval cut to the range, and notes on that."""
        value = min(max(score.value, self.low), self.high)
        low, high = (min(max(end, self.low), self.high) for end in score.interval)
        if (value, low, high) == (score.value, *score.interval) or math.isnan(low):
            return score, ()
        where = (
            "between 0 and 1" if math.isfinite(self.high - self.low) else "above 0" if self.low == 0.0 else "below 0"
        )
        optimism = score.optimism + score.value - value
        kept = replace(score, value=value, interval=(low, high), optimism=optimism)
        return kept, () if self.known else (RANGE_UNKNOWN.format(where=where),)


# -- what every way of choosing returns: the candidate and what it is worth -----------------------------------------

NO_GAIN = Estimate(0.0, (0.0, 0.0))  # of the default over itself


@dataclass(frozen=True)
class SelectionResult:
    """The candidate to return and what it is worth; all in units of the loss, smaller is better.

    Attributes:
        index: the candidate.
        challenger: the one that leads among those that are not the default; `index` if there is none.
        kept_default: the default was kept because no candidate is credibly better.
        value: the corrected loss of the candidate.
        interval: of its true loss, (low, high); NaN where none is known.
        naive: its own mean loss.
        method: how the loss was estimated, in words.
        gain: over the default, corrected for the choice; 0 where the default was kept, None where there is none.
        p_value: the probability that the challenger is no better than the default; None where there is no default.
        level: of the intervals.
        notes: what a reader must know before relying on the figures.
        last_fit: by how much a fit on all rows is expected to be better than `value`.
    """

    index: int
    challenger: int
    kept_default: bool
    value: float
    interval: tuple[float, float]
    naive: float
    method: str
    gain: Estimate | None = None
    p_value: float | None = None
    level: float = 0.95
    notes: tuple[str, ...] = ()
    last_fit: float = 0.0

    @property
    def runner_up(self) -> int | None:
        """The candidate that would be returned if there were no default; None unless that was kept."""
        return self.challenger if self.kept_default else None

    @property
    def optimism(self) -> float:
        """By how much `naive` is too good."""
        return self.value - self.naive

    @property
    def beats_default(self) -> bool | None:
        """Whether the gain over the default is certain; None where there is no default.

        It is if its interval lies above 0 and the chance of no gain below (1 - level) / 2. Both are of one distribution
        and say the same, except where one of them is not known.
        """
        if self.p_value is None or self.gain is None:
            return None
        return bool(self.p_value < (1.0 - self.level) / 2.0 and self.gain.interval[0] > 0.0)

    @checked()
    def as_score(
        self,
        *,
        offset: float = 0.0,
        greater_is_better: bool = True,
        naive: float | None = None,
        metric: str | None = None,
        n_rows: int | None = None,
        n_groups: int | None = None,
        n_candidates: int | None = None,
        together: bool = False,
        notes: tuple[str, ...] = (),
    ) -> HonestScore:
        """Return the figures in the metric's unit: offset - loss if greater is better, else offset + loss.

        Args:
            offset: 1 for accuracy from 0/1 losses; 0 for a metric that is the loss, or minus the loss.
            greater_is_better: the direction of the metric.
            naive: the figure that the search itself would report (`best_score_`); the candidate's mean if None.
            metric: its name.
            n_rows: rows that the estimate rests on.
            n_groups: groups that these rows belong to.
            n_candidates: configurations that were chosen among.
            together: whether it is computed from the predictions of all folds together.
            notes: what a reader must know before quoting the figure.

        Returns:
            The honest score.
        """
        sign = -1.0 if greater_is_better else 1.0
        value = offset + sign * self.value
        low, high = sorted(offset + sign * end for end in self.interval)
        optimism = self.optimism if naive is None else sign * (value - naive)
        return HonestScore(
            value=value,
            interval=(low, high),
            naive=offset + sign * self.naive if naive is None else naive,
            optimism=optimism,
            method=self.method,
            gain_over_default=self.gain,
            beats_default=self.beats_default,
            p_value=self.p_value,
            level=self.level,
            metric=metric,
            greater_is_better=greater_is_better,
            n_rows=n_rows,
            n_groups=n_groups,
            n_candidates=n_candidates,
            together=together,
            notes=notes,
        )


def default_instead(
    best: SelectionResult,
    default: int,
    value: float,
    interval: tuple[float, float],
    kept: bool,
    notes: tuple[str, ...] = (),
) -> SelectionResult:
    """Return the result with the default, of this loss, in place of its best challenger."""
    best = replace(best, value=value, interval=interval, naive=value, notes=notes)
    return replace(best, index=default, kept_default=kept, gain=NO_GAIN)
