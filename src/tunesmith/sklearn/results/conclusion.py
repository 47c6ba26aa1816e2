"""The conclusion of a search: the candidate to return, its honest score, and the report.

Decisions are made by `tunesmith.selection`, on arrays; here these arrays are collected. Best are the losses of
single rows. Where only the scores of folds are known, these have to do; and of a single fixed split, a model of the
scores over the space.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sklearn.base import is_classifier

from tunesmith.selection import HonestScore, Report, select_by_folds
from tunesmith.selection.choice import relative_caution
from tunesmith.selection.intervals import variance_inflation
from tunesmith.selection.metric import count_groups, tested_rows
from tunesmith.selection.outlook import outlook_of_folds
from tunesmith.selection.score import ScoreRange
from tunesmith.selection.wording import params_of
from tunesmith.sklearn.results.by_model import by_model
from tunesmith.sklearn.results.by_rows import by_rows
from tunesmith.sklearn.results.cautions import cautions
from tunesmith.sklearn.results.context import Selected, SelectionContext, SelectionSettings
from tunesmith.sklearn.results.evidence import Evidence, FinishedSearch
from tunesmith.sklearn.results.metric import metric_of


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is to be returned.

    Attributes:
        index: of the candidate; None if no metric decides.
        score: its honest score, or None where there can be none.
        report: the same and more in words.
        places: the indices of the report's other configurations, by their field; None: there is none.
        fresh: the trials of the candidates that were evaluated on each fresh set of splits.
    """

    index: int | None
    score: HonestScore | None
    report: Report
    places: Mapping[str, int | None] = field(default_factory=dict)
    fresh: tuple[tuple[int, ...], ...] = ()


def conclude(run: FinishedSearch, search: Any, settings: SelectionSettings) -> Conclusion:
    """Evaluate the leaders again, choose, and report.

    Args:
        run: the search that has run; its workers are still there.
        search: the estimator whose settings it had.
        settings: how to conclude.

    Raises:
        Exception: what the splitter raised.
    """
    evidence = run.evidence
    whole = np.asarray(np.isfinite(evidence.scores).all(axis=1))
    context = SelectionContext(
        run, search, settings, evidence, whole, run.study.seed, run.adaptive, default=run.default
    )
    if context.default is not None and run.untold:
        context.notes.append(
            f"The default is the estimator as it is: its get_params() does not tell its own {', '.join(run.untold)}."
        )
    if run.tried_all_of is not None:
        context.notes.append(f"Every point of the {run.tried_all_of} was tried.")
    context.notes += run.leaks
    if run.screened is not None:
        context.notes.append(run.screened)
    if (reason := _no_score(context, run)) is not None:
        context.notes.append(reason)
        return _report(context, None)
    if context.default is None and run.wants_default:
        context.notes.append("Nothing is compared with the default, because it could not be fitted.")
    if context.default is not None and not whole[context.default]:
        context.notes.append("Nothing is compared with the default, because it has no score on some folds.")
        context.default = None
    if context.default is not None:  # what is the default under another number is no alternative to it
        own = context.default
        whole &= [c == own or key != evidence.keys[own] for c, key in enumerate(evidence.keys)]
    context.metric = metric_of(run.scorer, evidence.metric, search.scoring, search.estimator)
    modelled = run.reshuffle or len(evidence.splits) == 1
    return _report(context, _select(context, run if modelled else None, run.scorer))


def conclude_chosen(
    evidence: Evidence,
    chosen: int,
    default: int | None,
    search: Any,
    scorer: Any,
    adaptive: bool,
    notes: list[str],
) -> Conclusion:
    """Report on a candidate that a search which is over has chosen by its mean score.

    Args:
        evidence: what is known of the candidates.
        chosen: the index of the one that is returned.
        default: the index of the estimator's own configuration, if it is among them.
        search: the search.
        scorer: what scored; None if that is not known any more.
        adaptive: whether candidates were made from earlier scores.
        notes: what is to be said besides.
    """
    whole = np.asarray(np.isfinite(evidence.scores).all(axis=1))
    settings = SelectionSettings(confirm=0, prefer_default=False, level=getattr(search, "level", 0.95))
    context = SelectionContext(None, search, settings, evidence, whole, adaptive=adaptive, given=chosen, notes=notes)
    context.default = default if default is not None and whole[default] else None
    if not whole[chosen]:
        context.notes.append("There is no honest score, because the configuration has no score on some folds.")
        return _report(context, None)
    if scorer is not None:
        context.metric = metric_of(scorer, evidence.metric, search.scoring, search.estimator)
    return _report(context, _select(context, None, scorer))


def _no_score(context: SelectionContext, run: FinishedSearch) -> str | None:
    """Say why there is no honest score; None if there can be one."""
    if callable(context.search.refit):
        return "There is no honest score, because a function chooses the configuration (refit=)."
    if context.search.refit is False and "mean_test_score" not in run.results:
        return "Nothing was chosen, because no metric was named to decide (refit=)."
    if not context.whole.any():
        return "There is no honest score, because no configuration has a score on all folds."
    return None


def _select(context: SelectionContext, modelled: FinishedSearch | None, scorer: Any) -> Selected:
    """Choose by the best evidence that there is, and note what a reader has to know.

    Args:
        context: the search. It gets the notes.
        modelled: the search, where scores of candidates can be compared by a model only.
        scorer: what scored; None if that is not known any more.
    """
    selected = None if context.metric is None else by_rows(context, context.metric)
    if selected is None:
        selected = _by_folds(context) if modelled is None else by_model(context, modelled)
    result, score = selected
    score, notes = ScoreRange.of(context.metric, context.evidence.scores).keep(score)
    context.notes += notes
    if scorer is not None:
        context.notes += cautions(context.evidence, is_classifier(context.search.estimator))
    return result, score


def _by_folds(context: SelectionContext) -> Selected:
    """Choose by the scores of folds."""
    evidence = context.evidence
    known = ScoreRange.of(context.metric, evidence.scores)
    n_rows = len(tested_rows(evidence.splits))
    result = select_by_folds(
        np.where(context.whole[:, None], -evidence.scores, np.nan),
        context.rule(relative_caution(context.settings.risk), context.default),
        given=context.given,
        test_to_train=evidence.test_to_train,
        bounds=(-known.high, -known.low),
        n_rows=n_rows,
        level=context.settings.level,
    )
    n_values = evidence.scores.shape[1]
    if context.default is not None and result.challenger != context.default and context.given is None:
        context.outlook = outlook_of_folds(
            evidence.scores[result.challenger] - evidence.scores[context.default],
            n_rows=n_rows,
            inflation=variance_inflation(n_values, evidence.test_to_train),
            level=context.settings.level,
        )
    theirs = context.metric is None and evidence.y is not None
    source = "Your scorer gives one number per fold" if theirs else "Only the score of each fold is known"
    values = "1 value" if n_values == 1 else f"{n_values} values"
    context.notes += [f"{source}, so this estimate rests on {values} and is rough.", *result.notes]
    score = result.as_score(
        metric=context.metric_name,
        n_rows=n_rows,
        n_groups=count_groups(evidence.splits, evidence.groups),
        n_candidates=len(evidence.params),
    )
    return result, score


def _rule(context: SelectionContext, index: int | None) -> str | None:
    """Say by what rule the candidate was chosen, where not by its score alone."""
    if context.settings.complexity is None or index is None:
        return None
    asked = "within one standard error of the best, as simplest='one-se' asks"
    if index == context.default:
        return f"The alternative that it was held against is the simplest one {asked}."
    means = np.where(context.whole, np.nan_to_num(context.evidence.scores).mean(axis=1), -np.inf)
    best = int(means.argmax())
    if not means[best] > means[index]:
        return f"It is the simplest one {asked}, and has the best score."
    return f"It is the simplest one {asked}; the best score was that of {params_of(context.evidence.params[best])}."


def _report(context: SelectionContext, selected: Selected | None) -> Conclusion:
    index = runner_up = score = None
    if selected is not None:
        result, score = selected
        index, runner_up = result.index, result.runner_up
    evidence, default = context.evidence, context.default
    study = None if context.run is None else context.run.study
    means = evidence.scores.mean(axis=1)
    report = Report(
        score,
        chosen=None if index is None else evidence.params[index],
        default=None if default is None else evidence.params[default],
        default_score=None if default is None else float(means[default]),
        kept_default=index is not None and index == default,
        runner_up=None if runner_up is None else evidence.params[runner_up],
        runner_up_score=None if runner_up is None else float(means[runner_up]),
        rule=_rule(context, index),
        n_candidates=len(set(evidence.keys)),
        n_fits=int(evidence.ran.sum()) + context.fresh_fits,
        n_fits_saved=int((~evidence.ran).sum()),
        n_confirmed=context.confirmed,
        n_repeats=context.repeats,
        n_splits=evidence.scores.shape[1],
        stopped=None if study is None else study.stop_reason,
        regret_bound=None if study is None else study.regret_bound,
        adaptive=context.adaptive,
        outlook=context.outlook,
        notes=tuple(context.notes),
    )
    return Conclusion(index, score, report, {"default": default, "runner_up": runner_up}, tuple(context.fresh))
