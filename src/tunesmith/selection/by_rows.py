"""Choosing by the losses of single rows, and the honest score: the loss of the chosen configuration on new rows.

Glossary: L̄(c) mean loss of candidate c; s the chosen one, d the default; g(s) = L̄(d) − L̄(s) the gain as seen; δ(s) the
gain that is to be expected, and λ the default's luck, by which its mean loss is too large (`posterior`).

    value = L̄(d) − λ             where the default is returned
    value = L̄(d) − λ − δ(s)      where another one is: L̄(s) and the luck that it was chosen for, g(s) − δ(s) − λ

Both were chosen for their losses. A default that is kept looks good beside all others, so it was lucky on average (λ
below 0); one that is given up was not. Measured on the searches of `posterior`, the figure is too good by −0.7 ± 0.1
points where the default is kept and by 0.1 ± 0.2 where it is not; the mean over folds of what is returned then by 2.5.

Losses that have no upper bound are compared by their logarithms: all of the above holds for log L̄. Then the interval is
that of a logarithm, with degrees of freedom by the kurtosis of the losses, and reaches up to what was not seen.

The model that is returned is fitted on all rows, those of the folds on fewer. On a learning curve
L(m) = L(∞) + a·m^−1/2 it is better by a·((1 − 1/K)^−1/2 − 1)·n^−1/2 (`full_fit_gain`). This is set against the
correction, down to no correction.

Without a default the bootstrap says by how much the winner was chosen for its luck (BBC-CV: Tsamardinos, Greasidou and
Borboudakis, 2018; see `choice`):

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
    UNBOUNDED_LOSS,
    EffectiveSample,
    check_least,
    check_level,
    interval,
    no_interval_notes,
    p_value,
    score_interval,
    two_sided,
)
from tunesmith.selection.losses import PairedGains
from tunesmith.selection.posterior import USUAL_UNSTEADINESS, GainModel, left_by_runs
from tunesmith.selection.score import NO_GAIN, Estimate, SelectionResult
from tunesmith.selection.wording import BY_GAINS_METHOD

# ----------------------------------------------------------------------------------------------------------------------
# Skill: by how much a candidate predicts better than one that sees no feature. It says what more rows add.
#
# Symbols: S skill, the loss of the best prediction without features less the candidate's; n rows.

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
BOUND_ROUNDING = 1e-12  # by how much less than a bound a loss on it may come out, by the processor's arithmetic
ANCHORED_DOUBT = 0.5  # uncertainty of a correction that the default anchors, as a part of its size
MOVES = 1.0  # standard deviations of what one more repeat may change, within which it may decide
BY_ROWS_METHOD = "bootstrapping the whole selection (BBC-CV)"
ALONE_METHOD = "averaging the losses of its rows"


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
    n_runs: ArrayLike = 1,
    unsteadiness: float = USUAL_UNSTEADINESS,
    effective_sample: Callable[[int], EffectiveSample] | None = None,
    observations: float | None = None,
    no_skill: float | None = None,
    at_random: float | None = None,
    full_fit_gain: float = 0.0,
    reach: bool = True,
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
        inflation: of the variance of a gain, for training sets that overlap (`variance_inflation`); None: as
            `unsteadiness` says.
        n_runs: [C] or one for all, the runs of the folds that losses are means of.
        unsteadiness: the part of a paired gain's variance that changes from run to run (`LossTable.unsteadiness`).
        effective_sample: (column) -> the rows that decide the metric, for a metric that does not depend on all rows
            alike; None: it does.
        observations: the effective number of independent ones behind the units (`LossTable.observations`), where these
            are blocks; the effective number of units if None.
        no_skill: the loss of the best prediction that sees no feature; None: not known.
        at_random: the loss of the targets in a random order, as predictions; None: that of `no_skill`.
        full_fit_gain: what part of the skill (the loss without features less the candidate's) fitting on all rows adds:
            see the function `full_fit_gain`. It is set against the correction.
        reach: whether the better end of the interval reaches further by what is left of that.
        n_resamples: how often the choice is made again, without a default.
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

    def model(gains: PairedGains, variance: Floats) -> GainModel:
        return GainModel.of(
            variance,
            gains.effective if observations is None else observations,
            usual=rule.usual,
            n_runs=_runs(n_runs, gains),
            unsteadiness=unsteadiness,
            inflation=inflation,
            relative=gains.relative,
            better=gains.better,
        )

    made = choose_by_rule(
        losses,
        rule,
        weights=weights,
        strata=strata,
        relative=bounds == UNBOUNDED_LOSS,
        no_skill=no_skill,
        at_random=at_random,
        model=model,
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
    gain, p = _gain_and_p(made, rule, effective_sample, model, level, bounds)
    anchored = gain is not None and (index != rule.default or made.kept_default)
    if rule.default is None:
        correction = max(made.regret, 0.0)
    elif index == rule.default:
        correction = -made.default_luck
    else:
        correction = max(made.gain - made.expected - made.default_luck, 0.0)
    low, high = bounds
    learned = _learned(gains, naive, correction, no_skill, full_fit_gain)
    counted = min(learned, max(correction, 0.0))
    correction -= counted
    doubt = (ANCHORED_DOUBT if anchored else 1.0) * abs(correction)
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
    last_fit = (
        value - max(gains.unscaled(gains.scaled(value) - (learned - counted)), low)
        if reach and learned > counted
        else 0.0
    )
    ends = max(ends[0] - last_fit, low), ends[1]
    if gain is not None and gains.relative and gain is not NO_GAIN:
        low, high = (value * math.expm1(end) for end in gain.interval)
        gain = Estimate(value * math.expm1(gain.value), (low, high))
    kept, notes = made.kept_default, no_interval_notes(ends)
    alone = len(gains.columns) == 1
    method = BY_ROWS_METHOD if rule.default is None else ALONE_METHOD if alone else BY_GAINS_METHOD
    return SelectionResult(index, made.challenger, kept, value, ends, naive, method, gain, p, level, notes, last_fit)


def _runs(n_runs: ArrayLike, gains: PairedGains) -> Floats:
    """Return the runs of the candidates that can be chosen, from those of all or one number for all."""
    runs = np.asarray(n_runs, np.float64)
    return np.maximum(runs if runs.ndim == 0 else runs[gains.columns], 1.0)


def repeat_may_decide(
    losses: ArrayLike,
    rule: Rule,
    *,
    weights: ArrayLike | None = None,
    bounds: tuple[float, float] = (-math.inf, math.inf),
    n_runs: ArrayLike = 1,
    unsteadiness: float = USUAL_UNSTEADINESS,
    observations: float | None = None,
) -> bool:
    """Tell whether one more repeat of the folds could change whether the default is kept.

    The posterior mean of a gain moves by what a repeat takes from its variance. A decision that is more than
    `MOVES` standard deviations of that away from being another one is left as it is.

    Args:
        losses: as for `select_by_rows`, as the others are.
        rule: with a default.

    Raises:
        SelectionError: as `select_by_rows`.
    """
    gains = PairedGains.of(losses, default=rule.default, weights=weights, relative=bounds == UNBOUNDED_LOSS)
    if len(gains.columns) < 2:
        return False
    (mean, error), runs = gains.means(), _runs(n_runs, gains)
    single = error**2 / left_by_runs(runs, unsteadiness)
    (expected, spread), (_, later) = (
        GainModel.of(
            single * left_by_runs(r, unsteadiness),
            gains.effective if observations is None else observations,
            usual=rule.usual,
            n_runs=r,
            unsteadiness=unsteadiness,
            relative=gains.relative,
            better=gains.better,
        ).posterior(mean)
        for r in (runs, runs + 1.0)
    )
    moves = np.sqrt(np.maximum(spread**2 - later**2, 0.0))
    return bool((np.abs(expected - rule.caution * spread) <= MOVES * moves)[mean > 0.0].any())


def _learned(
    gains: PairedGains, naive: float, correction: float, no_skill: float | None, full_fit_gain: float
) -> float:
    """Return by how much the fit on all rows is better, on the scale of the gains.

    It cannot be more than all that the learning curve has left, L(m) · (1 − √(m/n)) where L(∞) is 0.
    """
    if no_skill is None:
        return 0.0
    loss = gains.unscaled(gains.scaled(naive) + correction)
    curve = full_fit_gain * math.sqrt(len(gains.losses)) / LEARNING_CURVE_SLOPE  # √(n/m) − 1
    learned = min(full_fit_gain * max(no_skill - loss, 0.0), max(loss, 0.0) * curve / (1.0 + curve))
    return -math.log1p(-learned / loss) if gains.relative else learned


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


def _gain_and_p(
    made: Choice,
    rule: Rule,
    effective_sample: Callable[[int], EffectiveSample] | None,
    model: Callable[[PairedGains, Floats], GainModel],
    level: float,
    bounds: tuple[float, float],
) -> tuple[Estimate | None, float | None]:
    """Return the expected gain over the default and the chance that there is none.

    Both are of the posterior, as a Student's distribution: p < (1 - level) / 2 says the same as an interval above 0.
    """
    if rule.default is None:
        return None, None
    if made.challenger == rule.default:
        return NO_GAIN, 1.0
    expected, spread = made.expected, made.spread
    seen = units = made.gains.effective
    if effective_sample is not None:
        seen = min(units, *(effective_sample(c).size for c in (made.challenger, rule.default)))
    dof = seen - 1.0
    if seen < units:
        error = made.error * math.sqrt(seen / units * max(units - 1.0, 1.0) / max(dof, 1.0))
        if math.isfinite(bounds[1] - bounds[0]):
            error = max(error, (bounds[1] - bounds[0]) / seen)  # no gain is known more exactly than what one row makes
        one = made.gains.at(made.challenger)
        found, width = model(made.gains, np.full(len(made.gains.columns), error**2)).posterior(made.gain)
        expected, spread = min(float(found[one]), expected), max(float(width[one]), spread)
    p = p_value(expected, spread, dof)
    if made.index == rule.default:
        return NO_GAIN, p
    return Estimate(expected, interval(expected, spread, dof, level=level)), p
