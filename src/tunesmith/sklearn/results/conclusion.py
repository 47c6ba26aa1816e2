"""The conclusion of a search: the candidate to return, its honest score, and the report.

Decisions are made by `tunesmith.selection`, on arrays; here these arrays are collected. Best are the losses of
single rows. Where only the scores of folds are known, these have to do; and of a single fixed split, a model of the
scores over the space.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from sklearn import metrics
from sklearn.base import is_classifier, is_regressor

from tunesmith.errors import StorageError
from tunesmith.foundation.threads import beside
from tunesmith.foundation.worker_names import current_worker, is_dead
from tunesmith.selection import HonestScore, Report, select_by_folds
from tunesmith.selection.by_folds import Expected, select_by_model
from tunesmith.selection.choice import USUAL_RISK, relative_caution, simplest_within
from tunesmith.selection.intervals import NO_INTERVAL, variance_inflation
from tunesmith.selection.metric import ROW_LOSSES, Metric, count_groups, tested_rows
from tunesmith.selection.outlook import outlook_of_folds
from tunesmith.selection.score import ScoreRange
from tunesmith.selection.wording import params_of
from tunesmith.sklearn._compat import is_multimetric, is_passthrough_scorer, metric_scorers, scorer_parts
from tunesmith.sklearn.protocols import Params
from tunesmith.sklearn.results.chosen_by_rows import by_rows
from tunesmith.sklearn.results.evidence import (
    Evidence,
    FinishedSearch,
    Selected,
    SelectionContext,
    SelectionSettings,
    Tail,
    cautions,
)
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL
from tunesmith.sklearn.store.fingerprint import describe, digest
from tunesmith.study import Study
from tunesmith.study.recommend import Candidates, candidates, notes_on, rows_of
from tunesmith.study.verdict import Verdict, read_verdict

# ----------------------------------------------------------------------------------------------------------------------
# What is known of scikit-learn's metrics: how scores follow from predictions, and where they lie.

# All by the names of scikit-learn's functions. First those that are the mean of a loss over rows.
ROW_LOSS_NAMES = {
    "accuracy_score": "accuracy",
    "log_loss": "neg_log_loss",
    "brier_score_loss": "neg_brier_score",
    "mean_squared_error": "neg_mean_squared_error",
    "mean_absolute_error": "neg_mean_absolute_error",
}
# Those for which there are formulas.
FORMULA_KINDS = {"average_precision_score": "average_precision", "r2_score": "r2", "roc_auc_score": "roc_auc"}
UP_TO_1 = (
    "adjusted_mutual_info_score", "d2_absolute_error_score", "d2_brier_score", "d2_log_loss_score",
    "d2_pinball_score", "d2_tweedie_score", "explained_variance_score", "r2_score",
)  # fmt: skip
FROM_0_TO_1 = (
    "average_precision_score", "balanced_accuracy_score", "completeness_score", "f1_score", "fbeta_score",
    "fowlkes_mallows_score", "hamming_loss", "homogeneity_score", "jaccard_score", "ndcg_score",
    "normalized_mutual_info_score", "precision_score", "rand_score", "recall_score", "roc_auc_score",
    "top_k_accuracy_score", "v_measure_score", "zero_one_loss",
)  # fmt: skip
# Those computed from the predictions of all splits together. All others may be sums, or have no such bias.
POOLED = (
    "average_precision_score", "balanced_accuracy_score", "cohen_kappa_score", "d2_absolute_error_score",
    "d2_pinball_score", "d2_tweedie_score", "explained_variance_score", "f1_score", "fbeta_score", "jaccard_score",
    "matthews_corrcoef", "median_absolute_error", "negative_likelihood_ratio", "positive_likelihood_ratio",
    "precision_score", "r2_score", "recall_score", "root_mean_squared_error", "root_mean_squared_log_error",
)  # fmt: skip
# These too, if labels mean the same in all splits: those of a classifier do, numbers of clusters do not.
POOLED_OF_CLASSES = (
    "completeness_score", "homogeneity_score", "mutual_info_score", "normalized_mutual_info_score",
    "v_measure_score",
)  # fmt: skip
# Where scores lie; of a loss the range of the loss.
SCORE_RANGES = {
    **dict.fromkeys(FROM_0_TO_1, (0.0, 1.0)),
    **dict.fromkeys(UP_TO_1, (-math.inf, 1.0)),
    **dict.fromkeys(("cohen_kappa_score", "matthews_corrcoef"), (-1.0, 1.0)),
    **dict.fromkeys(("mutual_info_score", "negative_likelihood_ratio", "positive_likelihood_ratio"), (0.0, math.inf)),
    "adjusted_rand_score": (-0.5, 1.0),
}


def metric_of(scorer: Any, metric: str | None, scoring: Any, estimator: Any) -> Metric | None:
    """Return the metric that decides, or None if it is not known how it follows from predictions.

    Args:
        scorer: what scores: scikit-learn's scorer, its bundle, or a function.
        metric: which of several decides.
        estimator: what is tuned.
    """
    if is_multimetric(scorer):
        scorer = metric_scorers(scorer).get(str(metric))
    name = scoring if isinstance(scoring, str) else metric if metric not in (None, "score") else None
    if is_passthrough_scorer(scorer):
        if is_classifier(estimator):
            return _metric_from("accuracy", metrics.accuracy_score, 1, {})
        if is_regressor(estimator):
            return _metric_from("R²", metrics.r2_score, 1, {})
        return None
    parts = scorer_parts(scorer)
    if parts is None:
        return None
    function, sign, options = parts
    title = str(name or ("neg_" if sign < 0 else "") + getattr(function, "__name__", "score"))
    return _metric_from(title, function, sign, options, is_classifier(estimator))


def _metric_from(
    name: str, function: Callable[..., Any], sign: int, options: dict[str, Any], classes: bool = True
) -> Metric:
    theirs = str(getattr(function, "__module__", "")).startswith("sklearn.metrics")
    known = str(getattr(function, "__name__", "")) if theirs else ""
    if known in ROW_LOSS_NAMES and not options:
        loss = ROW_LOSSES[ROW_LOSS_NAMES[known]]
        return Metric(name, function, sign, options, loss.offset, loss.bounds, loss)
    low, high = SCORE_RANGES[known] if known == "r2_score" else _score_range(known, sign, options)
    offset = high if math.isfinite(high) else 0.0
    bounds = (offset - high, offset - low)
    pools = known in POOLED or (classes and known in POOLED_OF_CLASSES)
    return Metric(name, function, sign, options, offset, bounds, kind=FORMULA_KINDS.get(known), pools=pools)


def _score_range(known: str, sign: int, options: dict[str, Any]) -> tuple[float, float]:
    """Return between which values the scores of a metric lie; `known`: scikit-learn's name of it, or empty."""
    if not known:
        return -math.inf, math.inf
    ends = SCORE_RANGES.get(known)
    if options.get("adjusted") and known == "balanced_accuracy_score":
        ends = (-1.0, 1.0)
    if options.get("normalize") is False:  # a number of rows
        ends = (0.0, math.inf)
    if ends is None:  # losses are not negative
        ends = (0.0, math.inf) if sign < 0 else (-math.inf, math.inf)
    return ends if sign > 0 else (-ends[1], -ends[0])


# ----------------------------------------------------------------------------------------------------------------------
# Choosing by a Gaussian process over the space, where the scores of candidates cannot be compared directly.

NO_ESTIMATE = (math.nan, math.nan)  # nothing is known
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
    own = gain = NO_ESTIMATE
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
        result = replace(result, interval=NO_ESTIMATE)
        context.notes.append(NO_INTERVAL)
    context.notes.append(OTHER_ROWS if context.search.reshuffle else ONE_SPLIT)
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


# ----------------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is to be returned.

    Attributes:
        index: of the candidate; None if no metric decides.
        score: its honest score, or None where there can be none.
        report: the same and more in words.
        places: the indices of the report's other configurations, by their field; None: there is none.
        fresh: the trials of the candidates that were evaluated on each fresh set of splits.
        tail: what the last fit may add to the loss; None: nothing, or it is counted already.
    """

    index: int | None
    score: HonestScore | None
    report: Report
    places: Mapping[str, int | None] = field(default_factory=dict)
    fresh: tuple[tuple[int, ...], ...] = ()
    tail: Tail | None = None


def conclude(run: FinishedSearch, search: Any, settings: SelectionSettings) -> Conclusion:
    """Evaluate the leaders again, choose, and report.

    Raises:
        Exception: what the splitter raised.
    """
    evidence = run.evidence
    whole = np.asarray(np.isfinite(evidence.scores).all(axis=1))
    context = SelectionContext(
        run, search, settings, evidence, whole, run.study.seed, run.adaptive, default=run.default
    )
    context.notes += run.notes
    if (reason := _no_score(context, run)) is not None:
        context.notes.append(reason)
        return _with_report(context, None)
    if context.default is None and run.wants_default:
        context.notes.append("Nothing is compared with the default, because it could not be fitted.")
    if context.default is not None and not whole[context.default]:
        context.notes.append("Nothing is compared with the default, because it has no score on some folds.")
        context.default = None
    if context.default is not None:  # the same configuration under another number is not an alternative
        own = context.default
        whole &= [c == own or key != evidence.keys[own] for c, key in enumerate(evidence.keys)]
    context.metric = metric_of(run.scorer, evidence.metric, search.scoring, search.estimator)
    modelled = search.reshuffle or len(evidence.splits) == 1
    return _with_report(context, _select(context, run if modelled else None, run.scorer))


def conclude_chosen(
    evidence: Evidence,
    chosen: int | None,
    default: int | None,
    search: Any,
    scorer: Any,
    adaptive: bool,
    notes: list[str],
    tells_last_fit: bool = True,
) -> Conclusion:
    """Report on a candidate that a search which is over has chosen by its mean score, or choose one.

    Args:
        chosen: the index of the one that is returned; None: it is to be chosen, in doubt the default.
        default: the index of the estimator's own configuration, if it is among them.
        scorer: what scored; None if that is not known any more.
        adaptive: whether candidates were made from earlier scores.
        notes: what is to be said besides.
        tells_last_fit: see `SelectionSettings`.
    """
    whole = np.asarray(np.isfinite(evidence.scores).all(axis=1))
    prefer, risk = chosen is None and default is not None, getattr(search, "risk", USUAL_RISK)
    settings = SelectionSettings(
        confirm=0,
        prefer_default=prefer,
        level=getattr(search, "level", 0.95),
        risk=risk,
        tells_last_fit=tells_last_fit,
    )
    context = SelectionContext(None, search, settings, evidence, whole, adaptive=adaptive, given=chosen, notes=notes)
    context.default = default if default is not None and whole[default] else None
    if not (whole.any() if chosen is None else whole[chosen]):
        context.notes.append("There is no honest score, because the configuration has no score on some folds.")
        return _with_report(context, None)
    if scorer is not None:
        context.metric = metric_of(scorer, evidence.metric, search.scoring, search.estimator)
    return _with_report(context, _select(context, None, scorer))


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


def _rule_said(context: SelectionContext, index: int | None) -> str | None:
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


def _with_report(context: SelectionContext, selected: Selected | None) -> Conclusion:
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
        rule=_rule_said(context, index),
        n_candidates=len(set(evidence.keys)),
        n_fits=int(evidence.ran.sum()) + context.fresh_fits,
        n_fits_saved=int((~evidence.ran).sum()),
        n_confirmed=context.confirmed,
        n_repeats=context.repeats,
        n_splits=evidence.scores.shape[1],
        stopped=None if study is None else study.stored_stop_reason,
        regret_bound=None if study is None else study.regret_bound,
        adaptive=context.adaptive,
        outlook=context.outlook,
        notes=tuple(context.notes),
    )
    places = {"default": default, "runner_up": runner_up}
    return Conclusion(index, score, report, places, tuple(context.fresh), context.tail)


# ----------------------------------------------------------------------------------------------------------------------
# One verdict of a search, however many run it at once: the first to conclude stores it, the others return that.

CONCLUDING_MARK = "sklearn concludes"  # the attribute of the study by which a process shows that it concludes
UNMARKED_SECONDS = 1.0  # seconds: a conclusion that takes less leaves no mark
SECONDS_TO_MARK = 5.0  # seconds for which another process may take to leave one
VERDICT_LOOK_SECONDS = 0.1  # seconds between two looks for what another process stores


@dataclass(slots=True)
class SearchesHere:
    """The searches of one study that run in this process."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    searches: int = 0


_here: dict[tuple[str, str], SearchesHere] = {}
_guard = threading.Lock()


@contextmanager
def one_of_these(where: str, study: Study) -> Iterator[SearchesHere]:
    """Count a search of a study among those of this process."""
    key = where, study.study_name
    with _guard:
        found = _here.setdefault(key, SearchesHere())
        found.searches += 1
    try:
        yield found
    finally:
        with _guard:
            found.searches -= 1
            if not found.searches:
                del _here[key]


def conclude_once(
    run: FinishedSearch, search: Any, settings: SelectionSettings, here: SearchesHere | None
) -> Conclusion:
    """Draw the conclusion of a search and store it with its study, or return what was stored of the same search.

    Args:
        here: the searches of the study in this process; None: nobody else can see the study.

    Raises:
        Exception: what the splitter raised.
    """
    study, asked = run.study, settings_digest(search, settings, run.evidence.metric)
    ended = len(study.history)
    if here is None:
        made = conclude(run, search, settings)
        store_conclusion(study, made, run.evidence.numbers, ended, asked)
        return made
    with here.lock:
        if (found := _adopted(_wait(study, asked, ended, settings.ends), run.evidence)) is not None:
            return found
        with beside(partial(_mark_concluding, study, asked, ended), "tunesmith-concludes", "others may conclude too"):
            made = conclude(run, search, settings)
        there = store_conclusion(study, made, run.evidence.numbers, ended, asked, first=True)
        if there is None:
            return made
        if (found := _adopted(there, run.evidence)) is not None:
            return found
        store_conclusion(study, made, run.evidence.numbers, ended, asked)
        return made


def store_conclusion(
    study: Study,
    made: Conclusion,
    numbers: list[int],
    ended: int | None = None,
    asked: str = "",
    *,
    first: bool = False,
) -> Verdict | None:
    """Store a conclusion with its study; one that chose nothing is not.

    Args:
        numbers: the trial of each candidate.
        ended: how many trials it was drawn from; None: all that have ended.
        asked: what identifies the settings.
        first: not in the place of a verdict on the same trials by the same settings.

    Returns:
        that verdict, which stays; None: there was none.
    """
    report, index = made.report, made.index
    if index is None or report.chosen is None:
        return None
    trial = numbers[index]
    return study.store_verdict(
        Verdict(
            report,
            report.chosen,
            None if trial == NOT_A_TRIAL else trial,
            len(study.history) if ended is None else ended,
            asked,
            {name: None if place is None else numbers[place] for name, place in made.places.items()},
            made.fresh,
        ),
        first=first,
    )


def settings_digest(search: Any, settings: SelectionSettings, metric: str | None) -> str:
    """Return what identifies how to decide; estimator, data, metric and splits are in the search's fingerprint."""
    how = {
        "confirm": settings.confirm,
        "prefer_default": settings.prefer_default,
        "complexity": settings.complexity,
        "level": settings.level,
        "risk": settings.risk,
        "reshuffle": getattr(search, "reshuffle", False),
        "metric": metric,
    }
    return digest(describe(how).encode())


def _matching(system: Mapping[str, Any], study: Study, asked: str, ended: int) -> Verdict | None:
    """Return the verdict among a study's attributes if it is that of the same search of the same trials."""
    with suppress(StorageError):  # what cannot be read is stored anew
        found = read_verdict(system, study.study_name)
        if found is not None and (found.asked, found.ended) == (asked, ended):
            return found
    return None


def _adopted(stored: Verdict | None, evidence: Evidence) -> Conclusion | None:
    """Return a stored verdict as the conclusion of a search; None: there is none of candidates that this one has."""
    if stored is None:
        return None
    place = {number: at for at, number in enumerate(evidence.numbers)}
    index = place.get(NOT_A_TRIAL if stored.trial is None else stored.trial)
    others = {name: None if number is None else place.get(number) for name, number in stored.others.items()}
    if index is None:
        return None
    here: dict[str, Any] = {n: evidence.params[at] for n, at in {**others, "chosen": index}.items() if at is not None}
    report = replace(stored.report, **here)
    return Conclusion(index, report.score, report, others, stored.fresh)


def _wait(study: Study, asked: str, ended: int, ends: float) -> Verdict | None:
    """Return what is stored of the same search; wait for it while another process concludes, but not for a dead one."""
    mine, told = current_worker(), study.get_trials(numbers=[int(study.history.number[-1])])[0] if ended else None
    recent = told is not None and abs(time.time() - told.finished) < study.storage.lease.ttl
    other = told.worker if told is not None and recent and told.worker != mine and not is_dead(told.worker) else None
    seen: Any = None
    since = time.monotonic()
    while True:
        system = study.system_attrs
        if (found := _matching(system, study, asked, ended)) is not None:
            return found
        mark = system.get(CONCLUDING_MARK) or {}
        if (mark.get("asked"), mark.get("ended")) != (asked, ended):
            mark = {}
        now = time.monotonic()
        if mark != seen:
            seen, since = mark, now
        who = mark.get("worker", other)
        patience = study.storage.lease.ttl if mark else SECONDS_TO_MARK
        if who in (None, mine) or is_dead(who) or now - since > patience or now > ends:
            return None
        time.sleep(VERDICT_LOOK_SECONDS)


def _mark_concluding(study: Study, asked: str, ended: int, over: threading.Event) -> None:
    """Show other processes that this one concludes, until that is over."""
    beat, pause = 0, UNMARKED_SECONDS
    while not over.wait(pause):
        beat, pause = beat + 1, study.storage.lease.beat
        with suppress(StorageError):  # the next one may be taken
            mark = {"worker": current_worker(), "asked": asked, "ended": ended, "beat": beat}
            study.set_system_attr(CONCLUDING_MARK, mark)


def chosen_by_function(made: Conclusion, index: int, params: Params) -> Conclusion:
    """Return the conclusion of a search with the candidate that a function chose, where the search itself did not."""
    return made if made.index is not None else replace(made, index=index, report=replace(made.report, chosen=params))
