"""The honest score of a choice: what the chosen configuration, fitted on all rows, will lose on new ones.

Glossary: L̄(s) mean loss of the chosen candidate s; c_b the choice that the same rule makes on resample b; O_b the
units that b left out.

L̄(s) is too good: s was chosen for being good on these units. BBC-CV (Tsamardinos, Greasidou and Borboudakis, 2018)
reads off L̄(c_b; O_b) instead. It is too bad: a resample holds 63 % of the units, so it chooses worse than the search
did, and the folds' models saw fewer rows than the final one will. The two err in opposite directions, and are mixed
with the weights of Efron's .632 rule (1983):

    value = L̄(s) + 0.632 · mean_b [L̄(c_b; O_b) − L̄(s; O_b)]

(the difference on the same units has the mean of BBC-CV less L̄(s), and is 0 where every resample chooses s). Where
later candidates were proposed from earlier scores, these have been pursuing the luck of these very units, which no
resample of the candidates shows; there the weight is 1. Its error:

    error² = 1.2 · (variance over units of the loss of one fit) / (U − 1) + (value − L̄(s))²

Where few rows decide the metric, such as those of a rare class, their number stands for U in the interval (`Reach`).
One fit's loss, not its mean over repeats: one model will be used, fitted once. The correction counts as known to its
own size only.

Measured on the searches of `choice`: bias within 0.2 points of accuracy at each number of rows, coverage of the 95 %
interval 95 %, its width 1.16 times that of an independent hold-out of as many rows; with random candidates the bias is
the same, the coverage 94 % and the width 1.09 times.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.selection.choice import Choice, Decision, Rule, decide
from tunesmith.selection.folds import inflation as folds_inflation
from tunesmith.selection.influence import Reach
from tunesmith.selection.intervals import ALIKE, check_level, interval, p_value, score_interval, two_sided
from tunesmith.selection.report import Estimate, HonestScore, is_certain

# Models of different folds share most of their rows, so the losses of rows go together a little. Measured: with 1.1,
# 94 % of the intervals of 850 searches held the truth; the interval stays below 1.3 times that of a hold-out.
OVERLAP = 1.2
# How much wider the prior of gains is taken for their interval. Measured: of 127 claimed gains 96 % lie in it.
WIDER = 3.0
METHOD = "bootstrapping the whole selection (BBC-CV)"


@dataclass(frozen=True)
class Honest:
    """The honest loss of a choice; everything in units of the loss, smaller is better.

    Attributes:
        choice: what the rule chose.
        value: the corrected loss of the chosen candidate.
        interval: of its true loss.
        error: the standard error of `value`.
        naive: its own mean loss.
        gain: over the default, corrected for the choice; 0 where the default was kept, None where there is none.
        p_value: one-sided, of "the challenger is no better than the default"; None where there is no default.
        stability: share of the resamples that choose the same candidate.
        n_units: units that were tested.
        n_candidates: candidates that could be chosen.
        level: of the intervals.
    """

    choice: Choice
    value: float
    interval: tuple[float, float]
    error: float
    naive: float
    gain: Estimate | None
    p_value: float | None
    stability: float
    n_units: int
    n_candidates: int
    level: float

    @property
    def optimism(self) -> float:
        """By how much `naive` is too good; never negative."""
        return self.value - self.naive

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
        notes: tuple[str, ...] = (),
    ) -> HonestScore:
        """Return the figures in the metric's unit: offset - loss if greater is better, else offset + loss.

        Args:
            offset: 1 for accuracy from 0/1 losses; 0 for a metric that is the loss, or minus the loss.
            greater_is_better: the direction of the metric.
            naive: the figure that the search itself would report (`best_score_`); the chosen one's mean if None.
            metric: its name.
            n_rows: rows behind the units; the number of units if None.
            n_groups: groups that these rows belong to, if they do.
            n_candidates: candidates tried, dropped ones too; those that could be chosen if None.
            notes: what a reader must know before quoting the figure.
        """
        sign = -1.0 if greater_is_better else 1.0
        value = offset + sign * self.value
        low, high = sorted(offset + sign * end for end in self.interval)
        naive = offset + sign * self.naive if naive is None else naive
        return HonestScore(
            value=value,
            interval=(low, high),
            naive=naive,
            optimism=sign * (value - naive),
            method=METHOD,
            gain_over_default=self.gain,
            beats_default=is_certain(self.gain, self.p_value, self.level),
            p_value=self.p_value,
            level=self.level,
            metric=metric,
            greater_is_better=greater_is_better,
            n_rows=self.n_units if n_rows is None else n_rows,
            n_groups=n_groups,
            n_candidates=self.n_candidates if n_candidates is None else n_candidates,
            notes=notes if low == low else (*notes, ALIKE),
        )


def honest(
    losses: ArrayLike,
    rule: Rule | None = None,
    *,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    between_repeats: ArrayLike = 0.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    inflation: float | None = None,
    reach: Callable[[int], Reach] | None = None,
    observations: float | None = None,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> Honest:
    """Choose by `rule`, and estimate the true loss of the chosen candidate and its gain over the default.

    Args:
        losses: [U, C], as for `choose`; those of candidates that got fresh repeats are the means over all of them.
        rule: how the choice is made; the smallest mean if None.
        weights: [U], of the units; equal if None.
        strata: [U], labels (classes), each drawn as often as it occurs; None: any unit may be drawn.
        between_repeats: [C] or one for all, the variance that averaging over repeats took out of a unit's loss (see
            `LossTable.between_repeats`); 0 where there was one repeat.
        bounds: between which the mean loss lies: (0, 1) for 0/1 losses. Finite ones shape the interval.
        inflation: of the variance of a gain, for training sets that overlap (`folds.inflation`); five folds' if None.
        reach: (column) -> how much the rows say that decide the metric, for a metric that does not depend on all rows
            alike; None: it does.
        observations: the effective number of independent ones behind the units (`LossTable.observations`), where these
            are blocks; the effective number of units if None.
        n_resamples: how often the choice is made again.
        level: of the intervals.
        seed: of the resamples; the same seed gives the same figures.

    Raises:
        SelectionError: as `choose`; or a level outside (0, 1).
    """
    check_level(level)
    rule = rule or Rule()
    made = decide(losses, rule, weights=weights, strata=strata, n_resamples=n_resamples, seed=seed)
    table, index = made.table, made.choice.index
    own = np.asarray(losses)[table.rows, index].astype(np.float64)
    share = table.weights / table.weights.sum()
    naive = float(share @ own)
    repeats = float(np.broadcast_to(np.asarray(between_repeats, dtype=np.float64), np.shape(losses)[1:])[index])
    correction = max(rule.part * made.regret, 0.0)
    known = Reach(math.inf) if reach is None else reach(index)
    seen = min(table.effective, known.deciding)
    size = min(table.effective if observations is None else observations, known.deciding)
    variance = _at(naive + correction, naive, float(share @ (own - naive) ** 2) + repeats, bounds, seen / size)
    error = math.sqrt(OVERLAP * variance * seen / table.effective / max(seen - 1.0, 1.0) + correction**2)
    value = min(max(naive + correction, bounds[0]), bounds[1])  # beyond them by rounding
    ends = score_interval(value, error, seen - 1.0, level=level, bounds=bounds, size=size)
    if known.below == known.below:
        ends = _reached(value, known, correction, level, bounds)
    gain, p = _gain(made, rule, reach, folds_inflation(5) if inflation is None else inflation, level, bounds)
    return Honest(
        choice=made.choice,
        value=value,
        interval=ends,
        error=error,
        naive=naive,
        gain=gain,
        p_value=p,
        stability=made.stability,
        n_units=len(table.weights),
        n_candidates=len(table.columns),
        level=level,
    )


def _at(value: float, naive: float, variance: float, bounds: tuple[float, float], part: float) -> float:
    """Return the variance of the loss if its mean is `value`; seen was `variance` at the mean `naive`.

    Between two bounds it goes with (mean - low)(high - mean): that of 0/1 losses of which none was 1 is not 0, but, in
    blocks, the `part` of a single observation's that one over the number of observations in a block is.
    """
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high)):
        return variance
    room = max(value - low, 0.0) * max(high - value, 0.0)
    seen = (naive - low) * (high - naive)
    return variance * room / seen if seen > 0.0 else room * part


def _reached(
    value: float, known: Reach, correction: float, level: float, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Return the interval whose ends are as far from the value as the rows that decide leave open."""
    luck = two_sided(level) * correction
    below, above = (math.sqrt(OVERLAP * end**2 + luck**2) for end in (known.below, known.above))
    return max(value - below, bounds[0]), min(value + above, bounds[1])


def _deciding(made: Decision, rule: Rule, reach: Callable[[int], Reach] | None) -> float:
    """Return how many units decide the comparison of the challenger with the default."""
    if reach is None or rule.default is None:
        return made.table.effective
    return min(made.table.effective, *(reach(c).deciding for c in (made.choice.challenger, rule.default)))


def _gain(
    made: Decision,
    rule: Rule,
    reach: Callable[[int], Reach] | None,
    inflation: float,
    level: float,
    bounds: tuple[float, float],
) -> tuple[Estimate | None, float | None]:
    """Return the corrected gain over the default and its p-value.

    A claim to be better is corrected in full, as BBC-CV does: the challenger got here by its gain. The gain told is
    what is to be expected, with the rule's prior on how much tuning usually brings. Interval and p-value are of one
    distribution, Student's around it: p < (1 - level) / 2 says the same as an interval above 0.
    """
    choice = made.choice
    if rule.default is None:
        return None, None
    if choice.challenger == rule.default:
        return Estimate(0.0, (0.0, 0.0)), 1.0
    gain = choice.gain - max(made.leader_regret, 0.0)
    seen, units = _deciding(made, rule, reach), made.table.effective
    dof = seen - 1.0
    error = choice.error * math.sqrt(seen / units * max(units - 1.0, 1.0) / max(dof, 1.0))
    if seen < units and math.isfinite(bounds[1] - bounds[0]):
        error = max(error, (bounds[1] - bounds[0]) / seen)  # no gain is known better than to what one row is worth
    error *= math.sqrt(inflation)
    # It was claimed for being large, which makes it too large once more: the posterior of the rule's prior is not. The
    # interval takes a wider one, since nobody knows how usual such gains are for this model and these data.
    expected = _belief(gain, error, made.usual) * gain
    spread = math.sqrt(_belief(gain, error, WIDER * made.usual)) * error
    p = p_value(expected, spread, dof)
    if choice.index == rule.default:
        return Estimate(0.0, (0.0, 0.0)), p
    return Estimate(expected, interval(expected, spread, dof, level=level)), p


def _belief(gain: float, error: float, usual: float) -> float:
    """Return what part of a gain is to be expected by the posterior of a normal prior of this standard deviation.

    A gain far beyond its error was no luck: the prior would be too narrow, and what is seen says how wide it must be.
    """
    width = max(usual**2, gain**2 - 3.0 * error**2)
    return 1.0 if math.isinf(width) or not error > 0.0 else width / (width + error**2)
