"""What a search concludes: leaders tried again on fresh splits, the candidate to return, its honest score, the report.

Decisions are made by :mod:`tunesmith.selection`, on arrays; here they are provided with these arrays. Best is to have
the losses of single rows. Where only the scores of folds are known, these have to do; and of a single fixed split, a
model of the scores over the space.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from tunesmith.errors import SelectionError
from tunesmith.selection import HonestScore, LossTable, Report, Rule, select_by_rows
from tunesmith.selection.by_folds import select_by_folds
from tunesmith.selection.influence import Reach
from tunesmith.selection.risk import USUAL, caution, relative_caution
from tunesmith.selection.simplest import Complexity, complexities, ranks, simplest_within
from tunesmith.selection.skill import further
from tunesmith.selection.variance import corrected_variance, variance_inflation
from tunesmith.selection.wording import Metric, params_of
from tunesmith.sklearn.evaluate.folds import in_order
from tunesmith.sklearn.evaluate.splits import reshuffled_cv
from tunesmith.sklearn.results.by_model import by_model
from tunesmith.sklearn.results.cautions import FEW, belonging, cautions, count_groups, tested_rows
from tunesmith.sklearn.results.evidence import Evidence
from tunesmith.sklearn.results.finished import FinishedSearch
from tunesmith.sklearn.results.losses import Targets
from tunesmith.sklearn.results.measure import Measure, measure_of
from tunesmith.sklearn.results.range import Range
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL

LEADERS = (4, 3, 3, 3, 3)  # how many are tried on the first fresh split, the second one, ...
COSTLY = 16  # of a metric that is no mean over rows, the losses of so many candidates are worked out
SALT = 0xF5E5
NOT_ENOUGH = "Only {n} rows were tested: an estimate from so few says little, whatever its interval."
TOGETHER = (
    "The {metric} is computed from the predictions of all folds together, since its mean over small folds is biased."
)


@dataclass(frozen=True, slots=True)
class Settings:
    """How to conclude; see :class:`SearchCV`."""

    confirm: Any = "auto"
    prefer_default: bool | None = True
    complexity: Complexity | None = None
    deadline: float | None = None
    level: float = 0.95
    risk: float = USUAL


AS_CHOSEN = Settings(confirm=0, prefer_default=False)


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is to be returned.

    Attributes:
        index: of the candidate; None if no metric decides.
        score: its honest score, or None where there can be none.
        report: the same and more in words.
    """

    index: int | None
    score: HonestScore | None
    report: Report


Made = tuple[int, HonestScore, int | None]  # the candidate, its score, and who leads if the default was kept


@dataclass(slots=True)
class _Case:
    """One search to be concluded, and what goes into its report beside the choice.

    Attributes:
        run: the search; None if it is over, and its candidate chosen. search: the estimator whose settings it had.
        settings: how to conclude.
        evidence: what is known of the candidates.
        whole: which of them have a score on all splits, bool[C].
        estimator: what is tuned. seed: of resamples. adaptive: whether candidates were proposed from earlier scores.
        given: the place of the candidate that is returned; None: it is to be chosen.
        measure: the metric that decides; None if it is not known how it follows from predictions.
        default: the default's place among them; None if there is none to compare with.
        confirmed: how many were tried again. repeats: on how many fresh splits. fresh_fits: how many fits that were.
        notes: further remarks.
    """

    run: FinishedSearch | None
    search: Any
    settings: Settings
    evidence: Evidence
    whole: NDArray[np.bool_]
    estimator: Any
    seed: int = 0
    adaptive: bool = False
    given: int | None = None
    measure: Measure | None = None
    default: int | None = None
    confirmed: int = 0
    repeats: int = 0
    fresh_fits: int = 0
    notes: list[str] = field(default_factory=list)


def conclude(run: FinishedSearch, search: Any, settings: Settings) -> Conclusion:
    """Try the leaders again, choose, and report.

    Args:
        run: the search that has run; its workers are still there.
        search: the estimator whose settings it had.
        settings: how to conclude.

    Raises:
        Exception: what the splitter raised.
    """
    evidence, seed = run.evidence, run.study.seed
    whole = np.isfinite(evidence.scores).all(axis=1) & evidence.finished
    case = _Case(run, search, settings, evidence, whole, run.estimator, seed, run.adaptive, default=run.default)
    if case.default is not None and run.untold:
        case.notes.append(
            f"The default is the estimator as it is: its get_params() does not tell its own {', '.join(run.untold)}."
        )
    if run.tried_all_of is not None:
        case.notes.append(f"Every point of the {run.tried_all_of} was tried.")
    if (reason := _no_figure(case, run)) is not None:
        case.notes.append(reason)
        return _report(case, None)
    if case.default is None and run.wants_default:
        case.notes.append("Nothing is compared with the default, because it could not be fitted.")
    if case.default is not None and not whole[case.default]:
        case.notes.append("Nothing is compared with the default, because it has no score on some folds.")
        case.default = None
    if case.default is not None:  # what is the default under another number is no alternative to it
        whole &= [c == case.default or evidence.keys[c] != evidence.keys[case.default] for c in range(len(whole))]
    case.measure = measure_of(run.scorer, evidence.metric, search.scoring, run.estimator)
    made = None if case.measure is None else _by_rows(case, case.measure)
    if made is None:
        made = _by_model(case, run) if run.reshuffle or len(evidence.splits) == 1 else _by_folds(case)
    made = _in_range(case, made)
    case.notes += cautions(evidence, is_classifier(run.estimator))
    return _report(case, made)


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
        chosen: the place of the one that is returned.
        default: the place of the estimator's own configuration, if it is among them.
        search: the search.
        scorer: what scored; None if that is not known any more.
        adaptive: whether candidates were made from earlier scores.
        notes: what is to be said besides.
    """
    whole = np.asarray(np.isfinite(evidence.scores).all(axis=1))
    settings = replace(AS_CHOSEN, level=getattr(search, "level", AS_CHOSEN.level))
    case = _Case(None, search, settings, evidence, whole, search.estimator, 0, adaptive, chosen, notes=notes)
    case.default = default if default is not None and whole[default] else None
    if not whole[chosen]:
        case.notes.append("There is no honest score, because the configuration has no score on some folds.")
        return _report(case, None)
    case.measure = None if scorer is None else measure_of(scorer, evidence.metric, search.scoring, search.estimator)
    made = None if case.measure is None else _by_rows(case, case.measure)
    made = _in_range(case, _by_folds(case) if made is None else made)
    if scorer is not None:
        case.notes += cautions(evidence, is_classifier(search.estimator))
    return _report(case, made)


def _no_figure(case: _Case, run: FinishedSearch) -> str | None:
    """Say why there is no honest figure; None if there can be one."""
    if callable(case.search.refit):
        return "There is no honest score, because a function chooses the configuration (refit=)."
    if case.search.refit is False and "mean_test_score" not in run.results:
        return "Nothing was chosen, because no metric was named to decide (refit=)."
    if not case.whole.any():
        return "There is no honest score, because no configuration has a score on all folds."
    return None


def _by_rows(case: _Case, measure: Measure) -> Made | None:
    """Choose by the losses of single rows; None if they cannot be had of those that matter."""
    evidence, settings, whole, default = case.evidence, case.settings, case.whole, case.default
    try:
        y = np.asarray(evidence.y)
    except Exception:  # what is no array has no rows to weigh
        return None
    classes = is_classifier(case.estimator) and evidence.labels is not None
    weight = None if evidence.sample_weight is None else np.asarray(evidence.sample_weight, np.float64)
    targets = Targets(y, evidence.labels, weight, classes)
    means = np.where(whole, np.where(whole[:, None], evidence.scores, 0.0).mean(axis=1), -np.inf)
    order = [int(c) for c in np.argsort(-means, kind="stable") if whole[c]]
    if not measure.quick:
        order = order[:COSTLY] + [c for c in order[COSTLY:] if c in (default, case.given)]
    losses: dict[int, NDArray[np.float64]] = {}
    for c in order:
        predicted, splits = evidence.predictions[c], evidence.own_splits[c]
        own = None if predicted is None else targets.losses(measure, predicted, evidence.scores[c].tolist(), splits)
        if own is not None:
            losses[c] = own
    first = order[0] if case.given is None else case.given
    if case.given is not None and default not in losses:
        default = None
    needed = {first, *(() if default is None else (default,))}
    if not needed <= losses.keys():
        return None
    tested = np.isfinite(losses[first])
    if any((np.isfinite(own) != tested).any() for own in losses.values()):
        return None  # each candidate was tested on other rows
    strata = np.searchsorted(np.asarray(evidence.labels), y) if classes and y.ndim == 1 else None
    units = belonging(evidence)
    table = LossTable(len(y), tested=tested, groups=units, strata=strata, weights=weight)
    for c, own in losses.items():
        table.add(c, own)
    _confirm(case, measure, targets, table)
    n_candidates = len(evidence.params)
    rule = Rule(default, bool(settings.prefer_default), caution(settings.risk), adaptive=case.adaptive)
    if settings.complexity is not None:
        simple = ranks(complexities(evidence.params, settings.complexity))
        rule = replace(rule, complexity=tuple(simple.tolist()))

    @cache
    def reach(c: int) -> Reach:
        return targets.reach(measure, evidence.predictions[c], evidence.own_splits[c], units, settings.level)

    estimate = partial(
        select_by_rows,
        weights=table.weights,
        strata=table.strata,
        between_repeats=table.between_repeats(n_candidates),
        bounds=measure.bounds,
        inflation=variance_inflation(len(evidence.splits), evidence.test_to_train),
        reach=reach,
        observations=table.observations,
        no_skill=targets.no_skill(measure, evidence.predictions[first] or ()),
        further=0.0 if in_order(evidence.splits) else further(int(tested.sum()), evidence.test_to_train),
        level=settings.level,
        seed=case.seed,
    )
    own_losses = table.losses(n_candidates)
    try:
        found = estimate(own_losses, rule)
        if case.given not in (None, found.index):  # a mean over folds is not quite one over rows
            alone = np.full(own_losses.shape, math.nan)
            alone[:, case.given] = own_losses[:, case.given] + found.optimism
            found = estimate(alone)
    except SelectionError:  # not one candidate is complete
        return None
    index = found.index
    notes = (NOT_ENOUGH.format(n=int(tested.sum())),) if tested.sum() < FEW else ()
    together = measure.together(evidence.splits)
    if together:
        notes = (*notes, TOGETHER.format(metric=Metric.of(measure.name, True).name))
    score = found.as_score(
        offset=measure.offset,
        naive=float(evidence.scores[index].mean()),
        metric=measure.name,
        n_rows=int(tested.sum()),
        n_groups=count_groups(evidence),
        n_candidates=n_candidates,
        together=together,
        notes=(*notes, *found.notes),
    )
    return index, score, found.challenger if found.kept_default else None


def _confirm(case: _Case, measure: Measure, targets: Targets, table: LossTable) -> None:
    """Run the leaders and the default on fresh splits, the same for all, and put what they lose into the table.

    Fewer of them each time, as a leader that falls back is not worth another repeat.
    """
    run, evidence, default, confirm = case.run, case.evidence, case.default, case.settings.confirm
    most = len(LEADERS) if confirm == "auto" else int(confirm or 0)
    if run is None or not most:
        return
    splitter = reshuffled_cv(case.search.cv, case.search._checked_cv_orig)
    if isinstance(splitter, str):
        case.notes.append(f"No configuration was re-tested on new splits, because {splitter}.")
        return
    k = len(evidence.splits)
    beside = 0 if default is None else k * (evidence.numbers[default] == NOT_A_TRIAL)
    saved = int(evidence.ran.size - evidence.ran.sum()) - beside
    left = saved if confirm == "auto" else sys.maxsize
    losses = table.losses(len(evidence.params))
    leaders = [c for c in range(len(evidence.params)) if c != default and np.isfinite(losses[:, c]).all()]
    always = [] if default is None else [default]
    for repeat in range(most):
        mean = table.weights @ table.losses(len(evidence.params))
        room = min(LEADERS[min(repeat, len(LEADERS) - 1)], left // k - len(always))
        leaders = sorted(leaders, key=lambda c: float(mean[c]))[: max(room, 0)]
        late = (deadline := case.settings.deadline) is not None and time.monotonic() >= deadline
        if late or not leaders:
            return
        chosen = leaders + always
        left -= len(chosen) * k
        seed = int(np.random.SeedSequence([run.study.seed, SALT, repeat]).generate_state(1)[0]) >> 1
        splits = list(run.cut(splitter(seed)))
        outcomes = run.rerun([evidence.params[c] for c in chosen], splits)
        case.fresh_fits += len(chosen) * k
        for c, row in zip(chosen, outcomes, strict=True):
            scores = [o.figure(evidence.metric) for o in row]
            own = targets.losses(measure, [o.predictions for o in row], scores, splits)
            if own is not None:
                table.add(c, own, fresh=True)
        case.confirmed, case.repeats = max(case.confirmed, len(chosen)), repeat + 1


def _by_model(case: _Case, run: FinishedSearch) -> Made:
    """Choose where there is one split, or one set of splits for each candidate: see :mod:`.by_model`."""
    evidence, settings = case.evidence, case.settings
    index, score, leader, notes = by_model(
        run.study,
        evidence,
        _named(case),
        case.default,
        bool(settings.prefer_default),
        settings.complexity,
        settings.level,
        relative_caution(settings.risk),
    )
    alike = "Configurations are compared by a model of their scores, because each was tested on other rows."
    single = "There was only one split, so it is not known how much the score depends on it."
    case.notes += [*notes, alike if run.reshuffle else single]
    return index, score, leader


def _in_range(case: _Case, made: Made) -> Made:
    """Keep the interval of a score within what the metric can be, as far as that is known."""
    index, score, leader = made
    score, notes = Range.of(case.measure, case.evidence.scores).keep(score)
    case.notes += notes
    return index, score, leader


def _by_folds(case: _Case) -> Made:
    """Choose by the scores of folds."""
    evidence, settings, whole, default = case.evidence, case.settings, case.whole, case.default
    losses = np.where(whole[:, None], -evidence.scores, math.nan)
    ratio = evidence.test_to_train
    challenger, simpler = None, False
    if settings.complexity is not None:
        own = losses.copy()
        if default is not None and whole.sum() > 1:
            own[default] = math.nan
        mean = own.mean(axis=1)
        order = ranks(complexities(evidence.params, settings.complexity))
        challenger = simplest_within(mean, np.sqrt(corrected_variance(own, ratio)), order)
        simpler = default is not None and bool(order[challenger] < order[default])
    if case.given is not None:  # of what was chosen for its mean, the default too
        challenger, default = case.given, None
    found = select_by_folds(
        losses,
        default=default,
        prefer_default=bool(settings.prefer_default),
        challenger=challenger,
        simpler=simpler,
        caution=relative_caution(settings.risk),
        test_to_train=ratio,
        level=settings.level,
    )
    n_values = evidence.scores.shape[1]
    theirs = case.measure is None and evidence.y is not None
    known = "Your scorer gives one number per fold" if theirs else "Only the score of each fold is known"
    values = "1 value" if n_values == 1 else f"{n_values} values"
    case.notes += [f"{known}, so this estimate rests on {values} and is rough.", *found.notes]
    score = found.as_score(
        metric=_named(case),
        n_rows=len(tested_rows(evidence.splits)),
        n_groups=count_groups(evidence),
        n_candidates=len(evidence.params),
    )
    return found.index, score, found.challenger if found.kept_default else None


def _named(case: _Case) -> str | None:
    """What the metric that decides is called."""
    return case.evidence.metric if case.measure is None else case.measure.name


def _rule(case: _Case, index: int | None) -> str | None:
    """Say by what rule the candidate was chosen, where not by its score alone."""
    if case.settings.complexity is None or index is None:
        return None
    asked = "within one standard error of the best, as simplest='one-se' asks"
    if index == case.default:
        return f"The alternative that it was held against is the simplest one {asked}."
    means = np.where(case.whole, np.nan_to_num(case.evidence.scores).mean(axis=1), -np.inf)
    best = int(means.argmax())
    if not means[best] > means[index]:
        return f"It is the simplest one {asked}, and has the best score."
    return f"It is the simplest one {asked}; the best score was that of {params_of(case.evidence.params[best])}."


def _report(case: _Case, made: Made | None) -> Conclusion:
    index, score, runner_up = made or (None, None, None)
    evidence, default = case.evidence, case.default
    study = None if case.run is None else case.run.study
    saved = int(evidence.ran.size - evidence.ran.sum())
    means = evidence.scores.mean(axis=1)
    report = Report(
        score,
        chosen=None if index is None else evidence.params[index],
        default=None if default is None else evidence.params[default],
        default_score=None if default is None else float(means[default]),
        kept_default=index is not None and index == default,
        runner_up=None if runner_up is None else evidence.params[runner_up],
        runner_up_score=None if runner_up is None else float(means[runner_up]),
        rule=_rule(case, index),
        n_candidates=len(set(evidence.keys)),
        n_fits=int(evidence.ran.sum()) + case.fresh_fits,
        n_fits_saved=saved,
        n_confirmed=case.confirmed,
        n_repeats=case.repeats,
        n_splits=evidence.scores.shape[1],
        stopped=None if study is None else study.stop_reason,
        left_on_table=None if study is None else study.left_on_table,
        adaptive=case.adaptive,
        notes=tuple(case.notes),
    )
    return Conclusion(index, score, report)
