"""Choosing by a Gaussian process over the space, where the scores of candidates cannot be compared directly."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from tunesmith.selection.by_folds import Expected, select_by_model
from tunesmith.selection.choice import relative_caution, simplest_within
from tunesmith.selection.intervals import NO_INTERVAL
from tunesmith.sklearn.results.context import Selected, SelectionContext
from tunesmith.sklearn.results.evidence import Evidence, FinishedSearch
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL
from tunesmith.study.recommend import Candidates, candidates, notes_on, rows_of

if TYPE_CHECKING:
    from tunesmith.study import Study

NOTHING = (math.nan, math.nan)  # nothing is known
OTHER_ROWS = "Configurations are compared by a model of their scores, because each was tested on other rows."
ONE_SPLIT = "There was only one split, so it is not known how much the score depends on it."


def by_model(context: SelectionContext, run: FinishedSearch) -> Selected:
    """Choose by what a Gaussian process over the space expects; one candidate at least has a score.

    Args:
        context: the search. It gets the notes.
        run: the same search, for its study.

    Raises:
        ValueError: no trial of the study has a score.
    """
    study, evidence, settings, default = run.study, context.evidence, context.settings, context.default
    found = candidates(study.history, settings.level)
    if found is None:
        raise ValueError(f"the study {study.study_name!r} has no trial with a score")
    rule = context.rule(relative_caution(settings.risk), default)
    index_of = {number: i for i, number in enumerate(evidence.numbers)}
    at = [index_of[n] for n in found.numbers.tolist()]
    best = 0
    if rule.complexity is not None:
        best = simplest_within(found.loss, found.sd, np.asarray(rule.complexity)[at])
    leader = at[best]
    own = gain = NOTHING
    if default is not None and default != leader:
        own, gain = _against(study, evidence, found, leader, default)
    result = select_by_model(
        leader,
        float(found.loss[best]),
        (float(found.low[best]), float(found.high[best])),
        rule,
        default_value=own,
        gain=gain,
        modelled=found.model is not None,
        level=settings.level,
    )
    context.notes += notes_on(found)
    if float(np.ptp(evidence.scores[np.isfinite(evidence.scores)])) == 0.0:
        result = replace(result, interval=NOTHING)
        context.notes.append(NO_INTERVAL)
    context.notes.append(OTHER_ROWS if run.reshuffle else ONE_SPLIT)
    result = replace(result, naive=-float(evidence.scores[result.index].mean()))
    return result, result.as_score(metric=context.metric_name, n_candidates=len(evidence.params))


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
