"""Choosing by a model of the scores over the space, where scores of candidates cannot be compared with one another."""

from __future__ import annotations

import math
from dataclasses import replace

from tunesmith.selection.choice import Rule, compare_with_default
from tunesmith.selection.intervals import p_value, score_interval
from tunesmith.selection.result import NO_GAIN, SelectionResult, default_instead
from tunesmith.selection.score import Estimate

METHOD = "a Gaussian process fitted to all scores of the search"
NO_MODEL = "taking its own score, uncorrected"
Expected = tuple[float, float]  # an estimate and its standard error, NaN where that is not known


def select_by_model(
    leader: int,
    value: float,
    interval: tuple[float, float],
    rule: Rule,
    *,
    default_value: Expected = (math.nan, math.nan),
    gain: Expected = (math.nan, math.nan),
    modelled: bool = True,
    level: float = 0.95,
) -> SelectionResult:
    """Return the leader, or the default unless the leader's expected gain exceeds its standard error.

    Args:
        leader: the candidate with the smallest expected loss, or the simplest one near it.
        value: its expected loss.
        interval: of that.
        rule: how the leader is compared with the default, which may be the leader itself.
        default_value: the default's expected loss and its standard error.
        gain: the leader's expected gain over the default, and its standard error.
        modelled: whether there is a model; else losses are scores as they were seen.
        level: of the intervals.

    Returns:
        The result; `naive` is the value itself.
    """
    method = METHOD if modelled else NO_MODEL
    best = SelectionResult(leader, leader, False, value, interval, value, method, level=level)
    if rule.default is None:
        return best
    if rule.default == leader:
        return replace(best, gain=NO_GAIN, p_value=1.0)
    best = replace(best, p_value=p_value(*gain, math.inf))
    if compare_with_default(rule, leader, gain[0], *gain):
        return replace(best, gain=Estimate(gain[0], score_interval(*gain, math.inf, level=level)))
    ends = score_interval(*default_value, math.inf, level=level)
    return default_instead(best, rule.default, default_value[0], ends, rule.prefer_default)
