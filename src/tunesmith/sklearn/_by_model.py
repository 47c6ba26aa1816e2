"""Choosing where each candidate has one score that can be compared with no other's: by a process over the space."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tunesmith.selection import Estimate, HonestScore
from tunesmith.selection.intervals import interval
from tunesmith.selection.report import is_certain
from tunesmith.sklearn._evidence import Evidence
from tunesmith.sklearn._sequential import BESIDE
from tunesmith.study.recommend import Candidates, candidates

METHOD = "the posterior of a Gaussian process over the candidates' scores"
NO_MODEL = "the best of the candidates' scores"
NO_GAIN = Estimate(0.0, (0.0, 0.0))


def by_model(
    study: Any, evidence: Evidence, metric: str | None, default: int | None, prefer_default: bool
) -> tuple[int, HonestScore, int | None, tuple[str, ...]]:
    """Return the candidate, its score, the one that leads if the default was kept, and notes.

    The default is kept unless the expected gain over it exceeds one standard error.

    Args:
        study: of the search; one candidate at least has a score.
        evidence: what is known of the candidates.
        metric: what its score is called.
        default: the place of the default among them; None: there is none.
        prefer_default: whether it is kept in case of doubt.
    """
    best = study.recommend()
    leader = index = evidence.numbers.index(best.trial.number)
    value, ends = best.value, best.interval
    gain, p_value = None, None
    if default is not None and default == leader:
        gain, p_value = NO_GAIN, 1.0
    elif default is not None:
        own, difference, error = _against(study, evidence, leader, default)
        p_value = _p_value(difference, error)
        if difference > error or (not prefer_default and difference > 0.0):
            gain = Estimate(difference, _normal(difference, error))
        else:
            gain, index = NO_GAIN, default
            value, ends = own[0], _normal(*own)
    naive = float(evidence.scores[index].mean())
    score = HonestScore(
        value=value,
        interval=ends,
        naive=naive,
        optimism=naive - value,
        method=METHOD if best.method == "posterior" else NO_MODEL,
        gain_over_default=gain,
        beats_default=is_certain(gain, p_value),
        p_value=p_value,
        metric=metric,
        n_candidates=len(evidence.params),
    )
    return index, score, leader if prefer_default and index == default != leader else None, best.notes


def _against(study: Any, evidence: Evidence, leader: int, default: int) -> tuple[tuple[float, float], float, float]:
    """Return the default's expected score and its error, and the leader's gain over it and its error; NaN: unknown."""
    found: Candidates | None = candidates(study.history)
    scores = evidence.scores.mean(axis=1)
    if found is None or found.model is None:
        return (float(scores[default]), math.nan), float(scores[leader] - scores[default]), math.nan
    history = study.history
    row = {int(n): i for i, n in enumerate(history.number)}
    inside = evidence.numbers[default] != BESIDE
    x = history.points(study.space)[[row[evidence.numbers[c]] for c in ((leader, default) if inside else (leader,))]]
    expected, cov = -found.model.judge(x).value, found.model.covariance(x)
    if inside:
        error = math.sqrt(max(float(cov[0, 0] + cov[1, 1] - 2.0 * cov[0, 1]), 0.0))
        return (float(expected[1]), math.sqrt(float(cov[1, 1]))), float(expected[0] - expected[1]), error
    noise = float(found.model.noise)  # the process says nothing of a point beyond its space
    own = float(scores[default])
    return (own, noise), float(expected[0]) - own, math.hypot(math.sqrt(float(cov[0, 0])), noise)


def _p_value(gain: float, error: float) -> float:
    from scipy.special import ndtr

    if not math.isfinite(error):
        return math.nan
    return float(ndtr(-gain / error)) if error > 0.0 else float(gain <= 0.0)


def _normal(value: float, error: float) -> tuple[float, float]:
    return interval(value, error, np.inf) if math.isfinite(error) else (math.nan, math.nan)
