"""Choosing where each candidate has one score that can be compared with no other's: by a process over the space."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tunesmith.selection import HonestScore
from tunesmith.selection.by_model import Expected, select_by_model
from tunesmith.selection.intervals import ALIKE
from tunesmith.selection.simplest import Complexity, complexities, ranks, simplest_within
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL
from tunesmith.study.recommend import Candidates, candidates, notes_on, rows_of

if TYPE_CHECKING:
    from tunesmith.study import Study

NOTHING = (math.nan, math.nan)  # nothing is known


def by_model(
    study: Study,
    evidence: Evidence,
    metric: str | None,
    default: int | None,
    prefer_default: bool,
    complexity: Complexity | None,
    level: float,
    caution: float = 1.0,
) -> tuple[int, HonestScore, int | None, tuple[str, ...]]:
    """Return the candidate, its score, the one that leads if the default was kept, and notes.

    The default is kept unless the expected gain over it exceeds its standard error, or `caution` of these; a simpler
    candidate replaces it unless it is worse by more than one.

    Args:
        study: of the search.
        evidence: what is known of the candidates; one at least has a score.
        metric: what its score is called.
        default: the place of the default among them; None: there is none.
        prefer_default: whether it is kept in case of doubt.
        complexity: what is simple; None: the best one leads, and not the simplest of the best.
        level: of the intervals.
        caution: how many standard errors the gain has to exceed.

    Raises:
        ValueError: no trial of the study has a score.
    """
    found = candidates(study.history, level)
    if found is None:
        raise ValueError(f"the study {study.study_name!r} has no trial with a score")
    order = None if complexity is None else ranks(complexities(evidence.params, complexity))
    place = {number: i for i, number in enumerate(evidence.numbers)}
    at = [place[n] for n in found.numbers.tolist()]
    best = 0 if order is None else simplest_within(found.loss, found.sd, order[at])
    leader = at[best]
    own, gain = (NOTHING, NOTHING) if default in (None, leader) else _against(study, evidence, found, leader, default)
    result = select_by_model(
        leader,
        float(found.loss[best]),
        (float(found.low[best]), float(found.high[best])),
        default=default,
        default_value=own,
        gain=gain,
        prefer_default=prefer_default,
        caution=caution,
        simpler=order is not None and default is not None and bool(order[leader] < order[default]),
        modelled=found.model is not None,
        level=level,
    )
    notes, seen = notes_on(found), evidence.scores[np.isfinite(evidence.scores)]
    if float(np.ptp(seen)) == 0.0:
        result, notes = replace(result, interval=(math.nan, math.nan)), (*notes, ALIKE)
    result = replace(result, naive=-float(evidence.scores[result.index].mean()))
    score = result.as_score(metric=metric, n_candidates=len(evidence.params))
    return result.index, score, result.challenger if result.kept_default else None, notes


def _against(
    study: Study, evidence: Evidence, found: Candidates, leader: int, default: int
) -> tuple[Expected, Expected]:
    """Return the default's expected loss, and the leader's gain over it."""
    seen = float(evidence.scores[default].mean())
    if found.model is None or study.space is None:
        return (-seen, math.nan), (float(evidence.scores[leader].mean()) - seen, math.nan)
    inside = evidence.numbers[default] != NOT_A_TRIAL
    x = rows_of(study.history, study.space, [evidence.numbers[c] for c in ([leader, default] if inside else [leader])])
    expected, cov = -found.model.judge(x).value, found.model.covariance(x)
    if inside:
        error = math.sqrt(max(float(cov[0, 0] + cov[1, 1] - 2.0 * cov[0, 1]), 0.0))
        return (-float(expected[1]), math.sqrt(float(cov[1, 1]))), (float(expected[0] - expected[1]), error)
    noise = float(found.model.noise)  # the process says nothing of a point beyond its space
    return (-seen, noise), (float(expected[0]) - seen, float(np.hypot(math.sqrt(float(cov[0, 0])), noise)))
