"""Confirmation: the leaders of a search and the default are evaluated again, on fresh splits of the same rows."""

from __future__ import annotations

import sys

import numpy as np

from tunesmith.selection import LossTable
from tunesmith.selection.metric import Metric
from tunesmith.selection.targets import Targets
from tunesmith.sklearn.evaluate.splits import reshuffled_cv
from tunesmith.sklearn.results.context import Further, SelectionContext
from tunesmith.sklearn.store.candidates import NOT_A_TRIAL

LEADERS = (4, 3, 3, 3, 3)  # how many are evaluated on the first fresh split, the second one, ...
MOST_LEADERS = 3  # that `SearchCV.decide` evaluates on each
SALT = 0xF5E5  # keeps the seeds of fresh splits apart from others


def confirm(context: SelectionContext, metric: Metric, targets: Targets, table: LossTable) -> None:
    """Evaluate the leaders and the default on fresh splits, the same for all, and add their losses to the table.

    Fewer of them each time, as a leader that falls back is not worth another repeat.

    Args:
        context: the search; its workers are still there. It notes what was done.
        metric: the metric that decides.
        targets: what predictions are compared with.
        table: the losses so far.
    """
    run, evidence, default, wanted = context.run, context.evidence, context.default, context.settings.confirm
    further = context.settings.further
    most = len(LEADERS) if wanted == "auto" else int(wanted or 0)
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
    # What was saved pays for it, but it takes no longer than the search: screens save most of the fits.
    paid = wanted == "auto" and further is None
    left = int(min((~evidence.ran).sum(), evidence.ran.sum())) - extra if paid else sys.maxsize
    losses = table.losses(n_candidates)
    leaders = [c for c in range(n_candidates) if c != default and np.isfinite(losses[:, c]).all()]
    always = [] if default is None else [default]
    every = list(leaders)
    for repeat in range(most):
        mean = table.weights @ table.losses(n_candidates)
        room = min(LEADERS[min(repeat, len(LEADERS) - 1)], left // k - len(always))
        if further is not None:  # who fell back before may lead now
            leaders, room = every, further.leaders
        leaders = sorted(leaders, key=lambda c: float(mean[c]))[: max(room, 0)]
        while leaders and not run.deadline.allows((len(leaders) + len(always)) * k):
            leaders.pop()
        chosen = leaders + always
        if further is not None and repeat < len(further.known):
            chosen = [evidence.numbers.index(number) for number in further.known[repeat]]
        elif not leaders:
            return
        left -= len(chosen) * k
        seed = int(np.random.SeedSequence([run.study.seed, SALT, repeat]).generate_state(1)[0]) >> 1
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


def fits_per_repeat(context: SelectionContext) -> int:
    """Return how many fits `SearchCV.decide` takes for one more repeat of the folds; 0: they cannot be repeated."""
    search = context.search
    if context.run is None or isinstance(reshuffled_cv(search.cv, search._checked_cv_orig), str):
        return 0
    others = int(context.whole.sum()) - (context.default is not None)
    return (min(MOST_LEADERS, others) + (context.default is not None)) * len(context.evidence.splits)


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
    leaders = min(MOST_LEADERS, n_others, more_fits // n_splits - default)
    if leaders + default < 2:
        return None
    return Further(known, more_fits // (n_splits * (leaders + default)), leaders)
