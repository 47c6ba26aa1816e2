"""The choice among candidates: when one replaces the default, how strict that is, and which is the simplest."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from tunesmith.errors import SelectionError
from tunesmith.foundation.numerics.arrays import Floats, Indices, Mask
from tunesmith.selection.losses import PairedGains, bootstrap
from tunesmith.selection.posterior import USUAL_EFFECT, GainModel, default_luck

# ----------------------------------------------------------------------------------------------------------------------
# The rule by which a candidate replaces the default, whatever it was compared by.


def replaces_default(
    seen: ArrayLike,
    corrected: ArrayLike,
    error: ArrayLike,
    *,
    prefer_default: bool = True,
    caution: float = 1.0,
    simpler: ArrayLike = False,
    tolerance: ArrayLike | None = None,
    ties: bool = False,
) -> Mask:
    """Tell whether a candidate replaces the default.

    It does if it looks better and, where the default is preferred, if its corrected gain exceeds caution · e. One that
    is simpler replaces it also if it looks worse by no more than the tolerance. Where the error is not known (NaN), no
    gain is credible.

    Args:
        seen: gain over the default, as seen: a number, or an array for several comparisons.
        corrected: the same, corrected for having been chosen for it.
        error: e, the standard error of the corrected gain.
        prefer_default: whether the default is kept in case of doubt.
        caution: how many standard errors the corrected gain has to exceed; below 0 it may fall short by as many.
        simpler: whether the candidate is simpler than the default.
        tolerance: by how much a simpler one may look worse; a standard error if None.
        ties: whether a candidate that looks exactly as good as the default looks better.

    Returns:
        One bool for each comparison.
    """
    gain, e = np.asarray(seen), np.asarray(error)
    better = gain >= 0.0 if ties else gain > 0.0
    if prefer_default:
        better = better & (np.asarray(corrected) > caution * e)
    least = -e if tolerance is None else -np.asarray(tolerance)
    return np.asarray(better | (np.asarray(simpler) & (gain >= least)))


# ----------------------------------------------------------------------------------------------------------------------
# How strict a choice is, from the share of searches that may return something worse than the default.
#
# No rule can keep that share for every kind of data. It is an average over the 1,416 searches of `posterior`, on twenty
# kinds of data, with four models and 60 to 300 rows. Each step was measured by making the choice again with another
# strictness, among the same candidates. A risk holds for each of the models: it is the share of that for which it is
# largest (mostly trees).

USUAL_RISK = 0.04  # the risk of the rule as it is
# The risk that was measured, and how many standard deviations of its posterior an expected gain had to exceed for it.
# Below 0: it may fall short by so many. From 0 on any candidate that is better is taken.
CAUTION_BY_RISK = (
    (0.0, 3.0),
    (0.008, 1.0),
    (0.023, 0.8),
    (0.028, 0.7),
    (0.036, 0.6),
    (USUAL_RISK, 0.55),
    (0.05, 0.5),
    (0.06, 0.45),
    (0.07, 0.4),
    (0.09, 0.3),
    (0.11, 0.2),
    (0.14, 0.1),
    (0.24, 0.0),
    (0.3, -2.0),
)


def caution_of_risk(risk: Any) -> float:
    """Return how many standard deviations of its posterior the expected gain over the default has to exceed.

    Args:
        risk: the share of searches that may return a candidate worse than the default by half a point of accuracy, 0 to
            1. Between measured risks the caution is interpolated; a risk beyond the largest one counts as that.

    Raises:
        SelectionError: it is not a number from 0 to 1.
    """
    if isinstance(risk, bool) or not isinstance(risk, Real) or not 0.0 <= float(risk) <= 1.0:
        raise SelectionError(
            f"risk is the share of searches that may be worse than the default, a number from 0 to 1 ({USUAL_RISK} is "
            f"usual); {risk!r} was given"
        )
    risks, cautions = zip(*CAUTION_BY_RISK, strict=True)
    return float(np.interp(float(risk), risks, cautions))


def relative_caution(risk: float) -> float:
    """Return the caution as a multiple of the usual one, for choices that usually require one standard error."""
    return caution_of_risk(risk) / caution_of_risk(USUAL_RISK)


def check_risk(risk: float, prefer_default: bool | str | None) -> None:
    """Raise a SelectionError unless this is a risk as for `caution_of_risk`, and one that has an effect."""
    caution_of_risk(risk)
    if risk != USUAL_RISK and not prefer_default:
        raise SelectionError(
            f"risk={risk!r} says when the default is given up, and prefer_default={prefer_default!r} that it is not "
            "preferred at all; leave one of them out (risk=1 does what prefer_default=False does)"
        )


# ----------------------------------------------------------------------------------------------------------------------
# Whether keeping the default in case of doubt costs more than it spares: ``prefer_default="auto"``.
#
# A bootstrap makes the free choice again on each resample, and says what it is worth on the units left out, over the
# default: w. Keeping the default forgoes max(w, 0), and spares max(-w, 0):
#
#     loss of caution  = P(the free choice is better) · how much better = E max(w, 0)
#     harm of choosing = P(the free choice is worse)  · how much worse  = E max(-w, 0)
#
# Who is cautious by k standard errors keeps the default until the loss is as many times the harm as it is of a normal
# w whose mean is k standard deviations, 4.0 times for 0.55. So caution goes on as it is where gains scatter like that.
# It ends where they do not, since the default's own losses make the noise: there the standard error of a gain is
# large, and the free choice is hardly ever worse.
#
# What resamples do not show may be there: of few units, one more that the free choice loses as much on as on its worst.


def odds(caution: float) -> float:
    """Return how many times the harm the loss of caution is, of a normal gain of so many standard deviations."""
    density = math.exp(-0.5 * caution**2) / math.sqrt(2.0 * math.pi)
    above = 0.5 * math.erfc(-caution / math.sqrt(2.0))
    return (density + caution * above) / max(density - caution * (1.0 - above), 1e-12)


def caution_costs_more(worth: Floats, worst: float, n_units: float, caution: float) -> bool:
    """Tell whether the default is kept at a loss that is out of proportion to the harm that this spares.

    Args:
        worth: [B], what the free choice of each resample gains over the default on the units left out.
        worst: the largest loss of the free choice against the default on one unit, 0 or more.
        n_units: the effective number of units.
        caution: how many standard errors a gain has to exceed.
    """
    if not len(worth):
        return False
    loss = float(np.maximum(worth, 0.0).mean())
    harm = float(np.maximum(-worth, 0.0).mean()) + max(worst, 0.0) / n_units
    return loss > odds(caution) * harm


# ----------------------------------------------------------------------------------------------------------------------
# The one-standard-error rule: the simplest configuration among those that cannot be told from the best.
#
# Breiman, Friedman, Olshen & Stone, "Classification and Regression Trees" (1984), section 3.4.3. The user says
# what is simple: a parameter's name, several of them in order of importance, or a function of the parameters.

Complexity = Callable[[Mapping[str, Any]], Any] | str | Sequence[str]


def check_simplest(simplest: Any, complexity: Any) -> None:
    """Raise unless both are given or none.

    Raises:
        ValueError: one of them is missing.
    """
    if (simplest is None) is not (complexity is None):
        raise ValueError('simplest="one-se" and complexity= go together: what is simple is for you to say')


def simplest_within(loss: ArrayLike, error: ArrayLike, complexity: ArrayLike) -> int:
    """Return the index of the simplest candidate whose loss is at most one standard error above the lowest.

    Args:
        loss: mean losses [C], low is good; NaN: no candidate.
        error: standard error of the best candidate's loss, or of each one [C].
        complexity: [C], or [C, k] to be compared column after column; low is simple. Among equals the lower loss wins.

    Raises:
        ValueError: no candidate has a loss, or the shapes do not fit.
    """
    values = np.asarray(loss, float)
    rank = np.asarray(complexity, float)
    rank = rank[:, None] if rank.ndim == 1 else rank
    if values.ndim != 1 or len(rank) != len(values) or np.isnan(values).all():
        raise ValueError(
            f"simplest_within() takes losses [C] and complexities [C] or [C, k]; got the shapes {values.shape} and "
            f"{np.shape(complexity)}, {int(np.isfinite(values).sum())} losses finite"
        )
    best = int(np.nanargmin(values))
    width = float(np.broadcast_to(np.asarray(error, float), values.shape)[best])
    limit = values[best] + (width if width > 0 else 0.0)  # NaN: the error is not known, and only ties are as good
    near = np.flatnonzero(values <= limit)
    order = sorted(near.tolist(), key=lambda i: (*rank[i].tolist(), float(values[i]), i))
    return int(order[0])


def complexities(params: Sequence[Mapping[str, Any]], complexity: Complexity) -> Floats:
    """Return how complex configurations are, [C, k], low is simple.

    Args:
        params: the configurations.
        complexity: a parameter's name ("max_depth": fewer is simpler); with a minus before it, more is simpler
            ("-min_samples_leaf"); several names, the first counts most; or a function of the parameters that returns
            a number or a tuple of numbers. A parameter that a configuration has not is the simplest value of all, and
            None, which mostly means "no limit", the most complex one.

    Raises:
        ValueError: no configuration has a parameter of a name given, or a value of it is not a number.
        TypeError: it is none of these, or the function returns no number.
    """
    if callable(complexity):
        rows = [_complexity_numbers(complexity(dict(p))) for p in params]
        if len({len(row) for row in rows}) > 1:
            raise TypeError("complexity= must return the same number of figures for each configuration")
        return np.array(rows, float).reshape(len(rows), -1)
    names: list[Any] = [complexity] if isinstance(complexity, str) else list(complexity)
    if not names or not all(isinstance(n, str) and n.strip("-") for n in names):
        raise TypeError(
            "complexity= takes a parameter's name ('max_depth', or '-C' where more is simpler), a list of names, or a "
            f"function of the parameters; got {complexity!r}"
        )
    table = [[_complexity_of(p, name, params) for name in names] for p in params]
    return np.array(table, float).reshape(len(params), len(names))


def ranks_of_rows(table: ArrayLike) -> Floats:
    """Return one figure for each row of complexities [C, k], in the order of the rows compared column after column."""
    rows = np.asarray(table, float)
    return np.asarray(np.unique(rows, axis=0, return_inverse=True)[1].ravel(), float)


def _complexity_of(p: Mapping[str, Any], name: str, everyone: Sequence[Mapping[str, Any]]) -> float:
    sign, key = (-1.0, name[1:]) if name.startswith("-") else (1.0, name)
    if key not in p:
        if not any(key in other for other in everyone):
            known = sorted({n for other in everyone for n in other})
            raise ValueError(f"complexity=: no configuration has a parameter {key!r}; there are {known}")
        return -math.inf
    value = p[key]
    if value is None:  # max_depth=None: without a limit
        return math.inf
    if isinstance(value, bool | np.bool_) or (isinstance(value, Real) and not math.isnan(value)):
        return sign * float(value)
    raise ValueError(
        f"complexity=: {key!r} has the value {value!r}, which is no number; give a function of the parameters instead"
    )


def _complexity_numbers(result: Any) -> list[float]:
    items = list(result) if isinstance(result, tuple | list) else [result]
    try:
        numbers = [float(item) for item in items]
    except (TypeError, ValueError):
        numbers = []
    if not numbers or any(math.isnan(v) for v in numbers):
        raise TypeError(f"complexity= must return a number, or a tuple of numbers; got {result!r}")
    return numbers


# ----------------------------------------------------------------------------------------------------------------------
# Which candidate to return, by paired losses of the same units.
#
# Every candidate is compared with the default on the same units. The one with the highest expected gain (`posterior`)
# leads, and replaces the default if that is more than `caution` standard deviations above 0: at 0.55 the chance that it
# gains nothing is less than 29 %. Without a default the smallest mean loss wins, and the bootstrap says by how much it
# is too good: what the leader of a resample is worth on the units left out, beside what the leader of all units is.
#
# Measured on 1,416 searches (see `posterior`): the best mean over five folds is worse than the default by more than
# half a point of accuracy in 17 % of them, the choice by this rule in 2.9 % (trees 4.5 %), for 0.89 of 1.20 points of
# gain; on 1,588 of tables of packages in 16 % and 2.5 %, for 1.21 of 1.70 points.


@dataclass(frozen=True)
class Rule:
    """How the winner is chosen.

    Args:
        default: column of the default configuration, or None where there is none.
        prefer_default: keep the default unless another candidate is credibly better.
        caution: how many standard deviations of its posterior an expected gain has to exceed; `caution_of_risk` says
            how many. Below 0 it may fall short by as many.
        usual: the gains that tuning usually brings, as a part of the standard deviation of a single paired gain: τ of
            `posterior`. 0: any gain is as usual as any other.
        complexity: [C], of the candidates, low is simple, or None. With it the one-standard-error rule (Breiman et al.,
            1984, section 3.4.3) applies: of the candidates whose mean loss is at most one standard error of the
            leader's above the leader's, the simplest leads; of equally simple ones the best. One that is simpler than
            the default replaces it unless it is worse by more than a standard error.
    """

    default: int | None = None
    prefer_default: bool = True
    caution: float = 0.55
    usual: float = USUAL_EFFECT
    complexity: tuple[float, ...] | None = None


@dataclass(frozen=True, eq=False)
class Choice:
    """The chosen candidate, with all that went into the choice.

    Attributes:
        index: its column.
        kept_default: the default was kept because no candidate was credibly better.
        challenger: the column that leads among those that are not the default; `index` if there is none.
        gains: the candidates that could be chosen.
        gain: the challenger's mean gain over the default, as seen; NaN where there is no default or no other candidate.
        error: its standard error over units.
        expected: the gain that is to be expected of the challenger, and
        spread: the standard deviation of its posterior; NaN as `gain`.
        default_luck: by how much the default's mean loss is too large, on the scale of the gains.
        regret: without a default: mean over resamples of what the chosen candidate is worth on the units left out, less
            what the choice of the resample is worth there.
    """

    index: int
    kept_default: bool
    challenger: int
    gains: PairedGains
    gain: float = math.nan
    error: float = math.nan
    expected: float = math.nan
    spread: float = math.nan
    default_luck: float = 0.0
    regret: float = 0.0


def choose_by_rule(
    losses: ArrayLike,
    rule: Rule | None = None,
    *,
    weights: ArrayLike | None = None,
    strata: ArrayLike | None = None,
    relative: bool = False,
    no_skill: float | None = None,
    at_random: float | None = None,
    model: Callable[[PairedGains, Floats], GainModel] | None = None,
    n_resamples: int = 1000,
    seed: int = 0,
) -> Choice:
    """Return the candidate that `rule` chooses.

    Args:
        losses: [U, C], smaller is better, averaged over repeats: out-of-fold losses of C candidates on U units. Those
            of a candidate that was dropped early or failed hold NaN: it is not chosen. A unit that is NaN for all
            was never tested, and is left out.
        rule: how to choose; the smallest mean if None.
        weights: [U], of the units; equal if None.
        strata: [U], labels (classes), each drawn as often as it occurs; None: any unit may be drawn.
        relative: whether losses are positive and have no upper bound, so that gains are differences of logarithms.
        no_skill: the loss of the best prediction that sees no feature; None: not known.
        at_random: the loss of the targets in a random order, as predictions; None: that of `no_skill`.
        model: (gains, the variances of their means) -> what is behind them; None: that of single runs, a unit counting
            as one observation.
        n_resamples: how often the choice is made again, without a default.
        seed: of the resamples; the same seed gives the same choice.

    Returns:
        The choice, and what it is worth on units that it did not see.

    Raises:
        SelectionError: the arrays do not fit, no candidate is complete, or the default is not.
    """
    rule = rule or Rule()
    gains = PairedGains.of(losses, default=rule.default, weights=weights, relative=relative)
    column = gains.columns
    if len(column) == 1:
        return Choice(int(column[0]), False, int(column[0]), gains)
    order = None
    if rule.complexity is not None:
        if len(rule.complexity) <= int(column.max()):
            raise SelectionError(f"complexity has {len(rule.complexity)} entries; one for each candidate is expected")
        order = np.asarray(rule.complexity, np.float64)[column]
    gain, error = gains.means()
    if rule.default is None:
        tolerance = gains.error(int(gain.argmax()))

        def lead(gain: NDArray[np.floating]) -> Indices:
            return _leaders(gain, gain, order, tolerance)

        leader, strata = int(lead(gain[None])[0]), _numbered(strata, gains)
        drawn = bootstrap(gains, lead, leader, strata=strata, n_resamples=n_resamples, seed=seed)
        regret = float((drawn.oob_leader - drawn.oob_picked).mean()) if len(drawn.picked) else 0.0
        return Choice(int(column[leader]), False, int(column[leader]), gains, regret=regret)
    behind = _of_single_runs(gains, error**2, rule) if model is None else model(gains, error**2)
    expected, spread = behind.posterior(gain)
    merit = np.where(expected > 0.0, expected, gain)  # of gains below 0 the least certain one is not the best
    merit[gains.reference] = -np.inf
    leader = int(_leaders(merit[None], gain[None], order, gains.error(int(merit.argmax())))[0])
    if no_skill is not None and (no_skill > 0.0 or not gains.relative):
        behind = behind.with_skill(*_apart_from_guesses(gains, leader, gain - expected, no_skill, at_random))
        expected, spread = behind.posterior(gain)
    challenger = int(column[leader])
    won = compare_with_default(rule, challenger, gain[leader], expected[leader], spread[leader], error[leader])
    luck = default_luck(gains, behind, gain)
    won = won or _has_skill(rule, gains, leader, gain[leader], no_skill)
    return Choice(
        index=challenger if won else rule.default,
        kept_default=rule.prefer_default and not won,
        challenger=challenger,
        gains=gains,
        gain=float(gain[leader]),
        error=float(error[leader]),
        expected=float(expected[leader]),
        spread=float(spread[leader]),
        default_luck=luck,
    )


def _apart_from_guesses(
    gains: PairedGains, leader: int, luck: Floats, no_skill: float, at_random: float | None
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return by how much the leader is better than a guess and the default is worse, each with its standard error.

    Without features a model is worse than the best guess by as much as one at random at most: where classes are equally
    frequent, not at all.
    """
    best, own = gains.scaled(no_skill), gains.reference
    worst = best if at_random is None else gains.scaled(max(at_random, no_skill))
    level = gains.scaled(gains.mean(leader)) + max(float(luck[leader]), 0.0)
    below = min(gains.scaled(gains.mean(own)), worst) - best
    return (best - level, gains.error(leader)), (below, gains.error(own))


def compare_with_default(
    rule: Rule, candidate: int, seen: float, corrected: float, error: float, tolerance: float | None = None
) -> bool:
    """Tell whether a candidate, by its column, replaces the default by this rule: see `replaces_default`."""
    order = rule.complexity
    return bool(
        replaces_default(
            seen,
            corrected,
            error,
            prefer_default=rule.prefer_default,
            caution=rule.caution,
            simpler=order is not None and rule.default is not None and order[candidate] < order[rule.default],
            tolerance=tolerance,
        )
    )


def _of_single_runs(gains: PairedGains, variance: ArrayLike, rule: Rule) -> GainModel:
    return GainModel.of(variance, gains.effective, usual=rule.usual, relative=gains.relative, better=gains.better)


def _leaders(
    merit: NDArray[np.floating], gain: NDArray[np.floating], complexity: Floats | None, tolerance: float
) -> Indices:
    """Return the positions [B] of those that lead by merit [B, C], or of the simplest ones near them.

    Args:
        merit: minus infinity: no candidate.
        gain: [B, C].
        complexity: [C], low is simple; None: it does not matter.
        tolerance: by how much the gain of a simpler one may be less than that of the best.
    """
    best = np.asarray(merit.argmax(axis=1))
    if complexity is None:
        return best
    least = np.take_along_axis(gain, best[:, None], axis=1) - tolerance
    near = np.where((gain >= least) & (merit > -np.inf), complexity, np.inf)
    simple = near == near.min(axis=1, keepdims=True)
    return np.asarray(np.where(simple, merit, -np.inf).argmax(axis=1))


def _has_skill(rule: Rule, gains: PairedGains, leader: int, gain: float, no_skill: float | None) -> bool:
    """Tell whether the leader is credibly better than a prediction without features, and the default is not better.

    Such a default is nothing to be kept, however noisy its losses are.
    """
    if no_skill is None or not gain > 0.0 or (gains.relative and not no_skill > 0.0):
        return False
    if gains.mean(gains.reference) < no_skill:
        return False
    behind = _of_single_runs(gains, gains.error(leader) ** 2, rule)
    expected, spread = behind.posterior(gains.scaled(no_skill) - gains.scaled(gains.mean(leader)))
    return bool(expected > max(rule.caution, 0.0) * spread)


def _numbered(strata: ArrayLike | None, gains: PairedGains) -> Indices | None:
    if strata is None:
        return None
    given = np.asarray(strata)
    if given.shape != gains.rows.shape:
        raise SelectionError(
            f"strata have shape {given.shape}; a label for each of {len(gains.rows)} units is expected"
        )
    return np.asarray(np.unique(given[gains.rows], return_inverse=True)[1], dtype=np.intp)
