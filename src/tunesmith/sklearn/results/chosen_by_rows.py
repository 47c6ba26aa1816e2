"""Choosing by the losses of single rows, from the predictions that a search kept."""

from __future__ import annotations

import math
import sys
from collections.abc import Collection
from dataclasses import replace
from functools import cache, partial
from typing import TypedDict

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.metrics import max_error

from tunesmith.errors import SelectionError
from tunesmith.foundation.numerics.arrays import Floats, Indices, Singles
from tunesmith.selection import HonestScore, LossTable, Rule, select_by_rows
from tunesmith.selection.by_rows import full_fit_gain, repeat_may_decide
from tunesmith.selection.choice import caution_costs_more, caution_of_risk
from tunesmith.selection.intervals import UNBOUNDED_LOSS, EffectiveSample, variance_inflation
from tunesmith.selection.losses import PairedGains, bootstrap
from tunesmith.selection.metric import Metric, count_groups, observation_of_row, row_indices
from tunesmith.selection.outlook import outlook_of_rows
from tunesmith.selection.posterior import USUAL_UNSTEADINESS
from tunesmith.selection.targets import Targets
from tunesmith.selection.wording import MetricLabel
from tunesmith.sklearn.evaluate.folds import reshuffled_cv
from tunesmith.sklearn.results.evidence import FEW_MEMBERS, Further, Selected, SelectionContext, Tail
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL

# ----------------------------------------------------------------------------------------------------------------------
# Confirmation: the leaders of a search and the default are evaluated again, on fresh splits of the same rows.

LEADERS_BY_REPEAT = (4, 3, 3, 3, 3)  # how many are evaluated on the first fresh split, the second one, ...
LEADERS_DECIDED = 3  # that `SearchCV.decide` evaluates on each
FRESH_SPLITS_SALT = 0xF5E5  # keeps the seeds of fresh splits apart from others


def rerun_leaders(context: SelectionContext, metric: Metric, targets: Targets, table: LossTable) -> None:
    """Evaluate the leaders and the default on fresh splits, the same for all, and add their losses to the table.

    Fewer of them each time, as a leader that falls back is not worth another repeat.

    Args:
        context: the search; its workers are still there. It notes what was done.
        targets: what predictions are compared with.
        table: the losses so far.
    """
    run, evidence, default, wanted = context.run, context.evidence, context.default, context.settings.confirm
    further = context.settings.further
    most = len(LEADERS_BY_REPEAT) if wanted == "auto" else int(wanted or 0)
    if further is not None:
        most = len(further.known) + further.repeats
    if run is None or not most:
        return
    splitter = reshuffled_cv(context.search.cv, context.search._checked_cv_orig)
    if isinstance(splitter, str):
        context.notes.append(f"No configuration was re-tested on new splits, because {splitter}.")
        return
    k, n_candidates = len(evidence.splits), len(evidence.params)
    extra = 0 if default is None else k * (evidence.numbers[default] == NOT_A_TRIAL)
    # Half of what was saved pays for it, but it takes no longer than the search: screens save most of the fits.
    paid = wanted == "auto" and further is None
    left = int(min((~evidence.ran).sum() // 2, evidence.ran.sum())) - extra if paid else sys.maxsize
    losses = table.losses(n_candidates)
    leaders = [c for c in range(n_candidates) if c != default and np.isfinite(losses[:, c]).all()]
    always = [] if default is None else [default]
    every = list(leaders)
    for repeat in range(most):
        mean = table.weights @ table.losses(n_candidates)
        room = min(LEADERS_BY_REPEAT[min(repeat, len(LEADERS_BY_REPEAT) - 1)], left // k - len(always))
        if further is not None:  # who fell back before may lead now
            leaders, room = every, further.leaders
        leaders = sorted(leaders, key=lambda c: float(mean[c]))[: max(room, 0)]
        while leaders and not run.deadline.allows((len(leaders) + len(always)) * k):
            leaders.pop()
        chosen = leaders + always
        if further is not None and repeat < len(further.known):
            chosen = [evidence.numbers.index(number) for number in further.known[repeat]]
        elif not leaders or (paid and default is not None and not _may_decide(context, metric, table, n_candidates)):
            return
        left -= len(chosen) * k
        seed = int(np.random.SeedSequence([run.study.seed, FRESH_SPLITS_SALT, repeat]).generate_state(1)[0]) >> 1
        splits = list(run.cut(splitter(seed)))
        outcomes = run.rerun([evidence.params[c] for c in chosen], splits, run.deadline)
        if outcomes is None:
            return
        context.fresh_fits += len(chosen) * k
        for c, row in zip(chosen, outcomes, strict=True):
            scores = [o.figure(evidence.metric) for o in row]
            own = targets.losses(metric, [o.predictions for o in row], scores, splits)
            if own is not None:
                table.add(c, own, fresh=True)
        context.fresh.append(tuple(evidence.numbers[c] for c in chosen))
        context.confirmed, context.repeats = max(context.confirmed, len(chosen)), repeat + 1


def _may_decide(context: SelectionContext, metric: Metric, table: LossTable, n_candidates: int) -> bool:
    rule = context.rule(caution_of_risk(context.settings.risk), context.default)
    return repeat_may_decide(table.losses(n_candidates), rule, **_behind_losses(context, metric, table, n_candidates))


class _BehindLosses(TypedDict):
    weights: Floats
    bounds: tuple[float, float]
    n_runs: Indices
    unsteadiness: float
    observations: float


def _behind_losses(context: SelectionContext, metric: Metric, table: LossTable, n_candidates: int) -> _BehindLosses:
    """Return what else is known of the losses of a table, as arguments of what decides by them."""
    own, steady = context.default, None
    if own is not None:
        steady = table.unsteadiness(own, relative=metric.bounds == UNBOUNDED_LOSS)
    return {
        "weights": table.weights,
        "bounds": metric.bounds,
        "n_runs": table.n_runs(n_candidates),
        "unsteadiness": USUAL_UNSTEADINESS if steady is None else steady,
        "observations": table.observations,
    }


def _add_fresh(
    context: SelectionContext, metric: Metric, targets: Targets, table: LossTable, known: Collection[int]
) -> None:
    """Add the losses of further runs that the evidence has already, of candidates whose first losses are known."""
    for splits, ran in context.evidence.fresh:
        for c in sorted(ran.keys() & known):
            own = targets.losses(metric, [seen for _, seen in ran[c]], [score for score, _ in ran[c]], splits)
            if own is not None:
                table.add(c, own, fresh=True)
        context.confirmed, context.repeats = max(context.confirmed, len(ran)), context.repeats + 1


def fits_per_repeat(context: SelectionContext) -> int:
    """Return how many fits `SearchCV.decide` takes for one more repeat of the folds; 0: they cannot be repeated."""
    search = context.search
    if context.run is None or isinstance(reshuffled_cv(search.cv, search._checked_cv_orig), str):
        return 0
    others = int(context.whole.sum()) - (context.default is not None)
    return (min(LEADERS_DECIDED, others) + (context.default is not None)) * len(context.evidence.splits)


def further(
    known: tuple[tuple[int, ...], ...], more_fits: int, n_splits: int, n_others: int, default: bool
) -> Further | None:
    """Return the further repeats that a number of fits pays for; None: it does not pay for one of two candidates.

    Args:
        known: as `Further`.
        more_fits: the number.
        n_splits: of a repeat.
        n_others: the candidates that are not the default.
        default: whether there is one.
    """
    leaders = min(LEADERS_DECIDED, n_others, more_fits // n_splits - default)
    if leaders + default < 2:
        return None
    return Further(known, more_fits // (n_splits * (leaders + default)), leaders)


# ----------------------------------------------------------------------------------------------------------------------

MOST_SLOW_LOSSES = 16  # candidates whose losses are worked out for a metric that is not a mean over rows
NOT_ENOUGH = "Only {rows} tested: an estimate from so few says little, whatever its interval."
VALUE_MISSING = (
    "The metric has no value on {share:.0f} % of the resamples that tell how much it varies, so the interval rests on "
    "the others and is rough."
)
AT_A_LOSS = (
    "In doubt the default was to be kept (prefer_default='auto'), but on the rows that resamples leave out, that loses "
    "much more than it spares."
)
LAST_FIT = (
    "Fitted on all rows it is likely to be better by about {gain}: the models of the folds had {share:.0f} % of them."
)
LAST_FIT_TOLD = 0.1  # from this part of the interval on
BELOW_NO_SKILL = "Nothing here is better than the best guess that sees no feature, which scores {}."
MAYBE_BELOW_NO_SKILL = (
    "It is not certain that this is better than the best guess that sees no feature, which scores {}."
)
FEW_DECIDE = "Half of this loss comes from {few} of the {n} rows, so that it is known roughly."
CLASS_WITHOUT_CHANCE = (
    "In {rows} of {n} predictions a class gets no chance (a probability below 0.001); where that is wrong it costs up "
    "to 36."
)
CALIBRATE = "Calibrating the model (CalibratedClassifierCV) or clipping its probabilities would mend that."
OUTLIERS = "A metric that depends on outliers less, such as the median or absolute error, would be known better."
OF_THESE_ROWS = (
    "The largest error grows with the number of rows. This is that of as many as one split tests, and neither it nor "
    "its interval says anything of more."
)
FEW_ROWS_SHARE = 0.05  # of the rows, that make up half of a loss: few
FOLDS_TOGETHER = (
    "The {metric} is computed from the predictions of all folds together, since its mean over small folds is biased."
)


def by_rows(context: SelectionContext, metric: Metric) -> Selected | None:
    """Evaluate the leaders again, and choose; None if the losses of those that matter cannot be had."""
    evidence, settings, default = context.evidence, context.settings, context.default
    targets = _targets_of(context)
    if targets is None:
        return None
    order = _order_of_losses(context, metric)
    losses = _losses_by_candidate(context, metric, targets, order)
    first = order[0] if context.given is None else context.given
    if context.given is not None and default not in losses:
        default = None
    if not {first, *(() if default is None else (default,))} <= losses.keys():
        return None
    tested = np.isfinite(losses[first])
    if any((np.isfinite(own) != tested).any() for own in losses.values()):
        return None  # each candidate was tested on other rows
    units = observation_of_row(evidence.splits, evidence.groups, len(targets.y))
    table = LossTable(len(targets.y), tested=tested, groups=units, strata=targets.strata(), weights=targets.weight)
    for c, own in losses.items():
        table.add(c, own)
    _add_fresh(context, metric, targets, table, losses.keys())
    rerun_leaders(context, metric, targets, table)
    n_candidates, n_tested = len(evidence.params), int(tested.sum())

    @cache
    def effective_sample(c: int) -> EffectiveSample:
        return targets.effective_sample(metric, evidence.predictions[c], evidence.own_splits[c], units, settings.level)

    seen = evidence.predictions[first] or ()
    no_skill = targets.no_skill(metric, seen)
    inflation = variance_inflation(len(evidence.splits), evidence.test_to_train)
    select = partial(
        select_by_rows,
        **_behind_losses(context, metric, table, n_candidates),
        strata=table.strata,
        between_repeats=table.between_repeats(n_candidates),
        effective_sample=effective_sample,
        no_skill=no_skill,
        at_random=targets.at_random(metric, seen),
        full_fit_gain=full_fit_gain(n_tested, evidence.test_to_train),
        reach=settings.tells_last_fit,
        level=settings.level,
        seed=context.seed,
    )
    means = table.losses(n_candidates)
    try:
        rule = context.rule(caution_of_risk(settings.risk), default)
        found = select(means, rule)
        if settings.prefer_default == "auto" and found.kept_default and _at_a_loss(means, rule, table, context.seed):
            found = select(means, replace(rule, prefer_default=False))
            context.notes.append(AT_A_LOSS)
        if context.given not in (None, found.index):  # a mean over folds is not quite one over rows
            alone = np.full(means.shape, math.nan)
            alone[:, context.given] = means[:, context.given] + found.optimism
            found = select(alone)
    except SelectionError:  # not one candidate is complete
        return None
    if default is not None and context.given is None and found.challenger != default:
        context.outlook = outlook_of_rows(
            table.paired_runs(default, found.challenger),
            table.weights,
            n_rows=n_tested,
            inflation=inflation,
            deciding=min(effective_sample(c).size for c in (default, found.challenger)),
            fits_per_repeat=fits_per_repeat(context),
            level=settings.level,
        )
    notes = []
    if n_tested < FEW_MEMBERS:
        notes.append(NOT_ENOUGH.format(rows=f"{n_tested} {'row was' if n_tested == 1 else 'rows were'}"))
    if any(targets.blank):
        notes.append(VALUE_MISSING.format(share=100.0 * float(np.mean(targets.blank))))
    if together := metric.together(evidence.splits):
        notes.append(FOLDS_TOGETHER.format(metric=MetricLabel.of(metric.name, True).name))
    notes += _tail(context, metric, targets, found.index, losses)
    score = found.as_score(
        offset=metric.offset,
        naive=float(evidence.scores[found.index].mean()),
        metric=metric.name,
        n_rows=n_tested,
        n_groups=count_groups(evidence.splits, evidence.groups),
        n_candidates=n_candidates,
        together=together,
        notes=(*notes, *found.notes),
    )
    if found.last_fit > LAST_FIT_TOLD * (found.interval[1] - found.interval[0]):
        share = 100.0 * float(np.mean([len(row_indices(train)) for train, _ in evidence.splits])) / len(targets.y)
        said = LAST_FIT.format(gain=score.format.write(found.last_fit), share=share)
        score = replace(score, notes=(*score.notes, said))
    at = found.index
    sure = targets.certainty(metric, evidence.predictions[at], evidence.own_splits[at], settings.level)
    context.tail = None if sure is None else Tail(sure, no_skill)
    if no_skill is None:
        return found, score
    has_skill, told = skill(score, found.value, found.interval[1], metric.offset, no_skill)
    return found, replace(score, has_skill=has_skill, notes=(*score.notes, *told))


def skill(
    score: HonestScore, loss: float, above: float, offset: float, no_skill: float
) -> tuple[bool, tuple[str, ...]]:
    """Return whether a score is certainly better than the best guess that sees no feature, and what is to be said.

    Args:
        score: it; its decimals are those of the sentence.
        loss: that it stands for.
        above: the upper end of the loss's interval.
        offset: of the metric.
        no_skill: the loss of the guess.
    """
    seems_so = max(above, loss) < no_skill
    pattern = BELOW_NO_SKILL if loss >= no_skill else MAYBE_BELOW_NO_SKILL
    said = () if seems_so else (pattern.format(score.write(offset - no_skill)),)
    return seems_so and (score.n_rows or 0) >= FEW_MEMBERS, said


def _tail(
    context: SelectionContext, metric: Metric, targets: Targets, index: int, losses: dict[int, NDArray[np.float64]]
) -> tuple[str, ...]:
    """Say where a loss without an upper bound rests on few rows, or may be much larger in rows not yet seen."""
    if metric.function is max_error:
        return (OF_THESE_ROWS,)
    if metric.bounds != UNBOUNDED_LOSS or index not in losses:
        return ()
    evidence, own = context.evidence, losses[index]
    own = np.sort(own[np.isfinite(own)])[::-1]
    few = int(np.searchsorted(np.cumsum(own), own.sum() / 2.0)) + 1
    sure, n = targets.sure_rows(metric, evidence.predictions[index] or (), evidence.own_splits[index])
    said = []
    if few <= FEW_ROWS_SHARE * len(own):
        said.append(FEW_DECIDE.format(few=few, n=len(own)))
    if sure:
        said.append(CLASS_WITHOUT_CHANCE.format(rows=sure, n=n))
    return (*said, CALIBRATE if n else OUTLIERS) if said else ()


def _at_a_loss(means: Singles, rule: Rule, table: LossTable, seed: int) -> bool:
    """Tell whether the default was kept at a loss, by the resamples that it was chosen by."""
    gains = PairedGains.of(means, default=rule.default, weights=table.weights)
    own = gains.reference

    def free(gain: NDArray[np.floating]) -> Indices:
        return np.asarray(gain.argmax(axis=1))  # the default's own gain is 0

    leader = int(free(gains.means()[0][None])[0])
    if leader == own:
        return False
    strata = None if table.strata is None else np.unique(table.strata[gains.rows], return_inverse=True)[1]
    worth = bootstrap(gains, free, leader, strata=strata, seed=seed).oob_picked
    worst = float(np.max(gains.losses[:, leader] - gains.losses[:, own]))
    return caution_costs_more(worth, worst, gains.effective, rule.caution)


def _targets_of(context: SelectionContext) -> Targets | None:
    evidence = context.evidence
    try:
        y = np.asarray(evidence.y)
    except Exception:  # without an array there are no rows to weigh
        return None
    weight = None if evidence.sample_weight is None else np.asarray(evidence.sample_weight, np.float64)
    return Targets(y, evidence.labels, weight, is_classifier(context.search.estimator) and evidence.labels is not None)


def _order_of_losses(context: SelectionContext, metric: Metric) -> list[int]:
    """Return the candidates whose losses are to be worked out, the best mean first."""
    whole, scores = context.whole, context.evidence.scores
    means = np.where(whole, np.where(whole[:, None], scores, 0.0).mean(axis=1), -np.inf)
    order = [int(c) for c in np.argsort(-means, kind="stable") if whole[c]]
    if metric.quick:
        return order
    return order[:MOST_SLOW_LOSSES] + [c for c in order[MOST_SLOW_LOSSES:] if c in (context.default, context.given)]


def _losses_by_candidate(
    context: SelectionContext, metric: Metric, targets: Targets, order: list[int]
) -> dict[int, NDArray[np.float64]]:
    """Return the losses of the candidates of which they can be had."""
    evidence, found = context.evidence, {}
    for c in order:
        predicted, splits = evidence.predictions[c], evidence.own_splits[c]
        own = None if predicted is None else targets.losses(metric, predicted, evidence.scores[c].tolist(), splits)
        if own is not None:
            found[c] = own
    return found
