"""Choosing by the losses of single rows, and the honest score: the loss of the chosen configuration on new rows.

Glossary: L̄(c) mean loss of candidate c; s the chosen one, d the default; g(s) = L̄(d) − L̄(s) the gain as seen.

The default's mean loss is not optimistic, since it was not chosen for its score. That of another candidate is:

    value = L̄(s) + regret + β · (g(s) − regret − E[gain])

1. The candidate was chosen for it. The bootstrap says how much that makes (BBC-CV: Tsamardinos, Greasidou and
   Borboudakis, 2018; see `choice`): the regret, which is added in full.
2. Large gains are unusual, and the candidate may predict no better than one that sees no feature, so that its gain is
   as likely luck as not (`_expected_gain`). E[gain] is the posterior mean by both. What is missing is luck of the
   candidate or of the default: β says which part is the candidate's own (`_luck`). It is 1 where both vary alike, which
   gives the default's loss less the expected gain, and small where a wild default made the gain look large.

The second matters where there is little or nothing to be found. Candidates that were proposed from earlier scores have
adapted to the luck of these very rows, which no resample of them shows.

Losses that have no upper bound are compared by their logarithms: all of the above holds for log L̄. Then the interval is
that of a logarithm, with degrees of freedom by the kurtosis of the losses, and reaches up to what was not seen.

The model that is returned is fitted on all rows, those of the folds on fewer. On a learning curve
L(m) = L(∞) + a·m^−1/2 it is better by a·((1 − 1/K)^−1/2 − 1)·n^−1/2 (`full_fit_gain`). This is set against the
correction, down to no correction.

Without a default BBC-CV stands alone:

    value = L̄(s) + mean_b [L̄(c_b; O_b) − L̄(s; O_b)]

c_b is the choice that the same rule makes on resample b, O_b the units that b left out. A resample has 63 % of the
units, so it chooses worse than all of them do; but to take 63 % of the difference (Efron's .632 rule, 1983) leaves two
fifths of the luck of the choice in the figure. Of 72 candidates that are alike, or of which 5 are, with 100 to 400
units, the whole difference is off by 0.8 points at most and by 0.0 on average (but 1.7 too low where 5 of 72 are far
better, with 100 units), and the part is 0.3 to 3.4 points too good. The error:

    error² = OVERLAP · (variance over units of the loss of one fit) / (U − 1) + (k · (value − L̄(s)))²

Where few rows decide the metric, such as those of a rare class, their number stands for U in the interval
(`EffectiveSample`). The loss is that of one fit, not its mean over repeats, since one model will be used, fitted once.
The uncertainty of the correction is its own size (k = 1), or half of that where the default anchors it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike

from tunesmith.foundation.arguments import checked
from tunesmith.foundation.numerics.arrays import Floats
from tunesmith.selection.choice import Choice, Rule, choose_by_rule
from tunesmith.selection.intervals import (
    EffectiveSample,
    check_least,
    check_level,
    interval,
    no_interval_notes,
    p_value,
    score_interval,
    two_sided,
    variance_inflation,
)
from tunesmith.selection.losses import PairedGains
from tunesmith.selection.score import NO_GAIN, Estimate, SelectionResult

# ----------------------------------------------------------------------------------------------------------------------
# Skill: by how much a candidate predicts better than one that sees no feature. It says how much of a gain is luck.
#
# Symbols: S skill, the loss of the best prediction without features less the candidate's; e its standard error; n rows.

SKILL_DOUBT = 4.0  # a skill of as many squared standard errors makes half of a gain luck
# The last fit adds LEARNING_CURVE_SLOPE · (√(rows / rows trained on) − 1) / √rows of the skill. Measured without any
# search on ten data sets with four models, 50 to 300 rows: 4.5 ± 0.3.
LEARNING_CURVE_SLOPE = 4.0


def full_fit_gain(n_rows: int, test_to_train: float) -> float:
    """Return which part of its skill a model gains when it is fitted on all rows, not on the training rows of a split.

    Losses are taken to follow a learning curve L(m) = L(∞) + a·m^−1/2.

    Args:
        test_to_train: n_test / n_train of a split.
    """
    return LEARNING_CURVE_SLOPE * (math.sqrt(1.0 + min(test_to_train, 1.0)) - 1.0) / math.sqrt(max(n_rows, 1))


# Models of different folds share most of their rows, so the losses of rows are a little correlated. Measured: with 1.1,
# 94 % of the intervals of 850 searches held the truth; the interval stays below 1.3 times that of a hold-out.
OVERLAP = 1.2
OVERLAP_UNBOUNDED = 1.5  # of losses without an upper bound: 94 % of 192 intervals, 89 % with 1.2
# By how much the prior of gains is widened for their interval. Measured: of 127 claimed gains 96 % lie in it.
PRIOR_WIDENING = 3.0
BOUND_ROUNDING = 1e-12  # by how much less than a bound a loss on it may come out, by the processor's arithmetic
ANCHORED_DOUBT = 0.5  # uncertainty of a correction that the default anchors, as a part of its size
BY_ROWS_METHOD = "bootstrapping the whole selection (BBC-CV)"


@checked("strata")
def select_by_rows(
    losses: ArrayLike,
    rule: Rule | None = None,
    *,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    between_repeats: ArrayLike = 0.0,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    inflation: float | None = None,
    effective_sample: Callable[[int], EffectiveSample] | None = None,
    observations: float | None = None,
    no_skill: float | None = None,
    full_fit_gain: float = 0.0,
    n_resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
) -> SelectionResult:
    """Choose by `rule`, and estimate the true loss of the chosen candidate and its gain over the default.

    Args:
        losses: [U, C], as for `choose_by_rule`; of candidates that got fresh repeats the means over all of them.
        rule: how the choice is made; the smallest mean if None.
        weights: [U], of the units; equal if None.
        strata: [U], labels (classes), each drawn as often as it occurs; None: any unit may be drawn.
        between_repeats: [C] or one for all, the variance that averaging over repeats took out of a unit's loss (see
            `LossTable.between_repeats`); 0 where there was one repeat.
        bounds: between which the mean loss lies: (0, 1) for 0/1 losses. Finite ones shape the interval.
        inflation: of the variance of a gain, for training sets that overlap (`variance_inflation`);
            that of five folds if None.
        effective_sample: (column) -> the rows that decide the metric, for a metric that does not depend on all rows
            alike; None: it does.
        observations: the effective number of independent ones behind the units (`LossTable.observations`), where these
            are blocks; the effective number of units if None.
        no_skill: the loss of the best prediction that sees no feature; None: not known.
        full_fit_gain: what part of the skill (the loss without features less the candidate's) fitting on all rows adds:
            see the function `full_fit_gain`.
        n_resamples: how often the choice is made again.
        level: of the intervals.
        seed: of the resamples; the same seed gives the same figures.

    Returns:
        The result.

    Example:
        ```python
        import numpy as np

        from tunesmith.selection import Rule, select_by_rows

        wrong = np.random.default_rng(0).random((200, 5)) < [0.4, 0.1, 0.3, 0.3, 0.3]  # rows, candidates
        result = select_by_rows(wrong, Rule(default=0), bounds=(0.0, 1.0))
        print(result.index, result.as_score(offset=1.0, metric="accuracy"))
        ```

    Raises:
        SelectionError: as `choose_by_rule`; or a level outside (0, 1).
    """
    check_level(level)
    check_least(1, n_resamples=n_resamples, observations=observations)
    check_least(0, seed=seed, between_repeats=float(np.min(np.append(between_repeats, 0.0))))
    rule = rule or Rule()
    made = choose_by_rule(
        losses,
        rule,
        weights=weights,
        strata=strata,
        relative=bounds == (0.0, math.inf),
        no_skill=no_skill,
        n_resamples=n_resamples,
        seed=seed,
    )
    gains, index = made.gains, made.index
    at = gains.at(index)
    naive = gains.mean(at)
    repeats = float(np.broadcast_to(np.asarray(between_repeats, dtype=np.float64), np.shape(losses)[1:])[index])
    known = EffectiveSample(math.inf) if effective_sample is None else effective_sample(index)
    seen = min(gains.effective, known.size)
    size = min(gains.effective if observations is None else observations, known.size)
    gain, p = _gain_and_p(
        made,
        rule,
        effective_sample,
        variance_inflation(5) if inflation is None else inflation,
        level,
        bounds,
        no_skill,
    )
    anchored = gain is not None and (index != rule.default or made.kept_default)
    correction = max(made.regret, 0.0)
    if anchored and gain is not None:
        correction = 0.0 if index == rule.default else _luck(made, gain.value, bounds)
    low, high = bounds
    correction -= min(_learned(gains, naive, correction, no_skill, full_fit_gain), correction)
    doubt = (ANCHORED_DOUBT if anchored else 1.0) * correction
    corrected = gains.unscaled(gains.scaled(naive) + correction) + known.likely
    value = next((end for end in bounds if abs(corrected - end) < BOUND_ROUNDING), min(max(corrected, low), high))
    own = gains.influence(at)
    variance = float(gains.share @ own**2) + repeats / (naive**2 if gains.relative else 1.0)
    if not gains.relative:
        variance = _variance_at(corrected, naive, variance, bounds, seen / size)
    overlap = OVERLAP_UNBOUNDED if gains.relative else OVERLAP
    error = math.sqrt(overlap * variance * seen / gains.effective / max(seen - 1.0, 1.0) + doubt**2)
    if gains.relative:
        dof = _degrees_of_freedom(own, gains.share, seen)
        below, above = _of_logarithm(value - known.likely, error, dof, level, known.unseen / naive)
        ends = below, max(above, value)
    else:
        ends = score_interval(value, error, seen - 1.0, level=level, bounds=bounds, size=size)
    if known.below == known.below:
        ends = _by_effective_sample(value, known, doubt, level, bounds)
    if gain is not None and gains.relative and gain is not NO_GAIN:
        low, high = (value * math.expm1(end) for end in gain.interval)
        gain = Estimate(value * math.expm1(gain.value), (low, high))
    kept, notes = made.kept_default, no_interval_notes(ends)
    return SelectionResult(index, made.challenger, kept, value, ends, naive, BY_ROWS_METHOD, gain, p, level, notes)


def _luck(made: Choice, expected: float, bounds: tuple[float, float]) -> float:
    """Return how much of the challenger's gain is luck of its own losses, where `expected` of the gain is none.

    The luck of having been chosen is its own. The rest is that of a difference: the part of it that its own losses
    account for, Cov(l_s, l_s - l_d) / Var(l_s - l_d), is half of it where both vary alike, and nearly none where the
    default's losses vary much more. It counts twice, since it was the challenger that candidates were adapted to.
    Between two bounds a loss varies less the nearer its mean is to one of them, by luck too: that is set aside.
    """
    gains = made.gains
    luck = max(made.gain - expected, 0.0)
    chosen = min(max(made.leader_regret, 0.0), luck)
    own, other = (
        gains.influence(c) / _spread_at(gains.mean(c), bounds) for c in (gains.at(made.challenger), gains.reference)
    )
    variance = float(gains.share @ (own - other) ** 2)
    share = 2.0 * float(gains.share @ (own * (own - other))) / variance if variance > 0.0 else 1.0
    return chosen + min(max(share, 0.0), 1.0) * (luck - chosen)


def _spread_at(mean: float, bounds: tuple[float, float]) -> float:
    """Return what the standard deviation of losses between two bounds is proportional to; 1 where there are none."""
    low, high = bounds
    room = (mean - low) * (high - mean) if math.isfinite(high - low) else 1.0
    return math.sqrt(room) if room > 0.0 else 1.0


def _learned(
    gains: PairedGains, naive: float, correction: float, no_skill: float | None, full_fit_gain: float
) -> float:
    """Return by how much the fit on all rows is better, on the scale of the gains."""
    if no_skill is None:
        return 0.0
    loss = gains.unscaled(gains.scaled(naive) + correction)
    learned = full_fit_gain * max(no_skill - loss, 0.0)
    return -math.log1p(-min(learned / loss, 0.9)) if gains.relative else learned


def _of_logarithm(value: float, error: float, dof: float, level: float, unseen: float) -> tuple[float, float]:
    """Return the interval of a mean whose logarithm has this error; it may be larger by the part `unseen` as well."""
    mean = math.log(value)
    below, above = score_interval(mean, error, dof, level=level)
    return math.exp(below), math.exp(mean + math.hypot(above - mean, math.log1p(unseen)))


def _degrees_of_freedom(influence: Floats, share: Floats, seen: float) -> float:
    """Return those of a variance by the kurtosis of what it was seen in (Satterthwaite, 1946), at most n - 1."""
    variance = float(share @ influence**2)
    if variance <= 0.0:
        return seen - 1.0
    kurtosis = float(share @ influence**4) / variance**2
    return min(max(2.0 * seen / max(kurtosis - 1.0, 1e-9), 1.0), seen - 1.0)


def _variance_at(value: float, naive: float, variance: float, bounds: tuple[float, float], part: float) -> float:
    """Return the variance of the loss if its mean is `value`; `variance` was seen at the mean `naive`.

    Between two bounds it is proportional to (mean - low)(high - mean). Of losses that all lie on a bound it is what it
    would be for single observations, times `part`: one over the number of observations in a block.
    """
    low, high = bounds
    if not (math.isfinite(low) and math.isfinite(high)):
        return variance
    room = max(value - low, 0.0) * max(high - value, 0.0)
    seen = (naive - low) * (high - naive)
    return variance * room / seen if seen > 0.0 else room * part


def _by_effective_sample(
    value: float, known: EffectiveSample, doubt: float, level: float, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Return the interval by the limits of the effective sample and the uncertainty of the correction."""
    luck = two_sided(level) * doubt
    below, above = (math.sqrt(OVERLAP * end**2 + luck**2) for end in (known.below, known.above))
    return max(value - below, bounds[0]), min(value + above, bounds[1])


def _expected_gain(made: Choice, no_skill: float | None, gain: float) -> float:
    """Return the part of a gain of the challenger that is to be expected.

    A gain as large as the default is worse than a prediction without features takes no skill. Of what is beyond, the
    part S² / (S² + 4e²) is expected, by the challenger's skill S and its standard error e. Without a known `no_skill`
    gains stay as they are.
    """
    gains = made.gains
    if gain <= 0.0 or no_skill is None or not math.isfinite(no_skill) or (gains.relative and not no_skill > 0.0):
        return gain
    at, without = gains.at(made.challenger), gains.scaled(no_skill)
    mean = gains.scaled(gains.mean(at))
    skill = max(without - (mean + max(made.leader_regret, 0.0)), 0.0) ** 2
    doubt = SKILL_DOUBT * (math.sqrt(OVERLAP) * gains.error(at)) ** 2
    free = min(gain, max(mean + made.gain - without, 0.0))
    return free + (skill / (skill + doubt) if skill > 0.0 else 0.0) * (gain - free)


def _gain_and_p(
    made: Choice,
    rule: Rule,
    effective_sample: Callable[[int], EffectiveSample] | None,
    inflation: float,
    level: float,
    bounds: tuple[float, float],
    no_skill: float | None,
) -> tuple[Estimate | None, float | None]:
    """Return the corrected gain over the default and its p-value.

    The gain is corrected in full for the choice, as in BBC-CV, since the challenger was chosen for it. What is returned
    is its expectation by the rule's prior of how much tuning usually brings. Interval and p-value are of one Student's
    distribution around it: p < (1 - level) / 2 says the same as an interval above 0.
    """
    if rule.default is None:
        return None, None
    if made.challenger == rule.default:
        return NO_GAIN, 1.0
    gain = made.gain - max(made.leader_regret, 0.0)
    seen = units = made.gains.effective
    if effective_sample is not None:
        seen = min(units, *(effective_sample(c).size for c in (made.challenger, rule.default)))
    dof = seen - 1.0
    error = made.error * math.sqrt(seen / units * max(units - 1.0, 1.0) / max(dof, 1.0))
    if seen < units and math.isfinite(bounds[1] - bounds[0]):
        error = max(error, (bounds[1] - bounds[0]) / seen)  # no gain is known more exactly than what one row makes
    error *= math.sqrt(inflation)
    # A gain that was chosen for being large is too large; its posterior by the rule's prior is not. The interval takes
    # a wider prior, since it is not known how usual such gains are for this model and these data.
    expected = _expected_gain(made, no_skill, _prior_factor(gain, error, made.usual) * gain)
    spread = math.sqrt(_prior_factor(gain, error, PRIOR_WIDENING * made.usual)) * error
    p = p_value(expected, spread, dof)
    if made.index == rule.default:
        return NO_GAIN, p
    return Estimate(expected, interval(expected, spread, dof, level=level)), p


def _prior_factor(gain: float, error: float, usual: float) -> float:
    """Return which part of a gain is its posterior mean, by a normal prior of the standard deviation `usual`.

    A gain far beyond its error is not luck: then the prior is as wide as the gain requires.
    """
    width = max(usual**2, gain**2 - 3.0 * error**2)
    return 1.0 if math.isinf(width) or not error > 0.0 else width / (width + error**2)
