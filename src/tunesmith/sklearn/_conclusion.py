"""What a search concludes: leaders tried again on fresh splits, the candidate to return, its honest score, the report.

Decisions are made by :mod:`tunesmith.selection`, on arrays; here they are provided with these arrays. Best is to have
the losses of single rows. Where only the scores of folds are known, these have to do; and of a single fixed split, a
model of the scores over the space.
"""

from __future__ import annotations

import math
import sys
import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier

from tunesmith.errors import SelectionError
from tunesmith.selection import HonestScore, LossTable, Report, Rule, honest
from tunesmith.selection.folds import METHOD, choose_by_folds, inflation
from tunesmith.selection.intervals import ALIKE
from tunesmith.selection.report import is_certain
from tunesmith.selection.simplest import Complexity, complexities, ranks, simplest_within, standard_errors
from tunesmith.sklearn._by_model import by_model
from tunesmith.sklearn._evidence import Evidence
from tunesmith.sklearn._folds import places
from tunesmith.sklearn._fresh import resplitter
from tunesmith.sklearn._losses import Measure, Targets, measure_of
from tunesmith.sklearn._sequential import BESIDE, Sequential

LEADERS = (4, 3, 3, 3, 3)  # how many are tried on the first fresh split, the second one, ...
COSTLY = 16  # of a metric that is no mean over rows, the losses of so many candidates are worked out
SALT = 0xF5E5
NOT_ENOUGH = "Only {n} rows could be tested: a figure from so few says little, whatever its interval."
FEW = 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How to conclude; see :class:`SearchCV`."""

    confirm: Any = "auto"
    prefer_default: bool | None = True
    complexity: Complexity | None = None
    deadline: float | None = None


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What is to be returned.

    Attributes:
        index: of the candidate; None if no metric decides.
        score: its honest score, or None where there can be none.
        report: the same and more in words.
        n_fresh: fits on fresh splits.
    """

    index: int | None
    score: HonestScore | None
    report: Report
    n_fresh: int = 0


@dataclass(slots=True)
class _Facts:
    """What goes into a report beside the choice."""

    confirmed: int = 0
    repeats: int = 0
    fresh_fits: int = 0
    notes: list[str] = field(default_factory=list)


def conclude(run: Sequential, search: Any, settings: Settings) -> Conclusion:
    """Try the leaders again, choose, and report.

    Args:
        run: the search that has run; its workers are still there.
        search: the estimator whose settings it had.
        settings: how to conclude.

    Raises:
        Exception: what the splitter raised.
    """
    evidence, facts = run.evidence(), _Facts()
    whole = np.isfinite(evidence.scores).all(axis=1) & evidence.finished
    default = run.default_index()
    if default is None and run.default is not None:
        facts.notes.append("The estimator's own parameters could not be fitted: there is no default to compare with.")
    if default is not None and not whole[default]:
        facts.notes.append("The default configuration has no score on some folds: nothing is compared with it.")
        default = None
    if callable(search.refit) or not whole.any():
        facts.notes.append(_no_figure(search, run))
        return _report(run, evidence, facts, None, None, default, None)
    measure = measure_of(run.evaluate.task.scorer, evidence.metric, search.scoring, run.evaluate.task.estimator)
    made = None
    if measure is not None:
        made = _by_rows(run, search, settings, evidence, facts, measure, whole, default)
    if made is None:
        made = _by_folds(run, settings, evidence, facts, measure, whole, default)
    index, score, runner_up = made
    return _report(run, evidence, facts, index, score, default, runner_up)


def _no_figure(search: Any, run: Sequential) -> str:
    if callable(search.refit):
        return "A function chooses the candidate (refit=), so there is no honest figure: how it chooses is not known."
    if search.refit is False and "mean_test_score" not in run.evaluate.results:
        return "No metric was named to decide (refit=), so nothing was chosen."
    return "No candidate has a score on all folds, so there is no honest figure."


def _by_rows(
    run: Sequential,
    search: Any,
    settings: Settings,
    evidence: Evidence,
    facts: _Facts,
    measure: Measure,
    whole: NDArray[np.bool_],
    default: int | None,
) -> tuple[int, HonestScore, int | None] | None:
    """Choose by the losses of single rows; None if they cannot be had of those that matter."""
    try:
        y = np.asarray(evidence.y)
    except Exception:  # what is no array has no rows to weigh
        return None
    classes = is_classifier(run.evaluate.task.estimator) and evidence.labels is not None
    weight = None if evidence.sample_weight is None else np.asarray(evidence.sample_weight, np.float64)
    targets = Targets(y, evidence.labels, weight)
    means = np.where(whole, np.where(whole[:, None], evidence.scores, 0.0).mean(axis=1), -np.inf)
    order = [int(c) for c in np.argsort(-means, kind="stable") if whole[c]]
    if not measure.quick:
        order = order[:COSTLY] + [c for c in order[COSTLY:] if c == default]
    losses: dict[int, NDArray[np.float64]] = {}
    for c in order:
        seen = evidence.predictions[c]
        splits = evidence.own_splits[c]
        own = None if seen is None else targets.losses(measure, seen, evidence.scores[c].tolist(), splits)
        if own is not None:
            losses[c] = own
    needed = {order[0], *(() if default is None else (default,))}
    if not needed <= losses.keys():
        return None
    tested = np.isfinite(losses[order[0]])
    if run.reshuffle and any((np.isfinite(own) != tested).any() for own in losses.values()):
        return None  # each candidate was tested on other rows
    strata = np.searchsorted(np.asarray(evidence.labels), y) if classes and y.ndim == 1 else None
    table = LossTable(len(y), tested=tested, groups=evidence.groups, strata=strata, weights=weight)
    for c, own in losses.items():
        table.add(c, own)
    _confirm(run, search, settings, evidence, facts, measure, targets, table, default)
    n_candidates = len(evidence.params)
    complexity = None
    if settings.complexity is not None:
        complexity = tuple(ranks(complexities(evidence.params, settings.complexity)).tolist())
    adaptive = not run.ledger.study.sampler.blind
    rule = Rule(default, bool(settings.prefer_default), adaptive=adaptive, complexity=complexity)
    try:
        found = honest(
            table.losses(n_candidates),
            rule,
            weights=table.weights,
            strata=table.strata,
            between_repeats=table.between_repeats(n_candidates),
            bounds=measure.bounds,
            inflation=inflation(len(evidence.splits), _ratio(evidence)),
            seed=run.ledger.study.seed,
        )
    except SelectionError:  # not one candidate is complete
        return None
    index = found.choice.index
    notes = (NOT_ENOUGH.format(n=int(tested.sum())),) if tested.sum() < FEW else ()
    score = found.as_score(
        offset=measure.offset,
        naive=float(evidence.scores[index].mean()),
        metric=measure.name,
        n_rows=int(tested.sum()),
        n_candidates=n_candidates,
        notes=notes,
    )
    return index, score, found.choice.challenger if found.choice.kept_default else None


def _confirm(
    run: Sequential,
    search: Any,
    settings: Settings,
    evidence: Evidence,
    facts: _Facts,
    measure: Measure,
    targets: Targets,
    table: LossTable,
    default: int | None,
) -> None:
    """Run the leaders and the default on fresh splits, the same for all, and put what they lose into the table.

    Fewer of them each time, as a leader that falls back is not worth another repeat.
    """
    confirm = settings.confirm
    most = len(LEADERS) if confirm == "auto" else int(confirm or 0)
    if not most:
        return
    splitter = resplitter(search.cv, search._checked_cv_orig)
    if isinstance(splitter, str):
        facts.notes.append(f"Nobody was tried again on fresh splits: {splitter}.")
        return
    k = len(evidence.splits)
    beside = 0 if default is None else k * (evidence.numbers[default] == BESIDE)
    saved = int(evidence.ran.size - evidence.ran.sum()) - beside
    left = saved if confirm == "auto" else sys.maxsize
    losses = table.losses(len(evidence.params))
    leaders = [c for c in range(len(evidence.params)) if c != default and np.isfinite(losses[:, c]).all()]
    always = [] if default is None else [default]
    for repeat in range(most):
        mean = table.weights @ table.losses(len(evidence.params))
        room = min(LEADERS[min(repeat, len(LEADERS) - 1)], left // k - len(always))
        leaders = sorted(leaders, key=lambda c: float(mean[c]))[: max(room, 0)]
        late = settings.deadline is not None and time.monotonic() >= settings.deadline
        if late or not leaders:
            return
        chosen = leaders + always
        left -= len(chosen) * k
        seed = int(np.random.SeedSequence([run.ledger.study.seed, SALT, repeat]).generate_state(1)[0]) >> 1
        task, how = run.evaluate.task, run.evaluate.routed.splitter.split
        splits = list(splitter(seed).split(task.X, task.y, **how))
        outcomes = run.more([evidence.params[c] for c in chosen], splits)
        facts.fresh_fits += len(chosen) * k
        for c, row in zip(chosen, outcomes, strict=True):
            scores = [o.figure(evidence.metric) for o in row]
            own = targets.losses(measure, [o.predictions for o in row], scores, splits)
            if own is not None:
                table.add(c, own, fresh=True)
        facts.confirmed, facts.repeats = max(facts.confirmed, len(chosen)), repeat + 1


def _by_folds(
    run: Sequential,
    settings: Settings,
    evidence: Evidence,
    facts: _Facts,
    measure: Measure | None,
    whole: NDArray[np.bool_],
    default: int | None,
) -> tuple[int, HonestScore, int | None]:
    """Choose by the scores of folds."""
    name = measure.name if measure is not None else evidence.metric
    if evidence.scores.shape[1] == 1 or run.reshuffle:
        alike = "Each candidate was tested on other rows, so that candidates are compared by a model of their scores."
        single = "There is one split only: how far the score depends on it is not known."
        prefer = bool(settings.prefer_default)
        index, score, leader, notes = by_model(run.ledger.study, evidence, name, default, prefer)
        facts.notes += [*notes, alike if run.reshuffle else single]
        return index, score, leader
    losses = np.where(whole[:, None], -evidence.scores, math.nan)
    ratio = _ratio(evidence)
    challenger, simpler = None, False
    if settings.complexity is not None:
        own = losses.copy()
        if default is not None and whole.sum() > 1:
            own[default] = math.nan
        mean = own.mean(axis=1)
        order = ranks(complexities(evidence.params, settings.complexity))
        challenger = simplest_within(mean, standard_errors(own, 1.0, ratio), order)
        simpler = default is not None and bool(order[challenger] < order[default])
    found = choose_by_folds(
        losses,
        default=default,
        prefer_default=bool(settings.prefer_default),
        challenger=challenger,
        simpler=simpler,
        test_to_train=ratio,
    )
    estimate = found.estimate
    facts.notes.append(
        "What the scorer saw of single rows is not known, so the figure rests on the scores of "
        f"{evidence.scores.shape[1]} folds, and is a rough one."
    )
    if math.isnan(estimate.interval[0]):
        facts.notes.append(ALIKE)
    score = HonestScore(
        value=-estimate.value,
        interval=(-estimate.interval[1], -estimate.interval[0]),
        naive=-estimate.naive,
        optimism=estimate.optimism,
        method=METHOD,
        gain_over_default=found.gain,
        beats_default=is_certain(found.gain, found.p_value),
        p_value=found.p_value,
        metric=name,
        n_rows=len(np.unique(np.concatenate([places(test) for _, test in evidence.splits]))),
        n_candidates=len(evidence.params),
    )
    return found.index, score, found.challenger if found.kept_default else None


def _ratio(evidence: Evidence) -> float:
    """Test rows to training rows of a split."""
    train, test = evidence.splits[0]
    return max(len(places(test)), 1) / max(len(places(train)), 1)


def _report(
    run: Sequential,
    evidence: Evidence,
    facts: _Facts,
    index: int | None,
    score: HonestScore | None,
    default: int | None,
    runner_up: int | None,
) -> Conclusion:
    study = run.ledger.study
    saved = int(evidence.ran.size - evidence.ran.sum())
    report = Report(
        score,
        chosen=None if index is None else evidence.params[index],
        default=None if default is None else evidence.params[default],
        kept_default=index is not None and index == default,
        runner_up=None if runner_up is None else evidence.params[runner_up],
        n_candidates=len(evidence.params),
        n_fits=int(evidence.ran.sum()) + facts.fresh_fits,
        n_fits_saved=saved,
        n_confirmed=facts.confirmed,
        n_repeats=facts.repeats,
        stopped=study.stop_reason,
        left_on_table=study.left_on_table,
        adaptive=not study.sampler.blind,
        notes=tuple(facts.notes),
    )
    return Conclusion(index, score, report, facts.fresh_fits)
